/*
 * The thread that takes records out of the spool, renders and chains them, and hands them to the sinks. Each sink has a thread
 * and a bounded queue, so that one that hangs holds up no other. Of a sink that must work nothing is dropped: when its queue is
 * full it falls behind, what it misses is rendered again later, and the spool keeps all from where the slowest of them is.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

void channel_close(struct channel *channel)
{
	chain_close(&channel->chain);
	spool_close(channel->spool);
	free(channel);
}

static void rendered_release(struct rendered *rendered)
{
	if (rendered && atomic_fetch_sub(&rendered->references, 1) == 1)
		rendered_free(rendered);
}

struct place lead_place(const struct audit *audit)
{
	return (struct place){ audit->lead->order, audit->lead->chain.cursor };
}

int place_before(const struct place *a, const struct place *b)
{
	return a->order != b->order ? a->order < b->order : a->cursor.number < b->cursor.number;
}

/*
 * Under the lock. Gives the spool back what every sink that must work has flushed, and the others have taken if room is not
 * needed sooner. Also of writers that are dead.
 */
static void commit(struct audit *audit)
{
	for (struct channel *channel = audit->channels; channel && channel->order <= audit->lead->order; channel = channel->next) {
		int hurry = audit->waiting || spool_used(channel->spool) >= channel->spool->room / 4;
		struct place must = { channel->order, channel->chain.cursor }, to = must;
		struct spool_cursor now;
		for (size_t i = 0; i < audit->sink_count; i++) {
			const struct sink *sink = audit->sinks[i];
			if (sink->calls.must && place_before(&sink->flushed, &must))
				must = sink->flushed;
			if (!sink->calls.must && !hurry && place_before(&sink->taken, &to))
				to = sink->taken;
		}
		if (must.order < channel->order)
			break;
		if (channel == audit->own)
			audit->delivered += must.cursor.number > audit->settled ? must.cursor.number - audit->settled : 0;
		if (channel == audit->own && must.cursor.number > audit->settled)
			audit->settled = must.cursor.number;
		if (place_before(&must, &to))
			to = must;
		spool_cursor(channel->spool, &now);
		if (to.order < channel->order || to.cursor.number < now.number || (to.cursor.number == now.number && to.cursor.offset <= now.offset))
			continue;
		chain_save(&channel->chain, &to.cursor);
		spool_commit(channel->spool, &to.cursor);
		if (audit->waiting)
			pthread_cond_broadcast(&audit->room);
	}
}

/* ---- Sinks ---- */

static int passing(int code)
{
	return code == EMA_UNAVAILABLE || code == EMA_TIMEOUT || code == EMA_OUT_OF_MEMORY || code == EMA_AUDIT_UNAVAILABLE;
}

static void tell_gap(struct audit *audit, struct sink *sink);

static void miss(struct sink *sink, const char *writer, uint64_t first, uint64_t last)
{
	if (last < first)
		return;
	if (sink->gap && strcmp(sink->gap_writer, writer))
		tell_gap(sink->audit, sink);
	if (!sink->gap) {
		sink->gap_first = first;
		snprintf(sink->gap_writer, sizeof sink->gap_writer, "%s", writer);
	}
	sink->gap += last - first + 1;
	sink->gap_last = last;
	sink->audit->dropped += last - first + 1;
}

static void drop(struct sink *sink, const struct rendered *record)
{
	miss(sink, record->writer, record->number, record->number);
}

static struct rendered *pop(struct sink *sink)
{
	struct rendered *record = sink->queue[sink->head];
	sink->head = (sink->head + 1) % QUEUE_RECORDS;
	sink->count--;
	sink->bytes -= record->size;
	return record;
}

/* 0, or -1: the queue is full. */
static int push(struct sink *sink, struct rendered *record)
{
	if (sink->count == QUEUE_RECORDS || sink->bytes + record->size > QUEUE_BYTES)
		return -1;
	atomic_fetch_add(&record->references, 1);
	sink->queue[(sink->head + sink->count++) % QUEUE_RECORDS] = record;
	sink->bytes += record->size;
	pthread_cond_signal(&sink->wake);
	return 0;
}

static int hungry(const struct sink *sink)
{
	return sink->count < QUEUE_RECORDS / 2 && sink->bytes < QUEUE_BYTES / 2;
}

/* Something of the record of audit is not with this sink yet. */
static int unfinished(const struct sink *sink)
{
	return sink->count || sink->busy || sink->behind || sink->dirty;
}

void sinks_judge(struct audit *audit)
{
	int failing = 0;
	for (size_t i = 0; i < audit->sink_count; i++)
		failing |= audit->sinks[i]->calls.must && audit->sinks[i]->down;
	if (failing && !audit->failing) {
		audit->failing_since = audit->failing_since ? audit->failing_since : clock_wall(audit->clock);
		pthread_cond_broadcast(&audit->room);
	}
	if (!failing && audit->failing)
		pthread_cond_signal(&audit->work);
	audit->failing = failing;
}

static void back_off(struct sink *sink, const char *what, int code)
{
	const int was = sink->retry != 0; /* a sink that takes the place of one that was down has not failed yet */
	sink->down = 1;
	sink->retry = sink->retry ? sink->retry * 2 : RETRY_LEAST_MS;
	if (sink->retry > RETRY_MOST_MS)
		sink->retry = RETRY_MOST_MS;
	if (was)
		return;
	log_printf(&sink->audit->log, LOG_LEVEL_ERROR, "audit: sink %s does not %s (%s)%s", sink->id, what, code_name(code),
	           sink->calls.must ? ": decisions are refused until it does" : "; it need not, so decisions go on");
	sinks_judge(sink->audit);
	struct audit_field fields[] = { { .name = "sink", .type = AUDIT_TEXT, .text = sink->id } };
	if (sink->calls.must)
		append_own(sink->audit, "sink-failed", NOTICE_ERROR, 0, fields, 1);
}

static void recovered(struct sink *sink)
{
	int was = sink->down;
	sink->down = 0;
	sink->retry = 0;
	if (!was)
		return;
	log_printf(&sink->audit->log, LOG_LEVEL_WARNING, "audit: sink %s works again", sink->id);
	sinks_judge(sink->audit);
}

/* The pause after a failure; a change of the set or a wish to reopen ends it. */
static void rest(struct sink *sink)
{
	int64_t until = real_ms() + sink->retry;
	while (!sink->stop && !sink->reopen && !wait_until(&sink->wake, &sink->audit->lock, until))
		;
}

/* Before a call of the sink, which may take as long as it likes: the lock is free, and audit may be gone when it returns. */
static void go_in(struct sink *sink)
{
	atomic_store(&sink->where, INSIDE);
	pthread_mutex_unlock(&sink->audit->lock);
}

/* 0: under the lock again. -1: it was left to itself. */
static int come_back(struct sink *sink)
{
	int inside = INSIDE;
	if (!atomic_compare_exchange_strong(&sink->where, &inside, OUTSIDE))
		return -1;
	pthread_mutex_lock(&sink->audit->lock);
	return 0;
}

static int is_left(const struct sink *sink)
{
	return atomic_load(&sink->where) == LEFT;
}

/* EMA_OK or why not; see is_left(). */
static int flush(struct sink *sink)
{
	go_in(sink);
	int code = sink->calls.flush ? sink->calls.flush(sink->calls.data, FLUSH_MS) : EMA_OK;
	if (come_back(sink))
		return EMA_TIMEOUT;
	if (code != EMA_OK && sink->calls.must)
		return code;
	sink->dirty = 0;
	sink->flushed = sink->taken;
	return EMA_OK;
}

/*
 * Records of the queue, OFFER of them at most and not for long, so that the lock is taken for all of them once: only this thread takes
 * any out. 0, or -1: the sink does not take the next one now; see is_left().
 */
static int offer(struct sink *sink)
{
	struct audit *audit = sink->audit;
	struct rendered *records[OFFER], *gone[OFFER];
	int codes[OFFER], stuck = 0;
	const int must = sink->calls.must; /* another set may change it meanwhile */
	size_t count = 0, done = 0, ended = 0;
	for (; count < OFFER && count < sink->count; count++)
		records[count] = sink->queue[(sink->head + count) % QUEUE_RECORDS];
	go_in(sink);
	for (const int64_t until = real_ms() + OFFER_MS; done < count && !stuck && (!done || real_ms() < until);) {
		codes[done] = sink->calls.record(sink->calls.data, &records[done]->event);
		stuck = codes[done] != EMA_OK && (must || passing(codes[done]));
		done += !stuck;
	}
	if (come_back(sink))
		return -1;
	for (size_t i = 0; i < done + (size_t)stuck; i++) {
		if (codes[i] != EMA_OK)
			back_off(sink, "take a record", codes[i]);
		if (i == done)
			break;
		if (codes[i] == EMA_OK && !sink->dirty++)
			sink->flush_at = real_ms() + SETTLE_MS;
		if (codes[i] != EMA_OK) /* it will never take this one; the gap is told after the next one that it takes */
			drop(sink, records[i]);
		sink->taken = records[i]->after;
		if (atomic_fetch_sub(&pop(sink)->references, 1) == 1)
			gone[ended++] = records[i];
	}
	if ((sink->behind || audit->held) && hungry(sink))
		pthread_cond_signal(&audit->work);
	if (ended) {
		pthread_mutex_unlock(&audit->lock);
		for (size_t i = 0; i < ended; i++)
			rendered_free(gone[i]);
		pthread_mutex_lock(&audit->lock);
	}
	return -stuck;
}

static int is_late(const struct audit *audit)
{
	return audit->stop && real_ms() >= audit->stop_at;
}

/* A sync costs as much as many records: those of a crowd have one together. */
static int may_wait(const struct sink *sink)
{
	const struct audit *audit = sink->audit;
	return sink->dirty && sink->dirty < FLUSH_RECORDS && !sink->down && !sink->stop && !audit->stop && !audit->waiting && !audit->draining;
}

static int is_due(const struct sink *sink)
{
	if (sink->count)
		return sink->dirty >= FLUSH_RECORDS || sink->down || sink->audit->waiting;
	return !may_wait(sink) || real_ms() >= sink->flush_at;
}

void audit_hurry(struct audit *audit)
{
	for (size_t i = 0; i < audit->sink_count; i++)
		pthread_cond_signal(&audit->sinks[i]->wake);
}

void sink_drop(struct sink *sink)
{
	if (atomic_fetch_sub(&sink->holders, 1) > 1)
		return;
	if (sink->calls.release)
		sink->calls.release(sink->calls.data);
	while (sink->count)
		rendered_release(pop(sink));
	pthread_cond_destroy(&sink->wake);
	free(sink->id);
	free(sink);
}

/* Until it is to stop, or was left. Under the lock; without it if it was left. */
static void serve_on(struct sink *sink)
{
	struct audit *audit = sink->audit;
	for (;;) {
		if (sink->reopen) {
			sink->reopen = 0;
			sink->busy = 1;
			go_in(sink);
			if (sink->calls.reopen)
				sink->calls.reopen(sink->calls.data);
			if (come_back(sink))
				return;
			sink->busy = 0;
			continue;
		}
		if (!sink->count && !sink->dirty) {
			if (sink->stop)
				return;
			pthread_cond_broadcast(&audit->rest);
			pthread_cond_signal(&audit->work);
			pthread_cond_wait(&sink->wake, &audit->lock);
			continue;
		}
		if (!sink->count && may_wait(sink) && !wait_until(&sink->wake, &audit->lock, sink->flush_at))
			continue;
		int code = EMA_OK;
		sink->busy = 1;
		int stuck = sink->count && offer(sink);
		if (is_left(sink))
			return;
		if (!stuck && sink->dirty && is_due(sink)) {
			code = flush(sink);
			if (is_left(sink))
				return;
			if (code == EMA_OK)
				recovered(sink);
			else
				back_off(sink, "flush", code);
			commit(audit);
		}
		sink->busy = 0;
		if (sink->stop && (stuck || code != EMA_OK || real_ms() >= sink->stop_at))
			return; /* what is in the queue stays in the spool, for its successor or the next process */
		if (stuck || code != EMA_OK)
			rest(sink);
	}
}

static void *serve(void *data)
{
	struct sink *sink = data;
	pthread_mutex_lock(&sink->audit->lock);
	serve_on(sink);
	if (!is_left(sink) && sink->dirty)
		flush(sink);
	if (!is_left(sink))
		go_in(sink);
	if (sink->calls.close)
		sink->calls.close(sink->calls.data);
	if (!come_back(sink)) {
		sink->ended = 1;
		pthread_cond_broadcast(&sink->audit->rest);
		pthread_mutex_unlock(&sink->audit->lock);
	}
	sink_drop(sink);
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
	atomic_init(&sink->holders, 2);
	sink->calls = *calls;
	sink->calls.id = sink->id;
	sigset_t all, before; /* signals are the program's own */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&sink->thread, NULL, serve, sink);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		sink->calls.release = NULL;
		atomic_store(&sink->holders, 1);
		sink_drop(sink);
		return NULL;
	}
	return sink;
}

void sinks_end(struct audit *audit)
{
	pthread_mutex_lock(&audit->lock);
	for (size_t i = 0; i < audit->sink_count; i++)
		sink_stop(audit->sinks[i]);
	for (size_t i = 0; i < audit->sink_count; i++)
		sink_wait(audit->sinks[i]);
	if (audit->sinks_set)
		commit(audit);
	pthread_mutex_unlock(&audit->lock);
	for (size_t i = 0; i < audit->sink_count; i++)
		sink_drop(audit->sinks[i]);
	audit->sink_count = 0;
}

/* ---- Audit's own records; by the thread, under the lock ---- */

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

/* To the others: it need not work, but somebody should know. */
static void tell_standing(struct audit *audit, struct sink *sink)
{
	struct audit_field fields[] = {
		{ .name = "sink", .type = AUDIT_TEXT, .text = sink->id },
		{ .name = "on_failure", .type = AUDIT_TEXT, .text = "continue" },
	};
	if (sink->down && !sink->calls.must && !sink->told && real_ms() >= sink->tell_at) {
		if (append_own(audit, "sink-failed", NOTICE_ERROR, 0, fields, 2))
			return;
		sink->told = 1;
		sink->tell_at = real_ms() + TELL_MS;
	} else if (!sink->down && sink->told) {
		sink->told = append_own(audit, "sink-recovered", NOTICE_WARNING, 0, fields, 2) != 0;
	}
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

/* Removed or exchanged by another process, or by us: pseudonyms are under the new one from here on. */
static void look_after_salt(struct audit *audit)
{
	struct failure failure = FAILURE_INIT;
	char before[CHAIN_KEY_ID];
	memcpy(before, audit->keys.salt_id, sizeof before);
	audit->salt_at = real_ms() + SALT_MS;
	pthread_mutex_unlock(&audit->lock);
	int result = salt_refresh(audit->folder, audit->pseudonym_period, clock_wall(audit->clock), &audit->keys, &failure);
	pthread_mutex_lock(&audit->lock);
	struct audit_field fields[] = { { .name = "before", .type = AUDIT_TEXT, .text = before } };
	if (result != EMA_OK)
		log_printf(&audit->log, LOG_LEVEL_ERROR, "audit: the salt of the pseudonyms stays: %s", failure.text);
	else if (strcmp(before, audit->keys.salt_id))
		append_own(audit, "salt-changed", NOTICE_INFO, 0, fields, 1);
}

static void housekeeping(struct audit *audit)
{
	if (audit->torn)
		audit->torn = append_own(audit, "spool-torn", NOTICE_ALERT, 0, NULL, 0) != 0;
	if (audit->merged)
		tell_merged(audit);
	if (real_ms() >= audit->salt_at)
		look_after_salt(audit);
	if (!audit->failing && (audit->failing_since || audit->refused))
		tell_recovered(audit);
	for (size_t i = 0; i < audit->sink_count; i++) {
		struct sink *sink = audit->sinks[i];
		tell_standing(audit, sink);
		/* What the others do not hear of by the end, nobody will. */
		const int last = audit->stop && !sink->gap_told_last;
		if (!sink->gap || !(last || (!sink->down && sink->count < QUEUE_RECORDS / 2)))
			continue;
		tell_gap(audit, sink);
		sink->gap_told_last |= last && !sink->gap;
	}
	int due = audit->since_checkpoint >= CHECKPOINT_RECORDS || real_ms() >= audit->checkpoint_at ||
		  (audit->stop && audit->own->spool->next == audit->own->spool->write);
	if (due && audit->since_checkpoint && !audit->checkpointing) {
		audit->checkpointing = !append_own(audit, "checkpoint", NOTICE_INFO, RECORD_CHECKPOINT, NULL, 0);
		audit->checkpoint_at = real_ms() + CHECKPOINT_MS;
	}
}

static void attend(struct audit *audit)
{
	if (audit->swapping)
		sinks_exchange(audit);
	if (audit->reopen)
		for (size_t i = 0; i < audit->sink_count; i++)
			pthread_cond_signal(&audit->sinks[i]->wake);
	audit->reopen = 0;
}

/* The record that the chain is before, with the place after it, to which the chain goes. Not under the lock. NULL: no memory. */
static struct rendered *render(struct rendering *rendering, const struct channel *channel, struct chain *chain, size_t length, uint64_t end)
{
	struct rendered *record = record_render(rendering, chain, length);
	if (!record || chain_advance(chain, record->event.line, record->event.length, end)) {
		rendered_free(record);
		return NULL;
	}
	record->after = (struct place){ channel->order, chain->cursor };
	return record;
}

static void short_rest(struct audit *audit)
{
	wait_until(&audit->work, &audit->lock, real_ms() + RETRY_LEAST_MS);
}

/* To all sinks that are not behind. */
static void give(struct audit *audit, struct rendered *record, const struct place *before)
{
	for (size_t i = 0; i < audit->sink_count; i++) {
		struct sink *sink = audit->sinks[i];
		if (sink->behind || !push(sink, record))
			continue;
		if (!sink->calls.must) {
			drop(sink, record);
			continue;
		}
		sink->behind = 1;
		sink->place = *before;
	}
}

/*
 * Up to BATCH records of the spool, to all sinks that are not behind. How many. The lock is free while they are rendered, and taken
 * once for all of them: up to `write` the spool does not change before this thread has given it back.
 */
static int batch(struct audit *audit, struct rendering *rendering)
{
	struct channel *channel = audit->lead;
	struct chain chain = channel->chain;
	const uint64_t write = channel->spool->write;
	struct rendered *made[BATCH];
	int count = 0, starved = 0, checkpoint = 0; /* how many up to the last one of those */
	if (channel->spool->next == write)
		return 0;
	pthread_mutex_unlock(&audit->lock);
	uint64_t next = channel->spool->next;
	for (size_t length; count < BATCH && (length = spool_peek(channel->spool, next, write, rendering->bytes, sizeof rendering->bytes, &next));) {
		made[count] = render(rendering, channel, &chain, length, next);
		starved = !made[count];
		if (starved) /* it stays where it is */
			break;
		count++;
		if (length > 2 && (rendering->bytes[2] & RECORD_CHECKPOINT))
			checkpoint = count;
	}
	pthread_mutex_lock(&audit->lock);
	for (int i = 0; i < count; i++) {
		struct place before = lead_place(audit);
		give(audit, made[i], &before);
		channel->chain.cursor = made[i]->after.cursor;
		channel->spool->next = made[i]->after.cursor.offset;
		rendered_release(made[i]);
	}
	if (channel == audit->own) {
		audit->since_checkpoint = (checkpoint ? 0 : audit->since_checkpoint) + (uint64_t)(count - checkpoint);
		audit->checkpointing = audit->checkpointing && !checkpoint;
	}
	if (starved)
		short_rest(audit);
	return count + starved;
}

/* Up to BATCH records for a sink that is behind, out of the spool again. How many steps. */
static int refill(struct audit *audit, struct sink *sink, struct rendering *rendering)
{
	int done = 0;
	for (; done < BATCH && sink->behind && hungry(sink) && !audit->swapping; done++) {
		struct channel *channel = audit->channels;
		while (channel != audit->lead && channel->order < sink->place.order)
			channel = channel->next;
		struct spool_cursor now;
		spool_cursor(channel->spool, &now);
		if (channel->order != sink->place.order)
			sink->place = (struct place){ channel->order, now };
		if (sink->place.cursor.number >= channel->chain.cursor.number) {
			sink->behind = channel != audit->lead;
			if (sink->behind) {
				spool_cursor(channel->next->spool, &now);
				sink->place = (struct place){ channel->next->order, now };
			}
			continue;
		}
		uint64_t end = 0;
		size_t length = 0;
		if (now.number <= sink->place.cursor.number)
			length = spool_peek(channel->spool, sink->place.cursor.offset, channel->spool->write, rendering->bytes, sizeof rendering->bytes, &end);
		if (!length) { /* it need not work any more and its records were given up, or somebody wrote into the spool */
			const struct spool_cursor *to = now.number > sink->place.cursor.number ? &now : &channel->chain.cursor;
			miss(sink, channel->chain.writer, sink->place.cursor.number + 1, to->number);
			sink->place.cursor = *to;
			continue;
		}
		struct chain chain = channel->chain;
		chain.cursor = sink->place.cursor;
		pthread_mutex_unlock(&audit->lock);
		struct rendered *record = render(rendering, channel, &chain, length, end);
		pthread_mutex_lock(&audit->lock);
		if (!record) {
			/* Something may have come meanwhile: the spool is not at its end. */
			short_rest(audit);
			done++;
			break;
		}
		if (!push(sink, record))
			sink->place = record->after;
		rendered_release(record);
	}
	return done;
}

/* Writers that are dead, and whose records all sinks have. How many. */
static int leave_orphans(struct audit *audit)
{
	int done = 0;
	while (audit->channels != audit->lead) {
		struct channel *orphan = audit->channels;
		struct spool_cursor now;
		spool_cursor(orphan->spool, &now);
		if (now.number != orphan->chain.cursor.number)
			break;
		for (size_t i = 0; i < audit->sink_count; i++) {
			struct sink *sink = audit->sinks[i];
			if (sink->behind && sink->place.order == orphan->order)
				miss(sink, orphan->chain.writer, sink->place.cursor.number + 1, now.number);
		}
		audit->channels = orphan->next;
		channel_close(orphan);
		done++;
	}
	return done;
}

/* The spool holds nothing that can be read. 1: something happened. */
static int at_the_end(struct audit *audit)
{
	struct channel *lead = audit->lead;
	int torn = lead->spool->next != lead->spool->write;
	if (torn) { /* Somebody wrote into the file: what cannot be read is given up, and said. */
		lead->spool->next = lead->chain.cursor.offset = lead->spool->write;
		log_printf(&audit->log, LOG_LEVEL_ERROR, "audit: the spool of %s was damaged while in use; records are lost", lead->chain.writer);
		commit(audit);
		audit->torn = 1;
	}
	if (lead == audit->own)
		return torn;
	audit->lead = lead->next;
	return 1;
}

/* No sink could take what is rendered now, and none may lose it: it would be rendered again later. */
static int must_hold(const struct audit *audit)
{
	for (size_t i = 0; i < audit->sink_count; i++)
		if (!audit->sinks[i]->calls.must || hungry(audit->sinks[i]))
			return 0;
	return audit->sink_count > 0;
}

/* What comes with the first record is taken with it: appending wakes nobody meanwhile. */
static void gather(struct audit *audit)
{
	if (audit->own->spool->next != audit->own->spool->write && !audit->stop && !audit->swapping && !audit->reopen && !audit->waiting)
		wait_until(&audit->work, &audit->lock, real_ms() + GATHER_MS);
}

void *deliver(void *data)
{
	struct audit *audit = data;
	struct rendering *rendering = NULL;
	pthread_mutex_lock(&audit->lock);
	for (;;) {
		attend(audit);
		if (is_late(audit))
			break;
		int done = 0, pending = 0;
		if (!rendering) /* again, if there was no memory */
			rendering = rendering_new();
		if (audit->sinks_set && rendering) {
			housekeeping(audit);
			audit->held = must_hold(audit);
			done = audit->held ? 0 : batch(audit, rendering);
			for (size_t i = 0; i < audit->sink_count; i++)
				done |= refill(audit, audit->sinks[i], rendering);
			commit(audit);
			done |= leave_orphans(audit);
			if (!done && !audit->held && !audit->swapping)
				done = at_the_end(audit);
		}
		if (done || audit->swapping || audit->reopen)
			continue;
		for (size_t i = 0; i < audit->sink_count; i++)
			pending |= unfinished(audit->sinks[i]) && (audit->sinks[i]->calls.must || !audit->sinks[i]->down);
		if (audit->stop && (!audit->sinks_set || (!pending && !audit->merged && !audit->since_checkpoint)))
			break;
		audit->idle = !audit->held;
		pthread_cond_broadcast(&audit->rest);
		wait_until(&audit->work, &audit->lock, real_ms() + (audit->stop ? 20 : 500));
		audit->idle = 0;
		gather(audit);
	}
	while (audit->swapping)
		sinks_exchange(audit);
	audit->idle = 1;
	pthread_cond_broadcast(&audit->rest);
	pthread_mutex_unlock(&audit->lock);
	rendering_free(rendering);
	return NULL;
}

/* Under the lock. */
int audit_settled(const struct audit *audit)
{
	if (!audit->idle || audit->channels != audit->own || audit->own->spool->next != audit->own->spool->write)
		return 0;
	for (size_t i = 0; i < audit->sink_count; i++)
		if (unfinished(audit->sinks[i]))
			return 0;
	return 1;
}
