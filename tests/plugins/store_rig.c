#include "test.h"

#include <stdio.h>

#include "store_rig.h"

static void rig_log(void *data, int level, const char *text)
{
	struct store_rig *rig = data;
	size_t length = strlen(rig->log);
	(void)level;
	snprintf(rig->log + length, sizeof rig->log - length, "%s\n", text);
}

static int64_t rig_wall(void *data)
{
	return __atomic_load_n(&((struct suite_clock *)data)->wall, __ATOMIC_SEQ_CST);
}

static int64_t rig_monotonic(void *data)
{
	(void)data;
	return clock_monotonic(&clock_system);
}

void store_rig_set_clock(struct store_rig *rig, int64_t wall)
{
	__atomic_store_n(&rig->clock.wall, wall, __ATOMIC_SEQ_CST);
}

void store_rig_init(struct store_rig *rig)
{
	memset(rig, 0, sizeof *rig);
	rig->clock.wall = SUITE_BEGIN;
	rig->clock.clock = (struct clock){ rig_wall, rig_monotonic, &rig->clock };
}

const char *store_rig_folder = BUILDDIR "/plugins/.libs";

int store_rig_open(struct store_rig *rig, const char *plugin, const char *settings)
{
	static const char *const core_keys[] = { "id", "plugin", NULL };
	struct failure failure = FAILURE_INIT;
	struct buffer text = BUFFER_INIT(65536);
	buffer_printf(&text, "issuer = \"https://auth.acme.example\";\nstore = { plugin = \"%s\"; %s };\n", plugin, settings);
	assert_false(text.failed);
	rig->conf = conf_read_text(text.data, text.length, "ema.conf", &rig->findings);
	buffer_free(&text);
	if (!rig->conf)
		return -1;
	struct plugin_search search = { .folders = store_rig_folder };
	if (plugin_open(&search, plugin, &rig->plugin, &failure) != EMA_OK) {
		finding_add(&rig->findings, "E-PLUGIN", "", 0, "%s", failure.text);
		return -1;
	}
	struct instance_settings what = { .plugin = rig->plugin, .kind = PLUGIN_STORE, .id = "store", .conf = rig->conf, .node = rig->conf->store.node,
		.core_keys = core_keys, .clock = &rig->clock.clock, .log = { rig_log, rig } };
	if (instance_open(&what, &rig->instance, &rig->findings) != EMA_OK)
		return -1;
	assert_int_equal(store_plugin(plugin_description(rig->plugin)->store, instance_self(rig->instance), &rig->store, &failure), EMA_OK);
	if (plugin_description(rig->plugin)->threads == EMA_THREADS_PARALLEL)
		store_plugin_parallel(rig->store);
	return 0;
}

void store_rig_close(struct store_rig *rig)
{
	store_free(rig->store);
	rig->store = NULL;
	instance_close(rig->instance);
	rig->instance = NULL;
	if (rig->plugin)
		plugin_close(rig->plugin);
	rig->plugin = NULL;
	conf_free(rig->conf);
	rig->conf = NULL;
	findings_free(&rig->findings);
	memset(&rig->findings, 0, sizeof rig->findings);
	rig->log[0] = 0;
}

int store_rig_says(const struct store_rig *rig, const char *text)
{
	for (size_t i = 0; i < rig->findings.count; i++)
		if (strstr(rig->findings.list[i].text, text))
			return 1;
	return strstr(rig->log, text) != NULL;
}

static int rig_put(struct store_rig *rig, const char *key, int64_t expires)
{
	return store_put_if_absent(rig->store, "a", key, strlen(key), "v", 1, expires, 1, 30000);
}

void store_rig_clock_was_ahead(struct store_rig *rig, int64_t then, const char *why)
{
	store_rig_set_clock(rig, then);
	assert_int_equal(rig_put(rig, "k-1", then + 1000), EMA_OK);
	store_rig_set_clock(rig, SUITE_BEGIN + 1000);
	assert_false(store_rig_says(rig, "was ahead"));
	assert_int_equal(rig_put(rig, "k-2", then), EMA_UNAVAILABLE);
	assert_true(store_rig_says(rig, why));
	assert_int_equal(rig_put(rig, "k-2", then + 1000), EMA_OK);
}
