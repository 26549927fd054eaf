#define _GNU_SOURCE
#include "test.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "buffer.h"
#include "ema/version.h"
#include "fakehost.h"
#include "../audit/sinks.h"

#define RECEIVED (4 * 1024 * 1024)

static const struct ema_audit_ops *ops;
static char folder[90], socket_path[100], port_text[8];
static char *received;

/* ---- An event ---- */

struct made {
	struct ema_event event;
	struct buffer line;
	const char *names[16], *values[16];
};

static void event_make(struct made *made, const char *name, const char *value)
{
	static const char *const frame[][2] = { { "v", "1" }, { "id", "0199" }, { "writer", "w" }, { "seq", "2147483648" },
		                                { "time", "2026-11-23T11:40:33.123Z" }, { "kind", "decision" }, { "code", "bad_signature" } };
	size_t n = 0;
	memset(made, 0, sizeof *made);
	buffer_init(&made->line, RECEIVED);
	for (; n < sizeof frame / sizeof *frame; n++) {
		made->names[n] = frame[n][0];
		made->values[n] = frame[n][1];
	}
	made->names[n] = name;
	made->values[n++] = value;
	for (size_t i = 0; i < n; i++) {
		buffer_char(&made->line, i ? ',' : '{');
		buffer_json(&made->line, made->names[i], strlen(made->names[i]));
		buffer_char(&made->line, ':');
		buffer_json(&made->line, made->values[i], strlen(made->values[i]));
	}
	buffer_char(&made->line, '}');
	made->event = (struct ema_event){ .line = made->line.data, .length = made->line.length, .time = INT64_C(1795434033123), .severity = 4,
		                          .count = n, .names = made->names, .values = made->values };
}

static int send_event(ema_instance *self, const char *name, const char *value)
{
	struct made made;
	event_make(&made, name, value);
	int code = ops->record(self, &made.event);
	buffer_free(&made.line);
	return code;
}

/* ---- Receivers ---- */

static int listen_unix(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	unlink(socket_path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static int listen_inet(int type, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) }, .sin_port = htons(port) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	snprintf(port_text, sizeof port_text, "%u", ntohs(address.sin_port));
	return fd;
}

static size_t receive(int fd)
{
	struct pollfd one = { fd, POLLIN, 0 };
	assert_int_equal(poll(&one, 1, 5000), 1);
	ssize_t n = recv(fd, received, RECEIVED, 0);
	assert_true(n >= 0);
	received[n] = 0;
	return (size_t)n;
}

static void starts_with(const char *text, const char *what)
{
	if (strncmp(text, what, strlen(what)))
		fail_msg("\"%.120s\" does not start with \"%s\"", text, what);
}

/* Reads header and structured data as a strict receiver would; gives the text. NULL: not RFC 5424. */
static const char *parse_5424(const char *text, int *elements)
{
	int words = 0;
	if (*text++ != '<' || !isdigit((unsigned char)*text))
		return NULL;
	while (isdigit((unsigned char)*text))
		text++;
	if (*text++ != '>' || *text++ != '1' || *text++ != ' ')
		return NULL;
	for (; words < 5; words++) {
		const char *word = text;
		while (*text > 32 && *text < 127)
			text++;
		if (text == word || *text++ != ' ')
			return NULL;
	}
	for (*elements = 0; *text == '['; ++*elements) {
		for (text++; *text > 32 && *text < 127 && !strchr("=]\"", *text); text++)
			;
		while (*text == ' ') {
			const char *name = ++text;
			while (*text > 32 && *text < 127 && !strchr("=]\"", *text))
				text++;
			if (text == name || text - name > 32 || *text++ != '=' || *text++ != '"')
				return NULL;
			for (; *text && *text != '"'; text++) {
				if (*text == ']' || (unsigned char)*text < 0x20)
					return NULL;
				if (*text == '\\' && !strchr("\"\\]", *++text))
					return NULL;
			}
			if (*text++ != '"')
				return NULL;
		}
		if (*text++ != ']')
			return NULL;
	}
	return *text == ' ' ? text + 1 : NULL;
}

/* ---- Local ---- */

/* AUD-44 AUD-45 AUD-46 AUD-47: header, time, structured data with the number that was set, sequenceId below 2^31. */
static void the_header_is_rfc5424(void **state)
{
	(void)state;
	struct setting settings[] = { { "path", socket_path, 0 }, { "hostname", "mcp 1", 0 }, { "enterprise_number", NULL, 32473 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int fd = listen_unix(), elements = 0;
	ema_instance *self = open_sink(ops, &conf);
	assert_int_equal(send_event(self, "subject", "ann"), EMA_OK);
	receive(fd);
	starts_with(received, "<84>1 2026-11-23T11:40:33.123Z mcp_1 ema ");
	const char *text = parse_5424(received, &elements);
	assert_non_null(text);
	assert_int_equal(elements, 3);
	starts_with(text, "{\"v\":");
	assert_non_null(strstr(received, " decision [meta sequenceId=\"1\"][timeQuality tzKnown=\"1\"][ema@32473 id=\"0199\" "));
	assert_non_null(strstr(received, " subject=\"ann\"] "));
	ops->close(self);
	settings[2].key = NULL; /* AUD-48: no number, no data of ours */
	self = open_sink(ops, &conf);
	assert_int_equal(send_event(self, "subject", "ann"), EMA_OK);
	receive(fd);
	assert_null(strstr(received, "ema@"));
	ops->close(self);
	close(fd);
}

/* AUD-44 AUD-46: another facility; what is too long for its place in the header is cut there. */
static void header_fields_have_limits(void **state)
{
	(void)state;
	char host[301], app[61], expected[400];
	memset(host, 'h', sizeof host - 1);
	memset(app, 'a', sizeof app - 1);
	host[sizeof host - 1] = app[sizeof app - 1] = 0;
	struct setting settings[] = { { "path", socket_path, 0 }, { "facility", "audit", 0 }, { "hostname", host, 0 }, { "app_name", app, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	struct made made;
	int fd = listen_unix(), elements = 0;
	ema_instance *self = open_sink(ops, &conf);
	event_make(&made, "n", "v");
	for (size_t n = 0; n < made.event.count; n++)
		if (!strcmp(made.names[n], "kind"))
			made.values[n] = "a-kind-with-a-name-of-forty-letters-or-so";
	assert_int_equal(ops->record(self, &made.event), EMA_OK);
	receive(fd);
	snprintf(expected, sizeof expected, "<108>1 2026-11-23T11:40:33.123Z %.255s %.48s %ld a-kind-with-a-name-of-forty-lett [meta ", host, app, (long)getpid());
	starts_with(received, expected);
	assert_non_null(parse_5424(received, &elements));
	buffer_free(&made.line);
	ops->close(self);
	close(fd);
}

/* AUD-45: a record without a time, or with one that is unknown, has the NIL value and is read all the same. */
static void an_unknown_time_is_nil(void **state)
{
	(void)state;
	static const char *const times[] = { NULL, "", "-" };
	struct setting settings[] = { { "path", socket_path, 0 }, { "hostname", "mcp1", 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int fd = listen_unix(), elements = 0;
	ema_instance *self = open_sink(ops, &conf);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct made made;
		event_make(&made, "subject", "ann");
		for (size_t n = 0; n < made.event.count; n++)
			if (!strcmp(made.names[n], "time"))
				times[i] ? (void)(made.values[n] = times[i]) : (void)(made.names[n] = "other");
		assert_int_equal(ops->record(self, &made.event), EMA_OK);
		receive(fd);
		starts_with(received, "<84>1 - mcp1 ema ");
		assert_non_null(parse_5424(received, &elements));
		buffer_free(&made.line);
	}
	ops->close(self);
	close(fd);
}

/* AUD-13 AUD-47 AUD-49: no value breaks out; the BOM is there for text that is not ASCII, and only then. */
static void values_cannot_break_out(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"a\"] [x@1 y=\"z", "]", "\\", "\\\"", "a\nb", "\r\n<13>1 - - - - - - forged", "\xff\xfe", "\xe2\x80\xaex", "\x1b[2J", "\xc3\xa9", "a=b c", "\x7f",
	};
	struct setting settings[] = { { "path", socket_path, 0 }, { "enterprise_number", NULL, 32473 }, { NULL, NULL, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int fd = listen_unix(), elements = 0;
	for (int round = 0; round < 3; round++) { /* the record, a line for people, and without marks */
		ema_instance *self = open_sink(ops, &conf);
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			assert_int_equal(send_event(self, i & 1 ? cases[i] : "name", cases[i]), EMA_OK);
			size_t length = receive(fd);
			const char *text = parse_5424(received, &elements);
			if (!text)
				fail_msg("case %zu: %s", i, received);
			assert_int_equal(elements, 3);
			assert_null(memchr(received, '\n', length));
			int ascii = 1;
			for (const char *c = text; *c; c++)
				ascii &= (unsigned char)*c < 128;
			assert_int_equal(!ascii && round < 2, !strncmp(text, "\xef\xbb\xbf", 3));
			assert_null(strstr(text, "\xe2\x80\xae"));
		}
		ops->close(self);
		settings[2] = round ? (struct setting){ "bom", NULL, 0 } : (struct setting){ "message", "text", 0 };
	}
	close(fd);
}

/* AUD-50: over the cap, the text is cut with a mark; the ids come first and stay. */
static void long_records_are_cut(void **state)
{
	(void)state;
	static const int64_t caps[] = { 480, 2048, 8192 };
	size_t length = 100000;
	char *big = malloc(length + 1);
	assert_non_null(big);
	for (size_t i = 0; i < length; i += 2)
		memcpy(big + i, "\xc3\xa9", 2);
	big[length] = 0;
	int fd = listen_unix(), elements = 0;
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
		struct setting settings[] = { { "path", socket_path, 0 }, { "enterprise_number", NULL, 32473 }, { "max_size", NULL, caps[i] }, { NULL, NULL, 0 } };
		ema_conf conf = { .settings = settings };
		ema_instance *self = open_sink(ops, &conf);
		assert_int_equal(send_event(self, "big", big), EMA_OK);
		size_t n = receive(fd);
		assert_true(n <= (size_t)caps[i]);
		assert_non_null(parse_5424(received, &elements));
		if (caps[i] > 480) {
			assert_non_null(strstr(received, "id=\"0199\""));
			assert_non_null(strstr(received, "code=\"bad_signature\""));
		}
		assert_non_null(strstr(received, "...[cut "));
		struct buffer check = BUFFER_INIT(1 << 20);
		buffer_json(&check, received, n);
		assert_null(strstr(check.data, "\xef\xbf\xbd\"")); /* no half of a character before the mark */
		buffer_free(&check);
		ops->close(self);
	}
	free(big);
	close(fd);
}

static struct buffer event_of_ocsf; /* of the test below */

static const char *long_ocsf(const ema_event *event, const char *form, size_t *length)
{
	(void)event;
	*length = event_of_ocsf.length;
	return strcmp(form, "ocsf") ? NULL : event_of_ocsf.data;
}

/* The text of what was received, which is JSON. */
static void received_json(struct json *json)
{
	static const struct json_limits limits = { RECEIVED, 8, 1024, RECEIVED };
	int elements = 0;
	const char *text = parse_5424(received, &elements);
	assert_non_null(text);
	text += !strncmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
	if (json_parse(text, strlen(text), &limits, json, NULL))
		fail_msg("no JSON: %s", text);
}

/* AUD-14 AUD-50: without a number, too, what joins records comes through, however long a client makes what stands before it; what is left is JSON, and says so. */
static void a_long_value_takes_no_id_along(void **state)
{
	(void)state;
	static const int64_t caps[] = { 480, 2048, 8192 };
	static const char *const there[][2] = {
		{ "/id", "0199" }, { "/writer", "w" }, { "/time", "2026-11-23T11:40:33.123Z" }, { "/kind", "redemption" }, { "/verdict", "deny" }, { "/code", "wrong_audience" },
		{ "/request", "R" }, { "/client", "app" }, { "/subject", "S" }, { "/service", "svc" }, { "/rule", "ema.conf:7" },
	};
	struct buffer line = BUFFER_INIT(RECEIVED);
	struct made made;
	struct json json;
	char item[257];
	memset(item, 'r', sizeof item - 1);
	item[sizeof item - 1] = 0;
	buffer_text(&line, "{\"asked_resources\":[");
	for (int i = 0; i < 60; i++)
		buffer_printf(&line, "%s\"%s\"", i ? "," : "", item);
	buffer_text(&line, "],\"client\":\"app\",\"code\":\"wrong_audience\",\"id\":\"0199\",\"kind\":\"redemption\",\"reason\":\"\xc3\xa9 }],\\\",\\\\\","
	                    "\"request\":\"R\",\"rule\":\"ema.conf:7\",\"seq\":7,\"service\":\"svc\",\"subject\":\"S\",\"time\":\"2026-11-23T11:40:33.123Z\",\"v\":1,"
	                    "\"verdict\":\"deny\",\"writer\":\"w\"}");
	event_make(&made, "n", "v");
	made.event.line = line.data;
	made.event.length = line.length;
	int fd = listen_unix();
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
		struct setting settings[] = { { "path", socket_path, 0 }, { "hostname", "h", 0 }, { "max_size", NULL, caps[i] }, { "message", "json", 0 }, { NULL, NULL, 0 } };
		ema_conf conf = { .settings = settings };
		ema_instance *self = open_sink(ops, &conf);
		assert_int_equal(ops->record(self, &made.event), EMA_OK);
		assert_true(receive(fd) <= (size_t)caps[i]);
		received_json(&json);
		for (size_t k = 0; k < sizeof there / sizeof *there; k++)
			if (!json_string(json_at(&json, there[k][0])) || strcmp(json_string(json_at(&json, there[k][0])), there[k][1]))
				fail_msg("%d: no %s in %s", (int)caps[i], there[k][0], received);
		int64_t number = 0;
		assert_true(json_integer(json_at(&json, "/seq"), &number));
		assert_int_equal(number, 7);
		assert_null(json_at(&json, "/asked_resources"));
		assert_memory_equal(json_string(json_at(&json, "/cut")), "...[cut ", 8);
		if (caps[i] > 480)
			assert_string_equal(json_string(json_at(&json, "/reason")), "\xc3\xa9 }],\",\\");
		json_free(&json);
		ops->close(self);
	}
	buffer_init(&event_of_ocsf, RECEIVED);
	buffer_printf(&event_of_ocsf, "{\"class_uid\":3002,\"metadata\":{\"uid\":\"0199\",\"sequence\":7},\"status_code\":\"wrong_audience\",\"actor\":{\"app_uid\":\"app\"},"
	                              "\"unmapped\":{\"x\":[%s]},\"raw_data\":\"%.2000s\"}", "{},1,\"]}\"", strchr(line.data, 'r'));
	for (char *c = strstr(event_of_ocsf.data, "\"raw_data\":\"") + 12, *last = event_of_ocsf.data + event_of_ocsf.length - 2; c < last; c++)
		if (*c == '"')
			*c = '_';
	struct setting settings[] = { { "path", socket_path, 0 }, { "hostname", "h", 0 }, { "max_size", NULL, 480 }, { "message", "ocsf", 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	ema_instance *self = open_sink(ops, &conf);
	made.event.render = long_ocsf;
	assert_int_equal(ops->record(self, &made.event), EMA_OK);
	assert_true(receive(fd) <= 480);
	received_json(&json);
	assert_string_equal(json_string(json_at(&json, "/metadata/uid")), "0199");
	assert_string_equal(json_string(json_at(&json, "/status_code")), "wrong_audience");
	assert_string_equal(json_string(json_at(&json, "/actor/app_uid")), "app");
	assert_string_equal(json_string(json_at(&json, "/unmapped/x/2")), "]}");
	assert_null(json_at(&json, "/raw_data"));
	assert_non_null(json_string(json_at(&json, "/cut")));
	json_free(&json);
	ops->close(self);
	buffer_free(&event_of_ocsf);
	buffer_free(&made.line);
	buffer_free(&line);
	close(fd);
}

/* AUD-54: no daemon, one that is restarted, one that is slow. */
static void the_daemon_comes_and_goes(void **state)
{
	(void)state;
	struct setting settings[] = { { "path", socket_path, 0 }, { "timeout", NULL, 50 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	unlink(socket_path);
	ema_instance *self = open_sink(ops, &conf);
	assert_int_equal(send_event(self, "n", "0"), EMA_UNAVAILABLE);
	int fd = listen_unix();
	assert_int_equal(send_event(self, "n", "1"), EMA_OK);
	receive(fd);
	close(fd);
	fd = listen_unix();
	assert_int_equal(send_event(self, "n", "2"), EMA_OK);
	receive(fd);
	assert_non_null(strstr(received, "\"n\":\"2\""));
	int code = EMA_OK, sent = 0;
	while (code == EMA_OK && sent < 100000) {
		code = send_event(self, "n", "3");
		sent += code == EMA_OK;
	}
	assert_int_equal(code, EMA_UNAVAILABLE);
	while (sent-- > 0)
		receive(fd);
	assert_int_equal(send_event(self, "n", "4"), EMA_OK);
	receive(fd);
	assert_non_null(strstr(received, "\"n\":\"4\""));
	ops->close(self);
	close(fd);
}

/* ---- Networks ---- */

/* AUD-53: over UDP, and only where no decision depends on it. */
static void udp_is_never_the_one_that_counts(void **state)
{
	(void)state;
	int fd = listen_inet(SOCK_DGRAM, 0);
	struct setting settings[] = { { "transport", "udp", 0 }, { "host", "127.0.0.1", 0 }, { "port", port_text, 0 }, { NULL, NULL, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	ema_instance *self = NULL;
	assert_int_equal(ops->open(&fake_host, NULL, &conf, &self), EMA_CONFIG);
	assert_non_null(strstr(conf.said, "on_failure"));
	settings[3] = (struct setting){ "on_failure", "continue", 0 };
	self = open_sink(ops, &conf);
	assert_int_equal(send_event(self, "n", "u"), EMA_OK);
	receive(fd);
	starts_with(received, "<84>1 ");
	ops->close(self);
	close(fd);
}

static size_t read_frame(int fd)
{
	size_t length = 0;
	for (char c = 0; c != ' ';) {
		struct pollfd one = { fd, POLLIN, 0 };
		assert_int_equal(poll(&one, 1, 5000), 1);
		assert_int_equal(recv(fd, &c, 1, 0), 1);
		if (c != ' ')
			length = length * 10 + (size_t)(c - '0');
	}
	assert_true(length < RECEIVED);
	assert_int_equal(recv(fd, received, length, MSG_WAITALL), (ssize_t)length);
	received[length] = 0;
	return length;
}

/* AUD-51: octet counting; a receiver that closed is found out before the next record, and connected again. */
static void tcp_counts_octets(void **state)
{
	(void)state;
	int fd = listen_inet(SOCK_STREAM, 0);
	struct setting settings[] = { { "transport", "tcp", 0 }, { "host", "127.0.0.1", 0 }, { "port", port_text, 0 }, { "timeout", NULL, 20000 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	ema_instance *self = open_sink(ops, &conf);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send_event(self, "n", "a\nb"), EMA_OK);
		assert_int_equal(send_event(self, "n", "second"), EMA_OK);
		int peer = accept(fd, NULL, NULL);
		assert_true(peer >= 0);
		read_frame(peer);
		starts_with(received, "<84>1 ");
		read_frame(peer);
		assert_non_null(strstr(received, "second"));
		close(peer);
		pause_ms(20);
	}
	close(fd);
	assert_int_equal(send_event(self, "n", "nobody"), EMA_UNAVAILABLE);
	ops->close(self);
}

static EVP_PKEY *make_key(void)
{
	return EVP_EC_gen("P-256");
}

static X509 *make_certificate(EVP_PKEY *key, const char *alternative)
{
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	X509_EXTENSION *authority = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	assert_non_null(names);
	X509_add_ext(certificate, names, -1);
	X509_add_ext(certificate, authority, -1);
	X509_EXTENSION_free(names);
	X509_EXTENSION_free(authority);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

static void write_pem(const char *path, X509 *certificate, EVP_PKEY *key)
{
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	if (certificate)
		PEM_write_X509(out, certificate);
	if (key)
		PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	fclose(out);
}

struct server {
	int fd, want_client, had_client, frames;
	SSL_CTX *tls;
	char last[65536];
};

/* Takes one connection, reads what comes until the end. */
static void *serve_tls(void *data)
{
	struct server *server = data;
	sigset_t pipe; /* this thread's alone: the sink must not need it */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	int peer = accept(server->fd, NULL, NULL);
	SSL *session = SSL_new(server->tls);
	SSL_set_fd(session, peer);
	if (SSL_accept(session) == 1) {
		X509 *client = SSL_get1_peer_certificate(session);
		server->had_client = client != NULL;
		X509_free(client);
		for (int n; (n = SSL_read(session, server->last, sizeof server->last - 1)) > 0; server->frames++)
			server->last[n] = 0;
	}
	SSL_free(session);
	close(peer);
	return NULL;
}

/* AUD-52: the server is verified by name or address; a wrong name and an unknown authority are refused; client certificate. */
static void tls_verifies_the_server(void **state)
{
	(void)state;
	char ca[300], other[300], key_path[300];
	snprintf(ca, sizeof ca, "%s/ca.pem", folder);
	snprintf(other, sizeof other, "%s/other.pem", folder);
	snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
	EVP_PKEY *key = make_key(), *other_key = make_key();
	X509 *certificate = make_certificate(key, "DNS:logs.acme.example,IP:127.0.0.1"), *stranger = make_certificate(other_key, "DNS:logs.acme.example");
	write_pem(ca, certificate, NULL);
	write_pem(other, stranger, NULL);
	write_pem(key_path, NULL, key);
	static const struct { const char *name; int other_ca, client, want; } cases[] = {
		{ "logs.acme.example", 0, 0, EMA_OK },          { "127.0.0.1", 0, 0, EMA_OK },
		{ "evil.example", 0, 0, EMA_UNAVAILABLE },      { "127.0.0.2", 0, 0, EMA_UNAVAILABLE },
		{ "acme.example", 0, 0, EMA_UNAVAILABLE },      { "logs.acme.example", 1, 0, EMA_UNAVAILABLE },
		{ "logs.acme.example", 0, 1, EMA_OK },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server server = { .fd = listen_inet(SOCK_STREAM, 0), .tls = SSL_CTX_new(TLS_server_method()) };
		assert_int_equal(SSL_CTX_use_certificate(server.tls, certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(server.tls, key), 1);
		if (cases[i].client) {
			SSL_CTX_load_verify_file(server.tls, ca);
			SSL_CTX_set_verify(server.tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		}
		struct setting settings[] = { { "transport", "tls", 0 }, { "host", "127.0.0.1", 0 }, { "port", port_text, 0 }, { "server_name", cases[i].name, 0 },
			                      { "ca_file", cases[i].other_ca ? other : ca, 0 }, { "timeout", NULL, 60000 },
			                      { cases[i].client ? "client_cert" : NULL, ca, 0 }, { "client_key", key_path, 0 }, { NULL, NULL, 0 } };
		ema_conf conf = { .settings = settings };
		ema_instance *self = open_sink(ops, &conf);
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, serve_tls, &server), 0);
		assert_int_equal(send_event(self, "n", "t"), cases[i].want);
		if (cases[i].want == EMA_OK)
			assert_int_equal(send_event(self, "n", "last\nline"), EMA_OK);
		ops->close(self);
		pthread_join(thread, NULL);
		assert_int_equal(server.had_client, cases[i].client);
		assert_int_equal(server.frames > 0, cases[i].want == EMA_OK);
		if (cases[i].want == EMA_OK) {
			char *end = NULL;
			const char *frame = strstr(server.last, "last") ? server.last : "";
			size_t length = strtoul(frame, &end, 10);
			assert_true(end && *end == ' ');
			assert_int_equal(length, strlen(end + 1));
		}
		SSL_CTX_free(server.tls);
		close(server.fd);
		conf_end(&conf);
	}
	X509_free(certificate);
	X509_free(stranger);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
}

/* ---- journald ---- */

/* AUD-55 AUD-56: names, the length-prefixed form for a line feed, a fixed MESSAGE_ID of the kind. */
static void journald_gets_fields(void **state)
{
	(void)state;
	struct setting settings[] = { { "transport", "journald", 0 }, { "path", socket_path, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int fd = listen_unix();
	ema_instance *self = open_sink(ops, &conf);
	assert_int_equal(send_event(self, "some-name", "line\nPRIORITY=0"), EMA_OK);
	size_t length = receive(fd);
	static const char *const wanted[] = { "MESSAGE=decision bad_signature\n", "PRIORITY=4\n", "SYSLOG_IDENTIFIER=ema\n", "SYSLOG_FACILITY=10\n", "MESSAGE_ID=",
		                              "EMA_CODE=bad_signature\n", "EMA_RECORD={", "EMA_SOME_NAME\n\x0f\0\0\0\0\0\0\0line\nPRIORITY=0\n" };
	static const size_t lengths[] = { 0, 0, 0, 0, 0, 0, 0, 38 };
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!memmem(received, length, wanted[i], lengths[i] ? lengths[i] : strlen(wanted[i])))
			fail_msg("no %s", wanted[i]);
	char id[44], *at = memmem(received, length, "MESSAGE_ID=", 11);
	assert_non_null(at);
	memcpy(id, at, sizeof id);
	assert_int_equal(send_event(self, "n", "v"), EMA_OK);
	length = receive(fd);
	assert_non_null(memmem(received, length, id, sizeof id));
	/* A name of journald has 64 bytes at most. */
	static const char name[] = "a-name-that-goes-on-and-on-for-longer-than-sixty-four-bytes-which-is-the-limit", cut[] = "\nEMA_A_NAME_THAT_GOES_ON_AND_ON_FOR_LONGER_THAN_SIXTY_FOUR_BYTES_=v\n";
	assert_int_equal(sizeof cut - 5, 64);
	assert_int_equal(send_event(self, name, "v"), EMA_OK);
	length = receive(fd);
	assert_non_null(memmem(received, length, cut, sizeof cut - 1));
	ops->close(self);
	close(fd);
}

static void a_file_comes(int fd, size_t length)
{
	int passed = -1;
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec part = { received, RECEIVED };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	assert_int_equal(recvmsg(fd, &message, 0), 0);
	assert_true(message.msg_controllen >= CMSG_LEN(sizeof passed));
	memcpy(&passed, CMSG_DATA(&control.head), sizeof passed);
	assert_int_equal(fcntl(passed, F_GET_SEALS) & F_SEAL_WRITE, F_SEAL_WRITE);
	struct stat is;
	assert_int_equal(fstat(passed, &is), 0);
	assert_true((size_t)is.st_size > 2 * length);
	close(passed);
}

/* AUD-54 AUD-57: what is too large for a datagram comes in a sealed file, also when the daemon was restarted before it. */
static void journald_gets_large_records(void **state)
{
	(void)state;
	struct setting settings[] = { { "transport", "journald", 0 }, { "path", socket_path, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	size_t length = 1024 * 1024;
	char *big = malloc(length + 1);
	assert_non_null(big);
	memset(big, 'x', length);
	big[length] = 0;
	ema_instance *self = open_sink(ops, &conf);
	for (int i = 0; i < 2; i++) {
		int fd = listen_unix();
		assert_int_equal(send_event(self, "big", big), EMA_OK);
		a_file_comes(fd, length);
		close(fd);
	}
	ops->close(self);
	free(big);
}

static const char *as_ocsf(const ema_event *event, const char *form, size_t *length)
{
	static const char text[] = "{\"class_uid\":3002}";
	(void)event;
	*length = sizeof text - 1;
	return strcmp(form, "ocsf") ? NULL : text;
}

/* AUD-49: the text may be the event of OCSF; where that cannot be made, the record is not taken. */
static void the_text_may_be_ocsf(void **state)
{
	(void)state;
	struct setting settings[] = { { "path", socket_path, 0 }, { "message", "ocsf", 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int fd = listen_unix(), elements = 0;
	ema_instance *self = open_sink(ops, &conf);
	struct made made;
	event_make(&made, "n", "v");
	assert_int_equal(ops->record(self, &made.event), EMA_OUT_OF_MEMORY);
	made.event.render = as_ocsf;
	assert_int_equal(ops->record(self, &made.event), EMA_OK);
	receive(fd);
	assert_string_equal(parse_5424(received, &elements), "{\"class_uid\":3002}");
	buffer_free(&made.line);
	ops->close(self);
	close(fd);
}

static void mistakes_are_told(void **state)
{
	(void)state;
	static const struct { struct setting settings[3]; const char *says; } cases[] = {
		{ { { "transport", "carrier-pigeon", 0 } }, "journald" },
		{ { { "facility", "none", 0 } }, "authpriv" },
		{ { { "max_size", NULL, 100 } }, "480" },
		{ { { "message", "xml", 0 } }, "json" },
		{ { { "transport", "tcp", 0 } }, "logs.acme.example" },
		{ { { "transport", "tls", 0 }, { "host", "h", 0 } }, NULL },
		{ { { "timeout", NULL, 1 } }, "10ms" },
		{ { { "path", "/this/is/a/very/long/path/this/is/a/very/long/path/this/is/a/very/long/path/this/is/a/very/long/path/12345678", 0 } }, "107" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ema_conf conf = { .settings = cases[i].settings };
		ema_instance *self = NULL;
		int code = ops->open(&fake_host, NULL, &conf, &self);
		assert_int_equal(code, cases[i].says ? EMA_CONFIG : EMA_OK);
		if (cases[i].says && !strstr(conf.said, cases[i].says))
			fail_msg("case %zu says %s", i, conf.said);
		if (code == EMA_OK)
			ops->close(self);
	}
}

static int begin(void **state)
{
	(void)state;
	ops = load_sink(BUILDDIR "/plugins/.libs/syslog.so");
	make_scratch(folder, sizeof folder);
	snprintf(socket_path, sizeof socket_path, "%s/log", folder);
	received = malloc(RECEIVED + 1);
	return received ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(received);
	remove_tree(folder);
	return 0;
}

static size_t cef_event(struct ema_event *event, const char *const (*fields)[2], const char *names[16], const char *values[16])
{
	size_t n = 0;
	for (; fields[n][0]; n++) {
		names[n] = fields[n][0];
		values[n] = fields[n][1];
	}
	*event = (struct ema_event){ .line = "{}", .length = 2, .time = INT64_C(1795434033123), .severity = 1, .count = n, .names = names, .values = values };
	return n;
}

/* AUD-59 AUD-60: CEF with its keys; a query of a URL does not go along, and a pseudonym is no address. */
static void the_text_may_be_cef(void **state)
{
	(void)state;
	static const struct {
		const char *fields[15][2];
		const char *text;
	} rows[] = {
		{ { { "id", "0199" }, { "kind", "redemption" }, { "verdict", "deny" }, { "code", "replayed" }, { "subject", "S" }, { "person", "P" }, { "service", "github" },
		    { "provider", "okta" }, { "client", "vscode" }, { "request", "R" }, { "remote", "192.0.2.7" }, { "resource", "https://mcp.example/github?key=1" },
		    { "reason", "used before" } },
		  "CEF:0|EMA|EMA|" EMA_VERSION "|redemption|redemption deny|10|externalId=0199 rt=1795434033123 act=deny outcome=failure reason=replayed suser=S duser=P "
		  "cs1Label=service cs1=github cs2Label=provider cs2=okta cs3Label=client cs3=vscode cs4Label=correlation cs4=R src=192.0.2.7 "
		  "request=https://mcp.example/github msg=used before" },
		{ { { "id", "1" }, { "kind", "check" }, { "verdict", "permit" }, { "code", "ok" }, { "remote", "pseudonym" }, { "target", "get_a" } },
		  "CEF:0|EMA|EMA|" EMA_VERSION "|check|check permit|10|externalId=1 rt=1795434033123 act=permit outcome=success reason=ok cs5Label=remote cs5=pseudonym "
		  "cs6Label=target cs6=get_a" },
		/* AUD-26: of a check, the token's client. */
		{ { { "kind", "check" }, { "code", "ok" }, { "token_client", "app" } }, "CEF:0|EMA|EMA|" EMA_VERSION "|check|check|10|rt=1795434033123 reason=ok "
		  "cs3Label=client cs3=app" },
		{ { { "kind", "start" } }, "CEF:0|EMA|EMA|" EMA_VERSION "|start|start|10|rt=1795434033123" },
	};
	struct setting settings[] = { { "path", socket_path, 0 }, { "message", "cef", 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int fd = listen_unix(), elements = 0;
	ema_instance *self = open_sink(ops, &conf);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ema_event event;
		const char *names[16], *values[16];
		cef_event(&event, rows[i].fields, names, values);
		assert_int_equal(ops->record(self, &event), EMA_OK);
		receive(fd);
		assert_string_equal(parse_5424(received, &elements), rows[i].text);
	}
	ops->close(self);
	close(fd);
}

/* AUD-13 AUD-59: header fields end at a '|' and keys at a '=' that has no '\\' before it; no value makes one of its own. */
static void values_stay_in_their_place(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "a|b", "a|b" }, { "a=b c=d", "a\\=b c\\=d" }, { "\\", "\\\\" }, { "\\=", "\\\\\\=" }, { "x\n act=permit", "x? act\\=permit" },
		{ "\r\nCEF:0|x|", "??CEF:0|x|" }, { "\xff\xfe", "??" }, { "\xe2\x80\xaex", "?x" }, { "\x1b[2J", "?[2J" },
	};
	struct setting settings[] = { { "path", socket_path, 0 }, { "message", "cef", 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int fd = listen_unix(), elements = 0;
	ema_instance *self = open_sink(ops, &conf);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const fields[][2] = { { "id", cases[i][0] }, { "kind", cases[i][0] }, { "verdict", cases[i][0] }, { "reason", cases[i][0] }, { NULL, NULL } };
		struct ema_event event;
		const char *names[16], *values[16];
		char expected[256];
		cef_event(&event, fields, names, values);
		assert_int_equal(ops->record(self, &event), EMA_OK);
		size_t length = receive(fd);
		assert_null(memchr(received, '\n', length));
		const char *text = parse_5424(received, &elements);
		assert_non_null(text);
		int bars = 0, signs = 0;
		const char *from = NULL;
		for (const char *c = text; *c; c++) {
			if (*c == '\\' && c[1])
				c++;
			else if (!from && *c == '|' && ++bars == 7)
				from = c + 1;
			else if (from && *c == '=')
				signs++;
		}
		assert_non_null(from);
		assert_int_equal(signs, 5); /* externalId rt act outcome msg */
		snprintf(expected, sizeof expected, "externalId=%s rt=1795434033123 act=%s outcome=failure msg=%s", cases[i][1], cases[i][1], cases[i][1]);
		assert_string_equal(from, expected);
	}
	/* A name that is not ASCII has the mark before it, and what does not fit is left out whole. */
	const char *const fields[][2] = { { "id", "\xc3\xa9" }, { "kind", "k" }, { NULL, NULL } };
	struct ema_event event;
	const char *names[16], *values[16];
	cef_event(&event, fields, names, values);
	assert_int_equal(ops->record(self, &event), EMA_OK);
	receive(fd);
	starts_with(parse_5424(received, &elements), "\xef\xbb\xbf" "CEF:0|");
	char *large = malloc(20001);
	assert_non_null(large);
	memset(large, '=', 20000);
	large[20000] = 0;
	const char *const much[][2] = { { "id", "7" }, { "kind", "k" }, { "service", large }, { "reason", "why" }, { NULL, NULL } };
	cef_event(&event, much, names, values);
	assert_int_equal(ops->record(self, &event), EMA_OK);
	receive(fd);
	assert_non_null(strstr(received, "|k|k|10|externalId=7 rt=1795434033123 msg=why"));
	free(large);
	ops->close(self);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_is_rfc5424),
		cmocka_unit_test(header_fields_have_limits),
		cmocka_unit_test(an_unknown_time_is_nil),
		cmocka_unit_test(values_cannot_break_out),
		cmocka_unit_test(long_records_are_cut),
		cmocka_unit_test(a_long_value_takes_no_id_along),
		cmocka_unit_test(the_daemon_comes_and_goes),
		cmocka_unit_test(udp_is_never_the_one_that_counts),
		cmocka_unit_test(tcp_counts_octets),
		cmocka_unit_test(tls_verifies_the_server),
		cmocka_unit_test(journald_gets_fields),
		cmocka_unit_test(journald_gets_large_records),
		cmocka_unit_test(the_text_may_be_ocsf),
		cmocka_unit_test(the_text_may_be_cef),
		cmocka_unit_test(values_stay_in_their_place),
		cmocka_unit_test(mistakes_are_told),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
