#include "devidp.h"

#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ema/version.h"

static const char usage_text[] =
	"usage: devidp [--ports okta=PORT,azure=PORT,oidc=PORT] [--state DIR]\n"
	"              [--people FILE] [--ready-file FILE]\n"
	"       devidp --print-assertion USER --service AUDIENCE\n"
	"              [--persona okta|azure|oidc] [--state DIR] [option ...]\n"
	"An identity provider for trying and testing. It is no IdP for production.\n"
	"See devidp(1).\n";

enum { OPTION_ORDER = 256, OPTION_PORTS, OPTION_STATE, OPTION_PEOPLE, OPTION_READY, OPTION_PRINT };

static const struct option options[] = {
	{ "ports", required_argument, NULL, OPTION_PORTS },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "people", required_argument, NULL, OPTION_PEOPLE },
	{ "ready-file", required_argument, NULL, OPTION_READY },
	{ "print-assertion", required_argument, NULL, OPTION_PRINT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "actor", required_argument, NULL, OPTION_ORDER },
	{ "age", required_argument, NULL, OPTION_ORDER },
	{ "app", no_argument, NULL, OPTION_ORDER },
	{ "bad", required_argument, NULL, OPTION_ORDER },
	{ "claim", required_argument, NULL, OPTION_ORDER },
	{ "client", required_argument, NULL, OPTION_ORDER },
	{ "kind", required_argument, NULL, OPTION_ORDER },
	{ "lifetime", required_argument, NULL, OPTION_ORDER },
	{ "overage", no_argument, NULL, OPTION_ORDER },
	{ "persona", required_argument, NULL, OPTION_ORDER },
	{ "resource", required_argument, NULL, OPTION_ORDER },
	{ "saml", no_argument, NULL, OPTION_ORDER },
	{ "scope", required_argument, NULL, OPTION_ORDER },
	{ "service", required_argument, NULL, OPTION_ORDER },
	{ "subject", required_argument, NULL, OPTION_ORDER },
	{ "tenant", required_argument, NULL, OPTION_ORDER },
	{ "token-version", required_argument, NULL, OPTION_ORDER },
	{ "type", required_argument, NULL, OPTION_ORDER },
	{ NULL, 0, NULL, 0 },
};

/* okta=0,oidc=8603: those that are named run, and no other. */
static int read_ports(const char *text, unsigned ports[PERSONAS], int runs[PERSONAS])
{
	memset(runs, 0, PERSONAS * sizeof *runs);
	for (int i = 0; i < PERSONAS; i++) {
		size_t length = strcspn(text, "=");
		enum persona persona = persona_by_name(text, length);
		char *end = NULL;
		if (persona == PERSONA_NONE || text[length] != '=' || text[length + 1] < '0' || text[length + 1] > '9')
			return -1;
		unsigned long port = strtoul(text + length + 1, &end, 10);
		if (port > 65535 || (*end && *end != ','))
			return -1;
		ports[persona] = (unsigned)port;
		runs[persona] = 1;
		if (!*end)
			return 0;
		text = end + 1;
	}
	return -1;
}

static int default_state(char *out, size_t room)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n = state && *state == '/' ? snprintf(out, room, "%s", state) : snprintf(out, room, "%s/.local", home && *home == '/' ? home : "");
	if (n <= 0 || (size_t)n + 16 > room || (n == 7 && *home != '/'))
		return -1;
	mkdir(out, 0700);
	if (!(state && *state == '/')) {
		memcpy(out + n, "/state", 7);
		mkdir(out, 0700);
		n += 6;
	}
	memcpy(out + n, "/devidp", 8);
	return 0;
}

static int failed(struct server *server, const struct failure *failure)
{
	fprintf(stderr, "devidp: %s\n", failure->text);
	server_stop(server);
	return 1;
}

static int serve(struct state *state, json_object *people, const unsigned ports[PERSONAS], const int runs[PERSONAS], const char *ready_file)
{
	struct server *server = NULL;
	struct failure failure = FAILURE_INIT;
	sigset_t signals;
	int which = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (server_start(state, people, ports, runs, &server, &failure))
		return failed(server, &failure);
	puts("devidp: for trying and testing; it is no IdP for production, and signs whatever it is asked for");
	for (int i = 0; i < PERSONAS; i++)
		if (state->ports[i])
			printf("devidp: %s listens on http://127.0.0.1:%u\n", persona_name(i), state->ports[i]);
	fflush(stdout);
	if (state_save_ports(state, ready_file, &failure))
		return failed(server, &failure);
	while (sigwait(&signals, &which) || which == SIGHUP)
		;
	server_stop(server);
	return 0;
}

int main(int argc, char **argv)
{
	struct order order = ORDER_INIT;
	struct failure failure = FAILURE_INIT;
	struct state state = { NULL, { 0 } };
	unsigned ports[PERSONAS] = { 8601, 8602, 8603 };
	int runs[PERSONAS] = { 1, 1, 1 }, option, at = 0, status = 1;
	const char *people_file = NULL, *ready_file = NULL;
	char folder[3072], *token = NULL;

	while ((option = getopt_long(argc, argv, "h", options, &at)) != -1) {
		const char *name = option == OPTION_ORDER ? options[at].name : "";
		switch (option) {
		case OPTION_PORTS:
			if (read_ports(optarg, ports, runs)) {
				fputs("devidp: --ports: write for example okta=0,azure=8602 (0: any free one)\n", stderr);
				return 2;
			}
			break;
		case OPTION_STATE: state.folder = optarg; break;
		case OPTION_PEOPLE: people_file = optarg; break;
		case OPTION_READY: ready_file = optarg; break;
		case OPTION_PRINT: order.user = optarg; break;
		case OPTION_ORDER:
			if (order_set(&order, strcmp(name, "token-version") ? name : "version", optarg)) {
				fprintf(stderr, "devidp: --%s: \"%s\" will not do; see devidp(1)\n", name, optarg);
				return 2;
			}
			break;
		case 'h': fputs(usage_text, stdout); return 0;
		case 'V': puts("devidp " EMA_VERSION); return 0;
		default: fputs(usage_text, stderr); return 2;
		}
	}
	if (optind < argc) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (!state.folder) {
		if (default_state(folder, sizeof folder)) {
			fputs("devidp: HOME is not set: use --state DIR\n", stderr);
			return 2;
		}
		state.folder = folder;
	}
	json_object *people = people_load(people_file, &failure);
	if (!people || state_open(&state, &failure))
		fprintf(stderr, "devidp: %s\n", failure.text);
	else if (!order.user)
		status = serve(&state, people, ports, runs, ready_file);
	else if (state_load_ports(&state, &failure) || order_fill(&order, &state, people, &token, &failure))
		fprintf(stderr, "devidp: %s\n", failure.text);
	else
		status = puts(token) == EOF;
	free(token);
	json_object_put(people);
	return status;
}
