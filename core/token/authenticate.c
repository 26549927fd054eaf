/* Who is the client: the one way in which it may have come, and whether that proves it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "clients.h"
#include "secret.h"

#define BASIC_MOST 8192

int attempt_claim(struct attempt *attempt, const char *id)
{
	size_t length = id ? strlen(id) : 0;
	if (!length || length > CLIENT_ID_MOST)
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the client's id is absent, or over %d characters", CLIENT_ID_MOST);
	for (size_t i = 0; i < length; i++)
		if (id[i] < ' ' || id[i] > '~')
			return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the client's id has a character that is no printable ASCII");
	memcpy(attempt->found->claimed, id, length + 1);
	return EMA_OK;
}

int attempt_find(struct attempt *attempt)
{
	const struct clients_settings *settings = &attempt->clients->settings;
	const char *id = attempt->found->claimed;
	attempt->client = clients_find(attempt->clients, id);
	if (attempt->client)
		return EMA_OK;
	if (settings->documents && cimd_is_url(id))
		return cimd_get(settings->documents, settings->conf, id, attempt->request->deadline, &attempt->document, attempt->failure);
	return failure_set(attempt->failure, EMA_UNKNOWN_CLIENT, "there is no %s of this id", settings->which == CLIENTS_CALLERS ? "caller" : "client");
}

static int wrong_method(struct attempt *attempt, const char *came)
{
	return failure_set(attempt->failure, EMA_CLIENT_METHOD, "the client came with %s; ema.conf has another auth for it", came);
}

/* ---- Secrets ---- */

/*
 * What comes out must not tell whether there is such a client, and neither must the time that it takes: the secret is hashed
 * and compared first, with one that nobody has if need be, whoever came.
 */
static int secret_check(struct attempt *attempt, enum conf_auth auth, const char *secret, size_t length)
{
	const struct clients *clients = attempt->clients;
	const struct client *client = clients_find(clients, attempt->found->claimed);
	unsigned char hash[CLIENT_HASH], nobody[CLIENT_HASH] = { 0 };
	int fits = 0, late = 0, code = EMA_OK;
	if (clients_hash(clients, secret, length, hash))
		return failure_set(attempt->failure, EMA_INTERNAL, "HMAC failed for a client's secret");
	for (size_t i = 0; i < (client && client->secrets ? client->count : 1); i++) {
		const struct client_secret *one = client && client->secrets ? &client->secrets[i] : NULL;
		int same = secret_same(hash, one ? one->hash : nobody, CLIENT_HASH), counts = one && clients_counts(one->conf, attempt->request->now);
		fits |= same & counts;
		late |= same & (one && !counts);
	}
	if (!client)
		code = cimd_is_url(attempt->found->claimed) && clients->settings.documents ? wrong_method(attempt, "a secret") : attempt_find(attempt);
	else if (client->conf->auth != auth)
		code = wrong_method(attempt, auth == AUTH_SECRET_BASIC ? "client_secret_basic" : "client_secret_post");
	else if (!fits)
		code = failure_set(attempt->failure, EMA_CLIENT_REFUSED, late ? "the client's secret counts no more, or not yet" : "the client's secret is wrong");
	attempt->client = client;
	secret_wipe(hash, sizeof hash);
	return code;
}

/* RFC 6749 2.3.1: form-encoded, joined by a colon, in base64. In place; 0, or -1. */
static int basic_split(char *text, char **id, char **secret)
{
	long length = base64_decode(text, strlen(text));
	if (length < 0 || memchr(text, 0, (size_t)length))
		return -1;
	text[length] = 0;
	char *colon = strchr(text, ':');
	if (!colon)
		return -1;
	*colon = 0;
	*id = text;
	*secret = colon + 1;
	/* Control characters, written or encoded, are refused there. */
	long id_length = form_decode(*id, (size_t)(colon - text)), secret_length = form_decode(*secret, strlen(*secret));
	if (id_length < 0 || secret_length < 0)
		return -1;
	(*id)[id_length] = 0;
	(*secret)[secret_length] = 0;
	return 0;
}

static int by_basic(struct attempt *attempt)
{
	const char *header = attempt->request->authorizations[0], *also = form_value(attempt->request->form, "client_id");
	char *id = NULL, *secret = NULL;
	int code;
	if (strncasecmp(header, "Basic ", 6))
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the Authorization header has another scheme than Basic");
	size_t length = strlen(header);
	if (length > BASIC_MOST)
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the Authorization header is over %d bytes", BASIC_MOST);
	header += 6 + strspn(header + 6, " ");
	char *text = strdup(header);
	if (!text)
		return failure_set(attempt->failure, EMA_OUT_OF_MEMORY, "no memory");
	if (basic_split(text, &id, &secret))
		code = failure_set(attempt->failure, EMA_CLIENT_REFUSED, "Basic: no base64 of ID:SECRET, both form-encoded and without control characters");
	else if (!(code = attempt_claim(attempt, id)))
		code = also && strcmp(also, id) ? failure_set(attempt->failure, EMA_CLIENT_REFUSED, "client_id is not the client of the Authorization header") :
		                                  secret_check(attempt, AUTH_SECRET_BASIC, secret, strlen(secret));
	secret_wipe(text, strlen(header));
	free(text);
	return code;
}

static int by_post(struct attempt *attempt)
{
	const char *secret = form_value(attempt->request->form, "client_secret");
	int code = attempt_claim(attempt, form_value(attempt->request->form, "client_id"));
	return code ? code : secret_check(attempt, AUTH_SECRET_POST, secret, strlen(secret));
}

/* ---- Private keys ---- */

static int by_assertion(struct attempt *attempt)
{
	static const char urn[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
	const char *type = form_value(attempt->request->form, "client_assertion_type"), *assertion = form_value(attempt->request->form, "client_assertion");
	if (!type || strcmp(type, urn))
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "client_assertion_type is not %s", urn);
	if (!assertion)
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "client_assertion_type without client_assertion");
	return attempt_assertion(attempt, assertion);
}

/* ---- Certificates, and nothing at all ---- */

static int certificate_names(const struct client *client, const struct certificate *certificate)
{
	const struct conf_client *conf = client->conf;
	/* One of them alone is set. */
	return client->dn ? !strcmp(client->dn, certificate_subject(certificate)) :
	       conf->san_dns ? certificate_has_san(certificate, CERTIFICATE_DNS, conf->san_dns) :
	       conf->san_uri ? certificate_has_san(certificate, CERTIFICATE_URI, conf->san_uri) :
	       conf->san_ip ? certificate_has_san(certificate, CERTIFICATE_IP, conf->san_ip) :
	       conf->san_email ? certificate_has_san(certificate, CERTIFICATE_EMAIL, conf->san_email) : 0;
}

static int by_certificate(struct attempt *attempt)
{
	const struct client *client = attempt->client;
	const struct client_request *request = attempt->request;
	struct failure why = FAILURE_INIT;
	if (!request->certificate)
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the client came without a TLS certificate");
	if (certificate_dates(request->certificate, request->now, request->skew, &why))
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "%s", why.text);
	if (client->conf->auth == AUTH_TLS) {
		if (!request->certificate_verified)
			return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the chain of the client's certificate was not verified");
		if (!certificate_names(client, request->certificate))
			return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the client's certificate does not have the name that ema.conf has for it");
	} else {
		size_t i = 0;
		while (i < client->certificate_count && strcmp(certificate_thumbprint(client->certificates[i]), certificate_thumbprint(request->certificate)))
			i++;
		if (i == client->certificate_count)
			return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the client's certificate is none of those in its certificate_file");
	}
	memcpy(attempt->found->key, certificate_thumbprint(request->certificate), sizeof attempt->found->key);
	return EMA_OK;
}

static int by_nothing(struct attempt *attempt)
{
	const char *id = form_value(attempt->request->form, "client_id");
	if (!id)
		return failure_set(attempt->failure, EMA_CLIENT_REFUSED, "the request does not say which client it is from");
	int code = attempt_claim(attempt, id);
	if (code || (code = attempt_find(attempt)))
		return code;
	switch (attempt->client ? attempt->client->conf->auth : attempt->document->auth) {
	case AUTH_TLS:
	case AUTH_TLS_SELF_SIGNED:
		return by_certificate(attempt);
	case AUTH_NONE:
		return EMA_OK;
	default:
		return wrong_method(attempt, "client_id alone");
	}
}

/* ---- All of it ---- */

static void tell(struct attempt *attempt)
{
	const struct clients_settings *settings = &attempt->clients->settings;
	struct client_found *found = attempt->found;
	const struct conf_client *conf = attempt->client ? attempt->client->conf : &settings->conf->documents.client;
	found->id = found->claimed;
	found->conf = conf;
	found->auth = attempt->document ? attempt->document->auth : conf->auth;
	found->grants = conf->grants & (attempt->document ? attempt->document->grants : ~0u);
	found->public = found->auth == AUTH_NONE;
	found->needs_certificate = conf->certificate_bound;
	/* What proved nothing is held by a key at least; ema.conf may ask for a certificate instead. */
	found->needs_proof = conf->proof_required || (found->public && !conf->certificate_bound);
}

int client_authenticate(const struct clients *clients, const struct client_request *request, struct client_found *out,
                        struct failure *failure)
{
	struct attempt attempt = { .clients = clients, .request = request, .found = out, .failure = failure };
	int posted = form_value(request->form, "client_secret") != NULL, code;
	int asserted = form_value(request->form, "client_assertion") || form_value(request->form, "client_assertion_type");
	*out = (struct client_found){ .header = request->authorization_count > 0 };
	if (request->authorization_count > 1)
		return failure_set(failure, EMA_BAD_REQUEST, "there is more than one Authorization header");
	if (out->header + posted + asserted > 1)
		return failure_set(failure, EMA_BAD_REQUEST, "the client authenticates in more than one way (RFC 6749 2.3)");
	code = out->header ? by_basic(&attempt) : posted ? by_post(&attempt) : asserted ? by_assertion(&attempt) : by_nothing(&attempt);
	if (code == EMA_OK)
		tell(&attempt);
	cimd_release(attempt.document);
	return code;
}
