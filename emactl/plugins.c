#include <stdio.h>
#include <string.h>

#include "emactl.h"

#define COLUMNS 6

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

static void cells_of(const ema_plugins *plugins, size_t i, const char *cells[COLUMNS])
{
	cells[0] = ema_plugins_name(plugins, i);
	cells[1] = or_dash(ema_plugins_kinds(plugins, i));
	cells[2] = or_dash(ema_plugins_abi(plugins, i));
	cells[3] = or_dash(ema_plugins_threads(plugins, i));
	cells[4] = or_dash(ema_plugins_version(plugins, i));
	cells[5] = or_dash(ema_plugins_summary(plugins, i));
}

/* Each column as wide as it needs; the summary comes last, so that a terminal may break it. */
static void print_table(const ema_plugins *plugins)
{
	static const char *const titles[COLUMNS] = { "NAME", "KINDS", "ABI", "THREADS", "VERSION", "SUMMARY" };
	const char *cells[COLUMNS];
	int width[COLUMNS];
	for (size_t k = 0; k < COLUMNS; k++)
		width[k] = (int)strlen(titles[k]);
	for (size_t i = 0; ema_plugins_name(plugins, i); i++) {
		cells_of(plugins, i, cells);
		for (size_t k = 0; k < COLUMNS; k++)
			if ((!k || !ema_plugins_error(plugins, i)) && (int)strlen(cells[k]) > width[k])
				width[k] = (int)strlen(cells[k]);
	}
	fputs(colour(COLOUR_BOLD), stdout);
	for (size_t k = 0; k + 1 < COLUMNS; k++)
		printf("%-*s  ", width[k], titles[k]);
	printf("%s%s\n", titles[COLUMNS - 1], colour_off());
	for (size_t i = 0; ema_plugins_name(plugins, i); i++) {
		cells_of(plugins, i, cells);
		printf("%-*s  ", width[0], cells[0]);
		if (ema_plugins_error(plugins, i)) {
			printf("%scannot be used: ", colour(COLOUR_BAD));
			print_plain(ema_plugins_error(plugins, i));
			printf("%s\n", colour_off());
			continue;
		}
		for (size_t k = 1; k + 1 < COLUMNS; k++)
			printf("%-*s  ", width[k], cells[k]);
		print_plain(cells[COLUMNS - 1]);
		putchar('\n');
	}
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
		print_table(plugins);
	}
	ema_plugins_free(plugins);
	ema_free(context);
	return status;
}
