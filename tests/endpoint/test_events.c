/* What is written down, as an event of OCSF: of real records, since a mapping of members that no record has is none. */
#define _GNU_SOURCE
#include "desk.h"

#include <stdio.h>

#include "access.h"
#include "buffer.h"
#include "jwt.h"
#include "ocsf.h"

#define SVC "https://mcp.example/svc"
#define GATEWAY "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl"

struct member {
	const char *at, *is; /* NULL: whatever it is, it is there */
};

static const char *text_at(const struct json *json, const char *pointer, char room[24])
{
	const struct json_node *node = json_at(json, pointer);
	int64_t number;
	if (!json_integer(node, &number))
		return json_string(node);
	snprintf(room, 24, "%lld", (long long)number);
	return room;
}

/* The event of the last record of that kind has these members; a NULL name ends them. */
static void expect_event(struct desk *desk, const char *kind, const struct member *members)
{
	static const struct json_limits limits = { OCSF_LINE, 8, 16384, OCSF_LINE };
	char mark[64], room[24], *line = NULL;
	struct buffer out = BUFFER_INIT(OCSF_LINE);
	struct json json;
	desk_audited(desk, "/kind"); /* until all of it is in the file */
	char *all = world_read(&desk->world, "audit.jsonl");
	snprintf(mark, sizeof mark, "\"kind\":\"%s\"", kind);
	for (char *at = all, *end; (end = strchr(at, '\n')); at = end + 1) {
		*end = 0;
		if (strstr(at, mark))
			line = at;
	}
	if (!line)
		fail_msg("no record of %s", kind);
	assert_int_equal(ocsf_render(line, strlen(line), &out), EMA_OK);
	assert_int_equal(json_parse(out.data, out.length, &limits, &json, NULL), EMA_OK);
	for (; members->at; members++) {
		const char *found = text_at(&json, members->at, room);
		if (!found || (members->is && strcmp(found, members->is)))
			fail_msg("%s: %s is \"%s\", not \"%s\": %s", kind, members->at, found ? found : "", members->is ? members->is : "anything", out.data);
	}
	json_free(&json);
	buffer_free(&out);
	free(all);
}

#define EXPECT(kind, ...) expect_event(&desk, kind, (const struct member[]){ __VA_ARGS__, { NULL, NULL } })

/* AUD-22 AUD-23 AUD-24 AUD-25 AUD-26 AUD-28 AUD-62 AUD-68 AZN-57: each has its class, what came of it, and who it was, by one pseudonym in all of them. */
static void records_become_events(void **state)
{
	(void)state;
	static const char form[] = "SERVICES:, { id = \"tried\"; resource = \"https://mcp.example/tried\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; group = \"ops\"; scopes = [\"read\"]; } );\n"
		"  permissions = { mode = \"shadow\"; until = \"%s\"; }; }"
		"PROVIDER: tenant_claim = \"t\"; tenants = [\"t1\"];CALLER:, \"tried\"]; purposes = [\"introspection\", \"authzen\"";
	static const char service[] = "denies = ( { tools = [\"get_secret\"]; } );";
	const time_t end = time(NULL) + 20 * 86400;
	char until[16], ada[AUDIT_PSEUDONYM], jti[AUDIT_FINGERPRINT], id[80], before[80], *extra = NULL;
	struct tm parts;
	struct desk desk;
	gmtime_r(&end, &parts);
	assert_true(strftime(until, sizeof until, "%Y-%m-%d", &parts) > 0);
	assert_true(asprintf(&extra, form, until) > 0);
	desk_open(&desk, extra, service);
	snprintf(before, sizeof before, "%s", ema_config_digest(desk.world.context));
	assert_int_equal(desk_load(&desk, extra, "denies = ( { tools = [\"get_secret\", \"get_more\"]; } );"), EMA_OK);
	EXPECT("config-loaded", { "/class_uid", "3004" }, { "/activity_id", "3" }, { "/status_id", "1" }, { "/entity/name", "ema.conf" },
	       { "/entity/version", ema_config_digest(desk.world.context) }, { "/unmapped/before", before });
	audit_pseudonym(desk.world.context->audit, "ada", ada);
	audit_fingerprint("of-the-idp", 10, jti);

	char *assertion = world_token(&desk.world, "{\"jti\":\"of-the-idp\",\"t\":\"t1\",\"scope\":\"read write\"}");
	desk_redeem(&desk, strdup(assertion), NULL, SVC);
	assert_int_equal(desk.status, 200);
	char *token = strdup(desk_text(&desk, "/access_token"));
	snprintf(id, sizeof id, "%s", desk_audited(&desk, "/token_id"));
	EXPECT("redemption", { "/class_uid", "3002" }, { "/activity_id", "1" }, { "/status_id", "1" }, { "/status_code", "ok" }, { "/action_id", "1" },
	       { "/disposition_id", "1" }, { "/user/uid", ada }, { "/actor/user/uid", ada }, { "/actor/app_uid", "app" }, { "/actor/idp/name", "idp" },
	       { "/actor/idp/uid", ISSUER }, { "/actor/session/uid", jti }, { "/metadata/tenant_uid", "t1" }, { "/metadata/correlation_uid", NULL },
	       { "/service/name", "svc" }, { "/src_endpoint/uid", NULL }, { "/unmapped/token_id", id }, { "/unmapped/scopes/0", "read" });
	desk_redeem(&desk, assertion, NULL, SVC);
	assert_int_equal(desk.status, 400);
	EXPECT("redemption", { "/class_uid", "3002" }, { "/status_id", "2" }, { "/status_code", "replayed" }, { "/severity_id", "4" }, { "/action_id", "2" },
	       { "/disposition_id", "25" }, { "/actor/app_uid", "app" });

	assert_int_equal(desk_check(&desk, "svc", token, "tools/call", "get_a", NULL, NULL), EMA_OK);
	EXPECT("check", { "/class_uid", "6003" }, { "/activity_id", "2" }, { "/status_code", "ok" }, { "/action_id", "1" }, { "/disposition_id", "1" },
	       { "/actor/user/uid", ada }, { "/actor/app_uid", "app" }, { "/actor/idp/name", "idp" }, { "/actor/session/uid", id }, { "/metadata/tenant_uid", "t1" },
	       { "/api/operation", "tools/call get_a" }, { "/api/service/name", "svc" }, { "/resources/0/uid", SVC }, { "/authorizations/0/decision", "permit" },
	       { "/authorizations/0/policy/name", NULL }, { "/authorizations/0/policy/version", ema_config_digest(desk.world.context) });
	assert_int_equal(desk_check(&desk, "svc", token, "tools/call", "get_secret", NULL, NULL), EMA_FORBIDDEN);
	EXPECT("check", { "/status_id", "2" }, { "/status_code", "forbidden" }, { "/action_id", "2" }, { "/disposition_id", "26" },
	       { "/authorizations/0/decision", "deny" }, { "/message", NULL });

	const char *scope = "read";
	char *tried = NULL;
	const struct access_claims claims = { .issuer = OURS, .audience = "https://mcp.example/tried", .client_id = "app", .jti = "made", .issued = desk.world.now,
		                              .expires = desk.world.now + 3600, .scopes = &scope, .scope_count = 1, .provider = "idp", .tenant = "t1", .sub = "ada",
		                              .auth_time = JWT_ABSENT };
	assert_int_equal(access_mint(desk.world.context->keyring, &claims, &tried, NULL), EMA_OK);
	assert_int_equal(desk_check(&desk, "tried", tried, "tools/call", "get_a", NULL, NULL), EMA_OK);
	EXPECT("check", { "/status_id", "1" }, { "/status_code", "ok" }, { "/action_id", "3" }, { "/disposition_id", "1" }, { "/unmapped/enforced", "not_granted" });
	free(tried);

	desk_form(&desk, "/introspect", GATEWAY, "token", token, NULL);
	assert_int_equal(desk.status, 200);
	EXPECT("introspection", { "/class_uid", "6003" }, { "/activity_id", "2" }, { "/status_id", "1" }, { "/status_code", "ok" }, { "/action_id", "1" },
	       { "/actor/app_uid", "gateway" }, { "/actor/user/uid", ada }, { "/actor/session/uid", id }, { "/api/operation", "introspection" },
	       { "/src_endpoint/uid", NULL });
	desk_request(&desk, "POST", "/access/v1/evaluation", "{}", "Authorization: " GATEWAY, "Content-Type: application/json", NULL);
	assert_int_equal(desk.status, 400);
	EXPECT("evaluation", { "/class_uid", "6003" }, { "/activity_id", "2" }, { "/status_id", "2" }, { "/status_code", "bad_request" },
	       { "/actor/app_uid", "gateway" }, { "/api/operation", "evaluation" }, { "/src_endpoint/uid", NULL });
	char *client = desk_assertion(&desk, "");
	desk_form(&desk, "/revoke", NULL, "token", token, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_audited(&desk, "/subject"), ada);
	EXPECT("revocation", { "/class_uid", "6003" }, { "/activity_id", "4" }, { "/status_id", "1" }, { "/status_code", "ok" }, { "/actor/app_uid", "app" },
	       { "/actor/user/uid", ada }, { "/actor/idp/name", "idp" }, { "/metadata/tenant_uid", "t1" }, { "/actor/session/uid", id },
	       { "/api/operation", "revocation" }, { "/api/service/name", "svc" });
	free(client);
	free(token);
	free(extra);
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_become_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
