#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_MAX = 600000 };

void sim_say(struct sim *sim, const char *format, ...)
{
	char   *line = sim->trace[sim->trace_count++ % SIM_TRACE_LINES];
	int     used = snprintf(line, SIM_TRACE_BYTES, "%9.3f ", (double)sim->now / 1000);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + used, SIM_TRACE_BYTES - (size_t)used, format, arguments);
	va_end(arguments);
	if (sim->printing)
		puts(line);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list arguments;

	if (sim->failed)
		return;
	sim->failed = true;
	va_start(arguments, format);
	vsnprintf(sim->failure, sizeof(sim->failure), format, arguments);
	va_end(arguments);
	SIM_SAY(sim, "WRONG: %s", sim->failure);
}

bool sim_chance(struct sim *sim, uint64_t per_mille)
{
	return per_mille && sim->plan.disturbed && sim->now < sim->plan.quiet_from &&
	       rng_below(&sim->rng, 1000) < per_mille;
}

static void happen(struct sim *sim, const struct sim_event *event)
{
	switch (event->kind) {
	case SIM_DELIVER:
		sim_link_deliver(sim, event->who, event->message);
		free(event->message);
		break;
	case SIM_TURN:
		if (event->life == sim->broker.life)
			sim_broker_turn(sim, event->number);
		break;
	case SIM_COMMITTED:
		if (event->life == sim->broker.life && sim->broker.up)
			sim_broker_committed(sim);
		break;
	case SIM_BROKER_START:
		sim_broker_start(sim);
		break;
	case SIM_WORKER_START:
		sim_worker_start(sim, event->who);
		break;
	case SIM_WORKER_BEAT:
		sim_worker_beat(sim, event->who, event->life);
		break;
	case SIM_TASK_END:
		sim_worker_task_end(sim, event->who, event->life, event->number);
		break;
	case SIM_CLIENT_TIMER:
		sim_client_timer(sim, event->who, event->life);
		break;
	case SIM_FAULT:
		sim_fault_happens(sim, event->number);
		break;
	case SIM_OTHER_END:
		sim_other_ends(sim, event->number);
		break;
	}
}

static void stuck(struct sim *sim)
{
	struct core_gauges gauges = {0};

	if (sim->broker.up)
		core_gauges(sim->broker.core, &gauges);
	sim_fail(sim,
		 "not all jobs have ended %s: ready %llu+%llu light, %llu+%llu layers; waiting %llu+%llu, %llu+%llu; "
		 "leases %llu, %llu, %llu; %llu images open, %llu jobs run, %llu are paused; %llu workers, %llu drain",
		 sim->events_done > EVENTS_MAX ? "after so many events" : "in time",
		 (unsigned long long)(gauges.ready[0][0] + gauges.ready[0][1]),
		 (unsigned long long)(gauges.ready[1][0] + gauges.ready[1][1]), (unsigned long long)gauges.ready[0][2],
		 (unsigned long long)gauges.ready[1][2],
		 (unsigned long long)(gauges.waiting[0][0] + gauges.waiting[0][1]),
		 (unsigned long long)(gauges.waiting[1][0] + gauges.waiting[1][1]),
		 (unsigned long long)gauges.waiting[0][2], (unsigned long long)gauges.waiting[1][2],
		 (unsigned long long)gauges.leases[0], (unsigned long long)gauges.leases[1],
		 (unsigned long long)gauges.leases[2], (unsigned long long)gauges.images_open,
		 (unsigned long long)gauges.jobs_running, (unsigned long long)gauges.jobs_paused,
		 (unsigned long long)gauges.workers, (unsigned long long)gauges.workers_draining);
}

/* Jobs end only between commits: what is in the catalog then is the whole result. */
static bool is_over(const struct sim *sim)
{
	return sim_clients_ended(sim) && sim->broker.up && !sim->broker.committing;
}

void sim_run(struct sim *sim, uint64_t seed, bool disturbed)
{
	struct sim_event event;

	sim->seed = seed;
	sim->rng = rng_seeded(seed * 3);
	sim_plan_make(&sim->plan, seed, disturbed);
	sim_load_make(&sim->load, &sim->plan, seed);
	for (size_t i = 0; i < SIM_LINKS_MAX; i++)
		sim_link_reset(sim, i);
	sim_broker_start(sim);
	sim_workers_make(sim);
	sim_clients_make(sim);
	sim_faults_make(sim);
	while (!sim->failed && !is_over(sim) && sim_queue_take(&sim->queue, &event)) {
		sim->now = event.at;
		if (sim->now > sim->plan.quiet_from + sim->plan.bound_ms || ++sim->events_done > EVENTS_MAX)
			stuck(sim);
		happen(sim, &event);
	}
	if (!sim->failed)
		sim_check_end(sim);
}

void sim_free(struct sim *sim)
{
	sim_broker_free(sim);
	sim_catalog_free(&sim->catalog);
	sim_queue_free(&sim->queue);
	free(sim->check.leases);
}
