#define _GNU_SOURCE
#include "desk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "buffer.h"
#include "jws.h"

#define THREADS 64
#define ROUNDS 200 /* EMA_ROUNDS=N: so many */

struct race {
	struct desk desk;
	pthread_barrier_t start, end;
	const char *assertion; /* of this round */
	int over;
	atomic_int granted, replayed, others, serial;
};

/* Made here, and not by desk_assertion(): many make them at once. */
static char *fresh(struct race *race)
{
	char claims[256], *token = NULL;
	int64_t now = (int64_t)time(NULL) + 10;
	snprintf(claims, sizeof claims, "{\"iss\":\"app\",\"sub\":\"app\",\"aud\":\"" OURS "\",\"jti\":\"once-%d\",\"iat\":%lld,\"exp\":%lld}",
	         atomic_fetch_add(&race->serial, 1), (long long)now, (long long)now + 60);
	assert_int_equal(jws_sign(race->desk.client, JOSE_ES256, "client-authentication+jwt", "", claims, strlen(claims), &token, NULL), EMA_OK);
	return token;
}

static void redeem(struct race *race, const char *client)
{
	struct buffer body = BUFFER_INIT(65536);
	ema_request *request = ema_request_new();
	ema_response *response = NULL;
	size_t length;
	/* Nothing of a JWT needs an escape. */
	buffer_printf(&body, "grant_type=" JWT_BEARER "&assertion=%s&client_assertion_type=" CLIENT_ASSERTION "&client_assertion=%s", race->assertion, client);
	ema_request_set(request, EMA_REQUEST_METHOD, "POST");
	ema_request_set(request, EMA_REQUEST_URL, "/token");
	ema_request_set(request, EMA_REQUEST_REMOTE, "192.0.2.7");
	ema_request_header(request, "Host", "auth.example");
	ema_request_header(request, "Content-Type", "application/x-www-form-urlencoded");
	ema_request_body(request, body.data, body.length);
	pthread_barrier_wait(&race->start);
	int code = ema_http(race->desk.world.context, request, EMA_SERVE_TOKEN, &response);
	int status = response ? ema_response_status(response) : 0;
	int token = response && strstr(ema_response_body(response, &length), "access_token");
	atomic_fetch_add(status == 200 && token ? &race->granted : code == EMA_REPLAYED && !token ? &race->replayed : &race->others, 1);
	ema_response_free(response);
	ema_request_free(request);
	buffer_free(&body);
}

static void *runner(void *data)
{
	struct race *race = data;
	for (;;) {
		char *client = fresh(race);
		pthread_barrier_wait(&race->end); /* the round's assertion is there */
		if (race->over) {
			free(client);
			return NULL;
		}
		redeem(race, client);
		free(client);
		pthread_barrier_wait(&race->end);
	}
}

/* JAG-52, JAG-55: 64 at once with one assertion, each with a client assertion of its own: one of them gets a token. */
static void one_of_many(void **state)
{
	(void)state;
	static struct race race;
	pthread_t threads[THREADS];
	const char *set = getenv("EMA_ROUNDS");
	const int rounds = set ? atoi(set) : getenv("VALGRIND") ? 3 : ROUNDS;
	desk_open(&race.desk, "rates = { address = 0; subject = 0; }; store = { plugin = \"memory\"; entries = 4000000; };", "deadline = \"60s\";");
	assert_int_equal(pthread_barrier_init(&race.start, NULL, THREADS), 0);
	assert_int_equal(pthread_barrier_init(&race.end, NULL, THREADS + 1), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, runner, &race), 0);
	assert_true(rounds > 0);
	for (int i = 0; i < rounds; i++) {
		world_refresh(&race.desk.world);
		char *assertion = world_token(&race.desk.world, "{}");
		race.assertion = assertion;
		atomic_store(&race.granted, 0);
		atomic_store(&race.replayed, 0);
		pthread_barrier_wait(&race.end);
		pthread_barrier_wait(&race.end);
		free(assertion);
		assert_int_equal(atomic_load(&race.others), 0);
		assert_int_equal(atomic_load(&race.granted), 1);
		assert_int_equal(atomic_load(&race.replayed), THREADS - 1);
	}
	race.over = 1;
	pthread_barrier_wait(&race.end);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.start);
	pthread_barrier_destroy(&race.end);
	desk_close(&race.desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
