/*
 * load_plugin [-1] PATH KIND SETTINGS...: loads a plugin as the core does, opens an instance with each of the settings
 * and calls it once. -1: lends it a host of the size that 1.0 had. Prints what it came to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

static int call_once(struct instance *instance, enum plugin_kind kind)
{
	static const char *const audiences[] = { "https://rs.example" };
	static const struct call_demand demand = { audiences, 1, NULL, 0 };
	struct failure failure = FAILURE_INIT;
	struct ema_call *call = NULL;
	struct call_settings settings = { .instance = instance, .demand = &demand, .deadline = clock_monotonic(&clock_system) + 5000 };
	settings.items[EMA_ITEM_CLIENT_ID] = "client";
	settings.items[EMA_ITEM_REMOTE] = "192.0.2.7";
	if (kind == PLUGIN_IDENTITY) {
		settings.kind = EMA_ACCESS_TOKEN;
		settings.credential = "no.token";
		settings.credential_length = strlen(settings.credential);
	}
	int code = call_run(&settings, &call, &failure);
	printf("%s%s%s%s%s\n", code_name(code), *failure.text ? ": " : "", failure.text, !code && call_result(call)->subject ? " " : "",
	       !code && call_result(call)->subject ? call_result(call)->subject : "");
	call_free(call);
	return code;
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = { "identity", "directory", "guard" };
	static const char *const core_keys[] = { "id", "plugin", NULL };
	struct ema_host old = *plugin_host();
	struct plugin_search search = { .folders = NULL };
	struct plugin *plugin = NULL;
	struct failure failure = FAILURE_INIT;
	if (argc > 1 && !strcmp(argv[1], "-1")) {
		old.size = offsetof(struct ema_host, add_subject) + sizeof old.add_subject;
		search.host = &old;
		argv++;
		argc--;
	}
	size_t kind = 0;
	while (argc > 2 && kind < 3 && strcmp(kinds[kind], argv[2]))
		kind++;
	if (argc < 4 || kind == 3)
		return 2;
	if (plugin_open(&search, argv[1], &plugin, &failure)) {
		printf("%s\n", failure.text);
		return 1;
	}
	printf("%s %s: %s\n", plugin_description(plugin)->name, plugin_description(plugin)->version, plugin_description(plugin)->summary);
	struct trust_settings trust_settings = { .clock = &clock_system, .passive = 1 };
	struct trust *trust = trust_new(&trust_settings, &failure);
	for (int i = 3; trust && i < argc; i++) {
		struct findings findings = { .list = NULL };
		struct instance *instance = NULL;
		struct conf *conf = conf_read_data(argv[i], &findings);
		struct instance_settings settings = { .plugin = plugin, .kind = (enum plugin_kind)kind, .id = "test", .conf = conf, .node = conf ? conf->root : NULL,
			.core_keys = core_keys, .clock = &clock_system, .trust = trust };
		if (conf && instance_open(&settings, &instance, &findings) == EMA_OK)
			call_once(instance, settings.kind);
		for (size_t f = 0; f < findings.count; f++)
			printf("%s %d: %s\n", findings.list[f].id, findings.list[f].line, findings.list[f].text);
		instance_close(instance);
		conf_free(conf);
		findings_free(&findings);
	}
	trust_free(trust);
	plugin_close(plugin);
	return 0;
}
