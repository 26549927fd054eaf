#include "devidp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "jwk.h"
#include "secret.h"

#define FILE_MOST 65536

static const struct {
	const char *name;
	enum jose_algorithm algorithm;
} personas[PERSONAS] = { { "okta", JOSE_RS256 }, { "azure", JOSE_RS256 }, { "oidc", JOSE_ES256 } };

enum persona persona_by_name(const char *name, size_t length)
{
	for (int i = 0; i < PERSONAS; i++)
		if (strlen(personas[i].name) == length && !memcmp(personas[i].name, name, length))
			return i;
	return PERSONA_NONE;
}

const char *persona_name(enum persona persona)
{
	return personas[persona].name;
}

static int state_path(const struct state *state, const char *name, const char *suffix, char *out, size_t room, struct failure *failure)
{
	int n = snprintf(out, room, "%s/%s%s", state->folder, name, suffix);
	if (n < 0 || (size_t)n >= room)
		return failure_set(failure, EMA_CONFIG, "--state: the path is too long");
	return EMA_OK;
}

static int file_write(const char *path, const char *text, size_t length, struct failure *failure)
{
	char temporary[4096];
	int fd = -1, n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);

	if (n < 0 || (size_t)n >= sizeof temporary)
		return failure_set(failure, EMA_CONFIG, "%s: the path is too long", path);
	if ((fd = mkstemp(temporary)) < 0)
		return failure_set(failure, EMA_CONFIG, "%s: %s", temporary, strerror(errno));
	ssize_t written = write(fd, text, length);
	if (close(fd) || written != (ssize_t)length || rename(temporary, path)) {
		unlink(temporary);
		return failure_set(failure, EMA_CONFIG, "%s: could not be written", path);
	}
	return EMA_OK;
}

/* EMA_ABSENT if there is no such file. */
static int file_read(const char *path, char **out, size_t *length, struct failure *failure)
{
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = EMA_OK;

	if (fd < 0 && errno == ENOENT)
		return EMA_ABSENT;
	if (fd < 0)
		return failure_set(failure, EMA_CONFIG, "%s: %s", path, strerror(errno));
	ssize_t n = -1;
	if ((text = malloc(FILE_MOST)))
		n = read(fd, text, FILE_MOST);
	if (n < 0 || n == FILE_MOST)
		code = failure_set(failure, EMA_CONFIG, "%s: could not be read", path);
	close(fd);
	if (code) {
		free(text);
		return code;
	}
	text[n] = 0;
	*out = text;
	*length = (size_t)n;
	return EMA_OK;
}

int state_open(struct state *state, struct failure *failure)
{
	struct stat st;

	if (mkdir(state->folder, 0700) && errno != EEXIST)
		return failure_set(failure, EMA_CONFIG, "--state %s: %s", state->folder, strerror(errno));
	if (stat(state->folder, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return failure_set(failure, EMA_CONFIG, "--state %s: must be a folder of yours that nobody else may write in", state->folder);
	return EMA_OK;
}

int state_save_ports(const struct state *state, const char *ready_file, struct failure *failure)
{
	char path[4096], text[128];
	int n = 0, code = state_path(state, "ports", "", path, sizeof path, failure);

	for (int i = 0; i < PERSONAS; i++)
		if (state->ports[i])
			n += snprintf(text + n, sizeof text - (size_t)n, "%s=%u\n", personas[i].name, state->ports[i]);
	if (!code)
		code = file_write(path, text, (size_t)n, failure);
	if (!code && ready_file)
		code = file_write(ready_file, text, (size_t)n, failure);
	return code;
}

int state_load_ports(struct state *state, struct failure *failure)
{
	char path[4096], *text = NULL, *rest;
	size_t length = 0;
	int code = state_path(state, "ports", "", path, sizeof path, failure);

	if (code || (code = file_read(path, &text, &length, failure)))
		return code == EMA_ABSENT ? failure_set(failure, EMA_CONFIG, "%s: no devidp has run with this --state", path) : code;
	rest = text;
	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		char *sign = strchr(line, '=');
		enum persona persona = sign ? persona_by_name(line, (size_t)(sign - line)) : PERSONA_NONE;
		if (persona != PERSONA_NONE)
			state->ports[persona] = (unsigned)strtoul(sign + 1, NULL, 10);
	}
	free(text);
	return EMA_OK;
}

/* The file: one private JWK a line, the one that signs first; "other" before Azure's second one. */
static int keyring_save(const char *path, const struct keyring *ring, struct failure *failure)
{
	char *text = NULL;
	size_t length = 0;
	int code = EMA_OK;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for keys");
	for (size_t i = 0; !code && i < ring->count + (ring->other != NULL); i++) {
		char *key = jwk_print(i < ring->count ? ring->keys[i] : ring->other, 1);
		if (!key)
			code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for keys");
		else
			fprintf(out, "%s%s\n", i < ring->count ? "" : "other ", key);
		free(key);
	}
	if (fclose(out) && !code)
		code = failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for keys");
	if (!code)
		code = file_write(path, text, length, failure);
	free(text);
	return code;
}

static int keyring_read(char *text, struct keyring *ring, struct failure *failure)
{
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		int other = !strncmp(line, "other ", 6), code;
		const char *from = line + (other ? 6 : 0);
		struct json json = { NULL, 0, NULL, 0 };
		struct jwk *key = NULL;
		if (!(code = json_parse(from, strlen(from), &json_limits_document, &json, failure)))
			code = jwk_parse_private(&json, json_root(&json), &key, failure);
		json_free(&json);
		if (code)
			return code;
		if (other && !ring->other)
			ring->other = key;
		else if (!other && ring->count < STATE_KEYS_MOST)
			ring->keys[ring->count++] = key;
		else
			jwk_free(key);
	}
	return ring->count ? EMA_OK : failure_set(failure, EMA_CONFIG, "a file of keys in --state has no key: remove it");
}

void keyring_free(struct keyring *ring)
{
	for (size_t i = 0; i < ring->count; i++)
		jwk_free(ring->keys[i]);
	jwk_free(ring->other);
	memset(ring, 0, sizeof *ring);
}

static int keyring_load(const struct state *state, enum persona persona, int fresh, int keep, struct keyring *ring, struct failure *failure)
{
	char path[4096], *text = NULL;
	size_t length = 0;
	struct jwk *key = NULL;
	int code = state_path(state, personas[persona].name, ".keys", path, sizeof path, failure);

	if (code)
		return code;
	code = file_read(path, &text, &length, failure);
	if (!code)
		code = keyring_read(text, ring, failure);
	if (text)
		secret_wipe(text, length);
	free(text);
	if (code && code != EMA_ABSENT)
		return code;
	if (!code && !fresh)
		return EMA_OK;
	if ((code = jwk_generate(personas[persona].algorithm, &key, failure)))
		return code;
	if (!keep || ring->count == STATE_KEYS_MOST)
		while (ring->count > (keep ? STATE_KEYS_MOST - 1 : 0))
			jwk_free(ring->keys[--ring->count]);
	memmove(ring->keys + 1, ring->keys, ring->count * sizeof *ring->keys);
	ring->keys[0] = key;
	ring->count++;
	if (persona == PERSONA_AZURE && !ring->other && (code = jwk_generate(personas[persona].algorithm, &ring->other, failure)))
		return code;
	return keyring_save(path, ring, failure);
}

/* Two invocations may make or change keys at once: one after the other. */
static int keyring_locked(const struct state *state, enum persona persona, int fresh, int keep, struct keyring *out, struct failure *failure)
{
	char path[4096];
	struct keyring ring = { { NULL }, 0, NULL };
	int fd = -1, code = state_path(state, "lock", "", path, sizeof path, failure);

	if (!code && ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0 || flock(fd, LOCK_EX)))
		code = failure_set(failure, EMA_CONFIG, "%s: %s", path, strerror(errno));
	if (!code)
		code = keyring_load(state, persona, fresh, keep, &ring, failure);
	if (fd >= 0)
		close(fd);
	if (code || !out)
		keyring_free(&ring);
	else
		*out = ring;
	return code;
}

int state_keys(const struct state *state, enum persona persona, struct keyring *out, struct failure *failure)
{
	return keyring_locked(state, persona, 0, 0, out, failure);
}

int state_rotate(const struct state *state, enum persona persona, int keep, struct failure *failure)
{
	return keyring_locked(state, persona, 1, keep, NULL, failure);
}

void state_base(const struct state *state, enum persona persona, char *out, size_t room)
{
	snprintf(out, room, "http://127.0.0.1:%u", state->ports[persona]);
}

char *state_jwks(const struct state *state, enum persona persona, int version, int with_private, struct failure *failure)
{
	struct keyring ring = { { NULL }, 0, NULL };
	struct buffer set = BUFFER_INIT(FILE_MOST);
	char base[64];

	if (state_keys(state, persona, &ring, failure))
		return NULL;
	state_base(state, persona, base, sizeof base);
	buffer_text(&set, "{\"keys\":[");
	for (size_t i = 0; i < ring.count + (ring.other != NULL); i++) {
		char *key = jwk_print(i < ring.count ? ring.keys[i] : ring.other, with_private);
		if (!key) {
			set.failed = 1;
			break;
		}
		buffer_printf(&set, "%s%.*s", i ? "," : "", (int)strlen(key) - 1, key);
		if (!strstr(key, "\"use\":"))
			buffer_text(&set, ",\"use\":\"sig\"");
		if (persona == PERSONA_AZURE)
			buffer_printf(&set, ",\"issuer\":\"%s/%s/%s\"", base, i < ring.count ? "{tenantid}" : DEVIDP_CONSUMERS, version == 1 ? "" : "v2.0");
		buffer_char(&set, '}');
		free(key);
	}
	buffer_text(&set, "]}");
	keyring_free(&ring);
	return buffer_take(&set);
}
