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
		core_reference_task_failed(core, (struct core_reference *)(void *)task, &known);
	else if (event->fail_class == CORE_NOT_HERE && core_task_deny(core, task, known.worker)) {
		task->retry = CORE_RETRY_NOT_HERE;
		core_task_ready(core, task);
	} else
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
	task->counted = task->begun;
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
	if (core_leases_wake(core) < wake)
		wake = core_leases_wake(core);
	while ((host = map_next(&core->hosts, &position)) != NULL)
		if (host->blocked_until > core->now && host->blocked_until < wake)
			wake = host->blocked_until;
	return wake;
}

/* --- the step --- */

static void worker_event(struct core *core, struct core_worker *worker, const struct core_event *event)
{
	switch (event->kind) {
	case CORE_WORKER_HEARD:
		worker->heard = core->now;
		break;
	case CORE_WORKER_PROGRESS:
		core_worker_progress(core, worker, event);
		break;
	case CORE_WORKER_BACK:
		core_worker_back(core, worker, event);
		break;
	case CORE_WORKER_DRAIN:
		worker->draining = true;
		break;
	default:
		core_worker_gone(core, worker, event->orderly);
	}
}

static void job_event(struct core *core, struct core_job *job, const struct core_event *event)
{
	switch (event->kind) {
	case CORE_JOB_STORED:
		core_job_stored(core, job, event);
		break;
	case CORE_JOB_REFERENCE:
		core_reference_add(core, job, event);
		break;
	case CORE_JOB_FED:
		core_job_fed(core, job, event);
		break;
	case CORE_JOB_SEEN:
		if (!core_hashes_add(&job->counted, event->hash))
			core->failed = true;
		break;
	case CORE_JOB_CLOSED:
		job->closed = true;
		core_job_check(core, job);
		break;
	case CORE_JOB_PAUSE:
	case CORE_JOB_RESUME:
		job->paused = event->kind == CORE_JOB_PAUSE;
		break;
	default:
		core_job_cancel(core, job);
	}
}

static void handle(struct core *core, const struct core_event *event)
{
	struct core_worker *worker = core_worker_find(core, event->worker);
	struct core_job    *job = core_job_find(core, event->job);

	switch (event->kind) {
	case CORE_WORKER_HELLO:
		core_worker_hello(core, event);
		break;
	case CORE_WORKER_HEARD:
	case CORE_WORKER_PROGRESS:
	case CORE_WORKER_BACK:
	case CORE_WORKER_DRAIN:
	case CORE_WORKER_GONE:
		if (worker)
			worker_event(core, worker, event);
		break;
	case CORE_DRAIN:
		core->draining = true;
		break;
	case CORE_JOB_OPEN:
		core_job_open(core, event);
		break;
	case CORE_JOB_STORED:
	case CORE_JOB_REFERENCE:
	case CORE_JOB_FED:
	case CORE_JOB_SEEN:
	case CORE_JOB_CLOSED:
	case CORE_JOB_PAUSE:
	case CORE_JOB_RESUME:
	case CORE_JOB_CANCEL:
		if (job && !job->ended)
			job_event(core, job, event);
		break;
	case CORE_IMAGE_FOUND:
		core_image_found(core, event);
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
		core_leases_check(core);
		break;
	}
}

int core_step(struct core *core, const struct core_event *event, uint64_t now_ms, const struct core_action **actions,
	      size_t *actions_count)
{
	core->now = now_ms;
	core->actions_count = 0;
	arena_reset(&core->step);
	core_jobs_bury(core);
	handle(core, event);
	wake_tasks(core);
	core_dispatch(core);
	core_jobs_fetch(core);
	core_drained_check(core);
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
	if (!core->config.stall_ms)
		core->config.stall_ms = 15 * 60000;
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
		core_job_free(core, node);
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
