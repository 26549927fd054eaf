#include "sinks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct sink {
	struct held_conf *held; /* the configuration that its instance was opened with */
	const struct conf_sink *conf;
	struct instance *instance;
	struct clock clock;     /* its own, since a call that does not return may outlive the context; */
	struct log log;         /* then nobody listens any more */
	pthread_mutex_t gate;
	int left;
};

static void sink_log(void *data, int level, const char *text)
{
	struct sink *sink = data;
	pthread_mutex_lock(&sink->gate);
	if (!sink->left && sink->log.write)
		sink->log.write(sink->log.data, level, text);
	pthread_mutex_unlock(&sink->gate);
}

static void sink_left(void *data)
{
	struct sink *sink = data;
	pthread_mutex_lock(&sink->gate);
	sink->left = 1;
	pthread_mutex_unlock(&sink->gate);
}

static const struct ema_audit_ops *ops_of(const struct sink *sink)
{
	return instance_plugin(sink->instance)->audit;
}

static int sink_record(void *data, const ema_event *event)
{
	struct sink *sink = data;
	return ops_of(sink)->record(instance_self(sink->instance), event);
}

static int sink_flush(void *data, int64_t ms)
{
	struct sink *sink = data;
	return ops_of(sink)->flush ? ops_of(sink)->flush(instance_self(sink->instance), ms) : EMA_OK;
}

static int sink_reopen(void *data)
{
	struct sink *sink = data;
	return ops_of(sink)->reopen ? ops_of(sink)->reopen(instance_self(sink->instance)) : EMA_OK;
}

static void sink_close(void *data)
{
	struct sink *sink = data;
	instance_close(sink->instance);
	sink->instance = NULL;
}

static void sink_release(void *data)
{
	struct sink *sink = data;
	instance_close(sink->instance);
	held_conf_release(sink->held);
	pthread_mutex_destroy(&sink->gate);
	free(sink);
}

static struct sink *open_sink(struct ema_context *context, struct held_conf *held, const struct conf_sink *conf,
                              const struct plugin_search *search, const struct log *log, struct findings *findings)
{
	struct sink *sink = calloc(1, sizeof *sink);
	if (!sink) {
		findings->out_of_memory = 1;
		return NULL;
	}
	struct instance_settings settings = { .kind = PLUGIN_AUDIT, .conf = held->conf, .clock = &sink->clock, .log = { sink_log, sink },
		                              .core_keys = conf_core_keys(CONF_AUDIT) };
	sink->held = held_conf_hold(held);
	sink->conf = conf;
	sink->clock = context->clock;
	sink->log = *log;
	pthread_mutex_init(&sink->gate, NULL);
	sink->instance = open_instance(search, &conf->instance, &settings, findings);
	if (!sink->instance) {
		sink_release(sink);
		return NULL;
	}
	return sink;
}

static struct sink *carried_over(const struct ema_context *context, const struct conf_sink *conf)
{
	for (size_t i = 0; i < context->sink_count; i++)
		if (!strcmp(context->sinks[i]->conf->instance.id, conf->instance.id) &&
		    conf_same(context->sinks[i]->conf->instance.node, conf->instance.node))
			return context->sinks[i];
	return NULL;
}

int sinks_swap(struct ema_context *context, struct held_conf *held, const struct plugin_search *search, struct findings *findings)
{
	const struct conf *conf = held->conf;
	struct sink **sinks = calloc(conf->sink_count + 1, sizeof *sinks);
	struct audit_sink *asked = calloc(conf->sink_count + 1, sizeof *asked);
	struct failure failure = FAILURE_INIT;
	size_t count = 0;
	if (!sinks || !asked) {
		findings->out_of_memory = 1;
		goto fail;
	}
	for (; count < conf->sink_count; count++) {
		const struct conf_sink *wanted = &conf->sinks[count];
		sinks[count] = carried_over(context, wanted);
		if (!sinks[count])
			sinks[count] = open_sink(context, held, wanted, search, &context->log, findings);
		if (!sinks[count])
			goto fail;
		asked[count] = (struct audit_sink){ .id = wanted->instance.id, .must = wanted->on_failure == FAILURE_DENY, .record = sink_record,
			                            .flush = sink_flush, .reopen = sink_reopen, .close = sink_close, .release = sink_release,
			                            .left = sink_left, .data = sinks[count] };
	}
	if (audit_sinks(context->audit, asked, count, &failure)) {
		finding_node(findings, "E-AUDIT", conf->root, "%s", failure.text);
		goto fail;
	}
	free(asked);
	free(context->sinks);
	context->sinks = sinks;
	context->sink_count = count;
	return 0;
fail:
	for (size_t i = 0; i < count; i++)
		if (sinks[i] && !carried_over(context, sinks[i]->conf))
			sink_release(sinks[i]);
	free(sinks);
	free(asked);
	return -1;
}

/* What a sink would say to the log of who serves. */
struct overheard {
	const struct log *log;
	const struct conf_node *node;
	struct findings *findings;
};

static void overhear(void *data, int level, const char *text)
{
	const struct overheard *overheard = data;
	if (level == LOG_LEVEL_WARNING)
		finding_node(overheard->findings, "W-AUDIT", overheard->node, "%s", text);
	else
		log_printf(overheard->log, level, "%s", text);
}

void sinks_lint(struct ema_context *context, struct held_conf *held, const struct plugin_search *search, struct findings *findings)
{
	for (size_t i = 0; i < held->conf->sink_count; i++) {
		struct overheard overheard = { &context->log, held->conf->sinks[i].instance.node, findings };
		struct sink *sink = open_sink(context, held, &held->conf->sinks[i], search, &(struct log){ overhear, &overheard }, findings);
		if (sink)
			sink_release(sink);
	}
}
