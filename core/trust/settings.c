#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "trust.h"
#include "url.h"

#define IDENTITY_MOST (1u << 20)

int settings_check(const struct keyset_settings *settings, struct failure *failure)
{
	const struct fetch_rules *rules = &settings->fetch;
	struct url url;
	int code = EMA_OK;
	if (!settings->id || !settings->issuer)
		return failure_set(failure, EMA_CONFIG, "a key set needs an id and an issuer");
	if ((settings->jwks_file != NULL) + (settings->jwks_text != NULL) + (settings->jwks_url != NULL) > 1)
		return failure_set(failure, EMA_CONFIG, "issuer %.200s: keys come from one place: a URL, a file or inline", settings->issuer);
	/* JWT-53. Where keys are given, an issuer is only a name: of a client, in http of AD FS, or none that is a URL. */
	if (!(settings->jwks_file || settings->jwks_text || settings->jwks_url))
		code = url_issuer(settings->issuer, rules, failure);
	else if (!settings->whose && (!*settings->issuer || (strstr(settings->issuer, "://") && strpbrk(settings->issuer, "?# "))))
		code = failure_set(failure, EMA_CONFIG, "issuer %.200s: an issuer has no query, no fragment and no white space", settings->issuer);
	if (code != EMA_OK || settings->jwks_file || settings->jwks_text)
		return code;
	if (rules->ca_file && access(rules->ca_file, R_OK))
		return failure_set(failure, EMA_CONFIG, "ca_file %.300s: %s", rules->ca_file, strerror(errno));
	if (settings->jwks_url)
		return url_read(settings->jwks_url, rules, "jwks_url", &url, failure);
	return settings->discovery_url ? url_read(settings->discovery_url, rules, "discovery_url", &url, failure)
	                               : url_read(settings->issuer, rules, "issuer", &url, failure);
}

static int copy(const char *from, const char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -1 : 0;
}

static int copy_list(const char *const *from, size_t count, const char *const **to, size_t *to_count)
{
	*to = NULL;
	*to_count = 0;
	if (!count)
		return 0;
	const char **list = calloc(count, sizeof *list);
	if (!list)
		return -1;
	*to = list;
	*to_count = count;
	for (size_t i = 0; i < count; i++)
		if (copy(from[i], &list[i]))
			return -1;
	return 0;
}

int settings_copy(const struct keyset_settings *from, struct keyset_settings *to)
{
	int bad = 0;
	*to = *from;
	bad |= copy(from->id, &to->id);
	bad |= copy(from->issuer, &to->issuer);
	bad |= copy(from->jwks_url, &to->jwks_url);
	bad |= copy(from->discovery_url, &to->discovery_url);
	bad |= copy(from->jwks_file, &to->jwks_file);
	bad |= copy(from->jwks_text, &to->jwks_text);
	bad |= copy(from->fetch.proxy, &to->fetch.proxy);
	bad |= copy(from->fetch.ca_file, &to->fetch.ca_file);
	bad |= copy_list(from->fetch.internal_hosts, from->fetch.internal_host_count, &to->fetch.internal_hosts, &to->fetch.internal_host_count);
	bad |= copy_list(from->fetch.jwks_hosts, from->fetch.jwks_host_count, &to->fetch.jwks_hosts, &to->fetch.jwks_host_count);
	return bad ? -1 : 0;
}

static void drop(const char *text)
{
	free((void *)(uintptr_t)text);
}

static void drop_list(const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		drop(list[i]);
	free((void *)(uintptr_t)list);
}

void settings_free(struct keyset_settings *settings)
{
	drop(settings->id);
	drop(settings->issuer);
	drop(settings->jwks_url);
	drop(settings->discovery_url);
	drop(settings->jwks_file);
	drop(settings->jwks_text);
	drop(settings->fetch.proxy);
	drop(settings->fetch.ca_file);
	drop_list(settings->fetch.internal_hosts, settings->fetch.internal_host_count);
	drop_list(settings->fetch.jwks_hosts, settings->fetch.jwks_host_count);
	*settings = (struct keyset_settings){ 0 };
}

/* With its length before it, so that two strings cannot be mistaken for two others. */
static void put(struct buffer *buffer, const char *text)
{
	if (text)
		buffer_printf(buffer, "%zu:%s;", strlen(text), text);
	else
		buffer_text(buffer, "-;");
}

static void put_list(struct buffer *buffer, const char *const *list, size_t count)
{
	buffer_printf(buffer, "%zu[", count);
	for (size_t i = 0; i < count; i++)
		put(buffer, list[i]);
	buffer_char(buffer, ']');
}

static void put_source(struct buffer *buffer, const struct keyset_settings *settings)
{
	put(buffer, settings->issuer);
	put(buffer, settings->jwks_url);
	put(buffer, settings->discovery_url);
	put_list(buffer, settings->fetch.jwks_hosts, settings->fetch.jwks_host_count);
}

char *settings_source(const struct keyset_settings *settings)
{
	struct buffer buffer = BUFFER_INIT(16384);
	put_source(&buffer, settings);
	return buffer_take(&buffer);
}

char *settings_identity(const struct keyset_settings *settings, const char *keys)
{
	struct buffer buffer = BUFFER_INIT(IDENTITY_MOST);
	const struct fetch_rules *rules = &settings->fetch;
	put(&buffer, settings->id);
	put_source(&buffer, settings);
	put(&buffer, settings->jwks_file);
	put(&buffer, keys);
	put(&buffer, rules->proxy);
	put(&buffer, rules->ca_file);
	put_list(&buffer, rules->internal_hosts, rules->internal_host_count);
	buffer_printf(&buffer, "%lld %lld %d %d %lld %lld %lld %u %d", (long long)rules->connect_ms, (long long)rules->total_ms,
	              rules->insecure_http, rules->redirects, (long long)settings->stale_ms, (long long)settings->read_only_ms,
	              (long long)settings->cooldown_ms, settings->kidless_most, settings->passing);
	return buffer_take(&buffer);
}

char *settings_read_file(const char *path, size_t *length, struct failure *failure)
{
	struct stat st;
	char *text = NULL;
	size_t at = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		failure_set(failure, EMA_CONFIG, "jwks_file %.300s: %s", path, strerror(errno));
		return NULL;
	}
	/* Whose it may be is known to conf, which has ema.conf's owner; that the world may not write it is known here too. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_mode & (S_IWGRP | S_IWOTH)) {
		failure_set(failure, EMA_CONFIG, "jwks_file %.300s: must be a regular file that only its owner can write (chmod go-w)", path);
	} else if (st.st_size > KEYSET_BODY_MOST) {
		failure_set(failure, EMA_CONFIG, "jwks_file %.300s: larger than %d bytes", path, KEYSET_BODY_MOST);
	} else if (!(text = malloc((size_t)st.st_size + 1))) {
		failure_set(failure, EMA_OUT_OF_MEMORY, "no memory");
	} else {
		ssize_t n = 0;
		while (at < (size_t)st.st_size && ((n = read(fd, text + at, (size_t)st.st_size - at)) > 0 || (n < 0 && errno == EINTR)))
			if (n > 0)
				at += (size_t)n;
		text[at] = 0;
		*length = at;
		if (n < 0 || memchr(text, 0, at)) {
			failure_set(failure, EMA_CONFIG, "jwks_file %.300s: %s", path, n < 0 ? strerror(errno) : "has a NUL byte");
			free(text);
			text = NULL;
		}
	}
	close(fd);
	return text;
}
