/* fact_index.h - which paths of one layer hold facts, and which hard links lead to them.
 *
 * A tree of paths with a hash table over it, so that an entry that replaces an earlier one (or a whole folder) finds
 * the facts to take away in time proportional to what it takes away. A content is what one body said; its names are the
 * path it came under and the hard links made to it. Facts are ranges of the inventory's arrays: they are appended while
 * one entry is analysed, so each content's facts lie together. Owner: one thread; memory: `arena`. */
#ifndef VARVE_WORKER_ANALYZE_FACT_INDEX_H
#define VARVE_WORKER_ANALYZE_FACT_INDEX_H

#include "base/arena.h"
#include "model/inventory.h"

struct fact_mark {
	size_t dbs, os_releases, owners, licenses, hashes;
};

struct fact_content {
	struct fact_node *first,
		*last; /* its names, oldest first; the first is where the content is, the others lead there */
	struct fact_mark from, to;
	bool             has_facts;
	bool             moved;   /* the facts still bear the path of a name that is gone */
	void            *pending; /* the dispatcher's: a body that waits for the end of the layer */
};

struct fact_node {
	struct slice         path;
	struct fact_node    *parent, *child, *sibling_before, *sibling_after;
	struct fact_node    *bucket_next;
	struct fact_content *content;                  /* NULL: nothing is known there */
	struct fact_node    *name_before, *name_after; /* among the names of `content` */
	bool                 by_name;                  /* an analyzer wants this path whatever its content */
	bool                 database; /* … and it is one of those that hold packages or name the system */
};

struct fact_index {
	struct arena      *arena;
	struct inventory  *inventory;
	struct fact_node   root;
	struct fact_node **buckets;
	size_t             buckets_count, nodes_count;
	uint64_t           seed; /* drawn, so that no layer can choose paths that fall into one bucket */
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

/* The content at `node`, made if there is none; NULL: arena full. And whether `node` only leads to it. */
struct fact_content *fact_index_content(struct fact_index *index, struct fact_node *node);
bool                 fact_node_is_link(const struct fact_node *node);

/* `link` (just entered, empty) leads to what is at `target` now, through other links if need be. */
void fact_index_link(struct fact_index *index, struct fact_node *link, struct fact_node *target);

/* An entry stands at `path` now: facts of an earlier entry there are gone, below it too unless it is a directory. */
void fact_index_replace(struct fact_index *index, struct slice path, bool directory);

/* At the end: facts whose first name was replaced get the path of the oldest that is left. */
void fact_index_settle(struct fact_index *index);

/* The next node in an order where parents come first; start with &index->root, NULL at the end. */
struct fact_node *fact_index_next(const struct fact_index *index, struct fact_node *node);

#endif
