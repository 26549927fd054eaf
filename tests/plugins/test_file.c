#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fakehost.h"
#include "../audit/sinks.h"

static const struct ema_audit_ops *ops;
static const char *format; /* NULL: the default */

struct file {
	char folder[256], path[300];
	struct setting settings[4];
	ema_conf conf;
	ema_instance *self;
};

static int file_record(void *data, const ema_event *event)
{
	return ops->record(((struct file *)data)->self, event);
}

static int file_flush(void *data, int64_t ms)
{
	return ops->flush(((struct file *)data)->self, ms);
}

static int file_reopen(void *data)
{
	return ops->reopen(((struct file *)data)->self);
}

static void file_name(struct file *file, const char *sync, const char *folder)
{
	memset(file, 0, sizeof *file);
	snprintf(file->folder, sizeof file->folder, "%s", folder);
	snprintf(file->path, sizeof file->path, "%s/audit.jsonl", file->folder);
	size_t n = 0;
	file->settings[n++] = (struct setting){ "path", file->path, 0 };
	if (sync)
		file->settings[n++] = (struct setting){ "fsync", sync, 0 };
	if (format)
		file->settings[n++] = (struct setting){ "format", format, 0 };
	file->conf.settings = file->settings;
	file->self = open_sink(ops, &file->conf);
}

static void file_init(struct file *file, const char *sync)
{
	char folder[256];
	make_scratch(folder, sizeof folder);
	file_name(file, sync, folder);
}

static void file_end(struct file *file)
{
	if (file->self)
		ops->close(file->self);
	remove_tree(file->folder);
}

static struct audit *audit_on(struct file *file)
{
	struct audit_settings settings = { .clock = &clock_system, .state_dir = file->folder, .writer = "w" };
	struct failure failure = FAILURE_INIT;
	struct audit *audit = NULL;
	if (audit_new(&settings, &audit, &failure))
		fail_msg("%s", failure.text);
	struct audit_sink sink = { .id = "file", .must = 1, .record = file_record, .flush = file_flush, .reopen = file_reopen, .data = file };
	audit_sinks(audit, &sink, 1, NULL);
	return audit;
}

static char *read_whole(const char *path)
{
	struct buffer text = BUFFER_INIT(256u << 20);
	char bytes[4096];
	FILE *in = fopen(path, "re");
	if (!in)
		fail_msg("no %s", path);
	for (size_t n; in && (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
		buffer_append(&text, bytes, n);
	fclose(in);
	return buffer_take(&text);
}

static void check(const struct file *file, int want, const char *says)
{
	struct buffer report = BUFFER_INIT(1 << 20);
	int code = audit_verify((const char *const[]){ file->path, NULL }, (const char *const[]){ file->folder, NULL }, NULL, &report);
	if (code != want || (says && !strstr(report.data, says)))
		fail_msg("%d, wanted %d and \"%s\":\n%s", code, want, says ? says : "", report.data);
	buffer_free(&report);
}

/* A folder that is not there is told when the sink is opened, and is no reason not to open it. */
static void a_missing_folder_is_told(void **state)
{
	(void)state;
	struct file file;
	char folder[256], none[300];
	make_scratch(folder, sizeof folder);
	fake_logged[0] = 0;
	file_name(&file, NULL, folder);
	assert_string_equal(fake_logged, "");
	ops->close(file.self);
	snprintf(none, sizeof none, "%.200s/none", folder);
	file_name(&file, NULL, none);
	assert_non_null(strstr(fake_logged, "/none/audit.jsonl: there is no such folder"));
	ops->close(file.self);
	rmdir(folder);
}

/* AUD-38: mode 0640, no following of links, whole lines. */
static void the_file_is_closed_to_others(void **state)
{
	(void)state;
	struct file file;
	struct stat is;
	char other[400];
	file_init(&file, "always");
	struct audit *audit = audit_on(&file);
	assert_int_equal(append_text(audit, "n", "v", 1, 1000), EMA_OK);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 2000);
	assert_int_equal(lstat(file.path, &is), 0);
	assert_int_equal(is.st_mode & 07777 & ~0640u, 0);
	check(&file, EMA_OK, "every chain holds");
	snprintf(other, sizeof other, "%s/other", file.folder);
	rename(file.path, other);
	assert_int_equal(symlink(other, file.path), 0);
	const char *names[] = { "seq" }, *values[] = { "1" };
	struct ema_event event = { .line = "{}", .length = 2, .count = 1, .names = names, .values = values };
	assert_int_equal(ops->record(file.self, &event), EMA_UNAVAILABLE);
	unlink(file.path);
	assert_int_equal(mkfifo(file.path, 0600), 0);
	assert_int_equal(ops->record(file.self, &event), EMA_UNAVAILABLE);
	file_end(&file);
}

static void *append_all(void *data)
{
	for (int i = 0; i < 3000; i++)
		if (append_text(data, "n", "v", 1, 10000))
			return data;
	return NULL;
}

/* AUD-38: rotated by rename and by signal while records come: none is missing over all the files. */
static void rotation_makes_no_gap(void **state)
{
	(void)state;
	struct file file;
	char old[400];
	file_init(&file, "never");
	struct audit *audit = audit_on(&file);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, append_all, audit), 0);
	for (int i = 9; i > 0; i--) {
		while (access(file.path, F_OK))
			pause_ms(1);
		snprintf(old, sizeof old, "%s.%d", file.path, i);
		assert_int_equal(rename(file.path, old), 0);
		if (i & 1)
			audit_reopen(audit);
		/* What comes within the same batch may still go into the old one. */
		for (int more = 1; more; pause_ms(1), more = access(file.path, F_OK))
			assert_int_equal(append_text(audit, "n", "next", 1, 10000), EMA_OK);
	}
	void *failed = NULL;
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_int_equal(append_text(audit, "n", "last", 1, 10000), EMA_OK);
	audit_free(audit, 10000);
	check(&file, EMA_OK, "every chain holds");
	file_end(&file);
}

/* AUD-39 AUD-40: a full disk refuses, leaves no part of a record, and recovers by itself with a record of the gap. */
static void a_full_disk_refuses_and_recovers(void **state)
{
	(void)state;
	struct file file;
	struct rlimit limit, before;
	file_init(&file, NULL);
	struct audit *audit = audit_on(&file);
	assert_int_equal(append_text(audit, "n", "first", 1, 1000), EMA_OK);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	struct stat is;
	assert_int_equal(stat(file.path, &is), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = (rlim_t)is.st_size + 100; /* in the middle of the next record */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(append_text(audit, "n", "second", 1, 1000), EMA_OK);
	int code = EMA_OK;
	for (int i = 0; i < 500 && code == EMA_OK; i++) {
		pause_ms(10);
		code = append_text(audit, "n", "while-full", 1, 1000);
	}
	assert_int_equal(code, EMA_AUDIT_UNAVAILABLE);
	char *text = read_whole(file.path);
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	setrlimit(RLIMIT_FSIZE, &before);
	for (int i = 0; i < 500 && code != EMA_OK; i++) {
		pause_ms(20);
		code = append_text(audit, "n", "after", 1, 1000);
	}
	assert_int_equal(code, EMA_OK);
	audit_free(audit, 5000);
	text = read_whole(file.path);
	assert_non_null(strstr(text, "\"second\""));
	assert_non_null(strstr(text, "\"after\""));
	assert_non_null(strstr(text, "\"kind\":\"audit-gap\""));
	free(text);
	check(&file, EMA_OK, "every chain holds");
	file_end(&file);
}

/* AUD-40: taking away what filled the disk is enough, although records were taken since the last flush. */
static void a_full_file_that_is_taken_away_is_left(void **state)
{
	(void)state;
	const char *names[] = { "seq" }, *values[] = { "1" };
	const struct ema_event event = { .line = "{}", .length = 2, .count = 1, .names = names, .values = values };
	struct file file;
	struct rlimit limit, before;
	file_init(&file, NULL);
	assert_int_equal(ops->record(file.self, &event), EMA_OK);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 3; /* of that record and its end */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(ops->record(file.self, &event), EMA_UNAVAILABLE);
	assert_int_equal(unlink(file.path), 0);
	assert_int_equal(ops->record(file.self, &event), EMA_OK);
	setrlimit(RLIMIT_FSIZE, &before);
	char *text = read_whole(file.path);
	assert_string_equal(text, "{}\n");
	free(text);
	file_end(&file);
}

static void append_for_ever(const char *folder, int out)
{
	struct file file;
	file_name(&file, NULL, folder);
	struct audit *audit = audit_on(&file);
	for (unsigned i = 0;; i++)
		if (append_text(audit, "mark", "here", 1, 10000) || write(out, &i, sizeof i) != sizeof i)
			_exit(1);
}

static void kill_and_count(const char *what)
{
	struct file file;
	file_init(&file, NULL);
	unsigned total = 0;
	for (int round = 0; round < rounds(20); round++) {
		int ends[2];
		unsigned i = 0;
		assert_int_equal(pipe(ends), 0);
		fcntl(ends[1], F_SETPIPE_SZ, 4096); /* however fast it is, it is no more than so far ahead */
		pid_t child = start_again(what, file.folder, ends[1]);
		close(ends[1]);
		for (int want = 1 + (round * 7919) % 300; want > 0 && read(ends[0], &i, sizeof i) == sizeof i; want--)
			total++;
		kill(child, SIGKILL);
		while (read(ends[0], &i, sizeof i) == sizeof i)
			total++;
		close(ends[0]);
		int status = 0;
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
	}
	/* A line without its end, as a machine that lost its power leaves one. */
	int fd = open(file.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	assert_int_equal(write(fd, "{\"v\":1,\"id\"", 11), 11);
	close(fd);
	struct audit *audit = audit_on(&file);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 5000);
	char *text = read_whole(file.path);
	unsigned found = 0;
	for (const char *at = text; (at = strstr(at, "\"mark\":\"here\"")); at++)
		found++;
	free(text);
	assert_in_range(found, total, total + 20); /* one a round may be committed and not yet said */
	check(&file, EMA_OK, "every chain holds");
	file_end(&file);
}

/* AUD-33 AUD-35: killed at any moment while the file is written: each record is there once, and the chain holds. */
static void kills_leave_each_record_once(void **state)
{
	(void)state;
	kill_and_count("append");
	format = "ocsf";
	kill_and_count("append-ocsf");
	format = NULL;
}

/* A record of several pages, which a file shows one by one. */
static int record_large(ema_instance *self, const char *writer, unsigned number)
{
	enum { LONG = 40000 };
	static char line[LONG + 200];
	char id[40], seq[12];
	const char *names[] = { "id", "writer", "seq" }, *values[] = { id, writer, seq };
	snprintf(seq, sizeof seq, "%u", number);
	snprintf(id, sizeof id, "01936000-0000-7000-8%03u-000000%06u", (unsigned)strlen(writer), number);
	memset(line, 'x', LONG);
	int length = snprintf(line + LONG, sizeof line - LONG, "\",\"id\":\"%s\",\"seq\":%s,\"writer\":\"%s\"}", id, seq, writer) + LONG;
	memcpy(line, "{\"a\":\"", 6);
	ema_event event = { .line = line, .length = (size_t)length, .count = 3, .names = names, .values = values };
	int code;
	while ((code = ops->record(self, &event)) == EMA_UNAVAILABLE)
		; /* a machine that is slow: the core comes again, too */
	return code;
}

/* Each opens the file anew all the time, and looks for what a crash may have left in it. */
static void write_many(const char *folder, const char *writer)
{
	struct file file;
	file_name(&file, "never", folder);
	for (unsigned i = 1; i <= (unsigned)rounds(120); i++) {
		if (record_large(file.self, writer, i) != EMA_OK)
			_exit(1);
		if (i % 3 == 0)
			ops->reopen(file.self);
	}
	ops->close(file.self);
	_exit(0);
}

/* AUD-38: three processes of one user write to one file: every record is there, once, whole, and in the order of its writer. */
static void processes_share_a_file(void **state)
{
	(void)state;
	static const char *const writers[] = { "a", "bb", "ccc" };
	unsigned next[] = { 1, 1, 1 };
	pid_t children[3];
	struct file file;
	file_init(&file, "never");
	for (int i = 0; i < 3; i++)
		children[i] = start_again(writers[i], file.folder, 1);
	for (int i = 0; i < 3; i++) {
		int status = -1;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	char *text = read_whole(file.path), *rest = NULL;
	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strlen(line), i = 0;
		char end[64];
		for (const char *at = strstr(line, "\"writer\":\""); i < 3; i++)
			if (at && strlen(at) == strlen(writers[i]) + 12)
				break;
		assert_in_range(i, 0, 2);
		snprintf(end, sizeof end, "\"seq\":%u,\"writer\":\"%s\"}", next[i]++, writers[i]);
		assert_true(length > 40000 && length < 40200 && !strncmp(line, "{\"a\":\"x", 7));
		assert_string_equal(line + length - strlen(end), end);
	}
	free(text);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next[i], rounds(120) + 1);
	file_end(&file);
}

static void record_one(ema_instance *self, const char *seq)
{
	char line[200], id[40];
	const char *names[] = { "id", "writer", "seq" };
	snprintf(id, sizeof id, "01936000-0000-7000-8000-00000000000%s", seq);
	const char *values[] = { id, "w", seq };
	snprintf(line, sizeof line, "{\"id\":\"%s\",\"seq\":%s,\"writer\":\"w\"}", id, seq);
	ema_event event = { .line = line, .length = strlen(line), .count = 3, .names = names, .values = values };
	assert_int_equal(ops->record(self, &event), EMA_OK);
}

/* AUD-38: killed between a rotation and the commit of the spool: what comes again is in the rotated file, and nowhere else. */
static void a_rotation_and_a_crash_repeat_nothing(void **state)
{
	(void)state;
	struct file file;
	char older[400];
	file_init(&file, NULL);
	record_one(file.self, "1");
	record_one(file.self, "2");
	snprintf(older, sizeof older, "%s.1", file.path);
	assert_int_equal(rename(file.path, older), 0);
	ops->close(file.self);
	file.self = open_sink(ops, &file.conf);
	record_one(file.self, "1");
	record_one(file.self, "2");
	record_one(file.self, "3");
	char *text = read_whole(file.path);
	assert_null(strstr(text, "\"seq\":1"));
	assert_null(strstr(text, "\"seq\":2"));
	assert_non_null(strstr(text, "\"seq\":3"));
	free(text);
	file_end(&file);
}

/* A chain that begins anew at 1 is not taken for records that came before. */
static void a_new_chain_is_written(void **state)
{
	(void)state;
	struct file file;
	char path[400];
	file_init(&file, NULL);
	for (int i = 0; i < 2; i++) {
		struct audit *audit = audit_on(&file);
		assert_int_equal(append_text(audit, "n", i ? "second" : "first", 1, 1000), EMA_OK);
		audit_free(audit, 5000);
		snprintf(path, sizeof path, "%s/spool", file.folder);
		remove_tree(path);
		snprintf(path, sizeof path, "%s/audit/w.head", file.folder);
		if (!i)
			unlink(path);
	}
	char *text = read_whole(file.path);
	assert_non_null(strstr(text, "\"second\""));
	free(text);
	check(&file, EMA_DENIED, "begins here after record");
	file_end(&file);
}

/* Reads the lines of a file; the caller frees the text. */
static char *read_lines(const char *path, char **lines, size_t most, size_t *count)
{
	char *text = read_whole(path), *rest = NULL;
	*count = 0;
	for (char *line = strtok_r(text, "\n", &rest); line && *count < most; line = strtok_r(NULL, "\n", &rest))
		lines[(*count)++] = line;
	return text;
}

static void test_write_lines(const char *path, char *const *lines, size_t count);

/* AUD-30 AUD-31 AUD-33: the chain of a file of OCSF events can be checked like any, and what the events say of their records. */
static void ocsf_can_be_verified(void **state)
{
	(void)state;
	struct file file;
	char *lines[64] = { NULL }, *changed[64];
	size_t count = 0;
	format = "ocsf";
	file_init(&file, NULL);
	format = NULL;
	struct audit *audit = audit_on(&file);
	for (int i = 0; i < 5; i++)
		append_text(audit, "n", "some value \"id\":\"x\",\"seq\":99", 1, 1000);
	audit_free(audit, 5000);
	char *text = read_lines(file.path, lines, 64, &count);
	assert_int_equal(count, 7);
	assert_non_null(strstr(lines[0], "\"version\":\"1.8.0\""));
	check(&file, EMA_OK, "sealed up to 6");
	static const char *const marks[] = { "\"severity_id\":1", "some value", "\\\"v\\\":1" };
	for (size_t i = 0; i < 3; i++) {
		memcpy(changed, lines, sizeof changed);
		changed[2] = strdup(lines[2]);
		char *at = strstr(changed[2], marks[i]);
		assert_non_null(at);
		at[strlen(marks[i]) - 1] = '2';
		test_write_lines(file.path, changed, count);
		check(&file, EMA_DENIED, i < 2 ? ":3: this event does not say what its raw_data says" : "the chain does not hold");
		free(changed[2]);
	}
	memcpy(changed, lines, sizeof changed);
	changed[3] = NULL;
	test_write_lines(file.path, changed, count);
	check(&file, EMA_DENIED, "records 4 to 4 of w are missing");
	free(text);
	file_end(&file);
}

static void mistakes_are_told(void **state)
{
	(void)state;
	static const struct { struct setting settings[3]; const char *says; } cases[] = {
		{ { { NULL, NULL, 0 } }, "where do the records go" },
		{ { { "path", "/x", 0 }, { "fsync", "sometimes", 0 }, { NULL, NULL, 0 } }, "always" },
		{ { { "path", "/x", 0 }, { "format", "cef", 0 }, { NULL, NULL, 0 } }, "ocsf" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ema_conf conf = { .settings = cases[i].settings };
		ema_instance *self = NULL;
		assert_int_equal(ops->open(&fake_host, NULL, &conf, &self), EMA_CONFIG);
		assert_non_null(strstr(conf.said, cases[i].says));
	}
}

/* ---- verify ---- */

/* AUD-33 AUD-34: edit, drop, swap, insert, repeat, a cut end, a forged seal: each is found, with its line. */
static void tampering_is_found(void **state)
{
	(void)state;
	struct file file;
	char *lines[64] = { NULL }, *rest = NULL;
	size_t count = 0;
	file_init(&file, NULL);
	struct audit *audit = audit_on(&file);
	for (int i = 0; i < 10; i++)
		append_text(audit, "n", "some value", 1, 1000);
	audit_free(audit, 5000);
	char *text = read_whole(file.path);
	for (char *line = strtok_r(text, "\n", &rest); line && count < 64; line = strtok_r(NULL, "\n", &rest))
		lines[count++] = line;
	assert_int_equal(count, 12); /* chain-start, ten, checkpoint */
	check(&file, EMA_OK, "sealed up to 11");
	enum { EDIT, EDIT_LAST, DROP, SWAP, INSERT, REPEAT, CUT, GARBAGE, SEAL, SPACE };
	static const struct { const char *name, *says; } cases[] = {
		[EDIT] = { "edit", ":6: record 6 of w does not follow" },
		[EDIT_LAST] = { "edit the last", "seal" },
		[DROP] = { "drop", ":5: records 5 to 5 of w are missing" },
		[SWAP] = { "swap", ":6: record 5 of w stands after record 6" },
		[INSERT] = { "insert", ":5: record 4 of w stands after record 4" },
		[REPEAT] = { "repeat", "swapped, inserted or repeated" },
		[CUT] = { "cut", "the end was cut off" },
		[GARBAGE] = { "garbage", ":3: this line is no record" },
		[SEAL] = { "seal", "was not made with the key" },
		[SPACE] = { "white space", ":12: this line is not in the form of RFC 8785" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *changed[64], *copy = NULL;
		memcpy(changed, lines, sizeof changed);
		size_t n = count;
		switch (i) {
		case EDIT:
			changed[4] = copy = strdup(lines[4]);
			memcpy(strstr(copy, "some value"), "evil", 4);
			break;
		case EDIT_LAST:
		case SEAL:
			changed[11] = copy = strdup(lines[11]);
			char *seal = strstr(copy, "\"seal\":\"") + 8;
			*seal = *seal == 'A' ? 'B' : 'A';
			break;
		case DROP:
			changed[4] = NULL;
			break;
		case SWAP:
			changed[4] = lines[5];
			changed[5] = lines[4];
			break;
		case INSERT:
			changed[4] = copy = strdup(lines[3]);
			memcpy(strstr(copy, "some value"), "evil", 4);
			break;
		case REPEAT:
			changed[n++] = lines[3];
			break;
		case CUT:
			n = 8;
			break;
		case SPACE:
			changed[11] = copy = malloc(strlen(lines[11]) + 2);
			assert_non_null(copy);
			snprintf(copy, strlen(lines[11]) + 2, "{ %s", lines[11] + 1);
			break;
		case GARBAGE:
		default:
			if (i == GARBAGE)
				changed[2] = copy = strdup("{\"v\":1");
		}
		test_write_lines(file.path, changed, n);
		check(&file, EMA_DENIED, cases[i].says);
		free(copy);
	}
	/* Split over rotated files, it is whole. */
	char older[400];
	test_write_lines(file.path, lines + 8, count - 8);
	snprintf(older, sizeof older, "%s.1", file.path);
	test_write_lines(older, lines + 4, 4);
	snprintf(older, sizeof older, "%s.2", file.path);
	test_write_lines(older, lines, 4);
	check(&file, EMA_OK, "every chain holds");
	unlink(older);
	check(&file, EMA_OK, "what came before is not in these files");
	struct buffer report = BUFFER_INIT(4096);
	assert_int_equal(audit_verify((const char *const[]){ "/nonexistent/audit", NULL }, NULL, NULL, &report), EMA_CONFIG);
	buffer_free(&report);
	free(text);
	file_end(&file);
}

static int load(void **state)
{
	(void)state;
	ops = load_sink(BUILDDIR "/plugins/.libs/file.so");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strncmp(argv[1], "append", 6)) {
		format = !strcmp(argv[1], "append-ocsf") ? "ocsf" : NULL;
		load(NULL);
		append_for_ever(argv[2], (int)strtol(argv[3], NULL, 10));
	}
	if (argc == 4) {
		load(NULL);
		write_many(argv[2], argv[1]);
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_folder_is_told),
		cmocka_unit_test(the_file_is_closed_to_others),
		cmocka_unit_test(rotation_makes_no_gap),
		cmocka_unit_test(a_full_disk_refuses_and_recovers),
		cmocka_unit_test(a_full_file_that_is_taken_away_is_left),
		cmocka_unit_test(kills_leave_each_record_once),
		cmocka_unit_test(processes_share_a_file),
		cmocka_unit_test(a_rotation_and_a_crash_repeat_nothing),
		cmocka_unit_test(a_new_chain_is_written),
		cmocka_unit_test(ocsf_can_be_verified),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(tampering_is_found),
	};
	return cmocka_run_group_tests(tests, load, NULL);
}
