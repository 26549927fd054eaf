#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "store_suite.h"

#define MS 30000 /* only what is broken takes so long */
#define LATER (SUITE_BEGIN + 60000)
#define THREADS 64
#define ROUNDS 20

static int64_t suite_wall(void *data)
{
	return __atomic_load_n(&((struct suite_clock *)data)->wall, __ATOMIC_SEQ_CST);
}

void suite_clock_init(struct suite_clock *clock)
{
	clock->wall = SUITE_BEGIN;
	clock->clock = (struct clock){ suite_wall, suite_wall, clock };
}

static void set_clock(struct suite_clock *clock, int64_t wall)
{
	__atomic_store_n(&clock->wall, wall, __ATOMIC_SEQ_CST);
}

static int put(struct store *store, const char *quota, const char *key, const char *value, int64_t expires, int64_t limit)
{
	return store_put_if_absent(store, quota, key, strlen(key), value, strlen(value), expires, limit, MS);
}

/* JAG-55 */
static void puts_once(struct store *store, struct suite_clock *clock)
{
	(void)clock;
	assert_int_equal(put(store, "q", "key", "value", LATER, 1), EMA_OK);
	assert_int_equal(put(store, "q", "key", "value", LATER, 1), EMA_EXISTS);
	assert_int_equal(put(store, "q", "key", "other", LATER, 1), EMA_EXISTS);
	assert_int_equal(put(store, "other", "key", "value", LATER, 1), EMA_EXISTS);
	assert_int_equal(put(store, "q", "kez", "value", LATER, 1), EMA_OK);
	assert_int_equal(put(store, "q", "ke", "yvalue", LATER, 1), EMA_OK);
}

/* JAG-53 */
static void counts_the_same_value(struct store *store, struct suite_clock *clock)
{
	(void)clock;
	for (int i = 0; i < 3; i++)
		assert_int_equal(put(store, "q", "key", "value", LATER, 3), EMA_OK);
	assert_int_equal(put(store, "q", "key", "value", LATER, 3), EMA_EXISTS);
	assert_int_equal(put(store, "q", "key2", "value", LATER, 3), EMA_OK);
	assert_int_equal(put(store, "q", "key2", "valuE", LATER, 3), EMA_EXISTS);
	assert_int_equal(put(store, "q", "key2", "", LATER, 3), EMA_EXISTS);
}

/* JAG-51 */
static void expires(struct store *store, struct suite_clock *clock)
{
	assert_int_equal(put(store, "q", "key", "value", LATER, 1), EMA_OK);
	set_clock(clock, LATER - 1);
	assert_int_equal(put(store, "q", "key", "value", LATER, 1), EMA_EXISTS);
	set_clock(clock, LATER);
	char out[16];
	size_t length = sizeof out;
	assert_int_equal(store_get(store, "key", 3, out, &length, MS), EMA_ABSENT);
	assert_int_equal(put(store, "q", "key", "value", LATER + 1, 1), EMA_OK);
}

/* JAG-51: a clock that runs ahead and comes back gives nothing a second life. */
static void a_clock_set_back_frees_nothing(struct store *store, struct suite_clock *clock)
{
	assert_int_equal(put(store, "q", "early", "value", LATER, 1), EMA_OK);
	assert_int_equal(put(store, "q", "late", "value", LATER + 10000, 1), EMA_OK);
	set_clock(clock, SUITE_BEGIN - 100000);
	assert_int_equal(put(store, "q", "late", "value", LATER + 10000, 1), EMA_EXISTS);
	set_clock(clock, LATER + 1);
	assert_int_equal(put(store, "q", "late", "value", LATER + 10000, 1), EMA_EXISTS);
	set_clock(clock, SUITE_BEGIN);
	assert_int_not_equal(put(store, "q", "early", "value", LATER, 1), EMA_OK);
	assert_int_equal(put(store, "q", "late", "value", LATER + 10000, 1), EMA_EXISTS);
}

static void gets_and_removes(struct store *store, struct suite_clock *clock)
{
	(void)clock;
	char out[8];
	size_t length = sizeof out;
	assert_int_equal(store_get(store, "key", 3, out, &length, MS), EMA_ABSENT);
	assert_int_equal(put(store, "q", "key", "value", LATER, 1), EMA_OK);
	assert_int_equal(store_get(store, "key", 3, out, &length, MS), EMA_OK);
	assert_int_equal(length, 5);
	assert_memory_equal(out, "value", 5);
	length = 4;
	assert_int_not_equal(store_get(store, "key", 3, out, &length, MS), EMA_OK);
	assert_int_equal(store_remove(store, "key", 3, MS), EMA_OK);
	assert_int_equal(store_remove(store, "key", 3, MS), EMA_ABSENT);
	length = sizeof out;
	assert_int_equal(store_get(store, "key", 3, out, &length, MS), EMA_ABSENT);
	assert_int_equal(put(store, "q", "key", "value", LATER, 1), EMA_OK);
}

static void marks_only_rise(struct store *store, struct suite_clock *clock)
{
	(void)clock;
	static const struct { int64_t mark, now; } cases[] = { { 5, 5 }, { 3, 5 }, { 5, 5 }, { 9, 9 }, { -1, 9 }, { INT64_MAX, INT64_MAX }, { 10, INT64_MAX } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t now = 0;
		assert_int_equal(store_raise(store, "epoch", 5, cases[i].mark, LATER, &now, MS), EMA_OK);
		assert_true(now == cases[i].now);
	}
	unsigned char bytes[STORE_MARK];
	size_t length = sizeof bytes;
	assert_int_equal(store_get(store, "epoch", 5, bytes, &length, MS), EMA_OK);
	assert_true(length == sizeof bytes && store_mark_read(bytes) == INT64_MAX);
	assert_int_equal(put(store, "q", "epoch", "value", LATER, 9), EMA_EXISTS);
}

static void a_mark_lives_as_long_as_its_longest(struct store *store, struct suite_clock *clock)
{
	int64_t now = 0;
	assert_int_equal(store_raise(store, "epoch", 5, 7, LATER + 5000, &now, MS), EMA_OK);
	assert_int_equal(store_raise(store, "epoch", 5, 8, LATER, &now, MS), EMA_OK);
	set_clock(clock, LATER + 1);
	assert_int_equal(store_raise(store, "epoch", 5, 1, LATER + 5000, &now, MS), EMA_OK);
	assert_true(now == 8);
}

static int count_entries(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	(void)value;
	(void)value_length;
	assert_true(key_length > 0);
	if (expires && ((const char *)key)[0] == 'a')
		++*(int *)data;
	return EMA_OK;
}

static int stop(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	count_entries(data, key, key_length, value, value_length, expires);
	return EMA_DENIED;
}

static void lists_by_prefix(struct store *store, struct suite_clock *clock)
{
	int count = 0;
	assert_int_equal(put(store, "q", "a/1", "x", LATER, 1), EMA_OK);
	assert_int_equal(put(store, "q", "a/2", "x", LATER + 1, 1), EMA_OK);
	assert_int_equal(put(store, "q", "b/1", "x", LATER, 1), EMA_OK);
	assert_int_equal(put(store, "q", "a", "x", LATER, 1), EMA_OK);
	assert_int_equal(store_list(store, "a/", 2, count_entries, &count, MS), EMA_OK);
	assert_int_equal(count, 2);
	count = 0;
	assert_int_equal(store_list(store, NULL, 0, count_entries, &count, MS), EMA_OK);
	assert_int_equal(count, 3);
	count = 0;
	assert_int_equal(store_list(store, "a/", 2, stop, &count, MS), EMA_DENIED);
	assert_int_equal(count, 1);
	set_clock(clock, LATER);
	count = 0;
	assert_int_equal(store_list(store, "a/", 2, count_entries, &count, MS), EMA_OK);
	assert_int_equal(count, 1);
}

static void refuses_what_does_not_fit(struct store *store, struct suite_clock *clock)
{
	(void)clock;
	static char big[4097];
	int64_t now;
	assert_int_equal(store_put_if_absent(store, "q", big, 256, "", 0, LATER, 1, MS), EMA_INTERNAL);
	assert_int_equal(store_put_if_absent(store, "q", big, 0, "", 0, LATER, 1, MS), EMA_INTERNAL);
	assert_int_equal(store_put_if_absent(store, "q", big, 8, big, 4097, LATER, 1, MS), EMA_INTERNAL);
	assert_int_equal(store_put_if_absent(store, "q", big, 8, big, 8, LATER, 0, MS), EMA_INTERNAL);
	assert_int_equal(store_raise(store, big, 256, 1, LATER, &now, MS), EMA_INTERNAL);
	assert_int_equal(store_put_if_absent(store, "q", big, 255, big, 4096, LATER, 1, MS), EMA_OK);
}

struct racer {
	pthread_t thread;
	struct store *store;
	pthread_barrier_t *barrier;
	int granted;
};

static void *race(void *data)
{
	struct racer *racer = data;
	char key[16];
	for (int round = 0; round < ROUNDS; round++) {
		snprintf(key, sizeof key, "jti-%d", round);
		pthread_barrier_wait(racer->barrier);
		racer->granted += store_put_if_absent(racer->store, "q", key, strlen(key), "v", 1, LATER, 1, 60000) == EMA_OK;
	}
	return NULL;
}

/* JAG-55: of 64 at once exactly one. */
static void one_of_many(struct store *store, struct suite_clock *clock)
{
	(void)clock;
	static struct racer racers[THREADS];
	pthread_barrier_t barrier;
	int granted = 0;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
	for (int i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){ .store = store, .barrier = &barrier };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(racers[i].thread, NULL);
		granted += racers[i].granted;
	}
	pthread_barrier_destroy(&barrier);
	assert_int_equal(granted, ROUNDS);
}

const struct suite_case suite_cases[] = {
	{ "puts once", puts_once },
	{ "counts the same value", counts_the_same_value },
	{ "expires", expires },
	{ "a clock set back frees nothing", a_clock_set_back_frees_nothing },
	{ "gets and removes", gets_and_removes },
	{ "marks only rise", marks_only_rise },
	{ "a mark lives as long as its longest", a_mark_lives_as_long_as_its_longest },
	{ "lists by prefix", lists_by_prefix },
	{ "refuses what does not fit", refuses_what_does_not_fit },
	{ "one of many", one_of_many },
	{ NULL, NULL },
};
