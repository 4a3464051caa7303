/* client.h - the client side of docs/PROTOCOL.md, the same code to a broker in this process, on this host and far away.
 *
 * A client belongs to one thread. Calls block. A broker that goes away is waited for: client_run() takes up its job,
 * its unanswered references and its results where they stopped. */
#ifndef VARVE_TOOLS_CLIENT_H
#define VARVE_TOOLS_CLIENT_H

#include "base/arena.h"
#include "wire/message.h"
#include "wire/socket.h"

struct client_config {
	struct wire_context      *context; /* NULL = one of its own; inproc:// needs the broker's */
	struct wire_client_config wire;    /* strings are borrowed until client_close() */
	uint64_t answer_ms;  /* how long the first answer may take before the broker counts as absent; 0 = 5000 */
	uint64_t silence_ms; /* of a broker that has answered: then it is connected to again; 0 = 12000 */
};

struct client;

int  client_open(const struct client_config *config, struct client **out, struct err *err);
void client_close(struct client *client);

/* One record per job, newest first; job 0 = all. Memory in `arena`. ERR_NET: no broker; ERR_NOT_FOUND: no such job. */
int client_status(struct client *client, uint64_t job, struct arena *arena, struct wire_status_reply *out,
		  struct err *err);
/* CANCEL, PAUSE, RESUME (a job), DRAIN_WORKER (a worker): said, and carried out. */
int client_order(struct client *client, enum wire_type order, uint64_t number, struct err *err);

/* A question about the whole catalog (broker/answer.h): the document, appended. */
int client_ask(struct client *client, struct slice request, struct buf *document, struct err *err);

/* One job from submission to the last result, or any part of that. */
struct client_run {
	uint64_t                  job;    /* of an existing job; set when `submit` was answered */
	const struct wire_submit *submit; /* NULL: the job exists */
	bool continues; /* the token may be one of before: references go in whole messages, cut as they were then, and those
			 * that the broker has are not sent again */

	/* 1 with the next reference (borrowed until the next call), 0 at the end, 2 when there is none just now, ERR_*.
	 * NULL: none are sent (retry_of). */
	int (*reference)(void *data, struct slice *reference, struct err *err);
	void (*submitted)(void *data, uint64_t job);   /* the broker has the job; may be NULL */
	void (*sent)(void *data, uint64_t references); /* read so far, sent or known to be there; may be NULL */
	void (*progress)(void                         *data,
			 const struct wire_job_status *status); /* may be NULL; also between messages, for clocks */
	int (*result)(void *data, uint64_t image, struct slice encoded,
		      struct err *err); /* NULL: results are not wanted */
	void *data;

	bool     until_submitted;     /* return once all references are acknowledged */
	bool     only_failed;         /* results of images that failed or are incomplete */
	bool     only_news;           /* … or are new or have changed since the last scan of their places */
	uint64_t from;                /* first result wanted; advances */
	uint64_t images_max;          /* return after that many results; 0 = at the end of the job */
	uint32_t watch_ms;            /* interval of progress; 0 = 500 */
	int      interrupt_fd;        /* interrupt.h, or -1 */
	bool     cancel_on_interrupt; /* else the run is left with ERR_CANCELLED and the job goes on */
	bool     interrupted;         /* set: it was cancelled */

	bool                   all_sent; /* every reference is acknowledged */
	bool                   ragged;   /* the list came slowly, and was cut as nobody will cut it again */
	struct wire_job_status status;   /* the last that came; strings are not kept */
};

int client_run(struct client *client, struct client_run *run, struct err *err);

#endif
