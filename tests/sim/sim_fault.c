#include "sim.h"

enum {
	PARTITION_MAX_MS = 12000,
	LONG_PARTITION_MAX_MS = 60000,
	JUMP_MAX_MS = 100000000,
	SUSPEND_MAX_MS = 40000,
	OTHER_SCAN_MAX_MS = 20000,
};

static uint64_t mean_ms(const struct sim_plan *plan, uint64_t kind)
{
	const uint64_t means[SIM_FAULT_KINDS] = {
		[SIM_FAULT_RESET] = plan->reset_ms,
		[SIM_FAULT_PARTITION] = plan->partition_ms,
		[SIM_FAULT_BROKER_DIES] = plan->broker_crash_ms,
		[SIM_FAULT_BROKER_DRAINS] = plan->broker_drain_ms,
		[SIM_FAULT_CLOCK_JUMPS] = plan->clock_jump_ms,
		[SIM_FAULT_WORKER_DIES] = plan->worker_crash_ms,
		[SIM_FAULT_WORKER_VANISHES] = plan->worker_silent_ms,
		[SIM_FAULT_WORKER_SUSPENDED] = plan->worker_suspend_ms,
		[SIM_FAULT_WORKER_DRAINS] = plan->worker_drain_ms,
		[SIM_FAULT_WORKER_LEAVES] = plan->worker_bye_ms,
		[SIM_FAULT_CLIENT_DIES] = plan->client_crash_ms,
		[SIM_FAULT_OTHER_CLAIMS] = plan->other_claim_ms,
	};

	return means[kind];
}

static void put(struct sim *sim, uint64_t kind, uint64_t at)
{
	if (at < sim->plan.quiet_from)
		sim_queue_put(&sim->queue, (struct sim_event){.at = at, .kind = SIM_FAULT, .number = kind});
}

void sim_faults_make(struct sim *sim)
{
	for (size_t i = 0; i < sim->load.layers_count; i++)
		for (size_t host = 0; host < sim->load.hosts_count; host++)
			sim->fault.layer_flaky[i][host] = sim->load.layers[i].flaky[host];
	for (size_t i = 0; i < sim->load.references_count; i++)
		sim->fault.reference_flaky[i] = sim->load.references[i].flaky;
	if (!sim->plan.disturbed)
		return;
	for (uint64_t kind = 0; kind < SIM_FAULT_KINDS; kind++)
		if (mean_ms(&sim->plan, kind))
			put(sim, kind, rng_below(&sim->rng, 2 * mean_ms(&sim->plan, kind)));
	sim_queue_put(&sim->queue,
		      (struct sim_event){.at = sim->plan.quiet_from, .kind = SIM_FAULT, .number = SIM_FAULTS_END});
}

/* --- each kind --- */

static size_t any_link(struct sim *sim)
{
	return rng_below(&sim->rng, SIM_LINKS_MAX);
}

static size_t any_worker(struct sim *sim)
{
	return rng_below(&sim->rng, SIM_WORKERS_MAX);
}

static void drain_worker(struct sim *sim)
{
	const struct sim_broker *broker = &sim->broker;
	struct sim_message       m = {.kind = SIM_DRAIN};

	if (!broker->up || !broker->workers_count)
		return;
	m.worker = broker->workers[rng_below(&sim->rng, broker->workers_count)].id;
	sim_broker_take(sim, &m);
}

static void jump(struct sim *sim)
{
	uint64_t ms = rng_below(&sim->rng, rng_below(&sim->rng, 2) ? 60000 : JUMP_MAX_MS);

	SIM_SAY(sim, "the broker's clock jumps by %llu ms", (unsigned long long)ms);
	sim->broker.clock_ahead += ms;
	if (sim->broker.up)
		sim_shell_alarm(sim, sim->now);
}

static void partition(struct sim *sim)
{
	size_t   link = any_link(sim);
	uint64_t ms = rng_below(&sim->rng, rng_below(&sim->rng, 3) ? PARTITION_MAX_MS : LONG_PARTITION_MAX_MS);

	SIM_SAY(sim, "link %zu is cut for %llu ms", link, (unsigned long long)ms);
	sim_link_partition(sim, link, ms);
	if (rng_below(&sim->rng, 2))
		sim_link_reset(sim, link);
}

/* Another process on this store claims a layer; later it has scanned it, gives up, or dies. */
static void other_claims(struct sim *sim)
{
	struct sim_fault *fault = &sim->fault;
	struct sim_claim  claim;
	struct sim_other  other = {.layer = rng_below(&sim->rng, sim->load.layers_count),
				   .set = rng_below(&sim->rng, sim->load.sets_count)};

	if (sim->catalog.batch || fault->others_count == SIM_OTHERS_MAX)
		return; /* one writer at a time */
	other.owner = sim_owner_new(&sim->catalog);
	sim_catalog_begin(&sim->catalog);
	sim_catalog_claim(&sim->catalog, other.owner, other.layer, other.set, false, false, false, &claim);
	if (claim.answer == CORE_CLAIM_GRANTED)
		sim_catalog_count(&sim->catalog, other.layer, other.set, claim.retry);
	sim_catalog_commit(&sim->catalog);
	if (claim.answer != CORE_CLAIM_GRANTED)
		return;
	SIM_SAY(sim, "another process claims layer %zu/%zu", other.layer, other.set);
	sim_check_other_began(sim, other.layer, other.set);
	fault->other_took[other.layer][other.set] = true;
	fault->others[fault->others_count] = other;
	sim_queue_put(&sim->queue, (struct sim_event){.at = sim->now + 1 + rng_below(&sim->rng, OTHER_SCAN_MAX_MS),
						      .kind = SIM_OTHER_END,
						      .number = fault->others_count++});
}

void sim_other_ends(struct sim *sim, uint64_t number)
{
	const struct sim_other *other = &sim->fault.others[number];
	enum sim_truth          truth = sim->load.layers[other->layer].truth;
	uint64_t                how = rng_below(&sim->rng, 3);

	if (how == 0) {
		SIM_SAY(sim, "the process that claimed layer %zu/%zu dies", other->layer, other->set);
		sim_owner_dies(&sim->catalog, other->owner);
		return;
	}
	if (sim->catalog.batch) {
		sim_queue_put(&sim->queue,
			      (struct sim_event){.at = sim->now + 1, .kind = SIM_OTHER_END, .number = number});
		return;
	}
	sim_catalog_begin(&sim->catalog);
	if (how == 1 && truth <= SIM_CUT_OFF)
		sim_catalog_record(&sim->catalog, other->layer, other->set, truth != SIM_GOOD, truth != SIM_CUT_OFF);
	sim_catalog_release(&sim->catalog, other->owner, other->layer, other->set);
	sim_catalog_commit(&sim->catalog);
	SIM_SAY(sim, "the process that claimed layer %zu/%zu is done with it", other->layer, other->set);
}

static void heal(struct sim *sim)
{
	SIM_SAY(sim, "from here on nothing goes wrong");
	for (size_t i = 0; i < SIM_LINKS_MAX; i++)
		sim->links.items[i].partition_until = 0;
	sim->plan.hostile = false;
	sim->plan.delay_max_ms = 10;
	for (size_t i = 0; i < SIM_WORKERS_MAX; i++)
		if (sim->workers[i].suspended_until > sim->now)
			sim->workers[i].suspended_until = sim->now;
	sim->fault.broker_to_die = false;
}

void sim_fault_happens(struct sim *sim, uint64_t kind)
{
	switch (kind) {
	case SIM_FAULT_RESET:
		sim_link_reset(sim, any_link(sim));
		break;
	case SIM_FAULT_PARTITION:
		partition(sim);
		break;
	case SIM_FAULT_BROKER_DIES:
		sim->fault.broker_to_die = true;
		break;
	case SIM_FAULT_BROKER_DRAINS:
		sim_broker_drain(sim);
		break;
	case SIM_FAULT_CLOCK_JUMPS:
		jump(sim);
		break;
	case SIM_FAULT_WORKER_DIES:
		sim_worker_crash(sim, any_worker(sim), false);
		break;
	case SIM_FAULT_WORKER_VANISHES:
		sim_worker_crash(sim, any_worker(sim), true);
		break;
	case SIM_FAULT_WORKER_SUSPENDED:
		sim_worker_suspend(sim, any_worker(sim), rng_below(&sim->rng, SUSPEND_MAX_MS));
		break;
	case SIM_FAULT_WORKER_DRAINS:
		drain_worker(sim);
		break;
	case SIM_FAULT_WORKER_LEAVES:
		sim_worker_leave(sim, any_worker(sim));
		break;
	case SIM_FAULT_CLIENT_DIES:
		sim_client_crash(sim, rng_below(&sim->rng, sim->load.jobs_count));
		break;
	case SIM_FAULT_OTHER_CLAIMS:
		other_claims(sim);
		break;
	default:
		heal(sim);
		return;
	}
	put(sim, kind, sim->now + 1 + rng_below(&sim->rng, 2 * mean_ms(&sim->plan, kind)));
}
