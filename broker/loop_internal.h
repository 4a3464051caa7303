/* loop_internal.h - the parts of the broker's shell; nobody else includes it. */
#ifndef VARVE_BROKER_LOOP_INTERNAL_H
#define VARVE_BROKER_LOOP_INTERNAL_H

#include "base/log.h"
#include "base/map.h"
#include "base/queue.h"
#include "loop.h"
#include "results.h"
#include "wire/message.h"

#include <pthread.h>
#include <stdatomic.h>

/* Streams of all clients together; one more is refused (ERR_BUSY). */
enum { LOOP_FEEDS_MAX = 256, LOOP_WATCHES_MAX = 1024 };

struct loop_worker {
	uint64_t            id, set, heard, pinged;
	struct wire_peer    peer;
	struct slice        name;     /* owned */
	uint32_t            resolver; /* version; 0 = not told */
	struct loop_worker *next;
};

/* Chunks of one result on their way in. */
struct loop_upload {
	uint64_t   lease, worker;
	uint32_t   next_number;
	struct buf bytes;
};

struct loop_job {
	struct job_record     record; /* texts in `arena` */
	struct arena          arena;
	struct core_job_stats stats;    /* of this run of the broker, when the core has ended it */
	uint64_t              base[24]; /* counters from earlier runs */
	uint64_t              images_committed;
	bool                  changed; /* to be written with the next commit */
	struct loop_job      *next;
};

/* A frame that leaves after the commit. */
struct loop_frame {
	struct wire_peer   peer;
	struct buf         bytes;
	uint64_t           lease; /* of a TASK: to be given back when it cannot be sent */
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
	uint64_t          moved; /* when something was sent to it last */
	bool              asked; /* the results thread is at it */
	bool              gone;
	struct buf        bytes; /* of `image`, from `offset` on still to be sent */
	bool              ready;
	size_t            offset;
	uint32_t          parts;
	struct loop_feed *next;
};

struct loop_request {
	uint64_t   feed, job, image;
	struct buf bytes;
};

struct loop {
	struct loop_config  config;
	struct wire_server *server;
	struct core        *core;
	struct catalog     *catalog;
	int                 wake_fd;
	_Atomic bool        stopping;
	bool                batch; /* a write transaction is open */
	bool                again; /* a commit showed clients something new: another turn at once */
	struct log_limit    refused;
	struct err          broken; /* the store failed: the loop ends */
	uint64_t            now, cleaned;
	uint64_t            workers_seen, feeds_seen, upload_bytes;
	struct loop_worker *workers;
	struct map          uploads;
	struct loop_job    *jobs; /* running, newest first */
	struct loop_frame  *outbox, **outbox_end;
	struct loop_watch  *watches;
	struct loop_feed   *feeds;
	size_t              watches_count, feeds_count;
	struct core_event  *events; /* waiting to be stepped */
	size_t              events_count, events_capacity;
	struct arena        arena; /* of one message */
	struct buf          in;
	pthread_t           results_thread;
	bool                results_running;
	struct queue       *asked, *answered; /* struct loop_request */
};

/* loop.c */
bool        loop_write(struct loop *loop); /* the batch is open; false: the store has failed */
void        loop_broken(struct loop *loop, const struct err *err);
struct buf *loop_send(
	struct loop            *loop,
	const struct wire_peer *peer); /* an empty frame that leaves after the commit; NULL without memory */
struct buf *loop_send_task(struct loop *loop, const struct wire_peer *peer, uint64_t lease);
void loop_reply_error(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, const struct err *err);
void loop_step(struct loop *loop, const struct core_event *event); /* and what follows from it */

/* loop_actions.c */
void loop_carry_out(struct loop *loop, const struct core_action *action);
void loop_queue_event(struct loop *loop, const struct core_event *event);

/* loop_worker.c */
void loop_worker_message(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
			 struct slice body);
struct loop_worker *loop_worker_find(const struct loop *loop, uint64_t id);
void                loop_worker_gone(struct loop *loop, struct loop_worker *worker, bool orderly, const char *how);
void loop_worker_forget(struct loop *loop, uint64_t id); /* with what it had sent of unfinished results */
void loop_workers_turn(struct loop *loop);               /* asks the silent ones: a dead one's connection is gone */

/* loop_known.c: what a reference was the last time, so that a worker need only ask whether it still is that */
struct wire_strings loop_known_get(struct loop *loop, const struct loop_job *job, const struct loop_worker *worker,
				   struct slice  reference,
				   struct arena *arena); /* none when there is nothing to go by */
int                 loop_known_put(struct loop *loop, const struct loop_job *job, const struct loop_worker *worker,
				   struct slice reference, const struct wire_strings *images, struct err *err);

/* loop_client.c */
void     loop_client_message(struct loop *loop, const struct wire_peer *peer, const struct wire_header *header,
			     struct slice body);
void     loop_watches_turn(struct loop *loop);
uint64_t loop_watches_due(const struct loop *loop);
void     loop_client_gone(struct loop *loop, const struct wire_peer *peer);
void     loop_clients_free(struct loop *loop);

/* loop_job.c */
struct loop_job *loop_job_find(const struct loop *loop, uint64_t job);
struct loop_job *loop_job_add(struct loop *loop, const struct job_record *record); /* copies; NULL without memory */
void             loop_job_status(const struct loop *loop, const struct loop_job *job, struct wire_job_status *out);
void             loop_job_status_stored(const struct job_record *record, struct wire_job_status *out);
void             loop_jobs_write(struct loop *loop);     /* changed records, before the commit */
void             loop_jobs_committed(struct loop *loop); /* … after it; ended ones leave */
int              loop_jobs_resume(struct loop *loop, struct err *err);
int              loop_references_fetch(struct loop *loop, const struct core_action *action, struct err *err);
bool             loop_reference_add(struct loop *loop, struct loop_job *job, struct slice text, struct err *err);
void             loop_jobs_free(struct loop *loop);

/* loop_feed.c */
int  loop_feeds_start(struct loop *loop, struct err *err);
void loop_feeds_stop(struct loop *loop);
void loop_feed_open(struct loop *loop, const struct wire_peer *peer, uint64_t correlation,
		    const struct wire_results *request);
void loop_feed_credit(struct loop *loop, const struct wire_peer *peer, uint64_t correlation, uint64_t credit);
void loop_feeds_turn(struct loop *loop);

#endif
