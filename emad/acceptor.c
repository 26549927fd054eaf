/*
 * Takes connections from a socket and deals them out. When the threads of libmicrohttpd do that themselves, the one that wakes first takes
 * all of a crowd, as when a proxy starts, and keeps them: one thread answers, and the others sleep.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "emad.h"

#define PAUSE_MS 10 /* when there are no descriptors, or no memory, for another connection */
#define TAKE_MOST 64 /* before it looks whether it is to end: a crowd may come faster than it can be taken */

struct acceptor {
	void (*take)(void *data, int fd, const struct sockaddr *address, socklen_t length);
	void *data;
	int fd;                           /* the socket's: not its own */
	int begin, leave;                 /* eventfds */
	pthread_t thread;
};

/* 0, or how long to wait until there may be room for another one. */
static int take_some(const struct acceptor *acceptor)
{
	for (int i = 0; i < TAKE_MOST; i++) {
		union {
			struct sockaddr any;
			struct sockaddr_in6 v6;
			struct sockaddr_un local;
		} address;
		socklen_t length = sizeof address;
		memset(&address, 0, sizeof address);
		int fd = accept4(acceptor->fd, &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			acceptor->take(acceptor->data, fd, &address.any, length);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return 0;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			return PAUSE_MS;
		case EBADF:
		case EINVAL:
		case ENOTSOCK:
			say(SAY_ERROR, "connections cannot be taken any more: %s", strerror(errno));
			return PAUSE_MS;
		default: /* it was gone again, or a signal came */
			break;
		}
	}
	return 0;
}

static void *accept_all(void *data)
{
	const struct acceptor *acceptor = data;
	struct pollfd fds[2] = { { .fd = acceptor->leave, .events = POLLIN }, { .fd = acceptor->begin, .events = POLLIN } };
	int pause = 0;
	while (poll(fds, 2, -1) < 0)
		;
	fds[1].fd = acceptor->fd;
	for (;;) {
		/* Until there may be room the socket says all the time that somebody is there. */
		int ready = poll(fds, pause ? 1 : 2, pause ? pause : -1);
		if (ready > 0 && fds[0].revents)
			return NULL;
		pause = take_some(acceptor);
	}
}

struct acceptor *acceptor_start(int fd, void (*take)(void *data, int fd, const struct sockaddr *address, socklen_t length), void *data)
{
	struct acceptor *acceptor = calloc(1, sizeof *acceptor);
	sigset_t all, before;
	if (!acceptor)
		return NULL;
	*acceptor = (struct acceptor){ .take = take, .data = data, .fd = fd, .begin = eventfd(0, EFD_CLOEXEC), .leave = eventfd(0, EFD_CLOEXEC) };
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = acceptor->begin < 0 || acceptor->leave < 0 || pthread_create(&acceptor->thread, NULL, accept_all, acceptor);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		if (acceptor->begin >= 0)
			close(acceptor->begin);
		if (acceptor->leave >= 0)
			close(acceptor->leave);
		free(acceptor);
		return NULL;
	}
	return acceptor;
}

void acceptor_begin(struct acceptor *acceptor)
{
	eventfd_write(acceptor->begin, 1);
}

void acceptor_stop(struct acceptor *acceptor)
{
	if (!acceptor)
		return;
	eventfd_write(acceptor->leave, 1);
	pthread_join(acceptor->thread, NULL);
	close(acceptor->begin);
	close(acceptor->leave);
	free(acceptor);
}
