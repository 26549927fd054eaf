#include "admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyset.h"

#define PLUGINS_MOST 1024
#define REPORT_BYTES_MOST (64 * 1024)

/* ---- Plugins ---- */

static char *copy(struct ema_plugins *plugins, const char *text)
{
	char *made = text ? strdup(text) : NULL;
	if (text && !made)
		plugins->broken = 1;
	return made;
}

static char *kinds_of(struct ema_plugins *plugins, const struct ema_plugin *p)
{
	char text[64] = "";
	snprintf(text, sizeof text, "%s%s%s%s%s", p->identity ? " identity" : "", p->directory ? " directory" : "", p->guard ? " guard" : "",
	         p->store ? " store" : "", p->audit ? " audit" : "");
	return copy(plugins, text[0] ? text + 1 : text);
}

static void found(void *data, const char *name, const char *path, const struct plugin *plugin, const struct failure *failure)
{
	struct ema_plugins *plugins = data;
	if (plugins->count == PLUGINS_MOST)
		return;
	struct listed_plugin *grown = reallocarray(plugins->list, plugins->count + 1, sizeof *grown);
	if (!grown) {
		plugins->broken = 1;
		return;
	}
	plugins->list = grown;
	struct listed_plugin *at = &grown[plugins->count++];
	*at = (struct listed_plugin){ .name = copy(plugins, name), .path = copy(plugins, path) };
	if (!plugin) {
		at->error = copy(plugins, failure->text);
		return;
	}
	const struct ema_plugin *p = plugin_description(plugin);
	char abi[24];
	snprintf(abi, sizeof abi, "%u.%u", p->abi >> 16, p->abi & 0xffffu);
	at->version = copy(plugins, p->version);
	at->summary = copy(plugins, p->summary);
	at->kinds = kinds_of(plugins, p);
	at->threads = p->threads == EMA_THREADS_PARALLEL ? "parallel" : "serial";
	at->abi = copy(plugins, abi);
}

int plugins_list(struct ema_context *context, struct ema_plugins **out)
{
	struct ema_plugins *plugins = calloc(1, sizeof *plugins);
	struct plugin_search search;
	if (!plugins)
		return EMA_OUT_OF_MEMORY;
	context_plugin_search(context, NULL, &search);
	plugin_each(&search, found, plugins);
	if (plugins->broken) {
		plugins_free(plugins);
		return EMA_OUT_OF_MEMORY;
	}
	*out = plugins;
	return EMA_OK;
}

void plugins_free(struct ema_plugins *plugins)
{
	for (size_t i = 0; plugins && i < plugins->count; i++) {
		struct listed_plugin *p = &plugins->list[i];
		free(p->name);
		free(p->path);
		free(p->version);
		free(p->summary);
		free(p->kinds);
		free(p->abi);
		free(p->error);
	}
	if (plugins)
		free(plugins->list);
	free(plugins);
}

/* ---- Facts ---- */

const struct conf *admin_conf(struct ema_context *context)
{
	struct snapshot *snapshot = context ? context_snapshot(context) : NULL;
	const struct conf *conf = snapshot ? snapshot->conf : NULL;
	snapshot_release(snapshot); /* the context still holds it, until the next load */
	return conf;
}

/* The first declaration of a provider. The caller releases the snapshot. */
static const struct declared *declared_of(struct ema_context *context, const char *id, struct snapshot **snapshot, const struct conf_provider **conf)
{
	*snapshot = context ? context_snapshot(context) : NULL;
	size_t number = *snapshot ? snapshot_provider(*snapshot, id) : SIZE_MAX;
	if (number == SIZE_MAX)
		return NULL;
	*conf = (*snapshot)->providers[number].conf;
	struct instance *instance = (*snapshot)->providers[number].instance;
	return instance_declared_count(instance) ? instance_declared(instance, 0) : NULL;
}

const char *admin_provider_fact(struct ema_context *context, const char *id, const char *fact)
{
	struct snapshot *snapshot = NULL;
	const struct conf_provider *conf = NULL;
	const struct declared *declared = declared_of(context, id, &snapshot, &conf);
	const struct keyset_settings *keys = declared && declared->keyset ? keyset_settings_of(declared->keyset) : NULL;
	const char *value = NULL;
	if (conf && !strcmp(fact, "plugin"))
		value = conf->instance.plugin;
	else if (declared && declared->name_count && !strcmp(fact, "issuer"))
		value = declared->names[0].issuer;
	else if (keys && !strcmp(fact, "jwks_url"))
		value = keys->jwks_url;
	else if (keys && !strcmp(fact, "discovery_url"))
		value = keys->discovery_url;
	snapshot_release(snapshot);
	return value;
}

const char *admin_service_fact(struct ema_context *context, const char *id, const char *fact)
{
	const struct conf *conf = admin_conf(context);
	for (size_t i = 0; conf && i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i];
		if (!strcmp(service->id, id))
			return !strcmp(fact, "issuer") ? service->issuer : !strcmp(fact, "resource") ? service->resource : NULL;
	}
	return NULL;
}

const char *admin_service_audience(struct ema_context *context, const char *id, const char *provider, const char *what, size_t index)
{
	const struct conf *conf = admin_conf(context);
	for (size_t i = 0; conf && i < conf->service_count; i++) {
		const struct conf_service *service = &conf->services[i];
		for (size_t k = 0; !strcmp(service->id, id) && k < service->audience_count; k++) {
			const struct conf_audience *audience = &service->audiences[k];
			const struct conf_strings *list = !strcmp(what, "is") ? &audience->is : !strcmp(what, "clients") ? &audience->clients : NULL;
			if (list && audience->provider && !strcmp(audience->provider, provider))
				return index < list->count ? list->list[index] : NULL;
		}
	}
	return NULL;
}

int admin_probe(struct ema_context *context, const char *id, char **out)
{
	struct snapshot *snapshot = NULL;
	const struct conf_provider *conf = NULL;
	const struct declared *declared = declared_of(context, id, &snapshot, &conf);
	struct failure failure = FAILURE_INIT;
	struct buffer report = BUFFER_INIT(REPORT_BYTES_MOST);
	int code = EMA_CONFIG;
	if (!declared || !declared->keyset)
		buffer_printf(&report, "provider \"%s\" has no keys to fetch\n", id);
	else
		code = keyset_probe(keyset_settings_of(declared->keyset), &context->clock, &report, &failure);
	if (code && failure.text[0])
		buffer_printf(&report, "%s\n", failure.text);
	snapshot_release(snapshot);
	*out = buffer_take(&report);
	return *out ? code : EMA_OUT_OF_MEMORY;
}

/* ---- Signing keys ---- */

static int keys_open(struct ema_context *context, const char *path, enum keyring_mode mode, int recover, struct keyring **out)
{
	struct findings findings = { 0 };
	struct failure failure = FAILURE_INIT;
	struct keyring_paths paths;
	struct keyring_settings settings = { .clock = &context->clock, .log = context->log, .recover = recover };
	struct conf *conf = conf_read(path, &findings);
	int code = conf ? EMA_OK : findings.out_of_memory ? EMA_OUT_OF_MEMORY : EMA_CONFIG;
	if (conf) {
		code = conf->state_dir ? keyring_settings_from(conf, mode, &paths, &settings, &failure) :
		                         failure_set(&failure, EMA_CONFIG, "there is no state_dir: the keys are in the memory of emad alone");
		if (!code)
			code = keyring_open(&settings, out, &failure);
		if (code)
			finding_node(&findings, "E-KEYS", conf_child(conf->root, "state_dir"), "%s", failure.text);
	}
	if (code)
		context_keep_error(context, &findings);
	findings_free(&findings);
	conf_free(conf);
	return code;
}

int admin_keys_list(struct ema_context *context, const char *path, struct ema_keys **out)
{
	struct keyring *keyring = NULL;
	int code = keys_open(context, path, KEYRING_LOOK, 0, &keyring);
	if (code)
		return code;
	struct ema_keys *keys = calloc(1, sizeof *keys);
	if (keys) {
		keys->count = keyring_list(keyring, keys->list);
		*out = keys;
	}
	keyring_close(keyring);
	return keys ? EMA_OK : EMA_OUT_OF_MEMORY;
}

int admin_keys_rotate(struct ema_context *context, const char *path, int now)
{
	struct keyring *keyring = NULL;
	struct findings findings = { 0 };
	struct failure failure = FAILURE_INIT;
	int code = keys_open(context, path, KEYRING_SERVE, now, &keyring);
	if (code)
		return code;
	code = keyring_rotate(keyring, now, &failure);
	if (code) {
		finding_add(&findings, "E-KEYS", path, 0, "%s", failure.text);
		context_keep_error(context, &findings);
		findings_free(&findings);
	}
	keyring_close(keyring);
	return code;
}
