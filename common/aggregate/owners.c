#include "aggregate/owners.h"

#include "aggregate/facts.h"
#include "aggregate/layer_walk.h"
#include "base/limits.h"
#include "base/path.h"

#include <stdlib.h>

enum { PARTS = INVENTORY_OWNERS | INVENTORY_LINKS };

struct join {
	struct tree         tree;
	struct fact_store   store;
	struct arena       *arena;
	struct owned_paths *owned;
	size_t              capacity, bytes_held;
	struct slice        folder, real_folder; /* the last one, and where it leads */
};

static void lay_over(struct join *j, uint32_t layer, const struct aggregate_layer *from)
{
	struct source *source = source_new(layer, &j->bytes_held);
	bool           links_left_out = false;

	if (!source)
		return;
	if (source_decode(source, from->inventory, PARTS, NULL) == 0) {
		if (from->path_table.len)
			(void)layer_walk(&j->tree, from->path_table, layer, &links_left_out, NULL);
		facts_attach(&j->store, source);
		facts_settle(&j->store);
	}
	source_release(source);
}

/* Where a folder leads; what is not in the tree has no symlink on its way. */
static struct slice real_folder(struct join *j, struct slice folder)
{
	struct slice      known = folder, rest = SLICE_EMPTY, real;
	struct tree_node *node;

	if (slice_eq(folder, j->folder))
		return j->real_folder;
	while (!(node = tree_walk(&j->tree, known, TREE_FOLLOW_LAST)) && known.len) {
		known = path_dirname(known);
		rest = slice_from(folder, known.len ? known.len + 1 : 0);
	}
	real = node ? tree_path(node, j->arena) : folder;
	if (node && rest.len)
		real = arena_printf(j->arena, "%.*s%s%.*s", SLICE_FMT(real), real.len ? "/" : "", SLICE_FMT(rest));
	j->folder = folder;
	j->real_folder = real;
	return real;
}

static void add_file(struct join *j, struct slice package, struct slice file, uint32_t layer)
{
	struct owned_paths *owned = j->owned;
	struct slice        folder = real_folder(j, path_dirname(file)), name = path_basename(file);

	if (!arena_grow(j->arena, &owned->items, &j->capacity, owned->count, sizeof(*owned->items)))
		return;
	owned->items[owned->count++] = (struct owned_path){
		.path = arena_printf(j->arena, "%.*s%s%.*s", SLICE_FMT(folder), folder.len ? "/" : "", SLICE_FMT(name)),
		.package = package,
		.layer = layer};
}

static void add_list(struct join *j, const struct facts *facts)
{
	struct slice package = arena_copy(j->arena, facts->owners->package);

	for (size_t i = 0; i < facts->owners->files_count && !arena_failed(j->arena); i++)
		add_file(j, package, facts->owners->files[i], facts->source->layer);
	j->folder = j->real_folder = SLICE_EMPTY;
}

static int compare_paths(const void *a, const void *b)
{
	const struct owned_path *x = a, *y = b;
	int                      order = path_cmp(x->path, y->path);

	return order ? order : slice_cmp(x->package, y->package);
}

/* Lists of a database that was found by its content alone own nothing: it may be a backup. */
static bool is_list(struct slice path)
{
	return slice_starts(path, "var/lib/dpkg/") || slice_starts(path, "var/lib/pacman/local/") ||
	       evidence_name(NULL, path);
}

static void collect_lists(struct join *j)
{
	struct tree_node *root = &j->tree.root;

	for (struct tree_node *node = root; node; node = tree_next_live(node, root))
		for (const struct facts *facts = node->facts; facts; facts = facts->next)
			if (facts->owners && (is_list(facts->owners->path) || is_list(tree_path(node, j->arena))))
				add_list(j, facts);
	if (j->owned->count)
		qsort(j->owned->items, j->owned->count, sizeof(*j->owned->items), compare_paths);
}

int aggregate_owners(const struct aggregate_layer *layers, size_t layers_count, struct arena *arena,
		     struct owned_paths *owned, struct err *err)
{
	struct join j = {.arena = arena, .owned = owned};
	bool        full;

	*owned = (struct owned_paths){0};
	tree_init(&j.tree, LIMIT_TREE_BYTES);
	j.store.tree = &j.tree;
	for (size_t i = 0; i < layers_count; i++)
		if (layers[i].inventory.len)
			lay_over(&j, (uint32_t)i, &layers[i]);
	collect_lists(&j);
	full = tree_failed(&j.tree) || arena_failed(arena);
	facts_release_all(&j.store);
	tree_deinit(&j.tree);
	return full ? err_set(err, ERR_LIMIT, "joining the owners of an image's files: too many paths") : 0;
}

const struct owned_path *owned_paths_find(const struct owned_paths *owned, struct slice path)
{
	size_t from = 0, to = owned->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (path_cmp(owned->items[middle].path, path) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < owned->count && slice_eq(owned->items[from].path, path) ? &owned->items[from] : NULL;
}
