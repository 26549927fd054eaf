/* What a check answers: status, WWW-Authenticate, and the error for the body. Nothing of the request is in it but the id (MCP-18). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "check.h"
#include "codes.h"
#include "dpop.h"
#include "pipeline.h"
#include "resource.h"

#define CHALLENGE_MOST 8192 /* many servers take no longer header */
#define SCOPES_MOST 4096    /* of it */
#define REST_MOST 3072      /* of it, with the URL of the metadata */
#define RPC_MOST 16384

/* A quoted-string (RFC 9110 5.6.4), of printable ASCII alone. */
static void put(struct buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "%s%s=\"", out->length && out->data[out->length - 1] != ' ' ? ", " : "", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buffer_char(out, '\\');
		buffer_char(out, *value >= ' ' && *value <= '~' ? *value : '?');
	}
	buffer_char(out, '"');
}

static void add_scope(struct buffer *scopes, const char *scope)
{
	size_t length = strlen(scope);
	for (const char *at = scopes->data; at; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (!strncmp(at, scope, length) && (!at[length] || at[length] == ' '))
			return;
	}
	if (scopes->length)
		buffer_char(scopes, ' ');
	buffer_text(scopes, scope);
}

static int is_scope(const struct conf_service *service, const char *name)
{
	for (size_t i = 0; i < service->scope_count; i++)
		if (!strcmp(service->scopes[i].name, name))
			return 1;
	return 0;
}

/* All that the client is to ask for: what the token has, as far as there is such a thing still, and what is missing (MCP-11, MCP-12). */
static void put_missing(struct buffer *out, const struct pipeline *p)
{
	struct buffer scopes = BUFFER_INIT(SCOPES_MOST);
	const struct decision_list *lack = &p->check->missing;
	for (size_t i = 0; i < lack->count; i++) {
		const char *theirs = pipeline_map_back(p, lack->list[i]);
		add_scope(&scopes, theirs ? theirs : lack->list[i]);
	}
	/* A provider's own token: in the provider's words. */
	const struct call_list *brought = p->audience && p->winner->call ? &call_result(p->winner->call)->scopes : NULL;
	const size_t count = brought ? brought->count : p->decision->scopes.count;
	for (size_t i = 0; !scopes.failed && i < count; i++) {
		const char *scope = brought ? brought->list[i] : p->decision->scopes.list[i];
		if ((brought || is_scope(p->service->conf, scope)) && scopes.length + strlen(scope) + 1 < SCOPES_MOST)
			add_scope(&scopes, scope);
	}
	if (scopes.length && out->length + scopes.length + REST_MOST <= CHALLENGE_MOST)
		put(out, "scope", scopes.data);
	buffer_free(&scopes);
}

/* Who is not known yet is told the small set for everyday use, as in the resource's metadata (MCP-06, MCP-13). */
static void put_usual(struct buffer *out, const struct conf_service *service)
{
	struct buffer scopes = BUFFER_INIT(SCOPES_MOST);
	for (size_t i = 0; i < service->default_scopes.count && !scopes.failed; i++)
		add_scope(&scopes, service->default_scopes.list[i]);
	for (size_t i = 0; !service->default_scopes.count && i < service->scope_count && !scopes.failed; i++)
		if (!service->scopes[i].writes)
			add_scope(&scopes, service->scopes[i].name);
	if (scopes.length && !scopes.failed)
		put(out, "scope", scopes.data);
	buffer_free(&scopes);
}

static void put_login(struct buffer *out, const struct conf_conditions *login)
{
	char *acr = pipeline_acr_values(login);
	if (acr)
		put(out, "acr_values", acr);
	if (login && login->max_age)
		buffer_printf(out, ", max_age=\"%lld\"", (long long)login->max_age);
	free(acr);
}

/* Those that resource metadata lists. */
static void put_algorithms(struct buffer *out)
{
	char list[160] = "";
	size_t at = 0;
	for (int i = JOSE_NONE + 1; i < JOSE_ALGORITHMS; i++)
		if (DPOP_ALGORITHMS & JOSE_BIT(i) && at < sizeof list)
			at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? " " : "", jose_algorithm_name((enum jose_algorithm)i));
	put(out, "algs", list);
}

/* NULL: none. RFC 6750 3.1, RFC 9449 7.1, RFC 9470 3. */
static const char *error_of(int code, int status)
{
	switch (code) {
	case EMA_NO_TOKEN:
		return NULL;
	case EMA_INSUFFICIENT_SCOPE:
		return "insufficient_scope";
	case EMA_WEAK_AUTHENTICATION:
		return "insufficient_user_authentication";
	case EMA_BAD_PROOF:
		return "invalid_dpop_proof";
	case EMA_PROOF_NONCE:
		return "use_dpop_nonce";
	default:
		return status == 400 ? "invalid_request" : "invalid_token";
	}
}

static const char *challenge(const struct pipeline *p, int code, int status)
{
	const struct check *check = p->check;
	struct buffer out = BUFFER_INIT(CHALLENGE_MOST);
	const char *error = error_of(code, status), *made = NULL;
	/* A denial that neither another token nor more scope cures has none, so that clients do not try again (MCP-14). */
	if (!p->service || check->message_refused || !(status == 401 || status == 400 || code == EMA_INSUFFICIENT_SCOPE))
		return NULL;
	/* MCP-17 */
	const int dpop = check->bound_key || check->scheme_dpop || code == EMA_BAD_PROOF || code == EMA_PROOF_NONCE ||
	                 p->service->conf->binding == BINDING_REQUIRED;
	buffer_text(&out, dpop ? "DPoP " : "Bearer ");
	if (error) {
		put(&out, "error", error);
		put(&out, "error_description", code_row(code)->user);
	}
	if (code == EMA_WEAK_AUTHENTICATION)
		put_login(&out, check->result.login);
	else if (status == 401)
		put_usual(&out, p->service->conf);
	/* With the login in one round: it is the next thing that the client would be told. */
	if (check->missing.count && (code == EMA_INSUFFICIENT_SCOPE || code == EMA_WEAK_AUTHENTICATION))
		put_missing(&out, p);
	char *url = resource_metadata_url(p->service->conf->resource);
	if (url)
		put(&out, "resource_metadata", url);
	else
		out.failed = 1;
	free(url);
	if (dpop)
		put_algorithms(&out);
	if (!out.failed)
		made = decision_copy(p->decision, out.data);
	else
		p->decision->broken = 1;
	buffer_free(&out);
	return made;
}

static const char *id_of(const struct check *check)
{
	if (check->error.id)
		return check->error.id;
	/* A batch is refused as a whole. */
	return check->message && check->message->count == 1 && !check->message->batch && check->message->calls[0].id ? check->message->calls[0].id : "null";
}

static const char *rpc_error(const struct pipeline *p, int code)
{
	const struct check *check = p->check;
	const struct code_row *row = code_row(code);
	const int theirs = check->message_refused && code == check->error.code;
	const char *message = theirs ? check->error.text : row->user, *made = NULL, *names[MCP_REVISIONS];
	struct buffer out = BUFFER_INIT(RPC_MOST);
	/* MCP-19: the numbers that MCP keeps for itself are for what MCP says of a message alone. */
	buffer_printf(&out, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,\"message\":", id_of(check), theirs ? check->error.rpc : row->rpc);
	buffer_json(&out, message, strlen(message));
	buffer_printf(&out, ",\"data\":{\"correlation_id\":\"%s\"", p->decision->id);
	if (theirs && check->error.rpc == MCP_RPC_VERSION) {
		size_t count = mcp_revision_names(check->error.supported, names);
		buffer_text(&out, ",\"supported\":[");
		for (size_t i = 0; i < count; i++)
			buffer_printf(&out, "%s\"%s\"", i ? "," : "", names[i]);
		buffer_char(&out, ']');
		if (check->error.requested[0])
			buffer_printf(&out, ",\"requested\":\"%s\"", check->error.requested);
	}
	buffer_text(&out, "}}}");
	if (!out.failed)
		made = decision_copy(p->decision, out.data);
	buffer_free(&out);
	return made;
}

/* A fifth of its life before the end, at most five minutes. */
static int64_t renewal(int64_t issued, int64_t expires)
{
	int64_t ahead = issued > 0 && issued < expires ? (expires - issued) / 5 : 30;
	return expires - (ahead < 300 ? ahead : 300);
}

void check_answer(struct pipeline *p, int code)
{
	struct ema_decision *d = p->decision;
	const struct check *check = p->check;
	const struct code_row *row = code_row(code);
	const int theirs = check->message_refused && code == check->error.code;
	d->status = theirs ? check->error.status : row->request_status;
	if (code) {
		/* What is wrong with a message is its client's to read, and no matter of signing in. */
		d->user_line = theirs ? decision_copy(d, check->error.text) : NULL;
		d->challenge = challenge(p, code, d->status);
		d->rpc_error = rpc_error(p, code);
	} else if (d->expires) {
		d->renew = renewal(d->issued, d->expires);
	}
}
