/* core.h - what the broker decides, as a pure state machine: core_step(event, now) -> actions. No I/O, no clock, no thread.
 *
 * Jobs have references, which lie in the catalog; the core asks for them with FETCH_REFERENCES, a window at a time, so that
 * a job of a million costs disk, not memory. A reference is a listing (enumerate) or an image (resolve); an image waits
 * for its layers; a layer is one node for all images and jobs that want it, is claimed in the catalog, leased to one worker
 * at a time, and ends once. The shell (loop.h, a simulator in tests) feeds events, carries out actions in order, and
 * answers CLAIM with CORE_CLAIMED and FETCH_REFERENCES with JOB_REFERENCE … JOB_FED. Slices of events and actions are
 * borrowed until the step, or the next step. Times are milliseconds of any one clock. */
#ifndef VARVE_BROKER_CORE_H
#define VARVE_BROKER_CORE_H

#include "base/arena.h"
#include "model/image.h"
#include "model/result.h"

struct core;
struct core_layer;

enum {
	CORE_CLASSES = 2,            /* priority 0: ad hoc; all others: bulk */
	CORE_BULK_SHARE = 16,        /* while bulk waits, it gets at least one grant in so many */
	CORE_WINDOW_RUNNABLE = 4096, /* references of a job that could run now: no more are fetched beyond it */
	CORE_WINDOW_MAX = 65536,     /* references of a job in memory */
	CORE_FETCH_MAX = 1024,       /* of one FETCH_REFERENCES */
};

struct core_config {
	uint32_t attempts_max;     /* per location of a layer, per reference; 0 = 5 */
	uint64_t backoff_ms;       /* first wait after a transient failure, doubles; 0 = 500 */
	uint64_t backoff_max_ms;   /* 0 = 60000 */
	uint64_t silence_ms;       /* workers not heard of for so long are gone; 0 = 20000 */
	uint64_t stall_ms;         /* a lease whose bytes do not move for so long is given elsewhere; 0 = 900000 */
	uint64_t busy_poll_ms;     /* how often a claim held by another process is asked for again; 0 = 100 */
	uint32_t host_leases_max;  /* tasks at once per registry host, fleet-wide; 0 = no limit */
	uint64_t host_bytes_per_s; /* layer bytes per registry host, fleet-wide; 0 = no limit */
	uint64_t
		host_dead_ms; /* a host that cannot be connected to is waited for so long, then its tasks fail; 0 = 1800000 */
	uint64_t host_rate_ms; /* … one that answers nothing but 429; 0 = 21600000 */
	uint32_t
		 images_open_max; /* no further resolve while so many images wait for layers, of ad hoc jobs while twice as many do; 0 = 4096 */
	uint64_t seed;       /* of the jitter */
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
	struct core_outcome *outcomes; /* one per layer; from IMAGE_DONE on */
	/* the core's */
	uint8_t             *statuses; /* enum layer_status of those that have ended */
	struct core_layer_reason *reasons;
	uint64_t                  set;
	uint32_t                  pending;
	struct core_image        *next, *previous; /* of the job */
};

struct core_image *core_image_new(void); /* arena ready; NULL without memory */
void               core_image_free(struct core_image *image);

/* What stands for the digest of a layer that has none (rootfs:): a hash of job, reference and index. */
void core_pseudo_digest(uint64_t job, struct slice reference, size_t index, struct digest *out);

enum core_task_kind { CORE_ENUMERATE, CORE_RESOLVE, CORE_LAYER }; /* numbers of enum wire_task_kind */
enum core_fail_class { CORE_TRANSIENT, CORE_PERMANENT, CORE_POISON, CORE_NOT_HERE };

/* Why a layer is scanned once more. Of all keys together: scans started == keys started + sum of retries. */
enum core_retry_reason {
	CORE_RETRY_NONE,         /* it is the first time */
	CORE_RETRY_TRANSIENT,    /* a failure that may pass */
	CORE_RETRY_WORKER_LOST,  /* its worker died or fell silent */
	CORE_RETRY_STALLED,      /* its bytes did not move */
	CORE_RETRY_NOT_HERE,     /* its worker cannot get at it */
	CORE_RETRY_POISON_ALONE, /* something broke, perhaps because of it */
	CORE_RETRY_OTHER_PLACE,  /* its place did not give it */
	CORE_RETRY_VERIFY_LOST, /* it was only compared with a known layer, which turned out to be another one or gone */
	CORE_RETRY_OWNER_DIED,  /* the process that had claimed it has died */
	CORE_RETRY_FORCED,      /* a job reuses nothing */
	CORE_RETRY_AGAIN,       /* a later job wants what failed, was cut short or was given up before */
	CORE_RETRY_NOT_SENT,    /* its task was lost on the way, as far as the broker can tell */
	CORE_RETRY_REASONS,
};
const char *core_retry_name(enum core_retry_reason reason); /* "transient" …: for counters and metrics; stable */

enum core_event_kind {
	CORE_WORKER_HELLO, /* worker, set, hosts, local, slots; leases: those it still holds, from before a silence */
	CORE_WORKER_HEARD, /* worker */
	CORE_WORKER_PROGRESS, /* worker, leases, bytes, count: heard, and all leases that it holds */
	CORE_WORKER_BACK, /* worker, leases, count: the same process over a new connection, and all leases that it holds */
	CORE_WORKER_AWAY,  /* worker: its connection has ended: no new leases until it is heard of */
	CORE_WORKER_DRAIN, /* worker: no new leases; answered by WORKER_DRAINED when it holds none */
	CORE_WORKER_GONE, /* worker; orderly: its leases are no failures. Not for a lost connection: only for a known end */
	CORE_DRAIN,       /* no new leases for anybody; answered by DRAINED when none is out */
	CORE_JOB_OPEN,   /* job, priority, no_reuse, again: a --retry-failed job */
	CORE_JOB_STORED, /* job, count, listings: so many more images and listings of it are in the catalog, not done */
	CORE_JOB_REFERENCE, /* job, reference, task_kind, host, local, text: answer to FETCH_REFERENCES */
	CORE_JOB_FED,       /* job, reference: where the next fetch goes on, none_left: ends that answer */
	CORE_JOB_SEEN, /* job, hash: this layer is in the job's stored counters (at resume, before anything is found) */
	CORE_JOB_CLOSED,  /* job: the client sends no more references */
	CORE_JOB_PAUSE,   /* job: its leases go on, no new ones */
	CORE_JOB_RESUME,  /* job */
	CORE_JOB_CANCEL,  /* job */
	CORE_IMAGE_FOUND, /* image (taken), worker: the one that resolved it, 0 = none */
	CORE_CLAIMED, /* layer, claim; granted: verify, retry; known: partial; quarantined: code, text, here: it broke workers at the place of the CLAIM */
	CORE_TASK_DONE,   /* lease; layers: partial, reusable, verified, bytes */
	CORE_TASK_FAILED, /* lease, fail_class, code, retry_after_ms, text */
	CORE_SEND_FAILED, /* lease: the task did not leave; nothing was begun */
	CORE_TICK,
};

enum core_claim { CORE_CLAIM_GRANTED, CORE_CLAIM_KNOWN, CORE_CLAIM_BUSY, CORE_CLAIM_QUARANTINED };

struct core_event {
	enum core_event_kind   kind;
	uint64_t               worker, job, reference, lease;
	/* hello, progress, back */
	uint64_t               set;
	const struct slice    *hosts;
	size_t                 hosts_count;
	uint32_t               layer_slots, light_slots;
	bool                   local, orderly;
	const uint64_t        *leases, *bytes;
	size_t                 count; /* of leases; of images stored */
	/* job, reference */
	uint32_t               priority;
	bool                   no_reuse, again, none_left;
	size_t                 listings;
	uint64_t               hash;
	enum core_task_kind    task_kind;
	struct slice           host, text;
	/* image, claim */
	struct core_image     *image;
	struct core_layer     *layer;
	enum core_claim        claim;
	bool                   verify, here;
	enum core_retry_reason retry; /* somebody had begun before: why it has to be done again */
	/* task ends */
	bool                   partial, reusable, verified;
	uint64_t               bytes_fetched, tar_bytes, entries, files_analyzed, memo_lookups, memo_hits, memo_kept;
	enum core_fail_class   fail_class;
	int                    code;
	uint64_t               retry_after_ms;
};

enum core_action_kind {
	CORE_FETCH_REFERENCES, /* job, reference, count: give its open references from that number on, at most so many */
	CORE_CLAIM, /* layer, key, diff_id, place, force, again: not to be held back by a quarantine, which ends with that */
	CORE_RELEASE,        /* key: give the claim back */
	CORE_COUNT_START,    /* key: its first scan begins, before its SEND_TASK */
	CORE_COUNT_RETRY,    /* key, reason: a further scan of it begins, before its SEND_TASK */
	CORE_COUNT_LATE,     /* key: an expired lease delivered first */
	CORE_RECORD_FAILURE, /* key, text, place, fail_class, code, attempts */
	CORE_QUARANTINE, /* key, code, text, attempts: workers die of it: no job is to touch it until somebody asks to */
	CORE_JOB_LAYER,  /* job, key, hash: it is done in the job's counters: store a row with them in one commit */
	CORE_SEND_TASK,  /* worker, lease, task_kind, attempt, job, text; layers: key, diff_id, image, index, verify */
	CORE_DROP_LEASE,       /* worker, lease: it is to stop; also for leases that the core does not know */
	CORE_IMAGE_DONE,       /* image: store it, then core_image_free() */
	CORE_REFERENCE_FAILED, /* job, reference, code, text: make a failed image of it */
	CORE_REFERENCE_DONE,   /* job, reference: nothing of it is open any more */
	CORE_JOB_DONE,         /* job, cancelled */
	CORE_WORKER_DRAINED,   /* worker: it may go */
	CORE_DRAINED,          /* the broker may go */
};

struct core_action {
	enum core_action_kind  kind;
	uint64_t               worker, lease, job, reference;
	struct core_layer     *layer;
	struct core_key        key;
	struct digest          diff_id;
	bool                   force, again, verify, cancelled;
	enum core_task_kind    task_kind;
	uint32_t               attempt;
	struct core_image     *image;
	size_t                 index, count;
	enum core_fail_class   fail_class;
	enum core_retry_reason reason;
	int                    code;
	uint64_t               attempts, hash;
	struct slice           text, place;
};

/* What stands for a layer in a job's set of counted ones (catalog table job_layers). */
uint64_t core_layer_hash(const struct core_key *key);

struct core *core_new(const struct core_config *config); /* NULL without memory */
void         core_free(struct core *core);

/* Actions in the order in which they are to be carried out; valid until the next step. ERR_MEM is the only failure: then
 * there are none, nor from any later step, and the core can only be freed. */
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
	bool                pseudo;  /* layer without digest */
	uint64_t            sent_ms; /* when it was given */
	struct slice        text;    /* of a listing or image: its reference; until the next step */
};
bool core_lease_info(const struct core *core, uint64_t lease, struct core_lease_info *out);

/* Counters of a job, as struct wire_job_status has them. False: the core does not know it (any more). */
struct core_job_stats {
	bool     growing;
	uint64_t images_total, images_done, images_failed, images_incomplete, images_skipped;
	uint64_t layers_total, layers_done, layers_scanned, layers_reused, layers_verified, layers_failed, layer_uses;
	uint64_t bytes_total, bytes_done, bytes_fetched, tar_bytes, entries, files_analyzed, retries;
	uint64_t memo_lookups, memo_hits, memo_kept;
};
bool core_job_stats(const struct core *core, uint64_t job, struct core_job_stats *out);

/* Lines like "no worker for registry.example: 12 tasks wait"; at most `max`, in `arena`. */
size_t core_notices(const struct core *core, struct arena *arena, struct slice *out, size_t max);

/* --- what metrics and status show; any time between steps --- */

struct core_gauges {
	/* tasks that no worker has: ready want nothing but a worker; waiting: backed off, claimed elsewhere, host blocked, job paused.
	 * By class (0 = ad hoc) and enum core_task_kind */
	uint64_t ready[CORE_CLASSES][3], waiting[CORE_CLASSES][3];
	uint64_t leases[3], oldest_lease_ms;
	uint64_t images_open, layers, references; /* in memory */
	uint64_t jobs_running, jobs_paused;
	uint64_t workers, workers_draining, layer_slots, layer_free, light_slots, light_free;
	uint64_t hosts, hosts_blocked;
	bool     draining;
};
void core_gauges(const struct core *core, struct core_gauges *out);

struct core_host_info {
	struct slice name;                                    /* "local sources" for those without a registry */
	uint64_t     ready, active, blocked_ms, rate_limited; /* rate_limited: 429s so far */
	uint64_t     connect_failures;                        /* in a row */
	uint64_t     workers;                                 /* that reach it */
};
void core_hosts_each(const struct core *core, void (*each)(void *data, const struct core_host_info *host), void *data);

struct core_worker_info {
	uint64_t            id, set, heard_ms, oldest_lease_ms; /* ago */
	const struct slice *hosts;
	size_t              hosts_count; /* none = any */
	uint32_t            layer_slots, light_slots, leases;
	uint64_t            bytes; /* that its leases have moved so far */
	bool                draining, local;
};
void core_workers_each(const struct core *core, void (*each)(void *data, const struct core_worker_info *worker),
		       void              *data);

/* For tests and the simulator: what must always hold; NULL, or what does not. */
const char *core_check(const struct core *core);

#endif
