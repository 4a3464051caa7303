/* The broker's core: budgets of registries, and registries that fail. */
#include "lib/check.h"

#include "lib/core_shell.h"

static struct shell shell;

static void fail_with(uint64_t lease, int code, uint64_t retry_after_ms)
{
	const struct core_event event = {.kind = CORE_TASK_FAILED,
					 .lease = lease,
					 .fail_class = CORE_TRANSIENT,
					 .code = code,
					 .retry_after_ms = retry_after_ms,
					 .text = SLICE_LIT("why")};

	shell_feed(&shell, &event);
}

static void open_with(const struct core_config *config, uint32_t slots, size_t references)
{
	shell_open(&shell, config);
	shell_worker(&shell, 1, slots);
	shell_job(&shell, 1, 1);
	shell_references(&shell, 1, 0, references, "r");
}

static void host_has_so_many_leases_at_once_over_all_workers(void **state)
{
	struct core_config config = {.host_leases_max = 3};

	(void)state;
	open_with(&config, 2, 10);
	shell_worker(&shell, 2, 4);
	assert_int_equal(shell.sent_count, 3);
	shell_references(&shell, 1, 10, 1, "s");
	assert_int_equal(shell.sent_count, 4);
	shell_done(&shell, shell.sent[0].lease);
	assert_int_equal(shell.sent_count, 5);
	core_free(shell.core);
}

/* Layers of about 900 bytes at 1000 a second. */
static void host_gives_so_many_bytes_a_second(void **state)
{
	struct core_config config = {.host_bytes_per_s = 1000, .silence_ms = 1000000};

	(void)state;
	shell_one_image(&shell, &config, "abcd");
	assert_int_equal(shell.sent_count, 1 + 2); /* the second one may begin: something is left of the first second */
	shell_tick(&shell, 100);
	assert_int_equal(shell.sent_count, 1 + 2);
	shell_tick(&shell, 900);
	assert_int_equal(shell.sent_count, 1 + 3);
	assert_in_range(core_next_wake(shell.core), shell.now + 1, shell.now + 1000);
	shell_tick(&shell, core_next_wake(shell.core) - shell.now);
	assert_int_equal(shell.sent_count, 1 + 4);
	core_free(shell.core);
}

static void bytes_that_were_not_fetched_are_paid_back(void **state)
{
	struct core_config config = {.host_bytes_per_s = 1000};

	(void)state;
	shell_one_image(&shell, &config, "abcd");
	assert_int_equal(shell.sent_count, 1 + 2);
	shell_done(&shell, shell_lease_of(&shell, 'a')); /* its size was a lie: nothing came */
	shell_done(&shell, shell_lease_of(&shell, 'b'));
	assert_int_equal(shell.sent_count, 1 + 4);
	core_free(shell.core);
}

static void host_that_says_429_is_asked_by_one_until_it_answers_and_no_attempt_is_used(void **state)
{
	struct core_config config = {.attempts_max = 2, .silence_ms = 100000000};

	(void)state;
	open_with(&config, 4, 10);
	for (size_t i = 0; i < 4; i++)
		fail_with(shell.sent[i].lease, ERR_RATE, 10000);
	for (size_t round = 0; round < 5; round++) {
		assert_int_equal(shell.sent_count, 4 + round);
		shell_tick(&shell, 10000);
		assert_int_equal(shell.sent_count, 4 + round + 1);
		assert_int_equal(shell.sent[shell.sent_count - 1].attempt, 0);
		if (round < 4)
			fail_with(shell.sent[shell.sent_count - 1].lease, ERR_RATE, 10000);
	}
	shell_done(&shell, shell.sent[shell.sent_count - 1].lease);
	assert_int_equal(shell.sent_count, 4 + 5 + 4);
	assert_int_equal(shell.references_failed, 0);
	core_free(shell.core);
}

static void host_that_cannot_be_connected_to_is_left_alone_longer_and_longer(void **state)
{
	struct core_config config = {.backoff_ms = 1000, .backoff_max_ms = 64000, .silence_ms = 100000000};
	size_t             sent;

	(void)state;
	open_with(&config, 1, 100);
	for (size_t i = 0; i < 8; i++)
		fail_with(shell.sent[i].lease, ERR_NET, 0);
	assert_int_equal(shell.sent_count, 8);
	shell_references(&shell, 1, 100, 1, "s"); /* others are not held up */
	assert_int_equal(shell.sent_count, 9);
	shell_done(&shell, shell.sent[8].lease);
	for (uint64_t wait = 500; wait <= 16000; wait *= 2) { /* at least half of 1, 2, 4 … seconds */
		sent = shell.sent_count;
		shell_tick(&shell, wait - 1);
		assert_int_equal(shell.sent_count, sent);
		shell_tick(&shell, wait + 1);
		assert_int_equal(shell.sent_count, sent + 1);
		fail_with(shell.sent[sent].lease, ERR_NET, 0);
	}
	core_free(shell.core);
}

static void dead_host_is_given_up_with_a_reason_and_tried_now_and_then(void **state)
{
	struct core_config config = {.backoff_ms = 1000,
				     .backoff_max_ms = 10000,
				     .silence_ms = 100000000,
				     .host_dead_ms = 120000,
				     .attempts_max = 1000};
	size_t             sent;

	(void)state;
	open_with(&config, 1, 600);
	for (size_t rounds = 0; shell.references_failed < 500 && rounds < 10000; rounds++) {
		sent = shell.sent_count;
		fail_with(shell.sent[sent - 1].lease, ERR_NET, 0);
		if (shell.sent_count == sent)
			shell_tick(&shell, 1000);
	}
	assert_true(shell.now < 1000 + 2 * 120000);
	assert_in_range(shell.references_failed, 500, 600);
	while (shell.references_failed + shell.references_done < 600 && shell.now < 10000000)
		shell_tick(&shell, 1000);
	shell_references(&shell, 1, 600, 10, "r"); /* later ones of it fail as well, except the one that tries */
	for (size_t i = 0; i < 20; i++)
		shell_tick(&shell, 1000);
	sent = shell.sent_count;
	shell_done(&shell, shell.sent[sent - 1].lease); /* it is back */
	shell_references(&shell, 1, 610, 2, "r");
	assert_int_equal(shell.sent_count, sent + 1);
	core_free(shell.core);
}

static void layer_of_a_dead_host_is_read_elsewhere(void **state)
{
	struct core_config config = {.backoff_ms = 1000,
				     .backoff_max_ms = 10000,
				     .silence_ms = 100000000,
				     .host_dead_ms = 60000,
				     .attempts_max = 1000};

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 1);
	shell_job(&shell, 1, 1);
	shell_reference(&shell, 1, 0, "r");
	shell_reference(&shell, 1, 1, "s");
	shell_image(&shell, 1, 0, "a", "r", "x");
	shell_image(&shell, 1, 1, "a", "s", "x");
	for (size_t rounds = 0; rounds < 1000; rounds++) {
		const struct core_action *last = &shell.sent[shell.sent_count - 1];

		if (last->task_kind == CORE_LAYER && last->image->host.ptr[0] == 's')
			break;
		if (last->task_kind == CORE_LAYER)
			fail_with(last->lease, ERR_NET, 0);
		shell_tick(&shell, 1000);
	}
	assert_slice_equal(shell.sent[shell.sent_count - 1].image->location, "s/x");
	assert_int_equal(shell.retried[CORE_RETRY_OTHER_PLACE], 1);
	core_free(shell.core);
}

static void note_host(void *data, const struct core_host_info *host)
{
	struct core_host_info *out = data;

	if (slice_eq_str(host->name, "r"))
		*out = *host;
}

static void host_says_how_it_is(void **state)
{
	struct core_config    config = {0};
	struct core_host_info host = {0};

	(void)state;
	open_with(&config, 2, 10);
	fail_with(shell.sent[0].lease, ERR_RATE, 5000);
	core_hosts_each(shell.core, note_host, &host);
	assert_int_equal(host.ready, 9);
	assert_int_equal(host.active, 1);
	assert_int_equal(host.blocked_ms, 5000);
	assert_int_equal(host.rate_limited, 1);
	assert_int_equal(host.workers, 1);
	core_free(shell.core);
}

static uint64_t hosts_known(void)
{
	struct core_gauges gauges;

	core_gauges(shell.core, &gauges);
	return gauges.hosts;
}

static void hosts_that_nobody_names_any_more_are_forgotten(void **state)
{
	const struct core_config config = {0};
	char                     host[32];

	(void)state;
	shell_open(&shell, &config);
	shell_worker(&shell, 1, 8);
	for (uint64_t i = 0; i < 3000; i++) {
		snprintf(host, sizeof(host), "host-%llu", (unsigned long long)i);
		shell_job(&shell, 1 + i, 1);
		shell_reference(&shell, 1 + i, 0, host);
		shell_closed(&shell, 1 + i);
		shell_image(&shell, 1 + i, 0, "a", host, "x");
		shell_done(&shell, shell.sent[0].lease);
		shell_done(&shell, shell.sent[1].lease);
		if (i % 10 == 0)
			shell_worker_for(&shell, 2, 8, host);
		shell.sent_count = shell.images_done = shell.stored_count = 0;
	}
	assert_int_equal(shell.jobs_done, 3000);
	assert_true(hosts_known() < 300);
	core_free(shell.core);
}

/* core_check() finds what stays behind. */
static void analyzer_sets_of_workers_that_have_gone_are_forgotten(void **state)
{
	const struct core_config config = {0};

	(void)state;
	shell_open(&shell, &config);
	for (uint64_t set = 1; set <= 20; set++) {
		const struct core_event hello = {
			.kind = CORE_WORKER_HELLO, .worker = set, .set = set, .layer_slots = 1, .light_slots = 1};
		const struct core_event gone = {.kind = CORE_WORKER_GONE, .worker = set, .orderly = true};

		shell_feed(&shell, &hello);
		shell_feed(&shell, &gone);
	}
	core_free(shell.core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_has_so_many_leases_at_once_over_all_workers),
		cmocka_unit_test(host_gives_so_many_bytes_a_second),
		cmocka_unit_test(bytes_that_were_not_fetched_are_paid_back),
		cmocka_unit_test(host_that_says_429_is_asked_by_one_until_it_answers_and_no_attempt_is_used),
		cmocka_unit_test(host_that_cannot_be_connected_to_is_left_alone_longer_and_longer),
		cmocka_unit_test(dead_host_is_given_up_with_a_reason_and_tried_now_and_then),
		cmocka_unit_test(layer_of_a_dead_host_is_read_elsewhere),
		cmocka_unit_test(host_says_how_it_is),
		cmocka_unit_test(hosts_that_nobody_names_any_more_are_forgotten),
		cmocka_unit_test(analyzer_sets_of_workers_that_have_gone_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
