#include "core_internal.h"

/* Counted anew from the nodes. */
struct sums {
	uint64_t queued[CORE_CLASSES][KINDS], timed[CORE_CLASSES][KINDS], leased[KINDS];
	uint64_t references, images, active;
};

/* --- heaps and lists --- */

static bool in_order(const struct heap *heap)
{
	for (size_t i = 0; i < heap->count; i++) {
		if (heap->items[i]->heap != heap || heap->items[i]->at != i)
			return false;
		if (i && heap->before(heap->items[i], heap->items[(i - 1) / 2]))
			return false;
	}
	return true;
}

static bool linked(const struct core_list *list)
{
	const struct core_link *previous = NULL;
	size_t                  count = 0;

	for (const struct core_link *link = list->first; link; previous = link, link = link->next, count++)
		if (link->list != list || link->previous != previous)
			return false;
	return list->last == previous && list->count == count;
}

/* --- layers --- */

static size_t current_leases(const struct core_task *task)
{
	size_t current = 0;

	for (const struct core_lease *lease = task->leases; lease; lease = lease->next_of_task)
		current += lease->worker != NULL;
	return current;
}

static bool is_terminal(const struct core_layer *layer)
{
	return layer->state == LAYER_NODE_DONE || layer->state == LAYER_NODE_FAILED;
}

static const char *check_layer(const struct core *core, const struct core_layer *layer)
{
	const size_t current = current_leases(&layer->task);

	if (current > 1)
		return "a layer has two current leases";
	if (current && !core_lease_current(&layer->task))
		return "a layer's current lease is not its newest";
	if (current && !layer->owned)
		return "a layer is leased without a claim";
	if (layer->owned != (layer->state == LAYER_NODE_CLAIMED))
		return "a claim is held by a layer in another state, or not by one that needs it";
	if (is_terminal(layer) && (layer->waiters_count || layer->task.leases || layer->task.item.heap))
		return "an ended layer still holds something";
	if (is_terminal(layer) && (!layer->rare || !layer->rare->uses))
		return "an ended layer stays for nobody";
	if (layer->state == LAYER_NODE_CLAIMED && !current == !layer->task.item.heap)
		return "a claimed layer is neither leased nor queued, or both";
	if (layer->state == LAYER_NODE_BUSY && layer->task.item.heap != &core->timers)
		return "a busy layer is not to be asked for again";
	if (!is_terminal(layer) && layer->state != LAYER_NODE_CLAIMING && !layer->waiters_count)
		return "a layer is worked at that nobody waits for";
	if (layer->waiters_count && (!layer->task.job || layer->task.job->ended))
		return "a layer that is waited for belongs to no job";
	if (layer->tried && layer->tried >= layer->waiters_count)
		return "a layer is read from a place that nobody names";
	return NULL;
}

/* One waiter of each job counts the layer. */
static const char *check_waiters(const struct core *core, const struct core_layer *layer)
{
	for (size_t i = 0; i < layer->waiters_count; i++) {
		const struct core_image *image = layer->waiters[i].image;
		const struct core_job   *job = core_job_find(core, image->job);

		if (!job || !core_hashes_has(&job->counted, core_layer_hash(&layer->key)))
			return "a layer that is waited for is not counted in its job";
		if (image->pending == 0)
			return "an image that has ended still waits";
	}
	return NULL;
}

/* --- queues --- */

static const char *check_flow(const struct core_flow *flow)
{
	const struct core_queue *queue = flow->queue;

	if (!flow->tasks.count || !in_order(&flow->tasks))
		return "a flow is empty or out of order";
	if (!flow->item.heap != flow->job->paused || (flow->item.heap && flow->item.heap != &queue->flows))
		return "a paused job's flow is served, or another one's is not";
	if (flow->tag > flow->job->vtime[queue->station->slot])
		return "a flow is ahead of its job's time";
	for (size_t i = 0; i < flow->tasks.count; i++) {
		const struct core_task *task = (const struct core_task *)(const void *)flow->tasks.items[i];

		if (task->job != flow->job || task->host != queue->host || task->kind != queue->kind ||
		    task->exclusive != queue->exclusive || core_lease_current(task))
			return "a task lies in the wrong queue";
	}
	return NULL;
}

static const char *check_queue(const struct core *core, const struct core_queue *queue, struct sums *sums)
{
	size_t count = 0, unpaused = 0;

	for (const struct core_link *link = queue->all.first; link; link = link->next) {
		const struct core_flow *flow = CORE_CONST_OWNER(link, struct core_flow, of_queue);
		const char             *wrong = check_flow(flow);

		if (wrong)
			return wrong;
		count += flow->tasks.count;
		unpaused += flow->item.heap != NULL;
	}
	sums->queued[queue->class][queue->kind] += count;
	if (!linked(&queue->all) || !in_order(&queue->flows) || unpaused != queue->flows.count)
		return "the flows of a queue are out of order";
	if (count != queue->count || !count)
		return "a queue miscounts its tasks";
	if (queue->open != (queue->flows.count && core_host_admits(core, queue->host, queue->kind)))
		return "a queue is open that should be shut, or the other way round";
	if (queue->woken.list && !core->draining)
		return "a queue that has opened was not offered";
	return NULL;
}

static uint64_t users_of(const struct core *core, const struct core_station *station)
{
	const struct core_queue *queue;
	uint64_t                 users = station == core->light;
	size_t                   position = 0;

	while ((queue = map_next(&core->queues, &position)) != NULL)
		users += queue->station == station;
	for (const struct core_link *link = core->all_workers.first; link; link = link->next) {
		const struct core_worker *worker = CORE_CONST_OWNER(link, struct core_worker, all);

		users += (uint64_t)(worker->stations[SLOT_LIGHT] == station) +
			 (uint64_t)(worker->stations[SLOT_LAYER] == station);
	}
	return users;
}

static const char *check_stations(const struct core *core)
{
	for (const struct core_link *link = core->stations.first; link; link = link->next) {
		const struct core_station *station = CORE_CONST_OWNER(link, struct core_station, link);

		if (!linked(&station->special) || !linked(&station->free))
			return "a station's lists are broken";
		if (users_of(core, station) == 0)
			return "a station stays that nobody uses";
		for (size_t i = 0; i < (size_t)KINDS * CORE_CLASSES; i++)
			if (!in_order(&station->plain[i / CORE_CLASSES][i % CORE_CLASSES]))
				return "a station's queues are out of order";
	}
	return NULL;
}

/* --- workers --- */

/* It has a free slot that it could use now. */
static bool is_idle_for(const struct core *core, const struct core_worker *worker, const struct core_queue *queue)
{
	const enum core_slot slot = queue->station->slot;

	if (core_worker_stopped(worker) || worker->exclusive || core->reserved == worker ||
	    worker->used[slot] >= worker->slots[slot] || (queue->exclusive && worker->leases_count))
		return false;
	if (queue->kind == CORE_RESOLVE && !core_may_resolve(core, queue->class))
		return false;
	if (queue->class == 1 && !queue->exclusive && !core_bulk_may(worker, slot))
		return false;
	return core_worker_may(worker, queue);
}

static const char *check_worker(const struct core *core, const struct core_worker *worker)
{
	const struct core_queue *queue;
	size_t                   position = 0, used[SLOTS] = {0};

	for (const struct core_link *link = worker->leases.first; link; link = link->next) {
		const struct core_lease *lease = CORE_CONST_OWNER(link, struct core_lease, of_worker);

		used[core_slot_of((enum core_task_kind)lease->task->kind)]++;
		if (lease->worker != worker)
			return "a worker lists another one's lease";
		if (lease->task->exclusive && worker->leases_count > 1)
			return "a suspect task does not run alone";
	}
	for (size_t slot = 0; slot < SLOTS; slot++) {
		const bool free_slot =
			used[slot] < worker->slots[slot] && !core_worker_stopped(worker) && !worker->exclusive;

		if (used[slot] != worker->used[slot] || used[slot] > worker->slots[slot])
			return "a worker's slots are miscounted";
		if (free_slot != (worker->free[slot].list != NULL))
			return "a worker with a free slot is not listed, or one without is";
	}
	if (!linked(&worker->leases) || worker->leases_count != worker->leases.count)
		return "a worker's leases are miscounted";
	while (!core->draining && (queue = map_next(&core->queues, &position)) != NULL)
		if (queue->open && is_idle_for(core, worker, queue))
			return "a worker is idle beside a task that it could do";
	return NULL;
}

static const char *check_workers(const struct core *core)
{
	uint64_t any = 0, local = 0, before = 0;

	if (!linked(&core->all_workers) || core->all_workers.count != core->workers.count)
		return "workers are miscounted";
	for (const struct core_link *link = core->all_workers.first; link; link = link->next) {
		const struct core_worker *worker = CORE_CONST_OWNER(link, struct core_worker, all);
		const char               *wrong = check_worker(core, worker);

		if (wrong)
			return wrong;
		if (worker->heard < before)
			return "workers are not in the order in which they were heard";
		before = worker->heard;
		any += worker->hosts_count == 0;
		local += worker->local;
	}
	return any == core->any_workers && local == core->local_workers ? NULL : "the reach of workers is miscounted";
}

static const char *check_moving(const struct core *core, struct sums *sums)
{
	uint64_t before = 0;

	for (const struct core_link *link = core->moving.first; link; link = link->next) {
		const struct core_lease *lease = CORE_CONST_OWNER(link, struct core_lease, moving);

		if (!lease->worker || lease->moved < before || core_lease_current(lease->task) != lease)
			return "leases that are out are not in the order in which they moved";
		before = lease->moved;
		sums->leased[lease->task->kind]++;
	}
	return linked(&core->moving) ? NULL : "the list of leases is broken";
}

/* --- hosts and jobs --- */

static const char *check_host(const struct core *core, const struct core_host *host, struct sums *sums)
{
	const uint32_t max = core->config.host_leases_max;
	uint64_t       ready = 0;

	for (const struct core_link *link = host->queues.first; link; link = link->next)
		ready += CORE_CONST_OWNER(link, struct core_queue, of_host)->count;
	if (!linked(&host->queues) || ready != host->ready)
		return "a host's tasks are miscounted";
	if (max && host->active > max && !core_host_is_local(host))
		return "a host has more leases than it may";
	sums->active += host->active;
	return NULL;
}

static const char *check_job(const struct core *core, const struct core_job *job, struct sums *sums)
{
	uint64_t references = 0, images = 0, ready[SLOTS] = {0}, runnable = 0;

	for (const struct core_reference *reference = job->references; reference; reference = reference->next) {
		const bool waits = reference->task.item.heap || core_lease_current(&reference->task);

		references++;
		if (reference->ended ? !reference->images_open || waits : !waits)
			return "a reference is neither worked at nor waited for";
	}
	for (const struct core_image *image = job->images; image; image = image->next)
		images++;
	for (const struct core_link *link = job->flows.first; link; link = link->next) {
		const struct core_flow *flow = CORE_CONST_OWNER(link, struct core_flow, of_job);

		ready[flow->queue->station->slot] += flow->tasks.count;
		runnable += flow->runnable;
	}
	sums->references += references;
	sums->images += images;
	if (references != job->references_open || images != job->images_open || references != job->by_number.count)
		return "what a job has open is miscounted";
	if (ready[0] != job->ready[0] || ready[1] != job->ready[1] || runnable != job->runnable)
		return "what a job has ready is miscounted";
	if (job->references_open > CORE_WINDOW_MAX)
		return "a job's window is too large";
	if (job->closed && !job->ended && !job->more && !job->fetching && !references && !images)
		return "a job with nothing open has not ended";
	if (job->more && !job->fetching && !job->paused && !core->draining && !job->ended &&
	    job->runnable <= CORE_WINDOW_RUNNABLE / 2 &&
	    references < (core->workers.count ? CORE_WINDOW_MAX : CORE_WINDOW_RUNNABLE))
		return "a job waits for references that nobody was asked for";
	if (job->stats.images_done > job->stats.images_total || job->stats.layers_done > job->stats.layers_total ||
	    job->stats.bytes_done > job->stats.bytes_total)
		return "more done than there is";
	if (job->stats.layers_done != job->stats.layers_scanned + job->stats.layers_reused +
					      job->stats.layers_verified + job->stats.layers_failed)
		return "layers that are done are of no sort, or of two";
	return NULL;
}

/* A host goes when nobody points there any more. */
static const char *check_users(const struct core *core)
{
	const struct core_layer *layer;
	const struct core_lease *lease;
	const struct core_host  *host;
	const struct core_job   *job;
	uint64_t                 pointers = 0, users = 0;
	size_t                   position = 0;

	while ((layer = map_next(&core->layers, &position)) != NULL)
		pointers += layer->task.host != NULL;
	for (position = 0; (lease = map_next(&core->leases, &position)) != NULL;)
		pointers += lease->host != NULL;
	for (position = 0; (job = map_next(&core->jobs, &position)) != NULL;)
		for (const struct core_reference *reference = job->references; reference; reference = reference->next)
			pointers += reference->task.host != NULL;
	for (const struct core_link *link = core->all_workers.first; link; link = link->next)
		pointers += CORE_CONST_OWNER(link, struct core_worker, all)->hosts_count;
	for (position = 0; (host = map_next(&core->hosts, &position)) != NULL;)
		users += host->users;
	return pointers == users ? NULL : "who uses a host is miscounted";
}

/* --- all --- */

static const char *check_each(const struct core *core, struct sums *sums)
{
	const struct core_layer *layer;
	const struct core_queue *queue;
	const struct core_host  *host;
	const struct core_job   *job;
	const char              *wrong = NULL;
	size_t                   position = 0;

	while (!wrong && (layer = map_next(&core->layers, &position)) != NULL)
		if ((wrong = check_layer(core, layer)) == NULL)
			wrong = check_waiters(core, layer);
	for (position = 0; !wrong && (queue = map_next(&core->queues, &position)) != NULL;)
		wrong = check_queue(core, queue, sums);
	for (position = 0; !wrong && (host = map_next(&core->hosts, &position)) != NULL;)
		wrong = check_host(core, host, sums);
	for (position = 0; !wrong && (job = map_next(&core->jobs, &position)) != NULL;)
		wrong = check_job(core, job, sums);
	for (position = 0; position < core->timers.count; position++) {
		const struct core_task *task = (const struct core_task *)(const void *)core->timers.items[position];

		sums->timed[task->job ? task->job->class : 0][task->kind]++;
	}
	return wrong;
}

const char *core_check(const struct core *core)
{
	struct sums sums = {0};
	const char *wrong = check_each(core, &sums);

	if (!wrong)
		wrong = check_stations(core);
	if (!wrong)
		wrong = check_workers(core);
	if (!wrong)
		wrong = check_moving(core, &sums);
	if (!wrong)
		wrong = check_users(core);
	for (size_t kind = 0; !wrong && kind < KINDS; kind++) {
		if (sums.leased[kind] != core->leased[kind])
			wrong = "leases that are out are miscounted";
		for (size_t class = 0; class < CORE_CLASSES; class ++)
			if (sums.queued[class][kind] != core->queued[class][kind] ||
			    sums.timed[class][kind] != core->timed[class][kind])
				wrong = "tasks that wait are miscounted";
	}
	if (!wrong && sums.active != core->leased[0] + core->leased[1] + core->leased[2])
		wrong = "leases of hosts and of workers differ";
	if (!wrong && (sums.references != core->references || sums.images != core->images_open))
		wrong = "references or images in memory are miscounted";
	if (!wrong && (!in_order(&core->timers) || !in_order(&core->host_timers)))
		wrong = "timers are out of order";
	return wrong;
}
