/* From a granted assertion to an access token: the proof that is asked for, and the signature. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "client.h"
#include "jwt.h"
#include "pipeline.h"
#include "secret.h"

int pipeline_bound(struct pipeline *p, int bound)
{
	if (bound || p->service->conf->binding != BINDING_REQUIRED)
		return EMA_OK;
	return failure_set(&p->failure, EMA_PROOF_MISSING, "the service takes bound tokens alone (binding = \"required\"), and this one is bound to nothing");
}

/* JAG-94 to 98, 102, 127. */
int pipeline_binding(struct pipeline *p)
{
	const struct redemption *r = p->redemption;
	const struct json *claims = &call_result(p->winner->call)->claims;
	struct dpop_binding cnf;
	/* Whoever asks who it is proves nothing, and a provider's token that is bound to something was refused before. */
	if (!r)
		return p->kind == EMA_ACCESS_TOKEN ? pipeline_bound(p, 0) : EMA_OK;
	/* JAG-22 */
	if (r->client->public && !p->winner->provider->conf->public_clients)
		return pipeline_fail(p, EMA_CLIENT_REFUSED, p->winner->provider->conf->instance.node,
		                     "the client does not authenticate (auth = \"none\"), and the provider takes no such clients (public_clients)");
	const struct dpop_need need = { .proof = r->client->needs_proof, .certificate = r->client->needs_certificate,
		                        .either = p->service->conf->binding == BINDING_REQUIRED };
	int code = dpop_cnf(claims, json_at(claims, "/cnf"), 0, &cnf, &p->failure);
	if (!code && p->flags & DECIDE_DRY)
		return EMA_OK;
	if (!code)
		code = dpop_bind(&cnf, r->proof, r->certificate, &need, &p->binding, &p->failure);
	if (code || *p->binding.jkt || *p->binding.x5t)
		decision_step(p->decision, &(struct decision_step){ .stage = "binding", .code = code,
			                   .text = code ? p->failure.text : *p->binding.jkt ? "bound to a DPoP key" : "bound to a certificate" });
	return code;
}

/* The least of what the service, the client and the session at the provider allow (JAG-109). An end that cannot be read is none. */
int pipeline_life(struct pipeline *p)
{
	if (!p->redemption)
		return EMA_OK;
	const struct json_node *node = json_at(&call_result(p->winner->call)->claims, "/session_expiry");
	int64_t session = INT64_MAX;
	p->life = conf_token_lifetime(p->snapshot->conf, p->service->conf, p->redemption->client->conf);
	if (p->life > ACCESS_LIFE_MOST)
		p->life = ACCESS_LIFE_MOST;
	if (node && !json_date(node, &session))
		return failure_set(&p->failure, EMA_BAD_CLAIM, "session_expiry is no number of seconds");
	if (session <= p->now)
		return failure_set(&p->failure, EMA_EXPIRED, "the session at the provider has ended (session_expiry)");
	if (session - p->now < p->life)
		p->life = session - p->now;
	return EMA_OK;
}

static size_t choose_names(const struct policy *policy, const struct principal_name *from, size_t count, int roles, struct access_name *to)
{
	size_t kept = 0;
	/* No more than the rules look at; and what a directory says is asked again at each request; the token holds what it alone can tell. */
	for (size_t i = 0; i < count && kept < ACCESS_NAMES_MOST; i++)
		if (!strcmp(from[i].source, PRINCIPAL_CLAIMS) && policy_wants_name(policy, roles, from[i].name, PRINCIPAL_CLAIMS))
			to[kept++] = (struct access_name){ from[i].name, from[i].source, from[i].tenant };
	return kept;
}

/* Directories and guards are asked anew at each request, with what the token has: a person may be known to them by another name than sub. */
static int needs_names(const struct pipeline *p)
{
	const struct conf_service *service = p->service->conf;
	int needs = service->guards.count != 0;
	for (size_t i = 0; i < service->directory_count && !needs; i++)
		needs = principal_asks(&service->directories[i], p->winner->subject.provider);
	return needs;
}

int pipeline_sign(struct pipeline *p)
{
	struct ema_decision *d = p->decision;
	const struct candidate *winner = p->winner;
	const struct call_result *found = call_result(winner->call);
	const struct conf_service *service = p->service->conf;
	const int names = needs_names(p);
	char id[AUDIT_ID], *token = NULL;
	int code = EMA_OUT_OF_MEMORY;
	if (!p->redemption || p->flags & DECIDE_DRY)
		return EMA_OK;
	if (!p->context->keyring || !p->context->server)
		return failure_set(&p->failure, EMA_CONFIG, "this context signs no tokens: it was not made an authorization server");
	struct access_name *groups = calloc(p->principal.group_count + 1, sizeof *groups), *roles = calloc(p->principal.role_count + 1, sizeof *roles);
	audit_id(&p->context->ids, &p->context->clock, id);
	if (groups && roles) {
		struct access_claims claims = {
			.issuer = service->issuer,
			.audience = service->resource,
			.client_id = found->client_id,
			.jti = id,
			.issued = p->now, /* see pipeline_marks() */
			.expires = p->now + p->life,
			.scopes = d->scopes.list,
			.scope_count = d->scopes.count,
			.jkt = *p->binding.jkt ? p->binding.jkt : NULL,
			.x5t = *p->binding.x5t ? p->binding.x5t : NULL,
			.actors = (const char *const *)found->actors.list,
			.actor_count = found->actors.count,
			.provider = winner->subject.provider,
			.tenant = winner->subject.tenant,
			.sub = winner->subject.sub,
			.person = p->principal.person,
			.view = *policy_deny_view(p->service->policy) ? policy_deny_view(p->service->policy) : NULL,
			.email = names || policy_wants(p->service->policy, 0) & POLICY_WANTS_EMAIL ? winner->email : NULL,
			.name_id = names ? winner->name_id : NULL,
			.acr = found->acr,
			.amr = (const char *const *)found->amr.list,
			.amr_count = found->amr.count,
			.auth_time = found->auth_time,
			.groups = groups,
			.group_count = choose_names(p->service->policy, p->principal.groups, p->principal.group_count, 0, groups),
			.roles = roles,
			.role_count = choose_names(p->service->policy, p->principal.roles, p->principal.role_count, 1, roles),
		};
		code = access_mint(p->context->keyring, &claims, &token, &p->failure);
	} else {
		failure_set(&p->failure, code, "no memory");
	}
	if (!code) {
		d->token = decision_copy(d, token);
		d->token_id = decision_copy(d, id);
		d->token_type = *p->binding.jkt ? "DPoP" : "Bearer";
		d->token_lifetime = p->life;
	}
	if (token) {
		secret_wipe(token, strlen(token));
		free(token);
	}
	free(groups);
	free(roles);
	return code;
}
