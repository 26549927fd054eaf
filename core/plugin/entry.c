/*
 * The one thing that libemacore remembers for the whole process (HACKING.md says why): which entry points it has called. A plugin
 * keeps the host's pointer in a variable of its own. To ask it again, at a reload or for a second context, is to write that variable
 * while calls in other threads read it. An object is never unmapped, so that its entry point names it for good; and who unloads
 * libemacore itself and loads it again gets an empty table, as he must: the host's functions are elsewhere then.
 */
#include <pthread.h>

#include "entry.h"

#define ENTRIES_MOST 256

static struct {
	pthread_mutex_t lock;
	struct {
		entry_fn *function;
		const struct ema_host *host;
		const struct ema_plugin *answer;
	} list[ENTRIES_MOST];
	size_t count;
} plugin_entries = { .lock = PTHREAD_MUTEX_INITIALIZER };

int entry_ask(entry_fn *function, const struct ema_host *host, const struct ema_plugin **out, struct failure *failure)
{
	int code = EMA_OK;
	size_t i = 0;
	/* Held while a plugin runs: whoever asks for the same one needs its answer, and what the entry wrote before any call reads it. */
	pthread_mutex_lock(&plugin_entries.lock);
	while (i < plugin_entries.count && plugin_entries.list[i].function != function)
		i++;
	if (i == ENTRIES_MOST) {
		code = failure_set(failure, EMA_TOO_LARGE, "over %d different plugins since this process began: restart it", ENTRIES_MOST);
	} else {
		if (i == plugin_entries.count || plugin_entries.list[i].host != host) {
			plugin_entries.list[i].function = function;
			plugin_entries.list[i].answer = function(host);
			plugin_entries.list[i].host = host;
			plugin_entries.count += i == plugin_entries.count;
		}
		*out = plugin_entries.list[i].answer;
	}
	pthread_mutex_unlock(&plugin_entries.lock);
	return code;
}
