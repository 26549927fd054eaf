/* A disk that is full or broken while revocations are published: what was said to be published is there, and the rest comes later. */
#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codes.h"
#include "horizon.h"
#include "marks.h"
#include "publish.h"
#include "store_suite.h"

#include "../calls.h"

static char parent[64], folder[128];
static int kept; /* in a folder of its own, instead of published */
static struct suite_clock clock_of_all;

static int setup(void **state)
{
	(void)state;
	suite_clock_init(&clock_of_all);
	snprintf(parent, sizeof parent, "/tmp/ema-calls-XXXXXX");
	if (!mkdtemp(parent) || chmod(parent, 0755))
		return -1;
	snprintf(folder, sizeof folder, "%s/out", parent);
	return 0;
}

static void clean(const char *what)
{
	char command[160];
	snprintf(command, sizeof command, "rm -rf '%s'", what);
	assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
	(void)state;
	clean(parent);
	return 0;
}

static struct marks *new_marks(void)
{
	const struct marks_settings settings = { .clock = &clock_of_all.clock, .alone = 1 };
	struct marks *marks = NULL;
	assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
	return marks;
}

static int open_publisher(struct marks *marks, struct publisher **out, struct failure *failure)
{
	const struct publisher_settings settings = { .marks = marks, .folder = folder, .clock = &clock_of_all.clock, .keeps = kept, .private = kept };
	return publisher_new(&settings, out, failure);
}

static int is_revoked(struct marks *marks, int number)
{
	char sub[32];
	snprintf(sub, sizeof sub, "u%d", number);
	const struct mark_query query = { .issued = SUITE_BEGIN - 60000, .issuer = "https://idp", .sub = sub, .provider = "idp" };
	return marks_check(marks, &query, NULL) == EMA_REVOKED;
}

static void revoke_one(struct marks *marks, int number)
{
	char sub[32];
	snprintf(sub, sizeof sub, "u%d", number);
	const struct mark_target target = { MARK_SUBJECT, "https://idp", NULL, sub };
	assert_int_equal(marks_revoke(marks, &target, SUITE_BEGIN, SUITE_BEGIN + 86400000, 1000, NULL), EMA_OK);
}

/* REV-19: in a folder that is there or not. */
static void publishing(void **state)
{
	(void)state;
	int descriptors = calls_descriptors(), number = 0;
	for (int mode = 0; mode < 2 * CALLS_MODES; mode++)
		EACH_N(n, going, mode % CALLS_MODES == CALLS_SHORT ? 2 : 14) {
			struct failure failure = FAILURE_INIT, why = FAILURE_INIT;
			struct publisher *publisher = NULL, *next = NULL;
			struct marks *marks = new_marks(), *after;
			if ((n & 1) || kept != (mode >= CALLS_MODES))
				clean(folder);
			kept = mode >= CALLS_MODES;
			calls_fail(CALLS_DISK, n, (enum calls_mode)(mode % CALLS_MODES));
			int code = open_publisher(marks, &publisher, &failure);
			int first = number + 1;
			revoke_one(marks, ++number);
			if (!code)
				code = publisher_step(publisher, &failure);
			revoke_one(marks, ++number);
			int second = code ? code : publisher_step(publisher, &why);
			/* All of it anew, over what was appended. */
			const int64_t day = clock_of_all.wall;
			clock_of_all.wall += 7200000;
			int third = second ? second : publisher_step(publisher, &why);
			clock_of_all.wall = day;
			going = calls_good() > 0;
			/* A short write is gone on with, all else is an error with a reason. */
			if (third ? !going || !(code ? failure : why).text[0] : going && mode % CALLS_MODES != CALLS_SHORT)
				fail_msg("call %ld (%d): %s", n, mode, code_name(third));
			assert_null(calls_left(parent));
			if (!publisher)
				assert_int_equal(open_publisher(marks, &publisher, &failure), EMA_OK);
			/* The process dies here; what was published before is there, at once or with the next step. */
			if (number % 4) {
				assert_int_equal(publisher_step(publisher, NULL), EMA_OK);
				code = second = EMA_OK;
			}
			publisher_free(publisher);
			after = new_marks();
			assert_int_equal(open_publisher(after, &next, NULL), EMA_OK);
			assert_true(code || is_revoked(after, first));
			assert_true(second || is_revoked(after, number));
			publisher_free(next);
			marks_free(after);
			marks_free(marks);
			assert_int_equal(calls_descriptors(), descriptors);
		}
	CALLS_HIT("mkdir", "openat", "write", "fsync", "fdatasync", "renameat");
}

/* JAG-58: a horizon that could not be begun is not taken for one that was lost. */
static void remembering_the_latest(void **state)
{
	(void)state;
	int descriptors = calls_descriptors();
	for (int mode = 0; mode < CALLS_MODES; mode++)
		EACH_N(n, going, mode == CALLS_SHORT ? 1 : 3) {
			struct failure failure = FAILURE_INIT;
			struct horizon *horizon = NULL;
			char path[128];
			snprintf(path, sizeof path, "%s/horizon", parent);
			clean(path);
			calls_fail(CALLS_DISK, n, (enum calls_mode)mode);
			int code = horizon_open(parent, 1000, &horizon, &failure);
			going = calls_good() > 0;
			if (code ? code != EMA_CONFIG || !going || !failure.text[0] : going)
				fail_msg("call %ld (%d): %s", n, mode, code_name(code));
			if (code)
				assert_int_equal(horizon_open(parent, 1000, &horizon, &failure), EMA_OK);
			assert_true(horizon_before(horizon) == INT64_MIN);
			horizon_raise(horizon, 2000);
			horizon_close(horizon);
			/* One that was is never begun anew. */
			calls_fail(CALLS_DISK, n, (enum calls_mode)mode);
			code = horizon_open(parent, 1000, &horizon, &failure);
			going |= calls_good() > 0;
			if (code)
				assert_int_equal(horizon_open(parent, 1000, &horizon, &failure), EMA_OK);
			assert_true(horizon_before(horizon) == 2000);
			horizon_close(horizon);
			assert_int_equal(calls_descriptors(), descriptors);
		}
	CALLS_HIT("open", "pwrite", "mmap");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(publishing, setup, teardown),
		cmocka_unit_test_setup_teardown(remembering_the_latest, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
