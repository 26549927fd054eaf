/* Conditions on arguments: of strict JSON, by pointer (RFC 6901). */
#include <string.h>

#include "compiled.h"

/* The index that the step is in an array (RFC 6901 4: no leading zero). */
static uint32_t step_index(const char *text, size_t length)
{
	uint32_t index = 0;
	if (!length || length > 9 || (text[0] == '0' && length > 1))
		return NO_NUMBER;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return NO_NUMBER;
		index = index * 10 + (uint32_t)(text[i] - '0');
	}
	return index;
}

const char *argument_compile(struct policy *policy, const struct conf_argument *conf, struct argument *out)
{
	char room[PATTERN_TEXT];
	char *names = arena_copy(&policy->arena, conf->at);
	size_t steps = 0;
	out->conf = conf;
	for (const char *c = conf->at; *c; c++)
		steps += *c == '/';
	out->steps = arena_get(&policy->arena, steps, sizeof *out->steps);
	if (!names || !out->steps)
		return NULL;
	for (char *from = names, *to = names; *from == '/';) {
		struct argument_step *step = &out->steps[out->step_count++];
		step->name = to;
		for (from++; *from && *from != '/'; from++)
			*to++ = *from != '~' ? *from : *++from == '0' ? '~' : '/';
		step->length = (uint32_t)(to - step->name);
		step->index = step_index(step->name, step->length);
	}
	if (conf->test != TEST_LIKE)
		return NULL;
	const char *wrong = pattern_compile(PATTERN_VALUE, conf->value->string, room, &out->like);
	if (wrong)
		return wrong;
	out->like.text = arena_copy(&policy->arena, room);
	if (!uri_known(conf->value->string, strlen(conf->value->string)))
		return NULL;
	wrong = pattern_compile(PATTERN_LIKE_URI, conf->value->string, room, &out->like_uri);
	out->like_uri.text = wrong ? NULL : arena_copy(&policy->arena, room);
	return wrong;
}

/* NULL: it is not there. *broken: the way to it leads through something that is neither object nor array, or some servers would find
   another one than others, by a name in which only the case differs. */
static const struct json_node *argument_at(const struct argument *argument, const struct policy_target *target, int *broken)
{
	const struct json_node *node = target->arguments;
	for (size_t i = 0; node && i < argument->step_count; i++) {
		const struct argument_step *step = &argument->steps[i];
		const struct json_node *child = NULL;
		if (node->type == JSON_OBJECT) {
			child = json_member_apart(target->json, node, step->name, step->length, broken);
		} else if (node->type == JSON_ARRAY) {
			if (step->index < node->count) {
				child = json_first(target->json, node);
				for (uint32_t n = step->index; child && n; n--)
					child = json_next(target->json, child);
			}
		} else {
			*broken = 1;
		}
		node = child;
	}
	return node;
}

static enum condition yes(int is)
{
	return is ? CONDITION_YES : CONDITION_NO;
}

static enum condition equals(const struct conf_node *value, const struct json_node *node)
{
	int64_t number = 0;
	if (value->kind == CONF_STRING)
		return node->type == JSON_STRING ? yes(!strcmp(value->string, node->text)) : CONDITION_UNKNOWN;
	if (value->kind == CONF_INT)
		return json_integer(node, &number) ? yes(number == value->integer) : CONDITION_UNKNOWN;
	if (node->type != JSON_TRUE && node->type != JSON_FALSE)
		return CONDITION_UNKNOWN;
	return yes((node->type == JSON_TRUE) == (value->integer != 0));
}

static enum condition one_of(const struct conf_node *list, const struct json_node *node)
{
	enum condition result = CONDITION_NO;
	for (size_t i = 0; i < list->count && result == CONDITION_NO; i++)
		result = equals(&list->children[i], node);
	return result;
}

/* A dot, a slash or a backslash behind a percent sign. */
static int is_encoded_mark(const char *text)
{
	return (text[0] == '2' && strchr("eEfF", text[1])) || (text[0] == '5' && (text[1] == 'c' || text[1] == 'C'));
}

/* A dot segment, or what is one when blanks are cut off. */
static int is_dots(const char *text, size_t length)
{
	for (; length && *text == ' '; length--)
		text++;
	while (length && text[length - 1] == ' ')
		length--;
	return (length == 1 || length == 2) && text[0] == '.' && text[length - 1] == '.';
}

static int has_control(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return 1;
	return 0;
}

/* Would a server that reads it as a path or URL see another one? Control characters, dot segments, doubled slashes (but those
   behind a colon), encoded dots and slashes. text has a NUL behind. */
int text_devious(const char *text, size_t length)
{
	for (size_t i = 0, begin = 0; i <= length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (i < length && (c < 0x20 || c == 0x7f || (c == '%' && text[i + 1] && is_encoded_mark(text + i + 1))))
			return 1;
		if (i < length && c != '/' && c != '\\')
			continue;
		const size_t segment = i - begin;
		if (is_dots(text + begin, segment))
			return 1;
		if (!segment && i && i < length && (i < 2 || text[i - 2] != ':'))
			return 1;
		begin = i + 1;
	}
	return 0;
}

static enum condition fits(const struct pattern *pattern, const char *text, size_t length, const struct pattern_values *values)
{
	if (pattern_match(pattern, text, length, values, 0))
		return CONDITION_YES;
	return pattern->values && pattern_match(pattern, text, length, values, 1) ? CONDITION_UNKNOWN : CONDITION_NO;
}

/* A server may fetch what another spelling of a URI means: both as it stands and in the one form it must fit, or not. */
static enum condition like(const struct argument *argument, const struct json_node *node, const struct pattern_values *values)
{
	char uri[URI_MOST + 1];
	size_t length = 0;
	if (node->type != JSON_STRING)
		return CONDITION_UNKNOWN;
	/* A text without stars means itself, and whatever else is text. */
	if (argument->like.stars && text_devious(node->text, node->length))
		return CONDITION_UNKNOWN;
	/* Those who fetch a URI leave these out. */
	if (argument->like_uri.text && has_control(node->text, node->length))
		return CONDITION_UNKNOWN;
	enum condition raw = fits(&argument->like, node->text, node->length, values);
	if (!(argument->like.stars || argument->like_uri.text) || !uri_known(node->text, node->length))
		return raw;
	if (uri_normal(node->text, node->length, 0, uri, &length))
		return CONDITION_UNKNOWN;
	return fits(argument->like_uri.text ? &argument->like_uri : &argument->like, uri, length, values) == raw ? raw : CONDITION_UNKNOWN;
}

static enum condition judge(const struct argument *argument, const struct policy_target *target, const struct pattern_values *values)
{
	const struct conf_argument *conf = argument->conf;
	int64_t number = 0;
	int broken = target->arguments && target->arguments->type != JSON_OBJECT;
	const struct json_node *node = argument_at(argument, target, &broken);
	if (broken || target->unseen)
		return CONDITION_UNKNOWN;
	if (conf->test == TEST_ABSENT)
		return yes(!node);
	if (!node)
		return CONDITION_UNKNOWN;
	switch (conf->test) {
	case TEST_EQUALS:
		return equals(conf->value, node);
	case TEST_LIKE:
		return like(argument, node, values);
	case TEST_IN:
		return one_of(conf->value, node);
	case TEST_LESS:
		return json_integer(node, &number) ? yes(number < conf->less) : CONDITION_UNKNOWN;
	case TEST_GREATER:
		return json_integer(node, &number) ? yes(number > conf->greater) : CONDITION_UNKNOWN;
	case TEST_RANGE:
		return json_integer(node, &number) ? yes(number < conf->less && number > conf->greater) : CONDITION_UNKNOWN;
	case TEST_ABSENT:
		break;
	}
	return CONDITION_UNKNOWN;
}

enum condition arguments_judge(const struct rule *rule, const struct policy_target *target, const struct pattern_values *values)
{
	enum condition result = CONDITION_YES;
	for (size_t i = 0; rule->when && i < rule->when->arg_count; i++) {
		enum condition one = judge(&rule->args[i], target, values);
		if (one == CONDITION_NO)
			return CONDITION_NO;
		if (one == CONDITION_UNKNOWN)
			result = CONDITION_UNKNOWN;
	}
	return result;
}

void arguments_failed(const struct rule *rule, const struct policy_target *target, const struct pattern_values *values, struct policy_stand *out)
{
	for (size_t i = 0; rule->when && i < rule->when->arg_count && out->failed_count < POLICY_FAILED_MOST && !target->unseen; i++) {
		int broken = target->arguments && target->arguments->type != JSON_OBJECT;
		enum condition one = judge(&rule->args[i], target, values);
		if (rule->deny ? one == CONDITION_NO : one != CONDITION_YES)
			out->failed[out->failed_count++] = (struct policy_failed){ rule->args[i].conf, argument_at(&rule->args[i], target, &broken) };
	}
}
