/* An access token that we made, brought to one of our services. */
#include <stdlib.h>
#include <string.h>

#include "authority.h"
#include "cimd.h"
#include "client.h"
#include "jwt.h"
#include "pipeline.h"
#include "standing.h"
#include "when.h"

/* The groups and roles that the provider's token had: what directories say is asked anew. */
static int take_names(const struct access_name *from, size_t count, struct principal_name **to, size_t *taken)
{
	int lost = 0;
	if (!count)
		return EMA_OK;
	*to = calloc(count, sizeof **to);
	for (size_t i = 0; *to && i < count && !lost; i++)
		lost = principal_add_name(*to, taken, from[i].name, from[i].source, from[i].tenant);
	return *to && !lost ? EMA_OK : EMA_OUT_OF_MEMORY;
}

static struct access_rules rules_of(const struct pipeline *p)
{
	return (struct access_rules){ .issuers = p->audiences, .issuer_count = p->audience_count, .audience = p->service->conf->resource,
		                      .now = p->now, .skew = PIPELINE_SKEW, .known = p->context->known };
}

int pipeline_own_still(struct pipeline *p)
{
	int code = pipeline_audiences(p);
	const struct access_rules rules = rules_of(p);
	/* When it begins was looked at, and is over. */
	p->own.not_before = JWT_ABSENT;
	return code ? code : access_hold(&p->own, &rules, &p->failure);
}

static int read_own(struct pipeline *p)
{
	const struct access_rules rules = rules_of(p);
	if (!p->context->keyring)
		return failure_set(&p->failure, EMA_KEYS_UNAVAILABLE, "this context has no keys for tokens of ours");
	if (p->own.known)
		return access_hold(&p->own, &rules, &p->failure);
	if (!p->jws.token)
		return access_read(p->context->keyring, p->credential, p->credential_length, &rules, &p->own, &p->failure);
	p->jws.seen = NULL; /* what it says is kept, not its signature alone */
	return access_read_parsed(p->context->keyring, &p->jws, &rules, &p->own, &p->failure);
}

int pipeline_own(struct pipeline *p)
{
	p->kind = EMA_ACCESS_TOKEN;
	if (!p->credential)
		return failure_set(&p->failure, EMA_NO_TOKEN, "the request has no token");
	int code = pipeline_audiences(p);
	if (!code)
		code = read_own(p);
	if (code) {
		decision_step(p->decision, &(struct decision_step){ .stage = "token", .code = code, .text = p->failure.text });
		return code;
	}
	return pipeline_adopt(p);
}

/* Is there a rule of the provider, here or in a stack, whose `when` matches now? */
static int rule_stands(const struct stack_list *list, size_t provider, const struct when_facts *facts, int depth)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct stack_rule *rule = &list->rules[i];
		const struct conf_when *when = rule->conf ? rule->conf->when : NULL;
		if (when && !(when_before(when, facts) && when_after(when, facts)))
			continue;
		if (rule->stack ? depth < STACK_DEPTH_MOST && rule_stands(rule->stack, provider, facts, depth + 1) : rule->module == provider)
			return 1;
	}
	return 0;
}

/* A value that a deny looks at, and that the token was made without since none did then, can be had by a new token alone. */
static int is_complete(const struct pipeline *p)
{
	const char *view = policy_deny_view(p->service->policy), *made = p->own.claims.view ? p->own.claims.view : "";
	/* Of a provider's own token everything is known. */
	return !*view || !p->own.claims.jti || !strcmp(view, made);
}

/* No more than the rules that stand would let in today. */
static int still_vouched(struct pipeline *p, size_t provider, const char *email)
{
	const struct access_claims *claims = &p->own.claims;
	const struct when_facts facts = { .client = claims->client_id, .tenant = claims->tenant, .email = email, .now = p->now };
	if (claims->tenant && !conf_takes(&p->service->conf->tenants, claims->tenant))
		return pipeline_fail(p, EMA_WRONG_TENANT, p->service->conf->node, "the subject's tenant is not in the service's tenants = [ ... ] any more");
	if (!rule_stands(&p->service->identity, provider, &facts, 0))
		return pipeline_fail(p, EMA_NOT_GRANTED, p->service->conf->node, "no identity rule of the provider that vouched for the subject has a when that matches now");
	if (!is_complete(p))
		return pipeline_fail(p, EMA_MISSING_CLAIM, p->service->conf->node, "a deny looks at groups, roles or the e-mail address in another way than when the token was made");
	return EMA_OK;
}

/* The client that it was given to, as it is registered today; NULL: who knows tokens by their keys alone need not know clients. */
static int registration(struct pipeline *p, const struct conf_client **out)
{
	const struct conf *conf = p->snapshot->conf;
	const char *id = p->own.claims.client_id;
	/* Of a provider's own token the audience says which clients there are. */
	if (!p->own.claims.jti || !(p->context->server || conf->client_count || conf->documents.node))
		return EMA_OK;
	const struct conf_client *client = *out = pipeline_client(p);
	if (!client || (!client->id && !cimd_lists(conf, id)))
		return pipeline_fail(p, EMA_NOT_GRANTED, conf->root, "the client that the token was given to is in neither clients nor client_documents any more");
	if (!client_may_reach(&(struct client_found){ .conf = client }, p->service->conf->id))
		return pipeline_fail(p, EMA_NOT_GRANTED, client->node, "the client that the token was given to may not reach this service any more (its services = [ ... ])");
	return EMA_OK;
}

int pipeline_adopt(struct pipeline *p)
{
	const struct access_claims *claims = &p->own.claims;
	struct ema_decision *d = p->decision;
	p->issuer = claims->issuer;
	size_t number = snapshot_provider(p->snapshot, claims->provider);
	struct candidate *candidate = decision_get(d, 1, sizeof *candidate);
	if (!candidate)
		return failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	candidate->next = p->candidates;
	p->candidates = candidate;
	/* A provider that was taken out of the configuration, or of the service, vouches for nobody any more. */
	if (number == SIZE_MAX || !conf_has_provider(p->snapshot->conf, p->service->conf, claims->provider))
		return pipeline_fail(p, EMA_NOT_GRANTED, p->service->conf->node, "the provider that vouched for the subject is in no identity rule of the service any more");
	candidate->provider = &p->snapshot->providers[number];
	const char *issuer = snapshot_issuer(p->snapshot, number, claims->tenant);
	if (!issuer)
		return pipeline_fail(p, EMA_WRONG_TENANT, candidate->provider->conf->instance.node, "the subject's tenant is none of the provider's any more");
	/* Whose word on an address counts is the configuration's of today. */
	struct failure why = FAILURE_INIT;
	char *email = NULL;
	int code = authority_judge(p->snapshot->conf, candidate->provider->conf, claims->email, 1, &email, &why);
	if (code)
		return pipeline_fail(p, code, candidate->provider->conf->instance.node, why.text);
	candidate->email = decision_copy(d, email);
	free(email);
	if ((code = still_vouched(p, number, candidate->email)))
		return code;
	candidate->subject = (struct subject){ claims->provider, issuer, claims->tenant, claims->sub };
	candidate->actor = claims->actor_count ? claims->actors[0] : NULL;
	candidate->name_id = claims->name_id;
	p->winner = candidate;
	const struct conf_client *client = NULL;
	if ((code = registration(p, &client)))
		return code;
	for (size_t i = 0; i < claims->scope_count; i++)
		pipeline_hold_scope(p, client, claims->scopes[i]);
	d->token_id = decision_copy(d, claims->jti);
	d->token_type = claims->jkt ? "DPoP" : "Bearer";
	d->issued = claims->issued;
	d->bound_key = decision_copy(d, claims->jkt);
	d->bound_certificate = decision_copy(d, claims->x5t);
	/* A token of ours lives to its end; one of the provider's by the keys that verify it. */
	if (!claims->jti && (code = pipeline_keys_now(p)))
		return code;
	code = take_names(claims->groups, claims->group_count, &p->principal.groups, &p->principal.group_count);
	if (!code)
		code = take_names(claims->roles, claims->role_count, &p->principal.roles, &p->principal.role_count);
	return code ? failure_set(&p->failure, code, "no memory") : EMA_OK;
}
