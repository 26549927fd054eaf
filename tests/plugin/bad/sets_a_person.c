/* Does what another kind may. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	host->set_person(call, "alice", 1);
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

BAD_PLUGIN("sets_a_person", bad_open, identify)
