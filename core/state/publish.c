/* Who publishes marks. */
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "descriptor.h"
#include "marks_inside.h"

/* Between two times that all is written: a storm of marks costs no more, and many marks no more than a tenth of the time that there is. */
#define PUBLISH_GAP_MS INT64_C(100)
#define PUBLISH_GAP_MOST INT64_C(500)    /* a revocation still reaches all within a second */
#define PUBLISH_ALL_MS INT64_C(60000)    /* so often all is written anyway: what somebody damaged, or a clock that was wrong left out */
#define PUBLISH_KEEP_MS INT64_C(3600000) /* where nobody reads it: blocks are to be renewed, and what expired is to go */
#define PUBLISH_CHANGES_LEAST ((size_t)1 << 20) /* so long, or as long as "marks", "changes" may be before all is written anew */
#define PUBLISH_CONTACT_MS INT64_C(2000) /* so old may be what is known */

struct publisher {
	struct marks *marks;
	char *folder;
	const struct clock *clock;
	struct log log;
	int lock;            /* a descriptor that holds it */
	int keeps, private;
	int64_t sequence;    /* that was used last */
	int64_t marks_sequence;
	uint64_t changes;    /* of marks, that are written */
	int written;         /* "marks", and all of "changes" */
	size_t marks_length, changes_length;
	int64_t marks_time;  /* wall */
	struct mark_news news; /* under the marks' lock; of a private one */
	struct buffer text;  /* of the last marks: its room is for the next */
	int64_t all_next;    /* monotonic */
	pthread_t thread;
	int has_thread;
	struct notice notice;
	/* Under the marks' lock. */
	int stop;
	int64_t failing_since; /* wall; 0: it does not fail */
	char complaint[FAILURE_TEXT];
};

/* ---- The files ---- */

int publish_digest(const char *text, size_t length, char hex[PUBLISH_HEX + 1])
{
	unsigned char hash[DIGEST_BYTES];
	unsigned got = 0;
	if (EVP_Digest(text, length, hash, &got, EVP_sha256(), NULL) != 1 || got != sizeof hash)
		return -1;
	buffer_hex(hex, hash, sizeof hash);
	return 0;
}

/* An end that no clock reaches; the last bit of a block says that it stands. */
static int64_t number_of(int64_t value)
{
	return value <= PUBLISH_NUMBER_MOST ? value : PUBLISH_NUMBER_MOST - 1 + (value & 1);
}

static void put_line(struct buffer *out, const struct mark_slot *slot, char what, int64_t value, int64_t expires)
{
	unsigned char digest[DIGEST_BYTES], key[MARK_KEY_MOST];
	char hex[PUBLISH_HEX + 1], line[PUBLISH_HEX + 64];
	mark_digest(slot, digest);
	mark_key(slot->kind, what, digest, NULL, key);
	buffer_hex(hex, digest, DIGEST_BYTES);
	/* Each is written while the marks are locked: in one go. */
	int length = snprintf(line, sizeof line, "[\"%c\",\"%c\",\"%s\",%" PRId64 ",%" PRId64 ",", key[MARK_PREFIX_LENGTH], what, hex, number_of(value),
	                      number_of(expires));
	buffer_append(out, line, (size_t)length);
	buffer_json(out, slot->label ? slot->label : "", slot->label ? strlen(slot->label) : 0);
	buffer_text(out, "]\n");
}

static void put_mark(struct buffer *out, const struct marks *marks, struct mark_slot *slot, int64_t now)
{
	int64_t epoch = atomic_load(&slot->epoch), block = atomic_load(&slot->block);
	/* Where nobody follows a store, nobody else renews it. */
	if (marks->alone && (block & 1) && slot->block_expires < now + MARK_RENEW_MS)
		slot->block_expires = now + MARK_BLOCK_MS;
	if (epoch != MARK_NONE && slot->epoch_expires > now)
		put_line(out, slot, 'e', epoch, slot->epoch_expires);
	if (block && slot->block_expires > now)
		put_line(out, slot, 'b', block, slot->block_expires);
}

/* All of them, or (news) those that changed. Under the lock. */
static void put_marks(struct buffer *out, struct marks *marks, const struct mark_news *news, int64_t sequence, int64_t now)
{
	struct mark_slots *slots = atomic_load(&marks->table.slots);
	buffer_clear(out);
	buffer_printf(out, PUBLISH_MAGIC "%0*d\n{\"sequence\":%" PRId64 "}\n", PUBLISH_HEX, 0, sequence);
	for (size_t i = 0; i < (news ? news->count : slots->count) && !out->failed; i++) {
		/* What was swept away meanwhile has ended. */
		struct mark_slot *slot = news ? mark_table_find(&marks->table, news->words[i]) : &slots->list[i];
		if (slot && atomic_load(&slot->used))
			put_mark(out, marks, slot, now);
	}
}

static int seal(struct buffer *text, struct failure *failure)
{
	char hex[PUBLISH_HEX + 1];
	if (text->failed || publish_digest(text->data + PUBLISH_FIRST, text->length - PUBLISH_FIRST, hex))
		return failure_set(failure, EMA_OUT_OF_MEMORY, "all that is revoked does not fit into memory, or into a file of %zu MiB", PUBLISH_MARKS_MOST >> 20);
	memcpy(text->data + PUBLISH_MAGIC_LENGTH, hex, PUBLISH_HEX);
	return EMA_OK;
}

/* A store that outlives us writes it again at the next start; else the file may be all there is, and waits for the disk. */
static int write_marks(struct publisher *publisher, int folder, int64_t sequence, struct failure *failure)
{
	const struct buffer *text = &publisher->text;
	int code = published_write(folder, PUBLISH_MARKS, text->data, text->length, publisher->keeps, failure);
	/* What the power leaves of the one before is in "marks", too. */
	if (code == EMA_OK && publisher->private)
		code = published_write(folder, PUBLISH_CHANGES, "", 0, 1, failure);
	if (code == EMA_OK) {
		publisher->marks_sequence = sequence;
		publisher->marks_length = text->length;
		publisher->marks_time = clock_wall(publisher->clock);
		publisher->changes_length = 0;
	}
	return code;
}

static int append_changes(struct publisher *publisher, int folder, struct failure *failure)
{
	const struct buffer *text = &publisher->text;
	int code = EMA_OK, fd = openat(folder, PUBLISH_CHANGES, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || descriptor_write(fd, text->data, text->length) || fdatasync(fd))
		code = failure_set(failure, EMA_UNAVAILABLE, PUBLISH_CHANGES " cannot be written: %s", strerror(errno));
	else
		publisher->changes_length += text->length;
	if (fd >= 0)
		close(fd);
	return code;
}

static int write_alive(const struct publisher *publisher, int folder, int64_t sequence, struct failure *failure)
{
	struct buffer text = BUFFER_INIT(PUBLISH_ALIVE_MOST);
	buffer_printf(&text, "{\"sequence\":%" PRId64 ",\"marks\":%" PRId64 ",\"written\":%" PRId64 "}\n", sequence, publisher->marks_sequence,
	              clock_wall(publisher->clock));
	int code = text.failed ? failure_set(failure, EMA_OUT_OF_MEMORY, "no memory") :
	                         published_write(folder, PUBLISH_ALIVE, text.data, text.length, 0, failure);
	buffer_free(&text);
	return code;
}

/* ---- The lock ---- */

/* Another one's sequence would go up and down with ours. A file that others cannot open: else they could keep us from it. */
static int take_lock(struct publisher *publisher, int folder, struct failure *failure)
{
	publisher->lock = openat(folder, PUBLISH_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	/* One that was copied there may be open for all. */
	if (publisher->lock < 0 || fchmod(publisher->lock, 0600))
		return failure_set(failure, EMA_CONFIG, "%.300s/" PUBLISH_LOCK ": %s", publisher->folder, strerror(errno));
	if (!flock(publisher->lock, LOCK_EX | LOCK_NB))
		return EMA_OK;
	if (errno == EWOULDBLOCK)
		return failure_set(failure, EMA_CONFIG, publisher->private ? "%.300s: another process keeps there what is revoked, and by stores in memory neither "
		                   "would know what the other one revokes: stop it, or give this one a state_dir of its own and both a store that they share" :
		                   "%.300s: another process publishes there: give this one a folder of its own", publisher->folder);
	return failure_set(failure, EMA_CONFIG, "%.300s/" PUBLISH_LOCK " cannot be locked: %s", publisher->folder, strerror(errno));
}

/* The folder was made anew: the lock that is held locks nothing any more, and another process could have taken the new one. */
static int keep_lock(struct publisher *publisher, int folder, struct failure *failure)
{
	struct stat held, there;
	if (publisher->lock >= 0 && !fstat(publisher->lock, &held) && !fstatat(folder, PUBLISH_LOCK, &there, AT_SYMLINK_NOFOLLOW) &&
	    held.st_dev == there.st_dev && held.st_ino == there.st_ino)
		return EMA_OK;
	if (publisher->lock >= 0)
		close(publisher->lock);
	publisher->written = 0; /* what is there may be another one's */
	int code = take_lock(publisher, folder, failure);
	if (code != EMA_OK && publisher->lock >= 0) {
		close(publisher->lock);
		publisher->lock = -1;
	}
	return code;
}

/* ---- Publishing ---- */

static int open_folder(const struct publisher *publisher, struct failure *failure)
{
	return publisher->private ? published_private(publisher->folder, failure) : published_make(publisher->folder, failure);
}

/* What it does not know it must not seem to know: who reads then counts from the last time. */
static int is_known(struct marks *marks)
{
	int64_t contact = atomic_load(&marks->contact);
	if (atomic_load(&marks->incomplete))
		return 0;
	return marks->alone || (contact != INT64_MIN && clock_monotonic(marks->clock) - contact <= PUBLISH_CONTACT_MS);
}

static int has_length(int folder, const char *name, size_t length)
{
	struct stat st;
	return !fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) && (uint64_t)st.st_size == length;
}

/* What is there is not what was written, or time has come to write it anew. */
static int is_due(const struct publisher *publisher, int folder)
{
	const size_t length = publisher->marks_length, most = length > PUBLISH_CHANGES_LEAST ? length : PUBLISH_CHANGES_LEAST;
	if (!publisher->written || clock_monotonic(publisher->clock) >= publisher->all_next || faccessat(folder, PUBLISH_MARKS, F_OK, 0))
		return 1;
	if (!publisher->private)
		return 0;
	return !has_length(folder, PUBLISH_MARKS, length) || !has_length(folder, PUBLISH_CHANGES, publisher->changes_length) ||
	       publisher->changes_length > most || publisher->changes_length > PUBLISH_MARKS_MOST / 2 ||
	       clock_wall(publisher->clock) < publisher->marks_time; /* one that was ahead left out what had ended by it */
}

int publisher_step(struct publisher *publisher, struct failure *failure)
{
	struct marks *marks = publisher->marks;
	struct failure why = FAILURE_INIT;
	int folder = -1, code = EMA_OK;
	if (publisher->sequence >= PUBLISH_SEQUENCE_MOST)
		return failure_set(failure, EMA_INTERNAL, "the sequence of what is published is at its end");
	int64_t sequence = publisher->sequence + 1;
	if ((folder = open_folder(publisher, &why)) < 0)
		return failure_set(failure, why.code, "%s", why.text);
	if ((code = keep_lock(publisher, folder, failure)) != EMA_OK) {
		close(folder);
		return code;
	}
	const int due = is_due(publisher, folder);
	pthread_mutex_lock(&marks->lock);
	const uint64_t changes = marks->changes;
	const int known = is_known(marks);
	const int news = changes != publisher->changes, all = due || (news && (marks->news != &publisher->news || publisher->news.missed));
	if (known && (all || news)) {
		put_marks(&publisher->text, marks, all ? NULL : &publisher->news, sequence, clock_wall(publisher->clock));
		publisher->news.count = 0;
		publisher->news.missed = 0;
	}
	pthread_mutex_unlock(&marks->lock);
	if (!known)
		code = failure_set(failure, EMA_STORE_UNAVAILABLE, "what is revoked is not known: the store is away");
	else
		publisher->sequence = sequence; /* never used twice, whatever fails: who has read these marks would not read others of the same number */
	/* All of them before what says that they are there. */
	if (code == EMA_OK && (all || news))
		code = seal(&publisher->text, failure);
	if (code == EMA_OK && (all || news))
		code = all ? write_marks(publisher, folder, sequence, failure) : append_changes(publisher, folder, failure);
	/* Written seldom: the room is better given back. */
	if (publisher->private)
		buffer_free(&publisher->text);
	if (code == EMA_OK && !publisher->private)
		code = write_alive(publisher, folder, sequence, failure);
	/* Behind a part of a change no other would be read. */
	if (code == EMA_OK || publisher->private)
		publisher->written = code == EMA_OK;
	if (code == EMA_OK) {
		publisher->changes = changes;
		if (all)
			publisher->all_next = clock_monotonic(publisher->clock) + (publisher->private ? PUBLISH_KEEP_MS : PUBLISH_ALL_MS);
	}
	close(folder);
	return code;
}

static int has_news(const struct publisher *publisher)
{
	const struct marks *marks = publisher->marks;
	return marks->changes != publisher->changes || (publisher->keeps && marks->asked != marks->answered);
}

/* Until it is over or there is a change, but not before least and no longer than most. Under the marks' lock. */
static void await_change(struct publisher *publisher, int64_t least, int64_t most)
{
	struct marks *marks = publisher->marks;
	for (int round = 0; round < 2; round++) {
		const struct timespec until = clock_from_now(round ? most - least : least);
		while (!publisher->stop && !(round && has_news(publisher)) &&
		       pthread_cond_timedwait(&marks->changed, &marks->lock, &until) != ETIMEDOUT)
			;
	}
}

/* The thread alone writes what it looks at here. */
static void tell(const struct publisher *publisher, int code, const struct failure *why)
{
	const char *does = publisher->private ? "kept" : "published";
	if (code != EMA_OK && strcmp(why->text, publisher->complaint))
		log_printf(&publisher->log, code == EMA_STORE_UNAVAILABLE ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "revocations are not %s in %s: %s; %s", does,
		           publisher->folder, why->text, publisher->private ? "none is acknowledged until they are" : "those who read there refuse everything in a while");
	else if (code == EMA_OK && publisher->failing_since)
		log_printf(&publisher->log, LOG_LEVEL_INFO, "revocations are %s in %s again", does, publisher->folder);
	if (code != EMA_OK && !publisher->failing_since)
		notice_tell(&publisher->notice, "publish-failed", NOTICE_ERROR, "folder", publisher->folder, "reason", why->text, NULL);
	else if (code == EMA_OK && publisher->failing_since)
		notice_tell(&publisher->notice, "publish-recovered", NOTICE_INFO, "folder", publisher->folder, NULL);
}

int publisher_fails(struct publisher *publisher, int64_t *since, char why[FAILURE_TEXT])
{
	pthread_mutex_lock(&publisher->marks->lock);
	*since = publisher->failing_since;
	memcpy(why, publisher->complaint, FAILURE_TEXT);
	pthread_mutex_unlock(&publisher->marks->lock);
	return *since != 0;
}

/* Whoever waited when it began. Under the marks' lock. */
static void answer(const struct publisher *publisher, int code, uint64_t asked)
{
	struct marks *marks = publisher->marks;
	if (code == EMA_OK)
		marks->kept = publisher->changes;
	marks->answered = asked;
	pthread_cond_broadcast(&marks->changed);
}

static void *publish(void *data)
{
	struct publisher *publisher = data;
	struct marks *marks = publisher->marks;
	pthread_mutex_lock(&marks->lock);
	while (!publisher->stop) {
		struct failure why = FAILURE_INIT;
		const uint64_t asked = marks->asked;
		pthread_mutex_unlock(&marks->lock);
		int64_t begin = clock_monotonic(&clock_system);
		int code = publisher_step(publisher, &why);
		int64_t gap = publisher->private ? 0 : (clock_monotonic(&clock_system) - begin) * 10;
		gap = gap < PUBLISH_GAP_MS && !publisher->keeps ? PUBLISH_GAP_MS : gap > PUBLISH_GAP_MOST ? PUBLISH_GAP_MOST : gap;
		tell(publisher, code, &why);
		pthread_mutex_lock(&marks->lock);
		memcpy(publisher->complaint, why.text, sizeof why.text);
		publisher->failing_since = code == EMA_OK ? 0 : publisher->failing_since ? publisher->failing_since : clock_wall(publisher->clock);
		if (publisher->keeps)
			answer(publisher, code, asked);
		await_change(publisher, code == EMA_OK ? gap : PUBLISH_EACH_MS, PUBLISH_EACH_MS);
	}
	pthread_mutex_unlock(&marks->lock);
	return NULL;
}

/* ---- Opening ---- */

/* 0 if it is not there, or not right. */
static int64_t alive_sequence(int at, const struct published *folder)
{
	struct publish_alive alive = { 0 };
	char *text = NULL;
	size_t length = 0;
	int found = !published_read_at(at, folder, PUBLISH_ALIVE, PUBLISH_ALIVE_MOST, NULL, &text, &length, NULL) && !publish_alive_read(text, length, &alive);
	free(text);
	return found ? alive.sequence : 0;
}

/*
 * A store_entry_fn for what a process with the memory as its store kept. A block has no end, however long there was none; and what has
 * ended since "marks" was written gave its place to what was revoked then.
 */
static int take_kept(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	struct marks *marks = data;
	const int64_t now = clock_wall(marks->clock);
	const int blocks = ((const char *)key)[MARK_PREFIX_LENGTH + 1] == 'b' && (store_mark_read(value) & 1);
	if (blocks && expires < now + MARK_RENEW_MS)
		expires = now + MARK_BLOCK_MS;
	int code = mark_take(marks, key, key_length, value, value_length, expires);
	if (code != EMA_STORE_FULL)
		return code;
	atomic_store(&marks->incomplete, 0);
	if (!blocks && expires <= now)
		return EMA_OK;
	pthread_mutex_lock(&marks->lock);
	mark_table_sweep(&marks->table, now, MARKS_LIFE_MS);
	pthread_mutex_unlock(&marks->lock);
	return mark_take(marks, key, key_length, value, value_length, expires);
}

/* What was kept since "marks" was written. */
static int go_on_changes(struct publisher *publisher, int at, const struct published *folder, int64_t *sequence, struct failure *failure)
{
	char *text = NULL;
	size_t length = 0, whole = 0;
	int code = published_read_at(at, folder, PUBLISH_CHANGES, PUBLISH_MARKS_MOST, NULL, &text, &length, failure);
	if (code == EMA_OK)
		code = publish_changes_read(text, length, &whole, sequence, take_kept, publisher->marks);
	free(text);
	if (code == EMA_OK && whole < length)
		log_printf(&publisher->log, LOG_LEVEL_WARNING, "%s/" PUBLISH_CHANGES ": the last %zu bytes are left out, because they are not whole: nobody was told "
		           "that they are kept, unless the disk lost them", publisher->folder, length - whole);
	return code == EMA_ABSENT ? EMA_OK : code;
}

/*
 * Where the one before ended, or the clock, whichever is later: who has read that takes nothing older. And what it had published: a
 * store in memory forgot it, another one may have lost it, and must not say to others that it never was.
 */
static int go_on(struct publisher *publisher, int at, struct failure *failure)
{
	const struct published folder = { publisher->folder, geteuid() };
	struct failure why = FAILURE_INIT;
	struct marks *marks = publisher->marks;
	int64_t sequence = 0, alive = alive_sequence(at, &folder), now = clock_wall(publisher->clock);
	const char *name = PUBLISH_MARKS;
	char *text = NULL;
	size_t length = 0;
	int code = published_read_at(at, &folder, PUBLISH_MARKS, PUBLISH_MARKS_MOST, NULL, &text, &length, &why);
	if (code == EMA_OK)
		code = publish_marks_read(text, length, 0, &sequence, publisher->private ? take_kept : mark_take, marks);
	free(text);
	/* The first "changes" comes behind the first "marks". */
	if (publisher->private && code == EMA_ABSENT && !faccessat(at, PUBLISH_CHANGES, F_OK, AT_SYMLINK_NOFOLLOW)) {
		failure_clear(&why);
		code = failure_set(&why, EMA_CONFIG, "it is away, and " PUBLISH_CHANGES " beside it is not");
	}
	if (publisher->private && code == EMA_OK) {
		name = PUBLISH_CHANGES;
		code = go_on_changes(publisher, at, &folder, &sequence, &why);
	}
	if (code == EMA_OUT_OF_MEMORY || code == EMA_STORE_FULL)
		return failure_set(failure, code, "no memory for what is revoked by %.300s/%s", publisher->folder, name);
	if (code != EMA_OK && code != EMA_ABSENT && marks->alone)
		return failure_set(failure, EMA_CONFIG, "%.200s/%s has what was revoked, and cannot be used: %.200s. Set that right, or move the folder away to begin "
		                   "with nothing revoked", publisher->folder, name, why.text[0] ? why.text : "it is damaged, or of another version of EMA");
	if (code != EMA_OK && code != EMA_ABSENT)
		log_printf(&publisher->log, LOG_LEVEL_WARNING, "%s/" PUBLISH_MARKS ": not used, because it is damaged, or of another version of EMA, or cannot be "
		           "read%s%s", publisher->folder, why.text[0] ? ": " : "", why.text);
	publisher->sequence = sequence > alive ? sequence : alive;
	if (publisher->sequence < now)
		publisher->sequence = now;
	return EMA_OK;
}

/* Or no more: one publisher of a marks' at a time. */
static void hear_news(struct publisher *publisher, int hears)
{
	struct marks *marks = publisher->marks;
	pthread_mutex_lock(&marks->lock);
	if (hears && !marks->news)
		marks->news = &publisher->news;
	else if (!hears && marks->news == &publisher->news)
		marks->news = NULL;
	pthread_mutex_unlock(&marks->lock);
}

int publisher_new(const struct publisher_settings *settings, struct publisher **out, struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	struct publisher *publisher = calloc(1, sizeof *publisher);
	char *path = strdup(settings->folder);
	if (!publisher || !path) {
		free(publisher);
		free(path);
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory to publish marks");
	}
	publisher->marks = settings->marks;
	publisher->folder = path;
	publisher->clock = settings->clock;
	publisher->log = settings->log;
	publisher->notice = settings->notice;
	publisher->keeps = settings->keeps;
	publisher->private = settings->private;
	publisher->lock = -1;
	buffer_init(&publisher->text, PUBLISH_MARKS_MOST);
	if (settings->private)
		hear_news(publisher, 1);
	int folder = open_folder(publisher, &why);
	int code = folder < 0 ? why.code : take_lock(publisher, folder, &why);
	if (code == EMA_OK)
		code = go_on(publisher, folder, &why);
	if (folder >= 0)
		close(folder);
	if (code != EMA_OK) {
		publisher_free(publisher);
		return failure_set(failure, code, "%s", why.text);
	}
	*out = publisher;
	return EMA_OK;
}

int publisher_start(struct publisher *publisher, struct failure *failure)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&publisher->thread, NULL, publish, publisher);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "the thread that publishes marks cannot be started: %s", strerror(error));
	publisher->has_thread = 1;
	if (publisher->keeps) {
		pthread_mutex_lock(&publisher->marks->lock);
		publisher->marks->keeps = 1;
		publisher->marks->keep_trouble = publisher->complaint;
		pthread_mutex_unlock(&publisher->marks->lock);
	}
	return EMA_OK;
}

void publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return;
	if (publisher->has_thread) {
		pthread_mutex_lock(&publisher->marks->lock);
		publisher->stop = 1;
		if (publisher->keeps) {
			publisher->marks->keeps = 0;
			publisher->marks->keep_trouble = NULL;
		}
		pthread_cond_broadcast(&publisher->marks->changed);
		pthread_mutex_unlock(&publisher->marks->lock);
		pthread_join(publisher->thread, NULL);
		/* What was revoked last was acknowledged, too. */
		pthread_mutex_lock(&publisher->marks->lock);
		const int behind = publisher->marks->changes != publisher->changes;
		pthread_mutex_unlock(&publisher->marks->lock);
		if (behind) {
			struct failure why = FAILURE_INIT;
			tell(publisher, publisher_step(publisher, &why), &why);
		}
	}
	hear_news(publisher, 0);
	if (publisher->lock >= 0)
		close(publisher->lock);
	buffer_free(&publisher->text);
	free(publisher->folder);
	free(publisher);
}
