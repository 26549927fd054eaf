/* An HTTP server on loopback that answers as a test tells it to. */
#ifndef TESTS_TRUST_SERVER_H
#define TESTS_TRUST_SERVER_H

#include <stddef.h>

#define SERVER_HEADERS 4

struct server_answer {
	int status;          /* 0: 200 */
	const char *body;    /* NULL: empty. Copied */
	size_t length;       /* 0: up to the NUL */
	const char *type;    /* NULL: application/json; "": none */
	const char *headers[SERVER_HEADERS][2];
	const char *etag;    /* 304 if the request has it */
	int drip;            /* one byte, then nothing more for so many milliseconds a byte */
};

struct server;

/* On 127.0.0.1, a port of its own; with TLS if there is a key and a certificate (PEM). NULL: no such thing here. */
struct server *server_start(const char *key, const char *certificate);
/* priorities: as gnutls_priority_init() has them. */
struct server *server_start_tls(const char *key, const char *certificate, const char *priorities);
void server_stop(struct server *server);
/* "http://127.0.0.1:PORT" */
const char *server_origin(const struct server *server);
int server_port(const struct server *server);
/* What it answers from now on for a path; all others are 404. */
void server_answer(struct server *server, const char *path, const struct server_answer *answer);
void server_json(struct server *server, const char *path, const char *body);
/* How many requests came for a path, NULL: for all. */
unsigned server_count(struct server *server, const char *path);
/* How many answers that drip were under way at once, at the most. */
int server_at_once(struct server *server);

#endif
