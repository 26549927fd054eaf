/* Keeps what a fetch brought, and reads it in later calls, and when it is closed. */
#include "bad.h"

static const char *url;
static const ema_response *kept;

static int open_with_url(const struct ema_host *lent, const ema_handle *handle, ema_conf *conf, ema_instance **out)
{
	return host->conf_string(conf, "url", &url) ? EMA_CONFIG : bad_open(lent, handle, conf, out);
}

static void must_be_gone(void)
{
	int status = -1;
	size_t length = 1;
	const char *body = "untouched";
	if (host->response(kept, &status, &body, &length) != EMA_INTERNAL || status != -1 || length != 1 || *body != 'u')
		abort();
}

static int identify(ema_instance *self, ema_call *call)
{
	struct ema_fetch what = { sizeof what, url, NULL, NULL, 0, NULL, 0, 0 };
	if (kept)
		must_be_gone();
	else if (host->fetch(call, &what, &kept))
		return EMA_UNAVAILABLE;
	bad_say(self, call);
	host->vouch(call, NULL, "alice");
	return EMA_OK;
}

static void shut(ema_instance *self)
{
	if (kept)
		must_be_gone();
	bad_close(self);
}

#define bad_close shut
BAD_PLUGIN("keeps_response", open_with_url, identify)
