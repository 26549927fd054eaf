#include "certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(BIO *bio)
{
	char *data = NULL;
	long length = BIO_get_mem_data(bio, &data);
	char *text = malloc((size_t)length + 1);
	if (!text)
		abort();
	memcpy(text, data, (size_t)length);
	text[length] = 0;
	BIO_free(bio);
	return text;
}

static void extend(X509 *x509, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension || X509_add_ext(x509, extension, -1) != 1)
		abort();
	X509_EXTENSION_free(extension);
}

struct certificate certificate_make(const char *name, int from_days, int to_days)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	BIO *one = BIO_new(BIO_s_mem()), *two = BIO_new(BIO_s_mem());
	if (!key || !x509 || !one || !two)
		abort();
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
	X509_gmtime_adj(X509_getm_notBefore(x509), from_days * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(x509), to_days * 86400L);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_set_pubkey(x509, key);
	extend(x509, NID_subject_alt_name, name);
	extend(x509, NID_basic_constraints, "critical,CA:TRUE");
	if (!X509_sign(x509, key, EVP_sha256()) || PEM_write_bio_PrivateKey(one, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(two, x509) != 1)
		abort();
	struct certificate certificate = { text_of(one), text_of(two) };
	X509_free(x509);
	EVP_PKEY_free(key);
	return certificate;
}

void certificate_free(struct certificate *certificate)
{
	free(certificate->key);
	free(certificate->text);
}
