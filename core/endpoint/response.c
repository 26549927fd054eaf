#include "response.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_VALUE_MOST 8192
#define ROOM 1536 /* what most answers need */

struct whole {
	struct ema_response response;
	_Alignas(max_align_t) char room[ROOM];
};

struct ema_response *response_new(void)
{
	struct whole *whole = malloc(sizeof *whole);
	if (!whole)
		return NULL;
	whole->response = (struct ema_response){ .status = 500, .body = BUFFER_INIT(RESPONSE_BODY_MOST) };
	arena_begin(&whole->response.memory, whole->room, sizeof whole->room);
	return &whole->response;
}

void response_free(struct ema_response *response)
{
	if (!response)
		return;
	arena_wipe(&response->memory);
	buffer_free(&response->body);
	free(response);
}

static int is_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return 0;
	return 1;
}

void response_header(struct ema_response *response, const char *name, const char *format, ...)
{
	char room[512];
	struct buffer value;
	va_list arguments;
	buffer_on(&value, room, sizeof room, HEADER_VALUE_MOST);
	va_start(arguments, format);
	if (!strcmp(format, "%s"))
		buffer_text(&value, va_arg(arguments, const char *));
	else
		buffer_vprintf(&value, format, arguments);
	va_end(arguments);
	size_t at = 0;
	while (at < response->header_count && strcmp(response->headers[at].name, name))
		at++;
	const int good = !value.failed && is_value(value.data) && at < RESPONSE_HEADERS_MOST;
	const char *copy = good ? arena_copy(&response->memory, value.data) : NULL;
	buffer_free(&value);
	if (!copy) {
		response->failed = 1; /* an answer without one of its headers is not that answer */
		return;
	}
	response->headers[at] = (struct response_header){ name, copy };
	response->header_count += at == response->header_count;
}

void response_text(struct ema_response *response, int status, const char *type, const char *text)
{
	response->status = status;
	response_header(response, "Content-Type", "%s", type);
	buffer_clear(&response->body);
	if (buffer_text(&response->body, text))
		response->failed = 1;
}
