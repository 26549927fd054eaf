/*
 * The keys that this authorization server signs its access tokens with (JWT-79, JWT-80): next (published, does not sign yet),
 * current, previous (published until no token of theirs lives), gone. A file in the folder never changes after it was written,
 * and the state of a key is a matter of time alone, so that replicas which share the folder agree without talking.
 */
#ifndef TOKEN_KEYRING_H
#define TOKEN_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "conf.h"
#include "failure.h"
#include "jwk.h"
#include "jws.h"
#include "log.h"
#include "notice.h"

#define KEYRING_MOST 32
#define KEYRING_KEEP_MS ((INT64_C(86400) + 60) * 1000) /* the longest life of a token and the largest skew */
#define KEYRING_AHEAD_MOST_MS (7 * INT64_C(86400) * 1000)

enum keyring_mode {
	KEYRING_SERVE,  /* signs and verifies; makes what is missing, rotates, writes */
	KEYRING_LOOK,   /* reads the folder as it is and writes nothing; does not sign */
	KEYRING_PUBLIC  /* public_file alone, for programs that hold no private key: verifies; does not sign */
};

struct keyring_settings {
	const struct clock *clock;
	struct log log;
	struct notice notice;
	enum keyring_mode mode;
	const char *folder;        /* STATE_DIR/keys; NULL: in memory, made anew at each start */
	const char *public_file;   /* STATE_DIR/jwks.json; NULL: none */
	const char *publish;       /* a folder for programs of other users, where that file is, too, while it is there; NULL: none. Of KEYRING_SERVE alone */
	const struct published *published; /* of KEYRING_PUBLIC: that folder, instead of public_file; NULL: none */
	enum jose_algorithm algorithm; /* of new keys */
	int64_t rotate_after_ms;   /* a key signs for so long; 0: it is replaced by keyring_rotate() alone */
	int64_t publish_before_ms; /* a key is published for so long before it signs; at most KEYRING_AHEAD_MOST_MS */
	int64_t keep_after_ms;     /* a key stays published for so long after its successor signs; 0: KEYRING_KEEP_MS */
	int recover;               /* files that cannot be used are set aside, even if none is left: for rotate --now alone */
};

/* What a configuration says: mode, folder, file, publish or published, algorithm, times. The rest of *out is the caller's. EMA_CONFIG: too long a path. */
struct keyring_paths {
	char folder[4096], public_file[4096];
};
int keyring_settings_from(const struct conf *conf, enum keyring_mode mode, struct keyring_paths *paths, struct keyring_settings *out,
                          struct failure *failure);

struct keyring;

/*
 * What is in the folder, or a first key. EMA_CONFIG: a file or folder that others could have read or written, a damaged file and
 * no usable one (a key is never made over a damaged one in silence), or a path that cannot be used; EMA_CLOCK_WRONG;
 * EMA_UNAVAILABLE: the lock or the disk. With KEYRING_PUBLIC an absent file is none: EMA_OK, and verifying is EMA_KEYS_UNAVAILABLE
 * until it is there. The settings are copied.
 */
int keyring_open(const struct keyring_settings *settings, struct keyring **out, struct failure *failure);
void keyring_close(struct keyring *keyring);

/* After a reload; another algorithm is a rotation, done by the next ticks. */
void keyring_configure(struct keyring *keyring, enum jose_algorithm algorithm, int64_t rotate_after_ms, int64_t publish_before_ms);

/* Of a folder that another one publishes: its keys count for loss_ms, and for ten seconds at least, after it could be read last; with
   last_known for as long as a token may live. After that verifying is EMA_KEYS_UNAVAILABLE. */
void keyring_on_loss(struct keyring *keyring, int last_known, int64_t loss_ms);

/* Once a second or so, from one thread: notices what others wrote, publishes the next key in time, removes what is gone. What
   fails is logged and tried again; the keys that are there go on serving. Never blocks for long. */
void keyring_tick(struct keyring *keyring);

/*
 * Publishes a next key, which signs after publish_before; EMA_EXISTS if there is one already. now: the new key signs at once, and
 * all others are dropped, so that every token signed before is refused: for a key that somebody else may have.
 */
int keyring_rotate(struct keyring *keyring, int now, struct failure *failure);

/* Any number of threads. type is the header's typ. A new string, free(). EMA_KEYS_UNAVAILABLE: there is no key to sign with. */
int keyring_sign(struct keyring *keyring, const char *type, const char *payload, size_t length, char **out, struct failure *failure);
/* By the published key that kid names and with that key's own algorithm. EMA_OK, EMA_UNKNOWN_KEY, EMA_BAD_ALGORITHM,
   EMA_BAD_SIGNATURE, EMA_KEYS_UNAVAILABLE, EMA_INTERNAL. */
int keyring_verify(struct keyring *keyring, const struct jws *jws, struct failure *failure);
/* Whether that key would verify still: EMA_OK, EMA_UNKNOWN_KEY, EMA_KEYS_UNAVAILABLE. */
int keyring_has(struct keyring *keyring, const char *kid);
/* The published keys as a JWK set, oldest first, without a private member. A new string; NULL: no memory. */
char *keyring_jwks(struct keyring *keyring);
/* Changes with each change of the published set. */
uint64_t keyring_generation(struct keyring *keyring);

enum keyring_state { KEYRING_UNKNOWN /* of KEYRING_PUBLIC */, KEYRING_NEXT, KEYRING_CURRENT, KEYRING_PREVIOUS };
struct keyring_entry {
	char kid[44];
	enum jose_algorithm algorithm;
	enum keyring_state state;
	int64_t published, signs_from; /* milliseconds since 1970; 0: unknown */
	int64_t gone_at;               /* 0: not yet known */
};
/* Oldest first; how many. */
size_t keyring_list(struct keyring *keyring, struct keyring_entry out[KEYRING_MOST]);
const char *keyring_state_name(enum keyring_state state);

#endif
