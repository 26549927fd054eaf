/* Which service an assertion at the token endpoint is for: the issuer that was asked, the resources that the assertion names,
   and the resource parameters of the request (JAG-60 to 65). */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "pipeline.h"
#include "resolve.h"
#include "resource.h"

#define RESOURCES_MOST 32

/* Has the service this issuer, or had it until a date that is yet to come? */
int target_serves(const struct conf_service *service, const char *issuer, int64_t now)
{
	if (!strcmp(service->issuer, issuer))
		return 1;
	for (size_t i = 0; i < service->former_issuers.count; i++)
		if (now < service->former_until[i] && !strcmp(service->former_issuers.list[i], issuer))
			return 1;
	return 0;
}

/* The service of this issuer with that resource; NULL: none. */
static const struct service *by_resource(const struct pipeline *p, const char *resource)
{
	for (size_t i = 0; i < p->snapshot->conf->service_count; i++) {
		const struct service *service = &p->snapshot->services[i];
		if (target_serves(service->conf, p->redemption->issuer, p->now) && resource_same(service->conf->resource, resource))
			return service;
	}
	return NULL;
}

static int refuse(struct pipeline *p, int code, const char *text)
{
	decision_step(p->decision, &(struct decision_step){ .stage = "target", .code = code, .text = text });
	return failure_set(&p->failure, code, "%s", text);
}

/* The resources that the assertion names; they are believed once its signature is verified, and looked at again then. */
static int claimed(struct pipeline *p, const char *list[RESOURCES_MOST], size_t *count)
{
	const struct json_node *node = json_at(&p->route, "/resource");
	*count = 0;
	if (!node)
		return EMA_OK;
	if (json_is(node, JSON_STRING)) {
		list[(*count)++] = json_string(node);
		return EMA_OK;
	}
	if (!json_is(node, JSON_ARRAY) || !node->count || node->count > RESOURCES_MOST)
		return refuse(p, EMA_BAD_CLAIM, "the claim resource is neither a string nor a list of 1 to 32 strings");
	for (const struct json_node *at = json_first(&p->route, node); at; at = json_next(&p->route, at)) {
		const char *text = json_string(at);
		if (!text)
			return refuse(p, EMA_BAD_CLAIM, "the claim resource has an element that is no string");
		for (size_t i = 0; i < *count; i++)
			if (resource_same(list[i], text))
				return refuse(p, EMA_BAD_CLAIM, "the claim resource names one resource twice");
		list[(*count)++] = text;
	}
	return EMA_OK;
}

/* What the request asks for: one service, or NULL if it does not say. */
static int asked(struct pipeline *p, const struct service **out)
{
	const struct redemption *r = p->redemption;
	char text[FAILURE_TEXT];
	*out = NULL;
	for (size_t i = 0; i < r->resource_count; i++) {
		const struct service *service = by_resource(p, r->resources[i]);
		if (!service) {
			snprintf(text, sizeof text, "the resource parameter \"%.150s\" is of no service with the issuer \"%.120s\"",
			         decision_uri(p->decision, r->resources[i]), r->issuer);
			return refuse(p, EMA_BAD_TARGET, text);
		}
		if (*out && *out != service)
			return refuse(p, EMA_BAD_TARGET, "the request names several resources (resource), and a token is for one");
		*out = service;
	}
	return EMA_OK;
}

static int choose_claimed(struct pipeline *p, const char *const *list, size_t count, const struct service *wanted)
{
	const struct service *only = NULL;
	char text[FAILURE_TEXT];
	int named = 0;
	for (size_t i = 0; i < count; i++) {
		const struct service *service = by_resource(p, list[i]);
		if (!service) {
			snprintf(text, sizeof text, "the assertion is for the resource \"%.150s\", which no service with the issuer \"%.120s\" has",
			         decision_uri(p->decision, list[i]), p->redemption->issuer);
			return refuse(p, EMA_WRONG_RESOURCE, text);
		}
		named |= service == wanted;
		only = service;
	}
	if (wanted && !named) {
		snprintf(text, sizeof text, "the resource parameter asks for service \"%.64s\", which the assertion does not name", wanted->conf->id);
		return refuse(p, EMA_BAD_TARGET, text);
	}
	if (!wanted && count > 1)
		return refuse(p, EMA_BAD_TARGET, "the assertion names several resources and the request picks none of them (resource): a token is for one");
	p->service = wanted ? wanted : only;
	return EMA_OK;
}

/*
 * Has it the token's provider among its identity rules? If it is to be chosen, also the tenant that the token names: of an issuer with several
 * entries, and of services that have tenants. It is compared again once the signature is verified.
 */
static int has_provider(const struct pipeline *p, const struct service *service, int chosen)
{
	const struct snapshot *s = p->snapshot;
	struct route route;
	for (size_t i = 0; i < s->name_count; i++) {
		const struct provider *provider = &s->providers[s->names[i].provider];
		if (strcmp(s->names[i].issuer, p->issuer) || !conf_has_provider(s->conf, service->conf, provider->conf->instance.id))
			continue;
		if (!chosen)
			return 1;
		if (pipeline_route(p, provider, &route) && (!route.tenant || conf_takes(&service->conf->tenants, route.tenant)))
			return 1;
	}
	return 0;
}

/* Does the token name a tenant of its issuer that no entry has? */
static int is_of_nobody(const struct pipeline *p)
{
	const struct snapshot *s = p->snapshot;
	struct route route;
	for (size_t i = 0; i < s->name_count; i++)
		if (!strcmp(s->names[i].issuer, p->issuer) && pipeline_route(p, &s->providers[s->names[i].provider], &route) &&
		    (!route.tenant || resolve_issuer(s, p->issuer, route.tenant)))
			return 0;
	return 1;
}

/* JAG-62: what ema.conf lets this provider and this client reach stands in for the claim. */
static int choose_allowed(struct pipeline *p, const struct service *wanted)
{
	const struct issuer_name *name = p->issuer ? resolve_issuer(p->snapshot, p->issuer, NULL) : NULL;
	const struct service *first = p->service, *only = NULL;
	size_t served = 0, allowed = 0;
	char text[FAILURE_TEXT];
	for (size_t i = 0; i < p->snapshot->conf->service_count; i++) {
		const struct service *service = &p->snapshot->services[i];
		if (!target_serves(service->conf, p->redemption->issuer, p->now))
			continue;
		served++;
		/* If none can be chosen, one that the client may reach says what is wrong. */
		if (!first || (first != p->service && !client_may_reach(p->redemption->client, first->conf->id) &&
		               client_may_reach(p->redemption->client, service->conf->id)))
			first = service;
		if (!name || !has_provider(p, service, !wanted) || !client_may_reach(p->redemption->client, service->conf->id))
			continue;
		allowed++;
		only = service;
		if (service == wanted) {
			p->service = service;
			return EMA_OK;
		}
	}
	if (!first)
		return refuse(p, EMA_UNKNOWN_SERVICE, "no service has this issuer");
	/* Nobody's token, or the one service there is: the identity rules say best what is wrong with it. */
	if (!name || (!wanted && is_of_nobody(p)) || (served == 1 && client_may_reach(p->redemption->client, first->conf->id))) {
		p->service = wanted ? wanted : first;
		return EMA_OK;
	}
	if (wanted) {
		snprintf(text, sizeof text, "the resource parameter asks for service \"%.64s\", which this provider and this client may not reach", wanted->conf->id);
		return refuse(p, EMA_BAD_TARGET, text);
	}
	if (allowed == 1) {
		p->service = only;
		return EMA_OK;
	}
	if (allowed > 1)
		return refuse(p, EMA_BAD_TARGET, "the assertion names no resource, this issuer has several services, and the request does not pick one (resource)");
	p->service = first;
	return refuse(p, EMA_NOT_GRANTED, "no service with this issuer has this provider among its identity rules, the token's tenant and this client");
}

int pipeline_target(struct pipeline *p)
{
	const char *list[RESOURCES_MOST];
	const struct service *wanted = NULL, *looked_at = p->service;
	size_t count = 0;
	char text[FAILURE_TEXT];
	int code = claimed(p, list, &count);
	if (!code)
		code = asked(p, &wanted);
	if (!code)
		code = count ? choose_claimed(p, list, count, wanted) : choose_allowed(p, wanted);
	if (!code && looked_at && p->service != looked_at) {
		snprintf(text, sizeof text, "the token endpoint would make a token for service \"%.64s\" of it", p->service->conf->id);
		code = refuse(p, EMA_WRONG_RESOURCE, text);
	}
	if (!code && !client_may_reach(p->redemption->client, p->service->conf->id)) {
		snprintf(text, sizeof text, "the client \"%.100s\" may not reach service \"%.64s\" (its services = [ ... ])", p->redemption->client->id,
		         p->service->conf->id);
		code = refuse(p, EMA_CLIENT_NOT_ALLOWED, text);
	}
	return code;
}
