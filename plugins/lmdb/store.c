/* The entries: by key, by the time at which they end, counted by quota, and a log of the core's own keys that changed. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lmdb_store.h"

#define SWEEP 4            /* expired entries that one call buries */
#define SWEEP_MOST 10000   /* that one buries which needs room */
#define POLL_MS 20
#define LATE_MS 60000
#define LIST_LOOK 256      /* entries between two looks at the clock */
#define OVERHEAD 128       /* bytes that an entry costs beside its key and value, in both orders */

/* Before the value of an entry. */
struct head {
	int64_t expires;
	uint32_t count;        /* how many times it was put */
	unsigned char is_mark, has_quota, quota_length, reserved;
};
#define RECORD_MOST (sizeof(struct head) + QUOTA_MOST + VALUE_MOST)

/* An entry where it lies in the file: good until the next write. */
struct found {
	struct head head;
	const char *quota, *value;
	size_t value_length;
};

struct expiry_key {
	unsigned char bytes[8 + KEY_MOST];
};

static void put_number(unsigned char bytes[8], uint64_t number)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(number >> (56 - 8 * i));
}

static int64_t get_number(const void *bytes)
{
	uint64_t number = 0;
	for (int i = 0; i < 8; i++)
		number = number << 8 | ((const unsigned char *)bytes)[i];
	return (int64_t)number;
}

/* Negative times do not come in: expires was compared with now before. */
static MDB_val expiry_make(struct expiry_key *room, int64_t expires, const void *key, size_t length)
{
	put_number(room->bytes, (uint64_t)expires);
	memcpy(room->bytes + 8, key, length);
	return (MDB_val){ 8 + length, room->bytes };
}

static int found_read(const MDB_val *value, struct found *out)
{
	if (value->mv_size < sizeof out->head)
		return MDB_CORRUPTED;
	memcpy(&out->head, value->mv_data, sizeof out->head);
	size_t before = sizeof out->head + out->head.quota_length;
	if (value->mv_size < before || value->mv_size - before > VALUE_MOST)
		return MDB_CORRUPTED;
	out->quota = (const char *)value->mv_data + sizeof out->head;
	out->value = (const char *)value->mv_data + before;
	out->value_length = value->mv_size - before;
	return 0;
}

/* ---- One write ---- */

struct write {
	ema_instance *self;
	struct file *file;
	MDB_txn *txn;
	struct totals totals;
	int error;             /* of LMDB */
	/* What is asked. */
	const char *quota;
	const char *key; size_t key_length;
	const char *value; size_t value_length;
	int64_t expires, limit, mark, kept;
	int (*act)(struct write *write);
};

/* Keeps what LMDB said and answers for it. */
static int failed(struct write *w, int error)
{
	w->error = error;
	return EMA_UNAVAILABLE;
}

static int record_put(struct write *w, const struct head *head, const char *quota, const void *value, size_t length)
{
	unsigned char record[RECORD_MOST];
	memcpy(record, head, sizeof *head);
	if (head->quota_length)
		memcpy(record + sizeof *head, quota, head->quota_length);
	if (length)
		memcpy(record + sizeof *head + head->quota_length, value, length);
	MDB_val key = { w->key_length, (void *)(uintptr_t)w->key }, data = { sizeof *head + head->quota_length + length, record };
	return mdb_put(w->txn, w->file->entries, &key, &data, 0);
}

static int quota_count(struct write *w, const char *quota, size_t length, int64_t by, uint64_t *out)
{
	unsigned char name[1 + QUOTA_MOST], bytes[8];
	uint64_t count = 0;
	name[0] = 'q'; /* a name may be empty; a key may not */
	memcpy(name + 1, quota, length);
	MDB_val key = { 1 + length, name }, value;
	int error = mdb_get(w->txn, w->file->quotas, &key, &value);
	if (!error && value.mv_size == 8)
		count = (uint64_t)get_number(value.mv_data);
	else if (error != MDB_NOTFOUND)
		return error ? error : MDB_CORRUPTED;
	*out = count;
	if (!by)
		return 0;
	if (by < 0 && !count)
		return MDB_CORRUPTED;
	count += (uint64_t)by;
	if (!count)
		return mdb_del(w->txn, w->file->quotas, &key, NULL);
	put_number(bytes, count);
	value = (MDB_val){ 8, bytes };
	return mdb_put(w->txn, w->file->quotas, &key, &value, 0);
}

static int changed(struct write *w)
{
	unsigned char number[8];
	put_number(number, ++w->totals.sequence);
	MDB_val key = { 8, number }, value = { w->key_length, (void *)(uintptr_t)w->key };
	int error = mdb_put(w->txn, w->file->changes, &key, &value, 0);
	if (!error && w->totals.sequence > CHANGES_KEPT) {
		put_number(number, w->totals.sequence - CHANGES_KEPT);
		error = mdb_del(w->txn, w->file->changes, &key, NULL);
	}
	return error == MDB_NOTFOUND ? 0 : error;
}

static int find(struct write *w, const void *bytes, size_t length, struct found *out)
{
	MDB_val key = { length, (void *)(uintptr_t)bytes }, value;
	int error = mdb_get(w->txn, w->file->entries, &key, &value);
	return error ? error : found_read(&value, out);
}

static int bury(struct write *w, const void *bytes, size_t length)
{
	struct found found;
	struct expiry_key room;
	uint64_t count;
	int error = find(w, bytes, length, &found);
	if (error)
		return error;
	uint64_t size = length + found.value_length + OVERHEAD;
	MDB_val key = { length, (void *)(uintptr_t)bytes }, ends = expiry_make(&room, found.head.expires, bytes, length);
	if (found.head.has_quota && (error = quota_count(w, found.quota, found.head.quota_length, -1, &count)))
		return error;
	if ((error = mdb_del(w->txn, w->file->expiry, &ends, NULL)) || (error = mdb_del(w->txn, w->file->entries, &key, NULL)))
		return error;
	if (!w->totals.count || w->totals.bytes < size)
		return MDB_CORRUPTED;
	w->totals.count--;
	w->totals.bytes -= size;
	return 0;
}

static int sweep(struct write *w, int most)
{
	for (int i = 0; i < most; i++) {
		MDB_cursor *cursor = NULL;
		MDB_val key, value;
		unsigned char copy[KEY_MOST];
		int error = mdb_cursor_open(w->txn, w->file->expiry, &cursor);
		if (error)
			return error;
		error = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
		size_t length = error ? 0 : key.mv_size - 8;
		int ended = !error && key.mv_size > 8 && length <= KEY_MOST && get_number(key.mv_data) <= w->totals.latest;
		if (ended)
			memcpy(copy, (const char *)key.mv_data + 8, length);
		mdb_cursor_close(cursor);
		if (error || !ended)
			return error == MDB_NOTFOUND ? 0 : error;
		if ((error = bury(w, copy, length)))
			return error == MDB_NOTFOUND ? MDB_CORRUPTED : error;
	}
	return 0;
}

/* What lives; an expired one is buried, not found. */
static int find_living(struct write *w, struct found *out)
{
	int error = find(w, w->key, w->key_length, out);
	if (error || out->head.expires > w->totals.latest)
		return error;
	error = bury(w, w->key, w->key_length);
	return error ? error : MDB_NOTFOUND;
}

static int is_full(const struct write *w, uint64_t size)
{
	/* An eighth is for what is under no quota, the core's own before all: whoever fills his own takes nothing of that. */
	const uint64_t entries = (uint64_t)w->self->entries, kept = w->quota ? entries / 8 : 0;
	/* Deleting copies pages, too: so much of the file is left for that. */
	const uint64_t bytes = (uint64_t)w->self->size / 3, most = bytes - (w->quota ? bytes / 8 : 0);
	return w->totals.count >= entries - kept || w->totals.bytes > most || size > most - w->totals.bytes;
}

static int add(struct write *w, const void *value, size_t length, int is_mark)
{
	uint64_t size = w->key_length + length + OVERHEAD, count = 0;
	size_t quota_length = w->quota ? strlen(w->quota) : 0;
	struct head head = { .expires = w->expires, .count = 1, .is_mark = (unsigned char)is_mark, .has_quota = w->quota != NULL };
	struct expiry_key room;
	int error;
	if (quota_length > QUOTA_MOST)
		return EMA_INTERNAL;
	head.quota_length = (unsigned char)quota_length;
	if (is_full(w, size) && (error = sweep(w, SWEEP_MOST)))
		return failed(w, error);
	if (is_full(w, size))
		return EMA_STORE_FULL;
	if (w->quota) {
		if ((error = quota_count(w, w->quota, quota_length, 0, &count)))
			return failed(w, error);
		if (count >= (uint64_t)w->self->quota && (error = sweep(w, SWEEP_MOST)))
			return failed(w, error);
		if ((error = quota_count(w, w->quota, quota_length, 0, &count)))
			return failed(w, error);
		if (count >= (uint64_t)w->self->quota)
			return EMA_STORE_FULL;
		if ((error = quota_count(w, w->quota, quota_length, 1, &count)))
			return failed(w, error);
	}
	MDB_val ends = expiry_make(&room, w->expires, w->key, w->key_length), none = { 0, NULL };
	if ((error = record_put(w, &head, w->quota, value, length)) || (error = mdb_put(w->txn, w->file->expiry, &ends, &none, 0)))
		return failed(w, error);
	w->totals.count++;
	w->totals.bytes += size;
	return EMA_OK;
}

/* The same entry with another head or value. */
static int renew(struct write *w, const struct found *found, const void *value, size_t length)
{
	struct expiry_key room;
	struct head head = found->head;
	char quota[QUOTA_MOST], kept[VALUE_MOST];
	int error;
	memcpy(quota, found->quota, head.quota_length); /* it lies where the next write may write */
	if (!value) {
		memcpy(kept, found->value, found->value_length);
		value = kept;
		length = found->value_length;
	}
	if (w->expires > head.expires) {
		MDB_val ends = expiry_make(&room, head.expires, w->key, w->key_length), none = { 0, NULL };
		if ((error = mdb_del(w->txn, w->file->expiry, &ends, NULL)))
			return failed(w, error);
		head.expires = w->expires;
		ends = expiry_make(&room, head.expires, w->key, w->key_length);
		if ((error = mdb_put(w->txn, w->file->expiry, &ends, &none, 0)))
			return failed(w, error);
	}
	error = record_put(w, &head, quota, value, length);
	return error ? failed(w, error) : EMA_OK;
}

static int tell(struct write *w)
{
	int error = changed(w);
	return error ? failed(w, error) : EMA_OK;
}

/* It could not be remembered. Told once a minute: a refusal that lasts as long as the clock was ahead wants its reason. */
static int too_late(ema_instance *self)
{
	int64_t now = monotonic_ms(), next = __atomic_load_n(&self->late_next, __ATOMIC_SEQ_CST);
	if (now >= next && __atomic_compare_exchange_n(&self->late_next, &next, now + LATE_MS, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		self->host->log(self->handle, 1, "the store's file: nothing is taken that would end before the latest time which it has seen: it may have been forgotten "
		                "already. The clock was ahead, and was set back");
	return EMA_UNAVAILABLE;
}

static int act_put(struct write *w)
{
	struct found found;
	int error = find_living(w, &found), code;
	if (!error) {
		int same = !found.head.is_mark && found.value_length == w->value_length &&
		           w->self->host->same(found.value, w->value_length ? w->value : "", w->value_length);
		if (!same || found.head.count >= w->limit || found.head.count == UINT32_MAX)
			return EMA_EXISTS;
		found.head.count++;
		code = renew(w, &found, NULL, 0);
	} else if (error != MDB_NOTFOUND) {
		return failed(w, error);
	} else if (w->expires <= w->totals.latest) {
		return too_late(w->self);
	} else {
		code = add(w, w->value, w->value_length, 0);
	}
	return code == EMA_OK && !w->quota ? tell(w) : code;
}

static int act_raise(struct write *w)
{
	struct found found;
	unsigned char bytes[8];
	int error = find_living(w, &found), code, changes = 1;
	w->kept = w->mark;
	put_number(bytes, (uint64_t)w->mark);
	if (!error && (!found.head.is_mark || found.value_length != 8))
		return EMA_EXISTS;
	if (!error) {
		int64_t old = get_number(found.value);
		changes = w->mark > old;
		if (!changes) {
			w->kept = old;
			put_number(bytes, (uint64_t)old);
		}
		if (!changes && w->expires <= found.head.expires)
			return EMA_OK;
		code = renew(w, &found, bytes, sizeof bytes);
	} else if (error != MDB_NOTFOUND) {
		return failed(w, error);
	} else if (w->expires <= w->totals.latest) {
		return EMA_UNAVAILABLE;
	} else {
		code = add(w, bytes, sizeof bytes, 1);
	}
	return code == EMA_OK && changes ? tell(w) : code;
}

static int act_remove(struct write *w)
{
	struct found found;
	int error = find_living(w, &found);
	if (error)
		return error == MDB_NOTFOUND ? EMA_ABSENT : failed(w, error);
	error = bury(w, w->key, w->key_length);
	return error ? failed(w, error) : tell(w);
}

/* A clock that was set back must not free what was freed before, nor give a second life to what had ended. */
static int write_work(void *argument)
{
	struct write *w = argument;
	int64_t now = w->self->host->now(w->self->handle);
	int error = totals_read(w->file, w->txn, &w->totals);
	if (error)
		return failed(w, error);
	if (now > w->totals.latest)
		w->totals.latest = now;
	if ((error = sweep(w, SWEEP)))
		return failed(w, error);
	int code = w->act(w);
	if (code == EMA_OK && (error = totals_write(w->file, w->txn, &w->totals)))
		return failed(w, error);
	return code;
}

struct begin { ema_instance *self; struct file *file; MDB_txn *txn; int write; int64_t ms; };
static int begin_work(void *argument)
{
	struct begin *b = argument;
	return file_begin(b->self, b->file, b->write, b->ms, &b->txn);
}
struct end { ema_instance *self; struct file *file; MDB_txn *txn; int write, code; };
static int end_work(void *argument)
{
	struct end *e = argument;
	return file_end(e->self, e->file, e->write, e->txn, e->code);
}

static int write_run(struct write *w, int64_t ms)
{
	w->file = file_get(w->self);
	if (!w->file || file_join(w->self, w->file) != EMA_OK)
		return EMA_UNAVAILABLE;
	struct begin begin = { w->self, w->file, NULL, 1, ms };
	int code = file_guarded(w->self, w->file, begin_work, &begin);
	if (code != EMA_OK)
		return code;
	w->txn = begin.txn;
	code = file_guarded(w->self, w->file, write_work, w);
	if (__atomic_load_n(&w->file->broken, __ATOMIC_SEQ_CST))
		return EMA_UNAVAILABLE;
	if (w->error)
		code = file_failed(w->self, "write", w->error);
	struct end end = { w->self, w->file, w->txn, 1, code };
	return file_guarded(w->self, w->file, end_work, &end);
}

static int lmdb_put_if_absent(ema_instance *self, const char *quota, const char *key, size_t key_length, const char *value,
                              size_t value_length, int64_t expires, int64_t limit, int64_t ms)
{
	struct write w = { .self = self, .quota = quota, .key = key, .key_length = key_length, .value = value, .value_length = value_length,
	                   .expires = expires, .limit = limit, .act = act_put };
	return write_run(&w, ms);
}

static int lmdb_raise(ema_instance *self, const char *key, size_t key_length, int64_t mark, int64_t expires, int64_t *now, int64_t ms)
{
	struct write w = { .self = self, .key = key, .key_length = key_length, .mark = mark, .expires = expires, .act = act_raise };
	int code = write_run(&w, ms);
	if (code == EMA_OK)
		*now = w.kept;
	return code;
}

static int lmdb_remove(ema_instance *self, const char *key, size_t key_length, int64_t ms)
{
	struct write w = { .self = self, .key = key, .key_length = key_length, .act = act_remove };
	return write_run(&w, ms);
}

/* ---- One read ---- */

struct read {
	ema_instance *self;
	struct file *file;
	MDB_txn *txn;
	struct totals totals;
	int64_t now;
	int error;
	const char *key; size_t key_length;
	char *out; size_t *length;
	ema_feed *feed;
	int64_t until;
	int told;
	int (*act)(struct read *read);
};

static int read_failed(struct read *r, int error)
{
	r->error = error;
	return EMA_UNAVAILABLE;
}

static int read_work(void *argument)
{
	struct read *r = argument;
	int error = totals_read(r->file, r->txn, &r->totals);
	if (error)
		return read_failed(r, error);
	r->now = r->self->host->now(r->self->handle);
	if (r->totals.latest > r->now)
		r->now = r->totals.latest;
	return r->act(r);
}

/* Who only looks asks for that alone, and need not be one of those that use it. */
static int act_since(struct read *r)
{
	(void)r;
	return EMA_OK; /* it is among the totals */
}

static int read_run(struct read *r, int64_t ms)
{
	r->file = file_get(r->self);
	if (!r->file || (r->act != act_since && file_join(r->self, r->file) != EMA_OK))
		return EMA_UNAVAILABLE;
	r->until = monotonic_ms() + (ms > 0 ? ms : 0);
	struct begin begin = { r->self, r->file, NULL, 0, ms };
	int code = file_guarded(r->self, r->file, begin_work, &begin);
	if (code != EMA_OK)
		return code;
	r->txn = begin.txn;
	code = file_guarded(r->self, r->file, read_work, r);
	if (__atomic_load_n(&r->file->broken, __ATOMIC_SEQ_CST))
		return EMA_UNAVAILABLE;
	if (r->error)
		code = file_failed(r->self, "read", r->error);
	struct end end = { r->self, r->file, r->txn, 0, code };
	return file_guarded(r->self, r->file, end_work, &end);
}

static int act_get(struct read *r)
{
	MDB_val key = { r->key_length, (void *)(uintptr_t)r->key }, value;
	struct found found;
	int error = mdb_get(r->txn, r->file->entries, &key, &value);
	if (!error)
		error = found_read(&value, &found);
	if (error)
		return error == MDB_NOTFOUND ? EMA_ABSENT : read_failed(r, error);
	if (found.head.expires <= r->now)
		return EMA_ABSENT;
	if (found.value_length > *r->length)
		return EMA_INTERNAL;
	if (found.value_length)
		memcpy(r->out, found.value, found.value_length);
	*r->length = found.value_length;
	return EMA_OK;
}

static int lmdb_get(ema_instance *self, const char *key, size_t key_length, char *out, size_t *length, int64_t ms)
{
	struct read r = { .self = self, .key = key, .key_length = key_length, .out = out, .length = length, .act = act_get };
	return read_run(&r, ms);
}

/* From the first key that is not before the prefix to the first that does not begin with it. */
static int act_list(struct read *r)
{
	MDB_cursor *cursor = NULL;
	MDB_val key = { r->key_length, (void *)(uintptr_t)r->key }, value;
	struct found found;
	int code = EMA_OK, error = mdb_cursor_open(r->txn, r->file->entries, &cursor);
	if (error)
		return read_failed(r, error);
	error = mdb_cursor_get(cursor, &key, &value, r->key_length ? MDB_SET_RANGE : MDB_FIRST);
	for (size_t i = 0; !error && code == EMA_OK; i++) {
		if (key.mv_size < r->key_length || memcmp(key.mv_data, r->key, r->key_length))
			break;
		if ((error = found_read(&value, &found)))
			break;
		if (i % LIST_LOOK == LIST_LOOK - 1 && monotonic_ms() > r->until)
			code = EMA_TIMEOUT;
		else if (found.head.expires > r->now)
			code = r->self->host->feed(r->feed, key.mv_data, key.mv_size, found.value, found.value_length, found.head.expires);
		if (code == EMA_OK)
			error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return error && error != MDB_NOTFOUND ? read_failed(r, error) : code;
}

static int lmdb_list(ema_instance *self, const char *prefix, size_t prefix_length, ema_feed *feed, int64_t ms)
{
	struct read r = { .self = self, .key = prefix, .key_length = prefix_length, .feed = feed, .act = act_list };
	return read_run(&r, ms);
}

static int change_tell(struct read *r, const MDB_val *key)
{
	MDB_val value;
	struct found found;
	int error = mdb_get(r->txn, r->file->entries, (MDB_val *)(uintptr_t)key, &value);
	if (!error)
		error = found_read(&value, &found);
	if (error && error != MDB_NOTFOUND)
		return read_failed(r, error);
	r->told = 1;
	if (error || found.head.expires <= r->now)
		return r->self->host->feed(r->feed, key->mv_data, key->mv_size, NULL, 0, 0);
	return r->self->host->feed(r->feed, key->mv_data, key->mv_size, found.value, found.value_length, found.head.expires);
}

static int act_changes(struct read *r)
{
	uint64_t last = r->totals.sequence, from = r->self->told;
	int code = EMA_OK;
	if (from == last)
		return EMA_OK;
	if (from > last || last - from > CHANGES_KEPT) {
		/* Too much to say what, or another file: everything that there is. */
		r->key = "";
		r->key_length = 0;
		r->until = monotonic_ms() + 10000;
		r->told = 1;
		code = act_list(r);
	}
	else
		for (uint64_t at = from + 1; at <= last && code == EMA_OK; at++) {
			unsigned char number[8];
			put_number(number, at);
			MDB_val key = { 8, number }, name;
			int error = mdb_get(r->txn, r->file->changes, &key, &name);
			code = error ? read_failed(r, error == MDB_NOTFOUND ? MDB_CORRUPTED : error) : change_tell(r, &name);
		}
	if (code == EMA_OK)
		r->self->told = last;
	return code;
}

static int lmdb_changes(ema_instance *self, ema_feed *feed, int64_t ms)
{
	int64_t until = monotonic_ms() + (ms > 0 ? ms : 0);
	for (;;) {
		struct read r = { .self = self, .feed = feed, .act = act_changes };
		int64_t left = until - monotonic_ms();
		int code = read_run(&r, left > 0 ? left : 0);
		left = until - monotonic_ms();
		if (code != EMA_OK || r.told || left <= 0)
			return code;
		struct timespec pause = { 0, (long)(left < POLL_MS ? left : POLL_MS) * 1000000 };
		nanosleep(&pause, NULL);
	}
}

static int lmdb_since(ema_instance *self, int64_t *since)
{
	struct read r = { .self = self, .act = act_since };
	int code = read_run(&r, 0);
	if (code == EMA_OK)
		*since = r.totals.since;
	return code;
}

/* ---- Settings ---- */

static int settings_read(ema_instance *self, ema_conf *conf)
{
	const struct ema_host *host = self->host;
	const char *share = NULL;
	int code = host->conf_path(conf, "path", &self->path);
	if (code == EMA_OK)
		code = host->conf_size(conf, "size", &self->size);
	if (code == EMA_OK)
		code = host->conf_int(conf, "entries", 1000, 100000000, &self->entries);
	if (code == EMA_OK)
		code = host->conf_int(conf, "quota", 0, 100000000, &self->quota);
	if (code == EMA_OK)
		code = host->conf_bool(conf, "sync", &self->sync);
	if (code == EMA_OK)
		code = host->conf_string(conf, "share", &share);
	if (code != EMA_OK)
		return code;
	if (share && strcmp(share, "same-trust"))
		return host->conf_fail(conf, "share", "\"same-trust\", or nothing: whoever shares a store can forget for all who do");
	self->share = share != NULL;
	if (!self->path)
		return host->conf_fail(conf, "path", "the folder for the store must be named: path = \"/var/lib/ema/store\";");
	if (self->size < 1 << 20 || self->size > INT64_C(1) << 40)
		return host->conf_fail(conf, "size", "from 1MiB to 1048576MiB");
	if (!self->quota)
		self->quota = (self->entries + 3) / 4;
	return EMA_OK;
}

static void lmdb_close(ema_instance *self)
{
	file_close(self->file);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

static int lmdb_open(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	char why[400];
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	*self = (ema_instance){ .host = host, .handle = handle, .size = INT64_C(1) << 30, .entries = 1000000, .sync = 1 };
	pthread_mutex_init(&self->lock, NULL);
	int code = settings_read(self, conf), there = 0;
	if (code == EMA_OK)
		code = file_there(self, &there, why, sizeof why) == EMA_OK ? EMA_OK : host->conf_fail(conf, "path", why);
	/* What is not there yet is made by the first call: a check of ema.conf, maybe by root, must not make it. */
	if (code == EMA_OK && there && file_open(self, 0, &self->file, why, sizeof why) != EMA_OK)
		code = host->conf_fail(conf, "path", why);
	if (code == EMA_OK && self->file) {
		struct read r = { .self = self, .act = act_since };
		code = read_run(&r, 0) == EMA_OK ? EMA_OK : host->conf_fail(conf, "path", "the file cannot be read");
		self->told = r.totals.sequence;
	}
	if (code != EMA_OK) {
		lmdb_close(self);
		return code;
	}
	*out = self;
	return EMA_OK;
}

const struct ema_store_ops lmdb_ops = {
	.size = sizeof lmdb_ops, .open = lmdb_open, .close = lmdb_close, .put_if_absent = lmdb_put_if_absent, .get = lmdb_get,
	.remove = lmdb_remove, .raise = lmdb_raise, .list = lmdb_list, .changes = lmdb_changes, .since = lmdb_since,
};
