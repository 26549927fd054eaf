/* What two threads get done beside one, in time by the clock on the wall: a machine that has two cores to itself says something. */
#define _GNU_SOURCE
#include "race.h"

#include <pthread.h>
#include <string.h>

#include "../tests/endpoint/desk.h"
#include "access.h"

#define MANY "https://mcp.example/svc"
#define THREADS 2

struct bench {
	struct desk desk;
	char *token;
	struct access_rules rules;
};

struct part {
	const struct bench *bench;
	pthread_barrier_t *start;
	int times, good;
};

static void *work(void *data)
{
	struct part *part = data;
	const struct bench *b = part->bench;
	const size_t length = strlen(b->token);
	pthread_barrier_wait(part->start);
	part->good = 1;
	for (int i = 0; i < part->times && part->good; i++) {
		struct access_token token;
		part->good = access_read(b->desk.world.context->keyring, b->token, length, &b->rules, &token, NULL) == EMA_OK;
		if (part->good)
			access_free(&token);
	}
	return NULL;
}

static double wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds for each reading of so many threads, all together. 0: it does not work. */
static double lap(const struct bench *b, int threads, int times)
{
	pthread_barrier_t start;
	pthread_t ids[THREADS];
	struct part parts[THREADS];
	int good = 1;
	pthread_barrier_init(&start, NULL, (unsigned)threads + 1);
	for (int i = 0; i < threads; i++) {
		parts[i] = (struct part){ b, &start, times / threads, 0 };
		assert_int_equal(pthread_create(&ids[i], NULL, work, &parts[i]), 0);
	}
	pthread_barrier_wait(&start);
	double from = wall();
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		good &= parts[i].good;
	}
	double each = (wall() - from) / times;
	pthread_barrier_destroy(&start);
	return good ? each : 0;
}

static void race(const struct bench *b, const char *question, int times, double most)
{
	double two[RACE_LAPS], one[RACE_LAPS];
	lap(b, THREADS, times);
	for (int i = 0; i < RACE_LAPS; i++) {
		two[i] = lap(b, THREADS, times);
		one[i] = lap(b, 1, times);
		assert_true(one[i] > 0 && two[i] > 0);
	}
	qsort(two, RACE_LAPS, sizeof *two, race_order);
	qsort(one, RACE_LAPS, sizeof *one, race_order);
	printf("%s\tone thread\t%.1f\t%.1f\t%g\n", question, two[RACE_LAPS / 2], one[RACE_LAPS / 2], most);
}

/* As a test, so that what the desk expects can fail. */
static void run_all(void **state)
{
	struct bench b = { .token = NULL };
	static const char *const issuers[] = { OURS };
	(void)state;
	desk_open(&b.desk, NULL, NULL);
	desk_redeem(&b.desk, world_token(&b.desk.world, "{}"), NULL, MANY);
	b.token = strdup(desk_text(&b.desk, "/access_token"));
	assert_int_equal(b.desk.status, 200);
	b.rules = (struct access_rules){ .issuers = issuers, .issuer_count = 1, .audience = MANY,
		                         .now = clock_wall(&b.desk.world.context->clock) / 1000, .skew = 30 };
	race(&b, "two threads: a token never seen", 2000, 1 / 1.9);
	b.rules.known = b.desk.world.context->known;
	race(&b, "two threads: one token, seen before", 200000, 1 / 1.85);
	free(b.token);
	desk_close(&b.desk);
}

int main(void)
{
	const struct CMUnitTest all[] = { cmocka_unit_test(run_all) };
	return cmocka_run_group_tests(all, NULL, NULL);
}
