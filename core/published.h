/*
 * The folder through which an authorization server hands keys and marks to programs of other users: it alone writes there, they
 * read. What is read was written by one user and root, and so was every folder on the way to it; nothing in it is secret.
 */
#ifndef CORE_PUBLISHED_H
#define CORE_PUBLISHED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "failure.h"

#define PUBLISHED_KEYS "jwks.json"  /* ours */
#define PUBLISHED_CACHE "cache"     /* of the identity providers: a folder */

struct published {
	const char *path; /* absolute */
	uid_t owner;      /* whose files count, besides root's */
};

/* Which version of a file it was. */
struct published_stamp {
	uint64_t device, file;
	int64_t seconds, nanoseconds, size;
};

struct stat;
/* Makes it the version of that file. 1 if it was that already. */
int published_stamp_take(struct published_stamp *stamp, const struct stat *st);

/*
 * The folder's descriptor, or -1: EMA_ABSENT; EMA_DENIED (it, or one on the way, is somebody else's, or can be written by others,
 * or is a link); EMA_UNAVAILABLE. Looked at anew each time, since it may have been made anew.
 */
int published_open(const struct published *folder, struct failure *failure);
/*
 * A whole file of it, with a NUL behind, free() it. The codes of published_open(), and EMA_TOO_LARGE, EMA_OUT_OF_MEMORY. stamp: NULL,
 * or what was read last; *text is NULL if it is still that.
 */
int published_read(const struct published *folder, const char *name, size_t most, struct published_stamp *stamp, char **text, size_t *length,
                   struct failure *failure);

/* The same of a folder that is open already; its path is for messages. */
int published_read_at(int at, const struct published *folder, const char *name, size_t most, struct published_stamp *stamp, char **text, size_t *length,
                      struct failure *failure);

/* For who writes there: makes the folder for all to read if it is not there, and looks at it as a reader would. A descriptor, or -1. */
int published_make(const char *path, struct failure *failure);
/* For what nobody else may read, in state_dir: makes the folder if it is not there. A descriptor, or -1: EMA_CONFIG. */
int published_private(const char *path, struct failure *failure);
/* Written aside and renamed, for all to read. durable: it is on the disk before it has its name. One writer a folder and name. */
int published_write(int folder, const char *name, const char *text, size_t length, int durable, struct failure *failure);

#endif
