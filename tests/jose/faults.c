/* Stands in for each function of OpenSSL that core/jose calls: the program's own comes before the library's, for the library too. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "faults.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct faults faults;
extern const char __executable_start[], etext[]; /* of the linker: the code of this program */

/* 1 if this call is the one that fails. What OpenSSL calls inside of itself is its own affair. */
static int fault_now(const char *name, const void *from)
{
	uintptr_t at = (uintptr_t)from;
	if (!faults.at || at < (uintptr_t)__executable_start || at >= (uintptr_t)etext || ++faults.calls != faults.at)
		return 0;
	faults.name = name;
	return 1;
}

static int fault_int(void)
{
	return faults.negative ? -1 : 0;
}

#define FAULT(type, name, parameters, arguments, failed)                                \
	type name parameters                                                            \
	{                                                                               \
		type (*real) parameters = NULL;                                         \
		void *symbol = dlsym(RTLD_NEXT, #name);                                 \
		memcpy(&real, &symbol, sizeof real);                                    \
		if (!real)                                                              \
			abort();                                                        \
		return fault_now(#name, __builtin_return_address(0)) ? failed : real arguments; \
	}

FAULT(BIO *, BIO_new_mem_buf, (const void *data, int length), (data, length), NULL)
FAULT(BIGNUM *, BN_bin2bn, (const unsigned char *from, int length, BIGNUM *to), (from, length, to), NULL)
FAULT(int, BN_bn2binpad, (const BIGNUM *from, unsigned char *to, int length), (from, to, length), -1)
FAULT(BIGNUM *, BN_new, (void), (), NULL)
FAULT(BIGNUM *, BN_secure_new, (void), (), NULL)
FAULT(int, EVP_DecodeBlock, (unsigned char *to, const unsigned char *from, int length), (to, from, length), -1)
FAULT(int, EVP_Digest, (const void *data, size_t length, unsigned char *md, unsigned *size, const EVP_MD *type, ENGINE *engine),
      (data, length, md, size, type, engine), fault_int())
FAULT(int, EVP_DigestFinal_ex, (EVP_MD_CTX *context, unsigned char *out, unsigned *size), (context, out, size), fault_int())
FAULT(int, EVP_DigestInit_ex2, (EVP_MD_CTX *context, const EVP_MD *type, const OSSL_PARAM *params), (context, type, params), fault_int())
FAULT(int, EVP_DigestSign, (EVP_MD_CTX *context, unsigned char *signature, size_t *size, const unsigned char *data, size_t length),
      (context, signature, size, data, length), fault_int())
FAULT(int, EVP_DigestSignInit_ex, (EVP_MD_CTX *context, EVP_PKEY_CTX **inner, const char *hash, OSSL_LIB_CTX *library, const char *properties,
      EVP_PKEY *key, const OSSL_PARAM *params), (context, inner, hash, library, properties, key, params), fault_int())
FAULT(int, EVP_DigestUpdate, (EVP_MD_CTX *context, const void *data, size_t length), (context, data, length), fault_int())
FAULT(int, EVP_DigestVerify, (EVP_MD_CTX *context, const unsigned char *signature, size_t size, const unsigned char *data, size_t length),
      (context, signature, size, data, length), fault_int())
FAULT(int, EVP_DigestVerifyInit_ex, (EVP_MD_CTX *context, EVP_PKEY_CTX **inner, const char *hash, OSSL_LIB_CTX *library, const char *properties,
      EVP_PKEY *key, const OSSL_PARAM *params), (context, inner, hash, library, properties, key, params), fault_int())
FAULT(int, EVP_MD_CTX_copy_ex, (EVP_MD_CTX *to, const EVP_MD_CTX *from), (to, from), fault_int())
FAULT(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL)
FAULT(EVP_MD *, EVP_MD_fetch, (OSSL_LIB_CTX *library, const char *name, const char *properties), (library, name, properties), NULL)
FAULT(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name, (OSSL_LIB_CTX *library, const char *name, const char *properties), (library, name, properties), NULL)
FAULT(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_pkey, (OSSL_LIB_CTX *library, EVP_PKEY *key, const char *properties), (library, key, properties), NULL)
FAULT(int, EVP_PKEY_CTX_set_rsa_mgf1_md_name, (EVP_PKEY_CTX *context, const char *name, const char *properties), (context, name, properties), fault_int())
FAULT(int, EVP_PKEY_CTX_set_rsa_padding, (EVP_PKEY_CTX *context, int mode), (context, mode), fault_int())
FAULT(int, EVP_PKEY_CTX_set_rsa_pss_saltlen, (EVP_PKEY_CTX *context, int length), (context, length), fault_int())
FAULT(EVP_PKEY *, EVP_PKEY_dup, (EVP_PKEY *key), (key), NULL)
FAULT(int, EVP_PKEY_eq, (const EVP_PKEY *a, const EVP_PKEY *b), (a, b), faults.negative ? -2 : 0)
FAULT(int, EVP_PKEY_fromdata, (EVP_PKEY_CTX *context, EVP_PKEY **key, int selection, OSSL_PARAM *params), (context, key, selection, params), fault_int())
FAULT(int, EVP_PKEY_fromdata_init, (EVP_PKEY_CTX *context), (context), fault_int())
FAULT(int, EVP_PKEY_get_bn_param, (const EVP_PKEY *key, const char *name, BIGNUM **out), (key, name, out), fault_int())
FAULT(int, EVP_PKEY_get_group_name, (const EVP_PKEY *key, char *name, size_t room, size_t *length), (key, name, room, length), fault_int())
FAULT(int, EVP_PKEY_get_raw_private_key, (const EVP_PKEY *key, unsigned char *out, size_t *length), (key, out, length), fault_int())
FAULT(int, EVP_PKEY_get_raw_public_key, (const EVP_PKEY *key, unsigned char *out, size_t *length), (key, out, length), fault_int())
FAULT(EVP_PKEY *, EVP_PKEY_new_raw_private_key_ex, (OSSL_LIB_CTX *library, const char *type, const char *properties, const unsigned char *key,
      size_t length), (library, type, properties, key, length), NULL)
FAULT(EVP_PKEY *, EVP_PKEY_new_raw_public_key_ex, (OSSL_LIB_CTX *library, const char *type, const char *properties, const unsigned char *key,
      size_t length), (library, type, properties, key, length), NULL)
FAULT(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_new, (void), (), NULL)
FAULT(int, OSSL_PARAM_BLD_push_BN, (OSSL_PARAM_BLD *build, const char *name, const BIGNUM *number), (build, name, number), fault_int())
FAULT(int, OSSL_PARAM_BLD_push_octet_string, (OSSL_PARAM_BLD *build, const char *name, const void *data, size_t length),
      (build, name, data, length), fault_int())
FAULT(int, OSSL_PARAM_BLD_push_utf8_string, (OSSL_PARAM_BLD *build, const char *name, const char *text, size_t length),
      (build, name, text, length), fault_int())
FAULT(OSSL_PARAM *, OSSL_PARAM_BLD_to_param, (OSSL_PARAM_BLD *build), (build), NULL)
FAULT(EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO *bio, EVP_PKEY **key, pem_password_cb *ask, void *data), (bio, key, ask, data), NULL)
FAULT(EVP_PKEY *, X509_get0_pubkey, (const X509 *certificate), (certificate), NULL)
FAULT(X509 *, d2i_X509, (X509 **out, const unsigned char **from, long length), (out, from, length), NULL)

/* The real one takes any number of arguments; core/jose gives it a size, a curve or none. */
EVP_PKEY *EVP_PKEY_Q_keygen(OSSL_LIB_CTX *library, const char *properties, const char *type, ...)
{
	EVP_PKEY *(*real)(OSSL_LIB_CTX *, const char *, const char *, ...) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "EVP_PKEY_Q_keygen");
	EVP_PKEY *key = NULL;
	va_list more;
	memcpy(&real, &symbol, sizeof real);
	if (!real)
		abort();
	if (fault_now("EVP_PKEY_Q_keygen", __builtin_return_address(0)))
		return NULL;
	va_start(more, type);
	if (!strcmp(type, "RSA"))
		key = real(library, properties, type, va_arg(more, size_t));
	else if (!strcmp(type, "EC"))
		key = real(library, properties, type, va_arg(more, char *));
	else
		key = real(library, properties, type);
	va_end(more);
	return key;
}

/* The real one tries the primes of a key for a third of a second, each time; keys that do not belong are test_jwk's. */
int EVP_PKEY_pairwise_check(EVP_PKEY_CTX *context)
{
	(void)context;
	return fault_now("EVP_PKEY_pairwise_check", __builtin_return_address(0)) ? fault_int() : 1;
}

/* Fails softly: what it says is "the key is of another type". */
int EVP_PKEY_is_a(const EVP_PKEY *key, const char *name)
{
	int (*real)(const EVP_PKEY *, const char *) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "EVP_PKEY_is_a");
	memcpy(&real, &symbol, sizeof real);
	if (!real)
		abort();
	int is = real(key, name);
	return is && fault_now("EVP_PKEY_is_a", __builtin_return_address(0)) ? 0 : is;
}
