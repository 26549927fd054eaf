#include "rig.h"

#define TIMES { "iat", "1795435200" }, { "exp", "1795435500" }
#define END { NULL, NULL }

/* A token of each preset's shape. */
static const struct rig_member keycloak[] = {
	{ "iss", "\"https://kc.example/realms/acme\"" }, { "aud", "[\"mcp\",\"account\"]" }, TIMES, { "jti", "\"onrtac:1\"" }, { "sub", "\"f1c9\"" },
	{ "typ", "\"Bearer\"" }, { "azp", "\"vscode\"" }, { "sid", "\"s\"" }, { "acr", "\"1\"" }, { "scope", "\"email repo:read\"" },
	{ "realm_access", "{\"roles\":[\"reader\",\"offline_access\"]}" }, { "groups", "[\"/eng\",\"/eng/core\"]" },
	{ "preferred_username", "\"ada\"" }, { "email", "\"ada@acme.example\"" }, { "email_verified", "true" }, END };
static const struct rig_member google[] = {
	{ "iss", "\"accounts.google.com\"" }, { "aud", "\"https://auth.acme.example\"" }, TIMES, { "jti", "\"g1\"" }, { "sub", "\"10769150350006150715113082367\"" },
	{ "client_id", "\"vscode\"" }, { "hd", "\"acme.example\"" }, { "email", "\"ada@acme.example\"" }, { "email_verified", "\"true\"" }, END };
static const struct rig_member auth0[] = {
	{ "iss", "\"https://acme.eu.auth0.com/\"" }, { "aud", "[\"mcp\",\"https://acme.eu.auth0.com/userinfo\"]" }, TIMES, { "sub", "\"auth0|64f\"" },
	{ "azp", "\"vscode\"" }, { "scope", "\"openid repo:read\"" }, { "permissions", "[\"repo:read\"]" }, { "https://acme.example/groups", "[\"eng\"]" }, END };
static const struct rig_member ping[] = {
	{ "iss", "\"https://auth.pingone.com/e1/as\"" }, { "aud", "[\"mcp\"]" }, TIMES, { "sub", "\"u-1\"" }, { "client_id", "\"vscode\"" }, { "scope", "\"repo:read\"" },
	{ "sid", "\"s\"" }, { "env", "\"e1\"" }, END };
static const struct rig_member cognito[] = {
	{ "iss", "\"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A\"" }, TIMES, { "sub", "\"aaaa-bbbb\"" }, { "client_id", "\"vscode\"" }, { "token_use", "\"access\"" },
	{ "scope", "\"mcp/repo.read\"" }, { "cognito:groups", "[\"eng\"]" }, { "username", "\"ada\"" }, { "version", "2" }, { "jti", "\"c1\"" }, END };
static const struct rig_member dex[] = {
	{ "iss", "\"https://dex.example\"" }, { "aud", "[\"mcp\",\"vscode\"]" }, TIMES, { "sub", "\"CgNhZGESBGxkYXA\"" }, { "azp", "\"vscode\"" }, { "at_hash", "\"x\"" },
	{ "groups", "[\"eng\"]" }, { "email", "\"ada@acme.example\"" }, { "email_verified", "true" },
	{ "federated_claims", "{\"connector_id\":\"ldap\",\"user_id\":\"ada\"}" }, END };
static const struct rig_member github[] = {
	{ "iss", "\"https://token.actions.githubusercontent.com\"" }, { "aud", "\"mcp\"" }, TIMES, { "jti", "\"h1\"" }, { "sub", "\"repo:acme/deploy:ref:refs/heads/main\"" },
	{ "repository", "\"acme/deploy\"" }, { "repository_id", "\"74\"" }, { "repository_owner_id", "\"65\"" },
	{ "job_workflow_ref", "\"acme/ci:x/.github/workflows/d.yml@refs/heads/main\"" }, END };
static const struct rig_member claude[] = {
	{ "iss", "\"https://identity.anthropic.com/issuers/iss_1\"" }, { "aud", "\"https://auth.acme.example\"" }, TIMES, { "jti", "\"a1\"" }, { "sub", "\"user_1\"" },
	{ "client_id", "\"vscode\"" }, { "scope", "\"repo:read\"" }, { "email", "\"ada@acme.example\"" }, END };
static const struct rig_member okta_custom[] = {
	{ "iss", "\"https://acme.okta.com/oauth2/aus1\"" }, { "aud", "\"mcp\"" }, TIMES, { "jti", "\"AT.x\"" }, { "ver", "1" }, { "cid", "\"vscode\"" }, { "uid", "\"00u1\"" },
	{ "scp", "[\"repo:read\",\"repo:write\"]" }, { "sub", "\"ada@acme.example\"" }, END };
static const struct rig_member generic[] = {
	{ "iss", "\"https://idp.example\"" }, { "aud", "\"mcp\"" }, TIMES, { "jti", "\"1\"" }, { "sub", "\"ada\"" }, { "client_id", "\"vscode\"" }, { "scope", "\"repo:read\"" },
	{ "groups", "[\"acme-eng\",\"root\"]" }, { "roles", "{\"a\":[\"r1\"],\"b\":\"r2\"}" }, { "active", "true" }, END };

#define OIDC(issuer) "issuer = \"" issuer "\"; "
#define GITHUB "preset = \"github_actions\"; require = ( { claim = \"repository_owner_id\"; equals = \"65\"; } ); "
#define JAG EMA_ID_JAG, "oauth-id-jag+jwt"
#define AT EMA_ACCESS_TOKEN

static const struct shape {
	const char *settings;
	uint32_t kind;
	const char *type;
	const struct rig_member *base;
	const char *audience, *subject, *group, *role, *scope;
	int email; /* 0: none, 1: unverified, 2: verified */
} shapes[] = {
	{ "preset = \"keycloak\"; " OIDC("https://kc.example/realms/acme"), AT, "JWT", keycloak, "mcp", "f1c9", "eng/core", "reader", "repo:read", 2 },
	{ "preset = \"google\"; require = ( { claim = \"/hd\"; equals = \"acme.example\"; } ); ", JAG, google, "https://auth.acme.example",
	  "10769150350006150715113082367", NULL, NULL, NULL, 2 },
	{ "preset = \"auth0\"; " OIDC("https://acme.eu.auth0.com/") "groups_claim = \"https://acme.example/groups\"; roles_claim = [\"permissions\"]; ", AT, "JWT", auth0,
	  "mcp", "auth0|64f", "eng", "repo:read", "repo:read", 0 },
	{ "preset = \"ping\"; " OIDC("https://auth.pingone.com/e1/as"), AT, NULL, ping, "mcp", "u-1", NULL, NULL, "repo:read", 0 },
	{ "preset = \"ping\"; " OIDC("https://auth.pingone.com/e1/as"), AT, "at+jwt", ping, "mcp", "u-1", NULL, NULL, "repo:read", 0 },
	{ "preset = \"cognito\"; " OIDC("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A"), AT, NULL, cognito, "vscode", "aaaa-bbbb", "eng", NULL, "mcp/repo.read", 0 },
	{ "preset = \"dex\"; connector = \"ldap\"; " OIDC("https://dex.example"), AT, NULL, dex, "mcp", "CgNhZGESBGxkYXA", "eng", NULL, NULL, 2 },
	{ GITHUB "workloads = true; ", AT, "JWT", github, "mcp", "65:74:acme/ci%3Ax/.github/workflows/d.yml@refs/heads/main", NULL, NULL, NULL, 0 },
	{ "preset = \"claude\"; " OIDC("https://identity.anthropic.com/issuers/iss_1"), JAG, claude, "https://auth.acme.example", "user_1", NULL, NULL, "repo:read", 1 },
	{ "preset = \"okta_custom\"; " OIDC("https://acme.okta.com/oauth2/aus1"), AT, NULL, okta_custom, "mcp", "00u1", NULL, NULL, "repo:write", 0 },
	{ OIDC("https://idp.example") "groups_claim = \"groups\"; group_prefix_strip = \"acme-\"; roles_claim = [\"/roles/a\", \"/roles/b\"]; ", AT, "at+jwt", generic,
	  "mcp", "ada", "eng", "r2", "repo:read", 0 },
};

static struct rig_token token_of(const struct shape *shape)
{
	return (struct rig_token){ .kind = shape->kind, .type = shape->type, .header = "", .base = shape->base, .audience = shape->audience,
		                   .client = shape->base == github ? "74" : "vscode" };
}

/* JAG-79 JAG-93: a token of the shape that each product makes is read with its preset and little else */
static void presets_read_their_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		const struct shape *shape = &shapes[i];
		struct rig_token token = token_of(shape);
		struct rig rig;
		struct rig_answer answer;
		if (rig_open(&rig, "oidc", PLUGIN_IDENTITY, shape->settings) != 0)
			fail_msg("%s: %s", shape->settings, rig.findings.count ? rig.findings.list[0].text : "");
		rig_identify(&rig, &token, &answer);
		if (answer.code != EMA_OK)
			fail_msg("%s: %d: %s", shape->settings, answer.code, answer.failure.text);
		const struct call_result *result = answer.result;
		assert_string_equal(result->subject, shape->subject);
		if (shape->group)
			assert_true(rig_has(&result->groups, shape->group));
		else
			assert_int_equal(result->groups.count, 0);
		if (shape->role)
			assert_true(rig_has(&result->roles, shape->role));
		else
			assert_int_equal(result->roles.count, 0);
		if (shape->scope)
			assert_true(rig_has(&result->scopes, shape->scope));
		assert_int_equal(result->email ? 1 + result->email_verified : 0, shape->email);
		rig_answer_free(&answer);
		/* Nothing that another key signed. */
		token.forged = 1;
		rig_identify(&rig, &token, &answer);
		assert_true(answer.code == EMA_UNKNOWN_KEY || answer.code == EMA_BAD_SIGNATURE);
		rig_answer_free(&answer);
		rig_close(&rig);
	}
}

/* JAG-91: of a long list, the last one is there as the first one is: a deny may look for it. */
static void all_groups_are_read(void **state)
{
	(void)state;
	static char groups[16384];
	size_t at = (size_t)snprintf(groups, sizeof groups, "[");
	for (int i = 0; i < 1100; i++)
		at += (size_t)snprintf(groups + at, sizeof groups - at, "\"/g%d\",", i);
	snprintf(groups + at, sizeof groups - at, "\"/contractors\"]");
	const struct rig_member change[] = { { "groups", groups }, END };
	struct rig_token token = token_of(&shapes[0]);
	struct rig rig;
	struct rig_answer answer;
	assert_int_equal(rig_open(&rig, "oidc", PLUGIN_IDENTITY, shapes[0].settings), 0);
	token.change = change;
	rig_identify(&rig, &token, &answer);
	assert_int_equal(answer.code, EMA_OK);
	assert_true(rig_has(&answer.result->groups, "contractors"));
	rig_answer_free(&answer);
	rig_close(&rig);
}

static void check(const char *settings, const struct shape *shape, const struct rig_case *cases, size_t count)
{
	struct rig rig;
	struct rig_token token = token_of(shape);
	if (rig_open(&rig, "oidc", PLUGIN_IDENTITY, settings) != 0)
		fail_msg("%s: %s", settings, rig.findings.count ? rig.findings.list[0].text : "");
	rig_cases(&rig, &token, cases, count);
	rig_close(&rig);
}
#define CHECK(settings, shape, cases) check(settings, shape, cases, sizeof(cases) / sizeof *(cases))

/* JWT-15 JWT-67 JAG-36: an ID token is taken nowhere, however it looks */
static void refuses_id_tokens(void **state)
{
	(void)state;
	static const struct rig_case of_keycloak[] = {
		{ "payload typ ID", { { "typ", "\"ID\"" } }, EMA_WRONG_TYPE, "ID token", NULL, NULL },
		{ "payload typ Refresh", { { "typ", "\"Refresh\"" } }, EMA_WRONG_TYPE, "Bearer", NULL, NULL },
		{ "no payload typ", { { "typ", NULL } }, EMA_WRONG_TYPE, "Bearer", NULL, NULL },
		{ "service account", { { "preferred_username", "\"service-account-ci\"" } }, EMA_NOT_A_PERSON, "workloads", NULL, NULL },
		{ "one that hides it", { { "preferred_username", NULL } }, EMA_MISSING_CLAIM, "service accounts", NULL, NULL },
		{ "groups elsewhere", { { "groups", NULL }, { "_claim_names", "{\"groups\":\"src1\"}" } }, EMA_GROUP_OVERAGE, "put them into it", NULL, NULL },
		{ "roles elsewhere", { { "_claim_names", "{\"realm_access\":\"src1\"}" } }, EMA_GROUP_OVERAGE, "put them into it", NULL, NULL },
		{ "groups that are said to be", { { "groups", NULL }, { "hasgroups", "true" } }, EMA_GROUP_OVERAGE, "put them into it", NULL, NULL },
	};
	static const struct rig_case of_google[] = {
		{ "an ID token", { { NULL, NULL } }, EMA_WRONG_TYPE, "typ", "JWT", NULL },
		{ "another domain", { { "hd", "\"evil.example\"" } }, EMA_DENIED, "/hd", NULL, NULL },
		{ "a private account", { { "hd", NULL } }, EMA_MISSING_CLAIM, "/hd", NULL, NULL },
	};
	static const struct rig_case of_auth0[] = {
		{ "nonce", { { "nonce", "\"n\"" } }, EMA_WRONG_TYPE, "ID token", NULL, NULL },
		{ "at_hash", { { "at_hash", "\"h\"" } }, EMA_WRONG_TYPE, "ID token", NULL, NULL },
		{ "no azp", { { "azp", NULL } }, EMA_MISSING_CLAIM, "client", NULL, NULL },
		{ "client credentials", { { "gty", "\"client-credentials\"" } }, EMA_NOT_A_PERSON, NULL, NULL, NULL },
		/* Its RFC 9068 profile says so by the subject alone. */
		{ "a machine", { { "sub", "\"app@clients\"" } }, EMA_NOT_A_PERSON, NULL, NULL, NULL },
		{ "a person called so", { { "sub", "\"auth0|app@clients.example\"" } }, EMA_OK, NULL, NULL, NULL },
	};
	static const struct rig_case of_cognito[] = {
		{ "token_use id", { { "token_use", "\"id\"" }, { "aud", "\"vscode\"" } }, EMA_WRONG_TYPE, "ID token", NULL, NULL },
		{ "no token_use", { { "token_use", NULL } }, EMA_WRONG_TYPE, "token_use", NULL, NULL },
		{ "client credentials", { { "sub", "\"vscode\"" } }, EMA_NOT_A_PERSON, NULL, NULL, NULL },
	};
	static const struct rig_case of_dex[] = {
		{ "c_hash", { { "c_hash", "\"c\"" } }, EMA_WRONG_TYPE, "ID token", NULL, NULL },
		{ "not for us", { { "aud", "\"vscode\"" }, { "azp", NULL } }, EMA_WRONG_AUDIENCE, NULL, NULL, NULL },
		{ "another connector", { { "federated_claims", "{\"connector_id\":\"github\"}" } }, EMA_DENIED, "connector_id", NULL, NULL },
		{ "no connector", { { "federated_claims", NULL } }, EMA_MISSING_CLAIM, "connector_id", NULL, NULL },
	};
	static const struct rig_case of_github[] = {
		{ "a workload", { { NULL, NULL } }, EMA_NOT_A_PERSON, "workloads", NULL, NULL },
		{ "another owner", { { "repository_owner_id", "\"66\"" } }, EMA_DENIED, "repository_owner_id", NULL, NULL },
	};
	static const struct rig_case of_okta[] = {
		{ "no uid: client credentials", { { "uid", NULL } }, EMA_MISSING_CLAIM, "uid", NULL, NULL },
		{ "ID token", { { "cid", NULL }, { "uid", NULL }, { "at_hash", "\"x\"" } }, EMA_WRONG_TYPE, "ID token", NULL, NULL },
	};
	static const struct rig_case of_generic[] = {
		{ "typ JWT", { { NULL, NULL } }, EMA_WRONG_TYPE, "typ is \"jwt\"", "JWT", NULL },
		{ "ID-JAG as access token", { { NULL, NULL } }, EMA_WRONG_TYPE, NULL, "oauth-id-jag+jwt", NULL },
		{ "client credentials", { { "sub", "\"vscode\"" } }, EMA_NOT_A_PERSON, NULL, NULL, NULL },
		{ "groups that are no list", { { "groups", "7" } }, EMA_BAD_CLAIM, "groups", NULL, NULL },
		{ "a group that is no string", { { "groups", "[7]" } }, EMA_BAD_CLAIM, "groups", NULL, NULL },
		{ "another issuer", { { "iss", "\"https://idp.example/\"" } }, EMA_NOT_MINE, NULL, NULL, NULL },
		{ "no sub", { { "sub", NULL } }, EMA_MISSING_CLAIM, "sub", NULL, NULL },
		{ "sub is a number", { { "sub", "7" } }, EMA_BAD_CLAIM, "sub", NULL, NULL },
	};
	CHECK(shapes[0].settings, &shapes[0], of_keycloak);
	CHECK(shapes[1].settings, &shapes[1], of_google);
	CHECK(shapes[2].settings, &shapes[2], of_auth0);
	CHECK(shapes[5].settings, &shapes[5], of_cognito);
	CHECK(shapes[6].settings, &shapes[6], of_dex);
	CHECK(GITHUB, &shapes[7], of_github);
	CHECK(shapes[9].settings, &shapes[9], of_okta);
	CHECK(shapes[10].settings, &shapes[10], of_generic);
}

/* JAG-80 JAG-122: aliases are exact, tenants are listed, a require holds */
static void obeys_its_settings(void **state)
{
	(void)state;
	const struct shape *shape = &shapes[10];
	static const struct rig_case alias[] = {
		{ "alias", { { "iss", "\"https://old.example\"" } }, EMA_OK, NULL, NULL, NULL },
		{ "not the alias", { { "iss", "\"https://old.example/\"" } }, EMA_NOT_MINE, NULL, NULL, NULL },
	};
	static const struct rig_case tenants[] = {
		{ "listed", { { "org", "\"a\"" } }, EMA_OK, NULL, NULL, NULL },
		{ "not listed", { { "org", "\"c\"" } }, EMA_WRONG_TENANT, NULL, NULL, NULL },
		{ "none", { { NULL, NULL } }, EMA_MISSING_TENANT, NULL, NULL, NULL },
	};
	static const struct rig_case required[] = {
		{ "true", { { NULL, NULL } }, EMA_OK, NULL, NULL, NULL },
		{ "false", { { "active", "false" } }, EMA_DENIED, "/active", NULL, NULL },
		{ "number", { { "active", "1" } }, EMA_DENIED, "/active", NULL, NULL },
	};
	static const struct rig_case listed[] = {
		{ "one of a list", { { "groups", "[\"x\",\"b\"]" } }, EMA_OK, NULL, NULL, NULL },
		{ "none of a list", { { "groups", "[\"x\"]" } }, EMA_DENIED, "/groups", NULL, NULL },
	};
	static const struct rig_case kind[] = {
		{ "said", { { "use", "\"access\"" } }, EMA_OK, NULL, "JWT", NULL },
		{ "not said", { { NULL, NULL } }, EMA_WRONG_TYPE, "/use", "JWT", NULL },
	};
	CHECK(OIDC("https://idp.example") "aliases = [\"https://old.example\"]; ", shape, alias);
	CHECK(OIDC("https://idp.example") "tenant_claim = \"org\"; tenants = [\"a\", \"b\"]; ", shape, tenants);
	CHECK(OIDC("https://idp.example") "require = ( { claim = \"active\"; equals = \"true\"; } ); ", shape, required);
	CHECK(OIDC("https://idp.example") "require = ( { claim = \"groups\"; one_of = [\"a\", \"b\"]; } ); ", shape, listed);
	CHECK(OIDC("https://idp.example") "types = [\"jwt\"]; token_kind = { claim = \"use\"; equals = \"access\"; }; ", shape, kind);
}

static void explains_settings(void **state)
{
	(void)state;
	static const struct rig_setting settings[] = {
		{ "", "issuer" },
		{ "preset = \"keyclock\"; ", "keycloak" },
		{ "preset = \"keycloak\"; ", "/realms/" },
		{ "preset = \"claude\"; " OIDC("https://identity.anthropic.com"), "/issuers/" },
		{ "preset = \"google\"; ", "/hd" },
		{ "preset = \"github_actions\"; ", "repository_owner_id" },
		{ OIDC("https://idp.example/.well-known/openid-configuration"), "discovery_url" },
		{ OIDC("https://idp.example") "types = [\"jwt\"]; ", "id_token_marks" },
		{ OIDC("https://idp.example") "types = [\"at+JWT\"]; ", "lower case" },
		{ OIDC("https://idp.example") "types = []; ", "empty" },
		{ OIDC("https://idp.example") "tenants = [\"a\"]; ", "go together" },
		{ OIDC("https://idp.example") "tenant_claim = \"org\"; ", "go together" },
		{ OIDC("https://idp.example") "require = ( { claim = \"hd\"; } ); ", "equals" },
		{ OIDC("https://idp.example") "require = ( { equals = \"x\"; } ); ", "claim" },
		{ OIDC("https://idp.example") "client_claim = [\"a\", \"b\"]; ", "one claim" },
		{ OIDC("https://idp.example") "subject = []; ", "who it is" },
		{ OIDC("https://idp.example") "token_kind = { claim = \"use\"; }; ", "token_use" },
		{ OIDC("https://idp.example") "group_claim = \"groups\"; ", "group_claim" },
	};
	rig_refused("oidc", PLUGIN_IDENTITY, settings, sizeof settings / sizeof *settings);
	/* Who gives up at one key has not asked for the rest, which is not called unknown: but what is misspelt is. */
	struct rig rig;
	assert_int_equal(rig_open(&rig, "oidc", PLUGIN_IDENTITY, "presett = \"x\"; preset = \"keyclock\"; " OIDC("https://idp.example")), -1);
	assert_true(rig_says(&rig, "did you mean \"preset\"?"));
	assert_false(rig_says(&rig, "\"issuer\""));
	rig_close(&rig);
}

/* The worked examples load, and their plugins open */
static void examples_load(void **state)
{
	(void)state;
	static const struct {
		const char *file, *plugin;
	} rows[] = {
		{ "etc/examples/okta.conf", "okta_xaa" },
		{ "etc/examples/azure.conf", "azure_ad" },
		{ "etc/examples/keycloak.conf", "oidc" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct findings findings = { 0 };
		struct failure failure = FAILURE_INIT;
		struct plugin_search search = { .folders = BUILDDIR "/plugins/.libs" };
		struct plugin *plugin = NULL;
		struct instance *instance = NULL;
		static const char *const core_keys[] = { "id", "plugin", "authority", NULL };
		char *text = rig_source(rows[i].file);
		struct conf *conf = conf_read_text(text, strlen(text), rows[i].file, &findings);
		if (!conf)
			fail_msg("%s:%d: %s", rows[i].file, findings.list[0].line, findings.list[0].text);
		assert_string_equal(conf->providers[0].instance.plugin, rows[i].plugin);
		struct trust_settings settings = { .clock = &clock_system, .passive = 1 }; /* nothing is fetched */
		struct trust *trust = trust_new(&settings, &failure);
		assert_non_null(trust);
		assert_int_equal(plugin_open(&search, rows[i].plugin, &plugin, &failure), EMA_OK);
		struct instance_settings what = { .plugin = plugin, .kind = PLUGIN_IDENTITY, .id = "p", .conf = conf, .node = conf->providers[0].instance.node,
			                          .core_keys = core_keys, .clock = &clock_system, .trust = trust, .provider = &conf->providers[0] };
		if (instance_open(&what, &instance, &findings) != EMA_OK)
			fail_msg("%s: %s", rows[i].file, findings.list[findings.count - 1].text);
		instance_close(instance);
		plugin_close(plugin);
		trust_free(trust);
		conf_free(conf);
		findings_free(&findings);
		free(text);
	}
}

/* JAG-84: an address that the issuer itself calls unverified, which anybody may have written into a form, is not taken */
static void takes_no_unverified_address(void **state)
{
	static const char *const values[] = { "false", "\"false\"", "null", "0" };
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		const struct rig_member change[] = { { "email_verified", values[i] }, { NULL, NULL } };
		struct rig_token token = token_of(&shapes[0]);
		struct rig rig;
		struct rig_answer answer;
		token.change = change;
		assert_int_equal(rig_open(&rig, "oidc", PLUGIN_IDENTITY, shapes[0].settings), 0);
		rig_identify(&rig, &token, &answer);
		assert_int_equal(answer.code, EMA_OK);
		assert_null(answer.result->email);
		rig_answer_free(&answer);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_read_their_tokens),
		cmocka_unit_test(all_groups_are_read),
		cmocka_unit_test(takes_no_unverified_address),
		cmocka_unit_test(refuses_id_tokens),
		cmocka_unit_test(obeys_its_settings),
		cmocka_unit_test(explains_settings),
		cmocka_unit_test(examples_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
