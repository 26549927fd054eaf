#include "response.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

#define HEADER_VALUE_MOST 8192

struct ema_response *response_new(void)
{
	struct ema_response *response = calloc(1, sizeof *response);
	if (response) {
		response->status = 500;
		buffer_init(&response->body, RESPONSE_BODY_MOST);
	}
	return response;
}

void response_free(struct ema_response *response)
{
	if (!response)
		return;
	for (size_t i = 0; i < response->header_count; i++)
		free(response->headers[i].value);
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
	struct buffer value = BUFFER_INIT(HEADER_VALUE_MOST);
	va_list arguments;
	va_start(arguments, format);
	if (!strcmp(format, "%s"))
		buffer_text(&value, va_arg(arguments, const char *));
	else
		buffer_vprintf(&value, format, arguments);
	va_end(arguments);
	size_t at = 0;
	while (at < response->header_count && strcmp(response->headers[at].name, name))
		at++;
	if (value.failed || !value.data || !is_value(value.data) || at == RESPONSE_HEADERS_MOST) {
		response->failed = 1; /* an answer without one of its headers is not that answer */
		buffer_free(&value);
		return;
	}
	if (at == response->header_count)
		response->headers[response->header_count++] = (struct response_header){ name, NULL };
	free(response->headers[at].value);
	response->headers[at].value = buffer_take(&value);
}

void response_text(struct ema_response *response, int status, const char *type, const char *text)
{
	response->status = status;
	response_header(response, "Content-Type", "%s", type);
	buffer_clear(&response->body);
	if (buffer_text(&response->body, text))
		response->failed = 1;
}
