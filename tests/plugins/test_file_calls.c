/* A disk whose syncs fail, and others who hold the lock or leave half a record, under the sink file: no record is lost or torn. */
#define _GNU_SOURCE
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fakehost.h"
#include "../audit/sinks.h"
#include "../calls.h"

static const struct ema_audit_ops *ops;

struct file {
	char folder[256], path[300], old[310], lock[310];
	struct setting settings[3];
	ema_conf conf;
	ema_instance *self;
};

/* ---- The lock, as others see it ---- */

static struct {
	int error;        /* why it is not given */
	const char *from; /* what is renamed while it is waited for */
	const char *to;
} locking;

int flock(int fd, int how)
{
	if (how != LOCK_UN && locking.from) {
		assert_int_equal(rename(locking.from, locking.to), 0);
		locking.from = NULL;
		errno = EWOULDBLOCK;
		return -1;
	}
	errno = locking.error;
	return how != LOCK_UN && locking.error ? -1 : (int)syscall(SYS_flock, fd, how);
}

/* ---- The file ---- */

static void again(struct file *file)
{
	if (file->self)
		ops->close(file->self);
	file->self = open_sink(ops, &file->conf);
}

static void begin(struct file *file, const char *sync)
{
	memset(file, 0, sizeof *file);
	make_scratch(file->folder, sizeof file->folder);
	snprintf(file->path, sizeof file->path, "%s/audit.jsonl", file->folder);
	snprintf(file->old, sizeof file->old, "%s.1", file->path);
	snprintf(file->lock, sizeof file->lock, "%s-lock", file->path);
	file->settings[0] = (struct setting){ "path", file->path, 0 };
	file->settings[1] = (struct setting){ "fsync", sync, 0 };
	file->conf.settings = file->settings;
	fake_logged[0] = 0;
	again(file);
}

static void end(struct file *file)
{
	ops->close(file->self);
	remove_tree(file->folder);
}

static int record(struct file *file, const char *seq)
{
	char line[200], id[40];
	const char *names[] = { "id", "writer", "seq" }, *values[] = { id, "w", seq };
	snprintf(id, sizeof id, "01936000-0000-7000-8000-00000000000%s", seq);
	snprintf(line, sizeof line, "{\"id\":\"%s\",\"seq\":%s,\"writer\":\"w\"}", id, seq);
	const ema_event event = { .line = line, .length = strlen(line), .count = 3, .names = names, .values = values };
	return ops->record(file->self, &event);
}

static int flush(struct file *file)
{
	return ops->flush(file->self, 2000);
}

/* The seq of each line, with commas; of what is no whole line its text. */
static void holds(const char *path, const char *want)
{
	char text[4096] = "", found[4096] = "", *rest = NULL;
	FILE *in = fopen(path, "re");
	assert_non_null(in);
	text[fread(text, 1, sizeof text - 1, in)] = 0;
	fclose(in);
	int torn = *text && text[strlen(text) - 1] != '\n';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t used = strlen(found);
		const char *seq = strstr(line, "\"seq\":");
		if (seq && !strncmp(line, "{\"id\":", 6) && !strcmp(seq + 7, ",\"writer\":\"w\"}"))
			snprintf(found + used, sizeof found - used, "%.1s,", seq + 6);
		else
			snprintf(found + used, sizeof found - used, "%s,", line);
	}
	if (torn)
		found[strlen(found) - 1] = 0;
	assert_string_equal(found, want);
}

/* What record() writes. */
#define LINE(seq) "{\"id\":\"01936000-0000-7000-8000-00000000000" seq "\",\"seq\":" seq ",\"writer\":\"w\"}\n"

/* Another process, which has the file open. */
static void other_writes(const struct file *file, const char *text)
{
	int fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* AUD-38: what another process has not finished is not taken for what a crash left. */
static void half_a_record_of_another_is_left(void **state)
{
	(void)state;
	struct file file;
	begin(&file, "batch");
	assert_int_equal(record(&file, "1"), EMA_OK);
	int lock = open(file.lock, O_RDWR | O_CLOEXEC);
	assert_true(lock >= 0);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	other_writes(&file, "half");
	assert_int_equal(ops->reopen(file.self), EMA_UNAVAILABLE);
	assert_non_null(strstr(fake_logged, "another process keeps its lock"));
	holds(file.path, "1,half");
	other_writes(&file, " and half\n");
	close(lock);
	assert_int_equal(record(&file, "2"), EMA_OK);
	holds(file.path, "1,half and half,2,");
	end(&file);
}

/* AUD-38: another process was killed within a record, with no one to open the file anew. */
static void what_a_killed_writer_left_is_cut(void **state)
{
	(void)state;
	struct file file;
	begin(&file, "batch");
	assert_int_equal(record(&file, "1"), EMA_OK);
	other_writes(&file, "whole\nhalf");
	assert_int_equal(record(&file, "2"), EMA_OK);
	holds(file.path, "1,whole,2,");
	end(&file);
}

/* AUD-38: renamed while its lock was waited for. */
static void a_rotation_is_seen_behind_the_lock(void **state)
{
	(void)state;
	struct file file;
	begin(&file, "batch");
	assert_int_equal(record(&file, "1"), EMA_OK);
	locking.from = file.path;
	locking.to = file.old;
	assert_int_equal(record(&file, "2"), EMA_OK);
	holds(file.old, "1,");
	holds(file.path, "2,");
	/* The lock likewise: others would have another one. */
	char gone[320];
	snprintf(gone, sizeof gone, "%s.gone", file.lock);
	locking.from = file.lock;
	locking.to = gone;
	assert_int_equal(record(&file, "3"), EMA_OK);
	assert_int_equal(access(file.lock, F_OK), 0);
	holds(file.path, "2,3,");
	end(&file);
}

static void without_a_lock_nothing_is_written(void **state)
{
	(void)state;
	struct file file;
	struct stat is;
	begin(&file, "batch");
	locking.error = EOPNOTSUPP;
	assert_int_equal(record(&file, "1"), EMA_UNAVAILABLE);
	assert_non_null(strstr(fake_logged, "cannot be locked"));
	locking.error = 0;
	holds(file.path, "");
	assert_int_equal(record(&file, "1"), EMA_OK);
	/* Whoever may read the file cannot lock it. */
	assert_int_equal(stat(file.lock, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0600);
	assert_int_equal(unlink(file.lock), 0);
	assert_int_equal(symlink(file.path, file.lock), 0);
	assert_int_equal(ops->reopen(file.self), EMA_UNAVAILABLE);
	assert_non_null(strstr(fake_logged, "-lock"));
	assert_int_equal(unlink(file.lock), 0);
	if (!geteuid()) { /* a tool that root runs makes a lock that the service can take, and takes nobody's file for one */
		assert_int_equal(chown(file.path, 65534, (gid_t)-1), 0);
		assert_int_equal(record(&file, "2"), EMA_OK);
		assert_int_equal(stat(file.lock, &is), 0);
		assert_int_equal(is.st_uid, 65534);
		assert_int_equal(chown(file.lock, 65533, (gid_t)-1), 0);
		assert_int_equal(ops->reopen(file.self), EMA_UNAVAILABLE);
		assert_non_null(strstr(fake_logged, "another user's"));
		assert_int_equal(stat(file.lock, &is), 0);
		assert_int_equal(is.st_uid, 65533);
	}
	end(&file);
}

/* AUD-33: after a sync that failed, the next one may be good without the bytes: they are written again before. */
static void a_failed_sync_is_not_forgotten(void **state)
{
	(void)state;
	struct file file;
	begin(&file, "batch");
	assert_int_equal(record(&file, "1"), EMA_OK);
	assert_int_equal(flush(&file), EMA_OK);
	assert_int_equal(record(&file, "2"), EMA_OK);
	assert_int_equal(record(&file, "3"), EMA_OK);
	calls_fail(CALLS_SYNC, 1, CALLS_STAY);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(flush(&file), EMA_UNAVAILABLE);
		holds(file.path, "1,");
	}
	assert_non_null(strstr(fake_logged, "cannot be synced"));
	assert_int_equal(record(&file, "4"), EMA_OK);
	holds(file.path, "1,2,3,4,");
	assert_int_equal(flush(&file), EMA_UNAVAILABLE);
	holds(file.path, "1,");
	assert_true(calls_good() > 0);
	assert_int_equal(flush(&file), EMA_OK);
	holds(file.path, "1,2,3,4,");
	assert_int_equal(record(&file, "5"), EMA_OK);
	calls_fail(CALLS_SYNC, 1, CALLS_ONCE);
	assert_int_equal(flush(&file), EMA_UNAVAILABLE);
	calls_good();
	again(&file);
	holds(file.path, "1,2,3,4,5,");
	end(&file);
}

/* AUD-33: what another process wrote is never cut off. */
static void nothing_of_others_is_cut(void **state)
{
	(void)state;
	struct file file;
	begin(&file, "batch");
	assert_int_equal(record(&file, "1"), EMA_OK);
	other_writes(&file, "other\n");
	calls_fail(CALLS_SYNC, 1, CALLS_ONCE);
	assert_int_equal(flush(&file), EMA_UNAVAILABLE);
	calls_good();
	holds(file.path, "1,other,");
	assert_int_equal(flush(&file), EMA_OK);
	holds(file.path, "1,other,1,");
	/* Nor what has come, in the same length, to where ours was. */
	assert_int_equal(record(&file, "2"), EMA_OK);
	calls_fail(CALLS_SYNC, 1, CALLS_ONCE);
	assert_int_equal(flush(&file), EMA_UNAVAILABLE);
	calls_good();
	holds(file.path, "1,other,1,");
	other_writes(&file, LINE("9"));
	assert_int_equal(flush(&file), EMA_OK);
	holds(file.path, "1,other,1,9,2,");
	end(&file);
}

/* AUD-38: the sync that fails is the last one of a file that was rotated. */
static void a_rotated_file_that_is_not_synced_is_not_forgotten(void **state)
{
	(void)state;
	enum { CUT, FOR_LONG, TWICE, OTHERS, ALL };
	for (int how = 0; how < ALL; how++) {
		struct file file;
		begin(&file, "batch");
		assert_int_equal(record(&file, "1"), EMA_OK);
		assert_int_equal(flush(&file), EMA_OK);
		assert_int_equal(record(&file, "2"), EMA_OK);
		if (how == OTHERS)
			other_writes(&file, LINE("7"));
		assert_int_equal(rename(file.path, file.old), 0);
		if (how == OTHERS) /* as long as the old one was when ours ended */
			other_writes(&file, LINE("8") LINE("9"));
		int stays = how == FOR_LONG || how == TWICE;
		calls_fail(CALLS_SYNC | (how == TWICE ? CALLS_CUT : 0), 1, stays ? CALLS_STAY : CALLS_ONCE);
		ops->reopen(file.self);
		assert_int_equal(flush(&file), stays ? EMA_UNAVAILABLE : EMA_OK);
		assert_true(calls_good() > 0);
		assert_int_equal(flush(&file), EMA_OK);
		holds(file.old, how == OTHERS ? "1,2,7," : how == TWICE ? "1,2," : "1,");
		holds(file.path, how == OTHERS ? "8,9,2," : "2,");
		end(&file);
	}
}

/* AUD-35: it comes again, in the same process or the next one. */
static void a_record_that_was_not_synced_comes_again(void **state)
{
	(void)state;
	for (int next = 0; next < 2; next++) {
		struct file file;
		begin(&file, "always");
		assert_int_equal(record(&file, "1"), EMA_OK);
		calls_fail(CALLS_SYNC, 1, CALLS_STAY);
		for (int i = 0; i < 3; i++)
			assert_int_equal(record(&file, "2"), EMA_UNAVAILABLE);
		if (next)
			again(&file);
		holds(file.path, "1,");
		calls_good();
		assert_int_equal(record(&file, "2"), EMA_OK);
		holds(file.path, "1,2,");
		end(&file);
	}
}

/* AUD-35: what the process before wrote counts if it can be synced. */
static void what_cannot_be_synced_is_not_relied_on(void **state)
{
	(void)state;
	struct file file;
	for (int fails = 0; fails < 2; fails++) {
		begin(&file, "batch");
		assert_int_equal(record(&file, "1"), EMA_OK);
		again(&file);
		calls_fail(fails ? CALLS_SYNC : 0, 1, CALLS_ONCE);
		assert_int_equal(record(&file, "1"), EMA_OK);
		assert_int_equal(calls_good(), fails);
		holds(file.path, fails ? "1,1," : "1,");
		end(&file);
	}
}

/* What is kept of lines has a bound, whenever the host asks. */
static void much_is_synced_before_it_is_asked_for(void **state)
{
	(void)state;
	enum { LONG = 100000 };
	static char line[LONG + 1];
	const char *names[] = { "seq" }, *values[] = { "1" };
	const struct ema_event event = { .line = line, .length = LONG, .count = 1, .names = names, .values = values };
	struct file file;
	struct stat is;
	memset(line, 'x', LONG);
	begin(&file, "batch");
	assert_int_equal(record(&file, "1"), EMA_OK);
	calls_fail(CALLS_SYNC, 1, CALLS_STAY);
	int taken = 0;
	while (taken < 100 && ops->record(file.self, &event) == EMA_OK)
		taken++;
	assert_in_range(taken, 9, 10);
	calls_good();
	assert_int_equal(ops->record(file.self, &event), EMA_OK);
	assert_int_equal(stat(file.path, &is), 0);
	assert_true(is.st_size > (off_t)(taken + 1) * (LONG + 1) && is.st_size < (off_t)(taken + 2) * (LONG + 1));
	end(&file);
}

static int load(void **state)
{
	(void)state;
	ops = load_sink(BUILDDIR "/plugins/.libs/file.so");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_record_of_another_is_left),
		cmocka_unit_test(what_a_killed_writer_left_is_cut),
		cmocka_unit_test(a_rotation_is_seen_behind_the_lock),
		cmocka_unit_test(without_a_lock_nothing_is_written),
		cmocka_unit_test(a_failed_sync_is_not_forgotten),
		cmocka_unit_test(nothing_of_others_is_cut),
		cmocka_unit_test(a_rotated_file_that_is_not_synced_is_not_forgotten),
		cmocka_unit_test(a_record_that_was_not_synced_comes_again),
		cmocka_unit_test(what_cannot_be_synced_is_not_relied_on),
		cmocka_unit_test(much_is_synced_before_it_is_asked_for),
	};
	return cmocka_run_group_tests(tests, load, NULL);
}
