/* Answers after the deadline. */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	struct timespec t = { 0, 300000000 };
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	nanosleep(&t, NULL);
	return EMA_OK;
}

BAD_PLUGIN("sleeps", bad_open, identify)
