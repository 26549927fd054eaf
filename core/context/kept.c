/* What a decision keeps of its check, for lists that come back and for calls that take long. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "context.h"
#include "jwt.h"
#include "pipeline.h"

#define LIST_TTL_MS INT64_C(300000) /* a client may keep a filtered list for so long: then the rules are asked again */

void kept_end(struct kept *kept)
{
	if (!kept)
		return;
	if (kept->message)
		mcp_clear(kept->message);
	/* In a child the plugins are the parent's. */
	if (context_is_alive(kept->context))
		snapshot_release(kept->snapshot);
}

/* Those that the provider's token had: directories are asked anew. */
static struct access_name *copy_names(struct ema_decision *d, const struct principal_name *from, size_t count, size_t *kept)
{
	struct access_name *to = decision_get(d, count, sizeof *to);
	for (size_t i = 0; to && i < count; i++)
		if (!strcmp(from[i].source, PRINCIPAL_CLAIMS))
			to[(*kept)++] = (struct access_name){ decision_copy(d, from[i].name), decision_copy(d, from[i].source), decision_copy(d, from[i].tenant) };
	return to;
}

static const char *const *copy_list(struct ema_decision *d, const struct call_list *from)
{
	const char **to = decision_get(d, from->count + 1, sizeof *to);
	for (size_t i = 0; to && i < from->count; i++)
		to[i] = decision_copy(d, from->list[i]);
	return to;
}

int kept_take(struct pipeline *p)
{
	struct ema_decision *d = p->decision;
	const struct call_result *found = p->winner->call ? call_result(p->winner->call) : NULL;
	const struct access_claims *own = &p->own.claims;
	const char *const *amr = found ? (const char *const *)found->amr.list : own->amr;
	const size_t amr_count = found ? found->amr.count : own->amr_count;
	struct kept *kept = decision_get(d, 1, sizeof *kept);
	if (!kept)
		return EMA_OUT_OF_MEMORY;
	d->kept = kept;
	kept->context = p->context;
	kept->snapshot = snapshot_hold(p->snapshot);
	kept->service = p->service;
	kept->claims = (struct access_claims){
		.issuer = decision_copy(d, p->issuer),
		.client_id = d->client,
		.jti = found ? NULL : d->token_id,
		.issued = found ? found->issued : own->issued,
		.expires = found ? found->expires : own->expires,
		.scopes = d->scopes.list,
		.scope_count = d->scopes.count,
		.provider = d->provider,
		.tenant = d->tenant,
		.sub = d->sub,
		.view = found ? NULL : decision_copy(d, own->view),
		.person = found ? NULL : decision_copy(d, own->person),
		.acr = decision_copy(d, found ? found->acr : own->acr),
		.auth_time = found ? found->auth_time : own->auth_time,
		.email = d->email,
		.name_id = decision_copy(d, p->winner->name_id),
	};
	kept->claims.audience = found ? NULL : decision_copy(d, own->audience);
	kept->kid = found ? NULL : decision_copy(d, p->own.kid);
	kept->thumbprint = found ? decision_copy(d, found->keys.thumbprint) : NULL;
	kept->bound = p->check->bound;
	kept->skew = found ? p->winner->provider->conf->skew : PIPELINE_SKEW;
	kept->amr = decision_get(d, amr_count, sizeof *kept->amr);
	kept->groups = copy_names(d, p->principal.groups, p->principal.group_count, &kept->claims.group_count);
	kept->roles = copy_names(d, p->principal.roles, p->principal.role_count, &kept->claims.role_count);
	kept->audiences = found ? copy_list(d, &found->audience) : NULL;
	kept->brought = found ? copy_list(d, &found->scopes) : NULL;
	if (!kept->amr || !kept->groups || !kept->roles)
		return EMA_OUT_OF_MEMORY;
	for (size_t i = 0; i < amr_count; i++)
		kept->amr[i] = decision_copy(d, amr[i]);
	kept->actor = decision_copy(d, p->winner->actor);
	kept->claims.actors = &kept->actor;
	kept->claims.actor_count = kept->actor != NULL;
	kept->claims.amr = kept->amr;
	kept->claims.amr_count = amr_count;
	kept->claims.groups = kept->groups;
	kept->claims.roles = kept->roles;
	kept->principal = p->check->principal;
	kept->message = p->check->message;
	p->check->message_kept = 1;
	if (kept->claims.issued != JWT_ABSENT)
		d->issued = kept->claims.issued;
	return d->broken ? EMA_OUT_OF_MEMORY : EMA_OK;
}

/* ---- Asked again ---- */

int context_still(const struct ema_decision *decision)
{
	const struct kept *kept = decision->kept;
	if (decision->code || !kept)
		return decision->code ? decision->code : EMA_BAD_REQUEST;
	if (!context_is_alive(kept->context))
		return EMA_AFTER_FORK;
	/* A key of ours that is gone may be in other hands, and the token from there. */
	int code = kept->kid ? keyring_has(kept->context->keyring, kept->kid) : EMA_OK;
	if (code)
		return code;
	struct check check = { .message = kept->message, .kept = kept };
	return pipeline_still(kept->context, kept->service->conf->id, &kept->claims, &check);
}

/* ---- Lists ---- */

struct filtering {
	const struct kept *kept;
	int64_t now;
};

static int keep(void *data, enum policy_kind kind, const char *name, size_t length, int is_template)
{
	const struct filtering *filtering = data;
	const struct policy_target target = { .kind = kind, .name = name, .length = length, .is_template = is_template, .listing = 1 };
	struct policy_result result;
	return policy_decide(filtering->kept->service->policy, filtering->kept->principal, &target, filtering->now, &result) == EMA_OK;
}

int context_filter(const struct ema_decision *decision, const char *text, size_t length, char **out)
{
	const struct kept *kept = decision->kept;
	struct failure failure = FAILURE_INIT;
	struct buffer buffer = BUFFER_INIT(length + 256);
	if (decision->code || !kept)
		return decision->code ? decision->code : EMA_BAD_REQUEST;
	if (!context_is_alive(kept->context))
		return EMA_AFTER_FORK;
	struct filtering filtering = { kept, clock_wall(&kept->context->clock) / 1000 };
	/* Somebody was let in with it: as long as he would be, he is answered, if not for long. */
	int64_t left = decision->expires ? (decision->expires - filtering.now) * 1000 : LIST_TTL_MS;
	if (left <= -kept->skew * 1000)
		return EMA_EXPIRED;
	const struct mcp_keep how = { .keep = keep, .data = &filtering, .ttl_ms = left < 0 ? 0 : left < LIST_TTL_MS ? left : LIST_TTL_MS };
	int code = mcp_filter(text, length, &how, &buffer, &failure);
	char *taken = code ? NULL : buffer_take(&buffer);
	buffer_free(&buffer);
	if (!code && !taken)
		code = EMA_OUT_OF_MEMORY;
	if (!code)
		*out = taken;
	return code;
}
