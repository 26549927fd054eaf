/* Keeps the call pointer and uses it in the next call, and when it is closed. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	if (self->kept) {
		host->set_value(self->kept, EMA_VALUE_AUDIENCE, "https://rs.example");
		if (self->kept != call && host->vouch(self->kept, NULL, "mallory") != EMA_INTERNAL)
			abort();
	}
	self->kept = call;
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

static void shut(ema_instance *self)
{
	size_t length;
	if (self->kept && (host->vouch(self->kept, NULL, "mallory") != EMA_INTERNAL || host->credential(self->kept, &length, NULL) || length ||
	                   host->item(self->kept, EMA_ITEM_SERVICE) || host->deadline(self->kept)))
		abort();
	bad_close(self);
}

#define bad_close shut
BAD_PLUGIN("keeps_call", bad_open, identify)
