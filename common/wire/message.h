/* message.h - bodies of docs/PROTOCOL.md as structs, written and read; reading treats the bytes as hostile.
 *
 * wire_put_*() writes one complete frame (header and body) into an empty `frame`; the frame is good if buf_ok().
 * wire_get_*() reads a body: slices are borrowed from it, arrays are taken from `arena`; 0 or ERR_PROTOCOL, ERR_MEM. */
#ifndef VARVE_WIRE_MESSAGE_H
#define VARVE_WIRE_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "wire/protocol.h"

struct wire_header {
	uint16_t version;
	uint16_t type; /* enum wire_type; unknown ones are answered with ERROR */
	uint64_t correlation;
	uint32_t length;
};

/* Checks magic, version and length. ERR_PROTOCOL; ERR_VERSION when only the version is foreign. */
int wire_open_frame(struct slice frame, struct wire_header *header, struct slice *body, struct err *err);

struct wire_strings {
	struct slice *items;
	size_t        count;
};

struct wire_error {
	int          code; /* enum err_code */
	struct slice text;
};

struct wire_hello {
	struct slice        name, version, analyzer_set;
	struct wire_strings hosts;                    /* registries it may reach; none = any */
	uint32_t            layer_slots, light_slots; /* tasks at once: layers; enumerate and resolve */
	uint64_t            result_bytes;             /* unacknowledged result bytes it may hold */
	bool                local;                    /* embedded: may be given local transports */
	uint32_t            resolver; /* version of its resolver; 0 = not told: nothing known is kept for it */
	uint8_t             instance[WIRE_INSTANCE_BYTES]; /* random, of this worker process; all zero = not told */
	uint64_t           *leases;       /* held: those that an earlier connection of this instance was given */
	size_t              leases_count; /* at most WIRE_LEASES_MAX */
};

struct wire_welcome {
	uint64_t worker;
	uint32_t heartbeat_ms, silence_ms;
	uint64_t result_bytes; /* result bytes sent and not acknowledged are kept at or below it; 0 = not told */
};

struct wire_task {
	uint64_t            lease;
	uint32_t            kind, attempt; /* enum wire_task_kind; 0 = first */
	struct slice        reference; /* reference_text(): of the listing, of the image, of an image with the layer */
	struct slice        platform;  /* resolve: "linux/amd64", "all" */
	struct wire_strings include, exclude; /* enumerate */
	uint32_t            newest;           /* enumerate; 0 = all */
	struct digest       digest, diff_id;  /* layer; diff_id as claimed, zero = none */
	uint64_t            size;             /* layer; UINT64_MAX = unknown */
	struct slice        media_type, location;
	bool                verify;   /* layer: inflate and hash only, `diff_id` must come out */
	struct wire_strings known;    /* resolve: the encoded images it gave last time; none = resolve anew */
	uint64_t            job;      /* for the worker's log; of a layer, the first that wanted it; 0 = not told */
	bool                no_reuse; /* layer: every file is to be analysed, known to the worker or not */
};

struct wire_lease_progress {
	uint64_t lease, bytes;
};

struct wire_progress {
	struct wire_lease_progress *items;
	size_t                      count;
};

struct wire_result {
	uint64_t     lease;
	uint32_t     number;
	bool         last;
	struct slice bytes;
};

struct wire_ack {
	uint64_t     lease;
	int          code;
	struct slice text;
};

struct wire_fail {
	uint64_t     lease;
	uint32_t     fail_class; /* enum wire_fail_class */
	int          code;
	uint64_t     retry_after_ms;
	struct slice text;
};

struct wire_layer_result {
	struct digest diff_id; /* computed */
	uint64_t      blob_bytes, tar_bytes, entries, files_analyzed, bytes_fetched;
	bool          partial, by_resource;
	bool          verified;                           /* verify mode and the hash agrees: no inventory below */
	struct slice  inventory, path_table;              /* encoded */
	uint64_t      memo_lookups, memo_hits, memo_kept; /* of the worker's file memo */
};

struct wire_submit {
	uint8_t             token[WIRE_TOKEN_BYTES]; /* random; the same token again gives the same job */
	struct slice        label;
	uint32_t            priority;
	struct slice        platform;
	struct wire_strings include, exclude;
	uint32_t            newest;
	uint32_t            flags;    /* enum wire_job_flag */
	uint64_t            retry_of; /* 0, or a job whose failed images are to be scanned again */
	struct slice        every;    /* "24h", "15m", or five fields of cron in UTC: a schedule; empty = once */
};

struct wire_job {
	uint64_t job;
	uint32_t number;     /* of the REFERENCES it waits for: those before are committed; 0 = all, or not told */
	uint64_t references; /* in those before */
	uint64_t sum;        /* wire_references_sum() of those before; 0 = not told */
};

struct wire_references {
	uint64_t            job;
	uint32_t            number; /* from 0 */
	bool                last;
	struct wire_strings references;
};

struct wire_job_status {
	uint64_t     job;
	struct slice label;
	uint32_t     state, priority;           /* enum wire_job_state */
	uint64_t     submitted_ms, finished_ms; /* Unix time; 0 = not yet */
	bool         growing;                   /* references or listings still come in */
	uint64_t     images_total, images_done; /* as known so far; done includes the three below */
	uint64_t     images_failed, images_incomplete, images_skipped;
	uint64_t     layers_total, layers_done; /* unique layers; done includes the four below */
	uint64_t     layers_scanned, layers_reused, layers_verified, layers_failed;
	uint64_t     layer_uses;              /* layers over all images: layers_total of layer_uses is the sharing */
	uint64_t     bytes_total, bytes_done; /* compressed, of unique layers that have to be fetched */
	uint64_t     bytes_fetched, tar_bytes, entries, files_analyzed, memo_hits;
	uint64_t     retries;
	bool         paused;
	struct slice every;    /* of a schedule; empty = none */
	uint64_t     next_ms;  /* Unix time at which a schedule is due; 0 = not known */
	uint64_t     schedule; /* the schedule that opened this job; 0 = a client did */
	uint64_t     memo_lookups, memo_kept;
};

struct wire_worker_status {
	uint64_t            worker;
	struct slice        name, version, set; /* set: wire_set_name() of its analyzer set */
	struct wire_strings hosts;              /* none = any */
	uint32_t            layer_slots, light_slots, leases;
	uint64_t            oldest_lease_ms, heard_ms; /* for how long; since when */
	bool                draining;
	uint64_t            bytes_per_s; /* of all its leases, as its heartbeats tell */
};

struct wire_counter {
	struct slice name; /* "scans_started", "retries_transient" … as docs/OPERATIONS.md lists them */
	uint64_t     value;
};

struct wire_status_reply {
	struct wire_job_status    *jobs; /* newest first */
	size_t                     jobs_count;
	struct wire_strings        notices; /* "no worker for registry.example" … */
	struct wire_worker_status *workers; /* by number */
	size_t                     workers_count;
	struct wire_counter       *counters; /* of the whole store, since it was made */
	size_t                     counters_count;
};

struct wire_watch {
	uint64_t job;
	uint32_t interval_ms;
};

struct wire_results {
	uint64_t job, from;
	uint32_t credit;
	bool     only_failed; /* those that failed or are incomplete; numbers stay those of all, so some are missing */
	bool     only_news; /* those that failed, are incomplete, new or not as they were at the last scan; likewise */
};

struct wire_result_part {
	uint64_t     image; /* 0, 1, 2 … in order of finishing */
	uint32_t     number;
	bool         last;
	struct slice bytes;
};

/* OK PING PONG BYE DRAIN; DROP CANCEL PAUSE RESUME STATUS RESULTS_CREDIT RESULTS_END DRAIN_WORKER */
void wire_put_empty(struct buf *frame, enum wire_type type, uint64_t correlation);
void wire_put_number(struct buf *frame, enum wire_type type, uint64_t correlation, uint64_t number);
void wire_put_error(struct buf *frame, uint64_t correlation, const struct wire_error *m);
void wire_put_hello(struct buf *frame, uint64_t correlation, const struct wire_hello *m);
void wire_put_welcome(struct buf *frame, uint64_t correlation, const struct wire_welcome *m);
void wire_put_task(struct buf *frame, uint64_t correlation, const struct wire_task *m);
void wire_put_progress(struct buf *frame, uint64_t correlation, const struct wire_progress *m);
void wire_put_result(struct buf *frame, uint64_t correlation, const struct wire_result *m);
void wire_put_ack(struct buf *frame, uint64_t correlation, const struct wire_ack *m);
void wire_put_fail(struct buf *frame, uint64_t correlation, const struct wire_fail *m);
void wire_put_submit(struct buf *frame, uint64_t correlation, const struct wire_submit *m);
void wire_put_job(struct buf *frame, uint64_t correlation, const struct wire_job *m);
void wire_put_references(struct buf *frame, uint64_t correlation, const struct wire_references *m);
void wire_put_status_reply(struct buf *frame, uint64_t correlation, const struct wire_status_reply *m);
void wire_put_watch(struct buf *frame, uint64_t correlation, const struct wire_watch *m);
void wire_put_job_progress(struct buf *frame, uint64_t correlation, const struct wire_job_status *m);
void wire_put_query(struct buf *frame, uint64_t correlation, struct slice request);
int  wire_get_query(struct slice body, struct slice *request, struct err *err); /* borrowed */

struct wire_query_part {
	uint32_t     number;
	bool         last;
	struct slice bytes;
};
void wire_put_query_part(struct buf *frame, uint64_t correlation, const struct wire_query_part *m);
int  wire_get_query_part(struct slice body, struct wire_query_part *m, struct err *err);

void wire_put_results(struct buf *frame, uint64_t correlation, const struct wire_results *m);
void wire_put_result_part(struct buf *frame, uint64_t correlation, const struct wire_result_part *m);

int wire_get_number(struct slice body, uint64_t *number, struct err *err);
int wire_get_error(struct slice body, struct wire_error *m, struct err *err);
int wire_get_hello(struct slice body, struct arena *arena, struct wire_hello *m, struct err *err);
int wire_get_welcome(struct slice body, struct wire_welcome *m, struct err *err);
int wire_get_task(struct slice body, struct arena *arena, struct wire_task *m, struct err *err);
int wire_get_progress(struct slice body, struct arena *arena, struct wire_progress *m, struct err *err);
int wire_get_result(struct slice body, struct wire_result *m, struct err *err);
int wire_get_ack(struct slice body, struct wire_ack *m, struct err *err);
int wire_get_fail(struct slice body, struct wire_fail *m, struct err *err);
int wire_get_submit(struct slice body, struct arena *arena, struct wire_submit *m, struct err *err);
int wire_get_job(struct slice body, struct wire_job *m, struct err *err);
int wire_get_references(struct slice body, struct arena *arena, struct wire_references *m, struct err *err);
int wire_get_status_reply(struct slice body, struct arena *arena, struct wire_status_reply *m, struct err *err);
int wire_get_watch(struct slice body, struct wire_watch *m, struct err *err);
int wire_get_job_progress(struct slice body, struct wire_job_status *m, struct err *err);
int wire_get_results(struct slice body, struct wire_results *m, struct err *err);
int wire_get_result_part(struct slice body, struct wire_result_part *m, struct err *err);

/* XXH3-64 over the texts of a list, message by message: `sum` is that of the messages before, 0 for the first. Never 0. */
uint64_t wire_references_sum(uint64_t sum, const struct wire_strings *references);

/* A short name of an analyzer set for people: 12 hexadecimal digits of its SHA-256. */
void wire_set_name(struct slice analyzer_set, char out[WIRE_SET_NAME_BYTES]);

/* Payloads inside RESULT chunks. */
void wire_put_layer_result(struct buf *out, const struct wire_layer_result *m);
int  wire_get_layer_result(struct slice bytes, struct wire_layer_result *m, struct err *err);
void wire_put_strings(struct buf *out, const struct wire_strings *m); /* [reference…], [encoded image…] */
int  wire_get_strings(struct slice bytes, struct arena *arena, size_t count_max, struct wire_strings *m,
		      struct err *err);

#endif
