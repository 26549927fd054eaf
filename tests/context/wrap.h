/*
 * Allocations that may fail. The linker sends those of the objects that it links here (--wrap, see TORTURE_WRAP); those of the libraries
 * under them are theirs.
 */
#ifndef TESTS_CONTEXT_WRAP_H
#define TESTS_CONTEXT_WRAP_H

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>

int torture_fails(const char *function);

#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		if (torture_fails(#name)) { \
			errno = ENOMEM; \
			return NULL; \
		} \
		return __real_##name arguments; \
	}
WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *memory, size_t size), (memory, size))
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(void *, reallocarray, (void *memory, size_t count, size_t size), (memory, count, size))
WRAP(char *, strdup, (const char *text), (text))
WRAP(char *, strndup, (const char *text, size_t length), (text, length))

int __real_vasprintf(char **out, const char *format, va_list arguments);
int __wrap_vasprintf(char **out, const char *format, va_list arguments);
int __wrap_asprintf(char **out, const char *format, ...);
int __wrap_vasprintf(char **out, const char *format, va_list arguments)
{
	if (torture_fails("asprintf")) {
		*out = NULL;
		return -1;
	}
	return __real_vasprintf(out, format, arguments);
}
int __wrap_asprintf(char **out, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = __wrap_vasprintf(out, format, arguments);
	va_end(arguments);
	return length;
}

/* What _FORTIFY_SOURCE makes of it. */
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
	va_list arguments;
	(void)flag;
	va_start(arguments, format);
	int length = __wrap_vasprintf(out, format, arguments);
	va_end(arguments);
	return length;
}

#endif
