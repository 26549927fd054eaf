/* struct audit, for the files of this folder. */
#ifndef AUDIT_INSIDE_H
#define AUDIT_INSIDE_H

#include <pthread.h>
#include <sys/types.h>

#include "audit.h"
#include "chain.h"
#include "origin.h"
#include "record.h"
#include "spool.h"

#define QUEUE_RECORDS 1024
#define QUEUE_BYTES (2u * 1024 * 1024) /* without the form of OCSF, which a record gets beside if a sink asks */
#define BATCH 64                    /* records that are rendered at a time */
#define OFFER 64                    /* and that a sink is given at a time, */
#define OFFER_MS 20                 /* unless they take so long */
#define FLUSH_RECORDS 512           /* between two flushes, at most, */
#define SETTLE_MS 10                /* and for so long the first of them waits for others */
#define GATHER_MS 2                 /* for which the first record waits for others */
#define INTERNAL_PART 8            /* one part of so many of the spool is for the records of audit itself */
#define CHECKPOINT_RECORDS 1000
#define CHECKPOINT_MS 60000
#define SALT_MS 60000
#define RETRY_LEAST_MS 100
#define RETRY_MOST_MS 5000
#define TELL_MS 60000               /* an optional sink that fails on and off, or at what says so itself, has one record in so long */
#define FLUSH_MS 2000
#define STOP_MS 5000                /* for so long a sink that goes is given what is in its queue, */
#define LEAVE_MS (FLUSH_MS + 1000)  /* and so long after that it may take to return and close */

/* A writer's spool and chain: our own, or one that a dead process left. */
struct channel {
	struct spool *spool;     /* its next: how far the thread has read */
	struct chain chain;      /* as of there */
	unsigned order;          /* in the list; the dead ones come first, our own last */
	struct channel *next;
};

/* Of a sink's thread: who is LEFT touches nothing of audit any more, which may be gone. */
enum { OUTSIDE, INSIDE, LEFT };

struct sink {
	struct audit *audit;
	atomic_int holders; /* audit and the thread: the last one frees it */
	atomic_int where;   /* the thread is INSIDE of a call, without the lock */
	char *id;
	struct audit_sink calls;
	int kept;       /* used while the set is exchanged */
	int reopen, stop, busy;
	int ended;      /* by itself: it is OUTSIDE for good */
	int64_t stop_at; /* if it is to stop: it is given no more then, real monotonic ms */
	int down;
	int told;       /* one that need not work: a record says that it does not, */
	int64_t tell_at; /* and the next one does not before then, real monotonic ms */
	int64_t retry;  /* the pause before the next try */
	unsigned dirty; /* records that it took since its last flush, */
	int64_t flush_at; /* which is due then, real monotonic ms */
	struct place taken, flushed;
	int behind;     /* its queue was full: it gets the rest out of the spool, */
	struct place place; /* from here */
	pthread_t thread;
	pthread_cond_t wake;
	struct rendered *queue[QUEUE_RECORDS];
	size_t head, count, bytes;
	uint64_t gap, gap_first, gap_last;
	int gap_told_last; /* at the end: what says so is lost on it, too, and nothing says that */
	char gap_writer[CHAIN_WRITER];
};

struct audit {
	const struct clock *clock;
	struct log log;
	char *folder;               /* state_dir; NULL: memory */
	int durability_disk;
	int64_t pseudonym_period, salt_at; /* salt_at: when it is looked after again, real monotonic ms */
	struct origin *origin; /* the process that opened it */
	struct audit_pool *ids; /* the settings' */
	struct keys keys;
	pthread_mutex_t lock;
	pthread_cond_t work, room, rest; /* for the thread; for who waits for room; for who waits until all is delivered */
	pthread_t thread;
	int running, stop, idle, waiting;
	int draining;               /* so many wait until all is delivered */
	int held;                   /* the thread renders no more before a sink has room */
	int64_t stop_at;            /* real monotonic ms */
	struct channel *own, *channels, *lead; /* all, oldest first; the one that the thread reads */
	size_t reserved;            /* bytes of the spool that were promised */
	uint64_t settled;           /* number of our own last record that all sinks that must work have */
	struct sink **sinks; size_t sink_count; int sinks_set;
	struct sink **swap; size_t swap_count; int swapping;
	int reopen;
	int failing;
	uint64_t refused;           /* records that were not taken */
	int64_t failing_since;
	uint64_t appended, delivered, dropped;
	uint64_t since_checkpoint;
	int64_t checkpoint_at;
	int checkpointing;          /* one is in the spool */
	int torn;                   /* the spool was damaged, and no record says so yet */
	int merged;                 /* some refusals are merged */
};

int64_t real_ms(void);
/* Under the lock, until then at most. 0, or -1: it is then. */
int wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t real);

/* A record of audit's own, which may use all of the spool; under the lock. 0 or -1. */
int append_own(struct audit *audit, const char *kind, int severity, unsigned flags, const struct audit_field *fields, size_t count);

/* The thread. */
void *deliver(void *audit);
struct sink *sink_new(struct audit *audit, const struct audit_sink *calls);
/* By audit and by its thread: the last one frees it. */
void sink_drop(struct sink *sink);
/* A sink that must work and does not stops decisions. Under the lock. */
void sinks_judge(struct audit *audit);
struct place lead_place(const struct audit *audit);
int place_before(const struct place *a, const struct place *b);
void channel_close(struct channel *channel);
/* Somebody waits for what sinks have: they flush at once. Under the lock. */
void audit_hurry(struct audit *audit);
/* After the thread has ended: flushes and releases all. */
void sinks_end(struct audit *audit);
/* Its thread takes what is in the queue as far as it has time, flushes and closes. Under the lock. */
void sink_stop(struct sink *sink);
/* Until it has. One that does not return is left to itself: audit keeps no record for it. Under the lock, which is free meanwhile. */
void sink_wait(struct sink *sink);
/* One that was never used: it is neither closed nor released. Under the lock. */
void sink_discard(struct sink *sink);
/* audit->swap in place of what was there; by the thread, under the lock. */
void sinks_exchange(struct audit *audit);
/* Whether all that was appended is with all sinks; under the lock. */
int audit_settled(const struct audit *audit);

#endif
