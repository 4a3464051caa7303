/* top.h - what to fix first: the package upgrades, layers and base images that clear most of what is found, over all images.
 *
 * A document varve.top/1 (docs/schema/varve.top.1.json). Each finding in each image weighs by its severity (the weights are in the
 * document). Images are the latest of their place. Blocking; any thread. */
#ifndef VARVE_BROKER_TOP_H
#define VARVE_BROKER_TOP_H

#include "question.h"

struct top_request {
	struct slice prefix; /* of references, with or without "docker://"; empty: all images */
	size_t       limit;  /* rows of each list; 0 = all */
};

int top_answer(struct question *q, const struct top_request *request, struct buf *out, struct err *err);

#endif
