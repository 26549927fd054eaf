#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "feed.h"
#include "store_kind.h"
#include "store_suite.h"

#define LATER (SUITE_BEGIN + 60000)

static struct store *open_memory(struct suite_clock *clock, size_t entries, size_t bytes, size_t quota)
{
	struct memory_settings settings = { &clock->clock, entries, bytes, quota };
	struct store *store = NULL;
	suite_clock_init(clock);
	assert_int_equal(store_memory(&settings, &store, NULL), EMA_OK);
	return store;
}

static int put(struct store *store, const char *quota, int number, int64_t expires)
{
	char key[32];
	snprintf(key, sizeof key, "%s-%d", quota ? quota : "", number);
	return store_put_if_absent(store, quota, key, strlen(key), "v", 1, expires, 1, 0);
}

/* A store of which nothing is asked but its beginning; 0: it was not reached yet. */
struct begun {
	struct store store;
	int64_t since;
};

static int begun_since(struct store *store, int64_t *since)
{
	struct begun *begun = (struct begun *)store;
	if (!begun->since)
		return EMA_UNAVAILABLE;
	*since = begun->since;
	return EMA_OK;
}

static const struct store_kind begun_kind = { .since = begun_since };

/* JAG-58: what was issued in the second of the beginning may have been used before it. */
static void the_second_of_the_beginning_is_forgotten(void **state)
{
	static const struct { int64_t since, before; } rows[] = {
		{ INT64_MIN, 0 }, { 1800000000000, 1800000000 }, { 1800000000001, 1800000001 }, { 1800000000999, 1800000001 }, { 1800000001000, 1800000001 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct begun store = { { .kind = &begun_kind }, rows[i].since };
		int64_t before = -1;
		assert_int_equal(store_forgets_before(&store.store, &before), EMA_OK);
		assert_true(before == rows[i].before);
	}
	struct begun never = { { .kind = &begun_kind }, 0 };
	int64_t before = -1;
	assert_int_equal(store_forgets_before(&never.store, &before), EMA_UNAVAILABLE);
	assert_true(before == -1);
}

/* A plugin that is the memory store, seen through the plugin's table. */
static int wrap_put(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value, size_t value_length,
                    int64_t expires, int64_t limit, int64_t ms)
{
	return store_put_if_absent((struct store *)self, quota, key, key_length, value, value_length, expires, limit, ms);
}

static int wrap_get(ema_instance *self, const char *key, size_t key_length, char *out, size_t *length, int64_t ms)
{
	return store_get((struct store *)self, key, key_length, out, length, ms);
}

static int wrap_remove(ema_instance *self, const char *key, size_t key_length, int64_t ms)
{
	return store_remove((struct store *)self, key, key_length, ms);
}

static int wrap_raise(ema_instance *self, const char *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	return store_raise((struct store *)self, key, key_length, mark, expires, now, ms);
}

static int wrap_list(ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed, int64_t ms)
{
	return store_list((struct store *)self, prefix, prefix_length, feed->entry, feed->data, ms);
}

static int wrap_changes(ema_instance *self, ema_feed *feed, int64_t ms)
{
	return store_changes((struct store *)self, feed->entry, feed->data, ms);
}

static const struct ema_store_ops wrap = {
	.size = sizeof wrap, .put_if_absent = wrap_put, .get = wrap_get, .remove = wrap_remove, .raise = wrap_raise, .list = wrap_list,
	.changes = wrap_changes,
};

/* JAG-51 JAG-53 JAG-55 */
static void memory_passes_the_suite(void **state)
{
	(void)state;
	for (const struct suite_case *c = suite_cases; c->name; c++) {
		struct suite_clock clock;
		struct store *store = open_memory(&clock, 0, 0, 0);
		c->run(store, &clock);
		store_free(store);
	}
}

static void plugins_pass_the_suite(void **state)
{
	(void)state;
	for (int parallel = 0; parallel < 2; parallel++)
		for (const struct suite_case *c = suite_cases; c->name; c++) {
			struct suite_clock clock;
			struct store *memory = open_memory(&clock, 0, 0, 0), *store = NULL;
			assert_int_equal(store_plugin(&wrap, (ema_instance *)memory, &store, NULL), EMA_OK);
			if (parallel)
				store_plugin_parallel(store);
			c->run(store, &clock);
			store_free(store);
			store_free(memory);
		}
}

/* JAG-57: a flood by provider a leaves provider b working, and nothing that lives is dropped. */
static void a_quota_limits_its_provider_alone(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct store *store = open_memory(&clock, 100, 0, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(store, "a", i, LATER), EMA_OK);
	for (int i = 10; i < 1000; i++)
		assert_int_equal(put(store, "a", i, LATER), EMA_STORE_FULL);
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(store, "b", i, LATER), EMA_OK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(store, "a", i, LATER), EMA_EXISTS);
	clock.wall = LATER;
	assert_int_equal(put(store, "a", 5000, LATER + 1), EMA_OK);
	store_free(store);
}

/* JAG-57: full of entries, full of bytes; what ended makes room. */
static void a_full_store_refuses(void **state)
{
	(void)state;
	static const struct { size_t entries, bytes; } cases[] = { { 50, 0 }, { 0, 5000 } };
	for (size_t i = 0; i < 2; i++) {
		struct suite_clock clock;
		struct store *store = open_memory(&clock, cases[i].entries, cases[i].bytes, SIZE_MAX);
		int count = 0, code;
		int64_t now;
		while ((code = put(store, "a", count, LATER + count)) == EMA_OK)
			assert_true(++count < 1000);
		assert_int_equal(code, EMA_STORE_FULL);
		assert_true(count > 10);
		for (int k = 0; k < count; k++)
			assert_int_equal(put(store, "a", k, LATER), EMA_EXISTS);
		clock.wall = LATER + 4;
		for (int k = 0; k < 5; k++)
			assert_int_equal(put(store, "b", k, LATER * 2), EMA_OK);
		assert_int_equal(put(store, "b", 5, LATER * 2), EMA_STORE_FULL);
		assert_int_equal(put(store, "a", 5, LATER), EMA_EXISTS);
		/* Whoever fills his quotas stops no revocation; that has room of its own, and an end, too. */
		int marks = 0;
		char name[16];
		do
			snprintf(name, sizeof name, "epoch%d", marks);
		while ((code = store_raise(store, name, strlen(name), 1, LATER * 2, &now, 0)) == EMA_OK && ++marks < 1000);
		assert_int_equal(code, EMA_STORE_FULL);
		assert_in_range(marks, count / 16, count / 4);
		assert_int_equal(put(store, "b", 5, LATER * 2), EMA_STORE_FULL);
		store_free(store);
	}
}

/* Many entries in no order: each ends at its own time. */
static void expiry_is_in_order(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct store *store = open_memory(&clock, 0, 0, 0);
	unsigned random = 1;
	int64_t ends[3000];
	for (int i = 0; i < 3000; i++) {
		random = random * 1103515245u + 12345u;
		ends[i] = SUITE_BEGIN + 1 + random / 65536 % 1000;
		assert_int_equal(put(store, "a", i, ends[i]), EMA_OK);
	}
	clock.wall = SUITE_BEGIN + 500;
	for (int i = 0; i < 3000; i++)
		assert_int_equal(put(store, "a", i, LATER), ends[i] <= clock.wall ? EMA_OK : EMA_EXISTS);
	store_free(store);
}

struct feed_seen {
	int told, removed;
	int64_t mark;
};

static int see(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	struct feed_seen *seen = data;
	(void)key;
	(void)key_length;
	seen->told++;
	seen->removed += !expires;
	if (value_length == STORE_MARK)
		seen->mark = store_mark_read(value);
	return EMA_OK;
}

static void changes_tell_marks_and_removals(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct store *store = open_memory(&clock, 0, 0, 0);
	struct feed_seen seen = { 0 };
	int64_t now;
	assert_int_equal(store_raise(store, "e", 1, 4, LATER, &now, 0), EMA_OK);
	assert_int_equal(put(store, "replay", 1, LATER), EMA_OK);
	assert_int_equal(store_changes(store, see, &seen, 1000), EMA_OK);
	assert_int_equal(seen.told, 1);
	assert_true(seen.mark == 4);
	assert_int_equal(store_raise(store, "e", 1, 3, LATER, &now, 0), EMA_OK);
	assert_int_equal(store_changes(store, see, &seen, 0), EMA_OK);
	assert_int_equal(seen.told, 1);
	assert_int_equal(store_remove(store, "e", 1, 0), EMA_OK);
	assert_int_equal(store_changes(store, see, &seen, 0), EMA_OK);
	assert_int_equal(seen.removed, 1);
	/* More than the ring holds: everything that there is. */
	seen = (struct feed_seen){ 0 };
	for (int i = 0; i < 1000; i++)
		assert_int_equal(put(store, NULL, i, LATER), EMA_OK);
	assert_int_equal(store_changes(store, see, &seen, 0), EMA_OK);
	assert_int_equal(seen.told, 1001);
	assert_int_equal(store_changes(store, see, &seen, 0), EMA_OK);
	assert_int_equal(seen.told, 1001);
	assert_int_equal(put(store, NULL, 5000, LATER), EMA_OK);
	assert_int_equal(store_changes(store, see, &seen, 0), EMA_OK);
	assert_int_equal(seen.told, 1002);
	store_free(store);
}

static void *raise_one(void *store)
{
	int64_t now;
	store_raise(store, "e", 1, 7, LATER, &now, 1000);
	return NULL;
}

static void changes_wake_up(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct store *store = open_memory(&clock, 0, 0, 0);
	struct feed_seen seen = { 0 };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, raise_one, store), 0);
	assert_int_equal(store_changes(store, see, &seen, 60000), EMA_OK);
	assert_int_equal(seen.told, 1);
	pthread_join(thread, NULL);
	store_free(store);
}

/* ---- Plugins that are not as they should be ---- */

static int odd_code;
static int odd_put(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value, size_t value_length,
                   int64_t expires, int64_t limit, int64_t ms)
{
	(void)self, (void)quota, (void)key, (void)key_length, (void)value, (void)value_length, (void)expires, (void)limit, (void)ms;
	return odd_code;
}

static int odd_get(ema_instance *self, const char *key, size_t key_length, char *out, size_t *length, int64_t ms)
{
	(void)self, (void)key, (void)key_length, (void)out, (void)ms;
	*length = 1000000;
	return EMA_OK;
}

static int odd_raise(ema_instance *self, const char *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	(void)self, (void)key, (void)key_length, (void)expires, (void)ms;
	*now = mark - 1;
	return EMA_OK;
}

static void plugins_are_not_believed_blindly(void **state)
{
	(void)state;
	static const struct ema_store_ops none = { .size = sizeof none }, least = { .size = sizeof least, .put_if_absent = odd_put },
	                                  odd = { .size = sizeof odd, .put_if_absent = odd_put, .get = odd_get, .raise = odd_raise };
	struct store *store = NULL;
	struct failure failure = FAILURE_INIT;
	struct feed_seen seen = { 0 };
	char out[8];
	size_t length = sizeof out;
	int64_t now = 5;
	assert_int_equal(store_plugin(NULL, NULL, &store, &failure), EMA_CONFIG);
	assert_int_equal(store_plugin(&none, NULL, &store, &failure), EMA_CONFIG);
	assert_int_equal(store_plugin(&least, NULL, &store, NULL), EMA_OK);
	static const struct { int said, is; } codes[] = { { EMA_OK, EMA_OK }, { EMA_EXISTS, EMA_EXISTS }, { EMA_STORE_FULL, EMA_STORE_FULL },
		{ EMA_TIMEOUT, EMA_TIMEOUT }, { EMA_EXPIRED, EMA_INTERNAL }, { -1, EMA_INTERNAL }, { 4711, EMA_INTERNAL } };
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		odd_code = codes[i].said;
		assert_int_equal(put(store, "a", 1, LATER), codes[i].is);
	}
	assert_int_equal(store_get(store, "k", 1, out, &length, 0), EMA_UNAVAILABLE);
	assert_int_equal(store_remove(store, "k", 1, 0), EMA_UNAVAILABLE);
	assert_int_equal(store_raise(store, "k", 1, 1, LATER, &now, 0), EMA_UNAVAILABLE);
	assert_int_equal(store_list(store, NULL, 0, see, &seen, 0), EMA_UNAVAILABLE);
	assert_int_equal(store_changes(store, see, &seen, 0), EMA_UNAVAILABLE);
	store_free(store);
	assert_int_equal(store_plugin(&odd, NULL, &store, NULL), EMA_OK);
	assert_int_equal(store_get(store, "k", 1, out, &length, 0), EMA_INTERNAL);
	assert_int_equal(length, sizeof out);
	assert_int_equal(store_raise(store, "k", 1, 1, LATER, &now, 0), EMA_INTERNAL);
	assert_true(now == 5);
	store_free(store);
	store_free(NULL);
}

/* ---- A serial plugin that others use ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int heard, leaves;
} busy = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static void busy_move(int *what)
{
	pthread_mutex_lock(&busy.lock);
	*what = 1;
	pthread_cond_broadcast(&busy.moved);
	pthread_mutex_unlock(&busy.lock);
}

static void busy_await(const int *what)
{
	pthread_mutex_lock(&busy.lock);
	while (!*what)
		pthread_cond_wait(&busy.moved, &busy.lock);
	pthread_mutex_unlock(&busy.lock);
}

static int busy_put(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value, size_t value_length,
                    int64_t expires, int64_t limit, int64_t ms)
{
	(void)self, (void)quota, (void)key, (void)key_length, (void)value, (void)value_length, (void)expires, (void)limit, (void)ms;
	busy_await(&busy.leaves);
	return EMA_OK;
}

static int busy_changes(ema_instance *self, ema_feed *feed, int64_t ms)
{
	(void)self, (void)feed, (void)ms;
	busy_move(&busy.heard);
	return EMA_OK;
}

static void *put_behind(void *store)
{
	busy_await(&busy.heard);
	put(store, "a", 1, LATER);
	return NULL;
}

/* REV-18: that others are in it, after it was heard, is no loss of contact. */
static void a_busy_plugin_is_no_loss(void **state)
{
	(void)state;
	static const struct ema_store_ops ops = { .size = sizeof ops, .put_if_absent = busy_put, .changes = busy_changes };
	struct store *store = NULL;
	struct feed_seen seen = { 0 };
	pthread_t thread;
	assert_int_equal(store_plugin(&ops, NULL, &store, NULL), EMA_OK);
	assert_int_equal(pthread_create(&thread, NULL, put_behind, store), 0);
	assert_int_equal(store_changes(store, see, &seen, 200), EMA_OK);
	busy_move(&busy.leaves);
	pthread_join(thread, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_changes(store, see, &seen, 60), EMA_OK);
	store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_plugin_is_no_loss),
		cmocka_unit_test(memory_passes_the_suite),
		cmocka_unit_test(plugins_pass_the_suite),
		cmocka_unit_test(a_quota_limits_its_provider_alone),
		cmocka_unit_test(a_full_store_refuses),
		cmocka_unit_test(expiry_is_in_order),
		cmocka_unit_test(the_second_of_the_beginning_is_forgotten),
		cmocka_unit_test(changes_tell_marks_and_removals),
		cmocka_unit_test(changes_wake_up),
		cmocka_unit_test(plugins_are_not_believed_blindly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
