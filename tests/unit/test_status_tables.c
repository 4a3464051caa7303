/* varve status: jobs, schedules, workers and counters as tables and as JSON. */
#include "lib/check.h"

#include "base/json.h"
#include "fleet_table.h"
#include "job_table.h"

#include <string.h>

static struct wire_job_status jobs[] = {
	{.job = 9,
	 .label = SLICE_LIT("nightly"),
	 .state = JOB_RUNNING,
	 .images_total = 4,
	 .images_done = 1,
	 .schedule = 5},
	{.job = 8,
	 .label = SLICE_LIT("held"),
	 .state = JOB_RUNNING,
	 .paused = true,
	 .bytes_total = 1000,
	 .bytes_done = 250},
	{.job = 7,
	 .label = SLICE_LIT("all"),
	 .state = JOB_DONE,
	 .images_total = 2,
	 .images_done = 2,
	 .finished_ms = 1700000060000},
	{.job = 5,
	 .label = SLICE_LIT("nightly"),
	 .state = JOB_SCHEDULED,
	 .every = SLICE_LIT("0 3 * * *"),
	 .next_ms = 1700000000000},
	{.job = 4, .label = SLICE_LIT("stopped"), .state = JOB_SCHEDULED, .every = SLICE_LIT("24h"), .paused = true},
};
static struct slice host = SLICE_LIT("registry.example");

static struct wire_worker_status workers[] = {
	{.worker = 1,
	 .name = SLICE_LIT("node-a"),
	 .version = SLICE_LIT("1.0"),
	 .set = SLICE_LIT("aaaaaaaaaaaa"),
	 .layer_slots = 6,
	 .light_slots = 8,
	 .leases = 3,
	 .oldest_lease_ms = 600000,
	 .bytes_per_s = 1 << 20},
	{.worker = 2,
	 .name = SLICE_LIT("node-b"),
	 .version = SLICE_LIT("1.0"),
	 .set = SLICE_LIT("aaaaaaaaaaaa"),
	 .heard_ms = 15000},
	{.worker = 3,
	 .name = SLICE_LIT("node-c"),
	 .version = SLICE_LIT("1.1"),
	 .set = SLICE_LIT("bbbbbbbbbbbb"),
	 .draining = true,
	 .hosts = {&host, 1}},
};
static struct wire_counter counters[] = {{SLICE_LIT("scans_started"), 12}, {SLICE_LIT("esc\x1b[2J"), 1}};

static const struct wire_status_reply reply = {.jobs = jobs,
					       .jobs_count = 5,
					       .workers = workers,
					       .workers_count = 3,
					       .counters = counters,
					       .counters_count = 2};

static struct buf out;

static int set_up(void **state)
{
	(void)state;
	buf_init(&out, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_deinit(&out);
	return 0;
}

/* The line that begins with these words, blanks as one. */
static bool has_line(const char *words)
{
	struct slice rest = buf_slice(&out);

	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		char         text[512];
		size_t       len = 0;

		for (size_t i = 0; i < line.len && len < sizeof(text) - 1; i++)
			if (line.ptr[i] != ' ' || (len && text[len - 1] != ' '))
				text[len++] = (char)line.ptr[i];
		text[len] = '\0';
		if (strncmp(text, words, strlen(words)) == 0)
			return true;
	}
	return false;
}

static void jobs_and_schedules_are_told_apart(void **state)
{
	(void)state;
	job_table_put(&out, &reply, SIZE_MAX, 0, false);
	assert_true(has_line("9 running 25% 1/4"));
	assert_true(has_line("8 paused 25% 0/0"));
	assert_true(has_line("7 done 2/2"));
	assert_true(has_line("SCHEDULE EVERY NEXT LAST JOB WHAT"));
	assert_true(has_line("5 0 3 * * * 2023-11-14T22:13:20Z 9 nightly"));
	assert_true(has_line("4 24h paused - stopped"));
}

static void running_job_is_never_all_done(void **state)
{
	struct wire_job_status   full = {.job = 1, .images_total = 5, .images_done = 5};
	struct wire_status_reply one = {.jobs = &full, .jobs_count = 1};

	(void)state;
	job_table_put(&out, &one, 0, 0, false);
	assert_true(has_line("1 running 99%"));
	assert_false(has_line("SCHEDULE"));
}

static void of_jobs_that_have_ended_the_newest_are_shown(void **state)
{
	struct wire_job_status   many[] = {{.job = 4, .state = JOB_DONE},
					   {.job = 3, .state = JOB_CANCELLED},
					   {.job = 2, .state = JOB_DONE},
					   {.job = 1, .state = JOB_RUNNING}};
	struct wire_status_reply four = {.jobs = many, .jobs_count = 4};

	(void)state;
	job_table_put(&out, &four, 2, 0, false);
	assert_true(has_line("4 done"));
	assert_true(has_line("3 cancelled"));
	assert_false(has_line("2 done"));
	assert_true(has_line("1 running"));
	assert_true(has_line("and 1 older ones that have ended (--all)"));
}

static void fleet_is_one_line(void **state)
{
	(void)state;
	fleet_line_put(&out, &reply);
	assert_slice_equal(
		buf_slice(&out),
		"3 workers, 1 draining, 1 silent, 3 tasks, 1.0 MiB/s; 1 job running, 1 paused, 2 schedules\n");
}

static void older_broker_that_tells_no_workers_is_not_said_to_have_none(void **state)
{
	struct wire_status_reply older = {.jobs = jobs, .jobs_count = 5};

	(void)state;
	fleet_line_put(&out, &older);
	assert_int_equal(out.len, 0);
	older.counters = counters;
	older.counters_count = 1;
	fleet_line_put(&out, &older);
	assert_true(has_line("no workers; 1 job running"));
}

static void workers_are_told_one_a_line(void **state)
{
	(void)state;
	fleet_workers_put(&out, &reply, 0, false);
	assert_true(has_line("1 node-a busy 1.0 aaaaaaaaaaaa 6+8 3 10 min 0 s 1.0 MiB/s any"));
	assert_true(has_line("2 node-b silent 1.0 aaaaaaaaaaaa 0+0 0 - 15 s"));
	assert_true(has_line("3 node-c draining 1.1 bbbbbbbbbbbb 0+0 0 - 0 s 0 B/s registry.example"));
}

static void counters_are_lines_that_cannot_act_on_the_terminal(void **state)
{
	(void)state;
	fleet_counters_put(&out, &reply);
	assert_true(has_line("scans_started 12"));
	assert_true(slice_find(buf_slice(&out), 0x1b) == SIZE_MAX);
}

static void json_has_all_of_it(void **state)
{
	struct json_writer w = json_writer_of(&out, 2);
	struct json       *root;
	const struct json *job, *worker;

	(void)state;
	json_begin_object(&w, NULL);
	job_json_put(&w, &reply);
	fleet_json_put(&w, &reply);
	json_end_object(&w);
	assert_int_equal(json_parse(buf_slice(&out), &root, NULL), 0);
	job = json_at(json_get(root, "jobs"), 3);
	assert_slice_equal(json_get_text(job, "state"), "schedule");
	assert_slice_equal(json_get_text(job, "every"), "0 3 * * *");
	assert_slice_equal(json_get_text(job, "next"), "2023-11-14T22:13:20Z");
	assert_int_equal(json_int(json_get(json_at(json_get(root, "jobs"), 0), "schedule"), 0), 5);
	worker = json_at(json_get(root, "workers"), 2);
	assert_slice_equal(json_get_text(worker, "analyzers"), "bbbbbbbbbbbb");
	assert_slice_equal(json_text(json_at(json_get(worker, "hosts"), 0)), "registry.example");
	assert_int_equal(json_int(json_get(json_get(root, "counters"), "scans_started"), 0), 12);
	json_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(jobs_and_schedules_are_told_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(running_job_is_never_all_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_jobs_that_have_ended_the_newest_are_shown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fleet_is_one_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(older_broker_that_tells_no_workers_is_not_said_to_have_none, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(workers_are_told_one_a_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counters_are_lines_that_cannot_act_on_the_terminal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(json_has_all_of_it, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
