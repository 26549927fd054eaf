#include "test.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base64url.h"
#include "buffer.h"
#include "clock.h"
#include "dpop.h"
#include "forgetful.h"
#include "jws.h"
#include "secret.h"

#define NOW INT64_C(1800000000)
#define ENDPOINT "https://auth.acme.example/token"
#define TOKEN "an.access.token"

static int64_t wall(void *data)
{
	(void)data;
	return NOW * 1000;
}
static const struct clock test_clock = { wall, wall, NULL };

struct rig {
	struct store *store;
	struct jwk *key, *other;
	struct dpop_nonces *nonces;
};

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof *rig);
	struct memory_settings settings = { &test_clock, 1000, 0, 0 };
	assert_non_null(rig);
	assert_int_equal(store_memory(&settings, &rig->store, NULL), EMA_OK);
	assert_int_equal(jwk_generate(JOSE_ES256, &rig->key, NULL), EMA_OK);
	assert_int_equal(jwk_generate(JOSE_ED25519, &rig->other, NULL), EMA_OK);
	assert_int_equal(dpop_nonces_new(&rig->nonces, NULL), EMA_OK);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;
	store_free(rig->store);
	jwk_free(rig->key);
	jwk_free(rig->other);
	dpop_nonces_free(rig->nonces);
	free(rig);
	return 0;
}

/* A proof with this jwk in its header, NULL: the public half of key; type NULL: dpop+jwt. */
static char *proof_of(const struct jwk *key, enum jose_algorithm algorithm, const char *type, const char *jwk, const char *payload)
{
	struct buffer more = BUFFER_INIT((size_t)8192);
	char *own = jwk_print(key, 0), *out = NULL;
	assert_non_null(own);
	buffer_printf(&more, ",\"jwk\":%s", jwk ? jwk : own);
	assert_int_equal(jws_sign(key, algorithm, type ? type : "dpop+jwt", jwk && !*jwk ? "" : more.data, payload, strlen(payload), &out, NULL), EMA_OK);
	buffer_free(&more);
	free(own);
	return out;
}

static int check(struct rig *rig, const char *const *proofs, size_t count, const char *method, const char *url, const char *token, int nonce,
                 struct dpop_proof *out, struct failure *failure)
{
	struct dpop_request request = { .proofs = proofs, .proof_count = count, .method = method, .url = url, .token = token,
	                                .token_length = token ? strlen(token) : 0, .nonces = nonce ? rig->nonces : NULL, .store = rig->store,
	                                .now = NOW, .skew = 30, .store_ms = 1000 };
	return dpop_check(&request, out, failure);
}

static void payload_of(char out[1024], const char *jti, const char *htm, const char *htu, int64_t iat, const char *more)
{
	snprintf(out, 1024, "{\"jti\":\"%s\",\"htm\":\"%s\",\"htu\":\"%s\",\"iat\":%lld%s}", jti, htm, htu, (long long)iat, more);
}

/* JAG-99: one row for each rule of a proof. */
static void claims_of_a_proof(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *htm, *htu;
		int iat;
		const char *more;
		int code;
		const char *says;
	} rows[] = {
		{ "POST", ENDPOINT, 0, "", EMA_OK, NULL },
		{ "POST", ENDPOINT "?a=b", 0, "", EMA_OK, NULL },
		{ "POST", ENDPOINT "#f", 0, "", EMA_OK, NULL },
		{ "POST", "HTTPS://AUTH.acme.EXAMPLE:443/token", 0, "", EMA_OK, NULL },
		{ "POST", "https://auth.acme.example:/token", 0, "", EMA_OK, NULL },
		{ "POST", "https://auth.acme.example/%74oken", 0, "", EMA_OK, NULL },
		{ "POST", ENDPOINT, 30, "", EMA_OK, NULL },
		{ "POST", ENDPOINT, -90, "", EMA_OK, NULL },
		{ "POST", ENDPOINT, 0, ",\"x\":{}", EMA_OK, NULL },
		{ "POST", ENDPOINT, 0, ",\"nonce\":\"whatever\"", EMA_OK, NULL },
		{ "GET", ENDPOINT, 0, "", EMA_BAD_PROOF, "htm" },
		{ "post", ENDPOINT, 0, "", EMA_BAD_PROOF, "htm" },
		{ "POST", "https://auth.acme.example/token/", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "https://auth.acme.example/Token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "https://auth.acme.example/x/../token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "https://auth.acme.example/%2e/token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "https://auth.acme.example/tok%65n%2f", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "https://auth.acme.example:444/token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "http://auth.acme.example/token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "https://u@auth.acme.example/token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "https://evil.example/token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "/token", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", "", 0, "", EMA_BAD_PROOF, "htu" },
		{ "POST", ENDPOINT, 31, "", EMA_BAD_PROOF, "future" },
		{ "POST", ENDPOINT, -91, "", EMA_BAD_PROOF, "ago" },
		{ "POST", ENDPOINT, 0, ",\"exp\":1700000000", EMA_BAD_PROOF, "expired" },
		{ "POST", ENDPOINT, 0, ",\"nbf\":1900000000", EMA_BAD_PROOF, "nbf" },
		{ "POST", ENDPOINT, 0, ",\"exp\":\"soon\"", EMA_BAD_PROOF, "exp" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char payload[1024], jti[16];
		struct failure failure = FAILURE_INIT;
		struct dpop_proof proof = { "" };
		snprintf(jti, sizeof jti, "row-%zu", i);
		payload_of(payload, jti, rows[i].htm, rows[i].htu, NOW + rows[i].iat, rows[i].more);
		char *text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
		int code = check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 0, &proof, &failure);
		if (code != rows[i].code || (rows[i].says && !strstr(failure.text, rows[i].says)))
			fail_msg("row %zu: %d %s", i, code, failure.text);
		assert_string_equal(proof.thumbprint, code ? "" : jwk_thumbprint(rig->key));
		/* What was refused burned nothing; what was taken is taken once. */
		if (!code)
			assert_int_equal(check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 0, &proof, NULL), EMA_BAD_PROOF);
		free(text);
	}
}

/* JAG-99: claims that are absent or no strings. */
static void claims_that_lack(void **state)
{
	struct rig *rig = *state;
	static const struct { const char *payload, *says; } rows[] = {
		{ "{\"htm\":\"POST\",\"htu\":\"" ENDPOINT "\",\"iat\":1800000000}", "jti" },
		{ "{\"jti\":\"\",\"htm\":\"POST\",\"htu\":\"" ENDPOINT "\",\"iat\":1800000000}", "jti" },
		{ "{\"jti\":7,\"htm\":\"POST\",\"htu\":\"" ENDPOINT "\",\"iat\":1800000000}", "jti" },
		{ "{\"jti\":\"a\",\"htu\":\"" ENDPOINT "\",\"iat\":1800000000}", "htm" },
		{ "{\"jti\":\"a\",\"htm\":\"POST\",\"iat\":1800000000}", "htu" },
		{ "{\"jti\":\"a\",\"htm\":\"POST\",\"htu\":[\"" ENDPOINT "\"],\"iat\":1800000000}", "htu" },
		{ "{\"jti\":\"a\",\"htm\":\"POST\",\"htu\":\"" ENDPOINT "\"}", "iat" },
		{ "{\"jti\":\"a\",\"htm\":\"POST\",\"htu\":\"" ENDPOINT "\",\"iat\":\"1800000000\"}", "iat" },
		{ "{\"jti\":\"a\",\"jti\":\"b\",\"htm\":\"POST\",\"htu\":\"" ENDPOINT "\",\"iat\":1800000000}", "twice" },
		{ "[]", "object" },
	};
	char *text;
	struct dpop_proof proof;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct failure failure = FAILURE_INIT;
		text = proof_of(rig->key, JOSE_ES256, NULL, NULL, rows[i].payload);
		int code = check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 0, &proof, &failure);
		if (code != EMA_BAD_PROOF || !strstr(failure.text, rows[i].says))
			fail_msg("row %zu: %d %s", i, code, failure.text);
		free(text);
	}
	char payload[1024], jti[300];
	memset(jti, 'j', sizeof jti);
	jti[256] = 0;
	payload_of(payload, jti, "POST", ENDPOINT, NOW, "");
	text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
	assert_int_equal(check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 0, &proof, NULL), EMA_BAD_PROOF);
	free(text);
}

/* JAG-99, JWT-16: one header; its type, algorithm and key. */
static void headers_of_a_proof(void **state)
{
	struct rig *rig = *state;
	char payload[1024], *public = jwk_print(rig->other, 0), *private = jwk_print(rig->key, 1), *text;
	struct dpop_proof proof;
	payload_of(payload, "h", "POST", ENDPOINT, NOW, "");
	const struct {
		const char *type, *jwk, *says;
	} rows[] = {
		{ "at+jwt", NULL, "typ" },
		{ "jwt", NULL, "typ" },
		{ "client-authentication+jwt", NULL, "typ" },
		{ NULL, "", "no jwk" },
		{ NULL, "\"key\"", "no jwk" },
		{ NULL, private, "private" },
		{ NULL, "{\"kty\":\"oct\",\"k\":\"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U\"}", "" },
		{ NULL, public, "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct failure failure = FAILURE_INIT;
		text = proof_of(rig->key, JOSE_ES256, rows[i].type, rows[i].jwk, payload);
		int code = check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 0, &proof, &failure);
		if (code != EMA_BAD_PROOF || !strstr(failure.text, rows[i].says))
			fail_msg("row %zu: %d %s", i, code, failure.text);
		free(text);
	}
	text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
	const char *two[] = { text, text };
	assert_int_equal(check(rig, two, 2, "POST", ENDPOINT, NULL, 0, &proof, NULL), EMA_BAD_PROOF);
	assert_int_equal(check(rig, two, 0, "POST", ENDPOINT, NULL, 0, &proof, NULL), EMA_PROOF_MISSING);
	text[strlen(text) - 3] = text[strlen(text) - 3] == 'A' ? 'B' : 'A';
	assert_int_equal(check(rig, two, 1, "POST", ENDPOINT, NULL, 0, &proof, NULL), EMA_BAD_PROOF);
	const char *joined[] = { "a.b.c, d.e.f" };
	assert_int_equal(check(rig, joined, 1, "POST", ENDPOINT, NULL, 0, &proof, NULL), EMA_BAD_PROOF);
	struct dpop_request narrow = { .proofs = two, .proof_count = 1, .method = "POST", .url = ENDPOINT, .algorithms = JOSE_BIT(JOSE_RS256),
	                               .store = rig->store, .now = NOW };
	assert_int_equal(dpop_check(&narrow, &proof, NULL), EMA_BAD_PROOF);
	free(text);
	free(public);
	free(private);
}

/* JWT-77: a proof for a resource names the token; another key's jti is no replay. */
static void proofs_for_a_token(void **state)
{
	struct rig *rig = *state;
	unsigned char digest[32];
	char ath[64], payload[1024], more[128];
	struct dpop_proof proof;
	assert_int_equal(EVP_Digest(TOKEN, strlen(TOKEN), digest, NULL, EVP_sha256(), NULL), 1);
	base64url_encode(digest, sizeof digest, ath);
	snprintf(more, sizeof more, ",\"ath\":\"%s\"", ath);
	payload_of(payload, "t", "GET", "https://mcp.acme.example/github", NOW, more);
	char *text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload), *other = proof_of(rig->other, JOSE_ED25519, NULL, NULL, payload);
	assert_int_equal(check(rig, (const char *const *)&text, 1, "GET", "https://mcp.acme.example/github", "another.token", 0, &proof, NULL), EMA_BAD_PROOF);
	assert_int_equal(check(rig, (const char *const *)&text, 1, "GET", "https://mcp.acme.example/github?q", TOKEN, 0, &proof, NULL), EMA_OK);
	assert_int_equal(check(rig, (const char *const *)&text, 1, "GET", "https://mcp.acme.example/github", TOKEN, 0, &proof, NULL), EMA_BAD_PROOF);
	assert_int_equal(check(rig, (const char *const *)&other, 1, "GET", "https://mcp.acme.example/github", TOKEN, 0, &proof, NULL), EMA_OK);
	assert_string_equal(proof.thumbprint, jwk_thumbprint(rig->other));
	free(text);
	payload_of(payload, "u", "GET", "https://mcp.acme.example/github", NOW, "");
	text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
	assert_int_equal(check(rig, (const char *const *)&text, 1, "GET", "https://mcp.acme.example/github", TOKEN, 0, &proof, NULL), EMA_BAD_PROOF);
	free(text);
	free(other);
}

/* JAG-58: a store that began after the proof was made, or does so in its put: in the second of the beginning too. */
static void proofs_of_before(void **state)
{
	struct rig *rig = *state;
	char payload[1024];
	struct dpop_proof proof;
	payload_of(payload, "b", "POST", ENDPOINT, NOW - 10, "");
	char *text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
	struct dpop_request request = { .proofs = (const char *const *)&text, .proof_count = 1, .method = "POST", .url = ENDPOINT, .store = rig->store,
	                                .now = NOW, .skew = 30, .forgets_before = NOW, .store_ms = 1000 };
	assert_int_equal(dpop_check(&request, &proof, NULL), EMA_BAD_PROOF);
	struct forgetful forgetful = { .since = (NOW - 20) * 1000 };
	assert_int_equal(store_begin(&forgetful.store, &forgetful_kind, NULL), EMA_OK);
	request.store = &forgetful.store;
	request.forgets_before = NOW - 10;
	assert_int_equal(dpop_check(&request, &proof, NULL), EMA_BAD_PROOF);
	forgetful.since = (NOW - 30) * 1000;
	assert_int_equal(dpop_check(&request, &proof, NULL), EMA_OK);
	EVP_MD_free(forgetful.store.sha256);
	free(text);
}

/* JAG-100: nonces are unpredictable, short-lived, and taken one window back. */
static void nonces(void **state)
{
	struct rig *rig = *state;
	struct dpop_nonces *others = NULL;
	char nonce[DPOP_NONCE], again[DPOP_NONCE], payload[1024], more[64];
	struct dpop_proof proof;
	static const struct { int64_t made; int code; } rows[] = {
		{ NOW, EMA_OK }, { NOW - DPOP_NONCE_SECONDS, EMA_OK }, { NOW - 2 * DPOP_NONCE_SECONDS, EMA_PROOF_NONCE }, { NOW + DPOP_NONCE_SECONDS, EMA_PROOF_NONCE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char jti[16];
		assert_int_equal(dpop_nonce(rig->nonces, rows[i].made, nonce, NULL), EMA_OK);
		snprintf(more, sizeof more, ",\"nonce\":\"%s\"", nonce);
		snprintf(jti, sizeof jti, "n%zu", i);
		payload_of(payload, jti, "POST", ENDPOINT, NOW, more);
		char *text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
		assert_int_equal(check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 1, &proof, NULL), rows[i].code);
		free(text);
	}
	payload_of(payload, "n", "POST", ENDPOINT, NOW, "");
	char *text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
	assert_int_equal(check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 1, &proof, NULL), EMA_PROOF_NONCE);
	/* It can come again with one: nothing was burned. */
	assert_int_equal(check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 0, &proof, NULL), EMA_OK);
	free(text);
	assert_int_equal(dpop_nonces_new(&others, NULL), EMA_OK);
	assert_int_equal(dpop_nonce(rig->nonces, NOW, nonce, NULL), EMA_OK);
	assert_int_equal(dpop_nonce(others, NOW, again, NULL), EMA_OK);
	assert_int_not_equal(strcmp(nonce, again), 0);
	assert_int_equal(strlen(nonce), DPOP_NONCE - 1);
	/* Those who share a store have one key, however late each asks. */
	dpop_nonces_share(others, rig->store, NOW, 1000);
	for (int i = 0; i < 2; i++) {
		char jti[16];
		assert_int_equal(dpop_nonce(others, NOW, nonce, NULL), EMA_OK);
		snprintf(more, sizeof more, ",\"nonce\":\"%s\"", nonce);
		snprintf(jti, sizeof jti, "shared%d", i);
		payload_of(payload, jti, "POST", ENDPOINT, NOW, more);
		text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
		assert_int_equal(check(rig, (const char *const *)&text, 1, "POST", ENDPOINT, NULL, 1, &proof, NULL), EMA_OK);
		free(text);
	}
	assert_int_equal(dpop_nonce(rig->nonces, NOW, again, NULL), EMA_OK);
	assert_string_equal(nonce, again);
	dpop_nonces_free(others);
}

/* JAG-99: a store that is full or away refuses; it never lets a proof pass. Who has proven nothing else fills a part of his own. */
static void without_a_store(void **state)
{
	struct rig *rig = *state;
	struct memory_settings settings = { &test_clock, 1000, 0, 1 };
	struct store *small = NULL;
	struct dpop_proof proof;
	char payload[1024];
	static const char *const quotas[] = { DPOP_QUOTA_STRANGERS, DPOP_QUOTA_STRANGERS, NULL, NULL, "dpop/idp", "dpop/idp", "dpop/idp" };
	int codes[7];
	assert_int_equal(store_memory(&settings, &small, NULL), EMA_OK);
	for (int i = 0; i < 7; i++) {
		payload_of(payload, (const char *const[]){ "x", "y", "z", "w", "a", "b", "c" }[i], "POST", ENDPOINT, NOW, "");
		char *text = proof_of(rig->key, JOSE_ES256, NULL, NULL, payload);
		struct dpop_request request = { .proofs = (const char *const *)&text, .proof_count = 1, .method = "POST", .url = ENDPOINT, .store = small,
		                                .now = NOW, .skew = 30, .store_ms = 1000, .quota = quotas[i],
		                                /* A token that is bound to another key, which dpop_hold() refuses, takes no room. */
		                                .bound = i == 4 || i == 6 ? "another key" : NULL };
		codes[i] = dpop_check(&request, &proof, NULL);
		free(text);
	}
	assert_int_equal(codes[0], EMA_OK);
	assert_int_equal(codes[1], EMA_STORE_FULL);
	assert_int_equal(codes[2], EMA_OK);
	assert_int_equal(codes[3], EMA_STORE_FULL);
	for (int i = 4; i < 7; i++)
		assert_int_equal(codes[i], EMA_OK);
	store_free(small);
}

#define A "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
#define B "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"

/* JAG-98: what a confirmation may be. */
static void confirmations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int own, code;
		const char *jkt, *x5t;
	} rows[] = {
		{ NULL, 0, EMA_OK, "", "" },
		{ "{\"jkt\":\"" A "\"}", 0, EMA_OK, A, "" },
		{ "{\"x5t#S256\":\"" A "\"}", 0, EMA_OK, "", A },
		{ "{\"jkt\":\"" A "\",\"x5t#S256\":\"" A "\"}", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "{\"jkt\":\"" A "\",\"x5t#S256\":\"" A "\"}", 1, EMA_OK, A, A },
		{ "{}", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "{}", 1, EMA_BAD_CLAIM, NULL, NULL },
		{ "[]", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "null", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "\"" A "\"", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "{\"jkt\":\"" A "A\"}", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "{\"jkt\":\"\"}", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "{\"jkt\":7}", 0, EMA_BAD_CLAIM, NULL, NULL },
		{ "{\"jkt\":\"" B "\"}", 0, EMA_BAD_CLAIM, NULL, NULL }, /* stray bits */
		{ "{\"jkt\":\"" A "\",\"osc\":1}", 0, EMA_BOUND_TOKEN, NULL, NULL },
		{ "{\"jwk\":{\"kty\":\"EC\"}}", 0, EMA_BOUND_TOKEN, NULL, NULL },
		{ "{\"JKT\":\"" A "\"}", 0, EMA_BOUND_TOKEN, NULL, NULL },
		{ "{\"kid\":\"x\"}", 1, EMA_BOUND_TOKEN, NULL, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json json = { 0 };
		struct dpop_binding binding = { "x", "x" };
		if (rows[i].text)
			assert_int_equal(json_parse(rows[i].text, strlen(rows[i].text), &json_limits_header, &json, NULL), EMA_OK);
		int code = dpop_cnf(&json, rows[i].text ? json_root(&json) : NULL, rows[i].own, &binding, NULL);
		if (code != rows[i].code)
			fail_msg("row %zu: %d", i, code);
		assert_string_equal(binding.jkt, code ? "x" : rows[i].jkt);
		assert_string_equal(binding.x5t, code ? "x" : rows[i].x5t);
		json_free(&json);
	}
}

#define C "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

/* JAG-94, JAG-95, JAG-96, JAG-97, JAG-127: the table. '-' none, 'k' key K, 'o' another, 'c' certificate C, 'd' another. */
static void the_table(void **state)
{
	(void)state;
	static const struct {
		char cnf, proof, certificate;
		struct dpop_need need;
		int code;
		char jkt, x5t;
	} rows[] = {
		{ 'k', 'k', '-', { 0, 0, 0 }, EMA_OK, 'k', '-' },
		{ 'k', 'o', '-', { 0, 0, 0 }, EMA_BOUND_TOKEN, 0, 0 },
		{ 'k', '-', '-', { 0, 0, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ 'k', '-', 'c', { 0, 0, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ '-', 'k', '-', { 0, 0, 0 }, EMA_OK, 'k', '-' },
		{ '-', '-', '-', { 0, 0, 0 }, EMA_OK, '-', '-' },
		{ '-', '-', '-', { 1, 0, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ '-', '-', 'c', { 1, 0, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ '-', '-', '-', { 0, 1, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ '-', 'k', '-', { 0, 1, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ '-', '-', '-', { 0, 0, 1 }, EMA_PROOF_MISSING, 0, 0 },
		{ '-', '-', 'c', { 0, 0, 0 }, EMA_OK, '-', '-' },
		{ '-', '-', 'c', { 0, 1, 0 }, EMA_OK, '-', 'c' },
		{ '-', '-', 'c', { 0, 0, 1 }, EMA_OK, '-', 'c' },
		{ '-', 'k', 'c', { 0, 0, 1 }, EMA_OK, 'k', '-' },
		{ '-', 'k', 'c', { 0, 1, 0 }, EMA_BAD_PROOF, 0, 0 },
		{ 'c', '-', 'c', { 0, 0, 0 }, EMA_OK, '-', 'c' },
		{ 'c', '-', 'd', { 0, 0, 0 }, EMA_BOUND_TOKEN, 0, 0 },
		{ 'c', '-', '-', { 0, 0, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ 'c', 'k', '-', { 0, 0, 0 }, EMA_PROOF_MISSING, 0, 0 },
		{ 'c', 'k', 'c', { 0, 0, 0 }, EMA_BAD_PROOF, 0, 0 },
		{ 'c', '-', 'c', { 1, 0, 0 }, EMA_PROOF_MISSING, 0, 0 },
	};
	static const struct dpop_proof k = { A }, o = { C };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct dpop_binding cnf = { "", "" }, out = { "", "" };
		struct failure failure = FAILURE_INIT;
		if (rows[i].cnf == 'k')
			snprintf(cnf.jkt, sizeof cnf.jkt, "%s", A);
		if (rows[i].cnf == 'c')
			snprintf(cnf.x5t, sizeof cnf.x5t, "%s", C);
		int code = dpop_bind(&cnf, rows[i].proof == 'k' ? &k : rows[i].proof == 'o' ? &o : NULL,
		                     rows[i].certificate == 'c' ? C : rows[i].certificate == 'd' ? A : NULL, &rows[i].need, &out, &failure);
		if (code != rows[i].code)
			fail_msg("row %zu: %d %s", i, code, failure.text);
		if (code)
			continue;
		assert_string_equal(out.jkt, rows[i].jkt == 'k' ? A : "");
		assert_string_equal(out.x5t, rows[i].x5t == 'c' ? C : "");
	}
}

/* JAG-102, JAG-21, JWT-77: whatever is left out, nothing that must be bound comes unbound, and nothing bound passes without its proof. */
static void no_downgrade(void **state)
{
	(void)state;
	static const struct dpop_proof mine = { A }, other = { C };
	const struct dpop_proof *proofs[] = { NULL, &mine, &other };
	const char *certificates[] = { NULL, C, A };
	int made = 0;
	for (int n = 0; n < 8 * 3 * 3 * 3; n++) {
		struct dpop_need need = { n & 1, n >> 1 & 1, n >> 2 & 1 };
		int at = n / 8, kind = at % 3;
		const struct dpop_proof *proof = proofs[at / 3 % 3];
		const char *certificate = certificates[at / 9];
		struct dpop_binding cnf = { "", "" }, token = { "", "" };
		if (kind == 1)
			snprintf(cnf.jkt, sizeof cnf.jkt, "%s", A);
		if (kind == 2)
			snprintf(cnf.x5t, sizeof cnf.x5t, "%s", C);
		if (dpop_bind(&cnf, proof, certificate, &need, &token, NULL))
			continue;
		made++;
		/* Each demand shows in the token, which access_mint() takes with one of the two alone. */
		assert_true(!token.jkt[0] || !token.x5t[0]);
		assert_true(!need.proof || token.jkt[0]);
		assert_true(!need.certificate || token.x5t[0]);
		assert_true(!need.either || token.jkt[0] || token.x5t[0]);
		assert_true(!cnf.jkt[0] || !strcmp(token.jkt, cnf.jkt));
		assert_true(!cnf.x5t[0] || !strcmp(token.x5t, cnf.x5t));
		assert_true(!proof || !strcmp(token.jkt, proof->thumbprint));
		/* And it passes with all of what it is bound to, alone. */
		for (int i = 0; i < 2 * 3 * 3; i++) {
			const struct dpop_proof *shown = proofs[i / 2 % 3];
			const char *held = certificates[i / 6];
			int holds = (token.jkt[0] ? shown && !strcmp(shown->thumbprint, token.jkt) && i % 2 : !(i % 2)) &&
			            (!token.x5t[0] || (held && !strcmp(held, token.x5t)));
			assert_int_equal(dpop_hold(&token, i % 2, shown, held, NULL) == EMA_OK, holds);
		}
	}
	assert_true(made > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(claims_of_a_proof, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(claims_that_lack, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(headers_of_a_proof, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(proofs_for_a_token, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(proofs_of_before, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(nonces, rig_begin, rig_end),
		cmocka_unit_test_setup_teardown(without_a_store, rig_begin, rig_end),
		cmocka_unit_test(confirmations),
		cmocka_unit_test(the_table),
		cmocka_unit_test(no_downgrade),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
