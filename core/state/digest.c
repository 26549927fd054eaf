#include "digest.h"

#include <stdint.h>
#include <string.h>

int digest_field(EVP_MD_CTX *digest, const void *bytes, size_t length)
{
	uint64_t n = bytes ? length : UINT64_MAX;
	unsigned char prefix[8];
	for (int i = 0; i < 8; i++)
		prefix[i] = (unsigned char)(n >> (56 - 8 * i));
	return EVP_DigestUpdate(digest, prefix, sizeof prefix) && (!bytes || EVP_DigestUpdate(digest, bytes, length));
}

int digest_text(EVP_MD_CTX *digest, const char *text)
{
	return digest_field(digest, text, text ? strlen(text) : 0);
}
