/* A principal becomes the list of the rules that name it. */
#include <stdlib.h>
#include <string.h>

#include "compiled.h"

#define SEEN_FEW 256 /* words: of no more rules they are on the stack */

/* Which rules were added already, and the ways that they give. */
struct preparation {
	const struct policy *policy;
	const struct policy_who *who;
	struct policy_principal *principal;
	struct arena *arena;
	uint64_t *seen;
	size_t grant_room, deny_room;
	int failed;
};

static int same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : !a && !b;
}

/* A group belongs to its source and its tenant: one of another tenant than the subject's is not its own. */
static int has_name(const struct conf_grant *conf, const struct conf_strings *wanted, const struct policy_who *who,
                    const struct principal_name *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same(names[i].tenant, who->tenant) && conf_has_string(wanted, names[i].name) && (!conf->from.count || conf_has_string(&conf->from, names[i].source)))
			return 1;
	return 0;
}

unsigned rule_strange(const struct rule *rule, const struct policy_who *who)
{
	const struct conf_grant *conf = rule->conf;
	unsigned strange = 0;
	if (conf->provider && strcmp(conf->provider, "*") && !same(conf->provider, who->provider))
		strange |= POLICY_OTHER_PROVIDER;
	if (!conf_takes(&conf->tenants, who->tenant))
		strange |= POLICY_OTHER_TENANT;
	if (!conf_takes(&conf->subjects, who->sub))
		strange |= POLICY_OTHER_SUBJECT;
	if (conf->clients.count && (who->client ? !conf_has_string(&conf->clients, who->client) : !rule->deny))
		strange |= POLICY_OTHER_CLIENT;
	if (conf->groups.count && !has_name(conf, &conf->groups, who, who->groups, who->group_count))
		strange |= POLICY_OTHER_GROUP;
	if (conf->roles.count && !has_name(conf, &conf->roles, who, who->roles, who->role_count))
		strange |= POLICY_OTHER_ROLE;
	return strange;
}

int rule_names(const struct rule *rule, const struct policy_who *who)
{
	return !rule_strange(rule, who);
}

static int has_amr(const struct conf_strings *wanted, const struct policy_who *who)
{
	for (size_t i = 0; i < wanted->count; i++) {
		size_t j = 0;
		while (j < who->amr_count && strcmp(wanted->list[i], who->amr[j]))
			j++;
		if (j == who->amr_count)
			return 0;
	}
	return 1;
}

int rule_weak(const struct rule *rule, const struct policy_who *who)
{
	const struct conf_conditions *when = rule->when;
	if (!when)
		return 0;
	int acr = !conf_takes(&when->acr, who->acr), amr = when->amr.count && !has_amr(&when->amr, who);
	return rule->deny ? (acr && who->acr) || (amr && who->amr_count) : acr || amr;
}

static void way_add(struct preparation *p, uint32_t key, uint32_t number)
{
	const struct rule *rule = rule_at(p->policy, number);
	struct way **list = rule->deny ? &p->principal->denies : &p->principal->grants;
	size_t *count = rule->deny ? &p->principal->deny_count : &p->principal->grant_count;
	size_t *room = rule->deny ? &p->deny_room : &p->grant_room;
	if (*count == *room) {
		struct way *bigger = arena_grown(p->arena, *list, *count, sizeof *bigger, room, 16);
		if (!bigger) {
			p->failed = 1;
			return;
		}
		*list = bigger;
	}
	(*list)[(*count)++] = (struct way){ key, number & INT32_MAX, rule_weak(rule, p->who) ? 1 : 0 };
}

static void rule_add(struct preparation *p, uint32_t number)
{
	const struct rule *rule = rule_at(p->policy, number);
	if (p->seen[number / 64] >> number % 64 & 1 || !rule_names(rule, p->who))
		return;
	p->seen[number / 64] |= UINT64_C(1) << number % 64;
	for (size_t i = 0; i < rule->targets.count; i++)
		way_add(p, way_pattern(p->policy, rule->targets.list[i]), number);
	for (size_t i = 0; !rule->targets.count && i < rule->scopes.count; i++)
		way_add(p, way_scope(rule->scopes.list[i]), number);
	if (!rule->targets.count && !rule->scopes.count)
		way_add(p, 0, number);
}

static void rules_add(struct preparation *p, enum policy_name_kind kind, const char *text)
{
	const struct policy_name *name = text ? policy_name(p->policy, kind, text) : NULL;
	for (uint32_t use = name ? name->first : NO_NUMBER; use != NO_NUMBER && !p->failed; use = p->policy->uses[use].next)
		rule_add(p, p->policy->uses[use].rule);
}

static int ways_order(const void *a, const void *b)
{
	const struct way *x = a, *y = b;
	return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->rule > y->rule) - (x->rule < y->rule);
}

/* Within a key, first what asks for nothing: it decides without a look at the arguments. */
static void ways_sort(const struct policy *policy, struct way *ways, size_t count)
{
	if (!count)
		return;
	qsort(ways, count, sizeof *ways, ways_order);
	for (size_t from = 0, to; from < count; from = to) {
		size_t easy = from;
		for (to = from; to < count && ways[to].key == ways[from].key; to++)
			if (!rule_at(policy, ways[to].rule)->asks) {
				struct way way = ways[easy];
				ways[easy++] = ways[to];
				ways[to] = way;
			}
	}
}

static int strings_keep(struct preparation *p)
{
	const struct policy_who *who = p->who;
	const char *texts[] = { [OP_TENANT] = who->tenant, [OP_SUBJECT] = who->sub, [OP_EMAIL] = who->email };
	size_t length = 1;
	for (int op = OP_TENANT; op <= OP_EMAIL; op++)
		length += texts[op] ? strlen(texts[op]) + 1 : 0;
	char *to = arena_bytes(p->arena, length);
	for (int op = OP_TENANT; to && op <= OP_EMAIL; op++) {
		if (!texts[op])
			continue;
		size_t size = strlen(texts[op]) + 1;
		memcpy(to, texts[op], size);
		pattern_value(&p->principal->values, op, to);
		to += size;
	}
	return to ? 0 : -1;
}

/* With what it includes. */
static void scope_add(const struct policy *policy, uint64_t *bits, const char *name)
{
	const struct policy_name *scope = policy_name(policy, NAME_SCOPE, name);
	if (scope)
		bits[scope->first / 64] |= UINT64_C(1) << scope->first % 64;
	for (size_t w = 0; scope && w < policy->words; w++)
		bits[w] |= policy->included[scope->first * policy->words + w];
}

struct policy_principal *policy_prepare(const struct policy *policy, const struct policy_who *who, struct arena *arena)
{
	struct policy_principal *principal = arena_get(arena, 1, sizeof *principal);
	struct preparation p = { .policy = policy, .who = who, .principal = principal, .arena = arena };
	const size_t words = policy->conf->scope_count / 64 + 1, seen = policy->rule_count / 64 + 1;
	uint64_t few[SEEN_FEW];
	p.seen = seen > SEEN_FEW ? arena_get(arena, seen, sizeof *p.seen) : memset(few, 0, seen * sizeof *few);
	uint64_t *scopes = arena_get(arena, 2 * words, sizeof *scopes);
	if (!principal || !p.seen || !scopes || strings_keep(&p))
		return NULL;
	principal->policy = policy;
	principal->auth_time = who->auth_time;
	principal->scopes = scopes;
	principal->registered = scopes + words;
	for (size_t i = 0; i < who->scope_count; i++)
		scope_add(policy, principal->scopes, who->scopes[i]);
	if (!who->registered)
		memset(principal->registered, 0xff, words * sizeof *principal->registered);
	for (size_t i = 0; i < who->registered_count; i++)
		scope_add(policy, principal->registered, who->registered[i]);
	rules_add(&p, NAME_ANYBODY, "");
	rules_add(&p, NAME_PROVIDER, who->provider);
	rules_add(&p, NAME_SUBJECT, who->sub);
	rules_add(&p, NAME_CLIENT, who->client);
	for (size_t i = 0; i < who->group_count; i++)
		rules_add(&p, NAME_GROUP, who->groups[i].name);
	for (size_t i = 0; i < who->role_count; i++)
		rules_add(&p, NAME_ROLE, who->roles[i].name);
	if (p.failed)
		return NULL;
	ways_sort(policy, principal->grants, principal->grant_count);
	ways_sort(policy, principal->denies, principal->deny_count);
	return principal;
}
