/* private_key_jwt: RFC 7523 3 as RFC 10070 updates it. */
#include <openssl/evp.h>
#include <string.h>

#include "clients.h"
#include "jws.h"
#include "jwt.h"
#include "selection.h"

#define ASSERTION_LIFE_MOST 3600 /* seconds from exp back to now: so long its jti is remembered */
#define ASSERTION_JTI_MOST 255
#define ASSERTION_PREFIX "client/"
#define ASSERTION_DIGEST 32

#define REFUSED(a, ...) failure_set((a)->failure, EMA_CLIENT_REFUSED, __VA_ARGS__)

/* What went wrong inside: our own outages stay what they are, all else is the client's. */
static int refused(struct attempt *attempt, int code, const struct failure *why)
{
	switch (code) {
	case EMA_OUT_OF_MEMORY:
	case EMA_INTERNAL:
	case EMA_CLOCK_WRONG:
		break;
	case EMA_KEYS_UNAVAILABLE:
	case EMA_TIMEOUT:
		code = EMA_CLIENT_UNAVAILABLE;
		break;
	default:
		code = EMA_CLIENT_REFUSED;
	}
	return failure_set(attempt->failure, code, "client assertion: %.440s", why->text);
}

/* Before the signature: whom to look for. */
static int assertion_claim(struct attempt *attempt, const struct jws *jws, const struct json *claims)
{
	const struct json_node *root = json_root(claims);
	const char *issuer = json_string(json_member(claims, root, "iss")), *subject = json_string(json_member(claims, root, "sub"));
	const char *also = form_value(attempt->request->form, "client_id");
	/* RFC 8725 3.11: a token of another kind, signed by the same key, is none. */
	if (jws->type[0] && strcmp(jws->type, "jwt") && strcmp(jws->type, "client-authentication+jwt"))
		return REFUSED(attempt, "client assertion: its typ is that of another kind of token");
	int code = attempt_claim(attempt, subject);
	if (code)
		return code;
	if (!issuer || strcmp(issuer, subject))
		return REFUSED(attempt, "client assertion: iss and sub are not both the client's id");
	if (also && strcmp(also, subject))
		return REFUSED(attempt, "client assertion: client_id is another client than sub");
	return EMA_OK;
}

static int document_try(struct attempt *attempt, const struct jws *jws, struct keyset_verdict *verdict, struct failure *why)
{
	const struct cimd_document *document = attempt->document;
	unsigned allowed = attempt->clients->settings.conf->documents.client.algorithms;
	const struct jwk *key = NULL;
	if (document->auth != AUTH_PRIVATE_KEY_JWT)
		return failure_set(why, EMA_CLIENT_METHOD, "the client's document has no keys any more");
	if (document->keyset)
		return keyset_verify(document->keyset, jws, allowed, NULL, NULL, attempt->request->deadline, verdict, why);
	int code = selection_verify(document->keys, jws, allowed, NULL, NULL, 1, &key, why);
	if (!code)
		memcpy(verdict->thumbprint, jwk_thumbprint(key), sizeof verdict->thumbprint);
	return code;
}

/* Keys that stand in the document itself are looked for anew there, as a key set does it by itself. */
static int document_verify(struct attempt *attempt, const struct jws *jws, struct keyset_verdict *verdict, struct failure *why)
{
	const struct clients_settings *settings = &attempt->clients->settings;
	const struct cimd_document *before = attempt->document, *now = NULL;
	struct failure renewal = FAILURE_INIT;
	int code = document_try(attempt, jws, verdict, why);
	if (before->keyset || (code != EMA_UNKNOWN_KEY && code != EMA_BAD_SIGNATURE))
		return code;
	int renewed = cimd_renew(settings->documents, settings->conf, before, attempt->request->deadline, &now, &renewal);
	if (renewed) {
		failure_clear(why);
		return failure_set(why, renewed == EMA_CLIENT_UNAVAILABLE ? EMA_KEYS_UNAVAILABLE : renewed, "%s", renewal.text);
	}
	attempt->document = now;
	if (now != before) {
		failure_clear(why);
		code = document_try(attempt, jws, verdict, why);
	}
	cimd_release(before);
	return code;
}

/* With any of the client's sources of keys that count now; that one of them is away does not stop another. */
static int assertion_verify(struct attempt *attempt, const struct jws *jws)
{
	const struct client *client = attempt->client;
	struct keyset_verdict verdict = { 0 };
	struct failure first = FAILURE_INIT, away = FAILURE_INIT;
	int code = EMA_UNKNOWN_KEY;
	if (attempt->document) {
		code = document_verify(attempt, jws, &verdict, &first);
	} else {
		for (size_t i = 0; i < client->count && code != EMA_OK; i++) {
			struct failure why = FAILURE_INIT;
			if (!clients_counts(client->keys[i].conf, attempt->request->now))
				continue;
			code = keyset_verify(client->keys[i].keyset, jws, client->conf->algorithms, NULL, NULL, attempt->request->deadline, &verdict, &why);
			if (code == EMA_KEYS_UNAVAILABLE || code == EMA_TIMEOUT)
				failure_set(&away, code, "%s", why.text);
			else if (code)
				failure_set(&first, code, "%s", why.text);
		}
	}
	if (code == EMA_OK) {
		memcpy(attempt->found->key, verdict.thumbprint, sizeof attempt->found->key);
		return EMA_OK;
	}
	if (away.code)
		return refused(attempt, away.code, &away);
	failure_set(&first, EMA_UNKNOWN_KEY, "none of the client's keys counts at this time");
	return refused(attempt, first.code, &first);
}

/* The issuer, alone: RFC 10070 4. What it is instead is told, since older libraries write the token endpoint. */
static int assertion_audience(struct attempt *attempt, const struct json *claims)
{
	const struct client_request *request = attempt->request;
	const struct json_node *node = json_member(claims, json_root(claims), "aud");
	const char *audience = json_string(json_is(node, JSON_ARRAY) && node->count == 1 ? json_first(claims, node) : node);
	if (json_is(node, JSON_ARRAY) && node->count != 1)
		return REFUSED(attempt, "client assertion: aud has %u values; it must be the issuer alone, %.200s", node->count, request->issuer);
	if (!audience)
		return REFUSED(attempt, "client assertion: aud is absent or no string; it must be the issuer, %.200s", request->issuer);
	if (!strcmp(audience, request->issuer))
		return EMA_OK;
	if (request->endpoint && !strcmp(audience, request->endpoint))
		return REFUSED(attempt, "client assertion: aud is the URL of the endpoint, as older libraries write it; RFC 10070 wants the issuer, %.200s: "
		               "update the client or its setting", request->issuer);
	return REFUSED(attempt, "client assertion: aud is not the issuer, %.200s, byte for byte", request->issuer);
}

static int assertion_remembered(struct attempt *attempt, int64_t issued, int64_t forgets_before)
{
	return issued < forgets_before ? REFUSED(attempt, "client assertion: issued before the store began to remember: it may have been used then") : EMA_OK;
}

/* *issue: JWT_ABSENT where the store forgets nothing, and it says none. */
static int assertion_times(struct attempt *attempt, const struct json *claims, int64_t *expires, int64_t *issue)
{
	const struct client_request *request = attempt->request;
	const struct json_node *root = json_root(claims), *issued = json_member(claims, root, "iat"), *before = json_member(claims, root, "nbf");
	struct jwt_times times = { .now = request->now, .skew = request->skew, .expires = JWT_ABSENT, .issued = JWT_ABSENT, .not_before = JWT_ABSENT,
	                           /* Without iat a store that forgot could not be told from one that never knew. */
	                           .need_issued = request->forgets_before != 0 };
	const struct json_node *end = json_member(claims, root, "exp");
	struct failure why = FAILURE_INIT;
	if ((end && !json_date(end, &times.expires)) || (issued && !json_date(issued, &times.issued)) || (before && !json_date(before, &times.not_before)))
		return REFUSED(attempt, "client assertion: exp, iat or nbf is no number of seconds");
	int code = jwt_check_times(&times, &why);
	if (code)
		return refused(attempt, code, &why);
	if (times.expires - request->now > ASSERTION_LIFE_MOST + request->skew)
		return REFUSED(attempt, "client assertion: exp is over %d s ahead", ASSERTION_LIFE_MOST);
	*expires = times.expires;
	*issue = times.issued;
	return request->forgets_before ? assertion_remembered(attempt, times.issued, request->forgets_before) : EMA_OK;
}

/* Once for a client, at whatever endpoint. */
static int assertion_take(struct attempt *attempt, const char *jti, int64_t expires, int64_t issued)
{
	const struct client_request *request = attempt->request;
	const char *id = attempt->found->claimed;
	unsigned char key[sizeof ASSERTION_PREFIX - 1 + ASSERTION_DIGEST];
	/* With its NUL, so that no two pairs are one string. Those of unregistered clients share one quota: there may be many. */
	char quota[CLIENT_ID_MOST + 16] = "client-documents";
	if (!attempt->document) {
		memcpy(quota, ASSERTION_PREFIX, sizeof ASSERTION_PREFIX - 1);
		memcpy(quota + sizeof ASSERTION_PREFIX - 1, id, strlen(id) + 1);
	}
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	int done = digest && EVP_DigestInit_ex(digest, store_sha256(request->store), NULL) == 1 && EVP_DigestUpdate(digest, id, strlen(id) + 1) == 1 &&
	           EVP_DigestUpdate(digest, jti, strlen(jti)) == 1 && EVP_DigestFinal_ex(digest, key + sizeof ASSERTION_PREFIX - 1, NULL) == 1;
	EVP_MD_CTX_free(digest);
	if (!done)
		return failure_set(attempt->failure, EMA_INTERNAL, "SHA-256 failed for a client assertion");
	memcpy(key, ASSERTION_PREFIX, sizeof ASSERTION_PREFIX - 1);
	/* A second more than it could be taken. */
	int64_t until = (expires + request->skew + 1) * 1000, forgets_before = 0;
	switch (store_put_if_absent(request->store, quota, key, sizeof key, "1", 1, until, 1, request->store_ms)) {
	case EMA_OK:
		if (!request->forgets_before)
			return EMA_OK;
		if (store_forgets_before(request->store, &forgets_before))
			return failure_set(attempt->failure, EMA_STORE_UNAVAILABLE, "the store does not know since when it remembers client assertions");
		return assertion_remembered(attempt, issued, forgets_before);
	case EMA_EXISTS:
		return failure_set(attempt->failure, EMA_CLIENT_REPLAYED, "client assertion: used before (jti)");
	case EMA_STORE_FULL:
		return failure_set(attempt->failure, EMA_STORE_FULL, "the store has no room for another assertion of this client");
	case EMA_OUT_OF_MEMORY:
		return failure_set(attempt->failure, EMA_OUT_OF_MEMORY, "no memory for a client assertion");
	default:
		return failure_set(attempt->failure, EMA_STORE_UNAVAILABLE, "the store could not remember a client assertion");
	}
}

static int assertion_check(struct attempt *attempt, const struct jws *jws, const struct json *claims)
{
	int64_t expires = 0, issued = 0;
	const char *jti = json_string(json_member(claims, json_root(claims), "jti"));
	int code = assertion_claim(attempt, jws, claims);
	if (code || (code = attempt_find(attempt)))
		return code;
	if ((attempt->client ? attempt->client->conf->auth : attempt->document->auth) != AUTH_PRIVATE_KEY_JWT)
		return failure_set(attempt->failure, EMA_CLIENT_METHOD, "the client came with private_key_jwt; it is registered for another auth");
	if ((code = assertion_verify(attempt, jws)) || (code = assertion_audience(attempt, claims)) || (code = assertion_times(attempt, claims, &expires, &issued)))
		return code;
	if (!jti || !*jti || strlen(jti) > ASSERTION_JTI_MOST)
		return REFUSED(attempt, "client assertion: jti is absent, or not 1 to %d bytes", ASSERTION_JTI_MOST);
	return assertion_take(attempt, jti, expires, issued);
}

int attempt_assertion(struct attempt *attempt, const char *assertion)
{
	struct jws jws;
	struct json claims = { 0 };
	struct failure why = FAILURE_INIT;
	int code = jws_parse(assertion, strlen(assertion), &jws, &why);
	if (code)
		return refused(attempt, code, &why);
	code = jws_claims(&jws, &claims, &why);
	code = code ? refused(attempt, code, &why) : assertion_check(attempt, &jws, &claims);
	json_free(&claims);
	jws_free(&jws);
	return code;
}
