#include "fleet_table.h"

#include "base/escape.h"
#include "report/grid.h"
#include "report/table_parts.h"

#include <stdio.h>

enum { SILENT_MS = 10000 /* several heartbeats late */, HOSTS_SHOWN_BYTES = 200 };

static bool is_told(const struct wire_status_reply *reply)
{
	return reply->workers_count || reply->counters_count; /* an older broker tells neither */
}

static void put_count(struct buf *out, const char *before, uint64_t count, const char *what)
{
	if (count)
		buf_printf(out, "%s%llu %s", before, (unsigned long long)count, what);
}

static void put_jobs(struct buf *out, const struct wire_status_reply *reply)
{
	uint64_t running = 0, paused = 0, schedules = 0;

	for (size_t i = 0; i < reply->jobs_count; i++) {
		const struct wire_job_status *job = &reply->jobs[i];

		running += job->state == JOB_RUNNING && !job->paused;
		paused += job->state == JOB_RUNNING && job->paused;
		schedules += job->state == JOB_SCHEDULED;
	}
	buf_printf(out, "; %llu %s running", (unsigned long long)running, running == 1 ? "job" : "jobs");
	put_count(out, ", ", paused, "paused");
	put_count(out, ", ", schedules, schedules == 1 ? "schedule" : "schedules");
}

void fleet_line_put(struct buf *out, const struct wire_status_reply *reply)
{
	uint64_t leases = 0, rate = 0, draining = 0, silent = 0;
	char     rate_text[24];

	if (!is_told(reply))
		return;
	for (size_t i = 0; i < reply->workers_count; i++) {
		leases += reply->workers[i].leases;
		rate += reply->workers[i].bytes_per_s;
		draining += reply->workers[i].draining;
		silent += reply->workers[i].heard_ms >= SILENT_MS;
	}
	table_bytes_text(rate, rate_text);
	if (reply->workers_count)
		buf_printf(out, "%zu %s", reply->workers_count, reply->workers_count == 1 ? "worker" : "workers");
	else
		buf_str(out, "no workers");
	put_count(out, ", ", draining, "draining");
	put_count(out, ", ", silent, "silent");
	if (leases)
		buf_printf(out, ", %llu tasks, %s/s", (unsigned long long)leases, rate_text);
	put_jobs(out, reply);
	buf_byte(out, '\n');
}

/* --- workers --- */

static void put_age(struct grid *grid, enum style style, uint64_t ms)
{
	uint64_t seconds = ms / 1000;

	if (seconds < 120)
		grid_cell_printf(grid, style, "%llu s", (unsigned long long)seconds);
	else if (seconds < 7200)
		grid_cell_printf(grid, style, "%llu min", (unsigned long long)seconds / 60);
	else
		grid_cell_printf(grid, style, "%llu h", (unsigned long long)seconds / 3600);
}

static void put_hosts(struct grid *grid, const struct wire_strings *hosts)
{
	struct buf text;

	buf_init(&text, 4 * HOSTS_SHOWN_BYTES);
	for (size_t i = 0; i < hosts->count && text.len < HOSTS_SHOWN_BYTES; i++) {
		buf_str(&text, i ? "," : "");
		buf_append(&text, slice_sub(hosts->items[i], 0, HOSTS_SHOWN_BYTES));
	}
	grid_cell(grid, hosts->count ? STYLE_PLAIN : STYLE_DIM, hosts->count ? buf_slice(&text) : SLICE_LIT("any"));
	buf_deinit(&text);
}

/* Of most workers: others have another version of the analyzers, and get no work of jobs that began with these. */
static struct slice usual_set(const struct wire_status_reply *reply)
{
	struct slice usual = SLICE_EMPTY;
	size_t       most = 0;

	for (size_t i = 0; i < reply->workers_count; i++) {
		size_t same = 0;

		for (size_t k = 0; k < reply->workers_count; k++)
			same += slice_eq(reply->workers[i].set, reply->workers[k].set);
		if (same > most)
			usual = reply->workers[i].set;
		most = same > most ? same : most;
	}
	return usual;
}

static void put_worker_row(struct grid *grid, const struct wire_worker_status *worker, struct slice usual)
{
	bool silent = worker->heard_ms >= SILENT_MS;
	char rate[24];

	table_bytes_text(worker->bytes_per_s, rate);
	grid_cell_printf(grid, STYLE_BOLD, "%llu", (unsigned long long)worker->worker);
	grid_cell(grid, STYLE_PLAIN, worker->name);
	grid_cell(grid, worker->draining || silent ? STYLE_YELLOW : STYLE_GREEN,
		  slice_str(silent             ? "silent"
			    : worker->draining ? "draining"
			    : worker->leases   ? "busy"
					       : "idle"));
	grid_cell(grid, STYLE_PLAIN, worker->version);
	grid_cell(grid, slice_eq(worker->set, usual) ? STYLE_PLAIN : STYLE_YELLOW, worker->set);
	grid_cell_printf(grid, STYLE_PLAIN, "%u+%u", worker->layer_slots, worker->light_slots);
	grid_cell_printf(grid, STYLE_PLAIN, "%u", worker->leases);
	if (worker->leases)
		put_age(grid, STYLE_PLAIN, worker->oldest_lease_ms);
	else
		grid_cell(grid, STYLE_DIM, SLICE_LIT("-"));
	put_age(grid, silent ? STYLE_YELLOW : STYLE_PLAIN, worker->heard_ms);
	grid_cell_printf(grid, STYLE_PLAIN, "%s/s", rate);
	put_hosts(grid, &worker->hosts);
}

void fleet_workers_put(struct buf *out, const struct wire_status_reply *reply, unsigned columns, bool colour)
{
	static const struct grid_column specs[] = {
		{.title = "WORKER", .right = true},
		{.title = "NAME", .width_min = 8},
		{.title = "STATE"},
		{.title = "VERSION"},
		{.title = "ANALYZERS"},
		{.title = "SLOTS", .right = true},
		{.title = "TASKS", .right = true},
		{.title = "OLDEST", .right = true},
		{.title = "HEARD", .right = true},
		{.title = "RATE", .right = true},
		{.title = "HOSTS", .width_min = 8},
	};
	struct slice usual = usual_set(reply);
	struct grid  grid;

	grid_init(&grid, specs, sizeof(specs) / sizeof(*specs));
	for (size_t i = 0; i < reply->workers_count; i++)
		put_worker_row(&grid, &reply->workers[i], usual);
	if (reply->workers_count)
		grid_print(&grid, out, 0, columns, true, colour);
	else
		buf_str(out, "no workers\n");
	grid_deinit(&grid);
}

/* --- counters --- */

void fleet_counters_put(struct buf *out, const struct wire_status_reply *reply)
{
	for (size_t i = 0; i < reply->counters_count; i++) {
		escape_terminal(out, reply->counters[i].name);
		buf_printf(out, " %llu\n", (unsigned long long)reply->counters[i].value);
	}
}

/* --- JSON --- */

static void put_worker_object(struct json_writer *w, const struct wire_worker_status *worker)
{
	json_begin_object(w, NULL);
	json_put_uint(w, "worker", worker->worker);
	json_put_text(w, "name", worker->name);
	json_put_text(w, "version", worker->version);
	json_put_text(w, "analyzers", worker->set);
	json_begin_array(w, "hosts");
	for (size_t i = 0; i < worker->hosts.count; i++)
		json_put_text(w, NULL, worker->hosts.items[i]);
	json_end_array(w);
	json_put_uint(w, "layer_slots", worker->layer_slots);
	json_put_uint(w, "light_slots", worker->light_slots);
	json_put_uint(w, "tasks", worker->leases);
	json_put_uint(w, "oldest_task_ms", worker->oldest_lease_ms);
	json_put_uint(w, "heard_ms", worker->heard_ms);
	json_put_bool(w, "draining", worker->draining);
	json_put_uint(w, "bytes_per_second", worker->bytes_per_s);
	json_end_object(w);
}

void fleet_json_put(struct json_writer *w, const struct wire_status_reply *reply)
{
	json_begin_array(w, "workers");
	for (size_t i = 0; i < reply->workers_count; i++)
		put_worker_object(w, &reply->workers[i]);
	json_end_array(w);
	json_begin_object(w, "counters");
	for (size_t i = 0; i < reply->counters_count; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", SLICE_FMT(slice_sub(reply->counters[i].name, 0, 63)));
		json_put_uint(w, name, reply->counters[i].value);
	}
	json_end_object(w);
}
