#include "mark_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define SLOTS_FIRST 64
#define READ_TRIES 64

static struct mark_slots *slots_new(size_t count, struct mark_slots *before)
{
	struct mark_slots *slots = calloc(1, sizeof *slots + count * sizeof *slots->list);
	if (slots) {
		slots->before = before;
		slots->count = count;
	}
	return slots;
}

int mark_table_init(struct mark_table *table, size_t most, struct failure *failure)
{
	struct mark_slots *slots = slots_new(SLOTS_FIRST, NULL);
	uint64_t seed[2];
	memset(table, 0, sizeof *table);
	if (!slots || getrandom(seed, sizeof seed, 0) != sizeof seed) {
		free(slots);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for marks");
	}
	table->seed = seed[0];
	table->factor = seed[1] | 1;
	table->most = most;
	atomic_store(&table->slots, slots);
	return EMA_OK;
}

void mark_table_free(struct mark_table *table)
{
	struct mark_slots *slots = atomic_load(&table->slots);
	for (size_t i = 0; slots && i < slots->count; i++)
		free(slots->list[i].label);
	while (slots) {
		struct mark_slots *before = slots->before;
		free(slots);
		slots = before;
	}
	atomic_store(&table->slots, NULL);
}

/* Whoever chooses what is hashed could look for digests that begin alike: the seed is ours. */
static size_t slot_first(const struct mark_table *table, const struct mark_slots *slots, uint64_t word)
{
	uint64_t mixed = (word ^ table->seed) * table->factor;
	return (size_t)(mixed ^ mixed >> 32) & (slots->count - 1);
}

/*
 * The writer makes the sequence odd, changes, and makes it even again. All of a slot is read with acquire and written with
 * release: no load moves up before the first look at the sequence or down behind the second.
 */
static void write_begin(struct mark_table *table)
{
	atomic_store_explicit(&table->sequence, atomic_load_explicit(&table->sequence, memory_order_relaxed) + 1, memory_order_release);
}

static void write_end(struct mark_table *table)
{
	atomic_store_explicit(&table->sequence, atomic_load_explicit(&table->sequence, memory_order_relaxed) + 1, memory_order_release);
}

static int slot_is(const struct mark_slot *slot, const uint64_t digest[MARK_DIGEST_WORDS])
{
	for (int i = 0; i < MARK_DIGEST_WORDS; i++)
		if (atomic_load_explicit(&slot->digest[i], memory_order_acquire) != digest[i])
			return 0;
	return 1;
}

/* NULL: not there. */
static struct mark_slot *slots_find(const struct mark_table *table, struct mark_slots *slots, const uint64_t digest[MARK_DIGEST_WORDS])
{
	size_t at = slot_first(table, slots, digest[0]);
	for (size_t i = 0; i < slots->count; i++, at = (at + 1) & (slots->count - 1)) {
		struct mark_slot *slot = &slots->list[at];
		if (!atomic_load_explicit(&slot->used, memory_order_acquire))
			return NULL;
		if (slot_is(slot, digest))
			return slot;
	}
	return NULL;
}

int mark_table_read(struct mark_table *table, const uint64_t digest[MARK_DIGEST_WORDS], struct mark_state *out)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t sequence = atomic_load_explicit(&table->sequence, memory_order_acquire);
		if (sequence & 1)
			continue;
		struct mark_slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
		const struct mark_slot *slot = slots_find(table, slots, digest);
		struct mark_state state = { MARK_NONE, 0 };
		if (slot) {
			state.epoch = atomic_load_explicit(&slot->epoch, memory_order_acquire);
			state.block = atomic_load_explicit(&slot->block, memory_order_acquire);
		}
		if (atomic_load_explicit(&table->sequence, memory_order_acquire) == sequence) {
			*out = state;
			return 1;
		}
	}
	return 0;
}

struct mark_slot *mark_table_find(struct mark_table *table, const uint64_t digest[MARK_DIGEST_WORDS])
{
	return slots_find(table, atomic_load(&table->slots), digest);
}

static void slot_copy(struct mark_slot *to, const struct mark_slot *from)
{
	for (int i = 0; i < MARK_DIGEST_WORDS; i++)
		atomic_store_explicit(&to->digest[i], atomic_load_explicit(&from->digest[i], memory_order_relaxed), memory_order_release);
	atomic_store_explicit(&to->epoch, atomic_load_explicit(&from->epoch, memory_order_relaxed), memory_order_release);
	atomic_store_explicit(&to->block, atomic_load_explicit(&from->block, memory_order_relaxed), memory_order_release);
	to->kind = from->kind;
	to->epoch_expires = from->epoch_expires;
	to->block_expires = from->block_expires;
	to->epoch_seen = from->epoch_seen;
	to->block_seen = from->block_seen;
	to->label = from->label;
	atomic_store_explicit(&to->used, 1, memory_order_release);
}

static uint64_t slot_word(const struct mark_slot *slot)
{
	return atomic_load_explicit(&slot->digest[0], memory_order_relaxed);
}

static int slot_used(const struct mark_slot *slot)
{
	return atomic_load_explicit(&slot->used, memory_order_relaxed);
}

static struct mark_slot *slots_free_one(const struct mark_table *table, struct mark_slots *slots, uint64_t word)
{
	size_t at = slot_first(table, slots, word);
	while (slot_used(&slots->list[at]))
		at = (at + 1) & (slots->count - 1); /* ends: at most four of five are used */
	return &slots->list[at];
}

/*
 * The pages of slots that were replaced. A reader that is still in them finds empty ones, and then that the sequence is another: it
 * looks again. Their count stays as it was, since the first page is kept.
 */
static void slots_give_back(struct mark_slots *slots)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)slots->list + page - 1) / page * page,
			to = (uintptr_t)(slots->list + slots->count) / page * page;
	if (from < to)
		(void)!madvise((void *)from, to - from, MADV_DONTNEED); /* where it fails they are kept, as small ones are */
}

static int table_grow(struct mark_table *table)
{
	struct mark_slots *old = atomic_load(&table->slots), *slots = slots_new(old->count * 2, old);
	if (!slots)
		return EMA_OUT_OF_MEMORY;
	for (size_t i = 0; i < old->count; i++)
		if (slot_used(&old->list[i]))
			slot_copy(slots_free_one(table, slots, slot_word(&old->list[i])), &old->list[i]);
	write_begin(table);
	atomic_store_explicit(&table->slots, slots, memory_order_release);
	write_end(table);
	slots_give_back(old);
	return EMA_OK;
}

int mark_table_put(struct mark_table *table, const uint64_t digest[MARK_DIGEST_WORDS], int kind, const char *label, size_t room,
                   struct mark_slot **out)
{
	struct mark_slot *slot = mark_table_find(table, digest);
	if (slot) {
		*out = slot;
		return EMA_OK;
	}
	if (table->count >= table->most || table->count >= room)
		return EMA_STORE_FULL;
	if ((table->count + 1) * 5 > atomic_load(&table->slots)->count * 4 && table_grow(table) != EMA_OK)
		return EMA_OUT_OF_MEMORY;
	struct mark_slot new = { .kind = (unsigned char)kind, .epoch = MARK_NONE };
	if (label && !(new.label = strdup(label)))
		return EMA_OUT_OF_MEMORY;
	for (int i = 0; i < MARK_DIGEST_WORDS; i++)
		atomic_init(&new.digest[i], digest[i]);
	slot = slots_free_one(table, atomic_load(&table->slots), digest[0]);
	write_begin(table);
	slot_copy(slot, &new);
	write_end(table);
	table->count++;
	atomic_fetch_add_explicit(&table->counts[kind], 1, memory_order_release);
	*out = slot;
	return EMA_OK;
}

void mark_table_set(struct mark_table *table, struct mark_slot *slot, struct mark_state state)
{
	write_begin(table);
	atomic_store_explicit(&slot->epoch, state.epoch, memory_order_release);
	atomic_store_explicit(&slot->block, state.block, memory_order_release);
	write_end(table);
}

/* Closes the gap, so that no search ends before what it looks for. */
static void slot_drop(struct mark_table *table, struct mark_slots *slots, size_t gap)
{
	size_t mask = slots->count - 1;
	free(slots->list[gap].label);
	slots->list[gap].label = NULL;
	atomic_fetch_sub_explicit(&table->counts[slots->list[gap].kind], 1, memory_order_release);
	table->count--;
	write_begin(table);
	for (size_t at = (gap + 1) & mask; slot_used(&slots->list[at]); at = (at + 1) & mask) {
		size_t first = slot_first(table, slots, slot_word(&slots->list[at]));
		if (((at - first) & mask) >= ((at - gap) & mask)) {
			slot_copy(&slots->list[gap], &slots->list[at]);
			gap = at;
		}
	}
	atomic_store_explicit(&slots->list[gap].used, 0, memory_order_release);
	slots->list[gap].label = NULL;
	write_end(table);
}

void mark_table_sweep(struct mark_table *table, int64_t now, int64_t life)
{
	struct mark_slots *slots = atomic_load(&table->slots);
	size_t at = 0;
	while (at < slots->count) {
		struct mark_slot *slot = &slots->list[at];
		if (!slot_used(slot)) {
			at++;
			continue;
		}
		struct mark_state is = { atomic_load(&slot->epoch), atomic_load(&slot->block) }, then = is;
		if (slot->epoch_expires <= now)
			then.epoch = MARK_NONE;
		if (slot->block_expires <= now || (!(is.block & 1) && is.block / 2 + life <= now))
			then.block = 0;
		if (then.epoch == MARK_NONE && !then.block) {
			slot_drop(table, slots, at); /* what follows may have moved here: look again */
			continue;
		}
		if (then.epoch != is.epoch || then.block != is.block)
			mark_table_set(table, slot, then);
		at++;
	}
}
