#include "core_internal.h"

#include <stdlib.h>

/* --- counters --- */

/* A layer that is counted in the job stays so, also when the broker dies and takes the job up again. */
static void count_row(struct core *core, const struct core_layer *layer, const struct core_job *job)
{
	struct core_action *action = core_emit(core, CORE_JOB_LAYER);

	action->job = job->id;
	action->key = layer->key;
	action->hash = core_layer_hash(&layer->key);
}

static void count_status(struct core_job *job, enum layer_status status, bool first, bool verified)
{
	if (status == LAYER_FAILED)
		job->stats.layers_failed++;
	else if (status == LAYER_REUSED || !first)
		job->stats.layers_reused++;
	else if (verified)
		job->stats.layers_verified++;
	else
		job->stats.layers_scanned++;
}

/* Settles the layer in the counters of every job that waits for it; the first one had it scanned. */
static void count_end(struct core *core, struct core_layer *layer, enum layer_status status, bool verified)
{
	bool first = true;

	for (uint32_t i = 0; i < layer->waiters_count; i++) {
		const struct layer_waiter *waiter = &layer->waiters[i];
		struct core_job           *job = core_job_find(core, waiter->image->job);

		if (!job || (!waiter->counts && !waiter->recounts))
			continue;
		if (waiter->recounts) {
			job->stats.layers_failed--;
		} else {
			job->stats.layers_done++;
			count_row(core, layer, job);
		}
		count_status(job, status, first, verified);
		first = false;
	}
	if (layer->owned && layer->payer && layer->task.size != UINT64_MAX)
		layer->payer->stats.bytes_done += layer->task.size;
	layer->payer = NULL;
}

void core_layer_count_ended(struct core *core, struct core_layer *layer, struct core_job *job)
{
	job->stats.layers_done++;
	count_status(job, layer->state == LAYER_NODE_FAILED ? LAYER_FAILED : LAYER_REUSED, false, false);
	count_row(core, layer, job);
}

/* --- jobs that an ended layer stays for --- */

static void use(struct core *core, struct core_layer *layer, struct core_job *job, bool failed)
{
	struct layer_rare *rare = core_layer_rare(core, layer);
	struct layer_use  *entry = rare ? rare->uses : NULL;

	while (entry && entry->job != job)
		entry = entry->next_of_layer;
	if (entry)
		entry->failed = failed;
	if (entry || !rare || (entry = core_alloc(core, sizeof(*entry))) == NULL)
		return;
	*entry = (struct layer_use){
		.job = job, .layer = layer, .failed = failed, .next_of_layer = rare->uses, .next_of_job = job->uses};
	rare->uses = job->uses = entry;
}

void core_uses_free(struct core *core, struct core_job *job)
{
	while (job->uses) {
		struct layer_use  *entry = job->uses;
		struct core_layer *layer = entry->layer;
		struct layer_use **link = &layer->rare->uses;

		job->uses = entry->next_of_job;
		while (*link != entry)
			link = &(*link)->next_of_layer;
		*link = entry->next_of_layer;
		free(entry);
		if (!layer->rare->uses && (layer->state == LAYER_NODE_DONE || layer->state == LAYER_NODE_FAILED))
			core_layer_free(core, layer);
	}
}

/* --- the end for all who wait --- */

static bool is_non_distributable(struct slice media_type)
{
	return slice_find_str(media_type, "nondistributable") != SIZE_MAX ||
	       slice_find_str(media_type, "foreign") != SIZE_MAX;
}

/* A failure belongs to a place: an image hears why its own place did not give the layer, if that was asked. */
void core_layer_settle(struct core *core, const struct core_layer *layer, struct core_image *image, size_t index,
		       enum layer_status status)
{
	const struct layer_rare   *rare = layer->rare;
	const struct layer_source *own = core_layer_failed_source(layer, image, index);
	const int                  code = own ? own->code : rare ? rare->code : 0;
	const struct slice         reason = own ? own->reason : rare ? rare->reason : SLICE_EMPTY;

	if (status == LAYER_FAILED && code == ERR_NOT_FOUND &&
	    is_non_distributable(image->image.layers[index].media_type))
		status = LAYER_SKIPPED;
	core_image_settle(core, image, index, status, status >= LAYER_FAILED ? reason : SLICE_EMPTY);
}

void core_layer_release(struct core *core, struct core_layer *layer)
{
	if (!layer->owned)
		return;
	layer->owned = false;
	core_emit(core, CORE_RELEASE)->key = layer->key;
}

/* Of a layer just scanned the first waiter says "scanned", all others "reused". A layer that others may reuse is the
 * catalog's from now on: the node goes. */
static void layer_end(struct core *core, struct core_layer *layer, enum layer_status status, bool verified)
{
	struct layer_waiter *waiters = layer->waiters, only = layer->first;
	const uint32_t       count = layer->waiters_count;
	const bool           inner = waiters == &layer->first;

	core_task_unqueue(core, &layer->task);
	core_task_retire(core, &layer->task);
	layer->state = status == LAYER_FAILED ? LAYER_NODE_FAILED : LAYER_NODE_DONE;
	count_end(core, layer, status, verified);
	core_layer_release(core, layer);
	layer->waiters = &layer->first;
	layer->waiters_capacity = 1;
	layer->waiters_count = layer->tried = 0;
	layer->task.job = NULL;
	waiters = inner ? &only : waiters;
	for (uint32_t i = 0; i < count; i++) {
		struct core_job *job = core_job_find(core, waiters[i].image->job);

		if (job && (status == LAYER_FAILED || !layer->reusable || (layer->rare && layer->rare->uses)))
			use(core, layer, job, status == LAYER_FAILED);
	}
	for (uint32_t i = 0; i < count; i++)
		core_layer_settle(core, layer, waiters[i].image, waiters[i].index,
				  status == LAYER_SCANNED && i > 0 ? LAYER_REUSED : status);
	if (!inner)
		free(waiters);
	if (!layer->rare || !layer->rare->uses)
		core_layer_free(core, layer);
}

void core_layer_known(struct core *core, struct core_layer *layer, bool partial)
{
	layer->partial = partial;
	layer->reusable = true;
	layer_end(core, layer, partial ? LAYER_PARTIAL : LAYER_REUSED, false);
}

void core_layer_done(struct core *core, struct core_layer *layer, const struct core_event *event)
{
	struct core_job *job = layer->payer;

	if (job) {
		job->stats.bytes_fetched += event->bytes_fetched;
		job->stats.tar_bytes += event->tar_bytes;
		job->stats.entries += event->entries;
		job->stats.files_analyzed += event->files_analyzed;
		job->stats.memo_lookups += event->memo_lookups;
		job->stats.memo_hits += event->memo_hits;
		job->stats.memo_kept += event->memo_kept;
	}
	layer->partial = event->partial;
	layer->reusable = event->reusable && !layer->pseudo;
	layer_end(core, layer, event->partial ? LAYER_PARTIAL : LAYER_SCANNED, event->verified);
}

void core_layer_lost(struct core *core, struct core_layer *layer, int code, struct slice text)
{
	struct layer_rare *rare = core_layer_rare(core, layer);

	if (rare) {
		free((void *)(uintptr_t)rare->reason.ptr);
		rare->reason = core_own(core, text);
		rare->code = code;
	}
	layer_end(core, layer, LAYER_FAILED, false);
}

/* --- failures --- */

static void record_failure(struct core *core, const struct core_layer *layer, const struct core_event *event)
{
	struct core_action *action;

	if (layer->pseudo)
		return;
	action = core_emit(core, CORE_RECORD_FAILURE);
	action->key = layer->key;
	action->fail_class = event->fail_class;
	action->code = event->code;
	action->attempts = layer->task.attempt + 1u;
	action->text = core_text(core, event->text);
	action->place = core_text(core, layer->waiters[layer->tried].image->location);
}

/* Workers break on it and no place is left: no later job is to try it there unasked. */
static void quarantine(struct core *core, const struct core_layer *layer, const struct core_event *event)
{
	struct core_action *action;

	if (layer->pseudo)
		return;
	action = core_emit(core, CORE_QUARANTINE);
	action->key = layer->key;
	action->code = event->code;
	action->text = core_text(core, event->text);
	action->attempts = layer->task.attempt + 1u;
}

/* What this waiter's image says cannot give the layer: the next one is asked, or the layer has failed. */
void core_layer_give_up_source(struct core *core, struct core_layer *layer, const struct core_event *event)
{
	const struct layer_waiter *tried = &layer->waiters[layer->tried];
	struct layer_rare         *rare = core_layer_rare(core, layer);

	record_failure(core, layer, event);
	if (rare && core_grow(core, &rare->failed, &rare->failed_capacity, rare->failed_count, sizeof(*rare->failed)))
		rare->failed[rare->failed_count++] = (struct layer_source){
			.location = core_own(core, tried->image->location),
			.size = tried->image->image.layers[tried->index].size,
			.reason = core_own(core, event->text),
			.code = event->code,
		};
	core_task_undeny(&layer->task);
	if (core_layer_choose_source(core, layer)) {
		layer->task.attempt = layer->task.losses = 0;
		layer->task.exclusive = layer->task.poisoned = false;
		core_task_retry(&layer->task, CORE_RETRY_OTHER_PLACE);
		core_task_ready(core, &layer->task);
		return;
	}
	if (event->fail_class == CORE_POISON)
		quarantine(core, layer, event);
	core_layer_lost(core, layer, event->code, event->text);
}

static void retry(struct core *core, struct core_layer *layer, enum core_retry_reason reason, uint64_t retry_after_ms)
{
	const uint64_t wait = core_backoff(core, ++layer->task.attempt);

	core_task_retry(&layer->task, reason);
	core_task_later(core, &layer->task, wait > retry_after_ms ? wait : retry_after_ms);
}

void core_layer_failed(struct core *core, struct core_layer *layer, const struct core_event *event)
{
	struct core_task      *task = &layer->task;
	enum core_retry_reason reason = CORE_RETRY_TRANSIENT;

	if (event->retry)
		reason = event->retry;
	else if (layer->verify && event->code == ERR_NOT_FOUND)
		reason = CORE_RETRY_VERIFY_LOST;
	if (event->fail_class == CORE_TRANSIENT && task->attempt + 1u < core->config.attempts_max) {
		retry(core, layer, reason, event->retry_after_ms);
	} else if (event->fail_class == CORE_POISON && !task->poisoned) {
		task->poisoned = task->exclusive = true;
		retry(core, layer, CORE_RETRY_POISON_ALONE, 0);
	} else {
		core_layer_give_up_source(core, layer, event);
	}
}

void core_layer_poison(struct core *core, struct core_layer *layer)
{
	const struct core_event event = {.fail_class = CORE_POISON,
					 .code = ERR_LIMIT,
					 .text = SLICE_LIT("poison: three workers were lost while they read it")};

	core_layer_give_up_source(core, layer, &event);
}
