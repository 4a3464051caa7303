/* advisories_memory.h - advisories kept in memory: for tests, fuzzing and small sets read from files.
 *
 * Owner: one thread. Fill with add, then seal; look up only after that. */
#ifndef VARVE_MATCH_ADVISORIES_MEMORY_H
#define VARVE_MATCH_ADVISORIES_MEMORY_H

#include "match/advisories.h"

struct advisories_memory;

struct advisories_memory *advisories_memory_new(size_t bytes_max); /* NULL without memory */
void                      advisories_memory_free(struct advisories_memory *memory);

/* One OSV record as JSON. A second one of the same id replaces the first if it is newer (by `modified`). */
int advisories_memory_add(struct advisories_memory *memory, struct slice json, struct err *err);

/* Sorts and computes generation, date and feeds. NULL with ERR_MEM in err. Lives as long as `memory`. */
const struct advisories *advisories_memory_seal(struct advisories_memory *memory, struct err *err);

#endif
