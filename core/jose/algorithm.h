/* What OpenSSL has to be told for each algorithm, and the inside of a key. For jwk.c, key.c, jwks.c and jws.c alone. */
#ifndef JOSE_ALGORITHM_H
#define JOSE_ALGORITHM_H

#include <openssl/evp.h>

#include "jwk.h"

#define ALGORITHM_FIELD_MOST 66 /* bytes of a coordinate of P-521 */

struct algorithm {
	const char *name;
	enum jwk_type type;
	const char *hash;  /* NULL: Ed25519 */
	const char *curve; /* crv; NULL: RSA */
	int pss;
	size_t field;      /* bytes of each half of the signature; 0: RSA */
};

extern const struct algorithm algorithms[JOSE_ALGORITHMS];

struct jwk {
	enum jwk_type type;
	enum jose_algorithm own;
	unsigned fits;          /* set of algorithms */
	int private;
	EVP_PKEY *key;          /* of RSA, the public half */
	OSSL_PARAM *numbers;    /* all of a private RSA key, in OpenSSL's secure heap if there is one; NULL: it is none */
	char *kid;
	char *issuer;
	char thumbprint[JWK_THUMBPRINT];
	size_t modulus;         /* bytes, RSA */
	unsigned char order[ALGORITHM_FIELD_MOST];
	/* Set up once and copied at each use: setting up fetches, which takes locks and far longer than the copy. */
	EVP_MD_CTX *verify[JOSE_ALGORITHMS];
	EVP_MD_CTX *sign[JOSE_ALGORITHMS]; /* not with RSA: see key_signer() */
};

/* Takes key over, also when it fails. Sets type, fits, thumbprint, contexts. */
int key_make(EVP_PKEY *pkey, enum jose_algorithm own, int private, struct jwk **out, struct failure *failure);
/* NULL: OpenSSL does not take the numbers. */
EVP_PKEY *key_from(const char *type, OSSL_PARAM *numbers, int selection);
/* For one signature, and then to be freed. NULL: OpenSSL did not make it. */
EVP_MD_CTX *key_signer(const struct jwk *key, enum jose_algorithm algorithm);
/* Of a text that RFC 7638 3 makes of a key. EMA_OK or EMA_INTERNAL. */
int key_thumbprint(const char *text, size_t length, char out[JWK_THUMBPRINT]);
/* 1 if the node has members that only a private or symmetric key has. */
int key_has_private(const struct json *json, const struct json_node *node);

#endif
