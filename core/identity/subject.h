/* Who was vouched for: a subject belongs to the issuer that vouched for it. */
#ifndef IDENTITY_SUBJECT_H
#define IDENTITY_SUBJECT_H

#include "buffer.h"

#define SUBJECT_PART_MOST 1024 /* bytes of provider, tenant, and sub */
#define SUBJECT_TEXT_MOST (3 * 3 * SUBJECT_PART_MOST + 2) /* three parts, each byte of them %XX */

struct subject {
	const char *provider; /* id of its entry; names the issuer, is not part of the key */
	const char *issuer;
	const char *tenant;   /* NULL: none */
	const char *sub;
};

/* 1 if issuer, tenant and sub are the same bytes. */
int subject_same(const struct subject *a, const struct subject *b);

/* provider/tenant/sub, percent-encoded, "-" for no tenant. A new string, free() it; NULL: no memory (or parts that are too long). */
char *subject_text(const struct subject *subject);
/* The same, into a buffer that may have SUBJECT_TEXT_MOST. 0 or -1. */
int subject_write(const struct subject *subject, struct buffer *text);
/*
 * The text form in its parts; memory is what the strings of out point into: free() it. The issuer is not in the text and is
 * NULL. EMA_BAD_REQUEST for anything that subject_text() would not write; EMA_OUT_OF_MEMORY.
 */
int subject_parse(const char *text, struct subject *out, char **memory);

#endif
