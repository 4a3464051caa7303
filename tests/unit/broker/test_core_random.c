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

/* A heartbeat, a reconnect, or a greeting after a silence: with leases of this worker, of others, and unknown ones. */
static void random_list(struct rng *rng)
{
	static const enum core_event_kind kinds[] = {CORE_WORKER_PROGRESS, CORE_WORKER_PROGRESS, CORE_WORKER_BACK,
						     CORE_WORKER_HELLO};
	uint64_t                          leases[64], bytes[64], worker = 1 + rng_below(rng, 3);
	size_t                            count = 0;

	for (size_t i = shell.sent_count; i-- > 0 && count < 64 && i + 100 > shell.sent_count;)
		if (shell.sent[i].worker == worker ? rng_below(rng, 8) : !rng_below(rng, 50)) {
			bytes[count] = rng_below(rng, 100);
			leases[count++] = shell.sent[i].lease;
		}
	shell_holds(&shell, kinds[rng_below(rng, 4)], worker, leases, bytes, count);
}

static size_t not_sent; /* layers whose task did not leave: the next one is not counted */

static void random_send_failure(struct rng *rng)
{
	struct core_event      lost = {.kind = CORE_SEND_FAILED};
	struct core_lease_info info;

	if (!shell.sent_count)
		return;
	lost.lease = shell.sent[rng_below(rng, shell.sent_count)].lease;
	not_sent += core_lease_info(shell.core, lost.lease, &info) && info.current && info.kind == CORE_LAYER;
	shell_feed(&shell, &lost);
}

static void random_job_event(struct rng *rng, uint64_t jobs)
{
	const uint64_t job = 1 + rng_below(rng, jobs);

	if (rng_below(rng, 30) == 0)
		shell_job_event(&shell, CORE_JOB_CANCEL, job);
	else
		shell_job_event(&shell, rng_below(rng, 3) ? CORE_JOB_RESUME : CORE_JOB_PAUSE, job);
}

static void random_worker_event(struct rng *rng)
{
	const struct core_event gone = {
		.kind = CORE_WORKER_GONE, .worker = 1 + rng_below(rng, 3), .orderly = rng_below(rng, 2)};

	switch (rng_below(rng, 4)) {
	case 0:
		shell_feed(&shell, &gone);
		break;
	case 1:
		shell_worker_event(&shell, CORE_WORKER_DRAIN, 1 + rng_below(rng, 3));
		break;
	case 2:
		shell_worker_for(&shell, 1 + rng_below(rng, 3), 2, rng_below(rng, 2) ? "r" : "s");
		break;
	default:
		shell_worker(&shell, 1 + rng_below(rng, 3), (uint32_t)(1 + rng_below(rng, 4)));
	}
}

static void random_event(struct rng *rng, uint64_t *answered, uint64_t jobs)
{
	struct core_event heard = {.kind = CORE_WORKER_HEARD};

	shell.answer = (enum core_claim)rng_below(rng, 4);
	shell.here = rng_below(rng, 2);
	switch (rng_below(rng, 14)) {
	case 0:
	case 1:
		random_worker_event(rng);
		break;
	case 2:
		shell_tick(&shell, rng_below(rng, 3000));
		break;
	case 3:
		random_send_failure(rng);
		break;
	case 4:
		random_job_event(rng, jobs);
		break;
	case 5:
		random_list(rng);
		break;
	default:
		if (*answered < shell.sent_count)
			random_answer(rng, &shell.sent[(*answered)++]);
	}
	for (heard.worker = 1; heard.worker <= 3; heard.worker++)
		shell_feed(&shell, &heard);
}

static void random_config(struct rng *rng, uint64_t seed, struct core_config *config)
{
	*config = (struct core_config){.seed = seed,
				       .backoff_ms = 10,
				       .backoff_max_ms = 100,
				       .busy_poll_ms = 10,
				       .stall_ms = 1000 + rng_below(rng, 30000),
				       .host_dead_ms = 2000,
				       .host_rate_ms = 5000,
				       .host_leases_max = (uint32_t)rng_below(rng, 4),
				       .host_bytes_per_s = rng_below(rng, 2) ? 10000 : 0,
				       .images_open_max = (uint32_t)rng_below(rng, 4)};
}

/* Every scan that was handed out is the first one of its node or has a reason, but for tasks that did not leave. */
static void check_counts(uint64_t seed)
{
	size_t sends = 0;

	for (size_t i = 0; i < shell.sent_count; i++)
		sends += shell.sent[i].task_kind == CORE_LAYER;
	if (shell.starts + shell.retries > sends || shell.starts + shell.retries + not_sent < sends)
		fail_msg("seed %llu: %zu layers handed out, %zu starts, %zu retries, %zu not sent",
			 (unsigned long long)seed, sends, shell.starts, shell.retries, not_sent);
}

static void finish(struct rng *rng, uint64_t *answered, uint64_t jobs)
{
	shell.answer = CORE_CLAIM_GRANTED;
	for (uint64_t id = 1; id <= jobs; id++)
		shell_job_event(&shell, CORE_JOB_RESUME, id);
	for (uint64_t id = 1; id <= 3; id++)
		shell_worker(&shell, id, 4);
	for (int i = 0; i < 20000 && shell.jobs_done < jobs && shell.sent_count < ACTIONS_MAX - 64; i++) {
		shell_worker_event(&shell, CORE_WORKER_HEARD, 1 + (uint64_t)i % 3);
		if (*answered < shell.sent_count && rng_below(rng, 2)) {
			const struct core_action *task = &shell.sent[(*answered)++];
			struct core_lease_info    info;

			if (task->task_kind == CORE_RESOLVE && core_lease_info(shell.core, task->lease, &info) &&
			    info.current)
				random_image(rng, task->job, task->reference);
			shell_done(&shell, task->lease);
		} else {
			shell_tick(&shell, 50);
		}
	}
}

/* Whatever happens, as long as workers come back, every job ends once, and every image and reference ends. */
static void random_run(uint64_t seed)
{
	struct core_config config;
	struct rng         rng = rng_seeded(seed);
	uint64_t           answered = 0, jobs = 3;

	random_config(&rng, seed, &config);
	shell_open(&shell, &config);
	not_sent = 0;
	for (uint64_t id = 1; id <= jobs; id++) {
		shell_job(&shell, id, id % 2 ? 1 : 0);
		for (uint64_t number = 0; number < 8; number++)
			shell_reference(&shell, id, number, rng_below(&rng, 2) ? "r" : "s");
		shell_closed(&shell, id);
	}
	for (int i = 0; i < 400 && shell.sent_count < ACTIONS_MAX / 2; i++)
		random_event(&rng, &answered, jobs);
	finish(&rng, &answered, jobs);
	if (shell.jobs_done != jobs)
		fail_msg("seed %llu: %zu of %llu jobs ended", (unsigned long long)seed, shell.jobs_done,
			 (unsigned long long)jobs);
	check_counts(seed);
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
