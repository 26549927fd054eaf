/* What a client id metadata document says, apart from where it came from. */
#ifndef TOKEN_DOCUMENT_H
#define TOKEN_DOCUMENT_H

#include <stddef.h>

#include "cimd.h"
#include "jwk.h"

struct document {
	enum conf_auth auth;
	struct jwks *keys;     /* what stands in it, or */
	char *jwks_uri;        /* where they are; not yet judged as a URL */
	unsigned grants;
	int inconsistent;
	char *identity;        /* auth and thumbprints, or jwks_uri: what must not change in silence */
};

/* EMA_OK, EMA_CLIENT_REFUSED or EMA_OUT_OF_MEMORY. url: that it must name itself by. */
int document_read(const char *text, size_t length, const char *url, struct document *out, struct failure *failure);
void document_free(struct document *document);

#endif
