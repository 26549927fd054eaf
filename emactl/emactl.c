/* emactl(1): the operator's tool. */
#include "emactl.h"

#include <fcntl.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG, VERBOSE, SERVICE, ASSERTION, TOKEN, CLIENT, RESOURCE, SCOPE, MESSAGE, REMOTE, NOW, JSON, LIVE, ACCEPT, ADMIN, SUBJECT, PERSON, PROVIDER,
       TENANT, EMAIL, EVERYTHING, BLOCK, REASON, SINK, GROUP, ROLE, STATE, OPTIONS };
enum takes { NOTHING, ONE, MANY };
#define OPTION(name, takes) { #name, takes, offsetof(struct options, name) }

static const struct {
	const char *name;
	enum takes takes;
	size_t at; /* in struct options */
} known[OPTIONS] = {
	[CONFIG] = OPTION(config, ONE),           [VERBOSE] = OPTION(verbose, NOTHING), [SERVICE] = OPTION(service, ONE),
	[ASSERTION] = OPTION(assertion, ONE),     [TOKEN] = OPTION(token, ONE),         [CLIENT] = OPTION(client, ONE),
	[RESOURCE] = OPTION(resource, ONE),       [SCOPE] = OPTION(scope, ONE),         [MESSAGE] = OPTION(message, ONE),
	[REMOTE] = OPTION(remote, ONE),           [NOW] = OPTION(now, ONE),             [JSON] = OPTION(json, NOTHING),
	[LIVE] = OPTION(live, NOTHING),           [ACCEPT] = OPTION(accept, NOTHING),   [ADMIN] = OPTION(admin, ONE),
	[SUBJECT] = OPTION(subject, ONE),         [PERSON] = OPTION(person, ONE),       [PROVIDER] = OPTION(provider, ONE),
	[TENANT] = OPTION(tenant, ONE),           [EMAIL] = OPTION(email, ONE),         [EVERYTHING] = OPTION(everything, NOTHING),
	[BLOCK] = OPTION(block, NOTHING),         [REASON] = OPTION(reason, ONE),       [SINK] = OPTION(sink, ONE),
	[GROUP] = { "group", MANY, offsetof(struct options, groups) },
	[ROLE] = { "role", MANY, offsetof(struct options, roles) },
	[STATE] = { "state", MANY, offsetof(struct options, states) },
};

#define BIT(option) (UINT32_C(1) << (option))
#define ALWAYS (BIT(CONFIG) | BIT(VERBOSE))
#define WHOM (BIT(SUBJECT) | BIT(PERSON) | BIT(CLIENT) | BIT(PROVIDER) | BIT(TENANT) | BIT(SERVICE) | BIT(TOKEN) | BIT(EVERYTHING))

/* A command, or what one does by its first word, and the options that it takes: each other one is refused, since it would be overlooked. */
static const struct form {
	const char *name, *word;
	int (*run)(const struct options *options, int count, char **words);
	uint32_t takes;
	const char *usage, *summary;
} forms[] = {
	{ "check", NULL, command_check, BIT(LIVE) | BIT(JSON), "[--live] [--json]",
	  "check the configuration; --live also fetches discovery documents and keys" },
	{ "explain", NULL, command_explain,
	  BIT(SERVICE) | BIT(ASSERTION) | BIT(TOKEN) | BIT(MESSAGE) | BIT(CLIENT) | BIT(RESOURCE) | BIT(SCOPE) | BIT(REMOTE) | BIT(NOW) | BIT(JSON),
	  "--service S (--assertion FILE|- | --token FILE|-) [--client ID]\n"
	  "                 [--resource R] [--scope S] [--remote ADDRESS] [--now TIME]\n"
	  "                 [--json] |\n"
	  "                 --service S --token FILE|- --message FILE|-\n"
	  "                 [--remote ADDRESS] [--now TIME] [--json]",
	  "decide a credential, or a message with its token, without using anything up, and say why" },
	{ "who-can", NULL, command_who_can, BIT(SERVICE) | BIT(NOW) | BIT(JSON), "[tool|prompt|uri] NAME --service S [--now TIME] [--json]",
	  "the rules that open it, and the people of the directories who may" },
	{ "what-can", NULL, command_what_can, BIT(EMAIL) | BIT(GROUP) | BIT(ROLE) | BIT(NOW) | BIT(JSON),
	  "SUBJECT [--email A] [--group G]... [--role R]... [--now TIME]\n                 [--json]", "what a subject, or a person of a directory, may do" },
	{ "test", NULL, command_test, BIT(JSON), "FILE [--json]", "hold a table of who may do what against the configuration; -v shows what holds, too" },
	{ "tools", "import", command_tools, BIT(ACCEPT) | BIT(JSON), "FILE ANSWER|- [--accept] [--json]",
	  "make a service's tools_file from its server's answer to tools/list" },
	{ "tools", "accept", command_tools, BIT(JSON), "FILE NAME... [--json]", "accept tools in it that are new or have changed" },
	{ "plugins", NULL, command_plugins, BIT(JSON), "[--json]", "list what is installed" },
	{ "onboard", NULL, command_onboard, BIT(SERVICE) | BIT(JSON), "PROVIDER|CLIENT --service S [--json]",
	  "what to type into an IdP or a client, byte for byte" },
	{ "keys", "list", command_keys, BIT(JSON), "[--json]", "the keys that sign access tokens" },
	{ "keys", "rotate", command_keys, BIT(NOW) | BIT(JSON), "[--now] [--json]", "publish a next key; --now drops all others and signs by a new one" },
	{ "audit", "verify", command_audit, BIT(STATE) | BIT(SINK) | BIT(JSON), "FILE... [--state DIR]... [--sink ID] [--json]", "check the chains of audit files" },
	{ "audit", "show", command_audit, BIT(TENANT) | BIT(JSON), "FILE [--tenant P/T] [--json]", "show an audit file, or one tenant's part of it" },
	{ "audit", "subject", command_audit, BIT(STATE) | BIT(JSON), "SUBJECT FILE [--state DIR] [--json]", "what audit files have of a person" },
	{ "reload", NULL, command_reload, BIT(ADMIN) | BIT(JSON), "[--admin SOCKET] [--json]", "let emad check its configuration and put it in place" },
	{ "status", NULL, command_status, BIT(ADMIN) | BIT(JSON), "[--admin SOCKET] [--json]", "what emad serves, and how its providers, store, sinks and marks are" },
	{ "revoke", NULL, command_revoke, WHOM | BIT(BLOCK) | BIT(REASON) | BIT(ADMIN) | BIT(JSON),
	  "(--subject S | --person P | --client C | --provider P |\n"
	  "                 --tenant P/T | --service S | --token ID | --everything)\n"
	  "                 [--block] [--reason TEXT] [--admin SOCKET] [--json]",
	  "refuse what was issued before now; with --block what is new, too" },
	{ "unblock", NULL, command_unblock, WHOM | BIT(REASON) | BIT(ADMIN) | BIT(JSON), "(whom as revoke) [--reason TEXT] [--admin SOCKET] [--json]", "lift a block" },
	{ "revoked", NULL, command_revoked, WHOM | BIT(ADMIN) | BIT(JSON), "[whom as revoke] [--admin SOCKET] [--json]", "what is revoked or blocked" },
	{ "__complete", NULL, command_complete, 0, NULL, NULL },
};
#define FORMS (sizeof forms / sizeof *forms)

/* Into 80 columns. */
static void put_wrapped(FILE *to, const char *text, size_t indent)
{
	size_t column = indent;
	fprintf(to, "%*s", (int)indent, "");
	for (size_t length; *text; text += length + strspn(text + length, " ")) {
		length = strcspn(text, " ");
		const int first = column == indent, breaks = !first && column + 1 + length > 79;
		if (breaks)
			fprintf(to, "\n%*s", (int)indent, "");
		column = breaks ? indent + length : column + !first + length;
		fprintf(to, "%s%.*s", first || breaks ? "" : " ", (int)length, text);
	}
	putc('\n', to);
}

static void usage(FILE *to)
{
	fputs("usage: emactl [-c FILE] [-v] COMMAND ...\n\n", to);
	for (const struct form *form = forms; form < forms + FORMS; form++)
		if (form->usage) {
			fprintf(to, "  %-8s %s%s%s\n", form->name, form->word ? form->word : "", form->word ? " " : "", form->usage);
			put_wrapped(to, form->summary, 11);
		}
	fprintf(to,
	        "\n  -c, --config FILE   the configuration (%s)\n"
	        "  -v, --verbose       warnings of the library on standard error\n"
	        "      --version       the version\n\n"
	        "Exit status: 0 granted or fine, 1 denied or something was found, 2 usage or no\n"
	        "answer. See emactl(1).\n",
	        EMA_CONFIG_FILE);
}

static void write_log(void *data, int level, const char *text)
{
	static const char *const levels[] = { "", "error", "warning", "info", "debug" };
	(void)data;
	fprintf(stderr, "emactl: %s: %s\n", levels[level >= 1 && level <= 4 ? level : 0], text);
}

ema_context *context_for(const struct options *options)
{
	ema_context *context = must(ema_new());
	if (ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH")))
		must(NULL);
	if (options->verbose)
		ema_set_log(context, write_log, NULL);
	ema_set_observer(context);
	return context;
}

ema_context *context_load(ema_context *context, const struct options *options)
{
	if (ema_load(context, options->config) == EMA_OK)
		return context;
	fprintf(stderr, "%s\n", ema_error(context));
	complain("%s was not loaded; `emactl check` says more", options->config);
	ema_free(context);
	return NULL;
}

ema_context *context_loaded(const struct options *options)
{
	return context_load(context_for(options), options);
}

void list_services(ema_context *context)
{
	for (size_t i = 0; ema_service_id(context, i); i++)
		fprintf(stderr, "%s%s%s", i ? ", " : "it has: ", ema_service_id(context, i), ema_service_id(context, i + 1) ? "" : "\n");
}

static int add_name(const char **names, const char *name)
{
	size_t i = 0;
	while (names[i])
		i++;
	if (i == NAMES_MOST)
		return -1;
	names[i] = name;
	return 0;
}

/* Of an option that may come once, a second one would silently be the one that counts. */
static int take(struct options *options, uint32_t *given, int option, const char *text)
{
	void *place = (char *)options + known[option].at;
	const int again = (*given & BIT(option)) != 0;
	*given |= BIT(option);
	if (known[option].takes == NOTHING)
		*(int *)place = 1;
	else if (known[option].takes == MANY && add_name(place, text))
		return complain("more than %d of --%s", NAMES_MOST, known[option].name);
	else if (known[option].takes == ONE && again)
		return complain("--%s is given twice: which one is meant?", known[option].name);
	else if (known[option].takes == ONE)
		*(const char **)place = text ? text : "";
	return STATUS_FINE;
}

static void put_options(FILE *to, uint32_t some)
{
	const char *before = "";
	for (int i = 0; i < OPTIONS; i++)
		if (some & BIT(i)) {
			fprintf(to, "%s --%s", before, known[i].name);
			before = ",";
		}
}

/* By its name and, where it has one, its first word. */
static int run_form(const struct options *options, uint32_t given, int count, char **words)
{
	const struct form *other = NULL;
	for (const struct form *form = forms; form < forms + FORMS; form++) {
		const uint32_t stray = given & ~ALWAYS & ~form->takes;
		if (strcmp(words[0], form->name))
			continue;
		if (form->word && (count == 1 || strcmp(words[1], form->word))) {
			other = form;
			continue;
		}
		if (!stray)
			return form->run(options, count - 1, words + 1);
		fprintf(stderr, "emactl: `emactl %s%s%s` does not take", form->name, form->word ? " " : "", form->word ? form->word : "");
		put_options(stderr, stray);
		fputs("; it takes", stderr);
		put_options(stderr, form->takes);
		fputc('\n', stderr);
		return STATUS_USAGE;
	}
	if (other)
		return other->run(options, count - 1, words + 1); /* which words there are, it says itself */
	complain("there is no command \"%s\"", words[0]);
	fputs("Try `emactl --help`.\n", stderr);
	return STATUS_USAGE;
}

#define SHORTS "c:vh"
enum { LONG = 256, VERSION = LONG + OPTIONS };

/* Is this `keys`, whose --now takes no time? That is known once options and words are told apart, which moves them in the list. */
static int is_keys(int count, char **words, struct option *longs)
{
	char **copy = must(calloc((size_t)count + 1, sizeof *copy));
	memcpy(copy, words, (size_t)count * sizeof *copy);
	longs[NOW].has_arg = optional_argument;
	opterr = 0;
	while (getopt_long(count, copy, SHORTS, longs, NULL) != -1)
		;
	int keys = optind < count && !strcmp(copy[optind], "keys");
	opterr = 1;
	optind = 0; /* from the beginning */
	free(copy);
	return keys;
}

static int run(int count, char **words)
{
	struct option longs[OPTIONS + 3] = { [OPTIONS] = { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, VERSION } };
	struct options options = { .config = EMA_CONFIG_FILE };
	uint32_t given = 0;
	int status = STATUS_FINE;
	for (int i = 0; i < OPTIONS; i++)
		longs[i] = (struct option){ known[i].name, known[i].takes == NOTHING ? no_argument : required_argument, NULL, LONG + i };
	longs[NOW].has_arg = is_keys(count, words, longs) ? no_argument : required_argument;
	for (int option; !status && (option = getopt_long(count, words, SHORTS, longs, NULL)) != -1;) {
		switch (option) {
		case 'c': status = take(&options, &given, CONFIG, optarg); break;
		case 'v': status = take(&options, &given, VERBOSE, NULL); break;
		case 'h': usage(stdout); return STATUS_FINE;
		case VERSION: printf("emactl %s\n", ema_version()); return STATUS_FINE;
		case '?': fputs("Try `emactl --help`.\n", stderr); return STATUS_USAGE;
		default: status = take(&options, &given, option - LONG, optarg); break;
		}
	}
	if (status)
		return status;
	if (optind == count) {
		usage(stderr);
		return STATUS_USAGE;
	}
	return run_form(&options, given, count - optind, words + optind);
}

int main(int count, char **words)
{
	/* One that is closed would be the number of the next file, and what is printed would go there. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return STATUS_USAGE;
	int status = run(count, words);
	/* What did not fit was perhaps the one thing that was found; and what failed before leaves nothing to flush. */
	if (fflush(stdout) || ferror(stdout))
		return complain("not all of the answer could be written to standard output");
	return status;
}
