/* sd_notify(3), which is one datagram: not worth a library. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "emad.h"

static struct sockaddr_un address;
static socklen_t address_length;
static int watchdog_ms = -1;

void notify_begin(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	size_t length = path ? strlen(path) : 0;
	if (length > 1 && length < sizeof address.sun_path && (path[0] == '/' || path[0] == '@')) {
		address.sun_family = AF_UNIX;
		memcpy(address.sun_path, path, length + 1);
		if (path[0] == '@')
			address.sun_path[0] = 0;
		address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
	}
	unsigned long long microseconds = interval ? strtoull(interval, NULL, 10) : 0;
	/* Twice as often as is asked for. */
	if (microseconds >= 2000 && microseconds < 86400ull * 1000000 && (!pid || strtol(pid, NULL, 10) == getpid()))
		watchdog_ms = (int)(microseconds / 2000);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_systemd(const char *state)
{
	if (!address_length)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, address_length) < 0)
		say(SAY_WARNING, "systemd could not be told \"%.16s\": %s", state, strerror(errno));
	if (fd >= 0)
		close(fd);
}

int notify_watchdog_ms(void)
{
	return address_length ? watchdog_ms : -1;
}
