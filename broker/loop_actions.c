#include "loop_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

void loop_queue_event(struct loop *loop, const struct core_event *event)
{
	if (loop->events_count == loop->events_capacity) {
		size_t             capacity = loop->events_capacity ? loop->events_capacity * 2 : 64;
		struct core_event *events = realloc(loop->events, capacity * sizeof(*events));
		struct err         err = {0};

		if (!events) {
			err_set(&err, ERR_MEM, "broker: out of memory");
			loop_broken(loop, &err);
			return;
		}
		loop->events = events;
		loop->events_capacity = capacity;
	}
	loop->events[loop->events_count++] = *event;
}

static struct layer_key key_of(const struct core_action *action)
{
	return (struct layer_key){.digest = action->key.digest, .set = action->key.set};
}

/* Why it is in quarantine, in memory that lives until the event is stepped. */
static void explain_quarantine(struct loop *loop, const struct layer_key *key, struct core_event *event)
{
	struct failure_record why;

	event->code = ERR_LIMIT;
	event->text = SLICE_LIT("in quarantine: workers died of it");
	if (catalog_quarantine_get(loop->catalog, key, &loop->arena, &why, NULL) < 0)
		return;
	event->code = why.code;
	event->text = arena_printf(&loop->arena, "in quarantine: %.*s", SLICE_FMT(why.text));
}

static int claim(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct layer_key             key = key_of(action);
	static const enum core_claim answers[] = {[CLAIM_GRANTED] = CORE_CLAIM_GRANTED,
						  [CLAIM_KNOWN] = CORE_CLAIM_KNOWN,
						  [CLAIM_BUSY] = CORE_CLAIM_BUSY,
						  [CLAIM_QUARANTINED] = CORE_CLAIM_QUARANTINED};
	struct claim                 answer;
	struct core_event            event = {.kind = CORE_CLAIMED, .layer = action->layer};
	int                          status = 0;

	if (action->again && (status = catalog_quarantine_clear(loop->catalog, &key, err)) < 0)
		return status;
	status = catalog_claim(loop->catalog, &key, &action->diff_id, action->force, &answer, err);
	if (status < 0)
		return status;
	event.claim = answers[answer.answer];
	event.retry = answer.retry ? CORE_RETRY_AGAIN : CORE_RETRY_NONE;
	if (answer.answer == CLAIM_QUARANTINED)
		explain_quarantine(loop, &key, &event);
	event.partial = answer.partial;
	event.verify = answer.answer == CLAIM_GRANTED && !digest_is_zero(&answer.verify);
	loop_queue_event(loop, &event);
	return 0;
}

static int record_failure(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct failure_record failure = {.fail_class = (uint32_t)action->fail_class,
					 .code = action->code,
					 .at_ms = clock_unix_ms(),
					 .attempts = action->attempts,
					 .text = action->text};

	return catalog_failure_put(loop->catalog, &action->key.digest, action->place, &failure, err);
}

/* --- tasks --- */

enum { TASK_BYTES_MAX = 2 * WIRE_KNOWN_BYTES_MAX };

static void describe_light(struct loop *loop, const struct core_action *action, const struct loop_worker *worker,
			   struct arena *arena, struct wire_task *task)
{
	const struct loop_job *job = loop_job_find(loop, action->job);

	task->reference = action->text;
	if (!job)
		return;
	task->platform = job->record.platform;
	task->include = (struct wire_strings){.items = job->record.include, .count = job->record.include_count};
	task->exclude = (struct wire_strings){.items = job->record.exclude, .count = job->record.exclude_count};
	task->newest = job->record.newest;
	if (action->task_kind == CORE_RESOLVE && worker)
		task->known = loop_known_get(loop, job, worker, action->text, arena);
}

static void describe_layer(const struct core_action *action, struct wire_task *task)
{
	const struct image_layer *layer = &action->image->image.layers[action->index];

	task->reference = action->image->image.reference;
	task->digest = layer->digest;
	task->diff_id = action->diff_id;
	task->size = layer->size;
	task->media_type = layer->media_type;
	task->location = layer->location;
	task->verify = action->verify;
}

static void send_task(struct loop *loop, const struct core_action *action)
{
	struct wire_task task = {
		.lease = action->lease, .kind = (uint32_t)action->task_kind, .attempt = action->attempt};
	struct loop_worker *worker = loop_worker_find(loop, action->worker);
	struct core_event   failed = {.kind = CORE_SEND_FAILED, .lease = action->lease};
	struct core_event   too_long = {.kind = CORE_TASK_FAILED,
					.lease = action->lease,
					.fail_class = CORE_PERMANENT,
					.code = ERR_LIMIT,
					.text = SLICE_LIT("what is to be done does not fit into one message")};
	struct arena        arena;
	struct buf         *frame;

	arena_init(&arena, TASK_BYTES_MAX);
	if (action->task_kind == CORE_LAYER)
		describe_layer(action, &task);
	else
		describe_light(loop, action, worker, &arena, &task);
	frame = worker ? loop_send_task(loop, &worker->peer, action->lease) : NULL;
	if (frame)
		wire_put_task(frame, 0, &task);
	arena_deinit(&arena);
	if (!frame || !buf_ok(frame))
		loop_queue_event(loop, frame ? &too_long : &failed);
}

/* A scan begins: it is counted with the commit before which its task does not leave. */
static int count_start(struct loop *loop, const struct core_action *action, struct err *err)
{
	const enum core_retry_reason reason = action->kind == CORE_COUNT_RETRY ? action->reason : CORE_RETRY_AGAIN;
	struct layer_key             key = key_of(action);
	bool                         again;

	return catalog_count_start(loop->catalog, &key,
				   (enum fleet_counter)(FLEET_RETRIED_TRANSIENT + reason - CORE_RETRY_TRANSIENT),
				   &again, err);
}

static void drop_lease(struct loop *loop, const struct core_action *action)
{
	struct loop_worker *worker = loop_worker_find(loop, action->worker);
	struct buf         *frame = worker ? loop_send(loop, &worker->peer) : NULL;

	if (frame)
		wire_put_number(frame, WIRE_DROP, 0, action->lease);
}

/* --- images and jobs --- */

static int add_image(struct loop *loop, uint64_t job_id, struct job_image *image, struct slice place, struct err *err)
{
	struct loop_job *job = loop_job_find(loop, job_id);
	bool             added;
	int              status;

	if (!job)
		return 0;
	image->number = job->record.images_count;
	status = catalog_image_add(loop->catalog, job_id, image, place, &added, err);
	if (status >= 0 && added)
		job->record.images_count++;
	job->changed = true;
	return status;
}

static int image_done(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct core_image *image = action->image;
	struct job_image   stored = {
		  .image = image->encoded, .set = image->set, .layers_count = image->image.layers_count};
	int status;

	stored.layers = arena_array(&image->arena, stored.layers_count + 1, sizeof(*stored.layers));
	if (!stored.layers) {
		core_image_free(image);
		return err_set(err, ERR_MEM, "broker: out of memory");
	}
	for (size_t i = 0; i < stored.layers_count; i++)
		stored.layers[i] = (struct layer_outcome){.status = (uint32_t)image->outcomes[i].status,
							  .reason = image->outcomes[i].reason};
	status = add_image(loop, action->job, &stored, image->place, err);
	core_image_free(image);
	return status;
}

/* A reference that could not even be resolved is an image too: failed, with the reason. */
static int reference_failed(struct loop *loop, const struct core_action *action, struct err *err)
{
	const struct loop_job *job = loop_job_find(loop, action->job);
	struct image           image = {
			  .reference = action->place, .status = IMAGE_FAILED, .error = action->code, .reason = action->text};
	struct job_image stored = {0};
	struct buf       encoded, place;
	int              status;

	buf_init(&encoded, 1 << 20);
	buf_init(&place, 1 << 20);
	buf_append(&place, action->place);
	buf_byte(&place, ' ');
	if (job)
		buf_append(&place, job->record.platform);
	status = image_encode(&image, &encoded, err);
	stored.image = buf_slice(&encoded);
	if (status >= 0)
		status = add_image(loop, action->job, &stored, buf_slice(&place), err);
	buf_deinit(&encoded);
	buf_deinit(&place);
	return status;
}

static void job_done(struct loop *loop, const struct core_action *action)
{
	struct loop_job *job = loop_job_find(loop, action->job);

	if (!job)
		return;
	core_job_stats(loop->core, action->job, &job->stats);
	job->stats.growing = false;
	job->record.state = action->cancelled ? JOB_CANCELLED : JOB_DONE;
	job->record.finished_ms = clock_unix_ms();
	job->changed = true;
}

static int job_layer(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct loop_job *job = loop_job_find(loop, action->job);

	if (!job)
		return 0;
	job->changed = true;
	return catalog_job_layer_put(loop->catalog, action->job, action->hash, err);
}

static int quarantine(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct layer_key      key = key_of(action);
	struct failure_record why = {.fail_class = CORE_POISON,
				     .code = action->code,
				     .at_ms = clock_unix_ms(),
				     .attempts = action->attempts,
				     .text = action->text};

	return catalog_quarantine_put(loop->catalog, &key, &why, err);
}

static int carry_out(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct layer_key key = key_of(action);

	switch (action->kind) {
	case CORE_CLAIM:
		return claim(loop, action, err);
	case CORE_RELEASE:
		return catalog_release(loop->catalog, &key, err);
	case CORE_COUNT_START:
	case CORE_COUNT_RETRY:
		return count_start(loop, action, err);
	case CORE_COUNT_LATE:
		return catalog_count_late(loop->catalog, &key, err);
	case CORE_RECORD_FAILURE:
		return record_failure(loop, action, err);
	case CORE_IMAGE_DONE:
		return image_done(loop, action, err);
	case CORE_REFERENCE_FAILED:
		return reference_failed(loop, action, err);
	case CORE_REFERENCE_DONE:
		return catalog_reference_done(loop->catalog, action->job, action->reference, err);
	case CORE_SEND_TASK:
		send_task(loop, action);
		return 0;
	case CORE_DROP_LEASE:
		drop_lease(loop, action);
		return 0;
	case CORE_JOB_DONE:
		job_done(loop, action);
		return 0;
	case CORE_FETCH_REFERENCES:
		return loop_references_fetch(loop, action, err);
	case CORE_JOB_LAYER:
		return job_layer(loop, action, err);
	case CORE_QUARANTINE:
		return quarantine(loop, action, err);
	case CORE_WORKER_DRAINED:
	case CORE_DRAINED:
		return 0;
	}
	return 0;
}

void loop_carry_out(struct loop *loop, const struct core_action *action)
{
	struct err err = {0};

	if (action->kind != CORE_SEND_TASK && action->kind != CORE_DROP_LEASE && action->kind != CORE_JOB_DONE &&
	    !loop_write(loop)) {
		if (action->kind == CORE_IMAGE_DONE)
			core_image_free(action->image);
		return;
	}
	if (carry_out(loop, action, &err) < 0)
		loop_broken(loop, &err);
}
