/* What a token that came before is held against: one SHA-256 of it, by a context and an algorithm that are kept. */
#ifndef BENCH_DIGEST_H
#define BENCH_DIGEST_H

#include <string.h>

#include <openssl/evp.h>

struct digest {
	EVP_MD_CTX *context;
	const char *text;
};

/* 0, or -1. EVP_MD_CTX_free() it. */
static inline int digest_init(struct digest *digest, const char *text)
{
	*digest = (struct digest){ EVP_MD_CTX_new(), text };
	return digest->context && EVP_DigestInit_ex2(digest->context, EVP_sha256(), NULL) ? 0 : -1;
}

/* A race_run. */
static inline int digest_run(void *data, int times)
{
	struct digest *digest = data;
	const size_t length = strlen(digest->text);
	unsigned char out[EVP_MAX_MD_SIZE];
	int good = 1;
	for (int i = 0; i < times; i++)
		good &= EVP_DigestInit_ex2(digest->context, NULL, NULL) && EVP_DigestUpdate(digest->context, digest->text, length) &&
		        EVP_DigestFinal_ex(digest->context, out, NULL);
	return !good;
}

#endif
