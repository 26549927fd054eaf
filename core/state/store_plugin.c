#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "feed.h"
#include "store_kind.h"

#define POLL_MS 50 /* how often a serial plugin, or one without a feed, is asked for changes */
#define TURN_MS INT64_C(1000) /* to wait for at first: another's call is no loss of the store */

struct plugin_store {
	struct store store;
	const struct ema_store_ops *ops;
	ema_instance *self;
	pthread_mutex_t lock;
	int serial;
};

/* Stands between a plugin's feed and the reader. */
struct reader {
	store_entry_fn *entry;
	void *data;
	int code;
	size_t told;
};

static int reader_take(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	struct reader *reader = data;
	if (reader->code != EMA_OK)
		return reader->code;
	reader->told++;
	if (!key || !key_length || key_length > STORE_KEY_MOST || value_length > STORE_VALUE_MOST || (value_length && !value))
		return reader->code = EMA_INTERNAL;
	return reader->code = reader->entry(reader->data, key, key_length, value, value_length, expires);
}

static void sleep_ms(int64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000 * 1000000) };
	nanosleep(&t, NULL);
}

static int64_t monotonic_ms(void)
{
	return clock_monotonic(&clock_system);
}

/* Leaves in *ms what is left after the wait for a serial plugin. */
static int plugin_enter(struct plugin_store *store, int64_t *ms)
{
	if (!store->serial)
		return EMA_OK;
	int64_t begin = monotonic_ms();
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	int64_t wait = *ms > 0 ? *ms : 0;
	int64_t nanoseconds = until.tv_nsec + wait % 1000 * 1000000;
	until.tv_sec += (time_t)(wait / 1000 + nanoseconds / 1000000000);
	until.tv_nsec = (long)(nanoseconds % 1000000000);
	if (pthread_mutex_timedlock(&store->lock, &until))
		return EMA_TIMEOUT;
	int64_t left = wait - (monotonic_ms() - begin);
	*ms = left > 0 ? left : 0;
	return EMA_OK;
}

/* A code that a store may not answer is no answer. */
static int plugin_leave(struct plugin_store *store, int code)
{
	if (store->serial)
		pthread_mutex_unlock(&store->lock);
	const struct code_row *row = code_row(code);
	return row && (row->who & CODE_STORE) ? code : EMA_INTERNAL;
}

static int plugin_put_if_absent(struct store *base, const char *quota, const void *key, size_t key_length, const void *value,
                                size_t value_length, int64_t expires, int64_t limit, int64_t ms)
{
	struct plugin_store *store = (struct plugin_store *)base;
	int code = plugin_enter(store, &ms);
	if (code != EMA_OK)
		return code;
	return plugin_leave(store, store->ops->put_if_absent(store->self, quota, key, key_length, value, value_length, expires, limit, ms));
}

static int plugin_get(struct store *base, const void *key, size_t key_length, void *out, size_t *length, int64_t ms)
{
	struct plugin_store *store = (struct plugin_store *)base;
	if (!store->ops->get)
		return EMA_UNAVAILABLE;
	int code = plugin_enter(store, &ms);
	if (code != EMA_OK)
		return code;
	size_t got = *length;
	code = plugin_leave(store, store->ops->get(store->self, key, key_length, out, &got, ms));
	if (code == EMA_OK && got > *length)
		return EMA_INTERNAL;
	if (code == EMA_OK)
		*length = got;
	return code;
}

static int plugin_remove(struct store *base, const void *key, size_t key_length, int64_t ms)
{
	struct plugin_store *store = (struct plugin_store *)base;
	if (!store->ops->remove)
		return EMA_UNAVAILABLE;
	int code = plugin_enter(store, &ms);
	return code != EMA_OK ? code : plugin_leave(store, store->ops->remove(store->self, key, key_length, ms));
}

static int plugin_raise(struct store *base, const void *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	struct plugin_store *store = (struct plugin_store *)base;
	if (!store->ops->raise)
		return EMA_UNAVAILABLE;
	int code = plugin_enter(store, &ms);
	if (code != EMA_OK)
		return code;
	int64_t kept = INT64_MIN;
	code = plugin_leave(store, store->ops->raise(store->self, key, key_length, mark, expires, &kept, ms));
	if (code == EMA_OK && kept < mark)
		return EMA_INTERNAL; /* an epoch only rises */
	if (code == EMA_OK)
		*now = kept;
	return code;
}

static int plugin_list(struct store *base, const void *prefix, size_t prefix_length, store_entry_fn *entry, void *data, int64_t ms)
{
	struct plugin_store *store = (struct plugin_store *)base;
	if (!store->ops->list)
		return EMA_UNAVAILABLE;
	int code = plugin_enter(store, &ms);
	if (code != EMA_OK)
		return code;
	struct reader reader = { entry, data, EMA_OK, 0 };
	struct ema_feed feed = { reader_take, &reader };
	code = plugin_leave(store, store->ops->list(store->self, prefix_length ? prefix : "", prefix_length, &feed, ms));
	return reader.code != EMA_OK ? reader.code : code;
}

static int plugin_changes(struct store *base, store_entry_fn *entry, void *data, int64_t ms)
{
	struct plugin_store *store = (struct plugin_store *)base;
	const int64_t until = monotonic_ms() + (ms > 0 ? ms : 0);
	if (!store->ops->changes) {
		/* Without a feed everything may have changed. */
		sleep_ms(ms > 0 ? ms : 0);
		return plugin_list(base, NULL, 0, entry, data, ms > POLL_MS ? ms : POLL_MS);
	}
	for (int heard = 0;; heard = 1) {
		int64_t left = until - monotonic_ms(), wait = left > 0 ? left : 0, turn = heard || wait > TURN_MS ? wait : TURN_MS;
		int code = plugin_enter(store, &turn);
		/* Nothing was new a moment ago. */
		if (code == EMA_TIMEOUT && heard)
			return EMA_OK;
		if (code != EMA_OK)
			return code;
		struct reader reader = { entry, data, EMA_OK, 0 };
		struct ema_feed feed = { reader_take, &reader };
		/* One that waits inside of a serial plugin would keep the others out. */
		code = plugin_leave(store, store->ops->changes(store->self, &feed, store->serial ? 0 : wait));
		if (reader.code != EMA_OK)
			return reader.code;
		left = until - monotonic_ms();
		if (code != EMA_OK || reader.told || !store->serial || left <= 0)
			return code;
		sleep_ms(left < POLL_MS ? left : POLL_MS);
		if (until - monotonic_ms() <= 0)
			return EMA_OK;
	}
}

/* Not one call at a time: it is answered from what the plugin knows. */
static int plugin_since(struct store *base, int64_t *since)
{
	struct plugin_store *store = (struct plugin_store *)base;
	int64_t ms = INT64_MIN;
	if (!store->ops->since) {
		*since = INT64_MIN;
		return EMA_OK;
	}
	int code = store->ops->since(store->self, &ms);
	const struct code_row *row = code_row(code);
	if (code == EMA_OK)
		*since = ms;
	return row && (row->who & CODE_STORE) ? code : EMA_INTERNAL;
}

static void plugin_free(struct store *base)
{
	struct plugin_store *store = (struct plugin_store *)base;
	pthread_mutex_destroy(&store->lock);
	free(store);
}

static const struct store_kind plugin_kind = {
	plugin_free, plugin_put_if_absent, plugin_get, plugin_remove, plugin_raise, plugin_list, plugin_changes, plugin_since,
};

int store_plugin(const struct ema_store_ops *ops, ema_instance *self, struct store **out, struct failure *failure)
{
	if (!ops || !ops->put_if_absent)
		return failure_set(failure, EMA_CONFIG, "the store plugin has no put_if_absent");
	struct plugin_store *store = calloc(1, sizeof *store);
	if (!store)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the store");
	if (store_begin(&store->store, &plugin_kind, failure) != EMA_OK) {
		free(store);
		return EMA_INTERNAL;
	}
	store->ops = ops;
	store->self = self;
	store->serial = 1;
	pthread_mutex_init(&store->lock, NULL);
	*out = &store->store;
	return EMA_OK;
}

void store_plugin_parallel(struct store *store)
{
	if (store->kind == &plugin_kind)
		((struct plugin_store *)store)->serial = 0;
}
