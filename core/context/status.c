/* What a context is at, as one JSON object: for `emactl status`. */
#include "status.h"

#include <inttypes.h>
#include <string.h>

#include "codes.h"
#include "keyring.h"
#include "publish.h"
#include "standing.h"

#define STATUS_MARKS MARK_KINDS

/* ---- Rates ---- */

static void answers_count(const struct metrics *metrics, struct metrics_sample *out)
{
	*out = (struct metrics_sample){ 0 };
	for (int place = 0; place < METRICS_PLACES; place++)
		for (int code = 0; code < EMA_CODES; code++) {
			uint64_t count = metrics_read(&metrics->answers[place][code]);
			*(code == EMA_OK ? &out->granted : code_row(code)->retry ? &out->failed : &out->refused) += count;
		}
}

void status_sample(struct ema_context *context)
{
	struct metrics_sample sample;
	answers_count(&context->metrics, &sample);
	sample.at = clock_monotonic(&context->clock);
	pthread_mutex_lock(&context->tick_lock);
	context->samples[context->sample_count++ % STATUS_SAMPLES] = sample;
	pthread_mutex_unlock(&context->tick_lock);
}

static void put_rates(struct buffer *out, struct ema_context *context)
{
	struct metrics_sample now, then = { 0 };
	answers_count(&context->metrics, &now);
	now.at = clock_monotonic(&context->clock);
	pthread_mutex_lock(&context->tick_lock);
	if (context->sample_count)
		then = context->samples[context->sample_count < STATUS_SAMPLES ? 0 : context->sample_count % STATUS_SAMPLES];
	else
		then.at = now.at;
	pthread_mutex_unlock(&context->tick_lock);
	buffer_printf(out, "\"answers\":{\"granted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"failed\":%" PRIu64 "},"
	              "\"rates\":{\"seconds\":%" PRId64 ",\"granted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"failed\":%" PRIu64 "}",
	              now.granted, now.refused, now.failed, (now.at - then.at + 500) / 1000, now.granted - then.granted, now.refused - then.refused,
	              now.failed - then.failed);
}

/* ---- The rest ---- */

static void put_text(struct buffer *out, const char *name, const char *text)
{
	buffer_printf(out, "\"%s\":", name);
	if (text)
		buffer_json(out, text, strlen(text));
	else
		buffer_text(out, "null");
}

static void put_number(struct buffer *out, const char *name, int64_t number)
{
	buffer_printf(out, ",\"%s\":%" PRId64, name, number);
}

static void put_providers(struct buffer *out, const struct snapshot *snapshot)
{
	buffer_text(out, "\"providers\":[");
	for (size_t i = 0; i < snapshot->conf->provider_count; i++) {
		const struct conf_provider *conf = &snapshot->conf->providers[i];
		struct standing standing;
		standing_of(&snapshot->providers[i], &standing);
		buffer_text(out, i ? ",{" : "{");
		put_text(out, "id", conf->instance.id);
		buffer_char(out, ',');
		put_text(out, "plugin", conf->instance.plugin);
		buffer_char(out, ',');
		put_text(out, "keys", standing.name);
		put_number(out, "away_since", standing.worst.since / 1000);
		put_number(out, "count", (int64_t)standing.worst.keys);
		put_number(out, "fetched", standing.worst.fetched / 1000);
		put_number(out, "fresh_until", standing.worst.fresh_until / 1000);
		put_number(out, "stale_keys", conf->stale_ms / 1000);
		put_number(out, "read_only_after", conf->read_only_ms / 1000);
		put_number(out, "failures", (int64_t)standing.worst.failures);
		buffer_char(out, ',');
		put_text(out, "last_failure", standing.worst.last_failure[0] ? standing.worst.last_failure : NULL);
		buffer_char(out, '}');
	}
	buffer_char(out, ']');
}

static void put_keys(struct buffer *out, struct ema_context *context)
{
	struct keyring_entry keys[KEYRING_MOST];
	size_t count = context->keyring ? keyring_list(context->keyring, keys) : 0;
	buffer_text(out, "\"signing_keys\":[");
	for (size_t i = 0; i < count; i++) {
		buffer_text(out, i ? ",{" : "{");
		put_text(out, "kid", keys[i].kid);
		buffer_char(out, ',');
		put_text(out, "state", keyring_state_name(keys[i].state));
		put_number(out, "published", keys[i].published / 1000);
		put_number(out, "signs_from", keys[i].signs_from / 1000);
		buffer_char(out, '}');
	}
	buffer_char(out, ']');
}

static void put_store(struct buffer *out, struct ema_context *context, const struct conf *conf)
{
	struct failure failure = FAILURE_INIT;
	int64_t since = INT64_MIN;
	int code = context->marks ? marks_known(context->marks, &failure) : EMA_OK;
	char why[FAILURE_TEXT];
	int64_t away;
	if (!code && context->keeper && publisher_fails(context->keeper, &away, why))
		code = failure_set(&failure, EMA_STORE_UNAVAILABLE, "revocations are not kept: %s", why);
	buffer_text(out, "\"store\":{");
	put_text(out, "plugin", conf->store.plugin);
	buffer_printf(out, ",\"reached\":%s,", code ? "false" : "true");
	put_text(out, "trouble", code ? failure.text : NULL);
	if (context->store && store_since(context->store, &since) == EMA_OK && since != INT64_MIN)
		put_number(out, "remembers_since", since / 1000);
	buffer_char(out, '}');
}

static void put_publish(struct buffer *out, struct ema_context *context, const struct conf *conf)
{
	char why[FAILURE_TEXT] = "";
	int64_t since = 0;
	int fails = context->publisher && publisher_fails(context->publisher, &since, why);
	buffer_text(out, "\"publish\":{");
	put_text(out, "folder", context->publisher ? conf->publish : NULL);
	buffer_printf(out, ",\"works\":%s,", fails ? "false" : "true");
	put_text(out, "trouble", fails ? why : NULL);
	put_number(out, "away_since", since / 1000);
	buffer_char(out, '}');
}

static void put_sinks(struct buffer *out, struct ema_context *context, const struct conf *conf)
{
	struct audit_state audit = { 0 };
	if (context->audit)
		audit_state(context->audit, &audit);
	buffer_text(out, "\"sinks\":[");
	for (size_t i = 0; i < conf->sink_count; i++) {
		buffer_text(out, i ? ",{" : "{");
		put_text(out, "id", conf->sinks[i].instance.id);
		buffer_printf(out, ",\"works\":%s,\"must\":%s}", context->audit && audit_sink_is_down(context->audit, conf->sinks[i].instance.id) ? "false" : "true",
		              conf->sinks[i].on_failure == FAILURE_DENY ? "true" : "false");
	}
	buffer_printf(out, "],\"audit\":{\"failing\":%s", audit.failing ? "true" : "false");
	put_number(out, "appended", (int64_t)audit.appended);
	put_number(out, "delivered", (int64_t)audit.delivered);
	put_number(out, "dropped", (int64_t)audit.dropped);
	put_number(out, "spool_used", (int64_t)audit.spool_used);
	put_number(out, "spool_room", (int64_t)audit.spool_room);
	buffer_char(out, '}');
}

struct status_marks {
	size_t marks[STATUS_MARKS], blocks;
};

static int count_mark(void *data, const struct mark_entry *entry)
{
	struct status_marks *counted = data;
	counted->marks[entry->kind]++;
	counted->blocks += entry->blocked != 0;
	return EMA_OK;
}

static void put_marks(struct buffer *out, struct ema_context *context)
{
	struct status_marks counted = { { 0 }, 0 };
	if (context->marks)
		marks_list(context->marks, count_mark, &counted);
	buffer_printf(out, "\"revoked\":{\"blocks\":%zu", counted.blocks);
	for (int i = 0; i < STATUS_MARKS; i++)
		put_number(out, mark_kind_name(i), (int64_t)counted.marks[i]);
	buffer_char(out, '}');
}

/* AZN-57: whose permissions, grants or denies are in shadow mode, and until when. */
static void put_shadow(struct buffer *out, struct ema_context *context, const struct conf *conf)
{
	const int64_t now = clock_wall(&context->clock) / 1000;
	int some = 0;
	buffer_text(out, "\"shadow\":[");
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i];
		size_t grants = conf_shadow_count(service->grants, service->grant_count), denies = conf_shadow_count(service->denies, service->deny_count);
		const int64_t until = service->shadow_until > now ? service->shadow_until : 0;
		if (!grants && !denies && !until)
			continue;
		buffer_text(out, some++ ? ",{" : "{");
		put_text(out, "service", service->id);
		put_number(out, "until", until);
		put_number(out, "grants", (int64_t)grants);
		put_number(out, "denies", (int64_t)denies);
		buffer_char(out, '}');
	}
	buffer_char(out, ']');
}

int status_json(struct ema_context *context, struct buffer *out)
{
	struct snapshot *snapshot = context_snapshot(context);
	if (!snapshot)
		return EMA_CONFIG;
	buffer_char(out, '{');
	put_providers(out, snapshot);
	buffer_char(out, ',');
	put_keys(out, context);
	buffer_char(out, ',');
	put_store(out, context, snapshot->conf);
	buffer_char(out, ',');
	put_publish(out, context, snapshot->conf);
	buffer_char(out, ',');
	put_sinks(out, context, snapshot->conf);
	buffer_char(out, ',');
	put_marks(out, context);
	buffer_char(out, ',');
	put_shadow(out, context, snapshot->conf);
	buffer_char(out, ',');
	put_rates(out, context);
	buffer_char(out, '}');
	snapshot_release(snapshot);
	return out->failed ? EMA_OUT_OF_MEMORY : EMA_OK;
}
