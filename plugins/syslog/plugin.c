#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "syslog.h"

static const char *const transports[] = { [LOCAL] = "local", [UDP] = "udp", [TCP] = "tcp", [TLS] = "tls", [JOURNALD] = "journald" };

static const struct { const char *name; int number; } facilities[] = {
	{ "kern", 0 },    { "user", 1 },      { "mail", 2 },    { "daemon", 3 },  { "auth", 4 },    { "syslog", 5 },  { "lpr", 6 },
	{ "news", 7 },    { "uucp", 8 },      { "cron", 9 },    { "authpriv", 10 }, { "ftp", 11 },  { "ntp", 12 },    { "audit", 13 },
	{ "alert", 14 },  { "local0", 16 },   { "local1", 17 }, { "local2", 18 }, { "local3", 19 }, { "local4", 20 }, { "local5", 21 },
	{ "local6", 22 }, { "local7", 23 },
};

int sink_failed(ema_instance *self, const char *what, const char *why)
{
	char text[512];
	if (!self->failing) {
		snprintf(text, sizeof text, "%s: %s", what, why);
		self->host->log(self->handle, EMA_LOG_ERROR, text);
	}
	self->failing = 1;
	return EMA_UNAVAILABLE;
}

/* RFC 6587 3.4.1: the length in octets, a space, the message; so a line feed in it ends nothing. */
static int send_counted(ema_instance *self, size_t length)
{
	char count[24];
	size_t n = (size_t)snprintf(count, sizeof count, "%zu ", length);
	memmove(self->message + n, self->message, length);
	memcpy(self->message, count, n);
	return transport_send(self, self->message, n + length);
}

static int syslog_record(ema_instance *self, const ema_event *event)
{
	int code;
	size_t length;
	if (self->form && !self->host->event_render(event, self->form, &length))
		return EMA_OUT_OF_MEMORY;
	if (self->transport == JOURNALD) {
		code = journal_send(self, event);
	} else if (self->transport == TCP || self->transport == TLS) {
		code = send_counted(self, message_make(self, event, (size_t)self->most));
	} else {
		size_t most = (size_t)self->most;
		code = transport_send(self, self->message, message_make(self, event, most));
		while (code == EMA_TOO_LARGE && most / 2 >= MESSAGE_LEAST) {
			most /= 2;
			code = transport_send(self, self->message, message_make(self, event, most));
		}
	}
	if (code == EMA_OK && self->failing) {
		self->failing = 0;
		self->host->log(self->handle, EMA_LOG_WARNING, "records are taken again");
	}
	return code == EMA_TOO_LARGE ? EMA_UNAVAILABLE : code;
}

static int syslog_flush(ema_instance *self, int64_t milliseconds)
{
	(void)self;
	(void)milliseconds;
	return EMA_OK;
}

static void syslog_close(ema_instance *self)
{
	self->until = transport_now() + self->timeout;
	transport_close(self);
	SSL_CTX_free(self->tls);
	free(self->message);
	free(self);
}

/* A number of the table, or -1. */
static int facility_of(const char *name)
{
	for (size_t i = 0; i < sizeof facilities / sizeof *facilities; i++)
		if (!strcmp(facilities[i].name, name))
			return facilities[i].number;
	return -1;
}

static int read_remote(ema_instance *self, ema_conf *conf)
{
	const struct ema_host *host = self->host;
	const char *on_failure = "deny";
	int code = host->conf_string(conf, "host", &self->server);
	if (code == EMA_OK)
		code = host->conf_string(conf, "port", &self->port);
	if (code != EMA_OK)
		return code;
	if (!self->server || !*self->server)
		return host->conf_fail(conf, "host", "which host takes the records? host = \"logs.acme.example\";");
	if (!*self->port)
		return host->conf_fail(conf, "port", "a port is a string: port = \"6514\";");
	if (self->transport == UDP) {
		if ((code = host->conf_string(conf, "on_failure", &on_failure)) != EMA_OK)
			return code;
		if (strcmp(on_failure, "continue"))
			return host->conf_fail(conf, "transport", "udp loses records in silence, so it cannot be a sink that decisions depend on: "
			                                          "write on_failure = \"continue\"; or use tcp or tls");
	}
	if (self->transport != TLS)
		return EMA_OK;
	self->server_name = self->server;
	code = host->conf_string(conf, "server_name", &self->server_name);
	return code == EMA_OK ? tls_configure(self, conf) : code;
}

static int read_settings(ema_instance *self, ema_conf *conf)
{
	const struct ema_host *host = self->host;
	const char *transport = "local", *facility = "authpriv", *app = "ema", *hostname = NULL, *message = "json";
	int code = host->conf_string(conf, "transport", &transport);
	if (code == EMA_OK)
		code = host->conf_string(conf, "facility", &facility);
	if (code == EMA_OK)
		code = host->conf_string(conf, "app_name", &app);
	if (code == EMA_OK)
		code = host->conf_string(conf, "hostname", &hostname);
	if (code == EMA_OK)
		code = host->conf_string(conf, "message", &message);
	if (code == EMA_OK)
		code = host->conf_bool(conf, "bom", &self->bom);
	if (code == EMA_OK)
		code = host->conf_int(conf, "enterprise_number", 1, 0xffffffff, &self->enterprise);
	if (code == EMA_OK)
		code = host->conf_size(conf, "max_size", &self->most);
	if (code == EMA_OK)
		code = host->conf_duration(conf, "timeout", &self->timeout);
	if (code != EMA_OK)
		return code;
	self->facility = facility_of(facility);
	if (self->facility < 0)
		return host->conf_fail(conf, "facility", "a facility is authpriv, audit, auth, daemon, user, local0 to local7, ...");
	self->cef = !strcmp(message, "cef");
	if (strcmp(message, "json") && strcmp(message, "ocsf") && strcmp(message, "text") && !self->cef)
		return host->conf_fail(conf, "message", "message is \"json\" (the record), \"ocsf\" (as OCSF 1.8.0), \"cef\" or \"text\" (a line for people)");
	self->form = !strcmp(message, "json") ? "ema" : !strcmp(message, "ocsf") ? "ocsf" : NULL;
	if (self->most < MESSAGE_LEAST || self->most > MESSAGE_MOST - 64)
		return host->conf_fail(conf, "max_size", "max_size is from \"480\" to \"63KiB\"; every receiver takes 480, most take 2048 and 8192");
	if (self->timeout < 10 || self->timeout > 60000)
		return host->conf_fail(conf, "timeout", "timeout is from \"10ms\" to \"1m\"");
	snprintf(self->app, sizeof self->app, "%s", app);
	snprintf(self->process, sizeof self->process, "%ld", (long)getpid());
	if (hostname)
		snprintf(self->hostname, sizeof self->hostname, "%s", hostname);
	else if (gethostname(self->hostname, sizeof self->hostname - 1))
		self->hostname[0] = 0;
	int found = -1;
	for (int i = 0; i < (int)(sizeof transports / sizeof *transports); i++)
		if (!strcmp(transport, transports[i]))
			found = i;
	if (found < 0)
		return host->conf_fail(conf, "transport", "transport is \"local\", \"journald\", \"tls\", \"tcp\" or \"udp\"");
	self->transport = (enum transport)found;
	if (self->transport == LOCAL || self->transport == JOURNALD) {
		self->path = self->transport == LOCAL ? "/dev/log" : "/run/systemd/journal/socket";
		if ((code = host->conf_path(conf, "path", &self->path)) != EMA_OK)
			return code;
		if (strlen(self->path) >= sizeof((struct sockaddr_un *)0)->sun_path)
			return host->conf_fail(conf, "path", "the path of a socket is at most 107 bytes long");
		return EMA_OK;
	}
	self->port = self->transport == TLS ? "6514" : "514";
	return read_remote(self, conf);
}

static int syslog_open(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	ema_instance *self = calloc(1, sizeof *self);
	int code = EMA_OUT_OF_MEMORY;
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->host = host;
	self->handle = handle;
	self->fd = -1;
	self->bom = 1;
	self->most = MESSAGE_DEFAULT;
	self->timeout = 2000;
	self->message = malloc(MESSAGE_MOST + 1);
	if (!self->message || (code = read_settings(self, conf)) != EMA_OK) {
		syslog_close(self);
		return code;
	}
	*out = self;
	return EMA_OK;
}

static const struct ema_audit_ops syslog_audit = {
	.size = sizeof(struct ema_audit_ops),
	.open = syslog_open,
	.close = syslog_close,
	.record = syslog_record,
	.flush = syslog_flush,
};

static const struct ema_plugin syslog_plugin = {
	.size = sizeof(struct ema_plugin),
	.abi = EMA_ABI,
	.threads = EMA_THREADS_SERIAL,
	.name = "syslog",
	.version = "1.0",
	.summary = "audit records to syslog (RFC 5424: local, UDP, TCP, TLS) or journald",
	.audit = &syslog_audit,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *host)
{
	return EMA_HOST_HAS(host, event_render) ? &syslog_plugin : NULL;
}
