#define _GNU_SOURCE
#include "context.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "answers.h"
#include "cimd.h"
#include "daemon.h"
#include "dpop.h"
#include "keyring.h"
#include "keyset.h"
#include "rates.h"
#include "marks.h"
#include "outage.h"
#include "publication.h"
#include "seen.h"
#include "sinks.h"
#include "status.h"

#define SEEN_ENTRIES 4096   /* signatures of providers' tokens: those of the last few hours of a busy server */
#define KNOWN_ENTRIES 16384 /* tokens of ours, and how much they may take in all */
#define KNOWN_BYTES (64u * 1024 * 1024)

/* How long a shutdown waits for audit to reach the sinks; what is left then stays in the spool. */
#define DRAIN_MS 5000
#define NONCES_MS 2000 /* and a start for the store's key of nonces */

struct ema_context *context_new(void)
{
	struct ema_context *context = calloc(1, sizeof *context);
	if (!context)
		return NULL;
	context->clock = clock_system;
	context->origin = origin_new();
	if (!context->origin) {
		free(context);
		return NULL;
	}
	pthread_mutex_init(&context->lock, NULL);
	pthread_mutex_init(&context->load_lock, NULL);
	pthread_mutex_init(&context->tick_lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&context->tick_wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	context->seen = seen_new(SEEN_ENTRIES, 0);
	context->known = seen_new(KNOWN_ENTRIES, KNOWN_BYTES);
	context->metrics.started = clock_wall(&context->clock) / 1000;
	context->error = strdup("");
	return context;
}

int context_is_alive(const struct ema_context *context)
{
	return origin_is_here(context->origin);
}

static void stop_ticks(struct ema_context *context);

/* What open_lasting() opened. served: a configuration was in place. */
static void close_lasting(struct ema_context *context, int served)
{
	stop_ticks(context);
	/* Before audit, which they tell things. */
	publication_stop(context);
	cimd_free(context->documents);
	context->documents = NULL;
	trust_free(context->trust);
	context->trust = NULL;
	keyring_close(context->keyring);
	context->keyring = NULL;
	dpop_nonces_free(context->nonces);
	context->nonces = NULL;
	limits_free(context->limits);
	context->limits = NULL;
	if (served)
		notice_tell(&context->notice, "stop", NOTICE_INFO, NULL);
	if (context->audit)
		audit_free(context->audit, served ? DRAIN_MS : 0); /* releases the sinks */
	context->audit = NULL;
	context->notice = (struct notice){ 0 };
	free(context->sinks);
	context->sinks = NULL;
	context->sink_count = 0;
	publication_close(context);
	store_free(context->store);
	context->store = NULL;
	horizon_close(context->horizon);
	context->horizon = NULL;
	instance_close(context->store_instance);
	context->store_instance = NULL;
	held_conf_release(context->store_conf);
	context->store_conf = NULL;
	answers_free(context->answers);
	context->answers = NULL;
}

void context_free(struct ema_context *context)
{
	/* In a child the threads are gone and locks may be held for good: its memory goes with it. */
	if (!context || !context_is_alive(context))
		return;
	snapshot_release(context->snapshot);
	close_lasting(context, 1);
	pthread_mutex_destroy(&context->lock);
	pthread_mutex_destroy(&context->load_lock);
	pthread_mutex_destroy(&context->tick_lock);
	pthread_cond_destroy(&context->tick_wake);
	origin_free(context->origin);
	seen_free(context->seen);
	seen_free(context->known);
	free(context->plugin_path);
	free(context->path);
	free(context->error);
	free(context);
}

struct snapshot *context_snapshot(struct ema_context *context)
{
	pthread_mutex_lock(&context->lock);
	struct snapshot *snapshot = context->snapshot ? snapshot_hold(context->snapshot) : NULL;
	pthread_mutex_unlock(&context->lock);
	return snapshot;
}

void context_plugin_search(const struct ema_context *context, const struct conf *conf, struct plugin_search *out)
{
	*out = (struct plugin_search){ .folders = context->plugin_path, .log = context->log, .owner = conf ? conf->owner : NULL };
}

void context_keep_error(struct ema_context *context, const struct findings *findings)
{
	struct buffer text = BUFFER_INIT(64 * 1024);
	for (size_t i = 0; findings && i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		if (finding->id[0] != 'E')
			continue;
		buffer_printf(&text, "%s%s:%d: %s: %s", text.length ? "\n" : "", finding->file, finding->line, finding->id, finding->text);
	}
	if (findings && findings->out_of_memory)
		buffer_printf(&text, "%sno memory", text.length ? "\n" : "");
	text.failed = 0; /* as much of it as there was room for */
	char *taken = buffer_take(&text);
	if (taken) {
		free(context->error);
		context->error = taken;
	}
}

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static const struct conf_node *node_of(const struct conf *conf, const char *key)
{
	const struct conf_node *node = conf_child(conf->root, key);
	return node ? node : conf->root;
}

/* A difference that needs a restart, since what was opened by it is the context's. */
static void lint_restart(const struct conf *old, const struct conf *new, struct findings *findings)
{
	const struct { const char *key, *was, *is; } texts[] = {
		{ "state_dir", old->state_dir, new->state_dir }, { "publish", old->publish, new->publish },
		{ "published", old->published.path, new->published.path },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(text_of(texts[i].was), text_of(texts[i].is)))
			finding_node(findings, "E-RESTART", node_of(new, texts[i].key), "%s was \"%s\": a restart is needed to change it", texts[i].key,
			             text_of(texts[i].was));
	/* As a number: the name may have become another user's. */
	if (old->published.owner != new->published.owner)
		finding_node(findings, "E-RESTART", node_of(new, "published_by"), "published_by was user %lu: a restart is needed to change it",
		             (unsigned long)old->published.owner);
	const struct { const char *key; int64_t was, is; } numbers[] = {
		{ "spool_size", old->spool_bytes, new->spool_bytes }, { "durability", old->durability_disk, new->durability_disk },
		{ "pseudonym_period", old->pseudonym_period, new->pseudonym_period },
	};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (numbers[i].was != numbers[i].is)
			finding_node(findings, "E-RESTART", node_of(new, numbers[i].key), "%s was another: a restart is needed to change it", numbers[i].key);
	const struct conf_node *a = conf_child(old->root, "store"), *b = conf_child(new->root, "store");
	if (!conf_same(a, b))
		finding_node(findings, "E-RESTART", b ? b : new->root, "the store was another one: a restart is needed to change it");
}

static int open_trust(struct ema_context *context, const struct conf *conf, int passive, struct trust **out, struct failure *failure)
{
	struct trust_settings settings = { .clock = &context->clock, .log = context->log, .notice = context->notice, .passive = passive };
	char *kept = NULL, *cache = conf ? publication_cache(conf, context->server, &settings, &kept, failure) : NULL;
	if (!cache && failure->code)
		return failure->code;
	settings.cache_folder = cache;
	*out = trust_new(&settings, failure);
	free(cache);
	free(kept);
	return *out ? EMA_OK : failure->code;
}

/* A finding, or no memory for what would be none with it. */
static int cannot(struct findings *findings, const char *id, const struct conf_node *node, const struct failure *failure)
{
	if (failure->code == EMA_OUT_OF_MEMORY)
		findings->out_of_memory = 1;
	else
		finding_node(findings, id, node, "%s", failure->text);
	return -1;
}

/* The plugin of the store with its settings; NULL: see findings. */
static struct instance *open_store_plugin(struct ema_context *context, const struct conf *conf, struct findings *findings)
{
	struct plugin_search search;
	context_plugin_search(context, conf, &search);
	struct instance_settings settings = { .kind = PLUGIN_STORE, .conf = conf, .clock = &context->clock, .log = context->log,
		                              .core_keys = conf_core_keys(CONF_STORE) };
	return open_instance(&search, &conf->store, &settings, findings);
}

static int open_store(struct ema_context *context, struct held_conf *held, struct findings *findings)
{
	const struct conf *conf = held->conf;
	struct failure failure = FAILURE_INIT;
	if (conf_store_in_memory(conf)) {
		struct memory_settings settings = { .clock = &context->clock, .entries_most = (size_t)conf->store_entries,
			                            .bytes_most = (size_t)conf->store_bytes, .quota_most = (size_t)conf->store_quota };
		if (!context->operator && conf->state_dir && horizon_open(conf->state_dir, clock_wall(&context->clock) / 1000, &context->horizon, &failure))
			return cannot(findings, "E-STATE", node_of(conf, "state_dir"), &failure);
		store_memory(&settings, &context->store, &failure);
	} else {
		context->store_instance = open_store_plugin(context, conf, findings);
		if (!context->store_instance)
			return -1;
		context->store_conf = held_conf_hold(held);
		store_plugin(instance_plugin(context->store_instance)->store, instance_self(context->store_instance), &context->store, &failure);
		if (context->store && instance_plugin(context->store_instance)->threads == EMA_THREADS_PARALLEL)
			store_plugin_parallel(context->store);
	}
	return context->store ? 0 : cannot(findings, "E-STORE", conf->store.node ? conf->store.node : conf->root, &failure);
}

static int open_keyring(struct ema_context *context, const struct conf *conf, struct failure *failure)
{
	struct keyring_paths paths;
	struct keyring_settings settings = { .clock = &context->clock, .log = context->log, .notice = context->notice };
	int code = keyring_settings_from(conf, context->server ? KEYRING_SERVE : KEYRING_PUBLIC, &paths, &settings, failure);
	return code == EMA_OK ? keyring_open(&settings, &context->keyring, failure) : code;
}

/* Keys change with time alone: somebody has to look at the clock. */
static void *tick(void *data)
{
	struct ema_context *context = data;
	struct timespec until;
	pthread_mutex_lock(&context->tick_lock);
	while (!context->tick_stop) {
		pthread_mutex_unlock(&context->tick_lock);
		keyring_tick(context->keyring);
		status_sample(context);
		pthread_mutex_lock(&context->tick_lock);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += 1;
		while (!context->tick_stop && !pthread_cond_timedwait(&context->tick_wake, &context->tick_lock, &until))
			;
	}
	pthread_mutex_unlock(&context->tick_lock);
	return NULL;
}

static int start_ticks(struct ema_context *context, struct failure *failure)
{
	sigset_t all, old;
	context->tick_stop = 0;
	/* Signals are for threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	context->ticking = !pthread_create(&context->ticker, NULL, tick, context);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return context->ticking ? EMA_OK : failure_set(failure, EMA_OUT_OF_MEMORY, "a thread could not be started");
}

static void stop_ticks(struct ema_context *context)
{
	if (!context->ticking)
		return;
	pthread_mutex_lock(&context->tick_lock);
	context->tick_stop = 1;
	pthread_cond_signal(&context->tick_wake);
	pthread_mutex_unlock(&context->tick_lock);
	pthread_join(context->ticker, NULL);
	context->ticking = 0;
}

static int open_keys(struct ema_context *context, const struct conf *conf, struct findings *findings)
{
	struct failure failure = FAILURE_INIT;
	if (context->keyring)
		return 0;
	if (open_keyring(context, conf, &failure) || start_ticks(context, &failure))
		return cannot(findings, "E-STATE", node_of(conf, "state_dir"), &failure);
	return 0;
}

/* What an authorization server has beyond others. */
static int open_server(struct ema_context *context, const struct conf *conf, struct findings *findings)
{
	struct failure failure = FAILURE_INIT;
	if (!context->limits && !(context->limits = limits_new(&context->clock))) {
		findings->out_of_memory = 1;
		return -1;
	}
	if (!context->nonces) {
		if (dpop_nonces_new(&context->nonces, &failure))
			return cannot(findings, "E-STATE", conf->root, &failure);
		dpop_nonces_share(context->nonces, context->store, clock_wall(&context->clock) / 1000, NONCES_MS);
	}
	if (!context->documents && cimd_new(context->trust, &context->clock, context->log, context->notice, &context->documents, &failure))
		return cannot(findings, "E-STATE", conf->root, &failure);
	return open_keys(context, conf, findings);
}

static int open_marks(struct ema_context *context, const struct conf *conf, struct findings *findings)
{
	struct failure failure = FAILURE_INIT;
	if (publication_marks(context, conf, &failure) == EMA_OK)
		return 0;
	const int keeping = context->server && conf_store_in_memory(conf) && !context->keeper;
	const struct conf_node *state = keeping ? conf_child(conf->root, "state_dir") : NULL, *publish = state ? state : conf_child(conf->root, "publish");
	return cannot(findings, "E-STORE", publish ? publish : conf->store.node ? conf->store.node : conf->root, &failure);
}

/* Of a context that is no authorization server: without either there are none. */
static int knows_keys(const struct conf *conf)
{
	return conf->state_dir || conf->published.path;
}

/* What the context keeps from one configuration to the next: opened once. */
static int open_lasting(struct ema_context *context, struct held_conf *held, struct findings *findings)
{
	const struct conf *conf = held->conf;
	const struct conf_node *publish = conf_child(conf->root, "publish");
	struct failure failure = FAILURE_INIT;
	if (!context->audit && !context->observer) {
		struct audit_settings settings = { .clock = &context->clock, .log = context->log, .state_dir = conf->state_dir,
			                           .spool_bytes = (size_t)conf->spool_bytes, .durability_disk = conf->durability_disk,
			                           .pseudonym_period = conf->pseudonym_period, .ids = &context->ids };
		if (audit_new(&settings, &context->audit, &failure))
			return cannot(findings, "E-STATE", node_of(conf, "state_dir"), &failure);
		audit_notice(context->audit, &context->notice);
	}
	const int passive = context->observer || context->operator;
	if (!context->trust && open_trust(context, passive ? NULL : conf, passive, &context->trust, &failure))
		return cannot(findings, "E-STATE", publish ? publish : node_of(conf, "state_dir"), &failure);
	if (!context->answers && !(context->answers = answers_new(&context->clock, 0))) {
		findings->out_of_memory = 1;
		return -1;
	}
	if (context->observer) {
		/* To know tokens of ours by; whoever may not read it can look at all else. */
		if (knows_keys(conf) && !context->keyring && open_keyring(context, conf, &failure))
			log_printf(&context->log, LOG_LEVEL_WARNING, "tokens of ours cannot be looked at: %s", failure.text);
		return 0;
	}
	if (!context->store && open_store(context, held, findings))
		return -1;
	if (!context->marks && open_marks(context, conf, findings))
		return -1;
	if (context->operator)
		return 0;
	if (context->server)
		return open_server(context, conf, findings);
	/* The public keys alone, as the authorization server writes them: to know its tokens by. */
	return knows_keys(conf) ? open_keys(context, conf, findings) : 0;
}

static void tell_loaded(struct ema_context *context, const struct conf *conf, const char *before)
{
	notice_tell(&context->notice, before ? "config-loaded" : "start", NOTICE_INFO, "config", conf->path, "digest", conf->digest, "before", before,
	            "version", EMA_VERSION, NULL);
}

static int swap(struct ema_context *context, struct conf *conf, struct findings *findings)
{
	struct held_conf *held = held_conf_new(conf);
	struct snapshot *old = NULL, *new = NULL;
	struct plugin_search search;
	char before[sizeof conf->digest] = "";
	if (!held) {
		findings->out_of_memory = 1;
		return -1;
	}
	if (context->snapshot)
		lint_restart(context->snapshot->conf, conf, findings);
	publication_lint(context, conf, 0, findings);
	if (findings->errors || open_lasting(context, held, findings))
		goto out;
	context_plugin_search(context, conf, &search);
	struct snapshot_settings settings = { .search = &search, .clock = &context->clock, .log = context->log, .trust = context->trust,
		                              .generation = context->generation + 1, .server = context->server, .documents = context->documents };
	new = snapshot_new(held, &settings, findings);
	if (new && context->observer)
		sinks_lint(context, held, &search, findings);
	if (!new || findings->errors || (!context->observer && sinks_swap(context, held, &search, findings))) {
		snapshot_release(new);
		new = NULL;
		goto out;
	}
	if (context->keyring && context->server)
		keyring_configure(context->keyring, (enum jose_algorithm)conf->token.algorithm, conf->token.rotate_after_ms, conf->token.publish_before_ms);
	context->generation++;
	if (context->marks)
		marks_on_loss(context->marks, conf->store_last_known, conf->store_loss_ms);
	if (context->keyring)
		keyring_on_loss(context->keyring, conf->store_last_known, conf->store_loss_ms);
	pthread_mutex_lock(&context->lock);
	old = context->snapshot;
	context->snapshot = new;
	pthread_mutex_unlock(&context->lock);
	if (old)
		memcpy(before, old->conf->digest, sizeof before);
	tell_loaded(context, conf, old ? before : NULL);
	snapshot_release(old);
out:
	held_conf_release(held);
	return new ? 0 : -1;
}

static void log_findings(struct ema_context *context, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		log_printf(&context->log, finding->id[0] == 'E' ? LOG_LEVEL_ERROR : finding->id[0] == 'W' ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
		           "%s:%d: %s: %s", finding->file, finding->line, finding->id, finding->text);
	}
}

void context_load_refused(struct ema_context *context, const char *path, const struct findings *findings, const char *reason)
{
	pthread_mutex_lock(&context->load_lock);
	const int found = findings && (findings->errors || findings->out_of_memory);
	if (found)
		context_keep_error(context, findings);
	metrics_count(&context->metrics.refused_loads);
	notice_tell(&context->notice, "config-refused", NOTICE_ERROR, "config", path, "reason", found ? context->error : reason, NULL);
	pthread_mutex_unlock(&context->load_lock);
}

int context_load(struct ema_context *context, const char *path, const char *text, size_t length, const char *wanted, struct findings *out)
{
	struct findings findings = { 0 };
	char *kept = text ? NULL : strdup(path);
	pthread_mutex_lock(&context->load_lock);
	struct conf *conf = text ? conf_read_text(text, length, path, &findings) : conf_read(path, &findings);
	const char *read = conf ? conf->digest : NULL;
	if (read && wanted && strcmp(read, wanted)) {
		conf_free(conf);
		pthread_mutex_unlock(&context->load_lock);
		free(kept);
		findings_free(&findings);
		return EMA_UNAVAILABLE;
	}
	int failed = !conf || swap(context, conf, &findings);
	metrics_count(failed ? &context->metrics.refused_loads : &context->metrics.loads);
	if (!failed && kept) {
		free(context->path);
		context->path = kept;
		kept = NULL;
	}
	context_keep_error(context, failed ? &findings : NULL);
	log_findings(context, &findings);
	if (failed)
		notice_tell(&context->notice, "config-refused", NOTICE_ERROR, "config", path, "reason", context->error, NULL);
	/* Where nothing is in place yet, the next try begins anew: with its own state_dir and store. */
	if (failed && !context->snapshot)
		close_lasting(context, 0);
	int code = !failed ? EMA_OK : findings.out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	pthread_mutex_unlock(&context->load_lock);
	free(kept);
	if (out)
		*out = findings;
	else
		findings_free(&findings);
	return code;
}

int context_lint(struct ema_context *context, const char *path, struct findings *findings)
{
	struct conf *conf = conf_read(path, findings);
	struct held_conf *held = conf ? held_conf_new(conf) : NULL;
	struct trust *trust = NULL;
	struct snapshot *snapshot = NULL;
	struct failure failure = FAILURE_INIT;
	struct plugin_search search;
	if (!held || open_trust(context, NULL, 1, &trust, &failure))
		goto out;
	context_plugin_search(context, conf, &search);
	struct snapshot_settings settings = { .search = &search, .clock = &context->clock, .log = context->log, .trust = trust };
	snapshot = snapshot_new(held, &settings, findings);
	sinks_lint(context, held, &search, findings);
	conf_lint_rates(conf, findings);
	publication_lint(context, conf, 1, findings);
	if (snapshot)
		outage_lint(snapshot, findings);
	if (context->server || context->observer)
		daemon_lint(conf, &(struct clients_settings){ .trust = trust, .clock = &context->clock, .log = context->log },
		            context->server ? READER_LOOKS : READER_MAY_BE_ANOTHER, findings);
	if (!conf_store_in_memory(conf))
		instance_close(open_store_plugin(context, conf, findings));
out:
	if (failure.code)
		findings->out_of_memory = 1;
	int code = snapshot && !findings->errors ? EMA_OK : findings->out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	snapshot_release(snapshot);
	trust_free(trust);
	held_conf_release(held);
	return code;
}
