/* What operators' tools ask of a context. */
#ifndef CONTEXT_ADMIN_H
#define CONTEXT_ADMIN_H

#include "context.h"
#include "ema/admin.h"
#include "keyring.h"

struct ema_findings {
	struct findings found;
};

struct listed_plugin {
	char *name, *path, *version, *summary, *kinds, *abi, *error;
	const char *threads;
};

struct ema_plugins {
	struct listed_plugin *list;
	size_t count;
	int broken; /* no memory on the way */
};

int plugins_list(struct ema_context *context, struct ema_plugins **out);
void plugins_free(struct ema_plugins *plugins);

struct ema_keys {
	struct keyring_entry list[KEYRING_MOST];
	size_t count;
};

/* The signing keys of a configuration that need not be in place: read, or rotated. What is wrong is kept for ema_error(). */
int admin_keys_list(struct ema_context *context, const char *path, struct ema_keys **out);
int admin_keys_rotate(struct ema_context *context, const char *path, int now);

/* The configuration in place, until the next load; NULL: none. */
const struct conf *admin_conf(struct ema_context *context);
const char *admin_provider_fact(struct ema_context *context, const char *id, const char *fact);
const char *admin_service_fact(struct ema_context *context, const char *id, const char *fact);
int admin_probe(struct ema_context *context, const char *id, char **out);
int admin_service_probe(struct ema_context *context, const char *id, char **out);
/* The index'th of a list of a service's audience entry for a provider, "is" or "clients"; NULL past the end. */
const char *admin_service_audience(struct ema_context *context, const char *id, const char *provider, const char *what, size_t index);

#endif
