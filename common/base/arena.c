#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t              size;
	size_t              used;
	_Alignas(max_align_t) uint8_t bytes[];
};

enum { BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 1 << 20 };

void arena_init(struct arena *arena, size_t bytes_max)
{
	*arena = (struct arena){.bytes_max = bytes_max};
}

void arena_deinit(struct arena *arena)
{
	arena_reset(arena);
}

void arena_reset(struct arena *arena)
{
	for (struct arena_block *block = arena->head; block;) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	arena_init(arena, arena->bytes_max);
}

static size_t next_block_size(const struct arena *arena, size_t need)
{
	size_t size = arena->head ? arena->head->size * 2 : BLOCK_BYTES_MIN;

	if (size > BLOCK_BYTES_MAX)
		size = BLOCK_BYTES_MAX;
	return size < need ? need : size;
}

static struct arena_block *add_block_of(struct arena *arena, size_t size)
{
	size_t              left = arena->bytes_max - arena->bytes_used;
	struct arena_block *block;

	if (size > left || size + sizeof(*block) > left)
		return NULL;
	block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;
	*block = (struct arena_block){.next = arena->head, .size = size};
	arena->head = block;
	arena->bytes_used += sizeof(*block) + size;
	return block;
}

static struct arena_block *add_block(struct arena *arena, size_t need)
{
	size_t size = next_block_size(arena, need);

	if (size + sizeof(struct arena_block) > arena->bytes_max - arena->bytes_used)
		size = need;
	return add_block_of(arena, size);
}

static void *take(struct arena *arena, size_t size, size_t align)
{
	struct arena_block *block = arena->head;
	size_t              at = block ? (block->used + align - 1) & ~(align - 1) : 0;

	if (arena->failed)
		return NULL;
	if (!block || at > block->size || size > block->size - at) {
		block = size < SIZE_MAX / 2 ? add_block(arena, size) : NULL;
		at = 0;
	}
	if (!block) {
		arena->failed = true;
		return NULL;
	}
	block->used = at + size;
	return block->bytes + at;
}

void arena_reserve(struct arena *arena, size_t bytes)
{
	if (!arena->failed && bytes < SIZE_MAX / 2 && (!arena->head || arena->head->size - arena->head->used < bytes) &&
	    !add_block_of(arena, bytes))
		arena->failed = true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *memory = take(arena, size ? size : 1, _Alignof(max_align_t));

	return memory ? memset(memory, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		arena->failed = true;
		return NULL;
	}
	return arena_alloc(arena, bytes);
}

char *arena_str(struct arena *arena, struct slice bytes)
{
	char *copy = bytes.len < SIZE_MAX / 2 ? take(arena, bytes.len + 1, 1) : NULL;

	if (!copy)
		return NULL;
	if (bytes.len)
		memcpy(copy, bytes.ptr, bytes.len);
	copy[bytes.len] = '\0';
	return copy;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
	char *copy = arena_str(arena, bytes);

	return copy ? slice_of(copy, bytes.len) : SLICE_EMPTY;
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char   *text;
	int     len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = len < 0 ? NULL : take(arena, (size_t)len + 1, 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text ? slice_of(text, (size_t)len) : SLICE_EMPTY;
}

bool arena_grow(struct arena *arena, void *items, size_t *capacity, size_t count, size_t item_size)
{
	size_t grown = *capacity ? *capacity * 2 : 8;
	void  *old, *bigger;

	if (count < *capacity)
		return true;
	bigger = arena_array(arena, grown, item_size);
	if (!bigger)
		return false;
	memcpy(&old, items, sizeof(old));
	if (count)
		memcpy(bigger, old, count * item_size);
	memcpy(items, &bigger, sizeof(bigger));
	*capacity = grown;
	return true;
}

bool arena_failed(const struct arena *arena)
{
	return arena->failed;
}
