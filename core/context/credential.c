/* The token that a request at an MCP server brings, and the proof of what it is bound to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"
#include "form.h"
#include "pipeline.h"

#define NAME_MOST 64     /* of a parameter that is looked at */
#define PROOFS_MOST 3    /* one too many is enough to refuse */
#define STORE_MS 2000

/* Names that hold secrets, of which none may stand in a URL: it is written into logs on the way (JAG-06, MCP-23). */
int credential_in_query(const char *query)
{
	static const char *const names[] = { "assertion", "client_assertion", "client_secret", "access_token", "token", "code", "subject_token", "actor_token",
		                             "refresh_token", "id_token", "password" };
	char copy[NAME_MOST * 3 + 1];
	for (size_t length; query && *query; query += length + (query[length] == '&')) {
		length = strcspn(query, "&");
		size_t name = strcspn(query, "=&");
		/* Longer than any of them could be written. */
		if (name >= sizeof copy)
			continue;
		memcpy(copy, query, name);
		long decoded = form_decode(copy, name);
		if (decoded < 0)
			return 1;
		copy[decoded] = 0;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (!strcasecmp(copy, names[i]))
				return 1;
	}
	return 0;
}

static int is_form(const struct ema_request *request)
{
	static const char type[] = "application/x-www-form-urlencoded";
	const char *value = request_header(request, "Content-Type", 0);
	return value && !strncasecmp(value, type, sizeof type - 1);
}

/*
 * Whether the server could read another message than the one that was judged, which is UTF-8 without an encoding: some obey a
 * charset, and then an innocent string may hold a second "name" (RFC 8259 8.1).
 */
static int is_other_text(const struct ema_request *request)
{
	const char *type = request_header(request, "Content-Type", 0), *at = type ? strchr(type, ';') : NULL;
	const char *encoding = request_header(request, "Content-Encoding", 0);
	if (request_header(request, "Content-Type", 1) || (encoding && strcasecmp(encoding, "identity")) || request_header(request, "Content-Encoding", 1))
		return 1;
	if (!at)
		return 0;
	at += 1 + strspn(at + 1, " \t");
	return strcasecmp(at, "charset=utf-8") && strcasecmp(at, "charset=\"utf-8\"");
}

/* What stands behind the scheme; NULL: it is another scheme. */
static const char *behind(const char *value, const char *scheme)
{
	size_t length = strlen(scheme);
	return !strncasecmp(value, scheme, length) && (!value[length] || value[length] == ' ') ? value + length + strspn(value + length, " ") : NULL;
}

static int is_token_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '-' && c <= '9') || c == '_' || c == '~' || c == '+' || c == '=';
}

int credential_read(struct pipeline *p)
{
	const struct ema_request *request = p->request;
	const char *url = request->items[EMA_REQUEST_URL], *query = url ? strchr(url, '?') : NULL;
	const char *value = request_header(request, "Authorization", 0);
	if (request->credential)
		return failure_set(&p->failure, EMA_BAD_REQUEST, "a check takes the token out of the header Authorization alone, and the request has another credential");
	if (query && credential_in_query(query + 1))
		return failure_set(&p->failure, EMA_SECRET_IN_URL, "a parameter that holds a secret stands in the query of the URL: the token belongs into the header Authorization");
	if (is_form(request))
		return failure_set(&p->failure, EMA_BAD_REQUEST, "the body is a form, which could hold a second token");
	if (is_other_text(request))
		return failure_set(&p->failure, EMA_BAD_REQUEST, "the message is not plain UTF-8 (Content-Encoding, or another parameter of Content-Type than "
		                   "charset=utf-8), and the server could read another one");
	if (!value)
		return failure_set(&p->failure, EMA_NO_TOKEN, "the request has no header Authorization");
	if (request_header(request, "Authorization", 1))
		return failure_set(&p->failure, EMA_BAD_REQUEST, "the header Authorization stands twice");
	const char *token = behind(value, "Bearer");
	if (!token) {
		token = behind(value, "DPoP");
		p->check->scheme_dpop = token != NULL;
	}
	if (!token)
		return failure_set(&p->failure, EMA_NO_TOKEN, "the header Authorization has another scheme than Bearer or DPoP");
	p->credential = token;
	p->credential_length = strlen(token);
	p->credential_kind = EMA_CREDENTIAL_ACCESS_TOKEN;
	return EMA_OK;
}

int credential_form(struct pipeline *p)
{
	const char *token = p->credential;
	size_t length = 0;
	while (is_token_byte((unsigned char)token[length]))
		length++;
	if (!length || token[length + strspn(token + length, " \t")])
		return failure_set(&p->failure, EMA_BAD_REQUEST, "the header Authorization has no token behind the scheme, or more than one");
	p->credential_length = length;
	return EMA_OK;
}

int credential_certificate(const struct conf *conf, const struct ema_request *request, int proxied, struct certificate **out, struct failure *failure)
{
	/* From anybody but a named proxy the header does not count, and what a proxy shows of itself is not the client's (JAG-20). */
	const char *header = proxied ? conf->client_certificates.header : NULL;
	const char *text = header ? request_header(request, header, 0) : proxied ? NULL : request->items[EMA_REQUEST_CERTIFICATE];
	if (header && request_header(request, header, 1))
		return failure_set(failure, EMA_BAD_REQUEST, "the header %.60s stands twice", header);
	if (!text || !*text)
		return EMA_OK;
	return certificate_read(text, strlen(text), out, failure);
}

/* The URL of a request to what lies below the resource: its origin is ema.conf's, since Host is the client's to write. NULL: it does not. */
static const char *url_below(const char *resource, const char *target, char out[DPOP_URL_MOST])
{
	const char *origin = strstr(resource, "://"), *path = origin ? strchr(origin + 3, '/') : NULL;
	const size_t length = path ? (size_t)(path - resource) : strlen(resource);
	size_t under = path ? strlen(path) : 0;
	if (under && path[under - 1] == '/')
		under--;
	if (!target || *target != '/' || (under && (strncmp(target, path, under) || !strchr("/?", target[under]))))
		return NULL;
	const int printed = snprintf(out, DPOP_URL_MOST, "%.*s%.*s", (int)length, resource, (int)strcspn(target, "?"), target);
	return printed > 0 && printed < DPOP_URL_MOST ? out : NULL;
}

static int check_proof(struct pipeline *p, const char *bound, struct dpop_proof *proof)
{
	char below[DPOP_URL_MOST];
	const char *proofs[PROOFS_MOST], *method = p->request->items[EMA_REQUEST_METHOD];
	char quota[SUBJECT_PART_MOST + 8];
	size_t count = 0;
	int64_t forgets_before = 0, left = p->deadline - clock_monotonic(&p->context->clock);
	if (!p->context->store || store_forgets_before(p->context->store, &forgets_before))
		return failure_set(&p->failure, EMA_STORE_UNAVAILABLE, "the store was not reached yet");
	/* One provider's people do not fill the room of another's. */
	snprintf(quota, sizeof quota, "dpop/%s", p->winner->subject.provider);
	while (count < PROOFS_MOST && (proofs[count] = request_header(p->request, "DPoP", count)))
		count++;
	struct dpop_request request = {
		.proofs = proofs, .proof_count = count,
		.method = method ? method : "POST",
		/* As ema.conf says: Host is the client's to write. */
		.url = p->service->conf->resource,
		.also = url_below(p->service->conf->resource, p->request->items[EMA_REQUEST_URL], below),
		.token = p->credential, .token_length = p->credential_length,
		.store = p->context->store,
		.quota = quota,
		.bound = bound,
		.now = p->now, .skew = PIPELINE_SKEW,
		.forgets_before = forgets_before,
		.store_ms = left <= 0 ? 0 : left < STORE_MS ? left : STORE_MS,
	};
	return dpop_check(&request, proof, &p->failure);
}

int credential_binding(struct pipeline *p)
{
	struct dpop_binding bound = { "", "" };
	struct dpop_proof proof;
	struct certificate *certificate = NULL;
	const struct access_claims *own = &p->own.claims;
	const struct call_result *found = p->winner->call ? call_result(p->winner->call) : NULL;
	const char *remote = p->request->items[EMA_REQUEST_REMOTE];
	int proven = 0, code = EMA_OK;
	if (found) {
		code = dpop_cnf(&found->claims, json_at(&found->claims, "/cnf"), 1, &bound, &p->failure);
	} else {
		if (own->jkt)
			snprintf(bound.jkt, sizeof bound.jkt, "%s", own->jkt);
		if (own->x5t)
			snprintf(bound.x5t, sizeof bound.x5t, "%s", own->x5t);
	}
	p->check->bound_key = *bound.jkt != 0;
	p->check->bound = *bound.jkt || *bound.x5t;
	if (!code)
		code = pipeline_bound(p, p->check->bound);
	/* Who looks has the token, and no proof. */
	const int proves = !p->check->explain;
	if (!code && proves && *bound.jkt && p->check->scheme_dpop) {
		code = check_proof(p, bound.jkt, &proof);
		proven = !code;
	}
	if (!code && proves && *bound.x5t)
		code = credential_certificate(p->snapshot->conf, p->request, remote && conf_is_proxy(p->snapshot->conf, remote), &certificate, &p->failure);
	if (!code && proves)
		code = dpop_hold(&bound, p->check->scheme_dpop, proven ? &proof : NULL, certificate ? certificate_thumbprint(certificate) : NULL, &p->failure);
	certificate_close(certificate);
	if (code || *bound.jkt || *bound.x5t)
		decision_step(p->decision, &(struct decision_step){ .stage = "binding", .code = code,
			                   .text = code ? p->failure.text : *bound.jkt ? "bound to a DPoP key" : "bound to a certificate" });
	return code;
}
