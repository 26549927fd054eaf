/* What marks.c and follow.c share. */
#ifndef STATE_MARKS_INSIDE_H
#define STATE_MARKS_INSIDE_H

#include <openssl/evp.h>
#include <pthread.h>

#include "digest.h"
#include "mark_table.h"
#include "marks.h"

#define MARK_PREFIX "mark/"
#define MARK_PREFIX_LENGTH (sizeof MARK_PREFIX - 1)
#define MARK_LABEL_MOST 200
/* Prefix, letter of the kind, 'e' or 'b', digest, label. */
#define MARK_HEAD (MARK_PREFIX_LENGTH + 2 + DIGEST_BYTES)
#define MARK_KEY_MOST (MARK_HEAD + MARK_LABEL_MOST)

/* A block is kept so long without being renewed; a process that runs renews it in the last but one month. */
#define MARK_BLOCK_MS (INT64_C(400) * 86400 * 1000)
#define MARK_RENEW_MS (INT64_C(370) * 86400 * 1000)

#define MARK_NEWS_MOST 1024

/* What changed since it was looked at last. */
struct mark_news {
	size_t count;
	int missed; /* some did not fit */
	uint64_t words[MARK_NEWS_MOST][MARK_DIGEST_WORDS];
};

struct marks {
	struct store *store;
	const struct clock *clock;
	struct log log;
	int alone, one_way;
	const char *source;             /* of what others revoke, for messages */
	EVP_MD *sha256;
	_Atomic int last_known;
	_Atomic int64_t loss_ms;
	_Atomic int64_t contact;        /* monotonic milliseconds; INT64_MIN: never yet */
	_Atomic int incomplete;         /* a mark that the store has did not fit */
	pthread_mutex_t lock;           /* guards the table's writer, and what follows */
	struct mark_table table;
	uint64_t changes;               /* of the table */
	pthread_cond_t changed;         /* it rose, or who waits for it is to end; or what is kept did */
	struct mark_news *news;         /* NULL: nobody asks for it */
	int64_t offset;                 /* of the wall clock over the monotonic one, as far as it is believed */
	int64_t ahead_since;            /* monotonic: since then it was greater; INT64_MIN: it is not */
	/* Where the memory is the store, and somebody writes each change to the disk. */
	int keeps;
	uint64_t kept;                  /* changes that are there */
	uint64_t asked, answered;       /* how often one began to wait for that, and which of them a try that began later has answered */
	const char *keep_trouble;       /* why the last try failed */
	/* The follower's alone, but for stop. */
	pthread_t thread;
	pthread_cond_t stopped;
	int has_thread, stop;
	uint64_t list;                  /* number of the last list */
	int64_t list_since;             /* since when the store remembered before the last list; INT64_MIN: always, or not known */
	int list_due;                   /* there was a failure, or the store forgot: changes may have been missed, or lost */
	int64_t list_next, sweep_next;  /* monotonic milliseconds */
	int failing;
	int unheard;                    /* marks that the store lost are not in it again */
};

struct mark_name {
	int kind;
	uint64_t words[MARK_DIGEST_WORDS];
	unsigned char digest[DIGEST_BYTES];
	char label[MARK_LABEL_MOST + 1];
};

void mark_words(const unsigned char digest[DIGEST_BYTES], uint64_t words[MARK_DIGEST_WORDS]);
void mark_digest(const struct mark_slot *slot, unsigned char digest[DIGEST_BYTES]);
/* Drops what has ended. Under the lock. */
void mark_sweep(struct marks *marks);
/* The key in the store, for what ('e' or 'b'). Returns its length. */
size_t mark_key(int kind, char what, const unsigned char digest[DIGEST_BYTES], const char *label, unsigned char key[MARK_KEY_MOST]);
static inline char mark_label_byte(unsigned char byte)
{
	return byte < 0x20 || byte > 0x7e ? '?' : (char)byte;
}
/* Kind of a letter; -1: none. */
int mark_kind_of(unsigned char letter);
/* A store_entry_fn of struct marks: takes what is told of a mark in a store. Not under the lock. */
int mark_take(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires);
/* Takes what the store has. Under the lock. list: the number of the list in which it was seen. */
int mark_apply(struct marks *marks, const struct mark_name *name, char what, int64_t value, int64_t expires, uint64_t list);

#endif
