/* bench_queue.h - the measured part of bench_broker: fill a broker's queue, then let fleets of no-op workers empty it. */
#ifndef VARVE_BENCH_QUEUE_H
#define VARVE_BENCH_QUEUE_H

#include "bench_broker/bench_report.h"
#include "bench_broker/bench_serve.h"

struct queue_plan {
	uint64_t     layers; /* to be queued */
	unsigned     layers_per_image, slots, submits;
	uint64_t     waiting; /* images that wait for shared layers */
	uint64_t     seed;
	struct slice inventory, path_table; /* of an "empty" result */
};

/* A bulk job whose images are all resolved and whose layers all wait. Its number. */
uint64_t queue_fill(const struct served *served, const struct queue_plan *plan, struct report_queue *out);

/* Memory of images that wait for layers which they share; they are cancelled again. */
void queue_waiting(const struct served *served, const struct queue_plan *plan, struct report_queue *out);

/* Time from a submission to its first task at a worker that waits for it; load: eight workers empty the queue of `job` meanwhile. */
void queue_adhoc(const struct served *served, const struct queue_plan *plan, uint64_t job, bool load,
		 struct report_queue *out);

/* `workers` take `tasks` layer tasks of `job`, each answered with inventory and path table. */
void queue_drain(const struct served *served, const struct queue_plan *plan, uint64_t job, unsigned workers,
		 uint64_t tasks, struct slice inventory, struct slice path_table, struct report_run *out);

#endif
