#include "core_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* --- order --- */

static const struct core_task *task_of(const struct heap_item *item)
{
	return (const struct core_task *)(const void *)item; /* first member */
}

/* Ad hoc before bulk, older job first, largest layer first. */
bool core_heap_before(const struct heap_item *a, const struct heap_item *b)
{
	const struct core_task *left = task_of(a), *right = task_of(b);

	if (left->priority != right->priority)
		return left->priority < right->priority;
	if (left->job != right->job)
		return left->job < right->job;
	if (left->size != right->size)
		return left->size > right->size;
	return left->sequence < right->sequence;
}

bool core_timer_before(const struct heap_item *a, const struct heap_item *b)
{
	const struct core_task *left = task_of(a), *right = task_of(b);

	return left->wake_at != right->wake_at ? left->wake_at < right->wake_at : left->sequence < right->sequence;
}

/* --- hosts and workers --- */

struct core_host *core_host_get(struct core *core, struct slice name)
{
	struct core_host *host = map_get(&core->hosts, name.len ? name : SLICE_LIT("\0"));

	if (host)
		return host;
	host = calloc(1, sizeof(*host));
	if (!host) {
		core->failed = true;
		return NULL;
	}
	host->name = core_own(core, name.len ? name : SLICE_LIT("\0"));
	host->light.before = host->layers.before = core_heap_before;
	if (!map_put(&core->hosts, host->name, host))
		core->failed = true;
	return host;
}

bool core_host_is_local(const struct core_host *host)
{
	return host->name.len == 1 && host->name.ptr[0] == 0;
}

struct core_worker *core_worker_find(const struct core *core, uint64_t id)
{
	struct core_worker *worker = core->workers;

	while (worker && worker->id != id)
		worker = worker->next;
	return worker;
}

static void worker_free(struct core_worker *worker)
{
	for (size_t i = 0; i < worker->hosts_count; i++)
		free((void *)(uintptr_t)worker->hosts[i].ptr);
	free(worker->hosts);
	free(worker);
}

void core_workers_free(struct core *core)
{
	while (core->workers) {
		struct core_worker *worker = core->workers;

		core->workers = worker->next;
		worker_free(worker);
	}
}

void core_worker_hello(struct core *core, const struct core_event *event)
{
	struct core_worker *worker = core_worker_find(core, event->worker);

	if (worker)
		core_worker_gone(core, worker, true);
	worker = calloc(1, sizeof(*worker));
	if (worker)
		worker->hosts = calloc(event->hosts_count + 1, sizeof(*worker->hosts));
	if (!worker || !worker->hosts) {
		free(worker);
		core->failed = true;
		return;
	}
	worker->id = event->worker;
	worker->set = event->set;
	worker->heard = core->now;
	worker->local = event->local;
	worker->layer_slots = worker->layer_free = event->layer_slots;
	worker->light_slots = worker->light_free = event->light_slots;
	for (size_t i = 0; i < event->hosts_count; i++)
		worker->hosts[worker->hosts_count++] = core_own(core, event->hosts[i]);
	worker->next = core->workers;
	core->workers = worker;
}

bool core_worker_reaches(const struct core_worker *worker, const struct core_host *host)
{
	if (core_host_is_local(host))
		return worker->local;
	for (size_t i = 0; i < worker->hosts_count; i++)
		if (slice_eq(worker->hosts[i], host->name))
			return true;
	return worker->hosts_count == 0;
}

static bool is_denied(const struct core_task *task, uint64_t worker)
{
	for (size_t i = 0; i < task->denied_count; i++)
		if (task->denied[i] == worker)
			return true;
	return false;
}

static bool has_set(const struct core_worker *worker, const struct core_task *task)
{
	return task->kind != CORE_LAYER || ((const struct core_layer *)(const void *)task)->key.set == worker->set;
}

static bool can_do(const struct core_worker *worker, const struct core_task *task)
{
	return core_worker_reaches(worker, task->host) && has_set(worker, task) && !is_denied(task, worker->id);
}

bool core_task_deny(struct core *core, struct core_task *task, uint64_t worker)
{
	if (task->denied_count == DENIED_MAX)
		return false; /* asked enough of them */
	task->denied[task->denied_count++] = worker;
	for (const struct core_worker *other = core->workers; other; other = other->next)
		if (other->id != worker && can_do(other, task))
			return true;
	return false;
}

/* --- queues --- */

void core_task_unqueue(struct core *core, struct core_task *task)
{
	(void)core;
	heap_remove(&task->item);
}

void core_task_ready(struct core *core, struct core_task *task)
{
	heap_remove(&task->item);
	if (!task->host) /* only without memory */
		return;
	if (!heap_push(task->kind == CORE_LAYER ? &task->host->layers : &task->host->light, &task->item))
		core->failed = true;
}

void core_task_later(struct core *core, struct core_task *task, uint64_t wait_ms)
{
	heap_remove(&task->item);
	task->wake_at = core->now + wait_ms;
	if (!heap_push(&core->timers, &task->item))
		core->failed = true;
}

/* Doubles from backoff_ms to backoff_max_ms; the second half of each wait is jitter. */
uint64_t core_backoff(struct core *core, uint32_t attempt)
{
	uint64_t wait = core->config.backoff_ms;

	while (attempt-- > 1 && wait < core->config.backoff_max_ms)
		wait *= 2;
	if (wait > core->config.backoff_max_ms)
		wait = core->config.backoff_max_ms;
	return wait / 2 + rng_below(&core->rng, wait / 2 + 1);
}

/* --- leases --- */

struct core_lease *core_lease_find(const struct core *core, uint64_t id)
{
	return map_get(&core->leases, slice_of(&id, sizeof(id)));
}

static void unlink_from_worker(struct core_lease *lease)
{
	struct core_worker *worker = lease->worker;

	for (struct core_lease **link = &worker->leases; *link; link = &(*link)->next_of_worker)
		if (*link == lease) {
			*link = lease->next_of_worker;
			break;
		}
	worker->leases_count--;
	if (lease->task->kind == CORE_LAYER)
		worker->layer_free++;
	else
		worker->light_free++;
	if (!worker->leases_count)
		worker->exclusive = false;
	lease->worker = NULL;
}

void core_lease_end(struct core *core, struct core_lease *lease)
{
	if (!lease->worker)
		return;
	unlink_from_worker(lease);
	lease->host->active--;
	core->leases_active--;
	if (lease->task->lease == lease)
		lease->task->lease = NULL;
}

void core_task_retire(struct core *core, struct core_task *task)
{
	while (task->leases) {
		struct core_lease *lease = task->leases;

		task->leases = lease->next_of_task;
		if (lease->worker) {
			struct core_action *action = core_emit(core, CORE_DROP_LEASE);

			action->worker = lease->worker->id;
			action->lease = lease->id;
			core_lease_end(core, lease);
		}
		map_remove(&core->leases, slice_of(&lease->id, sizeof(lease->id)));
		free(lease);
	}
}

static void describe_layer(struct core_layer *layer, struct core_action *action)
{
	const struct layer_waiter *at = &layer->waiters[layer->tried];

	action->layer = layer;
	action->key = layer->key;
	action->diff_id = layer->diff_id;
	action->verify = layer->verify;
	action->image = at->image;
	action->index = at->index;
}

/* One that never arrived was counted when it was sent. */
static void count_send(struct core *core, const struct core_task *task)
{
	const struct core_layer *layer = (const struct core_layer *)(const void *)task;
	enum core_retry_reason   reason = task->retry;
	struct core_action      *action;

	if (reason == CORE_RETRY_NONE && task->begun)
		reason = CORE_RETRY_AGAIN;
	else if (!task->begun && reason != CORE_RETRY_NONE && layer->force)
		reason = CORE_RETRY_FORCED;
	action = core_emit(core, reason == CORE_RETRY_NONE ? CORE_COUNT_START : CORE_COUNT_RETRY);
	action->key = layer->key;
	action->reason = reason;
}

static void emit_send(struct core *core, struct core_task *task, struct core_lease *lease)
{
	struct core_action *action;

	if (task->kind == CORE_LAYER && !task->counted)
		count_send(core, task);
	task->begun = true;
	task->counted = false;
	action = core_emit(core, CORE_SEND_TASK);
	action->worker = lease->worker->id;
	action->lease = lease->id;
	action->task_kind = task->kind;
	action->attempt = task->attempt;
	action->job = task->job;
	if (task->kind == CORE_LAYER)
		describe_layer((struct core_layer *)(void *)task, action);
	else {
		action->reference = ((struct core_reference *)(void *)task)->number;
		action->text = core_text(core, ((struct core_reference *)(void *)task)->text);
	}
}

static bool lease_to(struct core *core, struct core_worker *worker, struct core_task *task)
{
	struct core_lease *lease = calloc(1, sizeof(*lease));

	if (!lease) {
		core->failed = true;
		return false;
	}
	core_task_unqueue(core, task);
	lease->id = ++core->leases_given;
	lease->task = task;
	lease->worker = worker;
	lease->host = task->host;
	lease->next_of_worker = worker->leases;
	worker->leases = lease;
	worker->leases_count++;
	worker->exclusive = task->exclusive;
	if (task->kind == CORE_LAYER)
		worker->layer_free--;
	else
		worker->light_free--;
	lease->host->active++;
	lease->sent = lease->moved = core->now;
	core->leases_active++;
	lease->next_of_task = task->leases;
	task->leases = task->lease = lease;
	if (!map_put(&core->leases, slice_of(&lease->id, sizeof(lease->id)), lease))
		core->failed = true;
	emit_send(core, task, lease);
	return true;
}

/* --- dispatch --- */

/* A layer goes on while one job that waits for it does. */
static bool is_paused(const struct core *core, const struct core_task *task)
{
	const struct core_layer *layer = (const struct core_layer *)(const void *)task;
	const struct core_job   *job = core_job_find(core, task->job);

	if (task->kind != CORE_LAYER)
		return job && job->paused;
	for (size_t i = 0; i < layer->users_count; i++) {
		job = core_job_find(core, layer->users[i].job);
		if (job && !job->paused)
			return false;
	}
	return layer->users_count > 0;
}

static bool may_start(const struct core *core, const struct core_worker *worker, const struct core_task *task)
{
	if (task->kind == CORE_RESOLVE && core->images_open >= core->config.images_open_max)
		return false;
	if (is_paused(core, task))
		return false;
	return can_do(worker, task) && (!task->exclusive || worker->leases_count == 0);
}

/* The first task of a host's heap that this worker may do; beyond the head the order is only roughly kept. */
static struct core_task *candidate(const struct core *core, const struct core_worker *worker, const struct heap *heap)
{
	for (size_t i = 0; i < heap->count; i++) {
		struct core_task *task = (struct core_task *)(void *)heap->items[i];

		if (may_start(core, worker, task))
			return task;
	}
	return NULL;
}

static struct core_task *best_task(const struct core *core, const struct core_worker *worker, bool layers)
{
	struct core_task *best = NULL;
	struct core_host *host;
	size_t            position = 0;

	while ((host = map_next(&core->hosts, &position)) != NULL) {
		struct core_task *task;

		if (host->blocked_until > core->now || !core_worker_reaches(worker, host) ||
		    (core->config.host_leases_max && host->active >= core->config.host_leases_max))
			continue;
		task = candidate(core, worker, layers ? &host->layers : &host->light);
		if (task && (!best || core_heap_before(&task->item, &best->item)))
			best = task;
	}
	return best;
}

static bool serve(struct core *core, struct core_worker *worker)
{
	struct core_task *light = NULL, *layer = NULL;
	bool              served = false;

	if (worker->exclusive || worker->draining || core->draining)
		return false;
	if (worker->light_free)
		light = best_task(core, worker, false);
	if (light)
		served = lease_to(core, worker, light);
	if (worker->layer_free && !worker->exclusive)
		layer = best_task(core, worker, true);
	if (layer)
		served = lease_to(core, worker, layer);
	return served;
}

void core_dispatch(struct core *core)
{
	bool served = true;

	while (served && !core->failed) {
		served = false;
		for (struct core_worker *worker = core->workers; worker; worker = worker->next)
			served |= serve(core, worker);
	}
}

/* --- workers that go --- */

static void poison(struct core *core, struct core_layer *layer)
{
	const struct slice why = SLICE_LIT("poison: three workers were lost while they read it");

	core_layer_quarantine(core, layer, ERR_LIMIT, why);
	core_layer_failed(core, layer, CORE_PERMANENT, ERR_LIMIT, 0, why);
}

static void lose_lease(struct core *core, struct core_lease *lease, bool orderly)
{
	struct core_task *task = lease->task;
	bool              current = task->lease == lease;

	core_lease_end(core, lease);
	if (!current)
		return;
	task->retry = CORE_RETRY_WORKER_LOST;
	if (orderly) {
		core_task_ready(core, task);
		return;
	}
	task->losses++;
	task->exclusive = task->losses == LOSSES_MAX - 1;
	if (task->losses < LOSSES_MAX)
		core_task_ready(core, task);
	else if (task->kind == CORE_LAYER)
		poison(core, (struct core_layer *)(void *)task);
	else
		core_reference_failed(core, (struct core_reference *)(void *)task, ERR_NET,
				      SLICE_LIT("three workers were lost while they resolved it"));
}

void core_worker_gone(struct core *core, struct core_worker *worker, bool orderly)
{
	struct core_worker **link = &core->workers;

	while (*link != worker)
		link = &(*link)->next;
	*link = worker->next; /* not to be asked again while its leases are given away */
	while (worker->leases)
		lose_lease(core, worker->leases, orderly);
	worker_free(worker);
}

void core_workers_check(struct core *core)
{
	struct core_worker *next;

	for (struct core_worker *worker = core->workers; worker; worker = next) {
		next = worker->next;
		if (core->now >= worker->heard + core->config.silence_ms)
			core_worker_gone(core, worker, false);
	}
}

/* --- what waits for nobody --- */

static bool somebody_for(const struct core *core, const struct heap *heap)
{
	for (const struct core_worker *worker = core->workers; worker; worker = worker->next)
		for (size_t i = 0; i < heap->count; i++)
			if (can_do(worker, task_of(heap->items[i])))
				return true;
	return heap->count == 0;
}

size_t core_notices(const struct core *core, struct arena *arena, struct slice *out, size_t max)
{
	const struct core_host *host;
	size_t                  position = 0, count = 0;

	while (count < max && (host = map_next(&core->hosts, &position)) != NULL) {
		size_t waiting = host->light.count + host->layers.count;

		if (waiting && (!somebody_for(core, &host->light) || !somebody_for(core, &host->layers)))
			out[count++] = arena_printf(
				arena, "no worker for %.*s: %zu tasks wait",
				core_host_is_local(host) ? 13 : (int)host->name.len,
				core_host_is_local(host) ? "local sources" : (const char *)host->name.ptr, waiting);
		if (count < max && host->blocked_until > core->now)
			out[count++] = arena_printf(arena, "%.*s asks us to wait: %zu tasks wait",
						    SLICE_FMT(host->name), waiting);
	}
	return count;
}
