/* Signing keys as files: one a key, written once and whole, read by nobody but their owner. For keyring.c alone. */
#ifndef TOKEN_KEYFOLDER_H
#define TOKEN_KEYFOLDER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "failure.h"
#include "jwk.h"
#include "published.h"

#define KEYFOLDER_NAME 64      /* "key-KID.jwk" with its NUL */
#define KEYFOLDER_FILES_MOST 64
#define KEYFOLDER_PUBLIC_MOST 65536

struct signing_key { /* immutable, counted */
	atomic_int references;
	struct jwk *jwk;
	char kid[44];
	int64_t published, signs_from; /* milliseconds since 1970 */
	int alone;                     /* all that were published before it are void */
};
struct signing_key *signing_key_new(struct jwk *jwk, int64_t published, int64_t signs_from, int alone); /* takes jwk; NULL: no memory */
struct signing_key *signing_key_keep(struct signing_key *key);
void signing_key_release(struct signing_key *key);

struct keyfolder_names {
	char list[KEYFOLDER_FILES_MOST][KEYFOLDER_NAME]; /* sorted */
	size_t count;
};

/* The folder's descriptor, or -1. make: it is made if it is not there. EMA_CONFIG, EMA_ABSENT (without make). */
int keyfolder_open(const char *path, int make, struct failure *failure);
/* A descriptor that holds the lock of all writers, close() it; -1 if it is not had within wait_ms. Leftovers of a writer that died
   are removed. */
int keyfolder_lock(int folder, int64_t wait_ms, struct failure *failure);
int keyfolder_list(int folder, struct keyfolder_names *out, struct failure *failure);
/* EMA_DENIED: others could have read or written it; EMA_BAD_JSON: damaged; EMA_ABSENT; EMA_UNAVAILABLE; EMA_OUT_OF_MEMORY. */
int keyfolder_read(int folder, const char *name, struct signing_key **out, struct failure *failure);
/* These want the lock. */
int keyfolder_write(int folder, const struct signing_key *key, struct failure *failure);
int keyfolder_remove(int folder, const char *name, struct failure *failure);
int keyfolder_set_aside(int folder, const char *name, struct failure *failure);
void keyfolder_name(const char *kid, char name[KEYFOLDER_NAME]);

/* A public file, for everybody to read: written aside, synced, renamed. */
int keyfolder_publish(const char *path, const char *text, size_t length, struct failure *failure);
/* The same read: nobody but root, our user and the owner of its folder may have written it. EMA_ABSENT, EMA_DENIED, EMA_UNAVAILABLE,
   EMA_OUT_OF_MEMORY. stamp tells one version of the file from another; *text is NULL if it is still stamp's. */
int keyfolder_read_public(const char *path, struct published_stamp *stamp, char **text, size_t *length, struct failure *failure);

/*
 * The public file in the folder of published.h. That is made by who publishes all of it, not by who rotates keys while it does not
 * run; where it is not there nobody reads, so that it is EMA_OK. keys: the folder of the keys, whose owner's it is, also for root;
 * or NULL. *shown: the file as it is then.
 */
int keyfolder_show(const char *publish, const char *keys, const char *text, size_t length, struct stat *shown, struct failure *failure);
int keyfolder_is_shown(const char *publish, const struct stat *shown);

#endif
