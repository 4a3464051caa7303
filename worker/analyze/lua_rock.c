/* Lua rocks: …/rocks[-<lua>]/<name>/<version>/<name>-<version>.rockspec. A rockspec is a Lua program: name and version are those of the
 * tree, and the licence is read where it is a plain text.
 *
 * Source: github.com/luarocks/luarocks, wiki "File locations used by LuaRocks", "Rockspec format". */
#include "analyze/analyzer.h"
#include "base/cursor.h"
#include "base/path.h"

struct place {
	struct slice name, version;
};

static bool find_place(struct slice path, struct place *place)
{
	struct slice folder = path_dirname(path), file = path_basename(path), tree;

	place->version = path_basename(folder);
	place->name = path_basename(path_dirname(folder));
	tree = path_basename(path_dirname(path_dirname(folder)));
	if (!slice_eq_str(tree, "rocks") && !slice_starts(tree, "rocks-"))
		return false;
	return place->name.len && file.len == place->name.len + 1 + place->version.len + strlen(".rockspec") &&
	       slice_eq(slice_sub(file, 0, place->name.len), place->name) && file.ptr[place->name.len] == '-' &&
	       slice_eq(slice_sub(file, place->name.len + 1, place->version.len), place->version);
}

static enum need wants(const struct entry *entry, struct slice head)
{
	struct place place;

	(void)head;
	return find_place(entry->path, &place) ? NEED_WHOLE : NEED_NOTHING;
}

/* license = "MIT", on a line of its own as luarocks writes it. */
static struct slice license_of(struct slice body)
{
	struct cursor lines = cursor_of(body);
	struct slice  line;

	while (cursor_line(&lines, &line)) {
		struct slice key = slice_trim(slice_cut(&line, '='));
		uint8_t      quote;

		line = slice_trim(line);
		if (!slice_eq_str(key, "license") || !line.len || (line.ptr[0] != '"' && line.ptr[0] != '\''))
			continue;
		quote = line.ptr[0];
		line = slice_from(line, 1);
		return slice_find(line, quote) == SIZE_MAX ? SLICE_EMPTY : slice_cut(&line, quote);
	}
	return SLICE_EMPTY;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package     package = {.type = SLICE_LIT("luarocks"), .license = license_of(body)};
	struct package_db *db;
	struct place       place;

	if (!find_place(entry->path, &place))
		return 0;
	package.name = place.name;
	package.version = place.version;
	if (slice_starts(place.version, "scm-") || slice_starts(place.version, "dev-"))
		package.flags = PACKAGE_NO_RELEASE;
	db = inventory_add_db(out, entry->path, "lua");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	inventory_add_package(out, db, &package);
	return 0;
}

static const char *const names[] = {"*.rockspec", NULL};

const struct analyzer analyzer_lua_rock = {
	.name = "lua-rock",
	.version = 2,
	.inputs = INPUT_PATH,
	.body_bytes_max = 1u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.run = run,
};
