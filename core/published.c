#define _GNU_SOURCE /* O_PATH */
#include "published.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"

/* Whom the program runs as could change what it believes anyway. */
static int is_trusted(const struct published *folder, uid_t user)
{
	return user == folder->owner || user == 0 || user == geteuid();
}

/* last: what is in it counts, so that even in a sticky folder others may not leave anything. */
static int check_folder(const struct published *folder, int fd, int last, const char *part, int length, struct failure *failure)
{
	struct stat st;
	if (fstat(fd, &st))
		return failure_set(failure, EMA_UNAVAILABLE, "%.300s: %s", folder->path, strerror(errno));
	if (!is_trusted(folder, st.st_uid))
		return failure_set(failure, EMA_DENIED, "%.300s: not used, because the folder \"%.*s\" belongs to user %lu, who is neither root nor the one that "
		                   "publishes there (\"published_by\")", folder->path, length < 64 ? length : 64, part, (unsigned long)st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && (last || !(st.st_mode & S_ISVTX)))
		return failure_set(failure, EMA_DENIED, "%.300s: not used, because others than its owner can write to the folder \"%.*s\": chmod go-w", folder->path,
		                   length < 64 ? length : 64, part);
	return EMA_OK;
}

int published_open(const struct published *folder, struct failure *failure)
{
	const char *left = folder->path;
	char part[NAME_MAX + 1];
	int code = *left == '/' ? EMA_OK : failure_set(failure, EMA_DENIED, "%.300s: is no absolute path", left);
	int at = code ? -1 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return code ? -1 : (failure_set(failure, EMA_UNAVAILABLE, "/: %s", strerror(errno)), -1);
	code = check_folder(folder, at, 0, "/", 1, failure);
	while (!code && *(left += strspn(left, "/"))) {
		size_t length = strcspn(left, "/");
		int last = !left[length + strspn(left + length, "/")];
		if (length > NAME_MAX || (length == 2 && !memcmp(left, "..", 2))) {
			code = failure_set(failure, EMA_DENIED, "%.300s: write the path without \"..\"", folder->path);
			break;
		}
		memcpy(part, left, length);
		part[length] = 0;
		/* No links: who could change one would choose what is read. */
		int next = openat(at, part, (last ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0) {
			code = failure_set(failure, errno == ENOENT ? EMA_ABSENT : errno == ELOOP || errno == ENOTDIR ? EMA_DENIED : EMA_UNAVAILABLE,
			                   "%.300s: \"%.64s\" %s%s", folder->path, part, errno == ENOTDIR || errno == ELOOP ? "is a link, or no folder: name the path itself" :
			                   "cannot be opened: ", errno == ENOTDIR || errno == ELOOP ? "" : strerror(errno));
			break;
		}
		close(at);
		at = next;
		left += length;
		code = check_folder(folder, at, last, part, (int)length, failure);
	}
	if (!code)
		return at;
	close(at);
	return -1;
}

static char *read_whole(int fd, size_t size)
{
	char *text = malloc(size + 1);
	size_t at = 0;
	while (text && at < size) {
		ssize_t n = read(fd, text + at, size - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n ? errno : EIO; /* a file that is renamed into place does not become shorter */
			free(text);
			return NULL;
		}
		at += (size_t)n;
	}
	if (text)
		text[size] = 0;
	return text;
}

int published_stamp_take(struct published_stamp *stamp, const struct stat *st)
{
	const struct published_stamp is = { st->st_dev, st->st_ino, st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_size };
	int same = stamp->device == is.device && stamp->file == is.file && stamp->seconds == is.seconds && stamp->nanoseconds == is.nanoseconds &&
	           stamp->size == is.size;
	*stamp = is;
	return same;
}

int published_read(const struct published *folder, const char *name, size_t most, struct published_stamp *stamp, char **text, size_t *length,
                   struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	int at = published_open(folder, &why);
	if (at < 0)
		return failure_set(failure, why.code, "%s", why.text);
	int code = published_read_at(at, folder, name, most, stamp, text, length, failure);
	close(at);
	return code;
}

int published_read_at(int at, const struct published *folder, const char *name, size_t most, struct published_stamp *stamp, char **text, size_t *length,
                      struct failure *failure)
{
	struct published_stamp is = { 0 };
	struct stat st;
	int fd = -1, code = EMA_OK;
	if (stamp)
		is = *stamp;
	*text = NULL;
	fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	/* All of it of what was opened: a name can stand for something else by now. */
	if (fd < 0)
		code = failure_set(failure, errno == ENOENT ? EMA_ABSENT : errno == ELOOP ? EMA_DENIED : EMA_UNAVAILABLE, "%.300s/%.64s: %s",
		                   folder->path, name, errno == ELOOP ? "is a symbolic link" : strerror(errno));
	else if (fstat(fd, &st))
		code = failure_set(failure, EMA_UNAVAILABLE, "%.300s/%.64s: %s", folder->path, name, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		code = failure_set(failure, EMA_DENIED, "%.300s/%.64s: not used, because it is no regular file", folder->path, name);
	else if (!is_trusted(folder, st.st_uid) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		code = failure_set(failure, EMA_DENIED, "%.300s/%.64s: not used, because others than root and the user that publishes there (\"published_by\") "
		                   "could have written it", folder->path, name);
	else if (st.st_size < 0 || (uint64_t)st.st_size > most)
		code = failure_set(failure, EMA_TOO_LARGE, "%.300s/%.64s: not used, because it is larger than %zu bytes", folder->path, name, most);
	else if (!published_stamp_take(&is, &st) || !stamp) {
		*text = read_whole(fd, (size_t)st.st_size);
		if (!*text)
			code = failure_set(failure, errno == ENOMEM ? EMA_OUT_OF_MEMORY : EMA_UNAVAILABLE, "%.300s/%.64s: cannot be read: %s", folder->path, name,
			                   strerror(errno));
		*length = (size_t)st.st_size;
	}
	if (!code && stamp)
		*stamp = is;
	if (fd >= 0)
		close(fd);
	return code;
}

/* ---- Writing ---- */

/* Whatever the umask, it never has its name without its mode: who looks at it just then would be refused. */
static int make_folder(const char *path, struct failure *failure)
{
	char aside[PATH_MAX];
	size_t end = strlen(path);
	int fd = -1;
	while (end > 1 && path[end - 1] == '/')
		end--;
	errno = ENAMETOOLONG;
	int fits = snprintf(aside, sizeof aside, "%.*s.new", (int)end, path) < (int)sizeof aside;
	if (fits && (!mkdir(aside, 0755) || errno == EEXIST))
		fd = open(aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int moved = fd >= 0 && !fchmod(fd, 0755) && !rename(aside, path), made = moved || (fd >= 0 && (errno == EEXIST || errno == ENOTEMPTY));
	int code = made ? EMA_OK : failure_set(failure, EMA_CONFIG, "%.300s cannot be made: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (fits && !moved)
		rmdir(aside);
	return code;
}

int published_make(const char *path, struct failure *failure)
{
	const struct published folder = { path, geteuid() };
	struct failure why = FAILURE_INIT;
	int fd = published_open(&folder, &why);
	/* One that the operator made keeps its mode. */
	if (fd >= 0 || why.code != EMA_ABSENT)
		return fd >= 0 ? fd : (failure_set(failure, why.code, "%s", why.text), -1);
	return make_folder(path, failure) == EMA_OK ? published_open(&folder, failure) : -1;
}

/* Of some file systems' folders that is no call: only what says that the disk did not take it counts. 0 or -1. */
static int sync_folder(int folder)
{
	return fsync(folder) && (errno == EIO || errno == ENOSPC || errno == EDQUOT) ? -1 : 0;
}

/* A folder that was made is lost with the power, and all in it, until the one above is on the disk. */
static int sync_above(int folder)
{
	int above = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), was;
	const int done = above >= 0 && !sync_folder(above);
	was = errno;
	if (above >= 0)
		close(above);
	errno = was;
	return done ? 0 : -1;
}

int published_private(const char *path, struct failure *failure)
{
	struct stat st;
	const int made = !mkdir(path, 0700), fd = made || errno == EEXIST ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd < 0 || fstat(fd, &st) || (made && sync_above(fd))) {
		failure_set(failure, EMA_CONFIG, "%.300s cannot be %s: %s", path, made ? "made" : "used", strerror(errno));
		if (made)
			rmdir(path);
	} else if (st.st_uid != geteuid() || (st.st_mode & 077)) {
		failure_set(failure, EMA_CONFIG, "%.250s must be a folder of the user that emad runs as, and of mode 0700: it is of user %lu and of mode %04o", path,
		            (unsigned long)st.st_uid, (unsigned)(st.st_mode & 07777));
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

int published_write(int folder, const char *name, const char *text, size_t length, int durable, struct failure *failure)
{
	char aside[NAME_MAX + 1];
	int code = EMA_OK;
	if (snprintf(aside, sizeof aside, "%s.new", name) >= (int)sizeof aside)
		return failure_set(failure, EMA_CONFIG, "%.100s: is too long a name", name);
	unlinkat(folder, aside, 0);
	int fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || descriptor_write(fd, text, length) || fchmod(fd, 0644) || (durable && fsync(fd)) || renameat(folder, aside, folder, name)) {
		code = failure_set(failure, EMA_UNAVAILABLE, "%.100s cannot be written: %s", name, strerror(errno));
		unlinkat(folder, aside, 0);
	} else if (durable && sync_folder(folder)) {
		code = failure_set(failure, EMA_UNAVAILABLE, "%.100s is written, but may not outlive the power: %s", name, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return code;
}
