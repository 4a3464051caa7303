#include "layer/ahead_stream.h"

#include <pthread.h>
#include <stdlib.h>

struct ahead {
	struct stream   stream;
	struct stream  *below;
	pthread_t       thread;
	unsigned        blocks;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t  filled, drained;
	uint64_t     produced, taken, released; /* blocks so far; what is taken and not released is being looked at */
	struct slice ring[AHEAD_BLOCKS_MAX];
	bool         stop;
	int          status; /* STREAM_BLOCK while the thread reads */
	struct err   why;
};

/* Whether another block may be read: the one whose memory it takes is not in use any more. */
static bool wait_for_room(struct ahead *self)
{
	bool stop;

	pthread_mutex_lock(&self->lock);
	while (!self->stop && self->produced - self->released == self->blocks)
		pthread_cond_wait(&self->drained, &self->lock);
	stop = self->stop;
	pthread_mutex_unlock(&self->lock);
	return !stop;
}

static void put(struct ahead *self, int status, struct slice block, const struct err *why)
{
	pthread_mutex_lock(&self->lock);
	if (status == STREAM_BLOCK)
		self->ring[self->produced++ % self->blocks] = block;
	self->status = status;
	self->why = *why;
	pthread_cond_signal(&self->filled);
	pthread_mutex_unlock(&self->lock);
}

static void *run(void *data)
{
	struct ahead *self = data;
	int           status = STREAM_BLOCK;

	while (status == STREAM_BLOCK && wait_for_room(self)) {
		struct slice block;
		struct err   why = {0};

		status = stream_next(self->below, &block, &why);
		put(self, status, block, &why);
	}
	return NULL;
}

static int ahead_next(struct stream *stream, struct slice *block, struct err *err)
{
	struct ahead *self = (struct ahead *)stream;
	int           status = STREAM_BLOCK;

	pthread_mutex_lock(&self->lock);
	if (self->released != self->taken) {
		self->released = self->taken;
		pthread_cond_signal(&self->drained);
	}
	while (self->taken == self->produced && self->status == STREAM_BLOCK)
		pthread_cond_wait(&self->filled, &self->lock);
	if (self->taken != self->produced)
		*block = self->ring[self->taken++ % self->blocks];
	else
		status = self->status;
	if (status < 0 && err && !err->code)
		*err = self->why;
	pthread_mutex_unlock(&self->lock);
	return status;
}

static void ahead_free(struct ahead *self)
{
	pthread_cond_destroy(&self->drained);
	pthread_cond_destroy(&self->filled);
	pthread_mutex_destroy(&self->lock);
	free(self);
}

static void ahead_close(struct stream *stream)
{
	struct ahead *self = (struct ahead *)stream;

	pthread_mutex_lock(&self->lock);
	self->stop = true;
	pthread_cond_signal(&self->drained);
	pthread_mutex_unlock(&self->lock);
	pthread_join(self->thread, NULL);
	ahead_free(self);
}

struct stream *ahead_stream_new(struct stream *below, unsigned blocks)
{
	static const struct stream_ops ops = {.next = ahead_next, .close = ahead_close};
	struct ahead                  *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	*self = (struct ahead){.stream.ops = &ops, .below = below, .blocks = blocks, .status = STREAM_BLOCK};
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->filled, NULL);
	pthread_cond_init(&self->drained, NULL);
	if (pthread_create(&self->thread, NULL, run, self) != 0) {
		ahead_free(self);
		return NULL;
	}
	return &self->stream;
}
