#include "analyze/fact_index.h"

#include "base/hash.h"
#include "base/path.h"
#include "base/rng.h"

#include <string.h>

enum { BUCKETS_START = 256 };

void fact_index_init(struct fact_index *index, struct arena *arena, struct inventory *inventory)
{
	*index = (struct fact_index){.arena = arena, .inventory = inventory, .seed = random_seed()};
}

static size_t bucket_of(const struct fact_index *index, struct slice path)
{
	return (size_t)xxh64_once(path, index->seed) & (index->buckets_count - 1);
}

struct fact_node *fact_index_find(const struct fact_index *index, struct slice path)
{
	struct fact_node *node;

	if (index->buckets_count == 0 || path.len == 0)
		return NULL;
	for (node = index->buckets[bucket_of(index, path)]; node; node = node->bucket_next)
		if (slice_eq(node->path, path))
			return node;
	return NULL;
}

static bool grow_buckets(struct fact_index *index)
{
	size_t             count = index->buckets_count ? index->buckets_count * 2 : BUCKETS_START;
	struct fact_node **old = index->buckets;
	size_t             old_count = index->buckets_count;
	struct fact_node **bigger = arena_array(index->arena, count, sizeof(*bigger));

	if (!bigger)
		return false;
	index->buckets = bigger;
	index->buckets_count = count;
	for (size_t i = 0; i < old_count; i++)
		while (old[i]) {
			struct fact_node *node = old[i];
			size_t            to = bucket_of(index, node->path);

			old[i] = node->bucket_next;
			node->bucket_next = bigger[to];
			bigger[to] = node;
		}
	return true;
}

/* Makes the node of `path`, whose bytes already live as long as the index. Its parent is set by the caller. */
static struct fact_node *new_node(struct fact_index *index, struct slice path)
{
	struct fact_node *node;
	size_t            bucket;

	if (index->nodes_count >= index->buckets_count && !grow_buckets(index))
		return NULL;
	node = arena_alloc(index->arena, sizeof(*node));
	if (!node)
		return NULL;
	bucket = bucket_of(index, path);
	node->path = path;
	node->bucket_next = index->buckets[bucket];
	index->buckets[bucket] = node;
	index->nodes_count++;
	return node;
}

static void adopt(struct fact_node *parent, struct fact_node *node)
{
	node->parent = parent;
	node->sibling_after = parent->child;
	if (parent->child)
		parent->child->sibling_before = node;
	parent->child = node;
}

struct fact_node *fact_index_add(struct fact_index *index, struct slice path)
{
	struct fact_node *wanted = fact_index_find(index, path), *child = NULL;

	if (wanted)
		return wanted;
	path = arena_copy(index->arena, path);
	if (path.len == 0)
		return NULL;
	while (path.len) {
		struct fact_node *found = child ? fact_index_find(index, path) : NULL;
		struct fact_node *node = found ? found : new_node(index, path);

		if (!node)
			return NULL;
		if (child)
			adopt(node, child);
		else
			wanted = node;
		if (found)
			return wanted;
		child = node;
		path = path_dirname(path);
	}
	adopt(&index->root, child);
	return wanted;
}

struct fact_mark fact_mark_now(const struct inventory *inventory)
{
	return (struct fact_mark){inventory->dbs_count, inventory->os_releases_count, inventory->owners_count,
				  inventory->licenses_count, inventory->hashes_count};
}

struct fact_content *fact_index_content(struct fact_index *index, struct fact_node *node)
{
	if (!node->content) {
		node->content = arena_alloc(index->arena, sizeof(*node->content));
		if (node->content)
			node->content->first = node->content->last = node;
	}
	return node->content;
}

bool fact_node_is_link(const struct fact_node *node)
{
	return node->content && node->content->first != node;
}

void fact_index_own(struct fact_index *index, struct fact_node *node, struct fact_mark from)
{
	struct fact_content *content = fact_index_content(index, node);

	if (!content)
		return;
	content->from = from;
	content->to = fact_mark_now(index->inventory);
	content->has_facts = memcmp(&content->from, &content->to, sizeof(content->from)) != 0;
}

static void drop_facts(struct inventory *inv, const struct fact_content *content)
{
	for (size_t i = content->from.dbs; i < content->to.dbs; i++)
		inv->dbs[i].dropped = true;
	for (size_t i = content->from.os_releases; i < content->to.os_releases; i++)
		inv->os_releases[i].dropped = true;
	for (size_t i = content->from.owners; i < content->to.owners; i++)
		inv->owners[i].dropped = true;
	for (size_t i = content->from.licenses; i < content->to.licenses; i++)
		inv->licenses[i].dropped = true;
	for (size_t i = content->from.hashes; i < content->to.hashes; i++)
		inv->hashes[i].dropped = true;
}

static void move_facts(struct inventory *inv, const struct fact_content *content)
{
	struct slice path = arena_copy(&inv->arena, content->first->path);
	bool         by_magic = !content->first->by_name;

	for (size_t i = content->from.dbs; i < content->to.dbs; i++) {
		inv->dbs[i].path = path;
		inv->dbs[i].by_magic = by_magic;
	}
	for (size_t i = content->from.os_releases; i < content->to.os_releases; i++) {
		inv->os_releases[i].path = path;
		inv->os_releases[i].by_magic = by_magic;
	}
	for (size_t i = content->from.owners; i < content->to.owners; i++)
		inv->owners[i].path = path;
	for (size_t i = content->from.licenses; i < content->to.licenses; i++)
		inv->licenses[i].path = path;
	for (size_t i = content->from.hashes; i < content->to.hashes; i++)
		inv->hashes[i].path = path;
}

static void take_name_away(struct fact_node *name)
{
	struct fact_content *content = name->content;

	*(name->name_before ? &name->name_before->name_after : &content->first) = name->name_after;
	*(name->name_after ? &name->name_after->name_before : &content->last) = name->name_before;
	name->name_before = name->name_after = NULL;
	name->content = NULL;
}

void fact_index_link(struct fact_index *index, struct fact_node *link, struct fact_node *target)
{
	struct fact_content *content = fact_index_content(index, target);

	if (!content || link->content == content)
		return;
	link->content = content;
	link->name_before = content->last;
	content->last->name_after = link;
	content->last = link;
}

/* Nothing is known of the content (it lay in a lower layer, or no analyzer knew it): the links lead nowhere now. */
static void disinherit(struct fact_index *index, struct fact_content *content)
{
	while (content->first) {
		struct fact_node *link = content->first;

		inventory_note(index->inventory, NOTE_SKIPPED, link->path,
			       "link_target_replaced: a hard link to content that a later entry of the layer replaces");
		take_name_away(link);
	}
}

/* The content that links still lead to lives on under the oldest of them; the others lead there. */
static void bequeath(struct fact_index *index, struct fact_content *content)
{
	content->moved = content->has_facts;
	if (content->pending)
		index->pending_moved(index->data, content->pending, content->first);
}

static void drop_own(struct fact_index *index, struct fact_node *node)
{
	struct fact_content *content = node->content;
	bool                 is_link = fact_node_is_link(node);

	if (!content)
		return;
	take_name_away(node);
	if (is_link)
		return;
	if (!content->has_facts && !content->pending) {
		disinherit(index, content);
	} else if (content->first) {
		bequeath(index, content);
	} else {
		drop_facts(index->inventory, content);
		if (content->pending)
			index->pending_moved(index->data, content->pending, NULL);
	}
}

void fact_index_settle(struct fact_index *index)
{
	for (struct fact_node *node = &index->root; node; node = fact_index_next(index, node))
		if (node->content && node->content->first == node && node->content->moved)
			move_facts(index->inventory, node->content);
}

static void forget(struct fact_index *index, struct fact_node *node)
{
	struct fact_node **at = &index->buckets[bucket_of(index, node->path)];

	while (*at != node)
		at = &(*at)->bucket_next;
	*at = node->bucket_next;
	index->nodes_count--;
}

static struct fact_node *next_below(struct fact_node *node, const struct fact_node *top)
{
	if (node->child)
		return node->child;
	while (node != top && !node->sibling_after)
		node = node->parent;
	return node == top ? NULL : node->sibling_after;
}

struct fact_node *fact_index_next(const struct fact_index *index, struct fact_node *node)
{
	return next_below(node, &index->root);
}

void fact_index_replace(struct fact_index *index, struct slice path, bool directory)
{
	struct fact_node *top = fact_index_find(index, path);

	if (!top)
		return;
	drop_own(index, top);
	if (directory)
		return;
	for (struct fact_node *node = next_below(top, top); node; node = next_below(node, top))
		drop_own(index, node);
	for (struct fact_node *node = next_below(top, top); node; node = next_below(node, top))
		forget(index, node);
	top->child = NULL;
}
