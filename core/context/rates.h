/* How often somebody may ask: token buckets in a table of fixed size. */
#ifndef CONTEXT_RATES_H
#define CONTEXT_RATES_H

#include <stdint.h>

#include "clock.h"

struct limits;

struct limits *limits_new(const struct clock *clock);
void limits_free(struct limits *limits);

/*
 * Takes cost from the bucket of a name, which has room for most and fills up within a minute. 0: it was there; else how many
 * seconds until it is. Nothing is taken then. most 0: no limit. Thread-safe.
 */
int64_t limits_take(struct limits *limits, const char *name, int64_t most, int64_t cost);
/* Takes it even if it is not there, for a failure that has happened. */
void limits_charge(struct limits *limits, const char *name, int64_t most, int64_t cost);

#endif
