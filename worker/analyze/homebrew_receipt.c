/* Homebrew formulae: Cellar/<name>/<version>/INSTALL_RECEIPT.json. Name and version (with its revision, "1.67.0_1") are those of the
 * folders; the receipt says that the formula is installed, and is no release when it was built from HEAD.
 *
 * Source: docs.brew.sh "Formula Cookbook", terminology; Homebrew's Tab. */
#include "analyze/analyzer.h"
#include "base/json.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	struct slice formula = path_dirname(path_dirname(entry->path));

	(void)head;
	return slice_eq_str(path_basename(path_dirname(formula)), "Cellar") ? NEED_WHOLE : NEED_NOTHING;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct slice       folder = path_dirname(entry->path);
	struct package     package = {.type = SLICE_LIT("brew"),
				      .name = path_basename(path_dirname(folder)),
				      .version = path_basename(folder)};
	struct package_db *db;
	struct json       *root = NULL;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	if (slice_starts(package.version, "HEAD"))
		package.flags = PACKAGE_NO_RELEASE;
	if (json_kind(root) != JSON_KIND_OBJECT || !package.name.len)
		rc = err_set(err, ERR_FORMAT, "no receipt");
	else if ((db = inventory_add_db(out, entry->path, "homebrew")) != NULL)
		inventory_add_package(out, db, &package);
	else
		rc = err_set(err, ERR_MEM, "out of memory");
	json_free(root);
	return rc;
}

static const char *const names[] = {"INSTALL_RECEIPT.json", NULL};

const struct analyzer analyzer_homebrew_receipt = {
	.name = "homebrew-receipt",
	.version = 1,
	.inputs = INPUT_PATH,
	.body_bytes_max = 4u << 20,
	.names = names,
	.wants = wants,
	.run = run,
};
