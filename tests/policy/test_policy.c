/* What a policy decides, by tables: one policy, many questions. */
#include "test.h"

#include "codes.h"
#include "rig.h"

struct question {
	const char *who, *target, *arguments;
	int code;
	int line;           /* of the rule that decided; 0: none */
	const char *scope;  /* by which, or which is needed; NULL: not looked at */
	int64_t later;      /* seconds after RIG_NOW */
};

static void ask(const char *body, const struct question *rows, size_t count)
{
	struct rig rig = rig_open(body);
	if (!rig.policy)
		rig_show(&rig);
	assert_non_null(rig.policy);
	for (size_t i = 0; i < count; i++) {
		struct policy_result out;
		rig_decide(&rig, rows[i].who, rows[i].target, rows[i].arguments, RIG_NOW + rows[i].later, &out);
		/* The frame's first line is the configuration's. */
		int line = out.rule ? out.rule->line - 1 : 0;
		if (out.code != rows[i].code || line != rows[i].line || (rows[i].scope && (!out.scope || strcmp(out.scope->name, rows[i].scope))) ||
		    (out.code && !out.text[0]))
			fail_msg("%s; %s %s: %s at %d, scope %s: %s", rows[i].who, rows[i].target, rows[i].arguments ? rows[i].arguments : "",
			         code_name(out.code), line, out.scope ? out.scope->name : "-", out.text);
	}
	rig_close(&rig);
}
#define ASK(body, rows) ask(body, rows, sizeof(rows) / sizeof *(rows))

static const char basic[] =
	/* 1 */ "scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\", \"list_*\", \"odd name\"]; prompts = \"explain*\"; uris = [\"repo://acme/**\"]; },\n"
	/* 2 */ "  { name = \"write\"; access = \"write\"; tools = [\"create_*\", \"delete_*\"]; } );\n"
	/* 3 */ "grants = ( { provider = \"okta\"; group = \"eng\"; scopes = [\"read\", \"write\"]; },\n"
	/* 4 */ "  { provider = \"azure\"; role = \"reader\"; scopes = \"read\"; tools = [\"get_*\"]; } );\n"
	/* 5 */ "denies = ( { tools = [\"delete_*\"]; } );\n";

/* MCP-27, MCP-52, MCP-53, MCP-58 */
static void default_deny_and_deny_wins(void **state)
{
	(void)state;
	static const struct question rows[] = {
		{ "okta/-/al groups=eng scopes=read", "tool get_x", NULL, EMA_OK, 3, "read", 0 },
		{ "okta/-/al groups=eng scopes=read", "tool create_x", NULL, EMA_INSUFFICIENT_SCOPE, 3, "write", 0 },
		{ "okta/-/al groups=eng scopes=read,write", "tool create_x", NULL, EMA_OK, 3, "write", 0 },
		{ "okta/-/al groups=eng scopes=read,write", "tool delete_x", NULL, EMA_DENIED, 5, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read,write", "tool Get_x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read,write", "tool other", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng", "tool get_x", NULL, EMA_INSUFFICIENT_SCOPE, 3, "read", 0 },
		{ "okta/-/al groups=ops scopes=read", "tool get_x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=Eng scopes=read", "tool get_x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "azure/-/al groups=eng scopes=read", "tool get_x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al roles=eng scopes=read", "tool get_x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "azure/-/bo roles=reader scopes=read", "tool get_x", NULL, EMA_OK, 4, "read", 0 },
		{ "azure/-/bo roles=reader scopes=read", "tool list_x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		/* A grant that names tools is about tools alone. */
		{ "azure/-/bo roles=reader scopes=read", "uri repo://acme/x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "azure/-/bo roles=reader scopes=read", "prompt explain", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "prompt explain code", NULL, EMA_OK, 3, "read", 0 },
		{ "okta/-/al groups=eng scopes=read", "uri repo://acme/x/y", NULL, EMA_OK, 3, "read", 0 },
		{ "okta/-/al groups=eng scopes=read", "uri repo://ACME/x/../y", NULL, EMA_OK, 3, "read", 0 },
		{ "okta/-/al groups=eng scopes=read", "uri repo://acme/../other", NULL, EMA_BAD_REQUEST, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "uri repo://acme/%2e%2e/acme/x", NULL, EMA_BAD_REQUEST, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "uri repo://other/x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "uri repo://a@acme/x", NULL, EMA_BAD_REQUEST, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "uri acme/x", NULL, EMA_BAD_REQUEST, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "tool", NULL, EMA_BAD_REQUEST, 0, NULL, 0 },
		/* Names of tools with other characters, by their literal name alone. */
		{ "okta/-/al groups=eng scopes=read", "tool odd name", NULL, EMA_OK, 3, "read", 0 },
		{ "okta/-/al groups=eng scopes=read", "tool get_ x", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "tool get_\xd0\xb0", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "tool get_\x05", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "tool get_*", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "tool get_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, EMA_OK, 3, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read", "tool get_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng scopes=read,write", "tool delete_\xd0\xb0", NULL, EMA_DENIED, 5, NULL, 0 },
		/* What every valid token may, lists, and what nobody may. */
		{ "okta/-/nobody", "server", NULL, EMA_OK, 0, NULL, 0 },
		{ "okta/-/nobody scopes=read", "list", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=eng", "list", NULL, EMA_INSUFFICIENT_SCOPE, 3, NULL, 0 },
		{ "okta/-/al groups=eng scopes=write", "list", NULL, EMA_OK, 3, "write", 0 },
		{ "azure/-/bo roles=reader scopes=read", "list", NULL, EMA_OK, 4, "read", 0 },
		{ "okta/-/al groups=eng scopes=read,write", "task 1", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
	};
	ASK(basic, rows);
}

/* JAG-79, JAG-93 */
static void who_a_rule_names(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; tools = \"get_*\"; } );\n"
		/* 2 */ "grants = ( { provider = \"okta\"; group = [\"a\", \"b\"]; from = \"staff\"; scopes = \"r\"; tools = \"get_staff\"; },\n"
		/* 3 */ "  { provider = \"okta\"; group = \"a\"; from = \"claims\"; scopes = \"r\"; tools = \"get_claims\"; },\n"
		/* 4 */ "  { provider = \"azure\"; tenant = \"t1\"; group = \"a\"; scopes = \"r\"; tools = \"get_t1\"; },\n"
		/* 5 */ "  { provider = \"azure\"; tenant = \"t2\"; group = \"a\"; scopes = \"r\"; tools = \"get_t2\"; },\n"
		/* 6 */ "  { provider = \"*\"; subject = \"al\"; client = \"c\"; scopes = \"r\"; tools = \"get_client\"; },\n"
		/* 7 */ "  { provider = \"okta\"; group = \"a\"; role = \"x\"; scopes = \"r\"; tools = \"get_both\"; },\n"
		/* 8 */ "  { provider = \"okta\"; client = \"c\"; scopes = \"r\"; tools = \"get_app\"; } );\n"
		/* 9 */ "denies = ( { client = \"bad\"; provider = \"azure\"; } );\n";
	static const struct question rows[] = {
		{ "okta/-/al groups=a@staff scopes=r", "tool get_staff", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/-/al groups=b@staff scopes=r", "tool get_staff", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/-/al groups=a scopes=r", "tool get_staff", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=a@hr scopes=r", "tool get_staff", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=a@staff scopes=r", "tool get_claims", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=a scopes=r", "tool get_claims", NULL, EMA_OK, 3, NULL, 0 },
		/* Two tenants crossed. */
		{ "azure/t1/al client=c groups=a scopes=r", "tool get_t1", NULL, EMA_OK, 4, NULL, 0 },
		{ "azure/t1/al client=c groups=a scopes=r", "tool get_t2", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "azure/t2/al client=c groups=a scopes=r", "tool get_t2", NULL, EMA_OK, 5, NULL, 0 },
		{ "azure/t2/al client=c groups=a scopes=r", "tool get_t1", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "azure/-/al client=c groups=a scopes=r", "tool get_t1", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "azure/t1/al client=c groups=a@claims@t2 scopes=r", "tool get_t1", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "azure/t1/al client=c groups=a@claims@t2 scopes=r", "tool get_t2", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al client=c scopes=r", "tool get_client", NULL, EMA_OK, 6, NULL, 0 },
		{ "azure/-/al client=c scopes=r", "tool get_client", NULL, EMA_OK, 6, NULL, 0 },
		{ "okta/-/al client=d scopes=r", "tool get_client", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool get_client", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/bo client=c scopes=r", "tool get_client", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/bo client=c scopes=r", "tool get_app", NULL, EMA_OK, 8, NULL, 0 },
		{ "okta/-/al groups=a@staff roles=x scopes=r", "tool get_both", NULL, EMA_OK, 7, NULL, 0 },
		{ "okta/-/al groups=a@staff scopes=r", "tool get_both", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al roles=x,a scopes=r", "tool get_both", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		/* A client that is not known may be the one that is denied. */
		{ "azure/t1/al client=bad groups=a scopes=r", "tool get_t1", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "azure/t1/al groups=a scopes=r", "tool get_t1", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "azure/t1/al groups=a scopes=r", "server", NULL, EMA_DENIED, 9, NULL, 0 },
	};
	ASK(body, rows);
}

/* MCP-55, AZN-27 */
static void arguments_fail_closed(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; tools = \"*\"; prompts = \"*\"; } );\n"
		/* 2 */ "grants = ( { provider = \"*\"; scopes = \"r\"; tools = \"equals\"; when = { args = ( { at = \"/a\"; equals = \"x\"; }, { at = \"/b\"; equals = 3; }, { at = \"/c\"; equals = false; } ); }; },\n"
		/* 3 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"like\"; when = { args = ( { at = \"/repo\"; like = \"acme/public-*\"; } ); }; },\n"
		/* 4 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"in\"; when = { args = ( { at = \"/l/1\"; in = [\"a\", \"b\"]; } ); }; },\n"
		/* 5 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"range\"; when = { args = ( { at = \"/n\"; greater = 0; less = 10; } ); }; },\n"
		/* 6 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"absent\"; when = { args = ( { at = \"/o/x\"; absent = true; } ); }; },\n"
		/* 7 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"own\"; when = { args = ( { at = \"/who\"; like = \"{subject}\"; } ); }; },\n"
		/* 8 */ "  { provider = \"*\"; scopes = \"r\"; tools = [\"there\", \"a~b\"]; when = { args = ( { at = \"/a~1~0b\"; like = \"**\"; } ); }; },\n"
		/* 9 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"denied*\"; } );\n"
		/* 10 */ "denies = ( { tools = \"denied\"; when = { args = ( { at = \"/path\"; like = \"secret/**\"; } ); }; },\n"
		/* 11 */ "  { tools = \"denied_n\"; when = { args = ( { at = \"/n\"; greater = 5; } ); }; },\n"
		/* 12 */ "  { tools = \"denied_a\"; when = { args = ( { at = \"/x/y\"; absent = true; } ); }; } );\n";
	static const struct question rows[] = {
		{ "okta/-/al scopes=r", "tool equals", "{\"a\":\"x\",\"b\":3,\"c\":false}", EMA_OK, 2, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", "{\"a\":\"y\",\"b\":3,\"c\":false}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", "{\"a\":\"x\",\"b\":3.0,\"c\":false}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", "{\"a\":\"x\",\"b\":\"3\",\"c\":false}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", "{\"a\":\"x\",\"b\":3,\"c\":null}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", "{\"a\":[\"x\"],\"b\":3,\"c\":false}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", "{\"a\":\"x\",\"c\":false}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool equals", "[]", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":\"acme/public-web\"}", EMA_OK, 3, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":\"acme/private\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":\"acme/public-web/../private\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":\"acme/public-web\\u0000\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":\"acme/public-web\\n\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":\"acme/public-%2e%2e%2fx\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":{\"x\":1}}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool in", "{\"l\":[\"z\",\"b\"]}", EMA_OK, 4, NULL, 0 },
		{ "okta/-/al scopes=r", "tool in", "{\"l\":[\"b\",\"z\"]}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool in", "{\"l\":{\"1\":\"b\"}}", EMA_OK, 4, NULL, 0 },
		{ "okta/-/al scopes=r", "tool in", "{\"l\":[\"b\"]}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool range", "{\"n\":9}", EMA_OK, 5, NULL, 0 },
		{ "okta/-/al scopes=r", "tool range", "{\"n\":10}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool range", "{\"n\":0}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool range", "{\"n\":5.5}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool range", "{\"n\":1e0}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool range", "{\"n\":99999999999999999999}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool absent", "{\"o\":{}}", EMA_OK, 6, NULL, 0 },
		{ "okta/-/al scopes=r", "tool absent", NULL, EMA_OK, 6, NULL, 0 },
		{ "okta/-/al scopes=r", "tool absent", "{\"o\":{\"x\":null}}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool absent", "{\"o\":\"x\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		/* Some servers would find it. */
		{ "okta/-/al scopes=r", "tool absent", "{\"o\":{\"X\":1}}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool absent", "{\"O\":{\"x\":1}}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool absent", "{\"oo\":{\"x\":1}}", EMA_OK, 6, NULL, 0 },
		{ "okta/-/al scopes=r", "tool like", "{\"repo\":\"acme/public-a\",\"Repo\":\"evil/x\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{\"path\":\"public/x\",\"PATH\":\"secret/x\"}", EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool own", "{\"who\":\"al\"}", EMA_OK, 7, NULL, 0 },
		{ "okta/-/al scopes=r", "tool own", "{\"who\":\"bo\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		/* Hostile subjects open nothing. */
		{ "okta/-/* scopes=r", "tool own", "{\"who\":\"bo\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/* scopes=r", "tool own", "{\"who\":\"*\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/.. scopes=r", "tool own", "{\"who\":\"..\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/a/b scopes=r", "tool own", "{\"who\":\"a/b\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool there", "{\"a/~b\":\"\"}", EMA_OK, 8, NULL, 0 },
		{ "okta/-/al scopes=r", "tool there", "{\"a\":\"\"}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "prompt p", "{}", EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{\"path\":\"public/x\"}", EMA_OK, 9, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{\"path\":\"secret/x\"}", EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{\"path\":\"public/../secret/x\"}", EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{\"path\":\"public//../x\"}", EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{\"path\":7}", EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{}", EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", NULL, EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied", "{\"path\":\"https://public/x\"}", EMA_OK, 9, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied_n", "{\"n\":5}", EMA_OK, 9, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied_n", "{\"n\":6}", EMA_DENIED, 11, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied_n", "{\"n\":1e9}", EMA_DENIED, 11, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied_n", "{\"n\":\"5\"}", EMA_DENIED, 11, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied_a", "{\"x\":{\"y\":1}}", EMA_OK, 9, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied_a", "{}", EMA_DENIED, 12, NULL, 0 },
		{ "okta/-/al scopes=r", "tool denied_a", "{\"x\":1}", EMA_DENIED, 12, NULL, 0 },
	};
	ASK(body, rows);
}

/* MCP-54 */
static void no_spelling_passes_a_deny(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; uris = \"**\"; } );\n"
		/* 2 */ "grants = ( { provider = \"*\"; scopes = \"r\"; } );\n"
		/* 3 */ "denies = ( { uris = \"file:///etc/**\"; },\n"
		/* 4 */ "  { uris = \"https://intern.example:443/**\"; } );\n";
	static const struct { const char *uri; int code, line; } rows[] = {
		{ "file:///etc/passwd", EMA_DENIED, 3 }, { "file:/etc/passwd", EMA_DENIED, 3 }, { "file://LOCALHOST/etc/passwd", EMA_DENIED, 3 },
		{ "file://localhost/%65tc/passwd", EMA_DENIED, 3 }, { "file:///etc/passwd ", EMA_BAD_REQUEST, 0 }, { "https://intern.example/x#y", EMA_DENIED, 4 }, { "file:/x/../etc/passwd", EMA_DENIED, 3 },
		{ "file://127.0.0.1/etc/passwd", EMA_BAD_REQUEST, 0 }, { "file:etc/passwd", EMA_BAD_REQUEST, 0 }, { "file:/../etc/passwd", EMA_BAD_REQUEST, 0 },
		{ "file:/var/x", EMA_OK, 2 }, { "file://server/etc/x", EMA_OK, 2 },
		{ "https://intern.example/x", EMA_DENIED, 4 }, { "https://intern.example", EMA_DENIED, 4 }, { "https://intern.example:443/x", EMA_DENIED, 4 },
		{ "https://intern.example:/x", EMA_DENIED, 4 }, { "https://intern.example./x", EMA_DENIED, 4 }, { "https://intern%2eexample%2e:0443/x", EMA_DENIED, 4 },
		{ "https:/intern.example/x", EMA_BAD_REQUEST, 0 }, { "https:intern.example/x", EMA_BAD_REQUEST, 0 }, { "https:///intern.example/x", EMA_BAD_REQUEST, 0 },
		{ "https://u@intern.example/x", EMA_BAD_REQUEST, 0 }, { "https://intern\xe3\x80\x82" "example/x", EMA_BAD_REQUEST, 0 },
		{ "https://intern.example:8443/x", EMA_OK, 2 }, { "http://intern.example/x", EMA_OK, 2 }, { "https://public.example:443", EMA_OK, 2 },
	};
	struct question questions[sizeof rows / sizeof *rows];
	char asked[sizeof rows / sizeof *rows][64];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(asked[i], sizeof asked[i], "uri %s", rows[i].uri);
		questions[i] = (struct question){ "okta/-/al scopes=r", asked[i], NULL, rows[i].code, rows[i].line, NULL, 0 };
	}
	ASK(body, questions);
}

/* However those who make a query write what stands in it. */
static void stars_in_queries(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; uris = [\"https://h/g?path=*\", \"https://h/fetch?url=*\"]; } );\n"
		/* 2 */ "grants = ( { provider = \"*\"; scopes = \"r\"; } );\n"
		/* 3 */ "denies = ( { uris = \"https://h/g?path=*\"; } );\n";
	static const struct question rows[] = {
		{ "okta/-/al scopes=r", "uri https://h/g?path=x", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al scopes=r", "uri https://h/g?path=%2Fx", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al scopes=r", "uri https://h/g?path=/x/y", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al scopes=r", "uri https://h/g?path=x%3Fy", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al scopes=r", "uri https://h/g?path=x?y", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al scopes=r", "uri https://h/fetch?url=https%3A%2F%2Fe.example%2Fx", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/-/al scopes=r", "uri https://h/fetch?url=https://e.example/x", NULL, EMA_OK, 2, NULL, 0 },
	};
	ASK(body, rows);
}

/* MCP-55: of a URI among the arguments, too. What may be another than it seems is denied, and not granted. */
static void no_spelling_passes_a_deny_of_arguments(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; tools = \"*\"; } );\n"
		/* 2 */ "grants = ( { provider = \"*\"; scopes = \"r\"; tools = [\"get\", \"one\", \"any\"]; },\n"
		/* 3 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"may\"; when = { args = ( { at = \"/u\"; like = \"https://intern.example:443/**\"; } ); }; } );\n"
		/* 4 */ "denies = ( { tools = \"get\"; when = { args = ( { at = \"/u\"; like = \"https://intern.example/**\"; } ); }; },\n"
		/* 5 */ "  { tools = \"one\"; when = { args = ( { at = \"/u\"; like = \"https://intern.example/x\"; } ); }; },\n"
		/* 6 */ "  { tools = \"any\"; when = { args = ( { at = \"/u\"; like = \"*://intern.example/x\"; } ); }; } );\n";
	/* The last word: whether a grant of it holds. */
	static const struct { const char *value; int code, one, any, may; } rows[] = {
		{ "https://intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://intern.example:443/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_OK },
		{ "HTTPS://intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://INTERN.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://u@intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://intern.example:0443/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://intern.example./x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://int%65rn.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https:/intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ " https://intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://intern.example", EMA_DENIED, EMA_OK, EMA_OK, EMA_NOT_GRANTED },
		{ "https://intern.example:8443/x", EMA_OK, EMA_OK, EMA_OK, EMA_NOT_GRANTED },
		/* Spelled as people do, and another's. */
		{ "https://Public.example", EMA_OK, EMA_OK, EMA_OK, EMA_NOT_GRANTED },
		{ "https://public.example/a b?q=[%c3%a9]", EMA_OK, EMA_OK, EMA_OK, EMA_NOT_GRANTED },
		{ "https: a remark", EMA_OK, EMA_OK, EMA_OK, EMA_NOT_GRANTED },
		{ "\\nhttps://intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "ht\\ntps://intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "\xe5\x8f\x82" "https://a.example/ b", EMA_OK, EMA_OK, EMA_OK, EMA_NOT_GRANTED },
		{ "\xe2\x80\x8b" "https://intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "\xc2\xa0" "https://intern.example/x", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://intern.example/pub/.. ", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "https://intern.example/x ", EMA_DENIED, EMA_DENIED, EMA_DENIED, EMA_NOT_GRANTED },
		{ "httpsx://intern.example./x", EMA_OK, EMA_OK, EMA_OK, EMA_NOT_GRANTED },
	};
	static const char *const tools[] = { "tool get", "tool one", "tool any", "tool may" };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct question questions[4];
		char arguments[64];
		const int codes[] = { rows[i].code, rows[i].one, rows[i].any, rows[i].may };
		snprintf(arguments, sizeof arguments, "{\"u\":\"%s\"}", rows[i].value);
		for (int k = 0; k < 4; k++)
			questions[k] = (struct question){ "okta/-/al scopes=r", tools[k], arguments, codes[k],
			                                  codes[k] == EMA_DENIED ? 4 + k : codes[k] ? 0 : k < 3 ? 2 : 3, NULL, 0 };
		ASK(body, questions);
	}
}

/* JAG-92, MCP-16 */
static void login_and_time(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; tools = \"*\"; }, { name = \"w\"; access = \"write\"; tools = \"drop\"; } );\n"
		/* 2 */ "grants = ( { provider = \"*\"; scopes = \"r\"; tools = \"acr\"; when = { acr = [\"high\", \"higher\"]; }; },\n"
		/* 3 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"amr\"; when = { amr = [\"mfa\", \"hwk\"]; }; },\n"
		/* 4 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"age\"; when = { max_age = \"10m\"; }; },\n"
		/* 5 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"hours\"; when = { time = ( { days = \"mon\"; from = \"11:00\"; until = \"13:00\"; } ); }; },\n"
		/* 6 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"dates\"; when = { not_before = \"2026-10-12T12:00:00Z\"; not_after = \"2026-10-12T12:00:10Z\"; }; },\n"
		/* 7 */ "  { provider = \"*\"; scopes = \"r\"; tools = \"deny_*\"; },\n"
		/* 8 */ "  { provider = \"*\"; scopes = \"w\"; when = { max_age = \"5m\"; }; } );\n"
		/* 9 */ "denies = ( { tools = \"deny_acr\"; when = { acr = \"low\"; }; }, { tools = \"deny_amr\"; when = { amr = \"pwd\"; }; },\n"
		/* 10 */ "  { tools = \"deny_age\"; when = { max_age = \"10m\"; }; }, { tools = \"deny_time\"; when = { time = ( { days = \"mon\"; } ); }; } );\n";
	static const struct question rows[] = {
		{ "okta/-/al scopes=r acr=high", "tool acr", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/-/al scopes=r acr=low", "tool acr", NULL, EMA_WEAK_AUTHENTICATION, 2, NULL, 0 },
		{ "okta/-/al scopes=r", "tool acr", NULL, EMA_WEAK_AUTHENTICATION, 2, NULL, 0 },
		{ "okta/-/al scopes=r amr=hwk,x,mfa", "tool amr", NULL, EMA_OK, 3, NULL, 0 },
		{ "okta/-/al scopes=r amr=mfa", "tool amr", NULL, EMA_WEAK_AUTHENTICATION, 3, NULL, 0 },
		{ "okta/-/al scopes=r login=600", "tool age", NULL, EMA_OK, 4, NULL, 0 },
		{ "okta/-/al scopes=r login=600", "tool age", NULL, EMA_WEAK_AUTHENTICATION, 4, NULL, 1 },
		{ "okta/-/al scopes=r", "tool age", NULL, EMA_WEAK_AUTHENTICATION, 4, NULL, 0 },
		{ "okta/-/al scopes=r login=-60", "tool age", NULL, EMA_OK, 4, NULL, 0 },
		{ "okta/-/al scopes=r login=-61", "tool age", NULL, EMA_WEAK_AUTHENTICATION, 4, NULL, 0 },
		{ "okta/-/al scopes=r", "tool hours", NULL, EMA_OK, 5, NULL, 0 },
		{ "okta/-/al scopes=r", "tool hours", NULL, EMA_NOT_GRANTED, 0, NULL, 3600 },
		{ "okta/-/al scopes=r", "tool hours", NULL, EMA_NOT_GRANTED, 0, NULL, 86400 },
		{ "okta/-/al scopes=r", "tool dates", NULL, EMA_OK, 6, NULL, 9 },
		{ "okta/-/al scopes=r", "tool dates", NULL, EMA_NOT_GRANTED, 0, NULL, 10 },
		{ "okta/-/al scopes=r", "tool dates", NULL, EMA_NOT_GRANTED, 0, NULL, -1 },
		{ "okta/-/al scopes=w login=10", "tool drop", NULL, EMA_OK, 8, "w", 0 },
		{ "okta/-/al scopes=r login=10", "tool drop", NULL, EMA_INSUFFICIENT_SCOPE, 8, "w", 0 },
		{ "okta/-/al scopes=r login=1000", "tool drop", NULL, EMA_WEAK_AUTHENTICATION, 8, "w", 0 },
		/* What a deny looks at and is not there, counts. */
		{ "okta/-/al scopes=r acr=high", "tool deny_acr", NULL, EMA_OK, 7, NULL, 0 },
		{ "okta/-/al scopes=r acr=low", "tool deny_acr", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "okta/-/al scopes=r", "tool deny_acr", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "okta/-/al scopes=r amr=hwk", "tool deny_amr", NULL, EMA_OK, 7, NULL, 0 },
		{ "okta/-/al scopes=r amr=pwd", "tool deny_amr", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "okta/-/al scopes=r", "tool deny_amr", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "okta/-/al scopes=r login=601", "tool deny_age", NULL, EMA_OK, 7, NULL, 0 },
		{ "okta/-/al scopes=r login=600", "tool deny_age", NULL, EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool deny_age", NULL, EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool deny_time", NULL, EMA_DENIED, 10, NULL, 0 },
		{ "okta/-/al scopes=r", "tool deny_time", NULL, EMA_OK, 7, NULL, 86400 },
	};
	ASK(body, rows);
	struct rig rig = rig_open(body);
	struct policy_result out;
	assert_int_equal(rig_decide(&rig, "okta/-/al scopes=r", "tool amr", NULL, RIG_NOW, &out), EMA_WEAK_AUTHENTICATION);
	assert_int_equal(out.login->amr.count, 2);
	assert_int_equal(rig_decide(&rig, "okta/-/al scopes=r", "tool age", NULL, RIG_NOW, &out), EMA_WEAK_AUTHENTICATION);
	assert_int_equal(out.login->max_age, 600);
	rig_close(&rig);
}

static void denies_by_scope_and_value(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; tools = [\"get_*\", \"both\"]; uris = \"x:/{tenant}/**\"; }, { name = \"w\"; access = \"write\"; tools = [\"put_*\", \"both\"]; } );\n"
		/* 2 */ "grants = ( { provider = \"*\"; scopes = [\"r\", \"w\"]; } );\n"
		/* 3 */ "denies = ( { group = \"interns\"; scopes = \"w\"; }, { group = \"guests\"; scopes = \"w\"; tools = \"*_x\"; },\n"
		/* 4 */ "  { uris = \"x:/{tenant}/secret/**\"; }, { subject = \"gone\"; } );\n";
	static const struct question rows[] = {
		{ "okta/-/al groups=interns scopes=r,w", "tool get_a", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/-/al groups=interns scopes=r,w", "tool put_a", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al groups=interns scopes=r", "tool both", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al groups=guests scopes=r,w", "tool put_a", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/-/al groups=guests scopes=r,w", "tool put_x", NULL, EMA_DENIED, 3, NULL, 0 },
		{ "okta/-/al groups=guests scopes=r,w", "tool get_x", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/t1/al scopes=r", "uri x:/t1/a", NULL, EMA_OK, 2, NULL, 0 },
		{ "okta/t1/al scopes=r", "uri x:/t2/a", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/t1/al scopes=r", "uri x:/t1/secret/a", NULL, EMA_DENIED, 4, NULL, 0 },
		/* No tenant: nothing opens, and what a deny may be about is denied. */
		{ "okta/-/al scopes=r", "uri x:/t1/a", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al scopes=r", "uri x:/t1/secret/a", NULL, EMA_DENIED, 4, NULL, 0 },
		{ "okta/../al scopes=r", "uri x:/t1/a", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/*/al scopes=r", "uri x:/t1/a", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/*/al scopes=r", "uri x:/t1/secret/a", NULL, EMA_DENIED, 4, NULL, 0 },
		{ "okta/-/gone scopes=r", "server", NULL, EMA_DENIED, 4, NULL, 0 },
		{ "okta/-/gone scopes=r", "list", NULL, EMA_DENIED, 4, NULL, 0 },
		{ "okta/-/gone scopes=r", "tool get_a", NULL, EMA_DENIED, 4, NULL, 0 },
	};
	ASK(body, rows);
}

/* AZN-57 */
static void shadows(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"r\"; access = \"read\"; tools = \"get_*\"; } );\n"
		/* 2 */ "grants = ( { provider = \"*\"; group = \"a\"; from = \"claims\"; scopes = \"r\"; }, { provider = \"*\"; group = \"b\"; from = \"claims\"; scopes = \"r\"; mode = \"shadow\"; } );\n"
		/* 3 */ "denies = ( { tools = \"get_x\"; mode = \"shadow\"; }, { tools = \"get_y\"; } );\n";
	static const struct { const char *who, *target; int code, shadow, shadowed; } rows[] = {
		{ "okta/-/al groups=a scopes=r", "tool get_a", EMA_OK, 0, 0 },
		{ "okta/-/al groups=a scopes=r", "tool get_x", EMA_OK, 3, EMA_DENIED },
		{ "okta/-/al groups=b scopes=r", "tool get_a", EMA_NOT_GRANTED, 2, EMA_OK },
		{ "okta/-/al groups=b", "tool get_a", EMA_NOT_GRANTED, 0, 0 },
		{ "okta/-/al groups=b scopes=r", "tool get_x", EMA_NOT_GRANTED, 0, 0 },
		{ "okta/-/al groups=b scopes=r", "tool get_y", EMA_DENIED, 0, 0 },
		{ "okta/-/al groups=b scopes=r", "list", EMA_NOT_GRANTED, 2, EMA_OK },
	};
	struct policy_result out;
	struct rig rig = rig_open(body);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		rig_decide(&rig, rows[i].who, rows[i].target, NULL, RIG_NOW, &out);
		if (out.code != rows[i].code || out.enforced != out.code || (out.shadow ? out.shadow->line - 1 : 0) != rows[i].shadow || out.shadowed != rows[i].shadowed)
			fail_msg("%s %s: %s, shadow %d", rows[i].who, rows[i].target, code_name(out.code), out.shadow ? out.shadow->line - 1 : 0);
	}
	rig_close(&rig);
	/* The whole service: what no grant gives is given, by the line of the mode, what a deny denies is not. Until its date. */
	char shadowed[1024];
	snprintf(shadowed, sizeof shadowed, "%s/* 4 */ permissions = {\n/* 5 */ mode = \"shadow\"; until = \"2001-01-01\"; };\n", body);
	rig = rig_open(shadowed);
	rig.conf->services[0].shadow_until = RIG_NOW + 10;
	assert_int_equal(rig_decide(&rig, "okta/-/al", "tool get_a", NULL, RIG_NOW + 9, &out), EMA_OK);
	assert_int_equal(out.enforced, EMA_NOT_GRANTED);
	assert_int_equal(rig_decide(&rig, "okta/-/al groups=a", "tool get_a", NULL, RIG_NOW + 9, &out), EMA_OK);
	assert_int_equal(out.enforced, EMA_INSUFFICIENT_SCOPE);
	assert_int_equal(out.rule->line - 1, 5);
	/* What a grant gives is due to the grant. */
	assert_int_equal(rig_decide(&rig, "okta/-/al groups=a scopes=r", "tool get_a", NULL, RIG_NOW + 9, &out), EMA_OK);
	assert_int_equal(out.rule->line - 1, 2);
	assert_int_equal(rig_decide(&rig, "okta/-/al", "tool get_y", NULL, RIG_NOW + 9, &out), EMA_DENIED);
	assert_int_equal(out.rule->line - 1, 3);
	assert_int_equal(rig_decide(&rig, "okta/-/al", "uri x://a@b", NULL, RIG_NOW + 9, &out), EMA_BAD_REQUEST);
	assert_int_equal(rig_decide(&rig, "okta/-/al", "tool get_a", NULL, RIG_NOW + 10, &out), EMA_NOT_GRANTED);
	rig_close(&rig);
}

/* AUD-11: of a subject's groups and roles those at which some rule looks, from where it does; what another configuration looks at is known. */
static void views(void **state)
{
	(void)state;
	static const char scopes[] = "scopes = ( { name = \"r\"; access = \"read\"; tools = \"get_*\"; } );\n";
	static const struct { const char *rules, *lacks, *of_azure; } rows[] = { /* what it looks at that the first does not */
		{ "grants = ( { provider = \"okta\"; group = [\"a\", \"b\"]; from = \"staff\"; scopes = \"r\"; }, { provider = \"okta\"; role = \"w\"; scopes = \"r\"; } );"
		  "denies = ( { group = \"d\"; from = \"claims\"; mode = \"shadow\"; tools = \"get_x\"; } );", NULL, NULL },
		{ "grants = ( { provider = \"okta\"; role = \"w\"; scopes = \"r\"; } );", NULL, NULL },
		{ "grants = ( { provider = \"okta\"; role = \"w\"; from = \"claims\"; scopes = \"r\"; }, { provider = \"okta\"; group = \"b\"; from = \"staff\"; scopes = \"r\"; } );", NULL, NULL },
		{ "grants = ( { provider = \"okta\"; scopes = \"r\"; } );", NULL, NULL },
		{ "grants = ( { provider = \"okta\"; group = \"c\"; scopes = \"r\"; } );", "c", NULL },
		{ "grants = ( { provider = \"okta\"; group = \"a\"; scopes = \"r\"; } );", "a", NULL },
		{ "grants = ( { provider = \"okta\"; group = \"a\"; from = [\"staff\", \"claims\"]; scopes = \"r\"; } );", "a", NULL },
		{ "grants = ( { provider = \"*\"; role = \"a\"; from = \"claims\"; scopes = \"r\"; } );", "a", "a" },
		{ "grants = ( { provider = \"*\"; scopes = \"r\"; } ); denies = ( { group = \"e\"; from = \"claims\"; mode = \"shadow\"; tools = \"get_x\"; } );", "e", "e" },
		{ "grants = ( { provider = \"*\"; group = \"c\"; from = \"claims\"; tenant = [\"t2\"]; scopes = \"r\"; } );", NULL, NULL },
		{ "grants = ( { provider = \"*\"; group = \"c\"; from = \"claims\"; tenant = [\"t2\", \"t1\"]; scopes = \"r\"; } );", "c", "c" },
	};
	static const struct { int role, wants; const char *name, *source; } wanted[] = {
		{ 0, 1, "a", "staff" }, { 0, 0, "a", "claims" }, { 0, 0, "a", "hr" }, { 1, 1, "w", "claims" }, { 1, 1, "w", "staff" }, { 0, 0, "w", "staff" },
		{ 1, 0, "a", "staff" }, { 0, 1, "d", "claims" }, { 0, 0, "d", "staff" }, { 0, 0, "c", "claims" },
	};
	char body[4096], first[1024] = "";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(body, sizeof body, "%s%s", scopes, rows[i].rules);
		struct rig rig = rig_open(body);
		if (!rig.policy)
			rig_show(&rig);
		assert_non_null(rig.policy);
		for (size_t k = 0; !i && k < sizeof wanted / sizeof *wanted; k++)
			if (policy_wants_name(rig.policy, wanted[k].role, wanted[k].name, wanted[k].source) != wanted[k].wants)
				fail_msg("%s of %s", wanted[k].name, wanted[k].source);
		if (!i)
			snprintf(first, sizeof first, "%s", policy_view(rig.policy));
		const char *lacks = policy_view_lacks(rig.policy, first, "okta", "t1"), *azure = policy_view_lacks(rig.policy, first, "azure", "t1");
		if (lacks ? !rows[i].lacks || strcmp(lacks, rows[i].lacks) : rows[i].lacks != NULL)
			fail_msg("%zu: lacks %s", i, lacks ? lacks : "nothing");
		if (azure ? !rows[i].of_azure || strcmp(azure, rows[i].of_azure) : rows[i].of_azure != NULL)
			fail_msg("%zu: of azure lacks %s", i, azure ? azure : "nothing");
		/* A view of which nothing is left, or no view, shows no name. */
		assert_true(!rows[i].lacks || policy_view_lacks(rig.policy, "x", "okta", "t1"));
		rig_close(&rig);
	}
	/* More names than it has room for: the same configuration alone knows what it looked at. */
	struct buffer many = BUFFER_INIT(65536);
	buffer_printf(&many, "%sgrants = ( { provider = \"okta\"; scopes = \"r\"; group = [\"n\"", scopes);
	for (int i = 0; i < POLICY_VIEW_NAMES; i++)
		buffer_printf(&many, ", \"n%d\"", i);
	buffer_text(&many, "]; } );");
	struct rig rig = rig_open(many.data);
	assert_non_null(rig.policy);
	assert_int_equal(strlen(policy_view(rig.policy)), 16);
	snprintf(first, sizeof first, "%s", policy_view(rig.policy));
	assert_null(policy_view_lacks(rig.policy, first, "okta", NULL));
	rig_close(&rig);
	snprintf(body, sizeof body, "%sgrants = ( { provider = \"okta\"; scopes = \"r\"; group = \"n\"; } );", scopes);
	rig = rig_open(body);
	assert_string_equal(policy_view_lacks(rig.policy, first, "okta", NULL), "n");
	rig_close(&rig);
	buffer_free(&many);
}

/* AUD-11: of the arguments, which rules look at: by name as long as there is room, and then whether they are the same ones. */
static void views_of_arguments(void **state)
{
	(void)state;
	static const struct { int count, first; size_t length; int sees_0, sees_itself; } rows[] = {
		{ 1, 1, 17 + POLICY_VIEW_NAME, 0, 1 },
		{ POLICY_VIEW_NAMES, 0, 17 + POLICY_VIEW_NAMES * POLICY_VIEW_NAME, 1, 1 },
		{ POLICY_VIEW_NAMES + 1, 0, 16, 0, 1 },
		{ POLICY_POINTERS_MOST, 0, 16, 0, 1 },
		{ POLICY_POINTERS_MOST + 1, 0, 0, 0, 0 },
	};
	static const char head[] = "scopes = ( { name = \"r\"; access = \"read\"; tools = \"get_*\"; } );\ngrants = (";
	struct rig other = rig_open("scopes = ( { name = \"r\"; access = \"read\"; tools = \"get_*\"; } ); grants = ( { provider = \"okta\"; scopes = \"r\"; } );");
	assert_non_null(other.policy);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buffer body = BUFFER_INIT(65536);
		buffer_text(&body, head);
		for (int k = 0; k < rows[i].count; k++)
			buffer_printf(&body, "%s{ provider = \"okta\"; scopes = \"r\"; when = { args = ( { at = \"/a%d\"; absent = true; }, { at = \"/a%d\"; equals = 1; } ); }; }",
			              k ? "," : "", k + rows[i].first, k + rows[i].first);
		buffer_text(&body, ");");
		struct rig rig = rig_open(body.data);
		if (!rig.policy)
			rig_show(&rig);
		assert_non_null(rig.policy);
		const char *view = policy_arguments_view(rig.policy);
		assert_int_equal(strlen(view), rows[i].length);
		assert_int_equal(policy_arguments_seen(other.policy, view, "/a0"), rows[i].sees_0);
		assert_int_equal(policy_arguments_seen(rig.policy, view, "/a0") && policy_arguments_seen(rig.policy, view, "/a1"), rows[i].sees_itself);
		assert_false(policy_arguments_seen(other.policy, view, "/a1/x"));
		rig_close(&rig);
		buffer_free(&body);
	}
	rig_close(&other);
}

/* JAG-72 */
static void scopes_for_a_token(void **state)
{
	(void)state;
	static const char body[] =
		"scopes = ( { name = \"a\"; access = \"read\"; tools = \"a\"; }, { name = \"b\"; access = \"read\"; tools = \"b\"; },\n"
		"  { name = \"c\"; access = \"read\"; tools = \"c\"; }, { name = \"d\"; access = \"read\"; tools = \"d\"; }, { name = \"e\"; access = \"read\"; tools = \"e\"; } );\n"
		"grants = ( { provider = \"okta\"; scopes = [\"a\", \"b\"]; tools = \"a\"; when = { args = ( { at = \"/x\"; equals = 1; } ); }; },\n"
		"  { provider = \"okta\"; scopes = \"c\"; when = { acr = \"high\"; }; }, { provider = \"okta\"; scopes = \"d\"; }, { provider = \"okta\"; scopes = \"e\"; mode = \"shadow\"; } );\n"
		"denies = ( { scopes = \"d\"; group = \"x\"; }, { scopes = \"a\"; tools = \"a\"; }, { scopes = \"b\"; when = { args = ( { at = \"/x\"; equals = 2; } ); }; } );\n";
	static const struct { const char *who, *granted; int weak; } rows[] = {
		{ "okta/-/al", "11010", 1 },
		{ "okta/-/al acr=high", "11110", 0 },
		{ "okta/-/al groups=x", "11000", 1 },
		{ "azure/-/al", "00000", 0 },
	};
	struct rig rig = rig_open(body);
	assert_non_null(rig.policy);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig_who who;
		struct policy_result out;
		unsigned char granted[5];
		char text[6] = "";
		rig_who(&who, rows[i].who);
		struct arena arena = { .failed = 0 };
		struct policy_principal *principal = policy_prepare(rig.policy, &who.who, &arena);
		policy_scopes(rig.policy, principal, RIG_NOW, granted);
		for (size_t s = 0; s < 5; s++)
			text[s] = (char)('0' + granted[s]);
		assert_string_equal(text, rows[i].granted);
		assert_int_equal(policy_scope(rig.policy, principal, "c", RIG_NOW, &out) == EMA_WEAK_AUTHENTICATION, rows[i].weak);
		assert_int_equal(policy_scope(rig.policy, principal, "z", RIG_NOW, &out), EMA_UNKNOWN_SCOPE);
		arena_free(&arena);
	}
	rig_close(&rig);
}

/* MCP-60, MCP-62 */
static void listing_asks_whether_some_call_could_be(void **state)
{
	(void)state;
	struct rig rig = rig_open("scopes = ( { name = \"r\"; access = \"read\"; tools = [\"a\", \"b\", \"c\"]; } );\n"
	                          "grants = ( { provider = \"*\"; scopes = \"r\"; tools = [\"a\", \"b\"]; when = { args = ( { at = \"/x\"; equals = 1; } ); }; } );\n"
	                          "denies = ( { tools = \"a\"; when = { args = ( { at = \"/x\"; equals = 2; } ); }; }, { tools = \"b\"; } );\n");
	struct rig_who who;
	struct policy_result out;
	struct json json;
	static const struct { const char *target; int called, listed; } rows[] = {
		{ "tool a", EMA_DENIED, EMA_OK }, { "tool b", EMA_DENIED, EMA_DENIED }, { "tool c", EMA_NOT_GRANTED, EMA_NOT_GRANTED },
	};
	rig_who(&who, "okta/-/al scopes=r");
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(rig.policy, &who.who, &arena);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy_target target = rig_target(rows[i].target, NULL, &json);
		assert_int_equal(policy_decide(rig.policy, principal, &target, RIG_NOW, &out), rows[i].called);
		target.listing = 1;
		assert_int_equal(policy_decide(rig.policy, principal, &target, RIG_NOW, &out), rows[i].listed);
	}
	struct policy_target target = rig_target("tool a", "{\"x\":1}", &json);
	assert_int_equal(policy_decide(rig.policy, principal, &target, RIG_NOW, &out), EMA_OK);
	struct rig other = rig_open(basic);
	assert_int_equal(policy_decide(other.policy, principal, &target, RIG_NOW, &out), EMA_INTERNAL);
	json_free(&json);
	arena_free(&arena);
	rig_close(&other);
	rig_close(&rig);
}

static void explained_deny(void *data, const struct policy_stand *stand)
{
	*(int *)data |= stand->deny && !stand->lacks;
}

/* MCP-54, MCP-60: of a template, whether some expansion could be permitted; a deny hides it only if it covers all. */
static void templates_by_what_they_could_reach(void **state)
{
	(void)state;
	struct rig rig = rig_open("scopes = ( { name = \"r\"; access = \"read\"; uris = [\"repo://acme/**\", \"note://{tenant}/**\", \"https://h/a/*.txt\", \"file:///{subject}/x\", \"y:/a b/c\", \"x:/**\", \"z:/**\", \"s:/*\"]; },\n"
	                          " { name = \"w\"; access = \"write\"; uris = \"w:/**\"; } );\n"
	                          "grants = ( { provider = \"*\"; scopes = \"r\"; }, { provider = \"*\"; scopes = \"w\"; uris = \"w:/a/**\"; } );\n"
	                          "denies = ( { uris = [\"repo://acme/closed/**\", \"note://{tenant}/keys/**\"]; },\n"
	                          " { uris = \"x:/d/**\"; when = { args = ( { at = \"/x\"; equals = 2; } ); }; }, { uris = \"x:/e/*\"; },\n"
	                          " { uris = \"x:/{email}/f/**\"; } );\n");
	static const struct { const char *target; int code; } rows[] = {
		{ "uri repo://{owner}/{repo}/contents{/path*}", EMA_OK }, { "uri {+uri}", EMA_OK }, { "uri {scheme}://acme/x", EMA_OK },
		{ "uri repo://acme/{x}", EMA_OK }, { "uri REPO://ACME/%61/{x}", EMA_OK }, { "uri repo://ac{x}", EMA_OK }, { "uri repo://acme/a..{x}", EMA_OK },
		{ "uri repo://other/{x}", EMA_NOT_GRANTED }, { "uri repo:{x}", EMA_OK }, { "uri repo:/{+x}", EMA_OK }, { "uri repos://{x}", EMA_NOT_GRANTED },
		{ "uri note://t1/{x}", EMA_OK }, { "uri note://{t}/x", EMA_OK }, { "uri note://t2/{x}", EMA_NOT_GRANTED }, { "uri note://t/{x}", EMA_NOT_GRANTED },
		{ "uri https://h:443/a{?q}", EMA_OK }, { "uri https://h/b{?q}", EMA_NOT_GRANTED }, { "uri https://h:8443/{x}", EMA_NOT_GRANTED },
		{ "uri file:{+path}", EMA_OK }, { "uri file:/a{x}", EMA_OK }, { "uri file://localhost/{x}", EMA_OK }, { "uri file:/b{x}", EMA_NOT_GRANTED },
		{ "uri y:/a%20{x}", EMA_OK }, { "uri y:/b{x}", EMA_NOT_GRANTED },
		{ "uri repo://acme/closed/{x}", EMA_DENIED }, { "uri repo://acme/closed/a{?q}", EMA_DENIED }, { "uri repo://acme/closed{/x*}", EMA_OK },
		{ "uri note://t1/keys/{k}", EMA_DENIED }, { "uri x:/d/{x}", EMA_OK }, { "uri x:/e/{x}", EMA_OK },
		/* The email is not known: that deny may be about any, and here about all. */
		{ "uri x:/g/f/{x}", EMA_DENIED }, { "uri x:/g/{x}", EMA_OK },
		{ "uri w:/{x}", EMA_INSUFFICIENT_SCOPE }, { "uri w:/b/{x}", EMA_NOT_GRANTED },
		{ "uri https://u@h/a/{x}", EMA_BAD_REQUEST }, { "uri repo://acme/../{x}", EMA_BAD_REQUEST },
		{ "uri a b:{x}", EMA_BAD_REQUEST }, { "uri /a:{x}", EMA_BAD_REQUEST },
		/* No template, and no other judgement. */
		{ "uri repo://acme/x", EMA_OK }, { "uri repo://acme/closed/x", EMA_DENIED }, { "uri repo://acme", EMA_NOT_GRANTED },
	};
	struct rig_who who;
	struct policy_result out;
	struct json json;
	rig_who(&who, "okta/t1/al scopes=r");
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(rig.policy, &who.who, &arena);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy_target target = rig_target(rows[i].target, NULL, &json);
		target.is_template = target.listing = 1;
		int code = policy_decide(rig.policy, principal, &target, RIG_NOW, &out);
		if (code != rows[i].code)
			fail_msg("%s: %s", rows[i].target, code_name(code));
		int denied = 0;
		policy_explain(rig.policy, &who.who, &target, RIG_NOW, explained_deny, &denied);
		if (denied != (code == EMA_DENIED))
			fail_msg("%s: explained otherwise", rows[i].target);
		/* Nobody reads one. */
		target.is_template = target.listing = 0;
		if (strchr(rows[i].target, '{') && strstr(rows[i].target, "uri {"))
			assert_int_equal(policy_decide(rig.policy, principal, &target, RIG_NOW, &out), EMA_BAD_REQUEST);
	}
	/* To complete its variables is to be told of any expansion: all are granted, and none is denied. */
	static const struct { const char *target; int code; } completed[] = {
		{ "uri z:/{x}", EMA_OK }, { "uri z:/a/{+x}", EMA_OK }, { "uri z:{x}", EMA_NOT_GRANTED }, { "uri repo://acme/{x}", EMA_DENIED }, { "uri repo://acme/a/{x}", EMA_OK },
		{ "uri note://{t}/x", EMA_DENIED }, { "uri note://t1/{x}", EMA_DENIED }, { "uri note://t1/a/{x}", EMA_OK }, { "uri note://t2/{x}", EMA_NOT_GRANTED },
		{ "uri https://h/a/{x}", EMA_NOT_GRANTED }, { "uri w:/a/{x}", EMA_INSUFFICIENT_SCOPE },
		/* A value in one segment, and one that may have any; conditions that nothing meets yet; an address that is not known. */
		{ "uri s:/{x}", EMA_OK }, { "uri s:/{+x}", EMA_NOT_GRANTED }, { "uri s:/a{?x}", EMA_NOT_GRANTED }, { "uri x:/d/{x}", EMA_DENIED }, { "uri x:/g/f{x}", EMA_DENIED },
		{ "uri x:/z/{x}", EMA_DENIED }, { "uri x:/d", EMA_OK }, { "uri w:/{x}", EMA_NOT_GRANTED },
	};
	for (size_t i = 0; i < sizeof completed / sizeof *completed; i++) {
		struct policy_target target = rig_target(completed[i].target, NULL, &json);
		target.is_template = 1;
		int code = policy_decide(rig.policy, principal, &target, RIG_NOW, &out);
		if (code != completed[i].code)
			fail_msg("completed %s: %s", completed[i].target, code_name(code));
	}
	arena_free(&arena);
	rig_close(&rig);
}

/* However many patterns a template could reach: those of rules that are about others do not count. */
static void templates_among_many_patterns(void **state)
{
	(void)state;
	enum { MANY = POLICY_MATCHES_MOST + 100 };
	const size_t room = 256 + MANY * 120;
	char *body = calloc(1, room);
	size_t used = (size_t)snprintf(body, room, "scopes = ( { name = \"r\"; access = \"read\"; uris = \"**\"; } );\ngrants = ( ");
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(body + used, room - used, "%s{ provider = \"okta\"; tenant = \"t%d\"; scopes = \"r\"; uris = \"note://n%d/**\"; }", i ? "," : "", i, i);
	snprintf(body + used, room - used, " );\n");
	struct rig rig = rig_open(body);
	struct rig_who who;
	struct policy_result out;
	struct json json;
	assert_non_null(rig.policy);
	rig_who(&who, "okta/t600/al scopes=r");
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(rig.policy, &who.who, &arena);
	struct policy_target target = rig_target("uri note://{t}/x", NULL, &json);
	target.is_template = target.listing = 1;
	assert_int_equal(policy_decide(rig.policy, principal, &target, RIG_NOW, &out), EMA_OK);
	target = rig_target("uri note://n5/{x}", NULL, &json);
	target.is_template = target.listing = 1;
	assert_int_equal(policy_decide(rig.policy, principal, &target, RIG_NOW, &out), EMA_NOT_GRANTED);
	arena_free(&arena);
	rig_close(&rig);
	free(body);
}

static void what_the_rules_look_at(void **state)
{
	(void)state;
	struct rig rig = rig_open("scopes = ( { name = \"r\"; access = \"read\"; uris = \"x:/{email}/**\"; }, { name = \"w\"; access = \"write\"; tools = \"w\"; } );\n"
	                          "grants = ( { provider = \"okta\"; group = \"g\"; from = \"claims\"; scopes = \"r\"; }, { provider = \"okta\"; group = \"h\"; from = \"staff\"; scopes = \"w\"; when = { acr = \"x\"; }; },\n"
	                          " { provider = \"azure\"; group = \"i\"; scopes = \"w\"; } );\n"
	                          "denies = ( { tools = \"w\"; when = { amr = \"pwd\"; max_age = \"1h\"; }; }, { role = \"r\"; tools = \"w\"; mode = \"shadow\"; } );\n");
	assert_non_null(rig.policy);
	assert_int_equal(policy_wants(rig.policy, 0), POLICY_WANTS_EMAIL | POLICY_WANTS_ACR | POLICY_WANTS_AMR | POLICY_WANTS_AUTH_TIME |
	                                                      POLICY_WANTS_GROUPS | POLICY_WANTS_ROLES);
	assert_int_equal(policy_wants(rig.policy, 1), POLICY_WANTS_AMR | POLICY_WANTS_AUTH_TIME);
	assert_true(policy_wants_name(rig.policy, 0, "g", "claims"));
	assert_false(policy_wants_name(rig.policy, 0, "h", "claims"));
	assert_true(policy_wants_name(rig.policy, 0, "i", "claims"));
	assert_false(policy_wants_name(rig.policy, 1, "g", "claims"));
	assert_true(policy_wants_name(rig.policy, 1, "r", "claims"));
	rig_close(&rig);
	rig = rig_open(basic);
	assert_int_equal(policy_wants(rig.policy, 0), POLICY_WANTS_GROUPS | POLICY_WANTS_ROLES);
	assert_int_equal(policy_wants(rig.policy, 1), 0);
	rig_close(&rig);
}

/* MCP-20: whoever has a scope has those that it includes, and never the other way round. */
static void scopes_include_scopes(void **state)
{
	(void)state;
	static const char body[] =
		/* 1 */ "scopes = ( { name = \"admin\"; access = \"write\"; tools = \"drop_*\"; includes = [\"write\", \"logs\"]; },\n"
		/* 2 */ "  { name = \"write\"; access = \"write\"; tools = \"put_*\"; includes = \"read\"; },\n"
		/* 3 */ "  { name = \"read\"; access = \"read\"; tools = [\"get_*\", \"list_*\"]; prompts = \"explain\"; uris = \"repo://**\"; },\n"
		/* 4 */ "  { name = \"logs\"; access = \"read\"; tools = \"log_*\"; }, { name = \"other\"; access = \"read\"; tools = \"other\"; } );\n"
		/* 5 */ "grants = ( { provider = \"okta\"; group = \"admins\"; scopes = \"admin\"; },\n"
		/* 6 */ "  { provider = \"okta\"; group = \"writers\"; scopes = \"write\"; },\n"
		/* 7 */ "  { provider = \"okta\"; group = \"readers\"; scopes = \"read\"; },\n"
		/* 8 */ "  { provider = \"okta\"; group = \"some\"; scopes = \"admin\"; tools = [\"get_a\", \"other\"]; } );\n"
		/* 9 */ "denies = ( { provider = \"okta\"; group = \"blind\"; scopes = \"read\"; }, { provider = \"okta\"; group = \"harmless\"; scopes = \"write\"; } );\n";
	static const struct question rows[] = {
		{ "okta/-/al groups=writers scopes=write", "tool get_a", NULL, EMA_OK, 6, "read", 0 },
		{ "okta/-/al groups=writers scopes=write", "prompt explain", NULL, EMA_OK, 6, "read", 0 },
		{ "okta/-/al groups=writers scopes=write", "uri repo://a", NULL, EMA_OK, 6, "read", 0 },
		{ "okta/-/al groups=writers scopes=write", "list", NULL, EMA_OK, 6, NULL, 0 },
		{ "okta/-/al groups=writers scopes=read", "tool get_a", NULL, EMA_OK, 6, "read", 0 },
		{ "okta/-/al groups=readers scopes=write", "tool get_a", NULL, EMA_OK, 7, "read", 0 },
		/* Over two steps, and two of them at one. */
		{ "okta/-/al groups=admins scopes=admin", "tool get_a", NULL, EMA_OK, 5, "read", 0 },
		{ "okta/-/al groups=admins scopes=admin", "tool put_a", NULL, EMA_OK, 5, "write", 0 },
		{ "okta/-/al groups=admins scopes=admin", "tool log_a", NULL, EMA_OK, 5, "logs", 0 },
		{ "okta/-/al groups=admins scopes=write", "tool get_a", NULL, EMA_OK, 5, "read", 0 },
		/* A grant that names tools, too. */
		{ "okta/-/al groups=some scopes=admin", "tool get_a", NULL, EMA_OK, 8, "read", 0 },
		{ "okta/-/al groups=some scopes=admin", "tool get_b", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=some scopes=admin,other", "tool other", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		/* Never the other way, and not across. */
		{ "okta/-/al groups=writers scopes=read", "tool put_a", NULL, EMA_INSUFFICIENT_SCOPE, 6, "write", 0 },
		{ "okta/-/al groups=admins scopes=write", "tool drop_a", NULL, EMA_INSUFFICIENT_SCOPE, 5, "admin", 0 },
		{ "okta/-/al groups=admins scopes=write", "tool log_a", NULL, EMA_INSUFFICIENT_SCOPE, 5, "logs", 0 },
		{ "okta/-/al groups=readers scopes=write", "tool put_a", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=writers scopes=admin", "tool drop_a", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=writers scopes=admin", "tool log_a", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=writers", "tool get_a", NULL, EMA_INSUFFICIENT_SCOPE, 6, "read", 0 },
		{ "okta/-/al groups=writers scopes=logs", "tool get_a", NULL, EMA_INSUFFICIENT_SCOPE, 6, "read", 0 },
		/* A deny is about what its scope opens itself, by whichever scope one comes. */
		{ "okta/-/al groups=writers,blind scopes=write", "tool get_a", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "okta/-/al groups=writers,blind scopes=write", "tool put_a", NULL, EMA_OK, 6, "write", 0 },
		{ "okta/-/al groups=admins,harmless scopes=admin", "tool put_a", NULL, EMA_DENIED, 9, NULL, 0 },
		{ "okta/-/al groups=admins,harmless scopes=admin", "tool get_a", NULL, EMA_OK, 5, "read", 0 },
		{ "okta/-/al groups=admins,harmless scopes=admin", "tool drop_a", NULL, EMA_OK, 5, "admin", 0 },
	};
	ASK(body, rows);
	static const struct { const char *who, *scope; int code; } tokens[] = {
		{ "okta/-/al groups=writers", "read", EMA_OK }, { "okta/-/al groups=writers", "write", EMA_OK },
		{ "okta/-/al groups=admins", "read", EMA_OK }, { "okta/-/al groups=admins", "logs", EMA_OK },
		{ "okta/-/al groups=readers", "write", EMA_NOT_GRANTED }, { "okta/-/al groups=writers", "admin", EMA_NOT_GRANTED },
		{ "okta/-/al groups=writers", "logs", EMA_NOT_GRANTED },
		{ "okta/-/al groups=writers,blind", "read", EMA_DENIED }, { "okta/-/al groups=writers,blind", "write", EMA_OK },
		{ "okta/-/al groups=writers,harmless", "write", EMA_DENIED }, { "okta/-/al groups=writers,harmless", "read", EMA_OK },
	};
	struct rig rig = rig_open(body);
	assert_non_null(rig.policy);
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		struct rig_who who;
		struct policy_result out;
		rig_who(&who, tokens[i].who);
		struct arena arena = { .failed = 0 };
		struct policy_principal *principal = policy_prepare(rig.policy, &who.who, &arena);
		if (policy_scope(rig.policy, principal, tokens[i].scope, RIG_NOW, &out) != tokens[i].code)
			fail_msg("%s, %s: %s", tokens[i].who, tokens[i].scope, code_name(out.code));
		arena_free(&arena);
	}
	static const char *const held[] = { "logs", "write", "admin" };
	assert_true(policy_includes(rig.policy, "admin", "read") && policy_includes(rig.policy, "read", "read") && policy_includes(rig.policy, "x", "x"));
	assert_false(policy_includes(rig.policy, "read", "admin") || policy_includes(rig.policy, "write", "logs") || policy_includes(rig.policy, "x", "read") ||
	             policy_includes(rig.policy, "admin", "x"));
	assert_string_equal(policy_through(rig.policy, held, 3, "read"), "write");
	assert_null(policy_through(rig.policy, held, 3, "write"));
	assert_null(policy_through(rig.policy, held, 1, "read"));
	rig_close(&rig);
}

/* MCP-20: also where the scopes do not fit one word, and through a chain of all of them, each in a place of its own. */
static void hundreds_of_scopes_include_one_another(void **state)
{
	enum { SCOPES = 200 };
	static char body[SCOPES * 120 + 400];
	size_t at = (size_t)snprintf(body, sizeof body, "scopes = (");
	(void)state;
	/* 7 has no divisor with 200: 0 includes 7, that 14, and so on until 193. */
	for (int i = 0; i < SCOPES; i++) {
		at += (size_t)snprintf(body + at, sizeof body - at, "%s { name = \"s%d\"; access = \"write\"; tools = [\"t%d\"];", i ? "," : "", i, i);
		at += (size_t)snprintf(body + at, sizeof body - at, i == 193 ? " }" : " includes = [\"s%d\"]; }", (i + 7) % SCOPES);
	}
	snprintf(body + at, sizeof body - at, " ); grants = ( { provider = \"okta\"; group = \"all\"; scopes = \"s0\"; },\n"
	         "{ provider = \"okta\"; group = \"last\"; scopes = \"s193\"; }, { provider = \"okta\"; group = \"half\"; scopes = \"s100\"; } );");
	static const struct question rows[] = {
		{ "okta/-/al groups=all scopes=s0", "tool t193", NULL, EMA_OK, 1, "s193", 0 },
		{ "okta/-/al groups=all scopes=s0", "tool t64", NULL, EMA_OK, 1, "s64", 0 },
		{ "okta/-/al groups=all scopes=s0", "tool t199", NULL, EMA_OK, 1, "s199", 0 },
		{ "okta/-/al groups=all scopes=s193", "tool t0", NULL, EMA_INSUFFICIENT_SCOPE, 1, "s0", 0 },
		{ "okta/-/al groups=half scopes=s0", "tool t100", NULL, EMA_OK, 2, "s100", 0 },
		{ "okta/-/al groups=half scopes=s0", "tool t107", NULL, EMA_OK, 2, "s107", 0 },
		{ "okta/-/al groups=half scopes=s0", "tool t93", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
		{ "okta/-/al groups=last scopes=s0", "tool t193", NULL, EMA_OK, 2, "s193", 0 },
		{ "okta/-/al groups=last scopes=s0", "tool t186", NULL, EMA_NOT_GRANTED, 0, NULL, 0 },
	};
	ASK(body, rows);
}

/* MCP-20 */
static void hierarchies_that_do_not_load(void **state)
{
	(void)state;
	static const struct { const char *body; int line; const char *says; } rows[] = {
		{ "scopes = ( { name = \"a\"; access = \"write\"; tools = \"a\";\n includes = \"a\"; } );\n", 3, "\"a\" would include itself" },
		{ "scopes = ( { name = \"a\"; access = \"write\"; includes = \"b\"; },\n{ name = \"b\"; access = \"write\"; includes = \"c\"; },\n"
		  "{ name = \"c\"; access = \"write\"; includes = [\"d\",\n \"b\"]; }, { name = \"d\"; access = \"read\"; tools = \"x\"; } );\n", 3, "\"b\" would include itself" },
		{ "scopes = ( { name = \"a\"; access = \"read\"; includes = \"b\"; },\n{ name = \"b\"; access = \"write\"; tools = \"c\"; } );\n", 2, "\"a\" has access = \"read\"" },
		{ "scopes = ( { name = \"a\"; access = \"write\"; tools = \"a\";\n includes = [\"b\"]; } );\n", 3, "no scope \"b\"" },
		{ "scopes = ( { name = \"a\"; access = \"write\"; includes = \"b\"; }, { name = \"b\"; access = \"write\"; tools = \"c\"; } );\n"
		  "denies = ( { group = \"g\";\n scopes = \"a\"; } );\n", 4, "\"a\" opens nothing itself" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig rig = rig_open(rows[i].body);
		int found = 0;
		for (size_t f = 0; f < rig.findings.count; f++)
			found |= rig.findings.list[f].line == rows[i].line && rig.findings.list[f].id[0] == 'E' && strstr(rig.findings.list[f].text, rows[i].says) != NULL;
		if (!found || rig.policy)
			rig_show(&rig);
		assert_null(rig.policy);
		assert_true(found);
		rig_close(&rig);
	}
}

static void mistakes_are_found_with_their_place(void **state)
{
	(void)state;
	struct rig rig = rig_open("scopes = ( { name = \"r\"; access = \"read\"; uris = [ \"x:/a\",\n \"x:/a**\" ]; tools = \"get_{name}\"; } );\n"
	                          "grants = ( { provider = \"okta\"; scopes = \"r\"; prompts = \"a{\";\n when = { args = ( { at = \"/x\"; like = \"a***\"; },\n"
	                          "{ at = \"/x\"; like = \"https://h:*/**\"; } ); }; uris = \"https:/h/**\"; } );\n");
	static const struct { int line; const char *says; } rows[] = {
		{ 3, "** that is not a whole segment" }, { 3, "has braces" }, { 4, "has braces" }, { 5, "** that is not a whole segment" },
		{ 6, "\"https://h:*/**\" has a port" }, { 6, "\"https:/h/**\" has no host" },
	};
	assert_null(rig.policy);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int found = 0;
		for (size_t f = 0; f < rig.findings.count; f++)
			found |= !strcmp(rig.findings.list[f].id, "E-PATTERN") && rig.findings.list[f].line == rows[i].line && strstr(rig.findings.list[f].text, rows[i].says);
		if (!found)
			rig_show(&rig);
		assert_true(found);
	}
	rig_close(&rig);
}

/* Who writes another language of patterns is told so; what names of tools, prompts and URIs have is no other language. */
static void other_languages_are_told(void **state)
{
	(void)state;
	static const struct { const char *list, *says; } rows[] = {
		{ "tools = \"get_[a-z]*\";", "'['" }, { "tools = [\"get_?\"];", "'?'" }, { "tools = \"^get\";", "'^'" }, { "prompts = \"(a|b)\";", "'('" },
		{ "tools = \"get_.*\";", "\".*\"" }, { "prompts = \"x-.*\";", "\".*\"" }, { "tools = \"files.*\";", NULL },
		{ "uris = \"repo://{email}/**\";", "in the place of a host" }, { "uris = [\"repo://h/{email}/**\", \"repo:{email}\"];", NULL },
		{ "tools = \"get\\\\*\";", "'\\'" }, { "tools = \"ns.get_x-1/*\"; prompts = \"dr\xc3\xa4" "ft {tenant} *\"; uris = \"x:/a?q=[1]|*\";", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char body[512];
		int found = 0, good = 0;
		snprintf(body, sizeof body, "scopes = ( { name = \"r\"; access = \"read\"; %s } );\ngrants = ( { provider = \"okta\"; scopes = \"r\"; } );\n", rows[i].list);
		struct rig rig = rig_open(body);
		for (size_t f = 0; f < rig.findings.count; f++)
			if (!strcmp(rig.findings.list[f].id, "W-PATTERN")) {
				found++;
				good += rows[i].says && strstr(rig.findings.list[f].text, rows[i].says) && rig.findings.list[f].line == 2;
			}
		if (!rig.policy || found != !!rows[i].says || good != found) {
			rig_show(&rig);
			fail_msg("%s: %d found", rows[i].list, found);
		}
		rig_close(&rig);
	}
}

/* What no scope opens is found, and nothing else: a star or a value may stand for what another pattern spells out. */
static void what_no_scope_opens(void **state)
{
	(void)state;
	static const char form[] = "scopes = ( { name = \"r\"; access = \"read\"; tools = [\"get_*\", \"one\", \"at_{tenant}\"]; prompts = [\"draft_*\"];\n"
		"  uris = [\"repo://Acme/%%61/**\", \"home:/{subject}/*.txt\", \"x:/a?q=*\"]; } );\n%s = ( { provider = \"okta\"; %s%s } );\n";
	static const struct { const char *key, *more; } rules[] = {
		{ "grants", "scopes = \"r\"; " }, { "denies", "" }, { "permissions = { mode = \"shadow\"; until = \"2001-01-01\"; }; denies", "" },
	};
	static const struct { const char *target, *id; int line; } rows[] = {
		{ "tools = \"get_x\";", NULL, 0 }, { "tools = \"*x\";", NULL, 0 }, { "tools = \"*\";", NULL, 0 }, { "tools = [\"one\", \"at_t1\"];", NULL, 0 },
		{ "tools = \"get_{email}\";", NULL, 0 }, { "tools = \"{subject}t_*\";", NULL, 0 },
		{ "tools = \"on\";", "W-UNSCOPED-TOOL", 4 }, { "tools = \"one_*\";", "W-UNSCOPED-TOOL", 4 }, { "tools = [\"one\",\n\"put_*\"];", "W-UNSCOPED-TOOL", 5 },
		{ "tools = \"draft_x\";", "W-UNSCOPED-TOOL", 4 }, { "tools = \"one*two\";", "W-UNSCOPED-TOOL", 4 },
		{ "prompts = [\"draft_x\", \"*\", \"d*\"];", NULL, 0 }, { "prompts = \"one\";", "W-UNSCOPED-PROMPT", 4 },
		{ "prompts = [\"draft_x\",\n\"draft\"];", "W-UNSCOPED-PROMPT", 5 },
		{ "uris = [\"**\", \"repo://acme/a/b\", \"REPO://ACME/*/b\", \"home:/al/b.txt\", \"home:/*/*\", \"x:/a?q=1\"];", NULL, 0 },
		{ "uris = \"repo://acme/b/**\";", "W-UNSCOPED-URI", 4 }, { "uris = [\"home:/al/b.txt\",\n\"home:/al/b.csv\"];", "W-UNSCOPED-URI", 5 },
		{ "uris = \"x:/a\";", "W-UNSCOPED-URI", 4 },
		{ "tools = \"one\"; prompts = \"draft_a\"; uris = [\"x:/a?q=1\",\n\"x:/b\"];", "W-UNSCOPED-URI", 5 },
	};
	char body[2048];
	for (size_t i = 0; i < sizeof rows / sizeof *rows * 3; i++) {
		const size_t row = i / 3, rule = i % 3;
		/* Permissions in shadow mode let in what no scope opens: there, a deny has an effect. */
		const size_t wanted = rows[row].id && rule < 2;
		size_t found = 0, good = 0;
		snprintf(body, sizeof body, form, rules[rule].key, rules[rule].more, rows[row].target);
		struct rig rig = rig_open(body);
		for (size_t f = 0; f < rig.findings.count; f++) {
			const struct finding *finding = &rig.findings.list[f];
			found += !strncmp(finding->id, "W-UNSCOPED", 10);
			good += wanted && !strcmp(finding->id, rows[row].id) && finding->line == rows[row].line;
		}
		if (!rig.policy || found != wanted || good != wanted) {
			rig_show(&rig);
			fail_msg("%s %s: %zu found", rules[rule].key, rows[row].target, found);
		}
		rig_close(&rig);
	}
}

/* Pointers that are well formed and lead nowhere are found without a tools_file, with what that does to the rule. */
static void pointers_that_lead_nowhere(void **state)
{
	(void)state;
	static const struct { const char *key, *at, *test, *says, *does; } rows[] = {
		{ "grants", "/name", "equals = 1", NULL, NULL }, { "grants", "/a b/c-d/0/x*", "equals = 1", NULL, NULL },
		{ "grants", "/params/name", "equals = 1", NULL, NULL }, { "grants", "/params/arguments_x", "equals = 1", NULL, NULL },
		{ "grants", "/name/", "equals = 1", "a slash too many", "the condition never holds" },
		{ "grants", "/", "absent = true", "a slash too many", "it is always absent, and the condition limits nothing" },
		{ "denies", "/a//b", "equals = 1", "a slash too many", "refuses these calls whatever they say" },
		{ "grants", "/files/*/path", "like = \"a\"", "stands for no element", "the condition never holds" },
		{ "denies", "/files/-", "equals = 1", "stands for no element", "refuses these calls" },
		{ "grants", "/name ", "equals = 1", "a blank at the end", "the condition never holds" },
		{ "grants", "/a/ b", "equals = 1", "a blank at the end", "the condition never holds" },
		{ "denies", "/params/arguments/name", "equals = 1", "begins at the message", "refuses these calls" },
		{ "grants", "/params/arguments", "absent = true", "begins at the message", "limits nothing" },
		{ "grants", "/arguments/repo", "equals = 1", "begins inside of it", "the condition never holds" },
		{ "denies", "/arguments/repo", "equals = 1", "begins inside of it", "refuses these calls" },
		{ "grants", "/arguments", "absent = true", NULL, NULL }, { "grants", "/arguments/0", "equals = 1", NULL, NULL },
		{ "grants", "/argumentsx/a", "equals = 1", NULL, NULL },
		{ "grants", "/a", "like = \"acme/../x*\"", "dot segment", "the condition never holds" },
		{ "denies", "/a", "like = \"*/./x\"", "dot segment", "refuses all that have one" },
		{ "grants", "/a", "like = \"acme//x*\"", "doubled slash", "the condition never holds" },
		{ "grants", "/a", "like = \"acme/%2e%2e/*\"", "encoded", "the condition never holds" },
		{ "grants", "/a", "like = \"*/..\"", "dot segment", "the condition never holds" },
		/* These fit what can be judged. */
		{ "grants", "/a", "like = \"https://acme/..*/*..\"", NULL, NULL }, { "grants", "/a", "like = \"*//acme/**\"", NULL, NULL },
		{ "grants", "/a", "like = \"{tenant}//*\"", NULL, NULL }, { "grants", "/a", "like = \"acme/../x\"", NULL, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char body[512];
		int found = 0, good = 0;
		snprintf(body, sizeof body, "scopes = ( { name = \"r\"; access = \"read\"; tools = \"*\"; } );\n%s = ( { provider = \"okta\"; scopes = \"r\"; when = {\n"
		         "args = (\n{ at = \"%s\"; %s; } ); }; } );\n", rows[i].key, rows[i].at, rows[i].test);
		struct rig rig = rig_open(body);
		for (size_t f = 0; f < rig.findings.count; f++)
			if (!strcmp(rig.findings.list[f].id, "W-ARGUMENT")) {
				found++;
				good += rows[i].says && strstr(rig.findings.list[f].text, rows[i].says) && strstr(rig.findings.list[f].text, rows[i].does) &&
				        rig.findings.list[f].line == 5;
			}
		if (!rig.policy || found != !!rows[i].says || good != found) {
			rig_show(&rig);
			fail_msg("%s %s: %d found", rows[i].key, rows[i].at, found);
		}
		rig_close(&rig);
	}
}

/* A target that another scope opens, and not one of those that the rule names, is out of the rule's reach, shadow mode or not. */
static void what_the_rules_own_scopes_open(void **state)
{
	(void)state;
	static const char form[] = "scopes = ( { name = \"r\"; access = \"read\"; tools = [\"get_*\", \"both\"]; }, { name = \"w\"; access = \"write\"; tools = [\"put_*\", \"both\"];\n"
		"  prompts = \"draft\"; uris = \"x:/**\"; }, { name = \"all\"; access = \"write\"; tools = \"all_*\"; includes = [\"r\", \"w\"]; } );\n%s = ( { provider = \"okta\"; %s } );\n";
	static const struct { const char *key, *rule, *id; } rows[] = {
		{ "denies", "scopes = \"r\"; tools = \"put_*\";", "W-UNSCOPED-TOOL" }, { "grants", "scopes = \"r\"; tools = \"put_x\";", "W-UNSCOPED-TOOL" },
		{ "denies", "scopes = \"r\"; prompts = \"draft\";", "W-UNSCOPED-PROMPT" }, { "grants", "scopes = \"r\"; uris = \"x:/a\";", "W-UNSCOPED-URI" },
		{ "denies", "scopes = [\"r\", \"w\"]; tools = \"put_*\";", NULL }, { "denies", "scopes = \"r\"; tools = \"both\";", NULL },
		{ "denies", "scopes = \"w\"; tools = \"*\";", NULL }, { "denies", "tools = \"put_*\";", NULL },
		/* A grant gives what its scopes include, a deny is about what they open themselves. */
		{ "grants", "scopes = \"all\"; tools = \"put_x\";", NULL }, { "denies", "scopes = \"all\"; tools = \"put_x\";", "W-UNSCOPED-TOOL" },
		{ "permissions = { mode = \"shadow\"; until = \"2001-01-01\"; }; denies", "scopes = \"r\"; tools = \"put_*\";", "W-UNSCOPED-TOOL" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char body[1024];
		size_t found = 0, good = 0;
		snprintf(body, sizeof body, form, rows[i].key, rows[i].rule);
		struct rig rig = rig_open(body);
		for (size_t f = 0; f < rig.findings.count; f++) {
			found += !strncmp(rig.findings.list[f].id, "W-UNSCOPED", 10);
			good += rows[i].id && !strcmp(rig.findings.list[f].id, rows[i].id) && rig.findings.list[f].line == 4 &&
			        strstr(rig.findings.list[f].text, "none of the scopes of this rule opens");
		}
		if (!rig.policy || found != !!rows[i].id || good != found) {
			rig_show(&rig);
			fail_msg("%s %s: %zu found", rows[i].key, rows[i].rule, found);
		}
		rig_close(&rig);
	}
}

/* A subject in the form that audit has it fits nobody. */
static void subjects_are_subs(void **state)
{
	(void)state;
	static const struct { const char *subject, *says; } rows[] = {
		{ "okta/-/00u1", "write provider = \"okta\"; subject = \"00u1\"" }, { "okta/t1/a%2Fb", "write provider = \"okta\"; tenant = \"t1\"; subject = \"a/b\"" },
		{ "00u1", NULL }, { "okta/00u1", NULL }, { "other/-/00u1", NULL }, { "repo:okta/-/x", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows * 2; i++) {
		char body[512];
		int found = 0, good = 0;
		const char *says = rows[i / 2].says;
		snprintf(body, sizeof body, "scopes = ( { name = \"r\"; access = \"read\"; tools = \"*\"; } );\n%s = ( { provider = \"okta\"; scopes = \"r\";\nsubject = \"%s\"; } );\n",
		         i % 2 ? "grants" : "denies", rows[i / 2].subject);
		struct rig rig = rig_open(body);
		for (size_t f = 0; f < rig.findings.count; f++)
			if (!strcmp(rig.findings.list[f].id, "W-SUBJECT")) {
				found++;
				good += says && strstr(rig.findings.list[f].text, says) && rig.findings.list[f].line == 4;
			}
		if (!rig.policy || found != !!says || good != found) {
			rig_show(&rig);
			fail_msg("%s: %d found", rows[i / 2].subject, found);
		}
		rig_close(&rig);
	}
}

/* A name that more patterns match than can be looked at would be refused each time: that is said at once. */
static void crowds(void **state)
{
	(void)state;
	for (int many = 0; many < 2; many++) {
		struct buffer body = BUFFER_INIT(65536);
		int found = 0;
		buffer_text(&body, "scopes = ( { name = \"r\"; access = \"read\"; tools = [\"other_*\"");
		/* Each matches "p" and as many a's as any of them has. */
		for (int i = 0; i < 23 + many; i++)
			for (int j = 0; j < 22; j++)
				buffer_printf(&body, ", \"p%.*s*%.*s\"", i, "aaaaaaaaaaaaaaaaaaaaaaaa", j, "aaaaaaaaaaaaaaaaaaaaaaaa");
		buffer_text(&body, "]; } ); grants = ( { provider = \"okta\"; scopes = \"r\"; } );");
		struct rig rig = rig_open(body.data);
		for (size_t f = 0; f < rig.findings.count; f++)
			found |= !strcmp(rig.findings.list[f].id, "E-VALUE") && strstr(rig.findings.list[f].text, "over 512 patterns match names like \"paa");
		assert_int_equal(found, many);
		rig_close(&rig);
		buffer_free(&body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crowds),
		cmocka_unit_test(default_deny_and_deny_wins),
		cmocka_unit_test(who_a_rule_names),
		cmocka_unit_test(arguments_fail_closed),
		cmocka_unit_test(no_spelling_passes_a_deny),
		cmocka_unit_test(stars_in_queries),
		cmocka_unit_test(no_spelling_passes_a_deny_of_arguments),
		cmocka_unit_test(login_and_time),
		cmocka_unit_test(denies_by_scope_and_value),
		cmocka_unit_test(shadows),
		cmocka_unit_test(views),
		cmocka_unit_test(views_of_arguments),
		cmocka_unit_test(scopes_for_a_token),
		cmocka_unit_test(listing_asks_whether_some_call_could_be),
		cmocka_unit_test(templates_by_what_they_could_reach),
		cmocka_unit_test(templates_among_many_patterns),
		cmocka_unit_test(what_the_rules_look_at),
		cmocka_unit_test(scopes_include_scopes),
		cmocka_unit_test(hundreds_of_scopes_include_one_another),
		cmocka_unit_test(hierarchies_that_do_not_load),
		cmocka_unit_test(mistakes_are_found_with_their_place),
		cmocka_unit_test(other_languages_are_told),
		cmocka_unit_test(what_no_scope_opens),
		cmocka_unit_test(what_the_rules_own_scopes_open),
		cmocka_unit_test(subjects_are_subs),
		cmocka_unit_test(pointers_that_lead_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
