#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis_server.h"

#define PROGRAM "/usr/bin/redis-server"

void server_start(struct server *server, const char *more)
{
	char conf[128], line[200];
	snprintf(conf, sizeof conf, "%s/redis.conf", server->folder);
	FILE *file = fopen(conf, "w");
	assert_non_null(file);
	fprintf(file, "port %d\nbind 127.0.0.1\nunixsocket %s/redis.sock\nunixsocketperm 700\ndir %s\nlogfile %s/log\n%s\n%s\n", server->port, server->folder, server->folder, server->folder,
	        server->sentinel ? "" : "save \"\"\nappendonly no\nenable-debug-command yes", more);
	fclose(file);
	server->pid = fork();
	if (!server->pid) {
		/* It ends with the test, and keeps nobody waiting for its output. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_RDWR), 1);
		dup2(1, 2);
		execl(PROGRAM, PROGRAM, conf, server->sentinel ? "--sentinel" : (char *)NULL, (char *)NULL);
		_exit(127);
	}
	/* It is there before anybody listens. */
	snprintf(line, sizeof line, "redis-cli -s %s/redis.sock ping 2>&1 | grep -qE 'PONG|NOAUTH|NOPERM'", server->folder);
	int status = 1;
	for (int i = 0; i < 3000 && (status = system(line)) != 0; i++)
		usleep(20000);
	assert_int_equal(status, 0);
}

void server_new(struct server *server, const char *more)
{
	snprintf(server->folder, sizeof server->folder, "/tmp/ema-redis-XXXXXX");
	assert_non_null(mkdtemp(server->folder));
	server_start(server, more);
}

void server_kill(struct server *server)
{
	char path[100];
	kill(server->pid, SIGCONT);
	kill(server->pid, SIGKILL);
	assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
	snprintf(path, sizeof path, "%s/redis.sock", server->folder);
	unlink(path);
}

void server_end(struct server *server)
{
	char line[100];
	server_kill(server);
	snprintf(line, sizeof line, "rm -r '%s'", server->folder);
	assert_int_equal(system(line), 0);
}

int server_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	/* It stays bound, without listening, until the program ends: so Redis gets the port, which says the same, and nobody else does. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	return ntohs(address.sin_port);
}

void server_tell(const struct server *server, const char *line)
{
	char command[400];
	snprintf(command, sizeof command, "redis-cli -s %s/redis.sock %s >/dev/null 2>&1", server->folder, line);
	assert_int_equal(system(command), 0);
}

int server_is_there(void)
{
	return access(PROGRAM, X_OK) == 0 && system("redis-cli --version >/dev/null 2>&1") == 0;
}
