#define _GNU_SOURCE /* asprintf, usleep */
#include "desk.h"

#include <stdio.h>
#include <unistd.h>

#include "../token/issue.h"
#include "audit.h"
#include "buffer.h"
#include "clock.h"
#include "dpop.h"
#include "jws.h"

/* The claims of the access token in the last answer. */
static void claims_of(const struct desk *desk, struct json *out)
{
	struct jws jws = { .token = NULL };
	const char *token = desk_text(desk, "/access_token");
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	assert_string_equal(jws.type, "at+jwt");
	assert_int_equal(jws_claims(&jws, out, NULL), EMA_OK);
	jws_free(&jws);
}

static const char *claim(const struct json *claims, const char *pointer)
{
	const char *text = json_string(json_at(claims, pointer));
	return text ? text : "";
}

/* What ema_explain() says of the same: the code. scope and resource may be NULL. */
static int explained(const struct desk *desk, const char *service, const char *client, const char *jag, const char *scope, const char *resource,
                     char scopes[256])
{
	ema_request *request = ema_request_new();
	ema_decision *decision = NULL;
	assert_int_equal(ema_request_set(request, EMA_REQUEST_CLIENT_ID, client) || ema_request_set(request, EMA_REQUEST_SCOPE, scope) ||
	                 ema_request_set(request, EMA_REQUEST_RESOURCE, resource) ||
	                 ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, jag, strlen(jag)), 0);
	int code = ema_explain(desk->world.context, service, request, 0, &decision);
	*scopes = 0;
	for (size_t i = 0; ema_decision_scope(decision, i); i++)
		snprintf(scopes + strlen(scopes), 256 - strlen(scopes), "%s%s", i ? " " : "", ema_decision_scope(decision, i));
	ema_decision_free(decision);
	ema_request_free(request);
	return code;
}

/* JAG-52, JAG-64, JAG-69, JAG-77, JAG-103, JAG-108, JAG-110, JAG-130, JWT-69, JWT-70, JWT-71, JWT-73: from an ID-JAG to a token. */
static void an_assertion_becomes_a_token(void **state)
{
	(void)state;
	struct desk desk;
	struct json claims = { .count = 0 };
	desk_open(&desk, NULL, NULL);
	char *jag = world_token(&desk.world, "{\"scope\":\"read write\",\"email\":\"ada@idp.example\"}"), *again = strdup(jag);
	desk_redeem(&desk, jag, NULL, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_header(&desk, "Content-Type"), "application/json");
	assert_string_equal(desk_header(&desk, "Cache-Control"), "no-store");
	assert_string_equal(desk_header(&desk, "Pragma"), "no-cache");
	assert_int_equal(strlen(desk_header(&desk, "X-Request-ID")), 36);
	assert_string_equal(desk_text(&desk, "/token_type"), "Bearer");
	assert_string_equal(desk_text(&desk, "/scope"), "read write");
	assert_string_equal(desk_text(&desk, "/resource"), "https://mcp.example/svc");
	assert_null(json_at(&desk.json, "/refresh_token"));
	int64_t life = 0, issued = 0, expires = 0;
	assert_true(json_integer(json_at(&desk.json, "/expires_in"), &life));
	assert_int_equal(life, 3600);
	claims_of(&desk, &claims);
	assert_string_equal(claim(&claims, "/iss"), OURS);
	assert_string_equal(claim(&claims, "/aud"), "https://mcp.example/svc");
	assert_string_equal(claim(&claims, "/sub"), "idp/-/ada");
	assert_string_equal(claim(&claims, "/client_id"), "app");
	assert_string_equal(claim(&claims, "/scope"), "read write");
	assert_string_equal(claim(&claims, "/urn:ema:login/provider"), "idp");
	assert_true(json_integer(json_at(&claims, "/iat"), &issued) && json_integer(json_at(&claims, "/exp"), &expires) && expires - issued == 3600);
	/* Nothing that no rule looks at. */
	assert_null(json_at(&claims, "/urn:ema:login/email"));
	assert_null(json_at(&claims, "/urn:ema:login/groups"));
	char id[64];
	snprintf(id, sizeof id, "%s", claim(&claims, "/jti"));
	assert_string_equal(desk_audited(&desk, "/token_id"), id);
	assert_string_equal(desk_audited(&desk, "/kind"), "redemption");
	json_free(&claims);
	desk_redeem(&desk, again, NULL, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	assert_string_equal(desk_audited(&desk, "/code"), "replayed");
	desk_close(&desk);
}

static void audited(struct desk *desk, const char *pointer, const char *expected)
{
	const char *found = desk_audited(desk, pointer);
	if (strcmp(found, expected))
		fail_msg("%s is \"%s\", not \"%s\"", pointer, found, expected);
}

/* AUD-02, AUD-07: what the record of a redemption says. Of an assertion that comes again it is an alert, and names who brings it now; who was first stands
   in the record with the same issuer and jti. (The store keeps a digest of him, so that the alert itself cannot say more.) */
static void a_replay_is_an_alert(void **state)
{
	(void)state;
	static const char extra[] = "directories = ( { id = \"staff\"; plugin = \"file\"; path = \"people.conf\"; } );PROVIDER: tenant_claim = \"t\"; tenants = [\"t1\"];";
	static const char service[] = "directory = ( { id = \"staff\"; for = [\"idp\"]; required = true; } );";
	static const char claims[] = "{\"jti\":\"once\",\"t\":\"t1\",\"scope\":\"read write\"}";
	static const struct {
		const char *remote, *client, *code;
	} rows[] = {
		{ "192.0.2.1", "app", "ok" }, { "198.51.100.2", "app", "replayed" }, { "203.0.113.3", "post", "replayed" },
	};
	char jti[64], name[sizeof rows / sizeof *rows][AUDIT_PSEUDONYM], ada[AUDIT_PSEUDONYM];
	struct desk desk;
	struct json line = { .count = 0 };
	desk_open(&desk, "", "");
	world_file(&desk.world, "people.conf", "people = ( { id = \"a-lovelace\"; subjects = [\"idp/t1/ada\"]; } );\n");
	assert_int_equal(desk_load(&desk, extra, service), EMA_OK);
	audit_fingerprint("once", 4, jti);
	audit_pseudonym(desk.world.context->audit, "ada", ada);
	char *first = world_token(&desk.world, claims);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		audit_pseudonym(desk.world.context->audit, rows[i].remote, name[i]);
		desk.remote = rows[i].remote;
		if (!strcmp(rows[i].client, "app")) {
			desk_redeem(&desk, strdup(first), "read write", "https://mcp.example/svc");
		} else { /* the same jti for another client */
			char *jag = world_token(&desk.world, "{\"jti\":\"once\",\"t\":\"t1\",\"scope\":\"read\",\"client_id\":\"post\"}");
			desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", "post", "client_secret", SECRET, NULL);
			free(jag);
		}
		assert_int_equal(desk.status, i ? 400 : 200);
		audited(&desk, "/kind", "redemption");
		audited(&desk, "/code", rows[i].code);
		audited(&desk, "/verdict", i ? "deny" : "permit");
		audited(&desk, "/issuer", ISSUER);
		audited(&desk, "/jti", jti);
		audited(&desk, "/client", rows[i].client);
		audited(&desk, "/token_client", rows[i].client);
		audited(&desk, "/remote", name[i]);
		audited(&desk, "/request", desk_header(&desk, "X-Request-ID"));
		if (strcmp(rows[i].client, "app"))
			continue;
		audited(&desk, "/subject", ada);
		audited(&desk, "/tenant", "t1");
		audited(&desk, "/provider", "idp");
		audited(&desk, "/service", "svc");
		audited(&desk, "/resource", "https://mcp.example/svc");
		audited(&desk, "/asked_resource", "https://mcp.example/svc");
		audited(&desk, "/asked_scope", "read write");
		audited(&desk, "/token_scopes/1", "write");
		audited(&desk, "/scopes/1", i ? "" : "write");
		audited(&desk, "/alg", "ES256");
		audited(&desk, "/kid", jwk_kid(desk.world.key));
		audited(&desk, "/replay_rule", "single-use");
		audited(&desk, "/scope_rule", "strict");
		assert_true(strlen(desk_audited(&desk, "/person")) == AUDIT_PSEUDONYM - 1 && strlen(desk_audited(&desk, "/time")) == 24);
	}
	free(first);
	/* AUD-11: what a client asks for has no query in the record. */
	desk_redeem(&desk, world_token(&desk.world, "{\"t\":\"t1\"}"), "read", "https://mcp.example/svc?sig=CANARY");
	assert_int_equal(desk.status, 400);
	audited(&desk, "/asked_resource", "https://mcp.example/svc?[cut]");
	/* One alert for each, and for nothing else. */
	char *trail = world_read(&desk.world, "audit.jsonl");
	size_t alerts = 0;
	for (char *at = trail, *end; (end = strchr(at, '\n')); at = end + 1) {
		int64_t severity = 0;
		assert_int_equal(json_parse(at, (size_t)(end - at), &json_limits_document, &line, NULL), EMA_OK);
		const char *code = json_string(json_at(&line, "/code"));
		assert_true(json_integer(json_at(&line, "/severity"), &severity));
		assert_int_equal(severity == 1, code && !strcmp(code, "replayed"));
		alerts += severity == 1;
		json_free(&line);
		line = (struct json){ .count = 0 };
	}
	assert_int_equal(alerts, 2);
	free(trail);
	desk_close(&desk);
}

/* JAG-106: what is wrong with a form, and what it gets. */
static void bad_forms(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	static const struct {
		const char *method, *url, *type, *body;
		int status;
		const char *error, *code;
	} rows[] = {
		/* JAG-01 */
		{ "GET", "/token", NULL, NULL, 405, "", NULL },
		{ "PUT", "/token", NULL, NULL, 405, "", NULL },
		{ "POST", "/token", NULL, "grant_type=" JWT_BEARER, 400, "invalid_request", "bad_request" },
		{ "POST", "/token", "application/json", "{\"grant_type\":\"x\"}", 400, "invalid_request", "bad_request" },
		{ "POST", "/token", "text/plain; application/x-www-form-urlencoded", "grant_type=x", 400, "invalid_request", "bad_request" },
		/* JAG-02, JAG-101, MCP-75 */
		{ "POST", "/token", "application/x-www-form-urlencoded", "", 400, "invalid_request", "bad_request" },
		{ "POST", "/token", "application/x-www-form-urlencoded", "assertion=x", 400, "invalid_request", "bad_request" },
		{ "POST", "/token", "application/x-www-form-urlencoded", "grant_type=authorization_code&code=x", 400, "unsupported_grant_type", "unsupported_grant" },
		{ "POST", "/token", "application/x-www-form-urlencoded", "grant_type=urn:ietf:params:oauth:grant-type:jwt-dpop&assertion=x", 400, "unsupported_grant_type", "unsupported_grant" },
		{ "POST", "/token", "application/x-www-form-urlencoded; charset=UTF-8", "grant_type=refresh_token", 400, "unsupported_grant_type", "unsupported_grant" },
		/* JAG-03 */
		{ "POST", "/token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER, 400, "invalid_request", "bad_request" },
		{ "POST", "/token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER "&assertion=", 400, "invalid_request", "bad_request" },
		/* JAG-04 */
		{ "POST", "/token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER "&assertion=x&assertion=y", 400, "invalid_request", "bad_request" },
		{ "POST", "/token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER "&assertion=x&scope=a&scope=b", 400, "invalid_request", "bad_request" },
		/* JAG-06 */
		{ "POST", "/token?assertion=x", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER "&assertion=x", 400, "invalid_request", "secret_in_url" },
		{ "POST", "/token?a=b&client%5fsecret=x", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER "&assertion=x", 400, "invalid_request", "secret_in_url" },
		{ "POST", "/token?access_token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER "&assertion=x", 400, "invalid_request", "secret_in_url" },
		/* JAG-23: nobody said who he is */
		{ "POST", "/token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER "&assertion=x&client_id=nobody", 401, "invalid_client", NULL },
		{ "POST", "/nowhere", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER, 404, "", NULL },
		{ "POST", "//token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER, 404, "", NULL },
		{ "POST", "/x/../token", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER, 404, "", NULL },
		{ "POST", "/token/", "application/x-www-form-urlencoded", "grant_type=" JWT_BEARER, 404, "", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char type[128] = "X-None: 1";
		if (rows[i].type)
			snprintf(type, sizeof type, "Content-Type: %s", rows[i].type);
		desk.remote = "unix"; /* one address has its rate */
		desk_request(&desk, rows[i].method, rows[i].url, rows[i].body, type, NULL);
		if (desk.status != rows[i].status || strcmp(desk_text(&desk, "/error"), rows[i].error))
			print_error("row %zu: %d %s\n", i, desk.status, desk.body);
		assert_int_equal(desk.status, rows[i].status);
		assert_string_equal(desk_text(&desk, "/error"), rows[i].error);
		if (rows[i].code)
			assert_string_equal(desk_audited(&desk, "/code"), rows[i].code);
	}
	desk_request(&desk, "DELETE", "/token", NULL, NULL);
	assert_string_equal(desk_header(&desk, "Allow"), "POST");
	desk_close(&desk);
}

/* JAG-10: with a store that fails whatever it is asked, what can be seen without it is answered as ever; and with a signature that is wrong, what can be seen
   without a key is. The last assertion has no fault of its own: its signature is looked at, and the store is asked. */
static void cheap_checks_come_first(void **state)
{
	(void)state;
	static const struct {
		const char *grant, *secret, *type, *changes;
		const char *bent, *code; /* codes with a bent signature and with a good one */
	} rows[] = {
		{ "password", SECRET, "oauth-id-jag+jwt", "{}", "unsupported_grant", "unsupported_grant" },
		{ JWT_BEARER, "wrong", "oauth-id-jag+jwt", "{}", "client_refused", "client_refused" },
		{ JWT_BEARER, SECRET, "oauth-id-jag+jwt", "{\"iss\":\"https://stranger.example\"}", "unknown_issuer", "unknown_issuer" },
		{ JWT_BEARER, SECRET, "oauth-id-jag+jwt", "{\"resource\":\"https://elsewhere.example/\"}", "wrong_resource", "wrong_resource" },
		{ JWT_BEARER, SECRET, "at+jwt", "{}", "wrong_type", "wrong_type" },
		{ JWT_BEARER, SECRET, "oauth-id-jag+jwt", "{\"aud\":\"https://x.example\"}", "bad_signature", "wrong_audience" }, /* JWT-60: a claim, after the signature */
		{ JWT_BEARER, SECRET, "oauth-id-jag+jwt", "{}", "bad_signature", "store_unavailable" },
	};
	struct desk desk;
	desk_open(&desk, "rates = { address = 0; subject = 0; }; store = { plugin = \"fault\"; code = \"store_unavailable\"; };", NULL);
	for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
		char changes[256];
		snprintf(changes, sizeof changes, "{\"client_id\":\"post\"%s%s", rows[i / 2].changes[1] == '}' ? "" : ",", rows[i / 2].changes + 1);
		char *jag = world_sign(&desk.world, desk.world.key, rows[i / 2].type, changes), *bent = strrchr(jag, '.') + 10;
		if (i % 2 == 0)
			*bent = *bent == 'A' ? 'B' : 'A';
		desk_form(&desk, "/token", NULL, "grant_type", rows[i / 2].grant, "assertion", jag, "client_id", "post", "client_secret", rows[i / 2].secret, NULL);
		audited(&desk, "/code", i % 2 ? rows[i / 2].code : rows[i / 2].bent);
		free(jag);
	}
	desk_close(&desk);
}

/* AUD-06, JAG-105: what the answer keeps to itself is told apart in the record: who is unknown, disabled or not meant to come in is told the same, to the byte. */
static void what_the_answer_hides(void **state)
{
	(void)state;
	static const char required[] = "directory = ( { id = \"staff\"; for = [\"idp\"]; required = true; } );";
	static const struct {
		const char *top, *service;
		int status;
		const char *error, *code;
	} rows[] = {
		{ "directories = ( { id = \"staff\"; plugin = \"fault\"; code = \"unknown_subject\"; } );", required, 400, "invalid_grant", "unknown_subject" },
		{ "directories = ( { id = \"staff\"; plugin = \"fault\"; code = \"disabled\"; } );", required, 400, "invalid_grant", "disabled" },
		{ "directories = ( { id = \"staff\"; plugin = \"fault\"; code = \"directory_unavailable\"; } );", required, 503, "temporarily_unavailable",
		  "directory_unavailable" },
		{ "guards = ( { id = \"door\"; plugin = \"fault\"; code = \"denied\"; } );", "guards = [\"door\"];", 400, "invalid_grant", "denied" },
		{ NULL, "denies = ( { provider = \"idp\"; subject = \"ada\"; scopes = [\"read\"]; } );", 400, "invalid_grant", "denied" },
		{ "store = { plugin = \"fault\"; code = \"store_unavailable\"; };", NULL, 503, "temporarily_unavailable", "store_unavailable" },
	};
	char refusal[512] = "";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct desk desk;
		desk_open(&desk, rows[i].top, rows[i].service);
		desk_redeem(&desk, world_token(&desk.world, "{}"), NULL, NULL);
		if (desk.status != rows[i].status)
			print_error("row %zu: %d %s\n", i, desk.status, desk.body);
		assert_int_equal(desk.status, rows[i].status);
		assert_string_equal(desk_text(&desk, "/error"), rows[i].error);
		assert_string_equal(desk_audited(&desk, "/code"), rows[i].code);
		if (rows[i].status == 400 && *refusal)
			assert_string_equal(desk.body, refusal);
		else if (rows[i].status == 400)
			snprintf(refusal, sizeof refusal, "%s", desk.body);
		desk_close(&desk);
	}
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	char *forged = world_token(&desk.world, "{}"), *signature = strrchr(forged, '.') + 10;
	*signature = *signature == 'A' ? 'B' : 'A';
	desk_redeem(&desk, forged, NULL, NULL);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	assert_string_equal(desk_audited(&desk, "/code"), "bad_signature");
	desk_close(&desk);
}

/* JWT-66: an ID-JAG, a client assertion and a proof with one and the same jti are three things, and each of them counts once. */
static void one_jti_of_three_kinds(void **state)
{
	(void)state;
	enum { JAG = 1, CLIENT = 2, PROOF = 4 };
	static const struct {
		int again; /* which of them come a second time; the others are new */
		const char *code;
	} rows[] = { { 0, "ok" }, { JAG, "replayed" }, { CLIENT, "client_replayed" }, { PROOF, "bad_proof" }, { 0, "ok" } };
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	char *key = jwk_print(desk.world.other, 0), *more = NULL;
	assert_true(asprintf(&more, ",\"jwk\":%s", key) > 0);
	for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
		char jti[3][32], changes[96], proof[512], nonce[DPOP_NONCE], *header = NULL;
		assert_int_equal(dpop_nonce(desk.world.context->nonces, clock_wall(&clock_system) / 1000, nonce, NULL), EMA_OK);
		for (int k = 0; k < 3; k++)
			snprintf(jti[k], sizeof jti[k], "\"jti\":\"same-%d\"", rows[i].again & 1 << k ? 0 : i);
		snprintf(changes, sizeof changes, "{%s}", jti[0]);
		snprintf(proof, sizeof proof, "{%s,\"htm\":\"POST\",\"htu\":\"" OURS "/token\",\"iat\":%lld,\"nonce\":\"%s\"}", jti[2], (long long)desk.world.now,
		         nonce);
		char *jag = world_token(&desk.world, changes), *client = desk_assertion(&desk, jti[1]);
		assert_int_equal(jws_sign(desk.world.other, JOSE_ES256, "dpop+jwt", more, proof, strlen(proof), &header, NULL), EMA_OK);
		ema_request *request = desk_prepare(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION,
		                                    "client_assertion", client, NULL);
		ema_response *response = NULL;
		assert_int_equal(ema_request_header(request, "DPoP", header), EMA_OK);
		assert_string_equal(ema_code_name(ema_http(desk.world.context, request, EMA_SERVE_TOKEN, &response)), rows[i].code);
		audited(&desk, "/code", rows[i].code);
		ema_response_free(response);
		ema_request_free(request);
		free(header);
		free(client);
		free(jag);
	}
	free(more);
	free(key);
	desk_close(&desk);
}

/* JAG-107: keys that cannot be had are our trouble and worth another try; a signature that is wrong is neither. */
static void keys_that_cannot_be_had(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, "SERVICES:, { id = \"far\"; resource = \"https://mcp.example/far\"; identity = [\"idp\", \"far\"];\n"
	                 "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }"
	                 "PROVIDER: }, { id = \"far\"; plugin = \"oidc\"; issuer = \"https://127.0.0.1:1\"; accepts = [\"id_jag\"];", NULL);
	char *jag = world_token(&desk.world, "{\"iss\":\"https://127.0.0.1:1\"}");
	for (int i = 0; i < 2; i++) {
		desk_redeem(&desk, strdup(jag), NULL, "https://mcp.example/far");
		assert_int_equal(desk.status, 503);
		assert_string_equal(desk_text(&desk, "/error"), "temporarily_unavailable");
		assert_true(atoi(desk_header(&desk, "Retry-After")) > 0);
		audited(&desk, "/code", "keys_unavailable");
	}
	free(jag);
	jag = world_token(&desk.world, "{}");
	char *bent = strrchr(jag, '.') + 10;
	*bent = *bent == 'A' ? 'B' : 'A';
	desk_redeem(&desk, jag, NULL, "https://mcp.example/far");
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	assert_string_equal(desk_header(&desk, "Retry-After"), "");
	audited(&desk, "/code", "bad_signature");
	desk_close(&desk);
}

/* Assertions that are refused: always 400, and invalid_grant where it is the assertion's fault, whatever vendors' guides show (JAG-104); each has its own
   reason (AUD-06). */
static void bad_assertions(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, "rates = { address = 0; subject = 0; };", NULL);
	static const struct {
		const char *changes, *scope, *resource, *error, *code;
	} rows[] = {
		{ "{\"aud\":\"https://auth.example/token\"}", NULL, NULL, "invalid_grant", "wrong_audience" },        /* JAG-41 */
		{ "{\"aud\":[\"https://auth.example\",\"https://x.example\"]}", NULL, NULL, "invalid_grant", "wrong_audience" },
		{ "{\"client_id\":\"other\"}", NULL, NULL, "invalid_grant", "wrong_client" },                        /* JAG-45 */
		{ "{\"iss\":\"https://stranger.example\"}", NULL, NULL, "invalid_grant", "unknown_issuer" },         /* JAG-37 */
		{ "{\"exp\":1}", NULL, NULL, "invalid_grant", "expired" },                                          /* JAG-42 */
		{ "{\"jti\":null}", NULL, NULL, "invalid_grant", "missing_claim" },                                 /* JAG-40 */
		{ "{\"resource\":\"https://elsewhere.example/\"}", NULL, NULL, "invalid_grant", "wrong_resource" },   /* JAG-61 */
		{ "{\"resource\":[\"https://mcp.example/svc\",\"https://elsewhere.example/\"]}", NULL, NULL, "invalid_grant", "wrong_resource" }, /* JAG-129 */
		{ "{\"resource\":[\"https://mcp.example/svc\",\"https://mcp.example/svc\"]}", NULL, NULL, "invalid_grant", "bad_claim" },
		{ "{\"resource\":7}", NULL, NULL, "invalid_grant", "bad_claim" },                                   /* JAG-60 */
		{ "{\"resource\":[]}", NULL, NULL, "invalid_grant", "bad_claim" },
		{ "{}", NULL, "https://elsewhere.example/", "invalid_target", "bad_target" },                       /* JAG-63 */
		{ "{\"scope\":\"read write\"}", "read", NULL, "invalid_scope", "narrow_scope" },                       /* JAG-67 */
		{ "{\"scope\":\"read  write\"}", NULL, NULL, "invalid_grant", "bad_scope" },                         /* JAG-66 */
		{ "{\"scope\":\"admin\"}", NULL, NULL, "invalid_grant", "unknown_scope" },                             /* JAG-71 */
		{ "{\"scope\":null}", NULL, NULL, "invalid_scope", "no_scope" },                                    /* JAG-70 */
		{ "{\"scope\":[\"read\"]}", NULL, NULL, "invalid_grant", "bad_claim" },
		{ "{\"authorization_details\":[{\"type\":\"x\"}]}", NULL, NULL, "invalid_grant", "unsupported_details" }, /* JAG-75 */
		{ "{\"authorization_details\":[]}", NULL, NULL, "invalid_grant", "unsupported_details" },           /* JAG-74 */
		{ "{\"authorization_details\":\"x\"}", NULL, NULL, "invalid_grant", "unsupported_details" },
		{ "{\"cnf\":{\"jkt\":\"0123456789012345678901234567890123456789010\"}}", NULL, NULL, "invalid_grant", "proof_missing" }, /* JAG-95 */
		{ "{\"cnf\":{\"jku\":\"x\"}}", NULL, NULL, "invalid_grant", "bound_token" },                             /* JAG-98 */
		{ "{\"session_expiry\":1}", NULL, NULL, "invalid_grant", "expired" },                               /* JAG-109 */
		{ "{\"session_expiry\":-9223372036854775807}", NULL, NULL, "invalid_grant", "bad_claim" },
		{ "{\"session_expiry\":\"soon\"}", NULL, NULL, "invalid_grant", "bad_claim" },
		{ "{\"sub_profile\":\"workload\"}", NULL, NULL, "invalid_grant", "not_a_person" },                    /* JAG-133 */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *bad = world_token(&desk.world, rows[i].changes), scopes[256];
		int foretold = explained(&desk, "svc", "app", bad, rows[i].scope, rows[i].resource, scopes);
		desk_redeem(&desk, bad, rows[i].scope, rows[i].resource);
		if (desk.status != 400 || strcmp(desk_text(&desk, "/error"), rows[i].error))
			print_error("row %zu: %d %s\n", i, desk.status, desk.body);
		assert_int_equal(desk.status, 400);
		assert_string_equal(desk_text(&desk, "/error"), rows[i].error);
		assert_string_equal(desk_audited(&desk, "/code"), rows[i].code);
		/* Proofs alone are not looked at. */
		assert_string_equal(ema_code_name(foretold), strcmp(rows[i].code, "proof_missing") ? rows[i].code : "ok");
		if (!strcmp(rows[i].code, "no_scope"))
			assert_non_null(strstr(desk_audited(&desk, "/reason"), "or write default_scopes = [ ... ]"));
		assert_int_equal(strlen(desk_header(&desk, "X-Request-ID")), 36);
		assert_null(strstr(desk.body, desk_header(&desk, "X-Request-ID")));
		/* JAG-105: the description is a fixed text of RFC 6749's characters. */
		const char *text = desk_text(&desk, "/error_description");
		assert_true(*text && !strpbrk(text, "\"\\"));
		for (; *text; text++)
			assert_true(*text >= 0x20 && *text < 0x7f);
	}
	/* JAG-03, JAG-48: two tokens, and an encrypted one */
	desk_redeem(&desk, strdup("a.b.c d.e.f"), NULL, NULL);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	desk_redeem(&desk, strdup("e30.e30.e30.e30.e30"), NULL, NULL);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	assert_string_equal(desk_audited(&desk, "/code"), "encrypted");
	/* JAG-36: a token of another type */
	desk_redeem(&desk, world_sign(&desk.world, desk.world.key, "at+jwt", "{}"), NULL, NULL);
	assert_string_equal(desk_audited(&desk, "/code"), "wrong_type");
	/* JAG-74 */
	char *client = desk_assertion(&desk, ""), *jag = world_token(&desk.world, "{}");
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client,
	          "authorization_details", "[]", NULL);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_authorization_details");
	free(client);
	/* JAG-56: none of that used the assertion up. */
	desk_redeem(&desk, jag, NULL, NULL);
	assert_int_equal(desk.status, 200);
	desk_close(&desk);
}

/* JAG-12, JAG-14, JAG-23, JAG-24, JAG-72: clients with a secret. */
static void clients_with_a_secret(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	/* basic:correct-horse-battery-staple, basic:wrong..., nobody:correct... */
	static const char good[] = "Basic YmFzaWM6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==", wrong[] = "Basic YmFzaWM6d3JvbmctaG9yc2UtYmF0dGVyeS1zdGFwbGU=",
	                  nobody[] = "Basic bm9ib2R5OmNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGU=";
	char *jag = world_token(&desk.world, "{\"client_id\":\"basic\"}"), body[256], scopes[256];
	desk_form(&desk, "/token", wrong, "grant_type", JWT_BEARER, "assertion", jag, NULL);
	assert_int_equal(desk.status, 401);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_client");
	assert_non_null(strstr(desk_header(&desk, "WWW-Authenticate"), "Basic"));
	assert_string_equal(desk_audited(&desk, "/code"), "client_refused");
	assert_string_equal(desk_audited(&desk, "/client"), "basic");
	snprintf(body, sizeof body, "%s", desk.body);
	desk_form(&desk, "/token", nobody, "grant_type", JWT_BEARER, "assertion", jag, NULL);
	assert_int_equal(desk.status, 401);
	assert_string_equal(desk.body, body);
	assert_string_equal(desk_audited(&desk, "/code"), "unknown_client");
	desk_form(&desk, "/token", good, "grant_type", JWT_BEARER, "assertion", jag, "client_id", "basic", "client_secret", SECRET, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_request");
	desk_form(&desk, "/token", good, "grant_type", JWT_BEARER, "assertion", jag, NULL);
	assert_int_equal(desk.status, 200);
	free(jag);
	/* What a client is registered for is the most that it gets. */
	jag = world_token(&desk.world, "{\"client_id\":\"post\",\"scope\":\"read write\"}");
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", "post", "client_secret", SECRET, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_text(&desk, "/scope"), "read");
	int64_t life = 0;
	assert_true(json_integer(json_at(&desk.json, "/expires_in"), &life) && life == 300);
	free(jag);
	/* JAG-25 */
	jag = world_token(&desk.world, "{\"client_id\":\"retired\"}");
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", "retired", "client_secret", SECRET, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "unauthorized_client");
	assert_int_equal(explained(&desk, "svc", "retired", jag, NULL, NULL, scopes), EMA_CLIENT_NOT_ALLOWED);
	free(jag);
	jag = world_token(&desk.world, "{\"client_id\":\"ghost\"}");
	assert_int_equal(explained(&desk, "svc", "ghost", jag, NULL, NULL, scopes), EMA_UNKNOWN_CLIENT);
	free(jag);
	desk_close(&desk);
}

/* JAG-62, JAG-63, JAG-64, MCP-36: which of several services under one issuer. */
static void resources(void **state)
{
	(void)state;
	static const char more[] =
		"rates = { address = 0; subject = 0; }; SERVICES:, { id = \"two\"; resource = \"https://mcp.example/two\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); },\n"
		"  { id = \"own\"; issuer = \"https://auth.example/own\"; resource = \"https://mcp.example/own\"; identity = [\"idp\"];\n"
		"  former_issuers = ( { issuer = \"https://auth.example/was\"; until = \"2099-01-01\"; } );\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); },\n"
		"  { id = \"bare\"; resource = \"https://bare.example\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); },\n"
		"  { id = \"slash\"; resource = \"https://slash.example/\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }";
	struct desk desk;
	desk_open(&desk, more, NULL);
	static const struct {
		const char *claim, *parameter; /* JSON; NULL: absent */
		const char *got, *error;
	} rows[] = {
		{ NULL, NULL, NULL, "invalid_target" },
		{ NULL, "https://mcp.example/two", "https://mcp.example/two", NULL },
		{ NULL, "HTTPS://MCP.example:443/two", "https://mcp.example/two", NULL }, /* JAG-65 */
		{ NULL, "https://mcp.example/two/", NULL, "invalid_target" },
		{ NULL, "https://mcp.example/own", NULL, "invalid_target" },
		{ "\"https://mcp.example/two\"", NULL, "https://mcp.example/two", NULL },
		{ "\"https://mcp.example/two\"", "https://mcp.example/svc", NULL, "invalid_target" },
		{ "[\"https://mcp.example/svc\",\"https://mcp.example/two\"]", NULL, NULL, "invalid_target" },
		{ "[\"https://mcp.example/svc\",\"https://mcp.example/two\"]", "https://mcp.example/svc", "https://mcp.example/svc", NULL },
		{ "[\"https://mcp.example/svc\"]", NULL, "https://mcp.example/svc", NULL },
		{ "\"https://mcp.example/own\"", NULL, NULL, "invalid_grant" },
		/* JAG-65: of a bare root alone the slash is nothing. */
		{ NULL, "https://bare.example/", "https://bare.example", NULL },
		{ "\"https://bare.example/\"", "https://bare.example", "https://bare.example", NULL },
		{ "\"https://slash.example\"", NULL, "https://slash.example/", NULL },
		{ NULL, "https://slash.example//", NULL, "invalid_target" },
		{ NULL, "https://bare.example/x", NULL, "invalid_target" },
		{ NULL, "https://bare.example/?", NULL, "invalid_target" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char changes[256];
		snprintf(changes, sizeof changes, "{\"resource\":%s}", rows[i].claim ? rows[i].claim : "null");
		char *jag = world_token(&desk.world, changes), scopes[256];
		int foretold = explained(&desk, "two", "app", jag, NULL, rows[i].parameter, scopes);
		desk_redeem(&desk, jag, NULL, rows[i].parameter);
		/* One that is for another service of the issuer is not for this one. */
		const int other = rows[i].got && strcmp(rows[i].got, "https://mcp.example/two");
		assert_int_equal(foretold, other ? EMA_WRONG_RESOURCE : desk.code);
		if (desk.status != (rows[i].got ? 200 : 400))
			print_error("row %zu: %s\n", i, desk.body);
		assert_int_equal(desk.status, rows[i].got ? 200 : 400);
		assert_string_equal(desk_text(&desk, rows[i].got ? "/resource" : "/error"), rows[i].got ? rows[i].got : rows[i].error);
	}
	/* Two that are the same are one, two different ones are none. */
	for (int two = 0; two < 2; two++) {
		char *client = desk_assertion(&desk, ""), *jag = world_token(&desk.world, "{}");
		desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client,
		          "resource", "https://mcp.example/svc", "resource", two ? "https://mcp.example/two" : "https://mcp.example/svc", NULL);
		assert_int_equal(desk.status, two ? 400 : 200);
		free(client);
		free(jag);
	}
	/* However many there are, each counts. */
	struct buffer many = BUFFER_INIT(65536);
	char *last = desk_assertion(&desk, ""), *good = world_token(&desk.world, "{}");
	buffer_printf(&many, "grant_type=" JWT_BEARER "&client_assertion_type=" CLIENT_ASSERTION "&client_assertion=%s&assertion=%s", last, good);
	for (int i = 0; i < 40; i++)
		buffer_text(&many, "&resource=https://mcp.example/svc");
	buffer_text(&many, "&resource=https://mcp.example/two");
	desk_request(&desk, "POST", "/token", many.data, "Content-Type: application/x-www-form-urlencoded", NULL);
	assert_int_equal(desk.code, EMA_BAD_TARGET);
	buffer_free(&many);
	free(last);
	free(good);
	/* A service with its own issuer has its own endpoint, and an assertion for one issuer is good for no other. */
	char *client = desk_assertion(&desk, "\"aud\":\"https://auth.example/own\""), *jag = world_token(&desk.world, "{\"aud\":\"https://auth.example/own\"}");
	desk_form(&desk, "/own/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_text(&desk, "/resource"), "https://mcp.example/own");
	free(client);
	free(jag);
	client = desk_assertion(&desk, "\"aud\":\"https://auth.example/own\"");
	jag = world_token(&desk.world, "{}");
	desk_form(&desk, "/own/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_audited(&desk, "/code"), "wrong_audience");
	free(client);
	free(jag);
	/* The name that it had is taken until its date. */
	client = desk_assertion(&desk, "\"aud\":\"https://auth.example/was\"");
	jag = world_token(&desk.world, "{\"aud\":\"https://auth.example/was\"}");
	desk_form(&desk, "/was/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 200);
	free(client);
	free(jag);
	desk_close(&desk);
}

/* JAG-68 */
static void narrow(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, "PROVIDER: scope_rule = \"narrow\";", NULL);
	desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read write\"}"), "write other", NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_text(&desk, "/scope"), "write");
	desk_close(&desk);
}

/* MCP-20, JAG-72: what may not have a scope may have what it includes, be it for the grants, the client's entry or the request. */
static void narrower(void **state)
{
	static const char more[] =
		"SERVICES:, { id = \"tree\"; resource = \"https://mcp.example/tree\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"all\"; access = \"write\"; includes = [\"write\", \"logs\"]; },\n"
		"    { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; includes = [\"read\"]; },\n"
		"    { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"logs\"; access = \"read\"; tools = [\"log_*\"]; } );\n"
		"  grants = ( { provider = \"idp\"; subject = \"ada\"; scopes = [\"all\"]; }, { provider = \"idp\"; subject = \"bob\"; scopes = [\"write\"]; },\n"
		"    { provider = \"idp\"; subject = \"eve\"; scopes = [\"read\"]; },\n"
		"    { provider = \"idp\"; subject = \"kim\"; scopes = [\"write\"]; when = { acr = [\"strong\"]; }; } ); } PROVIDER: scope_rule = \"%s\";";
	static const struct {
		const char *rule, *sub, *client, *has, *asked, *got; /* got NULL: refused; "!": with this error */
	} rows[] = {
		{ "strict", "ada", "app", "all", NULL, "all" },
		{ "strict", "ada", "app", "write", NULL, "write" },
		{ "strict", "bob", "app", "all", NULL, "write" },
		{ "strict", "bob", "app", "write logs", NULL, "write" },
		{ "strict", "bob", "app", "all all all write", NULL, "write" },
		{ "strict", "kim", "app", "all", NULL, "!insufficient_user_authentication" }, /* of write, which a login would give */
		{ "strict", "eve", "app", "all", NULL, "read" },
		{ "strict", "eve", "app", "write read", NULL, "read" },
		{ "strict", "eve", "app", "logs", NULL, NULL },
		{ "strict", "ada", "post", "all", NULL, "read" },
		{ "strict", "ada", "post", "logs", NULL, NULL },
		{ "strict", "ada", "app", "write read", "write", "write read" },
		{ "strict", "ada", "app", "write", "all", "write" },
		{ "strict", "ada", "app", "write", "read", NULL },
		{ "narrow", "ada", "app", "write", "read", "read" },
		{ "narrow", "ada", "app", "all", "logs read", "read logs" },
		{ "narrow", "ada", "app", "read", "write", "read" },
		{ "narrow", "ada", "app", "read", "logs", NULL },
		{ "narrow", "bob", "app", "all", "logs", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct desk desk;
		char settings[2048], changes[256];
		snprintf(settings, sizeof settings, more, rows[i].rule);
		desk_open(&desk, settings, NULL);
		snprintf(changes, sizeof changes, "{\"sub\":\"%s\",\"client_id\":\"%s\",\"scope\":\"%s\"}", rows[i].sub, rows[i].client, rows[i].has);
		char *jag = world_token(&desk.world, changes), foretold[256];
		int code = explained(&desk, "tree", rows[i].client, jag, rows[i].asked, "https://mcp.example/tree", foretold);
		if (!strcmp(rows[i].client, "app")) {
			desk_redeem(&desk, jag, rows[i].asked, "https://mcp.example/tree");
		} else {
			desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_id", "post", "client_secret", SECRET, "resource", "https://mcp.example/tree", NULL);
			free(jag);
		}
		const char *error = rows[i].got && *rows[i].got == '!' ? rows[i].got + 1 : NULL, *got = rows[i].got && !error ? rows[i].got : "";
		if (desk.status != (*got ? 200 : 400) || strcmp(desk_text(&desk, "/scope"), got) || (error && strcmp(desk_text(&desk, "/error"), error)))
			fail_msg("row %zu: %d %s", i, desk.status, desk.body);
		if (code != desk.code || strcmp(foretold, got))
			fail_msg("row %zu: explained as %s with \"%s\"", i, ema_code_name(code), foretold);
		desk_close(&desk);
	}
}

/* JAG-09: a burst of failures ends with 429; others are not touched by it. */
static void rates(void **state)
{
	(void)state;
	struct desk desk;
	int refused = 0;
	desk_open(&desk, "rates = { address = 8; subject = 5; failure_cost = 4; };", NULL);
	for (int i = 0; i < 4; i++) {
		desk_form(&desk, "/token", "Basic YmFzaWM6d3Jvbmc=", "grant_type", JWT_BEARER, "assertion", "x", NULL);
		refused += desk.status == 429;
	}
	assert_int_equal(refused, 2);
	assert_int_equal(desk.status, 429);
	assert_true(atoi(desk_header(&desk, "Retry-After")) > 0);
	assert_string_equal(desk_text(&desk, "/error"), "temporarily_unavailable");
	desk.remote = "192.0.2.8";
	for (int i = 0; i < 5; i++) {
		desk_redeem(&desk, world_token(&desk.world, "{}"), NULL, NULL);
		assert_int_equal(desk.status, 200);
	}
	desk_redeem(&desk, world_token(&desk.world, "{}"), NULL, NULL);
	assert_int_equal(desk.status, 429);
	/* Somebody else of the same office and client. */
	desk_redeem(&desk, world_token(&desk.world, "{\"sub\":\"bob\"}"), NULL, NULL);
	assert_int_equal(desk.status, 200);
	/* An IPv6 network is one address. */
	for (int i = 0; i < 3; i++) {
		char remote[64];
		snprintf(remote, sizeof remote, "2001:db8:0:1::%d", i);
		desk.remote = remote;
		desk_form(&desk, "/token", "Basic YmFzaWM6d3Jvbmc=", "grant_type", JWT_BEARER, "assertion", "x", NULL);
	}
	assert_int_equal(desk.status, 429);
	desk.remote = "2001:db8:0:2::1";
	desk_redeem(&desk, world_token(&desk.world, "{\"sub\":\"carl\"}"), NULL, NULL);
	assert_int_equal(desk.status, 200);
	desk_close(&desk);
}

/* JAG-20, AUD-21: what a header says of the client behind it counts from a named proxy alone. */
static void proxies(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, "proxies = [\"127.0.0.1\", \"10.0.0.1\"]; rates = { address = 1; failure_cost = 1; };", NULL);
	static const struct {
		const char *remote, *header;
		int status; /* of a second failure: 429 if it is the same client */
		const char *recorded; /* NULL: remote */
	} rows[] = {
		{ "127.0.0.1", "X-Forwarded-For: 203.0.113.1", 401, "203.0.113.1" },
		{ "127.0.0.1", "X-Forwarded-For: 203.0.113.2", 401, "203.0.113.2" },
		{ "127.0.0.1", "X-Forwarded-For: 203.0.113.9, 203.0.113.1", 429, "203.0.113.1" },
		{ "127.0.0.1", "X-Forwarded-For: 203.0.113.2, 10.0.0.1", 429, "203.0.113.2" },
		{ "203.0.113.7", "X-Forwarded-For: 203.0.113.8", 401, NULL },
		{ "::FFFF:203.0.113.7", "X-Forwarded-For: 203.0.113.8", 429, "203.0.113.7" },
		{ "203.0.113.7", "X-Forwarded-For: 203.0.113.10", 429, NULL },
		/* One address, however it is written; another one that is written so. */
		{ "127.0.0.1", "X-Forwarded-For: ::ffff:203.0.113.1", 429, "203.0.113.1" },
		{ "127.0.0.1", "X-Forwarded-For: ::ffff:203.0.113.20", 401, "203.0.113.20" },
		{ "127.0.0.1", "X-Forwarded-For: ::ffff:203.0.113.21", 401, "203.0.113.21" },
		/* What is no address: the proxy has to answer for it. */
		{ "127.0.0.1", "X-Forwarded-For: 203.0.113.30:4001", 401, NULL },
		{ "127.0.0.1", "X-Forwarded-For: 203.0.113.30:4002", 429, NULL },
		/* Networks that begin alike. */
		{ "127.0.0.1", "X-Forwarded-For: 2001::1:2:3:4:5", 401, "2001::1:2:3:4:5" },
		{ "127.0.0.1", "X-Forwarded-For: 2001::2:2:3:4:5", 401, "2001::2:2:3:4:5" },
		{ "127.0.0.1", "X-Forwarded-For: 2001:0:0:2:7::", 429, "2001:0:0:2:7::" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk.remote = rows[i].remote;
		desk_request(&desk, "POST", "/token", "grant_type=" JWT_BEARER "&assertion=x&client_id=nobody", "Content-Type: application/x-www-form-urlencoded",
		             rows[i].header, NULL);
		assert_int_equal(desk.status, rows[i].status);
		char name[AUDIT_PSEUDONYM];
		audit_pseudonym(desk.world.context->audit, rows[i].recorded ? rows[i].recorded : rows[i].remote, name);
		audited(&desk, "/remote", name);
	}
	desk_close(&desk);
}

/* A service that wants bound tokens gives none without a proof (JAG-97, JAG-102). */
static void binding_required(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, NULL, "binding = \"required\";");
	desk_redeem(&desk, world_token(&desk.world, "{}"), NULL, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	assert_string_equal(desk_audited(&desk, "/code"), "proof_missing");
	desk_close(&desk);
}

/* JAG-20: the certificate that a proxy shows us is its own, and no proof of whoever stands behind it. */
static void a_proxys_own_certificate(void **state)
{
	(void)state;
	static const char *const subject[] = { "CN", "proxy", NULL };
	struct desk desk;
	desk_open(&desk, "proxies = [\"192.0.2.7\"];", "binding = \"required\";");
	char *pem = issue(subject, NULL, (long long)desk.world.now, -1, 1);
	for (int proxied = 0; proxied < 2; proxied++) {
		char *client = desk_assertion(&desk, ""), *jag = world_token(&desk.world, "{}");
		ema_response *response = NULL;
		desk.remote = proxied ? "192.0.2.7" : "192.0.2.8";
		ema_request *request = desk_prepare(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION,
		                                    "client_assertion", client, NULL);
		assert_int_equal(ema_request_set(request, EMA_REQUEST_CERTIFICATE, pem), EMA_OK);
		assert_int_equal(ema_http(desk.world.context, request, EMA_SERVE_TOKEN, &response), proxied ? EMA_PROOF_MISSING : EMA_OK);
		ema_response_free(response);
		ema_request_free(request);
		free(client);
		free(jag);
	}
	free(pem);
	desk_close(&desk);
}

/* JAG-58: used, the server starts again at once, and used again. */
static void a_restart_between_two_uses(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, NULL, NULL);
	char claims[96];
	int64_t issued = clock_wall(&clock_system) / 1000 + 1;
	snprintf(claims, sizeof claims, "{\"iat\":%lld}", (long long)issued);
	char *jag = world_token(&desk.world, claims);
	while (clock_wall(&clock_system) / 1000 < issued)
		usleep(20000); /* issued behind the first start, and in the second of the next one or before */
	desk_redeem(&desk, strdup(jag), NULL, NULL);
	assert_int_equal(desk.status, 200);
	ema_free(desk.world.context);
	desk.world.context = ema_new();
	assert_non_null(desk.world.context);
	assert_int_equal(ema_set_plugin_path(desk.world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
	ema_set_server(desk.world.context);
	assert_int_equal(desk_load(&desk, NULL, NULL), EMA_OK);
	desk_redeem(&desk, jag, NULL, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	assert_string_equal(desk_audited(&desk, "/code"), "before_start");
	desk_close(&desk);
}

/* JAG-22: whoever says that it is a client which proves nothing is a stranger, whose records leave room for others. */
static void a_public_client_is_a_stranger(void **state)
{
	(void)state;
	static const char conf[] =
		"issuer = \"" OURS "\"; spool_size = \"1MiB\"; rates = { address = 0; subject = 0; };\n"
		"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; public_clients = true; } );\n"
		"audit = ( { id = \"slow\"; plugin = \"fault\"; delay = \"1s\"; } );\n"
		"clients = ( { id = \"anybody\"; auth = \"none\"; dpop = \"required\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; } );\n";
	struct desk desk = { .remote = "192.0.2.7" };
	struct audit_state audit = { 0 };
	const int before = test_threads();
	world_open(&desk.world);
	ema_set_server(desk.world.context);
	if (world_load(&desk.world, conf))
		fail_msg("%s", ema_error(desk.world.context));
	for (int i = 0; i < 1500; i++) {
		desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", "x", "client_id", "anybody", NULL);
		assert_int_equal(desk.status, 400);
		audit_state(desk.world.context->audit, &audit);
		/* And what audit says of the sink. */
		assert_true(audit.spool_used <= audit.spool_room / 2 + 16384);
	}
	desk_close(&desk);
	for (int i = 0; i < 6000 && test_threads() > before; i++) /* the sink's, if it was left in a call */
		usleep(10000);
}

/* A tenant that was taken out of the provider vouches for nobody any more. */
static void a_tenant_that_is_gone(void **state)
{
	(void)state;
	struct desk desk;
	char token[4096];
	desk_open(&desk, "PROVIDER: tenant_claim = \"t\"; tenants = [\"t1\"];", NULL);
	desk_redeem(&desk, world_token(&desk.world, "{\"t\":\"t1\"}"), NULL, NULL);
	assert_int_equal(desk.status, 200);
	snprintf(token, sizeof token, "%s", desk_text(&desk, "/access_token"));
	for (int gone = 0; gone < 2; gone++) {
		assert_int_equal(desk_load(&desk, gone ? "PROVIDER: tenant_claim = \"t\"; tenants = [\"t2\"];" : "PROVIDER: tenant_claim = \"t\"; tenants = [\"t1\"];", NULL), EMA_OK);
		desk_form(&desk, "/introspect", "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl", "token", token, NULL);
		assert_int_equal(desk.status, 200);
		assert_true(json_is(json_at(&desk.json, "/active"), gone ? JSON_FALSE : JSON_TRUE));
	}
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_assertion_becomes_a_token),
		cmocka_unit_test(a_replay_is_an_alert),
		cmocka_unit_test(bad_forms),
		cmocka_unit_test(cheap_checks_come_first),
		cmocka_unit_test(what_the_answer_hides),
		cmocka_unit_test(one_jti_of_three_kinds),
		cmocka_unit_test(keys_that_cannot_be_had),
		cmocka_unit_test(bad_assertions),
		cmocka_unit_test(clients_with_a_secret),
		cmocka_unit_test(resources),
		cmocka_unit_test(narrow),
		cmocka_unit_test(narrower),
		cmocka_unit_test(rates),
		cmocka_unit_test(proxies),
		cmocka_unit_test(binding_required),
		cmocka_unit_test(a_tenant_that_is_gone),
		cmocka_unit_test(a_proxys_own_certificate),
		cmocka_unit_test(a_public_client_is_a_stranger),
		cmocka_unit_test(a_restart_between_two_uses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
