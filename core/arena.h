/* Memory that ends all at once: what a configuration is made of, and what a decision needs. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

struct arena_block {
	struct arena_block *next;
	size_t used, room;
	max_align_t data[];
};

/* { 0 } is an empty one. */
struct arena {
	struct arena_block *blocks; /* the newest first */
	struct arena_block *lent;   /* not to be freed; NULL: none */
	int failed;                 /* no memory; sticky */
};

/* Begins it in memory of the caller's, aligned for anything, that is there until its end. */
void arena_begin(struct arena *arena, void *memory, size_t size);
/* Zeroed and aligned for anything; NULL and failed without memory. */
void *arena_get(struct arena *arena, size_t count, size_t size);
/* A list with room for twice as many as *room, or for the first ones where that is 0, and with those that there are; what they were in
   stays until the end. NULL, and *room as it was, without memory. */
void *arena_grown(struct arena *arena, const void *list, size_t count, size_t size, size_t *room, size_t first);
/* For text: neither zeroed nor aligned. */
char *arena_bytes(struct arena *arena, size_t size);
char *arena_copy(struct arena *arena, const char *text);
void arena_free(struct arena *arena);
/* The same, for what may hold secrets. */
void arena_wipe(struct arena *arena);

#endif
