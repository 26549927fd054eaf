#define _GNU_SOURCE
#include "desk.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../token/issue.h"

#include "access.h"
#include "base64url.h"
#include "buffer.h"
#include "certificate.h"
#include "jws.h"
#include "jwt.h"
#include "marks.h"

#define VERSION "2026-07-28"
#define SVC "https://mcp.example/svc"
#define DEEP "https://mcp.example/deep"
#define TREE "https://mcp.example/tree"
#define WHY "https://mcp.example/why"
#define METADATA "https://mcp.example/.well-known/oauth-protected-resource/"
#define FOREVER 3600

static const char services[] =
	"SERVICES:, { id = \"deep\"; resource = \"" DEEP "\"; identity = [\"idp\"]; default_scopes = [\"read\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; uris = [\"file:///docs/*\"]; },\n"
	"    { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; }, { name = \"admin\"; access = \"write\"; tools = [\"admin_*\"]; },\n"
	"    { name = \"nobody\"; access = \"write\"; tools = [\"other_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; },\n"
	"    { provider = \"idp\"; scopes = [\"write\"]; when = { args = ( { at = \"/repo\"; like = \"acme/*\"; } ); }; },\n"
	"    { provider = \"idp\"; scopes = [\"admin\"]; when = { acr = [\"strong\", \"a\\\"b\\\\c\"]; max_age = \"5m\"; }; } );\n"
	"  denies = ( { tools = [\"get_secret\"]; } ); },\n"
	"  { id = \"two\"; resource = \"https://mcp.example/two\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"all\"; access = \"write\"; tools = [\"*\"]; }, { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; },\n"
	"    { name = \"other\"; access = \"read\"; tools = [\"other_a\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"other\"]; }, { provider = \"idp\"; scopes = [\"all\", \"read\"]; when = { acr = [\"strong\"]; }; } ); },\n"
	"  { id = \"apart\"; resource = \"https://mcp.example/apart\"; issuer = \"" OURS "/apart\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); },\n"
	"  { id = \"bound\"; resource = \"https://mcp.example/bound\"; identity = [\"idp\"]; binding = \"required\";\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); },\n"
	"  { id = \"tree\"; resource = \"" TREE "\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; prompts = [\"explain\"]; uris = [\"file:///docs/*\"]; },\n"
	"    { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; includes = [\"read\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"write\"]; } ); },\n"
	"  { id = \"tried\"; resource = \"https://mcp.example/tried\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; mode = \"shadow\"; } ); },\n"
	"  { id = \"why\"; resource = \"" WHY "\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; uris = [\"note://{subject}/**\"]; },\n"
	"    { name = \"write\"; access = \"write\"; tools = [\"put_*\", \"drop_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; },\n"
	"    { provider = \"idp\"; tenant = \"north\"; scopes = [\"write\"]; },\n"
	"    { provider = \"idp\"; group = \"dev\"; role = \"boss\"; scopes = [\"write\"];\n"
	"      when = { args = ( { at = \"/repo\"; like = \"acme/*\"; }, { at = \"/n\"; less = 5; }, { at = \"/force\"; absent = true; } ); }; } );\n"
	"  denies = ( { tools = [\"get_secret\", \"drop_*\"]; }, { tools = [\"get_secret\"]; subject = [\"bo\", \"ada\"]; } ); }";

/* ---- Tokens and requests ---- */

/* A token of ours, signed with our key, however wrong. */
struct made {
	const char *issuer, *audience, *client, *sub, *acr, *jkt, *x5t, *scopes[4], *provider, *group;
	int64_t issued, expires; /* from now; expires 0: an hour */
};

static char *make(struct desk *desk, const struct made *m)
{
	const char *scopes[5];
	size_t count = 0;
	char *token = NULL;
	static int serial;
	char id[32];
	struct failure failure = FAILURE_INIT;
	snprintf(id, sizeof id, "made-%d", serial++);
	for (; count < 4 && m->scopes[count]; count++)
		scopes[count] = m->scopes[count];
	const struct access_name group = { m->group, "claims", NULL };
	const struct access_claims claims = {
		.groups = &group, .group_count = m->group ? 1 : 0,
		.issuer = m->issuer ? m->issuer : OURS, .audience = m->audience ? m->audience : SVC, .client_id = m->client ? m->client : "app", .jti = id,
		.issued = desk->world.now + m->issued, .expires = desk->world.now + (m->expires ? m->expires : FOREVER), .scopes = scopes, .scope_count = count,
		.provider = m->provider ? m->provider : "idp", .sub = m->sub ? m->sub : "ada", .jkt = m->jkt, .x5t = m->x5t, .acr = m->acr,
		.auth_time = m->acr ? desk->world.now + m->issued : JWT_ABSENT,
	};
	int code = access_mint(desk->world.context->keyring, &claims, &token, &failure);
	if (code)
		print_error("%s\n", failure.text);
	assert_int_equal(code, EMA_OK);
	return token;
}

/* A request as a client of today makes it; headers of NULL name are left out. */
struct ask {
	ema_request *request;
	ema_decision *decision;
	int code;
};

static void header(struct ask *ask, const char *name, const char *value)
{
	if (value)
		assert_int_equal(ema_request_header(ask->request, name, value), EMA_OK);
}

/* Items are set again, longer, shorter and not at all; what is lent is found as what was copied. */
static void requests_are_filled(void **state)
{
	(void)state;
	char text[4097], name[16];
	struct ema_request *request = request_new(), *other = request_new();
	for (size_t length = 0; length <= 4096; length += length < 40 ? 1 : 311) {
		memset(text, 'a' + (int)(length % 26), length);
		text[length] = 0;
		assert_int_equal(request_set(request, EMA_REQUEST_URL, text), EMA_OK);
		assert_string_equal(request->items[EMA_REQUEST_URL], text);
		assert_int_equal(request_set(request, EMA_REQUEST_SCOPE, "read"), EMA_OK);
	}
	assert_int_equal(request_set(request, EMA_REQUEST_URL, "/short"), EMA_OK);
	assert_string_equal(request->items[EMA_REQUEST_URL], "/short");
	assert_int_equal(request_set(request, EMA_REQUEST_URL, request->items[EMA_REQUEST_URL] + 1), EMA_OK);
	assert_string_equal(request->items[EMA_REQUEST_URL], "short");
	assert_int_equal(request_set(request, EMA_REQUEST_URL, NULL), EMA_OK);
	assert_null(request->items[EMA_REQUEST_URL]);
	assert_string_equal(request->items[EMA_REQUEST_SCOPE], "read");
	for (int i = 0; i < REQUEST_HEADERS_MOST; i++) {
		snprintf(name, sizeof name, "X-%d", i);
		assert_int_equal(request_add_header(request, name, i % 2 ? " odd\t" : "even"), EMA_OK);
	}
	assert_int_equal(request_add_header(request, "X-More", ""), EMA_TOO_LARGE);
	assert_int_equal(request_add_header(other, "X-Own", "1"), EMA_OK);
	for (size_t i = 1; i < request->header_count; i++)
		assert_int_equal(request_lend_header(other, &request->headers[i]), EMA_OK);
	assert_int_equal(request_lend_header(other, &request->headers[0]), EMA_TOO_LARGE);
	assert_string_equal(request_header(other, "x-99", 0), "odd");
	assert_string_equal(request_header(other, "X-own", 0), "1");
	assert_null(request_header(other, "X-0", 0));
	request_free(other);
	assert_string_equal(request_header(request, "X-98", 0), "even");
	request_free(request);
}

static void ask_begin(struct ask *ask, const char *scheme, const char *token)
{
	*ask = (struct ask){ .request = ema_request_new() };
	char *value = NULL;
	assert_non_null(ask->request);
	assert_int_equal(ema_request_set(ask->request, EMA_REQUEST_METHOD, "POST"), EMA_OK);
	assert_int_equal(ema_request_set(ask->request, EMA_REQUEST_REMOTE, "192.0.2.7"), EMA_OK);
	header(ask, "Host", "evil.example");
	if (token) {
		assert_true(asprintf(&value, "%s %s", scheme ? scheme : "Bearer", token) > 0);
		header(ask, "Authorization", value);
	}
	free(value);
}

/* params without its braces and _meta; name: what Mcp-Name copies. */
static void ask_message(struct ask *ask, const char *method, const char *name, const char *params)
{
	char *body = NULL;
	assert_true(asprintf(&body, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"%s\",\"params\":{%s%s\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\""
	                     VERSION "\",\"io.modelcontextprotocol/clientCapabilities\":{},\"io.modelcontextprotocol/clientInfo\":{\"name\":\"root\"}}}}",
	                     method, params, *params ? "," : "") > 0);
	header(ask, "MCP-Protocol-Version", VERSION);
	header(ask, "Mcp-Method", method);
	header(ask, "Mcp-Name", name);
	assert_int_equal(ema_request_body(ask->request, body, strlen(body)), EMA_OK);
	free(body);
}

static void ask_tool(struct ask *ask, const char *tool, const char *arguments)
{
	char params[512];
	snprintf(params, sizeof params, "\"name\":\"%s\",\"arguments\":%s", tool, arguments ? arguments : "{}");
	ask_message(ask, "tools/call", tool, params);
}

static void ask_check(struct ask *ask, struct desk *desk, const char *service)
{
	ask->code = ema_check_mcp(desk->world.context, service, ask->request, &ask->decision);
	assert_non_null(ask->decision);
	assert_int_equal(ask->code, ema_decision_code(ask->decision));
}

/* A tool by a bearer token. */
static void ask_call(struct ask *ask, struct desk *desk, const char *service, const char *token, const char *tool, const char *arguments)
{
	ask_begin(ask, NULL, token);
	ask_tool(ask, tool, arguments);
	ask_check(ask, desk, service);
}

static void ask_end(struct ask *ask)
{
	ema_decision_free(ask->decision);
	ema_request_free(ask->request);
}

static const char *challenge(const struct ask *ask)
{
	const char *text = ema_decision_challenge(ask->decision);
	return text ? text : "";
}

static int64_t rpc_code(const struct ask *ask, const char *id)
{
	struct json json = { .count = 0 };
	const char *text = ema_decision_rpc_error(ask->decision);
	int64_t code = 0, number = 0;
	assert_non_null(text);
	assert_int_equal(json_parse(text, strlen(text), &json_limits_document, &json, NULL), EMA_OK);
	assert_true(json_integer(json_at(&json, "/error/code"), &code));
	if (id)
		assert_true(json_integer(json_at(&json, "/id"), &number) && number == atoi(id));
	assert_string_equal(json_string(json_at(&json, "/error/data/correlation_id")), ema_decision_id(ask->decision));
	json_free(&json);
	return code;
}

static void expect(const struct ask *ask, size_t row, int code, int status)
{
	if (ask->code != code || ema_decision_status(ask->decision) != status)
		print_error("row %zu: %s %d, %s\n", row, ema_code_name(ask->code), ema_decision_status(ask->decision), ema_decision_operator_line(ask->decision));
	assert_int_equal(ask->code, code);
	assert_int_equal(ema_decision_status(ask->decision), status);
}

/* ---- Credentials ---- */

/* JAG-06, MCP-09, MCP-10, MCP-13, MCP-15, MCP-18, MCP-19, MCP-22, MCP-23, JWT-78: what stands for a token, and what does not. */
static void credentials(void **state)
{
	static const struct {
		const char *first, *second, *url, *type; /* "%" in a header is a good token */
		int code, status;
		const char *challenge;
	} rows[] = {
		{ "Bearer %", NULL, NULL, NULL, EMA_OK, 200, "" },
		{ "bearer   %  ", NULL, "/svc?page=2", NULL, EMA_OK, 200, "" },
		{ NULL, NULL, NULL, NULL, EMA_NO_TOKEN, 401, "Bearer scope=\"read\", resource_metadata=\"" METADATA "svc\"" },
		{ "Basic %", NULL, NULL, NULL, EMA_NO_TOKEN, 401, "Bearer scope=\"read\", resource_metadata=\"" METADATA "svc\"" },
		{ "Bearerx %", NULL, NULL, NULL, EMA_NO_TOKEN, 401, NULL },
		{ "Bearer", NULL, NULL, NULL, EMA_BAD_REQUEST, 400, "Bearer error=\"invalid_request\"" },
		{ "Bearer % %", NULL, NULL, NULL, EMA_BAD_REQUEST, 400, "Bearer error=\"invalid_request\"" },
		{ "Bearer %, DPoP %", NULL, NULL, NULL, EMA_BAD_REQUEST, 400, NULL },
		{ "Bearer a\"b", NULL, NULL, NULL, EMA_BAD_REQUEST, 400, NULL },
		{ "Bearer %", "Bearer %", NULL, NULL, EMA_BAD_REQUEST, 400, NULL },
		{ "Bearer %", "DPoP %", NULL, NULL, EMA_BAD_REQUEST, 400, NULL },
		{ "Bearer %", NULL, "/svc?access_token=x", NULL, EMA_SECRET_IN_URL, 400, NULL },
		{ NULL, NULL, "/svc?a=b&%61ccess_token=x", NULL, EMA_SECRET_IN_URL, 400, NULL },
		{ "Bearer %", NULL, "/svc?refresh_token=x", NULL, EMA_SECRET_IN_URL, 400, NULL },
		{ "Bearer %", NULL, "/svc?a&id_token=x", NULL, EMA_SECRET_IN_URL, 400, NULL },
		{ "Bearer %", NULL, "/svc?actor_token=x", NULL, EMA_SECRET_IN_URL, 400, NULL },
		{ "Bearer %", NULL, "/svc?user=a&PASSWORD=x", NULL, EMA_SECRET_IN_URL, 400, NULL },
		{ "Bearer %", NULL, "/svc?passwords=x&id_token_hint=x", NULL, EMA_OK, 200, "" },
		{ "Bearer %", NULL, NULL, "application/x-www-form-urlencoded", EMA_BAD_REQUEST, 400, NULL },
		/* A server that obeys such a charset reads another message. */
		{ "Bearer %", NULL, NULL, "application/json; charset=utf-7", EMA_BAD_REQUEST, 400, NULL },
		{ "Bearer %", NULL, NULL, "application/json;x=y; charset=utf-8", EMA_BAD_REQUEST, 400, NULL },
		{ "Bearer %", NULL, NULL, "application/json; charset=UTF-8", EMA_OK, 200, "" },
		{ "Bearer nonsense", NULL, NULL, NULL, EMA_MALFORMED, 401, "Bearer error=\"invalid_token\"" },
		{ "DPoP %", NULL, NULL, NULL, EMA_BOUND_TOKEN, 401, "DPoP error=\"invalid_token\"" },
	};
	(void)state;
	struct desk desk;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .scopes = { "read" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ask ask;
		ask_begin(&ask, NULL, NULL);
		for (int k = 0; k < 2; k++) {
			const char *value = k ? rows[i].second : rows[i].first;
			char built[8192] = "";
			for (size_t at = 0; value && *value; value++)
				at += (size_t)snprintf(built + at, sizeof built - at, *value == '%' ? "%s" : "%.1s", *value == '%' ? token : value);
			header(&ask, "Authorization", value ? built : NULL);
		}
		header(&ask, "Content-Type", rows[i].type);
		assert_int_equal(ema_request_set(ask.request, EMA_REQUEST_URL, rows[i].url), EMA_OK);
		ask_tool(&ask, "get_issue", NULL);
		ask_check(&ask, &desk, "svc");
		expect(&ask, i, rows[i].code, rows[i].status);
		if (rows[i].challenge)
			assert_memory_equal(challenge(&ask), rows[i].challenge, strlen(rows[i].challenge));
		if (rows[i].code == EMA_NO_TOKEN)
			assert_null(strstr(challenge(&ask), "error"));
		if (rows[i].code) {
			assert_non_null(strstr(challenge(&ask), "resource_metadata=\"" METADATA "svc\""));
			int64_t rpc = rpc_code(&ask, "7");
			assert_true(rpc < -32768 || rpc > -32000);
		} else {
			assert_null(ema_decision_challenge(ask.decision));
			assert_null(ema_decision_rpc_error(ask.decision));
		}
		ask_end(&ask);
	}
	/* Two places at once. */
	struct ask ask;
	ask_begin(&ask, NULL, token);
	assert_int_equal(ema_request_credential(ask.request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
	ask_tool(&ask, "get_issue", NULL);
	ask_check(&ask, &desk, "svc");
	expect(&ask, 99, EMA_BAD_REQUEST, 400);
	ask_end(&ask);
	free(token);
	desk_close(&desk);
}

static void hear(void *data, int level, const char *text)
{
	(void)level;
	buffer_printf(data, "%s\n", text);
}

/* MCP-23: what stands in a query is written nowhere, the token least of all. */
static void nothing_of_a_query_is_kept(void **state)
{
	(void)state;
	struct desk desk;
	struct buffer heard = BUFFER_INIT((size_t)65536);
	static const char *const urls[] = { "/svc?access_token=CANARY", "/svc?CANARY=x&token=CANARY", "/svc?page=CANARY" };
	desk_open(&desk, services, NULL);
	ema_set_log(desk.world.context, hear, &heard);
	char *token = make(&desk, &(struct made){ .scopes = { "read" } });
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct ask ask;
		ask_begin(&ask, NULL, token);
		assert_int_equal(ema_request_set(ask.request, EMA_REQUEST_URL, urls[i]), EMA_OK);
		ask_tool(&ask, "get_issue", NULL);
		ask_check(&ask, &desk, "svc");
		expect(&ask, i, i < 2 ? EMA_SECRET_IN_URL : EMA_OK, i < 2 ? 400 : 200);
		hear(&heard, 0, ema_decision_operator_line(ask.decision));
		for (size_t n = 0; ema_step_stage(ask.decision, n); n++)
			hear(&heard, 0, ema_step_text(ask.decision, n));
		if (i < 2)
			hear(&heard, 0, ema_decision_rpc_error(ask.decision));
		hear(&heard, 0, challenge(&ask));
		ask_end(&ask);
		assert_string_equal(desk_audited(&desk, "/code"), i < 2 ? "secret_in_url" : "ok");
	}
	char *trail = world_read(&desk.world, "audit.jsonl");
	assert_null(strstr(trail, "CANARY"));
	free(trail);
	free(token);
	desk_close(&desk);
	assert_false(heard.failed);
	assert_null(strstr(heard.data, "CANARY"));
	buffer_free(&heard);
}

/* MCP-10, MCP-24, MCP-25, JWT-74, JWT-75: one fault each, of tokens that our key signed and of others. */
static void tokens(void **state)
{
	static const struct {
		const char *service;
		struct made made;
		int code, status;
	} rows[] = {
		{ "svc", { .scopes = { "read" } }, EMA_OK, 200 },
		{ "deep", { .scopes = { "read" } }, EMA_WRONG_AUDIENCE, 401 }, /* two services crossed */
		{ "deep", { .audience = DEEP, .scopes = { "read" } }, EMA_OK, 200 },
		{ "svc", { .audience = DEEP, .scopes = { "read" } }, EMA_WRONG_AUDIENCE, 401 },
		{ "svc", { .audience = SVC "/", .scopes = { "read" } }, EMA_WRONG_AUDIENCE, 401 },
		{ "svc", { .issuer = OURS "/other", .scopes = { "read" } }, EMA_UNKNOWN_ISSUER, 401 },
		{ "svc", { .issuer = ISSUER, .scopes = { "read" } }, EMA_NOT_MINE, 401 },
		{ "svc", { .issued = -3600, .expires = -60, .scopes = { "read" } }, EMA_EXPIRED, 401 },
		{ "svc", { .issued = 300, .scopes = { "read" } }, EMA_ISSUED_IN_FUTURE, 401 },
		{ "svc", { .provider = "gone", .scopes = { "read" } }, EMA_NOT_GRANTED, 403 },
		{ "nosuch", { .scopes = { "read" } }, EMA_UNKNOWN_SERVICE, 403 },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = make(&desk, &rows[i].made);
		ask_call(&ask, &desk, rows[i].service, token, "get_issue", NULL);
		expect(&ask, i, rows[i].code, rows[i].status);
		if (rows[i].status == 401) {
			assert_non_null(strstr(challenge(&ask), "error=\"invalid_token\""));
			assert_non_null(strstr(challenge(&ask), "resource_metadata=\"" METADATA));
		}
		if (rows[i].code)
			assert_null(ema_decision_subject(ask.decision));
		ask_end(&ask);
		free(token);
	}
	/* Kinds that are no access token of ours: an ID-JAG, one of another typ, a stranger's signature, alg none. */
	char *text = NULL, *good = make(&desk, &(struct made){ .scopes = { "read" } });
	static const char claims[] = "{\"iss\":\"" OURS "\",\"aud\":\"" SVC "\"}";
	assert_int_equal(keyring_sign(desk.world.context->keyring, "JWT", claims, strlen(claims), &text, NULL), EMA_OK);
	struct {
		char *token;
		int code;
	} kinds[] = {
		{ world_token(&desk.world, "{}"), EMA_NOT_MINE },
		{ world_token(&desk.world, "{\"iss\":\"" OURS "\"}"), EMA_WRONG_TYPE },
		{ text, EMA_WRONG_TYPE },
		{ world_sign(&desk.world, desk.world.other, "at+jwt", "{\"iss\":\"" OURS "\",\"aud\":\"" SVC "\"}"), EMA_UNKNOWN_KEY },
		{ strdup("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."), EMA_BAD_ALGORITHM },
		{ good, EMA_BAD_SIGNATURE },
	};
	good[strlen(good) - 10] = good[strlen(good) - 10] == 'A' ? 'B' : 'A';
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		ask_begin(&ask, NULL, kinds[i].token);
		ask_tool(&ask, "get_issue", NULL);
		ask_check(&ask, &desk, "svc");
		expect(&ask, i, kinds[i].code, 401);
		assert_non_null(strstr(challenge(&ask), "error=\"invalid_token\""));
		assert_non_null(strstr(challenge(&ask), "resource_metadata=\"" METADATA "svc\""));
		ask_end(&ask);
		free(kinds[i].token);
	}
	desk_close(&desk);
}

/* JWT-15, JWT-67: what our key signed is of the kind that its typ says, whatever the claims are: an access token has one typ alone. */
static void kinds_by_their_type(void **state)
{
	static const struct {
		const char *type;
		int code;
	} rows[] = {
		{ "at+jwt", EMA_OK },
		{ "AT+JWT", EMA_OK },
		{ "application/at+jwt", EMA_OK },
		{ "JWT", EMA_WRONG_TYPE },
		{ "dpop+jwt", EMA_WRONG_TYPE },
		{ "secevent+jwt", EMA_WRONG_TYPE },
		{ "token-introspection+jwt", EMA_WRONG_TYPE },
		{ "client-authentication+jwt", EMA_WRONG_TYPE },
		{ "oauth-id-jag+jwt", EMA_WRONG_TYPE },
		{ "at+jwt+jwt", EMA_WRONG_TYPE },
	};
	(void)state;
	struct desk desk;
	desk_open(&desk, services, NULL);
	char *made = make(&desk, &(struct made){ .scopes = { "read" } }), payload[4096];
	const char *begin = strchr(made, '.') + 1;
	const size_t size = strcspn(begin, ".");
	assert_true(size < sizeof payload);
	const long length = base64url_decode(begin, size, payload);
	assert_true(length > 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ask ask;
		char *token = NULL;
		assert_int_equal(keyring_sign(desk.world.context->keyring, rows[i].type, payload, (size_t)length, &token, NULL), EMA_OK);
		ask_call(&ask, &desk, "svc", token, "get_issue", NULL);
		expect(&ask, i, rows[i].code, rows[i].code ? 401 : 200);
		ask_end(&ask);
		free(token);
	}
	free(made);
	desk_close(&desk);
}

/* ---- Permission ---- */

/* JAG-92, MCP-11, MCP-14, MCP-16, MCP-27, MCP-28, MCP-51, MCP-52, MCP-53, MCP-55, MCP-62: a good token, and what it may. */
static void permissions(void **state)
{
	static const struct {
		const char *scopes[4], *acr;
		const char *tool, *arguments;
		int code, status;
		const char *challenge; /* "" none; NULL: any */
	} rows[] = {
		{ { "read" }, NULL, "get_issue", NULL, EMA_OK, 200, "" },
		{ { "read" }, NULL, "get_secret", NULL, EMA_FORBIDDEN, 403, "" },
		{ { "read" }, NULL, "Get_issue", NULL, EMA_FORBIDDEN, 403, "" },
		{ { "read" }, NULL, "unknown", NULL, EMA_FORBIDDEN, 403, "" },
		{ { "nobody" }, NULL, "other_thing", NULL, EMA_FORBIDDEN, 403, "" },
		{ { "read" }, NULL, "put_file", "{\"repo\":\"acme/x\"}", EMA_INSUFFICIENT_SCOPE, 403,
		  "Bearer error=\"insufficient_scope\", error_description=\"More permission is needed: sign in again.\", scope=\"write read\", "
		  "resource_metadata=\"" METADATA "deep\"" },
		{ { "read" }, NULL, "put_file", "{\"repo\":\"evil/x\"}", EMA_FORBIDDEN, 403, "" },
		{ { "read", "write" }, NULL, "put_file", "{\"repo\":\"acme/x\"}", EMA_OK, 200, "" },
		{ { "read", "write" }, NULL, "put_file", "{\"repo\":\"evil/x\"}", EMA_FORBIDDEN, 403, "" },
		{ { "read", "write" }, NULL, "put_file", "{\"repo\":[\"acme/x\"]}", EMA_FORBIDDEN, 403, "" },
		{ { "read", "write" }, NULL, "put_file", "{}", EMA_FORBIDDEN, 403, "" },
		{ { "admin" }, "strong", "admin_reset", NULL, EMA_OK, 200, "" },
		{ { "admin" }, "weak", "admin_reset", NULL, EMA_WEAK_AUTHENTICATION, 401,
		  "Bearer error=\"insufficient_user_authentication\", error_description=\"Sign in again with a stronger method.\", "
		  "acr_values=\"strong a\\\"b\\\\c\", max_age=\"300\", resource_metadata=\"" METADATA "deep\"" },
		{ { "admin" }, NULL, "admin_reset", NULL, EMA_WEAK_AUTHENTICATION, 401, NULL },
		/* Both in one round, and what else the token has. */
		{ { "read" }, "weak", "admin_reset", NULL, EMA_WEAK_AUTHENTICATION, 401,
		  "Bearer error=\"insufficient_user_authentication\", error_description=\"Sign in again with a stronger method.\", "
		  "acr_values=\"strong a\\\"b\\\\c\", max_age=\"300\", scope=\"admin read\", resource_metadata=\"" METADATA "deep\"" },
		{ { "read" }, "strong", "admin_reset", NULL, EMA_INSUFFICIENT_SCOPE, 403,
		  "Bearer error=\"insufficient_scope\", error_description=\"More permission is needed: sign in again.\", scope=\"admin read\", "
		  "resource_metadata=\"" METADATA "deep\"" },
		{ { "read" }, "weak", "other_thing", NULL, EMA_FORBIDDEN, 403, "" },
		{ { NULL }, NULL, "get_issue", NULL, EMA_INSUFFICIENT_SCOPE, 403, NULL },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made made = { .audience = DEEP, .acr = rows[i].acr };
		memcpy(made.scopes, rows[i].scopes, sizeof made.scopes);
		char *token = make(&desk, &made);
		ask_call(&ask, &desk, "deep", token, rows[i].tool, rows[i].arguments);
		expect(&ask, i, rows[i].code, rows[i].status);
		if (rows[i].challenge)
			assert_string_equal(challenge(&ask), rows[i].challenge);
		if (rows[i].code == EMA_FORBIDDEN)
			assert_null(strstr(ema_decision_rpc_error(ask.decision), rows[i].tool));
		assert_null(strstr(challenge(&ask), rows[i].tool));
		ask_end(&ask);
		/* The other function says the same. */
		ask_begin(&ask, NULL, token);
		if (rows[i].arguments)
			assert_int_equal(ema_request_body(ask.request, rows[i].arguments, strlen(rows[i].arguments)), EMA_OK);
		ask.code = ema_check(desk.world.context, "deep", ask.request, "tools/call", rows[i].tool, &ask.decision);
		expect(&ask, i, rows[i].code, rows[i].status);
		ask_end(&ask);
		free(token);
	}
	/* An old login, where the grant asks for a young one. */
	char *token = make(&desk, &(struct made){ .audience = DEEP, .acr = "strong", .issued = -1000, .scopes = { "admin" } });
	ask_call(&ask, &desk, "deep", token, "admin_reset", NULL);
	expect(&ask, 100, EMA_WEAK_AUTHENTICATION, 401);
	/* What a challenge has no room for is said to the operator. */
	assert_non_null(strstr(ema_decision_operator_line(ask.decision), "weaker or longer ago than the grant asks for: acr strong or a\"b\\c, a login of the last 300 s"));
	assert_null(strstr(ema_decision_operator_line(ask.decision), "lacks the scope"));
	ask_end(&ask);
	free(token);
	token = make(&desk, &(struct made){ .audience = DEEP, .acr = "weak", .scopes = { "read" } });
	ask_call(&ask, &desk, "deep", token, "admin_reset", NULL);
	expect(&ask, 101, EMA_WEAK_AUTHENTICATION, 401);
	assert_non_null(strstr(ema_decision_operator_line(ask.decision), "a login of the last 300 s; and the token lacks the scope admin"));
	ask_end(&ask);
	free(token);
	desk_close(&desk);
}

/* MCP-12: all scopes that a request lacks are named at once, each once; what is had stands behind them. */
static void all_missing_scopes_at_once(void **state)
{
	static const char more[] = "SERVICES:, { id = \"pair\"; resource = \"https://mcp.example/pair\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"notes\"; access = \"read\"; uris = [\"note:///*\"]; }, { name = \"logs\"; access = \"read\"; uris = [\"log:///*\"]; },\n"
		"    { name = \"other\"; access = \"read\"; uris = [\"other:///*\"]; }, { name = \"mine\"; access = \"read\"; uris = [\"mine:///*\"]; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"notes\", \"logs\", \"other\"]; } ); }";
	static const struct {
		const char *scopes[3], *uris;
		int code;
		const char *scope; /* of the challenge; "": it has none */
	} rows[] = {
		{ { "other" }, "\"note:///a\",\"log:///a\",\"note:///b\"", EMA_INSUFFICIENT_SCOPE, "scope=\"notes logs other\"" },
		{ { "notes" }, "\"note:///a\",\"log:///a\"", EMA_INSUFFICIENT_SCOPE, "scope=\"logs notes\"" },
		{ { "notes", "logs" }, "\"note:///a\",\"log:///a\"", EMA_OK, "" },
		/* What no scope would open makes the others useless. */
		{ { "other" }, "\"note:///a\",\"mine:///a\"", EMA_FORBIDDEN, "" },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, more, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made made = { .audience = "https://mcp.example/pair", .scopes = { rows[i].scopes[0], rows[i].scopes[1] } };
		char *token = make(&desk, &made), params[256];
		snprintf(params, sizeof params, "\"notifications\":{\"resourceSubscriptions\":[%s]}", rows[i].uris);
		ask_begin(&ask, NULL, token);
		ask_message(&ask, "subscriptions/listen", NULL, params);
		ask_check(&ask, &desk, "pair");
		expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
		if (!strstr(challenge(&ask), rows[i].scope) || (!*rows[i].scope && *challenge(&ask)))
			fail_msg("row %zu: %s", i, challenge(&ask));
		ask_end(&ask);
		free(token);
	}
	desk_close(&desk);
}

/* MCP-63: what brings answers and a state is a request as any other: whose state it is, and that it was let in before, counts for nothing. */
static void a_retry_is_a_new_request(void **state)
{
	static const char retry[] = "\"name\":\"put_file\",\"arguments\":{\"repo\":\"%s\"},\"requestState\":\"of-ada\",\"inputResponses\":{\"a\":{\"action\":\"accept\"}}";
	static const struct {
		const char *sub, *scope, *repo;
		int revoked, code;
	} rows[] = {
		{ "ada", "write", "acme/x", 0, EMA_OK },
		{ "ada", "write", "evil/x", 0, EMA_FORBIDDEN }, /* other arguments than those that were asked about */
		{ "bob", "read", "acme/x", 0, EMA_INSUFFICIENT_SCOPE },
		{ "ada", "write", "acme/x", 1, EMA_BLOCKED },
		{ "bob", "write", "acme/x", 1, EMA_OK },
	};
	const struct mark_target ada = { MARK_SUBJECT, ISSUER, NULL, "ada" };
	struct failure failure = FAILURE_INIT;
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = make(&desk, &(struct made){ .audience = DEEP, .sub = rows[i].sub, .scopes = { rows[i].scope } }), params[256];
		if (rows[i].revoked)
			assert_int_equal(marks_block(desk.world.context->marks, &ada, 1000, &failure), EMA_OK);
		snprintf(params, sizeof params, retry, rows[i].repo);
		ask_begin(&ask, NULL, token);
		ask_message(&ask, "tools/call", "put_file", params);
		ask_check(&ask, &desk, "deep");
		expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
		if (!rows[i].code) {
			ema_decision *nobody = NULL;
			ema_request *without = ema_request_new();
			assert_int_equal(ema_request_body(without, ask.request->body, ask.request->body_length), EMA_OK);
			assert_int_equal(ema_check_mcp(desk.world.context, "deep", without, &nobody), EMA_NO_TOKEN);
			ema_decision_free(nobody);
			ema_request_free(without);
		}
		ask_end(&ask);
		free(token);
	}
	desk_close(&desk);
}

/* ema_check() by method and target. */
static void named(void **state)
{
	static const struct {
		const char *method, *target, *body;
		int code, status;
	} rows[] = {
		{ "tools/call", "get_issue", NULL, EMA_OK, 200 },
		{ "tools/list", NULL, NULL, EMA_OK, 200 },
		{ "server/discover", NULL, NULL, EMA_OK, 200 },
		{ "initialize", NULL, "{}", EMA_OK, 200 },
		{ "resources/read", "file:///docs/a", NULL, EMA_OK, 200 },
		{ "resources/read", "file:///docs/../etc/passwd", NULL, EMA_FORBIDDEN, 403 }, /* MCP-54 */
		{ "resources/read", "file:///docs/%2e%2e/etc/passwd", NULL, EMA_FORBIDDEN, 403 },
		{ "resources/read", "https://user@docs", NULL, EMA_BAD_MESSAGE, 400 },
		{ "tools/call", NULL, NULL, EMA_BAD_MESSAGE, 400 },
		{ "tools/call", "", NULL, EMA_BAD_MESSAGE, 400 },
		{ "tools/list", "get_issue", NULL, EMA_BAD_MESSAGE, 400 },
		{ "tools/call", "get_issue", "[]", EMA_BAD_JSON, 400 },
		{ "tools/call", "get_issue", "{\"a\":1,\"a\":2}", EMA_DUPLICATE_MEMBER, 400 },
		{ "tools/everything", "x", NULL, EMA_BAD_MESSAGE, 404 },
		{ "tasks/get", "x", NULL, EMA_FORBIDDEN, 403 },
		{ "completion/complete", "x", NULL, EMA_BAD_MESSAGE, 400 },
		{ NULL, "get_issue", NULL, EMA_BAD_MESSAGE, 404 },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .audience = DEEP, .scopes = { "read" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask_begin(&ask, NULL, token);
		if (rows[i].body)
			assert_int_equal(ema_request_body(ask.request, rows[i].body, strlen(rows[i].body)), EMA_OK);
		ask.code = ema_check(desk.world.context, "deep", ask.request, rows[i].method, rows[i].target, &ask.decision);
		expect(&ask, i, rows[i].code, rows[i].status);
		ask_end(&ask);
	}
	assert_int_equal(ema_check(desk.world.context, "deep", NULL, "ping", NULL, NULL), EMA_BAD_REQUEST);
	free(token);
	desk_close(&desk);
}

/* Who names a tool and gives no arguments has not said that there are none. */
static void named_without_arguments(void **state)
{
	static const char *const bare =
		"SERVICES:, { id = \"bare\"; resource = \"https://mcp.example/bare\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; prompts = [\"ask\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; },\n"
		"    { provider = \"idp\"; scopes = [\"write\"]; when = { args = ( { at = \"/force\"; absent = true; } ); }; } );\n"
		"  denies = ( { tools = [\"get_held\"]; when = { args = ( { at = \"/all\"; equals = true; } ); }; } ); }";
	static const struct {
		const char *method, *target, *body;
		int code;
	} rows[] = {
		{ "tools/call", "put_file", "{}", EMA_OK },
		{ "tools/call", "put_file", "{\"force\":true}", EMA_FORBIDDEN },
		{ "tools/call", "put_file", NULL, EMA_FORBIDDEN },
		{ "tools/call", "put_file", "", EMA_FORBIDDEN },
		{ "tools/call", "get_held", "{\"all\":false}", EMA_OK },
		{ "tools/call", "get_held", NULL, EMA_FORBIDDEN },
		{ "tools/call", "get_other", NULL, EMA_OK },
		{ "prompts/get", "ask", NULL, EMA_OK },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, bare, NULL);
	char *token = make(&desk, &(struct made){ .audience = "https://mcp.example/bare", .scopes = { "read", "write" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask_begin(&ask, NULL, token);
		if (rows[i].body)
			assert_int_equal(ema_request_body(ask.request, rows[i].body, strlen(rows[i].body)), EMA_OK);
		ask.code = ema_check(desk.world.context, "bare", ask.request, rows[i].method, rows[i].target, &ask.decision);
		expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
		size_t told = 0;
		for (size_t n = 0; ema_step_stage(ask.decision, n); n++)
			told += strstr(ema_step_text(ask.decision, n), "its arguments were not told") != NULL;
		assert_int_equal(told, rows[i].code && !(rows[i].body && *rows[i].body));
		ask_end(&ask);
	}
	free(token);
	desk_close(&desk);
}

#define META "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" VERSION "\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define CALL(name) "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\"," META "}}"

/* MCP-42, MCP-43, MCP-45, MCP-47, MCP-48, MCP-49: a good token does not make a good message; without one nothing is told of the message. */
static void messages(void **state)
{
	static const struct {
		const char *http, *version, *method, *name, *body;
		int code, status, rpc;
		const char *id;
	} rows[] = {
		{ "POST", VERSION, "tools/call", "get_issue", CALL("get_issue"), EMA_OK, 200, 0, NULL },
		{ "GET", VERSION, "tools/call", "get_issue", CALL("get_issue"), EMA_BAD_MESSAGE, 405, -32600, NULL },
		{ "POST", VERSION, "tools/call", "get_issue", CALL("put_issue"), EMA_BAD_MESSAGE, 400, -32020, "7" },
		{ "POST", VERSION, "tools/list", NULL, CALL("put_issue"), EMA_BAD_MESSAGE, 400, -32020, "7" },
		{ "POST", VERSION, NULL, NULL, CALL("get_issue"), EMA_BAD_MESSAGE, 400, -32020, "7" },
		{ "POST", "2019-01-01", "tools/call", "get_issue", "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"get_issue\"}}", EMA_BAD_MESSAGE, 400, -32022, "7" },
		{ "POST", "DRAFT-2026-v1", "tools/call", "get_issue", "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"get_issue\"}}", EMA_BAD_MESSAGE, 400, -32022, "7" },
		{ "POST", "2019\"01", "tools/call", "get_issue", "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"get_issue\"}}", EMA_BAD_MESSAGE, 400, -32022, "7" },
		{ "POST", VERSION, "tools/call", "get_issue", "{\"jsonrpc\":\"2.0\",\"id\":7,\"id\":8,\"method\":\"tools/call\"}", EMA_DUPLICATE_MEMBER, 400, -32700, NULL },
		{ "POST", VERSION, "tools/call", "get_issue", "{\"jsonrpc\":", EMA_BAD_JSON, 400, -32700, NULL },
		{ "POST", VERSION, "tools/call", "get_issue", "", EMA_BAD_JSON, 400, -32700, NULL },
		{ "POST", VERSION, "tools/call", "get_issue", "[" CALL("get_issue") "]", EMA_BAD_MESSAGE, 400, -32600, NULL },
		{ "POST", VERSION, "tools/call", "get_issue", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}", EMA_BAD_MESSAGE, 400, -32600, NULL },
		{ "POST", "2025-11-25", NULL, NULL, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}", EMA_OK, 200, 0, NULL },
		{ "POST", "2025-11-25", NULL, NULL, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"response\"}", EMA_BAD_MESSAGE, 404, -32601, "7" },
		{ "POST", VERSION, "tools/none", NULL, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/none\",\"params\":{" META "}}", EMA_BAD_MESSAGE, 404, -32601, "7" },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .scopes = { "read" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows * 2; i++) {
		const size_t row = i / 2;
		ask_begin(&ask, NULL, i % 2 ? NULL : token);
		assert_int_equal(ema_request_set(ask.request, EMA_REQUEST_METHOD, rows[row].http), EMA_OK);
		header(&ask, "MCP-Protocol-Version", rows[row].version);
		header(&ask, "Mcp-Method", rows[row].method);
		header(&ask, "Mcp-Name", rows[row].name);
		assert_int_equal(ema_request_body(ask.request, rows[row].body, strlen(rows[row].body)), EMA_OK);
		ask_check(&ask, &desk, "svc");
		if (i % 2) {
			expect(&ask, row, EMA_NO_TOKEN, 401);
			assert_int_equal(rpc_code(&ask, rows[row].id), 4401);
		} else {
			expect(&ask, row, rows[row].code, rows[row].status);
			if (rows[row].code)
				assert_int_equal(rpc_code(&ask, rows[row].id), rows[row].rpc);
			assert_null(ema_decision_challenge(ask.decision));
			if (rows[row].rpc == -32022) {
				const int plain = !strchr(rows[row].version, '"');
				char said[128];
				snprintf(said, sizeof said, "\"supported\":[\"2026-07-28\",\"2025-11-25\"]%s%s%s}", plain ? ",\"requested\":\"" : "",
				         plain ? rows[row].version : "", plain ? "\"" : "");
				if (!strstr(ema_decision_rpc_error(ask.decision), said))
					fail_msg("row %zu: %s", row, ema_decision_rpc_error(ask.decision));
			}
		}
		ask_end(&ask);
	}
	free(token);
	desk_close(&desk);
}

/* ---- Possession ---- */

static char *prove(struct desk *desk, const struct jwk *key, const char *method, const char *url, const char *token)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char ath[64], payload[512], *jwk = jwk_print(key, 0), *more = NULL, *proof = NULL;
	static int serial;
	assert_int_equal(EVP_Digest(token, strlen(token), digest, &size, EVP_sha256(), NULL), 1);
	base64url_encode(digest, size, ath);
	snprintf(payload, sizeof payload, "{\"jti\":\"proof-%d\",\"htm\":\"%s\",\"htu\":\"%s\",\"iat\":%lld,\"ath\":\"%s\"}", serial++, method, url,
	         (long long)desk->world.now, ath);
	assert_true(asprintf(&more, ",\"jwk\":%s", jwk) > 0);
	assert_int_equal(jws_sign(key, JOSE_ES256, "dpop+jwt", more, payload, strlen(payload), &proof, NULL), EMA_OK);
	free(jwk);
	free(more);
	return proof;
}

/* MCP-17, JWT-77: a bound token is good with its key alone. */
static void possession(void **state)
{
	enum { NOTHING, GOOD, OTHER_KEY, OTHER_URL, OTHER_METHOD, OTHER_TOKEN, TWICE, AGAIN };
	static const struct {
		int bound;
		const char *scheme;
		int proof;
		int code;
		const char *challenge;
	} rows[] = {
		{ 1, "DPoP", GOOD, EMA_OK, "" },
		{ 1, "Bearer", NOTHING, EMA_BOUND_TOKEN, "DPoP error=\"invalid_token\"" }, /* downgrade */
		{ 1, "Bearer", GOOD, EMA_BOUND_TOKEN, "DPoP error=\"invalid_token\"" },
		{ 1, "DPoP", NOTHING, EMA_PROOF_MISSING, "DPoP error=\"invalid_token\"" },
		{ 1, "DPoP", OTHER_KEY, EMA_BOUND_TOKEN, "DPoP error=\"invalid_token\"" },
		{ 1, "DPoP", OTHER_URL, EMA_BAD_PROOF, "DPoP error=\"invalid_dpop_proof\"" },
		{ 1, "DPoP", OTHER_METHOD, EMA_BAD_PROOF, "DPoP error=\"invalid_dpop_proof\"" },
		{ 1, "DPoP", OTHER_TOKEN, EMA_BAD_PROOF, "DPoP error=\"invalid_dpop_proof\"" },
		{ 1, "DPoP", TWICE, EMA_BAD_PROOF, NULL },
		{ 1, "DPoP", AGAIN, EMA_BAD_PROOF, NULL },
		{ 0, "DPoP", GOOD, EMA_BOUND_TOKEN, NULL },
		{ 0, "Bearer", GOOD, EMA_OK, "" },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	struct jwk *key = NULL;
	desk_open(&desk, services, NULL);
	assert_int_equal(jwk_generate(JOSE_ES256, &key, NULL), EMA_OK);
	char *used = NULL;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = make(&desk, &(struct made){ .jkt = rows[i].bound ? jwk_thumbprint(key) : NULL, .scopes = { "read" } });
		ask_begin(&ask, rows[i].scheme, token);
		for (int k = 0; rows[i].proof && k < (rows[i].proof == TWICE ? 2 : 1); k++) {
			char *proof = prove(&desk, rows[i].proof == OTHER_KEY ? desk.client : key, rows[i].proof == OTHER_METHOD ? "GET" : "POST",
			                    rows[i].proof == OTHER_URL ? "https://evil.example/svc" : SVC, rows[i].proof == OTHER_TOKEN ? "x" : token);
			header(&ask, "DPoP", proof);
			free(used);
			used = proof;
		}
		ask_tool(&ask, "get_issue", NULL);
		if (rows[i].proof == AGAIN) {
			assert_int_equal(ema_check_mcp(desk.world.context, "svc", ask.request, NULL), EMA_OK);
		}
		ask_check(&ask, &desk, "svc");
		expect(&ask, i, rows[i].code, rows[i].code ? 401 : 200);
		if (rows[i].challenge)
			assert_memory_equal(challenge(&ask), rows[i].challenge, strlen(rows[i].challenge));
		if (rows[i].code)
			assert_non_null(strstr(challenge(&ask), "algs=\"RS256 PS256 ES256 ES384 ES512 EdDSA Ed25519\""));
		ask_end(&ask);
		free(token);
	}
	free(used);
	/* A service that takes bound tokens alone, after one was made that is not. */
	char *token = make(&desk, &(struct made){ .audience = "https://mcp.example/bound", .scopes = { "read" } });
	ask_call(&ask, &desk, "bound", token, "get_issue", NULL);
	expect(&ask, 100, EMA_PROOF_MISSING, 401);
	assert_memory_equal(challenge(&ask), "DPoP ", 5);
	ask_end(&ask);
	free(token);
	jwk_free(key);
	desk_close(&desk);
}

/* JWT-77: a token that is bound to a certificate is good with that one alone, whoever made it. What a proxy tells counts from a proxy that is
   named, and there nothing else does. */
static void possession_of_a_certificate(void **state)
{
	enum { NONE, RIGHT, OTHER };
	static const char more[] = "proxies = [\"192.0.2.9\"]; client_certificates = { header = \"Client-Cert\"; };\n"
		"PROVIDER:}, { id = \"at\"; plugin = \"oidc\"; issuer = \"https://at.example\"; jwks = \"%JWKS%\"; accepts = [\"access_token\"];"
		"SERVICES:, { id = \"theirs\"; resource = \"https://mcp.example/theirs\"; identity = [\"at\"];\n"
		"  audience = ( { provider = \"at\"; is = [\"api://theirs\"]; clients = [\"cli\"]; scope_map = \"any\"; } );\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"at\"; scopes = [\"read\"]; } ); }";
	static const struct {
		const char *scheme, *remote;
		int shown, header; /* EMA_REQUEST_CERTIFICATE, and what the header has */
		int code;
	} rows[] = {
		{ "Bearer", "192.0.2.7", NONE, NONE, EMA_PROOF_MISSING },
		{ "Bearer", "192.0.2.7", OTHER, NONE, EMA_BOUND_TOKEN },
		{ "Bearer", "192.0.2.7", RIGHT, NONE, EMA_OK },
		{ "DPoP", "192.0.2.7", RIGHT, NONE, EMA_BOUND_TOKEN },
		{ "Bearer", "192.0.2.9", NONE, RIGHT, EMA_OK },
		{ "Bearer", "192.0.2.9", NONE, OTHER, EMA_BOUND_TOKEN },
		{ "Bearer", "192.0.2.9", OTHER, RIGHT, EMA_OK },
		/* Its own certificate is not the client's. */
		{ "Bearer", "192.0.2.9", RIGHT, NONE, EMA_PROOF_MISSING },
		{ "Bearer", "192.0.2.9", RIGHT, OTHER, EMA_BOUND_TOKEN },
		/* The header is anybody's to write. */
		{ "Bearer", "192.0.2.7", NONE, RIGHT, EMA_PROOF_MISSING },
		{ "Bearer", "192.0.2.7", OTHER, RIGHT, EMA_BOUND_TOKEN },
		{ "Bearer", NULL, NONE, RIGHT, EMA_PROOF_MISSING },
	};
	static const char *const subject[] = { "CN", "cli", NULL };
	const char *shown[3] = { NULL };
	char *issued[3] = { NULL }, thumbprint[CERTIFICATE_THUMBPRINT], claims[256];
	struct buffer encoded[3] = { BUFFER_INIT(CERTIFICATE_BYTES_MOST), BUFFER_INIT(CERTIFICATE_BYTES_MOST), BUFFER_INIT(CERTIFICATE_BYTES_MOST) };
	struct certificate *certificate = NULL;
	(void)state;
	struct desk desk;
	desk_open(&desk, more, NULL);
	for (int i = RIGHT; i <= OTHER; i++) {
		issued[i] = issue(subject, NULL, desk.world.now, -1, 1);
		buffer_percent(&encoded[i], issued[i], strlen(issued[i]));
		shown[i] = encoded[i].data;
	}
	assert_int_equal(certificate_read(issued[RIGHT], strlen(issued[RIGHT]), &certificate, NULL), EMA_OK);
	snprintf(thumbprint, sizeof thumbprint, "%s", certificate_thumbprint(certificate));
	certificate_close(certificate);
	snprintf(claims, sizeof claims, "{\"iss\":\"https://at.example\",\"aud\":\"api://theirs\",\"client_id\":\"cli\",\"cnf\":{\"x5t#S256\":\"%s\"}}", thumbprint);
	for (size_t i = 0; i < sizeof rows / sizeof *rows * 2; i++) {
		const size_t row = i / 2;
		struct ask ask;
		char *token = i % 2 ? world_sign(&desk.world, desk.world.key, "at+jwt", claims) : make(&desk, &(struct made){ .x5t = thumbprint, .scopes = { "read" } });
		ask_begin(&ask, rows[row].scheme, token);
		assert_int_equal(ema_request_set(ask.request, EMA_REQUEST_REMOTE, rows[row].remote), EMA_OK);
		assert_int_equal(ema_request_set(ask.request, EMA_REQUEST_CERTIFICATE, shown[rows[row].shown]), EMA_OK);
		header(&ask, "Client-Cert", shown[rows[row].header]);
		ask_tool(&ask, "get_issue", NULL);
		ask_check(&ask, &desk, i % 2 ? "theirs" : "svc");
		expect(&ask, i, rows[row].code, rows[row].code ? 401 : 200);
		if (rows[row].code)
			assert_non_null(strstr(challenge(&ask), "error=\"invalid_token\""));
		ask_end(&ask);
		free(token);
	}
	for (int i = RIGHT; i <= OTHER; i++) {
		free(issued[i]);
		buffer_free(&encoded[i]);
	}
	desk_close(&desk);
}

/* ---- What may change ---- */

/* MCP-29, MCP-30, MCP-65, MCP-67: revocation and configuration count at the next request, and for a call that is under way. */
static void changes(void **state)
{
	(void)state;
	struct desk desk;
	struct ask ask, again;
	desk_open(&desk, services, NULL);
	desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read write\"}"), NULL, SVC);
	assert_int_equal(desk.status, 200);
	char *token = strdup(desk_text(&desk, "/access_token"));
	ask_call(&ask, &desk, "svc", token, "get_issue", NULL);
	expect(&ask, 0, EMA_OK, 200);
	assert_string_equal(ema_decision_subject(ask.decision), "idp/-/ada");
	assert_string_equal(ema_decision_client(ask.decision), "app");
	assert_string_equal(ema_decision_scope(ask.decision, 1), "write");
	assert_int_equal(ema_decision_expires(ask.decision) - ema_decision_renew(ask.decision), 300);
	assert_int_equal(ema_decision_still(ask.decision), EMA_OK);
	/* A tool that a reload denies. */
	assert_int_equal(desk_load(&desk, services, "denies = ( { tools = [\"get_issue\"]; } );"), EMA_OK);
	assert_int_equal(ema_decision_still(ask.decision), EMA_FORBIDDEN);
	ask_begin(&again, NULL, token);
	ask_tool(&again, "get_issue", NULL);
	ask_check(&again, &desk, "svc");
	expect(&again, 1, EMA_FORBIDDEN, 403);
	assert_int_equal(ema_decision_still(again.decision), EMA_FORBIDDEN);
	ask_end(&again);
	assert_int_equal(desk_load(&desk, services, NULL), EMA_OK);
	assert_int_equal(ema_decision_still(ask.decision), EMA_OK);
	/* Another issuer, with and without the time in which the old one counts; and bound tokens alone. */
	static const struct { const char *service; int code; } others[] = {
		{ "issuer = \"https://auth.example/new\";", EMA_UNKNOWN_ISSUER },
		{ "issuer = \"https://auth.example/new\"; former_issuers = ( { issuer = \"" OURS "\"; until = \"2199-01-01\"; } );", EMA_OK },
		{ "binding = \"required\";", EMA_PROOF_MISSING },
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_int_equal(desk_load(&desk, services, others[i].service), EMA_OK);
		assert_int_equal(ema_decision_still(ask.decision), others[i].code);
		ask_begin(&again, NULL, token);
		ask_tool(&again, "get_issue", NULL);
		ask_check(&again, &desk, "svc");
		expect(&again, i, others[i].code, others[i].code ? 401 : 200);
		ask_end(&again);
		desk_form(&desk, "/introspect", "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl", "token", token, NULL);
		assert_int_equal(json_is(json_at(&desk.json, "/active"), JSON_TRUE), others[i].code == EMA_OK);
	}
	assert_int_equal(desk_load(&desk, services, NULL), EMA_OK);
	/* An identity rule that lets another client in, or whose time is over. */
	static const char *const whens[] = { "client = [\"app\"];", "client = [\"other\"];", "not_after = \"2026-01-01\";" };
	for (size_t i = 0; i < sizeof whens / sizeof *whens; i++) {
		char rules[512];
		snprintf(rules, sizeof rules, "%s, { id = \"when\"; resource = \"https://mcp.example/when\"; scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );"
		         " grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); identity = ( { control = \"sufficient\"; provider = \"idp\"; when = { %s }; } ); }", "SERVICES:", whens[i]);
		int loaded = desk_load(&desk, rules, NULL);
		if (loaded)
			print_error("%s\n", ema_error(desk.world.context));
		assert_int_equal(loaded, EMA_OK);
		char *made = make(&desk, &(struct made){ .audience = "https://mcp.example/when", .scopes = { "read" } });
		ask_begin(&again, NULL, made);
		ask_tool(&again, "get_issue", NULL);
		ask_check(&again, &desk, "when");
		expect(&again, i, i ? EMA_NOT_GRANTED : EMA_OK, i ? 403 : 200);
		ask_end(&again);
		free(made);
	}
	assert_int_equal(desk_load(&desk, services, NULL), EMA_OK);
	/* A deny that looks at what the token was made without: a new token is asked for, and has it. */
	static const char denied[] = "denies = ( { provider = \"idp\"; group = \"barred\"; tools = [\"*\"]; } );";
	assert_int_equal(desk_load(&desk, "PROVIDER:groups_claim = [\"/groups\"];", denied), EMA_OK);
	assert_int_equal(ema_decision_still(ask.decision), EMA_MISSING_CLAIM);
	static const char *const groups[] = { "other", "barred" };
	for (size_t i = 0; i < 2; i++) {
		char claims[128];
		snprintf(claims, sizeof claims, "{\"scope\":\"read\",\"groups\":[\"%s\"]}", groups[i]);
		ask_begin(&again, NULL, token);
		ask_tool(&again, "get_issue", NULL);
		ask_check(&again, &desk, "svc");
		expect(&again, i, EMA_MISSING_CLAIM, 401);
		ask_end(&again);
		desk_redeem(&desk, world_token(&desk.world, claims), NULL, SVC);
		assert_int_equal(desk.status, 200);
		ask_begin(&again, NULL, desk_text(&desk, "/access_token"));
		ask_tool(&again, "get_issue", NULL);
		ask_check(&again, &desk, "svc");
		expect(&again, i, i ? EMA_FORBIDDEN : EMA_OK, i ? 403 : 200);
		ask_end(&again);
	}
	assert_int_equal(desk_load(&desk, services, NULL), EMA_OK);
	/* The client gives the token back. */
	char *client = desk_assertion(&desk, "");
	desk_form(&desk, "/revoke", NULL, "token", token, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 200);
	free(client);
	assert_int_equal(ema_decision_still(ask.decision), EMA_REVOKED);
	ask_begin(&again, NULL, token);
	ask_tool(&again, "get_issue", NULL);
	ask_check(&again, &desk, "svc");
	expect(&again, 2, EMA_REVOKED, 401);
	assert_non_null(strstr(challenge(&again), "error=\"invalid_token\""));
	ask_end(&again);
	ask_end(&ask);
	/* Our key may be in other hands, and with it each token that it signed. */
	desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read\"}"), NULL, SVC);
	assert_int_equal(desk.status, 200);
	ask_call(&ask, &desk, "svc", desk_text(&desk, "/access_token"), "get_issue", NULL);
	for (int now = 0; now < 2; now++) {
		assert_int_equal(keyring_rotate(desk.world.context->keyring, now, NULL), EMA_OK);
		assert_int_equal(ema_decision_still(ask.decision), now ? EMA_UNKNOWN_KEY : EMA_OK);
	}
	ask_end(&ask);
	/* Decisions of other questions have nothing to ask again. */
	ema_decision *other = NULL;
	assert_int_equal(world_decide(&desk.world, "svc", world_token(&desk.world, "{}"), &other), EMA_OK);
	assert_int_equal(ema_decision_still(other), EMA_BAD_REQUEST);
	assert_int_equal(ema_decision_status(other), 200);
	ema_decision_free(other);
	free(token);
	desk_close(&desk);
}

/* MCP-65: a stream about several URIs lives as long as each of them is permitted. */
static void a_stream_of_several(void **state)
{
	static const char form[] = "SERVICES:, { id = \"pair\"; resource = \"https://mcp.example/pair\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; uris = [\"note:///*\", \"log:///*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } );\n"
		"  denies = ( { uris = [\"%s\"]; } ); }";
	static const struct {
		const char *deny;
		int code;
	} rows[] = { { "note:///c", EMA_OK }, { "log:///b", EMA_FORBIDDEN }, { "log:///c", EMA_OK }, { "note:///a", EMA_FORBIDDEN } };
	(void)state;
	struct desk desk;
	struct ask ask;
	char extra[sizeof form + 32];
	snprintf(extra, sizeof extra, form, rows[0].deny);
	desk_open(&desk, extra, NULL);
	char *token = make(&desk, &(struct made){ .audience = "https://mcp.example/pair", .scopes = { "read" } });
	ask_begin(&ask, NULL, token);
	ask_message(&ask, "subscriptions/listen", NULL, "\"notifications\":{\"resourceSubscriptions\":[\"note:///a\",\"log:///b\"]}");
	ask_check(&ask, &desk, "pair");
	expect(&ask, 0, EMA_OK, 200);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(extra, sizeof extra, form, rows[i].deny);
		assert_int_equal(desk_load(&desk, extra, NULL), EMA_OK);
		if (ema_decision_still(ask.decision) != rows[i].code)
			fail_msg("%s: %s", rows[i].deny, ema_code_name(ema_decision_still(ask.decision)));
	}
	ask_end(&ask);
	free(token);
	desk_close(&desk);
}

static _Atomic int64_t ahead;

static int64_t ahead_wall(void *data)
{
	(void)data;
	return clock_wall(&clock_system) + ahead;
}

static int64_t as_ever(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system);
}

/* MCP-61, MCP-65: what a token gave ends with it: a stream, and the time for which a list may be kept. */
static void a_token_ends(void **state)
{
	static const char list[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"get_issue\"}],\"ttlMs\":999999999}}";
	(void)state;
	struct desk desk;
	struct ask ask, again;
	struct json json = { .count = 0 };
	char *out = NULL;
	int64_t ttl = 0;
	ahead = 0;
	desk_open(&desk, services, NULL);
	ema_free(desk.world.context);
	desk.world.context = ema_new();
	assert_int_equal(ema_set_plugin_path(desk.world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
	ema_set_server(desk.world.context);
	desk.world.context->clock = (struct clock){ ahead_wall, as_ever, NULL };
	assert_int_equal(desk_load(&desk, services, NULL), EMA_OK);
	char *token = make(&desk, &(struct made){ .expires = 100, .scopes = { "read" } });
	ask_begin(&ask, NULL, token);
	ask_message(&ask, "tools/list", NULL, "");
	ask_check(&ask, &desk, "svc");
	expect(&ask, 0, EMA_OK, 200);
	assert_int_equal(ema_decision_still(ask.decision), EMA_OK);
	assert_int_equal(ema_filter_list(ask.decision, list, strlen(list), &out), EMA_OK);
	assert_int_equal(json_parse(out, strlen(out), &json_limits_document, &json, NULL), EMA_OK);
	assert_true(json_integer(json_at(&json, "/result/ttlMs"), &ttl) && ttl > 0 && ttl <= 110000); /* made with a clock that is 10 s ahead */
	json_free(&json);
	ema_text_free(out);
	out = NULL;
	/* As long as it lets in, clocks may be apart, what it gave goes on; a list is kept no more. */
	ahead = 110000;
	ask_begin(&again, NULL, token);
	ask_message(&again, "tools/list", NULL, "");
	ask_check(&again, &desk, "svc");
	expect(&again, 0, EMA_OK, 200);
	ask_end(&again);
	assert_int_equal(ema_decision_still(ask.decision), EMA_OK);
	assert_int_equal(ema_filter_list(ask.decision, list, strlen(list), &out), EMA_OK);
	assert_int_equal(json_parse(out, strlen(out), &json_limits_document, &json, NULL), EMA_OK);
	assert_true(json_integer(json_at(&json, "/result/ttlMs"), &ttl) && !ttl);
	json_free(&json);
	ema_text_free(out);
	out = NULL;
	ahead = 200000;
	assert_int_equal(ema_decision_still(ask.decision), EMA_EXPIRED);
	assert_int_equal(ema_filter_list(ask.decision, list, strlen(list), &out), EMA_EXPIRED);
	assert_null(out);
	ask_begin(&again, NULL, token);
	ask_message(&again, "tools/list", NULL, "");
	ask_check(&again, &desk, "svc");
	expect(&again, 1, EMA_EXPIRED, 401);
	ask_end(&again);
	ask_end(&ask);
	free(token);
	desk_close(&desk);
}

/* MCP-20: whoever has a scope may what one that it includes opens, which is said; not the other way round. */
static void a_scope_includes_another(void **state)
{
	static const char list[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"get_issue\"},{\"name\":\"put_file\"},{\"name\":\"drop\"}]}}";
	static const struct {
		const char *scope, *method, *name, *params;
		int code;
		const char *says; /* in the trace, or in the challenge */
	} rows[] = {
		{ "write", "tools/call", "get_issue", "\"name\":\"get_issue\",\"arguments\":{}", EMA_OK, "permission tools/call get_issue: ok: read through write" },
		{ "write", "prompts/get", "explain", "\"name\":\"explain\"", EMA_OK, "read through write" },
		{ "write", "resources/read", "file:///docs/a", "\"uri\":\"file:///docs/a\"", EMA_OK, "read through write" },
		{ "write", "tools/call", "put_file", "\"name\":\"put_file\",\"arguments\":{}", EMA_OK, "put_file: ok" },
		{ "read", "tools/call", "get_issue", "\"name\":\"get_issue\",\"arguments\":{}", EMA_OK, "get_issue: ok" },
		{ "read", "tools/call", "put_file", "\"name\":\"put_file\",\"arguments\":{}", EMA_INSUFFICIENT_SCOPE, "scope=\"write read\"" },
		{ "none", "tools/call", "get_issue", "\"name\":\"get_issue\",\"arguments\":{}", EMA_INSUFFICIENT_SCOPE, "scope=\"read\"" },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = make(&desk, &(struct made){ .audience = TREE, .scopes = { rows[i].scope } });
		ask_begin(&ask, NULL, token);
		ask_message(&ask, rows[i].method, rows[i].name, rows[i].params);
		ask_check(&ask, &desk, "tree");
		expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
		int said = strstr(challenge(&ask), rows[i].says) != NULL;
		for (size_t n = 0; ema_decision_trace(ask.decision, n); n++)
			said |= strstr(ema_decision_trace(ask.decision, n), rows[i].says) != NULL;
		if (!said)
			fail_msg("row %zu: nobody says %s: %s", i, rows[i].says, challenge(&ask));
		ask_end(&ask);
		free(token);
	}
	for (int both = 0; both < 2; both++) {
		char *token = make(&desk, &(struct made){ .audience = TREE, .scopes = { both ? "write" : "read" } }), *out = NULL;
		ask_begin(&ask, NULL, token);
		ask_message(&ask, "tools/list", NULL, "");
		ask_check(&ask, &desk, "tree");
		expect(&ask, 0, EMA_OK, 200);
		assert_int_equal(ema_filter_list(ask.decision, list, strlen(list), &out), EMA_OK);
		assert_true(strstr(out, "get_issue") && !strstr(out, "drop") && (strstr(out, "put_file") != NULL) == both);
		ema_text_free(out);
		ask_end(&ask);
		free(token);
	}
	/* Whoever looks is told, too. */
	char *token = make(&desk, &(struct made){ .audience = TREE, .scopes = { "write" } });
	ask = (struct ask){ .request = ema_request_new() };
	ask_tool(&ask, "get_issue", NULL);
	assert_int_equal(ema_request_credential(ask.request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
	assert_int_equal(ema_explain(desk.world.context, "tree", ask.request, 0, &ask.decision), EMA_OK);
	size_t n = 0;
	while (ema_step_stage(ask.decision, n) && !strstr(ema_step_text(ask.decision, n), "by the scope read through write"))
		n++;
	assert_string_equal(ema_step_stage(ask.decision, n), "grant");
	ask_end(&ask);
	free(token);
	desk_close(&desk);
}

/* MCP-14: a client whose entry lacks the scope is not sent for it, again and again. */
static void a_narrow_client_is_not_sent_away(void **state)
{
	static const struct {
		const char *client, *scope, *tool;
		int code, sent;
	} rows[] = {
		{ "post", "read", "put_file", EMA_FORBIDDEN, 0 },
		{ "post", "none", "get_issue", EMA_INSUFFICIENT_SCOPE, 1 },
		{ "app", "read", "put_file", EMA_INSUFFICIENT_SCOPE, 1 },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = make(&desk, &(struct made){ .audience = TREE, .client = rows[i].client, .scopes = { rows[i].scope } });
		ask_call(&ask, &desk, "tree", token, rows[i].tool, NULL);
		expect(&ask, i, rows[i].code, 403);
		assert_int_equal(strstr(challenge(&ask), "insufficient_scope") != NULL, rows[i].sent);
		if (!rows[i].sent)
			assert_non_null(strstr(ema_decision_operator_line(ask.decision), "needs the scope \"write\", which the client is not registered for"));
		ask_end(&ask);
		free(token);
	}
	/* Nor for a stronger login, after which the scope would be missing still. */
	char *token = make(&desk, &(struct made){ .audience = DEEP, .client = "post", .acr = "weak", .scopes = { "read" } });
	ask_call(&ask, &desk, "deep", token, "admin_reset", NULL);
	expect(&ask, 100, EMA_FORBIDDEN, 403);
	assert_string_equal(challenge(&ask), "");
	assert_non_null(strstr(ema_decision_operator_line(ask.decision), "needs the scope \"admin\", which the client is not registered for"));
	ask_end(&ask);
	free(token);
	/* Where another scope would do, it is sent for that one: now, or with the login that is missing. */
	static const struct {
		const char *acr, *scope, *challenge;
		int code;
	} two[] = {
		{ "weak", "other", "acr_values=\"strong\", scope=\"read\"", EMA_WEAK_AUTHENTICATION },
		{ "strong", "other", "scope=\"read\"", EMA_INSUFFICIENT_SCOPE },
		{ "weak", "read", "acr_values=\"strong\", resource_metadata", EMA_WEAK_AUTHENTICATION },
		{ "strong", "read", "", EMA_OK },
	};
	for (size_t i = 0; i < sizeof two / sizeof *two; i++) {
		token = make(&desk, &(struct made){ .audience = "https://mcp.example/two", .client = "post", .acr = two[i].acr, .scopes = { two[i].scope } });
		ask_call(&ask, &desk, "two", token, "get_issue", NULL);
		if (ask.code != two[i].code || !strstr(challenge(&ask), two[i].challenge))
			fail_msg("row %zu: %s: %s", i, ema_code_name(ask.code), challenge(&ask));
		ask_end(&ask);
		free(token);
	}
	desk_close(&desk);
}

/* What some servers read under such a name counts for nothing good, and cannot be decided again by its record. */
static void arguments_that_differ_by_case(void **state)
{
	(void)state;
	static const struct { const char *arguments; int code; } rows[] = {
		{ "{\"repo\":\"acme/x\"}", EMA_OK }, { "{\"repo\":\"acme/x\",\"Repo\":\"evil/x\"}", EMA_FORBIDDEN }, { "{\"REPO\":\"acme/x\"}", EMA_FORBIDDEN },
	};
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .audience = DEEP, .scopes = { "write" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask_call(&ask, &desk, "deep", token, "put_file", rows[i].arguments);
		expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
		assert_int_equal(strstr(desk_audited(&desk, "/unrepeatable"), "by the case of its letters") != NULL, rows[i].code != EMA_OK);
		ask_end(&ask);
	}
	free(token);
	desk_close(&desk);
}

/* Of a service with an issuer of its own: which one it is for is said. */
static void a_token_of_another_service(void **state)
{
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .audience = "https://mcp.example/apart", .issuer = OURS "/apart", .scopes = { "read" } });
	for (int i = 0; i < 2; i++) {
		ask_call(&ask, &desk, i ? "tree" : "apart", token, "get_issue", NULL);
		expect(&ask, (size_t)i, i ? EMA_UNKNOWN_ISSUER : EMA_OK, i ? 401 : 200);
		if (i)
			assert_non_null(strstr(ema_decision_operator_line(ask.decision), "it is that of service \"apart\", whose tokens are for it alone"));
		ask_end(&ask);
	}
	free(token);
	desk_close(&desk);
}

/* MCP-47: a header that copies an argument, by the tools_file, says what the argument says. */
static void headers_that_copy_arguments(void **state)
{
	static const char tools[] = "{\"tools\":[{\"name\":\"get_issue\",\"sha256\":\"%064d\",\"accepted\":true,\"headers\":{\"Repo\":\"/repo\"}}]}";
	static const struct { const char *header, *arguments; int code; } rows[] = {
		{ "acme/x", "{\"repo\":\"acme/x\"}", EMA_OK },
		{ "acme/y", "{\"repo\":\"acme/x\"}", EMA_BAD_MESSAGE },
		{ NULL, "{\"repo\":\"acme/x\"}", EMA_BAD_MESSAGE },
		{ "acme/x", "{}", EMA_BAD_MESSAGE },
		{ NULL, "{}", EMA_OK },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	char path[] = "/tmp/ema-tools-XXXXXX", service[512], params[256];
	int file = mkstemp(path);
	assert_true(file >= 0 && dprintf(file, tools, 0) > 0 && !close(file));
	snprintf(service, sizeof service, "tools_file = \"%s\";", path);
	desk_open(&desk, NULL, service);
	unlink(path);
	char *token = make(&desk, &(struct made){ .scopes = { "read" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask_begin(&ask, NULL, token);
		snprintf(params, sizeof params, "\"name\":\"get_issue\",\"arguments\":%s", rows[i].arguments);
		ask_message(&ask, "tools/call", "get_issue", params);
		header(&ask, "Mcp-Param-Repo", rows[i].header);
		ask_check(&ask, &desk, "svc");
		expect(&ask, i, rows[i].code, rows[i].code ? 400 : 200);
		ask_end(&ask);
	}
	free(token);
	desk_close(&desk);
}

/* MCP-54, MCP-60, MCP-61: lists without what their reader could not call. */
static void lists(void **state)
{
	static const char list[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"get_issue\"},{\"name\":\"get_secret\"},{\"name\":\"put_file\"},"
	                           "{\"name\":\"admin_reset\"}],\"cacheScope\":\"public\",\"ttlMs\":999999999}}";
	(void)state;
	struct desk desk;
	struct ask ask;
	char *out = NULL;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .audience = DEEP, .scopes = { "read", "write" } });
	ask_begin(&ask, NULL, token);
	ask_message(&ask, "tools/list", NULL, "");
	ask_check(&ask, &desk, "deep");
	expect(&ask, 0, EMA_OK, 200);
	assert_int_equal(ema_filter_list(ask.decision, list, strlen(list), &out), EMA_OK);
	assert_non_null(strstr(out, "get_issue"));
	assert_non_null(strstr(out, "put_file"));
	assert_null(strstr(out, "get_secret"));
	assert_null(strstr(out, "admin_reset"));
	assert_non_null(strstr(out, "\"cacheScope\":\"private\""));
	assert_non_null(strstr(out, "\"ttlMs\":300000"));
	ema_text_free(out);
	out = NULL;
	assert_int_equal(ema_filter_list(ask.decision, "{}", 2, &out), EMA_BAD_REQUEST);
	assert_null(out);
	ask_end(&ask);
	/* Templates are there if one may read something by them (MCP-54), and their arguments are completed if one may all of them; each read is judged for itself. */
	static const char templates[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"resourceTemplates\":[{\"uriTemplate\":\"file:///docs/{name}\"},{\"uriTemplate\":\"file:///{+path}\"},"
	                                "{\"uriTemplate\":\"file:///etc/{name}\"}],\"resources\":[{\"uri\":\"file:///docs/{name}\"},{\"uri\":\"file:///{+path}\"}]}}";
	ask_begin(&ask, NULL, token);
	ask_message(&ask, "resources/templates/list", NULL, "");
	ask_check(&ask, &desk, "deep");
	expect(&ask, 0, EMA_OK, 200);
	assert_int_equal(ema_filter_list(ask.decision, templates, strlen(templates), &out), EMA_OK);
	assert_non_null(strstr(out, "\"resourceTemplates\":[{\"uriTemplate\":\"file:///docs/{name}\"},{\"uriTemplate\":\"file:///{+path}\"}]"));
	assert_non_null(strstr(out, "\"resources\":[{\"uri\":\"file:///docs/{name}\"}]"));
	ema_text_free(out);
	out = NULL;
	ask_end(&ask);
	static const struct { const char *uri; int code, status; } refs[] = {
		{ "file:///docs/{name}", EMA_OK, 200 }, { "file:///{+path}", EMA_FORBIDDEN, 403 }, { "file:///etc/{name}", EMA_FORBIDDEN, 403 }, { "file:///etc/passwd", EMA_FORBIDDEN, 403 },
	};
	for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
		char params[256];
		snprintf(params, sizeof params, "\"ref\":{\"type\":\"ref/resource\",\"uri\":\"%s\"},\"argument\":{\"name\":\"name\",\"value\":\"a\"}", refs[i].uri);
		ask_begin(&ask, NULL, token);
		ask_message(&ask, "completion/complete", NULL, params);
		ask_check(&ask, &desk, "deep");
		expect(&ask, i, refs[i].code, refs[i].status);
		ask_end(&ask);
	}
	ask_begin(&ask, NULL, token);
	ask_message(&ask, "resources/read", "file:///{+path}", "\"uri\":\"file:///{+path}\"");
	ask_check(&ask, &desk, "deep");
	expect(&ask, 0, EMA_FORBIDDEN, 403);
	ask_end(&ask);
	/* A refusal filters nothing. */
	ask_begin(&ask, NULL, NULL);
	ask_message(&ask, "tools/list", NULL, "");
	ask_check(&ask, &desk, "deep");
	assert_int_equal(ema_filter_list(ask.decision, list, strlen(list), &out), EMA_NO_TOKEN);
	assert_null(out);
	ask_end(&ask);
	free(token);
	desk_close(&desk);
}

/* MCP-21, AUD-03, AUD-04, AUD-11: the record says what was asked for and which rule answered, and never the token or what no rule looks at. */
static void records(void **state)
{
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .audience = DEEP, .scopes = { "read", "write" } });
	ask_call(&ask, &desk, "deep", token, "put_file", "{\"repo\":\"acme/x\",\"content\":\"hush-hush\"}");
	expect(&ask, 0, EMA_OK, 200);
	assert_string_equal(desk_audited(&desk, "/alg"), "ES256");
	/* The token is known now, and its record says no less. */
	ema_decision_free(ask.decision);
	ask_check(&ask, &desk, "deep");
	expect(&ask, 0, EMA_OK, 200);
	assert_string_equal(desk_audited(&desk, "/alg"), "ES256");
	assert_string_equal(desk_audited(&desk, "/issuer"), OURS);
	assert_string_equal(desk_audited(&desk, "/kind"), "check");
	assert_string_equal(desk_audited(&desk, "/verdict"), "permit");
	assert_string_equal(desk_audited(&desk, "/method"), "tools/call");
	assert_string_equal(desk_audited(&desk, "/target"), "put_file");
	assert_string_equal(desk_audited(&desk, "/access"), "write");
	assert_string_equal(desk_audited(&desk, "/arguments/0"), "/repo=\"acme/x\"");
	assert_string_equal(desk_audited(&desk, "/request"), ema_decision_id(ask.decision));
	assert_string_equal(desk_audited(&desk, "/token_client"), "app");
	assert_memory_equal(desk_audited(&desk, "/token_id"), "made-", 5);
	assert_non_null(strstr(desk_audited(&desk, "/rule"), "ema.conf:"));
	assert_string_equal(desk_audited(&desk, "/service"), "deep");
	assert_string_equal(desk_audited(&desk, "/provider"), "idp");
	assert_int_equal(strlen(desk_audited(&desk, "/subject")), 22);
	assert_string_equal(desk_audited(&desk, "/config"), ema_config_digest(desk.world.context));
	assert_string_equal(desk_audited(&desk, "/held_scopes/1"), "write");
	ask_end(&ask);
	ask_call(&ask, &desk, "deep", token, "get_secret", "{\"reason\":\"hush-hush\"}");
	expect(&ask, 1, EMA_FORBIDDEN, 403);
	assert_string_equal(desk_audited(&desk, "/verdict"), "deny");
	assert_string_equal(desk_audited(&desk, "/code"), "forbidden");
	assert_non_null(strstr(desk_audited(&desk, "/reason"), "a deny refuses this"));
	assert_non_null(strstr(desk_audited(&desk, "/rule"), "ema.conf:"));
	assert_string_equal(desk_audited(&desk, "/risk"), "");
	ask_end(&ask);
	/* AUD-27: no grant, and a deny, of what scopes that write open alone. */
	ask_call(&ask, &desk, "deep", token, "put_file", "{\"repo\":\"evil/x\"}");
	expect(&ask, 2, EMA_FORBIDDEN, 403);
	assert_string_equal(desk_audited(&desk, "/risk"), "high");
	ask_end(&ask);
	char *why = make(&desk, &(struct made){ .audience = WHY, .scopes = { "write" } });
	ask_call(&ask, &desk, "why", why, "drop_all", NULL);
	expect(&ask, 3, EMA_FORBIDDEN, 403);
	assert_string_equal(desk_audited(&desk, "/risk"), "high");
	ask_end(&ask);
	free(why);
	char *bare = make(&desk, &(struct made){ .audience = DEEP, .scopes = { "read" } });
	ask_begin(&ask, NULL, bare);
	ask_tool(&ask, "put_file", "{\"repo\":\"acme/x\"}");
	ask_check(&ask, &desk, "deep");
	assert_string_equal(desk_audited(&desk, "/missing_scopes/0"), "write");
	assert_string_equal(desk_audited(&desk, "/risk"), "");
	ask_end(&ask);
	free(bare);
	/* What shadow mode would have given. */
	char *tried = make(&desk, &(struct made){ .audience = "https://mcp.example/tried", .scopes = { "read" } });
	ask_begin(&ask, NULL, tried);
	ask_tool(&ask, "get_issue", NULL);
	ask_check(&ask, &desk, "tried");
	expect(&ask, 2, EMA_FORBIDDEN, 403);
	assert_string_equal(desk_audited(&desk, "/shadow_code"), "ok");
	ask_end(&ask);
	free(tried);
	assert_int_equal(metrics_read(&desk.world.context->metrics.shadowed), 1);
	char *all = world_read(&desk.world, "audit.jsonl");
	size_t checks = 0;
	for (const char *at = all; (at = strstr(at, "\"kind\":\"check\"")); at++)
		checks++;
	assert_int_equal(checks, 7);
	assert_null(strstr(all, "hush-hush"));
	assert_null(strstr(all, strrchr(token, '.')));
	free(all);
	free(token);
	desk_close(&desk);
}

/* AUD-03, AUD-11, AUD-14: of many targets the record says how many it leaves out; a URI's query, where secrets stand, is neither in the record
   nor in what the decision says, and what cannot be decided again without it is not. The rules see all of it. */
static void records_of_uris(void **state)
{
	(void)state;
	static const struct { const char *uri, *target; int code; } rows[] = {
		{ "note://ada/a?sig=CANARY", "note://ada/a?[cut]", EMA_OK }, { "note://bo/a?sig=CANARY&x=y", "note://bo/a?[cut]", EMA_FORBIDDEN },
		{ "note://bo/a", "note://bo/a", EMA_FORBIDDEN }, { "note://bo/a#CANARY", "note://bo/a#[cut]", EMA_FORBIDDEN },
	};
	struct desk desk;
	struct ask ask;
	struct buffer list = BUFFER_INIT(65536);
	char params[200];
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .audience = WHY, .scopes = { "read" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask_begin(&ask, NULL, token);
		snprintf(params, sizeof params, "\"uri\":\"%s\"", rows[i].uri);
		ask_message(&ask, "resources/read", rows[i].uri, params);
		ask_check(&ask, &desk, "why");
		expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
		assert_string_equal(desk_audited(&desk, "/target"), rows[i].target);
		if (ask.code)
			assert_memory_equal(desk_audited(&desk, "/reason"), rows[i].target, strlen(rows[i].target));
		assert_int_equal(strstr(desk_audited(&desk, "/unrepeatable"), "query") != NULL, strstr(rows[i].uri, "CANARY") != NULL);
		assert_null(strstr(ema_decision_operator_line(ask.decision), "CANARY"));
		ask_end(&ask);
	}
	for (int i = 0; i < 20; i++)
		buffer_printf(&list, "%s\"note://ada/%d?sig=CANARY\"", i ? "," : "\"notifications\":{\"resourceSubscriptions\":[", i);
	buffer_text(&list, "]}");
	ask_begin(&ask, NULL, token);
	ask_message(&ask, "subscriptions/listen", NULL, list.data);
	ask_check(&ask, &desk, "why");
	assert_string_equal(desk_audited(&desk, "/method"), "subscriptions/listen");
	assert_string_equal(desk_audited(&desk, "/targets/0"), "note://ada/0?[cut]");
	assert_string_equal(desk_audited(&desk, "/targets/15"), "note://ada/15?[cut]");
	assert_string_equal(desk_audited(&desk, "/targets/16"), "...[cut 4]");
	assert_string_equal(desk_audited(&desk, "/targets/17"), "");
	ask_end(&ask);
	desk_redeem(&desk, world_token(&desk.world, "{}"), NULL, "https://mcp.example/svc?key=CANARY");
	assert_int_equal(desk.status, 400);
	desk_redeem(&desk, world_token(&desk.world, "{\"resource\":\"https://mcp.example/svc?key=CANARY\"}"), NULL, NULL);
	assert_int_equal(desk.status, 400);
	assert_string_equal(desk_audited(&desk, "/kind"), "redemption");
	char *all = world_read(&desk.world, "audit.jsonl");
	assert_null(strstr(all, "CANARY"));
	free(all);
	free(token);
	buffer_free(&list);
	desk_close(&desk);
}

/* ---- Who checks ---- */

/* An MCP server in a process of its own knows our tokens by the public keys in state_dir; without them it cannot decide (503, never 401). */
static void embedder(void **state)
{
	(void)state;
	struct desk desk;
	struct ask ask;
	char line[160];
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .scopes = { "read" } });
	ema_context *ours = desk.world.context;
	static const char conf[] = "%s issuer = \"" OURS "\";\n"
		"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%%JWKS%%\"; accepts = [\"id_jag\"]; } );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%%FOLDER%%/other.jsonl\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"" SVC "\"; identity = [\"idp\"]; scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); } );\n";
	for (int with = 0; with < 3; with++) {
		char text[2048];
		desk.world.context = ema_new();
		assert_int_equal(ema_set_plugin_path(desk.world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
		snprintf(line, sizeof line, with ? "state_dir = \"%s/state\";" : "# %s\n", desk.world.folder);
		if (with == 1) {
			char path[128];
			snprintf(path, sizeof path, "%s/state", desk.world.folder);
			assert_int_equal(mkdir(path, 0755), 0);
		}
		if (with == 2) {
			char *keys = keyring_jwks(ours->keyring);
			world_file(&desk.world, "state/jwks.json", keys);
			free(keys);
		}
		snprintf(text, sizeof text, conf, line);
		int code = world_load(&desk.world, text);
		if (code)
			print_error("%s\n", ema_error(desk.world.context));
		assert_int_equal(code, EMA_OK);
		ask_call(&ask, &desk, "svc", token, "get_issue", NULL);
		expect(&ask, (size_t)with, with == 2 ? EMA_OK : EMA_KEYS_UNAVAILABLE, with == 2 ? 200 : 503);
		assert_null(ema_decision_challenge(ask.decision));
		ask_end(&ask);
		ema_free(desk.world.context);
	}
	desk.world.context = ours;
	free(token);
	desk_close(&desk);
}

/* All that the token has, in its order. */
static void has_scopes(const ema_decision *decision, const char *scopes)
{
	char got[128] = "";
	for (size_t i = 0; ema_decision_scope(decision, i); i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "", ema_decision_scope(decision, i));
	assert_string_equal(got, scopes);
}

/* Whatever is asked for: also what the service has no more, and without what is included. */
static void scopes_of_a_check(void **state)
{
	static const struct { const char *audience, *service, *scopes[4], *tool, *all; } rows[] = {
		{ DEEP, "deep", { "write", "read" }, "get_issue", "write read" },
		{ DEEP, "deep", { "read", "gone", "nobody" }, "get_issue", "read gone nobody" },
		{ TREE, "tree", { "write" }, "get_issue", "write" },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made made = { .audience = rows[i].audience };
		memcpy(made.scopes, rows[i].scopes, sizeof made.scopes);
		char *token = make(&desk, &made);
		ask_call(&ask, &desk, rows[i].service, token, rows[i].tool, NULL);
		expect(&ask, i, EMA_OK, 200);
		has_scopes(ask.decision, rows[i].all);
		ask_end(&ask);
		free(token);
	}
	desk_close(&desk);
}

/* MCP-25: an access token that the provider itself issued, where ema.conf takes them, with its scopes mapped. */
static void tokens_of_the_provider(void **state)
{
	static const char conf[] = "issuer = \"" OURS "\";\n"
		"providers = ( { id = \"at\"; plugin = \"oidc\"; issuer = \"https://at.example\"; jwks = \"%JWKS%\"; accepts = [\"access_token\"]; } );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
		/* Of what that may have here, its tokens of the provider say nothing: what the audience makes of them counts, for what is under way too. */
		"clients = ( { id = \"cli\"; auth = \"private_key_jwt\"; jwks = \"%JWKS%\"; scopes = [\"read\"]; } );\n"
		"services = (\n"
#define ENTRY(id, map) "{ id = \"" id "\"; resource = \"https://mcp.example/" id "\"; identity = [\"at\"];\n" \
	"  audience = ( { provider = \"at\"; is = [\"api://" id "\"]; clients = [\"cli\"]; scope_map = " map "; } );\n" \
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n" \
	"  grants = ( { provider = \"at\"; scopes = [\"read\", \"write\"]; } ); }"
		ENTRY("turned", "( { from = \"a.all\"; to = [\"read\", \"write\"]; }, { from = \"a.read\"; to = [\"read\"]; } )") ",\n"
		ENTRY("less", "( { from = \"a.read\"; to = [\"read\"]; } )") ",\n"
		ENTRY("some", "( { from = \"a.read\"; to = [\"read\"]; }, { from = \"a.all\"; to = [\"read\", \"write\"]; } )") ",\n" ENTRY("any", "\"any\"") ");\n";
#define AT(aud, more) "{\"iss\":\"https://at.example\",\"aud\":\"api://" aud "\",\"client_id\":\"cli\"" more "}"
	static const struct {
		const char *service, *claims, *type, *tool;
		int code;
		const char *scopes; /* of a permit, or of the challenge: in the provider's words */
	} rows[] = {
		{ "some", AT("some", ",\"scope\":\"a.read\""), "at+jwt", "get_issue", EMA_OK, "read" },
		{ "some", AT("some", ",\"scope\":\"a.read\""), "at+jwt", "put_issue", EMA_INSUFFICIENT_SCOPE, "scope=\"a.all a.read\"" },
		/* By no more than is needed. */
		{ "turned", AT("turned", ",\"scope\":\"other\""), "at+jwt", "get_issue", EMA_INSUFFICIENT_SCOPE, "scope=\"a.read other\"" },
		/* MCP-14: no token of the provider would have it. */
		{ "less", AT("less", ",\"scope\":\"a.read\""), "at+jwt", "put_issue", EMA_FORBIDDEN, NULL },
		{ "some", AT("some", ",\"scope\":\"a.all other\""), "at+jwt", "put_issue", EMA_OK, "read write" },
		{ "some", AT("some", ",\"scope\":\"read\""), "at+jwt", "get_issue", EMA_INSUFFICIENT_SCOPE, NULL },
		{ "any", AT("any", ",\"scope\":\"whatever\""), "at+jwt", "put_issue", EMA_OK, "read write" },
		{ "any", AT("some", ",\"scope\":\"whatever\""), "at+jwt", "get_issue", EMA_WRONG_AUDIENCE, NULL },
		{ "any", AT("any", ",\"client_id\":\"stranger\""), "at+jwt", "get_issue", EMA_WRONG_CLIENT, NULL },
		{ "any", AT("any", ",\"exp\":1"), "at+jwt", "get_issue", EMA_EXPIRED, NULL },
		{ "any", AT("any", ",\"cnf\":{\"jkt\":\"0123456789012345678901234567890123456789010\"}"), "at+jwt", "get_issue", EMA_BOUND_TOKEN, NULL },
		{ "any", AT("any", ""), "oauth-id-jag+jwt", "get_issue", EMA_WRONG_TYPE, NULL },
	};
	(void)state;
	struct desk desk = { .remote = NULL };
	struct ask ask;
	world_open(&desk.world);
	assert_int_equal(world_load(&desk.world, conf), EMA_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = world_sign(&desk.world, desk.world.key, rows[i].type, rows[i].claims);
		ask_call(&ask, &desk, rows[i].service, token, rows[i].tool, NULL);
		expect(&ask, i, rows[i].code, rows[i].code == EMA_OK ? 200 : rows[i].code == EMA_INSUFFICIENT_SCOPE || rows[i].code == EMA_FORBIDDEN ? 403 : 401);
		if (rows[i].code && rows[i].scopes && !strstr(challenge(&ask), rows[i].scopes))
			fail_msg("row %zu: %s", i, challenge(&ask));
		if (rows[i].code == EMA_FORBIDDEN) {
			assert_string_equal(challenge(&ask), "");
			assert_non_null(strstr(ema_decision_operator_line(ask.decision), "needs the scope \"write\", which the scope_map gives to no token of the provider"));
		}
		if (!rows[i].code) {
			has_scopes(ask.decision, rows[i].scopes);
			assert_string_equal(ema_decision_subject(ask.decision), "at/-/ada");
			assert_string_equal(ema_decision_client(ask.decision), "cli");
			assert_int_equal(ema_decision_still(ask.decision), EMA_OK);
		}
		ask_end(&ask);
		free(token);
	}
	/* Who it is alone is asked: no scopes are mapped. */
	struct ask whole = { .request = ema_request_new() };
	char *bare = world_sign(&desk.world, desk.world.key, rows[0].type, rows[0].claims);
	assert_int_equal(ema_request_credential(whole.request, EMA_CREDENTIAL_ACCESS_TOKEN, bare, strlen(bare)), EMA_OK);
	assert_int_equal(ema_decide(desk.world.context, "some", whole.request, &whole.decision), EMA_OK);
	has_scopes(whole.decision, "");
	ask_end(&whole);
	free(bare);
	/* REV-06: the provider's clock is ahead; what it issued before a revocation ends, for what is under way too. */
	char *token = world_sign(&desk.world, desk.world.key, rows[0].type, rows[0].claims);
	const struct ema_revocation all = { .size = sizeof all, .kind = "everything" };
	ask_call(&ask, &desk, rows[0].service, token, rows[0].tool, NULL);
	expect(&ask, 0, EMA_OK, 200);
	assert_int_equal(ema_revoke(desk.world.context, &all, NULL), EMA_OK);
	assert_int_equal(ema_decision_still(ask.decision), EMA_REVOKED);
	ask_end(&ask);
	ask_call(&ask, &desk, rows[0].service, token, rows[0].tool, NULL);
	expect(&ask, 0, EMA_REVOKED, 401);
	ask_end(&ask);
	free(token);
	world_close(&desk.world);
}

/* However many tokens of one issuer come, another's are not verified anew for that. */
static void a_flood_of_a_provider(void **state)
{
	static const char conf[] = "issuer = \"" OURS "\";\n"
		"providers = ( { id = \"at\"; plugin = \"oidc\"; issuer = \"https://at.example\"; jwks = \"%JWKS%\"; accepts = [\"access_token\"]; },\n"
		"  { id = \"many\"; plugin = \"oidc\"; issuer = \"https://many.example\"; jwks = \"%JWKS%\"; accepts = [\"access_token\"]; } );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"" SVC "\"; identity = [\"at\", \"many\"];\n"
		"  audience = ( { provider = \"at\"; is = [\"api\"]; clients = [\"cli\"]; scope_map = \"any\"; },\n"
		"    { provider = \"many\"; is = [\"api\"]; clients = [\"cli\"]; scope_map = \"any\"; } );\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n"
		"  grants = ( { provider = \"at\"; scopes = [\"read\"]; }, { provider = \"many\"; scopes = [\"read\"]; } ); } );\n";
#define OF(issuer) "{\"iss\":\"" issuer "\",\"aud\":\"api\",\"client_id\":\"cli\"}"
	(void)state;
	struct desk desk = { .remote = NULL };
	struct ask ask;
	uint64_t hits, added;
	world_open(&desk.world);
	assert_int_equal(world_load(&desk.world, conf), EMA_OK);
	seen_free(desk.world.context->seen);
	desk.world.context->seen = seen_new(8, 0); /* all in one place */
	assert_non_null(desk.world.context->seen);
	char *token = world_sign(&desk.world, desk.world.key, "at+jwt", OF("https://at.example"));
	for (size_t i = 0; i < 22; i++) {
		char *other = world_sign(&desk.world, desk.world.key, "at+jwt", OF("https://many.example"));
		ask_call(&ask, &desk, "svc", i % 21 ? other : token, "get_issue", NULL);
		expect(&ask, i, EMA_OK, 200);
		ask_end(&ask);
		free(other);
	}
	seen_counts(desk.world.context->seen, &hits, &added);
	assert_int_equal(hits, 1);
	assert_int_equal(added, 21);
	free(token);
	world_close(&desk.world);
}

/* MCP-25, MCP-67: what a service takes from a provider today counts for what is under way. */
static void tokens_of_the_provider_still(void **state)
{
	/* What the issuer has withdrawn: all but this. */
	static const char other[] = "{\\\"keys\\\":[{\\\"kty\\\":\\\"OKP\\\",\\\"crv\\\":\\\"Ed25519\\\",\\\"x\\\":\\\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\\\"}]}";
	static const char before[] = "audience = ( { provider = \"at\"; is = [\"api://svc\"]; clients = [\"cli\"]; scope_map = ( { from = \"a\"; to = [\"read\"]; } ); } );";
	static const struct {
		const char *provider, *audience;
		int code;
	} rows[] = {
		{ "", before, EMA_OK },
		{ "", before, EMA_UNKNOWN_KEY },
		{ "", "binding = \"required\"; audience = ( { provider = \"at\"; is = [\"api://svc\"]; clients = [\"cli\"]; scope_map = \"any\"; } );", EMA_PROOF_MISSING },
		{ "clients = [\"other\"];", before, EMA_WRONG_CLIENT },
		{ "accepts = [\"id_jag\"];", before, EMA_NOT_MINE },
		{ "actors = [\"other\"];", before, EMA_ACTOR_REFUSED },
		{ "actors = [\"agent\"]; actor_required = true;", before, EMA_OK },
		{ "", "", EMA_NOT_MINE },
		{ "", "audience = ( { provider = \"at\"; is = [\"api://other\"]; clients = [\"cli\"]; scope_map = \"any\"; } );", EMA_WRONG_AUDIENCE },
		{ "", "audience = ( { provider = \"at\"; is = [\"api://other\", \"api://more\"]; clients = [\"cli\"]; scope_map = \"any\"; } );", EMA_OK },
		{ "", "audience = ( { provider = \"at\"; is = [\"api://svc\"]; clients = [\"other\"]; scope_map = \"any\"; } );", EMA_WRONG_CLIENT },
		{ "", "audience = ( { provider = \"at\"; is = [\"api://svc\"]; clients = [\"cli\"]; scope_map = ( { from = \"b\"; to = [\"read\"]; } ); } );", EMA_INSUFFICIENT_SCOPE },
		{ "", "audience = ( { provider = \"at\"; is = [\"api://svc\"]; clients = [\"cli\"]; scope_map = ( { from = \"c\"; to = [\"read\"]; } ); } );", EMA_OK },
	};
	(void)state;
	struct desk desk = { .remote = NULL };
	struct ask ask;
	world_open(&desk.world);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *token = NULL;
		for (int now = 0; now < 2; now++) {
			char conf[2048];
			snprintf(conf, sizeof conf, "issuer = \"" OURS "\";\n"
				"providers = ( { id = \"at\"; plugin = \"oidc\"; issuer = \"https://at.example\"; jwks = \"%s\"; %s %s } );\n"
				"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%%FOLDER%%/audit.jsonl\"; } );\n"
				"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"at\"]; %s\n"
				"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"at\"; scopes = [\"read\"]; } ); } );\n",
				now && rows[i].code == EMA_UNKNOWN_KEY ? other : "%JWKS%", now ? rows[i].provider : "", now && strstr(rows[i].provider, "accepts") ? "" : "accepts = [\"access_token\", \"id_jag\"];",
				now ? rows[i].audience : before);
			assert_int_equal(world_load(&desk.world, conf), EMA_OK);
			if (now) {
				assert_int_equal(ema_decision_still(ask.decision), rows[i].code);
				if (rows[i].code == EMA_PROOF_MISSING) {
					ema_request *request = ema_request_new();
					assert_int_equal(ema_request_credential(request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
					assert_int_equal(ema_decide(desk.world.context, "svc", request, NULL), EMA_PROOF_MISSING);
					/* Whoever explains has no proof either, and is told. */
					struct ask explained = { .request = ema_request_new() };
					ask_tool(&explained, "get_issue", NULL);
					assert_int_equal(ema_request_credential(explained.request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
					assert_int_equal(ema_explain(desk.world.context, "svc", explained.request, 0, &explained.decision), EMA_PROOF_MISSING);
					ask_end(&explained);
					ema_request_free(request);
				}
				break;
			}
			token = world_sign(&desk.world, desk.world.key, "at+jwt",
				"{\"iss\":\"https://at.example\",\"aud\":[\"api://svc\",\"api://more\"],\"client_id\":\"cli\",\"scope\":\"a c\",\"act\":{\"sub\":\"agent\"}}");
			ask_call(&ask, &desk, "svc", token, "get_issue", NULL);
			expect(&ask, i, EMA_OK, 200);
			assert_int_equal(ema_decision_still(ask.decision), EMA_OK);
		}
		ask_end(&ask);
		free(token);
	}
	world_close(&desk.world);
}

/* Whoever looks at a message with its token is told the scopes, each rule and what would have to change; nothing is written. */
static void explained(void **state)
{
	(void)state;
	static const struct {
		const char *scopes[3], *tool, *arguments;
		int code;
		const char *lines[6]; /* STAGE:TEXT, TEXT is in a step of that stage */
		int why;
	} rows[] = {
		{ { "read" }, "get_issue", "{}", EMA_OK, { "scopes:its scopes: read", "grant:it gives this to provider idp by the scope read" }, 0 },
		{ { "read" }, "put_file", "{\"repo\":\"acme/x\"}", EMA_INSUFFICIENT_SCOPE,
		  { "grant:it does not count: the token lacks the scope write", "change:this grant would give it, but the token lacks the scope write" }, 0 },
		{ { "read", "write" }, "put_file", "{\"repo\":\"other/x\"}", EMA_FORBIDDEN,
		  { "scopes:its scopes: read write", "change:this grant would give it, but it counts only if /repo is like \"acme/*\" (sent is \"other/x\")" }, 0 },
		{ { "admin" }, "admin_reset", "{}", EMA_WEAK_AUTHENTICATION, { "change:the login is not acr strong or a\"b\\c, a login of the last 300 s" }, 0 },
		{ { "read" }, "get_secret", "{}", EMA_FORBIDDEN, { "grant:it gives this", "deny:it counts: it is for anybody", "change:this deny must not count" }, 0 },
		{ { "read" }, "other_tool", "{}", EMA_FORBIDDEN, { "change:no grant opens this for anybody" }, 0 },
		{ { "read" }, "nothing", "{}", EMA_FORBIDDEN, { "change:no grant opens this for anybody" }, 0 },
		/* At the service "why", in the group dev: what is refused says who asked. */
		{ { "read" }, "get_secret", "{}", EMA_FORBIDDEN, { "scopes:the subject: idp/-/ada, by the client app", "scopes:its groups: dev (claims)",
		  "change:this deny must not count, or go: it is for anybody", "change:and this deny must not count, or go: it is for subject bo or ada" }, 1 },
		{ { "read", "write" }, "drop_x", "{\"repo\":\"other/x\",\"n\":7,\"force\":true}", EMA_FORBIDDEN, { "change:this deny must not count, or go: it is for anybody",
		  "change:and this grant would give it, but it is for role boss, it counts only if /repo is like \"acme/*\" (sent is \"other/x\") and "
		  "/n is less than 5 (sent is 7) and /force is absent (sent is true)", "change:or this grant would give it, but it is for tenant north" }, 1 },
		{ { "read", "write" }, "put_x", "{\"repo\":\"acme/x\",\"n\":\"7\"}", EMA_FORBIDDEN,
		  { "change:this grant would give it, but it is for role boss, it counts only if /n is less than 5 (sent is \"7\")" }, 1 },
		{ { "read", "write" }, "put_x", "{\"n\":1}", EMA_FORBIDDEN, { "change:it counts only if /repo is like \"acme/*\" (sent is nothing)" }, 1 },
		{ { "read" }, "note://bo/x", NULL, EMA_FORBIDDEN, { "grant:it does not count: the scope read opens it for another subject than this one's",
		  "change:this grant would give it, but the scope read opens it for another subject than this one's" }, 1 },
		{ { "read" }, "note://ada/x", NULL, EMA_OK, { "grant:it gives this to provider idp by the scope read" }, 1 },
	};
	struct desk desk;
	desk_open(&desk, services, "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct made made = { .audience = rows[i].why ? WHY : DEEP, .group = rows[i].why ? "dev" : NULL, .scopes = { rows[i].scopes[0], rows[i].scopes[1] }, .jkt = i ? NULL : "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" };
		struct ask ask = { .request = ema_request_new() };
		char *token = make(&desk, &made);
		char params[80];
		snprintf(params, sizeof params, "\"uri\":\"%s\"", rows[i].tool);
		if (strstr(rows[i].tool, "://"))
			ask_message(&ask, "resources/read", rows[i].tool, params);
		else
			ask_tool(&ask, rows[i].tool, rows[i].arguments);
		assert_int_equal(ema_request_credential(ask.request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
		ask.code = ema_explain(desk.world.context, rows[i].why ? "why" : "deep", ask.request, 0, &ask.decision);
		if (ask.code != rows[i].code)
			fail_msg("%zu: %s: %s", i, ema_code_name(ask.code), ema_decision_operator_line(ask.decision));
		for (size_t k = 0; k < 6 && rows[i].lines[k]; k++) {
			size_t stage = strcspn(rows[i].lines[k], ":"), n = 0;
			while (ema_step_stage(ask.decision, n) && (strlen(ema_step_stage(ask.decision, n)) != stage || strncmp(ema_step_stage(ask.decision, n), rows[i].lines[k], stage) ||
			                                            !strstr(ema_step_text(ask.decision, n), rows[i].lines[k] + stage + 1)))
				n++;
			if (!ema_step_stage(ask.decision, n)) {
				for (n = 0; ema_decision_trace(ask.decision, n); n++)
					print_message("%s\n", ema_decision_trace(ask.decision, n));
				fail_msg("%zu: no step %s", i, rows[i].lines[k]);
			}
		}
		free(token);
		ask_end(&ask);
	}
	/* Records come in order: were there any, they would stand before that of a check. */
	struct ask ask;
	ask_begin(&ask, NULL, NULL);
	ask_tool(&ask, "get_issue", NULL);
	ask_check(&ask, &desk, "deep");
	ask_end(&ask);
	int records = 0;
	for (int tries = 0; tries < 3000 && !records; tries++) {
		char *trail = world_read(&desk.world, "audit.jsonl");
		for (const char *at = trail; (at = strstr(at, "\"kind\":\"check\"")); at++)
			records++;
		free(trail);
		usleep(10000);
	}
	assert_int_equal(records, 1);
	desk_close(&desk);
}

#define AGAIN 1000

static unsigned dice_state = 1;

static unsigned dice(unsigned sides)
{
	dice_state = dice_state * 1103515245u + 12345u;
	return (dice_state >> 16 & 0x7fff) % sides;
}

static const char varied[] =
	"SERVICES:, { id = \"deep\"; resource = \"" DEEP "\"; identity = [\"idp\"]; default_scopes = [\"read\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; uris = [\"file:///docs/*\"]; },\n"
	"    { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; }, { name = \"admin\"; access = \"write\"; tools = [\"admin_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; when = { args = ( { at = \"/n\"; less = 5; } ); }; },\n"
	"    { provider = \"idp\"; subject = [\"bob\", \"eve\"]; scopes = [\"read\", \"write\"]; },\n"
	"    { provider = \"idp\"; scopes = [\"write\"]; when = { args = ( { at = \"/repo\"; like = \"acme/*\"; }, { at = \"/deep/a~1b/1\"; equals = true; } ); }; },\n"
	"    { provider = \"idp\"; client = [\"basic\"]; scopes = [\"write\"]; when = { args = ( { at = \"/force\"; absent = true; } ); }; },\n"
	"    { provider = \"idp\"; group = \"dev\"; scopes = [\"admin\", \"write\"]; when = { args = ( { at = \"/n\"; equals = 1; } ); }; },\n"
	"    { provider = \"idp\"; scopes = [\"admin\"]; when = { acr = [\"strong\"]; max_age = \"5m\"; }; } );\n"
	"  denies = ( { tools = [\"get_secret\"]; }, { subject = [\"eve\"]; tools = [\"put_*\"]; when = { args = ( { at = \"/deep\"; absent = true; } ); }; },\n"
	"    { scopes = [\"read\", \"write\"]; when = { args = ( { at = \"/repo/x\"; equals = \"y\"; }, { at = \"/n\"; equals = 9; } ); }; } ); }";

/* AUD-11, AUD-62, AZN-55: a thousand checks, decided again by their records alone, get the answers that they had, by the same rules. */
static void decided_again(void **state)
{
	(void)state;
	static const char *const tools[] = { "get_issue", "get_secret", "put_file", "admin_reset", "other" };
	static const char *const people[] = { "ada", "bob", "eve" };
	static const char *const repos[] = { "", "\"repo\":\"acme/x\",", "\"repo\":\"evil/\\u0007x\",", "\"repo\":\"acme/\\\"=1\",", "\"repo\":7,",
		                             "\"repo\":{\"x\":\"y\"},", "\"repo\":null," };
	static const char *const deeps[] = { "", "\"deep\":{\"a/b\":[0,true]},", "\"deep\":{\"a/b\":{\"1\":true}},", "\"deep\":3,", "\"deep\":[],",
		                             "\"deep\":{\"a/b\":[0,1]}," };
	static const char *const rests[] = { "\"n\":1", "\"n\":9", "\"n\":1.5", "\"force\":false", "\"n\":\"1\",\"force\":{}" };
	static const char *const scopes[] = { "read", "write", "admin" };
	struct desk desk;
	char folder[128], *trail = NULL, *line, *extra = NULL;
	int seen[EMA_CODES] = { 0 }, again = 0, named = 0;
	desk_open(&desk, "", NULL);
	snprintf(folder, sizeof folder, "%s/kept", desk.world.folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	/* A context with a state_dir: the salt is to be found there. */
	ema_free(desk.world.context);
	desk.world.context = ema_new();
	assert_int_equal(ema_set_plugin_path(desk.world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
	ema_set_server(desk.world.context);
	assert_true(asprintf(&extra, "state_dir = \"%s\";%s", folder, varied) > 0);
	if (desk_load(&desk, extra, NULL))
		fail_msg("%s", ema_error(desk.world.context));
	for (int i = 0; i < AGAIN; i++) {
		char arguments[256];
		struct made made = { .audience = DEEP, .sub = people[dice(3)], .client = dice(2) ? "basic" : "app", .acr = dice(2) ? "strong" : NULL,
			             .issued = dice(2) ? -10 : -600, .group = dice(2) ? "dev" : NULL };
		for (unsigned s = 0, n = 0, some = dice(8); s < 3; s++)
			if (some >> s & 1)
				made.scopes[n++] = scopes[s];
		char *token = make(&desk, &made);
		struct ask ask;
		snprintf(arguments, sizeof arguments, "{%s%s%s}", repos[dice(7)], deeps[dice(6)], rests[dice(5)]);
		ask_begin(&ask, NULL, token);
		if (dice(8))
			ask_tool(&ask, tools[dice(5)], dice(9) ? arguments : "{}");
		else
			ask_message(&ask, "tools/list", NULL, "");
		ask_check(&ask, &desk, "deep");
		ask_end(&ask);
		free(token);
	}
	/* What waits for the sink is written when its context ends; the judge writes nothing. */
	ema_free(desk.world.context);
	desk.world.context = ema_new();
	assert_int_equal(ema_set_plugin_path(desk.world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
	ema_set_observer(desk.world.context);
	assert_int_equal(desk_load(&desk, extra, NULL), EMA_OK);
	line = trail = world_read(&desk.world, "audit.jsonl");
	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		ema_decision *decision = NULL;
		struct json record = { .count = 0 };
		char *why = NULL;
		*end = 0;
		int code = ema_audit_again(desk.world.context, line, (size_t)(end - line), folder, &decision, &why);
		assert_int_equal(json_parse(line, (size_t)(end - line), &json_limits_message, &record, NULL), EMA_OK);
		const char *was = json_string(json_at(&record, "/code")), *rule = json_string(json_at(&record, "/rule"));
		if (strcmp(json_string(json_at(&record, "/kind")), "check")) {
			assert_int_equal(code, EMA_ABSENT);
			assert_null(decision);
		} else {
			size_t n = 0;
			if (!decision || strcmp(ema_code_name(code), was))
				fail_msg("%s, again %s: %s\n%s", was, ema_code_name(code), decision ? ema_decision_operator_line(decision) : why, line);
			while (ema_step_stage(decision, n) && strcmp(ema_step_stage(decision, n), "permission"))
				n++;
			/* By the same rule, where one decided. */
			if (*ema_step_rule(decision, n)) {
				assert_string_equal(rule, ema_step_rule(decision, n));
				named++;
			}
			seen[code]++;
			again++;
		}
		json_free(&record);
		ema_decision_free(decision);
		ema_text_free(why);
	}
	assert_int_equal(again, AGAIN);
	if (named < 300 || seen[EMA_OK] < 50 || seen[EMA_FORBIDDEN] < 50 || seen[EMA_INSUFFICIENT_SCOPE] < 20 || seen[EMA_WEAK_AUTHENTICATION] < 10)
		fail_msg("the dice are loaded: %d %d %d %d %d", named, seen[EMA_OK], seen[EMA_FORBIDDEN], seen[EMA_INSUFFICIENT_SCOPE], seen[EMA_WEAK_AUTHENTICATION]);
	free(trail);
	free(extra);
	desk_close(&desk);
}

/* The line of ema.conf that a FILE:LINE is of. */
static int place_has(struct desk *desk, const char *place, const char *text)
{
	char *conf = world_read(&desk->world, "ema.conf"), *at = conf;
	for (int line = atoi(strrchr(place, ':') + 1); line > 1 && at; line--)
		at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
	assert_non_null(at);
	at[strcspn(at, "\n")] = 0;
	int has = strstr(at, text) != NULL;
	free(conf);
	return has;
}

/* AZN-57: what shadow mode alone lets in is due to the line of its mode, in decision, record, trace and explanation, until when and what it would be without. */
static void shadow_mode_says_so(void **state)
{
	(void)state;
	static const char form[] = "SERVICES:, { id = \"deep\"; resource = \"" DEEP "\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; uris = [\"file:///docs/*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; },\n"
		"    { provider = \"idp\"; group = \"ops\"; scopes = [\"write\"]; } );\n"
		"  denies = ( { tools = [\"get_secret\"]; } );\n  permissions = {\n    mode = \"shadow\"; until = \"%s\"; }; }";
	static const struct { const char *tool, *line, *enforced, *change; int code; } rows[] = {
		{ "get_issue", "grants = (", NULL, NULL, EMA_OK }, { "put_file", "mode = \"shadow\"", "not_granted", "it is for group ops", EMA_OK },
		{ "get_secret", "denies = (", NULL, NULL, EMA_FORBIDDEN },
	};
	const time_t end = time(NULL) + 20 * 86400;
	char until[16], *extra = NULL, said[160];
	struct tm parts;
	struct desk desk;
	struct ask ask;
	gmtime_r(&end, &parts);
	assert_true(strftime(until, sizeof until, "%Y-%m-%d", &parts) > 0);
	assert_true(asprintf(&extra, form, until) > 0);
	snprintf(said, sizeof said, "let in by shadow mode alone, until %s: without it not_granted, no grant gives this to the subject", until);
	desk_open(&desk, extra, NULL);
	char *token = make(&desk, &(struct made){ .audience = DEEP, .scopes = { "read", "write" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = 0;
		ask_call(&ask, &desk, "deep", token, rows[i].tool, NULL);
		expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
		if (!place_has(&desk, desk_audited(&desk, "/rule"), rows[i].line))
			fail_msg("%s: by %s", rows[i].tool, desk_audited(&desk, "/rule"));
		assert_string_equal(desk_audited(&desk, "/enforced"), rows[i].enforced ? rows[i].enforced : "");
		while (ema_step_stage(ask.decision, n) && strcmp(ema_step_stage(ask.decision, n), "permission"))
			n++;
		assert_true(place_has(&desk, ema_step_rule(ask.decision, n), rows[i].line));
		if (rows[i].enforced) {
			assert_string_equal(ema_step_text(ask.decision, n), said);
			assert_non_null(strstr(ema_decision_operator_line(ask.decision), said));
			char place[300];
			snprintf(place, sizeof place, "%.*s", (int)(strlen(ema_decision_operator_line(ask.decision)) - strlen(said) - 2), ema_decision_operator_line(ask.decision));
			assert_true(place_has(&desk, place, rows[i].line));
		} else {
			assert_null(strstr(ema_decision_operator_line(ask.decision), "shadow"));
		}
		ask_end(&ask);
	}
	/* Of two that one message asks for, the one that no grant gives decides. */
	for (int k = 0; k < 2; k++) {
		ask_begin(&ask, NULL, token);
		ask_message(&ask, "subscriptions/listen", NULL, k ? "\"notifications\":{\"resourceSubscriptions\":[\"file:///etc/a\",\"file:///docs/a\"]}" :
		                                                     "\"notifications\":{\"resourceSubscriptions\":[\"file:///docs/a\",\"file:///etc/a\"]}");
		ask_check(&ask, &desk, "deep");
		expect(&ask, (size_t)k, EMA_OK, 200);
		assert_true(place_has(&desk, desk_audited(&desk, "/rule"), "mode = \"shadow\""));
		assert_string_equal(desk_audited(&desk, "/enforced"), "not_granted");
		ask_end(&ask);
	}
	/* Whoever looks is told what a permit by the rules would need. */
	ask = (struct ask){ .request = ema_request_new() };
	ask_tool(&ask, "put_file", NULL);
	assert_int_equal(ema_request_credential(ask.request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
	assert_int_equal(ema_explain(desk.world.context, "deep", ask.request, 0, &ask.decision), EMA_OK);
	size_t n = 0;
	while (ema_step_stage(ask.decision, n) && strcmp(ema_step_stage(ask.decision, n), "change"))
		n++;
	assert_non_null(ema_step_stage(ask.decision, n));
	assert_non_null(strstr(ema_step_text(ask.decision, n), rows[1].change));
	assert_non_null(strstr(ema_decision_operator_line(ask.decision), said));
	ask_end(&ask);
	/* And of a message that cannot be read, what its client is told. */
	static const struct { const char *body; int code; } bad[] = {
		{ "{\"jsonrpc\":", EMA_BAD_JSON }, { "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", EMA_DUPLICATE_MEMBER },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", EMA_TOO_LARGE },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct json json = { .count = 0 };
		ask_begin(&ask, NULL, token);
		assert_int_equal(ema_request_body(ask.request, bad[i].body, strlen(bad[i].body)), EMA_OK);
		ask_check(&ask, &desk, "deep");
		assert_int_equal(ask.code, bad[i].code);
		const char *error = ema_decision_rpc_error(ask.decision);
		assert_int_equal(json_parse(error, strlen(error), &json_limits_document, &json, NULL), EMA_OK);
		char *answered = strdup(json_string(json_at(&json, "/error/message")));
		assert_string_equal(ema_decision_user_line(ask.decision), answered);
		json_free(&json);
		ask_end(&ask);
		ask = (struct ask){ .request = ema_request_new() };
		assert_int_equal(ema_request_body(ask.request, bad[i].body, strlen(bad[i].body)), EMA_OK);
		assert_int_equal(ema_request_credential(ask.request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
		assert_int_equal(ema_explain(desk.world.context, "deep", ask.request, 0, &ask.decision), bad[i].code);
		assert_string_equal(ema_decision_user_line(ask.decision), answered);
		/* The operator is told the place. */
		if (bad[i].code == EMA_BAD_JSON || bad[i].code == EMA_DUPLICATE_MEMBER)
			assert_non_null(strstr(ema_decision_operator_line(ask.decision), "at byte "));
		free(answered);
		ask_end(&ask);
	}
	free(token);
	free(extra);
	desk_close(&desk);
}

/* AUD-11: of a person with hundreds of groups the record has the one at which a rule looks; a configuration that looks at another decides nothing by it. */
static void groups_that_no_rule_sees(void **state)
{
	(void)state;
	static const char staff[] = "directories = ( { id = \"staff\"; plugin = \"file\"; path = \"people.conf\"; } );SERVICES:, { id = \"deep\"; resource = \"" DEEP "\";\n"
		"  identity = [\"idp\"]; directory = ( { id = \"staff\"; for = [\"idp\"]; } ); scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } );\n  ";
	static const struct { const char *rules; int code; const char *why; } rows[] = {
		{ "grants = ( { provider = \"idp\"; group = [\"g599\", \"away\"]; from = \"staff\"; scopes = [\"read\"]; } ); }", EMA_OK, NULL },
		{ "grants = ( { provider = \"idp\"; group = \"g599\"; from = \"staff\"; scopes = [\"read\"]; } ); }", EMA_OK, NULL },
		{ "grants = ( { provider = \"idp\"; group = \"away\"; from = \"staff\"; scopes = [\"read\"]; } ); }", EMA_FORBIDDEN, NULL },
		{ "grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }", EMA_OK, NULL },
		{ "grants = ( { provider = \"idp\"; group = \"g598\"; from = \"staff\"; scopes = [\"read\"]; } ); }", EMA_BAD_REQUEST, "group or role \"g598\"" },
		{ "grants = ( { provider = \"idp\"; group = \"g599\"; scopes = [\"read\"]; } ); }", EMA_BAD_REQUEST, "group or role \"g599\"" },
		{ "grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); denies = ( { group = \"g1\"; tools = [\"get_*\"]; } ); }", EMA_BAD_REQUEST, "group or role \"g1\"" },
		{ "grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); denies = ( { role = \"g599\"; tools = [\"get_*\"]; mode = \"shadow\"; } ); }", EMA_BAD_REQUEST, "group or role \"g599\"" },
	};
	struct desk desk;
	struct ask ask;
	struct buffer people = BUFFER_INIT(65536);
	desk_open(&desk, "", NULL);
	buffer_text(&people, "people = ( { id = \"ada\"; subjects = [\"idp/-/ada\"]; groups = [\"g0\"");
	for (int i = 1; i < 600; i++)
		buffer_printf(&people, ", \"g%d\"", i);
	buffer_text(&people, "]; } );\n");
	world_file(&desk.world, "people.conf", people.data);
	char *line = NULL;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *extra = NULL, *why = NULL;
		ema_decision *decision = NULL;
		assert_true(asprintf(&extra, "%s%s", staff, rows[i].rules) > 0);
		if (desk_load(&desk, extra, NULL))
			fail_msg("%zu: %s", i, ema_error(desk.world.context));
		free(extra);
		if (!i) {
			char *token = make(&desk, &(struct made){ .audience = DEEP, .scopes = { "read" } });
			ask_call(&ask, &desk, "deep", token, "get_issue", NULL);
			expect(&ask, i, EMA_OK, 200);
			ask_end(&ask);
			free(token);
			assert_string_equal(desk_audited(&desk, "/held_groups/0"), "staff:g599");
			assert_string_equal(desk_audited(&desk, "/held_groups/1"), "");
			char *trail = world_read(&desk.world, "audit.jsonl"), *from = strstr(trail, "\"kind\":\"check\"");
			while (from > trail && from[-1] != '\n')
				from--;
			assert_non_null(line = strdup(from));
			line[strcspn(line, "\n")] = 0;
			assert_null(strstr(line, "g598"));
			free(trail);
		}
		int code = ema_audit_again(desk.world.context, line, strlen(line), NULL, &decision, &why);
		if (code != rows[i].code || (rows[i].why ? !why || !strstr(why, rows[i].why) : !decision))
			fail_msg("%zu: %s: %s", i, ema_code_name(code), why ? why : "");
		ema_decision_free(decision);
		ema_text_free(why);
	}
	free(line);
	buffer_free(&people);
	desk_close(&desk);
}

/* The record of the last check, as one line. */
static char *last_check(struct desk *desk)
{
	assert_string_equal(desk_audited(desk, "/kind"), "check");
	char *trail = world_read(&desk->world, "audit.jsonl");
	trail[strlen(trail) - 1] = 0;
	char *line = strdup(strrchr(trail, '\n') ? strrchr(trail, '\n') + 1 : trail);
	assert_non_null(line);
	free(trail);
	return line;
}

/* As an earlier version wrote it. */
static void forget(char *line, const char *field)
{
	char *from = strstr(line, field), *to = from ? strchr(from, ',') : NULL;
	assert_non_null(to);
	memmove(from, to + 1, strlen(to + 1) + 1);
}

static void is_again(struct desk *desk, size_t row, const char *line, int code, const char *why)
{
	ema_decision *decision = NULL;
	char *said = NULL;
	int again = ema_audit_again(desk->world.context, line, strlen(line), NULL, &decision, &said);
	if (again != code || (why ? decision || !said || !strstr(said, why) : !decision))
		fail_msg("%zu: %s: %s\n%s", row, ema_code_name(again), said ? said : "", line);
	ema_decision_free(decision);
	ema_text_free(said);
}

/* MCP-43, AUD-11: an answer to the server has a name in the record, by which it can be decided again. */
static void responses_have_a_name(void **state)
{
	static const char body[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"action\":\"accept\"}}";
	(void)state;
	struct desk desk;
	struct ask ask;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .scopes = { "read" } });
	ask_begin(&ask, NULL, token);
	header(&ask, "MCP-Protocol-Version", "2025-11-25");
	assert_int_equal(ema_request_body(ask.request, body, strlen(body)), EMA_OK);
	ask_check(&ask, &desk, "svc");
	expect(&ask, 0, EMA_OK, 200);
	ask_end(&ask);
	char *line = last_check(&desk);
	assert_non_null(strstr(line, "\"method\":\"response\""));
	is_again(&desk, 0, line, EMA_OK, NULL);
	free(line);
	free(token);
	desk_close(&desk);
}

/* AUD-11: where a rule looks at an argument at which none looked, it is not known whether it was there; nor is the name of a subject. */
static void arguments_that_no_rule_sees(void **state)
{
	(void)state;
	static const char form[] = "SERVICES:, { id = \"deep\"; resource = \"" DEEP "\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\", \"put_*\"%s]; uris = [\"note:///**\"%s]; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; %s } ); denies = ( { %s } ); }";
	enum { CALL, BARE, LIST, READ, OLD, RECORDS };
#define NONE "tools = [\"none\"];"
#define ARGUMENT(at, test) "when = { args = ( { at = \"" at "\"; " test "; } ); };"
#define PASSWORD "the argument /password, at which none looked"
#define NAMED "takes the subject's name in"
	static const struct {
		const char *tools, *uris, *grant, *deny;
		struct { int code; const char *why; } again[RECORDS];
	} rows[] = {
		{ "", "", "", "tools = [\"get_*\"]; " ARGUMENT("/mode", "equals = \"force\""),
		  { { EMA_OK, NULL }, { EMA_FORBIDDEN, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, "/mode, and the record, of an earlier version, does not say" } } },
		{ "", "", "", "tools = [\"get_*\"]; " ARGUMENT("/mode", "equals = \"x\""),
		  { { EMA_FORBIDDEN, NULL }, { EMA_FORBIDDEN, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, "/mode, and the record, of an earlier version, does not say" } } },
		{ "", "", "", "tools = [\"get_*\"]; " ARGUMENT("/password", "equals = \"x\""),
		  { { EMA_BAD_REQUEST, PASSWORD }, { EMA_FORBIDDEN, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, "earlier version" } } },
		{ "", "", ARGUMENT("/password", "absent = true"), NONE,
		  { { EMA_BAD_REQUEST, PASSWORD }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, "earlier version" } } },
		{ "", "", "", "tools = [\"put_*\"]; " ARGUMENT("/password", "equals = \"x\""),
		  { { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL } } },
		{ "", "", "", "client = \"basic\"; tools = [\"get_*\"]; " ARGUMENT("/password", "equals = \"x\""),
		  { { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL } } },
		{ "", ", \"home:///{subject}/*\"", "", NONE,
		  { { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, NAMED }, { EMA_OK, NULL } } },
		{ "", "", "", "uris = [\"home:///{subject}/*\"];",
		  { { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, NAMED }, { EMA_OK, NULL } } },
		{ ", \"own_{subject}\"", "", "", NONE,
		  { { EMA_BAD_REQUEST, NAMED }, { EMA_BAD_REQUEST, NAMED }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, NAMED } } },
		{ "", "", "", "tools = [\"get_*\"]; " ARGUMENT("/mode", "like = \"{subject}\""),
		  { { EMA_BAD_REQUEST, NAMED }, { EMA_BAD_REQUEST, NAMED }, { EMA_OK, NULL }, { EMA_OK, NULL }, { EMA_BAD_REQUEST, NAMED } } },
	};
	char *lines[RECORDS] = { NULL };
	struct desk desk;
	struct ask ask;
	desk_open(&desk, "", NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *extra = NULL;
		assert_true(asprintf(&extra, form, rows[i].tools, rows[i].uris, rows[i].grant, rows[i].deny) > 0);
		if (desk_load(&desk, extra, NULL))
			fail_msg("%zu: %s", i, ema_error(desk.world.context));
		free(extra);
		char *token = i ? NULL : make(&desk, &(struct made){ .audience = DEEP, .scopes = { "read" } });
		for (int k = 0; token && k < OLD; k++) {
			ask_begin(&ask, NULL, token);
			if (k == CALL)
				ask_tool(&ask, "get_issue", "{\"mode\":\"x\",\"password\":\"CANARY123\"}");
			else if (k == LIST)
				ask_message(&ask, "tools/list", NULL, "");
			else
				ask_message(&ask, k == READ ? "resources/read" : "tools/call", k == READ ? "note:///a" : "get_issue", k == READ ? "\"uri\":\"note:///a\"" : "\"name\":\"get_issue\"");
			ask_check(&ask, &desk, "deep");
			expect(&ask, (size_t)k, rows[0].again[k].code, rows[0].again[k].code ? 403 : 200);
			ask_end(&ask);
			lines[k] = last_check(&desk);
			assert_null(strstr(lines[k], "CANARY"));
			assert_null(strstr(lines[k], "password"));
		}
		free(token);
		if (!i) {
			lines[OLD] = strdup(lines[CALL]);
			forget(lines[OLD], "\"arguments_view\"");
		}
		for (int k = 0; k < RECORDS; k++)
			is_again(&desk, i * 10 + (size_t)k, lines[k], rows[i].again[k].code, rows[i].again[k].why);
	}
	/* A page that is not let in is refused before anybody is known. */
	ask_begin(&ask, NULL, NULL);
	header(&ask, "Origin", "https://evil.example");
	ask_tool(&ask, "get_issue", NULL);
	ask_check(&ask, &desk, "deep");
	expect(&ask, 0, EMA_FORBIDDEN, 403);
	ask_end(&ask);
	char *line = last_check(&desk);
	is_again(&desk, 0, line, EMA_BAD_REQUEST, "for the page that it came from");
	free(line);
	for (int k = 0; k < RECORDS; k++)
		free(lines[k]);
	desk_close(&desk);
}

/* AUD-11: the scopes of a provider's own token are what the service made of it; what another audience entry would, is not known. */
static void audiences_that_changed(void **state)
{
	static const char form[] = "issuer = \"" OURS "\";\n"
		"providers = ( { id = \"at\"; plugin = \"oidc\"; issuer = \"https://at.example\"; jwks = \"%%JWKS%%\"; accepts = [\"access_token\"]; } );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%%FOLDER%%/audit.jsonl\"; } );\n"
		"services = ( { id = \"some\"; resource = \"https://mcp.example/some\"; identity = [\"at\"];\n"
		"  audience = ( { provider = \"at\"; is = [%s]; clients = [%s]; scope_map = %s; } );\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } %s ); grants = ( { provider = \"at\"; scopes = [\"read\"]; %s } ); } );\n";
#define OTHER "audience entry for it is another"
#define MAP "( { from = \"a.read\"; to = [\"read\"]; } )"
	static const struct { const char *is, *clients, *map, *scopes, *grant; int code; const char *why; } rows[] = {
		{ "\"api://some\"", "\"cli\"", MAP, "", "", EMA_OK, NULL },
		{ "\"api://some\"", "\"cli\"", "(\n { to = [\"read\"]; from = \"a.read\"; } )", "", "client = \"other\";", EMA_FORBIDDEN, NULL },
		{ "\"api://some\"", "\"cli\"", MAP, ", { name = \"write\"; access = \"write\"; tools = [\"get_*\"]; }", "", EMA_OK, NULL },
		/* MCP-14: by a scope that the map gives to nobody. */
		{ "\"api://some\"", "\"cli\"", MAP, ", { name = \"write\"; access = \"write\"; tools = [\"get_*\"]; }", "tools = [\"get_none\"]; }, { provider = \"at\"; scopes = [\"write\"];", EMA_FORBIDDEN, NULL },
		{ "\"api://some\"", "\"cli\"", "( { from = \"a.all\"; to = [\"read\"]; } )", "", "", EMA_BAD_REQUEST, OTHER },
		{ "\"api://some\"", "\"cli\"", "\"any\"", "", "", EMA_BAD_REQUEST, OTHER },
		{ "\"api://some\"", "\"other\"", MAP, "", "", EMA_BAD_REQUEST, OTHER },
		{ "\"api://some\"", "\"cli\"", MAP, "", "", EMA_NOT_GRANTED, NULL }, /* of another provider */
		{ "\"api://other\"", "\"cli\"", MAP, "", "", EMA_BAD_REQUEST, OTHER },
	};
	(void)state;
	struct desk desk = { .remote = NULL };
	struct ask ask;
	char *line = NULL;
	world_open(&desk.world);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *conf = NULL;
		assert_true(asprintf(&conf, form, rows[i].is, rows[i].clients, rows[i].map, rows[i].scopes, rows[i].grant) > 0);
		for (char *at = conf; rows[i].code == EMA_NOT_GRANTED && (at = strstr(at, "\"at\""));)
			at[1] = 'b';
		if (world_load(&desk.world, conf))
			fail_msg("%zu: %s", i, ema_error(desk.world.context));
		free(conf);
		if (!i) {
			char *token = world_sign(&desk.world, desk.world.key, "at+jwt", "{\"iss\":\"https://at.example\",\"aud\":\"api://some\",\"client_id\":\"cli\",\"scope\":\"a.read\"}");
			ask_call(&ask, &desk, "some", token, "get_issue", NULL);
			expect(&ask, i, EMA_OK, 200);
			ask_end(&ask);
			free(token);
			line = last_check(&desk);
		}
		is_again(&desk, i, line, rows[i].code, rows[i].why);
	}
	forget(line, "\"audience_view\"");
	is_again(&desk, 99, line, EMA_BAD_REQUEST, "does not say what the service made");
	free(line);
	world_close(&desk.world);
}

/* What cannot be decided again is said, and not guessed. */
static void never_guessed(void **state)
{
	(void)state;
#define RECORD(more) "{\"kind\":\"check\",\"code\":\"ok\",\"service\":\"deep\",\"method\":\"tools/call\",\"target\":\"get_issue\",\"provider\":\"idp\"," \
	"\"subject\":\"p\",\"salt\":\"s\",\"token_id\":\"t\",\"decided_at\":1791806400,\"held_scopes\":[\"read\"]" more "}"
	static const struct {
		const char *line;
		int code;
		const char *why;
	} rows[] = {
		{ "x", EMA_BAD_JSON, "" },
		{ "{\"kind\":\"decision\",\"code\":\"ok\"}", EMA_ABSENT, "no record of a check" },
		{ "{\"kind\":\"check\",\"code\":\"expired\"}", EMA_BAD_REQUEST, "not the permissions that answered: expired" },
		{ "{\"kind\":\"check\",\"code\":\"ok\"}", EMA_BAD_REQUEST, "lacks what a decision needs" },
		{ RECORD(",\"unrepeatable\":\"it asked for more than one target\""), EMA_BAD_REQUEST, "more than one target" },
		{ RECORD(",\"amr\":[\"a\",\"...[cut 3]\"]"), EMA_BAD_REQUEST, "was cut" },
		{ RECORD(",\"acr\":\"abc...[cut 3]\""), EMA_BAD_REQUEST, "was cut" },
		{ RECORD(",\"held_groups\":[\"nosource\"]"), EMA_BAD_REQUEST, "no source" },
		{ RECORD(",\"arguments\":[\"/a\"]"), EMA_BAD_REQUEST, "POINTER=VALUE" },
		{ RECORD(",\"arguments\":[\"/a~2=1\"]"), EMA_BAD_REQUEST, "POINTER=VALUE" },
		{ RECORD(",\"arguments\":[\"/~0=1\",\"/~=1\"]"), EMA_BAD_REQUEST, "POINTER=VALUE" },
		{ RECORD(",\"arguments\":[\"/\\u200e=1\"]"), EMA_BAD_REQUEST, "POINTER=VALUE" },
		/* A rule names subjects, and whether the pseudonym is one of them cannot be said. */
		{ RECORD(""), EMA_BAD_REQUEST, "the key of the record's pseudonyms is not there" },
	};
	struct desk desk;
	desk_open(&desk, varied, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ema_decision *decision = NULL;
		char *why = NULL;
		int code = ema_audit_again(desk.world.context, rows[i].line, strlen(rows[i].line), NULL, &decision, &why);
		if (code != rows[i].code || decision || !strstr(why, rows[i].why))
			fail_msg("%zu: %s: %s", i, ema_code_name(code), why ? why : "");
		ema_text_free(why);
	}
	desk_close(&desk);
}

/* Whom the directory knows by the e-mail address alone is known to it at each request, too. */
static void known_by_address(void **state)
{
	(void)state;
	static const char extra[] =
		"directories = ( { id = \"staff\"; plugin = \"file\"; path = \"people.conf\"; } );PROVIDER: authority = [\"acme.example\"];";
	struct desk desk;
	struct ask ask;
	desk_open(&desk, "", "");
	world_file(&desk.world, "people.conf", "people = ( { id = \"ada\"; email = \"ada@acme.example\"; groups = [\"dev\"]; } );\n");
	assert_int_equal(desk_load(&desk, extra, "directory = ( { id = \"staff\"; for = [\"idp\"]; required = true; } );"), EMA_OK);
	desk_redeem(&desk, world_token(&desk.world, "{\"email\":\"ada@acme.example\",\"email_verified\":true}"), NULL, NULL);
	assert_int_equal(desk.status, 200);
	ask_begin(&ask, NULL, desk_text(&desk, "/access_token"));
	ask_tool(&ask, "get_issue", NULL);
	ask_check(&ask, &desk, "svc");
	if (ask.code)
		fail_msg("%s", ema_decision_operator_line(ask.decision));
	assert_string_equal(ema_decision_person(ask.decision), "ada");
	ask_end(&ask);
	desk_close(&desk);
}

/* JAG-87: whom it knows by a SAML name alone, too: what his groups deny is denied, and when he is locked out he is out at once. */
static void known_by_saml_name(void **state)
{
	(void)state;
	static const char extra[] =
		"directories = ( { id = \"staff\"; plugin = \"file\"; path = \"people.conf\"; } );\n"
		"SERVICES:, { id = \"saml\"; resource = \"https://mcp.example/saml\"; identity = [\"okta\"]; directory = ( { id = \"staff\"; for = [\"okta\"]; } );\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"okta\"; scopes = [\"read\"]; } );\n"
		"  denies = ( { provider = \"okta\"; group = \"barred\"; tools = [\"get_held\"]; } ); }"
		"PROVIDER:}, { id = \"okta\"; plugin = \"okta_xaa\"; org = \"https://org.example\"; jwks = \"%JWKS%\"; saml_issuer = [\"http://www.okta.com/exk1\"];";
	static const char people[] = "people = ( { id = \"bob\"; name_ids = [\"http%%3A%%2F%%2Fwww.okta.com%%2Fexk1/bob\"]; groups = [\"barred\"]; active = %s; } );\n";
	struct desk desk;
	struct ask ask;
	char text[256];
	desk_open(&desk, "", "");
	snprintf(text, sizeof text, people, "true");
	world_file(&desk.world, "people.conf", text);
	assert_int_equal(desk_load(&desk, extra, NULL), EMA_OK);
	desk_redeem(&desk, world_token(&desk.world, "{\"iss\":\"https://org.example\",\"sub\":\"00u2\",\"sub_id\":{\"format\":\"saml-nameid\","
	                                            "\"issuer\":\"http://www.okta.com/exk1\",\"nameid\":\"bob\"}}"), NULL, "https://mcp.example/saml");
	assert_int_equal(desk.status, 200);
	char *token = strdup(desk_text(&desk, "/access_token"));
	ask_call(&ask, &desk, "saml", token, "get_held", NULL);
	expect(&ask, 0, EMA_FORBIDDEN, 403);
	ask_end(&ask);
	ask_call(&ask, &desk, "saml", token, "get_issue", NULL);
	expect(&ask, 1, EMA_OK, 200);
	assert_string_equal(ema_decision_person(ask.decision), "bob");
	assert_int_equal(ema_decision_still(ask.decision), EMA_OK);
	snprintf(text, sizeof text, people, "false");
	world_file(&desk.world, "people.conf", text);
	assert_int_equal(desk_load(&desk, extra, NULL), EMA_OK);
	assert_int_equal(ema_decision_still(ask.decision), EMA_DISABLED);
	ask_end(&ask);
	ask_call(&ask, &desk, "saml", token, "get_issue", NULL);
	assert_int_equal(ask.code, EMA_DISABLED);
	ask_end(&ask);
	free(token);
	desk_close(&desk);
}

/* A client that was taken out, or that may reach or have less than when its token was made, has that from the next request on. */
static void what_a_client_lost(void **state)
{
	static const struct {
		const char *client, *audience, *service, *tool;
		int code;
	} rows[] = {
		{ "app", SVC, "svc", "put_file", EMA_OK }, { "gone", SVC, "svc", "get_issue", EMA_NOT_GRANTED },
		{ "retired", SVC, "svc", "get_issue", EMA_OK }, { "retired", TREE, "tree", "get_issue", EMA_NOT_GRANTED },
		{ "post", SVC, "svc", "get_issue", EMA_OK }, { "post", SVC, "svc", "put_file", EMA_FORBIDDEN },
		/* Of a scope that is too broad what it includes is left. */
		{ "post", TREE, "tree", "get_issue", EMA_OK }, { "post", TREE, "tree", "put_file", EMA_FORBIDDEN },
		{ "https://listed.example/c", SVC, "svc", "get_issue", EMA_OK }, { "https://other.example/c", SVC, "svc", "get_issue", EMA_NOT_GRANTED },
	};
	(void)state;
	struct desk desk;
	char more[sizeof services + 64];
	snprintf(more, sizeof more, "client_documents = { hosts = \"listed.example\"; };\n%s", services);
	desk_open(&desk, more, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ask ask;
		char *token = make(&desk, &(struct made){ .audience = rows[i].audience, .client = rows[i].client, .scopes = { "write", strcmp(rows[i].service, "tree") ? "read" : NULL } });
		for (int again = 0; again < 2; again++) {
			ask_call(&ask, &desk, rows[i].service, token, rows[i].tool, NULL);
			expect(&ask, i, rows[i].code, rows[i].code ? 403 : 200);
			ask_end(&ask);
		}
		free(token);
	}
	desk_close(&desk);
}

/* REV-09: a replica whose clock is ahead made it: it is not active here yet, and can be revoked. */
static void a_token_from_ahead(void **state)
{
	(void)state;
	struct desk desk;
	desk_open(&desk, services, NULL);
	char *token = make(&desk, &(struct made){ .issued = 300, .scopes = { "read" } }), *client = desk_assertion(&desk, "");
	desk_form(&desk, "/introspect", "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl", "token", token, NULL);
	assert_int_equal(desk.status, 200);
	assert_true(json_is(json_at(&desk.json, "/active"), JSON_FALSE));
	desk_form(&desk, "/revoke", NULL, "token", token, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL);
	assert_int_equal(desk.status, 200);
	assert_string_equal(desk_audited(&desk, "/reason"), "the token was revoked by its client");
	free(client);
	free(token);
	desk_close(&desk);
}

/* Guards are told what is asked for, of each target; a URI in the form that rules look at. */
static void guards_know_the_target(void **state)
{
	static const char guarded[] =
		"guards = ( { id = \"some\"; plugin = \"fault\"; code = \"denied\"; text = \"not that one\"; about = [\"tools/call get_b\", \"resources/read file:///docs/x\",\n"
		"  \"subscriptions/listen file:///docs/x\", \"tools/list -\", \"prompts/get explain\"]; } );\n"
		"SERVICES:, { id = \"watched\"; resource = \"https://mcp.example/watched\"; identity = [\"idp\"]; guards = [\"some\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; prompts = [\"explain\", \"sum\"]; uris = [\"file:///docs/*\"]; } );\n"
		"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }";
	static const struct { const char *method, *target; int code; } named[] = {
		{ "tools/call", "get_a", EMA_OK }, { "tools/call", "get_b", EMA_DENIED }, { "prompts/get", "sum", EMA_OK }, { "prompts/get", "explain", EMA_DENIED },
		{ "resources/read", "file:///docs/a", EMA_OK }, { "resources/read", "file:///docs/x", EMA_DENIED },
		{ "resources/read", "FILE:///docs/./%78", EMA_DENIED }, { "tools/list", NULL, EMA_DENIED }, { "prompts/list", NULL, EMA_OK },
		{ "ping", NULL, EMA_OK },
	};
	static const struct { const char *method, *name, *params; int code; } messages[] = {
		{ "tools/call", "get_a", "\"name\":\"get_a\"", EMA_OK },
		{ "tools/call", "get_b", "\"name\":\"get_b\"", EMA_DENIED },
		{ "subscriptions/listen", NULL, "\"notifications\":{\"resourceSubscriptions\":[\"file:///docs/a\",\"file:///docs/b\"]}", EMA_OK },
		{ "subscriptions/listen", NULL, "\"notifications\":{\"resourceSubscriptions\":[\"file:///docs/a\",\"file:///docs/x\"]}", EMA_DENIED },
		/* The message is at fault, whatever a guard would say. */
		{ "tools/call", "get_a", "\"name\":\"get_b\"", EMA_BAD_MESSAGE },
	};
	(void)state;
	struct desk desk;
	desk_open(&desk, guarded, NULL);
	char *token = make(&desk, &(struct made){ .audience = "https://mcp.example/watched", .scopes = { "read" } });
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		ema_decision *decision = NULL;
		int code = desk_check(&desk, "watched", token, named[i].method, named[i].target, NULL, &decision);
		if (code != named[i].code || (code && !strstr(ema_decision_operator_line(decision), "not that one")))
			fail_msg("%s %s: %s", named[i].method, named[i].target ? named[i].target : "", ema_decision_operator_line(decision));
		ema_decision_free(decision);
	}
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		struct ask ask;
		ask_begin(&ask, NULL, token);
		ask_message(&ask, messages[i].method, messages[i].name, messages[i].params);
		ask_check(&ask, &desk, "watched");
		if (ask.code != messages[i].code)
			fail_msg("message %zu: %s", i, ema_decision_operator_line(ask.decision));
		ask_end(&ask);
	}
	free(token);
	desk_close(&desk);
}

#define GUARDED "guards = ( { control = \"required\"; guard = \"some\"; when = { email_domain = [\"acme.example\"]; }; } );"

static int call_code(struct desk *desk, const char *service, const char *token)
{
	struct ask ask;
	ask_begin(&ask, NULL, token);
	ask_tool(&ask, "get_issue", NULL);
	ask_check(&ask, desk, service);
	const int code = ask.code;
	ask_end(&ask);
	return code;
}

/* A guard for some domains is asked about a token of ours, also of one that was made before it; and an address counts as the
   authority of today has it. */
static void addresses_count_as_of_today(void **state)
{
	(void)state;
	static const char with[] =
		"guards = ( { id = \"some\"; plugin = \"fault\"; code = \"denied\"; about = [\"tools/call get_issue\"]; } );\n"
		"SERVICES:, { id = \"mail\"; resource = \"https://mcp.example/mail\"; identity = ( { control = \"sufficient\"; provider = \"idp\"; when = { email_domain = [\"acme.example\"]; }; } );\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); }PROVIDER: authority = [\"%s.example\"];";
	char acme[1024], other[1024];
	struct desk desk;
	snprintf(acme, sizeof acme, with, "acme");
	snprintf(other, sizeof other, with, "other");
	desk_open(&desk, acme, GUARDED);
	for (int i = 0; i < 3; i++) {
		/* With the guard, with another one's address, and before the guard. */
		assert_int_equal(desk_load(&desk, acme, i == 2 ? NULL : GUARDED), EMA_OK);
		desk_redeem(&desk, world_token(&desk.world, i == 1 ? "{\"scope\":\"read\"}" : "{\"scope\":\"read\",\"email\":\"ada@acme.example\"}"), NULL, SVC);
		assert_int_equal(desk.status, 200);
		char *token = strdup(desk_text(&desk, "/access_token"));
		assert_int_equal(call_code(&desk, "svc", token), i ? EMA_OK : EMA_DENIED);
		assert_int_equal(desk_load(&desk, acme, GUARDED), EMA_OK);
		assert_int_equal(call_code(&desk, "svc", token), i == 2 ? EMA_MISSING_CLAIM : i ? EMA_OK : EMA_DENIED);
		free(token);
	}
	desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read\",\"email\":\"ada@acme.example\"}"), NULL, "https://mcp.example/mail");
	assert_int_equal(desk.status, 200);
	char *token = strdup(desk_text(&desk, "/access_token"));
	assert_int_equal(call_code(&desk, "mail", token), EMA_OK);
	assert_int_equal(desk_load(&desk, other, NULL), EMA_OK);
	assert_int_equal(call_code(&desk, "mail", token), EMA_NOT_GRANTED);
	/* The guard would not be asked about anybody any more. */
	assert_int_equal(desk_load(&desk, other, GUARDED), EMA_CONFIG);
	assert_non_null(strstr(ema_error(desk.world.context), "E-NO-SOURCE"));
	free(token);
	desk_close(&desk);
}

/* JWT-77: where the endpoint lies below the resource, a proof is for the one or the other; its host is never the client's to say. */
static void a_proof_for_what_lies_below(void **state)
{
	static const struct {
		const char *target, *proven;
		int code;
	} rows[] = {
		{ "/svc/mcp?session=1", "https://mcp.example/svc/mcp", EMA_OK },
		{ "/svc/mcp", "https://mcp.example/svc", EMA_OK },
		{ "/svc", "https://mcp.example/svc", EMA_OK },
		{ "/svc/mcp", "https://mcp.example/svc/other", EMA_BAD_PROOF },
		{ "/svc/mcp", "https://evil.example/svc/mcp", EMA_BAD_PROOF },
		{ "/svcs/mcp", "https://mcp.example/svcs/mcp", EMA_BAD_PROOF },
		{ "/other", "https://mcp.example/other", EMA_BAD_PROOF },
		{ "https://evil.example/svc", "https://evil.example/svc", EMA_BAD_PROOF },
		{ NULL, "https://mcp.example/svc/mcp", EMA_BAD_PROOF },
	};
	(void)state;
	struct desk desk;
	struct ask ask;
	struct jwk *key = NULL;
	desk_open(&desk, services, NULL);
	assert_int_equal(jwk_generate(JOSE_ES256, &key, NULL), EMA_OK);
	char *token = make(&desk, &(struct made){ .jkt = jwk_thumbprint(key), .scopes = { "read" } });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *proof = prove(&desk, key, "POST", rows[i].proven, token);
		ask_begin(&ask, "DPoP", token);
		header(&ask, "DPoP", proof);
		assert_int_equal(ema_request_set(ask.request, EMA_REQUEST_URL, rows[i].target), EMA_OK);
		ask_tool(&ask, "get_issue", NULL);
		ask_check(&ask, &desk, "svc");
		expect(&ask, i, rows[i].code, rows[i].code ? 401 : 200);
		ask_end(&ask);
		free(proof);
	}
	free(token);
	jwk_free(key);
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_filled),
		cmocka_unit_test(credentials),
		cmocka_unit_test(nothing_of_a_query_is_kept),
		cmocka_unit_test(tokens),
		cmocka_unit_test(kinds_by_their_type),
		cmocka_unit_test(permissions),
		cmocka_unit_test(all_missing_scopes_at_once),
		cmocka_unit_test(a_retry_is_a_new_request),
		cmocka_unit_test(named),
		cmocka_unit_test(named_without_arguments),
		cmocka_unit_test(messages),
		cmocka_unit_test(possession),
		cmocka_unit_test(possession_of_a_certificate),
		cmocka_unit_test(changes),
		cmocka_unit_test(a_stream_of_several),
		cmocka_unit_test(a_token_ends),
		cmocka_unit_test(a_scope_includes_another),
		cmocka_unit_test(a_narrow_client_is_not_sent_away),
		cmocka_unit_test(arguments_that_differ_by_case),
		cmocka_unit_test(a_token_of_another_service),
		cmocka_unit_test(headers_that_copy_arguments),
		cmocka_unit_test(lists),
		cmocka_unit_test(records),
		cmocka_unit_test(records_of_uris),
		cmocka_unit_test(embedder),
		cmocka_unit_test(tokens_of_the_provider),
		cmocka_unit_test(tokens_of_the_provider_still),
		cmocka_unit_test(a_flood_of_a_provider),
		cmocka_unit_test(scopes_of_a_check),
		cmocka_unit_test(explained),
		cmocka_unit_test(known_by_address),
		cmocka_unit_test(known_by_saml_name),
		cmocka_unit_test(shadow_mode_says_so),
		cmocka_unit_test(groups_that_no_rule_sees),
		cmocka_unit_test(responses_have_a_name),
		cmocka_unit_test(arguments_that_no_rule_sees),
		cmocka_unit_test(audiences_that_changed),
		cmocka_unit_test(decided_again),
		cmocka_unit_test(never_guessed),
		cmocka_unit_test(guards_know_the_target),
		cmocka_unit_test(addresses_count_as_of_today),
		cmocka_unit_test(a_token_from_ahead),
		cmocka_unit_test(what_a_client_lost),
		cmocka_unit_test(a_proof_for_what_lies_below),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
