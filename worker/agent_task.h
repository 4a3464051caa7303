/* agent_task.h - one leased task as the worker's threads carry it out: list, resolve, or scan; knows nothing of messages.
 *
 * Owner: whoever holds the pointer (it moves through queues); `cancel`, `progress` and `waiting` may be touched by any
 * thread: a cancelled task ends at its next wait or block, wherever it is. */
#ifndef VARVE_WORKER_AGENT_TASK_H
#define VARVE_WORKER_AGENT_TASK_H

#include "pipeline.h"

enum agent_task_kind { AGENT_ENUMERATE, AGENT_RESOLVE, AGENT_LAYER };

struct agent_task {
	uint64_t             lease, job;
	enum agent_task_kind kind;
	struct arena         arena; /* holds what follows */
	struct reference     reference;
	struct platform      platform; /* resolve */
	struct slice        *known;    /* resolve: encoded records of the last time, foreign bytes */
	size_t               known_count;
	const char         **include, **exclude; /* enumerate; NULL-terminated */
	unsigned             newest;
	struct image_layer   layer;
	bool                 verify, no_reuse;
	struct stream       *opened;          /* layer: fetched ahead */
	_Atomic bool         cancel, waiting; /* waiting: for a thread of this worker */
	_Atomic uint64_t     progress;        /* bytes fetched and inflated: grows while it moves */
	struct source_call   call;
	/* what came out */
	int                  status; /* 0 or ERR_* with `err` */
	struct err           err;
	struct scan_outcome  outcome; /* layer */
	struct buf           inventory, path_table;
	struct image        *images; /* resolve, in `arena` */
	size_t               images_count;
	/* the socket thread's */
	struct buf           result;         /* encoded, in chunks on its way */
	bool                 finished, sent; /* no thread has it any more; said, and not yet answered */
	uint64_t             turn;           /* results are said in the order in which they were finished */
	uint64_t             send_after_ms;  /* the broker was busy */
	uint32_t             chunks;         /* of a listing, that were sent before its end */
	struct agent_task   *next;
};

struct agent_task *agent_task_new(void); /* NULL without memory */
void               agent_task_free(struct agent_task *task);

/* For how long a registry that wants to be left alone is waited for with the lease in hand. A listing waits on: what it
 * has found would be listed again. */
enum { AGENT_WAIT_MS_MAX = 2000 };

void agent_task_open(struct agent_task *task, struct sources *sources); /* layer: starts its transfer */
void agent_task_scan(struct agent_task *task, struct sources *sources, const struct scan_config *config);
void agent_task_resolve(struct agent_task *task, struct sources *sources);
void agent_task_enumerate(struct agent_task *task, struct sources                           *sources,
			  int (*found)(void *data, const struct reference *reference), void *data);

bool agent_task_is_transient(int code); /* it may go well at another time */

/* "name/version,…;ceiling=value,…": all that decides a layer's facts besides its bytes. */
void agent_analyzer_set(struct buf *out);

#endif
