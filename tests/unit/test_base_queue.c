/* The bounded queue between threads: every item arrives once, close drains, waiting ends. */
#include "lib/check.h"

#include "base/queue.h"

#include <pthread.h>

enum { PRODUCERS = 3, ITEMS_EACH = 2000 };

static void *produce(void *data)
{
	static int item;

	for (int i = 0; i < ITEMS_EACH; i++)
		if (!queue_push(data, &item))
			return NULL;
	return NULL;
}

static void *consume(void *data)
{
	uintptr_t count = 0;

	while (queue_pop(data))
		count++;
	return (void *)count;
}

static void every_item_arrives_once(void **state)
{
	struct queue *queue = queue_new(7);
	pthread_t     producers[PRODUCERS], consumers[2];
	uintptr_t     total = 0;

	(void)state;
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&producers[i], NULL, produce, queue), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&consumers[i], NULL, consume, queue), 0);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(producers[i], NULL);
	queue_close(queue);
	for (int i = 0; i < 2; i++) {
		void *count;

		pthread_join(consumers[i], &count);
		total += (uintptr_t)count;
	}
	assert_int_equal(total, PRODUCERS * ITEMS_EACH);
	queue_free(queue);
}

static void a_closed_queue_takes_nothing_and_gives_what_is_left(void **state)
{
	struct queue *queue = queue_new(2);
	int           a, b;

	(void)state;
	assert_true(queue_try_push(queue, &a));
	assert_true(queue_try_push(queue, &b));
	assert_false(queue_try_push(queue, &a));
	queue_close(queue);
	assert_false(queue_push(queue, &a));
	assert_ptr_equal(queue_pop(queue), &a);
	assert_ptr_equal(queue_pop_ms(queue, 1), &b);
	assert_null(queue_pop(queue));
	queue_free(queue);
}

static void an_empty_queue_gives_up_in_time(void **state)
{
	struct queue *queue = queue_new(1);

	(void)state;
	assert_null(queue_pop_ms(queue, 0));
	assert_null(queue_pop_ms(queue, 5));
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_arrives_once),
		cmocka_unit_test(a_closed_queue_takes_nothing_and_gives_what_is_left),
		cmocka_unit_test(an_empty_queue_gives_up_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
