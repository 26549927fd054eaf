#include <stdio.h>

#include "emactl.h"

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static struct json_object *as_json(const ema_plugins *plugins)
{
	struct json_object *all = must(json_object_new_object()), *list = must(json_object_new_array());
	for (size_t i = 0; ema_plugins_name(plugins, i); i++) {
		struct json_object *one = must(json_object_new_object());
		json_add(one, "name", ema_plugins_name(plugins, i));
		json_add(one, "path", ema_plugins_path(plugins, i));
		json_add(one, "kinds", ema_plugins_kinds(plugins, i));
		json_add(one, "abi", ema_plugins_abi(plugins, i));
		json_add(one, "threads", ema_plugins_threads(plugins, i));
		json_add(one, "version", ema_plugins_version(plugins, i));
		json_add(one, "summary", ema_plugins_summary(plugins, i));
		json_add(one, "error", ema_plugins_error(plugins, i));
		json_object_array_add(list, one);
	}
	json_object_object_add(all, "plugins", list);
	return all;
}

int command_plugins(const struct options *options, int count, char **words)
{
	ema_plugins *plugins = NULL;
	int status = STATUS_FINE;
	(void)words;
	if (count)
		return complain("plugins takes no words; see `emactl --help`");
	ema_context *context = context_for(options);
	if (ema_plugins_list(context, &plugins))
		must(NULL);
	for (size_t i = 0; ema_plugins_name(plugins, i); i++)
		if (ema_plugins_error(plugins, i))
			status = STATUS_DENY;
	if (options->json) {
		int printed = print_json(as_json(plugins));
		status = printed ? printed : status;
	} else {
		printf("%s%-16s %-16s %-4s %-9s %-9s %s%s\n", colour(COLOUR_BOLD), "NAME", "KINDS", "ABI", "THREADS", "VERSION", "SUMMARY", colour_off());
		for (size_t i = 0; ema_plugins_name(plugins, i); i++) {
			const char *error = ema_plugins_error(plugins, i);
			if (error)
				printf("%-16s %scannot be used: %s%s\n", ema_plugins_name(plugins, i), colour(COLOUR_BAD), error, colour_off());
			else
				printf("%-16s %-16s %-4s %-9s %-9s %s\n", ema_plugins_name(plugins, i), ema_plugins_kinds(plugins, i),
				       ema_plugins_abi(plugins, i), ema_plugins_threads(plugins, i), or_dash(ema_plugins_version(plugins, i)),
				       or_dash(ema_plugins_summary(plugins, i)));
		}
	}
	ema_plugins_free(plugins);
	ema_free(context);
	return status;
}
