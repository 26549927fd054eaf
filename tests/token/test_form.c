#include "test.h"

#include <stdio.h>

#include "form.h"

/* JAG-03, JAG-04, JAG-05, JAG-08: what a form may have. */
static void forms(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
		const char *scope; /* NULL: absent */
		const char *says;
	} rows[] = {
		{ "", EMA_OK, NULL, NULL },
		{ "scope=a", EMA_OK, "a", NULL },
		{ "scope=a+b%20c", EMA_OK, "a b c", NULL },
		{ "sc%6Fpe=a%2Bb", EMA_OK, "a+b", NULL },
		{ "foo=bar&scope=", EMA_OK, NULL, NULL },
		{ "scope", EMA_OK, NULL, NULL },
		{ "&&scope=a&", EMA_OK, "a", NULL },
		{ "scope=a=b", EMA_OK, "a=b", NULL },
		{ "=x&scope=a", EMA_OK, "a", NULL },
		{ "scope=%C3%A9", EMA_OK, "\xc3\xa9", NULL },
		{ "scope=a&scope=b", EMA_BAD_REQUEST, NULL, "scope stands twice" },
		{ "scope=a&sc%6fpe=b", EMA_BAD_REQUEST, NULL, "scope stands twice" },
		{ "scope=&scope=b", EMA_BAD_REQUEST, NULL, "scope stands twice" },
		{ "a%22b=1&a%22b=2", EMA_BAD_REQUEST, NULL, "(no name)" },
		{ "resource=a&resource=b&scope=x", EMA_OK, "x", NULL },
		{ "scope=%", EMA_BAD_REQUEST, NULL, "percent" },
		{ "scope=%4", EMA_BAD_REQUEST, NULL, "percent" },
		{ "scope=%4&x=1", EMA_BAD_REQUEST, NULL, "percent" },
		{ "scope=%zz", EMA_BAD_REQUEST, NULL, "percent" },
		{ "scope=a%00b", EMA_BAD_REQUEST, NULL, "control" },
		{ "scope=a%0D%0Ab", EMA_BAD_REQUEST, NULL, "control" },
		{ "scope=a\nb", EMA_BAD_REQUEST, NULL, "control" },
		{ "s%00=a", EMA_BAD_REQUEST, NULL, "control" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct form form = { .count = 0 };
		struct failure failure = FAILURE_INIT;
		int code = form_parse(rows[i].text, strlen(rows[i].text), &form, &failure);
		assert_int_equal(code, rows[i].code);
		if (rows[i].says)
			assert_non_null(strstr(failure.text, rows[i].says));
		const char *scope = code ? NULL : form_value(&form, "scope");
		assert_int_equal(scope == NULL, rows[i].scope == NULL);
		if (scope)
			assert_string_equal(scope, rows[i].scope);
		form_free(&form);
	}
}

/* RFC 8707 2: resource alone may stand several times. */
static void several_resources(void **state)
{
	(void)state;
	struct form form = { .count = 0 };
	struct failure failure = FAILURE_INIT;
	assert_int_equal(form_parse("resource=a&resource=&resource=b", 31, &form, &failure), EMA_OK);
	assert_string_equal(form_value_at(&form, "resource", 0), "a");
	assert_string_equal(form_value_at(&form, "resource", 1), "b");
	assert_null(form_value_at(&form, "resource", 2));
	form_free(&form);
}

/* JAG-08: one byte, one parameter over the limit. */
static void limits(void **state)
{
	(void)state;
	static char text[FORM_BYTES_MOST + 2];
	struct form form = { .count = 0 };
	struct failure failure = FAILURE_INIT;
	memset(text, 'a', sizeof text);
	assert_int_equal(form_parse(text, FORM_BYTES_MOST + 1, &form, &failure), EMA_TOO_LARGE);
	failure = (struct failure)FAILURE_INIT;
	assert_int_equal(form_parse(text, FORM_BYTES_MOST, &form, &failure), EMA_OK);
	form_free(&form);
	size_t n = 0;
	for (int i = 0; i <= FORM_FIELDS_MOST; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "p%d=1&", i);
	failure = (struct failure)FAILURE_INIT;
	assert_int_equal(form_parse(text, n, &form, &failure), EMA_TOO_LARGE);
	failure = (struct failure)FAILURE_INIT;
	assert_int_equal(form_parse(text, n - 6, &form, &failure), EMA_OK);
	form_free(&form);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(several_resources),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
