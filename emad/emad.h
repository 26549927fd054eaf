/* emad: sockets and processes around libemacore's ema_http(). What its files share. */
#ifndef EMAD_EMAD_H
#define EMAD_EMAD_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include <json-c/json.h>

#include "ema/admin.h"

/* ---- say.c ---- */

enum { SAY_ERROR = 1, SAY_WARNING, SAY_INFO, SAY_DEBUG };
/* A line on standard error; control characters become '?'. */
void say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_verbose(void);
int says_debug(void);
/* As ema_log_fn. */
void say_log(void *data, int level, const char *text);
void say_findings(const ema_findings *findings);
/* Milliseconds of a clock that nobody sets. */
int64_t now_ms(void);

/* ---- notify.c: what systemd is told, where it asked for it ---- */

void notify_begin(void);                  /* takes what stands in the environment away */
void notify_systemd(const char *state);
int notify_watchdog_ms(void);             /* how often to say WATCHDOG=1; -1: nobody listens */

/* ---- identity.c: user and group ---- */

struct identity {
	int change;                       /* root, who becomes somebody else */
	uid_t uid;
	gid_t gid;
	const char *user;
};

int identity_find(const ema_daemon *daemon, struct identity *out);
int identity_become(const struct identity *identity);
int group_by_name(const char *name, gid_t *out);

/* ---- sockets.c ---- */

#define SOCKETS_MOST 128

struct socket {
	char *address;                    /* as in ema.conf; several of systemd's may have the same */
	int fd;
	int is_unix, loopback;
	char *path;                       /* of a unix socket of ours, to take away at the end */
};

struct sockets {
	struct socket list[SOCKETS_MOST];
	size_t count;
	struct socket handed[SOCKETS_MOST]; /* by systemd, whether named in ema.conf or not */
	size_t handed_count;
};

/* Takes what systemd hands over. */
int sockets_inherit(struct sockets *sockets);
/* Binds what the configuration names and is not there yet; -1: error says why, and nothing was changed. */
int sockets_open(struct sockets *sockets, const ema_daemon *daemon, const struct identity *identity, char *error, size_t room);
/* Closes what the configuration does not name; NULL: all. Unix sockets of ours go away with it. */
void sockets_close(struct sockets *sockets, const ema_daemon *daemon);
/* A listening unix socket; what nobody listens on any more is taken away first. -1: why stands in error. */
int unix_listen(const char *path, mode_t mode, uid_t uid, gid_t gid, char *error, size_t room);

/* ---- tls.c ---- */

struct tls {
	int holders;
	char *certificate, *key, *client_ca;
	int ask; /* clients for a certificate */
};

/* Reads and checks what a listener names. *out is NULL for clear text. -1: error says why. */
int tls_read(const ema_daemon *daemon, size_t listener, struct tls **out, char *error, size_t room);
/* The same with the certificate and key of another, where the new ones cannot be read. */
int tls_keep(const ema_daemon *daemon, size_t listener, const struct tls *old, struct tls **out, char *error, size_t room);
struct tls *tls_hold(struct tls *tls);
void tls_release(struct tls *tls);
/* Before the handshake. */
void tls_ask(const struct tls *tls, struct MHD_Connection *connection);
/* The client's certificate as PEM, free() it; NULL: none. */
char *tls_peer(struct MHD_Connection *connection, int *trusted);

/* ---- connections.c: how many, from whom, and for how long ---- */

/* Where a connection is in a request; each has its time. */
enum phase { PHASE_TAKEN, PHASE_WAITING, PHASE_HEADER, PHASE_BODY, PHASE_WORK, PHASE_ANSWER };

struct connections;
struct connection;
struct face;

/* A thread that answers, and its daemon of libmicrohttpd. */
struct worker {
	struct MHD_Daemon *mhd;
	size_t count;    /* of connections, and */
	int64_t since;   /* when it began with a request that it is at, as now_ms(); 0: it is at none. Both are connections.c's. */
};

struct limits {
	size_t connections, per_address;
	int64_t header_ms, body_ms, idle_ms;
	size_t header_bytes, body_bytes;
};

struct connections *connections_new(void);
void connections_free(struct connections *connections);
/* For connections that begin afterwards, but for the number in all. */
void connections_limit(struct connections *connections, size_t most);
/* "192.0.2.1", "2001:db8::1" or "unix". */
void peer_text(const struct sockaddr *address, char out[INET6_ADDRSTRLEN]);
/* The number of one more, and who is to serve it; 0: it may not come. May close one that idles to make room. limited: count by address. */
uint64_t connections_admit(struct connections *connections, int fd, const struct sockaddr *address, int limited, const struct face *face,
                           struct worker **worker);
/* One that was admitted, and was closed without that a thread heard of it. */
void connections_lost(struct connections *connections, uint64_t number);
/* How many a face took of which no thread has heard yet. forget: none will. */
size_t connections_taken(struct connections *connections, const struct face *face, int forget);
/* One that was admitted, when a thread hears of it. NULL: it was given up. */
struct connection *connection_open(struct connections *connections, int fd);
void connection_close(struct connection *connection);
void connection_phase(struct connection *connection, enum phase phase);
/* As peer_text(). */
const char *connection_remote(const struct connection *connection);
/* Answers without MHD, which has no way to while a body comes, and ends the connection. */
void connection_refuse(struct connection *connection, int status);
/* Ends those that wait for a request, and those that will when their request is done. */
void connections_stop(struct connections *connections);
size_t connections_busy(struct connections *connections);
size_t connections_count(struct connections *connections);

/* ---- acceptor.c: connections of a socket ---- */

struct acceptor;

/* A thread that, once it may begin, takes each of them and calls take(), which has to close it if it does not keep it. NULL: none can be had. */
struct acceptor *acceptor_start(int fd, void (*take)(void *data, int fd, const struct sockaddr *address, socklen_t length), void *data);
void acceptor_begin(struct acceptor *acceptor);
/* After it nothing more is taken; who waits at the socket waits on. NULL is none. */
void acceptor_stop(struct acceptor *acceptor);

/* ---- faces.c: libmicrohttpd's daemons ---- */

struct server;

/* What one load put in front of one socket. A reload makes new ones; an old one ends with its last connection. */
struct face {
	struct server *server;
	struct worker *workers;
	unsigned worker_count;
	struct acceptor *acceptor;        /* NULL once it is retired */
	char *address;
	uint32_t serve;
	int proxies_only;                 /* clear text to other hosts: for named proxies alone */
	int is_unix;
	atomic_int closing;               /* retired: answers end their connection */
	struct tls *tls;
	struct settings *settings;
	struct limits limits;
	/* What libmicrohttpd says while it starts is kept for a message; later lines could hold what a client sent. */
	char said[256];
	atomic_int started, ending;
	struct face *next;
};

/* A configuration as emad sees it, counted by the faces that were made of it. Main thread. */
struct settings {
	int holders;
	ema_daemon *daemon;
};

struct server {
	ema_context *context;
	const char *config;
	struct sockets sockets;
	struct connections *connections;
	struct identity identity;
	struct face *faces, *retired;
	struct settings *settings;
	int admin;                        /* socket; -1: none */
	char *admin_path;
	int state_fd;                     /* locked: one emad for one state_dir */
	time_t started, loaded;
	int64_t started_ms;
	int refused;                      /* the last reload was */
};

struct settings *settings_new(ema_daemon *daemon); /* takes it over */
void settings_release(struct settings *settings);
/* Checks that nothing but what may be is served in clear text. -1: error says why. */
int faces_lint(const struct server *server, const ema_daemon *daemon, char *error, size_t room);
/* Makes the faces of a configuration; tls has one for each of its listeners. NULL with *error set; none was left behind. */
struct face *faces_start(struct server *server, struct settings *settings, struct tls *const *tls, char *error, size_t room);
/* Only now they take connections: nothing can fail any more. */
void faces_begin(struct face *faces);
/* Ends those that never began. */
void faces_end(struct face *faces);
/* They listen no more, and end when their connections do. */
void faces_retire(struct server *server, struct face *faces);
/* Ends what retired faces have no connection any more. */
void faces_reap(struct server *server, int all);

/* ---- answer.c: one request ---- */

void *answer_begin(void *face, const char *uri, struct MHD_Connection *connection);
enum MHD_Result answer(void *face, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
                       const char *upload, size_t *upload_size, void **visit);
void answer_end(void *face, struct MHD_Connection *connection, void **visit, enum MHD_RequestTerminationCode code);

/* ---- reload.c ---- */

/* Checks, then swaps; what was there stays if anything is wrong. 0 or -1; *report is given the findings and more. */
int reload(struct server *server, json_object **report);
json_object *report_findings(const ema_findings *findings);

/* ---- revoke.c ---- */

/* The command of a line for the caller with that user id; NULL: it is none of these, or no memory. */
json_object *revoke_obey(ema_context *context, const char *line, uid_t uid);

/* ---- control.c: the admin socket ---- */

int control_open(struct server *server);
void control_close(struct server *server);
/* One caller: a line in, a JSON object out. */
void control_serve(struct server *server);
json_object *serve_names(uint32_t serve);

#endif
