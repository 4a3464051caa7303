/* The words of the progress line, the job table and --stats. */
#include "base/json.h"
#include "job_table.h"
#include "progress.h"
#include "stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct wire_job_status job = {
	.job = 7,
	.label = {(const uint8_t *)"a\x1b[31m b", 8},
	.state = JOB_RUNNING,
	.images_total = 60,
	.images_done = 12,
	.images_failed = 1,
	.images_incomplete = 1,
	.layers_total = 96,
	.layers_done = 40,
	.layers_scanned = 20,
	.layers_reused = 18,
	.layers_verified = 1,
	.layers_failed = 1,
	.layer_uses = 400,
	.bytes_total = 1ull << 30,
	.bytes_done = 1ull << 28,
	.bytes_fetched = 1ull << 28,
	.tar_bytes = 1ull << 30,
	.entries = 5000,
	.files_analyzed = 77,
	.submitted_ms = 1700000000000,
	.retries = 2,
};

static void line_gives_up_what_does_not_fit(void **state)
{
	static const struct {
		unsigned    columns;
		const char *text;
	} cases[] = {
		{0, "images 12/60  failed 2  layers 40/96  ETA 1:16  256 MiB/1.0 GiB  10.0 MiB/s  reuse 81 %"},
		{80, "images 12/60  failed 2  layers 40/96  ETA 1:16  256 MiB/1.0 GiB  10.0 MiB/s"},
		{40, "images 12/60  failed 2  layers 40/96"},
		{20, "images 12/60"},
		{5, ""},
	};
	struct buf out = {.bytes_max = 4096};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		progress_text(&job, 10 << 20, cases[i].columns, &out);
		assert_int_equal(out.len, strlen(cases[i].text));
		assert_memory_equal(out.ptr, cases[i].text, out.len);
		assert_true(cases[i].columns == 0 || out.len <= cases[i].columns);
	}
	buf_deinit(&out);
}

static void terminal_is_drawn_at_once_and_then_four_times_a_second(void **state)
{
	struct progress_pace pace = {.terminal = true};

	(void)state;
	assert_true(progress_due(&pace, 0, 1000000));
	pace = (struct progress_pace){.terminal = true, .begun = true, .shown_ms = 1000000};
	assert_false(progress_due(&pace, 1, 1000249));
	assert_true(progress_due(&pace, 1, 1000250));
}

static void pipe_gets_a_line_every_five_seconds_if_something_moved(void **state)
{
	struct progress_pace pace = {.shown_ms = 1000000, .shown_moved = 7};

	(void)state;
	assert_false(progress_due(&pace, 8, 1004999));
	assert_true(progress_due(&pace, 8, 1005000));
	assert_false(progress_due(&pace, 7, 1900000));
}

static void paused_job_says_so_and_has_no_eta(void **state)
{
	struct wire_job_status paused = job;
	struct buf             out = {.bytes_max = 4096};

	(void)state;
	paused.paused = true;
	progress_text(&paused, 10 << 20, 0, &out);
	assert_true(slice_find_str(buf_slice(&out), "ETA") == SIZE_MAX);
	assert_true(slice_find_str(buf_slice(&out), "images 12/60  paused") == 0);
	buf_deinit(&out);
}

static void growing_job_has_no_eta(void **state)
{
	struct wire_job_status growing = job;
	struct buf             out = {.bytes_max = 4096};

	(void)state;
	growing.growing = true;
	progress_text(&growing, 10 << 20, 0, &out);
	assert_true(slice_find_str(buf_slice(&out), "ETA") == SIZE_MAX);
	assert_true(slice_find_str(buf_slice(&out), "12/60+") != SIZE_MAX);
	buf_deinit(&out);
}

static void job_label_cannot_act_on_the_terminal(void **state)
{
	struct wire_job_status   jobs[] = {job};
	struct wire_status_reply reply = {.jobs = jobs, .jobs_count = 1};
	struct buf               out = {.bytes_max = 4096};

	(void)state;
	job_table_put(&out, &reply, SIZE_MAX, 0, false);
	assert_true(slice_find(buf_slice(&out), 0x1b) == SIZE_MAX);
	assert_true(slice_find_str(buf_slice(&out), "12/60") != SIZE_MAX);
	buf_deinit(&out);
}

static void stats_are_json_with_every_figure(void **state)
{
	static const struct {
		const char *name;
		int64_t     value;
	} figures[] = {
		{"images", 12},
		{"images_failed", 1},
		{"images_incomplete", 1},
		{"unique_layers", 96},
		{"layer_uses", 400},
		{"scanned", 20},
		{"reused", 18},
		{"verified", 1},
		{"layers_failed", 1},
		{"bytes_fetched", 1 << 28},
		{"bytes_inflated", 1 << 30},
		{"files_seen", 5000},
		{"files_analysed", 77},
		{"memo_hits", 0},
		{"task_retries", 2},
		{"requests", 100},
		{"wall_ms", 1234},
		{"cpu_ms", 2000},
		{"peak_memory_bytes", 1 << 26},
	};
	struct stats stats = {.job = job,
			      .source = {.requests = 100, .bytes_fetched = 1ull << 28},
			      .wall_ms = 1234,
			      .cpu_ms = 2000,
			      .peak_memory_bytes = 1 << 26};
	struct buf   out = {.bytes_max = 1 << 16};
	struct json *root;
	struct err   err = {0};

	(void)state;
	stats_text(&stats, &out);
	assert_int_equal(json_parse(buf_slice(&out), &root, &err), 0);
	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
		assert_int_equal(json_int(json_get(root, figures[i].name), -1), figures[i].value);
	json_free(root);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_gives_up_what_does_not_fit),
		cmocka_unit_test(terminal_is_drawn_at_once_and_then_four_times_a_second),
		cmocka_unit_test(pipe_gets_a_line_every_five_seconds_if_something_moved),
		cmocka_unit_test(paused_job_says_so_and_has_no_eta),
		cmocka_unit_test(growing_job_has_no_eta),
		cmocka_unit_test(job_label_cannot_act_on_the_terminal),
		cmocka_unit_test(stats_are_json_with_every_figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
