#include "daemon.h"

#include <stdlib.h>
#include <string.h>

#include "ema/codes.h"
#include "secret.h"

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
