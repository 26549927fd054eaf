/* Random policies and questions, held against a slow evaluator, and against what must be true of all of them. */
#include "test.h"

#include "codes.h"
#include "dealt.h"
#include "rig.h"
#include "slow_policy.h"

#define POLICIES 800
#define QUESTIONS 60

static uint64_t dice_state;

unsigned dice(unsigned sides)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice_state >> 33) % sides;
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
		struct arena arena = { .failed = 0 };
		struct policy_principal *principal = policy_prepare(rig->policy, &fewer, &arena);
		assert_int_not_equal(policy_decide(rig->policy, principal, target, RIG_NOW, &out), EMA_OK);
		arena_free(&arena);
		char *first = who->scopes[0];
		memmove(who->scopes, who->scopes + 1, (who->who.scope_count - 1) * sizeof *who->scopes);
		who->scopes[who->who.scope_count - 1] = first;
	}
	less.grant_count--;
	less.grants += dice(2);
	struct policy *policy = policy_new(rig->conf, &less, NULL);
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(policy, &who->who, &arena);
	assert_int_not_equal(policy_decide(policy, principal, target, RIG_NOW, &out), EMA_OK);
	arena_free(&arena);
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
		struct arena arena = { .failed = 0 };
		struct policy_principal *principal = policy_prepare(rig->policy, &who->who, &arena);
		assert_int_equal(policy_decide(rig->policy, principal, target, RIG_NOW, &then), EMA_OK);
		assert_int_equal(policy_scope(rig->policy, principal, out->scope->name, RIG_NOW, &then), EMA_OK);
		arena_free(&arena);
		who->who.scope_count--;
	}
	/* A client that is registered for all would be sent for it. */
	if (out->client_lacks) {
		struct policy_who any = who->who;
		any.registered = NULL;
		slow_decide(service, &any, target, RIG_NOW, &slow);
		assert_true(slow.enforced == EMA_INSUFFICIENT_SCOPE || slow.enforced == EMA_WEAK_AUTHENTICATION);
		assert_int_equal(out->enforced, EMA_NOT_GRANTED);
		assert_non_null(out->scope);
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
	told->seen |= stand->rule->node == told->rule && !(stand->lacks & ~(unsigned)(POLICY_LACKS_SCOPE | POLICY_LACKS_CLIENT | POLICY_LACKS_LOGIN));
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
	char body[DEALT_POLICY], who_text[DEALT_WHO], target_text[DEALT_TARGET], told[1600];
	int seen[EMA_CODES] = { 0 };
	for (unsigned n = 0; n < POLICIES; n++) {
		dice_state = n * 7919 + 1;
		deal_policy(body, sizeof body);
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
			const char *values = deal_arguments();
			deal_who(who_text, sizeof who_text);
			rig_who(&who, who_text);
			struct policy_target target = rig_target(deal_target(target_text, sizeof target_text), values, &json);
			target.listing = !dice(5);
			target.is_template = target.kind == POLICY_URI && strchr(target.name, '{');
			target.listing |= target.is_template; /* those of completion are in test_policy */
			snprintf(told, sizeof told, "policy %u: %s; %s %s%s", n, who_text, target_text, values ? values : "", target.listing ? " (listing)" : "");
			struct arena arena = { .failed = 0 };
			struct policy_principal *principal = policy_prepare(rig.policy, &who.who, &arena);
			int code = policy_decide(rig.policy, principal, &target, RIG_NOW, &out);
			arena_free(&arena);
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
