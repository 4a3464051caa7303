#include "core_internal.h"

#include <stdlib.h>
#include <string.h>

enum { DEAF_BEATS = 3 };

struct core_worker *core_worker_find(const struct core *core, uint64_t id)
{
	return map_get(&core->workers, slice_of(&id, sizeof(id)));
}

static void worker_free(struct core_worker *worker)
{
	for (size_t i = 0; i < worker->hosts_count; i++) {
		free((void *)(uintptr_t)worker->names[i].ptr);
		core_host_use(&worker->hosts[i], NULL);
	}
	for (size_t slot = 0; slot < SLOTS; slot++)
		core_station_drop(worker->stations[slot]);
	free(worker->names);
	free(worker->hosts);
	free(worker);
}

void core_workers_free(struct core *core)
{
	while (core->all_workers.first) {
		struct core_worker *worker = CORE_OWNER(core->all_workers.first, struct core_worker, all);

		core_list_remove(&worker->all);
		worker_free(worker);
	}
	map_deinit(&core->workers);
}

/* --- what it may do --- */

bool core_worker_reaches(const struct core_worker *worker, const struct core_host *host)
{
	if (core_host_is_local(host))
		return worker->local;
	for (size_t i = 0; i < worker->hosts_count; i++)
		if (worker->hosts[i] == host)
			return true;
	return worker->hosts_count == 0;
}

static bool is_denied(const uint64_t *denied, size_t count, uint64_t worker)
{
	for (size_t i = 0; i < count; i++)
		if (denied[i] == worker)
			return true;
	return false;
}

bool core_worker_may(const struct core_worker *worker, const struct core_queue *queue)
{
	return worker->stations[queue->station->slot] == queue->station && core_worker_reaches(worker, queue->host) &&
	       !is_denied(queue->denied, queue->denied_count, worker->id);
}

/* Somebody who could do it as it is now, whether or not a slot is free. */
static bool somebody_can(const struct core *core, const struct core_task *task)
{
	const bool     layer = task->kind == CORE_LAYER;
	const uint64_t set = layer ? ((const struct core_layer *)(const void *)task)->key.set : 0;

	for (const struct core_link *link = core->all_workers.first; link; link = link->next) {
		const struct core_worker *worker = CORE_CONST_OWNER(link, struct core_worker, all);

		if (core_worker_reaches(worker, task->host) && (!layer || worker->set == set) &&
		    worker->slots[core_slot_of((enum core_task_kind)task->kind)] &&
		    !(task->denied && is_denied(task->denied->workers, task->denied->count, worker->id)))
			return true;
	}
	return false;
}

bool core_task_deny(struct core *core, struct core_task *task, uint64_t worker)
{
	struct core_denied *denied = task->denied;
	size_t              at;

	if (!denied && (denied = task->denied = core_alloc(core, sizeof(*denied))) == NULL)
		return false;
	if (denied->count == DENIED_MAX)
		return false; /* asked enough of them */
	for (at = denied->count++; at > 0 && denied->workers[at - 1] > worker; at--)
		denied->workers[at] = denied->workers[at - 1];
	denied->workers[at] = worker;
	return somebody_can(core, task);
}

void core_task_undeny(struct core_task *task)
{
	free(task->denied);
	task->denied = NULL;
}

static struct core_task *any_task(const struct core_queue *queue)
{
	const struct core_flow *flow = CORE_CONST_OWNER(queue->all.first, struct core_flow, of_queue);

	return (struct core_task *)(void *)flow->tasks.items[0];
}

/* Tasks that waited for a worker that has gone: those that denied them are asked once more, so that they end. */
static void ask_again(struct core *core)
{
	struct core_link *next;

	for (struct core_link *link = core->denying.first; link; link = next) {
		struct core_queue *queue = CORE_OWNER(link, struct core_queue, denying);

		next = link->next;
		if (somebody_can(core, any_task(queue)))
			continue;
		for (size_t left = queue->count; left; left--) { /* with the last one the queue goes */
			struct core_task *task = any_task(queue);

			core_task_unqueue(core, task);
			core_task_undeny(task);
			core_task_ready(core, task);
		}
	}
}

/* --- slots --- */

bool core_worker_stopped(const struct core_worker *worker)
{
	return worker->draining || worker->away || worker->deaf;
}

/* In the lists of those with a free slot, or out of them; what it may take now is looked for. */
void core_worker_changed(struct core *core, struct core_worker *worker)
{
	for (size_t slot = 0; slot < SLOTS; slot++) {
		const bool free_slot =
			worker->used[slot] < worker->slots[slot] && !core_worker_stopped(worker) && !worker->exclusive;

		if (!free_slot)
			core_list_remove(&worker->free[slot]);
		else if (!worker->free[slot].list)
			core_list_append(&worker->stations[slot]->free, &worker->free[slot]);
		if (free_slot)
			core_list_append(&core->dirty, &worker->dirty);
	}
	if (worker->draining && !worker->drained && !worker->leases_count) {
		worker->drained = true;
		core_emit(core, CORE_WORKER_DRAINED)->worker = worker->id;
	}
}

/* --- deaf ones --- */

static void stop(struct core *core, struct core_worker *worker, bool *why)
{
	*why = true;
	if (core->reserved == worker)
		core->reserved = NULL;
	core_worker_changed(core, worker);
}

/* Who loses all that he is sent would keep it from the others, or be sent it for ever: he rests, each time longer. */
void core_worker_lost_tasks(struct core *core, struct core_worker *worker)
{
	if (++worker->deaf_beats < DEAF_BEATS)
		return;
	worker->deaf_until = core->now + core_backoff(core, worker->deaf_beats + 2);
	stop(core, worker, &worker->deaf);
}

void core_worker_has_tasks(struct core *core, struct core_worker *worker)
{
	worker->deaf_beats = 0;
	if (!worker->deaf)
		return;
	worker->deaf = false;
	core_worker_changed(core, worker);
}

/* --- come and go --- */

static void count_reach(struct core *core, const struct core_worker *worker, bool comes)
{
	const uint64_t one = comes ? 1 : UINT64_MAX; /* wraps to one less */
	const uint64_t before = core->any_workers;

	if (worker->local)
		core->local_workers += one;
	if (worker->local && core->local)
		core_host_changed(core, core->local);
	for (size_t i = 0; i < worker->hosts_count; i++) {
		worker->hosts[i]->listed += one;
		core_host_changed(core, worker->hosts[i]);
	}
	if (worker->hosts_count)
		return;
	core->any_workers += one;
	if (!before || !core->any_workers)
		core_hosts_reached_anew(core);
}

static bool take_hosts(struct core *core, struct core_worker *worker, const struct core_event *event)
{
	worker->names = core_alloc(core, (event->hosts_count + 1) * sizeof(*worker->names));
	worker->hosts = core_alloc(core, (event->hosts_count + 1) * sizeof(struct core_host *));
	for (size_t i = 0; i < event->hosts_count && worker->names && worker->hosts; i++) {
		if (!event->hosts[i].len)
			continue;
		worker->names[worker->hosts_count] = core_own(core, event->hosts[i]);
		core_host_use(&worker->hosts[worker->hosts_count], core_host_get(core, event->hosts[i]));
		if (!worker->hosts[worker->hosts_count++])
			return false;
	}
	return worker->names && worker->hosts;
}

void core_worker_hello(struct core *core, const struct core_event *event)
{
	struct core_worker *worker = core_worker_find(core, event->worker);

	if (worker)
		core_worker_gone(core, worker, true);
	if ((worker = core_alloc(core, sizeof(*worker))) == NULL)
		return;
	worker->id = event->worker;
	worker->set = event->set;
	worker->heard = core->now;
	worker->local = event->local;
	worker->slots[SLOT_LAYER] = event->layer_slots;
	worker->slots[SLOT_LIGHT] = event->light_slots;
	worker->stations[SLOT_LAYER] = core_station_use(core, SLOT_LAYER, event->set);
	worker->stations[SLOT_LIGHT] = core_station_use(core, SLOT_LIGHT, 0);
	if (!worker->stations[SLOT_LAYER] || !worker->stations[SLOT_LIGHT] || !take_hosts(core, worker, event) ||
	    !map_put(&core->workers, slice_of(&worker->id, sizeof(worker->id)), worker)) {
		core->failed = true;
		worker_free(worker);
		return;
	}
	core_list_append(&core->all_workers, &worker->all);
	if (core->workers.count == 1)
		core_jobs_wake(core);
	count_reach(core, worker, true);
	core_worker_listed(core, worker, event, true);
	core_worker_changed(core, worker);
}

void core_worker_gone(struct core *core, struct core_worker *worker, bool orderly)
{
	worker->drained = true;
	worker->draining = true; /* not to be asked again while its leases are given away */
	core_worker_changed(core, worker);
	core_list_remove(&worker->dirty);
	core_list_remove(&worker->all);
	map_remove(&core->workers, slice_of(&worker->id, sizeof(worker->id)));
	if (core->reserved == worker)
		core->reserved = NULL;
	while (worker->leases.first)
		core_lease_lost(core, CORE_OWNER(worker->leases.first, struct core_lease, of_worker), orderly);
	core_list_remove(&worker->dirty);
	count_reach(core, worker, false);
	worker_free(worker);
	ask_again(core);
}

static void heard(struct core *core, struct core_worker *worker)
{
	worker->heard = core->now;
	core_list_append(&core->all_workers, &worker->all);
	if (!worker->away && !worker->deaf)
		return;
	worker->away = false;
	worker->deaf &= core->now < worker->deaf_until;
	core_worker_changed(core, worker);
}

void core_worker_event(struct core *core, struct core_worker *worker, const struct core_event *event)
{
	switch (event->kind) {
	case CORE_WORKER_HEARD:
		heard(core, worker);
		break;
	case CORE_WORKER_PROGRESS:
	case CORE_WORKER_BACK:
		heard(core, worker);
		if (event->kind == CORE_WORKER_BACK)
			core_worker_has_tasks(core, worker); /* what was lost went over another connection */
		core_worker_listed(core, worker, event, event->kind == CORE_WORKER_BACK);
		break;
	case CORE_WORKER_AWAY:
		stop(core, worker, &worker->away);
		break;
	case CORE_WORKER_DRAIN:
		stop(core, worker, &worker->draining);
		break;
	default:
		core_worker_gone(core, worker, event->orderly);
	}
}

void core_workers_check(struct core *core)
{
	while (core->all_workers.first) {
		struct core_worker *worker = CORE_OWNER(core->all_workers.first, struct core_worker, all);

		if (core->now < worker->heard + core->config.silence_ms)
			break;
		core_worker_gone(core, worker, false);
	}
}
