/* A store that finds out within a put that its memory is a new one. */
#ifndef TESTS_TOKEN_FORGETFUL_H
#define TESTS_TOKEN_FORGETFUL_H

#include "store_kind.h"

struct forgetful {
	struct store store;
	int64_t since;
};

static int forgetful_put(struct store *store, const char *quota, const void *key, size_t key_length, const void *value, size_t value_length,
                         int64_t expires, int64_t limit, int64_t ms)
{
	(void)quota, (void)key, (void)key_length, (void)value, (void)value_length, (void)expires, (void)limit, (void)ms;
	((struct forgetful *)store)->since += 10001;
	return EMA_OK;
}

static int forgetful_since(struct store *store, int64_t *since)
{
	*since = ((struct forgetful *)store)->since;
	return EMA_OK;
}

static const struct store_kind forgetful_kind = { .put_if_absent = forgetful_put, .since = forgetful_since };

#endif
