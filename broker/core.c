#include "core_internal.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_BYTES_MAX = 1 << 30 };

static const uint64_t HOST_BYTES_MAX = 1ull << 40; /* a second: as good as no limit, and sums stay in range */

/* --- helpers of all files --- */

/* Of an action that nobody will carry out. */
static void forget(const struct core_action *action)
{
	if (action->kind == CORE_IMAGE_DONE)
		core_image_free(action->image);
}

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
			forget(&core->actions[--core->actions_count]);
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

void *core_alloc(struct core *core, size_t size)
{
	void *node = calloc(1, size);

	if (!node)
		core->failed = true;
	return node;
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

static void earlier(uint64_t *wake, uint64_t at)
{
	if (at < *wake)
		*wake = at;
}

uint64_t core_next_wake(const struct core *core)
{
	uint64_t wake = UINT64_MAX;

	if (core->timers.count)
		earlier(&wake, ((const struct core_task *)(const void *)core->timers.items[0])->wake_at);
	if (core->host_timers.count)
		earlier(&wake, CORE_CONST_OWNER(core->host_timers.items[0], struct core_host, item)->wake_at);
	if (core->all_workers.first)
		earlier(&wake, CORE_CONST_OWNER(core->all_workers.first, struct core_worker, all)->heard +
				       core->config.silence_ms);
	if (core->moving.first)
		earlier(&wake,
			CORE_CONST_OWNER(core->moving.first, struct core_lease, moving)->moved + core->config.stall_ms);
	if (core->giving_up)
		earlier(&wake, core->now);
	return wake;
}

/* --- the step --- */

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
	case CORE_WORKER_AWAY:
	case CORE_WORKER_DRAIN:
	case CORE_WORKER_GONE:
		if (worker)
			core_worker_event(core, worker, event);
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
			core_job_event(core, job, event);
		break;
	case CORE_IMAGE_FOUND:
		core_image_found(core, event);
		break;
	case CORE_CLAIMED:
		core_layer_claimed(core, event);
		break;
	case CORE_TASK_DONE:
		core_task_done(core, event);
		break;
	case CORE_TASK_FAILED:
		core_task_failed(core, event);
		break;
	case CORE_SEND_FAILED:
		core_send_failed(core, event);
		break;
	case CORE_TICK:
		core_workers_check(core);
		core_leases_check(core);
		break;
	}
}

static void take_step(struct core *core, const struct core_event *event)
{
	core_jobs_bury(core);
	core_hosts_sweep(core);
	core_hosts_wake(core);
	handle(core, event);
	wake_tasks(core);
	core_hosts_give_up(core);
	core_dispatch(core);
	core_jobs_fetch(core);
	core_drained_check(core);
	core->failed |= arena_failed(&core->step);
}

int core_step(struct core *core, const struct core_event *event, uint64_t now_ms, const struct core_action **actions,
	      size_t *actions_count)
{
	if (now_ms > core->now)
		core->now = now_ms; /* it never goes back */
	core->actions_count = 0;
	arena_reset(&core->step);
	if (!core->failed)
		take_step(core, event);
	else if (event->kind == CORE_IMAGE_FOUND)
		core_image_free(event->image);
	while (core->failed && core->actions_count)
		forget(&core->actions[--core->actions_count]);
	*actions = core->actions;
	*actions_count = core->actions_count;
	return core->failed ? ERR_MEM : 0;
}

/* --- life --- */

static void set_default(uint64_t *value, uint64_t otherwise)
{
	if (!*value)
		*value = otherwise;
}

static void complete(struct core_config *config)
{
	if (!config->attempts_max)
		config->attempts_max = 5;
	if (!config->images_open_max)
		config->images_open_max = 4096;
	if (config->host_bytes_per_s > HOST_BYTES_MAX)
		config->host_bytes_per_s = HOST_BYTES_MAX;
	set_default(&config->backoff_ms, 500);
	set_default(&config->backoff_max_ms, 60000);
	set_default(&config->silence_ms, 20000);
	set_default(&config->stall_ms, 15 * 60000);
	set_default(&config->busy_poll_ms, 100);
	set_default(&config->host_dead_ms, 30 * 60000);
	set_default(&config->host_rate_ms, 6 * 3600000);
}

struct core *core_new(const struct core_config *config)
{
	struct core *core = calloc(1, sizeof(*core));

	if (!core)
		return NULL;
	core->config = *config;
	complete(&core->config);
	core->leases_given = config->lease_base;
	core->rng = rng_seeded(config->seed);
	core->timers.before = core_timer_before;
	arena_init(&core->step, STEP_BYTES_MAX);
	core->jobs.seed = core->layers.seed = core->leases.seed = core->hosts.seed = rng_next(&core->rng);
	core->workers.seed = core->queues.seed = core->flows.seed = core->jobs.seed;
	core->actions_capacity = 64;
	core->actions = calloc(core->actions_capacity, sizeof(*core->actions));
	core->light = core_station_use(core, SLOT_LIGHT, 0);
	if (!core->actions || !core->light) {
		core_free(core);
		return NULL;
	}
	return core;
}

void core_free(struct core *core)
{
	void  *node;
	size_t position = 0;

	if (!core)
		return;
	core->actions_count = 0;
	while ((node = map_next(&core->layers, &position)) != NULL)
		core_layer_clear(core, node);
	for (position = 0; (node = map_next(&core->jobs, &position)) != NULL;)
		core_job_free(core, node);
	for (position = 0; (node = map_next(&core->layers, &position)) != NULL;)
		core_layer_free(core, node);
	core_workers_free(core);
	core_hosts_free(core);
	core_station_drop(core->light);
	heap_deinit(&core->timers);
	map_deinit(&core->jobs);
	map_deinit(&core->layers);
	map_deinit(&core->leases);
	map_deinit(&core->queues);
	map_deinit(&core->flows);
	arena_deinit(&core->step);
	free(core->actions);
	free(core);
}
