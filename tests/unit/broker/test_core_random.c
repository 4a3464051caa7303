/* The broker's core under seeded random histories; the heap that its queues are made of. */
#include "lib/check.h"

#include "base/rng.h"
#include "heap.h"
#include "lib/core_history.h"

static struct shell shell;

/* Every scan that was handed out is the first one of its node or has a reason, but for tasks that did not leave. */
static void check_counts(const struct core_history *history, uint64_t seed)
{
	size_t sends = 0;

	for (size_t i = 0; i < shell.sent_count; i++)
		sends += shell.sent[i].task_kind == CORE_LAYER;
	if (shell.starts + shell.retries > sends || shell.starts + shell.retries + history->not_sent < sends)
		fail_msg("seed %llu: %zu layers handed out, %zu starts, %zu retries, %zu not sent",
			 (unsigned long long)seed, sends, shell.starts, shell.retries, history->not_sent);
}

/* Whatever happens, as long as workers come back, every job ends once, and every image and reference ends. */
static void random_run(uint64_t seed)
{
	struct core_history history;

	core_history_open(&history, &shell, seed);
	for (int i = 0; i < 400 && shell.sent_count < ACTIONS_MAX / 2; i++)
		core_history_event(&history);
	core_history_finish(&history);
	if (shell.jobs_done != history.jobs)
		fail_msg("seed %llu: %zu of %llu jobs ended", (unsigned long long)seed, shell.jobs_done,
			 (unsigned long long)history.jobs);
	check_counts(&history, seed);
	core_free(shell.core);
}

static void random_histories_keep_the_invariants(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++)
		random_run(seed);
}

/* --- heap --- */

struct number {
	struct heap_item item;
	uint64_t         value;
};

static bool smaller(const struct heap_item *a, const struct heap_item *b)
{
	return ((const struct number *)(const void *)a)->value < ((const struct number *)(const void *)b)->value;
}

static void heap_gives_back_in_order_also_after_removals(void **state)
{
	enum { COUNT = 500 };
	static struct number numbers[COUNT];
	struct heap          heap = {.before = smaller};
	struct rng           rng = rng_seeded(1);
	uint64_t             last = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		numbers[i] = (struct number){.value = rng_below(&rng, 100)};
		assert_true(heap_push(&heap, &numbers[i].item));
	}
	for (size_t i = 0; i < COUNT; i += 3)
		heap_remove(&numbers[i].item);
	while (heap.count) {
		struct number *first = (struct number *)(void *)heap.items[0];

		assert_true(first->value >= last);
		last = first->value;
		heap_remove(&first->item);
	}
	heap_deinit(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories_keep_the_invariants),
		cmocka_unit_test(heap_gives_back_in_order_also_after_removals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
