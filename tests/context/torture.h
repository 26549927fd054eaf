/*
 * Allocations that fail. The linker sends the library's own here (--wrap, see TORTURE_WRAP); those of the libraries under it
 * are theirs. For one program each.
 */
#ifndef TESTS_CONTEXT_TORTURE_H
#define TESTS_CONTEXT_TORTURE_H

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

/* The n-th allocation of this thread fails, and if stay is set all that follow. 0: none. */
static _Thread_local long countdown;
static _Thread_local int stay, fired;
/* One of so many of any thread fails. 0: none. */
static atomic_long every, asked;

static int fails(void)
{
	long of = atomic_load_explicit(&every, memory_order_relaxed);
	if (of && atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed) % of == of - 1)
		return 1;
	if (!countdown || --countdown)
		return 0;
	countdown = stay;
	fired = 1;
	return 1;
}

#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		if (fails()) { \
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
	if (fails()) {
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

static void arm(long n, int all)
{
	fired = 0;
	stay = all;
	countdown = n;
}

/* 1 if an allocation failed. */
static int disarm(void)
{
	countdown = 0;
	return fired;
}

#endif
