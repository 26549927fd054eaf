#include "store_kind.h"

static int key_fits(const void *key, size_t length)
{
	return key && length > 0 && length <= STORE_KEY_MOST;
}

int store_begin(struct store *store, const struct store_kind *kind, struct failure *failure)
{
	store->kind = kind;
	store->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	return store->sha256 ? EMA_OK : failure_set(failure, EMA_INTERNAL, "OpenSSL has no SHA-256");
}

void store_free(struct store *store)
{
	if (!store)
		return;
	EVP_MD_free(store->sha256);
	store->kind->free(store);
}

const EVP_MD *store_sha256(const struct store *store)
{
	return store->sha256;
}

int store_put_if_absent(struct store *store, const char *quota, const void *key, size_t key_length, const void *value,
                        size_t value_length, int64_t expires, int64_t limit, int64_t ms)
{
	if (!key_fits(key, key_length) || value_length > STORE_VALUE_MOST || (value_length && !value) || limit < 1)
		return EMA_INTERNAL;
	return store->kind->put_if_absent(store, quota, key, key_length, value, value_length, expires, limit, ms);
}

int store_get(struct store *store, const void *key, size_t key_length, void *out, size_t *length, int64_t ms)
{
	return key_fits(key, key_length) ? store->kind->get(store, key, key_length, out, length, ms) : EMA_INTERNAL;
}

int store_remove(struct store *store, const void *key, size_t key_length, int64_t ms)
{
	return key_fits(key, key_length) ? store->kind->remove(store, key, key_length, ms) : EMA_INTERNAL;
}

int store_raise(struct store *store, const void *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	return key_fits(key, key_length) ? store->kind->raise(store, key, key_length, mark, expires, now, ms) : EMA_INTERNAL;
}

int store_list(struct store *store, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data, int64_t ms)
{
	if (prefix_length > STORE_KEY_MOST || (prefix_length && !prefix))
		return EMA_INTERNAL;
	return store->kind->list(store, prefix, prefix_length, entry, data, ms);
}

int store_changes(struct store *store, store_entry_fn *entry, void *data, int64_t ms)
{
	return store->kind->changes(store, entry, data, ms);
}

int store_since(struct store *store, int64_t *since)
{
	return store->kind->since(store, since);
}

int store_forgets_before(struct store *store, int64_t *seconds)
{
	int64_t since = INT64_MIN;
	int code = store_since(store, &since);
	if (code == EMA_OK)
		*seconds = since == INT64_MIN ? 0 : since / 1000 + (since % 1000 != 0);
	return code;
}
