#include "core_internal.h"

/* --- the best task for a worker --- */

/* Images of bulk that wait for their layers do not keep a single scan out: ad hoc has as much room again. */
bool core_may_resolve(const struct core *core, unsigned class)
{
	return core->images_open < (uint64_t)core->config.images_open_max * (class == 0 ? 2 : 1);
}

static bool may_start(const struct core *core, const struct core_queue *queue)
{
	return queue->kind != CORE_RESOLVE || core_may_resolve(core, queue->class);
}

/* What only some may take; tasks that must run alone are another matter. */
static struct core_queue *best_special(struct core *core, const struct core_worker *worker, enum core_slot slot,
				       unsigned class, bool alone)
{
	struct core_queue *best = NULL;

	for (struct core_link *link = worker->stations[slot]->special.first; link; link = link->next) {
		struct core_queue *queue = CORE_OWNER(link, struct core_queue, of_station);

		if (queue->class == class && queue->exclusive == alone && may_start(core, queue) &&
		    core_worker_may(worker, queue))
			best = core_queue_better(core, best, queue);
	}
	return best;
}

static struct core_queue *best_of_host(struct core *core, const struct core_host *host,
				       const struct core_station *station, unsigned class, struct core_queue *best)
{
	for (struct core_link *link = host->queues.first; link; link = link->next) {
		struct core_queue *queue = CORE_OWNER(link, struct core_queue, of_host);

		if (queue->open && !queue->special && queue->station == station && queue->class == class &&
		    may_start(core, queue))
			best = core_queue_better(core, best, queue);
	}
	return best;
}

static struct core_queue *best_queue(struct core *core, const struct core_worker *worker, enum core_slot slot,
				     unsigned class)
{
	struct core_station *station = worker->stations[slot];
	struct core_queue   *best = NULL;

	if (station->special.count)
		best = best_special(core, worker, slot, class, false);
	for (size_t i = 0; i < worker->hosts_count; i++)
		best = best_of_host(core, worker->hosts[i], station, class, best);
	if (worker->hosts_count)
		return best;
	for (size_t kind = 0; kind < KINDS; kind++)
		if (kind != CORE_RESOLVE || core_may_resolve(core, class))
			best = core_queue_better(core, best, core_station_best(core, &station->plain[kind][class]));
	return best;
}

/* A registry that answers nothing keeps what it was asked for minutes: bulk leaves a fifth of the light slots to others. */
bool core_bulk_may(const struct core_worker *worker, enum core_slot slot)
{
	return slot != SLOT_LIGHT || worker->used[slot] + worker->slots[slot] / 5 < worker->slots[slot];
}

/* Ad hoc first; but bulk that waits is not kept waiting for ever. */
static struct core_queue *choose(struct core *core, const struct core_worker *worker, enum core_slot slot)
{
	struct core_station *station = worker->stations[slot];
	struct core_queue   *adhoc = best_queue(core, worker, slot, 0);
	struct core_queue   *bulk = core_bulk_may(worker, slot) ? best_queue(core, worker, slot, 1) : NULL;

	if (!adhoc || !bulk)
		return adhoc ? adhoc : bulk;
	if (station->adhoc_run + 1 < CORE_BULK_SHARE) {
		station->adhoc_run++;
		return adhoc;
	}
	station->adhoc_run = 0;
	return bulk;
}

static struct core_queue *choose_alone(struct core *core, const struct core_worker *worker)
{
	for (unsigned class = 0; class < CORE_CLASSES; class ++)
		for (size_t slot = 0; slot < SLOTS; slot++) {
			struct core_queue *queue = NULL;

			if (worker->slots[slot])
				queue = best_special(core, worker, (enum core_slot)slot, class, true);
			if (queue)
				return queue;
		}
	return NULL;
}

/* --- giving --- */

/* A job's time goes on by what it was given. What could not be given to it, because its hosts or workers were busy, is not
 * saved up: it may be a few tasks behind the others. */
static void charge(struct core *core, const struct core_task *task)
{
	const uint64_t   per_task = 4 << 20, most = 64ull << 30, lag = 4 * per_task;
	enum core_slot   slot = core_slot_of((enum core_task_kind)task->kind);
	struct core_job *job = task->job;
	uint64_t        *present = &core->vtime[slot][job->class], *time = &job->vtime[slot];

	if (*time + lag < *present)
		*time = *present - lag;
	if (*present < *time)
		*present = *time;
	*time += per_task;
	if (task->kind == CORE_LAYER && task->size != UINT64_MAX)
		*time += task->size < most ? task->size : most;
}

static void give(struct core *core, struct core_worker *worker, struct core_queue *queue)
{
	struct core_task *task = core_queue_first(queue);

	charge(core, task);
	core_task_unqueue(core, task);
	core_lease_give(core, worker, task);
}

/* At most one task for this sort of slot. */
static bool serve_slot(struct core *core, struct core_worker *worker, enum core_slot slot)
{
	struct core_queue *queue;

	if (!worker->free[slot].list || core->failed || (queue = choose(core, worker, slot)) == NULL)
		return false;
	worker->resting = false;
	give(core, worker, queue);
	return true;
}

/* A suspect task goes to a worker that has nothing else. */
static bool serve_alone(struct core *core, struct core_worker *worker)
{
	struct core_queue *queue;

	if (!core->alone.count || worker->leases_count || core_worker_stopped(worker) || core->failed ||
	    (queue = choose_alone(core, worker)) == NULL)
		return false;
	if (core->reserved == worker)
		core->reserved = NULL;
	give(core, worker, queue);
	return true;
}

static bool serve(struct core *core, struct core_worker *worker)
{
	bool served = false;

	if (!worker->resting && serve_alone(core, worker))
		return true;
	if (core->reserved == worker) {
		if (worker->leases_count)
			return false;
		core->reserved = NULL; /* what it was kept for has gone elsewhere */
	}
	for (size_t slot = 0; slot < SLOTS; slot++)
		served |= serve_slot(core, worker, (enum core_slot)slot);
	return served || serve_alone(core, worker);
}

/* --- what has changed --- */

static void serve_dirty(struct core *core)
{
	while (core->dirty.first) {
		struct core_worker *worker = CORE_OWNER(core->dirty.first, struct core_worker, dirty);

		core_list_remove(&worker->dirty);
		if (serve(core, worker))
			core_list_append(&core->dirty, &worker->dirty); /* after all others, so that work is spread */
	}
}

/* A queue that has opened is handed out, one task to each worker that may, in turn. */
static void offer(struct core *core, struct core_queue *queue)
{
	struct core_list *workers = &queue->station->free;
	bool              served = true;

	core->offered = queue;
	while (served && core->offered && queue->open && !core->failed) {
		served = false;
		for (size_t left = workers->count; left && workers->first && core->offered && queue->open; left--) {
			struct core_link   *link = workers->first;
			struct core_worker *worker = CORE_OWNER(link, struct core_worker, free[queue->station->slot]);

			core_list_append(workers, link);
			if (core_worker_may(worker, queue))
				served |= serve(core, worker);
		}
	}
	core->offered = NULL;
}

/* The worker that has least is kept free for the suspect tasks that no idle one has taken. */
static struct core_worker *least_busy(const struct core *core, const struct core_queue *queue)
{
	struct core_worker *best = NULL;

	for (struct core_link *link = core->all_workers.first; link; link = link->next) {
		struct core_worker *worker = CORE_OWNER(link, struct core_worker, all);

		if (core_worker_may(worker, queue) && worker->slots[queue->station->slot] &&
		    !core_worker_stopped(worker) && !worker->exclusive &&
		    (!best || worker->leases_count < best->leases_count))
			best = worker;
	}
	return best;
}

static void reserve(struct core *core)
{
	for (struct core_link *link = core->alone.first; link && !core->reserved; link = link->next) {
		const struct core_queue *queue = CORE_OWNER(link, struct core_queue, alone);

		if (may_start(core, queue))
			core->reserved = least_busy(core, queue);
	}
}

/* Resolving goes on. */
static void wake_resolvers(struct core *core)
{
	bool opened = false;

	for (unsigned class = 0; class < CORE_CLASSES; class ++) {
		opened |= core->resolving_shut[class] && core_may_resolve(core, class);
		core->resolving_shut[class] = !core_may_resolve(core, class);
	}
	if (opened)
		for (struct core_link *link = core->light->free.first; link; link = link->next)
			core_list_append(&core->dirty, &CORE_OWNER(link, struct core_worker, free[SLOT_LIGHT])->dirty);
}

void core_dispatch(struct core *core)
{
	wake_resolvers(core);
	while (!core->draining && !core->failed && (core->dirty.first || core->woken.first)) {
		serve_dirty(core);
		if (core->woken.first) {
			struct core_queue *queue = CORE_OWNER(core->woken.first, struct core_queue, woken);

			core_list_remove(&queue->woken);
			offer(core, queue);
		}
	}
	if (!core->draining)
		reserve(core);
}

/* --- draining --- */

void core_drained_check(struct core *core)
{
	if (!core->draining || core->drained || core->leased[0] + core->leased[1] + core->leased[2])
		return;
	core->drained = true;
	core_emit(core, CORE_DRAINED);
}
