#include "devidp.h"

#include <json-c/json.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base64url.h"

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* What a token can have wrong with it: each is one fault, so that a test sees the one refusal that it is about. */
static const char *const faults[] = {
	"algorithm-none", "audience", "audience-slash", "client", "duplicate", "expired", "future", "hs256", "issuer", "issuer-slash",
	"key-issuer", "lifetime", "no-jti", "no-sub", "not-before", "resource", "signature", "tenant", "typ", "unknown-key",
};

int order_set(struct order *order, const char *name, const char *value)
{
	static const struct {
		const char *name;
		size_t at;
	} texts[] = {
		{ "user", offsetof(struct order, user) }, { "service", offsetof(struct order, service) },
		{ "client", offsetof(struct order, client) }, { "resource", offsetof(struct order, resource) },
		{ "scope", offsetof(struct order, scope) }, { "tenant", offsetof(struct order, tenant) },
		{ "actor", offsetof(struct order, actor) }, { "type", offsetof(struct order, type) },
		{ "kind", offsetof(struct order, kind) }, { "bad", offsetof(struct order, bad) },
		{ "subject", offsetof(struct order, subject) },
	};
	char *end = NULL;

	if (!value)
		value = "";
	if (!strcmp(name, "persona")) {
		order->persona = persona_by_name(value, strlen(value));
		return order->persona == PERSONA_NONE ? -2 : 0;
	}
	if (!strcmp(name, "kind") && strcmp(value, "id_jag") && strcmp(value, "access_token") && strcmp(value, "id_token"))
		return -2;
	if (!strcmp(name, "bad")) {
		size_t i = 0;
		while (i < sizeof faults / sizeof *faults && strcmp(faults[i], value))
			i++;
		if (i == sizeof faults / sizeof *faults)
			return -2;
	}
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!strcmp(name, texts[i].name)) {
			memcpy((char *)order + texts[i].at, &value, sizeof value);
			return 0;
		}
	if (!strcmp(name, "lifetime") || !strcmp(name, "age")) {
		int64_t seconds = strtoll(value, &end, 10);
		if (!*value || *end || seconds < -86400 || seconds > 864000)
			return -2;
		*(*name == 'l' ? &order->lifetime : &order->age) = seconds;
		return 0;
	}
	if (!strcmp(name, "version")) {
		order->version = !strcmp(value, "1") ? 1 : 2;
		return !strcmp(value, "1") || !strcmp(value, "2") ? 0 : -2;
	}
	if (!strcmp(name, "claim")) {
		if (!strchr(value, '=') || order->claims_count == ORDER_CLAIMS_MOST)
			return -2;
		order->claims[order->claims_count++] = value;
		return 0;
	}
	int *flag = !strcmp(name, "app") ? &order->app : !strcmp(name, "overage") ? &order->overage : !strcmp(name, "saml") ? &order->saml : NULL;
	if (!flag)
		return -1;
	*flag = 1;
	return 0;
}

static void text(json_object *claims, const char *name, const char *value)
{
	if (value)
		json_object_object_add(claims, name, json_object_new_string(value));
}

static void number(json_object *claims, const char *name, int64_t value)
{
	json_object_object_add(claims, name, json_object_new_int64(value));
}

/* A member of the person, as it stands there. */
static void copy(json_object *claims, const char *name, json_object *person, const char *member)
{
	json_object *value = NULL;
	if (json_object_object_get_ex(person, member, &value))
		json_object_object_add(claims, name, json_object_get(value));
}

static const char *of(json_object *person, const char *member)
{
	json_object *value = NULL;
	return json_object_object_get_ex(person, member, &value) ? json_object_get_string(value) : NULL;
}

static int unique(json_object *claims, const char *name, const char *prefix)
{
	unsigned char bytes[16];
	char out[64];
	size_t length = strlen(prefix);

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return -1;
	memcpy(out, prefix, length);
	base64url_encode(bytes, sizeof bytes, out + length);
	text(claims, name, out);
	return 0;
}

/* Entra's sub is another one for each application: no use across two of them. */
static void pairwise(json_object *claims, const char *oid, const char *audience)
{
	unsigned char digest[32];
	char input[1024], out[BASE64URL_ROOM(sizeof digest) + 1];

	int n = snprintf(input, sizeof input, "%s %s", oid, audience);
	EVP_Digest(input, (size_t)n < sizeof input ? (size_t)n : sizeof input - 1, digest, NULL, EVP_sha256(), NULL);
	base64url_encode(digest, sizeof digest, out);
	text(claims, "sub", out);
}

static void azure_claims(json_object *claims, const struct order *order, json_object *person, const char *tenant)
{
	int v1 = order->version == 1;
	const char *oid = of(person, "oid");
	char endpoint[256];

	text(claims, v1 ? "appid" : "azp", order->client);
	text(claims, v1 ? "appidacr" : "azpacr", "1");
	if (oid)
		text(claims, "oid", oid);
	text(claims, "tid", tenant);
	text(claims, "ver", v1 ? "1.0" : "2.0");
	if (order->app) {
		text(claims, "sub", oid);
		text(claims, "idtyp", "app");
		copy(claims, "roles", person, "roles");
		return;
	}
	pairwise(claims, oid ? oid : "", order->service);
	text(claims, "scp", order->scope ? order->scope : "access_as_user");
	copy(claims, "name", person, "name");
	copy(claims, v1 ? "upn" : "preferred_username", person, "email");
	copy(claims, "roles", person, "roles");
	if (v1) {
		copy(claims, "unique_name", person, "email");
		text(claims, "acr", "1");
		json_object_object_add(claims, "amr", json_tokener_parse("[\"pwd\",\"mfa\"]"));
	}
	if (!order->overage) {
		copy(claims, "groups", person, "groups");
		return;
	}
	/* More than 200 groups: a place where to ask, in an API that is switched off. */
	snprintf(endpoint, sizeof endpoint, "https://graph.windows.net/%s/users/%s/getMemberObjects", tenant, oid ? oid : "");
	json_object *source = json_object_new_object(), *sources = json_object_new_object();
	text(source, "endpoint", endpoint);
	json_object_object_add(sources, "src1", source);
	json_object_object_add(claims, "_claim_names", json_tokener_parse("{\"groups\":\"src1\"}"));
	json_object_object_add(claims, "_claim_sources", sources);
}

static void person_claims(json_object *claims, const struct order *order, json_object *person, const char *kind)
{
	int okta = order->persona == PERSONA_OKTA;
	const char *actor = order->actor ? order->actor : okta ? "wlp0devidp0agent0" : "none";

	copy(claims, "sub", person, "sub");
	copy(claims, "email", person, "email");
	if (!strcmp(kind, "id_token")) {
		copy(claims, "name", person, "name");
		copy(claims, "groups", person, "groups"); /* Okta's organisation server has them here alone */
		return;
	}
	text(claims, "client_id", order->client);
	text(claims, "scope", order->scope);
	text(claims, "resource", order->resource);
	if (okta)
		text(claims, "sub_profile", "user");
	if (strcmp(actor, "none")) {
		json_object *act = json_object_new_object();
		text(act, "sub", actor);
		if (okta)
			text(act, "sub_profile", "ai_agent");
		json_object_object_add(claims, "act", act);
	}
	if (okta && order->saml) {
		json_object *id = json_object_new_object();
		text(id, "format", "saml-nameid");
		text(id, "issuer", "http://www.okta.com/exk0devidp0saml00");
		copy(id, "nameid", person, "email");
		text(id, "nameid_format", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified");
		json_object_object_add(claims, "sub_id", id);
	}
	if (!okta) {
		json_object_object_add(claims, "email_verified", json_object_new_boolean(1));
		copy(claims, "groups", person, "groups");
		copy(claims, "roles", person, "roles");
	}
}

static void times(json_object *claims, const struct order *order, int64_t usual, const char *bad)
{
	int64_t now = time(NULL) - order->age, lifetime = order->lifetime ? order->lifetime : usual;

	if (!strcmp(bad, "expired"))
		now -= lifetime + 3600;
	if (!strcmp(bad, "future"))
		now += 3600;
	if (!strcmp(bad, "lifetime"))
		lifetime = 10 * 86400;
	number(claims, "iat", now);
	number(claims, "exp", now + lifetime);
	if (order->persona == PERSONA_AZURE)
		number(claims, "nbf", now);
	if (!strcmp(bad, "not-before"))
		number(claims, "nbf", now + lifetime / 2 + 60);
}

/* Faults that stand in the claims. */
static void spoil_claims(json_object *claims, const struct order *order, const char *bad)
{
	char value[1024];

	if (!strcmp(bad, "audience"))
		text(claims, "aud", "https://other.example");
	if (!strcmp(bad, "audience-slash") && snprintf(value, sizeof value, "%s/", order->service) > 0)
		text(claims, "aud", value);
	if (!strcmp(bad, "issuer"))
		text(claims, "iss", "https://idp.other.example");
	if (!strcmp(bad, "issuer-slash") && snprintf(value, sizeof value, "%s/", of(claims, "iss")) > 0)
		text(claims, "iss", value);
	if (!strcmp(bad, "client"))
		text(claims, order->persona != PERSONA_AZURE ? "client_id" : order->version == 1 ? "appid" : "azp", "another-client");
	if (!strcmp(bad, "resource"))
		text(claims, "resource", "https://other.example/mcp");
	if (!strcmp(bad, "tenant"))
		text(claims, "tid", "00000000-0000-4000-8000-00000000bad1");
	if (!strcmp(bad, "no-jti"))
		json_object_object_del(claims, "jti");
	if (!strcmp(bad, "no-sub"))
		json_object_object_del(claims, "sub");
}

int order_fill(const struct order *order, const struct state *state, json_object *people, char **token, struct failure *failure)
{
	struct keyring ring = { { NULL }, 0, NULL };
	json_object *claims = NULL;
	const char *bad = order->bad ? order->bad : "", *tenant = order->tenant ? order->tenant : DEVIDP_TENANT, *type;
	const char *kind = order->kind ? order->kind : order->persona == PERSONA_AZURE ? "access_token" : "id_jag";
	int jag = !strcmp(kind, "id_jag"), access = !strcmp(kind, "access_token"), azure = order->persona == PERSONA_AZURE, code;
	struct order full = *order;
	char base[64], issuer[256], *payload = NULL;
	json_object *person = order->user ? people_find(people, order->user) : NULL;

	if (!person)
		return failure_set(failure, EMA_UNKNOWN_SUBJECT, "no such user: the built-in ones are alice, bob, erin, carol and dan");
	if (!order->service)
		return failure_set(failure, EMA_BAD_REQUEST, "--service: write the audience of the token");
	if (!state->ports[order->persona])
		return failure_set(failure, EMA_BAD_REQUEST, "%s does not run with this --state", persona_name(order->persona));
	if (!full.client)
		full.client = "devidp-client";
	if ((code = state_keys(state, order->persona, &ring, failure)))
		return code;

	claims = json_object_new_object();
	state_base(state, order->persona, base, sizeof base);
	if (azure)
		snprintf(issuer, sizeof issuer, "%s/%s/%s", base, tenant, order->version == 1 ? "" : "v2.0");
	else
		snprintf(issuer, sizeof issuer, "%s", base);
	text(claims, "iss", issuer);
	text(claims, "aud", order->service);
	times(claims, &full, jag ? 300 : azure ? 4500 : 3600, bad);
	if (azure && !jag)
		azure_claims(claims, &full, person, tenant);
	else
		person_claims(claims, &full, person, kind);
	if (azure && jag)
		text(claims, "tid", tenant);
	text(claims, "sub", order->subject);
	if (unique(claims, azure && !jag ? "uti" : "jti", order->persona == PERSONA_OKTA && jag ? "IDAAG." : "")) {
		code = failure_set(failure, EMA_INTERNAL, "no random bytes");
		goto done;
	}
	spoil_claims(claims, &full, bad);
	for (size_t i = 0; i < order->claims_count; i++) {
		const char *sign_at = strchr(order->claims[i], '=');
		char name[128];
		int n = snprintf(name, sizeof name, "%.*s", (int)(sign_at - order->claims[i]), order->claims[i]);
		json_object *value = json_tokener_parse(sign_at + 1);
		if (n < 0 || (size_t)n >= sizeof name || (!value && strcmp(sign_at + 1, "null"))) {
			code = failure_set(failure, EMA_BAD_REQUEST, "--claim: write NAME=JSON, for example level=3 or team='\"red\"'; null takes a claim away");
			goto done;
		}
		json_object_object_del(claims, name);
		if (value)
			json_object_object_add(claims, name, value);
	}

	const char *plain = json_object_to_json_string_ext(claims, PLAIN);
	size_t length = strlen(plain);
	if (!(payload = malloc(length + 64))) {
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a token");
		goto done;
	}
	memcpy(payload, plain, length + 1);
	if (!strcmp(bad, "duplicate"))
		memcpy(payload + length - 1, ",\"sub\":\"someone-else\"}", sizeof ",\"sub\":\"someone-else\"}");
	type = order->type ? order->type : !strcmp(bad, "typ") ? "secevent+jwt" : jag ? "oauth-id-jag+jwt" : access && !azure ? "at+jwt" : "JWT";
	code = order_sign(&full, &ring, type, payload, token, failure);
done:
	free(payload);
	json_object_put(claims);
	keyring_free(&ring);
	return code;
}
