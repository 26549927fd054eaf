/* One target, one answer. No memory is asked for here, and nothing is compared by name that has a number. */
#include <string.h>

#include "compiled.h"
#include "tools.h"
#include "when.h"

#define WORDS_MOST (POLICY_SCOPES_MOST / 64)
#define LOGIN_AHEAD 60 /* seconds that a login may lie in the future */

/* Bits, by what is easier cured. LACKS_CLIENT: it is not registered for the scope that is missing, and no token of its will have it. */
enum { LACKS_NOTHING, LACKS_SCOPE = 1, LACKS_LOGIN = 2, LACKS_CLIENT = 4, LACKS_ALL = 8 };

struct judging {
	const struct policy *policy;
	const struct policy_principal *principal;
	const struct policy_target *target;
	const struct pattern_values *values; /* the principal's; NULL: whoever it is */
	int64_t now;
	int listing, is_template;
	size_t words;
	uint64_t open[WORDS_MOST];  /* scopes that open the target */
	uint64_t might[WORDS_MOST]; /* and those that may, as far as a deny is concerned */
	size_t match_count;
	uint32_t matches[POLICY_MATCHES_MOST];
	const char *name; /* in the form that patterns have */
	size_t length;
	char uri[URI_MOST + 1];
};

/* The best that a search found. */
struct offer {
	int lacks;
	const struct rule *rule;
	uint32_t scope;
};

static uint32_t match_number(const struct judging *j, size_t match)
{
	return j->matches[match] & ~(MAYBE | SOME);
}

static int bit(const uint64_t *bits, uint32_t number)
{
	return bits[number / 64] >> number % 64 & 1;
}

/* The first way of a key, and how many there are. */
static const struct way *ways_of(const struct way *ways, size_t count, uint32_t key, size_t *found)
{
	size_t low = 0, high = count, end = 0;
	*found = 0;
	if (!count)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ways[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < count && ways[end].key == key; end++)
		;
	*found = end - low;
	return ways + low;
}

/* ---- Conditions ---- */

static int in_time(const struct judging *j, const struct conf_conditions *when)
{
	return when_before(&when->time, &(struct when_facts){ .now = j->now });
}

/* Is the login too long ago? Where its time is not known, whatever is worse for the principal. */
static int too_old(const struct judging *j, const struct rule *rule)
{
	int64_t longest = rule->when->max_age, login = j->principal->auth_time;
	if (!longest)
		return 0;
	if (login <= 0 || login > j->now + LOGIN_AHEAD)
		return !rule->deny;
	return j->now - login > longest;
}

static int deny_counts(const struct judging *j, const struct way *way)
{
	const struct rule *rule = rule_at(j->policy, way->rule);
	/* A deny that names both is about the targets that one of its scopes opens. */
	int opens = !rule->targets.count || !rule->scopes.count;
	for (size_t i = 0; !opens && i < rule->scopes.count; i++)
		opens = bit(j->might, rule->scopes.list[i]);
	if (!opens)
		return 0;
	if (!rule->when)
		return 1;
	if (way->weak || too_old(j, rule) || !in_time(j, rule->when))
		return 0;
	return j->listing ? !rule->when->arg_count : arguments_judge(rule, j->target, &j->principal->values) != CONDITION_NO;
}

/* 1 if the grant's conditions hold but for the login, which is told in *weak. */
static int grant_counts(const struct judging *j, const struct way *way, int *weak)
{
	const struct rule *rule = rule_at(j->policy, way->rule);
	*weak = 0;
	if (!rule->when)
		return 1;
	*weak = way->weak || too_old(j, rule);
	return in_time(j, rule->when) && (j->listing || arguments_judge(rule, j->target, &j->principal->values) == CONDITION_YES);
}

/* ---- Denies ---- */

struct denied {
	const struct rule *enforced, *shadow; /* the first of each as they are written */
};

static void deny_key(const struct judging *j, uint32_t key, struct denied *out)
{
	size_t count = 0;
	const struct way *ways = ways_of(j->principal->denies, j->principal->deny_count, key, &count);
	for (size_t i = 0; i < count; i++) {
		const struct rule *rule = rule_at(j->policy, ways[i].rule);
		const struct rule **first = rule->conf->shadow ? &out->shadow : &out->enforced;
		if ((!*first || rule < *first) && deny_counts(j, &ways[i]))
			*first = rule;
	}
}

static struct denied deny_search(const struct judging *j)
{
	struct denied found = { NULL, NULL };
	if (!j->principal->deny_count)
		return found;
	deny_key(j, 0, &found);
	for (size_t w = 0; w < j->words; w++)
		for (uint64_t bits = j->might[w]; bits; bits &= bits - 1)
			deny_key(j, way_scope(w * 64 + (size_t)__builtin_ctzll(bits)), &found);
	for (size_t i = 0; i < j->match_count; i++)
		if (!(j->matches[i] & SOME))
			deny_key(j, way_pattern(j->policy, match_number(j, i)), &found);
	return found;
}

/* ---- Grants ---- */

static int scope_lacks(const struct judging *j, uint32_t scope)
{
	return bit(j->principal->scopes, scope) ? LACKS_NOTHING : LACKS_SCOPE | (bit(j->principal->registered, scope) ? 0 : LACKS_CLIENT);
}

/* Of two the one that is rather had; chosen may be NO_NUMBER. */
static uint32_t scope_better(const struct judging *j, uint32_t chosen, uint32_t scope)
{
	return chosen == NO_NUMBER || scope_lacks(j, scope) < scope_lacks(j, chosen) ? scope : chosen;
}

/* Takes the offer if it is better than the one that is there. */
static void offer_take(const struct judging *j, const struct way *way, uint32_t scope, struct offer *best)
{
	int weak = 0, lacks = scope_lacks(j, scope);
	if (lacks >= best->lacks || !grant_counts(j, way, &weak))
		return;
	lacks |= weak ? LACKS_LOGIN : 0;
	if (lacks < best->lacks)
		*best = (struct offer){ lacks, rule_at(j->policy, way->rule), scope };
}

/* A grant that names targets, or one that is asked about as a whole: by whichever of its scopes is open, best of all in the token. */
static void offer_rule(const struct judging *j, const struct way *way, int any, struct offer *best)
{
	const struct numbers *scopes = &rule_at(j->policy, way->rule)->scopes;
	uint32_t chosen = NO_NUMBER;
	for (size_t i = 0; i < scopes->count; i++) {
		uint32_t scope = scopes->list[i];
		if (any || bit(j->open, scope))
			chosen = scope_better(j, chosen, scope);
	}
	if (chosen != NO_NUMBER)
		offer_take(j, way, chosen, best);
}

static int is_shadow(const struct judging *j, const struct way *way)
{
	return rule_at(j->policy, way->rule)->conf->shadow;
}

static void offer_scopes(const struct judging *j, int shadow, int held, struct offer *best)
{
	for (size_t w = 0; w < j->words; w++)
		for (uint64_t bits = j->open[w] & (held ? j->principal->scopes[w] : ~j->principal->scopes[w]); bits; bits &= bits - 1) {
			uint32_t scope = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
			size_t count = 0;
			const struct way *ways = ways_of(j->principal->grants, j->principal->grant_count, way_scope(scope), &count);
			for (size_t i = 0; i < count && best->lacks; i++)
				if (is_shadow(j, &ways[i]) == shadow)
					offer_take(j, &ways[i], scope, best);
		}
}

static struct offer grant_search(const struct judging *j, int shadow)
{
	struct offer best = { LACKS_ALL, NULL, NO_NUMBER };
	offer_scopes(j, shadow, 1, &best);
	for (size_t m = 0; m < j->match_count && best.lacks; m++) {
		size_t count = 0;
		if (j->matches[m] & MAYBE)
			continue;
		const struct way *ways = ways_of(j->principal->grants, j->principal->grant_count, way_pattern(j->policy, match_number(j, m)), &count);
		for (size_t i = 0; i < count && best.lacks; i++)
			if (is_shadow(j, &ways[i]) == shadow)
				offer_rule(j, &ways[i], 0, &best);
	}
	if (best.lacks)
		offer_scopes(j, shadow, 0, &best);
	return best;
}

/* A list is given to whoever has any scope. */
static struct offer list_search(const struct judging *j, int shadow)
{
	struct offer best = { LACKS_ALL, NULL, NO_NUMBER };
	for (size_t i = 0; i < j->principal->grant_count && best.lacks; i++)
		if (is_shadow(j, &j->principal->grants[i]) == shadow)
			offer_rule(j, &j->principal->grants[i], 1, &best);
	return best;
}

/* ---- The answer ---- */

static const struct conf_node *node_of(const struct rule *rule)
{
	return rule ? rule->conf->node : NULL;
}

static int answer(struct policy_result *out, int code, const char *text)
{
	out->code = out->enforced = code;
	out->text = text;
	return code;
}

static void answer_offer(const struct judging *j, const struct offer *offer, struct policy_result *out)
{
	out->rule = node_of(offer->rule);
	out->scope = offer->scope == NO_NUMBER ? NULL : &j->policy->conf->scopes[offer->scope];
	if (!offer->lacks) {
		answer(out, EMA_OK, "");
	} else if (offer->lacks & LACKS_ALL) {
		answer(out, EMA_NOT_GRANTED, "no grant gives this to the subject");
	} else if (offer->lacks & LACKS_CLIENT) {
		out->client_lacks = 1;
		answer(out, EMA_NOT_GRANTED, "tokens of the client cannot have the scope by which a grant gives this to the subject");
	} else if (offer->lacks & LACKS_LOGIN) {
		out->login = offer->rule->when;
		out->lacks_scope = offer->lacks & LACKS_SCOPE;
		answer(out, EMA_WEAK_AUTHENTICATION, "the login is weaker or longer ago than the grant asks for");
	} else {
		answer(out, EMA_INSUFFICIENT_SCOPE, "the token lacks the scope by which a grant gives this to the subject");
	}
}

/* What rules in shadow mode would have changed, and what permissions = { mode = "shadow" } changes. */
static void answer_shadow(const struct judging *j, const struct denied *denied, const struct offer *shadow, struct policy_result *out)
{
	if (out->enforced == EMA_OK && denied->shadow) {
		out->shadow = node_of(denied->shadow);
		out->shadowed = EMA_DENIED;
	} else if (out->enforced != EMA_OK && !denied->shadow && shadow && shadow->lacks == LACKS_NOTHING) {
		out->shadow = node_of(shadow->rule);
		out->shadowed = EMA_OK;
	}
	if (out->enforced != EMA_OK && j->now < j->policy->conf->shadow_until) {
		const struct conf_node *mode = conf_child(j->policy->conf->permissions, "mode");
		out->code = EMA_OK;
		out->rule = mode ? mode : j->policy->conf->permissions;
	}
}

static void answer_denied(const struct denied *denied, struct policy_result *out)
{
	out->rule = node_of(denied->enforced);
	answer(out, EMA_DENIED, "a deny refuses this");
}

static void open_scopes_of(struct judging *j, uint32_t match)
{
	const struct numbers *scopes = &j->policy->patterns[match & ~(MAYBE | SOME)].scopes;
	for (size_t s = 0; s < scopes->count; s++) {
		uint64_t one = UINT64_C(1) << scopes->list[s] % 64;
		if (!(match & SOME))
			j->might[scopes->list[s] / 64] |= one;
		if (!(match & MAYBE))
			j->open[scopes->list[s] / 64] |= one;
	}
}

static void open_scopes(struct judging *j)
{
	for (size_t i = 0; i < j->match_count; i++)
		open_scopes_of(j, j->matches[i]);
}

static void judging_begin(struct judging *j, const struct policy *policy, const struct policy_principal *principal,
                          const struct policy_target *target, int64_t now)
{
	j->policy = policy;
	j->principal = principal;
	j->target = target;
	j->values = &principal->values;
	j->now = now;
	j->words = (policy->conf->scope_count + 63) / 64;
	j->match_count = 0;
	j->is_template = 0;
	memset(j->open, 0, j->words * sizeof *j->open);
	memset(j->might, 0, j->words * sizeof *j->might);
}

static int opened_to_write(const struct judging *j)
{
	int writes = 0;
	for (size_t i = 0; i < j->policy->conf->scope_count; i++) {
		if (!bit(j->open, (uint32_t)i))
			continue;
		if (!j->policy->conf->scopes[i].writes)
			return 0;
		writes = 1;
	}
	return writes;
}

static int is_named(const struct policy_target *target)
{
	return target->kind == POLICY_TOOL || target->kind == POLICY_PROMPT || target->kind == POLICY_URI;
}

int policy_closed(const struct policy *policy, const struct policy_target *target)
{
	const struct conf_service *conf = policy->conf;
	const struct conf_tool *tool = conf->tools_file && target->kind == POLICY_TOOL ? tools_find(&conf->tools, target->name, target->length) : NULL;
	return conf->tools_file && target->kind == POLICY_TOOL && !(tool && tool->accepted);
}

unsigned policy_mentions(const struct policy *policy, enum policy_kind kind, const char *name)
{
	uint32_t matches[POLICY_MATCHES_MOST];
	char uri[URI_MOST + 1];
	size_t length = strlen(name);
	unsigned mentions = 0;
	if (kind == POLICY_URI && uri_normal(name, length, 0, uri, &length))
		return 0;
	const size_t count = policy_matches(policy, kind, kind == POLICY_URI ? uri : name, length, NULL, matches);
	if (count == SIZE_MAX)
		return POLICY_OPENED | POLICY_REFUSED;
	for (size_t m = 0; m < count; m++) {
		const uint32_t number = matches[m] & ~MAYBE;
		const struct pattern_row *row = &policy->patterns[number];
		mentions |= row->scopes.count && !(matches[m] & MAYBE) ? POLICY_OPENED : 0;
		for (size_t i = policy->grant_count; i < policy->rule_count; i++)
			for (size_t t = 0; t < policy->rules[i].targets.count; t++)
				if (policy->rules[i].targets.list[t] == number)
					mentions |= POLICY_REFUSED | (row->pattern.head == row->pattern.length ? POLICY_REFUSED_BY_NAME : 0);
	}
	return mentions;
}

static int has_way(const struct judging *j, uint32_t pattern)
{
	size_t grants = 0, denies = 0;
	ways_of(j->principal->grants, j->principal->grant_count, way_pattern(j->policy, pattern), &grants);
	ways_of(j->principal->denies, j->principal->deny_count, way_pattern(j->policy, pattern), &denies);
	return grants || denies;
}

/* Has a template no expression whose value may have slashes in it, or begin with something? (RFC 6570 3.2) */
static int is_simple(const char *text, size_t length)
{
	for (const char *brace = memchr(text, '{', length), *end = text + length; brace; brace = memchr(brace + 1, '{', (size_t)(end - brace - 1)))
		if (brace + 1 < end && brace[1] && strchr("+#./;?&", brace[1]))
			return 0;
	return 1;
}

/* As policy_matches(), of a template, and opens the scopes. Many patterns may be reached: those alone are kept that a rule of the principal's names. */
static void template_look(struct judging *j)
{
	const struct policy *policy = j->policy;
	const int listing = j->target->listing;
	char whole[URI_MOST + 1];
	size_t length = 0;
	/* With its braces as they are: what stands for any one segment. */
	const int is_whole = !listing && is_simple(j->target->name, j->target->length) && !uri_normal(j->target->name, j->target->length, 0, whole, &length);
	for (uint32_t i = 0; i < policy->pattern_count; i++) {
		const struct pattern *pattern = &policy->patterns[i].pattern;
		uint32_t match = i;
		if (policy->patterns[i].kind != POLICY_URI)
			continue;
		/* What completes its variables could tell of any expansion: it must be granted all of them, and denied none. */
		if (pattern_reaches(pattern, j->name, j->length, j->values, 0))
			match |= pattern_covers(pattern, j->name, j->length, j->values, 0) || (is_whole && pattern_match(pattern, whole, length, j->values, 0)) ? 0 :
			         listing ? SOME : MAYBE;
		else if (j->values && pattern->values &&
		         (listing ? pattern_covers(pattern, j->name, j->length, j->values, 1) : pattern_reaches(pattern, j->name, j->length, j->values, 1)))
			match |= MAYBE;
		else
			continue;
		open_scopes_of(j, match);
		if (j->values && !has_way(j, i))
			continue;
		if (j->match_count == POLICY_MATCHES_MOST) {
			j->match_count = SIZE_MAX;
			return;
		}
		j->matches[j->match_count++] = match;
	}
}

/* Finds the patterns that the target matches, and the scopes that have them. EMA_OK, or what is wrong with the target. */
static int judging_look(struct judging *j, struct policy_result *out)
{
	const struct policy_target *target = j->target;
	j->name = target->name;
	j->length = target->length;
	j->listing = target->listing || !is_named(target);
	if (!is_named(target))
		return EMA_OK;
	if (!j->name || !j->length)
		return answer(out, EMA_BAD_REQUEST, "is empty");
	j->is_template = target->kind == POLICY_URI && target->is_template && memchr(j->name, '{', j->length);
	if (target->kind == POLICY_URI) {
		const char *wrong = j->is_template ? uri_template(j->name, j->length, j->uri, &j->length) : uri_normal(j->name, j->length, 0, j->uri, &j->length);
		if (wrong)
			return answer(out, EMA_BAD_REQUEST, wrong);
		j->name = j->uri;
	}
	if (j->is_template)
		template_look(j);
	else
		j->match_count = policy_matches(j->policy, target->kind, j->name, j->length, j->values, j->matches);
	if (j->match_count == SIZE_MAX)
		return answer(out, EMA_INTERNAL, "more patterns match this than can be looked at");
	if (!j->is_template)
		open_scopes(j);
	return EMA_OK;
}

int policy_decide(const struct policy *policy, const struct policy_principal *principal, const struct policy_target *target, int64_t now,
                  struct policy_result *out)
{
	struct judging j;
	*out = (struct policy_result){ .text = "" };
	if (principal->policy != policy)
		return answer(out, EMA_INTERNAL, "the principal was prepared for another configuration");
	judging_begin(&j, policy, principal, target, now);
	int named = is_named(target);
	if (judging_look(&j, out))
		return out->code;
	struct denied denied = deny_search(&j);
	if (denied.enforced) {
		answer_denied(&denied, out);
		out->writes = opened_to_write(&j);
		return out->code;
	}
	if (target->kind == POLICY_SERVER) {
		answer(out, EMA_OK, "");
		answer_shadow(&j, &denied, NULL, out);
		return out->code;
	}
	/* Not even shadow mode opens what nobody accepted. */
	if (policy_closed(policy, target))
		return answer(out, EMA_NOT_GRANTED, "the tool is not accepted in the service's tools_file: see emactl tools");
	struct offer offer = { LACKS_ALL, NULL, NO_NUMBER }, shadow = offer;
	if (target->kind == POLICY_LIST)
		offer = list_search(&j, 0);
	else if (named)
		offer = grant_search(&j, 0);
	answer_offer(&j, &offer, out);
	if (out->code == EMA_NOT_GRANTED)
		out->writes = opened_to_write(&j);
	if (offer.lacks && named)
		shadow = grant_search(&j, 1);
	else if (offer.lacks && target->kind == POLICY_LIST)
		shadow = list_search(&j, 1);
	answer_shadow(&j, &denied, &shadow, out);
	return out->code;
}

/* ---- Why ---- */

/* Would the rule have a say in this for the ones that it names? */
static int is_about(const struct judging *j, const struct rule *rule)
{
	const uint64_t *open = rule->deny ? j->might : j->open;
	int hits = !rule->targets.count, opens = !rule->scopes.count;
	if (!is_named(j->target) && (!rule->deny || j->target->listing))
		return j->target->kind == POLICY_LIST;
	for (size_t i = 0; i < rule->targets.count && !hits; i++)
		for (size_t m = 0; m < j->match_count && !hits; m++)
			hits = match_number(j, m) == rule->targets.list[i] && !(j->matches[m] & (rule->deny ? SOME : MAYBE));
	for (size_t i = 0; i < rule->scopes.count && !opens; i++)
		opens = bit(open, rule->scopes.list[i]);
	return hits && opens;
}

static unsigned values_of(const struct pattern *pattern)
{
	return (pattern->values & 1u << OP_TENANT ? POLICY_TENANT : 0) | (pattern->values & 1u << OP_SUBJECT ? POLICY_SUBJECT : 0) |
	       (pattern->values & 1u << OP_EMAIL ? POLICY_EMAIL : 0);
}

/* The values in these patterns, and in those of these scopes, that match; none if one without a value does as well. */
static unsigned values_by(const struct judging *j, const struct numbers *patterns, const struct numbers *scopes)
{
	unsigned values = 0;
	for (size_t m = 0; m < j->match_count; m++) {
		const struct pattern_row *row = &j->policy->patterns[match_number(j, m)];
		int by = 0;
		for (size_t i = 0; i < patterns->count && !by; i++)
			by = &j->policy->patterns[patterns->list[i]] == row;
		for (size_t i = 0; i < scopes->count && !by; i++)
			for (size_t k = 0; k < row->scopes.count && !by; k++)
				by = row->scopes.list[k] == scopes->list[i];
		if (by && !row->pattern.values)
			return 0;
		values |= by ? values_of(&row->pattern) : 0;
	}
	return values;
}

/* By which scope of the grant: best one that the token has. */
static uint32_t scope_of(const struct judging *j, const struct rule *rule)
{
	uint32_t chosen = NO_NUMBER;
	for (size_t i = 0; i < rule->scopes.count; i++) {
		uint32_t scope = rule->scopes.list[i];
		if (!is_named(j->target) || bit(j->open, scope))
			chosen = scope_better(j, chosen, scope);
	}
	return chosen;
}

static unsigned lacks_of(const struct judging *j, const struct rule *rule, const struct policy_who *who)
{
	unsigned lacks = rule_names(rule, who) ? 0 : POLICY_LACKS_WHO;
	if (!rule->when)
		return lacks;
	if (rule_weak(rule, who) || too_old(j, rule))
		lacks |= POLICY_LACKS_LOGIN;
	if (!in_time(j, rule->when))
		lacks |= POLICY_LACKS_TIME;
	enum condition arguments = j->listing ? rule->deny && rule->when->arg_count ? CONDITION_NO : CONDITION_YES :
	                                        arguments_judge(rule, j->target, &j->principal->values);
	if (rule->deny ? arguments == CONDITION_NO : arguments != CONDITION_YES)
		lacks |= POLICY_LACKS_ARGUMENTS;
	return lacks;
}

/* Does the pattern fit for one of those whom the rule names? What it does not limit may be any. */
static int own_match(const struct judging *any, const struct pattern *pattern, const struct rule *rule)
{
	const struct conf_strings *lists[] = { [OP_TENANT] = &rule->conf->tenants, [OP_SUBJECT] = &rule->conf->subjects };
	size_t counts[] = { [OP_TENANT] = 0, [OP_SUBJECT] = 0 };
	unsigned whichever = 1u << OP_EMAIL;
	for (int op = OP_TENANT; op <= OP_SUBJECT; op++) {
		counts[op] = pattern->values & 1u << op ? lists[op]->count : 0;
		whichever |= counts[op] ? 0 : 1u << op;
	}
	for (size_t t = 0; t == 0 || t < counts[OP_TENANT]; t++)
		for (size_t s = 0; s == 0 || s < counts[OP_SUBJECT]; s++) {
			struct pattern_values values = { .any = whichever };
			pattern_value(&values, OP_TENANT, counts[OP_TENANT] ? lists[OP_TENANT]->list[t] : NULL);
			pattern_value(&values, OP_SUBJECT, counts[OP_SUBJECT] ? lists[OP_SUBJECT]->list[s] : NULL);
			if (any->is_template ? pattern_reaches(pattern, any->name, any->length, &values, rule->deny) :
			                       pattern_match(pattern, any->name, any->length, &values, rule->deny))
				return 1;
		}
	return 0;
}

/* Of what matches for somebody, what does for those whom the rule names. */
static void own_look(const struct judging *any, const struct rule *rule, struct judging *own)
{
	judging_begin(own, any->policy, any->principal, any->target, any->now);
	own->listing = any->listing;
	for (size_t i = 0; i < any->match_count; i++)
		if (own_match(any, &any->policy->patterns[match_number(any, i)].pattern, rule))
			own->matches[own->match_count++] = any->matches[i];
	open_scopes(own);
}

int policy_explain(const struct policy *policy, const struct policy_who *who, const struct policy_target *target, int64_t now,
                   void (*tell)(void *data, const struct policy_stand *stand), void *data)
{
	struct judging j, any, own;
	struct policy_result result = { .text = "" };
	struct arena arena = { .failed = 0 };
	struct policy_principal *principal = policy_prepare(policy, who, &arena);
	if (!principal) {
		arena_free(&arena);
		return EMA_OUT_OF_MEMORY;
	}
	judging_begin(&j, policy, principal, target, now);
	judging_begin(&any, policy, principal, target, now);
	any.values = NULL;
	int code = judging_look(&j, &result);
	/* Of more than can be looked at, the first are enough to tell of. */
	if (!code && judging_look(&any, &result)) {
		any.match_count = POLICY_MATCHES_MOST;
		open_scopes(&any);
	}
	for (size_t i = 0; !code && i < policy->rule_count; i++) {
		static const struct numbers nothing = { NULL, 0 };
		const struct rule *rule = &policy->rules[i];
		const int about = is_about(&j, rule), limited = rule->conf->tenants.count || rule->conf->subjects.count;
		const struct judging *others = limited ? &own : &any, *by = about ? &j : others;
		if (limited)
			own_look(&any, rule, &own);
		/* A deny may be about this for want of a value only, which none of those whom it names has. */
		if (rule->deny ? !about || (!rule_names(rule, who) && !is_about(others, rule)) : !about && !is_about(others, rule))
			continue;
		struct policy_stand stand = { .rule = rule->conf, .deny = rule->deny, .lacks = lacks_of(&j, rule, who) | (about ? 0 : POLICY_LACKS_VALUE) };
		if (stand.lacks & POLICY_LACKS_WHO)
			stand.strange = rule_strange(rule, who);
		if (stand.lacks & POLICY_LACKS_ARGUMENTS && !j.listing)
			arguments_failed(rule, target, &principal->values, &stand);
		stand.values = values_by(by, &rule->targets, &nothing) | values_by(by, &nothing, &rule->scopes);
		uint32_t scope = rule->deny ? NO_NUMBER : scope_of(by, rule);
		stand.scope = scope == NO_NUMBER ? NULL : &policy->conf->scopes[scope];
		const int missing = rule->deny ? LACKS_NOTHING : scope == NO_NUMBER ? LACKS_SCOPE : scope_lacks(&j, scope);
		stand.lacks |= (missing & LACKS_SCOPE ? POLICY_LACKS_SCOPE : 0) | (missing & LACKS_CLIENT ? POLICY_LACKS_CLIENT : 0);
		tell(data, &stand);
	}
	arena_free(&arena);
	return code;
}

/* ---- Scopes of a token ---- */

static struct offer scope_search(const struct judging *j, uint32_t scope, int shadow)
{
	struct offer best = { LACKS_ALL, NULL, NO_NUMBER };
	for (size_t i = 0; i < j->principal->grant_count && best.lacks; i++) {
		const struct way *way = &j->principal->grants[i];
		const struct numbers *scopes = &rule_at(j->policy, way->rule)->scopes;
		int weak = 0;
		size_t s = 0;
		while (s < scopes->count && scopes->list[s] != scope)
			s++;
		if (s == scopes->count || is_shadow(j, way) != shadow || !grant_counts(j, way, &weak))
			continue;
		if ((weak ? LACKS_LOGIN : LACKS_NOTHING) < best.lacks)
			best = (struct offer){ weak ? LACKS_LOGIN : LACKS_NOTHING, rule_at(j->policy, way->rule), scope };
	}
	return best;
}

int policy_scope(const struct policy *policy, const struct policy_principal *principal, const char *scope, int64_t now, struct policy_result *out)
{
	static const struct policy_target any = { .kind = POLICY_LIST, .listing = 1 };
	struct judging j;
	*out = (struct policy_result){ .text = "" };
	if (principal->policy != policy)
		return answer(out, EMA_INTERNAL, "the principal was prepared for another configuration");
	const struct policy_name *name = policy_name(policy, NAME_SCOPE, scope);
	if (!name)
		return answer(out, EMA_UNKNOWN_SCOPE, "the service has no such scope");
	judging_begin(&j, policy, principal, &any, now);
	j.listing = 1;
	/* A deny of some of its targets leaves the scope; one of the scope, or of everything, does not. */
	struct denied denied = { NULL, NULL };
	deny_key(&j, 0, &denied);
	deny_key(&j, way_scope(name->first), &denied);
	if (denied.enforced) {
		answer_denied(&denied, out);
		return out->code;
	}
	struct offer offer = scope_search(&j, name->first, 0), shadow = { LACKS_ALL, NULL, NO_NUMBER };
	answer_offer(&j, &offer, out);
	out->scope = &policy->conf->scopes[name->first];
	if (offer.lacks)
		shadow = scope_search(&j, name->first, 1);
	answer_shadow(&j, &denied, &shadow, out);
	return out->code;
}

void policy_scopes(const struct policy *policy, const struct policy_principal *principal, int64_t now, unsigned char *granted)
{
	struct policy_result result;
	for (size_t i = 0; i < policy->conf->scope_count; i++)
		granted[i] = policy_scope(policy, principal, policy->conf->scopes[i].name, now, &result) == EMA_OK;
}
