/* Memory that ends all at once, wiped: of an instance, or of a call. */
#ifndef PLUGIN_ROOM_H
#define PLUGIN_ROOM_H

#include <stddef.h>

struct room_block;
struct room { struct room_block *blocks; };

/* Zeroed. NULL: no memory. */
void *room_take(struct room *room, size_t size);
/* A copy with a NUL behind. */
char *room_copy(struct room *room, const char *text, size_t length);
char *room_text(struct room *room, const char *text);
void room_free(struct room *room);

#endif
