/* JSON lines, whole records only, also where several processes write one file. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TAIL (16 * 1024 * 1024) /* of an existing file that is looked through for what was written before a crash */
#define RECENT 32768 /* records that are known by their id */
#define ID 36
#define KEPT (1024 * 1024) /* bytes of lines that are not synced: more are synced before the host asks */
#define LOCK_US 2000000 /* for which the lock is waited for */
#define LOCK_STEP_US 10000
#define LOCK_TRIES 5 /* files that are renamed while their lock is waited for */
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
	char *lock_path;
	const char *format;
	int fd, lock, sync, failing;
	unsigned dirty; /* records that came since it was flushed last */
	dev_t device;
	ino_t inode;
	off_t size;     /* of the file when we had its lock last */
	char *kept;     /* the lines since the last good sync: a disk that fails one may have dropped what it took */
	size_t kept_length, kept_room;
	int lost;       /* that happened: they are to be written again */
	off_t from;     /* where they begin in the file; -1: they are not the end of it */
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

/* The whole ones. */
static void remember_lines(ema_instance *self, const char *text, size_t length)
{
	const char *stop = text + length;
	for (const char *line = text, *end; line < stop && (end = memchr(line, '\n', (size_t)(stop - line))); line = end + 1)
		remember_line(self, line, end);
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

/* Under the lock, if somebody else wrote. What a killed process or a full disk left without its end is cut off. 0 or -1. */
static int cut_remnant(ema_instance *self)
{
	char part[4096];
	struct stat is;
	if (fstat(self->fd, &is))
		return -1;
	if (is.st_size == self->size)
		return 0;
	off_t end = is.st_size;
	for (const char *last = NULL; end > 0 && !last;) {
		size_t length = end > (off_t)sizeof part ? sizeof part : (size_t)end;
		errno = 0;
		if (is.st_size - end >= TAIL || read_at(self->fd, part, length, end - (off_t)length))
			return -1; /* no line ends within the tail: not a file of ours */
		last = memrchr(part, '\n', length);
		end -= last ? part + length - 1 - last : (off_t)length;
	}
	if (end < is.st_size && ftruncate(self->fd, end))
		return -1;
	if (end < is.st_size)
		say(self, EMA_LOG_WARNING, "a record without its end was cut off", 0);
	self->size = end;
	return 0;
}

/* What the file says of where each writer stopped. */
static int read_tail(ema_instance *self)
{
	off_t from = self->size > TAIL ? self->size - TAIL : 0;
	size_t length = (size_t)(self->size - from);
	if (!length)
		return 0;
	char *tail = malloc(length);
	int result = tail ? read_at(self->fd, tail, length, from) : -1;
	if (!result)
		remember_lines(self, tail, length);
	free(tail);
	return result;
}

/* What the process before a crash wrote is relied on only if it is on the disk: else it is written twice rather than lost. */
static int is_synced(ema_instance *self, int fd)
{
	if (self->sync == FSYNC_NEVER || !fdatasync(fd))
		return 1;
	failed(self, "what is there cannot be synced, and is written again if it comes again", errno);
	return 0;
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
	if (!tail || read_at(fd, tail, length, from) || !is_synced(self, fd))
		goto done;
	remember_lines(self, tail, length);
done:
	free(tail);
	if (fd >= 0)
		close(fd);
	globfree(&found);
	return lost ? -1 : 0;
}

/*
 * Others write to the file too, and who cuts it must know that nothing came meanwhile. The lock is a file beside it, which only their
 * user can open: by one on the file itself whoever may read it could stop them. Its holder may hang or be stopped, so it is not waited
 * for for ever. 0; 1: it was waited for; -1.
 */
static int take_lock(const ema_instance *self)
{
	for (long step = 50, waited = 0;; waited += step, step = step < LOCK_STEP_US ? step * 2 : step) {
		const struct timespec pause = { 0, step * 1000 };
		if (!flock(self->lock, LOCK_EX | LOCK_NB))
			return waited > 0;
		if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= LOCK_US)
			return -1;
		nanosleep(&pause, NULL);
	}
}

/* In so many words: a child that was forked meanwhile has the descriptor too, and would keep it. */
static void give_lock(const ema_instance *self)
{
	flock(self->lock, LOCK_UN);
}

/* Under the lock. What is kept is taken out of the file again, if nobody wrote behind it. */
static void cut_kept(ema_instance *self)
{
	struct stat is;
	if (self->from < 0 || fstat(self->fd, &is) || is.st_size != self->from + (off_t)self->kept_length || ftruncate(self->fd, self->from))
		return;
	self->size = self->from;
	self->from = -1;
}

/* The system may call what it dropped clean and the next sync good. They are cut off: the next process would rely on them. */
static int sync_file(ema_instance *self)
{
	if (self->sync == FSYNC_NEVER || !fdatasync(self->fd)) {
		self->kept_length = 0;
		self->dirty = 0;
		return EMA_OK;
	}
	int error = errno;
	self->lost = 1;
	if (take_lock(self) >= 0) {
		cut_kept(self);
		give_lock(self);
	}
	return failed(self, "cannot be synced, and what it took since the last time is written again", error);
}

static void close_file(ema_instance *self)
{
	if (self->fd >= 0 && self->dirty && !self->lost)
		sync_file(self);
	if (self->lock >= 0) {
		give_lock(self);
		close(self->lock);
	}
	if (self->fd >= 0)
		close(self->fd);
	self->fd = self->lock = -1;
}

/* Closes it. */
static int refuse_file(ema_instance *self, const char *what, int error)
{
	close_file(self);
	return failed(self, what, error);
}

/* Its owner is the file's: a tool that root runs keeps nobody out. */
static int open_lock(ema_instance *self, uid_t owner)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat is;
	self->lock = open(self->lock_path, flags | O_CREAT | O_EXCL, 0600);
	int made = self->lock >= 0;
	if (!made && errno == EEXIST)
		self->lock = open(self->lock_path, flags);
	if (self->lock < 0 || fstat(self->lock, &is) || (made && is.st_uid != owner && fchown(self->lock, owner, (gid_t)-1)))
		return refuse_file(self, "its lock, of the same name with -lock at the end, cannot be opened", errno);
	if (!made && is.st_uid != owner)
		return refuse_file(self, "its lock, of the same name with -lock at the end, is another user's: remove it", 0);
	return EMA_OK;
}

static int open_file(ema_instance *self)
{
	struct stat is;
	self->fd = open(self->path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
	if (self->fd < 0)
		return failed(self, "cannot be opened", errno);
	if (fstat(self->fd, &is) || !S_ISREG(is.st_mode))
		return refuse_file(self, "is no plain file", 0);
	if (is.st_mode & 027)
		return refuse_file(self, "others can read or write it: chmod 0640", 0);
	if (is.st_dev != self->device || is.st_ino != self->inode)
		self->from = -1;
	self->device = is.st_dev;
	self->inode = is.st_ino;
	self->size = 0;
	return open_lock(self, is.st_uid);
}

static int is_at(const char *path, int fd)
{
	struct stat is, open;
	return !lstat(path, &is) && !fstat(fd, &open) && is.st_dev == open.st_dev && is.st_ino == open.st_ino;
}

/* Neither was renamed or removed under us. */
static int still_there(const ema_instance *self)
{
	return is_at(self->path, self->fd) && is_at(self->lock_path, self->lock);
}

/* Under the lock; what cannot be written in whole is not written. */
static int append(ema_instance *self, const char *bytes, size_t length)
{
	ssize_t n = write(self->fd, bytes, length);
	if (n == (ssize_t)length) {
		self->size += n;
		return EMA_OK;
	}
	int error = n < 0 ? errno : ENOSPC;
	if (n > 0 && ftruncate(self->fd, self->size))
		self->size = -1; /* whoever has the lock next cuts it off */
	return failed(self, "cannot be written", error);
}

/* Under the lock. Where others wrote behind them, the lines are in the file twice, rather than lost. */
static int write_again(ema_instance *self)
{
	cut_kept(self);
	off_t from = self->size;
	int code = append(self, self->kept, self->kept_length);
	if (code != EMA_OK)
		return code;
	remember_lines(self, self->kept, self->kept_length); /* the file, when it was opened anew, did not know them */
	self->from = from;
	self->lost = 0;
	return EMA_OK;
}

/*
 * Has the lock of the file that the path names, with whole records in it and what was lost written again. When it is renamed or removed we
 * go on in a new one. Records come in crowds: not for each of them is that looked for, but where none is taken, taking the file away may be
 * what somebody did about it.
 */
static int lock_file(ema_instance *self)
{
	if (self->fd >= 0 && (self->failing || self->dirty % LOOK_RECORDS == 0) && !still_there(self))
		close_file(self);
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		int fresh = self->fd < 0, code = fresh ? open_file(self) : EMA_OK;
		if (code != EMA_OK)
			return code;
		int rely = fresh && is_synced(self, self->fd); /* not under the lock: it may take its time */
		int waited = take_lock(self);
		if (waited < 0 && errno == EWOULDBLOCK)
			return refuse_file(self, "another process keeps its lock, of the same name with -lock at the end: lslocks names it", 0);
		if (waited < 0)
			return refuse_file(self, "cannot be locked, and must be where the file system has locks", errno);
		if ((fresh || waited) && !still_there(self)) {
			close_file(self);
			continue;
		}
		if (fresh && !self->seen_count && remember_rotated(self))
			return refuse_file(self, "cannot be opened: no memory for the end of the file that was rotated", 0);
		if (cut_remnant(self) || (rely && read_tail(self)))
			return refuse_file(self, "cannot be read, or its last lines are not audit records", errno);
		if (self->lost && (code = write_again(self)) != EMA_OK)
			give_lock(self);
		return code;
	}
	return failed(self, "it or its lock is put away again and again", 0);
}

/* A line with its end: room for it comes first, so that whatever is written can be written again. NULL: no memory. */
static const char *keep(ema_instance *self, const char *line, size_t length)
{
	size_t need = self->kept_length + length + 1;
	if (need > self->kept_room) {
		size_t room = need > self->kept_room * 2 ? need : self->kept_room * 2;
		char *more = realloc(self->kept, room);
		if (!more)
			return NULL;
		self->kept = more;
		self->kept_room = room;
	}
	char *at = self->kept + self->kept_length;
	memcpy(at, line, length);
	at[length] = '\n';
	return at;
}

static int file_flush(ema_instance *self, int64_t milliseconds)
{
	(void)milliseconds;
	if (self->lost) {
		int code = lock_file(self);
		if (code != EMA_OK)
			return code;
		give_lock(self);
	}
	return self->dirty ? sync_file(self) : EMA_OK;
}

static int write_record(ema_instance *self, const char *line, size_t length)
{
	const char *bytes = keep(self, line, length);
	off_t from = self->kept_length ? self->from : self->size;
	int code = bytes ? append(self, bytes, length + 1) : EMA_OUT_OF_MEMORY;
	if (code != EMA_OK)
		return code;
	self->from = from;
	self->kept_length += self->sync == FSYNC_NEVER ? 0 : length + 1;
	return EMA_OK;
}

static int file_record(ema_instance *self, const ema_event *event)
{
	size_t length = 0;
	const char *line = self->host->event_render(event, self->format, &length);
	const char *writer = self->host->event_field(event, "writer"), *text = self->host->event_field(event, "seq");
	const char *id = self->host->event_field(event, "id");
	uint64_t number = text ? strtoull(text, NULL, 10) : 0;
	if (!line)
		return EMA_OUT_OF_MEMORY;
	int code = self->kept_length + length >= KEPT ? file_flush(self, 0) : EMA_OK;
	if (code == EMA_OK)
		code = lock_file(self);
	if (code != EMA_OK)
		return code;
	int known = writer && id && came_before(self, writer, number, id);
	if (!known)
		code = write_record(self, line, length);
	give_lock(self);
	if (code != EMA_OK)
		return code;
	self->dirty++;
	if (!known && writer && id)
		remember(self, writer, number, id);
	if (self->sync == FSYNC_ALWAYS && (code = file_flush(self, 0)) != EMA_OK)
		return code; /* it comes again, and is then known */
	if (self->failing)
		say(self, EMA_LOG_WARNING, "can be written again", 0);
	self->failing = 0;
	return EMA_OK;
}

static int file_reopen(ema_instance *self)
{
	close_file(self);
	int code = lock_file(self);
	if (code == EMA_OK)
		give_lock(self);
	return code;
}

static void file_close(ema_instance *self)
{
	file_flush(self, 0);
	close_file(self);
	free(self->kept);
	free(self->lock_path);
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
	if (!self || asprintf(&self->lock_path, "%s-lock", path) < 0) {
		free(self);
		return EMA_OUT_OF_MEMORY;
	}
	self->format = format;
	self->host = host;
	self->handle = handle;
	self->path = path;
	self->fd = self->lock = -1;
	self->sync = -1;
	for (int i = 0; i < (int)(sizeof policies / sizeof *policies); i++)
		if (!strcmp(sync, policies[i]))
			self->sync = i;
	if (self->sync < 0) {
		free(self->lock_path);
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
