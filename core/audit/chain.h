/* What ties a writer's records together: h(n) = SHA-256(h(n-1) || line n), checkpoints under a key, the head on disk. */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "failure.h"
#include "spool.h"

#define CHAIN_HASH 32
#define CHAIN_TEXT 44  /* base64url and a NUL */
#define CHAIN_KEY_ID 9
#define CHAIN_WRITER 128

#define SALT_PSEUDONYM 23

struct keys {
	unsigned char seal[32];
	char salt_id[CHAIN_KEY_ID], seal_id[CHAIN_KEY_ID];
	EVP_MD *sha256;
	int opened;
	pthread_rwlock_t exchange; /* of the salt: its id, the keyed hash, and what is known */
	EVP_MAC_CTX *pseudonym;
	struct known *known;       /* pseudonyms that were asked for last: people ask often */
};

/* folder NULL: made for this process alone. period in milliseconds; 0: a salt is never exchanged. */
int keys_open(const char *folder, int64_t period, int64_t now, struct keys *out, struct failure *failure);
void keys_close(struct keys *keys);
/* Takes the salt that is in the folder now: a new one if it is older than the period, or if there is none. */
int salt_refresh(const char *folder, int64_t period, int64_t now, struct keys *keys, struct failure *failure);
/* Between these the salt and its id stay the same. */
int salt_hold(const struct keys *keys);
void salt_let_go(const struct keys *keys);
/* HMAC-SHA-256 under the salt that is held. 0, or -1 and "unknown". */
int salt_pseudonym(const struct keys *keys, const char *text, char out[SALT_PSEUDONYM]);
/* Without it, all pseudonyms are computed. NULL: no memory. */
struct known *salt_known_new(void);
void salt_known_free(struct known *known);
int salt_pseudonym_of(const unsigned char salt[32], const char *text, char out[SALT_PSEUDONYM]);
/* The keyed hash of a checkpoint. Another process with the same key file computes the same. */
int chain_seal(const unsigned char key[32], const char *writer, uint64_t count, const char *head, char out[CHAIN_TEXT]);
int chain_step(const EVP_MD *sha256, const unsigned char before[CHAIN_HASH], const char *line, size_t length, unsigned char after[CHAIN_HASH]);

struct chain {
	const struct keys *keys;
	char writer[CHAIN_WRITER];
	int head;                   /* descriptor of WRITER.head; -1: memory */
	struct spool_cursor cursor;
};

/* How far somebody is: in the spool of which writer, and in there. */
struct place {
	unsigned order;
	struct spool_cursor cursor;
};

/* The head's file is opened; if the spool knows of no chain, the one that the file names is continued. *state is NULL for a
   chain that simply goes on, else "new", "spool-lost" or "unknown". */
int chain_open(const char *folder, const char *writer, const struct keys *keys, struct spool *spool, struct chain *out, const char **state,
               struct failure *failure);
void chain_close(struct chain *chain);
void chain_before(const struct chain *chain, char out[CHAIN_TEXT]); /* hash of the last record, or "none" */
int chain_advance(struct chain *chain, const char *line, size_t length, uint64_t end);
/* Into the head file. */
void chain_save(const struct chain *chain, const struct spool_cursor *at);
/* The number and the hash of a head file. 0 or -1. */
int chain_head(const char *folder, const char *writer, uint64_t *number, char out[CHAIN_TEXT]);
/* Reads the key file of a folder that exists. 0 or -1. */
int chain_key(const char *folder, const char *name, unsigned char out[32]);
/* The same, made if there is none. */
int chain_make_key(const char *folder, const char *name, unsigned char out[32], struct failure *failure);
/* The id of a key: of its hash with the label. 0 or -1. */
int chain_id_of(const EVP_MD *sha256, const char *label, const unsigned char key[32], char out[CHAIN_KEY_ID]);
int chain_key_id(const EVP_MD *sha256, const unsigned char key[32], char out[CHAIN_KEY_ID]);

#endif
