/* Sockets: connected when a record is there, never at open; given up when they fail, and made again for the next try. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "syslog.h"

int64_t transport_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0, or -1 with errno. When the time is over it is over, whatever the socket says: what it says may not hold for this record. */
int transport_wait(ema_instance *self, short events)
{
	for (int64_t left; (left = self->until - transport_now()) > 0;) {
		struct pollfd one = { self->fd, events, 0 };
		int n = poll(&one, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
	}
	errno = ETIMEDOUT;
	return -1;
}

/*
 * A socket that is closed while the receiver still has something to say (TLS has tickets to give) is reset, and what is on its way is
 * lost: so the receiver ends first, if it does in time.
 */
static void stream_end(ema_instance *self)
{
	char bytes[4096];
	if (shutdown(self->fd, SHUT_WR))
		return;
	while (transport_now() < self->until) {
		ssize_t n = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (!n || (n < 0 && ((errno != EAGAIN && errno != EINTR) || transport_wait(self, POLLIN))))
			return;
	}
}

void transport_close(ema_instance *self)
{
	tls_close(self);
	if (self->fd >= 0 && self->given)
		stream_end(self);
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	self->given = 0;
}

static int connect_local(ema_instance *self)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path, self->path, strlen(self->path)); /* its length was checked at open */
	self->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (self->fd < 0 || connect(self->fd, (struct sockaddr *)&address, sizeof address))
		return sink_failed(self, self->path, strerror(errno));
	return EMA_OK;
}

static int connect_one(ema_instance *self, const struct addrinfo *at)
{
	int error = 0;
	socklen_t length = sizeof error;
	self->fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
	if (self->fd < 0)
		return errno;
	if (connect(self->fd, at->ai_addr, at->ai_addrlen)) {
		error = errno;
		if (error == EINPROGRESS)
			error = transport_wait(self, POLLOUT) || getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &length) ? errno : error;
	}
	if (error)
		transport_close(self);
	return error;
}

static int connect_remote(ema_instance *self)
{
	struct addrinfo want = { .ai_socktype = self->transport == UDP ? SOCK_DGRAM : SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list = NULL;
	int error = getaddrinfo(self->server, self->port, &want, &list);
	if (error)
		return sink_failed(self, self->server, gai_strerror(error));
	error = EHOSTUNREACH;
	for (const struct addrinfo *at = list; at && error; at = at->ai_next)
		error = connect_one(self, at);
	freeaddrinfo(list);
	if (error)
		return sink_failed(self, self->server, strerror(error));
	return self->transport == TLS ? tls_connect(self) : EMA_OK;
}

static int connect_it(ema_instance *self)
{
	int code = self->transport == LOCAL || self->transport == JOURNALD ? connect_local(self) : connect_remote(self);
	if (code != EMA_OK)
		transport_close(self);
	return code;
}

/* A receiver that closed says so before the first record that it would not get. */
static int closed(const ema_instance *self)
{
	char byte;
	ssize_t n = recv(self->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static int send_datagram(ema_instance *self, const struct msghdr *message)
{
	for (int again = 0;;) {
		if (sendmsg(self->fd, message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return EMA_OK;
		int error = errno;
		if (error == EMSGSIZE)
			return EMA_TOO_LARGE;
		if (error == EINTR)
			continue;
		if (error == EAGAIN || error == ENOBUFS) {
			/* The daemon is slow. ENOBUFS is no state that poll sees: a pause before it. */
			if (error == ENOBUFS)
				poll(NULL, 0, 10);
			if (!transport_wait(self, POLLOUT))
				continue;
			return sink_failed(self, "the receiver does not take records", strerror(errno));
		}
		/* It was restarted: its socket is another one. */
		transport_close(self);
		if (again++)
			return sink_failed(self, self->path ? self->path : self->server, strerror(error));
		int code = connect_it(self);
		if (code != EMA_OK)
			return code;
	}
}

static int send_stream(ema_instance *self, const char *data, size_t length)
{
	while (length) {
		ssize_t n = send(self->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			data += n;
			length -= (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if ((n < 0 && errno != EAGAIN) || transport_wait(self, POLLOUT)) {
			int error = errno;
			transport_close(self); /* the receiver throws a part away; the whole comes again */
			return sink_failed(self, self->server, strerror(error));
		}
	}
	return EMA_OK;
}

int transport_send(ema_instance *self, const char *data, size_t length)
{
	struct iovec part = { (void *)(uintptr_t)data, length };
	const struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	self->until = transport_now() + self->timeout;
	if (self->fd >= 0 && self->transport == TCP && closed(self))
		transport_close(self);
	if (self->fd < 0) {
		int code = connect_it(self);
		if (code != EMA_OK)
			return code;
	}
	if (self->transport != TCP && self->transport != TLS)
		return send_datagram(self, &message);
	int code = self->transport == TCP ? send_stream(self, data, length) : tls_send(self, data, length);
	self->given |= code == EMA_OK;
	return code;
}

int transport_pass(ema_instance *self, int fd)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control = { .room = "" };
	const struct msghdr message = { .msg_control = &control, .msg_controllen = sizeof control };
	control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd) };
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	self->until = transport_now() + self->timeout;
	return send_datagram(self, &message);
}
