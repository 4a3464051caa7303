#include "sim.h"

#include <stdlib.h>

enum { LEASE_BITS = 32, DOWN_MAX_MS = 6000, STEPS_MAX = 12 };

uint64_t sim_broker_clock(const struct sim *sim)
{
	return sim->now + sim->broker.clock_ahead;
}

void sim_shell_alarm(struct sim *sim, uint64_t at)
{
	struct sim_broker *broker = &sim->broker;

	if (at < sim->now)
		at = sim->now;
	sim_queue_put(
		&sim->queue,
		(struct sim_event){.at = at, .kind = SIM_TURN, .life = broker->life, .number = ++broker->turn_number});
}

/* --- jobs of a broker that died --- */

static void feed_stored(struct sim *sim, uint64_t id, const struct sim_stored_job *job)
{
	struct core_event stored = {.kind = CORE_JOB_STORED, .job = id};

	for (size_t i = 0; i < job->references_count; i++)
		if (!job->references[i].done) {
			bool listing = sim->load.references[job->references[i].reference].listing;

			stored.listings += listing;
			stored.count += !listing;
		}
	if (stored.count || stored.listings)
		sim_shell_step(sim, &stored);
}

static void feed_seen(struct sim *sim, uint64_t id, const struct sim_stored_job *job)
{
	for (size_t layer = 0; layer < sim->load.layers_count; layer++)
		for (size_t set = 0; set < SIM_SETS; set++)
			if (job->layers[layer][set]) {
				struct core_key   key = {.set = sim_set_id(set)};
				struct core_event seen = {.kind = CORE_JOB_SEEN, .job = id};

				sim_digest(&key.digest, 'l', layer);
				seen.hash = core_layer_hash(&key);
				sim_shell_step(sim, &seen);
			}
}

static void resume_job(struct sim *sim, uint64_t id)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);
	struct core_event            closed = {.kind = CORE_JOB_CLOSED, .job = id};
	struct core_event            pause = {.kind = CORE_JOB_PAUSE, .job = id};
	uint64_t                    *base = sim->broker.base[id - 1];

	for (size_t i = 0; i < SIM_COUNTERS; i++)
		base[i] = job->counters[i];
	base[0] = base[1]; /* what is finished stays counted; what is open is counted again */
	base[5] = base[6];
	base[12] = base[13];
	sim_shell_open_job(sim, id);
	if (job->paused)
		sim_shell_step(sim, &pause);
	feed_seen(sim, id, job);
	feed_stored(sim, id, job);
	if (job->closed)
		sim_shell_step(sim, &closed);
}

void sim_broker_start(struct sim *sim)
{
	struct sim_broker *broker = &sim->broker;
	struct core_config config = sim->plan.core;

	broker->life++;
	config.lease_base = broker->life << LEASE_BITS;
	broker->core = core_new(&config);
	if (!broker->core)
		abort();
	broker->up = true;
	broker->owner = sim_owner_new(&sim->catalog);
	broker->workers_count = broker->workers_seen = broker->uploads_count = 0;
	broker->draining = broker->drained = broker->committing = false;
	broker->end = SIM_STAYS;
	for (size_t i = 0; i < SIM_CATALOG_JOBS_MAX; i++)
		broker->changed[i] = broker->known[i] = false;
	SIM_SAY(sim, "broker %llu starts", (unsigned long long)broker->life);
	sim_catalog_begin(&sim->catalog);
	for (uint64_t id = sim->catalog.jobs_count; id > 0; id--)
		if (sim->catalog.jobs[id - 1].running)
			resume_job(sim, id);
	sim_shell_write_jobs(sim);
	sim_catalog_commit(&sim->catalog);
	sim_shell_alarm(sim, sim->now);
}

void sim_broker_free(struct sim *sim)
{
	struct sim_broker *broker = &sim->broker;

	core_free(broker->core);
	broker->core = NULL;
	free(broker->inbox);
	free(broker->outbox);
	free(broker->events);
}

/* Memory is gone, the kernel drops the lock on the owner's file, all connections end. */
void sim_broker_die(struct sim *sim, const char *how)
{
	struct sim_broker *broker = &sim->broker;

	SIM_SAY(sim, "broker %llu dies %s", (unsigned long long)broker->life, how);
	if (sim->catalog.batch)
		sim_catalog_abort(&sim->catalog);
	core_free(broker->core);
	broker->core = NULL;
	broker->up = broker->committing = false;
	broker->inbox_count = broker->outbox_count = broker->events_count = 0;
	sim_owner_dies(&sim->catalog, broker->owner);
	for (size_t i = 0; i < SIM_LINKS_MAX; i++)
		sim_link_reset(sim, i);
	sim_check_crashed(sim);
	sim_queue_put(&sim->queue, (struct sim_event){.at = sim->now + 1 + rng_below(&sim->rng, DOWN_MAX_MS),
						      .kind = SIM_BROKER_START});
}

/* --- turns --- */

void sim_broker_take(struct sim *sim, const struct sim_message *message)
{
	struct sim_broker *broker = &sim->broker;

	if (!broker->up)
		return;
	if (broker->inbox_count == broker->inbox_capacity) {
		broker->inbox_capacity = broker->inbox_capacity ? broker->inbox_capacity * 2 : 64;
		broker->inbox = realloc(broker->inbox, broker->inbox_capacity * sizeof(*broker->inbox));
		if (!broker->inbox)
			abort();
	}
	broker->inbox[broker->inbox_count++] = *message;
	if (!broker->committing && broker->inbox_count == 1)
		sim_shell_alarm(sim, sim->now);
}

static void take_messages(struct sim *sim)
{
	struct sim_broker *broker = &sim->broker;

	for (size_t i = 0; i < broker->inbox_count && !sim->failed; i++)
		sim_shell_message(sim, &broker->inbox[i]);
	broker->inbox_count = 0;
}

/* Asks a worker that has not been heard of; one silent for too long is gone. */
static void look_after_workers(struct sim *sim)
{
	struct sim_broker *broker = &sim->broker;
	uint64_t           clock = sim_broker_clock(sim), after = SIM_BEAT_MS + SIM_BEAT_MS / 2;

	for (size_t i = broker->workers_count; i-- > 0;) {
		struct sim_known_worker *worker = &broker->workers[i];
		struct core_event        gone = {.kind = CORE_WORKER_GONE, .worker = worker->id};
		struct sim_message       ping = {.kind = SIM_PING};

		if (clock >= worker->heard + SIM_SILENCE_MS) {
			sim_shell_forget(sim, worker);
			sim_shell_step(sim, &gone);
		} else if (clock >= worker->heard + after && clock >= worker->pinged + after) {
			worker->pinged = clock;
			sim_shell_send(sim, worker->connection, &ping);
		}
	}
}

static enum sim_broker_end choose_end(struct sim *sim)
{
	if (!sim->fault.broker_to_die)
		return SIM_STAYS;
	sim->fault.broker_to_die = false;
	sim->broker.end_after = rng_below(&sim->rng, STEPS_MAX);
	return (enum sim_broker_end)(SIM_DIES_STEPPING + rng_below(&sim->rng, 3));
}

void sim_broker_turn(struct sim *sim, uint64_t number)
{
	struct sim_broker      *broker = &sim->broker;
	const struct core_event tick = {.kind = CORE_TICK};

	if (!broker->up || broker->committing || (number != broker->turn_number && !broker->inbox_count))
		return;
	broker->end = choose_end(sim);
	broker->steps = 0;
	sim_catalog_begin(&sim->catalog);
	take_messages(sim);
	sim_shell_step(sim, &tick);
	look_after_workers(sim);
	if (sim->failed)
		return;
	if (broker->end == SIM_DIES_STEPPING && broker->steps > broker->end_after) {
		sim_broker_die(sim, "while it steps");
		return;
	}
	sim_shell_write_jobs(sim);
	broker->committing = true;
	sim_queue_put(&sim->queue, (struct sim_event){.at = sim->now + rng_below(&sim->rng, sim->plan.commit_ms + 1),
						      .kind = SIM_COMMITTED,
						      .life = broker->life});
}

/* --- after the commit --- */

/* What did not leave; a connection that has ended is no worker that has. */
static void not_sent(struct sim *sim, const struct sim_outgoing *frame)
{
	struct core_event failed = {.kind = CORE_SEND_FAILED, .lease = frame->message.lease};

	if (frame->message.kind == SIM_TASK) {
		sim_check_not_sent(sim, frame->message.lease);
		sim_shell_queue(sim, &failed);
	}
}

static void flush(struct sim *sim, size_t count)
{
	struct sim_broker *broker = &sim->broker;

	for (size_t i = 0; i < count; i++) {
		const struct sim_outgoing *frame = &broker->outbox[i];

		if (!sim_send_to_peer(sim, frame->connection, &frame->message))
			not_sent(sim, frame);
		else if (frame->message.kind == SIM_TASK)
			sim_check_sent(sim, frame->message.lease);
	}
	broker->outbox_count = 0;
}

static void next_turn(struct sim *sim)
{
	const struct sim_broker *broker = &sim->broker;
	uint64_t                 wake = core_next_wake(broker->core), clock = sim_broker_clock(sim);

	for (size_t i = 0; i < broker->workers_count; i++) {
		const struct sim_known_worker *worker = &broker->workers[i];
		uint64_t                       last = worker->heard > worker->pinged ? worker->heard : worker->pinged;

		if (last + SIM_BEAT_MS * 3 / 2 < wake)
			wake = last + SIM_BEAT_MS * 3 / 2;
	}
	if (broker->inbox_count || broker->events_count)
		sim_shell_alarm(sim, sim->now);
	else if (wake != UINT64_MAX)
		sim_shell_alarm(sim, wake <= clock ? sim->now + 1 : sim->now + (wake - clock));
}

void sim_broker_committed(struct sim *sim)
{
	struct sim_broker *broker = &sim->broker;

	if (broker->end == SIM_DIES_COMMITTING) {
		if (rng_below(&sim->rng, 2)) { /* it was on the disk already */
			sim_catalog_commit(&sim->catalog);
			sim_check_committed(sim);
		}
		sim_broker_die(sim, "while it commits");
		return;
	}
	sim_catalog_commit(&sim->catalog);
	sim_check_committed(sim);
	broker->committing = false;
	if (broker->end == SIM_DIES_SENDING) {
		flush(sim, rng_below(&sim->rng, broker->outbox_count + 1));
		sim_broker_die(sim, "while it sends");
		return;
	}
	flush(sim, broker->outbox_count);
	if (broker->drained) {
		sim_catalog_begin(&sim->catalog);
		sim_catalog_release_all(&sim->catalog, broker->owner);
		sim_catalog_commit(&sim->catalog);
		sim_broker_die(sim, "in order, drained");
		return;
	}
	next_turn(sim);
}

void sim_broker_drain(struct sim *sim)
{
	struct core_event drain = {.kind = CORE_DRAIN};

	if (!sim->broker.up || sim->broker.draining)
		return;
	SIM_SAY(sim, "broker drains");
	sim->broker.draining = true;
	sim_shell_queue(sim, &drain);
	if (!sim->broker.committing)
		sim_shell_alarm(sim, sim->now);
}
