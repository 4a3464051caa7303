/* catalog.h - what a store knows: jobs with their references and finished images, layers with inventories, claims.
 *
 * The broker's loop thread writes; any thread or process reads. Writes come in batches (catalog_begin … catalog_commit);
 * nothing may be acknowledged before its commit. Records of docs/STORE_FORMAT.md; images and inventories are opaque bytes
 * here. A damaged record counts as absent where that means it is made again, else it is that record's error. */
#ifndef VARVE_STORE_CATALOG_H
#define VARVE_STORE_CATALOG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "store/db.h"

enum {
	CATALOG_FORMAT_VERSION = 4,
	CATALOG_FORMAT_OLDEST = 2, /* a writer brings this one up to date at open */
};

struct catalog;

struct catalog_config {
	bool     read_only; /* no owner, no writes */
	uint64_t map_bytes; /* 0 = the usual; smaller in tests */
	uint64_t bytes_max; /* ceiling of the file, 0 = none */
};

/* Creates the store (mode 0700) unless read_only. A writer becomes an owner: a record, and a file in "owners/" on which
 * it holds an OFD lock until it closes or dies. */
int         catalog_open(const char *dir, const struct catalog_config *config, struct catalog **out, struct err *err);
void        catalog_close(struct catalog *catalog); /* gives claims back */
struct db  *catalog_db(struct catalog *catalog);
const char *catalog_dir(const struct catalog *catalog);
uint64_t    catalog_owner(const struct catalog *catalog);
bool        catalog_owner_alive(const struct catalog *catalog, uint64_t owner);

/* The write batch of the owning thread; all functions marked [w] need one. After an error abort, never commit. */
int  catalog_begin(struct catalog *catalog, struct err *err);
int  catalog_commit(struct catalog *catalog, struct err *err);
void catalog_abort(struct catalog *catalog);

/* What a layer is known by: its content and everything else that decides the result (sorted analyzers with versions, ceilings). */
struct layer_key {
	struct digest digest;
	uint64_t      set; /* catalog_set_id() of the analyzer set text */
};

uint64_t catalog_set_id(struct slice analyzer_set);

/* Layers ------------------------------------------------------------------------------------------------------- */

struct layer_record {
	struct digest diff_id;
	uint64_t      blob_bytes, tar_bytes, entries, files_analyzed;
	bool          partial;
	bool          reusable; /* false: cut by time, memory or spool; shown, never reused */
	struct digest
		 inventory;  /* digest whose inventory this is: its own, or in verify mode another of the same diffID */
	uint64_t scanned_ms; /* Unix time */
};

/* [w] Both empty: verify mode. A result that may not be reused does not take the place of one that may. */
int catalog_layer_put(struct catalog *catalog, const struct layer_key *key, const struct layer_record *record,
		      struct slice inventory, struct slice path_table, struct err *err);

/* Appended to `out`; ERR_NOT_FOUND, ERR_STORE (damaged: scan the layer again). */
int catalog_inventory(struct catalog *catalog, const struct layer_key *key, struct buf *out, struct err *err);
int catalog_path_table(struct catalog *catalog, const struct layer_key *key, struct buf *out, struct err *err);

int catalog_layer_diff_id(struct catalog *catalog, const struct layer_key *key, struct digest *diff_id,
			  struct err *err); /* computed; zero where there is none */

/* A layer with this computed diffID, reusable and not partial. ERR_NOT_FOUND. */
int catalog_diff_id_find(struct catalog *catalog, const struct digest *diff_id, uint64_t set, struct digest *digest,
			 struct err *err);

/* Counters of the fleet: of all processes on this store, for ever ---------------------------------------------------
 *
 * started == layers + the sum of all retried_*, always; layers: unique (digest, set) of which a scan has begun. */
enum fleet_counter {
	FLEET_STARTED,
	FLEET_LAYERS,
	FLEET_RETRIED_TRANSIENT, /* the first reason */
	FLEET_RETRIED_WORKER_LOST,
	FLEET_RETRIED_STALLED,
	FLEET_RETRIED_NOT_HERE,
	FLEET_RETRIED_POISON_ALONE,
	FLEET_RETRIED_OTHER_PLACE,
	FLEET_RETRIED_VERIFY_LOST,
	FLEET_RETRIED_OWNER_DIED,
	FLEET_RETRIED_FORCED,
	FLEET_RETRIED_AGAIN,    /* an earlier job's scan had failed or may not be reused */
	FLEET_RETRIED_NOT_SENT, /* the task was lost on its way */
	FLEET_RETRIED_EARLIER,  /* the last reason: counted by format 2, which knew none */
	FLEET_FINISHED,         /* layer results that were stored */
	FLEET_VERIFIED,
	FLEET_CUT,
	FLEET_FAILED,
	FLEET_LATE,
	FLEET_DUPLICATES, /* results that had been delivered before, or that nobody waited for */
	FLEET_QUARANTINED,
	FLEET_REFUSED, /* messages */
	FLEET_BUSY,
	FLEET_JOBS,
	FLEET_SCHEDULE_RUNS,
	FLEET_SCHEDULE_SKIPPED,
	FLEET_RESOLVES,
	FLEET_IMAGES,
	FLEET_IMAGES_FAILED,
	FLEET_BYTES_FETCHED,
	FLEET_TAR_BYTES,
	FLEET_COUNTERS, /* append only: they are stored by position */
};

const char *catalog_counter_name(enum fleet_counter counter);
/* Of the writing thread; written with its next commit, and so never without what they count. */
void        catalog_count(struct catalog *catalog, enum fleet_counter counter, uint64_t more);
void        catalog_uncount(struct catalog *catalog, enum fleet_counter counter, uint64_t less);
bool        catalog_counted(const struct catalog *catalog); /* something is counted and not written yet */
/* As they are stored, with what this process has counted since: for the writing thread. */
int         catalog_counters_get(struct catalog *catalog, uint64_t out[FLEET_COUNTERS], struct err *err);

/* Claims: the right to scan ------------------------------------------------------------------------------------- */

enum claim_answer { CLAIM_GRANTED, CLAIM_KNOWN, CLAIM_BUSY, CLAIM_QUARANTINED };

struct claim {
	enum claim_answer answer;
	uint64_t          owner;   /* CLAIM_BUSY: who has it */
	bool              partial; /* CLAIM_KNOWN: what is known is not the whole layer */
	bool              died;    /* CLAIM_GRANTED: its owner did not give it back */
	bool              retry;   /* CLAIM_GRANTED: a scan had begun before (a dead owner, a failure, forced) */
	struct digest verify; /* CLAIM_GRANTED: nonzero = known under this digest by the claimed diffID: verify mode */
};

/* [w] "known?" is asked again in the same transaction. claimed_diff_id may be zero. force: scan although known or in
 * quarantine, which ends with that. */
int catalog_claim(struct catalog *catalog, const struct layer_key *key, const struct digest *claimed_diff_id,
		  bool force, struct claim *out, struct err *err);
int catalog_release(struct catalog *catalog, const struct layer_key *key, struct err *err); /* [w] own claims only */

/* Scans that began: [w] a task leaves, right before its commit. `reason` counts when it is not the first of its layer
 * (*again). unstart: it could not be sent after all; with the same reason. */
int catalog_count_start(struct catalog *catalog, const struct layer_key *key, enum fleet_counter reason, bool *again,
			struct err *err);
int catalog_count_unstart(struct catalog *catalog, const struct layer_key *key, enum fleet_counter reason,
			  struct err *err);
int catalog_count_late(struct catalog *catalog, const struct layer_key *key, struct err *err);

struct scan_counts {
	uint64_t started, retries, late; /* started == 1 + retries, always */
};
int catalog_scan_counts(struct catalog *catalog, const struct layer_key *key, struct scan_counts *out, struct err *err);

/* Failures, per (digest, place) --------------------------------------------------------------------------------- */

struct failure_record {
	uint32_t     fail_class; /* enum wire_fail_class */
	int          code;
	uint64_t     at_ms, attempts;
	struct slice text; /* put: borrowed; get: copied to the arena */
};

int catalog_failure_put(struct catalog *catalog, const struct digest *digest, struct slice place,
			const struct failure_record *failure, struct err *err); /* [w] */
int catalog_failure_get(struct catalog *catalog, const struct digest *digest, struct slice place, struct arena *arena,
			struct failure_record *failure, struct err *err);

/* Quarantine, per (digest, set): layers that cost workers; nobody is asked to read them again until it is cleared. */
int catalog_quarantine_put(struct catalog *catalog, const struct layer_key *key, const struct failure_record *why,
			   struct err *err); /* [w] */
int catalog_quarantine_get(struct catalog *catalog, const struct layer_key *key, struct arena *arena,
			   struct failure_record *why, struct err *err);
int catalog_quarantine_clear(struct catalog *catalog, const struct layer_key *key, struct err *err); /* [w] */

/* Jobs ---------------------------------------------------------------------------------------------------------- */

struct job_record {
	uint64_t      job;
	uint8_t       token[16];
	struct slice  label, platform, analyzer_set;
	struct slice *include, *exclude;
	size_t        include_count, exclude_count;
	uint32_t      state, priority, newest, flags;
	uint64_t      retry_of, submitted_ms, finished_ms;
	uint64_t      owner;    /* who runs it; when that owner has died, a broker takes it over */
	bool          embedded; /* of a `varve scan`: ends with it */
	bool          references_closed;
	uint64_t      references_count, images_count;
	uint64_t
		references_batches; /* REFERENCES messages taken: one that comes again after a restart is known by its number */
	uint64_t     references_sum; /* of their texts (docs/PROTOCOL.md); 0 = not known */
	uint64_t     counters[24];   /* struct wire_job_status in the order of STORE_FORMAT.md */
	bool         paused;
	struct slice every;             /* of a schedule: when it runs, as the user wrote it; "" = an ordinary job */
	uint64_t     next_ms;           /* of a schedule: when it is due, Unix time */
	uint64_t     schedule;          /* the schedule whose run this is; 0 = none */
	uint64_t     references_cursor; /* no reference below it is open */
	uint64_t     references_done, listings_open; /* open ones that are listings; both not known in format 2 */
	bool         filling;                        /* references are still copied from retry_of or schedule … */
	uint64_t     fill_next;                      /* … from this number on */
	bool         failed_indexed;                 /* its failed images can be found by catalog_image_failed_next() */
	uint64_t     skipped_runs;                   /* of a schedule: the last one was still running */
};

int catalog_job_new(struct catalog *catalog, struct job_record *job,
		    struct err *err); /* [w] sets job; same token: that job's id, ERR_BUSY */
int catalog_job_put(struct catalog *catalog, const struct job_record *job, struct err *err); /* [w] */
int catalog_job_get(struct catalog *catalog, uint64_t job, struct arena *arena, struct job_record *out,
		    struct err *err);
int catalog_job_newest(struct catalog *catalog, uint64_t before, uint64_t *job,
		       struct err *err); /* id below `before` (0 = the newest); ERR_NOT_FOUND */

enum reference_state { REFERENCE_OPEN, REFERENCE_DONE };

/* [w] number: the job's next (references_count). *added false when the job has the reference already. */
int catalog_reference_add(struct catalog *catalog, uint64_t job, uint64_t number, struct slice reference, bool *added,
			  struct err *err);
int catalog_reference_known(struct catalog *catalog, uint64_t job, struct slice reference, bool *known,
			    struct err *err);
/* [w] Its text is appended to `text`; nothing is when it was done before. A damaged one is done too. */
int catalog_reference_done(struct catalog *catalog, uint64_t job, uint64_t number, struct buf *text, struct err *err);

struct open_reference {
	uint64_t     number;
	struct slice text; /* empty: the record is damaged */
};

struct references_read {
	size_t   count;  /* open ones found */
	size_t   passed; /* references looked at */
	uint64_t next;   /* where to go on */
	bool     ended;  /* no reference of the job is behind them */
};

enum { CATALOG_REFERENCES_PASSED_MAX = 100000 }; /* in one call, so that nobody waits long for it */

/* At most `max` open references with numbers from `from` on, in order, copied to the arena. */
int catalog_references_open(struct catalog *catalog, uint64_t job, uint64_t from, size_t max, struct arena *arena,
			    struct open_reference **out, struct references_read *read, struct err *err);
int catalog_reference_text(struct catalog *catalog, uint64_t job, uint64_t number, struct arena *arena,
			   struct slice *text, struct err *err); /* open or done */

/* Layers that are counted in a running job, so that a restart counts none twice; dropped when the job has ended. */
int catalog_job_layer_put(struct catalog *catalog, uint64_t job, uint64_t hash, struct err *err); /* [w] */
int catalog_job_layers(struct catalog *catalog, uint64_t job, uint64_t from, uint64_t *hashes, size_t max,
		       size_t *count, struct err *err); /* from a hash on, in order */
/* The first job with a number >= from that has such rows; ERR_NOT_FOUND. */
int catalog_job_layers_next(struct catalog *catalog, uint64_t from, uint64_t *job, struct err *err);
int catalog_job_layers_drop(struct catalog *catalog, uint64_t job, size_t max, bool *more,
			    struct err *err); /* [w] some `max` of them */

/* A finished image of a job: the encoded image record and how each of its layers ended. */
struct layer_outcome {
	uint32_t     status; /* enum layer_status of model/result.h */
	struct slice reason;
};

/* What an image is beside the last one of its place (reference and platform) in any job before. */
enum image_news {
	IMAGE_NEWS_UNKNOWN, /* stored by a Varve that did not ask */
	IMAGE_NEW,          /* the place was never seen, or was retired */
	IMAGE_CHANGED,      /* also: read by other analyzers, or one of the two failed or is incomplete */
	IMAGE_UNCHANGED,
};

struct job_image {
	uint64_t              number; /* in order of finishing */
	struct slice          image;  /* encoded */
	uint64_t              set;    /* analyzer set of its layers */
	struct layer_outcome *layers;
	size_t                layers_count;
	bool                  failed; /* put: failed or incomplete, to be found by catalog_image_failed_next() */
	enum image_news       news;   /* get */
};

/* [w] number: the job's next (images_count). place: reference and platform as one text: this is the image shown for it
 * from now on. *added false when the job has this very image for this place already (work done again after a crash). */
int catalog_image_add(struct catalog *catalog, uint64_t job, const struct job_image *image, struct slice place,
		      bool *added, struct err *err);
int catalog_image_get(struct catalog *catalog, uint64_t job, uint64_t number, struct arena *arena,
		      struct job_image *out, struct err *err);

/* The first failed image with a number >= from; ERR_NOT_FOUND. Of jobs with failed_indexed. */
int catalog_image_failed_next(struct catalog *catalog, uint64_t job, uint64_t from, uint64_t *number, struct err *err);

/* The first image with from <= number < end that is anything but IMAGE_UNCHANGED; ERR_NOT_FOUND. */
int catalog_image_news_next(struct catalog *catalog, uint64_t job, uint64_t from, uint64_t end, uint64_t *number,
			    struct err *err);

/* Places: the latest image of every reference and platform, over all jobs ------------------------------------------ */

struct catalog_latest {
	struct slice place; /* "reference platform"; empty when it is too long to be read from its key */
	uint64_t     job, number;
	uint64_t     seen_ms;                 /* when that image was stored; 0 = by a Varve that did not say */
	uint64_t     retired_ms, retired_job; /* the listing of that job did not name it any more; 0 = it is there */
};

enum latest_which { LATEST_PRESENT, LATEST_RETIRED, LATEST_ALL };

/* In order of their texts: for reports over the whole store. No transaction is open while `each` runs. */
int catalog_latest_each(struct catalog *catalog, enum latest_which                          which,
			int (*each)(void *data, const struct catalog_latest *latest), void *data, struct err *err);
/* At most `max` (> 0) of them, retired ones too, from the key `from` on; `next`: where to go on. Copied to the arena. */
int catalog_latest_read(struct catalog *catalog, struct slice from, size_t max, struct arena *arena,
			struct catalog_latest **out, size_t *count, struct buf *next, bool *ended, struct err *err);
/* [w] Unless it was seen again meanwhile. */
int catalog_latest_retire(struct catalog *catalog, const struct catalog_latest *latest, uint64_t job, struct err *err);

/* Listings (reference `number` of the job) that have ended and whose missing places are still to be retired: from the key
 * `from` on. [w] but for _first(), which may say ERR_NOT_FOUND. */
int catalog_retiring_put(struct catalog *catalog, uint64_t job, uint64_t number, struct slice from, struct err *err);
int catalog_retiring_end(struct catalog *catalog, uint64_t job, uint64_t number, struct err *err);
int catalog_retiring_first(struct catalog *catalog, uint64_t *job, uint64_t *number, struct buf *from, struct err *err);

/* Resolves: what a reference was when it was last asked for -------------------------------------------------------- */

struct resolve_key {
	struct slice reference, platform; /* canonical text; as the job asked for it */
	uint32_t     version;             /* of the resolver: what another one found counts as absent */
};

/* All encoded image records that one resolve gave. [w] */
int catalog_resolve_put(struct catalog *catalog, const struct resolve_key *key, const struct slice *images,
			size_t count, struct err *err);
/* Copied to the arena. ERR_NOT_FOUND, ERR_STORE (damaged), ERR_LIMIT (more than bytes_max): resolve it anew. */
int catalog_resolve_get(struct catalog *catalog, const struct resolve_key *key, size_t bytes_max, struct arena *arena,
			struct slice **images, size_t *count, struct err *err);

/* Health ---------------------------------------------------------------------------------------------------------- */

struct catalog_table_report {
	const char *name;
	uint64_t    records, bytes, damaged; /* bytes of keys and values; 0 when values were not read */
};

/* Calls `table` for each table. read_values: every record is read and its checksum verified, in short transactions. */
int catalog_check(struct catalog *catalog, bool                                               read_values,
		  void (*table)(void *data, const struct catalog_table_report *report), void *data, struct err *err);

#endif
