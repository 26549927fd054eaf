#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "descriptor.h"
#include "json.h"

#define KEYS_MOST 262144
#define HEAD_MOST 16384
#define FILE_MOST (KEYS_MOST + HEAD_MOST)
#define MAGIC "ema-keys 1 "
#define DIGEST 64 /* hexadecimal characters */
#define NAME_MOST (DIGEST + 8)

/*
 * A file is three parts: "ema-keys 1 " and the SHA-256 of all that follows, in hexadecimal; a line of JSON about the keys; and
 * the key set byte for byte. The digest finds damage; who may write the file is a matter of its owner and mode.
 */

static int digest(const char *text, size_t length, char hex[DIGEST + 1])
{
	unsigned char hash[32];
	unsigned got = 0;
	if (EVP_Digest(text, length, hash, &got, EVP_sha256(), NULL) != 1 || got != sizeof hash)
		return -1;
	buffer_hex(hex, hash, sizeof hash);
	return 0;
}

static int file_name(const char *source, char name[NAME_MOST])
{
	char hex[DIGEST + 1];
	if (digest(source, strlen(source), hex))
		return -1;
	snprintf(name, NAME_MOST, "%.32s.keys", hex);
	return 0;
}

static int only_ours(const struct cache *cache, const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0 || st->st_uid == cache->owner) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* With make, a folder that is not there yet is made; without, there is nothing to read and nothing to complain of. */
static int open_folder(const struct cache *cache, int make)
{
	struct stat st;
	int fd = open(cache->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (!make)
			return -1;
		if (!mkdir(cache->folder, 0755) || errno == EEXIST)
			fd = open(cache->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && cache->publishes && fchmod(fd, 0755)) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0) {
		log_printf(&cache->log, LOG_LEVEL_WARNING, "key cache %s: %s", cache->folder, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) || !only_ours(cache, &st)) {
		log_printf(&cache->log, LOG_LEVEL_WARNING, "key cache %s: not used, because others than its owner and root can write there", cache->folder);
		close(fd);
		return -1;
	}
	return fd;
}

/* The whole file, or NULL with a reason; absent is no reason. */
static char *read_file(const struct cache *cache, int folder, const char *name, size_t *length, const char **why)
{
	struct stat st;
	char *text = NULL;
	size_t at = 0, room;
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	*why = NULL;
	if (fd < 0) {
		if (errno != ENOENT)
			*why = "cannot be opened";
		return NULL;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		*why = "no regular file";
	} else if (!only_ours(cache, &st)) {
		*why = "others than its owner and root can write it, or it is somebody else's";
	} else if (st.st_size <= 0 || st.st_size > FILE_MOST) {
		*why = "has a wrong size";
	} else if (!(text = malloc((room = (size_t)st.st_size) + 1))) {
		*why = NULL;
	} else {
		for (ssize_t n; at < room && (n = read(fd, text + at, room - at)) != 0; at += (size_t)n)
			if (n < 0) {
				if (errno == EINTR) {
					n = 0;
					continue;
				}
				break;
			}
		text[at] = 0;
		*length = at;
		if (at != room) {
			free(text);
			text = NULL;
			*why = "cannot be read";
		}
	}
	close(fd);
	return text;
}

static int parse_head(const char *line, size_t length, const char *source, struct cache_entry *entry)
{
	struct json json = { 0 };
	if (json_parse(line, length, &json_limits_document, &json, NULL) != EMA_OK)
		return -1;
	const struct json_node *root = json_root(&json);
	const char *from = json_string(json_member(&json, root, "source"));
	const char *uri = json_string(json_member(&json, root, "jwks_uri"));
	const char *etag = json_string(json_member(&json, root, "etag"));
	const char *modified = json_string(json_member(&json, root, "last_modified"));
	const struct json_node *exposed = json_member(&json, root, "exposed");
	const int listed = !exposed || (json_string(exposed) && !exposed_read(&entry->exposed, json_string(exposed)));
	int fine = from && uri && etag && modified && !strcmp(from, source) && strlen(etag) < CACHE_ETAG_MOST &&
	           strlen(modified) < CACHE_ETAG_MOST && listed && json_integer(json_member(&json, root, "fetched"), &entry->fetched) &&
	           json_integer(json_member(&json, root, "fresh_until"), &entry->fresh_until) && (entry->jwks_uri = strdup(uri));
	if (fine) {
		snprintf(entry->etag, sizeof entry->etag, "%s", etag);
		snprintf(entry->last_modified, sizeof entry->last_modified, "%s", modified);
	}
	json_free(&json);
	return fine ? 0 : -1;
}

static int parse(const char *text, size_t length, const char *source, struct cache_entry *out)
{
	struct cache_entry entry = { 0 };
	char hex[DIGEST + 1];
	const size_t first = sizeof MAGIC - 1 + DIGEST + 1;
	if (length < first || memcmp(text, MAGIC, sizeof MAGIC - 1) || text[first - 1] != '\n' ||
	    digest(text + first, length - first, hex) || memcmp(text + sizeof MAGIC - 1, hex, DIGEST))
		return -1;
	const char *end = memchr(text + first, '\n', length - first);
	if (!end || parse_head(text + first, (size_t)(end - text) - first, source, &entry))
		goto bad;
	entry.length = length - (size_t)(end + 1 - text);
	entry.keys = malloc(entry.length + 1);
	if (!entry.keys)
		goto bad;
	memcpy(entry.keys, end + 1, entry.length);
	entry.keys[entry.length] = 0;
	*out = entry;
	return 0;
bad:
	cache_entry_free(&entry);
	return -1;
}

void cache_entry_free(struct cache_entry *entry)
{
	free(entry->jwks_uri);
	free(entry->keys);
	*entry = (struct cache_entry){ 0 };
}

int cache_load(const struct cache *cache, const char *source, struct cache_entry *out)
{
	char name[NAME_MOST], aside[NAME_MOST + 4], *text = NULL;
	const char *why = NULL;
	size_t length = 0;
	int found = 0, fd;
	if (file_name(source, name) || (fd = open_folder(cache, 0)) < 0)
		return 0;
	text = read_file(cache, fd, name, &length, &why);
	if (text && parse(text, length, source, out))
		why = "is damaged";
	else if (text)
		found = 1;
	if (why) {
		snprintf(aside, sizeof aside, "%s.bad", name);
		int moved = !renameat(fd, name, fd, aside);
		log_printf(&cache->log, LOG_LEVEL_WARNING, "key cache %s/%s: not used, it %s%s%s", cache->folder, name, why, moved ? "; set aside as " : "",
		           moved ? aside : "");
	}
	free(text);
	close(fd);
	return found;
}

int cache_look(const struct cache *cache, const char *source, struct published_stamp *stamp, int *changed, struct cache_entry *out,
               struct failure *failure)
{
	const struct published folder = { cache->folder, cache->owner };
	struct published_stamp is = *stamp;
	char name[NAME_MOST], *text = NULL;
	size_t length = 0;
	*changed = 0;
	if (file_name(source, name))
		return failure_set(failure, EMA_INTERNAL, "SHA-256 failed");
	int code = published_read(&folder, name, FILE_MOST, &is, &text, &length, failure);
	if (!code && text && parse(text, length, source, out))
		code = failure_set(failure, EMA_BAD_JSON, "%.300s/%s: not used, because it is damaged", cache->folder, name);
	else if (!code)
		*changed = text != NULL;
	if (!code)
		*stamp = is;
	free(text);
	return code;
}

/* What another process has written; 0 if nothing that can be used. */
static int is_there(const struct cache *cache, int folder, const char *name, const char *source, struct cache_entry *out)
{
	const char *why = NULL;
	size_t length = 0;
	char *text = read_file(cache, folder, name, &length, &why);
	int there = text && !parse(text, length, source, out);
	free(text);
	return there;
}

int cache_store(const struct cache *cache, const char *source, const struct cache_entry *mine, int64_t now, struct failure *failure)
{
	struct buffer rest = BUFFER_INIT(FILE_MOST), head = BUFFER_INIT(128);
	char name[NAME_MOST], temporary[NAME_MOST + 32], hex[DIGEST + 1], exposed[EXPOSED_TEXT];
	struct cache_entry there = { 0 };
	struct exposed both = mine->exposed;
	const struct cache_entry *entry = mine;
	int fd = -1, code = EMA_OK;
	int at = open_folder(cache, 1);
	if (at < 0)
		return failure_set(failure, EMA_UNAVAILABLE, "key cache %.300s cannot be used", cache->folder);
	if (file_name(source, name)) {
		code = failure_set(failure, EMA_INTERNAL, "SHA-256 failed");
		goto end;
	}
	/* Where one process alone writes, it has read what is there, and what is newer was fetched by a clock that was wrong. */
	if (!cache->publishes && is_there(cache, at, name, source, &there)) {
		both = there.exposed;
		const size_t news = exposed_note(&both, mine->exposed.thumbprints, mine->exposed.count);
		/* What was fetched later stays, if not later than now, which a clock did that was ahead; but with the keys that only we know not to count. */
		if (there.fetched > mine->fetched && there.fetched <= now) {
			if (!news)
				goto end;
			entry = &there;
		}
	}
	buffer_text(&rest, "{\"source\":");
	buffer_json(&rest, source, strlen(source));
	buffer_text(&rest, ",\"jwks_uri\":");
	buffer_json(&rest, entry->jwks_uri ? entry->jwks_uri : "", entry->jwks_uri ? strlen(entry->jwks_uri) : 0);
	buffer_text(&rest, ",\"etag\":");
	buffer_json(&rest, entry->etag, strlen(entry->etag));
	buffer_text(&rest, ",\"last_modified\":");
	buffer_json(&rest, entry->last_modified, strlen(entry->last_modified));
	exposed_print(&both, exposed);
	buffer_printf(&rest, ",\"exposed\":\"%s\",\"fetched\":%lld,\"fresh_until\":%lld}\n", exposed, (long long)entry->fetched, (long long)entry->fresh_until);
	buffer_append(&rest, entry->keys, entry->length);
	if (rest.failed || digest(rest.data, rest.length, hex) || buffer_printf(&head, MAGIC "%s\n", hex)) {
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
		goto end;
	}
	if (!cache->publishes && faccessat(at, ".", W_OK, AT_EACCESS) && (errno == EACCES || errno == EROFS))
		goto end;
	snprintf(temporary, sizeof temporary, "%s.%ld.new", name, (long)getpid());
	unlinkat(at, temporary, 0);
	fd = openat(at, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || descriptor_write(fd, head.data, head.length) || descriptor_write(fd, rest.data, rest.length) || (cache->publishes && fchmod(fd, 0644)) || fsync(fd) ||
	    renameat(at, temporary, at, name)) {
		code = failure_set(failure, EMA_UNAVAILABLE, "key cache %.200s/%s: %s", cache->folder, name, strerror(errno));
		unlinkat(at, temporary, 0);
	}
end:
	if (fd >= 0)
		close(fd);
	close(at);
	cache_entry_free(&there);
	buffer_free(&rest);
	buffer_free(&head);
	return code;
}
