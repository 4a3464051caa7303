#include "sim.h"

#include <string.h>

static size_t layer_of(struct sim *sim, const struct core_action *action, size_t *set)
{
	size_t layer = sim_digest_number(&action->key.digest, 'l');

	*set = sim_set_number(action->key.set);
	if (layer >= sim->load.layers_count || *set >= SIM_SETS) {
		sim_fail(sim, "action %d names a layer that does not exist", (int)action->kind);
		return 0;
	}
	return layer;
}

/* --- references --- */

static void give_reference(struct sim *sim, uint64_t job, size_t number, size_t index)
{
	const struct sim_reference *reference = &sim->load.references[index];
	struct core_event           event = {.kind = CORE_JOB_REFERENCE,
					     .job = job,
					     .reference = number,
					     .task_kind = reference->listing ? CORE_ENUMERATE : CORE_RESOLVE,
					     .host = slice_str(sim->load.hosts[reference->host].name),
					     .text = slice_str(reference->text)};

	sim_shell_queue(sim, &event);
}

/* At times fewer than were asked for: the core has to ask again. */
static void fetch(struct sim *sim, const struct core_action *action)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, action->job);
	struct core_event            fed = {.kind = CORE_JOB_FED, .job = action->job, .reference = action->reference};
	size_t max = sim->plan.group == SIM_LINKS ? action->count : 1 + rng_below(&sim->rng, action->count);

	if (rng_below(&sim->rng, 2) && max > 3)
		max = 3;
	while (fed.reference < job->references_count && max) {
		const struct sim_stored_reference *reference = &job->references[fed.reference];

		if (!reference->done) {
			give_reference(sim, action->job, fed.reference, reference->reference);
			max--;
		}
		fed.reference++;
	}
	fed.none_left = fed.reference >= job->references_count;
	sim_shell_queue(sim, &fed);
}

static void reference_done(struct sim *sim, const struct core_action *action)
{
	struct sim_stored_job *job = sim_catalog_job(&sim->catalog, action->job);

	if (action->reference >= job->references_count) {
		sim_fail(sim, "job %llu: reference %llu does not exist", (unsigned long long)action->job,
			 (unsigned long long)action->reference);
		return;
	}
	sim_check_reference_done(sim, action->job, action->reference);
	sim_catalog_touch(&sim->catalog, &job->references[action->reference].done, sizeof(bool));
	job->references[action->reference].done = true;
}

static void reference_failed(struct sim *sim, const struct core_action *action)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, action->job);
	struct sim_stored_image      image = {.failed = true, .code = action->code, .image = UINT8_MAX};

	image.reference = job->references[action->reference].reference;
	SIM_SAY(sim, "  reference %llu of job %llu failed: %.*s", (unsigned long long)action->reference,
		(unsigned long long)action->job, SLICE_FMT(action->text));
	if (!sim_catalog_image_add(&sim->catalog, action->job, &image)) {
		sim->broker.base[action->job - 1][0]--;
		sim->broker.base[action->job - 1][1]--;
		sim->broker.base[action->job - 1][2]--;
	}
	sim->broker.changed[action->job - 1] = true;
}

/* --- images --- */

static uint8_t end_of(enum layer_status status)
{
	switch (status) {
	case LAYER_SCANNED:
	case LAYER_REUSED:
		return SIM_END_OK;
	case LAYER_PARTIAL:
		return SIM_END_PARTIAL;
	case LAYER_SKIPPED:
		return SIM_END_SKIPPED;
	default:
		return SIM_END_FAILED;
	}
}

/* It is in the catalog, and in the stored counters, since before a crash. */
static void count_back(struct sim *sim, uint64_t job, const struct core_image *image)
{
	uint64_t *base = sim->broker.base[job - 1];
	bool      incomplete = false;

	for (size_t i = 0; i < image->image.layers_count; i++)
		incomplete |= image->outcomes[i].status >= LAYER_PARTIAL;
	base[0]--;
	base[1]--;
	base[3] -= incomplete;
	base[4] -= image->image.status == IMAGE_SKIPPED;
	base[11] -= image->image.layers_count;
}

static void image_done(struct sim *sim, const struct core_action *action)
{
	struct core_image      *image = action->image;
	size_t                  number = sim_digest_number(&image->image.digest, 'i');
	struct sim_stored_image stored = {.reference = (uint8_t)(number / SIM_IMAGES_MAX),
					  .image = (uint8_t)(number % SIM_IMAGES_MAX),
					  .layers_count = (uint8_t)image->image.layers_count};

	for (size_t i = 0; i < image->image.layers_count; i++) {
		stored.ends[i] = end_of(image->outcomes[i].status);
		if (stored.ends[i] == SIM_END_FAILED)
			SIM_SAY(sim, "  layer %zu of image %zu.%u failed: %.*s",
				sim_digest_number(&image->image.layers[i].digest, 'l'), number / SIM_IMAGES_MAX,
				(unsigned)(number % SIM_IMAGES_MAX), SLICE_FMT(image->outcomes[i].reason));
	}
	SIM_SAY(sim, "  image %zu.%u of job %llu done", number / SIM_IMAGES_MAX, (unsigned)(number % SIM_IMAGES_MAX),
		(unsigned long long)action->job);
	sim_check_image_done(sim, action->job, &stored);
	if (!sim_catalog_image_add(&sim->catalog, action->job, &stored))
		count_back(sim, action->job, image);
	sim->broker.changed[action->job - 1] = true;
	core_image_free(image);
}

static void job_done(struct sim *sim, const struct core_action *action)
{
	struct sim_stored_job *job = sim_catalog_job(&sim->catalog, action->job);
	size_t                 index = action->job - 1;

	SIM_SAY(sim, "  job %llu %s", (unsigned long long)action->job, action->cancelled ? "cancelled" : "done");
	sim_check_job_done(sim, action->job, action->cancelled);
	core_job_stats(sim->broker.core, action->job, &sim->broker.ended[index]);
	sim_catalog_touch(&sim->catalog, job, offsetof(struct sim_stored_job, references));
	job->running = false;
	job->cancelled = action->cancelled;
	sim->broker.changed[index] = true;
}

/* --- layers --- */

/* The repository of a place is numbered as its reference. */
static size_t place_number(struct slice place)
{
	size_t number = 0, at = slice_find(place, '/');

	for (at += 2; at < place.len; at++)
		number = number * 10 + place.ptr[at] - '0';
	return number < SIM_REFERENCES_MAX ? number : 0;
}

static void claim(struct sim *sim, const struct core_action *action)
{
	struct core_event event = {.kind = CORE_CLAIMED, .layer = action->layer};
	struct sim_claim  answer;
	size_t            set, layer = layer_of(sim, action, &set), diff = sim_digest_number(&action->diff_id, 'd');
	bool known = diff != SIZE_MAX && sim_catalog_diff_known(&sim->catalog, &sim->load, layer, set, (uint32_t)diff);

	sim_catalog_claim(&sim->catalog, sim->broker.owner, layer, set, known, action->force, action->again, &answer);
	SIM_SAY(sim, "  claim layer %zu/%zu: %d", layer, set, (int)answer.answer);
	event.claim = answer.answer;
	event.partial = answer.partial;
	event.verify = answer.verify;
	event.retry = answer.retry;
	event.code = answer.code;
	event.here = sim->catalog.layers[layer][set].poison_at[place_number(action->place)];
	event.text = SLICE_LIT("in quarantine");
	sim_shell_queue(sim, &event);
}

static void count(struct sim *sim, const struct core_action *action)
{
	size_t set, layer = layer_of(sim, action, &set);

	if ((action->kind == CORE_COUNT_START) != (action->reason == CORE_RETRY_NONE))
		sim_fail(sim, "layer %zu/%zu: counted as %d for reason %d", layer, set, (int)action->kind,
			 (int)action->reason);
	sim_catalog_count(&sim->catalog, layer, set, action->reason);
	sim_check_count(sim, layer, set);
}

static void note(struct sim *sim, const struct core_action *action)
{
	size_t                   set, layer = layer_of(sim, action, &set);
	struct sim_stored_layer *stored = &sim->catalog.layers[layer][set];

	sim_catalog_touch(&sim->catalog, stored, sizeof(*stored));
	if (action->kind == CORE_COUNT_LATE)
		stored->late++;
	else if (action->kind == CORE_RECORD_FAILURE)
		stored->poison_at[place_number(action->place)] = action->fail_class == CORE_POISON;
	else {
		stored->quarantined = true;
		stored->quarantine_code = action->code;
	}
}

static void job_layer(struct sim *sim, const struct core_action *action)
{
	size_t                 set, layer = layer_of(sim, action, &set);
	struct sim_stored_job *job = sim_catalog_job(&sim->catalog, action->job);

	sim_catalog_touch(&sim->catalog, &job->layers[layer][set], sizeof(bool));
	job->layers[layer][set] = true;
	sim->broker.changed[action->job - 1] = true;
}

static void send_task(struct sim *sim, const struct core_action *action)
{
	struct sim_message             m = {.kind = SIM_TASK,
					    .lease = action->lease,
					    .task_kind = action->task_kind,
					    .attempt = action->attempt,
					    .job = action->job};
	const struct sim_known_worker *worker = sim_shell_worker(sim, action->worker);
	const struct core_event        failed = {.kind = CORE_SEND_FAILED, .lease = action->lease};

	if (action->task_kind == CORE_LAYER) {
		const struct image_layer *layer = &action->image->image.layers[action->index];

		m.layer = layer_of(sim, action, &m.set);
		m.reference = sim_digest_number(&action->image->image.digest, 'i') / SIM_IMAGES_MAX;
		m.lies = layer->size != sim->load.layers[m.layer].size;
		m.claimed = (uint32_t)sim_digest_number(&action->diff_id, 'd');
		m.verify = action->verify;
	} else {
		m.reference = sim_catalog_job(&sim->catalog, action->job)->references[action->reference].reference;
	}
	m.host = sim->load.references[m.reference].host;
	SIM_SAY(sim, "  task: lease %llu.%u kind %d worker %llu job %llu reference %zu layer %zu attempt %u",
		(unsigned long long)(action->lease >> 32), (unsigned)action->lease, (int)action->task_kind,
		(unsigned long long)action->worker, (unsigned long long)action->job, m.reference, m.layer,
		action->attempt);
	sim_check_task(sim, action, &m, worker);
	if (worker) {
		sim_shell_send(sim, worker->connection, &m);
	} else {
		sim_check_not_sent(sim, m.lease);
		sim_shell_queue(sim, &failed);
	}
}

static void drop_lease(struct sim *sim, const struct core_action *action)
{
	const struct sim_known_worker *worker = sim_shell_worker(sim, action->worker);
	struct sim_message             m = {.kind = SIM_DROP, .lease = action->lease};

	SIM_SAY(sim, "  drop lease %llu.%u", (unsigned long long)(action->lease >> 32), (unsigned)action->lease);
	if (worker)
		sim_shell_send(sim, worker->connection, &m);
}

void sim_shell_carry_out(struct sim *sim, const struct core_action *action)
{
	size_t set;

	switch (action->kind) {
	case CORE_FETCH_REFERENCES:
		fetch(sim, action);
		break;
	case CORE_CLAIM:
		claim(sim, action);
		break;
	case CORE_RELEASE: {
		size_t layer = layer_of(sim, action, &set);

		sim_catalog_release(&sim->catalog, sim->broker.owner, layer, set);
		break;
	}
	case CORE_COUNT_START:
	case CORE_COUNT_RETRY:
		count(sim, action);
		break;
	case CORE_COUNT_LATE:
	case CORE_RECORD_FAILURE:
	case CORE_QUARANTINE:
		note(sim, action);
		break;
	case CORE_JOB_LAYER:
		job_layer(sim, action);
		break;
	case CORE_SEND_TASK:
		send_task(sim, action);
		break;
	case CORE_DROP_LEASE:
		drop_lease(sim, action);
		break;
	case CORE_IMAGE_DONE:
		image_done(sim, action);
		break;
	case CORE_REFERENCE_FAILED:
		reference_failed(sim, action);
		break;
	case CORE_REFERENCE_DONE:
		reference_done(sim, action);
		break;
	case CORE_JOB_DONE:
		job_done(sim, action);
		break;
	case CORE_WORKER_DRAINED:
		SIM_SAY(sim, "  worker %llu is drained", (unsigned long long)action->worker);
		break;
	case CORE_DRAINED:
		sim_check_drained(sim);
		sim->broker.drained = true;
		break;
	}
}
