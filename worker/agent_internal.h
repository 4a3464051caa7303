/* agent_internal.h - the agent as its files see it: the threads, the link to the broker, what has come out. */
#ifndef VARVE_WORKER_AGENT_INTERNAL_H
#define VARVE_WORKER_AGENT_INTERNAL_H

#include "agent.h"
#include "agent_task.h"
#include "base/queue.h"
#include "base/rng.h"
#include "wire/message.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	LIGHT_THREADS = 10,   /* two of them the broker keeps for ad hoc jobs */
	AHEAD_PER_THREAD = 2, /* transfers opened ahead, per scan thread */
	THREADS_MAX = 256,
};

/* From the working threads to the socket thread. */
struct agent_output {
	struct agent_task *task;
	bool               finished; /* else: a chunk of a listing */
	struct buf         chunk;
};

struct agent {
	struct agent_config   config;
	struct wire_client   *client;
	struct window_budget *window;
	struct scan_config    scan;
	struct parser        *parsers[THREADS_MAX]; /* one per scan thread */
	_Atomic unsigned      parsers_taken;
	_Atomic unsigned      scanning; /* scan threads that have a layer */
	struct queue         *light, *to_open, *to_scan, *output;
	pthread_t             socket_thread, threads[LIGHT_THREADS + 2 * THREADS_MAX];
	size_t                threads_count;
	unsigned              scan_threads, ahead;
	int                   wake_fd;
	_Atomic bool          stopping, drain_asked;
	/* the socket thread's */
	struct agent_task    *tasks; /* all leases held */
	uint8_t               instance[WIRE_INSTANCE_BYTES];
	bool                  welcome;    /* the broker knows us, and our leases */
	bool                  drain_said; /* to this broker */
	bool                  no_more;    /* it has said that no task follows */
	uint64_t              heard, beaten, heartbeat_ms, silence_ms;
	uint64_t              hello_ms, hello_next_ms, hello_wait_ms; /* the last, the next, the pause behind it */
	uint64_t              credit, unanswered;                     /* bytes of results: allowed, and under way */
	uint64_t              turns;                                  /* results finished so far */
	struct rng            rng;
	struct log_limit      refused; /* what the broker, or the peer in its place, says again and again */
	struct buf            frame, in, set;
	struct arena          arena;
};

/* agent_link.c */
void *agent_link_run(void *agent); /* the socket thread */
void  agent_forget_task(struct agent *agent, struct agent_task *task);
bool  agent_send(struct agent *agent); /* agent->frame; false: it did not leave, and we are strangers again */

/* agent_result.c: the socket thread's, like all of agent_link.c. */
void agent_take_outputs(struct agent *agent);
void agent_finish_task(struct agent      *agent,
		       struct agent_task *task); /* no thread has it: its result waits for its turn */
void agent_send_results(struct agent *agent);    /* those whose turn has come, within the credit */
void agent_results_unsaid(struct agent *agent);  /* the connection is gone: what was not answered is to be said again */
void agent_task_answered(struct agent *agent, struct agent_task *task, const struct wire_ack *ack);

#endif
