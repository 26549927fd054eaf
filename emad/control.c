/* The admin socket: a line in, a JSON object out. Root and emad's own user may. */
#define _GNU_SOURCE /* struct ucred */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "emad.h"

#define LINE_BYTES_MOST 32768 /* a subject has up to 9,218 bytes, and JSON may write a byte as six */
#define LINE_TOO_LONG "the command is too long: no name has so many bytes"
#define CALLER_MS 2000 /* for a caller to write its line, and to take the answer */

int control_open(struct server *server)
{
	const char *set = ema_daemon_text(server->settings->daemon, "admin_socket"), *state_dir = ema_daemon_text(server->settings->daemon, "state_dir");
	char error[256] = "no memory";
	server->admin = -1;
	if (!set && !state_dir) {
		say(SAY_WARNING, "neither state_dir nor admin_socket is set: `emactl reload` and `emactl status` will not find this emad");
		return 0;
	}
	size_t room = strlen(set ? set : state_dir) + sizeof "/emad.sock";
	server->admin_path = malloc(room);
	if (server->admin_path) {
		snprintf(server->admin_path, room, "%s%s", set ? set : state_dir, set ? "" : "/emad.sock");
		server->admin = unix_listen(server->admin_path, 0600, geteuid(), getegid(), error, sizeof error);
	}
	if (server->admin < 0)
		say(SAY_ERROR, "admin socket %s: %s", server->admin_path ? server->admin_path : "", error);
	return server->admin < 0 ? -1 : 0;
}

void control_close(struct server *server)
{
	if (server->admin >= 0) {
		unlink(server->admin_path);
		close(server->admin);
	}
	server->admin = -1;
	free(server->admin_path);
	server->admin_path = NULL;
}

json_object *serve_names(uint32_t serve)
{
	static const struct { uint32_t bit; const char *name; } rows[] = {
		{ EMA_SERVE_TOKEN, "token" }, { EMA_SERVE_METADATA, "metadata" }, { EMA_SERVE_INTROSPECTION, "introspection" },
		{ EMA_SERVE_HEALTH, "health" }, { EMA_SERVE_METRICS, "metrics" }, { EMA_SERVE_DECISION, "decision" }, { EMA_SERVE_AUTHZEN, "authzen" },
	};
	json_object *list = json_object_new_array();
	for (size_t i = 0; list && i < sizeof rows / sizeof *rows; i++)
		if (serve & rows[i].bit)
			json_object_array_add(list, json_object_new_string(rows[i].name));
	return list;
}

static json_object *status(const struct server *server)
{
	char *text = NULL;
	json_object *all = ema_status(server->context, &text) ? NULL : json_tokener_parse(text), *list = json_object_new_array();
	const char *digest = ema_config_digest(server->context);
	ema_text_free(text);
	if (!all || !list) {
		json_object_put(all);
		json_object_put(list);
		return NULL;
	}
	json_object_object_add(all, "pid", json_object_new_int64(getpid()));
	json_object_object_add(all, "version", json_object_new_string(ema_version()));
	json_object_object_add(all, "config", json_object_new_string(server->config));
	json_object_object_add(all, "digest", digest ? json_object_new_string(digest) : NULL);
	json_object_object_add(all, "started", json_object_new_int64(server->started));
	json_object_object_add(all, "uptime", json_object_new_int64((now_ms() - server->started_ms) / 1000));
	json_object_object_add(all, "loaded", json_object_new_int64(server->loaded));
	json_object_object_add(all, "last_reload_refused", json_object_new_boolean(server->refused));
	json_object_object_add(all, "connections", json_object_new_int64((int64_t)connections_count(server->connections)));
	for (const struct face *face = server->faces; face; face = face->next) {
		json_object *one = json_object_new_object();
		json_object_object_add(one, "address", json_object_new_string(face->address));
		json_object_object_add(one, "serve", serve_names(face->serve));
		json_object_object_add(one, "tls", json_object_new_boolean(face->tls != NULL));
		json_object_array_add(list, one);
	}
	json_object_object_add(all, "listeners", list);
	return all;
}

static json_object *trouble(const char *text)
{
	json_object *all = json_object_new_object();
	if (all)
		json_object_object_add(all, "error", json_object_new_string(text));
	return all;
}

/* The command, or NULL. */
static json_object *obey(struct server *server, const char *line, uid_t uid)
{
	json_object *report = revoke_obey(server->context, line, uid);
	if (report)
		return report;
	if (!strcmp(line, "status"))
		return status(server);
	if (strcmp(line, "reload"))
		return trouble("emad does not know this command: it has reload, status, revoke, unblock and revoked");
	reload(server, &report);
	return report;
}

static int ready(int fd, short events, int64_t until)
{
	struct pollfd wait = { .fd = fd, .events = events };
	int64_t left = until - now_ms();
	return left > 0 && poll(&wait, 1, (int)left) == 1;
}

/* NULL, or why there is no line. One that is too long is read to its end, so that its sender comes to read the answer. */
static const char *read_line(int fd, char line[LINE_BYTES_MOST])
{
	int64_t until = now_ms() + CALLER_MS;
	size_t used = 0;
	int over = 0;
	while (ready(fd, POLLIN, until)) {
		ssize_t got = recv(fd, line + used, LINE_BYTES_MOST - 1 - used, MSG_DONTWAIT);
		if (got <= 0)
			break;
		used += (size_t)got;
		char *end = memchr(line, '\n', used);
		if (end) {
			*end = 0;
			return over ? LINE_TOO_LONG : NULL;
		}
		if (used == LINE_BYTES_MOST - 1) {
			over = 1;
			used = 0;
		}
	}
	return over ? LINE_TOO_LONG : "no command came";
}

static void send_all(int fd, const char *text, size_t length)
{
	int64_t until = now_ms() + CALLER_MS;
	while (length && ready(fd, POLLOUT, until)) {
		ssize_t sent = send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		text += sent;
		length -= (size_t)sent;
	}
}

void control_serve(struct server *server)
{
	char line[LINE_BYTES_MOST];
	struct ucred caller;
	socklen_t size = sizeof caller;
	json_object *result = NULL;
	int fd = accept4(server->admin, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	/* The mode of the socket keeps others out already; a folder may be less careful than it. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &caller, &size) || (caller.uid != 0 && caller.uid != geteuid())) {
		say(SAY_WARNING, "user %lu is not allowed on the admin socket", (unsigned long)caller.uid);
		result = trouble("only root and emad's own user may");
	} else {
		const char *wrong = read_line(fd, line);
		result = wrong ? trouble(wrong) : obey(server, line, caller.uid);
	}
	const char *text = result ? json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : NULL;
	if (text) {
		send_all(fd, text, strlen(text));
		send_all(fd, "\n", 1);
	}
	json_object_put(result);
	close(fd);
}
