#include "core_internal.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_BYTES_MAX = 1 << 30 };

/* --- helpers of all files --- */

struct core_action *core_emit(struct core *core, enum core_action_kind kind)
{
	static const struct core_action empty;

	if (core->actions_count == core->actions_capacity) {
		size_t              capacity = core->actions_capacity * 2;
		struct core_action *actions = realloc(core->actions, capacity * sizeof(*actions));

		if (actions) {
			core->actions = actions;
			core->actions_capacity = capacity;
		} else { /* the step fails; until then the last slot is written over */
			core->failed = true;
			core->actions_count--;
		}
	}
	core->actions[core->actions_count] = empty;
	core->actions[core->actions_count].kind = kind;
	return &core->actions[core->actions_count++];
}

struct slice core_text(struct core *core, struct slice text)
{
	return arena_copy(&core->step, text);
}

struct slice core_own(struct core *core, struct slice text)
{
	uint8_t *copy = malloc(text.len ? text.len : 1);

	if (!copy) {
		core->failed = true;
		return SLICE_EMPTY;
	}
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	return slice_of(copy, text.len);
}

bool core_grow(struct core *core, void *items, size_t *capacity, size_t count, size_t size)
{
	void **array = items;
	size_t wanted = *capacity ? *capacity * 2 : 4;
	void  *grown;

	if (count < *capacity)
		return true;
	grown = realloc(*array, wanted * size);
	if (!grown) {
		core->failed = true;
		return false;
	}
	*array = grown;
	*capacity = wanted;
	return true;
}

struct core_job *core_job_find(const struct core *core, uint64_t job)
{
	return map_get(&core->jobs, slice_of(&job, sizeof(job)));
}

/* --- images --- */

static struct core_reference *reference_find(const struct core *core, uint64_t job_id, uint64_t number)
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
	if (image->image.status == IMAGE_SKIPPED)
		job->stats.images_skipped++;
	else if (image->image.status == IMAGE_FAILED)
		job->stats.images_failed++;
	for (size_t i = 0; i < image->image.layers_count; i++)
		incomplete |= image->outcomes[i].status >= LAYER_PARTIAL;
	if (incomplete)
		job->stats.images_incomplete++;
}

static void job_check(struct core *core, struct core_job *job)
{
	struct core_action *action;

	if (job->ended || !job->closed || job->references_open || job->images_open)
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
	struct core_reference *reference = reference_find(core, image->job, image->reference);
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
	job_check(core, job);
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

static void image_found(struct core *core, const struct core_event *event)
{
	struct core_image     *image = event->image;
	struct core_job       *job = core_job_find(core, image->job);
	struct core_reference *reference = reference_find(core, image->job, image->reference);

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
	if (reference->task.kind == CORE_ENUMERATE)
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
	job_check(core, job);
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

static void reference_add(struct core *core, const struct core_event *event)
{
	struct core_job       *job = core_job_find(core, event->job);
	struct core_reference *reference;

	if (!job || job->cancelled || reference_find(core, event->job, event->reference))
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
	if (event->task_kind == CORE_ENUMERATE)
		job->listings_open++;
	else
		job->stats.images_total++;
	if (!map_put(&job->by_number, slice_of(reference->key, sizeof(reference->key)), reference))
		core->failed = true;
	core_task_ready(core, &reference->task);
}

static void reference_fail(struct core *core, struct core_reference *reference, const struct core_event *event)
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
	if (wait < event->retry_after_ms)
		wait = event->retry_after_ms;
	if (event->code == ERR_RATE)
		task->host->blocked_until = core->now + wait;
	reference->owner->stats.retries++;
	core_task_later(core, task, wait);
}

/* --- jobs --- */

static void job_open(struct core *core, const struct core_event *event)
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

static void job_cancel(struct core *core, const struct core_event *event)
{
	struct core_job *job = core_job_find(core, event->job);

	if (!job || job->ended)
		return;
	job->cancelled = job->closed = true;
	core_layers_forget_cancelled(core, job->id);
	job_clear(core, job);
	job_check(core, job);
}

static void job_free(struct core_job *job)
{
	map_deinit(&job->by_number);
	free(job);
}

/* Those that ended in the step before; their numbers could be read until now. */
static void bury_jobs(struct core *core)
{
	if (!core->ended)
		return;
	while (core->ended) {
		struct core_job *job = core->ended;

		core->ended = job->next_ended;
		map_remove(&core->jobs, slice_of(job->key, sizeof(job->key)));
		job_clear(core, job);
		job_free(job);
	}
	core_layers_sweep(core);
}

/* --- leases that end --- */

static void task_done(struct core *core, const struct core_event *event)
{
	struct core_lease *lease = core_lease_find(core, event->lease);
	struct core_task  *task;

	if (!lease)
		return;
	task = lease->task;
	if (!lease->worker && task->kind == CORE_LAYER)
		core_emit(core, CORE_COUNT_LATE)->key = ((struct core_layer *)(void *)task)->key;
	core_lease_end(core, lease);
	if (task->kind == CORE_LAYER) {
		core_layer_done(core, (struct core_layer *)(void *)task, event);
	} else {
		struct core_reference *reference = (struct core_reference *)(void *)task;

		if (reference->task.kind == CORE_RESOLVE && !reference->images_found)
			reference->owner->stats.images_total--; /* counted with its reference, but there is none */
		reference->ended = true;
		core_reference_check(core, reference);
	}
}

static void task_failed(struct core *core, const struct core_event *event)
{
	struct core_lease *lease = core_lease_find(core, event->lease);
	struct core_task  *task;
	struct core_event  known = *event;

	if (!lease || !lease->worker) /* an expired lease's failure says nothing new */
		return;
	task = lease->task;
	known.worker = lease->worker->id;
	core_lease_end(core, lease);
	if (task->kind != CORE_LAYER)
		reference_fail(core, (struct core_reference *)(void *)task, &known);
	else if (event->fail_class == CORE_NOT_HERE && core_task_deny(core, task, known.worker))
		core_task_ready(core, task);
	else
		core_layer_failed(core, (struct core_layer *)(void *)task, event->fail_class, event->code,
				  event->retry_after_ms, event->text);
}

static void send_failed(struct core *core, const struct core_event *event)
{
	struct core_lease *lease = core_lease_find(core, event->lease);
	struct core_task  *task;

	if (!lease || !lease->worker)
		return;
	task = lease->task;
	core_lease_end(core, lease);
	task->begun = false;
	core_task_later(core, task, core_backoff(core, 1));
}

/* --- time --- */

static void wake_tasks(struct core *core)
{
	while (core->timers.count) {
		struct core_task *task = (struct core_task *)(void *)core->timers.items[0];

		if (task->wake_at > core->now)
			break;
		core_task_unqueue(core, task);
		if (task->kind == CORE_LAYER)
			core_layer_wake(core, (struct core_layer *)(void *)task);
		else
			core_task_ready(core, task);
	}
}

uint64_t core_next_wake(const struct core *core)
{
	uint64_t                wake = UINT64_MAX;
	const struct core_host *host;
	size_t                  position = 0;

	if (core->timers.count)
		wake = ((const struct core_task *)(const void *)core->timers.items[0])->wake_at;
	for (const struct core_worker *worker = core->workers; worker; worker = worker->next)
		if (worker->heard + core->config.silence_ms < wake)
			wake = worker->heard + core->config.silence_ms;
	while ((host = map_next(&core->hosts, &position)) != NULL)
		if (host->blocked_until > core->now && host->blocked_until < wake)
			wake = host->blocked_until;
	return wake;
}

/* --- the step --- */

static void handle(struct core *core, const struct core_event *event)
{
	struct core_worker *worker = core_worker_find(core, event->worker);
	struct core_job    *job;

	switch (event->kind) {
	case CORE_WORKER_HELLO:
		core_worker_hello(core, event);
		break;
	case CORE_WORKER_HEARD:
		if (worker)
			worker->heard = core->now;
		break;
	case CORE_WORKER_GONE:
		if (worker)
			core_worker_gone(core, worker, event->orderly);
		break;
	case CORE_JOB_OPEN:
		job_open(core, event);
		break;
	case CORE_JOB_REFERENCE:
		reference_add(core, event);
		break;
	case CORE_JOB_CLOSED:
		if ((job = core_job_find(core, event->job)) != NULL) {
			job->closed = true;
			job_check(core, job);
		}
		break;
	case CORE_JOB_CANCEL:
		job_cancel(core, event);
		break;
	case CORE_IMAGE_FOUND:
		image_found(core, event);
		break;
	case CORE_CLAIMED:
		core_layer_claimed(core, event);
		break;
	case CORE_TASK_DONE:
		task_done(core, event);
		break;
	case CORE_TASK_FAILED:
		task_failed(core, event);
		break;
	case CORE_SEND_FAILED:
		send_failed(core, event);
		break;
	case CORE_TICK:
		core_workers_check(core);
		break;
	}
}

int core_step(struct core *core, const struct core_event *event, uint64_t now_ms, const struct core_action **actions,
	      size_t *actions_count)
{
	core->now = now_ms;
	core->actions_count = 0;
	arena_reset(&core->step);
	bury_jobs(core);
	handle(core, event);
	wake_tasks(core);
	core_dispatch(core);
	*actions = core->actions;
	*actions_count = core->actions_count;
	return core->failed || arena_failed(&core->step) ? ERR_MEM : 0;
}

/* --- life --- */

struct core *core_new(const struct core_config *config)
{
	struct core *core = calloc(1, sizeof(*core));

	if (!core)
		return NULL;
	core->config = *config;
	if (!core->config.attempts_max)
		core->config.attempts_max = 5;
	if (!core->config.backoff_ms)
		core->config.backoff_ms = 500;
	if (!core->config.backoff_max_ms)
		core->config.backoff_max_ms = 60000;
	if (!core->config.silence_ms)
		core->config.silence_ms = 20000;
	if (!core->config.busy_poll_ms)
		core->config.busy_poll_ms = 100;
	if (!core->config.images_open_max)
		core->config.images_open_max = 4096;
	core->leases_given = config->lease_base;
	core->rng = rng_seeded(config->seed);
	core->timers.before = core_timer_before;
	arena_init(&core->step, STEP_BYTES_MAX);
	core->actions_capacity = 64;
	core->actions = calloc(core->actions_capacity, sizeof(*core->actions));
	if (!core->actions) {
		core_free(core);
		return NULL;
	}
	core->jobs.seed = core->layers.seed = core->leases.seed = core->hosts.seed = rng_next(&core->rng);
	return core;
}

void core_free(struct core *core)
{
	void  *node;
	size_t position = 0;

	if (!core)
		return;
	while ((node = map_next(&core->jobs, &position)) != NULL) {
		job_clear(core, node);
		job_free(node);
	}
	for (position = 0; (node = map_next(&core->layers, &position)) != NULL;) {
		core_task_retire(core, &((struct core_layer *)node)->task);
		core_layer_free(node);
	}
	for (position = 0; (node = map_next(&core->hosts, &position)) != NULL;) {
		struct core_host *host = node;

		heap_deinit(&host->light);
		heap_deinit(&host->layers);
		free((void *)(uintptr_t)host->name.ptr);
		free(host);
	}
	core_workers_free(core);
	heap_deinit(&core->timers);
	map_deinit(&core->jobs);
	map_deinit(&core->layers);
	map_deinit(&core->leases);
	map_deinit(&core->hosts);
	arena_deinit(&core->step);
	free(core->actions);
	free(core);
}
