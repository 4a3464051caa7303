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

/* --- claims and what is counted --- */

/* Why it is in quarantine, in memory that lives until the event is stepped. */
static void explain_quarantine(struct loop *loop, const struct layer_key *key, struct slice place,
			       struct core_event *event)
{
	struct failure_record why;

	event->here = catalog_failure_get(loop->catalog, &key->digest, place, &loop->event_texts, &why, NULL) >= 0 &&
		      why.fail_class == CORE_POISON;
	event->code = ERR_LIMIT;
	event->text = SLICE_LIT("in quarantine: workers died of it");
	if (catalog_quarantine_get(loop->catalog, key, &loop->event_texts, &why, NULL) < 0)
		return;
	event->code = why.code;
	event->text = arena_printf(&loop->event_texts, "in quarantine: %.*s", SLICE_FMT(why.text));
}

static enum core_retry_reason retry_reason(const struct claim *claim, bool force)
{
	if (!claim->retry)
		return CORE_RETRY_NONE;
	return claim->died ? CORE_RETRY_OWNER_DIED : force ? CORE_RETRY_FORCED : CORE_RETRY_AGAIN;
}

static int claim(struct loop *loop, const struct core_action *action, struct err *err)
{
	static const enum core_claim answers[] = {[CLAIM_GRANTED] = CORE_CLAIM_GRANTED,
						  [CLAIM_KNOWN] = CORE_CLAIM_KNOWN,
						  [CLAIM_BUSY] = CORE_CLAIM_BUSY,
						  [CLAIM_QUARANTINED] = CORE_CLAIM_QUARANTINED};
	struct layer_key             key = key_of(action);
	struct claim                 answer;
	struct core_event            event = {.kind = CORE_CLAIMED, .layer = action->layer};
	int                          status = 0;

	if (action->again)
		status = catalog_quarantine_clear(loop->catalog, &key, err);
	if (status >= 0)
		status = catalog_claim(loop->catalog, &key, &action->diff_id, action->force, &answer, err);
	if (status < 0)
		return status;
	event.claim = answers[answer.answer];
	event.retry = retry_reason(&answer, action->force);
	if (answer.answer == CLAIM_QUARANTINED)
		explain_quarantine(loop, &key, action->place, &event);
	event.partial = answer.partial;
	event.verify = answer.answer == CLAIM_GRANTED && !digest_is_zero(&answer.verify);
	loop_queue_event(loop, &event);
	return 0;
}

/* The two enumerations name the same reasons in the same order. */
static enum fleet_counter counter_of(enum core_retry_reason reason)
{
	if (reason == CORE_RETRY_NONE || reason >= CORE_RETRY_REASONS)
		reason = CORE_RETRY_AGAIN;
	return (enum fleet_counter)(FLEET_RETRIED_TRANSIENT + (reason - CORE_RETRY_TRANSIENT));
}

static int record_failure(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct failure_record failure = {.fail_class = (uint32_t)action->fail_class,
					 .code = action->code,
					 .at_ms = clock_unix_ms(),
					 .attempts = action->attempts,
					 .text = action->text};
	char                  digest[DIGEST_TEXT_BYTES];

	digest_text(&action->key.digest, digest);
	log_about(LOG_INFO, "broker", &(struct log_subject){.job = action->job, .layer = slice_str(digest)},
		  "layer %s at %.*s is given up after %llu attempts: %.*s", digest,
		  SLICE_FMT(slice_sub(action->place, 0, 300)), (unsigned long long)action->attempts,
		  SLICE_FMT(slice_sub(action->text, 0, 300)));
	catalog_count(loop->catalog, FLEET_FAILED, 1);
	return catalog_failure_put(loop->catalog, &action->key.digest, action->place, &failure, err);
}

static int quarantine(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct layer_key      key = key_of(action);
	char                  digest[DIGEST_TEXT_BYTES];
	struct failure_record why = {.fail_class = CORE_POISON,
				     .code = action->code,
				     .at_ms = clock_unix_ms(),
				     .attempts = action->attempts,
				     .text = action->text};

	digest_text(&key.digest, digest);
	log_about(LOG_WARNING, "broker", &(struct log_subject){.layer = slice_str(digest)},
		  "layer %s is in quarantine: %.*s", digest, SLICE_FMT(slice_sub(action->text, 0, 300)));
	return catalog_quarantine_put(loop->catalog, &key, &why, err);
}

static int job_layer(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct loop_job *job = loop_job_find(loop, action->job);

	if (!job)
		return 0;
	job->changed = true; /* the row and the counters that hold it go into one commit */
	return catalog_job_layer_put(loop->catalog, action->job, action->hash, err);
}

/* --- images and jobs --- */

static int image_done(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct core_image *image = action->image;
	struct loop_job   *job = loop_job_running(loop, action->job);
	struct job_image   stored = {
		  .image = image->encoded, .set = image->set, .layers_count = image->image.layers_count};
	bool added = true;
	int  status;

	stored.layers = arena_array(&image->arena, stored.layers_count + 1, sizeof(*stored.layers));
	if (!stored.layers)
		return err_set(err, ERR_MEM, "broker: out of memory");
	for (size_t i = 0; i < stored.layers_count; i++)
		stored.layers[i] = (struct layer_outcome){.status = (uint32_t)image->outcomes[i].status,
							  .reason = image->outcomes[i].reason};
	if (!job)
		return 0;
	stored.number = job->record.images_count;
	stored.failed = loop_image_needs_retry(&image->image, stored.layers, stored.layers_count);
	status = catalog_image_add(loop->catalog, action->job, &stored, image->place, &added, err);
	job->changed = true;
	if (status >= 0 && !added)
		loop_job_uncount_image(job, &image->image, image->outcomes);
	if (status < 0 || !added)
		return status;
	job->record.images_count++;
	loop_index_news(loop);
	catalog_count(loop->catalog, FLEET_IMAGES, 1);
	catalog_count(loop->catalog, FLEET_IMAGES_FAILED, stored.failed);
	loop_metrics_image(loop, &image->image, image->outcomes);
	return 0;
}

static int reference_failed(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct loop_job   *job = loop_job_running(loop, action->job);
	const struct image failed = {.status = IMAGE_FAILED};
	bool               added;
	int                status;

	if (!job)
		return 0;
	status = loop_reference_failed(loop, job, action->place, action->code, action->text, &added, err);
	if (status >= 0 && !added)
		loop_job_uncount_image(job, &failed, NULL);
	if (status >= 0 && added)
		loop_metrics_image(loop, &failed, NULL);
	return status;
}

static void job_done(struct loop *loop, const struct core_action *action)
{
	struct loop_job *job = loop_job_running(loop, action->job);

	if (!job)
		return;
	core_job_stats(loop->core, action->job, &job->stats);
	job->stats.growing = false;
	job->record.state = action->cancelled ? JOB_CANCELLED : JOB_DONE;
	job->record.finished_ms = clock_unix_ms();
	job->changed = true;
	if (!loop->config.embedded)
		log_about(LOG_INFO, "broker", LOG_JOB(action->job), "job %llu %s: %llu images",
			  (unsigned long long)action->job, action->cancelled ? "is cancelled" : "is done",
			  (unsigned long long)job->record.images_count);
}

static void drop_lease(struct loop *loop, const struct core_action *action)
{
	struct loop_worker *worker = loop_worker_find(loop, action->worker);

	if (worker)
		loop_reply_number(loop, &worker->peer, WIRE_DROP, 0, action->lease);
}

static void worker_drained(const struct loop *loop, const struct core_action *action)
{
	log_about(LOG_INFO, "broker", LOG_WORKER(action->worker), "worker %llu is drained",
		  (unsigned long long)action->worker);
	(void)loop;
}

static int carry_out(struct loop *loop, const struct core_action *action, struct err *err)
{
	struct layer_key key = key_of(action);

	switch (action->kind) {
	case CORE_FETCH_REFERENCES:
		return loop_references_fetch(loop, action, err);
	case CORE_CLAIM:
		return claim(loop, action, err);
	case CORE_RELEASE:
		return catalog_release(loop->catalog, &key, err);
	case CORE_COUNT_START:
	case CORE_COUNT_RETRY: /* counted when the task is written, which comes next */
		loop->retry_reason = counter_of(action->reason);
		return 0;
	case CORE_COUNT_LATE:
		return catalog_count_late(loop->catalog, &key, err);
	case CORE_RECORD_FAILURE:
		return record_failure(loop, action, err);
	case CORE_QUARANTINE:
		return quarantine(loop, action, err);
	case CORE_JOB_LAYER:
		return job_layer(loop, action, err);
	case CORE_IMAGE_DONE:
		return image_done(loop, action, err);
	case CORE_REFERENCE_FAILED:
		return reference_failed(loop, action, err);
	case CORE_REFERENCE_DONE:
		return loop_reference_done(loop, action->job, action->reference, err);
	case CORE_SEND_TASK:
		return loop_task_send(loop, action, err);
	case CORE_DROP_LEASE:
		drop_lease(loop, action);
		return 0;
	case CORE_JOB_DONE:
		job_done(loop, action);
		return 0;
	case CORE_WORKER_DRAINED:
		worker_drained(loop, action);
		return 0;
	case CORE_DRAINED:
		loop->drained = loop->draining;
		return 0;
	}
	return 0;
}

static bool writes(enum core_action_kind kind)
{
	return kind != CORE_DROP_LEASE && kind != CORE_JOB_DONE && kind != CORE_WORKER_DRAINED && kind != CORE_DRAINED;
}

void loop_carry_out(struct loop *loop, const struct core_action *action)
{
	struct err err = {0};

	if ((!writes(action->kind) || loop_write(loop)) && carry_out(loop, action, &err) < 0)
		loop_broken(loop, &err);
	if (action->kind == CORE_IMAGE_DONE)
		core_image_free(action->image);
}
