/*
 * Revocation, as a process sees it. An epoch of something says that nothing of it which was issued at or before that time
 * counts; a block, that nothing of it counts until it is lifted; a single token or assertion may be named, too. They are kept in
 * the store, under names that hash whom they are about, and each process has all of them in memory, fed by the store's changes:
 * a check asks nobody.
 */
#ifndef STATE_MARKS_H
#define STATE_MARKS_H

#include <stdint.h>

#include "clock.h"
#include "failure.h"
#include "log.h"
#include "store.h"

struct marks; /* all functions but those of the follower are thread-safe */

/* No mark reaches further back than the longest life of a token, ours (24 h) or a provider's, which ends for us with MARKS_REACH_MS, and skew. */
#define MARKS_LIFE_MS (INT64_C(48) * 3600 * 1000)
/* What was issued longer ago may have been hit by a mark that is gone: two minutes are for clocks, and for what an answer takes. */
#define MARKS_REACH_MS (MARKS_LIFE_MS - INT64_C(120000))
/*
 * How much after an epoch a token may have been issued and still be refused: by another process, which had not heard of it yet
 * and took what was issued before. It is the time in which a mark reaches every process.
 */
#define MARKS_CARE_MS INT64_C(1000)
#define MARKS_NEVER INT64_MIN /* issued: unknown. Each epoch hits it */

struct marks_settings {
	struct store *store;     /* outlives it; NULL: marks are in this process alone */
	const struct clock *clock;
	struct log log;
	int alone;               /* nobody else writes to the store: there is nothing to follow, and no contact to lose */
	int one_way;             /* the store is what another one publishes: it is followed and never told anything */
	int last_known;          /* what counts when contact is lost for longer than loss_ms: what is known, instead of refusing */
	int64_t loss_ms;         /* 0: 60 s */
	size_t entries_most;     /* 0: 250,000 */
};

int marks_new(const struct marks_settings *settings, struct marks **out, struct failure *failure);
/* Ends the follower, too. */
void marks_free(struct marks *marks);
/* For a changed configuration. */
void marks_on_loss(struct marks *marks, int last_known, int64_t loss_ms);

/* Starts the thread that follows the store, until marks_free(). */
int marks_follow(struct marks *marks, struct failure *failure);
/*
 * What that thread does again and again, for one that has its own: waits up to ms for a change and takes it; from time to time, and
 * after each failure, it compares everything, and raises again what the store has lost. EMA_OK, or why there is no contact.
 */
int marks_step(struct marks *marks, int64_t ms);

enum mark_kind {
	MARK_EVERYTHING, /* no fields */
	MARK_SUBJECT,    /* issuer, tenant or NULL, name: sub */
	MARK_CLIENT,     /* name: client id */
	MARK_PROVIDER,   /* name: id in ema.conf */
	MARK_TENANT,     /* name: id of the provider; tenant */
	MARK_SERVICE,    /* name: id in ema.conf */
	MARK_TOKEN,      /* name: jti of a token of ours. Whenever it was issued */
	MARK_ASSERTION,  /* issuer, tenant or NULL, name: jti of an ID-JAG */
	MARK_PERSON,     /* name: of a directory */
	MARK_KINDS
};

struct mark_target {
	enum mark_kind kind;
	const char *issuer, *tenant, *name;
};

/*
 * What was issued at or before that time is refused from now on: by this process before this returns, by the others within a
 * second. before in milliseconds since 1970, 0: now; it never moves back. expires in milliseconds, 0: when nothing that it hits can
 * live any more; earlier is for MARK_TOKEN and MARK_ASSERTION, whose end is known. EMA_OK: the store has it. EMA_BAD_REQUEST,
 * EMA_STORE_UNAVAILABLE, EMA_STORE_FULL, EMA_OUT_OF_MEMORY: do not count on it.
 */
int marks_revoke(struct marks *marks, const struct mark_target *target, int64_t before, int64_t expires, int64_t ms, struct failure *failure);
/* marks_revoke() with now, and nothing new either until it is lifted. Not for a token or an assertion. */
int marks_block(struct marks *marks, const struct mark_target *target, int64_t ms, struct failure *failure);
/* Ends a block; what was issued before stays refused. EMA_ABSENT: there is no block. */
int marks_lift(struct marks *marks, const struct mark_target *target, int64_t ms, struct failure *failure);

/*
 * Whoever acknowledges what the three above did asks this first, once for all of them. EMA_OK: it outlives this process, or nobody is to keep
 * it but the store. EMA_STORE_UNAVAILABLE: it is in force, but a restart may forget it.
 */
int marks_kept(struct marks *marks, int64_t ms, struct failure *failure);

/* Who and what a token or an assertion is of. What is NULL is not looked for. */
struct mark_query {
	int64_t issued;                 /* milliseconds since 1970; MARKS_NEVER */
	const char *issuer, *tenant, *sub;
	const char *client;
	const char *provider;           /* with tenant: that tenant's mark, too */
	const char *service;
	const char *jti;                /* of a token of ours */
	const char *assertion;          /* jti of an ID-JAG */
	const char *person;             /* that a directory found */
};

/*
 * EMA_OK; EMA_BLOCKED; EMA_REVOKED; EMA_STORE_UNAVAILABLE if what is known is too old to say that it is none of these.
 * No lock, no I/O, and writes nothing that another thread reads.
 */
int marks_check(struct marks *marks, const struct mark_query *query, struct failure *failure);

/* What is known of one thing. */
struct mark_entry {
	enum mark_kind kind;
	const char *label;              /* client, provider, PROVIDER/TENANT or service, without control characters; NULL for the others */
	char digest[65];                /* hex; the same for the same thing */
	int64_t epoch, epoch_expires;   /* milliseconds since 1970; epoch MARKS_NEVER: none */
	int64_t blocked;                /* since when; 0: not */
};
/* EMA_ABSENT if there is nothing. label is NULL. */
int marks_find(struct marks *marks, const struct mark_target *target, struct mark_entry *out, struct failure *failure);
/* All of them, in no order; what entry answers but EMA_OK ends the list and is the result. entry must not call marks. */
int marks_list(struct marks *marks, int (*entry)(void *data, const struct mark_entry *entry), void *data);
/* 1 if there is any mark of that kind. */
int marks_any(const struct marks *marks, enum mark_kind kind);
/* EMA_OK if all that the store has is known here, or why that cannot be said: EMA_STORE_UNAVAILABLE. */
int marks_known(struct marks *marks, struct failure *failure);
/* "subject", "client", ...; NULL for no kind. */
const char *mark_kind_name(int kind);

#endif
