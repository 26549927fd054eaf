/*
 * Signatures that were found good: who brings a token again is spared the cost of its signature, and nothing else. An entry is one
 * digest, of the key and of all bytes of the token; it grants nothing by itself. What the token says is read and judged each time,
 * and the key must be one that counts today, or nobody asks for it here.
 */
#ifndef JOSE_SEEN_H
#define JOSE_SEEN_H

#include <stddef.h>
#include <stdint.h>

#define SEEN_DIGEST 32
#define SEEN_ENTRIES 4096 /* of a context: those of the last few hours of a busy server, in 160 KiB */

struct seen; /* any number of threads */

/* most entries, a multiple of 8. NULL: no memory. */
struct seen *seen_new(size_t most);
void seen_free(struct seen *seen);

/* The digest of a token with the key of a thumbprint (RFC 7638). 1, or 0 if OpenSSL could not: then it is not remembered. */
int seen_digest(const struct seen *seen, const char *thumbprint, const char *token, size_t length, unsigned char out[SEEN_DIGEST]);
/* Whether it was added, and is not forgotten yet. */
int seen_has(struct seen *seen, const unsigned char digest[SEEN_DIGEST]);
/* Forgets one that was not asked for lately, where there is no room. */
void seen_add(struct seen *seen, const unsigned char digest[SEEN_DIGEST]);

/* How many were asked for and there, and how many were added. */
void seen_counts(const struct seen *seen, uint64_t *hits, uint64_t *added);

#endif
