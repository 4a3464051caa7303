/* analyzer_index.h - which analyzers may want a file, told from the last component of its path in a few look-ups.
 *
 * Asked for every file of every layer: with eighty analyzers, calling each one's wants() would cost more than the tar. */
#ifndef VARVE_WORKER_ANALYZE_ANALYZER_INDEX_H
#define VARVE_WORKER_ANALYZE_ANALYZER_INDEX_H

#include "analyze/analyzer_table.h"
#include "base/arena.h"
#include "base/map.h"

struct analyzer_bits {
	uint64_t words[ANALYZERS_MAX / 64];
};

void analyzer_bits_set(struct analyzer_bits *bits, size_t analyzer);
bool analyzer_bits_any(const struct analyzer_bits *bits);

/* The first analyzer in the set from `from` on, or SIZE_MAX: for (i = next(b, 0); i != SIZE_MAX; i = next(b, i + 1)) */
size_t analyzer_bits_next(const struct analyzer_bits *bits, size_t from);

struct analyzer_index {
	struct analyzer_bits every; /* those without names */
	struct map           names, beginnings, endings;
};

/* False without memory. Its sets lie in the arena, which must outlive it. */
bool analyzer_index_init(struct analyzer_index *index, struct arena *arena);
void analyzer_index_deinit(struct analyzer_index *index);

struct analyzer_bits analyzer_index_find(const struct analyzer_index *index, struct slice path);

#endif
