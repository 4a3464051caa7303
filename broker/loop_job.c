#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "model/reference.h"

#include <stdlib.h>
#include <string.h>

enum { JOB_BYTES_MAX = 16 << 20, STATS_COUNT = 20 };

struct loop_job *loop_job_find(const struct loop *loop, uint64_t id)
{
	struct loop_job *job = loop->jobs;

	while (job && job->record.job != id)
		job = job->next;
	return job;
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
	arena_deinit(&job->arena);
	free(job);
}

struct loop_job *loop_job_add(struct loop *loop, const struct job_record *record)
{
	struct loop_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	arena_init(&job->arena, JOB_BYTES_MAX);
	job->record = *record;
	job->record.label = arena_copy(&job->arena, record->label);
	job->record.platform = arena_copy(&job->arena, record->platform);
	job->record.analyzer_set = arena_copy(&job->arena, record->analyzer_set);
	job->record.include = copy_list(&job->arena, record->include, record->include_count);
	job->record.exclude = copy_list(&job->arena, record->exclude, record->exclude_count);
	if (arena_failed(&job->arena)) {
		job_free(job);
		return NULL;
	}
	job->images_committed = record->images_count;
	job->next = loop->jobs;
	loop->jobs = job;
	return job;
}

void loop_jobs_free(struct loop *loop)
{
	while (loop->jobs) {
		struct loop_job *job = loop->jobs;

		loop->jobs = job->next;
		job_free(job);
	}
}

/* --- counters: those stored with the job before this run, and those of the core since --- */

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
	stats->growing = false;
	numbers[n] = NULL;
}

/* counters[0 … 18] in the order above; docs/STORE_FORMAT.md. */
static void fill_status(const struct job_record *record, const uint64_t *counters, struct wire_job_status *out)
{
	*out = (struct wire_job_status){.job = record->job,
					.label = record->label,
					.state = record->state,
					.priority = record->priority,
					.submitted_ms = record->submitted_ms,
					.finished_ms = record->finished_ms};
	out->images_total = counters[0];
	out->images_done = counters[1];
	out->images_failed = counters[2];
	out->images_incomplete = counters[3];
	out->images_skipped = counters[4];
	out->layers_total = counters[5];
	out->layers_done = counters[6];
	out->layers_scanned = counters[7];
	out->layers_reused = counters[8];
	out->layers_verified = counters[9];
	out->layers_failed = counters[10];
	out->layer_uses = counters[11];
	out->bytes_total = counters[12];
	out->bytes_done = counters[13];
	out->bytes_fetched = counters[14];
	out->tar_bytes = counters[15];
	out->entries = counters[16];
	out->files_analyzed = counters[17];
	out->retries = counters[18];
}

static void sum_counters(const struct loop *loop, const struct loop_job *job, uint64_t counters[24], bool *growing)
{
	struct core_job_stats stats = job->stats;
	uint64_t             *numbers[STATS_COUNT];

	core_job_stats(loop->core, job->record.job, &stats);
	*growing = stats.growing;
	stat_numbers(&stats, numbers);
	for (size_t i = 0; i < 24; i++)
		counters[i] = job->base[i];
	for (size_t i = 0; numbers[i]; i++)
		counters[i] += *numbers[i];
}

void loop_job_status(const struct loop *loop, const struct loop_job *job, struct wire_job_status *out)
{
	uint64_t counters[24];
	bool     growing;

	sum_counters(loop, job, counters, &growing);
	fill_status(&job->record, counters, out);
	out->growing = growing && job->record.state == JOB_RUNNING;
}

void loop_job_status_stored(const struct job_record *record, struct wire_job_status *out)
{
	fill_status(record, record->counters, out);
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

void loop_jobs_committed(struct loop *loop)
{
	struct loop_job **link = &loop->jobs;

	while (*link) {
		struct loop_job *job = *link;

		loop->again |= job->images_committed != job->record.images_count || job->record.state != JOB_RUNNING;
		job->images_committed = job->record.images_count;
		if (job->record.state == JOB_RUNNING || job->changed) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		job_free(job);
	}
}

/* --- references --- */

bool loop_reference_add(struct loop *loop, struct loop_job *job, struct slice text, struct err *err)
{
	struct reference  reference;
	struct core_event event = {.kind = CORE_JOB_STORED, .job = job->record.job};
	char              canonical[REFERENCE_TEXT_BYTES];
	bool              added;

	if (reference_parse(text, &reference, err) < 0)
		return false;
	if (reference_is_local(&reference) && !loop->config.embedded) {
		err_set(err, ERR_USAGE, "%.*s: local sources are read by `varve scan`, not by a broker's workers",
			SLICE_FMT(slice_sub(text, 0, 200)));
		return false;
	}
	reference_text(&reference, canonical);
	if (!loop_write(loop)) {
		err_set(err, loop->broken.code, "%s", loop->broken.text);
		return false;
	}
	if (catalog_reference_add(loop->catalog, job->record.job, job->record.references_count, slice_str(canonical),
				  &added, err) < 0) {
		loop_broken(loop, err);
		return false;
	}
	if (!added)
		return true;
	job->record.references_count++;
	job->changed = true;
	event.listings = reference_is_listing(&reference);
	event.count = !event.listings;
	loop_step(loop, &event);
	return true;
}

static void feed_reference(struct loop *loop, uint64_t job, const struct open_reference *open)
{
	struct reference  reference;
	struct core_event event = {
		.kind = CORE_JOB_REFERENCE, .job = job, .reference = open->number, .text = open->text};

	if (reference_parse(open->text, &reference, NULL) < 0)
		return;
	event.task_kind = reference_is_listing(&reference) ? CORE_ENUMERATE : CORE_RESOLVE;
	event.host = reference_is_local(&reference) ? SLICE_EMPTY : arena_copy(&loop->arena, slice_str(reference.host));
	loop_queue_event(loop, &event);
}

/* The texts live in the arena until the queued events are stepped. */
int loop_references_fetch(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct references_read read = {0};
	struct open_reference *open;
	struct core_event      fed = {.kind = CORE_JOB_FED, .job = action->job};
	int status = catalog_references_open(loop->catalog, action->job, action->reference, action->count, &loop->arena,
					     &open, &read, err);

	if (status < 0)
		return status;
	for (size_t i = 0; i < read.count; i++)
		feed_reference(loop, action->job, &open[i]);
	fed.reference = read.next;
	fed.none_left = read.ended;
	loop_queue_event(loop, &fed);
	return 0;
}

/* --- jobs of a broker that died --- */

/* How many images and listings are open; the references themselves are fetched when the core asks for them. */
static int count_open(struct loop *loop, uint64_t job, struct core_event *stored, struct err *err)
{
	struct references_read read = {0};
	struct open_reference *open;
	struct arena           arena;
	int                    status = 0;

	arena_init(&arena, 256 << 20);
	while (status >= 0 && !read.ended) {
		arena_reset(&arena);
		status = catalog_references_open(loop->catalog, job, read.next, 65536, &arena, &open, &read, err);
		for (size_t i = 0; status >= 0 && i < read.count; i++) {
			struct reference reference;

			if (reference_parse(open[i].text, &reference, NULL) >= 0 && reference_is_listing(&reference))
				stored->listings++;
			else
				stored->count++;
		}
	}
	arena_deinit(&arena);
	return status;
}

static int resume_layers(struct loop *loop, uint64_t job, struct err *err)
{
	struct core_event seen = {.kind = CORE_JOB_SEEN, .job = job};
	uint64_t          hashes[1024], from = 0;
	size_t            count;
	int               status;

	do {
		status = catalog_job_layers(loop->catalog, job, from, hashes, 1024, &count, err);
		for (size_t i = 0; status >= 0 && i < count; i++) {
			seen.hash = hashes[i];
			loop_step(loop, &seen);
		}
		if (count)
			from = hashes[count - 1] + 1;
	} while (status >= 0 && count == 1024 && from);
	return status;
}

/* What is finished stays counted; what is open is counted again. */
static void keep_finished_counts(struct loop_job *job)
{
	memcpy(job->base, job->record.counters, sizeof(job->base));
	job->base[0] = job->base[1];
	job->base[5] = job->base[6];
	job->base[12] = job->base[13];
}

static int resume_job(struct loop *loop, const struct job_record *record, struct err *err)
{
	struct loop_job  *job = loop_job_add(loop, record);
	struct core_event open = {.kind = CORE_JOB_OPEN,
				  .job = record->job,
				  .priority = record->priority,
				  .no_reuse = record->flags & JOB_NO_REUSE,
				  .again = record->retry_of != 0};
	struct core_event stored = {.kind = CORE_JOB_STORED, .job = record->job};
	struct core_event closed = {.kind = CORE_JOB_CLOSED, .job = record->job};
	int               status;

	if (!job)
		return err_set(err, ERR_MEM, "broker: out of memory");
	log_line(LOG_INFO, "broker", "job %llu goes on", (unsigned long long)record->job);
	job->record.owner = catalog_owner(loop->catalog);
	job->changed = true;
	keep_finished_counts(job);
	loop_step(loop, &open);
	if ((status = resume_layers(loop, record->job, err)) < 0 ||
	    (status = count_open(loop, record->job, &stored, err)) < 0)
		return status;
	loop_step(loop, &stored);
	if (record->references_closed)
		loop_step(loop, &closed);
	return 0;
}

/* A scan's own job ends with its process. */
static int end_job(struct loop *loop, struct job_record *record, struct err *err)
{
	record->state = JOB_CANCELLED;
	record->finished_ms = clock_unix_ms();
	return loop_write(loop) ? catalog_job_put(loop->catalog, record, err) : ERR_STORE;
}

static int resume_one(struct loop *loop, uint64_t id, struct err *err)
{
	struct job_record record;
	struct arena      arena;
	struct err        damaged = {0};
	int               status;

	arena_init(&arena, JOB_BYTES_MAX);
	status = catalog_job_get(loop->catalog, id, &arena, &record, &damaged);
	if (status < 0) {
		log_line(LOG_WARNING, "broker", "job %llu: %s", (unsigned long long)id, damaged.text);
		status = 0;
	} else if (record.state == JOB_RUNNING && !catalog_owner_alive(loop->catalog, record.owner)) {
		if (record.embedded)
			status = end_job(loop, &record, err);
		else if (!loop->config.embedded)
			status = resume_job(loop, &record, err);
	}
	arena_deinit(&arena);
	return status;
}

int loop_jobs_resume(struct loop *loop, struct err *err)
{
	uint64_t id = 0;
	int      status = 0;

	while (status >= 0 && catalog_job_newest(loop->catalog, id, &id, NULL) >= 0) {
		status = resume_one(loop, id, err);
		if (id == 1)
			break;
	}
	loop_jobs_write(loop);
	if (loop->broken.code)
		status = err_set(err, loop->broken.code, "%s", loop->broken.text);
	if (loop->batch) {
		loop->batch = false;
		if (status < 0)
			catalog_abort(loop->catalog);
		else
			status = catalog_commit(loop->catalog, err);
	}
	return status;
}
