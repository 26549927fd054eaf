/*
 * Marks that go one way: an authorization server publishes what it knows, and programs of other users follow that as they would
 * a store; and where its store is memory, it keeps them so for itself. Two files: "marks", all of them with a sequence; and "alive",
 * which is written anew each second, so that who reads knows for how long he has heard nothing. In a folder of its own it has "changes"
 * instead, which grows by each change of "marks" until that is written anew: a revocation costs no more the more there are.
 */
#ifndef STATE_PUBLISH_H
#define STATE_PUBLISH_H

#include "clock.h"
#include "failure.h"
#include "log.h"
#include "marks.h"
#include "notice.h"
#include "published.h"
#include "store.h"

struct publisher;

struct publisher_settings {
	struct marks *marks;      /* outlives it */
	const char *folder;
	const struct clock *clock;
	struct log log;
	struct notice notice;     /* told when it fails, and when it does no more */
	int keeps;                /* what it wrote is on the disk, and marks_kept() waits for that */
	int private;              /* the folder is our own, with "changes" and without "alive": nobody follows */
};

/*
 * Begins where the one before ended; marks that nobody else writes take what that had published. EMA_CONFIG: the folder cannot be used,
 * or another one publishes there. EMA_OUT_OF_MEMORY, EMA_STORE_FULL.
 */
int publisher_new(const struct publisher_settings *settings, struct publisher **out, struct failure *failure);
void publisher_free(struct publisher *publisher);
/* Starts the thread that publishes each change at once, until publisher_free(). */
int publisher_start(struct publisher *publisher, struct failure *failure);
/* 1, and since when (wall) the thread could not publish, and why; 0: what is known is published. */
int publisher_fails(struct publisher *publisher, int64_t *since, char why[FAILURE_TEXT]);
/* What that thread does: publishes what is known now. EMA_STORE_UNAVAILABLE: what is revoked is not known; EMA_UNAVAILABLE, ... */
int publisher_step(struct publisher *publisher, struct failure *failure);

/*
 * A store for struct marks_settings, one_way: its list and changes give what is published there, and it takes nothing. Its changes
 * are EMA_UNAVAILABLE once nobody has written there for PUBLISH_LATE_MS, or what is there is not right or older than what was.
 */
int store_published(const struct published *folder, const struct clock *clock, struct log log, struct store **out, struct failure *failure);

#define PUBLISH_EACH_MS INT64_C(1000)
#define PUBLISH_LATE_MS INT64_C(3000)

/* The files, for both sides. */
#define PUBLISH_MARKS "marks"
#define PUBLISH_ALIVE "alive"
#define PUBLISH_CHANGES "changes"
#define PUBLISH_LOCK "lock"
#define PUBLISH_MARKS_MOST ((size_t)128 << 20) /* the most marks that a process has, each with an epoch, a block, and a name of 100 characters */
#define PUBLISH_ALIVE_MOST ((size_t)512)
#define PUBLISH_SEQUENCE_MOST (INT64_C(1) << 52)
#define PUBLISH_NUMBER_MOST ((INT64_C(1) << 53) - 1) /* that JSON has */
/* The first line of "marks" is this, and the SHA-256 of all that follows in hexadecimal. It finds what was not written whole. */
#define PUBLISH_MAGIC "ema-marks 1 "
#define PUBLISH_MAGIC_LENGTH (sizeof PUBLISH_MAGIC - 1)
#define PUBLISH_HEX 64
#define PUBLISH_FIRST (PUBLISH_MAGIC_LENGTH + PUBLISH_HEX + 1)

struct publish_alive {
	int64_t sequence;  /* rises with each time that it is written */
	int64_t marks;     /* the sequence of "marks" */
	int64_t written;   /* milliseconds since 1970 */
};
/* 0, or -1: it is not right. */
int publish_alive_read(const char *text, size_t length, struct publish_alive *out);
/*
 * Tells entry (or nobody: NULL) each mark of the text of "marks", as a store would have it, unless *sequence, which is its own, is less
 * than least. EMA_BAD_JSON: it is not right; EMA_OUT_OF_MEMORY, and what entry answered, which ends it.
 */
int publish_marks_read(const char *text, size_t length, int64_t least, int64_t *sequence, store_entry_fn *entry, void *data);
/*
 * Of the text of "changes", which is texts as "marks" has them, one behind the other. The last one may not be whole: then nobody was told
 * that it is kept. *whole is the length of those before it.
 */
int publish_changes_read(const char *text, size_t length, size_t *whole, int64_t *sequence, store_entry_fn *entry, void *data);
/* SHA-256 in hexadecimal; -1: it failed. */
int publish_digest(const char *text, size_t length, char hex[PUBLISH_HEX + 1]);

#endif
