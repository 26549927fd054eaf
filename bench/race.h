/*
 * Two ways of doing something, in turn on the same machine, so that what disturbs one disturbs the other. Prints a line for bench/run:
 * question, against what, nanoseconds of each (medians), and how many times the other's they may be.
 */
#ifndef BENCH_RACE_H
#define BENCH_RACE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RACE_LAPS 15

/* Does it so often; 0, or what went wrong is on stderr. */
typedef int (*race_run)(void *data, int times);

struct race {
	const char *question, *against;
	race_run run, other;
	void *data, *other_data;
	int times, other_times; /* of a lap */
	double most;            /* 0: no target */
};

static inline double race_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* of ours: others, and threads that work later, do not count */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int race_order(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static inline int race_lap(race_run run, void *data, int times, double *each)
{
	double start = race_now();
	int bad = run(data, times);
	*each = (race_now() - start) / times;
	return bad;
}

static inline int race_print(const struct race *race)
{
	double own[RACE_LAPS], other[RACE_LAPS], warm;
	int bad = race_lap(race->run, race->data, race->times, &warm) || race_lap(race->other, race->other_data, race->other_times, &warm);
	for (int i = 0; i < RACE_LAPS && !bad; i++)
		bad = race_lap(race->run, race->data, race->times, &own[i]) || race_lap(race->other, race->other_data, race->other_times, &other[i]);
	if (bad) {
		fprintf(stderr, "%s: it does not work\n", race->question);
		return -1;
	}
	qsort(own, RACE_LAPS, sizeof *own, race_order);
	qsort(other, RACE_LAPS, sizeof *other, race_order);
	printf("%s\t%s\t%.1f\t%.1f\t%g\n", race->question, race->against, own[RACE_LAPS / 2], other[RACE_LAPS / 2], race->most);
	return 0;
}

#endif
