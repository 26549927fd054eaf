/* Keys whose private half was published: whoever read it can sign, so none of them verifies again. */
#ifndef TRUST_EXPOSED_H
#define TRUST_EXPOSED_H

#include "jwk.h"

#define EXPOSED_MOST JWKS_KEYS_MOST
#define EXPOSED_TEXT (EXPOSED_MOST * JWK_THUMBPRINT)

struct exposed {
	size_t count;
	char thumbprints[EXPOSED_MOST][JWK_THUMBPRINT]; /* the oldest first, which gives way: to more than a set can have */
};

/* Adds those that are not there yet, of JWK_THUMBPRINT bytes each; how many. */
size_t exposed_note(struct exposed *exposed, const void *thumbprints, size_t count);
/* 1 if one of the set's keys is there. */
int exposed_has(const struct exposed *exposed, const struct jwks *set);
/* Takes them out of a set that nobody reads yet. */
void exposed_drop(const struct exposed *exposed, struct jwks *set);
/* With a blank between two. */
void exposed_print(const struct exposed *exposed, char out[EXPOSED_TEXT]);
/* What that wrote. 0, or -1: it did not. */
int exposed_read(struct exposed *exposed, const char *text);

#endif
