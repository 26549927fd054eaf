/* Token revocation (RFC 7009). */
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "ema/plugin.h"
#include "exchange.h"
#include "marks.h"
#include "pipeline.h"
#include "query.h"

#define KIND "revocation"
#define STORE_MS 2000
#define SKEW_MS 60000

/* The record is written before the answer. */
static void answer(struct exchange *x, const struct answer_facts *facts, int code, const char *text)
{
	struct ema_decision *decision = NULL;
	code = context_answer(x->context, facts, code, text, &decision);
	if (code) {
		exchange_refuse(x, code, decision ? decision->id : NULL);
	} else {
		exchange_no_store(x);
		response_header(x->response, "X-Request-ID", "%s", decision->id);
		buffer_clear(&x->response->body);
		x->response->status = 200;
	}
	decision_free(decision);
}

/* The mark is in the store before the record says so. */
static void revoke(struct exchange *x, struct sender *sender, const struct service *service, const struct access_token *token)
{
	struct failure failure = FAILURE_INIT;
	const struct mark_target target = { .kind = MARK_TOKEN, .name = token->claims.jti };
	struct answer_facts facts = exchange_facts(x, KIND, sender->client.id);
	facts.service = service->conf->id;
	facts.provider = token->claims.provider;
	facts.tenant = token->claims.tenant;
	facts.subject = token->claims.sub;
	facts.token_id = token->claims.jti;
	facts.authenticated = 1;
	int code = EMA_OK;
	if (strcmp(token->claims.client_id, sender->client.id)) {
		code = EMA_CLIENT_NOT_ALLOWED;
		failure_set(&failure, code, "the token was issued to another client");
	} else {
		code = marks_revoke(x->context->marks, &target, 0, token->claims.expires * 1000 + SKEW_MS, STORE_MS, &failure);
		if (!code)
			code = marks_kept(x->context->marks, STORE_MS, &failure);
	}
	answer(x, &facts, code, code ? failure.text : "the token was revoked by its client");
}

/* What is no token of ours, or none any more, needs no revoking (RFC 7009 2.2). Who tries tokens leaves a trail all the same. */
static void revoke_nothing(struct exchange *x, const struct sender *sender)
{
	struct answer_facts facts = exchange_facts(x, KIND, sender->client.id);
	facts.authenticated = 1;
	answer(x, &facts, EMA_OK, "nothing was revoked: it is no token of ours, or none any more");
}

void endpoint_revoke(struct exchange *x)
{
	struct sender sender;
	struct access_token token = { .memory = NULL };
	struct failure failure = FAILURE_INIT;
	x->place = METRICS_REVOKE;
	if (sender_read(x, KIND, &sender) || sender_authenticate(x, KIND, x->snapshot->clients, "/revoke", &sender))
		goto end;
	const char *text = form_value(&sender.form, "token");
	if (!text) {
		sender_refuse(x, KIND, &sender, EMA_BAD_REQUEST, "the parameter token is missing");
		goto end;
	}
	/* The hint is nothing that we need. */
	const struct service *service;
	int code = query_service(x, text, &service);
	if (!code)
		code = query_token(x, service, text, &token, &failure);
	if (!code)
		revoke(x, &sender, service, &token);
	else if (code_row(code)->retry)
		sender_refuse(x, KIND, &sender, code, failure.code ? failure.text : "no memory");
	else
		revoke_nothing(x, &sender);
end:
	access_free(&token);
	sender_end(&sender);
}
