/* Node packages as npm, yarn and pnpm install them: node_modules/[@scope/]name/package.json.
 *
 * Source: docs.npmjs.com "package.json", nodejs.org "Modules: Packages". The name in the file beats that of its folder
 * (aliases). What lies deeper in a package (fixtures, {"type":"module"} stubs) and the application's own file are none
 * (TRAPS E2). */
#include "analyze/analyzer.h"
#include "analyze/license_list.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/path.h"

/* The folder holds one package: "…/node_modules/name" or "…/node_modules/@scope/name". */
static bool is_package_folder(struct slice folder)
{
	struct slice above = path_dirname(folder);

	if (TEXT_STARTS(path_basename(above), "@"))
		above = path_dirname(above);
	else if (TEXT_STARTS(path_basename(folder), "@"))
		return false;
	return slice_eq_str(path_basename(above), "node_modules");
}

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return is_package_folder(path_dirname(entry->path)) ? NEED_WHOLE : NEED_NOTHING;
}

static int add(const struct entry *entry, const struct json *root, struct inventory *out, struct err *err)
{
	struct package     package = {.type = SLICE_LIT("npm"),
				      .name = json_get_text(root, "name"),
				      .version = json_get_text(root, "version")};
	struct package_db *db;
	struct buf         license;

	if (!package.name.len || !package.version.len)
		return 0; /* a stub inside a package's folder, or one that was never published */
	db = inventory_add_db(out, entry->path, "node");
	if (!db)
		return err_set(err, ERR_MEM, "out of memory");
	buf_init(&license, LIMIT_STRING_BYTES);
	license_list_of_json(json_get(root, "license"), &license);
	if (!license.len)
		license_list_of_json(json_get(root, "licenses"), &license);
	package.license = buf_slice(&license);
	inventory_add_package(out, db, &package);
	buf_deinit(&license);
	return 0;
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct json *root = NULL;
	int          rc = json_parse(body, &root, err);

	if (rc == 0)
		rc = add(entry, root, out, err);
	json_free(root);
	return rc;
}

static const char *const names[] = {"package.json", NULL};

const struct analyzer analyzer_node_package = {
	.name = "node-package",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.names = names,
	.wants = wants,
	.run = run,
};
