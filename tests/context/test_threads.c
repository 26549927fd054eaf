#define _GNU_SOURCE
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS 8
#define RELOADS (getenv("VALGRIND") ? 20 : 1000) /* valgrind runs one thread at a time, slowly */

struct crowd {
	struct world *world;
	char *good, *forged; /* presented with ema_explain, which uses nothing up */
	char *once;          /* presented by all with ema_decide */
	atomic_int stop, granted, refused, wrong, once_granted; /* refused: the last code of a good token that was refused */
};

static int ask(struct crowd *crowd, const char *token, int dry, ema_decision **out)
{
	ema_request *request = ema_request_new();
	ema_request_set(request, EMA_REQUEST_CLIENT_ID, "app");
	ema_request_credential(request, EMA_CREDENTIAL_ID_JAG, token, strlen(token));
	int code = dry ? ema_explain(crowd->world->context, "svc", request, 0, out) : ema_decide(crowd->world->context, "svc", request, out);
	ema_request_free(request);
	return code;
}

static void *decide(void *data)
{
	struct crowd *crowd = data;
	int first = 1;
	while (!atomic_load(&crowd->stop)) {
		ema_decision *decision = NULL;
		int code = ask(crowd, crowd->good, 1, &decision);
		/* A slow machine may be beyond the service's deadline: that is an answer, too. */
		if (code && code != EMA_TIMEOUT)
			atomic_store(&crowd->refused, code);
		if (!code)
			atomic_fetch_add(&crowd->granted, 1);
		if (!code && strcmp(ema_decision_subject(decision), "idp/-/ada"))
			atomic_fetch_add(&crowd->wrong, 1);
		ema_decision_free(decision);
		if (ask(crowd, crowd->forged, 1, NULL) == EMA_OK)
			atomic_fetch_add(&crowd->wrong, 1);
		if (first && ask(crowd, crowd->once, 0, NULL) == EMA_OK)
			atomic_fetch_add(&crowd->once_granted, 1);
		first = 0;
	}
	return NULL;
}

/* JAG-55: eight threads decide while keys come and go and the configuration is loaded a thousand times. */
static void decisions_stand_while_all_changes(void **state)
{
	struct world world;
	(void)state;
	world_open(&world);
	assert_int_equal(world_load(&world, world_plain), EMA_OK);
	struct crowd crowd = { .world = &world };
	crowd.good = world_token(&world, "{}");
	crowd.once = world_token(&world, "{}");
	crowd.forged = world_sign(&world, world.other, "oauth-id-jag+jwt", "{}");
	char *only = strdup(world.jwks), *another = jwk_print(world.other, 0);
	struct jwk *third = NULL;
	assert_int_equal(jwk_generate(JOSE_ES256, &third, NULL), EMA_OK);
	free(another);
	another = jwk_print(third, 0);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, decide, &crowd), 0);
	const int reloads = RELOADS;
	for (int i = 0; i < reloads; i++) {
		/* Every other configuration has one key more, before the one that signs. */
		char *set = NULL;
		free(world.jwks);
		if (i % 2) {
			char escaped[2048];
			size_t n = 0;
			for (const char *c = another; *c; c++) {
				if (*c == '"')
					escaped[n++] = '\\';
				escaped[n++] = *c;
			}
			escaped[n] = 0;
			assert_true(asprintf(&set, "{\\\"keys\\\":[%s,%s", escaped, only + strlen("{\\\"keys\\\":[")) > 0);
		}
		world.jwks = set ? set : strdup(only);
		assert_int_equal(world_load(&world, i % 10 == 9 ? "broken = ;" : world_plain), i % 10 == 9 ? EMA_CONFIG : EMA_OK);
	}
	atomic_store(&crowd.stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&crowd.refused), EMA_OK);
	assert_int_equal(atomic_load(&crowd.wrong), 0);
	assert_true(atomic_load(&crowd.granted) >= THREADS);
	assert_int_equal(atomic_load(&crowd.once_granted), 1);
	free(crowd.good);
	free(crowd.forged);
	free(crowd.once);
	free(only);
	free(another);
	jwk_free(third);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions_stand_while_all_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
