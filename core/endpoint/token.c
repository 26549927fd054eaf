/* The token endpoint: an ID-JAG in, an access token out (RFC 7523, the ID-JAG draft). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpop.h"
#include "exchange.h"
#include "jws.h"
#include "rates.h"

#define KIND "redemption"
#define GRANT "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define RESOURCES_MOST FORM_FIELDS_MOST /* each of them counts */
#define PROOFS_MOST 3
#define STORE_MS 2000
#define SKEW 30
#define NAME_MOST (CLIENT_ID_MOST + 1024)

/* What needs neither a client nor a key: RFC 6749 3.2, 5.2. */
static int cheap(struct exchange *x, const struct sender *sender)
{
	const char *grant = form_value(&sender->form, "grant_type"), *assertion = form_value(&sender->form, "assertion");
	int code = EMA_OK;
	const char *text = NULL;
	if (!grant) {
		code = EMA_BAD_REQUEST;
		text = "the parameter grant_type is missing";
	} else if (strcmp(grant, GRANT)) {
		code = EMA_UNSUPPORTED_GRANT;
		text = "the grant type is none that is taken here: " GRANT " is";
	} else if (!assertion) {
		code = EMA_BAD_REQUEST;
		text = "the parameter assertion is missing";
	} else if (strlen(assertion) > JWS_BYTES_MOST) {
		code = EMA_TOO_LARGE;
		text = "the assertion is over 16384 bytes";
	}
	if (code)
		sender_refuse(x, KIND, sender, code, text);
	return code;
}

/*
 * One client's redemptions for one subject; before anything was verified, so that a flood costs nothing (JAG-09). What follows
 * the client's id, the client chooses: with its length, no choice makes it another client's. -1: no memory.
 */
static int subject_name(const struct exchange *x, const struct sender *sender, const char *assertion, char out[NAME_MOST])
{
	struct jws jws = { .token = NULL };
	struct json claims = { .count = 0 };
	const char *issuer = NULL, *subject = NULL;
	int code = jws_parse(assertion, strlen(assertion), &jws, NULL);
	if (!code)
		code = jws_claims(&jws, &claims, NULL);
	if (!code) {
		issuer = json_string(json_at(&claims, "/iss"));
		subject = json_string(json_at(&claims, "/sub"));
	}
	/* A client that proves nothing could spend what another user of its id has. */
	snprintf(out, NAME_MOST, "subject/%zu/%s/%.60s/%.300s/%.300s", strlen(sender->client.id), sender->client.id, sender->client.public ? x->remote : "",
	         issuer ? issuer : "", subject ? subject : "");
	json_free(&claims);
	jws_free(&jws);
	return code == EMA_OUT_OF_MEMORY ? -1 : 0;
}

static int check_proof(struct exchange *x, struct sender *sender, struct dpop_proof *proof, const struct dpop_proof **out)
{
	const char *proofs[PROOFS_MOST];
	struct failure failure = FAILURE_INIT;
	size_t count = 0;
	*out = NULL;
	while (count < PROOFS_MOST && (proofs[count] = request_header(x->request, "DPoP", count)))
		count++;
	if (!count)
		return EMA_OK;
	char *url = route_url(x->issuer, "/token");
	if (!url) {
		exchange_refuse(x, EMA_OUT_OF_MEMORY, NULL);
		return x->code;
	}
	struct dpop_request request = { .proofs = proofs, .proof_count = count, .method = "POST", .url = url, .nonces = x->context->nonces,
		                        .store = x->context->store, .now = x->now, .skew = SKEW, .forgets_before = x->forgets_before,
		                        .store_ms = STORE_MS, .quota = sender->client.public ? DPOP_QUOTA_STRANGERS : NULL };
	int code = dpop_check(&request, proof, &failure);
	free(url);
	if (code) {
		sender_refuse(x, KIND, sender, code, failure.text);
		return x->code;
	}
	*out = proof;
	return EMA_OK;
}

static void answer_token(struct exchange *x, const struct ema_decision *d)
{
	struct buffer *body = &x->response->body;
	x->response->status = 200;
	exchange_no_store(x);
	response_header(x->response, "Content-Type", "application/json");
	response_header(x->response, "X-Request-ID", "%s", d->id);
	buffer_text(body, "{\"access_token\":");
	buffer_json(body, d->token, strlen(d->token));
	buffer_printf(body, ",\"token_type\":\"%s\",\"expires_in\":%lld,\"scope\":\"", d->token_type, (long long)d->token_lifetime);
	/* RFC 6749 3.3: no character of a scope needs an escape. */
	for (size_t i = 0; i < d->scopes.count; i++)
		buffer_printf(body, "%s%s", i ? " " : "", d->scopes.list[i]);
	buffer_text(body, "\",\"resource\":");
	buffer_json(body, d->resource, strlen(d->resource));
	buffer_text(body, "}");
}

static void redeem(struct exchange *x, struct sender *sender, const struct dpop_proof *proof)
{
	const char *resources[RESOURCES_MOST], *assertion = form_value(&sender->form, "assertion"), *scope = form_value(&sender->form, "scope");
	struct redemption redemption = { .issuer = x->issuer, .client = &sender->client, .resources = resources, .proof = proof,
		                         .certificate = sender->certificate ? certificate_thumbprint(sender->certificate) : NULL };
	struct ema_request *request = request_new();
	struct ema_decision *decision = NULL;
	while (redemption.resource_count < RESOURCES_MOST &&
	       (resources[redemption.resource_count] = form_value_at(&sender->form, "resource", redemption.resource_count)))
		redemption.resource_count++;
	int code = request ? EMA_OK : EMA_OUT_OF_MEMORY;
	if (!code)
		code = request_set(request, EMA_REQUEST_CLIENT_ID, sender->client.id);
	if (!code)
		code = request_set(request, EMA_REQUEST_REMOTE, x->remote);
	if (!code)
		code = request_set(request, EMA_REQUEST_SCOPE, scope);
	if (!code)
		code = request_set(request, EMA_REQUEST_TRACEPARENT, request_traceparent(x->request));
	if (!code)
		code = request_credential(request, EMA_CREDENTIAL_ID_JAG, assertion, strlen(assertion));
	if (code) {
		sender_refuse(x, KIND, sender, code, "the request could not be taken apart");
	} else {
		code = context_redeem(x->context, &redemption, request, &decision);
		if (code == EMA_WEAK_AUTHENTICATION) {
			x->acr_values = decision->acr_values;
			x->max_age = decision->max_age;
		}
		if (code == EMA_OK)
			answer_token(x, decision);
		else
			exchange_refuse(x, code, decision ? decision->id : NULL);
	}
	decision_free(decision);
	request_free(request);
}

void endpoint_token(struct exchange *x)
{
	struct sender sender;
	struct dpop_proof proof;
	const struct dpop_proof *proven = NULL;
	char name[NAME_MOST] = "";
	x->place = METRICS_TOKEN;
	if (sender_read(x, KIND, &sender) || cheap(x, &sender) || sender_authenticate(x, KIND, x->snapshot->clients, "/token", &sender))
		goto end;
	if (!client_may_redeem(&sender.client)) {
		sender_refuse(x, KIND, &sender, EMA_CLIENT_NOT_ALLOWED, "the client is not registered for the jwt-bearer grant");
		goto end;
	}
	if (form_value(&sender.form, "authorization_details")) {
		sender_refuse(x, KIND, &sender, EMA_BAD_DETAILS, "the request has authorization_details, and no type of them is registered");
		goto end;
	}
	const struct conf_rates *rates = &x->snapshot->conf->rates;
	if (rates->subject && subject_name(x, &sender, form_value(&sender.form, "assertion"), name)) {
		sender_refuse(x, KIND, &sender, EMA_OUT_OF_MEMORY, "no memory");
		goto end;
	}
	int64_t wait = limits_take(x->context->limits, name, rates->subject, 1);
	if (wait) {
		response_header(x->response, "Retry-After", "%lld", (long long)wait);
		sender_refuse(x, KIND, &sender, EMA_RATE_LIMITED, "too many redemptions by this client for this subject (rates.subject)");
		goto end;
	}
	if (check_proof(x, &sender, &proof, &proven))
		goto end;
	redeem(x, &sender, proven);
	if (x->code && !code_row(x->code)->retry)
		limits_charge(x->context->limits, name, rates->subject, rates->failure_cost - 1);
end:
	sender_end(&sender);
}
