/* emactl: what its commands share. */
#ifndef EMACTL_EMACTL_H
#define EMACTL_EMACTL_H

#include <json-c/json.h>

#include "ema/admin.h"

/* Exit statuses. */
enum { STATUS_FINE = 0, STATUS_DENY = 1, STATUS_USAGE = 2 };

#define NAMES_MOST 32 /* of an option that may come more than once */

struct options {
	const char *config;
	const char *service, *assertion, *token, *client, *resource, *scope, *message, *remote, *now, *admin;
	const char *groups[NAMES_MOST + 1], *roles[NAMES_MOST + 1], *states[NAMES_MOST + 1]; /* end with NULL */
	const char *subject, *person, *provider, *tenant, *email, *reason, *sink;
	int json, live, verbose, accept, block, everything;
};

/* Each gets its words after the options, and returns an exit status. */
int command_check(const struct options *options, int count, char **words);
int command_explain(const struct options *options, int count, char **words);
int command_who_can(const struct options *options, int count, char **words);
int command_what_can(const struct options *options, int count, char **words);
int command_tools(const struct options *options, int count, char **words);
int command_test(const struct options *options, int count, char **words);
int command_plugins(const struct options *options, int count, char **words);
int command_onboard(const struct options *options, int count, char **words);
int command_keys(const struct options *options, int count, char **words);
int command_audit(const struct options *options, int count, char **words);
int command_reload(const struct options *options, int count, char **words);
int command_status(const struct options *options, int count, char **words);
int command_revoke(const struct options *options, int count, char **words);
int command_unblock(const struct options *options, int count, char **words);
int command_revoked(const struct options *options, int count, char **words);
int command_complete(const struct options *options, int count, char **words);

/* A context with the plugin path of the environment, whose warnings go to standard error if verbose. Ends the program if there is no memory. */
ema_context *context_for(const struct options *options);
/* With the configuration loaded; NULL: it said why, and the context is gone. */
ema_context *context_load(ema_context *context, const struct options *options);
/* context_for() with the configuration loaded to look at, not to serve. */
ema_context *context_loaded(const struct options *options);
/* Those of the configuration on standard error, for who asked for one that it has not. */
void list_services(ema_context *context);

/*
 * What emad answers to a line; NULL: it said why. absent may be NULL; else it is set, and nothing is said, where no emad listens at the
 * place that the configuration names. The answer may be an error.
 */
struct json_object *daemon_ask(const struct options *options, const char *command, int *absent);

/* ---- Output ---- */

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_WARN, COLOUR_DIM, COLOUR_BOLD };
/* The sequence that turns a colour on, "" where standard output is no terminal or NO_COLOR is set. */
const char *colour(enum colour colour);
const char *colour_off(void);
/* "emactl: ..." on standard error; returns STATUS_USAGE. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Writes text for a person, on this line: controls, and what turns lines round, that a file or a token brought become '?'. */
void print_plain(const char *text);
/* The same with the lines that the text has. */
void print_report(const char *text);
/* Prints a JSON object, with what print_plain() would make a '?' as escapes, and frees it. STATUS_USAGE if standard output is full. */
int print_json(struct json_object *object);
/* Adds a string, or null if it is NULL. */
void json_add(struct json_object *object, const char *name, const char *text);
/* A list of id, file, line, text. */
struct json_object *findings_json(const ema_findings *findings);
/* The whole of a file or, for "-", of standard input, without white space at its ends; NULL: it said why. Free it. */
char *read_word(const char *path, size_t most);
/* What --now says in seconds since 1970, 0 without it. -1: it said why. */
int64_t parse_now(const struct options *options);
/* Ends the program with a message where memory is gone. */
void *must(void *pointer);

#endif
