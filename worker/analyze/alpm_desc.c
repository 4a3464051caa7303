/* pacman's local database, one folder per package: var/lib/pacman/local/<name>-<version>-<release>/desc.
 *
 * Source: alpm-local-db / alpm-db-desc specification: "%KEY%" lines, values below, a blank line behind the last. */
#include "analyze/analyzer.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/limits.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_STARTS(entry->path, "var/lib/pacman/local/") && TEXT_ENDS(entry->path, "/desc") ? NEED_WHOLE
												    : NEED_NOTHING;
}

static struct slice *field_of(struct package *package, struct slice key)
{
	static const struct {
		const char *key;
		size_t      at;
	} fields[] = {
		{"%NAME%", offsetof(struct package, name)},        {"%VERSION%", offsetof(struct package, version)},
		{"%BASE%", offsetof(struct package, source_name)}, {"%ARCH%", offsetof(struct package, arch)},
		{"%PACKAGER%", offsetof(struct package, vendor)},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (slice_eq_str(key, fields[i].key))
			return (struct slice *)(void *)((char *)package + fields[i].at);
	return NULL;
}

static void add_license(struct buf *licenses, struct slice line)
{
	if (licenses->len)
		buf_str(licenses, " AND ");
	buf_append(licenses, line);
}

static void read_desc(struct slice body, struct package *package, struct buf *licenses)
{
	struct cursor lines = cursor_of(body);
	struct slice  line, key = SLICE_EMPTY;

	while (cursor_line(&lines, &line)) {
		struct slice *field;

		line = slice_trim(line);
		if (line.len == 0) {
			key = SLICE_EMPTY;
			continue;
		}
		if (key.len == 0) {
			key = line;
			continue;
		}
		field = field_of(package, key);
		if (field && field->len == 0)
			*field = line;
		else if (slice_eq_str(key, "%LICENSE%"))
			add_license(licenses, line);
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package_db *db = inventory_add_db(out, entry->path, "alpm");
	struct package     package = {.type = SLICE_LIT("alpm")};
	struct buf         licenses;

	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	buf_init(&licenses, LIMIT_STRING_BYTES);
	read_desc(body, &package, &licenses);
	package.license = buf_slice(&licenses);
	if (package.name.len && package.version.len)
		inventory_add_package(out, db, &package);
	buf_deinit(&licenses);
	if (!package.name.len || !package.version.len)
		return err_set(err, ERR_FORMAT, "no %%NAME%% or no %%VERSION%%");
	return 0;
}

const struct analyzer analyzer_alpm_desc = {
	.name = "alpm-desc",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.database = true,
	.wants = wants,
	.run = run,
};
