/* Token introspection (RFC 7662), for the resource servers and gateways that ema.conf lists as callers; signed (RFC 9701) if they
   want it so. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exchange.h"
#include "keyring.h"
#include "query.h"

#define KIND "introspection"
#define SIGNED "token-introspection+jwt"
#define ANSWER_MOST (4 * JWS_PAYLOAD_MOST) /* over what any token of ours says */

/* Its weight is 0 (RFC 9110 12.4.2); any other one is as good as none. */
static int is_refused(const char *parameters, size_t length)
{
	for (size_t i = 0; i + 1 < length; i++) {
		if (parameters[i] != ';')
			continue;
		size_t at = i + 1;
		while (at < length && (parameters[at] == ' ' || parameters[at] == '\t'))
			at++;
		if (at + 2 < length && (parameters[at] == 'q' || parameters[at] == 'Q') && parameters[at + 1] == '=')
			return strspn(parameters + at + 2, "0.") >= strcspn(parameters + at + 2, " \t;,");
	}
	return 0;
}

/* RFC 9701 4: its type stands in Accept. One that stands for several types does not ask for it. */
static int wants_signed(const struct ema_request *request)
{
	static const char type[] = "application/" SIGNED;
	const char *accept;
	for (size_t i = 0; (accept = request_header(request, "Accept", i)); i++)
		for (const char *c = accept; *c; c += *c == ',') {
			c += strspn(c, " \t");
			size_t length = strcspn(c, ","), name = strcspn(c, " \t;,");
			if (name == sizeof type - 1 && !strncasecmp(c, type, name) && !is_refused(c + name, length - name))
				return 1;
			c += length;
		}
	return 0;
}

/*
 * RFC 9701 5: all that is said of the token is in token_introspection, for this caller; with neither sub nor exp beside it, and its
 * own typ, it is no access token.
 */
static int sign(const struct exchange *x, const char *caller, const struct buffer *said, char **out)
{
	struct buffer payload = BUFFER_INIT(ANSWER_MOST);
	buffer_text(&payload, "{\"iss\":");
	buffer_json(&payload, x->issuer, strlen(x->issuer));
	buffer_text(&payload, ",\"aud\":");
	buffer_json(&payload, caller, strlen(caller));
	buffer_printf(&payload, ",\"iat\":%lld,\"token_introspection\":", (long long)x->now);
	buffer_append(&payload, said->data, said->length);
	buffer_char(&payload, '}');
	int code = payload.failed ? EMA_OUT_OF_MEMORY : x->context->keyring ? EMA_OK : EMA_KEYS_UNAVAILABLE;
	if (!code)
		code = keyring_sign(x->context->keyring, SIGNED, payload.data, payload.length, out, NULL);
	buffer_free(&payload);
	return code;
}

/* What is said of a token, as it was asked for. */
static void answer(struct exchange *x, const char *caller, const struct buffer *said, const char *id)
{
	char *jwt = NULL;
	const int is_signed = wants_signed(x->request);
	int code = said->failed ? EMA_OUT_OF_MEMORY : is_signed ? sign(x, caller, said, &jwt) : EMA_OK;
	if (code) {
		exchange_refuse(x, code, id);
	} else {
		exchange_no_store(x);
		response_header(x->response, "X-Request-ID", "%s", id);
		response_text(x->response, 200, is_signed ? "application/" SIGNED : "application/json", is_signed ? jwt : said->data);
	}
	free(jwt);
}

static void put_text(struct buffer *body, const char *name, const char *text)
{
	if (!text)
		return;
	buffer_printf(body, ",\"%s\":", name);
	buffer_json(body, text, strlen(text));
}

/* Nothing tells why (RFC 7662 2.2): expired, unknown, revoked and not for this caller look alike. */
static void answer_inactive(struct exchange *x, const char *caller, const char *id)
{
	struct buffer said = BUFFER_INIT(64);
	buffer_text(&said, "{\"active\":false}");
	answer(x, caller, &said, id);
	buffer_free(&said);
}

static void answer_active(struct exchange *x, const char *caller, const struct service *service, const struct ema_decision *d)
{
	struct buffer said = BUFFER_INIT(ANSWER_MOST), *body = &said;
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
	answer(x, caller, body, d->id);
	buffer_free(body);
}

static void introspect(struct exchange *x, struct sender *sender, const struct service *service, const char *token)
{
	struct ema_decision *decision = NULL;
	struct ema_request *request = request_new();
	int code = request ? request_set(request, EMA_REQUEST_REMOTE, x->remote) : EMA_OUT_OF_MEMORY;
	if (!code)
		code = request_set(request, REQUEST_CALLER, sender->client.id);
	if (!code)
		code = request_set(request, EMA_REQUEST_TRACEPARENT, request_traceparent(x->request));
	if (!code)
		code = request_credential(request, EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token));
	if (!code)
		code = context_introspect(x->context, service->conf->id, request, &decision);
	if (!code)
		answer_active(x, sender->client.id, service, decision);
	else if (decision && code_row(code)->token_status < 500)
		answer_inactive(x, sender->client.id, decision->id);
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
	if (sender_read(x, KIND, &sender) || sender_caller(x, KIND, CALLER_INTROSPECTION, "/introspect", &sender))
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
		answer_inactive(x, sender.client.id, decision->id);
	decision_free(decision);
end:
	sender_end(&sender);
}
