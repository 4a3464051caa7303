#include "sim.h"

/* Twice what is promised, since the count begins anywhere; a job may be passed over by each other one of its class twice. */
enum { ADHOC_IN_ROW_MAX = 2 * CORE_BULK_SHARE, PASSED_OVER_MAX = 2 * SIM_JOBS_MAX + 4 };

void sim_share_before_step(struct sim *sim)
{
	struct core_gauges gauges;

	if (!sim->plan.plain)
		return;
	core_gauges(sim->broker.core, &gauges);
	sim->share.bulk_ready[0] = gauges.ready[1][CORE_ENUMERATE] + gauges.ready[1][CORE_RESOLVE];
	sim->share.bulk_ready[1] = gauges.ready[1][CORE_LAYER];
}

static void check_class(struct sim *sim, const struct core_action *action, bool bulk)
{
	struct sim_share *share = &sim->share;
	size_t            slot = action->task_kind == CORE_LAYER;

	if (bulk || !share->bulk_ready[slot]) {
		share->adhoc_in_row[slot] = 0;
		share->bulk_ready[slot] -= bulk && share->bulk_ready[slot];
	} else if (++share->adhoc_in_row[slot] > ADHOC_IN_ROW_MAX) {
		sim_fail(sim, "%u ad hoc tasks went out in a row while bulk was ready", share->adhoc_in_row[slot]);
	}
}

/* A reference that is open and was never handed out. */
static bool waits(const struct sim *sim, size_t job)
{
	const struct sim_stored_job *stored = &sim->catalog.jobs[job];

	for (size_t i = 0; i < stored->references_count; i++)
		if (!stored->references[i].done && !sim->share.leased[job][i])
			return true;
	return false;
}

static void check_jobs(struct sim *sim, const struct core_action *action, uint32_t priority)
{
	struct sim_share *share = &sim->share;

	share->leased[action->job - 1][action->reference] = true;
	for (size_t i = 0; i < sim->catalog.jobs_count; i++) {
		const struct sim_stored_job *job = &sim->catalog.jobs[i];

		if (i == action->job - 1 || !job->running || job->paused || !waits(sim, i))
			share->passed_over[i] = 0;
		else if (job->priority == priority && ++share->passed_over[i] > PASSED_OVER_MAX)
			sim_fail(sim, "job %zu was passed over %u times by others of its class", i + 1,
				 share->passed_over[i]);
	}
}

void sim_share_task(struct sim *sim, const struct core_action *action)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, action->job);

	if (!sim->plan.plain || !job)
		return;
	check_class(sim, action, job->priority != 0);
	if (action->task_kind != CORE_LAYER)
		check_jobs(sim, action, job->priority);
}
