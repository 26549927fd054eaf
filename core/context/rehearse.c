/* A credential that is only looked at: an ID-JAG is decided as the token endpoint would, with the entry of the client that brings it, as if
   it had proved who it is. */
#include <stdio.h>
#include <string.h>

#include "cimd.h"
#include "client.h"
#include "pipeline.h"
#include "tree.h"

struct rehearsal {
	struct redemption redemption;
	struct client_found client;
	struct conf_client any; /* where ema.conf has no clients */
	const char *resource;
};

static int unknown(struct pipeline *p, const char *id)
{
	struct conf_nearest like = { .wrong = id };
	for (size_t i = 0; i < p->snapshot->conf->client_count; i++)
		conf_nearest_offer(&like, p->snapshot->conf->clients[i].id);
	return failure_set(&p->failure, EMA_UNKNOWN_CLIENT, "ema.conf has no client \"%.100s\"%s%.100s%s", id, like.name ? " (did you mean \"" : "",
	                   like.name ? like.name : "", like.name ? "\"?)" : "");
}

static int find_client(struct pipeline *p, const char *id, struct rehearsal *r)
{
	const struct conf *conf = p->snapshot->conf;
	const struct conf_client *entry = snapshot_client(p->snapshot, id);
	const char *text = "as if it had proved who it is";
	char place[300];
	if (!entry && conf->documents.node && cimd_is_url(id)) {
		if (!cimd_lists(conf, id))
			return failure_set(&p->failure, EMA_UNKNOWN_CLIENT, "client_documents does not list \"%.200s\", by hosts or urls", id);
		entry = &conf->documents.client;
		text = "as client_documents says; its document is not fetched";
	} else if (!entry && (p->context->server || conf->client_count || conf->documents.node)) {
		return unknown(p, id);
	} else if (!entry) {
		r->any = (struct conf_client){ .id = id, .grants = GRANT_JWT_BEARER };
		entry = &r->any;
		text = "ema.conf has no clients, so emad redeems for none: taken for one that a program of its own has authenticated";
	}
	r->client.id = id;
	r->client.conf = entry;
	r->client.grants = entry->grants;
	r->client.public = entry->auth == AUTH_NONE;
	if (!client_may_redeem(&r->client))
		return pipeline_fail(p, EMA_CLIENT_NOT_ALLOWED, entry->node, "the client is not registered for the jwt-bearer grant (grants = [ ... ])");
	pipeline_place(entry->node, place, sizeof place);
	decision_step(p->decision, &(struct decision_step){ .rule = place, .stage = "client", .name = id, .code = EMA_OK, .text = text });
	return EMA_OK;
}

int pipeline_rehearse(struct pipeline *p)
{
	const char *id = p->request->items[EMA_REQUEST_CLIENT_ID];
	/* A program that calls ema_decide() has no token endpoint. The identity rules refuse who names no client. */
	if (p->kind != EMA_ID_JAG || !id || !(p->context->server || p->context->observer))
		return EMA_OK;
	struct rehearsal *r = decision_get(p->decision, 1, sizeof *r);
	if (!r)
		return failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	int code = find_client(p, id, r);
	if (code)
		return code;
	r->resource = p->request->items[EMA_REQUEST_RESOURCE];
	r->redemption = (struct redemption){ .issuer = p->service->conf->issuer, .client = &r->client, .resources = &r->resource,
		                             .resource_count = r->resource != NULL };
	p->redemption = &r->redemption;
	p->purpose = PURPOSE_REDEEM;
	return EMA_OK;
}

static int is_ours(const struct pipeline *p)
{
	for (size_t i = 0; p->issuer && i < p->snapshot->conf->service_count; i++)
		if (target_serves(&p->snapshot->conf->services[i], p->issuer, p->now))
			return 1;
	return 0;
}

void pipeline_mistaken(struct pipeline *p, int code)
{
	const int access = p->kind == EMA_ACCESS_TOKEN, jag = p->jws.type && !strcmp(p->jws.type, "oauth-id-jag+jwt");
	const char *text = NULL;
	if (!access && code == EMA_WRONG_CLIENT && !p->request->items[EMA_REQUEST_CLIENT_ID])
		text = "the request names no client, and an ID-JAG is for one (--client)";
	else if (access && jag && (code == EMA_NOT_MINE || code == EMA_WRONG_TYPE || code == EMA_UNKNOWN_ISSUER))
		text = "this is an ID-JAG, and no access token (--assertion)";
	else if (access && code == EMA_UNKNOWN_ISSUER && !p->check && is_ours(p))
		text = "this is a token of ours, which is decided with the message that it comes with (--message)";
	if (!text)
		return;
	failure_clear(&p->failure);
	failure_set(&p->failure, code, "%s", text);
	p->rule[0] = 0;
}
