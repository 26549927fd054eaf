/* Proofs of possession: DPoP (RFC 9449), certificates (RFC 8705), and what a token is bound to. */
#ifndef TOKEN_DPOP_H
#define TOKEN_DPOP_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "json.h"
#include "jwk.h"
#include "store.h"

#define DPOP_THUMBPRINT 44    /* RFC 7638 SHA-256, base64url, with the NUL */
#define DPOP_WINDOW 60        /* seconds that a proof may be old, plus skew */
#define DPOP_ALGORITHMS (JOSE_DEFAULT_SET | JOSE_BIT(JOSE_ES384) | JOSE_BIT(JOSE_ES512)) /* of proofs */
#define DPOP_NONCE 23         /* characters with the NUL */
#define DPOP_NONCE_SECONDS 120 /* a nonce is taken for so long, and once more */

/* ---- Nonces: nothing is kept of them but the key that makes them, which all that share a store have (RFC 9449 8) ---- */

struct dpop_nonces; /* thread-safe */

int dpop_nonces_new(struct dpop_nonces **out, struct failure *failure);
void dpop_nonces_free(struct dpop_nonces *nonces);
/* Takes the key that the store has, or gives it ours; without the store it stays. dpop_check() asks again when a nonce is not known. */
void dpop_nonces_share(struct dpop_nonces *nonces, struct store *store, int64_t now, int64_t ms);
/* The nonce of the time now, in seconds since 1970, for the header DPoP-Nonce. EMA_OK or EMA_INTERNAL. */
int dpop_nonce(struct dpop_nonces *nonces, int64_t now, char out[DPOP_NONCE], struct failure *failure);

/* ---- Proofs ---- */

#define DPOP_URL_MOST 2048 /* of the URLs that are compared */

struct dpop_request {
	const char *const *proofs;   /* the values of all DPoP headers */
	size_t proof_count;
	const char *method;          /* of this request: "POST" */
	const char *url;             /* its external URL as configured, never from Host; a query in it does not count */
	const char *also;            /* another URL that it may be for; NULL: none */
	const char *token;           /* the access token that the proof must name (ath); NULL at the token endpoint */
	size_t token_length;
	unsigned algorithms;         /* set of JOSE_BIT(); 0: DPOP_ALGORITHMS */
	struct dpop_nonces *nonces;  /* NULL: no nonce is demanded, and one that is there does not count */
	struct store *store;
	int64_t now, skew;           /* seconds */
	int64_t forgets_before;      /* of the store, as it is now; 0: it never forgets */
	int64_t store_ms;
	const char *quota;           /* whose part of the store it takes; NULL: that of clients that have authenticated */
	const char *bound;           /* the thumbprint that the token is bound to: nothing is stored for another key; NULL: not known */
};

#define DPOP_QUOTA_STRANGERS "dpop-strangers" /* of whoever has proven nothing else */

struct dpop_proof {
	char thumbprint[DPOP_THUMBPRINT]; /* of the key whose possession is proven */
};

/*
 * All of RFC 9449 4.3 but the comparison with what a token is bound to, which dpop_hold() makes; the store is written last. EMA_OK, EMA_BAD_PROOF,
 * EMA_PROOF_NONCE, EMA_PROOF_MISSING (no header at all), EMA_STORE_UNAVAILABLE, EMA_STORE_FULL, EMA_OUT_OF_MEMORY.
 */
int dpop_check(const struct dpop_request *request, struct dpop_proof *out, struct failure *failure);

/* ---- What a token is bound to ---- */

/* A confirmation (cnf, RFC 7800): at most one of the two is set in an assertion; a token of ours may have both. */
struct dpop_binding {
	char jkt[DPOP_THUMBPRINT]; /* "": not to a key */
	char x5t[DPOP_THUMBPRINT]; /* "": not to a certificate */
};

/*
 * Reads the claim cnf; node NULL: there is none, and the binding is empty. EMA_BAD_CLAIM (no object, empty, two members of an
 * assertion, not a thumbprint), EMA_BOUND_TOKEN: a member that is not understood (JAG-98). own: of an access token of ours,
 * which may be bound to both.
 */
int dpop_cnf(const struct json *json, const struct json_node *node, int own, struct dpop_binding *out, struct failure *failure);

/* What client, service and provider ask for, taken together. */
struct dpop_need {
	int proof;       /* a DPoP proof */
	int certificate; /* a client certificate, to which the token is bound */
	int either;      /* one of the two will do */
};

/*
 * The table of section H: what a new token is bound to, out of what the assertion is bound to (cnf), the proof that
 * dpop_check() took (NULL: the request had none) and the thumbprint of the client's certificate (NULL: none). A proof that is
 * there always binds; a certificate binds if it is asked for or the assertion is bound to one. EMA_OK, EMA_PROOF_MISSING,
 * EMA_BOUND_TOKEN (another key or certificate).
 */
int dpop_bind(const struct dpop_binding *cnf, const struct dpop_proof *proof, const char *certificate, const struct dpop_need *need,
              struct dpop_binding *out, struct failure *failure);
/*
 * The other half, when a token comes back: EMA_OK if what it is bound to was proven. scheme_dpop: it came as "DPoP", not as
 * "Bearer"; a bound one as Bearer is refused, and so is one without jkt as DPoP.
 */
int dpop_hold(const struct dpop_binding *bound, int scheme_dpop, const struct dpop_proof *proof, const char *certificate,
              struct failure *failure);

#endif
