/* go.mod: require and replace directives, single and in blocks. The versions are those asked for; a replacement wins.
 *
 * Source: go.dev/ref/mod "go.mod files". "// indirect" requirements are part of the build. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/arena.h"
#include "base/cursor.h"
#include "base/limits.h"

#include <stdlib.h>

struct replacement {
	struct slice path, version, new_path, new_version;
};

struct directives {
	struct arena        arena;
	struct replacement *items;
	size_t              count, capacity;
};

static struct slice take_word(struct slice *rest)
{
	struct slice text = slice_trim(*rest);
	size_t       len = 0;

	while (len < text.len && text.ptr[len] != ' ' && text.ptr[len] != '\t')
		len++;
	*rest = slice_from(text, len);
	text = slice_sub(text, 0, len);
	return text.len >= 2 && text.ptr[0] == '"' ? slice_sub(text, 1, text.len - 2) : text;
}

/* "path [version] => path [version]" */
static void read_replace(struct directives *d, struct slice line)
{
	struct replacement item = {.path = take_word(&line)};
	struct slice       word = take_word(&line);

	if (!slice_eq_str(word, "=>")) {
		item.version = word;
		word = take_word(&line);
	}
	if (!slice_eq_str(word, "=>") || !arena_grow(&d->arena, &d->items, &d->capacity, d->count, sizeof(*d->items)))
		return;
	item.new_path = take_word(&line);
	item.new_version = take_word(&line);
	d->items[d->count++] = item;
}

static int compare(const void *left, const void *right)
{
	const struct replacement *a = left, *b = right;
	int                       order = slice_cmp(a->path, b->path);

	return order ? order : slice_cmp(a->version, b->version);
}

/* The one for this version, else the one for all of them; the replacements are in order. */
static const struct replacement *replacement_of(const struct directives *d, struct slice path, struct slice version)
{
	struct replacement        wanted = {.path = path, .version = version};
	const struct replacement *found;

	if (!d->count)
		return NULL;
	found = bsearch(&wanted, d->items, d->count, sizeof(*d->items), compare);
	wanted.version = SLICE_EMPTY;
	return found ? found : bsearch(&wanted, d->items, d->count, sizeof(*d->items), compare);
}

static void add_require(struct lock_file *lock, const struct directives *d, struct slice line)
{
	struct slice              path = take_word(&line), version = take_word(&line);
	const struct replacement *to = replacement_of(d, path, version);

	if (!version.len)
		return;
	if (to && !to->new_version.len)
		lock_file_add(lock, path, version, PACKAGE_NO_RELEASE); /* a folder */
	else
		lock_file_add(lock, to ? to->new_path : path, to ? to->new_version : version, 0);
}

/* Calls for each line of `directive`, in a block or alone; `lock` for require, `d` for replace. */
static void each(struct slice body, const char *directive, struct lock_file *lock, struct directives *d)
{
	struct cursor lines = cursor_of(body);
	struct slice  line;
	bool          block = false, wanted = false;

	while (cursor_line(&lines, &line) && !(lock && lock->full)) {
		struct slice rest = slice_trim(slice_sub(line, 0, slice_find_str(line, "//"))), text = rest;
		struct slice first = take_word(&rest);

		if (block && slice_eq_str(first, ")")) {
			block = false;
			continue;
		}
		if (!block) {
			wanted = slice_eq_str(first, directive);
			block = slice_eq_str(slice_trim(rest), "(");
			text = rest;
		}
		if (!wanted || !text.len || slice_eq_str(slice_trim(text), "("))
			continue;
		if (lock)
			add_require(lock, d, text);
		else
			read_replace(d, text);
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file  lock = lock_file_of(entry, out, "go-mod", "golang");
	struct directives d = {0};

	(void)err;
	arena_init(&d.arena, 16 << 20);
	each(body, "replace", NULL, &d);
	if (d.count)
		qsort(d.items, d.count, sizeof(*d.items), compare);
	each(body, "require", &lock, &d);
	arena_deinit(&d.arena);
	return 0;
}

static const char *const names[] = {"go.mod", NULL};

const struct analyzer analyzer_go_mod = {
	.name = "go-mod",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.run = run,
};
