/* rematch.h - what has come and gone with the advisories since an earlier judgement: vulnerability x package x images.
 *
 * A document varve.rematch/1 (docs/schema/varve.rematch.1.json), computed from the log of findings and the catalog's index.
 * Images are those that are the latest of their place now. Blocking; any thread. */
#ifndef VARVE_BROKER_REMATCH_H
#define VARVE_BROKER_REMATCH_H

#include "question.h"

struct rematch_request {
	uint64_t     since;      /* judgement; 0: by `generation` */
	struct slice generation; /* of advisories, or its beginning; empty: the judgement before the last */
	bool         brief;      /* without the lists of images of each package */
	size_t bytes_max; /* of the document: without the lists of images and layers, and of the packages what fits; 0 = all */
};

struct rematch_summary {
	uint64_t from, to;                                   /* judgements */
	uint64_t come[SEVERITY_COUNT], gone[SEVERITY_COUNT]; /* image by image */
	uint64_t images;                                     /* that something has changed for */
	bool     first;                                      /* there is nothing to compare with */
};

/* Appends the document. ERR_NOT_FOUND: nothing was judged yet, or no such judgement that can be compared with. */
int rematch_answer(struct question *q, const struct rematch_request *request, struct buf *out,
		   struct rematch_summary *summary, struct err *err);

#endif
