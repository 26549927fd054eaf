#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "marks_inside.h"
#include "publish.h"
#include "store_suite.h"

#define SECOND INT64_C(1000)
#define LOSS (60 * SECOND)
#define HALF_A_DAY (INT64_C(43200) * SECOND)

/* Who publishes, and somebody of another process who reads. */
struct fixture {
	char folder[64];
	struct suite_clock clock;
	struct marks *marks;
	struct publisher *publisher;
	struct store *store;
	struct marks *reader;
	char said[8192];
};

static void hear(void *data, int level, const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct fixture *f = data;
	pthread_mutex_lock(&lock);
	size_t length = strlen(f->said);
	(void)level;
	snprintf(f->said + length, sizeof f->said - length, "%s\n", text);
	pthread_mutex_unlock(&lock);
}

static void hear_notice(void *data, const char *kind, int severity, const struct notice_field *fields, int count)
{
	assert_true(count >= 1 && !strcmp(fields[0].name, "folder"));
	hear(data, severity, kind);
}

static void pass(struct fixture *f, int64_t ms)
{
	__atomic_add_fetch(&f->clock.wall, ms, __ATOMIC_SEQ_CST);
}

static void open_reader(struct fixture *f)
{
	const struct published folder = { f->folder, geteuid() };
	struct log log = { hear, f };
	assert_int_equal(store_published(&folder, &f->clock.clock, log, &f->store, NULL), EMA_OK);
	struct marks_settings settings = { .store = f->store, .clock = &f->clock.clock, .log = log, .one_way = 1, .loss_ms = LOSS };
	assert_int_equal(marks_new(&settings, &f->reader, NULL), EMA_OK);
}

static void close_reader(struct fixture *f)
{
	marks_free(f->reader);
	store_free(f->store);
}

static void open_publisher(struct fixture *f)
{
	struct publisher_settings settings = { f->marks, f->folder, &f->clock.clock, { hear, f }, { hear_notice, f }, 0, 0 };
	assert_int_equal(publisher_new(&settings, &f->publisher, NULL), EMA_OK);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	snprintf(f->folder, sizeof f->folder, "/tmp/ema-publish-XXXXXX");
	if (!mkdtemp(f->folder) || chmod(f->folder, 0755))
		return -1;
	suite_clock_init(&f->clock);
	struct marks_settings settings = { .clock = &f->clock.clock, .alone = 1 };
	assert_int_equal(marks_new(&settings, &f->marks, NULL), EMA_OK);
	open_publisher(f);
	open_reader(f);
	*state = f;
	return 0;
}

static void path_of(const struct fixture *f, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", f->folder, name);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	close_reader(f);
	publisher_free(f->publisher);
	marks_free(f->marks);
	DIR *dir = opendir(f->folder);
	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
	rmdir(f->folder);
	free(f);
	return 0;
}

static char *get(const struct fixture *f, const char *name, size_t *length)
{
	const struct published folder = { f->folder, geteuid() };
	char *text = NULL;
	assert_int_equal(published_read(&folder, name, PUBLISH_MARKS_MOST, NULL, &text, length, NULL), EMA_OK);
	return text;
}

static void put(const struct fixture *f, const char *name, const char *text, size_t length)
{
	int folder = published_make(f->folder, NULL);
	assert_true(folder >= 0);
	assert_int_equal(published_write(folder, name, text, length, 0, NULL), EMA_OK);
	close(folder);
}

static int check(struct marks *marks, const char *sub, const char *provider)
{
	const struct mark_query query = { .issued = SUITE_BEGIN - 60 * SECOND, .issuer = "https://idp", .sub = sub, .provider = provider };
	return marks_check(marks, &query, NULL);
}

static const struct mark_target ann = { MARK_SUBJECT, "https://idp", NULL, "ann" }, okta = { MARK_PROVIDER, NULL, NULL, "okta" },
                                odd = { MARK_CLIENT, NULL, NULL, "a\"b\\c\x01" };

/* REV-16, REV-19: what one knows the other follows, with its blocks and their end; and nothing names a person. */
static void what_is_published_is_followed(void **state)
{
	struct fixture *f = *state;
	struct mark_entry entry;
	size_t length;
	assert_int_equal(check(f->reader, "ann", "okta"), EMA_STORE_UNAVAILABLE);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "ann", "okta"), EMA_OK);
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(marks_revoke(f->marks, &odd, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "ann", "okta"), EMA_REVOKED);
	assert_int_equal(check(f->reader, "bob", "okta"), EMA_OK);
	assert_int_equal(marks_find(f->reader, &odd, &entry, NULL), EMA_OK);
	assert_int_equal(entry.epoch, SUITE_BEGIN);
	assert_int_equal(entry.epoch_expires, SUITE_BEGIN + MARKS_LIFE_MS);
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "bob", "okta"), EMA_BLOCKED);
	assert_int_equal(marks_lift(f->marks, &okta, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "bob", "okta"), EMA_REVOKED);
	char *text = get(f, PUBLISH_MARKS, &length);
	assert_null(strstr(text, "ann"));
	assert_null(strstr(text, "idp"));
	assert_non_null(strstr(text, "okta"));
	free(text);
	/* One that begins now knows all of it. */
	close_reader(f);
	open_reader(f);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "ann", NULL), EMA_REVOKED);
}

/* Who only reads cannot revoke, and does not seem to. */
static void it_goes_one_way(void **state)
{
	struct fixture *f = *state;
	struct failure failure = FAILURE_INIT;
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(marks_revoke(f->reader, &ann, 0, 0, 0, &failure), EMA_BAD_REQUEST);
	assert_non_null(strstr(failure.text, "Revoke it there"));
	assert_int_equal(marks_block(f->reader, &okta, 0, NULL), EMA_BAD_REQUEST);
	assert_int_equal(check(f->reader, "ann", "okta"), EMA_OK);
	assert_int_equal(store_put_if_absent(f->store, NULL, "k", 1, "v", 1, SUITE_BEGIN + SECOND, 1, 0), EMA_UNAVAILABLE);
}

/* REV-19: nobody writes any more: what is known counts for a while, then on_store_loss says what does. */
static void silence_is_a_loss(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	pass(f, PUBLISH_LATE_MS);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	pass(f, 1);
	assert_int_not_equal(marks_step(f->reader, 0), EMA_OK);
	assert_non_null(strstr(f->said, "emad does not run"));
	assert_int_equal(check(f->reader, "bob", NULL), EMA_OK);
	pass(f, LOSS);
	assert_int_not_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "bob", NULL), EMA_STORE_UNAVAILABLE);
	marks_on_loss(f->reader, 1, LOSS);
	assert_int_equal(check(f->reader, "bob", NULL), EMA_OK);
	assert_int_equal(check(f->reader, "ann", NULL), EMA_REVOKED);
	marks_on_loss(f->reader, 0, LOSS);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "bob", NULL), EMA_OK);
	/* One that begins with what was left long ago waits for a sign of life, with whichever clock. */
	for (int64_t by = -HALF_A_DAY; by <= HALF_A_DAY; by += 2 * HALF_A_DAY) {
		close_reader(f);
		pass(f, by);
		open_reader(f);
		assert_int_not_equal(marks_step(f->reader, 0), EMA_OK);
		assert_int_equal(check(f->reader, "bob", NULL), EMA_STORE_UNAVAILABLE);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	}
}

/* Who does not know what is revoked does not say that he does. */
static void what_is_not_known_is_not_published(void **state)
{
	struct fixture *f = *state;
	struct marks *blind = NULL;
	struct publisher *publisher = NULL;
	char other[80];
	snprintf(other, sizeof other, "%s/other", f->folder);
	/* A store that was never reached: nobody follows. */
	struct marks_settings settings = { .store = f->store, .clock = &f->clock.clock };
	assert_int_equal(marks_new(&settings, &blind, NULL), EMA_OK);
	struct publisher_settings to = { blind, other, &f->clock.clock, { NULL, NULL }, { NULL, NULL }, 0, 0 };
	assert_int_equal(publisher_new(&to, &publisher, NULL), EMA_OK);
	assert_int_equal(publisher_step(publisher, NULL), EMA_STORE_UNAVAILABLE);
	publisher_free(publisher);
	marks_free(blind);
	char path[128];
	snprintf(path, sizeof path, "%s/" PUBLISH_ALIVE, other);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof path, "%s/" PUBLISH_LOCK, other);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* nobody else can hold it */
	assert_int_equal(unlink(path), 0);
	/* And one alone publishes in a folder. */
	to = (struct publisher_settings){ f->marks, f->folder, &f->clock.clock, { NULL, NULL }, { NULL, NULL }, 0, 0 };
	assert_int_equal(publisher_new(&to, &publisher, NULL), EMA_CONFIG);
}

/* JWT-40's rule for marks: nothing older replaces what was read, and a publisher that begins again goes on, whatever its clock. */
static void nothing_older_is_taken(void **state)
{
	struct fixture *f = *state;
	size_t marks_length, alive_length;
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	char *marks = get(f, PUBLISH_MARKS, &marks_length), *alive = get(f, PUBLISH_ALIVE, &alive_length);
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	put(f, PUBLISH_MARKS, marks, marks_length);
	put(f, PUBLISH_ALIVE, alive, alive_length);
	assert_int_not_equal(marks_step(f->reader, 0), EMA_OK);
	assert_non_null(strstr(f->said, "older than what was read there before"));
	assert_int_equal(check(f->reader, "ann", NULL), EMA_REVOKED);
	/* Old marks under a new sign of life. */
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	put(f, PUBLISH_MARKS, marks, marks_length);
	assert_int_not_equal(marks_step(f->reader, 0), EMA_OK);
	publisher_free(f->publisher);
	pass(f, -HALF_A_DAY);
	open_publisher(f);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	free(marks);
	free(alive);
}

/* Nobody but the publisher knew it: as after a start with a store in memory. */
static void restart(struct fixture *f)
{
	publisher_free(f->publisher);
	marks_free(f->marks);
	struct marks_settings settings = { .clock = &f->clock.clock, .alone = 1 };
	assert_int_equal(marks_new(&settings, &f->marks, NULL), EMA_OK);
	open_publisher(f);
}

static int sees(struct fixture *f, int code)
{
	for (int i = 0; i < 60000; i++) {
		/* A step that fails does not wait. */
		if (marks_step(f->reader, 10) != EMA_OK)
			usleep(1000);
		if (check(f->reader, "ann", "okta") == code)
			return 1;
	}
	return 0;
}

/* REV-18, REV-19: a store in memory that forgets by a restart does not make others forget: what was published is taken back. */
static void a_restart_forgets_nothing(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	pass(f, -SECOND);
	restart(f);
	assert_int_equal(check(f->marks, "ann", NULL), EMA_REVOKED);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	struct marks *ran = f->reader;
	struct store *store = f->store;
	open_reader(f);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "ann", NULL), EMA_REVOKED);
	assert_int_equal(check(f->reader, "bob", "okta"), EMA_BLOCKED);
	close_reader(f);
	f->reader = ran;
	f->store = store;
	/* A block of before can be lifted, by a clock that went back, too; and set again. */
	assert_int_equal(marks_lift(f->marks, &okta, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "bob", "okta"), EMA_REVOKED);
	restart(f);
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "bob", "okta"), EMA_BLOCKED);
	assert_string_equal(f->said, "");
	/* What cannot be read is not written over: an operator says whether it may be forgotten. */
	char path[512];
	struct failure failure = FAILURE_INIT;
	struct publisher *refused = NULL;
	const struct publisher_settings settings = { .folder = f->folder, .marks = f->marks, .clock = &f->clock.clock };
	publisher_free(f->publisher);
	f->publisher = NULL;
	put(f, PUBLISH_MARKS, "x", 1);
	assert_int_equal(publisher_new(&settings, &refused, &failure), EMA_CONFIG);
	assert_non_null(strstr(failure.text, "has what was revoked, and cannot be used: it is damaged"));
	path_of(f, PUBLISH_MARKS, path);
	assert_int_equal(unlink(path), 0);
	open_publisher(f);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "ann", NULL), EMA_REVOKED);
}

/* REV-18: what is revoked on the way to the end was acknowledged like all else. */
static void the_last_change_is_published(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(publisher_start(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	restart(f);
	assert_int_equal(check(f->marks, "ann", NULL), EMA_REVOKED);
	assert_int_equal(publisher_start(f->publisher, NULL), EMA_OK);
	assert_true(sees(f, EMA_REVOKED));
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	restart(f);
	assert_int_equal(check(f->marks, "bob", "okta"), EMA_BLOCKED);
}

/* REV-19: other marks never have a number that marks had before, also if the sign of life behind them could not be written. */
static void no_number_is_used_twice(void **state)
{
	struct fixture *f = *state;
	char aside[128];
	path_of(f, PUBLISH_ALIVE ".new", aside);
	for (int start = 0; start < 2; start++) {
		const struct mark_target *last = start ? &ann : &okta;
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		assert_int_equal(mkdir(aside, 0755), 0);
		assert_int_equal(marks_revoke(f->marks, &odd, __atomic_load_n(&f->clock.wall, __ATOMIC_SEQ_CST) - 9 + start, 0, 0, NULL), EMA_OK);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_UNAVAILABLE);
		close_reader(f);
		open_reader(f);
		assert_int_equal(marks_step(f->reader, 0), EMA_OK);
		assert_int_equal(check(f->reader, start ? "ann" : "bob", start ? NULL : "okta"), EMA_OK);
		assert_int_equal(rmdir(aside), 0);
		if (start) {
			pass(f, -HALF_A_DAY);
			restart(f);
		}
		assert_int_equal(marks_revoke(f->marks, last, 0, 0, 0, NULL), EMA_OK);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		assert_int_equal(marks_step(f->reader, 0), EMA_OK);
		assert_int_equal(marks_any(f->reader, last->kind), 1);
	}
}

/* Whatever was done to the files, and to blocks' ends: all is written anew by time. */
static void it_is_written_by_time(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	put(f, PUBLISH_MARKS, "x", 1);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_not_equal(marks_step(f->reader, 0), EMA_OK);
	pass(f, 60 * SECOND);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(check(f->reader, "bob", "okta"), EMA_BLOCKED);
	/* A block that nobody lifts has no end. */
	for (int year = 0; year < 3; year++) {
		pass(f, 380 * 2 * HALF_A_DAY);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		close_reader(f);
		open_reader(f);
		assert_int_equal(marks_step(f->reader, 0), EMA_OK);
		assert_int_equal(check(f->reader, "bob", "okta"), EMA_BLOCKED);
	}
}

/* What an authorization server with a store in memory keeps, in a folder of its own. */
static int open_keeper(struct fixture *f, const char *folder, struct failure *failure)
{
	const struct publisher_settings settings = { f->marks, folder, &f->clock.clock, { hear, f }, { hear_notice, f }, 1, 1 };
	publisher_free(f->publisher);
	f->publisher = NULL;
	return publisher_new(&settings, &f->publisher, failure);
}

static void forget(struct fixture *f)
{
	const struct marks_settings settings = { .clock = &f->clock.clock, .alone = 1 };
	publisher_free(f->publisher);
	f->publisher = NULL;
	marks_free(f->marks);
	assert_int_equal(marks_new(&settings, &f->marks, NULL), EMA_OK);
}

static void in_folder(const char *folder, const char *does)
{
	char command[320];
	snprintf(command, sizeof command, "cd '%s' && %s", folder, does);
	assert_int_equal(system(command), 0);
}

static void clean(const char *folder)
{
	char command[160];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	assert_int_equal(system(command), 0);
}

static void copy(const char *from, const char *to)
{
	char command[512];
	snprintf(command, sizeof command, "rm -rf '%s' && mkdir -m 0700 '%s' && cp '%s/" PUBLISH_MARKS "' '%s/" PUBLISH_CHANGES "' '%s'", to, to, from, from, to);
	assert_int_equal(system(command), 0);
}

/* REV-18: what was said to be kept is on the disk then: nothing that this process does afterwards is needed. */
static void what_is_acknowledged_is_kept(void **state)
{
	struct fixture *f = *state;
	struct failure failure = FAILURE_INIT;
	char folder[80], then[80], path[120];
	struct stat st;
	snprintf(folder, sizeof folder, "%s/kept", f->folder);
	snprintf(then, sizeof then, "%s/then", f->folder);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	/* Nobody keeps it before the thread runs, and there is no wait. */
	assert_int_equal(marks_kept(f->marks, 0, NULL), EMA_OK);
	assert_int_equal(publisher_start(f->publisher, NULL), EMA_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(i == 1 ? marks_lift(f->marks, &okta, 0, NULL) : marks_block(f->marks, &okta, 0, NULL), EMA_OK);
		assert_int_equal(marks_kept(f->marks, 60000, &failure), EMA_OK);
		copy(folder, then);
		struct marks *marks = f->marks, *after = NULL;
		struct publisher *publisher = f->publisher;
		const struct marks_settings settings = { .clock = &f->clock.clock, .alone = 1 };
		assert_int_equal(marks_new(&settings, &after, NULL), EMA_OK);
		f->marks = after;
		f->publisher = NULL;
		assert_int_equal(open_keeper(f, then, NULL), EMA_OK);
		assert_int_equal(check(after, "bob", "okta"), i == 1 ? EMA_REVOKED : EMA_BLOCKED);
		publisher_free(f->publisher);
		marks_free(after);
		f->marks = marks;
		f->publisher = publisher;
		pass(f, SECOND);
	}
	assert_string_equal(f->said, "");
	/* A disk that takes nothing: it is in force, and not acknowledged; and is when it is repeated. */
	snprintf(path, sizeof path, "%s/" PUBLISH_MARKS ".new", folder);
	in_folder(folder, "mkdir marks.new && rm changes");
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(marks_kept(f->marks, 60000, &failure), EMA_STORE_UNAVAILABLE);
	assert_non_null(strstr(failure.text, "would be forgotten by a restart, since it could not be written: marks cannot be written: "));
	assert_int_equal(check(f->marks, "ann", NULL), EMA_REVOKED);
	assert_int_equal(marks_kept(f->marks, 60000, &failure), EMA_STORE_UNAVAILABLE);
	assert_non_null(strstr(f->said, "revocations are not kept in "));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(marks_kept(f->marks, 60000, &failure), EMA_OK);
	assert_non_null(strstr(f->said, "are kept in "));
	/* A time that is over is no answer. */
	in_folder(folder, "mkdir marks.new && rm changes");
	assert_int_equal(marks_revoke(f->marks, &odd, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(marks_kept(f->marks, 0, &failure), EMA_STORE_UNAVAILABLE);
	assert_int_equal(rmdir(path), 0);
	forget(f);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_int_equal(check(f->marks, "ann", "okta"), EMA_BLOCKED);
	assert_int_equal(marks_any(f->marks, MARK_CLIENT), 1); /* written at the end */
	snprintf(path, sizeof path, "%s/" PUBLISH_ALIVE, folder);
	assert_int_equal(access(path, F_OK), -1);
	clean(folder);
	clean(then);
}

static void revoke_number(struct marks *marks, int number)
{
	char name[32];
	snprintf(name, sizeof name, "s%d", number);
	const struct mark_target target = { MARK_SUBJECT, "https://idp", NULL, name };
	assert_int_equal(marks_revoke(marks, &target, 0, 0, 0, NULL), EMA_OK);
}

static int number_is_revoked(struct marks *marks, int number)
{
	char name[32];
	snprintf(name, sizeof name, "s%d", number);
	return check(marks, name, NULL) == EMA_REVOKED;
}

static struct stat stat_of(const char *folder, const char *name)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(stat(path, &st), 0);
	return st;
}

/* REV-18: what is revoked is written behind what was, until that is as long as all of it; wherever it ends, all that was whole is known. */
static void what_changes_is_appended(void **state)
{
	struct fixture *f = *state;
	char folder[80], does[128];
	off_t ends[4] = { 0 };
	int number = 0, appended = 0;
	snprintf(folder, sizeof folder, "%s/kept", f->folder);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	const struct stat first = stat_of(folder, "marks");
	for (int i = 1; i < 4; i++) {
		revoke_number(f->marks, ++number);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		ends[i] = stat_of(folder, "changes").st_size;
		assert_true(ends[i] > ends[i - 1]);
	}
	assert_int_equal(stat_of(folder, "marks").st_ino, first.st_ino);
	in_folder(folder, "cp changes ../changes && cp marks ../marks");
	for (off_t size = ends[3], step; size >= 0; size -= step) {
		int whole = 0;
		while (whole < 3 && ends[whole + 1] <= size)
			whole++;
		step = size - ends[whole] > 20 ? 19 : 1;
		forget(f);
		f->said[0] = 0;
		/* The power leaves zeros, too. */
		const int zeros = size == ends[whole] && (whole & 1) ? 40 : 0;
		snprintf(does, sizeof does, "cp ../marks ../changes . && truncate -s %ld changes && truncate -s +%d changes", (long)size, zeros);
		in_folder(folder, does);
		assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
		for (int i = 1; i <= 3; i++)
			if (number_is_revoked(f->marks, i) != (i <= whole))
				fail_msg("%ld bytes: %d of %d: %s", (long)size, i, whole, f->said);
		assert_int_equal(!strstr(f->said, "are left out, because they are not whole"), size == ends[whole] && !zeros);
		/* What comes next is not written behind a part. */
		revoke_number(f->marks, 77);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		forget(f);
		f->said[0] = 0;
		assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
		assert_true(number_is_revoked(f->marks, 77) && number_is_revoked(f->marks, 1) == (whole > 0));
		assert_string_equal(f->said, "");
	}
	/* A process that ended between the two has old changes behind new marks. */
	revoke_number(f->marks, 78);
	in_folder(folder, "rm changes && cp ../changes changes.old");
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	forget(f);
	in_folder(folder, "mv changes.old changes");
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_true(number_is_revoked(f->marks, 78) && number_is_revoked(f->marks, 77) && number_is_revoked(f->marks, 1));
	/* More at once than are remembered one by one, and so many in a row that all is written anew. */
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	number = 1000;
	for (int step = 0; step < 60; step++) {
		const struct stat before = stat_of(folder, "marks");
		const int many = step == 3 ? MARK_NEWS_MOST + 1 : step == 5 ? MARK_NEWS_MOST : 200;
		for (int i = 0; i < many; i++)
			revoke_number(f->marks, ++number);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		const int anew = stat_of(folder, "marks").st_ino != before.st_ino || stat_of(folder, "marks").st_size != before.st_size;
		assert_true(step > 5 || anew == (step == 3));
		assert_int_equal(stat_of(folder, "changes").st_size == 0, anew);
		appended += !anew;
	}
	assert_true(appended > 50 && appended < 59);
	forget(f);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	while (number > 1000 && number_is_revoked(f->marks, number))
		number--;
	assert_int_equal(number, 1000);
	/* Another one wrote there while ours had lost its lock. */
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	in_folder(folder, "rm lock && sed -i '3s/\"e\"/\"b\"/' marks");
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	forget(f);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_true(number_is_revoked(f->marks, 1001));
	/* Each hour all is written anew, and when a clock was ahead by which all of it had ended. */
	pass(f, 4 * HALF_A_DAY);
	revoke_number(f->marks, 1);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(stat_of(folder, "changes").st_size, 0);
	assert_true(stat_of(folder, "marks").st_size < 400);
	pass(f, -4 * HALF_A_DAY);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_true(stat_of(folder, "marks").st_size > 100000);
	in_folder(f->folder, "rm marks changes");
	clean(folder);
}

/* REV-18: what ended made room for what was revoked then; a start reads both, and has no more room than there was. */
static void what_ended_takes_no_room(void **state)
{
	struct fixture *f = *state;
	char folder[80];
	snprintf(folder, sizeof folder, "%s/kept", f->folder);
	struct marks_settings settings = { .clock = &f->clock.clock, .alone = 1, .entries_most = 40 };
	publisher_free(f->publisher);
	f->publisher = NULL;
	marks_free(f->marks);
	assert_int_equal(marks_new(&settings, &f->marks, NULL), EMA_OK);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	for (int i = 1; i < 40; i++)
		revoke_number(f->marks, i);
	pass(f, 4 * HALF_A_DAY - 1800 * SECOND);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	pass(f, 2400 * SECOND);
	for (int i = 41; i < 80; i++)
		revoke_number(f->marks, i);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_true(stat_of(folder, "marks").st_size > 39 * 100 && stat_of(folder, "changes").st_size > 39 * 100);
	for (int years = 0; years < 2; years++) {
		publisher_free(f->publisher);
		f->publisher = NULL;
		marks_free(f->marks);
		/* Nor is a block left out for it that is older than blocks are kept without a process. */
		pass(f, years * 500 * 2 * HALF_A_DAY);
		assert_int_equal(marks_new(&settings, &f->marks, NULL), EMA_OK);
		assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
		for (int i = 41; i < 80 && !years; i++)
			assert_true(number_is_revoked(f->marks, i));
		if (years)
			revoke_number(f->marks, 80);
		assert_int_equal(check(f->marks, "bob", "okta"), EMA_BLOCKED);
	}
	clean(folder);
}

/* REV-18: what was set and lifted since all was written is lifted, however long ago. */
static void a_lift_is_kept(void **state)
{
	struct fixture *f = *state;
	char folder[80];
	snprintf(folder, sizeof folder, "%s/kept", f->folder);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		assert_int_equal(marks_lift(f->marks, &okta, 0, NULL), EMA_OK);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		assert_true(stat_of(folder, "changes").st_size > 0);
		forget(f);
		pass(f, 7 * HALF_A_DAY);
		assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
		assert_int_equal(check(f->marks, "bob", "okta"), EMA_REVOKED);
	}
	clean(folder);
}

struct crowd {
	struct fixture *f;
	const char *folder;
	int first, lost;
};

/* What a process would know that begins now. "marks" after "changes": what is in neither was in "marks" before. */
static int is_kept(const struct crowd *crowd, int number)
{
	const struct published folder = { crowd->folder, geteuid() };
	const struct marks_settings settings = { .clock = &crowd->f->clock.clock, .alone = 1 };
	struct marks *marks = NULL;
	int found = 0;
	if (marks_new(&settings, &marks, NULL))
		return 0;
	for (int i = 0; i < 2; i++) {
		char *text = NULL;
		size_t length = 0, whole = 0;
		int64_t sequence = 0;
		if (published_read(&folder, i ? PUBLISH_MARKS : PUBLISH_CHANGES, PUBLISH_MARKS_MOST, NULL, &text, &length, NULL))
			break;
		if (i)
			publish_marks_read(text, length, 0, &sequence, mark_take, marks);
		else
			publish_changes_read(text, length, &whole, &sequence, mark_take, marks);
		free(text);
		found = number_is_revoked(marks, number);
		if (found)
			break;
	}
	marks_free(marks);
	return found;
}

static void *revoke_many(void *data)
{
	struct crowd *crowd = data;
	for (int i = crowd->first; i < crowd->first + 100; i++) {
		revoke_number(crowd->f->marks, i);
		if (marks_kept(crowd->f->marks, 60000, NULL) || !is_kept(crowd, i))
			crowd->lost++;
		/* All is written anew now and then. */
		if (crowd->first == 1000 && i % 10 == 0)
			pass(crowd->f, 3700 * SECOND);
	}
	return NULL;
}

/* REV-18: what one of many has an answer for is there, whatever the others do. */
static void many_at_once_are_kept(void **state)
{
	struct fixture *f = *state;
	char folder[80];
	pthread_t threads[4];
	struct crowd crowds[4];
	snprintf(folder, sizeof folder, "%s/kept", f->folder);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_int_equal(publisher_start(f->publisher, NULL), EMA_OK);
	for (int i = 0; i < 4; i++) {
		crowds[i] = (struct crowd){ f, folder, 1000 * (i + 1), 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, revoke_many, &crowds[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(crowds[i].lost, 0);
	clean(folder);
}

/* REV-18: years without a process, or a clock that goes back, end no block; an epoch ends with what it hits. */
static void time_lifts_nothing(void **state)
{
	struct fixture *f = *state;
	char folder[80];
	size_t length;
	snprintf(folder, sizeof folder, "%s/kept", f->folder);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	for (int i = 0; i < 4; i++) {
		pass(f, (i & 1 ? -2 : 2) * 500 * 2 * HALF_A_DAY);
		forget(f);
		assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
		assert_int_equal(check(f->marks, "bob", "okta"), EMA_BLOCKED);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		const struct published kept = { folder, geteuid() };
		char *text = NULL;
		assert_int_equal(published_read(&kept, PUBLISH_MARKS, PUBLISH_MARKS_MOST, NULL, &text, &length, NULL), EMA_OK);
		assert_non_null(strstr(text, "[\"p\",\"b\","));
		assert_null(strstr(text, "[\"s\",\"e\","));
		free(text);
	}
	clean(folder);
}

/* REV-18: what is not to be believed is an error that says what to do, and is left as it is. */
static void what_cannot_be_used_is_no_start(void **state)
{
	static const char *const rows[][2] = {
		{ "truncate -s -1 marks", "has what was revoked, and cannot be used: it is damaged" },
		{ "truncate -s 0 marks", "it is damaged, or of another version of EMA. Set that right, or move the folder away to begin with nothing revoked" },
		{ "sed -i s/okta/okto/ marks", "it is damaged" },
		{ "truncate -s 134217729 marks", "is larger than" },
		{ "chmod 0664 marks", "could have written it" },
		{ "mv marks x && ln -s x marks", "is a symbolic link" },
		{ "rm marks && mkfifo marks", "is no regular file" },
		{ "rm marks && mkdir marks", "is no regular file" },
		{ "cat changes changes >x && sed -i 0,/okta/s//okto/ x && mv x changes", "changes has what was revoked, and cannot be used: it is damaged" },
		{ "printf '{\"sequence\":1}\\n[\"s\",\"e\",7]\\n' >x && (printf 'ema-marks 1 %.64s\\n' \"$(sha256sum <x)\" && cat x) >changes", "of another version of EMA" },
		{ "sed -i '1s/./x/' changes && cat marks >>changes", "changes has what was revoked, and cannot be used: it is damaged" },
		{ "cat changes >x && sed -i '$s/]$/]x/' x && head -c -1 x >y && cat y changes >changes.new && mv changes.new changes", "it is damaged" },
		{ "rm marks", "marks has what was revoked, and cannot be used: it is away, and changes beside it is not. Set that right" },
		{ "truncate -s 134217729 changes", "is larger than" },
		{ "chmod 0664 changes", "could have written it" },
		{ "mv changes x && ln -s x changes", "is a symbolic link" },
		{ "rm changes && mkfifo changes", "is no regular file" },
		{ "chmod 0755 .", "must be a folder of the user that emad runs as, and of mode 0700" },
		{ "mv ../kept ../aside && ln -s aside ../kept", "cannot be used: " },
		{ "mv ../kept ../aside && touch ../kept", "cannot be used: " },
		/* By root alone. */
		{ "chown 1 marks", "could have written it" },
		{ "chown 1 .", "must be a folder of the user that emad runs as" },
	};
	struct fixture *f = *state;
	char folder[80], path[128];
	snprintf(folder, sizeof folder, "%s/kept", f->folder);
	snprintf(path, sizeof path, "%s/aside", f->folder);
	for (size_t i = 0; i < sizeof rows / sizeof *rows && (strncmp(rows[i][0], "chown", 5) || !geteuid()); i++) {
		struct failure failure = FAILURE_INIT, second = FAILURE_INIT;
		assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		/* What the rows are to find is in both. */
		in_folder(folder, "mv changes kept");
		assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
		in_folder(folder, "mv kept changes");
		/* Two do not keep in one. */
		struct publisher *held = f->publisher;
		f->publisher = NULL;
		assert_int_equal(open_keeper(f, folder, &second), EMA_CONFIG);
		assert_non_null(strstr(second.text, "give this one a state_dir of its own and both a store that they share"));
		f->publisher = held;
		forget(f);
		in_folder(folder, rows[i][0]);
		for (int again = 0; again < 2; again++) {
			if (open_keeper(f, folder, &failure) != EMA_CONFIG || !strstr(failure.text, rows[i][1]))
				fail_msg("%s: %s", rows[i][0], failure.text);
		}
		forget(f);
		clean(folder);
		clean(path);
	}
	/* None at all is none that was lost. */
	assert_int_equal(open_keeper(f, folder, NULL), EMA_OK);
	assert_int_equal(check(f->marks, "bob", "okta"), EMA_OK);
	clean(folder);
	/* Nor is there one where there is no state_dir. */
	snprintf(folder, sizeof folder, "%s/none/kept", f->folder);
	assert_int_equal(open_keeper(f, folder, NULL), EMA_CONFIG);
}

/* The lock is the folder's, not that of one that was there before; and nobody else can hold it. */
static void the_lock_is_kept(void **state)
{
	struct fixture *f = *state;
	struct publisher *other = NULL;
	struct publisher_settings to = { f->marks, f->folder, &f->clock.clock, { NULL, NULL }, { NULL, NULL }, 0, 0 };
	struct stat st;
	char lock[128];
	path_of(f, PUBLISH_LOCK, lock);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(publisher_new(&to, &other, NULL), EMA_CONFIG);
	/* Another one was faster. */
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(publisher_new(&to, &other, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_CONFIG);
	assert_int_equal(publisher_step(other, NULL), EMA_OK);
	publisher_free(other);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	publisher_free(f->publisher);
	assert_int_equal(chmod(lock, 0644), 0);
	open_publisher(f);
	assert_int_equal(stat(lock, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int fails(struct fixture *f, int fails)
{
	char why[FAILURE_TEXT];
	int64_t since;
	for (int i = 0; i < 6000; i++) {
		if (publisher_fails(f->publisher, &since, why) == fails)
			return !fails || (since == SUITE_BEGIN && strstr(why, PUBLISH_ALIVE " cannot be written"));
		usleep(10000);
	}
	return 0;
}

/* The operator is told of it, while and when nobody hears of what he revokes. */
static void a_failure_is_told(void **state)
{
	struct fixture *f = *state;
	char aside[128];
	path_of(f, PUBLISH_ALIVE ".new", aside);
	assert_int_equal(publisher_start(f->publisher, NULL), EMA_OK);
	while (mkdir(aside, 0755)) /* in the moment when it is being written, it is a file */
		assert_int_equal(errno, EEXIST);
	assert_true(fails(f, 1));
	assert_int_equal(rmdir(aside), 0);
	assert_true(fails(f, 0));
	publisher_free(f->publisher);
	f->publisher = NULL;
	const char *failed = strstr(f->said, "publish-failed\n");
	assert_non_null(failed);
	assert_null(strstr(failed + 1, "publish-failed"));
	assert_non_null(strstr(failed, "publish-recovered\n"));
}

/* REV-19: the thread tells each change, by itself, and goes on when the folder was taken away. */
static void a_thread_publishes(void **state)
{
	struct fixture *f = *state;
	char file[128];
	assert_int_equal(publisher_start(f->publisher, NULL), EMA_OK);
	assert_true(sees(f, EMA_OK));
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_true(sees(f, EMA_REVOKED));
	static const char *const names[] = { PUBLISH_MARKS, PUBLISH_ALIVE, PUBLISH_LOCK };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		path_of(f, names[i], file);
		unlink(file);
	}
	rmdir(f->folder); /* fails where it was written meanwhile, which is as good */
	assert_int_equal(marks_block(f->marks, &okta, 0, NULL), EMA_OK);
	assert_true(sees(f, EMA_BLOCKED));
}

enum damage { CUT, FLIPPED, EMPTY, GARBAGE, TWICE, HUGE, LINK, GROUP_WRITES, FOLDER, PIPE, FOREIGN, GONE, UNREADABLE_LINE, DAMAGES };

/* JWT-50's rule for marks: what is not whole, not its publisher's, or no plain file is not believed, and what was known stays. */
static void what_is_not_right_is_not_believed(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = { PUBLISH_MARKS, PUBLISH_ALIVE };
	assert_int_equal(marks_revoke(f->marks, &ann, 0, 0, 0, NULL), EMA_OK);
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	for (int n = 0; n < 2; n++)
		for (int damage = 0; damage < DAMAGES; damage++) {
			char path[128], other[128], hex[PUBLISH_HEX + 1];
			size_t length;
			if (damage == FOREIGN && geteuid() != 0)
				continue;
			/* Something new, so that both are read again. */
			pass(f, 1);
			assert_int_equal(marks_revoke(f->marks, &okta, __atomic_load_n(&f->clock.wall, __ATOMIC_SEQ_CST), 0, 0, NULL), EMA_OK);
			assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
			char *text = get(f, names[n], &length);
			path_of(f, names[n], path);
			path_of(f, "other", other);
			if (damage == CUT)
				put(f, names[n], text, length - 2);
			if (damage == FLIPPED)
				text[length / 2] = '~', put(f, names[n], text, length);
			if (damage == EMPTY)
				put(f, names[n], "", 0);
			if (damage == GARBAGE)
				put(f, names[n], "\0\xff{", 3);
			if (damage == TWICE)
				put(f, names[n], "{\"sequence\":9007199254740000,\"sequence\":1,\"marks\":1,\"written\":1}\n", 66);
			if (damage == HUGE)
				assert_int_equal(truncate(path, (off_t)PUBLISH_MARKS_MOST + 1), 0);
			if (damage == LINK)
				assert_true(!rename(path, other) && !symlink("other", path));
			if (damage == GROUP_WRITES)
				assert_int_equal(chmod(path, 0664), 0);
			if (damage == FOLDER)
				assert_true(!unlink(path) && !mkdir(path, 0755));
			if (damage == PIPE)
				assert_true(!unlink(path) && !mkfifo(path, 0644));
			if (damage == FOREIGN && chown(path, 12345, 12345)) {
				assert_true(errno == EINVAL || errno == EPERM); /* root, but of a user namespace that has no other user */
				free(text);
				continue;
			}
			if (damage == GONE)
				assert_int_equal(unlink(path), 0);
			if (damage == UNREADABLE_LINE) {
				/* With a digest that is right: of another version, perhaps. */
				struct buffer line = BUFFER_INIT(4096);
				const char body[] = "{\"sequence\":9007199254740000}\n[\"s\",\"e\",\"00\",1,2,\"\"]\n";
				assert_int_equal(publish_digest(body, sizeof body - 1, hex), 0);
				buffer_printf(&line, PUBLISH_MAGIC "%s\n%s", hex, body);
				put(f, names[n], line.data, line.length);
				buffer_free(&line);
			}
			int code = marks_step(f->reader, 0);
			if (code == EMA_OK)
				fail_msg("%s with damage %d was believed", names[n], damage);
			assert_int_equal(check(f->reader, "ann", NULL), EMA_REVOKED);
			free(text);
			unlink(other);
			if (damage == FOLDER)
				assert_int_equal(rmdir(path), 0);
			else if (damage == PIPE)
				assert_int_equal(unlink(path), 0);
			/* The next that is written is good again. */
			pass(f, 1);
			assert_int_equal(marks_revoke(f->marks, &okta, __atomic_load_n(&f->clock.wall, __ATOMIC_SEQ_CST), 0, 0, NULL), EMA_OK);
			assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
			code = marks_step(f->reader, 0);
			if (code != EMA_OK)
				fail_msg("%s after damage %d: %d, %s", names[n], damage, code, f->said);
			f->said[0] = 0;
		}
}

/* Whoever may write somewhere on the same file system can give a file another name, which changes nothing in it. */
static void a_second_name_is_no_harm(void **state)
{
	struct fixture *f = *state;
	char path[128], other[128];
	assert_int_equal(publisher_step(f->publisher, NULL), EMA_OK);
	path_of(f, "other", other);
	path_of(f, PUBLISH_MARKS, path);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
	assert_int_equal(unlink(other), 0);
	path_of(f, PUBLISH_ALIVE, path);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(marks_step(f->reader, 0), EMA_OK);
}

/* Made for all to read at once, whatever the umask; and what cannot be read yet is waited for. */
static void it_is_made_for_all(void **state)
{
	struct fixture *f = *state;
	char inner[80], aside[96];
	struct stat st;
	struct failure failure = FAILURE_INIT;
	snprintf(inner, sizeof inner, "%s/inner", f->folder);
	snprintf(aside, sizeof aside, "%s.new", inner);
	mode_t umask_was = umask(077);
	/* One before was ended between its making and its naming. */
	assert_int_equal(mkdir(aside, 0755), 0);
	int fd = published_make(inner, NULL);
	umask(umask_was);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(stat(inner, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(access(aside, F_OK), -1);
	assert_int_equal(rmdir(inner), 0);
	snprintf(aside, sizeof aside, "%s//", inner);
	fd = published_make(aside, NULL);
	assert_true(fd >= 0);
	close(fd);
	/* The operator's mode stays. */
	assert_int_equal(chmod(inner, 0750), 0);
	fd = published_make(inner, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(stat(inner, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	const struct published folder = { inner, geteuid() };
	const int root = geteuid() == 0;
	assert_int_equal(chmod(inner, root ? 0700 : 0), 0);
	if (root && seteuid(12345))
		return;
	fd = published_open(&folder, &failure);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(failure.code, EMA_UNAVAILABLE);
}

/* The folder, and all on the way to it, are its publisher's or root's, and no links. */
static void the_way_there_is_checked(void **state)
{
	struct fixture *f = *state;
	char inner[80], link_path[96], up[96];
	snprintf(inner, sizeof inner, "%s/inner", f->folder);
	snprintf(link_path, sizeof link_path, "%s/link", f->folder);
	snprintf(up, sizeof up, "%s/inner/../inner", f->folder);
	assert_int_equal(mkdir(inner, 0755), 0);
	assert_int_equal(symlink("inner", link_path), 0);
	const struct { const char *path; mode_t inner, outer; int code; } cases[] = {
		{ inner, 0755, 0755, EMA_OK }, { inner, 0750, 0711, EMA_OK }, { inner, 0775, 0755, EMA_DENIED }, { inner, 01777, 0755, EMA_DENIED },
		{ inner, 0755, 0777, EMA_DENIED }, { inner, 0755, 0770, EMA_DENIED }, { link_path, 0755, 0755, EMA_DENIED }, { up, 0755, 0755, EMA_DENIED },
		{ "relative", 0755, 0755, EMA_DENIED }, { "/nowhere/at/all", 0755, 0755, EMA_ABSENT },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct published folder = { cases[i].path, geteuid() };
		struct failure failure = FAILURE_INIT;
		assert_int_equal(chmod(inner, cases[i].inner), 0);
		assert_int_equal(chmod(f->folder, cases[i].outer), 0);
		int fd = published_open(&folder, &failure);
		if (failure.code != cases[i].code || (fd >= 0) != !cases[i].code)
			fail_msg("case %zu: %d, %s", i, failure.code, failure.text);
		if (fd >= 0)
			close(fd);
	}
	assert_int_equal(chmod(f->folder, 0755), 0);
	if (geteuid() == 0) {
		/* Another user's, and the same once he is the one who publishes. */
		const struct published of_root = { inner, 0 }, of_him = { inner, 12345 };
		if (chown(inner, 12345, 12345))
			return;
		assert_int_equal(chmod(inner, 0755), 0);
		assert_int_equal(published_open(&of_root, NULL), -1);
		int fd = published_open(&of_him, NULL);
		assert_true(fd >= 0);
		close(fd);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_published_is_followed),
		TEST(it_goes_one_way),
		TEST(silence_is_a_loss),
		TEST(what_is_not_known_is_not_published),
		TEST(nothing_older_is_taken),
		TEST(a_restart_forgets_nothing),
		TEST(the_last_change_is_published),
		TEST(no_number_is_used_twice),
		TEST(it_is_written_by_time),
		TEST(what_is_acknowledged_is_kept),
		TEST(what_changes_is_appended),
		TEST(what_ended_takes_no_room),
		TEST(a_lift_is_kept),
		TEST(many_at_once_are_kept),
		TEST(time_lifts_nothing),
		TEST(what_cannot_be_used_is_no_start),
		TEST(the_lock_is_kept),
		TEST(a_failure_is_told),
		TEST(a_thread_publishes),
		TEST(what_is_not_right_is_not_believed),
		TEST(a_second_name_is_no_harm),
		TEST(it_is_made_for_all),
		TEST(the_way_there_is_checked),
	};
	if (!test_knows_users()) {
		puts("1..0 # SKIP the user to whom / belongs is not known in this namespace");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
