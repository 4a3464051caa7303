#include "core_internal.h"

#include <stdlib.h>

void core_job_check(struct core *core, struct core_job *job)
{
	struct core_action *action;

	if (job->ended || !job->closed || job->more || job->fetching || job->references_open || job->images_open)
		return;
	job->ended = true;
	action = core_emit(core, CORE_JOB_DONE);
	action->job = job->id;
	action->cancelled = job->cancelled;
	job->next_ended = core->ended;
	core->ended = job;
}

void core_job_open(struct core *core, const struct core_event *event)
{
	struct core_job *job;

	if (core_job_find(core, event->job) || (job = core_alloc(core, sizeof(*job))) == NULL)
		return;
	job->id = event->job;
	job->class = event->priority ? CORE_CLASSES - 1 : 0;
	job->no_reuse = event->no_reuse;
	job->again = event->again;
	if (!map_put(&core->jobs, slice_of(&job->id, sizeof(job->id)), job)) {
		core->failed = true;
		free(job);
	}
}

void core_job_free(struct core *core, struct core_job *job)
{
	core_references_free(core, job);
	core_images_free(core, job);
	core_uses_free(core, job);
	core_list_remove(&job->hungry);
	map_deinit(&job->by_number);
	core_hashes_deinit(&job->counted);
	free(job);
}

void core_jobs_bury(struct core *core)
{
	while (core->ended) {
		struct core_job *job = core->ended;

		core->ended = job->next_ended;
		map_remove(&core->jobs, slice_of(&job->id, sizeof(job->id)));
		core_job_free(core, job);
	}
}

static void cancel(struct core *core, struct core_job *job)
{
	job->cancelled = job->closed = true;
	job->more = job->fetching = false;
	core_layers_job_leaves(core, job);
	core_references_free(core, job);
	core_images_free(core, job);
	core_job_check(core, job);
}

static void pause(struct core *core, struct core_job *job, bool paused)
{
	if (job->paused == paused)
		return;
	job->paused = paused;
	core_job_park(core, job);
	core_layers_job_changed(core, job);
	core_job_hungry(core, job);
}

/* --- the window of references --- */

static void stored(struct core *core, struct core_job *job, const struct core_event *event)
{
	if (!event->count && !event->listings)
		return;
	job->more = job->stored_again = true;
	job->stored_at = core->now;
	job->stats.images_total += event->count;
	job->listings_open += event->listings;
	core_job_hungry(core, job);
}

static void fed(struct core *core, struct core_job *job, const struct core_event *event)
{
	if (!job->fetching)
		return;
	job->fetching = false;
	job->next_reference = event->reference;
	job->more = !event->none_left || job->stored_again;
	core_job_hungry(core, job);
	core_job_check(core, job);
}

void core_job_hungry(struct core *core, struct core_job *job)
{
	core_list_append(&core->hungry, &job->hungry);
}

/* For nobody it is enough to know what hosts there are to wait for. */
static void fetch(struct core *core, struct core_job *job)
{
	const uint64_t      most = core->workers.count ? CORE_WINDOW_MAX : CORE_WINDOW_RUNNABLE;
	const uint64_t      room = most > job->references_open ? most - job->references_open : 0;
	struct core_action *action;

	if (!job->more || job->fetching || job->paused || job->ended || !room ||
	    job->runnable > CORE_WINDOW_RUNNABLE / 2)
		return;
	job->fetching = true;
	job->stored_again = false;
	action = core_emit(core, CORE_FETCH_REFERENCES);
	action->job = job->id;
	action->reference = job->next_reference;
	action->count = room < CORE_FETCH_MAX ? room : CORE_FETCH_MAX;
}

/* With the first worker: what waited for it need not wait any more. */
void core_jobs_wake(struct core *core)
{
	struct core_job *job;
	size_t           position = 0;

	while ((job = map_next(&core->jobs, &position)) != NULL)
		core_job_hungry(core, job);
}

void core_jobs_fetch(struct core *core)
{
	if (core->draining)
		return;
	while (core->hungry.first) {
		struct core_job *job = CORE_OWNER(core->hungry.first, struct core_job, hungry);

		core_list_remove(&job->hungry);
		fetch(core, job);
	}
}

/* --- events --- */

void core_job_event(struct core *core, struct core_job *job, const struct core_event *event)
{
	switch (event->kind) {
	case CORE_JOB_STORED:
		stored(core, job, event);
		break;
	case CORE_JOB_REFERENCE:
		core_reference_add(core, job, event);
		break;
	case CORE_JOB_FED:
		fed(core, job, event);
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
		pause(core, job, event->kind == CORE_JOB_PAUSE);
		break;
	default:
		cancel(core, job);
	}
}
