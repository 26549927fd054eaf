#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"

int failure_set(struct failure *failure, int code, const char *format, ...)
{
	if (!failure)
		return code;
	if (failure->code != EMA_OK)
		return failure->code;
	failure->code = code;
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(failure->text, sizeof failure->text, format, arguments);
	va_end(arguments);
	if (length < 0)
		failure->text[0] = 0;
	if (length >= (int)sizeof failure->text) {
		size_t at = sizeof failure->text - 4;
		while (at > 0 && ((unsigned char)failure->text[at] & 0xc0) == 0x80)
			at--; /* not in the middle of a character */
		memcpy(failure->text + at, "...", 4);
	}
	buffer_plain(failure->text);
	return code;
}

void failure_clear(struct failure *failure)
{
	failure->code = EMA_OK;
	failure->text[0] = 0;
}
