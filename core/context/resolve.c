#include "resolve.h"

#include <stdlib.h>
#include <string.h>

/* ---- Issuers ---- */

static int compare_text(const char *a, const char *b)
{
	return !a || !b ? !!a - !!b : strcmp(a, b);
}

static int compare_names(const void *a, const void *b)
{
	const struct issuer_name *x = a, *y = b;
	int order = strcmp(x->issuer, y->issuer);
	if (!order)
		order = compare_text(x->tenant, y->tenant);
	return order ? order : (x->provider > y->provider) - (x->provider < y->provider);
}

/* How many names a declaration has: each issuer once a tenant that the claim may name, else once. */
static size_t names_of(const struct declared *declared)
{
	return declared->name_count * (declared->tenant_claim && declared->tenant_count ? declared->tenant_count : 1);
}

static int collect_names(struct snapshot *s)
{
	size_t count = 0;
	for (size_t p = 0; p < s->conf->provider_count; p++)
		for (size_t d = 0; s->providers[p].instance && d < instance_declared_count(s->providers[p].instance); d++)
			count += names_of(instance_declared(s->providers[p].instance, d));
	s->names = calloc(count ? count : 1, sizeof *s->names);
	if (!s->names)
		return -1;
	for (size_t p = 0; p < s->conf->provider_count; p++) {
		struct provider *provider = &s->providers[p];
		unsigned kinds = 0;
		for (size_t d = 0; provider->instance && d < instance_declared_count(provider->instance); d++) {
			const struct declared *declared = instance_declared(provider->instance, d);
			kinds |= declared->kinds;
			size_t each = declared->name_count ? names_of(declared) / declared->name_count : 0;
			for (size_t n = 0; n < declared->name_count; n++)
				for (size_t t = 0; t < each; t++)
					s->names[s->name_count++] = (struct issuer_name){
						.issuer = declared->names[n].issuer,
						.tenant = declared->tenant_claim && declared->tenant_count ? declared->tenants[t]
					                                                                   : declared->names[n].tenant,
						.provider = p,
						.declared = declared,
					};
		}
		provider->accepts = provider->conf->accepts ? provider->conf->accepts & kinds : kinds;
	}
	qsort(s->names, s->name_count, sizeof *s->names, compare_names);
	return 0;
}

/* The global issuer, too, where each service has one of its own, and those that a service had. */
static int is_ours(const struct conf *conf, const char *issuer)
{
	if (conf->issuer && !strcmp(conf->issuer, issuer))
		return 1;
	for (size_t k = 0; k < conf->service_count; k++) {
		const struct conf_service *service = &conf->services[k];
		if (!strcmp(service->issuer, issuer))
			return 1;
		for (size_t i = 0; i < service->former_issuers.count; i++)
			if (!strcmp(service->former_issuers.list[i], issuer))
				return 1;
	}
	return 0;
}

static void lint_issuers(const struct snapshot *s, struct findings *findings)
{
	for (size_t i = 0; i < s->name_count; i++) {
		const struct issuer_name *name = &s->names[i], *before = i ? &s->names[i - 1] : NULL;
		const struct conf_provider *provider = s->providers[name->provider].conf;
		/* A name without a tenant answers for all of them, and sorts before those that have one. */
		for (size_t j = i; j > 0 && !strcmp(s->names[j - 1].issuer, name->issuer); j--)
			if (!s->names[j - 1].tenant && s->names[j - 1].provider != name->provider)
				before = &s->names[j - 1];
		if (before && before->provider != name->provider && !strcmp(before->issuer, name->issuer) &&
		    (!before->tenant || !compare_text(before->tenant, name->tenant))) {
			const struct conf_node *other = s->providers[before->provider].conf->instance.node;
			finding_node(findings, "E-ISSUER", provider->instance.node,
			             "provider \"%s\" has the issuer \"%s\"%s%s, and so has \"%s\" at %s:%d: keep one of them, or give each its tenants",
			             provider->instance.id, name->issuer, name->tenant ? " tenant " : "", name->tenant ? name->tenant : "",
			             s->providers[before->provider].conf->instance.id, other->file, other->line);
		}
		if (is_ours(s->conf, name->issuer))
			finding_node(findings, "E-ISSUER", provider->instance.node,
			             "provider \"%s\" has the issuer \"%s\", which is our own: we do not take assertions that we made",
			             provider->instance.id, name->issuer);
	}
}

const struct issuer_name *resolve_issuer(const struct snapshot *s, const char *issuer, const char *tenant)
{
	size_t low = 0, high = s->name_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(s->names[middle].issuer, issuer) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->name_count && !strcmp(s->names[low].issuer, issuer); low++)
		if (!tenant || !s->names[low].tenant || !strcmp(s->names[low].tenant, tenant))
			return &s->names[low];
	return NULL;
}

/* More than one tenant: the names of tenants that an instance declares, or any that a claim says. */
static int several_tenants(const struct provider *provider)
{
	const char *first = NULL;
	for (size_t d = 0; provider->instance && d < instance_declared_count(provider->instance); d++) {
		const struct declared *declared = instance_declared(provider->instance, d);
		if (declared->tenant_claim && declared->tenant_count != 1)
			return 1;
		for (size_t n = 0; n < declared->name_count; n++) {
			const char *tenant = declared->tenant_claim ? declared->tenants[0] : declared->names[n].tenant;
			if (tenant && first && strcmp(first, tenant))
				return 1;
			if (tenant)
				first = tenant;
		}
	}
	return 0;
}

/* ---- Rules ---- */


static struct stack_rule *new_list(struct snapshot *s, size_t count)
{
	struct stack_rule **grown = reallocarray(s->rules, s->rule_lists + 1, sizeof *grown);
	if (!grown)
		return NULL;
	s->rules = grown;
	struct stack_rule *list = calloc(count ? count : 1, sizeof *list);
	if (list)
		s->rules[s->rule_lists++] = list;
	return list;
}

/* Place of a guard; conf has seen that it is there. */
static size_t find_guard(const struct conf *conf, const char *id)
{
	for (size_t i = 0; i < conf->guard_count; i++)
		if (!strcmp(conf->guards[i].instance.id, id))
			return i;
	return SIZE_MAX;
}

static int resolve_rules(struct snapshot *s, const struct conf_rules *rules, int guards, struct stack_list *out, struct findings *findings)
{
	const struct conf *conf = s->conf;
	struct stack_rule *list = new_list(s, rules->count);
	if (!list)
		return -1;
	for (size_t i = 0; i < rules->count; i++) {
		const struct conf_rule *rule = &rules->list[i];
		list[i] = (struct stack_rule){ .action = rule->control.action, .module = SIZE_MAX, .conf = rule };
		if (rule->is_stack) {
			for (size_t k = 0; k < conf->stack_count; k++)
				if (!strcmp(conf->stacks[k].id, rule->target))
					list[i].stack = &s->stacks[k];
		} else {
			list[i].module = guards ? find_guard(conf, rule->target) : snapshot_provider(s, rule->target);
		}
		if (!list[i].stack && list[i].module == SIZE_MAX)
			finding_node(findings, "E-UNKNOWN", rule->node, "there is no %s \"%s\"", rule->is_stack ? "stack" : guards ? "guard" : "provider",
			             rule->target);
	}
	*out = (struct stack_list){ list, rules->count };
	return 0;
}

static int rule_must(const struct conf_rule *rule)
{
	return rule->control.keyword && (!strcmp(rule->control.keyword, "required") || !strcmp(rule->control.keyword, "requisite"));
}

/* Do two providers answer for one issuer and tenant? */
static int issuers_meet(const struct snapshot *s, size_t a, size_t b)
{
	for (size_t i = 0; i < s->name_count; i++)
		for (size_t j = 0; s->names[i].provider == a && j < s->name_count; j++)
			if (s->names[j].provider == b && !strcmp(s->names[i].issuer, s->names[j].issuer))
				return 1;
	return 0;
}

static void lint_required(const struct snapshot *s, const struct stack_list *list, struct findings *findings)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct stack_rule *a = &list->rules[i];
		if (a->stack || a->module == SIZE_MAX || !rule_must(a->conf) || !s->providers[a->module].instance)
			continue;
		for (size_t j = 0; j < i; j++) {
			const struct stack_rule *b = &list->rules[j];
			if (b->stack || b->module == SIZE_MAX || b->module == a->module || !rule_must(b->conf) || !s->providers[b->module].instance)
				continue;
			if (!issuers_meet(s, a->module, b->module))
				finding_node(findings, "E-REQUIRED-ISSUERS-DIFFER", a->conf->node,
				             "\"%s\" and \"%s\" are both %s and have different issuers: no token satisfies both; write "
				             "identity = [\"%s\", \"%s\"] if either may vouch",
				             b->conf->target, a->conf->target, a->conf->control.keyword, b->conf->target, a->conf->target);
		}
	}
}

/* Calls found for each provider that the rules can reach. */
static void each_provider(const struct stack_list *list, int depth, void (*found)(void *data, size_t provider), void *data)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->rules[i].stack && depth < STACK_DEPTH_MOST)
			each_provider(list->rules[i].stack, depth + 1, found, data);
		else if (!list->rules[i].stack && list->rules[i].module != SIZE_MAX)
			found(data, list->rules[i].module);
	}
}

struct tenant_lint {
	const struct snapshot *snapshot;
	const struct service *service;
	struct findings *findings;
	int told;
};

/* A grant or deny for a tenant that the provider does not have is for nobody. */
static void lint_tenants(const struct tenant_lint *lint, size_t number, const struct conf_grant *rules, size_t count)
{
	const struct provider *provider = &lint->snapshot->providers[number];
	for (size_t i = 0; provider->instance && i < count; i++)
		for (size_t t = 0; rules[i].provider && !strcmp(rules[i].provider, provider->conf->instance.id) && t < rules[i].tenants.count; t++)
			if (!snapshot_tenant(lint->snapshot, number, rules[i].tenants.list[t]))
				finding_node(lint->findings, "W-UNUSED", rules[i].node, "provider \"%s\" has no tenant \"%.64s\": this has no effect",
				             provider->conf->instance.id, rules[i].tenants.list[t]);
}

static void mark_provider(void *data, size_t provider)
{
	unsigned char *marks = data;
	marks[provider] = 1;
}

/* Has one of the providers this tenant, or can it? */
static int some_tenant(const struct snapshot *s, const unsigned char *marks, const char *tenant)
{
	for (size_t p = 0; p < s->conf->provider_count; p++)
		if (marks[p] && (!s->providers[p].instance || snapshot_tenant(s, p, tenant)))
			return 1;
	return 0;
}

/* As lint_tenants(), of rules that are for any provider which the service asks. */
static void lint_open_tenants(const struct snapshot *s, const unsigned char *marks, const struct conf_grant *rules, size_t count, struct findings *findings)
{
	for (size_t i = 0; i < count; i++)
		for (size_t t = 0; (!rules[i].provider || !strcmp(rules[i].provider, "*")) && t < rules[i].tenants.count; t++)
			if (!some_tenant(s, marks, rules[i].tenants.list[t]))
				finding_node(findings, "W-UNUSED", rules[i].node, "no provider that the service asks has a tenant \"%.64s\": this has no effect",
				             rules[i].tenants.list[t]);
}

/* The same of a "when", of guards with the marks of whom the service asks; identity rules have their own, and the marks are for them to use. */
static void lint_whens(const struct snapshot *s, const struct stack_list *list, int guards, unsigned char *marks, struct findings *findings)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct stack_rule *rule = &list->rules[i];
		const struct conf_when *when = rule->conf->when;
		if (!when || !when->tenants.count)
			continue;
		if (!guards) {
			memset(marks, 0, s->conf->provider_count);
			each_provider(&(struct stack_list){ rule, 1 }, 0, mark_provider, marks);
		}
		for (size_t t = 0; t < when->tenants.count; t++)
			if (!some_tenant(s, marks, when->tenants.list[t]))
				finding_node(findings, "W-UNUSED", when->node, "no provider that \"%s\" can be asked for has a tenant \"%.64s\": %s", rule->conf->target,
				             when->tenants.list[t], guards ? "for that one the guard is never asked" : "this has no effect");
	}
}

static void lint_service_tenants(void *data, size_t number)
{
	struct tenant_lint *lint = data;
	const struct provider *provider = &lint->snapshot->providers[number];
	const struct conf_service *service = lint->service->conf;
	lint_tenants(lint, number, service->grants, service->grant_count);
	lint_tenants(lint, number, service->denies, service->deny_count);
	if (lint->told || !several_tenants(provider))
		return;
	if (!service->tenants.count) {
		lint->told = 1;
		finding_node(lint->findings, "E-TENANT", service->node,
		             "service \"%s\" takes provider \"%s\", which has several tenants: write tenants = [ ... ] with those that it serves",
		             service->id, provider->conf->instance.id);
	}
	for (size_t i = 0; i < service->grant_count; i++) {
		const struct conf_grant *grant = &service->grants[i];
		int meant = grant->provider && (!strcmp(grant->provider, "*") || !strcmp(grant->provider, provider->conf->instance.id));
		if (meant && !grant->tenants.count)
			finding_node(lint->findings, "E-TENANT", grant->node,
			             "this grant is for provider \"%s\", which has several tenants: write tenant = \"...\" with the one that it is for",
			             provider->conf->instance.id);
	}
}

/* ---- Services ---- */

static int resolve_service(struct snapshot *s, const struct conf_service *conf, struct service *out, struct findings *findings)
{
	out->conf = conf;
	if (resolve_rules(s, &conf->identity, 0, &out->identity, findings) || resolve_rules(s, &conf->guards, 1, &out->guards, findings))
		return -1;
	out->directories = calloc(conf->directory_count ? conf->directory_count : 1, sizeof *out->directories);
	if (!out->directories)
		return -1;
	for (size_t i = 0; i < conf->directory_count; i++)
		for (size_t d = 0; d < s->conf->directory_count; d++)
			if (!strcmp(s->conf->directories[d].instance.id, conf->directories[i].id))
				out->directories[out->directory_count++] = (struct service_directory){ &conf->directories[i], d };
	int errors = findings->errors;
	out->policy = policy_new(s->conf, conf, findings);
	return out->policy || findings->errors > errors ? 0 : -1;
}

int resolve(struct snapshot *s, struct findings *findings)
{
	const struct conf *conf = s->conf;
	if (collect_names(s))
		return -1;
	s->stacks = calloc(conf->stack_count + 1, sizeof *s->stacks);
	if (!s->stacks)
		return -1;
	for (size_t i = 0; i < conf->stack_count; i++)
		if (resolve_rules(s, &conf->stacks[i].rules, 0, &s->stacks[i], findings))
			return -1;
	for (size_t i = 0; i < conf->service_count; i++)
		if (resolve_service(s, &conf->services[i], &s->services[i], findings))
			return -1;
	lint_issuers(s, findings);
	unsigned char *marks = calloc(conf->provider_count + 1, 1);
	if (!marks)
		return -1;
	for (size_t i = 0; i < conf->stack_count; i++) {
		lint_required(s, &s->stacks[i], findings);
		lint_whens(s, &s->stacks[i], 0, marks, findings);
	}
	for (size_t i = 0; i < conf->service_count; i++) {
		struct tenant_lint lint = { s, &s->services[i], findings, 0 };
		lint_required(s, &s->services[i].identity, findings);
		each_provider(&s->services[i].identity, 0, lint_service_tenants, &lint);
		lint_whens(s, &s->services[i].identity, 0, marks, findings);
		memset(marks, 0, conf->provider_count);
		each_provider(&s->services[i].identity, 0, mark_provider, marks);
		lint_whens(s, &s->services[i].guards, 1, marks, findings);
		lint_open_tenants(s, marks, conf->services[i].grants, conf->services[i].grant_count, findings);
		lint_open_tenants(s, marks, conf->services[i].denies, conf->services[i].deny_count, findings);
	}
	free(marks);
	return 0;
}
