/* loop_metrics.h - what a broker counts and measures of itself; docs/OPERATIONS.md lists the metrics.
 *
 * Counters are updated by the loop where things happen; what is a state (queues, leases, hosts, workers, the store, the
 * fleet's counters) is read once a second, and less often when reading takes more than a hundredth of the time. Without
 * metrics in the loop's configuration all calls do nothing. The loop's thread, but for the registry. */
#ifndef VARVE_BROKER_LOOP_METRICS_H
#define VARVE_BROKER_LOOP_METRICS_H

#include "base/health.h"
#include "base/metrics.h"
#include "core.h"

struct loop;
struct loop_metrics;

struct loop_metrics *loop_metrics_new(void); /* NULL without memory */
void                 loop_metrics_free(struct loop_metrics *metrics);
struct metrics      *loop_metrics_registry(struct loop_metrics *metrics);

void loop_metrics_woke(struct loop *loop);                  /* a turn begins: the wait for a message is over */
void loop_metrics_turn(struct loop *loop);                  /* … and ends; tells health too */
void loop_metrics_commit(struct loop *loop, uint64_t ns);   /* a write transaction took so long to commit */
void loop_metrics_message(struct loop *loop, size_t bytes); /* one came */
void loop_metrics_refused(struct loop *loop, int code);

/* A lease ends by a word of its worker. */
void loop_metrics_task_ended(struct loop *loop, const struct core_lease_info *info, const char *outcome);
void loop_metrics_task_failed(struct loop *loop, const struct core_lease_info *info, enum core_fail_class fail_class);

/* An image is finished and stored; `outcomes` one per layer, NULL when it was never resolved. */
void loop_metrics_image(struct loop *loop, const struct image *image, const struct core_outcome *outcomes);

#endif
