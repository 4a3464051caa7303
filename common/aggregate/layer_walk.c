#include "aggregate/layer_walk.h"

#include "base/limits.h"
#include "base/path.h"
#include "model/path_table.h"

#include <string.h>

/* A folder on the way to the entry at hand: where its name ends in `path`, and its node (NULL: nothing known there). */
struct frame {
	size_t            end;
	struct tree_node *node;
};

struct walker {
	struct tree *tree;
	uint32_t     layer;
	bool        *links_left_out;
	struct frame frames[LIMIT_PATH_DEPTH + 1]; /* frames[0] is the root */
	size_t       frames_count;
	uint8_t      path[LIMIT_PATH_BYTES]; /* of the innermost frame */
	bool         opaque;                 /* an opaque mark of opaque_path waits for the next entry */
	size_t       opaque_len;
	uint8_t      opaque_path[LIMIT_PATH_BYTES];
};

static void forget_frames(struct walker *w)
{
	w->frames[0] = (struct frame){.node = &w->tree->root};
	w->frames_count = 1;
}

/* Leaves the frames that `dir` does not lie in. */
static void pop_frames(struct walker *w, struct slice dir)
{
	while (w->frames_count > 1) {
		size_t end = w->frames[w->frames_count - 1].end;

		if (dir.len >= end && memcmp(dir.ptr, w->path, end) == 0 && (dir.len == end || dir.ptr[end] == '/'))
			return;
		w->frames_count--;
	}
}

/* The node of the folder `dir`, led through symlinks; NULL when nothing is known there. */
static struct tree_node *folder(struct walker *w, struct slice dir)
{
	struct frame *top;

	pop_frames(w, dir);
	top = &w->frames[w->frames_count - 1];
	while (top->end < dir.len && w->frames_count <= LIMIT_PATH_DEPTH) {
		size_t       from = top->end ? top->end + 1 : 0;
		struct slice rest = slice_from(dir, from), name = slice_cut(&rest, '/');

		top[1] = (struct frame){.end = from + name.len,
					.node = top->node ? tree_enter(w->tree, top->node, name) : NULL};
		memcpy(w->path + top->end, dir.ptr + top->end, top[1].end - top->end);
		top++;
		w->frames_count++;
	}
	return top->node;
}

static struct tree_node *find(struct walker *w, struct slice path)
{
	struct tree_node *dir = folder(w, path_dirname(path));

	return dir ? tree_child(w->tree, dir, path_basename(path)) : NULL;
}

static bool leads_to_tree(struct walker *w, struct slice path, struct slice target)
{
	char         joined[2 * LIMIT_PATH_BYTES + 2], canonical[LIMIT_PATH_BYTES];
	struct slice result, dir = path_dirname(path);
	size_t       len = 0;

	if (find(w, path))
		return true;
	if (!slice_starts(target, "/") && dir.len) {
		memcpy(joined, dir.ptr, dir.len);
		joined[dir.len] = '/';
		len = dir.len + 1;
	}
	memcpy(joined + len, target.ptr, target.len);
	if (path_canonical(slice_of(joined, len + target.len), canonical, &result) == PATH_TOO_LONG)
		return false;
	return tree_walk(w->tree, result, TREE_FIND) != NULL;
}

static void enter_link(struct walker *w, const struct path_entry *entry)
{
	struct tree_node *dir, *node;

	if (w->tree->links_count >= LIMIT_TREE_LINKS && !leads_to_tree(w, entry->path, entry->target)) {
		*w->links_left_out = true;
		return;
	}
	dir = folder(w, path_dirname(entry->path));
	if (dir) {
		node = tree_make_child(w->tree, dir, path_basename(entry->path));
	} else {
		node = tree_walk(w->tree, entry->path, TREE_MAKE);
		forget_frames(w); /* folders that had no node may have one now */
	}
	if (node)
		tree_set_link(w->tree, node, entry->target, w->layer);
}

static void apply_opaque(struct walker *w)
{
	struct tree_node *node = folder(w, slice_of(w->opaque_path, w->opaque_len));

	w->opaque = false;
	if (node)
		tree_remove_below(w->tree, node, w->layer);
}

static void hold_opaque(struct walker *w, struct slice path)
{
	w->opaque = true;
	w->opaque_len = path.len;
	if (path.len)
		memcpy(w->opaque_path, path.ptr, path.len);
}

static void apply(struct walker *w, const struct path_entry *entry)
{
	struct tree_node *node = find(w, entry->path);

	if (node && entry->type == PATH_DIRECTORY)
		tree_clear(w->tree, node, w->layer);
	else if (node)
		tree_remove(w->tree, node, w->layer);
	if (entry->type == PATH_SYMLINK)
		enter_link(w, entry);
}

/* An opaque mark comes before the entry of its folder, but a folder named explicitly first replaces what stood there: a
 * lower symlink in its place must not lead the mark elsewhere. */
static void take(struct walker *w, const struct path_entry *entry)
{
	bool same = w->opaque && slice_eq(entry->path, slice_of(w->opaque_path, w->opaque_len));

	if (w->opaque && !(same && entry->type == PATH_DIRECTORY))
		apply_opaque(w);
	if (entry->type == PATH_OPAQUE) {
		hold_opaque(w, entry->path);
		return;
	}
	if (entry->path.len)
		apply(w, entry);
	if (w->opaque)
		apply_opaque(w);
}

int layer_walk(struct tree *tree, struct slice path_table, uint32_t layer, bool *links_left_out, struct err *err)
{
	struct walker             w = {.tree = tree, .layer = layer, .links_left_out = links_left_out};
	struct path_table_reader *reader = path_table_reader_new(path_table, err);
	struct path_entry         entry;
	int                       more;

	if (!reader)
		return err ? err->code : ERR_FORMAT;
	forget_frames(&w);
	while ((more = path_table_next(reader, &entry, err)) == 1 && !tree_failed(tree))
		take(&w, &entry);
	if (w.opaque)
		apply_opaque(&w);
	path_table_reader_free(reader);
	return more < 0 ? more : 0;
}
