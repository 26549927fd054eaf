#include "document.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#define DOCUMENT_FINGERPRINT_MOST ((size_t)8192)
#define DOCUMENT_URI_MOST 2048
#define DOCUMENT_DEPTH 16

static const struct json_limits document_limits = { .bytes = CIMD_BYTES_MOST, .depth = DOCUMENT_DEPTH, .nodes = 1024, .string = 4096 };

struct document_reading {
	const struct json *json;
	const char *url;
	struct document *document;
	struct failure *failure;
};

#define REFUSED(r, ...) failure_set((r)->failure, EMA_CLIENT_REFUSED, __VA_ARGS__)

/* As text again, for the one reader of key sets. The parser has bounded the depth. */
static void print_node(const struct json *json, const struct json_node *node, struct buffer *out)
{
	switch (node->type) {
	case JSON_NULL:
		buffer_text(out, "null");
		return;
	case JSON_FALSE:
		buffer_text(out, "false");
		return;
	case JSON_TRUE:
		buffer_text(out, "true");
		return;
	case JSON_NUMBER:
		buffer_append(out, node->text, node->length);
		return;
	case JSON_STRING:
		buffer_json(out, node->text, node->length);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	buffer_char(out, node->type == JSON_ARRAY ? '[' : '{');
	for (const struct json_node *child = json_first(json, node); child; child = json_next(json, child)) {
		if (child != json_first(json, node))
			buffer_char(out, ',');
		if (node->type == JSON_OBJECT) {
			buffer_json(out, child->name, child->name_length);
			buffer_char(out, ':');
		}
		print_node(json, child, out);
	}
	buffer_char(out, node->type == JSON_ARRAY ? ']' : '}');
}

static const struct json_node *member(const struct document_reading *r, const char *name)
{
	return json_member(r->json, json_root(r->json), name);
}

/* 1 if the member is a list in which value stands; *wrong: it is there and no list of strings. */
static int lists(const struct document_reading *r, const char *name, const char *value, int *wrong)
{
	const struct json_node *node = member(r, name);
	int found = 0;
	if (node && !json_is(node, JSON_ARRAY))
		*wrong = 1;
	for (const struct json_node *item = json_is(node, JSON_ARRAY) ? json_first(r->json, node) : NULL; item; item = json_next(r->json, item)) {
		const char *text = json_string(item);
		if (!text)
			*wrong = 1;
		else if (!strcmp(text, value))
			found = 1;
	}
	return found;
}

static int read_keys(struct document_reading *r)
{
	const struct json_node *jwks = member(r, "jwks"), *uri = member(r, "jwks_uri");
	struct buffer text = BUFFER_INIT((size_t)4 * CIMD_BYTES_MOST);
	struct failure why = FAILURE_INIT;
	if (jwks && uri)
		return REFUSED(r, "%.200s has jwks and jwks_uri: one of them is wanted", r->url);
	if (uri) {
		const char *where = json_string(uri);
		if (!where || !*where || strlen(where) > DOCUMENT_URI_MOST)
			return REFUSED(r, "%.200s: jwks_uri is no URL", r->url);
		r->document->jwks_uri = strdup(where);
		return r->document->jwks_uri ? EMA_OK : failure_set(r->failure, EMA_OUT_OF_MEMORY, "no memory");
	}
	if (!jwks)
		return EMA_OK;
	print_node(r->json, jwks, &text);
	int code = text.failed ? EMA_OUT_OF_MEMORY : jwks_parse(text.data, text.length, &r->document->keys, &why);
	buffer_free(&text);
	if (code == EMA_OUT_OF_MEMORY)
		return failure_set(r->failure, code, "no memory");
	if (code)
		return REFUSED(r, "%.200s: jwks: %.200s", r->url, why.text);
	/* A published private key is everybody's. */
	if (r->document->keys->had_private)
		return REFUSED(r, "%.200s: jwks has a private key, which everybody can read there", r->url);
	if (!r->document->keys->count)
		return REFUSED(r, "%.200s: jwks has no usable key%s%.150s", r->url, r->document->keys->skipped ? ": " : "",
		               r->document->keys->skipped ? r->document->keys->skipped_why : "");
	return EMA_OK;
}

static int read_method(struct document_reading *r)
{
	const struct json_node *node = member(r, "token_endpoint_auth_method");
	const char *method = json_string(node);
	int keys = r->document->keys || r->document->jwks_uri;
	if (member(r, "client_secret") || member(r, "client_secret_expires_at"))
		return REFUSED(r, "%.200s has a client secret, which everybody can read there", r->url);
	if (node && (!method || (strcmp(method, "private_key_jwt") && strcmp(method, "none"))))
		return REFUSED(r, "%.200s: token_endpoint_auth_method is neither private_key_jwt nor none", r->url);
	if (method && !strcmp(method, "none") && keys)
		return REFUSED(r, "%.200s has keys and token_endpoint_auth_method none", r->url);
	if (method && strcmp(method, "none") && !keys)
		return REFUSED(r, "%.200s has token_endpoint_auth_method private_key_jwt and neither jwks nor jwks_uri", r->url);
	/* Keys without a method are there to be used. */
	r->document->auth = keys ? AUTH_PRIVATE_KEY_JWT : AUTH_NONE;
	return EMA_OK;
}

static int read_grants(struct document_reading *r)
{
	static const char bearer[] = "urn:ietf:params:oauth:grant-type:jwt-bearer", exchange[] = "urn:ietf:params:oauth:grant-type:token-exchange";
	int wrong = 0, redeems = lists(r, "grant_types", bearer, &wrong), exchanges = lists(r, "grant_types", exchange, &wrong);
	int profile = lists(r, "authorization_grant_profiles_supported", "urn:ietf:params:oauth:grant-profile:id-jag", &wrong);
	if (wrong)
		return REFUSED(r, "%.200s: grant_types or authorization_grant_profiles_supported is no list of strings", r->url);
	/* Left out, it says nothing of this grant; what ema.conf says holds. */
	r->document->grants = redeems || !member(r, "grant_types") ? GRANT_JWT_BEARER : 0;
	r->document->inconsistent = profile && !(redeems && exchanges);
	return EMA_OK;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int make_identity(struct document *document)
{
	const char *thumbprints[JWKS_KEYS_MOST] = { NULL };
	struct buffer text = BUFFER_INIT(DOCUMENT_FINGERPRINT_MOST);
	size_t count = document->keys ? document->keys->count : 0;
	buffer_text(&text, document->auth == AUTH_NONE ? "none" : "private_key_jwt");
	if (document->jwks_uri)
		buffer_printf(&text, " %s", document->jwks_uri);
	for (size_t i = 0; i < count; i++)
		thumbprints[i] = jwk_thumbprint(document->keys->keys[i]);
	qsort(thumbprints, count, sizeof *thumbprints, by_text);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&text, " %s", thumbprints[i]);
	document->identity = buffer_take(&text);
	buffer_free(&text);
	return document->identity ? 0 : -1;
}

int document_read(const char *text, size_t length, const char *url, struct document *out, struct failure *failure)
{
	struct document document = { .auth = AUTH_NONE };
	struct json json = { 0 };
	struct failure why = FAILURE_INIT;
	struct document_reading r = { &json, url, &document, failure };
	int code = json_parse(text, length, &document_limits, &json, &why);
	if (code)
		return failure_set(failure, code == EMA_OUT_OF_MEMORY ? code : EMA_CLIENT_REFUSED, "%.200s: %.280s", url, why.text);
	const char *id = json_string(member(&r, "client_id"));
	if (!json_is(json_root(&json), JSON_OBJECT) || !id || strcmp(id, url))
		code = REFUSED(&r, "%.200s: its client_id is not its URL, byte for byte", url);
	if (!code)
		code = read_keys(&r);
	if (!code)
		code = read_method(&r);
	if (!code)
		code = read_grants(&r);
	if (!code && make_identity(&document))
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	json_free(&json);
	if (code)
		document_free(&document);
	else
		*out = document;
	return code;
}

void document_free(struct document *document)
{
	jwks_free(document->keys);
	free(document->jwks_uri);
	free(document->identity);
	*document = (struct document){ .auth = AUTH_NONE };
}
