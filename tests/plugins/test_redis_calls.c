/* Sockets that fail, under the store redis: each answer is true or an error, and all is as ever afterwards. */
#define _GNU_SOURCE
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "redis_server.h"
#include "store_rig.h"
#include "../calls.h"

#define MS 30000
#define MS_SHORT 120 /* sentinels are not asked in less than 100 */
#define LATER (SUITE_BEGIN + 3600000)
#define LIMIT 3
#define NEVER INT64_MIN

static char folder[64];

static const struct fault {
	int error;
	unsigned which;
	unsigned modes; /* bits */
	int passes;     /* it is no failure */
	int lasts;      /* until the time of a call is over */
} faults[] = {
	{ 0, CALLS_LINK, 1 << CALLS_ONCE | 1 << CALLS_STAY | 1 << CALLS_SHORT, 0, 0 },
	{ CALLS_END, CALLS_RECEIVE, 1 << CALLS_ONCE | 1 << CALLS_STAY, 0, 0 },
	{ EINTR, CALLS_SEND | CALLS_RECEIVE | CALLS_POLL, 1 << CALLS_ONCE, 1, 0 },
	{ EAGAIN, CALLS_SEND | CALLS_RECEIVE, 1 << CALLS_ONCE, 1, 0 },
	{ EAGAIN, CALLS_SEND | CALLS_RECEIVE, 1 << CALLS_STAY, 0, 1 },
};

/* What is known of one store: what was acknowledged counts, what had no answer may be or not. */
struct known {
	int taken, limited, limited_tried; /* how often the two slots were given, and how often the second may have been */
	int64_t mark;                      /* acknowledged; NEVER: none was */
	int64_t told;                      /* what changes said of "e" */
	int failed;
	int64_t ms;
};

static int is_error(struct known *known, int code)
{
	int error = code == EMA_UNAVAILABLE || code == EMA_TIMEOUT;
	known->failed += error;
	return error;
}

static void put_once(struct store *store, struct known *known)
{
	int code = store_put_if_absent(store, "a", "k", 1, "v", 1, LATER, 1, known->ms);
	if (is_error(known, code))
		return;
	assert_true(code == EMA_OK || code == EMA_EXISTS);
	known->taken += code == EMA_OK;
	assert_true(known->taken <= 1);
	assert_true(code == EMA_OK || known->taken || known->failed);
}

static int put_limited(struct store *store, struct known *known)
{
	int code = store_put_if_absent(store, "a", "l", 1, "v", 1, LATER, LIMIT, known->ms), error = is_error(known, code);
	known->limited += code == EMA_OK;
	known->limited_tried += error || code == EMA_OK;
	assert_true(error || code == EMA_OK || (code == EMA_EXISTS && known->limited_tried >= LIMIT));
	assert_true(known->limited <= LIMIT);
	return code;
}

static int raise_to(struct store *store, struct known *known, int64_t mark)
{
	int64_t now = NEVER;
	int code = store_raise(store, "e", 1, mark, LATER, &now, known->ms);
	if (is_error(known, code))
		return code;
	assert_int_equal(code, EMA_OK);
	assert_true(now >= mark && now >= known->mark);
	known->mark = now;
	return code;
}

static int get_mark(struct store *store, struct known *known)
{
	unsigned char value[STORE_MARK];
	size_t length = sizeof value;
	int code = store_get(store, "e", 1, value, &length, known->ms);
	if (is_error(known, code))
		return code;
	assert_true(code == EMA_OK || (code == EMA_ABSENT && known->mark == NEVER));
	assert_true(code == EMA_ABSENT || (length == STORE_MARK && store_mark_read(value) >= known->mark));
	return code;
}

static void put_and_remove(struct store *store, struct known *known)
{
	char value[8];
	size_t length = sizeof value;
	int code = store_put_if_absent(store, NULL, "r", 1, "v", 1, LATER, 1, known->ms);
	int put = is_error(known, code) ? -1 : code == EMA_OK;
	assert_true(put < 0 || code == EMA_OK);
	code = store_remove(store, "r", 1, known->ms);
	int removed = is_error(known, code) ? -1 : code == EMA_OK;
	assert_true(removed < 0 || code == EMA_OK || (code == EMA_ABSENT && put < 0));
	code = store_get(store, "r", 1, value, &length, known->ms);
	if (is_error(known, code))
		return;
	assert_true(code == EMA_ABSENT || (code == EMA_OK && removed < 0 && length == 1));
	assert_true(code == EMA_OK || removed || put <= 0);
}

static int hear(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	struct known *known = data;
	if (key_length == 1 && !memcmp(key, "e", 1) && expires) {
		assert_int_equal(value_length, STORE_MARK);
		known->told = store_mark_read(value);
	}
	return EMA_OK;
}

static int listen_to(struct store *store, struct known *known, int all)
{
	/* A call of changes takes up to ten seconds, which nobody is to wait for. */
	if (known->ms == MS_SHORT)
		return EMA_OK;
	int code = all ? store_list(store, "e", 1, hear, known, known->ms) : store_changes(store, hear, known, 0);
	if (is_error(known, code))
		return code;
	assert_int_equal(code, EMA_OK);
	assert_true(known->told >= known->mark);
	return code;
}

static void do_all(struct store *store, struct known *known)
{
	char value[8];
	size_t length = sizeof value;
	put_once(store, known);
	put_once(store, known);
	put_limited(store, known);
	put_limited(store, known);
	raise_to(store, known, 5);
	get_mark(store, known);
	listen_to(store, known, 0);
	raise_to(store, known, 3);
	listen_to(store, known, 1);
	put_and_remove(store, known);
	int code = store_get(store, "none", 4, value, &length, known->ms);
	assert_true(is_error(known, code) || code == EMA_ABSENT);
	raise_to(store, known, 6);
	listen_to(store, known, 0);
}

/* The fault is over: asks until there is an answer. */
static void wait_for_it(struct store *store, struct known *known)
{
	for (int i = 0, code = EMA_UNAVAILABLE; code != EMA_OK; i++) {
		assert_true(i < 3000);
		if (i)
			usleep(5000);
		code = raise_to(store, known, 4);
	}
}

/* Nothing that was acknowledged is forgotten, and nothing is given twice. */
static void is_as_it_was(struct store *store, struct known *known)
{
	known->failed = 1; /* what had no answer may be there */
	known->ms = MS;
	wait_for_it(store, known);
	int failed = known->failed;
	put_once(store, known);
	int before = known->taken;
	put_once(store, known);
	assert_int_equal(known->taken, before);
	for (int i = 0; i <= LIMIT && put_limited(store, known) != EMA_EXISTS; i++)
		;
	assert_int_equal(put_limited(store, known), EMA_EXISTS);
	assert_int_equal(get_mark(store, known), EMA_OK);
	assert_int_equal(raise_to(store, known, known->mark + 1), EMA_OK);
	assert_int_equal(listen_to(store, known, 0), EMA_OK);
	assert_int_equal(listen_to(store, known, 1), EMA_OK);
	assert_int_equal(known->failed, failed);
}

struct way {
	const char *settings;
	int64_t since;
	int rounds;
};

static void way_open(struct way *way, struct store_rig *rig)
{
	char settings[600];
	snprintf(settings, sizeof settings, "%s prefix = \"ema:%d:\";", way->settings, way->rounds);
	store_rig_init(rig);
	if (store_rig_open(rig, "redis", settings))
		fail_msg("%s: %s", settings, rig->findings.count ? rig->findings.list[0].text : "nothing said");
}

/* How many calls failed. Where none did and there was no answer, sentinels and servers had not the second that each has: it is tried again. */
static long go(struct way *way, const struct fault *fault, int mode, long n, int tries)
{
	struct known known = { .mark = NEVER, .told = NEVER, .ms = fault->lasts ? MS_SHORT : MS };
	struct store_rig rig, other;
	int64_t since = 0;
	int descriptors = calls_descriptors();
	way->rounds++;
	way_open(way, &rig);
	calls_error(fault->error);
	calls_fail(fault->which, n, (enum calls_mode)mode);
	do_all(rig.store, &known);
	long count = calls_good();
	calls_error(0);
	if (known.failed && !fault->lasts && !count && tries > 1) {
		store_rig_close(&rig);
		return go(way, fault, mode, n, tries - 1);
	}
	if (known.failed && !fault->lasts && (!count || !rig.log[0] || mode == CALLS_SHORT || fault->passes))
		fail_msg("call %ld (%d, %d): %ld failed, %d answers: %s", n, mode, fault->error, count, known.failed, rig.log);
	if (known.failed || store_since(rig.store, &since) == EMA_OK)
		assert_true(store_since(rig.store, &since) == EMA_UNAVAILABLE || since == way->since);
	/* The same process, or sometimes one that has to connect at once. */
	if (mode == CALLS_STAY && n % 4) {
		store_rig_close(&rig);
		way_open(way, &rig);
		known.told = NEVER;
	}
	is_as_it_was(rig.store, &known);
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == way->since);
	/* Another host sees it, too. */
	way_open(way, &other);
	known.told = NEVER;
	is_as_it_was(other.store, &known);
	store_rig_close(&other);
	store_rig_close(&rig);
	assert_int_equal(calls_descriptors(), descriptors);
	return count;
}

/* Each fault at the n-th call, for every n until none fails any more. */
static void every_call_fails(const char *settings, int64_t since)
{
	struct way way = { settings, since, 0 };
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		for (int mode = 0; mode < CALLS_MODES; mode++) {
			if (!(faults[i].modes & 1u << mode) || (faults[i].lasts && getenv("EMA_SHORT")))
				continue;
			long n = 1;
			while (go(&way, &faults[i], mode, n, 3))
				n += faults[i].lasts ? 9 : 1;
			assert_true(n > 10);
		}
}

/* JAG-51 JAG-55 REV-18 */
static void a_socket(void **state)
{
	struct server server = { .port = 0 };
	char settings[200];
	NEED_REDIS;
	server_new(&server, "");
	snprintf(settings, sizeof settings, "socket = \"%s/redis.sock\";", server.folder);
	every_call_fails(settings, SUITE_BEGIN);
	server_end(&server);
}

static void tls_and_a_user(void **state)
{
	struct server server = { .port = 0 };
	char settings[400], more[600];
	NEED_REDIS;
	const int port = server_port();
	snprintf(more, sizeof more, "tls-port %d\ntls-cert-file %s/server.pem\ntls-key-file %s/server.key\ntls-ca-cert-file %s/server.pem\ntls-auth-clients no\n"
	         "user ema on >geheim ~ema:* +@all\nuser default off\n", port, folder, folder, folder);
	server_new(&server, more);
	snprintf(settings, sizeof settings, "server = \"127.0.0.1:%d\"; tls = true; ca_file = \"%s/server.pem\"; user = \"ema\"; password = { file = \"%s/secret\"; };",
	         port, folder, folder);
	every_call_fails(settings, SUITE_BEGIN);
	server_end(&server);
}

static void a_sentinel_and_a_replica(void **state)
{
	struct server master = { .port = 0 }, replica = { .port = 0 }, sentinel = { .sentinel = 1 };
	struct way way = { .rounds = 0 };
	struct known known = { .mark = NEVER, .ms = MS };
	struct store_rig rig;
	char settings[200], more[100];
	NEED_REDIS;
	master.port = server_port();
	server_new(&master, "repl-diskless-sync-delay 0");
	replica.port = server_port();
	snprintf(more, sizeof more, "replicaof 127.0.0.1 %d", master.port);
	server_new(&replica, more);
	sentinel.port = server_port();
	snprintf(more, sizeof more, "sentinel monitor m 127.0.0.1 %d 2", master.port);
	server_new(&sentinel, more);
	way.settings = settings;
	snprintf(settings, sizeof settings, "sentinels = [\"127.0.0.1:%d\"]; master = \"m\";", sentinel.port);
	way_open(&way, &rig);
	wait_for_it(rig.store, &known);
	store_rig_close(&rig);
	every_call_fails(settings, SUITE_BEGIN + 2000);
	server_end(&sentinel);
	server_end(&replica);
	server_end(&master);
}

static int make_files(void **state)
{
	char line[600];
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ema-redis-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(line, sizeof line, "cd '%s' && umask 077 && echo geheim >secret && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
	         "-subj /CN=redis -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem 2>errors || { cat errors; exit 1; }", folder);
	return system(line) ? -1 : 0;
}

static int remove_files(void **state)
{
	char line[100];
	(void)state;
	snprintf(line, sizeof line, "rm -r '%s'", folder);
	return system(line) ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket),
		cmocka_unit_test(tls_and_a_user),
		cmocka_unit_test(a_sentinel_and_a_replica),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
