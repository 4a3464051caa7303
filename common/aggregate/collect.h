/* collect.h - from the tree after the last layer to what the image holds: its distribution and its packages. */
#ifndef VARVE_AGGREGATE_COLLECT_H
#define VARVE_AGGREGATE_COLLECT_H

#include "aggregate/aggregate.h"
#include "aggregate/facts.h"
#include "model/result.h"

/* Notes of a result, as they grow. */
struct note_list {
	struct image_result *result;
	struct arena        *arena;
	size_t               notes_capacity, layers_capacity;
};

void note_list_add(struct note_list *list, uint32_t layer, struct note note); /* its slices are in the arena */

/* Fills result->os, packages, and notes about databases passed over; everything is copied into the arena. `layers` are
 * those of the tree, for the lists of owned files. 0, ERR_MEM, ERR_LIMIT. */
int collect(struct fact_store *store, const struct aggregate_layer *layers, size_t layers_count,
	    struct note_list *notes);

#endif
