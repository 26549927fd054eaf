/* Has no description. */
#include "bad.h"

EMA_EXPORT const struct ema_plugin *ema_plugin_entry(const struct ema_host *lent)
{
	(void)lent;
	return NULL;
}
