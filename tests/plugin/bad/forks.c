/* Forks and lets the child go on, as if it had been called twice. */
#include <sys/types.h>
#include <unistd.h>

#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return fork() < 0 ? EMA_DENIED : EMA_OK;
}

BAD_PLUGIN("forks", bad_open, identify)
