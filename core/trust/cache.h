/* Key sets on disk, so that a restart needs no network. */
#ifndef TRUST_CACHE_H
#define TRUST_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "log.h"

#define CACHE_ETAG_MOST 256

struct cache_entry {
	int64_t fetched, fresh_until; /* milliseconds since 1970 */
	char *jwks_uri;               /* "" if it was configured */
	char etag[CACHE_ETAG_MOST], last_modified[CACHE_ETAG_MOST];
	char *keys;                   /* the JWKS as it came */
	size_t length;
};

/* source: what the keys belong to; the file is named by its digest, and holds it. */
/* 1 and *out if there is one that can be believed; a corrupt one, or one that others may have written, is set aside. */
int cache_load(const char *folder, const char *source, const struct log *log, struct cache_entry *out);
/* Written aside and renamed. An entry that is newer than this one stays. */
int cache_store(const char *folder, const char *source, const struct cache_entry *entry, const struct log *log, struct failure *failure);
void cache_entry_free(struct cache_entry *entry);

#endif
