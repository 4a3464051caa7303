/* arena.h - memory that is given back all at once: one arena per layer scan, per image, per report.
 *
 * Owner: one thread. A ceiling is part of it: past `bytes_max`, or when the system has none left, allocation gives
 * NULL (or an empty slice) and the arena stays failed; ask arena_failed() once at the end. Not freed piecewise. */
#ifndef VARVE_BASE_ARENA_H
#define VARVE_BASE_ARENA_H

#include "base/slice.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t              bytes_used; /* what the blocks take, headers included */
	size_t              bytes_max;
	bool                failed;
};

void  arena_init(struct arena *arena, size_t bytes_max);
void  arena_deinit(struct arena *arena);
void  arena_reset(struct arena *arena);              /* everything given is gone; the arena is usable again */
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
void *arena_array(struct arena *arena, size_t count, size_t size); /* checks the product */

/* Room for `bytes` more in one piece, and no more: for what stays for long and whose size is known. */
void arena_reserve(struct arena *arena, size_t bytes);

struct slice arena_copy(struct arena *arena, struct slice bytes);
char        *arena_str(struct arena *arena, struct slice bytes); /* with a NUL behind; embedded NULs stay */
struct slice arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for one more item in an array of the arena: doubles `*items` when count == *capacity (old storage is left to
 * the arena). False when the arena is full. Use: if (arena_grow(a, (void **)&v, &cap, n, sizeof(*v))) v[n++] = x; */
bool arena_grow(struct arena *arena, void *items, size_t *capacity, size_t count, size_t item_size);

bool arena_failed(const struct arena *arena);

#endif
