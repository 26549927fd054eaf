#define _GNU_SOURCE
#undef _FORTIFY_SOURCE /* its own definitions of these would be in the way */
#include "test.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"

static atomic_uint kinds;
static atomic_int how, other;
static atomic_long countdown, failures;

void calls_fail(unsigned which, long n, enum calls_mode mode)
{
	atomic_store(&kinds, 0);
	atomic_store(&failures, 0);
	atomic_store(&how, (int)mode);
	atomic_store(&countdown, n);
	atomic_store(&kinds, which);
}

void calls_error(int error)
{
	atomic_store(&other, error);
}

long calls_failed(void)
{
	return atomic_load(&failures);
}

long calls_good(void)
{
	atomic_store(&kinds, 0);
	return atomic_load(&failures);
}

#define NAMES 32
static _Atomic(const char *) hit[NAMES]; /* the functions of which a call failed */

static void note(const char *name)
{
	for (size_t i = 0; i < NAMES; i++) {
		const char *there = NULL;
		if (atomic_compare_exchange_strong(&hit[i], &there, name) || !strcmp(there, name))
			return;
	}
}

static int is_noted(const char *name)
{
	const char *there;
	for (size_t i = 0; i < NAMES && (there = atomic_load(&hit[i])); i++)
		if (!strcmp(there, name))
			return 1;
	return 0;
}

void calls_hit(const char *const *names)
{
	for (; *names; names++)
		if (!is_noted(*names))
			fail_msg("no call of %s failed", *names);
	for (size_t i = 0; i < NAMES; i++)
		atomic_store(&hit[i], NULL);
}

int calls_go_on(long n, long failed, long *quiet, long least)
{
	*quiet = failed ? 0 : *quiet + 1;
	if (*quiet < 3)
		return 1;
	if (n - 1 - *quiet < least)
		fail_msg("calls failed up to n = %ld alone, and not to %ld", n - 1 - *quiet, least);
	return 0;
}

/* 0: go on; 1: fail; 2: a short one, of what has halves. */
static int fate_of(const char *name, unsigned kind, int halves)
{
	int mode = atomic_load(&how);
	if (!(atomic_load(&kinds) & kind) || (mode == CALLS_SHORT && !halves))
		return 0;
	long left = atomic_fetch_sub(&countdown, 1);
	if (left > 1 || (left < 1 && mode != CALLS_STAY))
		return 0;
	atomic_fetch_add(&failures, 1);
	note(name);
	return left == 1 && halves && mode != CALLS_ONCE ? 2 : 1;
}

static int fails_of(const char *name, unsigned kind, int error)
{
	if (!fate_of(name, kind, 0))
		return 0;
	int instead = kind & CALLS_LINK ? atomic_load(&other) : 0;
	errno = instead > 0 ? instead : error;
	return 1;
}

#define fate(kind, halves) fate_of(__func__, kind, halves)
#define fails(kind, error) fails_of(__func__, kind, error)

/* The one that would have been called. */
#define REAL(name)                                              \
	static _Atomic(void *) kept;                            \
	void *at = atomic_load(&kept);                          \
	__typeof__(&name) real;                                 \
	if (!at)                                                \
		atomic_store(&kept, at = dlsym(RTLD_NEXT, #name)); \
	if (!at)                                                \
		abort();                                        \
	memcpy(&real, &at, sizeof real)

static int is_file(int fd)
{
	struct stat st;
	return atomic_load(&kinds) && !fstat(fd, &st) && S_ISREG(st.st_mode);
}

#define WAITING (O_SYNC | O_DSYNC) /* see fsync() below */

static int writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH);
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	REAL(open);
	return writes(flags) && fails(CALLS_OPEN, flags & O_CREAT ? ENOSPC : EMFILE) ? -1 : real(path, flags & ~WAITING, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	REAL(openat);
	return writes(flags) && fails(CALLS_OPEN, flags & O_EXCL ? ENOSPC : EMFILE) ? -1 : real(folder, path, flags & ~WAITING, mode);
}

/* Half of it, where there are halves. */
#define WRITE(name, parameters, whole, half)               \
	ssize_t name parameters                            \
	{                                                  \
		REAL(name);                                \
		int how_far = is_file(fd) ? fate(CALLS_WRITE, 1) : 0; \
		if (how_far == 1)                          \
			errno = atomic_load(&countdown) & 1 ? EIO : ENOSPC; \
		return how_far == 1 ? -1 : how_far ? real half : real whole; \
	}
WRITE(write, (int fd, const void *data, size_t length), (fd, data, length), (fd, data, (length + 1) / 2))
WRITE(pwrite, (int fd, const void *data, size_t length, off_t offset), (fd, data, length, offset), (fd, data, (length + 1) / 2, offset))
WRITE(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), (fd, parts, (count + 1) / 2))
WRITE(pwritev, (int fd, const struct iovec *parts, int count, off_t offset), (fd, parts, count, offset), (fd, parts, (count + 1) / 2, offset))

#define CALL(type, name, kind, error, parameters, arguments)       \
	type name parameters                                       \
	{                                                          \
		REAL(name);                                        \
		return fails(kind, error) ? (type)-1 : real arguments; \
	}
/* Nobody takes the power away: a test that waited for the disk each time would take minutes. */
int fsync(int fd)
{
	(void)fd;
	return fails(CALLS_SYNC, EIO) ? -1 : 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return fails(CALLS_SYNC, EIO) ? -1 : 0;
}

int msync(void *address, size_t length, int flags)
{
	(void)address, (void)length, (void)flags;
	return fails(CALLS_SYNC, EIO) ? -1 : 0;
}

CALL(int, mkdir, CALLS_NAME, ENOSPC, (const char *path, mode_t mode), (path, mode))
CALL(int, link, CALLS_NAME, ENOSPC, (const char *from, const char *to), (from, to))
CALL(int, rename, CALLS_NAME, EIO, (const char *from, const char *to), (from, to))
CALL(int, renameat, CALLS_NAME, EIO, (int in, const char *from, int into, const char *to), (in, from, into, to))
CALL(int, ftruncate, CALLS_CUT, EIO, (int fd, off_t length), (fd, length))
CALL(int, connect, CALLS_CONNECT, ECONNREFUSED, (int fd, const struct sockaddr *to, socklen_t length), (fd, to, length))
CALL(int, socket, CALLS_SOCKET, EMFILE, (int family, int type, int protocol), (family, type, protocol))
CALL(int, memfd_create, CALLS_OPEN, EMFILE, (const char *name, unsigned flags), (name, flags))
CALL(int, poll, CALLS_POLL, ENOMEM, (struct pollfd *list, nfds_t count, int ms), (list, count, ms))
CALL(ssize_t, sendmsg, CALLS_SEND, EPIPE, (int fd, const struct msghdr *message, int flags), (fd, message, flags))

/* What became of a connection that was begun. */
int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	REAL(getsockopt);
	int code = real(fd, level, name, value, length);
	if (!code && level == SOL_SOCKET && name == SO_ERROR && fails(CALLS_CONNECT, ECONNREFUSED))
		memcpy(value, &errno, sizeof errno);
	return code;
}

static int is_stream(int fd)
{
	int type = 0;
	socklen_t length = sizeof type;
	return atomic_load(&kinds) && !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) && type == SOCK_STREAM;
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
	REAL(send);
	if (!is_stream(fd))
		return fails(CALLS_SEND, EPIPE) ? -1 : real(fd, data, length, flags);
	int how_far = fate(CALLS_SEND, 1);
	if (how_far == 1)
		errno = atomic_load(&other) > 0 ? atomic_load(&other) : EPIPE;
	return how_far == 1 ? -1 : real(fd, data, how_far ? (length + 1) / 2 : length, flags);
}

ssize_t recv(int fd, void *data, size_t room, int flags)
{
	REAL(recv);
	int how_far = fate(CALLS_RECEIVE, is_stream(fd)), error = atomic_load(&other);
	if (how_far == 1)
		errno = error > 0 ? error : ECONNRESET;
	return how_far == 1 ? (error == CALLS_END ? 0 : -1) : real(fd, data, how_far ? 1 : room, flags);
}

int posix_fallocate(int fd, off_t offset, off_t length)
{
	REAL(posix_fallocate);
	if (!fate(CALLS_ROOM, 0))
		return real(fd, offset, length);
	struct stat st;
	if (!fstat(fd, &st) && st.st_size < offset + length)
		real(fd, offset, length / 2);
	return ENOSPC;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	REAL(mmap);
	return (flags & MAP_SHARED) && fd >= 0 && fails(CALLS_MAP, ENOMEM) ? MAP_FAILED : real(address, length, protection, flags, fd, offset);
}

int calls_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

const char *calls_left(const char *folder)
{
	static char found[4096];
	char path[4096];
	const char *left = NULL;
	struct stat st;
	DIR *dir = opendir(folder);
	for (const struct dirent *entry; dir && !left && (entry = readdir(dir));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || (size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path)
			continue;
		if (entry->d_name[0] == '.' || strstr(entry->d_name, ".new"))
			left = memcpy(found, path, sizeof found);
		else if (!lstat(path, &st) && S_ISDIR(st.st_mode))
			left = calls_left(path);
	}
	if (dir)
		closedir(dir);
	return left;
}
