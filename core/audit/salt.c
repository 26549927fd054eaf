/* The salt of the pseudonyms: made, exchanged after a period, and taken away by whoever removes its file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "audit.h"
#include "base64url.h"
#include "chain.h"
#include "secret.h"

#define KNOWN 256
#define KNOWN_TEXT 96

/* Under the salt of now: read and written between salt_hold() and salt_let_go(). */
struct known {
	struct entry {
		atomic_flag busy;
		char text[KNOWN_TEXT]; /* "": none */
		char pseudonym[SALT_PSEUDONYM];
	} entries[KNOWN];
};

/* A keyed hash, ready for a text. NULL: no memory. */
static EVP_MAC_CTX *salt_mac(const unsigned char salt[32])
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *made = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	if (made && !EVP_MAC_init(made, salt, 32, parameters)) {
		EVP_MAC_CTX_free(made);
		made = NULL;
	}
	return made;
}

static int salt_text(EVP_MAC_CTX *mac, const char *text, char out[SALT_PSEUDONYM])
{
	unsigned char hash[CHAIN_HASH];
	char encoded[CHAIN_TEXT];
	size_t length = 0;
	EVP_MAC_CTX *copy = mac ? EVP_MAC_CTX_dup(mac) : NULL;
	int good = copy && EVP_MAC_update(copy, (const unsigned char *)text, strlen(text)) && EVP_MAC_final(copy, hash, &length, CHAIN_HASH) &&
		   length == CHAIN_HASH;
	EVP_MAC_CTX_free(copy);
	memcpy(out, "unknown", 8); /* never the name itself */
	if (!good)
		return -1;
	base64url_encode(hash, CHAIN_HASH, encoded);
	memcpy(out, encoded, SALT_PSEUDONYM - 1);
	out[SALT_PSEUDONYM - 1] = 0;
	return 0;
}

struct known *salt_known_new(void)
{
	struct known *known = calloc(1, sizeof *known);
	for (size_t i = 0; known && i < KNOWN; i++)
		atomic_flag_clear(&known->entries[i].busy);
	return known;
}

/* With the lock for writing, or where no other thread is. */
static void forget(struct known *known)
{
	for (size_t i = 0; i < KNOWN; i++) {
		secret_wipe(known->entries[i].text, sizeof known->entries[i].text);
		secret_wipe(known->entries[i].pseudonym, sizeof known->entries[i].pseudonym);
	}
}

void salt_known_free(struct known *known)
{
	if (known)
		forget(known);
	free(known);
}

static struct entry *entry_of(struct known *known, const char *text, size_t length)
{
	uint64_t hash = length, word;
	for (size_t i = 0; i < length; i += sizeof word) {
		word = 0;
		memcpy(&word, text + i, length - i < sizeof word ? length - i : sizeof word);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return &known->entries[hash % KNOWN];
}

/* Who finds an entry in use waits for nobody, and computes. */
int salt_pseudonym(const struct keys *keys, const char *text, char out[SALT_PSEUDONYM])
{
	const size_t length = strlen(text);
	struct entry *entry = keys->known && length && length < KNOWN_TEXT ? entry_of(keys->known, text, length) : NULL;
	if (entry && atomic_flag_test_and_set_explicit(&entry->busy, memory_order_acquire))
		entry = NULL;
	int result = 0;
	if (entry && !strcmp(entry->text, text)) {
		memcpy(out, entry->pseudonym, SALT_PSEUDONYM);
	} else {
		result = salt_text(keys->pseudonym, text, out);
		if (entry && !result) {
			memcpy(entry->text, text, length + 1);
			memcpy(entry->pseudonym, out, SALT_PSEUDONYM);
		}
	}
	if (entry)
		atomic_flag_clear_explicit(&entry->busy, memory_order_release);
	return result;
}

int salt_pseudonym_of(const unsigned char salt[32], const char *text, char out[SALT_PSEUDONYM])
{
	EVP_MAC_CTX *mac = salt_mac(salt);
	int result = salt_text(mac, text, out);
	EVP_MAC_CTX_free(mac);
	return result;
}

int salt_hold(const struct keys *keys)
{
	return pthread_rwlock_rdlock((pthread_rwlock_t *)(uintptr_t)&keys->exchange);
}

void salt_let_go(const struct keys *keys)
{
	pthread_rwlock_unlock((pthread_rwlock_t *)(uintptr_t)&keys->exchange);
}

static int use_salt(struct keys *keys, const unsigned char salt[32], struct failure *failure)
{
	char id[CHAIN_KEY_ID];
	if (chain_id_of(keys->sha256, "ema salt ", salt, id))
		return failure_set(failure, EMA_OUT_OF_MEMORY, "SHA-256 cannot be had");
	if (keys->pseudonym && !strcmp(id, keys->salt_id))
		return EMA_OK;
	EVP_MAC_CTX *mac = salt_mac(salt);
	if (!mac)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "SHA-256 cannot be had");
	pthread_rwlock_wrlock(&keys->exchange);
	EVP_MAC_CTX_free(keys->pseudonym);
	keys->pseudonym = mac;
	if (keys->known)
		forget(keys->known);
	memcpy(keys->salt_id, id, sizeof id);
	pthread_rwlock_unlock(&keys->exchange);
	return EMA_OK;
}

/* It keeps its name's key id, so that who must find a person's old records can; removing that file is the end of them. */
static int put_aside(const char *folder, const char *path, const struct keys *keys)
{
	char aside[PATH_MAX], id[CHAIN_KEY_ID];
	unsigned char salt[32];
	int result = chain_key(folder, "salt", salt) || chain_id_of(keys->sha256, "ema salt ", salt, id) ||
		     (size_t)snprintf(aside, sizeof aside, "%s.%s", path, id) >= sizeof aside || rename(path, aside);
	secret_wipe(salt, sizeof salt);
	return result ? -1 : 0;
}

int salt_refresh(const char *folder, int64_t period, int64_t now, struct keys *keys, struct failure *failure)
{
	char path[PATH_MAX];
	unsigned char salt[32];
	struct stat is;
	int result = EMA_OK, lock = -1;
	if (!folder) {
		if (keys->pseudonym)
			return EMA_OK;
		if (getrandom(salt, 32, 0) != 32)
			return failure_set(failure, EMA_CONFIG, "the system gave no random bytes");
		result = use_salt(keys, salt, failure);
		goto done;
	}
	if ((size_t)snprintf(path, sizeof path, "%s/audit", folder) >= sizeof path - 8)
		return failure_set(failure, EMA_CONFIG, "state_dir is too long a path");
	lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Several processes share the salt: one of them exchanges it, and the others find the new one. */
	if (lock < 0 || flock(lock, LOCK_EX)) {
		result = failure_set(failure, EMA_CONFIG, "cannot lock %s: %s", path, strerror(errno));
		goto done;
	}
	snprintf(path, sizeof path, "%s/audit/salt", folder);
	if (period > 0 && !lstat(path, &is) && now - (int64_t)is.st_mtim.tv_sec * 1000 >= period && put_aside(folder, path, keys)) {
		result = failure_set(failure, EMA_CONFIG, "cannot put %s aside: %s", path, strerror(errno));
		goto done;
	}
	if ((result = chain_make_key(folder, "salt", salt, failure)) == EMA_OK)
		result = use_salt(keys, salt, failure);
done:
	if (lock >= 0)
		close(lock);
	secret_wipe(salt, sizeof salt);
	return result;
}

static int is_salt(const EVP_MD *sha256, const char *state_dir, const char *name, const char *id, unsigned char out[32])
{
	char found[CHAIN_KEY_ID];
	return !chain_key(state_dir, name, out) && !chain_id_of(sha256, "ema salt ", out, found) && !strcmp(found, id);
}

int audit_salt(const char *state_dir, const char *id, unsigned char out[32])
{
	char name[CHAIN_KEY_ID + 8];
	EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	int found = 0;
	/* The id comes out of a record: it is no path. */
	if (sha256 && *id && strlen(id) < CHAIN_KEY_ID && !strchr(id, '/')) {
		snprintf(name, sizeof name, "salt.%s", id);
		found = is_salt(sha256, state_dir, "salt", id, out) || is_salt(sha256, state_dir, name, id, out);
	}
	EVP_MD_free(sha256);
	if (!found)
		secret_wipe(out, 32);
	return found ? 0 : -1;
}

int audit_pseudonym_under(const unsigned char salt[32], const char *text, char out[AUDIT_PSEUDONYM])
{
	return salt_pseudonym_of(salt, text, out);
}
