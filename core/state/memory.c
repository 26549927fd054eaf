/* The store in memory: a hash table, a heap by expiry, a ring of changed keys, and one mutex around it all. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "secret.h"
#include "store_kind.h"

#define MEMORY_ENTRIES 1000000
#define MEMORY_BYTES ((size_t)256 << 20)
#define MEMORY_SLOTS_FIRST 256
#define MEMORY_RING 256       /* changed keys that wait for their reader */
#define MEMORY_SWEEP 4        /* expired entries that one call buries */

struct quota {
	struct quota *next;
	size_t entries;
	char name[];
};

struct entry {
	struct entry *next;
	struct quota *quota; /* NULL: the core's own */
	uint64_t hash;
	int64_t expires;
	int64_t count;       /* how many times it was put */
	size_t heap;         /* where in the heap */
	size_t value_length;
	unsigned char key_length;
	unsigned char is_mark;
	unsigned char bytes[]; /* key, value */
};

struct changed_key {
	unsigned char length;
	unsigned char key[STORE_KEY_MOST];
};

struct memory {
	struct store store;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const struct clock *clock;
	int64_t begun;               /* when it was made */
	int64_t latest;              /* the latest time seen */
	size_t entries_most, bytes_most, quota_most;
	size_t bytes;
	uint64_t seed[2];
	struct entry **slots;
	size_t slot_count;           /* a power of two */
	struct entry **heap;         /* least expires first */
	size_t count, heap_room;
	struct quota *quotas;
	struct changed_key ring[MEMORY_RING];
	size_t ring_first, ring_count;
	int overflow;
};

/* SipHash-2-4: keys may be chosen by strangers. */
#define ROTATE(x, b) ((x) << (b) | (x) >> (64 - (b)))
static void sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = ROTATE(v[1], 13) ^ v[0]; v[0] = ROTATE(v[0], 32);
	v[2] += v[3]; v[3] = ROTATE(v[3], 16) ^ v[2];
	v[0] += v[3]; v[3] = ROTATE(v[3], 21) ^ v[0];
	v[2] += v[1]; v[1] = ROTATE(v[1], 17) ^ v[2]; v[2] = ROTATE(v[2], 32);
}

static uint64_t memory_hash(const struct memory *memory, const unsigned char *key, size_t length)
{
	uint64_t v[4] = { memory->seed[0] ^ UINT64_C(0x736f6d6570736575), memory->seed[1] ^ UINT64_C(0x646f72616e646f6d),
	                  memory->seed[0] ^ UINT64_C(0x6c7967656e657261), memory->seed[1] ^ UINT64_C(0x7465646279746573) };
	for (size_t at = 0; at <= length; at += 8) {
		uint64_t word = length - at < 8 ? (uint64_t)length << 56 : 0;
		for (size_t i = 0; i < 8 && at + i < length; i++)
			word |= (uint64_t)key[at + i] << (8 * i);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void heap_put(struct memory *memory, size_t at, struct entry *entry)
{
	memory->heap[at] = entry;
	entry->heap = at;
}

/* Moves an entry to where its expires belongs. */
static void heap_settle(struct memory *memory, struct entry *entry)
{
	size_t at = entry->heap;
	while (at > 0 && memory->heap[(at - 1) / 2]->expires > entry->expires) {
		heap_put(memory, at, memory->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < memory->count && memory->heap[child + 1]->expires < memory->heap[child]->expires)
			child++;
		if (child >= memory->count || memory->heap[child]->expires >= entry->expires)
			break;
		heap_put(memory, at, memory->heap[child]);
		at = child;
	}
	heap_put(memory, at, entry);
}

static size_t entry_size(size_t key_length, size_t value_length)
{
	return sizeof(struct entry) + key_length + value_length;
}

static void quota_leave(struct memory *memory, struct quota *quota)
{
	if (!quota || --quota->entries)
		return;
	struct quota **at = &memory->quotas;
	while (*at != quota)
		at = &(*at)->next;
	*at = quota->next;
	free(quota);
}

static void entry_bury(struct memory *memory, struct entry *entry)
{
	struct entry **at = &memory->slots[entry->hash & (memory->slot_count - 1)];
	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	struct entry *last = memory->heap[--memory->count];
	if (last != entry) {
		heap_put(memory, entry->heap, last);
		heap_settle(memory, last);
	}
	quota_leave(memory, entry->quota);
	size_t size = entry_size(entry->key_length, entry->value_length);
	memory->bytes -= size;
	secret_wipe(entry, size);
	free(entry);
}

/* A clock that was set back must not free what it freed before, nor give a second life to what had ended. */
static int64_t memory_now(struct memory *memory)
{
	int64_t now = clock_wall(memory->clock);
	if (now > memory->latest)
		memory->latest = now;
	return memory->latest;
}

static void memory_sweep(struct memory *memory, size_t most)
{
	int64_t now = memory_now(memory);
	for (size_t i = 0; i < most && memory->count && memory->heap[0]->expires <= now; i++)
		entry_bury(memory, memory->heap[0]);
}

/* An expired one is buried, not found. */
static struct entry *memory_find(struct memory *memory, uint64_t hash, const void *key, size_t key_length)
{
	struct entry *entry = memory->slots[hash & (memory->slot_count - 1)];
	while (entry && !(entry->hash == hash && entry->key_length == key_length && !memcmp(entry->bytes, key, key_length)))
		entry = entry->next;
	if (entry && entry->expires <= memory_now(memory)) {
		entry_bury(memory, entry);
		entry = NULL;
	}
	return entry;
}

static void memory_grow_slots(struct memory *memory)
{
	size_t count = memory->slot_count * 2;
	struct entry **slots = calloc(count, sizeof *slots);
	if (!slots)
		return; /* longer chains, still right */
	for (size_t i = 0; i < memory->count; i++) {
		struct entry *entry = memory->heap[i];
		entry->next = slots[entry->hash & (count - 1)];
		slots[entry->hash & (count - 1)] = entry;
	}
	free(memory->slots);
	memory->slots = slots;
	memory->slot_count = count;
}

static int heap_reserve(struct memory *memory)
{
	if (memory->count < memory->heap_room)
		return 0;
	size_t room = memory->heap_room ? memory->heap_room * 2 : MEMORY_SLOTS_FIRST;
	struct entry **heap = realloc(memory->heap, room * sizeof *heap);
	if (!heap)
		return -1;
	memory->heap = heap;
	memory->heap_room = room;
	return 0;
}

static int quota_enter(struct memory *memory, const char *name, struct quota **out)
{
	struct quota *quota = memory->quotas;
	while (quota && strcmp(quota->name, name))
		quota = quota->next;
	if (!quota) {
		size_t length = strlen(name) + 1;
		quota = malloc(sizeof *quota + length);
		if (!quota)
			return EMA_OUT_OF_MEMORY;
		memcpy(quota->name, name, length);
		quota->entries = 0;
		quota->next = memory->quotas;
		memory->quotas = quota;
	} else if (quota->entries >= memory->quota_most) {
		return EMA_STORE_FULL;
	}
	quota->entries++;
	*out = quota;
	return EMA_OK;
}

static int memory_add(struct memory *memory, uint64_t hash, const char *quota, const void *key, size_t key_length,
                      const void *value, size_t value_length, int64_t expires, int is_mark)
{
	size_t size = entry_size(key_length, value_length);
	/* An eighth is for what is under no quota, marks before all: whoever fills his own takes nothing of that. */
	const size_t entries_most = memory->entries_most - (quota ? memory->entries_most / 8 : 0);
	const size_t bytes_most = memory->bytes_most - (quota ? memory->bytes_most / 8 : 0);
	/* What ended makes room; what lives never does (JAG-57). */
	if (memory->count >= entries_most || memory->bytes > bytes_most || size > bytes_most - memory->bytes)
		memory_sweep(memory, SIZE_MAX);
	if (memory->count >= entries_most || memory->bytes > bytes_most || size > bytes_most - memory->bytes)
		return EMA_STORE_FULL;
	struct quota *taken = NULL;
	if (heap_reserve(memory))
		return EMA_OUT_OF_MEMORY;
	int code = quota ? quota_enter(memory, quota, &taken) : EMA_OK;
	if (code == EMA_STORE_FULL) {
		memory_sweep(memory, SIZE_MAX);
		code = quota_enter(memory, quota, &taken);
	}
	if (code != EMA_OK)
		return code;
	struct entry *entry = malloc(size);
	if (!entry) {
		quota_leave(memory, taken);
		return EMA_OUT_OF_MEMORY;
	}
	if (memory->count >= memory->slot_count)
		memory_grow_slots(memory);
	struct entry **slot = &memory->slots[hash & (memory->slot_count - 1)];
	*entry = (struct entry){ .next = *slot, .quota = taken, .hash = hash, .expires = expires, .count = 1, .heap = memory->count,
	                         .value_length = value_length, .key_length = (unsigned char)key_length, .is_mark = (unsigned char)is_mark };
	memcpy(entry->bytes, key, key_length);
	if (value_length)
		memcpy(entry->bytes + key_length, value, value_length);
	*slot = entry;
	memory->bytes += size;
	memory->heap[memory->count++] = entry;
	heap_settle(memory, entry);
	return EMA_OK;
}

static void memory_changed(struct memory *memory, const void *key, size_t key_length)
{
	if (memory->ring_count == MEMORY_RING) {
		memory->overflow = 1;
	} else {
		struct changed_key *changed = &memory->ring[(memory->ring_first + memory->ring_count++) % MEMORY_RING];
		changed->length = (unsigned char)key_length;
		memcpy(changed->key, key, key_length);
	}
	pthread_cond_broadcast(&memory->changed);
}

static int memory_put_if_absent(struct store *store, const char *quota, const void *key, size_t key_length, const void *value,
                                size_t value_length, int64_t expires, int64_t limit, int64_t ms)
{
	(void)ms;
	struct memory *memory = (struct memory *)store;
	int code = EMA_OK;
	pthread_mutex_lock(&memory->lock);
	memory_sweep(memory, MEMORY_SWEEP);
	uint64_t hash = memory_hash(memory, key, key_length);
	struct entry *entry = memory_find(memory, hash, key, key_length);
	if (entry) {
		int same = !entry->is_mark && entry->value_length == value_length &&
		           secret_same(entry->bytes + key_length, value, value_length);
		if (!same || entry->count >= limit) {
			code = EMA_EXISTS;
		} else {
			entry->count++;
			if (expires > entry->expires) {
				entry->expires = expires;
				heap_settle(memory, entry);
			}
		}
	} else if (expires <= memory->latest) {
		code = EMA_UNAVAILABLE; /* it could not be remembered: the clock was set back */
	} else {
		code = memory_add(memory, hash, quota, key, key_length, value, value_length, expires, 0);
	}
	if (code == EMA_OK && !quota)
		memory_changed(memory, key, key_length);
	pthread_mutex_unlock(&memory->lock);
	return code;
}

static int memory_get(struct store *store, const void *key, size_t key_length, void *out, size_t *length, int64_t ms)
{
	(void)ms;
	struct memory *memory = (struct memory *)store;
	int code = EMA_ABSENT;
	pthread_mutex_lock(&memory->lock);
	const struct entry *entry = memory_find(memory, memory_hash(memory, key, key_length), key, key_length);
	if (entry && entry->value_length > *length) {
		code = EMA_INTERNAL;
	} else if (entry) {
		if (entry->value_length)
			memcpy(out, entry->bytes + key_length, entry->value_length);
		*length = entry->value_length;
		code = EMA_OK;
	}
	pthread_mutex_unlock(&memory->lock);
	return code;
}

static int memory_remove(struct store *store, const void *key, size_t key_length, int64_t ms)
{
	(void)ms;
	struct memory *memory = (struct memory *)store;
	pthread_mutex_lock(&memory->lock);
	struct entry *entry = memory_find(memory, memory_hash(memory, key, key_length), key, key_length);
	if (entry) {
		entry_bury(memory, entry);
		memory_changed(memory, key, key_length);
	}
	pthread_mutex_unlock(&memory->lock);
	return entry ? EMA_OK : EMA_ABSENT;
}

static int memory_raise(struct store *store, const void *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	(void)ms;
	struct memory *memory = (struct memory *)store;
	unsigned char bytes[STORE_MARK];
	int code = EMA_OK;
	int64_t kept = mark;
	pthread_mutex_lock(&memory->lock);
	memory_sweep(memory, MEMORY_SWEEP);
	store_mark_write(mark, bytes);
	uint64_t hash = memory_hash(memory, key, key_length);
	struct entry *entry = memory_find(memory, hash, key, key_length);
	int changed = 1;
	if (entry && !entry->is_mark) {
		code = EMA_EXISTS;
	} else if (entry) {
		int64_t old = store_mark_read(entry->bytes + key_length);
		changed = mark > old;
		if (changed)
			memcpy(entry->bytes + key_length, bytes, sizeof bytes);
		else
			kept = old;
		if (expires > entry->expires) {
			entry->expires = expires;
			heap_settle(memory, entry);
		}
	} else if (expires <= memory->latest) {
		code = EMA_UNAVAILABLE;
	} else {
		code = memory_add(memory, hash, NULL, key, key_length, bytes, sizeof bytes, expires, 1);
	}
	if (code == EMA_OK) {
		if (changed)
			memory_changed(memory, key, key_length);
		*now = kept;
	}
	pthread_mutex_unlock(&memory->lock);
	return code;
}

static int memory_list_locked(struct memory *memory, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data)
{
	int64_t now = memory_now(memory);
	int code = EMA_OK;
	for (size_t i = 0; i < memory->count && code == EMA_OK; i++) {
		const struct entry *e = memory->heap[i];
		if (e->expires > now && e->key_length >= prefix_length && (!prefix_length || !memcmp(e->bytes, prefix, prefix_length)))
			code = entry(data, e->bytes, e->key_length, e->bytes + e->key_length, e->value_length, e->expires);
	}
	return code;
}

static int memory_list(struct store *store, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data, int64_t ms)
{
	(void)ms;
	struct memory *memory = (struct memory *)store;
	pthread_mutex_lock(&memory->lock);
	int code = memory_list_locked(memory, prefix, prefix_length, entry, data);
	pthread_mutex_unlock(&memory->lock);
	return code;
}

static int memory_changes(struct store *store, store_entry_fn *entry, void *data, int64_t ms)
{
	struct memory *memory = (struct memory *)store;
	const struct timespec until = clock_from_now(ms);
	int code = EMA_OK;
	pthread_mutex_lock(&memory->lock);
	while (!memory->ring_count && ms > 0 && !pthread_cond_timedwait(&memory->changed, &memory->lock, &until))
		;
	if (memory->overflow) {
		/* Too much to say what: everything that there is. What was removed is said by its absence. */
		memory->overflow = 0;
		memory->ring_count = 0;
		code = memory_list_locked(memory, NULL, 0, entry, data);
		if (code != EMA_OK)
			memory->overflow = memory->ring_count = 1; /* all of it again */
	}
	while (!memory->overflow && memory->ring_count && code == EMA_OK) {
		const struct changed_key *changed = &memory->ring[memory->ring_first];
		const struct entry *e = memory_find(memory, memory_hash(memory, changed->key, changed->length), changed->key, changed->length);
		code = e ? entry(data, changed->key, changed->length, e->bytes + e->key_length, e->value_length, e->expires)
		         : entry(data, changed->key, changed->length, NULL, 0, 0);
		if (code == EMA_OK) {
			memory->ring_first = (memory->ring_first + 1) % MEMORY_RING;
			memory->ring_count--;
		}
	}
	pthread_mutex_unlock(&memory->lock);
	return code;
}

static int memory_since(struct store *store, int64_t *since)
{
	*since = ((struct memory *)store)->begun;
	return EMA_OK;
}

static void memory_free(struct store *store)
{
	struct memory *memory = (struct memory *)store;
	while (memory->count)
		entry_bury(memory, memory->heap[memory->count - 1]);
	free(memory->heap);
	free(memory->slots);
	pthread_cond_destroy(&memory->changed);
	pthread_mutex_destroy(&memory->lock);
	secret_wipe(memory, sizeof *memory);
	free(memory);
}

static const struct store_kind memory_kind = {
	memory_free, memory_put_if_absent, memory_get, memory_remove, memory_raise, memory_list, memory_changes, memory_since,
};

int store_memory(const struct memory_settings *settings, struct store **out, struct failure *failure)
{
	struct memory *memory = calloc(1, sizeof *memory);
	struct entry **slots = calloc(MEMORY_SLOTS_FIRST, sizeof *slots);
	pthread_condattr_t attributes;
	int code = EMA_OK;
	if (!memory || !slots || getrandom(memory->seed, sizeof memory->seed, 0) != sizeof memory->seed)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the store");
	if (code == EMA_OK)
		code = store_begin(&memory->store, &memory_kind, failure);
	if (code == EMA_OK && pthread_condattr_init(&attributes)) {
		EVP_MD_free(memory->store.sha256);
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the store");
	}
	if (code != EMA_OK) {
		free(memory);
		free(slots);
		return code;
	}
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&memory->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&memory->lock, NULL);
	memory->clock = settings->clock;
	memory->begun = clock_wall(settings->clock);
	memory->slots = slots;
	memory->slot_count = MEMORY_SLOTS_FIRST;
	memory->entries_most = settings->entries_most ? settings->entries_most : MEMORY_ENTRIES;
	memory->bytes_most = settings->bytes_most ? settings->bytes_most : MEMORY_BYTES;
	memory->quota_most = settings->quota_most ? settings->quota_most : (memory->entries_most + 3) / 4;
	*out = &memory->store;
	return EMA_OK;
}
