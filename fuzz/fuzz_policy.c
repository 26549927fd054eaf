/* Any bytes as dice, by which a policy, people and questions are dealt: the compiled policy decides and explains as the slow evaluator of the tests. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "dealt.h"
#include "rig.h"
#include "slow_policy.h"

#define QUESTIONS_MOST 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *fuzz_at;
static size_t fuzz_left;

unsigned dice(unsigned sides)
{
	if (!fuzz_left)
		return sides - 1; /* most of what is dealt is dealt with a 0 */
	fuzz_left--;
	return *fuzz_at++ % sides;
}

struct told {
	int denied, gives, lacks_scope, lacks_login;
};

static void tell(void *data, const struct policy_stand *stand)
{
	const unsigned bearer = POLICY_LACKS_SCOPE | POLICY_LACKS_LOGIN;
	struct told *told = data;
	if (stand->rule->shadow)
		return;
	if (stand->deny) {
		told->denied |= !stand->lacks;
		return;
	}
	told->gives |= !stand->lacks;
	told->lacks_scope |= stand->lacks == POLICY_LACKS_SCOPE;
	told->lacks_login |= (stand->lacks & POLICY_LACKS_LOGIN) && !(stand->lacks & ~bearer);
}

static void check_explained(const struct rig *rig, const struct policy_who *who, const struct policy_target *target, int enforced)
{
	struct told told = { 0 };
	int code = policy_explain(rig->policy, who, target, RIG_NOW, tell, &told);
	if (!code)
		code = told.denied ? EMA_DENIED : told.gives || target->kind == POLICY_SERVER ? EMA_OK : told.lacks_scope ? EMA_INSUFFICIENT_SCOPE :
		       told.lacks_login ? EMA_WEAK_AUTHENTICATION : EMA_NOT_GRANTED;
	if (code != enforced)
		abort();
}

static void ask(const struct rig *rig)
{
	char who_text[DEALT_WHO], target_text[DEALT_TARGET];
	const struct conf_service *service = &rig->conf->services[0];
	struct policy_result out;
	struct slow_answer slow;
	struct rig_who who;
	struct json json;
	const char *arguments = deal_arguments();
	deal_who(who_text, sizeof who_text);
	rig_who(&who, who_text);
	struct policy_target target = rig_target(deal_target(target_text, sizeof target_text), arguments, &json);
	target.listing = !dice(5);
	target.is_template = target.kind == POLICY_URI && strchr(target.name, '{');
	target.listing |= target.is_template;
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(rig->policy, &who.who, &arena);
	if (!principal || policy_decide(rig->policy, principal, &target, RIG_NOW, &out) != out.code)
		abort();
	slow_decide(service, &who.who, &target, RIG_NOW, &slow);
	if (out.code != slow.code || out.enforced != slow.enforced || (out.enforced == EMA_DENIED && out.rule != slow.deny->node))
		abort();
	if (out.enforced == EMA_OK && target.kind != POLICY_SERVER) {
		const struct conf_grant *grant = NULL;
		for (size_t i = 0; i < service->grant_count; i++)
			if (service->grants[i].node == out.rule)
				grant = &service->grants[i];
		if (!grant || grant->shadow || !slow_gives(service, grant, out.scope, &who.who, &target, RIG_NOW))
			abort();
	}
	if (target.kind != POLICY_LIST || !target.listing)
		check_explained(rig, &who.who, &target, out.enforced);
	arena_free(&arena);
	json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char body[DEALT_POLICY];
	fuzz_at = data;
	fuzz_left = size;
	const int shadow = !dice(10);
	deal_policy(body, sizeof body);
	struct rig rig = rig_open(body);
	if (!rig.policy)
		abort();
	rig.conf->services[0].shadow_until = shadow ? RIG_NOW + 1 : 0;
	for (int i = 0; i < QUESTIONS_MOST && (!i || fuzz_left); i++)
		ask(&rig);
	rig_close(&rig);
	return 0;
}
