#include "clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;
	if (clock_gettime(id, &t))
		return 0; /* before CLOCK_LEAST: everything is refused */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_wall(void *data)
{
	(void)data;
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic(void *data)
{
	(void)data;
	return read_clock(CLOCK_MONOTONIC);
}

const struct clock clock_system = { system_wall, system_monotonic, NULL };

int64_t clock_wall(const struct clock *clock)
{
	return clock->wall(clock->data);
}

int64_t clock_monotonic(const struct clock *clock)
{
	return clock->monotonic(clock->data);
}

struct timespec clock_from_now(int64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	if (ms < 0)
		return until;
	const int64_t nanoseconds = until.tv_nsec + ms % 1000 * 1000000;
	until.tv_sec += (time_t)(ms / 1000 + nanoseconds / 1000000000);
	until.tv_nsec = (long)(nanoseconds % 1000000000);
	return until;
}

void clock_text(int64_t milliseconds, char text[CLOCK_TEXT])
{
	text[0] = '-';
	text[1] = 0;
	if (milliseconds < 0 || milliseconds > INT64_C(253402300799999))
		return;
	time_t seconds = (time_t)(milliseconds / 1000);
	struct tm tm;
	char date[20];
	if (gmtime_r(&seconds, &tm) && strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm) == 19)
		snprintf(text, CLOCK_TEXT, "%s.%03dZ", date, (int)(milliseconds % 1000));
}
