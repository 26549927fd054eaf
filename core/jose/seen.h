/*
 * Tokens that were found good: who brings one again is spared the cost of its signature, and of reading it. An entry is one digest, of
 * all bytes of the token, and what its maker keeps with it; it grants nothing by itself. What may have changed since is judged each
 * time, and the key must be one that counts today.
 */
#ifndef JOSE_SEEN_H
#define JOSE_SEEN_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SEEN_DIGEST 32

struct seen; /* any number of threads */

/* What is kept with a digest: counted, and not changed any more once it was added. For the first member of a structure. */
struct seen_value {
	atomic_int references; /* its maker's one, to begin with */
	size_t size;           /* bytes, with all that hangs on it */
	uint64_t version;      /* of what made it: it is there for who asks for the same one */
	void (*free)(struct seen_value *value);
	/* Another handle of it, with a count of its own and a reference to this one: for a thread that often asks for it, as a count that
	   several threads write is what they wait for. NULL: no memory. May be NULL. */
	struct seen_value *(*view)(struct seen_value *value);
};

/* most entries, a multiple of 8, in places of eight that share the bytes for values evenly; views hold another 128 values at most, each
   of which fitted a place. NULL: no memory. */
struct seen *seen_new(size_t most, size_t bytes);
void seen_free(struct seen *seen);

/* The digest of a token, with the key of a thumbprint (RFC 7638) or with "". 1, or 0 if OpenSSL could not: then it is not remembered. */
int seen_digest(struct seen *seen, const char *thumbprint, const char *token, size_t length, unsigned char out[SEEN_DIGEST]);
/* Whether it was added, without a value or with one of the version, and is not forgotten yet; if so, its value or a view of it in *out,
   with a reference of the caller's. out may be NULL. */
int seen_has(struct seen *seen, const unsigned char digest[SEEN_DIGEST], uint64_t version, struct seen_value **out);
/* Takes a reference of its own to the value, which may be NULL. share: a number of whose it is. Where there is no room, of the share that
   has most of the place what was not asked for lately is forgotten: however many come of one, another keeps its even part. A value that
   is more than a place may have is not kept. */
void seen_add(struct seen *seen, const unsigned char digest[SEEN_DIGEST], uint64_t share, struct seen_value *value);
void seen_release(struct seen_value *value); /* NULL is none */

/* How many were asked for and there, and how many came to be added. */
void seen_counts(const struct seen *seen, uint64_t *hits, uint64_t *added);

#endif
