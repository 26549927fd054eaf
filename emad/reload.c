/* A reload: check everything, then swap. What cannot be had leaves what was there in place. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emad.h"

#define LISTENERS_MOST 64
/* The file is read for emad and for the context: whoever writes it in between is waited for. */
#define READS_MOST 3

struct attempt {
	struct server *server;
	json_object *report, *findings, *messages;
	ema_daemon *daemon;
	struct tls *tls[LISTENERS_MOST];
	size_t tls_count;
	struct settings *settings; /* of daemon, which is theirs then */
	struct face *faces;        /* that wait for the context */
	char refused[512]; /* why, if not by the context, which has told audit so */
	int told;
};

json_object *report_findings(const ema_findings *findings)
{
	json_object *list = json_object_new_array();
	for (size_t i = 0; list && ema_finding_id(findings, i); i++) {
		json_object *one = json_object_new_object();
		if (!one)
			break;
		json_object_object_add(one, "id", json_object_new_string(ema_finding_id(findings, i)));
		json_object_object_add(one, "file", json_object_new_string(ema_finding_file(findings, i)));
		json_object_object_add(one, "line", json_object_new_int(ema_finding_line(findings, i)));
		json_object_object_add(one, "text", json_object_new_string(ema_finding_text(findings, i)));
		json_object_array_add(list, one);
	}
	return list;
}

__attribute__((format(printf, 3, 4))) static void tell(struct attempt *attempt, int level, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say(level, "%s", text);
	if (level == SAY_ERROR)
		memcpy(attempt->refused, text, sizeof text);
	if (attempt->messages)
		json_object_array_add(attempt->messages, json_object_new_string(text));
}

static void attempt_clear(struct attempt *attempt)
{
	for (size_t i = 0; i < attempt->tls_count; i++)
		tls_release(attempt->tls[i]);
	attempt->tls_count = 0;
	faces_end(attempt->faces);
	attempt->faces = NULL;
	settings_release(attempt->settings);
	attempt->settings = NULL;
	ema_daemon_free(attempt->daemon);
	attempt->daemon = NULL;
}

/* The one that serves an address now; NULL: none. */
static struct tls *tls_in_use(const struct server *server, const char *address)
{
	for (const struct face *face = server->faces; face; face = face->next)
		if (!strcmp(face->address, address))
			return face->tls;
	return NULL;
}

static int read_tls(struct attempt *attempt)
{
	const char *address;
	for (size_t i = 0; (address = ema_listener_text(attempt->daemon, i, "address")) && i < LISTENERS_MOST; i++) {
		char error[512] = "";
		struct tls *tls = NULL, *old = tls_in_use(attempt->server, address);
		if (tls_read(attempt->daemon, i, &tls, error, sizeof error)) {
			tell(attempt, SAY_ERROR, "%s: %s%s", address, error, old ? "; the certificate and key that are in use stay" : "");
			/* But not whom it trusts: that may have been taken away. */
			if (!old || !ema_listener_text(attempt->daemon, i, "certificate"))
				return -1;
			if (tls_keep(attempt->daemon, i, old, &tls, error, sizeof error)) {
				tell(attempt, SAY_ERROR, "%s: %s: whose certificates are trusted is not known", address, error);
				return -1;
			}
		}
		attempt->tls[attempt->tls_count++] = tls;
	}
	return 0;
}

static int differs(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

static void name_restarts(struct attempt *attempt)
{
	static const char *const names[] = { "user", "group", "admin_socket" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (differs(ema_daemon_text(attempt->server->settings->daemon, names[i]), ema_daemon_text(attempt->settings->daemon, names[i])))
			tell(attempt, SAY_WARNING, "%s has changed: it takes effect when emad is restarted", names[i]);
	/* A socket that is open keeps its file. */
	const ema_daemon *old = attempt->server->settings->daemon, *new = attempt->settings->daemon;
	const char *address, *was;
	for (size_t i = 0; (address = ema_listener_text(new, i, "address")); i++)
		for (size_t k = 0; !strncmp(address, "unix:", 5) && (was = ema_listener_text(old, k, "address")); k++)
			if (!strcmp(address, was) && (ema_listener_number(old, k, "mode") != ema_listener_number(new, i, "mode") ||
			                              differs(ema_listener_text(old, k, "group"), ema_listener_text(new, i, "group"))))
				tell(attempt, SAY_WARNING, "mode or group of %s has changed: it takes effect when emad is restarted", address);
}

/* 1: the context is loaded, and the rest only waits for swap(); 0: another file than was read before; -1: refused. */
static int load(struct attempt *attempt)
{
	struct server *server = attempt->server;
	ema_findings *findings = NULL;
	if (ema_daemon_read(server->config, &attempt->daemon, &findings)) {
		say_findings(findings);
		json_object_put(attempt->findings);
		attempt->findings = report_findings(findings);
		ema_load_refused(server->context, server->config, findings, "no memory");
		attempt->told = 1;
		ema_findings_free(findings);
		return -1;
	}
	ema_findings_free(findings);
	findings = NULL;
	if (read_tls(attempt))
		return -1;
	char error[512] = "";
	if (sockets_open(&server->sockets, attempt->daemon, &server->identity, error, sizeof error) ||
	    faces_lint(server, attempt->daemon, error, sizeof error)) {
		tell(attempt, SAY_ERROR, "%s", error);
		return -1;
	}
	/* All that can fail comes before the context has the new configuration: it cannot go back. */
	if (!(attempt->settings = settings_new(attempt->daemon))) {
		tell(attempt, SAY_ERROR, "no memory");
		return -1;
	}
	attempt->daemon = NULL;
	if (!(attempt->faces = faces_start(server, attempt->settings, attempt->tls, error, sizeof error))) {
		tell(attempt, SAY_ERROR, "the listeners stay as they were: %s", error);
		return -1;
	}
	int code = ema_load_same(server->context, server->config, ema_daemon_text(attempt->settings->daemon, "digest"), &findings);
	json_object_put(attempt->findings);
	attempt->findings = report_findings(findings);
	ema_findings_free(findings);
	if (code == EMA_UNAVAILABLE)
		return 0;
	attempt->told = code != EMA_OK;
	return code ? -1 : 1;
}

static void swap(struct attempt *attempt)
{
	struct server *server = attempt->server;
	connections_limit(server->connections, (size_t)ema_daemon_number(attempt->settings->daemon, "connections"));
	faces_begin(attempt->faces);
	faces_retire(server, server->faces);
	server->faces = attempt->faces;
	settings_release(server->settings);
	server->settings = attempt->settings;
	attempt->faces = NULL;
	attempt->settings = NULL;
	sockets_close(&server->sockets, server->settings->daemon);
}

int reload(struct server *server, json_object **report)
{
	struct attempt attempt = { .server = server, .report = json_object_new_object(), .messages = json_object_new_array() };
	int loaded = 0;
	for (int i = 0; i < READS_MOST && !loaded; i++) {
		attempt_clear(&attempt);
		loaded = load(&attempt);
	}
	if (!loaded)
		tell(&attempt, SAY_ERROR, "%s changes while it is read: reload once more", server->config);
	if (loaded > 0) {
		name_restarts(&attempt);
		swap(&attempt);
	}
	/* What was bound for a configuration that was refused. */
	if (loaded <= 0)
		sockets_close(&server->sockets, server->settings->daemon);
	attempt_clear(&attempt);
	if (loaded <= 0 && !attempt.told)
		ema_load_refused(server->context, server->config, NULL, attempt.refused);
	server->refused = loaded <= 0;
	if (loaded > 0)
		server->loaded = time(NULL);
	say(loaded > 0 ? SAY_INFO : SAY_ERROR, loaded > 0 ? "%s is loaded" : "%s was not loaded; what was there before stays", server->config);
	if (attempt.report) {
		json_object_object_add(attempt.report, "loaded", json_object_new_boolean(loaded > 0));
		json_object_object_add(attempt.report, "config", json_object_new_string(server->config));
		json_object_object_add(attempt.report, "digest", json_object_new_string(ema_config_digest(server->context)));
		json_object_object_add(attempt.report, "findings", attempt.findings ? attempt.findings : json_object_new_array());
		json_object_object_add(attempt.report, "messages", attempt.messages);
	} else {
		json_object_put(attempt.findings);
		json_object_put(attempt.messages);
	}
	*report = attempt.report;
	return loaded > 0 ? 0 : -1;
}
