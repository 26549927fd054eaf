#include "file.h"

const struct ema_host *file_host;

static const struct ema_plugin file_plugin = {
	.size = sizeof(struct ema_plugin),
	.abi = EMA_ABI,
	.threads = EMA_THREADS_PARALLEL, /* records of an instance come from one thread in any case */
	.name = "file",
	.version = "1.0",
	.summary = "audit records as JSON lines; people of a file",
	.directory = &file_directory,
	.audit = &file_audit,
};

const struct ema_plugin *ema_plugin_entry(const struct ema_host *host)
{
	if (!EMA_HOST_HAS(host, add_subject))
		return NULL;
	file_host = host;
	return &file_plugin;
}
