/* SHA-256 over a list of fields, for keys that must not tell whom they are about. */
#ifndef STATE_DIGEST_H
#define STATE_DIGEST_H

#include <openssl/evp.h>
#include <stddef.h>

#define DIGEST_BYTES 32

/* With its length before it, so that no two lists of fields are one list of bytes; what is absent (NULL) is no empty string.
   1, or 0 as OpenSSL says it. */
int digest_field(EVP_MD_CTX *digest, const void *bytes, size_t length);
int digest_text(EVP_MD_CTX *digest, const char *text);

#endif
