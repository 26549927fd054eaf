#include "log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void log_printf(const struct log *log, int level, const char *format, ...)
{
	if (!log || !log->write)
		return;
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	log->write(log->data, level, text);
}
