/* Workers and the broker's shell: those that come back, drain, hold nothing, cost others, or send more than there is room for. */
#include "lib/check.h"
#include "lib/loop_driver.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static struct slice one[] = {SLICE_LIT("docker://r.example/abcd:1")};

/* --- back over another connection --- */

static struct peer *reconnect(struct broker *broker, struct peer *peer)
{
	peer_close(peer);
	return peer_open(broker);
}

static void worker_that_comes_back_keeps_what_it_holds_and_gets_what_was_lost(void **state)
{
	struct broker   *broker = *state;
	struct peer     *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t         job = submit(client, one, 1), number = greet_as(worker, 7, NULL, 0), held[2];
	struct peer_task tasks[4], again;

	again = next_task(worker);
	answer_task(worker, &again);
	for (size_t i = 0; i < 4; i++)
		tasks[i] = next_task(worker);
	held[0] = tasks[0].lease;
	held[1] = tasks[2].lease;
	worker = reconnect(broker, worker);
	assert_int_equal(greet_as(worker, 7, held, 2), number);
	settle(worker);
	assert_int_equal(worker->seen[WIRE_TASK], 2); /* the two that it does not hold */
	answer_task(worker, &tasks[0]);
	answer_task(worker, &tasks[2]);
	work(worker, 10);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	assert_int_equal(job_status(client, job).layers_failed, 0);
	assert_int_equal(fleet_counter(client, "retried_worker_lost"), 0);
	assert_int_equal(fleet_counter(client, "started"), 6); /* two were sent twice */
}

static void lease_that_the_broker_does_not_know_is_dropped(void **state)
{
	struct broker *broker = *state;
	struct peer   *worker = peer_open(broker);
	uint64_t       unknown[] = {12345}, dropped;

	greet_as(worker, 7, unknown, 1); /* of a broker that has died */
	assert_int_equal(wire_get_number(hear(worker, WIRE_DROP), &dropped, NULL), 0);
	assert_int_equal(dropped, 12345);
	unknown[0] = 54321;
	tell_progress(worker, unknown, 1);
	assert_int_equal(wire_get_number(hear(worker, WIRE_DROP), &dropped, NULL), 0);
	assert_int_equal(dropped, 54321);
}

static void other_process_with_another_instance_is_another_worker(void **state)
{
	struct broker *broker = *state;
	struct peer   *first = peer_open(broker), *second = peer_open(broker), *third = peer_open(broker);
	uint64_t       number = greet_as(first, 7, NULL, 0);

	assert_int_not_equal(greet_as(second, 8, NULL, 0), number);
	assert_int_not_equal(greet_as(third, 0, NULL, 0), number); /* it does not tell */
}

static void result_begins_again_after_a_reconnect(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t           job = submit(client, one, 1), held[1];
	struct wire_result part = {.bytes = SLICE_LIT("the first half of something")};
	struct peer_task   task;

	greet_as(worker, 7, NULL, 0);
	task = next_task(worker);
	part.lease = held[0] = task.lease;
	wire_put_result(&worker->out, 0, &part);
	say(worker);
	settle(worker);
	worker = reconnect(broker, worker);
	greet_as(worker, 7, held, 1);
	broker_halt(broker);
	assert_int_equal(broker->loop->upload_bytes, 0);
	broker_go(broker);
	answer_task(worker, &task);
	work(worker, 10);
	assert_int_equal(job_status(client, job).images_failed, 0);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
}

/* Nobody may end or begin another's result by naming its lease. */
static void result_of_another_workers_lease_is_not_touched(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker), *worker = peer_open(broker), *thief = peer_open(broker);
	uint64_t           job = submit(client, one, 1);
	struct wire_result part = {.bytes = SLICE_LIT("half")};

	greet(worker);
	greet(thief);
	settle(worker);
	settle(thief);
	if (thief->tasks_count) { /* whoever got it is the worker */
		struct peer *swap = worker;

		worker = thief;
		thief = swap;
	}
	part.lease = worker->tasks[0].lease;
	wire_put_result(&worker->out, 0, &part);
	say(worker);
	settle(worker);
	wire_put_result(&thief->out, 0, &part);
	say(thief);
	fail_task(thief, part.lease);
	broker_halt(broker);
	assert_int_equal(broker->loop->upload_bytes, 4);
	assert_int_equal(broker->loop->uploads.count, 1);
	broker_go(broker);
	assert_int_equal(job_status(client, job).state, JOB_RUNNING);
}

/* ZeroMQ tells of a closed peer only to whoever sends to it: a PING that is due does. */
static void wait_until_away(struct broker *broker, struct peer *client, uint64_t number)
{
	bool away = false;

	for (int i = 0; i < DRIVER_TRIES && !away; i++) {
		broker_halt(broker);
		away = loop_worker_find(broker->loop, number)->away && !broker->loop->events_count;
		loop_worker_find(broker->loop, number)->heard -= WIRE_HEARTBEAT_MS * 2;
		loop_worker_find(broker->loop, number)->pinged = 0;
		broker_go(broker);
		settle(client);
		broker_halt(broker);
		loop_worker_find(broker->loop, number)->heard += WIRE_HEARTBEAT_MS * 2;
		broker_go(broker);
	}
	assert_true(away);
}

/* One that cannot be reached is not asked again and again while others, or nobody, could have the work. */
static void worker_whose_connection_has_ended_gets_no_leases(void **state)
{
	static struct slice many[] = {SLICE_LIT("docker://r.example/a:1"), SLICE_LIT("docker://r.example/a:2"),
				      SLICE_LIT("docker://r.example/a:3"), SLICE_LIT("docker://r.example/a:4"),
				      SLICE_LIT("docker://r.example/a:5"), SLICE_LIT("docker://r.example/a:6")};
	struct broker      *broker = *state;
	struct peer        *client = peer_open(broker), *gone = peer_open(broker);
	uint64_t            job, number = greet_as(gone, 7, NULL, 0);
	struct core_gauges  gauges = {.workers = 0};

	peer_close(gone);
	wait_until_away(broker, client, number);
	job = submit(client, many, 6);
	settle(client);
	settle(client);
	broker_halt(broker);
	core_gauges(broker->loop->core, &gauges);
	broker_go(broker);
	assert_int_equal(gauges.workers, 1);
	assert_int_equal(gauges.leases[CORE_RESOLVE], 0);
	gone = peer_open(broker);
	assert_int_equal(greet_as(gone, 7, NULL, 0), number);
	work(gone, 100);
	for (int i = 0; i < DRIVER_TRIES && job_status(client, job).state == JOB_RUNNING; i++)
		work(gone, 100); /* those that came back wait a moment */
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	assert_int_equal(fleet_counter(client, "started"), 1);
}

/* --- drain --- */

static void drained_worker_finishes_what_it_holds_and_gets_no_more(void **state)
{
	struct broker   *broker = *state;
	struct peer     *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t         job = submit(client, one, 1), number = greet(worker);
	struct peer_task task = next_task(worker);

	ask_number(client, WIRE_DRAIN_WORKER, number);
	hear(worker, WIRE_DRAIN);
	answer_task(worker, &task);
	settle(worker);
	assert_int_equal(worker->seen[WIRE_ACK], 1);
	assert_int_equal(worker->seen[WIRE_TASK], 1); /* its layers wait for somebody else */
	worker = peer_open(broker);
	greet(worker);
	work(worker, 10);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
}

static void worker_may_ask_to_be_drained(void **state)
{
	struct broker *broker = *state;
	struct peer   *client = peer_open(broker), *worker = peer_open(broker);

	greet(worker);
	wire_put_empty(&worker->out, WIRE_DRAIN, 4);
	say(worker);
	hear(worker, WIRE_DRAIN);
	submit(client, one, 1);
	settle(worker);
	assert_int_equal(worker->seen[WIRE_TASK], 0);
}

static void broker_that_drains_takes_no_jobs_and_ends_when_nothing_is_out(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t           job = submit(client, one, 1);
	struct wire_submit m = {.token = "another", .platform = SLICE_LIT("linux/amd64")};
	struct wire_error  error;
	struct peer_task   task;

	greet(worker);
	task = next_task(worker);
	ask_number(client, WIRE_DRAIN_WORKER, 0);
	wire_put_submit(&client->out, 1, &m);
	say(client);
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	assert_int_equal(error.code, ERR_BUSY);
	assert_int_equal(job_status(client, job).state, JOB_RUNNING);
	answer_task(worker, &task);
	pthread_join(broker->thread, NULL);
	broker->running = false;
	assert_true(broker->loop->drained);
	broker_restart(broker); /* and goes on where it was */
	client = peer_open(broker);
	worker = peer_open(broker);
	greet(worker);
	work(worker, 10);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
}

/* --- layers that cost workers --- */

static void poisonous_layer_is_in_quarantine_until_somebody_asks_for_it(void **state)
{
	static struct slice other[] = {SLICE_LIT("docker://r.example/a:2")};
	struct broker      *broker = *state;
	struct peer        *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_submit  m = {.token = "second"}, retry = {.token = "third"};
	static struct slice first[] = {SLICE_LIT("docker://r.example/a:1")};
	uint64_t            job = submit(client, first, 1), later;
	struct peer_task    task;

	greet(worker);
	task = next_task(worker);
	answer_task(worker, &task);
	for (int i = 0; i < 2; i++) { /* once more, alone */
		task = next_task(worker);
		assert_int_equal(task.kind, WIRE_TASK_LAYER);
		fail_task_as(worker, task.lease, WIRE_FAIL_POISON, ERR_LIMIT);
	}
	assert_int_equal(job_status(client, job).images_incomplete, 1);
	assert_int_equal(fleet_counter(client, "quarantined"), 1);
	later = submit_as(client, &m, other, 1);
	assert_int_equal(work(worker, 10), 1); /* resolved; the layer is not given to anybody */
	assert_int_equal(job_status(client, later).images_incomplete, 1);
	retry.retry_of = job;
	later = submit_as(client, &retry, NULL, 0);
	assert_int_equal(work(worker, 10), 2);
	assert_int_equal(job_status(client, later).state, JOB_DONE);
	assert_int_equal(job_status(client, later).images_incomplete, 0);
	assert_int_equal(job_status(client, later).layers_scanned, 1);
}

/* '1' is to be compared with 'a', which is gone when the answer comes: asked again it is scanned. */
static void layer_whose_twin_has_gone_is_scanned_and_not_compared_for_ever(void **state)
{
	static struct slice both[] = {SLICE_LIT("docker://r.example/a:1")},
			    twin[] = {SLICE_LIT("docker://r.example/1:1")};
	struct broker           *broker = *state;
	struct peer             *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_submit       m = {.token = "second"};
	struct wire_layer_result verified = {.verified = true, .diff_id = {.bytes = {'a', 1}}};
	struct layer_key         known = {.digest = {.bytes = {'a'}}};
	struct layer_record      gone = {.inventory = known.digest, .reusable = true};
	struct wire_ack          ack;
	struct peer_task         task;
	uint64_t                 job;

	submit(client, both, 1);
	greet(worker);
	work(worker, 10);
	job = submit_as(client, &m, twin, 1);
	task = next_task(worker);
	answer_task(worker, &task);
	task = next_task(worker);
	assert_true(task.verify);
	broker_halt(broker);
	known.set = catalog_set_id(SLICE_LIT("a/1"));
	assert_int_equal(catalog_begin(broker->catalog, NULL), 0);
	assert_int_equal(catalog_layer_put(broker->catalog, &known, &gone, SLICE_LIT("x"), SLICE_LIT("y"), NULL), 0);
	assert_int_equal(catalog_commit(broker->catalog, NULL), 0);
	broker_go(broker);
	answer_layer(worker, &task, &verified);
	do
		assert_int_equal(wire_get_ack(hear(worker, WIRE_ACK), &ack, NULL), 0);
	while (ack.lease != task.lease);
	assert_int_equal(ack.code, ERR_NOT_FOUND);
	task = next_task(worker);
	assert_false(task.verify);
	answer_task(worker, &task);
	settle(worker);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	assert_int_equal(job_status(client, job).layers_scanned, 1);
	assert_int_equal(fleet_counter(client, "retried_verify_lost"), 1);
}

/* --- back-pressure --- */

static void send_part(struct peer *worker, uint64_t lease, uint32_t number, bool last, const char *bytes)
{
	struct wire_result part = {.lease = lease, .number = number, .last = last, .bytes = slice_str(bytes)};

	wire_put_result(&worker->out, 0, &part);
	say(worker);
}

static void two_leases(struct broker *broker, struct peer **worker, uint64_t leases[2])
{
	static struct slice two[] = {SLICE_LIT("docker://r.example/a:1"), SLICE_LIT("docker://r.example/b:1")};
	struct peer        *client = peer_open(broker);

	*worker = peer_open(broker);
	submit(client, two, 2);
	greet(*worker);
	leases[0] = take_task(*worker);
	leases[1] = take_task(*worker);
}

static void result_beyond_the_workers_credit_is_sent_again_later(void **state)
{
	struct broker  *broker = *state;
	struct peer    *worker;
	uint64_t        leases[2];
	struct wire_ack ack;

	broker_halt(broker);
	broker->loop->config.worker_bytes_max = 10;
	broker_go(broker);
	two_leases(broker, &worker, leases);
	send_part(worker, leases[0], 0, false, "eight by");
	send_part(worker, leases[1], 0, false, "eight by");
	send_part(worker, leases[1], 1, false, "was on its way already");
	assert_int_equal(wire_get_ack(hear(worker, WIRE_ACK), &ack, NULL), 0);
	assert_int_equal(ack.lease, leases[1]);
	assert_int_equal(ack.code, ERR_BUSY);
	settle(worker);
	assert_int_equal(worker->seen[WIRE_ACK], 1); /* what was on its way is passed over, and no failure */
	send_part(worker, leases[0], 1, true, "one that is larger goes alone");
	hear(worker, WIRE_ACK);
	send_part(worker, leases[1], 0, true, "\x90");
	assert_int_equal(wire_get_ack(hear(worker, WIRE_ACK), &ack, NULL), 0);
	assert_int_equal(ack.code, ERR_PROTOCOL); /* taken as a whole: it holds no image */
	broker_halt(broker);
	assert_int_equal(broker->loop->upload_bytes, 0);
}

static void one_result_always_goes_on_when_all_together_are_too_many(void **state)
{
	struct broker  *broker = *state;
	struct peer    *worker;
	uint64_t        leases[2];
	struct wire_ack ack;

	broker_halt(broker);
	broker->loop->config.result_bytes_max = 10;
	broker_go(broker);
	two_leases(broker, &worker, leases);
	send_part(worker, leases[0], 0, false, "eight by");
	send_part(worker, leases[1], 0, false, "eight by"); /* the one that may go beyond */
	send_part(worker, leases[0], 1, false, "eight by");
	assert_int_equal(wire_get_ack(hear(worker, WIRE_ACK), &ack, NULL), 0);
	assert_int_equal(ack.lease, leases[0]);
	assert_int_equal(ack.code, ERR_BUSY);
	send_part(worker, leases[1], 1, true, "eight by");
	assert_int_equal(wire_get_ack(hear(worker, WIRE_ACK), &ack, NULL), 0);
	assert_int_equal(ack.lease, leases[1]);
	assert_int_not_equal(ack.code, ERR_BUSY);
	broker_halt(broker);
	assert_int_equal(broker->loop->favoured, 0);
	assert_int_equal(broker->loop->upload_bytes, 0);
}

/* --- what is seen of them --- */

static void status_lists_workers_and_counters(void **state)
{
	struct broker           *broker = *state;
	struct peer             *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t                 number = greet(worker);
	struct wire_status_reply reply;
	struct arena             arena;

	submit(client, one, 1);
	settle(worker);
	arena_init(&arena, 1 << 20);
	wire_put_number(&client->out, WIRE_STATUS, 8, 0);
	say(client);
	assert_int_equal(wire_get_status_reply(hear(client, WIRE_STATUS_REPLY), &arena, &reply, NULL), 0);
	assert_int_equal(reply.jobs_count, 1);
	assert_int_equal(reply.workers_count, 1);
	assert_int_equal(reply.workers[0].worker, number);
	assert_slice_equal(reply.workers[0].name, "w");
	assert_int_equal(reply.workers[0].layer_slots, 4);
	assert_int_equal(reply.workers[0].leases, 1);
	assert_int_equal(reply.workers[0].set.len, WIRE_SET_NAME_BYTES - 1);
	assert_int_equal(reply.counters_count, FLEET_COUNTERS);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(worker_that_comes_back_keeps_what_it_holds_and_gets_what_was_lost,
						broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(lease_that_the_broker_does_not_know_is_dropped, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(other_process_with_another_instance_is_another_worker, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(result_begins_again_after_a_reconnect, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(result_of_another_workers_lease_is_not_touched, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(worker_whose_connection_has_ended_gets_no_leases, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(drained_worker_finishes_what_it_holds_and_gets_no_more, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(worker_may_ask_to_be_drained, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(broker_that_drains_takes_no_jobs_and_ends_when_nothing_is_out,
						broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(poisonous_layer_is_in_quarantine_until_somebody_asks_for_it,
						broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(layer_whose_twin_has_gone_is_scanned_and_not_compared_for_ever,
						broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(result_beyond_the_workers_credit_is_sent_again_later, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(one_result_always_goes_on_when_all_together_are_too_many, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(status_lists_workers_and_counters, broker_set_up, broker_tear_down),
	};

	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
