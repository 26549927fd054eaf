/* An instance: opened, asked for what it declared, closed. */
#include <stdlib.h>
#include <string.h>

#include "lent.h"
#include "secret.h"

uintptr_t lent_thread(void)
{
	return (uintptr_t)pthread_self();
}

typedef int open_fn(const struct ema_host *host, const ema_handle *handle, ema_conf *conf, ema_instance **out);

/* The kind's open and close; NULL if the plugin is not of that kind. */
static open_fn *kind_open(const struct ema_plugin *d, enum plugin_kind kind, void (**shut)(ema_instance *self))
{
#define KIND(number, member) \
	case number: \
		*shut = d->member ? d->member->close : NULL; \
		return d->member ? d->member->open : NULL
	switch (kind) {
	KIND(PLUGIN_IDENTITY, identity);
	KIND(PLUGIN_DIRECTORY, directory);
	KIND(PLUGIN_GUARD, guard);
	KIND(PLUGIN_STORE, store);
	KIND(PLUGIN_AUDIT, audit);
	}
#undef KIND
	return NULL;
}

static const char *const kind_names[] = { "identity", "directory", "guard", "store", "audit" };

static int instance_make(const struct instance_settings *settings, struct instance **out)
{
	pthread_condattr_t attributes;
	struct instance *instance = calloc(1, sizeof *instance);
	if (!instance)
		return EMA_OUT_OF_MEMORY;
	instance->settings = *settings;
	instance->id = room_text(&instance->room, settings->id ? settings->id : "");
	if (!instance->id || pthread_condattr_init(&attributes)) {
		room_free(&instance->room);
		free(instance);
		return EMA_OUT_OF_MEMORY;
	}
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&instance->free_now, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&instance->lock, NULL);
	instance->plugin = plugin_keep(settings->plugin);
	instance->serial = plugin_description(settings->plugin)->threads == EMA_THREADS_SERIAL;
	instance->handle.instance = instance;
	instance->root = (struct ema_conf){ instance, settings->node, NULL };
	*out = instance;
	return EMA_OK;
}

int instance_open(const struct instance_settings *settings, struct instance **out, struct findings *findings)
{
	const struct ema_plugin *d = plugin_description(settings->plugin);
	struct instance *instance = NULL;
	void (*shut)(ema_instance *self) = NULL;
	open_fn *open = kind_open(d, settings->kind, &shut);
	if (!open) {
		finding_node(findings, "E-ROLE", settings->node, "the plugin \"%s\" is no %s plugin", d->name, kind_names[settings->kind]);
		return EMA_CONFIG;
	}
	if (instance_make(settings, &instance)) {
		findings->out_of_memory = 1;
		return EMA_OUT_OF_MEMORY;
	}
	int errors = findings->errors;
	instance->findings = findings;
	atomic_store(&instance->opener, lent_thread());
	int code = open(plugin_host(), &instance->handle, &instance->root, &instance->self);
	atomic_store(&instance->opener, 0);
	if (code == EMA_OK)
		instance->close = shut;
	if (code == EMA_OK || instance->conf_failed)
		settings_unasked(instance, code != EMA_OK);
	if (code == EMA_OK && settings->kind == PLUGIN_IDENTITY && !instance->declared_count && !instance->conf_failed)
		finding_node(findings, "E-PLUGIN", settings->node, "the plugin \"%s\" declared no issuer (keyset_open)", d->name);
	if (code != EMA_OK && findings->errors == errors)
		finding_node(findings, "E-PLUGIN", settings->node, "the plugin \"%s\" could not start: %s", d->name,
		             code_row(code) && code != EMA_CONFIG ? code_row(code)->meaning : "it did not say why (its log may)");
	instance->findings = NULL;
	free(instance->asked);
	instance->asked = NULL;
	if (code == EMA_OK && !instance->conf_failed && findings->errors == errors && !findings->out_of_memory) {
		*out = instance;
		return EMA_OK;
	}
	instance_close(instance);
	return code == EMA_OUT_OF_MEMORY || findings->out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
}

void instance_close(struct instance *instance)
{
	struct ema_call *next;
	if (!instance)
		return;
	if (instance->close)
		instance->close(instance->self);
	for (size_t i = 0; i < instance->declared_count; i++)
		keyset_close(instance->declared[i]->declared.keyset);
	for (struct ema_call *call = instance->spare; call; call = next) {
		next = call->next;
		free(call);
	}
	pthread_cond_destroy(&instance->free_now);
	pthread_mutex_destroy(&instance->lock);
	plugin_close(instance->plugin);
	room_free(&instance->room);
	free(instance);
}

const char *instance_id(const struct instance *instance)
{
	return instance->id;
}

const struct ema_plugin *instance_plugin(const struct instance *instance)
{
	return plugin_description(instance->plugin);
}

ema_instance *instance_self(const struct instance *instance)
{
	return instance->self;
}

int instance_enter(struct instance *instance, int64_t deadline)
{
	if (!instance->serial)
		return EMA_OK;
	/* The clock may be a test's; the wait is in real time. */
	int64_t left = deadline - clock_monotonic(instance->settings.clock);
	int code = EMA_OK;
	if (left < 0)
		left = 0;
	if (left > INT64_C(86400000))
		left = INT64_C(86400000);
	const struct timespec until = clock_from_now(left);
	pthread_mutex_lock(&instance->lock);
	while (instance->busy && code == EMA_OK)
		if (pthread_cond_timedwait(&instance->free_now, &instance->lock, &until))
			code = instance->busy ? EMA_TIMEOUT : EMA_OK;
	if (code == EMA_OK)
		instance->busy = 1;
	pthread_mutex_unlock(&instance->lock);
	return code;
}

void instance_leave(struct instance *instance)
{
	if (!instance->serial)
		return;
	pthread_mutex_lock(&instance->lock);
	instance->busy = 0;
	pthread_cond_signal(&instance->free_now);
	pthread_mutex_unlock(&instance->lock);
}

size_t instance_declared_count(const struct instance *instance)
{
	return instance->declared_count;
}

const struct declared *instance_declared(const struct instance *instance, size_t index)
{
	return index < instance->declared_count ? &instance->declared[index]->declared : NULL;
}

const struct declared *instance_for_issuer(const struct instance *instance, const char *issuer, const char **tenant)
{
	for (size_t i = 0; issuer && i < instance->declared_count; i++) {
		const struct declared *declared = &instance->declared[i]->declared;
		for (size_t n = 0; n < declared->name_count; n++)
			if (!strcmp(declared->names[n].issuer, issuer)) {
				*tenant = declared->names[n].tenant;
				return declared;
			}
	}
	return NULL;
}
