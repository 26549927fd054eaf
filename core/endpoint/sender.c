/* What the form endpoints have in common: the form, and who sent it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"
#include "dpop.h"
#include "exchange.h"
#include "rates.h"

#define STORE_MS 2000
#define SENDER_MS 5000
#define SKEW 30

/*
 * An IPv6 host has as many addresses as it likes: its network is counted (RFC 4291 2.5.4). An IPv4 address counts as a whole,
 * however it is written.
 */
static void rate_name(const char *remote, char out[EXCHANGE_ADDRESS + 8])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned char bytes[16];
	size_t length = strlen(remote), used = sizeof "address/" - 1;
	if (conf_address(remote, length, bytes) < 0) {
		snprintf(out, EXCHANGE_ADDRESS + 8, "address/%.60s", remote);
		return;
	}
	memcpy(out, "address/", used + 1);
	buffer_hex(out + used, bytes, memcmp(bytes, mapped, sizeof mapped) ? 8 : sizeof bytes);
}

void sender_refuse(struct exchange *x, const char *kind, const struct sender *sender, int code, const char *text)
{
	struct ema_decision *decision = NULL;
	char name[EXCHANGE_ADDRESS + 8];
	if (x->snapshot && code != EMA_RATE_LIMITED) {
		const struct conf_rates *rates = &x->snapshot->conf->rates;
		rate_name(x->remote, name);
		/* One has been taken already. Our own trouble is no failure of theirs. */
		if (!code_row(code)->retry)
			limits_charge(x->context->limits, name, rates->address, rates->failure_cost - 1);
	}
	const struct answer_facts facts = exchange_facts(x, kind, sender ? sender->client.claimed : NULL);
	code = context_answer(x->context, &facts, code, text, &decision);
	/* RFC 6749 5.2: with the scheme that was used. */
	if (code_row(code)->token_status == 401 && sender && sender->client.header)
		response_header(x->response, "WWW-Authenticate", "Basic realm=\"ema\", charset=\"UTF-8\"");
	if (code == EMA_PROOF_NONCE) {
		char nonce[DPOP_NONCE];
		if (x->context->nonces && !dpop_nonce(x->context->nonces, x->now, nonce, NULL))
			response_header(x->response, "DPoP-Nonce", "%s", nonce);
	}
	exchange_refuse(x, code, decision ? decision->id : NULL);
	decision_free(decision);
}

static int has_type(const struct ema_request *request, const char *type)
{
	const char *value = request_header(request, "Content-Type", 0);
	if (!value || request_header(request, "Content-Type", 1) || request_header(request, "Content-Encoding", 0))
		return 0;
	size_t length = strcspn(value, ";");
	while (length && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	return length == strlen(type) && !strncasecmp(value, type, length);
}

static int certificate_is_verified(const struct exchange *x)
{
	const struct conf_certificates *conf = &x->snapshot->conf->client_certificates;
	const char *trusted = x->request->items[EMA_REQUEST_CERTIFICATE_TRUSTED];
	return x->proxied ? conf->verified : trusted && !strcmp(trusted, "1");
}

static int admit_rate(struct exchange *x, const char *kind)
{
	const int64_t most = x->snapshot->conf->rates.address;
	char name[EXCHANGE_ADDRESS + 8];
	if (most)
		rate_name(x->remote, name);
	int64_t wait = most ? limits_take(x->context->limits, name, most, 1) : 0;
	if (wait) {
		response_header(x->response, "Retry-After", "%lld", (long long)wait);
		sender_refuse(x, kind, NULL, EMA_RATE_LIMITED, "too many requests from this address (rates.address)");
		return x->code;
	}
	if (credential_in_query(x->query)) {
		sender_refuse(x, kind, NULL, EMA_SECRET_IN_URL, "a parameter that holds a secret stands in the query of the URL: it belongs into the body");
		return x->code;
	}
	return EMA_OK;
}

/* What costs little, before anything is read. */
static int admit(struct exchange *x, const char *kind)
{
	if (strcmp(x->method, "POST")) {
		exchange_method(x, "POST");
		return x->code;
	}
	if (!x->snapshot) {
		exchange_refuse(x, EMA_CONFIG, NULL);
		return x->code;
	}
	if (store_forgets_before(x->context->store, &x->forgets_before)) {
		sender_refuse(x, kind, NULL, EMA_STORE_UNAVAILABLE, "the store was not reached yet");
		return x->code;
	}
	return admit_rate(x, kind);
}

/* What tells who it is, beside the body. */
static void read_authorizations(const struct exchange *x, struct sender *sender)
{
	for (size_t i = 0; i < 4; i++) {
		const char *value = request_header(x->request, "Authorization", i);
		if (value)
			sender->authorizations[sender->authorization_count++] = value;
	}
}

static int read_sender(struct exchange *x, struct sender *sender, struct failure *failure)
{
	read_authorizations(x, sender);
	return credential_certificate(x->snapshot->conf, x->request, x->proxied, &sender->certificate, failure);
}

int sender_read(struct exchange *x, const char *kind, struct sender *sender)
{
	struct failure failure = FAILURE_INIT;
	*sender = (struct sender){ .authorization_count = 0 };
	if (admit(x, kind))
		return x->code;
	if (!has_type(x->request, "application/x-www-form-urlencoded")) {
		sender_refuse(x, kind, NULL, EMA_BAD_REQUEST, "the body is not application/x-www-form-urlencoded");
		return x->code;
	}
	int code = form_parse(x->request->body, x->request->body_length, &sender->form, &failure);
	if (!code)
		code = read_sender(x, sender, &failure);
	if (code) {
		/* Too large is a fault of the request here, not of a token. */
		sender_refuse(x, kind, NULL, code == EMA_TOO_LARGE ? EMA_BAD_REQUEST : code, failure.text);
		return x->code;
	}
	return EMA_OK;
}

int sender_read_json(struct exchange *x, const char *kind, struct sender *sender)
{
	struct failure failure = FAILURE_INIT;
	*sender = (struct sender){ .authorization_count = 0 };
	if (admit(x, kind))
		return x->code;
	if (!has_type(x->request, "application/json")) {
		sender_refuse(x, kind, NULL, EMA_BAD_REQUEST, "the body is not application/json");
		return x->code;
	}
	int code = read_sender(x, sender, &failure);
	if (code) {
		sender_refuse(x, kind, NULL, code, failure.text);
		return x->code;
	}
	return EMA_OK;
}

int sender_authenticate(struct exchange *x, const char *kind, const struct clients *clients, const char *endpoint, struct sender *sender)
{
	struct failure failure = FAILURE_INIT;
	char *url = route_url(x->issuer, endpoint);
	if (!url) {
		exchange_refuse(x, EMA_OUT_OF_MEMORY, NULL);
		return x->code;
	}
	struct client_request request = {
		.authorizations = sender->authorizations,
		.authorization_count = sender->authorization_count,
		.form = &sender->form,
		.certificate = sender->certificate,
		.certificate_verified = certificate_is_verified(x),
		.issuer = x->issuer,
		.endpoint = url,
		.store = x->context->store,
		.now = x->now,
		.skew = SKEW,
		.forgets_before = x->forgets_before,
		.deadline = clock_monotonic(&x->context->clock) + SENDER_MS,
		.store_ms = STORE_MS,
	};
	int code = client_authenticate(clients, &request, &sender->client, &failure);
	free(url);
	if (!code)
		return EMA_OK;
	/* Resource servers and gateways are told how, too, if they came without (RFC 9110 15.5.2). */
	sender->client.header |= clients == x->snapshot->callers && clients_methods(clients) & AUTH_BIT(AUTH_SECRET_BASIC);
	sender_refuse(x, kind, sender, code, failure.text);
	return x->code;
}

unsigned sender_ways(const struct exchange *x, unsigned purpose)
{
	const struct conf *conf = x->snapshot->conf;
	unsigned ways = 0;
	for (size_t i = 0; i < conf->caller_count; i++)
		if (conf->callers[i].purposes & purpose)
			ways |= AUTH_BIT(conf->callers[i].auth);
	return ways;
}

/* Asked when it is proven who it is: a stranger learns nothing of what callers may. */
static int admit_purpose(const struct client_found *found, unsigned purpose, struct failure *failure)
{
	const char *word = purpose == CALLER_METRICS ? "metrics" : purpose == CALLER_AUTHZEN ? "authzen" : "introspection";
	if (found->conf->purposes & purpose)
		return EMA_OK;
	return failure_set(failure, EMA_CLIENT_NOT_ALLOWED, "the caller is not there for this: its purposes lack \"%s\"", word);
}

int sender_caller(struct exchange *x, const char *kind, unsigned purpose, const char *endpoint, struct sender *sender)
{
	struct failure failure = FAILURE_INIT;
	if (sender_authenticate(x, kind, x->snapshot->callers, endpoint, sender))
		return x->code;
	int code = admit_purpose(&sender->client, purpose, &failure);
	if (!code)
		return EMA_OK;
	sender_refuse(x, kind, sender, code, failure.text);
	return x->code;
}

int sender_basic(struct exchange *x, const char *kind, unsigned purpose, struct sender *sender)
{
	struct failure failure = FAILURE_INIT;
	int code;
	*sender = (struct sender){ .authorization_count = 0 };
	if (!x->snapshot) {
		exchange_refuse(x, EMA_CONFIG, NULL);
		return x->code;
	}
	if (admit_rate(x, kind))
		return x->code;
	read_authorizations(x, sender);
	const struct clients *callers = x->snapshot->callers;
	struct client_request request = {
		.authorizations = sender->authorizations,
		.authorization_count = sender->authorization_count,
		.form = &sender->form,
		.now = x->now,
		.skew = SKEW,
	};
	if (!(sender_ways(x, purpose) & AUTH_BIT(AUTH_SECRET_BASIC)))
		code = failure_set(&failure, EMA_UNKNOWN_CLIENT, "who is not on this host must be one of the callers for metrics, and there is none: write "
				   "callers = ( { id = \"prometheus\"; auth = \"client_secret_basic\"; secret = { file = ...; }; purposes = [\"metrics\"]; } )");
	else if (!sender->authorization_count)
		code = failure_set(&failure, EMA_CLIENT_REFUSED, "who is not on this host, or comes by a proxy, must be one of the callers, and has no Authorization header");
	else
		code = client_authenticate(callers, &request, &sender->client, &failure);
	if (!code)
		code = admit_purpose(&sender->client, purpose, &failure);
	/* There is no other way to come here: its name is told to who came without, too (RFC 9110 11.6.1). */
	sender->client.header = 1;
	if (!code)
		return EMA_OK;
	sender_refuse(x, kind, sender, code, failure.text);
	return x->code;
}

void sender_end(struct sender *sender)
{
	form_free(&sender->form);
	certificate_close(sender->certificate);
}
