/* Vouches and fails. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return host->fail(call, EMA_DENIED, "after all not");
}

BAD_PLUGIN("vouches_then_fails", bad_open, identify)
