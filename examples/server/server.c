/*
 * An MCP server that links libemacore, over streamable HTTP:
 *
 *     server CONFIG SERVICE [ADDRESS:]PORT [THINGS.json]
 *
 * The part to copy is serve(): it asks before anything looks at the message, and answers what the decision says. What is done for
 * whom it lets in stands in notes.c, and what THINGS.json is in notes.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <microhttpd.h>

#include <ema/admin.h>
#include <ema/ema.h>

#include "notes.h"

#define BODY_MOST (1024 * 1024)
#define HEADER_MOST 65536   /* bytes that libmicrohttpd keeps of a connection */
#define CONNECTIONS_MOST 128
#define SILENCE_MOST 30     /* seconds */
#define URL_ROOM 2200       /* a URL of a configuration has up to 2048 bytes */

/* What does not change while the server runs. */
static ema_context *context;
static const char *service;
static char path[URL_ROOM], metadata_path[URL_ROOM], metadata[2 * URL_ROOM];

struct visit {
	char *url;     /* as the request line has it */
	ema_request *request;
	char *body;
	size_t length;
	int seen;      /* the header is complete */
	int status;    /* of a header that is refused; 0: none */
	int lengths;   /* headers that say where the body ends */
};

static enum MHD_Result answer(struct MHD_Connection *connection, int status, const ema_decision *decision, const char *body)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	const char *challenge = decision ? ema_decision_challenge(decision) : NULL;
	if (!response)
		return MHD_NO;
	if (*body)
		MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", body == metadata ? "public, max-age=300" : "no-store");
	if (decision)
		MHD_add_response_header(response, "X-Request-ID", ema_decision_id(decision));
	if (challenge)
		MHD_add_response_header(response, "WWW-Authenticate", challenge);
	if (status == 405)
		MHD_add_response_header(response, "Allow", "POST");
	enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
	MHD_destroy_response(response);
	return result;
}

/* Where there is no decision, or no answer to one who was let in, there was no memory for it. */
static enum MHD_Result serve(struct MHD_Connection *connection, const struct visit *visit)
{
	const union MHD_ConnectionInfo *peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const char *body = visit->body ? visit->body : "", *error = NULL;
	ema_decision *decision = NULL;
	char remote[INET_ADDRSTRLEN], *answered = NULL;
	int status = 503;
	if (!peer || !inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer->client_addr)->sin_addr, remote, sizeof remote) ||
	    ema_request_set(visit->request, EMA_REQUEST_METHOD, "POST") || ema_request_set(visit->request, EMA_REQUEST_URL, visit->url) ||
	    ema_request_set(visit->request, EMA_REQUEST_REMOTE, remote) || ema_request_body(visit->request, body, visit->length))
		return answer(connection, 400, NULL, "");
	int code = ema_check_mcp(context, service, visit->request, &decision);
	if (code == EMA_OK && decision) {
		answered = notes_answer(decision, body, visit->length, &status);
	} else if (decision) {
		status = ema_decision_status(decision);
		error = ema_decision_rpc_error(decision);
	}
	enum MHD_Result result = answer(connection, status, decision, answered ? answered : error ? error : "");
	free(answered);
	ema_decision_free(decision);
	return result;
}

static enum MHD_Result header(void *data, enum MHD_ValueKind kind, const char *name, size_t name_length,
                              const char *value, size_t value_length)
{
	struct visit *visit = data;
	(void)kind;
	/* RFC 9112 6.3: a proxy could read two of them in another way. */
	visit->lengths += !strcasecmp(name, "Content-Length") || !strcasecmp(name, "Transfer-Encoding");
	if (!strcasecmp(name, "Content-Length") && value && strtoull(value, NULL, 10) > BODY_MOST)
		visit->status = 413;
	else if (visit->lengths > 1 || !value || strlen(name) != name_length || strlen(value) != value_length)
		visit->status = 400;
	else if (ema_request_header(visit->request, name, value))
		visit->status = 431;
	return visit->status ? MHD_NO : MHD_YES;
}

/* Once the header is there: 0, or the status that ends it. The query is the check's to judge, and nobody's to log. */
static int begin(struct visit *visit, struct MHD_Connection *connection, const char *method)
{
	size_t length = strcspn(visit->url, "?");
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, header, visit);
	if (visit->status)
		return visit->status;
	if (length == strlen(metadata_path) && !strncmp(visit->url, metadata_path, length))
		return !strcmp(method, "GET") || !strcmp(method, "HEAD") ? 200 : 405;
	if (length != strlen(path) || strncmp(visit->url, path, length))
		return 404;
	return strcmp(method, "POST") ? 405 : 0;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *decoded, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **own)
{
	struct visit *visit = *own;
	(void)data, (void)decoded, (void)version;
	if (!visit)
		return MHD_NO;
	if (!visit->seen) {
		visit->seen = 1;
		int status = begin(visit, connection, method);
		return status ? answer(connection, status, NULL, status == 200 ? metadata : "") : MHD_YES;
	}
	if (!*upload_size)
		return serve(connection, visit);
	/* Who sends in chunks never said how long it is. */
	if (*upload_size > BODY_MOST - visit->length || (!visit->body && !(visit->body = malloc(BODY_MOST))))
		return MHD_NO;
	memcpy(visit->body + visit->length, upload, *upload_size);
	visit->length += *upload_size;
	*upload_size = 0;
	return MHD_YES;
}

static void visit_end(void *data, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode code)
{
	struct visit *visit = *own;
	(void)data, (void)connection, (void)code;
	if (!visit)
		return;
	ema_request_free(visit->request);
	free(visit->body);
	free(visit->url);
	free(visit);
	*own = NULL;
}

static void *visit_begin(void *data, const char *url, struct MHD_Connection *connection)
{
	struct visit *visit = calloc(1, sizeof *visit);
	void *own = visit;
	if (visit && (visit->url = strdup(url)) && (visit->request = ema_request_new()))
		return visit;
	visit_end(data, connection, &own, MHD_REQUEST_TERMINATED_WITH_ERROR);
	return NULL;
}

/* ---- From start to end ---- */

static void log_line(void *data, int level, const char *line)
{
	(void)data;
	if (level <= 2)
		fprintf(stderr, "ema: %s\n", line);
}

/*
 * Where it is asked, and its metadata (RFC 9728): at the challenge's place, where a slash alone behind the host goes, and with what
 * leads a client to the authorization server. Nothing in a URL that ema_load() took wants escaping in JSON. 0: the service is there.
 */
static int describe(void)
{
	const char *resource = ema_service_fact(context, service, "resource"), *issuer = ema_service_fact(context, service, "issuer");
	const char *host = resource ? strstr(resource, "://") : NULL;
	if (!host || !issuer)
		return -1;
	const char *below = host + 3 + strcspn(host + 3, "/");
	snprintf(path, sizeof path, "%s", *below ? below : "/");
	snprintf(metadata_path, sizeof metadata_path, "/.well-known/oauth-protected-resource%s", strcmp(below, "/") ? below : "");
	path[strcspn(path, "?")] = metadata_path[strcspn(metadata_path, "?")] = 0;
	snprintf(metadata, sizeof metadata, "{\"resource\":\"%s\",\"authorization_servers\":[\"%s\"],\"bearer_methods_supported\":[\"header\"]}",
	         resource, issuer);
	return 0;
}

/* It speaks clear text: to this host alone, where a proxy ends TLS, unless an address says otherwise. */
static int read_address(const char *where, struct sockaddr_in *out)
{
	const char *colon = strrchr(where, ':'), *port = colon ? colon + 1 : where;
	char host[INET_ADDRSTRLEN] = "127.0.0.1", *end = NULL;
	if (colon)
		snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
	unsigned long number = strtoul(port, &end, 10);
	if (*port < '0' || *port > '9' || *end || number > 65535 || inet_pton(AF_INET, host, &out->sin_addr) != 1)
		return -1;
	out->sin_family = AF_INET;
	out->sin_port = htons((uint16_t)number);
	return 0;
}

static struct MHD_Daemon *listen_at(struct sockaddr_in *address)
{
	/* More threads than cores: one that waits for a store or a key is not to keep the others waiting. */
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle, NULL,
		MHD_OPTION_SOCK_ADDR, (struct sockaddr *)address, MHD_OPTION_URI_LOG_CALLBACK, visit_begin, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, visit_end, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
		MHD_OPTION_THREAD_POOL_SIZE, (unsigned)(cores < 2 ? 4 : cores > 16 ? 32 : 2 * cores),
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_MOST, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MOST,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	const union MHD_DaemonInfo *bound = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	char host[INET_ADDRSTRLEN] = "";
	inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
	if (bound)
		printf("listening on http://%s:%u%s\n", host, (unsigned)bound->port, path);
	else
		fprintf(stderr, "server: cannot listen on %s:%u: %s\n", host, (unsigned)ntohs(address->sin_port), strerror(errno));
	fflush(stdout);
	return daemon;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { 0 };
	struct MHD_Daemon *daemon = NULL;
	const char *wrong = NULL;
	sigset_t signals;
	int number = 0, status = 1;

	if (argc != 4 && argc != 5) {
		fputs("usage: server CONFIG SERVICE [ADDRESS:]PORT [THINGS.json]\n", stderr);
		return 2;
	}
	service = argv[2];
	if (read_address(argv[3], &address)) {
		fputs("server: [ADDRESS:]PORT is wanted, as 127.0.0.1:8080; port 0 is any that is free\n", stderr);
		return 2;
	}
	/* Before there are threads, so that none of them is interrupted. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if ((wrong = notes_open(argv[4]))) {
		fprintf(stderr, "server: %s\n", wrong);
		goto done;
	}
	if (!(context = ema_new()) || ema_set_plugin_path(context, getenv("EMA_PLUGIN_PATH"))) { /* of an uninstalled build */
		fputs("server: no memory\n", stderr);
		goto done;
	}
	ema_set_log(context, log_line, NULL);
	if (ema_load(context, argv[1]) != EMA_OK) {
		fprintf(stderr, "server: %s was not loaded\n", argv[1]); /* its log has told why, and so would ema_error() */
		goto done;
	}
	if (describe()) {
		fprintf(stderr, "server: %s has no service \"%s\"\n", argv[1], service);
		goto done;
	}
	if (!(daemon = listen_at(&address)))
		goto done;
	while (!sigwait(&signals, &number) && number == SIGHUP) {
		if (ema_reload(context) == EMA_OK)
			puts("reloaded");
		else
			fputs("not reloaded: what was in place stays\n", stderr);
		fflush(stdout);
	}
	status = 0;
done:
	if (daemon)
		MHD_stop_daemon(daemon); /* no decision is left after it, as it has to be before ema_free() */
	ema_free(context);
	notes_close();
	return status;
}
