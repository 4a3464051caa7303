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
		if (job->closed && !job->ended && !job->references_open && !job->images_open)
			return "a job with nothing open has not ended";
		if (job->stats.images_done > job->stats.images_total ||
		    job->stats.layers_done > job->stats.layers_total)
			return "more done than there is";
	}
	for (position = 0; (host = map_next(&core->hosts, &position)) != NULL;)
		active += host->active;
	for (const struct core_worker *worker = core->workers; worker; worker = worker->next)
		held += worker->leases_count;
	return active == held ? NULL : "leases of hosts and of workers differ";
}
