/* What every store must do, of whatever kind: a table of functions that are given a store and its clock. */
#ifndef TESTS_STORE_SUITE_H
#define TESTS_STORE_SUITE_H

#include "store.h"

struct suite_clock {
	struct clock clock;
	int64_t wall; /* milliseconds; atomically */
};
void suite_clock_init(struct suite_clock *clock);
#define SUITE_BEGIN (INT64_C(1800000000) * 1000)

struct suite_case {
	const char *name;
	void (*run)(struct store *store, struct suite_clock *clock);
};
extern const struct suite_case suite_cases[]; /* ends with NULL */

#endif
