#include "sim.h"

#include <stdlib.h>

enum { LEASE_BITS = 32 };

static struct sim_lease *find(struct sim *sim, uint64_t lease)
{
	struct sim_check *check = &sim->check;
	uint64_t          life = lease >> LEASE_BITS, index = (lease & UINT32_MAX) - 1;

	if (life >= SIM_LIVES_MAX || check->first[life] + index >= check->leases_count)
		return NULL;
	return &check->leases[check->first[life] + index];
}

static struct sim_lease *add(struct sim *sim, uint64_t lease)
{
	struct sim_check *check = &sim->check;
	uint64_t          life = lease >> LEASE_BITS;

	if (life >= SIM_LIVES_MAX || life != sim->broker.life) {
		sim_fail(sim, "lease %llu is not one of this broker's life", (unsigned long long)lease);
		return NULL;
	}
	if ((lease & UINT32_MAX) == 1)
		check->first[life] = check->leases_count;
	if (check->leases_count == check->leases_capacity) {
		check->leases_capacity = check->leases_capacity ? check->leases_capacity * 2 : 256;
		check->leases = realloc(check->leases, check->leases_capacity * sizeof(*check->leases));
		if (!check->leases)
			abort();
	}
	check->leases[check->leases_count++] = (struct sim_lease){.before = SIZE_MAX};
	if (find(sim, lease) != &check->leases[check->leases_count - 1]) {
		sim_fail(sim, "lease %llu is out of order", (unsigned long long)lease);
		return NULL;
	}
	return &check->leases[check->leases_count - 1];
}

/* --- handing out --- */

static bool is_current(struct sim *sim, size_t index)
{
	struct core_lease_info info;
	uint64_t               life = sim->broker.life;
	uint64_t               id = (life << LEASE_BITS) + (index - sim->check.first[life]) + 1;

	return core_lease_info(sim->broker.core, id, &info) && info.current;
}

static void check_host(struct sim *sim, const struct sim_lease *lease)
{
	struct sim_check *check = &sim->check;
	uint32_t          active = 0, max = sim->plan.core.host_leases_max;

	if (sim_broker_clock(sim) < check->blocked_until[lease->host])
		sim_fail(sim, "host %zu asked to be left alone until %llu, it is %llu", lease->host,
			 (unsigned long long)check->blocked_until[lease->host],
			 (unsigned long long)sim_broker_clock(sim));
	for (size_t i = check->first[sim->broker.life]; max && i < check->leases_count; i++)
		active += check->leases[i].host == lease->host && !check->leases[i].answered && is_current(sim, i);
	if (max && active > max)
		sim_fail(sim, "host %zu has %u leases of at most %u", lease->host, active, max);
}

/* A bucket of one second; each layer is paid when it is handed out, also into debt. What was not read whole was paid and is
 * paid back, which may be after the bucket has filled up for it: so much more may go out. */
static void check_bytes(struct sim *sim, const struct sim_lease *lease)
{
	const struct sim_check *check = &sim->check;
	uint64_t                rate = sim->plan.core.host_bytes_per_s, at = 0;
	double                  tokens = (double)rate, paid_back = 0;

	if (!rate || lease->kind != CORE_LAYER)
		return;
	for (size_t i = check->first[sim->broker.life]; i < check->leases_count; i++) {
		const struct sim_lease *other = &check->leases[i];

		if (other->kind != CORE_LAYER || other->host != lease->host)
			continue;
		tokens += (double)(other->at - at) * (double)rate / 1000;
		tokens = tokens > (double)rate ? (double)rate : tokens;
		at = other->at;
		if (other == lease && tokens + paid_back < 0)
			sim_fail(sim, "host %zu: a layer of %llu bytes goes out %.0f bytes in debt", lease->host,
				 (unsigned long long)lease->size, -tokens);
		if (other->good || (!other->answered && is_current(sim, i)))
			tokens -= (double)other->size;
		else
			paid_back += (double)other->size;
	}
}

/* A layer is leased under a claim that is ours, to one worker at a time, and counted before it leaves. */
static void check_layer(struct sim *sim, struct sim_lease *lease)
{
	struct sim_check *check = &sim->check;
	size_t            index = (size_t)(lease - check->leases);

	if (sim->catalog.layers[lease->layer][lease->set].owner != sim->broker.owner)
		sim_fail(sim, "layer %zu/%zu is leased without a claim", lease->layer, lease->set);
	for (size_t i = index; i-- > check->first[sim->broker.life] && lease->before == SIZE_MAX;)
		if (check->leases[i].kind == CORE_LAYER && check->leases[i].layer == lease->layer &&
		    check->leases[i].set == lease->set)
			lease->before = i;
	if (lease->before != SIZE_MAX && is_current(sim, lease->before))
		sim_fail(sim, "layer %zu/%zu is leased twice at once", lease->layer, lease->set);
	lease->counted = check->counted[lease->layer][lease->set];
	check->counted[lease->layer][lease->set] = false;
	if (!lease->counted && (lease->before == SIZE_MAX || check->leases[lease->before].begun))
		sim_fail(sim, "layer %zu/%zu is leased and not counted", lease->layer, lease->set);
}

void sim_check_task(struct sim *sim, const struct core_action *action, const struct sim_message *m,
		    const struct sim_known_worker *worker)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, action->job);
	struct sim_lease            *lease = add(sim, action->lease);

	if (!lease)
		return;
	lease->kind = action->task_kind;
	lease->layer = m->layer;
	lease->set = m->set;
	lease->reference = m->reference;
	lease->host = m->host;
	lease->job = action->job;
	lease->worker = action->worker;
	lease->at = sim_broker_clock(sim);
	lease->size = m->task_kind == CORE_LAYER ? action->image->image.layers[action->index].size : 0;
	sim->check.tasks++;
	if (!job || !job->running)
		sim_fail(sim, "a task for job %llu, which does not run", (unsigned long long)action->job);
	else if (job->paused)
		sim_fail(sim, "a task for job %llu, which is paused", (unsigned long long)action->job);
	if (sim->check.drain_seen)
		sim_fail(sim, "a task while the broker drains");
	if (worker && !sim_worker_reaches(sim, worker->index, m->host))
		sim_fail(sim, "a task for host %zu goes to a worker that does not reach it", m->host);
	if (worker && lease->kind == CORE_LAYER && worker->set != m->set)
		sim_fail(sim, "a task of set %zu goes to a worker of set %zu", m->set, worker->set);
	check_host(sim, lease);
	check_bytes(sim, lease);
	sim_share_task(sim, action);
	if (lease->kind == CORE_LAYER)
		check_layer(sim, lease);
}

void sim_check_count(struct sim *sim, size_t layer, size_t set)
{
	const struct sim_stored_layer *stored = &sim->catalog.layers[layer][set];

	if (sim->check.counted[layer][set])
		sim_fail(sim, "layer %zu/%zu is counted twice for one lease", layer, set);
	if (stored->started != 1 + sim_stored_retries(stored))
		sim_fail(sim, "layer %zu/%zu: %u scans started, %u retries recorded", layer, set, stored->started,
			 sim_stored_retries(stored));
	sim->check.counted[layer][set] = true;
}

void sim_check_sent(struct sim *sim, uint64_t lease)
{
	find(sim, lease)->sent = true;
}

void sim_check_not_sent(struct sim *sim, uint64_t lease)
{
	find(sim, lease)->not_sent = true;
}

/* --- what workers do --- */

void sim_check_begun(struct sim *sim, const struct sim_message *m)
{
	struct sim_lease *lease = find(sim, m->lease);

	if (!lease || !lease->committed || lease->not_sent) {
		sim_fail(sim, "a worker begins lease %llu, which was not committed or not sent",
			 (unsigned long long)m->lease);
		return;
	}
	lease->begun = true;
	if (m->task_kind != CORE_LAYER)
		return;
	if (++sim->check.begun[m->layer][m->set] + sim->check.others[m->layer][m->set] >
	    sim->catalog.layers[m->layer][m->set].started)
		sim_fail(sim, "layer %zu/%zu was begun %u times by workers and %u times by others; %u are recorded",
			 m->layer, m->set, sim->check.begun[m->layer][m->set], sim->check.others[m->layer][m->set],
			 sim->catalog.layers[m->layer][m->set].started);
}

void sim_check_other_began(struct sim *sim, size_t layer, size_t set)
{
	sim->check.others[layer][set]++;
}

void sim_check_answered(struct sim *sim, uint64_t lease, bool good)
{
	find(sim, lease)->answered = true;
	find(sim, lease)->good = good;
	find(sim, lease)->answered_at = sim->now;
}

void sim_check_failed(struct sim *sim, const struct sim_message *m)
{
	struct sim_lease *lease = find(sim, m->lease);
	uint64_t          until = sim_broker_clock(sim) + m->retry_after_ms;

	lease->failed_transient = m->fail_class == CORE_TRANSIENT;
	lease->failed_not_here = m->fail_class == CORE_NOT_HERE;

	if (m->code == ERR_RATE && m->retry_after_ms && until > sim->check.blocked_until[m->host])
		sim->check.blocked_until[m->host] = until;
}

void sim_check_acknowledged(struct sim *sim, size_t layer, size_t set)
{
	sim->check.acknowledged[layer][set] = true;
}

/* --- what ends --- */

void sim_check_image_done(struct sim *sim, uint64_t job, const struct sim_stored_image *image)
{
	size_t    number = (size_t)image->reference * SIM_IMAGES_MAX + image->image;
	uint64_t *done = &sim->check.image_done[job - 1][number];

	if (*done == sim->broker.life)
		sim_fail(sim, "job %llu: image %u.%u ends twice", (unsigned long long)job, image->reference,
			 image->image);
	*done = sim->broker.life;
}

static size_t images_of(const struct sim_stored_job *job, size_t reference, bool *failed)
{
	size_t count = 0;

	*failed = false;
	for (size_t i = 0; i < job->images_count; i++)
		if (job->images[i].reference == reference) {
			count += !job->images[i].failed;
			*failed |= job->images[i].failed;
		}
	return count;
}

void sim_check_reference_done(struct sim *sim, uint64_t id, uint64_t number)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);
	size_t                       reference = job->references[number].reference;
	bool                         failed;
	size_t                       images = images_of(job, reference, &failed);

	if (job->references[number].done)
		sim_fail(sim, "job %llu: reference %llu ends twice", (unsigned long long)id,
			 (unsigned long long)number);
	if (!failed && images != sim->load.references[reference].images_count)
		sim_fail(sim, "job %llu: reference %llu ends with %zu images of %zu", (unsigned long long)id,
			 (unsigned long long)number, images, sim->load.references[reference].images_count);
}

void sim_check_job_done(struct sim *sim, uint64_t id, bool cancelled)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);

	if (!job->running)
		sim_fail(sim, "job %llu ends twice", (unsigned long long)id);
	if (!cancelled && !job->closed)
		sim_fail(sim, "job %llu ends while its client still sends", (unsigned long long)id);
	for (size_t i = 0; i < job->references_count && !cancelled; i++)
		if (!job->references[i].done)
			sim_fail(sim, "job %llu ends, reference %zu is open", (unsigned long long)id, i);
}

void sim_check_drained(struct sim *sim)
{
	struct core_gauges gauges;

	core_gauges(sim->broker.core, &gauges);
	if (!sim->broker.draining || gauges.leases[0] + gauges.leases[1] + gauges.leases[2])
		sim_fail(sim, "drained, with %llu leases out", (unsigned long long)gauges.leases[CORE_LAYER]);
}

void sim_check_step(struct sim *sim)
{
	sim->check.steps++;
}

/* --- commits and crashes --- */

void sim_check_committed(struct sim *sim)
{
	struct sim_check *check = &sim->check;

	while (check->committed < check->leases_count)
		check->leases[check->committed++].committed = true;
}

static void check_told(struct sim *sim, size_t index)
{
	const struct sim_client     *client = &sim->clients[index];
	const struct sim_job        *wanted = &sim->load.jobs[index];
	uint64_t                     id = client->retries ? client->first_job : client->told_job;
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);

	if (!id)
		return;
	if (!job || job->token != sim_client_token(sim, index, false)) {
		sim_fail(sim, "job %llu was acknowledged and is lost", (unsigned long long)id);
		return;
	}
	if ((client->retries || client->told_ended) && job->running)
		sim_fail(sim, "job %llu was said to have ended and runs", (unsigned long long)id);
	for (size_t batch = 0; batch < sim_client_batches(sim, index); batch++)
		for (size_t i = batch * wanted->batch;
		     client->told_taken[batch] && i < wanted->count && i < (batch + 1) * wanted->batch; i++) {
			size_t n = 0;

			while (n < job->references_count && job->references[n].reference != wanted->references[i])
				n++;
			if (n == job->references_count && !job->cancelled)
				sim_fail(sim, "job %llu: reference %u was acknowledged and is lost",
					 (unsigned long long)id, wanted->references[i]);
		}
}

static void check_layers(struct sim *sim)
{
	const struct sim_check *check = &sim->check;

	for (size_t layer = 0; layer < sim->load.layers_count; layer++)
		for (size_t set = 0; set < SIM_SETS; set++) {
			const struct sim_stored_layer *stored = &sim->catalog.layers[layer][set];
			uint32_t                       begun = check->begun[layer][set] + check->others[layer][set];

			if (check->acknowledged[layer][set] && !stored->recorded)
				sim_fail(sim, "layer %zu/%zu: its result was acknowledged and is lost", layer, set);
			if (begun > stored->started)
				sim_fail(sim, "layer %zu/%zu was begun %u times, %u are recorded", layer, set, begun,
					 stored->started);
		}
}

static void check_counters(struct sim *sim, uint64_t id)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);
	uint64_t                     rows = 0;

	for (size_t layer = 0; layer < sim->load.layers_count; layer++)
		for (size_t set = 0; set < SIM_SETS; set++)
			rows += job->layers[layer][set];
	if (rows != job->counters[6])
		sim_fail(sim, "job %llu counts %llu layers and has %llu of them", (unsigned long long)id,
			 (unsigned long long)job->counters[6], (unsigned long long)rows);
}

void sim_check_crashed(struct sim *sim)
{
	struct sim_check *check = &sim->check;

	check->drain_seen = false;
	for (size_t i = 0; i < SIM_HOSTS_MAX; i++)
		check->blocked_until[i] = 0;
	for (size_t layer = 0; layer < SIM_LAYERS_MAX; layer++)
		for (size_t set = 0; set < SIM_SETS; set++)
			check->counted[layer][set] = false;
	for (size_t i = check->committed; i < check->leases_count; i++)
		check->leases[i].not_sent = true;
	check->committed = check->leases_count; /* passed over: none of these is committed */
	for (size_t i = 0; i < sim->load.jobs_count; i++)
		check_told(sim, i);
	for (uint64_t id = 1; id <= sim->catalog.jobs_count; id++)
		check_counters(sim, id);
	check_layers(sim);
}
