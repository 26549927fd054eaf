/* libmicrohttpd's daemons: one for each socket and load. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emad.h"

/* What tells no secret and proves nothing. */
#define SERVE_HARMLESS EMA_SERVE_HEALTH
#define RETIRED_MOST 32
#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

struct settings *settings_new(ema_daemon *daemon)
{
	struct settings *settings = calloc(1, sizeof *settings);
	if (settings)
		*settings = (struct settings){ 1, daemon };
	return settings;
}

void settings_release(struct settings *settings)
{
	if (!settings || --settings->holders)
		return;
	ema_daemon_free(settings->daemon);
	free(settings);
}

/* ---- What libmicrohttpd asks and tells ---- */

/* Who comes by a unix socket, or is a proxy that speaks for many, is not counted by address. */
static int is_limited(const struct face *face, const char *remote)
{
	return !face->is_unix && !ema_daemon_is_proxy(face->settings->daemon, remote);
}

/* A connection that has just come, of which libmicrohttpd hears if it may stay. Threads of a pool of its own would have it by the number of
   the descriptor, also those that are stuck. */
static void take(void *data, int fd, const struct sockaddr *address, socklen_t length)
{
	struct face *face = data;
	char remote[INET6_ADDRSTRLEN];
	peer_text(address, remote);
	int limited = is_limited(face, remote);
	struct worker *worker = NULL;
	uint64_t number = 0;
	if (limited && face->proxies_only)
		say(SAY_DEBUG, "%s came to %s, which is for the proxies alone", remote, face->address);
	else
		number = connections_admit(face->server->connections, fd, address, limited, face, &worker);
	if (!number)
		close(fd);
	else if (MHD_add_connection(worker->mhd, fd, address, length) != MHD_YES) /* which closed it */
		connections_lost(face->server->connections, number);
}

static void came_or_went(void *data, struct MHD_Connection *mhd, void **own, enum MHD_ConnectionNotificationCode what)
{
	struct face *face = data;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*own)
			connection_close(*own);
		*own = NULL;
		return;
	}
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!fd)
		return;
	*own = connection_open(face->server->connections, fd->connect_fd);
	if (!*own) /* nobody would count it, nor end it */
		shutdown(fd->connect_fd, SHUT_RDWR);
	if (face->tls)
		tls_ask(face->tls, mhd);
}

__attribute__((format(printf, 2, 0))) static void listen_to(void *data, const char *format, va_list arguments)
{
	struct face *face = data;
	if (face->started || face->said[0])
		return;
	vsnprintf(face->said, sizeof face->said, format, arguments);
	face->said[strcspn(face->said, "\n")] = 0;
}

/* ---- Faces ---- */

static void face_free(struct face *face)
{
	tls_release(face->tls);
	settings_release(face->settings);
	free(face->workers);
	free(face->address);
	free(face);
}

static void workers_stop(struct face *face)
{
	/* While one ends, the others do not begin with what they have read already. */
	face->ending = 1;
	while (face->worker_count)
		MHD_stop_daemon(face->workers[--face->worker_count].mhd);
}

static void face_stop(struct face *face)
{
	acceptor_stop(face->acceptor);
	workers_stop(face);
	connections_taken(face->server->connections, face, 1);
	face_free(face);
}

static unsigned thread_count(const ema_daemon *daemon)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN), set = (long)ema_daemon_number(daemon, "threads");
	return (unsigned)(set ? set : cores > 8 ? 2 * (cores < 64 ? cores : 64) : 16);
}

static struct limits limits_of(const ema_daemon *daemon)
{
	return (struct limits){ .connections = (size_t)ema_daemon_number(daemon, "connections"), .per_address = (size_t)ema_daemon_number(daemon, "per_address"),
		                .header_ms = ema_daemon_number(daemon, "header_timeout"), .body_ms = ema_daemon_number(daemon, "body_timeout"),
		                .idle_ms = ema_daemon_number(daemon, "idle_timeout"), .header_bytes = (size_t)ema_daemon_number(daemon, "header_size"),
		                .body_bytes = (size_t)ema_daemon_number(daemon, "body_size") };
}

static struct MHD_Daemon *worker_start(struct face *face)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG;
	/* Its own limit stops a thread from accepting; ours has the last word, so that somebody idle can go instead. */
	unsigned most = face->limits.connections > 1000000 ? 1000000 : (unsigned)face->limits.connections;
	struct MHD_OptionItem tls[6];
	size_t n = 0;
	memset(tls, 0, sizeof tls);
	if (face->tls) {
		flags |= MHD_USE_TLS;
		tls[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, face->tls->certificate };
		tls[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, face->tls->key };
		tls[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES };
		if (face->tls->client_ca)
			tls[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0, face->tls->client_ca };
	}
	tls[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	return MHD_start_daemon(flags, 0, NULL, NULL, answer, face, MHD_OPTION_EXTERNAL_LOGGER, listen_to, face,
		MHD_OPTION_NOTIFY_CONNECTION, came_or_went, face,
		MHD_OPTION_NOTIFY_COMPLETED, answer_end, face, MHD_OPTION_URI_LOG_CALLBACK, answer_begin, face,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, 2 * face->limits.header_bytes, MHD_OPTION_CONNECTION_LIMIT, most + most / 4 + 128,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static int face_start(struct face *face, const struct socket *socket)
{
	const unsigned threads = thread_count(face->settings->daemon);
	face->workers = calloc(threads, sizeof *face->workers);
	while (face->workers && face->worker_count < threads && (face->workers[face->worker_count].mhd = worker_start(face)))
		face->worker_count++;
	face->started = 1;
	if (face->worker_count == threads && (face->acceptor = acceptor_start(socket->fd, take, face)))
		return 0;
	workers_stop(face);
	if (!face->said[0])
		snprintf(face->said, sizeof face->said, "no thread, no descriptor, or no memory");
	return -1;
}

static struct face *face_new(struct server *server, struct settings *settings, size_t listener, const struct socket *socket, struct tls *tls)
{
	struct face *face = calloc(1, sizeof *face);
	if (!face || !(face->address = strdup(socket->address))) {
		free(face);
		return NULL;
	}
	face->server = server;
	face->serve = (uint32_t)ema_listener_number(settings->daemon, listener, "serve");
	face->is_unix = socket->is_unix;
	face->tls = tls_hold(tls);
	face->proxies_only = !tls && !socket->is_unix && !socket->loopback && (face->serve & ~SERVE_HARMLESS);
	if (!socket->is_unix && !socket->loopback)
		face->serve |= EMA_SERVE_PUBLIC;
	face->settings = settings;
	settings->holders++;
	face->limits = limits_of(settings->daemon);
	return face;
}

int faces_lint(const struct server *server, const ema_daemon *daemon, char *error, size_t room)
{
	for (size_t i = 0; ema_listener_text(daemon, i, "address"); i++) {
		const char *address = ema_listener_text(daemon, i, "address");
		uint32_t serve = (uint32_t)ema_listener_number(daemon, i, "serve");
		for (size_t j = 0; j < server->sockets.count; j++) {
			const struct socket *socket = &server->sockets.list[j];
			if (strcmp(socket->address, address) || socket->is_unix || socket->loopback || ema_listener_text(daemon, i, "certificate") ||
			    !(serve & ~SERVE_HARMLESS) || ema_daemon_number(daemon, "proxies"))
				continue;
			snprintf(error, room, "E-CLEARTEXT: \"%s\" would be served in clear text to other hosts: give it tls = { ... }, let systemd bind it to "
			    "loopback or a unix socket, or name the proxies that end TLS before it in \"proxies\"", address);
			return -1;
		}
	}
	return 0;
}

void faces_end(struct face *faces)
{
	for (struct face *next; faces; faces = next) {
		next = faces->next;
		face_stop(faces);
	}
}

void faces_begin(struct face *faces)
{
	for (struct face *face = faces; face; face = face->next)
		acceptor_begin(face->acceptor);
}

struct face *faces_start(struct server *server, struct settings *settings, struct tls *const *tls, char *error, size_t room)
{
	struct face *faces = NULL;
	for (size_t i = 0; ema_listener_text(settings->daemon, i, "address"); i++)
		for (size_t j = 0; j < server->sockets.count; j++) {
			const struct socket *socket = &server->sockets.list[j];
			if (strcmp(socket->address, ema_listener_text(settings->daemon, i, "address")))
				continue;
			struct face *face = face_new(server, settings, i, socket, tls[i]);
			if (!face || face_start(face, socket)) {
				snprintf(error, room, "%s cannot be served: %s", socket->address, face ? face->said : "no memory");
				if (face)
					face_free(face);
				faces_end(faces);
				return NULL;
			}
			face->next = faces;
			faces = face;
		}
	if (!faces)
		snprintf(error, room, "\"listen\" is not set: there is nothing to serve");
	return faces;
}

void faces_retire(struct server *server, struct face *faces)
{
	size_t count = 0;
	for (struct face *next; faces; faces = next) {
		next = faces->next;
		faces->closing = 1;
		acceptor_stop(faces->acceptor);
		faces->acceptor = NULL;
		faces->next = server->retired;
		server->retired = faces;
	}
	/* Who reloads all the time does not collect threads. The newest stand first. */
	for (struct face **at = &server->retired; *at;) {
		struct face *face = *at;
		if (++count <= RETIRED_MOST) {
			at = &face->next;
			continue;
		}
		*at = face->next;
		face_stop(face);
	}
}

static int is_in_use(const struct face *face)
{
	/* In this order: libmicrohttpd counts what it has heard of before we hear of it. */
	if (connections_taken(face->server->connections, face, 0))
		return 1;
	for (unsigned i = 0; i < face->worker_count; i++) {
		const union MHD_DaemonInfo *info = MHD_get_daemon_info(face->workers[i].mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
		if (info && info->num_connections)
			return 1;
	}
	return 0;
}

void faces_reap(struct server *server, int all)
{
	for (struct face **at = &server->retired; *at;) {
		struct face *face = *at;
		if (!all && is_in_use(face)) {
			at = &face->next;
			continue;
		}
		*at = face->next;
		face_stop(face);
	}
}
