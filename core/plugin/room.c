#include "room.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

#define ROOM_BLOCK 2048

struct room_block {
	struct room_block *next;
	size_t size, used;
	_Alignas(max_align_t) unsigned char bytes[];
};

void *room_take(struct room *room, size_t size)
{
	struct room_block *block = room->blocks;
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (!block || block->size - block->used < size) {
		size_t bytes = size > ROOM_BLOCK ? size : ROOM_BLOCK;
		block = calloc(1, sizeof *block + bytes);
		if (!block)
			return NULL;
		block->size = bytes;
		block->next = room->blocks;
		room->blocks = block;
	}
	void *memory = block->bytes + block->used;
	block->used += size;
	return memory;
}

char *room_copy(struct room *room, const char *text, size_t length)
{
	char *copy = room_take(room, length + 1);
	if (copy && length)
		memcpy(copy, text, length);
	return copy;
}

char *room_text(struct room *room, const char *text)
{
	return room_copy(room, text, strlen(text));
}

void room_free(struct room *room)
{
	struct room_block *next;
	for (struct room_block *block = room->blocks; block; block = next) {
		next = block->next;
		secret_wipe(block->bytes, block->used);
		free(block);
	}
	room->blocks = NULL;
}
