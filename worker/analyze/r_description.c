/* Installed R packages: <library>/<name>/DESCRIPTION, where the library is called library or site-library.
 *
 * Source: "Writing R Extensions" 1.1.1, "The DESCRIPTION file". R's own packages (Priority: base), those of Bioconductor (biocViews)
 * and of repositories (RemoteType) are no releases of CRAN. */
#include "analyze/analyzer.h"
#include "analyze/deb822.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	struct slice library = path_basename(path_dirname(path_dirname(entry->path)));

	(void)head;
	return slice_eq_str(library, "library") || slice_eq_str(library, "site-library") ? NEED_WHOLE : NEED_NOTHING;
}

/* remotes and pak write RemoteType for CRAN's own too. */
static bool is_elsewhere(const struct deb822_field *field)
{
	if (slice_eq_nocase(field->name, SLICE_LIT("Priority")))
		return slice_eq_str(field->value, "base");
	if (slice_eq_nocase(field->name, SLICE_LIT("RemoteType")))
		return !slice_eq_str(field->value, "standard") && !slice_eq_str(field->value, "cran");
	return slice_eq_nocase(field->name, SLICE_LIT("biocViews"));
}

static void read_fields(struct slice body, struct package *package)
{
	struct deb822       reader = deb822_of(body);
	struct deb822_field field;

	while (deb822_next(&reader, &field) == DEB822_FIELD) {
		if (slice_eq_nocase(field.name, SLICE_LIT("Package")))
			package->name = field.value;
		else if (slice_eq_nocase(field.name, SLICE_LIT("Version")))
			package->version = field.value;
		else if (slice_eq_nocase(field.name, SLICE_LIT("License")))
			package->license = field.value;
		else if (is_elsewhere(&field))
			package->flags |= PACKAGE_NO_RELEASE;
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct package     package = {.type = SLICE_LIT("cran")};
	struct package_db *db;

	read_fields(body, &package);
	if (!package.name.len || !package.version.len)
		return err_set(err, ERR_FORMAT, "no Package or no Version");
	db = inventory_add_db(out, entry->path, "r");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	inventory_add_package(out, db, &package);
	return 0;
}

static const char *const names[] = {"DESCRIPTION", NULL};

const struct analyzer analyzer_r_description = {
	.name = "r-description",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.run = run,
};
