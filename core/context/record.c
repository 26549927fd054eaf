/* The record of a decision: what an operator needs to know of it, and never a token. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "check.h"
#include "client.h"
#include "jwt.h"

#define FIELDS_MOST 60

struct fields {
	struct audit_field list[FIELDS_MOST];
	size_t count;
};

static void put(struct fields *fields, const char *name, const char *text, int personal)
{
	if (text && *text && fields->count < FIELDS_MOST)
		fields->list[fields->count++] = (struct audit_field){ .name = name, .type = AUDIT_TEXT, .text = text, .personal = personal };
}

static void put_list(struct fields *fields, const char *name, const char *const *list, size_t count)
{
	if (count && fields->count < FIELDS_MOST)
		fields->list[fields->count++] = (struct audit_field){ .name = name, .type = AUDIT_LIST, .list = list, .list_count = count };
}

static void put_number(struct fields *fields, const char *name, int64_t number)
{
	if (fields->count < FIELDS_MOST)
		fields->list[fields->count++] = (struct audit_field){ .name = name, .type = AUDIT_NUMBER, .number = number };
}

/* AUD-27 in syslog's numbers: a replay is an attack, our own trouble an error, the rest what happens every day. */
static int severity_of(int code)
{
	const struct code_row *row = code_row(code);
	if (code == EMA_REPLAYED || code == EMA_SUBJECT_CONFLICT)
		return NOTICE_ALERT;
	if (code == EMA_INTERNAL || code == EMA_AUDIT_UNAVAILABLE || code == EMA_STORE_UNAVAILABLE || code == EMA_CLOCK_WRONG)
		return NOTICE_ERROR;
	return code == EMA_OK ? NOTICE_INFO : row && row->retry ? NOTICE_WARNING : 5;
}

#define TARGETS_MOST 16 /* and, of more, how many */

/* What was asked for, as it lives while the record is made. */
struct asked {
	const char *targets[TARGETS_MOST + 1];
	size_t target_count;
	char more[40];
	char arguments[AGAIN_ARGUMENTS_MOST][AGAIN_VALUE_MOST];
	const char *argument_list[AGAIN_ARGUMENTS_MOST];
	size_t argument_count;
	const char *unrepeatable; /* why the record is not enough to decide again; NULL: it is */
};

static int same_pointer(const char *item, const char *at, size_t length)
{
	return !strncmp(item, at, length) && item[length] == '=';
}

/* POINTER=JSON. Of what is larger than a word a rule sees no more than that it is there. */
static void add_argument(struct asked *asked, const char *at, size_t length, const struct json_node *node)
{
	struct buffer item = BUFFER_INIT(AGAIN_VALUE_MOST - 1), clean = BUFFER_INIT(AGAIN_VALUE_MOST - 1);
	for (size_t i = 0; i < asked->argument_count; i++)
		if (same_pointer(asked->argument_list[i], at, length))
			return;
	buffer_append(&item, at, length);
	buffer_char(&item, '=');
	if (node->type == JSON_STRING) {
		buffer_json(&item, node->text, node->length);
		/* What audit replaces would be another value. */
		buffer_clean(&clean, node->text, node->length);
		if (!clean.failed && (clean.length != node->length || (node->length && memcmp(clean.data, node->text, node->length))))
			asked->unrepeatable = "an argument has characters that audit does not write";
	} else {
		buffer_text(&item, node->type == JSON_NUMBER ? node->text : node->type == JSON_TRUE ? "true" : node->type == JSON_FALSE ? "false" :
		                   node->type == JSON_NULL ? "null" : "{}");
	}
	if (item.failed || asked->argument_count == AGAIN_ARGUMENTS_MOST) {
		asked->unrepeatable = "the arguments at which rules look are too many or too long for a record";
	} else {
		char *to = asked->arguments[asked->argument_count];
		memcpy(to, item.data, item.length + 1);
		asked->argument_list[asked->argument_count++] = to;
	}
	buffer_free(&item);
	buffer_free(&clean);
}

static size_t unescape(const char *token, size_t length, char *out)
{
	size_t used = 0;
	for (size_t i = 0; i < length; i++)
		out[used++] = token[i] != '~' || i + 1 == length ? token[i] : token[++i] == '1' ? '/' : '~';
	return used;
}

static const struct json_node *child_of(const struct json *json, const struct json_node *node, const char *name, size_t length, int *resembled)
{
	const struct json_node *child = json_first(json, node);
	uint32_t index = 0;
	if (node->type == JSON_OBJECT)
		return json_member_apart(json, node, name, length, resembled);
	if (!length || length > 9 || (name[0] == '0' && length > 1))
		return NULL;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return NULL;
		index = index * 10 + (uint32_t)(name[i] - '0');
	}
	for (; child && index; index--)
		child = json_next(json, child);
	return child;
}

/* What stands at a pointer (RFC 6901) from the arguments on; or, where the way to it leads through a word, that. */
static void put_argument(struct asked *asked, const struct policy_target *target, const char *at)
{
	const struct json_node *node = target->arguments;
	const char *token = at;
	char name[AGAIN_VALUE_MOST];
	int resembled = 0;
	while (node && *token == '/') {
		size_t length = strcspn(token + 1, "/");
		if (node->type != JSON_OBJECT && node->type != JSON_ARRAY) {
			add_argument(asked, at, (size_t)(token - at), node);
			return;
		}
		if (length >= sizeof name) {
			asked->unrepeatable = "the arguments at which rules look are too many or too long for a record";
			return;
		}
		node = child_of(target->json, node, name, unescape(token + 1, length, name), &resembled);
		if (resembled)
			asked->unrepeatable = "an argument's name differs from one at which rules look by the case of its letters alone";
		token += 1 + length;
	}
	if (node)
		add_argument(asked, at, strlen(at), node);
}

static void put_arguments(struct asked *asked, const struct policy_target *target, const struct policy *policy)
{
	size_t count;
	const char *const *pointers = policy_pointers(policy, &count);
	if (!pointers)
		asked->unrepeatable = "the arguments at which rules look are too many or too long for a record";
	for (size_t i = 0; pointers && i < count; i++)
		put_argument(asked, target, pointers[i]);
}

static void collect(const struct pipeline *p, struct asked *asked)
{
	const struct mcp_message *message = p->check->message;
	const struct policy_target *decided = p->check->decided;
	char room[512];
	struct buffer clean;
	size_t targets = 0, named = 0;
	buffer_on(&clean, room, sizeof room, 4096);
	asked->target_count = asked->argument_count = 0;
	asked->unrepeatable = NULL;
	for (size_t i = 0; message && i < message->count; i++)
		for (size_t k = 0; k < message->calls[i].target_count; k++, targets++)
			if (message->calls[i].targets[k].name && named++ < TARGETS_MOST)
				asked->targets[asked->target_count++] = check_shown(p, &message->calls[i].targets[k]);
	if (named > TARGETS_MOST) {
		snprintf(asked->more, sizeof asked->more, "...[cut %zu]", named - TARGETS_MOST);
		asked->targets[asked->target_count++] = asked->more;
	}
	if (targets != 1)
		asked->unrepeatable = "what it asked for is not one target";
	if (p->check->unseen || check_unseen(p, decided))
		asked->unrepeatable = "the arguments, or all of the message, were not seen";
	/* AUD-11: of the arguments those alone that a rule of the service looks at. */
	if (p->service && decided && decided->arguments)
		put_arguments(asked, decided, p->service->policy);
	if (decided && decided->name) {
		buffer_clean(&clean, decided->name, decided->length);
		if (clean.failed || clean.length != decided->length || memcmp(clean.data, decided->name, decided->length))
			asked->unrepeatable = "the target has characters that audit does not write";
		if (decided->kind == POLICY_URI && strpbrk(decided->name, "?#"))
			asked->unrepeatable = "the target has a query or a fragment, which audit does not write";
	}
	buffer_free(&clean);
}

#define HELD_MOST 512

/* Groups or roles of the subject's own tenant at which a rule of the service looks, as SOURCE:NAME. */
static void put_held(struct fields *fields, const struct pipeline *p, int role)
{
	const struct principal_name *names = role ? p->principal.roles : p->principal.groups;
	const size_t count = role ? p->principal.role_count : p->principal.group_count;
	const char *list[HELD_MOST], *tenant = p->winner->subject.tenant;
	struct ema_decision *d = p->decision;
	size_t used = 0;
	for (size_t i = 0; i < count && used < HELD_MOST; i++)
		if ((names[i].tenant && tenant ? !strcmp(names[i].tenant, tenant) : names[i].tenant == tenant) &&
		    policy_wants_name(p->service->policy, role, names[i].name, names[i].source))
			list[used++] = decision_printf(d, "%s:%s", names[i].source, names[i].name);
	/* It outlives this function, with the decision. */
	struct decision_list kept = { NULL, 0, 0 };
	for (size_t i = 0; i < used; i++)
		decision_add(d, &kept, list[i]);
	put_list(fields, role ? "held_roles" : "held_groups", kept.list, kept.count);
}

static void put_asked(struct fields *fields, const struct pipeline *p, const struct asked *asked, char shadow[300])
{
	const struct check *check = p->check;
	const struct mcp_message *message = check->message;
	put(fields, "method", message && message->count ? message->calls[0].method : NULL, 0);
	if (message && message->count > 1)
		put_number(fields, "batch", (int64_t)message->count);
	put(fields, "revision", message && message->revision ? mcp_revision_name(message->revision) : NULL, 0);
	if (asked->target_count > 1)
		put_list(fields, "targets", asked->targets, asked->target_count);
	else
		put(fields, "target", asked->target_count ? asked->targets[0] : NULL, 0);
	put(fields, "access", check->decided && check->result.scope ? check->result.scope->writes ? "write" : "read" : NULL, 0);
	put(fields, "risk", check->decided && check->result.writes ? "high" : NULL, 0);
	put_list(fields, "arguments", asked->argument_list, asked->argument_count);
	/* What is looked at and absent is no value; what is not looked at is not known. */
	if (check->decided)
		put(fields, "arguments_view", check->decided->arguments || check->decided->unseen ? policy_arguments_view(p->service->policy) : AGAIN_NO_ARGUMENTS, 0);
	put(fields, "unrepeatable", asked->unrepeatable, 0);
	put_list(fields, "missing_scopes", check->missing.list, check->missing.count);
	if (!check->shadow.text)
		return;
	pipeline_place(check->shadow.shadow, shadow, 300);
	put(fields, "enforced", code_name(check->shadow.enforced), 0);
	put(fields, "shadow_rule", shadow, 0);
	put(fields, "shadow_code", check->shadow.shadow ? code_name(check->shadow.shadowed) : NULL, 0);
}

int record_decision(struct pipeline *p, int code)
{
	struct fields fields;
	struct ema_decision *d = p->decision;
	const struct candidate *who = p->winner ? p->winner : p->owner;
	const struct call_result *found = who && who->call ? call_result(who->call) : NULL;
	/* By jwt_verify(), or by a plugin that verifies in its own way: what such a one said of somebody whom it refused is nobody's word. */
	const int verified = found && (found->bound || p->winner == who), ours = !found && p->winner;
	char jti[AUDIT_FINGERPRINT], shadow[300], keys_since[CLOCK_TEXT], audience[AGAIN_AUDIENCE];
	struct asked asked;
	const char *traced[DECISION_STEPS_MOST];
	static const char *const kinds[] = { [PURPOSE_DECIDE] = "decision", [PURPOSE_REDEEM] = "redemption", [PURPOSE_INTROSPECT] = "introspection",
		                             [PURPOSE_CHECK] = "check" };
	/* Until the first configuration is in place a load that fails takes the spool away again. */
	if (!p->snapshot || !p->context->audit)
		return code ? EMA_OK : EMA_AUDIT_UNAVAILABLE;
	fields.count = 0; /* and no more: all of it is some kilobytes */
	put(&fields, "verdict", code ? "deny" : "permit", 0);
	put(&fields, "code", code_name(code), 0);
	put(&fields, "reason", code ? p->failure.text : NULL, 0);
	put(&fields, "rule", p->rule, 0);
	put(&fields, "service", p->service ? p->service->conf->id : NULL, 0);
	put(&fields, "resource", p->service ? p->service->conf->resource : NULL, 0);
	put(&fields, "credential", p->kind == EMA_ID_JAG ? "id_jag" : p->kind == EMA_ACCESS_TOKEN ? "access_token" : NULL, 0);
	put(&fields, "issuer", p->issuer, 0);
	put(&fields, "provider", who ? who->provider->conf->instance.id : NULL, 0);
	if (verified) {
		put(&fields, "tenant", found->tenant, 0);
		put(&fields, "subject", found->subject, 1);
		put(&fields, "actor", found->actor, 1);
		put(&fields, "token_client", found->client_id, 0);
		put_list(&fields, "token_scopes", (const char *const *)found->scopes.list, found->scopes.count);
		put_list(&fields, "amr", (const char *const *)found->amr.list, found->amr.count);
		put(&fields, "acr", found->acr, 0);
		put(&fields, "kid", found->keys.kid, 0);
		put(&fields, "key", found->keys.thumbprint, 0);
		put(&fields, "keys", found->keys.read_only ? "read-only" : found->keys.stale ? "stale" : NULL, 0);
		clock_text(found->keys.stale_since, keys_since);
		put(&fields, "keys_since", found->keys.stale ? keys_since : NULL, 0);
		if (found->jti) {
			audit_fingerprint(found->jti, strlen(found->jti), jti);
			put(&fields, "jti", jti, 0);
		}
		put(&fields, "replay_rule", who->provider->conf->replay == REPLAY_SINGLE_USE ? "single-use" : "same-client-reuse", 0);
		put(&fields, "scope_rule", who->provider->conf->scope_rule == SCOPE_STRICT ? "strict" : "narrow", 0);
	}
	if (ours) {
		put(&fields, "tenant", p->winner->subject.tenant, 0);
		put(&fields, "subject", p->winner->subject.sub, 1);
		put(&fields, "actor", p->winner->actor, 1);
		put(&fields, "token_client", p->own.claims.client_id, 0);
		put_list(&fields, "token_scopes", p->own.claims.scopes, p->own.claims.scope_count);
		put(&fields, "token_id", p->own.claims.jti, 0);
		put(&fields, "kid", p->own.kid, 0);
	}
	put(&fields, "alg", p->own.algorithm != JOSE_NONE ? jose_algorithm_name(p->own.algorithm) : p->jws.algorithm_name, 0);
	put(&fields, "person", p->principal.person, 1);
	if (p->check) {
		collect(p, &asked);
		put_asked(&fields, p, &asked, shadow);
	}
	if (p->check && p->winner) {
		const int64_t login = found ? found->auth_time : p->own.claims.auth_time;
		put_number(&fields, "decided_at", p->now);
		put_list(&fields, "held_scopes", d->scopes.list, d->scopes.count);
		put_held(&fields, p, 0);
		put_held(&fields, p, 1);
		put(&fields, "held_view", policy_view(p->service->policy), 0);
		if (!ours) {
			again_audience(p->service->conf, p->winner->subject.provider, audience);
			put(&fields, "audience_view", audience, 0);
		}
		if (ours)
			put_list(&fields, "amr", p->own.claims.amr, p->own.claims.amr_count);
		put(&fields, "acr", ours ? p->own.claims.acr : NULL, 0);
		if (login != JWT_ABSENT)
			put_number(&fields, "auth_time", login);
	}
	put(&fields, "client", p->check ? NULL : p->request->items[EMA_REQUEST_CLIENT_ID], 0);
	put(&fields, "caller", p->request->items[REQUEST_CALLER], 0);
	put(&fields, "remote", p->request->items[EMA_REQUEST_REMOTE], 1);
	struct decision_list resources = { NULL, 0, 0 };
	for (size_t i = 0; p->redemption && i < p->redemption->resource_count; i++)
		decision_add(d, &resources, decision_uri(d, p->redemption->resources[i]));
	const char *resource = resources.count == 1 ? resources.list[0] : p->request->items[EMA_REQUEST_RESOURCE];
	put(&fields, "asked_resource", resource ? decision_uri(d, resource) : NULL, 0);
	put_list(&fields, "asked_resources", resources.list, resources.count > 1 ? resources.count : 0);
	put(&fields, "asked_scope", p->request->items[EMA_REQUEST_SCOPE], 0);
	if (!code && p->purpose == PURPOSE_REDEEM) {
		put(&fields, "token_id", d->token_id, 0);
		put(&fields, "token_type", d->token_type, 0);
		put_number(&fields, "token_lifetime", d->token_lifetime);
		put(&fields, "bound_key", p->binding.jkt, 0);
		put(&fields, "bound_certificate", p->binding.x5t, 0);
	}
	put(&fields, "traceparent", request_traceparent(p->request), 0);
	put_list(&fields, "scopes", d->scopes.list, code ? 0 : d->scopes.count);
	/* Of a check no more than its rules look at, which stands above. */
	put_list(&fields, "groups", d->groups.list, code || p->check ? 0 : d->groups.count);
	put_list(&fields, "roles", d->roles.list, code || p->check ? 0 : d->roles.count);
	for (size_t i = 0; i < d->step_count; i++)
		traced[i] = d->steps[i].line;
	put_list(&fields, "trace", traced, d->step_count);
	put(&fields, "config", p->snapshot ? p->snapshot->conf->digest : NULL, 0);
	if (!code && d->broken)
		return EMA_OUT_OF_MEMORY; /* a permit whose record would lack what it was for */
	struct audit_event event = {
		.kind = kinds[p->purpose],
		.time = clock_wall(&p->context->clock),
		.severity = severity_of(code),
		.request = d->id,
		.fields = fields.list,
		.field_count = fields.count,
		.reserved = p->reserved,
	};
	p->reserved = 0;
	/* Whoever brings a token that an issuer of ours signed, or was authenticated as a client, is no stranger; a client that proves
	   nothing may be anybody. A permit has a record of its own whoever it was. */
	int known = !code || verified || ours || (p->redemption && !p->redemption->client->public);
	return audit_append(p->context->audit, &event, known, p->deadline, NULL);
}

int context_answer(struct ema_context *context, const struct answer_facts *facts, int code, const char *text, struct ema_decision **out)
{
	struct ema_decision *d = decision_new();
	struct fields fields = { .count = 0 };
	struct snapshot *in_place = context_snapshot(context);
	if (!d) {
		snapshot_release(in_place);
		metrics_answer(&context->metrics, facts->place, EMA_OUT_OF_MEMORY);
		return EMA_OUT_OF_MEMORY;
	}
	*out = d;
	audit_id(&context->ids, &context->clock, d->id);
	put(&fields, "verdict", code ? "deny" : "permit", 0);
	put(&fields, "code", code_name(code), 0);
	put(&fields, "reason", text, 0);
	put(&fields, "service", facts->service, 0);
	put(&fields, "provider", facts->provider, 0);
	put(&fields, "tenant", facts->tenant, 0);
	put(&fields, "subject", facts->subject, 1);
	put(&fields, "token_id", facts->token_id, 0);
	put(&fields, "client", facts->client, 0);
	put(&fields, "remote", facts->remote, 1);
	put(&fields, "traceparent", facts->traceparent, 0);
	struct audit_event event = { .kind = facts->kind, .time = clock_wall(&context->clock), .severity = severity_of(code), .request = d->id,
		                     .fields = fields.list, .field_count = fields.count };
	if (!in_place || !context->audit || audit_append(context->audit, &event, facts->authenticated, clock_monotonic(&context->clock) + 1000, NULL)) {
		code = EMA_AUDIT_UNAVAILABLE;
		text = "the audit record could not be written";
	}
	snapshot_release(in_place);
	d->operator_line = decision_copy(d, text);
	if (code)
		decision_refuse(d, code);
	else
		d->code = EMA_OK;
	metrics_answer(&context->metrics, facts->place, code);
	return code;
}
