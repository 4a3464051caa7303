/* bench_report.h - what bench_broker found, and how it is shown: lines for people, one JSON object for programs. */
#ifndef VARVE_BENCH_REPORT_H
#define VARVE_BENCH_REPORT_H

#include "bench_broker/bench_floor.h"
#include "bench_broker/bench_fleet.h"

#include "base/buf.h"

enum { REPORT_RUNS_MAX = 64, REPORT_FLOORS_MAX = 8, REPORT_QUEUES_MAX = 4, REPORT_STARTS_MAX = 4 };

struct report_run { /* layer tasks, from a tenth of them on to the last */
	const char *transport;
	unsigned    workers, slots;
	uint64_t    result_bytes, queued, tasks;
	double      seconds, broker_cpu_us, bench_cpu_us; /* CPU: a task */
	uint32_t    p50[FLEET_LATENCIES], p99[FLEET_LATENCIES];
};

struct report_queue { /* filling the queue; memory: RssAnon */
	const char *transport;
	uint64_t    images, layers;
	double      seconds, layer_bytes; /* of a queued layer, with its part of the image's record */
	uint64_t    waiting;
	double      image_bytes, record_bytes; /* of an image that waits for layers which others want too; its record */
	uint32_t    adhoc_p50[2], adhoc_p99[2]; /* submit -> first task, microseconds: idle, under load */
};

struct report_start {
	const char *what;
	double      ready_ms, task_ms; /* exec to first answer; to the first task of the job, 0 = no job */
	uint64_t    anon_bytes;
};

struct report_floor {
	unsigned batch;
	double   puts, tasks, big_tasks; /* a second */
};

struct report {
	struct floor_sync   sync;
	struct report_floor floors[REPORT_FLOORS_MAX];
	struct report_queue queues[REPORT_QUEUES_MAX];
	struct report_run   runs[REPORT_RUNS_MAX];
	struct report_start starts[REPORT_STARTS_MAX];
	size_t              floors_count, queues_count, runs_count, starts_count;
};

/* A line each, as soon as it is known. */
void report_print_sync(const struct floor_sync *sync);
void report_print_floor(const struct report_floor *floor);
void report_print_queue(const struct report_queue *queue);
void report_print_adhoc(const struct report_queue *queue);
void report_print_run(const struct report_run *run, bool first);
void report_print_start(const struct report_start *start);

void report_json(const struct report *report, struct buf *out);

#endif
