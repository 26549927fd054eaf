/* A body of application/x-www-form-urlencoded, as RFC 6749 wants it: no parameter twice, an empty value is an absent one. */
#ifndef TOKEN_FORM_H
#define TOKEN_FORM_H

#include <stddef.h>

#include "failure.h"

#define FORM_BYTES_MOST 65536
#define FORM_FIELDS_MOST 64

struct form_field {
	const char *name, *value; /* decoded, NUL-terminated */
};

struct form {
	struct form_field fields[FORM_FIELDS_MOST];
	size_t count;
	char *text; /* what the fields point into */
	size_t length;
};

/*
 * EMA_OK, EMA_TOO_LARGE, EMA_OUT_OF_MEMORY, or EMA_BAD_REQUEST: a broken percent sign, a control character, a parameter that
 * stands twice (resource alone may, RFC 8707 2). The texts hold nothing of the values.
 */
int form_parse(const char *text, size_t length, struct form *out, struct failure *failure);
/* Wipes and frees. Fine on a zeroed one. */
void form_free(struct form *form);
/* The value; NULL: it is not there. */
const char *form_value(const struct form *form, const char *name);
/* The index'th value of a parameter that may stand several times. */
const char *form_value_at(const struct form *form, const char *name, size_t index);

/* Decodes '+' and %XX in place, as form_parse() does. The new length, or -1. */
long form_decode(char *text, size_t length);

#endif
