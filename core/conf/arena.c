#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A service's policy takes a few kilobytes, and a configuration megabytes. */
#define ARENA_BLOCK_LEAST 4096
#define ARENA_BLOCK_MOST 65536

struct arena_block {
	struct arena_block *next;
	max_align_t data[];
};

void *arena_get(struct arena *arena, size_t count, size_t size)
{
	const size_t unit = sizeof(max_align_t);
	if (arena->failed || (size && count > (SIZE_MAX / 2 - unit) / size)) {
		arena->failed = 1;
		return NULL;
	}
	size_t need = (count * size + unit - 1) / unit * unit;
	need = need ? need : unit;
	if (need > arena->room - arena->used) {
		size_t room = arena->room < ARENA_BLOCK_LEAST / 2 ? ARENA_BLOCK_LEAST : arena->room < ARENA_BLOCK_MOST / 2 ? arena->room * 2 : ARENA_BLOCK_MOST;
		room = need > room ? need : room;
		struct arena_block *block = calloc(1, sizeof *block + room);
		if (!block) {
			arena->failed = 1;
			return NULL;
		}
		block->next = arena->blocks;
		arena->blocks = block;
		arena->used = 0;
		arena->room = room;
	}
	void *memory = (char *)arena->blocks->data + arena->used;
	arena->used += need;
	return memory;
}

char *arena_copy(struct arena *arena, const char *text)
{
	size_t length = strlen(text) + 1;
	char *copy = arena_get(arena, length, 1);
	if (copy)
		memcpy(copy, text, length);
	return copy;
}

void arena_free(struct arena *arena)
{
	for (struct arena_block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	*arena = (struct arena){ NULL, 0, 0, 0 };
}
