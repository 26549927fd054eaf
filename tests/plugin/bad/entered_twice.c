/* Keeps the host and counts without a thought for other threads, and stops vouching for alice when its entry is called again. */
#include "bad.h"

static int entered;

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	host->vouch(call, NULL, entered == 1 ? "alice" : "mallory");
	return EMA_OK;
}

static const struct ema_identity_ops identity = { sizeof identity, bad_open, bad_close, identify };
static const struct ema_plugin plugin = { sizeof plugin, EMA_ABI, EMA_THREADS_PARALLEL, "entered_twice", "1", "counts", &identity, NULL, NULL, NULL, NULL };

EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	host = lent;
	entered++;
	return &plugin;
}
