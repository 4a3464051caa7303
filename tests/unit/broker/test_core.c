/* The broker's core, rule by rule. */
#include "lib/check.h"

#include "lib/core_shell.h"

#include <stdlib.h>
#include <string.h>

static struct shell shell;

static void layer_of_many_images_is_leased_once(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	shell_worker(&shell, 2, 8);
	shell_job(&shell, 1, 1);
	for (uint64_t i = 0; i < 3; i++)
		shell_reference(&shell, 1, i, "r");
	shell_closed(&shell, 1);
	for (uint64_t i = 0; i < 3; i++)
		shell_image(&shell, 1, i, "ab", "r", "x");
	for (uint64_t i = 0; i < 3; i++)
		shell_done(&shell, shell.sent[i].lease);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	assert_int_equal(shell.jobs_done, 0);
	shell_done(&shell, shell_lease_of(&shell, 'b'));
	assert_int_equal(shell.images_done, 3);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.outcomes[0][0].status + shell.outcomes[1][0].status + shell.outcomes[2][0].status,
			 LAYER_SCANNED + 2 * LAYER_REUSED);
	core_free(shell.core);
}

static void known_layer_is_not_leased(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell.answer = CORE_CLAIM_KNOWN;
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_closed(&shell, 1);
	shell_image(&shell, 1, 0, "abc", "r", "x");
	shell_done(&shell, shell.sent[0].lease);
	assert_int_equal(shell.sent_count, 1);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.outcomes[0][2].status, LAYER_REUSED);
	core_free(shell.core);
}

static void busy_layer_is_asked_for_again_until_its_owner_ends(void **state)
{
	struct core_config config = {.busy_poll_ms = 100};

	(void)state;
	shell_open(&shell, &config);
	shell.answer = CORE_CLAIM_BUSY;
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_closed(&shell, 1);
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_done(&shell, shell.sent[0].lease);
	assert_int_equal(shell.claims, 1);
	shell_tick(&shell, 99);
	assert_int_equal(shell.claims, 1);
	shell_tick(&shell, 1);
	assert_int_equal(shell.claims, 2);
	shell.answer = CORE_CLAIM_GRANTED; /* the owner died */
	shell_tick(&shell, 200);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void jobs_that_end_in_one_step_are_all_forgotten(void **state)
{
	struct core_config    config = {0};
	struct core_job_stats stats;

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	for (uint64_t job = 1; job <= 2; job++) {
		shell_job(&shell, job, 1);
		shell_reference(&shell, job, 0, "r");
		shell_closed(&shell, job);
	}
	for (size_t i = 0; i < 2; i++) {
		shell_image(&shell, i + 1, 0, "a", "r", "x");
		shell_done(&shell, shell.sent[i].lease);
	}
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	assert_int_equal(shell.jobs_done, 2);
	shell_tick(&shell, 1);
	assert_false(core_job_stats(shell.core, 1, &stats));
	assert_false(core_job_stats(shell.core, 2, &stats));
	core_free(shell.core);
}

static void largest_layer_goes_first(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_image(&shell, 1, 0, "cab", "r", "x");
	shell_worker(&shell, 1, 1);
	for (const char *letter = "abc"; *letter; letter++) {
		assert_int_equal(shell.sent[shell.sent_count - 1].task_kind, CORE_LAYER);
		assert_int_equal(shell.sent[shell.sent_count - 1].key.digest.bytes[0], *letter);
		shell_done(&shell, shell.sent[shell.sent_count - 1].lease);
	}
	core_free(shell.core);
}

static void ad_hoc_overtakes_bulk_also_for_a_layer_that_bulk_has_queued(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_image(&shell, 1, 0, "abz", "r", "x");
	shell_job(&shell, 2, 0);
	shell_reference(&shell, 2, 0, "r");
	shell_image(&shell, 2, 0, "z", "r", "x");
	shell_worker(&shell, 1, 1);
	assert_int_equal(shell_lease_of(&shell, 'a'), 0);
	assert_int_not_equal(shell_lease_of(&shell, 'z'), 0);
	core_free(shell.core);
}

static void transient_failure_is_tried_again_later_and_counted(void **state)
{
	struct core_config config = {.attempts_max = 3, .backoff_ms = 1000};

	(void)state;
	shell_one_image(&shell, &config, "a");
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_TRANSIENT, ERR_NET);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	shell_tick(&shell, 1000);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.retries, 1);
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_TRANSIENT, ERR_NET);
	shell_tick(&shell, 2000);
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_TRANSIENT, ERR_NET);
	assert_int_equal(shell_sends_of(&shell, 'a'), 3);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	assert_string_equal(shell.reasons[0], "why");
	assert_int_equal(shell.failures, 1);
	assert_int_equal(shell.releases, 1);
	core_free(shell.core);
}

static void another_location_is_tried_before_a_layer_fails(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_reference(&shell, 1, 1, "s");
	shell_closed(&shell, 1);
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_image(&shell, 1, 1, "a", "s", "y");
	shell_done(&shell, shell.sent[0].lease);
	shell_done(&shell, shell.sent[1].lease);
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_PERMANENT, ERR_DIGEST);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_slice_equal(shell.sent[shell.sent_count - 1].image->location, "s/y");
	shell_done(&shell, shell_lease_of(&shell, 'a'));
	assert_int_equal(shell.images_done, 2);
	assert_int_not_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	core_free(shell.core);
}

static void not_here_goes_to_another_worker_and_fails_when_there_is_none(void **state)
{
	struct core_config config = {0};
	struct core_event  event = {
		 .kind = CORE_TASK_FAILED, .fail_class = CORE_NOT_HERE, .code = ERR_AUTH, .text = SLICE_LIT("401")};

	(void)state;
	shell_one_image(&shell, &config, "a");
	shell_worker(&shell, 2, 8);
	event.lease = shell_lease_of(&shell, 'a');
	shell_feed(&shell, &event);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.sent[shell.sent_count - 1].worker, 2);
	event.lease = shell_lease_of(&shell, 'a');
	shell_feed(&shell, &event);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void poison_is_tried_once_more_alone(void **state)
{
	struct core_config config = {.backoff_ms = 10};

	(void)state;
	shell_one_image(&shell, &config, "ab");
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_POISON, ERR_MEM);
	shell_tick(&shell, 100);
	assert_int_equal(shell_sends_of(&shell, 'a'), 1); /* b is still running */
	shell_done(&shell, shell_lease_of(&shell, 'b'));
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_POISON, ERR_MEM);
	assert_int_equal(shell.outcomes[0][0].status, LAYER_FAILED);
	assert_int_equal(shell.jobs_done, 1);
	core_free(shell.core);
}

static void silent_worker_loses_its_leases_to_others(void **state)
{
	struct core_config     config = {.silence_ms = 5000};
	struct core_event      heard = {.kind = CORE_WORKER_HEARD, .worker = 2};
	struct core_lease_info info;
	uint64_t               lease;

	(void)state;
	shell_one_image(&shell, &config, "a");
	lease = shell_lease_of(&shell, 'a');
	shell.now += 3000;
	shell_worker(&shell, 2, 8);
	shell_feed(&shell, &heard);
	shell_tick(&shell, 2000);
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	assert_int_equal(shell.retries, 1);
	assert_true(core_lease_info(shell.core, lease, &info));
	assert_false(info.current);
	shell_done(&shell, lease); /* late, but first */
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.drops, 1); /* the second lease is told to stop */
	assert_false(core_lease_info(shell.core, lease, &info));
	core_free(shell.core);
}

static void rate_limit_pauses_the_host_only(void **state)
{
	struct core_config config = {.silence_ms = 100000};
	struct core_event  event = {.kind = CORE_TASK_FAILED,
				    .fail_class = CORE_TRANSIENT,
				    .code = ERR_RATE,
				    .retry_after_ms = 30000,
				    .text = SLICE_LIT("429")};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_reference(&shell, 1, 1, "r");
	shell_reference(&shell, 1, 2, "s");
	event.lease = shell.sent[0].lease;
	shell_feed(&shell, &event);
	assert_int_equal(shell.sent[shell.sent_count - 1].reference, 2); /* not number 1, which is of the same host */
	shell_done(&shell, shell.sent[shell.sent_count - 1].lease);
	assert_int_equal(shell.sent_count, 2);
	shell_tick(&shell, 30000);
	assert_int_equal(shell.sent_count, 3);
	core_free(shell.core);
}

/* Two registries fail a shared layer, each for its own reason: each image hears that of its own registry. */
static void an_image_hears_why_its_own_place_failed(void **state)
{
	struct core_config config = {0};
	struct core_event  failed = {.kind = CORE_TASK_FAILED, .fail_class = CORE_PERMANENT};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 2);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_reference(&shell, 1, 1, "s");
	shell_closed(&shell, 1);
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_image(&shell, 1, 1, "a", "s", "x");
	shell_done(&shell, shell.sent[0].lease);
	shell_done(&shell, shell.sent[1].lease);
	for (size_t i = 2; i < 4; i++) {
		failed.lease = shell.sent[i].lease;
		failed.code = i == 2 ? ERR_NOT_FOUND : ERR_DIGEST;
		failed.text = i == 2 ? SLICE_LIT("r has none") : SLICE_LIT("s gives garbage");
		shell_feed(&shell, &failed);
	}
	assert_int_equal(shell.jobs_done, 1);
	assert_string_equal(shell.reasons[0], "r has none");
	assert_string_equal(shell.reasons[1], "s gives garbage");
	core_free(shell.core);
}

/* A suspended computer: the host was asked twice, not for seven hours. */
static void jump_of_the_clock_gives_no_host_up(void **state)
{
	struct core_config config = {.silence_ms = 100000000};
	struct core_event  event = {.kind = CORE_TASK_FAILED,
				    .fail_class = CORE_TRANSIENT,
				    .code = ERR_RATE,
				    .retry_after_ms = 1000,
				    .text = SLICE_LIT("429")};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	event.lease = shell.sent[0].lease;
	shell_feed(&shell, &event);
	shell_tick(&shell, 7ull * 3600 * 1000);
	assert_int_equal(shell.sent_count, 2);
	event.lease = shell.sent[1].lease;
	shell_feed(&shell, &event);
	assert_int_equal(shell.references_failed, 0);
	shell_tick(&shell, 1000);
	assert_int_equal(shell.sent_count, 3);
	core_free(shell.core);
}

static void cancelled_job_ends_and_gives_its_claims_back(void **state)
{
	struct core_config config = {0};
	struct core_event  cancel = {.kind = CORE_JOB_CANCEL, .job = 1};

	(void)state;
	shell_one_image(&shell, &config, "ab");
	shell_feed(&shell, &cancel);
	assert_int_equal(shell.jobs_done, 1);
	assert_int_equal(shell.releases, 2);
	assert_int_equal(shell.drops, 2);
	core_free(shell.core);
}

static void failed_layer_is_tried_again_by_a_new_job(void **state)
{
	struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_failed(&shell, shell_lease_of(&shell, 'a'), CORE_PERMANENT, ERR_FORMAT);
	shell_reference(&shell, 1, 1, "r");
	shell_image(&shell, 1, 1, "a", "r", "x"); /* the same job, the same place: not again */
	assert_int_equal(shell_sends_of(&shell, 'a'), 1);
	assert_int_equal(shell.images_done, 2);
	shell_job(&shell, 2, 1);
	shell_reference(&shell, 2, 0, "r");
	shell_image(&shell, 2, 0, "a", "r", "x");
	assert_int_equal(shell_sends_of(&shell, 'a'), 2);
	core_free(shell.core);
}

static void waiting_for_nobody_is_told(void **state)
{
	struct core_config config = {0};
	struct arena       arena;
	struct slice       notices[4];

	(void)state;
	shell_open(&shell, &config);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "registry.example");
	arena_init(&arena, 1 << 16);
	assert_int_equal(core_notices(shell.core, &arena, notices, 4), 1);
	assert_slice_equal(notices[0], "no worker for registry.example: 1 task waits");
	shell_worker(&shell, 1, 1);
	assert_int_equal(core_notices(shell.core, &arena, notices, 4), 0);
	arena_deinit(&arena);
	core_free(shell.core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layer_of_many_images_is_leased_once),
		cmocka_unit_test(known_layer_is_not_leased),
		cmocka_unit_test(busy_layer_is_asked_for_again_until_its_owner_ends),
		cmocka_unit_test(jobs_that_end_in_one_step_are_all_forgotten),
		cmocka_unit_test(largest_layer_goes_first),
		cmocka_unit_test(ad_hoc_overtakes_bulk_also_for_a_layer_that_bulk_has_queued),
		cmocka_unit_test(transient_failure_is_tried_again_later_and_counted),
		cmocka_unit_test(another_location_is_tried_before_a_layer_fails),
		cmocka_unit_test(not_here_goes_to_another_worker_and_fails_when_there_is_none),
		cmocka_unit_test(poison_is_tried_once_more_alone),
		cmocka_unit_test(silent_worker_loses_its_leases_to_others),
		cmocka_unit_test(rate_limit_pauses_the_host_only),
		cmocka_unit_test(an_image_hears_why_its_own_place_failed),
		cmocka_unit_test(jump_of_the_clock_gives_no_host_up),
		cmocka_unit_test(cancelled_job_ends_and_gives_its_claims_back),
		cmocka_unit_test(failed_layer_is_tried_again_by_a_new_job),
		cmocka_unit_test(waiting_for_nobody_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
