/* Counters of a context. They only rise, and are read without a lock. */
#ifndef CONTEXT_METRICS_H
#define CONTEXT_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "ema/codes.h"

/* Where an answer was given. */
enum metrics_place { METRICS_LIBRARY, METRICS_TOKEN, METRICS_REVOKE, METRICS_INTROSPECT, METRICS_CHECK, METRICS_METRICS, METRICS_PLACES };

struct metrics {
	int64_t started; /* seconds since 1970 */
	atomic_uint_least64_t answers[METRICS_PLACES][EMA_CODES];
	atomic_uint_least64_t pages;     /* metadata, keys, health: answered with 200 */
	atomic_uint_least64_t not_found;
	atomic_uint_least64_t loads, refused_loads;
	atomic_uint_least64_t shadowed;  /* checks that shadow mode answered otherwise, or a rule in it would have */
};

/* Answers up to a time (monotonic milliseconds). */
struct metrics_sample {
	int64_t at;
	uint64_t granted, refused, failed; /* failed: our own outage */
};

static inline void metrics_count(atomic_uint_least64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static inline uint64_t metrics_read(const atomic_uint_least64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void metrics_answer(struct metrics *metrics, enum metrics_place place, int code)
{
	metrics_count(&metrics->answers[place][code >= 0 && code < EMA_CODES ? code : EMA_INTERNAL]);
}

#endif
