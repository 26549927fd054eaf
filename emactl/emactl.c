/* emactl(1): the operator's tool. */
#include "emactl.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(const struct options *options, int count, char **words);
	const char *usage, *summary;
} commands[] = {
	{ "check", command_check, "[--live] [--json]", "check the configuration; --live also fetches discovery documents and keys" },
	{ "explain", command_explain,
	  "--service S (--assertion FILE|- | --token FILE|-) [--client ID]\n"
	  "                 [--resource R] [--scope S] [--remote ADDRESS] [--now TIME]\n"
	  "                 [--json] |\n"
	  "                 --service S --token FILE|- --message FILE|-\n"
	  "                 [--remote ADDRESS] [--now TIME] [--json]",
	  "decide a credential, or a message with its token, without using anything up, and say why" },
	{ "who-can", command_who_can, "[tool|prompt|uri] NAME --service S [--now TIME] [--json]", "the rules that open it, and the people of the directories who may" },
	{ "what-can", command_what_can, "SUBJECT [--email A] [--group G]... [--role R]... [--now TIME]\n                 [--json]", "what a subject, or a person of a directory, may do" },
	{ "test", command_test, "FILE [--json]", "hold a table of who may do what against the configuration; -v shows what holds, too" },
	{ "tools", command_tools, "import FILE ANSWER|- [--accept] [--json] |\n                 accept FILE NAME... [--json]",
	  "make a service's tools_file from its server's answer to tools/list; accept what is new" },
	{ "plugins", command_plugins, "[--json]", "list what is installed" },
	{ "onboard", command_onboard, "PROVIDER|CLIENT --service S [--json]", "what to type into an IdP or a client, byte for byte" },
	{ "keys", command_keys, "list [--json] | rotate [--now] [--json]", "the keys that sign access tokens: list them, publish a next one, or drop all" },
	{ "audit", command_audit, "verify FILE... [--state DIR]... [--sink ID] [--json] |\n                 show FILE [--tenant P/T] [--json] |\n                 subject SUBJECT FILE [--state DIR] [--json]",
	  "check the chains of audit files, show it or one tenant's part, or what it has of a person" },
	{ "reload", command_reload, "[--admin SOCKET] [--json]", "let emad check its configuration and put it in place" },
	{ "status", command_status, "[--admin SOCKET] [--json]", "what emad serves, and how its providers, store, sinks and marks are" },
	{ "revoke", command_revoke,
	  "(--subject S | --person P | --client C | --provider P |\n"
	  "                 --tenant P/T | --service S | --token ID | --everything)\n"
	  "                 [--block] [--reason TEXT] [--admin SOCKET] [--json]",
	  "refuse what was issued before now; with --block what is new, too" },
	{ "unblock", command_unblock, "(as revoke) [--reason TEXT] [--admin SOCKET] [--json]", "lift a block" },
	{ "revoked", command_revoked, "[as revoke] [--admin SOCKET] [--json]", "what is revoked or blocked" },
	{ "__complete", command_complete, NULL, NULL },
};
#define COMMANDS (sizeof commands / sizeof *commands)

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
	for (size_t i = 0; i < COMMANDS; i++)
		if (commands[i].usage) {
			fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].usage);
			put_wrapped(to, commands[i].summary, 11);
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

static int run(int count, char **words)
{
	enum { SERVICE = 256, ASSERTION, TOKEN, CLIENT, RESOURCE, SCOPE, MESSAGE, REMOTE, GROUP, ROLE, NOW, JSON, LIVE, ACCEPT, STATE, ADMIN, VERSION, SUBJECT, PERSON,
	       PROVIDER, TENANT, EMAIL, EVERYTHING, BLOCK, REASON, SINK };
	struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },     { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },             { "version", no_argument, NULL, VERSION },
		{ "service", required_argument, NULL, SERVICE }, { "assertion", required_argument, NULL, ASSERTION },
		{ "token", required_argument, NULL, TOKEN },    { "client", required_argument, NULL, CLIENT },
		{ "resource", required_argument, NULL, RESOURCE }, { "scope", required_argument, NULL, SCOPE },
		{ "group", required_argument, NULL, GROUP },    { "role", required_argument, NULL, ROLE },
		{ "message", required_argument, NULL, MESSAGE }, { "remote", required_argument, NULL, REMOTE },
		{ "now", required_argument, NULL, NOW },        { "json", no_argument, NULL, JSON },
		{ "live", no_argument, NULL, LIVE },            { "accept", no_argument, NULL, ACCEPT },
		{ "admin", required_argument, NULL, ADMIN },
		{ "state", required_argument, NULL, STATE },    { "subject", required_argument, NULL, SUBJECT },
		{ "person", required_argument, NULL, PERSON },  { "provider", required_argument, NULL, PROVIDER },
		{ "tenant", required_argument, NULL, TENANT },  { "email", required_argument, NULL, EMAIL },
		{ "everything", no_argument, NULL, EVERYTHING },
		{ "sink", required_argument, NULL, SINK },
		{ "block", no_argument, NULL, BLOCK },          { "reason", required_argument, NULL, REASON },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .config = EMA_CONFIG_FILE };
	/* `keys rotate --now` takes no time. */
	for (int i = 1; i + 1 < count; i++)
		for (size_t j = 0; !strcmp(words[i], "keys") && !strcmp(words[i + 1], "rotate") && longs[j].name; j++)
			if (longs[j].val == NOW)
				longs[j].has_arg = no_argument;
	for (int option; (option = getopt_long(count, words, "c:vh", longs, NULL)) != -1;) {
		switch (option) {
		case 'c': options.config = optarg; break;
		case 'v': options.verbose = 1; break;
		case SERVICE: options.service = optarg; break;
		case ASSERTION: options.assertion = optarg; break;
		case TOKEN: options.token = optarg; break;
		case CLIENT: options.client = optarg; break;
		case RESOURCE: options.resource = optarg; break;
		case SCOPE: options.scope = optarg; break;
		case GROUP:
		case ROLE:
			if (add_name(option == GROUP ? options.groups : options.roles, optarg))
				return complain("more than %d of --group or --role", NAMES_MOST);
			break;
		case MESSAGE: options.message = optarg; break;
		case REMOTE: options.remote = optarg; break;
		case NOW: options.now = optarg ? optarg : ""; break;
		case JSON: options.json = 1; break;
		case ACCEPT: options.accept = 1; break;
		case LIVE: options.live = 1; break;
		case STATE:
			if (add_name(options.states, options.state = optarg))
				return complain("more than %d of --state", NAMES_MOST);
			break;
		case ADMIN: options.admin = optarg; break;
		case SUBJECT: options.subject = optarg; break;
		case PERSON: options.person = optarg; break;
		case PROVIDER: options.provider = optarg; break;
		case TENANT: options.tenant = optarg; break;
		case EMAIL: options.email = optarg; break;
		case EVERYTHING: options.everything = 1; break;
		case BLOCK: options.block = 1; break;
		case REASON: options.reason = optarg; break;
		case SINK: options.sink = optarg; break;
		case 'h': usage(stdout); return STATUS_FINE;
		case VERSION: printf("emactl %s\n", ema_version()); return STATUS_FINE;
		default: fputs("Try `emactl --help`.\n", stderr); return STATUS_USAGE;
		}
	}
	if (optind == count) {
		usage(stderr);
		return STATUS_USAGE;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(words[optind], commands[i].name))
			return commands[i].run(&options, count - optind - 1, words + optind + 1);
	complain("there is no command \"%s\"", words[optind]);
	fputs("Try `emactl --help`.\n", stderr);
	return STATUS_USAGE;
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
