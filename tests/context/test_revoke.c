/* What an operator or a receiver of signals revokes through the library, and what a decision says afterwards. */
#define _GNU_SOURCE
#include "world.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define HEAD "issuer = \"" OURS "\";\naudit = ( { plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; } );\n"
#define SCOPES "scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; } ); "
#define IDP(first, others) "{ id = \"idp\"; plugin = \"oidc\"; issuer = \"" first "\"; aliases = [" others "]; jwks = \"%JWKS%\"; accepts = [\"id_jag\"];" \
	" authority = [\"acme.example\"]; }"
#define MULTI "{ id = \"multi\"; plugin = \"oidc\"; issuer = \"https://multi.example\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"];" \
	" tenant_claim = \"tenant\"; tenants = [\"t1\", \"t/2\"]; }"
#define PEOPLE "directories = ( { id = \"people\"; plugin = \"file\"; path = \"people.conf\"; } );\n"
#define SERVICES "services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\", \"multi\"]; tenants = [\"t1\", \"t/2\"]; " SCOPES \
	"directory = ( { id = \"people\"; for = [\"idp\", \"multi\"]; } ); },\n" \
	"{ id = \"bare\"; resource = \"https://mcp.example/bare\"; identity = [\"idp\", \"multi\"]; tenants = [\"t1\", \"t/2\"]; " SCOPES "} );\n"
#define ALIAS "https://alias.example"

static const char conf[] = HEAD "providers = ( " IDP(ISSUER, "\"" ALIAS "\"") ", " MULTI " );\n" PEOPLE SERVICES;
static const char people[] = "people = ( { id = \"ada\"; subjects = [\"idp/-/ada\", \"multi/t1/a7\", \"gone/-/x\"]; },\n"
			     "  { id = \"eve\"; email = \"eve@acme.example\"; } );\n";

static void open_with(struct world *world, const char *text)
{
	world_open(world);
	world_file(world, "people.conf", people);
	if (world_load(world, text))
		fail_msg("%s", ema_error(world->context));
}

static int revokes(struct world *world, const struct ema_revocation *revocation, const char *says)
{
	char *text = NULL;
	int code = ema_revoke(world->context, revocation, &text);
	if (!text || !strstr(text, says))
		fail_msg("%s %s: %s, expected in it: %s", revocation->kind ? revocation->kind : "-", revocation->name ? revocation->name : "-", text ? text : "(no text)", says);
	ema_text_free(text);
	return code;
}

/* The provider's clock may be ahead by the skew, as that of this world is by a few seconds: what it issues is older than it says. */
#define SKEW 30
#define CARE 2 /* by so much a mark is taken wider, as the clocks of those who share it may differ */

static struct ema_revocation of(const char *kind, const char *name)
{
	return (struct ema_revocation){ .size = sizeof(struct ema_revocation), .kind = kind, .name = name, .before = (int64_t)time(NULL) - CARE };
}

static void decides(struct world *world, const char *service, const char *changes, int expected)
{
	ema_decision *decision = NULL;
	int code = world_decide(world, service, world_token(world, changes), &decision);
	if (code != expected)
		fail_msg("%s %s: %s, expected %s: %s", service, changes, ema_code_name(code), ema_code_name(expected), ema_decision_operator_line(decision));
	ema_decision_free(decision);
}

#define T1 "\"iss\":\"https://multi.example\",\"tenant\":\"t1\""
#define T2 "\"iss\":\"https://multi.example\",\"tenant\":\"t/2\""

/* REV-16 REV-17: each kind hits what it names, under each name that it has, and nothing beside it. */
static void each_kind(void **state)
{
	static const struct row {
		const char *kind, *name;
		const char *hit, *hit_at;   /* a token, and the service that refuses it; NULL: svc */
		const char *missed, *missed_at;
		const char *says;
	} rows[] = {
		{ "subject", "idp/-/ada", "{}", NULL, "{\"sub\":\"bob\"}", NULL, "whether there is this one is not known" },
		{ "subject", "idp/-/ada", "{\"iss\":\"" ALIAS "\"}", NULL, "{" T1 "}", NULL, "revoked: subject idp/-/ada" },
		{ "subject", "multi/t%2F2/ada", "{" T2 "}", NULL, "{" T1 "}", NULL, "revoked" },
		{ "subject", "idp/-/a%2Fb%20c", "{\"sub\":\"a/b c\"}", NULL, "{}", NULL, "revoked" },
		{ "person", "ada", "{}", NULL, "{\"sub\":\"bob\"}", NULL, "has the subject \"gone/-/x\", and is asked about that provider by no service" },
		{ "person", "ada", "{" T1 ",\"sub\":\"a7\"}", "bare", "{\"sub\":\"bob\"}", "bare", "revoked: person ada" },
		{ "person", "ada", "{\"iss\":\"" ALIAS "\"}", "bare", "{" T1 "}", NULL, "" },
		{ "person", "eve", "{\"sub\":\"e1\",\"email\":\"eve@acme.example\"}", NULL, "{\"sub\":\"e1\"}", NULL, "" },
		{ "client", "app", "{}", NULL, NULL, NULL, "note: ema.conf names no client \"app\": marked all the same" },
		{ "provider", "idp", "{\"iss\":\"" ALIAS "\"}", NULL, "{" T1 "}", NULL, "" },
		{ "tenant", "multi/t1", "{" T1 "}", NULL, "{" T2 "}", NULL, "" },
		{ "tenant", "multi/t%2F2", "{" T2 "}", NULL, "{" T1 "}", NULL, "" },
		{ "service", "svc", "{}", NULL, "{}", "bare", "" },
		{ "everything", NULL, "{}", NULL, NULL, NULL, "" },
		{ "everything", "", "{" T2 "}", "bare", NULL, NULL, "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		const char *hit_at = row->hit_at ? row->hit_at : "svc";
		struct world world;
		open_with(&world, conf);
		struct ema_revocation what = of(row->kind, row->name);
		decides(&world, hit_at, row->hit, EMA_OK);
		assert_int_equal(revokes(&world, &what, row->says), EMA_OK);
		decides(&world, hit_at, row->hit, EMA_REVOKED);
		if (row->missed)
			decides(&world, row->missed_at ? row->missed_at : "svc", row->missed, EMA_OK);
		/* REV-21: what is issued after it is good, though not before the provider's clock must have passed it. */
		char later[256];
		snprintf(later, sizeof later, "{\"iat\":%lld%s%s", (long long)what.before + SKEW, strlen(row->hit) > 2 ? "," : "", row->hit + 1);
		decides(&world, hit_at, later, EMA_REVOKED);
		snprintf(later, sizeof later, "{\"iat\":%lld%s%s", (long long)what.before + SKEW + CARE, strlen(row->hit) > 2 ? "," : "", row->hit + 1);
		decides(&world, hit_at, later, EMA_OK);
		const time_t good = (time_t)what.before + SKEW + CARE;
		struct tm tm;
		char when[80];
		assert_true(strftime(when, sizeof when, "issues from %Y-%m-%dT%H:%M:%SZ on, since its clock may be ahead (skew, 30 s)", gmtime_r(&good, &tm)) > 0);
		assert_int_equal(revokes(&world, &what, when), EMA_OK);
		/* An earlier time lowers nothing. */
		what.before -= 3600;
		assert_int_equal(revokes(&world, &what, ""), EMA_OK);
		decides(&world, hit_at, row->hit, EMA_REVOKED);
		world_close(&world);
	}
}

/* A block ends when it is lifted, and leaves what it revoked. */
static void blocks(void **state)
{
	static const struct { const char *kind, *name, *hit; } rows[] = {
		{ "subject", "idp/-/ada", "{\"iss\":\"" ALIAS "\"}" }, { "person", "ada", "{}" }, { "client", "app", "{}" }, { "provider", "idp", "{}" },
		{ "tenant", "multi/t1", "{" T1 "}" }, { "service", "svc", "{}" }, { "everything", NULL, "{}" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world world;
		char later[256], *text = NULL;
		ema_marks *marks = NULL;
		struct ema_revocation what = { .size = sizeof what, .kind = rows[i].kind, .name = rows[i].name, .block = 1 };
		open_with(&world, conf);
		assert_int_equal(ema_unblock(world.context, &what, &text), EMA_ABSENT);
		assert_string_equal(strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text, "there is no block on it");
		ema_text_free(text);
		assert_int_equal(revokes(&world, &what, "nothing new either until it is lifted"), EMA_OK);
		decides(&world, "svc", rows[i].hit, EMA_BLOCKED);
		assert_int_equal(ema_revoked(world.context, what.kind, what.name, &marks), EMA_OK);
		assert_string_equal(ema_mark_kind(marks, 0), what.kind);
		assert_string_equal(ema_mark_name(marks, 0), what.name ? what.name : "");
		assert_true(ema_mark_blocked(marks, 0) > 0 && ema_mark_before(marks, 0) >= ema_mark_blocked(marks, 0));
		assert_null(ema_mark_kind(marks, 1));
		int64_t before = ema_mark_before(marks, 0);
		ema_marks_free(marks);
		assert_int_equal(ema_unblock(world.context, &what, &text), EMA_OK);
		ema_text_free(text);
		decides(&world, "svc", rows[i].hit, EMA_REVOKED);
		assert_int_equal(ema_revoked(world.context, what.kind, what.name, &marks), EMA_OK);
		assert_true(!ema_mark_blocked(marks, 0) && ema_mark_before(marks, 0) == before);
		ema_marks_free(marks);
		if (!i) {
			for (int seconds = 0; seconds <= CARE; seconds++)
				world_next_second();
			snprintf(later, sizeof later, "{\"iat\":%lld,%s", (long long)before + 1 + CARE + SKEW, rows[i].hit + 1);
			decides(&world, "svc", later, EMA_OK);
		}
		world_close(&world);
	}
}

/* What names nobody is refused with what there is, and nothing is marked; what cannot be a revocation, too. */
static void wrong_names(void **state)
{
	static const struct {
		const char *kind, *name;
		int code;
		const char *says;
		int block;
		const char *by;
	} rows[] = {
		{ "provider", "okta", EMA_ABSENT, "no provider \"okta\"; there are: idp, multi", 0, NULL },
		{ "service", "github", EMA_ABSENT, "no service \"github\"; there are: svc, bare", 0, NULL },
		{ "tenant", "multi/t3", EMA_ABSENT, "no tenant \"t3\"; there are: t1, t/2", 0, NULL },
		{ "tenant", "idp/t1", EMA_ABSENT, "no tenant \"t1\": it has no tenants", 0, NULL },
		{ "tenant", "none/t1", EMA_ABSENT, "no provider \"none\"; there are", 0, NULL },
		{ "tenant", "multi", EMA_BAD_REQUEST, "PROVIDER/TENANT", 0, NULL },
		{ "tenant", "multi/-", EMA_BAD_REQUEST, "PROVIDER/TENANT", 0, NULL },
		{ "subject", "none/-/ada", EMA_ABSENT, "no provider \"none\"", 0, NULL },
		{ "subject", "multi/-/ada", EMA_ABSENT, "has a tenant; there are: t1", 0, NULL },
		{ "subject", "multi/t4/ada", EMA_ABSENT, "no tenant \"t4\"", 0, NULL },
		{ "subject", "ada", EMA_BAD_REQUEST, "PROVIDER/TENANT/SUB", 0, NULL },
		{ "subject", "idp//ada", EMA_BAD_REQUEST, "PROVIDER/TENANT/SUB", 0, NULL },
		{ "subject", "idp/-/a%2fb", EMA_BAD_REQUEST, "PROVIDER/TENANT/SUB", 0, NULL },
		{ "person", "nobody", EMA_ABSENT, "no directory knows a person \"nobody\"; asked: directory people", 0, NULL },
		{ "token", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln", EMA_BAD_REQUEST, "never the token itself", 0, NULL },
		{ "token", "0199A3F0-0000-7000-8000-000000000000", EMA_BAD_REQUEST, "token_id", 0, NULL },
		{ "token", "0199a3f0-0000-7000-8000-000000000000", EMA_BAD_REQUEST, "not blocked", 1, NULL },
		{ "client", "", EMA_BAD_REQUEST, "needs its name", 0, NULL },
		{ "service", NULL, EMA_BAD_REQUEST, "needs its name", 0, NULL },
		{ "everything", "x", EMA_BAD_REQUEST, "everything has no name", 0, NULL },
		{ "user", "ada", EMA_BAD_REQUEST, "a subject, person, client", 0, NULL },
		{ NULL, "ada", EMA_BAD_REQUEST, "a subject, person, client", 0, NULL },
		{ "service", "svc", EMA_BAD_REQUEST, "1 to 200 bytes", 0, "" },
	};
	struct world world;
	ema_marks *marks = NULL;
	(void)state;
	open_with(&world, conf);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct ema_revocation what = { .size = sizeof what, .kind = rows[i].kind, .name = rows[i].name, .block = rows[i].block, .by = rows[i].by };
		int code = revokes(&world, &what, rows[i].says);
		if (code != rows[i].code)
			fail_msg("row %zu: %s", i, ema_code_name(code));
	}
	struct ema_revocation ahead = { .size = sizeof ahead, .kind = "service", .name = "svc", .before = (int64_t)time(NULL) + 3600 };
	assert_int_equal(revokes(&world, &ahead, "to refuse what is still to be issued, block it"), EMA_BAD_REQUEST);
	ahead.before = 1;
	ahead.block = 1;
	assert_int_equal(revokes(&world, &ahead, "a block begins now"), EMA_BAD_REQUEST);
	ahead.size = 8;
	assert_int_equal(revokes(&world, &ahead, "size"), EMA_BAD_REQUEST);
	assert_int_equal(ema_revoke(NULL, &ahead, NULL), EMA_BAD_REQUEST);
	assert_int_equal(ema_revoke(world.context, NULL, NULL), EMA_BAD_REQUEST);
	assert_int_equal(ema_revoked(world.context, NULL, NULL, &marks), EMA_OK);
	assert_null(ema_mark_kind(marks, 0));
	ema_marks_free(marks);
	assert_int_equal(ema_revoked(world.context, "service", "github", &marks), EMA_ABSENT);
	assert_non_null(strstr(ema_marks_error(marks), "there are: svc, bare"));
	ema_marks_free(marks);
	world_close(&world);
	/* Nothing is in place. */
	ema_context *context = ema_new();
	char *text = NULL;
	const struct ema_revocation all = { .size = sizeof all, .kind = "everything" };
	assert_int_equal(ema_revoke(context, &all, &text), EMA_CONFIG);
	assert_non_null(strstr(text, "no configuration"));
	ema_text_free(text);
	ema_free(context);
}

/* Names of an issuer that stand in another order, or with a new one before them, lose no mark. */
static void names_in_another_order(void **state)
{
	static const char turned[] = HEAD "providers = ( " IDP(ALIAS, "\"" ISSUER "\"") ", " MULTI " );\n" PEOPLE SERVICES;
	static const char added[] = HEAD "providers = ( " IDP("https://new.example", "\"" ALIAS "\", \"" ISSUER "\"") ", " MULTI " );\n" PEOPLE SERVICES;
	static const char less[] = HEAD "providers = ( " IDP(ALIAS, "") ", " MULTI " );\n" PEOPLE SERVICES;
	static const char other[] = HEAD "providers = ( " IDP("https://new.example", "") ", " MULTI " );\n" PEOPLE SERVICES;
	static const struct { const char *conf, *ada, *bob; } orders[] = {
		{ turned, "{\"iss\":\"" ALIAS "\"}", "{\"iss\":\"" ALIAS "\",\"sub\":\"bob\"}" },
		{ added, "{\"iss\":\"" ALIAS "\"}", "{\"iss\":\"" ALIAS "\",\"sub\":\"bob\"}" },
		{ less, "{\"iss\":\"" ALIAS "\"}", "{\"iss\":\"" ALIAS "\",\"sub\":\"bob\"}" },
		{ other, "{\"iss\":\"https://new.example\"}", "{\"iss\":\"https://new.example\",\"sub\":\"bob\"}" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		for (int block = 0; block < 2; block++) {
			struct world world;
			struct ema_revocation what = of("subject", "idp/-/ada");
			char *text = NULL;
			open_with(&world, conf);
			what.block = block;
			if (block)
				what.before = 0;
			assert_int_equal(revokes(&world, &what, ""), EMA_OK);
			if (world_load(&world, orders[i].conf))
				fail_msg("%s", ema_error(world.context));
			decides(&world, "svc", orders[i].ada, block ? EMA_BLOCKED : EMA_REVOKED);
			decides(&world, "svc", orders[i].bob, EMA_OK);
			if (block) {
				assert_int_equal(ema_unblock(world.context, &what, &text), EMA_OK);
				ema_text_free(text);
				decides(&world, "svc", orders[i].ada, EMA_REVOKED);
			}
			world_close(&world);
		}
}

/* REV-16: a person of whom a directory could not tell all subjects is no success, though what is known is in force. */
static void a_directory_that_is_silent(void **state)
{
	static const char silent[] = HEAD "providers = ( " IDP(ISSUER, "\"" ALIAS "\"") ", " MULTI " );\n"
				     "directories = ( { id = \"people\"; plugin = \"file\"; path = \"people.conf\"; }, { id = \"away\"; plugin = \"fault\"; } );\n" SERVICES;
	(void)state;
	struct world world;
	struct ema_revocation what = of("person", "ada");
	open_with(&world, silent);
	assert_int_equal(revokes(&world, &what, "repeat it when it does"), EMA_DIRECTORY_UNAVAILABLE);
	decides(&world, "svc", "{}", EMA_REVOKED);
	world_close(&world);
}

/* AUD-01 AUD-05: each has its record, with who and what, before it is acknowledged. */
static void records(void **state)
{
	static const char *const want[] = {
		"\"kind\":\"revoked\"", "\"by\":\"console of ops\"", "\"why\":\"left the company\"", "\"what\":\"subject\"", "\"block\":\"yes\"",
		"\"kind\":\"unblocked\"", "\"what\":\"service\"", "\"name\":\"svc\"", "\"before\":\"20",
	};
	struct world world;
	char uid[40], *text = NULL;
	(void)state;
	open_with(&world, conf);
	struct ema_revocation what = { .size = sizeof what, .kind = "subject", .name = "idp/-/ada", .block = 1, .by = "console of ops", .reason = "left the company" };
	assert_int_equal(revokes(&world, &what, ""), EMA_OK);
	assert_int_equal(ema_unblock(world.context, &what, &text), EMA_OK);
	ema_text_free(text);
	what = of("service", "svc");
	assert_int_equal(revokes(&world, &what, "it is forgotten when the process ends"), EMA_OK);
	ema_free(world.context);
	world.context = NULL;
	char *trail = world_read(&world, "audit.jsonl");
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!strstr(trail, want[i]))
			fail_msg("%s is not in %s", want[i], trail);
	snprintf(uid, sizeof uid, "\"by\":\"uid %lu\"", (unsigned long)getuid());
	assert_non_null(strstr(trail, uid));
	/* A person is a pseudonym there. */
	assert_null(strstr(trail, "\"subject\":\"ada\""));
	free(trail);
	world_close(&world);
}

/* AUD-05: a revocation that the store did not take is in the trail, as an error, with who tried it. */
static void what_could_not_be_revoked(void **state)
{
	static const char lost[] = HEAD "store = { plugin = \"fault\"; code = \"store_unavailable\"; };\nproviders = ( " IDP(ISSUER, "") ", " MULTI " );\n" PEOPLE SERVICES;
	struct world world;
	char *text = NULL;
	(void)state;
	open_with(&world, lost);
	struct ema_revocation what = { .size = sizeof what, .kind = "service", .name = "svc", .by = "console of ops" };
	assert_int_equal(ema_revoke(world.context, &what, &text), EMA_STORE_UNAVAILABLE);
	ema_text_free(text);
	ema_free(world.context);
	world.context = NULL;
	char *trail = world_read(&world, "audit.jsonl"), *line = strstr(trail, "\"kind\":\"revoke-failed\"");
	assert_non_null(line);
	while (line > trail && line[-1] != '\n')
		line--;
	line[strcspn(line, "\n")] = 0;
	static const char *const want[] = { "\"by\":\"console of ops\"", "\"code\":\"store_unavailable\"", "\"name\":\"svc\"", "\"severity\":3", "\"verdict\":\"deny\"" };
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!strstr(line, want[i]))
			fail_msg("%s is not in %s", want[i], line);
	free(trail);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(blocks),
		cmocka_unit_test(wrong_names),
		cmocka_unit_test(names_in_another_order),
		cmocka_unit_test(a_directory_that_is_silent),
		cmocka_unit_test(records),
		cmocka_unit_test(what_could_not_be_revoked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
