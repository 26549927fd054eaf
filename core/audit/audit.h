/* Decision -> event -> spool -> sinks. */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "ema/plugin.h"
#include "failure.h"
#include "log.h"
#include "notice.h"

struct audit; /* one a context: the spool, the thread that drains it, the sinks */

/* Random for ids, drawn for many at once: two system calls for every check would cost more than all that is decided in it. Begins as
   zeros; of one process. */
#define AUDIT_POOL 250 /* getrandom() gives up to 256 whole */
struct audit_pool {
	atomic_int busy;
	size_t left;
	unsigned char bytes[AUDIT_POOL];
};

struct audit_settings {
	const struct clock *clock;
	struct log log;
	const char *state_dir;  /* NULL: the queue is memory */
	size_t spool_bytes;     /* 0: 8 MiB */
	int durability_disk;    /* synced before the answer leaves */
	int64_t pseudonym_period; /* milliseconds after which pseudonyms are made with a new salt; 0: never */
	const char *writer;     /* NULL: made of host name and process */
	struct audit_pool *ids; /* that outlives the audit; NULL: the kernel is asked for each */
};

/* EMA_OK or EMA_CONFIG. Drains what an earlier process left in the spool of this writer. */
int audit_new(const struct audit_settings *settings, struct audit **out, struct failure *failure);
/* Drains for up to ms, closes; waits some seconds for a sink that does not return, and then leaves it to itself. */
void audit_free(struct audit *audit, int64_t ms);

/* A sink, whose calls another folder does (plugin instances live above). */
struct audit_sink {
	const char *id;
	int must;            /* on_failure = "deny" */
	int (*record)(void *data, const ema_event *event); /* as struct ema_audit_ops */
	int (*flush)(void *data, int64_t ms);
	int (*reopen)(void *data);
	void (*close)(void *data);   /* called once, by the thread that does the calls above, after the last of them; may be NULL */
	void (*release)(void *data); /* called once, when the sink is gone from audit and close has returned */
	/* A call does not return: it, close and release may come to their end after audit_free(). Under a lock of audit. May be NULL. */
	void (*left)(void *data);
	void *data;
};
/*
 * Before the first call, records stay in the spool; with no sink they go nowhere. EMA_OK, or EMA_OUT_OF_MEMORY: nothing was
 * exchanged, and release is not called.
 *
 * Puts this set of sinks in place of what was there: one with the same id and data stays as it is, a changed one is flushed
 * and released before its successor is used, or left to itself if it does not return for some seconds. The strings are copied.
 */
int audit_sinks(struct audit *audit, const struct audit_sink *sinks, size_t count, struct failure *failure);
void audit_reopen(struct audit *audit);

/* ---- An event ---- */

enum audit_type { AUDIT_TEXT, AUDIT_NUMBER, AUDIT_LIST };

struct audit_field {
	const char *name;        /* as in the JSON record */
	enum audit_type type;
	const char *text;        /* NULL: the field is left out */
	int64_t number;
	const char *const *list; size_t list_count;
	int personal;            /* written as a pseudonym */
};

struct audit_event {
	const char *kind;        /* "decision", "start", "config-loaded", "keys-stale", ... */
	int64_t time;            /* milliseconds since 1970 */
	int severity;            /* of syslog */
	const char *request;     /* correlation id; NULL */
	const struct audit_field *fields;
	size_t field_count;
	size_t reserved;         /* bytes that audit_reserve kept for it: given back whatever audit_append answers; 0 */
};

/*
 * Appends to the spool and returns: EMA_OK, or EMA_AUDIT_UNAVAILABLE when a sink that must work failed or the spool stayed full
 * until deadline (monotonic ms). authenticated: may use the half of the spool that is kept for authenticated callers.
 */
int audit_append(struct audit *audit, const struct audit_event *event, int authenticated, int64_t deadline, struct failure *failure);
/*
 * Keeps room for a record before an assertion is used up. EMA_OK, or EMA_AUDIT_UNAVAILABLE as above. The event that names the bytes
 * in reserved then finds room, even if a sink fails meanwhile; its long values may be cut to fit.
 */
#define AUDIT_RESERVE (16u * 1024)
int audit_reserve(struct audit *audit, size_t bytes, int64_t deadline);
/* Gives it back, where no record came of it. */
void audit_release(struct audit *audit, size_t bytes);
/* Waits until all that was appended is with the sinks, for at most ms. EMA_OK or EMA_TIMEOUT. */
int audit_drain(struct audit *audit, int64_t ms);
/* A notice callback whose notices become events. */
void audit_notice(struct audit *audit, struct notice *out);

struct audit_state {
	uint64_t appended, delivered, dropped;
	size_t spool_used, spool_room;
	int failing;             /* a sink that must work does not */
};
void audit_state(struct audit *audit, struct audit_state *out);
/* 1 if the sink of that id does not work at present. */
int audit_sink_is_down(struct audit *audit, const char *id);

/* A keyed pseudonym (HMAC-SHA-256 with the salt of state_dir/audit), 22 characters and a NUL; the same for the same text. */
#define AUDIT_PSEUDONYM 23
void audit_pseudonym(const struct audit *audit, const char *text, char out[AUDIT_PSEUDONYM]);
/* "sha256:" and 43 characters of base64url of SHA-256(text): for jti, as anybody can compute it. */
#define AUDIT_FINGERPRINT 51
void audit_fingerprint(const char *text, size_t length, char out[AUDIT_FINGERPRINT]);

/* UUIDv7 (RFC 9562), 36 characters and a NUL. Any number of threads. pool NULL: the kernel is asked for this one. */
#define AUDIT_ID 37
void audit_id(struct audit_pool *pool, const struct clock *clock, char out[AUDIT_ID]);

struct buffer;
/*
 * Reads audit files and their rotated siblings and checks their chains; with state_dirs also the seals of checkpoints, and the
 * end of each chain. Both lists end with NULL; no state_dirs may be NULL. EMA_OK, EMA_DENIED (something does not hold, or there are no
 * records), EMA_CONFIG (no such file, or a state_dir without a key). sink: whose gaps are known, as in ema_audit_verify(). The report
 * is appended.
 */
int audit_verify(const char *const *paths, const char *const *state_dirs, const char *sink, struct buffer *report);
/*
 * Gives take() each line of these files that is about a subject: provider/tenant/sub, or a name alone for any provider, also as
 * actor or person; in plain, or as a pseudonym under a salt of state_dir (NULL: none). take answers 0 to go on. EMA_OK, EMA_CONFIG,
 * EMA_OUT_OF_MEMORY.
 */
int audit_subject(const char *path, const char *state_dir, const char *subject, int (*take)(void *data, const char *line, size_t length), void *data,
                  struct buffer *report);

/* The salt of that id, if it is still in state_dir: 0 or -1. Wipe it. And what a text is under it: 0 or -1. */
int audit_salt(const char *state_dir, const char *id, unsigned char out[32]);
int audit_pseudonym_under(const unsigned char salt[32], const char *text, char out[AUDIT_PSEUDONYM]);

#endif
