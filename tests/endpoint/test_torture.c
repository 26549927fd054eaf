/*
 * No memory, at each place where an endpoint asks for it: an error of ours, never a token, and nothing broken behind it.
 */
#define _GNU_SOURCE
#include "desk.h"

#include <limits.h>
#include <stdio.h>

#include <openssl/crypto.h>

#include "buffer.h"
#include "clock.h"
#include "dpop.h"
#include "jws.h"

#include "../context/torture.h"
#include "../context/wrap.h"

#define SERVES (EMA_SERVE_TOKEN | EMA_SERVE_METADATA | EMA_SERVE_INTROSPECTION | EMA_SERVE_DECISION | EMA_SERVE_AUTHZEN)
#define GATEWAY "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl"

/* All that a redemption may pass by. */
static const char extra[] =
	"rates = { address = 0; subject = 0; }; proxies = [\"192.0.2.7\"];\n"
	"directories = ( { id = \"people\"; plugin = \"file\"; path = \"people.conf\"; } ); guards = ( { id = \"open\"; plugin = \"fault\"; } );\n"
	"PROVIDER: groups_claim = \"groups\"; authority = [\"acme.example\"];";
static const char service[] =
	"directory = ( { id = \"people\"; for = [\"idp\"]; required = true; } ); guards = [\"open\"];\n"
	"former_issuers = ( { issuer = \"https://old.example\"; until = \"2099-01-01\"; } );";
static const char people[] =
	"people = ( { id = \"ada\"; subjects = [\"idp/-/ada\"]; email = \"ada@acme.example\"; groups = [\"eng\", \"ops\"]; } );\n";

static int asks; /* numbers the proofs */

static void open_tortured(struct desk *desk)
{
	desk_open(desk, NULL, NULL);
	world_file(&desk->world, "people.conf", people);
	assert_int_equal(desk_load(desk, extra, service), EMA_OK);
}

/* A proof of the client's key with a nonce of ours. */
static char *proof(struct desk *desk)
{
	struct buffer more = BUFFER_INIT(8192), payload = BUFFER_INIT(8192);
	char *key = jwk_print(desk->client, 0), *out = NULL, nonce[DPOP_NONCE];
	/* A little ahead: in the second in which the store began, it takes none. */
	int64_t now = clock_wall(&clock_system) / 1000;
	assert_int_equal(dpop_nonce(desk->world.context->nonces, now, nonce, NULL), EMA_OK);
	buffer_printf(&more, ",\"jwk\":%s", key);
	buffer_printf(&payload, "{\"jti\":\"p%d\",\"htm\":\"POST\",\"htu\":\"" OURS "/token\",\"iat\":%lld,\"nonce\":\"%s\"}", ++asks, (long long)now + 5, nonce);
	assert_int_equal(jws_sign(desk->client, JOSE_ES256, "dpop+jwt", more.data, payload.data, payload.length, &out, NULL), EMA_OK);
	buffer_free(&more);
	buffer_free(&payload);
	free(key);
	return out;
}

static ema_request *redemption(struct desk *desk, const char *jag)
{
	char *client = desk_assertion(desk, ""), *proven = proof(desk);
	ema_request *request = desk_prepare(desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", jag, "client_assertion_type", CLIENT_ASSERTION,
	                                    "client_assertion", client, "scope", "read", "resource", "https://mcp.example/svc", NULL);
	assert_int_equal(ema_request_header(request, "DPoP", proven), EMA_OK);
	free(client);
	free(proven);
	return request;
}

/* The status of the answer; 0: there was none, and emad says 503. Whether it has a token. */
static int ask(struct desk *desk, ema_request *request, long n, int all, int *failed, char **token)
{
	ema_response *response = NULL;
	size_t length;
	arm(n, all);
	int code = ema_http(desk->world.context, request, SERVES, &response);
	*failed = disarm();
	ema_request_free(request);
	*token = NULL;
	if (!response) {
		assert_int_equal(code, EMA_OUT_OF_MEMORY);
		assert_true(*failed);
		return 0;
	}
	int status = ema_response_status(response);
	const char *body = ema_response_body(response, &length);
	struct json json = { .count = 0 };
	/* A signed answer is none. */
	if (length && *body == '{')
		assert_int_equal(json_parse(body, length, &json_limits_document, &json, NULL), EMA_OK);
	const char *text = json_string(json_at(&json, "/access_token"));
	if (text)
		assert_non_null(*token = strdup(text));
	assert_true(status == 200 || !text);
	json_free(&json);
	ema_response_free(response);
	return status;
}

/* JAG-55, JAG-56, JAG-107 */
static void redeeming(void **state)
{
	(void)state;
	struct desk desk;
	open_tortured(&desk);
	for (int all = 0; all < 2; all++)
		for (long n = 1, going = 1; going; n++) {
			int failed, ignored;
			char *jag = world_token(&desk.world, "{\"email\":\"ada@acme.example\",\"groups\":[\"own\"],\"act\":{\"sub\":\"bot\"}}"), *token = NULL, *again = NULL;
			int status = ask(&desk, redemption(&desk, jag), n, all, &failed, &token);
			going = failed;
			if (failed && status && status != 503 && status != 500)
				fail_msg("without allocation %ld (%d): %d %s", n, all, status, desk_audited(&desk, "/code"));
			if (!failed && status != 200)
				fail_msg("with all of them: %d", status);
			/* Used up or not, but never twice. */
			int second = ask(&desk, redemption(&desk, jag), 0, 0, &ignored, &again);
			assert_true(second == 400 || (second == 200 && !token));
			free(again);
			assert_int_equal(ask(&desk, redemption(&desk, jag), 0, 0, &ignored, &again), 400);
			free(again);
			free(token);
			free(jag);
		}
	desk_close(&desk);
}

static int introspected(struct desk *desk, const char *token)
{
	desk_form(desk, "/introspect", GATEWAY, "token", token, NULL);
	assert_int_equal(desk->status, 200);
	return json_is(json_at(&desk->json, "/active"), JSON_TRUE);
}

/* REV-06, REV-11: neither yes nor no; and what a client was told is revoked, is. */
static void asking_and_revoking(void **state)
{
	(void)state;
	struct desk desk;
	open_tortured(&desk);
	for (int all = 0; all < 2; all++)
		for (long n = 1, going = 1; going; n++) {
			int failed, ignored;
			char *jag = world_token(&desk.world, "{\"email\":\"ada@acme.example\"}"), *token = NULL, *none;
			assert_int_equal(ask(&desk, redemption(&desk, jag), 0, 0, &ignored, &token), 200);
			int status;
			going = 0;
			for (int is_signed = 0; is_signed < 2; is_signed++) {
				ema_request *request = desk_prepare(&desk, "/introspect", GATEWAY, "token", token, NULL);
				if (is_signed)
					assert_int_equal(ema_request_header(request, "Accept", "application/token-introspection+jwt"), EMA_OK);
				status = ask(&desk, request, n, all, &failed, &none);
				going |= failed;
				if (failed && status && status != 503 && status != 500)
					fail_msg("introspected without allocation %ld (%d, %d): %d", n, all, is_signed, status);
			}
			char *client = desk_assertion(&desk, "");
			status = ask(&desk, desk_prepare(&desk, "/revoke", NULL, "token", token, "client_assertion_type", CLIENT_ASSERTION, "client_assertion", client, NULL),
			             n, all, &failed, &none);
			free(client);
			going |= failed;
			if (status == 200)
				assert_false(introspected(&desk, token));
			else if (status && status != 503 && status != 500)
				fail_msg("revoked without allocation %ld (%d): %d", n, all, status);
			assert_true(failed || status == 200);
			free(token);
			free(jag);
		}
	desk_close(&desk);
}

/* AUD-11: a record is decided again as it was, or not at all. */
static void deciding_again(void **state)
{
	static const char deep[] = "SERVICES:, { id = \"deep\"; resource = \"https://mcp.example/deep\"; identity = [\"idp\"];\n"
		"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); grants = ( { provider = \"idp\"; scopes = [\"read\"]; } );\n"
		"  denies = ( { tools = [\"get_a\"]; when = { args = ( { at = \"/a\"; equals = 1; } ); }; } ); }";
#define RECORD(more) "{\"kind\":\"check\",\"code\":\"ok\",\"service\":\"deep\",\"method\":\"tools/call\",\"target\":\"get_a\",\"provider\":\"idp\"," \
	"\"subject\":\"p\",\"salt\":\"s\",\"token_id\":\"t\",\"decided_at\":1791806400,\"held_scopes\":[\"read\"]" more "}"
	static const struct {
		const char *line;
		int code;
	} rows[] = { { RECORD(",\"arguments_view\":\"none\""), EMA_FORBIDDEN }, { RECORD(",\"arguments_view\":\"cbf29ce484222325\",\"arguments\":[\"/a=2\"]"), EMA_BAD_REQUEST } };
	(void)state;
	struct desk desk;
	desk_open(&desk, deep, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int all = 0; all < 2; all++)
			for (long n = 1, going = 1; going; n++) {
				ema_decision *decision = NULL;
				char *why = NULL;
				arm(n, all);
				int code = ema_audit_again(desk.world.context, rows[i].line, strlen(rows[i].line), NULL, &decision, &why);
				going = disarm();
				if (code != rows[i].code && (!going || code != EMA_OUT_OF_MEMORY))
					fail_msg("%zu without allocation %ld (%d): %s: %s", i, n, all, ema_code_name(code), why ? why : "");
				assert_true(!decision || code == rows[i].code);
				ema_decision_free(decision);
				ema_text_free(why);
			}
	desk_close(&desk);
}

static ema_request *call_of(const char *token, const char *tool)
{
	char value[20000], body[512];
	ema_request *request = ema_request_new();
	assert_non_null(request);
	snprintf(value, sizeof value, "Bearer %s", token);
	snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":{\"a\":[1,\"b\"]}}}", tool);
	assert_int_equal(ema_request_header(request, "Authorization", value), EMA_OK);
	assert_int_equal(ema_request_header(request, "MCP-Protocol-Version", "2025-11-25"), EMA_OK);
	assert_int_equal(ema_request_body(request, body, strlen(body)), EMA_OK);
	return request;
}

/* MCP-29: of a check, no permit that was none, and no refusal that blames the token for our trouble. */
static void checking(void **state)
{
	static const char list[] = "{\"tools\":[{\"name\":\"get_a\"},{\"name\":\"drop_a\"}]}";
	static const struct {
		const char *tool;
		int code;
	} rows[] = { { "get_a", EMA_OK }, { "put_a", EMA_INSUFFICIENT_SCOPE }, { "drop_a", EMA_FORBIDDEN } };
	(void)state;
	struct desk desk;
	open_tortured(&desk);
	desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read\",\"email\":\"ada@acme.example\"}"), NULL, NULL);
	assert_int_equal(desk.status, 200);
	char *token = strdup(desk_text(&desk, "/access_token"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int all = 0; all < 2; all++)
			for (long n = 1, going = 1; going; n++) {
				ema_decision *decision = NULL;
				ema_request *request = call_of(token, rows[i].tool);
				char *out = NULL;
				arm(n, all);
				int code = ema_check_mcp(desk.world.context, "svc", request, &decision);
				going = disarm();
				assert_true(decision || code == EMA_OUT_OF_MEMORY);
				if (code != rows[i].code && (!going || ema_decision_status(decision) != 503))
					fail_msg("%s without allocation %ld (%d): %s", rows[i].tool, n, all, ema_code_name(code));
				if (code == EMA_OK) {
					arm(n, all);
					int still = ema_decision_still(decision);
					going |= disarm();
					if (still && (!going || ema_decision_status(decision) != 200))
						fail_msg("still without allocation %ld (%d): %s", n, all, ema_code_name(still));
					arm(n, all);
					int filtered = ema_filter_list(decision, list, strlen(list), &out);
					going |= disarm();
					assert_true(filtered == EMA_OK ? out && !strstr(out, "drop_a") : !out && going);
				}
				ema_text_free(out);
				ema_decision_free(decision);
				ema_request_free(request);
			}
	free(token);
	desk_close(&desk);
}

/* Of a token that comes again something is kept, by all and then by each thread: where there is no room for it, it is read again. */
static void checking_what_is_known(void **state)
{
	(void)state;
	struct desk desk;
	open_tortured(&desk);
	for (int before = 0; before < 3; before++)
		EACH_ALLOCATION(all, n, going, 2) {
			desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read\",\"email\":\"ada@acme.example\"}"), NULL, NULL);
			ema_request *request = call_of(desk_text(&desk, "/access_token"), "get_a");
			for (int i = 0; i < before; i++)
				assert_int_equal(ema_check_mcp(desk.world.context, "svc", request, NULL), EMA_OK);
			arm(n, all);
			int code = ema_check_mcp(desk.world.context, "svc", request, NULL);
			going = disarm();
			assert_true(code == EMA_OK || (going && code == EMA_OUT_OF_MEMORY));
			assert_int_equal(ema_check_mcp(desk.world.context, "svc", request, NULL), EMA_OK);
			ema_request_free(request);
		}
	assert_true(has_failed("aligned_alloc"));
	desk_close(&desk);
}

/* What a proxy and a caller of AuthZEN ask; refused: the tool is, and so is what we cannot do. */
static ema_request *question(int which, const char *token, int refused)
{
	char value[20000], body[20000];
	const char *tool = refused ? "put_a" : "get_a";
	ema_request *request = ema_request_new();
	assert_non_null(request);
	snprintf(value, sizeof value, "Bearer %s", token);
	ema_request_set(request, EMA_REQUEST_REMOTE, "192.0.2.7");
	ema_request_set(request, EMA_REQUEST_METHOD, which ? "POST" : "GET");
	ema_request_set(request, EMA_REQUEST_URL, which == 2 ? "/access/v1/evaluation" : "/decision/svc");
	ema_request_header(request, "Host", "auth.example");
	ema_request_header(request, "Authorization", which == 2 ? GATEWAY : value);
	ema_request_header(request, "Content-Type", "application/json");
	ema_request_header(request, "X-Original-Method", "POST");
	ema_request_header(request, "X-Original-URI", "/");
	ema_request_header(request, "MCP-Protocol-Version", which ? "2025-11-25" : "2026-07-28");
	ema_request_header(request, "Mcp-Method", "tools/call");
	ema_request_header(request, "Mcp-Name", tool);
	if (which == 1)
		snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":{}}}", tool);
	else
		snprintf(body, sizeof body, "{\"subject\":{\"type\":\"identity\",\"id\":\"idp/-/ada\"},\"action\":{\"name\":\"tools/call\"},\"resource\":{\"type\":\"tool\","
		         "\"id\":\"https://mcp.example/svc#%s\"},\"context\":{\"access_token\":\"%s\"}}", tool, token);
	if (which)
		assert_int_equal(ema_request_body(request, body, strlen(body)), EMA_OK);
	return request;
}

/* A permit is whole, with everybody that it names, or it is none. */
static void deciding(void **state)
{
	(void)state;
	struct desk desk;
	open_tortured(&desk);
	desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read\",\"email\":\"ada@acme.example\"}"), NULL, NULL);
	assert_int_equal(desk.status, 200);
	char *token = strdup(desk_text(&desk, "/access_token"));
	for (int which = 0; which < 3; which++)
		for (int all = 0; all < 4; all++)
			for (long n = 1, going = 1; going; n++) {
				ema_request *request = question(which, token, all & 1);
				ema_response *response = NULL;
				size_t length;
				arm(n, all >> 1);
				int code = ema_http(desk.world.context, request, SERVES, &response);
				going = disarm();
				ema_request_free(request);
				if (!response) {
					assert_true(code == EMA_OUT_OF_MEMORY && going);
					continue;
				}
				int status = ema_response_status(response);
				const char *body = ema_response_body(response, &length);
				int permitted = status == 200 && strstr(body, "\"decision\":true") != NULL;
				if (permitted ? all & 1 : !going && !(all & 1))
					fail_msg("question %d without allocation %ld (%d): %d %s", which, n, all, status, body);
				const char *value, *groups = "";
				for (size_t i = 0; ema_response_header(response, i, &value); i++)
					if (!strcmp(ema_response_header(response, i, NULL), "X-EMA-Groups"))
						groups = value;
				if (permitted && which < 2)
					assert_string_equal(groups, "eng,ops");
				ema_response_free(response);
			}
	free(token);
	desk_close(&desk);
}

/* What OpenSSL asks for, which fails nowhere here, but counts. */
static _Thread_local long theirs;

static void *crypto_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	theirs++;
	return __real_malloc(size);
}

static void *crypto_realloc(void *memory, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	theirs++;
	return __real_realloc(memory, size);
}

static void crypto_free(void *memory, const char *file, int line)
{
	(void)file, (void)line;
	free(memory);
}

struct allocations {
	long all, ours;
};

static struct allocations allocations(struct desk *desk, const char *token)
{
	ema_decision *decision = NULL;
	ema_request *request = ema_request_new();
	char *value = NULL;
	assert_true(asprintf(&value, "Bearer %s", token) > 0);
	assert_int_equal(ema_request_header(request, "Authorization", value), EMA_OK);
	theirs = 0;
	arm(LONG_MAX, 0);
	int code = ema_check(desk->world.context, "svc", request, "tools/call", "get_a", &decision);
	const long ours = LONG_MAX - countdown;
	disarm();
	const struct allocations made = { ours + theirs, ours };
	assert_int_equal(code, EMA_OK);
	ema_decision_free(decision);
	ema_request_free(request);
	free(value);
	return made;
}

/* How often memory is asked for, so that it does not grow unseen: by a check, and by one that has a directory and a guard to ask. */
static void allocating(void **state)
{
	(void)state;
	static const struct {
		const char *algorithm, *more, *service;
		struct allocations first, known;
	} rows[] = {
		{ "ES256", "", NULL, { 60, 11 }, { 2, 1 } },
		{ "RS256", "", NULL, { 60, 11 }, { 2, 1 } },
		{ "Ed25519", "", NULL, { 60, 11 }, { 2, 1 } },
		{ "ES256", extra, service, { 68, 21 }, { 12, 11 } },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct desk desk;
		char *keys = NULL;
		assert_true(asprintf(&keys, "token = { algorithm = \"%s\"; };\n%s", rows[i].algorithm, rows[i].more) > 0);
		desk_open(&desk, rows[i].service ? NULL : keys, NULL);
		if (rows[i].service) {
			world_file(&desk.world, "people.conf", people);
			assert_int_equal(desk_load(&desk, keys, rows[i].service), EMA_OK);
		}
		desk_redeem(&desk, world_token(&desk.world, "{\"scope\":\"read\",\"email\":\"ada@acme.example\"}"), NULL, NULL);
		char *token = strdup(desk_text(&desk, "/access_token"));
		struct allocations first = allocations(&desk, token), known = { 0, 0 };
		/* From the second time on each thread keeps what it knows of it. */
		for (int k = 0; k < 3; k++)
			known = allocations(&desk, token);
		print_message("%s: %ld (%ld of ours) for a first check, %ld (%ld) for one of a known token\n", rows[i].algorithm, first.all,
		              first.ours, known.all, known.ours);
		assert_in_range(first.ours, 1, rows[i].first.ours);
		assert_in_range(first.all, first.ours + 1, rows[i].first.all);
		assert_in_range(known.ours, 1, rows[i].known.ours);
		assert_in_range(known.all, known.ours + 1, rows[i].known.all);
		free(token);
		free(keys);
		desk_close(&desk);
	}
}

int main(void)
{
	/* Before it has any memory. */
	if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redeeming),
		cmocka_unit_test(asking_and_revoking),
		cmocka_unit_test(checking),
		cmocka_unit_test(checking_what_is_known),
		cmocka_unit_test(deciding_again),
		cmocka_unit_test(deciding),
		cmocka_unit_test(allocating),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
