#include "loop_internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { STATS_COUNT = 23, ROWS_DROPPED_PER_TURN = 4096 };

/* Places in the counters of a job, as docs/STORE_FORMAT.md lists them. */
enum { IMAGES_TOTAL = 0, IMAGES_DONE, IMAGES_FAILED, IMAGES_INCOMPLETE, IMAGES_SKIPPED, LAYER_USES = 11 };

struct loop_job *loop_job_find(const struct loop *loop, uint64_t id)
{
	return map_get(&loop->jobs_by_id, slice_of(&id, sizeof(id)));
}

struct loop_job *loop_job_running(const struct loop *loop, uint64_t id)
{
	struct loop_job *job = loop_job_find(loop, id);

	return job && job->record.state == JOB_RUNNING ? job : NULL;
}

static struct slice *copy_list(struct arena *arena, const struct slice *items, size_t count)
{
	struct slice *out = arena_array(arena, count + 1, sizeof(*out));

	for (size_t i = 0; out && i < count; i++)
		out[i] = arena_copy(arena, items[i]);
	return out;
}

static void job_free(struct loop_job *job)
{
	loop_marks_deinit(&job->done);
	arena_deinit(&job->arena);
	free(job);
}

static void copy_record(struct loop_job *job, const struct job_record *record)
{
	arena_init(&job->arena, LOOP_JOB_BYTES_MAX);
	job->record = *record;
	job->record.label = arena_copy(&job->arena, record->label);
	job->record.platform = arena_copy(&job->arena, record->platform);
	job->record.analyzer_set = arena_copy(&job->arena, record->analyzer_set);
	job->record.every = arena_copy(&job->arena, record->every);
	job->record.include = copy_list(&job->arena, record->include, record->include_count);
	job->record.exclude = copy_list(&job->arena, record->exclude, record->exclude_count);
}

struct loop_job *loop_job_add(struct loop *loop, const struct job_record *record)
{
	struct loop_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	copy_record(job, record);
	if (arena_failed(&job->arena) ||
	    !map_put(&loop->jobs_by_id, slice_of(&job->record.job, sizeof(job->record.job)), job)) {
		job_free(job);
		return NULL;
	}
	if (record->every.len)
		schedule_parse(record->every, &job->schedule, NULL);
	loop_marks_begin(&job->done, record->references_cursor);
	job->images_committed = record->images_count;
	job->listed_ms = loop->now;
	job->next = loop->jobs;
	loop->jobs = job;
	return job;
}

void loop_job_open(struct loop *loop, const struct loop_job *job)
{
	struct core_event open = {.kind = CORE_JOB_OPEN,
				  .job = job->record.job,
				  .priority = job->record.priority,
				  .no_reuse = job->record.flags & JOB_NO_REUSE,
				  .again = job->record.retry_of != 0};

	loop_step(loop, &open);
}

void loop_jobs_free(struct loop *loop)
{
	while (loop->jobs) {
		struct loop_job *job = loop->jobs;

		loop->jobs = job->next;
		job_free(job);
	}
}

/* --- counters: those of the core, and what is to be added to them: from earlier runs of the broker --- */

static void stat_numbers(struct core_job_stats *stats, uint64_t *numbers[STATS_COUNT])
{
	size_t n = 0;

	numbers[n++] = &stats->images_total;
	numbers[n++] = &stats->images_done;
	numbers[n++] = &stats->images_failed;
	numbers[n++] = &stats->images_incomplete;
	numbers[n++] = &stats->images_skipped;
	numbers[n++] = &stats->layers_total;
	numbers[n++] = &stats->layers_done;
	numbers[n++] = &stats->layers_scanned;
	numbers[n++] = &stats->layers_reused;
	numbers[n++] = &stats->layers_verified;
	numbers[n++] = &stats->layers_failed;
	numbers[n++] = &stats->layer_uses;
	numbers[n++] = &stats->bytes_total;
	numbers[n++] = &stats->bytes_done;
	numbers[n++] = &stats->bytes_fetched;
	numbers[n++] = &stats->tar_bytes;
	numbers[n++] = &stats->entries;
	numbers[n++] = &stats->files_analyzed;
	numbers[n++] = &stats->retries;
	numbers[n++] = &stats->memo_lookups;
	numbers[n++] = &stats->memo_hits;
	numbers[n++] = &stats->memo_kept;
	numbers[n] = NULL;
}

/* counters[0 … 21] in the order above; docs/STORE_FORMAT.md. */
static void fill_counters(const uint64_t *counters, struct wire_job_status *out)
{
	out->images_total = counters[IMAGES_TOTAL];
	out->images_done = counters[IMAGES_DONE];
	out->images_failed = counters[IMAGES_FAILED];
	out->images_incomplete = counters[IMAGES_INCOMPLETE];
	out->images_skipped = counters[IMAGES_SKIPPED];
	out->layers_total = counters[5];
	out->layers_done = counters[6];
	out->layers_scanned = counters[7];
	out->layers_reused = counters[8];
	out->layers_verified = counters[9];
	out->layers_failed = counters[10];
	out->layer_uses = counters[LAYER_USES];
	out->bytes_total = counters[12];
	out->bytes_done = counters[13];
	out->bytes_fetched = counters[14];
	out->tar_bytes = counters[15];
	out->entries = counters[16];
	out->files_analyzed = counters[17];
	out->retries = counters[18];
	out->memo_lookups = counters[19];
	out->memo_hits = counters[20];
	out->memo_kept = counters[21];
}

static void fill_status(const struct job_record *record, const uint64_t *counters, struct wire_job_status *out)
{
	*out = (struct wire_job_status){.job = record->job,
					.label = record->label,
					.state = record->state,
					.priority = record->priority,
					.submitted_ms = record->submitted_ms,
					.finished_ms = record->finished_ms,
					.paused = record->paused,
					.every = record->every,
					.next_ms = record->state == JOB_SCHEDULED ? record->next_ms : 0,
					.schedule = record->schedule};
	fill_counters(counters, out);
	if (record->state == JOB_SCHEDULED)
		out->images_total = record->references_count;
}

static void sum_counters(const struct loop *loop, const struct loop_job *job, uint64_t counters[LOOP_COUNTERS],
			 bool *growing)
{
	struct core_job_stats stats = job->stats;
	uint64_t             *numbers[STATS_COUNT];

	core_job_stats(loop->core, job->record.job, &stats);
	*growing = stats.growing;
	stat_numbers(&stats, numbers);
	for (size_t i = 0; i < LOOP_COUNTERS; i++)
		counters[i] = job->base[i];
	for (size_t i = 0; numbers[i]; i++)
		counters[i] += *numbers[i];
}

void loop_job_status(const struct loop *loop, const struct loop_job *job, struct wire_job_status *out)
{
	uint64_t counters[LOOP_COUNTERS];
	bool     growing;

	sum_counters(loop, job, counters, &growing);
	fill_status(&job->record, counters, out);
	out->growing = (growing || job->record.filling || !job->record.references_closed) &&
		       (job->record.state == JOB_RUNNING || job->record.state == JOB_SCHEDULED);
}

void loop_job_status_stored(const struct job_record *record, struct wire_job_status *out)
{
	fill_status(record, record->counters, out);
}

bool loop_image_needs_retry(const struct image *image, const struct layer_outcome *layers, size_t count)
{
	bool incomplete = image->status == IMAGE_FAILED;

	for (size_t i = 0; i < count; i++)
		incomplete |= layers[i].status == LAYER_FAILED || layers[i].status == LAYER_PARTIAL;
	return incomplete;
}

/* The core has counted it as one more, because its reference was still open when the broker died. */
void loop_job_uncount_image(struct loop_job *job, const struct image *image, const struct core_outcome *outcomes)
{
	bool incomplete = false;

	for (size_t i = 0; i < image->layers_count; i++)
		incomplete |= outcomes[i].status >= LAYER_PARTIAL;
	job->base[IMAGES_TOTAL]--;
	job->base[IMAGES_DONE]--;
	job->base[IMAGES_FAILED] -= image->status == IMAGE_FAILED;
	job->base[IMAGES_SKIPPED] -= image->status == IMAGE_SKIPPED;
	job->base[IMAGES_INCOMPLETE] -= incomplete;
	job->base[LAYER_USES] -= image->layers_count;
	job->changed = true;
}

/* --- writing --- */

void loop_jobs_write(struct loop *loop)
{
	struct err err = {0};

	for (struct loop_job *job = loop->jobs; job; job = job->next) {
		bool growing;

		if (!job->changed || !loop_write(loop))
			continue;
		job->changed = false;
		sum_counters(loop, job, job->record.counters, &growing);
		if (catalog_job_put(loop->catalog, &job->record, &err) < 0)
			loop_broken(loop, &err);
	}
}

static bool is_over(const struct loop_job *job)
{
	return job->record.state != JOB_RUNNING && job->record.state != JOB_SCHEDULED;
}

void loop_jobs_committed(struct loop *loop)
{
	struct loop_job **link = &loop->jobs;

	while (*link) {
		struct loop_job *job = *link;

		loop->again |= job->images_committed != job->record.images_count || is_over(job);
		job->images_committed = job->record.images_count;
		if (!is_over(job) || job->changed) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		loop_judge_news(loop);
		map_remove(&loop->jobs_by_id, slice_of(&job->record.job, sizeof(job->record.job)));
		if (!loop->dropping || job->record.job < loop->dropping)
			loop->dropping = job->record.job;
		job_free(job);
	}
}

/* Of a job that another process may run, or that goes on after us, the rows stay. */
static bool has_ended(struct loop *loop, uint64_t job)
{
	struct job_record record;

	arena_reset(&loop->arena);
	if (loop_job_find(loop, job))
		return false;
	return catalog_job_get(loop->catalog, job, &loop->arena, &record, NULL) == ERR_NOT_FOUND ||
	       record.state == JOB_DONE || record.state == JOB_CANCELLED;
}

/* Rows of ended jobs that nobody needs go a few at a time. */
void loop_jobs_clean(struct loop *loop)
{
	struct err err = {0};
	uint64_t   job;
	bool       more = true;

	if (!loop->dropping)
		return;
	if (catalog_job_layers_next(loop->catalog, loop->dropping, &job, NULL) < 0) {
		loop->dropping = 0;
		return;
	}
	loop->again = true;
	if (!has_ended(loop, job)) {
		loop->dropping = job + 1;
		return;
	}
	loop->dropping = job;
	if (loop_write(loop) && catalog_job_layers_drop(loop->catalog, job, ROWS_DROPPED_PER_TURN, &more, &err) < 0)
		loop_broken(loop, &err);
	loop->dropping += !more;
}
