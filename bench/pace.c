/*
 * pace PORT PATH REQUESTS PID HEADER...: asks an HTTP server on this machine once a millisecond, on one connection for as long as the
 * server keeps it, and prints the nanoseconds of the slowest answer, a new connection counted in. A quarter of the way the process PID
 * gets SIGHUP; 0: none does.
 */
#define _GNU_SOURCE /* strcasestr */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define GAP_NS 1000000L
#define ANSWER_MOST 16384

struct pace {
	struct sockaddr_in address;
	char request[8192];
	size_t length;
	int fd;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int reach(struct pace *pace)
{
	const int yes = 1;
	const struct timeval patience = { .tv_sec = 10 };
	pace->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (pace->fd < 0 || connect(pace->fd, (struct sockaddr *)&pace->address, sizeof pace->address))
		return -1;
	setsockopt(pace->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	setsockopt(pace->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return 0;
}

/* One request and its answer, which must be a 200 or 204. */
static int ask(struct pace *pace)
{
	char text[ANSWER_MOST + 1];
	size_t have = 0;
	const char *end = NULL, *length;
	if (pace->fd < 0 && reach(pace))
		return -1;
	if (send(pace->fd, pace->request, pace->length, MSG_NOSIGNAL) != (ssize_t)pace->length)
		return -1;
	for (size_t whole = ANSWER_MOST; have < whole;) {
		ssize_t got = recv(pace->fd, text + have, ANSWER_MOST - have, 0);
		if (got <= 0)
			return -1;
		text[have += (size_t)got] = 0;
		if (end || !(end = strstr(text, "\r\n\r\n")))
			continue;
		length = strcasestr(text, "\r\nContent-Length:");
		whole = (size_t)(end - text) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
	}
	if (strncmp(text, "HTTP/1.1 200", 12) && strncmp(text, "HTTP/1.1 204", 12)) {
		fprintf(stderr, "pace: %.12s\n", text);
		return -2;
	}
	const char *close_it = strcasestr(text, "\r\nConnection: close");
	if (close_it && close_it < end) {
		close(pace->fd);
		pace->fd = -1;
	}
	return 0;
}

int main(int count, char **words)
{
	struct pace pace = { .fd = -1 };
	double longest = 0;
	if (count < 5) {
		fputs("usage: pace PORT PATH REQUESTS PID HEADER...\n", stderr);
		return 2;
	}
	pace.address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1])),
		                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const long requests = atol(words[3]), pid = atol(words[4]);
	pace.length = (size_t)snprintf(pace.request, sizeof pace.request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", words[2]);
	for (int i = 5; i <= count && pace.length < sizeof pace.request; i++)
		pace.length += (size_t)snprintf(pace.request + pace.length, sizeof pace.request - pace.length, "%s\r\n", i < count ? words[i] : "");
	if (pace.length >= sizeof pace.request)
		return 2;
	for (long i = -10; i < requests; i++) {
		const struct timespec gap = { 0, GAP_NS };
		if (pid > 0 && i == requests / 4 && kill((pid_t)pid, SIGHUP)) {
			perror("pace: SIGHUP");
			return 1;
		}
		const double from = now();
		if (ask(&pace)) {
			fprintf(stderr, "pace: request %ld was not answered: %s\n", i, strerror(errno));
			return 1;
		}
		const double each = now() - from;
		if (i >= 0 && each > longest) /* those before are to warm up */
			longest = each;
		nanosleep(&gap, NULL);
	}
	printf("%.0f\n", longest);
	return 0;
}
