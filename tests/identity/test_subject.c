#include "test.h"

#include "authority.h"
#include "ema/codes.h"
#include "subject.h"
#include "when.h"

/* ---- Subjects ---- */

/* JAG-79: the same sub of two tenants, or of two issuers, is two subjects. */
static void subjects_belong_to_their_issuer(void **state)
{
	(void)state;
	static const struct { struct subject a, b; int same; } cases[] = {
		{ { "p", "i", "t", "s" }, { "p", "i", "t", "s" }, 1 },
		{ { "p", "i", "t", "s" }, { "q", "i", "t", "s" }, 1 }, /* the issuer is the key, not our name for it */
		{ { "p", "i", NULL, "s" }, { "p", "i", NULL, "s" }, 1 },
		{ { "p", "i", "t", "s" }, { "p", "j", "t", "s" }, 0 },
		{ { "p", "i", "t", "s" }, { "p", "i", "u", "s" }, 0 },
		{ { "p", "i", "t", "s" }, { "p", "i", NULL, "s" }, 0 },
		{ { "p", "i", NULL, "s" }, { "p", "i", "", "s" }, 0 },
		{ { "p", "i", "t", "s" }, { "p", "i", "t", "S" }, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(subject_same(&cases[i].a, &cases[i].b), cases[i].same);
}

/* JAG-79 */
static void subjects_have_one_text(void **state)
{
	(void)state;
	static const struct { struct subject subject; const char *text; } cases[] = {
		{ { "okta", NULL, NULL, "00u1" }, "okta/-/00u1" },
		{ { "okta", NULL, "-", "00u1" }, "okta/%2D/00u1" },
		{ { "okta", NULL, "--", "-" }, "okta/--/-" },
		{ { "a", NULL, "t/x", "b/c d%" }, "a/t%2Fx/b%2Fc%20d%25" },
		{ { "a", NULL, "t", "\xc3\xa9|auth0" }, "a/t/%C3%A9%7Cauth0" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = subject_text(&cases[i].subject), *memory = NULL;
		struct subject back;
		assert_string_equal(text, cases[i].text);
		assert_int_equal(subject_parse(text, &back, &memory), EMA_OK);
		assert_string_equal(back.provider, cases[i].subject.provider);
		assert_string_equal(back.sub, cases[i].subject.sub);
		assert_true(subject_same(&back, &cases[i].subject));
		free(memory);
		free(text);
	}
}

static void other_texts_are_none(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"", "a", "a/b", "/-/s", "a//s", "a/-/", "a/-/s/t", "a/-/%", "a/-/%4", "a/-/%zz", "a/-/%00", "a/-/%41", "a/-/%2f", "a/-/ s",
		"a/-/s%2d", "%61/-/s", "a/%2d/s", "a/-/s\n",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct subject out;
		char *memory = NULL;
		if (subject_parse(cases[i], &out, &memory) != EMA_BAD_REQUEST)
			fail_msg("taken: %s", cases[i]);
	}
	char *big = malloc(20001), *memory = NULL;
	struct subject out;
	memset(big, 'a', 20000);
	memcpy(big, "a/-/", 4);
	big[20000] = 0;
	assert_int_equal(subject_parse(big, &out, &memory), EMA_BAD_REQUEST);
	memset(big, '/', 1024);
	big[1024] = 0;
	struct subject most = { big, NULL, big, big };
	char *text = subject_text(&most);
	assert_non_null(text);
	assert_int_equal(subject_parse(text, &out, &memory), EMA_OK);
	assert_string_equal(out.sub, big);
	free(memory);
	free(text);
	free(big);
}

/* ---- E-mail ---- */

/* JAG-85: one rule; nothing is folded but the domain's ASCII letters. */
static void addresses_have_one_form(void **state)
{
	(void)state;
	static const struct { const char *address, *form; } cases[] = {
		{ "ann@acme.example", "ann@acme.example" },
		{ "Ann.B@ACME.Example", "Ann.B@acme.example" },
		{ "ann+tag@acme.example", "ann+tag@acme.example" },
		{ "o'neil@acme.example", "o'neil@acme.example" },
		{ "a@xn--cme-7cd.example", "a@xn--cme-7cd.example" },
		{ "a@\xd0\xb0" "cme.example", NULL }, /* a Cyrillic a */
		{ "\xc3\xa9@acme.example", NULL },
		{ "", NULL }, { "@", NULL }, { "@acme.example", NULL }, { "ann@", NULL }, { "ann", NULL },
		{ "ann@evil.example@acme.example", NULL }, { "\"ann@evil\"@acme.example", NULL }, { "ann@acme.example ", NULL },
		{ " ann@acme.example", NULL }, { "ann@acme.example\n", NULL }, { "ann@acme..example", NULL }, { "ann@.acme.example", NULL },
		{ "ann@acme.example.", NULL }, { "ann@-acme.example", NULL }, { "ann@acme-.example", NULL }, { "ann@[127.0.0.1]", NULL },
		{ ".ann@acme.example", NULL }, { "a..b@acme.example", NULL }, { "ann.@acme.example", NULL }, { "ann(x)@acme.example", NULL },
		{ "Ann <ann@acme.example>", NULL }, { "ann@acme.example,bob@acme.example", NULL }, { "ann@acme_x.example", NULL },
	};
	char out[AUTHORITY_ADDRESS + 1];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fits = authority_address(cases[i].address, out);
		if (fits != (cases[i].form != NULL) || (fits && strcmp(out, cases[i].form)))
			fail_msg("%s", cases[i].address);
	}
	char big[400];
	static const struct { size_t local, label; int fits; } sizes[] = { { 64, 63, 1 }, { 65, 63, 0 }, { 64, 64, 0 }, { 1, 63, 1 } };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memset(big, 'a', sizeof big);
		big[sizes[i].local] = '@';
		big[sizes[i].local + 1 + sizes[i].label] = 0;
		assert_int_equal(authority_address(big, out), sizes[i].fits);
	}
	memset(big, 'a', sizeof big);
	big[1] = '@';
	for (int i = 40; i < 254; i += 40)
		big[i] = '.';
	big[254] = 0;
	assert_int_equal(authority_address(big, out), 1);
	big[254] = 'a';
	big[255] = 0;
	assert_int_equal(authority_address(big, out), 0);
}

/* JAG-84: of the domains in its authority alone, and never of another's. */
static void providers_speak_for_their_domains(void **state)
{
	(void)state;
	static const char *const acme[] = { "acme.example", "acme.test" }, *const other[] = { "other.example" };
	struct conf_provider providers[] = {
		{ .instance = { .id = "okta" }, .authority = { acme, 2 } },
		{ .instance = { .id = "contractors" }, .authority = { other, 1 } },
		{ .instance = { .id = "none" } },
		{ .instance = { .id = "guests" }, .authority = { other, 1 }, .guests = GUESTS_ALLOW },
	};
	struct conf conf = { .providers = providers, .provider_count = 3 };
	static const struct { int provider; const char *email; int verified, code; const char *out; } cases[] = {
		{ 0, "Ann@ACME.example", 1, EMA_OK, "Ann@acme.example" },
		{ 0, "ann@acme.test", 0, EMA_OK, "ann@acme.test" }, /* the authority knows its own */
		{ 0, "ann@sub.acme.example", 1, EMA_OK, NULL },
		{ 0, "ann@notacme.example", 1, EMA_OK, NULL },
		{ 0, "ann@elsewhere.example", 1, EMA_OK, NULL },
		{ 0, "ann", 1, EMA_OK, NULL },
		{ 0, NULL, 0, EMA_OK, NULL },
		{ 0, "x@other.example", 1, EMA_WRONG_PROVIDER, NULL },
		{ 1, "boss@acme.example", 1, EMA_WRONG_PROVIDER, NULL },
		{ 1, "boss@Acme.Example", 0, EMA_WRONG_PROVIDER, NULL },
		{ 1, "boss@sub.acme.example", 1, EMA_OK, NULL },
		{ 2, "boss@acme.example", 1, EMA_WRONG_PROVIDER, NULL },
		{ 2, "boss@elsewhere.example", 1, EMA_OK, NULL },
		{ 3, "boss@acme.example", 1, EMA_OK, NULL },
		{ 3, "x@other.example", 1, EMA_OK, "x@other.example" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *out = NULL;
		struct failure failure = FAILURE_INIT;
		int code = authority_judge(&conf, &providers[cases[i].provider], cases[i].email, cases[i].verified, &out, &failure);
		if (code != cases[i].code || (out == NULL) != (cases[i].out == NULL) || (out && strcmp(out, cases[i].out)))
			fail_msg("case %zu: %d %s", i, code, out ? out : "none");
		assert_int_equal(failure.code, code);
		assert_true(code == EMA_OK || (strstr(failure.text, providers[cases[i].provider].instance.id) && strstr(failure.text, "guests")));
		free(out);
	}
}

/* ---- when ---- */

#define MONDAY_NOON INT64_C(1795435200) /* 2026-11-23T12:00:00Z */
#define HOUR 3600

static void when_asks_for_time(void **state)
{
	(void)state;
	enum { WEEK = 0x3e, EVERY = 0xfe, MONDAY = 2, TUESDAY = 4, SUNDAY = 0x80 };
	static const struct { struct conf_window window; int64_t now; int match; } cases[] = {
		{ { WEEK, 8 * 60, 18 * 60, 0 }, MONDAY_NOON, 1 },
		{ { WEEK, 8 * 60, 12 * 60, 0 }, MONDAY_NOON, 0 },
		{ { WEEK, 12 * 60, 13 * 60, 0 }, MONDAY_NOON, 1 },
		{ { WEEK, 12 * 60, 13 * 60, 0 }, MONDAY_NOON - 1, 0 },
		{ { TUESDAY, 0, 1440, 0 }, MONDAY_NOON, 0 },
		{ { MONDAY, 0, 1440, 0 }, MONDAY_NOON + 12 * HOUR - 1, 1 },
		{ { MONDAY, 0, 1440, 0 }, MONDAY_NOON + 12 * HOUR, 0 },
		{ { MONDAY, 0, 1440, 0 }, MONDAY_NOON - 12 * HOUR, 1 },
		{ { SUNDAY, 0, 1440, 0 }, MONDAY_NOON - 12 * HOUR - 1, 1 },
		{ { TUESDAY, 0, 1440, 14 * 60 }, MONDAY_NOON, 1 },   /* 02:00 there */
		{ { SUNDAY, 0, 1440, -13 * 60 }, MONDAY_NOON, 1 },
		{ { MONDAY, 22 * 60, 6 * 60, 0 }, MONDAY_NOON + 11 * HOUR, 1 }, /* over midnight */
		{ { MONDAY, 22 * 60, 6 * 60, 0 }, MONDAY_NOON + 17 * HOUR, 1 },
		{ { MONDAY, 22 * 60, 6 * 60, 0 }, MONDAY_NOON + 18 * HOUR, 0 },
		{ { MONDAY, 22 * 60, 6 * 60, 0 }, MONDAY_NOON - 7 * HOUR, 0 },  /* Sunday's night */
		{ { SUNDAY, 22 * 60, 6 * 60, 0 }, MONDAY_NOON - 7 * HOUR, 1 },
		{ { EVERY, 0, 0, 0 }, MONDAY_NOON, 1 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct conf_window window = cases[i].window;
		struct conf_when when = { .windows = &window, .window_count = 1 };
		struct when_facts facts = { .now = cases[i].now };
		if (when_before(&when, &facts) != cases[i].match)
			fail_msg("case %zu", i);
	}
	struct conf_when when = { .not_before = MONDAY_NOON, .not_after = MONDAY_NOON + 10 };
	static const struct { int64_t now; int match; } dates[] = { { MONDAY_NOON - 1, 0 }, { MONDAY_NOON, 1 }, { MONDAY_NOON + 9, 1 }, { MONDAY_NOON + 10, 0 } };
	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
		assert_int_equal(when_before(&when, &(struct when_facts){ .now = dates[i].now }), dates[i].match);
}

/* JAG-79 JAG-85: what depends on claims is asked for afterwards, and what is missing then does not match. */
static void when_asks_in_two_steps(void **state)
{
	(void)state;
	static const char *const tenants[] = { "t1", "t2" }, *const clients[] = { "c1" }, *const domains[] = { "acme.example" };
	const struct conf_when tenant = { .tenants = { tenants, 2 } }, client = { .clients = { clients, 1 } },
	                       domain = { .email_domains = { domains, 1 } }, any = { .node = NULL };
	const struct { const struct conf_when *when; struct when_facts facts; int before, after; } cases[] = {
		{ &any, { .now = 1 }, 1, 1 },
		{ &tenant, { .tenant = NULL }, 1, 0 },
		{ &tenant, { .tenant = "t2" }, 1, 1 },
		{ &tenant, { .tenant = "t3" }, 0, 0 },
		{ &client, { .client = "c1" }, 1, 1 },
		{ &client, { .client = "c" }, 0, 1 },
		{ &client, { .client = NULL }, 0, 1 },
		{ &domain, { .email = NULL }, 1, 0 },
		{ &domain, { .email = "a@ACME.example" }, 1, 1 },
		{ &domain, { .email = "a@sub.acme.example" }, 1, 0 },
		{ &domain, { .email = "acme.example" }, 1, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (when_before(cases[i].when, &cases[i].facts) != cases[i].before || when_after(cases[i].when, &cases[i].facts) != cases[i].after)
			fail_msg("case %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_belong_to_their_issuer),
		cmocka_unit_test(subjects_have_one_text),
		cmocka_unit_test(other_texts_are_none),
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(providers_speak_for_their_domains),
		cmocka_unit_test(when_asks_for_time),
		cmocka_unit_test(when_asks_in_two_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
