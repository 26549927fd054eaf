/* Sockets that fail, under the sink syslog: what it took is with the receiver, whole and once; what it did not take, it takes later. */
#define _GNU_SOURCE
#include "test.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "buffer.h"
#include "fakehost.h"
#include "../audit/sinks.h"
#include "../calls.h"

#define RECEIVED ((size_t)2 * 1024 * 1024)
#define NUMBERS 100000 /* records of one receiver */
#define RECORDS 3      /* of one round; the second is large */

static const struct ema_audit_ops *ops;
static char folder[90], socket_path[100], certificate[120], key[120];

/* ---- The receiver. Its thread has no call that fails: it reads and writes. ---- */

struct receiver {
	int fd, type;   /* SOCK_STREAM has a thread */
	SSL_CTX *tls;
	pthread_t thread;
	pthread_mutex_t lock;
	unsigned char *seen;
	int odd;        /* what no sink says */
	char port[8];
};

static void record_came(struct receiver *receiver, const char *text, size_t length)
{
	const char *at = memmem(text, length, "\"n\":\"", 5);
	size_t end = length && text[length - 1] == '\n' ? length - 1 : length;
	long number = at ? strtol(at + 5, NULL, 10) : -1;
	pthread_mutex_lock(&receiver->lock);
	if (end && text[end - 1] == '}' && number >= 0 && number < NUMBERS)
		receiver->seen[number]++;
	else
		receiver->odd += number != -1; /* records of audit itself have none */
	pthread_mutex_unlock(&receiver->lock);
}

static void is_odd(struct receiver *receiver)
{
	pthread_mutex_lock(&receiver->lock);
	receiver->odd++;
	pthread_mutex_unlock(&receiver->lock);
}

/* Octet counting; a part at the end is thrown away. */
static void frames_came(struct receiver *receiver, const char *text, size_t length)
{
	while (length) {
		size_t digits = 0, count = 0;
		for (; digits < length && isdigit((unsigned char)text[digits]); digits++)
			count = count * 10 + (size_t)(text[digits] - '0');
		if (digits < length && (!digits || text[digits] != ' '))
			is_odd(receiver);
		if (digits >= length || text[digits] != ' ' || count > length - digits - 1)
			return;
		record_came(receiver, text + digits + 1, count);
		text += digits + 1 + count;
		length -= digits + 1 + count;
	}
}

static size_t read_plain(int peer, char *text)
{
	size_t length = 0;
	for (ssize_t n; (n = read(peer, text + length, RECEIVED - length)) > 0;)
		length += (size_t)n;
	return length;
}

static size_t read_tls(struct receiver *receiver, int peer, char *text)
{
	SSL *session = SSL_new(receiver->tls);
	size_t length = 0;
	SSL_set_fd(session, peer);
	ERR_clear_error();
	if (SSL_accept(session) == 1)
		for (int n; (n = SSL_read(session, text + length, (int)(RECEIVED - length))) > 0;)
			length += (size_t)n;
	/* Whoever goes on behind a part that is missing looks like somebody who forges. */
	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC)
		is_odd(receiver);
	ERR_clear_error();
	SSL_free(session);
	return length;
}

static void *receive_streams(void *data)
{
	struct receiver *receiver = data;
	char *text = malloc(RECEIVED);
	sigset_t pipe; /* this thread's alone: the sink must not need it */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	for (int peer; text && (peer = accept(receiver->fd, NULL, NULL)) >= 0; close(peer))
		frames_came(receiver, text, receiver->tls ? read_tls(receiver, peer, text) : read_plain(peer, text));
	free(text);
	return NULL;
}

static void receive_datagrams(struct receiver *receiver)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control;
	char *text = malloc(RECEIVED);
	assert_non_null(text);
	for (;;) {
		struct iovec part = { text, RECEIVED };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
		ssize_t n = recvmsg(receiver->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0)
			break;
		if (message.msg_controllen >= CMSG_LEN(sizeof(int))) {
			int file;
			memcpy(&file, CMSG_DATA(&control.head), sizeof file);
			n = pread(file, text, RECEIVED, 0);
			assert_true(n > 0);
			close(file);
		}
		record_came(receiver, text, (size_t)n);
	}
	free(text);
}

static void receiver_begin(struct receiver *receiver, int family, int type, int tls)
{
	struct sockaddr_in inet = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	socklen_t length = sizeof inet;
	*receiver = (struct receiver){ .type = type };
	pthread_mutex_init(&receiver->lock, NULL);
	assert_non_null(receiver->seen = calloc(NUMBERS, 1));
	snprintf(local.sun_path, sizeof local.sun_path, "%s", socket_path);
	unlink(socket_path);
	receiver->fd = socket(family, type | SOCK_CLOEXEC, 0);
	if (family == AF_UNIX)
		assert_int_equal(bind(receiver->fd, (struct sockaddr *)&local, sizeof local), 0);
	else
		assert_int_equal(bind(receiver->fd, (struct sockaddr *)&inet, sizeof inet), 0);
	if (family == AF_INET) {
		assert_int_equal(getsockname(receiver->fd, (struct sockaddr *)&inet, &length), 0);
		snprintf(receiver->port, sizeof receiver->port, "%u", ntohs(inet.sin_port));
	}
	if (tls) {
		receiver->tls = SSL_CTX_new(TLS_server_method());
		assert_int_equal(SSL_CTX_use_certificate_file(receiver->tls, certificate, SSL_FILETYPE_PEM), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey_file(receiver->tls, key, SSL_FILETYPE_PEM), 1);
	}
	if (type == SOCK_STREAM) {
		assert_int_equal(listen(receiver->fd, 64), 0);
		assert_int_equal(pthread_create(&receiver->thread, NULL, receive_streams, receiver), 0);
	}
}

static void receiver_end(struct receiver *receiver)
{
	shutdown(receiver->fd, SHUT_RDWR);
	if (receiver->type == SOCK_STREAM)
		pthread_join(receiver->thread, NULL);
	close(receiver->fd);
	SSL_CTX_free(receiver->tls);
	pthread_mutex_destroy(&receiver->lock);
	free(receiver->seen);
}

static int came(struct receiver *receiver, int number)
{
	pthread_mutex_lock(&receiver->lock);
	int times = receiver->seen[number];
	pthread_mutex_unlock(&receiver->lock);
	return times;
}

/* The last record is there, and what was opened for it is closed, so there is nothing before it that could still come. */
static void receiver_settles(struct receiver *receiver, int last, int descriptors)
{
	if (receiver->type != SOCK_STREAM)
		receive_datagrams(receiver);
	for (int i = 0; i < 3000 && (!came(receiver, last) || calls_descriptors() != descriptors); i++)
		pause_ms(i < 10 ? 1 : 10);
	assert_int_equal(calls_descriptors(), descriptors);
	assert_int_equal(receiver->odd, 0);
}

/* ---- Rounds ---- */

static int offer(ema_instance *self, int number, size_t size)
{
	char digits[12];
	char *big = malloc(size + 1);
	struct buffer line = BUFFER_INIT(RECEIVED);
	assert_non_null(big);
	memset(big, 'x', size);
	big[size] = 0;
	snprintf(digits, sizeof digits, "%d", number);
	buffer_printf(&line, "{\"kind\":\"decision\",\"n\":\"%s\",\"big\":\"%s\"}", digits, big);
	const char *names[] = { "time", "kind", "big" }, *values[] = { "2026-11-23T11:40:33.123Z", "decision", big };
	struct ema_event event = { .line = line.data, .length = line.length, .severity = 4, .count = 3, .names = names, .values = values };
	int code = ops->record(self, &event);
	buffer_free(&line);
	free(big);
	return code;
}

static const struct fault {
	int error;
	unsigned which;
	unsigned modes;  /* bits */
	int passes;      /* it is no failure: the sink waits or tries once more */
	int lasts;       /* until the sink's time is over: rounds are short */
	int types;       /* of which sockets: bits; 0: of all */
} faults[] = {
	{ 0, CALLS_LINK | CALLS_OPEN | CALLS_WRITE, 1 << CALLS_ONCE | 1 << CALLS_STAY | 1 << CALLS_SHORT, 0, 0, 0 },
	{ CALLS_END, CALLS_RECEIVE, 1 << CALLS_ONCE | 1 << CALLS_STAY, 0, 0, 1 << SOCK_STREAM },
	{ EINTR, CALLS_SEND | CALLS_RECEIVE | CALLS_POLL, 1 << CALLS_ONCE, 1, 0, 0 },
	{ EAGAIN, CALLS_SEND | CALLS_RECEIVE, 1 << CALLS_ONCE, 1, 0, 0 },
	{ EAGAIN, CALLS_SEND | CALLS_RECEIVE, 1 << CALLS_STAY, 0, 1, 0 },
	{ ENOBUFS, CALLS_SEND, 1 << CALLS_ONCE, 1, 0, 1 << SOCK_DGRAM },
	{ ENOBUFS, CALLS_SEND, 1 << CALLS_STAY, 0, 1, 1 << SOCK_DGRAM },
};

/* Sanitizers and valgrind make a handshake slow. */
static int64_t time_for(int lasts)
{
	const char *sanitizer = getenv("SANITIZER");
	return !lasts ? 20000 : getenv("VALGRIND") || (sanitizer && *sanitizer) ? 1000 : 60;
}

/* The number of calls that failed. */
static long go(struct receiver *receiver, ema_conf *conf, const struct fault *fault, int mode, long n, size_t large, int *number)
{
	int descriptors = calls_descriptors(), codes[RECORDS], first = *number, failed = 0;
	ema_instance *self = open_sink(ops, conf);
	fake_logged[0] = 0;
	calls_error(fault->error);
	calls_fail(fault->which, n, (enum calls_mode)mode);
	for (int i = 0; i < RECORDS; i++) {
		codes[i] = failed && fault->lasts ? EMA_UNAVAILABLE : offer(self, ++*number, i == 1 ? large : 10);
		failed |= codes[i] != EMA_OK;
		if (codes[i] != EMA_OK && codes[i] != EMA_UNAVAILABLE)
			fail_msg("call %ld (%d, %d): %d", n, mode, fault->error, codes[i]);
	}
	long count = calls_good();
	calls_error(0);
	/* The short time of what lasts is over by itself on a slow machine. */
	if (failed && ((!count && !fault->lasts) || !fake_logged[0] || mode == CALLS_SHORT || fault->passes))
		fail_msg("call %ld (%d, %d): %ld failed: %s", n, mode, fault->error, count, fake_logged);
	/* As audit does: it comes again, and something else behind it. */
	*number = first;
	for (int i = 0; i < RECORDS; i++) {
		int code = codes[i];
		++*number;
		for (int again = 0; code != EMA_OK && again < (fault->lasts ? 100 : 1); again++)
			code = offer(self, *number, i == 1 ? large : 10);
		assert_int_equal(code, EMA_OK);
	}
	if (failed)
		assert_non_null(strstr(fake_logged, "records are taken again"));
	assert_int_equal(offer(self, ++*number, 10), EMA_OK);
	ops->close(self);
	receiver_settles(receiver, *number, descriptors);
	for (int i = first + 1; i <= *number; i++)
		if (came(receiver, i) != 1)
			fail_msg("call %ld (%d, %d): record %d of %d came %d times", n, mode, fault->error, i - first, RECORDS, came(receiver, i));
	return count;
}

/* Each fault at the n-th call, for every n until none fails any more. */
static void every_call_fails(int family, int type, int tls, size_t large, struct setting *settings)
{
	struct receiver receiver;
	int number = 0, descriptors = calls_descriptors();
	struct setting all[8] = { { "timeout", NULL, 0 }, { "max_size", NULL, 63 * 1024 }, { "port", receiver.port, 0 } };
	ema_conf conf = { .settings = all };
	size_t count = 3;
	while (settings->key)
		all[count++] = *settings++;
	receiver_begin(&receiver, family, type, tls);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		const struct fault *fault = &faults[i];
		all[0].number = time_for(fault->lasts);
		for (int mode = 0; mode < CALLS_MODES; mode++) {
			if (!(fault->modes & 1u << mode) || (fault->types && !(fault->types & 1 << type)) || (fault->lasts && getenv("EMA_SHORT")))
				continue;
			long n = 1;
			while (go(&receiver, &conf, fault, mode, n, large, &number))
				n += fault->lasts && tls ? 3 : 1;
			/* Something failed, but for a datagram that has no halves and nothing to read. */
			assert_true(n > 1 || (type == SOCK_DGRAM && mode == CALLS_SHORT));
		}
	}
	receiver_end(&receiver);
	conf_end(&conf);
	assert_int_equal(calls_descriptors(), descriptors);
}

/* AUD-54 */
static void local(void **state)
{
	(void)state;
	every_call_fails(AF_UNIX, SOCK_DGRAM, 0, 20000, (struct setting[]){ { "path", socket_path, 0 }, { NULL, NULL, 0 } });
}

/* AUD-54 AUD-57: the second record goes in a file. */
static void journald(void **state)
{
	(void)state;
	every_call_fails(AF_UNIX, SOCK_DGRAM, 0, 300000, (struct setting[]){ { "transport", "journald", 0 }, { "path", socket_path, 0 }, { NULL, NULL, 0 } });
}

static void udp(void **state)
{
	(void)state;
	every_call_fails(AF_INET, SOCK_DGRAM, 0, 20000, (struct setting[]){ { "transport", "udp", 0 }, { "host", "127.0.0.1", 0 },
	                 { "on_failure", "continue", 0 }, { NULL, NULL, 0 } });
}

/* AUD-51 */
static void tcp(void **state)
{
	(void)state;
	every_call_fails(AF_INET, SOCK_STREAM, 0, 40000, (struct setting[]){ { "transport", "tcp", 0 }, { "host", "127.0.0.1", 0 }, { NULL, NULL, 0 } });
}

/* AUD-52 */
static void over_tls(void **state)
{
	(void)state;
	every_call_fails(AF_INET, SOCK_STREAM, 1, 40000, (struct setting[]){ { "transport", "tls", 0 }, { "host", "127.0.0.1", 0 },
	                 { "ca_file", certificate, 0 }, { NULL, NULL, 0 } });
}

static void slowly(const SSL *session, int where, int value)
{
	(void)where, (void)value;
	OSSL_HANDSHAKE_STATE now = SSL_get_state(session);
	if (now == TLS_ST_SR_FINISHED || now == TLS_ST_SW_SESSION_TICKET || now == TLS_ST_OK)
		pause_ms(20);
}

/* AUD-52: a sink that is closed waits for a receiver that is slow, and still has tickets to send when the records are on their way. */
static void nothing_is_lost_at_the_end(void **state)
{
	struct receiver receiver;
	struct setting settings[] = { { "transport", "tls", 0 }, { "host", "127.0.0.1", 0 }, { "port", receiver.port, 0 }, { "ca_file", certificate, 0 },
		                      { "max_size", NULL, 63 * 1024 }, { "timeout", NULL, 20000 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	(void)state;
	receiver_begin(&receiver, AF_INET, SOCK_STREAM, 1);
	SSL_CTX_set_info_callback(receiver.tls, slowly);
	int descriptors = calls_descriptors();
	ema_instance *self = open_sink(ops, &conf);
	for (int i = 1; i <= 20; i++)
		assert_int_equal(offer(self, i, 40000), EMA_OK);
	ops->close(self);
	receiver_settles(&receiver, 20, descriptors);
	for (int i = 1; i <= 20; i++)
		assert_int_equal(came(&receiver, i), 1);
	receiver_end(&receiver);
}

/* ---- Behind audit ---- */

static int sink_record(void *data, const ema_event *event)
{
	return ops->record(data, event);
}

static int sink_flush(void *data, int64_t ms)
{
	return ops->flush(data, ms);
}

static void sink_release(void *data)
{
	ops->close(data);
}

/* What was appended comes, however long the receiver was away. */
static void no_record_is_lost(void **state)
{
	struct receiver receiver;
	struct setting settings[] = { { "transport", "tcp", 0 }, { "host", "127.0.0.1", 0 }, { "port", receiver.port, 0 }, { NULL, NULL, 0 } };
	ema_conf conf = { .settings = settings };
	int number = 0, going = 1, descriptors = calls_descriptors();
	(void)state;
	receiver_begin(&receiver, AF_INET, SOCK_STREAM, 0);
	for (long n = 1; going; n++) {
		struct audit *audit = NULL;
		const struct audit_settings how = { .clock = &clock_system };
		const int before = calls_descriptors(), first = number;
		char digits[12];
		int codes[6], last = 0;
		assert_int_equal(audit_new(&how, &audit, NULL), EMA_OK);
		const struct audit_sink sink = { .id = "s", .must = 1, .record = sink_record, .flush = sink_flush, .release = sink_release,
		                                 .data = open_sink(ops, &conf) };
		assert_int_equal(audit_sinks(audit, &sink, 1, NULL), EMA_OK);
		calls_fail(CALLS_LINK, n, CALLS_STAY);
		for (int i = 0; i < 6; i++) {
			snprintf(digits, sizeof digits, "%d", ++number);
			codes[i] = append_text(audit, "n", digits, 1, 0);
			last = codes[i] == EMA_OK ? number : last;
			audit_drain(audit, 20);
		}
		going = calls_good() > 0;
		assert_int_equal(audit_drain(audit, 30000), EMA_OK);
		audit_free(audit, 1000);
		receiver_settles(&receiver, last, before);
		for (int i = 0; i < 6; i++)
			if (codes[i] == EMA_OK ? came(&receiver, first + 1 + i) != 1 : codes[i] != EMA_AUDIT_UNAVAILABLE || !going)
				fail_msg("call %ld: record %d (%d) came %d times", n, i, codes[i], came(&receiver, first + 1 + i));
		assert_true(going || n > 1);
	}
	receiver_end(&receiver);
	assert_int_equal(calls_descriptors(), descriptors);
}

static int begin(void **state)
{
	char line[600];
	(void)state;
	ops = load_sink(BUILDDIR "/plugins/.libs/syslog.so");
	make_scratch(folder, sizeof folder);
	snprintf(socket_path, sizeof socket_path, "%s/log", folder);
	snprintf(certificate, sizeof certificate, "%s/server.pem", folder);
	snprintf(key, sizeof key, "%s/server.key", folder);
	snprintf(line, sizeof line, "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=logs "
	         "-addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem 2>errors || { cat errors; exit 1; }", folder);
	return system(line) ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	remove_tree(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local),    cmocka_unit_test(journald), cmocka_unit_test(udp),
		cmocka_unit_test(tcp),      cmocka_unit_test(over_tls), cmocka_unit_test(nothing_is_lost_at_the_end),
		cmocka_unit_test(no_record_is_lost),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
