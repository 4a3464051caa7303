/* Packages of a conda environment: conda-meta/<name>-<version>-<build>.json.
 *
 * Source: conda's PrefixRecord, docs.conda.io "conda environments". */
#include "analyze/analyzer.h"
#include "base/json.h"
#include "base/path.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return slice_eq_str(path_basename(path_dirname(entry->path)), "conda-meta") ? NEED_WHOLE : NEED_NOTHING;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct json       *root = NULL;
	struct package     package = {.type = SLICE_LIT("conda")};
	struct package_db *db;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	package.name = json_get_text(root, "name");
	package.version = json_get_text(root, "version");
	package.arch = json_get_text(root, "subdir");
	package.license = json_get_text(root, "license");
	if (!package.name.len || !package.version.len)
		rc = err_set(err, ERR_FORMAT, "no name or no version");
	else if ((db = inventory_add_db(out, entry->path, "conda")) != NULL)
		inventory_add_package(out, db, &package);
	else
		rc = err_set(err, ERR_MEM, "out of memory");
	json_free(root);
	return rc;
}

static const char *const names[] = {"*.json", NULL};

const struct analyzer analyzer_conda_meta = {
	.name = "conda-meta",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.names = names,
	.wants = wants,
	.run = run,
};
