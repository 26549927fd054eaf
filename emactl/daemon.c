/* What is asked of a running emad, over its admin socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "emactl.h"

#define ANSWER_MOST ((size_t)4 * 1048576)
#define ANSWER_SECONDS 60 /* a reload opens every plugin */
#define USUAL_SOCKET "/var/lib/ema/emad.sock" /* by the units and examples that come with emad */
#define PATH_MOST 1024
#define LINES_MOST 100000 /* of a configuration, those that are looked through */

/* Without a message; -1, and errno. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval time = { .tv_sec = ANSWER_SECONDS };
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) ||
	                connect(fd, (const struct sockaddr *)&address, sizeof address))) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
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

/* What comes back, an object; NULL: none. Closes. */
static struct json_object *exchange(int fd, const char *command)
{
	char *text = must(malloc(ANSWER_MOST + 1));
	struct json_object *answer = NULL;
	size_t used = 0;
	if (!send_line(fd, command)) {
		for (ssize_t got; used < ANSWER_MOST && (got = recv(fd, text + used, ANSWER_MOST - used, 0)) > 0;)
			used += (size_t)got;
		text[used] = 0;
		answer = json_tokener_parse(text);
	}
	close(fd);
	free(text);
	if (json_object_is_type(answer, json_type_object))
		return answer;
	json_object_put(answer);
	return NULL;
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	const char *text = json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : NULL;
	return text ? text : "-";
}

/* ---- Where emad is asked ---- */

/* Does an emad answer there, and does it serve this configuration? A guess could be wrong, and it would be another one that revokes. */
static int serves(const char *path, const char *config)
{
	int fd = connect_to(path);
	struct json_object *answer = fd >= 0 ? exchange(fd, "status") : NULL;
	struct stat ours, its;
	const char *named = answer ? text_of(answer, "config") : "-";
	int same = *named == '/' && !stat(config, &ours) && !stat(named, &its) && ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
	json_object_put(answer);
	return same;
}

/* Of a line that sets the key to a path, the socket that follows from it. 0: it is none, or too long. */
static int socket_in(const char *line, const char *key, const char *name, char out[PATH_MOST])
{
	size_t length = strlen(key);
	line += strspn(line, " \t");
	if (strncmp(line, key, length))
		return 0;
	line += length + strspn(line + length, " \t");
	if (*line != '=' && *line != ':')
		return 0;
	line += 1 + strspn(line + 1, " \t");
	length = *line == '"' && line[1] == '/' ? strcspn(line + 1, "\"\\\n") : 0;
	return length && line[1 + length] == '"' && snprintf(out, PATH_MOST, "%.*s%s", (int)length, line + 1, name) < PATH_MOST;
}

/* Of a configuration that cannot be parsed: a place that it seems to name, or the usual one, where the emad that serves it answers. A new
   string; NULL: none. */
static char *guess(const char *config)
{
	char line[PATH_MOST], path[PATH_MOST], *found = NULL;
	FILE *file = fopen(config, "re");
	for (int i = 0; file && !found && i < LINES_MOST && fgets(line, sizeof line, file); i++)
		if ((socket_in(line, "admin_socket", "", path) || socket_in(line, "state_dir", "/emad.sock", path)) && serves(path, config))
			found = must(strdup(path));
	if (file)
		fclose(file);
	return found || !serves(USUAL_SOCKET, config) ? found : must(strdup(USUAL_SOCKET));
}

/* As emad: admin_socket, or emad.sock in state_dir. A new string; NULL: it said why, or set *absent. */
static char *socket_path(const struct options *options, int *absent)
{
	ema_daemon *daemon = NULL;
	ema_findings *findings = NULL;
	char *path = NULL;
	/* What does not load now was perhaps loaded by the emad that runs: to revoke there must not wait until it is mended. */
	int loads = !ema_daemon_read(options->config, &daemon, &findings), parses = !ema_daemon_socket(options->config, &path);
	for (size_t i = 0; !loads && ema_finding_id(findings, i); i++)
		complain("%s:%d: %s: %s", ema_finding_file(findings, i), ema_finding_line(findings, i), ema_finding_id(findings, i),
			 ema_finding_text(findings, i));
	if (!parses) {
		/* A file that others could change says nothing. */
		const char *id = ema_finding_id(findings, 0);
		path = id && !strcmp(id, "E-SYNTAX") ? guess(options->config) : NULL;
	}
	if (path && !loads)
		complain("%s does not load; asking the emad at %s", options->config, path);
	else if (!parses)
		complain("%s does not load, and does not say where emad is asked; --admin PATH names its admin socket (emad.sock in state_dir, often "
			 USUAL_SOCKET ")", options->config);
	else if (!path && absent)
		*absent = 1;
	else if (!path)
		complain("%s has neither admin_socket nor state_dir: emad has no admin socket", options->config);
	ema_findings_free(findings);
	ema_daemon_free(daemon);
	return path;
}

/* -1: it said why, or set *absent. named: by --admin. */
static int open_socket(const char *path, int named, int *absent)
{
	int fd = connect_to(path), none = fd < 0 && (errno == ENOENT || errno == ECONNREFUSED);
	/* Who names a socket means the emad behind it and no other. */
	if (none && absent && !named)
		*absent = 1;
	else if (fd < 0)
		complain("%s: %s%s%s", path, strerror(errno), none ? ": emad does not run" : "",
			 none && !named ? ", or was started with another state_dir or admin_socket: --admin PATH names its socket" : "");
	return fd;
}

struct json_object *daemon_ask(const struct options *options, const char *command, int *absent)
{
	char *path = options->admin ? must(strdup(options->admin)) : socket_path(options, absent);
	int fd = path ? open_socket(path, options->admin != NULL, absent) : -1;
	struct json_object *answer = fd >= 0 ? exchange(fd, command) : NULL;
	if (fd >= 0 && !answer)
		complain("emad gave no answer");
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

static const char *time_text(int64_t seconds, char text[32])
{
	struct tm parts;
	time_t time = (time_t)seconds;
	return seconds > 0 && gmtime_r(&time, &parts) && strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) ? text : "-";
}

/* "90 s", "12 m", "5 h", "3 d" since a time; "-" for none. */
static const char *age_text(int64_t seconds, char text[32])
{
	int64_t age = (int64_t)time(NULL) - seconds;
	if (seconds <= 0)
		return "-";
	if (age < 0)
		age = 0;
	int unit = age < 120 ? 0 : age < 7200 ? 1 : age < 172800 ? 2 : 3;
	static const int64_t units[] = { 1, 60, 3600, 86400 };
	snprintf(text, 32, "%lld %c", (long long)(age / units[unit]), "smhd"[unit]);
	return text;
}

static int is_true(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(object, name, &value) && json_object_get_boolean(value);
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	json_object_object_get_ex(object, name, &value);
	return value;
}

/* ---- Is it as it should be? ---- */

static int has_keys(struct json_object *provider)
{
	const char *keys = text_of(provider, "keys");
	return !strcmp(keys, "fresh") || !strcmp(keys, "fixed") || !strcmp(keys, "none");
}

static int publishes(struct json_object *publish)
{
	return !member(publish, "folder") || is_true(publish, "works");
}

static int is_well(struct json_object *answer)
{
	struct json_object *list = NULL, *store = member(answer, "store"), *publish = member(answer, "publish");
	int well = !is_true(answer, "last_reload_refused") && (!store || is_true(store, "reached")) && (!publish || publishes(publish));
	for (size_t i = 0, n = list_of(answer, "providers", &list); i < n; i++)
		well &= has_keys(json_object_array_get_idx(list, i));
	for (size_t i = 0, n = list_of(answer, "sinks", &list); i < n; i++)
		well &= is_true(json_object_array_get_idx(list, i), "works");
	return well;
}

static void print_providers(struct json_object *answer)
{
	struct json_object *list = NULL;
	for (size_t i = 0, n = list_of(answer, "providers", &list); i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *keys = text_of(one, "keys");
		char fetched[32], since[32];
		int good = has_keys(one);
		printf("%-11s %s (%s): %s%s%s, %lld keys", "provider", text_of(one, "id"), text_of(one, "plugin"), colour(good ? COLOUR_GOOD : COLOUR_BAD), keys,
		       colour_off(), (long long)number_of(one, "count"));
		if (number_of(one, "fetched"))
			printf(", fetched %s ago", age_text(number_of(one, "fetched"), fetched));
		if (number_of(one, "away_since"))
			printf(", away since %s", time_text(number_of(one, "away_since"), since));
		if (!good && member(one, "last_failure")) {
			fputs(": ", stdout);
			print_plain(text_of(one, "last_failure"));
		}
		putchar('\n');
	}
}

static void print_state(struct json_object *answer)
{
	struct json_object *list = NULL, *store = member(answer, "store"), *audit = member(answer, "audit"), *rates = member(answer, "rates"),
	                   *publish = member(answer, "publish");
	char text[32];
	for (size_t i = 0, n = list_of(answer, "signing_keys", &list); i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		printf("%-11s %s, %s, published %s ago\n", "signing key", text_of(one, "kid"), text_of(one, "state"), age_text(number_of(one, "published"), text));
	}
	if (store) {
		int reached = is_true(store, "reached");
		printf("%-11s %s: %s%s%s", "store", text_of(store, "plugin"), colour(reached ? COLOUR_GOOD : COLOUR_BAD), reached ? "reached" : text_of(store, "trouble"),
		       colour_off());
		if (number_of(store, "remembers_since"))
			printf(", remembers since %s", time_text(number_of(store, "remembers_since"), text));
		putchar('\n');
	}
	if (publish && member(publish, "folder")) {
		int works = publishes(publish);
		printf("%-11s %s: %s%s%s", "publish", text_of(publish, "folder"), colour(works ? COLOUR_GOOD : COLOUR_BAD), works ? "works" : text_of(publish, "trouble"),
		       colour_off());
		if (!works)
			printf(", since %s", time_text(number_of(publish, "away_since"), text));
		putchar('\n');
	}
	for (size_t i = 0, n = list_of(answer, "sinks", &list); i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		int works = is_true(one, "works");
		printf("%-11s %s: %s%s%s%s\n", "sink", text_of(one, "id"), colour(works ? COLOUR_GOOD : COLOUR_BAD), works ? "works" : "fails", colour_off(),
		       is_true(one, "must") ? ", must" : "");
	}
	if (audit)
		printf("%-11s %lld records, %lld with the sinks, %lld dropped, spool %lld of %lld bytes\n", "audit", (long long)number_of(audit, "appended"),
		       (long long)number_of(audit, "delivered"), (long long)number_of(audit, "dropped"), (long long)number_of(audit, "spool_used"),
		       (long long)number_of(audit, "spool_room"));
	if (rates)
		printf("%-11s %lld granted, %lld refused, %lld failed in the last %lld s\n", "rates", (long long)number_of(rates, "granted"),
		       (long long)number_of(rates, "refused"), (long long)number_of(rates, "failed"), (long long)number_of(rates, "seconds"));
}

static void print_revoked(struct json_object *answer)
{
	struct json_object *revoked = member(answer, "revoked");
	int any = 0;
	if (!json_object_is_type(revoked, json_type_object))
		return;
	printf("%-11s", "revoked");
	json_object_object_foreach(revoked, name, value)
	{
		if (!strcmp(name, "blocks") || !json_object_get_int64(value))
			continue;
		printf("%s %lld by %s", any++ ? "," : "", (long long)json_object_get_int64(value), name);
	}
	printf("%s; %lld blocked\n", any ? "" : " nothing", (long long)number_of(revoked, "blocks"));
}

/* What is tried out only, and does not refuse or give what it seems to: said where it cannot be overlooked (AZN-57). */
static void print_shadow(struct json_object *answer)
{
	struct json_object *list = NULL;
	char text[32];
	for (size_t i = 0, n = list_of(answer, "shadow", &list); i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		long long grants = (long long)number_of(one, "grants"), denies = (long long)number_of(one, "denies");
		printf("%-11s %sservice %s:", "shadow mode", colour(COLOUR_WARN), text_of(one, "service"));
		if (number_of(one, "until"))
			printf(" what no grant gives is allowed too, until %s%s", time_text(number_of(one, "until"), text), grants || denies ? ";" : "");
		if (grants || denies)
			printf(" %lld grant%s and %lld den%s decide nothing", grants, grants == 1 ? "" : "s", denies, denies == 1 ? "y" : "ies");
		printf("%s\n", colour_off());
	}
}

int command_status(const struct options *options, int count, char **words)
{
	struct json_object *list = NULL;
	char text[32];
	(void)words;
	if (count)
		return complain("status takes no words; see `emactl --help`");
	struct json_object *answer = ask(options, "status");
	if (!answer)
		return STATUS_USAGE;
	int status = is_well(answer) ? STATUS_FINE : STATUS_DENY;
	if (options->json) {
		int printed = print_json(answer);
		return printed ? printed : status;
	}
	printf("emad %s, process %lld, up %lld s\n", text_of(answer, "version"), (long long)number_of(answer, "pid"), (long long)number_of(answer, "uptime"));
	printf("%-11s %s\n", "started", time_text(number_of(answer, "started"), text));
	printf("%-11s %s\n", "loaded", time_text(number_of(answer, "loaded"), text));
	printf("%-11s %s\n%-11s %s\n%-11s %lld\n", "config", text_of(answer, "config"), "digest", text_of(answer, "digest"), "connections",
	       (long long)number_of(answer, "connections"));
	for (size_t i = 0, n = list_of(answer, "listeners", &list); i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i), *serve = NULL;
		printf("%-11s %s%s:", "listens on", text_of(one, "address"), number_of(one, "tls") ? " (TLS)" : "");
		for (size_t j = 0, m = list_of(one, "serve", &serve); j < m; j++)
			printf(" %s", json_object_get_string(json_object_array_get_idx(serve, j)));
		putchar('\n');
	}
	print_providers(answer);
	print_state(answer);
	print_revoked(answer);
	print_shadow(answer);
	if (is_true(answer, "last_reload_refused"))
		printf("%sthe last reload was refused: `emactl check` says why%s\n", colour(COLOUR_BAD), colour_off());
	json_object_put(answer);
	return status;
}
