/* index_image.h - computes what one finished image is for the catalog's index: its set, with what of it is new there.
 *
 * Equal content gives an equal set whatever the image is called: what it is computed from is hashed first, and when the
 * index has a set for that nothing more is read. Blocking; any thread, with a view of its own. */
#ifndef VARVE_BROKER_INDEX_IMAGE_H
#define VARVE_BROKER_INDEX_IMAGE_H

#include "store/catalog_index_write.h"

/* Everything of `out` is in `keep`; memory that is needed meanwhile is given back. An image whose record cannot be read is
 * `unreadable`, which is no error. ERR_MEM, ERR_LIMIT, ERR_STORE (the index is damaged). */
int index_image_compute(struct catalog_view *view, const struct index_queued *queued, struct arena *keep,
			struct index_new_image *out, struct err *err);

/* The parts of a package's name by which it is found, by kind; empty = none, or the same as the first. */
struct package;
void index_names_of(const struct package *package, struct slice names[INDEX_NAME_KINDS]);

#endif
