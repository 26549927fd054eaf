/* syslog.so: audit records as RFC 5424 messages, or to journald. */
#ifndef SYSLOG_SYSLOG_H
#define SYSLOG_SYSLOG_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "ema/plugin.h"

#define MESSAGE_LEAST 480   /* RFC 5424 6.1: what every receiver takes */
#define MESSAGE_DEFAULT 8192
#define MESSAGE_MOST 65000

enum transport { LOCAL, UDP, TCP, TLS, JOURNALD };

struct ema_instance {
	const struct ema_host *host;
	const ema_handle *handle;
	enum transport transport;
	const char *path;            /* of the socket */
	const char *server, *port;
	const char *server_name;     /* in the certificate */
	int64_t timeout;             /* for connecting and for one record, and for the end */
	int facility;
	int64_t enterprise;          /* 0: no structured data of our own */
	int64_t most;                /* bytes of a message */
	int bom;
	const char *form;            /* of the record in a message: "ema" or "ocsf"; NULL: CEF, or a line for people */
	int cef;
	char app[49], hostname[256], process[16];
	int fd;
	int given;                   /* to a stream, since it was connected */
	int64_t until;               /* monotonic milliseconds: of the call that runs */
	SSL_CTX *tls;
	SSL *session;
	BIO *in, *out;               /* of the session: sockets are ours, for SIGPIPE and for the time limit */
	int failing;
	char *message;               /* MESSAGE_MOST + 1 */
};

/* Logs once until something works again; EMA_UNAVAILABLE. */
int sink_failed(ema_instance *self, const char *what, const char *why);

/* message.c: the length of what is in self->message then. */
size_t message_make(ema_instance *self, const ema_event *event, size_t most);
/* The line for people, or of CEF, alone, in self->message. */
size_t message_text(ema_instance *self, const ema_event *event);

/* transport.c: EMA_OK, EMA_UNAVAILABLE; EMA_TOO_LARGE: a datagram of this size does not go. */
int transport_send(ema_instance *self, const char *data, size_t length);
/* A descriptor instead, behind transport_send(): it has connected. */
int transport_pass(ema_instance *self, int fd);
void transport_close(ema_instance *self);
int64_t transport_now(void);
int transport_wait(ema_instance *self, short events);

/* tls.c */
int tls_configure(ema_instance *self, ema_conf *conf);
int tls_connect(ema_instance *self);
int tls_send(ema_instance *self, const char *data, size_t length);
void tls_close(ema_instance *self);

/* journal.c */
int journal_send(ema_instance *self, const ema_event *event);

#endif
