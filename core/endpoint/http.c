#include "http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"

static void not_found(struct exchange *x)
{
	x->code = EMA_ABSENT;
	response_text(x->response, 404, "text/plain; charset=utf-8", "There is no such page.\n");
}

void exchange_no_store(struct exchange *x)
{
	response_header(x->response, "Cache-Control", "no-store");
	response_header(x->response, "Pragma", "no-cache");
}

void exchange_error(struct exchange *x, int code, int status, const char *error, const char *description, const char *id)
{
	struct buffer *body = &x->response->body;
	x->code = code;
	x->response->status = status;
	exchange_no_store(x);
	response_header(x->response, "Content-Type", "application/json");
	if (id)
		response_header(x->response, "X-Request-ID", "%s", id);
	buffer_clear(body);
	buffer_text(body, "{\"error\":");
	buffer_json(body, error, strlen(error));
	buffer_text(body, ",\"error_description\":");
	buffer_json(body, description, strlen(description));
	if (x->acr_values) {
		buffer_text(body, ",\"acr_values\":");
		buffer_json(body, x->acr_values, strlen(x->acr_values));
	}
	if (x->max_age)
		buffer_printf(body, ",\"max_age\":%lld", (long long)x->max_age);
	buffer_text(body, "}");
}

struct answer_facts exchange_facts(const struct exchange *x, const char *kind, const char *client)
{
	return (struct answer_facts){ .kind = kind, .remote = x->remote, .client = client, .traceparent = request_traceparent(x->request),
		                      .place = x->place };
}

void exchange_refuse(struct exchange *x, int code, const char *id)
{
	const struct code_row *row = code_row(code) ? code_row(code) : code_row(EMA_INTERNAL);
	if (row->token_status == 503)
		response_header(x->response, "Retry-After", "5");
	exchange_error(x, code, row->token_status, row->oauth ? row->oauth : "server_error", row->user, id);
}

void exchange_method(struct exchange *x, const char *allowed)
{
	response_header(x->response, "Allow", "%s", allowed);
	x->code = EMA_BAD_REQUEST;
	response_text(x->response, 405, "text/plain; charset=utf-8", "This page does not take this method.\n");
	exchange_no_store(x);
}

/* ---- Who asks ---- */

/* However it was written: the address has one pseudonym. */
static void set_remote(struct exchange *x, const unsigned char bytes[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const int four = !memcmp(bytes, mapped, sizeof mapped);
	inet_ntop(four ? AF_INET : AF_INET6, bytes + (four ? 12 : 0), x->remote, sizeof x->remote);
}

/*
 * The last address in X-Forwarded-For that is no proxy's of ours: what stands before it, the client may have written itself
 * (AUD-21).
 */
static void find_remote(struct exchange *x)
{
	const char *peer = x->request->items[EMA_REQUEST_REMOTE];
	const struct conf *conf = x->snapshot ? x->snapshot->conf : NULL;
	unsigned char bytes[16];
	snprintf(x->remote, sizeof x->remote, "%s", peer ? peer : "");
	if (conf_address(x->remote, strlen(x->remote), bytes) >= 0)
		set_remote(x, bytes);
	x->proxied = conf && peer && conf_is_proxy(conf, peer);
	const char *list = x->proxied ? request_header(x->request, "X-Forwarded-For", 0) : NULL;
	/* Several headers are one list (RFC 9110 5.3), whose end is in the last of them. */
	for (size_t i = 1; list && request_header(x->request, "X-Forwarded-For", i); i++)
		list = request_header(x->request, "X-Forwarded-For", i);
	for (size_t end = list ? strlen(list) : 0; end;) {
		size_t start = end;
		while (start && list[start - 1] != ',')
			start--;
		size_t from = start + strspn(list + start, " \t"), to = end;
		while (to > from && (list[to - 1] == ' ' || list[to - 1] == '\t'))
			to--;
		/* With a port behind it, each connection would be somebody else. */
		if (to - from >= sizeof x->remote || conf_address(list + from, to - from, bytes) < 0)
			break;
		set_remote(x, bytes);
		if (!conf_is_proxy(conf, x->remote))
			break;
		end = start ? start - 1 : 0;
	}
}

/* ---- Which page ---- */

static int ends_with(const char *path, const char *end, size_t *before)
{
	size_t length = strlen(path), tail = strlen(end);
	if (length < tail || strcmp(path + length - tail, end))
		return 0;
	*before = length - tail;
	return 1;
}

static int begins_with(const char *path, const char *start, const char **rest)
{
	size_t length = strlen(start);
	if (strncmp(path, start, length) || (path[length] && path[length] != '/'))
		return 0;
	*rest = path + length;
	return 1;
}

/* Pages below an issuer's path. */
static const struct {
	const char *path;
	uint32_t serve;
	void (*answer)(struct exchange *x);
} below[] = {
	{ "/token", EMA_SERVE_TOKEN, endpoint_token },
	{ "/revoke", EMA_SERVE_TOKEN, endpoint_revoke },
	{ "/introspect", EMA_SERVE_INTROSPECTION, endpoint_introspect },
	{ "/access/v1/evaluation", EMA_SERVE_AUTHZEN, endpoint_evaluation },
	{ "/access/v1/evaluations", EMA_SERVE_AUTHZEN, endpoint_evaluations },
	{ "/jwks", EMA_SERVE_METADATA, endpoint_keys },
	{ "/.well-known/openid-configuration", EMA_SERVE_METADATA, endpoint_server_metadata },
};

static void answer_well_known(struct exchange *x)
{
	const char *rest;
	if (x->serve & EMA_SERVE_AUTHZEN && begins_with(x->path, "/.well-known/authzen-configuration", &rest)) {
		size_t length = strlen(rest);
		while (length && rest[length - 1] == '/')
			length--;
		x->issuer = route_issuer(x, rest, length);
		if (x->issuer)
			endpoint_authzen_metadata(x);
		else
			not_found(x);
		return;
	}
	if (!(x->serve & EMA_SERVE_METADATA)) {
		not_found(x);
		return;
	}
	if (begins_with(x->path, "/.well-known/oauth-protected-resource", &rest)) {
		const struct service *service = route_resource(x, rest);
		if (service)
			endpoint_resource_metadata(x, service);
		else
			not_found(x);
		return;
	}
	/* RFC 8414 3.1 puts the issuer's path behind; OpenID clients look at both ends (JAG-114). */
	if (begins_with(x->path, "/.well-known/oauth-authorization-server", &rest) || begins_with(x->path, "/.well-known/openid-configuration", &rest)) {
		size_t length = strlen(rest);
		while (length && rest[length - 1] == '/')
			length--;
		x->issuer = route_issuer(x, rest, length);
		if (x->issuer)
			endpoint_server_metadata(x);
		else
			not_found(x);
		return;
	}
	not_found(x);
}

static void dispatch(struct exchange *x)
{
	size_t before;
	const char *rest;
	/* Before the issuers: a path behind the service is the client's. */
	if (x->serve & EMA_SERVE_DECISION && begins_with(x->path, "/decision", &rest)) {
		endpoint_decision(x, rest);
		return;
	}
	if (!strcmp(x->path, "/healthz") && x->serve & EMA_SERVE_HEALTH) {
		endpoint_health(x);
		return;
	}
	if (!strcmp(x->path, "/readyz") && x->serve & EMA_SERVE_HEALTH) {
		endpoint_ready(x);
		return;
	}
	if (!strcmp(x->path, "/metrics") && x->serve & EMA_SERVE_METRICS) {
		endpoint_metrics(x);
		return;
	}
	for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
		if (!ends_with(x->path, below[i].path, &before))
			continue;
		x->issuer = route_issuer(x, x->path, before);
		if (!x->issuer && !strncmp(x->path, "/.well-known/", 13))
			break;
		if (x->issuer && x->serve & below[i].serve)
			below[i].answer(x);
		else
			not_found(x);
		return;
	}
	if (!strncmp(x->path, "/.well-known/", 13))
		answer_well_known(x);
	else
		not_found(x);
}

/* Path and query; -1: no path, or one with something that two readers could read differently. */
static int split_url(struct exchange *x)
{
	const char *url = x->request->items[EMA_REQUEST_URL];
	size_t length = url ? strcspn(url, "?") : 0;
	if (!url || *url != '/' || length >= sizeof x->path || strchr(url, '#'))
		return -1;
	memcpy(x->path, url, length);
	x->path[length] = 0;
	x->query = url[length] ? url + length + 1 : NULL;
	return strstr(x->path, "//") || strstr(x->path, "/../") || strstr(x->path, "/./") || strchr(x->path, '\\') ? -1 : 0;
}

int http_answer(struct ema_context *context, const struct ema_request *request, uint32_t serve, struct ema_response **out)
{
	struct exchange x = { .context = context, .request = request, .serve = serve, .response = response_new(), .code = EMA_OK };
	if (!x.response)
		return EMA_OUT_OF_MEMORY;
	x.method = request->items[EMA_REQUEST_METHOD] ? request->items[EMA_REQUEST_METHOD] : "";
	response_header(x.response, "X-Content-Type-Options", "nosniff");
	if (!context_is_alive(context)) {
		exchange_refuse(&x, EMA_AFTER_FORK, NULL);
	} else if (!context->server) {
		exchange_refuse(&x, EMA_CONFIG, NULL);
	} else {
		x.now = clock_wall(&context->clock) / 1000;
		x.host = request_header(request, "Host", 0);
		x.snapshot = context_snapshot(context);
		find_remote(&x);
		if (split_url(&x))
			not_found(&x);
		else
			dispatch(&x);
		snapshot_release(x.snapshot);
		if (x.code == EMA_ABSENT)
			metrics_count(&context->metrics.not_found);
	}
	if (x.response->failed || x.response->body.failed) {
		response_free(x.response);
		return EMA_OUT_OF_MEMORY;
	}
	if (!strcmp(x.method, "HEAD"))
		buffer_clear(&x.response->body);
	*out = x.response;
	return x.code;
}
