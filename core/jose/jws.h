/* Signed tokens in compact form (RFC 7515, 7519). Bytes that were not verified are used for routing alone. */
#ifndef JOSE_JWS_H
#define JOSE_JWS_H

#include <stddef.h>

#include "failure.h"
#include "json.h"
#include "jwk.h"
#include "seen.h"

#define JWS_BYTES_MOST 16384
#define JWS_HEADER_MOST 4096
#define JWS_PAYLOAD_MOST 12288
#define JWS_KID_MOST 256

struct jws {
	const char *token;      /* the caller's; must live as long as this */
	size_t length;
	size_t header_length;   /* characters of the first part */
	size_t payload_length;  /* of the second */
	struct json header;
	enum jose_algorithm algorithm;
	const char *algorithm_name; /* as written */
	const char *kid;        /* NULL: none, at most JWS_KID_MOST */
	const char *type;       /* typ without "application/", lower case, in room of the struct's own; "" if absent */
	char type_text[64];
	unsigned char *payload; /* decoded, not yet believed */
	size_t payload_bytes;
	unsigned char signature[1024];
	size_t signature_bytes;
	struct seen *seen;      /* where a good signature is remembered, and looked for; NULL: nowhere. The caller's, after jws_parse() */
	uint64_t seen_share;    /* and as whose: see seen_add() */
};

/*
 * Splits and reads the header: shape, alphabet, canonical base64url, limits, strict JSON, crit, cty, alg.
 * EMA_OK, EMA_MALFORMED, EMA_ENCRYPTED (five parts), EMA_TOO_LARGE, EMA_BAD_ENCODING, EMA_BAD_JSON, EMA_DUPLICATE_MEMBER,
 * EMA_CRITICAL_HEADER, EMA_WRONG_TYPE (cty JWT), EMA_BAD_ALGORITHM (none of ours).
 */
int jws_parse(const char *token, size_t length, struct jws *out, struct failure *failure);
void jws_free(struct jws *jws);

/*
 * EMA_OK if key made the signature with the header's algorithm, that algorithm is in allowed, and it fits the key.
 * Else EMA_BAD_ALGORITHM, EMA_BAD_SIGNATURE or EMA_INTERNAL. The bytes are those that came, never encoded again.
 */
int jws_verify(const struct jws *jws, const struct jwk *key, unsigned allowed, struct failure *failure);

/*
 * Reads the payload as strict JSON. For routing it may be called before jws_verify(); what is believed is read after it.
 */
int jws_claims(const struct jws *jws, struct json *out, struct failure *failure);

/* Signs: header is made of alg, kid (the key's), typ and the members in more ("" or ",\"x\":1"). A new string, free(). */
int jws_sign(const struct jwk *key, enum jose_algorithm algorithm, const char *type, const char *more, const char *payload,
             size_t length, char **out, struct failure *failure);

#endif
