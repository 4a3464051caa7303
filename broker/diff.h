/* diff.h - what differs between two images, two jobs, two days, or an image and its base: packages and vulnerabilities.
 *
 * A document varve.diff/1 (docs/schema/varve.diff.1.json). Both sides are judged by the advisories of now, so that a difference is
 * one of content. Blocking; any thread. */
#ifndef VARVE_BROKER_DIFF_H
#define VARVE_BROKER_DIFF_H

#include "question.h"

/* A side is named by: "job:N"; "night:YYYY-MM-DD" (every job that ended on that day, UTC; of an image the last); a reference, with
 * or without "docker://"; a manifest's digest. */
struct diff_request {
	struct slice a, b;
	struct slice platform; /* of images: needed where a reference has several */
	bool         base; /* `a` is not given: it is the known image whose layers are the longest beginning of b's */
};

/* Appends the document. ERR_NOT_FOUND, ERR_USAGE. */
int diff_answer(struct question *q, const struct diff_request *request, struct buf *out, struct err *err);

#endif
