/* What may be had while an identity provider is away: for how long, of what, and what is said of it. */
#define _GNU_SOURCE
#include "world.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "context.h"
#include "../trust/server.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

static _Atomic int64_t moved;

static int64_t test_wall(void *data)
{
	(void)data;
	return clock_wall(&clock_system) + atomic_load(&moved);
}

static int64_t test_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system) + atomic_load(&moved);
}

static const struct clock test_clock = { test_wall, test_monotonic, NULL };

static const char scopes[] =
	"scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n";
static const char tree[] =
	"scopes = ( { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; includes = [\"read\"]; }, { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n";

static char *conf_of(const struct server *server)
{
	char *conf = NULL;
	assert_true(asprintf(&conf, "issuer = \"" OURS "\";\nstate_dir = \"%%FOLDER%%/state\";\n"
		"audit = ( { plugin = \"file\"; path = \"%%FOLDER%%/audit.jsonl\"; } );\n"
		"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks_url = \"%s/keys\"; insecure_http = true;\n"
		"  accepts = [\"id_jag\", \"access_token\"]; stale_keys = \"24h\"; read_only_after = \"1h\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; %s"
		"  audience = ( { provider = \"idp\"; is = [\"api://svc\"]; clients = [\"app\"]; scope_map = \"any\"; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"read\", \"write\"]; } ); },\n"
		"  { id = \"tree\"; resource = \"https://mcp.example/tree\"; identity = [\"idp\"]; %s"
		"  audience = ( { provider = \"idp\"; is = [\"api://tree\"]; clients = [\"app\"]; scope_map = ( { from = \"read\"; to = [\"write\"]; } ); } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"write\"]; } ); },\n"
		"  { id = \"broad\"; resource = \"https://mcp.example/broad\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"all\"; access = \"write\"; tools = [\"*\"]; }, { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n"
		"  audience = ( { provider = \"idp\"; is = [\"api://broad\"]; clients = [\"app\"]; scope_map = \"any\"; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"all\", \"read\"]; } ); },\n"
		"  { id = \"strong\"; resource = \"https://mcp.example/strong\"; identity = [\"idp\"]; %s"
		"  audience = ( { provider = \"idp\"; is = [\"api://strong\"]; clients = [\"app\"]; scope_map = \"any\"; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; }, { provider = \"idp\"; scopes = [\"write\"]; when = { acr = [\"strong\"]; }; } ); },\n"
		"  { id = \"shadow\"; resource = \"https://mcp.example/shadow\"; identity = [\"idp\"]; %s"
		"  audience = ( { provider = \"idp\"; is = [\"api://shadow\"]; clients = [\"app\"]; scope_map = \"any\"; } );\n"
		"  permissions = { mode = \"shadow\"; until = \"%s\"; }; } );\n",
		server_origin(server), scopes, tree, scopes, scopes, "UNTIL") > 0);
	/* At most 30 days from now. */
	time_t until = time(NULL) + 20 * 86400;
	struct tm parts;
	char text[16], *whole = NULL, *at = strstr(conf, "UNTIL");
	gmtime_r(&until, &parts);
	strftime(text, sizeof text, "%Y-%m-%d", &parts);
	assert_true(asprintf(&whole, "%.*s%s%s", (int)(at - conf), conf, text, at + 5) > 0);
	free(conf);
	return whole;
}

static void begin(struct world *world, const char *conf)
{
	ema_free(world->context);
	world->context = ema_new();
	assert_int_equal(ema_set_plugin_path(world->context, BUILDDIR "/plugins/.libs"), EMA_OK);
	world->context->clock = test_clock;
	if (world_load(world, conf))
		fail_msg("%s", ema_error(world->context));
}

static char *token_now(struct world *world, const char *type, const char *more)
{
	char changes[512];
	/* Later than what was redeemed before a process began anew, and no more ahead than clocks may be. */
	long long now = (long long)test_wall(NULL) / 1000 + 3 + world->serial % 20;
	snprintf(changes, sizeof changes, "{\"iat\":%lld,\"exp\":%lld%s}", now, now + 300, more);
	return world_sign(world, world->key, type, changes);
}

/* Of an ID-JAG for such scopes: the code, and which of them are left. */
static void decides_for(struct world *world, const char *service, const char *scope, int expected, const char *left, const char *trace)
{
	ema_decision *decision = NULL;
	char got[64] = "", traced[4096] = "";
	char more[64];
	snprintf(more, sizeof more, ",\"scope\":\"%s\"", scope);
	int code = world_decide(world, service, token_now(world, "oauth-id-jag+jwt", more), &decision);
	for (size_t i = 0; ema_decision_scope(decision, i); i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "", ema_decision_scope(decision, i));
	for (size_t i = 0; ema_decision_trace(decision, i); i++)
		snprintf(traced + strlen(traced), sizeof traced - strlen(traced), "%s\n", ema_decision_trace(decision, i));
	if (code != expected || strcmp(got, left) || !strstr(traced, trace))
		fail_msg("%s with \"%s\", expected %s with \"%s\" and \"%s\": %s\n%s", ema_code_name(code), got, ema_code_name(expected), left, trace,
		         ema_decision_operator_line(decision), traced);
	ema_decision_free(decision);
}

static void decides(struct world *world, int expected, const char *left, const char *trace)
{
	decides_for(world, "svc", "read write", expected, left, trace);
}

/* Of an ID-JAG for both scopes at a service, by an authorization server. */
static int redeems(struct world *world, const char *resource)
{
	static const struct conf_client registration = { .id = "app" };
	const struct client_found client = { .id = "app", .conf = &registration, .auth = AUTH_SECRET_BASIC };
	const struct redemption redemption = { .issuer = OURS, .client = &client, .resources = &resource, .resource_count = 1 };
	ema_request *request = ema_request_new();
	ema_decision *decision = NULL;
	char more[128];
	snprintf(more, sizeof more, ",\"scope\":\"read write\",\"resource\":\"%s\"", resource);
	char *token = token_now(world, "oauth-id-jag+jwt", more);
	assert_non_null(request);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app"), EMA_OK);
	assert_int_equal(ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token)), EMA_OK);
	int code = context_redeem(world->context, &redemption, request, &decision);
	ema_decision_free(decision);
	ema_request_free(request);
	free(token);
	return code;
}

/* Of the provider's own access token, at a request. */
static int checks(struct world *world, const char *service, const char *method, const char *tool, ema_decision **out)
{
	ema_request *request = ema_request_new();
	char more[128], *token, *header = NULL;
	ema_decision *decision = NULL;
	snprintf(more, sizeof more, ",\"aud\":\"api://%s\",\"exp\":%lld", service, (long long)test_wall(NULL) / 1000 + 3 * 3600);
	token = token_now(world, "at+jwt", more);
	assert_true(asprintf(&header, "Bearer %s", token) > 0);
	assert_int_equal(ema_request_header(request, "Authorization", header), EMA_OK);
	int code = ema_check(world->context, service, request, method, tool, &decision);
	assert_int_equal(ema_decision_status(decision), code == EMA_OK ? 200 : code == EMA_KEYS_UNAVAILABLE ? 503 : ema_decision_status(decision));
	ema_request_free(request);
	free(token);
	free(header);
	if (out)
		*out = decision;
	else
		ema_decision_free(decision);
	return code;
}

/* JWT-47, MCP-20: assertions and the provider's own tokens, with keys that a process which begins without network has on disk. */
static void away(void **state)
{
	struct world world;
	struct server *server = server_start(NULL, NULL);
	ema_decision *reading = NULL, *writing = NULL, *through = NULL, *broad = NULL;
	(void)state;
	if (!server)
		skip();
	world_open(&world);
	char *key = jwk_print(world.key, 0), *set = NULL, *conf = conf_of(server), path[128];
	snprintf(path, sizeof path, "%s/state", world.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(asprintf(&set, "{\"keys\":[%s]}", key) > 0);
	server_json(server, "/keys", set);
	begin(&world, conf);
	decides(&world, EMA_OK, "read write", "");
	assert_int_equal(checks(&world, "svc", "tools/call", "put_x", NULL), EMA_OK);

	/* The provider is away, and the process begins anew: fresh still, then stale, then for reading alone, then not at all. */
	server_stop(server);
	begin(&world, conf);
	decides(&world, EMA_OK, "read write", "");
	atomic_fetch_add(&moved, 20 * MINUTE);
	begin(&world, conf);
	decides(&world, EMA_OK, "read write", "keys idp: ok: the provider is away since 20");
	assert_int_equal(checks(&world, "svc", "tools/call", "put_x", &writing), EMA_OK);
	assert_int_equal(checks(&world, "strong", "tools/call", "put_x", NULL), EMA_WEAK_AUTHENTICATION);
	assert_int_equal(checks(&world, "shadow", "tools/call", "put_x", NULL), EMA_OK);
	assert_int_not_equal(redeems(&world, "https://mcp.example/shadow"), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(checks(&world, "svc", "tools/call", "get_x", &reading), EMA_OK);
	assert_int_equal(checks(&world, "tree", "tools/call", "get_x", &through), EMA_OK);
	assert_int_equal(checks(&world, "broad", "tools/call", "get_x", &broad), EMA_OK);
	assert_int_equal(checks(&world, "tree", "tools/call", "put_x", NULL), EMA_OK);
	assert_int_equal(ema_decision_still(writing), EMA_OK);
	atomic_fetch_add(&moved, HOUR);
	/* A stream that writes ends, though its token has not. */
	assert_int_equal(ema_decision_still(writing), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(ema_decision_still(reading), EMA_OK);
	assert_int_equal(ema_decision_still(through), EMA_OK);
	assert_int_equal(ema_decision_still(broad), EMA_OK); /* by the narrower of its two scopes */
	ema_decision_free(broad);
	ema_decision_free(through);
	ema_decision_free(writing);
	ema_decision_free(reading);
	begin(&world, conf);
	decides(&world, EMA_OK, "read", "for what reads alone (read_only_after)");
	assert_int_equal(checks(&world, "svc", "tools/call", "get_x", NULL), EMA_OK);
	assert_int_equal(checks(&world, "svc", "tools/call", "put_x", NULL), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(checks(&world, "svc", "tools/list", NULL, NULL), EMA_OK);
	/* Nobody is sent for a login that would not help. */
	assert_int_equal(checks(&world, "strong", "tools/call", "put_x", NULL), EMA_KEYS_UNAVAILABLE);
	/* Of a scope that writes, that part is left which reads. */
	assert_int_equal(checks(&world, "tree", "tools/call", "get_x", NULL), EMA_OK);
	assert_int_equal(checks(&world, "tree", "tools/call", "put_x", NULL), EMA_KEYS_UNAVAILABLE);
	decides_for(&world, "tree", "write", EMA_OK, "read", "for what reads alone (read_only_after)");
	/* Where rules are in shadow mode, the trust in keys is not. */
	assert_int_equal(checks(&world, "shadow", "tools/call", "put_x", NULL), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(checks(&world, "shadow", "tools/call", "unknown", NULL), EMA_KEYS_UNAVAILABLE);
	/* A token of ours would not say that it is for reading alone where scopes hold nobody back. */
	assert_int_equal(redeems(&world, "https://mcp.example/shadow"), EMA_KEYS_UNAVAILABLE);
	assert_int_not_equal(redeems(&world, "https://mcp.example/svc"), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(checks(&world, "shadow", "tasks/cancel", "t1", NULL), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(checks(&world, "shadow", "ping", NULL, NULL), EMA_OK);
	atomic_fetch_add(&moved, 24 * HOUR);
	begin(&world, conf);
	decides(&world, EMA_KEYS_UNAVAILABLE, "", "");
	assert_int_equal(checks(&world, "svc", "tools/call", "get_x", NULL), EMA_KEYS_UNAVAILABLE);

	ema_free(world.context);
	world.context = NULL;
	char *trail = world_read(&world, "audit.jsonl");
	assert_non_null(strstr(trail, "\"keys\":\"stale\",\"keys_since\":\"20"));
	assert_non_null(strstr(trail, "\"keys\":\"read-only\",\"keys_since\":\"20"));
	/* AUD-05: and each step by itself. */
	static const char *const steps[] = { "keys-stale", "keys-read-only", "keys-unavailable" };
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		char want[64];
		snprintf(want, sizeof want, "\"kind\":\"%s\"", steps[i]);
		if (!strstr(trail, want))
			fail_msg("the trail has no %s", steps[i]);
	}
	free(trail);
	free(conf);
	free(set);
	free(key);
	world_close(&world);
}

/* emactl check says of each service how long people keep access. */
static void the_sentence(void **state)
{
	static const char conf[] =
		"issuer = \"" OURS "\";\naudit = ( { plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\ntoken = { lifetime = \"30m\"; };\n"
		"providers = ( { id = \"okta\"; plugin = \"oidc\"; issuer = \"https://okta.example\"; accepts = [\"id_jag\"]; read_only_after = \"1h\"; },\n"
		"  { id = \"own\"; plugin = \"oidc\"; issuer = \"https://own.example\"; accepts = [\"access_token\"]; stale_keys = \"90m\"; },\n"
		"  { id = \"none\"; plugin = \"oidc\"; issuer = \"https://none.example\"; accepts = [\"id_jag\"]; stale_keys = \"0s\"; },\n"
		"  { id = \"held\"; plugin = \"oidc\"; issuer = \"https://held.example\"; accepts = [\"id_jag\"]; jwks = \"%JWKS%\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"okta\", \"own\", \"none\", \"held\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } );\n"
		"  audience = ( { provider = \"own\"; is = [\"api://svc\"]; clients = [\"app\"]; scope_map = \"any\"; } );\n"
		"  grants = ( { provider = \"*\"; scopes = [\"read\"]; } ); } );\n";
	static const char want[] =
		"service \"svc\": once keys can be refreshed no more, people keep access for 24h with provider \"okta\" (after 1h for what reads alone), "
		"for 90m with \"own\", not at all with \"none\", and as long as ever with \"held\", whose keys are not fetched; tokens of ours that "
		"were given by then live to their end, at most 30m";
	struct world world;
	ema_findings *found = NULL;
	char path[128];
	size_t i = 0;
	(void)state;
	world_open(&world);
	world_file(&world, "ema.conf", conf);
	snprintf(path, sizeof path, "%s/ema.conf", world.folder);
	int code = ema_lint(world.context, path, &found);
	while (ema_finding_id(found, i) && strcmp(ema_finding_id(found, i), "N-OUTAGE"))
		i++;
	if (code || !ema_finding_id(found, i) || strcmp(ema_finding_text(found, i), want))
		fail_msg("%s: %s", ema_code_name(code), ema_finding_id(found, i) ? ema_finding_text(found, i) : ema_finding_text(found, 0));
	assert_int_equal(ema_finding_line(found, i), 8);
	ema_findings_free(found);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(away),
		cmocka_unit_test(the_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
