/* Calls everything with nothing. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	const ema_claims *claims;
	int64_t number;
	bad_say(self, call);
	if (host->fail(NULL, 1, NULL) != EMA_INTERNAL || host->vouch(NULL, NULL, NULL) != EMA_INTERNAL ||
	    host->vouch(call, NULL, NULL) != EMA_BAD_CLAIM || host->vouch(call, NULL, "a\nb") != EMA_BAD_CLAIM ||
	    host->add_group(call, NULL) != EMA_BAD_CLAIM || host->set_email(call, "\xff", 1) != EMA_BAD_CLAIM ||
	    host->jwt_verify(NULL, NULL, NULL, NULL) != EMA_INTERNAL || host->jwt_verify(call, NULL, NULL, &claims) != EMA_INTERNAL ||
	    host->claim_string(NULL, NULL, NULL) != EMA_INTERNAL || host->claim_int(NULL, "/x", &number) != EMA_INTERNAL ||
	    host->conf_string(NULL, "x", NULL) != EMA_INTERNAL || host->response(NULL, NULL, NULL, NULL) != EMA_INTERNAL ||
	    host->feed(NULL, NULL, 0, NULL, 0, 0) != EMA_INTERNAL || host->set_value(call, 999, "x") != EMA_INTERNAL ||
	    host->set_number(call, EMA_VALUE_ID, 1) != EMA_INTERNAL || host->item(call, -1) || host->item(call, 1000))
		return EMA_DENIED;
	host->log(NULL, 1, NULL);
	host->wipe(NULL, 0);
	host->directory_changed(NULL);
	host->directory_changed(self->handle);
	host->log(self->handle, 99, "a\nline");
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

BAD_PLUGIN("null_everywhere", bad_open, identify)
