/* What a plugin may ask and say in a call. A call pointer that it kept, or gave to a thread of its own, gets EMA_INTERNAL. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lent.h"

struct ema_call *lent_call(ema_call *call)
{
	return call && atomic_load(&call->owner) == lent_thread() ? call : NULL;
}

struct ema_call *lent_claims(const ema_claims *claims)
{
	struct ema_call *call = claims ? lent_call(claims->call) : NULL;
	return call && call->result.bound ? call : NULL;
}

/* RFC 3629; 0 if what is there is no character that may stand in a text. */
static size_t character_length(const unsigned char *c)
{
	size_t n = *c >= 0x20 && *c < 0x7f ? 1 : *c >= 0xc2 && *c < 0xe0 ? 2 : (*c & 0xf0) == 0xe0 ? 3 : *c >= 0xf0 && *c < 0xf5 ? 4 : 0;
	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((n == 2 && *c == 0xc2 && c[1] < 0xa0) || (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] >= 0xa0) ||
	    (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] >= 0x90))
		return 0; /* C1 controls, overlong forms, surrogates, beyond U+10FFFF */
	return n;
}

int lent_text_fits(const char *text, size_t most)
{
	size_t at = 0, length = text ? strnlen(text, most + 1) : 0;
	while (at < length) {
		size_t n = character_length((const unsigned char *)text + at);
		if (!n)
			return 0;
		at += n;
	}
	return length > 0 && length <= most;
}

/* A copy of what a plugin wrote that an operator may read. */
static void text_clean(const char *text, char *out, size_t room)
{
	size_t at = 0;
	while (text && *text && at + 5 < room) {
		size_t n = character_length((const unsigned char *)text);
		if (n)
			memcpy(out + at, text, n);
		else
			out[at] = '?';
		at += n ? n : 1;
		text += n ? n : 1;
	}
	out[at] = 0;
}

int call_ruin(struct ema_call *call, int code, const char *format, ...)
{
	if (call->ruined)
		return code;
	char text[FAILURE_TEXT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	call->ruined = code;
	if (code == EMA_OUT_OF_MEMORY)
		call->result.claims_incomplete = 1;
	failure_clear(&call->failure);
	failure_set(&call->failure, code, "%s", text);
	return code;
}

static int ruin_memory(struct ema_call *call)
{
	return call_ruin(call, EMA_OUT_OF_MEMORY, "no memory for what the plugin said");
}

int call_list_add(struct ema_call *call, struct call_list *list, const char *text)
{
	for (size_t i = 0; i < list->count && list->count <= 64; i++)
		if (!strcmp(list->list[i], text))
			return EMA_OK;
	if (list->count >= LENT_LIST_MOST)
		return call_ruin(call, EMA_TOO_LARGE, "more than %d groups, roles, scopes or the like", LENT_LIST_MOST);
	if ((list->count & (list->count - 1)) == 0) { /* a power of two is full */
		size_t room = list->count ? 2 * list->count : 1;
		char **longer = room_take(&call->room, room * sizeof *longer);
		if (!longer)
			return ruin_memory(call);
		if (list->count)
			memcpy(longer, list->list, list->count * sizeof *longer);
		list->list = longer;
	}
	char *copy = room_text(&call->room, text);
	if (!copy)
		return ruin_memory(call);
	list->list[list->count++] = copy;
	return EMA_OK;
}

static int set_text(struct ema_call *call, char **field, const char *text)
{
	char *copy = room_text(&call->room, text);
	if (!copy)
		return ruin_memory(call);
	*field = copy;
	return EMA_OK;
}

/* The call, if it is this thread's and the plugin is of one of the kinds. */
static struct ema_call *saying(ema_call *ticket, unsigned kinds, const char *what)
{
	struct ema_call *call = lent_call(ticket);
	if (call && !(kinds & (1u << call->instance->settings.kind))) {
		call_ruin(call, EMA_INTERNAL, "the plugin \"%s\" called %s, which its kind may not", plugin_description(call->instance->plugin)->name, what);
		return NULL;
	}
	return call;
}

#define IDENTITY (1u << PLUGIN_IDENTITY)
#define DIRECTORY (1u << PLUGIN_DIRECTORY)

const char *host_item(ema_call *ticket, int item)
{
	struct ema_call *call = lent_call(ticket);
	if (!call || item <= 0 || (size_t)item >= sizeof call->settings->items / sizeof *call->settings->items)
		return NULL;
	return call->settings->items[item];
}

const char *host_credential(ema_call *ticket, size_t *length, uint32_t *kind)
{
	struct ema_call *call = lent_call(ticket);
	if (length)
		*length = call && call->settings->credential ? call->settings->credential_length : 0;
	if (kind)
		*kind = call ? call->settings->kind : 0;
	return call ? call->settings->credential : NULL;
}

int64_t host_deadline(ema_call *ticket)
{
	struct ema_call *call = lent_call(ticket);
	return call ? call->settings->deadline - clock_monotonic(call->instance->settings.clock) : 0;
}

int host_fail(ema_call *ticket, int code, const char *text)
{
	struct ema_call *call = lent_call(ticket);
	if (!call)
		return EMA_INTERNAL;
	if (call->ruined)
		return code;
	/* The plugin knows its issuer best; what the core found out stands behind it. */
	struct failure before = call->failure;
	char clean[FAILURE_TEXT];
	text_clean(text, clean, sizeof clean);
	failure_clear(&call->failure);
	if (*clean && before.code && strcmp(before.text, clean))
		failure_set(&call->failure, code, "%s (%s)", clean, before.text);
	else
		failure_set(&call->failure, code, "%s", *clean ? clean : before.text);
	return code;
}

static int same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

int call_tenant_fits(struct ema_call *call, const struct declared *declared, const char *tenant)
{
	(void)call;
	for (size_t i = 0; declared && i < declared->tenant_count; i++)
		if (!strcmp(declared->tenants[i], tenant))
			return 1;
	return !declared || !declared->tenant_count;
}

int host_vouch(ema_call *ticket, const char *tenant, const char *subject)
{
	struct ema_call *call = saying(ticket, IDENTITY, "vouch");
	if (!call)
		return EMA_INTERNAL;
	struct call_result *result = &call->result;
	if (!lent_text_fits(subject, LENT_TEXT_MOST) || (tenant && !lent_text_fits(tenant, LENT_TEXT_MOST)))
		return host_fail(ticket, EMA_BAD_CLAIM, "the subject or the tenant is empty, too long or has a control character");
	/* Before anything was vouched for, result->tenant is what the core read. */
	if (!tenant)
		tenant = result->tenant;
	else if (!result->vouched && result->tenant && strcmp(result->tenant, tenant))
		return host_fail(ticket, EMA_WRONG_TENANT, "the plugin vouches for another tenant than the token's");
	if (tenant && !call_tenant_fits(call, call->settings->declared, tenant))
		return host_fail(ticket, EMA_WRONG_TENANT, "the tenant is none of those that the provider has");
	result->vouched++;
	if (result->vouched > 1) {
		result->vouched_differently |= strcmp(result->subject, subject) != 0 || !same_text(result->tenant, tenant);
		return EMA_OK;
	}
	if ((tenant && tenant != result->tenant && set_text(call, &result->tenant, tenant)) || set_text(call, &result->subject, subject))
		return EMA_OUT_OF_MEMORY;
	return EMA_OK;
}

static int add_name(ema_call *ticket, const char *name, int role)
{
	struct ema_call *call = saying(ticket, IDENTITY | DIRECTORY, role ? "add_role" : "add_group");
	if (!call)
		return EMA_INTERNAL;
	if (!lent_text_fits(name, LENT_TEXT_MOST))
		return EMA_BAD_CLAIM;
	return call_list_add(call, role ? &call->result.roles : &call->result.groups, name);
}

int host_add_group(ema_call *ticket, const char *name)
{
	return add_name(ticket, name, 0);
}

int host_add_role(ema_call *ticket, const char *name)
{
	return add_name(ticket, name, 1);
}

int host_set_email(ema_call *ticket, const char *address, int verified)
{
	struct ema_call *call = saying(ticket, IDENTITY, "set_email");
	if (!call)
		return EMA_INTERNAL;
	if (!lent_text_fits(address, 320)) /* RFC 5321 4.5.3.1: 64, "@" and 255 */
		return EMA_BAD_CLAIM;
	call->result.email_verified = verified == 1;
	return set_text(call, &call->result.email, address);
}

int lent_resource_fits(const char *text)
{
	size_t scheme = 0;
	if (!lent_text_fits(text, LENT_TEXT_MOST))
		return 0;
	while ((text[scheme] >= 'a' && text[scheme] <= 'z') || (text[scheme] >= 'A' && text[scheme] <= 'Z') ||
	       (scheme && text[scheme] && strchr("0123456789+-.", text[scheme])))
		scheme++;
	return scheme && text[scheme] == ':' && text[scheme + 1] && !strpbrk(text, "# \"<>\\^`{|}");
}

int call_scopes(struct ema_call *call, const char *text)
{
	char scope[LENT_TEXT_MOST + 1];
	for (;;) {
		size_t length = strcspn(text, " ");
		if (!length || length > LENT_TEXT_MOST)
			return EMA_BAD_SCOPE;
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)text[i] < 0x21 || (unsigned char)text[i] > 0x7e || text[i] == '"' || text[i] == '\\')
				return EMA_BAD_SCOPE;
		memcpy(scope, text, length);
		scope[length] = 0;
		int code = call_list_add(call, &call->result.scopes, scope);
		if (code)
			return code;
		if (!text[length])
			return EMA_OK;
		text += length + 1;
	}
}

int host_set_value(ema_call *ticket, int value, const char *text)
{
	struct ema_call *call = saying(ticket, IDENTITY, "set_value");
	if (!call)
		return EMA_INTERNAL;
	struct call_result *result = &call->result;
	if (value < 1 || value > EMA_VALUE_NAME_ID)
		return EMA_INTERNAL;
	/* What the token itself says is not overruled. */
	if (result->bound && call->read & (1u << value))
		return EMA_EXISTS;
	if (!lent_text_fits(text, value == EMA_VALUE_ID ? 255 : LENT_TEXT_MOST))
		return EMA_BAD_CLAIM;
	if (!result->bound)
		call->read |= 1u << value;
	switch (value) {
	case EMA_VALUE_ID:
		return set_text(call, &result->jti, text);
	case EMA_VALUE_CLIENT_ID:
		return set_text(call, &result->client_id, text);
	case EMA_VALUE_SCOPE:
		return call_scopes(call, text);
	case EMA_VALUE_RESOURCE:
		return lent_resource_fits(text) ? call_list_add(call, &result->resources, text) : EMA_BAD_CLAIM;
	case EMA_VALUE_AUDIENCE:
		return call_list_add(call, &result->audience, text);
	case EMA_VALUE_ACR:
		return set_text(call, &result->acr, text);
	case EMA_VALUE_AMR:
		return call_list_add(call, &result->amr, text);
	case EMA_VALUE_ACTOR:
		result->actors.count = 0;
		if (call_list_add(call, &result->actors, text))
			return call->ruined;
		result->actor = result->actors.list[0];
		return EMA_OK;
	case EMA_VALUE_ISSUER: {
		const char *tenant = NULL;
		if (!instance_for_issuer(call->instance, text, &tenant))
			return EMA_UNKNOWN_ISSUER;
		if (tenant && !result->tenant && set_text(call, &result->tenant, tenant))
			return call->ruined;
		return set_text(call, &result->issuer, text);
	}
	case EMA_VALUE_NAME_ID:
		return set_text(call, &result->name_id, text);
	default:
		call->read &= ~(1u << value);
		return EMA_INTERNAL; /* a number */
	}
}

int host_set_number(ema_call *ticket, int value, int64_t number)
{
	struct ema_call *call = saying(ticket, IDENTITY, "set_number");
	if (!call)
		return EMA_INTERNAL;
	int64_t *field = value == EMA_VALUE_EXPIRES ? &call->result.expires : value == EMA_VALUE_ISSUED ? &call->result.issued :
	                 value == EMA_VALUE_AUTH_TIME ? &call->result.auth_time : NULL;
	if (!field)
		return EMA_INTERNAL;
	if (call->result.bound && call->read & (1u << value))
		return EMA_EXISTS;
	if (number < 0 || number > INT64_C(253402300799))
		return EMA_BAD_CLAIM;
	*field = number;
	return EMA_OK;
}

int host_add_account(ema_call *ticket, const char *system, const char *name)
{
	struct ema_call *call = saying(ticket, DIRECTORY, "add_account");
	char both[2 * LENT_TEXT_MOST + 2];
	if (!call)
		return EMA_INTERNAL;
	if (!lent_text_fits(system, LENT_TEXT_MOST) || !lent_text_fits(name, LENT_TEXT_MOST) || strchr(system, '='))
		return EMA_BAD_CLAIM;
	snprintf(both, sizeof both, "%s=%s", system, name);
	return call_list_add(call, &call->result.accounts, both);
}

int host_add_subject(ema_call *ticket, const char *subject)
{
	struct ema_call *call = saying(ticket, DIRECTORY, "add_subject");
	if (!call)
		return EMA_INTERNAL;
	return lent_text_fits(subject, LENT_SUBJECT_MOST) ? call_list_add(call, &call->result.subjects, subject) : EMA_BAD_CLAIM;
}

int host_set_person(ema_call *ticket, const char *person, int active)
{
	struct ema_call *call = saying(ticket, DIRECTORY, "set_person");
	if (!call)
		return EMA_INTERNAL;
	if (!lent_text_fits(person, LENT_TEXT_MOST))
		return EMA_BAD_CLAIM;
	if (call->result.person && strcmp(call->result.person, person))
		return call_ruin(call, EMA_INTERNAL, "the plugin \"%s\" named two persons", plugin_description(call->instance->plugin)->name);
	call->result.person_active = active == 1;
	return set_text(call, &call->result.person, person);
}

int host_set_max_age(ema_call *ticket, int64_t milliseconds)
{
	struct ema_call *call = saying(ticket, DIRECTORY, "set_max_age");
	if (!call)
		return EMA_INTERNAL;
	call->result.max_age_ms = milliseconds < 0 ? 0 : milliseconds;
	return EMA_OK;
}

/* ---- Fetching ---- */

int host_fetch(ema_call *ticket, const struct ema_fetch *theirs, const ema_response **out)
{
	struct ema_call *call = lent_call(ticket);
	struct ema_fetch what;
	struct fetch_rules rules;
	struct fetch_answer answer = { 0, NULL, 0 };
	struct failure failure = FAILURE_INIT;
	if (!call || !theirs || !out || theirs->size < offsetof(struct ema_fetch, method) || theirs->size > 4096)
		return EMA_INTERNAL;
	memset(&what, 0, sizeof what);
	memcpy(&what, theirs, theirs->size < sizeof what ? theirs->size : sizeof what);
	if (!what.url || (what.header_count && !what.headers) || what.header_count > 64 || (what.body_length && !what.body))
		return EMA_INTERNAL;
	if (call->response_count == LENT_FETCHES_MOST)
		return host_fail(ticket, EMA_UNAVAILABLE, "too many fetches in one call");
	if (!call->instance->settings.trust)
		return host_fail(ticket, EMA_UNAVAILABLE, "nothing can be fetched here");
	int64_t left = host_deadline(ticket);
	if (left <= 0)
		return host_fail(ticket, EMA_TIMEOUT, "no time is left for a fetch");
	struct fetch_request request = {
		.url = what.url, .method = what.method, .body = what.body, .body_length = what.body_length,
		.headers = what.headers, .header_count = what.header_count,
		.max_bytes = !what.max_bytes ? 65536 : what.max_bytes < 1048576 ? what.max_bytes : 1048576,
		.deadline_ms = left,
	};
	lent_fetch_rules(call->instance, &rules);
	int code = trust_fetch(call->instance->settings.trust, &rules, &request, &answer, &failure);
	/* In codes that every kind may answer. */
	if (code)
		return host_fail(ticket, code == EMA_BAD_REQUEST ? EMA_INTERNAL : code == EMA_TOO_LARGE ? EMA_UNAVAILABLE : code, failure.text);
	struct ema_response *response = &call->responses[call->response_count++];
	*response = (struct ema_response){ call, answer.status, answer.body, answer.length };
	*out = response;
	return EMA_OK;
}

int host_response(const ema_response *response, int *status, const char **body, size_t *length)
{
	if (!response || !lent_call(response->call))
		return EMA_INTERNAL;
	if (status)
		*status = response->status;
	if (body)
		*body = response->body ? response->body : "";
	if (length)
		*length = response->length;
	return EMA_OK;
}
