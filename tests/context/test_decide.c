#define _GNU_SOURCE
#include "world.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "context.h"
#include "jws.h"

static void decides(struct world *world, const char *changes, int code, const char *text)
{
	ema_decision *decision = NULL;
	int got = world_decide(world, "svc", world_token(world, changes), &decision);
	if (got != code || !strstr(ema_decision_operator_line(decision), text))
		fail_msg("%s: %s, %s: expected %s with \"%s\"", changes, ema_code_name(got), ema_decision_operator_line(decision), ema_code_name(code),
		         text);
	if (code) {
		assert_null(ema_decision_subject(decision));
		assert_null(ema_decision_scope(decision, 0));
		assert_null(ema_decision_group(decision, 0));
	}
	assert_int_equal(strlen(ema_decision_id(decision)), 36);
	ema_decision_free(decision);
}

/* JAG-36 JAG-37 JAG-38 JAG-40 JAG-41 JAG-42 JAG-43 JAG-45 JAG-60 JAG-61 JAG-65 JAG-66 JAG-70 JAG-71 JAG-75 JAG-98: each fault of an assertion
   is refused with its own code, and the good one is granted. */
static void each_fault_has_its_code(void **state)
{
	struct world world;
	char late[64], future[64], lengthy[64], changes[160];
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	assert_string_equal(ema_error(world.context), "");
	snprintf(late, sizeof late, "{\"iat\":%lld,\"exp\":%lld}", (long long)world.now - 400, (long long)world.now - 100);
	snprintf(future, sizeof future, "{\"iat\":%lld,\"exp\":%lld}", (long long)world.now + 100, (long long)world.now + 200);
	snprintf(lengthy, sizeof lengthy, "{\"exp\":%lld}", (long long)world.now + 400);
	const struct {
		const char *changes;
		int code;
		const char *text;
	} cases[] = {
		{ "{}", EMA_OK, "granted" },
		{ "{\"scope\":null}", EMA_NO_SCOPE, "default_scopes" },
		{ "{\"resource\":\"HTTPS://MCP.example:443/svc\"}", EMA_OK, "granted" },
		{ "{\"aud\":[\"" OURS "\"]}", EMA_OK, "granted" },
		{ "{\"extra\":{\"deep\":[1,2]}}", EMA_OK, "granted" },
		{ late, EMA_EXPIRED, "" },
		{ future, EMA_ISSUED_IN_FUTURE, "" },
		{ lengthy, EMA_LIFETIME_TOO_LONG, "" },
		{ "{\"aud\":\"" OURS "/\"}", EMA_WRONG_AUDIENCE, "" },
		{ "{\"aud\":[\"" OURS "\",\"https://x.example\"]}", EMA_WRONG_AUDIENCE, "" },
		{ "{\"aud\":[\"" OURS "\",\"" OURS "\"]}", EMA_WRONG_AUDIENCE, "" },
		{ "{\"aud\":\"" OURS "/token\"}", EMA_WRONG_AUDIENCE, "" },
		{ "{\"aud\":7}", EMA_BAD_CLAIM, "aud" },
		{ "{\"aud\":\"\"}", EMA_BAD_CLAIM, "aud" },
		{ "{\"aud\":[]}", EMA_BAD_CLAIM, "aud" },
		{ "{\"aud\":null}", EMA_MISSING_CLAIM, "aud" },
		{ "{\"sub\":null}", EMA_MISSING_CLAIM, "sub" },
		{ "{\"sub\":\"\"}", EMA_BAD_CLAIM, "sub" },
		{ "{\"sub\":7}", EMA_BAD_CLAIM, "sub" },
		{ "{\"jti\":null}", EMA_MISSING_CLAIM, "jti" },
		{ "{\"jti\":\"\"}", EMA_BAD_CLAIM, "jti" },
		{ "{\"jti\":7}", EMA_BAD_CLAIM, "jti" },
		{ "{\"exp\":null}", EMA_MISSING_CLAIM, "exp" },
		{ "{\"iat\":null}", EMA_MISSING_CLAIM, "iat" },
		{ "{\"exp\":\"soon\"}", EMA_BAD_CLAIM, "exp" },
		{ "{\"iat\":\"now\"}", EMA_BAD_CLAIM, "iat" },
		{ "{\"client_id\":null}", EMA_MISSING_CLAIM, "client_id" },
		{ "{\"client_id\":\"\"}", EMA_BAD_CLAIM, "client_id" },
		{ "{\"client_id\":[\"app\"]}", EMA_BAD_CLAIM, "client_id" },
		{ "{\"client_id\":\"another\"}", EMA_WRONG_CLIENT, "client" },
		{ "{\"scope\":\"read \\\"x\"}", EMA_BAD_SCOPE, "" },
		{ "{\"scope\":\"read admin\"}", EMA_UNKNOWN_SCOPE, "admin" },
		{ "{\"resource\":\"https://mcp.example/other\"}", EMA_WRONG_RESOURCE, "other" },
		{ "{\"resource\":\"https://mcp.example/svc/\"}", EMA_WRONG_RESOURCE, "svc/" },
		{ "{\"resource\":\"/svc\"}", EMA_BAD_CLAIM, "resource" },
		{ "{\"resource\":\"https://mcp.example/svc#a\"}", EMA_BAD_CLAIM, "resource" },
		{ "{\"resource\":7}", EMA_BAD_CLAIM, "resource" },
		{ "{\"resource\":[\"https://mcp.example/svc\",7]}", EMA_BAD_CLAIM, "resource" },
		{ "{\"resource\":[\"https://mcp.example/svc\",\"https://x.example\"]}", EMA_WRONG_RESOURCE, "also for the resource \"https://x.example\"" },
		{ "{\"authorization_details\":[{\"type\":\"x\"}]}", EMA_UNSUPPORTED_DETAILS, "" },
		{ "{\"cnf\":{\"jkt\":\"x\"}}", EMA_BOUND_TOKEN, "" },
		{ "{\"iss\":\"https://idp.example/\"}", EMA_UNKNOWN_ISSUER, "slash at its end" },
		{ "{\"iss\":\"https://idp.example/oauth2/default\"}", EMA_UNKNOWN_ISSUER, "custom authorization server" },
		{ "{\"iss\":\"https://IDP.example\"}", EMA_UNKNOWN_ISSUER, "upper and lower case" },
		{ "{\"iss\":\"https://elsewhere.test\"}", EMA_UNKNOWN_ISSUER, "no provider has the issuer" },
		{ "{\"iss\":null}", EMA_MISSING_CLAIM, "iss" },
		{ "{\"iss\":[\"x\"]}", EMA_BAD_CLAIM, "iss" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		decides(&world, cases[i].changes, cases[i].code, cases[i].text);
	snprintf(changes, sizeof changes, "{\"nbf\":%lld}", (long long)world.now + 100);
	decides(&world, changes, EMA_NOT_YET_VALID, "");
	world_close(&world);
}

/* The world's usual assertion with more in its header. */
static char *with_header(struct world *world, const char *issuer, const char *more)
{
	char claims[512], *token = NULL;
	snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"sub\":\"ada\",\"aud\":\"" OURS "\",\"client_id\":\"app\",\"jti\":\"h-%d\",\"iat\":%lld,\"exp\":%lld,"
	         "\"scope\":\"read\"}", issuer, ++world->serial, (long long)world->now, (long long)world->now + 300);
	assert_int_equal(jws_sign(world->key, JOSE_ES256, "oauth-id-jag+jwt", more, claims, strlen(claims), &token, NULL), EMA_OK);
	return token;
}

/* JAG-10 JAG-37 JWT-16: an issuer that no provider has is not asked for anything, and nor is what a header names, though the operator would let a
   fetch go to its address. */
static void a_stranger_causes_no_fetch(void **state)
{
	struct world world;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	(void)state;
	int ear = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(ear, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(ear, 16), 0);
	assert_int_equal(getsockname(ear, (struct sockaddr *)&address, &length), 0);
	world_open(&world);
	assert_int_equal(world_load(&world, "issuer = \"" OURS "\"; insecure_http = true;\n"
		"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; insecure_http = true;\n"
		"  internal_hosts = [\"127.0.0.1\", \"localhost\"]; jwks_hosts = [\"127.0.0.1\", \"localhost\"]; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); } );\n"), EMA_OK);
	static const char *const forms[][2] = { { "http://127.0.0.1", "" }, { "https://127.0.0.1", "" }, { "http://localhost", "/" }, { "https://localhost", "/t" } };
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		char issuer[64], more[256];
		snprintf(issuer, sizeof issuer, "%s:%d%s", forms[i][0], ntohs(address.sin_port), forms[i][1]);
		snprintf(more, sizeof more, ",\"jku\":\"%s\",\"x5u\":\"%s\"", issuer, issuer);
		assert_int_equal(world_decide(&world, "svc", with_header(&world, issuer, more), NULL), EMA_UNKNOWN_ISSUER);
		assert_int_equal(world_decide(&world, "svc", with_header(&world, ISSUER, more), NULL), EMA_OK);
	}
	world_close(&world); /* its threads have ended: whatever they began would wait at the socket */
	assert_int_equal(poll(&(struct pollfd){ .fd = ear, .events = POLLIN }, 1, 0), 0);
	close(ear);
}

/* JAG-38 JWT-15 JWT-18 JWT-19 JWT-67: a key that is not the issuer's, and tokens of other kinds. */
static void other_keys_and_kinds(void **state)
{
	struct world world;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_sign(&world, world.other, "oauth-id-jag+jwt", "{}"), NULL), EMA_UNKNOWN_KEY);
	static const char *const types[] = { "at+jwt", "JWT", "dpop+jwt", "secevent+jwt", "client-authentication+jwt" };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		assert_int_equal(world_decide(&world, "svc", world_sign(&world, world.key, types[i], "{}"), NULL), EMA_WRONG_TYPE);
	assert_int_equal(world_decide(&world, "svc", strdup("a.b.c.d.e"), NULL), EMA_ENCRYPTED);
	/* {"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1000000000,"p2s":"AAAAAAAAAAA","zip":"DEF"}: five parts are not looked into. */
	assert_int_equal(world_decide(&world, "svc", strdup("eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIiwicDJjIjoxMDAwMDAwMDAwLCJwMnMiOiJBQUFBQUFBQUFBQSIsInppcCI6IkRFRiJ9.AAAA.AAAA.AAAA.AAAA"), NULL), EMA_ENCRYPTED);
	assert_int_equal(world_decide(&world, "svc", strdup("not a token"), NULL), EMA_BAD_ENCODING);
	assert_int_equal(world_decide(&world, "svc", strdup(""), NULL), EMA_MALFORMED);
	assert_int_equal(world_decide(&world, "none", world_token(&world, "{}"), NULL), EMA_UNKNOWN_SERVICE);
	char *token = world_token(&world, "{}");
	char *bent = token + strlen(token) - 8;
	*bent = *bent == 'A' ? 'B' : 'A';
	assert_int_equal(world_decide(&world, "svc", token, NULL), EMA_BAD_SIGNATURE);
	world_close(&world);
}

/* JWT-36 JWT-61 JAG-38: two issuers have keys with one and the same kid; each vouches with its own alone. */
static void a_kid_is_its_issuers(void **state)
{
	static const char conf[] = "issuer = \"" OURS "\";\n"
		"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; },\n"
		"  { id = \"two\"; plugin = \"oidc\"; issuer = \"https://two.example\"; jwks_file = \"two.jwks\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\", \"two\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); } );\n";
	struct world world;
	struct jwk *twin = NULL;
	struct json json = { 0 };
	char set[2048];
	(void)state;
	world_open(&world);
	char *text = jwk_print(world.other, 1), *kid = strstr(text, jwk_kid(world.other));
	assert_non_null(kid);
	assert_int_equal(strlen(jwk_kid(world.key)), strlen(jwk_kid(world.other)));
	memcpy(kid, jwk_kid(world.key), strlen(jwk_kid(world.key)));
	assert_int_equal(json_parse(text, strlen(text), &json_limits_header, &json, NULL), EMA_OK);
	assert_int_equal(jwk_parse_private(&json, json_root(&json), &twin, NULL), EMA_OK);
	json_free(&json);
	free(text);
	text = jwk_print(twin, 0);
	snprintf(set, sizeof set, "{\"keys\":[%s]}", text);
	free(text);
	world_file(&world, "two.jwks", set);
	assert_int_equal(world_load(&world, conf), EMA_OK);
	static const char two[] = "{\"iss\":\"https://two.example\"}";
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_sign(&world, twin, "oauth-id-jag+jwt", two), NULL), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_sign(&world, twin, "oauth-id-jag+jwt", "{}"), NULL), EMA_BAD_SIGNATURE);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, two), NULL), EMA_BAD_SIGNATURE);
	jwk_free(twin);
	world_close(&world);
}

/* JAG-51 JAG-52 JAG-56 JAG-59: once is once; a refusal and an explanation use nothing up. */
static void an_assertion_counts_once(void **state)
{
	struct world world;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	char *token = world_token(&world, "{\"jti\":\"one\"}");
	ema_request *request = ema_request_new();
	ema_request_set(request, EMA_REQUEST_CLIENT_ID, "wrong");
	ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token));
	assert_int_equal(ema_decide(world.context, "svc", request, NULL), EMA_WRONG_CLIENT);
	ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app");
	assert_int_equal(ema_explain(world.context, "svc", request, 0, NULL), EMA_OK);
	assert_int_equal(ema_explain(world.context, "svc", request, world.now + 1000, NULL), EMA_EXPIRED);
	assert_int_equal(ema_decide(world.context, "svc", request, NULL), EMA_OK);
	assert_int_equal(ema_decide(world.context, "svc", request, NULL), EMA_REPLAYED);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{\"jti\":\"one\"}"), NULL), EMA_REPLAYED);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{\"jti\":\"two\"}"), NULL), EMA_OK);
	ema_request_free(request);
	free(token);
	world_close(&world);
}

/* AZN-56: a reload that does not check changes nothing and says why; a good one is in force at once. */
static void reload_is_all_or_nothing(void **state)
{
	struct world world;
	char *other;
	(void)state;
	world_open(&world);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_CONFIG);
	assert_int_equal(world_load(&world, "services = ( { id = \"svc\" "), EMA_CONFIG);
	assert_non_null(strstr(ema_error(world.context), "ema.conf:1:"));
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_CONFIG);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_OK);
	char *digest = strdup(ema_config_digest(world.context));
	world_file(&world, "ema.conf", "nonsense = ;");
	assert_int_equal(ema_reload(world.context), EMA_CONFIG);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_OK);
	assert_true(asprintf(&other, "%s\nskew = \"30s\";\n", world_plain) > 0);
	assert_int_equal(world_load(&world, other), EMA_CONFIG);
	free(other);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_OK);
	assert_string_equal(ema_config_digest(world.context), digest);
	free(digest);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	assert_string_equal(ema_error(world.context), "");
	world_close(&world);
}

/* What came from memory is in no file. */
static void memory_is_not_read_again(void **state)
{
	static const char conf[] = "issuer = \"" OURS "\";";
	ema_context *context = ema_new();
	(void)state;
	assert_int_equal(ema_load_memory(context, conf, sizeof conf - 1, "in memory"), EMA_OK);
	assert_string_equal(ema_error(context), "");
	assert_int_equal(ema_reload(context), EMA_BAD_REQUEST);
	assert_non_null(strstr(ema_error(context), "nothing was loaded from a file"));
	assert_int_equal(ema_load_memory(context, conf, sizeof conf - 1, "in memory"), EMA_OK);
	assert_string_equal(ema_error(context), "");
	ema_free(context);
}

/* Who only looks decides nothing, and nothing is asked of a store that it has not. */
static void an_observer_decides_nothing(void **state)
{
	struct world world;
	ema_decision *decision = NULL;
	(void)state;
	world_open(&world);
	ema_set_observer(world.context);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), &decision), EMA_CONFIG);
	assert_non_null(strstr(ema_decision_operator_line(decision), "ema_set_observer"));
	ema_decision_free(decision);
	world_close(&world);
}

#define EARLY 2000

static void *ask_early(void *data)
{
	struct world *world = data;
	long refused = 0;
	for (int i = 0; i < EARLY; i++) {
		ema_decision *decision = NULL;
		refused += world_decide(world, "svc", strdup("a.b.c"), &decision) == EMA_CONFIG;
		ema_decision_free(decision);
	}
	return (void *)refused;
}

/* Until there is a configuration each answer is no, whatever is tried meanwhile. That nobody uses what a load that fails had opened, the
   thread sanitizer sees. */
static void nothing_is_in_place(void **state)
{
	static const char wrong[] = "issuer = \"https://auth.example\";\naudit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
		"providers = ( { id = \"idp\"; plugin = \"no_such\"; issuer = \"https://idp.example\"; jwks = \"%JWKS%\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; } );\n";
	struct world world;
	pthread_t thread;
	(void)state;
	world_open(&world);
	assert_int_equal(pthread_create(&thread, NULL, ask_early, &world), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(world_load(&world, wrong), EMA_CONFIG);
	void *refused;
	assert_int_equal(pthread_join(thread, &refused), 0);
	assert_int_equal((long)refused, EARLY);
	world_close(&world);
}

/* A child of the process gets a clean answer and does not hang. */
static void a_child_is_told(void **state)
{
	struct world world;
	int status = 0;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	char *token = world_token(&world, "{}");
	pid_t child = fork();
	if (!child) {
		alarm(120);
		ema_request *request = ema_request_new();
		ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token));
		int right = ema_decide(world.context, "svc", request, NULL) == EMA_AFTER_FORK && ema_reload(world.context) == EMA_AFTER_FORK &&
			    strstr(ema_error(world.context), "fork()");
		ema_free(world.context);
		test_child_ends(right);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(world_decide(&world, "svc", token, NULL), EMA_OK);
	world_close(&world);
}

/* AUD-01 AUD-06 AUD-09 AUD-10 AUD-12 JAG-123: each decision leaves one record with its code, and no piece of a token. */
static void every_decision_is_written_down(void **state)
{
	struct world world;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	char *token = world_token(&world, "{\"jti\":\"canary-0123456789-canary\",\"secret\":\"canary-claim\"}"), *kept = strdup(token);
	ema_decision *decision = NULL;
	assert_int_equal(world_decide(&world, "svc", token, &decision), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{\"aud\":\"https://x.example\"}"), NULL), EMA_WRONG_AUDIENCE);
	assert_int_equal(world_decide(&world, "svc", strdup(kept), NULL), EMA_REPLAYED);
	ema_free(world.context);
	world.context = NULL;
	char *trail = world_read(&world, "audit.jsonl");
	assert_non_null(strstr(trail, ema_decision_id(decision)));
	assert_non_null(strstr(trail, "\"code\":\"wrong_audience\""));
	assert_non_null(strstr(trail, "\"code\":\"replayed\""));
	assert_null(strstr(trail, "canary"));
	for (size_t i = 0; i + 12 < strlen(kept); i += 5) {
		char piece[13] = "";
		memcpy(piece, kept + i, 12);
		assert_null(strstr(trail, piece));
	}
	size_t decisions = 0;
	for (const char *at = trail; (at = strstr(at, "\"kind\":\"decision\"")); at++)
		decisions++;
	assert_int_equal(decisions, 3);
	char path[128], *report = NULL;
	snprintf(path, sizeof path, "%s/audit.jsonl", world.folder);
	assert_int_equal(ema_audit_verify((const char *const[]){ path, NULL }, NULL, NULL, &report), EMA_OK);
	ema_text_free(report);
	ema_decision_free(decision);
	free(trail);
	free(kept);
	world_close(&world);
}

/* JAG-58: what was issued before the store in memory began may have been used before, and the store in memory does not know. */
static void what_came_before_the_start_is_refused(void **state)
{
	struct world world;
	char before[64], just[64];
	(void)state;
	world_open(&world);
	snprintf(before, sizeof before, "{\"iat\":%lld,\"exp\":%lld}", (long long)world.now - 60, (long long)world.now + 200);
	/* Nor within the skew, or a restart between two uses would let both pass. */
	snprintf(just, sizeof just, "{\"iat\":%lld,\"exp\":%lld}", (long long)world.now - 20, (long long)world.now + 200);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	decides(&world, before, EMA_BEFORE_START, "before the store began to remember");
	decides(&world, just, EMA_BEFORE_START, "before the store began to remember");
	decides(&world, "{}", EMA_OK, "granted");
	world_close(&world);
}

/* JAG-58: an issuer whose clock is ahead: its assertion looks younger than the restart, and is refused all the same. */
static void what_was_redeemed_before_the_restart_is_refused(void **state)
{
	struct world world;
	char last[64], next[64], text[4096];
	(void)state;
	world_open(&world);
	assert_true((size_t)snprintf(text, sizeof text, "state_dir = \"%%FOLDER%%\";\n%s", world_plain) < sizeof text);
	if (world_load(&world, text))
		fail_msg("%s", ema_error(world.context));
	snprintf(last, sizeof last, "{\"iat\":%lld,\"jti\":\"last\"}", (long long)world.now + 5);
	snprintf(next, sizeof next, "{\"iat\":%lld}", (long long)world.now + 6);
	decides(&world, "{}", EMA_OK, "granted");
	decides(&world, last, EMA_OK, "granted");
	decides(&world, "{}", EMA_OK, "granted");
	for (int broken = 0; broken < 2; broken++) {
		ema_free(world.context);
		if (broken)
			world_file(&world, "horizon", "EMAHORZ1 and more");
		world.context = ema_new();
		assert_int_equal(ema_set_plugin_path(world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
		if (world_load(&world, text))
			fail_msg("%s", ema_error(world.context));
		decides(&world, last, EMA_BEFORE_START, "may be that one");
		decides(&world, "{}", EMA_BEFORE_START, "may be that one");
		decides(&world, next, broken ? EMA_BEFORE_START : EMA_OK, broken ? "may be that one" : "granted");
	}
	world_close(&world);
}

/* REV-21: an assertion from before a revocation gives nothing, a later one does; REV-16: a block takes both until it is lifted. */
static void what_was_revoked_is_refused(void **state)
{
	static const struct mark_target targets[] = {
		{ MARK_SUBJECT, ISSUER, NULL, "ada" }, { MARK_CLIENT, NULL, NULL, "app" }, { MARK_PROVIDER, NULL, NULL, "idp" },
		{ MARK_SERVICE, NULL, NULL, "svc" }, { MARK_EVERYTHING, NULL, NULL, NULL },
	};
	static const struct mark_target others[] = {
		{ MARK_SUBJECT, ISSUER, NULL, "bob" }, { MARK_CLIENT, NULL, NULL, "apq" }, { MARK_PROVIDER, NULL, NULL, "idq" },
		{ MARK_SERVICE, NULL, NULL, "svd" }, { MARK_ASSERTION, ISSUER, NULL, "another" },
	};
	struct failure failure = FAILURE_INIT;
	(void)state;
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		struct world world;
		char later[64];
		world_open(&world);
		assert_int_equal(world_load(&world, world_plain), EMA_OK);
		struct marks *marks = world.context->marks;
		/* Some seconds ago, as a mark is taken wider by one; and what the provider issues in the skew of 30 s behind it counts as older, too. */
		const int64_t over = (clock_wall(&clock_system) / 1000 - 2) * 1000;
		assert_int_equal(marks_revoke(marks, &others[i], over, 0, 1000, &failure), EMA_OK);
		decides(&world, "{}", EMA_OK, "granted");
		assert_int_equal(marks_revoke(marks, &targets[i], over, 0, 1000, &failure), EMA_OK);
		decides(&world, "{}", EMA_REVOKED, "revoked");
		snprintf(later, sizeof later, "{\"iat\":%lld}", (long long)over / 1000 + 32);
		decides(&world, later, EMA_OK, "granted");
		assert_int_equal(marks_block(marks, &targets[i], 1000, &failure), EMA_OK);
		decides(&world, later, EMA_BLOCKED, "blocked");
		decides(&world, "{}", EMA_BLOCKED, "blocked");
		assert_int_equal(marks_lift(marks, &targets[i], 1000, &failure), EMA_OK);
		decides(&world, later, EMA_REVOKED, "revoked"); /* the block has left a mark of its own time */
		decides(&world, "{}", EMA_REVOKED, "revoked");
		world_close(&world);
	}
}

/* JAG-81: nothing here takes the word of an assertion for an account of ours. */
static void aud_sub_names_nobody(void **state)
{
	struct world world;
	ema_decision *decision = NULL;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{\"aud_sub\":\"root\",\"aud_tenant\":\"t\"}"), &decision), EMA_OK);
	assert_string_equal(ema_decision_subject(decision), "idp/-/ada");
	assert_null(ema_decision_person(decision));
	ema_decision_free(decision);
	world_close(&world);
}

/* JAG-49: a provider whose issuer is ours is no provider. */
static void our_own_issuer_is_no_provider(void **state)
{
	struct world world;
	char *text = strdup(world_plain), *at;
	(void)state;
	world_open(&world);
	while ((at = strstr(text, "https://idp.example")))
		memcpy(at, "https://ours.exampl", 19);
	at = strstr(text, "https://auth.example");
	char *changed = NULL;
	assert_true(asprintf(&changed, "%.*shttps://ours.exampl%s", (int)(at - text), text, at + strlen("https://auth.example")) > 0);
	assert_int_equal(world_load(&world, changed), EMA_CONFIG);
	assert_non_null(strstr(ema_error(world.context), "E-ISSUER"));
	free(changed);
	free(text);
	world_close(&world);
}

/* AUD-18 AUD-20: a trace context is kept for audit if it is one; it decides nothing. */
static void trace_context_is_kept(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", EMA_OK },
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", EMA_OK },
		{ "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", EMA_BAD_REQUEST },
		{ "00-00000000000000000000000000000000-00f067aa0ba902b7-01", EMA_BAD_REQUEST },
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", EMA_BAD_REQUEST },
		{ "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", EMA_BAD_REQUEST },
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", EMA_BAD_REQUEST },
		{ "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", EMA_BAD_REQUEST },
		{ "", EMA_BAD_REQUEST },
	};
	struct world world;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	ema_request *request = ema_request_new();
	for (size_t i = sizeof cases / sizeof *cases; i-- > 0;)
		assert_int_equal(ema_request_set(request, EMA_REQUEST_TRACEPARENT, cases[i].text), cases[i].code);
	char *token = world_token(&world, "{}");
	ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app");
	ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token));
	assert_int_equal(ema_decide(world.context, "svc", request, NULL), EMA_OK);
	free(token);
	token = world_token(&world, "{}");
	ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token));
	assert_int_equal(ema_decide(world.context, "svc", request, NULL), EMA_OK);
	free(token);
	ema_request_free(request);
	ema_free(world.context);
	world.context = NULL;
	char *trail = world_read(&world, "audit.jsonl");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char want[96];
		snprintf(want, sizeof want, "\"traceparent\":\"%s\"", cases[i].text);
		assert_int_equal(strstr(trail, want) != NULL, i == 0); /* the last good one */
	}
	free(trail);
	world_close(&world);
}

/* AUD-05 AZN-56: start, loads that were taken and refused, and the end are in the trail, with what was in force before and behind them; a refused one alarms. */
static void the_life_of_a_context_is_in_the_trail(void **state)
{
	static const char *const kinds[] = { "start", "config-loaded", "config-refused", "decision", "stop" };
	struct world world;
	char digest[2][80], *other = NULL, want[256];
	(void)state;
	world_open(&world);
	for (int i = 0; i < 2; i++) {
		assert_true(asprintf(&other, "%s%s", world_plain, i ? "store_loss_after = \"50s\";\n" : "") > 0);
		if (world_load(&world, other))
			fail_msg("%s", ema_error(world.context));
		free(other);
		snprintf(digest[i], sizeof digest[i], "%s", ema_config_digest(world.context));
	}
	assert_string_not_equal(digest[0], digest[1]);
	assert_int_equal(world_load(&world, "broken"), EMA_CONFIG);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_OK);
	ema_free(world.context);
	world.context = NULL;
	char *trail = world_read(&world, "audit.jsonl"), *at = trail;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		snprintf(want, sizeof want, "\"kind\":\"%s\"", kinds[i]);
		at = strstr(at, want);
		if (!at)
			fail_msg("%s is not in the trail, or not in its place", kinds[i]);
		while (at > trail && at[-1] != '\n')
			at--;
		char *line = strndup(at, strcspn(at, "\n"));
		at += strlen(line);
		snprintf(want, sizeof want, "\"%s\":\"%s\"", !strcmp(kinds[i], "decision") ? "config" : "digest", digest[i > 0]);
		assert_int_equal(strstr(line, want) != NULL, strcmp(kinds[i], "config-refused") && strcmp(kinds[i], "stop"));
		snprintf(want, sizeof want, "\"before\":\"%s\"", digest[0]);
		assert_int_equal(strstr(line, want) != NULL, i == 1);
		assert_int_equal(strstr(line, "\"severity\":3") != NULL, i == 2);
		free(line);
	}
	free(trail);
	world_close(&world);
}

/* The "when" of a rule that names a stack holds for all in the stack, be it known before or after somebody vouched. */
static void a_stacks_when_counts(void **state)
{
	static const struct {
		const char *when;
		int code;
	} cases[] = {
		{ "client = [\"app\"];", EMA_OK }, { "client = [\"another\"];", EMA_NOT_MINE },
		{ "not_after = \"2020-01-01T00:00:00Z\";", EMA_NOT_MINE }, { "tenant = [\"acme\"];", EMA_NOT_MINE },
		{ "email_domain = [\"acme.example\"];", EMA_NOT_MINE },
	};
	struct world world;
	char *text = NULL;
	(void)state;
	world_open(&world);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *list = strstr(world_plain, "[\"idp\"];\n");
		assert_non_null(list);
		assert_true(asprintf(&text, "%.*s( { control = \"sufficient\"; stack = \"people\"; when = { %s }; } );\n%s"
		                     "stacks = ( { id = \"people\"; rules = [\"idp\"]; } );\n", (int)(list - world_plain), world_plain,
		                     cases[i].when, list + 9) > 0);
		if (world_load(&world, text))
			fail_msg("%s: %s", cases[i].when, ema_error(world.context));
		free(text);
		assert_int_equal(world_decide(&world, "svc", world_token(&world, "{\"email\":\"a@acme.example\"}"), NULL), cases[i].code);
	}
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_before_the_start_is_refused),
		cmocka_unit_test(what_was_redeemed_before_the_restart_is_refused),
		cmocka_unit_test(what_was_revoked_is_refused),
		cmocka_unit_test(aud_sub_names_nobody),
		cmocka_unit_test(our_own_issuer_is_no_provider),
		cmocka_unit_test(trace_context_is_kept),
		cmocka_unit_test(the_life_of_a_context_is_in_the_trail),
		cmocka_unit_test(each_fault_has_its_code),
		cmocka_unit_test(a_stranger_causes_no_fetch),
		cmocka_unit_test(a_kid_is_its_issuers),
		cmocka_unit_test(other_keys_and_kinds),
		cmocka_unit_test(an_assertion_counts_once),
		cmocka_unit_test(reload_is_all_or_nothing),
		cmocka_unit_test(memory_is_not_read_again),
		cmocka_unit_test(an_observer_decides_nothing),
		cmocka_unit_test(nothing_is_in_place),
		cmocka_unit_test(a_child_is_told),
		cmocka_unit_test(every_decision_is_written_down),
		cmocka_unit_test(a_stacks_when_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
