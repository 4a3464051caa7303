#include "sim.h"

#include <string.h>

enum { TIMER_MS = 500, ASK_AGAIN_MS = 3000, AWAY_MAX_MS = 8000 };

size_t sim_client_batches(const struct sim *sim, size_t client)
{
	const struct sim_job *job = &sim->load.jobs[client];

	return job->count ? (job->count + job->batch - 1) / job->batch : 1;
}

uint64_t sim_client_token(const struct sim *sim, size_t client, bool retry)
{
	(void)sim;
	return 100 + 2 * client + retry;
}

bool sim_clients_ended(const struct sim *sim)
{
	for (size_t i = 0; i < sim->load.jobs_count; i++)
		if (!sim->clients[i].ended)
			return false;
	return true;
}

static void timer(struct sim *sim, size_t client, uint64_t at)
{
	sim_queue_put(&sim->queue,
		      (struct sim_event){
			      .at = at, .kind = SIM_CLIENT_TIMER, .who = client, .life = sim->clients[client].life});
}

void sim_clients_make(struct sim *sim)
{
	for (size_t i = 0; i < sim->load.jobs_count; i++)
		timer(sim, i, sim->load.jobs[i].at);
}

static void send(struct sim *sim, size_t index, struct sim_message m)
{
	struct sim_client *client = &sim->clients[index];

	m.correlation = ++client->correlation;
	m.life = client->life;
	m.job = client->job;
	sim_send_to_broker(sim, sim_link_of_client(index), &m);
}

/* --- what it says --- */

static void submit(struct sim *sim, size_t index)
{
	const struct sim_client *client = &sim->clients[index];
	const struct sim_job    *job = &sim->load.jobs[index];

	send(sim, index,
	     (struct sim_message){.kind = SIM_SUBMIT,
				  .token = sim_client_token(sim, index, client->retries),
				  .priority = job->priority,
				  .no_reuse = job->no_reuse && !client->retries,
				  .retry_of = client->retries ? client->first_job : 0});
}

static void send_batch(struct sim *sim, size_t index, size_t number)
{
	const struct sim_job *job = &sim->load.jobs[index];
	struct sim_message    m = {.kind = SIM_REFERENCES,
				   .number = (uint32_t)number,
				   .last = number + 1 == sim_client_batches(sim, index)};

	for (size_t i = number * job->batch; i < job->count && m.count < job->batch; i++)
		m.references[m.count++] = job->references[i];
	sim->clients[index].asked[number] = sim->now + 1;
	send(sim, index, m);
}

static void send_references(struct sim *sim, size_t index)
{
	struct sim_client *client = &sim->clients[index];
	size_t             in_flight = 0;

	for (size_t i = 0; i < sim_client_batches(sim, index) && in_flight < SIM_IN_FLIGHT_MAX; i++) {
		if (client->asked[i] == UINT64_MAX)
			continue;
		in_flight++;
		if (!client->asked[i] || sim->now > client->asked[i] + ASK_AGAIN_MS)
			send_batch(sim, index, i);
	}
}

/* What the user wants of the job just now, said until a status shows it. */
static void steer(struct sim *sim, size_t index)
{
	struct sim_client    *client = &sim->clients[index];
	const struct sim_job *job = &sim->load.jobs[index];

	client->pause_wanted =
		!client->retries && job->pause_at && sim->now >= job->pause_at && sim->now < job->resume_at;
	client->cancel_wanted = !client->retries && job->cancel_at && sim->now >= job->cancel_at;
	if (client->cancel_wanted)
		send(sim, index, (struct sim_message){.kind = SIM_CANCEL});
	else if (client->pause_wanted != client->paused)
		send(sim, index, (struct sim_message){.kind = client->pause_wanted ? SIM_PAUSE : SIM_RESUME});
}

void sim_client_timer(struct sim *sim, size_t index, uint64_t life)
{
	struct sim_client *client = &sim->clients[index];

	if (client->life != life || client->ended)
		return;
	if (!client->up) {
		client->up = true;
		sim_link_process(sim, sim_link_of_client(index), true, false);
	}
	if (!client->job) {
		submit(sim, index);
	} else {
		if (!client->retries)
			send_references(sim, index);
		steer(sim, index);
		send(sim, index, (struct sim_message){.kind = SIM_STATUS});
	}
	timer(sim, index, sim->now + TIMER_MS + rng_below(&sim->rng, TIMER_MS));
}

void sim_client_crash(struct sim *sim, size_t index)
{
	struct sim_client *client = &sim->clients[index];

	if (!client->up || client->ended)
		return;
	SIM_SAY(sim, "client %zu dies", index);
	client->up = false;
	client->life++;
	client->job = 0;
	client->paused = false;
	memset(client->asked, 0, sizeof(client->asked));
	sim_link_process(sim, sim_link_of_client(index), false, false);
	timer(sim, index, sim->now + 1 + rng_below(&sim->rng, AWAY_MAX_MS));
}

/* --- what it hears --- */

static void submitted(struct sim *sim, size_t index, const struct sim_message *m)
{
	struct sim_client *client = &sim->clients[index];

	if (m->token != sim_client_token(sim, index, client->retries))
		return; /* an answer about the job before */
	if (client->told_job && client->told_job != m->job)
		sim_fail(sim, "client %zu: the same token gave job %llu and job %llu", index,
			 (unsigned long long)client->told_job, (unsigned long long)m->job);
	client->told_job = client->job = m->job;
}

static void ended(struct sim *sim, size_t index, const struct sim_message *m)
{
	struct sim_client *client = &sim->clients[index];

	SIM_SAY(sim, "client %zu: job %llu has ended", index, (unsigned long long)m->job);
	if (client->retries || !sim->load.jobs[index].retry_failed || m->cancelled) {
		client->told_ended = client->ended = true;
		return;
	}
	client->retries = true;
	client->first_job = client->job;
	client->job = client->told_job = 0;
	client->paused = false;
}

static void refused(struct sim *sim, size_t index, const struct sim_message *m)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, m->job);

	if (m->code == ERR_NOT_FOUND && !job)
		sim_fail(sim, "client %zu: the broker has lost job %llu", index, (unsigned long long)m->job);
}

void sim_client_take(struct sim *sim, size_t index, const struct sim_message *m)
{
	struct sim_client *client = &sim->clients[index];

	if (m->life != client->life || client->ended)
		return;
	client->heard = sim->now;
	if (m->kind == SIM_JOB) {
		submitted(sim, index, m);
		return;
	}
	if (!client->job || m->job != client->job)
		return;
	switch (m->kind) {
	case SIM_OK:
		if (m->correlation && !client->retries && m->number < SIM_BATCHES_MAX && m->lease == 1) {
			client->asked[m->number] = UINT64_MAX;
			client->told_taken[m->number] = true;
			send_references(sim, index);
		}
		break;
	case SIM_STATUS_REPLY:
		client->paused = m->paused;
		if (!m->running)
			ended(sim, index, m);
		break;
	case SIM_ERROR:
		refused(sim, index, m);
		break;
	default:
		break;
	}
}
