#include "log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "buffer.h"

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
	buffer_plain(text);
	log->write(log->data, level, text);
}
