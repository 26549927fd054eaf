/* The follower: keeps what this process knows of marks as the store has it, and the store as this process knows it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "marks_inside.h"

#define FOLLOW_WAIT_MS 200               /* for a change, and so how long an end may take */
#define FOLLOW_LIST_MS INT64_C(300000)   /* between two comparisons of everything */
#define FOLLOW_LIST_TIME_MS INT64_C(10000)
#define FOLLOW_RAISE_MS INT64_C(1000)
#define FOLLOW_SWEEP_MS INT64_C(10000)
#define FOLLOW_PAUSE_MOST INT64_C(1000)  /* after a failure */
#define FOLLOW_BATCH 64

/* What was kept by a hand that does not keep to the form is no mark that could be skipped: contact counts as lost. */
int mark_take(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires)
{
	struct marks *marks = data;
	const unsigned char *bytes = key;
	struct mark_name name;
	if (key_length < MARK_PREFIX_LENGTH || memcmp(bytes, MARK_PREFIX, MARK_PREFIX_LENGTH))
		return EMA_OK;
	if (!expires)
		return EMA_OK; /* gone from the store: here it ends in its own time */
	name.kind = key_length >= MARK_HEAD && key_length <= MARK_KEY_MOST ? mark_kind_of(bytes[MARK_PREFIX_LENGTH]) : -1;
	char what = name.kind < 0 ? 0 : (char)bytes[MARK_PREFIX_LENGTH + 1];
	if (name.kind < 0 || (what != 'e' && what != 'b') || value_length != STORE_MARK) {
		log_printf(&marks->log, LOG_LEVEL_ERROR, "the store has a mark of a form that this version does not know: a newer EMA, or another program, wrote it");
		return EMA_INTERNAL;
	}
	memcpy(name.digest, bytes + MARK_PREFIX_LENGTH + 2, DIGEST_BYTES);
	mark_words(name.digest, name.words);
	for (size_t i = MARK_HEAD; i < key_length; i++)
		name.label[i - MARK_HEAD] = mark_label_byte(bytes[i]);
	name.label[key_length - MARK_HEAD] = 0;
	pthread_mutex_lock(&marks->lock);
	int code = mark_apply(marks, &name, what, store_mark_read(value), expires, marks->list);
	pthread_mutex_unlock(&marks->lock);
	return code;
}

struct again {
	unsigned char key[MARK_KEY_MOST];
	size_t length;
	int64_t value, expires;
};

static void again_add(struct again *again, const struct mark_slot *slot, char what, int64_t value, int64_t expires)
{
	unsigned char digest[DIGEST_BYTES];
	mark_digest(slot, digest);
	again->length = mark_key(slot->kind, what, digest, slot->label, again->key);
	again->value = value;
	again->expires = expires;
}

/* What the last list lacked, and blocks to be renewed: a batch of them, from slot *at of *of on. */
static size_t again_collect(struct marks *marks, struct mark_slots **of, size_t *at, int64_t now, struct again batch[FOLLOW_BATCH])
{
	size_t count = 0;
	pthread_mutex_lock(&marks->lock);
	struct mark_slots *slots = atomic_load(&marks->table.slots);
	if (slots != *of)
		*at = 0; /* it grew: other places. What was collected before counts as seen */
	*of = slots;
	for (; *at < slots->count && count + 2 <= FOLLOW_BATCH; ++*at) {
		struct mark_slot *slot = &slots->list[*at];
		if (!atomic_load(&slot->used))
			continue;
		int64_t epoch = atomic_load(&slot->epoch), block = atomic_load(&slot->block);
		if (epoch != MARK_NONE && slot->epoch_expires > now && slot->epoch_seen != marks->list)
			again_add(&batch[count++], slot, 'e', epoch, slot->epoch_expires);
		slot->epoch_seen = marks->list;
		/* The slot's own end moves with the next list: only then the store has it for sure. */
		int renew = (block & 1) && slot->block_expires < now + MARK_RENEW_MS;
		if (block && (renew || (slot->block_expires > now && slot->block_seen != marks->list)))
			again_add(&batch[count++], slot, 'b', block, renew ? now + MARK_BLOCK_MS : slot->block_expires);
		slot->block_seen = marks->list;
	}
	pthread_mutex_unlock(&marks->lock);
	return count;
}

/* A store may have lost what it had acknowledged: by a change of master, or a file that was restored (JAG-58, REV-18). */
static int raise_again(struct marks *marks)
{
	struct again batch[FOLLOW_BATCH];
	struct mark_slots *of = NULL;
	size_t at = 0, count, told = 0;
	while ((count = again_collect(marks, &of, &at, clock_wall(marks->clock), batch)) > 0) {
		for (size_t i = 0; i < count; i++) {
			int64_t kept;
			int code = store_raise(marks->store, batch[i].key, batch[i].length, batch[i].value, batch[i].expires, &kept, FOLLOW_RAISE_MS);
			if (code != EMA_OK)
				return code;
		}
		told += count;
	}
	if (told)
		log_printf(&marks->log, LOG_LEVEL_WARNING, "%zu marks were not in the store, or near their end there: raised again", told);
	return EMA_OK;
}

/* *raised: whether the store took what it lacked. */
static int compare(struct marks *marks, int *raised)
{
	pthread_mutex_lock(&marks->lock);
	marks->list++;
	pthread_mutex_unlock(&marks->lock);
	int code = store_list(marks->store, MARK_PREFIX, MARK_PREFIX_LENGTH, mark_take, marks, FOLLOW_LIST_TIME_MS);
	if (code != EMA_OK)
		return code;
	atomic_store(&marks->incomplete, 0);
	*raised = marks->one_way ? EMA_OK : raise_again(marks);
	return EMA_OK;
}

static int64_t since_of(struct marks *marks)
{
	int64_t since = INT64_MIN;
	return store_since(marks->store, &since) == EMA_OK ? since : INT64_MIN;
}

int marks_step(struct marks *marks, int64_t ms)
{
	int64_t now = clock_monotonic(marks->clock);
	int code = EMA_OK, raised = EMA_OK;
	if (now >= marks->sweep_next) {
		pthread_mutex_lock(&marks->lock);
		mark_sweep(marks);
		pthread_mutex_unlock(&marks->lock);
		marks->sweep_next = now + FOLLOW_SWEEP_MS;
	}
	if (!marks->store)
		return EMA_OK;
	if (marks->list_due || now >= marks->list_next) {
		marks->list_since = since_of(marks);
		code = compare(marks, &raised);
	}
	/* Where changes are told from the store's opening on, what came between the list and now is among them. */
	if (code == EMA_OK)
		code = store_changes(marks->store, mark_take, marks, ms);
	if (code == EMA_OK) {
		if (marks->list_due || now >= marks->list_next)
			marks->list_next = now + FOLLOW_LIST_MS;
		/*
		 * A store that takes nothing tells what others revoked all the same. One that lost its memory, or is another, may answer
		 * without one failure: it lacks what it does not know of, and no change tells that.
		 */
		marks->list_due = raised != EMA_OK || since_of(marks) != marks->list_since;
		atomic_store_explicit(&marks->contact, clock_monotonic(marks->clock), memory_order_release);
	} else {
		marks->list_due = 1;
	}
	int unheard = code == EMA_OK && raised != EMA_OK;
	if (unheard && !marks->unheard)
		log_printf(&marks->log, LOG_LEVEL_ERROR, "the store lost marks and does not take them again for sure (%s): others may not hear of them", code_name(raised));
	marks->unheard = unheard;
	if (!marks->failing != (code == EMA_OK)) {
		marks->failing = code != EMA_OK;
		if (marks->failing)
			log_printf(&marks->log, LOG_LEVEL_ERROR, "%s cannot be followed (%s): what others revoke is not heard of", marks->source, code_name(code));
		else
			log_printf(&marks->log, LOG_LEVEL_INFO, "%s can be followed again", marks->source);
	}
	return code != EMA_OK ? code : raised;
}

static void follow_pause(struct marks *marks, int64_t ms)
{
	const struct timespec until = clock_from_now(ms);
	while (!marks->stop && pthread_cond_timedwait(&marks->stopped, &marks->lock, &until) != ETIMEDOUT)
		;
}

static void *follow(void *data)
{
	struct marks *marks = data;
	int64_t pause = 0;
	pthread_mutex_lock(&marks->lock);
	while (!marks->stop) {
		pthread_mutex_unlock(&marks->lock);
		int code = marks_step(marks, FOLLOW_WAIT_MS);
		pthread_mutex_lock(&marks->lock);
		pause = code == EMA_OK ? 0 : pause ? pause * 2 : 50;
		if (pause > FOLLOW_PAUSE_MOST)
			pause = FOLLOW_PAUSE_MOST;
		if (pause)
			follow_pause(marks, pause);
	}
	pthread_mutex_unlock(&marks->lock);
	return NULL;
}

int marks_follow(struct marks *marks, struct failure *failure)
{
	sigset_t all, old;
	if (marks->has_thread)
		return EMA_OK;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&marks->thread, NULL, follow, marks);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "the thread that follows the store cannot be started: %s", strerror(error));
	marks->has_thread = 1;
	return EMA_OK;
}

void marks_free(struct marks *marks)
{
	if (!marks)
		return;
	pthread_mutex_lock(&marks->lock);
	marks->stop = 1;
	pthread_cond_signal(&marks->stopped);
	pthread_mutex_unlock(&marks->lock);
	if (marks->has_thread)
		pthread_join(marks->thread, NULL);
	mark_table_free(&marks->table);
	EVP_MD_free(marks->sha256);
	pthread_cond_destroy(&marks->stopped);
	pthread_cond_destroy(&marks->changed);
	pthread_mutex_destroy(&marks->lock);
	free(marks);
}
