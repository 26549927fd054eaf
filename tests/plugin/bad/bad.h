/* What each misbehaving plugin has besides its misbehaviour: an identity plugin that declares one issuer and vouches for alice. */
#ifndef BAD_H
#define BAD_H

#include <stdlib.h>

#include "ema/plugin.h"

static const struct ema_host *host;

struct ema_instance {
	const ema_handle *handle;
	ema_keyset *keys;
	ema_call *kept;
};

static inline int bad_open(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	struct ema_issuer_name name = { "https://bad.example", NULL };
	struct ema_issuer issuer = { sizeof issuer, EMA_ID_JAG | EMA_ACCESS_TOKEN, EMA_ISSUER_NO_KEYS, &name, 1, NULL, NULL, 0, NULL, NULL, NULL };
	struct ema_instance *self = calloc(1, sizeof *self);
	(void)lent;
	if (!self)
		return EMA_OUT_OF_MEMORY;
	self->handle = handle;
	int code = host->keyset_open(conf, &issuer, &self->keys);
	if (code)
		free(self);
	else
		*out = self;
	return code;
}

static inline void bad_close(ema_instance *self)
{
	free(self);
}

/* All that a plugin must say that does not use jwt_verify. */
static inline void bad_say(ema_instance *self, ema_call *call)
{
	host->set_number(call, EMA_VALUE_EXPIRES, host->now(self->handle) / 1000 + 60);
	host->set_value(call, EMA_VALUE_AUDIENCE, "https://rs.example");
	host->set_value(call, EMA_VALUE_CLIENT_ID, "client");
}

#define BAD_PLUGIN(title, opens, identifies) \
	static const struct ema_identity_ops identity = { sizeof identity, opens, bad_close, identifies }; \
	static const struct ema_plugin plugin = { sizeof plugin, EMA_ABI, EMA_THREADS_SERIAL, title, "1", "misbehaves", &identity, NULL, NULL, NULL, NULL }; \
	EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent) \
	{ \
		host = lent; \
		return &plugin; \
	}

#endif
