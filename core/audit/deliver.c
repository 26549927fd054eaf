/*
 * The thread that takes records out of the spool, renders and chains them, and gives them to the sinks. A sink that must work
 * is called by this thread itself, and holds the cursor until it has the record. Any other has a thread and a bounded queue.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

void channel_close(struct channel *channel)
{
	if (channel->spool)
		chain_save(&channel->chain);
	chain_close(&channel->chain);
	spool_close(channel->spool);
	free(channel);
}

static void rendered_release(struct rendered *rendered)
{
	if (rendered && --rendered->references == 0)
		rendered_free(rendered);
}

/* Under the lock. What every sink that must work has flushed, and the others have too if the spool need not be emptied sooner. */
static void commit(struct audit *audit, struct channel *channel)
{
	int waiting = 0;
	for (size_t i = 0; i < audit->sink_count; i++)
		waiting |= audit->sinks[i]->count || audit->sinks[i]->busy;
	struct spool_cursor now;
	spool_cursor(channel->spool, &now);
	if (now.number == channel->chain.cursor.number || (waiting && !audit->waiting && spool_used(channel->spool) < channel->spool->room / 4))
		return;
	chain_save(&channel->chain);
	spool_commit(channel->spool, &channel->chain.cursor);
	if (audit->waiting)
		pthread_cond_broadcast(&audit->room);
}

/* ---- Sinks that need not work ---- */

static int passing(int code)
{
	return code == EMA_UNAVAILABLE || code == EMA_TIMEOUT || code == EMA_OUT_OF_MEMORY || code == EMA_AUDIT_UNAVAILABLE;
}

static void drop(struct sink *sink, const struct rendered *record)
{
	if (!sink->gap++) {
		sink->gap_first = record->number;
		snprintf(sink->gap_writer, sizeof sink->gap_writer, "%s", record->values[2]);
	}
	sink->gap_last = record->number;
	sink->audit->dropped++;
}

static struct rendered *pop(struct sink *sink)
{
	struct rendered *record = sink->queue[sink->head];
	sink->head = (sink->head + 1) % QUEUE_RECORDS;
	sink->count--;
	sink->bytes -= record->event.length;
	return record;
}

static void push(struct sink *sink, struct rendered *record)
{
	if (sink->count == QUEUE_RECORDS || sink->bytes + record->event.length > QUEUE_BYTES) {
		drop(sink, record);
		return;
	}
	record->references++;
	sink->queue[(sink->head + sink->count++) % QUEUE_RECORDS] = record;
	sink->bytes += record->event.length;
	pthread_cond_signal(&sink->wake);
}

static void back_off(struct sink *sink, const char *what, int code)
{
	if (!sink->down)
		log_printf(&sink->audit->log, LOG_LEVEL_ERROR, "audit: sink %s does not %s (%s)%s", sink->id, what, code_name(code),
		           sink->threaded ? "; it need not, so decisions go on" : ": decisions are refused until it does");
	sink->down = 1;
	sink->retry = sink->retry ? sink->retry * 2 : RETRY_LEAST_MS;
	if (sink->retry > RETRY_MOST_MS)
		sink->retry = RETRY_MOST_MS;
}

static void recovered(struct sink *sink)
{
	if (sink->down)
		log_printf(&sink->audit->log, LOG_LEVEL_WARNING, "audit: sink %s works again", sink->id);
	sink->down = 0;
	sink->retry = 0;
}

static void *serve(void *data)
{
	struct sink *sink = data;
	struct audit *audit = sink->audit;
	pthread_mutex_lock(&audit->lock);
	for (;;) {
		if (sink->reopen) {
			sink->reopen = 0;
			sink->busy = 1;
			pthread_mutex_unlock(&audit->lock);
			if (sink->calls.reopen)
				sink->calls.reopen(sink->calls.data);
			pthread_mutex_lock(&audit->lock);
			sink->busy = 0;
			continue;
		}
		if (!sink->count) {
			if (sink->stop)
				break;
			pthread_cond_broadcast(&audit->rest);
			pthread_cond_signal(&audit->work);
			pthread_cond_wait(&sink->wake, &audit->lock);
			continue;
		}
		struct rendered *record = sink->queue[sink->head];
		sink->busy = 1;
		pthread_mutex_unlock(&audit->lock);
		int code = sink->calls.record(sink->calls.data, &record->event);
		pthread_mutex_lock(&audit->lock);
		if (code != EMA_OK && passing(code)) {
			sink->busy = 0;
			if (sink->stop)
				break; /* what is in the queue stays in the spool, and is delivered by the next process */
			back_off(sink, "take a record", code);
			int64_t until = real_ms() + sink->retry;
			while (!sink->stop && !sink->reopen && !wait_until(&sink->wake, &audit->lock, until))
				;
			continue;
		}
		if (code == EMA_OK)
			recovered(sink);
		else { /* it will never take this one; the gap is told after the next one that it takes */
			back_off(sink, "take a record", code);
			drop(sink, record);
		}
		rendered_release(pop(sink));
		if (!sink->count && sink->calls.flush && code == EMA_OK) {
			pthread_mutex_unlock(&audit->lock);
			sink->calls.flush(sink->calls.data, FLUSH_MS);
			pthread_mutex_lock(&audit->lock);
		}
		sink->busy = 0;
	}
	pthread_mutex_unlock(&audit->lock);
	return NULL;
}

struct sink *sink_new(struct audit *audit, const struct audit_sink *calls)
{
	struct sink *sink = calloc(1, sizeof *sink);
	if (!sink || !(sink->id = strdup(calls->id))) {
		free(sink);
		return NULL;
	}
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&sink->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sink->audit = audit;
	sink->calls = *calls;
	sink->calls.id = sink->id;
	return sink;
}

void sink_free(struct sink *sink, int release)
{
	if (release && sink->calls.flush)
		sink->calls.flush(sink->calls.data, FLUSH_MS);
	if (release && sink->calls.release)
		sink->calls.release(sink->calls.data);
	while (sink->count)
		rendered_release(pop(sink));
	pthread_cond_destroy(&sink->wake);
	free(sink->id);
	free(sink);
}

void sink_stop(struct sink *sink)
{
	if (!sink->threaded)
		return;
	sink->stop = 1;
	pthread_cond_signal(&sink->wake);
	pthread_mutex_unlock(&sink->audit->lock);
	pthread_join(sink->thread, NULL);
	pthread_mutex_lock(&sink->audit->lock);
	sink->threaded = sink->stop = 0;
}

void sinks_end(struct audit *audit)
{
	pthread_mutex_lock(&audit->lock);
	for (size_t i = 0; i < audit->sink_count; i++)
		sink_stop(audit->sinks[i]);
	if (audit->sinks_set)
		commit(audit, audit->orphans ? audit->orphans : audit->own);
	pthread_mutex_unlock(&audit->lock);
	for (size_t i = 0; i < audit->sink_count; i++)
		sink_free(audit->sinks[i], 1);
	audit->sink_count = 0;
}

/* ---- Exchanging the set; by the thread, under the lock ---- */

static struct sink *same_sink(struct audit *audit, const struct sink *wanted)
{
	for (size_t i = 0; i < audit->sink_count; i++)
		if (!audit->sinks[i]->kept && audit->sinks[i]->calls.data == wanted->calls.data && !strcmp(audit->sinks[i]->id, wanted->id))
			return audit->sinks[i];
	return NULL;
}

static void swap_sinks(struct audit *audit)
{
	struct sink **old = audit->sinks;
	size_t old_count = audit->sink_count;
	for (size_t i = 0; i < old_count; i++)
		old[i]->kept = 0;
	for (size_t i = 0; i < audit->swap_count; i++) {
		struct sink *same = same_sink(audit, audit->swap[i]);
		if (!same)
			continue;
		if (same->calls.must != audit->swap[i]->calls.must)
			sink_stop(same);
		same->calls.must = audit->swap[i]->calls.must;
		same->kept = 1;
		sink_free(audit->swap[i], 0);
		audit->swap[i] = same;
	}
	audit->sink_count = 0; /* what goes is gone before its successor is used */
	for (size_t i = 0; i < old_count; i++) {
		if (old[i]->kept)
			continue;
		sink_stop(old[i]);
		pthread_mutex_unlock(&audit->lock);
		sink_free(old[i], 1);
		pthread_mutex_lock(&audit->lock);
	}
	free(old);
	audit->sinks = audit->swap;
	audit->sink_count = audit->swap_count;
	audit->swap = NULL;
	audit->sinks_set = 1;
	for (size_t i = 0; i < audit->sink_count; i++) {
		struct sink *sink = audit->sinks[i];
		/* Without a thread of its own (no memory for one) it is served as one that must work: slower, and nothing is lost. */
		if (!sink->calls.must && !sink->threaded)
			sink->threaded = !pthread_create(&sink->thread, NULL, serve, sink);
	}
	audit->swapping = 0;
	pthread_cond_broadcast(&audit->rest);
}

/* ---- Audit's own records; by the thread, under the lock ---- */

static void tell_failing(struct audit *audit, const struct sink *sink)
{
	if (audit->failing)
		return;
	audit->failing = 1;
	audit->failing_since = clock_wall(audit->clock);
	pthread_cond_broadcast(&audit->room);
	struct audit_field fields[] = { { .name = "sink", .type = AUDIT_TEXT, .text = sink->id } };
	append_own(audit, "sink-failed", NOTICE_ERROR, 0, fields, 1);
}

static void tell_recovered(struct audit *audit)
{
	char since[CLOCK_TEXT];
	clock_text(audit->failing_since, since);
	struct audit_field fields[] = {
		{ .name = "sink", .type = AUDIT_TEXT, .text = "all" },
		{ .name = "refused", .type = AUDIT_NUMBER, .number = (int64_t)audit->refused },
		{ .name = "since", .type = AUDIT_TEXT, .text = audit->failing_since ? since : NULL },
	};
	if (append_own(audit, audit->refused ? "audit-gap" : "sink-recovered", audit->refused ? NOTICE_ERROR : NOTICE_WARNING, 0, fields, 3))
		return; /* no room yet: again after the next record */
	audit->refused = 0;
	audit->failing_since = 0;
}

static void tell_gap(struct audit *audit, struct sink *sink)
{
	struct audit_field fields[] = {
		{ .name = "sink", .type = AUDIT_TEXT, .text = sink->id },
		{ .name = "of", .type = AUDIT_TEXT, .text = sink->gap_writer },
		{ .name = "lost", .type = AUDIT_NUMBER, .number = (int64_t)sink->gap },
		{ .name = "first", .type = AUDIT_NUMBER, .number = (int64_t)sink->gap_first },
		{ .name = "last", .type = AUDIT_NUMBER, .number = (int64_t)sink->gap_last },
	};
	if (!append_own(audit, "audit-gap", NOTICE_ERROR, 0, fields, 5))
		sink->gap = 0;
}

static void tell_merged(struct audit *audit)
{
	struct spool_merged *table = spool_merged(audit->own->spool);
	int64_t second = clock_wall(audit->clock) / 1000;
	int left = 0;
	for (size_t i = 0; i < SPOOL_MERGED; i++) {
		if (!table[i].count)
			continue;
		struct audit_field fields[] = {
			{ .name = "merged", .type = AUDIT_NUMBER, .number = (int64_t)table[i].count },
			{ .name = "of", .type = AUDIT_TEXT, .text = table[i].kind },
			{ .name = "code", .type = AUDIT_TEXT, .text = *table[i].code ? table[i].code : NULL },
			{ .name = "remote", .type = AUDIT_TEXT, .text = *table[i].address ? table[i].address : NULL },
		};
		if ((second > table[i].time / 1000 || audit->stop) && !append_own(audit, "refusals-merged", NOTICE_WARNING, 0, fields, 4))
			table[i].count = 0;
		else
			left = 1;
	}
	audit->merged = left;
}

static void housekeeping(struct audit *audit)
{
	if (audit->merged)
		tell_merged(audit);
	if (!audit->failing && (audit->failing_since || audit->refused))
		tell_recovered(audit);
	for (size_t i = 0; i < audit->sink_count; i++) {
		struct sink *sink = audit->sinks[i];
		if (sink->gap && !sink->down && sink->count < QUEUE_RECORDS / 2)
			tell_gap(audit, sink);
	}
	int due = audit->since_checkpoint >= CHECKPOINT_RECORDS || real_ms() >= audit->checkpoint_at ||
		  (audit->stop && audit->own->spool->next == audit->own->spool->write);
	if (due && audit->since_checkpoint && !audit->checkpointing) {
		audit->checkpointing = !append_own(audit, "checkpoint", NOTICE_INFO, RECORD_CHECKPOINT, NULL, 0);
		audit->checkpoint_at = real_ms() + CHECKPOINT_MS;
	}
}

static int late(const struct audit *audit)
{
	return audit->stop && real_ms() >= audit->stop_at;
}

static void attend(struct audit *audit)
{
	if (audit->swapping)
		swap_sinks(audit);
	if (audit->reopen) {
		audit->reopen = 0;
		for (size_t i = 0; i < audit->sink_count; i++) {
			struct sink *sink = audit->sinks[i];
			if (sink->threaded) {
				pthread_cond_signal(&sink->wake);
				continue;
			}
			sink->reopen = 0;
			pthread_mutex_unlock(&audit->lock);
			if (sink->calls.reopen)
				sink->calls.reopen(sink->calls.data);
			pthread_mutex_lock(&audit->lock);
		}
	}
}

/* One try with each sink that must work and does not have it yet. NULL record: flush. The one that failed, or NULL. */
static struct sink *offer(struct audit *audit, const struct rendered *record)
{
	struct sink *failed = NULL;
	for (size_t i = 0; i < audit->sink_count; i++) {
		struct sink *sink = audit->sinks[i];
		if (sink->threaded || (record ? sink->taken : !sink->dirty))
			continue;
		pthread_mutex_unlock(&audit->lock);
		int code = record ? sink->calls.record(sink->calls.data, &record->event) : sink->calls.flush ? sink->calls.flush(sink->calls.data, FLUSH_MS) : EMA_OK;
		pthread_mutex_lock(&audit->lock);
		if (code == EMA_OK) {
			sink->taken = record != NULL;
			sink->dirty = record != NULL;
			recovered(sink);
		} else {
			back_off(sink, record ? "take a record" : "flush", code);
			failed = failed && failed->retry < sink->retry ? failed : sink;
		}
	}
	return failed;
}

/* Comes back when all that must have it do. -1: it is late, and they do not. */
static int insist(struct audit *audit, const struct rendered *record)
{
	for (struct sink *failed; (failed = offer(audit, record));) {
		int64_t until = real_ms() + failed->retry;
		tell_failing(audit, failed);
		while (!audit->swapping && !audit->reopen && !late(audit) && !wait_until(&audit->work, &audit->lock, until))
			;
		attend(audit);
		if (late(audit))
			return -1;
	}
	return 0;
}

/* Up to BATCH records of the channel. How many; -1: late. */
static int batch(struct audit *audit, struct channel *channel, char *scratch)
{
	int done = 0;
	uint64_t end = 0;
	for (size_t length; done < BATCH && !audit->swapping && !audit->reopen && (length = spool_peek(channel->spool, scratch, SPOOL_RECORD, &end)); done++) {
		pthread_mutex_unlock(&audit->lock);
		struct rendered *record = record_render(&channel->chain, scratch, length);
		struct chain after = channel->chain;
		int made = record && !chain_advance(&after, record->event.line, record->event.length, end);
		pthread_mutex_lock(&audit->lock);
		if (!made) { /* no memory: the record stays where it is */
			rendered_release(record);
			wait_until(&audit->work, &audit->lock, real_ms() + RETRY_LEAST_MS);
			return late(audit) ? -1 : 1;
		}
		for (size_t i = 0; i < audit->sink_count; i++) {
			audit->sinks[i]->taken = 0;
			if (audit->sinks[i]->threaded)
				push(audit->sinks[i], record);
		}
		int result = insist(audit, record);
		rendered_release(record);
		if (result)
			return -1;
		channel->chain = after;
		channel->spool->next = end;
		if (channel == audit->own) {
			audit->delivered++;
			audit->since_checkpoint++;
			if (scratch[2] & RECORD_CHECKPOINT)
				audit->since_checkpoint = audit->checkpointing = 0;
		}
	}
	if (insist(audit, NULL))
		return -1;
	audit->failing = 0;
	commit(audit, channel);
	return done;
}

/* An orphan that is empty is done with. */
static int next_orphan(struct audit *audit)
{
	struct channel *orphan = audit->orphans;
	struct spool_cursor now;
	commit(audit, orphan);
	spool_cursor(orphan->spool, &now);
	if (now.number != orphan->chain.cursor.number && !late(audit))
		return -1; /* a sink still has some of it in its queue */
	audit->orphans = orphan->next;
	channel_close(orphan);
	return 0;
}

void *deliver(void *data)
{
	struct audit *audit = data;
	char *scratch = malloc(SPOOL_RECORD);
	pthread_mutex_lock(&audit->lock);
	for (;;) {
		attend(audit);
		if (late(audit))
			break;
		int done = 0;
		if (audit->sinks_set && scratch) {
			struct channel *channel = audit->orphans ? audit->orphans : audit->own;
			housekeeping(audit);
			done = batch(audit, channel, scratch);
			if (done < 0)
				break;
			if (!done && audit->orphans && !next_orphan(audit))
				continue;
		}
		if (done || audit->swapping || audit->reopen)
			continue;
		if (audit->own->spool->next != audit->own->spool->write && audit->sinks_set && scratch && !audit->orphans) {
			/* Somebody wrote into the file: what cannot be read is given up, and said. */
			audit->own->spool->next = audit->own->chain.cursor.offset = audit->own->spool->write;
			spool_commit(audit->own->spool, &audit->own->chain.cursor);
			log_printf(&audit->log, LOG_LEVEL_ERROR, "audit: the spool was damaged while in use; records are lost");
			append_own(audit, "spool-torn", NOTICE_ALERT, 0, NULL, 0);
			continue;
		}
		int queued = 0;
		for (size_t i = 0; i < audit->sink_count; i++)
			queued |= audit->sinks[i]->threaded && audit->sinks[i]->count && !audit->sinks[i]->down;
		if (audit->stop && (!audit->sinks_set || (!queued && !audit->merged && !audit->since_checkpoint)))
			break;
		audit->idle = 1;
		pthread_cond_broadcast(&audit->rest);
		wait_until(&audit->work, &audit->lock, real_ms() + (audit->stop ? 20 : 500));
		audit->idle = 0;
		if (audit->sinks_set)
			commit(audit, audit->own);
	}
	while (audit->swapping)
		swap_sinks(audit);
	if (audit->sinks_set)
		commit(audit, audit->orphans ? audit->orphans : audit->own);
	audit->idle = 1;
	pthread_cond_broadcast(&audit->rest);
	pthread_mutex_unlock(&audit->lock);
	free(scratch);
	return NULL;
}
