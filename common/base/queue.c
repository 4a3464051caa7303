#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t  filled;
	pthread_cond_t  drained;
	bool            closed;
	size_t          head;
	size_t          length;
	size_t          items_max;
	void           *items[];
};

struct queue *queue_new(size_t items_max)
{
	struct queue      *queue = calloc(1, sizeof(*queue) + items_max * sizeof(queue->items[0]));
	pthread_condattr_t attributes;

	if (!queue)
		return NULL;
	queue->items_max = items_max;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->filled, &attributes);
	pthread_cond_init(&queue->drained, &attributes);
	pthread_condattr_destroy(&attributes);
	return queue;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	pthread_cond_destroy(&queue->filled);
	pthread_cond_destroy(&queue->drained);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

static bool push(struct queue *queue, void *item, bool wait)
{
	bool room;

	pthread_mutex_lock(&queue->lock);
	while (wait && !queue->closed && queue->length == queue->items_max)
		pthread_cond_wait(&queue->drained, &queue->lock);
	room = !queue->closed && queue->length < queue->items_max;
	if (room) {
		queue->items[(queue->head + queue->length++) % queue->items_max] = item;
		pthread_cond_signal(&queue->filled);
	}
	pthread_mutex_unlock(&queue->lock);
	return room;
}

bool queue_push(struct queue *queue, void *item)
{
	return push(queue, item, true);
}

bool queue_try_push(struct queue *queue, void *item)
{
	return push(queue, item, false);
}

static void *take_locked(struct queue *queue)
{
	void *item;

	if (queue->length == 0)
		return NULL;
	item = queue->items[queue->head];
	queue->head = (queue->head + 1) % queue->items_max;
	queue->length--;
	pthread_cond_signal(&queue->drained);
	return item;
}

void *queue_pop(struct queue *queue)
{
	void *item;

	pthread_mutex_lock(&queue->lock);
	while (!queue->closed && queue->length == 0)
		pthread_cond_wait(&queue->filled, &queue->lock);
	item = take_locked(queue);
	pthread_mutex_unlock(&queue->lock);
	return item;
}

void *queue_pop_ms(struct queue *queue, uint64_t wait_ms)
{
	struct timespec until;
	void           *item;
	int             status = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(wait_ms / 1000);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&queue->lock);
	while (wait_ms && !queue->closed && queue->length == 0 && status != ETIMEDOUT)
		status = pthread_cond_timedwait(&queue->filled, &queue->lock, &until);
	item = take_locked(queue);
	pthread_mutex_unlock(&queue->lock);
	return item;
}

void queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_cond_broadcast(&queue->filled);
	pthread_cond_broadcast(&queue->drained);
	pthread_mutex_unlock(&queue->lock);
}
