/* What time it is: a value, so that tests and `explain` can have their own. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

struct clock {
	int64_t (*wall)(void *data);      /* milliseconds since 1970, UTC */
	int64_t (*monotonic)(void *data); /* milliseconds that only rise */
	void *data;
};

/* The machine's. */
extern const struct clock clock_system;

int64_t clock_wall(const struct clock *clock);
int64_t clock_monotonic(const struct clock *clock);
/* The machine's monotonic time so long from now, as pthread_cond_timedwait() takes it. Under 0 is now. */
struct timespec clock_from_now(int64_t ms);
/* The first second of the year in which this was written: a clock before it is wrong. */
#define CLOCK_LEAST (INT64_C(1767225600) * 1000)

/* "2026-11-23T11:40:33.123Z", 25 bytes with the NUL; "-" for a time that has no such form. */
#define CLOCK_TEXT 25
void clock_text(int64_t milliseconds, char text[CLOCK_TEXT]);

#endif
