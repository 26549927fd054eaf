/*
 * Tenants that must not meet: tokens of each tenant at each other's services and targets; and subjects, addresses and tenants whose
 * names would be patterns, paths or encodings if anybody took them for such. All of it by signed tokens, the provider's and ours.
 */
#define _GNU_SOURCE
#include "desk.h"

#include <stdio.h>

#include "codes.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void load(struct desk *desk, const char *text)
{
	if (world_load(&desk->world, text))
		fail_msg("%s", ema_error(desk->world.context));
}

static char *signed_token(struct desk *desk, const char *changes)
{
	world_refresh(&desk->world);
	return world_sign(&desk->world, desk->world.key, "at+jwt", changes);
}

/* Our token for a service, out of an ID-JAG with these claims; NULL: there is none to be had. free() it. */
static char *redeemed(struct desk *desk, const char *resource, const char *changes)
{
	world_refresh(&desk->world);
	char *assertion = world_sign(&desk->world, desk->world.key, "oauth-id-jag+jwt", changes);
	desk_form(desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", assertion, "client_id", "app", "client_secret", SECRET,
	          "resource", resource, NULL);
	free(assertion);
	return desk->status == 200 ? strdup(desk_text(desk, "/access_token")) : NULL;
}

/* ---- Two tenants, three providers ---- */

#define ENTRY(id, issuer, tenants) \
	"{ id = \"" id "\"; plugin = \"oidc\"; issuer = \"" issuer "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\", \"access_token\"];" \
	" tenant_claim = \"tenant\"; tenants = [" tenants "]; groups_claim = [\"/groups\"]; }"
#define FROM(provider, service) "{ provider = \"" provider "\"; is = \"api://" service "\"; clients = [\"app\"]; scope_map = \"any\"; }"
#define OWN(id, provider, tenant) \
	"{ id = \"" id "\"; resource = \"https://mcp.example/" id "\"; identity = [\"" provider "\"]; tenants = [\"" tenant "\"]; audience = ( " FROM(provider, id) " );" \
	" scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; uris = [\"" id ":/{tenant}/**\"]; } );" \
	" grants = ( { provider = \"" provider "\"; tenant = [\"t1\", \"t2\"]; scopes = [\"read\"]; } ); }"

/* "blue" and "red" are two entries for one issuer, each with one tenant of it; "many" has both tenants. One key signs for all: what
   tells the tokens apart is what they say. */
static const char crossed_conf[] =
	"issuer = \"" OURS "\"; rates = { address = 0; subject = 0; };\n"
	"providers = ( " ENTRY("blue", "https://two.example", "\"t1\"") ", " ENTRY("red", "https://two.example", "\"t2\"") ",\n"
	ENTRY("many", "https://many.example", "\"t1\", \"t2\"") " );\n"
	"directories = ( { id = \"staff\"; plugin = \"file\"; path = \"people.conf\"; } );\n"
	"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
	"clients = ( { id = \"app\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; } );\n"
	"services = ( " OWN("blue1", "blue", "t1") ",\n" OWN("red2", "red", "t2") ",\n" OWN("many1", "many", "t1") ",\n" OWN("many2", "many", "t2") ",\n"
	"{ id = \"all\"; resource = \"https://mcp.example/all\"; identity = [\"blue\", \"red\", \"many\"]; tenants = [\"t1\", \"t2\"];\n"
	"  audience = ( " FROM("blue", "all") ", " FROM("red", "all") ", " FROM("many", "all") " );\n"
	"  directory = ( { id = \"staff\"; for = [\"blue\", \"red\", \"many\"]; } );\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; uris = [\"**\"]; } );\n"
	"  grants = ( { provider = \"blue\"; scopes = [\"read\"]; uris = [\"blue:/{tenant}/**\"]; },\n"
	"    { provider = \"red\"; scopes = [\"read\"]; uris = [\"red:/{tenant}/**\"]; },\n"
	"    { provider = \"many\"; tenant = [\"t1\", \"t2\"]; scopes = [\"read\"]; uris = [\"many:/{tenant}/**\"]; },\n"
	/* The groups have one name in both tenants. */
	"    { provider = \"many\"; tenant = \"t1\"; group = \"admins\"; from = \"claims\"; scopes = [\"read\"]; tools = [\"many_t1_claims\"]; },\n"
	"    { provider = \"many\"; tenant = \"t2\"; group = \"admins\"; from = \"claims\"; scopes = [\"read\"]; tools = [\"many_t2_claims\"]; },\n"
	"    { provider = \"blue\"; group = \"admins\"; from = \"claims\"; scopes = [\"read\"]; tools = [\"blue_t1_claims\"]; },\n"
	"    { provider = \"red\"; group = \"admins\"; from = \"claims\"; scopes = [\"read\"]; tools = [\"red_t2_claims\"]; },\n"
	/* In the directory it is many's ada of t2 alone who has it. */
	"    { provider = \"*\"; tenant = [\"t1\", \"t2\"]; group = \"admins\"; from = \"staff\"; scopes = [\"read\"]; tools = [\"many_t2_staff\"]; } ); } );\n";

static const char crossed_people[] = "people = ( { id = \"ada\"; subjects = [\"many/t2/ada\"]; groups = [\"admins\"]; } );\n";

static const struct tenant_user { const char *provider, *issuer, *tenant; } users[] = {
	{ "blue", "https://two.example", "t1" }, { "red", "https://two.example", "t2" },
	{ "many", "https://many.example", "t1" }, { "many", "https://many.example", "t2" },
};
static const char *const own_service[] = { "blue1", "red2", "many1", "many2" };
#define USERS COUNT(users)
#define ALL USERS /* the number of the service "all" */

static const char *service_id(size_t service)
{
	return service == ALL ? "all" : own_service[service];
}

/* Of user, for a service; all of them are called ada and in the group admins. */
static char *token_of(struct desk *desk, size_t user, size_t service, int ours)
{
	char claims[512], resource[64];
	snprintf(resource, sizeof resource, "https://mcp.example/%s", service_id(service));
	snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"tenant\":\"%s\",\"groups\":[\"admins\"],\"aud\":\"%s%s\"}", users[user].issuer, users[user].tenant,
	         ours ? OURS : "api://", ours ? "" : service_id(service));
	return ours ? redeemed(desk, resource, claims) : signed_token(desk, claims);
}

/* A user's token that was made for one service, at each: how many targets it opens, which are those that it should. */
static size_t opens_its_own(struct desk *desk, const char *token, size_t user, size_t made)
{
	size_t opened = 0;
	for (size_t at = 0; at <= ALL; at++) {
		const int taken = made == at && (made == user || made == ALL);
		for (size_t i = 0; i < USERS; i++) {
			char target[64];
			const struct tenant_user *other = &users[i];
			snprintf(target, sizeof target, "%s:/%s/x", at == ALL ? other->provider : own_service[at], other->tenant);
			int mine = at == ALL ? i == user : !strcmp(other->tenant, users[user].tenant);
			int code = desk_check(desk, service_id(at), token, "resources/read", target, NULL, NULL);
			if ((code == EMA_OK) != (taken && mine))
				fail_msg("%s/%s's token for %s at %s: %s: %s", users[user].provider, users[user].tenant, service_id(made), service_id(at),
				         target, code_name(code));
			opened += code == EMA_OK;
		}
		assert_int_equal(desk_check(desk, service_id(at), token, "tools/list", NULL, NULL, NULL) == EMA_OK, taken);
	}
	return opened;
}

/* JAG-79, JAG-80, MCP-24, MCP-25, MCP-53: of all pairs of a token and a service those alone that belong together are let in, and each
   token opens its own tenant's targets. */
static void none_crosses(void **state)
{
	struct desk desk;
	size_t opened = 0;
	(void)state;
	desk_open(&desk, NULL, NULL);
	world_file(&desk.world, "people.conf", crossed_people);
	load(&desk, crossed_conf);
	for (int ours = 0; ours < 2; ours++)
		for (size_t user = 0; user < USERS; user++)
			for (size_t made = 0; made <= ALL; made++) {
				char *token = token_of(&desk, user, made, ours);
				/* Whom the service does not take gets no token of ours for it. */
				if (ours)
					assert_int_equal(token != NULL, made == user || made == ALL);
				if (token)
					opened += opens_its_own(&desk, token, user, made);
				free(token);
			}
	/* Two of users[] are of the token's tenant, so its own service is asked twice for what it opens, and "all" once. */
	assert_int_equal(opened, 2 * USERS * 3);
	desk_close(&desk);
}

/* JAG-79, MCP-53: a group belongs to its tenant and source; one of the same name elsewhere gives nothing. */
static void groups_stay_home(void **state)
{
	static const char *const tools[] = { "blue_t1_claims", "red_t2_claims", "many_t1_claims", "many_t2_claims", "many_t2_staff" };
	static const char list[] = "{\"tools\":[{\"name\":\"blue_t1_claims\"},{\"name\":\"red_t2_claims\"},{\"name\":\"many_t1_claims\"},{\"name\":\"many_t2_claims\"},"
				   "{\"name\":\"many_t2_staff\"}]}";
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	world_file(&desk.world, "people.conf", crossed_people);
	load(&desk, crossed_conf);
	for (int ours = 0; ours < 2; ours++)
		for (size_t user = 0; user < USERS; user++) {
			char *token = token_of(&desk, user, ALL, ours), *shown = NULL, prefix[16];
			ema_decision *decision = NULL;
			snprintf(prefix, sizeof prefix, "%s_%s_", users[user].provider, users[user].tenant);
			assert_non_null(token);
			assert_int_equal(desk_check(&desk, "all", token, "tools/list", NULL, NULL, &decision), EMA_OK);
			assert_int_equal(ema_filter_list(decision, list, strlen(list), &shown), EMA_OK);
			for (size_t i = 0; i < COUNT(tools); i++) {
				int mine = !strncmp(tools[i], prefix, strlen(prefix)), code = desk_check(&desk, "all", token, "tools/call", tools[i], NULL, NULL);
				if (code != (mine ? EMA_OK : EMA_FORBIDDEN) || mine != (strstr(shown, tools[i]) != NULL))
					fail_msg("%s/%s: %s: %s, of %s", users[user].provider, users[user].tenant, tools[i], code_name(code), shown);
			}
			ema_text_free(shown);
			ema_decision_free(decision);
			free(token);
		}
	desk_close(&desk);
}

/* JAG-79, MCP-30: a tenant that a service serves no more is out at the next request, with tokens that were good before, too. */
static void a_tenant_leaves(void **state)
{
	struct desk desk;
	char *tokens[2][USERS], *conf = strdup(crossed_conf), *served = NULL;
	(void)state;
	desk_open(&desk, NULL, NULL);
	world_file(&desk.world, "people.conf", crossed_people);
	load(&desk, crossed_conf);
	assert_non_null(conf);
	served = strstr(conf, "tenants = [\"t1\", \"t2\"];\n  audience");
	assert_non_null(served);
	memcpy(served, "tenants = [\"t1\"      ];", 23);
	for (int reloaded = 0; reloaded < 2; reloaded++) {
		for (size_t user = 0; user < USERS; user++)
			for (int ours = 0; ours < 2; ours++) {
				if (!reloaded)
					tokens[ours][user] = token_of(&desk, user, ALL, ours);
				assert_int_equal(desk_check(&desk, "all", tokens[ours][user], "tools/list", NULL, NULL, NULL),
				                 reloaded && strcmp(users[user].tenant, "t1") ? EMA_WRONG_TENANT : EMA_OK);
			}
		load(&desk, conf);
	}
	for (size_t user = 0; user < USERS; user++) {
		free(tokens[0][user]);
		free(tokens[1][user]);
	}
	free(conf);
	desk_close(&desk);
}

/* JAG-79: a claim that is not one of the tenants, byte for byte, is no tenant. */
static void bent_tenants(void **state)
{
	static const char *const claims[] = { "\"*\"", "\"**\"", "\"\"", "null", "\"T1\"", "\"t1 \"", "\" t1\"", "\"t1\\u0000\"", "\"t1\\n\"", "\"t1/\"", "\"t1/../t2\"", "\"%74%31\"", "\"t1,t2\"",
		"[\"t1\"]", "[\"t1\",\"t2\"]", "1", "true", "{\"t1\":1}", "\"t3\"", "\"-\"", "\"{tenant}\"" };
	static const char *const issuers[] = { "https://two.example", "https://many.example" };
	static const char *const services[] = { "blue1", "red2", "many1", "many2", "all" };
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	world_file(&desk.world, "people.conf", crossed_people);
	load(&desk, crossed_conf);
	for (size_t i = 0; i < COUNT(claims); i++)
		for (size_t n = 0; n < COUNT(issuers); n++)
			for (size_t s = 0; s < COUNT(services); s++) {
				char changes[256], resource[64];
				snprintf(resource, sizeof resource, "https://mcp.example/%s", services[s]);
				snprintf(changes, sizeof changes, "{\"iss\":\"%s\",\"tenant\":%s}", issuers[n], claims[i]);
				char *token = redeemed(&desk, resource, changes);
				if (token)
					fail_msg("%s: tenant %s of %s", services[s], claims[i], issuers[n]);
				snprintf(changes, sizeof changes, "{\"iss\":\"%s\",\"tenant\":%s,\"aud\":\"api://%s\"}", issuers[n], claims[i], services[s]);
				token = signed_token(&desk, changes);
				if (!desk_check(&desk, services[s], token, "ping", NULL, NULL, NULL))
					fail_msg("%s: tenant %s of %s", services[s], claims[i], issuers[n]);
				free(token);
			}
	desk_close(&desk);
}

/* ---- Names that want to be more ---- */

#define VOUCHED(id, name) \
	"{ id = \"" id "\"; plugin = \"fault\"; issuer = \"https://" id ".example\"; subject = \"ada\"; client = \"app\"; audience = [\"" OURS "\"]; scopes = [\"read\"]; tenant = \"" name "\"; }"

/* "open" is patterns that open, "shut" such that refuse. The plugin fault vouches for tenants that no list of an operator's would name. */
static const char hostile_conf[] =
	"issuer = \"" OURS "\"; rates = { address = 0; subject = 0; };\n"
	"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; authority = [\"acme.example\"]; accepts = [\"id_jag\", \"access_token\"]; },\n"
	VOUCHED("f0", "t1") ",\n" VOUCHED("f1", "*") ",\n" VOUCHED("f2", "**") ",\n" VOUCHED("f3", "..") ",\n" VOUCHED("f4", "%2e%2e") ",\n" VOUCHED("f5", "t1/x") ",\n"
	VOUCHED("f6", "?") ",\n" VOUCHED("f7", "t1\\\\x") ",\n" VOUCHED("f8", ".") ",\n" VOUCHED("f9", "t*") ",\n" VOUCHED("fa", "#") ",\n" VOUCHED("fb", "{subject}") " );\n"
	"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
	"clients = ( { id = \"app\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; } );\n"
#define EVERYBODY "identity = [\"idp\", \"f0\", \"f1\", \"f2\", \"f3\", \"f4\", \"f5\", \"f6\", \"f7\", \"f8\", \"f9\", \"fa\", \"fb\"];"
	"services = ( { id = \"open\"; resource = \"https://mcp.example/open\"; " EVERYBODY "\n"
	"  audience = ( " FROM("idp", "open") " );\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"in_{subject}\", \"by_{subject}_*\", \"{subject}\", \"mail_{email}\", \"at_{tenant}_*\", \"args\", \"mails\"];\n"
	"    prompts = [\"ask {subject}\", \"ask {tenant} *\"]; uris = [\"box:/{subject}/**\", \"mail:/{email}/**\", \"host://h/{subject}\", \"cell://{subject}/**\",\n"
	"      \"land:/{tenant}/**\"]; } );\n"
	"  grants = ( { provider = \"*\"; scopes = [\"read\"]; tools = [\"in_*\", \"by_*\", \"*\"]; prompts = [\"*\"]; uris = [\"**\"];\n"
	"      when = { args = ( { at = \"/of\"; absent = true; } ); }; },\n"
	"    { provider = \"*\"; scopes = [\"read\"]; tools = [\"args\"]; when = { args = ( { at = \"/of\"; like = \"{subject}/*\"; } ); }; },\n"
	"    { provider = \"*\"; scopes = [\"read\"]; tools = [\"mails\"]; when = { args = ( { at = \"/of\"; like = \"{email}\"; } ); }; } ); },\n"
	"{ id = \"shut\"; resource = \"https://mcp.example/shut\"; " EVERYBODY "\n"
	"  audience = ( " FROM("idp", "shut") " );\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; uris = [\"**\"]; } );\n"
	"  grants = ( { provider = \"*\"; scopes = [\"read\"]; } );\n"
	"  denies = ( { uris = [\"box:/{subject}/secret\", \"land:/{tenant}/secret\"]; }, { tools = [\"del_{subject}\"]; } ); } );\n";

/* What belongs to other people, and what no name should reach. */
static const struct hostile_target { const char *method, *target, *arguments; } others[] = {
	{ "resources/read", "box:/bob/x", NULL }, { "resources/read", "box:/bob", NULL }, { "resources/read", "box:/", NULL }, { "resources/read", "box:/x", NULL },
	{ "resources/read", "box:/secret", NULL }, { "resources/read", "box:/bob/y/x", NULL }, { "resources/read", "box:/../x", NULL }, { "resources/read", "box:/%2e%2e/x", NULL },
	{ "resources/read", "box:/./x", NULL }, { "resources/read", "box:/*/x", NULL }, { "resources/read", "box:/%2A/x", NULL }, { "resources/read", "box:/**/x", NULL },
	{ "resources/read", "box:/?/x", NULL }, { "resources/read", "box:/%3F/x", NULL }, { "resources/read", "box:/#/x", NULL }, { "resources/read", "box:/bob%2Fx", NULL },
	{ "resources/read", "box://bob/x", NULL }, { "resources/read", "host://h/bob", NULL }, { "resources/read", "host://h/", NULL }, { "resources/read", "host://h", NULL },
	{ "resources/read", "host://h/..", NULL }, { "resources/read", "host://bob/h", NULL }, { "resources/read", "mail:/bob@acme.example/x", NULL },
	{ "resources/read", "cell://bob/x", NULL }, { "resources/read", "cell://BOB/x", NULL }, { "resources/read", "cell://bob:80/x", NULL }, { "resources/read", "cell:///x", NULL },
	{ "resources/read", "mail:/x", NULL }, { "resources/read", "mail:/@acme.example/x", NULL }, { "resources/read", "mail:/*@acme.example/x", NULL },
	{ "resources/read", "file:///etc/passwd", NULL }, { "resources/read", "box:/bob%0A/x", NULL },
	{ "tools/call", "in_bob", NULL }, { "tools/call", "in_", NULL }, { "tools/call", "in_*", NULL }, { "tools/call", "by_bob_x", NULL }, { "tools/call", "by__x", NULL },
	{ "tools/call", "by_*_x", NULL }, { "tools/call", "bob", NULL }, { "tools/call", "*", NULL }, { "tools/call", "**", NULL }, { "tools/call", "..", NULL },
	{ "tools/call", "{subject}", NULL }, { "tools/call", "mail_bob@acme.example", NULL }, { "tools/call", "mail_", NULL }, { "tools/call", "mail_*", NULL },
	{ "prompts/get", "ask bob", NULL }, { "prompts/get", "ask ", NULL }, { "prompts/get", "ask *", NULL }, { "prompts/get", "ask", NULL },
	{ "tools/call", "args", "{\"of\":\"bob/x\"}" }, { "tools/call", "args", "{\"of\":\"/x\"}" }, { "tools/call", "args", "{\"of\":\"*/x\"}" },
	{ "tools/call", "args", "{\"of\":\"bob/../x\"}" }, { "tools/call", "args", "{\"of\":\"../x\"}" }, { "tools/call", "args", "{\"of\":[\"bob/x\"]}" },
	{ "tools/call", "mails", "{\"of\":\"bob@acme.example\"}" }, { "tools/call", "mails", "{\"of\":\"\"}" }, { "tools/call", "mails", "{\"of\":\"*@acme.example\"}" },
	{ "resources/read", "land:/t1/x", NULL }, { "resources/read", "land:/t2/x", NULL }, { "resources/read", "land:/x", NULL }, { "resources/read", "land:/*/x", NULL },
	{ "tools/call", "at_t1_x", NULL }, { "tools/call", "at__x", NULL }, { "prompts/get", "ask t1 x", NULL }, { "prompts/get", "ask  x", NULL },
};

/* Not one of them is opened; of "land", "at_" and "ask T " with tenant that one's own are. */
static void opens_nothing(struct desk *desk, const char *token, const char *tenant, const char *told)
{
	for (size_t i = 0; i < COUNT(others); i++) {
		const struct hostile_target *t = &others[i];
		const int mine = tenant && !strcmp(tenant, "t1") && strstr(t->target, "t1") != NULL;
		int code = desk_check(desk, "open", token, t->method, t->target, t->arguments ? t->arguments : "{}", NULL);
		if ((code == EMA_OK) != mine)
			fail_msg("%s: %s %s %s: %s", told, t->method, t->target, t->arguments ? t->arguments : "", code_name(code));
	}
}

/* In "shut" a value that is not usable is anybody's. */
static void denies_all(struct desk *desk, const char *token, int all, const char *told)
{
	static const struct hostile_target targets[] = { { "resources/read", "box:/bob/secret", NULL }, { "tools/call", "del_bob", NULL } };
	for (size_t i = 0; i < COUNT(targets); i++) {
		int code = desk_check(desk, "shut", token, targets[i].method, targets[i].target, NULL, NULL);
		if (code != (all ? EMA_FORBIDDEN : EMA_OK))
			fail_msg("%s: %s %s: %s", told, targets[i].method, targets[i].target, code_name(code));
	}
}

struct hostile_name {
	const char *name; /* as JSON has it; for a long one: how long */
	int gets;         /* a token that names it is taken; 2: the provider's, but no token of ours has such a name */
	int plain;        /* it opens what is its own, as "ada" does */
	size_t length;
};

static void fill(const struct hostile_name *row, char *out, size_t room)
{
	if (!row->length) {
		snprintf(out, room, "%s", row->name);
		return;
	}
	assert_true(row->length < room);
	memset(out, *row->name, row->length);
	out[row->length] = 0;
}

/* The token for a service; NULL: there is none. */
static char *hostile_token(struct desk *desk, const char *service, const char *claims, int ours)
{
	char changes[4096], resource[64];
	snprintf(resource, sizeof resource, "https://mcp.example/%s", service);
	assert_true((size_t)snprintf(changes, sizeof changes, "{%s,\"aud\":\"%s%s\"}", claims, ours ? OURS : "api://", ours ? "" : service) < sizeof changes);
	return ours ? redeemed(desk, resource, changes) : signed_token(desk, changes);
}

/* MCP-53, MCP-54, MCP-55, AZN-26: the value of {subject} is a literal; one that could be more opens nothing and is refused by each deny. */
static void hostile_subjects(void **state)
{
	static const struct hostile_name rows[] = {
		{ "ada", 1, 1, 0 }, { "BOB", 1, 1, 0 }, { "bo", 1, 1, 0 }, { "bobb", 1, 1, 0 }, { "a", 1, 1, 200 },
		{ "*", 1, 0, 0 }, { "**", 1, 0, 0 }, { "b*", 1, 0, 0 }, { "*bob", 1, 0, 0 }, { "?", 1, 0, 0 }, { "b?b", 1, 0, 0 }, { "..", 1, 0, 0 }, { ".", 1, 0, 0 }, { "../", 1, 0, 0 },
		{ "../bob", 1, 0, 0 }, { "ada/../bob", 1, 0, 0 }, { "bob/", 1, 0, 0 }, { "/bob", 1, 0, 0 }, { "/", 1, 0, 0 }, { "//", 1, 0, 0 }, { "bob/y", 1, 0, 0 }, { "%2e%2e", 1, 0, 0 },
		{ "%62ob", 1, 0, 0 }, { "bob%2f", 1, 0, 0 }, { "%00", 1, 0, 0 }, { "%", 1, 0, 0 }, { "#", 1, 0, 0 }, { "bob#", 1, 0, 0 }, { "\\\\", 1, 0, 0 }, { "..\\\\bob", 1, 0, 0 },
		{ "", 0, 0, 0 }, { "bob\\n", 0, 0, 0 }, { "bob\\u0000", 0, 0, 0 }, { "\\n", 0, 0, 0 }, { "bob\\u007f", 0, 0, 0 }, { "\\u001f", 0, 0, 0 },
		{ "*", 1, 0, 200 }, { "a", 0, 0, 3000 },
		/* Not unusable: they are whom they say, and nobody else. */
		{ "{subject}", 1, -1, 0 }, { "{email}", 1, -1, 0 }, { "bob ", 1, -1, 0 }, { " bob", 1, -1, 0 }, { "b\\u043eb", 1, -1, 0 }, { "\\u2025", 1, -1, 0 }, { "\\uff0fbob", 1, -1, 0 },
		{ "bob\\u202e", 2, -1, 0 }, { "bob@acme.example", 1, -1, 0 }, { "...", 1, -1, 0 }, { "\\\"", 1, -1, 0 }, { "-", 1, -1, 0 }, { "idp/-/bob", 1, 0, 0 },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	load(&desk, hostile_conf);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[3200], claims[3300], told[128], target[256];
		fill(&rows[i], name, sizeof name);
		snprintf(claims, sizeof claims, "\"sub\":\"%s\"", name);
		for (int ours = 0; ours < 2; ours++) {
			char *open = hostile_token(&desk, "open", claims, ours), *shut = hostile_token(&desk, "shut", claims, ours);
			snprintf(told, sizeof told, "row %zu, %s: %.60s", i, ours ? "ours" : "the provider's", name);
			if (ours && (open != NULL) != (rows[i].gets == 1))
				fail_msg("%s: %s", told, desk.body);
			if (open) {
				int code = desk_check(&desk, "open", open, "ping", NULL, NULL, NULL);
				if ((code == EMA_OK) != (rows[i].gets != 0))
					fail_msg("%s: %s", told, code_name(code));
				opens_nothing(&desk, open, NULL, told);
				snprintf(target, sizeof target, "box:/%.200s/x", name);
				code = desk_check(&desk, "open", open, "resources/read", target, NULL, NULL);
				if (rows[i].plain >= 0 && (code == EMA_OK) != rows[i].plain)
					fail_msg("%s: its own: %s", told, code_name(code));
			}
			if (shut && rows[i].gets)
				denies_all(&desk, shut, !rows[i].plain, told);
			free(open);
			free(shut);
		}
	}
	desk_close(&desk);
}

/* JAG-84, MCP-53: the same of {email}, whose local part may have most of these characters. */
static void hostile_addresses(void **state)
{
	static const struct { const char *email; int plain; } rows[] = {
		{ "ada@acme.example", 1 }, { "*@acme.example", 0 }, { "**@acme.example", 0 }, { "b*@acme.example", 0 }, { "?@acme.example", 0 }, { "%2a@acme.example", 0 },
		{ "/@acme.example", 0 }, { "x/../bob@acme.example", 0 }, { "#@acme.example", 0 }, { "..@acme.example", 0 }, { "@acme.example", 0 }, { "", 0 }, { "bob@acme.example\\n", 0 },
		{ "\\\"..\\\"@acme.example", 0 }, { "bob@acme.example@evil.example", 0 }, { "bob@evil.example", 0 }, { "bob@acme.example.", 0 }, { "bob@sub.acme.example", 0 },
		{ "<bob@acme.example>", 0 }, { "bob", 0 }, { "bob@acme.example,ada@acme.example", 0 }, { "BOB@acme.example", 0 },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	load(&desk, hostile_conf);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int ours = 0; ours < 2; ours++) {
			char claims[256];
			snprintf(claims, sizeof claims, "\"email\":\"%s\"", rows[i].email);
			char *token = hostile_token(&desk, "open", claims, ours);
			/* An empty claim, or one with a control character, is a mistake of the provider's. */
			if (ours && (token == NULL) != (!*rows[i].email || strstr(rows[i].email, "\\n")))
				fail_msg("%s: %s", claims, desk.body);
			if (!token)
				continue;
			opens_nothing(&desk, token, NULL, claims);
			int code = desk_check(&desk, "open", token, "resources/read", "mail:/ada@acme.example/x", NULL, NULL);
			assert_int_equal(!code, rows[i].plain);
			code = desk_check(&desk, "open", token, "tools/call", "mails", "{\"of\":\"ada@acme.example\"}", NULL);
			assert_int_equal(!code, rows[i].plain);
			free(token);
		}
	desk_close(&desk);
}

/* MCP-53: and of {tenant}, whatever a plugin vouches for. */
static void hostile_tenants(void **state)
{
	static const char *const tenants[] = { "t1", "*", "**", "..", "%2e%2e", "t1/x", "?", "t1\\x", ".", "t*", "#", "{subject}" };
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	load(&desk, hostile_conf);
	world_next_second(); /* the plugin's assertions are of this second */
	for (size_t i = 0; i < COUNT(tenants); i++) {
		char claims[64];
		snprintf(claims, sizeof claims, "\"iss\":\"https://f%zx.example\"", i);
		char *open = hostile_token(&desk, "open", claims, 1), *shut = hostile_token(&desk, "shut", claims, 1);
		if (!open || !shut)
			fail_msg("%s: %s", tenants[i], desk.body);
		opens_nothing(&desk, open, tenants[i], tenants[i]);
		int code = desk_check(&desk, "shut", shut, "resources/read", "land:/t2/secret", NULL, NULL);
		assert_int_equal(code, i && i != COUNT(tenants) - 1 ? EMA_FORBIDDEN : EMA_OK);
		free(open);
		free(shut);
	}
	desk_close(&desk);
}

/* JAG-62, JAG-63: two entries share an issuer, and each tenant has its own service: an assertion without a resource is for that of its tenant, and for no other. */
static void a_tenant_has_its_service(void **state)
{
	static const char conf[] =
		"issuer = \"" OURS "\"; rates = { address = 0; subject = 0; };\n"
		"providers = ( " ENTRY("blue", "https://two.example", "\"t1\"") ", " ENTRY("red", "https://two.example", "\"t2\"") " );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
		"clients = ( { id = \"app\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; } );\n"
		"services = ( " OWN("blue1", "blue", "t1") ",\n" OWN("red2", "red", "t2") " );\n";
	static const char one[] =
		"issuer = \"" OURS "\"; rates = { address = 0; subject = 0; };\n"
		"providers = ( " ENTRY("many", "https://two.example", "\"t1\", \"t2\"") " );\n"
		"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
		"clients = ( { id = \"app\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; } );\n"
		"services = ( " OWN("many1", "many", "t1") ",\n" OWN("many2", "many", "t2") " );\n";
	static const struct {
		const char *tenant, *parameter; /* NULL: none */
		const char *got, *error;
	} rows[] = {
		{ "t1", NULL, "https://mcp.example/blue1", "" },
		{ "t2", NULL, "https://mcp.example/red2", "" },
		{ "t1", "https://mcp.example/blue1", "https://mcp.example/blue1", "" },
		{ "t1", "https://mcp.example/red2", "", "invalid_grant" },
		{ "t2", "https://mcp.example/blue1", "", "invalid_grant" },
		/* Nobody's tenant; nothing tells it from another one's. */
		{ "t3", NULL, "", "invalid_grant" },
		{ "t3", "https://mcp.example/blue1", "", "invalid_grant" },
	};
	struct desk desk;
	(void)state;
	desk_open(&desk, NULL, NULL);
	load(&desk, conf);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char claims[96];
		snprintf(claims, sizeof claims, "{\"iss\":\"https://two.example\",\"tenant\":\"%s\"}", rows[i].tenant);
		free(redeemed(&desk, rows[i].parameter, claims));
		if (strcmp(desk_text(&desk, "/resource"), rows[i].got) || strcmp(desk_text(&desk, "/error"), rows[i].error))
			fail_msg("row %zu: %s", i, desk.body);
	}
	/* What it names is for routing: the signature is looked at. */
	char *forged = world_sign(&desk.world, desk.world.other, "oauth-id-jag+jwt", "{\"iss\":\"https://two.example\",\"tenant\":\"t1\"}");
	desk_form(&desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", forged, "client_id", "app", "client_secret", SECRET, NULL);
	assert_string_equal(desk_text(&desk, "/error"), "invalid_grant");
	free(forged);
	/* One entry with two tenants, of which each has its own service. */
	load(&desk, one);
	for (size_t i = 0; i < 2; i++) {
		char claims[96];
		snprintf(claims, sizeof claims, "{\"iss\":\"https://two.example\",\"tenant\":\"%s\"}", rows[i].tenant);
		free(redeemed(&desk, NULL, claims));
		assert_string_equal(desk_text(&desk, "/resource"), i ? "https://mcp.example/many2" : "https://mcp.example/many1");
	}
	desk_close(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_crosses),
		cmocka_unit_test(groups_stay_home),
		cmocka_unit_test(a_tenant_leaves),
		cmocka_unit_test(a_tenant_has_its_service),
		cmocka_unit_test(bent_tenants),
		cmocka_unit_test(hostile_subjects),
		cmocka_unit_test(hostile_addresses),
		cmocka_unit_test(hostile_tenants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
