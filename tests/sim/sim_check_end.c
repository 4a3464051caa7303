#include "sim.h"

#include <stdlib.h>

/* --- what befell each task --- */

static void trouble_of(const struct sim_lease *lease, struct sim_trouble *trouble)
{
	trouble->unanswered += !lease->answered && lease->committed && !lease->not_sent;
	trouble->transient += lease->failed_transient;
	trouble->not_here += lease->failed_not_here;
}

static struct sim_trouble layer_trouble(const struct sim *sim, size_t layer)
{
	struct sim_trouble trouble = {0};

	for (size_t i = 0; i < sim->check.leases_count; i++)
		if (sim->check.leases[i].kind == CORE_LAYER && sim->check.leases[i].layer == layer)
			trouble_of(&sim->check.leases[i], &trouble);
	return trouble;
}

static struct sim_trouble reference_trouble(const struct sim *sim, uint64_t job, size_t reference)
{
	struct sim_trouble trouble = {0};

	for (size_t i = 0; i < sim->check.leases_count; i++)
		if (sim->check.leases[i].kind != CORE_LAYER && sim->check.leases[i].job == job &&
		    sim->check.leases[i].reference == reference)
			trouble_of(&sim->check.leases[i], &trouble);
	return trouble;
}

/* So much went wrong with it that giving it up is right: three workers lost, all attempts used, nobody there who may. */
static bool is_excused(const struct sim *sim, struct sim_trouble trouble)
{
	return trouble.unanswered >= 3 || trouble.unanswered + trouble.transient >= 5 ||
	       (trouble.not_here && sim->plan.group == SIM_ALL);
}

/* --- images --- */

/* What another process has scanned on this store is known, wherever it got it from. */
static unsigned expected_end(const struct sim *sim, size_t reference, size_t image, size_t index)
{
	size_t   layer = sim->load.references[reference].images[image].layers[index];
	unsigned ends = sim_load_expects(&sim->load, reference, image, index);

	for (size_t set = 0; set < SIM_SETS; set++)
		if (sim->fault.other_took[layer][set])
			ends |= sim_truth_end(sim->load.layers[layer].truth);
	return ends;
}

static void check_layer_end(struct sim *sim, uint64_t job, const struct sim_stored_image *image, size_t index)
{
	unsigned expected = expected_end(sim, image->reference, image->image, index);
	size_t   layer = sim->load.references[image->reference].images[image->image].layers[index];

	sim->check.ends_checked++;
	if (image->ends[index] & expected)
		return;
	if (image->ends[index] == SIM_END_FAILED && is_excused(sim, layer_trouble(sim, layer))) {
		sim->check.excused++;
		return;
	}
	sim_fail(sim, "job %llu: layer %zu of image %u.%u ended as %u, expected is %u", (unsigned long long)job, layer,
		 image->reference, image->image, image->ends[index], expected);
}

/* A job that reuses nothing has had everything read since it was submitted; or it failed at one place, and was known from
 * another one. */
static void check_read_anew(struct sim *sim, uint64_t id, size_t layer)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);

	for (size_t i = 0; i < sim->check.leases_count; i++) {
		const struct sim_lease *lease = &sim->check.leases[i];

		if (lease->kind == CORE_LAYER && lease->layer == layer && lease->answered &&
		    lease->answered_at >= job->submitted)
			return;
	}
	sim_fail(sim, "job %llu reuses nothing, and layer %zu was not read for it", (unsigned long long)id, layer);
}

static void check_failed_reference(struct sim *sim, uint64_t job, size_t reference)
{
	if (sim_reference_fails(&sim->load, reference))
		return;
	if (is_excused(sim, reference_trouble(sim, job, reference)))
		sim->check.excused++;
	else
		sim_fail(sim, "job %llu: reference %zu failed, and nothing is wrong with it", (unsigned long long)job,
			 reference);
}

static void check_images(struct sim *sim, uint64_t id)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);

	for (size_t i = 0; i < job->images_count; i++) {
		const struct sim_stored_image *image = &job->images[i];

		if (image->failed)
			check_failed_reference(sim, id, image->reference);
		else if (sim_reference_fails(&sim->load, image->reference))
			sim_fail(sim, "job %llu: reference %u did not fail", (unsigned long long)id, image->reference);
		for (size_t n = 0; n < image->layers_count; n++) {
			check_layer_end(sim, id, image, n);
			if (job->no_reuse && image->ends[n] & (SIM_END_OK | SIM_END_PARTIAL))
				check_read_anew(sim, id,
						sim->load.references[image->reference].images[image->image].layers[n]);
		}
	}
}

/* --- references --- */

static bool has_reference(const struct sim_stored_job *job, size_t reference)
{
	for (size_t i = 0; i < job->references_count; i++)
		if (job->references[i].reference == reference)
			return true;
	return false;
}

static bool has_failed(const struct sim_stored_job *job, size_t reference)
{
	for (size_t i = 0; i < job->images_count; i++)
		if (job->images[i].failed && job->images[i].reference == reference)
			return true;
	return false;
}

static void check_references(struct sim *sim, size_t client, uint64_t id)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);
	const struct sim_job        *wanted = &sim->load.jobs[client];

	for (size_t i = 0; i < wanted->count; i++) {
		const struct sim_reference *reference = &sim->load.references[wanted->references[i]];

		if (!has_reference(job, wanted->references[i]))
			sim_fail(sim, "job %llu: reference %u was accepted and is not there", (unsigned long long)id,
				 wanted->references[i]);
		for (size_t n = 0; n < reference->found_count && !has_failed(job, wanted->references[i]); n++)
			if (!has_reference(job, reference->found[n]))
				sim_fail(sim, "job %llu: reference %u was listed and is not there",
					 (unsigned long long)id, reference->found[n]);
	}
}

static void check_counters(struct sim *sim, uint64_t id)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);
	const uint64_t              *counters = job->counters;
	uint64_t                     failed = 0;

	for (size_t i = 0; i < job->images_count; i++)
		failed += job->images[i].failed;
	if (counters[1] != job->images_count || counters[0] != counters[1])
		sim_fail(sim, "job %llu counts %llu of %llu images and has %zu", (unsigned long long)id,
			 (unsigned long long)counters[1], (unsigned long long)counters[0], job->images_count);
	if (counters[2] != failed)
		sim_fail(sim, "job %llu counts %llu failed images and has %llu", (unsigned long long)id,
			 (unsigned long long)counters[2], (unsigned long long)failed);
	if (counters[5] != counters[6])
		sim_fail(sim, "job %llu counts %llu of %llu layers", (unsigned long long)id,
			 (unsigned long long)counters[6], (unsigned long long)counters[5]);
	if (counters[7] + counters[8] + counters[9] + counters[10] != counters[6])
		sim_fail(sim, "job %llu: scanned, reused, verified and failed layers are not all %llu",
			 (unsigned long long)id, (unsigned long long)counters[6]);
}

static void check_job(struct sim *sim, uint64_t id, size_t client)
{
	const struct sim_stored_job *job = sim_catalog_job(&sim->catalog, id);

	if (!job || job->running) {
		sim_fail(sim, "job %llu has not ended", (unsigned long long)id);
		return;
	}
	check_images(sim, id);
	if (job->cancelled) {
		if (!sim->load.jobs[client].cancel_at)
			sim_fail(sim, "job %llu was cancelled by nobody", (unsigned long long)id);
		return;
	}
	if (!job->retry_of)
		check_references(sim, client, id);
	check_counters(sim, id);
}

/* --- scans --- */

/* What is recorded is what was begun, and what was handed out and did not get there. */
static void check_scans(struct sim *sim, size_t layer, size_t set)
{
	const struct sim_check        *check = &sim->check;
	const struct sim_stored_layer *stored = &sim->catalog.layers[layer][set];
	uint32_t                       counted = check->others[layer][set], begun = check->begun[layer][set];

	for (size_t i = 0; i < check->leases_count; i++) {
		const struct sim_lease *lease = &check->leases[i];

		if (lease->kind != CORE_LAYER || lease->layer != layer || lease->set != set || !lease->committed)
			continue;
		counted += lease->counted;
		if (!lease->counted && check->leases[lease->before].begun)
			sim_fail(sim, "layer %zu/%zu: a scan that was begun is not counted", layer, set);
	}
	if (stored->started != counted)
		sim_fail(sim, "layer %zu/%zu: %u scans recorded, %u handed out", layer, set, stored->started, counted);
	if (begun + check->others[layer][set] > stored->started)
		sim_fail(sim, "layer %zu/%zu: begun %u times, %u recorded", layer, set, begun, stored->started);
	if (stored->started && stored->started != 1 + sim_stored_retries(stored))
		sim_fail(sim, "layer %zu/%zu: %u scans, %u retries", layer, set, stored->started,
			 sim_stored_retries(stored));
	if (stored->owner && sim->catalog.alive[stored->owner] && stored->owner == sim->broker.owner)
		sim_fail(sim, "layer %zu/%zu is still claimed", layer, set);
}

void sim_check_end(struct sim *sim)
{
	sim_check_crashed(sim);
	for (size_t i = 0; i < sim->load.jobs_count; i++) {
		const struct sim_client *client = &sim->clients[i];

		check_job(sim, client->retries ? client->first_job : client->job, i);
		if (client->retries)
			check_job(sim, client->job, i);
	}
	for (size_t layer = 0; layer < sim->load.layers_count; layer++)
		for (size_t set = 0; set < SIM_SETS; set++)
			check_scans(sim, layer, set);
}

/* --- the same results --- */

static const struct sim_stored_image *image_of(const struct sim_stored_job *job, const struct sim_stored_image *like)
{
	for (size_t i = 0; i < job->images_count; i++)
		if (job->images[i].reference == like->reference && job->images[i].image == like->image &&
		    job->images[i].failed == like->failed)
			return &job->images[i];
	return NULL;
}

/* A listing that had to be given up found nothing: what only it would have found is not to be missed. */
static bool listing_failed(const struct sim *sim, const struct sim_stored_job *job)
{
	for (size_t i = 0; i < job->images_count; i++)
		if (job->images[i].failed && sim->load.references[job->images[i].reference].listing)
			return true;
	return false;
}

static bool is_one(unsigned bits)
{
	return bits && !(bits & (bits - 1));
}

static void compare_images(struct sim *sim, uint64_t id, const struct sim_stored_image *a,
			   const struct sim_stored_image *b)
{
	for (size_t i = 0; i < a->layers_count; i++) {
		unsigned expected = expected_end(sim, a->reference, a->image, i);
		size_t   layer = sim->load.references[a->reference].images[a->image].layers[i];

		if (a->ends[i] != b->ends[i] && is_one(expected) && !is_excused(sim, layer_trouble(sim, layer)))
			sim_fail(sim, "job %llu: layer %zu of image %u.%u ended as %u, undisturbed as %u",
				 (unsigned long long)id, layer, a->reference, a->image, b->ends[i], a->ends[i]);
	}
}

void sim_check_same(struct sim *sim, const struct sim *quiet)
{
	for (size_t i = 0; i < sim->load.jobs_count && !sim->failed; i++) {
		uint64_t id = sim->clients[i].retries ? sim->clients[i].first_job : sim->clients[i].job;
		uint64_t quiet_id = quiet->clients[i].retries ? quiet->clients[i].first_job : quiet->clients[i].job;
		const struct sim_stored_job *job = &sim->catalog.jobs[id - 1],
					    *other = &quiet->catalog.jobs[quiet_id - 1];

		if (job->cancelled || other->cancelled)
			continue;
		for (size_t n = 0; n < other->images_count; n++) {
			const struct sim_stored_image *image = image_of(job, &other->images[n]);

			if (image)
				compare_images(sim, id, &other->images[n], image);
			else if (!listing_failed(sim, job) &&
				 !is_excused(sim, reference_trouble(sim, id, other->images[n].reference)))
				sim_fail(sim, "job %llu has no image %u.%u as the undisturbed run has it",
					 (unsigned long long)id, other->images[n].reference, other->images[n].image);
		}
	}
}
