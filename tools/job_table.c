#include "job_table.h"

#include "base/clock.h"
#include "base/escape.h"
#include "report/grid.h"
#include "report/table_parts.h"

#include <stdio.h>

const char *job_state_name(const struct wire_job_status *job)
{
	switch (job->state) {
	case JOB_RUNNING:
		return job->paused ? "paused" : "running";
	case JOB_DONE:
		return "done";
	case JOB_CANCELLED:
		return "cancelled";
	case JOB_SCHEDULED:
		return job->paused ? "paused" : "schedule";
	default:
		return "unknown";
	}
}

static enum style state_style(const struct wire_job_status *job)
{
	if (job->state == JOB_RUNNING)
		return job->paused ? STYLE_YELLOW : STYLE_BLUE;
	return job->state == JOB_DONE && !job->images_failed && !job->images_incomplete ? STYLE_GREEN : STYLE_YELLOW;
}

/* By bytes, where any are to be fetched; what is not finished never shows as 100 %. */
static unsigned percent_done(const struct wire_job_status *job)
{
	uint64_t done = job->bytes_total ? job->bytes_done : job->images_done;
	uint64_t total = job->bytes_total ? job->bytes_total : job->images_total;
	double   percent = total && done <= total ? 100.0 * (double)done / (double)total : 0;

	return percent > 99 ? 99 : (unsigned)percent;
}

static void put_job_row(struct grid *grid, const struct wire_job_status *job)
{
	char     stamp[CLOCK_RFC3339_BYTES];
	uint64_t bad = job->images_failed + job->images_incomplete;

	clock_rfc3339(job->submitted_ms, stamp);
	grid_cell_printf(grid, STYLE_BOLD, "%llu", (unsigned long long)job->job);
	grid_cell(grid, state_style(job), slice_str(job_state_name(job)));
	if (job->state == JOB_RUNNING)
		grid_cell_printf(grid, STYLE_PLAIN, "%u%%", percent_done(job));
	else
		grid_cell(grid, STYLE_PLAIN, SLICE_EMPTY);
	grid_cell_printf(grid, STYLE_PLAIN, "%llu/%llu%s", (unsigned long long)job->images_done,
			 (unsigned long long)job->images_total, job->growing ? "+" : "");
	grid_cell_printf(grid, bad ? STYLE_RED : STYLE_DIM, "%llu", (unsigned long long)bad);
	grid_cell_printf(grid, STYLE_PLAIN, "%llu/%llu", (unsigned long long)job->layers_done,
			 (unsigned long long)job->layers_total);
	grid_cell_printf(grid, STYLE_PLAIN, "%llu", (unsigned long long)job->layers_reused);
	grid_cell(grid, STYLE_PLAIN, slice_str(stamp));
	grid_cell(grid, STYLE_PLAIN, job->label);
}

static bool has_ended(const struct wire_job_status *job)
{
	return job->state == JOB_DONE || job->state == JOB_CANCELLED;
}

static void put_jobs(struct buf *out, const struct wire_status_reply *reply, size_t ended_max, unsigned columns,
		     bool colour)
{
	static const struct grid_column specs[] = {
		{.title = "JOB", .right = true},    {.title = "STATE"},
		{.title = "DONE", .right = true},   {.title = "IMAGES", .right = true},
		{.title = "BAD", .right = true},    {.title = "LAYERS", .right = true},
		{.title = "REUSED", .right = true}, {.title = "SUBMITTED"},
		{.title = "WHAT", .width_min = 16},
	};
	struct grid grid;
	size_t      rows = 0, ended = 0;

	grid_init(&grid, specs, sizeof(specs) / sizeof(*specs));
	for (size_t i = 0; i < reply->jobs_count; i++) {
		if (reply->jobs[i].state == JOB_SCHEDULED)
			continue;
		if (has_ended(&reply->jobs[i]) && ended++ >= ended_max)
			continue;
		put_job_row(&grid, &reply->jobs[i]);
		rows++;
	}
	if (rows)
		grid_print(&grid, out, 0, columns, true, colour);
	else
		buf_str(out, "no jobs\n");
	if (ended > ended_max)
		buf_printf(out, "and %zu older ones that have ended (--all)\n", ended - ended_max);
	grid_deinit(&grid);
}

/* The newest job that the schedule has opened, among those told; 0 = none. */
static uint64_t last_run(const struct wire_status_reply *reply, uint64_t schedule)
{
	for (size_t i = 0; i < reply->jobs_count; i++)
		if (reply->jobs[i].schedule == schedule)
			return reply->jobs[i].job;
	return 0;
}

static void put_schedule_row(struct grid *grid, const struct wire_status_reply *reply,
			     const struct wire_job_status *job)
{
	char     stamp[CLOCK_RFC3339_BYTES];
	uint64_t last = last_run(reply, job->job);

	grid_cell_printf(grid, STYLE_BOLD, "%llu", (unsigned long long)job->job);
	grid_cell(grid, STYLE_PLAIN, job->every);
	clock_rfc3339(job->next_ms, stamp);
	if (job->paused)
		grid_cell(grid, STYLE_YELLOW, SLICE_LIT("paused"));
	else
		grid_cell(grid, STYLE_PLAIN, slice_str(job->next_ms ? stamp : "-"));
	if (last)
		grid_cell_printf(grid, STYLE_PLAIN, "%llu", (unsigned long long)last);
	else
		grid_cell(grid, STYLE_DIM, SLICE_LIT("-"));
	grid_cell(grid, STYLE_PLAIN, job->label);
}

static void put_schedules(struct buf *out, const struct wire_status_reply *reply, unsigned columns, bool colour)
{
	static const struct grid_column specs[] = {
		{.title = "SCHEDULE", .right = true},
		{.title = "EVERY"},
		{.title = "NEXT"},
		{.title = "LAST JOB", .right = true},
		{.title = "WHAT", .width_min = 16},
	};
	struct grid grid;
	size_t      rows = 0;

	grid_init(&grid, specs, sizeof(specs) / sizeof(*specs));
	for (size_t i = 0; i < reply->jobs_count; i++) {
		if (reply->jobs[i].state != JOB_SCHEDULED)
			continue;
		put_schedule_row(&grid, reply, &reply->jobs[i]);
		rows++;
	}
	if (rows) {
		buf_byte(out, '\n');
		grid_print(&grid, out, 0, columns, true, colour);
	}
	grid_deinit(&grid);
}

void job_table_put(struct buf *out, const struct wire_status_reply *reply, size_t ended_max, unsigned columns,
		   bool colour)
{
	put_jobs(out, reply, ended_max, columns, colour);
	put_schedules(out, reply, columns, colour);
	for (size_t i = 0; i < reply->notices.count; i++) {
		buf_str(out, "! ");
		escape_terminal(out, reply->notices.items[i]);
		buf_byte(out, '\n');
	}
}

static void put_time(struct json_writer *w, const char *key, uint64_t unix_ms)
{
	char stamp[CLOCK_RFC3339_BYTES];

	clock_rfc3339(unix_ms, stamp);
	if (unix_ms)
		json_put_str(w, key, stamp);
	else
		json_put_null(w, key);
}

static void put_job_object(struct json_writer *w, const struct wire_job_status *job)
{
	json_begin_object(w, NULL);
	json_put_uint(w, "job", job->job);
	json_put_text(w, "label", job->label);
	json_put_str(w, "state", job_state_name(job));
	json_put_str(w, "priority", job->priority == WIRE_PRIORITY_BULK ? "bulk" : "adhoc");
	put_time(w, "submitted", job->submitted_ms);
	put_time(w, "finished", job->finished_ms);
	json_put_bool(w, "paused", job->paused);
	if (job->every.len) {
		json_put_text(w, "every", job->every);
		put_time(w, "next", job->next_ms);
	}
	if (job->schedule)
		json_put_uint(w, "schedule", job->schedule);
	json_put_bool(w, "growing", job->growing);
	json_begin_object(w, "images");
	json_put_uint(w, "total", job->images_total);
	json_put_uint(w, "done", job->images_done);
	json_put_uint(w, "failed", job->images_failed);
	json_put_uint(w, "incomplete", job->images_incomplete);
	json_put_uint(w, "skipped", job->images_skipped);
	json_end_object(w);
	json_begin_object(w, "layers");
	json_put_uint(w, "uses", job->layer_uses);
	json_put_uint(w, "unique", job->layers_total);
	json_put_uint(w, "done", job->layers_done);
	json_put_uint(w, "scanned", job->layers_scanned);
	json_put_uint(w, "reused", job->layers_reused);
	json_put_uint(w, "verified", job->layers_verified);
	json_put_uint(w, "failed", job->layers_failed);
	json_end_object(w);
	json_put_uint(w, "bytes_total", job->bytes_total);
	json_put_uint(w, "bytes_done", job->bytes_done);
	json_put_uint(w, "bytes_fetched", job->bytes_fetched);
	json_put_uint(w, "retries", job->retries);
	json_end_object(w);
}

void job_json_put(struct json_writer *w, const struct wire_status_reply *reply)
{
	json_begin_array(w, "jobs");
	for (size_t i = 0; i < reply->jobs_count; i++)
		put_job_object(w, &reply->jobs[i]);
	json_end_array(w);
	json_begin_array(w, "notices");
	for (size_t i = 0; i < reply->notices.count; i++)
		json_put_text(w, NULL, reply->notices.items[i]);
	json_end_array(w);
}

void job_line_put(struct buf *out, const struct wire_job_status *s)
{
	char     fetched[24];
	uint64_t seconds = s->finished_ms > s->submitted_ms ? (s->finished_ms - s->submitted_ms + 500) / 1000 : 0;

	table_bytes_text(s->bytes_fetched, fetched);
	buf_printf(out,
		   "job %llu %s: %llu images (%llu failed, %llu incomplete, %llu skipped), %llu unique layers (%llu "
		   "scanned, %llu reused, "
		   "%llu verified, %llu failed), %s fetched, %llu s\n",
		   (unsigned long long)s->job, job_state_name(s), (unsigned long long)s->images_done,
		   (unsigned long long)s->images_failed, (unsigned long long)s->images_incomplete,
		   (unsigned long long)s->images_skipped, (unsigned long long)s->layers_total,
		   (unsigned long long)s->layers_scanned, (unsigned long long)s->layers_reused,
		   (unsigned long long)s->layers_verified, (unsigned long long)s->layers_failed, fetched,
		   (unsigned long long)seconds);
}
