/* Rules about groups and roles that come from nowhere: such a grant gives nothing, and such a deny refuses nobody. And patterns with a
   tenant that nobody has: such a grant gives nothing, and such a deny takes it for any. */
#include <string.h>

#include "schema.h"

static const char *const what[] = { "group", "role" };

static int is_one_of(const char *text, const char *const *names)
{
	while (*names && strcmp(*names, text))
		names++;
	return *names != NULL;
}

/* What the built-in plugins read of a token by their settings (and presets, see plugins/oidc/preset.c). Whatever is not known for sure
   to be read by none is taken to be read. */
int conf_claims_supply(const struct conf_provider *provider, int role)
{
	static const char *const bare[] = { "generic", "google", "auth0", "ping", "github_actions", "claude", "okta_custom", NULL };
	static const char *const groups_alone[] = { "cognito", "dex", NULL };
	const char *plugin = provider->instance.plugin ? provider->instance.plugin : "";
	const struct conf_node *node = provider->instance.node, *preset = conf_child(node, "preset");
	const int oidc = !strcmp(plugin, "oidc");
	if (!strcmp(plugin, "azure_ad")) {
		const struct conf_node *flag = conf_child(node, role ? "roles" : "groups");
		return flag ? flag->kind != CONF_BOOL || flag->integer : role;
	}
	if (!oidc && strcmp(plugin, "okta_xaa"))
		return 1;
	const struct conf_node *claims = conf_child(node, role ? "roles_claim" : "groups_claim");
	if (claims)
		return claims->kind == CONF_STRING || claims->count;
	if (!oidc || !preset)
		return 0;
	return preset->kind != CONF_STRING || !(is_one_of(preset->string, bare) || (role && is_one_of(preset->string, groups_alone)));
}

static int takes_from(const struct conf_grant *rule, const char *source)
{
	return conf_takes(&rule->from, source);
}

static int is_supplied(const struct conf_service *service, const struct conf_grant *rule, const struct conf_provider *provider, int role)
{
	if (takes_from(rule, "claims") && conf_claims_supply(provider, role))
		return 1;
	for (size_t i = 0; i < service->directory_count; i++)
		if (service->directories[i].id && takes_from(rule, service->directories[i].id) &&
		    conf_has_string(&service->directories[i].providers, provider->instance.id))
			return 1;
	return 0;
}

const char *conf_claims_advice(const struct conf_provider *provider, int role)
{
	if (!strcmp(provider->instance.plugin, "azure_ad"))
		return role ? "roles = true" : "groups = true";
	return role ? "roles_claim = \"...\"" : "groups_claim = \"...\"";
}

static int is_for(const struct conf_grant *rule, const struct conf_provider *provider)
{
	return !rule->provider || !strcmp(rule->provider, "*") || !strcmp(rule->provider, provider->instance.id);
}

static void lint_rule(struct reader *reader, const struct conf_service *service, const struct conf_provider *const *asked, const struct conf_grant *rule,
                      int deny)
{
	const struct conf_provider *lacking = NULL;
	size_t able = 0;
	int role = 0;
	for (size_t i = 0; asked[i] && (rule->groups.count || rule->roles.count); i++) {
		const struct conf_provider *provider = asked[i];
		if (!provider->instance.plugin || !is_for(rule, provider))
			continue;
		const int no_group = rule->groups.count && !is_supplied(service, rule, provider, 0);
		if (!no_group && (!rule->roles.count || is_supplied(service, rule, provider, 1)))
			able++;
		else if (!lacking) {
			lacking = provider;
			role = !no_group;
		}
	}
	/* A deny for everybody refuses nobody of that provider; one that is written for some is for those. */
	if (!lacking || (able && (!deny || rule->tenants.count || rule->from.count || (rule->provider && strcmp(rule->provider, "*")))))
		return;
	/* Where another server's tokens are read, its configuration may know more; and who writes `from` has thought of where it comes from. */
	const int claims = takes_from(rule, "claims"), sure = deny && !able && claims && !rule->shadow && !reader->conf->published.path;
	finding_node(reader->findings, sure ? "E-NO-SOURCE" : "W-NO-SOURCE", rule->node,
	             "nothing says which %ss the subjects of provider \"%s\" have, so that this %s%s: write %s%sdirectory = ( ... ) "
	             "with for = [\"%s\"] at the service",
	             what[role], lacking->instance.id, deny ? "refuses nobody" : "gives nothing", able ? " of it" : "",
	             claims ? conf_claims_advice(lacking, role) : "", claims ? " at the provider, or " : "", lacking->instance.id);
}

/* The first provider of those that the rule (NULL: a scope) is for, if it is sure that no subject of any has a tenant; else NULL. */
static const struct conf_provider *tenantless(const struct conf *conf, const struct conf_provider *const *asked, const struct conf_grant *rule)
{
	const struct conf_provider *first = NULL;
	for (size_t i = 0; asked[i] && !conf->published.path; i++) {
		const struct conf_provider *provider = asked[i];
		const char *plugin = provider->instance.plugin;
		if (!plugin || (rule && !is_for(rule, provider)))
			continue;
		if (strcmp(plugin, "okta_xaa") && (strcmp(plugin, "oidc") || conf_child(provider->instance.node, "tenant_claim")))
			return NULL;
		first = first ? first : provider;
	}
	return first;
}

/* Where a pattern stands, and what one does that never has its value. */
struct use {
	struct reader *reader;
	const struct conf_provider *const *asked;
	const struct conf_grant *rule; /* NULL: a scope's */
	const char *effect;
};

static void lint_tenant(const struct use *use, const struct conf_node *node, const char *pattern)
{
	const struct conf_provider *lacking = strstr(pattern, "{tenant}") ? tenantless(use->reader->conf, use->asked, use->rule) : NULL;
	if (!lacking)
		return;
	const int claims = !strcmp(lacking->instance.plugin, "oidc");
	finding_node(use->reader->findings, "W-NO-SOURCE", node,
	             "no subject that this is for has a tenant, so that \"%.128s\" %s: write %s%s%swhat is meant in its place", pattern, use->effect,
	             claims ? "tenant_claim and tenants at the provider \"" : "", claims ? lacking->instance.id : "", claims ? "\", or " : "");
}

static void lint_tenants(const struct use *use, const struct conf_node *group, const char *key, const struct conf_strings *patterns)
{
	const struct conf_node *list = conf_child(group, key);
	for (size_t i = 0; i < patterns->count; i++)
		lint_tenant(use, list && i < list->count ? &list->children[i] : list, patterns->list[i]);
}

static void lint_scope(struct reader *reader, const struct conf_provider *const *asked, const struct conf_scope *scope)
{
	const struct use use = { reader, asked, NULL, "opens nothing" };
	lint_tenants(&use, scope->node, "tools", &scope->tools);
	lint_tenants(&use, scope->node, "prompts", &scope->prompts);
	lint_tenants(&use, scope->node, "uris", &scope->uris);
}

static void lint_values(struct reader *reader, const struct conf_provider *const *asked, const struct conf_grant *rule, int deny)
{
	const struct use use = { reader, asked, rule, deny ? "refuses whatever stands in its place" : "gives nothing" };
	lint_tenants(&use, rule->node, "tools", &rule->tools);
	lint_tenants(&use, rule->node, "prompts", &rule->prompts);
	lint_tenants(&use, rule->node, "uris", &rule->uris);
	for (size_t i = 0; rule->conditions && i < rule->conditions->arg_count; i++)
		if (rule->conditions->args[i].test == TEST_LIKE && rule->conditions->args[i].value->kind == CONF_STRING)
			lint_tenant(&use, rule->conditions->args[i].value, rule->conditions->args[i].value->string);
}

void supply_lint(struct reader *reader, const struct conf_service *service, const struct conf_provider *const *asked)
{
	for (size_t i = 0; i < service->scope_count; i++)
		lint_scope(reader, asked, &service->scopes[i]);
	for (size_t i = 0; i < service->grant_count; i++) {
		lint_rule(reader, service, asked, &service->grants[i], 0);
		lint_values(reader, asked, &service->grants[i], 0);
	}
	for (size_t i = 0; i < service->deny_count; i++) {
		lint_rule(reader, service, asked, &service->denies[i], 1);
		lint_values(reader, asked, &service->denies[i], 1);
	}
}
