/* Audit sinks of the context: carried over a reload when their settings did not change. */
#ifndef CONTEXT_SINKS_H
#define CONTEXT_SINKS_H

#include "context.h"
#include "resolve.h"

/* Puts the sinks of a configuration in place. 0, or -1 with findings, and then those that were there stay. */
int sinks_swap(struct ema_context *context, struct held_conf *held, const struct plugin_search *search, struct findings *findings);
/* Looks whether they could be: their plugins and settings are checked, nothing is opened for good. */
void sinks_lint(struct ema_context *context, struct held_conf *held, const struct plugin_search *search, struct findings *findings);

#endif
