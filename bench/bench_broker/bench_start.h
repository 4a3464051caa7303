/* bench_start.h - how long a broker takes to accept work on a catalog that holds very much. */
#ifndef VARVE_BENCH_START_H
#define VARVE_BENCH_START_H

#include "bench_broker/bench_report.h"

/* A catalog of `layers` known layers in folder/store and, with `references`, a running
 * job of so many open ones, and as many layers counted in it, whose broker died. */
void start_make(const char *folder, uint64_t layers, uint64_t references);

/* Runs varve-broker (`program`) on it. cold: the catalog's file is dropped from the page cache before. */
void start_measure(const char *folder, const char *program, const char *what, bool job, bool cold,
		   struct report_start *out);

#endif
