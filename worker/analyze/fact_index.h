/* fact_index.h - which paths of one layer hold facts, and which hard links lead to them.
 *
 * A tree of paths with a hash table over it, so that an entry that replaces an earlier one (or a whole folder) finds
 * the facts to take away in time proportional to what it takes away. Facts are ranges of the inventory's arrays: they
 * are appended while one entry is analysed, so each path's facts lie together. Owner: one thread; memory: `arena`. */
#ifndef VARVE_WORKER_ANALYZE_FACT_INDEX_H
#define VARVE_WORKER_ANALYZE_FACT_INDEX_H

#include "base/arena.h"
#include "model/inventory.h"

struct fact_mark {
	size_t dbs, os_releases, owners, licenses, hashes;
};

struct fact_node {
	struct slice      path;
	struct fact_node *parent, *child, *sibling_before, *sibling_after;
	struct fact_node *bucket_next;
	struct fact_node *link_target; /* not NULL: a hard link whose content is that path's */
	struct fact_node *links, *link_before,
		*link_after; /* the links to this path, oldest first; this one's place among its siblings */
	struct fact_node *links_last;
	struct fact_mark  from, to;
	bool              has_facts;
	bool              by_name; /* an analyzer wants this path whatever its content */
	void             *pending; /* the dispatcher's: a body that waits for the end of the layer */
};

struct fact_index {
	struct arena      *arena;
	struct inventory  *inventory;
	struct fact_node   root;
	struct fact_node **buckets;
	size_t             buckets_count, nodes_count;
	/* A body in waiting is moved to another path (heir) or given up (NULL). */
	void (*pending_moved)(void *data, void *pending, struct fact_node *heir);
	void *data;
};

void fact_index_init(struct fact_index *index, struct arena *arena, struct inventory *inventory);

struct fact_node *fact_index_find(const struct fact_index *index,
				  struct slice             path);                          /* NULL: nothing known there or below */
struct fact_node *fact_index_add(struct fact_index *index, struct slice path); /* finds or makes; NULL: arena full */

/* Where the next fact will be; what lies between two marks belongs to `node`. */
struct fact_mark fact_mark_now(const struct inventory *inventory);
void             fact_index_own(struct fact_index *index, struct fact_node *node, struct fact_mark from);

/* `link` (just entered, empty) leads to what is at `target` now, through other links if need be. */
void fact_index_link(struct fact_index *index, struct fact_node *link, struct fact_node *target);

/* An entry stands at `path` now: facts of an earlier entry there are gone, below it too unless it is a directory. */
void fact_index_replace(struct fact_index *index, struct slice path, bool directory);

/* The next node in an order where parents come first; start with &index->root, NULL at the end. */
struct fact_node *fact_index_next(const struct fact_index *index, struct fact_node *node);

#endif
