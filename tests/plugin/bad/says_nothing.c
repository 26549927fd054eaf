/* Vouches without verifying and without saying audience and times. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	(void)self;
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

BAD_PLUGIN("says_nothing", bad_open, identify)
