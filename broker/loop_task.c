#include "loop_internal.h"

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
	if (action->task_kind == CORE_RESOLVE)
		task->known = loop_known_get(loop, job, worker, action->text, arena);
}

/* What it was to be compared with may be gone since it was claimed: then it is scanned like any other. */
static bool still_to_verify(struct loop *loop, const struct core_action *action)
{
	struct digest known;

	return action->verify &&
	       catalog_diff_id_find(loop->catalog, &action->diff_id, action->key.set, &known, NULL) >= 0;
}

static void describe_layer(struct loop *loop, const struct core_action *action, struct wire_task *task)
{
	const struct image_layer *layer = &action->image->image.layers[action->index];
	const struct loop_job    *job = loop_job_find(loop, action->job);

	task->reference = action->image->image.reference;
	task->digest = layer->digest;
	task->diff_id = action->diff_id;
	task->size = layer->size;
	task->media_type = layer->media_type;
	task->location = layer->location;
	task->verify = still_to_verify(loop, action);
	task->no_reuse = job && job->record.flags & JOB_NO_REUSE;
}

/* A scan begins: it is counted in the commit before which its task does not leave. */
static int count_start(struct loop *loop, const struct core_action *action, struct loop_frame *frame, struct err *err)
{
	bool again;

	frame->counted = true;
	frame->key = (struct layer_key){.digest = action->key.digest, .set = action->key.set};
	frame->reason = loop->retry_reason;
	loop->retry_reason = FLEET_RETRIED_NOT_SENT; /* of one that is sent without a word of why */
	return catalog_count_start(loop->catalog, &frame->key, frame->reason, &again, err);
}

static void not_sent(struct loop *loop, const struct core_action *action, bool too_long)
{
	struct core_event failed = {.kind = CORE_SEND_FAILED, .lease = action->lease};
	struct core_event long_one = {.kind = CORE_TASK_FAILED,
				      .lease = action->lease,
				      .fail_class = CORE_PERMANENT,
				      .code = ERR_LIMIT,
				      .text = SLICE_LIT("what is to be done does not fit into one message")};

	loop_queue_event(loop, too_long ? &long_one : &failed);
}

static void tell(const struct core_action *action, const struct wire_task *task)
{
	struct log_subject about = {.job = action->job, .worker = action->worker, .lease = action->lease};
	char               digest[DIGEST_TEXT_BYTES] = "";

	if (action->task_kind == CORE_LAYER) {
		digest_text(&task->digest, digest);
		about.layer = slice_str(digest);
	}
	log_about(LOG_DEBUG, "broker", &about, "lease %llu of worker %llu for job %llu: %s %.*s %s",
		  (unsigned long long)action->lease, (unsigned long long)action->worker,
		  (unsigned long long)action->job,
		  action->task_kind == CORE_LAYER     ? "layer of"
		  : action->task_kind == CORE_RESOLVE ? "resolve"
						      : "list",
		  SLICE_FMT(slice_sub(task->reference, 0, 300)), digest);
}

int loop_task_send(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct wire_task    task = {.lease = action->lease,
				    .kind = (uint32_t)action->task_kind,
				    .attempt = action->attempt,
				    .job = action->job};
	struct loop_worker *worker = loop_worker_find(loop, action->worker);
	struct loop_frame  *frame = worker ? loop_send_frame(loop, &worker->peer) : NULL;
	struct arena        arena;

	if (!frame) {
		not_sent(loop, action, false);
		return 0;
	}
	frame->lease = action->lease;
	arena_init(&arena, TASK_BYTES_MAX);
	if (action->task_kind == CORE_LAYER)
		describe_layer(loop, action, &task);
	else
		describe_light(loop, action, worker, &arena, &task);
	wire_put_task(&frame->bytes, 0, &task);
	tell(action, &task);
	arena_deinit(&arena);
	if (!buf_ok(&frame->bytes)) {
		not_sent(loop, action, true);
		return 0;
	}
	return action->task_kind == CORE_LAYER ? count_start(loop, action, frame, err) : 0;
}
