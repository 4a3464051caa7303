#include "core_internal.h"

bool core_lease_info(const struct core *core, uint64_t id, struct core_lease_info *out)
{
	const struct core_lease *lease = core_lease_find(core, id);

	*out = (struct core_lease_info){0};
	if (!lease)
		return false;
	out->kind = lease->task->kind;
	out->job = lease->task->job;
	out->current = lease->worker != NULL;
	out->worker = lease->worker ? lease->worker->id : 0;
	if (out->kind == CORE_LAYER) {
		const struct core_layer *layer = (const struct core_layer *)(const void *)lease->task;

		out->key = layer->key;
		out->diff_id = layer->diff_id;
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

static uint32_t class_of(const struct core_task *task)
{
	return task->priority ? 1 : 0;
}

static void count_task(const struct core *core, const struct core_task *task, struct core_gauges *out)
{
	const struct core_job *job = core_job_find(core, task->job);
	bool                   ready = task->item.heap && task->item.heap != &core->timers && task->host &&
		     task->host->blocked_until <= core->now && (!job || !job->paused);

	if (task->lease)
		out->leases[task->kind]++;
	else if (ready)
		out->ready[class_of(task)][task->kind]++;
	else
		out->waiting[class_of(task)][task->kind]++;
}

static void count_job(const struct core *core, const struct core_job *job, struct core_gauges *out)
{
	if (job->ended)
		return;
	out->jobs_running++;
	out->jobs_paused += job->paused;
	for (const struct core_reference *reference = job->references; reference; reference = reference->next) {
		out->references++;
		if (!reference->ended)
			count_task(core, &reference->task, out);
	}
}

static uint64_t oldest_lease_ms(const struct core *core, const struct core_worker *worker)
{
	uint64_t oldest = 0;

	for (const struct core_lease *lease = worker->leases; lease; lease = lease->next_of_worker)
		if (core->now - lease->sent > oldest)
			oldest = core->now - lease->sent;
	return oldest;
}

static void count_worker(const struct core *core, const struct core_worker *worker, struct core_gauges *out)
{
	uint64_t oldest = oldest_lease_ms(core, worker);

	out->workers++;
	out->workers_draining += worker->draining;
	out->layer_slots += worker->layer_slots;
	out->layer_free += worker->layer_free;
	out->light_slots += worker->light_slots;
	out->light_free += worker->light_free;
	if (oldest > out->oldest_lease_ms)
		out->oldest_lease_ms = oldest;
}

void core_gauges(const struct core *core, struct core_gauges *out)
{
	const struct core_layer *layer;
	const struct core_job   *job;
	const struct core_host  *host;
	size_t                   position = 0;

	*out = (struct core_gauges){.images_open = core->images_open, .draining = core->draining};
	while ((job = map_next(&core->jobs, &position)) != NULL)
		count_job(core, job, out);
	for (position = 0; (layer = map_next(&core->layers, &position)) != NULL; out->layers++)
		if (layer->state <= LAYER_NODE_CLAIMED)
			count_task(core, &layer->task, out);
	for (position = 0; (host = map_next(&core->hosts, &position)) != NULL; out->hosts++)
		out->hosts_blocked += host->blocked_until > core->now;
	for (const struct core_worker *worker = core->workers; worker; worker = worker->next)
		count_worker(core, worker, out);
}

void core_hosts_each(const struct core *core, void (*each)(void *data, const struct core_host_info *host), void *data)
{
	const struct core_host *host;
	size_t                  position = 0;

	while ((host = map_next(&core->hosts, &position)) != NULL) {
		struct core_host_info info = {
			.name = core_host_is_local(host) ? SLICE_LIT("local sources") : host->name,
			.ready = host->light.count + host->layers.count,
			.active = host->active,
			.blocked_ms = host->blocked_until > core->now ? host->blocked_until - core->now : 0,
			.rate_limited = host->rate_limited,
		};

		for (const struct core_worker *worker = core->workers; worker; worker = worker->next)
			info.workers += core_worker_reaches(worker, host);
		each(data, &info);
	}
}

void core_workers_each(const struct core *core, void (*each)(void *data, const struct core_worker_info *worker),
		       void              *data)
{
	for (const struct core_worker *worker = core->workers; worker; worker = worker->next) {
		const struct core_worker_info info = {
			.id = worker->id,
			.set = worker->set,
			.heard_ms = core->now - worker->heard,
			.oldest_lease_ms = oldest_lease_ms(core, worker),
			.hosts = worker->hosts,
			.hosts_count = worker->hosts_count,
			.layer_slots = worker->layer_slots,
			.light_slots = worker->light_slots,
			.leases = worker->leases_count,
			.bytes = worker->bytes,
			.draining = worker->draining,
			.local = worker->local,
		};

		each(data, &info);
	}
}

/* --- what must always hold --- */

static const char *check_layer(const struct core *core, const struct core_layer *layer)
{
	size_t current = 0;

	for (const struct core_lease *lease = layer->task.leases; lease; lease = lease->next_of_task)
		current += lease->worker != NULL;
	if (current > 1)
		return "a layer has two current leases";
	if (current && !layer->owned)
		return "a layer is leased without a claim";
	if ((layer->state == LAYER_NODE_DONE || layer->state == LAYER_NODE_FAILED) &&
	    (layer->waiters_count || layer->owned || layer->task.leases || layer->task.item.heap))
		return "an ended layer still holds something";
	if (layer->state == LAYER_NODE_CLAIMED && !current && !layer->task.item.heap)
		return "a claimed layer is neither leased nor queued";
	if (layer->state == LAYER_NODE_BUSY && layer->task.item.heap != &core->timers)
		return "a busy layer is not to be asked for again";
	return NULL;
}

const char *core_check(const struct core *core)
{
	const struct core_layer *layer;
	const struct core_job   *job;
	const struct core_host  *host;
	size_t                   position = 0, active = 0, held = 0;

	while ((layer = map_next(&core->layers, &position)) != NULL) {
		const char *wrong = check_layer(core, layer);

		if (wrong)
			return wrong;
	}
	for (position = 0; (job = map_next(&core->jobs, &position)) != NULL;) {
		if (job->closed && !job->ended && !job->more && !job->fetching && !job->references_open &&
		    !job->images_open)
			return "a job with nothing open has not ended";
		if (job->stats.images_done > job->stats.images_total ||
		    job->stats.layers_done > job->stats.layers_total)
			return "more done than there is";
	}
	for (position = 0; (host = map_next(&core->hosts, &position)) != NULL;)
		active += host->active;
	for (const struct core_worker *worker = core->workers; worker; worker = worker->next)
		held += worker->leases_count;
	if (active != core->leases_active)
		return "leases that are out are miscounted";
	return active == held ? NULL : "leases of hosts and of workers differ";
}
