/* Says so of one of its tables. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	(void)self; (void)call;
	return EMA_OK;
}

static const struct ema_identity_ops identity = { (size_t)-1, bad_open, bad_close, identify };
static const struct ema_plugin plugin = { sizeof plugin, EMA_ABI, EMA_THREADS_SERIAL, "huge_kind", "1", "misbehaves", &identity, NULL, NULL, NULL, NULL };

EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	host = lent;
	return &plugin;
}
