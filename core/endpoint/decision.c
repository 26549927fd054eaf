/*
 * What a reverse proxy asks before it lets a request through to an MCP server: /decision/SERVICE. With POST the body is the MCP
 * message; with any other method nobody sees the message, and ema.conf says what is decided then (MCP-48). Which service it is
 * stands in this path, which the proxy's configuration writes, and in nothing that a client sends.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "check.h"
#include "exchange.h"
#include "pipeline.h"

#define SERVICE_ID_MOST 128
#define VALUE_MOST 1048576
#define LIST_MOST 4096 /* of a header's value: servers take no more of all headers together than 8 KiB */

struct question {
	const char *service;
	int body;            /* this request's is the client's message */
	const char *method;  /* of the client's request; NULL: nobody says */
	const char *uri;     /* its path and query */
	const char *wrong;   /* with the request; NULL: nothing */
};

/* ---- What the proxy says of the client's request ---- */

/* A header that the proxy writes: with two of them, one is somebody else's. */
static const char *told(const struct exchange *x, const char *name, struct question *question)
{
	if (request_header(x->request, name, 1))
		question->wrong = "a header by which the proxy tells of the request stands twice";
	return request_header(x->request, name, 0);
}

/* Would the proxy and the server behind it see two paths in it? */
static int is_devious(const char *path)
{
	static const char *const parts[] = { "//", "/../", "/./", "\\", "%2e", "%2f", "%5c", "%00" };
	const size_t length = strcspn(path, "?");
	for (size_t i = 0; i < length; i++)
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
			size_t part = strlen(parts[k]);
			if (part <= length - i && !strncasecmp(path + i, parts[k], part))
				return 1;
		}
	return (length >= 3 && !strncmp(path + length - 3, "/..", 3)) || (length >= 2 && !strncmp(path + length - 2, "/.", 2));
}

static void read_original(struct exchange *x, const struct conf_decision *conf, const char *below, struct question *question)
{
	const char *certificate = x->snapshot->conf->client_certificates.header;
	switch (conf->original) {
	case ORIGINAL_X_ORIGINAL:
		question->method = told(x, "X-Original-Method", question);
		question->uri = told(x, "X-Original-URI", question);
		break;
	case ORIGINAL_X_FORWARDED:
		question->method = told(x, "X-Forwarded-Method", question);
		question->uri = told(x, "X-Forwarded-Uri", question);
		break;
	case ORIGINAL_REQUEST:
		question->method = x->method;
		question->uri = *below ? below : "/";
		break;
	}
	if (!question->method || !question->uri)
		question->wrong = "the proxy does not say method and URI of the request in the headers that the service's decision.original names";
	else if (*question->uri != '/' || is_devious(question->uri) || is_devious(below))
		question->wrong = "the path of the request has \"..\", \"//\", a backslash or an encoded dot or slash, which the next reader may see as another";
	else if (certificate && request_header(x->request, certificate, 1))
		question->wrong = "the header with the client's certificate stands twice";
	else if (request_header(x->request, "DPoP", 1))
		question->wrong = "the header DPoP stands twice";
	else if (request_header(x->request, "X-Envoy-Auth-Partial-Body", 0) && strcasecmp(request_header(x->request, "X-Envoy-Auth-Partial-Body", 0), "false"))
		question->wrong = "the proxy sent a part of the message only";
	else if (!strcmp(x->method, "POST") && request_header(x->request, "Content-Encoding", 0))
		question->wrong = "the message has a Content-Encoding, and is not read through it";
	question->body = !strcmp(x->method, "POST");
}

/* ---- The check ---- */

static int is_ours(const char *name)
{
	return !strncasecmp(name, "X-EMA-", 6);
}

/* The client's request, as far as the proxy hands it on. What of it is the proxy's to say was judged here: the address is the client's. */
static int make_request(const struct exchange *x, const struct question *question, struct ema_request *request)
{
	const struct ema_request *from = x->request;
	const char *certificate = x->snapshot->conf->client_certificates.header;
	int code = request_set(request, EMA_REQUEST_METHOD, question->method);
	if (!code)
		code = request_set(request, EMA_REQUEST_URL, question->uri);
	if (!code)
		code = request_set(request, EMA_REQUEST_REMOTE, x->remote);
	if (!code)
		code = request_set(request, EMA_REQUEST_TRACEPARENT, request_traceparent(from));
	if (!code && certificate)
		code = request_set(request, EMA_REQUEST_CERTIFICATE, request_header(from, certificate, 0));
	for (size_t i = 0; i < from->header_count && !code; i++)
		if (!is_ours(from->headers[i].name))
			code = request_lend_header(request, &from->headers[i]);
	if (!code && question->body)
		code = request_body(request, from->body ? from->body : "", from->body_length);
	return code;
}

/* ---- The answer ---- */

static void put_plain(struct buffer *out, const char *text)
{
	for (; text && *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c > 0x20 && c < 0x7f && !strchr("%,;\"\\", c))
			buffer_char(out, (char)c);
		else
			buffer_printf(out, "%%%02X", c);
	}
}

/* Each of them always, empty too: else one of the client's, or a proxy's placeholder, would stand for it. No permit with a part. */
static void put_list(struct exchange *x, const char *name, const char *const *list, size_t count)
{
	char room[512];
	struct buffer value;
	buffer_on(&value, room, sizeof room, VALUE_MOST);
	for (size_t i = 0; i < count && !value.failed; i++) {
		if (i)
			buffer_char(&value, ',');
		put_plain(&value, list[i]);
	}
	const int whole = value.length <= LIST_MOST;
	if (value.failed || (count == 1 && !whole))
		x->response->failed = 1;
	response_header(x->response, name, "%s", value.length && whole ? value.data : "");
	buffer_free(&value);
}

static void put_identity(struct exchange *x, const char *name, const char *text)
{
	put_list(x, name, &text, text != NULL);
}

static void answer_permit(struct exchange *x, const struct ema_decision *d)
{
	char expires[24] = "";
	if (d->expires)
		snprintf(expires, sizeof expires, "%lld", (long long)d->expires);
	/* Its parts are percent-encoded already. */
	response_header(x->response, "X-EMA-Subject", "%s", d->subject ? d->subject : "");
	put_identity(x, "X-EMA-Provider", d->provider);
	put_identity(x, "X-EMA-Tenant", d->tenant);
	put_identity(x, "X-EMA-Client", d->client);
	put_identity(x, "X-EMA-Email", d->email);
	put_identity(x, "X-EMA-Person", d->person);
	put_identity(x, "X-EMA-Actor", d->actor);
	put_identity(x, "X-EMA-Expires", expires);
	put_list(x, "X-EMA-Groups", d->groups.list, d->groups.count);
	put_list(x, "X-EMA-Roles", d->roles.list, d->roles.count);
	put_list(x, "X-EMA-Scopes", d->scopes.list, d->scopes.count);
	put_list(x, "X-EMA-Accounts", d->accounts.list, d->accounts.count);
	response_text(x->response, 200, "application/json", "{\"decision\":true}");
}

/*
 * A proxy that does not hand on the message understands 401 and 403 alone as refusals, so what is wrong with the request is one of
 * them; our own trouble is none (design: 503, never 401).
 */
static int status_of(const struct question *question, const struct ema_decision *d)
{
	int status = d->status ? d->status : code_row(d->code)->request_status;
	return question->body || status >= 500 || status == 401 ? status : 403;
}

static void answer_refusal(struct exchange *x, const struct question *question, const struct ema_decision *d)
{
	const struct code_row *row = code_row(d->code);
	if (d->challenge)
		response_header(x->response, "WWW-Authenticate", "%s", d->challenge);
	if (row->retry)
		response_header(x->response, "Retry-After", "5");
	if (d->rpc_error) {
		response_text(x->response, status_of(question, d), "application/json", d->rpc_error);
		return;
	}
	response_text(x->response, status_of(question, d), "application/json", "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":");
	buffer_printf(&x->response->body, "{\"code\":%d,\"message\":", row->rpc);
	buffer_json(&x->response->body, row->user, strlen(row->user));
	buffer_text(&x->response->body, "}}");
}

static void answer(struct exchange *x, const struct question *question, int code, const struct ema_decision *d)
{
	x->code = code;
	exchange_no_store(x);
	if (!d) {
		exchange_refuse(x, code ? code : EMA_OUT_OF_MEMORY, NULL);
		return;
	}
	response_header(x->response, "X-Request-ID", "%s", d->id);
	if (!code && d->code == EMA_OK)
		answer_permit(x, d);
	else
		answer_refusal(x, question, d);
}

/* No decision was come to: who asked is not one who may, or asked in a way that decides nothing. */
static void refuse(struct exchange *x, const struct question *question, int code, const char *text)
{
	struct ema_decision *decision = NULL;
	struct answer_facts facts = exchange_facts(x, "check", NULL);
	facts.service = question->service;
	code = context_answer(x->context, &facts, code, text, &decision);
	answer(x, question, code, decision);
	decision_free(decision);
}

void endpoint_decision(struct exchange *x, const char *below)
{
	char id[SERVICE_ID_MOST] = "";
	struct question question = { .service = id };
	struct ema_decision *decision = NULL;
	x->place = METRICS_CHECK;
	if (!x->snapshot) {
		exchange_refuse(x, EMA_CONFIG, NULL);
		return;
	}
	if (!x->proxied) {
		refuse(x, &question, EMA_FORBIDDEN, "decisions are for proxies, and \"proxies\" does not name this peer");
		return;
	}
	const size_t length = *below ? strcspn(below + 1, "/") : 0;
	if (length && length < sizeof id)
		snprintf(id, sizeof id, "%.*s", (int)length, below + 1);
	const struct service *service = snapshot_service(x->snapshot, id);
	if (!service) {
		id[0] = 0;
		refuse(x, &question, EMA_UNKNOWN_SERVICE, "the path of a decision is /decision/SERVICE, and there is no such service");
		return;
	}
	read_original(x, &service->conf->decision, below + 1 + length, &question);
	if (question.wrong) {
		refuse(x, &question, EMA_BAD_REQUEST, question.wrong);
		return;
	}
	/* There are proxies that add the client's query to the decision's. */
	if (credential_in_query(x->query)) {
		refuse(x, &question, EMA_SECRET_IN_URL, "a parameter that holds a secret stands in the query of the URL");
		return;
	}
	struct ema_request *request = request_new();
	int code = request ? make_request(x, &question, request) : EMA_OUT_OF_MEMORY;
	if (code) {
		refuse(x, &question, code, "the request cannot be taken as it is");
	} else {
		code = question.body ? context_check(x->context, id, request, NULL, NULL, &decision) : context_check_unseen(x->context, id, request, &decision);
		answer(x, &question, code, decision);
	}
	decision_free(decision);
	request_free(request);
}
