#include "devidp.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELD_MOST 20000 /* a token of 16 KiB, with room */
#define SECONDS_MOST 60
#define FILLER_BYTES 400000 /* over what a key set may be */

/* One persona: its listener, and how it misbehaves now. */
struct face {
	struct server *server;
	enum persona persona;
	struct MHD_Daemon *daemon;
	atomic_int outage, wrong, seconds;
	atomic_uint discovery_requests, keys_requests, token_requests;
};

struct server {
	struct state *state;
	json_object *people;
	pthread_mutex_t people_lock; /* json-c counts references without one */
	atomic_int stopping;
	struct face faces[PERSONAS];
};

enum wrong { WRONG_NOTHING, WRONG_ISSUER, WRONG_EMPTY, WRONG_HTML, WRONG_SLOW, WRONG_REDIRECT, WRONG_BIG, WRONG_PRIVATE, WRONG_500 };

static const char *const wrongs[] = { "nothing", "issuer", "empty", "html", "slow", "redirect", "big", "private", "500" };

struct visit {
	struct MHD_PostProcessor *post;
	char *fields[10];
};

static const char *const field_names[10] = { "grant_type", "requested_token_type", "subject_token", "subject_token_type", "audience",
	"resource", "scope", "client_id", "client_secret", "client_assertion" };

static enum MHD_Result reply_bytes(struct MHD_Connection *connection, unsigned status, const char *type, const char *text, size_t length)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(length, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_FOUND)
		MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, "http://127.0.0.1:1/elsewhere");
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return reply_bytes(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* Takes the object. */
static enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned status, json_object *object)
{
	if (!object)
		return reply_text(connection, 500, "internal\n");
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	enum MHD_Result result = reply_bytes(connection, status, "application/json", text, strlen(text));
	json_object_put(object);
	return result;
}

static enum MHD_Result reply_keys(struct face *face, struct MHD_Connection *connection, int version)
{
	struct failure failure = FAILURE_INIT;
	face->keys_requests++;
	char *keys = state_jwks(face->server->state, face->persona, version, face->wrong == WRONG_PRIVATE, &failure);
	enum MHD_Result result = keys ? reply_bytes(connection, 200, "application/json", keys, strlen(keys)) : reply_text(connection, 500, failure.text);
	free(keys);
	return result;
}

static void url(json_object *document, const char *name, const char *base, const char *path)
{
	char value[256];
	if (snprintf(value, sizeof value, "%s%s", base, path) < (int)sizeof value)
		json_object_object_add(document, name, json_object_new_string(value));
}

/* tenant: of Azure, "" elsewhere; version 1 or 2. */
static json_object *discovery(const struct face *face, const char *tenant, int version)
{
	json_object *document = json_object_new_object();
	char base[64], path[160];
	int azure = face->persona == PERSONA_AZURE, okta = face->persona == PERSONA_OKTA;

	state_base(face->server->state, face->persona, base, sizeof base);
	if (azure) {
		int common = !strcmp(tenant, "common") || !strcmp(tenant, "organizations");
		snprintf(path, sizeof path, "/%s/%s", common ? "{tenantid}" : tenant, version == 1 ? "" : "v2.0");
		url(document, "issuer", base, path);
		snprintf(path, sizeof path, "/%s/discovery/%skeys", tenant, version == 1 ? "" : "v2.0/");
		url(document, "jwks_uri", base, path);
		snprintf(path, sizeof path, "/%s/oauth2/v2.0/token", tenant);
		url(document, "token_endpoint", base, path);
	} else {
		url(document, "issuer", base, "");
		url(document, "jwks_uri", base, okta ? "/oauth2/v1/keys" : "/keys");
		url(document, "token_endpoint", base, okta ? "/oauth2/v1/token" : "/token");
		url(document, "authorization_endpoint", base, "/authorize");
	}
	if (okta)
		json_object_object_add(document, "identity_chaining_requested_token_types_supported",
		                       json_tokener_parse("[\"urn:ietf:params:oauth:token-type:id-jag\"]"));
	json_object_object_add(document, "response_types_supported", json_tokener_parse("[\"code\"]"));
	json_object_object_add(document, "subject_types_supported", json_tokener_parse(azure ? "[\"pairwise\"]" : "[\"public\"]"));
	json_object_object_add(document, "id_token_signing_alg_values_supported",
	                       json_tokener_parse(face->persona == PERSONA_OIDC ? "[\"ES256\"]" : "[\"RS256\"]"));
	if (face->wrong == WRONG_ISSUER)
		json_object_object_add(document, "issuer", json_object_new_string("https://idp.other.example"));
	return document;
}

/* What a switched-on fault answers instead; 1 if it did. */
static int misbehaves(struct face *face, struct MHD_Connection *connection, enum MHD_Result *result)
{
	static const char html[] = "<!DOCTYPE html><title>Sign in</title><p>Your company's proxy wants you to sign in.\n";
	char *filler = NULL;

	switch ((int)face->wrong) {
	case WRONG_EMPTY:
		*result = reply_json(connection, 200, json_tokener_parse("{\"keys\":[]}"));
		return 1;
	case WRONG_HTML:
		*result = reply_bytes(connection, 200, "text/html", html, sizeof html - 1);
		return 1;
	case WRONG_REDIRECT:
		*result = reply_text(connection, MHD_HTTP_FOUND, "elsewhere\n");
		return 1;
	case WRONG_500:
		*result = reply_text(connection, 500, "internal\n");
		return 1;
	case WRONG_BIG:
		if (!(filler = malloc(FILLER_BYTES)))
			return 0;
		memset(filler, ' ', FILLER_BYTES);
		memcpy(filler, "{\"keys\":[", 9);
		memcpy(filler + FILLER_BYTES - 2, "]}", 2);
		*result = reply_bytes(connection, 200, "application/json", filler, FILLER_BYTES);
		free(filler);
		return 1;
	case WRONG_SLOW:
		for (int i = 0; i < face->seconds * 10 && !face->server->stopping; i++)
			usleep(100000);
		return 0;
	default:
		return 0;
	}
}

struct order_query {
	struct order order;
	int code;
};

static enum MHD_Result order_item(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct order_query *query = data;
	(void)kind;
	if (!query->code)
		query->code = order_set(&query->order, name, value);
	return MHD_YES;
}

static enum MHD_Result control_token(struct face *face, struct MHD_Connection *connection)
{
	struct order_query query = { ORDER_INIT, 0 };
	struct failure failure = FAILURE_INIT;
	char *token = NULL;

	query.order.persona = face->persona;
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, order_item, &query);
	if (query.code)
		return reply_text(connection, 400, "a name or value of the query is none that devidp(1) has\n");
	pthread_mutex_lock(&face->server->people_lock);
	int code = order_fill(&query.order, face->server->state, face->server->people, &token, &failure);
	pthread_mutex_unlock(&face->server->people_lock);
	enum MHD_Result result = reply_text(connection, code ? 400 : 200, code ? failure.text : token);
	free(token);
	return result;
}

static enum MHD_Result control(struct face *face, struct MHD_Connection *connection, const char *method, const char *path)
{
	const char *on = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "on");
	const char *keep = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "keep");
	const char *wrong = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "wrong");
	const char *seconds = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "seconds");
	struct failure failure = FAILURE_INIT;

	if (!strcmp(path, "status") && !strcmp(method, "GET")) {
		json_object *status = json_object_new_object();
		json_object_object_add(status, "persona", json_object_new_string(persona_name(face->persona)));
		json_object_object_add(status, "outage", json_object_new_boolean(face->outage));
		json_object_object_add(status, "wrong", json_object_new_string(wrongs[face->wrong]));
		json_object_object_add(status, "discovery_requests", json_object_new_int64(face->discovery_requests));
		json_object_object_add(status, "keys_requests", json_object_new_int64(face->keys_requests));
		json_object_object_add(status, "token_requests", json_object_new_int64(face->token_requests));
		return reply_json(connection, 200, status);
	}
	if (strcmp(method, "POST"))
		return reply_text(connection, 405, "use POST\n");
	if (!strcmp(path, "token"))
		return control_token(face, connection);
	if (!strcmp(path, "rotate")) {
		int code = state_rotate(face->server->state, face->persona, keep && !strcmp(keep, "1"), &failure);
		return reply_text(connection, code ? 500 : 200, code ? failure.text : "rotated\n");
	}
	if (!strcmp(path, "outage") && on && (!strcmp(on, "0") || !strcmp(on, "1"))) {
		face->outage = *on == '1';
		return reply_text(connection, 200, *on == '1' ? "away\n" : "back\n");
	}
	if (!strcmp(path, "answer") && wrong) {
		char *end = NULL;
		unsigned long wait = seconds ? strtoul(seconds, &end, 10) : 10;
		if (wait > SECONDS_MOST || (seconds && *end))
			return reply_text(connection, 400, "seconds: 0 to 60\n");
		for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++)
			if (!strcmp(wrongs[i], wrong)) {
				face->seconds = (int)wait;
				face->wrong = (int)i;
				return reply_text(connection, 200, "so be it\n");
			}
	}
	return reply_text(connection, 400, "see devidp(1): rotate, outage?on=1, answer?wrong=..., token?user=...&service=..., status\n");
}

/* What follows the tenant in a path of Azure. */
static enum MHD_Result azure_answer(struct face *face, struct MHD_Connection *connection, const char *path)
{
	static const struct {
		const char *rest;
		int version, keys;
	} documents[] = {
		{ "/v2.0/.well-known/openid-configuration", 2, 0 },
		{ "/.well-known/openid-configuration", 1, 0 },
		{ "/discovery/v2.0/keys", 2, 1 },
		{ "/discovery/keys", 1, 1 },
	};
	const char *rest = path[0] ? strchr(path + 1, '/') : NULL;
	char tenant[64];

	if (!rest || rest - path > (long)sizeof tenant)
		return reply_text(connection, 404, "not found\n");
	memcpy(tenant, path + 1, (size_t)(rest - path - 1));
	tenant[rest - path - 1] = 0;
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
		if (strcmp(rest, documents[i].rest))
			continue;
		if (!documents[i].keys) {
			face->discovery_requests++;
			return reply_json(connection, 200, discovery(face, tenant, documents[i].version));
		}
		return reply_keys(face, connection, documents[i].version);
	}
	return reply_text(connection, 404, "not found\n");
}

static enum MHD_Result answer(struct face *face, struct MHD_Connection *connection, const char *method, const char *path, struct visit *visit)
{
	enum MHD_Result result = MHD_NO;
	int okta = face->persona == PERSONA_OKTA;

	if (!strncmp(path, "/devidp/", 8))
		return control(face, connection, method, path + 8);
	if (face->outage)
		return MHD_NO;
	if (misbehaves(face, connection, &result)) {
		if (strstr(path, "keys"))
			face->keys_requests++;
		else
			face->discovery_requests++;
		return result;
	}
	if (okta && !strcmp(path, "/oauth2/v1/token") && visit->post) {
		char *const *fields = visit->fields;
		struct form form = { fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6], fields[7], fields[8], fields[9] };
		json_object *out = NULL;
		face->token_requests++;
		pthread_mutex_lock(&face->server->people_lock);
		unsigned status = exchange_answer(&form, face->server->state, face->server->people, &out);
		pthread_mutex_unlock(&face->server->people_lock);
		return reply_json(connection, status, out);
	}
	if (strcmp(method, "GET"))
		return reply_text(connection, 405, "use GET\n");
	if (face->persona == PERSONA_AZURE)
		return azure_answer(face, connection, path);
	if (!strcmp(path, "/.well-known/openid-configuration") || !strcmp(path, "/.well-known/oauth-authorization-server")) {
		face->discovery_requests++;
		return reply_json(connection, 200, discovery(face, "", 2));
	}
	if (!strcmp(path, okta ? "/oauth2/v1/keys" : "/keys"))
		return reply_keys(face, connection, 0);
	return reply_text(connection, 404, "not found\n");
}

static enum MHD_Result field(void *data, enum MHD_ValueKind kind, const char *key, const char *filename, const char *type,
                             const char *encoding, const char *value, uint64_t offset, size_t size)
{
	struct visit *visit = data;
	(void)kind, (void)filename, (void)type, (void)encoding;
	for (size_t i = 0; i < sizeof field_names / sizeof *field_names; i++) {
		if (strcmp(key, field_names[i]))
			continue;
		if (offset + size >= FIELD_MOST || !(visit->fields[i] = visit->fields[i] ? visit->fields[i] : calloc(1, FIELD_MOST)))
			return MHD_NO;
		memcpy(visit->fields[i] + offset, value, size);
		visit->fields[i][offset + size] = 0;
	}
	return MHD_YES;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **own)
{
	struct visit *visit = *own;
	(void)version;

	if (!visit) {
		if (!(visit = calloc(1, sizeof *visit)))
			return MHD_NO;
		*own = visit;
		if (!strcmp(method, "POST"))
			visit->post = MHD_create_post_processor(connection, 4096, field, visit);
		return MHD_YES;
	}
	if (*upload_size) {
		if (visit->post)
			MHD_post_process(visit->post, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	return answer(data, connection, method, path, visit);
}

static void completed(void *data, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode code)
{
	struct visit *visit = *own;
	(void)data, (void)connection, (void)code;
	if (!visit)
		return;
	if (visit->post)
		MHD_destroy_post_processor(visit->post);
	for (size_t i = 0; i < sizeof visit->fields / sizeof *visit->fields; i++)
		free(visit->fields[i]);
	free(visit);
	*own = NULL;
}

int server_start(struct state *state, json_object *people, const unsigned wanted[PERSONAS], const int runs[PERSONAS],
                 struct server **out, struct failure *failure)
{
	struct server *server = calloc(1, sizeof *server);

	if (!server)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	server->state = state;
	server->people = people;
	pthread_mutex_init(&server->people_lock, NULL);
	for (int i = 0; i < PERSONAS; i++) {
		struct face *face = &server->faces[i];
		struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)wanted[i]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		struct keyring ring = { { NULL }, 0, NULL };
		if (!runs[i])
			continue;
		face->server = server;
		face->persona = i;
		int code = state_keys(state, i, &ring, failure);
		keyring_free(&ring);
		if (!code) {
			face->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC, (uint16_t)wanted[i],
				NULL, NULL, handle, face, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
				MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
			if (!face->daemon)
				code = failure_set(failure, EMA_CONFIG, "%s: cannot listen on 127.0.0.1 port %u", persona_name(i), wanted[i]);
		}
		if (code) {
			server_stop(server);
			return code;
		}
		const union MHD_DaemonInfo *info = MHD_get_daemon_info(face->daemon, MHD_DAEMON_INFO_BIND_PORT);
		state->ports[i] = info ? info->port : wanted[i];
	}
	*out = server;
	return EMA_OK;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	server->stopping = 1;
	for (int i = 0; i < PERSONAS; i++)
		if (server->faces[i].daemon)
			MHD_stop_daemon(server->faces[i].daemon);
	pthread_mutex_destroy(&server->people_lock);
	free(server);
}
