/* A context with a configuration in a folder of its own, an issuer's key, and tokens made with it. */
#ifndef TESTS_CONTEXT_WORLD_H
#define TESTS_CONTEXT_WORLD_H

#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "buffer.h"
#include "clock.h"
#include "context.h"
#include "ema/admin.h"
#include "ema/ema.h"
#include "jwk.h"

struct world {
	char folder[64];
	struct jwk *key, *other;  /* the issuer's, and one that nobody trusts */
	char *jwks;               /* of key, as an ema.conf string */
	ema_context *context;
	int64_t now;              /* seconds since 1970, what the tokens are made with */
	int serial;               /* of jti */
};

/* The machine's clock, of which what bounds waiting alone is moved on, by so many milliseconds: a token must not age. */
extern const struct clock world_clock;
extern atomic_llong world_moved;

#define ISSUER "https://idp.example"
#define OURS "https://auth.example"

void world_open(struct world *world);
/* now is a little ahead, as an issuer's clock may be: nothing is issued before a store begins, however long its opening takes. */
void world_refresh(struct world *world);
/* Waits until what is issued now is not issued in the second in which a store began. */
void world_next_second(void);
void world_close(struct world *world);
/* Writes a file into the folder; "%FOLDER%" and "%JWKS%" in it are replaced. */
void world_file(const struct world *world, const char *name, const char *text);
/* Writes ema.conf and loads it; the code. */
int world_load(struct world *world, const char *text);
/* An ID-JAG with the usual claims; changes is a JSON object whose members replace them (null takes away). free() it. */
char *world_token(struct world *world, const char *changes);
/* The same with another typ and key. */
char *world_sign(struct world *world, const struct jwk *key, const char *type, const char *changes);
/* Decides the token for client "app"; frees the token. */
int world_decide(struct world *world, const char *service, char *token, ema_decision **out);
/* With a usual token, again and again until the store has been read; expected ends it too. The last decision is out. */
int world_decide_known(struct world *world, const char *service, int expected, ema_decision **out);
/* The whole of a file of the folder; "" if it is not there. free() it. */
char *world_read(const struct world *world, const char *name);

/* One provider, one service, no more. */
extern const char world_plain[];

/* ---- What is heard, in one text; for a log, and what else is told to ears_hear() ---- */

#define CANARY "cAnArY"

struct ears {
	pthread_mutex_t lock;
	struct buffer heard;
};
void ears_hear(void *data, int level, const char *text);
/* Neither the canary is in text, nor so many bytes in a row of a secret, or NULL, from each of its pieces on. */
void nothing_leaks(const char *where, const char *text, const char *secret, size_t piece);

#endif
