/* Which keys of a set may have made a signature, and whether one did. */
#ifndef TRUST_SELECTION_H
#define TRUST_SELECTION_H

#include "jwk.h"
#include "jws.h"

/* EMA_OK and the key; EMA_BAD_ALGORITHM, EMA_UNKNOWN_KEY, EMA_BAD_SIGNATURE, EMA_INTERNAL. kidless: keys to try without kid. */
int selection_verify(const struct jwks *set, const struct jws *jws, unsigned allowed, const char *key_issuer, const char *tenant,
                     unsigned kidless, const struct jwk **out, struct failure *failure);

#endif
