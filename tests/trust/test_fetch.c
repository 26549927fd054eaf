#include "test.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificate.h"
#include "fetch.h"
#include "freshness.h"
#include "keyset.h"
#include "server.h"

/* 128 bytes */
#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct fixture {
	struct server *server;
	struct trust *trust;
	char ca_file[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	if (!f)
		return -1;
	f->server = server_start(NULL, NULL);
	f->trust = trust_new(&(struct trust_settings){ .clock = NULL }, NULL);
	assert_non_null(f->server);
	assert_non_null(f->trust);
	snprintf(f->ca_file, sizeof f->ca_file, "/tmp/ema-ca-XXXXXX");
	int fd = mkstemp(f->ca_file);
	assert_true(fd >= 0);
	close(fd);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	trust_free(f->trust);
	server_stop(f->server);
	unlink(f->ca_file);
	free(f);
	return 0;
}

static int get(struct fixture *f, const struct fetch_rules *rules, const char *url, size_t most, char **body, struct failure *failure)
{
	struct fetch_answer answer = { 0 };
	struct fetch_request request = { .url = url, .max_bytes = most, .deadline_ms = 60000 };
	int code = trust_fetch(f->trust, rules, &request, &answer, failure);
	if (body)
		*body = answer.body;
	else
		free(answer.body);
	return code;
}

static int get_path(struct fixture *f, const struct fetch_rules *rules, const char *path, size_t most, char **body, struct failure *failure)
{
	char url[256];
	snprintf(url, sizeof url, "%s%s", server_origin(f->server), path);
	return get(f, rules, url, most, body, failure);
}

static void fetches_whole_answers(void **state)
{
	struct fixture *f = *state;
	struct fetch_rules rules = { .insecure_http = 1 };
	struct fetch_answer answer = { 0 };
	char *body = NULL, url[256];
	server_json(f->server, "/x", "0123456789");
	assert_int_equal(get_path(f, &rules, "/x", 10, &body, NULL), EMA_OK);
	assert_string_equal(body, "0123456789");
	free(body);
	assert_int_equal(get_path(f, &rules, "/x", 9, NULL, NULL), EMA_TOO_LARGE);
	/* Any status is an answer. */
	snprintf(url, sizeof url, "%s/none", server_origin(f->server));
	struct fetch_request request = { .url = url, .body = "a=b", .body_length = 3, .deadline_ms = 5000 };
	assert_int_equal(trust_fetch(f->trust, &rules, &request, &answer, NULL), EMA_OK);
	assert_int_equal(answer.status, 404);
	free(answer.body);
}

/* JWT-41 JWT-44: neither http nor an address of this machine or a private network without a word of the operator's. */
static void refuses_addresses(void **state)
{
	struct fixture *f = *state;
	static const char *const listed[] = { "127.0.0.1" };
	struct failure failure = FAILURE_INIT;
	struct fetch_rules none = { 0 }, http = { .insecure_http = 1 }, internal = { .internal_hosts = listed, .internal_host_count = 1 };
	char url[128];
	server_json(f->server, "/x", "{}");
	assert_int_equal(get_path(f, &none, "/x", 0, NULL, &failure), EMA_CONFIG);
	assert_non_null(strstr(failure.text, "insecure_http"));
	assert_int_equal(get_path(f, &internal, "/x", 0, NULL, NULL), EMA_CONFIG); /* internal is no word about http */
	assert_int_equal(get_path(f, &http, "/x", 0, NULL, NULL), EMA_OK);
	unsigned before = server_count(f->server, NULL);
	snprintf(url, sizeof url, "https://127.0.0.1:%d/x", server_port(f->server));
	assert_int_equal(get(f, &none, url, 0, NULL, NULL), EMA_CONFIG);
	assert_int_equal(get(f, &http, url, 0, NULL, NULL), EMA_CONFIG);
	int code = get(f, &internal, url, 0, NULL, NULL);
	assert_true(code == EMA_UNAVAILABLE || code == EMA_TIMEOUT); /* it was tried; there is no TLS */
	assert_int_equal(server_count(f->server, NULL), before);
}

/* JAG-29 JWT-44: a name that looks public and resolves to this machine is refused where the socket is made. The name of the machine
   itself is such a one; where it is not known, or known as something else, there is nothing to see. */
static void refuses_rebinding(void **state)
{
	struct fixture *f = *state;
	struct fetch_rules none = { 0 };
	struct failure failure = FAILURE_INIT;
	char host[128] = "", url[256];
	if (gethostname(host, sizeof host - 1) || !strcmp(host, "localhost") || strlen(host) > 63)
		test_skip("this machine has no name of its own");
	snprintf(url, sizeof url, "https://%s:%d/x", host, server_port(f->server));
	int code = get(f, &none, url, 0, NULL, &failure);
	if (code == EMA_UNAVAILABLE && strstr(failure.text, "resolve"))
		test_skip("the name of this machine does not resolve");
	if (code != EMA_CONFIG || !strstr(failure.text, "internal_hosts"))
		fail_msg("%d %s", code, failure.text);
}

/* JWT-42: redirects are not followed; with a setting, to the same host alone, and not for ever. */
static void redirects(void **state)
{
	struct fixture *f = *state;
	char there[128], elsewhere[128];
	struct server *other = server_start(NULL, NULL);
	snprintf(there, sizeof there, "%s/there", server_origin(f->server));
	snprintf(elsewhere, sizeof elsewhere, "%s/there", server_origin(other));
	server_json(f->server, "/there", "{}");
	server_json(other, "/there", "{}");
	server_answer(f->server, "/moved", &(struct server_answer){ .status = 302, .headers = { { "Location", "/there" } } });
	server_answer(f->server, "/away", &(struct server_answer){ .status = 302, .headers = { { "Location", elsewhere } } });
	server_answer(f->server, "/file", &(struct server_answer){ .status = 302, .headers = { { "Location", "file:///etc/passwd" } } });
	struct fetch_rules none = { .insecure_http = 1 }, some = { .insecure_http = 1, .redirects = 99 };
	assert_int_equal(get_path(f, &none, "/moved", 0, NULL, NULL), EMA_CONFIG);
	assert_int_equal(server_count(f->server, "/there"), 0);
	assert_int_equal(get_path(f, &some, "/away", 0, NULL, NULL), EMA_CONFIG);
	assert_int_equal(server_count(other, NULL), 0);
	assert_int_equal(get_path(f, &some, "/file", 0, NULL, NULL), EMA_CONFIG);
	/* A redirect never goes to http, not even where http is allowed for the first step. */
	assert_int_equal(get_path(f, &some, "/moved", 0, NULL, NULL), EMA_CONFIG);
	assert_int_equal(server_count(f->server, "/there"), 0);
	server_stop(other);
}

/* JWT-43: each of the three bounds ends a fetch by itself, long before the others would. The peer is a socket that takes connections and
   says nothing: over https the time to connect is that of the handshake too. */
static void three_bounds(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	static const char *const internal[] = { "127.0.0.1" };
	int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(mute, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(mute, 8), 0);
	assert_int_equal(getsockname(mute, (struct sockaddr *)&address, &length), 0);
	const struct {
		const char *scheme;
		struct fetch_rules rules;
		const char *says;
	} rows[] = {
		{ "https", { .internal_hosts = internal, .internal_host_count = 1, .connect_ms = 100, .total_ms = 50000 }, "onnection time" },
		{ "http", { .insecure_http = 1, .connect_ms = 50000, .total_ms = 100 }, " time" },
		{ "http", { .insecure_http = 1, .connect_ms = 50000, .total_ms = 50000 }, "peration too slow" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct failure failure = FAILURE_INIT;
		char url[64];
		snprintf(url, sizeof url, "%s://127.0.0.1:%d/x", rows[i].scheme, ntohs(address.sin_port));
		int64_t before = clock_monotonic(&clock_system);
		assert_int_equal(get(f, &rows[i].rules, url, 0, NULL, &failure), EMA_TIMEOUT);
		if (!strstr(failure.text, rows[i].says))
			fail_msg("%zu: %s", i, failure.text);
		assert_true(clock_monotonic(&clock_system) - before < 50000);
	}
	close(mute);
}

/* JWT-45: several lines are one list; what has no room in ours may have said the shortest of times. */
static void cache_control_in_lines(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *lines[3];
		int64_t seconds;
	} rows[] = {
		{ { "max-age=3600" }, 3600 },
		{ { "no-store", "max-age=86400" }, 300 },
		{ { "max-age=86400", "no-store" }, 300 },
		{ { "max-age=3600", "public" }, 3600 },
		{ { "public", "max-age=3600", "max-age=7200" }, 3600 },
		{ { "max-age=60", "public" }, 300 },
		{ { "public" }, 900 },
		{ { "max-age=3600, a=\"" LONG "\"" }, 3600 },
		{ { "max-age=3600, a=\"" LONG "\"", "b=\"" LONG "\"" }, 300 },
		{ { "max-age=3600, a=\"" LONG LONG "\"" }, 300 },
		{ { "max-age=3600", "a=\"\xe9\"" }, 300 },
	};
	const struct fetch_rules rules = { .insecure_http = 1 };
	char url[128];
	snprintf(url, sizeof url, "%s/x", server_origin(f->server));
	const struct fetch_request request = { .url = url, .max_bytes = 100, .deadline_ms = 60000 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct server_answer answer = { .body = "{}" };
		struct fetch_reply reply = { 0 };
		struct failure failure = FAILURE_INIT;
		for (size_t k = 0; k < 3 && rows[i].lines[k]; k++) {
			answer.headers[k][0] = "Cache-Control";
			answer.headers[k][1] = rows[i].lines[k];
		}
		server_answer(f->server, "/x", &answer);
		if (fetch(&rules, &request, (struct fetch_stop){ NULL, NULL }, &reply, &failure))
			fail_msg("%zu: %s", i, failure.text);
		if (freshness(&reply, 0) != rows[i].seconds * 1000)
			fail_msg("%zu: \"%s\", %lld ms", i, reply.cache_control, (long long)freshness(&reply, 0));
		free(reply.body);
	}
}

/* JWT-43: slow, large and compressed answers are cut off. */
static void cuts_off(void **state)
{
	struct fixture *f = *state;
	struct fetch_rules rules = { .insecure_http = 1, .total_ms = 300 };
	char *large = malloc(2000000);
	assert_non_null(large);
	memset(large, 'x', 2000000);
	server_answer(f->server, "/slow", &(struct server_answer){ .body = "0123456789", .drip = 200 });
	server_answer(f->server, "/large", &(struct server_answer){ .body = large, .length = 2000000 });
	server_answer(f->server, "/drip-large", &(struct server_answer){ .body = large, .length = 2000000, .drip = 1 });
	server_answer(f->server, "/gzip", &(struct server_answer){ .body = "\x1f\x8b", .headers = { { "Content-Encoding", "gzip" } } });
	assert_int_equal(get_path(f, &rules, "/slow", 0, NULL, NULL), EMA_TIMEOUT);
	rules.total_ms = 5000;
	assert_int_equal(get_path(f, &rules, "/large", SIZE_MAX / 4, NULL, NULL), EMA_TOO_LARGE); /* over what any plugin may ask for */
	assert_int_equal(get_path(f, &rules, "/drip-large", 8, NULL, NULL), EMA_TOO_LARGE);
	assert_int_equal(get_path(f, &rules, "/gzip", 0, NULL, NULL), EMA_UNAVAILABLE);
	free(large);
}

static void headers_are_checked(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "X", ": y", "X: a\r\nHost: b", "Host: evil", "cookie: a", "Content-Length: 1", "X y: z", "X: \xff" };
	struct fetch_rules rules = { .insecure_http = 1 };
	char url[128];
	snprintf(url, sizeof url, "%s/x", server_origin(f->server));
	server_json(f->server, "/x", "{}");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fetch_answer answer = { 0 };
		struct fetch_request request = { .url = url, .headers = &bad[i], .header_count = 1, .deadline_ms = 1000 };
		assert_int_equal(trust_fetch(f->trust, &rules, &request, &answer, NULL), EMA_BAD_REQUEST);
		request = (struct fetch_request){ .url = url, .method = "DELETE", .deadline_ms = 1000 };
		assert_int_equal(trust_fetch(f->trust, &rules, &request, &answer, NULL), EMA_BAD_REQUEST);
		request = (struct fetch_request){ .url = url, .deadline_ms = 0 };
		assert_int_equal(trust_fetch(f->trust, &rules, &request, &answer, NULL), EMA_TIMEOUT);
	}
	assert_int_equal(server_count(f->server, NULL), 0);
}

/* JWT-44: the environment has no say in which proxy is used. */
static void no_proxy_from_the_environment(void **state)
{
	struct fixture *f = *state;
	struct fetch_rules rules = { .insecure_http = 1 };
	server_json(f->server, "/x", "{}");
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	int code = get_path(f, &rules, "/x", 0, NULL, NULL);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(code, EMA_OK);
}

/* JWT-41: TLS with a certificate of a known authority, for this host, at this time, or nothing. */
static void certificates(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *name;
		int from, to, known, code;
	} cases[] = {
		{ "IP:127.0.0.1", -1, 1, 1, EMA_OK },
		{ "IP:127.0.0.1", -1, 1, 0, EMA_UNAVAILABLE },   /* self-signed, unknown */
		{ "DNS:idp.example", -1, 1, 1, EMA_UNAVAILABLE }, /* another host's */
		{ "IP:127.0.0.2", -1, 1, 1, EMA_UNAVAILABLE },
		{ "IP:127.0.0.1", -2, -1, 1, EMA_UNAVAILABLE },  /* expired */
		{ "IP:127.0.0.1", 1, 2, 1, EMA_UNAVAILABLE },    /* not yet valid */
	};
	static const char *const internal[] = { "127.0.0.1" };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct certificate certificate = certificate_make(cases[i].name, cases[i].from, cases[i].to);
		struct server *server = server_start(certificate.key, certificate.text);
		struct failure failure = FAILURE_INIT;
		char url[128];
		if (!server) {
			certificate_free(&certificate);
			test_skip("libmicrohttpd has no TLS");
		}
		server_json(server, "/x", "{}");
		FILE *file = fopen(f->ca_file, "w");
		assert_non_null(file);
		fputs(certificate.text, file);
		fclose(file);
		struct fetch_rules rules = { .ca_file = cases[i].known ? f->ca_file : NULL, .connect_ms = 60000, .total_ms = 60000, .internal_hosts = internal, .internal_host_count = 1 };
		snprintf(url, sizeof url, "%s/x", server_origin(server));
		int code = get(f, &rules, url, 0, NULL, &failure);
		if (code != cases[i].code)
			fail_msg("case %zu: %d %s", i, code, failure.text);
		assert_int_equal(server_count(server, NULL), cases[i].code == EMA_OK);
		if (code == EMA_OK) { /* JWT-42: https to https on the same host, if it is allowed */
			server_answer(server, "/moved", &(struct server_answer){ .status = 301, .headers = { { "Location", "/x" } } });
			snprintf(url, sizeof url, "%s/moved", server_origin(server));
			assert_int_equal(get(f, &rules, url, 0, NULL, NULL), EMA_CONFIG);
			rules.redirects = 1;
			assert_int_equal(get(f, &rules, url, 0, NULL, NULL), EMA_OK);
			rules.redirects = 99;
			server_answer(server, "/loop", &(struct server_answer){ .status = 307, .headers = { { "Location", "/loop" } } });
			snprintf(url, sizeof url, "%s/loop", server_origin(server));
			assert_int_equal(get(f, &rules, url, 0, NULL, NULL), EMA_CONFIG);
			assert_int_equal(server_count(server, "/loop"), 3); /* 99 or not */
			snprintf(url, sizeof url, "http://127.0.0.1:%d/x", server_port(f->server));
			server_answer(server, "/moved", &(struct server_answer){ .status = 301, .headers = { { "Location", url } } });
			snprintf(url, sizeof url, "%s/moved", server_origin(server));
			rules.insecure_http = 1;
			assert_int_equal(get(f, &rules, url, 0, NULL, NULL), EMA_CONFIG);
		}
		server_stop(server);
		certificate_free(&certificate);
	}
}

/* JWT-41: TLS 1.2 or newer. */
static void old_tls_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *versions;
		int code;
	} cases[] = {
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.3", EMA_OK },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2", EMA_OK },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.1:+SHA1:+SIGN-ECDSA-SHA1", EMA_UNAVAILABLE },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.0:+SHA1:+SIGN-ECDSA-SHA1", EMA_UNAVAILABLE },
	};
	static const char *const internal[] = { "127.0.0.1" };
	struct certificate certificate = certificate_make("IP:127.0.0.1", -1, 1);
	FILE *file = fopen(f->ca_file, "w");
	assert_non_null(file);
	fputs(certificate.text, file);
	fclose(file);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server *server = server_start_tls(certificate.key, certificate.text, cases[i].versions);
		struct fetch_rules rules = { .ca_file = f->ca_file, .connect_ms = 60000, .total_ms = 60000, .internal_hosts = internal, .internal_host_count = 1 };
		struct failure failure = FAILURE_INIT;
		char url[128];
		if (!server)
			continue; /* this GnuTLS does not have that version at all */
		server_json(server, "/x", "{}");
		snprintf(url, sizeof url, "%s/x", server_origin(server));
		int code = get(f, &rules, url, 0, NULL, &failure);
		if (code != cases[i].code)
			fail_msg("%s: %d %s", cases[i].versions, code, failure.text);
		server_stop(server);
	}
	certificate_free(&certificate);
}

struct ear {
	int socket;
	char line[128];
};

static void *listen_once(void *data)
{
	struct ear *ear = data;
	int fd = accept(ear->socket, NULL, NULL);
	if (fd >= 0) {
		ssize_t n = read(fd, ear->line, sizeof ear->line - 1);
		ear->line[n > 0 ? n : 0] = 0;
		close(fd);
	}
	return NULL;
}

/* JWT-44: the proxy that the operator wrote is asked, also at a private address, and learns the name; the environment cannot
   make an exception. What is plainly an address of ours is not handed to it. */
static void the_proxy_of_the_operator(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct ear ear = { socket(AF_INET, SOCK_STREAM, 0), "" };
	pthread_t thread;
	char proxy[64];
	assert_int_equal(bind(ear.socket, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(ear.socket, 1), 0);
	assert_int_equal(getsockname(ear.socket, (struct sockaddr *)&address, &length), 0);
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", ntohs(address.sin_port));
	struct fetch_rules rules = { .proxy = proxy };
	assert_int_equal(get(f, &rules, "https://169.254.169.254/latest", 0, NULL, NULL), EMA_CONFIG);
	assert_int_equal(get(f, &rules, "https://localhost/", 0, NULL, NULL), EMA_CONFIG);
	assert_int_equal(pthread_create(&thread, NULL, listen_once, &ear), 0);
	setenv("no_proxy", "*", 1);
	assert_int_equal(get(f, &rules, "https://idp.invalid/keys", 0, NULL, NULL), EMA_UNAVAILABLE);
	unsetenv("no_proxy");
	pthread_join(thread, NULL);
	assert_int_equal(strncmp(ear.line, "CONNECT idp.invalid:443 ", 24), 0);
	close(ear.socket);
}

struct tunnel {
	int socket;
	atomic_int port; /* where all connections end, whatever was asked for */
	char line[128];
};

/* A company's proxy: each CONNECT is a way to the port, until one of the two goes. It ends when the socket is shut down. */
static void *tunnel_run(void *data)
{
	struct tunnel *tunnel = data;
	for (int fd; (fd = accept(tunnel->socket, NULL, NULL)) >= 0; close(fd)) {
		struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)atomic_load(&tunnel->port)) };
		char bytes[4096];
		ssize_t n = read(fd, bytes, sizeof bytes); /* the head is one write */
		int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		snprintf(tunnel->line, sizeof tunnel->line, "%.*s", (int)(n > 0 ? n : 0), bytes);
		int open = n > 0 && !connect(other, (struct sockaddr *)&address, sizeof address) && send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL) == 19;
		while (open) {
			struct pollfd both[2] = { { fd, POLLIN, 0 }, { other, POLLIN, 0 } };
			open = poll(both, 2, -1) > 0;
			for (int i = 0; i < 2 && open; i++)
				if (both[i].revents) {
					n = read(both[i].fd, bytes, sizeof bytes);
					open = n > 0 && send(both[!i].fd, bytes, (size_t)n, MSG_NOSIGNAL) == n;
				}
		}
		close(other);
	}
	return NULL;
}

/* JWT-41 JWT-44: through a proxy that knows the name, to a server whose certificate is by the company's own authority. */
static void a_company_network(void **state)
{
	struct fixture *f = *state;
	struct certificate right = certificate_make("DNS:idp.invalid", -1, 1), wrong = certificate_make("DNS:other.invalid", -1, 1);
	const struct certificate *both[] = { &right, &wrong };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct tunnel tunnel = { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 0, "" };
	pthread_t thread;
	char proxy[64];
	assert_int_equal(bind(tunnel.socket, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(tunnel.socket, 4), 0);
	assert_int_equal(getsockname(tunnel.socket, (struct sockaddr *)&address, &length), 0);
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", ntohs(address.sin_port));
	for (size_t i = 0; i < 2; i++) {
		struct server *server = server_start(both[i]->key, both[i]->text);
		struct fetch_rules rules = { .proxy = proxy, .ca_file = f->ca_file, .connect_ms = 60000, .total_ms = 60000 };
		struct failure failure = FAILURE_INIT;
		FILE *file = fopen(f->ca_file, "w");
		if (!server)
			test_skip("libmicrohttpd has no TLS");
		assert_non_null(file);
		fputs(both[i]->text, file);
		fclose(file);
		server_json(server, "/keys", "{}");
		atomic_store(&tunnel.port, server_port(server));
		if (!i)
			assert_int_equal(pthread_create(&thread, NULL, tunnel_run, &tunnel), 0);
		int code = get(f, &rules, "https://idp.invalid/keys", 0, NULL, &failure);
		if (code != (i ? EMA_UNAVAILABLE : EMA_OK))
			fail_msg("%zu: %d %s", i, code, failure.text);
		assert_int_equal(server_count(server, "/keys"), !i);
		rules.ca_file = NULL; /* the system's know nobody here */
		assert_int_equal(get(f, &rules, "https://idp.invalid/keys", 0, NULL, NULL), EMA_UNAVAILABLE);
		server_stop(server);
	}
	shutdown(tunnel.socket, SHUT_RDWR);
	pthread_join(thread, NULL);
	assert_int_equal(strncmp(tunnel.line, "CONNECT idp.invalid:443 ", 24), 0);
	close(tunnel.socket);
	certificate_free(&right);
	certificate_free(&wrong);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(fetches_whole_answers),
		TEST(refuses_addresses),
		TEST(refuses_rebinding),
		TEST(redirects),
		TEST(three_bounds),
		TEST(cache_control_in_lines),
		TEST(cuts_off),
		TEST(headers_are_checked),
		TEST(no_proxy_from_the_environment),
		TEST(certificates),
		TEST(old_tls_is_refused),
		TEST(the_proxy_of_the_operator),
		TEST(a_company_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
