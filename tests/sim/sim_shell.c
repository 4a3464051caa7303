#include "sim.h"

#include <stdlib.h>
#include <string.h>

void sim_shell_queue(struct sim *sim, const struct core_event *event)
{
	struct sim_broker *broker = &sim->broker;

	if (broker->events_count == broker->events_capacity) {
		broker->events_capacity = broker->events_capacity ? broker->events_capacity * 2 : 64;
		broker->events = realloc(broker->events, broker->events_capacity * sizeof(*broker->events));
		if (!broker->events)
			abort();
	}
	broker->events[broker->events_count++] = *event;
}

void sim_shell_send(struct sim *sim, uint64_t connection, const struct sim_message *message)
{
	struct sim_broker *broker = &sim->broker;

	if (broker->outbox_count == broker->outbox_capacity) {
		broker->outbox_capacity = broker->outbox_capacity ? broker->outbox_capacity * 2 : 64;
		broker->outbox = realloc(broker->outbox, broker->outbox_capacity * sizeof(*broker->outbox));
		if (!broker->outbox)
			abort();
	}
	broker->outbox[broker->outbox_count++] = (struct sim_outgoing){.connection = connection, .message = *message};
}

/* --- stepping --- */

static void step_once(struct sim *sim, const struct core_event *event)
{
	const struct core_action *actions;
	size_t                    count;
	const char               *wrong;

	sim_share_before_step(sim);
	if (core_step(sim->broker.core, event, sim_broker_clock(sim), &actions, &count) < 0) {
		sim_fail(sim, "core_step: out of memory");
		return;
	}
	sim->broker.steps++;
	sim->check.drain_seen |= event->kind == CORE_DRAIN;
	for (size_t i = 0; i < count; i++)
		sim_shell_carry_out(sim, &actions[i]);
	if ((wrong = core_check(sim->broker.core)) != NULL)
		sim_fail(sim, "core_check after event %d: %s", (int)event->kind, wrong);
	sim_check_step(sim);
}

/* A broker that is about to die takes in no more; what it did since its last commit is lost. */
static bool is_dying(const struct sim_broker *broker)
{
	return broker->end == SIM_DIES_STEPPING && broker->steps > broker->end_after;
}

void sim_shell_step(struct sim *sim, const struct core_event *event)
{
	struct sim_broker *broker = &sim->broker;
	size_t             next = 0;

	if (is_dying(broker) || sim->failed) {
		if (event->kind == CORE_IMAGE_FOUND)
			core_image_free(event->image);
		return;
	}
	step_once(sim, event);
	while (next < broker->events_count && !sim->failed && !is_dying(broker)) {
		struct core_event queued = broker->events[next++];

		step_once(sim, &queued);
	}
	broker->events_count = 0;
}

/* --- workers --- */

struct sim_known_worker *sim_shell_worker(struct sim *sim, uint64_t id)
{
	for (size_t i = 0; i < sim->broker.workers_count; i++)
		if (sim->broker.workers[i].id == id)
			return &sim->broker.workers[i];
	return NULL;
}

void sim_shell_forget(struct sim *sim, struct sim_known_worker *worker)
{
	struct sim_broker *broker = &sim->broker;

	*worker = broker->workers[--broker->workers_count];
}

/* --- jobs --- */

bool sim_shell_open_job(struct sim *sim, uint64_t id)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);
	struct core_event            open = {.kind = CORE_JOB_OPEN,
					     .job = id,
					     .priority = job->priority,
					     .no_reuse = job->no_reuse,
					     .again = job->retry_of != 0};

	sim->broker.known[id - 1] = sim->broker.changed[id - 1] = true;
	sim->broker.ended[id - 1] = (struct core_job_stats){0};
	sim_shell_step(sim, &open);
	return true;
}

static void numbers_of(const struct core_job_stats *stats, uint64_t out[SIM_COUNTERS])
{
	const uint64_t numbers[SIM_COUNTERS] = {
		stats->images_total,   stats->images_done,     stats->images_failed, stats->images_incomplete,
		stats->images_skipped, stats->layers_total,    stats->layers_done,   stats->layers_scanned,
		stats->layers_reused,  stats->layers_verified, stats->layers_failed, stats->layer_uses,
		stats->bytes_total,    stats->bytes_done,      stats->bytes_fetched, stats->tar_bytes,
		stats->entries,        stats->files_analyzed,  stats->retries};

	memcpy(out, numbers, sizeof(numbers));
}

/* In the commit at hand, with whatever changed them. */
void sim_shell_write_jobs(struct sim *sim)
{
	struct sim_broker *broker = &sim->broker;

	for (size_t i = 0; i < sim->catalog.jobs_count; i++) {
		struct sim_stored_job *job = &sim->catalog.jobs[i];
		struct core_job_stats  stats = broker->ended[i];
		uint64_t               numbers[SIM_COUNTERS];

		if (!broker->known[i] || !broker->changed[i])
			continue;
		broker->changed[i] = false;
		core_job_stats(broker->core, i + 1, &stats);
		numbers_of(&stats, numbers);
		sim_catalog_touch(&sim->catalog, job->counters, sizeof(job->counters));
		for (size_t n = 0; n < SIM_COUNTERS; n++)
			job->counters[n] = broker->base[i][n] + numbers[n];
	}
}
