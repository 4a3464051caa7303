/* Gentoo's installed packages: var/db/pkg/<category>/<name>-<version>[-r<n>]/PF, whose text is the folder's name.
 *
 * Source: Package Manager Specification 8, "Names and versions"; portage(5), /var/db/pkg. */
#include "analyze/analyzer.h"
#include "base/path.h"

#include <stdio.h>

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_STARTS(entry->path, "var/db/pkg/") && TEXT_ENDS(entry->path, "/PF") ? NEED_WHOLE : NEED_NOTHING;
}

/* A name may not end in a hyphen and what looks like a version, so the version begins behind the last hyphen in front of a digit,
 * "-r<n>" being a revision. */
static bool split(struct slice full, struct slice *name, struct slice *version)
{
	for (size_t i = full.len; i-- > 1;)
		if (full.ptr[i] == '-' && i + 1 < full.len && full.ptr[i + 1] >= '0' && full.ptr[i + 1] <= '9') {
			*name = slice_sub(full, 0, i);
			*version = slice_from(full, i + 1);
			return true;
		}
	return false;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package     package = {.type = SLICE_LIT("ebuild")};
	struct slice       folder = path_dirname(entry->path), full = slice_trim(body), name;
	struct slice       category = path_basename(path_dirname(folder));
	struct package_db *db;
	char               text[1024];
	int                len;

	if (!split(full, &name, &package.version) || slice_find(full, '/') != SIZE_MAX || !category.len)
		return err_set(err, ERR_FORMAT, "no name and version");
	len = snprintf(text, sizeof(text), "%.*s/%.*s", SLICE_FMT(category), SLICE_FMT(name));
	if (len < 0 || (size_t)len >= sizeof(text))
		return err_set(err, ERR_FORMAT, "a name longer than any");
	package.name = slice_of(text, (size_t)len);
	if (slice_ends(package.version, "9999")) /* built from a repository */
		package.flags = PACKAGE_NO_RELEASE;
	db = inventory_add_db(out, entry->path, "portage");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	inventory_add_package(out, db, &package);
	return 0;
}

static const char *const names[] = {"PF", NULL};

const struct analyzer analyzer_portage_pf = {
	.name = "portage-pf",
	.version = 1,
	.inputs = INPUT_PATH,
	.body_bytes_max = 64u << 10,
	.database = true,
	.names = names,
	.wants = wants,
	.run = run,
};
