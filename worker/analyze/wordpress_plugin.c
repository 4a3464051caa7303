/* WordPress plugins: the file of wp-content/plugins/[<slug>/] whose head comment names the plugin. The package's name is the slug, under
 * which wordpress.org and advisories know it; "Plugin Name" is for people.
 *
 * Source: developer.wordpress.org "Header Requirements"; get_file_data() reads the first 8 KiB, in any case, behind blanks, slashes, stars, "#" and "@". */
#include "analyze/analyzer.h"
#include "base/cursor.h"
#include "base/path.h"

enum { HEADER_BYTES = 8 << 10 };

static bool is_plugin_root(struct slice folder)
{
	return TEXT_ENDS(folder, "wp-content/plugins") && (folder.len == 18 || folder.ptr[folder.len - 19] == '/');
}

static enum need wants(const struct entry *entry, struct slice head)
{
	struct slice folder = path_dirname(entry->path);

	(void)head;
	return is_plugin_root(folder) || is_plugin_root(path_dirname(folder)) ? NEED_WHOLE : NEED_NOTHING;
}

static struct slice slug_of(struct slice path)
{
	struct slice folder = path_dirname(path), name = path_basename(path);

	return is_plugin_root(folder) ? slice_sub(name, 0, slice_rfind(name, '.')) : path_basename(folder);
}

/* The value of `key` when the line is its header. */
static bool header(struct slice line, struct slice key, struct slice *value)
{
	while (line.len && slice_find(SLICE_LIT(" \t/*#@"), line.ptr[0]) != SIZE_MAX)
		line = slice_from(line, 1);
	if (!slice_eq_nocase(slice_sub(line, 0, key.len), key) || line.len == key.len || line.ptr[key.len] != ':')
		return false;
	line = slice_from(line, key.len + 1);
	*value = slice_trim(slice_sub(line, 0, slice_find_str(line, "*/")));
	return true;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package     package = {.type = SLICE_LIT("wordpress-plugin"), .name = slug_of(entry->path)};
	struct cursor      lines = cursor_of(slice_sub(body, 0, HEADER_BYTES));
	struct slice       line, title = SLICE_EMPTY;
	struct package_db *db;

	while (cursor_line(&lines, &line)) {
		if (!title.len && header(line, SLICE_LIT("Plugin Name"), &title))
			continue;
		if (!package.version.len && header(line, SLICE_LIT("Version"), &package.version))
			continue;
		if (!package.license.len)
			header(line, SLICE_LIT("License"), &package.license);
	}
	if (!title.len)
		return 0; /* one of the plugin's other files */
	if (!package.version.len)
		package.flags = PACKAGE_NO_RELEASE;
	db = inventory_add_db(out, entry->path, "wordpress-plugin");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	inventory_add_package(out, db, &package);
	return 0;
}

static const char *const names[] = {"*.php", NULL};

const struct analyzer analyzer_wordpress_plugin = {
	.name = "wordpress-plugin",
	.version = 1,
	.inputs = INPUT_PATH,
	.body_bytes_max = 4u << 20,
	.names = names,
	.wants = wants,
	.run = run,
};
