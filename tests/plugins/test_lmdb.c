#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "marks.h"
#include "store_rig.h"

#define MS 10000
#define LATER (SUITE_BEGIN + 3600000)
#define KILLS 100

static char folder[64];

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void folder_new(void)
{
	snprintf(folder, sizeof folder, "/tmp/ema-lmdb-XXXXXX");
	assert_non_null(mkdtemp(folder));
}

static void folder_end(void)
{
	nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static int rig_open_with(struct store_rig *rig, const char *more)
{
	char settings[300];
	snprintf(settings, sizeof settings, "path = \"%s/store\"; %s", folder, more);
	return store_rig_open(rig, "lmdb", settings);
}

static int put(struct store *store, const char *quota, const char *kind, int number, int64_t expires)
{
	char key[40];
	snprintf(key, sizeof key, "%s-%d", kind, number);
	return store_put_if_absent(store, quota, key, strlen(key), "v", 1, expires, 1, MS);
}

/* JAG-51 JAG-53 JAG-55 */
static void passes_the_suite(void **state)
{
	(void)state;
	for (const struct suite_case *c = suite_cases; c->name; c++) {
		struct store_rig rig;
		folder_new();
		store_rig_init(&rig);
		assert_int_equal(rig_open_with(&rig, ""), 0);
		c->run(rig.store, &rig.clock);
		store_rig_close(&rig);
		folder_end();
	}
}

/* JAG-58, REV-18: what was put is there after a restart, with its count, its quota and its end; the clock's latest time, too. */
static void survives_a_restart(void **state)
{
	(void)state;
	struct store_rig rig;
	int64_t now = 0, since = 0, again = 0;
	unsigned char bytes[STORE_MARK];
	size_t length = sizeof bytes;
	folder_new();
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, "quota = 3; entries = 1000;"), 0);
	assert_int_equal(store_since(rig.store, &since), EMA_OK);
	assert_true(since == SUITE_BEGIN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(put(rig.store, "a", "k", i, LATER), EMA_OK);
	assert_int_equal(store_raise(rig.store, "epoch", 5, 77, LATER, &now, MS), EMA_OK);
	assert_int_equal(store_put_if_absent(rig.store, "b", "twice", 5, "v", 1, LATER, 2, MS), EMA_OK);
	store_rig_set_clock(&rig, SUITE_BEGIN + 5000);
	assert_int_equal(put(rig.store, NULL, "core", 1, LATER), EMA_OK);
	store_rig_close(&rig);
	store_rig_set_clock(&rig, SUITE_BEGIN + 1000);
	assert_int_equal(rig_open_with(&rig, "quota = 3; entries = 1000;"), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(put(rig.store, "a", "k", i, LATER), EMA_EXISTS);
	assert_int_equal(put(rig.store, "a", "k", 3, LATER), EMA_STORE_FULL);
	assert_int_equal(put(rig.store, "b", "k", 3, LATER), EMA_OK);
	assert_int_equal(put(rig.store, "b", "k", 4, SUITE_BEGIN + 4000), EMA_UNAVAILABLE);
	assert_int_equal(store_put_if_absent(rig.store, "b", "twice", 5, "v", 1, LATER, 2, MS), EMA_OK);
	assert_int_equal(store_put_if_absent(rig.store, "b", "twice", 5, "v", 1, LATER, 2, MS), EMA_EXISTS);
	assert_int_equal(store_get(rig.store, "epoch", 5, bytes, &length, MS), EMA_OK);
	assert_true(store_mark_read(bytes) == 77);
	assert_int_equal(store_since(rig.store, &again), EMA_OK);
	assert_true(again == since);
	store_rig_close(&rig);
	folder_end();
}

/* JAG-57: full by entries and by bytes; a quota limits its provider alone; what ended makes room. */
static void full_refuses_and_drops_nothing(void **state)
{
	(void)state;
	static const char *const limits[] = { "entries = 1000; quota = 100000;", "size = \"1MiB\"; quota = 1000000;" };
	for (size_t i = 0; i < 2; i++) {
		struct store_rig rig;
		int count = 0, code;
		folder_new();
		store_rig_init(&rig);
		char more[200];
		snprintf(more, sizeof more, "%s sync = false;", limits[i]);
		assert_int_equal(rig_open_with(&rig, more), 0);
		while ((code = put(rig.store, "a", "k", count, LATER)) == EMA_OK)
			assert_true(++count < 100000);
		assert_int_equal(code, EMA_STORE_FULL);
		assert_true(count >= 875);
		for (int k = 0; k < count; k += 7)
			assert_int_equal(put(rig.store, "b", "k", k, LATER), EMA_EXISTS);
		int64_t now;
		/* Whoever fills his quotas stops no revocation; that has room of its own, and an end, too. */
		int marks = 0;
		char name[16];
		do
			snprintf(name, sizeof name, "epoch%d", marks);
		while ((code = store_raise(rig.store, name, strlen(name), 1, LATER, &now, MS)) == EMA_OK && ++marks < 100000);
		assert_int_equal(code, EMA_STORE_FULL);
		assert_in_range(marks, count / 16, count / 4);
		store_rig_set_clock(&rig, LATER);
		for (int k = 0; k < count / 2; k++)
			assert_int_equal(put(rig.store, "b", "new", k, LATER + 1000), EMA_OK);
		store_rig_close(&rig);
		folder_end();
	}
}

static int count_told(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	(void)key, (void)key_length, (void)value, (void)value_length, (void)expires;
	++*(int *)data;
	return EMA_OK;
}

/* Another process hears of marks within a second, after more changes than are kept of all, and of nobody's replay slots. */
static void changes_reach_another_process(void **state)
{
	(void)state;
	struct store_rig rig;
	int told = 0;
	int64_t now;
	folder_new();
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, "sync = false; share = \"same-trust\";"), 0);
	assert_int_equal(put(rig.store, "a", "replay", 1, LATER), EMA_OK);
	assert_int_equal(store_changes(rig.store, count_told, &told, 0), EMA_OK);
	assert_int_equal(told, 0);
	for (int round = 0; round < 2; round++) {
		pid_t child = fork();
		if (!child) {
			/* The parent's is no use here; one of its own is. */
			struct store_rig own;
			int well = put(rig.store, "a", "child", 1, LATER) == EMA_UNAVAILABLE && store_get(rig.store, "e", 1, &now, &(size_t){ 8 }, MS) == EMA_UNAVAILABLE;
			store_rig_init(&own);
			well = well && rig_open_with(&own, "sync = false; share = \"same-trust\";") == 0;
			for (int i = 0; well && i < (round ? 5000 : 1); i++) {
				char key[16];
				int length = snprintf(key, sizeof key, "e%d", i % 100);
				well = store_raise(own.store, key, (size_t)length, round + 1 + i, LATER, &now, MS) == EMA_OK;
			}
			store_rig_close(&own);
			test_child_ends(well);
		}
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		told = 0;
		assert_int_equal(store_changes(rig.store, count_told, &told, 60000), EMA_OK);
		assert_int_equal(told, round ? 101 : 1);
		told = 0;
		assert_int_equal(store_changes(rig.store, count_told, &told, 30), EMA_OK);
		assert_int_equal(told, 0);
	}
	store_rig_close(&rig);
	folder_end();
}

/* Takes numbers in order, each after saying through the pipe that it has it. */
static void redeem(int out, int from)
{
	struct store_rig rig;
	int ready = -1;
	store_rig_init(&rig);
	if (rig_open_with(&rig, "sync = false; share = \"same-trust\";") || write(out, &ready, sizeof ready) != sizeof ready)
		_exit(1);
	for (int i = from;; i++) {
		int code = put(rig.store, "a", "jti", i, LATER);
		if (code == EMA_OK && write(out, &i, sizeof i) != sizeof i)
			_exit(1);
		if (code != EMA_OK && code != EMA_EXISTS)
			_exit(1);
	}
}

struct granted {
	unsigned char numbers[4000000];
	int most, count;
};

/* A number that came through the pipe; one below 0 says that its writer is ready. */
static void granted_once(struct granted *granted, int number)
{
	if (number < 0)
		return;
	assert_in_range(number, 0, sizeof granted->numbers - 1);
	assert_int_equal(granted->numbers[number], 0);
	granted->numbers[number] = 1;
	granted->most = number > granted->most ? number : granted->most;
	granted->count++;
}

/* JAG-55, JAG-58: two processes redeem the same assertions and are killed in the middle, a hundred times. Nothing that was
   acknowledged is forgotten, and nothing is acknowledged twice. */
static void survives_kills(void **state)
{
	(void)state;
	static struct granted granted;
	struct store_rig rig;
	int kills = getenv("VALGRIND") ? 3 : KILLS;
	folder_new();
	memset(&granted, 0, sizeof granted);
	/* The file is there: a busy machine might kill each of them before it made one. */
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, "sync = false;"), 0);
	assert_int_equal(put(rig.store, "a", "first", 0, LATER), EMA_OK);
	store_rig_close(&rig);
	for (int round = 0; round < kills; round++) {
		int ends[2];
		pid_t children[2];
		assert_int_equal(pipe(ends), 0);
		assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) > 0);
		for (int i = 0; i < 2; i++) {
			children[i] = fork();
			if (!children[i]) {
				close(ends[0]);
				redeem(ends[1], granted.most > 20 ? granted.most - 20 : 0);
			}
		}
		close(ends[1]);
		int number;
		/* In the last round something is granted before, however slow the machine is. */
		do {
			assert_int_equal(read(ends[0], &number, sizeof number), sizeof number);
			granted_once(&granted, number);
		} while (number < 0 && round == kills - 1);
		usleep((useconds_t)(round * 997 % 20000));
		for (int i = 0; i < 2; i++)
			kill(children[i], SIGKILL);
		for (int i = 0; i < 2; i++) {
			int status = 0;
			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_true(WIFSIGNALED(status));
		}
		while (read(ends[0], &number, sizeof number) == sizeof number)
			granted_once(&granted, number);
		close(ends[0]);
	}
	assert_true(granted.count > 0);
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, ""), 0);
	for (int i = 0; i <= granted.most; i++)
		if (granted.numbers[i])
			assert_int_equal(put(rig.store, "a", "jti", i, LATER), EMA_EXISTS);
	store_rig_close(&rig);
	folder_end();
}

static void overwrite(const char *name, long offset, const void *bytes, size_t length)
{
	char path[128];
	snprintf(path, sizeof path, "%s/store/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, length, offset), (ssize_t)length);
	close(fd);
}

/* A file that is not whole, not LMDB's, another program's, another version's, or that others may write, is refused, with a way out. */
static void bad_files_are_refused(void **state)
{
	(void)state;
	static const char garbage[8192] = "no LMDB file";
	static const char *const says[] = { "corrupt, truncated", "corrupt, truncated", "corrupt", "yours or root's", "yours or root's", "yours or root's" };
	for (int i = 0; i < 6; i++) {
		struct store_rig rig;
		char path[100];
		folder_new();
		store_rig_init(&rig);
		assert_int_equal(rig_open_with(&rig, "sync = false;"), 0);
		for (int k = 0; k < 2000; k++)
			assert_int_equal(put(rig.store, "a", "k", k, LATER), EMA_OK);
		store_rig_close(&rig);
		snprintf(path, sizeof path, "%s/store/data.mdb", folder);
		if (i == 0) {
			assert_int_equal(truncate(path, 3 * 4096), 0);
		} else if (i == 1) {
			overwrite("data.mdb", 0, garbage, sizeof garbage);
		} else if (i == 2) {
			/* Whole by its first pages, and nonsense behind. */
			struct stat st;
			assert_int_equal(stat(path, &st), 0);
			for (long at = 2 * 4096; at + 4096 <= st.st_size; at += 4096)
				overwrite("data.mdb", at, garbage, 4096);
		} else if (i == 3) {
			assert_int_equal(chmod(path, 0666), 0);
		} else if (i == 4) {
			snprintf(path, sizeof path, "%s/store", folder);
			assert_int_equal(chmod(path, 0777), 0);
		} else {
			assert_int_equal(unlink(path), 0);
			assert_int_equal(symlink("/dev/null", path), 0);
		}
		if (rig_open_with(&rig, "") == 0)
			fail_msg("case %d was taken", i);
		if (!store_rig_says(&rig, says[i]))
			fail_msg("case %d: %s", i, rig.findings.count ? rig.findings.list[0].text : "nothing said");
		store_rig_close(&rig);
		folder_end();
	}
}

/* While it is open: a file that is cut is no signal, and no end of the process. */
static void a_file_that_is_cut_while_open(void **state)
{
	(void)state;
	struct store_rig rig;
	char path[100];
	size_t length = 8;
	char out[8];
	folder_new();
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, "sync = false;"), 0);
	for (int k = 0; k < 2000; k++)
		assert_int_equal(put(rig.store, "a", "k", k, LATER), EMA_OK);
	snprintf(path, sizeof path, "%s/store/data.mdb", folder);
	assert_int_equal(truncate(path, 3 * 4096), 0);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_UNAVAILABLE);
	assert_int_equal(store_get(rig.store, "k-1", 3, out, &length, MS), EMA_UNAVAILABLE);
	assert_true(store_rig_says(&rig, "move its folder away"));
	store_rig_close(&rig);
	folder_end();
}

/* A full disk: by a limit of this process's, which LMDB meets as it does ENOSPC. Nothing is granted that was not kept. */
static void a_full_disk(void **state)
{
	(void)state;
	folder_new();
	pid_t child = fork();
	if (!child) {
		struct store_rig rig;
		struct rlimit limit = { 256 * 1024, 256 * 1024 };
		int well, count = 0, code = EMA_OK;
		signal(SIGXFSZ, SIG_IGN);
		store_rig_init(&rig);
		well = rig_open_with(&rig, "sync = false;") == 0 && put(rig.store, "a", "first", 1, LATER) == EMA_OK && setrlimit(RLIMIT_FSIZE, &limit) == 0;
		while (well && count < 100000 && (code = put(rig.store, "a", "k", count, LATER)) == EMA_OK)
			count++;
		/* A write that ends half way is an I/O error to LMDB. */
		well = well && (code == EMA_STORE_FULL || code == EMA_UNAVAILABLE) && count > 100;
		for (int i = 0; well && i < count; i++)
			well = put(rig.store, "a", "k", i, LATER) == EMA_EXISTS;
		store_rig_close(&rig);
		test_child_ends(well);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	folder_end();
}

/* A writer that is stopped costs the others their deadline, not more. */
static void a_stopped_writer(void **state)
{
	(void)state;
	struct store_rig rig;
	int ends[2];
	char byte;
	folder_new();
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, "sync = false;"), 0);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_OK);
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (!child) {
		char path[100];
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
		snprintf(path, sizeof path, "%s/store/writer.lock", folder);
		int fd = open(path, O_RDWR);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fd < 0 || fcntl(fd, F_SETLK, &lock) || write(ends[1], "x", 1) != 1 || pause());
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(store_put_if_absent(rig.store, "a", "j", 1, "v", 1, LATER, 1, 50), EMA_TIMEOUT);
	size_t length = 1;
	assert_int_equal(store_get(rig.store, "k-1", 3, &byte, &length, MS), EMA_OK);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(store_put_if_absent(rig.store, "a", "j", 1, "v", 1, LATER, 1, MS), EMA_OK);
	close(ends[0]);
	close(ends[1]);
	store_rig_close(&rig);
	folder_end();
}

/* Opening alone makes nothing; two instances of one process share the file. */
static void opening(void **state)
{
	(void)state;
	static const struct { const char *settings, *says; } bad[] = {
		{ "", "the folder for the store must be named" }, { "path = \"x\"; size = \"10KiB\";", "1MiB" }, { "path = \"x\"; entries = 1;", "1000" },
		{ "path = \"x\"; sync = 7;", "sync" }, { "path = \"x\"; share = \"all\";", "same-trust" }, { "path = \"x\"; seize = 7;", "size" },
	};
	struct store_rig rig, other;
	struct stat st;
	char path[100];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		store_rig_init(&rig);
		assert_int_equal(store_rig_open(&rig, "lmdb", bad[i].settings), -1);
		if (!store_rig_says(&rig, bad[i].says))
			fail_msg("%s: %s", bad[i].settings, rig.findings.count ? rig.findings.list[0].text : "nothing said");
		store_rig_close(&rig);
	}
	folder_new();
	store_rig_init(&rig);
	store_rig_init(&other);
	assert_int_equal(rig_open_with(&rig, ""), 0);
	snprintf(path, sizeof path, "%s/store", folder);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rig_open_with(&other, ""), 0);
	assert_int_equal(put(other.store, "a", "k", 1, LATER), EMA_EXISTS);
	store_rig_close(&rig);
	assert_int_equal(put(other.store, "a", "k", 2, LATER), EMA_OK);
	store_rig_close(&other);
	folder_end();
}

/* A process that tells how it went: 'y' if it was as it should be, and 's' if it said why not, else 'q'. It holds the store until it is killed. */
static pid_t other_process(const char *more, int replay, char *said)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (!child) {
		struct store_rig rig;
		char answer[2] = "nn";
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where the parent's test ends early */
		store_rig_init(&rig);
		if (rig_open_with(&rig, more) == 0) {
			answer[0] = put(rig.store, "a", "k", 1, LATER) == replay ? 'y' : 'n';
			answer[1] = store_rig_says(&rig, "another process uses this store, and not both have share = \"same-trust\"") ? 's' : 'q';
		}
		_exit(write(ends[1], answer, 2) != 2 || pause());
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], said, 2), 2);
	close(ends[0]);
	return child;
}

static void end_process(pid_t child)
{
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* JAG-55: processes that were asked to share behave as one; who was not asked has a store to himself, and looks at it all the same. */
static void sharing_is_asked_for(void **state)
{
	(void)state;
	static const struct { const char *first, *second; int code; } cases[] = {
		{ "share = \"same-trust\";", "share = \"same-trust\";", EMA_EXISTS }, { "", "", EMA_UNAVAILABLE },
		{ "share = \"same-trust\";", "", EMA_UNAVAILABLE }, { "", "share = \"same-trust\";", EMA_UNAVAILABLE },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char said[2];
		struct store_rig rig;
		folder_new();
		pid_t first = other_process(cases[i].first, EMA_OK, said);
		assert_memory_equal(said, "yq", 2);
		pid_t second = other_process(cases[i].second, cases[i].code, said);
		assert_memory_equal(said, cases[i].code == EMA_UNAVAILABLE ? "ys" : "yq", 2);
		end_process(second);
		/* Opening it is a look, which emactl takes while emad has it. */
		store_rig_init(&rig);
		assert_int_equal(rig_open_with(&rig, cases[i].second), 0);
		assert_int_equal(put(rig.store, "a", "k", 1, LATER), cases[i].code);
		end_process(first);
		/* It is free with the end of the one that had it, however that came. */
		assert_int_equal(put(rig.store, "a", "k", 1, LATER), EMA_EXISTS);
		store_rig_close(&rig);
		folder_end();
	}
}

/* JAG-55: who wants a store to himself has none that another instance of the same process shares with others. */
static void sharing_within_a_process(void **state)
{
	(void)state;
	static const struct { const char *first, *second; int code; } cases[] = {
		{ "share = \"same-trust\";", "share = \"same-trust\";", EMA_EXISTS }, { "", "", EMA_EXISTS }, { "share = \"same-trust\";", "", EMA_UNAVAILABLE },
		{ "", "share = \"same-trust\";", EMA_EXISTS },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct store_rig first, second;
		folder_new();
		store_rig_init(&first);
		store_rig_init(&second);
		assert_int_equal(rig_open_with(&first, cases[i].first), 0);
		assert_int_equal(put(first.store, "a", "k", 1, LATER), EMA_OK);
		assert_int_equal(rig_open_with(&second, cases[i].second), 0);
		assert_int_equal(put(second.store, "a", "k", 1, LATER), cases[i].code);
		assert_int_equal(store_rig_says(&second, "or a part of this one, uses this store"), cases[i].code == EMA_UNAVAILABLE);
		assert_int_equal(put(first.store, "a", "k", 1, LATER), EMA_EXISTS);
		store_rig_close(&first);
		store_rig_close(&second);
		folder_end();
	}
}

/* REV-16, REV-18: marks over the file: another process has them with its next step, and a new one with its first. */
static void marks_survive(void **state)
{
	(void)state;
	struct store_rig rig;
	struct marks *marks = NULL;
	struct mark_target target = { MARK_SUBJECT, "https://idp", NULL, "ann" };
	struct mark_query query = { .issued = SUITE_BEGIN, .issuer = "https://idp", .sub = "ann" };
	folder_new();
	for (int i = 0; i < 2; i++) {
		store_rig_init(&rig);
		assert_int_equal(rig_open_with(&rig, ""), 0);
		struct marks_settings settings = { .store = rig.store, .clock = &rig.clock.clock };
		assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		assert_int_equal(marks_check(marks, &query, NULL), i ? EMA_REVOKED : EMA_OK);
		if (!i)
			assert_int_equal(marks_revoke(marks, &target, 0, 0, MS, NULL), EMA_OK);
		marks_free(marks);
		store_rig_close(&rig);
	}
	folder_end();
}

/* JAG-51: for as long as the clock was ahead nothing is taken that may have been forgotten then, and the log says why. */
static void a_clock_that_was_ahead(void **state)
{
	struct store_rig rig;
	(void)state;
	folder_new();
	store_rig_init(&rig);
	assert_int_equal(rig_open_with(&rig, ""), 0);
	store_rig_clock_was_ahead(&rig, LATER, "The clock was ahead, and was set back");
	store_rig_close(&rig);
	folder_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_the_suite),
		cmocka_unit_test(survives_a_restart),
		cmocka_unit_test(full_refuses_and_drops_nothing),
		cmocka_unit_test(changes_reach_another_process),
		cmocka_unit_test(survives_kills),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(a_file_that_is_cut_while_open),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(a_stopped_writer),
		cmocka_unit_test(opening),
		cmocka_unit_test(sharing_is_asked_for),
		cmocka_unit_test(sharing_within_a_process),
		cmocka_unit_test(marks_survive),
		cmocka_unit_test(a_clock_that_was_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
