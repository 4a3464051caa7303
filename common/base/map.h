/* map.h - hash table from byte keys to pointers (open addressing, XXH3); grows, never shrinks.
 *
 * Owner: one thread. Keys are borrowed: they must live and stay the same as long as they are in. No order. */
#ifndef VARVE_BASE_MAP_H
#define VARVE_BASE_MAP_H

#include "base/slice.h"

struct map_slot {
	uint64_t     hash;
	struct slice key;
	void        *value; /* NULL = empty; MAP_GONE inside map.c = deleted */
};

struct map {
	struct map_slot *slots;
	size_t           capacity; /* zero or a power of two */
	size_t           count;
	size_t           used; /* with deleted ones */
	uint64_t         seed; /* set before the first put where keys come from outside */
};

void  map_deinit(struct map *map);                             /* the values are the caller's */
void *map_get(const struct map *map, struct slice key);        /* NULL = absent */
bool  map_put(struct map *map, struct slice key, void *value); /* replaces; false without memory; value not NULL */
void *map_remove(struct map *map, struct slice key);           /* what was there, or NULL */
void *map_next(const struct map *map,
	       size_t *position); /* walk from *position = 0; NULL at the end; removing the one just given is allowed */

#endif
