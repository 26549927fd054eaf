#include "test.h"

#include <pthread.h>
#include <stdio.h>

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
			if (other != i)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_rfcs),
		cmocka_unit_test(every_algorithm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
