#include "server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#define PATHS 16

struct route {
	char path[128];
	char *body, *type, *etag;
	char *headers[SERVER_HEADERS][2];
	size_t length;
	int status, drip;
	unsigned count;
};

struct server {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	struct route routes[PATHS];
	size_t route_count;
	unsigned count;
	int dripping, dripped; /* answers now, and at the most */
	int port;
	char origin[64];
};

struct drip {
	struct server *server;
	char *body;
	size_t length;
	int pause;
};

static struct route *find(struct server *server, const char *path)
{
	for (size_t i = 0; i < server->route_count; i++)
		if (!strcmp(server->routes[i].path, path))
			return &server->routes[i];
	return NULL;
}

static ssize_t drip_read(void *data, uint64_t at, char *out, size_t most)
{
	struct drip *drip = data;
	if (at >= drip->length || !most)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (at) {
		struct timespec pause = { drip->pause / 1000, drip->pause % 1000 * 1000000L };
		nanosleep(&pause, NULL);
	}
	/* From the last byte on nobody waits for it. */
	if (at == drip->length - 1) {
		pthread_mutex_lock(&drip->server->lock);
		drip->server->dripping--;
		pthread_mutex_unlock(&drip->server->lock);
	}
	*out = drip->body[at];
	return 1;
}

static void drip_free(void *data)
{
	struct drip *drip = data;
	free(drip->body);
	free(drip);
}

/* Under the lock. */
static struct MHD_Response *make_response(struct server *server, const struct route *route)
{
	if (!route->drip)
		return MHD_create_response_from_buffer(route->length, route->body, MHD_RESPMEM_MUST_COPY);
	struct drip *drip = calloc(1, sizeof *drip);
	if (!drip || !(drip->body = malloc(route->length + 1)))
		abort();
	memcpy(drip->body, route->body, route->length);
	drip->length = route->length;
	drip->pause = route->drip;
	drip->server = server;
	if (++server->dripping > server->dripped)
		server->dripped = server->dripping;
	return MHD_create_response_from_callback(route->length, 64, drip_read, drip, drip_free);
}

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **state)
{
	struct server *server = data;
	static int seen;
	(void)method, (void)version, (void)upload;
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	pthread_mutex_lock(&server->lock);
	struct route *route = find(server, url);
	struct MHD_Response *response;
	unsigned status = 404;
	server->count++;
	if (route) {
		const char *condition = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
		route->count++;
		if (route->etag && condition && !strcmp(route->etag, condition)) {
			status = 304;
			response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
		} else {
			status = (unsigned)route->status;
			response = make_response(server, route);
			if (route->type[0])
				MHD_add_response_header(response, "Content-Type", route->type);
		}
		if (route->etag)
			MHD_add_response_header(response, "ETag", route->etag);
		for (size_t i = 0; i < SERVER_HEADERS && route->headers[i][0]; i++)
			MHD_add_response_header(response, route->headers[i][0], route->headers[i][1]);
	} else {
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	}
	pthread_mutex_unlock(&server->lock);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static void quiet(void *data, const char *format, va_list arguments)
{
	(void)data, (void)format, (void)arguments; /* refused handshakes are what is tested */
}

struct server *server_start_tls(const char *key, const char *certificate, const char *priorities)
{
	struct server *server = calloc(1, sizeof *server);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (!server)
		abort();
	pthread_mutex_init(&server->lock, NULL);
	unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG;
	if (key)
		server->daemon = MHD_start_daemon(flags | MHD_USE_TLS, 0, NULL, NULL, answer, server, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
		                                  MHD_OPTION_SOCK_ADDR, &address,
		                                  MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_CERT, certificate,
		                                  MHD_OPTION_HTTPS_PRIORITIES, priorities, MHD_OPTION_END);
	else
		server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, server, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
		                                  MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
	if (!server->daemon) {
		pthread_mutex_destroy(&server->lock);
		free(server);
		return NULL;
	}
	server->port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	snprintf(server->origin, sizeof server->origin, "%s://127.0.0.1:%d", key ? "https" : "http", server->port);
	return server;
}

struct server *server_start(const char *key, const char *certificate)
{
	return server_start_tls(key, certificate, "NORMAL");
}

static void empty(struct route *route)
{
	free(route->body);
	free(route->type);
	free(route->etag);
	for (size_t i = 0; i < SERVER_HEADERS; i++) {
		free(route->headers[i][0]);
		free(route->headers[i][1]);
	}
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->daemon);
	for (size_t i = 0; i < server->route_count; i++)
		empty(&server->routes[i]);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

const char *server_origin(const struct server *server)
{
	return server->origin;
}

int server_port(const struct server *server)
{
	return server->port;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

void server_answer(struct server *server, const char *path, const struct server_answer *told)
{
	pthread_mutex_lock(&server->lock);
	struct route *route = find(server, path);
	if (!route) {
		if (server->route_count == PATHS)
			abort();
		route = &server->routes[server->route_count++];
		snprintf(route->path, sizeof route->path, "%s", path);
	}
	empty(route);
	const char *body = told->body ? told->body : "";
	route->length = told->length ? told->length : strlen(body);
	route->body = malloc(route->length + 1);
	if (!route->body)
		abort();
	memcpy(route->body, body, route->length);
	route->type = strdup(told->type ? told->type : "application/json");
	route->etag = copy(told->etag);
	route->status = told->status ? told->status : 200;
	route->drip = told->drip;
	for (size_t i = 0; i < SERVER_HEADERS; i++) {
		route->headers[i][0] = copy(told->headers[i][0]);
		route->headers[i][1] = copy(told->headers[i][1]);
	}
	pthread_mutex_unlock(&server->lock);
}

void server_json(struct server *server, const char *path, const char *body)
{
	server_answer(server, path, &(struct server_answer){ .body = body });
}

unsigned server_count(struct server *server, const char *path)
{
	pthread_mutex_lock(&server->lock);
	const struct route *route = path ? find(server, path) : NULL;
	unsigned count = path ? route ? route->count : 0 : server->count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

int server_at_once(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	int count = server->dripped;
	pthread_mutex_unlock(&server->lock);
	return count;
}
