#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "resolve.h"

struct held_conf *held_conf_new(struct conf *conf)
{
	struct held_conf *held = calloc(1, sizeof *held);
	if (!held) {
		conf_free(conf);
		return NULL;
	}
	held->conf = conf;
	atomic_init(&held->holders, 1);
	return held;
}

struct held_conf *held_conf_hold(struct held_conf *held)
{
	atomic_fetch_add_explicit(&held->holders, 1, memory_order_relaxed);
	return held;
}

void held_conf_release(struct held_conf *held)
{
	if (held && atomic_fetch_sub_explicit(&held->holders, 1, memory_order_acq_rel) == 1) {
		conf_free(held->conf);
		free(held);
	}
}

struct opening {
	const struct snapshot_settings *settings;
	struct snapshot *snapshot;
	struct findings *findings;
};

static void directory_changed(void *data)
{
	struct directory *directory = data;
	atomic_fetch_add_explicit(&directory->generation, 1, memory_order_release);
}

/* What a plugin of this kind is called where it is listed, and what to write elsewhere. */
static const struct {
	const char *kind;
	size_t at; /* of the table in struct ema_plugin */
} roles[] = {
	[PLUGIN_IDENTITY] = { "identity", offsetof(struct ema_plugin, identity) },
	[PLUGIN_DIRECTORY] = { "directory", offsetof(struct ema_plugin, directory) },
	[PLUGIN_GUARD] = { "guard", offsetof(struct ema_plugin, guard) },
	[PLUGIN_STORE] = { "store", offsetof(struct ema_plugin, store) },
	[PLUGIN_AUDIT] = { "audit", offsetof(struct ema_plugin, audit) },
};

static int has_role(const struct ema_plugin *plugin, enum plugin_kind kind)
{
	const void *table;
	memcpy(&table, (const char *)plugin + roles[kind].at, sizeof table);
	return table != NULL;
}

struct instance *open_instance(const struct plugin_search *search, const struct conf_instance *conf, struct instance_settings *settings,
                               struct findings *findings)
{
	struct failure failure = FAILURE_INIT;
	struct plugin *plugin = NULL;
	struct instance *instance = NULL;
	int code = plugin_open(search, conf->plugin, &plugin, &failure);
	if (code) {
		const struct conf_node *at = conf_child(conf->node, "plugin");
		finding_node(findings, code == EMA_DENIED ? "E-PERMS" : "E-PLUGIN", at ? at : conf->node, "%s", failure.text);
		return NULL;
	}
	if (!has_role(plugin_description(plugin), settings->kind)) {
		finding_node(findings, "E-ROLE", conf->node, "plugin \"%s\" is no %s plugin; `emactl plugins` lists those that are", conf->plugin,
		             roles[settings->kind].kind);
	} else {
		settings->plugin = plugin;
		settings->id = conf->id;
		settings->node = conf->node;
		instance_open(settings, &instance, findings);
	}
	plugin_close(plugin); /* the instance holds it */
	return instance;
}

static void open_all(struct opening *o)
{
	struct snapshot *s = o->snapshot;
	const struct conf *conf = s->conf;
	struct instance_settings base = { .conf = conf, .clock = o->settings->clock, .log = o->settings->log };
	for (size_t i = 0; i < conf->provider_count; i++) {
		struct provider *provider = &s->providers[i];
		struct instance_settings settings = base;
		provider->conf = &conf->providers[i];
		settings.kind = PLUGIN_IDENTITY;
		settings.core_keys = conf_core_keys(CONF_PROVIDER);
		settings.trust = o->settings->trust;
		settings.provider = provider->conf;
		provider->instance = open_instance(o->settings->search, &provider->conf->instance, &settings, o->findings);
	}
	for (size_t i = 0; i < conf->directory_count; i++) {
		struct directory *directory = &s->directories[i];
		struct instance_settings settings = base;
		directory->conf = &conf->directories[i];
		/* Answers outlive a snapshot: those of another one must not be taken for its own. */
		atomic_init(&directory->generation, s->generation << 32);
		settings.kind = PLUGIN_DIRECTORY;
		settings.core_keys = conf_core_keys(CONF_DIRECTORY);
		settings.changed = directory_changed;
		settings.changed_data = directory;
		directory->instance = open_instance(o->settings->search, &directory->conf->instance, &settings, o->findings);
	}
	for (size_t i = 0; i < conf->guard_count; i++) {
		struct guard *guard = &s->guards[i];
		struct instance_settings settings = base;
		guard->conf = &conf->guards[i];
		settings.kind = PLUGIN_GUARD;
		settings.core_keys = conf_core_keys(CONF_GUARD);
		guard->instance = open_instance(o->settings->search, &guard->conf->instance, &settings, o->findings);
	}
}

/* calloc, but never of nothing: NULL stands for no memory alone. */
static void *array(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

/* -1: no memory; what is wrong with one of them is a finding. */
static int open_clients(struct snapshot *s, const struct snapshot_settings *settings, struct findings *findings)
{
	struct clients_settings clients = { .conf = s->conf, .which = CLIENTS_OF_TOKENS, .trust = settings->trust, .clock = settings->clock,
		                            .log = settings->log, .documents = settings->documents };
	int code = clients_open(&clients, findings, &s->clients);
	if (code == EMA_OUT_OF_MEMORY)
		return -1;
	clients.which = CLIENTS_CALLERS;
	clients.documents = NULL;
	return clients_open(&clients, findings, &s->callers) == EMA_OUT_OF_MEMORY ? -1 : 0;
}

static int entries_order(const void *a, const void *b)
{
	const struct conf_client *const *x = a, *const *y = b;
	return strcmp((*x)->id, (*y)->id);
}

struct snapshot *snapshot_new(struct held_conf *held, const struct snapshot_settings *settings, struct findings *findings)
{
	const struct conf *conf = held->conf;
	struct snapshot *s = calloc(1, sizeof *s);
	if (!s)
		goto no_memory;
	atomic_init(&s->holders, 1);
	s->generation = settings->generation;
	s->held = held_conf_hold(held);
	s->conf = conf;
	s->providers = array(conf->provider_count, sizeof *s->providers);
	s->directories = array(conf->directory_count, sizeof *s->directories);
	s->guards = array(conf->guard_count, sizeof *s->guards);
	s->services = array(conf->service_count, sizeof *s->services);
	s->entries = array(conf->client_count, sizeof *s->entries);
	if (!s->providers || !s->directories || !s->guards || !s->services || !s->entries)
		goto no_memory;
	for (size_t i = 0; i < conf->client_count; i++)
		s->entries[i] = &conf->clients[i];
	qsort(s->entries, conf->client_count, sizeof *s->entries, entries_order);
	open_all(&(struct opening){ settings, s, findings });
	if (resolve(s, findings))
		goto no_memory;
	if (settings->server && open_clients(s, settings, findings))
		goto no_memory;
	if (findings->errors || findings->out_of_memory)
		goto fail;
	return s;
no_memory:
	findings->out_of_memory = 1;
fail:
	snapshot_release(s);
	return NULL;
}

struct snapshot *snapshot_hold(struct snapshot *snapshot)
{
	atomic_fetch_add_explicit(&snapshot->holders, 1, memory_order_relaxed);
	return snapshot;
}

void snapshot_release(struct snapshot *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) != 1)
		return;
	const struct conf *conf = s->conf;
	for (size_t i = 0; s->providers && i < conf->provider_count; i++)
		instance_close(s->providers[i].instance);
	for (size_t i = 0; s->directories && i < conf->directory_count; i++)
		instance_close(s->directories[i].instance);
	for (size_t i = 0; s->guards && i < conf->guard_count; i++)
		instance_close(s->guards[i].instance);
	for (size_t i = 0; s->services && i < conf->service_count; i++) {
		free(s->services[i].directories);
		policy_free(s->services[i].policy);
	}
	for (size_t i = 0; i < s->rule_lists; i++)
		free(s->rules[i]);
	clients_free(s->clients);
	clients_free(s->callers);
	free(s->rules);
	free(s->stacks);
	free(s->names);
	free(s->providers);
	free(s->directories);
	free(s->guards);
	free(s->services);
	free(s->entries);
	held_conf_release(s->held);
	free(s);
}

const struct conf_client *snapshot_client(const struct snapshot *snapshot, const char *id)
{
	const struct conf_client wanted = { .id = id }, *key = &wanted;
	const struct conf_client *const *entry = bsearch(&key, snapshot->entries, snapshot->conf->client_count, sizeof *snapshot->entries, entries_order);
	return entry ? *entry : NULL;
}

const struct service *snapshot_service(const struct snapshot *snapshot, const char *id)
{
	for (size_t i = 0; i < snapshot->conf->service_count; i++)
		if (!strcmp(snapshot->services[i].conf->id, id))
			return &snapshot->services[i];
	return NULL;
}

int snapshot_no_service(const struct snapshot *snapshot, const char *id, struct failure *failure)
{
	struct conf_nearest like = { .wrong = id };
	for (size_t i = 0; i < snapshot->conf->service_count; i++)
		conf_nearest_offer(&like, snapshot->services[i].conf->id);
	return failure_set(failure, EMA_UNKNOWN_SERVICE, "ema.conf has no service \"%.100s\"%s%.64s%s", id, like.name ? " (did you mean \"" : "",
	                   like.name ? like.name : "", like.name ? "\"?)" : "");
}

size_t snapshot_provider(const struct snapshot *snapshot, const char *id)
{
	for (size_t i = 0; i < snapshot->conf->provider_count; i++)
		if (!strcmp(snapshot->conf->providers[i].instance.id, id))
			return i;
	return SIZE_MAX;
}

static int declares_tenant(const struct declared *declared, const char *tenant)
{
	for (size_t i = 0; tenant && i < declared->tenant_count; i++)
		if (!strcmp(declared->tenants[i], tenant))
			return 1;
	return !declared->tenant_count;
}

const char *snapshot_issuer_next(const struct snapshot *snapshot, size_t provider, const char *tenant, struct issuer_walk *walk)
{
	const struct instance *instance = snapshot->providers[provider].instance;
	for (; walk->declared < instance_declared_count(instance); walk->declared++, walk->name = 0) {
		const struct declared *declared = instance_declared(instance, walk->declared);
		while (walk->name < declared->name_count) {
			const struct ema_issuer_name *name = &declared->names[walk->name++];
			if (declared->tenant_claim ? declares_tenant(declared, tenant) : !name->tenant || (tenant && !strcmp(name->tenant, tenant)))
				return name->issuer;
		}
	}
	return NULL;
}

const char *snapshot_issuer(const struct snapshot *snapshot, size_t provider, const char *tenant)
{
	struct issuer_walk walk = { 0, 0 };
	return snapshot_issuer_next(snapshot, provider, tenant, &walk);
}

int snapshot_tenant(const struct snapshot *snapshot, size_t provider, const char *tenant)
{
	const struct instance *instance = snapshot->providers[provider].instance;
	int any = 0;
	for (size_t d = 0; d < instance_declared_count(instance); d++) {
		const struct declared *declared = instance_declared(instance, d);
		if (declared->tenant_count && declares_tenant(declared, tenant))
			return 1;
		any |= declared->tenant_claim && !declared->tenant_count;
		for (size_t n = 0; n < declared->name_count; n++)
			if (declared->names[n].tenant && !strcmp(declared->names[n].tenant, tenant))
				return 1;
	}
	return any ? -1 : 0;
}
