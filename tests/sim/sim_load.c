#include "sim_load.h"

#include "base/rng.h"
#include "sim_plan.h"

#include <stdio.h>
#include <string.h>

enum { FLAKY_MAX = 3 }; /* below the attempts that a task has */

/* --- names --- */

void sim_digest(struct digest *out, uint8_t tag, size_t number)
{
	memset(out, (int)(number * 37 + tag), sizeof(*out));
	out->bytes[0] = tag;
	out->bytes[1] = (uint8_t)(number >> 8);
	out->bytes[2] = (uint8_t)number;
}

size_t sim_digest_number(const struct digest *digest, uint8_t tag)
{
	return digest->bytes[0] == tag ? (size_t)digest->bytes[1] << 8 | digest->bytes[2] : SIZE_MAX;
}

uint64_t sim_set_id(size_t set)
{
	return 1001 + set;
}

size_t sim_set_number(uint64_t id)
{
	return (size_t)(id - 1001);
}

struct digest sim_claimed_diff(const struct sim_load *load, const struct sim_image *image, size_t index)
{
	struct digest out = {0};

	if (image->claims[index] != UINT8_MAX)
		sim_digest(&out, 'd', load->layers[image->claims[index]].diff);
	return out;
}

uint64_t sim_claimed_size(const struct sim_load *load, const struct sim_image *image, size_t index)
{
	return load->layers[image->layers[index]].size + image->lies[index];
}

/* --- making --- */

static void make_hosts(struct sim_load *load, const struct sim_plan *plan, struct rng *rng)
{
	load->hosts_count = 1 + rng_below(rng, SIM_HOSTS_MAX);
	for (size_t i = 0; i < load->hosts_count; i++) {
		snprintf(load->hosts[i].name, sizeof(load->hosts[i].name), "r%zu.example", i);
		load->hosts[i].credentials = UINT32_MAX;
		if (plan->credentials && rng_below(rng, 3) == 0)
			load->hosts[i].credentials = (uint32_t)rng_next(rng) | 3; /* one worker of each set has them */
		load->hosts[i].dead = plan->bad_hosts && i > 0 && rng_below(rng, 5) == 0;
	}
}

static enum sim_truth make_truth(const struct sim_plan *plan, struct rng *rng)
{
	switch (rng_below(rng, 30)) {
	case 0:
		return SIM_CUT;
	case 1:
		return SIM_CUT_OFF;
	case 2:
		return SIM_BROKEN;
	case 3:
		return plan->killers ? SIM_KILLER : SIM_GOOD;
	case 4:
		return SIM_POISON;
	default:
		return SIM_GOOD;
	}
}

static void make_layers(struct sim_load *load, const struct sim_plan *plan, struct rng *rng)
{
	load->layers_count = 3 + rng_below(rng, SIM_LAYERS_MAX - 3);
	for (size_t i = 0; i < load->layers_count; i++) {
		struct sim_layer *layer = &load->layers[i];

		layer->size = 100 + rng_below(rng, 1ull << (4 + rng_below(rng, 24)));
		layer->scan_ms = (uint32_t)(1 + rng_below(rng, 1u << rng_below(rng, 15)));
		layer->truth = make_truth(plan, rng);
		layer->diff = (uint32_t)i;
		if (i > 0 && rng_below(rng, 6) == 0 && load->layers[i - 1].truth == layer->truth)
			layer->diff = load->layers[i - 1].diff;
		layer->foreign = rng_below(rng, 12) == 0;
		for (size_t host = 0; host < load->hosts_count; host++) {
			if (plan->flaky_ms && rng_below(rng, 4) == 0)
				layer->flaky[host] = (uint8_t)rng_below(rng, FLAKY_MAX + 1);
			if (plan->bad_hosts && rng_below(rng, 10) == 0)
				layer->garbage |= (uint8_t)(1u << host);
			if (plan->bad_hosts && rng_below(rng, 20) == 0)
				layer->missing |= (uint8_t)(1u << host);
		}
	}
}

/* The first layers are shared by many images, as bases are. */
static void make_image(const struct sim_load *load, struct sim_image *image, struct rng *rng)
{
	image->skipped = rng_below(rng, 15) == 0;
	image->layers_count = image->skipped ? 0 : rng_below(rng, SIM_IMAGE_LAYERS_MAX + 1);
	for (size_t i = 0; i < image->layers_count; i++) {
		size_t layer = rng_below(rng, i == 0 ? 1 + load->layers_count / 4 : load->layers_count);

		image->layers[i] = (uint8_t)layer;
		image->claims[i] = rng_below(rng, 8) ? (uint8_t)layer : UINT8_MAX;
		if (rng_below(rng, 20) == 0)
			image->claims[i] = (uint8_t)rng_below(rng, load->layers_count);
		image->lies[i] = rng_below(rng, 50) == 0;
	}
}

static void make_references(struct sim_load *load, const struct sim_plan *plan, struct rng *rng)
{
	size_t images = 4 + rng_below(rng, rng_below(rng, 4) ? 24 : SIM_REFERENCES_MAX - 12);
	size_t listings = rng_below(rng, 4);

	if (plan->plain)
		images = SIM_REFERENCES_MAX - 8;

	load->references_count = images + listings;
	for (size_t i = 0; i < load->references_count; i++) {
		struct sim_reference *reference = &load->references[i];

		reference->host = rng_below(rng, load->hosts_count);
		reference->listing = i >= images;
		reference->broken = rng_below(rng, 25) == 0;
		reference->flaky =
			plan->flaky_ms && rng_below(rng, 4) == 0 ? (uint8_t)rng_below(rng, FLAKY_MAX + 1) : 0;
		snprintf(reference->text, sizeof(reference->text), "%s://%s/p%zu:t",
			 reference->listing ? "registry" : "docker", load->hosts[reference->host].name, i);
		if (reference->listing) {
			reference->found_count = rng_below(rng, SIM_FOUND_MAX + 1);
			for (size_t n = 0; n < reference->found_count; n++)
				reference->found[n] = (uint8_t)rng_below(rng, images);
			continue;
		}
		reference->images_count = rng_below(rng, 5) ? 1 : 1 + rng_below(rng, SIM_IMAGES_MAX);
		for (size_t n = 0; n < reference->images_count; n++)
			make_image(load, &reference->images[n], rng);
	}
}

static void make_times(struct sim_job *job, const struct sim_plan *plan, struct rng *rng)
{
	uint64_t pause = job->at + 1 + rng_below(rng, 15000), length = 1 + rng_below(rng, 20000);
	uint64_t cancel = job->at + 1 + rng_below(rng, 15000);
	bool     paused = rng_below(rng, 3) == 0, cancelled = rng_below(rng, 5) == 0;

	if (plan->jobs_paused && paused) {
		job->pause_at = pause;
		job->resume_at = pause + length;
	}
	if (plan->jobs_cancelled && cancelled)
		job->cancel_at = cancel;
}

static void make_jobs(struct sim_load *load, const struct sim_plan *plan, struct rng *rng)
{
	load->jobs_count = plan->plain ? SIM_JOBS_MAX : 1 + rng_below(rng, SIM_JOBS_MAX);
	for (size_t i = 0; i < load->jobs_count; i++) {
		struct sim_job *job = &load->jobs[i];

		job->priority = (uint32_t)rng_below(rng, 2);
		job->no_reuse = rng_below(rng, 6) == 0;
		job->retry_failed = rng_below(rng, 3) == 0;
		job->at = rng_below(rng, 3) ? rng_below(rng, 3000) : rng_below(rng, 30000);
		job->batch = 1 + rng_below(rng, 12);
		job->count = rng_below(rng, load->references_count + 1);
		if (plan->plain) { /* all compete from the start */
			job->at = 1000 + rng_below(rng, 500);
			job->count = load->references_count;
			job->no_reuse = false;
		}
		for (size_t n = 0; n < job->count; n++)
			job->references[n] = (uint8_t)rng_below(rng, load->references_count);
		make_times(job, plan, rng);
	}
}

void sim_load_make(struct sim_load *load, const struct sim_plan *plan, uint64_t seed)
{
	struct rng rng = rng_seeded(seed * 3 + 2);

	*load = (struct sim_load){.sets_count = plan->plain ? 1 : 1 + rng_below(&rng, SIM_SETS)};
	make_hosts(load, plan, &rng);
	make_layers(load, plan, &rng);
	make_references(load, plan, &rng);
	make_jobs(load, plan, &rng);
}

/* --- truth --- */

bool sim_reference_fails(const struct sim_load *load, size_t reference)
{
	return load->references[reference].broken || load->hosts[load->references[reference].host].dead;
}

unsigned sim_truth_end(enum sim_truth truth)
{
	switch (truth) {
	case SIM_GOOD:
		return SIM_END_OK;
	case SIM_CUT:
	case SIM_CUT_OFF:
		return SIM_END_PARTIAL;
	default:
		return SIM_END_FAILED;
	}
}

/* What this place gives for it: an end of enum sim_end. */
static unsigned place_gives(const struct sim_load *load, const struct sim_reference *reference,
			    const struct sim_image *image, size_t index)
{
	const struct sim_layer *layer = &load->layers[image->layers[index]];
	unsigned                bit = 1u << reference->host;

	if (layer->missing & bit)
		return layer->foreign ? SIM_END_SKIPPED : SIM_END_FAILED;
	if (layer->garbage & bit || image->lies[index])
		return SIM_END_FAILED;
	return sim_truth_end(layer->truth);
}

unsigned sim_load_expects(const struct sim_load *load, size_t reference, size_t image, size_t index)
{
	const struct sim_image *asked = &load->references[reference].images[image];
	uint8_t                 layer = asked->layers[index];
	unsigned                here = place_gives(load, &load->references[reference], asked, index), ends = here;

	if (!(here & (SIM_END_FAILED | SIM_END_SKIPPED)))
		return ends;
	if (load->layers[layer].truth >= SIM_KILLER)
		ends |= SIM_END_FAILED; /* in quarantine, it is not asked for here */
	/* any other image that shows the layer may be what gives it, if it comes in time; why it does not is its own matter */
	for (size_t i = 0; i < load->references_count; i++)
		for (size_t n = 0; n < load->references[i].images_count; n++)
			for (size_t k = 0; k < load->references[i].images[n].layers_count; k++)
				if (load->references[i].images[n].layers[k] == layer)
					ends |= place_gives(load, &load->references[i], &load->references[i].images[n],
							    k) &
						(SIM_END_OK | SIM_END_PARTIAL);
	return ends;
}
