/* What the files of this folder know of each other. Lock order: trust->lock, then keyset->lock. */
#ifndef TRUST_TRUST_H
#define TRUST_TRUST_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache.h"
#include "fetch.h"
#include "keyset.h"

#define KEYSET_BODY_MOST 262144
#define KEYSET_REFUSED_KIDS 16

struct trust {
	const struct clock *clock;
	struct log log;
	struct notice notice;
	struct cache cache;      /* its folder is a string of ours */
	struct cache kept;       /* of who publishes: what is published may be gone with the next start of the machine */
	pthread_mutex_t lock;    /* list, thread, counts of key sets */
	pthread_cond_t changed;  /* something became due, or it is over */
	pthread_t thread;
	int has_thread, passive, publishes, published;
	atomic_int stopping;
	atomic_uint held;        /* threads of requests that wait for a fetch, or fetch */
	atomic_uint held_passing; /* and those of them that do for key sets of whoever names himself */
	atomic_uint_fast64_t generation; /* one row of numbers for all key sets: a reopened set never repeats one */
	struct keyset *first;
};

static inline const char *trust_whose(const struct keyset_settings *settings)
{
	return settings->whose ? settings->whose : "provider";
}

/* A set that readers hold while they verify. */
struct keys {
	atomic_uint references;
	uint64_t generation;
	struct jwks *set;
};

struct refused_kid {
	int64_t until; /* monotonic */
	char kid[JWS_KID_MOST + 1];
};

struct keyset {
	struct trust *trust;
	struct keyset *next;
	unsigned opened, held;   /* by users; by the thread. Under trust->lock */
	atomic_int closing;
	struct keyset_settings settings; /* with strings of its own */
	char *identity;          /* all settings as one string */
	char *source;            /* those that say whose keys these are */
	int fixed;               /* from a file or inline: never fetched */

	pthread_mutex_t lock;    /* the rest */
	pthread_cond_t landed;   /* a fetch is over */
	int in_flight;
	uint64_t flights;        /* that are over */
	struct keys *keys;       /* NULL: none yet */
	char *body;              /* as it came */
	size_t length;
	char *jwks_uri;          /* that discovery found */
	int64_t discovered;      /* monotonic; when it did */
	struct exposed exposed;  /* of all sets that came; as jwks_uri, of who set in_flight alone */
	char etag[FETCH_HEADER_MOST], last_modified[FETCH_HEADER_MOST];
	int64_t fetched, fresh_until, life; /* wall */
	int64_t date;            /* seconds: when the issuer made the answer; 0 or less: it did not say */
	int64_t fetched_tick;    /* fetched on the monotonic clock, so that a clock set back makes no key older than it is young */
	int64_t due;             /* monotonic: the next fetch in the background */
	int64_t forced_from;     /* monotonic: no forced fetch before */
	unsigned failing;        /* failed fetches in a row */
	int64_t failing_since;   /* wall: the first of them */
	int64_t late;            /* how long the keys were not fresh when a refresh failed first; -1: none has yet */
	enum keyset_standing told; /* in the audit trail */
	unsigned refused_at, waiting;
	struct refused_kid refused[KEYSET_REFUSED_KIDS];
	struct published_stamp stamp; /* of what another one published */
	int64_t published;       /* when that was fetched, as it says; 0: nothing yet */
	uint64_t fetches, failures;
	char last_failure[FAILURE_TEXT];
};

/* refresh.c: what fetches, or looks at what another one fetched. */
/* Fetches, adopts or notes the failure, plans the next one, wakes who waits. keyset->in_flight was set by the caller, under
   the lock; it holds no lock now. wait_ms: time there is. */
void refresh_run(struct keyset *keyset, int64_t wait_ms);
/* Adopts what the disk knows, if it is not too old. */
void refresh_load(struct keyset *keyset);
/* Starts the thread if there is none. Under trust->lock. */
int refresh_start(struct trust *trust, struct failure *failure);
void refresh_stop(struct trust *trust);
/* Something may be due earlier than the thread thinks. Without a lock. */
void refresh_wake(struct trust *trust);
/*
 * Whether it is to be fetched now: as planned, or where keys that came in time are too old all the same, by a wall clock that was put
 * right, or a sleep of the machine, neither of which the plan's clock has seen. With keyset->lock.
 */
int refresh_is_due(const struct keyset *keyset);
/*
 * Where the keys stand, and since when (wall; 0: as it should be). Under keyset->lock. What is stale is so since the first refresh
 * that failed after it ceased to be fresh, and before one has, or if none is known since all should have, since then.
 */
enum keyset_standing refresh_standing(const struct keyset *keyset, int64_t *since);

struct keys *keys_new(struct jwks *set);
void keys_release(struct keys *keys);
void keyset_free(struct keyset *keyset);

#endif
