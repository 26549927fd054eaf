/* Identity rules: which provider owns the token, and does it vouch? */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority.h"
#include "check.h"
#include "near.h"
#include "resolve.h"
#include "uri.h"
#include "when.h"

static const char *request_item(const struct pipeline *p, int item)
{
	/* Who asks about a token of ours is not whom it was given to. */
	if (item == EMA_REQUEST_CLIENT_ID && p->own.claims.client_id)
		return p->own.claims.client_id;
	/* At a check nobody was authenticated but by the token (MCP-28). */
	if (item == EMA_REQUEST_CLIENT_ID && p->check)
		return p->winner && p->winner->call ? call_result(p->winner->call)->client_id : NULL;
	return p->request->items[item];
}

/* The tenant that an unverified claim names: for routing alone, jwt_verify looks again. */
static const char *routed_tenant(const struct pipeline *p, const struct declared *declared, const char *name_tenant)
{
	return declared->tenant_claim ? json_string(json_at(&p->route, declared->tenant_claim)) : name_tenant;
}

const struct declared *pipeline_route(const struct pipeline *p, const struct provider *provider, struct route *out)
{
	*out = (struct route){ NULL, NULL, NULL };
	const struct declared *declared = p->issuer ? instance_for_issuer(provider->instance, p->issuer, &out->name_tenant) : NULL;
	out->tenant = declared ? routed_tenant(p, declared, out->name_tenant) : NULL;
	const struct issuer_name *name = out->tenant ? resolve_issuer(p->snapshot, p->issuer, out->tenant) : NULL;
	const struct provider *whose = name && name->tenant ? &p->snapshot->providers[name->provider] : provider;
	out->other = whose != provider ? whose : NULL;
	return out->other ? NULL : declared;
}

/* Is the token of this provider's issuer (and tenant), and of a kind that it accepts? */
static const struct declared *owner(struct pipeline *p, const struct provider *provider, const char **name_tenant)
{
	struct route route;
	const struct declared *declared = pipeline_route(p, provider, &route);
	*name_tenant = route.name_tenant;
	if (!declared) {
		if (route.other)
			failure_set(&p->step, EMA_NOT_MINE, "the token is of a tenant that provider \"%s\" has", route.other->conf->instance.id);
		else
			failure_set(&p->step, EMA_NOT_MINE, "the token is of another issuer");
		return NULL;
	}
	p->owned++;
	if (!(provider->accepts & declared->kinds & p->kind)) {
		failure_set(&p->step, EMA_NOT_MINE, "the provider does not accept %s (see accepts)", p->kind == EMA_ID_JAG ? "ID-JAGs" : "access tokens of its own");
		return NULL;
	}
	return declared;
}

/* What the service demands of an access token of this provider; an ID-JAG is for the service's issuer. */
static int demand_of(struct pipeline *p, const struct provider *provider, struct call_demand *demand)
{
	if (p->kind == EMA_ID_JAG) {
		*demand = (struct call_demand){ .audiences = p->audiences, .audience_count = p->audience_count };
		return EMA_OK;
	}
	const struct conf_audience *audience = conf_audience_of(p->service->conf, provider->conf->instance.id);
	if (!audience)
		return failure_set(&p->step, EMA_NOT_MINE, "the service has no audience entry for provider \"%s\"", provider->conf->instance.id);
	*demand = (struct call_demand){ .audiences = audience->is.list, .audience_count = audience->is.count, .clients = audience->clients.list,
		                        .client_count = audience->clients.count };
	return EMA_OK;
}

/* What is asked beyond the token: the host has looked at its times, audience, client and actor. */
static int judge_request(struct pipeline *p, const struct conf_provider *conf, const struct call_result *found)
{
	const struct conf_strings *served = &p->service->conf->tenants;
	if (p->kind == EMA_ID_JAG && !request_item(p, EMA_REQUEST_CLIENT_ID))
		return failure_set(&p->step, EMA_WRONG_CLIENT, "the request names no client, and an ID-JAG is for one");
	if (served->count && found->tenant && !conf_has_string(served, found->tenant))
		return failure_set(&p->step, EMA_WRONG_TENANT, "the tenant is not in the service's tenants = [ ... ]");
	/* The host has compared it with aud_tenants = [ ... ], if there is such a list (JAG-82). */
	if (served->count > 1 && !conf->aud_tenants.count && json_at(&found->claims, "/aud_tenant"))
		return failure_set(&p->step, EMA_WRONG_TENANT,
		                   "the token names a tenant of ours (aud_tenant), the service has several, and the provider has no aud_tenants = [ ... ]");
	return EMA_OK;
}

static int judge_email(struct pipeline *p, struct candidate *candidate, const struct call_result *found)
{
	struct failure why = FAILURE_INIT;
	char *email = NULL;
	int code = authority_judge(p->snapshot->conf, candidate->provider->conf, found->email, found->email_verified, &email, &why);
	if (code)
		return failure_set(&p->step, code, "%s", why.text);
	candidate->email = decision_copy(p->decision, email);
	free(email);
	return EMA_OK;
}

void pipeline_request_items(const struct pipeline *p, const char *items[16])
{
	items[EMA_ITEM_SERVICE] = p->service->conf->id;
	items[EMA_ITEM_RESOURCE] = p->service->conf->resource;
	items[EMA_ITEM_CLIENT_ID] = request_item(p, EMA_REQUEST_CLIENT_ID);
	/* A caller that asks about a token is at another place than who brought it. */
	items[EMA_ITEM_REMOTE] = request_item(p, REQUEST_CALLER) ? NULL : request_item(p, EMA_REQUEST_REMOTE);
	items[EMA_ITEM_SCOPE] = request_item(p, EMA_REQUEST_SCOPE);
	items[EMA_ITEM_REQUEST] = p->decision->id;
}

void pipeline_subject_items(const struct pipeline *p, const char *items[16])
{
	const struct candidate *winner = p->winner;
	items[EMA_ITEM_PROVIDER] = winner->subject.provider;
	items[EMA_ITEM_ISSUER] = winner->subject.issuer;
	items[EMA_ITEM_TENANT] = winner->subject.tenant;
	items[EMA_ITEM_SUBJECT] = winner->subject.sub;
	items[EMA_ITEM_EMAIL] = winner->email;
	items[EMA_ITEM_ACTOR] = winner->actor;
	items[EMA_ITEM_NAME_ID] = winner->name_id;
}

static int identify(struct pipeline *p, const struct conf_rule *rule, const struct provider *provider, struct candidate *candidate)
{
	const char *name_tenant = NULL;
	struct call_demand demand = { 0 };
	struct when_facts facts = { .client = request_item(p, EMA_REQUEST_CLIENT_ID), .now = p->now };
	const struct declared *declared = owner(p, provider, &name_tenant);
	if (!declared || demand_of(p, provider, &demand))
		return p->step.code;
	facts.tenant = declared->tenant_claim ? NULL : name_tenant;
	/* At a check the client is known only when the token was verified. */
	if (rule->when && !p->check && !when_before(rule->when, &facts))
		return failure_set(&p->step, EMA_NOT_MINE, "the rule's when does not match");
	struct call_settings settings = {
		.instance = provider->instance,
		.kind = p->kind,
		.credential = p->credential,
		.credential_length = p->credential_length,
		.jws = &p->jws,
		.declared = declared,
		.name_tenant = name_tenant,
		.demand = &demand,
		.deadline = p->deadline,
		.now = p->given_now,
		.takes_bound = p->redemption || p->check,
		.unjudged = rule->control.action[EMA_OK] == ACTION_IGNORE,
	};
	pipeline_request_items(p, settings.items);
	settings.items[EMA_ITEM_PROVIDER] = provider->conf->instance.id;
	settings.items[EMA_ITEM_ISSUER] = p->issuer;
	int code = call_run(&settings, &candidate->call, &p->step);
	if (code)
		return failure_set(&p->step, code, "%s", code_row(code)->meaning);
	const struct call_result *found = call_result(candidate->call);
	if (judge_request(p, provider->conf, found) || judge_email(p, candidate, found))
		return p->step.code;
	candidate->subject = (struct subject){ provider->conf->instance.id, found->issuer ? found->issuer : p->issuer, found->tenant, found->subject };
	candidate->actor = found->actor;
	candidate->name_id = found->name_id;
	facts.tenant = found->tenant;
	facts.email = candidate->email;
	if (p->check)
		facts.client = found->client_id;
	if (rule->when && ((p->check && !when_before(rule->when, &facts)) || !when_after(rule->when, &facts)))
		return failure_set(&p->step, EMA_NOT_MINE, "the rule's when does not match");
	return EMA_OK;
}

/* A plugin that broke the rules must not be ignored by a control: -1 is outside of the table, and ends the list. */
static void broken_ends_all(struct stack_answer *answer)
{
	if (answer->code == EMA_INTERNAL)
		answer->code = -1;
}

static void run(void *data, const struct stack_rule *rule, int depth, struct stack_answer *answer)
{
	struct pipeline *p = data;
	struct candidate *candidate = decision_get(p->decision, 1, sizeof *candidate);
	const int owned = p->owned;
	(void)depth;
	failure_clear(&p->step);
	if (!candidate) {
		answer->code = failure_set(&p->step, EMA_OUT_OF_MEMORY, "no memory");
		return;
	}
	candidate->next = p->candidates;
	candidate->provider = &p->snapshot->providers[rule->module];
	p->candidates = candidate;
	answer->code = identify(p, rule->conf, candidate->provider, candidate);
	answer->vouching = answer->code == EMA_OK && candidate->subject.sub ? candidate : NULL;
	if (p->owned > owned && !p->owner)
		p->owner = candidate;
	if (answer->code == EMA_NOT_MINE && p->owned > owned && !p->unwanted_by) {
		p->unwanted = p->step;
		p->unwanted_by = rule->conf;
	}
	broken_ends_all(answer);
}

/* The `when` of a rule that names a stack. */
static int fits(void *data, const struct stack_rule *rule, const void *vouching)
{
	struct pipeline *p = data;
	const struct candidate *candidate = vouching;
	const struct conf_when *when = rule->conf->when;
	struct when_facts facts = { .client = request_item(p, EMA_REQUEST_CLIENT_ID), .now = p->now };
	if (candidate) {
		facts.tenant = candidate->subject.tenant;
		facts.email = candidate->email;
	}
	/* At a check the client is known only when the token was verified. */
	if (candidate && p->check)
		facts.client = call_result(candidate->call)->client_id;
	if (!when || (!candidate && p->check) || (when_before(when, &facts) && (!candidate || when_after(when, &facts))))
		return 1;
	failure_clear(&p->step);
	failure_set(&p->step, EMA_NOT_MINE, "the stack's when does not match");
	return 0;
}

static int same(void *data, const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	(void)data;
	return subject_same(&x->subject, &y->subject);
}

static const char *action_name(enum conf_action action)
{
	static const char *const names[] = { [ACTION_UNSET] = "die", [ACTION_IGNORE] = "ignore", [ACTION_OK] = "ok", [ACTION_DONE] = "done",
		                             [ACTION_BAD] = "bad", [ACTION_DIE] = "die" };
	return names[action];
}

void pipeline_tell(struct pipeline *p, const char *stage, const struct stack_rule *rule, int depth, int code, enum conf_action action)
{
	char place[300];
	pipeline_place(rule->conf->node, place, sizeof place);
	decision_step(p->decision, &(struct decision_step){ .rule = place, .stage = stage, .name = rule->conf->target,
		                   .control = rule->conf->control.keyword ? rule->conf->control.keyword : "control",
		                   .action = action_name(action), .code = code, .depth = depth, .text = rule->stack ? "stack" : p->step.text });
	if ((action == ACTION_BAD || action == ACTION_DIE) && !p->failed) {
		p->failed = rule->conf;
		pipeline_fail(p, code, rule->conf->node, p->step.text);
	}
}

static void tell(void *data, const struct stack_rule *rule, int depth, int code, enum conf_action action)
{
	pipeline_tell(data, "identity", rule, depth, code, action);
}

/* Of ours, another one whose issuer this is. */
static const char *own_service(const struct pipeline *p)
{
	for (size_t i = 0; i < p->snapshot->conf->service_count; i++) {
		const struct conf_service *service = p->snapshot->services[i].conf;
		if (service != p->service->conf && service->issuer && !strcmp(service->issuer, p->issuer))
			return service->id;
	}
	return NULL;
}

/* Nobody of this service owns the token: say who does, or whose it nearly is. */
static int explain_stranger(struct pipeline *p)
{
	struct failure why = FAILURE_INIT;
	char difference[NEAR_TEXT];
	const struct conf_node *node = p->service->conf->identity.node ? p->service->conf->identity.node : p->service->conf->node;
	const struct issuer_name *name = resolve_issuer(p->snapshot, p->issuer, NULL);
	const struct issuer_name *near = name ? NULL : near_issuer(p->snapshot, p->issuer);
	const char *tenant = name ? routed_tenant(p, name->declared, name->tenant) : NULL;
	const struct issuer_name *of_tenant = tenant ? resolve_issuer(p->snapshot, p->issuer, tenant) : NULL;
	if (name) {
		name = of_tenant ? of_tenant : name;
		failure_set(&why, EMA_NOT_MINE, "the token is of provider \"%s\", which no identity rule of service \"%s\" names",
		            p->snapshot->providers[name->provider].conf->instance.id, p->service->conf->id);
	} else if (near) {
		const struct conf_provider *provider = p->snapshot->providers[near->provider].conf;
		node = provider->instance.node;
		near_difference(p->issuer, near->issuer, difference);
		failure_set(&why, EMA_UNKNOWN_ISSUER, "no provider has the issuer \"%.120s\"; \"%s\" has \"%.120s\": %s", p->issuer,
		            provider->instance.id, near->issuer, difference);
	} else {
		const char *other = own_service(p);
		failure_set(&why, EMA_UNKNOWN_ISSUER, "no provider has the issuer \"%.200s\"%s%.64s%s", p->issuer, other ? ": it is that of service \"" : "",
		            other ? other : "", other ? "\", whose tokens are for it alone" : "");
	}
	return pipeline_fail(p, why.code, node, why.text);
}

int pipeline_identity(struct pipeline *p)
{
	struct stack_ops ops = { .run = run, .same = same, .tell = tell, .data = p, .fits = fits };
	struct stack_result result;
	stack_identity(&p->service->identity, &ops, &result);
	if (result.code == EMA_OK) {
		p->winner = result.vouching;
		failure_clear(&p->failure);
		return p->winner ? EMA_OK : pipeline_fail(p, EMA_INTERNAL, p->service->conf->node, "granted without a vouching");
	}
	if (result.code == EMA_NOT_MINE && !p->owned) {
		failure_clear(&p->failure);
		return explain_stranger(p);
	}
	if (result.code == EMA_NOT_MINE && p->unwanted_by) {
		/* Not that the last one in the list has another issuer, but why the one that has it passed the token on. */
		failure_clear(&p->failure);
		pipeline_fail(p, result.code, p->unwanted_by->node, p->unwanted.text);
	} else if (p->failure.code != result.code) {
		failure_clear(&p->failure);
		pipeline_fail(p, result.code, p->service->conf->identity.node ? p->service->conf->identity.node : p->service->conf->node,
		              p->step.code == result.code && p->step.text[0] ? p->step.text : code_row(result.code)->meaning);
	}
	return result.code;
}

/* ---- Guards ---- */

static void run_guard(void *data, const struct stack_rule *rule, int depth, struct stack_answer *answer)
{
	struct pipeline *p = data;
	const struct guard *guard = &p->snapshot->guards[rule->module];
	struct ema_call *call = NULL;
	struct when_facts facts = { .client = request_item(p, EMA_REQUEST_CLIENT_ID), .tenant = p->winner->subject.tenant,
		                    .email = p->winner->email, .now = p->now };
	struct call_settings settings = { .instance = guard->instance, .deadline = p->deadline, .now = p->given_now };
	(void)depth;
	failure_clear(&p->step);
	answer->vouching = NULL;
	if (rule->conf->when && !(when_before(rule->conf->when, &facts) && when_after(rule->conf->when, &facts))) {
		/* What a guard's `when` leaves out is not its business: it passes. */
		answer->code = EMA_OK;
		snprintf(p->step.text, sizeof p->step.text, "the rule's when does not match: not asked");
		return;
	}
	pipeline_request_items(p, settings.items);
	pipeline_subject_items(p, settings.items);
	settings.items[EMA_ITEM_METHOD] = p->method;
	settings.items[EMA_ITEM_TARGET] = p->target;
	answer->code = call_run(&settings, &call, &p->step);
	broken_ends_all(answer);
	call_free(call);
}

static void tell_guard(void *data, const struct stack_rule *rule, int depth, int code, enum conf_action action)
{
	pipeline_tell(data, "guard", rule, depth, code, action);
}

static int ask_guards(struct pipeline *p)
{
	struct stack_ops ops = { .run = run_guard, .tell = tell_guard, .data = p };
	struct stack_result result;
	p->failed = NULL;
	stack_guards(&p->service->guards, &ops, &result);
	if (result.code && p->failure.code != result.code) {
		failure_clear(&p->failure);
		pipeline_fail(p, result.code, p->service->conf->guards.node, code_row(result.code) ? code_row(result.code)->meaning : "");
	}
	return result.code;
}

/* A URI as the rules look at it; one that has no such form is refused by them. */
static int ask_about(struct pipeline *p, const struct policy_target *target)
{
	char uri[URI_MOST + 1];
	size_t length;
	p->target = target->kind == POLICY_TOOL || target->kind == POLICY_PROMPT || target->kind == POLICY_URI ? target->name : NULL;
	if (p->target && target->kind == POLICY_URI && !target->is_template && !uri_normal(target->name, target->length, 0, uri, &length))
		p->target = uri;
	int code = ask_guards(p);
	p->target = NULL;
	return code;
}

int pipeline_guards(struct pipeline *p)
{
	const struct mcp_message *message = p->check ? p->check->message : NULL;
	int code = EMA_OK;
	if (!message || p->check->blind || !p->service->guards.count)
		return ask_guards(p);
	for (size_t i = 0; !code && i < message->count; i++) {
		p->method = message->calls[i].method;
		for (size_t k = 0; !code && k < message->calls[i].target_count; k++)
			code = ask_about(p, &message->calls[i].targets[k]);
	}
	p->method = NULL;
	return code;
}
