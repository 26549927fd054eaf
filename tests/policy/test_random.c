/* Random policies and questions, held against a slow evaluator, and against what must be true of all of them. */
#include "test.h"

#include "codes.h"
#include "rig.h"
#include "slow_policy.h"

#define POLICIES 800
#define QUESTIONS 60

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice_state >> 33) % sides;
}

static const char *pick(const char *const *from, unsigned count)
{
	return from[dice(count)];
}
#define PICK(list) pick(list, sizeof(list) / sizeof *(list))

static const char *const tool_patterns[] = { "get_a", "get_b", "get_*", "*_a", "*", "g*_*", "put_*", "put_a", "odd a", "get_{tenant}", "{subject}_*", "*_{email}" };
static const char *const prompt_patterns[] = { "ask", "a*", "*", "ask {subject}" };
static const char *const uri_patterns[] = { "x:/a/*", "x:/a/**", "x:/**", "**", "x:/a/b", "x:/{tenant}/**", "x:/{subject}/*", "x://h/**/b", "x:/*/b", "x:/{email}/b*" };
static const char *const tools[] = { "get_a", "get_b", "put_a", "put_c", "odd a", "get_t1", "al_a", "zz", "get_a b", "get_*", "x_me" };
static const char *const prompts[] = { "ask", "ask al", "b" };
static const char *const uris[] = { "x:/a/b", "x:/a/b/c", "x:/a/%61", "x:/a/../t1/b", "x:/t1/z", "x:/al/b", "x://h/a/b", "x:/me/bc", "y:/a", "x://u@h/a/b", "x:/t2/../a/b", "x:/a/b?c" };
static const char *const arguments[] = { NULL, "{}", "{\"p\":\"a\"}", "{\"p\":\"b\",\"n\":3}", "{\"n\":7,\"p\":1}", "{\"n\":\"7\"}", "{\"p\":\"al\",\"n\":null}", "{\"f\":true,\"p\":\"ab\"}", "{\"f\":false,\"n\":5}" };
static const char *const argument_tests[] = { "{ at = \"/p\"; equals = \"a\"; }", "{ at = \"/p\"; like = \"a*\"; }", "{ at = \"/p\"; like = \"{subject}\"; }",
	"{ at = \"/p\"; like = \"{email}*\"; }", "{ at = \"/n\"; in = [3, 5]; }", "{ at = \"/p\"; in = [\"a\", \"b\"]; }", "{ at = \"/n\"; less = 5; }", "{ at = \"/n\"; greater = 2; less = 6; }",
	"{ at = \"/n\"; absent = true; }", "{ at = \"/f\"; equals = true; }", "{ at = \"/n\"; equals = 7; }" };
static const char *const logins[] = { "acr = \"high\";", "amr = [\"mfa\", \"hwk\"];", "max_age = \"10m\";", "time = ( { days = \"mon\"; until = \"13:00\"; } );", "not_after = \"2026-10-12T12:30:00Z\";" };
static const char *const scopes[] = { "r", "s", "w" };
static const char *const groups[] = { "a", "b", "c" };
static const char *const froms[] = { "claims", "staff", "hr" };
static const char *const tenants[] = { "t1", "t2" };
static const char *const subjects[] = { "al", "bo", "*", "..", "a/b" };
static const char *const clients[] = { "c1", "c2" };

struct text {
	char *at;
	size_t left;
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *text, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	int n = vsnprintf(text->at, text->left, format, values);
	va_end(values);
	assert_true(n >= 0 && (size_t)n < text->left);
	text->at += n;
	text->left -= (size_t)n;
}

static void say_list(struct text *text, const char *key, const char *const *from, unsigned count)
{
	say(text, " %s = [", key);
	for (unsigned i = 0, n = 1 + dice(2); i < n; i++)
		say(text, i ? ", \"%s\"" : "\"%s\"", pick(from, count));
	say(text, "%s", "];");
}
#define SAY_LIST(text, key, list) say_list(text, key, list, sizeof(list) / sizeof *(list))

static void say_rule(struct text *text, int deny)
{
	static const char *const providers[] = { "okta", "azure", "*" };
	say(text, "%s", "{");
	if (!deny || !dice(3))
		say(text, " provider = \"%s\";", PICK(providers));
	if (!dice(4))
		SAY_LIST(text, "tenant", tenants);
	if (!dice(2)) {
		SAY_LIST(text, "group", groups);
		if (!dice(4))
			SAY_LIST(text, "role", groups);
		SAY_LIST(text, "from", froms);
	}
	if (!dice(8))
		SAY_LIST(text, "subject", subjects);
	if (!dice(8))
		SAY_LIST(text, "client", clients);
	if (!deny || !dice(3))
		SAY_LIST(text, "scopes", scopes);
	if (dice(3) == 0 || deny)
		SAY_LIST(text, "tools", tool_patterns);
	if (!dice(6))
		SAY_LIST(text, "prompts", prompt_patterns);
	if (!dice(4))
		SAY_LIST(text, "uris", uri_patterns);
	if (!dice(6))
		say(text, "%s", " mode = \"shadow\";");
	if (!dice(2)) {
		say(text, "%s", " when = {");
		unsigned which = dice(3);
		if (which != 1) {
			say(text, " args = ( %s", PICK(argument_tests));
			if (!dice(2))
				say(text, ", %s", PICK(argument_tests));
			say(text, "%s", " );");
		}
		if (which)
			say(text, " %s", PICK(logins));
		say(text, "%s", " };");
	}
	say(text, "%s", " }");
}

static void say_policy(char *out, size_t room)
{
	struct text text = { out, room };
	say(&text, "%s", "scopes = (");
	for (size_t i = 0; i < 3; i++) {
		say(&text, i ? ", { name = \"%s\"; access = \"read\";" : " { name = \"%s\"; access = \"read\";", scopes[i]);
		SAY_LIST(&text, "tools", tool_patterns);
		if (dice(2))
			SAY_LIST(&text, "prompts", prompt_patterns);
		if (dice(2))
			SAY_LIST(&text, "uris", uri_patterns);
		/* Of those after it, so that it never comes back to itself. */
		if (i < 2 && !dice(3))
			say(&text, " includes = \"%s\";", scopes[i + 1 + dice((unsigned)(2 - i))]);
		say(&text, "%s", " }");
	}
	say(&text, "%s", " );\ngrants = ( ");
	for (unsigned i = 0, n = 1 + dice(6); i < n; i++) {
		say(&text, "%s", i ? ",\n" : "");
		say_rule(&text, 0);
	}
	say(&text, "%s", " );\ndenies = ( ");
	for (unsigned i = 0, n = dice(4); i < n; i++) {
		say(&text, "%s", i ? ",\n" : "");
		say_rule(&text, 1);
	}
	say(&text, "%s", " );\n");
}

static void say_who(char *out, size_t room)
{
	static const char *const sources[] = { "claims", "staff", "hr", "claims@t1", "claims@t2" };
	static const char *const starts[] = { "okta/-/", "azure/t1/", "azure/t2/", "okta/t1/", "azure/-/", "azure/../", "okta/*/" };
	struct text text = { out, room };
	say(&text, "%s", PICK(starts));
	say(&text, "%s", PICK(subjects));
	for (unsigned kind = 0; kind < 2; kind++) {
		say(&text, "%s", kind ? " roles=" : " groups=");
		for (unsigned i = 0, n = dice(4); i < n; i++) {
			say(&text, i ? ",%s" : "%s", PICK(groups));
			if (dice(2))
				say(&text, "@%s", PICK(sources));
		}
	}
	if (dice(2))
		say(&text, " client=%s", PICK(clients));
	if (dice(2))
		say(&text, " acr=%s", dice(2) ? "high" : "low");
	if (dice(2))
		say(&text, " amr=%s", dice(2) ? "hwk,mfa" : "mfa");
	if (dice(2))
		say(&text, " login=%s", dice(2) ? "100" : dice(2) ? "700" : "-100");
	if (dice(2))
		say(&text, " email=%s", dice(2) ? "me" : "a*");
	say(&text, "%s", " scopes=");
	for (unsigned i = 0, n = dice(4); i < n; i++)
		say(&text, i ? ",%s" : "%s", PICK(scopes));
}

static const char *say_target(char *out, size_t room)
{
	struct text text = { out, room };
	unsigned kind = dice(10);
	if (kind < 5)
		say(&text, "tool %s", PICK(tools));
	else if (kind < 6)
		say(&text, "prompt %s", PICK(prompts));
	else if (kind < 9)
		say(&text, "uri %s", PICK(uris));
	else
		say(&text, "%s", dice(3) ? "list" : "server");
	return out;
}

static const struct conf_grant *by_node(const struct conf_grant *grants, size_t count, const struct conf_node *node)
{
	for (size_t i = 0; i < count; i++)
		if (grants[i].node == node)
			return &grants[i];
	return NULL;
}

/* One token scope less, and then one grant less, never opens what was closed. */
static void check_monotonic(const struct rig *rig, struct rig_who *who, const struct policy_target *target, int code)
{
	struct policy_result out;
	struct conf_service less = rig->conf->services[0];
	if (code == EMA_OK || less.shadow_until)
		return;
	struct policy_who fewer = who->who;
	for (size_t i = 0; i < who->who.scope_count; i++) {
		fewer.scopes = who->who.scopes + 1;
		fewer.scope_count = who->who.scope_count - 1;
		struct policy_principal *principal = policy_prepare(rig->policy, &fewer);
		assert_int_not_equal(policy_decide(rig->policy, principal, target, RIG_NOW, &out), EMA_OK);
		policy_principal_free(principal);
		char *first = who->scopes[0];
		memmove(who->scopes, who->scopes + 1, (who->who.scope_count - 1) * sizeof *who->scopes);
		who->scopes[who->who.scope_count - 1] = first;
	}
	less.grant_count--;
	less.grants += dice(2);
	struct policy *policy = policy_new(rig->conf, &less, NULL);
	struct policy_principal *principal = policy_prepare(policy, &who->who);
	assert_int_not_equal(policy_decide(policy, principal, target, RIG_NOW, &out), EMA_OK);
	policy_principal_free(principal);
	policy_free(policy);
}

static void check_answer(const struct rig *rig, struct rig_who *who, const struct policy_target *target, const struct policy_result *out, const char *told)
{
	const struct conf_service *service = &rig->conf->services[0];
	struct slow_answer slow;
	slow_decide(service, &who->who, target, RIG_NOW, &slow);
	if (slow.code != out->code || slow.enforced != out->enforced)
		fail_msg("%s: %s, slowly %s", told, code_name(out->code), code_name(slow.code));
	if (out->enforced == EMA_DENIED && out->rule != slow.deny->node)
		fail_msg("%s: denied by line %d, slowly by %d", told, out->rule->line, slow.deny->node->line);
	const int by_shadow = out->code != out->enforced; /* decided by permissions in shadow mode, and no grant */
	if (by_shadow)
		assert_ptr_equal(out->rule, conf_child(service->permissions, "mode"));
	const struct conf_grant *grant = by_node(service->grants, service->grant_count, out->rule);
	if (out->enforced == EMA_OK && target->kind != POLICY_SERVER && (!grant || grant->shadow || !slow_gives(service, grant, out->scope, &who->who, target, RIG_NOW)))
		fail_msg("%s: the grant that is named does not give it", told);
	if (out->enforced == EMA_WEAK_AUTHENTICATION && !by_shadow)
		assert_ptr_equal(out->login, grant->conditions);
	if (out->enforced == EMA_INSUFFICIENT_SCOPE) {
		struct policy_result then;
		who->scopes[who->who.scope_count++] = (char *)(uintptr_t)out->scope->name;
		struct policy_principal *principal = policy_prepare(rig->policy, &who->who);
		assert_int_equal(policy_decide(rig->policy, principal, target, RIG_NOW, &then), EMA_OK);
		assert_int_equal(policy_scope(rig->policy, principal, out->scope->name, RIG_NOW, &then), EMA_OK);
		policy_principal_free(principal);
		who->who.scope_count--;
	}
	const struct conf_node *shadow = out->enforced == EMA_OK && slow.shadow_deny ? slow.shadow_deny->node : NULL;
	if (shadow ? out->shadow != shadow : (out->enforced == EMA_OK || out->enforced == EMA_DENIED || out->enforced == EMA_BAD_REQUEST) && out->shadow)
		fail_msg("%s: the wrong rule in shadow mode", told);
	if (out->enforced != EMA_OK && out->enforced != EMA_DENIED && out->enforced != EMA_BAD_REQUEST && (out->shadow != NULL) != (slow.shadow_grant && !slow.shadow_deny))
		fail_msg("%s: shadow grant", told);
}

struct told {
	const struct conf_grant *deny; /* the first in force that counts */
	int gives, lacks_scope, lacks_login;
	const struct conf_node *rule; /* of the answer; seen: it was told as one that gives, or lacks what the answer says */
	int seen;
};

static void tell(void *data, const struct policy_stand *stand)
{
	struct told *told = data;
	if (stand->rule->shadow)
		return;
	if (stand->deny) {
		if (!stand->lacks && !told->deny)
			told->deny = stand->rule;
		return;
	}
	told->gives |= !stand->lacks;
	told->lacks_scope |= stand->lacks == POLICY_LACKS_SCOPE;
	told->lacks_login |= stand->lacks && !(stand->lacks & ~(unsigned)(POLICY_LACKS_SCOPE | POLICY_LACKS_LOGIN)) && stand->lacks & POLICY_LACKS_LOGIN;
	told->seen |= stand->rule->node == told->rule && !(stand->lacks & ~(unsigned)(POLICY_LACKS_SCOPE | POLICY_LACKS_LOGIN));
}

/* What the explanation says of each rule leads to the answer, and names the rule that decided. */
static void check_explained(const struct rig *rig, const struct rig_who *who, const struct policy_target *target, const struct policy_result *out,
                            const char *text)
{
	struct told told = { .rule = out->code == out->enforced ? out->rule : NULL };
	int code = policy_explain(rig->policy, &who->who, target, RIG_NOW, tell, &told);
	if (!code)
		code = told.deny ? EMA_DENIED : told.gives || target->kind == POLICY_SERVER ? EMA_OK : told.lacks_scope ? EMA_INSUFFICIENT_SCOPE :
		       told.lacks_login ? EMA_WEAK_AUTHENTICATION : EMA_NOT_GRANTED;
	if (code != out->enforced)
		fail_msg("%s: %s, explained as %s", text, code_name(out->enforced), code_name(code));
	if (code == EMA_DENIED ? told.deny->node != out->rule : told.rule && !told.seen)
		fail_msg("%s: the rule that decided is not explained", text);
}

/* AZN-55, JAG-72, MCP-20 */
static void as_the_slow_one_decides(void **state)
{
	(void)state;
	char body[8192], who_text[1024], target_text[256], told[1600];
	int seen[EMA_CODES] = { 0 };
	for (unsigned n = 0; n < POLICIES; n++) {
		dice_state = n * 7919 + 1;
		say_policy(body, sizeof body);
		struct rig rig = rig_open(body);
		if (!rig.policy) {
			rig_show(&rig);
			fail_msg("policy %u does not compile: %s", n, body);
		}
		rig.conf->services[0].shadow_until = n % 10 == 9 ? RIG_NOW + 1 : 0;
		for (unsigned q = 0; q < QUESTIONS; q++) {
			struct rig_who who;
			struct json json;
			struct policy_result out;
			const char *values = PICK(arguments);
			say_who(who_text, sizeof who_text);
			rig_who(&who, who_text);
			struct policy_target target = rig_target(say_target(target_text, sizeof target_text), values, &json);
			target.listing = !dice(5);
			snprintf(told, sizeof told, "policy %u: %s; %s %s%s", n, who_text, target_text, values ? values : "", target.listing ? " (listing)" : "");
			struct policy_principal *principal = policy_prepare(rig.policy, &who.who);
			int code = policy_decide(rig.policy, principal, &target, RIG_NOW, &out);
			policy_principal_free(principal);
			check_answer(&rig, &who, &target, &out, told);
			check_monotonic(&rig, &who, &target, code);
			if (target.kind != POLICY_LIST || !target.listing)
				check_explained(&rig, &who, &target, &out, told);
			seen[code]++;
			json_free(&json);
		}
		rig_close(&rig);
	}
	/* The dice reach every answer. */
	assert_true(seen[EMA_OK] > 500 && seen[EMA_DENIED] > 500 && seen[EMA_NOT_GRANTED] > 500 && seen[EMA_INSUFFICIENT_SCOPE] > 200 &&
	            seen[EMA_WEAK_AUTHENTICATION] > 50 && seen[EMA_BAD_REQUEST] > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_slow_one_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
