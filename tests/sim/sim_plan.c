#include "sim_plan.h"

#include "base/rng.h"

const char *sim_group_name(enum sim_group group)
{
	static const char *const names[SIM_GROUPS] = {"links",      "hostile", "crashes",    "workers",
						      "registries", "claims",  "scheduling", "all"};

	return group < SIM_GROUPS ? names[group] : "?";
}

static void links(struct sim_plan *plan, struct rng *rng)
{
	plan->delay_max_ms = 1 + rng_below(rng, 400);
	plan->reset_ms = 3000 + rng_below(rng, 20000);
	plan->partition_ms = 8000 + rng_below(rng, 40000);
}

static void hostile(struct sim_plan *plan, struct rng *rng)
{
	plan->hostile = true;
	plan->delay_max_ms = 1 + rng_below(rng, 300);
	plan->lose = (uint32_t)rng_below(rng, 150);
	plan->duplicate = (uint32_t)rng_below(rng, 150);
	plan->late = (uint32_t)rng_below(rng, 150);
	plan->reset_ms = 10000 + rng_below(rng, 40000);
	plan->partition_ms = 20000 + rng_below(rng, 40000);
}

static void crashes(struct sim_plan *plan, struct rng *rng)
{
	plan->broker_crash_ms = 500 + rng_below(rng, 12000);
	plan->broker_drain_ms = rng_below(rng, 2) ? 5000 + rng_below(rng, 30000) : 0;
	plan->clock_jump_ms = rng_below(rng, 2) ? 5000 + rng_below(rng, 30000) : 0;
	plan->client_crash_ms = 5000 + rng_below(rng, 30000);
	plan->commit_ms = rng_below(rng, 3) ? rng_below(rng, 20) : rng_below(rng, 3000);
}

static void workers(struct sim_plan *plan, struct rng *rng)
{
	plan->worker_crash_ms = 6000 + rng_below(rng, 40000);
	plan->worker_silent_ms = 10000 + rng_below(rng, 60000);
	plan->worker_suspend_ms = 10000 + rng_below(rng, 60000);
	plan->worker_drain_ms = 10000 + rng_below(rng, 60000);
	plan->worker_bye_ms = 10000 + rng_below(rng, 60000);
	plan->hang = (uint32_t)rng_below(rng, 60);
	plan->lost_task = (uint32_t)rng_below(rng, 60);
	plan->killers = rng_below(rng, 3) == 0;
}

static void registries(struct sim_plan *plan, struct rng *rng)
{
	plan->bad_hosts = true;
	plan->credentials = true;
	plan->flaky_ms = 1;
	plan->core.host_leases_max = rng_below(rng, 2) ? (uint32_t)(1 + rng_below(rng, 6)) : 0;
	plan->core.host_bytes_per_s = rng_below(rng, 3) == 0 ? 100000 + rng_below(rng, 20000000) : 0;
}

static void claims(struct sim_plan *plan, struct rng *rng)
{
	plan->other_claim_ms = 100 + rng_below(rng, 3000);
}

static void scheduling(struct sim_plan *plan, struct rng *rng)
{
	plan->jobs_paused = true;
	plan->jobs_cancelled = true;
	plan->plain = plan->group == SIM_SCHEDULING && rng_below(rng, 2);
	if (!plan->plain) {
		plan->core.host_leases_max = (uint32_t)(1 + rng_below(rng, 4));
		plan->core.host_bytes_per_s = rng_below(rng, 2) ? 1000000 + rng_below(rng, 20000000) : 0;
		plan->core.images_open_max = (uint32_t)(1 + rng_below(rng, 4));
	}
}

/* One in two of each kind, and all of it milder: the mixture is to find what no single kind finds. */
static void all(struct sim_plan *plan, struct rng *rng)
{
	(rng_below(rng, 2) ? hostile : links)(plan, rng);
	if (rng_below(rng, 2))
		crashes(plan, rng);
	if (rng_below(rng, 2))
		workers(plan, rng);
	if (rng_below(rng, 2))
		registries(plan, rng);
	if (rng_below(rng, 2))
		claims(plan, rng);
	if (rng_below(rng, 2))
		scheduling(plan, rng);
	plan->broker_crash_ms *= 3;
	plan->worker_crash_ms *= 3;
	plan->worker_silent_ms *= 3;
}

void sim_plan_make(struct sim_plan *plan, uint64_t seed, bool disturbed)
{
	static void (*const make[SIM_GROUPS])(struct sim_plan *, struct rng *) = {
		links, hostile, crashes, workers, registries, claims, scheduling, all};
	struct rng rng = rng_seeded(seed * 3 + 1);

	*plan = (struct sim_plan){.group = (enum sim_group)(seed / SIM_GROUP_SEEDS % SIM_GROUPS)};
	plan->delay_max_ms = 1 + rng_below(&rng, 20);
	plan->commit_ms = rng_below(&rng, 8);
	make[plan->group](plan, &rng);
	plan->core.seed = seed;
	plan->core.backoff_ms = 200 + rng_below(&rng, 400);
	plan->core.backoff_max_ms = 4000;
	plan->core.stall_ms = 40000 + rng_below(&rng, 40000);
	plan->core.busy_poll_ms = 100;
	plan->core.host_dead_ms = 20000;
	plan->core.host_rate_ms = 600000;
	plan->quiet_from = 20000 + rng_below(&rng, 60000);
	plan->bound_ms = 3 * 3600 * 1000;
	plan->disturbed = disturbed;
	if (disturbed)
		return;
	plan->hostile = false;
	plan->quiet_from = 0;
	plan->delay_max_ms = 2;
	plan->commit_ms = 1;
	plan->jobs_paused = false;
	plan->hang = plan->lost_task = 0;
}
