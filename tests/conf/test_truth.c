/* The truth table's last column: each stack of tests/identity/truth-table.txt, written as ema.conf, is linted as it says. */
#include "test.h"

#include <stdio.h>

#include "buffer.h"
#include "conf.h"
#include "show.h"

static char *trim(char *text)
{
	text += strspn(text, " \n");
	for (size_t n = strlen(text); n && strchr(" \n", text[n - 1]); n--)
		text[n - 1] = 0;
	return text;
}

/* "required ok, [ok=done default=die] @s": what a module answers does not matter here. */
static void rules_write(struct buffer *out, char *text, const char *kind, int *number)
{
	buffer_text(out, "(");
	if (strcmp(trim(text), "(none)") && strcmp(trim(text), "-")) {
		char *save = NULL;
		int first = 1;
		for (char *rule = strtok_r(text, ",", &save); rule; rule = strtok_r(NULL, ",", &save), first = 0) {
			rule = trim(rule);
			char *close = rule[0] == '[' ? strchr(rule, ']') : NULL, *what = close ? close + 2 : strchr(rule, ' ') + 1;
			buffer_printf(out, "%s{ control = ", first ? "" : ", ");
			if (close) {
				*close = 0;
				buffer_text(out, "{ ");
				for (char *at = rule + 1; *at; at += strcspn(at, " "), at += *at == ' ') {
					int equals = (int)strcspn(at, "="), end = (int)strcspn(at, " ");
					buffer_printf(out, "%.*s = \"%.*s\"; ", equals, at, end - equals - 1, at + equals + 1);
				}
				buffer_text(out, "}");
			} else {
				what[-1] = 0;
				buffer_printf(out, "\"%s\"", rule);
			}
			if (what[0] == '@')
				buffer_printf(out, "; stack = \"%s\"; }", what + 1);
			else
				buffer_printf(out, "; %s = \"%c%d\"; }", kind, kind[0], ++*number);
		}
	}
	buffer_text(out, ")");
}

static void the_table_is_linted(void **state)
{
	(void)state;
	static const char *const ids[] = { "E-EMPTY", "E-NO-GRANTER", "E-ACTION", "E-LOOP", "E-UNKNOWN", "W-SUFFICIENT-BEFORE-REQUIRED",
					   "W-UNREACHED", "W-SOFT-FAIL", "W-DUPLICATE-ISSUER" };
	FILE *file = fopen(SRCDIR "/tests/identity/truth-table.txt", "r");
	char line[1024];
	int rows = 0;
	assert_non_null(file);
	while (fgets(line, sizeof line, file)) {
		char *column[6] = { NULL }, *at = line, *stack = NULL;
		if (line[0] == '#' || !strchr(line, '|'))
			continue;
		for (int i = 0; i < 6; i++) {
			assert_non_null(at);
			column[i] = strsep(&at, "|");
		}
		const char *lint = trim(column[5]);
		struct buffer text = BUFFER_INIT(8192);
		struct findings findings = { NULL, 0, 0, 0 };
		int providers = 0, guards = 0;
		buffer_text(&text, "issuer = \"https://a.example\"; providers = ( { id = \"p1\"; plugin = \"x\"; }, { id = \"p2\"; plugin = \"x\"; }, "
				   "{ id = \"p3\"; plugin = \"x\"; }, { id = \"p4\"; plugin = \"x\"; } ); "
				   "guards = ( { id = \"g1\"; plugin = \"x\"; }, { id = \"g2\"; plugin = \"x\"; } );\n"
				   "services = ( { id = \"s\"; resource = \"https://m.example/\"; identity = ");
		stack = strstr(column[1], "; @s =");
		if (stack) {
			*stack = 0;
			stack += strlen("; @s =");
		}
		rules_write(&text, column[1], "provider", &providers);
		buffer_text(&text, "; guards = ");
		rules_write(&text, column[2], "guard", &guards);
		buffer_text(&text, "; } );\n");
		if (stack) {
			buffer_text(&text, "stacks = ( { id = \"s\"; rules = ");
			rules_write(&text, stack, "provider", &providers);
			buffer_text(&text, "; } );\n");
		}
		assert_false(text.failed);
		conf_free(conf_read_text(text.data, text.length, "/nowhere/ema.conf", &findings));
		for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
			if (show_find(&findings, ids[i], 0, "") != !strcmp(lint, ids[i])) {
				show_all(&findings);
				fail_msg("row %s: %s is wrong (the table says \"%s\") for\n%s", trim(column[0]), ids[i], lint, text.data);
			}
		findings_free(&findings);
		buffer_free(&text);
		rows++;
	}
	fclose(file);
	assert_true(rows >= 47);
}

/* A code without an action would end every list as internal. */
static void keywords_know_every_code(void **state)
{
	(void)state;
	static const char *const names[] = { "required", "requisite", "sufficient", "optional" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct conf_control *control = conf_keyword(names[i]);
		for (size_t code = 0; code < sizeof control->action; code++)
			assert_int_not_equal(control->action[code], ACTION_UNSET);
		assert_int_equal(control->action[EMA_BLOCKED], control->action[EMA_DENIED]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_table_is_linted), cmocka_unit_test(keywords_know_every_code) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
