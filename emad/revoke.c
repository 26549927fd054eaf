/* What the admin socket is told to revoke, by whom the kernel says that the caller is. */
#include <stdio.h>
#include <string.h>

#include "emad.h"

#define MARKS_SHOWN 10000 /* the latest: an answer has a size */

static const char *text_of(json_object *request, const char *name)
{
	json_object *value = NULL;
	return json_object_object_get_ex(request, name, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static int64_t number_of(json_object *request, const char *name)
{
	json_object *value = NULL;
	return json_object_object_get_ex(request, name, &value) ? json_object_get_int64(value) : 0;
}

/* "error" for what was not done, "text" for what was. */
static json_object *answered(int code, const char *text)
{
	json_object *answer = json_object_new_object();
	if (answer) {
		json_object_object_add(answer, "code", json_object_new_string(ema_code_name(code)));
		json_object_object_add(answer, code ? "error" : "text", json_object_new_string(text && *text ? text : ema_code_meaning(code)));
	}
	return answer;
}

/* What is not as it should be is not taken for something else: a block that is none, the whole list for one kind of it. */
static json_object *misfit(json_object *request)
{
	static const char *const texts[] = { "kind", "name", "reason" };
	json_object *value = NULL;
	int fits = 1;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (json_object_object_get_ex(request, texts[i], &value))
			fits = fits && json_object_is_type(value, json_type_string) &&
			       strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value);
	if (json_object_object_get_ex(request, "before", &value))
		fits = fits && json_object_is_type(value, json_type_int);
	if (json_object_object_get_ex(request, "block", &value))
		fits = fits && (json_object_is_type(value, json_type_boolean) || json_object_is_type(value, json_type_int));
	return fits ? NULL : answered(EMA_BAD_REQUEST, "kind, name and reason are strings, before is an integer, block is true or false");
}

static json_object *change(ema_context *context, json_object *request, uid_t uid, int lift)
{
	char by[40], *text = NULL;
	struct ema_revocation revocation = { .size = sizeof revocation, .kind = text_of(request, "kind"), .name = text_of(request, "name"),
		                             .before = number_of(request, "before"), .block = number_of(request, "block") != 0, .by = by,
		                             .reason = text_of(request, "reason") };
	json_object *bad = misfit(request);
	if (bad)
		return bad;
	snprintf(by, sizeof by, "uid %lu", (unsigned long)uid);
	int code = lift ? ema_unblock(context, &revocation, &text) : ema_revoke(context, &revocation, &text);
	say(code ? SAY_WARNING : SAY_INFO, "%s by %s: %s", lift ? "unblock" : "revoke", by, ema_code_name(code));
	json_object *answer = answered(code, text);
	ema_text_free(text);
	return answer;
}

static json_object *marks_list(ema_context *context, json_object *request)
{
	ema_marks *marks = NULL;
	json_object *bad = misfit(request);
	if (bad)
		return bad;
	int code = ema_revoked(context, text_of(request, "kind"), text_of(request, "name"), &marks);
	json_object *answer = answered(code, ema_marks_error(marks)), *list = code ? NULL : json_object_new_array();
	size_t count = 0;
	for (; list && ema_mark_kind(marks, count); count++) {
		json_object *one = count < MARKS_SHOWN ? json_object_new_object() : NULL;
		if (!one)
			continue;
		json_object_object_add(one, "kind", json_object_new_string(ema_mark_kind(marks, count)));
		json_object_object_add(one, "name", json_object_new_string(ema_mark_name(marks, count)));
		json_object_object_add(one, "before", json_object_new_int64(ema_mark_before(marks, count)));
		json_object_object_add(one, "blocked", json_object_new_int64(ema_mark_blocked(marks, count)));
		json_object_array_add(list, one);
	}
	if (answer && list) {
		json_object_object_add(answer, "marks", list);
		json_object_object_add(answer, "count", json_object_new_int64((int64_t)count));
	}
	ema_marks_free(marks);
	return answer;
}

json_object *revoke_obey(ema_context *context, const char *line, uid_t uid)
{
	static const char *const commands[] = { "revoke ", "unblock ", "revoked " };
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		size_t length = strlen(commands[i]);
		if (strncmp(line, commands[i], length))
			continue;
		json_object *request = json_tokener_parse(line + length), *answer;
		if (!json_object_is_type(request, json_type_object))
			answer = answered(EMA_BAD_REQUEST, "the command is not followed by a JSON object");
		else
			answer = i < 2 ? change(context, request, uid, i == 1) : marks_list(context, request);
		json_object_put(request);
		return answer;
	}
	return NULL;
}
