/* What context finds in a configuration, and that looking leaves no trace. */
#define _GNU_SOURCE
#include "world.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "buffer.h"

/* ---- Who starts a thread or opens a socket is seen ---- */

static atomic_int threads, sockets;

/* A sanitizer that is linked in has these functions itself. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define UNSEEN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNSEEN 1
#endif
#ifdef UNSEEN
static const int seen = 0;
#else
static const int seen = 1;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *data)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *found = dlsym(RTLD_NEXT, "pthread_create");
	memcpy(&real, &found, sizeof real);
	atomic_fetch_add(&threads, 1);
	return real(thread, attributes, start, data);
}

int socket(int domain, int type, int protocol)
{
	int (*real)(int, int, int);
	void *found = dlsym(RTLD_NEXT, "socket");
	memcpy(&real, &found, sizeof real);
	atomic_fetch_add(&sockets, 1);
	return real(domain, type, protocol);
}
#endif

/* Names, sizes and times of all that is in the folder. */
static char *listing(const struct world *world)
{
	char command[160];
	struct buffer text = BUFFER_INIT(65536);
	snprintf(command, sizeof command, "find '%s' -printf '%%P %%s %%T@ %%C@ %%m\\n' | sort", world->folder);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	for (int c; (c = fgetc(pipe)) != EOF;)
		buffer_char(&text, (char)c);
	assert_int_equal(pclose(pipe), 0);
	return buffer_take(&text);
}

#define HEAD "issuer = \"" OURS "\";\n"
#define IDP "{ id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; }"
#define OTHER(more) "{ id = \"other\"; plugin = \"oidc\"; issuer = \"https://other.example\"; jwks = \"%JWKS%\"; " more "}"
#define SVC "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; } );\n"

static const struct {
	const char *id;
	int line;
	const char *text, *conf;
} cases[] = {
	{ "E-ROLE", 2, "plugin \"file\" is no identity plugin", HEAD "providers = ( { id = \"idp\"; plugin = \"file\"; } );\n" SVC },
	{ "E-ROLE", 3, "plugin \"oidc\" is no guard plugin", HEAD "providers = ( " IDP " );\nguards = ( { id = \"g\"; plugin = \"oidc\"; } );\n" SVC },
	{ "E-ROLE", 3, "plugin \"oidc\" is no directory plugin", HEAD "providers = ( " IDP " );\ndirectories = ( { id = \"d\"; plugin = \"oidc\"; } );\n" SVC },
	{ "E-ROLE", 3, "plugin \"oidc\" is no audit plugin", HEAD "providers = ( " IDP " );\naudit = ( { plugin = \"oidc\"; } );\n" SVC },
	{ "E-ROLE", 3, "plugin \"oidc\" is no store plugin", HEAD "providers = ( " IDP " );\nstore = { plugin = \"oidc\"; };\n" SVC },
	{ "E-VALUE", 2, "accepts: the plugin \"okta_xaa\", as it is set up here, reads \"id_jag\" alone",
	  HEAD "providers = ( { id = \"idp\"; plugin = \"okta_xaa\"; org = \"https://127.0.0.1:2\"; accepts = [\"access_token\"]; } );\n" SVC },
	{ "E-VALUE", 2, "an issuer has no query, no fragment",
	  HEAD "providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"https://idp.example/?x#y\"; jwks = \"%JWKS%\"; } );\n" SVC },
	{ "E-PLUGIN", 2, "nosuch", HEAD "providers = ( { id = \"idp\"; plugin = \"nosuch\"; } );\n" SVC },
	{ "E-PLUGIN", 4, "nosuch", HEAD "providers = ( " IDP " );\nguards = ( { id = \"g\";\n  plugin = \"nosuch\"; } );\n" SVC },
	{ "E-PLUGIN", 3, "nosuch", HEAD "providers = ( " IDP " );\ndirectories = ( { id = \"d\"; plugin = \"nosuch\"; } );\n" SVC },
	{ "E-PLUGIN", 3, "nosuch", HEAD "providers = ( " IDP " );\naudit = ( { plugin = \"nosuch\"; } );\n" SVC },
	{ "E-PLUGIN", 3, "nosuch", HEAD "providers = ( " IDP " );\nstore = { plugin = \"nosuch\"; };\n" SVC },
	{ "E-PLUGIN", 3, "could not start", HEAD "providers = ( " IDP " );\nguards = ( { id = \"g\"; plugin = \"fault\"; misbehave = \"open_fails\"; } );\n" SVC },
	{ "E-ISSUER", 3, "provider \"twin\" has the issuer \"" ISSUER "\", and so has \"idp\" at",
	  HEAD "providers = ( " IDP ",\n  { id = \"twin\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; } );\n" SVC },
	{ "E-ISSUER", 3, "provider \"twin\" has the issuer \"" ISSUER "\" tenant t1",
	  HEAD "providers = ( " IDP ",\n  { id = \"twin\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; tenant_claim = \"t\"; tenants = [\"t1\"]; } );\n" SVC },
	{ "E-ISSUER", 3, "which is our own",
	  HEAD "providers = ( " IDP ",\n  { id = \"self\"; plugin = \"oidc\"; issuer = \"" OURS "\"; jwks = \"%JWKS%\"; } );\n" SVC },
	{ "E-ISSUER", 3, "which is our own",
	  HEAD "providers = ( " IDP ",\n  { id = \"self\"; plugin = \"oidc\"; issuer = \"" OURS "\"; jwks = \"%JWKS%\"; } );\n"
	  "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; issuer = \"https://own.example/svc\"; identity = [\"idp\"]; } );\n" },
	{ "E-ISSUER", 3, "which is our own",
	  HEAD "providers = ( " IDP ",\n  { id = \"self\"; plugin = \"oidc\"; issuer = \"https://old.example\"; jwks = \"%JWKS%\"; } );\n"
	  "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"];\n"
	  "  former_issuers = ( { issuer = \"https://old.example\"; until = \"2036-01-01\"; } ); } );\n" },
	{ "E-ISSUER", 2, "which is our own",
	  "providers = ( " IDP ",\n  { id = \"self\"; plugin = \"oidc\"; issuer = \"https://own.example/svc\"; jwks = \"%JWKS%\"; } );\n"
	  "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; issuer = \"https://own.example/svc\"; identity = [\"idp\"]; } );\n" },
	{ "E-TENANT", 3, "service \"svc\" takes provider \"other\", which has several tenants",
	  HEAD "providers = ( " OTHER("tenant_claim = \"t\"; tenants = [\"t1\", \"t2\"]; ") " );\n"
	  "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"other\"]; } );\n" },
	{ "E-TENANT", 5, "this grant is for provider \"other\", which has several tenants",
	  HEAD "providers = ( " OTHER("tenant_claim = \"t\"; tenants = [\"t1\", \"t2\"]; ") " );\n"
	  "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"other\"]; tenants = [\"t1\"];\n"
	  "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } );\n"
	  "  grants = ( { provider = \"other\"; group = \"g\"; scopes = [\"read\"]; } ); } );\n" },
	{ "E-REQUIRED-ISSUERS-DIFFER", 4, "\"idp\" and \"other\" are both required and have different issuers",
	  HEAD "providers = ( " IDP ", " OTHER("") " );\nservices = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = ( { control = \"required\"; provider = \"idp\"; },\n"
	  "  { control = \"required\"; provider = \"other\"; } ); } );\n" },
	{ "E-REQUIRED-ISSUERS-DIFFER", 4, "no token satisfies both",
	  HEAD "providers = ( " IDP ", " OTHER("") " );\nstacks = ( { id = \"s\"; rules = ( { control = \"required\"; provider = \"idp\"; },\n"
	  "  { control = \"required\"; provider = \"other\"; } ); } );\n"
	  "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"@s\"]; } );\n" },
};

static void findings_have_a_place(void **state)
{
	struct world world;
	char path[128];
	(void)state;
	world_open(&world);
	snprintf(path, sizeof path, "%s/ema.conf", world.folder);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ema_findings *findings = NULL;
		int found = 0;
		char line[160];
		world_file(&world, "ema.conf", cases[i].conf);
		assert_int_equal(ema_lint(world.context, path, &findings), EMA_CONFIG);
		for (size_t k = 0; ema_finding_id(findings, k); k++)
			found |= !strcmp(ema_finding_id(findings, k), cases[i].id) && !strcmp(ema_finding_file(findings, k), path) &&
			         ema_finding_line(findings, k) == cases[i].line && strstr(ema_finding_text(findings, k), cases[i].text);
		if (!found) {
			for (size_t k = 0; ema_finding_id(findings, k); k++)
				print_message("%s:%d: %s: %s\n", ema_finding_file(findings, k), ema_finding_line(findings, k), ema_finding_id(findings, k),
				              ema_finding_text(findings, k));
			fail_msg("case %zu: no %s at line %d with \"%s\"", i, cases[i].id, cases[i].line, cases[i].text);
		}
		ema_findings_free(findings);
		/* A load refuses what the lint refuses, in the same words. */
		snprintf(line, sizeof line, "%s:%d: %s: ", path, cases[i].line, cases[i].id);
		assert_int_equal(ema_load(world.context, path), EMA_CONFIG);
		if (!strstr(ema_error(world.context), line) || !strstr(ema_error(world.context), cases[i].text))
			fail_msg("case %zu: %s; expected %s", i, ema_error(world.context), line);
		assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_CONFIG);
	}
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	world_close(&world);
}

struct unused {
	int line;
	const char *says;
};

/* What a configuration has of this kind, each once, and no more. */
static void unused_are(const char *conf, const struct unused *rows, size_t count)
{
	struct world world;
	char path[128];
	ema_findings *findings = NULL;
	size_t told = 0, all = 0;
	world_open(&world);
	snprintf(path, sizeof path, "%s/ema.conf", world.folder);
	world_file(&world, "ema.conf", conf);
	assert_int_equal(ema_lint(world.context, path, &findings), EMA_OK);
	for (size_t k = 0; ema_finding_id(findings, k); k++)
		if (!strcmp(ema_finding_id(findings, k), "W-UNUSED")) {
			size_t r = 0;
			while (r < count && (ema_finding_line(findings, k) != rows[r].line || !strstr(ema_finding_text(findings, k), rows[r].says)))
				r++;
			if (r == count)
				fail_msg("%d: %s", ema_finding_line(findings, k), ema_finding_text(findings, k));
			told |= (size_t)1 << r;
			all++;
		}
	assert_int_equal(told, ((size_t)1 << count) - 1);
	assert_int_equal(all, count);
	ema_findings_free(findings);
	world_close(&world);
}

/* A grant, and a deny, for a tenant that the provider does not have; one that it has is nothing to tell. */
static void tenants_are_there(void **state)
{
	static const struct unused rows[] = { { 6, "\"idp\" has no tenant \"t1\"" }, { 7, "\"other\" has no tenant \"t3\"" } };
	(void)state;
	unused_are(HEAD "providers = ( " IDP ", " OTHER("tenant_claim = \"t\"; tenants = [\"t1\", \"t2\"]; ") " );\n"
	           "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\", \"other\"]; tenants = [\"t1\"];\n"
	           "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } );\n"
	           "  grants = ( { provider = \"other\"; tenant = \"t1\"; group = \"g\"; scopes = [\"read\"]; },\n"
	           "    { provider = \"idp\"; tenant = \"t1\"; group = \"g\"; scopes = [\"read\"]; } );\n"
	           "  denies = ( { provider = \"other\"; tenant = \"t3\"; tools = \"*\"; } ); } );\n", rows, sizeof rows / sizeof *rows);
}

/* Rules for any provider, and a "when", with a tenant that nobody of whom the service asks has. */
static void tenants_are_somebodys(void **state)
{
	static const struct unused rows[] = {
		{ 3, "no provider that \"other\" can be asked for has a tenant \"t4\": this has no effect" },
		{ 5, "no provider that \"people\" can be asked for has a tenant \"t5\": this has no effect" },
		{ 6, "no provider that \"g\" can be asked for has a tenant \"T1\": for that one the guard is never asked" },
		{ 8, "no provider that the service asks has a tenant \"t6\": this has no effect" },
		{ 9, "no provider that the service asks has a tenant \"t3\": this has no effect" },
		{ 10, "no provider that the service asks has a tenant \"t9\": this has no effect" },
	};
	(void)state;
	unused_are(HEAD "providers = ( " IDP ", " OTHER("tenant_claim = \"t\"; tenants = [\"t1\", \"t2\"]; ") ", { id = \"third\"; plugin = \"oidc\";"
	           " issuer = \"https://third.example\"; jwks = \"%JWKS%\"; tenant_claim = \"t\"; tenants = [\"t9\"]; } ); guards = ( { id = \"g\"; plugin = \"fault\"; } );\n"
	           "stacks = ( { id = \"people\"; rules = ( \"idp\", { control = \"sufficient\"; provider = \"other\"; when = { tenant = [\"t1\", \"t4\"]; }; } ); } );\n"
	           "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; tenants = [\"t1\", \"t2\"];\n"
	           "  identity = ( { control = \"sufficient\"; stack = \"people\"; when = { tenant = [\"t2\", \"t5\"]; }; } );\n"
	           "  guards = ( { control = \"required\"; guard = \"g\"; when = { tenant = [\"T1\", \"t1\"]; }; } );\n"
	           "  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"*\"]; } );\n"
	           "  grants = ( { provider = \"*\"; tenant = [\"t1\", \"t6\"]; scopes = [\"read\"]; } );\n"
	           "  denies = ( { tenant = \"t3\"; tools = \"*\"; }, { tenant = \"t2\"; tools = \"get_x\"; },\n"
	           "    { provider = \"*\"; tenant = \"t9\"; tools = \"*\"; } ); } );\n", rows, sizeof rows / sizeof *rows);
}

/* Tenants of their own let two providers share an issuer, and required rules may meet in one. */
static void what_is_right_passes(void **state)
{
	static const char *const confs[] = {
		HEAD "providers = ( " OTHER("tenant_claim = \"t\"; tenants = [\"t1\"]; ") ", { id = \"idp\"; plugin = \"oidc\"; issuer = \"https://other.example\";"
		" jwks = \"%JWKS%\"; tenant_claim = \"t\"; tenants = [\"t2\"]; } );\n" SVC,
		HEAD "providers = ( " IDP " );\nstore = { plugin = \"fault\"; };\naudit = ( { plugin = \"fault\"; } );\n" SVC,
	};
	struct world world;
	char path[128];
	(void)state;
	world_open(&world);
	snprintf(path, sizeof path, "%s/ema.conf", world.folder);
	for (size_t i = 0; i < sizeof confs / sizeof *confs; i++) {
		ema_findings *findings = NULL;
		world_file(&world, "ema.conf", confs[i]);
		int code = ema_lint(world.context, path, &findings);
		if (code)
			fail_msg("%zu: %s", i, ema_finding_text(findings, 0));
		ema_findings_free(findings);
	}
	world_close(&world);
}

#define RATED(rates, more) HEAD "providers = ( " IDP " );\naudit = ( { plugin = \"file\"; path = \"%FOLDER%/a\"; } );\n" rates "\n" \
	"services = ( { id = \"a\"; resource = \"https://mcp.example/a\"; identity = [\"idp\"]; },\n" \
	"  { id = \"b\"; resource = \"https://mcp.example/b\"; issuer = \"https://b.example\"; identity = [\"idp\"]; " more " } );\n"

/* Whoever looks is told how many users the rates let in. */
static void rates_are_told(void **state)
{
	static const struct {
		const char *conf, *id, *text;
		int line;
	} rows[] = {
		{ RATED("", ""), "N-RATES", "for 2 services a user needs 2 tokens to start and up to 2 an hour; address = 600 lets 300 users behind one address start in the "
		  "same minute, 18000 work there; a user with one client has subject = 60 redemptions a minute", 1 },
		{ RATED("rates = { address = 10; };", "token_lifetime = \"10m\";"), "N-RATES", "2 tokens to start and up to 7 an hour; address = 10 lets 5 users behind one "
		  "address start in the same minute, 85 work there", 4 },
		{ RATED("rates = { address = 1; };", ""), "W-RATES", "is held up, raise address", 4 },
		{ RATED("rates = { subject = 1; };", ""), "W-RATES", "is held up, raise subject", 4 },
		{ RATED("rates = { address = 0; subject = 0; };", ""), "N-RATES", "any number of users behind one address; a user with one client has any number", 4 },
	};
	struct world world;
	char path[128];
	(void)state;
	world_open(&world);
	snprintf(path, sizeof path, "%s/ema.conf", world.folder);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ema_findings *findings = NULL;
		size_t k = 0;
		world_file(&world, "ema.conf", rows[i].conf);
		assert_int_equal(ema_lint(world.context, path, &findings), EMA_OK);
		while (ema_finding_id(findings, k) && strcmp(ema_finding_id(findings, k) + 1, "-RATES"))
			k++;
		if (!ema_finding_id(findings, k) || strcmp(ema_finding_id(findings, k), rows[i].id) || !strstr(ema_finding_text(findings, k), rows[i].text) ||
		    ema_finding_line(findings, k) != rows[i].line)
			fail_msg("%zu: %s, line %d: %s", i, ema_finding_id(findings, k), ema_finding_line(findings, k), ema_finding_text(findings, k));
		ema_findings_free(findings);
	}
	world_close(&world);
}

/* What is opened once cannot be changed by a reload; what was in place stays. */
static void a_restart_is_needed(void **state)
{
	static const struct {
		const char *before, *after, *text;
		int line;
	} rows[] = {
		{ "", "state_dir = \"%FOLDER%/state\";", "state_dir was \"\": a restart is needed", 2 },
		{ "state_dir = \"%FOLDER%/state\";", "", "a restart is needed", 1 },
		{ "store = { plugin = \"memory\"; entries = 1000; };", "store = { plugin = \"memory\"; entries = 2000; };", "the store was another one", 2 },
		{ "", "store = { plugin = \"fault\"; };", "the store was another one", 2 },
		{ "store = { plugin = \"fault\"; };", "", "the store was another one", 1 },
		{ "", "publish = \"%FOLDER%/public\";", "publish was \"\": a restart is needed", 2 },
		{ "publish = \"%FOLDER%/public\";", "publish = \"%FOLDER%/other\";", "/public\": a restart is needed", 2 },
		{ "publish = \"%FOLDER%/public\";", "", "/public\": a restart is needed", 1 },
		{ "", "published = \"%FOLDER%/public\";", "published was \"\": a restart is needed", 2 },
		{ "", "published = \"%FOLDER%/public\"; published_by = \"daemon\";", "published_by was user 0: a restart is needed", 2 },
		{ "publish = \"%FOLDER%/public\";", "published = \"%FOLDER%/public\";", "published was \"\": a restart is needed", 2 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world world;
		char state_dir[128], *text = NULL, place[160];
		world_open(&world);
		snprintf(state_dir, sizeof state_dir, "%s/state", world.folder);
		assert_int_equal(mkdir(state_dir, 0700), 0);
		assert_true(asprintf(&text, "\n%s\n%s", rows[i].before, world_plain) > 0);
		int code = world_load(&world, text);
		if (code)
			fail_msg("%zu: %s", i, ema_error(world.context));
		free(text);
		assert_true(asprintf(&text, "\n%s\n%s", rows[i].after, world_plain) > 0);
		assert_int_equal(world_load(&world, text), EMA_CONFIG);
		free(text);
		snprintf(place, sizeof place, "%s/ema.conf:%d: E-RESTART: ", world.folder, rows[i].line);
		if (!strstr(ema_error(world.context), rows[i].line > 1 ? place : "E-RESTART: ") || !strstr(ema_error(world.context), rows[i].text))
			fail_msg("%zu: %s; expected %s", i, ema_error(world.context), place);
		assert_int_equal(world_decide_known(&world, "svc", EMA_OK, NULL), EMA_OK);
		world_close(&world);
	}
}

/* The first load that works has its own state_dir, whatever one before it had that did not. */
static void a_failed_start_leaves_nothing(void **state)
{
	struct world world;
	char *text = NULL, *trail;
	(void)state;
	world_open(&world);
	assert_true(asprintf(&text, "state_dir = \"%%FOLDER%%/none\";\n%s", world_plain) > 0);
	assert_int_equal(world_load(&world, text), EMA_CONFIG);
	assert_non_null(strstr(ema_error(world.context), "ema.conf:1: E-STATE: "));
	assert_non_null(strstr(ema_error(world.context), "does not exist: make state_dir"));
	free(text);
	assert_true(asprintf(&text, "state_dir = \"%%FOLDER%%\"; store = { plugin = \"nosuch\"; };\n%s", world_plain) > 0);
	assert_int_equal(world_load(&world, text), EMA_CONFIG);
	free(text);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	assert_int_equal(world_decide(&world, "svc", world_token(&world, "{}"), NULL), EMA_OK);
	ema_free(world.context);
	world.context = NULL;
	trail = world_read(&world, "audit.jsonl");
	assert_non_null(strstr(trail, "\"kind\":\"start\""));
	assert_non_null(strstr(trail, "\"verdict\":\"permit\""));
	free(trail);
	world_close(&world);
}

static void looking_leaves_no_trace(void **state)
{
	static const char conf[] =
		"issuer = \"" OURS "\"; state_dir = \"%FOLDER%/state\";\n"
		"providers = ( " IDP ", { id = \"net\"; plugin = \"oidc\"; issuer = \"https://127.0.0.1:1\"; }, { id = \"okta\"; plugin = \"okta_xaa\"; org = \"https://127.0.0.1:2\"; } );\n"
		"directories = ( { id = \"people\"; plugin = \"file\"; path = \"people.conf\"; } );\n"
		"audit = ( { plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; }, { plugin = \"syslog\"; transport = \"udp\"; host = \"127.0.0.1\"; port = \"1\"; on_failure = \"continue\"; } );\n"
		"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\", \"net\", \"okta\"]; directory = ( { id = \"people\"; for = [\"idp\"]; } ); } );\n";
	struct world world;
	char path[128];
	(void)state;
	world_open(&world);
	snprintf(path, sizeof path, "%s/state", world.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	world_file(&world, "people.conf", "people = ( { id = \"ada\"; subjects = [\"idp/-/ada\"]; } );\n");
	world_file(&world, "ema.conf", conf);
	snprintf(path, sizeof path, "%s/ema.conf", world.folder);
	char *before = listing(&world);
	int threads_before = atomic_load(&threads), sockets_before = atomic_load(&sockets);
	for (int i = 0; i < 2; i++) {
		ema_findings *findings = NULL;
		int code = ema_lint(world.context, path, &findings);
		for (size_t k = 0; code && ema_finding_id(findings, k); k++)
			print_message("%d: %s: %s\n", ema_finding_line(findings, k), ema_finding_id(findings, k), ema_finding_text(findings, k));
		assert_int_equal(code, EMA_OK);
		ema_findings_free(findings);
	}
	assert_int_equal(atomic_load(&threads), threads_before);
	assert_int_equal(atomic_load(&sockets), sockets_before);
	char *after = listing(&world);
	assert_string_equal(after, before);
	free(before);
	free(after);
	/* The same configuration in place does start threads: what counts them works. */
	assert_int_equal(ema_load(world.context, path), EMA_OK);
	assert_true(!seen || atomic_load(&threads) > threads_before);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_have_a_place),
		cmocka_unit_test(tenants_are_there),
		cmocka_unit_test(tenants_are_somebodys),
		cmocka_unit_test(what_is_right_passes),
		cmocka_unit_test(rates_are_told), cmocka_unit_test(a_restart_is_needed),
		cmocka_unit_test(a_failed_start_leaves_nothing),
		cmocka_unit_test(looking_leaves_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
