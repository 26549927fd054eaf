/* What a store plugin is handed as its feed: the host function feed() calls entry. */
#ifndef STATE_FEED_H
#define STATE_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "ema/plugin.h"

struct ema_feed {
	int (*entry)(void *data, const void *key, size_t key_length, const void *value, size_t value_length, int64_t expires);
	void *data;
};

#endif
