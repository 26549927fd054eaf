/*
 * A ring of records in a mapped file (or in memory), whose committed records outlive the process.
 * The caller serialises all calls, but for spool_sync.
 */
#ifndef AUDIT_SPOOL_H
#define AUDIT_SPOOL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define SPOOL_RECORD (60 * 1024) /* the longest record */
#define SPOOL_LEAST (256 * 1024)
#define SPOOL_MOST (1024LL * 1024 * 1024)
#define SPOOL_MERGED 256         /* kinds of merged refusals that are kept at a time */

/* How far the records are with the sinks, and where the chain is there. */
struct spool_cursor {
	uint64_t offset;  /* of bytes that ever went through the ring */
	uint64_t number;  /* sequence number of the last record before it; 0: none */
	unsigned char hash[32];
};

/* Refusals that were not worth a record each. */
struct spool_merged {
	uint64_t count;   /* 0: free; written last */
	int64_t time;     /* of the first, milliseconds since 1970 */
	char kind[32], code[32], address[48];
};

struct spool_map;
struct spool {
	int fd;                  /* -1: memory */
	struct spool_map *map;
	size_t mapped, room;
	uint64_t write;          /* end of what is committed */
	uint64_t next;           /* end of what was read; the caller moves it on */
	unsigned torn;           /* records that were found damaged on start */
	int fresh;               /* made by this spool_open: it knows of no chain */
	int lost;                /* there was one, and its head could not be read */
	pthread_mutex_t syncing;
	uint64_t synced;
};

/*
 * folder NULL: memory. EMA_OK; EMA_EXISTS if a living process has it; EMA_ABSENT if create is 0 and there is none; else EMA_CONFIG.
 * What is damaged behind the cursor is cut off, and counted.
 */
int spool_open(const char *folder, size_t bytes, int create, struct spool **out, struct failure *failure);
void spool_close(struct spool *spool);
/* 0, or -1: no room. committed when it returns: a kill after that loses nothing. */
int spool_append(struct spool *spool, const void *record, size_t length);
/* Bytes that a record takes. */
size_t spool_cost(size_t length);
size_t spool_used(const struct spool *spool);
/* Copies the record at an offset, of those that end by `to`, which is no more than `write`; its length, or 0 if there is none. *end is
   what follows it. */
size_t spool_peek(const struct spool *spool, uint64_t from, uint64_t to, void *record, size_t room, uint64_t *end);
void spool_commit(struct spool *spool, const struct spool_cursor *cursor);
void spool_cursor(const struct spool *spool, struct spool_cursor *out);
struct spool_merged *spool_merged(struct spool *spool);
/* What is committed up to now is on disk. 0 or -1. May be called by several threads, without the caller's lock; end: spool->write. */
int spool_sync(struct spool *spool, uint64_t end);

#endif
