/*
 * No memory, at each place where a plugin asks for it itself: an error, never an answer that is not so, and nothing broken behind it.
 */
#define _GNU_SOURCE
#include "rig.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fakehost.h"
#include "store_rig.h"

#include "../audit/sinks.h"
#include "../context/torture.h"

#define FOLDER BUILDDIR "/tests/plugins/torture/.libs"
#define PEOPLE 40 /* more than there is room for at first */

static char scratch[256];

/* go() fails its n-th allocation (all: and all that follow) and says whether there was one. At least so many there are. */
static void without_each(int (*go)(const void *what, long n, int all), const void *what, long least)
{
	for (int all = 0; all < 2; all++) {
		long n = 1;
		while (go(what, n, all))
			n++;
		if (n <= least)
			fail_msg("%ld allocations, expected %ld", n - 1, least);
	}
}

/* ---- Identity ---- */

struct provider {
	const char *plugin, *settings, *key_issuer;
	struct rig_token token;
	long least;
};

static int identify(const void *what, long n, int all)
{
	const struct provider *p = what;
	struct rig rig;
	struct rig_answer answer = { .code = EMA_OUT_OF_MEMORY };
	rig_key_issuer = p->key_issuer;
	arm(n, all);
	int opened = !rig_open(&rig, p->plugin, PLUGIN_IDENTITY, p->settings);
	if (opened)
		rig_identify(&rig, &p->token, &answer);
	int failed = disarm();
	if (failed ? answer.code != EMA_OUT_OF_MEMORY : answer.code != EMA_OK)
		fail_msg("%s without allocation %ld (%d): %d, %s", p->plugin, n, all, answer.code, answer.failure.text);
	assert_true(opened || rig_says(&rig, "no memory"));
	rig_answer_free(&answer);
	rig_close(&rig);
	return failed;
}

#define TENANT "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
#define TIMES { "iat", "1795435200" }, { "exp", "1795435500" }

static void providers(void **state)
{
	static const struct rig_member oidc[] = { { "iss", "\"https://idp.example\"" }, { "aud", "\"mcp\"" }, TIMES, { "jti", "\"1\"" },
		{ "sub", "\"ada\"" }, { "client_id", "\"vscode\"" }, { "scope", "\"read\"" }, { NULL, NULL } };
	static const struct rig_member okta[] = { { "iss", "\"https://acme.okta.com\"" }, { "aud", "\"https://auth.acme.example\"" }, TIMES,
		{ "jti", "\"1\"" }, { "sub", "\"00u1\"" }, { "client_id", "\"vscode\"" }, { "scope", "\"read\"" }, { NULL, NULL } };
	static const struct rig_member azure[] = { { "iss", "\"https://login.microsoftonline.com/" TENANT "/v2.0\"" }, { "aud", "\"mcp\"" }, TIMES,
		{ "azp", "\"vscode\"" }, { "azpacr", "\"0\"" }, { "oid", "\"690222be-ff1a-4d56-abd1-7e4f7d38e474\"" }, { "scp", "\"read\"" },
		{ "sub", "\"pairwise\"" }, { "tid", "\"" TENANT "\"" }, { "ver", "\"2.0\"" }, { NULL, NULL } };
	static const struct provider rows[] = {
		{ "oidc", "issuer = \"https://idp.example\"; ", NULL, { EMA_ACCESS_TOKEN, "at+jwt", "", oidc, NULL, "mcp", "vscode", NULL, 0 }, 1 },
		{ "okta_xaa", "org = \"https://acme.okta.com\"; ", NULL,
		  { EMA_ID_JAG, "oauth-id-jag+jwt", "", okta, NULL, "https://auth.acme.example", "vscode", NULL, 0 }, 2 },
		{ "azure_ad", "tenant = \"" TENANT "\"; broker = { issuer = \"https://broker.example\"; jwks_url = \"https://broker.example/keys\"; }; ",
		  "https://login.microsoftonline.com/{tenantid}/v2.0", { EMA_ACCESS_TOKEN, "JWT", "", azure, NULL, "mcp", "vscode", NULL, 0 }, 6 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		without_each(identify, &rows[i], rows[i].least);
	rig_key_issuer = NULL;
}

/* ---- Directory ---- */

/* People who are in the group, in another file each time. */
static void write_people(const char *group)
{
	char path[300], fresh[320];
	snprintf(path, sizeof path, "%s/people.conf", scratch);
	snprintf(fresh, sizeof fresh, "%s.new", path);
	FILE *file = fopen(fresh, "we");
	assert_non_null(file);
	fputs("people = (", file);
	for (int i = 0; i < PEOPLE; i++)
		fprintf(file, "%s{ id = \"p%d\"; subjects = [\"okta/-/%d\"]; groups = [\"%s\"]; }", i ? ",\n" : "", i, i, group);
	fputs(");\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(fresh, 0600), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static int is_in(struct rig *rig, const char *group)
{
	const char *items[16] = { NULL };
	struct rig_answer answer;
	items[EMA_ITEM_PROVIDER] = "okta";
	items[EMA_ITEM_SUBJECT] = "7";
	rig_lookup(rig, items, &answer);
	assert_int_equal(answer.code, EMA_OK);
	int has = rig_has(&answer.result->groups, group);
	rig_answer_free(&answer);
	return has;
}

static int look_up(const void *what, long n, int all)
{
	struct rig rig;
	char settings[400];
	(void)what;
	write_people("first");
	snprintf(settings, sizeof settings, "path = \"%s/people.conf\"; ", scratch);
	arm(n, all);
	int opened = !rig_open(&rig, "file", PLUGIN_DIRECTORY, settings);
	if (opened) {
		assert_true(is_in(&rig, "first"));
		write_people("second");
		rig.wall += 2000;
		int old = is_in(&rig, "first"), new = is_in(&rig, "second");
		assert_int_equal(old + new, 1);
		assert_true(new || fired);
	}
	int failed = disarm();
	if (opened) {
		write_people("third");
		rig.wall += 2000;
		assert_true(is_in(&rig, "third"));
	} else {
		assert_true(failed && rig_says(&rig, "no memory"));
	}
	rig_close(&rig);
	return failed;
}

static void directory(void **state)
{
	(void)state;
	make_scratch(scratch, sizeof scratch);
	/* Opened and read anew: a table that grows twice among them, and a key for each id and each subject. */
	without_each(look_up, NULL, 2 * (6 + 2 * PEOPLE));
	remove_tree(scratch);
}

/* ---- Sinks ---- */

static const struct ema_audit_ops *ops;

static int offer(ema_instance *self, int number)
{
	static const char big[5000] = { [0 ... sizeof big - 2] = 'x' };
	char id[40], seq[12], line[200];
	const char *names[] = { "id", "writer", "seq", "big" }, *values[] = { id, "w", seq, big };
	snprintf(id, sizeof id, "01936000-0000-7000-8000-%012d", number);
	snprintf(seq, sizeof seq, "%d", number);
	snprintf(line, sizeof line, "{\"id\":\"%s\",\"seq\":%d,\"writer\":\"w\"}", id, number);
	const ema_event event = { .line = line, .length = strlen(line), .count = 4, .names = names, .values = values };
	return ops->record(self, &event);
}

static void write_line(const char *path, int number, const char *end)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "{\"id\":\"01936000-0000-7000-8000-%012d\",\"seq\":%d,\"writer\":\"w\"}%s", number, number, end);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0640), 0);
}

static int count_in(const char *path, const char *text)
{
	char all[4096] = "";
	int count = 0;
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_true(fread(all, 1, sizeof all - 1, file) > 0);
	fclose(file);
	for (const char *at = all; (at = strstr(at, text)); at++)
		count++;
	return count;
}

/* Behind a rotation and a crash: what is in either file comes again, and is in neither twice. */
static int to_file(const void *what, long n, int all)
{
	char path[280], older[300], seq[20];
	(void)what;
	make_scratch(scratch, sizeof scratch);
	snprintf(path, sizeof path, "%s/audit.jsonl", scratch);
	snprintf(older, sizeof older, "%s.1", path);
	write_line(older, 1, "\n");
	write_line(path, 2, "\n{\"half");
	const struct setting settings[] = { { "path", path, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	ema_instance *self = NULL;
	arm(n, all);
	int code = ops->open(&fake_host, NULL, &conf, &self), taken = 1;
	for (int i = 1; !code && i <= 3 && taken == i; i++)
		taken += offer(self, i) == EMA_OK;
	int failed = disarm();
	assert_true(code == EMA_OK ? taken > 3 || failed : failed && code == EMA_OUT_OF_MEMORY && !self);
	if (code)
		self = open_sink(ops, &conf);
	for (int i = taken; i <= 3; i++)
		assert_int_equal(offer(self, i), EMA_OK);
	ops->close(self);
	for (int i = 1; i <= 3; i++) {
		snprintf(seq, sizeof seq, "\"seq\":%d,", i);
		if (count_in(path, seq) + count_in(older, seq) != 1)
			fail_msg("without allocation %ld (%d): record %d is there %d times", n, all, i, count_in(path, seq) + count_in(older, seq));
	}
	remove_tree(scratch);
	return failed;
}

static int to_socket(const void *transport, long n, int all)
{
	char *text = malloc(65536);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(scratch, sizeof scratch, "/tmp/ema-torture-XXXXXX"); /* a socket's path is short */
	assert_non_null(mkdtemp(scratch));
	snprintf(address.sun_path, sizeof address.sun_path, "%.60s/log", scratch);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_non_null(text);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	const struct setting settings[] = { { "path", address.sun_path, 0 }, { "transport", transport, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	ema_instance *self = NULL;
	arm(n, all);
	int opened = ops->open(&fake_host, NULL, &conf, &self), code = opened ? opened : offer(self, 1);
	int failed = disarm();
	assert_true(failed ? code == EMA_OUT_OF_MEMORY : code == EMA_OK);
	assert_int_equal(recv(fd, text, 65535, MSG_DONTWAIT) > 0, code == EMA_OK);
	if (opened)
		self = open_sink(ops, &conf);
	assert_int_equal(offer(self, 2), EMA_OK);
	ssize_t length = recv(fd, text, 65535, MSG_DONTWAIT);
	assert_true(length > 0);
	assert_non_null(memmem(text, (size_t)length, "\"seq\":2", 7));
	ops->close(self);
	close(fd);
	free(text);
	remove_tree(scratch);
	return failed;
}

static void sinks(void **state)
{
	(void)state;
	ops = load_sink(FOLDER "/file.so");
	without_each(to_file, NULL, 3);
	ops = load_sink(FOLDER "/syslog.so");
	without_each(to_socket, "local", 2);
	without_each(to_socket, "journald", 4);
}

/* ---- Stores ---- */

#define LATER (SUITE_BEGIN + 3600000)

/* What was acknowledged is there afterwards, and in the next process. */
static int to_lmdb(const void *what, long n, int all)
{
	struct store_rig rig;
	char settings[300], value[8];
	int codes[3] = { EMA_OUT_OF_MEMORY, EMA_OUT_OF_MEMORY, EMA_OUT_OF_MEMORY };
	(void)what;
	make_scratch(scratch, sizeof scratch);
	snprintf(settings, sizeof settings, "path = \"%s/store\"; ", scratch);
	store_rig_init(&rig);
	arm(n, all);
	for (int i = 0; i < 3; i++) {
		if (!store_rig_open(&rig, "lmdb", settings))
			codes[i] = store_put_if_absent(rig.store, NULL, "k", 1, "v", 1, LATER, 1, 10000);
		else
			assert_true(store_rig_says(&rig, "no memory"));
		store_rig_close(&rig);
	}
	int failed = disarm(), first = 0;
	while (first < 3 && codes[first] != EMA_OK)
		first++;
	for (int i = 0; i < 3; i++)
		if (i != first && !(i > first && codes[i] == EMA_EXISTS) && !(failed && (codes[i] == EMA_OUT_OF_MEMORY || codes[i] == EMA_UNAVAILABLE)))
			fail_msg("without allocation %ld (%d): %d: %d", n, all, i, codes[i]);
	size_t length = sizeof value;
	assert_int_equal(store_rig_open(&rig, "lmdb", settings), 0);
	assert_int_equal(store_get(rig.store, "k", 1, value, &length, 10000), first < 3 ? EMA_OK : EMA_ABSENT);
	store_rig_close(&rig);
	remove_tree(scratch);
	return failed;
}

static void lmdb(void **state)
{
	(void)state;
	if (access(FOLDER "/lmdb.so", F_OK))
		test_skip("the plugin was not built");
	without_each(to_lmdb, NULL, 6);
}

/* It asks when it is opened alone: all else is hiredis's. */
static int to_redis(const void *what, long n, int all)
{
	struct store_rig rig;
	(void)what;
	store_rig_init(&rig);
	arm(n, all);
	int code = store_rig_open(&rig, "redis", "socket = \"/nonexistent/redis.sock\"; ");
	if (!code)
		code = store_put_if_absent(rig.store, NULL, "k", 1, "v", 1, LATER, 1, 100) == EMA_UNAVAILABLE ? 0 : 1;
	int failed = disarm();
	assert_int_equal(code != 0, failed);
	assert_true(!failed || store_rig_says(&rig, "no memory"));
	store_rig_close(&rig);
	return failed;
}

static void redis(void **state)
{
	(void)state;
	if (access(FOLDER "/redis.so", F_OK))
		test_skip("the plugin was not built");
	without_each(to_redis, NULL, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(providers),
		cmocka_unit_test(directory),
		cmocka_unit_test(sinks),
		cmocka_unit_test(lmdb),
		cmocka_unit_test(redis),
	};
	rig_folder = store_rig_folder = FOLDER;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
