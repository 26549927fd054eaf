/* OpenSSL's signature of a text and its verification, with nothing around them: what a token's are held against. */
#ifndef BENCH_SIGNATURE_H
#define BENCH_SIGNATURE_H

#include <openssl/evp.h>

#include "algorithm.h"

struct signature {
	const struct jwk *key; /* a private one, whose contexts are set up and copied: nothing is fetched (but to sign with RSA) */
	enum jose_algorithm algorithm;
	const char *text;
	size_t text_length;
	unsigned char bytes[1024]; /* in the form that OpenSSL takes */
	size_t length;
};

static inline int signature_make(struct signature *s)
{
	EVP_MD_CTX *context = key_signer(s->key, s->algorithm);
	s->length = sizeof s->bytes;
	const int good = context && EVP_DigestSign(context, s->bytes, &s->length, (const unsigned char *)s->text, s->text_length) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

static inline int signature_verify(const struct signature *s)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const int good = context && EVP_MD_CTX_copy_ex(context, s->key->verify[s->algorithm]) == 1 &&
	                 EVP_DigestVerify(context, s->bytes, s->length, (const unsigned char *)s->text, s->text_length) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

#endif
