#include "test.h"

#include <stdio.h>

#include "codes.h"
#include "slow_stack.h"
#include "stack.h"

/* ---- Controls, by hand ---- */

enum { REQUIRED, REQUISITE, SUFFICIENT, OPTIONAL, KEYWORDS };
static const char *const keywords[] = { "required", "requisite", "sufficient", "optional" };

struct control {
	unsigned char action[EMA_CODES];
	enum slow_word words[EMA_CODES];
	int keyword; /* -1: spelled out */
};

static const struct { const char *name; enum slow_word word; enum conf_action action; } names[] = {
	{ "ignore", SLOW_IGNORE, ACTION_IGNORE }, { "ok", SLOW_OK, ACTION_OK }, { "done", SLOW_DONE, ACTION_DONE },
	{ "bad", SLOW_BAD, ACTION_BAD }, { "die", SLOW_DIE, ACTION_DIE },
};

static void control_set(struct control *control, int code, const char *word)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i].name, word)) {
			control->words[code] = names[i].word;
			control->action[code] = (unsigned char)names[i].action;
			return;
		}
	fail_msg("no action %s", word);
}

/* "ok=ok not_mine=bad default=die" */
static void control_spell(struct control *control, const char *text)
{
	char key[32], word[16];
	int n = 0;
	control->keyword = -1;
	control_set(control, EMA_OK, "ok");
	for (int code = 1; code < EMA_CODES; code++)
		control_set(control, code, "bad");
	const char *all = strstr(text, "default=");
	for (int code = 1; all && code < EMA_CODES; code++)
		control_set(control, code, sscanf(all, "default=%15[a-z]", word) == 1 ? word : "?");
	for (const char *at = text; sscanf(at, " %31[a-z_]=%15[a-z]%n", key, word, &n) == 2; at += n)
		if (strcmp(key, "default")) {
			assert_true(code_by_name(key) >= 0);
			control_set(control, code_by_name(key), word);
		}
}

static void control_keyword(struct control *control, int keyword)
{
	static const char *const spelled[] = { "ok=ok default=bad", "ok=ok default=die", "ok=done not_mine=ignore default=bad",
		                               "ok=ignore default=ignore" };
	control_spell(control, spelled[keyword]);
	control->keyword = keyword;
}

/* ---- Lists in both forms; subjects are letters ---- */

static const char subjects[256];

struct pair_list;
struct pair_rule {
	const struct control *control;
	int code;
	char subject;
	const struct pair_list *list;
};

struct pair_list {
	struct pair_rule rules[SLOW_RULES];
	size_t count;
	struct stack_rule fast_rules[SLOW_RULES];
	struct stack_list fast;
	struct slow_list slow;
};

static void pair_make(struct pair_list *pair)
{
	for (size_t i = 0; i < pair->count; i++) {
		const struct pair_rule *rule = &pair->rules[i];
		pair->fast_rules[i] = (struct stack_rule){ rule->control->action, rule->list ? &rule->list->fast : NULL, i, NULL };
		pair->slow.rules[i] = (struct slow_rule){ rule->control->words, rule->code, rule->subject, rule->list ? &rule->list->slow : NULL };
	}
	pair->fast = (struct stack_list){ pair->fast_rules, pair->count };
	pair->slow.count = pair->count;
}

/* ---- What was seen ---- */

struct told {
	const struct stack_rule *rule;
	int code, depth;
	enum conf_action action;
};

struct watch {
	const struct pair_list *lists[4]; /* where rules can be */
	size_t told_count, run_count;
	struct told told[16];
	const struct pair_rule *run[16];
};

static const struct pair_rule *rule_of(const struct watch *watch, const struct stack_rule *rule)
{
	for (size_t i = 0; i < 4 && watch->lists[i]; i++)
		if (rule >= watch->lists[i]->fast_rules && rule < watch->lists[i]->fast_rules + SLOW_RULES)
			return &watch->lists[i]->rules[rule - watch->lists[i]->fast_rules];
	fail_msg("a rule of nowhere");
	return NULL;
}

static void watch_run(void *data, const struct stack_rule *rule, int depth, struct stack_answer *answer)
{
	struct watch *watch = data;
	const struct pair_rule *pair = rule_of(watch, rule);
	(void)depth;
	watch->run[watch->run_count++] = pair;
	answer->code = pair->code;
	answer->vouching = pair->subject ? &subjects[(unsigned char)pair->subject] : NULL;
}

static int watch_same(void *data, const void *a, const void *b)
{
	(void)data;
	return a == b;
}

static void watch_tell(void *data, const struct stack_rule *rule, int depth, int code, enum conf_action action)
{
	struct watch *watch = data;
	watch->told[watch->told_count++] = (struct told){ rule, code, depth, action };
}

static char subject_letter(const struct stack_result *result)
{
	return result->vouching ? (char)((const char *)result->vouching - subjects) : 0;
}

#define CHECK(condition) do { if (!(condition)) fail_msg("%s: rules %d/%d/%d answers %d/%d/%d subjects %d/%d/%d: %d, slowly %d", #condition, \
	list->count > 0 ? list->rules[0].control->keyword : -9, list->count > 1 ? list->rules[1].control->keyword : -9, \
	list->count > 2 ? list->rules[2].control->keyword : -9, list->rules[0].code, list->rules[1].code, list->rules[2].code, \
	list->rules[0].subject, list->rules[1].subject, list->rules[2].subject, out.code, slow.code); } while (0)

static void invariants(const struct pair_list *list, const struct watch *watch, const struct stack_result *result, int identity)
{
	struct slow_result slow = { -9, 0, 0, 0 };
	struct stack_result out = *result;
	CHECK(out.ran == watch->run_count);
	if (out.code != EMA_OK) {
		CHECK(!out.vouching);
		return;
	}
	CHECK(!out.failed);
	int vouched = !identity;
	for (size_t i = 0; i < watch->run_count; i++)
		vouched = vouched || (watch->run[i]->control->keyword != OPTIONAL && watch->run[i]->code == EMA_OK && watch->run[i]->subject &&
		                      &subjects[(unsigned char)watch->run[i]->subject] == out.vouching);
	CHECK(vouched);
	for (size_t i = 0; i < watch->told_count; i++) {
		int keyword = rule_of(watch, watch->told[i].rule)->control->keyword;
		if (watch->told[i].depth == 0 && (keyword == REQUIRED || keyword == REQUISITE))
			CHECK(watch->told[i].code == EMA_OK);
		CHECK(watch->told[i].depth || (watch->told[i].action != ACTION_BAD && watch->told[i].action != ACTION_DIE));
	}
	if (!identity) {
		size_t tops = 0;
		for (size_t i = 0; i < watch->told_count; i++)
			tops += watch->told[i].depth == 0;
		CHECK(tops == list->count);
	}
}

static struct stack_result compare(const struct pair_list *list, const struct pair_list *inner, int identity)
{
	struct watch watch = { .lists = { list, inner } };
	struct stack_ops ops = { watch_run, identity ? watch_same : NULL, watch_tell, &watch, NULL };
	struct stack_result out;
	struct slow_result slow = identity ? slow_identity(&list->slow) : slow_guards(&list->slow);
	(identity ? stack_identity : stack_guards)(&list->fast, &ops, &out);
	CHECK(out.code == slow.code);
	CHECK(out.ran == slow.ran);
	CHECK(subject_letter(&out) == slow.subject);
	invariants(list, &watch, &out, identity);
	return out;
}

/* ---- All stacks ---- */

static const char *const spellings[] = {
	"ok=done default=ignore", "ok=ok not_mine=ignore unavailable=ignore timeout=ignore default=die", "ok=ignore default=bad",
	"ok=done default=die", "ok=ok default=ignore",
};
#define CONTROLS (KEYWORDS + sizeof spellings / sizeof *spellings)

static const struct { int code; char subject; } answers[] = {
	{ EMA_OK, 'a' }, { EMA_OK, 'b' }, { EMA_OK, 0 }, { EMA_NOT_MINE, 0 }, { EMA_UNAVAILABLE, 0 }, { EMA_TIMEOUT, 0 }, { EMA_DENIED, 0 },
	{ EMA_EXPIRED, 0 }, { EMA_DENIED, 'a' }, { EMA_CODES, 0 }, { -1, 'a' },
};
#define ANSWERS (sizeof answers / sizeof *answers)
#define KINDS (CONTROLS * ANSWERS)

static struct control controls[CONTROLS];

static int controls_setup(void **state)
{
	(void)state;
	for (int i = 0; i < KEYWORDS; i++)
		control_keyword(&controls[i], i);
	for (size_t i = KEYWORDS; i < CONTROLS; i++)
		control_spell(&controls[i], spellings[i - KEYWORDS]);
	return 0;
}

static struct pair_rule kind(size_t number)
{
	return (struct pair_rule){ &controls[number / ANSWERS], answers[number % ANSWERS].code, answers[number % ANSWERS].subject, NULL };
}

static void every_list_of_modules(void **state)
{
	(void)state;
	size_t limit[] = { 0, KINDS, KINDS * KINDS, KINDS * KINDS * KINDS }, granted = 0;
	struct pair_list list = { .count = 0 };
	for (list.count = 0; list.count <= 3; list.count++)
		for (size_t n = 0; n < (list.count ? limit[list.count] : 1); n++) {
			for (size_t i = 0, rest = n; i < list.count; i++, rest /= KINDS)
				list.rules[i] = kind(rest % KINDS);
			pair_make(&list);
			granted += compare(&list, NULL, 1).code == EMA_OK;
		}
	assert_true(granted > 1000);
}

/* One stack among up to three rules: with one rule in it beside two others, with two beside one other. */
static void every_list_with_a_stack(void **state)
{
	(void)state;
	struct pair_list inner = { .count = 0 }, outer = { .count = 0 };
	for (inner.count = 0; inner.count <= 2; inner.count++) {
		size_t inners = inner.count == 0 ? 1 : inner.count == 1 ? KINDS : KINDS * KINDS;
		for (size_t n = 0; n < inners; n++) {
			for (size_t i = 0, rest = n; i < inner.count; i++, rest /= KINDS)
				inner.rules[i] = kind(rest % KINDS);
			pair_make(&inner);
			size_t others = inner.count == 2 ? 1 : 2;
			for (outer.count = 1; outer.count <= others + 1; outer.count++)
				for (size_t at = 0; at < outer.count; at++)
					for (size_t control = 0; control < CONTROLS; control++) {
						/* Beside two in the stack, a fixed choice of others; beside one, all keywords with telling answers. */
						static const size_t few[] = { 0, 1, 3, 4, 6, 9 };
						size_t each = KEYWORDS * 6;
						size_t choices = outer.count == 1 ? 1 : outer.count == 2 ? each : each * each;
						for (size_t m = 0; m < choices; m++) {
							for (size_t i = 0, rest = m; i < outer.count; i++) {
								if (i == at) {
									outer.rules[i] = (struct pair_rule){ &controls[control], 0, 0, &inner };
									continue;
								}
								outer.rules[i] = kind(rest % each / 6 * ANSWERS + few[rest % 6]);
								rest /= each;
							}
							pair_make(&outer);
							compare(&outer, &inner, 1);
						}
					}
		}
	}
}

static void every_list_of_guards(void **state)
{
	(void)state;
	static const int used[] = { REQUIRED, REQUISITE, OPTIONAL };
	size_t kinds = 3 * ANSWERS;
	struct pair_list list = { .count = 0 };
	for (list.count = 0; list.count <= 3; list.count++) {
		size_t all = 1;
		for (size_t i = 0; i < list.count; i++)
			all *= kinds;
		for (size_t n = 0; n < all; n++) {
			for (size_t i = 0, rest = n; i < list.count; i++, rest /= kinds)
				list.rules[i] = (struct pair_rule){ &controls[used[rest % kinds / ANSWERS]], answers[rest % ANSWERS].code, 0, NULL };
			pair_make(&list);
			compare(&list, NULL, 0);
		}
	}
}

/* ---- The truth table ---- */

struct table {
	struct control made[16];
	size_t made_count;
	struct pair_list inner;
};

static void trim(char *text)
{
	size_t from = strspn(text, " "), length = strlen(text);
	while (length > from && (text[length - 1] == ' ' || text[length - 1] == '\n'))
		length--;
	memmove(text, text + from, length - from);
	text[length - from] = 0;
}

static void parse_list(struct table *table, char *text, int identity, struct pair_list *list)
{
	list->count = 0;
	trim(text);
	for (char *at = text; *at && strcmp(text, "-") && strcmp(text, "(none)");) {
		struct control *control = &table->made[table->made_count++];
		struct pair_rule *rule = &list->rules[list->count++];
		char *code;
		assert_true(table->made_count <= 16 && list->count <= SLOW_RULES);
		if (*at == '[') {
			code = strchr(at, ']');
			assert_non_null(code);
			*code++ = 0;
			control_spell(control, at + 1);
		} else {
			code = strchr(at, ' ');
			assert_non_null(code);
			*code++ = 0;
			int keyword = 0;
			while (keyword < KEYWORDS && strcmp(keywords[keyword], at))
				keyword++;
			assert_true(keyword < KEYWORDS);
			control_keyword(control, keyword);
		}
		at = code + strcspn(code, ",");
		if (*at)
			*at++ = 0;
		at += strspn(at, " ");
		trim(code);
		*rule = (struct pair_rule){ control, code_by_name(code), 0, NULL };
		if (*code == '@')
			rule->list = &table->inner;
		else
			assert_true(rule->code >= 0);
		rule->subject = identity && rule->code == EMA_OK ? 'a' : 0;
	}
	pair_make(list);
}

/* AZN-52: each control with each kind of answer, at each place. */
static void the_truth_table(void **state)
{
	(void)state;
	FILE *file = fopen(SRCDIR "/tests/identity/truth-table.txt", "r");
	char line[512];
	int rows = 0;
	assert_non_null(file);
	while (fgets(line, sizeof line, file)) {
		struct table table = { .made_count = 0 };
		struct pair_list identity = { .count = 0 }, guards = { .count = 0 };
		char rules[256], guard_text[128], expected[32], *inner = NULL;
		int number, ran;
		if (*line == '#')
			continue;
		if (sscanf(line, "%d | %255[^|]| %127[^|]|%*[^|]| %31[a-zA-Z_] / %d", &number, rules, guard_text, expected, &ran) != 5)
			fail_msg("row %d cannot be read: %s", rows + 1, line);
		assert_int_equal(number, ++rows);
		if ((inner = strstr(rules, "; @s ="))) {
			*inner = 0;
			parse_list(&table, inner + 6, 1, &table.inner);
		}
		parse_list(&table, rules, 1, &identity);
		parse_list(&table, guard_text, 0, &guards);
		struct stack_result result = compare(&identity, &table.inner, 1);
		size_t count = result.ran;
		if (result.code == EMA_OK) {
			result = compare(&guards, NULL, 0);
			count += result.ran;
		}
		if (strcmp(strcmp(expected, "ALLOW") ? expected : "ok", code_name(result.code)) || (int)count != ran)
			fail_msg("row %d: %s / %zu instead of %s / %d", number, code_name(result.code), count, expected, ran);
	}
	fclose(file);
	assert_int_equal(rows, 47);
}

/* ---- Edges ---- */

static void run_ok(void *data, const struct stack_rule *rule, int depth, struct stack_answer *answer)
{
	(void)rule;
	(void)depth;
	answer->code = EMA_OK;
	answer->vouching = data;
}

static void depth_is_bounded(void **state)
{
	(void)state;
	struct stack_rule rules[STACK_DEPTH_MOST + 2];
	struct stack_list lists[STACK_DEPTH_MOST + 2];
	char who = 'a';
	struct stack_ops ops = { run_ok, NULL, NULL, &who, NULL };
	struct stack_result out;
	for (int i = 0; i < STACK_DEPTH_MOST + 2; i++) {
		rules[i] = (struct stack_rule){ controls[REQUIRED].action, i ? &lists[i - 1] : NULL, 0, NULL };
		lists[i] = (struct stack_list){ &rules[i], 1 };
	}
	stack_identity(&lists[STACK_DEPTH_MOST], &ops, &out);
	assert_int_equal(out.code, EMA_OK);
	stack_identity(&lists[STACK_DEPTH_MOST + 1], &ops, &out);
	assert_int_equal(out.code, EMA_INTERNAL);
	assert_null(out.vouching);
	assert_int_equal(out.ran, 0);
	rules[0].stack = &lists[0]; /* in itself */
	stack_identity(&lists[0], &ops, &out);
	assert_int_equal(out.code, EMA_INTERNAL);
	stack_guards(&lists[0], &ops, &out);
	assert_int_equal(out.code, EMA_INTERNAL);
}

/* A table that conf would have refused never grants. */
static void wrong_tables_do_not_grant(void **state)
{
	(void)state;
	static const struct { int said, action; } cases[] = {
		{ EMA_OK, ACTION_BAD }, { EMA_OK, ACTION_DIE }, { EMA_OK, ACTION_UNSET }, { EMA_OK, 77 }, { EMA_DENIED, ACTION_OK },
		{ EMA_DENIED, ACTION_DONE }, { EMA_DENIED, ACTION_UNSET }, { EMA_DENIED, 77 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int identity = 0; identity < 2; identity++) {
			struct control control = controls[REQUIRED];
			control.action[cases[i].said] = (unsigned char)cases[i].action;
			struct pair_list list = { .count = 1 };
			list.rules[0] = (struct pair_rule){ &control, cases[i].said, cases[i].said == EMA_OK && identity ? 'a' : 0, NULL };
			pair_make(&list);
			struct watch watch = { .lists = { &list } };
			struct stack_ops ops = { watch_run, watch_same, watch_tell, &watch, NULL };
			struct stack_result out;
			(identity ? stack_identity : stack_guards)(&list.fast, &ops, &out);
			assert_int_equal(out.code, EMA_INTERNAL);
			assert_int_equal(watch.told[0].action, ACTION_DIE);
		}
}

/* The rule that failed is the innermost, and a stack is told of after its rules. */
static void says_which_rule_failed(void **state)
{
	(void)state;
	struct pair_list inner = { .count = 2 }, outer = { .count = 1 };
	inner.rules[0] = (struct pair_rule){ &controls[REQUIRED], EMA_OK, 'a', NULL };
	inner.rules[1] = (struct pair_rule){ &controls[REQUIRED], EMA_EXPIRED, 0, NULL };
	outer.rules[0] = (struct pair_rule){ &controls[REQUIRED], 0, 0, &inner };
	pair_make(&inner);
	pair_make(&outer);
	struct watch watch = { .lists = { &outer, &inner } };
	struct stack_ops ops = { watch_run, watch_same, watch_tell, &watch, NULL };
	struct stack_result out;
	stack_identity(&outer.fast, &ops, &out);
	assert_int_equal(out.code, EMA_EXPIRED);
	assert_ptr_equal(out.failed, &inner.fast_rules[1]);
	assert_int_equal(watch.told_count, 3);
	assert_ptr_equal(watch.told[2].rule, &outer.fast_rules[0]);
	assert_int_equal(watch.told[1].depth, 1);
	assert_int_equal(watch.told[2].depth, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_truth_table),
		cmocka_unit_test(every_list_of_modules),
		cmocka_unit_test(every_list_with_a_stack),
		cmocka_unit_test(every_list_of_guards),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(wrong_tables_do_not_grant),
		cmocka_unit_test(says_which_rule_failed),
	};
	return cmocka_run_group_tests(tests, controls_setup, NULL);
}
