/* The entry point of a loaded object, called once in the life of the process. */
#ifndef PLUGIN_ENTRY_H
#define PLUGIN_ENTRY_H

#include "ema/plugin.h"
#include "failure.h"

typedef const struct ema_plugin *entry_fn(const struct ema_host *host);

/*
 * EMA_OK and what the entry point answers, or what it answered when it was first asked: *out is NULL if the plugin needs a newer
 * host. EMA_TOO_LARGE: too many objects. Any thread. A second host (there is one alone outside of tests) is a second question.
 */
int entry_ask(entry_fn *function, const struct ema_host *host, const struct ema_plugin **out, struct failure *failure);

#endif
