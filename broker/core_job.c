#include "core_internal.h"

#include <stdlib.h>
#include <string.h>

struct core_reference *core_reference_find(const struct core *core, uint64_t job_id, uint64_t number)
{
	struct core_job *job = core_job_find(core, job_id);

	return job ? map_get(&job->by_number, slice_of(&number, sizeof(number))) : NULL;
}

static void unlink_image(struct core_job *job, struct core_image *image)
{
	if (image->previous)
		image->previous->next = image->next;
	else
		job->images = image->next;
	if (image->next)
		image->next->previous = image->previous;
	image->next = image->previous = NULL;
}

static void count_image(struct core_job *job, const struct core_image *image)
{
	bool incomplete = false;

	job->stats.images_done++;
	job->stats.layer_uses += image->image.layers_count;
	if (image->image.status == IMAGE_SKIPPED)
		job->stats.images_skipped++;
	else if (image->image.status == IMAGE_FAILED)
		job->stats.images_failed++;
	for (size_t i = 0; i < image->image.layers_count; i++)
		incomplete |= image->outcomes[i].status >= LAYER_PARTIAL;
	if (incomplete)
		job->stats.images_incomplete++;
}

void core_job_check(struct core *core, struct core_job *job)
{
	struct core_action *action;

	if (job->ended || !job->closed || job->more || job->fetching || job->references_open || job->images_open)
		return;
	job->ended = true;
	action = core_emit(core, CORE_JOB_DONE);
	action->job = job->id;
	action->cancelled = job->cancelled;
	job->next_ended = core->ended;
	core->ended = job;
}

void core_image_ended(struct core *core, struct core_image *image)
{
	struct core_job       *job = core_job_find(core, image->job);
	struct core_reference *reference = core_reference_find(core, image->job, image->reference);
	struct core_action    *action = core_emit(core, CORE_IMAGE_DONE);

	action->image = image;
	action->job = image->job;
	count_image(job, image);
	unlink_image(job, image);
	job->images_open--;
	core->images_open--;
	if (reference) {
		reference->images_open--;
		core_reference_check(core, reference);
	}
	core_job_check(core, job);
}

static bool image_take(struct core *core, struct core_image *image)
{
	size_t count = image->image.layers_count;

	image->layers = arena_array(&image->arena, count + 1, sizeof(struct core_layer *));
	image->outcomes = arena_array(&image->arena, count + 1, sizeof(*image->outcomes));
	if (!image->layers || !image->outcomes)
		core->failed = true;
	return !core->failed;
}

void core_image_found(struct core *core, const struct core_event *event)
{
	struct core_image     *image = event->image;
	struct core_job       *job = core_job_find(core, image->job);
	struct core_reference *reference = core_reference_find(core, image->job, image->reference);

	if (!job || job->cancelled || !reference || !image_take(core, image)) {
		core_image_free(image);
		return;
	}
	if (reference->images_found++)
		job->stats.images_total++; /* the first one was counted with its reference */
	reference->images_open++;
	job->images_open++;
	core->images_open++;
	image->set = event->set;
	image->next = job->images;
	if (image->next)
		image->next->previous = image;
	job->images = image;
	image->pending = image->image.layers_count + 1; /* one for ourselves: not over before all are wanted */
	for (size_t i = 0; i < image->image.layers_count && !core->failed; i++)
		core_layer_want(core, image, i);
	if (--image->pending == 0)
		core_image_ended(core, image);
}

/* --- references --- */

static void reference_free(struct core_reference *reference)
{
	free((void *)(uintptr_t)reference->text.ptr);
	free(reference);
}

static void reference_unlink(struct core_reference *reference)
{
	struct core_job *job = reference->owner;

	if (reference->previous)
		reference->previous->next = reference->next;
	else
		job->references = reference->next;
	if (reference->next)
		reference->next->previous = reference->previous;
	map_remove(&job->by_number, slice_of(reference->key, sizeof(reference->key)));
	job->references_open--;
	if (reference->task.kind == CORE_ENUMERATE && job->listings_open)
		job->listings_open--;
}

void core_reference_check(struct core *core, struct core_reference *reference)
{
	struct core_job    *job = reference->owner;
	struct core_action *action;

	if (!reference->ended || reference->images_open)
		return;
	action = core_emit(core, CORE_REFERENCE_DONE);
	action->job = job->id;
	action->reference = reference->number;
	core_task_unqueue(core, &reference->task);
	core_task_retire(core, &reference->task);
	reference_unlink(reference);
	reference_free(reference);
	core_job_check(core, job);
}

void core_reference_failed(struct core *core, struct core_reference *reference, int code, struct slice text)
{
	struct core_action *action = core_emit(core, CORE_REFERENCE_FAILED);
	struct core_job    *job = reference->owner;

	action->job = job->id;
	action->reference = reference->number;
	action->code = code;
	action->text = core_text(core, text);
	action->place = core_text(core, reference->text);
	if (reference->task.kind == CORE_ENUMERATE || reference->images_found)
		job->stats.images_total++;
	job->stats.images_done++;
	job->stats.images_failed++;
	reference->ended = true;
	core_reference_check(core, reference);
}

void core_reference_add(struct core *core, struct core_job *job, const struct core_event *event)
{
	struct core_reference *reference;

	if (job->cancelled || core_reference_find(core, event->job, event->reference))
		return;
	reference = calloc(1, sizeof(*reference));
	if (!reference) {
		core->failed = true;
		return;
	}
	reference->owner = job;
	reference->number = event->reference;
	memcpy(reference->key, &event->reference, sizeof(reference->key));
	reference->text = core_own(core, event->text);
	reference->task.kind = event->task_kind;
	reference->task.priority = job->priority;
	reference->task.job = job->id;
	reference->task.sequence = ++core->sequence;
	reference->task.host = core_host_get(core, event->host);
	reference->next = job->references;
	if (reference->next)
		reference->next->previous = reference;
	job->references = reference;
	job->references_open++;
	if (!map_put(&job->by_number, slice_of(reference->key, sizeof(reference->key)), reference))
		core->failed = true;
	core_task_ready(core, &reference->task);
}

void core_reference_task_failed(struct core *core, struct core_reference *reference, const struct core_event *event)
{
	struct core_task *task = &reference->task;
	uint64_t          wait;

	if (event->fail_class == CORE_NOT_HERE && core_task_deny(core, task, event->worker)) {
		core_task_ready(core, task);
		return;
	}
	if (event->fail_class != CORE_TRANSIENT || task->attempt + 1 >= core->config.attempts_max) {
		core_reference_failed(core, reference, event->code, event->text);
		return;
	}
	wait = core_backoff(core, ++task->attempt);
	task->retry = CORE_RETRY_TRANSIENT;
	if (wait < event->retry_after_ms)
		wait = event->retry_after_ms;
	if (event->code == ERR_RATE) {
		task->host->blocked_until = core->now + wait;
		task->host->rate_limited++;
	}
	reference->owner->stats.retries++;
	core_task_later(core, task, wait);
}

/* --- jobs --- */

void core_job_open(struct core *core, const struct core_event *event)
{
	struct core_job *job;

	if (core_job_find(core, event->job))
		return;
	job = calloc(1, sizeof(*job));
	if (!job) {
		core->failed = true;
		return;
	}
	job->id = event->job;
	memcpy(job->key, &event->job, sizeof(job->key));
	job->priority = event->priority;
	job->no_reuse = event->no_reuse;
	job->again = event->again;
	if (!map_put(&core->jobs, slice_of(job->key, sizeof(job->key)), job))
		core->failed = true;
}

static void job_clear(struct core *core, struct core_job *job)
{
	while (job->references) {
		struct core_reference *reference = job->references;

		core_task_unqueue(core, &reference->task);
		core_task_retire(core, &reference->task);
		reference_unlink(reference);
		reference_free(reference);
	}
	while (job->images) {
		struct core_image *image = job->images;

		unlink_image(job, image);
		core_image_free(image);
		job->images_open--;
		core->images_open--;
	}
}

void core_job_cancel(struct core *core, struct core_job *job)
{
	job->cancelled = job->closed = true;
	job->more = job->fetching = false;
	core_layers_forget_cancelled(core, job->id);
	job_clear(core, job);
	core_job_check(core, job);
}

void core_job_free(struct core *core, struct core_job *job)
{
	job_clear(core, job);
	map_deinit(&job->by_number);
	core_hashes_deinit(&job->counted);
	free(job);
}

void core_jobs_bury(struct core *core)
{
	if (!core->ended)
		return;
	while (core->ended) {
		struct core_job *job = core->ended;

		core->ended = job->next_ended;
		map_remove(&core->jobs, slice_of(job->key, sizeof(job->key)));
		core_job_free(core, job);
	}
	core_layers_sweep(core);
}

/* --- the window of references --- */

void core_job_stored(struct core *core, struct core_job *job, const struct core_event *event)
{
	job->more = true;
	job->stored_again = true;
	job->stored_at = core->now;
	job->stats.images_total += event->count;
	job->listings_open += event->listings;
}

void core_job_fed(struct core *core, struct core_job *job, const struct core_event *event)
{
	if (!job->fetching)
		return;
	job->fetching = false;
	job->next_reference = event->reference;
	job->more = !event->none_left || job->stored_again;
	core_job_check(core, job);
}

void core_jobs_fetch(struct core *core)
{
	struct core_job *job;
	size_t           position = 0;

	while (!core->draining && (job = map_next(&core->jobs, &position)) != NULL) {
		struct core_action *action;

		if (!job->more || job->fetching || job->paused || job->references_open >= CORE_WINDOW_RUNNABLE)
			continue;
		job->fetching = true;
		job->stored_again = false;
		action = core_emit(core, CORE_FETCH_REFERENCES);
		action->job = job->id;
		action->reference = job->next_reference;
		action->count = CORE_FETCH_MAX;
	}
}
