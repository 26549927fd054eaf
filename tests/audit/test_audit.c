#define _GNU_SOURCE
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "canonical.h"
#include "sinks.h"
#include "spool.h"

#define RECORD_TEST_FIELDS 64

/* AUD-33: and it is in the form of RFC 8785, so that the hash of the line is one of the canonical record. */
static void parse_line(const char *line, const char *end, struct json *json)
{
	struct buffer canonical = BUFFER_INIT(1 << 20);
	struct json_limits limits = { 1 << 20, 4, 4096, 1 << 16 };
	struct failure failure = FAILURE_INIT;
	if (json_parse(line, (size_t)(end - line), &limits, json, &failure))
		fail_msg("%s: %.*s", failure.text, (int)(end - line), line);
	assert_int_equal(canonical_json(json, &canonical), EMA_OK);
	assert_int_equal(canonical.length, end - line);
	assert_memory_equal(canonical.data, line, canonical.length);
	buffer_free(&canonical);
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
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
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


/* AUD-39: a sink that stalls fills the spool; the decision is refused at its deadline, and passes once the sink goes on. */
static void a_stalled_sink_refuses_at_the_deadline(void **state)
{
	(void)state;
	struct kept kept;
	kept_init(&kept);
	struct audit *audit = open_audit(NULL, 256 * 1024);
	struct audit_sink sink = sink_of("a", &kept, 1);
	audit_sinks(audit, &sink, 1, NULL);
	kept_set(&kept, EMA_OK, 1);
	int code = EMA_OK;
	for (int i = 0; i < 10000 && code == EMA_OK; i++)
		code = append_text(audit, "n", "0123456789012345678901234567890123456789", 1, 50);
	assert_int_equal(code, EMA_AUDIT_UNAVAILABLE);
	assert_int_equal(audit_reserve(audit, 1000, soon(10)), EMA_AUDIT_UNAVAILABLE);
	kept_set(&kept, EMA_OK, 0);
	assert_int_equal(append_text(audit, "n", "after", 1, 5000), EMA_OK);
	assert_int_equal(audit_reserve(audit, 1000, soon(5000)), EMA_OK);
	audit_release(audit, 1000);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"after\""));
	assert_true(kept_has(&kept, "\"kind\":\"audit-gap\""));
	assert_true(kept_has(&kept, "\"refused\":"));
	kept_free(&kept);
}

/* AUD-05 AUD-39 AUD-40: a sink that must work and fails: refused at once, nothing lost, recovered by itself, with a record of it. */
static void a_failing_sink_refuses_until_it_works(void **state)
{
	(void)state;
	struct kept kept;
	kept_init(&kept);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sink = sink_of("a", &kept, 1);
	audit_sinks(audit, &sink, 1, NULL);
	assert_int_equal(append_text(audit, "n", "kept", 1, 1000), EMA_OK);
	kept_set(&kept, EMA_UNAVAILABLE, 0);
	struct audit_state now = { .failing = 0 };
	int refused = 1; /* the one below */
	for (int i = 0; i < 12000 && !now.failing; i++) {
		/* Taken, until it is noticed that the sink takes none. */
		refused += append_text(audit, "n", "noticed", 1, 1000) == EMA_AUDIT_UNAVAILABLE;
		pause_ms(10);
		audit_state(audit, &now);
	}
	assert_true(now.failing);
	struct failure failure = FAILURE_INIT;
	struct audit_event event = { .kind = "decision", .severity = 6 };
	assert_int_equal(audit_append(audit, &event, 1, soon(10000), &failure), EMA_AUDIT_UNAVAILABLE);
	assert_non_null(strstr(failure.text, "on_failure"));
	kept_set(&kept, EMA_OK, 0);
	for (int i = 0; i < 12000 && now.failing; i++) {
		pause_ms(10);
		audit_state(audit, &now);
	}
	assert_false(now.failing);
	assert_int_equal(append_text(audit, "n", "later", 1, 1000), EMA_OK);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"kept\""));
	assert_true(kept_has(&kept, "\"later\""));
	assert_true(kept_has(&kept, "\"kind\":\"sink-failed\""));
	assert_true(kept_has(&kept, "\"kind\":\"audit-gap\""));
	char count[32];
	snprintf(count, sizeof count, "\"refused\":%d", refused);
	assert_true(kept_has(&kept, count));
	kept_free(&kept);
}

/* AUD-05: a sink that must work comes back before anybody was refused: that is said, and is no gap. */
static void a_sink_comes_back(void **state)
{
	(void)state;
	struct kept kept;
	kept_init(&kept);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sink = sink_of("a", &kept, 1);
	struct audit_state now = { .failing = 0 };
	audit_sinks(audit, &sink, 1, NULL);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	kept_set(&kept, EMA_UNAVAILABLE, 0);
	assert_int_equal(append_text(audit, "n", "one", 1, 1000), EMA_OK);
	for (int i = 0; i < 6000 && !now.failing; i++) {
		pause_ms(10);
		audit_state(audit, &now);
	}
	assert_true(now.failing);
	kept_set(&kept, EMA_OK, 0);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"kind\":\"sink-failed\""));
	assert_true(kept_has(&kept, "\"kind\":\"sink-recovered\""));
	assert_false(kept_has(&kept, "\"kind\":\"audit-gap\""));
	kept_free(&kept);
}

/* With 5,000 records, more than are kept for the optional sink, which hangs. */
static struct audit *open_beside_dead(struct kept *good, struct kept *dead)
{
	kept_init(good);
	kept_init(dead);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sinks[] = { sink_of("good", good, 1), sink_of("dead", dead, 0) };
	kept_set(dead, EMA_OK, 1);
	audit_sinks(audit, sinks, 2, NULL);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(append_text(audit, "n", "v", 1, 10000), EMA_OK);
	return audit;
}

/* AUD-40 AUD-42: an optional sink that hangs or fails delays nobody; what it missed is counted and told when it is back. */
static void an_optional_sink_delays_nobody(void **state)
{
	(void)state;
	struct kept good, dead;
	struct audit *audit = open_beside_dead(&good, &dead);
	for (int i = 0; i < 12000; i++) {
		struct audit_state now;
		audit_state(audit, &now);
		if (now.delivered >= 5001)
			break;
		pause_ms(10);
	}
	pthread_mutex_lock(&good.lock);
	assert_true(good.count >= 5001);
	pthread_mutex_unlock(&good.lock);
	struct audit_state now;
	audit_state(audit, &now);
	assert_true(now.dropped > 0);
	assert_false(now.failing);
	kept_set(&dead, EMA_OK, 0);
	for (int i = 0; i < 12000 && !kept_has(&dead, "audit-gap"); i++)
		pause_ms(10);
	assert_true(kept_has(&dead, "\"kind\":\"audit-gap\""));
	assert_true(kept_has(&dead, "\"sink\":\"dead\""));
	audit_free(audit, 120000);
	/* What came, and what the gap says is missing, is all there was. */
	const char *gap = strstr(dead.lines.data, "\"lost\":");
	assert_non_null(gap);
	assert_int_equal(strtoull(gap + 7, NULL, 10), now.dropped);
	assert_int_equal(dead.count + now.dropped, good.count);
	kept_free(&good);
	kept_free(&dead);
}

static size_t kept_times(struct kept *kept, const char *text)
{
	size_t times = 0;
	pthread_mutex_lock(&kept->lock);
	for (const char *at = kept->lines.data; at && (at = strstr(at, text)); at++)
		times++;
	pthread_mutex_unlock(&kept->lock);
	return times;
}

/* AUD-05: that a sink which need not work does not, and works again, the others are told: once for each outage, and of one that fails on and
   off not each time. */
static void an_optional_sink_that_fails_is_told(void **state)
{
	(void)state;
	static const char failed[] = "\"kind\":\"sink-failed\",\"on_failure\":\"continue\"", recovered[] = "\"kind\":\"sink-recovered\",\"on_failure\":\"continue\"";
	struct kept good, dead;
	kept_init(&good);
	kept_init(&dead);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sinks[] = { sink_of("good", &good, 1), sink_of("dead", &dead, 0) };
	audit_sinks(audit, sinks, 2, NULL);
	const int64_t begin = soon(0);
	kept_set(&dead, EMA_UNAVAILABLE, 0);
	assert_int_equal(append_text(audit, "n", "one", 1, 1000), EMA_OK);
	for (int i = 0; i < 6000 && !kept_has(&good, failed); i++)
		pause_ms(10);
	assert_true(kept_has(&good, failed));
	assert_true(kept_has(&good, "\"sink\":\"dead\""));
	assert_false(kept_has(&good, recovered));
	struct audit_state now;
	audit_state(audit, &now);
	assert_false(now.failing);
	kept_set(&dead, EMA_OK, 0);
	for (int i = 0; i < 6000 && !kept_has(&good, recovered); i++)
		pause_ms(10);
	assert_true(kept_has(&good, recovered));
	/* Again, and at once. */
	kept_set(&dead, EMA_UNAVAILABLE, 0);
	assert_int_equal(append_text(audit, "n", "two", 1, 1000), EMA_OK);
	for (int i = 0; i < 6000 && !audit_sink_is_down(audit, "dead"); i++)
		pause_ms(10);
	assert_true(audit_sink_is_down(audit, "dead"));
	kept_set(&dead, EMA_OK, 0);
	audit_free(audit, 120000);
	if (soon(0) - begin < 60000) {
		assert_int_equal(kept_times(&good, failed), 1);
		assert_int_equal(kept_times(&good, recovered), 1);
	}
	kept_free(&good);
	kept_free(&dead);
}

struct release {
	struct kept *good, *dead;
	int told;
};

static void *release_when_told(void *data)
{
	struct release *release = data;
	for (int i = 0; i < 3000 && !(release->told = kept_has(release->good, "\"sink\":\"dead\"")); i++)
		pause_ms(10);
	kept_set(release->dead, EMA_OK, 0);
	return NULL;
}

/* AUD-40: what it missed is told by the end, though it is not back: nobody will know it afterwards. */
static void what_is_lost_is_told_at_the_end(void **state)
{
	(void)state;
	struct kept good, dead;
	struct release release = { &good, &dead, 0 };
	pthread_t thread;
	struct audit *audit = open_beside_dead(&good, &dead);
	struct audit_state now;
	do {
		pause_ms(10);
		audit_state(audit, &now);
	} while (!now.dropped);
	assert_false(kept_has(&good, "audit-gap"));
	assert_int_equal(pthread_create(&thread, NULL, release_when_told, &release), 0);
	audit_free(audit, 60000);
	pthread_join(thread, NULL);
	assert_true(release.told);
	kept_free(&good);
	kept_free(&dead);
}

/* AUD-40: it has 2 MiB of records in memory at most, by what they take there and not by the length of their lines alone. */
static void a_hung_sink_keeps_little(void **state)
{
	(void)state;
	struct kept dead;
	char text[1201];
	kept_init(&dead);
	memset(text, 'v', sizeof text - 1);
	text[sizeof text - 1] = 0;
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sink = sink_of("dead", &dead, 0);
	struct audit_state now = { .dropped = 0 };
	kept_set(&dead, EMA_OK, 1);
	audit_sinks(audit, &sink, 1, NULL);
	const size_t before = mallinfo2().uordblks;
	for (int i = 0; i < 5000; i++)
		assert_int_equal(append_text(audit, "n", text, 1, 10000), EMA_OK);
	for (int i = 0; i < 12000 && !now.dropped; i++) {
		pause_ms(10);
		audit_state(audit, &now);
	}
	assert_true(now.dropped > 0);
	/* Under sanitizers it is 0: they have their own. */
	assert_in_range(mallinfo2().uordblks, 0, before + 5 * 512 * 1024);
	kept_set(&dead, EMA_OK, 0);
	audit_free(audit, 120000);
	kept_free(&dead);
}

static void wait_for(struct kept *kept, const char *text)
{
	for (int i = 0; i < 12000 && !kept_has(kept, text); i++)
		pause_ms(10);
	assert_true(kept_has(kept, text));
}

/* Of each writer, 1, 2, 3 and so on without a gap. */
static void assert_in_order(struct kept *kept, const char *writer)
{
	int64_t number = 0;
	for (char *line = kept->lines.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		struct json json;
		int64_t seq = 0;
		parse_line(line, end, &json);
		if (!strcmp(json_string(json_at(&json, "/writer")), writer)) {
			assert_true(json_integer(json_at(&json, "/seq"), &seq));
			assert_int_equal(seq, ++number);
		}
		json_free(&json);
	}
	assert_true(number > 0);
}

/* AUD-42: one that must work and hangs holds up none of the others; it gets all later, in order, more than its queue holds. */
static void a_stuck_sink_holds_up_no_other(void **state)
{
	(void)state;
	struct kept stuck, must, may;
	kept_init(&stuck);
	kept_init(&must);
	kept_init(&may);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sinks[] = { sink_of("stuck", &stuck, 1), sink_of("must", &must, 1), sink_of("may", &may, 0) };
	kept_set(&stuck, EMA_OK, 1);
	audit_sinks(audit, sinks, 3, NULL);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(append_text(audit, "n", "v", 1, 10000), EMA_OK);
		if (i % 500 == 499) /* the optional one keeps up */
			pause_ms(20);
	}
	assert_int_equal(append_text(audit, "n", "the last one", 1, 1000), EMA_OK);
	wait_for(&must, "\"the last one\"");
	wait_for(&may, "\"the last one\"");
	assert_false(kept_has(&stuck, "\"the last one\""));
	struct audit_state now;
	audit_state(audit, &now);
	assert_int_equal(now.delivered, 0); /* so that a crash now loses none of them */
	kept_set(&stuck, EMA_OK, 0);
	wait_for(&stuck, "\"the last one\"");
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
	assert_in_order(&stuck, "w");
	assert_int_equal(stuck.count, must.count);
	assert_string_equal(stuck.lines.data, must.lines.data); /* rendered twice, the same bytes */
	kept_free(&stuck);
	kept_free(&must);
	kept_free(&may);
}

/* AUD-42: nor with what a dead writer left. */
static void a_stuck_sink_and_an_orphan(void **state)
{
	(void)state;
	char folder[256];
	struct kept stuck, must;
	make_scratch(folder, sizeof folder);
	kept_init(&stuck);
	kept_init(&must);
	struct audit_settings dead = { .clock = &clock_system, .state_dir = folder, .writer = "dead" };
	struct audit *audit = NULL;
	assert_int_equal(audit_new(&dead, &audit, NULL), EMA_OK);
	for (int i = 0; i < 1500; i++)
		assert_int_equal(append_text(audit, "n", "left", 1, 1000), EMA_OK);
	audit_free(audit, 0);
	audit = open_audit(folder, 0);
	struct audit_sink sinks[] = { sink_of("stuck", &stuck, 1), sink_of("must", &must, 1) };
	kept_set(&stuck, EMA_OK, 1);
	audit_sinks(audit, sinks, 2, NULL);
	for (int i = 0; i < 1500; i++)
		assert_int_equal(append_text(audit, "n", i < 1499 ? "own" : "the last one", 1, 10000), EMA_OK);
	wait_for(&must, "\"the last one\"");
	assert_false(kept_has(&stuck, "\"own\""));
	kept_set(&stuck, EMA_OK, 0);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
	assert_in_order(&stuck, "dead");
	assert_in_order(&stuck, "w");
	assert_int_equal(stuck.count, must.count);
	kept_free(&stuck);
	kept_free(&must);
	remove_tree(folder);
}

/* AUD-42: what a sink that must work did not take is its successor's, none of it lost or given to both. */
static void a_successor_goes_on(void **state)
{
	static const struct { const char *id; int must; } rows[] = { { "a", 1 }, { "b", 1 }, { "a", 0 } };
	(void)state;
	for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
		struct kept first, second;
		kept_init(&first);
		kept_init(&second);
		struct audit *audit = open_audit(NULL, 0);
		struct audit_sink one = sink_of("a", &first, 1), two = sink_of(rows[row].id, &second, rows[row].must);
		audit_sinks(audit, &one, 1, NULL);
		for (int i = 0; i < 10; i++)
			assert_int_equal(append_text(audit, "n", "taken", 1, 1000), EMA_OK);
		assert_int_equal(audit_drain(audit, 120000), EMA_OK);
		size_t had = first.count;
		kept_set(&first, EMA_UNAVAILABLE, 0);
		int count = 0;
		while (append_text(audit, "n", "waiting", 1, 1000) == EMA_OK && count < 100000) {
			count++;
			if (count > 1500) /* more than a queue */
				pause_ms(1);
		}
		audit_sinks(audit, &two, 1, NULL);
		assert_int_equal(first.released, 1);
		assert_int_equal(append_text(audit, "n", "after", 1, 1000), EMA_OK);
		assert_int_equal(audit_drain(audit, 120000), EMA_OK);
		audit_free(audit, 120000);
		assert_int_equal(first.count, had);
		char *line = strstr(second.lines.data, "\"seq\":");
		assert_non_null(line);
		assert_int_equal(strtoull(line + 6, NULL, 10), had + 1);
		assert_int_equal(second.count, second.last - had);
		assert_true(kept_has(&second, "\"after\""));
		kept_free(&first);
		kept_free(&second);
	}
}

static int append_reserved(struct audit *audit, const char *value, size_t reserved)
{
	const char *list[64];
	struct audit_field fields[12] = { { .name = "n", .type = AUDIT_TEXT, .text = "reserved" } };
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k" };
	for (size_t i = 0; i < 64; i++)
		list[i] = value;
	for (size_t i = 0; i < 11; i++)
		fields[i + 1] = (struct audit_field){ .name = names[i], .type = AUDIT_LIST, .list = list, .list_count = 64 };
	struct audit_event event = { .kind = "decision", .severity = 6, .fields = fields, .field_count = 12, .reserved = reserved };
	return audit_append(audit, &event, 1, soon(0), NULL);
}

/* AUD-39 JAG-58: who was told that there is room finds it, whatever comes between; what was given back is there for others. */
static void room_is_kept(void **state)
{
	(void)state;
	char big[300];
	struct kept kept;
	kept_init(&kept);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	struct audit *audit = open_audit(NULL, 256 * 1024);
	struct audit_sink sink = sink_of("a", &kept, 1);
	kept_set(&kept, EMA_OK, 1);
	audit_sinks(audit, &sink, 1, NULL);
	int reserved = 0;
	while (audit_reserve(audit, AUDIT_RESERVE, soon(0)) == EMA_OK && reserved < 100)
		reserved++;
	assert_in_range(reserved, 8, 15);
	assert_int_equal(append_text(audit, "n", "0123456789", 1, 0), EMA_OK); /* what is left is smaller than a reservation */
	int others = 0;
	while (append_text(audit, "n", "fills", 1, 0) == EMA_OK && others < 100000)
		others++;
	assert_in_range(others, 1, 1000);
	struct notice notice;
	audit_notice(audit, &notice);
	for (int i = 0; i < 2000; i++) /* audit's own records take none of it either */
		notice_tell(&notice, "keys-fetched", NOTICE_INFO, "provider", "okta", NULL);
	assert_int_equal(append_text(audit, "n", "no room", 1, 0), EMA_AUDIT_UNAVAILABLE);
	for (int i = 0; i < reserved - 1; i++)
		assert_int_equal(append_reserved(audit, big, AUDIT_RESERVE), EMA_OK);
	kept_set(&kept, EMA_UNAVAILABLE, 0); /* the sink fails meanwhile */
	struct audit_state now = { .failing = 0 };
	for (int i = 0; i < 12000 && !now.failing; i++) {
		pause_ms(10);
		audit_state(audit, &now);
	}
	assert_true(now.failing);
	assert_int_equal(append_reserved(audit, big, AUDIT_RESERVE), EMA_OK);
	assert_int_equal(append_reserved(audit, "small", 0), EMA_AUDIT_UNAVAILABLE);
	kept_set(&kept, EMA_OK, 0);
	for (int i = 0; i < 12000 && now.failing; i++) {
		pause_ms(10);
		audit_state(audit, &now);
	}
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	assert_int_equal(audit_reserve(audit, 200 * 1024, soon(5000)), EMA_OK);
	assert_int_equal(audit_reserve(audit, 200 * 1024, soon(0)), EMA_AUDIT_UNAVAILABLE);
	audit_release(audit, 200 * 1024);
	assert_int_equal(audit_reserve(audit, 200 * 1024, soon(0)), EMA_OK);
	audit_release(audit, 200 * 1024);
	audit_free(audit, 120000);
	int came = 0;
	for (const char *at = kept.lines.data; (at = strstr(at, "\"reserved\"")); at++)
		came++;
	assert_int_equal(came, reserved);
	assert_true(kept_has(&kept, "...[cut "));
	kept_free(&kept);
}

/* Strangers cannot fill the spool: above the half, their refusals become counted records. */
static void strangers_are_merged(void **state)
{
	(void)state;
	struct kept kept;
	kept_init(&kept);
	struct audit *audit = open_audit(NULL, 256 * 1024);
	struct audit_sink sink = sink_of("a", &kept, 1);
	audit_sinks(audit, &sink, 1, NULL);
	kept_set(&kept, EMA_OK, 1);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(append_text(audit, "remote", i & 1 ? "192.0.2.1" : "192.0.2.2", 0, 0), EMA_OK);
	assert_int_equal(append_text(audit, "n", "known", 1, 100), EMA_OK);
	kept_set(&kept, EMA_OK, 0);
	for (int i = 0; i < 12000 && !kept_has(&kept, "refusals-merged"); i++)
		pause_ms(10);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"known\""));
	/* Each of them is there: by itself, or counted. */
	uint64_t single = 0, merged = 0;
	for (const char *at = kept.lines.data; (at = strstr(at, "\"remote\":\"192.0.2.")); at++)
		single++;
	for (const char *at = kept.lines.data; (at = strstr(at, "\"merged\":")); at++) {
		merged += strtoull(at + 9, NULL, 10);
		single--;
	}
	assert_int_equal(single + merged, 20000);
	assert_true(merged > 10000);
	kept_free(&kept);
}

/* AUD-35: the set is exchanged: the same sink stays, a changed one is flushed and released once, before its successor is used. */
static void sinks_are_exchanged(void **state)
{
	(void)state;
	struct kept a, b, c;
	kept_init(&a);
	kept_init(&b);
	kept_init(&c);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink first[] = { sink_of("a", &a, 1), sink_of("b", &b, 0) }, second[] = { sink_of("a", &a, 1), sink_of("b", &c, 0) };
	audit_sinks(audit, first, 2, NULL);
	append_text(audit, "n", "one", 1, 1000);
	audit_drain(audit, 120000);
	audit_sinks(audit, second, 2, NULL);
	assert_int_equal(a.released, 0);
	assert_int_equal(b.released, 1);
	assert_true(b.flushed > 0);
	append_text(audit, "n", "two", 1, 1000);
	audit_reopen(audit);
	audit_drain(audit, 120000);
	audit_sinks(audit, NULL, 0, NULL);
	assert_int_equal(a.released, 1);
	assert_int_equal(c.released, 1);
	assert_int_equal(a.reopened, 1);
	assert_int_equal(append_text(audit, "n", "nobody", 1, 1000), EMA_OK);
	audit_free(audit, 120000);
	assert_true(kept_has(&a, "\"two\""));
	assert_true(kept_has(&b, "\"one\""));
	assert_false(kept_has(&b, "\"two\""));
	assert_true(kept_has(&c, "\"two\""));
	assert_int_equal(b.released, 1);
	kept_free(&a);
	kept_free(&b);
	kept_free(&c);
}

/* ---- A sink that does not return from a call ---- */

enum { IN_RECORD, IN_FLUSH, IN_REOPEN, IN_CLOSE, PLACES };

struct hung {
	pthread_mutex_t lock;
	pthread_cond_t go;
	int where, shut, inside, records, closed, released, left;
};

static int hang(struct hung *hung, int where)
{
	pthread_mutex_lock(&hung->lock);
	hung->inside |= hung->where == where;
	hung->records += where == IN_RECORD;
	hung->closed += where == IN_CLOSE;
	while (hung->shut && hung->where == where)
		pthread_cond_wait(&hung->go, &hung->lock);
	pthread_mutex_unlock(&hung->lock);
	return EMA_OK;
}

static int hung_record(void *data, const ema_event *event)
{
	int code = hang(data, IN_RECORD);
	return event->line[0] == '{' ? code : EMA_INTERNAL; /* it may still be read */
}

static int hung_flush(void *data, int64_t ms)
{
	(void)ms;
	return hang(data, IN_FLUSH);
}

static int hung_reopen(void *data)
{
	return hang(data, IN_REOPEN);
}

static void hung_close(void *data)
{
	hang(data, IN_CLOSE);
}

static void hung_count(struct hung *hung, int *what)
{
	pthread_mutex_lock(&hung->lock);
	++*what;
	pthread_mutex_unlock(&hung->lock);
}

static void hung_release(void *data)
{
	struct hung *hung = data;
	hung_count(hung, &hung->released);
}

static void hung_left(void *data)
{
	struct hung *hung = data;
	hung_count(hung, &hung->left);
}

static struct audit_sink hung_sink(const char *id, struct hung *hung, int where, int must)
{
	*hung = (struct hung){ .where = where, .shut = 1 };
	pthread_mutex_init(&hung->lock, NULL);
	pthread_cond_init(&hung->go, NULL);
	return (struct audit_sink){ .id = id, .must = must, .record = hung_record, .flush = hung_flush, .reopen = hung_reopen, .close = hung_close,
		                    .release = hung_release, .left = hung_left, .data = hung };
}

static int hung_is(struct hung *hung, const int *what)
{
	pthread_mutex_lock(&hung->lock);
	int is = *what;
	pthread_mutex_unlock(&hung->lock);
	return is;
}

static void wait_for_hung(struct hung *hung, const int *what)
{
	for (int i = 0; i < 6000 && !hung_is(hung, what); i++)
		pause_ms(10);
	assert_true(hung_is(hung, what));
}

/* Whatever audit was is gone: it comes to its end by itself, is given nothing more, and leaves nothing behind. */
static void let_go(struct hung *hung, int before)
{
	assert_int_equal(hung_is(hung, &hung->left), 1);
	assert_int_equal(hung_is(hung, &hung->released), 0);
	int records = hung_is(hung, &hung->records);
	pthread_mutex_lock(&hung->lock);
	hung->shut = 0;
	pthread_cond_broadcast(&hung->go);
	pthread_mutex_unlock(&hung->lock);
	wait_for_hung(hung, &hung->released);
	for (int i = 0; i < 6000 && test_threads() > before; i++)
		pause_ms(10);
	assert_int_equal(hung->records, records);
	assert_int_equal(hung->closed, 1);
	assert_int_equal(hung->released, 1);
	pthread_cond_destroy(&hung->go);
	pthread_mutex_destroy(&hung->lock);
}

/* AUD-35 AUD-42: a sink that hangs, in whatever call, keeps neither an exchange nor the end from coming; the others have all, and who
   comes in its place what it had not taken. */
static void a_sink_that_hangs_is_left(void **state)
{
	struct hung hung[2 * PLACES]; /* of each place one that need not work, and one that must */
	struct audit_sink first[2 * PLACES + 1], second[2];
	char ids[2 * PLACES][8];
	struct kept good, heir;
	struct audit_state now;
	(void)state;
	const int before = test_threads();
	kept_init(&good);
	kept_init(&heir);
	struct audit *audit = open_audit(NULL, 0);
	for (int i = 0; i < 2 * PLACES; i++) {
		snprintf(ids[i], sizeof ids[i], "%d", i);
		first[i] = hung_sink(ids[i], &hung[i], i / 2, i % 2);
	}
	first[2 * PLACES] = second[0] = sink_of("good", &good, 1);
	second[1] = sink_of(ids[2 * IN_RECORD], &heir, 0);
	assert_int_equal(audit_sinks(audit, first, 2 * PLACES + 1, NULL), EMA_OK);
	assert_int_equal(append_text(audit, "n", "one", 1, 1000), EMA_OK);
	audit_reopen(audit);
	for (int i = 0; i < 2 * IN_CLOSE; i++)
		wait_for_hung(&hung[i], &hung[i].inside);
	assert_int_equal(audit_sinks(audit, second, 2, NULL), EMA_OK);
	for (int i = 0; i < 500; i++)
		assert_int_equal(append_text(audit, "n", "more", 1, 10000), EMA_OK);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_state(audit, &now);
	assert_int_equal(now.spool_used, 0); /* nothing waits for who is gone */
	audit_free(audit, 120000);
	assert_in_order(&good, "w");
	assert_string_equal(good.lines.data, heir.lines.data);
	for (int i = 0; i < 2 * PLACES; i++)
		let_go(&hung[i], before + 2 * PLACES - 1 - i);
	kept_free(&good);
	kept_free(&heir);
	/* In the set, when all ends. */
	audit = open_audit(NULL, 0);
	first[0] = hung_sink("record", &hung[0], IN_RECORD, 1);
	assert_int_equal(audit_sinks(audit, first, 1, NULL), EMA_OK);
	wait_for_hung(&hung[0], &hung[0].inside);
	audit_free(audit, 100);
	let_go(&hung[0], before);
}

/* AUD-13 AUD-14: nothing in a value makes another record; long ones are cut with a mark, ids and codes never. */
static void values_cannot_forge_a_record(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"a\nb", "a\r\n{\"v\":1}", "\",\"kind\":\"x\"", "\\", "\xff\xfe", ("\xe2\x80\xae" "evil"), "\x1b[2J", ("\xe2\x80\xa8" "line"), "\x7f", "<!--", "a\tb", "\xc2\x9b" "31m", "\x01\b\f",
	};
	struct kept kept;
	kept_init(&kept);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sink = sink_of("a", &kept, 1);
	audit_sinks(audit, &sink, 1, NULL);
	size_t count = sizeof cases / sizeof *cases;
	for (size_t i = 0; i < count; i++) {
		struct audit_field fields[] = {
			{ .name = cases[i], .type = AUDIT_TEXT, .text = cases[i] },
			{ .name = "list", .type = AUDIT_LIST, .list = cases, .list_count = count },
			{ .name = "kind", .type = AUDIT_TEXT, .text = "forged" },
			{ .name = "seq", .type = AUDIT_NUMBER, .number = 1 },
			{ .name = "absent", .type = AUDIT_TEXT },
		};
		struct audit_event event = { .kind = cases[i], .time = INT64_MAX, .severity = 6, .request = cases[i], .fields = fields, .field_count = 5 };
		assert_int_equal(audit_append(audit, &event, 1, soon(1000), NULL), EMA_OK);
	}
	size_t length = 1024 * 1024;
	char *big = malloc(length + 1);
	assert_non_null(big);
	memset(big, 'x', length);
	big[length] = 0;
	struct audit_field fields[RECORD_TEST_FIELDS];
	const char *many[1000];
	for (size_t i = 0; i < 1000; i++)
		many[i] = big;
	for (size_t i = 0; i < RECORD_TEST_FIELDS; i++)
		fields[i] = i % 2 ? (struct audit_field){ .name = "big", .type = AUDIT_LIST, .list = many, .list_count = 1000 }
				  : (struct audit_field){ .name = i ? "text" : "code", .type = AUDIT_TEXT, .text = i ? big : "unknown_subject" };
	struct audit_event event = { .kind = "decision", .severity = 6, .request = "r9", .fields = fields, .field_count = RECORD_TEST_FIELDS };
	assert_int_equal(audit_append(audit, &event, 1, soon(1000), NULL), EMA_OK);
	audit_free(audit, 120000);
	size_t lines = 0, slow = 0;
	for (char *line = kept.lines.data, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
		/* What audit itself says where this machine takes its time. */
		if (!strncmp(strstr(line, "\"kind\":"), "\"kind\":\"sink-", 13))
			slow++;
		if (strstr(line, "\"big\""))
			continue; /* names twice */
		struct json json;
		parse_line(line, end, &json);
		assert_string_not_equal(json_string(json_at(&json, "/kind")), "forged");
		assert_null(json_at(&json, "/absent"));
		json_free(&json);
	}
	assert_int_equal(lines, kept.count);
	assert_int_equal(kept.count - slow, count + 3);
	assert_true(kept_has(&kept, "\"x_kind\":\"forged\""));
	assert_true(kept_has(&kept, "\"code\":\"unknown_subject\""));
	assert_true(kept_has(&kept, "\"request\":\"r9\""));
	assert_true(kept_has(&kept, "...[cut 10"));
	assert_true(kept_has(&kept, "...[cut 9"));
	assert_false(kept_has(&kept, "\xe2\x80\xae"));
	free(big);
	kept_free(&kept);
}

/* AUD-14: what joins records is whole in the longest of them. */
static void ids_are_not_cut(void **state)
{
	(void)state;
	static const char *const names[] = { "client", "token_client", "token_id", "caller", "service", "provider", "jti" };
	enum { NAMES = sizeof names / sizeof *names, ALL = 50 };
	struct kept kept;
	struct audit_field fields[ALL];
	char id[301], *big = malloc(65536), member[340];
	assert_non_null(big);
	memset(id, 'i', sizeof id - 1);
	id[sizeof id - 1] = 0;
	memset(big, 'x', 65535);
	big[65535] = 0;
	kept_init(&kept);
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink sink = sink_of("a", &kept, 1);
	audit_sinks(audit, &sink, 1, NULL);
	const char *many[100];
	for (size_t i = 0; i < 100; i++)
		many[i] = big;
	for (size_t i = 0; i < ALL; i++)
		fields[i] = i < NAMES ? (struct audit_field){ .name = names[i], .type = AUDIT_TEXT, .text = id } :
			    (struct audit_field){ .name = "list", .type = AUDIT_LIST, .list = many, .list_count = 100 };
	struct audit_event event = { .kind = "check", .severity = 6, .request = "r", .fields = fields, .field_count = ALL };
	assert_int_equal(audit_append(audit, &event, 1, soon(1000), NULL), EMA_OK);
	audit_free(audit, 120000);
	for (size_t i = 0; i < NAMES; i++) {
		snprintf(member, sizeof member, "\"%s\":\"%s\"", names[i], id);
		if (!kept_has(&kept, member))
			fail_msg("%s was cut", names[i]);
	}
	free(big);
	kept_free(&kept);
}

/* AUD-62 AUD-63: what is personal is a pseudonym, the same for the same person, of a key that the record names. */
static void people_are_pseudonyms(void **state)
{
	(void)state;
	char folder[256], first[AUDIT_PSEUDONYM], again[AUDIT_PSEUDONYM], other[AUDIT_PSEUDONYM];
	make_scratch(folder, sizeof folder);
	struct kept kept;
	kept_init(&kept);
	struct audit *audit = open_audit(folder, 0);
	struct audit_sink sink = sink_of("a", &kept, 1);
	audit_sinks(audit, &sink, 1, NULL);
	const char *const mails[] = { "ann@acme.example" };
	struct audit_field fields[] = { { .name = "subject", .type = AUDIT_TEXT, .text = "00u-ann", .personal = 1 },
		                        { .name = "emails", .type = AUDIT_LIST, .list = mails, .list_count = 1, .personal = 1 } };
	struct audit_event event = { .kind = "decision", .severity = 6, .fields = fields, .field_count = 2 };
	assert_int_equal(audit_append(audit, &event, 1, soon(1000), NULL), EMA_OK);
	audit_pseudonym(audit, "00u-ann", first);
	audit_pseudonym(audit, "00u-bob", other);
	audit_free(audit, 120000);
	audit = open_audit(folder, 0);
	audit_pseudonym(audit, "00u-ann", again);
	audit_free(audit, 0);
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
	assert_int_equal(strlen(first), 22);
	assert_true(kept_has(&kept, first));
	assert_true(kept_has(&kept, "\"salt\":\""));
	assert_false(kept_has(&kept, "00u-ann"));
	assert_false(kept_has(&kept, "acme.example"));
	kept_free(&kept);
	struct audit_settings settings = { .clock = &clock_system, .state_dir = folder };
	char path[300];
	snprintf(path, sizeof path, "%s/audit/salt", folder);
	struct stat is;
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0600);
	chmod(path, 0644);
	struct failure failure = FAILURE_INIT;
	assert_int_equal(audit_new(&settings, &audit, &failure), EMA_CONFIG);
	assert_non_null(strstr(failure.text, "0600"));
	remove_tree(folder);
}

/* AUD-10 AUD-69: a fingerprint is what anybody computes: base64url(SHA-256(jti)). */
static void fingerprints_can_be_computed(void **state)
{
	(void)state;
	char out[AUDIT_FINGERPRINT], id[AUDIT_ID], other[AUDIT_ID] = "";
	audit_fingerprint("abc", 3, out);
	assert_string_equal(out, "sha256:ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
	struct audit_pool pool = { .left = 0 };
	for (int i = 0; i < 100; i++) {
		audit_id(i % 3 ? &pool : NULL, &clock_system, id);
		assert_string_not_equal(id, other);
		assert_int_equal(strlen(id), 36);
		assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
		assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
		assert_int_equal(id[14], '7');
		assert_true(strchr("89ab", id[19]) != NULL);
		memcpy(other, id, sizeof other);
	}
}

/* Without a sink, all of it stays in the spool. */
static void append_for_ever(const char *folder, int out)
{
	struct audit *audit = open_audit(folder, 256 * 1024);
	for (unsigned i = 0;; i++) {
		char text[16];
		snprintf(text, sizeof text, "%u", i);
		if (append_text(audit, "n", text, 1, 10000))
			_exit(4);
		if (write(out, &i, sizeof i) != sizeof i)
			_exit(5);
	}
}

/* AUD-35 AUD-41: killed at any moment, no record that was answered for is lost, and the chain goes on without a gap. */
static void a_kill_loses_no_record(void **state)
{
	(void)state;
	char folder[256], text[32];
	struct kept kept;
	uint64_t total = 0;
	make_scratch(folder, sizeof folder);
	kept_init(&kept);
	for (int round = 0; round < rounds(100); round++) {
		int ends[2];
		unsigned said = 0, count = 0;
		assert_int_equal(pipe(ends), 0);
		pid_t child = start_again("append", folder, ends[1]);
		close(ends[1]);
		unsigned want = 1 + (unsigned)(round * 7919) % 400;
		while (count < want && read(ends[0], &said, sizeof said) == sizeof said)
			count++;
		kill(child, SIGKILL);
		while (read(ends[0], &said, sizeof said) == sizeof said)
			count++;
		int status = 0;
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		close(ends[0]);
		size_t before = kept.lines.length;
		struct audit *audit = open_audit(folder, 256 * 1024);
		struct audit_sink sink = sink_of("a", &kept, 1);
		audit_sinks(audit, &sink, 1, NULL);
		assert_int_equal(audit_drain(audit, 120000), EMA_OK);
		audit_free(audit, 120000);
		snprintf(text, sizeof text, "\"n\":\"%u\"", count - 1);
		assert_non_null(strstr(kept.lines.data + before, text));
		unsigned found = 0;
		for (const char *at = kept.lines.data + before; (at = strstr(at, "\"n\":\"")); at++)
			found++;
		assert_true(found == count || found == count + 1); /* one may be committed and not yet said */
		total = kept.count;
	}
	/* One chain over all of it. */
	uint64_t number = 0;
	for (char *line = kept.lines.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		const char *seq = strstr(line, "\"seq\":");
		assert_non_null(seq);
		assert_int_equal(strtoull(seq + 6, NULL, 10), ++number);
	}
	assert_int_equal(number, total);
	kept_free(&kept);
	remove_tree(folder);
}

/* Orphans: what a dead process of another name left is delivered too; a living one's spool is left alone. */
static void orphans_are_delivered(void **state)
{
	(void)state;
	char folder[256];
	struct kept kept;
	make_scratch(folder, sizeof folder);
	kept_init(&kept);
	struct audit_settings settings = { .clock = &clock_system, .state_dir = folder, .writer = "dead" };
	struct audit *audit = NULL, *living = NULL;
	assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
	append_text(audit, "n", "left", 1, 1000);
	audit_free(audit, 0);
	settings.writer = "living";
	assert_int_equal(audit_new(&settings, &living, NULL), EMA_OK);
	struct failure failure = FAILURE_INIT;
	assert_int_equal(audit_new(&settings, &audit, &failure), EMA_CONFIG);
	assert_non_null(strstr(failure.text, "runs"));
	append_text(living, "n", "mine", 1, 1000);
	settings.writer = NULL;
	assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
	struct audit_sink sink = sink_of("a", &kept, 1);
	audit_sinks(audit, &sink, 1, NULL);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
	assert_false(kept_has(&kept, "\"left\"")); /* "living" had it first */
	audit_free(living, 0);
	assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
	audit_sinks(audit, &sink, 1, NULL);
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"left\""));
	assert_true(kept_has(&kept, "\"writer\":\"dead\""));
	assert_true(kept_has(&kept, "\"mine\""));
	kept_free(&kept);
	remove_tree(folder);
}

/* AUD-35: what another writer left and we cannot read, as one of another version may have, is there for who can. */
static void an_orphan_that_cannot_be_read(void **state)
{
	(void)state;
	static const char other[4] = { 77, 0, 0, 0 };
	char folder[256], path[300], version[4];
	struct kept kept;
	struct audit *audit = NULL;
	make_scratch(folder, sizeof folder);
	kept_init(&kept);
	struct audit_settings settings = { .clock = &clock_system, .state_dir = folder, .writer = "other" };
	assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
	append_text(audit, "n", "left", 1, 1000);
	audit_free(audit, 0);
	snprintf(path, sizeof path, "%s/spool/other/spool", folder);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, version, sizeof version, 8), sizeof version);
	for (int i = 0; i < 2; i++) {
		/* As it was, it is delivered. */
		assert_int_equal(pwrite(fd, i ? version : other, sizeof version, 8), sizeof version);
		settings.writer = "ours";
		assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
		struct audit_sink sink = sink_of("a", &kept, 1);
		audit_sinks(audit, &sink, 1, NULL);
		assert_int_equal(audit_drain(audit, 120000), EMA_OK);
		audit_free(audit, 120000);
		assert_int_equal(kept_has(&kept, "\"left\""), i);
	}
	close(fd);
	kept_free(&kept);
	remove_tree(folder);
}

/* AUD-35 AUD-41: a damaged record is found and said; a spool that is gone goes on from the head, with an alarm. */
static void damage_is_said(void **state)
{
	(void)state;
	char folder[256], path[300];
	struct kept kept;
	make_scratch(folder, sizeof folder);
	kept_init(&kept);
	struct audit_sink sink = sink_of("a", &kept, 1);
	struct audit *audit = open_audit(folder, 256 * 1024);
	append_text(audit, "n", "first", 1, 1000);
	append_text(audit, "n", "torn-record-here", 1, 1000);
	append_text(audit, "n", "behind", 1, 1000);
	audit_free(audit, 0);
	snprintf(path, sizeof path, "%s/spool/w/spool", folder);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *bytes = malloc(512 * 1024);
	assert_non_null(bytes);
	ssize_t length = pread(fd, bytes, 512 * 1024, 0);
	char *at = memmem(bytes, (size_t)length, "torn-record-here", 16);
	assert_non_null(at);
	assert_int_equal(pwrite(fd, "T", 1, at - bytes), 1);
	close(fd);
	free(bytes);
	audit = open_audit(folder, 256 * 1024);
	audit_sinks(audit, &sink, 1, NULL);
	audit_drain(audit, 120000);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"first\""));
	assert_false(kept_has(&kept, "orn-record-here"));
	assert_true(kept_has(&kept, "\"kind\":\"spool-torn\""));
	unlink(path);
	audit = open_audit(folder, 256 * 1024);
	audit_sinks(audit, &sink, 1, NULL);
	audit_drain(audit, 120000);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"state\":\"spool-lost\""));
	snprintf(path, sizeof path, "%s/audit/w.head", folder);
	assert_int_equal(truncate(path, 3), 0);
	snprintf(path, sizeof path, "%s/spool/w/spool", folder);
	assert_int_equal(truncate(path, 0), 0);
	audit = open_audit(folder, 256 * 1024);
	audit_sinks(audit, &sink, 1, NULL);
	audit_drain(audit, 120000);
	audit_free(audit, 120000);
	assert_true(kept_has(&kept, "\"state\":\"unknown\""));
	kept_free(&kept);
	remove_tree(folder);
}

/* A child that was forked gets an error, not a hang. */
static void a_forked_child_gets_an_error(void **state)
{
	(void)state;
	struct audit *audit = open_audit(NULL, 0);
	struct audit_sink none = { .id = NULL };
	audit_sinks(audit, &none, 0, NULL);
	pid_t child = fork();
	if (!child) {
		int good = append_text(audit, "n", "v", 1, 1000) == EMA_AUDIT_UNAVAILABLE && audit_reserve(audit, 1, soon(10)) == EMA_AUDIT_UNAVAILABLE;
		audit_free(audit, 120000);
		test_child_ends(good);
	}
	int status = 1;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	audit_free(audit, 120000);
}

/* ---- Salts, and who is found ---- */

static void about(struct audit *audit, const char *provider, const char *subject, const char *person)
{
	struct audit_field fields[] = { { .name = "provider", .type = AUDIT_TEXT, .text = provider },
		                        { .name = "subject", .type = AUDIT_TEXT, .text = subject, .personal = 1 },
		                        { .name = "person", .type = AUDIT_TEXT, .text = person, .personal = 1 } };
	struct audit_event event = { .kind = "decision", .severity = 6, .fields = fields, .field_count = 3 };
	assert_int_equal(audit_append(audit, &event, 1, soon(1000), NULL), EMA_OK);
}

static int count_line(void *data, const char *line, size_t length)
{
	(void)line;
	(void)length;
	++*(int *)data;
	return 0;
}

static void assert_found(const char *path, const char *folder, const char *subject, int want, const char *says)
{
	struct buffer report = BUFFER_INIT(65536);
	int count = 0;
	assert_int_equal(audit_subject(path, folder, subject, count_line, &count, &report), EMA_OK);
	if (count != want || (says && !strstr(report.data, says)))
		fail_msg("%s: %d records, wanted %d and \"%s\": %s", subject, count, want, says ? says : "", report.data);
	buffer_free(&report);
}

/* Whole lines of a sink, as a file. */
static void write_file(const struct kept *kept, const char *path)
{
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(kept->lines.data, 1, kept->lines.length, out), kept->lines.length);
	fclose(out);
}

/*
 * AUD-37 AUD-62 AUD-65 AUD-66: inside the period a person has one pseudonym, after it another, under a salt that the record names;
 * all records of a person are found, and when a salt is destroyed those under it cannot be, while the chain holds.
 */
static void salts_change_and_go(void **state)
{
	(void)state;
	const int64_t day = 86400000;
	char folder[256], path[400], salt[400], old[512], first[AUDIT_PSEUDONYM], second[AUDIT_PSEUDONYM], third[AUDIT_PSEUDONYM];
	static const char *const forms[] = { NULL, "ocsf" };
	for (size_t form = 0; form < 2; form++) {
		struct kept kept;
		make_scratch(folder, sizeof folder);
		kept_init(&kept);
		kept.form = forms[form];
		struct audit_sink sink = sink_of("a", &kept, 1);
		struct audit_settings settings = { .clock = &clock_system, .state_dir = folder, .writer = "w", .pseudonym_period = 30 * day };
		snprintf(path, sizeof path, "%s/audit.jsonl", folder);
		snprintf(salt, sizeof salt, "%s/audit/salt", folder);
		struct audit *audit = NULL;
		for (int run = 0; run < 2; run++) { /* a restart inside of the period changes nothing */
			assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
			audit_sinks(audit, &sink, 1, NULL);
			audit_pseudonym(audit, "00u-ann", run ? second : first);
			about(audit, "okta", "00u-ann", "ann@acme.example");
			about(audit, "okta", "00u-bob", "bob@acme.example");
			if (!run)
				audit_free(audit, 120000);
		}
		assert_string_equal(first, second);
		/* Older than the period; and the process that runs notices. */
		struct timespec times[2] = { { time(NULL) - 31 * 86400, 0 }, { time(NULL) - 31 * 86400, 0 } };
		assert_int_equal(utimensat(AT_FDCWD, salt, times, 0), 0);
		audit_reopen(audit);
		for (int i = 0; i < 2000 && !strcmp(first, second); i++) {
			pause_ms(5);
			audit_pseudonym(audit, "00u-ann", second);
		}
		assert_string_not_equal(first, second);
		about(audit, "okta", "00u-ann", "ann@acme.example");
		about(audit, "contractors", "00u-ann", NULL);
		audit_drain(audit, 120000);
		/* Removed: another one is made. */
		assert_int_equal(unlink(salt), 0);
		audit_reopen(audit);
		memcpy(third, second, sizeof third);
		for (int i = 0; i < 2000 && !strcmp(third, second); i++) {
			pause_ms(5);
			audit_pseudonym(audit, "00u-ann", third);
		}
		assert_string_not_equal(third, second);
		about(audit, "okta", "00u-ann", NULL);
		audit_free(audit, 120000);
		write_file(&kept, path);
		assert_true(kept_has(&kept, "salt-changed"));
		assert_false(kept_has(&kept, "ann"));
		/* 2 under the first salt, 2 under the second, which is gone, 1 under the third. */
		assert_found(path, folder, "00u-ann", 3, "under a salt that is not there");
		assert_found(path, folder, "okta/-/00u-ann", 3, "3 of this subject");
		assert_found(path, folder, "contractors/-/00u-ann", 0, "0 of this subject");
		assert_found(path, folder, "okta/t/00u-ann", 0, NULL);
		assert_found(path, folder, "ann@acme.example", 2, NULL);
		assert_found(path, folder, "00u-eve", 0, NULL);
		assert_found(path, NULL, "00u-ann", 0, NULL);
		assert_found(path, folder, first, 2, NULL); /* who has the pseudonym alone */
		snprintf(old, sizeof old, "%s/audit", folder);
		DIR *dir = opendir(old);
		assert_non_null(dir);
		int aside = 0;
		for (struct dirent *entry; (entry = readdir(dir));)
			if (!strncmp(entry->d_name, "salt.", 5)) {
				snprintf(old, sizeof old, "%s/audit/%.40s", folder, entry->d_name);
				aside++;
			}
		closedir(dir);
		assert_int_equal(aside, 1);
		assert_int_equal(unlink(old), 0);
		assert_found(path, folder, "00u-ann", 1, "under a salt that is not there");
		struct buffer report = BUFFER_INIT(65536);
		if (audit_verify((const char *const[]){ path, NULL }, (const char *const[]){ folder, NULL }, NULL, &report) != EMA_OK)
			fail_msg("%s", report.data);
		buffer_free(&report);
		kept_free(&kept);
		remove_tree(folder);
	}
	struct buffer report = BUFFER_INIT(4096);
	int count = 0;
	assert_int_equal(audit_subject("/nonexistent/audit", NULL, "x", count_line, &count, &report), EMA_CONFIG);
	buffer_free(&report);
}

/* AUD-66: plain names, hostile lines, and lists. */
static void lines_are_searched(void **state)
{
	(void)state;
	static const struct { const char *line, *subject; int want; } cases[] = {
		{ "{\"subject\":\"ann\"}", "ann", 1 },
		{ "{\"person\":\"ann\"}", "ann", 1 },
		{ "{\"reason\":\"ann\"}", "ann", 0 },
		{ "{\"actor\":[\"x\",\"ann\"]}", "ann", 1 },
		{ "{\"subject\":\"anna\"}", "ann", 0 },
		{ "{\"subject\":\"ann\",\"provider\":\"okta\",\"tenant\":\"t\"}", "okta/t/ann", 1 },
		{ "{\"subject\":\"ann\",\"provider\":\"okta\",\"tenant\":\"t\"}", "okta/-/ann", 0 },
		{ "{\"raw_data\":\"{\\\"subject\\\":\\\"ann\\\"}\"}", "ann", 1 },
		{ "{\"raw_data\":\"[]\"}", "ann", 0 },
		{ "{\"raw_data\":7,\"subject\":\"ann\"}", "ann", 1 },
		{ "not json", "ann", 0 }, { "[\"ann\"]", "ann", 0 }, { "", "ann", 0 }, { "{\"subject\":{\"a\":\"ann\"}}", "ann", 0 },
	};
	char folder[256], path[400];
	make_scratch(folder, sizeof folder);
	snprintf(path, sizeof path, "%s/a", folder);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		FILE *out = fopen(path, "we");
		assert_non_null(out);
		fprintf(out, "%s\n", cases[i].line);
		fclose(out);
		assert_found(path, folder, cases[i].subject, cases[i].want, NULL);
	}
	remove_tree(folder);
}

static void *append_many(void *data)
{
	for (int i = 0; i < 2000; i++)
		if (append_text(data, "n", "v", i & 1, 10000))
			return data;
	return NULL;
}

/* Eight threads append while sinks are exchanged; every number is there once (run under the thread sanitizer). */
static void threads_append_together(void **state)
{
	(void)state;
	char folder[256];
	struct kept a, b;
	make_scratch(folder, sizeof folder);
	kept_init(&a);
	kept_init(&b);
	struct audit_settings settings = { .clock = &clock_system, .state_dir = folder, .durability_disk = 1 };
	struct audit *audit = NULL;
	assert_int_equal(audit_new(&settings, &audit, NULL), EMA_OK);
	struct audit_sink sinks[] = { sink_of("a", &a, 1), sink_of("b", &b, 0) };
	struct notice notice;
	audit_notice(audit, &notice);
	audit_sinks(audit, sinks, 2, NULL);
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, append_many, audit), 0);
	for (int i = 0; i < 50; i++) {
		struct audit_state now;
		audit_sinks(audit, sinks, 1 + (size_t)(i & 1), NULL);
		audit_reopen(audit);
		audit_state(audit, &now);
		notice_tell(&notice, "keys-fetched", NOTICE_INFO, "provider", "okta", NULL);
	}
	for (int i = 0; i < 8; i++) {
		void *failed = NULL;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	audit_free(audit, 120000);
	assert_true(a.count >= 16000 + 50);
	assert_int_equal(a.count, a.last);
	assert_true(kept_has(&a, "\"kind\":\"keys-fetched\""));
	assert_true(kept_has(&a, "\"kind\":\"checkpoint\""));
	kept_free(&a);
	kept_free(&b);
	remove_tree(folder);
}

/* AUD-34: a checkpoint after each thousand records or so, with its seal, in the second sink too, and not at the end alone. */
static void checkpoints_come_between(void **state)
{
	(void)state;
	struct kept a, b, *const both[] = { &a, &b };
	char folder[256];
	make_scratch(folder, sizeof folder);
	kept_init(&a);
	kept_init(&b);
	struct audit_sink sinks[] = { sink_of("a", &a, 1), sink_of("b", &b, 0) };
	struct audit *audit = open_audit(folder, 0);
	assert_int_equal(audit_sinks(audit, sinks, 2, NULL), EMA_OK);
	for (int i = 0; i < 2500; i++) {
		assert_int_equal(append_text(audit, "n", "v", 1, 1000), EMA_OK);
		if (i % 100 == 99)
			assert_int_equal(audit_drain(audit, 120000), EMA_OK);
	}
	for (int i = 0; i < 2; i++) {
		int since = 0, seen = 0;
		pthread_mutex_lock(&both[i]->lock);
		for (char *line = both[i]->lines.data, *end; (end = strchr(line, '\n')); line = end + 1) {
			struct json json;
			int64_t before = 0, number = 0;
			parse_line(line, end, &json);
			assert_true(++since <= 1200);
			if (!strcmp(json_string(json_at(&json, "/kind")), "checkpoint")) {
				assert_true(json_integer(json_at(&json, "/count"), &before) && json_integer(json_at(&json, "/seq"), &number) && before == number - 1);
				assert_int_equal(strlen(json_string(json_at(&json, "/seal"))), 43);
				seen++;
				since = 0;
			}
			json_free(&json);
		}
		pthread_mutex_unlock(&both[i]->lock);
		assert_true(seen >= 2);
	}
	audit_free(audit, 120000);
	kept_free(&a);
	kept_free(&b);
	remove_tree(folder);
}

/* A disk that was away while the spool went round: what is there is written whole when it is back, and not from beyond its end. */
static void a_spool_that_went_round_is_synced(void **state)
{
	char folder[64], record[1000];
	struct spool *spool = NULL;
	(void)state;
	make_scratch(folder, sizeof folder);
	memset(record, 'x', sizeof record);
	assert_int_equal(spool_open(folder, SPOOL_LEAST, 1, &spool, NULL), 0);
	while (spool->write < 3 * (uint64_t)SPOOL_LEAST) {
		assert_int_equal(spool_append(spool, record, sizeof record), 0);
		const struct spool_cursor cursor = { spool->write, 1, { 0 } };
		spool_commit(spool, &cursor);
	}
	assert_int_equal(spool_sync(spool, spool->write), 0);
	assert_true(spool->synced == spool->write);
	spool_close(spool);
	remove_tree(folder);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "append"))
		append_for_ever(argv[2], (int)strtol(argv[3], NULL, 10));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_have_the_frame),
		cmocka_unit_test(a_stalled_sink_refuses_at_the_deadline),
		cmocka_unit_test(a_failing_sink_refuses_until_it_works),
		cmocka_unit_test(a_sink_comes_back),
		cmocka_unit_test(an_optional_sink_delays_nobody),
		cmocka_unit_test(an_optional_sink_that_fails_is_told),
		cmocka_unit_test(what_is_lost_is_told_at_the_end),
		cmocka_unit_test(a_hung_sink_keeps_little),
		cmocka_unit_test(a_stuck_sink_holds_up_no_other),
		cmocka_unit_test(a_stuck_sink_and_an_orphan),
		cmocka_unit_test(a_successor_goes_on),
		cmocka_unit_test(room_is_kept),
		cmocka_unit_test(strangers_are_merged),
		cmocka_unit_test(sinks_are_exchanged),
		cmocka_unit_test(a_sink_that_hangs_is_left),
		cmocka_unit_test(values_cannot_forge_a_record),
		cmocka_unit_test(ids_are_not_cut),
		cmocka_unit_test(people_are_pseudonyms),
		cmocka_unit_test(fingerprints_can_be_computed),
		cmocka_unit_test(a_kill_loses_no_record),
		cmocka_unit_test(orphans_are_delivered),
		cmocka_unit_test(an_orphan_that_cannot_be_read),
		cmocka_unit_test(damage_is_said),
		cmocka_unit_test(a_spool_that_went_round_is_synced),
		cmocka_unit_test(a_forked_child_gets_an_error),
		cmocka_unit_test(salts_change_and_go),
		cmocka_unit_test(lines_are_searched),
		cmocka_unit_test(threads_append_together),
		cmocka_unit_test(checkpoints_come_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
