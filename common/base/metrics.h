/* metrics.h - numbers about a running program, in Prometheus' text exposition format 0.0.4.
 *
 * A registry is made from a table of families and has one series per combination of label values. Label values may come
 * from strangers: they are escaped, cut, and a family has a bounded number of series; what would be more is added up in one
 * whose labels are all "other". Updating a series is one atomic operation; finding one and rendering take a lock that
 * is held for memory work only. Values are integers of 10^-decimals of the unit: milliseconds of a family "_seconds" with 3.
 * Any thread may call. A family is used by handles (metrics_get) or as a snapshot (metrics_put … metrics_put_end), not both. */
#ifndef VARVE_BASE_METRICS_H
#define VARVE_BASE_METRICS_H

#include "base/buf.h"
#include "base/err.h"

enum {
	METRICS_LABELS_MAX = 3,
	METRICS_BOUNDS_MAX = 20,
	METRICS_SERIES_MAX = 200,
	METRICS_LABEL_BYTES_MAX = 128, /* of one value */
};

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics_family {
	const char       *name, *help; /* counters end in _total, units are named: _seconds, _bytes */
	enum metrics_kind kind;
	unsigned          decimals;
	const char       *labels[METRICS_LABELS_MAX + 1];
	uint64_t          bounds[METRICS_BOUNDS_MAX + 1]; /* of a histogram: upper bounds, ascending; 0 ends */
	size_t            series_max;                     /* 0 = METRICS_SERIES_MAX */
};

struct metrics;
struct metric; /* one series; lives as long as its registry */

/* `families` is borrowed and must outlive the registry; a family is named by its index. A family without labels has its
 * one series from the start. NULL without memory. */
struct metrics *metrics_new(const struct metrics_family *families, size_t count);
void            metrics_free(struct metrics *metrics);

/* The series with these label values, as many as the family has names (NULL for none); made when it is new. Without memory
 * the family's "other": never NULL. */
struct metric *metrics_get(struct metrics *metrics, size_t family, const struct slice *values);

void metric_add(struct metric *metric, uint64_t more);       /* counter */
void metric_set(struct metric *metric, int64_t value);       /* gauge */
void metric_observe(struct metric *metric, uint64_t sample); /* histogram */

/* A family whose series come and go (hosts, workers): put all of them (equal ones are summed), then end: that set is what
 * is shown until the next end. One thread at a time. */
void metrics_put(struct metrics *metrics, size_t family, const struct slice *values, int64_t value);
void metrics_put_end(struct metrics *metrics, size_t family);

/* Appends all families that have a series, HELP and TYPE first. */
void metrics_render(struct metrics *metrics, struct buf *out);

#endif
