#include "lmdb_store.h"

static const struct ema_plugin lmdb_plugin = {
	.size = sizeof(struct ema_plugin),
	.abi = EMA_ABI,
	.threads = EMA_THREADS_PARALLEL,
	.name = "lmdb",
	.version = "1.0",
	.summary = "state in a file, for several processes of one host",
	.store = &lmdb_ops,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *host)
{
	return EMA_HOST_HAS(host, feed) ? &lmdb_plugin : 0;
}
