#include "keyfolder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "descriptor.h"
#include "secret.h"

#define KEY_FILE_MOST 16384
#define KID_LENGTH 43
#define LOCK_NAME "lock"
#define LOCK_STEP_NS 20000000L
#define NAME_START "key-"
#define NAME_END ".jwk"
#define NEW_START ".new-"
#define ENTRIES_MOST 4096 /* of the folder: who put more there must put up with a message */

/* ---- Keys ---- */

struct signing_key *signing_key_new(struct jwk *jwk, int64_t published, int64_t signs_from, int alone)
{
	struct signing_key *key = calloc(1, sizeof *key);
	if (!key)
		return NULL;
	atomic_init(&key->references, 1);
	key->jwk = jwk;
	snprintf(key->kid, sizeof key->kid, "%s", jwk_kid(jwk));
	key->published = published;
	key->signs_from = signs_from;
	key->alone = alone;
	return key;
}

struct signing_key *signing_key_keep(struct signing_key *key)
{
	atomic_fetch_add(&key->references, 1);
	return key;
}

void signing_key_release(struct signing_key *key)
{
	if (key && atomic_fetch_sub(&key->references, 1) == 1) {
		jwk_free(key->jwk);
		free(key);
	}
}

/* ---- The folder ---- */

int keyfolder_open(const char *path, int make, struct failure *failure)
{
	struct stat st;
	int made = make && !mkdir(path, 0700);
	if (make && !made && errno != EEXIST) {
		failure_set(failure, EMA_CONFIG, "cannot make %.300s: %s", path, strerror(errno));
		return -1;
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), was = errno;
	if (fd < 0) {
		failure_set(failure, was == ENOENT ? EMA_ABSENT : EMA_CONFIG, "%.300s: %s", path, was == ENOENT ? "there is no such folder" : strerror(was));
		return -1;
	}
	/* What root makes belongs to the owner of state_dir, who must be able to use it. */
	int given = !made || geteuid() || (!fstatat(fd, "..", &st, 0) && !fchown(fd, st.st_uid, st.st_gid));
	if (!given || fstat(fd, &st) || (st.st_uid != geteuid() && geteuid() != 0) || (st.st_mode & 077)) {
		failure_set(failure, EMA_CONFIG, "%.250s must be a folder of the user that emad runs as, and of mode 0700: it is of user %lu and of mode %04o",
		            path, (unsigned long)st.st_uid, (unsigned)(st.st_mode & 07777));
		close(fd);
		return -1;
	}
	return fd;
}

static void folder_sweep(int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	int seen = 0;
	for (const struct dirent *entry; seen < ENTRIES_MOST && (entry = readdir(dir)); seen++)
		if (!strncmp(entry->d_name, NEW_START, sizeof NEW_START - 1))
			unlinkat(folder, entry->d_name, 0);
	closedir(dir);
}

/* Likewise the files in a folder. */
static int give_to_owner(int folder, int fd)
{
	struct stat st;
	return geteuid() ? 0 : fstat(folder, &st) || fchown(fd, st.st_uid, st.st_gid);
}

int keyfolder_lock(int folder, int64_t wait_ms, struct failure *failure)
{
	int fd = openat(folder, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || give_to_owner(folder, fd)) {
		failure_set(failure, EMA_UNAVAILABLE, "the file \"lock\" cannot be opened: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	const struct timespec step = { 0, LOCK_STEP_NS };
	for (int64_t waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += LOCK_STEP_NS / 1000000) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= wait_ms) {
			failure_set(failure, EMA_UNAVAILABLE, "another process holds the lock: %s", strerror(errno));
			close(fd);
			return -1;
		}
		nanosleep(&step, NULL);
	}
	folder_sweep(folder);
	return fd;
}

void keyfolder_name(const char *kid, char name[KEYFOLDER_NAME])
{
	snprintf(name, KEYFOLDER_NAME, NAME_START "%.*s" NAME_END, KID_LENGTH, kid);
}

static int is_key_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const size_t start = sizeof NAME_START - 1;
	return !strncmp(name, NAME_START, start) && strspn(name + start, letters) == KID_LENGTH && !strcmp(name + start + KID_LENGTH, NAME_END);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int keyfolder_list(int folder, struct keyfolder_names *out, struct failure *failure)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), seen = 0, code = EMA_OK;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return failure_set(failure, EMA_UNAVAILABLE, "the folder cannot be read: %s", strerror(errno));
	}
	out->count = 0;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry && errno)
			code = failure_set(failure, EMA_UNAVAILABLE, "the folder cannot be read: %s", strerror(errno));
		if (!entry || code)
			break;
		int fits = is_key_name(entry->d_name);
		if (++seen > ENTRIES_MOST || (fits && out->count == KEYFOLDER_FILES_MOST)) {
			code = failure_set(failure, EMA_UNAVAILABLE, "the folder has too many files");
			break;
		}
		if (fits)
			memcpy(out->list[out->count++], entry->d_name, strlen(entry->d_name) + 1); /* of a length that is_key_name() knows */
	}
	closedir(dir);
	qsort(out->list, out->count, KEYFOLDER_NAME, by_name);
	return code;
}

/* ---- Files ---- */

/* All of an open file of size bytes, with a NUL behind; NULL and errno (0: it was shorter). */
static char *read_all(int fd, size_t size)
{
	size_t at = 0;
	char *text = malloc(size + 1);
	if (!text)
		return NULL;
	while (at < size) {
		errno = 0;
		ssize_t n = read(fd, text + at, size - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			secret_wipe(text, at);
			free(text);
			return NULL;
		}
		at += (size_t)n;
	}
	text[size] = 0;
	return text;
}

/* 0: what the file holds is no key of this name. */
static int parse_key(const char *text, size_t length, const char *name, struct signing_key **out)
{
	struct json json = { 0 };
	struct jwk *jwk = NULL;
	char wanted[KEYFOLDER_NAME] = "";
	int64_t published = 0, signs_from = 0;
	if (json_parse(text, length, &json_limits_document, &json, NULL))
		return 0;
	const struct json_node *root = json_root(&json), *alone = json_member(&json, root, "alone");
	int fine = json_integer(json_member(&json, root, "published"), &published) && published > 0 &&
	           json_integer(json_member(&json, root, "signs_from"), &signs_from) && signs_from >= published &&
	           (json_is(alone, JSON_TRUE) || json_is(alone, JSON_FALSE)) &&
	           jwk_parse_private(&json, json_member(&json, root, "key"), &jwk, NULL) == EMA_OK;
	/* The thumbprint names the file, so that a key that was changed is none. */
	if (fine && jwk_kid(jwk) && jwk_algorithm(jwk) != JOSE_NONE && !strcmp(jwk_kid(jwk), jwk_thumbprint(jwk)))
		keyfolder_name(jwk_kid(jwk), wanted);
	fine = fine && !strcmp(wanted, name);
	struct signing_key *key = fine ? signing_key_new(jwk, published, signs_from, json_is(alone, JSON_TRUE)) : NULL;
	if (!key)
		jwk_free(jwk);
	json_free(&json);
	*out = key;
	return fine;
}

int keyfolder_read(int folder, const char *name, struct signing_key **out, struct failure *failure)
{
	struct stat st, home;
	struct signing_key *key = NULL;
	char *text = NULL;
	int code = EMA_OK, fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return failure_set(failure, errno == ENOENT ? EMA_ABSENT : errno == ELOOP || errno == EACCES ? EMA_DENIED : EMA_UNAVAILABLE, "%s: %s", name,
		                   errno == ELOOP ? "is a symbolic link: put the file itself there" : strerror(errno));
	if (fstat(fd, &st) || fstat(folder, &home))
		code = failure_set(failure, EMA_UNAVAILABLE, "%s: %s", name, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		code = st.st_nlink ? failure_set(failure, EMA_DENIED, "%s: is no regular file, or has a second name (hard link)", name) :
		                     failure_set(failure, EMA_ABSENT, "%s: was removed", name);
	else if ((st.st_uid != home.st_uid && st.st_uid != geteuid()) || (st.st_mode & 077))
		code = failure_set(failure, EMA_DENIED, "%s: is of user %lu and of mode %04o, but must be of the user that emad runs as and of mode 0600", name,
		                   (unsigned long)st.st_uid, (unsigned)(st.st_mode & 07777));
	else if (st.st_size <= 0 || st.st_size > KEY_FILE_MOST)
		code = failure_set(failure, EMA_BAD_JSON, "%s: is damaged: it has %lld bytes", name, (long long)st.st_size);
	else if (!(text = read_all(fd, (size_t)st.st_size)))
		code = failure_set(failure, errno ? EMA_UNAVAILABLE : EMA_BAD_JSON, "%s: cannot be read: %s", name, errno ? strerror(errno) : "it became shorter");
	else if (!parse_key(text, (size_t)st.st_size, name, &key))
		code = failure_set(failure, EMA_BAD_JSON, "%s: is damaged: it holds no whole key of that name", name);
	else if (!key)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	if (text)
		secret_wipe(text, (size_t)st.st_size);
	free(text);
	close(fd);
	if (!code)
		*out = key;
	return code;
}

/* Whole or not at all, also if the power fails. Writers hold the lock, so one name aside is enough, and what a dead one left goes. */
static int put(int folder, const char *name, const char *text, size_t length, mode_t mode, struct failure *failure)
{
	char aside[NAME_MAX + 1];
	int code = EMA_OK;
	if (snprintf(aside, sizeof aside, NEW_START "%s", name) >= (int)sizeof aside)
		return failure_set(failure, EMA_CONFIG, "%.100s: is too long a name", name);
	unlinkat(folder, aside, 0);
	int fd = openat(folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || descriptor_write(fd, text, length) || fchmod(fd, mode) || give_to_owner(folder, fd) || fsync(fd) || renameat(folder, aside, folder, name)) {
		code = failure_set(failure, EMA_UNAVAILABLE, "%.100s: cannot be written: %s", name, strerror(errno));
		unlinkat(folder, aside, 0);
	}
	if (fd >= 0)
		close(fd);
	/* It is there already; whether it survives the power is what is not known. */
	if (!code)
		fsync(folder);
	return code;
}

int keyfolder_write(int folder, const struct signing_key *key, struct failure *failure)
{
	struct buffer out = BUFFER_INIT(KEY_FILE_MOST);
	char name[KEYFOLDER_NAME], *jwk = jwk_print(key->jwk, 1);
	int code = EMA_OK;
	buffer_printf(&out, "{\"published\":%lld,\"signs_from\":%lld,\"alone\":%s,\"key\":", (long long)key->published, (long long)key->signs_from,
	              key->alone ? "true" : "false");
	buffer_text(&out, jwk ? jwk : "");
	buffer_text(&out, "}\n");
	if (!jwk || out.failed) {
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for a key");
	} else {
		keyfolder_name(key->kid, name);
		code = put(folder, name, out.data, out.length, 0600, failure);
	}
	if (jwk)
		secret_wipe(jwk, strlen(jwk));
	free(jwk);
	buffer_free(&out);
	return code;
}

int keyfolder_remove(int folder, const char *name, struct failure *failure)
{
	if (unlinkat(folder, name, 0) && errno != ENOENT)
		return failure_set(failure, EMA_UNAVAILABLE, "%s: cannot be removed: %s", name, strerror(errno));
	return EMA_OK;
}

int keyfolder_set_aside(int folder, const char *name, struct failure *failure)
{
	char aside[KEYFOLDER_NAME + 4];
	snprintf(aside, sizeof aside, "%s.bad", name);
	if (renameat(folder, name, folder, aside) && errno != ENOENT)
		return failure_set(failure, EMA_UNAVAILABLE, "%s: cannot be renamed: %s", name, strerror(errno));
	return EMA_OK;
}

/* ---- The public file ---- */

/* The folder that path is in; *name is the last part of path. */
static int open_parent(const char *path, const char **name, struct failure *failure)
{
	char folder[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	*name = slash ? slash + 1 : path;
	if (length >= sizeof folder) {
		failure_set(failure, EMA_CONFIG, "%.100s...: is too long a path", path);
		return -1;
	}
	if (slash)
		snprintf(folder, sizeof folder, "%.*s", (int)(length ? length : 1), path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		failure_set(failure, errno == ENOENT ? EMA_ABSENT : EMA_UNAVAILABLE, "%.300s: %s", folder, strerror(errno));
	return fd;
}

int keyfolder_publish(const char *path, const char *text, size_t length, struct failure *failure)
{
	const char *name = NULL;
	int folder = open_parent(path, &name, failure);
	if (folder < 0)
		return failure ? failure->code : EMA_UNAVAILABLE;
	int code = put(folder, name, text, length, 0644, failure);
	close(folder);
	return code;
}

int keyfolder_read_public(const char *path, struct published_stamp *stamp, char **text, size_t *length, struct failure *failure)
{
	struct stat st, home;
	const char *name = NULL;
	int code = EMA_OK, folder = open_parent(path, &name, failure);
	if (folder < 0)
		return failure ? failure->code : EMA_UNAVAILABLE;
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	*text = NULL;
	if (fd < 0) {
		code = failure_set(failure, errno == ENOENT ? EMA_ABSENT : EMA_UNAVAILABLE, "%.300s: %s", path, strerror(errno));
		goto end;
	}
	if (fstat(fd, &st) || fstat(folder, &home)) {
		code = failure_set(failure, EMA_UNAVAILABLE, "%.300s: %s", path, strerror(errno));
		goto end;
	}
	struct published_stamp is = *stamp;
	if (published_stamp_take(&is, &st))
		goto end;
	if (!S_ISREG(st.st_mode) || (st.st_mode & 022) || (home.st_mode & 022) ||
	    (st.st_uid != home.st_uid && st.st_uid != geteuid() && st.st_uid != 0))
		code = failure_set(failure, EMA_DENIED, "%.300s: is not used, because others than its folder's owner and root could have written it", path);
	else if (st.st_size <= 0 || st.st_size > KEYFOLDER_PUBLIC_MOST)
		code = failure_set(failure, EMA_UNAVAILABLE, "%.300s: has a wrong size", path);
	else if (!(*text = read_all(fd, (size_t)st.st_size)))
		code = failure_set(failure, EMA_UNAVAILABLE, "%.300s: cannot be read", path);
	if (!code) {
		*length = (size_t)st.st_size;
		*stamp = is;
	}
end:
	if (fd >= 0)
		close(fd);
	close(folder);
	return code;
}

/* ---- For programs of other users ---- */

int keyfolder_show(const char *publish, const char *keys, const char *text, size_t length, struct stat *shown, struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	struct stat st;
	const struct published folder = { publish, keys && !stat(keys, &st) ? st.st_uid : geteuid() };
	int at = published_open(&folder, &why);
	memset(shown, 0, sizeof *shown);
	if (at < 0)
		return why.code == EMA_ABSENT ? EMA_OK : failure_set(failure, why.code, "%s", why.text);
	int code = published_write(at, PUBLISHED_KEYS, text, length, 1, failure);
	if (!code && fstatat(at, PUBLISHED_KEYS, shown, AT_SYMLINK_NOFOLLOW))
		memset(shown, 0, sizeof *shown); /* gone already: it will be written again */
	close(at);
	return code;
}

int keyfolder_is_shown(const char *publish, const struct stat *shown)
{
	char path[PATH_MAX];
	struct stat st;
	return (size_t)snprintf(path, sizeof path, "%s/" PUBLISHED_KEYS, publish) < sizeof path && !lstat(path, &st) && st.st_dev == shown->st_dev &&
	       st.st_ino == shown->st_ino && st.st_mode == shown->st_mode && st.st_uid == shown->st_uid && st.st_nlink == shown->st_nlink &&
	       st.st_size == shown->st_size && st.st_ctim.tv_sec == shown->st_ctim.tv_sec && st.st_ctim.tv_nsec == shown->st_ctim.tv_nsec;
}
