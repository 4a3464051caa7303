#include "job_table.h"

#include "base/clock.h"
#include "base/escape.h"
#include "base/json_write.h"
#include "report/grid.h"
#include "report/table_parts.h"

#include <stdio.h>

const char *job_state_name(uint32_t state)
{
	return state == JOB_RUNNING     ? "running"
	       : state == JOB_DONE      ? "done"
	       : state == JOB_CANCELLED ? "cancelled"
					: "unknown";
}

static enum style state_style(const struct wire_job_status *job)
{
	if (job->state == JOB_RUNNING)
		return STYLE_BLUE;
	return job->state == JOB_DONE && !job->images_failed && !job->images_incomplete ? STYLE_GREEN : STYLE_YELLOW;
}

static void put_job_row(struct grid *grid, const struct wire_job_status *job)
{
	char     stamp[CLOCK_RFC3339_BYTES];
	uint64_t bad = job->images_failed + job->images_incomplete;

	clock_rfc3339(job->submitted_ms, stamp);
	grid_cell_printf(grid, STYLE_BOLD, "%llu", (unsigned long long)job->job);
	grid_cell(grid, state_style(job), slice_str(job_state_name(job->state)));
	grid_cell_printf(grid, STYLE_PLAIN, "%llu/%llu%s", (unsigned long long)job->images_done,
			 (unsigned long long)job->images_total, job->growing ? "+" : "");
	grid_cell_printf(grid, bad ? STYLE_RED : STYLE_DIM, "%llu", (unsigned long long)bad);
	grid_cell_printf(grid, STYLE_PLAIN, "%llu/%llu", (unsigned long long)job->layers_done,
			 (unsigned long long)job->layers_total);
	grid_cell_printf(grid, STYLE_PLAIN, "%llu", (unsigned long long)job->layers_reused);
	grid_cell(grid, STYLE_PLAIN, slice_str(stamp));
	grid_cell(grid, STYLE_PLAIN, job->label);
}

void job_table_put(struct buf *out, const struct wire_status_reply *reply, unsigned columns, bool colour)
{
	static const struct grid_column specs[] = {
		{.title = "JOB", .right = true},
		{.title = "STATE"},
		{.title = "IMAGES", .right = true},
		{.title = "BAD", .right = true},
		{.title = "LAYERS", .right = true},
		{.title = "REUSED", .right = true},
		{.title = "SUBMITTED"},
		{.title = "WHAT", .width_min = 16},
	};
	struct grid grid;

	grid_init(&grid, specs, sizeof(specs) / sizeof(*specs));
	for (size_t i = 0; i < reply->jobs_count; i++)
		put_job_row(&grid, &reply->jobs[i]);
	if (reply->jobs_count)
		grid_print(&grid, out, 0, columns, true, colour);
	else
		buf_str(out, "no jobs\n");
	grid_deinit(&grid);
	for (size_t i = 0; i < reply->notices.count; i++) {
		buf_str(out, "! ");
		escape_terminal(out, reply->notices.items[i]);
		buf_byte(out, '\n');
	}
}

static void put_job_object(struct json_writer *w, const struct wire_job_status *job)
{
	char stamp[CLOCK_RFC3339_BYTES];

	json_begin_object(w, NULL);
	json_put_uint(w, "job", job->job);
	json_put_text(w, "label", job->label);
	json_put_str(w, "state", job_state_name(job->state));
	json_put_str(w, "priority", job->priority == WIRE_PRIORITY_BULK ? "bulk" : "adhoc");
	clock_rfc3339(job->submitted_ms, stamp);
	json_put_str(w, "submitted", stamp);
	if (job->finished_ms) {
		clock_rfc3339(job->finished_ms, stamp);
		json_put_str(w, "finished", stamp);
	} else {
		json_put_null(w, "finished");
	}
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
	json_put_uint(w, "bytes_fetched", job->bytes_fetched);
	json_put_uint(w, "retries", job->retries);
	json_end_object(w);
}

void job_json_put(struct buf *out, const struct wire_status_reply *reply)
{
	struct json_writer w = json_writer_of(out, 2);

	json_begin_object(&w, NULL);
	json_begin_array(&w, "jobs");
	for (size_t i = 0; i < reply->jobs_count; i++)
		put_job_object(&w, &reply->jobs[i]);
	json_end_array(&w);
	json_begin_array(&w, "notices");
	for (size_t i = 0; i < reply->notices.count; i++)
		json_put_text(&w, NULL, reply->notices.items[i]);
	json_end_array(&w);
	json_end_object(&w);
	buf_byte(out, '\n');
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
		   (unsigned long long)s->job, job_state_name(s->state), (unsigned long long)s->images_done,
		   (unsigned long long)s->images_failed, (unsigned long long)s->images_incomplete,
		   (unsigned long long)s->images_skipped, (unsigned long long)s->layers_total,
		   (unsigned long long)s->layers_scanned, (unsigned long long)s->layers_reused,
		   (unsigned long long)s->layers_verified, (unsigned long long)s->layers_failed, fetched,
		   (unsigned long long)seconds);
}
