/* A plugin of the tests, opened with settings as in ema.conf. */
#ifndef PLUGIN_RIG_H
#define PLUGIN_RIG_H

#include <stdio.h>
#include <unistd.h>

#include "test.h"

#include "host.h"

#define RIG_FOLDERS BUILDDIR "/tests/plugin/bad/.libs:" BUILDDIR "/plugins/.libs"
#define RIG_AUDIENCE "https://rs.example"

struct rig {
	struct conf *conf;
	struct findings findings;
	struct plugin *plugin;
	struct instance *instance;
	struct failure failure;
	struct trust *trust;
	struct conf_provider *provider;
	const struct clock *clock;
	int changed;
};

static const char *const rig_core_keys[] = { "id", "plugin", NULL };
static const struct plugin_search rig_search = { .folders = RIG_FOLDERS };

static inline void rig_changed(void *data)
{
	++*(int *)data;
}

static inline int rig_open_from(struct rig *rig, const struct plugin_search *search, const char *name, enum plugin_kind kind, const char *text)
{
	char path[] = "/tmp/ema-rig-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	rig->conf = conf_read_data(path, &rig->findings);
	unlink(path);
	for (size_t i = 0; !rig->conf && i < rig->findings.count; i++)
		print_message("# %s\n", rig->findings.list[i].text);
	assert_non_null(rig->conf);
	int code = plugin_open(search, name, &rig->plugin, &rig->failure);
	if (code)
		return code;
	struct instance_settings settings = {
		.plugin = rig->plugin, .kind = kind, .id = "rig", .conf = rig->conf, .node = rig->conf->root, .core_keys = rig_core_keys,
		.clock = rig->clock ? rig->clock : &clock_system, .trust = rig->trust, .provider = rig->provider,
		.changed = rig_changed, .changed_data = &rig->changed,
	};
	return instance_open(&settings, &rig->instance, &rig->findings);
}

static inline void rig_close(struct rig *rig)
{
	instance_close(rig->instance);
	plugin_close(rig->plugin);
	conf_free(rig->conf);
	findings_free(&rig->findings);
	memset(rig, 0, sizeof *rig);
}

static inline int rig_open(struct rig *rig, const char *name, enum plugin_kind kind, const char *text)
{
	return rig_open_from(rig, &rig_search, name, kind, text);
}

/* The texts of all findings, for a test that looks for one. */
static inline int rig_found(const struct rig *rig, const char *id, const char *text)
{
	for (size_t i = 0; i < rig->findings.count; i++)
		if (!strcmp(rig->findings.list[i].id, id) && strstr(rig->findings.list[i].text, text))
			return 1;
	for (size_t i = 0; i < rig->findings.count; i++)
		print_message("# %s %s:%d %s\n", rig->findings.list[i].id, rig->findings.list[i].file, rig->findings.list[i].line, rig->findings.list[i].text);
	return 0;
}

static inline void rig_call(const struct rig *rig, struct call_settings *settings)
{
	static const char *const audiences[] = { RIG_AUDIENCE };
	static const struct call_demand demand = { audiences, 1, NULL, 0 };
	memset(settings, 0, sizeof *settings);
	settings->instance = rig->instance;
	settings->kind = EMA_ACCESS_TOKEN;
	settings->demand = &demand;
	settings->items[EMA_ITEM_CLIENT_ID] = "client";
	settings->deadline = clock_monotonic(rig->clock ? rig->clock : &clock_system) + 5000;
}

#endif
