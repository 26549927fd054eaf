/* Proofs of possession, certificates and clients that prove nothing else, as the token endpoint takes them: what the token is bound to. */
#define _GNU_SOURCE /* asprintf */
#include "desk.h"

#include <stdio.h>

#include "../token/issue.h"
#include "certificate.h"
#include "clock.h"
#include "context.h"
#include "dpop.h"
#include "jws.h"

#define CLIENTS \
	"CLIENTS:, { id = \"keyed\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; dpop = \"required\"; },\n" \
	"{ id = \"certified\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; certificate_bound = true; },\n" \
	"{ id = \"anybody\"; auth = \"none\"; dpop = \"required\"; }"

struct bench {
	struct desk desk;
	struct jwk *keys[2];
	char *pem[2], thumbprints[2][CERTIFICATE_THUMBPRINT];
};

static void bench_open(struct bench *bench, const char *extra)
{
	static const char *const subject[] = { "CN", "dn", NULL };
	*bench = (struct bench){ .pem = { NULL } };
	desk_open(&bench->desk, extra, NULL);
	for (int i = 0; i < 2; i++) {
		struct certificate *certificate = NULL;
		assert_int_equal(jwk_generate(JOSE_ES256, &bench->keys[i], NULL), EMA_OK);
		bench->pem[i] = issue(subject, NULL, (long long)bench->desk.world.now, -1, 1);
		assert_int_equal(certificate_read(bench->pem[i], strlen(bench->pem[i]), &certificate, NULL), EMA_OK);
		snprintf(bench->thumbprints[i], sizeof bench->thumbprints[i], "%s", certificate_thumbprint(certificate));
		certificate_close(certificate);
	}
}

static void bench_close(struct bench *bench)
{
	for (int i = 0; i < 2; i++) {
		jwk_free(bench->keys[i]);
		free(bench->pem[i]);
	}
	desk_close(&bench->desk);
}

/* nonce NULL: none. free() it. */
static char *prove(struct bench *bench, const struct jwk *key, const char *url, const char *nonce)
{
	char payload[512], said[64] = "", *jwk = jwk_print(key, 0), *more = NULL, *proof = NULL;
	static int serial;
	if (nonce)
		snprintf(said, sizeof said, ",\"nonce\":\"%s\"", nonce);
	snprintf(payload, sizeof payload, "{\"jti\":\"proof-%d\",\"htm\":\"POST\",\"htu\":\"%s\",\"iat\":%lld%s}", serial++, url,
	         (long long)bench->desk.world.now, said);
	assert_true(asprintf(&more, ",\"jwk\":%s", jwk) > 0);
	assert_int_equal(jws_sign(key, JOSE_ES256, "dpop+jwt", more, payload, strlen(payload), &proof, NULL), EMA_OK);
	free(jwk);
	free(more);
	return proof;
}

/* As a client of client_secret_post, or one that has no secret. proof and pem may be NULL. */
static void redeem(struct bench *bench, const char *client, const char *jag, const char *proof, const char *pem)
{
	ema_request *request = desk_prepare(&bench->desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", client, "client_secret",
	                                    strcmp(client, "anybody") ? SECRET : NULL, NULL);
	if (proof)
		assert_int_equal(ema_request_header(request, "DPoP", proof), EMA_OK);
	if (pem)
		assert_int_equal(ema_request_set(request, EMA_REQUEST_CERTIFICATE, pem), EMA_OK);
	desk_send(&bench->desk, request);
}

/* What the token of the last answer is bound to: "jkt", "x5t#S256" or, neither, "". */
static void bound_to(const struct bench *bench, const char *member, const char *thumbprint)
{
	struct jws jws = { .token = NULL };
	struct json claims = { .count = 0 };
	const char *token = desk_text(&bench->desk, "/access_token");
	char pointer[32];
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	assert_int_equal(jws_claims(&jws, &claims, NULL), EMA_OK);
	const struct json_node *cnf = json_at(&claims, "/cnf");
	if (!*member) {
		assert_null(cnf);
	} else {
		snprintf(pointer, sizeof pointer, "/cnf/%s", member);
		assert_int_equal(cnf ? cnf->count : 0, 1);
		assert_string_equal(json_string(json_at(&claims, pointer)), thumbprint);
	}
	json_free(&claims);
	jws_free(&jws);
}

/* JAG-94, JAG-95, JAG-96, JAG-97, JAG-99, JAG-102, JAG-127: from the assertion, the proof and the certificate to the token. '-' none; '1' and '2' keys; 'a' and
   'b' certificates; 'x' a proof that is for another endpoint. */
static void what_a_token_is_bound_to(void **state)
{
	static const struct {
		const char *client;
		char cnf, proof, certificate;
		const char *code, *error; /* NULL: granted, to what follows */
		char bound;
	} rows[] = {
		{ "post", '1', '1', '-', "ok", NULL, '1' },
		{ "post", '2', '1', '-', "bound_token", "invalid_grant", 0 },
		{ "post", '1', '-', '-', "proof_missing", "invalid_grant", 0 },
		{ "post", '1', '-', 'a', "proof_missing", "invalid_grant", 0 },
		{ "post", '-', '1', '-', "ok", NULL, '1' },
		{ "post", '-', '2', '-', "ok", NULL, '2' },
		{ "post", '-', 'x', '-', "bad_proof", "invalid_dpop_proof", 0 },
		{ "post", '1', 'x', '-', "bad_proof", "invalid_dpop_proof", 0 },
		{ "post", '-', '-', '-', "ok", NULL, '-' },
		{ "post", '-', '-', 'a', "ok", NULL, '-' }, /* it may be a proxy's: it binds where somebody asks for it */
		{ "keyed", '-', '-', '-', "proof_missing", "invalid_grant", 0 },
		{ "keyed", '-', '-', 'a', "proof_missing", "invalid_grant", 0 },
		{ "keyed", '-', '1', '-', "ok", NULL, '1' },
		{ "certified", '-', '-', '-', "proof_missing", "invalid_grant", 0 },
		{ "certified", '-', '1', '-', "proof_missing", "invalid_grant", 0 },
		{ "certified", '-', '-', 'b', "ok", NULL, 'b' },
		{ "post", 'a', '-', 'a', "ok", NULL, 'a' },
		{ "post", 'a', '-', 'b', "bound_token", "invalid_grant", 0 },
		{ "post", 'a', '-', '-', "proof_missing", "invalid_grant", 0 },
		{ "post", 'a', '1', '-', "proof_missing", "invalid_grant", 0 },
	};
	struct bench bench;
	struct desk *desk = &bench.desk;
	(void)state;
	bench_open(&bench, "rates = { address = 0; subject = 0; };" CLIENTS);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char claims[256], cnf[96] = "null", nonce[DPOP_NONCE];
		const char c = rows[i].cnf, p = rows[i].proof, t = rows[i].certificate;
		assert_int_equal(dpop_nonce(desk->world.context->nonces, clock_wall(&clock_system) / 1000, nonce, NULL), EMA_OK);
		if (c == '1' || c == '2')
			snprintf(cnf, sizeof cnf, "{\"jkt\":\"%s\"}", jwk_thumbprint(bench.keys[c - '1']));
		else if (c != '-')
			snprintf(cnf, sizeof cnf, "{\"x5t#S256\":\"%s\"}", bench.thumbprints[c - 'a']);
		snprintf(claims, sizeof claims, "{\"client_id\":\"%s\",\"cnf\":%s}", rows[i].client, cnf);
		char *jag = world_token(&desk->world, claims), *proof = NULL;
		if (p != '-')
			proof = prove(&bench, bench.keys[p == '2'], p == 'x' ? OURS "/revoke" : OURS "/token", nonce);
		redeem(&bench, rows[i].client, jag, proof, t == '-' ? NULL : bench.pem[t - 'a']);
		if (strcmp(desk_audited(desk, "/code"), rows[i].code) || desk->status != (rows[i].error ? 400 : 200))
			fail_msg("row %zu: %d %s: %s", i, desk->status, desk_audited(desk, "/code"), desk->body);
		if (rows[i].error) {
			assert_string_equal(desk_text(desk, "/error"), rows[i].error);
			assert_null(json_at(&desk->json, "/access_token"));
		} else {
			const char b = rows[i].bound;
			const int key = b == '1' || b == '2';
			assert_string_equal(desk_text(desk, "/token_type"), key ? "DPoP" : "Bearer");
			bound_to(&bench, key ? "jkt" : b == '-' ? "" : "x5t#S256", key ? jwk_thumbprint(bench.keys[b - '1']) : b == '-' ? "" : bench.thumbprints[b - 'a']);
		}
		free(proof);
		free(jag);
	}
	bench_close(&bench);
}

/* JAG-100: who has no nonce is given one, and comes again with it; the assertion is as good as before. */
static void a_nonce_is_asked_for(void **state)
{
	struct bench bench;
	struct desk *desk = &bench.desk;
	char nonce[DPOP_NONCE] = "";
	(void)state;
	bench_open(&bench, CLIENTS);
	char *jag = world_token(&desk->world, "{\"client_id\":\"post\"}");
	for (int with = 0; with < 3; with++) { /* nothing, another one, what was given */
		char *proof = prove(&bench, bench.keys[0], OURS "/token", with == 0 ? NULL : with == 1 ? "AAAAAAAAAAAAAAAAAAAAAA" : nonce);
		redeem(&bench, "post", jag, proof, NULL);
		free(proof);
		if (with == 2)
			break;
		assert_int_equal(desk->status, 400);
		assert_string_equal(desk_text(desk, "/error"), "use_dpop_nonce");
		assert_int_equal(strlen(desk_header(desk, "DPoP-Nonce")), DPOP_NONCE - 1);
		snprintf(nonce, sizeof nonce, "%s", desk_header(desk, "DPoP-Nonce"));
	}
	assert_int_equal(desk->status, 200);
	bound_to(&bench, "jkt", jwk_thumbprint(bench.keys[0]));
	free(jag);
	bench_close(&bench);
}

/* JAG-22: a client that proves nothing gets no token of a provider that does not say so, and a bound one of a provider that does. */
static void public_clients(void **state)
{
	(void)state;
	for (int on = 0; on < 2; on++) {
		struct bench bench;
		struct desk *desk = &bench.desk;
		char extra[1024], nonce[DPOP_NONCE];
		snprintf(extra, sizeof extra, "%s%s", on ? "PROVIDER: public_clients = true;" : "", CLIENTS);
		bench_open(&bench, extra);
		char *jag = world_token(&desk->world, "{\"client_id\":\"anybody\"}");
		redeem(&bench, "anybody", jag, NULL, NULL);
		assert_int_equal(desk->status, on ? 400 : 401);
		assert_string_equal(desk_text(desk, "/error"), on ? "invalid_grant" : "invalid_client");
		assert_string_equal(desk_audited(desk, "/code"), on ? "proof_missing" : "client_refused");
		assert_int_equal(dpop_nonce(desk->world.context->nonces, clock_wall(&clock_system) / 1000, nonce, NULL), EMA_OK);
		char *proof = prove(&bench, bench.keys[0], OURS "/token", nonce);
		redeem(&bench, "anybody", jag, proof, NULL);
		assert_int_equal(desk->status, on ? 200 : 401);
		if (on) {
			assert_string_equal(desk_text(desk, "/token_type"), "DPoP");
			bound_to(&bench, "jkt", jwk_thumbprint(bench.keys[0]));
		} else {
			assert_string_equal(desk_text(desk, "/error"), "invalid_client");
			assert_non_null(strstr(desk_audited(desk, "/reason"), "public_clients"));
		}
		free(proof);
		free(jag);
		bench_close(&bench);
	}
}

/* JAG-20: the header with the client's certificate counts from a named proxy alone. */
static void certificates_by_header(void **state)
{
	static const struct {
		const char *remote;
		int status;
	} rows[] = { { "127.0.0.1", 200 }, { "127.0.0.2", 401 }, { "192.0.2.7", 401 } };
	struct bench bench;
	struct desk *desk = &bench.desk;
	char header[8192];
	(void)state;
	bench_open(&bench, "proxies = [\"127.0.0.1\"]; client_certificates = { header = \"X-Client-Cert\"; verified = true; };"
	                   "CLIENTS:, { id = \"dn\"; auth = \"tls_client_auth\"; subject_dn = \"CN=dn\"; }");
	/* Its lines joined by blanks, as a header has them. */
	snprintf(header, sizeof header, "%s", bench.pem[0]);
	for (char *c = header; *c; c++)
		if (*c == '\n')
			*c = ' ';
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *jag = world_token(&desk->world, "{\"client_id\":\"dn\"}");
		desk->remote = rows[i].remote;
		ema_request *request = desk_prepare(desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", "dn", NULL);
		assert_int_equal(ema_request_header(request, "X-Client-Cert", header), EMA_OK);
		desk_send(desk, request);
		if (desk->status != rows[i].status)
			fail_msg("%s: %d %s: %s", rows[i].remote, desk->status, desk->body, desk_audited(desk, "/reason"));
		assert_string_equal(desk_text(desk, "/error"), rows[i].status == 200 ? "" : "invalid_client");
		free(jag);
	}
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_token_is_bound_to),
		cmocka_unit_test(a_nonce_is_asked_for),
		cmocka_unit_test(public_clients),
		cmocka_unit_test(certificates_by_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
