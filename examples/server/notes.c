/*
 * Notes, which each tenant has for itself, as tools and resources of MCP. The parts to copy: notes_answer() works for the subject
 * and tenant of the decision, never for those of the message, and lets lists through ema_filter_list(); use() asks once more before
 * it writes.
 */
#include "notes.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#define DEPTH_MOST 70     /* of JSON: the check lets 64 through */
#define TENANTS_MOST 256
#define NOTES_MOST 64     /* of a tenant */
#define TEXT_MOST 4096    /* of a note */
#define NAME_MOST 64
#define URI_MOST 256
#define JSON_FORM (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* json-c counts its references without atomics: who touches these holds the lock, and takes copies away. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct json_object *things; /* { "tools": [...], "resources": [...] } */
static struct json_object *store;  /* { TENANT: { NAME: TEXT } }; NULL: things of a file instead */

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

/* ---- A call: made by who was let in, for a tenant. What follows is done under the lock. NULL: call->error, or no memory. ---- */

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

static struct json_object *done(const char *what)
{
	return object("content", append(json_object_new_array(), set(object("type", text("text")), "text", text(what))));
}

/* What a tool could not do is for the model to read, and so a result. */
static struct json_object *not_done(const char *why)
{
	return set(done(why), "isError", json_object_new_boolean(1));
}

/* ---- Notes ---- */

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

static struct json_object *list_notes(struct json_object *notes)
{
	struct json_object *list = json_object_new_array();
	json_object_object_foreach(notes, name, value) {
		(void)value;
		list = append(list, set(object("type", text("text")), "text", text(name)));
	}
	return object("content", list);
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
	struct json_object *arguments = json_object_object_get(call->params, "arguments"), *notes = notes_of(call->tenant);
	const char *name = member(arguments, "name");
	if (!notes)
		return NULL;
	if (!strcmp(tool, "list_notes"))
		return list_notes(notes);
	if (!name || !is_plain(name))
		return not_done("The name of a note is wanted: up to 64 letters, digits, - and _.");
	if (!strcmp(tool, "get_note")) {
		const char *found = member(notes, name);
		return found ? done(found) : not_done("There is no note of that name.");
	}
	/* What writes may have waited, and who was let in may have been revoked since. What takes long asks at each step. */
	if (ema_decision_still(call->decision) != EMA_OK)
		return fail(call, 403, 4403, "You may not do that any more.");
	if (!strcmp(tool, "put_note"))
		return put_note(notes, name, member(arguments, "text"));
	if (strcmp(tool, "delete_note"))
		return NULL;
	json_object_object_del(notes, name);
	return done("Deleted.");
}

/* ---- Methods of MCP ---- */

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
	return store ? use(call, name) : done(ema_decision_subject(call->decision));
}

/* The rules say who may read which URI; but even where they say too much, nobody comes to see another tenant's notes here. */
static struct json_object *read_resource(struct call *call)
{
	const char *wanted = member(call->params, "uri"), *found = NULL;
	struct json_object *notes = store ? notes_of(call->tenant) : NULL;
	char uri[URI_MOST];
	if (!store && has_thing("resources", "uri", wanted))
		found = ema_decision_subject(call->decision);
	if (notes && wanted && !note_uri(call->tenant, "", uri) && !strncmp(wanted, uri, strlen(uri)))
		found = member(notes, wanted + strlen(uri));
	if (!found)
		return fail(call, 200, call->modern ? -32602 : -32002, "There is no such resource.");
	return object("contents", append(json_object_new_array(), set(object("uri", text(wanted)), "text", text(found))));
}

/* "tools/list" is of what stands behind "tools" in things, and the resources are the notes of the tenant. */
static struct json_object *list_of(struct call *call, const char *list)
{
	struct json_object *all = json_object_object_get(things, list), *result = NULL, *notes = NULL;
	char uri[URI_MOST];
	if (all)
		return json_object_deep_copy(all, &result, NULL) ? NULL : object(list, result);
	result = json_object_new_array();
	if (store && !strcmp(list, "resourceTemplates") && !note_uri(call->tenant, "{name}", uri))
		result = append(result, set(object("uriTemplate", text(uri)), "name", text("note")));
	if (store && !strcmp(list, "resources") && (notes = notes_of(call->tenant))) {
		json_object_object_foreach(notes, name, value) {
			(void)value;
			if (!note_uri(call->tenant, name, uri))
				result = append(result, set(object("uri", text(uri)), "name", text(name)));
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

static struct json_object *response_to(struct call *call, const char *method, struct json_object *id)
{
	struct json_object *response = set(object("jsonrpc", text("2.0")), "id", json_object_get(id));
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

/* The message is strict JSON, and of MCP, and this subject may send it: that was checked. */
char *notes_answer(const ema_decision *decision, const char *message, size_t length, int *status)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MOST);
	struct json_object *root = tokener ? json_tokener_parse_ex(tokener, message, (int)length) : NULL;
	struct json_object *params = json_object_object_get(root, "params"), *id = NULL, *response = NULL;
	const char *tenant = ema_decision_tenant(decision), *method = member(root, "method"), *body = NULL;
	const char *version = member(json_object_object_get(params, "_meta"), "io.modelcontextprotocol/protocolVersion");
	struct call call = { decision, tenant ? tenant : "-", params, version && !strcmp(version, "2026-07-28"), 200, 0, NULL };
	char *filtered = NULL, *answer = NULL;
	if (root && (!method || !json_object_object_get_ex(root, "id", &id))) {
		call.status = 202; /* a notification, or an answer, though nothing is asked here */
		body = "";
	} else if (method && (response = response_to(&call, method, id))) {
		body = json_object_to_json_string_ext(response, JSON_FORM);
		/* The entries that this subject could use. If that fails nothing is sent. */
		if (body && list_behind(method))
			body = ema_filter_list(decision, body, strlen(body), &filtered) == EMA_OK ? filtered : NULL;
	}
	if (body && (answer = strdup(body)))
		*status = call.status;
	ema_text_free(filtered);
	json_object_put(response);
	json_object_put(root);
	if (tokener)
		json_tokener_free(tokener);
	return answer;
}

const char *notes_open(const char *file)
{
	if (!file) {
		things = json_tokener_parse(own_things);
		store = json_object_new_object();
		return things && store ? NULL : "no memory";
	}
	things = json_object_from_file(file);
	return json_object_is_type(things, json_type_object) ? NULL : "THINGS.json is not there, or no object of JSON";
}

void notes_close(void)
{
	json_object_put(store);
	json_object_put(things);
}
