/*
 * Writes tokens and keys, good ones and every malformed kind that our tests know, for other implementations to judge: a line of JSON
 * each, {"case", "alg", "key", "token", "ema"}, where ema is 1 if this one takes the token with the key. All but a few are signed as
 * they stand, so that whoever takes one took what is odd about it. differential.sh reads them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base64url.h"
#include "buffer.h"
#include "jws.h"

#define TEXT 32768
#define PAYLOAD "{\"iss\":\"https://idp.example\",\"sub\":\"u\"}"
#define N256 "\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"

struct signer {
	enum jose_algorithm algorithm;
	const char *alg;
	EVP_PKEY *pkey;
	char *public, *secret;
};

static void must(int well, const char *what)
{
	if (!well) {
		fprintf(stderr, "corpus: %s failed\n", what);
		exit(1);
	}
}

static char *copy(const char *text)
{
	char *made = strdup(text);
	must(made != NULL, "strdup");
	return made;
}

static int ema_takes(const char *alg, const char *key_text, const char *token)
{
	struct json json = { 0 }, claims = { 0 };
	struct jwk *key = NULL;
	struct jws jws;
	int code = json_parse(key_text, strlen(key_text), &json_limits_document, &json, NULL);
	if (!code)
		code = jwk_parse(&json, json_root(&json), &key, NULL);
	if (!code && !(code = jws_parse(token, strlen(token), &jws, NULL))) {
		code = jws_verify(&jws, key, JOSE_BIT(jose_algorithm_by_name(alg)), NULL);
		if (!code && !(code = jws_claims(&jws, &claims, NULL)))
			json_free(&claims);
		jws_free(&jws);
	}
	jwk_free(key);
	json_free(&json);
	return code == EMA_OK;
}

static void put(const char *name, const char *alg, const char *key, const char *token)
{
	struct buffer line = BUFFER_INIT(8 * TEXT);
	buffer_text(&line, "{\"case\":");
	buffer_json(&line, name, strlen(name));
	buffer_printf(&line, ",\"alg\":\"%s\",\"key\":", alg);
	buffer_json(&line, key, strlen(key));
	buffer_text(&line, ",\"token\":");
	buffer_json(&line, token, strlen(token));
	buffer_printf(&line, ",\"ema\":%d}", ema_takes(alg, key, token));
	char *text = buffer_take(&line);
	must(text != NULL, "a line");
	puts(text);
	free(text);
}

/* ---- Signing whatever it is ---- */

static void signer_take(struct signer *s, enum jose_algorithm algorithm, EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	struct jwk *key = NULL;
	must(pkey && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1, "a key");
	long length = BIO_get_mem_data(bio, &pem);
	must(jwk_parse_pem(pem, (size_t)length, algorithm, &key, NULL) == EMA_OK, "jwk_parse_pem");
	*s = (struct signer){ algorithm, jose_algorithm_name(algorithm), pkey, jwk_print(key, 0), jwk_print(key, 1) };
	must(s->public && s->secret, "jwk_print");
	jwk_free(key);
	BIO_free(bio);
}

static void signer_free(struct signer *s)
{
	free(s->public);
	free(s->secret);
}

/* The signature of input in the form that JWS wants; its length. */
static size_t sign(const struct signer *s, const char *input, int salt, unsigned char *out)
{
	static const char *const hashes[JOSE_ALGORITHMS] = {
		[JOSE_RS256] = "SHA256", [JOSE_RS384] = "SHA384", [JOSE_RS512] = "SHA512", [JOSE_PS256] = "SHA256", [JOSE_PS384] = "SHA384",
		[JOSE_PS512] = "SHA512", [JOSE_ES256] = "SHA256", [JOSE_ES384] = "SHA384", [JOSE_ES512] = "SHA512",
	};
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *inner = NULL;
	size_t length = 1024;
	must(EVP_DigestSignInit_ex(context, &inner, hashes[s->algorithm], NULL, NULL, s->pkey, NULL) == 1, "EVP_DigestSignInit_ex");
	if (s->algorithm >= JOSE_PS256 && s->algorithm <= JOSE_PS512)
		must(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salt) == 1, "PSS");
	must(EVP_DigestSign(context, out, &length, (const unsigned char *)input, strlen(input)) == 1, "EVP_DigestSign");
	EVP_MD_CTX_free(context);
	if (s->algorithm >= JOSE_ES256 && s->algorithm <= JOSE_ES512) {
		int field = s->algorithm == JOSE_ES256 ? 32 : s->algorithm == JOSE_ES384 ? 48 : 66;
		const unsigned char *at = out;
		ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)length);
		must(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, field) == field &&
		     BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + field, field) == field, "r||s");
		ECDSA_SIG_free(pair);
		length = 2 * (size_t)field;
	}
	return length;
}

static void add(char *token, const char *text)
{
	size_t at = strlen(token), length = strlen(text);
	must(at + length < TEXT, "room");
	memcpy(token + at, text, length + 1);
}

static void append(char *token, const void *data, size_t length)
{
	must(strlen(token) + BASE64URL_ROOM(length) < TEXT, "room");
	base64url_encode(data, length, token + strlen(token));
}

/* Parts as they are given, the signature over them. */
static void finish(const struct signer *s, char token[TEXT])
{
	unsigned char signature[1024];
	size_t length = sign(s, token, RSA_PSS_SALTLEN_DIGEST, signature);
	add(token, ".");
	append(token, signature, length);
}

static void token_of(const struct signer *s, const char *header, const void *payload, size_t length, char token[TEXT])
{
	*token = 0;
	append(token, header, strlen(header));
	add(token, ".");
	append(token, payload, length);
	finish(s, token);
}

static void plain(const struct signer *s, char token[TEXT])
{
	char header[64];
	snprintf(header, sizeof header, "{\"alg\":\"%s\"}", s->alg);
	token_of(s, header, PAYLOAD, strlen(PAYLOAD), token);
}

/* The signed parts of token with another signature. */
static void with_signature(const char *token, const void *signature, size_t length, char out[TEXT])
{
	size_t before = (size_t)(strrchr(token, '.') - token) + 1;
	memcpy(out, token, before);
	out[before] = 0;
	append(out, signature, length);
}

/* ---- Kinds ---- */

static void put_headers(const struct signer *s)
{
	static const struct {
		const char *name, *header;
	} cases[] = {
		{ "spaces", " {\n\"alg\" : \"ES256\" } " }, { "alg none", "{\"alg\":\"none\"}" }, { "alg None", "{\"alg\":\"None\"}" },
		{ "alg empty", "{\"alg\":\"\"}" }, { "no alg", "{}" }, { "Alg", "{\"Alg\":\"ES256\"}" }, { "alg null", "{\"alg\":null}" },
		{ "alg in a list", "{\"alg\":[\"ES256\"]}" }, { "alg in lower case", "{\"alg\":\"es256\"}" }, { "alg with a space", "{\"alg\":\"ES256 \"}" },
		{ "alg HS256", "{\"alg\":\"HS256\"}" }, { "alg ES384", "{\"alg\":\"ES384\"}" }, { "alg twice", "{\"alg\":\"none\",\"alg\":\"ES256\"}" },
		{ "alg twice by escape", "{\"alg\":\"none\",\"\\u0061lg\":\"ES256\"}" }, { "alg by escape", "{\"\\u0061lg\":\"ES256\"}" },
		{ "member twice", "{\"alg\":\"ES256\",\"x\":1,\"x\":2}" }, { "crit empty", "{\"alg\":\"ES256\",\"crit\":[]}" },
		{ "crit exp", "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}" }, { "crit unknown", "{\"alg\":\"ES256\",\"crit\":[\"x\"],\"x\":1}" },
		{ "crit null", "{\"alg\":\"ES256\",\"crit\":null}" }, { "crit no list", "{\"alg\":\"ES256\",\"crit\":\"x\",\"x\":1}" },
		{ "crit b64 false", "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}" }, { "b64 false", "{\"alg\":\"ES256\",\"b64\":false}" },
		{ "crit b64 true", "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":true}" },
		{ "cty JWT", "{\"alg\":\"ES256\",\"cty\":\"JWT\"}" }, { "cty number", "{\"alg\":\"ES256\",\"cty\":1}" },
		{ "kid number", "{\"alg\":\"ES256\",\"kid\":1}" }, { "kid empty", "{\"alg\":\"ES256\",\"kid\":\"\"}" },
		{ "kid of nobody", "{\"alg\":\"ES256\",\"kid\":\"../../etc/passwd\"}" }, { "typ number", "{\"alg\":\"ES256\",\"typ\":1}" },
		{ "typ with parameters", "{\"alg\":\"ES256\",\"typ\":\"at+jwt; v=1\"}" },
		{ "jku and jwk", "{\"alg\":\"ES256\",\"jku\":\"https://evil.example/\",\"jwk\":{},\"x5u\":\"\",\"x5c\":[]}" },
		{ "list", "[\"ES256\"]" }, { "string", "\"ES256\"" }, { "junk behind", "{\"alg\":\"ES256\"}x" },
		{ "byte order mark", "\xef\xbb\xbf{\"alg\":\"ES256\"}" }, { "NUL by escape", "{\"alg\":\"ES256\",\"x\":\"\\u0000\"}" },
		{ "bad UTF-8", "{\"alg\":\"ES256\",\"x\":\"\xc0\xaf\"}" }, { "half a surrogate", "{\"alg\":\"ES256\",\"x\":\"\\ud800\"}" },
		{ "comma behind", "{\"alg\":\"ES256\",}" }, { "single quotes", "{'alg':'ES256'}" }, { "NaN", "{\"alg\":\"ES256\",\"x\":NaN}" },
		{ "__proto__", "{\"alg\":\"ES256\",\"__proto__\":{\"crit\":[\"x\"]}}" },
	};
	char name[128], token[TEXT];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(name, sizeof name, "header: %s", cases[i].name);
		token_of(s, cases[i].header, PAYLOAD, strlen(PAYLOAD), token);
		put(name, s->alg, s->public, token);
	}
	char long_one[5000] = "{\"alg\":\"ES256\",\"x\":\"";
	size_t at = strlen(long_one);
	memset(long_one + at, 'x', 4200);
	memcpy(long_one + at + 4200, "\"}", 3);
	token_of(s, long_one, PAYLOAD, strlen(PAYLOAD), token);
	put("header: over 4 KiB", s->alg, s->public, token);
}

static void put_payloads(const struct signer *s)
{
	static const struct {
		const char *name, *payload;
	} cases[] = {
		{ "empty object", "{}" }, { "spaces", " { } " }, { "list", "[]" }, { "string", "\"x\"" }, { "null", "null" }, { "no JSON", "Payload" },
		{ "member twice", "{\"sub\":\"a\",\"sub\":\"b\"}" }, { "member twice by escape", "{\"sub\":\"a\",\"\\u0073ub\":\"b\"}" },
		{ "member twice, deep", "{\"x\":{\"y\":1,\"y\":2}}" }, { "byte order mark", "\xef\xbb\xbf{}" }, { "bad UTF-8", "{\"sub\":\"\xc0\xaf\"}" },
		{ "half a surrogate", "{\"sub\":\"\\ud800\"}" }, { "NUL by escape", "{\"sub\":\"a\\u0000b\"}" }, { "junk behind", "{}x" }, { "two", "{}{}" },
		{ "comma behind", "{\"sub\":\"a\",}" }, { "single quotes", "{'sub':'a'}" }, { "NaN", "{\"x\":NaN}" }, { "huge number", "{\"x\":1e400}" },
		{ "minus zero", "{\"x\":-0}" }, { "number beyond 2^53", "{\"x\":9007199254740993}" }, { "leading zero", "{\"x\":01}" },
		{ "comment", "{/**/}" }, { "control character", "{\"sub\":\"a\nb\"}" },
		{ "depth 17", "{\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}" }, { "depth 16", "{\"x\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}" },
	};
	char name[128], token[TEXT];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(name, sizeof name, "payload: %s", cases[i].name);
		token_of(s, "{\"alg\":\"ES256\"}", cases[i].payload, strlen(cases[i].payload), token);
		put(name, s->alg, s->public, token);
	}
	char long_one[13000] = "{\"x\":\"";
	size_t at = strlen(long_one);
	memset(long_one + at, 'x', 12400);
	memcpy(long_one + at + 12400, "\"}", 3);
	token_of(s, "{\"alg\":\"ES256\"}", long_one, strlen(long_one), token);
	put("payload: over 12 KiB", s->alg, s->public, token);
}

/* The text between the parts and around them; the signature is over what the first two parts are then. */
static void put_shapes(const struct signer *s)
{
	static const struct {
		const char *name, *signed_parts, *format; /* of header.payload and signature */
	} cases[] = {
		{ "trailing bits of the header", "eyJhbGciOiJFUzI1NiIgfR.e30", "%s.%s" },
		{ "trailing bits of the payload", "eyJhbGciOiJFUzI1NiJ9.e31", "%s.%s" },
		{ "padding of the header", "eyJhbGciOiJFUzI1NiIgfQ==.e30", "%s.%s" }, { "padding of the payload", "eyJhbGciOiJFUzI1NiJ9.e30=", "%s.%s" },
		{ "padding of the signature", "eyJhbGciOiJFUzI1NiJ9.e30", "%s.%s==" }, { "a letter too many", "eyJhbGciOiJFUzI1NiJ9.e30AA", "%s.%s" },
		{ "plus in the payload", "eyJhbGciOiJFUzI1NiJ9.eyJ4IjoifH5+In0", "%s.%s" }, { "slash in the payload", "eyJhbGciOiJFUzI1NiJ9.eyJ4Ijoiw78/In0", "%s.%s" },
		{ "a space in the payload", "eyJhbGciOiJFUzI1NiJ9.e3 0", "%s.%s" }, { "a line feed in the payload", "eyJhbGciOiJFUzI1NiJ9.e3\n0", "%s.%s" },
		{ "a percent in the payload", "eyJhbGciOiJFUzI1NiJ9.e3%0", "%s.%s" },
		{ "a space before", "eyJhbGciOiJFUzI1NiJ9.e30", " %s.%s" }, { "a line feed behind", "eyJhbGciOiJFUzI1NiJ9.e30", "%s.%s\n" },
		{ "a space behind", "eyJhbGciOiJFUzI1NiJ9.e30", "%s.%s " }, { "a space in the signature", "eyJhbGciOiJFUzI1NiJ9.e30", "%s. %s" },
		{ "four parts", "eyJhbGciOiJFUzI1NiJ9.e30", "%s.%s." }, { "four parts, the first empty", "eyJhbGciOiJFUzI1NiJ9.e30", ".%s.%s" },
		{ "five parts", "eyJhbGciOiJFUzI1NiJ9.e30", "%s.%s.AA.AA" }, { "no payload", "eyJhbGciOiJFUzI1NiJ9.", "%s.%s" },
		{ "no header", ".e30", "%s.%s" }, { "one dot", "eyJhbGciOiJFUzI1NiJ9.e30", "%s%s" },
		{ "quotes", "eyJhbGciOiJFUzI1NiJ9.e30", "\"%s.%s\"" }, { "Bearer", "eyJhbGciOiJFUzI1NiJ9.e30", "Bearer %s.%s" },
	};
	char name[128], token[TEXT], out[TEXT];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char signature[1024];
		char letters[256] = "";
		size_t length = sign(s, cases[i].signed_parts, 0, signature);
		base64url_encode(signature, length, letters);
		snprintf(name, sizeof name, "shape: %s", cases[i].name);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(out, sizeof out, cases[i].format, cases[i].signed_parts, letters);
#pragma GCC diagnostic pop
		put(name, s->alg, s->public, out);
	}
	put("shape: empty", s->alg, s->public, "");
	plain(s, token);
	char *first = strchr(token, '.'), *last = strrchr(token, '.');
	int length = snprintf(out, sizeof out, "{\"payload\":\"%.*s\",\"protected\":\"%.*s\",\"signature\":\"%s\"}", (int)(last - first - 1),
	                      first + 1, (int)(first - token), token, last + 1);
	must(length > 0 && length < TEXT, "room");
	put("shape: JSON serialization", s->alg, s->public, out);
	/* detached: the payload is elsewhere */
	length = snprintf(out, sizeof out, "%.*s.%s", (int)(first - token), token, last);
	must(length > 0 && length < TEXT, "room");
	put("shape: detached", s->alg, s->public, out);
}

static void put_elliptic(const struct signer *s)
{
	unsigned char good[1024], bad[160];
	char token[TEXT], out[TEXT];
	plain(s, token);
	must(base64url_decode(strrchr(token, '.') + 1, strlen(strrchr(token, '.') + 1), good) == 64, "a signature");
	for (int half = 0; half < 2; half++) {
		static const char *const names[2][3] = { { "r zero", "r is the order", "r of all ones" }, { "s zero", "s is the order", "s of all ones" } };
		for (int kind = 0; kind < 3; kind++) {
			memcpy(bad, good, 64);
			memset(bad + 32 * half, kind == 2 ? 0xff : 0, 32);
			if (kind == 1)
				memcpy(bad + 32 * half, N256, 32);
			char name[64];
			snprintf(name, sizeof name, "ECDSA: %s", names[half][kind]);
			with_signature(token, bad, 64, out);
			put(name, s->alg, s->public, out);
		}
	}
	memset(bad, 0, sizeof bad);
	with_signature(token, bad, 64, out);
	put("ECDSA: all zero", s->alg, s->public, out);
	with_signature(token, good, 0, out);
	put("ECDSA: empty", s->alg, s->public, out);
	with_signature(token, good, 63, out);
	put("ECDSA: 63 bytes", s->alg, s->public, out);
	memcpy(bad, good, 64);
	bad[64] = 0;
	with_signature(token, bad, 65, out);
	put("ECDSA: 65 bytes", s->alg, s->public, out);
	bad[5] ^= 1;
	with_signature(token, bad, 64, out);
	put("ECDSA: a bit", s->alg, s->public, out);
	/* r || 0 || s and the like: each half a byte too long */
	bad[0] = 0;
	memcpy(bad + 1, good, 32);
	bad[33] = 0;
	memcpy(bad + 34, good + 32, 32);
	with_signature(token, bad, 66, out);
	put("ECDSA: halves of 33 bytes", s->alg, s->public, out);
	BIGNUM *r = BN_bin2bn(good, 32, NULL), *n = BN_bin2bn((const unsigned char *)N256, 32, NULL), *high = BN_bin2bn(good + 32, 32, NULL);
	ECDSA_SIG *pair = ECDSA_SIG_new();
	unsigned char *der = NULL;
	BN_sub(high, n, high);
	memcpy(bad, good, 32);
	must(BN_bn2binpad(high, bad + 32, 32) == 32, "n - s");
	with_signature(token, bad, 64, out);
	put("ECDSA: n - s", s->alg, s->public, out);
	BN_sub(high, n, high);
	must(ECDSA_SIG_set0(pair, r, high) == 1, "ECDSA_SIG_set0");
	int length = i2d_ECDSA_SIG(pair, &der);
	must(length > 0, "DER");
	with_signature(token, der, (size_t)length, out);
	put("ECDSA: DER", s->alg, s->public, out);
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	BN_free(n);
	/* the last letter's unused bits */
	snprintf(out, sizeof out, "%s", token);
	char *last = out + strlen(out) - 1;
	*last = *last == 'A' ? 'B' : *last == 'Q' ? 'R' : *last == 'g' ? 'h' : 'x';
	put("ECDSA: trailing bits", s->alg, s->public, out);
}

static void put_edwards(const struct signer *s)
{
	static const unsigned char order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	static const unsigned char small[64] = { 1 }; /* R is the neutral point, S is 0 */
	unsigned char good[64], bad[64];
	char token[TEXT], out[TEXT];
	plain(s, token);
	must(base64url_decode(strrchr(token, '.') + 1, 86, good) == 64, "a signature");
	unsigned carry = 0;
	memcpy(bad, good, 64);
	for (size_t i = 0; i < 32; i++) {
		carry += good[32 + i] + order[i];
		bad[32 + i] = (unsigned char)carry;
		carry >>= 8;
	}
	with_signature(token, bad, 64, out);
	put("Ed25519: S + L", s->alg, s->public, out);
	with_signature(token, good, 63, out);
	put("Ed25519: 63 bytes", s->alg, s->public, out);
	with_signature(token, small, 64, out);
	put("Ed25519: key of small order", s->alg, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", out);
}

static void put_rsa(const struct signer *rs, const struct signer *ps)
{
	static const unsigned char info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 0x04, 0x20 };
	static const char *const bends[] = { "made by hand", "bytes behind the hash", "wrong block type", "wrong padding byte", "wrong hash in the info" };
	unsigned char signature[1024] = { 0 };
	char token[TEXT], out[TEXT], name[64];
	plain(rs, token);
	*strrchr(token, '.') = 0;
	for (int bend = 0; bend < 5; bend++) {
		unsigned char block[256], hash[32];
		size_t end = bend == 1 ? 200 : 256, length = 256;
		must(EVP_Digest(token, strlen(token), hash, NULL, EVP_sha256(), NULL) == 1, "EVP_Digest");
		memset(block, 0xff, sizeof block);
		block[0] = 0;
		block[1] = bend == 2 ? 2 : 1;
		block[end - 52] = 0;
		memcpy(block + end - 51, info, sizeof info);
		memcpy(block + end - 32, hash, 32);
		if (bend == 3)
			block[20] = 0xfe;
		if (bend == 4)
			block[end - 48] ^= 1;
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(rs->pkey, NULL);
		must(EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1 &&
		     EVP_PKEY_sign(context, signature, &length, block, 256) == 1, "raw RSA");
		EVP_PKEY_CTX_free(context);
		snprintf(out, sizeof out, "%s.", token);
		append(out, signature, 256);
		snprintf(name, sizeof name, "RSA: %s", bends[bend]);
		put(name, rs->alg, rs->public, out);
	}
	static const struct {
		const char *name;
		int salt;
	} salts[] = { { "PSS: no salt", 0 }, { "PSS: salt of 31", 31 }, { "PSS: salt of 32", 32 }, { "PSS: the longest salt", RSA_PSS_SALTLEN_MAX } };
	for (size_t i = 0; i < sizeof salts / sizeof *salts; i++) {
		plain(ps, token);
		*strrchr(token, '.') = 0;
		size_t length = sign(ps, token, salts[i].salt, signature);
		add(token, ".");
		append(token, signature, length);
		put(salts[i].name, ps->alg, ps->public, token);
	}
	/* each with the other's padding: the key says nothing of its algorithm then */
	char *key = copy(rs->public), *own = strstr(key, ",\"alg\":\"RS256\"");
	must(own != NULL, "alg");
	memmove(own, own + 14, strlen(own + 14) + 1);
	plain(rs, token);
	put("RSA: RS256 where PS256 is wanted", "PS256", key, token);
	plain(ps, token);
	put("RSA: PS256 where RS256 is wanted", "RS256", key, token);
	token_of(rs, "{\"alg\":\"PS256\"}", PAYLOAD, strlen(PAYLOAD), token);
	put("RSA: PKCS #1 under the name PS256", "PS256", key, token);
	put("RSA: no alg in the key", "PS256", key, token);
	/* a zero byte before, one less */
	plain(rs, token);
	long length = base64url_decode(strrchr(token, '.') + 1, strlen(strrchr(token, '.') + 1), signature + 1);
	must(length == 256, "a signature");
	signature[0] = 0;
	with_signature(token, signature, 257, out);
	put("RSA: a zero byte before", rs->alg, key, out);
	with_signature(token, signature + 1, 255, out);
	put("RSA: 255 bytes", rs->alg, key, out);
	/* the public key as a secret that everybody knows */
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_length = 0;
	*token = 0;
	append(token, "{\"alg\":\"HS256\"}", 15);
	add(token, ".");
	append(token, PAYLOAD, strlen(PAYLOAD));
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	must(PEM_write_bio_PUBKEY(bio, rs->pkey) == 1, "PEM");
	long pem_length = BIO_get_mem_data(bio, &pem);
	must(HMAC(EVP_sha256(), pem, (int)pem_length, (unsigned char *)token, strlen(token), mac, &mac_length) != NULL, "HMAC");
	add(token, ".");
	append(token, mac, mac_length);
	put("RSA: HS256 with the public key", "RS256", key, token);
	BIO_free(bio);
	free(key);
	*token = 0;
	append(token, "{\"alg\":\"none\"}", 14);
	add(token, ".");
	append(token, PAYLOAD, strlen(PAYLOAD));
	add(token, ".");
	put("RSA: none, without a signature", "RS256", rs->public, token);
}

/* A good token, and what is odd about the key. */
static void put_keys(const struct signer *s, const struct signer *other, const struct signer *larger)
{
	static const struct {
		const char *name, *from, *to; /* of the key's text */
	} cases[] = {
		{ "use enc", "\"use\":\"sig\"", "\"use\":\"enc\"" }, { "use of a number", "\"use\":\"sig\"", "\"use\":1" }, { "no use", ",\"use\":\"sig\"", "" },
		{ "key_ops verify", "\"use\":\"sig\"", "\"key_ops\":[\"verify\"]" }, { "key_ops sign", "\"use\":\"sig\"", "\"key_ops\":[\"sign\"]" },
		{ "key_ops twice verify", "\"use\":\"sig\"", "\"key_ops\":[\"verify\",\"verify\"]" }, { "key_ops empty", "\"use\":\"sig\"", "\"key_ops\":[]" },
		{ "key_ops no list", "\"use\":\"sig\"", "\"key_ops\":\"verify\"" },
		{ "key_ops and use disagree", "\"use\":\"sig\"", "\"use\":\"sig\",\"key_ops\":[\"verify\",\"encrypt\"]" },
		{ "alg of another", "\"alg\":\"ES256\"", "\"alg\":\"ES384\"" }, { "alg unknown", "\"alg\":\"ES256\"", "\"alg\":\"XS256\"" }, { "no alg", "\"alg\":\"ES256\",", "" },
		{ "kty EC in lower case", "\"kty\":\"EC\"", "\"kty\":\"ec\"" }, { "no kty", "\"kty\":\"EC\",", "" }, { "kty twice", "\"kty\":\"EC\"", "\"kty\":\"RSA\",\"kty\":\"EC\"" },
		{ "crv of another", "\"crv\":\"P-256\"", "\"crv\":\"P-384\"" }, { "crv secp256k1", "\"crv\":\"P-256\"", "\"crv\":\"secp256k1\"" },
		{ "kid of a number", "\"kid\":\"", "\"kid\":1,\"x-\":\"" }, { "x of padding", "\",\"y\":\"", "=\",\"y\":\"" }, { "x and a letter", "\",\"y\":\"", "A\",\"y\":\"" },
		{ "x5c of nothing", "\"use\":\"sig\"", "\"x5c\":[]" }, { "x5c of rubbish", "\"use\":\"sig\"", "\"x5c\":[\"AAAA\"]" }, { "odd member", "\"use\":\"sig\"", "\"odd\":{\"x\":1}" },
	};
	char token[TEXT], key[TEXT], name[64];
	plain(s, token);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *at = strstr(s->public, cases[i].from);
		must(at != NULL, cases[i].name);
		int length = snprintf(key, sizeof key, "%.*s%s%s", (int)(at - s->public), s->public, cases[i].to, at + strlen(cases[i].from));
		must(length > 0 && length < TEXT, "room");
		snprintf(name, sizeof name, "key: %s", cases[i].name);
		put(name, s->alg, key, token);
	}
	put("key: the private one", s->alg, s->secret, token);
	put("key: of somebody else", s->alg, other->public, token);
	/* y off by one letter: no point of the curve */
	snprintf(key, sizeof key, "%s", s->public);
	char *y = strstr(key, "\"y\":\"") + 5;
	*y = *y == 'A' ? 'B' : 'A';
	put("key: off the curve", s->alg, key, token);
	put("key: symmetric", s->alg, "{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", token);
	put("key: none", s->alg, "{}", token);
	/* The name of one algorithm, the curve of another: signed with P-384 and SHA-256. */
	char curve_key[TEXT], *own;
	snprintf(curve_key, sizeof curve_key, "%s", larger->public);
	own = strstr(curve_key, "\"alg\":\"ES384\",");
	must(own != NULL, "alg");
	memmove(own, own + 14, strlen(own + 14) + 1);
	struct signer mixed = *larger;
	mixed.alg = "ES256";
	plain(&mixed, token);
	put("key: ES256 with P-384", "ES256", curve_key, token);
}

/* Weak keys have no place in our own reader, so their text is made by hand. */
static void put_weak_rsa(const char *name, unsigned bits, unsigned long exponent)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new(), *n = NULL;
	EVP_PKEY *pkey = NULL;
	must(BN_set_word(e, exponent) == 1 && EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) == 1 &&
	     EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e) == 1 && EVP_PKEY_keygen(context, &pkey) == 1 &&
	     EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1, "a weak key");
	unsigned char bytes[1024];
	char modulus[1400], key[2048], token[TEXT];
	int length = BN_bn2bin(n, bytes);
	base64url_encode(bytes, (size_t)length, modulus);
	snprintf(key, sizeof key, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", modulus, exponent == 3 ? "Aw" : "AQAB");
	struct signer s = { JOSE_RS256, "RS256", pkey, NULL, NULL };
	plain(&s, token);
	put(name, "RS256", key, token);
	if (exponent != 3 && bits >= 2048) {
		memmove(bytes + 1, bytes, (size_t)length);
		bytes[0] = 0;
		base64url_encode(bytes, (size_t)length + 1, modulus);
		snprintf(key, sizeof key, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}", modulus);
		put("RSA: a zero byte before the modulus", "RS256", key, token);
	}
	BN_free(e);
	BN_free(n);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(context);
}

int main(void)
{
	struct signer signers[JOSE_ALGORITHMS] = { { JOSE_NONE, NULL, NULL, NULL, NULL } }, other;
	EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *curves[] = { EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
	                       EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521") };
	EVP_PKEY *stranger = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	char name[64], token[TEXT];
	for (int a = JOSE_NONE + 1; a < JOSE_ALGORITHMS; a++) {
		signer_take(&signers[a], (enum jose_algorithm)a, a < JOSE_ES256 ? rsa : a <= JOSE_ES512 ? curves[a - JOSE_ES256] : edwards);
		for (int i = 0; i < 4; i++) { /* some of whose numbers begin with zeros, sooner or later */
			snprintf(name, sizeof name, "good: %s", signers[a].alg);
			plain(&signers[a], token);
			put(name, signers[a].alg, signers[a].public, token);
		}
		token[strlen(token) - 20] ^= 1;
		snprintf(name, sizeof name, "bad signature: %s", signers[a].alg);
		put(name, signers[a].alg, signers[a].public, token);
	}
	signer_take(&other, JOSE_ES256, stranger);
	put_headers(&signers[JOSE_ES256]);
	put_payloads(&signers[JOSE_ES256]);
	put_shapes(&signers[JOSE_ES256]);
	put_elliptic(&signers[JOSE_ES256]);
	put_edwards(&signers[JOSE_EDDSA]);
	put_rsa(&signers[JOSE_RS256], &signers[JOSE_PS256]);
	put_keys(&signers[JOSE_ES256], &other, &signers[JOSE_ES384]);
	put_weak_rsa("RSA: 1024 bits", 1024, 65537);
	put_weak_rsa("RSA: exponent 3", 2048, 3);
	put_weak_rsa("RSA: 2048 bits", 2048, 65537);
	for (int a = JOSE_NONE + 1; a < JOSE_ALGORITHMS; a++)
		signer_free(&signers[a]);
	signer_free(&other);
	EVP_PKEY *keys[] = { rsa, edwards, curves[0], curves[1], curves[2], stranger };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}
