/* For `emactl check`: what an identity provider that is away does to each service, in one sentence. */
#include "outage.h"

#include <inttypes.h>

#include "buffer.h"
#include "keyset.h"

#define OUTAGE_TEXT_MOST 2000

/* "90m", as ema.conf would have it. */
static void put_time(struct buffer *text, int64_t ms)
{
	static const struct { int64_t ms; char unit; } units[] = { { INT64_C(86400000) * 2, 'd' }, { 3600000, 'h' }, { 60000, 'm' }, { 1000, 's' } };
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		int64_t unit = units[i].unit == 'd' ? 86400000 : units[i].ms;
		if (ms >= units[i].ms && ms % unit == 0) {
			buffer_printf(text, "%" PRId64 "%c", ms / unit, units[i].unit);
			return;
		}
	}
	buffer_printf(text, "%" PRId64 "ms", ms);
}

static int is_fetched(const struct provider *provider)
{
	for (size_t i = 0; i < instance_declared_count(provider->instance); i++) {
		const struct keyset *keyset = instance_declared(provider->instance, i)->keyset;
		if (keyset && !keyset_settings_of(keyset)->jwks_file && !keyset_settings_of(keyset)->jwks_text)
			return 1;
	}
	return 0;
}

static void put_provider(struct buffer *text, const struct provider *provider, const char *word)
{
	const struct conf_provider *conf = provider->conf;
	if (!is_fetched(provider)) {
		buffer_printf(text, "as long as ever with %s\"%s\", whose keys are not fetched", word, conf->instance.id);
		return;
	}
	if (!conf->stale_ms) {
		buffer_printf(text, "not at all with %s\"%s\"", word, conf->instance.id);
		return;
	}
	buffer_text(text, "for ");
	put_time(text, conf->stale_ms);
	buffer_printf(text, " with %s\"%s\"", word, conf->instance.id);
	if (!conf->read_only_ms)
		return;
	buffer_text(text, " (after ");
	put_time(text, conf->read_only_ms);
	buffer_text(text, " for what reads alone)");
}

void outage_lint(const struct snapshot *snapshot, struct findings *findings)
{
	const struct conf *conf = snapshot->conf;
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i];
		struct buffer text = BUFFER_INIT(OUTAGE_TEXT_MOST);
		size_t count = 0, shown = 0;
		unsigned accepts = 0;
		for (size_t k = 0; k < conf->provider_count; k++)
			count += conf_has_provider(conf, service, conf->providers[k].instance.id) != 0;
		for (size_t k = 0; k < conf->provider_count; k++) {
			if (!conf_has_provider(conf, service, conf->providers[k].instance.id))
				continue;
			buffer_text(&text, !shown ? "" : shown + 1 < count ? ", " : ", and ");
			put_provider(&text, &snapshot->providers[k], shown ? "" : "provider ");
			accepts |= snapshot->providers[k].accepts;
			shown++;
		}
		if (accepts & EMA_ID_JAG) {
			buffer_text(&text, "; tokens of ours that were given by then live to their end, at most ");
			put_time(&text, conf_token_lifetime(conf, service, NULL) * 1000);
		}
		if (shown && text.data)
			finding_node(findings, "N-OUTAGE", service->node, "service \"%s\": once keys can be refreshed no more, people keep access %s", service->id,
			             text.data);
		buffer_free(&text);
	}
}
