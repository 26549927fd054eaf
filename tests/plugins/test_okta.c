#include "rig.h"

#define ORG "https://acme.okta.com"
#define SETTINGS "org = \"" ORG "\"; "

/* As Okta makes them. */
static const struct rig_member real[] = {
	{ "jti", "\"IDAAG.AbCdEf\"" }, { "iss", "\"" ORG "\"" }, { "aud", "\"https://auth.acme.example\"" },
	{ "iat", "1795435200" }, { "exp", "1795435500" }, { "sub", "\"00u1abcdEFGH\"" }, { "email", "\"ada@acme.example\"" },
	{ "client_id", "\"vscode\"" }, { "scope", "\"repo:read\"" }, { "sub_profile", "\"user\"" },
	{ "act", "{\"sub\":\"wlp1\",\"sub_profile\":\"ai_agent\"}" }, { NULL, NULL },
};
static const struct rig_token good = {
	.kind = EMA_ID_JAG, .type = "oauth-id-jag+jwt", .header = "", .base = real,
	.audience = "https://auth.acme.example", .client = "vscode",
};

#define NAME_ID(format) "{\"format\":\"" format "\",\"issuer\":\"http://www.okta.com/exk1\",\"nameid\":\"ada@acme.example\"," \
	"\"nameid_format\":\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\",\"sp_name_qualifier\":\"sp 1\"}"

/* JAG-36 JAG-79 JAG-90 JAG-118 JAG-120: the recorded shape is granted with nothing but the org set */
static void takes_a_real_one(void **state)
{
	(void)state;
	struct rig rig;
	struct rig_answer answer;
	assert_int_equal(rig_open(&rig, "okta_xaa", PLUGIN_IDENTITY, SETTINGS), 0);
	rig_identify(&rig, &good, &answer);
	assert_string_equal(answer.failure.text, "");
	assert_int_equal(answer.code, EMA_OK);
	assert_string_equal(answer.result->subject, "00u1abcdEFGH");
	assert_null(answer.result->tenant);
	assert_string_equal(answer.result->email, "ada@acme.example");
	assert_int_equal(answer.result->email_verified, 0);
	assert_string_equal(answer.result->actor, "wlp1");
	assert_int_equal(answer.result->groups.count, 0);
	assert_null(answer.result->name_id);
	rig_answer_free(&answer);
	const struct declared *declared = instance_declared(rig.instance, 0);
	assert_int_equal(instance_declared_count(rig.instance), 1);
	assert_string_equal(declared->names[0].issuer, ORG);
	assert_int_equal(declared->kinds, EMA_ID_JAG);
	rig_close(&rig);
}

/* JAG-36 JAG-37 JAG-40 JAG-41 JAG-42 JAG-45 JAG-62 JAG-93 JWT-15: each with its own code and reason */
static void refuses_the_rest(void **state)
{
	(void)state;
	static const struct rig_case cases[] = {
		{ "no e-mail and no profile, as from older connections", { { "email", NULL }, { "sub_profile", NULL }, { "act", NULL } }, EMA_OK, NULL, NULL, NULL },
		{ "an ID token", { { NULL, NULL } }, EMA_WRONG_TYPE, "typ is \"jwt\"", "JWT", NULL },
		{ "an access token", { { NULL, NULL } }, EMA_WRONG_TYPE, "typ is \"at+jwt\"", "at+jwt", NULL },
		{ "the default custom server", { { "iss", "\"" ORG "/oauth2/default\"" } }, EMA_NOT_MINE, "iss is none", NULL, NULL },
		{ "an issuer with a slash", { { "iss", "\"" ORG "/\"" } }, EMA_NOT_MINE, NULL, NULL, NULL },
		{ "another org", { { "iss", "\"https://evil.okta.com\"" } }, EMA_NOT_MINE, NULL, NULL, NULL },
		{ "aud with a slash", { { "aud", "\"https://auth.acme.example/\"" } }, EMA_WRONG_AUDIENCE, "a slash at the end is the difference", NULL, NULL },
		{ "two audiences", { { "aud", "[\"https://auth.acme.example\",\"x\"]" } }, EMA_WRONG_AUDIENCE, NULL, NULL, NULL },
		{ "another client", { { "client_id", "\"cursor\"" } }, EMA_WRONG_CLIENT, NULL, NULL, NULL },
		{ "times as strings", { { "iat", "\"1795435200\"" }, { "exp", "\"1795435500\"" } }, EMA_BAD_CLAIM, "must be a number of seconds", NULL, NULL },
		{ "expired", { { "iat", "1795434000" }, { "exp", "1795434300" } }, EMA_EXPIRED, NULL, NULL, NULL },
		{ "for ten hours", { { "exp", "1795471200" } }, EMA_LIFETIME_TOO_LONG, NULL, NULL, NULL },
		{ "no sub", { { "sub", NULL } }, EMA_MISSING_CLAIM, "/sub", NULL, NULL },
		{ "a sub with a line break", { { "sub", "\"00u1\\n\"" } }, EMA_BAD_CLAIM, NULL, NULL, NULL },
		{ "no jti", { { "jti", NULL } }, EMA_MISSING_CLAIM, "jti", NULL, NULL },
		{ "a service", { { "sub_profile", "\"service\"" } }, EMA_NOT_A_PERSON, "sub_profile", NULL, NULL },
		{ "an agent", { { "sub_profile", "\"ai_agent\"" } }, EMA_NOT_A_PERSON, "sub_profile", NULL, NULL },
		{ "a profile that is a list", { { "sub_profile", "[\"user\"]" } }, EMA_BAD_CLAIM, "sub_profile", NULL, NULL },
		{ "an e-mail that is a number", { { "email", "7" } }, EMA_BAD_CLAIM, "email", NULL, NULL },
	};
	struct rig rig;
	assert_int_equal(rig_open(&rig, "okta_xaa", PLUGIN_IDENTITY, SETTINGS), 0);
	rig_cases(&rig, &good, cases, sizeof cases / sizeof *cases);
	struct rig_token forged = good;
	struct rig_answer answer;
	forged.forged = 1;
	rig_identify(&rig, &forged, &answer);
	assert_true(answer.code == EMA_UNKNOWN_KEY || answer.code == EMA_BAD_SIGNATURE);
	rig_answer_free(&answer);
	rig_close(&rig);
}

/* JAG-87 JAG-88 JAG-131: SAML names are matched by the members that are set, and from tied issuers alone */
static void reads_saml_names(void **state)
{
	(void)state;
	static const struct rig_case cases[] = {
		{ "no SAML name", { { NULL, NULL } }, EMA_OK, NULL, NULL, NULL },
		{ "underscore", { { "sub_id", NAME_ID("saml_nameid") } }, EMA_BAD_CLAIM, "saml_underscore", NULL, NULL },
		{ "another format", { { "sub_id", NAME_ID("email") } }, EMA_BAD_CLAIM, "saml-nameid", NULL, NULL },
		{ "no object", { { "sub_id", "\"ada\"" } }, EMA_BAD_CLAIM, NULL, NULL, NULL },
		{ "no format", { { "sub_id", "{}" } }, EMA_BAD_CLAIM, "format", NULL, NULL },
		{ "untied issuer", { { "sub_id", "{\"format\":\"saml-nameid\",\"issuer\":\"http://www.okta.com/exk2\",\"nameid\":\"a\"}" } }, EMA_BAD_CLAIM, "does not speak for it", NULL, NULL },
		{ "no issuer", { { "sub_id", "{\"format\":\"saml-nameid\",\"nameid\":\"a\"}" } }, EMA_BAD_CLAIM, "issuer", NULL, NULL },
		{ "no qualifier", { { "sub_id", "{\"format\":\"saml-nameid\",\"issuer\":\"http://www.okta.com/exk1\",\"nameid\":\"a\"}" } }, EMA_BAD_CLAIM, "sp_name_qualifier", NULL, NULL },
		{ "transient", { { "sub_id", "{\"format\":\"saml-nameid\",\"issuer\":\"http://www.okta.com/exk1\",\"nameid\":\"a\",\"sp_name_qualifier\":\"b\","
		                             "\"nameid_format\":\"urn:oasis:names:tc:SAML:2.0:nameid-format:transient\"}" } }, EMA_BAD_CLAIM, "transient", NULL, NULL },
	};
	struct rig rig;
	struct rig_answer answer;
	struct rig_token token = good;
	const struct rig_member saml[] = { { "sub_id", NAME_ID("saml-nameid") }, { NULL, NULL } };
	assert_int_equal(rig_open(&rig, "okta_xaa", PLUGIN_IDENTITY, SETTINGS "saml_issuer = [\"http://www.okta.com/exk1\"]; "
	                          "saml_match = [\"issuer\", \"nameid\", \"sp_name_qualifier\"]; "), 0);
	token.change = saml;
	rig_identify(&rig, &token, &answer);
	assert_int_equal(answer.code, EMA_OK);
	assert_string_equal(answer.result->name_id, "http%3A%2F%2Fwww.okta.com%2Fexk1/ada%40acme.example/sp%201");
	rig_answer_free(&answer);
	rig_cases(&rig, &good, cases, sizeof cases / sizeof *cases);
	rig_close(&rig);

	assert_int_equal(rig_open(&rig, "okta_xaa", PLUGIN_IDENTITY, SETTINGS "saml_issuer = [\"http://www.okta.com/exk1\"]; saml_underscore = true; saml_required = true; "), 0);
	static const struct rig_case strict[] = {
		{ "underscore", { { "sub_id", NAME_ID("saml_nameid") } }, EMA_OK, NULL, NULL, NULL },
		{ "none", { { NULL, NULL } }, EMA_MISSING_CLAIM, "saml_required", NULL, NULL },
	};
	rig_cases(&rig, &good, strict, sizeof strict / sizeof *strict);
	rig_close(&rig);

	/* Without a tied issuer the claim is one of those that nobody reads. */
	assert_int_equal(rig_open(&rig, "okta_xaa", PLUGIN_IDENTITY, SETTINGS), 0);
	rig_identify(&rig, &token, &answer);
	assert_int_equal(answer.code, EMA_OK);
	assert_null(answer.result->name_id);
	rig_answer_free(&answer);
	rig_close(&rig);
}

/* JAG-93: claims of groups count where they are mapped by name */
static void maps_groups_by_name(void **state)
{
	(void)state;
	const struct rig_member groups[] = { { "groups", "[\"eng\",\"ops\"]" }, { "https://acme.example/roles", "\"admin\"" }, { NULL, NULL } };
	struct rig_token token = good;
	struct rig rig;
	struct rig_answer answer;
	token.change = groups;
	for (int mapped = 0; mapped < 2; mapped++) {
		assert_int_equal(rig_open(&rig, "okta_xaa", PLUGIN_IDENTITY, mapped ? SETTINGS "groups_claim = \"groups\"; roles_claim = \"https://acme.example/roles\"; "
		                                                                    : SETTINGS), 0);
		rig_identify(&rig, &token, &answer);
		assert_int_equal(answer.code, EMA_OK);
		assert_int_equal(answer.result->groups.count, mapped ? 2 : 0);
		assert_int_equal(rig_has(&answer.result->roles, "admin"), mapped);
		rig_answer_free(&answer);
		rig_close(&rig);
	}
}

/* JAG-120: the mistakes that people make with the org's address, each with what to write instead */
static void explains_the_org(void **state)
{
	(void)state;
	static const struct rig_setting settings[] = {
		{ "", "org = \"https://acme.okta.com\"" },
		{ "org = \"acme.okta.com\"; ", "no URL" },
		{ "org = \"https://acme.okta.com/\"; ", "no slash at the end: write \"https://acme.okta.com\"" },
		{ "org = \"https://acme.okta.com/oauth2/default\"; ", "custom authorization server" },
		{ "org = \"https://acme.okta.com/oauth2/v1/keys\"; ", "write \"https://acme.okta.com\"" },
		{ "org = \"https://acme.okta.com/app\"; ", "without a path" },
		{ "org = \"https://acme-admin.okta.com\"; ", "write \"https://acme.okta.com\"" },
		{ "org = \"http://acme.okta.com\"; ", "https" },
		{ "org = \"https://a@acme.okta.com\"; ", "without user" },
		{ "org = 7; ", "org" },
		{ SETTINGS "saml_required = true; ", "saml_issuer" },
		{ SETTINGS "saml_match = [\"nameid\"]; ", "neither says alone" },
		{ SETTINGS "saml_match = [\"issuer\", \"name_id\"]; ", "the members of a SAML name id" },
		{ SETTINGS "groups_clam = \"groups\"; ", "groups_clam" },
	};
	rig_refused("okta_xaa", PLUGIN_IDENTITY, settings, sizeof settings / sizeof *settings);
}

/* JAG-84: an address that the issuer itself calls unverified, which anybody may have written into a form, is not taken */
static void takes_no_unverified_address(void **state)
{
	static const char *const values[] = { "false", "\"false\"", "null", "0" };
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		const struct rig_member change[] = { { "email_verified", values[i] }, { NULL, NULL } };
		struct rig_token token = good;
		struct rig rig;
		struct rig_answer answer;
		token.change = change;
		assert_int_equal(rig_open(&rig, "okta_xaa", PLUGIN_IDENTITY, SETTINGS), 0);
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
		cmocka_unit_test(takes_a_real_one),
		cmocka_unit_test(takes_no_unverified_address),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(reads_saml_names),
		cmocka_unit_test(maps_groups_by_name),
		cmocka_unit_test(explains_the_org),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
