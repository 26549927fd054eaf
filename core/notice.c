#include "notice.h"

#include <stdarg.h>
#include <stddef.h>

#define FIELDS_MOST 16

void notice_tell(const struct notice *notice, const char *kind, int severity, ...)
{
	if (!notice || !notice->tell)
		return;
	struct notice_field fields[FIELDS_MOST];
	int count = 0;
	va_list arguments;
	va_start(arguments, severity);
	for (const char *name; count < FIELDS_MOST && (name = va_arg(arguments, const char *));) {
		const char *value = va_arg(arguments, const char *);
		if (value)
			fields[count++] = (struct notice_field){ name, value };
	}
	va_end(arguments);
	notice->tell(notice->data, kind, severity, fields, count);
}
