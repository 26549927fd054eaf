/* What the token is for: resource and scopes, against those that the service has. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "client.h"
#include "describe.h"
#include "jwt.h"
#include "resource.h"
#include "standing.h"

static int names_resource(const struct call_list *list, const char *resource)
{
	for (size_t i = 0; i < list->count; i++)
		if (resource_same(list->list[i], resource))
			return 1;
	return 0;
}

static const struct conf_scope *find_scope(const struct conf_service *service, const char *name)
{
	for (size_t i = 0; i < service->scope_count; i++)
		if (!strcmp(service->scopes[i].name, name))
			return &service->scopes[i];
	return NULL;
}

static int scope_fail(struct pipeline *p, int code, const char *text)
{
	decision_step(p->decision, &(struct decision_step){ .stage = "scope", .code = code, .text = text });
	return pipeline_fail(p, code, p->service->conf->node, text);
}

static int is_in(const char *asked, const char *scope)
{
	size_t length = strlen(scope);
	for (const char *at = asked; *at;) {
		at += strspn(at, " ");
		size_t n = strcspn(at, " ");
		if (n == length && !memcmp(at, scope, n))
			return 1;
		at += n;
	}
	return 0;
}

/* Does the request ask for the scope, or for one that includes it? A request that asks for none asks for all of the token's. */
static int asked_for(const struct pipeline *p, const char *scope)
{
	const struct conf_service *service = p->service->conf;
	const char *asked = p->request->items[EMA_REQUEST_SCOPE];
	if (!asked || !asked[strspn(asked, " ")] || is_in(asked, scope))
		return 1;
	for (size_t i = 0; i < service->scope_count; i++)
		if (policy_includes(p->service->policy, service->scopes[i].name, scope) && is_in(asked, service->scopes[i].name))
			return 1;
	return 0;
}

/* Is it a scope that the client is registered for, or included in one? One that is registered for none, or NULL, may have all. */
static int registered(const struct pipeline *p, const struct conf_client *client, const char *scope)
{
	const struct conf_strings *list = client ? &client->scopes : NULL;
	for (size_t i = 0; list && i < list->count; i++)
		if (policy_includes(p->service->policy, list->list[i], scope))
			return 1;
	return !list || !list->count;
}

static int has(const struct decision_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->list[i], text))
			return 1;
	return 0;
}

/* Of those from there on, which stand for broader ones, none that one of those from `among` on includes: a token has room for so many. */
static void drop_included(struct pipeline *p, size_t from, size_t among)
{
	struct decision_list *scopes = &p->decision->scopes;
	size_t kept = from;
	for (size_t i = from; i < scopes->count; i++) {
		int included = 0;
		for (size_t k = among; k < scopes->count && !included; k++)
			included = (k < kept || k > i) && policy_includes(p->service->policy, scopes->list[k], scopes->list[i]);
		if (!included)
			scopes->list[kept++] = scopes->list[i];
	}
	scopes->count = kept;
}

void scopes_instead(struct pipeline *p, const char *scope, int (*may)(const struct pipeline *p, const struct conf_scope *narrower))
{
	const struct conf_service *service = p->service->conf;
	const size_t before = p->decision->scopes.count;
	for (size_t i = 0; i < service->scope_count; i++) {
		const struct conf_scope *narrower = &service->scopes[i];
		if (strcmp(narrower->name, scope) && policy_includes(p->service->policy, scope, narrower->name) && !has(&p->decision->scopes, narrower->name) &&
		    (!may || may(p, narrower)))
			decision_add(p->decision, &p->decision->scopes, narrower->name);
	}
	if (may)
		drop_included(p, before, before);
}

static const struct conf_client *client_of(const struct pipeline *p)
{
	return p->redemption ? p->redemption->client->conf : NULL;
}

static int may_have(const struct pipeline *p, const struct conf_scope *scope)
{
	return asked_for(p, scope->name) && registered(p, client_of(p), scope->name);
}

/* JAG-72: no more than the client is registered for; of what the scope includes, if it is more. */
static void add_scope(struct pipeline *p, const char *scope)
{
	if (!asked_for(p, scope) || !registered(p, client_of(p), scope))
		scopes_instead(p, scope, may_have);
	else if (!has(&p->decision->scopes, scope))
		decision_add(p->decision, &p->decision->scopes, scope);
}

static const char *client_id(const struct pipeline *p)
{
	const struct call_result *found = p->winner->call ? call_result(p->winner->call) : NULL;
	return found ? found->client_id : p->own.claims.client_id;
}

static int still_registered(const struct pipeline *p, const struct conf_scope *scope)
{
	return registered(p, pipeline_client(p), scope->name);
}

/* A token of ours has what its client may have today. */
void pipeline_hold_scope(struct pipeline *p, const struct conf_client *client, const char *scope)
{
	if (registered(p, client, scope))
		decision_add(p->decision, &p->decision->scopes, scope);
	else
		scopes_instead(p, scope, still_registered);
}

const struct conf_client *pipeline_client(const struct pipeline *p)
{
	const struct conf *conf = p->snapshot->conf;
	const char *id = client_id(p);
	const struct conf_client *entry = id ? snapshot_client(p->snapshot, id) : NULL;
	return entry || !id ? entry : conf->documents.node && strstr(id, "://") ? &conf->documents.client : NULL;
}

struct policy_who pipeline_who(const struct pipeline *p)
{
	const struct candidate *winner = p->winner;
	const struct call_result *found = winner->call ? call_result(winner->call) : NULL;
	const struct access_claims *own = &p->own.claims;
	static const char *const none[] = { NULL };
	const struct conf_client *client = p->audience ? NULL : pipeline_client(p);
	const char *const *may = client && client->scopes.count ? client->scopes.list : NULL;
	size_t may_count = may ? client->scopes.count : 0;
	/* What a provider's own token may have is what the audience makes of it. */
	if (p->audience && !p->audience->scope_any)
		may = p->mapped.count ? p->mapped.list : none, may_count = p->mapped.count;
	int64_t login = found ? found->auth_time : own->auth_time;
	return (struct policy_who){
		.provider = winner->subject.provider,
		.tenant = winner->subject.tenant,
		.sub = winner->subject.sub,
		.client = client_id(p),
		.email = winner->email,
		.acr = found ? found->acr : own->acr,
		.amr = found ? (const char *const *)found->amr.list : own->amr,
		.amr_count = found ? found->amr.count : own->amr_count,
		.auth_time = login == JWT_ABSENT ? 0 : login,
		.groups = p->principal.groups,
		.group_count = p->principal.group_count,
		.roles = p->principal.roles,
		.role_count = p->principal.role_count,
		.scopes = p->decision->scopes.list,
		.scope_count = p->decision->scopes.count,
		.registered = may,
		.registered_count = may_count,
	};
}

struct policy_principal *pipeline_prepare(const struct pipeline *p)
{
	struct policy_who who = pipeline_who(p);
	return policy_prepare(p->service->policy, &who, &p->decision->memory);
}

char *pipeline_acr_values(const struct conf_conditions *login)
{
	struct buffer acr = BUFFER_INIT(4096);
	for (size_t i = 0; login && i < login->acr.count; i++)
		buffer_printf(&acr, "%s%s", i ? " " : "", login->acr.list[i]);
	char *taken = acr.length && !acr.failed ? buffer_take(&acr) : NULL;
	buffer_free(&acr);
	return taken;
}

/* RFC 9470 3: what the client has to ask the provider for. */
static void want_login(struct ema_decision *d, const struct conf_conditions *login)
{
	char *acr = pipeline_acr_values(login);
	d->acr_values = decision_copy(d, acr);
	d->max_age = login ? login->max_age : 0;
	free(acr);
}

int pipeline_grants(struct pipeline *p)
{
	struct decision_list *scopes = &p->decision->scopes;
	struct policy_principal *principal;
	size_t kept = 0, kept_brought = 0, brought = scopes->count;
	int first = EMA_OK;
	/* A service without scopes has no permissions, and its tokens carry none. */
	if (!p->service->conf->scope_count)
		return EMA_OK;
	principal = pipeline_prepare(p);
	if (!principal)
		return failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	for (size_t i = 0; i < scopes->count; i++) {
		struct policy_result result;
		char place[300], text[FAILURE_TEXT];
		struct buffer why = BUFFER_INIT(DESCRIBE_MOST);
		int code = policy_scope(p->service->policy, principal, scopes->list[i], p->now, &result);
		if (!code && result.enforced)
			describe_shadow(p->service->conf, &result, &why);
		else if (code)
			describe_refusal(&result, &why);
		pipeline_place(result.rule, place, sizeof place);
		snprintf(text, sizeof text, "scope %.100s%s%.300s", scopes->list[i], *result.text ? ": " : "", why.length ? why.data : result.text);
		buffer_free(&why);
		decision_step(p->decision, &(struct decision_step){ .rule = place, .stage = "permission", .name = "", .code = code, .text = text });
		if (!code) {
			scopes->list[kept++] = scopes->list[i];
			kept_brought += i < brought;
			continue;
		}
		/* What a login cures is said rather than what nothing does. */
		if (!first || (code == EMA_WEAK_AUTHENTICATION && first != code)) {
			failure_clear(&p->failure);
			first = pipeline_fail(p, code, result.rule ? result.rule : p->service->conf->node, text);
			if (code == EMA_WEAK_AUTHENTICATION)
				want_login(p->decision, result.login);
		}
		/* Of a scope that is not granted perhaps what it includes. */
		if (i < brought)
			scopes_instead(p, scopes->list[i], NULL);
	}
	scopes->count = kept;
	drop_included(p, kept_brought, 0);
	/* Some are enough; the trace says which are not there, and why. */
	if (kept)
		failure_clear(&p->failure);
	return kept ? EMA_OK : first ? first : EMA_NO_SCOPE;
}

/* One line of scope_map. */
static void map_scope(struct pipeline *p, const struct conf_node *to, struct decision_list *out)
{
	const char *scope;
	for (size_t i = 0; (scope = conf_text_at(to, i)); i++)
		if (!has(out, scope))
			decision_add(p->decision, out, scope);
}

const char *pipeline_map_back(const struct pipeline *p, const char *scope)
{
	const struct conf_node *map = p->audience && !p->audience->scope_any ? p->audience->scope_map : NULL;
	const char *broader = NULL;
	for (size_t i = 0; map && map->kind != CONF_STRING && i < map->count; i++) {
		const struct conf_node *from = conf_child(&map->children[i], "from"), *to = conf_child(&map->children[i], "to");
		const char *mapped;
		for (size_t k = 0; from && from->kind == CONF_STRING && (mapped = conf_text_at(to, k)); k++) {
			/* What gives it and nothing else is best. */
			if (!k && !conf_text_at(to, 1) && !strcmp(mapped, scope))
				return from->string;
			if (!broader && policy_includes(p->service->policy, mapped, scope))
				broader = from->string;
		}
	}
	return broader;
}

void pipeline_audience(struct pipeline *p)
{
	p->audience = conf_audience_of(p->service->conf, p->winner->subject.provider);
	const struct conf_node *map = p->audience && !p->audience->scope_any ? p->audience->scope_map : NULL;
	for (size_t i = 0; map && map->kind != CONF_STRING && i < map->count; i++)
		map_scope(p, conf_child(&map->children[i], "to"), &p->mapped);
}

int pipeline_scope_map(struct pipeline *p, const char *const *brought, size_t count)
{
	const struct conf_service *service = p->service->conf;
	pipeline_audience(p);
	const struct conf_audience *audience = p->audience;
	if (!audience)
		return scope_fail(p, EMA_NOT_MINE, "the service has no audience entry for the provider of the token");
	/* Written out in ema.conf: the grants alone limit. */
	for (size_t i = 0; audience->scope_any && i < service->scope_count; i++)
		decision_add(p->decision, &p->decision->scopes, service->scopes[i].name);
	const struct conf_node *map = audience->scope_any ? NULL : audience->scope_map;
	for (size_t i = 0; map && map->kind != CONF_STRING && i < map->count; i++) {
		const struct conf_node *from = conf_child(&map->children[i], "from");
		for (size_t k = 0; from && from->kind == CONF_STRING && k < count; k++)
			if (!strcmp(brought[k], from->string))
				map_scope(p, conf_child(&map->children[i], "to"), &p->decision->scopes);
	}
	return EMA_OK;
}

int pipeline_audience_still(struct pipeline *p, const struct kept *kept)
{
	const struct conf_provider *provider = p->winner->provider->conf;
	const struct conf_audience *audience = conf_audience_of(p->service->conf, provider->instance.id);
	const char *client = client_id(p);
	const struct jwt_times times = { .now = p->now, .skew = provider->skew, .expires = p->own.claims.expires, .issued = p->own.claims.issued,
		                         .not_before = JWT_ABSENT };
	size_t fitting = 0, brought = 0;
	int code = jwt_check_times(&times, &p->failure);
	if (code)
		return code;
	if (!(p->winner->provider->accepts & EMA_ACCESS_TOKEN))
		return scope_fail(p, EMA_NOT_MINE, "the provider does not accept access tokens of its own any more (see accepts)");
	for (size_t i = 0; audience && kept->audiences[i]; i++)
		fitting += (size_t)conf_has_string(&audience->is, kept->audiences[i]);
	if (audience && !fitting)
		return scope_fail(p, EMA_WRONG_AUDIENCE, "the token's audience is none of the service's for this provider any more");
	if (!conf_takes(&provider->clients, client) || (audience && !conf_takes(&audience->clients, client)))
		return scope_fail(p, EMA_WRONG_CLIENT, "the token's client is none of the provider's, or of the service's for it, any more");
	if (p->winner->actor ? !conf_takes(&provider->actors, p->winner->actor) : provider->actor_required)
		return scope_fail(p, EMA_ACTOR_REFUSED, "the token's actor is none of the provider's any more, or it has none and must");
	while (kept->brought[brought])
		brought++;
	/* What they were mapped to then. */
	p->decision->scopes.count = 0;
	code = pipeline_scope_map(p, kept->brought, brought);
	return code || !p->read_only ? code : pipeline_read_only(p);
}

/* Is it the resource of a service that has this one's issuer? */
static int is_ours(const struct pipeline *p, const char *resource)
{
	const char *issuer = p->redemption ? p->redemption->issuer : p->service->conf->issuer;
	for (size_t i = 0; i < p->snapshot->conf->service_count; i++) {
		const struct conf_service *service = &p->snapshot->conf->services[i];
		if (target_serves(service, issuer, p->now) && resource_same(service->resource, resource))
			return 1;
	}
	return 0;
}

int pipeline_scopes(struct pipeline *p)
{
	const struct conf_service *service = p->service->conf;
	const struct conf_provider *provider = p->winner->provider->conf;
	const struct call_result *found = call_result(p->winner->call);
	const char *parameter = p->request->items[EMA_REQUEST_RESOURCE];
	unsigned char looked_at[POLICY_SCOPES_MOST] = { 0 };
	char text[FAILURE_TEXT];
	if (p->kind != EMA_ID_JAG)
		return EMA_OK; /* see pipeline_scope_map() */
	if (found->resources.count && !names_resource(&found->resources, service->resource)) {
		snprintf(text, sizeof text, "the token is for the resource \"%.150s\", the service's is \"%.150s\"",
		         decision_uri(p->decision, found->resources.list[0]), service->resource);
		return scope_fail(p, EMA_WRONG_RESOURCE, text);
	}
	/* JAG-61: each of them is ours, or the assertion as a whole is for somebody else. */
	for (size_t i = 0; i < found->resources.count; i++)
		if (!is_ours(p, found->resources.list[i])) {
			snprintf(text, sizeof text, "the token is also for the resource \"%.150s\", which no service with the issuer \"%.120s\" has",
			         decision_uri(p->decision, found->resources.list[i]), service->issuer);
			return scope_fail(p, EMA_WRONG_RESOURCE, text);
		}
	if (parameter && !resource_same(parameter, service->resource)) {
		snprintf(text, sizeof text, "the request's resource parameter is \"%.150s\", the service's is \"%.150s\"",
		         decision_uri(p->decision, parameter), service->resource);
		return scope_fail(p, EMA_WRONG_RESOURCE, text);
	}
	for (size_t i = 0; i < found->scopes.count; i++) {
		const char *scope = found->scopes.list[i];
		const struct conf_scope *known = find_scope(service, scope);
		if (!known) {
			if (provider->drop_unknown_scopes)
				continue;
			snprintf(text, sizeof text,
			         "service \"%s\" has no scope \"%.100s\"; add it to scopes, or write drop_unknown_scopes = true at provider \"%s\"", service->id,
			         scope, provider->instance.id);
			return scope_fail(p, EMA_UNKNOWN_SCOPE, text);
		}
		/* What each costs is bounded by ema.conf, not by how often a token repeats it. */
		if (looked_at[known - service->scopes])
			continue;
		looked_at[known - service->scopes] = 1;
		if (!asked_for(p, scope) && provider->scope_rule == SCOPE_STRICT) {
			snprintf(text, sizeof text, "the request asks for less than the token's scope \"%.100s\", which scope_rule = \"strict\" refuses", scope);
			return scope_fail(p, EMA_NARROW_SCOPE, text);
		}
		add_scope(p, scope);
	}
	for (size_t i = 0; !found->scopes.count && i < service->default_scopes.count; i++)
		add_scope(p, service->default_scopes.list[i]);
	/* Never all of them because none was named (RFC 6749 3.3). */
	if (service->scope_count && !p->decision->scopes.count) {
		snprintf(text, sizeof text, found->scopes.count ? "none of the token's scopes is one that the request asks for, the client may have and service \"%s\" has"
		                                               : "the token has no scope, and service \"%s\" has no default_scopes that the request asks for: let the provider "
		                                                 "put a scope into the token, or write default_scopes = [ ... ]",
		         service->id);
		return scope_fail(p, EMA_NO_SCOPE, text);
	}
	return EMA_OK;
}
