/* Scopes, grants and denies become tables. */
#include "policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiled.h"

#define STACKS_DEEP 8         /* as the configuration may nest them */
#define IDENTITY_RULES_MOST 100000

struct builder {
	struct policy *policy;
	struct findings *findings;
	int errors;
};

static void wrong(struct builder *b, const char *id, const struct conf_node *node, const char *what, const char *text, const char *why)
{
	b->errors++;
	if (b->findings)
		finding_node(b->findings, id, node, "%s \"%.64s\" %s", what, text, why);
}

const struct conf_node *policy_string_node(const struct conf_node *group, const char *key, size_t number)
{
	const struct conf_node *list = conf_child(group, key);
	if (!list)
		return group;
	return number < list->count ? &list->children[number] : list;
}

static const struct { const char *key, *what; enum policy_kind kind; enum pattern_kind form; } lists[POLICY_KINDS] = {
	{ "tools", "the pattern of tools", POLICY_TOOL, PATTERN_NAME },
	{ "prompts", "the pattern of prompts", POLICY_PROMPT, PATTERN_NAME },
	{ "uris", "the pattern of URIs", POLICY_URI, PATTERN_URI },
};

static uint32_t add_pattern(struct builder *b, const struct conf_node *node, size_t list, size_t number, const char *text)
{
	char room[PATTERN_TEXT];
	struct pattern pattern;
	const char *why = pattern_compile(lists[list].form, text, room, &pattern), *other;
	if (why) {
		wrong(b, "E-PATTERN", policy_string_node(node, lists[list].key, number), lists[list].what, text, why);
		return NO_NUMBER;
	}
	/* Names of tools have none of these (of prompts hardly), regular expressions and a shell's patterns do. */
	if (b->findings && lists[list].form == PATTERN_NAME && (other = strpbrk(text, "[]?()|^$+\\")))
		finding_node(b->findings, "W-PATTERN", policy_string_node(node, lists[list].key, number),
		             "%s \"%.64s\" has a '%c', which stands for itself: only * and {tenant}, {subject}, {email} stand for more", lists[list].what, text, *other);
	else if (b->findings && lists[list].form == PATTERN_NAME && (strstr(text, "_.*") || strstr(text, "-.*")))
		finding_node(b->findings, "W-PATTERN", policy_string_node(node, lists[list].key, number),
		             "%s \"%.64s\" has \".*\", whose dot stands for itself: * alone is any run of characters", lists[list].what, text);
	if (b->findings && pattern.host & 1u << OP_EMAIL)
		finding_node(b->findings, "W-PATTERN", policy_string_node(node, lists[list].key, number),
		             "%s \"%.64s\" has {email} in the place of a host, which no address can be: it opens nothing to anybody, and a deny by it is one of all",
		             lists[list].what, text);
	return policy_pattern_add(b->policy, lists[list].kind, &pattern);
}

static int numbers_room(struct builder *b, struct numbers *numbers, size_t count)
{
	numbers->list = arena_get(&b->policy->arena, count, sizeof *numbers->list);
	return numbers->list ? 0 : -1;
}

/* ---- Scopes ---- */

static int pattern_has_scope(struct builder *b, uint32_t number, uint32_t scope)
{
	struct pattern_row *row = &b->policy->patterns[number];
	if (row->scopes.count && row->scopes.list[row->scopes.count - 1] == scope)
		return 0;
	if (row->scopes.count == row->scope_room) {
		size_t room = row->scope_room ? row->scope_room * 2 : 4;
		uint32_t *list = arena_get(&b->policy->arena, room, sizeof *list);
		if (!list)
			return -1;
		if (row->scopes.count)
			memcpy(list, row->scopes.list, row->scopes.count * sizeof *list);
		row->scopes.list = list;
		row->scope_room = room;
	}
	row->scopes.list[row->scopes.count++] = scope;
	return 0;
}

static int scopes_build(struct builder *b)
{
	const struct conf_service *service = b->policy->conf;
	for (size_t i = 0; i < service->scope_count; i++) {
		const struct conf_scope *scope = &service->scopes[i];
		const struct conf_strings *strings[POLICY_KINDS] = { &scope->tools, &scope->prompts, &scope->uris };
		policy_name_add(b->policy, NAME_SCOPE, scope->name)->first = (uint32_t)i;
		for (size_t k = 0; k < POLICY_KINDS; k++)
			for (size_t j = 0; j < strings[k]->count; j++) {
				uint32_t number = add_pattern(b, scope->node, k, j, strings[k]->list[j]);
				if (number != NO_NUMBER && pattern_has_scope(b, number, (uint32_t)i))
					return -1;
			}
	}
	return 0;
}

static uint64_t *included(const struct policy *policy, size_t scope)
{
	return policy->included + scope * policy->words;
}

static int has_bit(const uint64_t *bits, size_t number)
{
	return bits[number / 64] >> number % 64 & 1;
}

static void rows_close(struct policy *policy)
{
	const size_t count = policy->conf->scope_count;
	for (size_t middle = 0; middle < count; middle++)
		for (size_t i = 0; i < count; i++)
			for (size_t w = 0; has_bit(included(policy, i), middle) && w < policy->words; w++)
				included(policy, i)[w] |= included(policy, middle)[w];
}

static void rows_check(struct builder *b)
{
	const struct conf_service *service = b->policy->conf;
	for (size_t i = 0; i < service->scope_count; i++) {
		const struct conf_scope *scope = &service->scopes[i];
		const struct conf_node *node = scope->includes.count ? conf_child(scope->node, "includes") : scope->node;
		if (has_bit(included(b->policy, i), i)) {
			wrong(b, "E-VALUE", node, "the scope", scope->name, "would include itself, by what it includes");
			return;
		}
		/* What is given while a provider is away must stay what reads alone. */
		for (size_t k = 0; k < service->scope_count && !scope->writes; k++)
			if (has_bit(included(b->policy, i), k) && service->scopes[k].writes) {
				wrong(b, "E-VALUE", node, "the scope", scope->name, "has access = \"read\", and would include one that writes");
				break;
			}
	}
}

/* Which scopes each stands for, found once (MCP-20). */
static int includes_build(struct builder *b)
{
	struct policy *policy = b->policy;
	const struct conf_service *service = policy->conf;
	size_t some = 0;
	for (size_t i = 0; i < service->scope_count; i++)
		some += service->scopes[i].includes.count;
	if (!some)
		return 0;
	policy->words = (service->scope_count + 63) / 64;
	policy->included = arena_get(&policy->arena, service->scope_count * policy->words, sizeof *policy->included);
	if (!policy->included)
		return -1;
	for (size_t i = 0; i < service->scope_count; i++) {
		const struct conf_scope *scope = &service->scopes[i];
		for (size_t k = 0; k < scope->includes.count; k++) {
			const struct policy_name *name = policy_name(policy, NAME_SCOPE, scope->includes.list[k]);
			if (name)
				included(policy, i)[name->first / 64] |= UINT64_C(1) << name->first % 64;
			else
				wrong(b, "E-UNKNOWN", policy_string_node(scope->node, "includes", k), "the scope", scope->includes.list[k], "is none of the service");
		}
	}
	rows_close(policy);
	rows_check(b);
	for (size_t i = 0; i < service->scope_count; i++)
		included(policy, i)[i / 64] |= UINT64_C(1) << i % 64;
	return 0;
}

int policy_includes(const struct policy *policy, const char *broad, const char *narrow)
{
	if (!strcmp(broad, narrow))
		return 1;
	const struct policy_name *from = policy->included ? policy_name(policy, NAME_SCOPE, broad) : NULL;
	const struct policy_name *to = from ? policy_name(policy, NAME_SCOPE, narrow) : NULL;
	return to && has_bit(included(policy, from->first), to->first);
}

const char *policy_through(const struct policy *policy, const char *const *scopes, size_t count, const char *scope)
{
	const char *found = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(scopes[i], scope))
			return NULL;
		if (!found && policy_includes(policy, scopes[i], scope))
			found = scopes[i];
	}
	return found;
}

/* ---- Rules ---- */

/* A grant gives what its scopes include; a deny is about what they open themselves. */
static int grant_includes(struct builder *b, struct rule *rule)
{
	uint64_t more[POLICY_SCOPES_MOST / 64] = { 0 };
	const struct policy *policy = b->policy;
	struct numbers all = { NULL, 0 };
	size_t count = rule->scopes.count;
	for (size_t i = 0; i < rule->scopes.count; i++)
		for (size_t w = 0; w < policy->words; w++)
			more[w] |= included(policy, rule->scopes.list[i])[w];
	for (size_t i = 0; i < rule->scopes.count; i++)
		more[rule->scopes.list[i] / 64] &= ~(UINT64_C(1) << rule->scopes.list[i] % 64);
	for (size_t w = 0; w < policy->words; w++)
		count += (size_t)__builtin_popcountll(more[w]);
	if (count == rule->scopes.count)
		return 0;
	if (numbers_room(b, &all, count))
		return -1;
	for (; all.count < rule->scopes.count; all.count++)
		all.list[all.count] = rule->scopes.list[all.count];
	for (size_t w = 0; w < policy->words; w++)
		for (uint64_t bits = more[w]; bits; bits &= bits - 1)
			all.list[all.count++] = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
	rule->scopes = all;
	return 0;
}

static int opens_nothing(const struct conf_scope *scope)
{
	return !scope->tools.count && !scope->prompts.count && !scope->uris.count;
}

static int takes_claims(const struct conf_grant *conf)
{
	for (size_t i = 0; i < conf->from.count; i++)
		if (!strcmp(conf->from.list[i], PRINCIPAL_CLAIMS))
			return 1;
	return !conf->from.count;
}

static void use_add(struct builder *b, enum policy_name_kind kind, const char *text, uint32_t rule)
{
	struct policy *policy = b->policy;
	struct policy_name *name = policy_name_add(policy, kind, text);
	policy->uses[policy->use_count] = (struct name_use){ rule, name->first };
	name->first = (uint32_t)policy->use_count++;
}

/* A rule is found by the one thing that fewest principals have. */
static const struct conf_strings *found_by(const struct conf_grant *conf, enum policy_name_kind *kind)
{
	const struct { const struct conf_strings *strings; enum policy_name_kind kind; } order[] = {
		{ &conf->subjects, NAME_SUBJECT }, { &conf->groups, NAME_GROUP }, { &conf->roles, NAME_ROLE }, { &conf->clients, NAME_CLIENT },
	};
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (order[i].strings->count) {
			*kind = order[i].kind;
			return order[i].strings;
		}
	return NULL;
}

static size_t name_count(const struct conf_grant *conf)
{
	return conf->groups.count + conf->roles.count + conf->subjects.count + conf->clients.count + 1;
}

static void add_pointer(struct policy *policy, const char *at)
{
	size_t i = 0;
	if (policy->pointer_count > POLICY_POINTERS_MOST)
		return;
	while (i < policy->pointer_count && strcmp(policy->pointers[i], at))
		i++;
	if (i == policy->pointer_count && policy->pointer_count++ < POLICY_POINTERS_MOST)
		policy->pointers[i] = at;
}

static int arguments_build(struct builder *b, struct rule *rule)
{
	if (!rule->when || !rule->when->arg_count)
		return 0;
	rule->args = arena_get(&b->policy->arena, rule->when->arg_count, sizeof *rule->args);
	for (size_t i = 0; rule->args && i < rule->when->arg_count; i++) {
		const struct conf_argument *conf = &rule->when->args[i];
		const char *why = argument_compile(b->policy, conf, &rule->args[i]);
		add_pointer(b->policy, conf->at);
		if (why)
			wrong(b, "E-PATTERN", conf->value, "the pattern", conf->value->string, why);
	}
	return rule->args ? 0 : -1;
}

static int targets_build(struct builder *b, struct rule *rule)
{
	const struct conf_grant *conf = rule->conf;
	const struct conf_strings *strings[POLICY_KINDS] = { &conf->tools, &conf->prompts, &conf->uris };
	if (numbers_room(b, &rule->targets, conf->tools.count + conf->prompts.count + conf->uris.count))
		return -1;
	for (size_t k = 0; k < POLICY_KINDS; k++)
		for (size_t j = 0; j < strings[k]->count; j++) {
			uint32_t number = add_pattern(b, conf->node, k, j, strings[k]->list[j]);
			if (number != NO_NUMBER)
				rule->targets.list[rule->targets.count++] = number;
		}
	return 0;
}

static int rule_build(struct builder *b, uint32_t number)
{
	struct policy *policy = b->policy;
	struct rule *rule = &policy->rules[number];
	rule->deny = number >= policy->grant_count;
	const struct conf_grant *conf = rule->deny ? &policy->conf->denies[number - policy->grant_count] : &policy->conf->grants[number];
	const struct conf_conditions *when = conf->conditions;
	rule->conf = conf;
	rule->when = when;
	if (when)
		rule->asks = when->arg_count ? 2 : 1;
	if (arguments_build(b, rule) || targets_build(b, rule) || numbers_room(b, &rule->scopes, conf->scopes.count))
		return -1;
	for (size_t i = 0; i < conf->scopes.count; i++) {
		const struct policy_name *scope = policy_name(policy, NAME_SCOPE, conf->scopes.list[i]);
		if (scope)
			rule->scopes.list[rule->scopes.count++] = scope->first;
		else
			wrong(b, "E-UNKNOWN", policy_string_node(conf->node, "scopes", i), "the scope", conf->scopes.list[i], "is none of the service");
		if (scope && rule->deny && opens_nothing(&policy->conf->scopes[scope->first]))
			wrong(b, "E-VALUE", policy_string_node(conf->node, "scopes", i), "the scope", conf->scopes.list[i],
			      "opens nothing itself, so that this would deny nothing: name the scopes that it includes");
	}
	if (!rule->deny && policy->included && grant_includes(b, rule))
		return -1;
	view_add(policy, conf);
	enum policy_name_kind kind = NAME_ANYBODY;
	const struct conf_strings *strings = found_by(conf, &kind);
	/* A deny for a client counts for a principal whose client is not known, too. */
	if (kind == NAME_CLIENT && rule->deny)
		strings = NULL;
	for (size_t i = 0; strings && i < strings->count; i++)
		use_add(b, kind, strings->list[i], number);
	if (!strings && conf->provider && strcmp(conf->provider, "*"))
		use_add(b, NAME_PROVIDER, conf->provider, number);
	else if (!strings)
		use_add(b, NAME_ANYBODY, "", number);
	return 0;
}

/* ---- What is looked at ---- */

static unsigned pattern_wants(const struct pattern *pattern)
{
	return pattern->values & 1u << OP_EMAIL ? POLICY_WANTS_EMAIL : 0;
}

static unsigned scope_wants(const struct policy *policy, uint32_t scope)
{
	unsigned wants = 0;
	for (size_t i = 0; i < policy->pattern_count; i++)
		for (size_t j = 0; j < policy->patterns[i].scopes.count; j++)
			if (policy->patterns[i].scopes.list[j] == scope)
				wants |= pattern_wants(&policy->patterns[i].pattern);
	return wants;
}

static unsigned rule_wants(const struct policy *policy, const struct rule *rule)
{
	const struct conf_grant *conf = rule->conf;
	unsigned wants = 0;
	if (takes_claims(conf))
		wants |= (conf->groups.count ? POLICY_WANTS_GROUPS : 0) | (conf->roles.count ? POLICY_WANTS_ROLES : 0);
	for (size_t i = 0; i < rule->targets.count; i++)
		wants |= pattern_wants(&policy->patterns[rule->targets.list[i]].pattern);
	if (!rule->when)
		return wants;
	wants |= (rule->when->acr.count ? POLICY_WANTS_ACR : 0) | (rule->when->amr.count ? POLICY_WANTS_AMR : 0) |
	         (rule->when->max_age ? POLICY_WANTS_AUTH_TIME : 0);
	for (size_t i = 0; i < rule->when->arg_count; i++)
		wants |= pattern_wants(&rule->args[i].like);
	return wants;
}

static int identity_wants_email(const struct conf *conf, const struct conf_rules *rules, int depth, int *left)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct conf_rule *rule = &rules->list[i];
		/* Where there is too much to look through, the token had better carry it. */
		if (--*left < 0 || depth > STACKS_DEEP || (rule->when && rule->when->email_domains.count))
			return 1;
		for (size_t s = 0; rule->is_stack && s < conf->stack_count; s++)
			if (!strcmp(conf->stacks[s].id, rule->target) && identity_wants_email(conf, &conf->stacks[s].rules, depth + 1, left))
				return 1;
	}
	return 0;
}

static uint64_t hash_names(uint64_t hash, char kind, const struct conf_strings *names)
{
	for (size_t i = 0; i < names->count; i++)
		hash = policy_hash_text(policy_hash_byte(hash, (unsigned char)kind), names->list[i]);
	return hash;
}

static void view_build(struct policy *policy)
{
	const unsigned seen = policy->deny_wants & (POLICY_WANTS_EMAIL | POLICY_WANTS_GROUPS | POLICY_WANTS_ROLES);
	uint64_t hash = POLICY_HASH ^ (seen & POLICY_WANTS_EMAIL);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct conf_grant *conf = policy->rules[i].conf;
		if (!policy->rules[i].deny || conf->shadow || !takes_claims(conf))
			continue;
		hash = hash_names(hash, 'g', &conf->groups);
		hash = hash_names(hash, 'r', &conf->roles);
	}
	if (seen)
		snprintf(policy->deny_view, sizeof policy->deny_view, "%016" PRIx64, hash);
}

const char *policy_deny_view(const struct policy *policy)
{
	return policy->deny_view;
}

static void wants_build(struct policy *policy, const struct conf *conf)
{
	int left = IDENTITY_RULES_MOST;
	if (identity_wants_email(conf, &policy->conf->identity, 0, &left))
		policy->wants |= POLICY_WANTS_EMAIL;
	/* Guards are told it at each request; and one that is asked about some domains alone limits as a deny does: without it, it is passed over. */
	for (size_t i = 0; i < policy->conf->guards.count; i++) {
		const struct conf_when *when = policy->conf->guards.list[i].when;
		policy->wants |= POLICY_WANTS_EMAIL;
		policy->deny_wants |= when && when->email_domains.count ? POLICY_WANTS_EMAIL : 0;
	}
	for (size_t i = 0; i < policy->pattern_count; i++)
		policy->wants |= pattern_wants(&policy->patterns[i].pattern);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];
		unsigned wants = rule_wants(policy, rule);
		policy->wants |= wants;
		if (!rule->deny || rule->conf->shadow)
			continue;
		for (size_t j = 0; j < rule->scopes.count; j++)
			wants |= scope_wants(policy, rule->scopes.list[j]);
		policy->deny_wants |= wants;
	}
	view_build(policy);
}

const char *const *policy_pointers(const struct policy *policy, size_t *count)
{
	*count = policy->pointer_count;
	return *count > POLICY_POINTERS_MOST ? NULL : policy->pointers;
}

unsigned policy_wants(const struct policy *policy, int denies)
{
	return denies ? policy->deny_wants : policy->wants;
}

/* ---- All of it ---- */

static int rooms(struct policy *policy)
{
	const struct conf_service *service = policy->conf;
	size_t names = service->scope_count + 1, uses = 0, sources = 0, patterns[POLICY_KINDS] = { 0 }, slots = 4;
	policy->grant_count = service->grant_count;
	policy->rule_count = service->grant_count + service->deny_count;
	for (size_t i = 0; i < service->scope_count; i++) {
		patterns[POLICY_TOOL] += service->scopes[i].tools.count;
		patterns[POLICY_PROMPT] += service->scopes[i].prompts.count;
		patterns[POLICY_URI] += service->scopes[i].uris.count;
	}
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct conf_grant *conf = i < service->grant_count ? &service->grants[i] : &service->denies[i - service->grant_count];
		patterns[POLICY_TOOL] += conf->tools.count;
		patterns[POLICY_PROMPT] += conf->prompts.count;
		patterns[POLICY_URI] += conf->uris.count;
		names += name_count(conf) + 1;
		uses += name_count(conf);
		sources += view_room(conf);
	}
	while (slots < names * 2)
		slots *= 2;
	policy->names = arena_get(&policy->arena, names, sizeof *policy->names);
	policy->name_slots = arena_get(&policy->arena, slots, sizeof *policy->name_slots);
	policy->name_mask = slots - 1;
	policy->uses = arena_get(&policy->arena, uses, sizeof *policy->uses);
	policy->sources = arena_get(&policy->arena, sources, sizeof *policy->sources);
	policy->rules = arena_get(&policy->arena, policy->rule_count, sizeof *policy->rules);
	policy->patterns = arena_get(&policy->arena, patterns[0] + patterns[1] + patterns[2], sizeof *policy->patterns);
	for (size_t i = 0; policy->name_slots && i < slots; i++)
		policy->name_slots[i] = NO_NUMBER;
	for (size_t k = 0; k < POLICY_KINDS; k++)
		if (policy_table_room(policy, &policy->whole[k], patterns[k]) || policy_table_room(policy, &policy->heads[k], patterns[k]) ||
		    policy_table_room(policy, &policy->tails[k], patterns[k]))
			return -1;
	return policy->arena.failed ? -1 : 0;
}

struct policy *policy_new(const struct conf *conf, const struct conf_service *service, struct findings *findings)
{
	struct policy *policy = calloc(1, sizeof *policy);
	struct builder b = { policy, findings, 0 };
	if (!policy)
		return NULL;
	policy->conf = service;
	if (service->scope_count > POLICY_SCOPES_MOST) {
		if (findings)
			finding_node(findings, "E-VALUE", service->node, "%zu scopes; %d is the most", service->scope_count, POLICY_SCOPES_MOST);
		goto fail;
	}
	if (rooms(policy) || scopes_build(&b) || includes_build(&b))
		goto fail;
	for (size_t i = 0; i < policy->rule_count; i++)
		if (rule_build(&b, (uint32_t)i))
			goto fail;
	if (b.errors || policy->arena.failed)
		goto fail;
	wants_build(policy, conf);
	if (view_make(policy))
		goto fail;
	if (findings)
		rules_lint(conf, policy, findings);
	return policy;
fail:
	policy_free(policy);
	return NULL;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	arena_free(&policy->arena);
	free(policy);
}
