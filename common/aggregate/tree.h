/* tree.h - of an image's files only those that matter: paths with facts, symlinks, and the folders on the way to them.
 *
 * Node positions are real paths (no component but the last is a symlink when it is entered). Nodes are never freed
 * before the tree; what lies at them is set and taken away layer by layer. `live` counts what is set at or below a
 * node, so that taking away a subtree costs what it holds. Owner: one thread. Full (tree_failed) once `bytes_max` is
 * reached, or LIMIT_TREE_STEPS steps were made: then less is found than is there, and the caller has to say so.
 */
#ifndef VARVE_AGGREGATE_TREE_H
#define VARVE_AGGREGATE_TREE_H

#include "base/arena.h"
#include "base/slice.h"

struct facts; /* facts.h */

struct tree_node {
	struct tree_node *parent, *child, *sibling, *bucket_next;
	struct slice      name;
	uint64_t          id;
	size_t            live;          /* links and facts at this node and below */
	uint32_t          link_layer;    /* that set `link` */
	uint32_t          facts_layer;   /* that set `facts` */
	uint32_t          removed_layer; /* that took `removed` away */
	bool              is_link;
	struct slice      link;  /* the target as written */
	struct facts     *facts; /* or NULL */
	struct facts *removed;   /* what the present layer took away: a hard link of that layer may still lead to it */
	struct tree_node *removed_next;
};

struct tree {
	struct arena       arena;
	struct tree_node   root;
	struct tree_node **buckets;
	size_t             buckets_count, nodes_count, links_count;
	uint64_t           steps;   /* components walked, nodes passed, ancestors counted */
	uint64_t           seed;    /* drawn, so that no image can choose names that fall into one bucket */
	struct tree_node  *removed; /* nodes whose `removed` is set */
};

void tree_init(struct tree *tree, size_t bytes_max);
void tree_deinit(struct tree *tree);
bool tree_failed(const struct tree *tree);

struct tree_node *tree_child(const struct tree *tree, const struct tree_node *node, struct slice name); /* or NULL */
struct tree_node *tree_make_child(struct tree *tree, struct tree_node *node, struct slice name);        /* NULL: full */

enum tree_walk { TREE_FIND = 0, TREE_MAKE = 1, TREE_FOLLOW_LAST = 2 };

/* Where `path` leads from the root, through symlinks (the last component only with TREE_FOLLOW_LAST), inside the root.
 * NULL: not in the tree (without TREE_MAKE), or more than LIMIT_SYMLINK_CHAIN symlinks on the way. */
struct tree_node *tree_walk(struct tree *tree, struct slice path, unsigned how);

/* Where the entry `name` of the folder `node` leads when used as a folder: follows it if it is a symlink. */
struct tree_node *tree_enter(struct tree *tree, struct tree_node *node, struct slice name);

/* The same as tree_walk() with TREE_MAKE but past every symlink: for a path whose symlinks loop. */
struct tree_node *tree_make_plain(struct tree *tree, struct slice path);

void tree_set_link(struct tree *tree, struct tree_node *node, struct slice target, uint32_t layer);
void tree_set_facts(struct tree *tree, struct tree_node *node, struct facts *facts, uint32_t layer); /* node had none */

/* Takes away what layers below `layer` set: at the node; at the node and below; below the node only. */
void tree_clear(struct tree *tree, struct tree_node *node, uint32_t layer);
void tree_remove(struct tree *tree, struct tree_node *node, uint32_t layer);
void tree_remove_below(struct tree *tree, struct tree_node *node, uint32_t layer);

/* The next node below `top` in an order where parents come first, skipping what is not live; start with `top`. */
struct tree_node *tree_next_live(struct tree_node *node, const struct tree_node *top);

struct slice tree_path(const struct tree_node *node, struct arena *arena); /* copied */

#endif
