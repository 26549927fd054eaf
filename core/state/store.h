/* Replay slots, revocation and epochs: the interface that a store plugin offers, and the one in memory. */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "ema/plugin.h"
#include "failure.h"

struct store; /* an open store, of whatever kind; all functions are thread-safe */

struct memory_settings {
	const struct clock *clock;
	size_t entries_most;     /* 0: 1,000,000 */
	size_t bytes_most;       /* 0: 256 MiB */
	size_t quota_most;       /* entries of one quota; 0: a quarter of entries_most */
};

int store_memory(const struct memory_settings *settings, struct store **out, struct failure *failure);
/* A store whose work a plugin does, one call at a time; of ops (in the host's own size) put_if_absent must be there. ops and
   self outlive it. */
int store_plugin(const struct ema_store_ops *ops, ema_instance *self, struct store **out, struct failure *failure);
/* For a plugin with EMA_THREADS_PARALLEL; before the first call. */
void store_plugin_parallel(struct store *store);
void store_free(struct store *store);
/* For the names of what is kept there; it is the store's, and fetched once, since OpenSSL takes most of a microsecond and a lock for that. */
const EVP_MD *store_sha256(const struct store *store);

/*
 * As the members of struct ema_store_ops say. A quota of NULL is the core's own: no quota limits it, and changes tells it;
 * entries under a quota are not told. EMA_UNAVAILABLE, too, if expires is past for the latest time that the store has seen.
 */
int store_put_if_absent(struct store *store, const char *quota, const void *key, size_t key_length, const void *value,
                        size_t value_length, int64_t expires, int64_t limit, int64_t ms);
int store_get(struct store *store, const void *key, size_t key_length, void *out, size_t *length, int64_t ms);
int store_remove(struct store *store, const void *key, size_t key_length, int64_t ms);
int store_raise(struct store *store, const void *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms);
/* Anything but EMA_OK ends the list and is its result. Must not call the store. A change without expires (0) is a removal. */
typedef int store_entry_fn(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires);
int store_list(struct store *store, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data, int64_t ms);
/* For one reader. After more changes than are kept it gives everything that there is. */
int store_changes(struct store *store, store_entry_fn *entry, void *data, int64_t ms);

/* Since when it has forgotten nothing, in milliseconds since 1970; INT64_MIN: it never did. Asks nobody. */
int store_since(struct store *store, int64_t *since);
/*
 * What was issued before that time (seconds since 1970) may have been used, and the use forgotten; in the second of the beginning
 * too. 0: it never forgot. To be asked once more behind a put: that, or another thread's, may have found out that the memory is a new one.
 */
int store_forgets_before(struct store *store, int64_t *seconds);

/* The value of an epoch as get, list and changes give it: 8 bytes, the highest first. */
#define STORE_MARK 8
static inline void store_mark_write(int64_t mark, unsigned char bytes[STORE_MARK])
{
	for (int i = 0; i < STORE_MARK; i++)
		bytes[i] = (unsigned char)((uint64_t)mark >> (56 - 8 * i));
}
static inline int64_t store_mark_read(const unsigned char bytes[STORE_MARK])
{
	uint64_t mark = 0;
	for (int i = 0; i < STORE_MARK; i++)
		mark = mark << 8 | bytes[i];
	return (int64_t)mark;
}

#endif
