/* aggregate.h - what an image holds, computed from the inventories of its layers: no tree, no scan, no clock, no I/O.
 *
 * Pure: the same layers and image give the same result. Rule: path p of a lower layer is gone if an upper layer has p
 * itself (directory over directory excepted), a non-directory at an ancestor of p, a whiteout of p or of an ancestor,
 * or an opaque mark on an ancestor; whiteouts and opaque marks never touch their own layer. Paths are first led through
 * the directory symlinks that the layers below and the layer itself left, inside the root (docs/INVENTORY_FORMAT.md).
 *
 * Each path table is read once as a stream (again only where it holds hard links to evidence); what is kept is a tree
 * of evidence paths and symlinks alone. Inventories and path tables are hostile: a record that cannot be decoded fails
 * its layer, not the image. Any thread; no shared state. */
#ifndef VARVE_AGGREGATE_AGGREGATE_H
#define VARVE_AGGREGATE_AGGREGATE_H

#include "model/result.h"

struct aggregate_layer {
	enum layer_status status;     /* scanned, reused, partial; failed and skipped have no inventory */
	struct slice      reason;     /* for failed, skipped and partial: why */
	struct slice      inventory;  /* encoded (inventory.h), borrowed during the call; empty when there is none */
	struct slice      path_table; /* encoded (path_table.h), borrowed likewise; empty = names nothing */
};

/* `layers` matches image->layers one to one. Fills everything of `result` but coverage, vulnerabilities and
 * advisories_* (those are the matcher's): slices and arrays live in `arena`, `image` is copied. ERR_MEM, ERR_LIMIT (the
 * arena's ceiling), ERR_USAGE (layers_count differs). A failed, skipped or partial layer, or one with a partial note,
 * makes the result incomplete; what the other layers hold is reported all the same. */
int aggregate_image(const struct image *image, const struct aggregate_layer *layers, size_t layers_count,
		    struct arena *arena, struct image_result *result, struct err *err);

#endif
