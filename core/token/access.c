#include "access.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "buffer.h"
#include "jwt.h"
#include "subject.h"

#define TEXT_MOST 2048 /* bytes of one value */

static size_t replaced(const char *text, size_t length)
{
	size_t count = 0;
	for (size_t i = 0; i + 3 <= length; i++)
		count += !memcmp(text + i, "\xef\xbf\xbd", 3);
	return count;
}

/*
 * A string that is read as it was written, or a failure: two subjects must never become one because the writer of JSON replaced
 * what it does not write.
 */
static int put_string(struct buffer *out, const char *what, const char *text, struct failure *failure)
{
	size_t length = strlen(text), from = out->length;
	if (!length || length > TEXT_MOST)
		return failure_set(failure, EMA_BAD_CLAIM, "%s is empty or over %d bytes: it cannot stand in an access token", what, TEXT_MOST);
	buffer_json(out, text, length);
	if (out->failed)
		return EMA_OK; /* seen at the end */
	if (replaced(out->data + from, out->length - from) != replaced(text, length))
		return failure_set(failure, EMA_BAD_CLAIM, "%s has invalid UTF-8 or characters of text direction: it cannot stand in an access token", what);
	return EMA_OK;
}

/* ,"name":"text" unless text is NULL. */
static int put_member(struct buffer *out, const char *name, const char *text, struct failure *failure)
{
	if (!text)
		return EMA_OK;
	buffer_text(out, out->length && out->data[out->length - 1] == '{' ? "\"" : ",\"");
	buffer_text(out, name);
	buffer_text(out, "\":");
	return put_string(out, name, text, failure);
}

static int put_needed(struct buffer *out, const char *name, const char *text, struct failure *failure)
{
	return text ? put_member(out, name, text, failure) : failure_set(failure, EMA_BAD_CLAIM, "an access token without %s is not made", name);
}

static int put_strings(struct buffer *out, const char *name, const char *const *list, size_t count, size_t most, struct failure *failure)
{
	int code = EMA_OK;
	if (!count)
		return EMA_OK;
	if (count > most)
		return failure_set(failure, EMA_TOO_LARGE, "over %zu values of %s for an access token", most, name);
	buffer_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < count && !code; i++) {
		buffer_text(out, i ? "," : "");
		code = put_string(out, name, list[i], failure);
	}
	buffer_char(out, ']');
	return code;
}

/* RFC 6749 3.3 */
static int is_scope(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c < 0x21 || *c > 0x7e || *c == '"' || *c == '\\')
			return 0;
	return *text != 0;
}

static int put_scopes(struct buffer *out, const struct access_claims *claims, struct failure *failure)
{
	if (claims->scope_count > ACCESS_SCOPES_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "over %d scopes for an access token", ACCESS_SCOPES_MOST);
	for (size_t i = 0; i < claims->scope_count; i++) {
		if (!is_scope(claims->scopes[i]))
			return failure_set(failure, EMA_BAD_CLAIM, "a scope that cannot stand in an access token");
		buffer_printf(out, "%s%s", i ? " " : ",\"scope\":\"", claims->scopes[i]);
	}
	buffer_text(out, claims->scope_count ? "\"" : "");
	return EMA_OK;
}

/* ["name","source"] or ["name","source","tenant"]: half the size of members with names, in a token that goes with each request. */
static int put_names(struct buffer *out, const char *what, const struct access_name *list, size_t count, struct failure *failure)
{
	int code = EMA_OK;
	if (!count)
		return EMA_OK;
	if (count > ACCESS_NAMES_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "over %d %s for an access token", ACCESS_NAMES_MOST, what);
	buffer_printf(out, ",\"%s\":[", what);
	for (size_t i = 0; i < count && !code; i++) {
		buffer_text(out, i ? ",[" : "[");
		code = put_string(out, what, list[i].name, failure);
		buffer_char(out, ',');
		if (!code)
			code = put_string(out, what, list[i].source, failure);
		buffer_text(out, list[i].tenant ? "," : "");
		if (!code && list[i].tenant)
			code = put_string(out, what, list[i].tenant, failure);
		buffer_char(out, ']');
	}
	buffer_char(out, ']');
	return code;
}

static int put_actors(struct buffer *out, const struct access_claims *claims, struct failure *failure)
{
	int code = EMA_OK;
	if (claims->actor_count > ACCESS_ACTORS_MOST)
		return failure_set(failure, EMA_TOO_LARGE, "over %d actors for an access token", ACCESS_ACTORS_MOST);
	for (size_t i = 0; i < claims->actor_count && !code; i++) {
		buffer_text(out, ",\"act\":{\"sub\":");
		code = put_string(out, "act", claims->actors[i], failure);
	}
	for (size_t i = 0; i < claims->actor_count; i++)
		buffer_char(out, '}');
	return code;
}

static int put_binding(struct buffer *out, const struct access_claims *claims, struct failure *failure)
{
	const char *thumbprint = claims->jkt ? claims->jkt : claims->x5t;
	unsigned char bytes[64];
	if (!thumbprint)
		return EMA_OK;
	if ((claims->jkt && claims->x5t) || strlen(thumbprint) != 43 || base64url_decode(thumbprint, 43, bytes) != 32)
		return failure_set(failure, EMA_BAD_CLAIM, "cnf needs one SHA-256 thumbprint, of a DPoP key or of a certificate");
	buffer_printf(out, ",\"cnf\":{\"%s\":\"%s\"}", claims->jkt ? "jkt" : "x5t#S256", thumbprint);
	return EMA_OK;
}

static int put_login(struct buffer *out, const struct access_claims *claims, struct failure *failure)
{
	buffer_text(out, ",\"" ACCESS_LOGIN "\":{");
	int code = put_needed(out, "provider", claims->provider, failure);
	if (!code)
		code = put_member(out, "tenant", claims->tenant, failure);
	if (!code)
		code = put_needed(out, "sub", claims->sub, failure);
	if (!code)
		code = put_member(out, "person", claims->person, failure);
	if (!code)
		code = put_member(out, "view", claims->view, failure);
	if (!code)
		code = put_member(out, "acr", claims->acr, failure);
	if (!code)
		code = put_strings(out, "amr", claims->amr, claims->amr_count, ACCESS_AMR_MOST, failure);
	if (!code && claims->auth_time != JWT_ABSENT)
		buffer_printf(out, ",\"auth_time\":%" PRId64, claims->auth_time);
	if (!code)
		code = put_member(out, "email", claims->email, failure);
	if (!code)
		code = put_member(out, "name_id", claims->name_id, failure);
	if (!code)
		code = put_names(out, "groups", claims->groups, claims->group_count, failure);
	if (!code)
		code = put_names(out, "roles", claims->roles, claims->role_count, failure);
	buffer_char(out, '}');
	return code;
}

static int put_claims(struct buffer *out, const struct access_claims *claims, const char *subject, struct failure *failure)
{
	buffer_char(out, '{');
	int code = put_needed(out, "iss", claims->issuer, failure);
	if (!code)
		code = put_needed(out, "aud", claims->audience, failure);
	if (!code)
		code = put_needed(out, "sub", subject, failure);
	if (!code)
		code = put_needed(out, "client_id", claims->client_id, failure);
	if (!code)
		code = put_needed(out, "jti", claims->jti, failure);
	buffer_printf(out, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64, claims->issued, claims->expires);
	if (!code)
		code = put_scopes(out, claims, failure);
	if (!code)
		code = put_binding(out, claims, failure);
	if (!code)
		code = put_actors(out, claims, failure);
	if (!code)
		code = put_login(out, claims, failure);
	buffer_char(out, '}');
	return code;
}

int access_mint(struct keyring *keyring, const struct access_claims *claims, char **out, struct failure *failure)
{
	struct buffer payload = BUFFER_INIT(4 * JWS_PAYLOAD_MOST);
	const struct subject subject = { claims->provider, NULL, claims->tenant, claims->sub };
	char *text = claims->provider && claims->sub ? subject_text(&subject) : NULL, *token = NULL;
	int code = EMA_OK;
	if (!claims->provider || !claims->sub)
		code = failure_set(failure, EMA_BAD_CLAIM, "an access token without a subject is not made");
	else if (!text)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for an access token");
	else if (claims->expires <= claims->issued || claims->expires - claims->issued > ACCESS_LIFE_MOST)
		code = failure_set(failure, EMA_LIFETIME_TOO_LONG, "an access token lives for 1 s to %d s", ACCESS_LIFE_MOST);
	else
		code = put_claims(&payload, claims, text, failure);
	if (!code && payload.length > JWS_PAYLOAD_MOST)
		code = failure_set(failure, EMA_TOO_LARGE, "an access token's claims are over %d bytes: too many groups are named by the rules of the service",
		                   JWS_PAYLOAD_MOST);
	if (!code && payload.failed)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for an access token");
	if (!code)
		code = keyring_sign(keyring, ACCESS_TYPE, payload.data, payload.length, &token, failure);
	if (!code && strlen(token) > JWS_BYTES_MOST)
		code = failure_set(failure, EMA_TOO_LARGE, "an access token is over %d bytes: too many groups are named by the rules of the service", JWS_BYTES_MOST);
	if (code)
		free(token);
	else
		*out = token;
	buffer_free(&payload);
	free(text);
	return code;
}
