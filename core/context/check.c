/* The way of a check: token, proof, what may have changed since the token was made, and then what is asked for. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "method.h"
#include "pipeline.h"
#include "standing.h"

#define RPC_REQUEST (-32600)
#define RPC_METHOD (-32601)
#define RPC_PARAMS (-32602)
#define EVERY_REVISION (MCP_2026_07_28 | MCP_2025_11_25 | MCP_2025_06_18 | MCP_2025_03_26)

static void step(struct pipeline *p, const char *stage, int code, const char *text)
{
	decision_step(p->decision, &(struct decision_step){ .stage = stage, .code = code, .text = text });
}

/* ---- What is asked for ---- */

static void wrong(struct check *check, int code, int status, int rpc, const char *text)
{
	check->error.code = code;
	check->error.status = status;
	check->error.rpc = rpc;
	check->error.text = text;
}

/* Of a message that was not seen, this alone: its bearer may come, and some scope is granted to him now, if there are any. */
static void read_nothing(struct pipeline *p)
{
	const struct policy_target target = { .kind = p->service->conf->scope_count ? POLICY_LIST : POLICY_SERVER, .json = &p->check->message->json };
	p->check->blind = 1;
	mcp_call_only(p->check->message, "connect", &target);
}

static void read_request(struct pipeline *p)
{
	struct check *check = p->check;
	const struct ema_request *request = p->request;
	const struct conf_service *service = p->service->conf;
	const struct mcp_settings settings = { .http = !check->explain, .revisions = service->revisions, .tools = &service->tools };
	struct mcp_header headers[REQUEST_HEADERS_MOST];
	const char *method = request->items[EMA_REQUEST_METHOD];
	for (size_t i = 0; i < request->header_count; i++)
		headers[i] = (struct mcp_header){ request->headers[i].name, request->headers[i].value };
	if (method && strcmp(method, "POST"))
		wrong(check, EMA_BAD_MESSAGE, 405, RPC_REQUEST, "only POST brings a message (MCP-42)");
	else if (check->unseen)
		mcp_parse_headers(headers, request->header_count, &settings, check->message, &check->error);
	else
		mcp_parse(request->body ? request->body : "", request->body_length, headers, request->header_count, &settings, check->message, &check->error);
}

/* The arguments of a call that the caller names itself: its body, if there is one. */
static int read_arguments(struct pipeline *p, const struct json_node **out)
{
	struct mcp_message *message = p->check->message;
	*out = NULL;
	if (!p->request->body_length)
		return EMA_OK;
	int code = json_parse(p->request->body, p->request->body_length, &json_limits_message, &message->json, NULL);
	if (!code && !json_is(json_root(&message->json), JSON_OBJECT))
		code = EMA_BAD_JSON;
	if (code == EMA_TOO_LARGE)
		wrong(p->check, code, 413, RPC_PARAMS, "the arguments are too long, too deep, or have too many values");
	else if (code)
		wrong(p->check, code, code == EMA_OUT_OF_MEMORY ? 503 : 400, RPC_PARAMS, "the arguments are not one strict JSON object");
	*out = json_root(&message->json);
	return code;
}

static void read_named(struct pipeline *p)
{
	struct check *check = p->check;
	struct mcp_message *message = check->message;
	const struct mcp_method *method = mcp_method(check->method, EVERY_REVISION);
	const struct json_node *arguments;
	struct policy_target target = { .kind = POLICY_SERVER };
	if (!method) {
		wrong(check, EMA_BAD_MESSAGE, 404, RPC_METHOD, "there is no such method");
		return;
	}
	if (check->asked) {
		mcp_call_only(message, method->name, check->asked);
		return;
	}
	const int named = method->form == FORM_NAME || method->form == FORM_URI || method->form == FORM_TASK;
	if (method->form == FORM_REF || method->form == FORM_LISTEN) {
		wrong(check, EMA_BAD_MESSAGE, 400, RPC_PARAMS, "the method is about more than one target can say: check the message");
		return;
	}
	if (named != (check->target && *check->target)) {
		wrong(check, EMA_BAD_MESSAGE, 400, RPC_PARAMS, named ? "the method needs a target" : "the method has no target");
		return;
	}
	if (read_arguments(p, &arguments))
		return;
	target.kind = method->kind;
	target.name = named ? decision_copy(p->decision, check->target) : NULL;
	target.length = named ? strlen(check->target) : 0;
	target.json = &message->json;
	target.arguments = method->form == FORM_NAME ? arguments : NULL;
	/* Who gives no body has not said that there are no arguments; who assumes has said all. */
	target.unseen = method->form == FORM_NAME && !arguments && !check->explain;
	target.listing = check->listing;
	mcp_call_only(message, method->name, &target);
}

/* Before the token, so that every answer has the id; what is wrong with the message waits until the token was good. */
static int read_message(struct pipeline *p)
{
	struct check *check = p->check;
	check->message = decision_get(p->decision, 1, sizeof *check->message);
	if (!check->message)
		return failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	if (check->method)
		read_named(p);
	else if (check->unseen && p->service->conf->decision.without_body == UNSEEN_CONNECT)
		read_nothing(p);
	else
		read_request(p);
	return EMA_OK;
}

static int message_fail(struct pipeline *p)
{
	struct check *check = p->check;
	if (!check->error.code)
		return EMA_OK;
	check->message_refused = 1;
	const char *text = *check->error.detail ? check->error.detail : check->error.text;
	step(p, "message", check->error.code, text);
	return pipeline_fail(p, check->error.code, NULL, text);
}

/* ---- Whether it may be had ---- */

/* Did shadow mode alone let it in? */
static int by_shadow(const struct policy_result *result)
{
	return result->code == EMA_OK && result->enforced != EMA_OK;
}

/* Three texts, cut at the end of the room; NULL is none. Each check tells of some, and printf takes many times as long. */
static void join(char *out, size_t room, const char *const parts[3])
{
	size_t used = 0;
	for (int i = 0; i < 3; i++) {
		const size_t length = parts[i] ? strnlen(parts[i], room - 1 - used) : 0;
		if (length)
			memcpy(out + used, parts[i], length);
		used += length;
	}
	out[used] = 0;
}

int check_unseen(const struct pipeline *p, const struct policy_target *target)
{
	size_t count = 0;
	return target && target->unseen && p->service && (!policy_pointers(p->service->policy, &count) || count);
}

const char *check_shown(const struct pipeline *p, const struct policy_target *target)
{
	return target->name && target->kind == POLICY_URI ? decision_uri(p->decision, target->name) : target->name;
}

/* What the rules see of a target is in the trace and the record, never its arguments. */
static void trace(struct pipeline *p, const struct mcp_call *call, const struct policy_target *target, const struct policy_result *result)
{
	char place[300], name[160], text[220];
	struct buffer why = BUFFER_INIT(DESCRIBE_MOST);
	const struct decision_list *held = &p->decision->scopes;
	const int given = result->code == EMA_OK && result->scope;
	const char *through = given ? policy_through(p->service->policy, held->list, held->count, result->scope->name) : NULL;
	if (by_shadow(result))
		describe_shadow(p->service->conf, result, &why);
	else if (result->code)
		describe_refusal(result, &why);
	else if (through)
		join(text, sizeof text, (const char *[]){ result->scope->name, " through ", through });
	if (result->code && check_unseen(p, target))
		buffer_text(&why, "; its arguments were not told: no grant that looks at them counts, and every deny that does");
	pipeline_place(result->rule, place, sizeof place);
	join(name, sizeof name, (const char *[]){ call->method, target->name ? " " : NULL, check_shown(p, target) });
	decision_step(p->decision, &(struct decision_step){ .rule = place, .stage = "permission", .name = name, .code = result->code,
		                                                       .text = why.length ? why.data : through ? text : result->text });
	buffer_free(&why);
}

/* The worse of two answers decides: one that nothing cures, then a login, then more scope. */
static int rank(int code)
{
	switch (code) {
	case EMA_OK:
		return 0;
	case EMA_INSUFFICIENT_SCOPE:
		return 1;
	case EMA_WEAK_AUTHENTICATION:
		return 2;
	case EMA_DENIED:
	case EMA_NOT_GRANTED:
		return 3;
	case EMA_BAD_REQUEST:
		return 4;
	default:
		return 5;
	}
}

static void need(struct check *check, struct ema_decision *decision, const struct conf_scope *scope)
{
	for (size_t i = 0; scope && i < check->missing.count; i++)
		if (!strcmp(check->missing.list[i], scope->name))
			return;
	if (scope)
		decision_add(decision, &check->missing, scope->name);
}

static void judge_target(struct pipeline *p, const struct mcp_call *call, const struct policy_target *target)
{
	struct check *check = p->check;
	struct policy_result result;
	policy_decide(p->service->policy, check->principal, target, p->now, &result);
	standing_allows(p, target, &result);
	trace(p, call, target, &result);
	if (check->explain)
		reasons_tell(p, target, &result);
	if (result.code == EMA_INSUFFICIENT_SCOPE || (result.code == EMA_WEAK_AUTHENTICATION && result.lacks_scope))
		need(check, p->decision, result.scope);
	if ((result.shadow && !check->shadow.text) || (by_shadow(&result) && !by_shadow(&check->shadow)))
		check->shadow = result;
	/* Of two permits that which shadow mode alone gave. */
	if (!check->decided || rank(result.code) > rank(check->result.code) || (!check->result.code && by_shadow(&result) && !by_shadow(&check->result))) {
		check->decided = target;
		check->result = result;
	}
}

static void tell_shadow(struct pipeline *p, const struct policy_result *result)
{
	struct buffer text = BUFFER_INIT(DESCRIBE_MOST);
	describe_shadow(p->service->conf, result, &text);
	p->decision->shadow = decision_copy(p->decision, text.data ? text.data : "let in by shadow mode alone");
	buffer_free(&text);
}

/* MCP-14: a client that is told to ask for a scope which no token of its can have asks for it without end. */
static int scope_beyond(struct pipeline *p, const struct policy_result *result)
{
	const char *name = check_shown(p, p->check->decided), *why = "which the client is not registered for";
	const struct conf_client *client = p->audience ? NULL : pipeline_client(p);
	const struct conf_node *node = client ? client->node : p->service->conf->node;
	char text[FAILURE_TEXT];
	if (p->audience) {
		node = p->audience->node;
		why = "which the scope_map gives to no token of the provider";
		step(p, "audience", EMA_FORBIDDEN, "no line of the scope_map has the scope: another token would not have it");
	} else {
		step(p, "client", EMA_FORBIDDEN, "the client's entry lacks the scope: another token would not have it");
	}
	snprintf(text, sizeof text, "%.200s%sthis needs the scope \"%.100s\", %s", name ? name : "", name ? ": " : "", result->scope->name, why);
	return pipeline_fail(p, EMA_FORBIDDEN, node, text);
}

/* All or nothing: of a batch, too (MCP-70). */
static int judge(struct pipeline *p)
{
	struct check *check = p->check;
	const struct mcp_message *message = check->message;
	char text[FAILURE_TEXT];
	check->principal = pipeline_prepare(p);
	if (!check->principal)
		return failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	for (size_t i = 0; i < message->count; i++)
		for (size_t k = 0; k < message->calls[i].target_count; k++)
			judge_target(p, &message->calls[i], &message->calls[i].targets[k]);
	if (!check->decided)
		return failure_set(&p->failure, EMA_INTERNAL, "the message has no target");
	if (check->untold)
		return failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory");
	if (check->shadow.text && p->purpose == PURPOSE_CHECK && !(p->flags & DECIDE_DRY))
		metrics_count(&p->context->metrics.shadowed);
	const struct policy_result *result = &check->result;
	int code = result->code;
	if (!code) {
		/* Only now: the rule that a grant is due to. */
		pipeline_place(result->rule, p->rule, sizeof p->rule);
		if (by_shadow(result))
			tell_shadow(p, result);
		return EMA_OK;
	}
	if (result->client_lacks)
		return scope_beyond(p, result);
	struct buffer why = BUFFER_INIT(DESCRIBE_MOST);
	describe_refusal(result, &why);
	const char *name = check_shown(p, check->decided);
	snprintf(text, sizeof text, "%.200s%s%.300s", name ? name : "", name ? ": " : "",
	         why.data ? why.data : result->text);
	buffer_free(&why);
	if (code == EMA_DENIED || code == EMA_NOT_GRANTED)
		code = EMA_FORBIDDEN;
	if (code == EMA_BAD_REQUEST) {
		wrong(check, EMA_BAD_MESSAGE, 400, RPC_PARAMS, "a name or uri has a form that cannot be judged");
		check->message_refused = 1;
		code = EMA_BAD_MESSAGE;
	}
	return pipeline_fail(p, code, result->rule ? result->rule : p->service->conf->node, text);
}

/* ---- The way ---- */

/* An access token that the provider itself issued for this service. */
static int foreign(struct pipeline *p)
{
	int code = pipeline_identity(p);
	const struct call_list *brought = code ? NULL : &call_result(p->winner->call)->scopes;
	if (!code)
		code = pipeline_scope_map(p, (const char *const *)brought->list, brought->count);
	return code ? code : pipeline_keys(p);
}

static int is_ours(const struct pipeline *p)
{
	for (size_t i = 0; i < p->audience_count; i++)
		if (!strcmp(p->audiences[i], p->issuer))
			return 1;
	return 0;
}

/* A token of ours that came before: it needs not be read again. */
static int recall(struct pipeline *p)
{
	if (!p->credential || p->credential_kind != EMA_CREDENTIAL_ACCESS_TOKEN || !p->context->known || !p->context->keyring || p->now * 1000 < CLOCK_LEAST ||
	    !access_recall(p->context->keyring, p->context->known, p->credential, p->credential_length, &p->own))
		return 0;
	p->issuer = p->own.claims.issuer;
	if (is_ours(p)) {
		p->kind = EMA_ACCESS_TOKEN;
		return 1;
	}
	/* Another service's: said as it is of a new one. */
	access_free(&p->own);
	p->issuer = NULL;
	return 0;
}

/* MCP-40: a page that was not named makes no requests with somebody's browser, whatever the name service makes of its host. */
static int check_origin(struct pipeline *p)
{
	const struct conf_strings *origins = &p->service->conf->origins;
	for (size_t i = 0; request_header(p->request, "Origin", i); i++) {
		const char *origin = request_header(p->request, "Origin", i);
		size_t k = 0;
		while (k < origins->count && strcmp(origins->list[k], origin))
			k++;
		if (k == origins->count)
			return pipeline_fail(p, EMA_FORBIDDEN, p->service->conf->node, "the request comes from a web page whose origin is none of the service's origins");
	}
	return EMA_OK;
}

/* AZN-26: who it is, the token says; what the caller says can only agree with it. */
static int check_subject(struct pipeline *p)
{
	const char *wanted = p->check->subject;
	if (!wanted)
		return EMA_OK;
	char *subject = p->check->subject_claim && !is_ours(p) ? strdup(p->winner->subject.sub) : subject_text(&p->winner->subject);
	int code = !subject ? failure_set(&p->failure, EMA_OUT_OF_MEMORY, "no memory") : EMA_OK;
	if (subject && strcmp(subject, wanted))
		code = failure_set(&p->failure, EMA_SUBJECT_CONFLICT, "the caller asks about another subject than the token's");
	free(subject);
	if (code)
		step(p, "subject", code, p->failure.text);
	return code;
}

static int read_token(struct pipeline *p)
{
	int code = read_message(p);
	if (!code && !p->check->explain)
		code = check_origin(p);
	if (!code && !p->check->explain)
		code = credential_read(p);
	if (!code)
		code = pipeline_audiences(p);
	if (!code && !recall(p)) {
		code = p->check->explain ? EMA_OK : credential_form(p);
		code = code ? code : pipeline_read(p);
	}
	if (code) {
		step(p, "token", code, p->failure.text);
		return code;
	}
	code = is_ours(p) ? pipeline_own(p) : foreign(p);
	return code ? code : check_subject(p);
}

/* What a token must be today, other than when it came. */
static int still(struct pipeline *p, const struct kept *kept)
{
	int code = kept->audiences ? pipeline_audience_still(p, kept) : pipeline_own_still(p);
	return code ? code : pipeline_bound(p, kept->bound);
}

int check_walk(struct pipeline *p)
{
	const int again = p->purpose == PURPOSE_STILL || p->purpose == PURPOSE_ASSUME;
	int code = p->purpose == PURPOSE_ASSUME ? read_message(p) : EMA_OK;
	if (!code)
		code = again ? pipeline_adopt(p) : read_token(p);
	if (!code && p->check->foreign)
		pipeline_audience(p);
	if (!code && p->purpose == PURPOSE_STILL)
		code = still(p, p->check->kept);
	if (!code && p->check->explain)
		reasons_subject(p);
	if (!code)
		code = pipeline_marks(p);
	if (!code && !again)
		code = credential_binding(p);
	if (!code && !p->check->resolved)
		code = pipeline_directories(p);
	if (!code && p->check->explain)
		reasons_token(p);
	if (!code)
		code = message_fail(p);
	/* Guards may count, and be slow: who asks again asks often. */
	if (!code && !again)
		code = pipeline_guards(p);
	if (!code)
		code = judge(p);
	if (!code)
		code = pipeline_marks(p);
	if (!code && clock_monotonic(&p->context->clock) > p->deadline)
		code = failure_set(&p->failure, EMA_TIMEOUT, "the decision took longer than the service's deadline");
	return code;
}

void check_end(struct pipeline *p)
{
	struct check *check = p->check;
	/* What is asked again stays its decision's. */
	if (check->message && p->purpose != PURPOSE_STILL && !check->message_kept)
		mcp_clear(check->message);
	mcp_error_clear(&check->error);
}

int context_check_target(struct ema_context *context, const char *service, const struct ema_request *request, const char *method,
                         const struct policy_target *target, const char *subject, int claim, struct ema_decision **out)
{
	struct check check = { .method = method, .asked = target, .subject = subject, .subject_claim = claim };
	return pipeline_check(context, service, request, &check, out);
}

int context_check_unseen(struct ema_context *context, const char *service, const struct ema_request *request, struct ema_decision **out)
{
	struct check check = { .unseen = 1 };
	return pipeline_check(context, service, request, &check, out);
}

int context_check(struct ema_context *context, const char *service, const struct ema_request *request, const char *method, const char *target,
                  struct ema_decision **out)
{
	struct check check = { .method = method, .target = target };
	return pipeline_check(context, service, request, &check, out);
}

int context_explain(struct ema_context *context, const char *service, const struct ema_request *request, int64_t now, struct ema_decision **out)
{
	struct check check = { .explain = 1 };
	return pipeline_explain(context, service, request, now, &check, out);
}
