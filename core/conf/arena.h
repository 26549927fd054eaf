/* Memory that ends all at once: what a configuration is made of. */
#ifndef CONF_ARENA_H
#define CONF_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t used, room; /* of the newest block */
	int failed;        /* no memory; sticky */
};

/* Zeroed and aligned for anything; NULL and failed without memory. */
void *arena_get(struct arena *arena, size_t count, size_t size);
char *arena_copy(struct arena *arena, const char *text);
void arena_free(struct arena *arena);

#endif
