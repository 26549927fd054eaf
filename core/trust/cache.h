/* Key sets on disk, so that a restart needs no network. */
#ifndef TRUST_CACHE_H
#define TRUST_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "exposed.h"
#include "failure.h"
#include "log.h"
#include "published.h"

#define CACHE_ETAG_MOST 256

struct cache_entry {
	int64_t fetched, fresh_until; /* milliseconds since 1970 */
	char *jwks_uri;               /* "" if it was configured */
	char etag[CACHE_ETAG_MOST], last_modified[CACHE_ETAG_MOST];
	char *keys;                   /* the JWKS as it came */
	size_t length;
	struct exposed exposed;       /* keys that do not count, though they may stand there */
};

struct cache {
	const char *folder; /* NULL: none */
	uid_t owner;        /* whose files are believed, besides root's and those of the user that we run as */
	struct log log;
	int publishes;      /* it is for all to read, and we alone write there */
};


/* source: what the keys belong to; the file is named by its digest, and holds it. */
/* 1 and *out if there is one that can be believed; a corrupt one, or one that others may have written, is set aside. */
int cache_load(const struct cache *cache, const char *source, struct cache_entry *out);
/*
 * What another one publishes in the folder. EMA_OK: *changed and *out, or it is still what stamp says. EMA_ABSENT; EMA_DENIED,
 * EMA_TOO_LARGE, EMA_BAD_JSON: not believed; EMA_UNAVAILABLE, EMA_OUT_OF_MEMORY.
 */
int cache_look(const struct cache *cache, const char *source, struct published_stamp *stamp, int *changed, struct cache_entry *out,
               struct failure *failure);
/*
 * Written aside and renamed. An entry that is newer than this one, and not than now, stays, but for one that we publish alone. EMA_OK
 * also for a folder that we may not write, unless we publish there.
 */
int cache_store(const struct cache *cache, const char *source, const struct cache_entry *entry, int64_t now, struct failure *failure);
void cache_entry_free(struct cache_entry *entry);

#endif
