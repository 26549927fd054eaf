/* Does all right: what the others are compared with. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

BAD_PLUGIN("good", bad_open, identify)
