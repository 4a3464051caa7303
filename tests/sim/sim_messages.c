#include "sim.h"

enum { LISTED_PER_CHUNK = 4 };

static void reply(struct sim *sim, const struct sim_message *to, struct sim_message m)
{
	m.correlation = to->correlation;
	if (!m.job)
		m.job = to->job;
	m.life = to->life;
	sim_shell_send(sim, to->connection, &m);
}

static void reply_error(struct sim *sim, const struct sim_message *to, int code)
{
	reply(sim, to, (struct sim_message){.kind = SIM_ERROR, .code = code});
}

/* --- workers --- */

static struct sim_known_worker *by_connection(struct sim *sim, uint64_t connection)
{
	for (size_t i = 0; i < sim->broker.workers_count; i++)
		if (sim->broker.workers[i].connection == connection)
			return &sim->broker.workers[i];
	return NULL;
}

static struct sim_known_worker *by_process(struct sim *sim, size_t index, uint64_t life)
{
	for (size_t i = 0; i < sim->broker.workers_count; i++)
		if (sim->broker.workers[i].index == index && sim->broker.workers[i].life == life)
			return &sim->broker.workers[i];
	return NULL;
}

static void welcome(struct sim *sim, const struct sim_message *m, const struct sim_known_worker *worker)
{
	reply(sim, m, (struct sim_message){.kind = SIM_WELCOME, .worker = worker->id});
	if (worker->draining)
		reply(sim, m, (struct sim_message){.kind = SIM_DRAIN});
}

/* The same process over a new connection. */
static void back(struct sim *sim, const struct sim_message *m, struct sim_known_worker *worker)
{
	struct core_event event = {
		.kind = CORE_WORKER_BACK, .worker = worker->id, .leases = m->leases, .count = m->count};

	worker->connection = m->connection;
	welcome(sim, m, worker);
	sim_shell_step(sim, &event);
}

static void hello(struct sim *sim, const struct sim_message *m)
{
	struct sim_broker       *broker = &sim->broker;
	struct sim_known_worker *worker = by_connection(sim, m->connection);
	struct slice             hosts[SIM_HOSTS_MAX];
	struct core_event event = {.kind = CORE_WORKER_HELLO, .leases = m->leases, .count = m->count, .hosts = hosts};

	if (worker) {
		welcome(sim, m, worker);
		return;
	}
	if ((worker = by_process(sim, m->worker, m->life)) != NULL) {
		back(sim, m, worker);
		return;
	}
	if (broker->workers_count == SIM_PEERS_MAX)
		return;
	worker = &broker->workers[broker->workers_count++];
	*worker = (struct sim_known_worker){.id = ++broker->workers_seen,
					    .connection = m->connection,
					    .life = m->life,
					    .heard = sim_broker_clock(sim),
					    .index = m->worker,
					    .set = m->set};
	welcome(sim, m, worker);
	event.worker = worker->id;
	event.set = sim_set_id(m->set);
	event.layer_slots = m->layer_slots;
	event.light_slots = m->light_slots;
	for (size_t i = 0; i < sim->load.hosts_count; i++)
		if (sim_worker_reaches(sim, m->worker, i))
			hosts[event.hosts_count++] = slice_str(sim->load.hosts[i].name);
	if (event.hosts_count == sim->load.hosts_count)
		event.hosts_count = 0; /* any */
	sim_shell_step(sim, &event);
}

static void progress(struct sim *sim, const struct sim_message *m, const struct sim_known_worker *worker)
{
	struct core_event event = {.kind = CORE_WORKER_PROGRESS,
				   .worker = worker->id,
				   .leases = m->leases,
				   .bytes = m->bytes,
				   .count = m->count};

	reply(sim, m, (struct sim_message){.kind = worker->draining ? SIM_DRAIN : SIM_PONG});
	sim_shell_step(sim, &event);
}

static void bye(struct sim *sim, const struct sim_message *m, struct sim_known_worker *worker)
{
	struct core_event event = {.kind = CORE_WORKER_GONE, .worker = worker->id, .orderly = !m->code};

	sim_shell_forget(sim, worker);
	sim_shell_step(sim, &event);
}

/* --- results --- */

static void ack(struct sim *sim, const struct sim_message *m, int code)
{
	reply(sim, m, (struct sim_message){.kind = SIM_ACK, .lease = m->lease, .code = code});
}

static int take_layer(struct sim *sim, const struct sim_message *m, const struct core_lease_info *info)
{
	size_t layer = sim_digest_number(&info->key.digest, 'l'), set = sim_set_number(info->key.set);

	if (m->layer != layer || m->set != set)
		sim_fail(sim, "lease %llu: the core takes layer %zu/%zu for %zu/%zu", (unsigned long long)m->lease,
			 m->layer, m->set, layer, set);
	if (m->verified && !sim_catalog_diff_known(&sim->catalog, &sim->load, layer, set, sim->load.layers[layer].diff))
		return ERR_NOT_FOUND;
	sim_catalog_record(&sim->catalog, layer, set, m->partial, m->reusable);
	return 0;
}

static void take_image(struct sim *sim, const struct core_lease_info *info, size_t reference, size_t number, size_t set)
{
	const struct sim_image *source = &sim->load.references[reference].images[number];
	struct core_image      *image = core_image_new();
	struct core_event       event = {.kind = CORE_IMAGE_FOUND, .image = image, .set = sim_set_id(set)};

	if (!image)
		return;
	image->job = info->job;
	image->reference = info->reference;
	image->host = slice_str(sim->load.hosts[sim->load.references[reference].host].name);
	image->location = arena_printf(&image->arena, "%.*s/p%zu", SLICE_FMT(image->host), reference);
	image->image.reference = slice_str(sim->load.references[reference].text);
	image->image.status = source->skipped ? IMAGE_SKIPPED : IMAGE_OK;
	sim_digest(&image->image.digest, 'i', reference * SIM_IMAGES_MAX + number);
	image->image.layers_count = source->layers_count;
	image->image.layers = arena_array(&image->arena, source->layers_count + 1, sizeof(struct image_layer));
	for (size_t i = 0; i < source->layers_count; i++) {
		struct image_layer *layer = &image->image.layers[i];

		sim_digest(&layer->digest, 'l', source->layers[i]);
		layer->diff_id = sim_claimed_diff(&sim->load, source, i);
		layer->size = sim_claimed_size(&sim->load, source, i);
		layer->media_type = sim->load.layers[source->layers[i]].foreign
					    ? SLICE_LIT("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
					    : SLICE_LIT("application/vnd.oci.image.layer.v1.tar+gzip");
	}
	sim_shell_step(sim, &event);
}

static void finish(struct sim *sim, const struct sim_message *m, const struct sim_known_worker *worker,
		   const struct core_lease_info *info)
{
	struct core_event done = {.kind = CORE_TASK_DONE,
				  .lease = m->lease,
				  .partial = m->partial,
				  .reusable = m->reusable,
				  .verified = m->verified,
				  .bytes_fetched = info->kind == CORE_LAYER ? sim->load.layers[m->layer].size : 0,
				  .tar_bytes = 20,
				  .entries = 3};
	struct core_event failed = {
		.kind = CORE_TASK_FAILED, .lease = m->lease, .text = SLICE_LIT("the known layer is gone")};
	int status = 0;

	if (info->kind == CORE_LAYER)
		status = take_layer(sim, m, info);
	else if (info->kind == CORE_RESOLVE)
		for (size_t i = 0; i < sim->load.references[m->reference].images_count; i++)
			take_image(sim, info, m->reference, i, worker->set);
	sim_check_answered(sim, m->lease, status == 0);
	if (status < 0) {
		failed.code = status;
		ack(sim, m, status);
		sim_shell_step(sim, &failed);
		return;
	}
	sim_shell_step(sim, &done);
	ack(sim, m, 0);
}

static bool next_chunk(struct sim *sim, const struct sim_message *m)
{
	struct sim_broker *broker = &sim->broker;
	size_t             i = 0;

	while (i < broker->uploads_count && broker->uploads[i].lease != m->lease)
		i++;
	if (i == broker->uploads_count) {
		if (broker->uploads_count == SIM_UPLOADS_MAX)
			i = broker->uploads_count = 0; /* the others are sent again */
		broker->uploads[broker->uploads_count++] = (struct sim_upload){.lease = m->lease};
	}
	if (m->number == 0)
		broker->uploads[i].next = 0;
	if (m->number != broker->uploads[i].next) /* only on hostile links: the worker sends it again from the start */
		return false;
	broker->uploads[i].next++;
	if (m->last)
		broker->uploads[i] = broker->uploads[--broker->uploads_count];
	return true;
}

static void result(struct sim *sim, const struct sim_message *m, const struct sim_known_worker *worker)
{
	struct core_lease_info info;

	if (!core_lease_info(sim->broker.core, m->lease, &info) ||
	    !(info.current ? info.worker == worker->id : info.kind == CORE_LAYER)) {
		if (m->last)
			ack(sim, m, ERR_NOT_FOUND);
		return;
	}
	if (!next_chunk(sim, m))
		return;
	if (info.kind == CORE_ENUMERATE)
		for (size_t i = m->number * LISTED_PER_CHUNK;
		     i < sim->load.references[m->reference].found_count && i < (m->number + 1) * LISTED_PER_CHUNK; i++)
			sim_shell_store_reference(sim, info.job, sim->load.references[m->reference].found[i]);
	if (m->last)
		finish(sim, m, worker, &info);
}

static void failure(struct sim *sim, const struct sim_message *m, const struct sim_known_worker *worker)
{
	struct core_lease_info info;
	struct core_event      event = {.kind = CORE_TASK_FAILED,
					.lease = m->lease,
					.fail_class = m->fail_class,
					.code = m->code,
					.retry_after_ms = m->retry_after_ms,
					.text = SLICE_LIT("as the worker says")};

	if (core_lease_info(sim->broker.core, m->lease, &info) && info.current && info.worker == worker->id) {
		sim_check_answered(sim, m->lease, false);
		sim_check_failed(sim, m);
		sim_shell_step(sim, &event);
	}
	ack(sim, m, 0);
}

static void worker_message(struct sim *sim, const struct sim_message *m)
{
	struct sim_known_worker *worker = by_connection(sim, m->connection);
	struct core_event        heard = {.kind = CORE_WORKER_HEARD};

	if (worker) {
		worker->heard = sim_broker_clock(sim);
		heard.worker = worker->id;
		sim_shell_step(sim, &heard);
	}
	if (m->kind == SIM_HELLO)
		hello(sim, m);
	else if (!worker)
		reply_error(sim, m, ERR_NOT_FOUND);
	else if (m->kind == SIM_PROGRESS)
		progress(sim, m, worker);
	else if (m->kind == SIM_RESULT)
		result(sim, m, worker);
	else if (m->kind == SIM_FAILURE)
		failure(sim, m, worker);
	else if (m->kind == SIM_BYE)
		bye(sim, m, worker);
}

/* --- clients --- */

void sim_shell_store_reference(struct sim *sim, uint64_t job, size_t reference)
{
	bool              listing = sim->load.references[reference].listing;
	struct core_event stored = {.kind = CORE_JOB_STORED, .job = job, .count = !listing, .listings = listing};

	if (!sim_catalog_job(&sim->catalog, job)->running || !sim_catalog_reference_add(&sim->catalog, job, reference))
		return;
	sim->broker.changed[job - 1] = true;
	sim_shell_step(sim, &stored);
}

static void close_job(struct sim *sim, uint64_t id)
{
	struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);
	struct core_event      closed = {.kind = CORE_JOB_CLOSED, .job = id};

	sim_catalog_touch(&sim->catalog, &job->closed, sizeof(job->closed));
	job->closed = true;
	sim_shell_step(sim, &closed);
}

static void add_failed_of(struct sim *sim, uint64_t job, uint64_t of)
{
	const struct sim_stored_job *earlier = sim_catalog_job(&sim->catalog, of);

	for (size_t i = 0; earlier && i < earlier->images_count; i++) {
		bool again = earlier->images[i].failed;

		for (size_t n = 0; n < earlier->images[i].layers_count; n++)
			again |= (earlier->images[i].ends[n] & (SIM_END_FAILED | SIM_END_PARTIAL)) != 0;
		if (again)
			sim_shell_store_reference(sim, job, earlier->images[i].reference);
	}
}

static void submit(struct sim *sim, const struct sim_message *m)
{
	bool                   added;
	uint64_t               id = sim_catalog_job_new(&sim->catalog, m->token, &added);
	struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);

	if (!job) {
		sim_fail(sim, "no room for a job");
		return;
	}
	if (added) {
		job->priority = m->priority;
		job->no_reuse = m->no_reuse;
		job->retry_of = m->retry_of;
		job->submitted = sim->now;
		for (size_t i = 0; i < SIM_COUNTERS; i++)
			sim->broker.base[id - 1][i] = 0;
		sim_shell_open_job(sim, id);
		if (m->retry_of) {
			add_failed_of(sim, id, m->retry_of);
			close_job(sim, id);
		}
	}
	reply(sim, m, (struct sim_message){.kind = SIM_JOB, .job = id, .token = m->token});
}

static void references(struct sim *sim, const struct sim_message *m)
{
	struct sim_stored_job *job = sim_catalog_job(&sim->catalog, m->job);

	if (!job || m->number > job->batches || (m->number == job->batches && (job->closed || !job->running))) {
		reply_error(sim, m, !job || !job->running ? ERR_NOT_FOUND : ERR_PROTOCOL);
		return;
	}
	if (m->number == job->batches) {
		for (size_t i = 0; i < m->count; i++)
			sim_shell_store_reference(sim, m->job, m->references[i]);
		sim_catalog_touch(&sim->catalog, &job->batches, sizeof(job->batches));
		job->batches++;
		if (m->last)
			close_job(sim, m->job);
	}
	reply(sim, m, (struct sim_message){.kind = SIM_OK, .lease = 1, .number = m->number});
}

static void change(struct sim *sim, const struct sim_message *m)
{
	struct sim_stored_job *job = sim_catalog_job(&sim->catalog, m->job);
	struct core_event      event = {.job = m->job};

	if (!job || !job->running) {
		reply_error(sim, m, ERR_NOT_FOUND);
		return;
	}
	event.kind = m->kind == SIM_PAUSE ? CORE_JOB_PAUSE : m->kind == SIM_RESUME ? CORE_JOB_RESUME : CORE_JOB_CANCEL;
	if (m->kind != SIM_CANCEL) {
		sim_catalog_touch(&sim->catalog, &job->paused, sizeof(job->paused));
		job->paused = m->kind == SIM_PAUSE;
	}
	sim_shell_step(sim, &event);
	reply(sim, m, (struct sim_message){.kind = SIM_OK});
}

static void status(struct sim *sim, const struct sim_message *m)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, m->job);

	if (!job)
		reply_error(sim, m, ERR_NOT_FOUND);
	else
		reply(sim, m,
		      (struct sim_message){.kind = SIM_STATUS_REPLY,
					   .running = job->running,
					   .paused = job->paused,
					   .cancelled = job->cancelled});
}

/* Of a worker; said to it until it has gone. */
static void drain(struct sim *sim, const struct sim_message *m)
{
	const struct core_event  event = {.kind = CORE_WORKER_DRAIN, .worker = m->worker};
	struct sim_known_worker *worker = sim_shell_worker(sim, m->worker);

	if (!worker)
		return;
	worker->draining = true;
	sim_shell_send(sim, worker->connection, &(struct sim_message){.kind = SIM_DRAIN});
	sim_shell_step(sim, &event);
}

void sim_shell_message(struct sim *sim, const struct sim_message *m)
{
	SIM_SAY(sim, "broker takes %s lease %llu.%u job %llu number %u code %d", sim_message_name(m->kind),
		(unsigned long long)(m->lease >> 32), (unsigned)m->lease, (unsigned long long)m->job, m->number,
		m->code);
	switch (m->kind) {
	case SIM_SUBMIT:
		submit(sim, m);
		break;
	case SIM_REFERENCES:
		references(sim, m);
		break;
	case SIM_CANCEL:
	case SIM_PAUSE:
	case SIM_RESUME:
		change(sim, m);
		break;
	case SIM_STATUS:
		status(sim, m);
		break;
	case SIM_DRAIN:
		drain(sim, m);
		break;
	default:
		worker_message(sim, m);
	}
}
