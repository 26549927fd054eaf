/* JSON lines, whole records only. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TAIL (16 * 1024 * 1024) /* of an existing file that is looked through for what was written before a crash */
#define RECENT 32768 /* records that are known by their id */
#define ID 36
#define LOOK_RECORDS 16 /* of those between two flushes, each so many-th looks whether the file is still there */
#define WRITERS 64
#define WRITER 128

enum { FSYNC_BATCH, FSYNC_ALWAYS, FSYNC_NEVER };

/* The last record of a writer that is in the file; only a number up to it can have come before. */
struct seen {
	char writer[WRITER];
	uint64_t number;
};

struct ema_instance {
	const struct ema_host *host;
	const ema_handle *handle;
	const char *path;
	const char *format;
	int fd, sync, failing;
	unsigned dirty; /* records that came since it was flushed last */
	dev_t device;
	ino_t inode;
	struct seen seen[WRITERS];
	size_t seen_count, seen_next;
	uint64_t recent[RECENT];
	size_t recent_next;
};

static void say(const ema_instance *self, int level, const char *what, int error)
{
	char text[512];
	snprintf(text, sizeof text, "%s: %s%s%s", self->path, what, error ? ": " : "", error ? strerror(error) : "");
	self->host->log(self->handle, level, text);
}

/* Once, until it works again: a full disk must not fill the log too. */
static int failed(ema_instance *self, const char *what, int error)
{
	if (!self->failing)
		say(self, EMA_LOG_ERROR, what, error);
	self->failing = 1;
	return EMA_UNAVAILABLE;
}

static struct seen *seen_of(ema_instance *self, const char *writer)
{
	for (size_t i = 0; i < self->seen_count; i++)
		if (!strcmp(self->seen[i].writer, writer))
			return &self->seen[i];
	return NULL;
}

static uint64_t id_of(const char *id)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < ID && id[i]; i++)
		hash = (hash ^ (unsigned char)id[i]) * UINT64_C(1099511628211);
	return hash;
}

/* A record that the process before a crash wrote, and that the spool gives again. By its id: a new chain begins at 1 too. */
static int came_before(ema_instance *self, const char *writer, uint64_t number, const char *id)
{
	const struct seen *seen = seen_of(self, writer);
	uint64_t hash = id_of(id);
	if (!seen || number > seen->number)
		return 0;
	for (size_t i = 0; i < RECENT; i++)
		if (self->recent[i] == hash)
			return 1;
	return 0;
}

static void remember(ema_instance *self, const char *writer, uint64_t number, const char *id)
{
	struct seen *seen = seen_of(self, writer);
	if (strlen(writer) >= WRITER)
		return;
	if (!seen) {
		if (self->seen_count < WRITERS) {
			seen = &self->seen[self->seen_count++];
		} else { /* the oldest gives way: its records could come twice, which their numbers show */
			seen = &self->seen[self->seen_next];
			self->seen_next = (self->seen_next + 1) % WRITERS;
		}
		snprintf(seen->writer, sizeof seen->writer, "%s", writer);
	}
	seen->number = number;
	self->recent[self->recent_next] = id_of(id);
	self->recent_next = (self->recent_next + 1) % RECENT;
}

/* What follows "name": in a line. A quote within a string is escaped, so that only a member can look like this. */
static const char *value_in(const char *line, const char *end, const char *name)
{
	const char *at = memmem(line, (size_t)(end - line), name, strlen(name));
	return at ? at + strlen(name) : NULL;
}

static void remember_line(ema_instance *self, const char *line, const char *end)
{
	char writer[WRITER];
	const char *id = value_in(line, end, "\"id\":\""), *seq = value_in(line, end, "\"seq\":"), *at = value_in(line, end, "\"writer\":\"");
	const char *stop = at ? memchr(at, '"', (size_t)(end - at)) : NULL;
	if (!id || !seq || !stop || end - id <= ID || id[ID] != '"' || (size_t)(stop - at) >= sizeof writer)
		return;
	memcpy(writer, at, (size_t)(stop - at)); /* its name needs no escape */
	writer[stop - at] = 0;
	uint64_t number = 0;
	for (; seq < end && *seq >= '0' && *seq <= '9' && number < UINT64_MAX / 10 - 10; seq++)
		number = number * 10 + (uint64_t)(*seq - '0');
	if (number)
		remember(self, writer, number, id);
}

/* A whole read of so many bytes. 0 or -1. */
static int read_at(int fd, char *to, size_t length, off_t from)
{
	for (size_t have = 0; have < length;) {
		ssize_t n = pread(fd, to + have, length - have, from + (off_t)have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		have += (size_t)n;
	}
	return 0;
}

/* What a killed process or a full disk left without its end is cut off; the rest says where each writer stopped. */
static int read_tail(ema_instance *self, off_t size)
{
	off_t from = size > TAIL ? size - TAIL : 0;
	size_t length = (size_t)(size - from);
	if (!length)
		return 0;
	char *tail = malloc(length);
	int result = -1;
	if (!tail)
		return -1;
	if (read_at(self->fd, tail, length, from))
		goto done;
	const char *last = memrchr(tail, '\n', length);
	size_t whole = last ? (size_t)(last - tail) + 1 : 0;
	if (!whole && from)
		goto done; /* no line ends within the tail: not a file of ours */
	if (whole < length) {
		say(self, EMA_LOG_WARNING, "a record without its end was cut off", 0);
		if (ftruncate(self->fd, from + (off_t)whole))
			goto done;
	}
	for (const char *line = tail, *end; (size_t)(line - tail) < whole && (end = memchr(line, '\n', whole - (size_t)(line - tail))); line = end + 1)
		remember_line(self, line, end);
	result = 0;
done:
	free(tail);
	return result;
}

/* Killed after the file was rotated and before the spool knew: what comes again is in the file that was rotated last. -1: no memory. */
static int remember_rotated(ema_instance *self)
{
	char pattern[4096], *tail = NULL;
	struct stat is, newest = { .st_size = 0 };
	const char *name = NULL;
	glob_t found = { .gl_pathc = 0 };
	size_t n = 0;
	int fd = -1, lost = 0;
	for (const char *c = self->path; *c && n + 5 < sizeof pattern; c++) {
		if (strchr("*?[\\", *c))
			pattern[n++] = '\\';
		pattern[n++] = *c;
	}
	memcpy(pattern + n, ".*", 3);
	lost = glob(pattern, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE;
	if (!lost)
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (!lstat(found.gl_pathv[i], &is) && S_ISREG(is.st_mode) && (!name || is.st_mtim.tv_sec > newest.st_mtim.tv_sec ||
			    (is.st_mtim.tv_sec == newest.st_mtim.tv_sec && is.st_mtim.tv_nsec > newest.st_mtim.tv_nsec))) {
				name = found.gl_pathv[i];
				newest = is;
			}
	if (!name || (fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) < 0 || fstat(fd, &is) || !S_ISREG(is.st_mode))
		goto done;
	off_t from = is.st_size > TAIL ? is.st_size - TAIL : 0;
	size_t length = (size_t)(is.st_size - from);
	lost = length && !(tail = malloc(length));
	if (!tail || read_at(fd, tail, length, from))
		goto done;
	for (const char *line = tail, *end; (end = memchr(line, '\n', length - (size_t)(line - tail))); line = end + 1)
		remember_line(self, line, end);
done:
	free(tail);
	if (fd >= 0)
		close(fd);
	globfree(&found);
	return lost ? -1 : 0;
}

static void close_file(ema_instance *self)
{
	if (self->fd >= 0) {
		if (self->dirty && self->sync != FSYNC_NEVER && fdatasync(self->fd))
			say(self, EMA_LOG_ERROR, "could not be synced before it was closed", errno);
		close(self->fd);
	}
	self->fd = -1;
	self->dirty = 0;
}

static int open_file(ema_instance *self)
{
	struct stat is;
	int fd = open(self->path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
	if (fd < 0)
		return failed(self, "cannot be opened", errno);
	self->fd = fd;
	if (fstat(fd, &is) || !S_ISREG(is.st_mode)) {
		close_file(self);
		return failed(self, "is no plain file", 0);
	}
	if (is.st_mode & 027) {
		close_file(self);
		return failed(self, "others can read or write it: chmod 0640", 0);
	}
	if (!self->seen_count && remember_rotated(self)) {
		close_file(self);
		return failed(self, "cannot be opened: no memory for the end of the file that was rotated", 0);
	}
	if (read_tail(self, is.st_size)) {
		int error = errno;
		close_file(self);
		return failed(self, "cannot be read, or its last lines are not audit records", error);
	}
	self->device = is.st_dev;
	self->inode = is.st_ino;
	return EMA_OK;
}

/*
 * The file was renamed or removed under us: go on in the one that its path names. Records come in crowds: not for each of them, but
 * where none is taken, taking the file away may be what somebody did about it.
 */
static int still_there(ema_instance *self)
{
	struct stat is;
	const int looks = self->failing || self->dirty % LOOK_RECORDS == 0;
	if (self->fd >= 0 && looks && (lstat(self->path, &is) || is.st_dev != self->device || is.st_ino != self->inode))
		close_file(self);
	return self->fd >= 0 ? EMA_OK : open_file(self);
}

static int write_whole(ema_instance *self, const char *line, size_t length)
{
	char newline = '\n';
	struct iovec parts[2] = { { (void *)(uintptr_t)line, length }, { &newline, 1 } };
	struct stat is;
	ssize_t n = writev(self->fd, parts, 2);
	if (n == (ssize_t)length + 1)
		return EMA_OK;
	int error = n < 0 ? errno : ENOSPC;
	if (n > 0 && (fstat(self->fd, &is) || ftruncate(self->fd, is.st_size - n)))
		close_file(self); /* cut off when it is opened again */
	return failed(self, "cannot be written", error);
}

static int file_record(ema_instance *self, const ema_event *event)
{
	size_t length = 0;
	const char *line = self->host->event_render(event, self->format, &length);
	const char *writer = self->host->event_field(event, "writer"), *text = self->host->event_field(event, "seq");
	uint64_t number = text ? strtoull(text, NULL, 10) : 0;
	if (!line)
		return EMA_OUT_OF_MEMORY;
	int code = still_there(self);
	if (code != EMA_OK)
		return code;
	const char *id = self->host->event_field(event, "id");
	if (writer && id && came_before(self, writer, number, id))
		return EMA_OK;
	if ((code = write_whole(self, line, length)) != EMA_OK)
		return code;
	self->dirty++;
	if (writer && id)
		remember(self, writer, number, id);
	if (self->sync == FSYNC_ALWAYS && fdatasync(self->fd))
		return failed(self, "cannot be synced", errno); /* it comes again, and is then known */
	if (self->sync == FSYNC_ALWAYS)
		self->dirty = 0;
	if (self->failing)
		say(self, EMA_LOG_WARNING, "can be written again", 0);
	self->failing = 0;
	return EMA_OK;
}

static int file_flush(ema_instance *self, int64_t milliseconds)
{
	(void)milliseconds;
	if (self->fd < 0 || !self->dirty)
		return EMA_OK;
	if (self->sync != FSYNC_NEVER && fdatasync(self->fd))
		return failed(self, "cannot be synced", errno);
	self->dirty = 0;
	return EMA_OK;
}

static int file_reopen(ema_instance *self)
{
	close_file(self);
	return open_file(self);
}

static void file_close(ema_instance *self)
{
	close_file(self);
	free(self);
}

/* Whoever sets this up should know of a folder that is not there before the first decision does. */
static void warn_of_folder(const ema_instance *self)
{
	char folder[4096];
	struct stat is;
	const char *slash = strrchr(self->path, '/'); /* the host made the path absolute */
	int length = slash && slash > self->path ? (int)(slash - self->path) : 1;
	if ((size_t)snprintf(folder, sizeof folder, "%.*s", length, self->path) < sizeof folder && stat(folder, &is) && (errno == ENOENT || errno == ENOTDIR))
		say(self, EMA_LOG_WARNING, "there is no such folder: until there is, records wait, and decisions as on_failure says", 0);
}

static int file_open(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	static const char *const policies[] = { [FSYNC_BATCH] = "batch", [FSYNC_ALWAYS] = "always", [FSYNC_NEVER] = "never" };
	const char *path = NULL, *sync = "batch", *format = "ema";
	int code = host->conf_path(conf, "path", &path);
	if (code == EMA_OK)
		code = host->conf_string(conf, "fsync", &sync);
	if (code == EMA_OK)
		code = host->conf_string(conf, "format", &format);
	if (code != EMA_OK)
		return code;
	if (!path)
		return host->conf_fail(conf, "path", "where do the records go? path = \"/var/log/ema/audit.jsonl\";");
	if (strcmp(format, "ema") && strcmp(format, "ocsf"))
		return host->conf_fail(conf, "format", "format is \"ema\" (the record) or \"ocsf\" (OCSF 1.8.0)");
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->format = format;
	self->host = host;
	self->handle = handle;
	self->path = path;
	self->fd = -1;
	self->sync = -1;
	for (int i = 0; i < (int)(sizeof policies / sizeof *policies); i++)
		if (!strcmp(sync, policies[i]))
			self->sync = i;
	if (self->sync < 0) {
		free(self);
		return host->conf_fail(conf, "fsync", "fsync is \"always\", \"batch\" or \"never\"");
	}
	/* A full or missing disk is a state, no error of the configuration: the first record opens the file. */
	warn_of_folder(self);
	*out = self;
	return EMA_OK;
}

const struct ema_audit_ops file_audit = {
	.size = sizeof(struct ema_audit_ops),
	.open = file_open,
	.close = file_close,
	.record = file_record,
	.flush = file_flush,
	.reopen = file_reopen,
};
