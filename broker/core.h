/* core.h - what the broker decides, as a pure state machine: core_step(event, now) -> actions. No I/O, no clock, no thread.
 *
 * Jobs have references; a reference is a listing (enumerate) or an image (resolve); an image waits for its layers; a
 * layer is one node for all images and jobs that want it, is claimed in the catalog, leased to one worker at a time, and
 * ends once. The shell (loop.h, a simulator in tests) feeds events, carries out actions in order, and answers CLAIM with
 * CORE_CLAIMED. Pointers in actions are valid until the next step. Times are milliseconds of any one clock. */
#ifndef VARVE_BROKER_CORE_H
#define VARVE_BROKER_CORE_H

#include "base/arena.h"
#include "model/image.h"
#include "model/result.h"

struct core;
struct core_layer;

struct core_config {
	uint32_t attempts_max;    /* per location of a layer, per reference; 0 = 5 */
	uint64_t backoff_ms;      /* first wait after a transient failure, doubles; 0 = 500 */
	uint64_t backoff_max_ms;  /* 0 = 60000 */
	uint64_t silence_ms;      /* workers not heard of for so long are gone; 0 = 20000 */
	uint64_t busy_poll_ms;    /* how often a claim held by another process is asked for again; 0 = 100 */
	uint32_t host_leases_max; /* tasks at once per registry host, fleet-wide; 0 = no limit */
	uint32_t images_open_max; /* no further resolve while so many images wait for layers; 0 = 4096 */
	uint64_t seed;            /* of the jitter */
	uint64_t lease_base; /* leases are numbered from here on: above those of any earlier broker on this store */
};

struct core_key {
	struct digest digest;
	uint64_t      set;
};

struct core_outcome {
	enum layer_status status;
	struct slice      reason;
};

/* Made by the shell from a resolve result, taken over by the core, freed by core_image_free() after IMAGE_DONE. */
struct core_image {
	struct arena         arena; /* holds all below */
	struct image         image;
	struct slice         encoded;        /* as it goes into the catalog */
	uint64_t             job, reference; /* reference: its number in the job */
	struct slice         place;          /* reference and platform: what it is the latest image of */
	struct slice         host;           /* "" for local transports */
	struct slice         location; /* registry and repository: what failures of its layers are recorded under */
	/* the core's */
	struct core_outcome *outcomes; /* one per layer */
	struct core_layer  **layers;
	uint64_t             set;
	size_t               pending;
	struct core_image   *next, *previous; /* of the job */
};

struct core_image *core_image_new(void); /* arena ready; NULL without memory */
void               core_image_free(struct core_image *image);

/* What stands for the digest of a layer that has none (rootfs:): a hash of job, reference and index. */
void core_pseudo_digest(uint64_t job, struct slice reference, size_t index, struct digest *out);

enum core_task_kind { CORE_ENUMERATE, CORE_RESOLVE, CORE_LAYER }; /* numbers of enum wire_task_kind */
enum core_fail_class { CORE_TRANSIENT, CORE_PERMANENT, CORE_POISON, CORE_NOT_HERE };

enum core_event_kind {
	CORE_WORKER_HELLO,  /* worker, set, hosts, local, slots */
	CORE_WORKER_HEARD,  /* worker */
	CORE_WORKER_GONE,   /* worker; orderly: its leases are no failures */
	CORE_JOB_OPEN,      /* job, priority, no_reuse */
	CORE_JOB_REFERENCE, /* job, reference, task_kind, host, local, text */
	CORE_JOB_CLOSED,    /* job: the client sends no more references */
	CORE_JOB_CANCEL,    /* job */
	CORE_IMAGE_FOUND,   /* image (taken), worker: the one that resolved it, 0 = none */
	CORE_CLAIMED,       /* layer, claim, verify, retry */
	CORE_TASK_DONE,     /* lease; layers: partial, reusable, verified, bytes */
	CORE_TASK_FAILED,   /* lease, fail_class, code, retry_after_ms, text */
	CORE_SEND_FAILED,   /* lease: the task did not leave; nothing was begun */
	CORE_TICK,
};

enum core_claim { CORE_CLAIM_GRANTED, CORE_CLAIM_KNOWN, CORE_CLAIM_BUSY };

struct core_event {
	enum core_event_kind kind;
	uint64_t             worker, job, reference, lease;
	/* hello */
	uint64_t             set;
	const struct slice  *hosts;
	size_t               hosts_count;
	uint32_t             layer_slots, light_slots;
	bool                 local, orderly;
	/* job, reference */
	uint32_t             priority;
	bool                 no_reuse;
	enum core_task_kind  task_kind;
	struct slice         host, text;
	/* image, claim */
	struct core_image   *image;
	struct core_layer   *layer;
	enum core_claim      claim;
	bool                 verify;
	/* task ends */
	bool                 partial, reusable, verified;
	uint64_t             bytes_fetched, tar_bytes, entries, files_analyzed;
	enum core_fail_class fail_class;
	int                  code;
	uint64_t             retry_after_ms;
};

enum core_action_kind {
	CORE_CLAIM,          /* layer, key, diff_id, force: ask the catalog, answer with CORE_CLAIMED */
	CORE_RELEASE,        /* key: give the claim back */
	CORE_COUNT_RETRY,    /* key: a further scan of it begins */
	CORE_COUNT_LATE,     /* key: an expired lease delivered first */
	CORE_RECORD_FAILURE, /* key, text, place, fail_class, code, attempts */
	CORE_SEND_TASK,  /* worker, lease, task_kind, attempt, job, text; layers: key, diff_id, image, index, verify */
	CORE_DROP_LEASE, /* worker, lease */
	CORE_IMAGE_DONE, /* image: store it, then core_image_free() */
	CORE_REFERENCE_FAILED, /* job, reference, code, text: make a failed image of it */
	CORE_REFERENCE_DONE,   /* job, reference: nothing of it is open any more */
	CORE_JOB_DONE,         /* job, cancelled */
};

struct core_action {
	enum core_action_kind kind;
	uint64_t              worker, lease, job, reference;
	struct core_layer    *layer;
	struct core_key       key;
	struct digest         diff_id;
	bool                  force, verify, cancelled;
	enum core_task_kind   task_kind;
	uint32_t              attempt;
	struct core_image    *image;
	size_t                index;
	enum core_fail_class  fail_class;
	int                   code;
	uint64_t              attempts;
	struct slice          text, place;
};

struct core *core_new(const struct core_config *config); /* NULL without memory */
void         core_free(struct core *core);

/* Actions in the order in which they are to be carried out; valid until the next step. ERR_MEM is the only failure. */
int core_step(struct core *core, const struct core_event *event, uint64_t now_ms, const struct core_action **actions,
	      size_t *actions_count);

uint64_t core_next_wake(const struct core *core); /* when a TICK is due at the latest; UINT64_MAX = never */

/* What a lease is for. False: unknown (never given, or its task has ended). `current` false: expired, a later result may still count. */
struct core_lease_info {
	enum core_task_kind kind;
	uint64_t            job, reference, worker;
	struct core_key     key;
	struct digest       diff_id; /* claimed */
	bool                verify, current;
	bool                pseudo; /* layer without digest */
	struct slice        text;   /* of a listing or image: its reference; until the next step */
};
bool core_lease_info(const struct core *core, uint64_t lease, struct core_lease_info *out);

/* Counters of a job, as struct wire_job_status has them. False: the core does not know it (any more). */
struct core_job_stats {
	bool     growing;
	uint64_t images_total, images_done, images_failed, images_incomplete, images_skipped;
	uint64_t layers_total, layers_done, layers_scanned, layers_reused, layers_verified, layers_failed, layer_uses;
	uint64_t bytes_total, bytes_done, bytes_fetched, tar_bytes, entries, files_analyzed, retries;
};
bool core_job_stats(const struct core *core, uint64_t job, struct core_job_stats *out);

/* Lines like "no worker for registry.example: 12 tasks wait"; at most `max`, in `arena`. */
size_t core_notices(const struct core *core, struct arena *arena, struct slice *out, size_t max);

/* For tests and the simulator: what must always hold; NULL, or what does not. */
const char *core_check(const struct core *core);

#endif
