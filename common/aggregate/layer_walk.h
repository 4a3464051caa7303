/* layer_walk.h - lays one layer over the tree: what its path table names takes away what the layers below left. */
#ifndef VARVE_AGGREGATE_LAYER_WALK_H
#define VARVE_AGGREGATE_LAYER_WALK_H

#include "aggregate/tree.h"
#include "base/err.h"

/* Reads `path_table` once, in order. Whiteouts and opaque marks touch only what lower layers set. The layer's symlinks
 * are entered as they come, so that later entries are led through them, as an unpacking runtime would. Beyond
 * LIMIT_TREE_LINKS symlinks only those on the way to something in the tree are entered, and *links_left_out says so.
 * ERR_FORMAT, ERR_VERSION, ERR_LIMIT, ERR_MEM. */
int layer_walk(struct tree *tree, struct slice path_table, uint32_t layer, bool *links_left_out, struct err *err);

#endif
