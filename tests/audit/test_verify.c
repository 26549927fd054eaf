/* What verify says to whoever writes a trail anew, with the state_dir of its writers and without. */
#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "chain.h"
#include "base64url.h"
#include "sinks.h"

#define LINES_MOST 20000

struct trail {
	char folder[256], path[300];
	char *text, *lines[LINES_MOST];
	size_t count;
};

/* With a chain of ten records and its checkpoint, of each writer. */
static void trail_begin(struct trail *trail, const char *const *writers)
{
	struct kept kept;
	char *rest = NULL;
	kept_init(&kept);
	memset(trail, 0, sizeof *trail);
	make_scratch(trail->folder, sizeof trail->folder);
	snprintf(trail->path, sizeof trail->path, "%s/audit.jsonl", trail->folder);
	for (; *writers; writers++) {
		struct audit_settings settings = { .clock = &clock_system, .state_dir = trail->folder, .writer = *writers };
		struct audit *audit = NULL;
		struct audit_sink sink = sink_of("a", &kept, 1);
		assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
		assert_int_equal(audit_sinks(audit, &sink, 1, NULL), EMA_OK);
		for (int i = 0; i < 10; i++)
			assert_int_equal(append_text(audit, "n", "some value", 1, 1000), EMA_OK);
		audit_free(audit, 120000);
	}
	trail->text = strndup(kept.lines.data, kept.lines.length);
	for (char *line = strtok_r(trail->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		trail->lines[trail->count++] = strdup(line);
	assert_non_null(strstr(trail->lines[trail->count - 1], "\"checkpoint\""));
	kept_free(&kept);
}

static void trail_end(struct trail *trail)
{
	for (size_t i = 0; i < trail->count; i++)
		free(trail->lines[i]);
	free(trail->text);
	remove_tree(trail->folder);
}

static void put(char *line, const char *name, const char *value)
{
	char *at = strstr(line, name);
	assert_non_null(at);
	memcpy(at + strlen(name), value, strlen(value));
}

/* All hashes from there on are made anew, and no seal is of a key that is known; without seals, no record is a checkpoint. */
static void forge(struct trail *trail, size_t from, int seals)
{
	EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	unsigned char hash[CHAIN_HASH] = { 0 };
	char text[CHAIN_TEXT];
	for (size_t i = 0; i < trail->count; i++) {
		char *line = trail->lines[i];
		if (i && i >= from)
			put(line, "\"prev\":\"", text);
		if (i >= from && strstr(line, "\"seal_key\":"))
			put(line, seals ? "\"seal_key\":\"" : "\"kind\":\"", seals ? "AAAAAAAA" : "checkpains");
		assert_int_equal(chain_step(sha256, hash, line, strlen(line), hash), 0);
		base64url_encode(hash, CHAIN_HASH, text);
	}
	EVP_MD_free(sha256);
}

/* The least that is a record; forge() ties it to the one before. */
static void add_record(struct trail *trail, const char *more)
{
	char none[CHAIN_TEXT] = "", *line = NULL;
	memset(none, 'A', sizeof none - 1);
	assert_true(trail->count < LINES_MOST);
	assert_true(asprintf(&line, "{%s,\"prev\":\"%s\",\"seq\":%zu,\"sink\":\"a\",\"v\":1,\"writer\":\"w\"}", more, none, trail->count + 1) > 0);
	trail->lines[trail->count++] = line;
}

static void expect_at(const char *const *paths, const char *const *states, const char *sink, int want, const char *says)
{
	struct buffer report = BUFFER_INIT(1 << 20);
	int code = audit_verify(paths, states, sink, &report);
	if (code != want || !strstr(report.data, says))
		fail_msg("%d, wanted %d and \"%s\":\n%s", code, want, says, report.data);
	buffer_free(&report);
}

static void expect_of(const char *const *paths, const char *const *states, int want, const char *says)
{
	expect_at(paths, states, NULL, want, says);
}

static void expect(const struct trail *trail, int want, const char *says)
{
	expect_of((const char *const[]){ trail->path, NULL }, (const char *const[]){ trail->folder, NULL }, want, says);
}

/* AUD-34: whoever can write the file and computes all hashes anew has neither the key nor what the heads say. */
static void a_trail_made_anew_is_found(void **state)
{
	enum { SEALED, UNSEALED, ONE_MORE, BEHIND, LAST, DECLARED, CASES };
	static const char *const says[CASES] = {
		[SEALED] = ":12: this checkpoint of w was sealed with another key", [UNSEALED] = "record 12 of w was changed, or one before it",
		[ONE_MORE] = "was sealed with another key", [BEHIND] = "record 12 of w, which", [LAST] = "record 12 of w was changed",
		[DECLARED] = ":6: records 6 to 6 of w are missing before this one",
	};
	(void)state;
	for (int i = 0; i < CASES; i++) {
		struct trail trail;
		size_t first = 0;
		trail_begin(&trail, (const char *const[]){ "w", NULL });
		assert_int_equal(trail.count, 12);
		test_write_lines(trail.path, trail.lines, trail.count);
		expect(&trail, EMA_OK, "12 records read: every chain holds\n");
		if (i == ONE_MORE) /* the head is behind */
			add_record(&trail, "\"kind\":\"decision\"");
		if (i == BEHIND) { /* as if all before were rotated away */
			add_record(&trail, "\"kind\":\"decision\"");
			first = 12;
		}
		if (i == DECLARED) { /* and a gap behind the changed one, which the forger declares */
			add_record(&trail, "\"first\":6,\"kind\":\"audit-gap\",\"last\":6,\"of\":\"w\"");
			forge(&trail, 12, 1);
			free(trail.lines[5]);
			trail.lines[5] = NULL;
		}
		if (i == LAST)
			put(trail.lines[11], "\"time\":\"", "1999");
		else
			put(trail.lines[4], "\"n\":\"", "evil value");
		if (i < LAST)
			forge(&trail, 0, i == SEALED || i == ONE_MORE);
		test_write_lines(trail.path, trail.lines + first, trail.count - first);
		expect(&trail, EMA_DENIED, says[i]);
		if (i < BEHIND || i == LAST) /* by itself, it is a chain like any other, and no more is said */
			expect_of((const char *const[]){ trail.path, NULL }, NULL, EMA_OK, "every chain holds by itself; that nobody");
		/* Who has a copy of the key alone sees that no seal is of it. */
		char copy[400], from[400], path[450];
		snprintf(copy, sizeof copy, "%s/copy", trail.folder);
		assert_int_equal(mkdir(copy, 0700), 0);
		snprintf(path, sizeof path, "%s/audit", copy);
		assert_int_equal(mkdir(path, 0700), 0);
		expect_of((const char *const[]){ trail.path, NULL }, (const char *const[]){ copy, NULL }, EMA_CONFIG, "/copy/audit/key: No such file");
		snprintf(from, sizeof from, "%s/audit/key", trail.folder);
		snprintf(path, sizeof path, "%s/audit/key", copy);
		assert_int_equal(link(from, path), 0);
		expect_of((const char *const[]){ trail.path, NULL }, (const char *const[]){ copy, NULL }, i == LAST ? EMA_OK : EMA_DENIED,
		          i == LAST ? "sealed up to 11, 1 that no seal and no head shows" : i == DECLARED ? says[i] : "no seal and no head shows that w wrote");
		trail_end(&trail);
	}
}

/* AUD-39: a gap is known as far as a record counts what was lost, and any number of them are; of one sink, as far as the record is about it. */
static void gaps_are_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct trail trail;
		char *lines[400], text[120];
		size_t count = 0;
		const size_t gaps = i < 2 ? 2 : 150;
		trail_begin(&trail, (const char *const[]){ "w", NULL });
		const size_t begin = trail.count;
		for (size_t k = 0; k < gaps; k++) {
			add_record(&trail, "\"kind\":\"decision\"");
			snprintf(text, sizeof text, i < 2 ? "\"kind\":\"decision\"" : "\"first\":%zu,\"kind\":\"audit-gap\",\"last\":%zu,\"lost\":%d,\"of\":\"w\"", trail.count,
			         trail.count, i < 3 || k);
			add_record(&trail, text);
		}
		snprintf(text, sizeof text, "\"first\":%zu,\"kind\":\"audit-gap\",\"last\":%zu,\"lost\":%d,\"of\":\"w\"", begin + 1, begin + 4, 2 - i % 2);
		add_record(&trail, i < 2 ? text : "\"kind\":\"decision\"");
		forge(&trail, begin, 0);
		/* Every second one is gone. */
		for (size_t k = 0; k < trail.count; k++)
			if (k < begin || (k - begin) % 2 || k + 1 == trail.count)
				lines[count++] = trail.lines[k];
		test_write_lines(trail.path, lines, count);
		expect_of((const char *const[]){ trail.path, NULL }, NULL, i % 2 ? EMA_DENIED : EMA_OK, i % 2 ? "of w are missing before this one" : "a later record says so of the sink a");
		if (i % 2 == 0) {
			expect_at((const char *const[]){ trail.path, NULL }, NULL, "a", EMA_OK, "a later record says so of the sink a");
			expect_at((const char *const[]){ trail.path, NULL }, NULL, "b", EMA_DENIED, "of w are missing before this one");
		}
		trail_end(&trail);
	}
}

/* AUD-34: what is taken away altogether leaves no line to be found by; the heads know of it. */
static void what_is_taken_away_is_found(void **state)
{
	struct trail trail;
	char other[400], gone[400];
	(void)state;
	trail_begin(&trail, (const char *const[]){ "w", "x", NULL });
	assert_int_equal(trail.count, 24);
	test_write_lines(trail.path, trail.lines, 24);
	expect(&trail, EMA_OK, "24 records read: every chain holds\n");
	test_write_lines(trail.path, trail.lines, 0);
	expect(&trail, EMA_DENIED, "w wrote 12 records, and none is here");
	expect_of((const char *const[]){ trail.path, NULL }, NULL, EMA_DENIED, "no records: nothing could be checked");
	test_write_lines(trail.path, trail.lines, 12);
	expect(&trail, EMA_DENIED, "x wrote 12 records, and none is here");
	/* Processes with files of their own: all are given, whichever is first, and what is given twice is read once. */
	snprintf(other, sizeof other, "%s/other", trail.folder);
	test_write_lines(other, trail.lines + 12, 12);
	const char *const states[] = { trail.folder, NULL };
	expect_of((const char *const[]){ trail.path, other, NULL }, states, EMA_OK, "24 records read: every chain holds\n");
	expect_of((const char *const[]){ other, trail.path, other, NULL }, states, EMA_OK, "24 records read: every chain holds\n");
	/* One that wrote its last record before all that is here: rotated away with its file. */
	snprintf(gone, sizeof gone, "%s/audit/x.head", trail.folder);
	const struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };
	assert_int_equal(utimensat(AT_FDCWD, gone, times, 0), 0);
	expect(&trail, EMA_OK, "note: x wrote 12 records, the last before 2023-11-14T22:13:20.000Z");
	trail_end(&trail);
}

/* AUD-34: a file of several hosts is held against the state_dirs of all of them. */
static void each_state_dir_is_asked(void **state)
{
	struct trail here, there;
	(void)state;
	trail_begin(&here, (const char *const[]){ "w", NULL });
	trail_begin(&there, (const char *const[]){ "far", NULL });
	memcpy(here.lines + 12, there.lines, 12 * sizeof *here.lines);
	test_write_lines(here.path, here.lines, 24);
	const char *const file[] = { here.path, NULL };
	expect(&here, EMA_DENIED, "this checkpoint of far was sealed with another key");
	expect_of(file, (const char *const[]){ here.folder, there.folder, NULL }, EMA_OK, "24 records read: every chain holds\n");
	/* Without its head, a writer that has seals is known, and its end is not. */
	char path[400];
	snprintf(path, sizeof path, "%s/audit/far.head", there.folder);
	assert_int_equal(unlink(path), 0);
	test_write_lines(here.path, here.lines, 23);
	expect_of(file, (const char *const[]){ here.folder, there.folder, NULL }, EMA_DENIED, "no seal and no head shows that far wrote");
	test_write_lines(here.path, here.lines, 24);
	expect_of(file, (const char *const[]){ here.folder, there.folder, NULL }, EMA_OK, "note: there is no head of far");
	snprintf(path, sizeof path, "%s/audit/w.head", here.folder);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "12", 2), 2);
	close(fd);
	expect(&here, EMA_DENIED, "w.head cannot be read, or is no head of a chain");
	trail_end(&here);
	trail_end(&there);
}

/* AUD-34: nobody writes on for long without a seal; and up to where one goes is said. */
static void a_long_end_has_a_seal(void **state)
{
	struct trail trail;
	char path[400];
	(void)state;
	trail_begin(&trail, (const char *const[]){ "w", NULL });
	snprintf(path, sizeof path, "%s/audit/w.head", trail.folder);
	assert_int_equal(unlink(path), 0);
	while (trail.count < 16000)
		add_record(&trail, "\"kind\":\"decision\"");
	forge(&trail, 12, 1);
	test_write_lines(trail.path, trail.lines, trail.count);
	expect(&trail, EMA_OK, "sealed up to 11, 15989 that no seal and no head shows");
	while (trail.count < 16012)
		add_record(&trail, "\"kind\":\"decision\"");
	forge(&trail, 12, 1);
	test_write_lines(trail.path, trail.lines, trail.count);
	expect(&trail, EMA_DENIED, "16001 records of w up to 16012 are under no seal");
	trail_end(&trail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trail_made_anew_is_found),
		cmocka_unit_test(gaps_are_counted),
		cmocka_unit_test(what_is_taken_away_is_found),
		cmocka_unit_test(each_state_dir_is_asked),
		cmocka_unit_test(a_long_end_has_a_seal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
