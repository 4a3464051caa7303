/* loop_internal.h - the parts of the broker's shell; nobody else includes it. */
#ifndef VARVE_BROKER_LOOP_INTERNAL_H
#define VARVE_BROKER_LOOP_INTERNAL_H

#include "base/log.h"
#include "base/map.h"
#include "base/queue.h"
#include "loop.h"
#include "loop_marks.h"
#include "results.h"
#include "schedule.h"
#include "wire/message.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	LOOP_FEEDS_MAX = 256,       /* result streams of all clients together; one more is refused (ERR_BUSY) */
	LOOP_FEEDS_OF_PEER_MAX = 8, /* … of one connection */
	LOOP_WATCHES_MAX = 1024,
	LOOP_WATCHES_OF_PEER_MAX = 16,
	LOOP_OUTBOX_BYTES_MAX = 64 << 20, /* answers of one turn: then it commits and sends before it reads on */
	LOOP_FEED_BYTES_MAX = 256 << 20,  /* image results computed and not yet sent; beyond it one at a time */
	LOOP_RESULTS_THREADS_MAX = 16,
	LOOP_JOB_BYTES_MAX = 16 << 20, /* of one job record */
	LOOP_COUNTERS = 24,
};

struct loop_worker {
	uint64_t            id, set, heard, pinged;
	uint64_t            away; /* since when its connection is known to have ended; 0 = it has not */
	struct wire_peer    peer;
	struct slice        name, version; /* owned */
	char                set_name[WIRE_SET_NAME_BYTES];
	uint8_t             instance[WIRE_INSTANCE_BYTES];
	uint32_t            resolver; /* version; 0 = not told */
	bool                draining;
	uint64_t            upload_bytes;
	size_t              uploads;
	uint64_t            bytes, sampled, bytes_per_s; /* what its leases had moved at `sampled` */
	struct loop_worker *next;
};

/* Chunks of one result on their way in. */
struct loop_upload {
	uint64_t   lease, worker;
	uint32_t   next_number;
	bool       refused; /* there was no room: what is left of this sending is not looked at */
	struct buf bytes;
};

struct loop_job {
	struct job_record     record; /* texts in `arena` */
	struct arena          arena;
	struct core_job_stats stats;               /* of this run of the broker, when the core has ended it */
	uint64_t              base[LOOP_COUNTERS]; /* what is to be added to the core's numbers, modulo 2^64 */
	struct loop_marks     done;                /* references from record.references_cursor on */
	struct schedule       schedule;
	uint64_t              images_committed;
	uint64_t              listed_ms; /* when its list was last added to */
	bool                  changed;   /* to be written with the next commit */
	struct loop_job      *next;
};

/* A frame that leaves after the commit. */
struct loop_frame {
	struct wire_peer   peer;
	struct buf         bytes;
	uint64_t           lease;   /* of a TASK: to be given back when it cannot be sent */
	bool               counted; /* … and its start, `key` and `reason`, not to be counted */
	struct layer_key   key;
	enum fleet_counter reason;
	struct loop_frame *next;
};

struct loop_watch {
	struct wire_peer   peer;
	uint64_t           correlation, job, interval_ms, sent_ms;
	struct loop_watch *next;
};

struct loop_feed {
	uint64_t          id, correlation, job, image; /* image: the next to be sent */
	struct wire_peer  peer;
	uint64_t          credit;
	uint64_t          moved;       /* when something was sent to it last */
	bool              only_failed; /* … or incomplete */
	bool              only_news;   /* … or new or changed, which those are too */
	bool              asked;       /* the results threads are at it */
	bool              gone;
	struct buf        bytes; /* of `image`, from `offset` on still to be sent */
	bool              ready;
	size_t            offset;
	uint32_t          parts;
	struct loop_feed *next;
};

/* A question about the whole catalog, and what of its answer is still to be sent. */
struct loop_query {
	uint64_t           id, correlation;
	struct wire_peer   peer;
	uint64_t           moved;
	bool               asked; /* the results threads are at it */
	bool               gone;  /* all was sent, or nobody wants it */
	struct buf         bytes;
	size_t             offset;
	uint32_t           parts;
	struct loop_query *next;
};

/* What a results thread is asked: image `image` of the job, or the first failed or changed one from it on and below `end`. */
struct loop_request {
	uint64_t   feed, job, image, end;
	bool       only_failed, only_news, indexed;
	bool       none; /* answer: there is no such one */
	struct buf bytes;
	uint64_t   query; /* not 0: `question` is asked instead */
	struct buf question;
	struct err why; /* answer: it cannot be answered */
};

struct loop {
	struct loop_config  config;
	struct wire_server *server;
	struct core        *core;
	struct catalog     *catalog;
	int                 wake_fd;
	_Atomic bool        stopping, drain_asked;
	bool                draining, drained;
	bool                batch;        /* a write transaction is open */
	enum fleet_counter  retry_reason; /* of the task that is sent next */
	bool                again;        /* there is more to do: another turn at once */
	struct log_limit    refused;
	struct err          broken; /* the store failed: the loop ends */
	uint64_t            now, cleaned;
	uint64_t            workers_seen, feeds_seen, upload_bytes, outbox_bytes, feed_bytes;
	uint64_t            favoured; /* the lease whose result may go beyond the ceiling, so that one always ends */
	struct loop_worker *workers;
	struct map          workers_by_peer, workers_by_id;
	struct map          uploads;
	struct loop_job    *jobs; /* running and scheduled, newest first */
	struct map          jobs_by_id;
	uint64_t            dropping; /* an ended job whose layer rows go; 0 = none is known */
	bool                retiring; /* there may be listings whose missing images are to be retired */
	struct loop_frame  *outbox, **outbox_end;
	struct loop_frame  *outbox_counted; /* the last one whose bytes are in outbox_bytes */
	struct loop_watch  *watches;
	struct loop_feed   *feeds;
	struct loop_query  *queries;
	size_t              watches_count, feeds_count, feeds_asked, queries_count;
	struct core_event  *events; /* waiting to be stepped */
	size_t              events_count, events_capacity;
	struct arena        event_texts; /* of waiting events */
	struct arena        arena;       /* of one message */
	struct buf          in;
	pthread_t           results_threads[LOOP_RESULTS_THREADS_MAX];
	size_t              results_running;
	struct results     *results[LOOP_RESULTS_THREADS_MAX]; /* one each */
	_Atomic size_t      results_taken;
	struct queue       *asked, *answered; /* struct loop_request */
	struct loop_index  *index;
	struct loop_judge  *judge;
};

/* loop.c */
bool loop_write(struct loop *loop); /* the batch is open; false: the store has failed */
void loop_broken(struct loop *loop, const struct err *err);
void loop_step(struct loop *loop, const struct core_event *event); /* and what follows from it */

/* loop_send.c. Frames are empty and leave after the commit; NULL without memory. */
struct buf        *loop_send(struct loop *loop, const struct wire_peer *peer);
struct loop_frame *loop_send_frame(struct loop *loop, const struct wire_peer *peer);
void loop_reply_error(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, const struct err *err);
void loop_reply_number(struct loop *loop, const struct wire_peer *peer, enum wire_type type, uint64_t correlation,
		       uint64_t number);
void loop_reply_empty(struct loop *loop, const struct wire_peer *peer, enum wire_type type, uint64_t correlation);
void loop_flush(struct loop *loop, bool send);
void loop_outbox_count(struct loop *loop); /* sets outbox_bytes */
void loop_tell_broken(struct loop *loop);  /* everybody whose answer was not committed, and who waits for news */

/* loop_actions.c */
void loop_carry_out(struct loop *loop, const struct core_action *action);
void loop_queue_event(struct loop *loop, const struct core_event *event);

/* loop_task.c */
int loop_task_send(struct loop *loop, const struct core_action *action, struct err *err);

/* loop_worker.c */
void loop_worker_message(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
			 struct slice body);
struct loop_worker *loop_worker_find(const struct loop *loop, uint64_t id);
struct loop_worker *loop_worker_of(const struct loop *loop, const struct wire_peer *peer);
/* No new leases until it is heard of, and none at all when that takes too long. */
void                loop_worker_away(struct loop *loop, struct loop_worker *worker, const char *why);
void                loop_worker_drain(struct loop *loop, struct loop_worker *worker);
void loop_worker_forget(struct loop *loop, uint64_t id); /* with what it had sent of unfinished results */
void loop_workers_turn(struct loop *loop);               /* asks the silent ones: a dead one's connection is gone */

/* loop_result.c: RESULT, FAIL and their ACK */
void loop_result(struct loop *loop, struct loop_worker *worker, uint64_t correlation, struct slice body);
void loop_failed(struct loop *loop, const struct loop_worker *worker, uint64_t correlation, struct slice body);
void loop_uploads_drop(struct loop *loop, uint64_t worker);

/* loop_take.c: what a whole result is, once it is there */
int loop_take_layer(struct loop *loop, const struct core_lease_info *info, struct slice bytes, struct core_event *event,
		    struct err *err);
int loop_take_images(struct loop *loop, const struct loop_worker *worker, const struct core_lease_info *info,
		     struct slice bytes, struct err *err);
int loop_take_listed(struct loop *loop, const struct core_lease_info *info, struct slice bytes, struct err *err);

/* loop_known.c: what a reference was the last time, so that a worker need only ask whether it still is that */
struct wire_strings loop_known_get(struct loop *loop, const struct loop_job *job, const struct loop_worker *worker,
				   struct slice  reference,
				   struct arena *arena); /* none when there is nothing to go by */
int                 loop_known_put(struct loop *loop, const struct loop_job *job, const struct loop_worker *worker,
				   struct slice reference, const struct wire_strings *images, struct err *err);

/* loop_submit.c */
void loop_submit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_references(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_cancel(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_pause(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_resume(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_drain_worker(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_drain_begin(struct loop *loop);

/* loop_status.c */
int      loop_status_of(struct loop *loop, uint64_t job, struct arena *arena, struct wire_job_status *out,
			struct err *err); /* running or stored */
void     loop_status(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void     loop_watch(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void     loop_watches_turn(struct loop *loop);
uint64_t loop_watches_due(const struct loop *loop);
void     loop_watches_free(struct loop *loop);
void     loop_client_gone(struct loop *loop, const struct wire_peer *peer);

/* loop_job.c */
struct loop_job *loop_job_find(const struct loop *loop, uint64_t job);
struct loop_job *loop_job_running(const struct loop *loop, uint64_t job);          /* not a schedule */
struct loop_job *loop_job_add(struct loop *loop, const struct job_record *record); /* copies; NULL without memory */
void             loop_job_open(struct loop *loop, const struct loop_job *job);     /* in the core */
void             loop_job_status(const struct loop *loop, const struct loop_job *job, struct wire_job_status *out);
void             loop_job_status_stored(const struct job_record *record, struct wire_job_status *out);
void             loop_job_uncount_image(struct loop_job *job, const struct image *image,
					const struct core_outcome *outcomes); /* it was counted before a restart */
bool             loop_image_needs_retry(const struct image *image, const struct layer_outcome *layers, size_t count);
void             loop_jobs_write(struct loop *loop);     /* changed records, before the commit */
void             loop_jobs_committed(struct loop *loop); /* … after it; ended ones leave */
void             loop_jobs_clean(struct loop *loop);     /* rows of ended jobs that nobody needs */
void             loop_jobs_free(struct loop *loop);

/* loop_reference.c */
struct loop_added { /* by one message, to be told to the core at once */
	size_t images, listings;
};
bool loop_reference_add(struct loop *loop, struct loop_job *job, struct slice text, struct loop_added *added,
			struct err *err);
void loop_references_added(struct loop *loop, const struct loop_job *job, const struct loop_added *added);
void loop_references_close(struct loop *loop, struct loop_job *job);
void loop_lists_turn(struct loop *loop); /* every job ends, also one whose submission was broken off */
int  loop_references_fetch(struct loop *loop, const struct core_action *action, struct err *err);
int  loop_reference_done(struct loop *loop, uint64_t job, uint64_t number, struct err *err);
int  loop_reference_failed(struct loop *loop, struct loop_job *job, struct slice text, int code, struct slice why,
			   bool *added, struct err *err); /* it is an image too: failed, with the reason */

/* loop_schedule.c: jobs that take their references from another one */
void loop_fill_turn(struct loop *loop);
void loop_schedules_turn(struct loop *loop);

/* loop_retire.c: what a listing that has ended did not name any more */
int  loop_retire_listed(struct loop *loop, const struct core_lease_info *info, struct err *err);
void loop_retire_turn(struct loop *loop);

/* loop_index.c: the catalog's index */
int  loop_index_start(struct loop *loop, struct err *err);
void loop_index_stop(struct loop *loop);
void loop_index_turn(struct loop *loop);      /* what is computed goes into the batch */
void loop_index_news(struct loop *loop);      /* an image was stored in the batch */
void loop_index_committed(struct loop *loop); /* … which is committed */
/* The loop has ended and nobody may come after it: what is nearly done is waited for. */
void loop_index_finish(struct loop *loop, void (*commit)(struct loop *loop));

/* loop_restart.c */
int loop_jobs_resume(struct loop *loop, struct err *err);

/* loop_judge.c: findings of unique packages, the history, and who is told of changes */
int  loop_judge_start(struct loop *loop, struct err *err);
void loop_judge_stop(struct loop *loop);
void loop_judge_turn(struct loop *loop);      /* what is computed goes into the batch */
void loop_judge_news(struct loop *loop);      /* packages were indexed, or a job has ended: committed */
void loop_judge_committed(struct loop *loop); /* the batch is */
struct announce_counts;
void loop_judge_counts(const struct loop *loop, uint64_t *judgement, struct announce_counts *counts); /* for metrics */
/* After a scan, as loop_index_finish(). */
void loop_judge_finish(struct loop *loop, void (*commit)(struct loop *loop));

/* loop_feed.c, loop_compute.c */
int   loop_feeds_start(struct loop *loop, struct err *err);
void  loop_feeds_stop(struct loop *loop);
void  loop_results(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void  loop_results_credit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void  loop_feeds_turn(struct loop *loop);
void *loop_compute_run(void *loop); /* a results thread */
void  loop_request_free(struct loop_request *request);

/* loop_query.c */
void loop_query(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_query_more(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, struct slice body);
void loop_query_answered(struct loop *loop, struct loop_request *request);
void loop_queries_turn(struct loop *loop);
void loop_queries_gone(struct loop *loop, const struct wire_peer *peer);
void loop_queries_free(struct loop *loop);

#endif
