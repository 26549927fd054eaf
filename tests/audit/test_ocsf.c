#define _GNU_SOURCE
#include "test.h"

#include <inttypes.h>

#include "canonical.h"
#include "ocsf.h"
#include "sinks.h"

static const struct json_limits limits = { OCSF_LINE, 8, 16384, OCSF_LINE };

static void ocsf_of(const char *line, struct buffer *out, struct json *json)
{
	struct failure failure = FAILURE_INIT;
	buffer_init(out, OCSF_LINE);
	if (ocsf_render(line, strlen(line), out) != EMA_OK)
		fail_msg("not rendered: %s", line);
	if (json_parse(out->data, out->length, &limits, json, &failure))
		fail_msg("%s: %s", failure.text, out->data);
}

/* A string as it is, anything else as JSON; "" for nothing. */
static const char *text_at(const struct json *json, const char *pointer, char room[64])
{
	const struct json_node *node = json_at(json, pointer);
	if (node && node->type == JSON_NUMBER)
		snprintf(room, 64, "%s", node->text);
	else if (node && (node->type == JSON_TRUE || node->type == JSON_FALSE))
		snprintf(room, 64, "%s", node->type == JSON_TRUE ? "true" : "false");
	else
		return json_string(node) ? json_string(node) : "";
	return room;
}

static int64_t number_at(const struct json *json, const char *pointer)
{
	int64_t number = -1;
	return json_integer(json_at(json, pointer), &number) ? number : -1;
}

/* AUD-22 AUD-30 AUD-31: what every event has, nothing that the schema does not, and the record with its chain. */
static void assert_base(const struct json *json, const char *line)
{
	static const char *const known[] = {
		"category_uid", "class_uid", "activity_id", "activity_name", "type_uid", "severity_id", "time", "metadata", "status_id", "status_code",
		"status_detail", "message", "action_id", "disposition_id", "authorizations", "trace", "auth_protocol_id", "authentication_token", "is_mfa",
		"actor", "user", "service", "src_endpoint", "api", "resources", "app", "count", "entity", "unmapped", "raw_data",
	};
	for (const struct json_node *node = json_first(json, json_root(json)); node; node = json_next(json, node)) {
		int found = 0;
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			found |= !strcmp(node->name, known[i]);
		if (!found)
			fail_msg("%s is no name of the schema", node->name);
	}
	assert_int_equal(number_at(json, "/type_uid"), number_at(json, "/class_uid") * 100 + number_at(json, "/activity_id"));
	assert_int_equal(number_at(json, "/category_uid"), number_at(json, "/class_uid") / 1000);
	assert_in_range(number_at(json, "/severity_id"), 1, 5);
	assert_int_equal(number_at(json, "/time"), INT64_C(1795426200123));
	assert_string_equal(json_string(json_at(json, "/metadata/version")), "1.8.0");
	assert_string_equal(json_string(json_at(json, "/metadata/product/name")), "EMA");
	assert_string_equal(json_string(json_at(json, "/metadata/uid")), "01936000-0000-7000-8000-000000000001");
	assert_int_equal(number_at(json, "/metadata/sequence"), 7);
	assert_string_equal(json_string(json_at(json, "/unmapped/ema_integrity/writer")), "w");
	assert_string_equal(json_string(json_at(json, "/unmapped/ema_integrity/prev")), "none");
	assert_int_equal(number_at(json, "/unmapped/ema_integrity/seq"), 7);
	assert_string_equal(json_string(json_at(json, "/raw_data")), line);
	if (number_at(json, "/activity_id") == 99) /* AUD-29 */
		assert_non_null(json_string(json_at(json, "/activity_name")));
	const int64_t class = number_at(json, "/class_uid");
	static const struct { int64_t class; const char *must; } needs[] = {
		{ 3002, "/user" }, { 3002, "/service/name" }, { 3004, "/entity/name" }, { 6002, "/app/name" }, { 6003, "/actor/user" },
		{ 6003, "/api/operation" }, { 6003, "/src_endpoint" },
	};
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (needs[i].class == class && !json_at(json, needs[i].must))
			fail_msg("an event of class %d must have %s", (int)class, needs[i].must);
}

#define FRAME "\"id\":\"01936000-0000-7000-8000-000000000001\",\"prev\":\"none\",\"salt\":\"abcdefgh\",\"seq\":7,\"v\":1,\"writer\":\"w\"," \
	      "\"time\":\"2026-11-23T09:30:00.123Z\""
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

struct row {
	const char *fields; /* behind the frame */
	struct { const char *at, *is; } expect[12];
};

static void run(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buffer line = BUFFER_INIT(65536), out;
		struct json json;
		char room[64];
		buffer_printf(&line, "{%s,%s}", FRAME, rows[i].fields);
		ocsf_of(line.data, &out, &json);
		assert_base(&json, line.data);
		for (size_t k = 0; k < 12 && rows[i].expect[k].at; k++)
			if (strcmp(text_at(&json, rows[i].expect[k].at, room), rows[i].expect[k].is))
				fail_msg("%s: %s is \"%s\", not \"%s\"", rows[i].fields, rows[i].expect[k].at, text_at(&json, rows[i].expect[k].at, room),
				         rows[i].expect[k].is);
		json_free(&json);
		buffer_free(&line);
		buffer_free(&out);
	}
}

#define DECISION(credential, verdict, code, severity) \
	"\"kind\":\"decision\",\"credential\":\"" credential "\",\"verdict\":\"" verdict "\",\"code\":\"" code "\",\"severity\":" severity

/* AUD-22 AUD-23 AUD-24 AUD-25 AUD-26 AUD-27 AUD-28 AUD-29 AUD-32: decisions. */
static void decisions_are_mapped(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ DECISION("id_jag", "permit", "ok", "6") ",\"subject\":\"S\",\"person\":\"P\",\"client\":\"c1\",\"provider\":\"okta\",\"issuer\":\"https://i\","
		  "\"jti\":\"sha256:x\",\"amr\":[\"pwd\",\"mfa\"],\"service\":\"github\",\"resource\":\"https://r\",\"scopes\":[\"a\",\"b\"],\"tenant\":\"t\"",
		  { { "/class_uid", "3002" }, { "/activity_id", "1" }, { "/status_id", "1" }, { "/action_id", "1" }, { "/disposition_id", "1" },
		    { "/severity_id", "1" }, { "/user/uid", "S" }, { "/actor/app_uid", "c1" }, { "/actor/idp/name", "okta" },
		    { "/authentication_token/type", "ID-JAG" }, { "/is_mfa", "true" }, { "/unmapped/scopes/1", "b" } } },
		{ DECISION("id_jag", "permit", "ok", "6") ",\"jti\":\"sha256:x\",\"request\":\"r1\",\"tenant\":\"t\",\"remote\":\"192.0.2.7\",\"actor\":\"agent\","
		  "\"logged\":\"2026-11-23T09:30:02.000Z\"",
		  { { "/actor/session/uid", "sha256:x" }, { "/metadata/correlation_uid", "r1" }, { "/metadata/tenant_uid", "t" },
		    { "/src_endpoint/ip", "192.0.2.7" }, { "/auth_protocol_id", "6" }, { "/unmapped/actor", "agent" },
		    { "/metadata/profiles/0", "security_control" }, { "/metadata/logged_time", "1795426202000" }, { "/user/name", "unresolved" } } },
		{ DECISION("id_jag", "deny", "bad_signature", "5") ",\"reason\":\"in words\",\"rule\":\"ema.conf:7\",\"config\":\"sha256:c\",\"remote\":\"pseudonym\"",
		  { { "/status_id", "2" }, { "/status_code", "bad_signature" }, { "/status_detail", "the signature is wrong" }, { "/message", "in words" },
		    { "/action_id", "2" }, { "/disposition_id", "25" }, { "/severity_id", "1" }, { "/authorizations/0/decision", "deny" },
		    { "/authorizations/0/policy/name", "ema.conf:7" }, { "/authorizations/0/policy/version", "sha256:c" }, { "/src_endpoint/uid", "pseudonym" } } },
		{ DECISION("id_jag", "deny", "denied", "5"), { { "/disposition_id", "26" }, { "/severity_id", "1" }, { "/service/name", "unknown" } } },
		{ DECISION("id_jag", "deny", "weak_authentication", "5"), { { "/disposition_id", "23" } } },
		{ DECISION("id_jag", "deny", "directory_unavailable", "4"), { { "/disposition_id", "27" }, { "/severity_id", "2" } } },
		{ DECISION("id_jag", "deny", "replayed", "1"), { { "/severity_id", "4" }, { "/disposition_id", "25" } } },
		{ DECISION("id_jag", "deny", "store_unavailable", "3"), { { "/severity_id", "5" }, { "/disposition_id", "27" } } },
		{ DECISION("id_jag", "deny", "audit_unavailable", "3"), { { "/severity_id", "5" } } },
		{ DECISION("id_jag", "deny", "internal", "3"), { { "/severity_id", "4" } } },
		{ DECISION("id_jag", "deny", "a_code_of_later", "5"), { { "/disposition_id", "27" }, { "/status_code", "a_code_of_later" } } },
		{ DECISION("access_token", "permit", "ok", "6") ",\"service\":\"github\",\"traceparent\":\"" TRACE "\"",
		  { { "/class_uid", "6003" }, { "/activity_id", "99" }, { "/activity_name", "access" }, { "/api/service/name", "github" },
		    { "/trace/uid", "0af7651916cd43dd8448eb211c80319c" }, { "/trace/span/uid", "b7ad6b7169203331" }, { "/metadata/profiles/1", "trace" },
		    { "/unmapped/traceparent", "" } } },
		{ DECISION("id_jag", "permit", "ok", "6") ",\"traceparent\":\"" TRACE "\"", { { "/unmapped/traceparent", TRACE }, { "/trace/uid", "" } } },
		{ DECISION("access_token", "permit", "ok", "6") ",\"method\":\"tools/list\"", { { "/activity_id", "2" }, { "/api/operation", "tools/list" } } },
		{ DECISION("access_token", "permit", "ok", "6") ",\"method\":\"tools/call\",\"target\":\"get_x\",\"access\":\"read\"",
		  { { "/activity_id", "2" }, { "/api/operation", "tools/call get_x" } } },
		{ DECISION("access_token", "deny", "denied", "5") ",\"method\":\"tools/call\",\"target\":\"x\",\"access\":\"write\",\"risk\":\"high\"",
		  { { "/activity_id", "3" }, { "/severity_id", "3" } } },
		{ DECISION("access_token", "permit", "ok", "6") ",\"method\":\"tasks/strange\"", { { "/activity_id", "99" }, { "/activity_name", "tasks/strange" } } },
		{ DECISION("access_token", "permit", "ok", "6") ",\"client_info\":\"unverified x\"",
		  { { "/action_id", "1" }, { "/unmapped/client_info", "unverified x" }, { "/ai_agent", "" } } },
		/* Shadow mode alone; a rule in shadow mode that changed nothing; and one that would have let it in. */
		{ DECISION("access_token", "permit", "ok", "6") ",\"enforced\":\"not_granted\"",
		  { { "/action_id", "3" }, { "/disposition_id", "1" }, { "/unmapped/enforced", "not_granted" } } },
		{ DECISION("access_token", "permit", "ok", "6") ",\"enforced\":\"ok\",\"shadow_rule\":\"ema.conf:9\",\"shadow_code\":\"denied\"",
		  { { "/action_id", "1" } } },
		{ DECISION("access_token", "deny", "forbidden", "5") ",\"enforced\":\"not_granted\",\"shadow_rule\":\"ema.conf:9\",\"shadow_code\":\"ok\"",
		  { { "/action_id", "2" } } },
		/* Of a check the token's client and id; of a provider's own token its fingerprint. */
		{ "\"kind\":\"check\",\"verdict\":\"permit\",\"code\":\"ok\",\"severity\":6,\"token_client\":\"app\",\"token_id\":\"T\",\"caller\":\"gateway\",\"issuer\":\"https://a\"",
		  { { "/actor/app_uid", "app" }, { "/actor/session/uid", "T" }, { "/actor/session/issuer", "https://a" }, { "/unmapped/caller", "gateway" },
		    { "/unmapped/token_id", "" }, { "/unmapped/token_client", "" } } },
		{ "\"kind\":\"check\",\"verdict\":\"permit\",\"code\":\"ok\",\"severity\":6,\"token_client\":\"app\",\"jti\":\"sha256:x\"",
		  { { "/actor/app_uid", "app" }, { "/actor/session/uid", "sha256:x" } } },
		{ "\"kind\":\"redemption\",\"verdict\":\"permit\",\"code\":\"ok\",\"severity\":6,\"client\":\"app\",\"token_client\":\"b\",\"jti\":\"sha256:x\",\"token_id\":\"T\"",
		  { { "/actor/app_uid", "app" }, { "/actor/session/uid", "sha256:x" }, { "/unmapped/token_client", "b" }, { "/unmapped/token_id", "T" } } },
	};
	run(rows, sizeof rows / sizeof *rows);
}

/* AUD-05 AUD-22 AUD-27 AUD-29: what else is written down. */
static void other_kinds_are_mapped(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "\"kind\":\"start\",\"severity\":6", { { "/class_uid", "6002" }, { "/activity_id", "3" }, { "/app/name", "EMA" }, { "/severity_id", "1" } } },
		{ "\"kind\":\"stop\",\"severity\":6", { { "/class_uid", "6002" }, { "/activity_id", "4" } } },
		{ "\"kind\":\"config-loaded\",\"severity\":6,\"config\":\"/etc/ema/ema.conf\",\"digest\":\"sha256:c\",\"before\":\"sha256:b\"",
		  { { "/class_uid", "3004" }, { "/activity_id", "3" }, { "/entity/name", "ema.conf" }, { "/entity/version", "sha256:c" }, { "/status_id", "1" },
		    { "/unmapped/config", "/etc/ema/ema.conf" }, { "/unmapped/before", "sha256:b" } } },
		{ "\"kind\":\"introspection\",\"severity\":6,\"verdict\":\"permit\",\"code\":\"ok\",\"caller\":\"gateway\",\"token_client\":\"app\",\"remote\":\"pseudonym\"",
		  { { "/class_uid", "6003" }, { "/activity_id", "2" }, { "/status_id", "1" }, { "/action_id", "1" }, { "/actor/app_uid", "gateway" },
		    { "/api/operation", "introspection" }, { "/src_endpoint/uid", "pseudonym" }, { "/unmapped/token_client", "app" } } },
		{ "\"kind\":\"evaluation\",\"severity\":5,\"verdict\":\"deny\",\"code\":\"bad_request\",\"client\":\"pep\"",
		  { { "/class_uid", "6003" }, { "/activity_id", "2" }, { "/status_code", "bad_request" }, { "/actor/app_uid", "pep" } } },
		{ "\"kind\":\"revocation\",\"severity\":5,\"verdict\":\"deny\",\"code\":\"client_not_allowed\",\"client\":\"app\",\"token_id\":\"T\"",
		  { { "/class_uid", "6003" }, { "/activity_id", "4" }, { "/status_id", "2" }, { "/action_id", "2" }, { "/status_code", "client_not_allowed" },
		    { "/actor/session/uid", "T" }, { "/api/operation", "revocation" } } },
		{ "\"kind\":\"metrics\",\"severity\":5,\"verdict\":\"deny\",\"code\":\"bad_client_auth\"", { { "/class_uid", "6003" }, { "/status_code", "bad_client_auth" } } },
		{ "\"kind\":\"config-refused\",\"severity\":4", { { "/class_uid", "3004" }, { "/status_id", "2" }, { "/severity_id", "2" } } },
		{ "\"kind\":\"keys-fetched\",\"severity\":6,\"provider\":\"okta\"", { { "/entity/name", "okta" }, { "/entity/type", "key set" } } },
		{ "\"kind\":\"keys-failed\",\"severity\":4,\"provider\":\"okta\",\"reason\":\"why\"",
		  { { "/status_id", "2" }, { "/severity_id", "2" }, { "/message", "why" } } },
		{ "\"kind\":\"check\",\"severity\":5,\"verdict\":\"deny\",\"code\":\"no_token\"", { { "/class_uid", "6003" }, { "/status_id", "2" } } },
		{ "\"kind\":\"check\",\"severity\":6,\"verdict\":\"permit\",\"code\":\"ok\",\"method\":\"tools/call\",\"target\":\"get_a\",\"access\":\"read\"",
		  { { "/class_uid", "6003" }, { "/activity_id", "2" }, { "/api/operation", "tools/call get_a" } } },
		{ "\"kind\":\"redemption\",\"severity\":6,\"verdict\":\"permit\",\"code\":\"ok\",\"credential\":\"id_jag\"", { { "/class_uid", "3002" }, { "/activity_id", "1" } } },
		{ "\"kind\":\"keys-stale\",\"severity\":4", { { "/entity/name", "unknown" } } },
		{ "\"kind\":\"keys-back\",\"severity\":6", { { "/status_id", "1" } } },
		{ "\"kind\":\"issuer-mismatch\",\"severity\":1,\"provider\":\"okta\"", { { "/severity_id", "4" }, { "/entity/type", "issuer" } } },
		{ "\"kind\":\"jwks-uri-changed\",\"severity\":4,\"before\":\"https://a\"", { { "/severity_id", "4" }, { "/unmapped/before", "https://a" } } },
		{ "\"kind\":\"keys-private-member\",\"severity\":4", { { "/severity_id", "4" } } },
		{ "\"kind\":\"signing-key\",\"severity\":4,\"kid\":\"k1\",\"change\":\"signs now\",\"algorithm\":\"ES256\"",
		  { { "/class_uid", "3004" }, { "/entity/name", "k1" }, { "/entity/type", "signing key" }, { "/severity_id", "2" }, { "/unmapped/change", "signs now" } } },
		{ "\"kind\":\"client-document-changed\",\"severity\":4,\"client\":\"https://c.example/c\",\"before\":\"b\"",
		  { { "/entity/name", "https://c.example/c" }, { "/entity/type", "client metadata" }, { "/severity_id", "3" } } },
		{ "\"kind\":\"client-document-limited\",\"severity\":4,\"client\":\"https://c.example/c\",\"host\":\"c.example\"",
		  { { "/status_id", "2" }, { "/unmapped/host", "c.example" } } },
		{ "\"kind\":\"refusals-merged\",\"severity\":4,\"merged\":12,\"of\":\"decision\",\"code\":\"bad_signature\"",
		  { { "/class_uid", "3002" }, { "/count", "12" }, { "/status_code", "bad_signature" }, { "/severity_id", "2" }, { "/unmapped/of", "decision" } } },
		{ "\"kind\":\"chain-start\",\"severity\":6,\"state\":\"new\"", { { "/class_uid", "0" }, { "/activity_name", "chain-start" }, { "/severity_id", "1" } } },
		{ "\"kind\":\"chain-start\",\"severity\":1,\"state\":\"unknown\"", { { "/severity_id", "5" } } },
		{ "\"kind\":\"checkpoint\",\"severity\":6,\"count\":6,\"seal\":\"s\",\"seal_key\":\"k\"",
		  { { "/unmapped/ema_integrity/seal", "s" }, { "/unmapped/ema_integrity/count", "6" }, { "/unmapped/ema_integrity/seal_key", "k" } } },
		{ "\"kind\":\"sink-failed\",\"severity\":3,\"sink\":\"a\"", { { "/severity_id", "5" }, { "/unmapped/sink", "a" } } },
		{ "\"kind\":\"sink-recovered\",\"severity\":4", { { "/severity_id", "1" } } },
		{ "\"kind\":\"audit-gap\",\"severity\":3,\"lost\":3", { { "/severity_id", "5" }, { "/unmapped/lost", "3" } } },
		{ "\"kind\":\"spool-torn\",\"severity\":1", { { "/severity_id", "5" } } },
		{ "\"kind\":\"of a later day\",\"severity\":5,\"code\":\"denied\"", { { "/status_code", "denied" }, { "/status_id", "2" } } },
		{ "\"kind\":\"of a later day\",\"severity\":6,\"code\":\"ok\"", { { "/status_code", "ok" }, { "/status_id", "1" } } },
		{ "\"kind\":\"of a later day\",\"severity\":6", { { "/class_uid", "0" }, { "/activity_id", "99" }, { "/activity_name", "of a later day" } } },
		{ "\"severity\":6", { { "/activity_name", "other" } } },
	};
	run(rows, sizeof rows / sizeof *rows);
}

/* AUD-13 AUD-30: hostile values and names make no other members, and no second line; what is cut is cut in the record already. */
static void values_cannot_forge_an_event(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"a\nb", "\r\n{\"class_uid\":1}", "\",\"class_uid\":1,\"x\":\"", "\\", "\\\"", "\xff\xfe", "\xe2\x80\xae" "evil", "\x1b[2J", "\xe2\x80\xa8", "\x7f",
		"\xc2\x9b" "31m", "\"}],\"severity_id\":6",
	};
	static const char *const names[] = { "class_uid", "severity_id", "ema_integrity", "raw_data", "kind", "verdict", "reason", "rule", "service", "provider",
		                             "client", "method", "target", "traceparent", "remote", "time", "subject", "tenant" };
	struct kept kept;
	kept_init(&kept);
	struct audit_settings settings = { .clock = &clock_system, .writer = "w" };
	struct audit *audit = NULL;
	assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
	struct audit_sink sink = sink_of("a", &kept, 1);
	kept.form = "ocsf";
	audit_sinks(audit, &sink, 1, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct audit_field fields[sizeof names / sizeof *names + 1] = { { .name = cases[i], .type = AUDIT_LIST, .list = cases, .list_count = 12 } };
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			fields[k + 1] = (struct audit_field){ .name = names[k], .type = AUDIT_TEXT, .text = cases[i] };
		struct audit_event event = { .kind = i & 1 ? "decision" : cases[i], .severity = 6, .request = cases[i], .fields = fields,
			                     .field_count = sizeof names / sizeof *names + 1 };
		assert_int_equal(audit_append(audit, &event, 1, soon(1000), NULL), EMA_OK);
	}
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 1000);
	size_t lines = 0;
	for (char *line = kept.lines.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		struct failure failure = FAILURE_INIT;
		struct json json, raw;
		char room[64];
		if (json_parse(line, (size_t)(end - line), &limits, &json, &failure))
			fail_msg("%s: %.*s", failure.text, (int)(end - line), line);
		assert_in_range(number_at(&json, "/severity_id"), 1, 5);
		assert_true(number_at(&json, "/class_uid") == 0 || number_at(&json, "/class_uid") == 3002 || number_at(&json, "/class_uid") == 6003);
		assert_string_equal(text_at(&json, "/unmapped/ema_integrity/writer", room), "w");
		const struct json_node *node = json_at(&json, "/raw_data");
		assert_int_equal(json_parse(node->text, node->length, &limits, &raw, &failure), EMA_OK);
		assert_int_equal(number_at(&raw, "/seq"), ++lines);
		for (const char *c = line; c < end; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
		json_free(&raw);
		json_free(&json);
	}
	assert_int_equal(lines, kept.count);
	kept_free(&kept);
}

static void what_is_no_record_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = { "", "[]", "x", "{\"a\":1", "{\"a\":{\"b\":{\"c\":{}}}}" };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer out = BUFFER_INIT(OCSF_LINE);
		assert_int_equal(ocsf_render(cases[i], strlen(cases[i]), &out), EMA_BAD_JSON);
		buffer_free(&out);
	}
	struct buffer small = BUFFER_INIT(100);
	const char *line = "{\"kind\":\"start\"}";
	assert_int_equal(ocsf_render(line, strlen(line), &small), EMA_OUT_OF_MEMORY);
	buffer_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions_are_mapped),
		cmocka_unit_test(other_kinds_are_mapped),
		cmocka_unit_test(values_cannot_forge_an_event),
		cmocka_unit_test(what_is_no_record_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
