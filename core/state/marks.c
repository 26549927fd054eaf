#include "marks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "marks_inside.h"

#define MARKS_ENTRIES 250000
#define MARKS_LOSS_MS INT64_C(60000)
#define MARK_AHEAD_MS INT64_C(60000) /* clocks differ; an epoch beyond is a mistake that would lock everybody out */
#define MARK_TIME_MOST (INT64_MAX / 4) /* no sum or double of it overflows */
#define MARK_TRIES 8
#define MARK_STEP_MS INT64_C(2000)
#define MARK_STEADY_MS INT64_C(3600000)

static const struct {
	const char *name;
	char letter;
	unsigned char issuer, tenant, label; /* fields that it has; label: its name is no person's */
} mark_kinds[MARK_KINDS] = {
	[MARK_EVERYTHING] = { "everything", 'a', 0, 0, 0 },
	[MARK_SUBJECT] = { "subject", 's', 1, 1, 0 },
	[MARK_CLIENT] = { "client", 'c', 0, 0, 1 },
	[MARK_PROVIDER] = { "provider", 'p', 0, 0, 1 },
	[MARK_TENANT] = { "tenant", 't', 0, 1, 1 },
	[MARK_SERVICE] = { "service", 'r', 0, 0, 1 },
	[MARK_TOKEN] = { "token", 'j', 0, 0, 0 },
	[MARK_ASSERTION] = { "assertion", 'g', 1, 1, 0 },
	[MARK_PERSON] = { "person", 'h', 0, 0, 0 },
};

const char *mark_kind_name(int kind)
{
	return kind >= 0 && kind < MARK_KINDS ? mark_kinds[kind].name : NULL;
}

int mark_kind_of(unsigned char letter)
{
	for (int i = 0; i < MARK_KINDS; i++)
		if (mark_kinds[i].letter == (char)letter)
			return i;
	return -1;
}

static int mark_is_single(int kind)
{
	return kind == MARK_TOKEN || kind == MARK_ASSERTION;
}

void mark_words(const unsigned char digest[DIGEST_BYTES], uint64_t words[MARK_DIGEST_WORDS])
{
	for (int i = 0; i < MARK_DIGEST_WORDS; i++) {
		words[i] = 0;
		for (int k = 0; k < 8; k++)
			words[i] = words[i] << 8 | digest[8 * i + k];
	}
}

void mark_digest(const struct mark_slot *slot, unsigned char digest[DIGEST_BYTES])
{
	for (int i = 0; i < DIGEST_BYTES; i++)
		digest[i] = (unsigned char)(atomic_load_explicit(&slot->digest[i / 8], memory_order_relaxed) >> (56 - 8 * (i % 8)));
}

size_t mark_key(int kind, char what, const unsigned char digest[DIGEST_BYTES], const char *label, unsigned char key[MARK_KEY_MOST])
{
	size_t length = label ? strlen(label) : 0;
	memcpy(key, MARK_PREFIX, MARK_PREFIX_LENGTH);
	key[MARK_PREFIX_LENGTH] = (unsigned char)mark_kinds[kind].letter;
	key[MARK_PREFIX_LENGTH + 1] = (unsigned char)what;
	memcpy(key + MARK_PREFIX_LENGTH + 2, digest, DIGEST_BYTES);
	if (length > MARK_LABEL_MOST)
		length = MARK_LABEL_MOST;
	if (length)
		memcpy(key + MARK_HEAD, label, length);
	return MARK_HEAD + length;
}

/* Each process makes the same label of the same thing, since it is a part of the key. */
static void label_make(const struct mark_target *target, char label[MARK_LABEL_MOST + 1])
{
	const char *parts[3] = { target->name, target->kind == MARK_TENANT ? "/" : "", target->kind == MARK_TENANT ? target->tenant : "" };
	size_t length = 0;
	for (int i = 0; mark_kinds[target->kind].label && i < 3; i++)
		for (const char *c = parts[i]; *c && length < MARK_LABEL_MOST; c++)
			label[length++] = mark_label_byte((unsigned char)*c);
	label[length] = 0;
}

static int target_fits(const struct mark_target *target)
{
	if (target->kind == MARK_EVERYTHING)
		return 1;
	return (unsigned)target->kind < MARK_KINDS && target->name && *target->name && (!mark_kinds[target->kind].issuer || target->issuer) &&
	       (target->kind != MARK_TENANT || target->tenant);
}

static int target_digest(const struct marks *marks, EVP_MD_CTX *context, const struct mark_target *target, unsigned char digest[DIGEST_BYTES])
{
	char letter[2] = { mark_kinds[target->kind].letter, 0 };
	return EVP_DigestInit_ex(context, marks->sha256, NULL) && digest_text(context, "mark") && digest_text(context, letter) &&
	       digest_text(context, mark_kinds[target->kind].issuer ? target->issuer : NULL) &&
	       digest_text(context, mark_kinds[target->kind].tenant ? target->tenant : NULL) &&
	       digest_text(context, target->kind == MARK_EVERYTHING ? NULL : target->name) && EVP_DigestFinal_ex(context, digest, NULL);
}

static int name_make(const struct marks *marks, const struct mark_target *target, struct mark_name *name, struct failure *failure)
{
	if (!target_fits(target))
		return failure_set(failure, EMA_BAD_REQUEST, "a %s cannot be marked without all that names it",
		                   mark_kind_name((int)target->kind) ? mark_kind_name((int)target->kind) : "thing of no known kind");
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int done = context && target_digest(marks, context, target, name->digest);
	EVP_MD_CTX_free(context);
	if (!done)
		return failure_set(failure, EMA_INTERNAL, "SHA-256 failed for a mark");
	name->kind = (int)target->kind;
	mark_words(name->digest, name->words);
	label_make(target, name->label);
	return EMA_OK;
}

int marks_new(const struct marks_settings *settings, struct marks **out, struct failure *failure)
{
	struct marks *marks = calloc(1, sizeof *marks);
	pthread_condattr_t attributes;
	if (!marks)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for marks");
	marks->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	int code = marks->sha256 ? mark_table_init(&marks->table, settings->entries_most ? settings->entries_most : MARKS_ENTRIES, failure)
	                         : failure_set(failure, EMA_INTERNAL, "OpenSSL has no SHA-256");
	if (code == EMA_OK && pthread_condattr_init(&attributes))
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for marks");
	if (code != EMA_OK) {
		mark_table_free(&marks->table);
		EVP_MD_free(marks->sha256);
		free(marks);
		return code;
	}
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&marks->stopped, &attributes);
	pthread_cond_init(&marks->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&marks->lock, NULL);
	marks->store = settings->store;
	marks->clock = settings->clock;
	marks->log = settings->log;
	marks->alone = settings->alone || !settings->store;
	marks->one_way = settings->one_way;
	marks->source = settings->one_way ? "what emad publishes" : "the store";
	atomic_init(&marks->contact, INT64_MIN);
	marks_on_loss(marks, settings->last_known, settings->loss_ms);
	marks->offset = clock_wall(marks->clock) - clock_monotonic(marks->clock);
	marks->ahead_since = INT64_MIN;
	marks->list_due = 1;
	marks->sweep_next = clock_monotonic(marks->clock);
	*out = marks;
	return EMA_OK;
}

void marks_on_loss(struct marks *marks, int last_known, int64_t loss_ms)
{
	atomic_store(&marks->last_known, last_known);
	atomic_store(&marks->loss_ms, loss_ms > 0 ? loss_ms : MARKS_LOSS_MS);
}

/*
 * A step forward of the wall clock counts when it has stood for a while: what a clock that was ahead for a moment sweeps away, no store may
 * give back, and with the right time the token that it hits lives again.
 */
void mark_sweep(struct marks *marks)
{
	const int64_t tick = clock_monotonic(marks->clock), offset = clock_wall(marks->clock) - tick;
	const int is_ahead = offset > marks->offset + MARK_STEP_MS;
	if (is_ahead && marks->ahead_since == INT64_MIN)
		marks->ahead_since = tick;
	if (!is_ahead || tick - marks->ahead_since >= MARK_STEADY_MS) {
		marks->offset = offset;
		marks->ahead_since = INT64_MIN;
	}
	mark_table_sweep(&marks->table, tick + marks->offset, MARKS_LIFE_MS);
}

/* ---- Setting ---- */

static void tell_change(struct marks *marks, const struct mark_name *name)
{
	struct mark_news *news = marks->news;
	marks->changes++;
	if (news && news->count < MARK_NEWS_MOST)
		memcpy(news->words[news->count++], name->words, sizeof name->words);
	else if (news)
		news->missed = 1;
	pthread_cond_broadcast(&marks->changed);
}

int mark_apply(struct marks *marks, const struct mark_name *name, char what, int64_t value, int64_t expires, uint64_t list)
{
	struct mark_slot *slot = NULL;
	if (value < 0 || value > MARK_TIME_MOST)
		return EMA_INTERNAL;
	/* A block that was lifted long ago says no more than none, where none is set. */
	if (what == 'b' && !(value & 1) && value / 2 + MARKS_LIFE_MS <= clock_wall(marks->clock)) {
		const struct mark_slot *there = mark_table_find(&marks->table, name->words);
		if (!there || !(atomic_load(&there->block) & 1))
			return EMA_OK;
	}
	int code = mark_table_put(&marks->table, name->words, name->kind, name->label[0] ? name->label : NULL, SIZE_MAX, &slot);
	if (code != EMA_OK) {
		atomic_store(&marks->incomplete, 1);
		return code;
	}
	struct mark_state is = { atomic_load(&slot->epoch), atomic_load(&slot->block) }, then = is;
	int64_t *of = what == 'e' ? &then.epoch : &then.block, *ends = what == 'e' ? &slot->epoch_expires : &slot->block_expires;
	if (value >= *of)
		*(what == 'e' ? &slot->epoch_seen : &slot->block_seen) = list;
	if (value > *of)
		*of = value;
	const int news = then.epoch != is.epoch || then.block != is.block;
	if (news || expires > *ends)
		tell_change(marks, name);
	if (expires > *ends)
		*ends = expires;
	if (news)
		mark_table_set(&marks->table, slot, then);
	return EMA_OK;
}

/* A place for it, before the store is told: what it acknowledges must be known here at once. Single ones leave room for epochs. */
static int mark_reserve(struct marks *marks, const struct mark_name *name, struct mark_state *is, struct failure *failure)
{
	struct mark_slot *slot = NULL;
	size_t most = marks->table.most, room = mark_is_single(name->kind) ? most - most / 4 : most;
	if (marks->one_way)
		return failure_set(failure, EMA_BAD_REQUEST, "nothing was revoked: this program takes what is revoked from emad and tells nobody. Revoke it there");
	pthread_mutex_lock(&marks->lock);
	int code = mark_table_put(&marks->table, name->words, name->kind, name->label[0] ? name->label : NULL, room, &slot);
	if (code == EMA_STORE_FULL) {
		mark_sweep(marks);
		code = mark_table_put(&marks->table, name->words, name->kind, name->label[0] ? name->label : NULL, room, &slot);
	}
	if (code == EMA_OK && is)
		*is = (struct mark_state){ atomic_load(&slot->epoch), atomic_load(&slot->block) };
	pthread_mutex_unlock(&marks->lock);
	if (code == EMA_STORE_FULL)
		return failure_set(failure, code, "nothing was revoked: there are %zu marks already; the oldest end after two days", most);
	return code == EMA_OK ? EMA_OK : failure_set(failure, code, "nothing was revoked: no memory for another mark");
}

/* Into the store, then here. *kept is what the store has then. */
static int mark_raise(struct marks *marks, const struct mark_name *name, char what, int64_t value, int64_t expires, int64_t ms, int64_t *kept,
                      struct failure *failure)
{
	unsigned char key[MARK_KEY_MOST];
	size_t length = mark_key(name->kind, what, name->digest, name->label, key);
	*kept = value;
	int code = marks->store ? store_raise(marks->store, key, length, value, expires, kept, ms) : EMA_OK;
	if (code == EMA_EXISTS)
		return failure_set(failure, EMA_STORE_UNAVAILABLE, "the store has something else under the name of a mark: it is not EMA's alone");
	if (code == EMA_STORE_FULL || code == EMA_OUT_OF_MEMORY)
		return failure_set(failure, code, "nothing was revoked: the store has no room for the mark");
	if (code != EMA_OK)
		return failure_set(failure, EMA_STORE_UNAVAILABLE, "not revoked for sure: the store did not take the mark (%s); try again", code_name(code));
	pthread_mutex_lock(&marks->lock);
	code = mark_apply(marks, name, what, *kept, expires, marks->list);
	const struct mark_slot *slot = marks->store ? NULL : mark_table_find(&marks->table, name->words);
	if (slot)
		*kept = atomic_load(what == 'e' ? &slot->epoch : &slot->block);
	pthread_mutex_unlock(&marks->lock);
	if (code == EMA_INTERNAL)
		return failure_set(failure, EMA_STORE_UNAVAILABLE, "the store answered a time that no mark can have: it is not EMA's alone");
	return code == EMA_OK ? EMA_OK : failure_set(failure, code, "no room here for a mark that the store took: everything is refused until there is");
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int revoke(struct marks *marks, const struct mark_name *name, int64_t before, int64_t expires, int64_t ms, struct failure *failure)
{
	int64_t now = clock_wall(marks->clock), kept;
	if (!before)
		before = now;
	if (before < 0 || before > now + MARK_AHEAD_MS)
		return failure_set(failure, EMA_BAD_REQUEST, "an epoch must lie between 1970 and now: to refuse what is still to be issued, block it");
	/* A mark that ends before what it hits would give it back its life; only of a single one the end is known. */
	int64_t ends = later(before, now) + MARKS_LIFE_MS;
	if (mark_is_single(name->kind) && expires > 0)
		ends = expires < MARK_TIME_MOST ? later(expires, now + MARKS_CARE_MS) : MARK_TIME_MOST;
	int code = mark_reserve(marks, name, NULL, failure);
	return code == EMA_OK ? mark_raise(marks, name, 'e', before, ends, ms, &kept, failure) : code;
}

int marks_revoke(struct marks *marks, const struct mark_target *target, int64_t before, int64_t expires, int64_t ms, struct failure *failure)
{
	struct mark_name name;
	int code = name_make(marks, target, &name, failure);
	return code == EMA_OK ? revoke(marks, &name, before, expires, ms, failure) : code;
}

/* The last to set or lift wins: each takes a time behind what there is, whatever its clock says. */
static int block_to(struct marks *marks, const struct mark_name *name, int64_t set, int64_t ms, struct failure *failure)
{
	struct mark_state is;
	int64_t until = clock_monotonic(marks->clock) + ms, kept = 0;
	int code = mark_reserve(marks, name, &is, failure);
	if (code != EMA_OK)
		return code;
	if (!set && !(is.block & 1))
		return failure_set(failure, EMA_ABSENT, "there is no block on it");
	for (int i = 0; i < MARK_TRIES; i++) {
		int64_t now = clock_wall(marks->clock), left = until - clock_monotonic(marks->clock);
		int64_t value = later(now, is.block / 2 + 1) * 2 + set;
		code = mark_raise(marks, name, 'b', value, now + MARK_BLOCK_MS, left > 0 ? left : 0, &kept, failure);
		if (code != EMA_OK || kept == value || (kept & 1) == set)
			return code;
		is.block = kept;
	}
	return failure_set(failure, EMA_STORE_UNAVAILABLE, "others block and lift it at the same time: try again");
}

int marks_block(struct marks *marks, const struct mark_target *target, int64_t ms, struct failure *failure)
{
	struct mark_name name;
	int64_t until = clock_monotonic(marks->clock) + ms;
	int code = name_make(marks, target, &name, failure);
	if (code != EMA_OK)
		return code;
	if (mark_is_single(name.kind))
		return failure_set(failure, EMA_BAD_REQUEST, "a single %s is revoked, not blocked", mark_kind_name(name.kind));
	code = block_to(marks, &name, 1, ms, failure);
	int64_t left = until - clock_monotonic(marks->clock);
	return code == EMA_OK ? revoke(marks, &name, 0, 0, left > 0 ? left : 0, failure) : code;
}

int marks_lift(struct marks *marks, const struct mark_target *target, int64_t ms, struct failure *failure)
{
	struct mark_name name;
	int code = name_make(marks, target, &name, failure);
	return code == EMA_OK ? block_to(marks, &name, 0, ms, failure) : code;
}

int marks_kept(struct marks *marks, int64_t ms, struct failure *failure)
{
	const struct timespec until = clock_from_now(ms);
	int code = EMA_OK;
	pthread_mutex_lock(&marks->lock);
	const uint64_t changes = marks->changes;
	if (marks->keeps && marks->kept < changes) {
		const uint64_t asked = ++marks->asked;
		int late = 0;
		pthread_cond_broadcast(&marks->changed);
		while (marks->keeps && marks->kept < changes && marks->answered < asked && !late)
			late = pthread_cond_timedwait(&marks->changed, &marks->lock, &until) == ETIMEDOUT;
		if (marks->kept < changes)
			code = failure_set(failure, EMA_STORE_UNAVAILABLE, "it is in force, but would be forgotten by a restart, since it could not be written: %s. "
			                   "Set that right, and repeat it", late ? "the disk is too slow" : marks->keep_trouble ? marks->keep_trouble : "this ends");
	}
	pthread_mutex_unlock(&marks->lock);
	return code;
}

/* ---- Checking ---- */

static struct mark_state state_of(struct marks *marks, const uint64_t words[MARK_DIGEST_WORDS])
{
	struct mark_state state;
	if (mark_table_read(&marks->table, words, &state))
		return state;
	state = (struct mark_state){ MARK_NONE, 0 };
	pthread_mutex_lock(&marks->lock);
	const struct mark_slot *slot = mark_table_find(&marks->table, words);
	if (slot)
		state = (struct mark_state){ atomic_load(&slot->epoch), atomic_load(&slot->block) };
	pthread_mutex_unlock(&marks->lock);
	return state;
}

static int check_one(struct marks *marks, EVP_MD_CTX **context, const struct mark_target *target, int64_t issued, struct failure *failure)
{
	unsigned char digest[DIGEST_BYTES];
	uint64_t words[MARK_DIGEST_WORDS];
	char when[CLOCK_TEXT];
	const char *kind = mark_kinds[target->kind].name;
	if (!target_fits(target))
		return EMA_OK;
	if (!*context && !(*context = EVP_MD_CTX_new()))
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (!target_digest(marks, *context, target, digest))
		return failure_set(failure, EMA_INTERNAL, "SHA-256 failed for a mark");
	mark_words(digest, words);
	struct mark_state state = state_of(marks, words);
	if (state.block & 1) {
		clock_text(state.block / 2, when);
		return failure_set(failure, EMA_BLOCKED, "%s%s is blocked since %s, until the block is lifted", target->kind ? "the " : "", kind, when);
	}
	if (state.epoch == MARK_NONE || (!mark_is_single((int)target->kind) && issued > state.epoch + MARKS_CARE_MS))
		return EMA_OK;
	clock_text(state.epoch, when);
	if (mark_is_single((int)target->kind))
		return failure_set(failure, EMA_REVOKED, "this %s was revoked at %s", kind, when);
	return failure_set(failure, EMA_REVOKED, "of %s%s, what was issued before %s was revoked", target->kind ? "the " : "", kind, when);
}

/* *contact: when the store was reached last, in monotonic milliseconds; of one that is nobody else's: now. */
static int check_read(struct marks *marks, int64_t *contact, struct failure *failure)
{
	if (atomic_load_explicit(&marks->incomplete, memory_order_acquire))
		return failure_set(failure, EMA_STORE_UNAVAILABLE, "there are more marks than this process has room for: what is revoked is not known");
	*contact = marks->alone ? 0 : atomic_load_explicit(&marks->contact, memory_order_acquire);
	if (*contact == INT64_MIN)
		return failure_set(failure, EMA_STORE_UNAVAILABLE, "%s was not reached yet: what is revoked is not known", marks->source);
	return EMA_OK;
}

static int check_contact(struct marks *marks, int last_known, struct failure *failure)
{
	int64_t contact = 0;
	int code = check_read(marks, &contact, failure);
	if (code != EMA_OK || last_known || marks->alone)
		return code;
	int64_t away = clock_monotonic(marks->clock) - contact;
	if (away <= atomic_load_explicit(&marks->loss_ms, memory_order_relaxed))
		return EMA_OK;
	return failure_set(failure, EMA_STORE_UNAVAILABLE, "%s has not been reached for %" PRId64 " s: what was revoked since is not known", marks->source,
	                   away / 1000);
}

int marks_check(struct marks *marks, const struct mark_query *query, struct failure *failure)
{
	const struct mark_target targets[] = {
		{ MARK_EVERYTHING, NULL, NULL, NULL },
		{ MARK_SUBJECT, query->issuer, query->tenant, query->sub },
		{ MARK_CLIENT, NULL, NULL, query->client },
		{ MARK_PROVIDER, NULL, NULL, query->provider },
		{ MARK_TENANT, NULL, query->tenant, query->provider },
		{ MARK_SERVICE, NULL, NULL, query->service },
		{ MARK_TOKEN, NULL, NULL, query->jti },
		{ MARK_ASSERTION, query->issuer, query->tenant, query->assertion },
		{ MARK_PERSON, NULL, NULL, query->person },
	};
	EVP_MD_CTX *context = NULL;
	struct failure first, found;
	int code = EMA_OK;
	failure_clear(&first);
	if ((query->sub || query->assertion) && !query->issuer)
		return failure_set(failure, EMA_INTERNAL, "a subject without its issuer was to be checked");
	/* A block is worse than an epoch: whoever is told "revoked" would come again with a new token. */
	for (size_t i = 0; i < sizeof targets / sizeof *targets && (code == EMA_OK || code == EMA_REVOKED); i++) {
		/* Most of the time there is no mark at all, and nothing to hash. */
		if (!marks_any(marks, targets[i].kind))
			continue;
		failure_clear(&found);
		int is = check_one(marks, &context, &targets[i], query->issued, &found);
		if (is != EMA_OK && (code == EMA_OK || is != EMA_REVOKED)) {
			code = is;
			first = found;
		}
	}
	EVP_MD_CTX_free(context);
	if (code != EMA_OK)
		return failure_set(failure, code, "%s", first.text);
	return check_contact(marks, atomic_load_explicit(&marks->last_known, memory_order_relaxed), failure);
}

int marks_any(const struct marks *marks, enum mark_kind kind)
{
	return atomic_load_explicit(&marks->table.counts[kind], memory_order_acquire) > 0;
}

int marks_known(struct marks *marks, struct failure *failure)
{
	return check_contact(marks, 0, failure);
}

/* ---- Looking ---- */

static void entry_make(const struct mark_slot *slot, struct mark_entry *out)
{
	unsigned char digest[DIGEST_BYTES];
	int64_t block = atomic_load(&slot->block);
	mark_digest(slot, digest);
	*out = (struct mark_entry){ .kind = (enum mark_kind)slot->kind, .label = slot->label, .epoch = atomic_load(&slot->epoch),
	                            .epoch_expires = slot->epoch_expires, .blocked = block & 1 ? block / 2 : 0 };
	buffer_hex(out->digest, digest, DIGEST_BYTES);
}

int marks_find(struct marks *marks, const struct mark_target *target, struct mark_entry *out, struct failure *failure)
{
	struct mark_name name;
	struct mark_entry entry;
	int code = name_make(marks, target, &name, failure);
	if (code != EMA_OK)
		return code;
	pthread_mutex_lock(&marks->lock);
	const struct mark_slot *slot = mark_table_find(&marks->table, name.words);
	if (slot)
		entry_make(slot, &entry);
	pthread_mutex_unlock(&marks->lock);
	if (!slot || (entry.epoch == MARKS_NEVER && !entry.blocked))
		return failure_set(failure, EMA_ABSENT, "nothing of it is revoked");
	entry.label = NULL;
	*out = entry;
	return EMA_OK;
}

int marks_list(struct marks *marks, int (*entry)(void *data, const struct mark_entry *entry), void *data)
{
	int code = EMA_OK;
	pthread_mutex_lock(&marks->lock);
	struct mark_slots *slots = atomic_load(&marks->table.slots);
	for (size_t i = 0; i < slots->count && code == EMA_OK; i++) {
		struct mark_entry one;
		if (!atomic_load(&slots->list[i].used))
			continue;
		entry_make(&slots->list[i], &one);
		if (one.epoch != MARKS_NEVER || one.blocked)
			code = entry(data, &one);
	}
	pthread_mutex_unlock(&marks->lock);
	return code;
}
