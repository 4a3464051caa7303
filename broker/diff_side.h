/* diff_side.h - the images that one side of a diff names; used by diff.c alone. */
#ifndef VARVE_BROKER_DIFF_SIDE_H
#define VARVE_BROKER_DIFF_SIDE_H

#include "diff.h"

struct diff_image {
	struct slice reference, platform; /* how the image is known on both sides */
	uint64_t     set;
	size_t       order; /* in which it was read: of two with one key the later one counts */
};

struct diff_side {
	struct diff_image *images; /* by reference, platform; each once */
	size_t             count, capacity;
};

int diff_side_read(struct question *q, struct slice name, struct slice platform, struct diff_side *out,
		   struct err *err);
/* The base of the one image of `of`. */
int diff_side_base(struct question *q, const struct diff_side *of, struct diff_side *out, struct err *err);

#endif
