#include "core_internal.h"

#include <stdlib.h>

/* --- images --- */

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

/* Why a layer failed or was skipped; in the image's arena. */
struct core_layer_reason {
	size_t                    index;
	struct slice              text;
	struct core_layer_reason *next;
};

static void tell_outcomes(struct core *core, struct core_image *image)
{
	size_t count = image->image.layers_count;

	image->outcomes = arena_array(&image->arena, count + 1, sizeof(*image->outcomes));
	if (!image->outcomes) {
		core->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		image->outcomes[i].status = (enum layer_status)image->statuses[i];
	for (const struct core_layer_reason *reason = image->reasons; reason; reason = reason->next)
		image->outcomes[reason->index].reason = reason->text;
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
		incomplete |= image->statuses[i] >= LAYER_PARTIAL;
	if (incomplete)
		job->stats.images_incomplete++;
}

static void reference_check(struct core *core, struct core_job *job, struct core_reference *reference);

static void image_ended(struct core *core, struct core_image *image)
{
	struct core_job       *job = core_job_find(core, image->job);
	struct core_reference *reference = core_reference_find(job, image->reference);
	struct core_action    *action = core_emit(core, CORE_IMAGE_DONE);

	action->image = image;
	action->job = image->job;
	tell_outcomes(core, image);
	count_image(job, image);
	unlink_image(job, image);
	job->images_open--;
	core->images_open--;
	if (reference) {
		reference->images_open--;
		reference_check(core, job, reference);
	}
	core_job_check(core, job);
}

void core_image_settle(struct core *core, struct core_image *image, size_t index, enum layer_status status,
		       struct slice text)
{
	struct core_layer_reason *reason;

	image->statuses[index] = (uint8_t)status;
	if (status >= LAYER_FAILED && (reason = arena_alloc(&image->arena, sizeof(*reason))) != NULL) {
		*reason = (struct core_layer_reason){
			.index = index, .text = arena_copy(&image->arena, text), .next = image->reasons};
		image->reasons = reason;
	}
	if (--image->pending == 0)
		image_ended(core, image);
}

void core_image_found(struct core *core, const struct core_event *event)
{
	struct core_image     *image = event->image;
	struct core_job       *job = core_job_find(core, image->job);
	struct core_reference *reference = job ? core_reference_find(job, image->reference) : NULL;

	if (!reference || job->cancelled || reference->ended) {
		core_image_free(image);
		return;
	}
	image->statuses = arena_array(&image->arena, image->image.layers_count + 1, 1);
	if (!image->statuses) {
		core->failed = true;
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
	image->pending =
		(uint32_t)image->image.layers_count + 1; /* one for ourselves: not over before all are wanted */
	for (size_t i = 0; i < image->image.layers_count && !core->failed; i++)
		core_layer_want(core, image, i);
	if (--image->pending == 0)
		image_ended(core, image);
}

void core_images_free(struct core *core, struct core_job *job)
{
	while (job->images) {
		struct core_image *image = job->images;

		unlink_image(job, image);
		core_image_free(image);
		job->images_open--;
		core->images_open--;
	}
}

/* --- references --- */

struct core_reference *core_reference_find(const struct core_job *job, uint64_t number)
{
	return map_get(&job->by_number, slice_of(&number, sizeof(number)));
}

static void reference_free(struct core *core, struct core_job *job, struct core_reference *reference)
{
	core_task_unqueue(core, &reference->task);
	core_task_retire(core, &reference->task);
	core_host_use(&reference->task.host, NULL);
	if (reference->previous)
		reference->previous->next = reference->next;
	else
		job->references = reference->next;
	if (reference->next)
		reference->next->previous = reference->previous;
	map_remove(&job->by_number, slice_of(&reference->number, sizeof(reference->number)));
	if (reference->task.kind == CORE_ENUMERATE && job->listings_open)
		job->listings_open--;
	job->references_open--;
	core->references--;
	core_job_hungry(core, job);
	free((void *)(uintptr_t)reference->text.ptr);
	free(reference);
}

void core_references_free(struct core *core, struct core_job *job)
{
	while (job->references)
		reference_free(core, job, job->references);
}

static void reference_check(struct core *core, struct core_job *job, struct core_reference *reference)
{
	struct core_action *action;

	if (!reference->ended || reference->images_open)
		return;
	action = core_emit(core, CORE_REFERENCE_DONE);
	action->job = job->id;
	action->reference = reference->number;
	reference_free(core, job, reference);
	core_job_check(core, job);
}

/* What is still out for it is not needed any more. */
static void reference_end(struct core *core, struct core_reference *reference)
{
	reference->ended = true;
	core_task_unqueue(core, &reference->task);
	core_task_retire(core, &reference->task);
	reference_check(core, reference->task.job, reference);
}

void core_reference_done(struct core *core, struct core_reference *reference)
{
	if (reference->task.kind == CORE_RESOLVE && !reference->images_found)
		reference->task.job->stats.images_total--; /* counted with its reference, but there is none */
	reference_end(core, reference);
}

void core_reference_failed(struct core *core, struct core_reference *reference, int code, struct slice text)
{
	struct core_action *action = core_emit(core, CORE_REFERENCE_FAILED);
	struct core_job    *job = reference->task.job;

	action->job = job->id;
	action->reference = reference->number;
	action->code = code;
	action->text = core_text(core, text);
	action->place = core_text(core, reference->text);
	if (reference->task.kind == CORE_ENUMERATE || reference->images_found)
		job->stats.images_total++;
	job->stats.images_done++;
	job->stats.images_failed++;
	reference_end(core, reference);
}

void core_reference_add(struct core *core, struct core_job *job, const struct core_event *event)
{
	struct core_reference *reference;

	if (core_reference_find(job, event->reference) || (reference = core_alloc(core, sizeof(*reference))) == NULL)
		return;
	reference->number = event->reference;
	reference->text = core_own(core, event->text);
	reference->task.kind = (uint8_t)event->task_kind;
	reference->task.job = job;
	reference->task.sequence = ++core->sequence;
	core_task_set_host(core, &reference->task, event->host);
	reference->next = job->references;
	if (reference->next)
		reference->next->previous = reference;
	job->references = reference;
	job->references_open++;
	core->references++;
	if (!map_put(&job->by_number, slice_of(&reference->number, sizeof(reference->number)), reference))
		core->failed = true;
	core_task_ready(core, &reference->task);
}

void core_reference_task_failed(struct core *core, struct core_reference *reference, const struct core_event *event)
{
	struct core_task *task = &reference->task;
	uint64_t          wait;

	if (event->fail_class != CORE_TRANSIENT || task->attempt + 1u >= core->config.attempts_max) {
		core_reference_failed(core, reference, event->code, event->text);
		return;
	}
	wait = core_backoff(core, ++task->attempt);
	core_task_later(core, task, wait > event->retry_after_ms ? wait : event->retry_after_ms);
}
