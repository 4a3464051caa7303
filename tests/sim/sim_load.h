/* sim_load.h - the work of a world and the truth about it: registries, layers, references with their images, jobs.
 *
 * Made from the seed alone, the same whatever is in its way; sim_load_expects() says how each layer of each image must end. */
#ifndef VARVE_TESTS_SIM_LOAD_H
#define VARVE_TESTS_SIM_LOAD_H

#include "base/digest.h"
#include "base/slice.h"

#include <stdint.h>

enum {
	SIM_HOSTS_MAX = 4,
	SIM_LAYERS_MAX = 40,
	SIM_SETS = 2,
	SIM_REFERENCES_MAX = 72,
	SIM_IMAGES_MAX = 3, /* of a reference */
	SIM_IMAGE_LAYERS_MAX = 5,
	SIM_JOBS_MAX = 6,
	SIM_FOUND_MAX = 12, /* by a listing */
};

enum sim_truth {
	SIM_GOOD,
	SIM_CUT,     /* partial, by a ceiling: reusable */
	SIM_CUT_OFF, /* partial, by a resource: never reused */
	SIM_BROKEN,  /* fails wherever it is */
	SIM_KILLER,  /* its worker dies */
	SIM_POISON,  /* its worker survives and says so */
};

/* How a layer of an image may end; bits. */
enum sim_end { SIM_END_OK = 1, SIM_END_PARTIAL = 2, SIM_END_FAILED = 4, SIM_END_SKIPPED = 8 };

struct sim_host {
	char     name[32];
	bool     dead;
	uint32_t credentials; /* bits of workers that have them */
};

struct sim_layer {
	uint64_t       size;
	uint32_t       scan_ms;
	enum sim_truth truth;
	uint32_t       diff; /* equal content has equal numbers */
	bool           foreign;
	uint8_t        garbage, missing;     /* bits of hosts */
	uint8_t        flaky[SIM_HOSTS_MAX]; /* so often it fails there before it succeeds */
};

struct sim_image {
	bool    skipped;
	size_t  layers_count;
	uint8_t layers[SIM_IMAGE_LAYERS_MAX];
	uint8_t claims[SIM_IMAGE_LAYERS_MAX]; /* the layer whose diffID is claimed; 255 = none */
	bool    lies[SIM_IMAGE_LAYERS_MAX];   /* about the size */
};

struct sim_reference {
	char             text[80];
	size_t           host;
	bool             listing, broken;
	uint8_t          flaky;
	size_t           images_count, found_count;
	struct sim_image images[SIM_IMAGES_MAX];
	uint8_t          found[SIM_FOUND_MAX];
};

struct sim_job {
	uint32_t priority;
	bool     no_reuse, retry_failed; /* when it has ended, a job for what failed */
	uint64_t at;                     /* when it is submitted */
	size_t   count, batch;
	uint8_t  references[SIM_REFERENCES_MAX];
	uint64_t pause_at, resume_at, cancel_at; /* 0 = never */
};

struct sim_load {
	size_t               hosts_count, layers_count, references_count, jobs_count, sets_count;
	struct sim_host      hosts[SIM_HOSTS_MAX];
	struct sim_layer     layers[SIM_LAYERS_MAX];
	struct sim_reference references[SIM_REFERENCES_MAX];
	struct sim_job       jobs[SIM_JOBS_MAX];
};

struct sim_plan;

void sim_load_make(struct sim_load *load, const struct sim_plan *plan, uint64_t seed);

/* Digests carry the number of what they name. */
void          sim_digest(struct digest *out, uint8_t tag, size_t number);
size_t        sim_digest_number(const struct digest *digest, uint8_t tag); /* SIZE_MAX: not one of ours */
uint64_t      sim_set_id(size_t set);
size_t        sim_set_number(uint64_t id);
struct digest sim_claimed_diff(const struct sim_load *load, const struct sim_image *image, size_t index);
uint64_t      sim_claimed_size(const struct sim_load *load, const struct sim_image *image, size_t index);

/* Bits of enum sim_end, when nothing befalls it but what the load holds. */
unsigned sim_load_expects(const struct sim_load *load, size_t reference, size_t image, size_t index);
unsigned sim_truth_end(enum sim_truth truth); /* from a place that gives it */
bool     sim_reference_fails(const struct sim_load *load, size_t reference);

#endif
