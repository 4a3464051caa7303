#include "core_internal.h"

bool core_lease_info(const struct core *core, uint64_t id, struct core_lease_info *out)
{
	const struct core_lease *lease = core_lease_find(core, id);

	*out = (struct core_lease_info){0};
	if (!lease)
		return false;
	out->kind = (enum core_task_kind)lease->task->kind;
	out->job = lease->task->job ? lease->task->job->id : 0;
	out->sent_ms = lease->sent;
	out->current = lease->worker != NULL;
	out->worker = lease->worker ? lease->worker->id : 0;
	if (out->kind == CORE_LAYER) {
		const struct core_layer *layer = (const struct core_layer *)(const void *)lease->task;

		out->key = layer->key;
		if (layer->verify)
			out->diff_id = layer->rare->verify;
		out->verify = layer->verify;
		out->pseudo = layer->pseudo;
	} else {
		const struct core_reference *reference = (const struct core_reference *)(const void *)lease->task;

		out->reference = reference->number;
		out->text = reference->text;
	}
	return true;
}

bool core_job_stats(const struct core *core, uint64_t id, struct core_job_stats *out)
{
	const struct core_job *job = core_job_find(core, id);

	if (!job)
		return false;
	*out = job->stats;
	out->growing = !job->ended && (!job->closed || job->listings_open);
	return true;
}

/* --- gauges --- */

static uint64_t ago(const struct core *core, uint64_t at)
{
	return core->now > at ? core->now - at : 0;
}

static uint64_t oldest_lease_ms(const struct core *core, const struct core_worker *worker)
{
	uint64_t oldest = 0;

	for (const struct core_link *link = worker->leases.first; link; link = link->next) {
		const struct core_lease *lease = CORE_CONST_OWNER(link, struct core_lease, of_worker);

		if (ago(core, lease->sent) > oldest)
			oldest = ago(core, lease->sent);
	}
	return oldest;
}

static void count_worker(const struct core *core, const struct core_worker *worker, struct core_gauges *out)
{
	uint64_t oldest = oldest_lease_ms(core, worker);

	out->workers++;
	out->workers_draining += worker->draining;
	out->layer_slots += worker->slots[SLOT_LAYER];
	out->layer_free += worker->slots[SLOT_LAYER] - worker->used[SLOT_LAYER];
	out->light_slots += worker->slots[SLOT_LIGHT];
	out->light_free += worker->slots[SLOT_LIGHT] - worker->used[SLOT_LIGHT];
	if (oldest > out->oldest_lease_ms)
		out->oldest_lease_ms = oldest;
}

/* Nothing but a worker is wanted: also where none is there at all, so that a fleet may be scaled up from nothing. */
static bool wants_workers(const struct core *core, const struct core_flow *flow)
{
	const struct core_queue *queue = flow->queue;

	if (!flow->item.heap) /* the job is paused */
		return false;
	return queue->open || (!core_host_reached(core, queue->host) && queue->host->blocked_until <= core->now);
}

static void count_tasks(const struct core *core, struct core_gauges *out)
{
	const struct core_queue *queue;
	const struct core_flow  *flow;
	size_t                   position = 0;

	while ((flow = map_next(&core->flows, &position)) != NULL) {
		queue = flow->queue;
		if (wants_workers(core, flow))
			out->ready[queue->class][queue->kind] += flow->tasks.count;
		else
			out->waiting[queue->class][queue->kind] += flow->tasks.count;
	}
	for (size_t kind = 0; kind < KINDS; kind++) {
		out->leases[kind] = core->leased[kind];
		for (size_t class = 0; class < CORE_CLASSES; class ++)
			out->waiting[class][kind] += core->timed[class][kind];
	}
}

void core_gauges(const struct core *core, struct core_gauges *out)
{
	const struct core_job  *job;
	const struct core_host *host;
	size_t                  position = 0;

	*out = (struct core_gauges){.images_open = core->images_open,
				    .layers = core->layers.count,
				    .references = core->references,
				    .draining = core->draining};
	count_tasks(core, out);
	while ((job = map_next(&core->jobs, &position)) != NULL) {
		out->jobs_running += !job->ended;
		out->jobs_paused += !job->ended && job->paused;
	}
	for (position = 0; (host = map_next(&core->hosts, &position)) != NULL; out->hosts++)
		out->hosts_blocked += host->blocked_until > core->now;
	for (const struct core_link *link = core->all_workers.first; link; link = link->next)
		count_worker(core, CORE_CONST_OWNER(link, struct core_worker, all), out);
}

void core_hosts_each(const struct core *core, void (*each)(void *data, const struct core_host_info *host), void *data)
{
	const struct core_host *host;
	size_t                  position = 0;

	while ((host = map_next(&core->hosts, &position)) != NULL) {
		const bool                  local = core_host_is_local(host);
		const struct core_host_info info = {
			.name = local ? SLICE_LIT("local sources") : host->name,
			.ready = host->ready,
			.active = host->active,
			.blocked_ms = host->blocked_until > core->now ? host->blocked_until - core->now : 0,
			.rate_limited = host->rate_limited,
			.connect_failures = host->failures,
			.workers = local ? core->local_workers : host->listed + core->any_workers,
		};

		each(data, &info);
	}
}

void core_workers_each(const struct core *core, void (*each)(void *data, const struct core_worker_info *worker),
		       void              *data)
{
	for (const struct core_link *link = core->all_workers.first; link; link = link->next) {
		const struct core_worker     *worker = CORE_CONST_OWNER(link, struct core_worker, all);
		const struct core_worker_info info = {
			.id = worker->id,
			.set = worker->set,
			.heard_ms = ago(core, worker->heard),
			.oldest_lease_ms = oldest_lease_ms(core, worker),
			.hosts = worker->names,
			.hosts_count = worker->hosts_count,
			.layer_slots = worker->slots[SLOT_LAYER],
			.light_slots = worker->slots[SLOT_LIGHT],
			.leases = worker->leases_count,
			.bytes = worker->bytes,
			.draining = worker->draining,
			.local = worker->local,
		};

		each(data, &info);
	}
}

/* --- what waits for nobody --- */

/* Some worker may take from the queue, now or when it has a slot. */
static bool somebody_for(const struct core *core, const struct core_queue *queue)
{
	for (const struct core_link *link = core->all_workers.first; link; link = link->next) {
		const struct core_worker *worker = CORE_CONST_OWNER(link, struct core_worker, all);

		if (worker->slots[queue->station->slot] && core_worker_may(worker, queue))
			return true;
	}
	return false;
}

static size_t waits_for_nobody(const struct core *core, const struct core_host *host)
{
	size_t count = 0;

	for (const struct core_link *link = host->queues.first; link; link = link->next) {
		const struct core_queue *queue = CORE_CONST_OWNER(link, struct core_queue, of_host);

		if (!somebody_for(core, queue))
			count += queue->count;
	}
	return count;
}

static const char *tasks_wait(size_t count)
{
	return count == 1 ? "task waits" : "tasks wait";
}

size_t core_notices(const struct core *core, struct arena *arena, struct slice *out, size_t max)
{
	const struct core_host *host;
	size_t                  position = 0, count = 0;

	while (count < max && (host = map_next(&core->hosts, &position)) != NULL) {
		const struct slice name = core_host_is_local(host) ? SLICE_LIT("local sources") : host->name;
		const size_t       waiting = waits_for_nobody(core, host);

		if (waiting)
			out[count++] = arena_printf(arena, "no worker for %.*s: %zu %s", SLICE_FMT(name), waiting,
						    tasks_wait(waiting));
		if (count < max && host->blocked_until > core->now && host->ready)
			out[count++] = arena_printf(arena, "%.*s %s: %zu %s", SLICE_FMT(name),
						    host->rates ? "asks us to wait" : "cannot be connected to",
						    (size_t)host->ready, tasks_wait(host->ready));
	}
	for (const struct core_link *link = core->all_workers.first; link && count < max; link = link->next) {
		const struct core_worker *worker = CORE_CONST_OWNER(link, struct core_worker, all);

		if (worker->deaf)
			out[count++] = arena_printf(arena, "worker %llu loses the tasks that it is sent: it rests",
						    (unsigned long long)worker->id);
	}
	return count;
}
