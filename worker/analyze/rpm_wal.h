/* rpm_wal.h - a SQLite write-ahead log: which pages of the database it replaces.
 *
 * Source: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. Frames count up to the last commit frame whose
 * salts and cumulative checksum agree with the log's header; what lies behind is an older run of the log. */
#ifndef VARVE_WORKER_ANALYZE_RPM_WAL_H
#define VARVE_WORKER_ANALYZE_RPM_WAL_H

#include "base/arena.h"
#include "base/err.h"

struct rpm_wal_frame {
	uint32_t page;  /* from 1 */
	uint32_t index; /* of the frame, from 0 */
};

struct rpm_wal {
	struct slice          bytes;
	uint32_t              page_bytes;
	uint32_t              database_pages; /* size of the database after the last commit; 0 = nothing committed */
	struct rpm_wal_frame *frames;         /* sorted by page, one per page (the newest) */
	size_t                frames_count;
};

/* Empty bytes, and a log without a committed frame, give an empty overlay. ERR_FORMAT: not a log at all, or of another
 * page size than `page_bytes`. ERR_MEM. `bytes` is borrowed, the frames live in `arena`. */
int rpm_wal_read(struct rpm_wal *wal, struct slice bytes, uint32_t page_bytes, struct arena *arena, struct err *err);

/* The newest committed content of a page; empty when the log does not hold it. */
struct slice rpm_wal_page(const struct rpm_wal *wal, uint32_t page);

#endif
