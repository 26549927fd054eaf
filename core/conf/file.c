#define _GNU_SOURCE /* O_PATH, strerrordesc_np */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret.h"

#define FILE_LINKS_MOST 40

struct file_walk {
	const struct file_trust *trust;
	const char *path;  /* as asked for */
	const char *file;  /* where it is named */
	int line;
	struct findings *findings;
};

static int file_fail(const struct file_walk *walk, int error)
{
	if (error == EACCES && walk->trust->reader == READER_MAY_BE_ANOTHER) {
		finding_add(walk->findings, "N-UNSEEN", walk->file, walk->line,
			    "not looked at: %s, which this user may not read; `emad -t`, as emad's user, does", walk->path);
		return -1;
	}
	finding_add(walk->findings, "E-FILE", walk->file, walk->line, "%s cannot be read: %s", walk->path,
		    error == ENOENT ? "there is no such file" : strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error");
	return -1;
}

/* what: for messages. Sticky folders may be written by anybody: only the owner of an entry, who is checked too, can replace it. */
static int file_check(const struct file_walk *walk, const struct stat *status, const char *what, int secret)
{
	int sticky = S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX);
	if (status->st_uid != 0 && status->st_uid != geteuid() &&
	    !(walk->trust->has_owner && status->st_uid == walk->trust->owner)) {
		if (walk->trust->reader == READER_MAY_BE_ANOTHER) {
			finding_add(walk->findings, "N-UNSEEN", walk->file, walk->line,
				    "not looked at: %s: %s belongs to user %lu, which must be emad's; `emad -t`, as emad's user, looks", walk->path, what,
				    (unsigned long)status->st_uid);
			return -1;
		}
		finding_add(walk->findings, "E-PERMS", walk->file, walk->line,
			    "%s: %s belongs to user %lu, who could change it: chown it to root, or name its user in \"owner\"", walk->path, what,
			    (unsigned long)status->st_uid);
		return -1;
	}
	if (!S_ISLNK(status->st_mode) && !sticky && (status->st_mode & (S_IWGRP | S_IWOTH))) {
		finding_add(walk->findings, "E-PERMS", walk->file, walk->line, "%s: %s is writable by %s (mode %04o): chmod go-w",
			    walk->path, what, status->st_mode & S_IWOTH ? "everybody" : "its group", (unsigned)(status->st_mode & 07777));
		return -1;
	}
	/* systemd shows a credential's access list as a mode of group root. */
	mode_t readers = status->st_gid == 0 ? S_IRWXO | S_IWGRP | S_IXGRP : S_IRWXO | S_IRWXG;
	if (secret && (status->st_mode & readers)) {
		finding_add(walk->findings, "E-PERMS", walk->file, walk->line,
			    "%s is a secret that others may read (mode %04o): chmod 0600", walk->path, (unsigned)(status->st_mode & 07777));
		return -1;
	}
	return 0;
}

int file_open(const struct file_trust *trust, const char *path, int secret, int folder, const char *file, int line,
              struct findings *findings)
{
	struct file_walk walk = { trust, path, file, line, findings };
	char rest[PATH_MAX], fresh[PATH_MAX], link[PATH_MAX], name[NAME_MAX + 1];
	const char *left = rest; /* of the path */
	struct stat status, opened;
	int links = 0, result = -1, next = -1;
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0 || fstat(at, &status)) {
		file_fail(&walk, errno);
		goto end;
	}
	if (strlen(path) >= sizeof rest) {
		file_fail(&walk, ENAMETOOLONG);
		goto end;
	}
	memcpy(rest, path, strlen(path) + 1);
	if (file_check(&walk, &status, "the folder /", 0))
		goto end;
	for (;;) {
		const char *begin = left + strspn(left, "/");
		size_t length = strcspn(begin, "/");
		int last = !begin[length + strspn(begin + length, "/")];
		if (length > NAME_MAX) {
			file_fail(&walk, ENAMETOOLONG);
			goto end;
		}
		memcpy(name, length ? begin : ".", length ? length : 1);
		name[length ? length : 1] = 0;
		left = begin + length;
		if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW)) {
			file_fail(&walk, errno);
			goto end;
		}
		char what[NAME_MAX + 32];
		snprintf(what, sizeof what, "%s%s", S_ISLNK(status.st_mode) ? "the link " : S_ISDIR(status.st_mode) ? "the folder " : "",
			 last && S_ISREG(status.st_mode) ? "it" : name);
		if (file_check(&walk, &status, what, secret && last && S_ISREG(status.st_mode)))
			goto end;
		if (S_ISLNK(status.st_mode)) {
			ssize_t size = readlinkat(at, name, link, sizeof link);
			if (size <= 0 || ++links > FILE_LINKS_MOST || (size_t)size + strlen(left) >= sizeof fresh) {
				file_fail(&walk, size < 0 ? errno : ELOOP);
				goto end;
			}
			snprintf(fresh, sizeof fresh, "%.*s%s", (int)size, link, left);
			memcpy(rest, fresh, strlen(fresh) + 1);
			left = rest;
			if (link[0] == '/') {
				next = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
				if (next < 0) {
					file_fail(&walk, errno);
					goto end;
				}
				close(at);
				at = next;
			}
			continue;
		}
		/* A device or pipe is never opened: that alone can do something. */
		if (last ? !(folder ? S_ISDIR(status.st_mode) : S_ISREG(status.st_mode)) : !S_ISDIR(status.st_mode)) {
			finding_add(findings, "E-FILE", file, line, "%s is not %s", path,
				    last && !folder ? "a regular file" : "a folder");
			goto end;
		}
		next = openat(at, name, (last ? O_RDONLY | O_NONBLOCK : O_PATH) | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
		if (next < 0 || fstat(next, &opened)) {
			file_fail(&walk, errno);
			goto end;
		}
		if (opened.st_dev != status.st_dev || opened.st_ino != status.st_ino) {
			file_fail(&walk, EAGAIN);
			goto end;
		}
		if (file_check(&walk, &opened, what, secret && last))
			goto end;
		close(at);
		at = next;
		next = -1;
		if (last)
			break;
	}
	result = at;
	at = -1;
end:
	if (next >= 0 && next != at)
		close(next);
	if (at >= 0)
		close(at);
	return result;
}

char *file_read(const struct file_trust *trust, const char *path, size_t most, int secret, const char *file, int line,
                size_t *length, struct findings *findings)
{
	struct file_walk walk = { trust, path, file, line, findings };
	int fd = file_open(trust, path, secret, 0, file, line, findings);
	if (fd < 0)
		return NULL;
	char *text = NULL, *result = NULL;
	size_t used = 0, room = 0;
	for (;;) {
		if (used + 1 >= room) {
			size_t more = room ? room * 2 : 8192;
			more = more > most + 2 ? most + 2 : more;
			char *bigger = more > room ? malloc(more) : NULL;
			if (!bigger) {
				file_fail(&walk, ENOMEM);
				findings->out_of_memory = 1;
				goto end;
			}
			if (text) {
				memcpy(bigger, text, used);
				secret_wipe(text, room);
				free(text);
			}
			text = bigger;
			room = more;
		}
		ssize_t got = read(fd, text + used, room - used - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			file_fail(&walk, errno);
			goto end;
		}
		if (!got)
			break;
		used += (size_t)got;
		if (used > most) {
			finding_add(findings, "E-SIZE", file, line, "%s is larger than %zu bytes, the most that is read", path, most);
			goto end;
		}
	}
	text[used] = 0;
	*length = used;
	result = text;
	text = NULL;
end:
	if (text) {
		secret_wipe(text, room);
		free(text);
	}
	close(fd);
	return result;
}
