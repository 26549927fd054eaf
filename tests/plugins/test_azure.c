#include "rig.h"

#include "buffer.h"

#define TENANT "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
#define OTHER "11111111-2222-3333-4444-555555555555"
#define OBJECT "690222be-ff1a-4d56-abd1-7e4f7d38e474"
#define APP "3b5e4c1a-0000-4000-8000-00000000cafe"
#define CLIENT "aebc6443-996d-45c2-90f0-388ff96faa56"
#define V2 "https://login.microsoftonline.com/" TENANT "/v2.0"
#define V1 "https://sts.windows.net/" TENANT "/"
#define KEYS "https://login.microsoftonline.com/{tenantid}/v2.0"
#define ONE "tenant = \"" TENANT "\"; "

static const struct rig_member v2_token[] = {
	{ "aud", "\"" APP "\"" }, { "iss", "\"" V2 "\"" }, { "iat", "1795435200" }, { "nbf", "1795435200" }, { "exp", "1795440000" },
	{ "azp", "\"" CLIENT "\"" }, { "azpacr", "\"0\"" }, { "oid", "\"" OBJECT "\"" }, { "preferred_username", "\"ada@acme.example\"" },
	{ "rh", "\"0.AR\"" }, { "scp", "\"mcp.read mcp.write\"" }, { "sub", "\"HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ\"" },
	{ "tid", "\"" TENANT "\"" }, { "uti", "\"fqiBqXLPj0eQa82S-IYFAA\"" }, { "ver", "\"2.0\"" }, { "roles", "[\"mcp.reader\"]" }, { NULL, NULL },
};
static const struct rig_member v1_token[] = {
	{ "aud", "\"" APP "\"" }, { "iss", "\"" V1 "\"" }, { "iat", "1795435200" }, { "nbf", "1795435200" }, { "exp", "1795440000" },
	{ "acr", "\"1\"" }, { "amr", "[\"pwd\",\"mfa\"]" }, { "appid", "\"" CLIENT "\"" }, { "appidacr", "\"1\"" }, { "oid", "\"" OBJECT "\"" },
	{ "scp", "\"user_impersonation\"" }, { "sub", "\"pairwise\"" }, { "tid", "\"" TENANT "\"" }, { "unique_name", "\"ada@acme.example\"" },
	{ "upn", "\"ada@acme.example\"" }, { "ver", "\"1.0\"" }, { NULL, NULL },
};
static const struct rig_member jag[] = {
	{ "jti", "\"j1\"" }, { "iss", "\"https://broker.example\"" }, { "aud", "\"https://auth.acme.example\"" }, { "iat", "1795435200" },
	{ "exp", "1795435500" }, { "sub", "\"whatever\"" }, { "client_id", "\"vscode\"" }, { "scope", "\"repo:read\"" },
	{ "tid", "\"" TENANT "\"" }, { "oid", "\"" OBJECT "\"" }, { NULL, NULL },
};
static const struct rig_token good = { .kind = EMA_ACCESS_TOKEN, .type = "JWT", .header = "", .base = v2_token, .audience = APP, .client = CLIENT };

/* JAG-79 JAG-121: v1 and v2 tokens give one subject, the tenant and the object id; e-mail names nobody */
static void takes_v1_and_v2(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++)
		for (int named = 0; named < 2; named++) {
			struct rig rig;
			struct rig_answer answer;
			struct rig_token token = good;
			rig_key_issuer = KEYS;
			assert_int_equal(rig_open(&rig, "azure_ad", PLUGIN_IDENTITY, ONE), 0);
			token.base = v1 ? v1_token : v2_token;
			token.issuer = !named ? NULL : v1 ? V1 : V2;
			rig_identify(&rig, &token, &answer);
			assert_string_equal(answer.failure.text, "");
			assert_int_equal(answer.code, EMA_OK);
			assert_string_equal(answer.result->subject, OBJECT);
			assert_string_equal(answer.result->tenant, TENANT);
			assert_string_equal(answer.result->client_id, CLIENT);
			assert_true(rig_has(&answer.result->scopes, v1 ? "user_impersonation" : "mcp.write"));
			assert_int_equal(rig_has(&answer.result->roles, "mcp.reader"), !v1);
			assert_null(answer.result->email);
			rig_answer_free(&answer);
			rig_close(&rig);
		}
}

/* JAG-80 JAG-121 JWT-60 JWT-67: other tenants, other kinds, other people's tokens, each with its own reason */
static void refuses_the_rest(void **state)
{
	(void)state;
	static const struct rig_case cases[] = {
		{ "the literal template", { { "iss", "\"https://login.microsoftonline.com/{tenantid}/v2.0\"" } }, EMA_NOT_MINE, NULL, NULL, NULL },
		{ "another tenant", { { "iss", "\"https://login.microsoftonline.com/" OTHER "/v2.0\"" }, { "tid", "\"" OTHER "\"" } }, EMA_NOT_MINE, NULL, NULL, NULL },
		{ "another tenant's tid", { { "tid", "\"" OTHER "\"" } }, EMA_WRONG_TENANT, "tid", NULL, NULL },
		{ "tid in capitals", { { "tid", "\"6BABCAAD-604B-40AC-A9D7-9FD97C0B779F\"" } }, EMA_WRONG_TENANT, NULL, NULL, NULL },
		{ "no tid", { { "tid", NULL } }, EMA_MISSING_CLAIM, "tid", NULL, NULL },
		{ "no oid", { { "oid", NULL } }, EMA_MISSING_CLAIM, "oid", NULL, NULL },
		{ "an oid that is an address", { { "oid", "\"ada@acme.example\"" } }, EMA_BAD_CLAIM, "oid", NULL, NULL },
		{ "a version of another issuer", { { "ver", "\"1.0\"" } }, EMA_BAD_CLAIM, "ver is not", NULL, NULL },
		{ "a v2 token with the client of v1", { { "azp", NULL }, { "appid", "\"" CLIENT "\"" } }, EMA_MISSING_CLAIM, "client", NULL, NULL },
		{ "another client", { { "azp", "\"" OTHER "\"" } }, EMA_WRONG_CLIENT, NULL, NULL, NULL },
		{ "another audience", { { "aud", "\"api://other\"" } }, EMA_WRONG_AUDIENCE, NULL, NULL, NULL },
		{ "an ID token", { { "azp", NULL }, { "scp", NULL }, { "nonce", "\"n\"" } }, EMA_WRONG_TYPE, "ID token", NULL, NULL },
		{ "an ID token without nonce", { { "scp", NULL } }, EMA_WRONG_TYPE, "no scp", NULL, NULL },
		{ "an ID-JAG sent as an access token", { { NULL, NULL } }, EMA_WRONG_TYPE, NULL, "oauth-id-jag+jwt", NULL },
		{ "an application, marked", { { "idtyp", "\"app\"" } }, EMA_NOT_A_PERSON, "app_only", NULL, NULL },
		{ "an application, not marked", { { "scp", NULL }, { "sub", "\"" OBJECT "\"" } }, EMA_NOT_A_PERSON, "app_only", NULL, NULL },
		{ "Graph by id", { { "aud", "\"00000003-0000-0000-c000-000000000000\"" } }, EMA_WRONG_AUDIENCE, "Microsoft Graph", NULL, NULL },
		{ "Graph by name", { { "aud", "\"https://graph.microsoft.com/\"" } }, EMA_WRONG_AUDIENCE, "Microsoft Graph", NULL, NULL },
		{ "Graph by its header", { { NULL, NULL } }, EMA_WRONG_AUDIENCE, "header has a nonce", NULL, ",\"nonce\":\"x\"" },
		{ "groups left out, not mapped", { { "hasgroups", "true" } }, EMA_OK, NULL, NULL, NULL },
		{ "a guest", { { "acct", "1" } }, EMA_OK, NULL, NULL, NULL },
	};
	struct rig rig;
	struct rig_answer answer;
	assert_int_equal(rig_open(&rig, "azure_ad", PLUGIN_IDENTITY, ONE), 0);
	rig_cases(&rig, &good, cases, sizeof cases / sizeof *cases);
	/* Graph is refused before anybody asks whose signature that is. */
	const struct rig_member graph[] = { { "aud", "\"https://graph.microsoft.com\"" }, { NULL, NULL } };
	struct rig_token token = good;
	token.change = graph;
	token.forged = 1;
	rig_identify(&rig, &token, &answer);
	assert_int_equal(answer.code, EMA_WRONG_AUDIENCE);
	rig_answer_free(&answer);
	rig_close(&rig);
}

/* JAG-80 JAG-93: what ema.conf may open, and the state of groups that did not fit */
static void obeys_its_settings(void **state)
{
	(void)state;
	static const struct {
		const char *settings;
		struct rig_case one;
		const char *group, *email;
		const char *keys; /* NULL: KEYS */
	} rows[] = {
		{ ONE "app_only = true; ", { "app", { { "idtyp", "\"app\"" }, { "scp", NULL } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ ONE "app_only = true; ", { "ID token", { { "scp", NULL } }, EMA_WRONG_TYPE, "no scp", NULL, NULL }, NULL, NULL, NULL },
		{ ONE "groups = true; ", { "groups", { { "groups", "[\"g1\",\"g2\"]" } }, EMA_OK, NULL, NULL, NULL }, "g2", NULL, NULL },
		{ ONE, { "groups", { { "groups", "[\"g1\"]" } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ ONE "groups = true; ", { "overage", { { "_claim_names", "{\"groups\":\"src1\"}" },
		  { "_claim_sources", "{\"src1\":{\"endpoint\":\"https://graph.windows.net/x\"}}" } }, EMA_GROUP_OVERAGE, "Groups assigned to the application", NULL, NULL }, NULL, NULL, NULL },
		{ ONE "groups = true; ", { "hasgroups", { { "hasgroups", "true" } }, EMA_GROUP_OVERAGE, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ ONE "groups = true; ", { "no list", { { "groups", "7" } }, EMA_BAD_CLAIM, "groups", NULL, NULL }, NULL, NULL, NULL },
		{ ONE "guest_accounts = \"refuse\"; ", { "guest", { { "acct", "1" } }, EMA_DENIED, "guest", NULL, NULL }, NULL, NULL, NULL },
		{ ONE "guest_accounts = \"refuse\"; ", { "guest by idp", { { "idp", "\"https://sts.windows.net/" OTHER "/\"" } }, EMA_DENIED, "guest", NULL, NULL }, NULL, NULL, NULL },
		{ ONE "guest_accounts = \"refuse\"; ", { "member", { { "idp", "\"https://sts.windows.net/" TENANT "/\"" }, { "acct", "0" } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ ONE, { "unowned e-mail", { { "email", "\"ada@acme.example\"" } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ ONE, { "owned e-mail", { { "email", "\"ada@acme.example\"" }, { "xms_edov", "true" } }, EMA_OK, NULL, NULL, NULL }, NULL, "ada@acme.example", NULL },
		{ ONE, { "owned e-mail", { { "email", "\"ada@acme.example\"" }, { "xms_edov", "\"1\"" } }, EMA_OK, NULL, NULL, NULL }, NULL, "ada@acme.example", NULL },
		{ ONE "versions = [\"1.0\"]; ", { "v2 switched off", { { NULL, NULL } }, EMA_NOT_MINE, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ "tenants = [\"" OTHER "\", \"" TENANT "\"]; ", { "two tenants", { { NULL, NULL } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ "tenants = [\"" OTHER "\", \"" TENANT "\"]; ", { "the one's issuer, the other's tid", { { "tid", "\"" OTHER "\"" } }, EMA_WRONG_TENANT, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ ONE "cloud = \"us\"; ", { "another cloud", { { NULL, NULL } }, EMA_NOT_MINE, NULL, NULL, NULL }, NULL, NULL, NULL },
		{ ONE "cloud = \"us\"; ", { "that cloud", { { "iss", "\"https://login.microsoftonline.us/" TENANT "/v2.0\"" } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL,
		  "https://login.microsoftonline.us/{tenantid}/v2.0" },
		{ ONE "cloud = \"china\"; ", { "v1 of China", { { "iss", "\"https://sts.chinacloudapi.cn/" TENANT "/\"" }, { "ver", "\"1.0\"" }, { "appid", "\"" CLIENT "\"" } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL,
		  "https://login.partner.microsoftonline.cn/" TENANT "/v2.0" },
		{ ONE, { "a key of another tenant", { { NULL, NULL } }, EMA_UNKNOWN_KEY, "another issuer", NULL, NULL }, NULL, NULL, "https://login.microsoftonline.com/" OTHER "/v2.0" },
		{ "tenants = [\"" OTHER "\", \"" TENANT "\"]; ", { "a key of the other tenant", { { NULL, NULL } }, EMA_UNKNOWN_KEY, "another issuer", NULL, NULL }, NULL, NULL,
		  "https://login.microsoftonline.com/" OTHER "/v2.0" },
		{ ONE "key_app = \"" APP "\"; ", { "keys of one application", { { NULL, NULL } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, "x" },
		{ "cloud = \"external\"; tenants = [\"" OTHER "\", \"" TENANT "\"]; ", { "external", { { "iss", "\"https://" TENANT ".ciamlogin.com/" TENANT "/v2.0\"" } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, "x" },
		{ "tenant = \"6BABCAAD-604B-40AC-A9D7-9FD97C0B779F\"; ", { "written in capitals", { { NULL, NULL } }, EMA_OK, NULL, NULL, NULL }, NULL, NULL, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig rig;
		struct rig_answer answer;
		struct rig_token token = good;
		rig_key_issuer = rows[i].keys ? rows[i].keys : KEYS;
		assert_int_equal(rig_open(&rig, "azure_ad", PLUGIN_IDENTITY, rows[i].settings), 0);
		rig_key_issuer = KEYS;
		rig_cases(&rig, &good, &rows[i].one, 1);
		token.change = rows[i].one.change;
		rig_identify(&rig, &token, &answer);
		if (answer.code == EMA_OK) {
			assert_int_equal(answer.result->groups.count > 0, rows[i].group != NULL);
			if (rows[i].group)
				assert_true(rig_has(&answer.result->groups, rows[i].group));
			if (rows[i].email)
				assert_string_equal(answer.result->email, rows[i].email);
			else
				assert_null(answer.result->email);
		}
		rig_answer_free(&answer);
		rig_close(&rig);
	}
}

/* JAG-121: Entra's own ID-JAGs are a switch, a broker's a key set of its own */
static void takes_id_jags_if_told(void **state)
{
	(void)state;
	struct rig rig;
	struct rig_answer answer;
	const struct rig_member native[] = { { "iss", "\"" V2 "\"" }, { NULL, NULL } };
	struct rig_token token = { .kind = EMA_ID_JAG, .type = "oauth-id-jag+jwt", .header = "", .base = jag,
		                   .audience = "https://auth.acme.example", .client = "vscode" };
	static const struct {
		const char *settings;
		int brokered, native;
	} rows[] = {
		{ ONE, EMA_NOT_MINE, EMA_NOT_MINE },
		{ ONE "native_id_jag = true; ", EMA_NOT_MINE, EMA_OK },
		{ ONE "broker = { issuer = \"https://broker.example\"; }; ", EMA_OK, EMA_NOT_MINE },
		{ ONE "broker = { issuer = \"https://broker.example\"; }; native_id_jag = true; ", EMA_OK, EMA_OK },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(rig_open(&rig, "azure_ad", PLUGIN_IDENTITY, rows[i].settings), 0);
		for (int n = 0; n < 2; n++) {
			token.change = n ? native : NULL;
			rig_identify(&rig, &token, &answer);
			if (answer.code != (n ? rows[i].native : rows[i].brokered))
				fail_msg("%s, native %d: %d, %s", rows[i].settings, n, answer.code, answer.failure.text);
			if (answer.code == EMA_OK) {
				assert_string_equal(answer.result->subject, OBJECT);
				assert_string_equal(answer.result->tenant, TENANT);
			}
			rig_answer_free(&answer);
		}
		rig_close(&rig);
	}
	assert_int_equal(rig_open(&rig, "azure_ad", PLUGIN_IDENTITY, ONE "broker = { issuer = \"https://broker.example\"; tenant_claim = \"/ext/tenant\"; subject_claim = \"entra_oid\"; }; "), 0);
	static const struct rig_case cases[] = {
		{ "claims as named", { { "ext", "{\"tenant\":\"" TENANT "\"}" }, { "entra_oid", "\"" OBJECT "\"" }, { "tid", NULL }, { "oid", NULL } }, EMA_OK, NULL, NULL, NULL },
		{ "a tenant that is not listed", { { "ext", "{\"tenant\":\"" OTHER "\"}" }, { "entra_oid", "\"" OBJECT "\"" } }, EMA_WRONG_TENANT, NULL, NULL, NULL },
		{ "no tenant", { { "entra_oid", "\"" OBJECT "\"" } }, EMA_MISSING_TENANT, NULL, NULL, NULL },
		{ "no subject", { { "ext", "{\"tenant\":\"" TENANT "\"}" } }, EMA_MISSING_CLAIM, "entra_oid", NULL, NULL },
	};
	token.change = NULL;
	rig_cases(&rig, &token, cases, sizeof cases / sizeof *cases);
	/* One person, however a broker writes the id. */
	const struct rig_member upper[] = { { "ext", "{\"tenant\":\"" TENANT "\"}" }, { "entra_oid", "\"690222BE-FF1A-4d56-abd1-7E4F7D38E474\"" }, { NULL, NULL } };
	token.change = upper;
	rig_identify(&rig, &token, &answer);
	assert_int_equal(answer.code, EMA_OK);
	assert_string_equal(answer.result->subject, OBJECT);
	rig_answer_free(&answer);
	rig_close(&rig);
}

static void explains_settings(void **state)
{
	(void)state;
	static const struct rig_setting settings[] = {
		{ "", "tenant = " },
		{ "tenant = \"acme.onmicrosoft.com\"; ", "Tenant ID" },
		{ "tenant = \"common\"; ", "every tenant of the world" },
		{ "tenants = [\"organizations\"]; ", "every tenant of the world" },
		{ "tenant = \"9188040d-6c67-4c5b-b112-36a304b66dad\"; ", "personal" },
		{ "tenants = [\"" TENANT "\", \"" TENANT "\"]; ", "twice" },
		{ ONE "tenants = [\"" OTHER "\"]; ", "one of the two" },
		{ "tenants = []; ", "missing" },
		{ ONE "cloud = \"germany\"; ", "\"china\"" },
		{ ONE "versions = [\"v2\"]; ", "\"2.0\"" },
		{ ONE "versions = []; ", "empty" },
		{ ONE "guest_accounts = \"no\"; ", "refuse" },
		{ ONE "native_id_jag = true; versions = [\"1.0\"]; ", "2.0" },
		{ ONE "key_app = \"mcp\"; ", "GUID" },
		{ ONE "broker = { }; ", "issuer" },
		{ ONE "login_url = \"http://login.example\"; ", "https" },
		{ ONE "app_olny = true; ", "app_olny" },
	};
	rig_refused("azure_ad", PLUGIN_IDENTITY, settings, sizeof settings / sizeof *settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_v1_and_v2),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(obeys_its_settings),
		cmocka_unit_test(takes_id_jags_if_told),
		cmocka_unit_test(explains_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
