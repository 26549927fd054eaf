/*
 * AuthZEN Authorization API 1.0, for MCP servers and gateways that are callers of ema.conf: may the bearer of this token do that?
 * Who the subject is, the token says, which stands in the context; what the caller says of him must agree with it (AZN-26). The answer
 * is that of a check, with what the client is to be told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "json.h"
#include "method.h"
#include "pipeline.h"
#include "resource.h"

#define KIND "evaluation"
#define ENTRIES_MOST 100
#define ECHO_MOST 128
#define EVERY_REVISION (MCP_2026_07_28 | MCP_2025_11_25 | MCP_2025_06_18 | MCP_2025_03_26)

enum semantic { EXECUTE_ALL, DENY_ON_FIRST_DENY, PERMIT_ON_FIRST_PERMIT };

/* The members of a request or of its entry (AuthZEN 5). */
struct asked {
	const struct json_node *subject, *action, *resource, *context;
};

/* What it asks, in our words. */
struct evaluation {
	const struct service *service;
	const char *subject, *token, *proof, *method;
	int claim;           /* subject is the token's sub (COAZ), not ours */
	struct policy_target target;
};

struct exam {
	struct exchange *x;
	const struct sender *sender;
	const struct json *json;
};

/* ---- Reading ---- */

static const char *text_of(const struct json *json, const struct json_node *node, const char *name)
{
	const char *text = json_string(json_member(json, node, name));
	return text && *text ? text : NULL;
}

static int has_scheme(const char *id)
{
	return !strncmp(id + strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."), "://", 3);
}

/* The service that the id begins with, followed by "#", and what stands behind; or that is the caller's only one. */
static const struct service *service_of(const struct exam *exam, const char *id, enum policy_kind kind, const char **name)
{
	const struct snapshot *snapshot = exam->x->snapshot;
	const struct service *only = NULL, *named = NULL;
	const size_t length = strcspn(id, "#");
	char *resource = strndup(id, length);
	size_t count = 0;
	for (size_t i = 0; resource && i < snapshot->conf->service_count && !named; i++) {
		const struct service *service = &snapshot->services[i];
		const int reaches = client_may_reach(&exam->sender->client, service->conf->id);
		/* Another's name is never taken for a name at the caller's own. */
		named = resource_same(resource, service->conf->resource) ? service : NULL;
		count += reaches != 0;
		only = reaches ? service : only;
	}
	free(resource);
	if (named) {
		*name = id[length] ? id + length + 1 : NULL;
		return client_may_reach(&exam->sender->client, named->conf->id) ? named : NULL;
	}
	/* AZN-28: with more than one, a name alone could be either's; and what begins as a resource identifier is none of a tool. */
	*name = id;
	return count == 1 && (kind == POLICY_URI || !has_scheme(id)) ? only : NULL;
}

static int kind_of(const char *type, enum policy_kind *kind)
{
	static const struct { const char *type; enum policy_kind kind; } rows[] = {
		{ "tool", POLICY_TOOL }, { "prompt", POLICY_PROMPT }, { "resource", POLICY_URI }, { "task", POLICY_TASK }, { "mcp_server", POLICY_SERVER },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(rows[i].type, type)) {
			*kind = rows[i].kind;
			return 1;
		}
	return 0;
}

/* Has the method targets of this kind? And then which it is for the rules: a server's may be its lists. */
static int fits(const struct mcp_method *method, enum policy_kind *kind)
{
	switch (method->form) {
	case FORM_NAME:
	case FORM_URI:
	case FORM_TASK:
		return *kind == method->kind;
	case FORM_REF:
		return *kind == POLICY_PROMPT || *kind == POLICY_URI;
	case FORM_LISTEN:
		if (*kind == POLICY_URI)
			return 1;
		break;
	case FORM_SERVER:
	case FORM_LIST:
	case FORM_RESPONSE:
		break;
	}
	if (*kind != POLICY_SERVER)
		return 0;
	*kind = method->kind;
	return 1;
}

/* NULL, or what is wrong with the request: a mistake of the caller's program, and no decision (AZN-27, AZN-59). */
static const char *read_evaluation(const struct exam *exam, const struct asked *asked, struct evaluation *out)
{
	const struct json *json = exam->json;
	const char *type, *id, *name = NULL;
	*out = (struct evaluation){ 0 };
	if (!json_is(asked->subject, JSON_OBJECT) || !json_is(asked->action, JSON_OBJECT) || !json_is(asked->resource, JSON_OBJECT))
		return "subject, action and resource must be there, each an object";
	if (!json_is(asked->context, JSON_OBJECT))
		return "context must be there, an object with the access token of the request in access_token";
	type = text_of(json, asked->subject, "type");
	out->subject = text_of(json, asked->subject, "id");
	if (!type || !out->subject || (strcmp(type, "user") && strcmp(type, "identity")))
		return "subject needs an id, and the type user or identity";
	out->claim = !strcmp(type, "identity");
	out->method = text_of(json, asked->action, "name");
	if (!out->method)
		return "action needs a name: the method of MCP";
	type = text_of(json, asked->resource, "type");
	id = text_of(json, asked->resource, "id");
	if (!type || !id || !kind_of(type, &out->target.kind))
		return "resource needs an id, and the type tool, prompt, resource, task or mcp_server";
	out->token = text_of(json, asked->context, "access_token");
	out->proof = text_of(json, asked->context, "dpop");
	if (!out->token)
		return "context.access_token must be there: the token that the request brought";
	out->service = service_of(exam, id, out->target.kind, &name);
	if (!out->service)
		return "resource.id begins with the resource identifier of a service that the caller speaks for; \"#\" and a name follow but for mcp_server";
	if ((out->target.kind == POLICY_SERVER) != !(name && *name))
		return "resource.id of an mcp_server is its resource identifier alone; of all others it has a name";
	const struct mcp_method *method = mcp_method(out->method, EVERY_REVISION);
	if (method && !fits(method, &out->target.kind))
		return "the method of action.name is not about a resource of this type";
	out->target.name = name && *name ? name : NULL;
	out->target.length = out->target.name ? strlen(name) : 0;
	/* As in a message: what a reference completes is all that its template may become. */
	out->target.is_template = method && method->form == FORM_REF && out->target.kind == POLICY_URI;
	out->target.json = json;
	const struct json_node *properties = json_member(json, asked->action, "properties");
	out->target.arguments = json_member(json, properties, "arguments");
	if (out->target.arguments && !json_is(out->target.arguments, JSON_OBJECT))
		return "action.properties.arguments is no object";
	/* What the caller does not tell is not what there is not. */
	out->target.unseen = !out->target.arguments && (out->target.kind == POLICY_TOOL || out->target.kind == POLICY_PROMPT);
	return NULL;
}

/* ---- Deciding ---- */

static int make_request(const struct exam *exam, const struct evaluation *evaluation, struct ema_request *request)
{
	struct buffer value = BUFFER_INIT(65536);
	buffer_printf(&value, "%s %s", evaluation->proof ? "DPoP" : "Bearer", evaluation->token);
	int code = value.failed ? EMA_TOO_LARGE : request_add_header(request, "Authorization", value.data);
	if (value.data)
		explicit_bzero(value.data, value.length);
	buffer_free(&value);
	if (!code && evaluation->proof)
		code = request_add_header(request, "DPoP", evaluation->proof);
	if (!code)
		code = request_set(request, EMA_REQUEST_METHOD, "POST");
	if (!code)
		code = request_set(request, EMA_REQUEST_REMOTE, exam->x->remote);
	if (!code)
		code = request_set(request, REQUEST_CALLER, exam->sender->client.id);
	return code ? code : request_set(request, EMA_REQUEST_TRACEPARENT, request_traceparent(exam->x->request));
}

/* What the client is to be told, and nothing of why (AZN-61). */
static void put_decision(struct buffer *body, int code, const struct ema_decision *d)
{
	const int status = d && d->status ? d->status : code_row(code)->request_status;
	buffer_printf(body, "{\"decision\":%s,\"context\":{\"http_status\":%d", code ? "false" : "true", status);
	if (d)
		buffer_printf(body, ",\"evaluation_id\":\"%s\"", d->id);
	if (code && d && d->challenge) {
		buffer_text(body, ",\"www_authenticate\":");
		buffer_json(body, d->challenge, strlen(d->challenge));
	}
	buffer_text(body, "}}");
}

/* AZN-59: of what came to no decision. */
static int record(const struct exam *exam, const char *service, int code, const char *text, struct ema_decision **out)
{
	struct answer_facts facts = exchange_facts(exam->x, KIND, exam->sender->client.id);
	facts.service = service;
	facts.authenticated = 1;
	return context_answer(exam->x->context, &facts, code, text, out);
}

/* Writes the answer to one question. The code. */
static int decide(const struct exam *exam, const struct evaluation *evaluation, struct buffer *body)
{
	struct ema_request *request = request_new();
	struct ema_decision *decision = NULL;
	int code = request ? make_request(exam, evaluation, request) : EMA_OUT_OF_MEMORY;
	if (!code)
		code = context_check_target(exam->x->context, evaluation->service->conf->id, request, evaluation->method, &evaluation->target,
		                            evaluation->subject, evaluation->claim, &decision);
	if (code && !decision)
		code = record(exam, evaluation->service->conf->id, code, "the evaluation could not be taken as a request", &decision);
	put_decision(body, code || !decision ? (code ? code : EMA_OUT_OF_MEMORY) : EMA_OK, decision);
	decision_free(decision);
	request_free(request);
	return code;
}

/* ---- Requests ---- */

/* AZN-59: a text. Who asks is known by now. */
static void refuse(const struct exam *exam, const char *text)
{
	struct exchange *x = exam->x;
	struct ema_decision *decision = NULL;
	int code = record(exam, NULL, EMA_BAD_REQUEST, text, &decision);
	x->code = code;
	if (code == EMA_BAD_REQUEST) {
		response_text(x->response, 400, "text/plain; charset=utf-8", text);
		buffer_char(&x->response->body, '\n');
	} else {
		exchange_refuse(x, code, NULL);
	}
	decision_free(decision);
}

/* AZN-13: of an entry what it has, else what stands above. */
static const struct json_node *member(const struct json *json, const struct json_node *entry, const struct json_node *root, const char *name)
{
	const struct json_node *own = entry ? json_member(json, entry, name) : NULL;
	return own ? own : json_member(json, root, name);
}

static void read_asked(const struct json *json, const struct json_node *entry, const struct json_node *root, struct asked *out)
{
	out->subject = member(json, entry, root, "subject");
	out->action = member(json, entry, root, "action");
	out->resource = member(json, entry, root, "resource");
	out->context = member(json, entry, root, "context");
}

static void answer_one(const struct exam *exam)
{
	struct evaluation evaluation;
	struct asked asked;
	read_asked(exam->json, NULL, json_root(exam->json), &asked);
	const char *wrong = read_evaluation(exam, &asked, &evaluation);
	if (wrong) {
		refuse(exam, wrong);
		return;
	}
	response_text(exam->x->response, 200, "application/json", "");
	decide(exam, &evaluation, &exam->x->response->body);
}

/* AZN-15. -1: unknown. */
static int semantic_of(const struct json *json, const struct json_node *root)
{
	static const char *const names[] = { "execute_all", "deny_on_first_deny", "permit_on_first_permit" };
	const struct json_node *node = json_member(json, json_member(json, root, "options"), "evaluations_semantic");
	const char *text = json_string(node);
	for (int i = 0; text && i < 3; i++)
		if (!strcmp(names[i], text))
			return i;
	return node ? -1 : EXECUTE_ALL;
}

static void answer_all(const struct exam *exam, const struct json_node *list)
{
	struct buffer *body = &exam->x->response->body;
	const int semantic = semantic_of(exam->json, json_root(exam->json));
	if (list->count > ENTRIES_MOST) {
		refuse(exam, "evaluations has more than 100 entries");
		return;
	}
	if (semantic < 0) {
		refuse(exam, "options.evaluations_semantic is execute_all, deny_on_first_deny or permit_on_first_permit");
		return;
	}
	response_text(exam->x->response, 200, "application/json", "{\"evaluations\":[");
	for (const struct json_node *entry = json_first(exam->json, list); entry; entry = json_next(exam->json, entry)) {
		struct evaluation evaluation;
		struct asked asked;
		int code = EMA_BAD_REQUEST;
		read_asked(exam->json, entry, json_root(exam->json), &asked);
		const char *wrong = json_is(entry, JSON_OBJECT) ? read_evaluation(exam, &asked, &evaluation) : "an entry is no object";
		if (entry != json_first(exam->json, list))
			buffer_char(body, ',');
		if (wrong) {
			/* AZN-16 */
			struct ema_decision *decision = NULL;
			record(exam, NULL, code, wrong, &decision);
			decision_free(decision);
			buffer_text(body, "{\"decision\":false,\"context\":{\"error\":{\"status\":400,\"message\":");
			buffer_json(body, wrong, strlen(wrong));
			buffer_text(body, "}}}");
		} else {
			code = decide(exam, &evaluation, body);
		}
		if ((semantic == DENY_ON_FIRST_DENY && code) || (semantic == PERMIT_ON_FIRST_PERMIT && !code))
			break;
	}
	buffer_text(body, "]}");
}

/* AZN-60: the caller's own id goes back to it, in place of ours where a refusal has one; that of a decision is in the answer. */
static void echo(struct exchange *x)
{
	const char *id = request_header(x->request, "X-Request-ID", 0);
	size_t length = id ? strlen(id) : 0;
	if (length && length <= ECHO_MOST && strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/+=") == length)
		response_header(x->response, "X-Request-ID", "%s", id);
}

static void evaluate(struct exchange *x, int several, const char *endpoint)
{
	struct sender sender;
	struct json json = { .count = 0 };
	struct exam exam = { x, &sender, &json };
	x->place = METRICS_CHECK;
	if (sender_read_json(x, KIND, &sender) || sender_caller(x, KIND, CALLER_AUTHZEN, endpoint, &sender))
		goto end;
	exchange_no_store(x);
	int code = json_parse(x->request->body ? x->request->body : "", x->request->body_length, &json_limits_message, &json, NULL);
	if (code == EMA_OUT_OF_MEMORY) {
		exchange_refuse(x, code, NULL);
		goto end;
	}
	const struct json_node *list = code ? NULL : json_member(&json, json_root(&json), "evaluations");
	if (code || !json_is(json_root(&json), JSON_OBJECT))
		refuse(&exam, "the body is not one strict JSON object");
	else if (several && list && !json_is(list, JSON_ARRAY))
		refuse(&exam, "evaluations is no array");
	else if (several && list && list->count)
		answer_all(&exam, list);
	else
		answer_one(&exam);
end:
	echo(x);
	json_free(&json);
	sender_end(&sender);
}

void endpoint_evaluation(struct exchange *x)
{
	evaluate(x, 0, "/access/v1/evaluation");
}

void endpoint_evaluations(struct exchange *x)
{
	evaluate(x, 1, "/access/v1/evaluations");
}

void endpoint_authzen_metadata(struct exchange *x)
{
	struct buffer *body = &x->response->body;
	if (strcmp(x->method, "GET") && strcmp(x->method, "HEAD")) {
		exchange_method(x, "GET, HEAD");
		return;
	}
	char *one = route_url(x->issuer, "/access/v1/evaluation"), *several = route_url(x->issuer, "/access/v1/evaluations");
	if (one && several) {
		response_text(x->response, 200, "application/json", "{\"policy_decision_point\":");
		buffer_json(body, x->issuer, strlen(x->issuer));
		buffer_text(body, ",\"access_evaluation_endpoint\":");
		buffer_json(body, one, strlen(one));
		buffer_text(body, ",\"access_evaluations_endpoint\":");
		buffer_json(body, several, strlen(several));
		buffer_char(body, '}');
		response_header(x->response, "Cache-Control", "public, max-age=300");
		metrics_count(&x->context->metrics.pages);
	} else {
		x->response->failed = 1;
	}
	free(one);
	free(several);
}
