#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

/* A service's policy takes a few kilobytes, and a configuration megabytes. */
#define BLOCK_LEAST 4096
#define BLOCK_MOST 65536
#define UNIT _Alignof(max_align_t)

void arena_begin(struct arena *arena, void *memory, size_t size)
{
	struct arena_block *block = memory;
	*block = (struct arena_block){ .room = size - sizeof *block };
	*arena = (struct arena){ .blocks = block, .lent = block };
}

/* So many bytes, at a multiple of the unit, which is a power of two. */
static inline char *take(struct arena *arena, size_t size, size_t unit)
{
	struct arena_block *block = arena->blocks;
	size_t at = block ? (block->used + unit - 1) & ~(unit - 1) : 0;
	if (arena->failed || size > SIZE_MAX / 2) {
		arena->failed = 1;
		return NULL;
	}
	if (!block || at > block->room || size > block->room - at) {
		size_t room = !block || block->room < BLOCK_LEAST / 2 ? BLOCK_LEAST : block->room < BLOCK_MOST / 2 ? block->room * 2 : BLOCK_MOST;
		room = size > room ? size : room;
		block = malloc(sizeof *block + room);
		if (!block) {
			arena->failed = 1;
			return NULL;
		}
		*block = (struct arena_block){ .next = arena->blocks, .room = room };
		arena->blocks = block;
		at = 0;
	}
	block->used = at + size;
	return (char *)block->data + at;
}

void *arena_get(struct arena *arena, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / 2 / size) {
		arena->failed = 1;
		return NULL;
	}
	char *memory = take(arena, count * size, UNIT);
	return memory ? memset(memory, 0, count * size) : NULL;
}

void *arena_grown(struct arena *arena, const void *list, size_t count, size_t size, size_t *room, size_t first)
{
	const size_t wanted = *room ? *room * 2 : first;
	void *at = arena_get(arena, wanted, size);
	if (!at)
		return NULL;
	if (count)
		memcpy(at, list, count * size);
	*room = wanted;
	return at;
}

char *arena_bytes(struct arena *arena, size_t size)
{
	return take(arena, size, 1);
}

char *arena_copy(struct arena *arena, const char *text)
{
	size_t length = strlen(text) + 1;
	char *copy = take(arena, length, 1);
	return copy ? memcpy(copy, text, length) : NULL;
}

static void end(struct arena *arena, int wipe)
{
	for (struct arena_block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		if (wipe)
			secret_wipe(block->data, block->used);
		if (block != arena->lent)
			free(block);
	}
	*arena = (struct arena){ .failed = 0 };
}

void arena_free(struct arena *arena)
{
	end(arena, 0);
}

void arena_wipe(struct arena *arena)
{
	end(arena, 1);
}
