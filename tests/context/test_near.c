#include "test.h"

#include "near.h"

static void differences_are_named(void **state)
{
	static const struct {
		const char *got, *want, *text;
	} cases[] = {
		{ "https://a.example/", "https://a.example", "has a slash at its end" },
		{ "https://a.example", "https://a.example/", "has no slash at its end" },
		{ "https://A.example", "https://a.example", "upper and lower case from byte 9" },
		{ "https://a.okta.com/oauth2/default", "https://a.okta.com", "custom authorization server (/oauth2/default)" },
		{ "http://a.example", "https://a.example", "the scheme differs" },
		{ "https://a.example/x/y", "https://a.example/x/z", "same host, but the path differs from byte 21" },
		{ "https://b.example", "https://a.example", "they differ from byte 9" },
		{ "", "https://a.example", "they differ from byte 1" },
		{ "https://a.example", "https://a.example", "they are equal" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[NEAR_TEXT];
		near_difference(cases[i].got, cases[i].want, text);
		if (!strstr(text, cases[i].text))
			fail_msg("%s, %s: %s", cases[i].got, cases[i].want, text);
	}
}

static void the_nearest_is_found(void **state)
{
	struct issuer_name names[] = { { .issuer = "https://acme.okta.com" }, { .issuer = "https://login.example/t1/v2.0" } };
	struct snapshot snapshot = { .names = names, .name_count = 2 };
	(void)state;
	assert_ptr_equal(near_issuer(&snapshot, "https://acme.okta.com/"), &names[0]);
	assert_ptr_equal(near_issuer(&snapshot, "https://acme.okta.com/oauth2/default"), &names[0]);
	assert_ptr_equal(near_issuer(&snapshot, "https://acne.okta.com"), &names[0]);
	assert_ptr_equal(near_issuer(&snapshot, "https://login.example/t2/v2.0"), &names[1]);
	assert_null(near_issuer(&snapshot, "https://elsewhere.test"));
	assert_null(near_issuer(&snapshot, ""));
	char lengthy[2000] = "https://acme.okta.com/";
	memset(lengthy + 22, 'a', sizeof lengthy - 23);
	assert_null(near_issuer(&snapshot, lengthy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_are_named),
		cmocka_unit_test(the_nearest_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
