/* stats.h - `--stats FILE`: the figures of one scan as a JSON object (varve(1), STATISTICS). */
#ifndef VARVE_TOOLS_STATS_H
#define VARVE_TOOLS_STATS_H

#include "base/buf.h"
#include "base/err.h"
#include "source/source.h"
#include "wire/message.h"

struct stats {
	struct wire_job_status job;
	struct source_stats    source;
	uint64_t               wall_ms, cpu_ms, peak_memory_bytes;
};

uint64_t stats_peak_memory_bytes(void); /* of this process: ru_maxrss */
void     stats_text(const struct stats *stats, struct buf *out);
int      stats_write(const char *path, const struct stats *stats, struct err *err);

#endif
