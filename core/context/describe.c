#include "describe.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "codes.h"

#define VALUES_MOST 8 /* of a list that are shown */
#define SENT_MOST 100 /* bytes of a string that was sent */

/* Between two parts of a list. */
static void part(struct buffer *out, size_t from)
{
	if (out->length > from)
		buffer_text(out, ", ");
}

static void put_list(struct buffer *out, size_t from, const char *what, const struct conf_strings *list)
{
	if (!list->count)
		return;
	part(out, from);
	buffer_text(out, what);
	for (size_t i = 0; i < list->count && i < VALUES_MOST; i++)
		buffer_printf(out, "%s%.80s", i ? " or " : " ", list->list[i]);
	if (list->count > VALUES_MOST)
		buffer_printf(out, " or %zu more", list->count - VALUES_MOST);
}

/* As much of it as the bits of POLICY_OTHER_ say. */
static void put_who(const struct conf_grant *rule, unsigned bits, struct buffer *out)
{
	size_t from = out->length;
	if (bits & POLICY_OTHER_PROVIDER && rule->provider && strcmp(rule->provider, "*"))
		buffer_printf(out, "provider %s", rule->provider);
	if (bits & POLICY_OTHER_TENANT)
		put_list(out, from, "tenant", &rule->tenants);
	if (bits & POLICY_OTHER_GROUP)
		put_list(out, from, "group", &rule->groups);
	if (bits & POLICY_OTHER_ROLE)
		put_list(out, from, "role", &rule->roles);
	if (bits & (POLICY_OTHER_GROUP | POLICY_OTHER_ROLE))
		put_list(out, from, "from", &rule->from);
	if (bits & POLICY_OTHER_SUBJECT)
		put_list(out, from, "subject", &rule->subjects);
	if (bits & POLICY_OTHER_CLIENT)
		put_list(out, from, "client", &rule->clients);
	if (out->length == from)
		buffer_text(out, "anybody");
}

void describe_who(const struct conf_grant *rule, struct buffer *out)
{
	put_who(rule, UINT_MAX, out);
}

void describe_login(const struct conf_conditions *when, struct buffer *out)
{
	size_t from = out->length;
	put_list(out, from, "acr", &when->acr);
	for (size_t i = 0; i < when->amr.count && i < VALUES_MOST; i++) {
		part(out, from);
		buffer_printf(out, "amr %.80s", when->amr.list[i]);
	}
	if (when->max_age) {
		part(out, from);
		buffer_printf(out, "a login of the last %lld s", (long long)when->max_age);
	}
}

static void put_value(struct buffer *out, const struct conf_node *value)
{
	if (value->kind == CONF_STRING)
		buffer_printf(out, "\"%.100s\"", value->string);
	else if (value->kind == CONF_INT)
		buffer_printf(out, "%lld", (long long)value->integer);
	else
		buffer_text(out, value->integer ? "true" : "false");
}

static void put_argument(struct buffer *out, const struct conf_argument *argument)
{
	buffer_printf(out, "%.100s ", *argument->at ? argument->at : "the arguments");
	switch (argument->test) {
	case TEST_EQUALS:
		buffer_text(out, "is ");
		put_value(out, argument->value);
		break;
	case TEST_LIKE:
		buffer_text(out, "is like ");
		put_value(out, argument->value);
		break;
	case TEST_IN:
		buffer_text(out, "is one of");
		for (size_t i = 0; i < argument->value->count && i < VALUES_MOST; i++) {
			buffer_text(out, i ? ", " : " ");
			put_value(out, &argument->value->children[i]);
		}
		if (argument->value->count > VALUES_MOST)
			buffer_printf(out, " and %zu more", argument->value->count - VALUES_MOST);
		break;
	case TEST_LESS:
		buffer_printf(out, "is less than %lld", (long long)argument->less);
		break;
	case TEST_GREATER:
		buffer_printf(out, "is greater than %lld", (long long)argument->greater);
		break;
	case TEST_RANGE:
		buffer_printf(out, "is greater than %lld and less than %lld", (long long)argument->greater, (long long)argument->less);
		break;
	case TEST_ABSENT:
		buffer_text(out, "is absent");
		break;
	}
}

void describe_arguments(const struct conf_conditions *when, struct buffer *out)
{
	for (size_t i = 0; i < when->arg_count; i++) {
		if (i)
			buffer_text(out, " and ");
		put_argument(out, &when->args[i]);
	}
}

static void put_date(struct buffer *out, const char *what, int64_t seconds)
{
	char text[CLOCK_TEXT];
	if (!seconds)
		return;
	clock_text(seconds * 1000, text);
	buffer_printf(out, " %s %s", what, text);
}

void describe_time(const struct conf_conditions *when, struct buffer *out)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	const struct conf_when *time = &when->time;
	if (!time->window_count && !time->not_before && !time->not_after)
		return;
	buffer_text(out, "the time is");
	for (size_t i = 0; i < time->window_count && i < VALUES_MOST; i++) {
		const struct conf_window *window = &time->windows[i];
		int offset = window->offset < 0 ? -window->offset : window->offset;
		buffer_text(out, i ? " or" : "");
		for (int day = 0; day < 7; day++)
			if (window->days >> (day + 1) & 1)
				buffer_printf(out, " %s", days[day]);
		buffer_printf(out, " %02d:%02d to %02d:%02d UTC%c%02d:%02d", window->from / 60, window->from % 60, window->until / 60, window->until % 60,
		              window->offset < 0 ? '-' : '+', offset / 60, offset % 60);
	}
	put_date(out, "after", time->not_before);
	put_date(out, "before", time->not_after);
}

void describe_when(const struct conf_conditions *when, struct buffer *out)
{
	static void (*const parts[])(const struct conf_conditions *when, struct buffer *out) = { describe_arguments, describe_login, describe_time };
	size_t from = out->length;
	for (size_t i = 0; when && i < sizeof parts / sizeof *parts; i++) {
		size_t before = out->length;
		buffer_text(out, before == from ? "if " : " and ");
		size_t begun = out->length;
		parts[i](when, out);
		if (out->length == begun && !out->failed) {
			out->length = before;
			out->data[before] = 0;
		}
	}
}

void describe_values(unsigned values, struct buffer *out)
{
	static const char *const words[] = { "{tenant}", "{subject}", "{email}" };
	int some = 0;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (values >> i & 1)
			buffer_printf(out, "%s%s", some++ ? " and " : "", words[i]);
}

/* What a message has there, cut before a character that would not fit. */
static void put_sent(struct buffer *out, const struct json_node *sent)
{
	size_t length = sent ? sent->length : 0;
	if (!sent) {
		buffer_text(out, "nothing");
		return;
	}
	switch (sent->type) {
	case JSON_STRING:
		if (length > SENT_MOST)
			for (length = SENT_MOST; length && ((unsigned char)sent->text[length] & 0xc0) == 0x80;)
				length--;
		buffer_json(out, sent->text, length);
		buffer_text(out, length < sent->length ? " and more" : "");
		break;
	case JSON_NUMBER:
		buffer_printf(out, "%.40s", sent->text);
		break;
	case JSON_ARRAY:
		buffer_text(out, "a list");
		break;
	case JSON_OBJECT:
		buffer_text(out, "an object");
		break;
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		buffer_text(out, sent->type == JSON_TRUE ? "true" : sent->type == JSON_FALSE ? "false" : "null");
		break;
	}
}

static void put_failed(const struct policy_stand *stand, struct buffer *out)
{
	for (size_t i = 0; i < stand->failed_count; i++) {
		buffer_text(out, i ? " and " : "");
		put_argument(out, stand->failed[i].argument);
		buffer_text(out, " (sent is ");
		put_sent(out, stand->failed[i].sent);
		buffer_char(out, ')');
	}
	/* Of a list nothing was sent, and what was not seen is not told of. */
	if (!stand->failed_count)
		describe_arguments(stand->rule->conditions, out);
}

static void put_others(const struct policy_stand *stand, struct buffer *out)
{
	static const char *const words[] = { "tenant", "subject", "e-mail address" };
	int some = 0;
	buffer_printf(out, "the scope %.100s opens it for another ", stand->scope ? stand->scope->name : "that it gives");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (stand->values >> i & 1)
			buffer_printf(out, "%s%s", some++ ? " or " : "", words[i]);
	buffer_text(out, " than this one's");
}

void describe_lacks(const struct policy_stand *stand, struct buffer *out)
{
	const struct conf_conditions *when = stand->rule->conditions;
	size_t from = out->length;
	if (stand->lacks & POLICY_LACKS_WHO) {
		buffer_text(out, "it is for ");
		put_who(stand->rule, stand->strange, out);
	}
	if (stand->lacks & POLICY_LACKS_VALUE) {
		part(out, from);
		put_others(stand, out);
	}
	if (stand->lacks & POLICY_LACKS_SCOPE) {
		part(out, from);
		buffer_printf(out, "the token lacks the scope %.100s%s", stand->scope ? stand->scope->name : "that it gives",
		              stand->lacks & POLICY_LACKS_CLIENT ? ", which tokens of this client cannot have" : "");
	}
	if (stand->lacks & POLICY_LACKS_LOGIN) {
		part(out, from);
		buffer_text(out, "the login is not ");
		describe_login(when, out);
	}
	if (stand->lacks & POLICY_LACKS_TIME) {
		part(out, from);
		buffer_text(out, "it counts only if ");
		describe_time(when, out);
	}
	if (stand->lacks & POLICY_LACKS_ARGUMENTS) {
		part(out, from);
		buffer_text(out, "it counts only if ");
		put_failed(stand, out);
	}
}

void describe_refusal(const struct policy_result *result, struct buffer *out)
{
	buffer_text(out, result->text);
	if (result->login) {
		buffer_text(out, ": ");
		describe_login(result->login, out);
	}
	if (result->lacks_scope)
		buffer_printf(out, "; and the token lacks the scope %.100s", result->scope->name);
}

void describe_shadow(const struct conf_service *service, const struct policy_result *result, struct buffer *out)
{
	const struct conf_node *until = conf_child(service->permissions, "until");
	buffer_printf(out, "let in by shadow mode alone, until %.32s: without it %s, ", until && until->kind == CONF_STRING ? until->string : "its end",
	              code_name(result->enforced));
	describe_refusal(result, out);
}
