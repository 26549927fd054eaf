#include "seen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "secret.h"

#define WAYS 8
#define LOCKS 64

struct entry {
	uint64_t used; /* by the place's count; 0: empty */
	unsigned char digest[SEEN_DIGEST];
};

/* A digest is in the place that its first bytes name, or nowhere. */
struct place {
	uint64_t count;
	struct entry entries[WAYS];
};

struct seen {
	EVP_MD *sha256;
	pthread_mutex_t locks[LOCKS];
	size_t lock_count;
	size_t place_count;
	atomic_uint_least64_t hits, added;
	struct place places[];
};

struct seen *seen_new(size_t most)
{
	size_t count = most / WAYS;
	struct seen *seen = count ? calloc(1, sizeof *seen + count * sizeof *seen->places) : NULL;
	if (!seen)
		return NULL;
	seen->place_count = count;
	seen->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	while (seen->lock_count < LOCKS && !pthread_mutex_init(&seen->locks[seen->lock_count], NULL))
		seen->lock_count++;
	if (!seen->sha256 || seen->lock_count < LOCKS) {
		seen_free(seen);
		return NULL;
	}
	return seen;
}

void seen_free(struct seen *seen)
{
	if (!seen)
		return;
	for (size_t i = 0; i < seen->lock_count; i++)
		pthread_mutex_destroy(&seen->locks[i]);
	EVP_MD_free(seen->sha256);
	free(seen);
}

/* The thumbprint's length is always the same: no two pairs have the same bytes. */
int seen_digest(const struct seen *seen, const char *thumbprint, const char *token, size_t length, unsigned char out[SEEN_DIGEST])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int good = context && EVP_DigestInit_ex(context, seen->sha256, NULL) == 1 && EVP_DigestUpdate(context, thumbprint, strlen(thumbprint)) == 1 &&
	           EVP_DigestUpdate(context, token, length) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1;
	EVP_MD_CTX_free(context);
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

int seen_has(struct seen *seen, const unsigned char digest[SEEN_DIGEST])
{
	pthread_mutex_t *lock;
	struct place *place = seen_place(seen, digest, &lock);
	pthread_mutex_lock(lock);
	struct entry *entry = seen_find(place, digest);
	if (entry)
		entry->used = ++place->count;
	pthread_mutex_unlock(lock);
	if (entry)
		atomic_fetch_add_explicit(&seen->hits, 1, memory_order_relaxed);
	return entry != NULL;
}

void seen_add(struct seen *seen, const unsigned char digest[SEEN_DIGEST])
{
	pthread_mutex_t *lock;
	struct place *place = seen_place(seen, digest, &lock);
	pthread_mutex_lock(lock);
	struct entry *entry = seen_find(place, digest);
	for (size_t i = 0; !entry && i < WAYS; i++)
		if (!place->entries[i].used)
			entry = &place->entries[i];
	if (!entry) {
		entry = &place->entries[0];
		for (size_t i = 1; i < WAYS; i++)
			if (place->entries[i].used < entry->used)
				entry = &place->entries[i];
	}
	memcpy(entry->digest, digest, SEEN_DIGEST);
	entry->used = ++place->count;
	pthread_mutex_unlock(lock);
	atomic_fetch_add_explicit(&seen->added, 1, memory_order_relaxed);
}

void seen_counts(const struct seen *seen, uint64_t *hits, uint64_t *added)
{
	*hits = atomic_load_explicit(&seen->hits, memory_order_relaxed);
	*added = atomic_load_explicit(&seen->added, memory_order_relaxed);
}
