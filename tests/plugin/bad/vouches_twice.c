/* Vouches for two. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	host->vouch(call, NULL, "bob");
	return EMA_OK;
}

BAD_PLUGIN("vouches_twice", bad_open, identify)
