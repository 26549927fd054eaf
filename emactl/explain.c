#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emactl.h"

#define TOKEN_MOST 65536
#define MESSAGE_MOST (1024 * 1024)
#define YEAR_9999 INT64_C(253402300799) /* its last second */

int64_t parse_now(const struct options *options)
{
	const char *text = options->now;
	struct tm tm = { 0 };
	char *end = NULL;
	if (!text)
		return 0;
	errno = 0;
	long long seconds = strtoll(text, &end, 10);
	if (errno || end == text || *end) {
		end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
		const int day = tm.tm_mday;
		/* It would take 31 February for 3 March. */
		seconds = end && !*end ? timegm(&tm) : 0;
		if (tm.tm_mday != day)
			seconds = 0;
	}
	/* 0 would be now. */
	if (seconds > 0 && seconds <= YEAR_9999)
		return seconds;
	complain("--now takes seconds since 1970, or a time like 2026-11-23T11:40:00Z of a day that there is, up to the year 9999");
	return -1;
}

/* What emad looks at beyond it, NULL at the end: of a permit here it may still refuse. */
static const char *const *not_looked_at(const struct options *options)
{
	static const char *const redemption[] = {
		"whether the client proves who it is", "whether the assertion was used before, or issued before the store began to remember",
		"what is revoked or blocked", "the proof of possession", "rates", NULL };
	static const char *const token[] = {
		"scopes, grants and denies: give --message", "what is revoked or blocked", "the proof of possession", NULL };
	static const char *const message[] = {
		"headers", "whether emad takes so long a message (body_size of limits)", "what is revoked or blocked", "the proof of possession", NULL };
	return options->assertion ? redemption : options->message ? message : token;
}

typedef const char *item_fn(const ema_decision *decision, size_t index);

static void json_list(struct json_object *object, const char *name, const ema_decision *decision, item_fn *item)
{
	struct json_object *list = must(json_object_new_array());
	for (size_t i = 0; item(decision, i); i++)
		json_object_array_add(list, must(json_object_new_string(item(decision, i))));
	json_object_object_add(object, name, list);
}

static struct json_object *as_json(const ema_decision *decision, const struct options *options)
{
	int code = ema_decision_code(decision);
	struct json_object *all = must(json_object_new_object()), *trace = must(json_object_new_array());
	json_add(all, "verdict", code ? "deny" : "permit");
	json_add(all, "code", ema_code_name(code));
	json_add(all, "service", options->service);
	json_add(all, "reason", ema_decision_operator_line(decision));
	json_add(all, "user_line", ema_decision_user_line(decision));
	json_add(all, "request", ema_decision_id(decision));
	json_add(all, "subject", ema_decision_subject(decision));
	json_add(all, "provider", ema_decision_provider(decision));
	json_add(all, "issuer", ema_decision_issuer(decision));
	json_add(all, "tenant", ema_decision_tenant(decision));
	json_add(all, "sub", ema_decision_sub(decision));
	json_add(all, "client", ema_decision_client(decision));
	json_add(all, "email", ema_decision_email(decision));
	json_add(all, "person", ema_decision_person(decision));
	json_add(all, "actor", ema_decision_actor(decision));
	json_add(all, "resource", ema_decision_resource(decision));
	json_object_object_add(all, "expires", ema_decision_expires(decision) ? must(json_object_new_int64(ema_decision_expires(decision))) : NULL);
	json_list(all, "groups", decision, ema_decision_group);
	json_list(all, "roles", decision, ema_decision_role);
	json_list(all, "scopes", decision, ema_decision_scope);
	json_list(all, "accounts", decision, ema_decision_account);
	struct json_object *rest = must(json_object_new_array());
	for (const char *const *at = not_looked_at(options); !code && *at; at++)
		json_object_array_add(rest, must(json_object_new_string(*at)));
	json_object_object_add(all, "not_looked_at", rest);
	for (size_t i = 0; ema_step_stage(decision, i); i++) {
		struct json_object *step = must(json_object_new_object());
		json_add(step, "rule", ema_step_rule(decision, i));
		json_add(step, "stage", ema_step_stage(decision, i));
		json_add(step, "name", ema_step_name(decision, i));
		json_add(step, "control", ema_step_control(decision, i));
		json_add(step, "code", ema_code_name(ema_step_code(decision, i)));
		json_add(step, "action", ema_step_action(decision, i));
		json_object_object_add(step, "depth", must(json_object_new_int(ema_step_depth(decision, i))));
		json_add(step, "text", ema_step_text(decision, i));
		json_object_array_add(trace, step);
	}
	json_object_object_add(all, "trace", trace);
	return all;
}

static void line(const char *name, const char *value)
{
	if (!value)
		return;
	printf("  %-10s ", name);
	print_plain(value);
	putchar('\n');
}

static void list(const char *name, const ema_decision *decision, item_fn *item)
{
	if (!item(decision, 0))
		return;
	printf("  %-10s ", name);
	for (size_t i = 0; item(decision, i); i++) {
		if (i)
			fputs(", ", stdout);
		print_plain(item(decision, i));
	}
	putchar('\n');
}

/* Stages that have a part of their own, for a message. */
static const char *const parts[][2] = {
	{ "scopes", "the token" }, { "grant", "grants that open it" }, { "deny", "denies that are about it" }, { "change", "for a permit" },
};
#define PARTS (sizeof parts / sizeof *parts)

static size_t part_of(const char *stage)
{
	size_t part = 0;
	while (part < PARTS && strcmp(parts[part][0], stage))
		part++;
	return part;
}

static void print_steps(const ema_decision *decision, size_t part)
{
	/* Of a permit that asks for a change: shadow mode gave it. */
	const char *title = part == PARTS ? "what ran" : !strcmp(parts[part][0], "change") && !ema_decision_code(decision) ? "for a permit without shadow mode" : parts[part][1];
	int first = 1;
	for (size_t i = 0; ema_step_stage(decision, i); i++) {
		if (part_of(ema_step_stage(decision, i)) != part)
			continue;
		if (first)
			printf("  %s\n", title);
		first = 0;
		fputs("    ", stdout);
		if (part == PARTS) {
			print_plain(ema_decision_trace(decision, i));
		} else {
			const char *rule = ema_step_rule(decision, i), *name = ema_step_name(decision, i);
			print_plain(rule);
			fputs(*rule ? ": " : "", stdout);
			print_plain(name);
			fputs(*name ? ": " : "", stdout);
			print_plain(ema_step_text(decision, i));
		}
		putchar('\n');
	}
}

static void for_person(const ema_decision *decision, const struct options *options)
{
	int code = ema_decision_code(decision);
	printf("%s%s%s  %s  (service %s)\n", colour(code ? COLOUR_BAD : COLOUR_GOOD), code ? "DENY" : "PERMIT", colour_off(), ema_code_name(code),
	       options->service);
	line(code ? "why" : "because", ema_decision_operator_line(decision));
	if (code)
		line("user sees", ema_decision_user_line(decision));
	line("subject", ema_decision_subject(decision));
	line("issuer", ema_decision_issuer(decision));
	line("client", ema_decision_client(decision));
	line("actor", ema_decision_actor(decision));
	line("e-mail", ema_decision_email(decision));
	line("person", ema_decision_person(decision));
	list("groups", decision, ema_decision_group);
	list("roles", decision, ema_decision_role);
	list("scopes", decision, ema_decision_scope);
	list("accounts", decision, ema_decision_account);
	for (size_t part = 0; part <= PARTS; part++)
		print_steps(decision, (part + PARTS) % (PARTS + 1));
	for (const char *const *at = not_looked_at(options); !code && *at; at++)
		printf("%s    %s\n", at == not_looked_at(options) ? "  not looked at\n" : "", *at);
}

static int is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1 || !strcmp(text, "unix");
}

static int set_item(ema_request *request, int item, const char *name, const char *value)
{
	return value && ema_request_set(request, item, value) ? complain("--%s is too long", name) : STATUS_FINE;
}

/* A token that stands there itself must not go into a log of errors, so the name of a file that is not there is not said. */
static char *read_token(const char *option, const char *path)
{
	if (!strcmp(path, "-") || !access(path, R_OK))
		return read_word(path, TOKEN_MOST);
	complain("--%s takes a file that has the token, or \"-\" for standard input: this one cannot be read: %s", option, strerror(errno));
	return NULL;
}

int command_explain(const struct options *options, int count, char **words)
{
	const char *path = options->assertion ? options->assertion : options->token;
	int64_t now = 0;
	int status = STATUS_USAGE;
	ema_context *context = NULL;
	ema_request *request = NULL;
	ema_decision *decision = NULL;
	char *token = NULL, *message = NULL;
	(void)words;
	if (count)
		return complain("explain takes no words, options alone; see `emactl --help`");
	if (!options->service)
		return complain("--service is missing: for which service should it be decided?");
	if (!path || (options->assertion && options->token))
		return complain("give --assertion FILE for an ID-JAG or --token FILE for an access token, \"-\" for standard input");
	if (options->message && options->assertion)
		return complain("--message is for --token alone: the access token that came with the message");
	if (options->message && (options->client || options->resource || options->scope))
		return complain("--message takes no --client, --resource or --scope: the token says them");
	if (options->message && !strcmp(options->message, "-") && !strcmp(path, "-"))
		return complain("--token and --message cannot both be standard input");
	if (options->remote && !is_address(options->remote))
		return complain("--remote takes the address that the request comes from: 192.0.2.1, 2001:db8::1 or unix");
	if ((now = parse_now(options)) < 0)
		return STATUS_USAGE;
	token = read_token(options->assertion ? "assertion" : "token", path);
	message = token && options->message ? read_word(options->message, MESSAGE_MOST) : NULL;
	if (options->message && token && (!message || !*message)) {
		if (message)
			complain("%s: there is no message in it", options->message);
		goto out;
	}
	context = token ? context_loaded(options) : NULL;
	if (!context)
		goto out;
	request = must(ema_request_new());
	if (ema_request_credential(request, options->assertion ? EMA_CREDENTIAL_ID_JAG : EMA_CREDENTIAL_ACCESS_TOKEN, token, strlen(token)))
		must(NULL);
	if (message && ema_request_body(request, message, strlen(message)))
		must(NULL);
	if (set_item(request, EMA_REQUEST_CLIENT_ID, "client", options->client) ||
	    set_item(request, EMA_REQUEST_RESOURCE, "resource", options->resource) || set_item(request, EMA_REQUEST_SCOPE, "scope", options->scope) ||
	    set_item(request, EMA_REQUEST_REMOTE, "remote", options->remote))
		goto out;
	int code = ema_explain(context, options->service, request, now, &decision);
	must(decision);
	if (code == EMA_UNKNOWN_SERVICE) {
		complain("%s", ema_decision_operator_line(decision));
		list_services(context);
		goto out;
	}
	status = code ? STATUS_DENY : STATUS_FINE;
	if (options->json) {
		int printed = print_json(as_json(decision, options));
		status = printed ? printed : status;
	} else {
		for_person(decision, options);
	}
out:
	ema_decision_free(decision);
	ema_request_free(request);
	ema_free(context);
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
	free(message);
	return status;
}
