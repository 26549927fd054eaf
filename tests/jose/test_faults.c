/* Every call of OpenSSL fails once: what was asked for is refused then, with a code and a text, and nothing is left behind. */
#include "test.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "faults.h"
#include "jws.h"

#define CALLS_MOST 400
#define PAYLOAD "{\"iss\":\"https://idp.example\",\"sub\":\"u\"}"

/* One key, in every form. */
struct subject {
	enum jose_algorithm algorithm;
	struct jwk *key;
	char *public, *secret, *token, *forged, *set, *pem;
};

static char *pem_of(const char *type, const char *curve)
{
	EVP_PKEY *pkey = !strcmp(type, "RSA") ? EVP_PKEY_Q_keygen(NULL, NULL, type, (size_t)2048) : EVP_PKEY_Q_keygen(NULL, NULL, type, curve);
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	assert_non_null(pkey);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	long length = BIO_get_mem_data(bio, &data);
	char *text = calloc(1, (size_t)length + 1);
	memcpy(text, data, (size_t)length); /* not strndup(): data has no end but its length */
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return text;
}

/* The set of the key alone, with a certificate of it. */
static char *set_of(const char *pem, const char *public)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	X509 *certificate = X509_new();
	unsigned char *der = NULL;
	assert_int_equal(X509_set_version(certificate, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_set_pubkey(certificate, pkey), 1);
	assert_true(X509_sign(certificate, pkey, EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256()) > 0);
	int length = i2d_X509(certificate, &der);
	assert_true(length > 0);
	size_t room = strlen(public) + 2 * (size_t)length + 64;
	char *text = malloc(room);
	int at = snprintf(text, room, "{\"keys\":[%.*s,\"x5c\":[\"", (int)strlen(public) - 1, public);
	at += EVP_EncodeBlock((unsigned char *)text + at, der, length);
	snprintf(text + at, room - (size_t)at, "\"]}]}");
	OPENSSL_free(der);
	X509_free(certificate);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	return text;
}

static void subject_make(struct subject *s, enum jose_algorithm algorithm)
{
	static const char *const curves[JOSE_ALGORITHMS] = { [JOSE_ES256] = "P-256", [JOSE_ES384] = "P-384", [JOSE_ES512] = "P-521" };
	s->algorithm = algorithm;
	s->pem = pem_of(algorithm < JOSE_ES256 ? "RSA" : curves[algorithm] ? "EC" : "ED25519", curves[algorithm]);
	assert_int_equal(jwk_parse_pem(s->pem, strlen(s->pem), algorithm, &s->key, NULL), EMA_OK);
	s->public = jwk_print(s->key, 0);
	s->secret = jwk_print(s->key, 1);
	assert_int_equal(jws_sign(s->key, algorithm, "at+jwt", "", PAYLOAD, strlen(PAYLOAD), &s->token, NULL), EMA_OK);
	s->forged = strdup(s->token);
	char *payload = strchr(s->forged, '.') + 8;
	*payload = *payload == 'A' ? 'B' : 'A';
	s->set = set_of(s->pem, s->public);
}

static void subject_free(struct subject *s)
{
	jwk_free(s->key);
	char *texts[] = { s->public, s->secret, s->token, s->forged, s->set, s->pem };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
}

static int read_key(const char *text, int private)
{
	struct json json = { 0 };
	struct jwk *key = NULL;
	struct failure failure = FAILURE_INIT;
	assert_int_equal(json_parse(text, strlen(text), &json_limits_document, &json, NULL), EMA_OK);
	int code = (private ? jwk_parse_private : jwk_parse)(&json, json_root(&json), &key, &failure);
	json_free(&json);
	assert_int_equal(code, failure.code);
	assert_int_equal(code == EMA_OK, key != NULL);
	jwk_free(key);
	return code;
}

/* Each does one thing and returns its code; what comes out must be there on success alone. */
static int read_public(const struct subject *s)
{
	return read_key(s->public, 0);
}

static int read_secret(const struct subject *s)
{
	return read_key(s->secret, 1);
}

static int read_pem(const struct subject *s)
{
	struct jwk *key = NULL;
	int code = jwk_parse_pem(s->pem, strlen(s->pem), s->algorithm, &key, NULL);
	assert_int_equal(code == EMA_OK, key != NULL);
	jwk_free(key);
	return code;
}

/* A key that could not be read is left out, and one without its certificate's word, too. */
static int read_set(const struct subject *s)
{
	struct jwks *set = NULL;
	int code = jwks_parse(s->set, strlen(s->set), &set, NULL);
	if (!code && !set->count) {
		assert_int_equal(set->skipped, 1);
		assert_true(set->skipped_why[0] != 0);
		code = EMA_BAD_CLAIM;
	}
	jwks_free(set);
	return code;
}

/* The key with its private half, and without: whatever fails, neither is there. */
static int read_exposed(const struct subject *s)
{
	struct jwks *set = NULL;
	size_t room = strlen(s->public) + strlen(s->secret) + 16;
	char *text = malloc(room);
	snprintf(text, room, "{\"keys\":[%s,%s]}", s->public, s->secret);
	int code = jwks_parse(text, strlen(text), &set, NULL);
	if (!code) {
		assert_int_equal(set->count, 0);
		assert_int_equal(set->exposed_count, 1);
		assert_string_equal(set->exposed[0], jwk_thumbprint(s->key));
	}
	jwks_free(set);
	free(text);
	return faults.name && !code ? EMA_BAD_CLAIM : code; /* one that could not be read is left out: that is refused, too */
}

static int make_key(const struct subject *s)
{
	struct jwk *key = NULL;
	if (s->algorithm < JOSE_ES256 && faults.at > 1) /* takes long; the rest of the way is that of read_pem */
		return faults.at = 0, EMA_OK;
	int code = jwk_generate(s->algorithm, &key, NULL);
	assert_int_equal(code == EMA_OK, key != NULL);
	jwk_free(key);
	return code;
}

static int print_key(const struct subject *s, int secret)
{
	char *text = jwk_print(s->key, secret);
	int same = text && !strcmp(text, secret ? s->secret : s->public);
	assert_int_equal(text != NULL, same); /* the whole key or none */
	free(text);
	return text ? EMA_OK : EMA_INTERNAL;
}

static int print_public(const struct subject *s)
{
	return print_key(s, 0);
}

static int print_secret(const struct subject *s)
{
	return print_key(s, 1);
}

static int make_token(const struct subject *s)
{
	char *token = NULL;
	struct failure failure = FAILURE_INIT;
	int code = jws_sign(s->key, s->algorithm, NULL, "", PAYLOAD, strlen(PAYLOAD), &token, &failure);
	assert_int_equal(code, failure.code);
	assert_int_equal(code == EMA_OK, token != NULL);
	free(token);
	return code;
}

static int verify(const struct subject *s, const char *token)
{
	struct jws jws;
	struct failure failure = FAILURE_INIT;
	int code = jws_parse(token, strlen(token), &jws, &failure);
	if (!code) {
		code = jws_verify(&jws, s->key, JOSE_BIT(s->algorithm), &failure);
		jws_free(&jws);
	}
	assert_int_equal(code, failure.code);
	assert_int_equal(code != EMA_OK, failure.text[0] != 0);
	return code;
}

static int verify_token(const struct subject *s)
{
	return verify(s, s->token);
}

static int verify_forged(const struct subject *s)
{
	return verify(s, s->forged);
}

static const struct {
	const char *name;
	int (*run)(const struct subject *s);
	int well; /* the code when nothing fails */
	unsigned least; /* calls that must have been made */
} operations[] = {
	{ "jwk_parse", read_public, EMA_OK, 4 },
	{ "jwk_parse_private", read_secret, EMA_OK, 4 },
	{ "jwk_parse_pem", read_pem, EMA_OK, 4 },
	{ "jwks_parse", read_set, EMA_OK, 6 },
	{ "jwks_parse of a key that is exposed", read_exposed, EMA_OK, 4 },
	{ "jwk_generate", make_key, EMA_OK, 1 },
	{ "jwk_print", print_public, EMA_OK, 1 },
	{ "jwk_print with the secret", print_secret, EMA_OK, 2 },
	{ "jws_sign", make_token, EMA_OK, 3 },
	{ "jws_verify", verify_token, EMA_OK, 3 },
	{ "jws_verify of a forgery", verify_forged, EMA_BAD_SIGNATURE, 3 },
};

/* JWT-29: whichever call fails, and however it says so, nothing is accepted, made or half made. */
static void a_call_that_fails_refuses(void **state)
{
	static const enum jose_algorithm algorithms[] = { JOSE_PS256, JOSE_ES256, JOSE_ES512, JOSE_ED25519 };
	(void)state;
	for (size_t a = 0; a < sizeof algorithms / sizeof *algorithms; a++) {
		struct subject s = { .algorithm = JOSE_NONE };
		subject_make(&s, algorithms[a]);
		for (size_t o = 0; o < sizeof operations / sizeof *operations; o++) {
			for (int negative = 0; negative < 2; negative++) {
				unsigned n = 0;
				do {
					faults = (struct faults){ .at = ++n, .negative = negative };
					int code = operations[o].run(&s);
					faults.at = 0;
					if (faults.name ? code == EMA_OK : code != operations[o].well)
						fail_msg("%s with %s: %d where call %u (%s) failed", operations[o].name, jose_algorithm_name(s.algorithm), code, n,
						         faults.name ? faults.name : "none");
					assert_int_equal(ERR_peek_error(), 0);
				} while (faults.name && n < CALLS_MOST);
				assert_null(faults.name);
				assert_true(n > operations[o].least);
				/* and the key is as good as before */
				assert_int_equal(verify_token(&s), EMA_OK);
				assert_int_equal(verify_forged(&s), EMA_BAD_SIGNATURE);
			}
		}
		subject_free(&s);
	}
}

static int verify_seen(const struct subject *s, struct seen *seen, const char *token)
{
	struct jws jws;
	int code = jws_parse(token, strlen(token), &jws, NULL);
	if (!code) {
		jws.seen = seen;
		code = jws_verify(&jws, s->key, JOSE_BIT(s->algorithm), NULL);
		jws_free(&jws);
	}
	return code;
}

/* JWT-29: a token that is not remembered, since a call failed, is verified; a forged one is never known. */
static void a_memory_that_fails_grants_nothing(void **state)
{
	(void)state;
	struct subject s = { .algorithm = JOSE_NONE };
	subject_make(&s, JOSE_ES256);
	faults = (struct faults){ .at = 1 };
	struct seen *seen = seen_new(8, 0);
	faults.at = 0;
	assert_null(seen);
	assert_non_null(faults.name);
	for (int known = 0; known < 2; known++)
		for (int negative = 0; negative < 2; negative++) {
			unsigned n = 0, refused = 0;
			do {
				uint64_t hits, added;
				seen = seen_new(8, 0);
				if (known)
					assert_int_equal(verify_seen(&s, seen, s.token), EMA_OK);
				faults = (struct faults){ .at = ++n, .negative = negative };
				refused += verify_seen(&s, seen, s.token) != EMA_OK;
				faults = (struct faults){ .at = n, .negative = negative };
				assert_int_not_equal(verify_seen(&s, seen, s.forged), EMA_OK);
				faults.at = 0;
				assert_int_equal(ERR_peek_error(), 0);
				assert_int_equal(verify_seen(&s, seen, s.forged), EMA_BAD_SIGNATURE);
				assert_int_equal(verify_seen(&s, seen, s.token), EMA_OK);
				seen_counts(seen, &hits, &added);
				assert_true(added >= 1);
				seen_free(seen);
			} while (faults.name && n < CALLS_MOST);
			assert_null(faults.name);
			/* Only the signature's own calls refuse, and they are not made for one that is known. */
			assert_int_equal(refused, known ? 0 : 3);
		}
	subject_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_call_that_fails_refuses), cmocka_unit_test(a_memory_that_fails_grants_nothing) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
