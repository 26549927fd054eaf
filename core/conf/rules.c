/* Identity rules, guards and stacks: lists of who is asked, with what its answer does. */
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "schema.h"

#define RULES_MOST 256

_Static_assert(EMA_CODES <= sizeof((struct conf_control *)0)->action, "a control has an action for each code");

static const char *const action_names[] = { "", "ignore", "ok", "done", "bad", "die", NULL };

static const char *const control_names[] = { "required", "requisite", "sufficient", "optional", NULL };

/* A table in which all codes but ok have one action, and not_mine perhaps another: those of later versions, too. */
#define TABLE(ok, not_mine, rest) { ok, rest, not_mine, [EMA_NOT_MINE + 1 ... sizeof((struct conf_control *)0)->action - 1] = rest }
_Static_assert(EMA_OK == 0 && EMA_NOT_MINE == 2, "TABLE begins with them");
static const struct conf_control keywords[] = {
	{ "required", TABLE(ACTION_OK, ACTION_BAD, ACTION_BAD) },
	{ "requisite", TABLE(ACTION_OK, ACTION_DIE, ACTION_DIE) },
	{ "sufficient", TABLE(ACTION_DONE, ACTION_IGNORE, ACTION_BAD) },
	{ "optional", TABLE(ACTION_IGNORE, ACTION_IGNORE, ACTION_IGNORE) },
};

const struct conf_control *conf_keyword(const char *keyword)
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (!strcmp(keywords[i].keyword, keyword))
			return &keywords[i];
	return NULL;
}

/* PAM's words that do not exist here, or mean something else. */
static const char *pam_advice(const char *word)
{
	static const struct { const char *word, *advice; } rows[] = {
		{ "include", "there is no include in a list: name a stack, { control = \"required\"; stack = \"NAME\"; }" },
		{ "@include", "there is no include in a list: name a stack, { control = \"required\"; stack = \"NAME\"; }" },
		{ "substack", "a named stack is a substack: { control = \"required\"; stack = \"NAME\"; }" },
		{ "binding", "write sufficient: a failure before it is never forgotten here" },
		{ "reset", "nothing that failed is forgotten here: use ignore, or put the rules into a stack of their own" },
		{ "jump", "there are no jumps: put the rules into a stack of their own and give the rule a \"when\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].word, word))
			return rows[i].advice;
	return NULL;
}

/* Result codes of PAM and the word here. */
static const char *code_advice(const char *word)
{
	static const struct { const char *pam, *here; } rows[] = {
		{ "success", "ok" }, { "auth_err", "denied" }, { "perm_denied", "denied" }, { "user_unknown", "unknown_subject" },
		{ "authinfo_unavail", "unavailable" }, { "acct_expired", "disabled" }, { "cred_expired", "expired" },
		{ "system_err", "internal" }, { "service_err", "internal" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].pam, word))
			return rows[i].here;
	return NULL;
}

static enum conf_action action_read(struct reader *reader, const struct conf_node *node)
{
	char hint[128], shown[96];
	if (node->kind == CONF_INT) {
		finding_node(reader->findings, "E-ACTION", node, "%s = %lld: there are no jumps here: put the rules to be skipped into a stack "
			     "of their own and give its rule a \"when\"", node->name, (long long)node->integer);
		return ACTION_UNSET;
	}
	if (!value_is(reader, node, CONF_STRING))
		return ACTION_UNSET;
	for (int i = ACTION_IGNORE; i <= ACTION_DIE; i++)
		if (!strcmp(action_names[i], node->string))
			return (enum conf_action)i;
	const char *advice = pam_advice(node->string);
	value_hint(node->string, action_names + 1, hint);
	finding_node(reader->findings, "E-UNKNOWN", node, "unknown action \"%s\"%s%s: write ignore, ok, done, bad or die",
		     value_show(node->string, shown), advice ? ": " : hint, advice ? advice : "");
	return ACTION_UNSET;
}

static int own_outage(int code)
{
	return code == EMA_NOT_MINE || code == EMA_UNAVAILABLE || code == EMA_TIMEOUT;
}

/* A table written out. */
static void control_table(struct reader *reader, const struct conf_node *node, struct conf_control *out)
{
	const char *names[EMA_CODES + 2];
	char hint[128];
	enum conf_action rest = ACTION_BAD;
	for (int i = 0; i < EMA_CODES; i++)
		names[i] = code_name(i);
	names[EMA_CODES] = "default";
	names[EMA_CODES + 1] = NULL;
	for (size_t i = 0; i < node->count; i++) {
		const struct conf_node *child = &node->children[i];
		int code = code_by_name(child->name), is_default = !strcmp(child->name, "default");
		if (code < 0 && !is_default) {
			const char *here = code_advice(child->name);
			value_hint(child->name, names, hint);
			finding_node(reader->findings, "E-UNKNOWN", child, "unknown code \"%.64s\"%s%s%s", child->name,
				     here ? ": write \"" : hint, here ? here : "", here ? "\"" : "");
			continue;
		}
		enum conf_action action = action_read(reader, child);
		if (action == ACTION_UNSET)
			continue;
		if (code == EMA_OK && (action == ACTION_BAD || action == ACTION_DIE)) {
			finding_node(reader->findings, "E-ACTION", child, "ok = \"%s\" turns success into failure: ok may be ok, done or ignore",
				     action_names[action]);
			continue;
		}
		if (code != EMA_OK && (action == ACTION_OK || action == ACTION_DONE)) {
			finding_node(reader->findings, "E-ACTION", child, "%s = \"%s\" turns a failure into success: it may be bad, die or ignore%s",
				     child->name, action_names[action], is_default ? " (default never covers ok)" : "");
			continue;
		}
		if (is_default)
			rest = action;
		else
			out->action[code] = (unsigned char)action;
	}
	if (!out->action[EMA_OK])
		out->action[EMA_OK] = ACTION_OK;
	for (size_t i = 0; i < sizeof out->action; i++)
		if (!out->action[i])
			out->action[i] = (unsigned char)rest;
	if (out->action[EMA_OK] == ACTION_IGNORE)
		return;
	for (int i = 1; i < EMA_CODES; i++)
		if (out->action[i] == ACTION_IGNORE && !own_outage(i)) {
			finding_node(reader->findings, "E-ACTION", node, "a rule that can vouch ignores \"%s\", a refusal by the owner of the "
				     "issuer: the next provider could rescue a forged token. not_mine, unavailable and timeout may be ignored%s",
				     code_name(i), rest == ACTION_IGNORE ? ": write default = \"bad\"" : "");
			return;
		}
}

static void control_read(struct reader *reader, const struct conf_node *node, int guards, struct conf_control *out)
{
	char hint[128], shown[96];
	*out = keywords[0];
	if (node->kind == CONF_GROUP && !guards) {
		*out = (struct conf_control){ NULL, { 0 } };
		control_table(reader, node, out);
		return;
	}
	if (node->kind == CONF_GROUP) {
		finding_node(reader->findings, "E-ACTION", node, "a guard's control is required, requisite or optional; tables are for identity rules");
		return;
	}
	if (node->kind == CONF_INT) {
		action_read(reader, node);
		return;
	}
	if (!value_is(reader, node, CONF_STRING))
		return;
	const struct conf_control *keyword = conf_keyword(node->string);
	if (!keyword) {
		const char *advice = pam_advice(node->string);
		value_hint(node->string, control_names, hint);
		finding_node(reader->findings, "E-UNKNOWN", node, "unknown control \"%s\"%s%s", value_show(node->string, shown),
			     advice ? ": " : hint[0] ? hint : ": write required, requisite, sufficient, optional or a table { CODE = \"ACTION\"; ... }",
			     advice ? advice : "");
		return;
	}
	if (guards && !strcmp(keyword->keyword, "sufficient")) {
		finding_node(reader->findings, "E-ACTION", node, "a guard never ends the list with success: write required, requisite or optional");
		return;
	}
	*out = *keyword;
}

static struct conf_when *when_read(struct reader *reader, const struct conf_node *node, int guards)
{
	struct conf_when *when = node->kind == CONF_GROUP ? arena_get(reader->arena, 1, sizeof *when) : NULL;
	if (!when)
		return NULL;
	section_read(reader, &section_rule_when, node, when, 1);
	when->node = node;
	when->windows = policy_windows(reader, conf_child(node, "time"), &when->window_count);
	if (!node->count)
		finding_node(reader->findings, "E-VALUE", node, "when is empty: say when, or take it away");
	if (when->not_before && when->not_after && when->not_before >= when->not_after)
		finding_node(reader->findings, "E-VALUE", node, "not_before is not before not_after: the rule would never be asked");
	else if (when->not_after && when->not_after <= clock_wall(&clock_system) / 1000)
		finding_node(reader->findings, "W-EXPIRED", conf_child(node, "not_after"), "not_after has passed, and %s: take the rule or the date away",
			     guards ? "the guard is not asked any more" : "the rule is for nobody any more");
	return when;
}

/* Names of what a rule may ask, for the check and its hint. */
static const char **targets(struct reader *reader, int kind)
{
	const struct conf *conf = reader->conf;
	size_t count = kind == 0 ? conf->provider_count : kind == 1 ? conf->guard_count : conf->stack_count;
	const char **names = arena_get(reader->arena, count + 1, sizeof *names);
	size_t used = 0;
	for (size_t i = 0; names && i < count; i++) {
		const char *id = kind == 0 ? conf->providers[i].instance.id : kind == 1 ? conf->guards[i].instance.id : conf->stacks[i].id;
		if (id)
			names[used++] = id;
	}
	return names;
}

static const char *target_check(struct reader *reader, const struct conf_node *node, const char *id, int kind)
{
	static const char *const kinds[] = { "provider", "guard", "stack" };
	static const char *const lists[] = { "providers", "guards", "stacks" };
	const char **names = targets(reader, kind);
	char hint[256], shown[96];
	for (size_t i = 0; names && names[i]; i++)
		if (!strcmp(names[i], id))
			return names[i];
	if (names)
		finding_node(reader->findings, "E-UNKNOWN", node, "there is no %s \"%s\"%s", kinds[kind], value_show(id, shown),
			     value_offer(id, names, lists[kind], hint));
	return NULL;
}

static void rule_text(struct reader *reader, const struct conf_node *node, int guards, struct conf_rule *out)
{
	const char *id = node->string, *advice = pam_advice(node->string);
	out->is_stack = id[0] == '@' && !guards;
	if (advice || conf_keyword(id)) {
		finding_node(reader->findings, "E-UNKNOWN", node, "\"%.64s\" is not a %s: %s", id, guards ? "guard" : "provider",
			     advice ? advice : "rules with a control are groups, { control = \"...\"; provider = \"...\"; }");
		return;
	}
	out->target = target_check(reader, node, id + out->is_stack, guards ? 1 : out->is_stack ? 2 : 0);
	/* A plain list means the normal case: any of the providers, all of the guards. */
	out->control = keywords[guards ? 0 : 2];
}

static void rule_group(struct reader *reader, const struct conf_node *node, int guards, struct conf_rule *out)
{
	const struct conf_node *provider = conf_child(node, "provider"), *guard = conf_child(node, "guard"), *stack = conf_child(node, "stack");
	const struct conf_node *target = guards ? guard : provider ? provider : stack, *wrong = guards ? provider : guard;
	const struct conf_node *control = conf_child(node, "control"), *when = conf_child(node, "when");
	section_read(reader, &section_rule, node, NULL, 0);
	if (wrong)
		finding_node(reader->findings, "E-UNKNOWN", wrong, guards ? "a guard cannot be a provider: write guard = \"...\"" :
			     "identity rules name no guards: guards have a list of their own, guards = ( ... )");
	else if (guards && stack)
		finding_node(reader->findings, "E-UNKNOWN", stack, "guards have no stacks: write the guards out");
	else if (!target)
		finding_node(reader->findings, "E-MISSING", node, "the rule asks nobody: write %s", guards ? "guard = \"...\"" : "provider = \"...\" or stack = \"...\"");
	else if (provider && stack && !guards)
		finding_node(reader->findings, "E-VALUE", stack, "a rule names a provider or a stack, not both");
	if (control)
		control_read(reader, control, guards, &out->control);
	if (when)
		out->when = when_read(reader, when, guards);
	out->is_stack = target && target == stack;
	if (target && target->kind == CONF_STRING)
		out->target = target_check(reader, target, target->string, guards ? 1 : out->is_stack ? 2 : 0);
}

void rules_read(struct reader *reader, const struct conf_node *node, int guards, const char *what, struct conf_rules *out)
{
	if (!node)
		return;
	out->node = node;
	if (node->kind != CONF_LIST && node->kind != CONF_ARRAY) {
		finding_node(reader->findings, "E-TYPE", node, "%s: a list is wanted here, not %s: write [\"...\"] or ( { control = \"...\"; ... } )",
			     node->name, conf_kind_name(node->kind));
		return;
	}
	if (!node->count && !guards)
		finding_node(reader->findings, "E-EMPTY", node, "%s has no rule: nobody would ever be let in", what);
	if (node->count > RULES_MOST) {
		finding_node(reader->findings, "E-VALUE", node, "%zu rules; %d is the most", node->count, RULES_MOST);
		return;
	}
	out->list = arena_get(reader->arena, node->count, sizeof *out->list);
	for (size_t i = 0; out->list && i < node->count; i++) {
		const struct conf_node *child = &node->children[i];
		struct conf_rule *rule = &out->list[out->count];
		rule->node = child;
		if (child->kind == CONF_STRING)
			rule_text(reader, child, guards, rule);
		else if (child->kind == CONF_GROUP)
			rule_group(reader, child, guards, rule);
		else
			finding_node(reader->findings, child->kind == CONF_INT ? "E-ACTION" : "E-TYPE", child,
				     "a rule is a name in quotes or a group { control = \"...\"; ... }, not %s%s", conf_kind_name(child->kind),
				     child->kind == CONF_INT ? " (there are no jumps here)" : "");
		/* Rules that name nobody are not linted: the finding is there already. */
		if (rule->target)
			out->count++;
		else
			*rule = (struct conf_rule){ 0 };
	}
}

void stack_read(struct reader *reader, const struct conf_node *node, struct conf_stack *out)
{
	const struct conf_node *rules = conf_child(node, "rules");
	out->node = node;
	if (rules)
		rules_read(reader, rules, 0, "the stack", &out->rules);
	else
		finding_node(reader->findings, "E-EMPTY", node, "the stack has no rules: write rules = ( ... );");
}
