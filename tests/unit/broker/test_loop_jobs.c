/* Jobs and the broker's shell: paused, repeated, done again for what failed, listed by what failed, and long ones. */
#include "lib/check.h"
#include "lib/loop_driver.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static struct slice two[] = {SLICE_LIT("docker://r.example/ab:1"), SLICE_LIT("docker://r.example/bc:1")};

static uint64_t submit_token(struct peer *client, const char *token, struct slice *references, size_t count)
{
	struct wire_submit m = {.flags = 0};

	memcpy(m.token, token, strlen(token));
	return submit_as(client, &m, references, count);
}

/* --- pause --- */

static void paused_job_gets_no_leases_until_it_goes_on(void **state)
{
	struct broker *broker = *state;
	struct peer   *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t       job = submit(client, two, 2);

	ask_number(client, WIRE_PAUSE, job);
	greet(worker);
	assert_int_equal(work(worker, 100), 0);
	assert_true(job_status(client, job).paused);
	ask_number(client, WIRE_RESUME, job);
	work(worker, 100);
	assert_false(job_status(client, job).paused);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
}

static void job_that_is_not_here_can_be_neither_paused_nor_cancelled(void **state)
{
	static const enum wire_type types[] = {WIRE_PAUSE, WIRE_RESUME, WIRE_CANCEL};
	struct peer                *client = peer_open(*state);

	for (size_t i = 0; i < 3; i++) {
		struct wire_error error;

		wire_put_number(&client->out, types[i], 1, 77);
		say(client);
		assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
		assert_int_equal(error.code, ERR_NOT_FOUND);
	}
}

/* --- lists that break off --- */

static void list_that_nobody_continues_ends_with_what_it_has(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_submit m = {.token = "breaks off"};
	uint64_t           job = submit_as(client, &m, NULL, 0);

	send_references(client, job, 0, false, two, 2);
	greet(worker);
	work(worker, 100);
	assert_int_equal(job_status(client, job).state, JOB_RUNNING);
	assert_true(job_status(client, job).growing);
	broker_halt(broker);
	broker->loop->config.list_idle_ms = 1;
	broker_go(broker);
	settle(client);
	settle(client);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	assert_int_equal(job_status(client, job).images_done, 2);
}

static void an_order_for_a_job_that_has_ended_says_so(void **state)
{
	struct peer      *client = peer_open(*state), *worker = peer_open(*state);
	uint64_t          job = submit(client, two, 2);
	struct wire_error error;

	greet(worker);
	work(worker, 100);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	wire_put_number(&client->out, WIRE_CANCEL, 1, job);
	say(client);
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	assert_true(slice_eq_str(error.text, "job 1 has ended"));
}

static void a_schedule_has_no_failures_its_jobs_have(void **state)
{
	struct peer       *client = peer_open(*state);
	struct wire_submit schedule = {.token = "schedule", .every = SLICE_LIT("24h")};
	struct wire_submit again = {.token = "again", .platform = SLICE_LIT("linux/amd64")};
	struct wire_error  error;

	again.retry_of = submit_as(client, &schedule, two, 2);
	wire_put_submit(&client->out, 1, &again);
	say(client);
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	assert_int_equal(error.code, ERR_USAGE);
}

/* --- a token names one list --- */

static int say_references(struct peer *client, uint64_t job, uint32_t number, bool last, struct slice *references,
			  size_t count)
{
	struct wire_references list = {.job = job, .number = number, .last = last, .references = {references, count}};
	struct wire_error      error;

	wire_put_references(&client->out, 2, &list);
	say(client);
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	return error.code;
}

/* Else what is new in it would be taken for done, and never be looked at. */
static void another_list_under_a_token_is_refused(void **state)
{
	struct peer *client = peer_open(*state), *worker = peer_open(*state);
	struct slice three[] = {two[0], two[1], SLICE_LIT("docker://r.example/cd:1")};
	uint64_t     job = submit_token(client, "list", two, 2);

	for (int ended = 0; ended < 2; ended++) {
		send_references(client, job, 0, true, two, 2);
		assert_int_equal(say_references(client, job, 0, true, three, 3), ERR_USAGE);
		assert_int_equal(say_references(client, job, 0, false, two, 2), ERR_USAGE);
		assert_int_equal(say_references(client, job, 1, true, three, 3), ERR_USAGE);
		assert_int_equal(say_references(client, job, 0, true, three + 2, 1), ERR_USAGE);
		if (!ended)
			greet(worker);
		work(worker, 100);
		assert_int_equal(job_status(client, job).state, JOB_DONE);
		assert_int_equal(job_status(client, job).images_total, 2);
	}
}

/* --- schedules --- */

static uint64_t submit_schedule(struct peer *client, const char *every)
{
	struct wire_submit m = {.token = "schedule", .every = slice_str(every), .label = SLICE_LIT("nightly")};

	return submit_as(client, &m, two, 2);
}

static void make_due(struct broker *broker, uint64_t schedule)
{
	broker_halt(broker);
	loop_job_find(broker->loop, schedule)->record.next_ms = 1;
	loop_job_find(broker->loop, schedule)->changed = true;
	broker_go(broker);
}

static void schedule_opens_a_job_when_it_is_due_and_skips_while_that_runs(void **state)
{
	struct broker         *broker = *state;
	struct peer           *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t               schedule = submit_schedule(client, "24h");
	struct wire_job_status status = job_status(client, schedule);

	greet(worker);
	assert_int_equal(work(worker, 100), 0); /* stored, not run */
	assert_int_equal(status.state, JOB_SCHEDULED);
	assert_slice_equal(status.every, "24h");
	assert_true(status.next_ms > clock_unix_ms());
	make_due(broker, schedule);
	settle(client);
	status = job_status(client, schedule + 1);
	assert_int_equal(status.state, JOB_RUNNING);
	assert_int_equal(status.schedule, schedule);
	assert_slice_equal(status.label, "nightly");
	make_due(broker, schedule);
	settle(client);
	assert_int_equal(fleet_counter(client, "schedule_runs"), 1);
	assert_int_equal(fleet_counter(client, "schedule_skipped"), 1);
	assert_int_equal(work(worker, 100), 5);
	status = job_status(client, schedule + 1);
	assert_int_equal(status.state, JOB_DONE);
	assert_int_equal(status.images_total, 2);
	assert_true(job_status(client, schedule).next_ms > clock_unix_ms());
}

/* The second run knows what the first one found: a worker asks only whether it still is that; no layer is read again. */
static void later_run_reads_only_what_is_new(void **state)
{
	struct broker   *broker = *state;
	struct peer     *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t         schedule = submit_schedule(client, "0 3 * * *");
	struct peer_task task;

	greet(worker);
	make_due(broker, schedule);
	settle(client);
	work(worker, 100);
	make_due(broker, schedule);
	settle(client);
	task = next_task(worker);
	assert_int_equal(task.known, 1);
	answer_task(worker, &task);
	assert_int_equal(work(worker, 100), 1);
	assert_int_equal(job_status(client, schedule + 2).state, JOB_DONE);
	assert_int_equal(job_status(client, schedule + 2).layers_reused, 3);
	assert_int_equal(fleet_counter(client, "started"), 3);
}

static void run_that_was_missed_while_nobody_was_there_comes_once(void **state)
{
	struct broker   *broker = *state;
	struct peer     *client = peer_open(broker);
	uint64_t         schedule = submit_schedule(client, "1m");
	struct loop_job *job;

	broker_halt(broker);
	job = loop_job_find(broker->loop, schedule);
	job->record.next_ms = clock_unix_ms() - 600000; /* ten times */
	assert_int_equal(catalog_begin(broker->catalog, NULL), 0);
	assert_int_equal(catalog_job_put(broker->catalog, &job->record, NULL), 0);
	assert_int_equal(catalog_commit(broker->catalog, NULL), 0);
	broker_restart(broker);
	client = peer_open(broker);
	settle(client);
	settle(client);
	assert_int_equal(fleet_counter(client, "schedule_runs"), 1);
	assert_int_equal(fleet_counter(client, "schedule_skipped"), 0);
	assert_int_equal(job_status(client, schedule + 1).schedule, schedule);
	assert_true(job_status(client, schedule).next_ms > clock_unix_ms());
}

/* A run is a job like any other: it is filled from where it was when the broker starts again. */
static void run_goes_on_after_a_restart_and_the_schedule_stays(void **state)
{
	struct broker *broker = *state;
	struct peer   *client = peer_open(broker), *worker;
	uint64_t       schedule = submit_schedule(client, "24h");

	make_due(broker, schedule);
	settle(client);
	broker_restart(broker);
	client = peer_open(broker);
	worker = peer_open(broker);
	greet(worker);
	settle(client);
	work(worker, 100);
	assert_int_equal(job_status(client, schedule + 1).state, JOB_DONE);
	assert_int_equal(job_status(client, schedule).state, JOB_SCHEDULED);
}

static void schedule_that_is_paused_is_not_due_and_a_cancelled_one_never(void **state)
{
	struct broker *broker = *state;
	struct peer   *client = peer_open(broker);
	uint64_t       schedule = submit_schedule(client, "24h");

	ask_number(client, WIRE_PAUSE, schedule);
	make_due(broker, schedule);
	settle(client);
	settle(client);
	assert_int_equal(fleet_counter(client, "schedule_runs"), 0);
	ask_number(client, WIRE_RESUME, schedule); /* what was missed meanwhile is not made up for */
	settle(client);
	assert_int_equal(fleet_counter(client, "schedule_runs"), 0);
	assert_true(job_status(client, schedule).next_ms > clock_unix_ms());
	ask_number(client, WIRE_CANCEL, schedule);
	assert_int_equal(job_status(client, schedule).state, JOB_CANCELLED);
	broker_restart(broker);
	client = peer_open(broker);
	settle(client);
	assert_int_equal(job_status(client, schedule).state, JOB_CANCELLED);
	assert_int_equal(fleet_counter(client, "schedule_runs"), 0);
}

static void schedule_that_would_never_run_is_refused(void **state)
{
	struct peer       *client = peer_open(*state);
	struct wire_submit m = {.platform = SLICE_LIT("linux/amd64"), .every = SLICE_LIT("0 0 30 2 *")};
	struct wire_error  error;

	wire_put_submit(&client->out, 1, &m);
	say(client);
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	assert_int_equal(error.code, ERR_USAGE);
	assert_int_not_equal(slice_find_str(error.text, "never"), SIZE_MAX);
}

/* --- what failed --- */

/* Four images, of which the second and the fourth fail. */
static uint64_t half_failed_job(struct peer *client, struct peer *worker)
{
	static struct slice four[] = {SLICE_LIT("docker://r.example/a:1"), SLICE_LIT("docker://r.example/b:2"),
				      SLICE_LIT("docker://r.example/c:3"), SLICE_LIT("docker://r.example/d:4")};
	uint64_t            job = submit_token(client, "failing", four, 4);

	greet(worker);
	for (int i = 0; i < 4; i++) {
		struct peer_task task = next_task(worker);

		if (strchr("24", task.reference[strlen(task.reference) - 1]))
			fail_task(worker, task.lease);
		else
			answer_task(worker, &task);
	}
	settle(worker);
	work(worker, 10);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	return job;
}

static void job_done_again_has_exactly_what_failed(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_submit m = {.token = "again", .retry_of = half_failed_job(client, worker)};
	uint64_t           job = submit_as(client, &m, NULL, 0);

	settle(client);
	assert_int_equal(work(worker, 100), 4);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	assert_int_equal(job_status(client, job).images_total, 2);
	assert_int_equal(job_status(client, job).images_failed, 0);
}

static void job_without_failures_done_again_is_empty_and_ends(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_submit m = {.token = "again"};
	uint64_t           job = submit(client, two, 2);

	greet(worker);
	work(worker, 100);
	m.retry_of = job;
	job = submit_as(client, &m, NULL, 0);
	settle(client);
	settle(client);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	assert_int_equal(job_status(client, job).images_total, 0);
}

static void results_of_failed_images_keep_their_numbers(struct broker *broker, bool indexed)
{
	struct peer            *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_results     ask = {.credit = 10, .only_failed = true};
	struct wire_result_part part;
	struct job_record       record;
	uint64_t                numbers[2], images;
	struct arena            arena;

	ask.job = half_failed_job(client, worker);
	broker_halt(broker);
	arena_init(&arena, 1 << 20);
	assert_int_equal(catalog_job_get(broker->catalog, ask.job, &arena, &record, NULL), 0);
	record.failed_indexed = indexed; /* not: as one of format 2 */
	assert_int_equal(catalog_begin(broker->catalog, NULL), 0);
	assert_int_equal(catalog_job_put(broker->catalog, &record, NULL), 0);
	assert_int_equal(catalog_commit(broker->catalog, NULL), 0);
	arena_deinit(&arena);
	broker_go(broker);
	wire_put_results(&client->out, 5, &ask);
	say(client);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wire_get_result_part(hear(client, WIRE_RESULT_PART), &part, NULL), 0);
		numbers[i] = part.image;
	}
	assert_int_equal(wire_get_number(hear(client, WIRE_RESULTS_END), &images, NULL), 0);
	assert_int_equal(client->seen[WIRE_RESULT_PART], 2);
	assert_int_equal(images, 4);
	assert_int_equal(numbers[0], 0); /* in order of finishing: those that failed were the first */
	assert_int_equal(numbers[1], 1);
}

static void results_can_be_only_those_that_failed(void **state)
{
	results_of_failed_images_keep_their_numbers(*state, true);
}

static void results_of_an_old_job_can_be_only_those_that_failed(void **state)
{
	results_of_failed_images_keep_their_numbers(*state, false);
}

/* --- readers --- */

static void reader_that_takes_nothing_keeps_nobody_else_waiting(void **state)
{
	struct broker          *broker = *state;
	struct peer            *client = peer_open(broker), *worker = peer_open(broker), *slow = peer_open(broker);
	struct wire_results     ask = {.credit = 1};
	struct wire_result_part part;
	uint64_t                images;

	broker_halt(broker);
	broker->loop->feed_bytes = LOOP_FEED_BYTES_MAX; /* as if many held theirs */
	broker_go(broker);
	ask.job = half_failed_job(client, worker);
	for (int i = 0; i < LOOP_FEEDS_OF_PEER_MAX; i++) {
		wire_put_results(&slow->out, 5, &ask);
		say(slow);
	}
	settle(slow);
	ask.credit = 10;
	wire_put_results(&client->out, 6, &ask);
	say(client);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(wire_get_result_part(hear(client, WIRE_RESULT_PART), &part, NULL), 0);
		assert_int_equal(part.image, i);
	}
	assert_int_equal(wire_get_number(hear(client, WIRE_RESULTS_END), &images, NULL), 0);
	broker_halt(broker);
	broker->loop->feed_bytes -= LOOP_FEED_BYTES_MAX;
}

/* --- long ones --- */

/* More references than the core keeps in memory at once. */
static void long_list_is_kept_in_the_store_not_in_memory(void **state)
{
	enum { BATCH = 2000, BATCHES = 6 };
	static char         texts[BATCH][40];
	static struct slice list[BATCH];
	struct broker      *broker = *state;
	struct peer        *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_submit  m = {.token = "long"};
	uint64_t            job = submit_as(client, &m, NULL, 0);
	struct core_gauges  gauges;

	greet(worker); /* so that all of them could run */

	for (uint32_t batch = 0; batch < BATCHES; batch++) {
		for (unsigned i = 0; i < BATCH; i++) {
			snprintf(texts[i], sizeof(texts[i]), "docker://r.example/a:%u", batch * BATCH + i);
			list[i] = slice_str(texts[i]);
		}
		send_references(client, job, batch, batch + 1 == BATCHES, list, BATCH);
	}
	assert_int_equal(job_status(client, job).images_total, BATCH * BATCHES);
	broker_halt(broker);
	core_gauges(broker->loop->core, &gauges);
	assert_true(gauges.references >= CORE_WINDOW_RUNNABLE / 2);
	assert_true(gauges.references < CORE_WINDOW_RUNNABLE + CORE_FETCH_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(list_that_nobody_continues_ends_with_what_it_has, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(paused_job_gets_no_leases_until_it_goes_on, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(job_that_is_not_here_can_be_neither_paused_nor_cancelled, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(an_order_for_a_job_that_has_ended_says_so, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(a_schedule_has_no_failures_its_jobs_have, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(another_list_under_a_token_is_refused, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(schedule_opens_a_job_when_it_is_due_and_skips_while_that_runs,
						broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(later_run_reads_only_what_is_new, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(run_that_was_missed_while_nobody_was_there_comes_once, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(run_goes_on_after_a_restart_and_the_schedule_stays, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(schedule_that_is_paused_is_not_due_and_a_cancelled_one_never,
						broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(schedule_that_would_never_run_is_refused, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(job_done_again_has_exactly_what_failed, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(job_without_failures_done_again_is_empty_and_ends, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(results_can_be_only_those_that_failed, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(results_of_an_old_job_can_be_only_those_that_failed, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(reader_that_takes_nothing_keeps_nobody_else_waiting, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(long_list_is_kept_in_the_store_not_in_memory, broker_set_up,
						broker_tear_down),
	};

	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
