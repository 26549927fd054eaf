/*
 * How many rules one decision looks at: of ten thousand that are about others, or about other tools, as many as of ten. It counts in
 * the very sources, built here with a hook that is nothing elsewhere.
 */
#include <stddef.h>

static size_t looks;
#define RULE_LOOKED_AT() ((void)looks++)

#include "test.h"
/* Before rig.h, whose headers do not know of the hook. */
#include "decide.c"
#include "prepare.c"

#include "buffer.h"
#include "codes.h"
#include "rig.h"

#define TEXT_MOST (4u << 20)

/* %d is another one in each rule. Ten thousand of them are less than the 1 MiB that a file may have. */
static const struct {
	const char *grant, *deny; /* NULL: none */
	int about_others;         /* who is asked about is found without a look at them */
} strangers[] = {
	{ "{ provider = \"okta\"; group = \"other%d\"; scopes = \"get\"; }", NULL, 1 },
	{ "{ provider = \"okta\"; subject = \"other%d\"; scopes = \"get\"; tools = \"get_x\"; }", NULL, 1 },
	{ "{ provider = \"azure\"; role = \"other%d\"; scopes = [\"get\", \"put\"]; }", NULL, 1 },
	{ "{ provider = \"okta\"; client = \"other%d\"; scopes = \"get\"; }", NULL, 1 },
	{ NULL, "{ provider = \"okta\"; group = \"other%d\"; }", 1 },
	{ NULL, "{ subject = \"other%d\"; tools = \"get_x\"; }", 1 },
	{ NULL, "{ provider = \"azure\"; tools = \"get_x\"; when = { args=({at=\"/a\";equals=%d;}); }; }", 1 },
	{ "{ provider = \"okta\"; scopes = \"put\"; tools = \"put_%d\"; }", NULL, 0 },
	{ "{ provider = \"okta\"; group = \"eng\"; scopes = \"put\"; when = { args=({at=\"/a\";equals=%d;}); }; }", NULL, 0 },
	{ NULL, "{ tools = \"put_%d\"; }", 0 },
	{ NULL, "{ provider = \"okta\"; tools = \"put_%d_*\"; when = { amr = \"none\"; }; }", 0 },
	{ NULL, "{ scopes = \"put\"; when = { args=({at=\"/a\";equals=%d;}); }; }", 0 },
};

static void put_rules(struct buffer *body, const char *key, const char *own, const char *form, int count)
{
	buffer_printf(body, "%s = ( %s", key, own);
	for (int i = 0; form && i < count; i++) {
		const char *at = strstr(form, "%d");
		buffer_printf(body, ",\n%.*s%d%s", (int)(at - form), form, i, at + 2);
	}
	buffer_text(body, " );\n");
}

struct counts {
	size_t prepared, permitted, refused, unscoped;
};

static size_t ask(const struct rig *rig, const struct policy_principal *principal, const char *name, int code)
{
	const struct policy_target target = { .kind = POLICY_TOOL, .name = name, .length = strlen(name) };
	struct policy_result result;
	looks = 0;
	assert_string_equal(code_name(policy_decide(rig->policy, principal, &target, RIG_NOW, &result)), code_name(code));
	return looks;
}

static struct counts count(size_t row, int rules)
{
	struct buffer body = BUFFER_INIT(TEXT_MOST);
	struct counts counts;
	buffer_text(&body, "scopes = ( { name = \"get\"; access = \"read\"; tools = [\"get_*\", \"drop_x\"]; }, { name = \"put\"; access = \"write\"; tools = \"put_*\"; } );\n");
	put_rules(&body, "grants", "{ provider = \"okta\"; group = \"eng\"; scopes = \"get\"; }", strangers[row].grant, rules);
	put_rules(&body, "denies", "{ tools = \"drop_*\"; }", strangers[row].deny, rules);
	assert_false(body.failed);
	struct rig rig = rig_open(body.data);
	if (!rig.policy)
		rig_show(&rig);
	assert_non_null(rig.policy);
	char eng[] = "eng", staff[] = "staff";
	const struct principal_name group = { .name = eng, .source = staff };
	const char *scopes[] = { "get", "put" };
	const struct policy_who who = { .provider = "okta", .sub = "al", .client = "app", .groups = &group, .group_count = 1, .scopes = scopes, .scope_count = 2 };
	looks = 0;
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(rig.policy, &who, &arena);
	assert_non_null(principal);
	counts.prepared = looks;
	counts.permitted = ask(&rig, principal, "get_x", EMA_OK);
	counts.refused = ask(&rig, principal, "drop_x", EMA_DENIED);
	counts.unscoped = ask(&rig, principal, "other", EMA_NOT_GRANTED);
	arena_free(&arena);
	rig_close(&rig);
	buffer_free(&body);
	return counts;
}

static void looks_do_not_grow(void **state)
{
	(void)state;
	for (size_t row = 0; row < sizeof strangers / sizeof *strangers; row++) {
		const struct counts few = count(row, 10);
		const char *form = strangers[row].grant ? strangers[row].grant : strangers[row].deny;
		/* The hook counts: the grant or deny that decides was looked at. */
		assert_true(few.prepared && few.permitted && few.refused && !few.unscoped);
		for (int rules = 1000; rules <= 10000; rules *= 10) {
			const struct counts many = count(row, rules);
			if (many.permitted != few.permitted || many.refused != few.refused || many.unscoped != few.unscoped)
				fail_msg("%d of %s: %zu, %zu and %zu looks, of ten %zu, %zu and %zu", rules, form, many.permitted, many.refused, many.unscoped, few.permitted,
				         few.refused, few.unscoped);
			if (strangers[row].about_others && many.prepared != few.prepared)
				fail_msg("%d of %s: %zu looks to prepare, of ten %zu", rules, form, many.prepared, few.prepared);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(looks_do_not_grow) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
