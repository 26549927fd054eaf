/* What is asked of a running emad, over its admin socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "emactl.h"

#define ANSWER_MOST ((size_t)4 * 1048576)
#define ANSWER_SECONDS 60 /* a reload opens every plugin */

/* As emad: admin_socket, or emad.sock in state_dir. A new string; NULL: it said why, or set *absent. */
static char *socket_path(const struct options *options, int *absent)
{
	ema_daemon *daemon = NULL;
	ema_findings *findings = NULL;
	char *path = NULL;
	if (ema_daemon_read(options->config, &daemon, &findings)) {
		/* What does not load now was perhaps loaded by the emad that runs; but then it does not say where that is. */
		for (size_t i = 0; ema_finding_id(findings, i); i++)
			complain("%s:%d: %s: %s", ema_finding_file(findings, i), ema_finding_line(findings, i), ema_finding_id(findings, i),
				 ema_finding_text(findings, i));
		complain("%s cannot be read, so emad was not asked; --admin PATH names its admin socket", options->config);
	} else {
		const char *set = ema_daemon_text(daemon, "admin_socket"), *state_dir = ema_daemon_text(daemon, "state_dir");
		size_t room = strlen(set ? set : state_dir ? state_dir : "") + sizeof "/emad.sock";
		if (set || state_dir) {
			path = must(malloc(room));
			snprintf(path, room, "%s%s", set ? set : state_dir, set ? "" : "/emad.sock");
		} else if (absent) {
			*absent = 1;
		} else {
			complain("%s has neither admin_socket nor state_dir: emad has no admin socket", options->config);
		}
	}
	ema_findings_free(findings);
	ema_daemon_free(daemon);
	return path;
}

/* -1: it said why, or set *absent. */
static int open_socket(const char *path, int *absent)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval time = { .tv_sec = ANSWER_SECONDS };
	if (strlen(path) >= sizeof address.sun_path)
		return complain("%s: too long for a socket", path), -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) && !connect(fd, (const struct sockaddr *)&address, sizeof address))
		return fd;
	int none = errno == ENOENT || errno == ECONNREFUSED;
	if (none && absent)
		*absent = 1;
	else
		complain("%s: %s%s", path, strerror(errno), none ? ": emad does not run" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

static int send_line(int fd, const char *command)
{
	size_t length = strlen(command);
	/* Whom it does not want, it answers before it reads. */
	for (size_t sent = 0; sent < length + 1;) {
		ssize_t got = sent < length ? send(fd, command + sent, length - sent, MSG_NOSIGNAL) : send(fd, "\n", 1, MSG_NOSIGNAL);
		if (got < 0)
			return errno == EPIPE ? 0 : -1;
		sent += (size_t)got;
	}
	return 0;
}

struct json_object *daemon_ask(const struct options *options, const char *command, int *absent)
{
	char *path = options->admin ? must(strdup(options->admin)) : socket_path(options, absent);
	/* Who names a socket means the emad behind it and no other. */
	int fd = path ? open_socket(path, options->admin ? NULL : absent) : -1;
	char *text = fd >= 0 ? must(malloc(ANSWER_MOST + 1)) : NULL;
	struct json_object *answer = NULL;
	size_t used = 0;
	if (fd >= 0 && !send_line(fd, command)) {
		for (ssize_t got; used < ANSWER_MOST && (got = recv(fd, text + used, ANSWER_MOST - used, 0)) > 0;)
			used += (size_t)got;
		text[used] = 0;
		answer = json_tokener_parse(text);
	}
	if (fd >= 0) {
		close(fd);
		if (!json_object_is_type(answer, json_type_object)) {
			complain("emad gave no answer");
			json_object_put(answer);
			answer = NULL;
		}
	}
	free(text);
	free(path);
	return answer;
}

/* An answer that is no error; NULL: it said why. */
static struct json_object *ask(const struct options *options, const char *command)
{
	struct json_object *answer = daemon_ask(options, command, NULL), *error = NULL;
	if (answer && json_object_object_get_ex(answer, "error", &error)) {
		complain("emad: %s", json_object_get_string(error));
		json_object_put(answer);
		answer = NULL;
	}
	return answer;
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	const char *text = json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : NULL;
	return text ? text : "-";
}

static int64_t number_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(object, name, &value) ? json_object_get_int64(value) : 0;
}

static size_t list_of(struct json_object *object, const char *name, struct json_object **list)
{
	return json_object_object_get_ex(object, name, list) && json_object_is_type(*list, json_type_array) ? json_object_array_length(*list) : 0;
}

int command_reload(const struct options *options, int count, char **words)
{
	struct json_object *list = NULL;
	(void)words;
	if (count)
		return complain("reload takes no words; see `emactl --help`");
	struct json_object *answer = ask(options, "reload");
	if (!answer)
		return STATUS_USAGE;
	int loaded = number_of(answer, "loaded") != 0;
	if (options->json) {
		int printed = print_json(answer);
		return printed ? printed : loaded ? STATUS_FINE : STATUS_DENY;
	}
	for (size_t i = 0, n = list_of(answer, "findings", &list); i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		printf("%s:%lld: %s: ", text_of(one, "file"), (long long)number_of(one, "line"), text_of(one, "id"));
		print_plain(text_of(one, "text"));
		putchar('\n');
	}
	for (size_t i = 0, n = list_of(answer, "messages", &list); i < n; i++) {
		print_plain(json_object_get_string(json_object_array_get_idx(list, i)));
		putchar('\n');
	}
	printf("%s: %s%s%s\n", text_of(answer, "config"), colour(loaded ? COLOUR_GOOD : COLOUR_BAD),
	       loaded ? "loaded" : "not loaded; what was there before stays", colour_off());
	json_object_put(answer);
	return loaded ? STATUS_FINE : STATUS_DENY;
}

static void print_time(const char *name, int64_t seconds)
{
	struct tm parts;
	time_t time = (time_t)seconds;
	char text[32] = "-";
	if (gmtime_r(&time, &parts))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
	printf("%-11s %s\n", name, text);
}

int command_status(const struct options *options, int count, char **words)
{
	struct json_object *list = NULL;
	(void)words;
	if (count)
		return complain("status takes no words; see `emactl --help`");
	struct json_object *answer = ask(options, "status");
	if (!answer)
		return STATUS_USAGE;
	if (options->json)
		return print_json(answer);
	printf("emad %s, process %lld, up %lld s\n", text_of(answer, "version"), (long long)number_of(answer, "pid"), (long long)number_of(answer, "uptime"));
	print_time("started", number_of(answer, "started"));
	print_time("loaded", number_of(answer, "loaded"));
	printf("%-11s %s\n%-11s %s\n%-11s %lld\n", "config", text_of(answer, "config"), "digest", text_of(answer, "digest"), "connections",
	       (long long)number_of(answer, "connections"));
	for (size_t i = 0, n = list_of(answer, "listeners", &list); i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i), *serve = NULL;
		printf("%-11s %s%s:", "listens on", text_of(one, "address"), number_of(one, "tls") ? " (TLS)" : "");
		for (size_t j = 0, m = list_of(one, "serve", &serve); j < m; j++)
			printf(" %s", json_object_get_string(json_object_array_get_idx(serve, j)));
		putchar('\n');
	}
	int refused = number_of(answer, "last_reload_refused") != 0;
	if (refused)
		printf("%sthe last reload was refused: `emactl check` says why%s\n", colour(COLOUR_BAD), colour_off());
	json_object_put(answer);
	return refused ? STATUS_DENY : STATUS_FINE;
}
