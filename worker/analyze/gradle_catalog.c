/* gradle/libs.versions.toml: [libraries] of a Gradle version catalog, with the versions that they name in [versions]. A rich version
 * gives what it states: strictly, require or prefer; ranges are left empty.
 *
 * Reads one-line keys with literal values and nothing else of TOML 1.0. Source: docs.gradle.org "Version catalogs". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/arena.h"
#include "base/cursor.h"
#include "base/limits.h"

#include <stdlib.h>

struct named {
	struct slice name, version;
};

struct catalog {
	struct arena     arena;
	struct named    *versions; /* in order, once `sorted` */
	size_t           count, capacity;
	struct lock_file lock;
};

static struct slice unquoted(struct slice text)
{
	text = slice_trim(text);
	if (text.len < 2 || (text.ptr[0] != '"' && text.ptr[0] != '\''))
		return SLICE_EMPTY;
	return slice_sub(text, 1, slice_find(slice_from(text, 1), text.ptr[0]));
}

/* The text behind "key =" of an inline table; "version.ref" is a key of its own. */
static struct slice value_of(struct slice table, const char *key)
{
	struct slice rest = table;
	size_t       at, len = strlen(key);

	while ((at = slice_find_str(rest, key)) != SIZE_MAX) {
		struct slice before = slice_sub(rest, 0, at), behind = slice_trim(slice_from(rest, at + len));
		uint8_t      last = before.len ? before.ptr[before.len - 1] : ' ';

		if ((last == ' ' || last == '{' || last == ',') && slice_starts(behind, "="))
			return slice_trim(slice_from(behind, 1));
		rest = slice_from(rest, at + len);
	}
	return SLICE_EMPTY;
}

static int compare(const void *left, const void *right)
{
	return slice_cmp(((const struct named *)left)->name, ((const struct named *)right)->name);
}

static struct slice referred(const struct catalog *c, struct slice name)
{
	struct named        wanted = {.name = name};
	const struct named *found = c->count ? bsearch(&wanted, c->versions, c->count, sizeof(wanted), compare) : NULL;

	return found ? found->version : SLICE_EMPTY;
}

/* Of "1.2", { strictly = "1.2" } … */
static struct slice stated(struct slice value)
{
	static const char *const KEYS[] = {"strictly", "require", "prefer"};
	struct slice             version = unquoted(value);

	for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS) && !version.len && slice_starts(value, "{"); i++)
		version = unquoted(value_of(value, KEYS[i]));
	for (size_t i = 0; i < version.len; i++)
		if (strchr("[](),+", version.ptr[i]))
			return SLICE_EMPTY;
	return version;
}

static struct slice version_of(const struct catalog *c, struct slice table)
{
	struct slice ref = unquoted(value_of(table, "version.ref")), value = value_of(table, "version");

	if (!ref.len && slice_starts(value, "{"))
		ref = unquoted(value_of(value, "ref"));
	return ref.len ? referred(c, ref) : stated(value);
}

static void add_library(struct catalog *c, struct slice value)
{
	struct slice name = unquoted(value), version, group, artifact;

	if (name.len) { /* "group:artifact:version" */
		size_t colon = slice_rfind(name, ':');

		version = slice_from(name, colon == SIZE_MAX ? name.len : colon + 1);
		name = slice_sub(name, 0, colon);
		if (slice_find(name, ':') != SIZE_MAX)
			lock_file_add(&c->lock, name, version, 0);
		return;
	}
	name = unquoted(value_of(value, "module"));
	group = unquoted(value_of(value, "group"));
	artifact = unquoted(value_of(value, "name"));
	if (!name.len && group.len && artifact.len)
		name = arena_printf(&c->arena, "%.*s:%.*s", SLICE_FMT(group), SLICE_FMT(artifact));
	lock_file_add(&c->lock, name, version_of(c, value), 0);
}

static void add_version(struct catalog *c, struct slice key, struct slice value)
{
	if (arena_grow(&c->arena, &c->versions, &c->capacity, c->count, sizeof(*c->versions)))
		c->versions[c->count++] = (struct named){.name = key, .version = stated(value)};
}

/* Each "key = value" of one table. */
static void read_table(struct catalog *c, struct slice body, const char *table)
{
	struct cursor lines = cursor_of(body);
	struct slice  line;
	bool          inside = false, versions = strcmp(table, "[versions]") == 0;

	while (!c->lock.full && cursor_line(&lines, &line)) {
		line = slice_trim(line);
		if (slice_starts(line, "["))
			inside = slice_eq_str(slice_trim(slice_sub(line, 0, slice_find(line, '#'))), table);
		if (!inside || !line.len || line.ptr[0] == '[' || line.ptr[0] == '#')
			continue;
		struct slice key = slice_trim(slice_cut(&line, '='));

		if (versions)
			add_version(c, key, slice_trim(line));
		else
			add_library(c, slice_trim(line));
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct catalog c = {.lock = lock_file_of(entry, out, "gradle-catalog", "maven")};
	int            rc = 0;

	arena_init(&c.arena, LIMIT_LOCK_TREE_BYTES);
	read_table(&c, body, "[versions]");
	if (c.count)
		qsort(c.versions, c.count, sizeof(*c.versions), compare);
	read_table(&c, body, "[libraries]");
	if (arena_failed(&c.arena))
		rc = err_set(err, ERR_LIMIT, "takes more than %u bytes of memory", LIMIT_LOCK_TREE_BYTES);
	arena_deinit(&c.arena);
	return rc;
}

static const char *const names[] = {"*.versions.toml", NULL};

const struct analyzer analyzer_gradle_catalog = {
	.name = "gradle-catalog",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.run = run,
};
