/* What a plugin says of itself, in the host's own size. */
#ifndef PLUGIN_DESCRIPTION_H
#define PLUGIN_DESCRIPTION_H

#include "ema/plugin.h"
#include "failure.h"

#define DESCRIPTION_NAME_MOST 64
#define DESCRIPTION_SIZE_MOST 4096 /* no struct of this interface is near to it */

struct description {
	struct ema_plugin plugin; /* whose tables are those below, or NULL */
	struct ema_identity_ops identity;
	struct ema_directory_ops directory;
	struct ema_guard_ops guard;
	struct ema_store_ops store;
	struct ema_audit_ops audit;
};

/*
 * Copies what theirs says into out, which is zero before; of each struct as much as both sides know. path is for messages. EMA_CONFIG:
 * NULL, a size that cannot be, another major number, no plain name, no kind, or a table that lacks a function.
 */
int description_take(const char *path, const struct ema_plugin *theirs, struct description *out, struct failure *failure);
/* 1 if it is of letters, digits, '_' and '-', and not too long. NULL is not. */
int description_name(const char *name);

#endif
