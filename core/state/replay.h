/* An assertion counts once: the slot of (issuer, tenant, jti). */
#ifndef STATE_REPLAY_H
#define STATE_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "store.h"

struct replay {
	const char *provider;   /* whose quota it takes */
	const char *issuer, *tenant, *jti; /* tenant may be NULL */
	const void *assertion;  /* its bytes; only their SHA-256 is kept */
	size_t assertion_length;
	const char *client;     /* may be NULL */
	const char *proof_key;  /* thumbprint of a DPoP key; may be NULL */
	int64_t expires;        /* exp, in seconds since 1970 */
	int64_t uses;           /* 1: single-use; more: same-client-reuse */
};

/* EMA_OK: the slot was free and is taken, until the assertion is over by any skew that there can be. EMA_REPLAYED, EMA_STORE_UNAVAILABLE, EMA_STORE_FULL. */
int replay_take(struct store *store, const struct replay *replay, int64_t ms, struct failure *failure);

#endif
