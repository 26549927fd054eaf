/* Wants the network in open, where there is none, and asks for settings without naming them. */
#include "bad.h"

static int open_wrongly(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	struct ema_fetch what = { sizeof what, "https://bad.example", NULL, NULL, 0, NULL, 0, 0 };
	const ema_response *response;
	if (host->fetch(NULL, &what, &response) != EMA_INTERNAL)
		abort();
	host->conf_string(conf, NULL, NULL);
	host->conf_int(NULL, "x", 0, 1, NULL);
	return bad_open(lent, handle, conf, out);
}

static int identify(ema_instance *self, ema_call *call)
{
	(void)self; (void)call;
	return EMA_OK;
}

BAD_PLUGIN("fetches_in_open", open_wrongly, identify)
