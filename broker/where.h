/* where.h - which images, layers and paths hold something: a package, a vulnerability, a file, a path, a layer.
 *
 * Answered from the catalog's index. A few images that are not indexed yet are computed for the answer; of more it says how
 * many are as they were before. When a record of the index is damaged every image is read instead. Images are the latest
 * of each place that is not retired. The document: docs/schema/varve.where.1.json, sorted by image, layer, package. */
#ifndef VARVE_BROKER_WHERE_H
#define VARVE_BROKER_WHERE_H

#include "question.h"

struct where_request {
	struct slice
		what; /* package_pattern.h; id of a vulnerability; SHA-256; glob of paths that begins with '/' or "**" */
	struct slice as;     /* "package" "vulnerability" "file" "layer" "path"; empty = by how it looks */
	struct slice prefix; /* of references: no others; empty = all */
	bool         source; /* packages too that are built from a source of that name */
	bool         linear; /* read every image, not the index: the same answer, slowly */
};

/* Appends the document. ERR_USAGE; ERR_LIMIT: more than LIMIT_ANSWER_BYTES; ERR_STORE, ERR_MEM. */
int where_answer(struct question *q, const struct where_request *request, struct buf *out, struct err *err);

#endif
