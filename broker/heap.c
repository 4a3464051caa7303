#include "heap.h"

#include <stdlib.h>

static void place(struct heap *heap, struct heap_item *item, size_t at)
{
	heap->items[at] = item;
	item->at = at;
	item->heap = heap;
}

static void rise(struct heap *heap, size_t at)
{
	struct heap_item *item = heap->items[at];

	while (at > 0 && heap->before(item, heap->items[(at - 1) / 2])) {
		place(heap, heap->items[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	place(heap, item, at);
}

static void sink(struct heap *heap, size_t at)
{
	struct heap_item *item = heap->items[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < heap->count && heap->before(heap->items[child + 1], heap->items[child]))
			child++;
		if (child >= heap->count || !heap->before(heap->items[child], item))
			break;
		place(heap, heap->items[child], at);
		at = child;
	}
	place(heap, item, at);
}

bool heap_push(struct heap *heap, struct heap_item *item)
{
	if (heap->count == heap->capacity) {
		size_t             capacity = heap->capacity ? heap->capacity * 2 : 4;
		struct heap_item **items = realloc(heap->items, capacity * sizeof(*items));

		if (!items)
			return false;
		heap->items = items;
		heap->capacity = capacity;
	}
	place(heap, item, heap->count++);
	rise(heap, item->at);
	return true;
}

void heap_remove(struct heap_item *item)
{
	struct heap *heap = item->heap;
	size_t       at = item->at;

	if (!heap)
		return;
	*item = (struct heap_item){0};
	heap->count--;
	if (at == heap->count)
		return;
	place(heap, heap->items[heap->count], at);
	rise(heap, at);
	sink(heap, at);
}

void heap_update(struct heap_item *item)
{
	struct heap *heap = item->heap;

	if (!heap)
		return;
	rise(heap, item->at);
	sink(heap, item->at);
}

void heap_deinit(struct heap *heap)
{
	free(heap->items);
	heap->items = NULL;
	heap->count = heap->capacity = 0;
}
