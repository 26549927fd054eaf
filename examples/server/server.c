/*
 * An MCP server that links libemacore: notes, which each tenant has for itself, over streamable HTTP.
 *
 *     server CONFIG SERVICE [ADDRESS:]PORT [THINGS.json]
 *
 * The parts to copy: serve() asks before anything is looked at, and answers what the decision says; permitted() works for the
 * subject and tenant of the decision, never for those of the message, and lets lists through ema_filter_list(); use() asks once
 * more before it writes.
 * THINGS.json, { "tools": [...], "resources": [...] } as lists of MCP have them, stands in for the notes: each of these answers with
 * the subject of who asked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <json-c/json.h>
#include <microhttpd.h>

#include <ema/admin.h>
#include <ema/ema.h>

#define BODY_MOST (1024 * 1024)
#define DEPTH_MOST 70       /* of JSON: the check lets 64 through */
#define HEADER_MOST 65536   /* bytes that libmicrohttpd keeps of a connection */
#define CONNECTIONS_MOST 128
#define SILENCE_MOST 30     /* seconds */
#define TENANTS_MOST 256
#define NOTES_MOST 64       /* of a tenant */
#define TEXT_MOST 4096      /* of a note */
#define NAME_MOST 64
#define URI_MOST 256
#define JSON_FORM (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* What does not change while the server runs. */
static ema_context *context;
static const char *service;
static char *path, *metadata_path, *metadata;
static int has_notes;

/* json-c counts its references without atomics: who touches these holds the lock, and takes copies away. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct json_object *things; /* { "tools": [...], "resources": [...] } */
static struct json_object *store;  /* { TENANT: { NAME: TEXT } } */

/* json-c takes single quotes, too, unless it is told to be strict. */
static const char own_things[] = "{ 'tools': ["
	"{ 'name': 'list_notes', 'description': 'The names of your notes.', 'annotations': { 'readOnlyHint': true },"
	"  'inputSchema': { 'type': 'object' } },"
	"{ 'name': 'get_note', 'description': 'The text of a note.', 'annotations': { 'readOnlyHint': true },"
	"  'inputSchema': { 'type': 'object', 'properties': { 'name': { 'type': 'string' } }, 'required': ['name'] } },"
	"{ 'name': 'put_note', 'description': 'Writes a note, over the one of that name.', 'annotations': { 'destructiveHint': true },"
	"  'inputSchema': { 'type': 'object', 'properties': { 'name': { 'type': 'string' }, 'text': { 'type': 'string' } },"
	"  'required': ['name', 'text'] } },"
	"{ 'name': 'delete_note', 'description': 'Throws a note away.', 'annotations': { 'destructiveHint': true },"
	"  'inputSchema': { 'type': 'object', 'properties': { 'name': { 'type': 'string' } }, 'required': ['name'] } } ] }";

/* ---- JSON: each takes what it is given, and NULL, which is no memory, leads to NULL ---- */

static struct json_object *set(struct json_object *to, const char *name, struct json_object *value)
{
	if (to && value && !json_object_object_add(to, name, value))
		return to;
	json_object_put(value);
	json_object_put(to);
	return NULL;
}

static struct json_object *object(const char *name, struct json_object *value)
{
	return set(json_object_new_object(), name, value);
}

static struct json_object *append(struct json_object *array, struct json_object *value)
{
	if (array && value && !json_object_array_add(array, value))
		return array;
	json_object_put(value);
	json_object_put(array);
	return NULL;
}

static struct json_object *text(const char *value)
{
	return value ? json_object_new_string(value) : NULL;
}

/* Of what a client sent: NULL for what is no string, and for one that C would take to end early. */
static const char *member(struct json_object *of, const char *name)
{
	struct json_object *value = json_object_object_get(of, name);
	if (!json_object_is_type(value, json_type_string))
		return NULL;
	const char *string = json_object_get_string(value);
	return strlen(string) == (size_t)json_object_get_string_len(value) ? string : NULL;
}

/* { "LIST": [ { "NAME": "VALUE", "text": "TEXT" } ] } */
static struct json_object *content(const char *list, const char *name, const char *value, const char *string)
{
	struct json_object *entry = set(object(name, text(value)), "text", text(string));
	return object(list, append(json_object_new_array(), entry));
}

/* ---- A call: made by who was let in, for a tenant ---- */

struct call {
	const ema_decision *decision;
	const char *tenant;
	struct json_object *params; /* NULL: none */
	int modern;                 /* MCP 2026-07-28, else 2025-11-25 */
	int status, code;           /* of an error: HTTP's, JSON-RPC's */
	const char *error;
};

static struct json_object *fail(struct call *call, int status, int code, const char *why)
{
	call->status = status;
	call->code = code;
	call->error = why;
	return NULL;
}

/* What a tool could not do is for the model to read, and so a result. */
static struct json_object *not_done(const char *why)
{
	return set(content("content", "type", "text", why), "isError", json_object_new_boolean(1));
}

static struct json_object *done(const char *what)
{
	return content("content", "type", "text", what);
}

/* ---- Notes. All of it under the lock. ---- */

/* NULL: no memory, or too many tenants. The first who comes finds a note. */
static struct json_object *notes_of(const char *tenant)
{
	struct json_object *notes = NULL;
	if (json_object_object_get_ex(store, tenant, &notes))
		return notes;
	if (json_object_object_length(store) >= TENANTS_MOST)
		return NULL;
	notes = object("welcome", text("These notes are your tenant's alone."));
	if (notes && !json_object_object_add(store, tenant, notes))
		return notes;
	json_object_put(notes);
	return NULL;
}

static int is_plain(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	return length && length <= NAME_MOST && !name[length];
}

/* note://TENANT/NAME. A tenant is whatever its identity provider says: one that could mean more in a URI has none. 0: it has. */
static int note_uri(const char *tenant, const char *name, char out[URI_MOST])
{
	return is_plain(tenant) ? snprintf(out, URI_MOST, "note://%s/%s", tenant, name) < 0 : -1;
}

static struct json_object *put_note(struct json_object *notes, const char *name, const char *string)
{
	if (!string || strlen(string) > TEXT_MOST)
		return not_done("The text is wanted, of up to 4096 bytes.");
	if (!json_object_object_get_ex(notes, name, NULL) && json_object_object_length(notes) >= NOTES_MOST)
		return not_done("There are 64 notes: delete one first.");
	struct json_object *value = text(string);
	if (value && !json_object_object_add(notes, name, value))
		return done("Written.");
	json_object_put(value);
	return NULL;
}

/* The arguments are held against the inputSchema here (MCP-56). */
static struct json_object *use(struct call *call, const char *tool)
{
	struct json_object *arguments = json_object_object_get(call->params, "arguments"), *list = NULL;
	struct json_object *notes = notes_of(call->tenant);
	const char *name = member(arguments, "name"), *found = NULL;
	if (notes && !strcmp(tool, "list_notes")) {
		list = json_object_new_array();
		json_object_object_foreach(notes, key, value) {
			(void)value;
			list = append(list, set(object("type", text("text")), "text", text(key)));
		}
		return object("content", list);
	}
	if (!name || !is_plain(name))
		return not_done("The name of a note is wanted: up to 64 letters, digits, - and _.");
	if (notes && !strcmp(tool, "get_note"))
		return (found = member(notes, name)) ? done(found) : not_done("There is no note of that name.");
	/* What writes may have waited for the lock, and who was let in may have been revoked since. What takes long asks at each step. */
	if (ema_decision_still(call->decision) != EMA_OK)
		return fail(call, 403, 4403, "You may not do that any more.");
	if (notes && !strcmp(tool, "put_note"))
		return put_note(notes, name, member(arguments, "text"));
	if (!notes || strcmp(tool, "delete_note"))
		return NULL;
	json_object_object_del(notes, name);
	return done("Deleted.");
}

/* ---- Methods of MCP, under the lock as well. NULL: call->error, or no memory. ---- */

/* Whether a list of things has one of this name. */
static int has_thing(const char *list, const char *key, const char *name)
{
	struct json_object *all = json_object_object_get(things, list);
	for (size_t i = 0; name && json_object_is_type(all, json_type_array) && i < json_object_array_length(all); i++) {
		const char *found = member(json_object_array_get_idx(all, i), key);
		if (found && !strcmp(found, name))
			return 1;
	}
	return 0;
}

static struct json_object *call_tool(struct call *call)
{
	const char *name = member(call->params, "name");
	if (!has_thing("tools", "name", name))
		return fail(call, 200, -32602, "There is no such tool.");
	return has_notes ? use(call, name) : done(ema_decision_subject(call->decision));
}

/* The rules say who may read which URI; but even where they say too much, nobody comes to see another tenant's notes here. */
static struct json_object *read_resource(struct call *call)
{
	const char *wanted = member(call->params, "uri"), *found = NULL;
	struct json_object *notes = has_notes ? notes_of(call->tenant) : NULL;
	char uri[URI_MOST];
	if (!has_notes && has_thing("resources", "uri", wanted))
		found = ema_decision_subject(call->decision);
	if (notes && wanted && !note_uri(call->tenant, "", uri) && !strncmp(wanted, uri, strlen(uri)))
		found = member(notes, wanted + strlen(uri));
	return found ? content("contents", "uri", wanted, found) :
	               fail(call, 200, call->modern ? -32602 : -32002, "There is no such resource.");
}

/* "tools/list" is of what stands behind "tools" in things, and the resources are the notes of the tenant. */
static struct json_object *list_of(struct call *call, const char *list)
{
	struct json_object *all = json_object_object_get(things, list), *result = NULL, *notes = NULL;
	char uri[URI_MOST];
	if (all)
		return json_object_deep_copy(all, &result, NULL) ? NULL : object(list, result);
	result = json_object_new_array();
	if (has_notes && !strcmp(list, "resourceTemplates"))
		result = note_uri(call->tenant, "{name}", uri) ? result :
		         append(result, set(object("uriTemplate", text(uri)), "name", text("note")));
	if (has_notes && !strcmp(list, "resources") && (notes = notes_of(call->tenant))) {
		json_object_object_foreach(notes, key, value) {
			(void)value;
			if (!note_uri(call->tenant, key, uri))
				result = append(result, set(object("uri", text(uri)), "name", text(key)));
		}
	}
	return object(list, result);
}

static struct json_object *capabilities(void)
{
	return set(object("tools", json_object_new_object()), "resources", json_object_new_object());
}

static struct json_object *software(void)
{
	return set(object("name", text("ema-example")), "version", text(ema_version()));
}

static const char *list_behind(const char *method)
{
	return !strcmp(method, "tools/list") ? "tools" : !strcmp(method, "resources/list") ? "resources" :
	       !strcmp(method, "resources/templates/list") ? "resourceTemplates" : NULL;
}

static struct json_object *result_of(struct call *call, const char *method)
{
	if (list_behind(method))
		return list_of(call, list_behind(method));
	if (!strcmp(method, "tools/call"))
		return call_tool(call);
	if (!strcmp(method, "resources/read"))
		return read_resource(call);
	if (!strcmp(method, "ping"))
		return json_object_new_object();
	if (!strcmp(method, "initialize"))
		return set(set(object("protocolVersion", text("2025-11-25")), "capabilities", capabilities()), "serverInfo", software());
	if (!strcmp(method, "server/discover"))
		return set(object("supportedVersions", append(append(json_object_new_array(), text("2026-07-28")), text("2025-11-25"))),
		           "capabilities", capabilities());
	/* The revision before has no status of HTTP for it, and its 404 means something else. */
	return fail(call, call->modern ? 404 : 200, -32601, "There is no such method.");
}

/* A response without its id; NULL: no memory. */
static struct json_object *response_to(struct call *call, const char *method)
{
	struct json_object *response = object("jsonrpc", text("2.0"));
	pthread_mutex_lock(&lock);
	struct json_object *result = result_of(call, method);
	pthread_mutex_unlock(&lock);
	if (call->error)
		return set(response, "error", set(object("code", json_object_new_int(call->code)), "message", text(call->error)));
	if (call->modern) { /* what 2026-07-28 wants to stand in each, and in those that could be kept: they may not be */
		result = set(set(result, "resultType", text("complete")), "_meta", object("io.modelcontextprotocol/serverInfo", software()));
		if (strcmp(method, "tools/call"))
			result = set(set(result, "ttlMs", json_object_new_int(0)), "cacheScope", text("private"));
	}
	return set(response, "result", result);
}

/* ---- HTTP ---- */

struct visit {
	char *url;     /* as the request line has it */
	ema_request *request;
	char *body;
	size_t length;
	int seen;      /* the header is complete */
	int status;    /* of a header that is refused; 0: none */
	int lengths;   /* headers that say where the body ends */
};

static enum MHD_Result answer(struct MHD_Connection *connection, int status, const ema_decision *decision, const char *body)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	const char *challenge = decision ? ema_decision_challenge(decision) : NULL;
	if (!response)
		return MHD_NO;
	if (*body)
		MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", body == metadata ? "public, max-age=300" : "no-store");
	if (decision)
		MHD_add_response_header(response, "X-Request-ID", ema_decision_id(decision));
	if (challenge)
		MHD_add_response_header(response, "WWW-Authenticate", challenge);
	if (status == 405)
		MHD_add_response_header(response, "Allow", "POST");
	enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
	MHD_destroy_response(response);
	return result;
}

/* The body is strict JSON, and a message of MCP that this subject may send: that was checked. */
static enum MHD_Result permitted(struct MHD_Connection *connection, const ema_decision *decision, const struct visit *visit)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MOST);
	struct json_object *message = tokener ? json_tokener_parse_ex(tokener, visit->body, (int)visit->length) : NULL;
	struct json_object *id = NULL, *response = NULL;
	struct json_object *params = json_object_object_get(message, "params");
	const char *tenant = ema_decision_tenant(decision), *name = member(message, "method"), *body = NULL;
	const char *version = member(json_object_object_get(params, "_meta"), "io.modelcontextprotocol/protocolVersion");
	struct call call = { decision, tenant ? tenant : "-", params, version && !strcmp(version, "2026-07-28"), 200, 0, NULL };
	char *mine = NULL;
	if (name && !json_object_object_get_ex(message, "id", &id)) {
		call.status = 202;
		body = "";
	} else if (name && (response = set(response_to(&call, name), "id", json_object_get(id)))) {
		body = json_object_to_json_string_ext(response, JSON_FORM);
		/* The entries that this subject could use. If that fails nothing is sent. */
		if (body && list_behind(name))
			body = ema_filter_list(decision, body, strlen(body), &mine) == EMA_OK ? mine : NULL;
	}
	enum MHD_Result result = answer(connection, body ? call.status : 503, decision, body ? body : "");
	ema_text_free(mine);
	json_object_put(response);
	json_object_put(message);
	json_tokener_free(tokener);
	return result;
}

static enum MHD_Result serve(struct MHD_Connection *connection, struct visit *visit)
{
	const union MHD_ConnectionInfo *peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	ema_decision *decision = NULL;
	enum MHD_Result result = MHD_NO;
	char remote[INET_ADDRSTRLEN];
	if (!peer || !inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer->client_addr)->sin_addr, remote, sizeof remote) ||
	    ema_request_set(visit->request, EMA_REQUEST_METHOD, "POST") || ema_request_set(visit->request, EMA_REQUEST_URL, visit->url) ||
	    ema_request_set(visit->request, EMA_REQUEST_REMOTE, remote) ||
	    ema_request_body(visit->request, visit->body ? visit->body : "", visit->length))
		return answer(connection, 400, NULL, "");
	int code = ema_check_mcp(context, service, visit->request, &decision);
	const char *error = decision ? ema_decision_rpc_error(decision) : NULL;
	if (code == EMA_OK && decision)
		result = permitted(connection, decision, visit);
	else /* without a decision there was no memory for one */
		result = answer(connection, decision ? ema_decision_status(decision) : 503, decision, error ? error : "");
	ema_decision_free(decision);
	return result;
}

static enum MHD_Result header(void *data, enum MHD_ValueKind kind, const char *name, size_t name_length,
                              const char *value, size_t value_length)
{
	struct visit *visit = data;
	(void)kind;
	/* RFC 9112 6.3: a proxy could read two of them in another way. */
	visit->lengths += !strcasecmp(name, "Content-Length") || !strcasecmp(name, "Transfer-Encoding");
	if (!strcasecmp(name, "Content-Length") && value && strtoull(value, NULL, 10) > BODY_MOST)
		visit->status = 413;
	else if (visit->lengths > 1 || !value || strlen(name) != name_length || strlen(value) != value_length)
		visit->status = 400;
	else if (ema_request_header(visit->request, name, value))
		visit->status = 431;
	return visit->status ? MHD_NO : MHD_YES;
}

/* Once the header is there: 0, or the status that ends it. The query is the check's to judge, and nobody's to log. */
static int begin(struct visit *visit, struct MHD_Connection *connection, const char *method)
{
	size_t length = strcspn(visit->url, "?");
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, header, visit);
	if (visit->status)
		return visit->status;
	if (length == strlen(metadata_path) && !strncmp(visit->url, metadata_path, length))
		return !strcmp(method, "GET") || !strcmp(method, "HEAD") ? 200 : 405;
	if (length != strlen(path) || strncmp(visit->url, path, length))
		return 404;
	return strcmp(method, "POST") ? 405 : 0;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *decoded, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **own)
{
	struct visit *visit = *own;
	(void)data, (void)decoded, (void)version;
	if (!visit)
		return MHD_NO;
	if (!visit->seen) {
		visit->seen = 1;
		int status = begin(visit, connection, method);
		return status ? answer(connection, status, NULL, status == 200 ? metadata : "") : MHD_YES;
	}
	if (!*upload_size)
		return serve(connection, visit);
	/* Who sends in chunks never said how long it is. */
	if (*upload_size > BODY_MOST - visit->length || (!visit->body && !(visit->body = malloc(BODY_MOST))))
		return MHD_NO;
	memcpy(visit->body + visit->length, upload, *upload_size);
	visit->length += *upload_size;
	*upload_size = 0;
	return MHD_YES;
}

static void visit_end(void *data, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode code)
{
	struct visit *visit = *own;
	(void)data, (void)connection, (void)code;
	if (!visit)
		return;
	ema_request_free(visit->request);
	free(visit->body);
	free(visit->url);
	free(visit);
	*own = NULL;
}

static void *visit_begin(void *data, const char *url, struct MHD_Connection *connection)
{
	struct visit *visit = calloc(1, sizeof *visit);
	void *own = visit;
	if (visit && (visit->url = strdup(url)) && (visit->request = ema_request_new()))
		return visit;
	visit_end(data, connection, &own, MHD_REQUEST_TERMINATED_WITH_ERROR);
	return NULL;
}

/* ---- From start to end ---- */

static void log_line(void *data, int level, const char *line)
{
	(void)data;
	if (level <= 2)
		fprintf(stderr, "ema: %s\n", line);
}

/* RFC 9728: at the challenge's place; what leads a client to the authorization server. 0, or there is no such service. */
static int describe(void)
{
	static const char well_known[] = "/.well-known/oauth-protected-resource";
	const char *resource = ema_service_fact(context, service, "resource"), *issuer = ema_service_fact(context, service, "issuer");
	const char *below = resource ? strstr(resource, "://") : NULL;
	if (!below || !issuer)
		return -1;
	below = strchr(below + 3, '/');
	struct json_object *document = set(set(object("resource", text(resource)),
		"authorization_servers", append(json_object_new_array(), text(issuer))),
		"bearer_methods_supported", append(json_object_new_array(), text("header")));
	const char *body = document ? json_object_to_json_string_ext(document, JSON_FORM) : NULL;
	size_t room = sizeof well_known + (below ? strlen(below) : 0);
	metadata = body ? strdup(body) : NULL;
	path = strdup(below ? below : "/");
	if ((metadata_path = malloc(room)))
		snprintf(metadata_path, room, "%s%s", well_known, below ? below : "");
	json_object_put(document);
	return metadata && path && metadata_path ? 0 : -1;
}

/* It speaks clear text: to this host alone, where a proxy ends TLS, unless an address says otherwise. */
static struct MHD_Daemon *listen_at(const char *where)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const char *port = strrchr(where, ':');
	char host[INET_ADDRSTRLEN] = "127.0.0.1", *end = NULL;
	if (port)
		snprintf(host, sizeof host, "%.*s", (int)(port - where), where);
	port = port ? port + 1 : where;
	unsigned long number = strtoul(port, &end, 10);
	if (*port < '0' || *port > '9' || *end || number > 65535 || inet_pton(AF_INET, host, &address.sin_addr) != 1) {
		fputs("server: [ADDRESS:]PORT is wanted, as 127.0.0.1:8080; port 0 is any that is free\n", stderr);
		return NULL;
	}
	address.sin_port = htons((uint16_t)number);
	/* More threads than cores: one that waits for a store or a key is not to keep the others waiting. */
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle, NULL,
		MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_URI_LOG_CALLBACK, visit_begin, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, visit_end, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
		MHD_OPTION_THREAD_POOL_SIZE, (unsigned)(cores < 2 ? 4 : cores > 16 ? 32 : 2 * cores),
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_MOST, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MOST,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	const union MHD_DaemonInfo *bound = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	if (bound)
		printf("listening on http://%s:%u%s\n", host, (unsigned)bound->port, path);
	else
		fprintf(stderr, "server: cannot listen on %s:%s: %s\n", host, port, strerror(errno));
	fflush(stdout);
	return daemon;
}

int main(int argc, char **argv)
{
	struct MHD_Daemon *daemon = NULL;
	sigset_t signals;
	int number = 0, status = 1;

	if (argc != 4 && argc != 5) {
		fputs("usage: server CONFIG SERVICE [ADDRESS:]PORT [THINGS.json]\n", stderr);
		return 2;
	}
	service = argv[2];
	has_notes = argc == 4;
	if (!(things = has_notes ? json_tokener_parse(own_things) : json_object_from_file(argv[4]))) {
		fprintf(stderr, "server: %s\n", has_notes ? "no memory" : json_util_get_last_err());
		return 2;
	}
	/* Before there are threads, so that none of them is interrupted. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	store = json_object_new_object();
	if (!store || !(context = ema_new()) || ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH"))) { /* of an uninstalled build */
		fputs("server: no memory\n", stderr);
		goto done;
	}
	ema_set_log(context, log_line, NULL);
	if (ema_load(context, argv[1]) != EMA_OK) {
		fprintf(stderr, "server: %s was not loaded\n", argv[1]); /* its log has told why, and so would ema_error() */
		goto done;
	}
	if (describe()) {
		fprintf(stderr, "server: %s has no service \"%s\", or there is no memory\n", argv[1], service);
		goto done;
	}
	if (!(daemon = listen_at(argv[3])))
		goto done;
	while (!sigwait(&signals, &number) && number == SIGHUP) {
		if (ema_reload(context) == EMA_OK)
			puts("reloaded");
		else
			fputs("not reloaded: what was in place stays\n", stderr);
		fflush(stdout);
	}
	status = 0;
done:
	if (daemon)
		MHD_stop_daemon(daemon); /* no decision is left after it, as it has to be before ema_free() */
	ema_free(context);
	free(metadata);
	free(metadata_path);
	free(path);
	json_object_put(store);
	json_object_put(things);
	return status;
}
