/* Two ways of doing something, in turn on the same machine, so that what disturbs one disturbs the other. */
#ifndef BENCH_RACE_H
#define BENCH_RACE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RACE_LAPS 15
/* Units: of the processor's time, and of the time that passed. */
#define RACE_CPU "CPU ns"
#define RACE_WALL "wall ns"

/* Does it so often; 0, or what went wrong is on stderr. */
typedef int (*race_run)(void *data, int times);

struct race {
	const char *question, *against;
	race_run run, other;
	void *data, *other_data;
	int times, other_times; /* of a lap */
	double most;            /* 0: no target */
};

static inline double race_clock(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* This thread's: others, and threads that work later, do not count. */
static inline double race_now(void)
{
	return race_clock(CLOCK_THREAD_CPUTIME_ID);
}

static inline int race_order(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Sorts them. */
static inline double race_median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, race_order);
	return values[count / 2];
}

/* For bench/run: question, against what, unit, how much of both, and how many times the other it may be at most (0: no target). */
static inline void race_line(const char *question, const char *against, const char *unit, double own, double other, double most)
{
	printf("%s\t%s\t%s\t%.1f\t%.1f\t%g\n", question, against, unit, own, other, most);
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
	race_line(race->question, race->against, RACE_CPU, race_median(own, RACE_LAPS), race_median(other, RACE_LAPS), race->most);
	return 0;
}

#endif
