#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "marks.h"
#include "redis_server.h"
#include "store_rig.h"

#define MS 30000
#define LATER (SUITE_BEGIN + 3600000)

static int prefixes;

static int rig_open_with(struct store_rig *rig, const struct server *server, const char *more)
{
	char settings[300];
	snprintf(settings, sizeof settings, "socket = \"%s/redis.sock\"; %s", server->folder, more);
	return store_rig_open(rig, "redis", settings);
}

static int put(struct store *store, const char *quota, const char *kind, int number, int64_t expires)
{
	char key[40];
	snprintf(key, sizeof key, "%s-%d", kind, number);
	return store_put_if_absent(store, quota, key, strlen(key), "v", 1, expires, 1, MS);
}

/* After a failure the plugin waits before it connects again: asks until it does. */
static int put_at_last(struct store *store, const char *kind, int number)
{
	int code = EMA_UNAVAILABLE;
	for (int i = 0; i < 3000 && code == EMA_UNAVAILABLE; i++) {
		code = put(store, "a", kind, number, LATER);
		if (code == EMA_UNAVAILABLE)
			usleep(20000);
	}
	return code;
}

/* JAG-51 JAG-53 JAG-55 */
static void passes_the_suite(void **state)
{
	struct server server = { .port = 0 };
	NEED_REDIS;
	server_new(&server, "");
	for (const struct suite_case *c = suite_cases; c->name; c++) {
		struct store_rig rig;
		char prefix[64];
		/* With bytes that a pattern would read otherwise. */
		snprintf(prefix, sizeof prefix, "prefix = \"p[%d*?]:\";", prefixes++);
		store_rig_init(&rig);
		assert_int_equal(rig_open_with(&rig, &server, prefix), 0);
		c->run(rig.store, &rig.clock);
		store_rig_close(&rig);
	}
	server_end(&server);
}

/* JAG-57 */
static void a_quota_limits_its_provider_alone(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, "quota = 10;"), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(rig.store, "a", "k", i, LATER), EMA_OK);
	for (int i = 10; i < 30; i++)
		assert_int_equal(put(rig.store, "a", "k", i, LATER), EMA_STORE_FULL);
	assert_int_equal(put(rig.store, "b", "k", 11, LATER), EMA_OK);
	assert_int_equal(put(rig.store, "a", "k", 3, LATER), EMA_EXISTS);
	assert_int_equal(store_remove(rig.store, "k-3", 3, MS), EMA_OK);
	assert_int_equal(put(rig.store, "a", "k", 12, LATER), EMA_OK);
	assert_int_equal(put(rig.store, "a", "k", 13, LATER), EMA_STORE_FULL);
	store_rig_set_clock(&rig, LATER);
	assert_int_equal(put(rig.store, "a", "k", 14, LATER + 1000), EMA_OK);
	store_rig_close(&rig);
	server_end(&server);
}

static int count_told(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	(void)key, (void)key_length, (void)value, (void)value_length, (void)expires;
	++*(int *)data;
	return EMA_OK;
}

/* What the core raises reaches another connection; after more than is kept, all of it; nobody's replay slots. */
static void changes_are_told(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig here, there;
	int told = 0;
	int64_t now;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&here);
	store_rig_init(&there);
	assert_int_equal(rig_open_with(&here, &server, ""), 0);
	assert_int_equal(rig_open_with(&there, &server, ""), 0);
	assert_int_equal(put(here.store, "a", "replay", 1, LATER), EMA_OK);
	assert_int_equal(store_changes(there.store, count_told, &told, 0), EMA_OK);
	assert_int_equal(told, 0);
	assert_int_equal(store_raise(here.store, "e", 1, 4, LATER, &now, MS), EMA_OK);
	assert_int_equal(store_changes(there.store, count_told, &told, 60000), EMA_OK);
	assert_int_equal(told, 1);
	assert_int_equal(store_raise(here.store, "e", 1, 3, LATER, &now, MS), EMA_OK);
	assert_int_equal(store_changes(there.store, count_told, &told, 0), EMA_OK);
	assert_int_equal(told, 1);
	assert_int_equal(store_remove(here.store, "e", 1, MS), EMA_OK);
	assert_int_equal(store_changes(there.store, count_told, &told, 0), EMA_OK);
	assert_int_equal(told, 2);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(store_raise(here.store, i % 2 ? "x" : "y", 1, i + 1, LATER, &now, MS), EMA_OK);
	told = 0;
	assert_int_equal(store_changes(there.store, count_told, &told, 0), EMA_OK);
	assert_int_equal(told, 2);
	store_rig_close(&here);
	store_rig_close(&there);
	server_end(&server);
}

/* JAG-55, JAG-58: a server that is killed answers nothing; one that comes back empty says since when it remembers, and marks are raised
   again by who knows them (REV-18). */
static void a_server_that_comes_back_empty(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	struct marks *marks = NULL;
	struct mark_target target = { MARK_SUBJECT, "https://idp", NULL, "ann" };
	struct mark_query query = { .issued = SUITE_BEGIN, .issuer = "https://idp", .sub = "ann" };
	struct mark_entry entry;
	int64_t since = 0;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, ""), 0);
	assert_int_equal(store_since(rig.store, &since), EMA_UNAVAILABLE);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_OK);
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == SUITE_BEGIN);
	struct marks_settings settings = { .store = rig.store, .clock = &rig.clock.clock };
	assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	assert_int_equal(marks_revoke(marks, &target, 0, 0, MS, NULL), EMA_OK);
	server_kill(&server);
	assert_int_equal(put(rig.store, "a", "k", 2, LATER), EMA_UNAVAILABLE);
	assert_int_not_equal(marks_step(marks, 0), EMA_OK);
	assert_int_equal(marks_revoke(marks, &target, 0, 0, MS, NULL), EMA_STORE_UNAVAILABLE);
	assert_int_equal(marks_check(marks, &query, NULL), EMA_REVOKED);
	store_rig_set_clock(&rig, SUITE_BEGIN + 7000);
	server_start(&server, "");
	/* The call that finds out takes nothing: it was asked by what was known before. */
	for (int i = 0; i < 3000 && since == SUITE_BEGIN; i++) {
		assert_int_equal(put(rig.store, "a", "k", 3, LATER), EMA_UNAVAILABLE);
		assert_int_equal(store_since(rig.store, &since), EMA_OK);
		usleep(20000);
	}
	assert_int_equal(put_at_last(rig.store, "k", 3), EMA_OK);
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == SUITE_BEGIN + 7000);
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	marks_free(marks);
	assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	assert_int_equal(marks_find(marks, &target, &entry, NULL), EMA_OK);
	/* Emptied under our feet: the next put finds out, and is no grant. */
	store_rig_set_clock(&rig, SUITE_BEGIN + 9000);
	server_tell(&server, "FLUSHALL");
	assert_int_equal(put(rig.store, "a", "k", 3, LATER), EMA_UNAVAILABLE);
	assert_int_equal(put_at_last(rig.store, "k", 3), EMA_OK);
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == SUITE_BEGIN + 9000);
	marks_free(marks);
	store_rig_close(&rig);
	server_end(&server);
}

/* A server that does not answer costs the deadline, and its late answer is taken for nothing else. */
static void a_server_that_stops(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, ""), 0);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_OK);
	kill(server.pid, SIGSTOP);
	assert_int_equal(store_put_if_absent(rig.store, "a", "k-2", 3, "v", 1, LATER, 1, 100), EMA_TIMEOUT);
	kill(server.pid, SIGCONT);
	assert_int_equal(put_at_last(rig.store, "k", 1), EMA_EXISTS);
	assert_int_equal(put_at_last(rig.store, "k", 3), EMA_OK);
	store_rig_close(&rig);
	server_end(&server);
}

/* A revocation that the replicas lack is not acknowledged; and what else is wrong with the server is said all the same. */
static void too_few_replicas(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	int64_t now;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, "replicas = 1;"), 0);
	assert_int_equal(store_raise(rig.store, "e", 1, 4, LATER, &now, MS), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "replicas"));
	server_tell(&server, "HSET ema:e:k-1 other 1");
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "not as this version"));
	store_rig_close(&rig);
	server_end(&server);
}

/* A number of INFO's, by what stands before it. */
static long info_of(const struct server *server, const char *section, const char *before)
{
	char line[200], number[32] = "";
	snprintf(line, sizeof line, "redis-cli -s %s/redis.sock INFO %s | sed -n 's/^%s//p'", server->folder, section, before);
	FILE *file = popen(line, "re");
	assert_non_null(file);
	assert_non_null(fgets(number, sizeof number, file));
	pclose(file);
	return atol(number);
}

/* Each raise writes, or WAIT would ask the replicas for nothing where an earlier one that was not acknowledged has set the value. */
static void a_raise_always_writes(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	int64_t now;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, ""), 0);
	assert_int_equal(store_raise(rig.store, "e", 1, 4, LATER, &now, MS), EMA_OK);
	for (int mark = 4; mark > 2; mark--) {
		long before = info_of(&server, "persistence", "rdb_changes_since_last_save:");
		assert_int_equal(store_raise(rig.store, "e", 1, mark, LATER, &now, MS), EMA_OK);
		assert_true(now == 4);
		assert_true(info_of(&server, "persistence", "rdb_changes_since_last_save:") > before);
	}
	store_rig_close(&rig);
	server_end(&server);
}

static int count_entry(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	(void)key, (void)key_length, (void)value, (void)value_length, (void)expires;
	++*(int *)data;
	return EMA_OK;
}

/* REV-18: a server that takes nothing tells what is revoked, to who begins then, too; and what it has may be taken away. */
static void reads_need_no_writes(void **state)
{
	static const char *const lines[] = { "CONFIG SET maxmemory 1", "CONFIG SET min-replicas-to-write 1" };
	NEED_REDIS;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct server server = { .port = 0 };
		struct store_rig first, second;
		int64_t now;
		int count = 0;
		char value[8];
		size_t length = sizeof value;
		server_new(&server, "");
		store_rig_init(&first);
		store_rig_init(&second);
		assert_int_equal(rig_open_with(&first, &server, ""), 0);
		assert_int_equal(store_raise(first.store, "e", 1, 4, LATER, &now, MS), EMA_OK);
		assert_int_equal(put(first.store, "a", "k", 1, LATER), EMA_OK);
		server_tell(&server, lines[i]);
		store_rig_set_clock(&second, SUITE_BEGIN + 2);
		assert_int_equal(rig_open_with(&second, &server, ""), 0);
		assert_int_equal(store_list(second.store, "e", 1, count_entry, &count, MS), EMA_OK);
		assert_int_equal(count, 1);
		assert_int_equal(store_changes(second.store, count_entry, &count, 1000), EMA_OK);
		assert_int_equal(count, 2);
		assert_int_equal(store_get(second.store, "e", 1, value, &length, MS), EMA_OK);
		assert_true(put(second.store, "a", "k", 2, LATER) != EMA_OK);
		if (!i)
			assert_int_equal(store_remove(second.store, "k-1", 3, MS), EMA_OK);
		store_rig_close(&first);
		store_rig_close(&second);
		server_end(&server);
	}
}

/* REV-18: of many, many are read at once; and one that another's clock has ended counts by one's own. */
static void marks_are_read_in_pages(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig first, second;
	int64_t now;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&first);
	store_rig_init(&second);
	assert_int_equal(rig_open_with(&first, &server, ""), 0);
	assert_int_equal(rig_open_with(&second, &server, ""), 0);
	for (int i = 0; i < 700; i++) {
		char key[16];
		snprintf(key, sizeof key, "m-%d", i);
		assert_int_equal(store_raise(first.store, key, strlen(key), 4, LATER, &now, MS), EMA_OK);
	}
	assert_int_equal(put(first.store, "a", "k", 1, LATER), EMA_OK);
	store_rig_set_clock(&second, LATER + 1);
	assert_int_equal(put(second.store, "a", "k", 2, LATER + 3600000), EMA_OK);
	for (int i = 0; i < 2; i++) {
		long before = info_of(&server, "commandstats", "cmdstat_eval:calls=\\([0-9]*\\).*/\\1/p;s/^none");
		int count = 0;
		assert_int_equal(i ? store_changes(first.store, count_entry, &count, 1000) : store_list(first.store, "m-", 2, count_entry, &count, MS), EMA_OK);
		assert_int_equal(count, 700);
		long after = info_of(&server, "commandstats", "cmdstat_eval:calls=\\([0-9]*\\).*/\\1/p;s/^none");
		assert_true(after > before && after < before + 20);
	}
	/* What may be used once does not come back. */
	assert_int_equal(put(first.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
	store_rig_close(&first);
	store_rig_close(&second);
	server_end(&server);
}

/* An error that is over hides none that comes later. */
static void errors_are_told_anew(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, ""), 0);
	server_tell(&server, "SET ema:e:k-1 x");
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "prefix of its own") && !store_rig_says(&rig, "answers again"));
	server_tell(&server, "DEL ema:e:k-1");
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_OK);
	assert_true(store_rig_says(&rig, "answers again"));
	rig.log[0] = 0;
	server_kill(&server);
	assert_int_not_equal(put(rig.store, "a", "k", 2, LATER), EMA_OK);
	assert_true(rig.log[0]);
	store_rig_close(&rig);
	server_start(&server, "");
	server_end(&server);
}

/* Wrong types, other versions, odd values: said, and never trusted. */
static void what_others_wrote(void **state)
{
	static const struct { const char *line, *says; int changes; } cases[] = {
		{ "SET ema:e:k-1 x", "prefix of its own", 0 }, { "HSET ema:e:k-1 other 1", "not as this version", 0 },
		{ "HSET ema:e:k-1 t e x nonsense n 1 v v", "not as this version", 0 }, { "HSET ema:e:k-1 t e x 9000000000000", "not as this version", 0 },
		{ "HSET ema:about format 'ema store 9'", "another version", 1 }, { "SET ema:q:a x", "prefix of its own", 0 },
		{ "CONFIG SET maxmemory 1", "", 0 },
	};
	NEED_REDIS;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server server = { .port = 0 };
		struct store_rig rig;
		server_new(&server, "");
		store_rig_init(&rig);
		assert_int_equal(rig_open_with(&rig, &server, ""), 0);
		assert_int_equal(put(rig.store, "b", "first", 1, LATER), EMA_OK);
		server_tell(&server, cases[i].line);
		int code = put(rig.store, "a", "k", 1, LATER);
		assert_int_equal(code, cases[i].says[0] ? EMA_UNAVAILABLE : EMA_STORE_FULL);
		if (cases[i].changes) {
			store_rig_close(&rig);
			assert_int_equal(rig_open_with(&rig, &server, ""), 0);
			assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
		}
		if (!store_rig_says(&rig, cases[i].says))
			fail_msg("%s: %s", cases[i].line, rig.log);
		store_rig_close(&rig);
		server_end(&server);
	}
}

/* What is refused at the door: a server that drops entries, a replica, a wrong password, a Sentinel that knows no such master. */
static void doors(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	char secret[128], settings[300];
	NEED_REDIS;
	server_new(&server, "maxmemory 100mb\nmaxmemory-policy allkeys-lru");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, ""), 0);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "noeviction"));
	store_rig_close(&rig);
	server_end(&server);
	server_new(&server, "replicaof 127.0.0.1 1");
	assert_int_equal(rig_open_with(&rig, &server, ""), 0);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "replica"));
	store_rig_close(&rig);
	server_end(&server);
	server.port = server_port();
	server_new(&server, "user ema on >geheim ~ema:* +@all\nuser default on nopass ~* +@all");
	snprintf(secret, sizeof secret, "%s/secret", server.folder);
	for (int i = 0; i < 2; i++) {
		int fd = open(secret, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(write(fd, i ? "geheim\n" : "falsch\n", 7), 7);
		close(fd);
		snprintf(settings, sizeof settings, "server = \"127.0.0.1:%d\"; user = \"ema\"; password = { file = \"%s\"; };", server.port, secret);
		assert_int_equal(store_rig_open(&rig, "redis", settings), 0);
		assert_int_equal(put(rig.store, "a", "k", 1, LATER), i ? EMA_OK : EMA_UNAVAILABLE);
		assert_true(i || (store_rig_says(&rig, "WRONGPASS") && !store_rig_says(&rig, "falsch")));
		store_rig_close(&rig);
	}
	snprintf(settings, sizeof settings, "sentinels = [\"127.0.0.1:%d\"]; master = \"m\";", server.port);
	assert_int_equal(store_rig_open(&rig, "redis", settings), 0);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "unknown command"));
	store_rig_close(&rig);
	unlink(secret);
	server_end(&server);
}

static void settings_that_are_wrong(void **state)
{
	static const struct { const char *settings, *says; } bad[] = {
		{ "", "exactly one of" }, { "server = \"h\"; socket = \"/s\";", "exactly one of" }, { "sentinels = [\"a\"];", "come together" },
		{ "server = \"h\"; master = \"m\";", "come together" }, { "server = \"h\"; user = \"u\";", "has a password" },
		{ "server = \"h\"; password = \"p\";", "secret" }, { "server = \"h\"; prefix = \"\";", "1 to 64" }, { "server = \"h\"; ca_file = \"/x\";", "tls" },
		{ "socket = \"/s\"; tls = true;", "tls is for" }, { "server = \"h\"; tls = true; ca_file = \"/does/not/exist\";", "no certificate" },
		{ "server = \"h\"; sever = 1;", "server" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct store_rig rig;
		store_rig_init(&rig);
		assert_int_equal(store_rig_open(&rig, "redis", bad[i].settings), -1);
		if (!store_rig_says(&rig, bad[i].says))
			fail_msg("%s: %s", bad[i].settings, rig.findings.count ? rig.findings.list[0].text : "nothing said");
		store_rig_close(&rig);
	}
}

/* JAG-51: for as long as a clock was ahead nothing is taken that may have been forgotten then, and the log says why. */
static void a_clock_that_was_ahead(void **state)
{
	struct server server = { .port = 0 };
	struct store_rig rig;
	NEED_REDIS;
	server_new(&server, "");
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, &server, ""), 0);
	store_rig_clock_was_ahead(&rig, LATER, "The clock of this host, or another's, was ahead");
	store_rig_close(&rig);
	server_end(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_the_suite),
		cmocka_unit_test(a_quota_limits_its_provider_alone),
		cmocka_unit_test(changes_are_told),
		cmocka_unit_test(a_server_that_comes_back_empty),
		cmocka_unit_test(a_server_that_stops),
		cmocka_unit_test(too_few_replicas),
		cmocka_unit_test(a_raise_always_writes),
		cmocka_unit_test(reads_need_no_writes),
		cmocka_unit_test(marks_are_read_in_pages),
		cmocka_unit_test(errors_are_told_anew),
		cmocka_unit_test(what_others_wrote),
		cmocka_unit_test(doors),
		cmocka_unit_test(settings_that_are_wrong),
		cmocka_unit_test(a_clock_that_was_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
