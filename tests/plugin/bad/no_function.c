/* Lacks the one function of its kind. */
#include "bad.h"

static const struct ema_identity_ops identity = { sizeof identity, bad_open, bad_close, NULL };
static const struct ema_plugin plugin = { sizeof plugin, EMA_ABI, EMA_THREADS_SERIAL, "no_function", "1", "misbehaves", &identity, NULL, NULL, NULL, NULL };

EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	host = lent;
	return &plugin;
}
