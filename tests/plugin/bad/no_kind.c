/* Is of no kind. */
#include "bad.h"

static const struct ema_plugin plugin = { sizeof plugin, EMA_ABI, EMA_THREADS_SERIAL, "no_kind", "1", "misbehaves", NULL, NULL, NULL, NULL, NULL };

EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	host = lent;
	return &plugin;
}
