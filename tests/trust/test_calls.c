/* An issuer that does not answer, and a disk that takes nothing: no key, or the key that was fetched, and all is as ever afterwards. */
#define _GNU_SOURCE
#include "test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "codes.h"
#include "jws.h"
#include "server.h"
#include "trust.h"

#include "../calls.h"

#define KEYS "/keys"
#define HOUR INT64_C(3600000)

static _Atomic int64_t moved;

static int64_t later_wall(void *data)
{
	(void)data;
	return clock_wall(&clock_system) + atomic_load(&moved);
}

static int64_t later_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system) + atomic_load(&moved);
}

static const struct clock later = { later_wall, later_monotonic, NULL };

struct place {
	char folder[64];
	struct server *server;
	struct jwk *key;
	struct trust *trust;
	struct keyset *keyset;
};

static void begin(struct place *place)
{
	const struct trust_settings trust = { .clock = &later, .cache_folder = place->folder };
	const struct keyset_settings settings = { .id = "idp", .issuer = server_origin(place->server), .fetch = { .insecure_http = 1 }, .stale_ms = 24 * HOUR };
	assert_non_null(place->trust = trust_new(&trust, NULL));
	assert_int_equal(keyset_open(place->trust, &settings, &place->keyset, NULL), EMA_OK);
}

static void end(struct place *place)
{
	keyset_close(place->keyset);
	trust_free(place->trust);
}

static int verify(struct place *place, struct failure *failure)
{
	struct keyset_verdict verdict;
	struct jws jws;
	char *token = NULL;
	assert_int_equal(jws_sign(place->key, JOSE_ES256, "test+jwt", "", "{}", 2, &token, NULL), EMA_OK);
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	int code = keyset_verify(place->keyset, &jws, JOSE_DEFAULT_SET, NULL, NULL, later_monotonic(NULL) + 20000, &verdict, failure);
	jws_free(&jws);
	free(token);
	return code;
}

/* After a failure it is asked again a while later, and not at each token. */
static void comes_again(struct place *place)
{
	int code = EMA_KEYS_UNAVAILABLE;
	for (int i = 0; i < 500 && code; i++) {
		if (i) {
			atomic_fetch_add(&moved, HOUR / 60);
			usleep(20000);
		}
		code = verify(place, NULL);
	}
	assert_int_equal(code, EMA_OK);
}

static void clean(const char *folder)
{
	char command[160];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	assert_int_equal(system(command), 0);
}

/* JWT-47, JWT-49 */
static void fetching(void **state)
{
	struct place place = { .folder = "" };
	char text[512], parent[] = "/tmp/ema-trust-XXXXXX", *set = NULL, *key;
	(void)state;
	if (!(place.server = server_start(NULL, NULL)))
		skip();
	assert_non_null(mkdtemp(parent));
	snprintf(place.folder, sizeof place.folder, "%s/cache", parent);
	assert_int_equal(jwk_generate(JOSE_ES256, &place.key, NULL), EMA_OK);
	assert_non_null(key = jwk_print(place.key, 0));
	assert_true(asprintf(&set, "{\"keys\":[%s]}", key) > 0);
	server_json(place.server, KEYS, set);
	snprintf(text, sizeof text, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s" KEYS "\"}", server_origin(place.server), server_origin(place.server));
	server_json(place.server, "/.well-known/openid-configuration", text);
	server_json(place.server, "/.well-known/oauth-authorization-server", text);
	for (int mode = 0; mode < CALLS_MODES; mode++)
		EACH_N(n, going, mode == CALLS_SHORT ? 3 : 12) {
			struct failure failure = FAILURE_INIT;
			clean(place.folder);
			calls_fail(CALLS_DISK | CALLS_NET, n, (enum calls_mode)mode);
			begin(&place);
			int code = verify(&place, &failure);
			end(&place); /* it ends at once, and what was fetched is written or not */
			going = calls_good() > 0;
			if (code ? code != EMA_KEYS_UNAVAILABLE || !going || !failure.text[0] : 0)
				fail_msg("call %ld (%d): %s: %s", n, mode, code_name(code), failure.text);
			assert_null(calls_left(parent));
			/* The same in one that goes on. */
			clean(place.folder);
			calls_fail(CALLS_DISK | CALLS_NET, n, (enum calls_mode)mode);
			begin(&place);
			verify(&place, NULL);
			going |= calls_good() > 0;
			comes_again(&place);
			end(&place);
			/* With a good disk it is there for a process that has no network. */
			begin(&place);
			comes_again(&place);
			end(&place);
			calls_fail(CALLS_NET, 1, CALLS_STAY);
			begin(&place);
			assert_int_equal(verify(&place, NULL), EMA_OK);
			end(&place);
			calls_good();
			assert_null(calls_left(parent));
		}
	CALLS_HIT("connect", "getsockopt", "send", "mkdir", "openat", "write", "fsync", "renameat");
	server_stop(place.server);
	jwk_free(place.key);
	free(key);
	free(set);
	clean(parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fetching) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
