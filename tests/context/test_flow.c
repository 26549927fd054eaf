/* Whole decisions through the public functions: rules, guards, directories, tenants, scopes, and what they come to. */
#define _GNU_SOURCE
#include "world.h"

#include <stdio.h>
#include <time.h>

#include "buffer.h"

#define TWO "https://two.example"
#define SCOPES "scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } ); "
#define SERVICE(id, body) "{ id = \"" id "\"; resource = \"https://mcp.example/" id "\"; " SCOPES body " },\n"
#define LAST(id, body) "{ id = \"" id "\"; resource = \"https://mcp.example/" id "\"; " SCOPES body " } );\n"
#define OIDC(id, issuer, more) "{ id = \"" id "\"; plugin = \"oidc\"; issuer = \"" issuer "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; " more " },\n"

struct row {
	const char *service, *changes, *client, *scope, *resource; /* NULL client: "app" */
	int code;
	const char *says;  /* in the operator's line */
	const char *trace; /* in some line of the trace; NULL: any */
	const char *subject, *groups, *roles, *accounts, *scopes, *email, *person, *actor; /* lists joined by ','; NULL: not looked at */
	int kind;          /* 0: an ID-JAG */
};

static char *joined(const ema_decision *decision, const char *(*get)(const ema_decision *, size_t), const char *between)
{
	struct buffer text = BUFFER_INIT(65536);
	const char *item;
	for (size_t i = 0; (item = get(decision, i)); i++)
		buffer_printf(&text, "%s%s", i ? between : "", item);
	char *taken = buffer_take(&text);
	return taken ? taken : strdup("");
}

static void same_list(const struct row *row, const ema_decision *decision, const char *(*get)(const ema_decision *, size_t), const char *want)
{
	char *got = joined(decision, get, ",");
	if (want && strcmp(got, want))
		fail_msg("%s %s: \"%s\", expected \"%s\"", row->service, row->changes, got, want);
	free(got);
}

static void same_text(const struct row *row, const char *got, const char *want)
{
	if (want && strcmp(got ? got : "", want))
		fail_msg("%s %s: \"%s\", expected \"%s\"", row->service, row->changes, got ? got : "", want);
}

static void decides(struct world *world, const struct row *row)
{
	ema_request *request = ema_request_new();
	ema_decision *decision = NULL;
	int kind = row->kind ? row->kind : EMA_CREDENTIAL_ID_JAG;
	char *token = world_sign(world, world->key, kind == EMA_CREDENTIAL_ID_JAG ? "oauth-id-jag+jwt" : "at+jwt", row->changes);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_CLIENT_ID, row->client ? row->client : "app"), EMA_OK);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_SCOPE, row->scope), EMA_OK);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_RESOURCE, row->resource), EMA_OK);
	assert_int_equal(ema_request_credential(request, kind, token, strlen(token)), EMA_OK);
	int code = ema_decide(world->context, row->service, request, &decision);
	char *trace = joined(decision, ema_decision_trace, "\n");
	if (code != row->code || code != ema_decision_code(decision) || !strstr(ema_decision_operator_line(decision), row->says) ||
	    (row->trace && !strstr(trace, row->trace)))
		fail_msg("%s %s: %s, %s; expected %s with \"%s\"; trace:\n%s\nexpected in it: %s", row->service, row->changes, ema_code_name(code),
		         ema_decision_operator_line(decision), ema_code_name(row->code), row->says, trace, row->trace ? row->trace : "");
	if (code) {
		same_text(row, ema_decision_subject(decision), "");
		same_list(row, decision, ema_decision_group, "");
		same_list(row, decision, ema_decision_role, "");
		same_list(row, decision, ema_decision_account, "");
		same_list(row, decision, ema_decision_scope, "");
		same_text(row, ema_decision_email(decision), "");
	} else {
		same_text(row, ema_decision_subject(decision), row->subject);
		same_list(row, decision, ema_decision_group, row->groups);
		same_list(row, decision, ema_decision_role, row->roles);
		same_list(row, decision, ema_decision_account, row->accounts);
		same_list(row, decision, ema_decision_scope, row->scopes);
		same_text(row, ema_decision_email(decision), row->email);
		same_text(row, ema_decision_person(decision), row->person);
		same_text(row, ema_decision_actor(decision), row->actor);
	}
	free(trace);
	free(token);
	ema_decision_free(decision);
	ema_request_free(request);
}

static void decide_all(const char *conf, const char *people, const struct row *rows, size_t count)
{
	struct world world;
	world_open(&world);
	if (people)
		world_file(&world, "people.conf", people);
	assert_int_equal(ema_set_plugin_path(world.context, BUILDDIR "/plugins/.libs"), EMA_OK);
	if (world_load(&world, conf))
		fail_msg("%s", ema_error(world.context));
	world_next_second();
	for (size_t i = 0; i < count; i++)
		decides(&world, &rows[i]);
	world_close(&world);
}
#define ALL(rows) rows, sizeof rows / sizeof *(rows)

#define HEAD "issuer = \"" OURS "\";\naudit = ( { plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"

/* JAG-37 JAG-119: lists, stacks and controls choose by issuer; whoever owns it and refuses ends the hope of the others; guards
   can only take away. */
static void rules_and_guards(void **state)
{
	static const char conf[] = HEAD
		"providers = (\n"
		OIDC("idp", ISSUER, "authority = [\"acme.example\"];")
		OIDC("two", TWO, "")
		"{ id = \"slow\"; plugin = \"fault\"; issuer = \"https://slow.example\"; delay = \"300ms\"; audience = [\"" OURS "\"]; },\n"
		"{ id = \"away\"; plugin = \"fault\"; issuer = \"https://away.example\"; code = \"unavailable\"; },\n"
		"{ id = \"bent\"; plugin = \"fault\"; issuer = \"https://bent.example\"; misbehave = \"unknown_code\"; },\n"
		"{ id = \"mute\"; plugin = \"fault\"; issuer = \"https://mute.example\"; misbehave = \"no_vouch\"; audience = [\"" OURS "\"]; },\n"
		"{ id = \"said\"; plugin = \"fault\"; issuer = \"https://said.example\"; audience = [\"" OURS "\"]; groups = [\"a\", \"b\"]; roles = [\"r\"]; } );\n"
		"guards = ( { id = \"open\"; plugin = \"fault\"; }, { id = \"shut\"; plugin = \"fault\"; code = \"denied\"; text = \"closed today\"; },\n"
		"  { id = \"lost\"; plugin = \"fault\"; code = \"unavailable\"; }, { id = \"gone\"; plugin = \"fault\"; code = \"revoked\"; },\n"
		"  { id = \"late\"; plugin = \"fault\"; delay = \"300ms\"; }, { id = \"odd\"; plugin = \"fault\"; misbehave = \"unknown_code\"; } );\n"
		"stacks = ( { id = \"staff\"; rules = ( { control = \"sufficient\"; provider = \"idp\"; } ); },\n"
		"  { id = \"both\"; rules = ( { control = \"sufficient\"; stack = \"staff\"; }, { control = \"sufficient\"; provider = \"two\"; } ); } );\n"
		"services = (\n"
		SERVICE("list", "identity = [\"idp\", \"two\"];")
		SERVICE("one", "identity = [\"idp\"];")
		SERVICE("stack", "identity = ( { control = \"required\"; stack = \"both\"; } );")
		SERVICE("at", "identity = [\"@staff\", \"two\"];")
		SERVICE("optional", "identity = ( { control = \"optional\"; provider = \"two\"; }, { control = \"required\"; provider = \"idp\"; } );")
		SERVICE("table", "identity = ( { control = { ok = \"done\"; not_mine = \"ignore\"; default = \"die\"; }; provider = \"idp\"; },"
		        " { control = \"required\"; provider = \"two\"; } );")
		SERVICE("when", "identity = ( { control = \"sufficient\"; provider = \"idp\"; when = { email_domain = [\"acme.example\"]; client = [\"app\"]; }; },"
		        " { control = \"sufficient\"; provider = \"two\"; when = { not_after = \"2020-01-01\"; }; } );")
		SERVICE("twice", "identity = ( { control = \"sufficient\"; provider = \"idp\"; when = { client = [\"other\"]; }; },"
		        " { control = \"sufficient\"; provider = \"idp\"; } );")
		SERVICE("slow", "deadline = \"100ms\"; identity = [\"slow\"];")
		SERVICE("waits", "identity = [\"slow\"]; default_scopes = [\"read\"];")
		SERVICE("soft", "identity = ( { control = { ok = \"ok\"; unavailable = \"ignore\"; default = \"bad\"; }; provider = \"away\"; } );")
		SERVICE("away", "identity = [\"away\", \"two\"];")
		SERVICE("bent", "identity = ( { control = \"optional\"; provider = \"bent\"; }, { control = \"sufficient\"; provider = \"idp\"; } );")
		SERVICE("mute", "identity = [\"mute\"];")
		SERVICE("said", "default_scopes = [\"read\"]; identity = [\"said\"];")
		SERVICE("open", "identity = [\"idp\"]; guards = [\"open\"];")
		SERVICE("shut", "identity = [\"idp\"]; guards = [\"open\", \"shut\"];")
		SERVICE("maybe", "identity = [\"idp\"]; guards = ( { control = \"optional\"; guard = \"lost\"; }, { control = \"required\"; guard = \"open\"; } );")
		SERVICE("lost", "identity = [\"idp\"]; guards = [\"lost\"];")
		SERVICE("first", "identity = [\"idp\"]; guards = ( { control = \"required\"; guard = \"gone\"; }, { control = \"required\"; guard = \"shut\"; } );")
		SERVICE("ends", "identity = [\"idp\"]; guards = ( { control = \"requisite\"; guard = \"gone\"; }, { control = \"required\"; guard = \"shut\"; } );")
		SERVICE("late", "deadline = \"100ms\"; identity = [\"idp\"]; guards = [\"late\"];")
		SERVICE("odd", "identity = [\"idp\"]; guards = ( { control = \"optional\"; guard = \"odd\"; } );")
		LAST("some", "identity = [\"idp\"]; guards = ( { control = \"required\"; guard = \"shut\"; when = { client = [\"other\"]; }; } );");
	static const struct row rows[] = {
		{ "list", "{}", .says = "granted to idp/-/ada", .trace = "identity idp (sufficient): ok -> done", .subject = "idp/-/ada" },
		{ "list", "{\"iss\":\"" TWO "\"}", .says = "granted", .trace = "identity idp (sufficient): not_mine -> ignore", .subject = "two/-/ada" },
		{ "list", "{\"iss\":\"" TWO "\"}", .says = "granted", .trace = "identity two (sufficient): ok -> done", .subject = "two/-/ada" },
		{ "list", "{\"exp\":1}", .code = EMA_EXPIRED, .says = "ema.conf:", .trace = "identity two (sufficient): not_mine -> ignore" },
		{ "one", "{\"iss\":\"" TWO "\"}", .code = EMA_NOT_MINE, .says = "provider \"two\"" },
		{ "stack", "{}", .says = "granted", .trace = "  ", .subject = "idp/-/ada" },
		{ "stack", "{\"iss\":\"" TWO "\"}", .says = "granted", .trace = "identity both (required): ok -> ok: stack", .subject = "two/-/ada" },
		{ "stack", "{\"sub\":null}", .code = EMA_MISSING_CLAIM, .says = "sub" },
		{ "at", "{}", .says = "granted", .subject = "idp/-/ada" },
		{ "at", "{\"iss\":\"" TWO "\"}", .says = "granted", .subject = "two/-/ada" },
		{ "optional", "{}", .says = "granted", .subject = "idp/-/ada" },
		{ "optional", "{\"iss\":\"" TWO "\"}", .code = EMA_NOT_MINE, .says = "ema.conf:" },
		{ "table", "{}", .says = "granted", .trace = "identity idp (control): ok -> done", .subject = "idp/-/ada" },
		{ "table", "{\"iss\":\"" TWO "\"}", .says = "granted", .subject = "two/-/ada" },
		{ "table", "{\"jti\":null}", .code = EMA_MISSING_CLAIM, .says = "jti", .trace = "identity idp (control): missing_claim -> die" },
		{ "when", "{\"email\":\"ada@acme.example\"}", .says = "granted", .subject = "idp/-/ada", .email = "ada@acme.example" },
		{ "when", "{\"email\":\"ada@ACME.example\"}", .says = "granted", .email = "ada@acme.example" },
		{ "when", "{\"email\":\"ada@acme.example.evil.example\"}", .code = EMA_NOT_MINE, .says = "the rule's when", .trace = "when does not match" },
		{ "when", "{}", .code = EMA_NOT_MINE, .says = "the rule's when", .trace = "when does not match" },
		{ "when", "{\"email\":\"ada@acme.example\",\"client_id\":\"vs\"}", "vs", .code = EMA_NOT_MINE, .says = "" },
		{ "when", "{\"iss\":\"" TWO "\"}", .code = EMA_NOT_MINE, .says = "", .trace = "when does not match" },
		{ "twice", "{}", .says = "granted", .trace = "not_mine -> ignore: the rule's when does not match", .subject = "idp/-/ada" },
		{ "slow", "{\"iss\":\"https://slow.example\"}", .code = EMA_TIMEOUT, .says = "", .trace = "identity slow (sufficient): timeout -> bad" },
		{ "waits", "{\"iss\":\"https://slow.example\"}", .says = "granted", .subject = "slow/-/alice" },
		{ "soft", "{\"iss\":\"https://away.example\"}", .code = EMA_UNAVAILABLE, .says = "", .trace = "unavailable -> ignore" },
		{ "away", "{\"iss\":\"https://away.example\"}", .code = EMA_UNAVAILABLE, .says = "", .trace = "identity two (sufficient): not_mine -> ignore" },
		{ "bent", "{\"iss\":\"https://bent.example\"}", .code = EMA_INTERNAL, .says = "" },
		{ "bent", "{}", .says = "granted", .subject = "idp/-/ada" },
		{ "mute", "{\"iss\":\"https://mute.example\"}", .code = EMA_INTERNAL, .says = "" },
		{ "said", "{\"iss\":\"https://said.example\"}", .says = "granted", .subject = "said/-/alice", .groups = "a,b", .roles = "r" },
		{ "open", "{}", .says = "granted", .trace = "guard open (required): ok", .subject = "idp/-/ada" },
		{ "shut", "{}", .code = EMA_DENIED, .says = "closed today", .trace = "guard shut (required): denied -> bad" },
		{ "maybe", "{}", .says = "granted", .trace = "guard lost (optional): unavailable -> ignore" },
		{ "lost", "{}", .code = EMA_UNAVAILABLE, .says = "ema.conf:" },
		{ "first", "{}", .code = EMA_REVOKED, .says = "ema.conf:", .trace = "guard shut (required): denied" },
		{ "ends", "{}", .code = EMA_REVOKED, .says = "ema.conf:", .trace = "guard gone (requisite): revoked -> die" },
		{ "late", "{}", .code = EMA_TIMEOUT, .says = "" },
		{ "odd", "{}", .code = EMA_INTERNAL, .says = "" },
		{ "some", "{}", .says = "granted", .trace = "when does not match: not asked" },
		{ "some", "{\"client_id\":\"other\"}", "other", .code = EMA_DENIED, .says = "closed today" },
		/* A refusal by a guard burns nothing: the same service without it takes the assertion. */
		{ "shut", "{\"jti\":\"kept\"}", .code = EMA_DENIED, .says = "closed today" },
		{ "open", "{\"jti\":\"kept\"}", .says = "granted" },
		{ "one", "{\"jti\":\"kept\"}", .code = EMA_REPLAYED, .says = "" },
	};
	(void)state;
	decide_all(conf, NULL, ALL(rows));
}

/* JAG-78 JAG-79 JAG-83 JAG-84 JAG-85 JAG-89 JAG-93: groups, roles, accounts and persons come from mapped claims and from those
   directories that speak for the provider. */
static void directories(void **state)
{
	static const char people[] =
		"people = (\n"
		"  { id = \"ada\"; subjects = [\"idp/-/ada\", \"two/-/x7\"]; email = \"ada@acme.example\"; groups = [\"eng\", \"ops\"]; roles = [\"lead\"];\n"
		"    accounts = { github = \"ada-l\"; }; },\n"
		"  { id = \"bob\"; subjects = [\"idp/-/bob\"]; active = false; groups = [\"eng\"]; },\n"
		"  { id = \"eve\"; email = \"eve@acme.example\"; groups = [\"sales\"]; } );\n";
	static const char conf[] = HEAD
		"providers = (\n"
		OIDC("idp", ISSUER, "authority = [\"acme.example\"]; groups_claim = \"groups\"; roles_claim = \"roles\";")
		OIDC("guests", "https://guests.example", "guests = \"allow\";")
		"{ id = \"two\"; plugin = \"oidc\"; issuer = \"" TWO "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; } );\n"
		"directories = ( { id = \"people\"; plugin = \"file\"; path = \"people.conf\"; },\n"
		"  { id = \"extra\"; plugin = \"fault\"; person = \"extra\"; groups = [\"extra\"]; accounts = [\"github=other\", \"jira=ada\"]; },\n"
		"  { id = \"lost\"; plugin = \"fault\"; code = \"unavailable\"; }, { id = \"off\"; plugin = \"fault\"; active = false; },\n"
		"  { id = \"none\"; plugin = \"fault\"; code = \"unknown_subject\"; }, { id = \"bent\"; plugin = \"fault\"; misbehave = \"unknown_code\"; },\n"
		"  { id = \"late\"; plugin = \"fault\"; delay = \"2200ms\"; }, { id = \"old\"; plugin = \"fault\"; code = \"directory_stale\"; } );\n"
		"services = (\n"
		SERVICE("soft", "identity = [\"idp\", \"two\", \"guests\"]; directory = ( { id = \"people\"; for = [\"idp\"]; } );")
		SERVICE("hard", "identity = [\"idp\", \"two\"]; directory = ( { id = \"people\"; for = [\"idp\", \"two\"]; required = true; } );")
		SERVICE("more", "identity = [\"idp\"]; directory = ( { id = \"people\"; for = [\"idp\"]; }, { id = \"extra\"; for = [\"idp\"]; } );")
		SERVICE("lost", "identity = [\"idp\", \"two\"]; directory = ( { id = \"lost\"; for = [\"idp\"]; } );")
		SERVICE("off", "identity = [\"idp\"]; directory = ( { id = \"off\"; for = [\"idp\"]; } );")
		SERVICE("none", "identity = [\"idp\"]; directory = ( { id = \"none\"; for = [\"idp\"]; } );")
		SERVICE("bent", "identity = [\"idp\"]; directory = ( { id = \"bent\"; for = [\"idp\"]; } );")
		SERVICE("late", "deadline = \"2s\"; identity = [\"idp\"]; directory = ( { id = \"late\"; for = [\"idp\"]; } );")
		LAST("old", "identity = [\"idp\"]; directory = ( { id = \"old\"; for = [\"idp\"]; } );");
	static const struct row rows[] = {
		{ "soft", "{}", .says = "granted", .trace = "directory people: ok", .groups = "eng,ops", .roles = "lead", .accounts = "github=ada-l", .person = "ada" },
		{ "soft", "{\"groups\":[\"own\"],\"roles\":[\"r1\",\"r2\"]}", .says = "granted", .groups = "own,eng,ops", .roles = "r1,r2,lead" },
		{ "soft", "{\"sub\":\"zoe\",\"groups\":[\"own\"]}", .says = "granted", .groups = "own", .roles = "", .accounts = "", .person = "" },
		{ "soft", "{\"sub\":\"bob\"}", .code = EMA_DISABLED, .says = "directory \"people\"" },
		{ "soft", "{\"sub\":\"e1\",\"email\":\"eve@ACME.example\"}", .says = "granted", .groups = "sales", .person = "eve", .email = "eve@acme.example" },
		{ "soft", "{\"sub\":\"e1\",\"email\":\"Eve@acme.example\"}", .says = "granted", .groups = "", .person = "" },
		{ "soft", "{\"sub\":\"e1\",\"email\":\"eve@elsewhere.example\"}", .says = "granted", .groups = "", .person = "", .email = "" },
		{ "soft", "{\"email\":\"eve@acme.example\"}", .code = EMA_SUBJECT_CONFLICT, .says = "" },
		{ "soft", "{\"iss\":\"" TWO "\",\"groups\":[\"eng\"]}", .says = "granted", .subject = "two/-/ada", .groups = "", .person = "" },
		{ "soft", "{\"iss\":\"" TWO "\",\"email\":\"ada@acme.example\"}", .code = EMA_WRONG_PROVIDER, .says = "guests" },
		{ "soft", "{\"iss\":\"https://guests.example\",\"email\":\"ada@acme.example\"}", .says = "granted", .email = "", .groups = "" },
		{ "hard", "{}", .says = "granted", .groups = "eng,ops", .trace = "directory people (required): ok" },
		{ "hard", "{\"iss\":\"" TWO "\",\"sub\":\"x7\"}", .says = "granted", .subject = "two/-/x7", .groups = "eng,ops", .person = "ada" },
		{ "hard", "{\"iss\":\"" TWO "\"}", .code = EMA_UNKNOWN_SUBJECT, .says = "required" },
		{ "hard", "{\"sub\":\"zoe\"}", .code = EMA_UNKNOWN_SUBJECT, .says = "directory \"people\"" },
		{ "more", "{}", .says = "granted", .groups = "eng,ops,extra", .accounts = "github=ada-l,jira=ada", .person = "ada" },
		{ "lost", "{}", .code = EMA_DIRECTORY_UNAVAILABLE, .says = "directory \"lost\"", .trace = "directory lost: unavailable" },
		{ "lost", "{\"iss\":\"" TWO "\"}", .says = "granted" },
		{ "off", "{}", .code = EMA_DISABLED, .says = "disabled" },
		{ "none", "{}", .says = "granted", .groups = "" },
		{ "bent", "{}", .code = EMA_INTERNAL, .says = "" },
		{ "late", "{}", .code = EMA_DIRECTORY_UNAVAILABLE, .says = "" },
		{ "old", "{}", .code = EMA_DIRECTORY_STALE, .says = "" },
	};
	(void)state;
	decide_all(conf, people, ALL(rows));
}

/* JAG-41 JAG-61 JAG-63 JAG-66 JAG-67 JAG-68 JAG-69 JAG-70 JAG-71 JAG-72: audiences of today, resources, and scopes that a request may narrow. */
static void audiences_and_scopes(void **state)
{
	static const char conf[] = HEAD
		"providers = (\n"
		OIDC("idp", ISSUER, "")
		OIDC("narrow", "https://narrow.example", "scope_rule = \"narrow\";")
		"{ id = \"drop\"; plugin = \"oidc\"; issuer = \"https://drop.example\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; drop_unknown_scopes = true; } );\n"
		"services = (\n"
		SERVICE("svc", "identity = [\"idp\", \"narrow\", \"drop\"];")
		SERVICE("preset", "identity = [\"idp\"]; default_scopes = [\"read\"];")
		SERVICE("own", "identity = [\"idp\"]; issuer = \"https://auth.example/own\";")
		LAST("moved", "identity = [\"idp\"]; issuer = \"https://auth.example/moved\"; former_issuers = ( "
		     "{ issuer = \"https://auth.example/now\"; until = \"2099-01-01\"; }, { issuer = \"https://auth.example/then\"; until = \"2020-01-01\"; } );");
	static const struct row rows[] = {
		{ "svc", "{}", .says = "granted", .scopes = "read" },
		{ "svc", "{\"scope\":\"write read\"}", .says = "granted", .scopes = "write,read" },
		{ "svc", "{\"scope\":\"read write\"}", .scope = "write read", .says = "granted", .scopes = "read,write" },
		{ "svc", "{\"scope\":\"read\"}", .scope = "read write", .says = "granted", .scopes = "read" },
		{ "svc", "{\"scope\":\"read write\"}", .scope = "read", .code = EMA_NARROW_SCOPE, .says = "scope_rule", .trace = "scope: narrow_scope" },
		{ "svc", "{\"iss\":\"https://narrow.example\",\"scope\":\"read write\"}", .scope = "read", .says = "granted", .scopes = "read" },
		{ "svc", "{\"iss\":\"https://narrow.example\",\"scope\":\"read write\"}", .scope = "none", .code = EMA_NO_SCOPE, .says = "none of the token's scopes", .trace = "scope: no_scope" },
		{ "svc", "{\"iss\":\"https://narrow.example\",\"scope\":\"admin\"}", .code = EMA_UNKNOWN_SCOPE, .says = "admin" },
		{ "svc", "{\"iss\":\"https://drop.example\",\"scope\":\"admin read rea readd\"}", .says = "granted", .scopes = "read" },
		{ "svc", "{\"scope\":null}", .code = EMA_NO_SCOPE, .says = "default_scopes" },
		{ "preset", "{\"scope\":null}", .says = "granted", .scopes = "read" },
		{ "preset", "{\"scope\":null}", .scope = "write", .code = EMA_NO_SCOPE, .says = "default_scopes" },
		{ "preset", "{\"scope\":\"write\"}", .says = "granted", .scopes = "write" },
		{ "svc", "{}", .resource = "https://mcp.example/svc", .says = "granted" },
		{ "svc", "{}", .resource = "HTTPS://MCP.EXAMPLE:443/svc", .says = "granted" },
		{ "svc", "{}", .resource = "https://mcp.example/preset", .code = EMA_WRONG_RESOURCE, .says = "resource parameter" },
		{ "svc", "{}", .resource = "https://mcp.example/svc/", .code = EMA_WRONG_RESOURCE, .says = "resource parameter" },
		{ "svc", "{\"resource\":[\"https://mcp.example/svc\",\"https://mcp.example/preset\"]}", .says = "granted" },
		{ "svc", "{\"resource\":[\"https://mcp.example/svc\",\"https://mcp.example/own\"]}", .code = EMA_WRONG_RESOURCE, .says = "which no service with the issuer" },
		{ "svc", "{\"resource\":[\"https://elsewhere.example/\",\"https://mcp.example/svc\"]}", .code = EMA_WRONG_RESOURCE, .says = "elsewhere" },
		{ "moved", "{\"aud\":\"https://auth.example/now\",\"resource\":[\"https://mcp.example/moved\"]}", .says = "granted" },
		{ "svc", "{\"resource\":\"https://mcp.example/own\"}", .code = EMA_WRONG_RESOURCE, .says = "own" },
		{ "own", "{}", .code = EMA_WRONG_AUDIENCE, .says = "" },
		{ "own", "{\"aud\":\"https://auth.example/own\"}", .says = "granted" },
		{ "svc", "{\"aud\":\"https://auth.example/own\"}", .code = EMA_WRONG_AUDIENCE, .says = "" },
		{ "moved", "{\"aud\":\"https://auth.example/moved\"}", .says = "granted" },
		{ "moved", "{\"aud\":\"https://auth.example/now\"}", .says = "granted" },
		{ "moved", "{\"aud\":\"https://auth.example/then\"}", .code = EMA_WRONG_AUDIENCE, .says = "" },
	};
	(void)state;
	decide_all(conf, NULL, ALL(rows));
}

/* JAG-79 JAG-80 JAG-82 JAG-90 JAG-91 JAG-52: tenants, actors, clients, and assertions that a client may use again. */
static void tenants_and_actors(void **state)
{
	static const char conf[] = HEAD
		"providers = (\n"
		OIDC("multi", "https://multi.example", "tenant_claim = \"tenant\"; tenants = [\"t1\", \"t2\", \"t3\"];")
		OIDC("acts", "https://acts.example", "actor_required = true; actors = [\"bot\"]; actor_depth = 2;")
		OIDC("free", "https://free.example", "")
		OIDC("ours", "https://ours.example", "aud_tenants = [\"a1\"]; clients = [\"app\"];")
		"{ id = \"again\"; plugin = \"oidc\"; issuer = \"https://again.example\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"];"
		" replay = \"same-client-reuse\"; replay_uses = 2; } );\n"
		"services = (\n"
		SERVICE("tenants", "identity = [\"multi\"]; tenants = [\"t1\", \"t2\"];")
		SERVICE("split", "identity = ( { control = \"sufficient\"; provider = \"multi\"; when = { tenant = [\"t1\"]; }; } ); tenants = [\"t1\", \"t2\"];")
		LAST("svc", "identity = [\"acts\", \"free\", \"ours\", \"again\"];");
	static const struct row rows[] = {
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"t1\"}", .says = "granted", .subject = "multi/t1/ada" },
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"t2\"}", .says = "granted", .subject = "multi/t2/ada" },
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"t3\"}", .code = EMA_WRONG_TENANT, .says = "tenants" },
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"t4\"}", .code = EMA_WRONG_TENANT, .says = "" },
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"T1\"}", .code = EMA_WRONG_TENANT, .says = "" },
		{ "tenants", "{\"iss\":\"https://multi.example\"}", .code = EMA_MISSING_TENANT, .says = "" },
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":[\"t1\"]}", .code = EMA_BAD_CLAIM, .says = "" },
		/* The same jti of two tenants is two assertions. */
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"t1\",\"jti\":\"j\"}", .says = "granted" },
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"t2\",\"jti\":\"j\"}", .says = "granted" },
		{ "tenants", "{\"iss\":\"https://multi.example\",\"tenant\":\"t2\",\"jti\":\"j\"}", .code = EMA_REPLAYED, .says = "" },
		{ "split", "{\"iss\":\"https://multi.example\",\"tenant\":\"t1\"}", .says = "granted" },
		{ "split", "{\"iss\":\"https://multi.example\",\"tenant\":\"t2\"}", .code = EMA_NOT_MINE, .says = "", .trace = "when does not match" },
		{ "svc", "{\"iss\":\"https://acts.example\"}", .code = EMA_ACTOR_REFUSED, .says = "" },
		{ "svc", "{\"iss\":\"https://acts.example\",\"act\":{\"sub\":\"bot\"}}", .says = "granted", .subject = "acts/-/ada", .actor = "bot" },
		{ "svc", "{\"iss\":\"https://acts.example\",\"act\":{\"sub\":\"crook\"}}", .code = EMA_ACTOR_REFUSED, .says = "" },
		{ "svc", "{\"iss\":\"https://acts.example\",\"act\":{\"sub\":\"bot\",\"act\":{\"sub\":\"bot\",\"act\":{\"sub\":\"bot\"}}}}", .code = EMA_ACTOR_REFUSED, .says = "" },
		{ "svc", "{\"iss\":\"https://free.example\",\"scope\":\"read write\"}", .says = "granted", .subject = "free/-/ada", .scopes = "read,write", .actor = "" },
		{ "svc", "{\"iss\":\"https://free.example\",\"scope\":\"read write\",\"act\":{\"sub\":\"anybody\"}}", .says = "granted", .subject = "free/-/ada",
		  .scopes = "read,write", .actor = "anybody" },
		{ "svc", "{\"iss\":\"https://free.example\",\"act\":{\"sub\":\"a\",\"act\":{\"sub\":\"b\"}}}", .code = EMA_ACTOR_REFUSED, .says = "" },
		{ "svc", "{\"iss\":\"https://free.example\",\"act\":\"bot\"}", .code = EMA_BAD_CLAIM, .says = "" },
		{ "svc", "{\"iss\":\"https://ours.example\",\"aud_tenant\":\"a1\"}", .says = "granted" },
		{ "svc", "{\"iss\":\"https://ours.example\",\"aud_tenant\":\"a2\"}", .code = EMA_WRONG_TENANT, .says = "" },
		{ "svc", "{\"iss\":\"https://ours.example\",\"client_id\":\"vs\"}", "vs", .code = EMA_WRONG_CLIENT, .says = "" },
		/* Signed anew it is another assertion with the jti of the first. */
		{ "svc", "{\"iss\":\"https://again.example\",\"jti\":\"r\"}", .says = "granted" },
		{ "svc", "{\"iss\":\"https://again.example\",\"jti\":\"r\"}", .code = EMA_REPLAYED, .says = "other bytes" },
		{ "svc", "{\"iss\":\"https://free.example\",\"jti\":\"r\"}", .says = "granted" },
	};
	(void)state;
	decide_all(conf, NULL, ALL(rows));
}

/* JAG-52: the same bytes of the same client, as often as the provider says. */
static void used_again(void **state)
{
	static const char conf[] = HEAD
		"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"];"
		" replay = \"same-client-reuse\"; replay_uses = 3; } );\n"
		"services = (\n" LAST("svc", "identity = [\"idp\"];");
	struct world world;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, conf), EMA_OK);
	char *token = world_token(&world, "{}");
	for (int i = 0; i < 5; i++)
		assert_int_equal(world_decide(&world, "svc", strdup(token), NULL), i < 3 ? EMA_OK : EMA_REPLAYED);
	free(token);
	world_close(&world);
}

/* REV-18: who only looks, and has no marks, says of an old token what a server would, and when one ends that says that it lives longer. */
static void the_end_of_a_providers_token(void **state)
{
	static const char conf[] = HEAD
		"providers = ( { id = \"at\"; plugin = \"oidc\"; issuer = \"https://at.example\"; jwks = \"%JWKS%\"; accepts = [\"access_token\"]; } );\n"
		"services = (\n"
		LAST("svc", "identity = [\"at\"]; audience = ( { provider = \"at\"; is = [\"api://svc\"]; clients = [\"cli\"]; scope_map = \"any\"; } );");
	static const int64_t ages[] = { 0, 47, 49 }; /* hours */
	struct world world;
	(void)state;
	world_open(&world);
	ema_set_observer(world.context);
	assert_int_equal(world_load(&world, conf), EMA_OK);
	for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
		char claims[256];
		const int64_t issued = world.now - ages[i] * 3600;
		ema_decision *decision = NULL;
		ema_request *request = ema_request_new();
		snprintf(claims, sizeof claims, "{\"iss\":\"https://at.example\",\"aud\":\"api://svc\",\"client_id\":\"cli\",\"iat\":%lld,\"exp\":%lld}",
		         (long long)issued, (long long)(issued + 30 * 24 * 3600));
		char *token = world_sign(&world, world.key, "at+jwt", claims);
		assert_int_equal(ema_request_credential(request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)), EMA_OK);
		assert_int_equal(ema_explain(world.context, "svc", request, 0, &decision), i < 2 ? EMA_OK : EMA_EXPIRED);
		if (i < 2)
			assert_in_range(ema_decision_expires(decision) - issued, 47 * 3600, 48 * 3600);
		ema_decision_free(decision);
		ema_request_free(request);
		free(token);
	}
	world_close(&world);
}

/* JAG-36: an access token of a provider is taken at a service that lists its audience, and nowhere else; neither kind passes for
   the other. */
static void access_tokens(void **state)
{
	static const char conf[] = HEAD
		"providers = (\n"
		"{ id = \"both\"; plugin = \"oidc\"; issuer = \"https://both.example\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\", \"access_token\"]; },\n"
		OIDC("jag", "https://jag.example", "")
		"{ id = \"at\"; plugin = \"oidc\"; issuer = \"https://at.example\"; jwks = \"%JWKS%\"; accepts = [\"access_token\"]; } );\n"
		"services = (\n"
		SERVICE("svc", "identity = [\"both\", \"jag\", \"at\"]; audience = ( { provider = \"both\"; is = [\"api://svc\"]; clients = [\"cli\"]; scope_map = \"any\"; },"
		        " { provider = \"at\"; is = [\"api://svc\", \"svc\"]; clients = [\"cli\", \"app\"]; scope_map = \"any\"; } );")
		LAST("none", "identity = [\"both\", \"at\"];");
#define AT_TOKEN(more) "{\"iss\":\"https://at.example\",\"aud\":\"api://svc\",\"client_id\":\"cli\"" more "}"
	static const struct row rows[] = {
		{ "svc", AT_TOKEN(""), .says = "granted", .subject = "at/-/ada", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(""), .says = "granted", .subject = "at/-/ada", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(",\"aud\":[\"api://svc\"]"), .says = "granted", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(",\"aud\":\"" OURS "\""), .code = EMA_WRONG_AUDIENCE, .says = "", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(",\"client_id\":\"stranger\""), .code = EMA_WRONG_CLIENT, .says = "", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(",\"exp\":1"), .code = EMA_EXPIRED, .says = "", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		/* REV-18: a mark that hit it may be gone, and is not where nobody knows when it was issued. */
		{ "svc", AT_TOKEN(",\"iat\":1790000000,\"exp\":4000000000"), .code = EMA_EXPIRED, .says = "revocations are remembered for 48 hours", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(",\"iat\":-1,\"exp\":4000000000"), .code = EMA_EXPIRED, .says = "revocations are remembered for 48 hours", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(",\"iat\":null"), .code = EMA_MISSING_CLAIM, .says = "iat", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", AT_TOKEN(",\"scope\":\"anything\""), .says = "granted", .scopes = "", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", "{\"iss\":\"https://at.example\"}", .code = EMA_NOT_MINE, .says = "ID-JAG" },
		{ "svc", "{\"iss\":\"https://jag.example\",\"aud\":\"api://svc\"}", .code = EMA_NOT_MINE, .says = "access token", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", "{\"iss\":\"https://both.example\"}", .says = "granted", .subject = "both/-/ada" },
		{ "svc", "{\"iss\":\"https://both.example\",\"aud\":\"api://svc\",\"client_id\":\"cli\"}", .says = "granted", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", "{\"iss\":\"https://both.example\",\"aud\":\"api://svc\"}", .code = EMA_WRONG_CLIENT, .says = "", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "svc", "{\"iss\":\"https://both.example\",\"aud\":\"api://svc\"}", .code = EMA_WRONG_AUDIENCE, .says = "" },
		{ "none", AT_TOKEN(""), .code = EMA_NOT_MINE, .says = "audience", .kind = EMA_CREDENTIAL_ACCESS_TOKEN },
		{ "none", "{\"iss\":\"https://both.example\"}", .says = "granted" },
	};
	(void)state;
	decide_all(conf, NULL, ALL(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_and_guards),
		cmocka_unit_test(directories),
		cmocka_unit_test(audiences_and_scopes),
		cmocka_unit_test(tenants_and_actors),
		cmocka_unit_test(used_again),
		cmocka_unit_test(access_tokens),
		cmocka_unit_test(the_end_of_a_providers_token),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
