/* Signing keys at one time, and what time asks of them: pure, without files. For keyring.c alone. */
#ifndef TOKEN_KEY_SET_H
#define TOKEN_KEY_SET_H

#include "keyfolder.h"
#include "keyring.h"

struct key_set { /* counted; immutable once it is served, so that who reads holds no lock while it does */
	atomic_int references;
	struct signing_key *keys[KEYRING_MOST]; /* by signs_from */
	size_t count;
	char *jwks;
};

struct key_set *key_set_new(void); /* NULL: no memory */
struct key_set *key_set_keep(struct key_set *set);
void key_set_release(struct key_set *set);
/* Adds in order; the key stays the caller's, too. -1: too many. */
int key_set_add(struct key_set *set, struct signing_key *key);
struct signing_key *key_set_find(const struct key_set *set, const char *kid);
/* Index of the one that signs; the set is not empty. */
size_t key_set_current(const struct key_set *set, int64_t now);
/* When the index'th is no longer published; 0: that is not known yet. */
int64_t key_set_gone_at(const struct key_set *set, size_t index, int64_t keep_after);
/* 1 if a later key says that it is the only one. */
int key_set_is_void(const struct key_set *set, const struct signing_key *key);
/* The keys that are neither void nor gone, in a new set with its text; NULL: no memory. */
struct key_set *key_set_living(const struct key_set *all, int64_t now, int64_t keep_after);
int key_set_same(const struct key_set *a, const struct key_set *b);
/* Makes jwks; -1: no memory. */
int key_set_text(struct key_set *set);
/* The key that waits for its time to sign; NULL: there is none. */
const struct signing_key *key_set_next(const struct key_set *set, int64_t now);

struct key_plan {
	enum jose_algorithm algorithm;
	int64_t rotate_after, publish_before, keep_after; /* milliseconds */
};
/* 1 if a key is to be made, which signs from *at on. */
int key_set_due(const struct key_set *set, const struct key_plan *plan, int64_t now, int64_t *at);

#endif
