#include "sim_queue.h"

#include <stdlib.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
	struct sim_event kept = *a;

	*a = *b;
	*b = kept;
}

void sim_queue_put(struct sim_queue *queue, struct sim_event event)
{
	size_t i = queue->count;

	if (queue->count == queue->capacity) {
		size_t            capacity = queue->capacity ? queue->capacity * 2 : 256;
		struct sim_event *items = realloc(queue->items, capacity * sizeof(*items));

		if (!items)
			abort();
		queue->items = items;
		queue->capacity = capacity;
	}
	event.order = ++queue->order;
	queue->items[queue->count++] = event;
	for (; i > 0 && before(&queue->items[i], &queue->items[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&queue->items[i], &queue->items[(i - 1) / 2]);
}

bool sim_queue_take(struct sim_queue *queue, struct sim_event *out)
{
	size_t i = 0;

	if (!queue->count)
		return false;
	*out = queue->items[0];
	queue->items[0] = queue->items[--queue->count];
	while (2 * i + 1 < queue->count) {
		size_t child = 2 * i + 1;

		if (child + 1 < queue->count && before(&queue->items[child + 1], &queue->items[child]))
			child++;
		if (!before(&queue->items[child], &queue->items[i]))
			break;
		swap(&queue->items[child], &queue->items[i]);
		i = child;
	}
	return true;
}

void sim_queue_free(struct sim_queue *queue)
{
	for (size_t i = 0; i < queue->count; i++)
		free(queue->items[i].message);
	free(queue->items);
	*queue = (struct sim_queue){0};
}
