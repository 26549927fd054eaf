/* Names of a configuration become places, and what only the opened plugins can show to be wrong is found. */
#ifndef CONTEXT_RESOLVE_H
#define CONTEXT_RESOLVE_H

#include "snapshot.h"

/* 0, or -1: no memory. Mistakes are in findings. */
int resolve(struct snapshot *snapshot, struct findings *findings);

/* Opens one instance; settings has what is common, kind and core_keys. NULL: findings has why. */
struct instance *open_instance(const struct plugin_search *search, const struct conf_instance *conf, struct instance_settings *settings,
                               struct findings *findings);

/* The name that a provider of the snapshot has for this issuer and tenant; tenant may be NULL. NULL: nobody's. */
const struct issuer_name *resolve_issuer(const struct snapshot *snapshot, const char *issuer, const char *tenant);

#endif
