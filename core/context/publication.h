/* Keys and marks that one process publishes and others take: what of it is the context's. */
#ifndef CONTEXT_PUBLICATION_H
#define CONTEXT_PUBLICATION_H

#include "conf.h"

struct ema_context;
struct trust_settings;

/* What the configuration of that context may not say, and in a look at it, what it means. */
void publication_lint(const struct ema_context *context, const struct conf *conf, int look, struct findings *findings);
/* The folder of key sets: a new string, *failure, or NULL without one. Says in settings what it is for; *kept is a new string, too. */
char *publication_cache(const struct conf *conf, int server, struct trust_settings *settings, char **kept, struct failure *failure);
/* The marks of the context, from the store or from what is published, and where they are published. */
int publication_marks(struct ema_context *context, const struct conf *conf, struct failure *failure);
/* Ends publishing, which tells audit things; then the rest. */
void publication_stop(struct ema_context *context);
void publication_close(struct ema_context *context);

#endif
