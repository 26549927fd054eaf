#define _GNU_SOURCE
#include "test.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "mark_table.h"
#include "marks.h"
#include "store_kind.h"
#include "store_suite.h"

#define MS 1000
#define HOUR INT64_C(3600000)

static void set_clock(struct suite_clock *clock, int64_t wall)
{
	__atomic_store_n(&clock->wall, wall, __ATOMIC_SEQ_CST);
}

/* A store that several follow, and that can be away or lose what it has: each change is told as everything that there is. */
struct shared {
	struct store store;
	struct store *memory;
	int64_t since;
	int down, deaf, full;
	int raised;
};

static int shared_raise(struct store *store, const void *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	struct shared *shared = (struct shared *)store;
	shared->raised++;
	return shared->down || shared->full ? EMA_UNAVAILABLE : store_raise(shared->memory, key, key_length, mark, expires, now, ms);
}

static int shared_list(struct store *store, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data, int64_t ms)
{
	struct shared *shared = (struct shared *)store;
	return shared->down ? EMA_UNAVAILABLE : store_list(shared->memory, prefix, prefix_length, entry, data, ms);
}

static int shared_changes(struct store *store, store_entry_fn *entry, void *data, int64_t ms)
{
	struct shared *shared = (struct shared *)store;
	return shared->deaf ? EMA_OK : shared_list(store, NULL, 0, entry, data, ms);
}

static int shared_since(struct store *store, int64_t *since)
{
	*since = ((struct shared *)store)->since;
	return EMA_OK;
}

static const struct store_kind shared_kind = { .raise = shared_raise, .list = shared_list, .changes = shared_changes, .since = shared_since };

static struct store *memory_open(struct suite_clock *clock)
{
	struct memory_settings settings = { .clock = &clock->clock };
	struct store *store = NULL;
	assert_int_equal(store_memory(&settings, &store, NULL), EMA_OK);
	return store;
}

static void shared_init(struct shared *shared, struct suite_clock *clock)
{
	suite_clock_init(clock);
	*shared = (struct shared){ .store = { .kind = &shared_kind }, .memory = memory_open(clock) };
}

static struct marks *marks_of(struct shared *shared, struct suite_clock *clock, size_t most)
{
	struct marks_settings settings = { .store = &shared->store, .clock = &clock->clock, .entries_most = most };
	struct marks *marks = NULL;
	assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
	return marks;
}

static const struct mark_query someone = {
	.issued = SUITE_BEGIN - 60000, .issuer = "https://idp", .tenant = "t1", .sub = "ann", .client = "vscode", .provider = "okta",
	.service = "github", .jti = "id-1", .assertion = "jag-1",
};

static int check(struct marks *marks, int64_t issued)
{
	struct mark_query query = someone;
	query.issued = issued;
	return marks_check(marks, &query, NULL);
}

/* What hits someone, and what is so near that a careless hand would hit him. */
static const struct {
	struct mark_target target, near[6];
	const char *label;
} kinds[] = {
	{ { MARK_EVERYTHING, NULL, NULL, NULL }, { { 0 } }, NULL },
	{ { MARK_SUBJECT, "https://idp", "t1", "ann" },
	  { { MARK_SUBJECT, "https://idp", "t1", "bob" }, { MARK_SUBJECT, "https://idp", NULL, "ann" }, { MARK_SUBJECT, "https://idp", "t2", "ann" },
	    { MARK_SUBJECT, "https://idp", "", "ann" }, { MARK_SUBJECT, "https://idq", "t1", "ann" }, { MARK_SUBJECT, "https://idpt1", "", "ann" } }, NULL },
	{ { MARK_CLIENT, NULL, NULL, "vscode" }, { { MARK_CLIENT, NULL, NULL, "vscod" }, { MARK_CLIENT, NULL, NULL, "okta" } }, "vscode" },
	{ { MARK_PROVIDER, NULL, NULL, "okta" }, { { MARK_PROVIDER, NULL, NULL, "Okta" }, { MARK_PROVIDER, NULL, NULL, "github" } }, "okta" },
	{ { MARK_TENANT, NULL, "t1", "okta" }, { { MARK_TENANT, NULL, "t2", "okta" }, { MARK_TENANT, NULL, "okta", "t1" } }, "okta/t1" },
	{ { MARK_SERVICE, NULL, NULL, "github" }, { { MARK_SERVICE, NULL, NULL, "gitlab" }, { MARK_SERVICE, NULL, NULL, "vscode" } }, "github" },
	{ { MARK_TOKEN, NULL, NULL, "id-1" }, { { MARK_TOKEN, NULL, NULL, "id-2" }, { MARK_TOKEN, NULL, NULL, "jag-1" } }, NULL },
	{ { MARK_ASSERTION, "https://idp", "t1", "jag-1" },
	  { { MARK_ASSERTION, "https://idp", "t2", "jag-1" }, { MARK_ASSERTION, "https://idq", "t1", "jag-1" }, { MARK_ASSERTION, "https://idp", "t1", "id-1" } }, NULL },
};
#define KINDS (sizeof kinds / sizeof *kinds)

static int list_one(void *data, const struct mark_entry *entry)
{
	*(struct mark_entry *)data = *entry;
	return EMA_OK;
}

/* REV-16, REV-17: each kind, by the process that set it at once and by another with its next step; nothing else is hit. */
static void each_kind_hits_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct suite_clock clock;
		struct shared shared;
		struct mark_entry entry = { 0 };
		shared_init(&shared, &clock);
		struct marks *here = marks_of(&shared, &clock, 0), *there = marks_of(&shared, &clock, 0);
		assert_int_equal(marks_step(here, 0), EMA_OK);
		assert_int_equal(marks_step(there, 0), EMA_OK);
		for (size_t k = 0; k < 6 && kinds[i].near[k].name; k++)
			assert_int_equal(marks_revoke(here, &kinds[i].near[k], 0, 0, MS, NULL), EMA_OK);
		assert_int_equal(check(here, someone.issued), EMA_OK);
		assert_int_equal(marks_find(here, &kinds[i].target, &entry, NULL), EMA_ABSENT);
		struct marks *late = marks_of(&shared, &clock, 0);
		assert_int_equal(marks_revoke(here, &kinds[i].target, 0, 0, MS, NULL), EMA_OK);
		assert_int_equal(check(here, someone.issued), EMA_REVOKED);
		assert_int_equal(check(there, someone.issued), EMA_OK);
		assert_int_equal(marks_step(there, 0), EMA_OK);
		assert_int_equal(check(there, someone.issued), EMA_REVOKED);
		/* Started after it: knows nothing, so grants nothing, until it has seen the store (REV-18). */
		assert_int_equal(check(late, someone.issued), EMA_STORE_UNAVAILABLE);
		assert_int_equal(marks_step(late, 0), EMA_OK);
		assert_int_equal(check(late, someone.issued), EMA_REVOKED);
		assert_int_equal(marks_find(late, &kinds[i].target, &entry, NULL), EMA_OK);
		assert_true(entry.epoch == SUITE_BEGIN && entry.epoch_expires == SUITE_BEGIN + MARKS_LIFE_MS && !entry.blocked);
		assert_int_equal(entry.kind, kinds[i].target.kind);
		if (!kinds[i].near[0].name) {
			assert_int_equal(marks_list(late, list_one, &entry), EMA_OK);
			assert_int_equal(entry.kind, MARK_EVERYTHING);
		}
		marks_free(here);
		marks_free(there);
		marks_free(late);
		store_free(shared.memory);
	}
}

/* REV-17, REV-21: at or before the mark, and a second behind it, is refused; a later one is not. A single one is, whenever. */
static void an_epoch_hits_what_was_issued_before(void **state)
{
	(void)state;
	static const struct { int64_t after; int epoch, single; } cases[] = {
		{ -HOUR, EMA_REVOKED, EMA_REVOKED }, { -1, EMA_REVOKED, EMA_REVOKED }, { 0, EMA_REVOKED, EMA_REVOKED },
		{ MARKS_CARE_MS, EMA_REVOKED, EMA_REVOKED }, { MARKS_CARE_MS + 1, EMA_OK, EMA_REVOKED }, { HOUR, EMA_OK, EMA_REVOKED },
	};
	for (size_t i = 0; i < KINDS; i++) {
		struct suite_clock clock;
		struct shared shared;
		int single = kinds[i].target.kind == MARK_TOKEN || kinds[i].target.kind == MARK_ASSERTION;
		shared_init(&shared, &clock);
		struct marks *marks = marks_of(&shared, &clock, 0);
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		assert_int_equal(marks_revoke(marks, &kinds[i].target, 0, 0, MS, NULL), EMA_OK);
		for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
			assert_int_equal(check(marks, SUITE_BEGIN + cases[k].after), single ? cases[k].single : cases[k].epoch);
		assert_int_equal(check(marks, MARKS_NEVER), EMA_REVOKED);
		/* An older one moves nothing back; one of the past is taken where there is none. */
		assert_int_equal(marks_revoke(marks, &kinds[i].target, SUITE_BEGIN - HOUR, 0, MS, NULL), EMA_OK);
		assert_int_equal(check(marks, SUITE_BEGIN), EMA_REVOKED);
		marks_free(marks);
		store_free(shared.memory);
	}
}

/* REV-16: a block refuses what is new, too; lifting it brings nothing old back. */
static void a_block_holds_until_it_is_lifted(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		const struct mark_target *target = &kinds[i].target;
		struct suite_clock clock;
		struct shared shared;
		struct failure failure = FAILURE_INIT;
		struct mark_entry entry;
		shared_init(&shared, &clock);
		struct marks *here = marks_of(&shared, &clock, 0), *there = marks_of(&shared, &clock, 0);
		assert_int_equal(marks_step(here, 0), EMA_OK);
		assert_int_equal(marks_step(there, 0), EMA_OK);
		if (target->kind == MARK_TOKEN || target->kind == MARK_ASSERTION) {
			assert_int_equal(marks_block(here, target, MS, &failure), EMA_BAD_REQUEST);
		} else {
			assert_int_equal(marks_lift(here, target, MS, NULL), EMA_ABSENT);
			assert_int_equal(marks_block(here, target, MS, NULL), EMA_OK);
			assert_int_equal(check(here, SUITE_BEGIN + HOUR), EMA_BLOCKED);
			assert_int_equal(check(here, SUITE_BEGIN - HOUR), EMA_BLOCKED);
			assert_int_equal(marks_step(there, 0), EMA_OK);
			assert_int_equal(check(there, SUITE_BEGIN + HOUR), EMA_BLOCKED);
			assert_int_equal(marks_find(there, target, &entry, NULL), EMA_OK);
			assert_true(entry.blocked == SUITE_BEGIN);
			/* By another, whose clock is behind: still the last word. */
			set_clock(&clock, SUITE_BEGIN - 5000);
			assert_int_equal(marks_lift(there, target, MS, NULL), EMA_OK);
			assert_int_equal(marks_step(here, 0), EMA_OK);
			assert_int_equal(check(here, SUITE_BEGIN + HOUR), EMA_OK);
			assert_int_equal(check(here, SUITE_BEGIN), EMA_REVOKED);
			assert_int_equal(marks_block(here, target, MS, NULL), EMA_OK);
			assert_int_equal(check(here, SUITE_BEGIN + HOUR), EMA_BLOCKED);
			/* No sweep ends it. */
			set_clock(&clock, SUITE_BEGIN + 30 * 24 * HOUR);
			assert_int_equal(marks_step(here, 0), EMA_OK);
			assert_int_equal(check(here, SUITE_BEGIN + 31 * 24 * HOUR), EMA_BLOCKED);
		}
		marks_free(here);
		marks_free(there);
		store_free(shared.memory);
	}
}

static int count_key(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	(void)key, (void)key_length, (void)value, (void)value_length, (void)expires;
	++*(int *)data;
	return EMA_OK;
}

/* A block is renewed in the store before it ends there: while a process runs, it lasts. */
static void a_block_is_renewed(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	shared_init(&shared, &clock);
	struct marks *marks = marks_of(&shared, &clock, 0);
	assert_int_equal(marks_block(marks, &kinds[2].target, MS, NULL), EMA_OK);
	for (int month = 1; month < 60; month++) {
		set_clock(&clock, SUITE_BEGIN + month * 30 * 24 * HOUR);
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		assert_int_equal(check(marks, SUITE_BEGIN + 10000 * HOUR), EMA_BLOCKED);
	}
	struct marks *other = marks_of(&shared, &clock, 0);
	assert_int_equal(marks_step(other, 0), EMA_OK);
	assert_int_equal(check(other, SUITE_BEGIN + 10000 * HOUR), EMA_BLOCKED);
	marks_free(marks);
	marks_free(other);
	store_free(shared.memory);
}

/* REV-18: entries live as long as what they can hit, then go, here and in the store. */
static void entries_end_with_what_they_hit(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	struct mark_entry entry;
	int count = 0;
	shared_init(&shared, &clock);
	struct marks *marks = marks_of(&shared, &clock, 1000);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 600; i++) {
			char jti[32];
			snprintf(jti, sizeof jti, "%d-%d", round, i);
			struct mark_target target = { MARK_TOKEN, NULL, NULL, jti };
			assert_int_equal(marks_revoke(marks, &target, 0, clock.wall + HOUR, MS, NULL), EMA_OK);
		}
		assert_int_equal(marks_revoke(marks, &kinds[1].target, 0, 0, MS, NULL), EMA_OK);
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		set_clock(&clock, clock.wall + HOUR - 1);
		struct mark_target last = { MARK_TOKEN, NULL, NULL, "0-599" };
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		assert_int_equal(marks_find(marks, &last, &entry, NULL), round ? EMA_ABSENT : EMA_OK);
		set_clock(&clock, clock.wall + 20000);
	}
	set_clock(&clock, SUITE_BEGIN + MARKS_LIFE_MS);
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	assert_int_equal(marks_find(marks, &kinds[1].target, &entry, NULL), EMA_OK);
	set_clock(&clock, SUITE_BEGIN + MARKS_LIFE_MS + 10 * HOUR);
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	assert_int_equal(marks_find(marks, &kinds[1].target, &entry, NULL), EMA_ABSENT);
	assert_int_equal(store_list(shared.memory, NULL, 0, count_key, &count, MS), EMA_OK);
	assert_int_equal(count, 0);
	marks_free(marks);
	store_free(shared.memory);
}

/* REV-18: bounded; a flood of single tokens leaves room for an epoch, and what does not fit is said. */
static void a_flood_is_refused(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	struct failure failure = FAILURE_INIT;
	int i = 0, code;
	shared_init(&shared, &clock);
	struct marks *marks = marks_of(&shared, &clock, 400), *small = marks_of(&shared, &clock, 200);
	do {
		char jti[32];
		snprintf(jti, sizeof jti, "%d", i++);
		struct mark_target target = { MARK_TOKEN, NULL, NULL, jti };
		code = marks_revoke(marks, &target, 0, 0, MS, &failure);
	} while (code == EMA_OK && i < 1000);
	assert_int_equal(code, EMA_STORE_FULL);
	assert_int_equal(i, 301);
	assert_non_null(strstr(failure.text, "nothing was revoked"));
	assert_int_equal(marks_revoke(marks, &kinds[1].target, 0, 0, MS, NULL), EMA_OK);
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	assert_int_equal(check(marks, SUITE_BEGIN - HOUR), EMA_REVOKED);
	assert_int_equal(check(marks, SUITE_BEGIN + HOUR), EMA_OK);
	/* Who has no room for all of them does not know, and says so. */
	assert_int_not_equal(marks_step(small, 0), EMA_OK);
	assert_int_equal(check(small, SUITE_BEGIN + HOUR), EMA_STORE_UNAVAILABLE);
	set_clock(&clock, SUITE_BEGIN + MARKS_LIFE_MS + HOUR);
	assert_int_equal(marks_step(small, 0), EMA_OK);
	assert_int_equal(check(small, SUITE_BEGIN + HOUR), EMA_OK);
	marks_free(marks);
	marks_free(small);
	store_free(shared.memory);
}

/* REV-19 */
static void contact_that_is_lost(void **state)
{
	(void)state;
	static const struct { int last_known; int64_t loss_ms, away; int is; } cases[] = {
		{ 0, 0, 60000, EMA_OK }, { 0, 0, 60001, EMA_STORE_UNAVAILABLE }, { 0, 5000, 5001, EMA_STORE_UNAVAILABLE }, { 0, 5000, 5000, EMA_OK },
		{ 1, 0, 60001, EMA_OK }, { 1, 5000, HOUR, EMA_OK },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct suite_clock clock;
		struct shared shared;
		struct failure failure = FAILURE_INIT;
		shared_init(&shared, &clock);
		struct marks *marks = marks_of(&shared, &clock, 0);
		marks_on_loss(marks, cases[i].last_known, cases[i].loss_ms);
		/* Never reached: nothing is known that could be the last. */
		shared.down = 1;
		assert_int_equal(marks_step(marks, 0), EMA_UNAVAILABLE);
		assert_int_equal(check(marks, SUITE_BEGIN), EMA_STORE_UNAVAILABLE);
		shared.down = 0;
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		shared.down = 1;
		set_clock(&clock, SUITE_BEGIN + cases[i].away);
		assert_int_equal(marks_step(marks, 0), EMA_UNAVAILABLE);
		assert_int_equal(check(marks, SUITE_BEGIN), cases[i].is);
		/* A revocation that the store did not take is none, and says so. */
		assert_int_equal(marks_revoke(marks, &kinds[1].target, 0, 0, MS, &failure), EMA_STORE_UNAVAILABLE);
		assert_non_null(strstr(failure.text, "not revoked for sure"));
		assert_int_equal(check(marks, SUITE_BEGIN), cases[i].is);
		failure_clear(&failure);
		assert_int_equal(marks_block(marks, &kinds[1].target, MS, &failure), EMA_STORE_UNAVAILABLE);
		assert_int_equal(check(marks, SUITE_BEGIN), cases[i].is);
		shared.down = 0;
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		assert_int_equal(check(marks, SUITE_BEGIN), EMA_OK);
		marks_free(marks);
		store_free(shared.memory);
	}
}

/* A store that lost what it had acknowledged is given it again by each that knows it. */
static void what_the_store_lost_is_raised_again(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	shared_init(&shared, &clock);
	struct marks *here = marks_of(&shared, &clock, 0), *there = marks_of(&shared, &clock, 0);
	for (int i = 0; i < 500; i++) {
		char sub[32];
		snprintf(sub, sizeof sub, "sub-%d", i);
		struct mark_target target = { MARK_SUBJECT, "https://idp", NULL, sub };
		assert_int_equal(marks_revoke(here, &target, 0, 0, MS, NULL), EMA_OK);
	}
	assert_int_equal(marks_block(here, &kinds[4].target, MS, NULL), EMA_OK);
	assert_int_equal(marks_step(here, 0), EMA_OK);
	shared.down = 1;
	assert_int_equal(marks_step(here, 0), EMA_UNAVAILABLE);
	store_free(shared.memory);
	shared.memory = memory_open(&clock);
	shared.down = 0;
	shared.raised = 0;
	assert_int_equal(marks_step(here, 0), EMA_OK);
	assert_int_equal(shared.raised, 502);
	assert_int_equal(marks_step(here, 0), EMA_OK);
	assert_int_equal(shared.raised, 502);
	assert_int_equal(marks_step(there, 0), EMA_OK);
	assert_int_equal(check(there, SUITE_BEGIN + HOUR), EMA_BLOCKED);
	struct mark_entry entry;
	struct mark_target last = { MARK_SUBJECT, "https://idp", NULL, "sub-499" };
	assert_int_equal(marks_find(there, &last, &entry, NULL), EMA_OK);
	marks_free(here);
	marks_free(there);
	store_free(shared.memory);
}

/* REV-18: one that lost them within a call that did not fail, too: it was reached again, or is another. */
static void what_a_store_lost_without_a_word_is_raised_again(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	shared_init(&shared, &clock);
	shared.since = SUITE_BEGIN;
	struct marks *here = marks_of(&shared, &clock, 0), *there = marks_of(&shared, &clock, 0);
	assert_int_equal(marks_block(here, &kinds[4].target, MS, NULL), EMA_OK);
	/* Until the store's beginning is known, and that no more is lost. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(marks_step(here, 0), EMA_OK);
	store_free(shared.memory);
	shared.memory = memory_open(&clock);
	shared.since = SUITE_BEGIN + 2000;
	shared.raised = 0;
	assert_int_equal(marks_step(here, 0), EMA_OK);
	assert_int_equal(marks_step(here, 0), EMA_OK);
	assert_int_equal(shared.raised, 2);
	assert_int_equal(marks_step(here, 0), EMA_OK);
	assert_int_equal(shared.raised, 2);
	assert_int_equal(marks_step(there, 0), EMA_OK);
	assert_int_equal(check(there, SUITE_BEGIN + HOUR), EMA_BLOCKED);
	marks_free(here);
	marks_free(there);
	store_free(shared.memory);
}

/* REV-18: a store that lost marks and takes none tells of others' all the same, and is given the lost ones as soon as it takes them. */
static void a_store_that_takes_nothing_is_followed(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	shared_init(&shared, &clock);
	struct marks *here = marks_of(&shared, &clock, 0), *there = marks_of(&shared, &clock, 0);
	assert_int_equal(marks_block(here, &kinds[4].target, MS, NULL), EMA_OK);
	store_free(shared.memory);
	shared.memory = memory_open(&clock);
	shared.full = 1;
	for (int i = 0; i < 3; i++) {
		set_clock(&clock, clock.wall + 59000);
		assert_int_equal(marks_step(here, 0), EMA_UNAVAILABLE);
		assert_int_equal(marks_known(here, NULL), EMA_OK);
	}
	assert_int_equal(marks_step(there, 0), EMA_OK);
	assert_int_equal(check(there, SUITE_BEGIN), EMA_OK);
	shared.full = 0;
	assert_int_equal(marks_step(here, 0), EMA_OK);
	assert_int_equal(marks_step(there, 0), EMA_OK);
	assert_int_equal(check(there, SUITE_BEGIN), EMA_BLOCKED);
	marks_free(here);
	marks_free(there);
	store_free(shared.memory);
}

static void what_is_not_of_its_form_is_no_contact(void **state)
{
	(void)state;
	char key[] = "mark/se0123456789abcdef0123456789abcdef";
	static const struct { size_t at; char byte; size_t cut; int64_t mark; int is; } cases[] = {
		{ 5, 's', 0, 1, EMA_OK }, { 5, 'z', 0, 1, EMA_INTERNAL }, { 6, 'x', 0, 1, EMA_INTERNAL }, { 5, 's', 1, 1, EMA_INTERNAL },
		{ 5, 's', 0, -1, EMA_INTERNAL }, { 5, 's', 0, INT64_MAX, EMA_INTERNAL }, { 4, '-', 0, 1, EMA_OK },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct suite_clock clock;
		struct shared shared;
		int64_t now;
		char odd[sizeof key];
		shared_init(&shared, &clock);
		memcpy(odd, key, sizeof key);
		odd[cases[i].at] = cases[i].byte;
		struct marks *marks = marks_of(&shared, &clock, 0);
		assert_int_equal(store_raise(shared.memory, odd, sizeof key - 1 - cases[i].cut, cases[i].mark, SUITE_BEGIN + HOUR, &now, MS), EMA_OK);
		assert_int_equal(marks_step(marks, 0), cases[i].is);
		assert_int_equal(check(marks, SUITE_BEGIN + HOUR), cases[i].is == EMA_OK ? EMA_OK : EMA_STORE_UNAVAILABLE);
		marks_free(marks);
		store_free(shared.memory);
	}
}

static void bad_requests(void **state)
{
	(void)state;
	static const struct { struct mark_target target; int64_t before; } cases[] = {
		{ { MARK_SUBJECT, NULL, NULL, "ann" }, 0 }, { { MARK_SUBJECT, "https://idp", NULL, NULL }, 0 }, { { MARK_SUBJECT, "https://idp", NULL, "" }, 0 },
		{ { MARK_CLIENT, NULL, NULL, NULL }, 0 }, { { MARK_TENANT, NULL, NULL, "okta" }, 0 }, { { MARK_KINDS, NULL, NULL, "okta" }, 0 },
		{ { (enum mark_kind)-1, NULL, NULL, "okta" }, 0 }, { { MARK_PROVIDER, NULL, NULL, "okta" }, SUITE_BEGIN + 60001 },
		{ { MARK_PROVIDER, NULL, NULL, "okta" }, -1 }, { { MARK_PROVIDER, NULL, NULL, "okta" }, INT64_MAX },
	};
	struct suite_clock clock;
	struct shared shared;
	shared_init(&shared, &clock);
	struct marks *marks = marks_of(&shared, &clock, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct failure failure = FAILURE_INIT;
		assert_int_equal(marks_revoke(marks, &cases[i].target, cases[i].before, 0, MS, &failure), EMA_BAD_REQUEST);
		assert_true(failure.text[0] != 0);
	}
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	assert_int_equal(shared.raised, 0);
	struct mark_query query = { .issued = 0, .sub = "ann" };
	assert_int_equal(marks_check(marks, &query, NULL), EMA_INTERNAL);
	assert_int_equal(marks_list(marks, list_one, NULL), EMA_OK);
	assert_null(mark_kind_name(-1));
	assert_null(mark_kind_name(MARK_KINDS));
	marks_free(marks);
	marks_free(NULL);
	store_free(shared.memory);
}

/* No personal data leaves the process in the clear; what is no person's has a name in lists. */
struct keys_seen { int personal, named; };
static int see_key(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	struct keys_seen *seen = data;
	(void)value, (void)value_length, (void)expires;
	seen->personal += memmem(key, key_length, "ann", 3) || memmem(key, key_length, "idp", 3) || memmem(key, key_length, "id-1", 4) ||
	                  memmem(key, key_length, "jag-1", 5);
	seen->named += memmem(key, key_length, "vscode", 6) || memmem(key, key_length, "okta/t1", 7);
	return EMA_OK;
}

static int see_label(void *data, const struct mark_entry *entry)
{
	(void)data;
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].target.kind == entry->kind) {
			if (kinds[i].label)
				assert_string_equal(entry->label, kinds[i].label);
			else
				assert_null(entry->label);
			assert_int_equal(strlen(entry->digest), 64);
		}
	return EMA_OK;
}

static void keys_tell_nobody(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	struct keys_seen seen = { 0, 0 };
	shared_init(&shared, &clock);
	struct marks *marks = marks_of(&shared, &clock, 0), *other = marks_of(&shared, &clock, 0);
	for (size_t i = 0; i < KINDS; i++)
		assert_int_equal(marks_revoke(marks, &kinds[i].target, 0, 0, MS, NULL), EMA_OK);
	assert_int_equal(store_list(shared.memory, NULL, 0, see_key, &seen, MS), EMA_OK);
	assert_int_equal(seen.personal, 0);
	assert_int_equal(seen.named, 2);
	/* A name without end, and one with bytes that a terminal would obey. */
	char *longest = malloc(5000);
	memset(longest, 'x', 4999);
	longest[4999] = 0;
	longest[3] = '\033';
	struct mark_target client = { MARK_CLIENT, NULL, NULL, longest };
	assert_int_equal(marks_revoke(marks, &client, 0, 0, MS, NULL), EMA_OK);
	assert_int_equal(marks_step(other, 0), EMA_OK);
	struct mark_query query = { .issued = SUITE_BEGIN, .client = longest };
	assert_int_equal(marks_check(other, &query, NULL), EMA_REVOKED);
	free(longest);
	store_free(shared.memory);
	shared_init(&shared, &clock);
	struct marks *clean = marks_of(&shared, &clock, 0);
	for (size_t i = 0; i < KINDS; i++)
		assert_int_equal(marks_revoke(clean, &kinds[i].target, 0, 0, MS, NULL), EMA_OK);
	assert_int_equal(marks_list(clean, see_label, NULL), EMA_OK);
	marks_free(clean);
	marks_free(marks);
	marks_free(other);
	store_free(shared.memory);
}

/* A lone process: nothing to follow, no contact to lose; REV-18 its marks end with its store. */
static void a_lone_process(void **state)
{
	(void)state;
	struct suite_clock clock;
	suite_clock_init(&clock);
	struct store *store = memory_open(&clock);
	struct marks_settings settings = { .store = store, .clock = &clock.clock, .alone = 1 };
	struct marks *marks = NULL;
	assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
	assert_int_equal(check(marks, SUITE_BEGIN), EMA_OK);
	assert_int_equal(marks_revoke(marks, &kinds[3].target, 0, 0, MS, NULL), EMA_OK);
	assert_int_equal(check(marks, SUITE_BEGIN), EMA_REVOKED);
	set_clock(&clock, SUITE_BEGIN + HOUR);
	assert_int_equal(check(marks, SUITE_BEGIN + HOUR), EMA_OK);
	marks_free(marks);
	store_free(store);
}

struct reader {
	pthread_t thread;
	struct marks *marks;
	_Atomic int *end;
	int64_t looks;
	int wrong;
};

static void *look(void *data)
{
	struct reader *reader = data;
	while (!atomic_load(reader->end) || reader->looks < 1000) {
		/* Revoked before it began: must never be missed, whatever moves. */
		struct mark_query revoked = { .issued = SUITE_BEGIN, .client = "first" }, other = { .issued = SUITE_BEGIN, .client = "never" };
		reader->wrong += marks_check(reader->marks, &revoked, NULL) != EMA_REVOKED;
		reader->wrong += marks_check(reader->marks, &other, NULL) != EMA_OK;
		reader->looks++;
	}
	return NULL;
}

/* Readers see neither half of a change nor an entry missing, while the table grows, shrinks and moves. */
static void readers_never_miss(void **state)
{
	(void)state;
	struct suite_clock clock;
	suite_clock_init(&clock);
	struct store *store = memory_open(&clock);
	/* The clock runs so fast that a reader which is put aside between two looks at it would take that for a lost store. */
	struct marks_settings settings = { .store = store, .clock = &clock.clock, .alone = 1, .loss_ms = 1000 * HOUR, .entries_most = 2000 };
	struct marks *marks = NULL;
	struct mark_target first = { MARK_CLIENT, NULL, NULL, "first" };
	_Atomic int end = 0;
	struct reader readers[3];
	assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
	assert_int_equal(marks_revoke(marks, &first, 0, 0, MS, NULL), EMA_OK);
	for (int i = 0; i < 3; i++) {
		readers[i] = (struct reader){ .marks = marks, .end = &end };
		assert_int_equal(pthread_create(&readers[i].thread, NULL, look, &readers[i]), 0);
	}
	for (int i = 0; i < 6000; i++) {
		char jti[32];
		snprintf(jti, sizeof jti, "%d", i);
		struct mark_target target = { MARK_TOKEN, NULL, NULL, jti };
		/* Each lives for a hundred others. */
		set_clock(&clock, SUITE_BEGIN + i * 100);
		assert_int_equal(marks_revoke(marks, &target, 0, SUITE_BEGIN + i * 100 + 100000, MS, NULL), EMA_OK);
	}
	atomic_store(&end, 1);
	for (int i = 0; i < 3; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].wrong, 0);
	}
	marks_free(marks);
	store_free(store);
}

/* Replaced slots have nothing in them any more, but for those on the pages at their ends; what was put stays to be found. */
static void replaced_slots_are_given_back(void **state)
{
	(void)state;
	struct mark_table table;
	struct mark_slot *slot = NULL;
	struct mark_state found;
	uint64_t digest[MARK_DIGEST_WORDS] = { 0 };
	assert_int_equal(mark_table_init(&table, 100000, NULL), EMA_OK);
	for (digest[0] = 1; digest[0] <= 20000; digest[0]++) {
		assert_int_equal(mark_table_put(&table, digest, 1, NULL, SIZE_MAX, &slot), EMA_OK);
		mark_table_set(&table, slot, (struct mark_state){ (int64_t)digest[0], 0 });
	}
	const struct mark_slots *before = atomic_load(&table.slots)->before;
	const size_t ends = 2 * (size_t)sysconf(_SC_PAGESIZE) / sizeof before->list[0] + 2;
	size_t used = 0;
	for (size_t i = 0; i < before->count; i++)
		used += atomic_load(&before->list[i].used);
	assert_true(before->count > 8 * ends);
	assert_true(used <= ends);
	for (digest[0] = 1; digest[0] <= 20000; digest[0]++) {
		assert_int_equal(mark_table_read(&table, digest, &found), 1);
		assert_int_equal(found.epoch, digest[0]);
	}
	mark_table_free(&table);
}

/* The thread: what another raises arrives without anybody's step, and the end is clean, also of one that fails. */
static void the_follower_follows(void **state)
{
	(void)state;
	struct suite_clock clock;
	struct shared shared;
	shared_init(&shared, &clock);
	clock.clock = clock_system;
	struct marks *here = marks_of(&shared, &clock, 0), *there = marks_of(&shared, &clock, 0);
	struct mark_query query = someone;
	query.issued = clock_wall(&clock_system);
	assert_int_equal(marks_follow(there, NULL), EMA_OK);
	assert_int_equal(marks_follow(there, NULL), EMA_OK);
	assert_int_equal(marks_revoke(here, &kinds[2].target, 0, 0, MS, NULL), EMA_OK);
	for (int i = 0; i < 60000 && marks_check(there, &query, NULL) != EMA_REVOKED; i++)
		usleep(1000);
	assert_int_equal(marks_check(there, &query, NULL), EMA_REVOKED);
	marks_free(there);
	shared.down = 1;
	there = marks_of(&shared, &clock, 0);
	assert_int_equal(marks_follow(there, NULL), EMA_OK);
	marks_free(there);
	marks_free(here);
	store_free(shared.memory);
}

static int64_t two_clocks[2]; /* monotonic, wall */

static int64_t tick_of_two(void *data)
{
	(void)data;
	return two_clocks[0];
}

static int64_t wall_of_two(void *data)
{
	(void)data;
	return two_clocks[1];
}

static int token_is_revoked(struct marks *marks)
{
	const struct mark_query query = { .issued = SUITE_BEGIN - 1000, .jti = "t" };
	return marks_check(marks, &query, NULL) == EMA_REVOKED;
}

/* REV-18: what a clock that was ahead for a while would have ended is still revoked when it is right again; a right one does end it. */
static void a_clock_that_was_ahead(void **state)
{
	const struct clock clock = { wall_of_two, tick_of_two, NULL };
	const struct marks_settings settings = { .clock = &clock, .alone = 1 };
	const struct mark_target token = { MARK_TOKEN, NULL, NULL, "t" };
	struct marks *marks = NULL;
	(void)state;
	two_clocks[0] = 1000;
	two_clocks[1] = SUITE_BEGIN;
	assert_int_equal(marks_new(&settings, &marks, NULL), EMA_OK);
	assert_int_equal(marks_revoke(marks, &token, 0, SUITE_BEGIN + 3600000, 0, NULL), EMA_OK);
	for (int i = 0; i < 100; i++) {
		two_clocks[0] += 11000;
		two_clocks[1] += i == 10 ? 7200000 : i == 90 ? -7200000 : 11000;
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		assert_true(token_is_revoked(marks));
	}
	two_clocks[1] += 7200000;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(marks_step(marks, 0), EMA_OK);
		two_clocks[0] += 3600000;
		two_clocks[1] += 3600000;
	}
	assert_int_equal(marks_step(marks, 0), EMA_OK);
	assert_false(token_is_revoked(marks));
	marks_free(marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_hits_its_own),
		cmocka_unit_test(an_epoch_hits_what_was_issued_before),
		cmocka_unit_test(a_block_holds_until_it_is_lifted),
		cmocka_unit_test(a_block_is_renewed),
		cmocka_unit_test(entries_end_with_what_they_hit),
		cmocka_unit_test(a_flood_is_refused),
		cmocka_unit_test(contact_that_is_lost),
		cmocka_unit_test(what_the_store_lost_is_raised_again),
		cmocka_unit_test(what_a_store_lost_without_a_word_is_raised_again),
		cmocka_unit_test(a_store_that_takes_nothing_is_followed),
		cmocka_unit_test(what_is_not_of_its_form_is_no_contact),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(keys_tell_nobody),
		cmocka_unit_test(a_lone_process),
		cmocka_unit_test(readers_never_miss),
		cmocka_unit_test(replaced_slots_are_given_back),
		cmocka_unit_test(the_follower_follows),
		cmocka_unit_test(a_clock_that_was_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
