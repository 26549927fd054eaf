/* How the plugin redis reaches its server: TLS, users, sentinels, and who is the master. */
#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "redis_server.h"
#include "store_rig.h"

#define MS 30000
#define LATER (SUITE_BEGIN + 3600000)

/* As ema-redis(7) has them. */
#define ACL_USER "user ema on >geheim ~ema:* +eval +hmget +hget +hset +hincrby +exists +del +get +incr +pexpire +zadd +zrem +zcard " \
	"+zrange +zremrangebyscore +xadd +xrange +scan +info +wait\n"
#define ACL_SENTINEL "user ema on >wort +sentinel|get-master-addr-by-name\n"

/* What a test leaves on the disk: a CA, another, a certificate for redis.example, and secrets. */
static char folder[64];

static int make_files(void **state)
{
	char line[1600];
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/ema-redis-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(line, sizeof line,
	         "cd '%s' && umask 077 && for n in geheim falsch wort; do echo $n >$n; done && new() { name=$1; shift\n"
	         "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout $name.key -out $name.pem \"$@\" 2>>errors; }\n"
	         "new ca -subj /CN=ca && new other -subj /CN=ca && new server -CA ca.pem -CAkey ca.key -subj /CN=redis "
	         "-addext basicConstraints=critical,CA:false -addext subjectAltName=DNS:redis.example || { cat errors; exit 1; }", folder);
	return system(line) ? -1 : 0;
}

static int remove_files(void **state)
{
	char line[100];
	(void)state;
	snprintf(line, sizeof line, "rm -r '%s'", folder);
	return system(line) ? -1 : 0;
}

static int put(struct store *store, int number)
{
	char key[40];
	snprintf(key, sizeof key, "k-%d", number);
	return store_put_if_absent(store, "a", key, strlen(key), "v", 1, LATER, 1, MS);
}

/*
 * After a failure the plugin waits before it connects again: asks until it does. Another entry each time, for one that was not
 * acknowledged may be there. *number is the last of them.
 */
static int put_at_last(struct store *store, int *number)
{
	int code = EMA_UNAVAILABLE;
	for (int i = 0; i < 3000 && (code == EMA_UNAVAILABLE || code == EMA_TIMEOUT); i++) {
		code = put(store, ++*number);
		if (code == EMA_UNAVAILABLE || code == EMA_TIMEOUT)
			usleep(20000);
	}
	return code;
}

/* Until one is not taken; what that one got. */
static int put_until_refused(struct store *store, int *number)
{
	int code = EMA_OK;
	for (int i = 0; i < 3000 && code == EMA_OK; i++) {
		usleep(20000);
		code = put(store, ++*number);
	}
	return code;
}

/* %D in settings is the folder; %1 to %4 are ports. */
static void fill(char *out, size_t room, const char *settings, const int ports[4])
{
	size_t length = 0;
	for (const char *c = settings; *c && length + 80 < room; c++)
		if (*c != '%')
			out[length++] = *c;
		else if (*++c == 'D')
			length += (size_t)snprintf(out + length, room - length, "%s", folder);
		else
			length += (size_t)snprintf(out + length, room - length, "%d", ports[*c - '1']);
	out[length] = 0;
}

struct way {
	const char *name, *settings, *says; /* says NULL: it is let in */
};

/*
 * One of these ways is let in; of the others nothing is taken, and the log says why without a secret. The store has times of its own for a
 * server and a sentinel, which a slow machine exceeds: each way may be gone again.
 */
static void go(const struct way *ways, size_t count, const int ports[4])
{
	for (size_t i = 0, tries = 1; i < count; i++) {
		struct store_rig rig;
		char settings[600];
		int64_t since;
		fill(settings, sizeof settings, ways[i].settings, ports);
		store_rig_init(&rig);
		if (store_rig_open(&rig, "redis", settings))
			fail_msg("%s: %s", ways[i].name, rig.findings.count ? rig.findings.list[0].text : "nothing said");
		/* A server that expects something else waits for the rest of it. */
		int silent = ways[i].says && strstr(ways[i].says, "in time") != NULL;
		int code = store_put_if_absent(rig.store, "a", "k", 1, "v", 1, LATER, 1, silent ? 300 : MS);
		if (ways[i].says && (code == EMA_OK || store_since(rig.store, &since) == EMA_OK))
			fail_msg("%s: let in", ways[i].name);
		if (code != (silent ? EMA_TIMEOUT : ways[i].says ? EMA_UNAVAILABLE : EMA_OK) || (ways[i].says && !store_rig_says(&rig, ways[i].says))) {
			if (tries++ == 20)
				fail_msg("%s: %d, %s", ways[i].name, code, rig.log);
			i--;
		} else {
			tries = 1;
		}
		assert_false(store_rig_says(&rig, "geheim") || store_rig_says(&rig, "falsch") || store_rig_says(&rig, "wort"));
		store_rig_close(&rig);
	}
}

#define USER " user = \"ema\"; password = { file = \"%D/geheim\"; };"
#define TLS " tls = true; ca_file = \"%D/ca.pem\"; server_name = \"redis.example\";"
#define CERTIFICATE "tls-cert-file %D/server.pem\ntls-key-file %D/server.key\ntls-ca-cert-file %D/ca.pem\ntls-auth-clients no\n"

static void tls_and_a_user(void **state)
{
	static const struct way ways[] = {
		{ "all is right", "server = \"127.0.0.1:%1\";" TLS USER, NULL },
		{ "another CA", "server = \"127.0.0.1:%1\"; tls = true; ca_file = \"%D/other.pem\"; server_name = \"redis.example\";" USER, "certificate" },
		{ "another name", "server = \"127.0.0.1:%1\"; tls = true; ca_file = \"%D/ca.pem\"; server_name = \"redis.examples\";" USER, "hostname mismatch" },
		{ "an address that the certificate lacks", "server = \"127.0.0.1:%1\"; tls = true; ca_file = \"%D/ca.pem\";" USER, "IP address mismatch" },
		{ "the system's authorities", "server = \"127.0.0.1:%1\"; tls = true; server_name = \"redis.example\";" USER, "certificate" },
		{ "a wrong password", "server = \"127.0.0.1:%1\";" TLS "user = \"ema\"; password = { file = \"%D/falsch\"; };", "WRONGPASS" },
		{ "another user", "server = \"127.0.0.1:%1\";" TLS "user = \"eve\"; password = { file = \"%D/geheim\"; };", "WRONGPASS" },
		{ "the default user's password", "server = \"127.0.0.1:%1\";" TLS "password = { file = \"%D/geheim\"; };", "WRONGPASS" },
		{ "no password", "server = \"127.0.0.1:%1\";" TLS, "NOAUTH" },
		{ "another's keys", "server = \"127.0.0.1:%1\"; prefix = \"theirs:\";" TLS USER, "NOPERM" },
		{ "no TLS", "server = \"127.0.0.1:%1\";" USER, "the connection broke" },
		{ "TLS where there is none", "server = \"127.0.0.1:%2\";" TLS USER, "in TLS in time" },
	};
	struct server server = { .port = 0 };
	char more[1200];
	NEED_REDIS;
	const int ports[4] = { server_port(), server.port = server_port() };
	fill(more, sizeof more, "tls-port %1\n" CERTIFICATE ACL_USER "user default off\n", ports);
	server_new(&server, more);
	go(ways, sizeof ways / sizeof *ways, ports);
	/* What the manual allows is enough for everything. */
	int number = 0;
	for (const struct suite_case *c = suite_cases; c->name; c++) {
		struct store_rig rig;
		char settings[600], prefix[40];
		fill(settings, sizeof settings, "server = \"127.0.0.1:%1\";" TLS USER, ports);
		snprintf(prefix, sizeof prefix, " prefix = \"ema:%d:\";", number++);
		strcat(settings, prefix);
		store_rig_init(&rig);
		assert_int_equal(store_rig_open(&rig, "redis", settings), 0);
		c->run(rig.store, &rig.clock);
		store_rig_close(&rig);
	}
	server_end(&server);
}

#define SENTINELS "master = \"m\"; sentinels = [\"127.0.0.1:%2\", \"127.0.0.1:%3\", \"127.0.0.1:%4\"];"
#define WORD " sentinel_user = \"ema\"; sentinel_password = { file = \"%D/wort\"; };"

/* Three of them that watch port %1; they need not know each other to name it. */
static void sentinels_new(struct server sentinels[3], const char *more, const int ports[4])
{
	char whole[1200], text[1600];
	fill(whole, sizeof whole, more, ports);
	for (int i = 0; i < 3; i++) {
		int tls = strstr(more, "tls-") != NULL;
		sentinels[i] = (struct server){ .port = tls ? 0 : ports[1 + i], .sentinel = 1 };
		snprintf(text, sizeof text, "%s%.0d\n%s\nsentinel monitor m 127.0.0.1 %d 2\n", tls ? "tls-port " : "", tls ? ports[1 + i] : 0, whole, ports[0]);
		server_new(&sentinels[i], text);
	}
}

static void sentinels_with_passwords_over_tls(void **state)
{
	static const struct way ways[] = {
		{ "all is right", SENTINELS TLS USER WORD, NULL },
		{ "a wrong password", SENTINELS TLS USER " sentinel_user = \"ema\"; sentinel_password = { file = \"%D/falsch\"; };", "WRONGPASS" },
		{ "the default user's password", SENTINELS TLS USER " sentinel_password = { file = \"%D/wort\"; };", "WRONGPASS" },
		{ "no password", SENTINELS TLS USER, "NOAUTH" },
		{ "another CA", SENTINELS USER WORD "tls = true; ca_file = \"%D/other.pem\"; server_name = \"redis.example\";", "certificate" },
		{ "another name", SENTINELS USER WORD "tls = true; ca_file = \"%D/ca.pem\"; server_name = \"else.example\";", "hostname mismatch" },
		{ "a wrong password of the server", SENTINELS TLS WORD "user = \"ema\"; password = { file = \"%D/falsch\"; };", "WRONGPASS" },
		{ "another master", "master = \"n\"; sentinels = [\"127.0.0.1:%2\"];" TLS USER WORD, "does not know the master" },
		{ "most say nothing", "master = \"m\"; sentinels = [\"127.0.0.1:%2\", \"127.0.0.1:%1\", \"127.0.0.1:1\"];" TLS USER WORD, "too few answer" },
	};
	struct server server = { .port = 0 }, sentinels[3];
	char more[1200];
	NEED_REDIS;
	const int ports[4] = { server_port(), server_port(), server_port(), server_port() };
	fill(more, sizeof more, "tls-port %1\n" CERTIFICATE ACL_USER "user default off\n", ports);
	server_new(&server, more);
	sentinels_new(sentinels, CERTIFICATE "tls-replication yes\n" ACL_SENTINEL "user default off\n", ports);
	go(ways, sizeof ways / sizeof *ways, ports);
	for (int i = 0; i < 3; i++)
		server_end(&sentinels[i]);
	server_end(&server);
}

static void monitor(const struct server *sentinel, int port)
{
	char line[100];
	snprintf(line, sizeof line, "SENTINEL MONITOR m 127.0.0.1 %d 2", port);
	server_tell(sentinel, "SENTINEL REMOVE m");
	server_tell(sentinel, line);
}

/* JAG-55: a master of which the sentinels name another is left, though it still takes writes; and the new one takes nothing that the
   old one could have taken of another process. One sentinel that hangs keeps nobody; most of them do. */
static void the_sentinels_have_the_word(void **state)
{
	struct server old = { .port = 0 }, new = { .port = 0 }, sentinels[3];
	struct store_rig rig;
	char settings[600];
	int64_t since = 0, now;
	int last = 0, first;
	NEED_REDIS;
	const int ports[4] = { old.port = server_port(), server_port(), server_port(), server_port() };
	new.port = server_port();
	server_new(&old, "");
	/* Or a sentinel that has found it would make it a replica again. */
	server_new(&new, "replica-announced no");
	sentinels_new(sentinels, "", ports);
	fill(settings, sizeof settings, SENTINELS, ports);
	store_rig_init(&rig);
	assert_int_equal(store_rig_open(&rig, "redis", settings), 0);
	kill(sentinels[0].pid, SIGSTOP);
	assert_int_equal(put_at_last(rig.store, &last), EMA_OK);
	first = last;
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == SUITE_BEGIN + 2000);
	/* What no replica has is not acknowledged; it counts. */
	assert_int_equal(store_raise(rig.store, "e", 1, 4, LATER, &now, MS), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "replicas"));
	snprintf(settings, sizeof settings, "REPLICAOF 127.0.0.1 %d", old.port);
	server_tell(&new, settings);
	int code = EMA_UNAVAILABLE;
	for (int i = 0; i < 3000 && code != EMA_OK; i++, usleep(20000))
		code = store_raise(rig.store, "e", 1, 5 + i, LATER, &now, MS);
	assert_int_equal(code, EMA_OK);
	/* One of three says another: two have it still. */
	server_tell(&new, "REPLICAOF NO ONE");
	store_rig_set_clock(&rig, SUITE_BEGIN + 5000);
	kill(sentinels[0].pid, SIGCONT);
	monitor(&sentinels[0], new.port);
	usleep(500000);
	assert_int_equal(put_at_last(rig.store, &last), EMA_OK);
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == SUITE_BEGIN + 2000);
	/* Each says its own: nothing is taken. */
	monitor(&sentinels[1], 1);
	assert_int_equal(put_until_refused(rig.store, &last), EMA_UNAVAILABLE);
	/* On a slow machine one may have been too late before: what comes first is said. */
	assert_true(store_rig_says(&rig, "do not agree") || store_rig_says(&rig, "too few answer"));
	/* Two say the new one. The old is still a master. */
	monitor(&sentinels[1], new.port);
	assert_int_equal(put_at_last(rig.store, &last), EMA_OK);
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == SUITE_BEGIN + 7000);
	/* It had that one from the old master. */
	for (int i = 0; i < 3000 && (code = put(rig.store, first)) != EMA_EXISTS; i++)
		usleep(20000);
	assert_int_equal(code, EMA_EXISTS);
	kill(sentinels[1].pid, SIGSTOP);
	kill(sentinels[0].pid, SIGSTOP);
	assert_int_not_equal(put_until_refused(rig.store, &last), EMA_OK);
	store_rig_close(&rig);
	for (int i = 0; i < 3; i++)
		server_end(&sentinels[i]);
	server_end(&new);
	server_end(&old);
}

/* What the sentinels said is good for two seconds: a look at them that fails, or a call that has no time for it, cuts nobody off. */
static void sentinels_that_are_away_for_a_moment(void **state)
{
	struct server server = { .port = 0 }, sentinels[3];
	struct store_rig rig;
	char settings[600], key[24];
	int last = 0, kept = 0, short_kept = 0;
	NEED_REDIS;
	const int ports[4] = { server.port = server_port(), server_port(), server_port(), server_port() };
	server_new(&server, "");
	sentinels_new(sentinels, "", ports);
	fill(settings, sizeof settings, SENTINELS, ports);
	store_rig_init(&rig);
	assert_int_equal(store_rig_open(&rig, "redis", settings), 0);
	/* On a slow machine the two seconds may be over before they are asked: once is enough. */
	for (int i = 0; i < 30 && !(kept && short_kept); i++) {
		assert_int_equal(put_at_last(rig.store, &last), EMA_OK);
		for (int k = 0; k < 3; k++)
			kill(sentinels[k].pid, SIGSTOP);
		/* They are asked again after 400 ms. */
		usleep(450000);
		snprintf(key, sizeof key, "short-%d", i);
		short_kept |= store_put_if_absent(rig.store, "a", key, strlen(key), "v", 1, LATER, 1, 90) == EMA_OK;
		kept |= put(rig.store, ++last) == EMA_OK;
		for (int k = 0; k < 3; k++)
			kill(sentinels[k].pid, SIGCONT);
	}
	assert_true(kept);
	assert_true(short_kept);
	/* No time at all costs nothing. */
	assert_int_equal(put_at_last(rig.store, &last), EMA_OK);
	assert_int_equal(store_put_if_absent(rig.store, "a", "none", 4, "v", 1, LATER, 1, 0), EMA_TIMEOUT);
	store_rig_close(&rig);
	for (int i = 0; i < 3; i++)
		server_end(&sentinels[i]);
	server_end(&server);
}

/* REV-18: a revocation is acknowledged when as many replicas have it as are asked for, and by no fewer. */
static void two_replicas_have_it(void **state)
{
	struct server master = { .port = 0 }, replicas[2] = { { .port = 0 }, { .port = 0 } };
	struct store_rig rig;
	char settings[200];
	int64_t now, last = 4;
	int code = EMA_UNAVAILABLE;
	NEED_REDIS;
	master.port = server_port();
	server_new(&master, "repl-diskless-sync-delay 0");
	snprintf(settings, sizeof settings, "replicaof 127.0.0.1 %d", master.port);
	for (int i = 0; i < 2; i++) {
		replicas[i].port = server_port();
		server_new(&replicas[i], settings);
	}
	snprintf(settings, sizeof settings, "server = \"127.0.0.1:%d\"; replicas = 2;", master.port);
	store_rig_init(&rig);
	assert_int_equal(store_rig_open(&rig, "redis", settings), 0);
	for (int i = 0; i < 3000 && code != EMA_OK; i++, usleep(20000))
		code = store_raise(rig.store, "e", 1, ++last, LATER, &now, MS);
	assert_int_equal(code, EMA_OK);
	/* The one that goes on has it, and that is one too few. */
	for (int i = 0; i < 2; i++) {
		kill(replicas[i].pid, SIGSTOP);
		assert_int_equal(store_raise(rig.store, "e", 1, ++last, LATER, &now, MS), EMA_UNAVAILABLE);
		assert_true(store_rig_says(&rig, "fewer than \"replicas\" have taken what was revoked"));
		kill(replicas[i].pid, SIGCONT);
		/* It counts: what is lower does not take its place. */
		for (int k = 0; k < 3000 && (code = store_raise(rig.store, "e", 1, 1, LATER, &now, MS)) != EMA_OK; k++)
			usleep(20000);
		assert_int_equal(code, EMA_OK);
		assert_true(now == last);
		for (int k = 0; k < 3000 && (code = store_raise(rig.store, "e", 1, ++last, LATER, &now, MS)) != EMA_OK; k++)
			usleep(20000);
		assert_int_equal(code, EMA_OK);
		assert_true(store_rig_says(&rig, "enough replicas take what is revoked again"));
	}
	store_rig_close(&rig);
	for (int i = 0; i < 2; i++)
		server_end(&replicas[i]);
	server_end(&master);
}

static void settings_that_are_wrong(void **state)
{
	static const struct { const char *settings, *says; } bad[] = {
		{ "server = \"h\"; sentinel_user = \"u\";", "has a password" }, { "server = \"h\"; sentinel_password = { file = \"%D/wort\"; };", "no sentinels" },
		{ "server = \"h\"; sentinel_password = \"p\";", "secret" }, { "server = \"h\"; replicas = 17;", "replicas" }, { "server = \"h\"; replicas = -1;", "replicas" },
		{ "master = \"m\"; sentinels = [\"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\"];", "16" },
		{ "master = \"m\"; sentinels = [\"a\", \"b\", \"A\"];", "twice" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct store_rig rig;
		char settings[600];
		fill(settings, sizeof settings, bad[i].settings, NULL);
		store_rig_init(&rig);
		assert_int_equal(store_rig_open(&rig, "redis", settings), -1);
		if (!store_rig_says(&rig, bad[i].says))
			fail_msg("%s: %s", bad[i].settings, rig.findings.count ? rig.findings.list[0].text : "nothing said");
		store_rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_and_a_user),
		cmocka_unit_test(sentinels_with_passwords_over_tls),
		cmocka_unit_test(the_sentinels_have_the_word),
		cmocka_unit_test(sentinels_that_are_away_for_a_moment),
		cmocka_unit_test(two_replicas_have_it),
		cmocka_unit_test(settings_that_are_wrong),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
