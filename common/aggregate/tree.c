#include "aggregate/tree.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/rng.h"

#include <string.h>

enum { BUCKETS_START = 1024 };

void tree_init(struct tree *tree, size_t bytes_max)
{
	*tree = (struct tree){.seed = random_seed()};
	arena_init(&tree->arena, bytes_max);
}

void tree_deinit(struct tree *tree)
{
	arena_deinit(&tree->arena);
}

bool tree_failed(const struct tree *tree)
{
	return arena_failed(&tree->arena) || tree->steps > LIMIT_TREE_STEPS;
}

static size_t bucket_of(const struct tree *tree, const struct tree_node *parent, struct slice name)
{
	return (size_t)xxh64_once(name, tree->seed + parent->id) & (tree->buckets_count - 1);
}

struct tree_node *tree_child(const struct tree *tree, const struct tree_node *node, struct slice name)
{
	struct tree_node *child;

	if (tree->buckets_count == 0 || !node->child)
		return NULL;
	child = tree->buckets[bucket_of(tree, node, name)];
	while (child && (child->parent != node || !slice_eq(child->name, name)))
		child = child->bucket_next;
	return child;
}

static bool grow_buckets(struct tree *tree)
{
	struct tree_node **old = tree->buckets;
	size_t             old_count = tree->buckets_count;
	size_t             count = old_count ? old_count * 2 : BUCKETS_START;
	struct tree_node **bigger = arena_array(&tree->arena, count, sizeof(struct tree_node *));

	if (!bigger)
		return false;
	tree->buckets = bigger;
	tree->buckets_count = count;
	for (size_t i = 0; i < old_count; i++)
		while (old[i]) {
			struct tree_node *node = old[i];
			size_t            to = bucket_of(tree, node->parent, node->name);

			old[i] = node->bucket_next;
			node->bucket_next = bigger[to];
			bigger[to] = node;
		}
	return true;
}

struct tree_node *tree_make_child(struct tree *tree, struct tree_node *node, struct slice name)
{
	struct tree_node *child = tree_child(tree, node, name);
	size_t            bucket;

	if (child)
		return child;
	if (tree->nodes_count >= tree->buckets_count && !grow_buckets(tree))
		return NULL;
	child = arena_alloc(&tree->arena, sizeof(*child));
	if (!child)
		return NULL;
	child->name = arena_copy(&tree->arena, name);
	if (arena_failed(&tree->arena))
		return NULL;
	child->id = ++tree->nodes_count;
	child->parent = node;
	child->sibling = node->child;
	node->child = child;
	bucket = bucket_of(tree, node, child->name);
	child->bucket_next = tree->buckets[bucket];
	tree->buckets[bucket] = child;
	return child;
}

/* A walk that stands at `node` with `rest` still to go; behind a symlink the rest of the outer path waits. */
struct walk {
	struct tree_node *node;
	struct slice      rest[LIMIT_SYMLINK_CHAIN + 1];
	size_t            depth;
	unsigned          links;
};

static bool is_last(const struct walk *w)
{
	for (size_t i = 0; i <= w->depth; i++)
		if (w->rest[i].len)
			return false;
	return true;
}

/* False: too many symlinks. */
static bool follow(struct tree *tree, struct walk *w, struct tree_node *link)
{
	if (++w->links > LIMIT_SYMLINK_CHAIN)
		return false;
	w->node = link->link.len && link->link.ptr[0] == '/' ? &tree->root : link->parent;
	if (w->rest[w->depth].len)
		w->depth++;
	w->rest[w->depth] = link->link;
	return true;
}

static bool step(struct tree *tree, struct walk *w, struct slice name, unsigned how)
{
	struct tree_node *child;

	if (++tree->steps > LIMIT_TREE_STEPS)
		return false;
	if (name.len == 0 || slice_eq_str(name, "."))
		return true;
	if (slice_eq_str(name, "..")) {
		w->node = w->node->parent ? w->node->parent : w->node;
		return true;
	}
	/* inside a symlink's target nodes are made, so that ".." leads back and what is named there has a place */
	child = how & TREE_MAKE || w->links ? tree_make_child(tree, w->node, name) : tree_child(tree, w->node, name);
	if (!child)
		return false;
	if (child->is_link && (how & TREE_FOLLOW_LAST || !is_last(w)))
		return follow(tree, w, child);
	w->node = child;
	return true;
}

static struct tree_node *run_walk(struct tree *tree, struct walk *w, unsigned how)
{
	for (;;) {
		while (w->rest[w->depth].len == 0) {
			if (w->depth == 0)
				return w->node;
			w->depth--;
		}
		if (!step(tree, w, slice_cut(&w->rest[w->depth], '/'), how))
			return NULL;
	}
}

struct tree_node *tree_walk(struct tree *tree, struct slice path, unsigned how)
{
	struct walk w = {.node = &tree->root, .rest = {path}};

	return run_walk(tree, &w, how);
}

struct tree_node *tree_enter(struct tree *tree, struct tree_node *node, struct slice name)
{
	struct tree_node *child = tree_child(tree, node, name);
	struct walk       w = {0};

	if (!child || !child->is_link)
		return child;
	return follow(tree, &w, child) ? run_walk(tree, &w, TREE_FOLLOW_LAST) : NULL;
}

struct tree_node *tree_make_plain(struct tree *tree, struct slice path)
{
	struct tree_node *node = &tree->root;

	while (node && path.len)
		node = tree_make_child(tree, node, slice_cut(&path, '/'));
	return node;
}

static void count(struct tree *tree, struct tree_node *node, bool more)
{
	for (; node; node = node->parent, tree->steps++)
		node->live += more ? 1 : (size_t)-1;
}

static void clear_link(struct tree *tree, struct tree_node *node)
{
	node->is_link = false;
	tree->links_count--;
	count(tree, node, false);
}

void tree_set_link(struct tree *tree, struct tree_node *node, struct slice target, uint32_t layer)
{
	if (!node->is_link) {
		count(tree, node, true);
		tree->links_count++;
	}
	node->is_link = true;
	node->link_layer = layer;
	node->link = arena_copy(&tree->arena, target);
}

void tree_set_facts(struct tree *tree, struct tree_node *node, struct facts *facts, uint32_t layer)
{
	node->facts = facts;
	node->facts_layer = layer;
	count(tree, node, true);
}

static void take_facts(struct tree *tree, struct tree_node *node, uint32_t layer)
{
	node->removed = node->facts;
	node->removed_layer = layer;
	node->facts = NULL;
	node->removed_next = tree->removed;
	tree->removed = node;
	count(tree, node, false);
}

void tree_clear(struct tree *tree, struct tree_node *node, uint32_t layer)
{
	if (node->is_link && node->link_layer < layer)
		clear_link(tree, node);
	if (node->facts && node->facts_layer < layer)
		take_facts(tree, node, layer);
}

static struct tree_node *next_live(struct tree_node *node, const struct tree_node *top, uint64_t *steps)
{
	struct tree_node *next = node->child;

	for (;;) {
		for (++*steps; next && next->live == 0; ++*steps)
			next = next->sibling;
		if (next || node == top)
			return next;
		next = node->sibling;
		node = node->parent;
	}
}

struct tree_node *tree_next_live(struct tree_node *node, const struct tree_node *top)
{
	uint64_t steps = 0;

	return next_live(node, top, &steps);
}

void tree_remove_below(struct tree *tree, struct tree_node *node, uint32_t layer)
{
	struct tree_node *below = node;

	while (node->live && (below = next_live(below, node, &tree->steps)))
		tree_clear(tree, below, layer);
}

void tree_remove(struct tree *tree, struct tree_node *node, uint32_t layer)
{
	tree_remove_below(tree, node, layer);
	tree_clear(tree, node, layer);
}

struct slice tree_path(const struct tree_node *node, struct arena *arena)
{
	size_t   len = 0;
	uint8_t *text;

	for (const struct tree_node *at = node; at->parent; at = at->parent)
		len += at->name.len + 1;
	text = arena_alloc(arena, len + 1);
	if (!text || len == 0)
		return SLICE_EMPTY;
	for (size_t end = len; node->parent; node = node->parent) {
		end -= node->name.len + 1;
		memcpy(text + end, node->name.ptr, node->name.len);
		text[end + node->name.len] = '/';
	}
	return slice_of(text, len - 1);
}
