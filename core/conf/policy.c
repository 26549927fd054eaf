/* Scopes, grants and denies of a service: read strictly, linted, evaluated elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "schema.h"

#define POLICY_SHADOW_DAYS 30
#define POLICY_LINES_MOST 120 /* characters of a list of lines */

/* "08:30" in minutes, up to "24:00". */
static int minutes_read(const char *text, int *out)
{
	if (strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789:") != 5)
		return -1;
	int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
	if (text[0] == ':' || text[1] == ':' || text[3] == ':' || text[4] == ':' || minute > 59 || hour * 60 + minute > 1440)
		return -1;
	*out = hour * 60 + minute;
	return 0;
}

struct conf_window *policy_windows(struct reader *reader, const struct conf_node *node, size_t *out)
{
	size_t count = value_groups(reader, node);
	struct conf_window *windows = count ? arena_get(reader->arena, count, sizeof *windows) : NULL;
	for (size_t i = 0; windows && i < count; i++) {
		const struct conf_node *group = &node->children[i];
		const struct conf_node *from = conf_child(group, "from"), *until = conf_child(group, "until"), *zone = conf_child(group, "zone");
		struct conf_window *window = &windows[i];
		section_read(reader, &section_window, group, window, 1);
		/* Bit 0 is unused: Monday is 1. */
		window->from = 0;
		window->until = 1440;
		if (from && (!value_is(reader, from, CONF_STRING) || minutes_read(from->string, &window->from)))
			finding_node(reader->findings, "E-VALUE", from, "from: a time of day is wanted, \"08:00\"");
		if (until && (!value_is(reader, until, CONF_STRING) || minutes_read(until->string, &window->until)))
			finding_node(reader->findings, "E-VALUE", until, "until: a time of day is wanted, \"18:00\" (the day ends at \"24:00\")");
		if (window->from == window->until)
			finding_node(reader->findings, "E-VALUE", group, "the window is empty: it begins when it ends");
		if (zone && value_is(reader, zone, CONF_STRING) && strcmp(zone->string, "UTC")) {
			int sign = zone->string[0] == '+' ? 1 : zone->string[0] == '-' ? -1 : 0, minutes = 0;
			if (!sign || minutes_read(zone->string + 1, &minutes) || minutes > 14 * 60)
				finding_node(reader->findings, "E-VALUE", zone, "zone: \"UTC\" or a fixed offset is wanted, \"+01:00\"");
			window->offset = sign * minutes;
		}
	}
	*out = windows ? count : 0;
	return windows;
}

static void argument_read(struct reader *reader, const struct conf_node *node, struct conf_argument *out)
{
	/* In the order of enum conf_test. */
	static const char *const tests[] = { "equals", "like", "in", "less", "greater", "", "absent" };
	size_t count = 0;
	section_read(reader, &section_argument, node, out, 0);
	out->node = node;
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		const struct conf_node *test = conf_child(node, tests[i]);
		if (!test)
			continue;
		out->test = count ? TEST_RANGE : (enum conf_test)i;
		out->value = test;
		count++;
	}
	/* A range is two of them; all else is one. */
	if (count != 1 && !(count == 2 && conf_child(node, "less") && conf_child(node, "greater")))
		finding_node(reader->findings, "E-VALUE", node,
			     "a condition has one of equals, like, in, less, greater and absent (or less and greater); this has %zu", count);
	if (out->test == TEST_RANGE && count == 2 && (out->greater >= out->less || out->greater + 1 == out->less))
		finding_node(reader->findings, "E-VALUE", node, "no whole number is above %lld and below %lld", (long long)out->greater, (long long)out->less);
	const struct conf_node *equals = conf_child(node, "equals"), *in = conf_child(node, "in"), *absent = conf_child(node, "absent");
	if (equals && equals->kind != CONF_STRING && equals->kind != CONF_INT && equals->kind != CONF_BOOL)
		finding_node(reader->findings, "E-TYPE", equals, "equals: a string, a number, true or false is wanted here, not %s", conf_kind_name(equals->kind));
	if (in && (in->kind != CONF_ARRAY || !in->count || (in->children[0].kind != CONF_STRING && in->children[0].kind != CONF_INT)))
		finding_node(reader->findings, "E-TYPE", in, "in: an array of strings or numbers is wanted here: write in = [\"a\", \"b\"];");
	if (absent && absent->kind == CONF_BOOL && !absent->integer)
		finding_node(reader->findings, "E-VALUE", absent, "absent = false says nothing: write like = \"**\" if it must be there");
}

static struct conf_conditions *grant_when_read(struct reader *reader, const struct conf_node *node, const char *what)
{
	struct conf_conditions *out = node->kind == CONF_GROUP ? arena_get(reader->arena, 1, sizeof *out) : NULL;
	if (!out)
		return NULL;
	section_read(reader, &section_grant_when, node, out, 0);
	if (!node->count)
		finding_node(reader->findings, "E-VALUE", node, "when is empty: say when, or take it away");
	out->time.windows = policy_windows(reader, conf_child(node, "time"), &out->time.window_count);
	if (out->time.not_before && out->time.not_after && out->time.not_before >= out->time.not_after)
		finding_node(reader->findings, "E-VALUE", node, "not_before is not before not_after: this would never count");
	else if (out->time.not_after && out->time.not_after <= clock_wall(&clock_system) / 1000)
		finding_node(reader->findings, "W-EXPIRED", conf_child(node, "not_after"), "not_after has passed, and this counts no more: take the %s away", what);
	const struct conf_node *args = conf_child(node, "args");
	size_t count = value_groups(reader, args);
	out->args = count ? arena_get(reader->arena, count, sizeof *out->args) : NULL;
	out->arg_count = out->args ? count : 0;
	for (size_t i = 0; i < out->arg_count; i++)
		argument_read(reader, &args->children[i], &out->args[i]);
	return out;
}

static const char **scope_names(struct reader *reader, const struct conf_service *service)
{
	const char **names = arena_get(reader->arena, service->scope_count + 1, sizeof *names);
	for (size_t i = 0, used = 0; names && i < service->scope_count; i++)
		if (service->scopes[i].name)
			names[used++] = service->scopes[i].name;
	return names;
}

static void scopes_check(struct reader *reader, const struct conf_service *service, const struct conf_node *node, const struct conf_strings *scopes)
{
	const char **names = scope_names(reader, service);
	char hint[128], shown[96];
	for (size_t i = 0; names && i < scopes->count; i++) {
		size_t j = 0;
		while (names[j] && strcmp(names[j], scopes->list[i]))
			j++;
		if (names[j])
			continue;
		value_hint(scopes->list[i], names, hint);
		finding_node(reader->findings, "E-UNKNOWN", node, "the service has no scope \"%s\"%s%s", value_show(scopes->list[i], shown),
			     hint, hint[0] ? "" : ": its scopes stand in scopes = ( ... )");
	}
}

static const struct conf_node *child_or(const struct conf_node *node, const char *name)
{
	const struct conf_node *child = conf_child(node, name);
	return child ? child : node;
}

static void provider_check(struct reader *reader, const struct conf_service *service, const struct conf_node *node, const char *provider)
{
	const struct conf *conf = reader->conf;
	char hint[256], shown[96];
	size_t used = 0;
	/* One that the service asks is there: it was looked for where that was read. */
	if (conf_has_provider(conf, service, provider))
		return;
	for (size_t i = 0; i < conf->provider_count; i++)
		if (conf->providers[i].instance.id && !strcmp(conf->providers[i].instance.id, provider)) {
			finding_node(reader->findings, "W-UNUSED", node, "no identity rule of the service asks provider \"%s\": this has no effect",
				     value_show(provider, shown));
			return;
		}
	const char **names = arena_get(reader->arena, conf->provider_count + 1, sizeof *names);
	for (size_t i = 0; names && i < conf->provider_count; i++)
		if (conf->providers[i].instance.id)
			names[used++] = conf->providers[i].instance.id;
	if (names)
		finding_node(reader->findings, "E-UNKNOWN", node, "there is no provider \"%s\"%s", value_show(provider, shown),
			     value_offer(provider, names, "providers", hint));
}

static void from_check(struct reader *reader, const struct conf_service *service, const struct conf_grant *grant)
{
	const char **names = arena_get(reader->arena, service->directory_count + 2, sizeof *names);
	char hint[128], shown[96];
	size_t used = 0, speak = 0;
	if (!names)
		return;
	names[used++] = "claims";
	for (size_t i = 0; i < service->directory_count; i++) {
		const struct conf_service_directory *directory = &service->directories[i];
		if (directory->id)
			names[used++] = directory->id;
		for (size_t j = 0; grant->provider && j < directory->providers.count; j++)
			speak += !strcmp(grant->provider, "*") || !strcmp(directory->providers.list[j], grant->provider);
	}
	for (size_t i = 0; i < grant->from.count; i++) {
		size_t j = 0;
		while (names[j] && strcmp(names[j], grant->from.list[i]))
			j++;
		if (!names[j])
			finding_node(reader->findings, "E-UNKNOWN", child_or(grant->node, "from"), "from: \"%s\" is neither \"claims\" nor a directory of the service%s",
				     value_show(grant->from.list[i], shown), value_hint(grant->from.list[i], names, hint));
	}
	if (grant->from.count && !grant->groups.count && !grant->roles.count)
		finding_node(reader->findings, "E-VALUE", child_or(grant->node, "from"), "from says whose group or role is meant, and this names none: "
			     "write group = \"...\" or role = \"...\", or take from away");
	if (speak > 1 && !grant->from.count && (grant->groups.count || grant->roles.count))
		finding_node(reader->findings, "E-MISSING", grant->node, "%zu directories speak for these subjects: write from = \"...\" to say whose group or role is meant", speak);
}

static struct conf_grant *grants_read(struct reader *reader, const struct conf_node *node, const struct conf_service *service, int deny, size_t *out)
{
	size_t count = value_groups(reader, node);
	struct conf_grant *grants = count ? arena_get(reader->arena, count, sizeof *grants) : NULL;
	for (size_t i = 0; grants && i < count; i++) {
		struct conf_grant *grant = &grants[i];
		grant->node = &node->children[i];
		section_read(reader, deny ? &section_deny : &section_grant, grant->node, grant, 1);
		if (grant->when)
			grant->conditions = grant_when_read(reader, grant->when, deny ? "deny" : "grant");
		if (deny && grant->node->count == (conf_child(grant->node, "mode") ? 1u : 0u))
			finding_node(reader->findings, "E-MISSING", grant->node, "a deny that says nothing would refuse all: write tools = \"*\" if that is meant");
		if (grant->provider && strcmp(grant->provider, "*"))
			provider_check(reader, service, child_or(grant->node, "provider"), grant->provider);
		scopes_check(reader, service, child_or(grant->node, "scopes"), &grant->scopes);
		clients_check(reader, "E-UNKNOWN", service, child_or(grant->node, "client"), &grant->clients);
		from_check(reader, service, grant);
		if (!deny && grant->provider && !strcmp(grant->provider, "*") && (grant->groups.count || grant->roles.count))
			finding_node(reader->findings, "W-ANY-PROVIDER", grant->node,
				     "a %s of any provider: whoever runs one of them decides who has it. Name the provider", grant->groups.count ? "group" : "role");
	}
	*out = grants ? count : 0;
	return grants;
}

/* Words that clients and servers take for something else (MCP-06): the name is in the challenge and in the metadata, as it stands. */
static void scope_name_check(struct reader *reader, const struct conf_scope *scope)
{
	const char *why = !scope->name ? NULL :
	                  !strcmp(scope->name, "*") ? "looks like all scopes, and is one: name what it opens, such as \"repo:read\"" :
	                  !strcmp(scope->name, "offline_access") ? "is how a client asks for refresh tokens, of which there are none (OpenID Connect Core 11), and "
	                                                           "metadata of a resource does not list it: take another name" : NULL;
	if (why)
		finding_node(reader->findings, "E-VALUE", child_or(scope->node, "name"), "name: \"%s\" %s", scope->name, why);
}

static void scopes_read(struct reader *reader, const struct conf_node *node, struct conf_service *service)
{
	size_t count = value_groups(reader, node);
	service->scopes = count ? arena_get(reader->arena, count, sizeof *service->scopes) : NULL;
	for (size_t i = 0; service->scopes && i < count; i++) {
		struct conf_scope *scope = &service->scopes[i];
		scope->node = &node->children[i];
		section_read(reader, &section_scope, scope->node, scope, 1);
		scope_name_check(reader, scope);
		service->scope_count = i + 1;
		for (size_t j = 0; j < i && scope->name; j++)
			if (service->scopes[j].name && !strcmp(service->scopes[j].name, scope->name))
				finding_node(reader->findings, "E-DUPLICATE", scope->node, "the scope \"%.64s\" stands at line %d already", scope->name, service->scopes[j].node->line);
		if (!scope->tools.count && !scope->prompts.count && !scope->uris.count && !scope->includes.count)
			finding_node(reader->findings, "E-MISSING", scope->node, "the scope opens nothing: write tools, prompts, uris or includes");
	}
	for (size_t i = 0; i < service->scope_count; i++)
		scopes_check(reader, service, child_or(service->scopes[i].node, "includes"), &service->scopes[i].includes);
}

static void audiences_read(struct reader *reader, const struct conf_node *node, struct conf_service *service)
{
	size_t count = value_groups(reader, node);
	service->audiences = count ? arena_get(reader->arena, count, sizeof *service->audiences) : NULL;
	for (size_t i = 0; service->audiences && i < count; i++) {
		struct conf_audience *audience = &service->audiences[i];
		audience->node = &node->children[i];
		section_read(reader, &section_audience, audience->node, audience, 1);
		service->audience_count = i + 1;
		for (size_t j = 0; j < i && audience->provider; j++)
			if (service->audiences[j].provider && !strcmp(service->audiences[j].provider, audience->provider)) {
				finding_node(reader->findings, "E-DUPLICATE", audience->node, "the access tokens of provider \"%.64s\" have an entry at line %d already, "
					     "and this one would have no effect: write all audiences and clients there", audience->provider, service->audiences[j].node->line);
				break;
			}
		if (audience->provider)
			provider_check(reader, service, child_or(audience->node, "provider"), audience->provider);
		const struct conf_node *map = audience->scope_map;
		if (map && map->kind == CONF_STRING) {
			audience->scope_any = !strcmp(map->string, "any");
			if (!audience->scope_any)
				finding_node(reader->findings, "E-VALUE", map, "scope_map: \"any\" is wanted, or a list ( { from = \"...\"; to = [\"...\"]; } )");
			continue;
		}
		for (size_t j = 0, rows = value_groups(reader, map); j < rows; j++) {
			const struct conf_node *to = conf_child(&map->children[j], "to");
			section_read(reader, &section_scope_map, &map->children[j], NULL, 0);
			for (size_t k = 0; to && k < (to->kind == CONF_STRING ? 1 : to->count); k++) {
				const struct conf_node *scope = to->kind == CONF_STRING ? to : &to->children[k];
				struct conf_strings one = { &scope->string, scope->kind == CONF_STRING ? 1 : 0 };
				scopes_check(reader, service, scope, &one);
			}
		}
	}
}

static void directories_read(struct reader *reader, const struct conf_node *node, struct conf_service *service)
{
	const struct conf *conf = reader->conf;
	size_t count = value_groups(reader, node);
	const char **names = arena_get(reader->arena, conf->directory_count + 1, sizeof *names);
	service->directories = count ? arena_get(reader->arena, count, sizeof *service->directories) : NULL;
	for (size_t i = 0, used = 0; names && i < conf->directory_count; i++)
		if (conf->directories[i].instance.id)
			names[used++] = conf->directories[i].instance.id;
	for (size_t i = 0; names && service->directories && i < count; i++) {
		struct conf_service_directory *directory = &service->directories[i];
		char hint[256], shown[96];
		size_t j = 0;
		directory->node = &node->children[i];
		section_read(reader, &section_service_directory, directory->node, directory, 1);
		service->directory_count = i + 1;
		while (directory->id && names[j] && strcmp(names[j], directory->id))
			j++;
		if (directory->id && !names[j])
			finding_node(reader->findings, "E-UNKNOWN", child_or(directory->node, "id"), "there is no directory \"%s\"%s", value_show(directory->id, shown),
				     value_offer(directory->id, names, "directories", hint));
		for (j = 0; j < directory->providers.count; j++)
			provider_check(reader, service, child_or(directory->node, "for"), directory->providers.list[j]);
		for (j = 0; j < i && directory->id; j++)
			if (service->directories[j].id && !strcmp(service->directories[j].id, directory->id))
				finding_node(reader->findings, "E-DUPLICATE", directory->node, "the directory \"%.64s\" stands at line %d already", directory->id, service->directories[j].node->line);
	}
}

static void permissions_read(struct reader *reader, const struct conf_node *node, struct conf_service *service)
{
	const struct conf_node *mode = conf_child(node, "mode"), *until = conf_child(node, "until");
	int64_t end = 0, now = clock_wall(&clock_system) / 1000;
	section_read(reader, &section_permissions, node, NULL, 0);
	if (!mode || mode->kind != CONF_STRING || strcmp(mode->string, "shadow"))
		return;
	if (!until)
		finding_node(reader->findings, "E-MISSING", node, "shadow mode wants its end: write until = \"YYYY-MM-DD\", at most %d days ahead", POLICY_SHADOW_DAYS);
	if (!until || until->kind != CONF_STRING || value_date(until->string, &end))
		return;
	if (end > now + POLICY_SHADOW_DAYS * 86400)
		finding_node(reader->findings, "E-VALUE", until, "until: shadow mode lasts at most %d days from now", POLICY_SHADOW_DAYS);
	else if (end <= now)
		finding_node(reader->findings, "W-SHADOW", node, "shadow mode has ended: permissions are enforced; take the key away");
	else
		finding_node(reader->findings, "W-SHADOW", node, "until %s whatever no grant gives is allowed too, and written to audit", until->string);
	service->shadow_until = end;
}

size_t conf_shadow_count(const struct conf_grant *rules, size_t count)
{
	size_t shadows = 0;
	for (size_t i = 0; i < count; i++)
		shadows += rules[i].shadow != 0;
	return shadows;
}

static void lines_put(struct buffer *out, const struct conf_grant *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i].shadow && out->length < POLICY_LINES_MOST)
			buffer_printf(out, "%s%d", out->length ? ", " : "", rules[i].node->line);
		else if (rules[i].shadow && out->data[out->length - 1] != '.')
			buffer_text(out, ", ...");
}

/* What is only tried must not be forgotten. */
static void shadows_note(struct reader *reader, const struct conf_service *service)
{
	size_t grants = conf_shadow_count(service->grants, service->grant_count), denies = conf_shadow_count(service->denies, service->deny_count);
	struct buffer what = BUFFER_INIT(100), lines = BUFFER_INIT(POLICY_LINES_MOST * 2);
	if (!grants && !denies)
		return;
	if (grants)
		buffer_printf(&what, "%zu grant%s%s", grants, grants == 1 ? "" : "s", denies ? " and " : "");
	if (denies)
		buffer_printf(&what, "%zu den%s", denies, denies == 1 ? "y" : "ies");
	lines_put(&lines, service->grants, service->grant_count);
	lines_put(&lines, service->denies, service->deny_count);
	finding_node(reader->findings, "N-SHADOW", service->node, "service \"%.64s\" has %s in shadow mode, without effect (line%s %s)", service->id ? service->id : "",
		     what.data ? what.data : "rules", grants + denies == 1 ? "" : "s", lines.data ? lines.data : "?");
	buffer_free(&what);
	buffer_free(&lines);
}

void policy_read(struct reader *reader, const struct conf_node *node, struct conf_service *service)
{
	scopes_read(reader, conf_child(node, "scopes"), service);
	directories_read(reader, conf_child(node, "directory"), service);
	audiences_read(reader, conf_child(node, "audience"), service);
	service->grants = grants_read(reader, conf_child(node, "grants"), service, 0, &service->grant_count);
	service->denies = grants_read(reader, conf_child(node, "denies"), service, 1, &service->deny_count);
	scopes_check(reader, service, child_or(node, "default_scopes"), &service->default_scopes);
	if (service->permissions && service->permissions->kind == CONF_GROUP)
		permissions_read(reader, service->permissions, service);
	shadows_note(reader, service);
}

void policy_lint(struct reader *reader, const struct conf_service *service)
{
	for (size_t i = 0; i < service->scope_count; i++) {
		const struct conf_scope *scope = &service->scopes[i];
		int granted = 0;
		for (size_t j = 0; j < service->grant_count; j++)
			for (size_t k = 0; scope->name && k < service->grants[j].scopes.count; k++)
				granted |= !strcmp(service->grants[j].scopes.list[k], scope->name);
		/* It comes with the broader one, of which the same is asked. */
		for (size_t j = 0; j < service->scope_count; j++)
			for (size_t k = 0; scope->name && j != i && k < service->scopes[j].includes.count; k++)
				granted |= !strcmp(service->scopes[j].includes.list[k], scope->name);
		if (!granted && scope->name)
			finding_node(reader->findings, "W-UNGRANTED-SCOPE", scope->node, "no grant gives the scope \"%.64s\": nobody can have it", scope->name);
	}
}
