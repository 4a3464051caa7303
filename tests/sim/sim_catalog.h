/* sim_catalog.h - the catalog in memory: what common/store/catalog.h promises, with its transactions and its other processes.
 *
 * Writes happen in a batch: sim_catalog_abort() (a crash) undoes all since the last commit. Owners live or are dead, as
 * the kernel's locks tell, whatever the transaction does. Layers are numbers of the load; a layer and a set are a key. */
#ifndef VARVE_TESTS_SIM_CATALOG_H
#define VARVE_TESTS_SIM_CATALOG_H

#include "core.h"
#include "sim_load.h"

enum {
	SIM_CATALOG_JOBS_MAX = 2 * SIM_JOBS_MAX + 1,
	SIM_CATALOG_IMAGES_MAX = SIM_REFERENCES_MAX * SIM_IMAGES_MAX,
	SIM_OWNERS_MAX = 4096,
	SIM_COUNTERS = 19,
};

struct sim_stored_layer {
	bool     recorded, partial, reusable, quarantined, claimed_once;
	int      quarantine_code;
	uint64_t owner; /* of the claim; 0 = free */
	uint32_t started, late;
	uint32_t retries[CORE_RETRY_REASONS];
	bool     poison_at[SIM_REFERENCES_MAX]; /* failures by place: workers broke on it there */
};

struct sim_stored_reference {
	uint8_t reference;
	bool    done;
};

struct sim_stored_image {
	uint8_t reference, image, layers_count;
	bool    failed; /* could not be resolved */
	int     code;
	uint8_t ends[SIM_IMAGE_LAYERS_MAX]; /* enum sim_end */
};

struct sim_stored_job {
	uint64_t                    token, retry_of, submitted;
	uint32_t                    priority, batches;
	bool                        running, cancelled, paused, no_reuse, closed;
	size_t                      references_count, images_count;
	struct sim_stored_reference references[SIM_REFERENCES_MAX];
	struct sim_stored_image     images[SIM_CATALOG_IMAGES_MAX];
	bool                        layers[SIM_LAYERS_MAX][SIM_SETS]; /* job_layers */
	uint64_t                    counters[SIM_COUNTERS];           /* struct core_job_stats in its order */
};

struct sim_catalog {
	struct sim_stored_layer layers[SIM_LAYERS_MAX][SIM_SETS];
	struct sim_stored_job   jobs[SIM_CATALOG_JOBS_MAX]; /* job N is jobs[N - 1] */
	size_t                  jobs_count;
	/* not of the transaction */
	bool                    alive[SIM_OWNERS_MAX];
	size_t                  owners;
	bool                    batch;
	struct sim_undo        *undo;
	size_t                  undo_count, undo_capacity, bytes_count, bytes_capacity;
	uint8_t                *bytes;
};

void sim_catalog_begin(struct sim_catalog *catalog);
void sim_catalog_commit(struct sim_catalog *catalog);
void sim_catalog_abort(struct sim_catalog *catalog);
void sim_catalog_free(struct sim_catalog *catalog);

/* [w] Before any change of these bytes, which are in `catalog`. */
void sim_catalog_touch(struct sim_catalog *catalog, void *bytes, size_t size);

uint64_t sim_owner_new(struct sim_catalog *catalog);
void     sim_owner_dies(struct sim_catalog *catalog, uint64_t owner);

struct sim_claim {
	enum core_claim        answer;
	bool                   partial, verify;
	enum core_retry_reason retry;
	int                    code;
};

/* [w] `known_diff`: a whole layer with the claimed diffID is known under another digest. */
void sim_catalog_claim(struct sim_catalog *catalog, uint64_t owner, size_t layer, size_t set, bool known_diff,
		       bool force, bool again, struct sim_claim *out);
void sim_catalog_release(struct sim_catalog *catalog, uint64_t owner, size_t layer, size_t set);              /* [w] */
void sim_catalog_release_all(struct sim_catalog *catalog, uint64_t owner);                                    /* [w] */
void sim_catalog_count(struct sim_catalog *catalog, size_t layer, size_t set, enum core_retry_reason reason); /* [w] */
void sim_catalog_record(struct sim_catalog *catalog, size_t layer, size_t set, bool partial, bool reusable);  /* [w] */
bool sim_catalog_diff_known(const struct sim_catalog *catalog, const struct sim_load *load, size_t layer, size_t set,
			    uint32_t diff);

/* [w] The number of the job; one that has the token is that job, *added false. 0 = no room. */
uint64_t               sim_catalog_job_new(struct sim_catalog *catalog, uint64_t token, bool *added);
struct sim_stored_job *sim_catalog_job(struct sim_catalog *catalog, uint64_t job);           /* NULL = none */
bool sim_catalog_reference_add(struct sim_catalog *catalog, uint64_t job, size_t reference); /* [w] false: has it */
bool sim_catalog_image_add(struct sim_catalog *catalog, uint64_t job,
			   const struct sim_stored_image *image); /* [w] false: has it, which stays as it is */

uint32_t sim_stored_retries(const struct sim_stored_layer *layer);

#endif
