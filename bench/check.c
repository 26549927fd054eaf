/* What a check at an MCP server costs, and a redemption, beside what cannot be spared in it. A line for bench/run each. */
#define _GNU_SOURCE
#include "digest.h"
#include "race.h"
#include "signature.h"

#include <string.h>

/* json-c has an enumeration of this name, and so has our reader. */
#define json_type json_c_type
#include <json-c/json.h>
#undef json_type
#include <openssl/evp.h>

#include "../tests/endpoint/desk.h"
#include "access.h"
#include "audit.h"
#include "buffer.h"
#include "jws.h"

#define GRANTS 10000
#define TOOLS 200
#define REDEMPTIONS 200
#define CHECKS 2000
#define DRAIN_MS 20000

struct bench {
	struct desk desk;
	char *token, *list;
	ema_request *named, *message;
	ema_decision *decision;
	struct digest digest; /* of token */
	ema_request **redemptions; /* as they come from the network */
	size_t next;
	struct jwk *key;
	struct signature assertion, proof, made; /* of a redemption, by key */
	char *texts[2];                          /* of the first two */
};

/* ---- What is compared with ---- */

static int json_round(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++) {
		struct json_object *list = json_tokener_parse(b->list);
		good &= list && json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN);
		json_object_put(list);
	}
	return !good;
}

/* What a redemption has of signatures: the assertion's and the client's are verified, the token is signed. */
static int signatures(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++)
		good &= signature_verify(&b->assertion) && signature_verify(&b->proof) && signature_make(&b->made);
	return !good;
}

static struct signature signature_of(const struct jwk *key, const char *token)
{
	struct signature signature = { .key = key, .algorithm = JOSE_ES256, .text = token, .text_length = (size_t)(strrchr(token, '.') - token) };
	assert_true(signature_make(&signature));
	return signature;
}

/* ---- What is asked ---- */

/* A token of ours that came before: found, and held against the service and the time. */
static int known(void *data, int times)
{
	struct bench *b = data;
	const size_t length = strlen(b->token);
	static const char *const issuers[] = { OURS };
	const struct access_rules rules = { .issuers = issuers, .issuer_count = 1, .audience = "https://mcp.example/many",
		                            .now = clock_wall(&b->desk.world.context->clock) / 1000, .skew = 30, .known = b->desk.world.context->known };
	int good = 1;
	for (int i = 0; i < times && good; i++) {
		struct access_token token;
		good = access_read(b->desk.world.context->keyring, b->token, length, &rules, &token, NULL) == EMA_OK;
		if (good)
			access_free(&token);
	}
	return !good;
}

static int check(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++)
		good &= ema_check(b->desk.world.context, "many", b->named, "tools/call", "get_issue", NULL) == EMA_OK;
	return !good;
}

/* What the threads behind a check have to do for its record, until the sink has it; next to what the check's own has. */
static void record(struct bench *b)
{
	double behind[RACE_LAPS], own[RACE_LAPS];
	assert_int_equal(audit_drain(b->desk.world.context->audit, DRAIN_MS), EMA_OK);
	for (int i = 0; i < RACE_LAPS; i++) {
		const double all = race_clock(CLOCK_PROCESS_CPUTIME_ID), thread = race_now();
		assert_int_equal(check(b, CHECKS), 0);
		own[i] = (race_now() - thread) / CHECKS;
		assert_int_equal(audit_drain(b->desk.world.context->audit, DRAIN_MS), EMA_OK);
		behind[i] = (race_clock(CLOCK_PROCESS_CPUTIME_ID) - all - (race_now() - thread)) / CHECKS;
	}
	race_line("the same: the threads of audit and sink, for its record", "the check by its own thread", RACE_CPU, race_median(behind, RACE_LAPS),
	          race_median(own, RACE_LAPS), 0);
}

static int check_mcp(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++)
		good &= ema_check_mcp(b->desk.world.context, "many", b->message, NULL) == EMA_OK;
	return !good;
}

static int filter(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++) {
		char *out = NULL;
		good &= ema_filter_list(b->decision, b->list, strlen(b->list), &out) == EMA_OK;
		ema_text_free(out);
	}
	return !good;
}

static int redeem(void *data, int times)
{
	struct bench *b = data;
	int good = 1;
	for (int i = 0; i < times; i++) {
		ema_response *response = NULL;
		good &= ema_http(b->desk.world.context, b->redemptions[b->next++], EMA_SERVE_TOKEN, &response) == EMA_OK && ema_response_status(response) == 200;
		if (!good)
			fprintf(stderr, "%s\n", ema_response_body(response, NULL));
		ema_response_free(response);
	}
	return !good;
}

/* ---- What they are asked about ---- */

static char *many_grants(void)
{
	struct buffer text = BUFFER_INIT(4 << 20);
	buffer_text(&text, "state_dir = \"%FOLDER%\"; durability = \"process\"; rates = { address = 0; subject = 0; }; SERVICES:, { id = \"many\"; resource = \"https://mcp.example/many\"; identity = [\"idp\"];\n"
	                   "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\", \"list_*\"]; },"
	                   "    { name = \"write\"; access = \"write\"; tools = [\"put_*\", \"tool_*\"]; } );\n"
	                   "  grants = ( { provider = \"idp\"; scopes = [\"read\"]; }");
	for (int i = 1; i < GRANTS; i++)
		buffer_printf(&text, i % 3 ? ", { provider = \"idp\"; group = \"other-%d\"; scopes = [\"read\", \"write\"]; }\n" :
		                             ", { provider = \"idp\"; group = \"group-%d\"; scopes = [\"write\"]; }\n", i);
	buffer_text(&text, " ); denies = ( { tools = [\"delete_*\"]; } ); }");
	return buffer_take(&text);
}

static char *many_tools(void)
{
	struct buffer text = BUFFER_INIT(1 << 20);
	buffer_text(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[");
	for (int i = 0; i < TOOLS; i++)
		buffer_printf(&text, "%s{\"name\":\"%s_%d\",\"description\":\"Does what it is for, and says so in a sentence or two of ordinary length.\","
		                     "\"inputSchema\":{\"type\":\"object\",\"properties\":{\"repo\":{\"type\":\"string\",\"description\":\"Which one\"},"
		                     "\"number\":{\"type\":\"integer\"}},\"required\":[\"repo\"]},\"annotations\":{\"readOnlyHint\":true}}", i ? "," : "",
		              i % 2 ? "get" : "put", i);
	buffer_text(&text, "]}}");
	return buffer_take(&text);
}

static ema_request *request_with(const struct bench *b)
{
	ema_request *request = ema_request_new();
	char *value = NULL;
	assert_true(asprintf(&value, "Bearer %s", b->token) > 0);
	assert_int_equal(ema_request_header(request, "Authorization", value), EMA_OK);
	free(value);
	return request;
}

static void prepare(struct bench *b)
{
	char *extra = many_grants(), groups[2048] = "{\"aud\":\"" OURS "\",\"scope\":\"read\",\"groups\":[", body[600];
	assert_non_null(extra);
	desk_open(&b->desk, extra, NULL);
	free(extra);
	/* About 1.1 KB of claims. */
	for (int i = 0; i < 20; i++)
		snprintf(groups + strlen(groups), sizeof groups - strlen(groups), "%s\"engineering-and-more-%d\"", i ? "," : "", i);
	strcat(groups, "]}");
	world_next_second();
	world_refresh(&b->desk.world);
	desk_redeem(&b->desk, world_token(&b->desk.world, groups), NULL, "https://mcp.example/many");
	b->token = strdup(desk_text(&b->desk, "/access_token"));
	assert_int_equal(b->desk.status, 200);
	assert_int_equal(digest_init(&b->digest, b->token), 0);
	b->list = many_tools();
	b->named = request_with(b);
	b->message = request_with(b);
	int n = snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"get_issue\",\"arguments\":{\"repo\":\"acme/web\",\"text\":\"%0300d\"},"
	                 "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}}}", 0);
	assert_int_equal(ema_request_body(b->message, body, (size_t)n), EMA_OK);
	assert_int_equal(ema_request_set(b->message, EMA_REQUEST_METHOD, "POST"), EMA_OK);
	assert_int_equal(ema_request_header(b->message, "MCP-Protocol-Version", "2026-07-28"), EMA_OK);
	assert_int_equal(ema_request_header(b->message, "Mcp-Method", "tools/call"), EMA_OK);
	assert_int_equal(ema_request_header(b->message, "Mcp-Name", "get_issue"), EMA_OK);
	assert_int_equal(desk_check(&b->desk, "many", b->token, "tools/list", NULL, NULL, &b->decision), EMA_OK);
	const size_t all = (size_t)REDEMPTIONS * (RACE_LAPS + 1);
	b->redemptions = calloc(all, sizeof *b->redemptions);
	assert_non_null(b->redemptions);
	assert_int_equal(jwk_generate(JOSE_ES256, &b->key, NULL), EMA_OK);
	for (size_t i = 0; i < all; i++) {
		char *proof = desk_assertion(&b->desk, ""), *assertion = world_token(&b->desk.world, "{}");
		b->redemptions[i] = desk_prepare(&b->desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", assertion, "client_assertion_type",
		                                 CLIENT_ASSERTION, "client_assertion", proof, "resource", "https://mcp.example/svc", NULL);
		if (i) {
			free(proof);
			free(assertion);
			continue;
		}
		b->texts[0] = assertion;
		b->texts[1] = proof;
		b->assertion = signature_of(b->key, assertion);
		b->proof = signature_of(b->key, proof);
	}
	b->made = signature_of(b->key, b->token);
}

/* As a test, so that what the desk expects can fail; lines for bench/run have tabs. */
static void run_all(void **state)
{
	struct bench b = { .next = 0 };
	(void)state;
	prepare(&b);
	const struct race races[] = {
		{ "a token of ours seen before", "SHA-256 of the token", known, digest_run, &b, &b.digest, 20000, 20000, 1.3 },
		{ "a check of a token seen before, 10,000 grants, with its record", "SHA-256 of the token", check, digest_run, &b, &b.digest, CHECKS, 20000, 2 },
		{ "a check of a 500-byte message", "the same by its name", check_mcp, check, &b, &b, CHECKS, CHECKS, 2 },
		{ "a list of 200 tools filtered", "json-c reads and prints it", filter, json_round, &b, &b, 50, 50, 2 },
		{ "a redemption by private_key_jwt", "its signatures, read and made", redeem, signatures, &b, &b, REDEMPTIONS, REDEMPTIONS, 1.15 },
	};
	int bad = 0;
	for (size_t i = 0; i < sizeof races / sizeof *races; i++) {
		bad |= race_print(&races[i]);
		if (races[i].run == check)
			record(&b);
	}
	ema_decision_free(b.decision);
	ema_request_free(b.named);
	ema_request_free(b.message);
	for (size_t i = 0; i < (size_t)REDEMPTIONS * (RACE_LAPS + 1); i++)
		ema_request_free(b.redemptions[i]);
	free(b.redemptions);
	free(b.texts[0]);
	free(b.texts[1]);
	free(b.token);
	free(b.list);
	jwk_free(b.key);
	EVP_MD_CTX_free(b.digest.context);
	desk_close(&b.desk);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest all[] = { cmocka_unit_test(run_all) };
	return cmocka_run_group_tests(all, NULL, NULL);
}
