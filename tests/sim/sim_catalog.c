#include "sim_catalog.h"

#include <stdlib.h>
#include <string.h>

struct sim_undo {
	void  *at;
	size_t size, kept; /* kept: where in bytes */
};

/* --- transactions --- */

void sim_catalog_begin(struct sim_catalog *catalog)
{
	catalog->batch = true;
}

void sim_catalog_touch(struct sim_catalog *catalog, void *at, size_t size)
{
	if (!catalog->batch)
		abort(); /* a defect of the simulator */
	if (catalog->undo_count == catalog->undo_capacity) {
		catalog->undo_capacity = catalog->undo_capacity ? catalog->undo_capacity * 2 : 64;
		catalog->undo = realloc(catalog->undo, catalog->undo_capacity * sizeof(*catalog->undo));
	}
	if (catalog->bytes_count + size > catalog->bytes_capacity) {
		catalog->bytes_capacity = 2 * (catalog->bytes_count + size);
		catalog->bytes = realloc(catalog->bytes, catalog->bytes_capacity);
	}
	if (!catalog->undo || !catalog->bytes)
		abort();
	catalog->undo[catalog->undo_count++] = (struct sim_undo){at, size, catalog->bytes_count};
	memcpy(catalog->bytes + catalog->bytes_count, at, size);
	catalog->bytes_count += size;
}

void sim_catalog_commit(struct sim_catalog *catalog)
{
	catalog->batch = false;
	catalog->undo_count = catalog->bytes_count = 0;
}

void sim_catalog_abort(struct sim_catalog *catalog)
{
	while (catalog->undo_count) {
		const struct sim_undo *undo = &catalog->undo[--catalog->undo_count];

		memcpy(undo->at, catalog->bytes + undo->kept, undo->size);
	}
	sim_catalog_commit(catalog);
}

void sim_catalog_free(struct sim_catalog *catalog)
{
	free(catalog->undo);
	free(catalog->bytes);
	catalog->undo = NULL;
	catalog->bytes = NULL;
}

/* --- owners and claims --- */

uint64_t sim_owner_new(struct sim_catalog *catalog)
{
	if (catalog->owners + 1 >= SIM_OWNERS_MAX)
		abort();
	catalog->alive[++catalog->owners] = true;
	return catalog->owners;
}

void sim_owner_dies(struct sim_catalog *catalog, uint64_t owner)
{
	catalog->alive[owner] = false;
}

bool sim_catalog_diff_known(const struct sim_catalog *catalog, const struct sim_load *load, size_t layer, size_t set,
			    uint32_t diff)
{
	for (size_t i = 0; i < load->layers_count; i++) {
		const struct sim_stored_layer *other = &catalog->layers[i][set];

		if (i != layer && load->layers[i].diff == diff && other->recorded && other->reusable && !other->partial)
			return true;
	}
	return false;
}

uint32_t sim_stored_retries(const struct sim_stored_layer *layer)
{
	uint32_t sum = 0;

	for (size_t i = CORE_RETRY_NONE + 1; i < CORE_RETRY_REASONS; i++)
		sum += layer->retries[i];
	return sum;
}

void sim_catalog_claim(struct sim_catalog *catalog, uint64_t owner, size_t layer, size_t set, bool known_diff,
		       bool force, bool again, struct sim_claim *out)
{
	struct sim_stored_layer *stored = &catalog->layers[layer][set];
	bool                     died = stored->owner && stored->owner != owner && !catalog->alive[stored->owner];

	*out = (struct sim_claim){.answer = CORE_CLAIM_GRANTED};
	if (!force && stored->recorded && stored->reusable) {
		*out = (struct sim_claim){.answer = CORE_CLAIM_KNOWN, .partial = stored->partial};
		return;
	}
	if (!force && !again && stored->quarantined) {
		*out = (struct sim_claim){.answer = CORE_CLAIM_QUARANTINED, .code = stored->quarantine_code};
		return;
	}
	if (stored->owner && stored->owner != owner && !died) {
		out->answer = CORE_CLAIM_BUSY;
		return;
	}
	sim_catalog_touch(catalog, stored, sizeof(*stored));
	stored->owner = owner;
	stored->quarantined = false;
	if (stored->started)
		out->retry = died ? CORE_RETRY_OWNER_DIED : force ? CORE_RETRY_FORCED : CORE_RETRY_AGAIN;
	out->verify = !force && known_diff;
}

void sim_catalog_release(struct sim_catalog *catalog, uint64_t owner, size_t layer, size_t set)
{
	struct sim_stored_layer *stored = &catalog->layers[layer][set];

	if (stored->owner != owner)
		return;
	sim_catalog_touch(catalog, &stored->owner, sizeof(stored->owner));
	stored->owner = 0;
}

void sim_catalog_release_all(struct sim_catalog *catalog, uint64_t owner)
{
	for (size_t layer = 0; layer < SIM_LAYERS_MAX; layer++)
		for (size_t set = 0; set < SIM_SETS; set++)
			sim_catalog_release(catalog, owner, layer, set);
}

void sim_catalog_count(struct sim_catalog *catalog, size_t layer, size_t set, enum core_retry_reason reason)
{
	struct sim_stored_layer *stored = &catalog->layers[layer][set];

	sim_catalog_touch(catalog, stored, sizeof(*stored));
	stored->started++;
	if (reason != CORE_RETRY_NONE)
		stored->retries[reason]++;
}

void sim_catalog_record(struct sim_catalog *catalog, size_t layer, size_t set, bool partial, bool reusable)
{
	struct sim_stored_layer *stored = &catalog->layers[layer][set];

	sim_catalog_touch(catalog, stored, sizeof(*stored));
	stored->recorded = true;
	stored->partial = partial;
	stored->reusable = reusable;
}

/* --- jobs --- */

struct sim_stored_job *sim_catalog_job(struct sim_catalog *catalog, uint64_t job)
{
	return job && job <= catalog->jobs_count ? &catalog->jobs[job - 1] : NULL;
}

uint64_t sim_catalog_job_new(struct sim_catalog *catalog, uint64_t token, bool *added)
{
	*added = false;
	for (size_t i = 0; i < catalog->jobs_count; i++)
		if (catalog->jobs[i].token == token)
			return i + 1;
	if (catalog->jobs_count == SIM_CATALOG_JOBS_MAX)
		return 0;
	*added = true;
	sim_catalog_touch(catalog, &catalog->jobs_count, sizeof(catalog->jobs_count));
	memset(&catalog->jobs[catalog->jobs_count], 0, sizeof(catalog->jobs[0])); /* beyond the count nothing is kept */
	catalog->jobs[catalog->jobs_count].token = token;
	catalog->jobs[catalog->jobs_count].running = true;
	return ++catalog->jobs_count;
}

bool sim_catalog_reference_add(struct sim_catalog *catalog, uint64_t id, size_t reference)
{
	struct sim_stored_job *job = sim_catalog_job(catalog, id);

	for (size_t i = 0; i < job->references_count; i++)
		if (job->references[i].reference == reference)
			return false;
	sim_catalog_touch(catalog, &job->references_count, sizeof(job->references_count));
	job->references[job->references_count] = (struct sim_stored_reference){.reference = (uint8_t)reference};
	job->references_count++;
	return true;
}

bool sim_catalog_image_add(struct sim_catalog *catalog, uint64_t id, const struct sim_stored_image *image)
{
	struct sim_stored_job *job = sim_catalog_job(catalog, id);

	for (size_t i = 0; i < job->images_count; i++) {
		const struct sim_stored_image *has = &job->images[i];

		if (has->reference == image->reference && has->image == image->image && has->failed == image->failed)
			return false;
	}
	if (job->images_count == SIM_CATALOG_IMAGES_MAX)
		abort();
	sim_catalog_touch(catalog, &job->images_count, sizeof(job->images_count));
	job->images[job->images_count++] = *image;
	return true;
}
