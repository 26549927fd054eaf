#define _GNU_SOURCE
#include "desk.h"

#include <stdio.h>

#include "access.h"
#include "jwt.h"

#define VERSION "2026-07-28"
#define SVC "https://mcp.example/svc"
#define META "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" VERSION "\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define CALL(name, arguments) "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\",\"arguments\":" arguments "," META "}}"

static const char settings[] =
	"proxies = [\"192.0.2.7\"]; client_certificates = { header = \"Client-Cert\"; };\n"
	"SERVICES:, { id = \"args\"; resource = \"https://mcp.example/args\"; identity = [\"idp\"]; decision = { original = \"X-Forwarded\"; };\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\", \"free\", \"näme\"]; prompts = [\"*\"]; uris = [\"file:///docs/*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; tools = [\"get_*\"]; when = { args = ( { at = \"/root\"; absent = true; } ); }; },\n"
	"             { provider = \"idp\"; scopes = [\"read\"]; tools = [\"free\", \"näme\"]; prompts = [\"*\"]; uris = [\"file:///docs/*\"]; } );\n"
	"  denies = ( { prompts = [\"secret\"]; when = { args = ( { at = \"/x\"; equals = \"y\"; } ); }; } ); },\n"
	"  { id = \"server\"; resource = \"https://mcp.example/server\"; identity = [\"idp\"];\n"
	"  decision = { without_body = \"connect\"; enforced_by = \"server\"; original = \"request\"; };\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); },\n"
	"  { id = \"open\"; resource = \"https://mcp.example/open\"; identity = [\"idp\"]; decision = { without_body = \"connect\"; }; }";

/* Names that would be two elements of a list, or two headers. */
static const struct access_name groups[] = { { "a,admin", "claims", NULL }, { "b\"\\", "claims", NULL }, { "c\r\nX-EMA-Subject: root", "claims", NULL },
	{ "d%2Ce ;", "claims", NULL }, { "\xc3\xa9", "claims", NULL } };

static char *make(struct desk *desk, const char *audience, const char *scope)
{
	struct failure failure = FAILURE_INIT;
	static int serial;
	char id[32], *token = NULL, *value = NULL;
	snprintf(id, sizeof id, "made-%d", serial++);
	const struct access_claims claims = {
		.issuer = OURS, .audience = audience, .client_id = "app", .jti = id, .issued = desk->world.now, .expires = desk->world.now + 3600,
		.scopes = &scope, .scope_count = *scope != 0, .provider = "idp", .sub = "ada,%\x7f", .auth_time = JWT_ABSENT,
		.groups = groups, .group_count = sizeof groups / sizeof *groups, .roles = groups, .role_count = 1,
	};
	assert_int_equal(access_mint(desk->world.context->keyring, &claims, &token, &failure), EMA_OK);
	assert_true(asprintf(&value, "Authorization: Bearer %s", token) > 0);
	free(token);
	return value;
}

/* MCP-43, MCP-44, MCP-45, MCP-47, MCP-48, AZN-27: with the message, what is refused is refused as MCP says, and never judged as something else. */
static void with_the_message(void **state)
{
	(void)state;
	static char deep[4096];
	static const struct {
		const char *body, *version, *method, *name;
		int status, rpc;
	} rows[] = {
		{ CALL("get_a", "{}"), VERSION, "tools/call", "get_a", 200, 0 },
		{ CALL("put_a", "{}"), VERSION, "tools/call", "put_a", 403, 4403 },
		{ CALL("get_a", "{}"), VERSION, "tools/list", "get_a", 400, -32020 },
		{ CALL("put_a", "{}"), VERSION, "tools/call", "get_a", 400, -32020 },
		{ CALL("get_a", "{}"), VERSION, NULL, "get_a", 400, -32020 },
		{ CALL("get_a", "{}"), "2025-11-25", "tools/call", "get_a", 400, -32020 },
		{ CALL("get_a", "{}"), "2025-03-26", "tools/call", "get_a", 400, -32020 },
		{ "", VERSION, "tools/call", "get_a", 400, -32700 },
		{ "tools/call", VERSION, "tools/call", "get_a", 400, -32700 },
		{ "{}", VERSION, "tools/call", "get_a", 400, -32600 },
		{ "[" CALL("get_a", "{}") "]", VERSION, "tools/call", "get_a", 400, -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}", VERSION, "tools/call", "get_a", 400, -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"method\":\"ping\",\"params\":{\"name\":\"get_a\"," META "}}", VERSION, "tools/call", "get_a", 400, -32700 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"get_a\",\"name\":\"put_a\"," META "}}", VERSION, "tools/call", "get_a", 400, -32700 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":{\"a\":1}," META "}}", VERSION, "tools/call", "get_a", 400, -32602 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/fly\",\"params\":{" META "}}", VERSION, "tools/fly", NULL, 404, -32601 },
		{ deep, VERSION, "tools/call", "get_a", 413, -32600 },
	};
	struct desk desk;
	memset(deep, '[', sizeof deep - 1);
	desk_open(&desk, settings, NULL);
	char *token = make(&desk, SVC, "read"), version[64], method[64], name[64];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t rpc = 0;
		snprintf(version, sizeof version, "MCP-Protocol-Version: %s", rows[i].version);
		snprintf(method, sizeof method, "Mcp-Method: %s", rows[i].method ? rows[i].method : "");
		snprintf(name, sizeof name, "Mcp-Name: %s", rows[i].name ? rows[i].name : "");
		desk_request(&desk, "POST", "/decision/svc", rows[i].body, token, "X-Original-Method: POST", "X-Original-URI: /mcp", version,
		             rows[i].method ? method : "X-None: 1", rows[i].name ? name : "X-None: 1", NULL);
		json_integer(json_at(&desk.json, "/error/code"), &rpc);
		if (desk.status != rows[i].status || rpc != rows[i].rpc)
			print_error("row %zu: %d %s\n", i, desk.status, desk.body);
		assert_int_equal(desk.status, rows[i].status);
		assert_int_equal(rpc, rows[i].rpc);
		assert_string_equal(desk_header(&desk, "Cache-Control"), "no-store");
		assert_true(strlen(desk_header(&desk, "X-Request-ID")) == 36);
		/* It says nothing of anybody unless it is a permit. */
		assert_int_equal(*desk_header(&desk, "X-EMA-Subject") != 0, rows[i].status == 200);
	}
	desk_request(&desk, "POST", "/decision/svc", CALL("get_a", "{}"), "X-Original-Method: POST", "X-Original-URI: /mcp", NULL);
	assert_int_equal(desk.status, 401);
	assert_non_null(strstr(desk_header(&desk, "WWW-Authenticate"), "resource_metadata="));
	free(token);
	desk_close(&desk);
}

/* MCP-42, MCP-47, MCP-48: without it, what the headers say is believed of the one revision whose servers hold them against the body. */
static void without_the_message(void **state)
{
	(void)state;
	static const struct {
		const char *service, *version, *method, *name;
		int status;
	} rows[] = {
		{ "svc", VERSION, "tools/call", "get_a", 200 },
		{ "svc", VERSION, "tools/call", "=?base64?Z2V0X2E=?=", 200 },
		{ "svc", VERSION, "tools/call", "=?base64?Z2V0X2E?=", 403 },
		{ "svc", VERSION, "tools/call", "=?base64?Z2V0X2F=?=", 403 },
		{ "svc", VERSION, "tools/call", "=?base64?Z2V0X2EA?=", 403 },
		{ "svc", VERSION, "tools/call", "=?base64?cHV0X2E=?=", 403 },
		{ "svc", VERSION, "tools/call", "put_a", 403 },
		{ "svc", VERSION, "tools/call", NULL, 403 },
		{ "svc", VERSION, "tools/call", "", 403 },
		{ "svc", VERSION, "tools/list", NULL, 200 },
		{ "svc", VERSION, "tools/list", "get_a", 403 },
		{ "svc", VERSION, "server/discover", NULL, 200 },
		{ "svc", VERSION, "notifications/cancelled", NULL, 200 },
		{ "svc", VERSION, "completion/complete", "get_a", 403 },
		{ "svc", VERSION, "subscriptions/listen", NULL, 403 },
		{ "svc", VERSION, "tasks/get", "get_a", 403 },
		{ "svc", VERSION, "initialize", NULL, 403 },
		{ "svc", VERSION, NULL, "get_a", 403 },
		{ "svc", "2025-11-25", "tools/call", "get_a", 403 },
		{ "svc", NULL, "tools/call", "get_a", 403 },
		/* An argument that nobody saw is neither there nor absent. */
		{ "args", VERSION, "tools/call", "get_a", 403 },
		{ "args", VERSION, "tools/call", "free", 200 },
		{ "args", VERSION, "tools/call", "=?base64?bsOkbWU=?=", 200 },
		{ "args", VERSION, "prompts/get", "plain", 200 },
		{ "args", VERSION, "prompts/get", "secret", 403 },
		{ "args", VERSION, "resources/read", "file:///docs/a", 200 },
		{ "args", VERSION, "resources/read", "file:///docs/../b", 403 },
	};
	struct desk desk;
	desk_open(&desk, settings, NULL);
	char *tokens[2] = { make(&desk, SVC, "read"), make(&desk, "https://mcp.example/args", "read") }, url[64], version[64], method[64], name[64];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int other = *rows[i].service == 'a';
		snprintf(url, sizeof url, "/decision/%s", rows[i].service);
		snprintf(version, sizeof version, "MCP-Protocol-Version: %s", rows[i].version ? rows[i].version : "");
		snprintf(method, sizeof method, "Mcp-Method: %s", rows[i].method ? rows[i].method : "");
		snprintf(name, sizeof name, "Mcp-Name: %s", rows[i].name ? rows[i].name : "");
		desk_request(&desk, "GET", url, NULL, tokens[other], other ? "X-Forwarded-Method: POST" : "X-Original-Method: POST",
		             other ? "X-Forwarded-Uri: /mcp" : "X-Original-URI: /mcp", rows[i].version ? version : "X-None: 1",
		             rows[i].method ? method : "X-None: 1", rows[i].name ? name : "X-None: 1", NULL);
		if (desk.status != rows[i].status)
			print_error("row %zu: %d %s %s\n", i, desk.status, desk.body, desk_audited(&desk, "/reason"));
		assert_int_equal(desk.status, rows[i].status);
	}
	/* The client's own method: a proxy that does not say it tells too little. */
	desk_request(&desk, "GET", "/decision/svc", NULL, tokens[0], "X-Original-Method: DELETE", "X-Original-URI: /mcp", "MCP-Protocol-Version: " VERSION,
	             "Mcp-Method: tools/list", NULL);
	assert_int_equal(desk.status, 403);
	free(tokens[0]);
	free(tokens[1]);
	desk_close(&desk);
}

/* MCP-48: connect looks at the token and at whether anything is granted, at no tool; and at the message where it is sent. */
static void connect(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, settings, NULL);
	char *good = make(&desk, "https://mcp.example/server", "read"), *none = make(&desk, "https://mcp.example/server", ""),
	     *open = make(&desk, "https://mcp.example/open", ""), *other = make(&desk, SVC, "read");
	desk_request(&desk, "GET", "/decision/server/mcp", NULL, good, "Mcp-Method: tools/call", "Mcp-Name: put_a", NULL);
	assert_int_equal(desk.status, 200); /* the stream of an older revision */
	desk_request(&desk, "PUT", "/decision/server/mcp", NULL, good, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_audited(&desk, "/method"), "connect");
	desk_request(&desk, "PUT", "/decision/server/mcp", NULL, none, NULL);
	assert_int_equal(desk.status, 403);
	desk_request(&desk, "PUT", "/decision/server/mcp", NULL, other, NULL);
	assert_int_equal(desk.status, 401);
	desk_request(&desk, "POST", "/decision/server/mcp", CALL("put_a", "{}"), good, "MCP-Protocol-Version: " VERSION, "Mcp-Method: tools/call",
	             "Mcp-Name: put_a", NULL);
	assert_int_equal(desk.status, 403);
	desk_request(&desk, "GET", "/decision/open", NULL, open, "X-Original-Method: POST", "X-Original-URI: /mcp", NULL);
	assert_int_equal(desk.status, 200);
	free(good);
	free(none);
	free(open);
	free(other);
	desk_close(&desk);
}

/* JWT-68: who may ask, for which service, what the proxy must say of the request, and what it is told: no value of a token ends a header or a list. */
static void who_asks(void **state)
{
	(void)state;
	static const struct {
		const char *url, *uri, *more, *remote;
		int status;
		const char *reason;
	} rows[] = {
		{ "/decision/svc", "X-Original-URI: /mcp?x=%2f..", NULL, NULL, 200, "" },
		{ "/decision/svc", "X-Original-URI: /mcp", NULL, "192.0.2.8", 403, "proxies" },
		{ "/decision/svc", "X-Original-URI: /mcp", NULL, "unix", 403, "proxies" },
		{ "/decision/nowhere", "X-Original-URI: /mcp", "X-Forwarded-Host: svc", NULL, 403, "no such service" },
		{ "/decision", "X-Original-URI: /mcp", NULL, NULL, 403, "no such service" },
		{ "/decision/", "X-Original-URI: /mcp", NULL, NULL, 403, "no such service" },
		/* The other proxy's headers are a client's. */
		{ "/decision/svc", "X-Forwarded-Uri: /mcp", "X-Forwarded-Method: POST", NULL, 403, "does not say" },
		{ "/decision/svc", "X-Original-URI: /mcp", "X-Original-URI: /mcp", NULL, 403, "twice" },
		{ "/decision/svc", "X-Original-URI: /mcp", "X-Original-Method: POST", NULL, 403, "twice" },
		{ "/decision/svc", "X-Original-URI: /mcp/../admin", NULL, NULL, 403, "next reader" },
		{ "/decision/svc", "X-Original-URI: /mcp/..", NULL, NULL, 403, "next reader" },
		{ "/decision/svc", "X-Original-URI: /mcp/%2E%2e/admin", NULL, NULL, 403, "next reader" },
		{ "/decision/svc", "X-Original-URI: /mcp%2Fadmin", NULL, NULL, 403, "next reader" },
		{ "/decision/svc", "X-Original-URI: //mcp", NULL, NULL, 403, "next reader" },
		{ "/decision/svc", "X-Original-URI: http://evil.example/mcp", NULL, NULL, 403, "next reader" },
		{ "/decision/svc", "X-Original-URI: /mcp?access_token=abc", NULL, NULL, 403, "secret" },
		{ "/decision/svc?access_token=abc", "X-Original-URI: /mcp", NULL, NULL, 403, "secret" },
		{ "/decision/svc", "X-Original-URI: /mcp", "DPoP: a", NULL, 200, "" },
		{ "/decision/svc", "X-Original-URI: /mcp", "Authorization: Bearer a", NULL, 403, "twice" },
		{ "/decision/svc", "X-Original-URI: /mcp", "Origin: https://evil.example", NULL, 403, "origins" },
		{ "/decision/svc", "X-Original-URI: /mcp", "Origin: null", NULL, 403, "origins" },
		{ "/decision/svc", "X-Original-URI: /mcp", "Mcp-Method: tools/call", NULL, 403, "twice" },
	};
	struct desk desk;
	desk_open(&desk, settings, NULL);
	char *token = make(&desk, SVC, "read");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk.remote = rows[i].remote ? rows[i].remote : "192.0.2.7";
		desk_request(&desk, "GET", rows[i].url, NULL, token, "X-Original-Method: POST", rows[i].uri, rows[i].more ? rows[i].more : "X-None: 1",
		             "X-Forwarded-For: 198.51.100.1, 198.51.100.2", "X-EMA-Subject: root", "X-EMA-Groups: wheel",
		             "MCP-Protocol-Version: " VERSION, "Mcp-Method: tools/list", NULL);
		if (desk.status != rows[i].status || !strstr(desk_audited(&desk, "/reason"), rows[i].reason))
			print_error("row %zu: %d %s %s\n", i, desk.status, desk.body, desk_audited(&desk, "/reason"));
		assert_int_equal(desk.status, rows[i].status);
		assert_non_null(strstr(desk_audited(&desk, "/reason"), rows[i].reason));
		if (rows[i].status != 200)
			continue;
		/* All of them, empty ones too, and nothing in them that ends a header or an element. */
		assert_string_equal(desk_header(&desk, "X-EMA-Subject"), "idp/-/ada%2C%25%7F");
		assert_string_equal(desk_header(&desk, "X-EMA-Provider"), "idp");
		assert_string_equal(desk_header(&desk, "X-EMA-Scopes"), "read");
		assert_string_equal(desk_header(&desk, "X-EMA-Groups"), "a%2Cadmin,b%22%5C,c%0D%0AX-EMA-Subject:%20root,d%252Ce%20%3B,%C3%A9");
		assert_string_equal(desk_header(&desk, "X-EMA-Roles"), "a%2Cadmin");
		size_t ours = 0;
		for (size_t k = 0; ema_response_header(desk.response, k, NULL); k++)
			ours += !strncmp(ema_response_header(desk.response, k, NULL), "X-EMA-", 6);
		assert_int_equal(ours, 12);
	}
	desk.remote = "192.0.2.7";
	desk_request(&desk, "POST", "/decision/svc", CALL("get_a", "{}"), token, "X-Original-Method: POST", "X-Original-URI: /mcp", "Content-Encoding: gzip", NULL);
	assert_int_equal(desk.status, 400);
	desk_request(&desk, "POST", "/decision/svc", CALL("get_a", "{}"), token, "X-Original-Method: POST", "X-Original-URI: /mcp",
	             "X-Envoy-Auth-Partial-Body: true", NULL);
	assert_int_equal(desk.status, 400);
	desk_request(&desk, "POST", "/decision/svc", CALL("get_a", "{}"), token, "X-Original-Method: POST", "X-Original-URI: /mcp",
	             "Client-Cert: a", "Client-Cert: b", NULL);
	assert_int_equal(desk.status, 400);
	/* A path that a proxy cleaned for itself and handed on as it was. */
	desk_request(&desk, "POST", "/decision/svc/%2e%2e/x", CALL("get_a", "{}"), token, "X-Original-Method: POST", "X-Original-URI: /mcp", NULL);
	assert_int_equal(desk.status, 400);
	free(token);
	desk_close(&desk);
}

/* MCP-70: of a batch each message is decided by itself, and one that is refused is the whole batch's end. Its answer is for no one message. */
static void batches(void **state)
{
#define OLD(id, name) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\",\"arguments\":{}}}"
	static const struct {
		const char *body, *version;
		int status, rpc;
	} rows[] = {
		{ "[" OLD("1", "get_a") "," OLD("2", "get_b") "]", "MCP-Protocol-Version: 2025-03-26", 200, 0 },
		{ "[" OLD("1", "get_a") "," OLD("2", "get_b") "]", "X-None: 1", 200, 0 },
		{ "[" OLD("1", "get_a") "," OLD("2", "drop") "]", "MCP-Protocol-Version: 2025-03-26", 403, 4403 },
		{ "[" OLD("1", "drop") "," OLD("2", "get_a") "]", "MCP-Protocol-Version: 2025-03-26", 403, 4403 },
		{ "[" OLD("1", "get_a") "," OLD("2", "put_a") "]", "X-None: 1", 403, 4403 },
		{ "[" OLD("1", "drop") "]", "X-None: 1", 403, 4403 },
		{ "[" OLD("1", "get_a") ",{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/fly\"}]", "X-None: 1", 404, -32601 },
		{ "[" OLD("1", "get_a") ",7]", "X-None: 1", 400, -32600 },
		{ "[" OLD("1", "get_a") ",[" OLD("2", "get_a") "]]", "X-None: 1", 400, -32600 },
	};
	(void)state;
	struct desk desk;
	desk_open(&desk, settings, "revisions = [\"2025-03-26\"];");
	char *token = make(&desk, SVC, "read");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t rpc = 0;
		desk_request(&desk, "POST", "/decision/svc", rows[i].body, token, "X-Original-Method: POST", "X-Original-URI: /mcp", rows[i].version, NULL);
		json_integer(json_at(&desk.json, "/error/code"), &rpc);
		if (desk.status != rows[i].status || rpc != rows[i].rpc || (rpc && !json_is(json_at(&desk.json, "/id"), JSON_NULL)))
			fail_msg("row %zu: %d %s", i, desk.status, desk.body);
		assert_int_equal(*desk_header(&desk, "X-EMA-Subject") != 0, rows[i].status == 200);
	}
	free(token);
	desk_close(&desk);
#undef OLD
}

/* MCP-40, MCP-69: what a service takes is in its settings. */
static void origins_and_revisions(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, settings, "origins = [\"https://app.example\", \"null\"]; revisions = [\"2025-11-25\"];");
	char *token = make(&desk, SVC, "read");
	static const char old[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"get_a\"}}";
	static const char *const origins[] = { "Origin: https://app.example", "Origin: null", "Origin: https://APP.example", "Origin: https://app.example:443", "Origin: " };
	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
		desk_request(&desk, "POST", "/decision/svc", old, token, "X-Original-Method: POST", "X-Original-URI: /mcp", "MCP-Protocol-Version: 2025-11-25",
		             origins[i], NULL);
		assert_int_equal(desk.status, i < 2 ? 200 : 403);
	}
	desk_request(&desk, "POST", "/decision/svc", CALL("get_a", "{}"), token, "X-Original-Method: POST", "X-Original-URI: /mcp", "MCP-Protocol-Version: " VERSION,
	             "Mcp-Method: tools/call", "Mcp-Name: get_a", NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_text(&desk, "/error/data/supported/0"), "2025-11-25");
	assert_string_equal(desk_text(&desk, "/error/data/supported/1"), "");
	/* Before the token (MCP-40): who has none is not told that one is wanted. */
	desk_request(&desk, "POST", "/decision/svc", old, "X-Original-Method: POST", "X-Original-URI: /mcp", "MCP-Protocol-Version: 2025-11-25",
	             "Origin: https://evil.example", NULL);
	assert_int_equal(desk.status, 403);
	free(token);
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_the_message),
		cmocka_unit_test(without_the_message),
		cmocka_unit_test(connect),
		cmocka_unit_test(who_asks),
		cmocka_unit_test(batches),
		cmocka_unit_test(origins_and_revisions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
