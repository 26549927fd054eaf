#include "audit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "base64url.h"
#include "inside.h"

#define SPOOL_DEFAULT (8u * 1024 * 1024)
#define SLOTS 64      /* writers of one host that are not named */
#define ORPHANS 256

int64_t real_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t real)
{
	struct timespec t = { .tv_sec = (time_t)(real / 1000), .tv_nsec = (long)(real % 1000) * 1000000 };
	return pthread_cond_timedwait(cond, lock, &t) ? -1 : 0;
}

/* ---- Names for things ---- */

void audit_pseudonym(const struct audit *audit, const char *text, char out[AUDIT_PSEUDONYM])
{
	salt_hold(&audit->keys);
	salt_pseudonym(&audit->keys, text, out);
	salt_let_go(&audit->keys);
}

void audit_fingerprint(const char *text, size_t length, char out[AUDIT_FINGERPRINT])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	memcpy(out, "sha256:", 7);
	SHA256((const unsigned char *)text, length, hash);
	base64url_encode(hash, sizeof hash, out + 7);
}

/* ---- Appending ---- */

int append_own(struct audit *audit, const char *kind, int severity, unsigned flags, const struct audit_field *fields, size_t count)
{
	struct buffer bytes = BUFFER_INIT(SPOOL_RECORD);
	struct audit_event event = { .kind = kind, .time = clock_wall(audit->clock), .severity = severity, .fields = fields, .field_count = count };
	int result = record_encode(audit, &event, flags, &bytes);
	if (!result && spool_cost(bytes.length) + audit->reserved > audit->own->spool->room - spool_used(audit->own->spool))
		result = -1; /* what is left was promised to a decision */
	if (!result && !(result = spool_append(audit->own->spool, bytes.data, bytes.length))) {
		audit->appended++;
		pthread_cond_signal(&audit->work);
	}
	buffer_free(&bytes);
	return result;
}

static const char *field_text(const struct audit_event *event, const char *name, int *personal)
{
	for (size_t i = 0; i < event->field_count; i++)
		if (event->fields[i].type == AUDIT_TEXT && event->fields[i].text && !strcmp(event->fields[i].name, name)) {
			*personal = event->fields[i].personal;
			return event->fields[i].text;
		}
	return "";
}

static void short_text(char *out, size_t room, const char *text)
{
	size_t length = strlen(text);
	if (length >= room)
		length = room - 1;
	memcpy(out, text, length);
	out[length] = 0;
}

/* Into the counted record of its kind, code, address and second; the last one is for all that found no place. Under the lock. */
static void merge(struct audit *audit, const struct audit_event *event)
{
	struct spool_merged *table = spool_merged(audit->own->spool), key = { .count = 1, .time = event->time }, *place = NULL;
	char pseudonym[AUDIT_PSEUDONYM];
	int personal = 0;
	short_text(key.kind, sizeof key.kind, event->kind);
	short_text(key.code, sizeof key.code, field_text(event, "code", &personal));
	const char *address = field_text(event, "remote", &personal);
	if (personal && *address) {
		audit_pseudonym(audit, address, pseudonym);
		address = pseudonym;
	}
	short_text(key.address, sizeof key.address, address);
	for (size_t i = 0; i < SPOOL_MERGED - 1; i++) {
		if (!table[i].count) {
			place = place ? place : &table[i];
			continue;
		}
		if (table[i].time / 1000 == key.time / 1000 && !strcmp(table[i].kind, key.kind) && !strcmp(table[i].code, key.code) &&
		    !strcmp(table[i].address, key.address)) {
			table[i].count++;
			return;
		}
	}
	audit->merged = 1;
	if (!place) {
		place = &table[SPOOL_MERGED - 1];
		if (place->count) {
			place->count++;
			return;
		}
		short_text(key.kind, sizeof key.kind, "decision");
		short_text(key.code, sizeof key.code, "various");
		short_text(key.address, sizeof key.address, "various");
	}
	key.count = 0;
	*place = key;
	__atomic_store_n(&place->count, 1, __ATOMIC_RELEASE); /* a kill before this leaves the place free */
}

static size_t taken(const struct audit *audit)
{
	return spool_used(audit->own->spool) + audit->reserved;
}

static int has_room(const struct audit *audit, size_t cost)
{
	size_t room = audit->own->spool->room - audit->own->spool->room / INTERNAL_PART;
	return cost <= room && taken(audit) <= room - cost;
}

/* Under the lock: waits until so many bytes are free, a sink fails, or the deadline. */
static int wait_for_room(struct audit *audit, size_t cost, int64_t deadline)
{
	int64_t until = 0;
	for (;;) {
		if (audit->failing || audit->stop)
			return -1;
		if (has_room(audit, cost))
			return 0;
		if (!until) {
			int64_t left = deadline - clock_monotonic(audit->clock);
			until = real_ms() + (left > 0 ? left < 60000 ? left : 60000 : 0);
		}
		if (real_ms() >= until)
			return -1;
		audit->waiting++;
		pthread_cond_signal(&audit->work);
		audit_hurry(audit);
		wait_until(&audit->room, &audit->lock, until);
		audit->waiting--;
	}
}

static int unavailable(const struct audit *audit, struct failure *failure)
{
	return failure_set(failure, EMA_AUDIT_UNAVAILABLE, audit->failing ? "an audit sink that must work (on_failure = \"deny\") does not; see the log"
									: "the audit spool is full: its sinks are too slow");
}

/* Under the lock: the record in full where that finds room, else (where room is reserved) as it was cut to fit. 0 or -1. */
static int append_either(struct audit *audit, const struct buffer *whole, const struct buffer *cut, size_t reserved, int64_t deadline)
{
	size_t cost = spool_cost(whole->length);
	audit->reserved -= reserved;
	if (cut->length && !has_room(audit, cost))
		whole = cut;
	else if (!reserved && wait_for_room(audit, cost, deadline))
		return -1;
	if (reserved && audit->waiting)
		pthread_cond_broadcast(&audit->room);
	return spool_append(audit->own->spool, whole->data, whole->length);
}

int audit_append(struct audit *audit, const struct audit_event *event, int authenticated, int64_t deadline, struct failure *failure)
{
	int result = EMA_OK;
	uint64_t end = 0;
	char room[RECORD_USUAL];
	struct buffer whole, cut = BUFFER_INIT(event->reserved ? event->reserved - spool_cost(0) : 0);
	if (!origin_is_here(audit->origin))
		return failure_set(failure, EMA_AUDIT_UNAVAILABLE, "this process was forked from the one that opened the audit spool");
	buffer_on(&whole, room, sizeof room, SPOOL_RECORD);
	if (record_encode(audit, event, 0, &whole) ||
	    (event->reserved && spool_cost(whole.length) > event->reserved && record_encode(audit, event, 0, &cut))) {
		audit_release(audit, event->reserved);
		result = failure_set(failure, EMA_AUDIT_UNAVAILABLE, "no memory for the audit record");
		goto free;
	}
	pthread_mutex_lock(&audit->lock);
	if (!authenticated && !event->reserved && !audit->failing && taken(audit) + spool_cost(whole.length) > audit->own->spool->room / 2) {
		merge(audit, event);
		goto done;
	}
	if (append_either(audit, &whole, &cut, event->reserved, deadline)) {
		audit->refused++;
		result = unavailable(audit, failure);
		goto done;
	}
	audit->appended++;
	end = audit->own->spool->write;
	if (audit->idle)
		pthread_cond_signal(&audit->work);
done:
	pthread_mutex_unlock(&audit->lock);
free:
	buffer_free(&whole);
	buffer_free(&cut);
	if (end && audit->durability_disk && spool_sync(audit->own->spool, end))
		return failure_set(failure, EMA_AUDIT_UNAVAILABLE, "the audit spool cannot be written to disk: %s", strerror(errno));
	return result;
}

int audit_reserve(struct audit *audit, size_t bytes, int64_t deadline)
{
	if (!origin_is_here(audit->origin))
		return EMA_AUDIT_UNAVAILABLE;
	pthread_mutex_lock(&audit->lock);
	int result = wait_for_room(audit, bytes, deadline) ? EMA_AUDIT_UNAVAILABLE : EMA_OK;
	if (!result)
		audit->reserved += bytes;
	pthread_mutex_unlock(&audit->lock);
	return result;
}

void audit_release(struct audit *audit, size_t bytes)
{
	if (!bytes || !origin_is_here(audit->origin))
		return;
	pthread_mutex_lock(&audit->lock);
	audit->reserved -= bytes;
	if (audit->waiting)
		pthread_cond_broadcast(&audit->room);
	pthread_mutex_unlock(&audit->lock);
}

int audit_drain(struct audit *audit, int64_t ms)
{
	int64_t until = real_ms() + ms;
	int result = EMA_OK;
	if (!origin_is_here(audit->origin))
		return EMA_TIMEOUT;
	pthread_mutex_lock(&audit->lock);
	audit->draining++;
	audit_hurry(audit);
	while (!audit_settled(audit) && result == EMA_OK) {
		if (real_ms() >= until)
			result = EMA_TIMEOUT;
		else
			wait_until(&audit->rest, &audit->lock, until);
	}
	audit->draining--;
	pthread_mutex_unlock(&audit->lock);
	return result;
}

static void tell(void *data, const char *kind, int severity, const struct notice_field *fields, int count)
{
	struct audit *audit = data;
	struct audit_field list[RECORD_FIELDS];
	size_t n = 0;
	if (!origin_is_here(audit->origin))
		return;
	for (int i = 0; i < count && n < RECORD_FIELDS; i++)
		list[n++] = (struct audit_field){ .name = fields[i].name, .type = AUDIT_TEXT, .text = fields[i].value };
	pthread_mutex_lock(&audit->lock);
	if (append_own(audit, kind, severity, 0, list, n))
		audit->refused++;
	pthread_mutex_unlock(&audit->lock);
}

void audit_notice(struct audit *audit, struct notice *out)
{
	out->tell = tell;
	out->data = audit;
}

void audit_state(struct audit *audit, struct audit_state *out)
{
	pthread_mutex_lock(&audit->lock);
	*out = (struct audit_state){ .appended = audit->appended, .delivered = audit->delivered, .dropped = audit->dropped,
		                     .spool_used = spool_used(audit->own->spool), .spool_room = audit->own->spool->room, .failing = audit->failing };
	pthread_mutex_unlock(&audit->lock);
}

int audit_sink_is_down(struct audit *audit, const char *id)
{
	int down = 0;
	pthread_mutex_lock(&audit->lock);
	for (size_t i = 0; i < audit->sink_count; i++)
		down |= audit->sinks[i]->down && !strcmp(audit->sinks[i]->id, id);
	pthread_mutex_unlock(&audit->lock);
	return down;
}

void audit_reopen(struct audit *audit)
{
	pthread_mutex_lock(&audit->lock);
	audit->reopen = 1;
	audit->salt_at = 0; /* somebody may have removed it */
	for (size_t i = 0; i < audit->sink_count; i++)
		audit->sinks[i]->reopen = 1;
	pthread_cond_signal(&audit->work);
	pthread_mutex_unlock(&audit->lock);
}

int audit_sinks(struct audit *audit, const struct audit_sink *sinks, size_t count, struct failure *failure)
{
	struct sink **list = calloc(count + 1, sizeof *list);
	size_t made = 0;
	while (list && made < count && (list[made] = sink_new(audit, &sinks[made])))
		made++;
	if (!list || made < count) {
		pthread_mutex_lock(&audit->lock);
		for (size_t i = 0; i < made; i++)
			sink_discard(list[i]);
		pthread_mutex_unlock(&audit->lock);
		free(list);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the audit sinks, or no thread");
	}
	pthread_mutex_lock(&audit->lock);
	while (audit->swapping)
		pthread_cond_wait(&audit->rest, &audit->lock);
	audit->swap = list;
	audit->swap_count = count;
	audit->swapping = 1;
	pthread_cond_signal(&audit->work);
	while (audit->swapping)
		pthread_cond_wait(&audit->rest, &audit->lock);
	pthread_mutex_unlock(&audit->lock);
	return EMA_OK;
}

/* ---- Opening and closing ---- */

static int make_folder(const char *path, struct failure *failure)
{
	struct stat is;
	if (mkdir(path, 0700) && errno != EEXIST)
		return failure_set(failure, EMA_CONFIG, "cannot make %s: %s", path,
		                   errno == ENOENT ? "the folder that it belongs into does not exist: make state_dir" : errno == EACCES ?
		                   "Permission denied (a process of another user needs a state_dir of its own)" : strerror(errno));
	if (lstat(path, &is) || !S_ISDIR(is.st_mode) || is.st_uid != geteuid() || (is.st_mode & 022))
		return failure_set(failure, EMA_CONFIG, "%s must be a folder of this user that nobody else can write to", path);
	return EMA_OK;
}

static int good_writer(const char *name)
{
	if (!*name || *name == '.' || strlen(name) >= CHAIN_WRITER - 8)
		return 0;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return 0;
	return 1;
}

static int channel_open(struct audit *audit, const char *writer, size_t bytes, int create, struct channel **out, struct failure *failure)
{
	char path[PATH_MAX];
	const char *state = NULL;
	struct channel *channel = calloc(1, sizeof *channel);
	int result = EMA_OK;
	if (!channel)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the audit spool");
	channel->chain.head = -1;
	if (audit->folder) {
		if ((size_t)snprintf(path, sizeof path, "%s/spool/%s", audit->folder, writer) >= sizeof path)
			result = failure_set(failure, EMA_CONFIG, "state_dir is too long a path");
		else if (create)
			result = make_folder(path, failure);
	}
	if (result == EMA_OK)
		result = spool_open(audit->folder ? path : NULL, bytes, create, &channel->spool, failure);
	if (result == EMA_OK)
		result = chain_open(audit->folder, writer, &audit->keys, channel->spool, &channel->chain, &state, failure);
	if (result != EMA_OK) {
		channel_close(channel);
		return result;
	}
	*out = channel;
	if (!create)
		return EMA_OK;
	audit->own = audit->channels = audit->lead = channel;
	channel->order = ORPHANS;
	audit->settled = channel->chain.cursor.number;
	char torn[16];
	snprintf(torn, sizeof torn, "%u", channel->spool->torn);
	struct audit_field fields[] = { { .name = "state", .type = AUDIT_TEXT, .text = state }, { .name = "torn", .type = AUDIT_TEXT, .text = torn } };
	if (state && append_own(audit, "chain-start", strcmp(state, "new") ? NOTICE_ALERT : NOTICE_INFO, 0, fields, 1))
		log_printf(&audit->log, LOG_LEVEL_ERROR, "audit: no room to record the state of the chain");
	if (channel->spool->torn && append_own(audit, "spool-torn", NOTICE_ALERT, 0, fields + 1, 1))
		log_printf(&audit->log, LOG_LEVEL_ERROR, "audit: the spool was damaged; records are lost");
	return EMA_OK;
}

static int own_channel(struct audit *audit, const struct audit_settings *settings, size_t bytes, struct failure *failure)
{
	char host[65] = "", writer[CHAIN_WRITER];
	struct channel *channel = NULL;
	int result = EMA_EXISTS;
	if (settings->writer) {
		if (!good_writer(settings->writer))
			return failure_set(failure, EMA_CONFIG, "a writer's name is of letters, digits, '.', '_' and '-'");
		result = channel_open(audit, settings->writer, bytes, 1, &channel, failure);
		return result == EMA_EXISTS ? failure_set(failure, EMA_CONFIG, "the audit spool of %s belongs to a process that runs", settings->writer) : result;
	}
	if (gethostname(host, sizeof host - 1) || !*host)
		memcpy(host, "host", 5);
	for (char *c = host; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			*c = '-';
	if (!audit->folder) {
		snprintf(writer, sizeof writer, "%s-%ld", host, (long)getpid());
		return channel_open(audit, writer, bytes, 1, &channel, failure);
	}
	/* The first free place, not the process id: so that a chain goes on over restarts. */
	for (int i = 0; i < SLOTS && result == EMA_EXISTS; i++) {
		snprintf(writer, sizeof writer, "%s-%d", host, i);
		result = channel_open(audit, writer, bytes, 1, &channel, failure);
	}
	return result == EMA_EXISTS ? failure_set(failure, EMA_CONFIG, "%d processes write audit records into this state_dir already", SLOTS) : result;
}

/* What dead processes left: a lock that can be had means that nobody lives there. */
static void find_orphans(struct audit *audit)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s/spool", audit->folder) >= sizeof path)
		return;
	DIR *folder = opendir(path);
	int found = 0;
	for (struct dirent *entry; folder && found < ORPHANS && (entry = readdir(folder));) {
		struct failure failure = FAILURE_INIT;
		struct channel *channel = NULL;
		if (!good_writer(entry->d_name) || !strcmp(entry->d_name, audit->own->chain.writer))
			continue;
		int result = channel_open(audit, entry->d_name, SPOOL_LEAST, 0, &channel, &failure);
		if (result == EMA_CONFIG)
			log_printf(&audit->log, LOG_LEVEL_WARNING, "audit: %s", failure.text);
		if (result != EMA_OK)
			continue;
		if (channel->spool->next == channel->spool->write) {
			channel_close(channel);
			continue;
		}
		channel->next = audit->channels;
		channel->order = audit->channels->order - 1;
		audit->channels = channel;
		found++;
	}
	audit->lead = audit->channels;
	if (folder)
		closedir(folder);
}

static void conditions(struct audit *audit)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&audit->lock, NULL);
	pthread_cond_init(&audit->work, &monotonic);
	pthread_cond_init(&audit->room, &monotonic);
	pthread_cond_init(&audit->rest, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static int folders(const struct audit *audit, struct failure *failure)
{
	static const char *const names[] = { "spool", "audit" };
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if ((size_t)snprintf(path, sizeof path, "%s/%s", audit->folder, names[i]) >= sizeof path)
			return failure_set(failure, EMA_CONFIG, "state_dir is too long a path");
		int result = make_folder(path, failure);
		if (result != EMA_OK)
			return result;
	}
	return EMA_OK;
}

static void audit_close(struct audit *audit)
{
	while (audit->channels) {
		struct channel *next = audit->channels->next;
		channel_close(audit->channels);
		audit->channels = next;
	}
	keys_close(&audit->keys);
	pthread_mutex_destroy(&audit->lock);
	pthread_cond_destroy(&audit->work);
	pthread_cond_destroy(&audit->room);
	pthread_cond_destroy(&audit->rest);
	free(audit->sinks);
	free(audit->folder);
	origin_free(audit->origin);
	free(audit);
}

int audit_new(const struct audit_settings *settings, struct audit **out, struct failure *failure)
{
	size_t bytes = settings->spool_bytes ? settings->spool_bytes : SPOOL_DEFAULT;
	int result = EMA_OK;
	if (bytes < SPOOL_LEAST || bytes > SPOOL_MOST)
		return failure_set(failure, EMA_CONFIG, "the audit spool is from 256KiB to 1GiB");
	struct audit *audit = calloc(1, sizeof *audit);
	if (!audit || !(audit->origin = origin_new())) {
		free(audit);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for audit");
	}
	audit->ids = settings->ids;
	audit->clock = settings->clock;
	audit->log = settings->log;
	audit->durability_disk = settings->durability_disk;
	audit->pseudonym_period = settings->pseudonym_period;
	audit->salt_at = real_ms() + SALT_MS;
	audit->merged = 1; /* what an earlier process left */
	conditions(audit);
	if (settings->state_dir) {
		audit->folder = strdup(settings->state_dir);
		result = audit->folder ? folders(audit, failure) : failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for audit");
	}
	if (result == EMA_OK)
		result = keys_open(audit->folder, settings->pseudonym_period, clock_wall(audit->clock), &audit->keys, failure);
	if (result == EMA_OK)
		result = own_channel(audit, settings, bytes, failure);
	if (result == EMA_OK && audit->folder)
		find_orphans(audit);
	if (result == EMA_OK) {
		audit->checkpoint_at = real_ms() + CHECKPOINT_MS;
		sigset_t all, before; /* signals are the program's own */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		audit->running = !pthread_create(&audit->thread, NULL, deliver, audit);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (!audit->running)
			result = failure_set(failure, EMA_CONFIG, "the audit thread could not be started");
	}
	if (result != EMA_OK) {
		audit_close(audit);
		return result == EMA_CONFIG ? EMA_CONFIG : result;
	}
	*out = audit;
	return EMA_OK;
}

void audit_free(struct audit *audit, int64_t ms)
{
	if (!audit)
		return;
	if (!origin_is_here(audit->origin))
		return; /* the parent's: its thread is not here, and its lock may be held for ever */
	pthread_mutex_lock(&audit->lock);
	audit->stop = 1;
	audit->stop_at = real_ms() + ms;
	pthread_cond_signal(&audit->work);
	pthread_cond_broadcast(&audit->room);
	audit_hurry(audit);
	pthread_mutex_unlock(&audit->lock);
	pthread_join(audit->thread, NULL);
	sinks_end(audit);
	audit_close(audit);
}
