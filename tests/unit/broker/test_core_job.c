/* The broker's core: the window of references, and what a job counts. */
#include "lib/check.h"

#include "lib/core_shell.h"

static struct shell shell;

static struct core_job_stats stats_of(uint64_t job)
{
	struct core_job_stats stats;

	assert_true(core_job_stats(shell.core, job, &stats));
	return stats;
}

static struct core_gauges gauges(void)
{
	struct core_gauges out;

	core_gauges(shell.core, &out);
	return out;
}

static void references_are_fetched_a_window_at_a_time_until_all_are_done(void **state)
{
	struct core_config config = {.silence_ms = 1000000};
	size_t             most = 0;

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 8000, "r");
	shell_closed(&shell, 1);
	assert_int_equal(stats_of(1).images_total, 8000);
	for (size_t i = 0; i < 8000 && !shell.jobs_done; i++) {
		uint64_t lease = shell.sent[shell.sent_count - 1].lease;

		most = gauges().references > most ? gauges().references : most;
		shell.sent_count = 0; /* the shell does not remember so many */
		shell_done(&shell, lease);
	}
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.references_done, 8000);
	assert_true(most <= CORE_WINDOW_RUNNABLE);
	core_free(shell.core);
}

static void references_that_wait_for_no_worker_hold_up_no_other_host(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker_for(&shell, 1, 1, "s");
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 2 * CORE_WINDOW_RUNNABLE, "r");
	shell_references(&shell, 1, 2 * CORE_WINDOW_RUNNABLE, 1, "s");
	assert_int_equal(shell.sent_count, 1);
	core_free(shell.core);
}

static void without_workers_the_window_stays_small(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 3 * CORE_WINDOW_RUNNABLE, "r");
	assert_int_equal(gauges().references, CORE_WINDOW_RUNNABLE);
	shell_worker_for(&shell, 1, 1, "s");
	assert_int_equal(gauges().references, 3 * CORE_WINDOW_RUNNABLE);
	core_free(shell.core);
}

static void job_with_references_in_the_catalog_does_not_end(void **state)
{
	struct core_config      config = {0};
	const struct core_event stored = {.kind = CORE_JOB_STORED, .job = 1, .count = 1};
	struct core_event       fed = {.kind = CORE_JOB_FED, .job = 1, .none_left = true};
	const struct core_event open = {.kind = CORE_JOB_OPEN, .job = 1}, closed = {.kind = CORE_JOB_CLOSED, .job = 1};
	const struct core_action *actions;
	size_t                    count;

	(void)state;
	shell_open(&shell, &config); /* by hand: the catalog is slow */
	assert_int_equal(core_step(shell.core, &open, 1, &actions, &count), 0);
	assert_int_equal(core_step(shell.core, &stored, 1, &actions, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(actions[0].kind, CORE_FETCH_REFERENCES);
	assert_int_equal(core_step(shell.core, &closed, 1, &actions, &count), 0);
	assert_int_equal(core_step(shell.core, &stored, 1, &actions, &count), 0);
	assert_int_equal(count, 0); /* one fetch at a time */
	assert_int_equal(core_step(shell.core, &fed, 1, &actions, &count), 0);
	assert_int_equal(count, 1); /* what was stored meanwhile */
	assert_int_equal(actions[0].kind, CORE_FETCH_REFERENCES);
	assert_int_equal(core_step(shell.core, &fed, 1, &actions, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(actions[0].kind, CORE_JOB_DONE);
	core_free(shell.core);
}

static void finished_layer_takes_no_memory_and_is_counted_once(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 3, "r");
	shell_image(&shell, 1, 0, "abc", "r", "x");
	for (const char *letter = "abc"; *letter; letter++)
		shell_done(&shell, shell_lease_of(&shell, *letter));
	assert_int_equal(gauges().layers, 0);
	shell.answer = CORE_CLAIM_KNOWN;
	shell_image(&shell, 1, 1, "abcd", "r", "x");
	assert_int_equal(stats_of(1).layers_total, 4);
	assert_int_equal(stats_of(1).layers_done, 4);
	assert_int_equal(stats_of(1).layers_scanned, 3);
	assert_int_equal(stats_of(1).layers_reused, 1);
	assert_int_equal(stats_of(1).layer_uses, 7);
	assert_int_equal(shell.job_layers, 4);
	core_free(shell.core);
}

static void layer_that_was_counted_before_a_restart_is_not_counted_again(void **state)
{
	struct core_config config = {0};
	struct core_key    key = {.set = SET};
	struct core_event  seen = {.kind = CORE_JOB_SEEN, .job = 1};

	(void)state;
	shell_open(&shell, &config);
	shell.answer = CORE_CLAIM_KNOWN;
	shell_job(&shell, 1, 1);
	key.digest.bytes[0] = 'a';
	seen.hash = core_layer_hash(&key);
	shell_feed(&shell, &seen);
	shell_reference(&shell, 1, 0, "r");
	shell_image(&shell, 1, 0, "ab", "r", "x");
	assert_int_equal(shell.images_done, 1);
	assert_int_equal(stats_of(1).layers_total, 1);
	assert_int_equal(stats_of(1).layers_done, 1);
	assert_int_equal(shell.job_layers, 1);
	core_free(shell.core);
}

static void job_that_reuses_nothing_scans_each_layer_once(void **state)
{
	struct core_config      config = {0};
	const struct core_event open = {.kind = CORE_JOB_OPEN, .job = 1, .priority = 1, .no_reuse = true};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	shell_feed(&shell, &open);
	shell_references(&shell, 1, 0, 2, "r");
	shell_image(&shell, 1, 0, "a", "r", "x");
	assert_true(shell.last_force);
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	shell.answer = CORE_CLAIM_KNOWN;
	shell_image(&shell, 1, 1, "a", "r", "x");
	assert_false(shell.last_force);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	assert_int_equal(shell.images_done, 2);
	core_free(shell.core);
}

static void layer_that_another_place_gives_counts_as_scanned_after_all(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 2, "r");
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_PERMANENT, ERR_DIGEST);
	assert_int_equal(stats_of(1).layers_failed, 1);
	shell_image(&shell, 1, 1, "a", "s", "y");
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	assert_int_equal(stats_of(1).layers_total, 1);
	assert_int_equal(stats_of(1).layers_done, 1);
	assert_int_equal(stats_of(1).layers_failed, 0);
	assert_int_equal(stats_of(1).layers_scanned, 1);
	assert_int_equal(shell.job_layers, 1);
	core_free(shell.core);
}

static void cancelled_job_leaves_what_others_wait_for_at_their_place(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	for (uint64_t job = 1; job <= 2; job++) {
		shell_job(&shell, job, 1);
		shell_reference(&shell, job, 0, "r");
		shell_closed(&shell, job);
		shell_image(&shell, job, 0, "ab", job == 1 ? "r" : "s", "x");
		shell_done(&shell, shell_lease_of_reference(&shell, job, 0));
	}
	shell_job_event(&shell, CORE_JOB_CANCEL, 1);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.drops, 2); /* they were read from the place of the one that has gone */
	assert_slice_equal(shell.sent[shell.sent_count - 1].image->location, "s/x");
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	shell_done(&shell, shell_lease_of(&shell, 'b'));
	assert_int_equal(shell.jobs_done, 2);
	assert_int_equal(gauges().layers, 0);
	core_free(shell.core);
}

static void no_further_image_is_resolved_while_too_many_wait(void **state)
{
	struct core_config config = {.images_open_max = 2};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 2);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 5, "r");
	for (size_t i = 0; i < 2; i++) {
		shell_image(&shell, 1, i, i ? "b" : "a", "r", "x");
		shell_done(&shell, shell_lease_of_reference(&shell, 1, i));
	}
	assert_int_equal(shell_lease_of_reference(&shell, 1, 3), 0);
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	assert_int_not_equal(shell_lease_of_reference(&shell, 1, 3), 0);
	core_free(shell.core);
}

static void images_of_bulk_that_wait_keep_no_ad_hoc_image_out(void **state)
{
	struct core_config config = {.images_open_max = 2};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 2);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 5, "r");
	for (size_t i = 0; i < 2; i++) {
		shell_image(&shell, 1, i, i ? "b" : "a", "r", "x");
		shell_done(&shell, shell_lease_of_reference(&shell, 1, i));
	}
	assert_int_equal(shell_lease_of_reference(&shell, 1, 3), 0);
	shell_job(&shell, 2, 0);
	shell_references(&shell, 2, 0, 4, "r");
	for (size_t i = 0; i < 2; i++) {
		assert_int_not_equal(shell_lease_of_reference(&shell, 2, i), 0);
		shell_image(&shell, 2, i, i ? "d" : "c", "r", "x");
		shell_done(&shell, shell_lease_of_reference(&shell, 2, i));
	}
	assert_int_equal(shell_lease_of_reference(&shell, 2, 3), 0); /* as much room again, and no more */
	shell_done(&shell, shell_lease_of(&shell, 'c'));
	core_free(shell.core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_fetched_a_window_at_a_time_until_all_are_done),
		cmocka_unit_test(references_that_wait_for_no_worker_hold_up_no_other_host),
		cmocka_unit_test(without_workers_the_window_stays_small),
		cmocka_unit_test(job_with_references_in_the_catalog_does_not_end),
		cmocka_unit_test(finished_layer_takes_no_memory_and_is_counted_once),
		cmocka_unit_test(layer_that_was_counted_before_a_restart_is_not_counted_again),
		cmocka_unit_test(job_that_reuses_nothing_scans_each_layer_once),
		cmocka_unit_test(layer_that_another_place_gives_counts_as_scanned_after_all),
		cmocka_unit_test(cancelled_job_leaves_what_others_wait_for_at_their_place),
		cmocka_unit_test(no_further_image_is_resolved_while_too_many_wait),
		cmocka_unit_test(images_of_bulk_that_wait_keep_no_ad_hoc_image_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
