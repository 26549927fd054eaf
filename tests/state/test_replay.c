#define _GNU_SOURCE /* memmem */
#include "test.h"

#include <pthread.h>
#include <stdio.h>

#include "replay.h"
#include "store_suite.h"

#define SECONDS (SUITE_BEGIN / 1000)

static struct suite_clock suite;

static struct store *open_store(size_t quota)
{
	struct memory_settings settings = { &suite.clock, 1000, 0, quota };
	struct store *store = NULL;
	suite_clock_init(&suite);
	assert_int_equal(store_memory(&settings, &store, NULL), EMA_OK);
	return store;
}

static const struct replay plain = {
	.provider = "okta", .issuer = "https://a.example", .jti = "1", .assertion = "bytes", .assertion_length = 5, .client = "c",
	.expires = SECONDS + 300, .uses = 1,
};

/* JAG-51 JAG-52 JAG-53 */
static void takes_a_slot(void **state)
{
	(void)state;
	/* What is different the second time; NULL: nothing. */
	static const struct {
		const char *what, *provider, *issuer, *tenant, *jti, *client, *assertion, *proof_key;
		int64_t uses;
		int code;
	} cases[] = {
		{ .what = "the same again", .uses = 1, .code = EMA_REPLAYED },
		{ .what = "another issuer", .issuer = "https://b.example", .uses = 1, .code = EMA_OK },
		{ .what = "a tenant", .tenant = "t", .uses = 1, .code = EMA_OK },
		{ .what = "an empty tenant", .tenant = "", .uses = 1, .code = EMA_OK },
		{ .what = "another jti", .jti = "2", .uses = 1, .code = EMA_OK },
		{ .what = "fields moved", .issuer = "https://a.exampl", .jti = "e1", .uses = 1, .code = EMA_OK },
		{ .what = "another provider entry", .provider = "other", .uses = 1, .code = EMA_REPLAYED },
		{ .what = "another client, single use", .client = "d", .uses = 1, .code = EMA_REPLAYED },
		{ .what = "reuse by the same client", .uses = 2, .code = EMA_OK },
		{ .what = "reuse with other bytes", .assertion = "bytez", .uses = 2, .code = EMA_REPLAYED },
		{ .what = "reuse by another client", .client = "d", .uses = 2, .code = EMA_REPLAYED },
		{ .what = "reuse by a client without a name", .client = "", .uses = 2, .code = EMA_REPLAYED },
		{ .what = "reuse with a key", .proof_key = "k", .uses = 2, .code = EMA_REPLAYED },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct store *store = open_store(0);
		struct replay first = plain, second = plain;
		struct failure failure = FAILURE_INIT;
		first.uses = second.uses = cases[i].uses;
		second.provider = cases[i].provider ? cases[i].provider : plain.provider;
		second.issuer = cases[i].issuer ? cases[i].issuer : plain.issuer;
		second.tenant = cases[i].tenant;
		second.jti = cases[i].jti ? cases[i].jti : plain.jti;
		second.client = cases[i].client ? cases[i].client : plain.client;
		second.assertion = cases[i].assertion ? cases[i].assertion : plain.assertion;
		second.proof_key = cases[i].proof_key;
		assert_int_equal(replay_take(store, &first, 0, NULL), EMA_OK);
		int code = replay_take(store, &second, 0, &failure);
		if (code != cases[i].code)
			fail_msg("%s: %s", cases[i].what, code_name(code));
		assert_int_equal(failure.code, code);
		store_free(store);
	}
}

/* JAG-53: at most N times. */
static void reuse_ends(void **state)
{
	(void)state;
	struct store *store = open_store(0);
	struct replay replay = plain;
	replay.uses = 3;
	for (int i = 0; i < 3; i++)
		assert_int_equal(replay_take(store, &replay, 0, NULL), EMA_OK);
	assert_int_equal(replay_take(store, &replay, 0, NULL), EMA_REPLAYED);
	store_free(store);
}

/* JAG-51: until exp plus the largest skew that there can be, the last second with it: a reload may bring it. */
static void a_slot_outlives_the_assertion(void **state)
{
	(void)state;
	struct store *store = open_store(0);
	assert_int_equal(replay_take(store, &plain, 0, NULL), EMA_OK);
	suite.wall = (SECONDS + 360) * 1000;
	assert_int_equal(replay_take(store, &plain, 0, NULL), EMA_REPLAYED);
	suite.wall += 999;
	assert_int_equal(replay_take(store, &plain, 0, NULL), EMA_REPLAYED);
	/* Freed, and the clock is set back: it cannot be taken again. */
	suite.wall += 10000;
	assert_int_equal(replay_take(store, &plain, 0, NULL), EMA_STORE_UNAVAILABLE);
	suite.wall = SUITE_BEGIN;
	assert_int_equal(replay_take(store, &plain, 0, NULL), EMA_STORE_UNAVAILABLE);
	store_free(store);
}

/* JAG-59: 1 to 255 bytes. */
static void jti_has_a_length(void **state)
{
	(void)state;
	static char jti[65537];
	static const struct { size_t length; int code; } cases[] = { { 0, EMA_BAD_CLAIM }, { 1, EMA_OK }, { 255, EMA_OK }, { 256, EMA_BAD_CLAIM }, { 65536, EMA_BAD_CLAIM } };
	struct store *store = open_store(0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memset(jti, 'x', cases[i].length);
		jti[cases[i].length] = 0;
		struct replay replay = plain;
		replay.jti = jti;
		assert_int_equal(replay_take(store, &replay, 0, NULL), cases[i].code);
	}
	struct replay replay = plain;
	replay.jti = NULL;
	assert_int_equal(replay_take(store, &replay, 0, NULL), EMA_BAD_CLAIM);
	replay = plain;
	replay.uses = 0;
	assert_int_equal(replay_take(store, &replay, 0, NULL), EMA_INTERNAL);
	replay = plain;
	replay.expires = INT64_MAX;
	assert_int_equal(replay_take(store, &replay, 0, NULL), EMA_INTERNAL);
	store_free(store);
}

static int look_for_text(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	(void)expires;
	assert_null(memmem(key, key_length, "jti-secret", 10));
	assert_null(memmem(value, value_length, "bytes", 5));
	++*(int *)data;
	return EMA_OK;
}

/* JAG-59: only hashes are kept. */
static void only_hashes_are_kept(void **state)
{
	(void)state;
	struct store *store = open_store(0);
	struct replay replay = plain;
	int count = 0;
	replay.jti = "jti-secret";
	assert_int_equal(replay_take(store, &replay, 0, NULL), EMA_OK);
	assert_int_equal(store_list(store, NULL, 0, look_for_text, &count, 0), EMA_OK);
	assert_int_equal(count, 1);
	store_free(store);
}

/* JAG-57: a flood by one provider leaves the other working. */
static void a_flood_fills_its_own_quota(void **state)
{
	(void)state;
	struct store *store = open_store(20);
	struct replay replay = plain;
	char jti[16];
	for (int i = 0; i < 500; i++) {
		snprintf(jti, sizeof jti, "%d", i);
		replay.jti = jti;
		assert_int_equal(replay_take(store, &replay, 0, NULL), i < 20 ? EMA_OK : EMA_STORE_FULL);
	}
	replay.provider = "b";
	replay.issuer = "https://b.example";
	assert_int_equal(replay_take(store, &replay, 0, NULL), EMA_OK);
	store_free(store);
}

static int down_code;
static int down(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value, size_t value_length,
                int64_t expires, int64_t limit, int64_t ms)
{
	(void)self, (void)quota, (void)key, (void)key_length, (void)value, (void)value_length, (void)expires, (void)limit, (void)ms;
	return down_code;
}

/* JAG-55: a store that fails never lets anything pass. */
static void a_store_that_fails_refuses(void **state)
{
	(void)state;
	static const struct ema_store_ops ops = { .size = sizeof ops, .put_if_absent = down };
	struct store *store = NULL;
	assert_int_equal(store_plugin(&ops, NULL, &store, NULL), EMA_OK);
	for (down_code = -2; down_code < EMA_CODES + 2; down_code++) {
		int code = replay_take(store, &plain, 0, NULL);
		int expected = down_code == EMA_OK ? EMA_OK : down_code == EMA_EXISTS ? EMA_REPLAYED : down_code == EMA_STORE_FULL ? EMA_STORE_FULL :
		               down_code == EMA_OUT_OF_MEMORY ? EMA_OUT_OF_MEMORY : EMA_STORE_UNAVAILABLE;
		assert_int_equal(code, expected);
	}
	store_free(store);
}

#define THREADS 64
struct taker {
	pthread_t thread;
	struct store *store;
	pthread_barrier_t *barrier;
	int code;
};

static void *take(void *data)
{
	struct taker *taker = data;
	pthread_barrier_wait(taker->barrier);
	taker->code = replay_take(taker->store, &plain, 1000, NULL);
	return NULL;
}

/* JAG-55: 64 at once, one passes. */
static void one_of_sixty_four(void **state)
{
	(void)state;
	static struct taker takers[THREADS];
	for (int round = 0; round < 10; round++) {
		struct store *store = open_store(0);
		pthread_barrier_t barrier;
		int passed = 0, replayed = 0;
		assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
		for (int i = 0; i < THREADS; i++) {
			takers[i] = (struct taker){ .store = store, .barrier = &barrier };
			assert_int_equal(pthread_create(&takers[i].thread, NULL, take, &takers[i]), 0);
		}
		for (int i = 0; i < THREADS; i++) {
			pthread_join(takers[i].thread, NULL);
			passed += takers[i].code == EMA_OK;
			replayed += takers[i].code == EMA_REPLAYED;
		}
		assert_int_equal(passed, 1);
		assert_int_equal(replayed, THREADS - 1);
		pthread_barrier_destroy(&barrier);
		store_free(store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_slot),
		cmocka_unit_test(reuse_ends),
		cmocka_unit_test(a_slot_outlives_the_assertion),
		cmocka_unit_test(jti_has_a_length),
		cmocka_unit_test(only_hashes_are_kept),
		cmocka_unit_test(a_flood_fills_its_own_quota),
		cmocka_unit_test(a_store_that_fails_refuses),
		cmocka_unit_test(one_of_sixty_four),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
