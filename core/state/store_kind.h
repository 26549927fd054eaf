/* What a kind of store must do; store.c checks the arguments before. */
#ifndef STATE_STORE_KIND_H
#define STATE_STORE_KIND_H

#include <openssl/evp.h>

#include "store.h"

#define STORE_KEY_MOST 255
#define STORE_VALUE_MOST 4096

struct store_kind {
	void (*free)(struct store *store);
	int (*put_if_absent)(struct store *store, const char *quota, const void *key, size_t key_length, const void *value,
	                     size_t value_length, int64_t expires, int64_t limit, int64_t ms);
	int (*get)(struct store *store, const void *key, size_t key_length, void *out, size_t *length, int64_t ms);
	int (*remove)(struct store *store, const void *key, size_t key_length, int64_t ms);
	int (*raise)(struct store *store, const void *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms);
	int (*list)(struct store *store, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data, int64_t ms);
	int (*changes)(struct store *store, store_entry_fn *entry, void *data, int64_t ms);
	int (*since)(struct store *store, int64_t *since);
};

/* The first member of each store. */
struct store {
	const struct store_kind *kind;
	EVP_MD *sha256;
};

/* What all of them begin with. EMA_OK, or EMA_INTERNAL: OpenSSL has no SHA-256. store_free() ends it. */
int store_begin(struct store *store, const struct store_kind *kind, struct failure *failure);

#endif
