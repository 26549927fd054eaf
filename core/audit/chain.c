#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/hmac.h>

#include "base64url.h"
#include "descriptor.h"
#include "secret.h"

static int read_key(const char *path, unsigned char out[32])
{
	struct stat is;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	errno = EINVAL;
	int result = fstat(fd, &is) || !S_ISREG(is.st_mode) || is.st_size != 32 || (is.st_mode & 077) || read(fd, out, 32) != 32 ? -1 : 0;
	int error = errno;
	close(fd);
	errno = error;
	return result;
}

int chain_key(const char *folder, const char *name, unsigned char out[32])
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s/audit/%s", folder, name) >= sizeof path)
		return -1;
	return read_key(path, out);
}

/* Written whole under another name and linked, so that of several processes one makes it and all have the same. */
int chain_make_key(const char *folder, const char *name, unsigned char out[32], struct failure *failure)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	unsigned char key[32];
	if ((size_t)snprintf(path, sizeof path, "%s/audit/%s", folder, name) >= sizeof path ||
	    (size_t)snprintf(fresh, sizeof fresh, "%s/audit/.%s.%ld", folder, name, (long)getpid()) >= sizeof fresh)
		return failure_set(failure, EMA_CONFIG, "state_dir is too long a path");
	if (!read_key(path, out))
		return EMA_OK;
	if (errno != ENOENT)
		return failure_set(failure, EMA_CONFIG, "cannot use %s: it must be 32 bytes, of this user, with mode 0600 (%s)", path, strerror(errno));
	unlink(fresh);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int good = fd >= 0 && getrandom(key, sizeof key, 0) == sizeof key && !descriptor_write(fd, (const char *)key, sizeof key) && !fsync(fd) &&
		   (!link(fresh, path) || errno == EEXIST);
	int error = errno;
	secret_wipe(key, sizeof key);
	if (fd >= 0)
		close(fd);
	unlink(fresh);
	if (!good || read_key(path, out))
		return failure_set(failure, EMA_CONFIG, "cannot make %s: %s", path, strerror(good ? errno : error));
	return EMA_OK;
}

int chain_id_of(const EVP_MD *sha256, const char *label, const unsigned char key[32], char out[CHAIN_KEY_ID])
{
	unsigned char text[64], hash[32];
	char encoded[CHAIN_TEXT];
	size_t length = strlen(label);
	memcpy(text, label, length);
	memcpy(text + length, key, 32);
	int good = EVP_Digest(text, length + 32, hash, NULL, sha256, NULL);
	secret_wipe(text, sizeof text);
	if (!good)
		return -1;
	base64url_encode(hash, sizeof hash, encoded);
	memcpy(out, encoded, CHAIN_KEY_ID - 1);
	out[CHAIN_KEY_ID - 1] = 0;
	return 0;
}

int chain_key_id(const EVP_MD *sha256, const unsigned char key[32], char out[CHAIN_KEY_ID])
{
	return chain_id_of(sha256, "ema seal ", key, out);
}

int keys_open(const char *folder, int64_t period, int64_t now, struct keys *out, struct failure *failure)
{
	int result = EMA_OK;
	memset(out, 0, sizeof *out);
	out->opened = !pthread_rwlock_init(&out->exchange, NULL);
	out->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	out->known = salt_known_new();
	if (!out->sha256)
		result = failure_set(failure, EMA_OUT_OF_MEMORY, "SHA-256 cannot be had");
	else if (folder)
		result = chain_make_key(folder, "key", out->seal, failure);
	else if (getrandom(out->seal, 32, 0) != 32)
		result = failure_set(failure, EMA_CONFIG, "the system gave no random bytes");
	if (result == EMA_OK)
		result = salt_refresh(folder, period, now, out, failure);
	if (result == EMA_OK && chain_key_id(out->sha256, out->seal, out->seal_id))
		result = failure_set(failure, EMA_OUT_OF_MEMORY, "SHA-256 cannot be had");
	return result;
}

void keys_close(struct keys *keys)
{
	EVP_MAC_CTX_free(keys->pseudonym);
	salt_known_free(keys->known);
	EVP_MD_free(keys->sha256);
	if (keys->opened)
		pthread_rwlock_destroy(&keys->exchange);
	secret_wipe(keys, sizeof *keys);
}

int chain_seal(const unsigned char key[32], const char *writer, uint64_t count, const char *head, char out[CHAIN_TEXT])
{
	char text[CHAIN_WRITER + CHAIN_TEXT + 64];
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	int n = snprintf(text, sizeof text, "ema-checkpoint\n%s\n%" PRIu64 "\n%s", writer, count, head);
	if (n < 0 || (size_t)n >= sizeof text || !HMAC(EVP_sha256(), key, 32, (unsigned char *)text, (size_t)n, hash, &length) || length != CHAIN_HASH)
		return -1;
	base64url_encode(hash, CHAIN_HASH, out);
	return 0;
}

int chain_step(const EVP_MD *sha256, const unsigned char before[CHAIN_HASH], const char *line, size_t length, unsigned char after[CHAIN_HASH])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	int good = digest && EVP_DigestInit_ex2(digest, sha256, NULL) && EVP_DigestUpdate(digest, before, CHAIN_HASH) &&
		   EVP_DigestUpdate(digest, line, length) && EVP_DigestFinal_ex(digest, after, NULL);
	EVP_MD_CTX_free(digest);
	return good ? 0 : -1;
}

static int parse_head(char *text, uint64_t *number, char out[CHAIN_TEXT])
{
	unsigned char hash[64];
	char *space = NULL;
	errno = 0;
	unsigned long long value = strtoull(text, &space, 10);
	if (errno || space == text || *space != ' ' || strlen(space) != 1 + 43 + 1 || space[44] != '\n' || base64url_decode(space + 1, 43, hash) != 32)
		return -1;
	*number = value;
	memcpy(out, space + 1, 43);
	out[43] = 0;
	return 0;
}

static int read_head(int fd, uint64_t *number, char out[CHAIN_TEXT])
{
	char text[128];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return -1;
	text[n] = 0;
	return parse_head(text, number, out);
}

int chain_head(const char *folder, const char *writer, uint64_t *number, char out[CHAIN_TEXT])
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s/audit/%s.head", folder, writer) >= sizeof path)
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	int result = read_head(fd, number, out);
	close(fd);
	return result;
}

int chain_open(const char *folder, const char *writer, const struct keys *keys, struct spool *spool, struct chain *out, const char **state,
               struct failure *failure)
{
	char path[PATH_MAX], hash[CHAIN_TEXT];
	uint64_t number = 0;
	*out = (struct chain){ .keys = keys, .head = -1 };
	snprintf(out->writer, sizeof out->writer, "%s", writer);
	*state = NULL;
	spool_cursor(spool, &out->cursor);
	if (!folder) {
		*state = "new";
		return EMA_OK;
	}
	if ((size_t)snprintf(path, sizeof path, "%s/audit/%s.head", folder, writer) >= sizeof path)
		return failure_set(failure, EMA_CONFIG, "state_dir is too long a path");
	out->head = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out->head < 0)
		return failure_set(failure, EMA_CONFIG, "cannot open %s: %s", path, strerror(errno));
	if (!spool->fresh)
		return EMA_OK;
	if (!read_head(out->head, &number, hash)) {
		out->cursor.number = number;
		base64url_decode(hash, 43, out->cursor.hash);
		*state = "spool-lost";
		spool_commit(spool, &out->cursor);
	} else {
		struct stat is;
		*state = spool->lost || fstat(out->head, &is) || is.st_size ? "unknown" : "new";
	}
	spool->fresh = 0;
	return EMA_OK;
}

void chain_close(struct chain *chain)
{
	if (chain->head >= 0)
		close(chain->head);
	chain->head = -1;
}

void chain_before(const struct chain *chain, char out[CHAIN_TEXT])
{
	if (chain->cursor.number)
		base64url_encode(chain->cursor.hash, CHAIN_HASH, out);
	else
		memcpy(out, "none", 5);
}

int chain_advance(struct chain *chain, const char *line, size_t length, uint64_t end)
{
	unsigned char after[CHAIN_HASH];
	if (chain_step(chain->keys->sha256, chain->cursor.hash, line, length, after))
		return -1;
	memcpy(chain->cursor.hash, after, CHAIN_HASH);
	chain->cursor.number++;
	chain->cursor.offset = end;
	return 0;
}

void chain_save(const struct chain *chain, const struct spool_cursor *at)
{
	char text[128], hash[CHAIN_TEXT];
	if (chain->head < 0 || !at->number)
		return;
	base64url_encode(at->hash, CHAIN_HASH, hash);
	/* Numbers of one length, so that the old text never shows behind the new one. */
	int n = snprintf(text, sizeof text, "%020" PRIu64 " %s\n", at->number, hash);
	/* The spool's own cursor counts; this is for the day when the spool is lost. */
	if (pwrite(chain->head, text, (size_t)n, 0) != n)
		return;
}
