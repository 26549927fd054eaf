/* Revoking: through the emad that runs, or, where none does, in the store that it shares with others. */
#define _GNU_SOURCE
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "emactl.h"

/* What is meant by the options; NULL in kind: nothing. */
struct meant {
	const char *kind, *name;
	int count;
};

static struct meant meant_by(const struct options *options)
{
	const struct meant all[] = {
		{ "subject", options->subject, 0 },   { "person", options->person, 0 }, { "client", options->client, 0 },
		{ "provider", options->provider, 0 }, { "tenant", options->tenant, 0 }, { "service", options->service, 0 },
		{ "token", options->token, 0 },       { "everything", options->everything ? "" : NULL, 0 },
	};
	struct meant meant = { NULL, NULL, 0 };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].name)
			meant = (struct meant){ all[i].kind, all[i].name, meant.count + 1 };
	return meant;
}

/* ---- Without emad ---- */

/* What root writes into emad's folders, emad could not read. -1: it said why. */
static int is_its_user(const char *state_dir)
{
	struct stat folder;
	if (!state_dir && !geteuid())
		return complain("emad does not run: run this as its user, not as root (what it writes would be root's)"), -1;
	if (!state_dir || stat(state_dir, &folder) || folder.st_uid == geteuid())
		return 0;
	const struct passwd *owner = getpwuid(folder.st_uid);
	complain("emad does not run, and %s belongs to user %s: run this as that user (runuser -u %s -- emactl ...)", state_dir,
	         owner ? owner->pw_name : "another", owner ? owner->pw_name : "USER");
	return -1;
}

/* A context on the store that processes share; NULL: it said why. */
static ema_context *shared_store(const struct options *options)
{
	ema_daemon *daemon = NULL;
	ema_findings *findings = NULL;
	ema_context *context = NULL;
	if (!ema_daemon_read(options->config, &daemon, &findings)) {
		const char *store = ema_daemon_text(daemon, "store");
		if (ema_daemon_text(daemon, "published"))
			complain("by this ema.conf, what is revoked is taken from an emad that publishes it in %s: revoke it there, with its ema.conf",
			         ema_daemon_text(daemon, "published"));
		else if (!strcmp(store, "memory"))
			complain("emad does not run, or was started with another state_dir or admin_socket (--admin PATH names its socket), and the store is the "
			         "memory of each process: there is none that could be told. Start emad, or let processes share a store (lmdb, redis)");
		else if (!is_its_user(ema_daemon_text(daemon, "state_dir")))
			context = must(ema_new());
	} else {
		complain("%s does not load, and no emad answers where it names one: `emactl check` says more", options->config);
	}
	ema_findings_free(findings);
	ema_daemon_free(daemon);
	if (!context)
		return NULL;
	if (ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH")))
		must(NULL);
	ema_set_operator(context);
	return context_load(context, options);
}

static struct json_object *answered(int code, const char *text)
{
	struct json_object *answer = must(json_object_new_object());
	json_add(answer, "code", ema_code_name(code));
	json_add(answer, code ? "error" : "text", text && *text ? text : ema_code_meaning(code));
	return answer;
}

/* As emad answers. */
static struct json_object *by_store(const struct options *options, const struct ema_revocation *what, int lift)
{
	ema_context *context = shared_store(options);
	char *text = NULL;
	if (!context)
		return NULL;
	int code = lift ? ema_unblock(context, what, &text) : ema_revoke(context, what, &text);
	struct json_object *answer = answered(code, text);
	ema_text_free(text);
	ema_free(context);
	return answer;
}

static struct json_object *list_by_store(const struct options *options, const struct meant *meant)
{
	ema_context *context = shared_store(options);
	ema_marks *marks = NULL;
	if (!context)
		return NULL;
	int code = ema_revoked(context, meant->kind, meant->name, &marks);
	struct json_object *answer = answered(code, ema_marks_error(must(marks))), *list = must(json_object_new_array());
	size_t count = 0;
	for (; ema_mark_kind(marks, count); count++) {
		struct json_object *one = must(json_object_new_object());
		json_add(one, "kind", ema_mark_kind(marks, count));
		json_add(one, "name", ema_mark_name(marks, count));
		json_object_object_add(one, "before", must(json_object_new_int64(ema_mark_before(marks, count))));
		json_object_object_add(one, "blocked", must(json_object_new_int64(ema_mark_blocked(marks, count))));
		json_object_array_add(list, one);
	}
	json_object_object_add(answer, "marks", list);
	json_object_object_add(answer, "count", must(json_object_new_int64((int64_t)count)));
	ema_marks_free(marks);
	ema_free(context);
	return answer;
}

/* ---- The commands ---- */

static struct json_object *request_of(const struct meant *meant)
{
	struct json_object *request = must(json_object_new_object());
	if (meant->kind)
		json_add(request, "kind", meant->kind);
	if (meant->kind)
		json_add(request, "name", meant->name);
	return request;
}

/* "revoke {...}", asked of emad; *absent: none runs. */
static struct json_object *ask_emad(const struct options *options, const char *command, struct json_object *request, int *absent)
{
	char *line = NULL;
	if (asprintf(&line, "%s %s", command, json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN)) < 0)
		must(NULL);
	struct json_object *answer = daemon_ask(options, line, absent);
	free(line);
	json_object_put(request);
	return answer;
}

static const char *text_in(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* The exit status of an answer, whose error it tells. */
static int judge(struct json_object *answer)
{
	const char *error = text_in(answer, "error"), *code = text_in(answer, "code");
	if (!error)
		return STATUS_FINE;
	fputs("emactl: ", stderr);
	for (const char *c = error; *c; c++)
		fputc((unsigned char)*c < 0x20 && *c != '\n' ? '?' : *c, stderr);
	fputc('\n', stderr);
	return code && !strcmp(code, "absent") ? STATUS_DENY : STATUS_USAGE;
}

/* The whole answer, for --json. */
static int print_all(struct json_object *answer, int status)
{
	int printed = print_json(answer);
	return status ? status : printed;
}

static int change(const struct options *options, int count, int lift)
{
	struct meant meant = meant_by(options);
	const char *name = lift ? "unblock" : "revoke";
	int absent = 0;
	if (count || meant.count != 1)
		return complain("%s takes one of --subject, --person, --client, --provider, --tenant, --service, --token and --everything", name);
	struct json_object *request = request_of(&meant);
	json_object_object_add(request, "block", must(json_object_new_int(options->block)));
	if (options->reason)
		json_add(request, "reason", options->reason);
	struct json_object *answer = ask_emad(options, name, request, &absent);
	if (absent) {
		const struct ema_revocation what = { .size = sizeof what, .kind = meant.kind, .name = meant.name, .block = options->block,
			                             .reason = options->reason };
		answer = by_store(options, &what, lift);
	}
	if (!answer)
		return STATUS_USAGE;
	int status = judge(answer);
	if (options->json)
		return print_all(answer, status);
	if (!status) {
		print_report(text_in(answer, "text") ? text_in(answer, "text") : "");
		putchar('\n');
	}
	json_object_put(answer);
	return status;
}

int command_revoke(const struct options *options, int count, char **words)
{
	(void)words;
	return change(options, count, 0);
}

int command_unblock(const struct options *options, int count, char **words)
{
	(void)words;
	return change(options, count, 1);
}

static const char *time_text(struct json_object *mark, const char *name, char text[32])
{
	struct json_object *value = NULL;
	struct tm parts;
	time_t seconds = json_object_object_get_ex(mark, name, &value) ? (time_t)json_object_get_int64(value) : 0;
	return seconds && gmtime_r(&seconds, &parts) && strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) ? text : "-";
}

int command_revoked(const struct options *options, int count, char **words)
{
	struct meant meant = meant_by(options);
	struct json_object *list = NULL, *all = NULL;
	int absent = 0;
	(void)words;
	if (count || meant.count > 1)
		return complain("revoked takes nothing, or one thing to look for, as revoke");
	struct json_object *answer = ask_emad(options, "revoked", request_of(&meant), &absent);
	if (absent)
		answer = list_by_store(options, &meant);
	if (!answer)
		return STATUS_USAGE;
	int status = judge(answer);
	if (options->json)
		return print_all(answer, status);
	size_t shown = !status && json_object_object_get_ex(answer, "marks", &list) ? json_object_array_length(list) : 0;
	if (!status)
		printf("%s%-10s %-20s %-20s %s%s\n", colour(COLOUR_BOLD), "WHAT", "ISSUED BEFORE", "BLOCKED SINCE", "NAME", colour_off());
	for (size_t i = 0; i < shown; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		char before[32], blocked[32];
		const char *name = text_in(one, "name");
		printf("%-10s %-20s %-20s ", text_in(one, "kind"), time_text(one, "before", before), time_text(one, "blocked", blocked));
		print_plain(name ? name : "");
		putchar('\n');
	}
	if (!status && json_object_object_get_ex(answer, "count", &all) && (size_t)json_object_get_int64(all) > shown)
		printf("and %lld older ones\n", (long long)json_object_get_int64(all) - (long long)shown);
	json_object_put(answer);
	return status;
}
