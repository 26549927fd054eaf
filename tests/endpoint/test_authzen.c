#define _GNU_SOURCE
#include "desk.h"

#include <stdio.h>

#include "access.h"
#include "buffer.h"
#include "jwt.h"

#define SVC "https://mcp.example/svc"
#define OTHER "https://mcp.example/other"
#define BASIC "Authorization: Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl"
#define JSON_TYPE "Content-Type: application/json"
#define EVALUATION "/access/v1/evaluation"
#define EVALUATIONS "/access/v1/evaluations"
#define USER "{\"type\":\"user\",\"id\":\"idp/-/ada\"}"
#define CALL "{\"name\":\"tools/call\",\"properties\":{\"arguments\":{}}}"
#define TOOL(name) "{\"type\":\"tool\",\"id\":\"" SVC "#" name "\"}"

static const char settings[] =
	"SERVICES:, { id = \"other\"; resource = \"" OTHER "\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\", \"put_*\"]; includes = [\"less\"]; },\n"
	"    { name = \"less\"; access = \"read\"; tools = [\"list_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }";

static char *make(struct desk *desk, const char *audience, const char *sub)
{
	struct failure failure = FAILURE_INIT;
	static int serial;
	const char *scope = "read";
	char id[32], *token = NULL;
	snprintf(id, sizeof id, "made-%d", serial++);
	const struct access_claims claims = {
		.issuer = OURS, .audience = audience, .client_id = "app", .jti = id, .issued = desk->world.now, .expires = desk->world.now + 3600,
		.scopes = &scope, .scope_count = 1, .provider = "idp", .sub = sub, .auth_time = JWT_ABSENT,
	};
	assert_int_equal(access_mint(desk->world.context->keyring, &claims, &token, &failure), EMA_OK);
	return token;
}

/* In place of each $ the token. */
static void ask(struct desk *desk, const char *url, const char *text, const char *token, const char *caller)
{
	struct buffer body = BUFFER_INIT(262144);
	for (; *text; text++)
		if (*text == '$')
			buffer_text(&body, token);
		else
			buffer_char(&body, *text);
	desk_request(desk, "POST", url, body.data, caller, JSON_TYPE, "X-Request-ID: mine-1", NULL);
	buffer_free(&body);
}

static int decided(const struct desk *desk, const char *pointer)
{
	const struct json_node *node = json_at(&desk->json, pointer);
	return json_is(node, JSON_TRUE) ? 1 : json_is(node, JSON_FALSE) ? 0 : -1;
}

#define ASK(subject, action, resource, context) "{\"subject\":" subject ",\"action\":" action ",\"resource\":" resource ",\"context\":" context ",\"more\":1}"
#define TOKEN "{\"access_token\":\"$\"}"

/* AZN-26, AZN-27, AZN-31, AZN-36, AZN-37, AZN-38, AZN-59, AZN-60, AZN-61: 1 and 0 are decisions, -1 is a mistake of the caller's program. */
static void one(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		int decision, status;
	} rows[] = {
		{ ASK(USER, CALL, TOOL("get_a"), TOKEN), 1, 200 },
		{ ASK("{\"type\":\"identity\",\"id\":\"idp/-/ada\"}", CALL, TOOL("get_a"), TOKEN), 1, 200 },
		{ ASK("{\"type\":\"identity\",\"id\":\"ada\"}", CALL, TOOL("get_a"), TOKEN), 0, 401 },
		{ ASK("{\"type\":\"user\",\"id\":\"ada\"}", CALL, TOOL("get_a"), TOKEN), 0, 401 },
		{ ASK(USER, CALL, "{\"type\":\"tool\",\"id\":\"get_a\"}", TOKEN), 1, 200 },
		{ ASK(USER, CALL, TOOL("put_a"), TOKEN), 0, 403 },
		{ ASK(USER, "{\"name\":\"tools/call\"}", TOOL("get_a"), TOKEN), 1, 200 },
		{ ASK(USER, "{\"name\":\"tools/list\"}", "{\"type\":\"mcp_server\",\"id\":\"" SVC "\"}", TOKEN), 1, 200 },
		{ ASK(USER, "{\"name\":\"server/discover\"}", "{\"type\":\"mcp_server\",\"id\":\"" SVC "\"}", TOKEN), 1, 200 },
		{ ASK(USER, "{\"name\":\"subscriptions/listen\"}", "{\"type\":\"mcp_server\",\"id\":\"" SVC "\"}", TOKEN), 1, 200 },
		{ ASK(USER, "{\"name\":\"subscriptions/listen\"}", "{\"type\":\"resource\",\"id\":\"" SVC "#file:///a\"}", TOKEN), 0, 403 },
		{ ASK(USER, "{\"name\":\"resources/templates/list\"}", "{\"type\":\"mcp_server\",\"id\":\"" SVC "\"}", TOKEN), 1, 200 },
		{ ASK(USER, "{\"name\":\"tasks/update\"}", "{\"type\":\"task\",\"id\":\"" SVC "#t\"}", TOKEN), 0, 403 },
		{ ASK(USER, "{\"name\":\"notifications/cancelled\"}", "{\"type\":\"mcp_server\",\"id\":\"" SVC "\"}", TOKEN), 1, 200 },
		{ ASK(USER, "{\"name\":\"notifications/fly\"}", "{\"type\":\"mcp_server\",\"id\":\"" SVC "\"}", TOKEN), 0, 404 },
		{ ASK(USER, "{\"name\":\"tools/fly\"}", TOOL("get_a"), TOKEN), 0, 404 },
		{ ASK("{\"type\":\"user\",\"id\":\"idp/-/bob\"}", CALL, TOOL("get_a"), TOKEN), 0, 401 },
		{ ASK(USER, CALL, TOOL("get_a"), "{\"access_token\":\"a.b.c\"}"), 0, 401 },
		{ ASK(USER, CALL, TOOL("get_a"), "{\"access_token\":\"$ $\"}"), 0, 400 },
		{ ASK(USER, CALL, TOOL("get_a"), "{\"access_token\":\"$\",\"dpop\":\"x\"}"), 0, 401 },
		{ ASK(USER, CALL, TOOL("get_a"), "{\"access_token\":\"$\\r\\nX: y\"}"), 0, 400 },
		{ ASK(USER, CALL, TOOL("get_a"), "{}"), -1, 400 },
		{ ASK("{\"type\":\"robot\",\"id\":\"a\"}", CALL, TOOL("get_a"), TOKEN), -1, 400 },
		{ ASK("{\"type\":\"user\"}", CALL, TOOL("get_a"), TOKEN), -1, 400 },
		{ ASK("{\"type\":\"user\",\"id\":{\"a\":1}}", CALL, TOOL("get_a"), TOKEN), -1, 400 },
		{ ASK(USER, "{}", TOOL("get_a"), TOKEN), -1, 400 },
		{ ASK(USER, "[]", TOOL("get_a"), TOKEN), -1, 400 },
		{ ASK(USER, "{\"name\":\"tools/call\",\"properties\":{\"arguments\":[]}}", TOOL("get_a"), TOKEN), -1, 400 },
		{ ASK(USER, CALL, "{\"type\":\"prompt\",\"id\":\"" SVC "#get_a\"}", TOKEN), -1, 400 },
		{ ASK(USER, CALL, "{\"type\":\"tool\",\"id\":\"" SVC "\"}", TOKEN), -1, 400 },
		{ ASK(USER, CALL, "{\"type\":\"tool\",\"id\":\"" SVC "#\"}", TOKEN), -1, 400 },
		/* Another spelling of the resource identifier is the same one; what is nearly one is never the name of a tool. */
		{ ASK(USER, CALL, "{\"type\":\"tool\",\"id\":\"https://MCP.example:443/svc#get_a\"}", TOKEN), 1, 200 },
		{ ASK(USER, CALL, "{\"type\":\"tool\",\"id\":\"https://MCP.example:443/svc#put_a\"}", TOKEN), 0, 403 },
		{ ASK(USER, CALL, "{\"type\":\"tool\",\"id\":\"" SVC "/#get_a\"}", TOKEN), -1, 400 },
		{ ASK("{\"type\":\"user\",\"id\":\"idp/-/ada\"}", "{\"name\":\"prompts/get\"}", "{\"type\":\"prompt\",\"id\":\"http://mcp.example/svc#ask\"}", TOKEN), -1, 400 },
		{ ASK(USER, CALL, "{\"type\":\"tool\",\"id\":[\"" SVC "#get_a\"]}", TOKEN), -1, 400 },
		{ ASK(USER, "{\"name\":\"tools/list\"}", "{\"type\":\"mcp_server\",\"id\":[\"" SVC "\",\"https://else.example\"]}", TOKEN), -1, 400 },
		{ ASK(USER, "{\"name\":\"notifications/cancelled\"}", "{\"type\":\"mcp_server\",\"id\":\"" SVC "\"}", "{\"access_token\":\"a.b.c\"}"), 0, 401 },
		{ ASK(USER, "{\"name\":\"tools/list\"}", TOOL("get_a"), TOKEN), -1, 400 },
		{ "{\"subject\":" USER ",\"subject\":" USER "}", -1, 400 },
		{ "[]", -1, 400 },
		{ "", -1, 400 },
		{ "nonsense", -1, 400 },
	};
	struct desk desk;
	desk_open(&desk, settings, NULL);
	char *token = make(&desk, SVC, "ada");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t status = 0;
		ask(&desk, EVALUATION, rows[i].body, token, BASIC);
		json_integer(json_at(&desk.json, "/context/http_status"), &status);
		if (decided(&desk, "/decision") != rows[i].decision || (rows[i].decision >= 0 && status != rows[i].status))
			print_error("row %zu: %d %s\n", i, desk.status, desk.body);
		assert_int_equal(decided(&desk, "/decision"), rows[i].decision);
		assert_int_equal(desk.status, rows[i].decision < 0 ? 400 : 200);
		if (rows[i].decision >= 0)
			assert_int_equal(status, rows[i].status);
		assert_string_equal(desk_header(&desk, "X-Request-ID"), "mine-1");
		if (rows[i].decision < 0) {
			assert_string_equal(desk_audited(&desk, "/client"), "gateway");
			assert_memory_equal(desk_header(&desk, "Content-Type"), "text/plain", 10);
		}
		assert_null(strstr(desk.body, "ema.conf"));
		assert_null(strstr(desk.body, "idp"));
	}
	ask(&desk, EVALUATION, ASK(USER, CALL, TOOL("put_a"), TOKEN), token, BASIC);
	assert_non_null(strstr(desk_text(&desk, "/context/www_authenticate"), "insufficient_scope"));
	assert_string_equal(desk_audited(&desk, "/caller"), "gateway");
	free(token);
	desk_close(&desk);
}

/* AZN-59: who asks is known, and speaks for the service. */
static void callers(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, settings, NULL);
	char *token = make(&desk, SVC, "ada"), *other = make(&desk, OTHER, "ada");
	static const char question[] = ASK(USER, CALL, TOOL("get_a"), TOKEN);
	ask(&desk, EVALUATION, question, token, "X-None: 1");
	assert_int_equal(desk.status, 401);
	assert_int_equal(strncmp(desk_header(&desk, "WWW-Authenticate"), "Basic ", 6), 0);
	ask(&desk, EVALUATION, question, token, "Authorization: Basic Z2F0ZXdheTp3cm9uZw==");
	assert_int_equal(desk.status, 401);
	ask(&desk, EVALUATION, ASK(USER, CALL, "{\"type\":\"tool\",\"id\":\"" OTHER "#get_a\"}", TOKEN), other, BASIC);
	assert_int_equal(decided(&desk, "/decision"), -1); /* AZN-28: not as a tool of svc that has such a name */
	assert_int_equal(desk.status, 400);
	/* What cannot be a header of a request: no, and a record of it. */
	ask(&desk, EVALUATION, ASK(USER, CALL, TOOL("get_a"), "{\"access_token\":\"a\\nb\"}"), token, BASIC);
	assert_int_equal(decided(&desk, "/decision"), 0);
	assert_string_equal(desk_audited(&desk, "/kind"), "evaluation");
	assert_string_equal(desk_audited(&desk, "/service"), "svc");
	desk_request(&desk, "POST", EVALUATION, "a=b", BASIC, "Content-Type: application/x-www-form-urlencoded", NULL);
	assert_int_equal(desk.status, 400);
	desk_request(&desk, "GET", EVALUATION, NULL, BASIC, NULL);
	assert_int_equal(desk.status, 405);
	/* The two who were not known, counted where they asked. */
	desk.remote = "127.0.0.1";
	desk_request(&desk, "GET", "/metrics", NULL, NULL);
	assert_non_null(strstr(desk.body, "ema_answers_total{endpoint=\"check\",code=\"client_refused\"}"));
	assert_null(strstr(desk.body, "endpoint=\"library\""));
	desk_request(&desk, "POST", EVALUATION "?access_token=x", "{}", BASIC, JSON_TYPE, NULL);
	assert_int_equal(desk.status, 400);
	free(token);
	free(other);
	desk_close(&desk);
}

/* AZN-60: what comes to no evaluation has the caller's id, too; an id of ours stands where it gave none that can go back. */
static void refusals_have_the_id(void **state)
{
	(void)state;
#define QUESTION "{\"subject\":" USER ",\"action\":" CALL ",\"resource\":" TOOL("get_a") ",\"context\":{}}"
#define FORM "Content-Type: application/x-www-form-urlencoded"
#define STRANGER "Authorization: Basic Z2F0ZXdheTp3cm9uZw=="
	static const struct {
		const char *method, *query, *body, *type, *caller;
		int status;
	} rows[] = {
		{ "POST", "", QUESTION, JSON_TYPE, BASIC, 400 },
		{ "POST", "", "nonsense", JSON_TYPE, BASIC, 400 },
		{ "POST", "", "a=b", FORM, BASIC, 400 },
		{ "POST", "?access_token=x", QUESTION, JSON_TYPE, BASIC, 400 },
		{ "POST", "", QUESTION, JSON_TYPE, STRANGER, 401 },
		{ "POST", "", QUESTION, JSON_TYPE, "X-None: 1", 401 },
		{ "GET", "", NULL, JSON_TYPE, BASIC, 405 },
	};
	static const char *const urls[] = { EVALUATION, EVALUATIONS };
	struct desk desk;
	desk_open(&desk, settings, NULL);
	for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
		char url[80];
		snprintf(url, sizeof url, "%s%s", urls[i % 2], rows[i / 2].query);
		desk_request(&desk, rows[i / 2].method, url, rows[i / 2].body, rows[i / 2].caller, rows[i / 2].type, "X-Request-ID: mine-2", NULL);
		assert_int_equal(desk.status, rows[i / 2].status);
		assert_string_equal(desk_header(&desk, "X-Request-ID"), "mine-2");
	}
	static const char *const odd[] = { "X-None: 1", "X-Request-ID: ", "X-Request-ID: <b>" };
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		desk_request(&desk, "POST", EVALUATION, QUESTION, STRANGER, JSON_TYPE, odd[i], NULL);
		assert_int_equal(desk.status, 401);
		assert_string_equal(desk_header(&desk, "X-Request-ID"), desk_audited(&desk, "/request"));
	}
	desk_close(&desk);
}

/* AZN-60: who asks with tokens that are none is slowed down like who guesses elsewhere; a batch is one request. */
static void rates(void **state)
{
	(void)state;
	struct desk desk;
	char extra[sizeof settings + 80];
	snprintf(extra, sizeof extra, "rates = { address = 4; failure_cost = 2; };\n%s", settings);
	desk_open(&desk, extra, NULL);
	char *token = make(&desk, SVC, "ada");
	for (int i = 0; i < 5; i++) {
		ask(&desk, i % 2 ? EVALUATIONS : EVALUATION, i % 2 ? "{\"subject\":" USER ",\"action\":" CALL ",\"context\":" TOKEN ",\"evaluations\":[{},{},{}]}"
		    : ASK(USER, CALL, TOOL("get_a"), TOKEN), token, BASIC);
		assert_int_equal(desk.status, i < 4 ? 200 : 429);
	}
	assert_true(atoi(desk_header(&desk, "Retry-After")) > 0);
	assert_string_equal(desk_header(&desk, "X-Request-ID"), "mine-1");
	free(token);
	desk_close(&desk);
}

/* AZN-28: where a caller speaks for two servers, a tool is one of one of them. */
static void two_servers(void **state)
{
	(void)state;
	static const char more[] = "CALLER:, \"other\"";
	struct desk desk;
	char extra[sizeof settings + sizeof more];
	snprintf(extra, sizeof extra, "%s%s", more, settings);
	desk_open(&desk, extra, NULL);
	char *token = make(&desk, SVC, "ada"), *other = make(&desk, OTHER, "ada");
	static const struct {
		const char *resource;
		int decisions[2]; /* with a token for svc, and for other */
	} rows[] = {
		{ TOOL("get_a"), { 1, 0 } },
		{ TOOL("put_a"), { 0, 0 } },
		{ "{\"type\":\"tool\",\"id\":\"" OTHER "#put_a\"}", { 0, 1 } },
		{ "{\"type\":\"tool\",\"id\":\"" OTHER "#list_a\"}", { 0, 1 } }, /* MCP-20: by a scope that read includes */
		{ "{\"type\":\"tool\",\"id\":\"get_a\"}", { -1, -1 } },
		{ "{\"type\":\"tool\",\"id\":\"https://mcp.example/sv#get_a\"}", { -1, -1 } },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t k = 0; k < 2; k++) {
			char question[512];
			snprintf(question, sizeof question, ASK(USER, CALL, "%s", TOKEN), rows[i].resource);
			ask(&desk, EVALUATION, question, k ? other : token, BASIC);
			assert_int_equal(decided(&desk, "/decision"), rows[i].decisions[k]);
		}
	free(token);
	free(other);
	desk_close(&desk);
}

/* AZN-13, AZN-14, AZN-15, AZN-16, AZN-17 */
static void several(void **state)
{
	(void)state;
#define ALL(entries, options) "{\"subject\":" USER ",\"action\":" CALL ",\"context\":" TOKEN ",\"evaluations\":[" entries "]" options "}"
#define ENTRY(name) "{\"resource\":" TOOL(name) "}"
#define SEMANTIC(name) ",\"options\":{\"evaluations_semantic\":\"" name "\"}"
	static const struct {
		const char *body;
		int status, decisions[5]; /* -1: no more */
		int wrong;                /* a bit for each entry that is one of an error */
	} rows[] = {
		{ ALL(ENTRY("get_a") "," ENTRY("put_a") "," ENTRY("get_b"), ""), 200, { 1, 0, 1, -1 }, 0 },
		{ ALL(ENTRY("get_a") "," ENTRY("put_a") "," ENTRY("get_b"), SEMANTIC("deny_on_first_deny")), 200, { 1, 0, -1 }, 0 },
		{ ALL(ENTRY("get_a") ",7," ENTRY("get_b"), SEMANTIC("deny_on_first_deny")), 200, { 1, 0, -1 }, 2 },
		{ ALL(ENTRY("put_a") "," ENTRY("get_a") "," ENTRY("get_b"), SEMANTIC("permit_on_first_permit")), 200, { 0, 1, -1 }, 0 },
		{ ALL("{}," ENTRY("get_a") ",7", ""), 200, { 0, 1, 0, -1 }, 5 },
		{ ALL("{\"resource\":" TOOL("get_a") ",\"subject\":{\"type\":\"user\",\"id\":\"idp/-/bob\"}}," ENTRY("get_a"), ""), 200, { 0, 1, -1 }, 0 },
		/* A whole object, not its members. */
		{ ALL("{\"resource\":" TOOL("get_a") ",\"context\":{}}," ENTRY("get_a"), ""), 200, { 0, 1, -1 }, 1 },
		{ ALL(ENTRY("get_a"), SEMANTIC("any")), 400, { -1 }, 0 },
		{ "{\"evaluations\":{}}", 400, { -1 }, 0 },
		{ "{\"evaluations\":[]}", 400, { -1 }, 0 }, /* as it lacks a subject */
	};
	struct desk desk;
	desk_open(&desk, settings, NULL);
	char *token = make(&desk, SVC, "ada"), pointer[64];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask(&desk, EVALUATIONS, rows[i].body, token, BASIC);
		if (desk.status != rows[i].status)
			print_error("row %zu: %d %s\n", i, desk.status, desk.body);
		assert_int_equal(desk.status, rows[i].status);
		for (size_t k = 0; k < 5; k++) {
			snprintf(pointer, sizeof pointer, "/evaluations/%zu/decision", k);
			assert_int_equal(decided(&desk, pointer), rows[i].decisions[k]);
			if (rows[i].decisions[k] < 0)
				break;
			/* AZN-16: what cannot be asked says so in its own place; a deny is no error. */
			int64_t wrong = 0;
			snprintf(pointer, sizeof pointer, "/evaluations/%zu/context/error/status", k);
			json_integer(json_at(&desk.json, pointer), &wrong);
			assert_int_equal(wrong, rows[i].wrong >> k & 1 ? 400 : 0);
		}
	}
	/* One question, be the array empty or not there: the answer is one, too. */
	static const char *const empty[] = { "1", "1,\"evaluations\":[]" };
	for (size_t i = 0; i < 4; i++) {
		char question[512];
		snprintf(question, sizeof question, "{\"subject\":" USER ",\"action\":" CALL ",\"resource\":%s,\"context\":" TOKEN ",\"more\":%s}",
		         i / 2 ? TOOL("put_a") : TOOL("get_a"), empty[i % 2]);
		ask(&desk, EVALUATIONS, question, token, BASIC);
		assert_int_equal(desk.status, 200);
		assert_int_equal(decided(&desk, "/decision"), i < 2);
		assert_null(json_at(&desk.json, "/evaluations"));
	}
	struct buffer body = BUFFER_INIT(65536);
	buffer_text(&body, "{\"evaluations\":[7");
	for (int i = 0; i < 100; i++)
		buffer_text(&body, ",7");
	buffer_text(&body, "]}");
	ask(&desk, EVALUATIONS, body.data, token, BASIC);
	assert_int_equal(desk.status, 400);
	buffer_free(&body);
	free(token);
	desk_close(&desk);
}

/* AZN-60 */
static void metadata(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, settings, NULL);
	desk_request(&desk, "GET", "/.well-known/authzen-configuration", NULL, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_text(&desk, "/policy_decision_point"), OURS);
	assert_string_equal(desk_text(&desk, "/access_evaluation_endpoint"), OURS EVALUATION);
	assert_string_equal(desk_text(&desk, "/access_evaluations_endpoint"), OURS EVALUATIONS);
	desk_request(&desk, "GET", "/.well-known/authzen-configuration/nowhere", NULL, NULL);
	assert_int_equal(desk.status, 404);
	desk_request(&desk, "POST", "/.well-known/authzen-configuration", "", NULL);
	assert_int_equal(desk.status, 405);
	desk_close(&desk);
}

/* MCP-54: a template is judged as in a message, by all that it may become. */
static void references(void **state)
{
	(void)state;
	static const struct {
		const char *uri;
		int decision;
	} rows[] = {
		{ "file:///docs/{name}", 1 }, { "file:///{+path}", 0 }, { "file:///etc/{name}", 0 }, { "file:///docs/a", 1 },
	};
	struct desk desk;
	desk_open(&desk, "SERVICES:, { id = \"files\"; resource = \"https://mcp.example/files\"; identity = [\"idp\"];\n"
	          "  scopes = ( { name = \"read\"; access = \"read\"; uris = [\"file:///*\", \"file:///docs/*\"]; } );\n"
	          "  grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); denies = ( { uris = [\"file:///secret/**\", \"file:///etc/**\"]; } ); }"
	          "CALLER:, \"files\"", NULL);
	char *token = make(&desk, "https://mcp.example/files", "ada");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char body[512];
		snprintf(body, sizeof body, ASK(USER, "{\"name\":\"completion/complete\"}", "{\"type\":\"resource\",\"id\":\"https://mcp.example/files#%s\"}", TOKEN), rows[i].uri);
		ask(&desk, EVALUATION, body, token, BASIC);
		if (decided(&desk, "/decision") != rows[i].decision)
			fail_msg("%s: %d %s", rows[i].uri, desk.status, desk.body);
	}
	free(token);
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one),
		cmocka_unit_test(callers),
		cmocka_unit_test(refusals_have_the_id),
		cmocka_unit_test(rates),
		cmocka_unit_test(two_servers),
		cmocka_unit_test(several),
		cmocka_unit_test(references),
		cmocka_unit_test(metadata),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
