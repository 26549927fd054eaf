/* Tokens that somebody asks about. */
#ifndef ENDPOINT_QUERY_H
#define ENDPOINT_QUERY_H

#include "access.h"
#include "exchange.h"

/* The service whose resource is the token's audience, by what is not verified yet. EMA_OK, EMA_ABSENT: it is for none,
   EMA_OUT_OF_MEMORY: nothing is known of it. */
int query_service(const struct exchange *x, const char *token, const struct service **out);
/* Verifies and reads it as a token for that service; revocation is not looked at. access_read()'s codes. */
int query_token(struct exchange *x, const struct service *service, const char *text, struct access_token *out, struct failure *failure);

#endif
