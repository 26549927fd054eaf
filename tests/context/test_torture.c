/*
 * No memory, at each place where memory is asked for: a refusal or an error, never a grant, and nothing broken behind it.
 */
#define _GNU_SOURCE
#include "world.h"

#include <stdio.h>
#include <time.h>

#include "torture.h"
#include "wrap.h"

static const char conf[] =
	"issuer = \"" OURS "\";\n"
	"@include \"guards.conf\"\n"
	"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; groups_claim = \"groups\"; authority = [\"acme.example\"]; },\n"
	"  { id = \"two\"; plugin = \"oidc\"; issuer = \"https://two.example\"; jwks = \"%JWKS%\"; tenant_claim = \"t\"; tenants = [\"t1\"]; } );\n"
	"directories = ( { id = \"people\"; plugin = \"file\"; path = \"people.conf\"; on_failure = \"%s\"; } );\n"
	"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; }, { id = \"more\"; plugin = \"fault\"; on_failure = \"continue\"; } );\n"
	"stacks = ( { id = \"staff\"; rules = ( { control = \"sufficient\"; provider = \"idp\"; when = { email_domain = [\"acme.example\"]; }; } ); } );\n"
	"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"two\", \"@staff\"]; guards = [\"open\"];\n"
	"  former_issuers = ( { issuer = \"https://old.example\"; until = \"2099-01-01\"; } ); tenants = [\"t1\"];\n"
	"  directory = ( { id = \"people\"; for = [\"idp\"]; required = true; } );\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; group = \"eng\"; from = \"people\"; scopes = [\"read\"]; } ); } );\n";
static const char people[] =
	"people = ( { id = \"ada\"; subjects = [\"idp/-/ada\"]; email = \"ada@acme.example\"; groups = [\"eng\", \"ops\"]; accounts = { github = \"ada-l\"; }; } );\n";
#define GOOD "{\"email\":\"ada@acme.example\",\"groups\":[\"own\"],\"act\":{\"sub\":\"bot\"}}"
#define BAD "{\"email\":\"ada@acme.example\",\"exp\":1}"

static void open_tortured(struct world *world, const char *on_failure)
{
	const char *mark = strstr(conf, "%s");
	char text[4096];
	world_open(world);
	world_file(world, "people.conf", people);
	world_file(world, "guards.conf", "guards = ( { id = \"open\"; plugin = \"fault\"; } );\n");
	assert_true((size_t)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - conf), conf, on_failure, mark + 2) < sizeof text);
	world_file(world, "ema.conf", text);
}

static int load(struct world *world)
{
	char path[128];
	snprintf(path, sizeof path, "%s/ema.conf", world->folder);
	return ema_load(world->context, path);
}

static void is_whole(const ema_decision *decision)
{
	assert_string_equal(ema_decision_subject(decision), "idp/-/ada");
	assert_string_equal(ema_decision_email(decision), "ada@acme.example");
	assert_string_equal(ema_decision_person(decision), "ada");
	assert_string_equal(ema_decision_actor(decision), "bot");
	assert_string_equal(ema_decision_group(decision, 0), "own");
	assert_string_equal(ema_decision_group(decision, 1), "eng");
	assert_string_equal(ema_decision_group(decision, 2), "ops");
	assert_string_equal(ema_decision_account(decision, 0), "github=ada-l");
	assert_string_equal(ema_decision_scope(decision, 0), "read");
}

static void all_is_well(struct world *world)
{
	ema_decision *decision = NULL;
	world_refresh(world);
	int code = world_decide(world, "svc", world_token(world, GOOD), &decision);
	if (code)
		fail_msg("%s", ema_decision_operator_line(decision));
	is_whole(decision);
	ema_decision_free(decision);
	assert_int_equal(world_decide(world, "svc", world_token(world, BAD), NULL), EMA_EXPIRED);
	assert_int_equal(world_decide(world, "svc", world_sign(world, world->other, "oauth-id-jag+jwt", GOOD), NULL), EMA_UNKNOWN_KEY);
}

static ema_request *ask(const char *token)
{
	ema_request *request = ema_request_new();
	assert_non_null(request);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app"), EMA_OK);
	assert_int_equal(ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token)), EMA_OK);
	return request;
}

static void loading(void **state)
{
	struct world world;
	(void)state;
	open_tortured(&world, "last_known");
	EACH_ALLOCATION(all, n, going, 120) {
		ema_free(world.context);
		world.context = ema_new();
		assert_non_null(world.context);
		assert_int_equal(ema_set_plugin_path(world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
		arm(n, all);
		int code = load(&world);
		going = disarm();
		assert_non_null(ema_error(world.context));
		if (code && code != EMA_OUT_OF_MEMORY && code != EMA_CONFIG)
			fail_msg("allocation %ld: %s", n, ema_code_name(code));
		if (!going)
			assert_int_equal(code, EMA_OK);
		if (code) {
			assert_int_equal(world_decide(&world, "svc", world_token(&world, GOOD), NULL), EMA_CONFIG);
			code = load(&world);
			if (code)
				fail_msg("after allocation %ld: %s", n, ema_error(world.context));
		}
		all_is_well(&world);
	}
	world_close(&world);
}

static void reloading(void **state)
{
	struct world world;
	long good = 0;
	(void)state;
	open_tortured(&world, "last_known");
	assert_int_equal(load(&world), EMA_OK);
	EACH_ALLOCATION(all, n, going, 96) {
		arm(n, all);
		int code = ema_reload(world.context);
		going = disarm();
		if (code && code != EMA_OUT_OF_MEMORY && code != EMA_CONFIG && code != EMA_BAD_REQUEST)
			fail_msg("allocation %ld: %s", n, ema_code_name(code));
		good += !code;
		all_is_well(&world);
	}
	assert_true(good >= 2);
	world_close(&world);
}

static void linting(void **state)
{
	struct world world;
	char path[128];
	(void)state;
	open_tortured(&world, "last_known");
	snprintf(path, sizeof path, "%s/ema.conf", world.folder);
	EACH_ALLOCATION(all, n, going, 112) {
		ema_findings *findings = NULL;
		arm(n, all);
		int code = ema_lint(world.context, path, &findings);
		going = disarm();
		ema_findings_free(findings);
		if (code && code != EMA_OUT_OF_MEMORY && code != EMA_CONFIG)
			fail_msg("allocation %ld: %s", n, ema_code_name(code));
		if (!going)
			assert_int_equal(code, EMA_OK);
	}
	world_close(&world);
}

/*
 * A decision that lacked memory is no grant; what is left of it can be read. The assertion is used up or not, but never twice.
 * spare: what lacked memory may be what a directory answered last, which is kept if there is room for it.
 */
static void decide_tortured(const char *on_failure, int spare, long least)
{
	struct world world;
	open_tortured(&world, on_failure);
	assert_int_equal(load(&world), EMA_OK);
	all_is_well(&world);
	EACH_ALLOCATION(all, n, going, least) {
		ema_decision *decision = NULL;
		char *token = world_token(&world, GOOD), *expired = world_token(&world, BAD), *forged = world_sign(&world, world.other, "oauth-id-jag+jwt", GOOD);
		ema_request *good = ask(token), *late = ask(expired), *bad = ask(forged);
		arm(n, all);
		int code = ema_decide(world.context, "svc", good, &decision);
		going = disarm();
		if (!going && code)
			fail_msg("%s", ema_decision_operator_line(decision));
		if (going && !code && !spare)
			fail_msg("granted without allocation %ld", n);
		if (!code)
			is_whole(decision);
		assert_int_equal(ema_decision_code(decision), code);
		if (code) {
			assert_null(ema_decision_subject(decision));
			assert_null(ema_decision_group(decision, 0));
			assert_null(ema_decision_scope(decision, 0));
			assert_non_null(ema_decision_operator_line(decision));
			assert_non_null(ema_decision_user_line(decision));
			for (size_t i = 0; ema_decision_trace(decision, i); i++)
				assert_non_null(ema_step_text(decision, i));
			int again = ema_decide(world.context, "svc", good, NULL);
			assert_true(again == EMA_OK || again == EMA_REPLAYED);
		}
		assert_int_equal(ema_decide(world.context, "svc", good, NULL), EMA_REPLAYED);
		ema_decision_free(decision);
		arm(n, all);
		code = ema_decide(world.context, "svc", late, NULL);
		going |= disarm();
		assert_int_not_equal(code, EMA_OK);
		arm(n, all);
		code = ema_decide(world.context, "svc", bad, NULL);
		going |= disarm();
		assert_int_not_equal(code, EMA_OK);
		arm(n, all);
		code = ema_explain(world.context, "none", good, 0, NULL);
		going |= disarm();
		assert_int_not_equal(code, EMA_OK);
		ema_request_free(good);
		ema_request_free(late);
		ema_request_free(bad);
		free(token);
		free(expired);
		free(forged);
	}
	all_is_well(&world);
	world_close(&world);
}

static void deciding(void **state)
{
	(void)state;
	decide_tortured("deny", 0, 22);
}

static void deciding_with_last_answers(void **state)
{
	(void)state;
	decide_tortured("last_known", 1, 30);
}

/* REV-06: what was answered OK is in force; else it is or not. */
static void revoking(void **state)
{
	static const struct ema_revocation what = { .size = sizeof what, .kind = "tenant", .name = "two/t1", .block = 1 };
	static const struct {
		int (*call)(ema_context *context, const struct ema_revocation *what, char **out);
		int then;
	} rows[] = { { ema_revoke, EMA_BLOCKED }, { ema_unblock, EMA_REVOKED } };
	struct world world;
	(void)state;
	open_tortured(&world, "deny");
	assert_int_equal(load(&world), EMA_OK);
	EACH_ALLOCATION(all, n, going, 6) {
		going = 0;
		for (size_t i = 0; i < 2; i++) {
			char *text = NULL;
			arm(n, all);
			int code = rows[i].call(world.context, &what, &text);
			int failed = disarm();
			going |= failed;
			if (code && (!failed || (code != EMA_OUT_OF_MEMORY && code != EMA_STORE_UNAVAILABLE && code != EMA_AUDIT_UNAVAILABLE)))
				fail_msg("%zu without allocation %ld (%d): %s: %s", i, n, all, ema_code_name(code), text ? text : "");
			ema_text_free(text);
			/* Again with all of it, if need be. */
			if (code && rows[i].call(world.context, &what, NULL) != EMA_OK)
				assert_int_equal(i, 1);
			assert_int_equal(world_decide(&world, "svc", world_token(&world, "{\"iss\":\"https://two.example\",\"t\":\"t1\"}"), NULL), rows[i].then);
		}
	}
	world_close(&world);
}

static void asking(void **state)
{
	(void)state;
	EACH_ALLOCATION(all, n, going, 6) {
		arm(n, all);
		ema_context *context = ema_new();
		ema_request *request = ema_request_new();
		if (request) {
			ema_request_set(request, EMA_REQUEST_SCOPE, "read");
			ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, "a.b.c", 5);
		}
		if (context && request)
			assert_int_not_equal(ema_decide(context, "svc", request, NULL), EMA_OK);
		going = disarm();
		ema_request_free(request);
		ema_free(context);
	}
}

/* Threads of the context run out of memory too: one allocation of every so many, whoever asks. */
static void all_threads(void **state)
{
	struct world world;
	(void)state;
	open_tortured(&world, "last_known");
	assert_int_equal(load(&world), EMA_OK);
	for (long of = 2; of < 60; of += 3) {
		char *tokens[8], *forged = world_sign(&world, world.other, "oauth-id-jag+jwt", GOOD);
		ema_request *requests[8], *bad = ask(forged);
		for (int i = 0; i < 8; i++)
			requests[i] = ask(tokens[i] = world_token(&world, GOOD));
		atomic_store(&every, of);
		for (int i = 0; i < 8; i++) {
			ema_decide(world.context, "svc", requests[i], NULL);
			assert_int_not_equal(ema_decide(world.context, "svc", bad, NULL), EMA_OK);
		}
		ema_reload(world.context);
		atomic_store(&every, 0);
		for (int i = 0; i < 8; i++) {
			ema_decide(world.context, "svc", requests[i], NULL);
			assert_int_equal(ema_decide(world.context, "svc", requests[i], NULL), EMA_REPLAYED);
			ema_request_free(requests[i]);
			free(tokens[i]);
		}
		ema_request_free(bad);
		free(forged);
	}
	all_is_well(&world);
	world_close(&world);
}

/* What is not called here (aligned_alloc) is in tests/endpoint/test_torture. */
static void each_function_failed(void **state)
{
	static const char *const names[] = { "malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup", "asprintf" };
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!has_failed(names[i]))
			fail_msg("no %s() failed", names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asking),
		cmocka_unit_test(deciding),
		cmocka_unit_test(deciding_with_last_answers),
		cmocka_unit_test(revoking),
		cmocka_unit_test(loading),
		cmocka_unit_test(reloading),
		cmocka_unit_test(linting),
		cmocka_unit_test(all_threads),
		cmocka_unit_test(each_function_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
