/* What the token is for: resource and scopes, against those that the service has. */
#include "client.h"
#include "pipeline.h"

#include <stdio.h>
#include <string.h>

#include "resource.h"

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

/* Is the scope among those that the request asks for? A request that asks for none asks for all of the token's. */
static int asked_for(const char *asked, const char *scope)
{
	size_t length = strlen(scope);
	if (!asked || !asked[strspn(asked, " ")])
		return 1;
	for (const char *at = asked; *at;) {
		at += strspn(at, " ");
		size_t n = strcspn(at, " ");
		if (n == length && !memcmp(at, scope, n))
			return 1;
		at += n;
	}
	return 0;
}

/* Is it a scope that the client is registered for? */
static int registered(const struct pipeline *p, const char *scope)
{
	const struct conf_strings *list = p->redemption ? &p->redemption->client->conf->scopes : NULL;
	for (size_t i = 0; list && i < list->count; i++)
		if (!strcmp(list->list[i], scope))
			return 1;
	return !list || !list->count;
}

/* JAG-72: no more than the client is registered for. */
static void add_scope(struct pipeline *p, const char *scope)
{
	if (registered(p, scope))
		decision_add(p->decision, &p->decision->scopes, scope);
}

int pipeline_scopes(struct pipeline *p)
{
	const struct conf_service *service = p->service->conf;
	const struct conf_provider *provider = p->winner->provider->conf;
	const struct call_result *found = call_result(p->winner->call);
	const char *parameter = p->request->items[EMA_REQUEST_RESOURCE], *asked = p->request->items[EMA_REQUEST_SCOPE];
	char text[FAILURE_TEXT];
	if (p->kind != EMA_ID_JAG)
		return EMA_OK; /* scope_map belongs to the permissions */
	if (found->resources.count && !names_resource(&found->resources, service->resource)) {
		snprintf(text, sizeof text, "the token is for the resource \"%.150s\", the service's is \"%.150s\"", found->resources.list[0],
		         service->resource);
		return scope_fail(p, EMA_WRONG_RESOURCE, text);
	}
	if (parameter && !resource_same(parameter, service->resource)) {
		snprintf(text, sizeof text, "the request's resource parameter is \"%.150s\", the service's is \"%.150s\"", parameter, service->resource);
		return scope_fail(p, EMA_WRONG_RESOURCE, text);
	}
	for (size_t i = 0; i < found->scopes.count; i++) {
		const char *scope = found->scopes.list[i];
		if (!find_scope(service, scope)) {
			if (provider->drop_unknown_scopes)
				continue;
			snprintf(text, sizeof text,
			         "service \"%s\" has no scope \"%.100s\"; add it to scopes, or write drop_unknown_scopes = true at provider \"%s\"", service->id,
			         scope, provider->instance.id);
			return scope_fail(p, EMA_UNKNOWN_SCOPE, text);
		}
		if (asked_for(asked, scope)) {
			add_scope(p, scope);
			continue;
		}
		if (provider->scope_rule == SCOPE_STRICT) {
			snprintf(text, sizeof text, "the request asks for less than the token's scope \"%.100s\", which scope_rule = \"strict\" refuses", scope);
			return scope_fail(p, EMA_BAD_SCOPE, text);
		}
	}
	for (size_t i = 0; !found->scopes.count && i < service->default_scopes.count; i++)
		if (asked_for(asked, service->default_scopes.list[i]))
			add_scope(p, service->default_scopes.list[i]);
	/* Never all of them because none was named (RFC 6749 3.3). */
	if (service->scope_count && !p->decision->scopes.count) {
		snprintf(text, sizeof text, found->scopes.count ? "none of the token's scopes is one that the request asks for, the client may have and service \"%s\" has"
		                                               : "the token has no scope, and service \"%s\" has no default_scopes that the request asks for",
		         service->id);
		return scope_fail(p, EMA_NO_SCOPE, text);
	}
	return EMA_OK;
}
