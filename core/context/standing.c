/* How a provider's keys stand, and what follows: one that is away for long gives no more than what reads. */
#include "standing.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "pipeline.h"

void standing_of(const struct provider *provider, struct standing *out)
{
	*out = (struct standing){ .name = "none" };
	for (size_t i = 0; i < instance_declared_count(provider->instance); i++) {
		const struct declared *declared = instance_declared(provider->instance, i);
		struct keyset_state state;
		if (!declared->keyset)
			continue;
		keyset_state(declared->keyset, &state);
		/* Of several sets the worst. */
		if (!strcmp(out->name, "none") || state.standing > out->worst.standing)
			out->worst = state;
		out->name = keyset_standing_name(out->worst.standing);
	}
}

int pipeline_keys(struct pipeline *p)
{
	const struct candidate *winner = p->winner;
	const struct keyset_verdict *keys = winner->call ? &call_result(winner->call)->keys : NULL;
	char since[CLOCK_TEXT], text[200];
	if (!keys || !keys->stale)
		return EMA_OK;
	clock_text(keys->stale_since, since);
	p->read_only = keys->read_only;
	snprintf(text, sizeof text, "the provider is away since %s: its last keys count%s", since, keys->read_only ? ", for what reads alone (read_only_after)" : "");
	decision_step(p->decision, &(struct decision_step){ .stage = "keys", .name = winner->provider->conf->instance.id, .code = EMA_OK, .text = text });
	/* A token of ours does not say that its provider was away: its scopes do, and in shadow mode they hold nobody back. */
	if (p->read_only && p->purpose == PURPOSE_REDEEM && p->now < p->service->conf->shadow_until)
		return pipeline_fail(p, EMA_KEYS_UNAVAILABLE, winner->provider->conf->instance.node, "the provider is away for longer than read_only_after, and "
		                     "with permissions in shadow mode a token would do more than read");
	return p->read_only ? pipeline_read_only(p) : EMA_OK;
}

int pipeline_keys_now(struct pipeline *p)
{
	const char *tenant = NULL;
	const struct declared *declared = instance_for_issuer(p->winner->provider->instance, p->own.claims.issuer, &tenant);
	struct keyset_state state;
	if (!declared && p->own.claims.issuer)
		return pipeline_fail(p, EMA_NOT_GRANTED, p->winner->provider->conf->instance.node, "the token's issuer is none of the provider's any more");
	if (!declared || !declared->keyset)
		return EMA_OK;
	keyset_state(declared->keyset, &state);
	if (state.standing == KEYSET_UNAVAILABLE)
		return pipeline_fail(p, EMA_KEYS_UNAVAILABLE, p->winner->provider->conf->instance.node, "the provider is away for longer than stale_keys");
	/* A key that the issuer has withdrawn may be in other hands, and the token from there. */
	const char *thumbprint = p->check->kept ? p->check->kept->thumbprint : "";
	if (*thumbprint && !keyset_has(declared->keyset, thumbprint))
		return pipeline_fail(p, EMA_UNKNOWN_KEY, p->winner->provider->conf->instance.node, "the key that signed the token is none of the issuer's any more");
	p->read_only = state.standing == KEYSET_READ_ONLY;
	return p->read_only ? pipeline_read_only(p) : EMA_OK;
}

static int writes(const struct conf_service *service, const char *name)
{
	for (size_t i = 0; i < service->scope_count; i++)
		if (!strcmp(service->scopes[i].name, name))
			return service->scopes[i].writes;
	return 1;
}

static int reads(const struct pipeline *p, const struct conf_scope *scope)
{
	(void)p;
	return !scope->writes;
}

int pipeline_read_only(struct pipeline *p)
{
	struct decision_list *scopes = &p->decision->scopes;
	size_t kept = 0, brought = scopes->count;
	/* What a scope that writes includes may read alone. */
	for (size_t i = 0; i < brought; i++)
		if (writes(p->service->conf, scopes->list[i]))
			scopes_instead(p, scopes->list[i], reads);
	for (size_t i = 0; i < scopes->count; i++)
		if (!writes(p->service->conf, scopes->list[i]))
			scopes->list[kept++] = scopes->list[i];
	scopes->count = kept;
	if (kept)
		return EMA_OK;
	return pipeline_fail(p, EMA_KEYS_UNAVAILABLE, p->winner->provider->conf->instance.node,
	                     "the provider is away for longer than read_only_after, and there is no scope that only reads");
}

int standing_allows(const struct pipeline *p, const struct policy_target *target, struct policy_result *result)
{
	const int named = target->kind == POLICY_TOOL || target->kind == POLICY_PROMPT || target->kind == POLICY_URI || target->kind == POLICY_TASK;
	/* Whether a rule or the shadow of one gives it: what does not come by a scope that reads may write. */
	const int given = result->code == EMA_OK || result->code == EMA_INSUFFICIENT_SCOPE || (result->code == EMA_WEAK_AUTHENTICATION && result->lacks_scope);
	if (!p->read_only || !named || !given || (result->scope && !result->scope->writes))
		return 1;
	/* Nor is it the mode of permissions that refuses it. */
	if (result->code != result->enforced)
		result->rule = NULL;
	result->code = result->enforced = EMA_KEYS_UNAVAILABLE;
	result->shadow = NULL;
	result->login = NULL;
	result->lacks_scope = 0;
	result->text = "the provider is away for longer than read_only_after, and this is not given by a scope that only reads";
	return 0;
}
