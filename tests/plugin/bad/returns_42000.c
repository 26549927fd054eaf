/* Answers with a number that is no code. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return 42000;
}

BAD_PLUGIN("returns_42000", bad_open, identify)
