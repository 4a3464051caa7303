/* A broker that stops and starts again: every job goes on, nothing is counted twice, nothing is asked of the client. */
#include "lib/check.h"
#include "lib/loop_driver.h"

#include "base/log.h"

#include <string.h>

static struct slice references[] = {
	SLICE_LIT("docker://r.example/ab:1"),   SLICE_LIT("docker://r.example/bcd:1"),
	SLICE_LIT("docker://r.example/ab:2"),   SLICE_LIT("docker://r.example/ef-ag:1"),
	SLICE_LIT("docker://r.example/d:1"),    SLICE_LIT("docker://r.example/ah-h-i:1"),
	SLICE_LIT("docker://r.example/jklm:1"),
};
enum { REFERENCES = sizeof(references) / sizeof(references[0]), IMAGES = 10, LAYERS = 13, USES = 20 };

static void assert_add_up(struct peer *peer)
{
	uint64_t    retried = 0;
	const char *name;

	for (enum fleet_counter i = FLEET_RETRIED_TRANSIENT; i <= FLEET_RETRIED_EARLIER; i++) {
		name = catalog_counter_name(i);
		retried += fleet_counter(peer, name);
	}
	assert_int_equal(fleet_counter(peer, "started"), fleet_counter(peer, "layers") + retried);
}

static void assert_whole(const struct wire_job_status *status)
{
	assert_int_equal(status->state, JOB_DONE);
	assert_int_equal(status->images_total, IMAGES);
	assert_int_equal(status->images_done, IMAGES);
	assert_int_equal(status->images_failed + status->images_incomplete + status->images_skipped, 0);
	assert_int_equal(status->layers_total, LAYERS);
	assert_int_equal(status->layers_done, LAYERS);
	assert_int_equal(status->layers_scanned, LAYERS);
	assert_int_equal(status->layers_reused, 0);
	assert_int_equal(status->layer_uses, USES);
	assert_int_equal(status->bytes_done, status->bytes_total);
	assert_int_equal(status->bytes_fetched, 10 * LAYERS);
	assert_int_equal(status->tar_bytes, 20 * LAYERS);
	assert_int_equal(status->entries, 3 * LAYERS);
	assert_int_equal(status->files_analyzed, 2 * LAYERS);
}

/* After every so many tasks the broker is a new one. */
static void run_with_restarts(struct broker *broker, size_t tasks_each)
{
	struct peer           *client = peer_open(broker), *worker = peer_open(broker);
	struct wire_job_status status;
	uint64_t               job = submit(client, references, REFERENCES);
	size_t                 restarts = 0;

	greet(worker);
	work(worker, tasks_each);
	while ((status = job_status(client, job)).state == JOB_RUNNING && restarts++ < 100) {
		assert_true(status.images_done <= status.images_total && status.images_total <= IMAGES);
		assert_true(status.layers_done <= status.layers_total && status.layers_total <= LAYERS);
		broker_restart(broker);
		client = peer_open(broker);
		worker = peer_open(broker);
		greet(worker);
		work(worker, tasks_each);
	}
	assert_whole(&status);
	assert_int_equal(fleet_counter(client, "finished"), LAYERS);
	assert_int_equal(fleet_counter(client, "images"), IMAGES);
	assert_add_up(client);
}

static void job_is_counted_when_nothing_happens(void **state)
{
	run_with_restarts(*state, 1000);
}

static void counters_are_the_same_after_restarts_at_every_second_task(void **state)
{
	run_with_restarts(*state, 2);
}

static void counters_are_the_same_after_restarts_at_every_third_task(void **state)
{
	run_with_restarts(*state, 3);
}

static void list_that_was_half_sent_goes_on_where_it_was(void **state)
{
	struct broker     *broker = *state;
	struct peer       *client = peer_open(broker);
	struct wire_submit m = {.token = "token", .platform = SLICE_LIT("linux/amd64")};
	struct wire_job    job, again;

	wire_put_submit(&client->out, 1, &m);
	say(client);
	assert_int_equal(wire_get_job(hear(client, WIRE_JOB), &job, NULL), 0);
	assert_int_equal(job.number, 0);
	send_references(client, job.job, 0, false, references, 3);
	send_references(client, job.job, 0, false, references, 3); /* its answer was lost */
	broker_restart(broker);
	client = peer_open(broker);
	wire_put_submit(&client->out, 1, &m);
	say(client);
	assert_int_equal(wire_get_job(hear(client, WIRE_JOB), &again, NULL), 0);
	assert_int_equal(again.job, job.job);
	assert_int_equal(again.number, 1);
	assert_int_equal(again.references, 3);
	send_references(client, job.job, 1, true, references + 3, 1);
	assert_int_equal(job_status(client, job.job).images_total, 4);
}

static void paused_job_stays_paused(void **state)
{
	struct broker *broker = *state;
	struct peer   *client = peer_open(broker), *worker;
	uint64_t       job = submit(client, references, REFERENCES);

	ask_number(client, WIRE_PAUSE, job);
	broker_restart(broker);
	client = peer_open(broker);
	worker = peer_open(broker);
	greet(worker);
	assert_int_equal(work(worker, 1000), 0);
	assert_true(job_status(client, job).paused);
	ask_number(client, WIRE_RESUME, job);
	work(worker, 1000);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
}

static void layer_rows_go_when_the_job_has_ended(void **state)
{
	struct broker *broker = *state;
	struct peer   *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t       job = submit(client, references, REFERENCES), with_rows;

	greet(worker);
	work(worker, 15);
	broker_halt(broker);
	assert_int_equal(catalog_job_layers_next(broker->catalog, 0, &with_rows, NULL), 0);
	assert_int_equal(with_rows, job);
	broker_go(broker);
	work(worker, 1000);
	broker_halt(broker);
	for (int i = 0; i < DRIVER_TRIES && broker->loop->dropping; i++) {
		broker_go(broker);
		settle(client);
		broker_halt(broker);
	}
	assert_int_equal(catalog_job_layers_next(broker->catalog, 0, &with_rows, NULL), ERR_NOT_FOUND);
}

/* A reference that is done is not resolved again; where the job is, is known without looking through it. */
static void job_goes_on_behind_what_is_done(void **state)
{
	struct broker         *broker = *state;
	struct peer           *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t               job = submit(client, references, REFERENCES);
	const struct loop_job *inside;

	greet(worker);
	work(worker, 16);
	broker_halt(broker);
	inside = loop_job_find(broker->loop, job);
	assert_non_null(inside);
	assert_int_equal(inside->record.references_cursor, inside->done.first);
	assert_true(inside->record.references_done > 0);
	broker_restart(broker);
	client = peer_open(broker);
	worker = peer_open(broker);
	greet(worker);
	settle(worker);
	assert_true(worker->seen[WIRE_TASK] < REFERENCES);
	work(worker, 1000);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
}

static void list_part(struct peer *worker, uint64_t lease, uint32_t number, bool last, struct slice *found,
		      size_t count)
{
	struct wire_strings listed = {found, count};
	struct wire_result  part = {.lease = lease, .number = number, .last = last};
	struct buf          bytes;

	buf_init(&bytes, 4096);
	wire_put_strings(&bytes, &listed);
	part.bytes = buf_slice(&bytes);
	wire_put_result(&worker->out, 0, &part);
	say(worker);
	settle(worker);
	buf_deinit(&bytes);
}

/* A listing is made again from the start; what it had found is there once. */
static void listing_that_was_half_done_is_counted_once(void **state)
{
	static struct slice registry[] = {SLICE_LIT("registry://r.example")};
	struct broker      *broker = *state;
	struct peer        *client = peer_open(broker), *worker = peer_open(broker);
	uint64_t            job = submit(client, registry, 1);

	greet(worker);
	list_part(worker, take_task(worker), 0, false, references, 2);
	assert_int_equal(job_status(client, job).images_total, 2);
	assert_true(job_status(client, job).growing);
	work(worker, 3); /* one of the two images is done */
	assert_int_equal(job_status(client, job).images_done, 1);
	broker_restart(broker);
	client = peer_open(broker);
	worker = peer_open(broker);
	assert_int_equal(job_status(client, job).images_total, 2);
	greet(worker);
	settle(worker);
	for (size_t i = 0; i < worker->tasks_count; i++)
		if (worker->tasks[i].kind == WIRE_TASK_ENUMERATE) {
			list_part(worker, worker->tasks[i].lease, 0, true, references, 3);
			worker->tasks[i] = worker->tasks[--worker->tasks_count];
			break;
		}
	work(worker, 100);
	assert_int_equal(job_status(client, job).state, JOB_DONE);
	assert_int_equal(job_status(client, job).images_total, 3);
	assert_int_equal(job_status(client, job).images_done, 3);
	assert_int_equal(job_status(client, job).layers_total, 4);
	assert_int_equal(job_status(client, job).layers_scanned, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(job_is_counted_when_nothing_happens, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(counters_are_the_same_after_restarts_at_every_second_task,
						broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(counters_are_the_same_after_restarts_at_every_third_task, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(list_that_was_half_sent_goes_on_where_it_was, broker_set_up,
						broker_tear_down),
		cmocka_unit_test_setup_teardown(paused_job_stays_paused, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(layer_rows_go_when_the_job_has_ended, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(job_goes_on_behind_what_is_done, broker_set_up, broker_tear_down),
		cmocka_unit_test_setup_teardown(listing_that_was_half_done_is_counted_once, broker_set_up,
						broker_tear_down),
	};

	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
