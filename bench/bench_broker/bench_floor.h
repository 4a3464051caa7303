/* bench_floor.h - what stands below a durable broker: the disk's fsync, LMDB alone, and the catalog without loop and sockets.
 *
 * Each makes its files in `folder` and removes what it can. Ends the program when the disk fails. */
#ifndef VARVE_BENCH_FLOOR_H
#define VARVE_BENCH_FLOOR_H

#include "base/slice.h"

struct floor_sync {
	uint32_t p50_us, p99_us; /* of write(4 KiB) and fdatasync on a file that has its size */
};
void floor_sync(const char *folder, unsigned rounds, struct floor_sync *out);

/* Random 200-byte puts into a table of `rows`, `batch` to a commit; puts a second, commits included. */
double floor_puts(const char *folder, unsigned rows, unsigned batch, unsigned puts);

/* What the catalog writes for one layer task (claim, start, result, release), `batch` tasks to a commit; tasks a second. */
double floor_catalog(const char *folder, unsigned batch, unsigned tasks, struct slice inventory,
		     struct slice path_table);

#endif
