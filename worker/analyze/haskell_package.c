/* Haskell libraries registered with GHC: <database>/<unit>.conf, where the database is package.conf.d, package.db or pkgdb.
 *
 * Source: GHC User's Guide "InstalledPackageInfo: a package specification"; Cabal's field syntax. */
#include "analyze/analyzer.h"
#include "analyze/deb822.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	struct slice database = path_basename(path_dirname(entry->path));

	(void)head;
	return slice_eq_str(database, "package.conf.d") || slice_eq_str(database, "package.db") ||
			       slice_eq_str(database, "pkgdb")
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct deb822       reader = deb822_of(body);
	struct deb822_field field;
	struct package      package = {.type = SLICE_LIT("hackage")};
	struct package_db  *db;

	while (deb822_next(&reader, &field) == DEB822_FIELD) {
		if (slice_eq_nocase(field.name, SLICE_LIT("name")))
			package.name = field.value;
		else if (slice_eq_nocase(field.name, SLICE_LIT("version")))
			package.version = field.value;
		else if (slice_eq_nocase(field.name, SLICE_LIT("license")))
			package.license = field.value;
		else if (slice_eq_nocase(field.name, SLICE_LIT("package-name")) && field.value.len)
			package.name = field.value; /* of an internal library: the package that it belongs to */
	}
	if (!package.name.len || !package.version.len)
		return err_set(err, ERR_FORMAT, "no name or no version");
	db = inventory_add_db(out, entry->path, "haskell");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	inventory_add_package(out, db, &package);
	return 0;
}

static const char *const names[] = {"*.conf", NULL};

const struct analyzer analyzer_haskell_package = {
	.name = "haskell-package",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.run = run,
};
