/* queue.h - a bounded queue of pointers between threads: any number of producers and consumers.
 *
 * queue_push() blocks while full, queue_pop() while empty; after queue_close() pushes fail and pops drain what is left
 * and then give NULL. Items are owned by the queue's users. */
#ifndef VARVE_BASE_QUEUE_H
#define VARVE_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

struct queue *queue_new(size_t items_max);
void          queue_free(struct queue *queue);             /* no thread may be inside; items left are the caller's */
bool          queue_push(struct queue *queue, void *item); /* false: closed */
bool          queue_try_push(struct queue *queue, void *item); /* false: full or closed */
void         *queue_pop(struct queue *queue);                  /* NULL: closed and empty */
void *queue_pop_ms(struct queue *queue, uint64_t wait_ms); /* NULL also when nothing came in time; 0 = do not wait */
void  queue_close(struct queue *queue);

#endif
