#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

enum { READ_AT_ONCE = 16384 };

/* Format 2 did not count which references are done: they are looked through once. */
static int count_references(struct loop *loop, struct loop_job *job, struct err *err)
{
	struct references_read read = {0};
	struct open_reference *open;
	struct arena           arena;
	uint64_t               open_count = 0, listings = 0;
	int                    status = 0;

	arena_init(&arena, 256 << 20);
	while (status >= 0 && !read.ended) {
		arena_reset(&arena);
		status = catalog_references_open(loop->catalog, job->record.job, read.next, READ_AT_ONCE, &arena, &open,
						 &read, err);
		for (size_t i = 0; status >= 0 && i < read.count; i++)
			listings += slice_starts(open[i].text, "registry://");
		open_count += read.count;
	}
	arena_deinit(&arena);
	job->record.references_done =
		open_count < job->record.references_count ? job->record.references_count - open_count : 0;
	job->record.listings_open = listings;
	return status;
}

/* Layers that the stored counters hold: they are not counted again when open images want them. */
static int tell_seen(struct loop *loop, uint64_t job, struct err *err)
{
	struct core_event seen = {.kind = CORE_JOB_SEEN, .job = job};
	uint64_t          hashes[1024], from = 0;
	size_t            count = 1;
	int               status = 0;

	while (status >= 0 && count) {
		status = catalog_job_layers(loop->catalog, job, from, hashes, 1024, &count, err);
		for (size_t i = 0; status >= 0 && i < count; i++) {
			seen.hash = hashes[i];
			loop_step(loop, &seen);
		}
		if (count && hashes[count - 1] == UINT64_MAX)
			break;
		from = count ? hashes[count - 1] + 1 : from;
	}
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

/* Of a record that says what cannot be, none: those that there are come to the core as it reads on. */
static uint64_t open_images(const struct job_record *record)
{
	uint64_t done = record->references_done + record->listings_open;

	return done < record->references_count ? record->references_count - done : 0;
}

static int resume_job(struct loop *loop, struct loop_job *job, struct err *err)
{
	struct core_event stored = {.kind = CORE_JOB_STORED, .job = job->record.job};
	struct core_event paused = {.kind = CORE_JOB_PAUSE, .job = job->record.job};
	struct core_event closed = {.kind = CORE_JOB_CLOSED, .job = job->record.job};
	int               status = 0;

	if (!job->record.failed_indexed && (status = count_references(loop, job, err)) < 0)
		return status;
	keep_finished_counts(job);
	loop_job_open(loop, job);
	if (job->record.paused)
		loop_step(loop, &paused);
	if ((status = tell_seen(loop, job->record.job, err)) < 0)
		return status;
	stored.listings = job->record.listings_open;
	stored.count = open_images(&job->record);
	if (stored.count + stored.listings)
		loop_step(loop, &stored);
	if (job->record.references_closed)
		loop_step(loop, &closed);
	return 0;
}

static int take_up(struct loop *loop, const struct job_record *record, struct err *err)
{
	struct loop_job *job = loop_job_add(loop, record);

	if (!job)
		return err_set(err, ERR_MEM, "broker: out of memory");
	job->record.owner = catalog_owner(loop->catalog);
	job->changed = true;
	log_about(LOG_INFO, "broker", LOG_JOB(record->job), "job %llu goes on%s", (unsigned long long)record->job,
		  record->state == JOB_SCHEDULED ? ": a schedule"
		  : record->paused               ? ", paused"
						 : "");
	return record->state == JOB_SCHEDULED ? 0 : resume_job(loop, job, err);
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

	arena_init(&arena, LOOP_JOB_BYTES_MAX);
	status = catalog_job_get(loop->catalog, id, &arena, &record, &damaged);
	if (status < 0) {
		log_about(LOG_WARNING, "broker", LOG_JOB(id), "job %llu: %s", (unsigned long long)id, damaged.text);
		status = 0;
	} else if ((record.state == JOB_RUNNING || record.state == JOB_SCHEDULED) &&
		   !catalog_owner_alive(loop->catalog, record.owner)) {
		if (record.embedded)
			status = end_job(loop, &record, err);
		else if (!loop->config.embedded)
			status = take_up(loop, &record, err);
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
	loop->dropping = 1; /* rows of jobs that ended just before */
	loop->retiring = true;
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
