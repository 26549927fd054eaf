/* Which allocations fail of those that come here by wrap.h: the program's own, or those of plugins. For one program each. */
#ifndef TESTS_CONTEXT_TORTURE_H
#define TESTS_CONTEXT_TORTURE_H

#include <stdatomic.h>

int torture_fails(void);

/* The n-th allocation of this thread fails, and if stay is set all that follow. 0: none. */
static _Thread_local long countdown;
static _Thread_local int stay, fired;
/* One of so many of any thread fails. 0: none. */
static atomic_long every, asked;

int torture_fails(void)
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
