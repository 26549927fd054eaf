/*
 * Any bytes as an HTTP request to an authorization server that knows two clients, a caller and a key of its provider. The first byte
 * says where to, '0' to '7' as in places[]; the second, if it is odd, that who asks proves who that is. Then lines of headers, an empty
 * line, and the body. In it, %JAG% is an assertion of the provider, with the claims of the pseudo-header "Claims" on top of the usual
 * ones, and %TOKEN% an access token that can be had. Without %JAG% there is no token, without %TOKEN% no permit; and an assertion is
 * redeemed only if each clause by itself lets it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "context.h"
#include "ema/ema.h"
#include "jwk.h"
#include "jws.h"

#define FUZZ_NOW INT64_C(1800000000)
#define FUZZ_MOST 65536
#define US "https://auth.example"
#define IDP "https://idp.example"
#define ASSERTIONS_MOST 20000 /* that one context redeems */
#define SECRET "correct-horse-battery-staple"
#define FORM "application/x-www-form-urlencoded"
#define REDEEM "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *method, *url; /* url NULL: the first line is */
	const char *type, *authorization;
} places[] = {
	{ "POST", "/token", FORM, "Basic YXBwOmNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGU=" },  /* app */
	{ "POST", "/revoke", FORM, "Basic YXBwOmNvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbGU=" },
	{ "POST", "/introspect", FORM, "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl" }, /* gateway */
	{ "POST", "/access/v1/evaluation", "application/json", "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl" },
	{ "POST", "/access/v1/evaluations", "application/json", "Basic Z2F0ZXdheTpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl" },
	{ "POST", "/decision/svc", "application/json", NULL },
	{ "GET", NULL, NULL, NULL },
	{ "POST", NULL, FORM, NULL },
};
enum { TOKEN, REVOKE, INTROSPECT, EVALUATION, EVALUATIONS, DECISION };

static const char fuzz_conf[] =
	"issuer = \"" US "\"; rates = { address = 0; subject = 0; }; proxies = [\"192.0.2.7\"];\n"
	"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" IDP "\"; jwks = \"%s\"; accepts = [\"id_jag\"]; } );\n"
	"clients = ( { id = \"app\"; auth = \"client_secret_basic\"; secret = { fd = %d; }; }, { id = \"phone\"; auth = \"none\"; dpop = \"required\"; } );\n"
	"callers = ( { id = \"gateway\"; auth = \"client_secret_basic\"; secret = { fd = %d; }; services = [\"svc\"]; } );\n"
	"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"]; decision = { original = \"X-Original\"; };\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; }, { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\"]; } ); } );\n";

static struct {
	ema_context *context;
	struct jwk *key; /* the provider's */
	_Atomic int64_t now; /* the thread that lets keys come and go reads it, too */
	int serial, begun; /* of assertions; with which one the context began */
} desk;

static int64_t fuzz_wall(void *data)
{
	(void)data;
	return desk.now * 1000;
}

static int64_t fuzz_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system);
}

/* Inside an ema.conf string. */
static char *key_set(void)
{
	struct buffer out = BUFFER_INIT(4096);
	char *key = jwk_print(desk.key, 0);
	buffer_text(&out, "{\\\"keys\\\":[");
	for (const char *c = key; c && *c; c++)
		buffer_printf(&out, *c == '"' ? "\\%c" : "%c", *c);
	buffer_text(&out, "]}");
	free(key);
	return buffer_take(&out);
}

static void complain(void *data, int level, const char *text)
{
	(void)data;
	if (level == LOG_LEVEL_ERROR)
		fprintf(stderr, "%s\n", text);
}

/* At the end, too: its threads use OpenSSL, which is taken down behind this. */
static void end_desk(void)
{
	ema_free(desk.context);
	desk.context = NULL;
	jwk_free(desk.key);
	desk.key = NULL;
}

static void begin(void)
{
	struct buffer text = BUFFER_INIT(8192);
	desk.now = FUZZ_NOW;
	if (jwk_generate(JOSE_ES256, &desk.key, NULL) || !(desk.context = ema_new()))
		abort();
	int fd = memfd_create("secret", MFD_CLOEXEC);
	char *keys = key_set();
	buffer_printf(&text, fuzz_conf, keys, fd, fd);
	desk.context->clock = (struct clock){ fuzz_wall, fuzz_monotonic, NULL };
	ema_set_server(desk.context);
	ema_set_log(desk.context, complain, NULL);
	if (write(fd, SECRET, strlen(SECRET)) != (ssize_t)strlen(SECRET) || ema_set_plugin_path(desk.context, PLUGINS) ||
	    ema_load_memory(desk.context, text.data, text.length, "/nowhere/ema.conf")) {
		fprintf(stderr, "%s\n", ema_error(desk.context));
		abort();
	}
	close(fd);
	free(keys);
	buffer_free(&text);
	desk.begun = desk.serial;
	desk.now += 10; /* nothing is taken that was issued before the store began */
}

/* ---- What may stand in a request ---- */

static void put_claim(struct buffer *out, const struct json *claims, const char *name, const char *usual)
{
	const struct json_node *node = claims ? json_member(claims, json_root(claims), name) : NULL;
	if (!node)
		buffer_printf(out, "%s\"%s\":%s", out->length > 1 ? "," : "", name, usual);
}

/* The usual claims where none of that name is given; given: the text of an object, or NULL. */
static char *assertion(const char *given)
{
	struct buffer payload = BUFFER_INIT(JWS_PAYLOAD_MOST);
	struct json claims = { 0 };
	char text[64], *token = NULL;
	const int has = given && !json_parse(given, strlen(given), &json_limits_payload, &claims, NULL) && json_is(json_root(&claims), JSON_OBJECT);
	buffer_text(&payload, "{");
	put_claim(&payload, has ? &claims : NULL, "iss", "\"" IDP "\"");
	put_claim(&payload, has ? &claims : NULL, "sub", "\"ada\"");
	put_claim(&payload, has ? &claims : NULL, "aud", "\"" US "\"");
	put_claim(&payload, has ? &claims : NULL, "client_id", "\"app\"");
	snprintf(text, sizeof text, "\"jag-%d\"", ++desk.serial);
	put_claim(&payload, has ? &claims : NULL, "jti", text);
	snprintf(text, sizeof text, "%lld", (long long)desk.now);
	put_claim(&payload, has ? &claims : NULL, "iat", text);
	snprintf(text, sizeof text, "%lld", (long long)desk.now + 300);
	put_claim(&payload, has ? &claims : NULL, "exp", text);
	put_claim(&payload, has ? &claims : NULL, "scope", "\"read\"");
	const char *open = has ? strchr(given, '{') : NULL;
	if (open && json_root(&claims)->count)
		buffer_printf(&payload, "%s%s", payload.length > 1 ? "," : "", open + 1);
	else
		buffer_text(&payload, "}");
	if (!payload.failed)
		jws_sign(desk.key, JOSE_ES256, "oauth-id-jag+jwt", "", payload.data, payload.length, &token, NULL);
	json_free(&claims);
	buffer_free(&payload);
	return token;
}

static ema_request *request_to(const char *method, const char *url)
{
	ema_request *request = ema_request_new();
	if (!request || ema_request_set(request, EMA_REQUEST_METHOD, method) || ema_request_set(request, EMA_REQUEST_REMOTE, "192.0.2.7") ||
	    ema_request_header(request, "Host", "auth.example"))
		abort();
	ema_request_set(request, EMA_REQUEST_URL, url); /* may be none */
	return request;
}

static ema_response *ask(const ema_request *request)
{
	ema_response *response = NULL;
	int code = ema_http(desk.context, request, EMA_SERVE_TOKEN | EMA_SERVE_METADATA | EMA_SERVE_INTROSPECTION | EMA_SERVE_HEALTH | EMA_SERVE_METRICS |
	                    EMA_SERVE_DECISION | EMA_SERVE_AUTHZEN, &response);
	if (!response || code == EMA_INTERNAL)
		abort();
	return response;
}

static char *access_token(void)
{
	struct buffer body = BUFFER_INIT(32768);
	struct json json = { 0 };
	char *jag = assertion(NULL);
	size_t length;
	ema_request *request = request_to("POST", "/token");
	buffer_text(&body, REDEEM);
	buffer_text(&body, jag ? jag : "");
	if (ema_request_header(request, "Content-Type", FORM) || ema_request_header(request, "Authorization", places[TOKEN].authorization) ||
	    ema_request_body(request, body.data, body.length))
		abort();
	ema_response *response = ask(request);
	const char *text = ema_response_body(response, &length);
	if (ema_response_status(response) != 200 || json_parse(text, length, &json_limits_document, &json, NULL)) {
		fprintf(stderr, "no token: %s\n", text);
		abort();
	}
	char *token = strdup(json_string(json_at(&json, "/access_token")));
	json_free(&json);
	ema_response_free(response);
	ema_request_free(request);
	buffer_free(&body);
	free(jag);
	return token;
}

/* ---- What came of it ---- */

static const char *claim_text(const struct json *claims, const char *name, const char *usual)
{
	const struct json_node *node = json_member(claims, json_root(claims), name);
	return node ? json_string(node) : usual;
}

static double claim_number(const struct json *claims, const char *name, double usual)
{
	const struct json_node *node = json_member(claims, json_root(claims), name);
	return !node ? usual : json_is(node, JSON_NUMBER) ? strtod(node->text, NULL) : -1;
}

/* Of an assertion that was redeemed: the slow way. */
static void check_redeemed(const char *given)
{
	struct json claims = { 0 };
	if (!given || json_parse(given, strlen(given), &json_limits_payload, &claims, NULL) || !json_is(json_root(&claims), JSON_OBJECT)) {
		json_free(&claims);
		return;
	}
	const struct json_node *audience = json_member(&claims, json_root(&claims), "aud");
	const char *issuer = claim_text(&claims, "iss", IDP), *subject = claim_text(&claims, "sub", "ada"), *client = claim_text(&claims, "client_id", "app"),
	           *id = claim_text(&claims, "jti", "id"), *profile = claim_text(&claims, "sub_profile", "user"), *to = claim_text(&claims, "aud", US);
	const double now = (double)desk.now, issued = claim_number(&claims, "iat", now), expires = claim_number(&claims, "exp", now + 300),
	             before = claim_number(&claims, "nbf", 0);
	if (json_is(audience, JSON_ARRAY) && audience->count == 1)
		to = json_string(json_first(&claims, audience));
	if (!issuer || strcmp(issuer, IDP) || !subject || !*subject || !client || strcmp(client, "app") || !id || !*id || !to || strcmp(to, US) || !profile ||
	    strcmp(profile, "user") || expires <= now - 30 || issued > now + 31 || before > now + 31 || expires > issued + 331 ||
	    json_member(&claims, json_root(&claims), "cnf") || json_member(&claims, json_root(&claims), "authorization_details"))
		abort();
	json_free(&claims);
}

static void check_response(size_t place, const ema_response *response, const struct buffer *body, int has_jag, int has_token, const char *claims)
{
	static const int statuses[] = { 200, 400, 401, 403, 404, 405 };
	struct json json = { 0 };
	const int status = ema_response_status(response);
	size_t length, known = 0;
	const char *text = ema_response_body(response, &length), *value, *type = "";
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		known |= status == statuses[i];
	if (!known || strlen(text) != length || strstr(text, SECRET))
		abort();
	for (size_t i = 0; ema_response_header(response, i, &value); i++) {
		if (strpbrk(value, "\r\n") || strstr(value, SECRET))
			abort();
		if (!strcmp(ema_response_header(response, i, NULL), "Content-Type"))
			type = value;
	}
	if (!strcmp(type, "application/json") && length && json_parse(text, length, &json_limits_message, &json, NULL))
		abort();
	if (place == TOKEN) {
		const char *token = json_string(json_at(&json, "/access_token"));
		if (status == 200 ? !token || !has_jag : token || (!strcmp(type, "application/json") && !json_string(json_at(&json, "/error"))))
			abort();
		if (status == 200) {
			if (strcmp(json_string(json_at(&json, "/scope")), "read"))
				abort(); /* what is granted, and no more */
			check_redeemed(claims);
		}
		if (status == 405 || status == 404)
			abort();
	}
	if (place == INTROSPECT && !has_token && strstr(text, "\"active\":true"))
		abort();
	/* The token has read alone, which opens get_*. */
	if (place == EVALUATION && strstr(text, "\"decision\":true") && (!has_token || strstr(body->data, "put_a")))
		abort();
	if (place == EVALUATIONS && strstr(text, "\"decision\":true") && !has_token)
		abort();
	if (place == DECISION && status == 200 && !has_token)
		abort();
	json_free(&json);
}

/* ---- The bytes ---- */

/* Appends text with what the marks stand for. */
static void fill(struct buffer *out, const char *text, size_t length, const char *claims, int *has_jag, int *has_token)
{
	for (size_t i = 0; i < length;) {
		const int jag = length - i >= 5 && !memcmp(text + i, "%JAG%", 5), token = length - i >= 7 && !memcmp(text + i, "%TOKEN%", 7);
		/* Several would be as good as one. */
		if ((jag && !*has_jag) || (token && !*has_token)) {
			char *made = jag ? assertion(claims) : access_token();
			buffer_text(out, made ? made : "");
			free(made);
			i += jag ? 5 : 7;
			*(jag ? has_jag : has_token) = 1;
		} else {
			buffer_char(out, text[i++]);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer body = BUFFER_INIT(4 * FUZZ_MOST), line = BUFFER_INIT(4 * FUZZ_MOST);
	char *claims = NULL;
	int has_jag = 0, has_token = 0;
	static int registered;
	/* Time does not go by here, so that its store would be full one day. */
	if (desk.serial - desk.begun > ASSERTIONS_MOST)
		end_desk();
	if (!desk.context)
		begin();
	if (!registered && atexit(end_desk))
		abort();
	registered = 1;
	if (size < 2 || size > FUZZ_MOST)
		return 0;
	const size_t place = data[0] & 7;
	const char *at = (const char *)data + 2, *end = (const char *)data + size;
	char *url = NULL;
	if (!places[place].url) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop ? stop : end) - at);
		url = calloc(1, length + 1);
		memcpy(url, at, length);
		at = stop ? stop + 1 : end;
	}
	ema_request *request = request_to(places[place].method, places[place].url ? places[place].url : url);
	int typed = 0;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop ? stop : end) - at);
		const char *from = at;
		at = stop ? stop + 1 : end;
		if (!length)
			break;
		buffer_clear(&line);
		fill(&line, from, length, NULL, &has_jag, &has_token);
		char *colon = line.data ? strstr(line.data, ": ") : NULL;
		if (!colon)
			continue;
		*colon = 0;
		if (!strcmp(line.data, "Claims")) {
			free(claims);
			claims = strdup(colon + 2);
			continue;
		}
		typed |= !strcasecmp(line.data, "Content-Type");
		ema_request_header(request, line.data, colon + 2); /* what HTTP does not have is refused */
	}
	fill(&body, at, (size_t)(end - at), claims, &has_jag, &has_token);
	if (places[place].type && !typed)
		ema_request_header(request, "Content-Type", places[place].type);
	if (places[place].authorization && data[1] & 1)
		ema_request_header(request, "Authorization", places[place].authorization);
	if (body.length)
		ema_request_body(request, body.data, body.length);
	ema_response *response = ask(request);
	check_response(place, response, &body, has_jag, has_token, claims);
	ema_response_free(response);
	ema_request_free(request);
	buffer_free(&body);
	buffer_free(&line);
	free(claims);
	free(url);
	return 0;
}
