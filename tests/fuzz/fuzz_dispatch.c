/* Entries of a tar in any order against a model: after each sequence every content that still has a name is listed
 * once, under one of its names, and its other names lead there as links (TRAPS A10, A11).
 *
 * Two bytes an entry: what it is and which name it has, and which name a hard link leads to. */
#include "analyze/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
	"etc", "etc/os-release", "usr", "usr/lib", "usr/lib/os-release", "a", "a/b", "a/b/c", "a/d", "x",
};

enum { NAMES = sizeof(names) / sizeof(names[0]), ENTRIES_MAX = 200 };
enum operation { WRITE_SYSTEM, WRITE_OTHER, MAKE_DIRECTORY, MAKE_SYMLINK, MAKE_LINK, WHITEOUT, OPERATIONS };

struct model {
	unsigned content[NAMES]; /* which system lies there; 0 = none that is known */
	unsigned last;
};

static bool is_below(size_t name, size_t folder)
{
	size_t len = strlen(names[folder]);

	return strncmp(names[name], names[folder], len) == 0 && names[name][len] == '/';
}

static void model_replace(struct model *model, size_t name, unsigned content)
{
	model->content[name] = content;
	for (size_t i = 0; i < NAMES; i++)
		if (is_below(i, name))
			model->content[i] = 0;
}

static void write_file(struct dispatch *d, size_t name, const char *text)
{
	struct entry         entry = {.path = slice_str(names[name]), .type = PATH_FILE, .size = strlen(text)};
	struct dispatch_body body = {.bytes = slice_str(text)};

	if (dispatch_begin(d, &entry, body.bytes) == DISPATCH_WHOLE)
		dispatch_finish(d, &body);
}

static void write_system(struct dispatch *d, size_t name, unsigned content)
{
	char text[64];

	snprintf(text, sizeof(text), "ID=%u\nNAME=x\nPRETTY_NAME=x\n", content);
	write_file(d, name, text);
}

static void other_entry(struct dispatch *d, enum path_type type, size_t name, size_t target)
{
	struct entry entry = {.path = slice_str(names[name]), .type = type};

	if (type == PATH_HARDLINK)
		entry.target = slice_str(names[target]);
	dispatch_begin(d, &entry, SLICE_EMPTY);
}

static void link_names(struct model *model, struct dispatch *d, size_t name, size_t target)
{
	other_entry(d, PATH_HARDLINK, name, target);
	if (name == target)
		return;
	model_replace(model, name, 0);
	model->content[name] = model->content[target];
}

static void apply(struct model *model, struct dispatch *d, enum operation operation, size_t name, size_t target)
{
	switch (operation) {
	case WRITE_SYSTEM:
		model_replace(model, name, ++model->last);
		write_system(d, name, model->last);
		break;
	case WRITE_OTHER:
		model_replace(model, name, 0);
		write_file(d, name, names[name][0] == 'x' ? "text" : "#!/bin/sh\n");
		break;
	case MAKE_DIRECTORY:
		model->content[name] = 0;
		other_entry(d, PATH_DIRECTORY, name, 0);
		break;
	case MAKE_SYMLINK:
		model_replace(model, name, 0);
		other_entry(d, PATH_SYMLINK, name, 0);
		break;
	case MAKE_LINK:
		link_names(model, d, name, target);
		break;
	case WHITEOUT:
		other_entry(d, PATH_WHITEOUT, name, 0);
		break;
	case OPERATIONS:
		break;
	}
}

static size_t name_index(struct slice path)
{
	for (size_t i = 0; i < NAMES; i++)
		if (slice_eq_str(path, names[i]))
			return i;
	abort();
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* The place where the inventory lists a content. */
static size_t listed_at(const struct inventory *inv, unsigned content)
{
	size_t place = NAMES;

	for (size_t i = 0; i < inv->os_releases_count; i++) {
		uint64_t id = 0;

		if (inv->os_releases[i].dropped || !slice_u64(inv->os_releases[i].id, &id) || id != content)
			continue;
		require(place == NAMES); /* once */
		place = name_index(inv->os_releases[i].path);
	}
	return place;
}

static bool has_link(const struct inventory *inv, size_t name, size_t target)
{
	for (size_t i = 0; i < inv->links_count; i++)
		if (slice_eq_str(inv->links[i].path, names[name]) && slice_eq_str(inv->links[i].target, names[target]))
			return true;
	return false;
}

static void check(const struct model *model, const struct inventory *inv)
{
	for (size_t i = 0; i < NAMES; i++) {
		size_t place;

		if (model->content[i] == 0)
			continue;
		place = listed_at(inv, model->content[i]);
		require(place < NAMES && model->content[place] == model->content[i]);
		require(place == i || has_link(inv, i, place));
	}
	for (size_t i = 0; i < inv->os_releases_count; i++) {
		uint64_t id = 0;

		if (!inv->os_releases[i].dropped && slice_u64(inv->os_releases[i].id, &id) && id)
			require(model->content[name_index(inv->os_releases[i].path)] == id);
	}
	for (size_t i = 0; i < inv->links_count; i++) {
		size_t target = name_index(inv->links[i].target);

		if (model->content[target])
			require(model->content[name_index(inv->links[i].path)] == model->content[target]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inventory inv;
	struct model     model = {.last = 0};
	struct dispatch *d;

	inventory_init(&inv);
	d = dispatch_new(&inv, -1, NULL, NULL);
	require(d);
	for (size_t i = 0; i + 1 < size && i / 2 < ENTRIES_MAX; i += 2)
		apply(&model, d, data[i] % OPERATIONS, data[i] / OPERATIONS % NAMES, data[i + 1] % NAMES);
	require(dispatch_end(d, NULL) == 0);
	check(&model, &inv);
	dispatch_free(d);
	inventory_deinit(&inv);
	return 0;
}
