#define _GNU_SOURCE
#include "desk.h"

#include <stdio.h>
#include <sys/stat.h>

#include "audit.h"
#include "buffer.h"
#include "context.h"
#include "jws.h"

const char desk_conf[] =
	"issuer = \"" OURS "\";\n"
	"providers = ( { id = \"idp\"; plugin = \"oidc\"; issuer = \"" ISSUER "\"; jwks = \"%JWKS%\"; accepts = [\"id_jag\"]; %PROVIDER% } );\n"
	"audit = ( { id = \"trail\"; plugin = \"file\"; path = \"%FOLDER%/audit.jsonl\"; %SINK% } );\n"
	"clients = ( { id = \"app\"; auth = \"private_key_jwt\"; jwks = \"%CLIENT%\"; },\n"
	"  { id = \"basic\"; auth = \"client_secret_basic\"; secret = { file = \"%FOLDER%/secret\"; }; },\n"
	"  { id = \"post\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; scopes = [\"read\"]; token_lifetime = \"5m\"; },\n"
	"  { id = \"retired\"; auth = \"client_secret_post\"; secret = { file = \"%FOLDER%/secret\"; }; grants = \"none\"; services = [\"svc\"]; }%CLIENTS% );\n"
	"callers = ( { id = \"gateway\"; auth = \"client_secret_basic\"; secret = { file = \"%FOLDER%/secret\"; }; services = [\"svc\"%CALLER%]; } );\n"
	"%EXTRA%\n"
	"services = ( { id = \"svc\"; resource = \"https://mcp.example/svc\"; identity = [\"idp\"];\n"
	"  scopes = ( { name = \"read\"; access = \"read\"; tools = [\"get_*\"]; },\n"
	"             { name = \"write\"; access = \"write\"; tools = [\"put_*\"]; } );\n"
	"  grants = ( { provider = \"idp\"; scopes = [\"read\", \"write\"]; } ); %SERVICE% } %SERVICES% );\n";

/* In place of each NAME its text; a new string. */
static char *replaced(const char *text, const char *const *pairs)
{
	struct buffer out = BUFFER_INIT(1024 * 1024);
	while (*text) {
		size_t i = 0;
		while (pairs[i] && strncmp(text, pairs[i], strlen(pairs[i])))
			i += 2;
		if (pairs[i]) {
			buffer_text(&out, pairs[i + 1]);
			text += strlen(pairs[i]);
		} else {
			buffer_char(&out, *text++);
		}
	}
	return buffer_take(&out);
}

/* More services stand in extra, behind "SERVICES:"; more keys of the provider behind "PROVIDER:", more services of the caller behind "CALLER:", keys of the
   sink behind "SINK:", more clients behind "CLIENTS:". */
int desk_load(struct desk *desk, const char *extra, const char *service)
{
	char *key = jwk_print(desk->client, 0), *set = NULL, *escaped = NULL, *head = strdup(extra ? extra : "");
	assert_non_null(key);
	assert_non_null(head);
	assert_true(asprintf(&set, "{\"keys\":[%s]}", key) > 0);
	const char *quotes[] = { "\"", "\\\"", NULL };
	escaped = replaced(set, quotes);
	char *services = strstr(head, "SERVICES:"), *provider = strstr(head, "PROVIDER:"), *caller = strstr(head, "CALLER:"), *sink = strstr(head, "SINK:"), *clients = strstr(head, "CLIENTS:");
	if (services) {
		*services = 0;
		services += 9;
	}
	if (provider) {
		*provider = 0;
		provider += 9;
	}
	if (caller) {
		*caller = 0;
		caller += 7;
	}
	if (sink) {
		*sink = 0;
		sink += 5;
	}
	if (clients) {
		*clients = 0;
		clients += 8;
	}
	const char *pairs[] = { "%CLIENT%", escaped, "%EXTRA%", head, "%SERVICE%", service ? service : "", "%SERVICES%", services ? services : "",
		                "%PROVIDER%", provider ? provider : "", "%CALLER%", caller ? caller : "", "%SINK%", sink ? sink : "",
		                "%CLIENTS%", clients ? clients : "", NULL };
	char *text = replaced(desk_conf, pairs);
	int code = world_load(&desk->world, text);
	free(text);
	free(escaped);
	free(set);
	free(key);
	free(head);
	return code;
}

void desk_open(struct desk *desk, const char *extra, const char *service)
{
	*desk = (struct desk){ .remote = "192.0.2.7" };
	world_open(&desk->world);
	ema_set_server(desk->world.context);
	assert_int_equal(jwk_generate(JOSE_ES256, &desk->client, NULL), EMA_OK);
	char path[128];
	world_file(&desk->world, "secret", SECRET "\n");
	snprintf(path, sizeof path, "%s/secret", desk->world.folder);
	assert_int_equal(chmod(path, 0600), 0);
	int code = desk_load(desk, extra, service);
	if (code)
		print_error("%s\n", ema_error(desk->world.context));
	assert_int_equal(code, EMA_OK);
}

void desk_close(struct desk *desk)
{
	ema_response_free(desk->response);
	json_free(&desk->json);
	jwk_free(desk->client);
	world_close(&desk->world);
}

static void answer(struct desk *desk, const ema_request *request)
{
	size_t length;
	struct failure failure = FAILURE_INIT;
	ema_response_free(desk->response);
	json_free(&desk->json);
	desk->json = (struct json){ .count = 0 };
	desk->response = NULL;
	desk->code = ema_http(desk->world.context, request,
	                      EMA_SERVE_TOKEN | EMA_SERVE_METADATA | EMA_SERVE_INTROSPECTION | EMA_SERVE_HEALTH | EMA_SERVE_METRICS | EMA_SERVE_DECISION | EMA_SERVE_AUTHZEN, &desk->response);
	assert_non_null(desk->response);
	desk->status = ema_response_status(desk->response);
	desk->body = ema_response_body(desk->response, &length);
	assert_int_equal(strlen(desk->body), length);
	if (strstr(desk_header(desk, "Content-Type"), "json") && length)
		assert_int_equal(json_parse(desk->body, length, &json_limits_document, &desk->json, &failure), EMA_OK);
}

static ema_request *begin(struct desk *desk, const char *method, const char *url, const char *body)
{
	ema_request *request = ema_request_new();
	assert_non_null(request);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_METHOD, method), EMA_OK);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_URL, url), EMA_OK);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_REMOTE, desk->remote), EMA_OK);
	assert_int_equal(ema_request_header(request, "Host", desk->host ? desk->host : "auth.example"), EMA_OK);
	if (body)
		assert_int_equal(ema_request_body(request, body, strlen(body)), EMA_OK);
	return request;
}

void desk_request(struct desk *desk, const char *method, const char *url, const char *body, ...)
{
	ema_request *request = begin(desk, method, url, body);
	va_list headers;
	va_start(headers, body);
	for (const char *header; (header = va_arg(headers, const char *));) {
		char *copy = strdup(header), *colon = copy ? strchr(copy, ':') : NULL;
		assert_non_null(colon);
		if (!colon)
			break;
		*colon = 0;
		assert_int_equal(ema_request_header(request, copy, colon + 1 + strspn(colon + 1, " ")), EMA_OK);
		free(copy);
	}
	va_end(headers);
	answer(desk, request);
	ema_request_free(request);
}

static ema_request *form(struct desk *desk, const char *url, const char *authorization, va_list pairs)
{
	struct buffer body = BUFFER_INIT(128 * 1024);
	for (const char *name; (name = va_arg(pairs, const char *));) {
		const char *value = va_arg(pairs, const char *);
		if (!value)
			continue;
		if (body.length)
			buffer_char(&body, '&');
		buffer_percent(&body, name, strlen(name));
		buffer_char(&body, '=');
		buffer_percent(&body, value, strlen(value));
	}
	ema_request *request = begin(desk, "POST", url, body.data ? body.data : "");
	assert_int_equal(ema_request_header(request, "Content-Type", "application/x-www-form-urlencoded"), EMA_OK);
	if (authorization)
		assert_int_equal(ema_request_header(request, "Authorization", authorization), EMA_OK);
	buffer_free(&body);
	return request;
}

ema_request *desk_prepare(struct desk *desk, const char *url, const char *authorization, ...)
{
	va_list pairs;
	va_start(pairs, authorization);
	ema_request *request = form(desk, url, authorization, pairs);
	va_end(pairs);
	return request;
}

void desk_send(struct desk *desk, ema_request *request)
{
	answer(desk, request);
	ema_request_free(request);
}

void desk_form(struct desk *desk, const char *url, const char *authorization, ...)
{
	va_list pairs;
	va_start(pairs, authorization);
	ema_request *request = form(desk, url, authorization, pairs);
	va_end(pairs);
	answer(desk, request);
	ema_request_free(request);
}

char *desk_assertion(struct desk *desk, const char *changes)
{
	char claims[512];
	snprintf(claims, sizeof claims, "{\"iss\":\"app\",\"sub\":\"app\",\"client_id\":null,\"scope\":null%s%s}", changes && *changes ? "," : "", changes ? changes : "");
	return world_sign(&desk->world, desk->client, "client-authentication+jwt", claims);
}

void desk_redeem(struct desk *desk, char *assertion, const char *scope, const char *resource)
{
	char *client = desk_assertion(desk, "");
	desk_form(desk, "/token", NULL, "grant_type", JWT_BEARER, "assertion", assertion, "client_assertion_type", CLIENT_ASSERTION, "client_assertion",
	          client, "scope", scope, "resource", resource, NULL);
	free(client);
	free(assertion);
}

int desk_check(struct desk *desk, const char *service, const char *token, const char *method, const char *target, const char *arguments, ema_decision **out)
{
	ema_request *request = ema_request_new();
	char *value = NULL;
	assert_true(asprintf(&value, "Bearer %s", token) > 0);
	assert_int_equal(ema_request_set(request, EMA_REQUEST_REMOTE, desk->remote), EMA_OK);
	assert_int_equal(ema_request_header(request, "Authorization", value), EMA_OK);
	if (arguments)
		assert_int_equal(ema_request_body(request, arguments, strlen(arguments)), EMA_OK);
	int code = ema_check(desk->world.context, service, request, method, target, out);
	ema_request_free(request);
	free(value);
	return code;
}

const char *desk_text(const struct desk *desk, const char *pointer)
{
	const char *text = json_string(json_at(&desk->json, pointer));
	return text ? text : "";
}

const char *desk_header(const struct desk *desk, const char *name)
{
	const char *value;
	for (size_t i = 0; ema_response_header(desk->response, i, &value); i++)
		if (!strcmp(ema_response_header(desk->response, i, NULL), name))
			return value;
	return "";
}

const char *desk_audited(struct desk *desk, const char *pointer)
{
	static char found[1024];
	struct json json = { .count = 0 };
	assert_int_equal(audit_drain(desk->world.context->audit, 20000), EMA_OK);
	char *all = world_read(&desk->world, "audit.jsonl"), *last = all;
	size_t length = all ? strlen(all) : 0;
	assert_true(length > 0);
	all[length - 1] = 0;
	/* The last but for what audit itself says now and then. */
	do {
		if (last != all)
			last[-1] = 0;
		last = strrchr(all, '\n');
		last = last ? last + 1 : all;
	} while (last != all && strstr(last, "\"kind\":\"checkpoint\""));
	assert_int_equal(json_parse(last, strlen(last), &json_limits_document, &json, NULL), EMA_OK);
	const char *text = json_string(json_at(&json, pointer));
	snprintf(found, sizeof found, "%s", text ? text : "");
	json_free(&json);
	free(all);
	return found;
}
