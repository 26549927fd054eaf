/* One connection with a time limit for everything. hiredis makes commands and reads replies; its sockets know no such limit. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "redis_store.h"

#define REPLY_MOST ((size_t)16 << 20) /* bytes of one reply */
#define CHUNK 16384

int64_t monotonic_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What a server says is shown without what a terminal would obey. */
int link_failed(ema_instance *self, const char *what, const char *why)
{
	char text[300];
	if (!self->failing) {
		self->failing = 1;
		snprintf(text, sizeof text, "redis: %s: %.200s", what, why);
		for (char *c = text; *c; c++)
			if (*c < 0x20 || *c == 0x7f)
				*c = '?';
		self->host->log(self->handle, 1, text);
	}
	return EMA_UNAVAILABLE;
}

int link_tls(ema_instance *self, ema_conf *conf)
{
	const struct ema_host *host = self->host;
	const char *ca_file = NULL;
	int tls = 0, code = host->conf_bool(conf, "tls", &tls);
	if (code == EMA_OK)
		code = host->conf_path(conf, "ca_file", &ca_file);
	if (code == EMA_OK)
		code = host->conf_string(conf, "server_name", &self->server_name);
	if (code != EMA_OK)
		return code;
	if (!tls)
		return ca_file || self->server_name ? host->conf_fail(conf, "tls", "ca_file and server_name are for tls = true;") : EMA_OK;
	self->tls = SSL_CTX_new(TLS_client_method());
	if (!self->tls)
		return EMA_OUT_OF_MEMORY;
	SSL_CTX_set_min_proto_version(self->tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(self->tls, SSL_VERIFY_PEER, NULL);
	if (!(ca_file ? SSL_CTX_load_verify_file(self->tls, ca_file) : SSL_CTX_set_default_verify_paths(self->tls))) {
		ERR_clear_error();
		return host->conf_fail(conf, "ca_file", "no certificate could be read from this file");
	}
	return EMA_OK;
}

static int wait_for(ema_instance *self, short events)
{
	for (;;) {
		int64_t left = self->until - monotonic_ms();
		if (left <= 0)
			return EMA_TIMEOUT;
		struct pollfd one = { self->link.fd, events, 0 };
		int n = poll(&one, 1, left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return EMA_OK;
		if (n < 0 && errno != EINTR)
			return EMA_UNAVAILABLE;
	}
}

static int send_all(ema_instance *self, const char *bytes, size_t length)
{
	while (length) {
		ssize_t sent = send(self->link.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			bytes += sent;
			length -= (size_t)sent;
			continue;
		}
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return EMA_UNAVAILABLE;
		int code = wait_for(self, POLLOUT);
		if (code != EMA_OK)
			return code;
	}
	return EMA_OK;
}

/* What the session wants to say goes out. */
static int session_push(ema_instance *self)
{
	char bytes[CHUNK];
	int code = EMA_OK, n;
	while (code == EMA_OK && (n = BIO_read(self->link.out, bytes, sizeof bytes)) > 0)
		code = send_all(self, bytes, (size_t)n);
	return code;
}

/* At least one byte from the socket. */
static int receive(ema_instance *self, char *bytes, size_t room, size_t *got)
{
	for (;;) {
		ssize_t n = recv(self->link.fd, bytes, room, MSG_DONTWAIT);
		if (n > 0) {
			*got = (size_t)n;
			return EMA_OK;
		}
		if (!n || (errno != EAGAIN && errno != EINTR))
			return EMA_UNAVAILABLE;
		int code = wait_for(self, POLLIN);
		if (code != EMA_OK)
			return code;
	}
}

static int session_pull(ema_instance *self)
{
	char bytes[CHUNK];
	size_t got = 0;
	int code = session_push(self);
	if (code == EMA_OK)
		code = receive(self, bytes, sizeof bytes, &got);
	if (code == EMA_OK && BIO_write(self->link.in, bytes, (int)got) != (int)got)
		code = EMA_OUT_OF_MEMORY;
	return code;
}

static int session_write(ema_instance *self, const char *bytes, size_t length)
{
	/* Into memory, so it is taken whole. */
	if (length > INT32_MAX || SSL_write(self->link.session, bytes, (int)length) != (int)length)
		return EMA_UNAVAILABLE;
	return session_push(self);
}

static int session_read(ema_instance *self, char *bytes, size_t room, size_t *got)
{
	for (;;) {
		int n = SSL_read(self->link.session, bytes, (int)room);
		if (n > 0) {
			*got = (size_t)n;
			return EMA_OK;
		}
		if (SSL_get_error(self->link.session, n) != SSL_ERROR_WANT_READ)
			return EMA_UNAVAILABLE;
		int code = session_pull(self);
		if (code != EMA_OK)
			return code;
	}
}

static int session_open(ema_instance *self, const char *name)
{
	unsigned char address[16];
	self->link.session = SSL_new(self->tls);
	self->link.in = BIO_new(BIO_s_mem());
	self->link.out = BIO_new(BIO_s_mem());
	if (!self->link.session || !self->link.in || !self->link.out) {
		BIO_free(self->link.in);
		BIO_free(self->link.out);
		return EMA_OUT_OF_MEMORY;
	}
	SSL_set_bio(self->link.session, self->link.in, self->link.out);
	SSL_set_connect_state(self->link.session);
	int is_address = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
	if (is_address ? !X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(self->link.session), name)
	               : !SSL_ctrl(self->link.session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name) || !SSL_set1_host(self->link.session, name))
		return EMA_UNAVAILABLE;
	for (;;) {
		int n = SSL_do_handshake(self->link.session);
		if (n == 1)
			return session_push(self);
		if (SSL_get_error(self->link.session, n) != SSL_ERROR_WANT_READ) {
			session_push(self); /* the alert */
			return EMA_UNAVAILABLE;
		}
		int code = session_pull(self);
		if (code != EMA_OK)
			return code;
	}
}

static int socket_connect(ema_instance *self, int family, const struct sockaddr *address, socklen_t length)
{
	int error = 0;
	socklen_t size = sizeof error;
	self->link.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (self->link.fd < 0)
		return EMA_UNAVAILABLE;
	if (!connect(self->link.fd, address, length))
		return EMA_OK;
	if (errno != EINPROGRESS)
		return EMA_UNAVAILABLE;
	int code = wait_for(self, POLLOUT);
	if (code == EMA_OK && (getsockopt(self->link.fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)) {
		errno = error;
		return EMA_UNAVAILABLE;
	}
	return code;
}

/* "HOST:PORT", "[::1]:6379"; without a port it is Redis's. */
static int address_split(const char *address, char host[256], char port[8])
{
	const char *end = address[0] == '[' ? strchr(address, ']') : strrchr(address, ':');
	const char *begin = address + (address[0] == '['), *colon = end && *end == ']' ? end + 1 : end;
	size_t length = end ? (size_t)(end - begin) : strlen(begin);
	if (!length || length >= 256 || (address[0] == '[' && !end))
		return -1;
	memcpy(host, begin, length);
	host[length] = 0;
	if (!colon || !*colon)
		snprintf(port, 8, "6379");
	else if (*colon != ':' || !colon[1] || strlen(colon + 1) > 5 || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -1;
	else
		snprintf(port, 8, "%s", colon + 1);
	return 0;
}

static int link_begin(ema_instance *self)
{
	self->link.reader = redisReaderCreate();
	self->link.received = 0;
	if (!self->link.reader)
		return EMA_OUT_OF_MEMORY;
	self->link.reader->maxbuf = 0; /* keep no buffer that is not needed */
	return EMA_OK;
}

int link_open(ema_instance *self, const char *address, const char *path)
{
	char host[256] = "", port[8];
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int code = EMA_UNAVAILABLE;
	link_close(self);
	errno = 0;
	if (path) {
		struct sockaddr_un local = { .sun_family = AF_UNIX };
		if (strlen(path) >= sizeof local.sun_path)
			return link_failed(self, path, "the name of the socket is too long");
		memcpy(local.sun_path, path, strlen(path) + 1);
		code = socket_connect(self, AF_UNIX, (struct sockaddr *)&local, sizeof local);
	} else {
		int error = address_split(address, host, port) ? EAI_NONAME : getaddrinfo(host, port, &hints, &list);
		if (error)
			return link_failed(self, address, gai_strerror(error));
		const int64_t until = self->until;
		int64_t more = 0;
		for (const struct addrinfo *one = list; one; one = one->ai_next)
			more++;
		/* Each has its share of the time: the first may be in a network from which nothing comes back. */
		for (const struct addrinfo *one = list; one && (code == EMA_UNAVAILABLE || code == EMA_TIMEOUT); one = one->ai_next, more--) {
			const int64_t now = monotonic_ms();
			link_close(self);
			self->until = now < until ? now + (until - now) / more : until;
			code = socket_connect(self, one->ai_family, one->ai_addr, one->ai_addrlen);
		}
		self->until = until;
		freeaddrinfo(list);
	}
	const char *why = code == EMA_TIMEOUT ? "no answer in time" : errno ? strerror(errno) : "refused";
	if (code == EMA_OK && self->tls && (code = session_open(self, self->server_name ? self->server_name : host)) != EMA_OK) {
		long verified = SSL_get_verify_result(self->link.session);
		why = code == EMA_TIMEOUT ? "no answer in TLS in time" : verified != X509_V_OK ? X509_verify_cert_error_string(verified) : "no TLS";
	}
	if (code == EMA_OK)
		code = link_begin(self);
	if (code == EMA_UNAVAILABLE || code == EMA_TIMEOUT)
		link_failed(self, path ? path : address, why);
	ERR_clear_error();
	if (code != EMA_OK)
		link_close(self);
	return code;
}

void link_close(ema_instance *self)
{
	SSL_free(self->link.session); /* with both ends of it */
	self->link.session = NULL;
	self->link.in = self->link.out = NULL;
	if (self->link.reader)
		redisReaderFree(self->link.reader);
	self->link.reader = NULL;
	if (self->link.fd >= 0)
		close(self->link.fd);
	self->link.fd = -1;
}

static int reply_read(ema_instance *self, redisReply **out)
{
	char bytes[CHUNK];
	for (;;) {
		void *reply = NULL;
		size_t got = 0;
		if (redisReaderGetReply(self->link.reader, &reply) != REDIS_OK)
			return link_failed(self, "the server's answer", self->link.reader->errstr);
		if (reply) {
			*out = reply;
			self->link.received = 0;
			return EMA_OK;
		}
		int code = self->link.session ? session_read(self, bytes, sizeof bytes, &got) : receive(self, bytes, sizeof bytes, &got);
		if (code != EMA_OK)
			return code;
		self->link.received += got;
		if (self->link.received > REPLY_MOST)
			return link_failed(self, "the server's answer", "longer than any that was asked for");
		if (redisReaderFeed(self->link.reader, bytes, got) != REDIS_OK)
			return EMA_OUT_OF_MEMORY;
	}
}

int link_call(ema_instance *self, int count, const char *const *arguments, const size_t *lengths, redisReply **out)
{
	char *command = NULL;
	int length = redisFormatCommandArgv(&command, count, (const char **)(uintptr_t)arguments, lengths);
	if (length < 0 || !command)
		return EMA_OUT_OF_MEMORY;
	int code = self->link.session ? session_write(self, command, (size_t)length) : send_all(self, command, (size_t)length);
	self->host->wipe(command, (size_t)length); /* it may be the password */
	redisFreeCommand(command);
	if (code == EMA_OK)
		code = reply_read(self, out);
	if (code == EMA_OK)
		return EMA_OK;
	/* What comes later would be taken for the answer to something else. */
	ERR_clear_error();
	link_close(self);
	if (code == EMA_TIMEOUT)
		link_failed(self, "the server", "no answer in time");
	else if (code == EMA_UNAVAILABLE)
		link_failed(self, "the server", "the connection broke");
	return code;
}

int reply_is(const redisReply *reply, const char *text)
{
	return reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) && reply->len == strlen(text) &&
	       !memcmp(reply->str, text, reply->len);
}

int reply_failed(ema_instance *self, const redisReply *reply, const char *what)
{
	static const char *const lasting[] = { "READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "WRONGPASS", "NOREPLICAS", "CLUSTERDOWN", "UNBLOCKED" };
	if (reply->type != REDIS_REPLY_ERROR)
		return link_failed(self, what, "an answer of a form that was not asked for");
	if (!strncmp(reply->str, "OOM", 3) || strstr(reply->str, "-OOM"))
		return EMA_STORE_FULL;
	for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
		if (strstr(reply->str, lasting[i])) {
			link_close(self);
			break;
		}
	if (strstr(reply->str, "WRONGTYPE"))
		return link_failed(self, what, "something else is under one of the store's names: give EMA a prefix of its own");
	return link_failed(self, what, reply->str);
}

int link_authenticate(ema_instance *self, const char *where, const char *user, const char *password, size_t length)
{
	const char *const arguments[] = { "AUTH", user ? user : password, password };
	const size_t lengths[] = { 4, user ? strlen(user) : length, length };
	redisReply *reply = NULL;
	if (!password)
		return EMA_OK;
	int code = link_call(self, user ? 3 : 2, arguments, lengths, &reply);
	if (code == EMA_OK && !reply_is(reply, "OK"))
		code = reply_failed(self, reply, where);
	freeReplyObject(reply);
	return code;
}
