/* Token introspection (RFC 7662), for the resource servers and gateways that ema.conf lists as callers. */
#include <string.h>

#include "exchange.h"
#include "query.h"

#define KIND "introspection"

static void put_text(struct buffer *body, const char *name, const char *text)
{
	if (!text)
		return;
	buffer_printf(body, ",\"%s\":", name);
	buffer_json(body, text, strlen(text));
}

/* Nothing tells why (RFC 7662 2.2): expired, unknown, revoked and not for this caller look alike. */
static void answer_inactive(struct exchange *x, const char *id)
{
	exchange_no_store(x);
	response_header(x->response, "X-Request-ID", "%s", id);
	response_text(x->response, 200, "application/json", "{\"active\":false}");
}

static void answer_active(struct exchange *x, const struct service *service, const struct ema_decision *d)
{
	struct buffer *body = &x->response->body;
	x->response->status = 200;
	exchange_no_store(x);
	response_header(x->response, "Content-Type", "application/json");
	response_header(x->response, "X-Request-ID", "%s", d->id);
	buffer_text(body, "{\"active\":true");
	put_text(body, "iss", service->conf->issuer);
	put_text(body, "sub", d->subject);
	put_text(body, "aud", service->conf->resource);
	put_text(body, "client_id", d->client);
	put_text(body, "jti", d->token_id);
	put_text(body, "token_type", d->token_type);
	buffer_printf(body, ",\"iat\":%lld,\"exp\":%lld,\"scope\":\"", (long long)d->issued, (long long)d->expires);
	for (size_t i = 0; i < d->scopes.count; i++)
		buffer_printf(body, "%s%s", i ? " " : "", d->scopes.list[i]);
	buffer_char(body, '"');
	if (d->actor) {
		buffer_text(body, ",\"act\":{\"sub\":");
		buffer_json(body, d->actor, strlen(d->actor));
		buffer_char(body, '}');
	}
	if (d->bound_key || d->bound_certificate) {
		buffer_text(body, ",\"cnf\":{");
		if (d->bound_key)
			buffer_printf(body, "\"jkt\":\"%s\"", d->bound_key);
		if (d->bound_certificate)
			buffer_printf(body, "%s\"x5t#S256\":\"%s\"", d->bound_key ? "," : "", d->bound_certificate);
		buffer_char(body, '}');
	}
	buffer_char(body, '}');
}

static void introspect(struct exchange *x, struct sender *sender, const struct service *service, const char *token)
{
	struct ema_decision *decision = NULL;
	struct ema_request *request = request_new();
	int code = request ? request_set(request, EMA_REQUEST_REMOTE, x->remote) : EMA_OUT_OF_MEMORY;
	if (!code)
		code = request_set(request, REQUEST_CALLER, sender->client.id);
	if (!code)
		code = request_set(request, EMA_REQUEST_TRACEPARENT, x->request->items[EMA_REQUEST_TRACEPARENT]);
	if (!code)
		code = request_credential(request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token));
	if (!code)
		code = context_introspect(x->context, service->conf->id, request, &decision);
	if (!code)
		answer_active(x, service, decision);
	else if (decision && !code_row(code)->retry)
		answer_inactive(x, decision->id);
	else
		/* REV-11: that something could not be looked at is neither yes nor no. */
		exchange_refuse(x, code, decision ? decision->id : NULL);
	decision_free(decision);
	request_free(request);
}

void endpoint_introspect(struct exchange *x)
{
	struct sender sender;
	x->place = METRICS_INTROSPECT;
	if (sender_read(x, KIND, &sender) || sender_authenticate(x, KIND, x->snapshot->callers, "/introspect", &sender))
		goto end;
	const char *text = form_value(&sender.form, "token");
	if (!text) {
		sender_refuse(x, KIND, &sender, EMA_BAD_REQUEST, "the parameter token is missing");
		goto end;
	}
	const struct service *service;
	if (query_service(x, text, &service) == EMA_OUT_OF_MEMORY) {
		sender_refuse(x, KIND, &sender, EMA_OUT_OF_MEMORY, "no memory");
		goto end;
	}
	if (service && client_may_reach(&sender.client, service->conf->id)) {
		introspect(x, &sender, service, text);
		goto end;
	}
	struct answer_facts facts = exchange_facts(x, KIND, sender.client.id);
	facts.service = service ? service->conf->id : NULL;
	facts.authenticated = 1;
	struct ema_decision *decision = NULL;
	int code = context_answer(x->context, &facts, service ? EMA_CLIENT_NOT_ALLOWED : EMA_WRONG_AUDIENCE,
	                          service ? "the caller does not speak for the service that the token is for" : "the token is for no service here", &decision);
	if (code == EMA_AUDIT_UNAVAILABLE || !decision)
		exchange_refuse(x, code, decision ? decision->id : NULL);
	else
		answer_inactive(x, decision->id);
	decision_free(decision);
end:
	sender_end(&sender);
}
