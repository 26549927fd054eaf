/* What a context is at, for operators. */
#ifndef CONTEXT_STATUS_H
#define CONTEXT_STATUS_H

#include "context.h"

struct buffer;

/* EMA_OK; EMA_CONFIG: nothing is in place; EMA_OUT_OF_MEMORY. */
int status_json(struct ema_context *context, struct buffer *out);
/* Called once a second: what rates are reckoned from. */
void status_sample(struct ema_context *context);

#endif
