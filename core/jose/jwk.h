/* Keys (RFC 7517, 7518, 8037) ready for use: parsed and prefetched once, off the request path. */
#ifndef JOSE_JWK_H
#define JOSE_JWK_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "json.h"

enum jose_algorithm {
	JOSE_NONE, /* none of ours; never verifies */
	JOSE_RS256, JOSE_RS384, JOSE_RS512,
	JOSE_PS256, JOSE_PS384, JOSE_PS512,
	JOSE_ES256, JOSE_ES384, JOSE_ES512,
	JOSE_EDDSA,   /* the old name, Ed25519 alone */
	JOSE_ED25519,
	JOSE_ALGORITHMS
};

/* JOSE_NONE for a name that is none of ours, with case. */
enum jose_algorithm jose_algorithm_by_name(const char *name);
const char *jose_algorithm_name(enum jose_algorithm algorithm);
/* A set of algorithms. */
#define JOSE_BIT(algorithm) (1u << (algorithm))
#define JOSE_DEFAULT_SET (JOSE_BIT(JOSE_RS256) | JOSE_BIT(JOSE_PS256) | JOSE_BIT(JOSE_ES256) | JOSE_BIT(JOSE_EDDSA) | JOSE_BIT(JOSE_ED25519))

enum jwk_type { JWK_RSA = 1, JWK_EC, JWK_OKP };

struct jwk; /* immutable once made; may be used by any number of threads */

#define JWKS_KEYS_MOST 64
#define JWK_THUMBPRINT 44 /* with the NUL */

struct jwks {
	struct jwk **keys;
	size_t count;
	size_t skipped;       /* keys that were there and cannot be used */
	char skipped_why[256]; /* of the first of them */
	int had_private;      /* a key with private members stood in a remote set: skipped, and an alarm */
	/* The thumbprints of those, but for symmetric ones: whoever read the set can sign as these keys, which are not in it. NULL: none. */
	char (*exposed)[JWK_THUMBPRINT];
	size_t exposed_count;
};

/*
 * A public key. EMA_OK or EMA_BAD_CLAIM (malformed, weak, odd, not for signatures, private members).
 * minimum modulus 2048, at most 8192, exponent odd and >= 65537; points on their curve; small-order Ed25519 keys refused.
 */
int jwk_parse(const struct json *json, const struct json_node *node, struct jwk **out, struct failure *failure);
/* A private key for signing, from a JWK or from PEM. */
int jwk_parse_private(const struct json *json, const struct json_node *node, struct jwk **out, struct failure *failure);
int jwk_parse_pem(const char *pem, size_t length, enum jose_algorithm algorithm, struct jwk **out, struct failure *failure);
/* Makes a new private key; kid is its thumbprint. */
int jwk_generate(enum jose_algorithm algorithm, struct jwk **out, struct failure *failure);
void jwk_free(struct jwk *key);

const char *jwk_kid(const struct jwk *key);        /* NULL: none */
const char *jwk_thumbprint(const struct jwk *key); /* RFC 7638, SHA-256, base64url, 43 characters */
const char *jwk_issuer(const struct jwk *key);     /* member "issuer" (Entra); NULL: none */
enum jwk_type jwk_type(const struct jwk *key);
enum jose_algorithm jwk_algorithm(const struct jwk *key); /* JOSE_NONE: the key does not say */
/* 1 if type, curve and the key's own alg fit. */
int jwk_fits(const struct jwk *key, enum jose_algorithm algorithm);
/* 1 if it is the same key, under the same kid, alg and issuer. */
int jwk_same(const struct jwk *a, const struct jwk *b);
/* The public half as a JSON object, or the private key with its private members, into a new string (free after wiping). */
char *jwk_print(const struct jwk *key, int with_private);

/*
 * A key set: {"keys":[...]}. Bad keys are skipped and counted; two keys that cannot be told apart (same kid, issuer, type and
 * alg) are both skipped, and so is one whose private half stands there, too. One that is repeated counts once. EMA_OK also for a
 * set without a usable key: the caller looks at count. EMA_BAD_JSON and the like if it is no set at all, EMA_TOO_LARGE for over
 * 64 keys.
 */
int jwks_parse(const char *text, size_t length, struct jwks **out, struct failure *failure);
/* Takes the keys with this thumbprint out; how many. Not of a set that others read. */
size_t jwks_drop(struct jwks *set, const char *thumbprint);
void jwks_free(struct jwks *set);

#endif
