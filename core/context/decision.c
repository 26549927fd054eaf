#include "decision.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "codes.h"

/* What most checks need of it: those have one allocation. */
#define ROOM 7168

struct whole {
	struct ema_decision decision;
	_Alignas(max_align_t) char room[ROOM];
};

struct ema_decision *decision_new(void)
{
	struct whole *whole = malloc(sizeof *whole);
	if (!whole)
		return NULL;
	whole->decision = (struct ema_decision){ .code = EMA_INTERNAL, .operator_line = "" };
	arena_begin(&whole->decision.memory, whole->room, sizeof whole->room);
	return &whole->decision;
}

void decision_free(struct ema_decision *decision)
{
	if (!decision)
		return;
	kept_end(decision->kept);
	arena_wipe(&decision->memory);
	free(decision);
}

static char *reserve(struct ema_decision *decision, size_t size)
{
	char *at = arena_bytes(&decision->memory, size);
	if (!at)
		decision->broken = 1;
	return at;
}

void *decision_get(struct ema_decision *decision, size_t count, size_t size)
{
	void *at = arena_get(&decision->memory, count, size);
	if (!at)
		decision->broken = 1;
	return at;
}

/* NULL: no memory. */
static void *grown(struct ema_decision *decision, const void *list, size_t count, size_t size, size_t *room)
{
	void *at = arena_grown(&decision->memory, list, count, size, room, 4);
	if (!at)
		decision->broken = 1;
	return at;
}

const char *decision_copy(struct ema_decision *decision, const char *text)
{
	if (!text)
		return NULL;
	size_t size = strlen(text) + 1;
	char *at = reserve(decision, size);
	return at ? memcpy(at, text, size) : "";
}

const char *decision_printf(struct ema_decision *decision, const char *format, ...)
{
	va_list arguments;
	char first[256]; /* mostly it is enough */
	va_start(arguments, format);
	int length = vsnprintf(first, sizeof first, format, arguments);
	va_end(arguments);
	char *at = length < 0 ? NULL : reserve(decision, (size_t)length + 1);
	if (!at)
		return "";
	if ((size_t)length < sizeof first)
		return memcpy(at, first, (size_t)length + 1);
	va_start(arguments, format);
	vsnprintf(at, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return at;
}

const char *decision_uri(struct ema_decision *decision, const char *uri)
{
	const char *rest = strpbrk(uri, "?#");
	return rest ? decision_printf(decision, "%.*s%c[cut]", (int)(rest - uri), uri, *rest) : uri;
}

void decision_add(struct ema_decision *decision, struct decision_list *list, const char *text)
{
	if (list->count == list->room) {
		const char **more = grown(decision, list->list, list->count, sizeof *more, &list->room);
		if (!more)
			return;
		list->list = more;
	}
	list->list[list->count++] = decision_copy(decision, text);
}

/* FILE:LINE: STAGE NAME (CONTROL): CODE -> ACTION: TEXT. Each check has some: put together without printf, which took most of their time. */
static const char *step_line(struct ema_decision *decision, const struct decision_step *step)
{
	const char *const parts[] = { step->rule, *step->rule ? ": " : "", step->stage, *step->name ? " " : "", step->name, step->control ? " (" : "",
		                      step->control ? step->control : "", step->control ? ")" : "", ": ", code_name(step->code),
		                      step->action ? " -> " : "", step->action ? step->action : "", *step->text ? ": " : "", step->text };
	size_t lengths[sizeof parts / sizeof *parts], length = (size_t)step->depth * 2;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		length += lengths[i] = strlen(parts[i]);
	char *line = reserve(decision, length + 1), *at = line;
	if (!line)
		return "";
	memset(at, ' ', (size_t)step->depth * 2);
	at += step->depth * 2;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		memcpy(at, parts[i], lengths[i]);
		at += lengths[i];
	}
	*at = 0;
	return line;
}

size_t decision_step(struct ema_decision *decision, const struct decision_step *step)
{
	if (decision->step_count == DECISION_STEPS_MOST)
		return SIZE_MAX;
	if (decision->step_count == decision->step_room) {
		struct decision_step *more = grown(decision, decision->steps, decision->step_count, sizeof *more, &decision->step_room);
		if (!more)
			return SIZE_MAX;
		decision->steps = more;
	}
	struct decision_step *at = &decision->steps[decision->step_count];
	*at = *step;
	at->rule = decision_copy(decision, step->rule ? step->rule : "");
	at->name = decision_copy(decision, step->name ? step->name : "");
	at->control = decision_copy(decision, step->control);
	at->text = decision_copy(decision, step->text ? step->text : "");
	at->line = step_line(decision, at);
	return decision->step_count++;
}

void decision_refuse(struct ema_decision *decision, int code)
{
	decision->code = code == EMA_OK ? EMA_INTERNAL : code;
	kept_end(decision->kept);
	decision->kept = NULL;
	decision->subject = decision->provider = decision->issuer = decision->tenant = decision->sub = decision->client = NULL;
	decision->email = decision->person = decision->actor = decision->resource = NULL;
	decision->shadow = NULL;
	decision->token = decision->token_id = decision->token_type = decision->bound_key = decision->bound_certificate = NULL;
	decision->expires = decision->token_lifetime = decision->issued = 0;
	decision->groups.count = decision->roles.count = decision->scopes.count = decision->accounts.count = 0;
}
