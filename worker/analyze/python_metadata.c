/* Installed Python distributions: *.dist-info/METADATA, *.egg-info (a file, or a folder with PKG-INFO), EGG-INFO/PKG-INFO of
 * eggs; with direct_url.json, which says that one did not come from an index.
 *
 * Source: packaging.python.org "Recording installed projects", "Core metadata specifications", "Recording the Direct URL
 * Origin of installed distributions". */
#include "analyze/analyzer.h"
#include "analyze/deb822.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/path.h"

static bool is_direct_url(struct slice path)
{
	return TEXT_ENDS(path, ".dist-info/direct_url.json");
}

static enum need wants(const struct entry *entry, struct slice head)
{
	struct slice path = entry->path;

	(void)head;
	return TEXT_ENDS(path, ".dist-info/METADATA") || TEXT_ENDS(path, ".egg-info/PKG-INFO") ||
			       TEXT_ENDS(path, "EGG-INFO/PKG-INFO") || TEXT_ENDS(path, ".egg-info") ||
			       is_direct_url(path)
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

struct metadata {
	struct slice name, version, license, expression;
};

/* The headers alone: the description stands behind a blank line. */
static void read_headers(struct slice body, struct metadata *out)
{
	struct deb822       reader = deb822_of(body);
	struct deb822_field field;
	enum deb822_token   token;

	while ((token = deb822_next(&reader, &field)) == DEB822_FIELD) {
		struct slice *to = NULL;

		if (slice_eq_nocase(field.name, SLICE_LIT("Name")))
			to = &out->name;
		else if (slice_eq_nocase(field.name, SLICE_LIT("Version")))
			to = &out->version;
		else if (slice_eq_nocase(field.name, SLICE_LIT("License-Expression")))
			to = &out->expression;
		else if (slice_eq_nocase(field.name, SLICE_LIT("License")))
			to = &out->license;
		if (to && to->len == 0)
			*to = field.value;
	}
}

/* From a working copy, a folder or a repository: its version names no release of an index. */
static bool is_no_release(struct slice direct_url)
{
	struct json *root = NULL;
	bool         local;

	if (direct_url.len == 0 || json_parse(direct_url, &root, NULL) < 0)
		return false;
	local = json_get_kind(root, "dir_info", JSON_KIND_OBJECT) || json_get_kind(root, "vcs_info", JSON_KIND_OBJECT);
	json_free(root);
	return local;
}

static int run(const struct entry *entry, struct slice body, struct slice second, struct inventory *out,
	       struct err *err)
{
	struct metadata    metadata = {0};
	struct package     package = {.type = SLICE_LIT("pypi")};
	struct package_db *db;

	read_headers(body, &metadata);
	if (!metadata.name.len || !metadata.version.len)
		return err_set(err, ERR_FORMAT, "no Name or no Version");
	db = inventory_add_db(out, entry->path, "python");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	package.name = metadata.name;
	package.version = metadata.version;
	package.license = metadata.expression.len ? metadata.expression : metadata.license;
	package.flags = is_no_release(second) ? PACKAGE_NO_RELEASE : 0;
	inventory_add_package(out, db, &package);
	return 0;
}

static const char *const names[] = {"METADATA", "PKG-INFO", "*.egg-info", "direct_url.json", NULL};

const struct analyzer analyzer_python_metadata = {
	.name = "python-metadata",
	.version = 2,
	.inputs = INPUT_SIBLINGS,
	.body_bytes_max = 4u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.companion_suffix = "/direct_url.json",
	.run_pair = run,
};
