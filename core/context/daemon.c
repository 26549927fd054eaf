#define _GNU_SOURCE /* asprintf */
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ema/codes.h"
#include "secret.h"

#define DAEMON_SOCKET "emad.sock" /* in state_dir */
#define PEM_BYTES_MOST ((size_t)1048576)

int daemon_read(const char *path, struct ema_daemon **out, struct findings *findings)
{
	struct ema_daemon *daemon = calloc(1, sizeof *daemon);
	if (!daemon) {
		findings->out_of_memory = 1;
		return EMA_OUT_OF_MEMORY;
	}
	daemon->conf = conf_read(path, findings);
	if (!daemon->conf) {
		free(daemon);
		return findings->out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	}
	*out = daemon;
	return EMA_OK;
}

void daemon_free(struct ema_daemon *daemon)
{
	if (daemon)
		conf_free(daemon->conf);
	free(daemon);
}

/* What a key of the top says, as an absolute path; NULL: nothing, or no path. */
static char *path_of(const struct conf *conf, const char *key)
{
	const struct conf_node *node = conf_child(conf->root, key);
	return node && node->kind == CONF_STRING && *node->string ? conf_path(node, node->string) : NULL;
}

int daemon_socket(const char *path, char **out)
{
	struct findings findings = { .list = NULL };
	struct conf *conf = conf_read_tree(path, &findings);
	int code = conf ? EMA_OK : findings.out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	char *set = conf ? path_of(conf, "admin_socket") : NULL, *state_dir = conf && !set ? path_of(conf, "state_dir") : NULL;
	if (set) {
		*out = set;
	} else if (state_dir && asprintf(out, "%s/" DAEMON_SOCKET, state_dir) < 0) {
		*out = NULL;
		code = EMA_OUT_OF_MEMORY;
	}
	free(state_dir);
	conf_free(conf);
	findings_free(&findings);
	return code;
}

const char *daemon_text(const struct ema_daemon *daemon, const char *name)
{
	const struct conf *conf = daemon->conf;
	const struct { const char *name, *value; } rows[] = {
		{ "user", conf->user }, { "group", conf->group }, { "state_dir", conf->state_dir }, { "admin_socket", conf->admin_socket },
		{ "store", conf->store.plugin }, { "digest", conf->digest }, { "published", conf->published.path },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(name, rows[i].name))
			return rows[i].value;
	return NULL;
}

int64_t daemon_number(const struct ema_daemon *daemon, const char *name)
{
	const struct conf *conf = daemon->conf;
	const struct conf_limits *limits = &conf->limits;
	const struct { const char *name; int64_t value; } rows[] = {
		{ "threads", conf->threads }, { "proxies", (int64_t)conf->proxies.count }, { "connections", limits->connections },
		{ "per_address", limits->per_address }, { "header_timeout", limits->header_ms }, { "body_timeout", limits->body_ms },
		{ "idle_timeout", limits->idle_ms }, { "header_size", limits->header_bytes }, { "body_size", limits->body_bytes },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strcmp(name, rows[i].name))
			return rows[i].value;
	return 0;
}

static const struct conf_listener *listener_at(const struct ema_daemon *daemon, size_t index)
{
	return index < daemon->conf->listener_count ? &daemon->conf->listeners[index] : NULL;
}

const char *daemon_listener_text(const struct ema_daemon *daemon, size_t index, const char *name)
{
	const struct conf_listener *listener = listener_at(daemon, index);
	if (!listener)
		return NULL;
	return !strcmp(name, "address") ? listener->address : !strcmp(name, "group") ? listener->group :
	       !strcmp(name, "certificate") ? listener->certificate : !strcmp(name, "key") ? listener->key :
	       !strcmp(name, "client_ca_file") ? listener->client_ca_file : NULL;
}

int64_t daemon_listener_number(const struct ema_daemon *daemon, size_t index, const char *name)
{
	const struct conf_listener *listener = listener_at(daemon, index);
	if (!listener)
		return 0;
	return !strcmp(name, "serve") ? (int64_t)listener->serve : !strcmp(name, "mode") ? (int64_t)listener->mode :
	       !strcmp(name, "client_certificates") ? listener->client_certificates : 0;
}

int daemon_listener_file(const struct ema_daemon *daemon, size_t index, const char *name, char **out, struct findings *findings)
{
	const struct conf_listener *listener = listener_at(daemon, index);
	const struct conf_node *node = listener && listener->tls ? conf_child(listener->tls, name) : NULL;
	const char *path = node ? daemon_listener_text(daemon, index, name) : NULL;
	size_t length = 0;
	if (!path)
		return EMA_BAD_REQUEST;
	char *text = conf_file(daemon->conf, node, path, PEM_BYTES_MOST, !strcmp(name, "key"), &length, findings);
	if (text && strlen(text) != length) {
		finding_node(findings, "E-FILE", node, "%s has a NUL: it is no PEM file", path);
		secret_wipe(text, length);
		free(text);
		text = NULL;
	}
	if (!text)
		return findings->out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	*out = text;
	return EMA_OK;
}

/* ---- Lint ---- */

/* Missing below /run, a folder may be made by whoever starts emad (RuntimeDirectory=). */
static const char *graver(const char *id, const char *path)
{
	return !strncmp(path, "/run/", 5) || !strncmp(path, "/var/run/", 9) ? "W-FILE" : id;
}

static void lint_folder(const struct conf *conf, const struct conf_node *node, const char *id, const char *what, const char *path,
                        struct findings *findings)
{
	struct stat status;
	const int why = stat(path, &status) ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
	if (why == EACCES && conf->reader == READER_MAY_BE_ANOTHER)
		finding_node(findings, "N-UNSEEN", node, "not looked at: %s, which this user may not see", path);
	else if (why)
		finding_node(findings, graver(id, path), node, "%s cannot be made: %s: %s", what, path,
		             why == EACCES ? "permission denied" : "there is no such folder; make it, or name another one");
}

static void lint_parent(const struct conf *conf, const struct conf_node *node, const char *id, const char *what, const char *path,
                        struct findings *findings)
{
	const char *slash = strrchr(path, '/');
	char *parent = strndup(path, slash && slash > path ? (size_t)(slash - path) : 1);
	if (parent)
		lint_folder(conf, node, id, what, parent, findings);
	findings->out_of_memory |= !parent;
	free(parent);
}

static void lint_state(const struct conf *conf, struct findings *findings)
{
	const struct conf_node *node = conf_child(conf->root, "state_dir");
	struct stat status;
	if (!conf->state_dir)
		return;
	if (!stat(conf->state_dir, &status)) {
		if (!S_ISDIR(status.st_mode))
			finding_node(findings, "E-STATE", node, "state_dir %s is no folder", conf->state_dir);
	} else {
		lint_parent(conf, node, "E-STATE", "state_dir", conf->state_dir, findings);
	}
}

static void lint_socket(const struct conf *conf, const struct conf_node *node, const char *what, const char *path, struct findings *findings)
{
	struct stat status;
	if (!lstat(path, &status)) {
		if (!S_ISSOCK(status.st_mode))
			finding_node(findings, "E-FILE", node, "%s cannot be made: %s is something else than a socket", what, path);
	} else {
		lint_parent(conf, node, "E-FILE", what, path, findings);
	}
}

static void lint_listener(const struct conf *conf, const struct conf_listener *listener, struct findings *findings)
{
	const struct { const char *name, *path; } files[] = { { "certificate", listener->certificate }, { "key", listener->key },
		                                              { "client_ca_file", listener->client_ca_file } };
	if (listener->kind == LISTEN_UNIX)
		lint_socket(conf, conf_child(listener->node, "address"), "the socket", listener->address + 5, findings);
	for (size_t i = 0; listener->tls && conf->reader == READER_MAY_BE_ANOTHER && i < sizeof files / sizeof *files; i++) {
		size_t length = 0;
		const struct conf_node *node = conf_child(listener->tls, files[i].name);
		char *text = files[i].path ? conf_file(conf, node, files[i].path, PEM_BYTES_MOST, i == 1, &length, findings) : NULL;
		if (text)
			secret_wipe(text, length);
		free(text);
	}
}

void daemon_lint(struct conf *conf, const struct clients_settings *settings, enum conf_reader reader, struct findings *findings)
{
	struct clients_settings of = *settings;
	/* In the ema.conf of a program that decides alone they are emad's on another host, if any. */
	if (conf->published.path)
		return;
	conf->reader = reader;
	of.conf = conf;
	for (int callers = 0; callers < 2; callers++) {
		struct clients *clients = NULL;
		of.which = callers ? CLIENTS_CALLERS : CLIENTS_OF_TOKENS;
		if (!clients_open(&of, findings, &clients))
			clients_free(clients);
	}
	lint_state(conf, findings);
	if (conf->admin_socket)
		lint_socket(conf, conf_child(conf->root, "admin_socket"), "admin_socket", conf->admin_socket, findings);
	for (size_t i = 0; i < conf->listener_count; i++)
		lint_listener(conf, &conf->listeners[i], findings);
	conf->reader = READER_SERVES;
}
