#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base64url.h"
#include "buffer.h"
#include "keyset.h"
#include "seen.h"
#include "server.h"
#include "trust.h"

#define MINUTE (INT64_C(60) * 1000)
#define HOUR (60 * MINUTE)
#define DISCOVERY "/.well-known/oauth-authorization-server"
#define KEYS "/keys"

/* A clock that runs, and can be moved on. */
static atomic_llong moved;
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
static const struct clock test_clock = { later_wall, later_monotonic, NULL };

/* That of who publishes can be wrong. */
static atomic_llong ahead;
static int64_t wrong_wall(void *data)
{
	return later_wall(data) + atomic_load(&ahead);
}
static const struct clock wrong_clock = { wrong_wall, later_monotonic, NULL };

struct fixture {
	struct server *server;
	struct trust *trust;
	struct jwk *keys[3];
	pthread_mutex_t lock;
	char told[65536]; /* kinds of notices, each with a space before and behind, and their reasons */
	char folder[64];
};

static void hear(void *data, const char *kind, int severity, const struct notice_field *fields, int count)
{
	struct fixture *f = data;
	(void)severity;
	pthread_mutex_lock(&f->lock);
	size_t at = strlen(f->told);
	at += (size_t)snprintf(f->told + at, sizeof f->told - at, " %s ", kind);
	for (int i = 0; i < count && at < sizeof f->told - 1024; i++)
		at += (size_t)snprintf(f->told + at, sizeof f->told - at, "%s=%.300s;", fields[i].name, fields[i].value);
	pthread_mutex_unlock(&f->lock);
}

static int heard(struct fixture *f, const char *text)
{
	pthread_mutex_lock(&f->lock);
	int count = 0;
	for (const char *at = f->told; (at = strstr(at, text)); at += strlen(text))
		count++;
	pthread_mutex_unlock(&f->lock);
	return count;
}

static void nap(int milliseconds)
{
	struct timespec t = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
	nanosleep(&t, NULL);
}

/* Waits until the condition holds; a bound for what is broken, not a measurement: busy threads under valgrind have a processor for
   themselves for many seconds. */
#define EVENTUALLY(condition) do { \
	int left = 12000; \
	while (!(condition) && left--) \
		nap(10); \
	assert_true(condition); \
} while (0)

#define SLOW_MS 60000 /* for what is to be under way when others are done */

static struct trust *make_trust(struct fixture *f, int with_folder)
{
	struct failure failure = FAILURE_INIT;
	struct trust_settings settings = { .clock = &test_clock, .notice = { hear, f }, .cache_folder = with_folder ? f->folder : NULL };
	struct trust *trust = trust_new(&settings, &failure);
	assert_non_null(trust);
	return trust;
}

/* "{"keys":[...]}" of the first count keys from from on. */
static char *key_set(struct fixture *f, size_t from, size_t count)
{
	struct buffer b = BUFFER_INIT(16384);
	buffer_text(&b, "{\"keys\":[");
	for (size_t i = 0; i < count; i++) {
		char *key = jwk_print(f->keys[from + i], 0);
		assert_non_null(key);
		buffer_printf(&b, "%s%s", i ? "," : "", key);
		free(key);
	}
	buffer_text(&b, "]}");
	return buffer_take(&b);
}

static void publish(struct fixture *f, size_t from, size_t count)
{
	char *set = key_set(f, from, count);
	server_json(f->server, KEYS, set);
	free(set);
}

/* A set that the issuer lets be fresh for an hour. */
static void publish_for_an_hour(struct fixture *f, size_t from, size_t count)
{
	char *set = key_set(f, from, count);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = set, .headers = { { "Cache-Control", "max-age=3600" } } });
	free(set);
}

static void publish_discovery(struct fixture *f, const char *issuer, const char *keys)
{
	char text[512];
	snprintf(text, sizeof text, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s%s\"}", issuer ? issuer : server_origin(f->server), server_origin(f->server), keys);
	server_json(f->server, DISCOVERY, text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	if (!f)
		return -1;
	atomic_store(&moved, 0);
	atomic_store(&ahead, 0);
	pthread_mutex_init(&f->lock, NULL);
	f->server = server_start(NULL, NULL);
	assert_non_null(f->server);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(jwk_generate(JOSE_ES256, &f->keys[i], NULL), EMA_OK);
	snprintf(f->folder, sizeof f->folder, "/tmp/ema-trust-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	publish(f, 0, 1);
	publish_discovery(f, NULL, KEYS);
	f->trust = make_trust(f, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	trust_free(f->trust);
	server_stop(f->server);
	for (size_t i = 0; i < 3; i++)
		jwk_free(f->keys[i]);
	DIR *folder = opendir(f->folder);
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
	rmdir(f->folder);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static struct keyset_settings settings_of(struct fixture *f)
{
	return (struct keyset_settings){ .id = "idp", .issuer = server_origin(f->server), .fetch = { .insecure_http = 1 }, .stale_ms = 24 * HOUR };
}

static struct keyset *open_set(struct trust *trust, const struct keyset_settings *settings)
{
	struct keyset *keyset = NULL;
	struct failure failure = FAILURE_INIT;
	if (keyset_open(trust, settings, &keyset, &failure) != EMA_OK)
		fail_msg("%s", failure.text);
	return keyset;
}

/* Inlined, gcc 12 thinks that its result dangles. */
static __attribute__((noinline)) char *sign(const struct jwk *key)
{
	char *token = NULL;
	assert_int_equal(jws_sign(key, JOSE_ES256, "test+jwt", "", "{\"a\":1}", 7, &token, NULL), EMA_OK);
	return token;
}

static struct seen *seen; /* NULL: signatures are not remembered */

static int verify_token(struct keyset *keyset, const char *token, const char *issuer, const char *tenant, struct keyset_verdict *verdict,
                        struct failure *failure)
{
	struct jws jws;
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	jws.seen = seen;
	int code = keyset_verify(keyset, &jws, JOSE_DEFAULT_SET, issuer, tenant, later_monotonic(NULL) + 10000, verdict, failure);
	jws_free(&jws);
	return code;
}

static int verify(struct keyset *keyset, const struct jwk *key, struct keyset_verdict *verdict)
{
	struct keyset_verdict unused;
	char *token = sign(key);
	int code = verify_token(keyset, token, NULL, NULL, verdict ? verdict : &unused, NULL);
	free(token);
	/* Keys are there before the fetch that brought them is over, and who asks for another one until then waits for that. */
	for (int left = 200, flies = 1; code == EMA_OK && flies && left; left--) {
		pthread_mutex_lock(&keyset->lock);
		flies = keyset->in_flight;
		pthread_mutex_unlock(&keyset->lock);
		if (flies)
			nap(10);
	}
	return code;
}

/* A token that names a kid that nobody has; the signature is another token's. */
static int verify_kid(struct keyset *keyset, struct fixture *f, const char *kid)
{
	char header[400], text[1024], *token = sign(f->keys[0]);
	size_t length = (size_t)snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);

	char encoded[600];
	base64url_encode(header, length, encoded);
	snprintf(text, sizeof text, "%s%s", encoded, strchr(token, '.'));
	struct keyset_verdict verdict;
	int code = verify_token(keyset, text, NULL, NULL, &verdict, NULL);
	free(token);
	return code;
}

static void discovers_fetches_and_verifies(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset *keyset = open_set(f->trust, &settings), *again = open_set(f->trust, &settings);
	struct keyset_verdict verdict;
	assert_ptr_equal(keyset, again); /* the same settings give the same set */
	assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_OK);
	assert_int_equal(verdict.stale, 0);
	assert_string_equal(verdict.kid, jwk_kid(f->keys[0]));
	assert_string_equal(verdict.thumbprint, jwk_thumbprint(f->keys[0]));
	unsigned before = server_count(f->server, NULL);
	for (int i = 0; i < 50; i++)
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(server_count(f->server, NULL), before); /* warm: no network */
	EVENTUALLY(heard(f, " keys-fetched ") == 1);
	assert_true(heard(f, jwk_thumbprint(f->keys[0])) > 0);
	struct keyset_state now;
	keyset_state(keyset, &now);
	assert_int_equal(now.keys, 1);
	assert_int_equal(now.fetches, 1);
	assert_int_equal(now.stale_since, 0);
	keyset_close(again);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	settings.jwks_url = "http://127.0.0.1:1/x";
	again = open_set(f->trust, &settings);
	assert_ptr_not_equal(keyset, again);
	keyset_close(again);
	keyset_close(keyset);
}

/* JWT-51: keys that stand in a file or inline need no network at all. */
static void fixed_keys_need_no_network(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char *set = key_set(f, 0, 1), path[128];
	settings.jwks_text = set;
	struct keyset *keyset = open_set(f->trust, &settings);
	struct buffer report = BUFFER_INIT(65536);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_UNKNOWN_KEY);
	assert_int_equal(keyset_probe(keyset_settings_of(keyset), &test_clock, &report, NULL), EMA_OK);
	assert_non_null(strstr(report.data, "no network"));
	buffer_free(&report);
	atomic_fetch_add(&moved, 1000 * HOUR);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	keyset_close(keyset);

	snprintf(path, sizeof path, "%s/keys.json", f->folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(set, file);
	fclose(file);
	chmod(path, 0644);
	settings.jwks_text = NULL;
	settings.jwks_file = path;
	keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	keyset_close(keyset);
	struct failure failure = FAILURE_INIT;
	chmod(path, 0666);
	assert_int_equal(keyset_open(f->trust, &settings, &keyset, &failure), EMA_CONFIG);
	assert_non_null(strstr(failure.text, "chmod"));
	free(set);

	static const char *const bad[] = { "{\"keys\":[]}", "{}", "x", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}" };
	settings.jwks_file = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		settings.jwks_text = bad[i];
		assert_int_equal(keyset_open(f->trust, &settings, &keyset, NULL), EMA_CONFIG);
	}
	assert_int_equal(server_count(f->server, NULL), 0);
}

/* JAG-39, JWT-37 JWT-40: a new key is found at once, an old one is gone with the fetch that did not bring it. */
static void follows_a_rotation(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset *keyset = open_set(f->trust, &settings);
	struct keyset_verdict before, after;
	assert_int_equal(verify(keyset, f->keys[0], &before), EMA_OK);
	publish(f, 1, 1);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(verify(keyset, f->keys[1], &after), EMA_OK);
	assert_true(after.generation > before.generation);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_UNKNOWN_KEY); /* withdrawn */
	keyset_close(keyset);
}

/* JWT-37 JWT-40: nor does a token that is known as good outlive its key. */
static void known_tokens_end_with_their_key(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset *keyset = open_set(f->trust, &settings);
	struct keyset_verdict verdict;
	uint64_t hits, added;
	char *token = sign(f->keys[0]), *later = sign(f->keys[1]);
	seen = seen_new(4096, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_OK);
	seen_counts(seen, &hits, &added);
	assert_int_equal(hits, 2);
	publish(f, 1, 1);
	assert_int_equal(verify_token(keyset, later, NULL, NULL, &verdict, NULL), EMA_OK);
	assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_UNKNOWN_KEY);
	free(token);
	free(later);
	seen_free(seen);
	seen = NULL;
	keyset_close(keyset);
}

/* JWT-46: ten thousand kids that nobody has cost one fetch a cool-down, whatever comes of it. */
static void a_flood_of_kids_costs_one_fetch(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset *keyset = open_set(f->trust, &settings);
	char kid[32];
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(server_count(f->server, KEYS), 1);
	for (int i = 0; i < (getenv("VALGRIND") ? 200 : 10000); i++) { /* within one cool-down */
		snprintf(kid, sizeof kid, "random-%d", i);
		assert_int_equal(verify_kid(keyset, f, kid), EMA_UNKNOWN_KEY);
	}
	assert_int_equal(server_count(f->server, KEYS), 2);
	/* An answer that is of no use does not lift the cool-down. */
	server_json(f->server, KEYS, "{\"keys\":[]}");
	atomic_fetch_add(&moved, MINUTE + 1);
	for (int i = 0; i < 100; i++) {
		snprintf(kid, sizeof kid, "more-%d", i);
		assert_int_equal(verify_kid(keyset, f, kid), EMA_KEYS_UNAVAILABLE); /* the issuer cannot be asked: our outage */
	}
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	struct keyset_state now;
	keyset_state(keyset, &now);
	assert_in_range(now.failures, 1, 10); /* the forced one, and what the thread tries by its own plan */
	keyset_close(keyset);
}

/* JWT-46: a kid that was not there is not asked for again by the same stubborn client, also after the cool-down. */
static void a_refused_kid_is_remembered(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(verify_kid(keyset, f, "old"), EMA_UNKNOWN_KEY);
	assert_int_equal(server_count(f->server, KEYS), 2);
	atomic_fetch_add(&moved, MINUTE + MINUTE / 2);
	assert_int_equal(verify_kid(keyset, f, "old"), EMA_UNKNOWN_KEY);
	assert_int_equal(server_count(f->server, KEYS), 2);
	publish(f, 0, 2);
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK); /* and so the budget is there for a real rotation */
	keyset_close(keyset);
}

/* JWT-46: a wrong signature, of a key that was replaced under its kid, is worth one fetch too. */
static void a_bad_signature_is_worth_one_fetch(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char *one = jwk_print(f->keys[1], 0), text[1024], *token = sign(f->keys[0]);
	/* The second key under the kid of the first. */
	char *at = strstr(one, jwk_kid(f->keys[1]));
	assert_non_null(at);
	memcpy(at, jwk_kid(f->keys[0]), strlen(jwk_kid(f->keys[0])));
	snprintf(text, sizeof text, "{\"keys\":[%s]}", one);
	server_json(f->server, KEYS, text);
	struct keyset *keyset = open_set(f->trust, &settings);
	struct keyset_verdict verdict;
	assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_BAD_SIGNATURE);
	unsigned count = server_count(f->server, KEYS);
	for (int i = 0; i < 100; i++)
		assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_BAD_SIGNATURE);
	assert_int_equal(server_count(f->server, KEYS), count);
	publish(f, 0, 1);
	atomic_fetch_add(&moved, MINUTE + 1);
	assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_OK);
	free(one);
	free(token);
	keyset_close(keyset);
}

/* JWT-46 JWT-12: so is an algorithm that is allowed and does not fit the key, which may be another one by now; one that is not is worth none. */
static void another_type_is_worth_one_fetch(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_verdict verdict;
	struct jwk *before = NULL;
	struct jws jws;
	char set[4096], *token = sign(f->keys[0]);
	assert_int_equal(jwk_generate(JOSE_ED25519, &before, NULL), EMA_OK);
	char *text = jwk_print(before, 0), *kid = strstr(text, jwk_kid(before));
	assert_non_null(kid);
	memcpy(kid, jwk_kid(f->keys[0]), strlen(jwk_kid(f->keys[0])));
	snprintf(set, sizeof set, "{\"keys\":[%s]}", text);
	server_json(f->server, KEYS, set);
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_BAD_ALGORITHM);
	unsigned count = server_count(f->server, KEYS);
	assert_in_range(count, 1, 2);
	for (int i = 0; i < 100; i++)
		assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_BAD_ALGORITHM);
	assert_int_equal(server_count(f->server, KEYS), count);
	publish(f, 0, 1);
	atomic_fetch_add(&moved, MINUTE + 1);
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	assert_int_equal(keyset_verify(keyset, &jws, JOSE_BIT(JOSE_ED25519), NULL, NULL, later_monotonic(NULL) + 10000, &verdict, NULL), EMA_BAD_ALGORITHM);
	assert_int_equal(server_count(f->server, KEYS), count);
	assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_OK);
	assert_int_equal(server_count(f->server, KEYS), count + 1);
	jws_free(&jws);
	jwk_free(before);
	free(text);
	free(token);
	keyset_close(keyset);
}

/* JWT-47 JWT-48 AUD-05: keys are served while the issuer is away, for a time, and it is said; then it is our outage. */
static void serves_stale_for_a_while(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_verdict verdict;
	settings.stale_ms = 2 * HOUR;
	settings.read_only_ms = HOUR;
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_OK);
	server_json(f->server, KEYS, "{\"keys\":[]}");
	atomic_fetch_add(&moved, 16 * MINUTE);
	EVENTUALLY(heard(f, " keys-stale ") == 1);
	assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_OK);
	assert_true(verdict.stale && !verdict.read_only && verdict.stale_since > 0);
	server_answer(f->server, KEYS, &(struct server_answer){ .status = 503, .body = "away" });
	struct keyset_state now;
	keyset_state(keyset, &now);
	assert_int_equal(now.standing, KEYSET_STALE);
	assert_true(now.since > now.fresh_until);
	/* Counted from the first refresh that failed after they ceased to be fresh, a minute later. */
	atomic_fetch_add(&moved, HOUR - MINUTE / 2);
	assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_OK);
	assert_true(verdict.stale && !verdict.read_only && verdict.stale_since == now.since);
	atomic_fetch_add(&moved, MINUTE / 2);
	assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_OK);
	assert_true(verdict.stale && verdict.read_only);
	atomic_fetch_add(&moved, HOUR + 1); /* all of it may have been one millisecond */
	struct failure failure = FAILURE_INIT;
	char *token = sign(f->keys[0]);
	assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, &failure), EMA_KEYS_UNAVAILABLE);
	assert_non_null(strstr(failure.text, "idp"));
	free(token);
	assert_true(heard(f, " keys-failed ") >= 1);
	atomic_fetch_add(&moved, 2 * MINUTE);
	EVENTUALLY(heard(f, " keys-unavailable ") == 1);
	publish(f, 0, 1);
	atomic_fetch_add(&moved, 2 * MINUTE); /* longer than the longest pause between attempts */
	EVENTUALLY(heard(f, " keys-back ") == 1);
	assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_OK);
	assert_false(verdict.stale);
	keyset_close(keyset);
}

/* JWT-47: with stale_keys = 0 there is no such window. */
static void no_stale_window(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	settings.stale_ms = 0;
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	server_answer(f->server, KEYS, &(struct server_answer){ .status = 500 });
	atomic_fetch_add(&moved, 16 * MINUTE);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_KEYS_UNAVAILABLE);
	keyset_close(keyset);
}

static void a_cold_set_of_an_absent_issuer_is_unavailable(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	server_answer(f->server, DISCOVERY, &(struct server_answer){ .status = 500 });
	struct keyset *keyset = open_set(f->trust, &settings);
	for (int i = 0; i < 20; i++)
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_KEYS_UNAVAILABLE);
	assert_true(server_count(f->server, DISCOVERY) < 10); /* asking more often fetches no more often */
	publish_discovery(f, NULL, KEYS);
	atomic_fetch_add(&moved, 2 * MINUTE);
	EVENTUALLY(verify(keyset, f->keys[0], NULL) == EMA_OK); /* one that began before may be under way */
	keyset_close(keyset);
}

/* JWT-45: the thread fetches ahead of the end. */
static void refreshes_ahead_of_need(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char *set = key_set(f, 0, 1);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = set, .headers = { { "Cache-Control", "max-age=3600" } } });
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	atomic_fetch_add(&moved, 40 * MINUTE);
	nap(100);
	assert_int_equal(server_count(f->server, KEYS), 1); /* not before 70 % */
	publish(f, 1, 1);
	atomic_fetch_add(&moved, 8 * MINUTE + 1000); /* 80 % */
	EVENTUALLY(heard(f, " keys-fetched ") == 2);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_UNKNOWN_KEY);
	free(set);
	keyset_close(keyset);
}

/* JWT-49: 304 prolongs what is held. */
static void not_modified_prolongs(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_state first, second;
	char *set = key_set(f, 0, 1);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = set, .etag = "\"v1\"" });
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	keyset_state(keyset, &first);
	atomic_fetch_add(&moved, 13 * MINUTE);
	EVENTUALLY(server_count(f->server, KEYS) == 2);
	EVENTUALLY((keyset_state(keyset, &second), second.fetches == 2));
	assert_int_equal(second.failures, 0);
	assert_true(second.fresh_until > first.fresh_until);
	assert_int_equal(second.generation, first.generation);
	free(set);
	keyset_close(keyset);
}

/* JWT-49: an ETag that cannot be sent back does not keep the next key set, without the withdrawn key, from us. */
static void odd_etag_is_not_sent(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char *set = key_set(f, 0, 1), *next = key_set(f, 1, 1);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = set, .etag = "\"v\xe9\"" });
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = next });
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_UNKNOWN_KEY);
	free(set);
	free(next);
	keyset_close(keyset);
}

/* JWT-40: an older copy of the key set brings no withdrawn key back. */
static void no_rollback(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char *old = key_set(f, 0, 1), *new = key_set(f, 1, 1);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = new, .headers = { { "Last-Modified", "Mon, 23 Nov 2026 12:00:00 GMT" } } });
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = old, .headers = { { "Last-Modified", "Mon, 23 Nov 2026 11:00:00 GMT" } } });
	assert_int_not_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
	assert_true(heard(f, "Last-Modified") > 0);
	/* Where ours are too old to be used, there is nothing that they could be brought back by. */
	atomic_fetch_add(&moved, 100 * HOUR);
	EVENTUALLY(verify(keyset, f->keys[0], NULL) == EMA_OK);
	keyset_close(keyset);
	/* A date that is still to come keeps nothing out. */
	server_answer(f->server, KEYS, &(struct server_answer){ .body = new, .headers = { { "Last-Modified", "Sun, 01 Nov 2037 12:00:00 GMT" } } });
	settings.id = "other";
	keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = old, .headers = { { "Last-Modified", "Mon, 23 Nov 2026 11:00:00 GMT" } } });
	EVENTUALLY(verify(keyset, f->keys[0], NULL) == EMA_OK);
	keyset_close(keyset);
	/* Where nothing says when it was changed, it counts when the answer was made; a few minutes are the clocks of an issuer's machines. */
	static const char *const dates[] = { "Mon, 23 Nov 2026 11:00:00 GMT", "Mon, 23 Nov 2026 11:58:00 GMT" };
	server_answer(f->server, KEYS, &(struct server_answer){ .body = new, .headers = { { "Date", "Mon, 23 Nov 2026 12:00:00 GMT" } } });
	settings.id = "dated";
	keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
	for (int i = 0; i < 2; i++) {
		server_answer(f->server, KEYS, &(struct server_answer){ .body = old, .headers = { { "Date", dates[i] } } });
		atomic_fetch_add(&moved, 2 * MINUTE);
		EVENTUALLY((verify(keyset, f->keys[0], NULL) == EMA_OK) == i);
		assert_int_equal(verify(keyset, f->keys[1], NULL) == EMA_OK, !i);
	}
	keyset_close(keyset);
	/* A 304 has the date of the cache that asked, and makes the set no newer. */
	struct keyset_state now;
	server_answer(f->server, KEYS, &(struct server_answer){ .body = old, .etag = "\"a\"", .headers = { { "Date", "Mon, 23 Nov 2026 11:00:00 GMT" } } });
	settings.id = "revalidated";
	keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = old, .etag = "\"a\"", .headers = { { "Date", "Mon, 23 Nov 2026 12:00:00 GMT" } } });
	atomic_fetch_add(&moved, 16 * MINUTE);
	EVENTUALLY((keyset_state(keyset, &now), now.fetches > 1));
	server_answer(f->server, KEYS, &(struct server_answer){ .body = new, .headers = { { "Date", "Mon, 23 Nov 2026 11:30:00 GMT" } } });
	EVENTUALLY((atomic_fetch_add(&moved, MINUTE), verify(keyset, f->keys[1], NULL)) == EMA_OK);
	free(old);
	free(new);
	keyset_close(keyset);
}

/* JWT-47: a wall clock that is put right, and a machine that slept, make keys old that no plan has for due yet: they are fetched. */
static void a_step_of_the_clock(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 2; i++) {
		struct keyset_settings settings = settings_of(f);
		struct trust_settings with = { .clock = &wrong_clock, .notice = { hear, f } };
		char *set = key_set(f, 0, 1);
		settings.stale_ms = i ? 0 : 24 * HOUR;
		trust_free(f->trust);
		f->trust = trust_new(&with, NULL);
		assert_non_null(f->trust);
		atomic_store(&ahead, 0);
		server_answer(f->server, KEYS, &(struct server_answer){ .body = set, .headers = { { "Cache-Control", "max-age=86400" } } });
		free(set);
		struct keyset *keyset = open_set(f->trust, &settings);
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
		atomic_fetch_add(&moved, HOUR / 6);
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
		atomic_store(&ahead, i ? 25 * HOUR : 49 * HOUR);
		EVENTUALLY(verify(keyset, f->keys[0], NULL) == EMA_OK);
		keyset_close(keyset);
	}
}

/* JAG-122 JWT-55 JWT-56 JWT-57: another issuer at the first place is an alarm, the second place is used; a moved jwks_uri is told. */
static void discovery_goes_on_to_the_next_place(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char text[512];
	publish_discovery(f, "https://other.example", KEYS);
	snprintf(text, sizeof text, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s" KEYS "\"}", server_origin(f->server), server_origin(f->server));
	server_json(f->server, "/.well-known/openid-configuration", text);
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(heard(f, " issuer-mismatch "), 1);
	char *set = key_set(f, 0, 1);
	server_json(f->server, "/moved", set);
	free(set);
	publish_discovery(f, NULL, "/moved");
	atomic_fetch_add(&moved, 25 * HOUR);
	EVENTUALLY(heard(f, " jwks-uri-changed ") == 1);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	keyset_close(keyset);
}

/* JWT-56 JWT-57: no document of this issuer, no keys. */
static void a_wrong_document_disables_the_provider(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	static const char *const documents[] = {
		"{\"issuer\":\"https://other.example\",\"jwks_uri\":\"%s/keys\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":\"https://evil.example/keys\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":\"http://10.0.0.1/keys\"}",
		"{\"issuer\":\"%s/\",\"jwks_uri\":\"https://127.0.0.1/keys\"}",
	};
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
		struct buffer b = BUFFER_INIT(1024);
		const char *mark = strstr(documents[i], "%s");
		buffer_append(&b, documents[i], (size_t)(mark - documents[i]));
		buffer_text(&b, server_origin(f->server));
		buffer_text(&b, mark + 2);
		server_json(f->server, DISCOVERY, b.data);
		buffer_free(&b);
		struct keyset *keyset = open_set(f->trust, &settings);
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_KEYS_UNAVAILABLE);
		keyset_close(keyset);
	}
	assert_int_equal(server_count(f->server, KEYS), 0);
}

/* JWT-31 JWT-34 JWT-48 JWT-52: what a key set may not be; a good one stays where there was one. */
static void bad_key_sets_replace_nothing(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char *private = jwk_print(f->keys[1], 1), *good = key_set(f, 1, 1), set[2048], *big = malloc(300000);
	snprintf(set, sizeof set, "{\"keys\":[%s]}", private);
	assert_non_null(big);
	memset(big, ' ', 299999);
	big[299999] = 0;
	const struct server_answer answers[] = {
		{ .body = "{\"keys\":[]}" }, { .body = "{}" }, { .body = "" }, { .body = "<html>", .type = "text/html" },
		{ .body = good, .type = "text/html" }, { .body = good, .type = "" }, { .body = good, .status = 404 }, { .body = good, .status = 203 },
		{ .body = set }, { .body = big }, { .body = "{\"keys\":[{\"kty\":\"RSA\"}]}" },
		{ .body = good, .status = 302, .headers = { { "Location", "/other" } } },
		{ .body = good, .headers = { { "Content-Encoding", "gzip" } } },
	};
	settings.cooldown_ms = 1;
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		server_answer(f->server, KEYS, &answers[i]);
		atomic_fetch_add(&moved, 10);
		if (verify(keyset, f->keys[1], NULL) == EMA_OK)
			fail_msg("answer %zu was believed", i);
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	}
	assert_true(heard(f, " keys-private-member ") >= 1);
	free(private);
	free(good);
	free(big);
	keyset_close(keyset);
}

static char *only_file(const char *folder, const char *suffix)
{
	static char path[512];
	DIR *open = opendir(folder);
	path[0] = 0;
	for (struct dirent *entry; open && (entry = readdir(open));) {
		size_t length = strlen(entry->d_name), n = strlen(suffix);
		if (length > n && !strcmp(entry->d_name + length - n, suffix))
			snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
	}
	if (open)
		closedir(open);
	return path;
}

/* "{"keys":[...]}": one key with its private half, and count public ones. */
static void publish_private(struct fixture *f, size_t which, size_t from, size_t count)
{
	char *private = jwk_print(f->keys[which], 1), *rest = key_set(f, from, count);
	struct buffer b = BUFFER_INIT(16384);
	buffer_printf(&b, "{\"keys\":[%s%s%s", private, count ? "," : "", rest + strlen("{\"keys\":["));
	server_json(f->server, KEYS, b.data);
	buffer_free(&b);
	free(private);
	free(rest);
}

/* Whether keys[0] is refused, after a fetch. */
static int refused_anew(struct fixture *f, struct keyset *keyset)
{
	atomic_fetch_add(&moved, 2 * MINUTE);
	(void)verify_kid(keyset, f, "another");
	int code = verify(keyset, f->keys[0], NULL);
	return code == EMA_KEYS_UNAVAILABLE || code == EMA_UNKNOWN_KEY;
}

/* JWT-31 JWT-40 JWT-48: with a key's private half published, its public half ceases to count, too: in the set that is held, when nothing else
   is left, when it is published without it again, and after a restart. */
static void a_published_private_key_verifies_nothing(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_verdict verdict;
	for (size_t others = 0; others < 3; others++) {
		struct trust *trust = make_trust(f, 1);
		publish(f, 0, 2);
		struct keyset *keyset = open_set(trust, &settings);
		char *token = sign(f->keys[0]);
		assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_OK);
		assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
		int alarms = heard(f, " keys-private-member "), told = heard(f, "was published before");
		/* Alone; beside another; twice, and beside another. */
		publish_private(f, 0, others == 1, others);
		assert_true(refused_anew(f, keyset));
		assert_true(heard(f, " keys-private-member ") > alarms);
		assert_int_not_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_OK);
		/* What else was held goes on. */
		assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
		publish(f, 0, 1);
		assert_true(refused_anew(f, keyset));
		EVENTUALLY(heard(f, "was published before") > told);
		for (int restart = 0; restart < 2; restart++) {
			keyset_close(keyset);
			trust_free(trust);
			trust = make_trust(f, 1);
			keyset = open_set(trust, &settings);
			assert_true(refused_anew(f, keyset));
			publish(f, 0, 2);
		}
		assert_true(refused_anew(f, keyset));
		EVENTUALLY(verify(keyset, f->keys[1], NULL) == EMA_OK);
		keyset_close(keyset);
		trust_free(trust);
		assert_int_equal(unlink(only_file(f->folder, ".keys")), 0);
		free(token);
	}
}

/* JWT-31: nor is there a key where it is the only one, at first or later; the failure says why, and with another key all is well. */
static void an_only_key_that_is_published(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	for (int cold = 0; cold < 2; cold++) {
		struct trust *trust = make_trust(f, 1);
		struct failure failure = FAILURE_INIT;
		struct keyset_verdict verdict;
		char *token = sign(f->keys[0]);
		publish(f, 0, 1);
		struct keyset *keyset = cold ? NULL : open_set(trust, &settings);
		if (!cold)
			assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
		publish_private(f, 0, 0, 0);
		if (cold)
			keyset = open_set(trust, &settings);
		assert_true(refused_anew(f, keyset));
		assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, &failure), EMA_KEYS_UNAVAILABLE);
		assert_non_null(strstr(failure.text, "private members"));
		EVENTUALLY(heard(f, " keys-unavailable ") >= 1);
		keyset_close(keyset);
		trust_free(trust);
		publish(f, 0, 1);
		trust = make_trust(f, 1);
		keyset = open_set(trust, &settings);
		assert_true(refused_anew(f, keyset));
		publish(f, 1, 1);
		atomic_fetch_add(&moved, 2 * MINUTE);
		EVENTUALLY(verify(keyset, f->keys[1], NULL) == EMA_OK);
		keyset_close(keyset);
		trust_free(trust);
		assert_int_equal(unlink(only_file(f->folder, ".keys")), 0);
		free(token);
	}
}

/* JWT-36 JWT-61: the keys of one issuer verify nothing of another one; nor do those of another tenant in a shared set. */
static void keys_belong_to_their_issuer(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_verdict verdict;
	static const struct {
		const char *in_key, *wanted, *tenant;
		int code;
	} cases[] = {
		{ "https://login.example/{tenantid}/v2.0", "https://login.example/t1/v2.0", "t1", EMA_OK },
		{ "https://login.example/{tenantid}/v2.0", "https://login.example/t1/v2.0", "t2", EMA_UNKNOWN_KEY },
		{ "https://login.example/{tenantid}/v2.0", "https://login.example/t1/v2.0", NULL, EMA_UNKNOWN_KEY },
		{ "https://login.example/{tenantid}/v2.0", "https://login.example/t1/v2.0/", "t1", EMA_UNKNOWN_KEY },
		{ "https://login.example/{tenantid}", "https://login.example/t1/v2.0", "t1/v2.0", EMA_OK },
		{ "https://login.example/t9/v2.0", "https://login.example/t1/v2.0", "t1", EMA_UNKNOWN_KEY },
		{ "https://login.example/t1/v2.0", "https://login.example/t1/v2.0", NULL, EMA_OK },
		{ NULL, "https://login.example/t1/v2.0", "t1", EMA_UNKNOWN_KEY },
		{ NULL, NULL, NULL, EMA_OK },
	};
	char *token = sign(f->keys[0]), *key = jwk_print(f->keys[0], 0), set[2048];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (cases[i].in_key)
			snprintf(set, sizeof set, "{\"keys\":[{\"issuer\":\"%s\",%s]}", cases[i].in_key, key + 1);
		else
			snprintf(set, sizeof set, "{\"keys\":[%s]}", key);
		settings.jwks_text = set;
		struct keyset *keyset = open_set(f->trust, &settings);
		int code = verify_token(keyset, token, cases[i].wanted, cases[i].tenant, &verdict, NULL);
		if (code != cases[i].code)
			fail_msg("case %zu: %d", i, code);
		keyset_close(keyset);
	}
	free(key);
	free(token);
}

static char *without_kid(const struct jwk *key)
{
	char *text = jwk_print(key, 0), *kid = strstr(text, "\"kid\":\"");
	assert_non_null(kid);
	char *end = strchr(kid + 7, '"') + 1;
	if (*end == ',')
		end++;
	else if (kid[-1] == ',')
		kid--;
	memmove(kid, end, strlen(end) + 1);
	return text;
}

static char *sign_without_kid(struct jwk *key)
{
	struct json json = { 0 };
	struct jwk *bare = NULL;
	char *full = jwk_print(key, 1), *token = NULL;
	char *kid = strstr(full, "\"kid\":\"");
	assert_non_null(kid);
	memcpy(kid, "\"xid\"", 5);
	assert_int_equal(json_parse(full, strlen(full), &json_limits_document, &json, NULL), EMA_OK);
	assert_int_equal(jwk_parse_private(&json, json_root(&json), &bare, NULL), EMA_OK);
	token = sign(bare);
	jwk_free(bare);
	json_free(&json);
	free(full);
	return token;
}

/* JWT-38: without a kid there must be one candidate, or a setting. */
static void a_token_without_kid(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_verdict verdict;
	char *token = sign_without_kid(f->keys[1]);
	static const struct {
		size_t from, count;
		unsigned most;
		int code;
	} cases[] = {
		{ 1, 1, 0, EMA_OK }, { 0, 2, 0, EMA_UNKNOWN_KEY }, { 0, 2, 1, EMA_UNKNOWN_KEY }, { 0, 2, 2, EMA_OK }, { 0, 3, 2, EMA_UNKNOWN_KEY },
		{ 0, 1, 0, EMA_BAD_SIGNATURE },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *set = key_set(f, cases[i].from, cases[i].count);
		settings.jwks_text = set;
		settings.kidless_most = cases[i].most;
		struct keyset *keyset = open_set(f->trust, &settings);
		int code = verify_token(keyset, token, NULL, NULL, &verdict, NULL);
		if (code != cases[i].code)
			fail_msg("case %zu: %d", i, code);
		keyset_close(keyset);
		free(set);
	}
	free(token);
	/* And a kid finds no key that has none. */
	char *bare = without_kid(f->keys[0]), set[2048];
	snprintf(set, sizeof set, "{\"keys\":[%s]}", bare);
	settings.jwks_text = set;
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_UNKNOWN_KEY);
	keyset_close(keyset);
	free(bare);
}

/* JWT-40: a key set of as many keys, one of them twice, withdraws the other. */
static void one_key_twice_withdraws_the_other(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_verdict verdict;
	char *token = sign_without_kid(f->keys[1]), *kept = without_kid(f->keys[0]), *gone = without_kid(f->keys[1]), set[2048];
	settings.kidless_most = 2;
	snprintf(set, sizeof set, "{\"keys\":[%s,%s]}", kept, gone);
	server_json(f->server, KEYS, set);
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_OK);
	snprintf(set, sizeof set, "{\"keys\":[%s,%s]}", kept, kept);
	server_json(f->server, KEYS, set);
	atomic_fetch_add(&moved, 13 * MINUTE);
	EVENTUALLY(heard(f, " keys-fetched ") == 2);
	assert_int_equal(verify_token(keyset, token, NULL, NULL, &verdict, NULL), EMA_BAD_SIGNATURE);
	free(token);
	free(kept);
	free(gone);
	keyset_close(keyset);
}

/* JWT-50: a restart needs no network; a file that is damaged, or that others could write, is set aside. */
static void a_restart_needs_no_network(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_verdict verdict;
	static const char *const damages[] = { "none", "byte", "cut", "empty", "mode", "link" };
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		const char *damage = damages[i];
		struct trust *trust = make_trust(f, 1);
		publish(f, 0, 1);
		publish_discovery(f, NULL, KEYS);
		struct keyset *keyset = open_set(trust, &settings);
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
		keyset_close(keyset);
		trust_free(trust);
		char path[512];
		snprintf(path, sizeof path, "%s", only_file(f->folder, ".keys"));
		assert_true(path[0]);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		int fd = open(path, O_RDWR);
		assert_true(fd >= 0);
		if (!strcmp(damage, "byte"))
			assert_int_equal(pwrite(fd, "X", 1, st.st_size / 2), 1);
		else if (!strcmp(damage, "cut"))
			assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
		else if (!strcmp(damage, "empty"))
			assert_int_equal(ftruncate(fd, 0), 0);
		else if (!strcmp(damage, "mode"))
			assert_int_equal(fchmod(fd, 0666), 0);
		close(fd);
		if (!strcmp(damage, "link")) {
			char other[600];
			snprintf(other, sizeof other, "%s/elsewhere", f->folder);
			assert_int_equal(rename(path, other), 0);
			assert_int_equal(symlink(other, path), 0);
		}
		server_answer(f->server, KEYS, &(struct server_answer){ .status = 503 });
		server_answer(f->server, DISCOVERY, &(struct server_answer){ .status = 503 });
		unsigned before = server_count(f->server, NULL);
		trust = make_trust(f, 1);
		keyset = open_set(trust, &settings);
		int code = verify(keyset, f->keys[0], &verdict);
		int fine = !strcmp(damage, "none");
		if ((code == EMA_OK) != fine)
			fail_msg("%s: %d", damage, code);
		if (fine) {
			assert_int_equal(server_count(f->server, NULL), before);
			atomic_fetch_add(&moved, 20 * MINUTE); /* still served, as stale */
			assert_int_equal(verify(keyset, f->keys[0], &verdict), EMA_OK);
			assert_true(verdict.stale);
		} else {
			assert_true(only_file(f->folder, ".bad")[0]);
			assert_int_equal(unlink(only_file(f->folder, ".bad")), 0);
		}
		keyset_close(keyset);
		trust_free(trust);
		unlink(only_file(f->folder, ".keys"));
	}
}

/* JWT-50: a folder that others can write is not used at all, and keys that are too old are not taken. */
static void the_folder_is_checked(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	chmod(f->folder, 0777);
	struct trust *trust = make_trust(f, 1);
	struct keyset *keyset = open_set(trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	keyset_close(keyset);
	trust_free(trust);
	assert_int_equal(only_file(f->folder, ".keys")[0], 0);
	chmod(f->folder, 0700);
	trust = make_trust(f, 1);
	keyset = open_set(trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	keyset_close(keyset);
	trust_free(trust);
	server_answer(f->server, DISCOVERY, &(struct server_answer){ .status = 503 });
	atomic_fetch_add(&moved, 25 * HOUR);
	trust = make_trust(f, 1);
	keyset = open_set(trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_KEYS_UNAVAILABLE);
	keyset_close(keyset);
	trust_free(trust);
}

struct worker {
	struct fixture *f;
	struct keyset *keyset;
	atomic_int *over;
	int wrong;
};

static void *work(void *data)
{
	struct worker *worker = data;
	char *tokens[3];
	for (size_t i = 0; i < 3; i++)
		tokens[i] = sign(worker->f->keys[i]);
	for (unsigned i = 0; !atomic_load(worker->over); i++) {
		struct keyset_verdict verdict;
		int code = verify_token(worker->keyset, tokens[i % 3], NULL, NULL, &verdict, NULL);
		/* keys[0] is in every set that is ever published; the others come and go, and the clock leaps over deadlines. */
		if (i % 3 == 0 ? code != EMA_OK : code != EMA_OK && code != EMA_UNKNOWN_KEY && code != EMA_KEYS_UNAVAILABLE && code != EMA_TIMEOUT)
			worker->wrong++;
	}
	for (size_t i = 0; i < 3; i++)
		free(tokens[i]);
	return NULL;
}

/* RFC 9111 4.2.3: an answer that was under way while time went by is as old as its request, and so are its keys. */
static void an_answer_is_as_old_as_its_request(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_state now;
	char *set = key_set(f, 0, 1);
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_int_equal(server_count(f->server, KEYS), 1);
	server_answer(f->server, KEYS, &(struct server_answer){ .body = set, .drip = 5 });
	atomic_fetch_add(&moved, 13 * MINUTE);
	EVENTUALLY(server_count(f->server, KEYS) == 2);
	publish(f, 1, 1);
	atomic_fetch_add(&moved, 13 * MINUTE);
	EVENTUALLY(server_count(f->server, KEYS) == 3);
	EVENTUALLY((keyset_state(keyset, &now), now.fetches == 3));
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_UNKNOWN_KEY);
	assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
	keyset_close(keyset);
	free(set);
}

/* Eight threads verify while keys rotate, one's private half is published, and key sets are opened and closed. */
static void threads_verify_while_keys_rotate(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	atomic_int over = 0;
	pthread_t threads[8];
	struct worker workers[8];
	struct keyset *keyset = open_set(f->trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	for (size_t i = 0; i < 8; i++) {
		workers[i] = (struct worker){ f, keyset, &over, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	struct keyset_state before, after;
	keyset_state(keyset, &before);
	for (int i = 0; i < 30; i++) {
		if (i == 20)
			publish_private(f, 2, 0, 3);
		else
			publish(f, 0, 1 + (size_t)i % 3);
		atomic_fetch_add(&moved, 13 * MINUTE);
		if (i == 20)
			EVENTUALLY(heard(f, " keys-private-member ") > 0);
		struct keyset *again = open_set(f->trust, &settings);
		nap(20);
		keyset_close(again);
	}
	atomic_store(&over, 1);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].wrong, 0);
	}
	keyset_state(keyset, &after);
	assert_true(after.generation > before.generation);
	assert_int_not_equal(verify(keyset, f->keys[2], NULL), EMA_OK);
	keyset_close(keyset);
}

/* Whatever is asked, all pauses are over. */
static int64_t hasty_monotonic(void *data)
{
	return later_monotonic(data) + atomic_fetch_add(&ahead, HOUR);
}

static void *ask_without_keys(void *data)
{
	struct worker *worker = data;
	char *token = sign(worker->f->keys[0]);
	struct jws jws;
	assert_int_equal(jws_parse(token, strlen(token), &jws, NULL), EMA_OK);
	while (!atomic_load(worker->over)) {
		struct keyset_verdict verdict;
		worker->wrong += keyset_verify(worker->keyset, &jws, JOSE_DEFAULT_SET, NULL, NULL, INT64_MAX / 2, &verdict, NULL) != EMA_KEYS_UNAVAILABLE;
	}
	jws_free(&jws);
	free(token);
	return NULL;
}

/* The thread that fetches has begun the next fetch before those who waited for the last wake up: they begin none beside it. */
static void one_fetch_at_a_time(void **state)
{
	struct fixture *f = *state;
	const struct clock hasty = { later_wall, hasty_monotonic, NULL };
	const struct trust_settings with = { .clock = &hasty };
	struct keyset_settings settings = settings_of(f);
	atomic_int over = 0;
	pthread_t threads[8];
	struct worker workers[8];
	char url[128];
	server_answer(f->server, KEYS, &(struct server_answer){ .body = "none", .drip = 10 });
	snprintf(url, sizeof url, "%s" KEYS, server_origin(f->server));
	settings.jwks_url = url;
	struct trust *trust = trust_new(&with, NULL);
	assert_non_null(trust);
	struct keyset *keyset = open_set(trust, &settings);
	for (size_t i = 0; i < 8; i++) {
		workers[i] = (struct worker){ f, keyset, &over, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_without_keys, &workers[i]), 0);
	}
	EVENTUALLY(server_count(f->server, KEYS) > 20);
	atomic_store(&over, 1);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].wrong, 0);
	}
	assert_int_equal(server_at_once(f->server), 1);
	keyset_close(keyset);
	trust_free(trust);
}

/* An issuer that does not answer holds up neither the end nor another issuer. */
static void the_end_does_not_wait(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f), other = settings_of(f);
	char *set = key_set(f, 0, 1);
	server_answer(f->server, "/slow", &(struct server_answer){ .body = set, .drip = 300 });
	char url[128], fast[128];
	snprintf(url, sizeof url, "%s/slow", server_origin(f->server));
	snprintf(fast, sizeof fast, "%s" KEYS, server_origin(f->server));
	settings.jwks_url = url;
	settings.fetch.total_ms = SLOW_MS;
	other.jwks_url = fast;
	struct keyset *slow = open_set(f->trust, &settings);
	EVENTUALLY(server_count(f->server, "/slow") == 1); /* the thread is in it */
	struct keyset *keyset = open_set(f->trust, &other);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	struct keyset_state now;
	keyset_state(slow, &now);
	assert_int_equal(now.fetches, 0); /* and still is */
	keyset_close(slow);
	keyset_close(keyset);
	free(set);
}

/* What anybody may name is not kept on disk: its files would have no end. */
static void a_passing_set_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct trust *trust = make_trust(f, 1);
	for (int kept = 0; kept < 2; kept++) {
		struct keyset_settings settings = settings_of(f);
		size_t files = 0;
		settings.passing = !kept;
		struct keyset *keyset = open_set(trust, &settings);
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
		keyset_close(keyset);
		DIR *folder = opendir(f->folder);
		for (const struct dirent *entry; folder && (entry = readdir(folder));)
			files += entry->d_name[0] != '.';
		closedir(folder);
		assert_int_equal(files, kept);
	}
	trust_free(trust);
}

struct held {
	struct fixture *f;
	struct keyset *keyset;
	atomic_int *refused; /* who were answered while the fetch was under way */
};

static void *wait_for_keys(void *data)
{
	struct held *held = data;
	struct keyset_state now;
	assert_int_equal(verify(held->keyset, held->f->keys[0], NULL), EMA_KEYS_UNAVAILABLE);
	keyset_state(held->keyset, &now);
	if (!now.failures)
		atomic_fetch_add(held->refused, 1);
	return NULL;
}

/* JWT-46: who brings many tokens of an issuer that hangs holds a few threads, of one key set and of all. */
static void a_slow_issuer_holds_few_threads(void **state)
{
	struct fixture *f = *state;
	char *set = key_set(f, 0, 1), url[3][128];
	struct held held[3];
	atomic_int refused = 0;
	pthread_t threads[30];
	for (int i = 0; i < 3; i++) {
		struct keyset_settings settings = settings_of(f);
		snprintf(url[i], sizeof url[i], "%s/slow%d", server_origin(f->server), i);
		server_answer(f->server, strrchr(url[i], '/'), &(struct server_answer){ .body = set, .drip = 300 });
		settings.jwks_url = url[i];
		settings.fetch.total_ms = SLOW_MS;
		held[i] = (struct held){ f, open_set(f->trust, &settings), &refused };
	}
	for (int i = 0; i < 30; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_keys, &held[i % 3]), 0);
	EVENTUALLY(atomic_load(&refused) >= 22);
	assert_in_range(atomic_load(&f->trust->held), 1, 8);
	for (int i = 0; i < 30; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&f->trust->held), 0);
	for (int i = 0; i < 3; i++)
		keyset_close(held[i].keyset);
	free(set);
}

/* JWT-46: key sets that anybody may name hold no more than half of these: those of providers come all the same. */
static void passing_sets_leave_threads_to_providers(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f), provider = settings_of(f);
	char *set = key_set(f, 0, 1), url[3][128];
	struct held held[3];
	atomic_int refused = 0;
	pthread_t threads[24];
	settings.passing = 1;
	for (int i = 0; i < 3; i++) {
		snprintf(url[i], sizeof url[i], "%s/slow%d", server_origin(f->server), i);
		server_answer(f->server, strrchr(url[i], '/'), &(struct server_answer){ .body = set, .drip = 300 });
		settings.jwks_url = url[i];
		settings.fetch.total_ms = SLOW_MS;
		held[i] = (struct held){ f, open_set(f->trust, &settings), &refused };
	}
	EVENTUALLY(server_count(f->server, NULL) > 0); /* the thread that fetches is in one */
	for (int i = 0; i < 24; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_keys, &held[i % 3]), 0);
	EVENTUALLY(atomic_load(&refused) >= 20);
	assert_in_range(atomic_load(&f->trust->held_passing), 1, 4);
	struct keyset *keyset = open_set(f->trust, &provider);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	assert_in_range(atomic_load(&f->trust->held_passing), 1, 4); /* they still are */
	for (int i = 0; i < 24; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&f->trust->held_passing), 0);
	assert_int_equal(atomic_load(&f->trust->held), 0);
	keyset_close(keyset);
	for (int i = 0; i < 3; i++)
		keyset_close(held[i].keyset);
	free(set);
}

static void probe_tells_what_it_saw(void **state)
{
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct buffer report = BUFFER_INIT(65536);
	assert_int_equal(keyset_probe(&settings, &test_clock, &report, NULL), EMA_OK);
	assert_non_null(strstr(report.data, "identical, byte for byte"));
	assert_non_null(strstr(report.data, jwk_kid(f->keys[0])));
	assert_non_null(strstr(report.data, "ours minus theirs is "));
	buffer_clear(&report);
	char wrong[128];
	snprintf(wrong, sizeof wrong, "%s/", server_origin(f->server));
	settings.issuer = wrong;
	struct failure failure = FAILURE_INIT;
	assert_int_equal(keyset_probe(&settings, &test_clock, &report, &failure), EMA_UNKNOWN_ISSUER);
	assert_non_null(strstr(report.data, "has a slash at its end too many"));
	assert_non_null(strstr(failure.text, "has a slash at its end too many"));
	buffer_free(&report);
}

static struct trust *make_publishing(struct fixture *f, int publishes)
{
	struct failure failure = FAILURE_INIT;
	struct trust_settings settings = { .clock = publishes ? &wrong_clock : &test_clock, .notice = { hear, f }, .cache_folder = f->folder,
		                           .publishes = publishes, .published = !publishes, .cache_owner = geteuid() };
	struct trust *trust = trust_new(&settings, &failure);
	assert_non_null(trust);
	return trust;
}

/* The only file in the folder. */
static void published_file(const struct fixture *f, char path[400])
{
	DIR *folder = opendir(f->folder);
	path[0] = 0;
	for (const struct dirent *entry; folder && (entry = readdir(folder));)
		if (strstr(entry->d_name, ".keys") && !strstr(entry->d_name, ".new"))
			snprintf(path, 400, "%s/%s", f->folder, entry->d_name);
	closedir(folder);
	assert_true(path[0] != 0);
}

static void file_copy(const char *from, const char *to, long most)
{
	char text[16384];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	assert_true(in && out);
	size_t length = fread(text, 1, sizeof text, in);
	assert_int_equal(fwrite(text, 1, most >= 0 && (size_t)most < length ? (size_t)most : length, out), most >= 0 && (size_t)most < length ? (size_t)most : length);
	fclose(in);
	fclose(out);
}

/* JWT-40, JWT-45, JWT-47, JWT-50: one fetches and publishes, the other reads and never fetches; a change is seen, nothing older or damaged is. */
static void what_is_published_is_read(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	struct keyset_state now;
	char path[400], older[96], aside[96];
	struct stat st;
	snprintf(older, sizeof older, "%s/older", f->folder);
	snprintf(aside, sizeof aside, "%s/aside", f->folder);
	const mode_t mask = umask(077);
	assert_int_equal(chmod(f->folder, 0755), 0);
	struct trust *reads = make_publishing(f, 0);
	struct keyset *reader = open_set(reads, &settings);
	struct failure failure = FAILURE_INIT;
	assert_int_equal(verify(reader, f->keys[0], NULL), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(server_count(f->server, NULL), 0);
	struct trust *trust = make_publishing(f, 1);
	publish_for_an_hour(f, 0, 1);
	struct keyset *keyset = open_set(trust, &settings);
	assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
	EVENTUALLY(verify(reader, f->keys[0], NULL) == EMA_OK);
	unsigned before = server_count(f->server, NULL);
	published_file(f, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644); /* whatever the umask */
	assert_int_equal(verify(reader, f->keys[1], NULL), EMA_UNKNOWN_KEY);
	assert_int_equal(server_count(f->server, NULL), before);
	/* However long the issuer lets it be fresh, who publishes fetches it again soon, though nobody asks him; and what is new is taken at once. */
	file_copy(path, older, -1);
	publish(f, 1, 1);
	atomic_fetch_add(&moved, 5 * MINUTE);
	EVENTUALLY(verify(reader, f->keys[1], NULL) == EMA_OK);
	assert_int_not_equal(verify(reader, f->keys[0], NULL), EMA_OK);
	before = server_count(f->server, NULL);
	/* Older: the key that left does not come back, and what is held stays. */
	file_copy(path, aside, -1);
	assert_int_equal(rename(older, path), 0);
	EVENTUALLY(heard(f, "are older than those that were taken"));
	assert_int_not_equal(verify(reader, f->keys[0], NULL), EMA_OK);
	assert_int_equal(verify(reader, f->keys[1], NULL), EMA_OK);
	/* Not whole. */
	file_copy(aside, older, 300);
	assert_int_equal(rename(older, path), 0);
	EVENTUALLY((keyset_state(reader, &now), strstr(now.last_failure, "it is damaged")));
	assert_int_equal(verify(reader, f->keys[1], NULL), EMA_OK);
	assert_int_equal(access(path, F_OK), 0); /* it is not ours to set aside */
	/* Others could have written it. */
	assert_int_equal(rename(aside, path), 0);
	assert_int_equal(chmod(path, 0666), 0);
	EVENTUALLY((keyset_state(reader, &now), strstr(now.last_failure, "could have written it")));
	assert_int_equal(chmod(path, 0644), 0);
	EVENTUALLY((keyset_state(reader, &now), !now.last_failure[0]));
	/* Nobody refreshes it: stale for its time, and then unavailable. Never a fetch. */
	keyset_close(keyset);
	trust_free(trust);
	before = server_count(f->server, NULL);
	atomic_fetch_add(&moved, HOUR);
	EVENTUALLY((keyset_state(reader, &now), now.standing == KEYSET_STALE && strstr(now.last_failure, "emad has not fetched them anew")));
	assert_int_equal(verify(reader, f->keys[1], NULL), EMA_OK);
	assert_int_equal(verify(reader, f->keys[2], NULL), EMA_KEYS_UNAVAILABLE);
	atomic_fetch_add(&moved, 26 * HOUR);
	assert_int_equal(verify(reader, f->keys[1], NULL), EMA_KEYS_UNAVAILABLE);
	assert_int_equal(server_count(f->server, NULL), before);
	assert_int_equal(keyset_open(reads, &settings, &keyset, &failure), EMA_OK);
	keyset_close(keyset);
	keyset_close(reader);
	trust_free(reads);
	umask(mask);
}

/* JWT-31: who reads what is published has no key either whose private half came to who fetches. */
static void what_is_exposed_is_published(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	assert_int_equal(chmod(f->folder, 0755), 0);
	struct trust *trust = make_publishing(f, 1), *reads = make_publishing(f, 0);
	struct keyset *keyset = open_set(trust, &settings), *reader = open_set(reads, &settings);
	EVENTUALLY(verify(reader, f->keys[0], NULL) == EMA_OK);
	publish_private(f, 0, 0, 0);
	assert_true(refused_anew(f, keyset));
	EVENTUALLY(verify(reader, f->keys[0], NULL) == EMA_KEYS_UNAVAILABLE);
	publish(f, 0, 2);
	atomic_fetch_add(&moved, 2 * MINUTE);
	EVENTUALLY(verify(reader, f->keys[1], NULL) == EMA_OK);
	assert_int_not_equal(verify(reader, f->keys[0], NULL), EMA_OK);
	keyset_close(reader);
	keyset_close(keyset);
	trust_free(reads);
	trust_free(trust);
}

/* JWT-47: keys that are published in a place which does not last are kept in one that does, and published from there. */
static void what_is_published_is_kept(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	struct keyset_settings settings = settings_of(f);
	char path[400], kept[] = "/tmp/ema-kept-XXXXXX";
	struct trust_settings with = { .clock = &test_clock, .notice = { hear, f }, .cache_folder = f->folder, .publishes = 1, .kept_folder = kept };
	assert_non_null(mkdtemp(kept));
	assert_int_equal(chmod(f->folder, 0755), 0);
	/* What was there before anything was published counts, too. */
	struct trust_settings before = { .clock = &test_clock, .notice = { hear, f }, .cache_folder = kept };
	for (int i = 0; i < 3; i++) {
		struct trust *trust = trust_new(i ? &with : &before, NULL);
		assert_non_null(trust);
		if (i == 2)
			server_answer(f->server, KEYS, &(struct server_answer){ .status = 500 });
		unsigned asked = server_count(f->server, KEYS);
		struct keyset *keyset = open_set(trust, &settings);
		assert_int_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
		assert_int_equal(server_count(f->server, KEYS) - asked, i == 0);
		if (i) {
			struct trust *reads = make_publishing(f, 0);
			struct keyset *reader = open_set(reads, &settings);
			EVENTUALLY(verify(reader, f->keys[0], NULL) == EMA_OK);
			keyset_close(reader);
			trust_free(reads);
			published_file(f, path);
			assert_int_equal(unlink(path), 0);
		}
		keyset_close(keyset);
		trust_free(trust);
	}
	char command[64];
	snprintf(command, sizeof command, "rm -r %s", kept);
	assert_int_equal(system(command), 0);
}

/* JWT-40: with the clock that was ahead put right, a withdrawn key goes as soon as ever, and none is fresh for longer than its issuer said. */
static void a_publisher_whose_clock_was_ahead(void **state)
{
	NEED_USERS;
	struct fixture *f = *state;
	static const int64_t by[] = { 50 * MINUTE, 20 * HOUR };
	struct keyset_settings settings = settings_of(f);
	struct keyset_state now;
	char kept[] = "/tmp/ema-kept-XXXXXX", command[64];
	struct trust_settings with = { .clock = &wrong_clock, .notice = { hear, f }, .cache_folder = f->folder, .publishes = 1, .kept_folder = kept };
	assert_non_null(mkdtemp(kept));
	assert_int_equal(chmod(f->folder, 0755), 0);
	for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
		atomic_store(&ahead, by[i]);
		publish_for_an_hour(f, 0, 1);
		struct trust *trust = trust_new(&with, NULL), *reads = make_publishing(f, 0);
		assert_non_null(trust);
		struct keyset *keyset = open_set(trust, &settings), *reader = open_set(reads, &settings);
		EVENTUALLY(verify(reader, f->keys[0], NULL) == EMA_OK);
		keyset_state(reader, &now);
		assert_int_equal(now.standing, KEYSET_FRESH);
		assert_true(now.fresh_until - now.fetched <= HOUR && now.fetched <= clock_wall(&test_clock));
		atomic_store(&ahead, 0);
		publish(f, 1, 1);
		atomic_fetch_add(&moved, 5 * MINUTE);
		EVENTUALLY(verify(reader, f->keys[1], NULL) == EMA_OK);
		assert_int_equal(verify(reader, f->keys[0], NULL), EMA_UNKNOWN_KEY);
		keyset_close(keyset);
		keyset_close(reader);
		trust_free(trust);
		trust_free(reads);
		/* Nor does it come back with a restart while the issuer is away. */
		server_answer(f->server, KEYS, &(struct server_answer){ .status = 500 });
		trust = trust_new(&with, NULL);
		assert_non_null(trust);
		keyset = open_set(trust, &settings);
		assert_int_equal(verify(keyset, f->keys[1], NULL), EMA_OK);
		assert_int_not_equal(verify(keyset, f->keys[0], NULL), EMA_OK);
		keyset_close(keyset);
		trust_free(trust);
	}
	snprintf(command, sizeof command, "rm -r %s", kept);
	assert_int_equal(system(command), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(discovers_fetches_and_verifies),
		TEST(fixed_keys_need_no_network),
		TEST(follows_a_rotation),
		TEST(known_tokens_end_with_their_key),
		TEST(a_flood_of_kids_costs_one_fetch),
		TEST(a_refused_kid_is_remembered),
		TEST(a_bad_signature_is_worth_one_fetch),
		TEST(another_type_is_worth_one_fetch),
		TEST(serves_stale_for_a_while),
		TEST(no_stale_window),
		TEST(a_cold_set_of_an_absent_issuer_is_unavailable),
		TEST(refreshes_ahead_of_need),
		TEST(not_modified_prolongs),
		TEST(odd_etag_is_not_sent),
		TEST(no_rollback),
		TEST(a_step_of_the_clock),
		TEST(discovery_goes_on_to_the_next_place),
		TEST(a_wrong_document_disables_the_provider),
		TEST(bad_key_sets_replace_nothing),
		TEST(a_published_private_key_verifies_nothing),
		TEST(an_only_key_that_is_published),
		TEST(keys_belong_to_their_issuer),
		TEST(a_token_without_kid),
		TEST(one_key_twice_withdraws_the_other),
		TEST(a_restart_needs_no_network),
		TEST(the_folder_is_checked),
		TEST(what_is_published_is_read),
		TEST(what_is_exposed_is_published),
		TEST(what_is_published_is_kept),
		TEST(a_publisher_whose_clock_was_ahead),
		TEST(an_answer_is_as_old_as_its_request),
		TEST(threads_verify_while_keys_rotate),
		TEST(one_fetch_at_a_time),
		TEST(the_end_does_not_wait),
		TEST(a_passing_set_is_not_kept),
		TEST(a_slow_issuer_holds_few_threads),
		TEST(passing_sets_leave_threads_to_providers),
		TEST(probe_tells_what_it_saw),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
