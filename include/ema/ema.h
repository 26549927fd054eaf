/*
 * ema/ema.h - who may come in to an MCP server, and why not. The manual page is libemacore(3).
 *
 * Handles are opaque. A context may be used by any thread at the same time, but for ema_free(). A request and a decision
 * belong to one thread at a time. Strings that a handle gives live as long as the handle. No function prints, exits,
 * or changes anything of the process. A context that was made before fork() answers EMA_AFTER_FORK in the child.
 *
 * All of it is there since 0.1 unless a comment says otherwise.
 */
#ifndef EMA_EMA_H
#define EMA_EMA_H

#include <stddef.h>
#include <stdint.h>

#include "ema/codes.h"
#include "ema/version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ema_context ema_context;
typedef struct ema_request ema_request;
typedef struct ema_decision ema_decision;

/* ---- Context: a configuration and what it holds open ---- */

/* A context without a configuration, which denies everything. NULL: no memory. */
ema_context *ema_new(void);

/* Waits for the threads of the context, flushes audit, and frees it. No call may be under way. NULL is fine. */
void ema_free(ema_context *context);

/*
 * Levels are 1 error, 2 warning, 3 information, 4 debug. The function may be called by any thread of the context, and must
 * not call back into it. Before ema_load() only.
 */
typedef void ema_log_fn(void *data, int level, const char *text);
void ema_set_log(ema_context *context, ema_log_fn *log, void *data);

/* Makes the context an authorization server, which has signing keys and answers ema_http(). Before ema_load() only. */
void ema_set_server(ema_context *context);

/* Folders in which plugins are looked for, separated by ':', before the installed one. Before ema_load() only. */
int ema_set_plugin_path(ema_context *context, const char *folders);

/*
 * Reads a configuration, checks all of it, and puts it in place: EMA_OK, or EMA_CONFIG with ema_error(), and then what was
 * in place before stays. Called again, it is a reload: calls that are under way finish with the configuration that they
 * began with. Two loads at once are done one after the other.
 */
int ema_load(ema_context *context, const char *path);
/* The same from memory; name stands for the file in messages, and its folder is where relative paths begin. */
int ema_load_memory(ema_context *context, const char *text, size_t length, const char *name);
/* Reads the file of the last ema_load() again; EMA_BAD_REQUEST if there was none. */
int ema_reload(ema_context *context);

/* What was wrong at the last load, as FILE:LINE: TEXT, one mistake a line; "" after a good one. Valid until the next load. */
const char *ema_error(const ema_context *context);

/* ---- Request: what is asked ---- */

/* Kinds of credentials. */
#define EMA_CREDENTIAL_ID_JAG 1
#define EMA_CREDENTIAL_ACCESS_TOKEN 2

/* Items of a request. */
#define EMA_REQUEST_CLIENT_ID 1 /* the client that was authenticated */
#define EMA_REQUEST_RESOURCE 2  /* the resource parameter */
#define EMA_REQUEST_SCOPE 3     /* the scope parameter, separated by spaces */
#define EMA_REQUEST_REMOTE 4    /* address of the peer */
#define EMA_REQUEST_TRACEPARENT 5 /* W3C trace context of the caller, for audit; not set: its header */
/* What an HTTP server knows of its request, for ema_http(). */
#define EMA_REQUEST_METHOD 6      /* "POST" */
#define EMA_REQUEST_URL 7         /* path and query as the request line has them: "/token" */
#define EMA_REQUEST_CERTIFICATE 8 /* the certificate that the client proved over TLS to have, PEM; up to 16 KiB */
#define EMA_REQUEST_CERTIFICATE_TRUSTED 9 /* "1": its chain was verified against authorities that may name clients */

ema_request *ema_request_new(void);
void ema_request_free(ema_request *request);
/* Copies the value; NULL takes it away. EMA_BAD_REQUEST for an unknown item or a value over 4,096 bytes (a certificate: over
   16,384). EMA_REQUEST_REMOTE is the address of the connection, "192.0.2.1", "2001:db8::1" or "unix"; what stands in headers
   of a proxy is EMA's to judge. */
int ema_request_set(ema_request *request, int item, const char *value);
/* Copies the credential; what it replaces is wiped. EMA_TOO_LARGE for more than 64 KiB. */
int ema_request_credential(ema_request *request, int kind, const char *credential, size_t length);

/* Adds a header as it came, in order. EMA_TOO_LARGE for more than 100 of them or 64 KiB in all; EMA_BAD_REQUEST for a name
   or value that HTTP does not have. */
int ema_request_header(ema_request *request, const char *name, const char *value);
/* Copies the body; what it replaces is wiped. EMA_TOO_LARGE for more than 4 MiB. */
int ema_request_body(ema_request *request, const void *body, size_t length);

/* ---- HTTP: the authorization server's endpoints, for whatever HTTP server they are mounted in ---- */

/* What a listener serves: a set of these. */
#define EMA_SERVE_TOKEN 1u          /* token endpoint, and revocation (RFC 7009) */
#define EMA_SERVE_METADATA 2u       /* RFC 8414, OpenID discovery, RFC 9728, JWKS */
#define EMA_SERVE_INTROSPECTION 4u  /* RFC 7662; for callers of ema.conf */
#define EMA_SERVE_HEALTH 8u         /* /healthz and /readyz */
#define EMA_SERVE_METRICS 16u       /* /metrics, for Prometheus: peers on this host, and callers of ema.conf */
#define EMA_SERVE_DECISION 32u      /* /decision/SERVICE, for reverse proxies that ema.conf names */
#define EMA_SERVE_AUTHZEN 64u       /* AuthZEN 1.0, for callers of ema.conf */
/* Serves nothing: other hosts reach the listener, so that being on this host gives nobody the metrics. */
#define EMA_SERVE_PUBLIC 128u

typedef struct ema_response ema_response;

/*
 * For a context that ema_set_server() made a server. Answers a request to one of the endpoints that serve names. Needs method, URL, and what there is of headers, body, peer and
 * certificate. Always makes a response, an error page too, but for no memory (NULL). The code is that of the refusal, for
 * the caller's own log; EMA_ABSENT if no such endpoint is served, so that a host may go on to its own pages.
 */
int ema_http(ema_context *context, const ema_request *request, uint32_t serve, ema_response **out);
void ema_response_free(ema_response *response);
int ema_response_status(const ema_response *response);
/* The index'th header; NULL past the end. *value, if asked for, is its value. */
const char *ema_response_header(const ema_response *response, size_t index, const char **value);
const char *ema_response_body(const ema_response *response, size_t *length);

/* ---- Decision: what was answered ---- */

/*
 * Decides whether the credential of the request lets its bearer in to the service. Returns EMA_OK if so and only then,
 * else the code of the refusal. out may be NULL; otherwise it is given a decision, granted or not (NULL: no memory).
 * An ID-JAG is used up by a grant. The decision is in the audit spool before this returns.
 */
int ema_decide(ema_context *context, const char *service, const ema_request *request, ema_decision **out);
void ema_decision_free(ema_decision *decision);

int ema_decision_code(const ema_decision *decision);           /* EMA_OK: granted */
const char *ema_decision_id(const ema_decision *decision);     /* correlation id (UUIDv7), in every audit record */
const char *ema_decision_user_line(const ema_decision *decision);     /* may be shown to the user; of a message that cannot be read, to its client */
const char *ema_decision_operator_line(const ema_decision *decision); /* names the rule by file and line; not for users */

/* ---- Check: a request at an MCP server ---- */

/*
 * May this HTTP request be served? The request has the headers as they came, the body (one MCP message), and what there is of
 * method, URL, peer and certificate: the token is taken out of the header Authorization alone. EMA_OK and only then: serve it,
 * with the body as it was checked, byte for byte. Else answer with what the decision says: status, challenge, error. out as for
 * ema_decide(). A decision of a check must be freed before its context.
 */
int ema_check_mcp(ema_context *context, const char *service, const ema_request *request, ema_decision **out);
/*
 * The same where the caller has taken the message apart: method is MCP's ("tools/call"), target the name of the tool or prompt,
 * the URI, or NULL for a method that has none. The body is the JSON object of the arguments, "{}" where there are none; without one they
 * count as not seen: what a rule lets through by its arguments is refused.
 */
int ema_check(ema_context *context, const char *service, const ema_request *request, const char *method, const char *target, ema_decision **out);

int ema_decision_status(const ema_decision *decision);            /* HTTP: 200, 400, 401, 403, 503, ... */
const char *ema_decision_challenge(const ema_decision *decision); /* value of WWW-Authenticate; NULL: no such header */
/* A JSON-RPC response with the error and the id of the request, for the body; NULL where there is none. */
const char *ema_decision_rpc_error(const ema_decision *decision);
int64_t ema_decision_renew(const ema_decision *decision);         /* when a new token should be had: seconds since 1970; 0: unknown */
/*
 * Would it be permitted still? For streams and long calls, as often as once a second: looks at times, revocation, keys, directories and
 * the rules in place now, not at guards, and writes no record. EMA_OK, or why not; EMA_BAD_REQUEST for a decision of no check.
 */
int ema_decision_still(const ema_decision *decision);
/*
 * Takes what the caller could not use out of the result of tools/list, resources/list, resources/templates/list or prompts/list, or
 * out of the whole response with it; what stays is as it was, but cacheScope and ttlMs. *out is a new string, ema_text_free(). EMA_OK, or a
 * code, and then nothing may be sent: the decision's own if it was no permit, EMA_EXPIRED, EMA_BAD_REQUEST for what is no list, EMA_BAD_JSON.
 */
int ema_filter_list(const ema_decision *decision, const char *result, size_t length, char **out);
/* Wipes and frees a string that a function gave out; NULL is fine. */
void ema_text_free(char *text);

/* ---- Who it is ---- */

/* NULL where there is none, which for all of these is so when nothing was granted. */
const char *ema_decision_subject(const ema_decision *decision);   /* provider/tenant/sub, percent-encoded */
const char *ema_decision_provider(const ema_decision *decision);
const char *ema_decision_issuer(const ema_decision *decision);
const char *ema_decision_tenant(const ema_decision *decision);
const char *ema_decision_sub(const ema_decision *decision);       /* as the issuer wrote it */
const char *ema_decision_client(const ema_decision *decision);
const char *ema_decision_email(const ema_decision *decision);     /* of a domain that the provider has the authority for */
const char *ema_decision_person(const ema_decision *decision);    /* of the directory */
const char *ema_decision_actor(const ema_decision *decision);     /* act.sub: who acts for the subject */
const char *ema_decision_resource(const ema_decision *decision);
int64_t ema_decision_expires(const ema_decision *decision);       /* seconds since 1970; 0: none */

/* Lists: the index'th, or NULL at the end. */
const char *ema_decision_group(const ema_decision *decision, size_t index);
const char *ema_decision_role(const ema_decision *decision, size_t index);
const char *ema_decision_scope(const ema_decision *decision, size_t index);
/* SYSTEM=NAME, accounts upstream that the directory knows */
const char *ema_decision_account(const ema_decision *decision, size_t index);

/* The rules that ran, in order, also those of a refusal: what a line of `emactl explain` says. NULL at the end. */
const char *ema_decision_trace(const ema_decision *decision, size_t index);

/* ---- Revocation: what was issued before is refused, by every process within a second ---- */

struct ema_revocation {
	size_t size;        /* sizeof (struct ema_revocation) */
	/*
	 * "subject", "person", "client", "provider", "tenant", "service", "token", or "everything", which has no name. A subject is
	 * named "provider/tenant/sub", as ema_decision_subject() has it, a tenant "provider/tenant"; a person by its id in a
	 * directory, and all of their subjects are meant; a token of ours by its jti. The others by their ids in ema.conf.
	 */
	const char *kind, *name;
	int64_t before;     /* seconds since 1970: what was issued at or before it is refused; 0: now. A mark never moves back */
	int block;          /* 1: nothing new is granted either, until ema_unblock(). Not for a token; before must be 0 */
	const char *by;     /* who does it, for the audit record, up to 200 bytes; NULL: the user that this process runs as */
	const char *reason; /* for the audit record, up to 200 bytes; NULL */
};

/*
 * EMA_OK: the store has it, and so has the audit trail. EMA_ABSENT: ema.conf, or a directory, has nothing of that name, and
 * nothing was done; EMA_BAD_REQUEST; EMA_STORE_UNAVAILABLE, EMA_STORE_FULL: do not count on it; EMA_AUDIT_UNAVAILABLE: it is in
 * force without a record. *out, which may be NULL, is what was done or why not, for a person: ema_text_free(). It may be NULL for no memory.
 * Waits for the store for up to five seconds. Any thread.
 */
int ema_revoke(ema_context *context, const struct ema_revocation *revocation, char **out);
/*
 * Ends a block of that kind and name; what was revoked stays so: no mark is lowered. Of a person: the blocks of all of their
 * subjects, too. before and block are not looked at. EMA_ABSENT, too, if there is no block. Otherwise as ema_revoke().
 */
int ema_unblock(ema_context *context, const struct ema_revocation *revocation, char **out);

typedef struct ema_marks ema_marks;
/*
 * What is revoked: of one thing, or with kind NULL all, the latest first. EMA_OK; or a failure as of ema_revoke(), which
 * ema_marks_error() explains. Names of persons, subjects and tokens are not kept: their names there are hashes.
 */
int ema_revoked(ema_context *context, const char *kind, const char *name, ema_marks **out);
void ema_marks_free(ema_marks *marks);
const char *ema_marks_error(const ema_marks *marks); /* "" for none */
/* Of the index'th; NULL (0 for times) past the end. */
const char *ema_mark_kind(const ema_marks *marks, size_t index);
const char *ema_mark_name(const ema_marks *marks, size_t index);
int64_t ema_mark_before(const ema_marks *marks, size_t index);  /* seconds since 1970; 0: a block without a mark */
int64_t ema_mark_blocked(const ema_marks *marks, size_t index); /* since when; 0: it is not */

/* "ok", "expired", ...; "internal" for a number that is none. */
const char *ema_code_name(int code);
const char *ema_code_meaning(int code);
/* The version of the library. */
const char *ema_version(void);

#ifdef __cplusplus
}
#endif

#endif
