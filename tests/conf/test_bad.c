/* What is wrong with a configuration: each mistake with its id, its line and what to write instead. */
#include "test.h"

#include <stdio.h>

#include "conf.h"
#include "ema/ema.h"
#include "show.h"

#define OKTA "providers = ( { id = \"okta\"; plugin = \"okta_xaa\"; }, { id = \"azure\"; plugin = \"azure_ad\"; } );\n"
#define SERVICE(rest) OKTA "issuer = \"https://a.example\"; audit = ( { plugin = \"file\"; } );\n" \
	"guards = ( { id = \"g\"; plugin = \"hours\"; } );\n" \
	"services = ( { id = \"s\"; resource = \"https://m.example/s\";\n" rest "\n} );\n"
#define IDENTITY(rules) SERVICE("identity = " rules ";")
#define OKTA_ONLY(rest) SERVICE("identity = [\"okta\"];\n" rest)
#define PROVIDER(rest) "issuer = \"https://a.example\"; providers = ( { id = \"p\"; plugin = \"x\";\n" rest "\n} );\n"
#define SCOPES "scopes = ( { name = \"r\"; access = \"read\"; tools = \"get_*\"; } );\n"

#define THIRTY_TWO "0123456789abcdef0123456789abcdef"
#define NINETY_SIX THIRTY_TWO THIRTY_TWO THIRTY_TWO

struct bad {
	const char *text, *id;
	int line; /* 0: any */
	const char *fragment;
};

static void table(const struct bad *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct findings findings = { NULL, 0, 0, 0 };
		struct conf *conf = conf_read_text(rows[i].text, strlen(rows[i].text), "/nowhere/ema.conf", &findings);
		if (!show_find(&findings, rows[i].id, rows[i].line, rows[i].fragment)) {
			show_all(&findings);
			fail_msg("row %zu: no %s at line %d with \"%s\" for:\n%s", i, rows[i].id, rows[i].line, rows[i].fragment, rows[i].text);
		}
		if (rows[i].id[0] == 'E')
			assert_null(conf);
		else
			assert_non_null(conf);
		conf_free(conf);
		findings_free(&findings);
	}
}
#define TABLE(rows) table(rows, sizeof rows / sizeof *rows)

/* Of the findings whose id has this in it (NULL: of all but of rules that are passed over) a text has the one with the id, or none (NULL). */
static void one_finding(const char *text, size_t row, const char *of, const char *id, int line, const char *says)
{
	size_t found = 0;
	struct findings findings = { NULL, 0, 0, 0 };
	struct conf *conf = conf_read_text(text, strlen(text), "/nowhere/ema.conf", &findings);
	for (size_t f = 0; f < findings.count; f++)
		found += of ? strstr(findings.list[f].id, of) != NULL : strcmp(findings.list[f].id, "W-SOFT-FAIL") != 0;
	if (found != !!id || (id && !show_find(&findings, id, line, says)) || !conf != (id && *id == 'E')) {
		show_all(&findings);
		fail_msg("row %zu: %zu found for:\n%s", row, found, text);
	}
	conf_free(conf);
	findings_free(&findings);
}

static void what_libconfig_takes_in_silence(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ "spool_size = 3000000000;", "E-SYNTAX", 1, "too large" },
		{ "\nx = 99999999999999999999L;", "E-SYNTAX", 2, "too large" },
		{ "x = 0xfffffffff;", "E-SYNTAX", 1, "too large" },
		{ "x = -3000000000;", "E-SYNTAX", 1, "too large" },
		{ "x = 010;", "E-SYNTAX", 1, "begins with 0" },
		{ "x = 5m;", "E-SYNTAX", 1, "\"5m\"" },
		{ "x = [\"a\"\n\"b\"];", "E-SYNTAX", 2, "comma" },
		{ "x = \"a\\x00b\";", "E-SYNTAX", 1, "printable" },
		{ "x = \"a\\qb\";", "E-SYNTAX", 1, "\\\\" },
		{ "x = \"a\nb\";", "E-SYNTAX", 1, "closing quote" },
		{ "x = \"a", "E-SYNTAX", 1, "closing quote" },
		{ "x = \"a\\", "E-SYNTAX", 1, "closing quote" },
		{ "/* x = 1;\n", "E-SYNTAX", 1, "no end" },
		{ "x = \"\xff\";", "E-SYNTAX", 1, "UTF-8" },
		{ "x = \"\x01\";", "E-SYNTAX", 1, "control" },
		{ "x = yes;", "E-SYNTAX", 1, "write true" },
		{ "x = off;", "E-SYNTAX", 1, "write false" },
		{ "x = okta;", "E-SYNTAX", 1, "write \"okta\"" },
		{ "x = 'okta';", "E-SYNTAX", 1, "double quotes" },
		{ "\"x\" = 1;", "E-SYNTAX", 1, "not quoted" },
		{ "x 1;", "E-SYNTAX", 1, "\"=\" is missing" },
		{ "x y = 1;", "E-SYNTAX", 1, "\"=\" is missing" },
		{ "x = ;", "E-SYNTAX", 1, "value is missing" },
		{ "x = (1, 2, );", "E-SYNTAX", 1, "one too many" },
		{ "x = (1; 2);", "E-SYNTAX", 1, "commas" },
		{ "x = (y = 1);", "E-SYNTAX", 1, "close that before it" },
		{ "x = [ { } ];", "E-SYNTAX", 1, "not in an array" },
		{ "x = (\n { y = 1; )", "E-SYNTAX", 2, "wants \"}\"" },
		{ "x = (\n { y = 1; }\n", "E-SYNTAX", 1, "never closed" },
		{ "};", "E-SYNTAX", 1, "nothing is open" },
		{ "x =", "E-SYNTAX", 1, "file ends" },
		{ "x = 1;;", "E-SYNTAX", 1, "one too many" },
		{ "x = $y;", "E-SYNTAX", 1, "means nothing" },
		{ "x = [1, \"a\"];", "E-SYNTAX", 1, "one kind" },
		{ "issuer = \"https://a.example\";\nissuer = \"https://b.example\";", "E-SYNTAX", 2, "\"issuer\" stands in this group already, in line 1" },
		{ "providers = (\n  { id = \"a\"; plugin = \"x\"; };\naudit = ( { plugin = \"file\"; } );", "E-SYNTAX", 3, "inside of the list ( ) that begins in line 1" },
		{ "a = ( { id = 1; x = { id = 2; }; }, { id = 3;\nid = 4; } );", "E-SYNTAX", 2, "\"id\" stands in this group already, in line 1" },
		{ "x = (((((((((((((((((1)))))))))))))))));", "E-SYNTAX", 1, "deeper" },
		{ "x = ( @include \"y\" );", "E-SYNTAX", 1, "top level" },
		{ "x = { @include \"y\" };", "E-SYNTAX", 1, "top level" },
		{ "@include y", "E-SYNTAX", 1, "in quotes" },
		{ "x = @stack;", "E-SYNTAX", 1, "\"@name\"" },
	};
	TABLE(rows);
}

static void nul_and_bombs(void **state)
{
	(void)state;
	struct findings findings = { NULL, 0, 0, 0 };
	assert_null(conf_read_text("x = 1;\0y = 2;", 13, "/nowhere/ema.conf", &findings));
	assert_true(show_find(&findings, "E-SYNTAX", 1, "NUL"));
	findings_free(&findings);
	static char bomb[1048577 + 4];
	static const char brackets[] = "({[";
	for (int i = 0; i < 3; i++) {
		memset(bomb, brackets[i], sizeof bomb);
		memcpy(bomb, "x = ", 4);
		assert_null(conf_read_text(bomb, 1048576, "/nowhere/ema.conf", &findings));
		assert_true(show_find(&findings, "E-SYNTAX", 1, ""));
		findings_free(&findings);
	}
	assert_null(conf_read_text(bomb, 1048577, "/nowhere/ema.conf", &findings));
	assert_true(show_find(&findings, "E-SIZE", 1, "1 MiB"));
	findings_free(&findings);
}

/* JWT-41 JWT-75: plain http and the algorithm none are refused where they are written. */
static void keys_and_values(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ "isuer = \"https://a.example\";", "E-UNKNOWN", 1, "did you mean \"issuer\"?" },
		{ "\n\nzzz = 1;", "E-UNKNOWN", 3, "unknown key \"zzz\" in ema.conf" },
		{ "issuer = 5;", "E-TYPE", 1, "a string is wanted" },
		{ "audit = ( { plugin = \"file\"; path = \"a\"; },\n { on_failure = \"continue\"; id = \"b\"; path = \"a\"; plugin = \"file\"; } );", "E-DUPLICATE", 2, "of line 1" },
		{ "audit = ( { plugin = \"file\"; path = \"a\"; format = \"json\"; },\n { path = \"a\"; plugin = \"file\"; fsync = \"always\"; } );", "E-DUPLICATE", 2, "of line 1" },
		{ "issuer = \"http://a.example\";", "E-VALUE", 1, "plain http" },
		{ "insecure_http = true; issuer = \"http://a.example\";", "E-VALUE", 1, "loopback alone" },
		{ "state_dir = \"/s\";\npublish = \"/s/keys/x\";", "E-VALUE", 2, "state_dir's own folder \"keys\"" },
		{ "state_dir = \"/s\";\npublish = \"/s/spool\";", "E-VALUE", 2, "state_dir's own folder \"spool\"" },
		{ "issuer = \"https://a.example/?x\";", "E-VALUE", 1, "query" },
		{ "issuer = \"https://a.example/#x\";", "E-VALUE", 1, "fragment" },
		/* MCP-04 */
		{ "services = ( { id = \"s\"; resource = \"https://m.example/s?x=1\"; } );", "E-VALUE", 1, "has a query" },
		{ "services = ( { id = \"s\"; resource = \"https://m.example?\"; } );", "E-VALUE", 1, "has a query" },
		{ "services = ( { id = \"s\"; resource = \"https://m.example/s#x\"; } );", "E-VALUE", 1, "fragment" },
		{ "issuer = \"https://u:p@a.example/\";", "E-VALUE", 1, "user name" },
		{ "issuer = \"https://:80/\";", "E-VALUE", 1, "no host" },
		{ "issuer = \"https://a b/\";", "E-VALUE", 1, "character" },
		{ "issuer = \"a.example\";", "E-VALUE", 1, "https://" },
		{ "spool_size = \"8 MiB\";", "E-VALUE", 1, "is no size" },
		{ "spool_size = \"8KiB\";", "E-VALUE", 1, "outside" },
		{ "publish = \"/run/a\"; published = \"/run/b\";", "E-VALUE", 1, "write one of them" },
		{ "published_by = \"root\";", "E-VALUE", 1, "that is not set" },
		{ "state_dir = \"/a/b\";\npublish = \"/a//./b/\";", "E-VALUE", 2, "state_dir is in it" },
		{ "state_dir = \"/a/b\";\npublish = \"/a\";", "E-VALUE", 2, "state_dir is in it" },
		{ "state_dir = \"/a/b\";\npublish = \"/\";", "E-VALUE", 2, "state_dir is in it" },
		{ "published = \"/run/b\"; published_by = \"no such user\";", "E-UNKNOWN", 1, "no user \"no such user\"" },
		{ "durability = \"disc\";", "E-UNKNOWN", 1, "did you mean \"disk\"?" },
		{ "fetch = { connect = \"5\"; };", "E-VALUE", 1, "is no duration" },
		{ "fetch = { conect = \"5s\"; };", "E-UNKNOWN", 1, "\"connect\"" },
		{ "fetch = { redirects = 3; };", "E-VALUE", 1, "outside of 0 to 2" },
		{ "fetch = 5;", "E-TYPE", 1, "a group { } is wanted" },
		{ "limits = ( { connections = 5; } );", "E-TYPE", 1, "a group { } is wanted" },
		{ "providers = { id = \"x\"; };", "E-TYPE", 1, "providers = ( { ... } );" },
		{ "providers = ( { plugin = \"x\"; } );", "E-MISSING", 1, "lacks the key \"id\"" },
		{ "providers = ( { id = \"a b\"; plugin = \"x\"; } );", "E-VALUE", 1, "is no name: write letters, digits" },
		{ "providers = ( { id = \"a\"; plugin = \"x\"; },\n { id = \"a\"; plugin = \"x\"; } );", "E-DUPLICATE", 2, ":1 already" },
		{ PROVIDER("skew = \"61s\";"), "E-VALUE", 2, "skew is \"61s\", outside of \"0\" to \"1m\"" },
		{ PROVIDER("cooldown = \"1500ms\";"), "E-VALUE", 2, "cooldown is \"1500ms\", outside of \"1m\" to \"1h\"" },
		{ "spool_size = \"2GiB\";", "E-VALUE", 1, "spool_size is \"2GiB\", outside of \"1MiB\" to \"1GiB\"" },
		{ PROVIDER("max_lifetime = \"2h\";"), "E-VALUE", 2, "outside" },
		{ PROVIDER("max_lifetime = \"1500ms\";"), "E-VALUE", 2, "whole seconds" },
		{ PROVIDER("algorithms = [\"RS256\", \"none\"];"), "E-UNKNOWN", 2, "\"RS256\"" },
		{ PROVIDER("algorithms = [\"HS256\"];"), "E-UNKNOWN", 2, "unknown" },
		{ PROVIDER("algorithms = [];"), "E-VALUE", 2, "empty" },
		{ PROVIDER("authority = [\"@acme.example\"];"), "E-VALUE", 2, "write the domain alone" },
		{ PROVIDER("authority = [\"ada@acme.example\"];"), "E-VALUE", 2, "write the domain alone" },
		{ PROVIDER("jwks_hosts = [\"keys.example:8443\"];"), "E-VALUE", 2, "has a port" },
		{ PROVIDER("internal_hosts = [\"[::1]:8443\"];"), "E-VALUE", 2, "has a port" },
		{ PROVIDER("internal_hosts = [\"https://idp.example\"];"), "E-VALUE", 2, "its host alone" },
		{ "fetch = { proxy = \"p.example:3128\"; };", "E-VALUE", 1, "http://proxy.acme.example:3128" },
		{ PROVIDER("authority = [\"*.acme.example\"];"), "E-VALUE", 2, "written out" },
		{ PROVIDER("authority = [];"), "E-VALUE", 2, "empty" },
		{ PROVIDER("jwks_url = \"http://a.example/k\";"), "E-VALUE", 2, "plain http" },
		{ PROVIDER("jwks_file = \"none.jwks\";"), "E-FILE", 2, "no such file" },
		{ PROVIDER("jwks = \"{}\";\njwks_url = \"https://a.example/k\";"), "E-VALUE", 0, "one of them" },
		{ PROVIDER("read_only_after = \"48h\";"), "E-VALUE", 2, "never come" },
		{ PROVIDER("replay = \"off\";"), "E-UNKNOWN", 2, "single-use" },
		{ PROVIDER("replay_uses = 3;"), "E-VALUE", 2, "same-client-reuse" },
		{ "owner = \"no-such-user-here\";", "E-UNKNOWN", 1, "no user" },
		{ "store = { entries = 5; };", "E-VALUE", 1, "outside" },
		{ "store = { plugin = \"memory\"; path = \"x\"; };", "E-UNKNOWN", 1, "\"path\"" },
		{ "clients = ( { id = \"c\"; auth = \"any\"; } );", "E-UNKNOWN", 1, "private_key_jwt" },
		{ "clients = ( { id = \"c\"; auth = \"private_key_jwt\"; } );", "E-VALUE", 1, "jwks_file, jwks_url" },
		{ "clients = ( { id = \"c\"; auth = \"client_secret_basic\";\n secret = \"hunter2\"; } );", "E-VALUE", 2, "never stands in the configuration" },
		{ "clients = ( { id = \"c\"; auth = \"client_secret_basic\";\n secret = { file = \"x\"; fd = 3; }; } );", "E-VALUE", 2, "one of" },
		{ "clients = ( { id = \"c\"; auth = \"client_secret_basic\";\n secret_file = \"x\"; } );", "E-UNKNOWN", 2, "secret = {" },
		{ "clients = ( { id = \"c\"; auth = \"client_secret_basic\"; secret = { fd = 3; }; services = [\"x\"]; } );", "E-UNKNOWN", 1, "no service \"x\"" },
	};
	TABLE(rows);
}

#define CLIENT(rest) "clients = ( { id = \"c\";\n" rest " } );"

/* JAG-22, JAG-33, JAG-35: clients, callers and client_documents. */
static void clients(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ CLIENT("auth = \"private_key_jwt\"; jwks = \"{}\"; jwks_url = \"https://a.example/k\";"), "E-VALUE", 0, "one of them" },
		{ CLIENT("auth = \"private_key_jwt\"; jwks = \"{}\"; keys = ( { jwks = \"{}\"; } );"), "E-VALUE", 2, "entry of the list" },
		{ CLIENT("auth = \"private_key_jwt\"; keys = ( { not_after = \"2027-01-01\"; } );"), "E-VALUE", 2, "one of them" },
		{ CLIENT("auth = \"private_key_jwt\"; keys = ( { jwks = \"{}\"; not_before = \"2027-01-02\"; not_after = \"2027-01-02\"; } );"), "E-VALUE", 2, "not after" },
		{ CLIENT("auth = \"private_key_jwt\"; jwks = \"{}\"; secret = { fd = 3; };"), "E-VALUE", 1, "nothing of the other ways" },
		{ CLIENT("auth = \"private_key_jwt\"; jwks_url = \"http://127.0.0.1/k\";"), "E-VALUE", 2, "insecure_http" },
		{ CLIENT("auth = \"private_key_jwt\"; jwks_url = \"http://a.example/k\"; insecure_http = true;"), "E-VALUE", 2, "loopback" },
		{ CLIENT("auth = \"private_key_jwt\"; keys = ( { jwks_url = \"http://a.example/k\"; } ); insecure_http = true;"), "E-VALUE", 2, "loopback" },
		{ CLIENT("auth = \"client_secret_post\";"), "E-VALUE", 1, "want secret" },
		{ CLIENT("auth = \"client_secret_post\"; jwks = \"{}\";"), "E-VALUE", 1, "want secret" },
		{ CLIENT("auth = \"client_secret_post\"; secrets = ( { not_after = \"2027-01-01\"; } );"), "E-VALUE", 2, "one of file" },
		{ CLIENT("auth = \"client_secret_post\"; secrets = ( { file = \"a\"; fd = 3; } );"), "E-VALUE", 2, "one of file" },
		{ CLIENT("auth = \"client_secret_post\"; secrets = ( \"hunter2\" );"), "E-TYPE", 2, "group" },
		{ CLIENT("auth = \"client_secret_post\"; secrets = ();"), "E-VALUE", 2, "secrets is empty" },
		{ CLIENT("auth = \"private_key_jwt\"; keys = ();"), "E-VALUE", 2, "keys is empty" },
		{ "callers = ( { id = \"c\"; auth = \"private_key_jwt\"; purposes = \"authzen\"; services = \"s\";\nkeys = []; } );", "E-VALUE", 2, "keys is empty" },
		{ CLIENT("auth = \"tls_client_auth\";"), "E-VALUE", 1, "one alone" },
		{ CLIENT("auth = \"tls_client_auth\"; subject_dn = \"CN=a\"; san_dns = \"a\";"), "E-VALUE", 1, "one alone" },
		{ CLIENT("auth = \"tls_client_auth\"; subject_dn = \"CN=a\"; secret = { fd = 3; };"), "E-VALUE", 1, "one alone" },
		{ CLIENT("auth = \"self_signed_tls_client_auth\"; san_dns = \"a\";"), "E-VALUE", 1, "certificate_file" },
		{ CLIENT("auth = \"none\";"), "E-VALUE", 1, "must be bound" },
		{ CLIENT("auth = \"none\"; dpop = \"optional\";"), "E-VALUE", 1, "must be bound" },
		{ CLIENT("auth = \"none\"; dpop = \"required\"; secret = { fd = 3; };"), "E-VALUE", 1, "neither keys" },
		{ CLIENT("auth = \"none\"; dpop = \"required\"; certificate_bound = true;"), "E-VALUE", 1, "not to both" },
		{ CLIENT("auth = \"client_secret_post\"; secret = { fd = 3; }; grants = [\"jwt-bearer\", \"none\"];"), "E-VALUE", 2, "stands alone" },
		{ CLIENT("auth = \"client_secret_post\"; secret = { fd = 3; }; grants = \"client_credentials\";"), "E-UNKNOWN", 2, "jwt-bearer" },
		{ "clients = ( { id = \"https://a.example/c\"; auth = \"none\"; dpop = \"required\"; } );", "E-VALUE", 1, "client_documents" },
		{ "clients = ( { id = \"a:b\"; auth = \"client_secret_basic\"; secret = { fd = 3; }; } );", "E-VALUE", 1, "another id" },
		{ "clients = ( { id = \"a b\"; auth = \"client_secret_basic\"; secret = { fd = 3; }; } );", "E-VALUE", 1, "another id" },
		{ "clients = ( { id = \"a\\tb\"; auth = \"client_secret_post\"; secret = { fd = 3; }; } );", "E-VALUE", 1, "printable" },
		{ "clients = ( { id = \"a\"; auth = \"client_secret_post\"; secret = { fd = 3; }; },\n { id = \"a\"; auth = \"client_secret_post\"; secret = { fd = 3; }; } );",
		  "E-DUPLICATE", 2, "\"a\"" },
		{ "callers = ( { id = \"a\"; auth = \"client_secret_post\"; secret = { fd = 3; }; } );", "E-MISSING", 1, "services" },
		{ "callers = ( { id = \"a\"; auth = \"client_secret_post\"; secret = { fd = 3; }; services = \"x\"; } );", "E-UNKNOWN", 1, "no service \"x\"" },
		{ "callers = ( { id = \"a\"; auth = \"client_secret_basic\"; secret = { fd = 3; };\n purposes = [\"metrics\", \"authzen\"]; } );", "E-MISSING", 1, "services" },
		{ "callers = ( { id = \"a\"; auth = \"client_secret_post\"; secret = { fd = 3; };\n purposes = [\"metrics\"]; } );", "E-VALUE", 2, "\"client_secret_basic\"" },
		{ "callers = ( { id = \"a\"; auth = \"client_secret_basic\"; secret = { fd = 3; };\n purposes = [\"metric\"]; } );", "E-UNKNOWN", 2, "did you mean \"metrics\"" },
		{ "callers = ( { id = \"a\"; auth = \"none\"; services = \"x\"; } );", "E-UNKNOWN", 1, "\"none\"" },
		{ "callers = ( { id = \"a\"; auth = \"client_secret_post\"; secret = { fd = 3; }; scopes = \"x\"; services = \"x\"; } );", "E-UNKNOWN", 1, "\"scopes\"" },
		{ "client_documents = { };", "E-MISSING", 1, "hosts or urls" },
		{ "client_documents = { hosts = []; };", "E-VALUE", 1, "empty" },
		{ "client_documents = { hosts = \"*.example\"; };", "E-VALUE", 1, "host name" },
		{ "client_documents = { urls = \"http://a.example/c\"; };", "E-VALUE", 1, "plain http" },
		{ "client_documents = { urls = \"https://a.example\"; };", "E-VALUE", 1, "has a path" },
		{ "client_documents = { urls = \"https://a.example/c?d\"; };", "E-VALUE", 1, "no query" },
		{ "client_documents = { hosts = \"a.example\"; services = \"x\"; };", "E-UNKNOWN", 1, "no service \"x\"" },
		{ CLIENT("auth = \"none\"; dpop = \"required\";"), "W-PUBLIC-CLIENT", 1, "public_clients = true" },
	};
	TABLE(rows);
}

/* A secret that was written into the file by mistake is in no message. */
static void secrets_are_not_repeated(void **state)
{
	(void)state;
	static const char text[] = "clients = ( { id = \"c\"; auth = \"client_secret_basic\"; secret = \"hunter2\"; } );";
	struct findings findings = { NULL, 0, 0, 0 };
	assert_null(conf_read_text(text, strlen(text), "/nowhere/ema.conf", &findings));
	for (size_t i = 0; i < findings.count; i++)
		assert_null(strstr(findings.list[i].text, "hunter2"));
	findings_free(&findings);
}

static void rules(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ SERVICE(""), "E-EMPTY", 0, "identity" },
		{ IDENTITY("[]"), "E-EMPTY", 0, "nobody" },
		{ IDENTITY("()"), "E-EMPTY", 0, "nobody" },
		{ IDENTITY("[\"octa\"]"), "E-UNKNOWN", 5, "did you mean \"okta\"?" },
		{ IDENTITY("[\"google\"]"), "E-UNKNOWN", 5, "there is no provider \"google\": providers has \"okta\"" },
		{ IDENTITY("[\"@octa\"]"), "E-UNKNOWN", 5, "no stack \"octa\": stacks has none" },
		{ IDENTITY("\"okta\""), "E-TYPE", 5, "a list is wanted" },
		{ IDENTITY("(\n{ control = \"requird\"; provider = \"okta\"; } )"), "E-UNKNOWN", 6, "did you mean \"required\"?" },
		{ IDENTITY("( { control = \"required\"; } )"), "E-MISSING", 5, "asks nobody" },
		{ IDENTITY("( { provider = \"okta\"; } )"), "E-MISSING", 5, "\"control\"" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; stack = \"x\"; } )"), "E-VALUE", 5, "not both" },
		{ IDENTITY("( { control = \"required\"; guard = \"g\"; } )"), "E-UNKNOWN", 5, "list of their own" },
		{ IDENTITY("( { control = \"include\"; provider = \"okta\"; } )"), "E-UNKNOWN", 5, "name a stack" },
		{ IDENTITY("( { control = \"substack\"; provider = \"okta\"; } )"), "E-UNKNOWN", 5, "named stack is a substack" },
		{ IDENTITY("( { include = \"x\"; control = \"required\"; provider = \"okta\"; } )"), "E-UNKNOWN", 5, "stack = \"NAME\"" },
		{ IDENTITY("[\"include\", \"okta\"]"), "E-UNKNOWN", 5, "name a stack" },
		{ IDENTITY("[\"required\", \"okta\"]"), "E-UNKNOWN", 5, "rules with a control are groups" },
		{ IDENTITY("( { control = { ok = 1; }; provider = \"okta\"; } )"), "E-ACTION", 5, "no jumps" },
		{ IDENTITY("( { control = 2; provider = \"okta\"; } )"), "E-ACTION", 5, "no jumps" },
		{ IDENTITY("( 1, \"okta\" )"), "E-ACTION", 5, "no jumps" },
		{ IDENTITY("( { control = { denied = \"reset\"; }; provider = \"okta\"; } )"), "E-UNKNOWN", 5, "nothing that failed is forgotten" },
		{ IDENTITY("( { control = { success = \"ok\"; }; provider = \"okta\"; } )"), "E-UNKNOWN", 5, "write \"ok\"" },
		{ IDENTITY("( { control = { expird = \"bad\"; }; provider = \"okta\"; } )"), "E-UNKNOWN", 5, "did you mean \"expired\"?" },
		{ IDENTITY("( { control = { ok = \"die\"; }; provider = \"okta\"; } )"), "E-ACTION", 5, "success into failure" },
		{ IDENTITY("( { control = { denied = \"ok\"; }; provider = \"okta\"; } )"), "E-ACTION", 5, "failure into success" },
		{ IDENTITY("( { control = { default = \"done\"; }; provider = \"okta\"; } )"), "E-ACTION", 5, "never covers ok" },
		{ IDENTITY("( { control = { ok = \"done\"; default = \"ignore\"; }; provider = \"okta\"; } )"), "E-ACTION", 5, "rescue a forged token" },
		{ IDENTITY("( { control = { ok = \"ignore\"; default = \"ignore\"; }; provider = \"okta\"; } )"), "E-NO-GRANTER", 5, "ever vouch" },
		{ IDENTITY("( { control = \"optional\"; provider = \"okta\"; } )"), "E-NO-GRANTER", 5, "ever vouch" },
		{ IDENTITY("( { control = \"sufficient\"; provider = \"okta\"; }, { control = \"required\"; provider = \"azure\"; } )"), "W-SUFFICIENT-BEFORE-REQUIRED", 5, "put it first" },
		{ IDENTITY("( { control = { ok = \"done\"; default = \"die\"; }; provider = \"okta\"; }, { control = \"required\"; provider = \"azure\"; } )"), "W-UNREACHED", 5, "never asked" },
		{ IDENTITY("( { control = { unavailable = \"ignore\"; }; provider = \"okta\"; } )"), "W-SOFT-FAIL", 5, "passed over" },
		{ IDENTITY("[\"okta\", \"okta\"]"), "W-DUPLICATE-ISSUER", 5, "asked at line 5" },
		{ OKTA_ONLY("guards = ( { control = \"optional\"; guard = \"g\"; } );"), "W-SOFT-FAIL", 6, "passed over" },
		{ OKTA_ONLY("guards = ( { control = \"sufficient\"; guard = \"g\"; } );"), "E-ACTION", 6, "required, requisite or optional" },
		{ OKTA_ONLY("guards = ( { control = { ok = \"ok\"; }; guard = \"g\"; } );"), "E-ACTION", 6, "tables" },
		{ OKTA_ONLY("guards = ( { control = \"required\"; provider = \"okta\"; } );"), "E-UNKNOWN", 6, "write guard" },
		{ OKTA_ONLY("guards = [\"h\"];"), "E-UNKNOWN", 6, "no guard \"h\"" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; when = { clint = \"x\"; }; } )"), "E-UNKNOWN", 5, "\"client\"" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; when = { }; } )"), "E-VALUE", 5, "empty" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; when = { time = ( { from = \"25:00\"; } ); }; } )"), "E-VALUE", 5, "time of day" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; when = { time = ( { from = \"08:00\"; until = \"08:00\"; } ); }; } )"), "E-VALUE", 5, "window is empty" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; when = { time = ( { zone = \"Europe/Berlin\"; } ); }; } )"), "E-VALUE", 5, "+01:00" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; when = { not_before = \"2026-02-30\"; }; } )"), "E-VALUE", 5, "no date" },
		{ IDENTITY("( { control = \"required\"; provider = \"okta\"; when = {\nnot_after = \"2020-01-01\"; }; } )"), "W-EXPIRED", 6, "the rule is for nobody" },
		{ OKTA_ONLY("guards = ( { control = \"required\"; guard = \"g\"; when = {\nnot_after = \"2020-01-01\"; }; } );"), "W-EXPIRED", 7, "the guard is not asked" },
		{ "stacks = ( { id = \"a\"; rules = [\"@b\"]; },\n{ id = \"b\"; rules = [\"@a\"]; } );", "E-LOOP", 0, "comes back" },
		{ "stacks = ( { id = \"a\"; rules = [\"@a\"]; } );", "E-LOOP", 1, "comes back" },
		{ "stacks = ( { id = \"a\"; } );", "E-EMPTY", 1, "no rules" },
		{ "stacks = ( { id = \"a\"; rules = (); } );", "E-EMPTY", 1, "no rule" },
		{ OKTA "stacks = ( { id = \"a\"; rules = [\"okta\"]; }, { id = \"b\"; rules = [\"@a\"]; }, { id = \"c\"; rules = [\"@b\"]; },\n"
		  "{ id = \"d\"; rules = [\"@c\"]; }, { id = \"e\"; rules = [\"@d\"]; }, { id = \"f\"; rules = [\"@e\"]; }, { id = \"h\"; rules = [\"@f\"]; },\n"
		  "{ id = \"i\"; rules = [\"@h\"]; }, { id = \"j\"; rules = [\"@i\"]; }, { id = \"k\"; rules = [\"@j\"]; } );", "E-LOOP", 4, "deeper than 8" },
	};
	TABLE(rows);
}

/* A second service, of line 4, beside one that had the issuer https://b.example/. */
#define FORMER(issuer, until) "former_issuers = ( { issuer = \"" issuer "\"; until = \"" until "\"; } );"
#define FORMERS(until, issuer, identity, rest) OKTA \
	"services = ( { id = \"a\"; resource = \"https://m.example/a\"; issuer = \"https://a.example/\"; identity = [\"okta\"];\n" FORMER("https://b.example/", until) \
	" },\n{ id = \"b\"; resource = \"https://m.example/b\"; issuer = \"" issuer "\"; identity = " identity "; " rest " } );"

/* JAG-54 JAG-43: what is outside of the profile is said. */
static void policy_and_lint(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ OKTA_ONLY(SCOPES "grants = ( { group = \"x\"; scopes = \"r\"; } );"), "E-MISSING", 7, "\"provider\"" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; } );"), "E-MISSING", 7, "\"scopes\"" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"w\"; } );"), "E-UNKNOWN", 7, "no scope \"w\"" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"otka\"; scopes = \"r\"; } );"), "E-UNKNOWN", 7, "did you mean \"okta\"?" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"google\"; scopes = \"r\"; } );"), "E-UNKNOWN", 7, "providers has \"okta\"" },
		{ OKTA_ONLY("directory = ( { id = \"people\"; } );"), "E-UNKNOWN", 6, "there is no directory \"people\": directories has none" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; groups = \"x\"; scopes = \"r\"; } );"), "E-UNKNOWN", 7, "\"group\"" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; group = \"x\"; from = \"staff\"; scopes = \"r\"; } );"), "E-UNKNOWN", 7, "neither" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; mode = \"shadwo\"; } );"), "E-UNKNOWN", 7, "\"shadow\"" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = { args = ( { at = \"repo\"; like = \"x\"; } ); }; } );"), "E-VALUE", 7, "begins with \"/\"" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = { args = ( { at = \"/a~b\"; like = \"x\"; } ); }; } );"), "E-VALUE", 7, "~0" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = { args = ( { at = \"/a\"; } ); }; } );"), "E-VALUE", 7, "one of equals" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = { args = ( { at = \"/a\"; like = \"x\"; equals = 1; } ); }; } );"), "E-VALUE", 7, "one of equals" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = { args = ( { at = \"/a\"; in = []; } ); }; } );"), "E-TYPE", 7, "in = [" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = { acrs = \"x\"; }; } );"), "E-UNKNOWN", 7, "\"acr\"" },
		{ OKTA_ONLY("denies = ( { } );"), "E-MISSING", 6, "refuse all" },
		{ OKTA_ONLY("denies = ( {\nfrom = \"claims\"; } );"), "E-VALUE", 7, "or take from away" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\";\nfrom = \"claims\"; } );"), "E-VALUE", 8, "whose group or role is meant" },
		{ OKTA_ONLY("denies = ( { mode = \"shadow\"; } );"), "E-MISSING", 6, "refuse all" },
		{ OKTA_ONLY("scopes = ( { name = \"r\"; access = \"read\"; } );"), "E-MISSING", 6, "opens nothing" },
		{ OKTA_ONLY("scopes = ( { name = \"r\"; access = \"reed\"; tools = \"x\"; } );"), "E-UNKNOWN", 6, "\"read\"" },
		{ OKTA_ONLY("scopes = ( { name = \"repo:read\"; access = \"read\"; tools = \"x\"; }, { name = \"w\"; access = \"write\"; tools = \"x\";\nincludes = [\"repo:raed\"]; } );"),
		  "E-UNKNOWN", 7, "did you mean \"repo:read\"" }, /* MCP-20 */
		{ OKTA_ONLY("scopes = ( { name = \"r w\"; access = \"read\"; tools = \"x\"; } );"), "E-VALUE", 6, "one scope" },
		/* MCP-06 */
		{ OKTA_ONLY("scopes = ( { access = \"read\"; tools = \"x\";\nname = \"*\"; } );"), "E-VALUE", 7, "looks like all scopes" },
		{ OKTA_ONLY("scopes = ( { access = \"read\"; tools = \"x\";\nname = \"offline_access\"; } );"), "E-VALUE", 7, "refresh tokens" },
		{ OKTA_ONLY("scopes = ( { name = \"r\"; access = \"read\"; tools = \"x\"; },\n{ name = \"r\"; access = \"read\"; tools = \"x\"; } );"), "E-DUPLICATE", 7, "line 6" },
		{ OKTA_ONLY("default_scopes = [\"q\"];"), "E-UNKNOWN", 6, "no scope \"q\"" },
		{ OKTA_ONLY("permissions = { mode = \"shadow\"; };"), "E-MISSING", 6, "until" },
		{ OKTA_ONLY("permissions = { mode = \"shadow\"; until = \"2999-01-01\"; };"), "E-VALUE", 6, "30 days" },
		{ OKTA_ONLY("permissions = { mode = \"shadow\"; until = \"2001-01-01\"; };"), "W-SHADOW", 6, "has ended" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; mode = \"shadow\"; } );"), "N-SHADOW", 4, "1 grant in shadow mode, without effect (line 7)" },
		{ OKTA_ONLY("directory = ( { id = \"staff\"; for = [\"okta\"]; } );"), "E-UNKNOWN", 6, "no directory" },
		{ OKTA_ONLY("directory = ( { id = \"staff\"; } );"), "E-MISSING", 6, "\"for\"" },
		{ OKTA_ONLY("audience = ( { provider = \"okta\"; is = \"x\"; clients = \"c\"; scope_map = \"all\"; } );"), "E-VALUE", 6, "\"any\"" },
		{ OKTA_ONLY("audience = ( { provider = \"okta\"; is = \"x\"; clients = \"c\"; scope_map = ( { from = \"a\"; to = \"b\"; } ); } );"), "E-UNKNOWN", 6, "no scope \"b\"" },
		{ OKTA_ONLY("audience = ( { provider = \"okta\"; is = \"x\"; clients = \"c\"; scope_map = \"any\"; },\n{ provider = \"azure\"; is = \"x\"; clients = \"c\"; scope_map = \"any\"; },\n"
		            "{ provider = \"okta\"; is = \"y\"; clients = \"d\"; scope_map = \"any\"; } );"), "E-DUPLICATE", 8, "at line 6 already" },
		{ OKTA_ONLY("deadline = \"5min30\";"), "E-VALUE", 6, "no duration" },
		{ OKTA_ONLY("former_issuers = ( { issuer = \"https://b.example\"; } );"), "E-MISSING", 6, "until" },
		{ "providers = ( { id = \"a\"; plugin = \"x\"; authority = [\"Acme.example\"]; },\n{ id = \"b\"; plugin = \"x\"; authority = [\"acme.EXAMPLE\"]; } );", "E-AUTHORITY", 2, "provider \"a\"" },
		{ OKTA "services = ( { id = \"a\"; resource = \"https://m.example/a\"; issuer = \"https://a.example\"; identity = [\"azure\"];\n"
		  "audience = ( { provider = \"azure\"; is = \"x\"; clients = \"c\"; scope_map = \"any\"; } ); },\n"
		  "{ id = \"b\"; resource = \"https://m.example/b\"; issuer = \"https://a.example/b\"; identity = [\"azure\"]; insecure_shared_audience = true;\n"
		  "audience = ( { provider = \"azure\"; is = \"x\"; clients = \"c\"; scope_map = \"any\"; } ); } );", "E-SHARED-AUDIENCE", 5, "line 2" },
		{ OKTA "services = ( { id = \"a\"; resource = \"https://m.example/a\"; identity = [\"okta\"]; } );", "E-MISSING", 2, "no issuer" },
		{ OKTA "services = ( { id = \"a\"; resource = \"https://m.example/a\"; issuer = \"https://a.example\"; identity = [\"okta\"]; },\n"
		  "{ id = \"b\"; resource = \"https://m.example/a\"; issuer = \"https://a.example\"; identity = [\"okta\"]; } );", "E-DUPLICATE", 3, "same resource" },
		{ OKTA "services = ( { id = \"a\"; resource = \"https://m.example\"; issuer = \"https://a.example\"; identity = [\"okta\"]; },\n"
		  "{ id = \"b\"; resource = \"https://m.example/\"; issuer = \"https://a.example\"; identity = [\"okta\"]; } );", "E-DUPLICATE", 3, "same resource" },
		{ OKTA "services = ( { id = \"a\"; resource = \"https://m.example/a\"; issuer = \"https://a.example\"; identity = [\"okta\"]; },\n"
		  "{ id = \"b\"; resource = \"https://m.example/b\"; issuer = \"https://a.example\"; identity = [\"okta\"]; } );", "W-SHARED-ISSUER-NO-RESOURCE", 3, "line 2" },
		{ FORMERS("2999-01-01", "https://b.example/", "[\"okta\"]", ""), "W-SHARED-ISSUER-NO-RESOURCE", 4, "the issuer https://b.example/, which one of the two keeps by former_issuers, with the service of line 2" },
		{ FORMERS("2999-01-01", "https://o.example/", "[\"okta\"]", FORMER("https://a.example/", "2999-01-01")), "W-SHARED-ISSUER-NO-RESOURCE", 4, "the issuer https://a.example/, which" },
		{ FORMERS("2999-01-01", "https://o.example/", "[\"azure\", \"okta\"]", FORMER("https://b.example/", "2999-01-01")), "W-SHARED-ISSUER-NO-RESOURCE", 4, "b.example" },
		{ OKTA "services = ( { id = \"a\"; resource = \"https://m.example/a\"; issuer = \"https://a.example/t\"; identity = [\"okta\"]; },\n"
		  "{ id = \"b\"; resource = \"https://m.example/b\"; identity = [\"azure\"];\nissuer = \"https://A.example:443/t/\"; } );", "E-ISSUER", 4, "of line 2" },
		{ OKTA "services = ( { id = \"a\"; resource = \"https://M.example:443/a\"; issuer = \"https://a.example/1\"; identity = [\"okta\"]; },\n"
		  "{ id = \"b\"; resource = \"https://m.example/a\"; issuer = \"https://a.example/2\"; identity = [\"okta\"]; } );", "E-DUPLICATE", 3, "same resource" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"*\"; group = \"x\"; scopes = \"r\"; } );"), "W-ANY-PROVIDER", 7, "any provider" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = {\nargs = ( { at = \"/n\"; less = 5; greater = 10; } ); }; } );"), "E-VALUE", 8, "no whole number is above 10 and below 5" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = {\nargs = ( { at = \"/n\"; less = 5; greater = 4; } ); }; } );"), "E-VALUE", 8, "above 4 and below 5" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = {\nargs = ( { at = \"/n\"; less = 5; greater = 5; } ); }; } );"), "E-VALUE", 8, "above 5 and below 5" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"okta\"; scopes = \"r\"; when = {\nnot_after = \"2024-06-30\"; }; } );"), "W-EXPIRED", 8, "take the grant away" },
		{ OKTA_ONLY(SCOPES "denies = ( { tools = \"get_x\"; when = { not_after = \"2024-06-30\"; }; } );"), "W-EXPIRED", 7, "take the deny away" },
		{ OKTA_ONLY(SCOPES), "W-UNGRANTED-SCOPE", 6, "\"r\"" },
		{ OKTA_ONLY(SCOPES "grants = ( { provider = \"azure\"; scopes = \"r\"; } );"), "W-UNUSED", 7, "azure" },
		{ "clients = ( { id = \"c\"; auth = \"client_secret_basic\"; secret = { fd = 3; }; scopes = [\"reed\"]; } );\n" OKTA_ONLY(SCOPES), "W-UNUSED", 1,
		  "no service has a scope \"reed\"" },
		{ "clients = ( { id = \"vscode\"; auth = \"client_secret_basic\"; secret = { fd = 3; }; } );\n" PROVIDER("clients = [\"vscod\"];"), "W-UNUSED", 3,
		  "there is no client \"vscod\" (did you mean \"vscode\"?)" },
		{ "issuer = \"https://a.example\";", "W-NO-AUDIT", 0, "no audit sink" },
		{ PROVIDER("insecure_http = true;"), "W-INSECURE", 2, "insecure_http" },
		{ PROVIDER("sub = { insecure_thing = 1; };"), "W-INSECURE", 2, "insecure_thing" },
		{ PROVIDER("replay = \"same-client-reuse\";"), "W-REPLAY", 2, "7.4.2" },
		{ PROVIDER("max_lifetime = \"900s\";"), "W-LIFETIME", 2, "600 s" },
	};
	TABLE(rows);
}

#define QUOTA(more) "issuer = \"https://a.example\"; audit = ( { plugin = \"file\"; } );\n" more "\n" \
	"providers = ( { id = \"okta\"; plugin = \"okta_xaa\";\nmonthly_quota = 250; } );\n"
#define QUOTA_SERVICE(id, more) "{ id = \"" id "\"; resource = \"https://m.example/" id "\"; identity = [\"okta\"]; " more " }"

/* A group or role that nobody can have: it must be sure that none comes from tokens, nor from a directory. */
static void groups_from_nowhere(void **state)
{
	(void)state;
	static const char form[] = "issuer = \"https://a.example\"; audit = ( { plugin = \"file\"; } ); directories = ( { id = \"staff\"; plugin = \"file\"; } );\n"
		"providers = ( { id = \"p\"; plugin = %s }, { id = \"full\"; plugin = \"theirs\"; } );\n"
		"services = ( { id = \"s\"; resource = \"https://m.example/s\"; identity = [\"p\"%s;\n" SCOPES
		"grants = ( { provider = \"p\"; scopes = \"r\"; %s } );\ndenies = ( { tools = \"get_x\"; %s } ); } );\n";
	static const char also[] = ", \"full\"]", directory[] = "]; directory = ( { id = \"staff\"; for = [\"p\"]; } )",
	                  others[] = ", \"full\"]; directory = ( { id = \"staff\"; for = [\"full\"]; } )";
	static const struct {
		const char *provider, *identity, *grant, *deny, *id; int line; const char *says;
	} rows[] = {
		{ "\"okta_xaa\";", "]", "group = \"g\";", "", "W-NO-SOURCE", 5, "which groups the subjects of provider \"p\" have, so that this gives nothing: write groups_claim" },
		{ "\"okta_xaa\";", "]", "", "role = \"g\";", "E-NO-SOURCE", 6, "which roles the subjects of provider \"p\" have, so that this refuses nobody: write roles_claim" },
		{ "\"okta_xaa\";", "]", "", "group = \"g\"; mode = \"shadow\";", "W-NO-SOURCE", 6, "refuses nobody" },
		{ "\"okta_xaa\"; groups_claim = \"groups\";", "]", "", "group = \"g\";", NULL, 0, "" },
		{ "\"okta_xaa\"; groups_claim = [];", "]", "", "group = \"g\";", "E-NO-SOURCE", 6, "groups" },
		{ "\"okta_xaa\"; groups_claim = [\"groups\"];", "]", "", "group = \"g\"; role = \"r\";", "E-NO-SOURCE", 6, "roles" },
		{ "\"oidc\";", "]", "", "group = \"g\";", "E-NO-SOURCE", 6, "groups" },
		{ "\"oidc\"; preset = \"auth0\";", "]", "", "role = \"g\";", "E-NO-SOURCE", 6, "roles" },
		{ "\"oidc\"; preset = \"keycloak\";", "]", "", "role = \"r\"; group = \"g\";", NULL, 0, "" },
		{ "\"oidc\"; preset = \"dex\";", "]", "", "group = \"g\";", NULL, 0, "" },
		{ "\"oidc\"; preset = \"dex\";", "]", "role = \"r\";", "", "W-NO-SOURCE", 5, "roles" },
		{ "\"oidc\"; preset = \"of_tomorrow\";", "]", "", "role = \"r\";", NULL, 0, "" },
		{ "\"azure_ad\";", "]", "role = \"r\";", "role = \"r\";", NULL, 0, "" },
		{ "\"azure_ad\";", "]", "", "group = \"g\";", "E-NO-SOURCE", 6, "write groups = true" },
		{ "\"azure_ad\"; groups = true; roles = false;", "]", "role = \"r\";", "group = \"g\";", "W-NO-SOURCE", 5, "write roles = true" },
		{ "\"theirs\";", "]", "group = \"g\";", "role = \"r\";", NULL, 0, "" },
		{ "\"/opt/oidc.so\";", "]", "group = \"g\";", "role = \"r\";", NULL, 0, "" },
		{ "\"okta_xaa\";", directory, "group = \"g\"; from = \"staff\";", "group = \"g\"; role = \"r\";", NULL, 0, "" },
		{ "\"okta_xaa\";", directory, "", "group = \"g\"; from = \"claims\";", "E-NO-SOURCE", 6, "groups" },
		{ "\"okta_xaa\"; groups_claim = \"g\";", others, "group = \"g\"; from = \"staff\";", "", "W-NO-SOURCE", 5, "groups" },
		{ "\"okta_xaa\";", others, "", "group = \"g\"; provider = \"p\"; from = \"staff\";", "W-NO-SOURCE", 6, "write directory = ( ... ) with for = [\"p\"]" },
		/* Of two providers, one has them. */
		{ "\"okta_xaa\";", also, "", "group = \"g\";", "W-NO-SOURCE", 6, "of provider \"p\" have, so that this refuses nobody of it" },
		{ "\"okta_xaa\";", also, "", "group = \"g\"; provider = \"*\";", "W-NO-SOURCE", 6, "nobody of it" },
		{ "\"okta_xaa\";", also, "", "group = \"g\"; from = \"claims\";", NULL, 0, "" },
		{ "\"okta_xaa\";", also, "", "group = \"g\"; provider = \"full\";", NULL, 0, "" },
		{ "\"okta_xaa\";", also, "", "group = \"g\"; provider = \"p\";", "E-NO-SOURCE", 6, "groups" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[2048];
		snprintf(text, sizeof text, form, rows[i].provider, rows[i].identity, rows[i].grant, rows[i].deny);
		one_finding(text, i, "-NO-SOURCE", rows[i].id, rows[i].line, rows[i].says);
	}
}

/* A pattern with a tenant where it is sure that nobody has one. */
static void tenants_from_nowhere(void **state)
{
	(void)state;
	static const char form[] = "issuer = \"https://a.example\"; audit = ( { plugin = \"file\"; } ); %s\n"
		"providers = ( { id = \"p\"; plugin = %s }, { id = \"full\"; plugin = \"azure_ad\"; }, { id = \"okta\"; plugin = \"okta_xaa\"; } );\n"
		"services = ( { id = \"s\"; resource = \"https://m.example/s\"; identity = [%s];\n"
		"scopes = ( { name = \"r\"; access = \"read\"; tools = [\"get_*\"%s]; %s } );\n"
		"grants = ( { provider = \"*\"; scopes = \"r\"; }, { provider = \"p\"; scopes = \"r\"; %s } );\ndenies = ( { tools = \"get_x\"; %s } ); } );\n";
	static const char p[] = "\"p\"", both[] = "\"p\", \"okta\"", full[] = "\"p\", \"full\"", oidc[] = "\"oidc\";", xaa[] = "\"okta_xaa\";";
	static const char x[] = "uris = [\"x:/a\", \"x:/{tenant}/**\"];", like[] = "when = { args = ( { at = \"/a\"; like = \"{tenant}/*\"; } ); };";
	static const struct {
		const char *more, *plugin, *identity, *tool, *scope, *grant, *deny;
		int line;
		const char *says;
	} rows[] = {
		{ "", oidc, p, ", \"at_{tenant}\"", "", "", "", 4, "so that \"at_{tenant}\" opens nothing: write tenant_claim and tenants at the provider \"p\", or what is meant" },
		{ "", xaa, p, "", x, "", "", 4, "so that \"x:/{tenant}/**\" opens nothing: write what is meant in its place" },
		{ "", oidc, both, "", "prompts = \"{tenant}\";", "", "", 4, "\"{tenant}\" opens nothing" },
		{ "", oidc, p, "", "", x, "", 5, "\"x:/{tenant}/**\" gives nothing" },
		{ "", oidc, p, "", "", like, "", 5, "\"{tenant}/*\" gives nothing" },
		{ "", xaa, p, "", "", "", x, 6, "\"x:/{tenant}/**\" refuses whatever stands in its place" },
		{ "", oidc, both, "", "", "", like, 6, "\"{tenant}/*\" refuses whatever stands in its place" },
		/* Others of the service have one: the rule for p alone is for nobody. */
		{ "", oidc, full, ", \"at_{tenant}\"", x, "", like, 0, NULL },
		{ "", oidc, full, "", x, x, "", 5, "gives nothing" },
		{ "", oidc, full, "", "", "", "provider = \"p\"; prompts = \"{tenant}\";", 6, "\"{tenant}\" refuses" },
		{ "", "\"oidc\"; tenant_claim = \"t\"; tenants = [\"t1\"];", p, "", x, x, like, 0, NULL },
		{ "", "\"theirs\";", both, "", x, x, like, 0, NULL },
		{ "", "\"/opt/oidc.so\";", p, "", x, x, like, 0, NULL },
		{ "published = \"/run/ema\";", oidc, p, "", x, x, like, 0, NULL },
		{ "", oidc, p, ", \"at_{subject}\"", "uris = \"x:/{email}\";", "", "when = { args = ( { at = \"/a\"; equals = \"{tenant}\"; } ); };", 0, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[2048];
		snprintf(text, sizeof text, form, rows[i].more, rows[i].plugin, rows[i].identity, rows[i].tool, rows[i].scope, rows[i].grant, rows[i].deny);
		one_finding(text, i, "-NO-SOURCE", rows[i].says ? "W-NO-SOURCE" : NULL, rows[i].line, rows[i].says);
	}
}

/* A "when" that fits nobody: an identity rule then lets nobody in, but a guard refuses nobody. */
static void whens_for_nobody(void **state)
{
	(void)state;
	static const char form[] = "issuer = \"https://a.example\"; audit = ( { plugin = \"file\"; } ); guards = ( { id = \"g\"; plugin = \"hours\"; } );\n"
		"clients = ( { id = \"app\"; auth = \"client_secret_basic\"; secret = { fd = 3; }; } ); stacks = ( { id = \"both\"; rules = [\"p\", \"q\"]; } );\n"
		"providers = ( { id = \"p\"; plugin = \"x\"; authority = [\"p.example\"]; }, { id = \"q\"; plugin = \"x\"; authority = [\"q.example\"]; } );\n"
		"services = ( { id = \"s\"; resource = \"https://m.example/s\";\nidentity = %s;\nguards = %s; } );\n";
	static const char p[] = "[\"p\"]", both[] = "[\"@both\"]", none[] = "[\"g\"]";
#define GUARD(control, when) "( { control = \"" control "\"; guard = \"g\"; when = { " when " }; } )"
#define RULE(target, when) "( { control = \"required\"; " target "; when = { " when " }; } )"
	static const struct {
		const char *identity, *guards, *id; int line; const char *says;
	} rows[] = {
		{ p, GUARD("required", "email_domain = \"p.example\";"), NULL, 0, "" },
		{ p, GUARD("required", "email_domain = \"P.Example\"; client = \"app\";"), NULL, 0, "" },
		{ both, GUARD("required", "email_domain = [\"q.example\", \"p.example\"];"), NULL, 0, "" },
		{ p, GUARD("required", "email_domain = \"q.example\";"), "E-NO-SOURCE", 6, "the authority for \"q.example\", so that no address there counts, and the guard is never asked" },
		{ both, GUARD("requisite", "email_domain = [\"c.example\", \"d.example\"];"), "E-NO-SOURCE", 6, "\"c.example\"" },
		{ both, GUARD("required", "email_domain = [\"q.example\", \"c.example\"];"), "W-NO-SOURCE", 6, "\"c.example\", so that no address there counts: name" },
		{ p, GUARD("optional", "email_domain = \"c.example\";"), "W-NO-SOURCE", 6, "never asked" },
		{ p, GUARD("required", "client = \"appp\";"), "E-UNKNOWN", 6, "there is no client \"appp\"" },
		{ RULE("provider = \"p\"", "email_domain = \"p.example\"; client = \"app\";"), none, NULL, 0, "" },
		{ RULE("stack = \"both\"", "email_domain = \"q.example\";"), none, NULL, 0, "" },
		{ RULE("provider = \"p\"", "email_domain = \"q.example\";"), none, "W-NO-SOURCE", 5, "and the rule is for nobody" },
		{ RULE("stack = \"both\"", "email_domain = [\"q.example\", \"c.example\"];"), none, "W-NO-SOURCE", 5, "\"c.example\"" },
		{ RULE("provider = \"p\"", "client = \"appp\";"), none, "W-UNUSED", 5, "there is no client \"appp\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[2048];
		snprintf(text, sizeof text, form, rows[i].identity, rows[i].guards);
		one_finding(text, i, NULL, rows[i].id, rows[i].line, rows[i].says);
	}
}

/* Clients that rules name are those of the list, those with a document that is taken, and whom a provider gave tokens that are taken. */
static void clients_of_rules(void **state)
{
	(void)state;
	static const char form[] = "issuer = \"https://a.example\"; audit = ( { plugin = \"file\"; } ); %s\n"
		"clients = ( { id = \"app\"; auth = \"client_secret_basic\"; secret = { fd = 3; }; } );\n"
		"providers = ( { id = \"p\"; plugin = \"x\"; } ); stacks = ( { id = \"one\"; rules = ( { control = \"required\"; provider = \"p\"; when = { client = \"0b9c\"; }; } ); } );\n"
		"services = ( { id = \"s\"; resource = \"https://m.example/s\"; identity = [\"p\"];\n" SCOPES
		"audience = ( { provider = \"p\"; is = \"x\"; clients = \"0b9c\"; scope_map = \"any\"; } );\n"
		"grants = ( { provider = \"p\"; scopes = \"r\"; }, { provider = \"p\"; scopes = \"r\"; client = \"%s\"; } );\n"
		"denies = ( { client = \"%s\"; } ); },\n"
		"{ id = \"t\"; resource = \"https://m.example/t\"; issuer = \"https://a.example/t\"; identity = [\"p\"]; denies = ( { client = \"app\"; } ); } );\n";
	static const char urls[] = "client_documents = { urls = [\"https://app.example/client.json\"]; };", hosts[] = "client_documents = { hosts = [\"app.example\"]; };";
	static const struct {
		const char *documents, *client; int known;
	} rows[] = {
		{ "", "app", 1 }, { "", "apq", 0 }, { "", "0b9c", 1 }, { "", "0b9d", 0 }, { "", "https://app.example/client.json", 0 },
		{ urls, "https://app.example/client.json", 1 }, { urls, "https://app.example/other.json", 0 }, { urls, "apq", 0 },
		{ hosts, "https://app.example/other.json", 1 }, { hosts, "https://APP.example/c", 1 }, { hosts, "https://app.example:8443/c", 0 },
		{ hosts, "https://apq.example/other.json", 0 }, { hosts, "app.example", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[2048];
		struct findings findings = { NULL, 0, 0, 0 };
		snprintf(text, sizeof text, form, rows[i].documents, rows[i].client, rows[i].client);
		struct conf *conf = conf_read_text(text, strlen(text), "/nowhere/ema.conf", &findings);
		const size_t wrong = (size_t)show_find(&findings, "E-UNKNOWN", 7, "there is no client") + (size_t)show_find(&findings, "E-UNKNOWN", 8, "there is no client");
		/* A stack is for services that may take tokens of other clients. */
		if (show_find(&findings, "W-UNUSED", 3, "") || !conf != !rows[i].known || wrong != (rows[i].known ? 0 : 2)) {
			show_all(&findings);
			fail_msg("row %zu: %s", i, rows[i].client);
		}
		conf_free(conf);
		findings_free(&findings);
	}
}

/* What is no finding: a service that had the issuer until a time which is over, or for whom another provider vouches; http in a list of either kind. */
static void nothing_is_wrong(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ FORMERS("2020-01-01", "https://b.example/", "[\"okta\"]", ""), "W-SHARED-ISSUER-NO-RESOURCE", 0, "" },
		{ FORMERS("2999-01-01", "https://o.example/", "[\"okta\"]", FORMER("https://b.example/", "2020-01-01")), "W-SHARED-ISSUER-NO-RESOURCE", 0, "" },
		{ FORMERS("2999-01-01", "https://b.example/", "[\"azure\"]", ""), "W-SHARED-ISSUER-NO-RESOURCE", 0, "" },
		{ "client_documents = { urls = [\"http://127.0.0.1/x\"]; insecure_http = true; };", "E-VALUE", 0, "" },
		{ "client_documents = { urls = (\"http://127.0.0.1/x\"); insecure_http = true; };", "E-VALUE", 0, "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct findings findings = { NULL, 0, 0, 0 };
		struct conf *conf = conf_read_text(rows[i].text, strlen(rows[i].text), "/nowhere/ema.conf", &findings);
		if (!conf || show_find(&findings, rows[i].id, rows[i].line, rows[i].fragment)) {
			show_all(&findings);
			fail_msg("row %zu", i);
		}
		conf_free(conf);
		findings_free(&findings);
	}
}

/* JAG-109, JAG-120, REV-76, REV-78: tokens of ours, and whether a provider's quota lasts for them. */
static void tokens(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ "token = { algorithm = \"HS256\"; };", "E-UNKNOWN", 1, "ES256" },
		{ "token = { algorithm = \"none\"; };", "E-UNKNOWN", 1, "ES256" },
		{ "token = { lifetime = 3600; };", "E-TYPE", 1, "lifetime: a string with a number and its unit is wanted here, not a number: write \"1h\"" },
		{ "token = { lifetime = 90; };", "E-TYPE", 1, "write \"90s\"" },
		{ "token = { lifetime = -9223372036854775807L; };", "E-TYPE", 1, "write \"1m\"" },
		{ "spool_size = 1048576;", "E-TYPE", 1, "write \"1MiB\"" },
		{ "token = { algorithm = [\"ES256\"]; };", "E-TYPE", 1, "" },
		{ "token = \"ES256\";", "E-TYPE", 1, "" },
		{ "token = { livetime = \"1h\"; };", "E-UNKNOWN", 1, "lifetime" },
		{ "token = { lifetime = \"25h\"; };", "E-VALUE", 1, "outside" },
		{ "token = { lifetime = \"59s\"; };", "E-VALUE", 1, "outside" },
		{ "token = { lifetime = \"61m\"; };", "W-TOKEN-LIFETIME", 1, "locks out" },
		{ OKTA_ONLY("token_lifetime = \"2h\";"), "W-TOKEN-LIFETIME", 6, "token_lifetime" },
		{ OKTA_ONLY("token_lifetime = \"2d\";"), "E-VALUE", 6, "outside" },
		{ "token = { rotate_after = \"1d\";\npublish_before = \"24h\"; };", "E-VALUE", 2, "shorter than rotate_after" },
		{ "token = { publish_before = \"8d\"; };", "E-VALUE", 1, "outside" },
		{ PROVIDER("monthly_quota = -1;"), "E-VALUE", 2, "outside" },
		{ QUOTA("services = ( " QUOTA_SERVICE("a", "") " );"), "N-QUOTA", 4, "176 ID-JAGs a month for a service, 176 for the 1 service with this issuer; the provider gives 250" },
		{ QUOTA("services = ( " QUOTA_SERVICE("a", "token_lifetime = \"30m\";") " );"), "W-QUOTA", 4, "352" },
		{ QUOTA("token = { lifetime = \"50m\"; }; services = ( " QUOTA_SERVICE("a", "") " );"), "N-QUOTA", 4, "220" },
		{ QUOTA("services = ( " QUOTA_SERVICE("a", "") ", " QUOTA_SERVICE("b", "") " );"), "W-QUOTA", 4, "352 for the 2 services" },
		{ QUOTA("services = ( " QUOTA_SERVICE("a", "") ", " QUOTA_SERVICE("b", "issuer = \"https://b.example\";") " );"), "N-QUOTA", 4, "https://b.example" },
	};
	TABLE(rows);
}

/* JAG-07 */
static void clear_text_is_for_this_host_or_named_proxies(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ "listen = ( { address = \"0.0.0.0:80\"; } );", "E-CLEARTEXT", 1, "0.0.0.0:80" },
		{ "listen = (\n{ address = \"192.0.2.1:80\"; serve = [\"health\", \"metadata\"]; } );", "E-CLEARTEXT", 2, "proxies" },
		{ "listen = ( { address = \"0.0.0.0:9090\"; serve = [\"health\", \"metrics\"]; } );", "E-CLEARTEXT", 1, "0.0.0.0:9090" },
		{ "listen = ( { address = \"[::]:80\"; } );", "E-CLEARTEXT", 1, "tls" },
		{ "listen = ( { address = \"[::ffff:192.0.2.1]:80\"; } );", "E-CLEARTEXT", 1, "tls" },
	};
	static const char *const good[] = {
		"listen = ( { address = \"127.0.0.1:80\"; }, { address = \"[::1]:80\"; }, { address = \"unix:/x\"; mode = \"0660\"; }, { address = \"systemd:http\"; } );",
		"listen = ( { address = \"0.0.0.0:80\"; } ); proxies = [\"192.0.2.1\"];",
		"listen = ( { address = \"0.0.0.0:443\"; tls = { certificate = \"a\"; key = \"b\"; }; } );",
		"listen = ( { address = \"0.0.0.0:9090\"; serve = [\"health\"]; } );",
	};
	TABLE(rows);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct findings findings = { NULL, 0, 0, 0 };
		struct conf *conf = conf_read_text(good[i], strlen(good[i]), "/nowhere/ema.conf", &findings);
		if (!conf)
			show_all(&findings);
		assert_non_null(conf);
		/* Nothing but these two unless it is written out. */
		assert_int_equal(conf->listeners[0].serve, i == 3 ? EMA_SERVE_HEALTH : EMA_SERVE_TOKEN | EMA_SERVE_METADATA);
		conf_free(conf);
		findings_free(&findings);
	}
}

/* MCP-40, MCP-48, MCP-69 */
static void decisions(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ "listen = ( { address = \"unix:/x\";\nserve = [\"decision\"]; } );", "E-MISSING", 2, "proxies" },
		{ OKTA_ONLY("origins = [\"https://app.example/\"];"), "E-VALUE", 6, "no origin" },
		{ OKTA_ONLY("origins = [\"*\"];"), "E-VALUE", 6, "no origin" },
		{ OKTA_ONLY("origins = [\"https://*.app.example\"];"), "E-VALUE", 6, "no origin" },
		{ OKTA_ONLY("origins = [\"https://App.example\"];"), "E-VALUE", 6, "lower case" },
		{ OKTA_ONLY("origins = [\"app.example\"];"), "E-VALUE", 6, "no origin" },
		{ OKTA_ONLY("origins = 1;"), "E-TYPE", 6, "" },
		{ OKTA_ONLY("revisions = [\"2024-11-05\"];"), "E-UNKNOWN", 6, "2025-11-25" },
		{ OKTA_ONLY("revisions = [\"2026-07-28\", \"2025-03-26\"];"), "W-REVISION", 6, "before 2025-11-25" },
		{ OKTA_ONLY("decision = \"mcp\";"), "E-TYPE", 6, "" },
		{ OKTA_ONLY("decision = { without_boddy = \"mcp\"; };"), "E-UNKNOWN", 6, "without_body" },
		{ OKTA_ONLY("decision = { without_body = \"allow\"; };"), "E-UNKNOWN", 6, "connect" },
		{ OKTA_ONLY("decision = { original = \"Forwarded\"; };"), "E-UNKNOWN", 6, "X-Forwarded" },
		{ OKTA_ONLY("decision = { enforced_by = \"server\"; };"), "E-VALUE", 6, "alone" },
		{ OKTA_ONLY("decision = { without_body = \"connect\"; };"), "W-CONNECT", 6, "not looked at there" },
		{ OKTA_ONLY(SCOPES "decision = { without_body = \"connect\"; };"), "E-CONNECT", 7, "line 6 has rules" },
		{ OKTA_ONLY(SCOPES "decision = { without_body = \"connect\"; enforced_by = \"server\"; };"), "W-CONNECT", 7, "the MCP server must" },
		{ OKTA_ONLY("denies = ( { tools = \"x\"; } );\ndecision = { without_body = \"connect\"; };"), "E-CONNECT", 7, "enforced_by" },
		{ OKTA_ONLY("denies = ( { uris = \"x:y\"; } );\ndecision = { without_body = \"connect\"; };"), "E-CONNECT", 7, "enforced_by" },
		{ OKTA_ONLY("denies = ( { when = { args = ( { at = \"/a\"; equals = 1; } ); }; } );\ndecision = { without_body = \"connect\"; };"), "E-CONNECT", 7, "enforced_by" },
	};
	TABLE(rows);
}

static void listeners(void **state)
{
	(void)state;
	static const struct bad rows[] = {
		{ "listen = ( { serve = \"token\"; } );", "E-MISSING", 1, "address" },
		{ "listen = ( { address = \"localhost:9700\"; } );", "E-VALUE", 1, "names are not looked up: write \"127.0.0.1:9700\"" },
		{ "listen = ( { address = \"mcp.example:80\"; } );", "E-VALUE", 1, "names of hosts are not looked up" },
		{ "listen = ( { address = \"127.0.0.1\"; } );", "E-VALUE", 1, "no address with a port" },
		{ "listen = ( { address = \"::1:80\"; } );", "E-VALUE", 1, "[::1]:8080" },
		{ "listen = ( { address = \"127.0.0.1:65536\"; } );", "E-VALUE", 1, "wrong port" },
		{ "listen = ( { address = \"127.0.0.1:080\"; } );", "E-VALUE", 1, "wrong port" },
		{ "listen = ( { address = \"unix:emad.sock\"; } );", "E-VALUE", 1, "begins with" },
		{ "listen = ( { address = \"systemd:\"; } );", "E-VALUE", 1, "FileDescriptorName" },
		{ "listen = ( { address = \"127.0.0.1:80\"; mode = \"0600\"; } );", "E-VALUE", 1, "alone" },
		{ "listen = ( { address = \"unix:/x\"; mode = \"0444\"; } );", "E-VALUE", 1, "0660" },
		{ "listen = ( { address = \"unix:/x\"; mode = \"rw\"; } );", "E-VALUE", 1, "0660" },
		{ "listen = ( { address = \"unix:/x\"; serve = \"tokens\"; } );", "E-UNKNOWN", 1, "did you mean" },
		{ "listen = ( { address = \"unix:/x\"; serve = []; } );", "E-VALUE", 1, "empty" },
		{ "listen = ( { address = \"unix:/x\"; serve = true; } );", "E-TYPE", 1, "serve" },
		{ "listen = ( { address = \"unix:/x\"; },\n{ address = \"unix:/x\"; } );", "E-DUPLICATE", 2, "line 1" },
		{ "state_dir = \"/x\";\nlisten = ( { address = \"127.0.0.1:80\"; },\n{ address = \"unix:/x/emad.sock\"; } );", "E-DUPLICATE", 3, "emad's admin socket, by state_dir in line 1" },
		{ "state_dir = \"/y\";\nadmin_socket = \"/x\";\nlisten = ( { address = \"unix:/x\"; } );", "E-DUPLICATE", 3, "by admin_socket in line 2" },
		{ "\nadmin_socket = \"/" NINETY_SIX "0123456789a\"; listen = ( { address = \"127.0.0.1:80\"; } );", "E-VALUE", 2, "107 bytes at most: name a shorter one" },
		{ "\nstate_dir = \"/" NINETY_SIX "7\"; listen = ( { address = \"127.0.0.1:80\"; } );", "E-VALUE", 2, "/emad.sock, a path too long for a socket, which has 107 bytes at most: name a shorter one with admin_socket" },
		{ "listen = ( { address = \"127.0.0.1:80\"; tls = { certificate = \"a\"; }; } );", "E-MISSING", 1, "key" },
		{ "listen = ( { address = \"127.0.0.1:80\"; tls = true; } );", "E-TYPE", 1, "group" },
		{ "limits = { connections = 3; };", "E-VALUE", 1, "outside" },
		{ "limits = { idle = \"3s\"; };", "E-UNKNOWN", 1, "idle_timeout" },
		{ "proxies = [\"proxy.example\"];", "E-VALUE", 1, "no address" },
		{ "proxies = [\"10.1.0.0/33\"];", "E-VALUE", 1, "no address" },
		{ "proxies = [\"10.1.0.1/8\"];", "E-VALUE", 1, "bits behind" },
	};
	static const char *const good[] = {
		"state_dir = \"/" NINETY_SIX "\"; listen = ( { address = \"unix:/x/emad.sock\"; } );",
		"state_dir = \"/x\"; admin_socket = \"/" NINETY_SIX "0123456789\"; listen = ( { address = \"unix:/x/emad.sock\"; } );",
		/* No emad's. */
		"state_dir = \"/" NINETY_SIX "7\";",
	};
	TABLE(rows);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct findings findings = { NULL, 0, 0, 0 };
		struct conf *conf = conf_read_text(good[i], strlen(good[i]), "/nowhere/ema.conf", &findings);
		if (!conf)
			show_all(&findings);
		assert_non_null(conf);
		conf_free(conf);
		findings_free(&findings);
	}
}

static void proxies_are_those_that_are_named(void **state)
{
	(void)state;
	static const char text[] = "proxies = [\"192.0.2.1\", \"10.1.0.0/16\", \"2001:db8::/32\", \"unix\"];", none[] = "threads = 1;";
	static const struct { const char *peer; int is; } rows[] = {
		{ "192.0.2.1", 1 }, { "192.0.2.2", 0 }, { "::ffff:192.0.2.1", 1 }, { "10.1.255.255", 1 }, { "10.2.0.0", 0 }, { "2001:db8:1::1", 1 },
		{ "2001:db9::1", 0 }, { "unix", 1 }, { "", 0 }, { "UNIX", 0 }, { "192.0.2.1 ", 0 },
	};
	struct findings findings = { NULL, 0, 0, 0 };
	struct conf *conf = conf_read_text(text, sizeof text - 1, "/nowhere/ema.conf", &findings);
	struct conf *nobody = conf_read_text(none, sizeof none - 1, "/nowhere/ema.conf", &findings);
	assert_non_null(conf);
	assert_non_null(nobody);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (conf_is_proxy(conf, rows[i].peer) != rows[i].is)
			fail_msg("%s", rows[i].peer);
		assert_int_equal(conf_is_proxy(nobody, rows[i].peer), 0);
	}
	conf_free(conf);
	conf_free(nobody);
	findings_free(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_libconfig_takes_in_silence),
		cmocka_unit_test(nul_and_bombs),
		cmocka_unit_test(keys_and_values),
		cmocka_unit_test(clients),
		cmocka_unit_test(secrets_are_not_repeated),
		cmocka_unit_test(rules),
		cmocka_unit_test(policy_and_lint),
		cmocka_unit_test(groups_from_nowhere),
		cmocka_unit_test(tenants_from_nowhere),
		cmocka_unit_test(whens_for_nobody),
		cmocka_unit_test(clients_of_rules),
		cmocka_unit_test(nothing_is_wrong),
		cmocka_unit_test(tokens),
		cmocka_unit_test(clear_text_is_for_this_host_or_named_proxies),
		cmocka_unit_test(decisions),
		cmocka_unit_test(listeners),
		cmocka_unit_test(proxies_are_those_that_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
