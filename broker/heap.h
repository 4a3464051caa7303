/* heap.h - binary heap of items that lie in their owners' structs, so that any of them can be taken out again. */
#ifndef VARVE_BROKER_HEAP_H
#define VARVE_BROKER_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct heap;

struct heap_item { /* zeroed = in no heap */
	struct heap *heap;
	size_t       at;
};

struct heap {
	bool (*before)(const struct heap_item *a, const struct heap_item *b);
	struct heap_item **items; /* items[0] comes first */
	size_t             count, capacity;
};

bool heap_push(struct heap *heap, struct heap_item *item); /* false without memory */
void heap_remove(struct heap_item *item);                  /* nothing when it is in no heap */
void heap_update(struct heap_item *item);                  /* its place in the order has changed; nothing … */
void heap_deinit(struct heap *heap);

#endif
