#include "keyring.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key_set.h"
#include "keyfolder.h"

#define LOCK_WAIT_MS 5000
#define COMPLAIN_MS 60000 /* the same complaint again */
#define UNREAD_LEAST_MS 10000 /* whose ticks are late has not lost sight of the keys */

struct keyring {
	struct clock clock;
	struct log log;
	struct notice notice;
	enum keyring_mode mode;
	char *folder, *public_file, *publish;
	struct published published; /* its path is ours; NULL: public_file */
	int recover;
	pthread_mutex_t lock;   /* of set; held for a moment */
	struct key_set *set;    /* what is served; changed with both mutexes, so that the writer may read it with its own */
	atomic_uint_least64_t generation; /* of set */
	pthread_mutex_t writer; /* of what follows, and of every change */
	struct key_plan plan;
	int unpublished;        /* public_file, or the file in publish, is not what set says */
	struct stat shown;      /* the latter as it was written */
	struct keyfolder_names ignored; /* that cannot be used and were complained of */
	struct published_stamp stamp;
	int64_t looked, unread_most; /* of published: when it was read, or found unchanged; for how long its keys count without that */
	char complaint[FAILURE_TEXT];
	int64_t complained;
};

/* ---- What is served ---- */

static struct key_set *hold(struct keyring *keyring)
{
	pthread_mutex_lock(&keyring->lock);
	struct key_set *set = key_set_keep(keyring->set);
	pthread_mutex_unlock(&keyring->lock);
	return set;
}

static int is_published(const struct keyring *keyring)
{
	return keyring->public_file || keyring->publish;
}

static void serve(struct keyring *keyring, struct key_set *set)
{
	if (key_set_same(set, keyring->set))
		return;
	struct key_set *old = keyring->set;
	pthread_mutex_lock(&keyring->lock);
	keyring->set = key_set_keep(set);
	pthread_mutex_unlock(&keyring->lock);
	/* Behind the set: who reads a generation and then verifies does it by this set or a later one. */
	atomic_fetch_add(&keyring->generation, 1);
	key_set_release(old);
	keyring->unpublished = is_published(keyring) && keyring->mode == KEYRING_SERVE;
}

static int no_memory(struct failure *failure)
{
	return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the keys");
}

/* ---- Reading ---- */

static int is_ignored(const struct keyring *keyring, const char *name)
{
	for (size_t i = 0; i < keyring->ignored.count; i++)
		if (!strcmp(keyring->ignored.list[i], name))
			return 1;
	return 0;
}

static void ignore(struct keyring *keyring, const char *name)
{
	if (keyring->ignored.count < KEYFOLDER_FILES_MOST)
		snprintf(keyring->ignored.list[keyring->ignored.count++], KEYFOLDER_NAME, "%s", name);
}

struct reading {
	struct key_set *all;         /* every usable key that is there, void and gone ones too */
	struct keyfolder_names bad;  /* that cannot be used */
	unsigned char exposed[KEYFOLDER_FILES_MOST]; /* of bad: 1, others could have read or written it; 0, it is damaged */
	int any_exposed;
	struct failure why;          /* of the first, exposed ones before others */
};

static void reading_bad(struct reading *reading, const char *name, int exposed, const char *why)
{
	if (exposed && !reading->any_exposed)
		failure_clear(&reading->why);
	failure_set(&reading->why, EMA_CONFIG, "%s", why);
	reading->any_exposed |= exposed;
	reading->exposed[reading->bad.count] = (unsigned char)exposed;
	snprintf(reading->bad.list[reading->bad.count++], KEYFOLDER_NAME, "%s", name);
}

/* What is in the folder; keys that are served are not read again. release(out->all) in every case. */
static int folder_read(struct keyring *keyring, int folder, struct reading *out, struct failure *failure)
{
	struct keyfolder_names names;
	*out = (struct reading){ .all = key_set_new(), .why = FAILURE_INIT };
	int code = out->all ? keyfolder_list(folder, &names, failure) : no_memory(failure);
	for (size_t i = 0; !code && i < names.count; i++) {
		char name[KEYFOLDER_NAME];
		struct failure why = FAILURE_INIT;
		struct signing_key *key = NULL;
		int result = EMA_ABSENT;
		for (size_t j = 0; j < keyring->set->count && !key; j++) {
			keyfolder_name(keyring->set->keys[j]->kid, name);
			if (!strcmp(name, names.list[i]))
				key = signing_key_keep(keyring->set->keys[j]);
		}
		if (key)
			result = EMA_OK;
		else if (!is_ignored(keyring, names.list[i]))
			result = keyfolder_read(folder, names.list[i], &key, &why);
		if (!result && key_set_add(out->all, key))
			code = failure_set(failure, EMA_UNAVAILABLE, "there are over %d keys", KEYRING_MOST);
		else if (result == EMA_DENIED || result == EMA_BAD_JSON)
			reading_bad(out, names.list[i], result == EMA_DENIED, why.text);
		else if (result && result != EMA_ABSENT)
			code = failure_set(failure, result, "%s", why.text);
		signing_key_release(key);
	}
	return code;
}

/* ---- Writing: with the writer's mutex, and the lock of the folder if there is one (folder is -1 else) ---- */

static void tell(const struct keyring *keyring, const char *what, const struct signing_key *key)
{
	char when[CLOCK_TEXT];
	const char *algorithm = jose_algorithm_name(jwk_algorithm(key->jwk));
	clock_text(key->signs_from, when);
	notice_tell(&keyring->notice, "signing-key", NOTICE_WARNING, "change", what, "kid", key->kid, "algorithm", algorithm, "signs_from", when, NULL);
	log_printf(&keyring->log, LOG_LEVEL_INFO, "keys: %s (%s, signs from %s): %s", key->kid, algorithm, when, what);
}

static int publish(struct keyring *keyring, const struct key_set *set, struct failure *failure)
{
	int code = keyring->public_file ? keyfolder_publish(keyring->public_file, set->jwks, strlen(set->jwks), failure) : EMA_OK;
	if (code || !keyring->publish)
		return code;
	return keyfolder_show(keyring->publish, keyring->folder, set->jwks, strlen(set->jwks), &keyring->shown, failure);
}

/* Files of keys that are not served. The void ones first: the key that says so must not go before them. */
static int remove_others(const struct keyring *keyring, int folder, const struct key_set *all, struct failure *failure)
{
	int code = EMA_OK;
	for (int is_void = 1; is_void >= 0; is_void--)
		for (size_t i = 0; !code && i < all->count; i++) {
			char name[KEYFOLDER_NAME];
			if (key_set_find(keyring->set, all->keys[i]->kid) || key_set_is_void(all, all->keys[i]) != is_void)
				continue;
			keyfolder_name(all->keys[i]->kid, name);
			code = folder >= 0 ? keyfolder_remove(folder, name, failure) : EMA_OK;
			if (!code)
				tell(keyring, "dropped", all->keys[i]);
		}
	return code;
}

/*
 * One more key. It is public before it is on the disk, so that no token is signed by a key that nobody could have. One that stands
 * alone is on the disk first: else a disk that is full in between would take the old keys from who reads the public file.
 */
static int key_write(struct keyring *keyring, int folder, const struct signing_key *key, struct key_set *living, struct failure *failure)
{
	int code = EMA_OK;
	keyring->unpublished = is_published(keyring);
	if (!key->alone)
		code = publish(keyring, living, failure);
	if (!code && folder >= 0)
		code = keyfolder_write(folder, key, failure);
	if (code)
		return code;
	tell(keyring, "made", key);
	serve(keyring, living);
	if (key->alone && publish(keyring, living, failure))
		return failure->code;
	keyring->unpublished = 0;
	return EMA_OK;
}

static int key_add(struct keyring *keyring, int folder, const struct key_set *all, int64_t now, int64_t signs_from, int alone, struct failure *failure)
{
	struct jwk *jwk = NULL;
	struct signing_key *key = NULL;
	struct key_set *grown = NULL, *living = NULL;
	int64_t published = now;
	int fits = 1, code = jwk_generate(keyring->plan.algorithm, &jwk, failure);
	if (code)
		return code;
	/* Later than all others, whatever their clocks said: which keys are void goes by it. */
	for (size_t i = 0; i < all->count; i++)
		if (all->keys[i]->published >= published)
			published = all->keys[i]->published + 1;
	key = signing_key_new(jwk, published, signs_from > published ? signs_from : published, alone);
	grown = key_set_new();
	for (size_t i = 0; grown && i < all->count && !alone; i++)
		fits &= !key_set_add(grown, all->keys[i]);
	if (!key || !grown)
		code = no_memory(failure);
	else if (!fits || key_set_add(grown, key))
		code = failure_set(failure, EMA_UNAVAILABLE, "there are %d keys already: old ones go when no token of theirs can be valid any more", KEYRING_MOST);
	else if (!(living = key_set_living(grown, now, keyring->plan.keep_after)))
		code = no_memory(failure);
	else
		code = key_write(keyring, folder, key, living, failure);
	/* What cannot be removed is void or gone all the same, and the next tick tries again. */
	if (living && keyring->set == living)
		remove_others(keyring, folder, all, NULL);
	if (!key)
		jwk_free(jwk);
	signing_key_release(key);
	key_set_release(grown);
	key_set_release(living);
	return code;
}

/* Everything that time asks for. all: what is in the folder right now. */
static int work(struct keyring *keyring, int folder, const struct key_set *all, int64_t now, struct failure *failure)
{
	int64_t at = 0;
	struct key_set *living = key_set_living(all, now, keyring->plan.keep_after);
	int code = living ? EMA_OK : no_memory(failure);
	if (!code && key_set_due(living, &keyring->plan, now, &at)) {
		code = key_add(keyring, folder, all, now, at, 0, failure);
	} else if (!code) {
		serve(keyring, living);
		if (keyring->unpublished && !(code = publish(keyring, living, failure)))
			keyring->unpublished = 0;
		/* A stolen key is put out of use whether or not others hear of it at once. */
		if (code && keyring->recover) {
			log_printf(&keyring->log, LOG_LEVEL_ERROR, "keys: not published: %s", failure->text);
			failure_clear(failure);
			code = EMA_OK;
		}
		if (!code)
			code = remove_others(keyring, folder, all, failure);
	}
	key_set_release(living);
	return code;
}

/* Damaged files get another name; those that others could have read stay where they are, unless all is begun anew. */
static void put_aside(struct keyring *keyring, int folder, const struct reading *reading, int exposed_too)
{
	for (size_t i = 0; i < reading->bad.count; i++) {
		const char *name = reading->bad.list[i];
		if (reading->exposed[i] && !exposed_too)
			log_printf(&keyring->log, LOG_LEVEL_ERROR, "keys: not used: %s/%s", keyring->folder, reading->why.text);
		else if (!keyfolder_set_aside(folder, name, NULL)) {
			log_printf(&keyring->log, LOG_LEVEL_ERROR, "keys: %s/%s cannot be used: it was set aside as %s.bad, and tokens that it signed are refused",
			           keyring->folder, name, name);
			continue;
		} else
			log_printf(&keyring->log, LOG_LEVEL_ERROR, "keys: %s/%s cannot be used, and it cannot be renamed", keyring->folder, name);
		ignore(keyring, name);
	}
}

/* ---- Opening ---- */

static int open_bad(struct keyring *keyring, int folder, const struct reading *reading, struct failure *failure)
{
	if (keyring->mode == KEYRING_LOOK) {
		log_printf(&keyring->log, LOG_LEVEL_ERROR, "keys: %s/%s", keyring->folder, reading->why.text);
		return EMA_OK;
	}
	if (!keyring->recover && reading->any_exposed)
		return failure_set(failure, EMA_CONFIG, "%.150s/%.200s. Set that right if nobody else can have read it, else run emactl keys rotate --now",
		                   keyring->folder, reading->why.text);
	if (!keyring->recover && !reading->all->count)
		return failure_set(failure, EMA_CONFIG, "%.150s/%.150s, and there is no other key. Put it back from a backup, or run emactl keys rotate --now, which "
		                   "makes a new key and ends all tokens", keyring->folder, reading->why.text);
	put_aside(keyring, folder, reading, 1);
	return EMA_OK;
}

static int open_folder(struct keyring *keyring, int64_t now, struct failure *failure)
{
	struct reading reading = { .all = NULL };
	struct key_set *living = NULL;
	int lock = -1, serves = keyring->mode == KEYRING_SERVE, folder = keyfolder_open(keyring->folder, serves, failure);
	if (folder < 0)
		return failure->code;
	int code = serves && (lock = keyfolder_lock(folder, LOCK_WAIT_MS, failure)) < 0 ? failure->code : folder_read(keyring, folder, &reading, failure);
	if (!code && reading.bad.count)
		code = open_bad(keyring, folder, &reading, failure);
	if (!code && serves && now >= CLOCK_LEAST)
		code = work(keyring, folder, reading.all, now, failure);
	else if (!code && (living = key_set_living(reading.all, now, keyring->plan.keep_after)))
		serve(keyring, living);
	else if (!code)
		code = no_memory(failure);
	key_set_release(living);
	key_set_release(reading.all);
	if (lock >= 0)
		close(lock);
	close(folder);
	return code;
}

/* The keys of ours in public_file, if it is another one than before. */
static int read_public(struct keyring *keyring, struct failure *failure)
{
	char *text = NULL;
	size_t length = 0;
	struct jwks *keys = NULL;
	struct key_set *set = NULL;
	struct published_stamp stamp = keyring->stamp;
	const char *path = keyring->published.path;
	int code = path ? published_read(&keyring->published, PUBLISHED_KEYS, KEYFOLDER_PUBLIC_MOST, &stamp, &text, &length, failure) :
	                  keyfolder_read_public(keyring->public_file, &stamp, &text, &length, failure);
	if (code || !text)
		return code;
	code = jwks_parse(text, length, &keys, failure);
	if (!code && !(set = key_set_new()))
		code = no_memory(failure);
	for (size_t i = 0; !code && i < keys->count; i++) {
		struct jwk *jwk = keys->keys[i];
		/* Ours have these. */
		if (!jwk_kid(jwk) || strcmp(jwk_kid(jwk), jwk_thumbprint(jwk)) || jwk_algorithm(jwk) == JOSE_NONE)
			continue;
		struct signing_key *key = signing_key_new(jwk, 0, (int64_t)i, 0); /* in the order of the file */
		if (!key) {
			code = no_memory(failure);
			break;
		}
		keys->keys[i] = NULL; /* it is key's now */
		key_set_add(set, key);
		signing_key_release(key);
	}
	if (!code && !set->count)
		code = failure_set(failure, EMA_UNAVAILABLE, "%.300s%s: has no key of ours", path ? path : keyring->public_file, path ? "/" PUBLISHED_KEYS : "");
	if (!code && key_set_text(set))
		code = no_memory(failure);
	if (!code) {
		serve(keyring, set);
		keyring->stamp = stamp;
	}
	key_set_release(set);
	jwks_free(keys);
	free(text);
	return code;
}

static int start(struct keyring *keyring, struct failure *failure)
{
	int64_t now = clock_wall(&keyring->clock);
	int code = EMA_OK;
	if (keyring->mode == KEYRING_PUBLIC) {
		code = read_public(keyring, failure);
		return code == EMA_ABSENT ? EMA_OK : code;
	}
	if (keyring->folder) {
		code = open_folder(keyring, now, failure);
	} else if (now >= CLOCK_LEAST) {
		struct key_set *all = key_set_keep(keyring->set);
		code = work(keyring, -1, all, now, failure);
		key_set_release(all);
	}
	if (!code && !keyring->set->count && keyring->mode == KEYRING_SERVE)
		code = failure_set(failure, EMA_CLOCK_WRONG, "no key is made while the clock of this machine is wrong: set it");
	return code;
}

int keyring_settings_from(const struct conf *conf, enum keyring_mode mode, struct keyring_paths *paths, struct keyring_settings *out,
                          struct failure *failure)
{
	const char *state = conf->state_dir;
	if (state && (snprintf(paths->folder, sizeof paths->folder, "%s/keys", state) >= (int)sizeof paths->folder ||
	              snprintf(paths->public_file, sizeof paths->public_file, "%s/jwks.json", state) >= (int)sizeof paths->public_file))
		return failure_set(failure, EMA_CONFIG, "state_dir is too long a path");
	out->mode = mode;
	out->folder = state && mode != KEYRING_PUBLIC ? paths->folder : NULL;
	out->public_file = state ? paths->public_file : NULL;
	out->publish = mode == KEYRING_SERVE ? conf->publish : NULL;
	out->published = mode == KEYRING_PUBLIC && conf->published.path ? &conf->published : NULL;
	out->algorithm = (enum jose_algorithm)conf->token.algorithm;
	out->rotate_after_ms = conf->token.rotate_after_ms;
	out->publish_before_ms = conf->token.publish_before_ms;
	return EMA_OK;
}

int keyring_open(const struct keyring_settings *settings, struct keyring **out, struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	struct keyring *keyring = calloc(1, sizeof *keyring);
	if (!keyring)
		return no_memory(failure);
	keyring->clock = *settings->clock;
	keyring->log = settings->log;
	keyring->notice = settings->notice;
	keyring->mode = settings->mode;
	keyring->recover = settings->recover;
	keyring->unread_most = KEYRING_KEEP_MS;
	keyring->looked = clock_monotonic(&keyring->clock);
	keyring->plan.keep_after = settings->keep_after_ms ? settings->keep_after_ms : KEYRING_KEEP_MS;
	pthread_mutex_init(&keyring->lock, NULL);
	pthread_mutex_init(&keyring->writer, NULL);
	keyring_configure(keyring, settings->algorithm, settings->rotate_after_ms, settings->publish_before_ms);
	keyring->folder = settings->folder ? strdup(settings->folder) : NULL;
	keyring->public_file = settings->public_file ? strdup(settings->public_file) : NULL;
	keyring->publish = settings->publish ? strdup(settings->publish) : NULL;
	if (settings->published)
		keyring->published = (struct published){ strdup(settings->published->path), settings->published->owner };
	keyring->set = key_set_new();
	/* Counted from anywhere: a keyring that is opened anew has no generation of another's. */
	uint64_t first;
	const int random = getrandom(&first, sizeof first, 0) == sizeof first;
	atomic_init(&keyring->generation, random ? first : 0);
	int code = EMA_OK;
	if (!random)
		code = failure_set(&why, EMA_UNAVAILABLE, "the kernel gives no random numbers: %s", strerror(errno));
	else if (!keyring->set || (settings->folder && !keyring->folder) || (settings->public_file && !keyring->public_file) ||
	    (settings->publish && !keyring->publish) || (settings->published && !keyring->published.path) || key_set_text(keyring->set))
		code = no_memory(&why);
	else if ((keyring->mode == KEYRING_PUBLIC && !keyring->public_file && !keyring->published.path) || (keyring->mode == KEYRING_LOOK && !keyring->folder))
		code = failure_set(&why, EMA_CONFIG, "there is no state_dir to read them from");
	else
		code = start(keyring, &why);
	if (code) {
		keyring_close(keyring);
		return failure_set(failure, code, "keys: %s", why.text);
	}
	*out = keyring;
	return EMA_OK;
}

void keyring_close(struct keyring *keyring)
{
	if (!keyring)
		return;
	key_set_release(keyring->set);
	pthread_mutex_destroy(&keyring->lock);
	pthread_mutex_destroy(&keyring->writer);
	free(keyring->folder);
	free(keyring->public_file);
	free(keyring->publish);
	free((void *)(uintptr_t)keyring->published.path);
	free(keyring);
}

void keyring_configure(struct keyring *keyring, enum jose_algorithm algorithm, int64_t rotate_after_ms, int64_t publish_before_ms)
{
	pthread_mutex_lock(&keyring->writer);
	keyring->plan.algorithm = algorithm;
	keyring->plan.rotate_after = rotate_after_ms;
	keyring->plan.publish_before = publish_before_ms > KEYRING_AHEAD_MOST_MS ? KEYRING_AHEAD_MOST_MS : publish_before_ms;
	pthread_mutex_unlock(&keyring->writer);
}

void keyring_on_loss(struct keyring *keyring, int last_known, int64_t loss_ms)
{
	pthread_mutex_lock(&keyring->writer);
	/* No token that was issued while they were known is valid for longer. */
	keyring->unread_most = last_known ? KEYRING_KEEP_MS : loss_ms > UNREAD_LEAST_MS ? loss_ms : UNREAD_LEAST_MS;
	pthread_mutex_unlock(&keyring->writer);
}

/* ---- Ticks and rotation ---- */

enum change { CHANGE_DUE, CHANGE_NEXT, CHANGE_NOW };

static int change_keys(struct keyring *keyring, int folder, const struct key_set *all, int64_t now, enum change change, struct failure *failure)
{
	if (change == CHANGE_DUE)
		return work(keyring, folder, all, now, failure);
	const struct signing_key *next = key_set_next(all, now);
	if (change == CHANGE_NEXT && next && !key_set_is_void(all, next))
		return failure_set(failure, EMA_EXISTS, "a next key is published already: %s", next->kid);
	return key_add(keyring, folder, all, now, change == CHANGE_NOW ? now : now + keyring->plan.publish_before, change == CHANGE_NOW, failure);
}

static int change_folder(struct keyring *keyring, int folder, int64_t now, int64_t wait_ms, enum change change, struct failure *failure)
{
	struct reading reading = { .all = NULL };
	int lock = keyfolder_lock(folder, wait_ms, failure);
	if (lock < 0)
		return failure->code;
	/* Again, now that nobody else writes: of two replicas the second sees what the first one made. */
	int code = folder_read(keyring, folder, &reading, failure);
	if (!code && !reading.all->count)
		code = failure_set(failure, EMA_UNAVAILABLE, "no key is left in %.300s: put them back", keyring->folder);
	if (!code)
		put_aside(keyring, folder, &reading, 0);
	if (!code)
		code = change_keys(keyring, folder, reading.all, now, change, failure);
	key_set_release(reading.all);
	close(lock);
	return code;
}

/* What another process did to the keys, `emactl keys rotate` for one, which has no audit trail of its own. */
static void tell_others(const struct keyring *keyring, const struct key_set *all, const struct key_set *living)
{
	if (keyring->mode != KEYRING_SERVE)
		return;
	for (size_t i = 0; i < living->count; i++)
		if (!key_set_find(keyring->set, living->keys[i]->kid))
			tell(keyring, "found", living->keys[i]);
	for (size_t i = 0; i < keyring->set->count; i++)
		if (!key_set_find(all, keyring->set->keys[i]->kid) || key_set_is_void(all, keyring->set->keys[i]))
			tell(keyring, "gone", keyring->set->keys[i]);
}

/* What the folder has is served, whoever holds its lock; *due: there is something to write. */
static int follow_folder(struct keyring *keyring, int folder, int64_t now, int *due, struct failure *failure)
{
	struct reading reading = { .all = NULL };
	struct key_set *living = NULL;
	int64_t at = 0;
	int code = folder_read(keyring, folder, &reading, failure);
	if (!code && !reading.all->count)
		code = failure_set(failure, EMA_UNAVAILABLE, "no key is left in %.300s: put them back", keyring->folder);
	if (!code && !(living = key_set_living(reading.all, now, keyring->plan.keep_after)))
		code = no_memory(failure);
	if (!code) {
		tell_others(keyring, reading.all, living);
		serve(keyring, living);
		*due = reading.bad.count || keyring->unpublished || reading.all->count != living->count || key_set_due(living, &keyring->plan, now, &at);
	}
	key_set_release(living);
	key_set_release(reading.all);
	return code;
}

static int change(struct keyring *keyring, int64_t now, int64_t wait_ms, enum change what, struct failure *failure)
{
	int due = 0, code = EMA_OK, folder = -1;
	if (now < CLOCK_LEAST)
		return failure_set(failure, EMA_CLOCK_WRONG, "no key is made while the clock of this machine is wrong: set it");
	/* JWT-40: who reads there takes whatever there is, a copy from before, too. */
	if (keyring->publish && !keyfolder_is_shown(keyring->publish, &keyring->shown))
		keyring->unpublished = 1;
	if (!keyring->folder) {
		struct key_set *all = key_set_keep(keyring->set);
		code = change_keys(keyring, -1, all, now, what, failure);
		key_set_release(all);
		return code;
	}
	folder = keyfolder_open(keyring->folder, 0, failure);
	if (folder < 0)
		return failure->code;
	code = follow_folder(keyring, folder, now, &due, failure);
	if (!code && keyring->mode == KEYRING_SERVE && (due || what != CHANGE_DUE))
		code = change_folder(keyring, folder, now, wait_ms, what, failure);
	close(folder);
	return code;
}

/* What another one publishes, which cannot be read (why): one of its keys may have been withdrawn since, so none counts for ever. */
static void forget_unread(struct keyring *keyring, int64_t monotonic, const struct failure *why)
{
	struct key_set *none = monotonic - keyring->looked > keyring->unread_most && keyring->set->count ? key_set_new() : NULL;
	if (none && !key_set_text(none)) {
		log_printf(&keyring->log, LOG_LEVEL_ERROR, "keys: none of ours is used any more, since for %lld s they could not be read: %s",
		           (long long)(monotonic - keyring->looked) / 1000, why->text);
		serve(keyring, none);
		keyring->stamp = (struct published_stamp){ 0 }; /* the same file is news again */
	}
	key_set_release(none);
}

void keyring_tick(struct keyring *keyring)
{
	struct failure why = FAILURE_INIT;
	int64_t now = clock_wall(&keyring->clock), monotonic = clock_monotonic(&keyring->clock);
	pthread_mutex_lock(&keyring->writer);
	int again = monotonic - keyring->complained >= COMPLAIN_MS;
	if (again) {
		/* Perhaps somebody put it right. */
		keyring->ignored.count = 0;
		keyring->complained = monotonic;
	}
	int code = keyring->mode == KEYRING_PUBLIC ? read_public(keyring, &why) : change(keyring, now, 0, CHANGE_DUE, &why);
	if (code && (again || strcmp(keyring->complaint, why.text)))
		log_printf(&keyring->log, LOG_LEVEL_ERROR, "keys: %s%s", keyring->set->count ? "those that are served go on, but: " : "", why.text);
	if (!code)
		keyring->looked = monotonic;
	else if (keyring->mode == KEYRING_PUBLIC)
		forget_unread(keyring, monotonic, &why);
	snprintf(keyring->complaint, sizeof keyring->complaint, "%s", why.text);
	pthread_mutex_unlock(&keyring->writer);
}

int keyring_rotate(struct keyring *keyring, int now, struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	if (keyring->mode != KEYRING_SERVE)
		return failure_set(failure, EMA_BAD_REQUEST, "keys: this keyring only reads");
	pthread_mutex_lock(&keyring->writer);
	int code = change(keyring, clock_wall(&keyring->clock), LOCK_WAIT_MS, now ? CHANGE_NOW : CHANGE_NEXT, &why);
	pthread_mutex_unlock(&keyring->writer);
	return code ? failure_set(failure, code, "keys: %s", why.text) : EMA_OK;
}

/* ---- Use ---- */

int keyring_sign(struct keyring *keyring, const char *type, const char *payload, size_t length, char **out, struct failure *failure)
{
	struct key_set *set = hold(keyring);
	int code;
	if (keyring->mode != KEYRING_SERVE || !set->count) {
		code = failure_set(failure, EMA_KEYS_UNAVAILABLE, "there is no key to sign with");
	} else {
		const struct signing_key *key = set->keys[key_set_current(set, clock_wall(&keyring->clock))];
		code = jws_sign(key->jwk, jwk_algorithm(key->jwk), type, NULL, payload, length, out, failure);
	}
	key_set_release(set);
	return code;
}

int keyring_verify(struct keyring *keyring, const struct jws *jws, struct failure *failure)
{
	struct key_set *set = hold(keyring);
	const struct signing_key *key = jws->kid ? key_set_find(set, jws->kid) : NULL;
	int code;
	if (!set->count)
		code = failure_set(failure, EMA_KEYS_UNAVAILABLE, "there are no keys of ours");
	else if (!key)
		code = failure_set(failure, EMA_UNKNOWN_KEY, jws->kid ? "no key of ours has the token's kid" : "the token has no kid: ours have one");
	else
		code = jws_verify(jws, key->jwk, JOSE_BIT(jwk_algorithm(key->jwk)), failure);
	key_set_release(set);
	return code;
}

int keyring_has(struct keyring *keyring, const char *kid)
{
	struct key_set *set = hold(keyring);
	int code = !set->count ? EMA_KEYS_UNAVAILABLE : key_set_find(set, kid) ? EMA_OK : EMA_UNKNOWN_KEY;
	key_set_release(set);
	return code;
}

char *keyring_jwks(struct keyring *keyring)
{
	struct key_set *set = hold(keyring);
	char *text = strdup(set->jwks);
	key_set_release(set);
	return text;
}

uint64_t keyring_generation(struct keyring *keyring)
{
	return atomic_load(&keyring->generation);
}

size_t keyring_list(struct keyring *keyring, struct keyring_entry out[KEYRING_MOST])
{
	struct key_set *set = hold(keyring);
	size_t count = set->count, current = key_set_current(set, clock_wall(&keyring->clock));
	for (size_t i = 0; i < count; i++) {
		const struct signing_key *key = set->keys[i];
		out[i] = (struct keyring_entry){ .algorithm = jwk_algorithm(key->jwk), .state = KEYRING_UNKNOWN };
		memcpy(out[i].kid, key->kid, sizeof out[i].kid);
		if (keyring->mode == KEYRING_PUBLIC)
			continue;
		out[i].published = key->published;
		out[i].signs_from = key->signs_from;
		out[i].state = i < current ? KEYRING_PREVIOUS : i == current ? KEYRING_CURRENT : KEYRING_NEXT;
		out[i].gone_at = key_set_gone_at(set, i, keyring->plan.keep_after);
	}
	key_set_release(set);
	return count;
}

const char *keyring_state_name(enum keyring_state state)
{
	static const char *const names[] = { "unknown", "next", "current", "previous" };
	return names[state];
}
