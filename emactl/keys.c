#include <stdio.h>
#include <string.h>
#include <time.h>

#include "emactl.h"

static const char *const time_names[] = { "published", "signs_from", "gone_at" };
enum { TIMES = sizeof time_names / sizeof *time_names };

/* The time as text, or NULL for one that is not known. */
static const char *time_text(const ema_keys *keys, size_t index, const char *what, char text[32])
{
	time_t seconds = (time_t)ema_key_time(keys, index, what);
	struct tm tm;
	return seconds && gmtime_r(&seconds, &tm) && strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) ? text : NULL;
}

static struct json_object *as_json(const ema_keys *keys)
{
	struct json_object *all = must(json_object_new_object()), *list = must(json_object_new_array());
	char text[32];
	for (size_t i = 0; ema_key_id(keys, i); i++) {
		struct json_object *one = must(json_object_new_object());
		json_add(one, "kid", ema_key_id(keys, i));
		json_add(one, "algorithm", ema_key_algorithm(keys, i));
		json_add(one, "state", ema_key_state(keys, i));
		for (int t = 0; t < TIMES; t++)
			json_add(one, time_names[t], time_text(keys, i, time_names[t], text));
		json_object_array_add(list, one);
	}
	json_object_object_add(all, "keys", list);
	return all;
}

static int show(const struct options *options, ema_context *context)
{
	ema_keys *keys = NULL;
	int status = STATUS_FINE;
	if (ema_keys_list(context, options->config, &keys)) {
		fprintf(stderr, "%s\n", ema_error(context));
		return complain("the keys cannot be listed");
	}
	if (options->json) {
		status = print_json(as_json(keys));
	} else {
		printf("%s%-8s %-43s %-9s %-20s %-20s %s%s\n", colour(COLOUR_BOLD), "STATE", "KID", "ALGORITHM", "PUBLISHED", "SIGNS FROM", "GONE AT",
		       colour_off());
		for (size_t i = 0; ema_key_id(keys, i); i++) {
			printf("%-8s %-43s %-9s", ema_key_state(keys, i), ema_key_id(keys, i), ema_key_algorithm(keys, i));
			for (int t = 0; t < TIMES; t++) {
				char text[32];
				const char *known = time_text(keys, i, time_names[t], text);
				printf(" %-20s", known ? known : "-");
			}
			putchar('\n');
		}
	}
	ema_keys_free(keys);
	return status;
}

int command_keys(const struct options *options, int count, char **words)
{
	int rotate = count == 1 && !strcmp(words[0], "rotate"), status = STATUS_USAGE;
	if (!rotate && (count != 1 || strcmp(words[0], "list")))
		return complain("keys takes `list` or `rotate [--now]`");
	ema_context *context = context_for(options);
	if (rotate && ema_keys_rotate(context, options->config, options->now != NULL)) {
		fprintf(stderr, "%s\n", ema_error(context));
		complain("the keys were not rotated");
	} else {
		status = show(options, context);
	}
	ema_free(context);
	return status;
}
