/* owners.h - which package of the distribution owns a file: the lists of all layers, joined.
 *
 * A language component whose evidence a distribution package owns is that package, not one of its own (TRAPS E1). The
 * lists name files as they were before a usr-merge; here every path is led through the image's symlinks, so ask with a
 * real path (result_package.paths are). Only files that owned_path_kept() kept are known. Hostile input as aggregate.h.
 */
#ifndef VARVE_AGGREGATE_OWNERS_H
#define VARVE_AGGREGATE_OWNERS_H

#include "aggregate/aggregate.h"

struct owned_path {
	struct slice path;    /* real */
	struct slice package; /* as the list gives it: "libc6:amd64" for dpkg, else the name */
	uint32_t     layer;   /* of the list: evidence of a higher layer was put there by somebody else */
};

struct owned_paths {
	struct owned_path *items; /* by path_cmp(), then package */
	size_t             count;
};

/* In the arena. A layer without inventory, or with a damaged one, adds nothing. ERR_MEM, ERR_LIMIT. */
int aggregate_owners(const struct aggregate_layer *layers, size_t layers_count, struct arena *arena,
		     struct owned_paths *owned, struct err *err);

const struct owned_path *owned_paths_find(const struct owned_paths *owned,
					  struct slice              path); /* the first of it, or NULL */

#endif
