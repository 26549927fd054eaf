/* Whether the process lives, whether it can decide, and what it has done. Strangers are shown none of these by default. */
#include <inttypes.h>
#include <string.h>

#include "audit.h"
#include "exchange.h"
#include "keyring.h"
#include "pipeline.h"
#include "seen.h"
#include "standing.h"

#define KIND "metrics"

static int is_read(struct exchange *x)
{
	if (!strcmp(x->method, "GET") || !strcmp(x->method, "HEAD")) {
		exchange_no_store(x);
		return 1;
	}
	exchange_method(x, "GET, HEAD");
	return 0;
}

void endpoint_health(struct exchange *x)
{
	if (is_read(x))
		response_text(x->response, 200, "text/plain; charset=utf-8", "ok\n");
}

/* Configuration, keys, store and spool; an identity provider that is away makes nobody unready (design: no start-up waits). */
void endpoint_ready(struct exchange *x)
{
	struct audit_state audit = { 0 };
	const char *why = NULL;
	char byte[1];
	size_t length = sizeof byte;
	if (!is_read(x))
		return;
	if (x->snapshot && x->context->audit)
		audit_state(x->context->audit, &audit);
	if (!x->snapshot)
		why = "no configuration is loaded";
	else if (!x->context->keyring)
		why = "there is no signing key";
	else if (!x->context->audit || audit.failing)
		why = "an audit sink that must work does not";
	else if (audit.spool_room && audit.spool_used >= audit.spool_room / 2)
		why = "half of the audit spool waits for its sinks";
	else if (store_get(x->context->store, "ready", 5, byte, &length, 1000) != EMA_ABSENT)
		why = "the store does not answer";
	if (why)
		response_text(x->response, 503, "text/plain; charset=utf-8", why);
	else
		response_text(x->response, 200, "text/plain; charset=utf-8", "ready\n");
	if (why)
		buffer_char(&x->response->body, '\n');
}

/* Where each provider stands. Ids of providers have no quote and no control character. */
static void put_providers(struct buffer *body, const struct snapshot *snapshot)
{
	buffer_text(body, "# HELP ema_provider_keys Whether the keys of a provider are fixed, fresh, stale, read_only or unavailable.\n# TYPE ema_provider_keys gauge\n");
	for (size_t i = 0; i < snapshot->conf->provider_count; i++) {
		struct standing standing;
		standing_of(&snapshot->providers[i], &standing);
		buffer_printf(body, "ema_provider_keys{provider=\"%s\",standing=\"%s\"} 1\n", snapshot->conf->providers[i].instance.id, standing.name);
	}
	buffer_text(body, "# HELP ema_provider_away_since_seconds Since when its keys cannot be refreshed; 0: they can.\n# TYPE ema_provider_away_since_seconds gauge\n");
	for (size_t i = 0; i < snapshot->conf->provider_count; i++) {
		struct standing standing;
		standing_of(&snapshot->providers[i], &standing);
		buffer_printf(body, "ema_provider_away_since_seconds{provider=\"%s\"} %" PRId64 "\n", snapshot->conf->providers[i].instance.id,
		              standing.worst.since / 1000);
	}
}

/*
 * Who is on this host may read without a secret. A proxy is on this host, too, but speaks for others: one that is named, whatever
 * it sends, and one that is not, as far as it shows.
 */
static int is_local(const struct exchange *x)
{
	static const char *const forwarding[] = { "X-Forwarded-For", "Forwarded", "X-Real-IP", "Via" };
	static const unsigned char loopback6[16] = { [15] = 1 }, loopback4[13] = { [10] = 0xff, [11] = 0xff, [12] = 127 };
	const char *peer = x->request->items[EMA_REQUEST_REMOTE];
	unsigned char bytes[16];
	if (!peer || x->proxied || x->serve & EMA_SERVE_PUBLIC)
		return 0;
	for (size_t i = 0; i < sizeof forwarding / sizeof *forwarding; i++)
		if (request_header(x->request, forwarding[i], 0))
			return 0;
	if (!strcmp(peer, "unix"))
		return 1;
	return conf_address(peer, strlen(peer), bytes) >= 0 &&
	       (!memcmp(bytes, loopback4, sizeof loopback4) || !memcmp(bytes, loopback6, sizeof loopback6));
}

/* Everybody else is a caller. Credentials that are sent must be right, or who mistyped them learns it on the day of the move. */
static int may_read(struct exchange *x)
{
	struct sender sender;
	if (is_local(x) && !request_header(x->request, "Authorization", 0))
		return 1;
	x->place = METRICS_METRICS;
	return !sender_basic(x, KIND, CALLER_METRICS, &sender);
}

void endpoint_metrics(struct exchange *x)
{
	static const char *const places[METRICS_PLACES] = { "library", "token", "revoke", "introspect", "check", "metrics" };
	struct metrics *metrics = &x->context->metrics;
	struct buffer *body = &x->response->body;
	struct audit_state audit = { 0 };
	if (!is_read(x) || !may_read(x))
		return;
	response_text(x->response, 200, "text/plain; version=0.0.4; charset=utf-8", "");
	buffer_printf(body, "# HELP ema_info The version that runs.\n# TYPE ema_info gauge\nema_info{version=\"%s\"} 1\n", EMA_VERSION);
	buffer_printf(body, "# HELP ema_start_time_seconds When the context was made.\n# TYPE ema_start_time_seconds gauge\nema_start_time_seconds %" PRId64 "\n",
	              metrics->started);
	buffer_text(body, "# HELP ema_answers_total Answers by endpoint and code.\n# TYPE ema_answers_total counter\n");
	for (int place = 0; place < METRICS_PLACES; place++)
		for (int code = 0; code < EMA_CODES; code++) {
			uint64_t count = metrics_read(&metrics->answers[place][code]);
			if (count)
				buffer_printf(body, "ema_answers_total{endpoint=\"%s\",code=\"%s\"} %" PRIu64 "\n", places[place], code_name(code), count);
		}
	buffer_printf(body, "# HELP ema_pages_total Metadata and keys that were served.\n# TYPE ema_pages_total counter\nema_pages_total %" PRIu64 "\n",
	              metrics_read(&metrics->pages));
	buffer_printf(body, "# HELP ema_not_found_total Requests for what is not there.\n# TYPE ema_not_found_total counter\nema_not_found_total %" PRIu64 "\n",
	              metrics_read(&metrics->not_found));
	buffer_printf(body, "# HELP ema_config_loads_total Configurations that were loaded, and refused.\n# TYPE ema_config_loads_total counter\n"
	              "ema_config_loads_total{result=\"loaded\"} %" PRIu64 "\nema_config_loads_total{result=\"refused\"} %" PRIu64 "\n",
	              metrics_read(&metrics->loads), metrics_read(&metrics->refused_loads));
	buffer_printf(body, "# HELP ema_shadowed_total Checks that shadow mode answered otherwise, or that a rule in shadow mode would have.\n"
	              "# TYPE ema_shadowed_total counter\nema_shadowed_total %" PRIu64 "\n", metrics_read(&metrics->shadowed));
	if (x->context->seen && x->context->known) {
		uint64_t hits, added, own_hits, own_added;
		seen_counts(x->context->seen, &hits, &added);
		seen_counts(x->context->known, &own_hits, &own_added);
		hits += own_hits;
		added += own_added;
		buffer_printf(body, "# HELP ema_signatures_total Good signatures of access tokens: verified, and known as good since the token came before.\n"
		              "# TYPE ema_signatures_total counter\nema_signatures_total{result=\"verified\"} %" PRIu64
		              "\nema_signatures_total{result=\"known\"} %" PRIu64 "\n", added, hits);
	}
	if (x->snapshot)
		put_providers(body, x->snapshot);
	if (!x->snapshot || !x->context->audit)
		return;
	audit_state(x->context->audit, &audit);
	buffer_printf(body, "# HELP ema_audit_records_total Records by what became of them.\n# TYPE ema_audit_records_total counter\n"
	              "ema_audit_records_total{state=\"appended\"} %" PRIu64 "\nema_audit_records_total{state=\"delivered\"} %" PRIu64
	              "\nema_audit_records_total{state=\"dropped\"} %" PRIu64 "\n", audit.appended, audit.delivered, audit.dropped);
	buffer_printf(body, "# HELP ema_audit_spool_bytes The spool, and what of it is used.\n# TYPE ema_audit_spool_bytes gauge\n"
	              "ema_audit_spool_bytes{part=\"used\"} %zu\nema_audit_spool_bytes{part=\"room\"} %zu\n", audit.spool_used, audit.spool_room);
	buffer_printf(body, "# HELP ema_audit_failing Whether a sink that must work does not.\n# TYPE ema_audit_failing gauge\nema_audit_failing %d\n",
	              audit.failing);
}
