/* The broker's core under seeded random histories; the heap that its queues are made of. */
#include "lib/check.h"

#include "base/rng.h"
#include "heap.h"
#include "lib/core_shell.h"

#include <string.h>

static struct shell shell;

static void random_image(struct rng *rng, uint64_t job_id, uint64_t number)
{
	char letters[5] = {0};

	for (size_t i = 0; i < rng_below(rng, 5); i++)
		letters[i] = (char)('a' + rng_below(rng, 26));
	shell_image(&shell, job_id, number, letters, rng_below(rng, 2) ? "r" : "s", rng_below(rng, 2) ? "x" : "y");
}

static void random_answer(struct rng *rng, const struct core_action *task)
{
	struct core_lease_info info;

	if (!core_lease_info(shell.core, task->lease, &info))
		return;
	if (rng_below(rng, 6) == 0) {
		shell_failed(&shell, task->lease, (enum core_fail_class)rng_below(rng, 4),
			     rng_below(rng, 5) ? ERR_NET : ERR_RATE);
		return;
	}
	if (task->task_kind == CORE_RESOLVE && info.current)
		for (uint64_t i = 0; i <= rng_below(rng, 3); i++)
			random_image(rng, task->job, task->reference);
	shell_done(&shell, task->lease);
}

static void random_event(struct rng *rng, uint64_t *answered, uint64_t jobs)
{
	struct core_event gone = {
		.kind = CORE_WORKER_GONE, .worker = 1 + rng_below(rng, 3), .orderly = rng_below(rng, 2)};
	struct core_event heard = {.kind = CORE_WORKER_HEARD};
	struct core_event lost = {.kind = CORE_SEND_FAILED};

	shell.answer = (enum core_claim)rng_below(rng, 3);
	switch (rng_below(rng, 12)) {
	case 0:
		shell_feed(&shell, &gone);
		break;
	case 1:
		shell_worker(&shell, 1 + rng_below(rng, 3), (uint32_t)(1 + rng_below(rng, 4)));
		break;
	case 2:
		shell_tick(&shell, rng_below(rng, 3000));
		break;
	case 3:
		if (shell.sent_count) {
			lost.lease = shell.sent[rng_below(rng, shell.sent_count)].lease;
			shell_feed(&shell, &lost);
		}
		break;
	case 4: {
		const struct core_event cancel = {.kind = CORE_JOB_CANCEL, .job = 1 + rng_below(rng, jobs)};

		if (rng_below(rng, 20) == 0)
			shell_feed(&shell, &cancel);
		break;
	}
	default:
		if (*answered < shell.sent_count)
			random_answer(rng, &shell.sent[(*answered)++]);
	}
	for (heard.worker = 1; heard.worker <= 3; heard.worker++)
		shell_feed(&shell, &heard);
}

/* Whatever happens, as long as workers come back, every job ends once, and every image and reference ends. */
static void random_run(uint64_t seed)
{
	struct core_config config = {.seed = seed, .backoff_ms = 10, .backoff_max_ms = 100, .busy_poll_ms = 10};
	struct rng         rng = rng_seeded(seed);
	uint64_t           answered = 0, jobs = 3;

	shell_open(&shell, &config);
	for (uint64_t id = 1; id <= jobs; id++) {
		shell_job(&shell, id, id % 2 ? 1 : 0);
		for (uint64_t number = 0; number < 8; number++)
			shell_reference(&shell, id, number, rng_below(&rng, 2) ? "r" : "s");
		shell_closed(&shell, id);
	}
	for (int i = 0; i < 400 && shell.sent_count < ACTIONS_MAX / 2; i++)
		random_event(&rng, &answered, jobs);
	shell.answer = CORE_CLAIM_GRANTED;
	for (uint64_t id = 1; id <= 3; id++)
		shell_worker(&shell, id, 4);
	for (int i = 0; i < 20000 && shell.jobs_done < jobs && shell.sent_count < ACTIONS_MAX - 64; i++) {
		const struct core_event heard = {.kind = CORE_WORKER_HEARD, .worker = 1 + (uint64_t)i % 3};

		shell_feed(&shell, &heard);
		if (answered < shell.sent_count && rng_below(&rng, 2)) {
			const struct core_action *task = &shell.sent[answered++];
			struct core_lease_info    info;

			if (task->task_kind == CORE_RESOLVE && core_lease_info(shell.core, task->lease, &info) &&
			    info.current)
				random_image(&rng, task->job, task->reference);
			shell_done(&shell, task->lease);
		} else {
			shell_tick(&shell, 50);
		}
	}
	if (shell.jobs_done != jobs)
		fail_msg("seed %llu: %zu of %llu jobs ended", (unsigned long long)seed, shell.jobs_done,
			 (unsigned long long)jobs);
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
