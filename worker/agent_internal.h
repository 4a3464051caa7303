/* agent_internal.h - the agent as its two files see it: the threads, and the link to the broker. */
#ifndef VARVE_WORKER_AGENT_INTERNAL_H
#define VARVE_WORKER_AGENT_INTERNAL_H

#include "agent.h"
#include "agent_task.h"
#include "base/queue.h"
#include "wire/message.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	LIGHT_THREADS = 8,
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
	struct queue         *light, *to_open, *to_scan, *output;
	pthread_t             socket_thread, threads[LIGHT_THREADS + 2 * THREADS_MAX];
	size_t                threads_count;
	unsigned              scan_threads, ahead;
	int                   wake_fd;
	_Atomic bool          stopping;
	/* the socket thread's */
	struct agent_task    *tasks; /* all leases held */
	bool                  welcome;
	uint64_t              heard, beaten, heartbeat_ms, silence_ms;
	struct buf            frame, in, set;
	struct arena          arena;
};

/* agent_link.c */
void *agent_link_run(void *agent); /* the socket thread */
void  agent_forget_task(struct agent *agent, struct agent_task *task);

#endif
