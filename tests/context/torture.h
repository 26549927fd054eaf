/* Which allocations fail of those that come here by wrap.h: the program's own, or those of plugins. For one program each. */
#ifndef TESTS_CONTEXT_TORTURE_H
#define TESTS_CONTEXT_TORTURE_H

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

int torture_fails(const char *function);

/* The n-th allocation of this thread fails, and if stay is set all that follow. 0: none. */
static _Thread_local long countdown;
static _Thread_local int stay, fired;
/* One of so many of any thread fails. 0: none. */
static atomic_long every, asked;

/* By which functions one failed, of this thread. What is called by a name that is not wrapped, as a fortified one, never does. */
static const char *const functions[] = { "malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "strdup", "strndup", "asprintf" };
#define FUNCTIONS (sizeof functions / sizeof *functions)
static _Thread_local int failed_by[FUNCTIONS];

int torture_fails(const char *function)
{
	long of = atomic_load_explicit(&every, memory_order_relaxed);
	if (of && atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed) % of == of - 1)
		return 1;
	if (!countdown || --countdown)
		return 0;
	countdown = stay;
	fired = 1;
	for (size_t i = 0; i < FUNCTIONS; i++)
		failed_by[i] |= !strcmp(functions[i], function);
	return 1;
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

static inline int has_failed(const char *function)
{
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (failed_by[i] && !strcmp(functions[i], function))
			return 1;
	return 0;
}

/* A loop over every n, alone and with all that follow, whose body says whether an allocation failed. The test does if fewer than least did. */
#define EACH_ALLOCATION(all, n, going, least) \
	for (int all = 0; all < 2; all++) \
		for (long n = 1, going = 1; torture_goes_on(n, going, least); n++)
static inline int torture_goes_on(long n, long going, long least)
{
	if (!going && n - 2 < least)
		fail_msg("%ld allocations failed, and not %ld", n - 2, least);
	return going != 0;
}

#endif
