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
	double from = race_clock(CLOCK_MONOTONIC);
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		good &= parts[i].good;
	}
	double each = (race_clock(CLOCK_MONOTONIC) - from) / times;
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
	race_line(question, "one thread", RACE_WALL, race_median(two, RACE_LAPS), race_median(one, RACE_LAPS), most);
}

/* Of the algorithm that tokens of ours are signed with; known: one that came before, too. */
static void run(const char *algorithm, int known)
{
	struct bench b = { .token = NULL };
	static const char *const issuers[] = { OURS };
	char extra[64], question[80];
	snprintf(extra, sizeof extra, "token = { algorithm = \"%s\"; };", algorithm);
	snprintf(question, sizeof question, "two threads: %s, a token never seen", algorithm);
	desk_open(&b.desk, extra, NULL);
	desk_redeem(&b.desk, world_token(&b.desk.world, "{}"), NULL, MANY);
	b.token = strdup(desk_text(&b.desk, "/access_token"));
	assert_int_equal(b.desk.status, 200);
	b.rules = (struct access_rules){ .issuers = issuers, .issuer_count = 1, .audience = MANY,
		                         .now = clock_wall(&b.desk.world.context->clock) / 1000, .skew = 30 };
	race(&b, question, 2000, 1 / 1.9);
	b.rules.known = b.desk.world.context->known;
	if (known)
		race(&b, "two threads: one token, seen before", 200000, 1 / 1.85);
	free(b.token);
	desk_close(&b.desk);
}

/* As a test, so that what the desk expects can fail. */
static void run_all(void **state)
{
	(void)state;
	run("RS256", 0);
	run("Ed25519", 0);
	run("ES256", 1);
}

int main(void)
{
	const struct CMUnitTest all[] = { cmocka_unit_test(run_all) };
	return cmocka_run_group_tests(all, NULL, NULL);
}
