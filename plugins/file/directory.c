/*
 * The directory half of the plugin file: people.conf, read anew when it changes. What cannot be read leaves what was there,
 * until that is too old to go by. The manual page is ema-file(7).
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "people.h"

#define DIRECTORY_POLL_MS 1000 /* the file is looked at, and an answer may be kept, so long */
#define DIRECTORY_SAY_MS 60000 /* between two times that the log says the same */

struct ema_instance {
	const struct ema_host *host;
	const ema_handle *handle;
	const char *path;
	int64_t max_age, max_file_age; /* milliseconds; max_file_age 0: any */
	uid_t owner;                   /* of the file that the core took at open */
	pthread_mutex_t looking;       /* one thread looks whether the file changed */
	struct stat seen;              /* the file that was read whole then, good or not; 0: none was */
	char said[PEOPLE_ERROR];       /* why what is there is not taken, */
	int64_t said_at;
	atomic_int broken;             /* which this says */
	_Atomic int64_t looked;
	pthread_rwlock_t lock;         /* of what follows */
	struct people *people;
	int64_t good;                  /* when the file last was as we have it */
	int64_t written;               /* when it was written */
};

static int64_t directory_written(const struct stat *now)
{
	return (int64_t)now->st_mtim.tv_sec * 1000 + now->st_mtim.tv_nsec / 1000000;
}

static int directory_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Nobody but root, ourselves and whom the core trusted with the file at open may write it or put another in its place. */
static int directory_safe(const ema_instance *self, const struct stat *what, int folder)
{
	int trusted = what->st_uid == 0 || what->st_uid == geteuid() || what->st_uid == self->owner;
	/* In a sticky folder only its owner replaces a file. */
	int closed = !(what->st_mode & (S_IWGRP | S_IWOTH)) || (folder && what->st_mode & S_ISVTX);
	return trusted && closed && (folder ? S_ISDIR(what->st_mode) : S_ISREG(what->st_mode));
}

static int directory_folder_safe(const ema_instance *self)
{
	struct stat folder;
	const char *slash = strrchr(self->path, '/');
	char *name = slash ? strndup(self->path, slash == self->path ? 1 : (size_t)(slash - self->path)) : strdup(".");
	int safe = name && stat(name, &folder) == 0 && directory_safe(self, &folder, 1);
	free(name);
	return safe;
}

/* The file whole, as it stood in *is. NULL: why; whatever that was may be mended without a trace in the file. */
static char *directory_read(const ema_instance *self, struct stat *is, size_t *length, char why[PEOPLE_ERROR])
{
	struct stat before, after;
	char *text = NULL;
	size_t used = 0;
	int fd = open(self->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &before) < 0) {
		snprintf(why, PEOPLE_ERROR, "%.300s: %s", self->path, strerror(errno));
		goto fail;
	}
	if (!directory_safe(self, &before, 0) || !directory_folder_safe(self)) {
		snprintf(why, PEOPLE_ERROR, "%.300s: it or its folder is writable by others than root and EMA's own user: chmod go-w, and chown", self->path);
		goto fail;
	}
	if (before.st_size > PEOPLE_FILE_MOST) {
		snprintf(why, PEOPLE_ERROR, "%.300s: larger than 1 MiB", self->path);
		goto fail;
	}
	text = malloc((size_t)before.st_size + 1);
	if (!text) {
		snprintf(why, PEOPLE_ERROR, "%.300s: no memory", self->path);
		goto fail;
	}
	while (used <= (size_t)before.st_size) {
		ssize_t got = read(fd, text + used, (size_t)before.st_size + 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			snprintf(why, PEOPLE_ERROR, "%.300s: %s", self->path, strerror(errno));
		if (got < 0)
			goto fail;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	if (fstat(fd, &after) < 0 || used != (size_t)before.st_size || !directory_same(&before, &after)) {
		snprintf(why, PEOPLE_ERROR, "%.300s: it changed while it was read; write another file and rename it", self->path);
		goto fail;
	}
	close(fd);
	*is = before;
	*length = used;
	return text;
fail:
	if (fd >= 0)
		close(fd);
	free(text);
	return NULL;
}

/* Once, and again while it lasts. */
static void directory_say(ema_instance *self, int64_t now, const char *why)
{
	char line[PEOPLE_ERROR + 64];
	if (self->broken && !strcmp(self->said, why) && now >= self->said_at && now - self->said_at < DIRECTORY_SAY_MS)
		return;
	snprintf(self->said, sizeof self->said, "%s", why);
	self->said_at = now;
	snprintf(line, sizeof line, "%s; what was read before stays", why);
	self->host->log(self->handle, EMA_LOG_ERROR, line);
}

/* With self->looking held. 1: there are new people. */
static int directory_look(ema_instance *self, int64_t now)
{
	struct stat is = { 0 };
	char why[PEOPLE_ERROR] = "";
	size_t length = 0;
	struct people *people = NULL;
	if (stat(self->path, &is) == 0 && directory_same(&is, &self->seen)) {
		if (!self->broken) {
			pthread_rwlock_wrlock(&self->lock);
			self->good = now;
			pthread_rwlock_unlock(&self->lock);
		}
		return 0;
	}
	memset(&self->seen, 0, sizeof self->seen);
	char *text = directory_read(self, &is, &length, why);
	errno = 0;
	if (text)
		people = people_read(self->path, text, length, why);
	if (text && (people || errno != ENOMEM))
		self->seen = is;
	free(text);
	if (!people) {
		directory_say(self, now, why);
		self->broken = 1;
		return 0;
	}
	self->broken = 0;
	pthread_rwlock_wrlock(&self->lock);
	struct people *old = self->people;
	self->people = people;
	self->good = now;
	self->written = directory_written(&is);
	pthread_rwlock_unlock(&self->lock);
	people_free(old);
	self->host->log(self->handle, EMA_LOG_INFO, "people.conf was read anew");
	return 1;
}

static void directory_poll(ema_instance *self)
{
	int64_t now = self->host->now(self->handle), looked = atomic_load(&self->looked);
	int changed = 0;
	/* A clock that was set back must not put the next look off. */
	if (now >= looked && now - looked < DIRECTORY_POLL_MS)
		return;
	/* Others go on with what is there while one looks, unless that has not been looked at for long. */
	if (now - looked > 10 * DIRECTORY_POLL_MS ? pthread_mutex_lock(&self->looking) != 0 : pthread_mutex_trylock(&self->looking) != 0)
		return;
	if (atomic_load(&self->looked) != now) {
		changed = directory_look(self, now);
		atomic_store(&self->looked, now);
	}
	pthread_mutex_unlock(&self->looking);
	if (changed)
		self->host->directory_changed(self->handle);
}

static int directory_open(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	const char *text = NULL;
	size_t length = 0;
	char why[PEOPLE_ERROR] = "";
	int code = EMA_OK;
	ema_instance *self = calloc(1, sizeof *self);
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->host = host;
	self->handle = handle;
	self->max_age = 24 * 60 * 60 * INT64_C(1000);
	if ((code = host->conf_path(conf, "path", &self->path)) != EMA_OK || (code = host->conf_duration(conf, "max_age", &self->max_age)) != EMA_OK ||
	    (code = host->conf_duration(conf, "max_file_age", &self->max_file_age)) != EMA_OK)
		goto fail;
	if (!self->path) {
		code = host->conf_fail(conf, "path", "it is missing: the file with the people, path = \"people.conf\"");
		goto fail;
	}
	/* Before the reading: what comes in between is seen as a change. */
	if (stat(self->path, &self->seen) < 0)
		memset(&self->seen, 0, sizeof self->seen);
	self->owner = self->seen.st_uid;
	if ((code = host->conf_file(conf, self->path, PEOPLE_FILE_MOST, &text, &length)) != EMA_OK)
		goto fail;
	self->people = people_read(self->path, text, length, why);
	if (!self->people) {
		code = host->conf_fail(conf, "path", why);
		goto fail;
	}
	self->good = host->now(handle);
	atomic_init(&self->looked, self->good);
	self->written = directory_written(&self->seen);
	if (pthread_mutex_init(&self->looking, NULL) != 0 || pthread_rwlock_init(&self->lock, NULL) != 0) {
		code = EMA_OUT_OF_MEMORY;
		goto fail;
	}
	*out = self;
	return EMA_OK;
fail:
	people_free(self->people);
	free(self);
	return code;
}

static void directory_close(ema_instance *self)
{
	pthread_rwlock_destroy(&self->lock);
	pthread_mutex_destroy(&self->looking);
	people_free(self->people);
	free(self);
}

/* All names that the provider and its authority gave must be of one person (JAG-83). */
static int directory_find(const ema_instance *self, ema_call *call, const struct person **out)
{
	static const struct {
		int item;
		enum people_key kind;
	} names[] = { { EMA_ITEM_SUBJECT, PEOPLE_SUBJECT }, { EMA_ITEM_EMAIL, PEOPLE_EMAIL }, { EMA_ITEM_NAME_ID, PEOPLE_NAME_ID } };
	const struct person *found = NULL;
	char key[PEOPLE_KEY_MOST];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *text = self->host->item(call, names[i].item);
		const char *provider = self->host->item(call, EMA_ITEM_PROVIDER);
		if (!text)
			continue;
		if (names[i].kind == PEOPLE_SUBJECT) {
			if (!provider || people_subject(provider, self->host->item(call, EMA_ITEM_TENANT), text, key) < 0)
				continue;
		} else if (names[i].kind == PEOPLE_EMAIL) {
			if (people_email(text, key) < 0)
				continue;
		} else if (snprintf(key, sizeof key, "%s", text) >= (int)sizeof key) {
			continue;
		}
		const struct person *person = people_find(self->people, names[i].kind, key);
		if (person && found && person != found)
			return self->host->fail(call, EMA_SUBJECT_CONFLICT, "the subject, its e-mail address and its SAML name are of two people in the directory");
		found = person ? person : found;
	}
	*out = found;
	return found ? EMA_OK : self->host->fail(call, EMA_UNKNOWN_SUBJECT, "no person of the directory has this subject (subjects), e-mail address (email; "
	                                        "only inside the provider's authority) or SAML name (name_ids)");
}

static int directory_tell(const ema_instance *self, ema_call *call, const struct person *person)
{
	const char *text, *system = NULL;
	int code = self->host->set_person(call, person_id(person), person_active(person));
	if (code == EMA_OK && !person_active(person))
		return self->host->fail(call, EMA_DISABLED, "the person has active = false");
	for (unsigned i = 0; code == EMA_OK && (text = person_group(person, i)); i++)
		code = self->host->add_group(call, text);
	for (unsigned i = 0; code == EMA_OK && (text = person_role(person, i)); i++)
		code = self->host->add_role(call, text);
	for (unsigned i = 0; code == EMA_OK && (text = person_account(person, i, &system)); i++)
		code = self->host->add_account(call, system, text);
	if (code == EMA_OK)
		code = self->host->set_max_age(call, DIRECTORY_POLL_MS);
	/* A directory may not answer EMA_BAD_CLAIM: it is the file that has a name which no person has. */
	return code == EMA_BAD_CLAIM ? self->host->fail(call, EMA_DIRECTORY_UNAVAILABLE, "the person has an id, group, role or account with characters "
	                                               "that no name has") : code;
}

/* Whether what was read still counts. */
static int directory_counts(const ema_instance *self, ema_call *call)
{
	int64_t now = self->host->now(self->handle);
	if (atomic_load(&self->broken) && now - self->good > self->max_age)
		return self->host->fail(call, EMA_DIRECTORY_STALE, "the file of people could not be read for longer than max_age; the log says why");
	if (self->max_file_age && now - self->written > self->max_file_age)
		return self->host->fail(call, EMA_DIRECTORY_STALE, "the file of people was not written for longer than max_file_age");
	return EMA_OK;
}

static int directory_lookup(ema_instance *self, ema_call *call)
{
	const struct person *person = NULL;
	directory_poll(self);
	pthread_rwlock_rdlock(&self->lock);
	int code = directory_counts(self, call);
	if (code == EMA_OK)
		code = directory_find(self, call, &person);
	if (code == EMA_OK)
		code = directory_tell(self, call, person);
	pthread_rwlock_unlock(&self->lock);
	return code;
}

struct directory_telling {
	const ema_instance *self;
	ema_people *people;
};

static int directory_name(void *data, const struct person *person, enum people_key kind, const char *name)
{
	const struct directory_telling *telling = data;
	const char *subject = kind == PEOPLE_SUBJECT ? name : NULL, *email = kind == PEOPLE_EMAIL ? name : NULL;
	return telling->self->host->add_person(telling->people, person_id(person), person_active(person), subject, email);
}

static int directory_people(ema_instance *self, ema_people *people)
{
	struct directory_telling telling = { self, people };
	if (!EMA_HOST_HAS(self->host, add_person))
		return EMA_UNAVAILABLE;
	directory_poll(self);
	pthread_rwlock_rdlock(&self->lock);
	int code = people_each(self->people, directory_name, &telling);
	pthread_rwlock_unlock(&self->lock);
	return code;
}

/* A file that is too old to let somebody in is good enough to shut somebody out. */
static int directory_person(ema_instance *self, ema_call *call, const char *id)
{
	char subject[PEOPLE_KEY_MOST];
	directory_poll(self);
	pthread_rwlock_rdlock(&self->lock);
	const struct person *person = people_find(self->people, PEOPLE_ID, id);
	int code = person ? self->host->set_person(call, person_id(person), person_active(person))
	                  : self->host->fail(call, EMA_UNKNOWN_SUBJECT, "no person of the directory has this id");
	for (unsigned i = 0; code == EMA_OK && person_subject(person, i, subject); i++)
		code = self->host->add_subject(call, subject);
	pthread_rwlock_unlock(&self->lock);
	return code;
}

const struct ema_directory_ops file_directory = {
	sizeof file_directory, directory_open, directory_close, directory_lookup, directory_people, directory_person,
};
