/* Bodies there and back, and between releases: fields that an older peer does not send are zero, later ones are ignored. */
#include "lib/check.h"

#include "base/msgpack_read.h"
#include "base/msgpack_write.h"
#include "wire/message.h"

#include <string.h>

static struct buf   frame, shaped;
static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	buf_init(&frame, LIMIT_MESSAGE_BYTES);
	buf_init(&shaped, LIMIT_MESSAGE_BYTES);
	arena_init(&arena, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_deinit(&frame);
	buf_deinit(&shaped);
	arena_deinit(&arena);
	return 0;
}

static struct slice body_of(enum wire_type type)
{
	struct wire_header header;
	struct slice       body;

	assert_true(buf_ok(&frame));
	assert_int_equal(wire_open_frame(buf_slice(&frame), &header, &body, NULL), 0);
	assert_int_equal(header.type, type);
	return body;
}

/* The record with its first `fields` fields alone, as an older writer makes it; with `more`, some that nobody knows yet. */
static struct slice with_fields(struct slice record, size_t fields, bool more)
{
	struct msgpack_reader r = msgpack_reader_of(record);
	size_t                count = msgpack_read_array(&r), before = r.cursor.left;
	const uint8_t        *values = r.cursor.ptr;

	assert_true(fields <= count);
	for (size_t i = 0; i < fields; i++)
		msgpack_skip(&r);
	assert_true(msgpack_ok(&r));
	buf_clear(&shaped);
	msgpack_write_array(&shaped, fields + (more ? 2 : 0));
	buf_append(&shaped, slice_of(values, before - r.cursor.left));
	if (more) {
		msgpack_write_array(&shaped, 1);
		msgpack_write_str(&shaped, SLICE_LIT("of the future"));
		msgpack_write_bool(&shaped, true);
	}
	assert_true(buf_ok(&shaped));
	return buf_slice(&shaped);
}

static const struct wire_hello hello = {.name = SLICE_LIT("w"),
					.version = SLICE_LIT("1"),
					.analyzer_set = SLICE_LIT("set"),
					.layer_slots = 3,
					.light_slots = 8,
					.result_bytes = 99,
					.local = true,
					.resolver = 4,
					.instance = {1, 2, [15] = 16},
					.leases = (uint64_t[]){70, 71},
					.leases_count = 2};

static void hello_of_an_older_worker_has_no_instance_and_no_leases(void **state)
{
	static const uint8_t none[WIRE_INSTANCE_BYTES];
	struct wire_hello    read;
	struct slice         body;

	(void)state;
	wire_put_hello(&frame, 0, &hello);
	body = body_of(WIRE_HELLO);
	assert_int_equal(wire_get_hello(with_fields(body, 11, true), &arena, &read, NULL), 0);
	assert_memory_equal(read.instance, hello.instance, sizeof(read.instance));
	assert_int_equal(read.leases_count, 2);
	assert_int_equal(read.leases[1], 71);
	assert_int_equal(wire_get_hello(with_fields(body, 9, false), &arena, &read, NULL), 0);
	assert_memory_equal(read.instance, none, sizeof(none));
	assert_int_equal(read.leases_count, 0);
	assert_int_equal(read.resolver, 4);
	assert_int_equal(wire_get_hello(with_fields(body, 8, false), &arena, &read, NULL), 0);
	assert_int_equal(read.resolver, 0);
	assert_true(read.local);
	assert_int_equal(wire_get_hello(with_fields(body, 7, false), &arena, &read, NULL), ERR_PROTOCOL);
}

static void hello_with_more_leases_than_a_worker_can_hold_is_refused(void **state)
{
	static uint64_t   leases[WIRE_LEASES_MAX + 1];
	struct wire_hello many = hello, read;

	(void)state;
	many.leases = leases;
	many.leases_count = WIRE_LEASES_MAX;
	wire_put_hello(&frame, 0, &many);
	assert_int_equal(wire_get_hello(body_of(WIRE_HELLO), &arena, &read, NULL), 0);
	assert_int_equal(read.leases_count, WIRE_LEASES_MAX);
	buf_clear(&frame);
	many.leases_count = WIRE_LEASES_MAX + 1;
	wire_put_hello(&frame, 0, &many);
	assert_int_equal(wire_get_hello(body_of(WIRE_HELLO), &arena, &read, NULL), ERR_PROTOCOL);
}

static void instance_is_sixteen_bytes_or_the_message_is_refused(void **state)
{
	struct wire_hello read;
	struct slice      body;

	(void)state;
	wire_put_hello(&frame, 0, &hello);
	body = with_fields(body_of(WIRE_HELLO), 9, false);
	buf_clear(&frame);
	buf_append(&frame, body);
	frame.ptr[0] = 0x9a;
	msgpack_write_bin(&frame, SLICE_LIT("fifteen bytes.."));
	assert_int_equal(wire_get_hello(buf_slice(&frame), &arena, &read, NULL), ERR_PROTOCOL);
}

static void welcome_of_an_older_broker_gives_no_result_credit(void **state)
{
	struct wire_welcome welcome = {.worker = 5, .heartbeat_ms = 6, .silence_ms = 7, .result_bytes = 8}, read;
	struct slice        body;

	(void)state;
	wire_put_welcome(&frame, 0, &welcome);
	body = body_of(WIRE_WELCOME);
	assert_int_equal(wire_get_welcome(with_fields(body, 4, true), &read, NULL), 0);
	assert_int_equal(read.result_bytes, 8);
	assert_int_equal(wire_get_welcome(with_fields(body, 3, false), &read, NULL), 0);
	assert_int_equal(read.result_bytes, 0);
	assert_int_equal(read.silence_ms, 7);
	assert_int_equal(wire_get_welcome(with_fields(body, 2, false), &read, NULL), ERR_PROTOCOL);
}

static void task_of_an_older_broker_knows_no_job_and_before_that_no_images(void **state)
{
	struct slice     images[] = {SLICE_LIT("one"), SLICE_LIT("two")};
	struct wire_task task = {.lease = 3,
				 .kind = WIRE_TASK_RESOLVE,
				 .known = {images, 2},
				 .job = 12,
				 .no_reuse = true},
			 read;
	struct slice body;

	(void)state;
	wire_put_task(&frame, 0, &task);
	body = body_of(WIRE_TASK);
	assert_int_equal(wire_get_task(with_fields(body, 17, true), &arena, &read, NULL), 0);
	assert_true(read.no_reuse);
	assert_int_equal(wire_get_task(with_fields(body, 16, false), &arena, &read, NULL), 0);
	assert_false(read.no_reuse);
	assert_int_equal(read.job, 12);
	assert_int_equal(wire_get_task(with_fields(body, 15, false), &arena, &read, NULL), 0);
	assert_int_equal(read.job, 0);
	assert_int_equal(read.known.count, 2);
	assert_slice_equal(read.known.items[1], "two");
	assert_int_equal(wire_get_task(with_fields(body, 14, false), &arena, &read, NULL), 0);
	assert_int_equal(read.known.count, 0);
	assert_int_equal(read.lease, 3);
	assert_int_equal(wire_get_task(with_fields(body, 13, false), &arena, &read, NULL), ERR_PROTOCOL);
}

static void layer_result_of_an_older_worker_counts_no_memo(void **state)
{
	struct wire_layer_result result = {.entries = 3,
					   .inventory = SLICE_LIT("i"),
					   .path_table = SLICE_LIT("p"),
					   .memo_lookups = 6,
					   .memo_hits = 5,
					   .memo_kept = 1},
				 read;

	(void)state;
	wire_put_layer_result(&frame, &result);
	assert_int_equal(wire_get_layer_result(with_fields(buf_slice(&frame), 14, true), &read, NULL), 0);
	assert_int_equal(read.memo_lookups, 6);
	assert_int_equal(read.memo_hits, 5);
	assert_int_equal(read.memo_kept, 1);
	assert_int_equal(wire_get_layer_result(with_fields(buf_slice(&frame), 11, false), &read, NULL), 0);
	assert_int_equal(read.memo_lookups, 0);
	assert_int_equal(read.entries, 3);
	assert_slice_equal(read.path_table, "p");
	assert_int_equal(wire_get_layer_result(with_fields(buf_slice(&frame), 10, false), &read, NULL), ERR_PROTOCOL);
}

static void submit_of_an_older_client_is_no_schedule(void **state)
{
	struct wire_submit submit = {.token = "token", .retry_of = 9, .every = SLICE_LIT("24h")}, read;
	struct slice       body;

	(void)state;
	wire_put_submit(&frame, 0, &submit);
	body = body_of(WIRE_SUBMIT);
	assert_int_equal(wire_get_submit(with_fields(body, 10, true), &arena, &read, NULL), 0);
	assert_slice_equal(read.every, "24h");
	assert_int_equal(wire_get_submit(with_fields(body, 9, false), &arena, &read, NULL), 0);
	assert_int_equal(read.every.len, 0);
	assert_int_equal(read.retry_of, 9);
	assert_int_equal(wire_get_submit(with_fields(body, 8, false), &arena, &read, NULL), ERR_PROTOCOL);
}

static void job_of_an_older_broker_waits_for_its_first_references(void **state)
{
	struct wire_job job = {.job = 4, .number = 5, .references = 10000, .sum = 7}, read;
	struct slice    body;
	uint64_t        number;

	(void)state;
	wire_put_job(&frame, 0, &job);
	body = body_of(WIRE_JOB);
	assert_int_equal(wire_get_job(with_fields(body, 4, true), &read, NULL), 0);
	assert_int_equal(read.sum, 7);
	assert_int_equal(read.number, 5);
	assert_int_equal(read.references, 10000);
	assert_int_equal(wire_get_number(body, &number, NULL), 0); /* an older client */
	assert_int_equal(number, 4);
	buf_clear(&frame);
	wire_put_number(&frame, WIRE_JOB, 0, 4); /* an older broker */
	assert_int_equal(wire_get_job(body_of(WIRE_JOB), &read, NULL), 0);
	assert_int_equal(read.job, 4);
	assert_int_equal(read.number, 0);
	assert_int_equal(read.references, 0);
}

static void results_of_an_older_client_are_all(void **state)
{
	struct wire_results results = {.job = 1, .from = 2, .credit = 3, .only_failed = true}, read;
	struct slice        body;

	(void)state;
	wire_put_results(&frame, 0, &results);
	body = body_of(WIRE_RESULTS);
	assert_int_equal(wire_get_results(with_fields(body, 5, true), &read, NULL), 0);
	assert_true(read.only_failed);
	assert_int_equal(wire_get_results(with_fields(body, 3, false), &read, NULL), 0);
	assert_false(read.only_failed);
	assert_int_equal(read.credit, 3);
}

static const struct wire_job_status status = {.job = 1,
					      .label = SLICE_LIT("n"),
					      .state = JOB_SCHEDULED,
					      .growing = true,
					      .images_total = 2,
					      .layers_failed = 3,
					      .retries = 4,
					      .memo_hits = 5,
					      .paused = true,
					      .every = SLICE_LIT("0 3 * * *"),
					      .next_ms = 6,
					      .schedule = 7,
					      .memo_lookups = 8,
					      .memo_kept = 9};

static void job_status_of_an_older_broker_is_not_paused_and_has_no_schedule(void **state)
{
	struct wire_job_status read;
	struct slice           body;

	(void)state;
	wire_put_job_progress(&frame, 1, &status);
	body = body_of(WIRE_JOB_PROGRESS);
	assert_int_equal(wire_get_job_progress(with_fields(body, 33, true), &read, NULL), 0);
	assert_int_equal(read.memo_lookups, 8);
	assert_int_equal(read.memo_kept, 9);
	assert_true(read.growing);
	assert_int_equal(read.state, JOB_SCHEDULED);
	assert_int_equal(read.images_total, 2);
	assert_int_equal(read.layers_failed, 3);
	assert_true(read.paused);
	assert_slice_equal(read.every, "0 3 * * *");
	assert_int_equal(read.next_ms, 6);
	assert_int_equal(read.schedule, 7);
	assert_int_equal(wire_get_job_progress(with_fields(body, 31, false), &read, NULL), 0);
	assert_int_equal(read.schedule, 7);
	assert_int_equal(read.memo_lookups, 0);
	assert_int_equal(wire_get_job_progress(with_fields(body, 27, false), &read, NULL), 0);
	assert_int_equal(read.retries, 4);
	assert_int_equal(read.memo_hits, 5);
	assert_false(read.paused);
	assert_int_equal(read.every.len, 0);
	assert_int_equal(read.next_ms, 0);
	assert_int_equal(read.schedule, 0);
	assert_int_equal(wire_get_job_progress(with_fields(body, 26, false), &read, NULL), ERR_PROTOCOL);
}

static void status_reply_of_an_older_broker_has_no_workers_and_no_counters(void **state)
{
	struct wire_job_status    jobs[] = {status, status};
	struct slice              notice = SLICE_LIT("no worker for h"), host = SLICE_LIT("h");
	struct wire_worker_status workers[] = {{.worker = 8,
						.name = SLICE_LIT("node"),
						.version = SLICE_LIT("1.0"),
						.set = SLICE_LIT("0123456789ab"),
						.hosts = {&host, 1},
						.layer_slots = 2,
						.light_slots = 3,
						.leases = 4,
						.oldest_lease_ms = 5,
						.heard_ms = 6,
						.draining = true,
						.bytes_per_s = 7}};
	struct wire_counter       counters[] = {{SLICE_LIT("a"), 1}, {SLICE_LIT("b"), UINT64_MAX}};
	struct wire_status_reply  reply = {.jobs = jobs,
					   .jobs_count = 2,
					   .notices = {&notice, 1},
					   .workers = workers,
					   .workers_count = 1,
					   .counters = counters,
					   .counters_count = 2},
				 read;
	struct slice body;

	(void)state;
	wire_put_status_reply(&frame, 1, &reply);
	body = body_of(WIRE_STATUS_REPLY);
	assert_int_equal(wire_get_status_reply(with_fields(body, 4, true), &arena, &read, NULL), 0);
	assert_int_equal(read.jobs_count, 2);
	assert_int_equal(read.jobs[1].schedule, 7);
	assert_slice_equal(read.workers[0].set, "0123456789ab");
	assert_slice_equal(read.workers[0].hosts.items[0], "h");
	assert_int_equal(read.workers[0].oldest_lease_ms, 5);
	assert_true(read.workers[0].draining);
	assert_int_equal(read.workers[0].bytes_per_s, 7);
	assert_slice_equal(read.counters[1].name, "b");
	assert_true(read.counters[1].value == UINT64_MAX);
	assert_int_equal(wire_get_status_reply(with_fields(body, 2, false), &arena, &read, NULL), 0);
	assert_int_equal(read.jobs_count, 2);
	assert_slice_equal(read.notices.items[0], "no worker for h");
	assert_int_equal(read.workers_count, 0);
	assert_int_equal(read.counters_count, 0);
}

static void longer_lists_than_a_status_may_have_are_refused(void **state)
{
	static struct wire_counter       counters[WIRE_COUNTERS_MAX + 1];
	static struct wire_worker_status workers[WIRE_WORKERS_MAX + 1];
	struct wire_status_reply         reply = {.counters = counters, .counters_count = WIRE_COUNTERS_MAX}, read;

	(void)state;
	wire_put_status_reply(&frame, 1, &reply);
	assert_int_equal(wire_get_status_reply(body_of(WIRE_STATUS_REPLY), &arena, &read, NULL), 0);
	buf_clear(&frame);
	reply.counters_count++;
	wire_put_status_reply(&frame, 1, &reply);
	assert_int_equal(wire_get_status_reply(body_of(WIRE_STATUS_REPLY), &arena, &read, NULL), ERR_PROTOCOL);
	buf_clear(&frame);
	reply = (struct wire_status_reply){.workers = workers, .workers_count = WIRE_WORKERS_MAX + 1};
	wire_put_status_reply(&frame, 1, &reply);
	assert_int_equal(wire_get_status_reply(body_of(WIRE_STATUS_REPLY), &arena, &read, NULL), ERR_PROTOCOL);
}

/* Each status cut at every byte is an error, never more. */
static void cut_statuses_are_refused(void **state)
{
	struct wire_job_status    job = status;
	struct wire_worker_status worker = {.name = SLICE_LIT("n")};
	struct wire_counter       counter = {SLICE_LIT("c"), 300};
	struct wire_status_reply  reply = {.jobs = &job,
					   .jobs_count = 1,
					   .workers = &worker,
					   .workers_count = 1,
					   .counters = &counter,
					   .counters_count = 1},
				 read;
	struct slice body;

	(void)state;
	wire_put_status_reply(&frame, 1, &reply);
	body = body_of(WIRE_STATUS_REPLY);
	for (size_t len = 0; len < body.len; len++)
		assert_int_equal(wire_get_status_reply(slice_sub(body, 0, len), &arena, &read, NULL), ERR_PROTOCOL);
}

static void name_of_an_analyzer_set_is_the_start_of_its_sha256(void **state)
{
	char name[WIRE_SET_NAME_BYTES];

	(void)state;
	wire_set_name(SLICE_LIT("abc"), name);
	assert_string_equal(name, "ba7816bf8f01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_of_an_older_worker_has_no_instance_and_no_leases),
		cmocka_unit_test(hello_with_more_leases_than_a_worker_can_hold_is_refused),
		cmocka_unit_test(instance_is_sixteen_bytes_or_the_message_is_refused),
		cmocka_unit_test(welcome_of_an_older_broker_gives_no_result_credit),
		cmocka_unit_test(task_of_an_older_broker_knows_no_job_and_before_that_no_images),
		cmocka_unit_test(layer_result_of_an_older_worker_counts_no_memo),
		cmocka_unit_test(submit_of_an_older_client_is_no_schedule),
		cmocka_unit_test(job_of_an_older_broker_waits_for_its_first_references),
		cmocka_unit_test(results_of_an_older_client_are_all),
		cmocka_unit_test(job_status_of_an_older_broker_is_not_paused_and_has_no_schedule),
		cmocka_unit_test(status_reply_of_an_older_broker_has_no_workers_and_no_counters),
		cmocka_unit_test(longer_lists_than_a_status_may_have_are_refused),
		cmocka_unit_test(cut_statuses_are_refused),
		cmocka_unit_test(name_of_an_analyzer_set_is_the_start_of_its_sha256),
	};
	struct CMUnitTest with_buffers[sizeof(tests) / sizeof(tests[0])];

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		with_buffers[i] = tests[i];
		with_buffers[i].setup_func = set_up;
		with_buffers[i].teardown_func = tear_down;
	}
	return cmocka_run_group_tests(with_buffers, NULL, NULL);
}
