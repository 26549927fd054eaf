#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base64url.h"
#include "buffer.h"
#include "jws.h"

#define EVERYTHING (~0u)
#define PAYLOAD "{\"iss\":\"https://idp.example\",\"sub\":\"u\"}"

/* Key (a JWK), token: of the RFCs. */
static const struct {
	const char *name, *jwk, *token;
} vectors[] = {
	{ "RFC 7515 A.2",
	  "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
	  "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Z"
	  "wKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
	  "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	  "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--"
	  "f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipU"
	  "TI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
	{ "RFC 7515 A.3",
	  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	  "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
	{ "RFC 7515 A.4",
	  "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":"
	  "\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
	  "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2Y"
	  "BJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn" },
	{ "RFC 8037 A.4", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
	  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
	{ "RFC 7520 4.1",
	  "{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O"
	  "-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1"
	  "FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHd"
	  "rNP5zw\",\"e\":\"AQAB\"}",
	  "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXI"
	  "gZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN"
	  "3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4"
	  "JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U1"
	  "2podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg" },
	{ "RFC 7520 4.2",
	  "{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O"
	  "-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1"
	  "FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHd"
	  "rNP5zw\",\"e\":\"AQAB\"}",
	  "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXI"
	  "gZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN"
	  "3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbX"
	  "UvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2"
	  "_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw" },
	{ "RFC 7520 4.3",
	  "{\"kty\":\"EC\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"crv\":\"P-521\",\"x\":\"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13"
	  "nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\",\"y\":\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGf"
	  "P-HqHZR1\"}",
	  "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXI"
	  "gZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN"
	  "3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-k"
	  "vAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2" },
};

static int read_key(const char *text, int private, struct jwk **key, struct failure *failure)
{
	struct json json = { 0 };
	assert_int_equal(json_parse(text, strlen(text), &json_limits_document, &json, NULL), EMA_OK);
	int code = private ? jwk_parse_private(&json, json_root(&json), key, failure) : jwk_parse(&json, json_root(&json), key, failure);
	json_free(&json);
	return code;
}

/* The code of parsing and verifying. */
static int check(const char *token, size_t length, const struct jwk *key, unsigned allowed)
{
	struct jws jws;
	struct failure failure = FAILURE_INIT;
	/* exactly as long as it says, for sanitizers */
	char *copy = malloc(length ? length : 1);
	memcpy(copy, token, length);
	int code = jws_parse(copy, length, &jws, &failure);
	if (!code) {
		code = jws_verify(&jws, key, allowed, &failure);
		jws_free(&jws);
	}
	assert_int_equal(failure.code, code);
	assert_int_equal(code != EMA_OK, failure.text[0] != 0);
	free(copy);
	return code;
}

static char *sign(const struct jwk *key, enum jose_algorithm algorithm, const char *type, const char *more)
{
	char *token = NULL;
	assert_int_equal(jws_sign(key, algorithm, type, more, PAYLOAD, strlen(PAYLOAD), &token, NULL), EMA_OK);
	return token;
}

/* JWT-21 JWT-28 JWT-10: tokens that others made verify, and with any byte changed they do not. */
static void vectors_of_the_rfcs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct jwk *key = NULL;
		struct failure failure = FAILURE_INIT;
		if (read_key(vectors[i].jwk, 0, &key, &failure))
			fail_msg("%s: %s", vectors[i].name, failure.text);
		size_t length = strlen(vectors[i].token);
		int code = check(vectors[i].token, length, key, EVERYTHING);
		if (code)
			fail_msg("%s: %d", vectors[i].name, code);
		char *bent = strdup(vectors[i].token);
		for (size_t at = 0; at < length; at += 5) {
			char was = bent[at];
			bent[at] = was == 'A' ? 'B' : 'A';
			assert_int_not_equal(check(bent, length, key, EVERYTHING), EMA_OK);
			bent[at] = was;
		}
		for (size_t other = 0; other < sizeof vectors / sizeof *vectors; other++)
			if (strcmp(vectors[other].jwk, vectors[i].jwk)) /* two vectors have one key */
				assert_int_not_equal(check(vectors[other].token, strlen(vectors[other].token), key, EVERYTHING), EMA_OK);
		free(bent);
		jwk_free(key);
	}
}

/* JWT-12 JWT-27 JWT-35: each algorithm signs and verifies; a key that says its algorithm works with no other. */
static void every_algorithm(void **state)
{
	(void)state;
	for (int a = JOSE_NONE + 1; a < JOSE_ALGORITHMS; a++) {
		struct jwk *key = NULL, *public = NULL, *again = NULL;
		/* Minutes under valgrind, for each key of RSA that is made, on the same way but for the digest's name. */
		if (getenv("VALGRIND") && (a == JOSE_RS384 || a == JOSE_RS512 || a == JOSE_PS384 || a == JOSE_PS512))
			continue;
		assert_int_equal(jwk_generate((enum jose_algorithm)a, &key, NULL), EMA_OK);
		assert_string_equal(jwk_kid(key), jwk_thumbprint(key));
		char *text = jwk_print(key, 0), *secret = jwk_print(key, 1);
		assert_int_equal(read_key(text, 0, &public, NULL), EMA_OK);
		assert_int_equal(read_key(secret, 1, &again, NULL), EMA_OK);
		assert_int_equal(read_key(secret, 0, &again, NULL), EMA_BAD_CLAIM);
		assert_null(jwk_print(public, 1));
		assert_string_equal(jwk_thumbprint(public), jwk_thumbprint(key));
		char *token = sign(again, (enum jose_algorithm)a, "at+jwt", ",\"x\":[1]");
		assert_int_equal(check(token, strlen(token), public, JOSE_BIT(a)), EMA_OK);
		assert_int_equal(check(token, strlen(token), public, EVERYTHING & ~JOSE_BIT(a)), EMA_BAD_ALGORITHM);
		int edwards = a == JOSE_EDDSA || a == JOSE_ED25519;
		for (int other = JOSE_NONE; other < JOSE_ALGORITHMS; other++)
			assert_int_equal(jwk_fits(public, (enum jose_algorithm)other) != 0,
			                 other == a || (edwards && (other == JOSE_EDDSA || other == JOSE_ED25519)));
		char *unsigned_token = NULL;
		assert_int_equal(jws_sign(public, (enum jose_algorithm)a, NULL, "", "{}", 2, &unsigned_token, NULL), EMA_BAD_ALGORITHM);
		assert_null(unsigned_token);
		struct jws jws;
		struct json claims = { 0 };
		assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
		assert_string_equal(jws.type, "at+jwt");
		assert_string_equal(jws.kid, jwk_kid(key));
		assert_int_equal(jws_claims(&jws, &claims, NULL), EMA_OK);
		assert_string_equal(json_string(json_at(&claims, "/sub")), "u");
		json_free(&claims);
		jws_free(&jws);
		free(token);
		free(text);
		free(secret);
		jwk_free(key);
		jwk_free(public);
		jwk_free(again);
	}
}

/* header.payload.signature with the letters that these bytes have; the signature is of so many zero bytes. */
static char *forge(const char *header, size_t header_length, const char *payload, size_t payload_length, size_t signature)
{
	static const unsigned char zeros[2048];
	char *token = malloc(BASE64URL_ROOM(header_length) + BASE64URL_ROOM(payload_length) + BASE64URL_ROOM(signature) + 3);
	size_t at = base64url_encode(header, header_length, token);
	token[at++] = '.';
	at += base64url_encode(payload, payload_length, token + at);
	token[at++] = '.';
	base64url_encode(zeros, signature, token + at);
	return token;
}

static int parse(const char *token, size_t length)
{
	struct jws jws;
	int code = jws_parse(token, length, &jws, NULL);
	if (!code)
		jws_free(&jws);
	return code;
}

/* JWT-01 JWT-11 JWT-13 JWT-16 JWT-17 JWT-19 JWT-20: headers, and what becomes of them. */
static void headers(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		int code;
	} cases[] = {
		{ "{\"alg\":\"ES256\"}", EMA_OK },
		{ " {\n\"alg\" : \"ES256\" } ", EMA_OK },
		{ "{\"alg\":\"none\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"None\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"noNE\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"NONE\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"\"}", EMA_BAD_ALGORITHM },
		{ "{}", EMA_BAD_ALGORITHM },
		{ "{\"Alg\":\"ES256\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":null}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":[\"ES256\"]}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"RS256 \"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"rs256\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"HS256\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"ES256K\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"Ed448\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}", EMA_BAD_ALGORITHM },
		{ "{\"alg\":\"none\",\"\\u0061lg\":\"ES256\"}", EMA_DUPLICATE_MEMBER },
		{ "{\"alg\":\"ES256\",\"crit\":[]}", EMA_CRITICAL_HEADER },
		{ "{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", EMA_CRITICAL_HEADER },
		{ "{\"alg\":\"ES256\",\"crit\":null}", EMA_CRITICAL_HEADER },
		{ "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", EMA_CRITICAL_HEADER },
		{ "{\"alg\":\"ES256\",\"b64\":false}", EMA_CRITICAL_HEADER },
		{ "{\"alg\":\"ES256\",\"cty\":\"JWT\"}", EMA_WRONG_TYPE },
		{ "{\"alg\":\"ES256\",\"cty\":\"application/jwt\"}", EMA_WRONG_TYPE },
		{ "{\"alg\":\"ES256\",\"cty\":1}", EMA_WRONG_TYPE },
		{ "{\"alg\":\"ES256\",\"kid\":1}", EMA_MALFORMED },
		{ "{\"alg\":\"ES256\",\"kid\":\"\"}", EMA_MALFORMED },
		{ "{\"alg\":\"ES256\",\"kid\":\"../../etc/passwd\"}", EMA_OK },
		{ "{\"alg\":\"ES256\",\"kid\":\"' OR 1=1 --\\\"\\n\"}", EMA_OK },
		{ "{\"alg\":\"ES256\",\"jku\":\"https://evil.example/\",\"jwk\":{},\"x5u\":\"\",\"x5c\":[]}", EMA_OK },
		{ "[\"alg\"]", EMA_BAD_JSON },
		{ "\"ES256\"", EMA_BAD_JSON },
		{ "{\"alg\":\"ES256\"}x", EMA_BAD_JSON },
		{ "\xef\xbb\xbf{\"alg\":\"ES256\"}", EMA_BAD_JSON },
		{ "{\"alg\":\"ES256\",\"x\":\"\\u0000\"}", EMA_BAD_JSON },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *token = forge(cases[i].header, strlen(cases[i].header), "{}", 2, 64);
		int code = parse(token, strlen(token));
		if (code != cases[i].code)
			fail_msg("%s: %d", cases[i].header, code);
		free(token);
	}
	static const struct {
		const char *token;
		int code;
	} shapes[] = {
		{ "", EMA_MALFORMED }, { ".", EMA_MALFORMED }, { "..", EMA_MALFORMED }, { "e30.e30", EMA_MALFORMED }, { "e30..AA", EMA_MALFORMED },
		{ ".e30.AA", EMA_MALFORMED }, { "e30.e30.AA.AA", EMA_MALFORMED }, { "e30.e30.AA.AA.AA", EMA_ENCRYPTED },
		{ "e30.e30.AA.AA.AA.AA", EMA_MALFORMED }, { "{\"payload\":\"e30\",\"signatures\":[]}", EMA_BAD_ENCODING },
		{ "eyJhbGciOiJub25lIn0.e30.", EMA_BAD_ALGORITHM }, { "eyJhbGciOiJFUzI1NiJ9.e31.", EMA_BAD_ENCODING }, { "eyJhbGciOiJFUzI1NiJ9.e30.AB", EMA_BAD_ENCODING },
	};
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		assert_int_equal(parse(shapes[i].token, strlen(shapes[i].token)), shapes[i].code);
}

/* JWT-14 JWT-15: typ as a media type. */
static void types(void **state)
{
	(void)state;
	static const struct {
		const char *typ, *type; /* NULL: refused */
	} cases[] = {
		{ "oauth-id-jag+jwt", "oauth-id-jag+jwt" }, { "OAUTH-ID-JAG+JWT", "oauth-id-jag+jwt" }, { "application/oauth-id-jag+jwt", "oauth-id-jag+jwt" },
		{ "Application/At+Jwt", "at+jwt" }, { "JWT", "jwt" }, { "x/oauth-id-jag+jwt", "x/oauth-id-jag+jwt" }, { "at+jwt; v=1", NULL }, { "", NULL },
		{ "application/", NULL }, { "application/application/at+jwt", NULL }, { "at+jwt ", NULL }, { "at\\u002bjwt", "at+jwt" }, { "\xc4\xb0wt", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char header[256];
		struct jws jws;
		snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"typ\":\"%s\"}", cases[i].typ);
		char *token = forge(header, strlen(header), "{}", 2, 64);
		assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), cases[i].type ? EMA_OK : EMA_WRONG_TYPE);
		if (cases[i].type) {
			assert_string_equal(jws.type, cases[i].type);
			jws_free(&jws);
		}
		free(token);
	}
	struct jws jws;
	assert_int_equal(jws_parse(vectors[1].token, strlen(vectors[1].token), &jws, NULL), EMA_OK);
	assert_string_equal(jws.type, "");
	assert_null(jws.kid);
	jws_free(&jws);
}

/* JWT-04 JWT-17: one byte over each limit. */
static void sizes(void **state)
{
	(void)state;
	static const struct {
		size_t header, payload, signature, kid;
		int code;
	} cases[] = {
		{ 4096, 100, 64, 1, EMA_OK }, { 4097, 100, 64, 1, EMA_TOO_LARGE }, { 100, 11800, 64, 1, EMA_OK }, { 30, 12200, 64, 1, EMA_TOO_LARGE },
		{ 100, 100, 1024, 1, EMA_OK }, { 100, 100, 1025, 1, EMA_TOO_LARGE }, { 400, 2, 64, 256, EMA_OK }, { 400, 2, 64, 257, EMA_TOO_LARGE },
		{ 10100, 2, 64, 10000, EMA_TOO_LARGE },
		/* 16,384 bytes, and one more, where each part by itself is small enough */
		{ 100, 12121, 64, 1, EMA_OK }, { 101, 12121, 64, 1, EMA_TOO_LARGE },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *header = malloc(cases[i].header + 1), *payload = malloc(cases[i].payload), kid[10001];
		memset(kid, 'k', sizeof kid);
		kid[cases[i].kid] = 0;
		memset(header, ' ', cases[i].header);
		memset(payload, ' ', cases[i].payload);
		int length = snprintf(header, cases[i].header, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
		header[length] = ' ';
		char *token = forge(header, cases[i].header, payload, cases[i].payload, cases[i].signature);
		if (cases[i].payload == 12121)
			assert_int_equal(strlen(token), cases[i].code ? JWS_BYTES_MOST + 1 : 16384);
		assert_int_equal(parse(token, strlen(token)), cases[i].code);
		free(token);
		free(header);
		free(payload);
	}
}

/* JWT-02: each byte in each part: only letters get past the first look, and none verifies. */
static void every_byte_inserted(void **state)
{
	(void)state;
	struct jwk *key = NULL;
	const char *token = vectors[1].token;
	size_t length = strlen(token), places[] = { 0, 10, 20, 21, 40, length - 20, length };
	assert_int_equal(read_key(vectors[1].jwk, 0, &key, NULL), EMA_OK);
	char *bent = malloc(length + 1);
	for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
		for (int c = 0; c < 256; c++) {
			memcpy(bent, token, places[p]);
			bent[places[p]] = (char)c;
			memcpy(bent + places[p] + 1, token + places[p], length - places[p]);
			int code = check(bent, length + 1, key, EVERYTHING);
			int letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
			assert_int_not_equal(code, EMA_OK);
			if (!letter)
				assert_int_equal(code, EMA_BAD_ENCODING);
		}
	}
	for (size_t cut = 0; cut < length; cut++)
		assert_int_not_equal(check(token, cut, key, EVERYTHING), EMA_OK);
	free(bent);
	jwk_free(key);
}

/* The vector's signing input with another signature. */
static int check_signature(size_t vector, const unsigned char *signature, size_t length, const struct jwk *key)
{
	const char *token = vectors[vector].token, *end = strrchr(token, '.') + 1;
	char bent[2048];
	memcpy(bent, token, (size_t)(end - token));
	size_t letters = base64url_encode(signature, length, bent + (end - token));
	return check(bent, (size_t)(end - token) + letters, key, EVERYTHING);
}

/* JWT-25: r and s of 0, n and beyond, DER, and every wrong length. */
static void ecdsa_is_exact(void **state)
{
	(void)state;
	static const unsigned char n[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                     0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	struct jwk *key = NULL;
	unsigned char good[64], bad[160] = { 0 };
	assert_int_equal(read_key(vectors[1].jwk, 0, &key, NULL), EMA_OK);
	assert_int_equal(base64url_decode(strrchr(vectors[1].token, '.') + 1, 86, good), 64);
	assert_int_equal(check_signature(1, good, 64, key), EMA_OK);
	assert_int_equal(check_signature(1, bad, 64, key), EMA_BAD_SIGNATURE);
	for (int half = 0; half < 2; half++) {
		for (int kind = 0; kind < 3; kind++) {
			memcpy(bad, good, 64);
			memset(bad + 32 * half, 0, 32);
			if (kind)
				memcpy(bad + 32 * half, n, 32);
			if (kind == 2)
				memset(bad + 32 * half, 0xff, 32);
			assert_int_equal(check_signature(1, bad, 64, key), EMA_BAD_SIGNATURE);
		}
	}
	memcpy(bad, good, 64);
	for (size_t length = 0; length < 140; length++)
		if (length != 64)
			assert_int_equal(check_signature(1, bad, length, key), EMA_BAD_SIGNATURE);
	/* the same signature in DER: r of this vector has no high bit, s has one */
	unsigned char der[72] = { 0x30 };
	size_t at = 2;
	for (int half = 0; half < 2; half++) {
		size_t sign = good[32 * half] >> 7;
		der[at++] = 2;
		der[at++] = (unsigned char)(32 + sign);
		if (sign)
			der[at++] = 0;
		memcpy(der + at, good + 32 * half, 32);
		at += 32;
	}
	der[1] = (unsigned char)(at - 2);
	assert_int_equal(check_signature(1, der, at, key), EMA_BAD_SIGNATURE);
	jwk_free(key);
}

/* JWT-26: S + L is the same signature to a careless verifier. */
static void eddsa_is_exact(void **state)
{
	(void)state;
	static const unsigned char order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	                                         [31] = 0x10 };
	struct jwk *key = NULL;
	unsigned char good[64], bad[64];
	assert_int_equal(read_key(vectors[3].jwk, 0, &key, NULL), EMA_OK);
	assert_int_equal(base64url_decode(strrchr(vectors[3].token, '.') + 1, 86, good), 64);
	assert_int_equal(check_signature(3, good, 64, key), EMA_OK);
	memcpy(bad, good, 64);
	unsigned carry = 0;
	for (size_t i = 0; i < 32; i++) {
		carry += good[32 + i] + order[i];
		bad[32 + i] = (unsigned char)carry;
		carry >>= 8;
	}
	assert_int_equal(check_signature(3, bad, 64, key), EMA_BAD_SIGNATURE);
	memcpy(bad + 32, order, 32);
	assert_int_equal(check_signature(3, bad, 64, key), EMA_BAD_SIGNATURE);
	memset(bad, 0, sizeof bad);
	assert_int_equal(check_signature(3, bad, 64, key), EMA_BAD_SIGNATURE);
	assert_int_equal(check_signature(3, good, 63, key), EMA_BAD_SIGNATURE);
	jwk_free(key);
}

/* What the private key makes of block, without any padding of its own. */
static void raw_rsa(EVP_PKEY *pkey, const unsigned char *block, unsigned char *signature)
{
	size_t length = 256;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_sign(context, signature, &length, block, 256), 1);
	EVP_PKEY_CTX_free(context);
}

/* JWT-24: padding that a lax verifier takes, a wrong salt and a wrong MGF1. */
static void rsa_is_exact(void **state)
{
	(void)state;
	static const unsigned char info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 0x04, 0x20 };
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	struct jwk *key = NULL;
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	long pem_length = BIO_get_mem_data(bio, &pem);
	assert_int_equal(jwk_parse_pem(pem, (size_t)pem_length, JOSE_NONE, &key, NULL), EMA_OK);
	BIO_free(bio);
	static const char rs[] = "eyJhbGciOiJSUzI1NiJ9.e30", ps[] = "eyJhbGciOiJQUzI1NiJ9.e30";
	/* how the block is bent: 0 not at all, so that we know that the rest of it is right */
	for (int bend = 0; bend < 6; bend++) {
		unsigned char block[256], signature[256], hash[32];
		char token[512];
		assert_int_equal(EVP_Digest(rs, strlen(rs), hash, NULL, EVP_sha256(), NULL), 1);
		memset(block, 0xff, sizeof block);
		size_t end = bend == 1 ? 200 : bend == 2 ? 80 : 256; /* bytes after it: the forgery of 2006 */
		block[0] = 0;
		block[1] = bend == 3 ? 2 : 1;
		block[end - 52] = 0;
		memcpy(block + end - 51, info, sizeof info);
		memcpy(block + end - 32, hash, 32);
		if (bend == 4)
			block[20] = 0xfe;
		if (bend == 5)
			block[end - 51 + 3] ^= 1;
		raw_rsa(pkey, block, signature);
		size_t at = (size_t)snprintf(token, sizeof token, "%s.", rs);
		at += base64url_encode(signature, sizeof signature, token + at);
		assert_int_equal(check(token, at, key, EVERYTHING), bend ? EMA_BAD_SIGNATURE : EMA_OK);
	}
	static const struct {
		int salt, code;
		const char *hash, *mgf;
	} salts[] = {
		{ 32, EMA_OK, "SHA256", "SHA256" }, { 0, EMA_BAD_SIGNATURE, "SHA256", "SHA256" }, { 31, EMA_BAD_SIGNATURE, "SHA256", "SHA256" },
		{ 222, EMA_BAD_SIGNATURE, "SHA256", "SHA256" }, { 32, EMA_BAD_SIGNATURE, "SHA256", "SHA1" }, { 32, EMA_BAD_SIGNATURE, "SHA384", "SHA256" },
	};
	for (size_t i = 0; i < sizeof salts / sizeof *salts; i++) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		EVP_PKEY_CTX *inner = NULL;
		unsigned char signature[256];
		size_t length = sizeof signature;
		char token[512];
		assert_int_equal(EVP_DigestSignInit_ex(context, &inner, salts[i].hash, NULL, NULL, pkey, NULL), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(inner, salts[i].mgf, NULL), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salts[i].salt), 1);
		assert_int_equal(EVP_DigestSign(context, signature, &length, (const unsigned char *)ps, strlen(ps)), 1);
		EVP_MD_CTX_free(context);
		size_t at = (size_t)snprintf(token, sizeof token, "%s.", ps);
		at += base64url_encode(signature, length, token + at);
		assert_int_equal(check(token, at, key, EVERYTHING), salts[i].code);
	}
	jwk_free(key);
	EVP_PKEY_free(pkey);
}

#define SIGNATURES 1000
#define KEYS_EVERY 250

static int by_r(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/*
 * JWT-25 JWT-27: a nonce that comes twice gives the key away, and shows as an r that comes twice. Numbers with a leading zero, one in 256,
 * are those that a careless way between r||s and DER gets wrong. EMA_SIGNATURES says how many; scripts/sweep makes 100,000.
 */
static void nonces_differ(void **state)
{
	static const struct {
		enum jose_algorithm algorithm;
		size_t field, part; /* one in so many: the larger curves take long */
	} curves[] = { { JOSE_ES256, 32, 1 }, { JOSE_ES384, 48, 10 }, { JOSE_ES512, 66, 10 } };
	const char *wanted = getenv("EMA_SIGNATURES");
	long most = wanted ? strtol(wanted, NULL, 10) : SIGNATURES;
	(void)state;
	assert_in_range(most, 100, 10000000);
	for (size_t c = 0; c < sizeof curves / sizeof *curves; c++) {
		size_t count = (size_t)most / curves[c].part, zeros = 0;
		unsigned char (*seen)[32] = calloc(count, 32);
		struct jwk *key = NULL;
		assert_non_null(seen);
		for (size_t i = 0; i < count; i++) {
			unsigned char signature[132];
			if (i % KEYS_EVERY == 0) {
				jwk_free(key);
				key = NULL;
				assert_int_equal(jwk_generate(curves[c].algorithm, &key, NULL), EMA_OK);
			}
			char *token = sign(key, curves[c].algorithm, NULL, "");
			size_t length = strlen(token), letters = BASE64URL_ROOM(2 * curves[c].field);
			assert_int_equal(check(token, length, key, EVERYTHING), EMA_OK);
			assert_int_equal(base64url_decode(token + length - letters, letters, signature), 2 * curves[c].field);
			memcpy(seen[i], signature + curves[c].field - 32, 32);
			zeros += !signature[0] + !signature[curves[c].field];
			free(token);
		}
		qsort(seen, count, sizeof *seen, by_r);
		for (size_t i = 1; i < count; i++)
			assert_memory_not_equal(seen[i - 1], seen[i], 32);
		if (count > 5000)
			assert_true(zeros > 0);
		jwk_free(key);
		free(seen);
	}
}

#define THREADS 8
static struct jwk *shared_keys[JOSE_ALGORITHMS];
static char *shared_tokens[JOSE_ALGORITHMS];

/* One RSA key for each padding is enough: they take long to make. */
static int shared(int a)
{
	return a == JOSE_RS256 || a == JOSE_PS256 || a >= JOSE_ES256;
}

static void *verify_much(void *data)
{
	int *bad = data;
	for (int round = 0; round < 40; round++) {
		for (int a = JOSE_NONE + 1; a < JOSE_ALGORITHMS; a++) {
			if (!shared(a))
				continue;
			struct jws jws;
			char *made = NULL;
			*bad |= jws_parse(shared_tokens[a], strlen(shared_tokens[a]), &jws, NULL) || jws_verify(&jws, shared_keys[a], EVERYTHING, NULL);
			if (a != JOSE_RS256)
				jws.payload_length--; /* not what was signed */
			else
				jws.signature[9] ^= 1;
			*bad |= jws_verify(&jws, shared_keys[a], EVERYTHING, NULL) != EMA_BAD_SIGNATURE;
			if (a >= JOSE_ES256)
				*bad |= jws_sign(shared_keys[a], (enum jose_algorithm)a, NULL, "", "{}", 2, &made, NULL);
			free(made);
			jws_free(&jws);
		}
	}
	return NULL;
}

/* JWT-12: a key belongs to no thread: eight of them use the same ones at once. */
static void keys_are_shared_by_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	int bad[THREADS] = { 0 };
	for (int a = JOSE_NONE + 1; a < JOSE_ALGORITHMS; a++) {
		if (!shared(a))
			continue;
		assert_int_equal(jwk_generate((enum jose_algorithm)a, &shared_keys[a], NULL), EMA_OK);
		shared_tokens[a] = sign(shared_keys[a], (enum jose_algorithm)a, "x", "");
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, verify_much, &bad[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(bad[i], 0);
	}
	for (int a = JOSE_NONE + 1; a < JOSE_ALGORITHMS; a++) {
		jwk_free(shared_keys[a]);
		free(shared_tokens[a]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_rfcs),
		cmocka_unit_test(every_algorithm),
		cmocka_unit_test(headers),
		cmocka_unit_test(types),
		cmocka_unit_test(sizes),
		cmocka_unit_test(every_byte_inserted),
		cmocka_unit_test(ecdsa_is_exact),
		cmocka_unit_test(eddsa_is_exact),
		cmocka_unit_test(rsa_is_exact),
		cmocka_unit_test(nonces_differ),
		cmocka_unit_test(keys_are_shared_by_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
