#define _GNU_SOURCE
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "trust/server.h"

#define THREADS 8
#define RELOADS (getenv("VALGRIND") ? 20 : 1000) /* valgrind runs one thread at a time, slowly */
#define ROTATIONS 20
#define COOLDOWN_MS 61000
#define REMOTE "https://remote.example"

/* What is signed at the beginning is good at the end, however slow the machine is. */
static int64_t began;
static int64_t standing_wall(void *data)
{
	(void)data;
	return began;
}

struct crowd {
	struct world *world;
	char *good, *forged; /* presented with ema_explain, which uses nothing up */
	char *once;          /* presented by all with ema_decide */
	pthread_mutex_t lock;
	char *remote;        /* under lock: signed with the key that its issuer has at present */
	atomic_int stop, begun, granted, refused, wrong, once_granted, remote_granted; /* refused: the last code of a good token that was refused */
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

/* A slow machine may be beyond the service's deadline, and to a clock that was moved on marks look old until they are read again. */
static int is_of_the_clock(int code)
{
	return code == EMA_TIMEOUT || code == EMA_STORE_UNAVAILABLE;
}

/* Between a rotation and the fetch that brings the new key, the issuer's tokens have an unknown one. */
static int is_of_the_rotation(int code)
{
	return code == EMA_UNKNOWN_KEY || code == EMA_KEYS_UNAVAILABLE;
}

static void ask_remote(struct crowd *crowd)
{
	ema_decision *decision = NULL;
	pthread_mutex_lock(&crowd->lock);
	char *token = strdup(crowd->remote);
	pthread_mutex_unlock(&crowd->lock);
	int code = ask(crowd, token, 1, &decision);
	if (code && !is_of_the_clock(code) && !is_of_the_rotation(code))
		atomic_store(&crowd->refused, code);
	if (!code)
		atomic_fetch_add(&crowd->remote_granted, 1);
	if (!code && strcmp(ema_decision_subject(decision), "remote/-/bob"))
		atomic_fetch_add(&crowd->wrong, 1);
	ema_decision_free(decision);
	free(token);
}

static void *decide(void *data)
{
	struct crowd *crowd = data;
	int first = 1;
	while (!atomic_load(&crowd->stop)) {
		ema_decision *decision = NULL;
		int code = ask(crowd, crowd->good, 1, &decision);
		if (code && !is_of_the_clock(code))
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
		atomic_fetch_add(&crowd->begun, first);
		first = 0;
		ask_remote(crowd);
	}
	return NULL;
}

/*
 * The remote issuer signs with a new key and publishes nothing else. The new one is taken as soon as a fetch may be made, and then the
 * one before it verifies nothing any more.
 */
static void rotate(struct crowd *crowd, struct server *server)
{
	struct jwk *key = NULL;
	char *set = NULL;
	assert_int_equal(jwk_generate(JOSE_ES256, &key, NULL), EMA_OK);
	char *public = jwk_print(key, 0);
	assert_true(asprintf(&set, "{\"keys\":[%s]}", public) > 0);
	server_json(server, "/keys", set);
	char *token = world_sign(crowd->world, key, "oauth-id-jag+jwt", "{\"iss\":\"" REMOTE "\",\"sub\":\"bob\"}");
	pthread_mutex_lock(&crowd->lock);
	char *before = crowd->remote;
	crowd->remote = token;
	pthread_mutex_unlock(&crowd->lock);
	int code = EMA_UNKNOWN_KEY;
	for (int tries = 0; code && tries < 6000; tries++) {
		if (is_of_the_rotation(code))
			atomic_fetch_add(&world_moved, COOLDOWN_MS); /* so that there may be another fetch */
		else
			usleep(10000);
		code = ask(crowd, token, 1, NULL);
		assert_true(!code || is_of_the_clock(code) || is_of_the_rotation(code));
	}
	assert_int_equal(code, EMA_OK);
	/* A fetch that came too late for it says nothing of the key, and is made again. */
	for (int tries = 0; before && tries < 6000; tries++) {
		code = ask(crowd, before, 1, NULL);
		if (!is_of_the_clock(code) && code != EMA_KEYS_UNAVAILABLE)
			break;
		usleep(10000);
	}
	assert_int_equal(code, before ? EMA_UNKNOWN_KEY : EMA_OK);
	free(before);
	free(public);
	free(set);
	jwk_free(key);
}

/* JAG-55: eight threads decide while keys come and go, by the configuration and at an issuer, and it is loaded a thousand times. */
static void decisions_stand_while_all_changes(void **state)
{
	struct world world;
	char *text = NULL;
	(void)state;
	struct server *server = server_start(NULL, NULL);
	assert_non_null(server);
	world_open(&world);
	began = clock_wall(&clock_system);
	world.context->clock = (struct clock){ standing_wall, world_clock.monotonic, NULL };
	/* world_plain with another provider, which is asked second. */
	const char *providers = strstr(world_plain, "; } );\naudit"), *rules = strstr(world_plain, "identity = [\"idp\"]");
	assert_true(providers && rules);
	assert_true(asprintf(&text, "%.*s; },\n  { id = \"remote\"; plugin = \"oidc\"; issuer = \"" REMOTE "\"; jwks_url = \"%s/keys\"; insecure_http = true; "
	                     "accepts = [\"id_jag\"]%.*sidentity = [\"idp\", \"remote\"]%s", (int)(providers - world_plain), world_plain, server_origin(server),
	                     (int)(rules - providers), providers, rules + strlen("identity = [\"idp\"]")) > 0);
	assert_int_equal(world_load(&world, text), EMA_OK);
	struct crowd crowd = { .world = &world, .lock = PTHREAD_MUTEX_INITIALIZER };
	crowd.good = world_token(&world, "{}");
	crowd.once = world_token(&world, "{}");
	crowd.forged = world_sign(&world, world.other, "oauth-id-jag+jwt", "{}");
	rotate(&crowd, server);
	char *only = strdup(world.jwks), *another = NULL;
	struct jwk *third = NULL;
	assert_int_equal(jwk_generate(JOSE_ES256, &third, NULL), EMA_OK);
	another = jwk_print(third, 0);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, decide, &crowd), 0);
	/* A clock that is moved on would end what is decided for good, too. */
	while (atomic_load(&crowd.begun) < THREADS)
		usleep(1000);
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
		assert_int_equal(world_load(&world, i % 10 == 9 ? "broken = ;" : text), i % 10 == 9 ? EMA_CONFIG : EMA_OK);
		if (i % (reloads / ROTATIONS) == 0)
			rotate(&crowd, server);
	}
	atomic_store(&crowd.stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&crowd.refused), EMA_OK);
	assert_int_equal(atomic_load(&crowd.wrong), 0);
	assert_true(atomic_load(&crowd.granted) >= THREADS);
	assert_true(atomic_load(&crowd.remote_granted) > 0);
	assert_int_equal(atomic_load(&crowd.once_granted), 1);
	free(crowd.good);
	free(crowd.forged);
	free(crowd.once);
	free(crowd.remote);
	free(only);
	free(another);
	free(text);
	jwk_free(third);
	world_close(&world);
	server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions_stand_while_all_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
