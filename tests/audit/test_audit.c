#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sinks.h"

static void parse_line(const char *line, const char *end, struct json *json)
{
	struct json_limits limits = { 1 << 20, 4, 4096, 1 << 16 };
	struct failure failure = FAILURE_INIT;
	if (json_parse(line, (size_t)(end - line), &limits, json, &failure))
		fail_msg("%s: %.*s", failure.text, (int)(end - line), line);
}

static struct audit *open_audit(const char *state_dir, size_t bytes)
{
	struct audit_settings settings = { .clock = &clock_system, .state_dir = state_dir, .writer = "w", .spool_bytes = bytes };
	struct failure failure = FAILURE_INIT;
	struct audit *audit = NULL;
	if (audit_new(&settings, &audit, &failure))
		fail_msg("%s", failure.text);
	return audit;
}

/* AUD-16 AUD-33: id, writer, gapless seq, UTC time, schema version, hash of the one before. */
static void records_have_the_frame(void **state)
{
	(void)state;
	struct kept kept;
	kept_init(&kept);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sink = sink_of("a", &kept, 1);
	assert_int_equal(audit_sinks(audit, &sink, 1, NULL), EMA_OK);
	for (int i = 0; i < 100; i++)
		assert_int_equal(append_text(audit, "n", "v", 1, 1000), EMA_OK);
	assert_int_equal(audit_drain(audit, 5000), EMA_OK);
	audit_free(audit, 2000);
	assert_int_equal(kept.released, 1);
	assert_true(kept.count >= 101);
	int number = 0;
	char before[AUDIT_FINGERPRINT] = "none";
	for (char *line = kept.lines.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		struct json json;
		int64_t seq = 0;
		parse_line(line, end, &json);
		assert_true(json_integer(json_at(&json, "/seq"), &seq));
		assert_int_equal(seq, ++number);
		assert_int_equal(strlen(json_string(json_at(&json, "/id"))), 36);
		assert_int_equal(json_string(json_at(&json, "/id"))[14], '7');
		assert_int_equal(strlen(json_string(json_at(&json, "/time"))), 24);
		assert_non_null(json_string(json_at(&json, "/writer")));
		assert_int_equal(strlen(json_string(json_at(&json, "/prev"))), number == 1 ? 4 : 43);
		assert_int_equal(number == 1, !strcmp(json_string(json_at(&json, "/prev")), before));
		snprintf(before, sizeof before, "%s", json_string(json_at(&json, "/prev")));
		json_free(&json);
	}
	assert_true(number >= 102); /* and a checkpoint at the end */
	kept_free(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_have_the_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
