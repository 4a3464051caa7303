#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"

#include <string.h>

enum { FILLED_PER_TURN = 1000, FILL_BYTES_MAX = 256 << 20 };

/* --- jobs that take their references from another one: a few each turn, and on from there after a restart --- */

static void fill_error(const struct loop_job *job, const struct err *err)
{
	log_about(LOG_WARNING, "broker", LOG_JOB(job->record.job), "job %llu: %s", (unsigned long long)job->record.job,
		  err->text);
}

static void fill_ended(struct loop *loop, struct loop_job *job)
{
	job->record.filling = false;
	loop_references_close(loop, job);
}

/* Who asks for a layer again wants it tried, whatever it did to workers before. */
static int clear_quarantine(struct loop *loop, const struct job_image *stored, const struct image *image,
			    struct err *err)
{
	int status = 0;

	for (size_t i = 0; i < image->layers_count && i < stored->layers_count && status >= 0; i++) {
		const struct layer_key key = {.digest = image->layers[i].digest, .set = stored->set};

		if (stored->layers[i].status == LAYER_FAILED)
			status = catalog_quarantine_clear(loop->catalog, &key, err);
	}
	return status;
}

/* Image `number` of the job that is done again. False: the store has failed. */
static bool retry_image(struct loop *loop, struct loop_job *job, uint64_t number, struct loop_added *added)
{
	struct job_image stored;
	struct image     image;
	struct arena     arena;
	struct err       err = {0};

	arena_init(&arena, FILL_BYTES_MAX);
	if (catalog_image_get(loop->catalog, job->record.retry_of, number, &arena, &stored, &err) >= 0 &&
	    image_decode(stored.image, &arena, &image, &err) >= 0 &&
	    loop_image_needs_retry(&image, stored.layers, stored.layers_count)) {
		if (clear_quarantine(loop, &stored, &image, &err) < 0)
			loop_broken(loop, &err);
		else
			loop_reference_add(loop, job, image.reference, added, &err);
	}
	if (err.code) /* nobody can say what that image was */
		fill_error(job, &err);
	arena_deinit(&arena);
	return !loop->broken.code;
}

static void fill_from_failed(struct loop *loop, struct loop_job *job, struct loop_added *added)
{
	struct job_record earlier;
	struct err        err = {0};
	uint64_t          number = job->record.fill_next;

	arena_reset(&loop->arena);
	if (catalog_job_get(loop->catalog, job->record.retry_of, &loop->arena, &earlier, &err) < 0) {
		fill_error(job, &err);
		fill_ended(loop, job);
		return;
	}
	for (unsigned i = 0; i < FILLED_PER_TURN; i++, number++) {
		bool more = number < earlier.images_count;

		if (more && earlier.failed_indexed)
			more = catalog_image_failed_next(loop->catalog, earlier.job, number, &number, NULL) >= 0 &&
			       number < earlier.images_count;
		if (!more) {
			loop_references_added(loop, job, added);
			*added = (struct loop_added){0};
			fill_ended(loop, job);
			break;
		}
		if (!retry_image(loop, job, number, added))
			return;
	}
	job->record.fill_next = number;
}

static void fill_from_schedule(struct loop *loop, struct loop_job *job, struct loop_added *added)
{
	struct references_read read;
	struct open_reference *open;
	struct arena           arena;
	struct err             err = {0};

	arena_init(&arena, FILL_BYTES_MAX);
	if (catalog_references_open(loop->catalog, job->record.schedule, job->record.fill_next, FILLED_PER_TURN, &arena,
				    &open, &read, &err) < 0) {
		loop_broken(loop, &err);
	} else {
		for (size_t i = 0; i < read.count && !loop->broken.code; i++)
			if (!loop_reference_add(loop, job, open[i].text, added, &err)) {
				fill_error(job, &err);
				err_clear(&err);
			}
		job->record.fill_next = read.next;
		loop_references_added(loop, job, added);
		*added = (struct loop_added){0};
		if (read.ended)
			fill_ended(loop, job);
	}
	arena_deinit(&arena);
}

void loop_fill_turn(struct loop *loop)
{
	struct loop_job *next;

	for (struct loop_job *job = loop->jobs; job && !loop->broken.code; job = next) {
		struct loop_added added = {0};

		next = job->next;
		if (!job->record.filling || job->record.state != JOB_RUNNING || !loop_write(loop))
			continue;
		if (job->record.schedule)
			fill_from_schedule(loop, job, &added);
		else
			fill_from_failed(loop, job, &added);
		loop_references_added(loop, job, &added);
		job->changed = true;
		loop->again = true;
	}
}

/* --- schedules --- */

static const struct loop_job *running_run(const struct loop *loop, uint64_t schedule)
{
	const struct loop_job *job = loop->jobs;

	while (job && (job->record.schedule != schedule || job->record.state != JOB_RUNNING))
		job = job->next;
	return job;
}

/* An ordinary job with the schedule's options; its references are copied in the turns that follow. */
static int open_run(struct loop *loop, const struct loop_job *schedule, uint64_t *id, struct err *err)
{
	struct job_record record = schedule->record;
	struct loop_job  *job;
	uint64_t          token[2] = {random_seed(), random_seed()};
	int               status;

	record.job = 0;
	memcpy(record.token, token, sizeof(record.token));
	record.state = JOB_RUNNING;
	record.every = SLICE_EMPTY;
	record.next_ms = 0;
	record.schedule = schedule->record.job;
	record.submitted_ms = clock_unix_ms();
	record.references_closed = false;
	record.references_count = record.references_batches = record.references_sum = record.listings_open = 0;
	record.skipped_runs = record.fill_next = 0;
	record.filling = true;
	if ((status = catalog_job_new(loop->catalog, &record, err)) < 0)
		return status;
	if ((job = loop_job_add(loop, &record)) == NULL)
		return err_set(err, ERR_MEM, "broker: out of memory");
	loop_job_open(loop, job);
	*id = record.job;
	return 0;
}

static void due(struct loop *loop, struct loop_job *schedule, uint64_t now)
{
	const struct loop_job *before = running_run(loop, schedule->record.job);
	struct err             err = {0};
	uint64_t               id = 0;

	if (!loop_write(loop))
		return;
	if (before) {
		schedule->record.skipped_runs++;
		catalog_count(loop->catalog, FLEET_SCHEDULE_SKIPPED, 1);
		log_about(LOG_WARNING, "broker", LOG_JOB(schedule->record.job),
			  "schedule %llu is due, but skipped: its job %llu still runs",
			  (unsigned long long)schedule->record.job, (unsigned long long)before->record.job);
	} else if (open_run(loop, schedule, &id, &err) < 0) {
		loop_broken(loop, &err);
		return;
	} else {
		catalog_count(loop->catalog, FLEET_SCHEDULE_RUNS, 1);
		log_about(LOG_INFO, "broker", LOG_JOB(schedule->record.job), "schedule %llu is due: job %llu is open",
			  (unsigned long long)schedule->record.job, (unsigned long long)id);
	}
	schedule->record.next_ms = schedule_next(&schedule->schedule, schedule->record.next_ms, now);
	schedule->changed = true;
	loop->again = true;
}

/* What was missed while nobody was there is due once: the next time is always one that is to come. */
void loop_schedules_turn(struct loop *loop)
{
	uint64_t now = clock_unix_ms();

	for (struct loop_job *job = loop->jobs; job && !loop->draining && !loop->broken.code; job = job->next)
		if (job->record.state == JOB_SCHEDULED && !job->record.paused && job->record.references_closed &&
		    job->record.next_ms <= now)
			due(loop, job, now);
}
