/* Cannot be opened, says why, and returns ok all the same. */
#include "bad.h"

static int open_not(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	int code = bad_open(lent, handle, conf, out);
	host->conf_fail(conf, "colour", "must be blue");
	return code;
}

static int identify(ema_instance *self, ema_call *call)
{
	(void)self; (void)call;
	return EMA_OK;
}

BAD_PLUGIN("open_says_why", open_not, identify)
