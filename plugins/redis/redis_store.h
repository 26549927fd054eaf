/* redis.so: state in Redis or Valkey, for several hosts. */
#ifndef REDIS_REDIS_STORE_H
#define REDIS_REDIS_STORE_H

#include <hiredis.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ema/plugin.h"

#define KEY_MOST 255
#define VALUE_MOST 4096
#define IDENTITY_MOST 128
#define ADDRESS_MOST 300

#define SENTINELS_MOST 16

/* A connection, and what was read of an answer that is not whole. */
struct link {
	int fd;                    /* -1: none */
	SSL *session;
	BIO *in, *out;             /* of the session: sockets are ours, for SIGPIPE and for the time limit */
	redisReader *reader;
	size_t received;           /* bytes since the last whole reply */
};

struct ema_instance {
	const struct ema_host *host;
	const ema_handle *handle;
	/* Settings. */
	const char *server, *socket, *master, *server_name, *user, *password, *sentinel_user, *sentinel_password, *prefix;
	size_t password_length, sentinel_password_length, prefix_length;
	const char *const *sentinels; size_t sentinel_count;
	int64_t quota, replicas;
	SSL_CTX *tls;
	/* The connection; calls come one at a time. */
	pid_t pid;
	struct link link;
	char address[ADDRESS_MOST]; /* that the sentinels told */
	int64_t asked;             /* monotonic milliseconds: before they were asked */
	int64_t ask_next;          /* the same: before it what they said is good enough */
	uint32_t mute;             /* bits: sentinels that gave no answer when asked last, or a late one */
	int64_t until;             /* monotonic milliseconds: of the call that runs */
	int64_t next_try, pause;   /* after a connection that failed */
	char identity[IDENTITY_MOST]; /* of the server that answered last; "" before the first */
	int64_t since;             /* atomically; INT64_MIN: not reached yet */
	int64_t told;              /* sequence of the last change that was told; -1: tell all */
	int64_t late_next, odd_next; /* monotonic milliseconds: before it a clock that was ahead, or an odd entry, is not told again */
	int failing, behind;       /* logged: that it fails; that too few replicas follow */
};

int64_t monotonic_ms(void);

/* connection.c. link_open() connects to HOST:PORT or a socket and, with tls, shakes hands. EMA_OK, EMA_UNAVAILABLE, EMA_TIMEOUT. */
int link_tls(ema_instance *self, ema_conf *conf);
int link_open(ema_instance *self, const char *address, const char *socket);
void link_close(ema_instance *self);
/* A command and its reply, until self->until. After anything but EMA_OK the link is closed. free it by freeReplyObject(). */
int link_call(ema_instance *self, int count, const char *const *arguments, const size_t *lengths, redisReply **out);
/* Logs why, once until something works again; EMA_UNAVAILABLE. */
int link_failed(ema_instance *self, const char *what, const char *why);
/* An error of the server's, logged. What has to do with who it is, or who we are, ends the connection: the next may be another. */
int reply_failed(ema_instance *self, const redisReply *reply, const char *what);
int reply_is(const redisReply *reply, const char *text);
/* Says who we are, if there is a password. user may be NULL. */
int link_authenticate(ema_instance *self, const char *where, const char *user, const char *password, size_t length);

/* sentinel.c. The master that most sentinels name: self->address, and since when that is known: self->asked. The connection that
   there is stays, if it is to that one. */
int sentinels_ask(ema_instance *self);

extern const struct ema_store_ops redis_ops;

#endif
