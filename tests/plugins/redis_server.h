/* Servers of Redis and sentinels for tests, each in a folder of its own. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <sys/types.h>

struct server {
	char folder[64];
	pid_t pid;
	int port;     /* 0: the socket FOLDER/redis.sock alone */
	int sentinel; /* it is one */
};

/* more: lines of its configuration. It ends with the test at the latest. */
void server_new(struct server *server, const char *more);
void server_start(struct server *server, const char *more); /* after server_kill() */
void server_kill(struct server *server);
void server_end(struct server *server);
/* A line beside the plugin's, as an operator would send it. */
void server_tell(const struct server *server, const char *line);
int server_port(void); /* one that is free */
int server_is_there(void);

#define NEED_REDIS                                                         \
	do {                                                               \
		(void)state;                                               \
		if (!server_is_there())                                    \
			test_skip("redis-server is not installed");        \
	} while (0)

#endif
