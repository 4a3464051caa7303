/* The broker's core: leases that stand still, get lost, come back; layers that break workers. */
#include "lib/check.h"

#include "lib/core_shell.h"

static struct shell shell;

static const struct core_config patient = {.silence_ms = 10000000, .stall_ms = 60000, .backoff_ms = 10};

static void progress(uint64_t worker, uint64_t lease, uint64_t bytes)
{
	shell_holds(&shell, CORE_WORKER_PROGRESS, worker, &lease, &bytes, 1);
}

static void lease_that_stands_still_goes_to_another_worker(void **state)
{
	uint64_t lease;

	(void)state;
	shell_one_image(&shell, &patient, "a");
	shell_worker(&shell, 2, 8);
	lease = shell_lease_of(&shell, 'a');
	progress(1, lease, 100);
	shell_tick(&shell, 59999);
	assert_int_equal(shell.drops, 0);
	shell_tick(&shell, 1);
	assert_int_equal(shell.drops, 1);
	shell_tick(&shell, 100);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.sent[shell.sent_count - 1].worker, 2);
	assert_int_equal(shell.retried[CORE_RETRY_STALLED], 1);
	core_free(shell.core);
}

static void lease_that_moves_is_left_alone_however_long_it_takes(void **state)
{
	uint64_t lease;

	(void)state;
	shell_one_image(&shell, &patient, "a");
	lease = shell_lease_of(&shell, 'a');
	for (uint64_t i = 1; i <= 100; i++) {
		shell.now += 50000;
		progress(1, lease, i);
	}
	shell_tick(&shell, 50000);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	shell_tick(&shell, 10000);
	assert_int_equal(shell.drops, 1);
	core_free(shell.core);
}

static void only_worker_gets_what_stood_still_with_it_again(void **state)
{
	(void)state;
	shell_one_image(&shell, &patient, "a");
	shell_tick(&shell, 60000);
	shell_tick(&shell, 100);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	core_free(shell.core);
}

static void listing_moves_by_what_it_adds(void **state)
{
	const struct core_event  stored = {.kind = CORE_JOB_STORED, .job = 1, .listings = 1};
	struct shell_reference  *listing;
	struct core_job_stats    stats;
	const struct core_config config = {.silence_ms = 10000000, .stall_ms = 60000, .backoff_ms = 1000000};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1);
	shell_job(&shell, 1, 1);
	listing = &shell.stored[shell.stored_count++];
	*listing = (struct shell_reference){.job = 1, .number = 0, .kind = CORE_ENUMERATE, .host = "r"};
	shell_feed(&shell, &stored);
	shell_closed(&shell, 1);
	assert_int_equal(shell.sent[0].task_kind, CORE_ENUMERATE);
	for (uint64_t i = 1; i <= 10; i++) {
		shell.now += 50000;
		shell_references(&shell, 1, i, 1, "r");
	}
	assert_int_equal(shell.drops, 0);
	assert_true(core_job_stats(shell.core, 1, &stats));
	assert_true(stats.growing);
	assert_int_equal(stats.images_total, 10);
	shell_tick(&shell, 60000);
	shell_tick(&shell, 60000);
	assert_int_equal(shell.drops, 1);
	core_free(shell.core);
}

static void task_that_two_heartbeats_do_not_know_was_lost_and_is_no_failure(void **state)
{
	const struct core_config config = {.silence_ms = 20000};
	uint64_t                 first;

	(void)state;
	shell_one_image(&shell, &config, "a");
	first = shell_lease_of(&shell, 'a');
	shell.now += 5000;
	shell_holds(&shell, CORE_WORKER_PROGRESS, 1, NULL, NULL, 0);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	shell.now += 5000;
	shell_holds(&shell, CORE_WORKER_PROGRESS, 1, NULL, NULL, 0);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.sent[shell.sent_count - 1].attempt, 0);
	assert_int_equal(shell.retried[CORE_RETRY_NOT_SENT], 1);
	shell_done(&shell, first); /* it had arrived after all */
	assert_int_equal(shell.lates, 1);
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void task_that_one_worker_loses_goes_to_another(void **state)
{
	const struct core_config config = {.silence_ms = 20000};

	(void)state;
	shell_one_image(&shell, &config, "a");
	shell_worker(&shell, 2, 8);
	for (size_t i = 0; i < 2; i++) {
		shell.now += 5000;
		shell_worker_event(&shell, CORE_WORKER_HEARD, 2);
		shell_holds(&shell, CORE_WORKER_PROGRESS, 1, NULL, NULL, 0);
	}
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.sent[shell.sent_count - 1].worker, 2);
	core_free(shell.core);
}

/* A heartbeat of worker 1 every five seconds, with these leases. */
static void beat(size_t times, const uint64_t *leases, size_t count)
{
	for (size_t i = 0; i < times; i++) {
		shell_tick(&shell, 5000);
		shell_holds(&shell, CORE_WORKER_PROGRESS, 1, leases, NULL, count);
	}
}

static bool told_that_it_loses_tasks(void)
{
	struct slice notice;
	struct arena arena;
	bool         told;

	arena_init(&arena, 1 << 20);
	told = core_notices(shell.core, &arena, &notice, 1) == 1 &&
	       slice_eq_str(notice, "worker 1 loses the tasks that it is sent: it rests");
	arena_deinit(&arena);
	return told;
}

static void worker_that_loses_all_it_is_sent_rests_ever_longer(void **state)
{
	const struct core_config config = {.silence_ms = 20000};
	uint64_t                 lease;
	size_t                   sent;

	(void)state;
	shell_one_image(&shell, &config, "ab");
	beat(12, NULL, 0);
	assert_true(shell_sends_of(&shell, 'a') >= 4);
	beat(120, NULL, 0); /* one it loses takes 10 s, and 60 s after the next few */
	sent = shell_sends_of(&shell, 'a');
	assert_true(sent > 10 && sent <= 25);
	assert_true(told_that_it_loses_tasks());
	while (shell_sends_of(&shell, 'a') == sent)
		beat(1, NULL, 0);
	lease = shell_lease_of(&shell, 'a');
	beat(2, &lease, 1); /* it has one: it is as good as any other */
	assert_false(told_that_it_loses_tasks());
	shell_done(&shell, lease);
	shell_done(&shell, shell_lease_of(&shell, 'b'));
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void lease_that_nobody_knows_is_dropped(void **state)
{
	(void)state;
	shell_one_image(&shell, &patient, "a");
	progress(1, 4711, 0);
	assert_int_equal(shell.drops, 1);
	core_free(shell.core);
}

static void worker_that_comes_back_keeps_what_it_holds_and_gets_the_rest_anew(void **state)
{
	uint64_t a;

	(void)state;
	shell_one_image(&shell, &patient, "ab");
	a = shell_lease_of(&shell, 'a');
	shell_holds(&shell, CORE_WORKER_BACK, 1, &a, NULL, 1);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	assert_int_equal(shell_sends_of(&shell, 'b'), 2);
	assert_int_equal(shell.drops, 0);
	shell_done(&shell, a);
	shell_done(&shell, shell_lease_of(&shell, 'b'));
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void worker_that_was_silent_keeps_what_nobody_else_has_begun(void **state)
{
	const struct core_config config = {.silence_ms = 5000};
	uint64_t                 a;

	(void)state;
	shell_one_image(&shell, &config, "a");
	a = shell_lease_of(&shell, 'a');
	shell_tick(&shell, 5000);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	shell_holds(&shell, CORE_WORKER_HELLO, 2, &a, NULL, 1);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	assert_int_equal(shell.drops, 0);
	shell_done(&shell, a);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.starts, 1);
	assert_int_equal(shell.retries, 0);
	assert_int_equal(shell.lates, 0);
	core_free(shell.core);
}

static void worker_that_was_silent_drops_what_another_one_has_begun(void **state)
{
	const struct core_config config = {.silence_ms = 5000};
	uint64_t                 a;

	(void)state;
	shell_one_image(&shell, &config, "a");
	a = shell_lease_of(&shell, 'a');
	shell_tick(&shell, 5000);
	shell_worker(&shell, 2, 8);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	shell_holds(&shell, CORE_WORKER_HELLO, 3, &a, NULL, 1);
	assert_int_equal(shell.drops, 1);
	core_free(shell.core);
}

static void layer_that_three_workers_died_of_is_put_in_quarantine(void **state)
{
	(void)state;
	shell_one_image(&shell, &patient, "ab");
	for (uint64_t worker = 1; worker <= 2; worker++) {
		shell_worker_event(&shell, CORE_WORKER_GONE, worker);
		shell_worker(&shell, worker + 1, 8);
	}
	/* two were lost with both: each goes alone now */
	assert_int_equal(shell_sends_of(&shell, 'a') + shell_sends_of(&shell, 'b'), 5);
	shell_worker_event(&shell, CORE_WORKER_GONE, 3);
	assert_int_equal(shell.quarantines, 1);
	shell_worker(&shell, 4, 8);
	shell_done(&shell, shell_lease_of(&shell, shell_sends_of(&shell, 'a') == 3 ? 'b' : 'a'));
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.quarantines, 1); /* the other one was innocent */
	core_free(shell.core);
}

static void poison_is_read_elsewhere_before_it_is_put_in_quarantine(void **state)
{
	(void)state;
	shell_open(&shell, &patient);
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_reference(&shell, 1, 1, "s");
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_image(&shell, 1, 1, "a", "s", "y");
	shell_done(&shell, shell.sent[0].lease);
	shell_done(&shell, shell.sent[1].lease);
	for (size_t i = 0; i < 2; i++) {
		shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_POISON, ERR_MEM);
		shell_tick(&shell, 100);
	}
	assert_slice_equal(shell.sent[shell.sent_count - 1].image->location, "s/y");
	assert_int_equal(shell.quarantines, 0);
	for (size_t i = 0; i < 2; i++) {
		shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_POISON, ERR_MEM);
		shell_tick(&shell, 100);
	}
	assert_int_equal(shell.quarantines, 1);
	assert_int_equal(shell.images_done, 2);
	core_free(shell.core);
}

static void quarantine_fails_a_layer_where_it_broke_workers_and_only_there(void **state)
{
	(void)state;
	shell_open(&shell, &patient);
	shell.answer = CORE_CLAIM_QUARANTINED;
	shell.here = true;
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_image(&shell, 1, 0, "a", "r", "x");
	assert_int_equal(shell.images_done, 1);
	assert_string_equal(shell.reasons[0], "in quarantine");
	shell.here = false;
	shell_image(&shell, 1, 0, "b", "s", "y");
	assert_int_equal(shell_sends_of(&shell, 'b'), 1);
	core_free(shell.core);
}

static void task_that_did_not_leave_is_counted_once(void **state)
{
	struct core_event failed = {.kind = CORE_SEND_FAILED};

	(void)state;
	shell_one_image(&shell, &patient, "a");
	failed.lease = shell_lease_of(&shell, 'a');
	shell_feed(&shell, &failed);
	shell_tick(&shell, 100);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.starts, 1);
	assert_int_equal(shell.retries, 0);
	core_free(shell.core);
}

static void result_of_a_lease_that_failed_is_nobodys(void **state)
{
	uint64_t a;

	(void)state;
	shell_one_image(&shell, &patient, "a");
	a = shell_lease_of(&shell, 'a');
	shell_failed(&shell, a, CORE_TRANSIENT, ERR_NET);
	shell_done(&shell, a);
	assert_int_equal(shell.jobs_done, 0);
	assert_int_equal(shell.lates, 0);
	core_free(shell.core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_that_stands_still_goes_to_another_worker),
		cmocka_unit_test(lease_that_moves_is_left_alone_however_long_it_takes),
		cmocka_unit_test(only_worker_gets_what_stood_still_with_it_again),
		cmocka_unit_test(listing_moves_by_what_it_adds),
		cmocka_unit_test(task_that_two_heartbeats_do_not_know_was_lost_and_is_no_failure),
		cmocka_unit_test(task_that_one_worker_loses_goes_to_another),
		cmocka_unit_test(worker_that_loses_all_it_is_sent_rests_ever_longer),
		cmocka_unit_test(lease_that_nobody_knows_is_dropped),
		cmocka_unit_test(worker_that_comes_back_keeps_what_it_holds_and_gets_the_rest_anew),
		cmocka_unit_test(worker_that_was_silent_keeps_what_nobody_else_has_begun),
		cmocka_unit_test(worker_that_was_silent_drops_what_another_one_has_begun),
		cmocka_unit_test(layer_that_three_workers_died_of_is_put_in_quarantine),
		cmocka_unit_test(poison_is_read_elsewhere_before_it_is_put_in_quarantine),
		cmocka_unit_test(quarantine_fails_a_layer_where_it_broke_workers_and_only_there),
		cmocka_unit_test(task_that_did_not_leave_is_counted_once),
		cmocka_unit_test(result_of_a_lease_that_failed_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
