/* A later one: more in its description, a way of threads that is not known yet. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	return host->vouch(call, NULL, "alice");
}

/* As a header of 1.7 might have them. */
static const struct {
	struct ema_identity_ops known;
	void (*later)(void);
} identity = { { sizeof identity, bad_open, bad_close, identify }, NULL };
static const struct {
	struct ema_plugin known;
	const void *kinds[3];
} plugin = { { sizeof plugin, EMA_ABI + 7, 3, "newer", "1", "is newer than its host", &identity.known, NULL, NULL, NULL, NULL }, { NULL, NULL, NULL } };

EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	host = lent;
	return &plugin.known;
}
