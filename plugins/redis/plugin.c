#include "redis_store.h"

static const struct ema_plugin redis_plugin = {
	.size = sizeof(struct ema_plugin),
	.abi = EMA_ABI,
	.threads = EMA_THREADS_SERIAL, /* one connection */
	.name = "redis",
	.version = "1.0",
	.summary = "state in Redis or Valkey, for several hosts",
	.store = &redis_ops,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *host)
{
	return EMA_HOST_HAS(host, feed) ? &redis_plugin : 0;
}
