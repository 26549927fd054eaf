#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "header.h"
#include "method.h"

#define RPC_PARSE (-32700)
#define RPC_REQUEST (-32600)
#define RPC_METHOD (-32601)
#define RPC_PARAMS (-32602)
#define RPC_INTERNAL (-32603)
#define ID_MOST 1024
#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"

static const struct { const char *name; enum mcp_revision revision; } revisions[MCP_REVISIONS] = {
	{ "2026-07-28", MCP_2026_07_28 }, { "2025-11-25", MCP_2025_11_25 }, { "2025-06-18", MCP_2025_06_18 }, { "2025-03-26", MCP_2025_03_26 },
};

struct parser {
	const struct mcp_settings *settings;
	struct mcp_headers headers;
	unsigned allowed;
	struct mcp_message *message;
	struct mcp_error *error;
};

const char *mcp_revision_name(enum mcp_revision revision)
{
	for (size_t i = 0; i < MCP_REVISIONS; i++)
		if (revisions[i].revision == revision)
			return revisions[i].name;
	return "";
}

size_t mcp_revision_names(unsigned set, const char *out[MCP_REVISIONS])
{
	size_t count = 0;
	for (size_t i = 0; i < MCP_REVISIONS; i++)
		if (set & revisions[i].revision)
			out[count++] = revisions[i].name;
	return count;
}

static int fail(struct parser *p, int code, int status, int rpc, const char *text)
{
	p->error->code = code;
	p->error->status = status;
	p->error->rpc = rpc;
	p->error->text = text;
	return code;
}

static int bad(struct parser *p, int rpc, const char *text)
{
	return fail(p, EMA_BAD_MESSAGE, 400, rpc, text);
}

static int no_memory(struct parser *p)
{
	return fail(p, EMA_OUT_OF_MEMORY, 503, RPC_INTERNAL, "no memory");
}

static char *id_text(const struct json_node *id)
{
	struct buffer text = BUFFER_INIT(ID_MOST * 6 + 3);
	if (id->type == JSON_STRING)
		buffer_json(&text, id->text, id->length);
	else
		buffer_append(&text, id->text, id->length);
	char *taken = buffer_take(&text);
	buffer_free(&text);
	return taken;
}

/* ---- Revision ---- */

void mcp_error_revision(struct mcp_error *error, const char *requested, unsigned supported)
{
	static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-";
	const size_t length = strlen(requested);
	if (length < sizeof error->requested && strspn(requested, plain) == length)
		memcpy(error->requested, requested, length + 1);
	error->supported = supported;
}

static int known(struct parser *p, const char *name)
{
	for (size_t i = 0; i < MCP_REVISIONS; i++)
		if (!strcmp(revisions[i].name, name) && p->allowed & revisions[i].revision) {
			p->message->revision = revisions[i].revision;
			return EMA_OK;
		}
	mcp_error_revision(p->error, name, p->allowed);
	return bad(p, MCP_RPC_VERSION, "the revision of MCP is not one that is taken here");
}

static const struct json_node *meta_of(const struct parser *p, const struct json_node *call)
{
	const struct json *json = &p->message->json;
	return json_member(json, json_member(json, call, "params"), "_meta");
}

/* The newest of those that begin with initialize, whose wish is for the server to answer. */
static int oldest_way(struct parser *p)
{
	for (size_t i = 0; i < MCP_REVISIONS; i++)
		if (p->allowed & revisions[i].revision && revisions[i].revision != MCP_2026_07_28) {
			p->message->revision = revisions[i].revision;
			return EMA_OK;
		}
	return bad(p, RPC_PARAMS, "_meta lacks the protocolVersion");
}

/* By the first message of a batch, which all must share. */
static int revision_find(struct parser *p, const struct json_node *call)
{
	const struct json *json = &p->message->json;
	const struct json_node *meta = json_member(json, meta_of(p, call), META_VERSION);
	const char *body = json_string(meta), *header = p->headers.version, *method = json_string(json_member(json, call, "method"));
	if (meta && !body)
		return bad(p, RPC_PARAMS, "the protocolVersion of _meta is no string");
	if (p->settings->http && body && !header)
		return bad(p, MCP_RPC_MISMATCH, "the header MCP-Protocol-Version is missing");
	if (body && header && strcmp(body, header))
		return bad(p, MCP_RPC_MISMATCH, "MCP-Protocol-Version and the protocolVersion of _meta differ");
	if (body || header)
		return known(p, header ? header : body);
	if (!p->settings->http || (method && !strcmp(method, "initialize")))
		return oldest_way(p);
	/* Clients of 2025-03-26 sent no header. */
	if (p->allowed & MCP_2025_03_26) {
		p->message->revision = MCP_2025_03_26;
		return EMA_OK;
	}
	return bad(p, RPC_PARAMS, "neither MCP-Protocol-Version nor the protocolVersion of _meta says which revision this is");
}

/* ---- Targets ---- */

static int add_target(struct parser *p, struct mcp_call *call, struct policy_target target)
{
	struct policy_target *its = &p->message->its, *more = its;
	if (call->target_count || p->message->batch) {
		more = realloc(call->targets == its ? NULL : call->targets, (call->target_count + 1) * sizeof *more);
		if (!more)
			return no_memory(p);
		if (call->targets == its)
			*more = *its;
	}
	call->targets = more;
	target.json = &p->message->json;
	call->targets[call->target_count++] = target;
	return EMA_OK;
}

static int add_named(struct parser *p, struct mcp_call *call, enum policy_kind kind, const struct json_node *name, const struct json_node *arguments)
{
	if (!json_is(name, JSON_STRING) || !name->length)
		return bad(p, RPC_PARAMS, "params lacks the name or uri of what is asked for, or it is no string");
	if (arguments && arguments->type != JSON_OBJECT)
		return bad(p, RPC_PARAMS, "the arguments are no object");
	return add_target(p, call, (struct policy_target){ .kind = kind, .name = name->text, .length = name->length, .arguments = arguments });
}

static int add_reference(struct parser *p, struct mcp_call *call, const struct json_node *params)
{
	const struct json *json = &p->message->json;
	const struct json_node *ref = json_member(json, params, "ref");
	const char *type = json_string(json_member(json, ref, "type"));
	const int prompt = type && !strcmp(type, "ref/prompt");
	if (!prompt && !(type && !strcmp(type, "ref/resource")))
		return bad(p, RPC_PARAMS, "ref is neither a ref/prompt nor a ref/resource");
	int code = add_named(p, call, prompt ? POLICY_PROMPT : POLICY_URI, json_member(json, ref, prompt ? "name" : "uri"), NULL);
	if (code)
		return code;
	/* One of its arguments is asked about, and which ones it will have nobody knows. */
	struct policy_target *target = &call->targets[call->target_count - 1];
	target->unseen = prompt;
	target->is_template = !prompt;
	return EMA_OK;
}

/* A member that is not known might be a subscription to something that was not judged. */
static int add_subscriptions(struct parser *p, struct mcp_call *call, const struct json_node *params)
{
	static const char *const flags[] = { "toolsListChanged", "promptsListChanged", "resourcesListChanged" };
	const struct json *json = &p->message->json;
	const struct json_node *filter = json_member(json, params, "notifications");
	int code = EMA_OK;
	for (const struct json_node *n = json_first(json, params); n; n = json_next(json, n))
		if (strcmp(n->name, "_meta") && strcmp(n->name, "notifications"))
			return bad(p, RPC_PARAMS, "params has a member that subscriptions/listen does not have");
	if (!json_is(filter, JSON_OBJECT))
		return bad(p, RPC_PARAMS, "params lacks notifications, or it is no object");
	code = add_target(p, call, (struct policy_target){ .kind = POLICY_LIST });
	for (const struct json_node *n = json_first(json, filter); n && !code; n = json_next(json, n)) {
		int flag = 0;
		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
			flag |= !strcmp(n->name, flags[i]);
		if (flag && (n->type == JSON_TRUE || n->type == JSON_FALSE))
			continue;
		if (strcmp(n->name, "resourceSubscriptions") || n->type != JSON_ARRAY)
			return bad(p, RPC_PARAMS, "notifications has a member that is not known, or of the wrong type");
		if (n->count >= MCP_TARGETS_MOST)
			return bad(p, RPC_PARAMS, "too many resourceSubscriptions");
		for (const struct json_node *uri = json_first(json, n); uri && !code; uri = json_next(json, uri))
			code = add_named(p, call, POLICY_URI, uri, NULL);
	}
	return code;
}

static int targets_find(struct parser *p, const struct mcp_method *method, struct mcp_call *call, const struct json_node *params)
{
	const struct json *json = &p->message->json;
	switch (method->form) {
	case FORM_NAME:
		return add_named(p, call, method->kind, json_member(json, params, "name"), json_member(json, params, "arguments"));
	case FORM_URI:
		return add_named(p, call, method->kind, json_member(json, params, "uri"), NULL);
	case FORM_TASK:
		return add_named(p, call, method->kind, json_member(json, params, "taskId"), NULL);
	case FORM_REF:
		return add_reference(p, call, params);
	case FORM_LISTEN:
		return add_subscriptions(p, call, params);
	case FORM_SERVER:
	case FORM_LIST:
	case FORM_RESPONSE:
		break;
	}
	return add_target(p, call, (struct policy_target){ .kind = method->kind });
}

/* ---- One request, notification or response ---- */

static int is_id(const struct json_node *id)
{
	int64_t number = 0;
	return (json_is(id, JSON_STRING) && id->length <= ID_MOST) || json_integer(id, &number);
}

static int id_find(struct parser *p, const struct json_node *node, const char *method, struct mcp_call *call)
{
	const struct json_node *id = json_member(&p->message->json, node, "id");
	if (mcp_is_notification(method))
		return id ? bad(p, RPC_REQUEST, "a notification has an id") : EMA_OK;
	if (!id)
		return bad(p, RPC_REQUEST, "a request has no id");
	if (!is_id(id))
		return bad(p, RPC_REQUEST, "the id is neither a string nor a whole number");
	call->id = id_text(id);
	if (call->id && !p->message->batch)
		p->error->id = id_text(id);
	return call->id && (p->message->batch || p->error->id) ? EMA_OK : no_memory(p);
}

static int meta_check(struct parser *p, const struct json_node *node, const struct mcp_call *call)
{
	const struct json_node *meta = meta_of(p, node);
	if (p->message->revision != MCP_2026_07_28 || !call->id)
		return EMA_OK;
	if (!json_is(json_member(&p->message->json, meta, META_VERSION), JSON_STRING))
		return bad(p, RPC_PARAMS, "_meta lacks the protocolVersion");
	if (!json_is(json_member(&p->message->json, meta, META_CAPABILITIES), JSON_OBJECT))
		return bad(p, RPC_PARAMS, "_meta lacks the clientCapabilities");
	return EMA_OK;
}

/* A server that does not tell case apart would read another message than the one that is judged. The names are those that are read here,
   or that an answer to a request of the server's comes by. */
static int resembles(const struct json *json, const struct json_node *object, const char *const *names)
{
	for (const struct json_node *n = json_is(object, JSON_OBJECT) ? json_first(json, object) : NULL; n; n = json_next(json, n))
		for (size_t i = 0; names[i]; i++)
			if (json_resembles(n, names[i], strlen(names[i])))
				return 1;
	return 0;
}

static int case_check(struct parser *p, const struct json_node *node, const struct json_node *params)
{
	static const char *const message[] = { "jsonrpc", "id", "method", "params", "result", "error", NULL };
	static const char *const inside[] = { "name", "uri", "arguments", "taskId", "ref", "argument", "notifications", "requestState", "inputResponses", "_meta", NULL };
	static const char *const reference[] = { "type", "name", "uri", NULL }, *const meta[] = { META_VERSION, META_CAPABILITIES, NULL };
	const struct json *json = &p->message->json;
	if (resembles(json, node, message) || resembles(json, params, inside) || resembles(json, json_member(json, params, "ref"), reference) ||
	    resembles(json, json_member(json, params, "_meta"), meta))
		return bad(p, RPC_REQUEST, "a member's name differs from one of MCP's by the case of its letters alone");
	return EMA_OK;
}

/* What the client answers a request of the server's, which came to it in the stream of a call that was permitted. Its id is of the server's
   numbers, so no answer of ours has it: the client may have one of its own that is called the same. */
static int response_parse(struct parser *p, const struct json_node *node, struct mcp_call *call)
{
	const struct json *json = &p->message->json;
	const struct json_node *result = json_member(json, node, "result"), *error = json_member(json, node, "error");
	int code = case_check(p, node, NULL);
	if (code || (!p->message->revision && (code = revision_find(p, node))))
		return code;
	if (p->message->revision == MCP_2026_07_28)
		return bad(p, RPC_REQUEST, "a response: this revision takes only requests and notifications");
	if (json_member(json, node, "method") || json_member(json, node, "params") || !json_is(result ? result : error, JSON_OBJECT) || (result && error))
		return bad(p, RPC_REQUEST, "a response has a result or an error, which is an object, and neither method nor params");
	/* An error may be about a request whose id could not be read. */
	const struct json_node *id = json_member(json, node, "id");
	if (!is_id(id) && !(error && (!id || id->type == JSON_NULL)))
		return bad(p, RPC_REQUEST, "a response has no id, or one that is neither a string nor a whole number");
	if (p->settings->http && (p->headers.method || p->headers.name))
		return bad(p, MCP_RPC_MISMATCH, "Mcp-Method or Mcp-Name copies a request, and the body is a response");
	call->method = MCP_RESPONSE;
	return targets_find(p, mcp_method(MCP_RESPONSE, p->message->revision), call, NULL);
}

static int call_parse(struct parser *p, const struct json_node *node, struct mcp_call *call)
{
	const struct json *json = &p->message->json;
	const struct json_node *params = json_member(json, node, "params");
	const char *version = json_string(json_member(json, node, "jsonrpc")), *text = NULL;
	call->method = json_string(json_member(json, node, "method"));
	if (!json_is(node, JSON_OBJECT))
		return bad(p, RPC_REQUEST, "the message is no object");
	if (!version || strcmp(version, "2.0"))
		return bad(p, RPC_REQUEST, "jsonrpc is not \"2.0\"");
	if (json_member(json, node, "result") || json_member(json, node, "error"))
		return response_parse(p, node, call);
	if (!call->method)
		return bad(p, RPC_REQUEST, "the method is missing or no string");
	int code = id_find(p, node, call->method, call);
	if (code)
		return code;
	if (params && params->type != JSON_OBJECT)
		return bad(p, RPC_REQUEST, "params is no object");
	if ((code = case_check(p, node, params)))
		return code;
	if (!p->message->revision && (code = revision_find(p, node)))
		return code;
	const struct mcp_method *method = mcp_method(call->method, p->message->revision);
	if ((code = meta_check(p, node, call)))
		return code;
	/* The header first: an intermediary has judged by it. */
	if (p->settings->http && (text = mcp_headers_method(&p->headers, p->message->revision, call->method)))
		return bad(p, MCP_RPC_MISMATCH, text);
	if (!method || method->form == FORM_RESPONSE)
		return fail(p, EMA_BAD_MESSAGE, 404, RPC_METHOD, "there is no such method in this revision");
	if ((code = targets_find(p, method, call, params)))
		return code;
	if (p->settings->http && (text = mcp_headers_names(&p->headers, p->message->revision, method, json, params, p->settings)))
		return bad(p, MCP_RPC_MISMATCH, text);
	return EMA_OK;
}

static int body_parse(struct parser *p, const char *body, size_t length)
{
	struct json_limits limits = json_limits_message;
	if (p->settings->most && p->settings->most < limits.bytes)
		limits.bytes = p->settings->most;
	struct failure why = FAILURE_INIT;
	int code = json_parse(body, length, &limits, &p->message->json, &why);
	if (code == EMA_BAD_JSON || code == EMA_DUPLICATE_MEMBER)
		snprintf(p->error->detail, sizeof p->error->detail, "%s%.160s", code == EMA_BAD_JSON ? "the body is " : "", why.text);
	failure_clear(&why);
	switch (code) {
	case EMA_OK:
		return EMA_OK;
	case EMA_TOO_LARGE:
		return fail(p, code, 413, RPC_REQUEST, "the message is too long, too deep, or has too many values");
	case EMA_OUT_OF_MEMORY:
		return no_memory(p);
	case EMA_DUPLICATE_MEMBER:
		return fail(p, code, 400, RPC_PARSE, "a member name stands twice");
	default:
		return fail(p, EMA_BAD_JSON, 400, RPC_PARSE, "the body is not strict JSON");
	}
}

static int calls_parse(struct parser *p)
{
	struct mcp_message *message = p->message;
	const struct json_node *root = json_root(&message->json), *node = root;
	size_t count = 1;
	if (root->type == JSON_ARRAY) {
		if (!(p->allowed & MCP_2025_03_26) || (p->headers.version && strcmp(p->headers.version, "2025-03-26")))
			return bad(p, RPC_REQUEST, "an array: this revision has no batches");
		if (!root->count || root->count > MCP_BATCH_MOST)
			return bad(p, RPC_REQUEST, "an empty batch, or one of too many messages");
		message->batch = 1;
		message->revision = MCP_2025_03_26;
		count = root->count;
		node = json_first(&message->json, root);
	}
	message->calls = message->batch ? calloc(count, sizeof *message->calls) : &message->only;
	if (!message->calls)
		return no_memory(p);
	for (; node && message->count < count; node = json_next(&message->json, node)) {
		struct mcp_call *call = &message->calls[message->count++];
		int code = call_parse(p, node, call);
		if (code)
			return code;
		/* A batch is no way to begin, and headers copy one message. */
		if (message->batch && (!strcmp(call->method, "initialize") || p->headers.method || p->headers.name))
			return bad(p, RPC_REQUEST, "a batch has initialize in it, or headers that copy one message");
	}
	return EMA_OK;
}

int mcp_parse(const char *body, size_t length, const struct mcp_header *headers, size_t header_count, const struct mcp_settings *settings,
              struct mcp_message *out, struct mcp_error *error)
{
	/* The targets point to the JSON by the message's place: it is made where it stays. */
	struct parser p = { .settings = settings, .message = out, .error = error };
	const char *text = NULL;
	*out = (struct mcp_message){ 0 };
	*error = (struct mcp_error){ .text = "" };
	p.allowed = settings->revisions ? settings->revisions : MCP_REVISIONS_DEFAULT;
	int code = body_parse(&p, body, length);
	if (!code && settings->http && (text = mcp_headers_read(headers, header_count, &p.headers)))
		code = bad(&p, MCP_RPC_MISMATCH, text);
	if (!code)
		code = calls_parse(&p);
	if (code)
		mcp_clear(out);
	else
		mcp_error_clear(error);
	return code;
}

void mcp_call_only(struct mcp_message *message, const char *method, const struct policy_target *target)
{
	message->its = *target;
	message->only = (struct mcp_call){ .method = method, .targets = &message->its, .target_count = 1 };
	message->calls = &message->only;
	message->count = 1;
}

void mcp_clear(struct mcp_message *message)
{
	for (size_t i = 0; i < message->count; i++) {
		free(message->calls[i].id);
		if (message->calls[i].targets != &message->its)
			free(message->calls[i].targets);
	}
	if (message->calls != &message->only)
		free(message->calls);
	json_free(&message->json);
	free(message->text);
	*message = (struct mcp_message){ 0 };
}

void mcp_error_clear(struct mcp_error *error)
{
	free(error->id);
	*error = (struct mcp_error){ .text = "" };
}
