/*
 * OCSF 1.8.0. The record itself goes along as raw_data, so that its chain can be checked here too; what has no place in the
 * class goes under unmapped.
 */
#include "ocsf.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "codes.h"
#include "ema/version.h"
#include "json.h"
#include "notice.h"
#include "record.h"

#define OCSF_VERSION "1.8.0"

enum { BASE = 0, AUTHENTICATION = 3002, ENTITY = 3004, LIFECYCLE = 6002, API = 6003 };
enum { LOGON = 1, READ = 2, UPDATE = 3, DELETE = 4, START = 3, STOP = 4, OTHER = 99 };
enum { INFORMATIONAL = 1, LOW = 2, MEDIUM = 3, HIGH = 4, CRITICAL = 5 };
enum { SUCCESS = 1, FAILED = 2 };

/* What happened outside of a decision. A kind that is not here is a base event. */
static const struct kind {
	const char *kind;
	int class, activity, severity; /* 0: by the severity of syslog */
	int status;                    /* 0: none */
	const char *entity, *type;     /* entity: the field that names it; "": the configuration */
} kinds[] = {
	{ "start", LIFECYCLE, START, 0, SUCCESS, NULL, NULL },
	{ "stop", LIFECYCLE, STOP, 0, SUCCESS, NULL, NULL },
	{ "config-loaded", ENTITY, UPDATE, 0, SUCCESS, "", "configuration" },
	{ "config-refused", ENTITY, UPDATE, 0, FAILED, "", "configuration" },
	{ "keys-fetched", ENTITY, UPDATE, 0, SUCCESS, "provider", "key set" },
	{ "keys-back", ENTITY, UPDATE, 0, SUCCESS, "provider", "key set" },
	{ "keys-failed", ENTITY, UPDATE, LOW, FAILED, "provider", "key set" },
	{ "keys-stale", ENTITY, UPDATE, LOW, FAILED, "provider", "key set" },
	{ "keys-read-only", ENTITY, UPDATE, MEDIUM, FAILED, "provider", "key set" },
	{ "keys-unavailable", ENTITY, UPDATE, HIGH, FAILED, "provider", "key set" },
	{ "keys-private-member", ENTITY, UPDATE, HIGH, FAILED, "provider", "key set" },
	{ "issuer-mismatch", ENTITY, UPDATE, HIGH, FAILED, "provider", "issuer" },
	{ "jwks-uri-changed", ENTITY, UPDATE, HIGH, SUCCESS, "provider", "key set" },
	{ "signing-key", ENTITY, UPDATE, 0, SUCCESS, "kid", "signing key" },
	{ "client-document-changed", ENTITY, UPDATE, MEDIUM, SUCCESS, "client", "client metadata" },
	{ "client-document-limited", ENTITY, UPDATE, LOW, FAILED, "client", "client metadata" },
	{ "revoked", ENTITY, UPDATE, MEDIUM, SUCCESS, "what", "access" },
	{ "unblocked", ENTITY, UPDATE, MEDIUM, SUCCESS, "what", "access" },
	{ "revoke-failed", ENTITY, UPDATE, MEDIUM, FAILED, "what", "access" },
	{ "publish-failed", BASE, OTHER, HIGH, FAILED, NULL, NULL },
	{ "publish-recovered", BASE, OTHER, INFORMATIONAL, SUCCESS, NULL, NULL },
	{ "refusals-merged", AUTHENTICATION, LOGON, LOW, FAILED, NULL, NULL },
	{ "audit-gap", BASE, OTHER, CRITICAL, FAILED, NULL, NULL },
	{ "sink-failed", BASE, OTHER, CRITICAL, FAILED, NULL, NULL },
	{ "spool-torn", BASE, OTHER, CRITICAL, FAILED, NULL, NULL },
	{ "sink-recovered", BASE, OTHER, INFORMATIONAL, SUCCESS, NULL, NULL },
	{ "checkpoint", BASE, OTHER, INFORMATIONAL, SUCCESS, NULL, NULL },
};

/* What is asked of an endpoint beside decisions: calls of our own API. */
static const struct { const char *kind; int activity; } calls[] = {
	{ "introspection", READ }, { "evaluation", READ }, { "metrics", READ }, { "revocation", DELETE },
};

struct ocsf {
	struct json json;
	unsigned char *used; /* nodes that have a place */
	struct buffer *out;
};

/* ---- Reading the record ---- */

static const struct json_node *field(const struct ocsf *o, const char *name)
{
	return json_member(&o->json, json_root(&o->json), name);
}

static const char *peek(const struct ocsf *o, const char *name)
{
	const char *text = json_string(field(o, name));
	return text ? text : "";
}

/* NULL: not in this record. */
static const char *use(struct ocsf *o, const char *name)
{
	const struct json_node *node = field(o, name);
	if (node)
		o->used[node - o->json.nodes] = 1;
	return json_string(node);
}

static int64_t use_number(struct ocsf *o, const char *name)
{
	int64_t number = 0;
	const struct json_node *node = field(o, name);
	if (node)
		o->used[node - o->json.nodes] = 1;
	return json_integer(node, &number) ? number : 0;
}

static int two(const char *text)
{
	return (text[0] - '0') * 10 + text[1] - '0';
}

/* Milliseconds since 1970 of "2026-11-23T09:30:00.123Z"; 0 for anything else. */
static int64_t milliseconds(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	if (strlen(text) != sizeof form - 1)
		return 0;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return 0;
	int month = two(text + 5), day = two(text + 8);
	int64_t year = two(text) * 100 + two(text + 2) - (month <= 2);
	/* Days of the years that begin in March, of 400-year cycles of 146,097 days. */
	int64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
	int64_t seconds = ((days * 24 + two(text + 11)) * 60 + two(text + 14)) * 60 + two(text + 17);
	return seconds * 1000 + two(text + 20) * 10 + text[22] - '0';
}

/* ---- Writing ---- */

static void comma(struct ocsf *o)
{
	if (o->out->length && !strchr("{[:", o->out->data[o->out->length - 1]))
		buffer_char(o->out, ',');
}

static void key(struct ocsf *o, const char *name)
{
	comma(o);
	canonical_string(o->out, name, strlen(name));
	buffer_char(o->out, ':');
}

static void begin(struct ocsf *o, const char *name)
{
	key(o, name);
	buffer_char(o->out, '{');
}

static void end(struct ocsf *o)
{
	buffer_char(o->out, '}');
}

static void put_text(struct ocsf *o, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	key(o, name);
	canonical_string(o->out, text, strlen(text));
}

static void put_number(struct ocsf *o, const char *name, int64_t number)
{
	key(o, name);
	buffer_printf(o->out, "%" PRId64, number);
}

/* A member of the record as it is. */
static void put_node(struct ocsf *o, const struct json_node *node)
{
	key(o, node->name);
	if (node->type == JSON_STRING) {
		canonical_string(o->out, node->text, node->length);
	} else if (node->type == JSON_NUMBER) {
		buffer_text(o->out, node->text);
	} else if (node->type == JSON_ARRAY) {
		buffer_char(o->out, '[');
		for (const struct json_node *item = json_first(&o->json, node); item; item = json_next(&o->json, item))
			if (item->type == JSON_STRING) {
				comma(o);
				canonical_string(o->out, item->text, item->length);
			}
		buffer_char(o->out, ']');
	} else {
		buffer_text(o->out, "null");
	}
}

/* ---- The parts ---- */

static void put_class(struct ocsf *o, int class, int activity, const char *other, int severity)
{
	put_number(o, "category_uid", class / 1000);
	put_number(o, "class_uid", class);
	put_number(o, "activity_id", activity);
	if (activity == OTHER)
		put_text(o, "activity_name", *other ? other : "other");
	put_number(o, "type_uid", (int64_t)class * 100 + activity);
	put_number(o, "severity_id", severity);
}

static void put_metadata(struct ocsf *o, int decision, int traced)
{
	put_number(o, "time", milliseconds(use(o, "time") ? peek(o, "time") : ""));
	begin(o, "metadata");
	put_text(o, "version", OCSF_VERSION);
	begin(o, "product");
	put_text(o, "name", "EMA");
	put_text(o, "vendor_name", "EMA");
	put_text(o, "version", EMA_VERSION);
	end(o);
	put_text(o, "uid", use(o, "id"));
	put_number(o, "sequence", use_number(o, "seq"));
	put_text(o, "event_code", use(o, "kind"));
	put_text(o, "correlation_uid", use(o, "request"));
	put_text(o, "tenant_uid", use(o, "tenant"));
	if (use(o, "logged"))
		put_number(o, "logged_time", milliseconds(peek(o, "logged")));
	if (decision) {
		key(o, "profiles");
		buffer_text(o->out, traced ? "[\"security_control\",\"trace\"]" : "[\"security_control\"]");
	}
	end(o);
}

/* "00-" 32 "-" 16 "-" 2, which the core has checked. */
static int has_trace(const struct ocsf *o)
{
	const char *trace = peek(o, "traceparent");
	return strlen(trace) == 55 && trace[2] == '-' && trace[35] == '-' && trace[52] == '-';
}

static void put_trace(struct ocsf *o)
{
	const char *trace = use(o, "traceparent");
	int64_t time = milliseconds(peek(o, "time"));
	char id[33], span[17];
	memcpy(id, trace + 3, 32);
	id[32] = 0;
	memcpy(span, trace + 36, 16);
	span[16] = 0;
	begin(o, "trace");
	put_text(o, "uid", id);
	begin(o, "span"); /* the caller's; of its length we know nothing, and the schema wants two times */
	put_text(o, "uid", span);
	put_number(o, "start_time", time);
	put_number(o, "end_time", time);
	end(o);
	end(o);
}

static void put_user(struct ocsf *o)
{
	const char *subject = use(o, "subject");
	begin(o, "user");
	put_text(o, subject ? "uid" : "name", subject ? subject : "unresolved");
	if (subject)
		put_text(o, "uid_alt", use(o, "person"));
	end(o);
}

/* The first of these that the record has. */
static const char *use_first(struct ocsf *o, const char *const names[])
{
	for (size_t i = 0; names[i]; i++)
		if (*peek(o, names[i]))
			return use(o, names[i]);
	return NULL;
}

/* The client is whoever asked us, or, of a check, who brought the token. What joins a session is the token's id: of an assertion, or of a
   provider's own token, its fingerprint. */
static void put_actor(struct ocsf *o)
{
	static const char *const asked[] = { "client", "caller", "token_client", NULL }, *const brought[] = { "client", "token_client", NULL },
		*const sessions[] = { "jti", "token_id", NULL };
	begin(o, "actor");
	put_user(o);
	put_text(o, "app_uid", use_first(o, strcmp(peek(o, "kind"), "introspection") ? brought : asked));
	if (use(o, "provider")) {
		begin(o, "idp");
		put_text(o, "name", peek(o, "provider"));
		put_text(o, "uid", use(o, "issuer"));
		end(o);
	}
	const char *session = use_first(o, sessions);
	if (session) {
		begin(o, "session");
		put_text(o, "uid", session);
		put_text(o, "issuer", peek(o, "issuer"));
		end(o);
	}
	end(o);
}

/* An address is a pseudonym unless the configuration has plain ones, and a pseudonym is no address. */
static void put_source(struct ocsf *o)
{
	unsigned char binary[16];
	const char *remote = use(o, "remote");
	int ip = remote && (inet_pton(AF_INET, remote, binary) == 1 || inet_pton(AF_INET6, remote, binary) == 1);
	begin(o, "src_endpoint");
	put_text(o, ip ? "ip" : remote ? "uid" : "name", remote ? remote : "unknown");
	end(o);
}

static void put_service(struct ocsf *o)
{
	const char *service = use(o, "service");
	begin(o, "service");
	put_text(o, "name", service ? service : "unknown");
	put_text(o, "uid", use(o, "resource"));
	end(o);
}

/* The security_control profile. A deny that asks for more is a challenge; of our own trouble, an error. */
static void put_control(struct ocsf *o, const char *verdict, const char *code)
{
	int number = code_by_name(code);
	const struct code_row *row = code_row(number);
	int permit = !strcmp(verdict, "permit"), status = row ? row->request_status : 503;
	const char *enforced = peek(o, "enforced"); /* the code without shadow mode */
	int monitor = permit && *enforced && strcmp(enforced, "ok");
	put_number(o, "action_id", monitor ? 3 : permit ? 1 : 2);
	put_number(o, "disposition_id", permit ? 1 : number == EMA_WEAK_AUTHENTICATION ? 23 : status >= 500 ? 27 : status == 403 ? 26 : 25);
	if (!use(o, "rule"))
		return;
	key(o, "authorizations");
	buffer_text(o->out, "[{");
	put_text(o, "decision", verdict);
	begin(o, "policy");
	put_text(o, "name", peek(o, "rule"));
	put_text(o, "uid", peek(o, "rule"));
	put_text(o, "version", use(o, "config"));
	end(o);
	buffer_text(o->out, "}]");
}

static void put_status(struct ocsf *o, int status, const char *code, const char *detail)
{
	put_number(o, "status_id", status);
	put_text(o, "status_code", code);
	put_text(o, "status_detail", detail);
}

static void put_unmapped(struct ocsf *o)
{
	static const char *const integrity[] = { "writer", "prev", "salt", "count", "seal", "seal_key" };
	begin(o, "unmapped");
	begin(o, "ema_integrity");
	put_text(o, "id", peek(o, "id")); /* these three again, by the names of the record, for who reads a file's end after a crash */
	put_number(o, "seq", use_number(o, "seq"));
	for (size_t i = 0; i < sizeof integrity / sizeof *integrity; i++)
		if (field(o, integrity[i])) {
			use(o, integrity[i]);
			put_node(o, field(o, integrity[i]));
		}
	end(o);
	for (const struct json_node *node = json_first(&o->json, json_root(&o->json)); node; node = json_next(&o->json, node))
		if (!o->used[node - o->json.nodes])
			put_node(o, node);
	end(o);
}

/* ---- The classes ---- */

/* AUD-27. Fatal (6) is never said by the product alone. */
static int severity_of(const struct ocsf *o, const char *verdict, const char *code)
{
	int64_t syslog = NOTICE_INFO;
	int number = code_by_name(code);
	json_integer(field(o, "severity"), &syslog);
	if (number == EMA_AUDIT_UNAVAILABLE || number == EMA_STORE_UNAVAILABLE || number == EMA_STORE_FULL)
		return CRITICAL;
	if (!strcmp(verdict, "deny") && !strcmp(peek(o, "risk"), "high"))
		return MEDIUM;
	return syslog <= NOTICE_ERROR ? HIGH : syslog == NOTICE_WARNING ? LOW : INFORMATIONAL;
}

/* 0: it is no such call. */
static int call_of(const char *kind)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (!strcmp(calls[i].kind, kind))
			return calls[i].activity;
	return 0;
}

/* What an MCP method does, if its name says so. */
static int activity_of(const struct ocsf *o)
{
	static const char *const reads[] = { "/list", "/read", "/get" };
	const char *method = peek(o, "method"), *access = peek(o, "access");
	size_t length = strlen(method);
	if (call_of(peek(o, "kind")))
		return call_of(peek(o, "kind"));
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
		if (length > strlen(reads[i]) && !strcmp(method + length - strlen(reads[i]), reads[i]))
			return READ;
	return !strcmp(access, "read") ? READ : !strcmp(access, "write") ? UPDATE : OTHER;
}

static int has_factor(const struct ocsf *o, const char *factor)
{
	const struct json_node *amr = field(o, "amr");
	for (const struct json_node *item = json_first(&o->json, amr); item; item = json_next(&o->json, item))
		if (json_string(item) && !strcmp(json_string(item), factor))
			return 1;
	return 0;
}

static void put_redemption(struct ocsf *o)
{
	const char *credential = use(o, "credential");
	put_number(o, "auth_protocol_id", 6); /* OAuth 2.0 */
	begin(o, "authentication_token");
	put_number(o, "type_id", OTHER);
	put_text(o, "type", credential && !strcmp(credential, "id_jag") ? "ID-JAG" : "unknown");
	end(o);
	if (field(o, "amr")) {
		key(o, "is_mfa");
		buffer_text(o->out, has_factor(o, "mfa") ? "true" : "false");
	}
	put_actor(o);
	put_user(o);
	put_service(o);
	put_source(o);
}

static void put_call(struct ocsf *o)
{
	const char *method = use(o, "method"), *target = use(o, "target");
	struct buffer operation = BUFFER_INIT(8192);
	method = method ? method : call_of(peek(o, "kind")) ? peek(o, "kind") : "access";
	buffer_printf(&operation, "%s%s%s", method, target ? " " : "", target ? target : "");
	put_actor(o);
	begin(o, "api");
	put_text(o, "operation", operation.failed ? method : operation.data);
	buffer_free(&operation);
	put_service(o);
	begin(o, "request");
	put_text(o, "uid", *peek(o, "request") ? peek(o, "request") : peek(o, "id"));
	end(o);
	end(o);
	if (*peek(o, "resource")) {
		key(o, "resources");
		buffer_text(o->out, "[{");
		put_text(o, "name", peek(o, "service"));
		put_text(o, "uid", peek(o, "resource"));
		buffer_text(o->out, "}]");
	}
	put_source(o);
}

static void put_decision(struct ocsf *o)
{
	const char *verdict = use(o, "verdict"), *code = use(o, "code");
	verdict = verdict ? verdict : "deny";
	code = code ? code : "";
	int call = !strcmp(peek(o, "kind"), "check") || call_of(peek(o, "kind")) || *peek(o, "method") || !strcmp(peek(o, "credential"), "access_token");
	int traced = call && has_trace(o);
	int activity = call ? activity_of(o) : LOGON;
	put_class(o, call ? API : AUTHENTICATION, activity, *peek(o, "method") ? peek(o, "method") : "access", severity_of(o, verdict, code));
	put_metadata(o, 1, traced);
	const struct code_row *row = code_row(code_by_name(code));
	put_status(o, !strcmp(verdict, "permit") ? SUCCESS : FAILED, code, row ? row->meaning : NULL);
	put_text(o, "message", use(o, "reason"));
	put_control(o, verdict, code);
	if (traced)
		put_trace(o);
	if (call)
		put_call(o);
	else
		put_redemption(o);
}

static void put_event(struct ocsf *o, const char *name)
{
	static const struct kind unknown = { "", BASE, OTHER, 0, 0, NULL, NULL };
	const struct kind *kind = &unknown;
	const char *code = use(o, "code");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].kind, name))
			kind = &kinds[i];
	int severity = kind->severity ? kind->severity : severity_of(o, "", code ? code : "");
	if (!strcmp(name, "chain-start"))
		severity = strcmp(peek(o, "state"), "new") ? CRITICAL : INFORMATIONAL;
	/* Nothing is refused for it. */
	if (!strcmp(name, "sink-failed") && !strcmp(peek(o, "on_failure"), "continue"))
		severity = HIGH;
	put_class(o, kind->class, kind->activity, name, severity);
	put_metadata(o, 0, 0);
	const char *reason = use(o, "reason");
	if (kind->status || code)
		put_status(o, kind->status ? kind->status : strcmp(code, "ok") ? FAILED : SUCCESS, code, NULL);
	put_text(o, "message", reason ? reason : name);
	if (kind->class == LIFECYCLE) {
		begin(o, "app");
		put_text(o, "name", "EMA");
		put_text(o, "vendor_name", "EMA");
		put_text(o, "version", EMA_VERSION);
		end(o);
	} else if (kind->class == AUTHENTICATION) {
		put_number(o, "count", use_number(o, "merged"));
		put_user(o);
		put_service(o);
		put_source(o);
	} else if (kind->class == ENTITY) {
		const char *entity = *kind->entity ? use(o, kind->entity) : "ema.conf";
		begin(o, "entity");
		put_text(o, "name", entity && *entity ? entity : "unknown");
		put_text(o, "type", kind->type);
		put_text(o, "version", *kind->entity ? NULL : use(o, "digest"));
		end(o);
	}
}

static int is_decision(const char *kind)
{
	return !strcmp(kind, "decision") || !strcmp(kind, "redemption") || !strcmp(kind, "check") || call_of(kind);
}

int ocsf_render(const char *line, size_t length, struct buffer *out)
{
	static const struct json_limits limits = { RECORD_LINE, 3, 8192, RECORD_LINE };
	struct ocsf o = { .out = out };
	struct failure failure = FAILURE_INIT;
	int result = json_parse(line, length, &limits, &o.json, &failure);
	if (result != EMA_OK)
		return result == EMA_OUT_OF_MEMORY ? result : EMA_BAD_JSON;
	if (!json_is(json_root(&o.json), JSON_OBJECT)) {
		json_free(&o.json);
		return EMA_BAD_JSON;
	}
	o.used = calloc(o.json.count + 1, 1);
	if (!o.used) {
		json_free(&o.json);
		return EMA_OUT_OF_MEMORY;
	}
	use(&o, "v");
	use(&o, "severity");
	buffer_char(out, '{');
	if (is_decision(peek(&o, "kind")))
		put_decision(&o);
	else
		put_event(&o, peek(&o, "kind"));
	put_unmapped(&o);
	key(&o, "raw_data");
	canonical_string(out, line, length);
	buffer_char(out, '}');
	free(o.used);
	json_free(&o.json);
	return out->failed ? EMA_OUT_OF_MEMORY : EMA_OK;
}
