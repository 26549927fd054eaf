#include "test.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base64url.h"
#include "buffer.h"
#include "jws.h"

#define RSA_N "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4" \
	"Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0" \
	"fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RSA_N_PADDED "ANL8e2oKHmxnEErrj4iyV2abTfZ53a0Jm1xKbNmogBW1oTO_C4VseHG23wALVU_Os8LtUSu2jxRcboQ0dS-rUqHPwSRAj3m1ikV4wWQohVeJ96JJ44TLLZ-uLWf9lvuSbB" \
	"mOB3OZ_cgVwK8Jfd5are_0TecOgn9IeEMkOb_uuWBo0EdPxQ1tkL86mN-vEEDInALWkqs7PCiWYJ2G_XO3dM4HQGR87uqjEL0S-YWo659Z_dQmzqWyEg9PKjS8q3ZLfmxU" \
	"1oQCOLzEBYelnmbtHzOJRXdjXEcK91z5LCDR2kPhv8QZ4iKm8NC7NYxeOPnLBQrq_pBIFPGsGqScyp6gyoM" /* with a zero byte in front */
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define OKP_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RSA(more) "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"" more "}"
#define EC(more) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"" more "}"
#define OKP(more) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" OKP_X "\"" more "}"

static int read_key(const char *text, int private, struct jwk **key)
{
	struct json json = { 0 };
	struct failure failure = FAILURE_INIT;
	assert_int_equal(json_parse(text, strlen(text), &json_limits_document, &json, NULL), EMA_OK);
	int code = private ? jwk_parse_private(&json, json_root(&json), key, &failure) : jwk_parse(&json, json_root(&json), key, &failure);
	assert_int_equal(failure.code, code);
	json_free(&json);
	return code;
}

/* JWT-35: the examples of RFC 7638 3.1 and RFC 8037 A.3. */
static void thumbprints(void **state)
{
	(void)state;
	static const struct {
		const char *key, *thumbprint;
	} cases[] = {
		{ RSA(",\"alg\":\"RS256\",\"kid\":\"2011-04-29\""), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
		{ OKP(""), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jwk *key = NULL;
		assert_int_equal(read_key(cases[i].key, 0, &key), EMA_OK);
		assert_string_equal(jwk_thumbprint(key), cases[i].thumbprint);
		jwk_free(key);
	}
}

/* JWT-12 JWT-22 JWT-25 JWT-26 JWT-31 JWT-32 JWT-33: keys as they come. */
static void keys(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		int good;
	} cases[] = {
		{ RSA(""), 1 }, { EC(""), 1 }, { OKP(""), 1 },
		{ RSA(",\"alg\":\"PS512\",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"x5t\":\"x\",\"other\":{}"), 1 },
		{ RSA(",\"alg\":\"ES256\""), 0 }, { EC(",\"alg\":\"ES384\""), 0 }, { EC(",\"alg\":\"RS256\""), 0 }, { OKP(",\"alg\":\"ES256\""), 0 },
		{ RSA(",\"alg\":\"RSA-OAEP\""), 0 }, { RSA(",\"alg\":\"none\""), 0 }, { RSA(",\"alg\":\"HS256\""), 0 }, { RSA(",\"alg\":1"), 0 },
		{ OKP(",\"alg\":\"EdDSA\""), 1 }, { OKP(",\"alg\":\"Ed25519\""), 1 },
		{ "{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"alg\":\"HS256\"}", 0 }, { "{\"kty\":\"oct\"}", 0 },
		{ "{\"kty\":\"rsa\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", 0 }, { "{\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", 0 }, { "{}", 0 }, { "[]", 0 }, { "1", 0 },
		{ RSA(",\"d\":\"AQAB\""), 0 }, { RSA(",\"p\":\"AQAB\""), 0 }, { EC(",\"d\":\"\""), 0 }, { OKP(",\"k\":1"), 0 }, { RSA(",\"oth\":[]"), 0 },
		{ RSA(",\"use\":\"enc\""), 0 }, { RSA(",\"use\":\"SIG\""), 0 }, { RSA(",\"use\":null"), 0 }, { RSA(",\"key_ops\":[]"), 0 },
		{ RSA(",\"key_ops\":[\"sign\"]"), 0 }, { RSA(",\"key_ops\":[\"encrypt\"]"), 0 }, { RSA(",\"key_ops\":[\"verify\",\"verify\"]"), 0 },
		{ RSA(",\"key_ops\":\"verify\""), 0 }, { RSA(",\"key_ops\":[\"verify\",1]"), 0 }, { RSA(",\"use\":\"sig\",\"key_ops\":[\"verify\",\"wrapKey\"]"), 0 },
		{ RSA(",\"key_ops\":[\"verify\",\"sign\"],\"use\":\"sig\""), 1 },
		{ RSA(",\"kid\":7"), 0 }, { RSA(",\"kid\":\"\""), 0 }, { RSA(",\"issuer\":[]"), 0 },
		{ RSA(",\"x5c\":[]"), 0 }, { RSA(",\"x5c\":\"\""), 0 }, { RSA(",\"x5c\":[\"AAAA\"]"), 0 }, { RSA(",\"x5c\":[\"====\"]"), 0 },
		/* one bit off the curve; a byte too few, a byte too many; infinity has no such form; x beyond the field */
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_X "\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5Q\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AH_Nzidw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF\",\"y\":\"" EC_Y "\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"__________________________________________8\",\"y\":\"" EC_Y "\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", 0 },
		{ "{\"kty\":\"EC\",\"crv\":\"p-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", 0 },
		{ "{\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", 0 },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" OKP_X "\"}", 0 }, { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" OKP_X "\"}", 0 },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}", 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jwk *key = NULL;
		int code = read_key(cases[i].key, 0, &key);
		if (code != (cases[i].good ? EMA_OK : EMA_BAD_CLAIM))
			fail_msg("%d: %s", code, cases[i].key);
		jwk_free(key);
	}
}

/* JWT-23 JWT-24: the size of a modulus and what an exponent may be. */
static void weak_rsa(void **state)
{
	(void)state;
	static const struct {
		size_t bytes;
		const char *exponent;
		unsigned char first, last;
		int good;
	} cases[] = {
		{ 256, "AQAB", 0x80, 1, 1 }, { 1024, "AQAB", 0x80, 1, 1 }, { 256, "AQAB", 0x7f, 1, 0 }, { 255, "AQAB", 0xff, 1, 0 }, { 128, "AQAB", 0x80, 1, 0 },
		{ 1025, "AQAB", 1, 1, 0 }, { 2048, "AQAB", 0x80, 1, 0 }, { 256, "AQAB", 0x80, 2, 0 }, { 256, "AQAB", 0, 1, 0 },
		{ 256, "Aw", 0x80, 1, 0 } /* 3 */, { 256, "AQ", 0x80, 1, 0 } /* 1 */, { 256, "AA", 0x80, 1, 0 }, { 256, "AAEAAQ", 0x80, 1, 0 } /* leading zero */,
		{ 256, "AQAA", 0x80, 1, 0 } /* even */, { 256, "__8", 0x80, 1, 0 } /* 65535 */, { 256, "gAAAAAAAAAE", 0x80, 1, 1 } /* 64 bits */,
		{ 256, "AQAAAAAAAAAB", 0x80, 1, 0 } /* 65 bits */, { 256, "AQAB=", 0x80, 1, 0 }, { 256, "", 0x80, 1, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char n[2048];
		char text[BASE64URL_ROOM(sizeof n) + 1], json[4096];
		struct jwk *key = NULL;
		memset(n, 0x5a, sizeof n);
		n[0] = cases[i].first;
		n[cases[i].bytes - 1] = cases[i].last;
		base64url_encode(n, cases[i].bytes, text);
		snprintf(json, sizeof json, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", text, cases[i].exponent);
		int code = read_key(json, 0, &key);
		if (code != (cases[i].good ? EMA_OK : EMA_BAD_CLAIM))
			fail_msg("case %zu: %d", i, code);
		jwk_free(key);
	}
}

/* JWT-26: the points whose order divides 8, with either sign, and encodings from p on. */
static void small_order(void **state)
{
	(void)state;
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	};
	for (size_t i = 0; i < 2 * sizeof points / sizeof *points; i++) {
		unsigned char x[32];
		char text[44], json[128];
		struct jwk *key = NULL;
		for (size_t b = 0; b < 32; b++) {
			char pair[3] = { points[i / 2][2 * b], points[i / 2][2 * b + 1], 0 };
			x[b] = (unsigned char)strtoul(pair, NULL, 16);
		}
		x[31] |= i % 2 ? 0x80 : 0;
		base64url_encode(x, sizeof x, text);
		snprintf(json, sizeof json, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", text);
		assert_int_equal(read_key(json, 0, &key), EMA_BAD_CLAIM);
	}
}

/* The DER of a certificate for the key, in base64. */
static char *certificate(EVP_PKEY *pkey)
{
	X509 *x = X509_new();
	unsigned char *der = NULL;
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 60);
	X509_set_pubkey(x, pkey);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	int length = i2d_X509(x, &der);
	assert_true(length > 0);
	char *text = malloc((size_t)length * 2);
	EVP_EncodeBlock((unsigned char *)text, der, length);
	OPENSSL_free(der);
	X509_free(x);
	return text;
}

/* JWT-33: a certificate of another key; the right one passes and changes nothing. */
static void certificates_agree(void **state)
{
	(void)state;
	EVP_PKEY *one = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), *two = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	struct jwk *private = NULL, *key = NULL;
	assert_int_equal(PEM_write_bio_PrivateKey(bio, one, NULL, NULL, 0, NULL, NULL), 1);
	long length = BIO_get_mem_data(bio, &pem);
	assert_int_equal(jwk_parse_pem(pem, (size_t)length, JOSE_ES256, &private, NULL), EMA_OK);
	assert_int_equal(jwk_parse_pem(pem, (size_t)length, JOSE_RS256, &key, NULL), EMA_BAD_CLAIM);
	assert_int_equal(jwk_parse_pem(pem, (size_t)length / 2, JOSE_ES256, &key, NULL), EMA_BAD_CLAIM);
	char *print = jwk_print(private, 0);
	print[strlen(print) - 1] = 0;
	for (int same = 0; same < 2; same++) {
		struct buffer b = BUFFER_INIT(8192);
		char *chain = certificate(same ? one : two);
		buffer_printf(&b, "%s,\"x5c\":[\"%s\"]}", print, chain);
		assert_int_equal(read_key(b.data, 0, &key), same ? EMA_OK : EMA_BAD_CLAIM);
		buffer_free(&b);
		free(chain);
	}
	jwk_free(key);
	jwk_free(private);
	free(print);
	BIO_free(bio);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
}

/* JWT-31: a private half of another key would sign what gives it away. */
static void private_halves_belong(void **state)
{
	(void)state;
	static const enum jose_algorithm kinds[] = { JOSE_RS256, JOSE_ES256, JOSE_ES512, JOSE_ED25519 };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct jwk *one = NULL, *two = NULL, *key = NULL;
		assert_int_equal(jwk_generate(kinds[i], &one, NULL), EMA_OK);
		assert_int_equal(jwk_generate(kinds[i], &two, NULL), EMA_OK);
		char *a = jwk_print(one, 1), *b = jwk_print(two, 1), *public = jwk_print(one, 0);
		assert_int_equal(read_key(public, 1, &key), EMA_BAD_CLAIM);
		/* d of the other one into the place of this one's */
		char *from = strstr(b, "\"d\":\""), *to = strstr(a, "\"d\":\"");
		size_t length = strcspn(from + 5, "\"");
		if (length == strcspn(to + 5, "\"")) {
			memcpy(to + 5, from + 5, length);
			assert_int_equal(read_key(a, 1, &key), EMA_BAD_CLAIM);
		}
		free(a);
		free(b);
		free(public);
		jwk_free(one);
		jwk_free(two);
	}
}

/* JWT-31 JWT-34 JWT-39: a set keeps what is good and says what it left out. */
static void sets(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
		size_t count, skipped;
		int had_private;
	} cases[] = {
		{ "{\"keys\":[]}", EMA_OK, 0, 0, 0 }, { "{}", EMA_BAD_JSON, 0, 0, 0 }, { "[]", EMA_BAD_JSON, 0, 0, 0 }, { "{\"keys\":{}}", EMA_BAD_JSON, 0, 0, 0 },
		{ "<html>", EMA_BAD_JSON, 0, 0, 0 }, { "", EMA_BAD_JSON, 0, 0, 0 }, { "{\"keys\":[],\"keys\":[]}", EMA_DUPLICATE_MEMBER, 0, 0, 0 },
		{ "{\"keys\":[" RSA(",\"kid\":\"a\"") "," EC(",\"kid\":\"b\"") ",1,null,{\"kty\":\"new\"}," OKP("") "]}", EMA_OK, 3, 3, 0 },
		{ "{\"keys\":[" RSA(",\"kid\":\"a\",\"d\":\"AQAB\"") "," EC("") "]}", EMA_OK, 1, 1, 1 },
		{ "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", EMA_OK, 0, 1, 1 },
		/* What was published goes for all copies of the key, before it and behind it, whatever they are called. */
		{ "{\"keys\":[" RSA(",\"kid\":\"b\"") "," RSA(",\"kid\":\"a\",\"d\":\"AQAB\"") "," RSA("") "," EC("") "]}", EMA_OK, 1, 3, 1 },
		{ "{\"keys\":[" EC(",\"use\":\"enc\",\"d\":\"AQAB\"") "," EC("") "," OKP("") "]}", EMA_OK, 1, 2, 1 },
		{ "{\"keys\":[" OKP("") "," OKP(",\"d\":\"AQAB\"") "," RSA("") "]}", EMA_OK, 1, 2, 1 },
		/* However its private half is written. */
		{ "{\"keys\":[" RSA("") ",{\"kty\":\"RSA\",\"n\":\"" RSA_N_PADDED "\",\"e\":\"AAEAAQ\",\"d\":\"AQAB\"}," EC("") "]}", EMA_OK, 1, 2, 1 },
		/* Members that give nothing away spoil that copy alone. */
		{ "{\"keys\":[" OKP("") "," OKP(",\"d\":null") "," OKP(",\"d\":1") "," RSA(",\"oth\":[]") "," RSA(",\"k\":\"AAAA\"") "," RSA("") "]}", EMA_OK, 2, 4, 0 },
		{ "{\"keys\":[" RSA(",\"kid\":\"a\"") "," EC(",\"kid\":\"a\"") "]}", EMA_OK, 2, 0, 0 },
		{ "{\"keys\":[" RSA(",\"kid\":\"a\",\"alg\":\"RS256\"") "," RSA(",\"kid\":\"a\",\"alg\":\"PS256\"") "]}", EMA_OK, 2, 0, 0 },
		{ "{\"keys\":[" RSA(",\"kid\":\"a\",\"alg\":\"RS256\"") "," RSA(",\"kid\":\"a\"") "," OKP("") "]}", EMA_OK, 3, 0, 0 },
		{ "{\"keys\":[" RSA(",\"kid\":\"a\"") "," RSA(",\"kid\":\"A\"") "," RSA("") "," RSA("") "]}", EMA_OK, 3, 0, 0 },
		{ "{\"keys\":[" RSA(",\"kid\":\"a\"") "," RSA(",\"kid\":\"a\"") "," RSA(",\"kid\":\"a\",\"use\":\"sig\"") "," EC("") "]}", EMA_OK, 2, 0, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jwks *set = NULL;
		int code = jwks_parse(cases[i].text, strlen(cases[i].text), &set, NULL);
		if (code != cases[i].code)
			fail_msg("%d: %s", code, cases[i].text);
		if (code)
			continue;
		assert_int_equal(set->count, cases[i].count);
		assert_int_equal(set->skipped, cases[i].skipped);
		assert_int_equal(set->had_private, cases[i].had_private);
		assert_int_equal(set->skipped != 0, set->skipped_why[0] != 0);
		jwks_free(set);
	}
	for (int keys_wanted = 64; keys_wanted < 66; keys_wanted++) {
		struct buffer b = BUFFER_INIT(65536);
		struct jwks *set = NULL;
		buffer_text(&b, "{\"keys\":[");
		for (int i = 0; i < keys_wanted; i++)
			buffer_printf(&b, "%s" EC(",\"kid\":\"k%d\""), i ? "," : "", i);
		buffer_text(&b, "]}");
		assert_int_equal(jwks_parse(b.data, b.length, &set, NULL), keys_wanted > 64 ? EMA_TOO_LARGE : EMA_OK);
		if (set)
			assert_int_equal(set->count, 64);
		jwks_free(set);
		buffer_free(&b);
	}
}

/* JWT-39: which two are ambiguous: other keys with one kid, of one issuer. One that is repeated is one key. */
static void repeated_and_ambiguous(void **state)
{
	(void)state;
	static const struct {
		int one, other; /* 0 and 1: of P-256, 2 and 3: of RSA */
		const char *first, *second;
		size_t count, skipped;
	} cases[] = {
		{ 0, 0, "", "", 1, 0 },
		{ 0, 1, "", "", 0, 2 },
		{ 0, 0, ",\"issuer\":\"https://a\"", ",\"issuer\":\"https://a\"", 1, 0 },
		{ 0, 0, ",\"issuer\":\"https://a\"", ",\"issuer\":\"https://b\"", 2, 0 },
		{ 0, 1, ",\"issuer\":\"https://a\"", ",\"issuer\":\"https://b\"", 2, 0 },
		{ 0, 1, ",\"issuer\":\"https://a\"", ",\"issuer\":\"https://a\"", 0, 2 },
		{ 0, 1, ",\"issuer\":\"https://a\"", "", 2, 0 },
		{ 0, 0, ",\"alg\":\"ES256\"", "", 2, 0 },
		{ 0, 1, ",\"alg\":\"ES256\"", "", 0, 2 },
		{ 0, 2, "", "", 2, 0 },
		/* The algorithm tells them apart, if both say it. */
		{ 2, 3, ",\"alg\":\"RS256\"", ",\"alg\":\"PS256\"", 2, 0 },
		{ 2, 3, ",\"alg\":\"RS256\"", ",\"alg\":\"RS256\"", 0, 2 },
		{ 2, 3, ",\"alg\":\"RS256\"", "", 0, 2 },
		{ 2, 3, "", "", 0, 2 },
	};
	enum { KEYS = 4 };
	struct jwk *keys[KEYS] = { NULL };
	char *texts[KEYS];
	for (size_t i = 0; i < KEYS; i++) {
		assert_int_equal(jwk_generate(i < 2 ? JOSE_ES256 : JOSE_RS256, &keys[i], NULL), EMA_OK);
		texts[i] = jwk_print(keys[i], 0);
		char *kid = strstr(texts[i], jwk_kid(keys[i])), *alg = strstr(texts[i], "\"alg\"");
		assert_non_null(kid);
		memset(kid, 'k', strlen(jwk_kid(keys[i])));
		if (alg)
			memcpy(alg, "\"xlg\"", 5);
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[2048];
		struct jwks *set = NULL;
		snprintf(text, sizeof text, "{\"keys\":[%.*s%s},%.*s%s}]}", (int)strlen(texts[cases[i].one]) - 1, texts[cases[i].one], cases[i].first,
		         (int)strlen(texts[cases[i].other]) - 1, texts[cases[i].other], cases[i].second);
		assert_int_equal(jwks_parse(text, strlen(text), &set, NULL), EMA_OK);
		if (set->count != cases[i].count || set->skipped != cases[i].skipped)
			fail_msg("case %zu: %zu keys, %zu skipped", i, set->count, set->skipped);
		jwks_free(set);
	}
	for (size_t i = 0; i < KEYS; i++) {
		jwk_free(keys[i]);
		free(texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thumbprints),        cmocka_unit_test(keys),
		cmocka_unit_test(weak_rsa),           cmocka_unit_test(small_order),
		cmocka_unit_test(certificates_agree), cmocka_unit_test(private_halves_belong),
		cmocka_unit_test(sets),               cmocka_unit_test(repeated_and_ambiguous),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
