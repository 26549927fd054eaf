/* A plugin that reaches every type of the interface, for abidiff. */
#include "ema/plugin.h"

static const struct ema_identity_ops identity;
static const struct ema_directory_ops directory;
static const struct ema_guard_ops guard;
static const struct ema_store_ops store;
static const struct ema_audit_ops audit;
static const struct ema_plugin plugin = { sizeof plugin, EMA_ABI, 0, "reference", "", "", &identity, &directory, &guard, &store, &audit };

const struct ema_plugin *ema_plugin_entry(const struct ema_host *host)
{
	return host ? &plugin : 0;
}
