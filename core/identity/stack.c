#include "stack.h"

#include "codes.h"

_Static_assert(EMA_CODES <= sizeof ((struct conf_control *)0)->action, "an action for each code");

struct walk {
	const struct stack_ops *ops;
	int identity; /* else guards */
	int broken;   /* somebody broke the rules: everything ends */
	size_t ran;
};

/* The verdict stands beside the code, so that no code can be mistaken for a grant. */
struct outcome {
	int pass;
	int code;
	const void *vouching;
	const struct stack_rule *failed;
};

static struct outcome walk_break(struct walk *walk, const struct stack_rule *rule)
{
	walk->broken = 1;
	return (struct outcome){ 0, EMA_INTERNAL, NULL, rule };
}

static int action_counts(int action)
{
	return action == ACTION_OK || action == ACTION_DONE;
}

/* ACTION_UNSET: the answer, or the table, is one that there must not be. */
static enum conf_action action_for(const struct walk *walk, const struct stack_rule *rule, const struct outcome *said)
{
	if (said->code < 0 || said->code >= EMA_CODES)
		return ACTION_UNSET;
	enum conf_action action = (enum conf_action)rule->action[said->code];
	if (action == ACTION_IGNORE && (said->pass || !walk->identity))
		return action;
	if (said->pass)
		return action_counts(action) && (said->vouching || !walk->identity) ? action : ACTION_UNSET;
	if (action != ACTION_BAD && action != ACTION_DIE && action != ACTION_IGNORE)
		return ACTION_UNSET;
	/* A vouching with a refusal, by a rule whose vouching could count. */
	if (walk->identity && said->vouching && action_counts(rule->action[EMA_OK]))
		return ACTION_UNSET;
	return action;
}

static struct outcome walk_list(struct walk *walk, const struct stack_list *list, int depth);

static struct outcome walk_rule(struct walk *walk, const struct stack_rule *rule, int depth)
{
	if (rule->stack) {
		const struct stack_ops *ops = walk->ops;
		const struct outcome left_out = { 0, EMA_NOT_MINE, NULL, rule };
		if (depth >= STACK_DEPTH_MOST)
			return walk_break(walk, rule);
		if (ops->fits && !ops->fits(ops->data, rule, NULL))
			return left_out;
		struct outcome said = walk_list(walk, rule->stack, depth + 1);
		return said.pass && ops->fits && !ops->fits(ops->data, rule, said.vouching) ? left_out : said;
	}
	struct stack_answer answer = { EMA_INTERNAL, NULL };
	walk->ran++;
	walk->ops->run(walk->ops->data, rule, depth, &answer);
	return (struct outcome){ answer.code == EMA_OK, answer.code, answer.vouching, rule };
}

static struct outcome walk_list(struct walk *walk, const struct stack_list *list, int depth)
{
	const struct stack_ops *ops = walk->ops;
	const struct stack_rule *failed = NULL;
	int failed_code = EMA_INTERNAL;
	const void *vouching = NULL;
	int others = list->count > 0, outage = 0; /* others: every rule said not_mine */
	for (size_t i = 0; i < list->count; i++) {
		const struct stack_rule *rule = &list->rules[i];
		struct outcome said = walk_rule(walk, rule, depth);
		enum conf_action action = walk->broken ? ACTION_DIE : action_for(walk, rule, &said);
		if (walk->identity && action_counts(action) && vouching && vouching != said.vouching &&
		    !(ops->same && ops->same(ops->data, vouching, said.vouching)))
			action = ACTION_UNSET;
		if (action == ACTION_UNSET) {
			said = walk_break(walk, rule);
			action = ACTION_DIE;
		}
		if (ops->tell)
			ops->tell(ops->data, rule, depth, said.code, action);
		if (walk->broken)
			return said;
		others = others && said.code == EMA_NOT_MINE;
		if (action == ACTION_IGNORE) {
			outage = outage || said.code == EMA_UNAVAILABLE || said.code == EMA_TIMEOUT;
		} else if (action_counts(action)) {
			vouching = vouching ? vouching : said.vouching;
		} else if (!failed) {
			failed = said.failed ? said.failed : rule;
			failed_code = said.code;
		}
		/* Nothing ends a list of guards early but a failure. */
		if (action == ACTION_DIE || (action == ACTION_DONE && walk->identity && !failed))
			break;
	}
	if (failed)
		return (struct outcome){ 0, failed_code, NULL, failed };
	if (!walk->identity)
		return (struct outcome){ 1, EMA_OK, NULL, NULL };
	if (vouching)
		return (struct outcome){ 1, EMA_OK, vouching, NULL };
	int code = !list->count ? EMA_NO_RULES : others ? EMA_NOT_MINE : outage ? EMA_UNAVAILABLE : EMA_NOT_GRANTED;
	return (struct outcome){ 0, code, NULL, NULL };
}

static void stack_walk(const struct stack_list *list, const struct stack_ops *ops, int identity, struct stack_result *out)
{
	struct walk walk = { ops, identity, 0, 0 };
	struct outcome said = walk_list(&walk, list, 0);
	int code = said.pass ? EMA_OK : said.code != EMA_OK ? said.code : EMA_INTERNAL;
	*out = (struct stack_result){ code, said.pass ? said.vouching : NULL, walk.ran, said.failed };
}

void stack_identity(const struct stack_list *list, const struct stack_ops *ops, struct stack_result *out)
{
	stack_walk(list, ops, 1, out);
}

void stack_guards(const struct stack_list *list, const struct stack_ops *ops, struct stack_result *out)
{
	stack_walk(list, ops, 0, out);
}
