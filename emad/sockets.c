#define _GNU_SOURCE /* O_PATH */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "emad.h"

#define BACKLOG 1024
#define FIRST_HANDED 3 /* sd_listen_fds(3) */

/* Whether a socket file is what an emad left that is gone. Only that is taken away. */
static int unix_stale(const struct sockaddr_un *address, char *error, size_t room)
{
	struct stat status;
	if (lstat(address->sun_path, &status))
		return errno == ENOENT ? 0 : (snprintf(error, room, "%s", strerror(errno)), -1);
	if (!S_ISSOCK(status.st_mode)) {
		snprintf(error, room, "something else than a socket is there: it is left alone");
		return -1;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int connected = fd >= 0 && !connect(fd, (const struct sockaddr *)address, sizeof *address);
	int why = connected ? EADDRINUSE : errno;
	if (fd >= 0)
		close(fd);
	if (why != ECONNREFUSED) {
		snprintf(error, room, "%s", connected || why == EAGAIN ? "another process listens there" : strerror(why));
		return -1;
	}
	if (unlink(address->sun_path)) {
		snprintf(error, room, "the socket that an earlier process left cannot be taken away: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/*
 * By root, in a folder that may be another user's: who puts something else in the socket's place meanwhile gets no right to it, so the mode
 * comes with the name, and what is given away is looked at first.
 */
static int bind_as_root(int fd, const struct sockaddr_un *address, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat status;
	const mode_t before = umask(0777 & ~mode);
	int done = !bind(fd, (const struct sockaddr *)address, sizeof *address);
	umask(before);
	int at = done ? open(address->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	done = at >= 0 && !fstat(at, &status);
	if (done && (!S_ISSOCK(status.st_mode) || status.st_uid != 0 || status.st_nlink != 1)) {
		errno = EEXIST;
		done = 0;
	}
	if (done)
		done = !fchownat(at, "", uid, gid, AT_EMPTY_PATH);
	const int why = errno;
	if (at >= 0)
		close(at);
	errno = why;
	return done ? 0 : -1;
}

static int bind_as_user(int fd, const struct sockaddr_un *address, mode_t mode, gid_t gid, char *error, size_t room)
{
	if (bind(fd, (const struct sockaddr *)address, sizeof *address))
		return -1;
	if (gid != getegid() && lchown(address->sun_path, (uid_t)-1, gid)) {
		snprintf(error, room, "its group cannot be set: %s; emad's user must be in that group, and the unit must let it", strerror(errno));
		return -1;
	}
	return chmod(address->sun_path, mode);
}

int unix_listen(const char *path, mode_t mode, uid_t uid, gid_t gid, char *error, size_t room)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) {
		snprintf(error, room, "the path is too long for a socket");
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (unix_stale(&address, error, room))
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Nobody can connect before listen(), and the umask lets nobody in before its mode is set. */
	error[0] = 0;
	if (fd < 0 || (geteuid() == 0 ? bind_as_root(fd, &address, mode, uid, gid) : bind_as_user(fd, &address, mode, gid, error, room)) ||
	    listen(fd, BACKLOG)) {
		if (!error[0])
			snprintf(error, room, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int tcp_listen(const char *text, char *error, size_t room)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : sizeof host;
	int is6 = text[0] == '[', on = 1;
	if (length >= sizeof host || length < 2) {
		snprintf(error, room, "no address");
		return -1;
	}
	memcpy(host, text + is6, length - 2 * (size_t)is6);
	host[length - 2 * (size_t)is6] = 0;
	v4.sin_port = v6.sin6_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(is6 ? AF_INET6 : AF_INET, host, is6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1) {
		snprintf(error, room, "no address");
		return -1;
	}
	int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* [::] is IPv6 alone, whatever the machine's setting: 0.0.0.0 is written beside it. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
	    (is6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on)) ||
	    bind(fd, is6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4, is6 ? sizeof v6 : sizeof v4) || listen(fd, BACKLOG)) {
		snprintf(error, room, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* What kind of socket it is, by itself and not by its name. */
static int socket_look(struct socket *socket)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} address;
	socklen_t length = sizeof address;
	memset(&address, 0, sizeof address);
	if (getsockname(socket->fd, &address.any, &length))
		return -1;
	socket->is_unix = address.any.sa_family == AF_UNIX;
	if (address.any.sa_family == AF_INET)
		socket->loopback = ntohl(address.v4.sin_addr.s_addr) >> 24 == 127;
	else if (address.any.sa_family == AF_INET6)
		socket->loopback = IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
	else if (!socket->is_unix)
		return -1;
	return 0;
}

int sockets_inherit(struct sockets *sockets)
{
	const char *pid = getenv("LISTEN_PID"), *number = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
	long count = pid && number && strtol(pid, NULL, 10) == getpid() ? strtol(number, NULL, 10) : 0;
	int result = 0;
	if (count < 0 || count > SOCKETS_MOST) {
		say(SAY_ERROR, "systemd hands over more than %d sockets", SOCKETS_MOST);
		return -1;
	}
	for (long i = 0; i < count && !result; i++) {
		struct socket *socket = &sockets->handed[sockets->handed_count];
		int type = 0, listens = 0;
		socklen_t size = sizeof type;
		size_t length = names ? strcspn(names, ":") : 0;
		*socket = (struct socket){ .fd = FIRST_HANDED + (int)i };
		socket->address = malloc(length + 16);
		if (!socket->address) {
			say(SAY_ERROR, "no memory");
			return -1;
		}
		snprintf(socket->address, length + 16, "systemd:%.*s", (int)length, names ? names : "");
		sockets->handed_count++;
		names = names && names[length] ? names + length + 1 : NULL;
		if (getsockopt(socket->fd, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_STREAM ||
		    getsockopt(socket->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) || !listens || socket_look(socket)) {
			say(SAY_ERROR, "%s, handed over by systemd, is no listening stream socket (it wants ListenStream, Accept=no)", socket->address);
			result = -1;
		} else if (fcntl(socket->fd, F_SETFD, FD_CLOEXEC) || fcntl(socket->fd, F_SETFL, O_NONBLOCK)) {
			say(SAY_ERROR, "%s: %s", socket->address, strerror(errno));
			result = -1;
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return result;
}

static int is_open(const struct sockets *sockets, const char *address)
{
	for (size_t i = 0; i < sockets->count; i++)
		if (!strcmp(sockets->list[i].address, address))
			return 1;
	return 0;
}

static void socket_end(struct socket *socket)
{
	/* Only root, or who may write in its folder, can; else the next emad does it. */
	if (socket->path && unlink(socket->path) && errno != ENOENT)
		say(SAY_DEBUG, "%s: %s", socket->path, strerror(errno));
	if (socket->fd >= 0)
		close(socket->fd);
	free(socket->address);
	free(socket->path);
	*socket = (struct socket){ .fd = -1 };
}

/* systemd's are borrowed for the list: their descriptors are duplicated, so that a later reload can have them again. */
static int socket_borrow(struct sockets *sockets, const char *address, char *error, size_t room)
{
	int found = 0;
	for (size_t i = 0; i < sockets->handed_count; i++) {
		const struct socket *handed = &sockets->handed[i];
		if (strcmp(handed->address, address))
			continue;
		struct socket copy = *handed;
		copy.address = strdup(address);
		copy.fd = sockets->count < SOCKETS_MOST ? fcntl(handed->fd, F_DUPFD_CLOEXEC, 0) : -1;
		if (!copy.address || copy.fd < 0) {
			snprintf(error, room, "%s", strerror(errno));
			free(copy.address);
			return -1;
		}
		sockets->list[sockets->count++] = copy;
		found = 1;
	}
	if (!found)
		snprintf(error, room, "systemd handed over no socket of this FileDescriptorName");
	return found ? 0 : -1;
}

static int socket_open(struct sockets *sockets, const ema_daemon *daemon, size_t listener, const struct identity *identity, char *error, size_t room)
{
	const char *address = ema_listener_text(daemon, listener, "address"), *group = ema_listener_text(daemon, listener, "group");
	if (!strncmp(address, "systemd:", 8))
		return socket_borrow(sockets, address, error, room);
	if (sockets->count == SOCKETS_MOST) {
		snprintf(error, room, "too many sockets");
		return -1;
	}
	struct socket *socket = &sockets->list[sockets->count];
	gid_t gid = identity->gid;
	*socket = (struct socket){ .fd = -1, .address = strdup(address) };
	if (!strncmp(address, "unix:", 5)) {
		if (group && group_by_name(group, &gid)) {
			snprintf(error, room, "there is no group \"%s\" on this machine", group);
			goto fail;
		}
		socket->fd = unix_listen(address + 5, (mode_t)ema_listener_number(daemon, listener, "mode"), identity->uid, gid, error, room);
		socket->path = socket->fd >= 0 ? strdup(address + 5) : NULL;
	} else {
		socket->fd = tcp_listen(address, error, room);
	}
	if (socket->fd < 0)
		goto fail;
	if (!socket->address || socket_look(socket)) {
		snprintf(error, room, "no memory");
		goto fail;
	}
	sockets->count++;
	return 0;
fail:
	socket_end(socket);
	return -1;
}

int sockets_open(struct sockets *sockets, const ema_daemon *daemon, const struct identity *identity, char *error, size_t room)
{
	size_t before = sockets->count;
	char why[256] = "";
	for (size_t i = 0; ema_listener_text(daemon, i, "address"); i++) {
		const char *address = ema_listener_text(daemon, i, "address");
		if (is_open(sockets, address) || !socket_open(sockets, daemon, i, identity, why, sizeof why))
			continue;
		snprintf(error, room, "cannot listen on %s: %s", address, why);
		while (sockets->count > before)
			socket_end(&sockets->list[--sockets->count]);
		return -1;
	}
	return 0;
}

void sockets_close(struct sockets *sockets, const ema_daemon *daemon)
{
	size_t kept = 0;
	for (size_t i = 0; i < sockets->count; i++) {
		struct socket *socket = &sockets->list[i];
		size_t j = 0;
		while (daemon && ema_listener_text(daemon, j, "address") && strcmp(ema_listener_text(daemon, j, "address"), socket->address))
			j++;
		if (daemon && ema_listener_text(daemon, j, "address"))
			sockets->list[kept++] = *socket;
		else
			socket_end(socket);
	}
	sockets->count = kept;
	for (size_t i = 0; !daemon && i < sockets->handed_count; i++)
		socket_end(&sockets->handed[i]);
	if (!daemon)
		sockets->handed_count = 0;
}
