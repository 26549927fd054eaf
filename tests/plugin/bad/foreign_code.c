/* Answers with the code of another kind. */
#include "bad.h"

static int identify(ema_instance *self, ema_call *call)
{
	(void)self;
	return host->fail(call, EMA_AUDIT_UNAVAILABLE, "of a sink");
}

BAD_PLUGIN("foreign_code", bad_open, identify)
