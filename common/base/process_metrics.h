/* process_metrics.h - the process_* metrics that Prometheus' own libraries give, peak memory, and the version. */
#ifndef VARVE_BASE_PROCESS_METRICS_H
#define VARVE_BASE_PROCESS_METRICS_H

#include "base/metrics.h"

struct metrics *process_metrics_new(void);                     /* NULL without memory */
void            process_metrics_read(struct metrics *metrics); /* from /proc, now; one thread */

#endif
