/* Cannot be opened, and does not say why. */
#include "bad.h"

static int open_not(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	(void)lent; (void)handle; (void)conf; (void)out;
	return EMA_UNAVAILABLE;
}

static int identify(ema_instance *self, ema_call *call)
{
	(void)self; (void)call;
	return EMA_OK;
}

BAD_PLUGIN("open_fails", open_not, identify)
