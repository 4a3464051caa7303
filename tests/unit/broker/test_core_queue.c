/* The broker's core: who is given what, and when. */
#include "lib/check.h"

#include "lib/core_shell.h"

static struct shell shell;

/* The job of the task that was sent last; layers of one job are of one letter here. */
static uint64_t last_job(void)
{
	return shell.sent_count ? shell.sent[shell.sent_count - 1].job : 0;
}

static void finish_last(void)
{
	shell_done(&shell, shell.sent[shell.sent_count - 1].lease);
}

static void bulk_gets_one_grant_in_sixteen_while_it_waits(void **state)
{
	struct core_config config = {0};
	size_t             bulk = 0;

	(void)state;
	shell_open(&shell, &config);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 100, "r");
	shell_job(&shell, 2, 0);
	shell_references(&shell, 2, 0, 200, "r");
	shell_worker(&shell, 1, 1);
	for (size_t i = 0; i < 160; i++) {
		bulk += last_job() == 1;
		finish_last();
	}
	assert_int_equal(bulk, 10);
	core_free(shell.core);
}

static void jobs_of_a_class_take_turns(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	for (uint64_t job = 1; job <= 4; job++) {
		shell_job(&shell, job, 1);
		shell_references(&shell, job, 0, 50, "r");
	}
	shell_worker(&shell, 1, 1);
	for (size_t i = 0; i < 39; i++)
		finish_last();
	for (uint64_t job = 1; job <= 4; job++)
		assert_int_equal(shell_sends_of_job(&shell, job), 10);
	core_free(shell.core);
}

/* Layers 'a' … of 16 GiB and of a few bytes: what counts is what is read, not how many there are. */
static void jobs_share_by_bytes(void **state)
{
	struct core_config config = {0};
	struct core_image *image;
	struct core_event  found = {.kind = CORE_IMAGE_FOUND, .set = SET};
	struct core_event  hello = {.kind = CORE_WORKER_HELLO, .worker = 1, .set = SET, .layer_slots = 1};
	size_t             small = 0;

	(void)state;
	shell_open(&shell, &config);
	for (uint64_t job = 1; job <= 2; job++) {
		shell_job(&shell, job, 1);
		shell_reference(&shell, job, 0, "r");
		found.image = image = core_image_new();
		image->job = job;
		image->host = image->location = SLICE_LIT("r");
		image->image.layers_count = 100;
		image->image.layers = arena_array(&image->arena, 100, sizeof(struct image_layer));
		for (size_t i = 0; i < 100; i++) {
			image->image.layers[i].digest.bytes[0] = (uint8_t)job;
			image->image.layers[i].digest.bytes[1] = (uint8_t)i;
			image->image.layers[i].size = job == 1 ? 100ull << 20 : 1;
		}
		shell_feed(&shell, &found);
	}
	shell_feed(&shell, &hello);
	for (size_t i = 0; i < 40; i++) {
		small += last_job() == 2;
		finish_last();
	}
	assert_in_range(small, 30, 39); /* one of 100 MiB, then as many small ones as cost the same */
	core_free(shell.core);
}

static void new_job_starts_at_the_present_time(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 200, "r");
	for (size_t i = 0; i < 100; i++)
		finish_last();
	shell_job(&shell, 2, 1);
	shell_references(&shell, 2, 0, 200, "r");
	for (size_t i = 0; i < 20; i++)
		finish_last();
	assert_in_range(shell_sends_of_job(&shell, 2), 9, 11);
	core_free(shell.core);
}

static void what_a_blocked_job_was_not_given_is_not_saved_up(void **state)
{
	struct core_config config = {.silence_ms = 1000000};
	struct core_event  rate = {
		 .kind = CORE_TASK_FAILED, .fail_class = CORE_TRANSIENT, .code = ERR_RATE, .retry_after_ms = 60000};

	(void)state;
	shell_open(&shell, &config);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 300, "slow");
	shell_worker(&shell, 1, 1);
	rate.lease = shell.sent[0].lease;
	shell_feed(&shell, &rate);
	shell_job(&shell, 2, 1);
	shell_references(&shell, 2, 0, 300, "fast");
	for (size_t i = 0; i < 100; i++)
		finish_last();
	shell_tick(&shell, 60000);
	for (size_t i = 0; i < 20; i++)
		finish_last();
	assert_in_range(shell_sends_of_job(&shell, 1), 8, 14);
	core_free(shell.core);
}

static void layer_of_two_jobs_goes_on_while_one_of_them_is_paused(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	for (uint64_t job = 1; job <= 2; job++) {
		shell_job(&shell, job, 1);
		shell_reference(&shell, job, 0, "r");
		shell_image(&shell, job, 0, job == 1 ? "ab" : "b", "r", "x");
	}
	shell_job_event(&shell, CORE_JOB_PAUSE, 1);
	shell_worker(&shell, 1, 8);
	assert_int_equal(shell_sends_of(&shell, 'a'), 0);
	assert_int_equal(shell_sends_of(&shell, 'b'), 1);
	shell_job_event(&shell, CORE_JOB_RESUME, 1);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	core_free(shell.core);
}

static void paused_job_keeps_its_leases_and_gets_no_more(void **state)
{
	struct core_config config = {0};
	struct core_gauges gauges;

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 2);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 10, "r");
	shell_job_event(&shell, CORE_JOB_PAUSE, 1);
	shell_done(&shell, shell.sent[0].lease);
	shell_done(&shell, shell.sent[1].lease);
	assert_int_equal(shell.sent_count, 2);
	assert_int_equal(shell.references_done, 2);
	core_gauges(shell.core, &gauges);
	assert_int_equal(gauges.waiting[1][CORE_RESOLVE], 8);
	assert_int_equal(gauges.jobs_paused, 1);
	shell_job_event(&shell, CORE_JOB_RESUME, 1);
	assert_int_equal(shell.sent_count, 4);
	core_free(shell.core);
}

static void tasks_that_one_worker_may_not_do_hold_up_no_others(void **state)
{
	struct core_config config = {.silence_ms = 1000000};
	size_t             rounds = 0;

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1); /* may not read r */
	shell_worker_for(&shell, 2, 1, "r");
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 200, "r");
	shell_references(&shell, 1, 200, 1, "s");
	while (!shell_lease_of_reference(&shell, 1, 200) && rounds++ < 400)
		for (size_t i = shell.sent_count; i-- > 0;)
			if (shell.sent[i].worker == 1) {
				shell_failed(&shell, shell.sent[i].lease, CORE_NOT_HERE, ERR_AUTH);
				break;
			}
	assert_int_not_equal(shell_lease_of_reference(&shell, 1, 200), 0);
	core_free(shell.core);
}

static void task_that_its_last_worker_left_behind_is_offered_again_and_ends(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1);
	shell_worker(&shell, 2, 1);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_failed(&shell, shell.sent[0].lease, CORE_NOT_HERE, ERR_AUTH);
	assert_int_equal(shell.sent_count, 2);
	shell_worker_event(&shell, CORE_WORKER_GONE, shell.sent[1].worker);
	assert_int_equal(shell.sent_count, 3); /* the only one left is asked once more */
	shell_failed(&shell, shell.sent[2].lease, CORE_NOT_HERE, ERR_AUTH);
	assert_int_equal(shell.references_failed, 1);
	core_free(shell.core);
}

static void suspect_task_gets_a_worker_although_work_never_ends(void **state)
{
	struct core_config config = {.silence_ms = 1000000, .backoff_ms = 1};
	size_t             rounds = 0;

	(void)state;
	shell_one_image(&shell, &config, "a");
	shell_job(&shell, 2, 0); /* overtakes all of bulk */
	shell_references(&shell, 2, 0, 1000, "r");
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_POISON, ERR_MEM);
	shell_tick(&shell, 10);
	for (size_t next = 0; shell_sends_of(&shell, 'a') < 2 && rounds < 200; next++, rounds++)
		if (shell.sent[next].task_kind == CORE_RESOLVE)
			shell_done(&shell, shell.sent[next].lease);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.retried[CORE_RETRY_POISON_ALONE], 1);
	core_free(shell.core);
}

static void worker_gets_what_its_hosts_and_its_set_allow(void **state)
{
	struct core_config      config = {0};
	const struct core_event other = {
		.kind = CORE_WORKER_HELLO, .worker = 2, .set = SET + 1, .layer_slots = 8, .light_slots = 8};

	(void)state;
	shell_open(&shell, &config);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_worker_for(&shell, 1, 8, "s");
	assert_int_equal(shell.sent_count, 0);
	shell_feed(&shell, &other);
	assert_int_equal(shell.sent_count, 1); /* to resolve needs no set */
	assert_int_equal(shell_sends_of(&shell, 'a'), 0);
	shell_worker_for(&shell, 3, 8, "r");
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	core_free(shell.core);
}

/* A registry that answers nothing keeps every task it was asked for. */
static void bulk_leaves_some_light_slots_to_others(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 10);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 100, "silent");
	assert_int_equal(shell.sent_count, 8);
	shell_job(&shell, 2, 0);
	shell_references(&shell, 2, 0, 5, "r");
	assert_int_equal(shell.sent_count, 10);
	assert_int_equal(shell.sent[8].job, 2);
	assert_int_equal(shell.sent[9].job, 2);
	shell_done(&shell, shell.sent[8].lease);
	assert_int_equal(shell.sent_count, 11);
	assert_int_equal(shell.sent[10].job, 2);
	core_free(shell.core);
}

static void drained_worker_ends_what_it_has(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 2);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 5, "r");
	shell_worker_event(&shell, CORE_WORKER_DRAIN, 1);
	assert_int_equal(shell.workers_drained, 0);
	shell_done(&shell, shell.sent[0].lease);
	shell_done(&shell, shell.sent[1].lease);
	assert_int_equal(shell.sent_count, 2);
	assert_int_equal(shell.workers_drained, 1);
	shell_worker(&shell, 2, 2);
	assert_int_equal(shell.sent_count, 4);
	core_free(shell.core);
}

static void draining_broker_ends_when_nothing_is_out(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 2);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, 5, "r");
	shell_worker_event(&shell, CORE_DRAIN, 0);
	shell_done(&shell, shell.sent[0].lease);
	assert_int_equal(shell.drained, 0);
	shell_done(&shell, shell.sent[1].lease);
	assert_int_equal(shell.drained, 1);
	assert_int_equal(shell.sent_count, 2);
	core_free(shell.core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bulk_gets_one_grant_in_sixteen_while_it_waits),
		cmocka_unit_test(jobs_of_a_class_take_turns),
		cmocka_unit_test(jobs_share_by_bytes),
		cmocka_unit_test(new_job_starts_at_the_present_time),
		cmocka_unit_test(what_a_blocked_job_was_not_given_is_not_saved_up),
		cmocka_unit_test(layer_of_two_jobs_goes_on_while_one_of_them_is_paused),
		cmocka_unit_test(paused_job_keeps_its_leases_and_gets_no_more),
		cmocka_unit_test(tasks_that_one_worker_may_not_do_hold_up_no_others),
		cmocka_unit_test(task_that_its_last_worker_left_behind_is_offered_again_and_ends),
		cmocka_unit_test(suspect_task_gets_a_worker_although_work_never_ends),
		cmocka_unit_test(worker_gets_what_its_hosts_and_its_set_allow),
		cmocka_unit_test(bulk_leaves_some_light_slots_to_others),
		cmocka_unit_test(drained_worker_ends_what_it_has),
		cmocka_unit_test(draining_broker_ends_when_nothing_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
