/* agent_metrics.h - what a worker counts and measures of itself; docs/OPERATIONS.md lists the metrics. */
#ifndef VARVE_WORKER_AGENT_METRICS_H
#define VARVE_WORKER_AGENT_METRICS_H

#include "agent_task.h"
#include "base/metrics.h"

struct agent;
struct agent_metrics; /* NULL is fine everywhere but in agent_metrics_registry(): nothing is counted */

struct agent_metrics *agent_metrics_new(void); /* NULL without memory */
void                  agent_metrics_free(struct agent_metrics *metrics);
struct metrics       *agent_metrics_registry(struct agent_metrics *metrics);

/* Working threads. */
enum agent_stage { AGENT_STAGE_LIGHT, AGENT_STAGE_OPEN, AGENT_STAGE_SCAN };
void agent_metrics_busy(struct agent_metrics *metrics, enum agent_stage stage, int more); /* +1 begins, -1 ends */
void agent_metrics_scanned(struct agent_metrics *metrics, const struct agent_task *task, uint64_t ms);

/* The socket thread. */
void agent_metrics_finished(struct agent_metrics *metrics, const struct agent_task *task); /* whatever came of it */
void agent_metrics_welcomed(struct agent_metrics *metrics);
void agent_metrics_turn(struct agent *agent, uint64_t now); /* reads what is to be read, once a second at most */

#endif
