/* How a sink goes, and a set of them takes the place of another. All of it under the lock. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

void sink_stop(struct sink *sink)
{
	const struct audit *audit = sink->audit;
	const int64_t now = real_ms();
	sink->stop = 1;
	sink->stop_at = !audit->stop ? now + STOP_MS : audit->stop_at > now ? audit->stop_at : now;
	pthread_cond_signal(&sink->wake);
}

void sink_wait(struct sink *sink)
{
	struct audit *audit = sink->audit;
	int64_t until = sink->stop_at + LEAVE_MS;
	while (!sink->ended) {
		int inside = INSIDE;
		if (!wait_until(&audit->rest, &audit->lock, until) || sink->ended)
			continue;
		if (sink->calls.left)
			sink->calls.left(sink->calls.data);
		if (atomic_compare_exchange_strong(&sink->where, &inside, LEFT)) {
			log_printf(&audit->log, LOG_LEVEL_ERROR, "audit: sink %s does not return from a call, and is left to itself: what it was given last "
			           "may be there twice", sink->id);
			pthread_detach(sink->thread);
			return;
		}
		until = real_ms() + RETRY_LEAST_MS; /* it is about to end */
	}
	pthread_mutex_unlock(&audit->lock);
	pthread_join(sink->thread, NULL);
	pthread_mutex_lock(&audit->lock);
}

void sink_discard(struct sink *sink)
{
	sink->calls.close = sink->calls.release = NULL;
	sink_stop(sink);
	sink_wait(sink);
	sink_drop(sink);
}

/* ---- Exchanging the set; by the thread ---- */

static struct sink *same_sink(struct audit *audit, const struct sink *wanted)
{
	for (size_t i = 0; i < audit->sink_count; i++)
		if (!audit->sinks[i]->kept && audit->sinks[i]->calls.data == wanted->calls.data && !strcmp(audit->sinks[i]->id, wanted->id))
			return audit->sinks[i];
	return NULL;
}

/* What a sink that goes did not take is for its successor: the one with its id, else the first that is new. */
static void inherit(struct audit *audit, const struct sink *gone)
{
	struct sink *heir = NULL;
	const struct place *from = gone->calls.must ? &gone->flushed : &gone->taken;
	for (size_t i = 0; i < audit->swap_count; i++) {
		struct sink *sink = audit->swap[i];
		if (sink->kept)
			continue;
		if (!strcmp(sink->id, gone->id)) {
			heir = sink;
			break;
		}
		if (!heir && gone->calls.must)
			heir = sink;
	}
	/* What was told of it goes on, until the other one is seen to work. */
	if (heir && !heir->calls.must && !gone->calls.must) {
		heir->told = gone->told;
		heir->tell_at = gone->tell_at;
		heir->down = gone->told && gone->down;
	}
	if (heir && place_before(from, &heir->place)) {
		heir->place = heir->taken = heir->flushed = *from;
		heir->behind = 1;
	}
}

void sinks_exchange(struct audit *audit)
{
	struct sink **old = audit->sinks;
	size_t old_count = audit->sink_count;
	for (size_t i = 0; i < old_count; i++)
		old[i]->kept = 0;
	for (size_t i = 0; i < audit->swap_count; i++) {
		struct sink *wanted = audit->swap[i], *same = same_sink(audit, wanted);
		wanted->place = wanted->taken = wanted->flushed = lead_place(audit);
		if (!same)
			continue;
		if (!same->calls.must)
			same->flushed = same->taken;
		same->calls.must = wanted->calls.must;
		same->kept = 1;
		sink_discard(wanted);
		audit->swap[i] = same;
	}
	/* What goes is gone before its successor is used. Until then nothing of the spool is given back. */
	for (size_t i = 0; i < old_count; i++)
		if (!old[i]->kept)
			sink_stop(old[i]);
	for (size_t i = 0; i < old_count; i++) {
		if (old[i]->kept)
			continue;
		sink_wait(old[i]);
		inherit(audit, old[i]);
	}
	audit->sinks = audit->swap;
	audit->sink_count = audit->swap_count;
	audit->swap = NULL;
	audit->sinks_set = 1;
	sinks_judge(audit);
	for (size_t i = 0; i < old_count; i++) {
		if (old[i]->kept)
			continue;
		pthread_mutex_unlock(&audit->lock);
		sink_drop(old[i]);
		pthread_mutex_lock(&audit->lock);
	}
	free(old);
	audit->swapping = 0;
	pthread_cond_broadcast(&audit->rest);
}
