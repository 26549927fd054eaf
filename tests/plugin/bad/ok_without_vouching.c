/* Answers ok and vouches for nobody. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	return EMA_OK;
}

BAD_PLUGIN("ok_without_vouching", bad_open, identify)
