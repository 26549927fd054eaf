/* jwt_verify: what the core reads of a token by itself, claim by claim, and what it refuses. */
#include "rig.h"

#include "buffer.h"
#include "jwk.h"
#include "jws.h"

#define NOW INT64_C(1795000000)

static int64_t fixed_wall(void *data)
{
	(void)data;
	return NOW * 1000;
}

static int64_t real_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system);
}

static const struct clock fixed = { fixed_wall, real_monotonic, NULL };

struct bench {
	struct rig rig;
	struct conf_provider provider;
	struct jwk *key;
	struct buffer jwks;
};

static void bench_open(struct bench *bench, const char *settings)
{
	struct failure failure = FAILURE_INIT;
	struct trust_settings trust = { .clock = &fixed, .passive = 1 };
	memset(bench, 0, sizeof *bench);
	buffer_init(&bench->jwks, 4096);
	assert_int_equal(jwk_generate(JOSE_ES256, &bench->key, &failure), EMA_OK);
	char *key = jwk_print(bench->key, 0);
	assert_non_null(key);
	buffer_printf(&bench->jwks, "{\"keys\":[%s]}", key);
	free(key);
	bench->provider.jwks = bench->jwks.data;
	bench->provider.algorithms = JOSE_BIT(JOSE_ES256);
	bench->provider.skew = 30;
	bench->provider.longest = 300;
	bench->provider.oldest = 400;
	bench->provider.actor_depth = 2;
	bench->rig.clock = &fixed;
	bench->rig.provider = &bench->provider;
	bench->rig.trust = trust_new(&trust, &failure);
	assert_non_null(bench->rig.trust);
	int code = rig_open(&bench->rig, "fault", PLUGIN_IDENTITY, settings);
	if (code)
		rig_found(&bench->rig, "", "");
	assert_int_equal(code, EMA_OK);
}

static void bench_close(struct bench *bench)
{
	struct trust *trust = bench->rig.trust;
	rig_close(&bench->rig);
	trust_free(trust);
	jwk_free(bench->key);
	buffer_free(&bench->jwks);
}

struct member {
	const char *name, *value; /* value NULL: left out */
};

static const struct member base[] = {
	{ "iss", "\"https://fault.example\"" }, { "sub", "\"alice\"" }, { "aud", "\"" RIG_AUDIENCE "\"" }, { "client_id", "\"client\"" },
	{ "jti", "\"j1\"" }, { "exp", "1795000200" }, { "iat", "1794999990" }, { "scope", "\"repo:read repo:write\"" },
};

static char *token_make(const struct bench *bench, const char *type, const struct member *changes, size_t count)
{
	struct buffer payload = BUFFER_INIT(12288);
	struct failure failure = FAILURE_INIT;
	char *token = NULL;
	int first = 1;
	for (size_t i = 0; i < sizeof base / sizeof *base + count; i++) {
		const struct member *m = i < sizeof base / sizeof *base ? &base[i] : &changes[i - sizeof base / sizeof *base];
		const char *value = m->value;
		int listed = 0;
		for (size_t c = 0; m >= base && m < base + sizeof base / sizeof *base && c < count; c++)
			listed |= changes[c].name && !strcmp(changes[c].name, m->name);
		if (!m->name || !value || listed)
			continue;
		buffer_printf(&payload, "%s\"%s\":%s", first ? "{" : ",", m->name, value);
		first = 0;
	}
	buffer_text(&payload, "}");
	assert_false(payload.failed);
	assert_int_equal(jws_sign(bench->key, JOSE_ES256, type, "", payload.data, payload.length, &token, &failure), EMA_OK);
	buffer_free(&payload);
	return token;
}

static int decide(const struct bench *bench, unsigned kind, const char *token, const struct call_demand *demand, const char *client,
                  struct ema_call **call, struct failure *failure)
{
	struct call_settings settings;
	struct jws jws;
	struct failure parse = FAILURE_INIT;
	const char *tenant = NULL;
	memset(&jws, 0, sizeof jws);
	int parsed = jws_parse(token, strlen(token), &jws, &parse) == EMA_OK;
	rig_call(&bench->rig, &settings);
	settings.kind = kind;
	settings.credential = token;
	settings.credential_length = strlen(token);
	settings.jws = parsed ? &jws : NULL;
	settings.declared = instance_for_issuer(bench->rig.instance, "https://fault.example", &tenant);
	settings.items[EMA_ITEM_CLIENT_ID] = client;
	if (demand)
		settings.demand = demand;
	int code = call_run(&settings, call, failure);
	jws_free(&jws);
	return code;
}

/* JAG-36 JAG-40 JAG-41 JAG-42 JAG-43 JAG-44 JAG-47 JAG-59 JAG-60 JAG-66 JAG-74 JAG-75 JAG-90 JAG-95 JAG-98
   JWT-15 JWT-60 JWT-61 JWT-63 JWT-64 JWT-67: one bent claim at a time */
static void a_bent_claim_is_refused(void **state)
{
	static const struct {
		unsigned kind;
		const char *type;
		struct member change;
		int code;
	} cases[] = {
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { NULL, NULL }, EMA_OK },
		{ EMA_ACCESS_TOKEN, "at+jwt", { NULL, NULL }, EMA_OK },
		{ EMA_ID_JAG, "OAUTH-ID-JAG+jwt", { NULL, NULL }, EMA_OK },
		{ EMA_ID_JAG, "application/oauth-id-jag+jwt", { NULL, NULL }, EMA_OK },
		{ EMA_ID_JAG, "x/oauth-id-jag+jwt", { NULL, NULL }, EMA_WRONG_TYPE },
		{ EMA_ID_JAG, "JWT", { NULL, NULL }, EMA_WRONG_TYPE },
		{ EMA_ID_JAG, "at+jwt", { NULL, NULL }, EMA_WRONG_TYPE },
		{ EMA_ID_JAG, "secevent+jwt", { NULL, NULL }, EMA_WRONG_TYPE },
		{ EMA_ACCESS_TOKEN, "oauth-id-jag+jwt", { NULL, NULL }, EMA_WRONG_TYPE },
		{ EMA_ACCESS_TOKEN, "JWT", { NULL, NULL }, EMA_WRONG_TYPE },
		{ EMA_ACCESS_TOKEN, "dpop+jwt", { NULL, NULL }, EMA_WRONG_TYPE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "unknown", "{\"a\":[1,2]}" }, EMA_OK },

		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "iss", NULL }, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "iss", "\"https://fault.example/\"" }, EMA_NOT_MINE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "iss", "7" }, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "iss", "\"\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "sub", NULL }, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "sub", "\"\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "sub", "null" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "sub", "\"a\\nb\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", NULL }, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", "[\"" RIG_AUDIENCE "\"]" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", "[\"" RIG_AUDIENCE "\",\"" RIG_AUDIENCE "\"]" }, EMA_WRONG_AUDIENCE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", "[\"" RIG_AUDIENCE "\",\"x\"]" }, EMA_WRONG_AUDIENCE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", "[]" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", "7" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", "[7]" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "aud", "\"" RIG_AUDIENCE "/\"" }, EMA_WRONG_AUDIENCE },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "aud", "[\"x\",\"" RIG_AUDIENCE "\"]" }, EMA_OK },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "aud", "[\"x\"]" }, EMA_WRONG_AUDIENCE },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "aud", "\"\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "client_id", NULL }, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "client_id", "\"other\"" }, EMA_WRONG_CLIENT },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "client_id", "1" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "jti", NULL }, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "jti", "\"\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "jti", "5" }, EMA_BAD_CLAIM },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "jti", NULL }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "exp", NULL }, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "exp", "\"1795000200\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "exp", "1e400" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "exp", "1794999970" }, EMA_EXPIRED },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "exp", "1795000500" }, EMA_LIFETIME_TOO_LONG },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "exp", "1795080000" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "iat", NULL }, EMA_MISSING_CLAIM },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "iat", NULL }, EMA_MISSING_CLAIM }, /* REV-18 */
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "iat", "1795000031" }, EMA_ISSUED_IN_FUTURE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "nbf", "1795000031" }, EMA_NOT_YET_VALID },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "nbf", "1795000030" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "nbf", "\"now\"" }, EMA_BAD_CLAIM },

		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "\"\"" }, EMA_BAD_SCOPE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "\"a  b\"" }, EMA_BAD_SCOPE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "\" a\"" }, EMA_BAD_SCOPE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "\"a \"" }, EMA_BAD_SCOPE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "\"a\\\"b\"" }, EMA_BAD_SCOPE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "\"a\\tb\"" }, EMA_BAD_SCOPE },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "{}" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "[\"a\"]" }, EMA_BAD_CLAIM },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "scope", "[\"a\"]" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", NULL }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "resource", "\"https://mcp.example/a\"" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "resource", "[\"https://a.example\",\"urn:b:c\"]" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "resource", "\"/relative\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "resource", "\"https://mcp.example/#x\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "resource", "3" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "resource", "[]" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "cnf", "{\"jkt\":\"x\"}" }, EMA_BOUND_TOKEN },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "cnf", "{}" }, EMA_BOUND_TOKEN },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "cnf", "null" }, EMA_BOUND_TOKEN },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "authorization_details", "[{\"type\":\"x\"}]" }, EMA_UNSUPPORTED_DETAILS },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "authorization_details", "[]" }, EMA_UNSUPPORTED_DETAILS },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "authorization_details", "null" }, EMA_UNSUPPORTED_DETAILS },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "authorization_details", "\"x\"" }, EMA_UNSUPPORTED_DETAILS },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "act", "{\"sub\":\"agent\",\"act\":{\"sub\":\"outer\"}}" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "act", "{\"sub\":\"a\",\"act\":{\"sub\":\"b\",\"act\":{\"sub\":\"c\"}}}" }, EMA_ACTOR_REFUSED },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "act", "{\"name\":\"a\"}" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "act", "\"a\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "acr", "7" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "amr", "\"mfa\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "amr", "[\"mfa\",\"pwd\"]" }, EMA_OK },
		/* What is empty is as if it were absent, where that gives nothing. */
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "amr", "[]" }, EMA_OK },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "amr", "\"\"" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "amr", "[\"\"]" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "amr", "{}" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "scope", "[]" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "resource", "[]" }, EMA_BAD_CLAIM },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "amr", "[]" }, EMA_OK },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "scope", "\"\"" }, EMA_OK },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "scope", "[]" }, EMA_OK },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "scope", "[\"\"]" }, EMA_BAD_SCOPE },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "scope", "\" \"" }, EMA_BAD_SCOPE },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "scope", "{}" }, EMA_BAD_CLAIM },
		{ EMA_ACCESS_TOKEN, "at+jwt", { "aud", "[]" }, EMA_BAD_CLAIM },
		{ EMA_ID_JAG, "oauth-id-jag+jwt", { "auth_time", "\"x\"" }, EMA_BAD_CLAIM },
	};
	struct bench bench;
	(void)state;
	bench_open(&bench, "verify = true;");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ema_call *call = NULL;
		struct failure failure = FAILURE_INIT;
		char *token = token_make(&bench, cases[i].type, &cases[i].change, 1);
		int code = decide(&bench, cases[i].kind, token, NULL, "client", &call, &failure);
		if (code != cases[i].code)
			fail_msg("case %zu (%s %s): %d %s", i, cases[i].change.name, cases[i].change.value, code, failure.text);
		if (code && !*failure.text)
			fail_msg("case %zu has no text", i);
		call_free(call);
		/* Before the signature, the header and the issuer count, and no other claim. */
		char *bent = strrchr(token, '.') + 10;
		*bent = *bent == 'A' ? 'B' : 'A';
		call = NULL;
		const int routed = code == EMA_WRONG_TYPE || (cases[i].change.name && !strcmp(cases[i].change.name, "iss")), expected = routed ? code : EMA_BAD_SIGNATURE;
		failure_clear(&failure);
		code = decide(&bench, cases[i].kind, token, NULL, "client", &call, &failure);
		if (code != expected)
			fail_msg("case %zu (%s %s) with a wrong signature: %d %s", i, cases[i].change.name, cases[i].change.value, code, failure.text);
		free(token);
		call_free(call);
	}
	bench_close(&bench);
}

/* JAG-90: what was read is what the token says, and the actor stays apart from the subject. */
static void what_is_read_is_kept(void **state)
{
	static const struct member changes[] = {
		{ "act", "{\"sub\":\"agent\",\"act\":{\"sub\":\"outer\"}}" }, { "resource", "[\"https://a.example\",\"https://b.example\"]" },
		{ "amr", "[\"mfa\"]" }, { "acr", "\"high\"" }, { "auth_time", "1794990000" },
	};
	struct bench bench;
	struct ema_call *call = NULL;
	struct failure failure = FAILURE_INIT;
	(void)state;
	bench_open(&bench, "verify = true; groups = [\"g1\", \"g2\", \"g1\"]; issuer_tenant = \"t\"; email = \"a@b.example\";");
	char *token = token_make(&bench, "oauth-id-jag+jwt", changes, 5);
	assert_int_equal(decide(&bench, EMA_ID_JAG, token, NULL, "client", &call, &failure), EMA_OK);
	const struct call_result *r = call_result(call);
	assert_string_equal(r->subject, "alice");
	assert_string_equal(r->tenant, "t");
	assert_string_equal(r->actor, "agent");
	assert_int_equal(r->actors.count, 2);
	assert_string_equal(r->actors.list[1], "outer");
	assert_int_equal(r->resources.count, 2);
	assert_int_equal(r->groups.count, 2);
	assert_int_equal(r->scopes.count, 2);
	assert_string_equal(r->scopes.list[1], "repo:write");
	assert_string_equal(r->jti, "j1");
	assert_string_equal(r->acr, "high");
	assert_string_equal(r->email, "a@b.example");
	assert_int_equal(r->expires, 1795000200);
	assert_int_equal(r->auth_time, 1794990000);
	assert_string_equal(r->keys.kid, jwk_thumbprint(bench.key));
	assert_true(r->bound);
	free(token);
	call_free(call);
	bench_close(&bench);
}

/* JAG-38 JWT-11 JWT-36: not that key, not that algorithm, not these bytes; JAG-48: five parts */
static void a_wrong_signature_is_refused(void **state)
{
	struct bench bench, other;
	struct failure failure = FAILURE_INIT;
	struct ema_call *call = NULL;
	(void)state;
	bench_open(&bench, "verify = true;");
	bench_open(&other, "verify = true;");
	char *token = token_make(&other, "oauth-id-jag+jwt", NULL, 0);
	assert_int_equal(decide(&bench, EMA_ID_JAG, token, NULL, "client", &call, &failure), EMA_UNKNOWN_KEY);
	call_free(call);
	free(token);
	token = token_make(&bench, "oauth-id-jag+jwt", NULL, 0);
	size_t last = strlen(token) - 10;
	token[last] = token[last] == 'A' ? 'B' : 'A';
	failure_clear(&failure);
	assert_int_equal(decide(&bench, EMA_ID_JAG, token, NULL, "client", &call, &failure), EMA_BAD_SIGNATURE);
	call_free(call);
	free(token);
	failure_clear(&failure);
	assert_int_equal(decide(&bench, EMA_ID_JAG, "a.b", NULL, "client", &call, &failure), EMA_MALFORMED);
	call_free(call);
	failure_clear(&failure);
	assert_int_equal(decide(&bench, EMA_ID_JAG, "a.b.c.d.e", NULL, "client", &call, &failure), EMA_ENCRYPTED);
	call_free(call);
	bench_close(&bench);
	bench_close(&other);
}

/* JAG-45 JAG-82 JAG-91: what the provider and the service ask beyond the token's own form */
static void demands_are_met_or_refused(void **state)
{
	static const char *const audiences[] = { RIG_AUDIENCE }, *const listed[] = { "cli-1", "cli-2" }, *const ours[] = { "us" }, *const actors[] = { "agent" };
	static const struct call_demand any = { audiences, 1, NULL, 0 }, these = { audiences, 1, listed, 2 }, nothing = { NULL, 0, NULL, 0 };
	static const struct {
		unsigned kind;
		const struct call_demand *demand;
		const char *client; /* of the request */
		struct member change;
		int actor_required, tenants, actors, clients, code;
	} cases[] = {
		{ EMA_ID_JAG, &any, NULL, { NULL, NULL }, 0, 0, 0, 0, EMA_OK },
		{ EMA_ID_JAG, &nothing, "client", { NULL, NULL }, 0, 0, 0, 0, EMA_WRONG_AUDIENCE },
		{ EMA_ACCESS_TOKEN, &any, NULL, { NULL, NULL }, 0, 0, 0, 0, EMA_WRONG_CLIENT },
		{ EMA_ACCESS_TOKEN, &any, "client", { NULL, NULL }, 0, 0, 0, 0, EMA_OK },
		{ EMA_ACCESS_TOKEN, &these, NULL, { NULL, NULL }, 0, 0, 0, 0, EMA_WRONG_CLIENT },
		{ EMA_ACCESS_TOKEN, &these, NULL, { "client_id", "\"cli-2\"" }, 0, 0, 0, 0, EMA_OK },
		{ EMA_ACCESS_TOKEN, &these, NULL, { "client_id", NULL }, 0, 0, 0, 0, EMA_MISSING_CLAIM },
		{ EMA_ID_JAG, &any, "client", { NULL, NULL }, 0, 0, 0, 1, EMA_WRONG_CLIENT },
		{ EMA_ID_JAG, &any, "client", { NULL, NULL }, 1, 0, 0, 0, EMA_ACTOR_REFUSED },
		{ EMA_ID_JAG, &any, "client", { "act", "{\"sub\":\"agent\"}" }, 1, 0, 1, 0, EMA_OK },
		{ EMA_ID_JAG, &any, "client", { "act", "{\"sub\":\"other\"}" }, 0, 0, 1, 0, EMA_ACTOR_REFUSED },
		{ EMA_ID_JAG, &any, "client", { "aud_tenant", "\"us\"" }, 0, 1, 0, 0, EMA_OK },
		{ EMA_ID_JAG, &any, "client", { "aud_tenant", "\"them\"" }, 0, 1, 0, 0, EMA_WRONG_TENANT },
		{ EMA_ID_JAG, &any, "client", { "aud_tenant", "3" }, 0, 1, 0, 0, EMA_BAD_CLAIM },
	};
	struct bench bench;
	(void)state;
	bench_open(&bench, "verify = true;");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ema_call *call = NULL;
		struct failure failure = FAILURE_INIT;
		char *token = token_make(&bench, cases[i].kind == EMA_ID_JAG ? "oauth-id-jag+jwt" : "at+jwt", &cases[i].change, 1);
		bench.provider.actor_required = cases[i].actor_required;
		bench.provider.aud_tenants = (struct conf_strings){ cases[i].tenants ? ours : NULL, (size_t)cases[i].tenants };
		bench.provider.actors = (struct conf_strings){ cases[i].actors ? actors : NULL, (size_t)cases[i].actors };
		bench.provider.clients = (struct conf_strings){ cases[i].clients ? listed : NULL, (size_t)cases[i].clients };
		int code = decide(&bench, cases[i].kind, token, cases[i].demand, cases[i].client, &call, &failure);
		if (code != cases[i].code)
			fail_msg("case %zu: %d %s", i, code, failure.text);
		free(token);
		call_free(call);
	}
	bench_close(&bench);
}

/* JAG-80: a tenant that is vouched for must be the token's. */
static void a_foreign_tenant_is_not_vouched_for(void **state)
{
	struct bench bench;
	struct failure failure = FAILURE_INIT;
	struct ema_call *call = NULL;
	(void)state;
	bench_open(&bench, "verify = true; issuer_tenant = \"t1\"; tenant = \"t2\";");
	char *token = token_make(&bench, "oauth-id-jag+jwt", NULL, 0);
	assert_int_equal(decide(&bench, EMA_ID_JAG, token, NULL, "client", &call, &failure), EMA_INTERNAL);
	call_free(call);
	free(token);
	bench_close(&bench);
}

/* A credential of a kind that the provider does not accept is not its own. */
static void kinds_that_are_not_accepted_are_not_mine(void **state)
{
	struct bench bench;
	struct failure failure = FAILURE_INIT;
	struct ema_call *call = NULL;
	(void)state;
	bench_open(&bench, "verify = true;");
	struct instance *whole = bench.rig.instance;
	bench.provider.accepts = EMA_ID_JAG;
	struct instance_settings settings = { .plugin = bench.rig.plugin, .kind = PLUGIN_IDENTITY, .id = "rig", .conf = bench.rig.conf,
		.node = bench.rig.conf->root, .core_keys = rig_core_keys, .clock = &fixed, .trust = bench.rig.trust, .provider = &bench.provider };
	assert_int_equal(instance_open(&settings, &bench.rig.instance, &bench.rig.findings), EMA_OK);
	assert_int_equal(instance_declared(bench.rig.instance, 0)->kinds, EMA_ID_JAG);
	char *token = token_make(&bench, "at+jwt", NULL, 0);
	assert_int_equal(decide(&bench, EMA_ACCESS_TOKEN, token, NULL, "client", &call, &failure), EMA_NOT_MINE);
	call_free(call);
	free(token);
	instance_close(whole);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bent_claim_is_refused),
		cmocka_unit_test(what_is_read_is_kept),
		cmocka_unit_test(a_wrong_signature_is_refused),
		cmocka_unit_test(demands_are_met_or_refused),
		cmocka_unit_test(a_foreign_tenant_is_not_vouched_for),
		cmocka_unit_test(kinds_that_are_not_accepted_are_not_mine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
