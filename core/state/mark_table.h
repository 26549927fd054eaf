/*
 * What a process knows of marks: a hash table that any number of threads read without a lock and without writing a byte of it,
 * while one at a time writes.
 */
#ifndef STATE_MARK_TABLE_H
#define STATE_MARK_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define MARK_DIGEST_WORDS 4
#define MARK_NONE INT64_MIN /* no epoch */
#define MARK_KIND_MOST 16   /* kinds that are counted */

struct mark_state {
	int64_t epoch; /* milliseconds since 1970; MARK_NONE */
	int64_t block; /* when it was set or lifted, in milliseconds, times two; plus one while it is set; 0: never */
};

/* Readers look at what is atomic; the rest is the writer's, under its lock. */
struct mark_slot {
	_Atomic uint64_t digest[MARK_DIGEST_WORDS];
	_Atomic int64_t epoch, block;
	_Atomic unsigned char used;
	unsigned char kind;
	int64_t epoch_expires, block_expires;
	uint64_t epoch_seen, block_seen; /* number of the list in which the store had it last */
	char *label;                     /* NULL: none */
};

struct mark_slots {
	struct mark_slots *before; /* smaller ones: a reader may still look at them, so they stay, but not their pages */
	size_t count;              /* a power of two */
	struct mark_slot list[];
};

struct mark_table {
	_Atomic uint64_t sequence; /* odd while it is written */
	struct mark_slots *_Atomic slots;
	_Atomic size_t counts[MARK_KIND_MOST]; /* entries by kind: what has none need not be looked for */
	uint64_t seed, factor;
	size_t count, most;
};

int mark_table_init(struct mark_table *table, size_t most, struct failure *failure);
void mark_table_free(struct mark_table *table);

/* Any thread. *out is as for an entry that is not there if it is not there. 0: writers kept it from looking; ask the writer. */
int mark_table_read(struct mark_table *table, const uint64_t digest[MARK_DIGEST_WORDS], struct mark_state *out);

/* The rest by one writer at a time. A slot is good until the next put or sweep. */
struct mark_slot *mark_table_find(struct mark_table *table, const uint64_t digest[MARK_DIGEST_WORDS]);
/* Finds it or adds it, with neither epoch nor block. EMA_OK, EMA_STORE_FULL (over room, or over most), EMA_OUT_OF_MEMORY. */
int mark_table_put(struct mark_table *table, const uint64_t digest[MARK_DIGEST_WORDS], int kind, const char *label, size_t room,
                   struct mark_slot **out);
void mark_table_set(struct mark_table *table, struct mark_slot *slot, struct mark_state state);
/* Drops what has expired, and blocks that were lifted life milliseconds ago. */
void mark_table_sweep(struct mark_table *table, int64_t now, int64_t life);

#endif
