#include "seen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "secret.h"

#define WAYS 8
#define LOCKS 64
#define DESKS 16
#define FRONTS 8
#define FRONT_TURNS 64

struct entry {
	uint64_t used; /* by the place's count; 0: empty */
	uint64_t share;
	unsigned char digest[SEEN_DIGEST];
	struct seen_value *value; /* NULL: none */
};

/* A digest is in the place that its first bytes name, or nowhere. */
struct place {
	uint64_t count;
	size_t bytes; /* of its values */
	struct entry entries[WAYS];
};

/* What was asked for here twice in a row. */
struct front {
	unsigned char digest[SEEN_DIGEST];
	struct seen_value *value; /* a view; NULL: none */
	unsigned asked;           /* since it was kept; 0: it is not kept, and was asked for once if heard */
	unsigned heard;
};

/* What one thread at a time uses, mostly the same one, so that it waits for no other. */
struct desk {
	char apart[64];           /* from what other threads write */
	atomic_flag busy;
	EVP_MD_CTX *context;      /* set up: making one takes half as long again as the digest */
	struct front fronts[FRONTS];
	atomic_uint_least64_t hits;
};

struct seen {
	struct desk desks[DESKS];
	char apart[64];
	EVP_MD *sha256;
	pthread_mutex_t locks[LOCKS];
	size_t lock_count;
	size_t place_count;
	atomic_uint_least64_t added, hits; /* hits: without a desk */
	size_t place_bytes; /* so many at most */
	struct place places[];
};

struct seen *seen_new(size_t most, size_t bytes)
{
	size_t count = most / WAYS;
	struct seen *seen = count ? calloc(1, sizeof *seen + count * sizeof *seen->places) : NULL;
	if (!seen)
		return NULL;
	seen->place_count = count;
	seen->place_bytes = bytes / count;
	seen->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	while (seen->lock_count < LOCKS && !pthread_mutex_init(&seen->locks[seen->lock_count], NULL))
		seen->lock_count++;
	int hashing = seen->sha256 != NULL;
	for (size_t i = 0; hashing && i < DESKS; i++) {
		seen->desks[i].context = EVP_MD_CTX_new();
		hashing = seen->desks[i].context && EVP_DigestInit_ex2(seen->desks[i].context, seen->sha256, NULL) == 1;
	}
	if (!hashing || seen->lock_count < LOCKS) {
		seen_free(seen);
		return NULL;
	}
	return seen;
}

void seen_free(struct seen *seen)
{
	if (!seen)
		return;
	for (size_t i = 0; i < seen->place_count; i++)
		for (size_t k = 0; k < WAYS; k++)
			seen_release(seen->places[i].entries[k].value);
	for (size_t i = 0; i < seen->lock_count; i++)
		pthread_mutex_destroy(&seen->locks[i]);
	for (size_t i = 0; i < DESKS; i++) {
		EVP_MD_CTX_free(seen->desks[i].context);
		for (size_t k = 0; k < FRONTS; k++)
			seen_release(seen->desks[i].fronts[k].value);
	}
	EVP_MD_free(seen->sha256);
	free(seen);
}

/* Each thread has its own, by where its stack is, as long as there are enough. */
static size_t seen_desk(void)
{
	/* Stacks lie at even distances: the product's upper bits are spread all the same. */
	return (size_t)((uint64_t)((uintptr_t)__builtin_frame_address(0) >> 12) * UINT64_C(0x9e3779b97f4a7c15) >> 56) % DESKS;
}

/* One that no other thread uses. NULL: there is none. */
static struct desk *desk_take(struct seen *seen)
{
	const size_t first = seen_desk();
	for (size_t i = 0; i < DESKS; i++) {
		struct desk *desk = &seen->desks[(first + i) % DESKS];
		if (!atomic_flag_test_and_set_explicit(&desk->busy, memory_order_acquire))
			return desk;
	}
	return NULL;
}

static void desk_leave(struct desk *desk)
{
	atomic_flag_clear_explicit(&desk->busy, memory_order_release);
}

/* The thumbprint's length is always the same: no two pairs have the same bytes. */
int seen_digest(struct seen *seen, const char *thumbprint, const char *token, size_t length, unsigned char out[SEEN_DIGEST])
{
	struct desk *desk = desk_take(seen);
	ERR_set_mark();
	EVP_MD_CTX *context = desk ? desk->context : EVP_MD_CTX_new();
	int good = context && EVP_DigestInit_ex2(context, desk ? NULL : seen->sha256, NULL) == 1 &&
	           (!*thumbprint || EVP_DigestUpdate(context, thumbprint, strlen(thumbprint)) == 1) && EVP_DigestUpdate(context, token, length) == 1 &&
	           EVP_DigestFinal_ex(context, out, NULL) == 1;
	if (desk)
		desk_leave(desk);
	else
		EVP_MD_CTX_free(context);
	ERR_pop_to_mark();
	return good;
}

static struct place *seen_place(struct seen *seen, const unsigned char *digest, pthread_mutex_t **lock)
{
	uint64_t number;
	memcpy(&number, digest, sizeof number);
	size_t at = number % seen->place_count;
	*lock = &seen->locks[at % LOCKS];
	return &seen->places[at];
}

static struct entry *seen_find(struct place *place, const unsigned char *digest)
{
	for (size_t i = 0; i < WAYS; i++)
		if (place->entries[i].used && secret_same(place->entries[i].digest, digest, SEEN_DIGEST))
			return &place->entries[i];
	return NULL;
}

void seen_release(struct seen_value *value)
{
	if (value && atomic_fetch_sub(&value->references, 1) == 1)
		value->free(value);
}

static int is_of(const struct seen_value *value, uint64_t version)
{
	return !value || value->version == version;
}

static struct seen_value *take(struct seen_value *value)
{
	if (value)
		atomic_fetch_add(&value->references, 1);
	return value;
}

static int place_has(struct seen *seen, const unsigned char *digest, uint64_t version, struct seen_value **out)
{
	pthread_mutex_t *lock;
	struct place *place = seen_place(seen, digest, &lock);
	pthread_mutex_lock(lock);
	struct entry *entry = seen_find(place, digest);
	const int has = entry && is_of(entry->value, version);
	if (has) {
		entry->used = ++place->count;
		*out = take(entry->value);
	}
	pthread_mutex_unlock(lock);
	return has;
}

/* At the front is what is asked for again: a token that comes once pushes none out of it that comes often, but in its first question. */
static void front_keep(struct front *front, const unsigned char *digest, int again, struct seen_value *value)
{
	struct seen_value *view = again && value && value->view ? value->view(value) : NULL;
	seen_release(front->value);
	*front = (struct front){ .value = view, .heard = 1, .asked = again && (view || !value) };
	memcpy(front->digest, digest, SEEN_DIGEST);
}

int seen_has(struct seen *seen, const unsigned char digest[SEEN_DIGEST], uint64_t version, struct seen_value **out)
{
	struct desk *desk = desk_take(seen);
	struct front *front = desk ? &desk->fronts[digest[SEEN_DIGEST - 1] % FRONTS] : NULL;
	const int again = front && front->heard && secret_same(front->digest, digest, SEEN_DIGEST);
	struct seen_value *value = NULL;
	int has = again && front->asked && is_of(front->value, version);
	/* Its place must know that it is in use. */
	if (has && ++front->asked % FRONT_TURNS)
		value = take(front->value);
	else
		has = place_has(seen, digest, version, &value);
	if (has && desk) /* who has the desk alone writes it */
		atomic_store_explicit(&desk->hits, atomic_load_explicit(&desk->hits, memory_order_relaxed) + 1, memory_order_relaxed);
	else if (has)
		atomic_fetch_add_explicit(&seen->hits, 1, memory_order_relaxed);
	if (has && front && !(again && front->asked && is_of(front->value, version)))
		front_keep(front, digest, again, value);
	if (desk)
		desk_leave(desk);
	if (out)
		*out = value;
	else
		seen_release(value);
	return has;
}

/* Makes the entry empty, and puts what is to be released behind the lock into the chain. */
static void seen_empty(struct place *place, struct entry *entry, struct seen_value **gone, size_t *count)
{
	if (entry->value) {
		place->bytes -= entry->value->size;
		gone[(*count)++] = entry->value;
	}
	*entry = (struct entry){ .used = 0 };
}

/* What a share has of the place: entries, or with bytes those of values. */
static size_t seen_part(const struct place *place, uint64_t share, size_t bytes)
{
	size_t part = 0;
	for (size_t i = 0; i < WAYS; i++) {
		const struct entry *entry = &place->entries[i];
		if (entry->used && entry->share == share)
			part += !bytes ? 1 : entry->value ? entry->value->size : 0;
	}
	return part;
}

/*
 * What goes for one more entry of a share: an empty one, else of the share that then has most of the place that which was not asked for
 * the longest. For so many bytes of a value likewise, of entries with values; NULL: there is none.
 */
static struct entry *seen_goes(struct place *place, uint64_t share, size_t bytes)
{
	struct entry *found = NULL;
	size_t most = 0;
	for (size_t i = 0; i < WAYS; i++) {
		struct entry *entry = &place->entries[i];
		if (bytes && !entry->value)
			continue;
		if (!entry->used)
			return entry;
		const size_t part = seen_part(place, entry->share, bytes) + (entry->share != share ? 0 : bytes ? bytes : 1);
		if (!found || part > most || (part == most && entry->used < found->used)) {
			found = entry;
			most = part;
		}
	}
	return found;
}

void seen_add(struct seen *seen, const unsigned char digest[SEEN_DIGEST], uint64_t share, struct seen_value *value)
{
	pthread_mutex_t *lock;
	struct place *place = seen_place(seen, digest, &lock);
	struct seen_value *gone[WAYS];
	size_t count = 0;
	const size_t size = value ? value->size : 0;
	if (size <= seen->place_bytes) {
		pthread_mutex_lock(lock);
		struct entry *entry = seen_find(place, digest);
		if (!entry)
			entry = seen_goes(place, share, 0);
		seen_empty(place, entry, gone, &count);
		for (struct entry *other; place->bytes > seen->place_bytes - size && (other = seen_goes(place, share, size));)
			seen_empty(place, other, gone, &count);
		memcpy(entry->digest, digest, SEEN_DIGEST);
		entry->share = share;
		entry->value = value;
		entry->used = ++place->count;
		place->bytes += size;
		if (value)
			atomic_fetch_add(&value->references, 1);
		pthread_mutex_unlock(lock);
	}
	for (size_t i = 0; i < count; i++)
		seen_release(gone[i]);
	atomic_fetch_add_explicit(&seen->added, 1, memory_order_relaxed);
}

void seen_counts(const struct seen *seen, uint64_t *hits, uint64_t *added)
{
	*hits = atomic_load_explicit(&seen->hits, memory_order_relaxed);
	for (size_t i = 0; i < DESKS; i++)
		*hits += atomic_load_explicit(&seen->desks[i].hits, memory_order_relaxed);
	*added = atomic_load_explicit(&seen->added, memory_order_relaxed);
}
