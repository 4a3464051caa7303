#include "core_internal.h"

#include <stdlib.h>
#include <string.h>

enum { BUSY_POLL_MAX_MS = 2000 };

static bool is_terminal(const struct core_layer *layer)
{
	return layer->state == LAYER_NODE_DONE || layer->state == LAYER_NODE_FAILED;
}

void core_layer_free(struct core_layer *layer)
{
	for (size_t i = 0; i < layer->failed_count; i++)
		free((void *)(uintptr_t)layer->failed[i].location.ptr);
	free(layer->failed);
	free(layer->waiters);
	free(layer->users);
	free((void *)(uintptr_t)layer->reason.ptr);
	free(layer);
}

/* --- who uses it --- */

/* The job's entry; *added when it is new. NULL without memory. */
static struct layer_user *use(struct core *core, struct core_layer *layer, uint64_t job, bool *added)
{
	*added = false;
	for (size_t i = 0; i < layer->users_count; i++)
		if (layer->users[i].job == job)
			return &layer->users[i];
	if (!core_grow(core, &layer->users, &layer->users_capacity, layer->users_count, sizeof(*layer->users)))
		return NULL;
	*added = true;
	layer->users[layer->users_count] = (struct layer_user){.job = job};
	return &layer->users[layer->users_count++];
}

static uint64_t size_known(const struct core_layer *layer)
{
	return layer->task.size == UINT64_MAX ? 0 : layer->task.size;
}

/* A layer that is counted in the job stays so, also when the broker dies and takes the job up again. */
static void count_in_job(struct core *core, const struct core_layer *layer, struct core_job *job)
{
	uint64_t            hash = core_layer_hash(&layer->key);
	struct core_action *action;

	if (core_hashes_has(&job->counted, hash))
		return;
	if (!core_hashes_add(&job->counted, hash))
		core->failed = true;
	action = core_emit(core, CORE_JOB_LAYER);
	action->job = job->id;
	action->key = layer->key;
	action->hash = hash;
}

/* Settles the layer in the counters of every job that waited for it; the first one had it scanned. */
static void count_end(struct core *core, struct core_layer *layer, enum layer_status status, bool verified)
{
	bool first = true;

	for (size_t i = 0; i < layer->users_count; i++) {
		struct core_job *job = core_job_find(core, layer->users[i].job);

		if (!job || layer->users[i].ended)
			continue;
		layer->users[i].ended = true;
		job->stats.layers_done++;
		count_in_job(core, layer, job);
		if (status == LAYER_FAILED || status == LAYER_SKIPPED)
			job->stats.layers_failed++;
		else if (status == LAYER_REUSED || !first)
			job->stats.layers_reused++;
		else if (verified)
			job->stats.layers_verified++;
		else
			job->stats.layers_scanned++;
		if (first && layer->owned)
			job->stats.bytes_done += size_known(layer);
		first = false;
	}
}

static struct core_job *first_open_user(struct core *core, const struct core_layer *layer)
{
	for (size_t i = 0; i < layer->users_count; i++) {
		struct core_job *job = core_job_find(core, layer->users[i].job);

		if (job && !layer->users[i].ended)
			return job;
	}
	return NULL;
}

/* --- outcomes --- */

static bool is_non_distributable(struct slice media_type)
{
	return slice_find_str(media_type, "nondistributable") != SIZE_MAX ||
	       slice_find_str(media_type, "foreign") != SIZE_MAX;
}

static void settle(struct core *core, const struct core_layer *layer, struct core_image *image, size_t index,
		   enum layer_status status)
{
	struct core_outcome *outcome = &image->outcomes[index];

	if (status == LAYER_FAILED && layer->code == ERR_NOT_FOUND &&
	    is_non_distributable(image->image.layers[index].media_type))
		status = LAYER_SKIPPED;
	outcome->status = status;
	if (status == LAYER_FAILED || status == LAYER_SKIPPED)
		outcome->reason = arena_copy(&image->arena, layer->reason);
	if (--image->pending == 0)
		core_image_ended(core, image);
}

static void release(struct core *core, struct core_layer *layer)
{
	if (!layer->owned)
		return;
	layer->owned = false;
	core_emit(core, CORE_RELEASE)->key = layer->key;
}

/* Ends the layer for all who wait. Of a layer just scanned the first waiter says "scanned", all others "reused". */
static void layer_end(struct core *core, struct core_layer *layer, enum layer_status status, bool verified)
{
	struct layer_waiter *waiters = layer->waiters;
	size_t               count = layer->waiters_count;

	core_task_unqueue(core, &layer->task);
	core_task_retire(core, &layer->task);
	layer->state = status == LAYER_FAILED ? LAYER_NODE_FAILED : LAYER_NODE_DONE;
	count_end(core, layer, status, verified);
	release(core, layer);
	layer->waiters = NULL;
	layer->waiters_count = layer->waiters_capacity = 0;
	for (size_t i = 0; i < count; i++)
		settle(core, layer, waiters[i].image, waiters[i].index,
		       status == LAYER_SCANNED && i > 0 ? LAYER_REUSED : status);
	free(waiters);
}

/* --- wanting a layer --- */

static void ask(struct core *core, struct core_layer *layer)
{
	struct core_action *action = core_emit(core, CORE_CLAIM);

	layer->state = LAYER_NODE_CLAIMING;
	action->layer = layer;
	action->key = layer->key;
	action->diff_id = layer->diff_id;
	action->force = layer->force;
	action->again = layer->again;
}

static struct core_layer *layer_new(struct core *core, const uint8_t id[SHA256_BYTES + 8],
				    const struct core_image *image)
{
	struct core_layer *layer = calloc(1, sizeof(*layer));

	if (!layer) {
		core->failed = true;
		return NULL;
	}
	memcpy(layer->id, id, sizeof(layer->id));
	memcpy(layer->key.digest.bytes, id, SHA256_BYTES);
	layer->key.set = image->set;
	layer->task.kind = CORE_LAYER;
	if (!map_put(&core->layers, slice_of(layer->id, sizeof(layer->id)), layer)) {
		core->failed = true;
		free(layer);
		return NULL;
	}
	return layer;
}

/* A layer without digest (rootfs:) gets one that is its own: never equal to that of content. */
static void make_id(const struct core_image *image, size_t index, uint8_t id[SHA256_BYTES + 8])
{
	const struct image_layer *layer = &image->image.layers[index];

	if (digest_is_zero(&layer->digest)) {
		struct digest pseudo;

		core_pseudo_digest(image->job, image->image.reference, index, &pseudo);
		memcpy(id, pseudo.bytes, SHA256_BYTES);
	} else {
		memcpy(id, layer->digest.bytes, SHA256_BYTES);
	}
	memcpy(id + SHA256_BYTES, &image->set, 8);
}

/* A finished layer that must be read again for this job: it had failed, may not be reused, or the job wants no reuse. */
static bool must_restart(const struct core_layer *layer, const struct core_job *job, bool new_user)
{
	if (layer->state == LAYER_NODE_FAILED)
		return new_user;
	return new_user && (!layer->reusable || job->no_reuse);
}

static bool source_failed(const struct core_layer *layer, const struct core_image *image, size_t index)
{
	for (size_t i = 0; i < layer->failed_count; i++)
		if (layer->failed[i].size == image->image.layers[index].size &&
		    slice_eq(layer->failed[i].location, image->location))
			return true;
	return false;
}

static void restart(struct core *core, struct core_layer *layer, const struct core_job *job, bool all_places)
{
	if (all_places) {
		for (size_t i = 0; i < layer->failed_count; i++)
			free((void *)(uintptr_t)layer->failed[i].location.ptr);
		layer->failed_count = 0;
	}
	layer->task.attempt = layer->task.losses = 0;
	layer->task.denied_count = 0;
	layer->task.begun = layer->task.exclusive = layer->task.poisoned = false;
	layer->task.retry = CORE_RETRY_NONE;
	layer->force = layer->pseudo || job->no_reuse;
	layer->again = job->again || job->no_reuse;
	for (size_t i = 0; i < layer->users_count; i++)
		if (layer->users[i].job == job->id &&
		    layer->users[i].ended) { /* counted as failed before: open again */
			struct core_job *owner = core_job_find(core, job->id);

			layer->users[i].ended = false;
			owner->stats.layers_done--;
			owner->stats.layers_failed--;
		}
	ask(core, layer);
}

static void add_waiter(struct core *core, struct core_layer *layer, struct core_image *image, size_t index)
{
	if (!core_grow(core, &layer->waiters, &layer->waiters_capacity, layer->waiters_count, sizeof(*layer->waiters)))
		return;
	layer->waiters[layer->waiters_count++] = (struct layer_waiter){.image = image, .index = index};
}

/* A job of higher rank pulls a queued layer forward. */
static void raise_priority(struct core *core, struct core_layer *layer, const struct core_job *job)
{
	struct core_task *task = &layer->task;
	bool              queued = task->item.heap && task->item.heap != &core->timers;

	if (task->job && (task->priority < job->priority || (task->priority == job->priority && task->job <= job->id)))
		return;
	if (queued)
		core_task_unqueue(core, task);
	task->priority = job->priority;
	task->job = job->id;
	if (queued)
		core_task_ready(core, task);
}

void core_layer_want(struct core *core, struct core_image *image, size_t index)
{
	const struct image_layer *wanted = &image->image.layers[index];
	struct core_job          *job = core_job_find(core, image->job);
	uint8_t                   id[SHA256_BYTES + 8];
	struct core_layer        *layer;
	struct layer_user        *user;
	bool                      fresh, added;

	make_id(image, index, id);
	layer = map_get(&core->layers, slice_of(id, sizeof(id)));
	fresh = !layer;
	if (fresh) {
		if ((layer = layer_new(core, id, image)) == NULL)
			return;
		layer->pseudo = digest_is_zero(&wanted->digest);
		layer->force = layer->pseudo || job->no_reuse;
		layer->again = job->again || job->no_reuse;
		layer->diff_id = wanted->diff_id;
		layer->task.size = wanted->size;
		layer->task.sequence = ++core->sequence;
	}
	user = use(core, layer, job->id, &added);
	if (!user)
		return;
	image->layers[index] = layer;
	if (added && core_hashes_has(&job->counted, core_layer_hash(&layer->key)))
		user->ended = true; /* before this node was there */
	else if (added)
		job->stats.layers_total++;
	if (!fresh && is_terminal(layer)) {
		bool other_place = layer->state == LAYER_NODE_FAILED && !source_failed(layer, image, index);

		if (!must_restart(layer, job, added) && !other_place) {
			if (added)
				count_end(core, layer, layer->state == LAYER_NODE_FAILED ? LAYER_FAILED : LAYER_REUSED,
					  false);
			settle(core, layer, image, index,
			       layer->state == LAYER_NODE_FAILED ? LAYER_FAILED
			       : layer->partial                  ? LAYER_PARTIAL
								 : LAYER_REUSED);
			return;
		}
		add_waiter(core, layer, image, index);
		layer->task.job = 0;
		raise_priority(core, layer, job);
		restart(core, layer, job, added);
		return;
	}
	add_waiter(core, layer, image, index);
	raise_priority(core, layer, job);
	if (fresh)
		ask(core, layer);
}

/* --- claims --- */

static void fail_layer(struct core *core, struct core_layer *layer, int code, struct slice text)
{
	free((void *)(uintptr_t)layer->reason.ptr);
	layer->reason = core_own(core, text);
	layer->code = code;
	layer_end(core, layer, LAYER_FAILED, false);
}

/* The first waiter whose registry, repository and claimed size have not been given up; false: none left. */
static bool choose_source(struct core *core, struct core_layer *layer)
{
	for (size_t i = 0; i < layer->waiters_count; i++)
		if (!source_failed(layer, layer->waiters[i].image, layer->waiters[i].index)) {
			layer->tried = i;
			layer->task.host = core_host_get(core, layer->waiters[i].image->host);
			return true;
		}
	return false;
}

void core_layer_claimed(struct core *core, const struct core_event *event)
{
	struct core_layer *layer = event->layer;
	struct core_job   *job = first_open_user(core, layer);

	if (layer->state != LAYER_NODE_CLAIMING)
		return;
	if (event->claim == CORE_CLAIM_KNOWN) {
		layer->partial = event->partial;
		layer->reusable = true;
		layer_end(core, layer, event->partial ? LAYER_PARTIAL : LAYER_REUSED, false);
	} else if (event->claim == CORE_CLAIM_QUARANTINED) {
		fail_layer(core, layer, event->code, event->text);
	} else if (event->claim == CORE_CLAIM_BUSY) {
		uint64_t wait = core->config.busy_poll_ms << (layer->polls < 5 ? layer->polls : 5);

		layer->state = LAYER_NODE_BUSY;
		layer->polls++;
		core_task_later(core, &layer->task, wait < BUSY_POLL_MAX_MS ? wait : BUSY_POLL_MAX_MS);
	} else {
		layer->state = LAYER_NODE_CLAIMED;
		layer->owned = true;
		layer->verify = event->verify;
		layer->task.retry = event->retry;
		if (job)
			job->stats.bytes_total += size_known(layer);
		if (!layer->waiters_count) { /* cancelled meanwhile */
			layer->state = LAYER_NODE_FAILED;
			release(core, layer);
		} else if (choose_source(core, layer)) {
			core_task_ready(core, &layer->task);
		}
	}
}

void core_layer_wake(struct core *core, struct core_layer *layer)
{
	if (layer->state == LAYER_NODE_BUSY)
		ask(core, layer);
	else
		core_task_ready(core, &layer->task);
}

/* --- ends --- */

void core_layer_done(struct core *core, struct core_layer *layer, const struct core_event *event)
{
	struct core_job *job = first_open_user(core, layer);

	if (job) {
		job->stats.bytes_fetched += event->bytes_fetched;
		job->stats.tar_bytes += event->tar_bytes;
		job->stats.entries += event->entries;
		job->stats.files_analyzed += event->files_analyzed;
	}
	layer->partial = event->partial;
	layer->reusable = event->reusable && !layer->pseudo;
	layer_end(core, layer, event->partial ? LAYER_PARTIAL : LAYER_SCANNED, event->verified);
}

static void record_failure(struct core *core, const struct core_layer *layer, enum core_fail_class fail_class, int code,
			   struct slice text)
{
	struct core_action *action;

	if (layer->pseudo || !layer->waiters_count)
		return;
	action = core_emit(core, CORE_RECORD_FAILURE);
	action->key = layer->key;
	action->fail_class = fail_class;
	action->code = code;
	action->attempts = layer->task.attempt + 1;
	action->text = core_text(core, text);
	action->place = core_text(core, layer->waiters[layer->tried].image->location);
}

/* What this waiter's image says cannot give the layer: the next one is asked, or the layer has failed. */
static void give_up_source(struct core *core, struct core_layer *layer, enum core_fail_class fail_class, int code,
			   struct slice text)
{
	const struct layer_waiter *tried = layer->waiters + layer->tried;

	record_failure(core, layer, fail_class, code, text);
	if (layer->waiters_count &&
	    core_grow(core, &layer->failed, &layer->failed_capacity, layer->failed_count, sizeof(*layer->failed)))
		layer->failed[layer->failed_count++] = (struct layer_source){
			.location = core_own(core, tried->image->location),
			.size = tried->image->image.layers[tried->index].size,
		};
	layer->task.attempt = 0;
	layer->task.denied_count = 0;
	layer->task.retry = CORE_RETRY_OTHER_PLACE;
	if (choose_source(core, layer))
		core_task_ready(core, &layer->task);
	else
		fail_layer(core, layer, code, text);
}

static void retry(struct core *core, struct core_layer *layer, uint64_t retry_after_ms)
{
	struct core_job *job = first_open_user(core, layer);
	uint64_t         wait = core_backoff(core, ++layer->task.attempt);

	if (job)
		job->stats.retries++;
	core_task_later(core, &layer->task, wait > retry_after_ms ? wait : retry_after_ms);
}

/* Workers break on it, wherever it comes from: no later job is to try it unasked. */
void core_layer_quarantine(struct core *core, const struct core_layer *layer, int code, struct slice text)
{
	struct core_action *action;

	if (layer->pseudo)
		return;
	action = core_emit(core, CORE_QUARANTINE);
	action->key = layer->key;
	action->code = code;
	action->text = core_text(core, text);
	action->attempts = layer->task.losses + layer->task.attempt + 1;
}

void core_layer_failed(struct core *core, struct core_layer *layer, enum core_fail_class fail_class, int code,
		       uint64_t retry_after_ms, struct slice text)
{
	struct core_task *task = &layer->task;

	if (fail_class == CORE_TRANSIENT && task->attempt + 1 < core->config.attempts_max) {
		if (code == ERR_RATE && task->host)
			task->host->blocked_until =
				core->now + (retry_after_ms ? retry_after_ms : core_backoff(core, task->attempt + 1));
		task->retry = layer->verify && code == ERR_NOT_FOUND ? CORE_RETRY_VERIFY_LOST : CORE_RETRY_TRANSIENT;
		if (code == ERR_RATE && task->host)
			task->host->rate_limited++;
		retry(core, layer, retry_after_ms);
	} else if (fail_class == CORE_POISON && !task->poisoned) {
		task->retry = CORE_RETRY_POISON_ALONE;
		task->poisoned = task->exclusive = true;
		retry(core, layer, 0);
	} else {
		task->exclusive = false;
		if (fail_class == CORE_POISON)
			core_layer_quarantine(core, layer, code, text);
		give_up_source(core, layer, fail_class, code, text);
	}
}

/* --- cancelled and ended jobs --- */

static void drop_waiters_of(struct core_layer *layer, uint64_t job)
{
	size_t kept = 0;

	for (size_t i = 0; i < layer->waiters_count; i++)
		if (layer->waiters[i].image->job != job)
			layer->waiters[kept++] = layer->waiters[i];
	layer->waiters_count = kept;
	layer->tried = 0;
}

void core_layers_forget_cancelled(struct core *core, uint64_t job)
{
	struct core_layer *layer;
	size_t             position = 0;

	while ((layer = map_next(&core->layers, &position)) != NULL) {
		if (is_terminal(layer) || !layer->waiters_count)
			continue;
		drop_waiters_of(layer, job);
		if (layer->waiters_count || layer->state == LAYER_NODE_CLAIMING)
			continue;
		core_task_unqueue(core, &layer->task);
		core_task_retire(core, &layer->task);
		layer->state = LAYER_NODE_FAILED;
		release(core, layer);
	}
}

void core_layers_sweep(struct core *core)
{
	struct core_layer *layer;
	size_t             position = 0;

	while ((layer = map_next(&core->layers, &position)) != NULL) {
		bool in_use = !is_terminal(layer);

		for (size_t i = 0; i < layer->users_count && !in_use; i++)
			in_use = core_job_find(core, layer->users[i].job) != NULL;
		if (in_use)
			continue;
		map_remove(&core->layers, slice_of(layer->id, sizeof(layer->id)));
		core_layer_free(layer);
	}
}
