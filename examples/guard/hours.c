/*
 * hours: a guard, to be copied. It lets people in from some hour to some hour of the day (UTC), and from listed addresses at any.
 *
 *   guards = ( { id = "office"; plugin = "hours"; from = 6; until = 20; always = ["192.0.2.7"]; } );
 *   services = ( { ...; guards = ( { control = "required"; guard = "office"; } ); } );
 */
#include <stdlib.h>
#include <string.h>

#include <ema/plugin.h>

static const struct ema_host *host;

struct ema_instance {
	const ema_handle *handle;
	int64_t from, until; /* hours of the day */
	const char *const *always;
	size_t always_count;
};

static int hours_open(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	ema_instance *self = calloc(1, sizeof *self);

	(void)lent;
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->handle = handle;
	self->until = 24;
	host->conf_int(conf, "from", 0, 23, &self->from);
	host->conf_int(conf, "until", 1, 24, &self->until);
	host->conf_list(conf, "always", &self->always, &self->always_count);
	if (self->from >= self->until) {
		free(self);
		return host->conf_fail(conf, "until", "must be later than from");
	}
	*out = self;
	return EMA_OK;
}

static void hours_close(ema_instance *self)
{
	free(self);
}

static int hours_admit(ema_instance *self, ema_call *call)
{
	const char *address = host->item(call, EMA_ITEM_REMOTE);
	int64_t hour = host->now(self->handle) / 3600000 % 24;

	for (size_t i = 0; address && i < self->always_count; i++)
		if (!strcmp(address, self->always[i]))
			return EMA_OK;
	if (hour >= self->from && hour < self->until)
		return EMA_OK;
	return host->fail(call, EMA_DENIED, "it is outside of the hours from..until");
}

static const struct ema_guard_ops guard = { sizeof guard, hours_open, hours_close, hours_admit };

static const struct ema_plugin plugin = {
	.size = sizeof plugin,
	.abi = EMA_ABI,
	.threads = EMA_THREADS_PARALLEL,
	.name = "hours",
	.version = "1.0",
	.summary = "lets people in at some hours of the day",
	.guard = &guard,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	host = lent;
	return &plugin;
}
