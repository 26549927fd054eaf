#include "http.h"

int http_answer(struct ema_context *context, const struct ema_request *request, uint32_t serve, struct ema_response **out)
{
	(void)context;
	(void)request;
	(void)serve;
	struct ema_response *response = response_new();
	if (!response)
		return EMA_OUT_OF_MEMORY;
	response_text(response, 404, "text/plain; charset=utf-8", "There is no such page.\n");
	*out = response;
	return EMA_ABSENT;
}
