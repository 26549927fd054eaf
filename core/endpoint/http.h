/* From a request to the endpoints of the authorization server to its answer; no sockets in it. */
#ifndef ENDPOINT_HTTP_H
#define ENDPOINT_HTTP_H

#include <stdint.h>

#include "context.h"
#include "response.h"

/* As ema_http(). */
int http_answer(struct ema_context *context, const struct ema_request *request, uint32_t serve, struct ema_response **out);

#endif
