/* presence.h - since which layer each package has been installed without a gap.
 *
 * Packages are counted by type, name, version and architecture, over all databases of the image as it stands after a
 * layer. One that is taken away and put back by the same layer (a database rewritten) has no gap. Owner: one thread. */
#ifndef VARVE_AGGREGATE_PRESENCE_H
#define VARVE_AGGREGATE_PRESENCE_H

#include "model/package.h"

struct presence_entry;

struct presence {
	struct presence_entry *entries;
	size_t                 capacity, used;
	uint64_t               seed;   /* drawn with the first entries */
	bool                   failed; /* out of memory */
};

void presence_deinit(struct presence *p);
void presence_add(struct presence *p, const struct package *package, uint32_t layer);
void presence_remove(struct presence *p, const struct package *package, uint32_t layer);

/* UINT32_MAX when it is not there. */
uint32_t presence_introduced(const struct presence *p, const struct package *package);

#endif
