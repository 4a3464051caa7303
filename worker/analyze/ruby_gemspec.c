/* Installed Ruby gems: specifications/<name>-<version>[-<platform>].gemspec, default gems in specifications/default.
 *
 * RubyGems writes these files itself, with literal values: Gem::Specification#to_ruby. A gemspec of an author, elsewhere,
 * is a program and is not read. */
#include "analyze/analyzer.h"
#include "analyze/license_list.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	struct slice folder = path_dirname(entry->path);

	(void)head;
	if (slice_eq_str(path_basename(folder), "default"))
		folder = path_dirname(folder);
	return slice_eq_str(path_basename(folder), "specifications") ? NEED_WHOLE : NEED_NOTHING;
}

/* "text" or 'text' at the front, without escapes; empty when there is none. */
static struct slice take_literal(struct slice *rest)
{
	struct slice text = *rest;
	size_t       end;

	while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == ',' || text.ptr[0] == '['))
		text = slice_from(text, 1);
	if (!text.len || (text.ptr[0] != '"' && text.ptr[0] != '\''))
		return SLICE_EMPTY;
	end = slice_find(slice_from(text, 1), text.ptr[0]);
	if (end == SIZE_MAX)
		return SLICE_EMPTY;
	*rest = slice_from(text, end + 2);
	if (slice_starts(*rest, ".freeze"))
		*rest = slice_from(*rest, 7);
	return slice_sub(text, 1, end);
}

/* "  s.<name> = …": what stands behind the '='; false when the line is another. */
static bool is_field(struct slice line, const char *name, struct slice *value)
{
	size_t dot = slice_find(line, '.'), equals;

	if (dot == SIZE_MAX || !slice_starts(slice_from(line, dot + 1), name))
		return false;
	line = slice_trim(slice_from(line, dot + 1 + strlen(name)));
	equals = slice_find(line, '=');
	if (equals != 0)
		return false;
	*value = slice_trim(slice_from(line, 1));
	return true;
}

static void read_line(struct slice line, struct package *package, struct buf *licenses)
{
	struct slice value, license;

	if (is_field(line, "name", &value) && !package->name.len)
		package->name = take_literal(&value);
	else if (is_field(line, "version", &value) && !package->version.len)
		package->version = take_literal(&value);
	else if (is_field(line, "platform", &value) && !package->arch.len)
		package->arch = take_literal(&value);
	else if (is_field(line, "licenses", &value) || is_field(line, "license", &value))
		while ((license = take_literal(&value)).len)
			license_list_add(licenses, license);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package     package = {.type = SLICE_LIT("gem")};
	struct cursor      lines = cursor_of(body);
	struct package_db *db = NULL;
	struct buf         licenses;
	struct slice       line;

	buf_init(&licenses, LIMIT_STRING_BYTES);
	while (cursor_line(&lines, &line))
		read_line(line, &package, &licenses);
	package.license = buf_slice(&licenses);
	if (package.name.len && package.version.len)
		db = inventory_add_db(out, entry->path, "gem");
	if (db)
		inventory_add_package(out, db, &package);
	buf_deinit(&licenses);
	if (!package.name.len || !package.version.len)
		return err_set(err, ERR_FORMAT, "no literal name or version");
	return db ? 0 : err_set(err, ERR_MEM, "out of memory");
}

static const char *const names[] = {"*.gemspec", NULL};

const struct analyzer analyzer_ruby_gemspec = {
	.name = "ruby-gemspec",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.run = run,
};
