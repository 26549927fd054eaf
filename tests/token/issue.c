#include "issue.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

char *issue(const char *const *subject, const char *san, long long base, int from_days, int to_days)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	if (!key || !x509 || !bio)
		abort();
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
	ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(base + from_days * 86400LL));
	ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(base + to_days * 86400LL));
	for (size_t i = 0; subject[i]; i += 2)
		if (X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), subject[i], MBSTRING_UTF8, (const unsigned char *)subject[i + 1], -1, -1, 0) != 1)
			abort();
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_set_pubkey(x509, key);
	if (san) {
		X509V3_CTX context;
		X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, san);
		if (!extension || X509_add_ext(x509, extension, -1) != 1)
			abort();
		X509_EXTENSION_free(extension);
	}
	if (!X509_sign(x509, key, EVP_sha256()) || PEM_write_bio_X509(bio, x509) != 1)
		abort();
	long length = BIO_get_mem_data(bio, &data);
	char *text = malloc((size_t)length + 1);
	if (!text)
		abort();
	memcpy(text, data, (size_t)length);
	text[length] = 0;
	BIO_free(bio);
	X509_free(x509);
	EVP_PKEY_free(key);
	return text;
}
