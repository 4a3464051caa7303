/* results.h - what the catalog knows about one image as the record that reports print: aggregate, then match.
 *
 * Used by the broker's aggregation threads and by `--store` read commands: the same bytes come out of both. Blocking,
 * reads in short transactions. A `struct results` belongs to one thread; several may share the catalog. */
#ifndef VARVE_BROKER_RESULTS_H
#define VARVE_BROKER_RESULTS_H

#include "model/result.h"
#include "store/catalog.h"

struct results;
struct advisory_share;

/* db_dir: advisories; NULL = "<store>/advisories"; absent or unusable: results without matching, `notice` says why. */
int                    results_open(struct catalog *catalog, const char *db_dir, struct results **out, struct err *err);
/* For another thread: same catalog, same advisories, which a process may open only once. NULL without memory. Any thread. */
struct results        *results_open_beside(const struct results *other);
void                   results_close(struct results *results);
/* The advisories that they are judged by; hold it to keep it. */
struct advisory_share *results_share(const struct results *results);
const char            *results_notice(const struct results *results); /* "" when matching works */

/* Image number `image` (in order of finishing) of `job`. ERR_NOT_FOUND past the last; ERR_STORE, ERR_MEM, ERR_LIMIT. */
int results_load(struct results *results, uint64_t job, uint64_t image, struct arena *arena, struct image_result *out,
		 struct err *err);

#endif
