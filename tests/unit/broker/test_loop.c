/* The broker's shell, spoken to by peers that say exactly what a test wants: what they leave behind, and what they may cost. */
#include "lib/check.h"
#include "lib/loop_driver.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = DRIVER_TRIES };

/* --- rules --- */

/* A worker says HELLO until it is answered: those that queue up meanwhile must not give it the same work again each time. */
static void greeting_said_again_changes_nothing(void **state)
{
	struct broker *broker = *state;
	struct slice   references[] = {SLICE_LIT("docker://r.example/a:1")};
	struct peer   *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t       number;

	submit(client, references, 1);
	number = greet(worker);
	for (int i = 0; i < 3; i++)
		assert_int_equal(greet(worker), number);
	settle(worker);
	assert_int_equal(worker->seen[WIRE_TASK], 1);
}

static void unfinished_result_goes_with_its_worker(void **state)
{
	struct broker     *broker = *state;
	struct slice       references[] = {SLICE_LIT("docker://r.example/a:1")};
	struct wire_result part = {.bytes = SLICE_LIT("the first part of many")};
	struct peer       *client = peer_open(broker), *worker = peer_open(broker);

	submit(client, references, 1);
	greet(worker);
	part.lease = take_task(worker);
	wire_put_result(&worker->out, 0, &part);
	say(worker);
	wire_put_empty(&worker->out, WIRE_BYE, 0);
	say(worker);
	settle(worker);
	broker_halt(broker);
	assert_int_equal(broker->loop->upload_bytes, 0);
	assert_int_equal(broker->loop->uploads.count, 0);
}

static void listing_with_a_bad_name_says_which(void **state)
{
	struct broker      *broker = *state;
	struct slice        references[] = {SLICE_LIT("registry://r.example")}, found[] = {SLICE_LIT("rootfs:/etc")};
	struct wire_strings listed = {found, 1};
	struct wire_result  part = {.last = true};
	struct wire_ack     ack;
	struct buf          bytes;
	struct peer        *client = peer_open(broker), *worker = peer_open(broker);

	submit(client, references, 1);
	greet(worker);
	part.lease = take_task(worker);
	buf_init(&bytes, 4096);
	wire_put_strings(&bytes, &listed);
	part.bytes = buf_slice(&bytes);
	wire_put_result(&worker->out, 0, &part);
	say(worker);
	assert_int_equal(wire_get_ack(hear(worker, WIRE_ACK), &ack, NULL), 0);
	assert_int_equal(ack.code, ERR_USAGE);
	assert_int_not_equal(slice_find_str(ack.text, "rootfs:/etc"), SIZE_MAX);
	buf_deinit(&bytes);
	broker_halt(broker);
}

/* A job with one finished image and one that is open; `reader` has asked for results and takes none. */
static uint64_t half_done_job(struct broker *broker, struct peer **client, struct peer **worker, struct peer **reader)
{
	struct slice        references[] = {SLICE_LIT("docker://r.example/a:1"), SLICE_LIT("docker://r.example/a:2")};
	struct wire_results results = {0};

	*client = peer_open(broker);
	*worker = peer_open(broker);
	*reader = peer_open(broker);
	results.job = submit(*client, references, 2);
	greet(*worker);
	fail_task(*worker, take_task(*worker));
	wire_put_results(&(*reader)->out, 5, &results);
	say(*reader);
	settle(*reader);
	return results.job;
}

static void watch(struct peer *peer, uint64_t job)
{
	struct wire_watch watch = {.job = job, .interval_ms = 1};

	wire_put_watch(&peer->out, 4, &watch);
	say(peer);
	hear(peer, WIRE_JOB_PROGRESS);
}

static void reader_that_has_gone_leaves_no_result_behind(void **state)
{
	struct broker *broker = *state;
	struct peer   *client, *worker, *reader;
	uint64_t       job = half_done_job(broker, &client, &worker, &reader);

	watch(reader, job);
	peer_close(reader);
	watch(client, job); /* its news come as often as those for the one that has gone */
	broker_halt(broker);
	for (int i = 0; i < TRIES && broker->loop->feeds; i++) { /* ZeroMQ tells of a closed peer when it comes to it */
		broker_go(broker);
		hear(client, WIRE_JOB_PROGRESS);
		broker_halt(broker);
	}
	assert_null(broker->loop->feeds);
}

/* It may have gone without a word: nothing else would ever be sent to it. */
static void reader_that_takes_nothing_is_asked_whether_it_lives(void **state)
{
	struct broker *broker = *state;
	struct peer   *client, *worker, *reader;

	half_done_job(broker, &client, &worker, &reader);
	broker_halt(broker);
	assert_non_null(broker->loop->feeds);
	broker->loop->feeds->moved -= WIRE_SILENCE_MS;
	broker_go(broker);
	hear(reader, WIRE_PING);
	broker_halt(broker);
	peer_close(reader);
	for (int i = 0; i < TRIES && broker->loop->feeds; i++) {
		broker->loop->feeds->moved -= WIRE_SILENCE_MS;
		broker_go(broker);
		settle(client);
		broker_halt(broker);
	}
	assert_null(broker->loop->feeds);
}

static void readers_are_counted(void **state)
{
	struct broker      *broker = *state;
	struct slice        references[] = {SLICE_LIT("docker://r.example/a:1")};
	struct wire_results results = {0};
	struct wire_watch   watches = {.interval_ms = 60000};
	struct wire_error   error;
	struct peer        *client = peer_open(broker);

	results.job = watches.job = submit(client, references, 1);
	for (size_t i = 0; i < LOOP_FEEDS_MAX + 1; i++) {
		wire_put_results(&client->out, 5, &results);
		say(client);
	}
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	assert_int_equal(error.code, ERR_BUSY);
	for (size_t i = 0; i < LOOP_WATCHES_MAX + 1; i++) {
		wire_put_watch(&client->out, 4, &watches);
		say(client);
	}
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	assert_int_equal(error.code, ERR_BUSY);
	broker_halt(broker);
}

/* One job's label must not keep the others' from being told. */
static void label_is_one_line_not_a_book(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker);
	struct wire_submit submit = {.platform = SLICE_LIT("linux/amd64")};
	struct wire_error  error;
	struct buf         label;

	buf_init(&label, LIMIT_MESSAGE_BYTES);
	while (label.len < 3 * LIMIT_CHUNK_BYTES / 2)
		buf_byte(&label, 'x');
	submit.label = buf_slice(&label);
	for (uint8_t i = 0; i < 2; i++) {
		submit.token[0] = i;
		wire_put_submit(&client->out, 1, &submit);
		say(client);
	}
	buf_deinit(&label);
	wire_put_number(&client->out, WIRE_STATUS, 2, 0);
	say(client);
	hear(client, WIRE_STATUS_REPLY);
	assert_int_equal(client->seen[WIRE_ERROR], 2);
	submit.label = SLICE_LIT("two\nlines");
	wire_put_submit(&client->out, 1, &submit);
	say(client);
	assert_int_equal(wire_get_error(hear(client, WIRE_ERROR), &error, NULL), 0);
	assert_int_equal(error.code, ERR_USAGE);
}

static void task_that_fits_no_message_fails_and_the_job_ends(void **state)
{
	struct broker *broker = *state;
	struct slice   references[] = {SLICE_LIT(
		  "registry://r.example/with/a/prefix/that/is/long/enough/to/be/more/than/a/token")},
		     glob;
	struct wire_submit     submit = {.platform = SLICE_LIT("linux/amd64"), .include = {&glob, 1}};
	struct wire_references list = {.last = true, .references = {references, 1}};
	struct wire_watch      watch = {.interval_ms = 100};
	struct wire_job_status status = {0};
	struct peer           *client = peer_open(broker), *worker = peer_open(broker);
	struct buf             bytes;

	buf_init(&bytes, LIMIT_MESSAGE_BYTES);
	while (bytes.len < LIMIT_MESSAGE_BYTES - 80)
		buf_byte(&bytes, 'x');
	glob = buf_slice(&bytes);
	wire_put_submit(&client->out, 1, &submit);
	assert_true(buf_ok(&client->out)); /* but a task says more */
	say(client);
	assert_int_equal(wire_get_number(hear(client, WIRE_JOB), &list.job, NULL), 0);
	wire_put_references(&client->out, 2, &list);
	say(client);
	hear(client, WIRE_OK);
	greet(worker);
	watch.job = list.job;
	wire_put_watch(&client->out, 4, &watch);
	say(client);
	for (int i = 0; i < 20 && status.state == JOB_RUNNING; i++)
		assert_int_equal(wire_get_job_progress(hear(client, WIRE_JOB_PROGRESS), &status, NULL), 0);
	assert_int_equal(status.state, JOB_DONE);
	assert_int_equal(status.images_failed, 1);
	buf_deinit(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(greeting_said_again_changes_nothing, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(unfinished_result_goes_with_its_worker, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(listing_with_a_bad_name_says_which, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(reader_that_has_gone_leaves_no_result_behind, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(reader_that_takes_nothing_is_asked_whether_it_lives, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(readers_are_counted, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(label_is_one_line_not_a_book, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(task_that_fits_no_message_fails_and_the_job_ends, broker_set_up,
						broker_tear_down),
	};

	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
