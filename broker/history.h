/* history.h - rows of counts, one for each job that has ended and each judgement: what there was then.
 *
 * Computed when everything is indexed and judged, put once (catalog_history_put()); what has a row keeps it whatever comes
 * later. Blocking; any thread. */
#ifndef VARVE_BROKER_HISTORY_H
#define VARVE_BROKER_HISTORY_H

#include "advisory_share.h"
#include "store/catalog_finding.h"

/* The next row that is missing: 1; 0: none is, or images still wait to be indexed. Texts are in `arena`. */
int history_next(struct catalog *catalog, struct advisory_share *share, struct arena *arena, struct history_row *out,
		 struct err *err);

struct question;

/* Appends a document varve.history/1: rows from `from_ms` (Unix time) on. */
int history_answer(struct question *q, uint64_t from_ms, struct buf *out, struct err *err);

#endif
