/* Packages that Composer has installed: vendor/composer/installed.json, version 1 (a list) and 2 (an object).
 *
 * Source: Composer's InstalledArrayRepository / FilesystemRepository; getcomposer.org "The composer.json schema". */
#include "analyze/analyzer.h"
#include "analyze/composer_package.h"
#include "base/json.h"
#include "base/map.h"

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_ENDS(entry->path, "/composer/installed.json") || TEXT_IS(entry->path, "composer/installed.json")
		       ? NEED_WHOLE
		       : NEED_NOTHING;
}

/* The names in a map, each with itself as its value; false without memory. */
static bool index_names(const struct json *names, struct map *out)
{
	bool good = true;

	for (size_t i = 0; i < json_count(names) && good; i++) {
		const struct json *name = json_at(names, i);

		good = map_put(out, json_text(name), (void *)(uintptr_t)name);
	}
	return good;
}

static int add_all(const struct json *packages, const struct json *dev_names, struct package_db *db,
		   struct inventory *out, struct err *err)
{
	struct map dev = {0};
	bool       good = index_names(dev_names, &dev);

	for (size_t i = 0; good && i < json_count(packages); i++) {
		const struct json *node = json_at(packages, i);
		uint32_t           flags = map_get(&dev, json_get_text(node, "name")) ? PACKAGE_DEV : 0;

		if (!composer_package_add(node, flags, db, out))
			break;
	}
	map_deinit(&dev);
	return good ? 0 : err_set(err, ERR_MEM, "out of memory");
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct json       *root = NULL;
	const struct json *packages;
	struct package_db *db;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	packages = json_kind(root) == JSON_KIND_ARRAY ? root : json_get_kind(root, "packages", JSON_KIND_ARRAY);
	db = packages ? inventory_add_db(out, entry->path, "composer") : NULL;
	if (db)
		rc = add_all(packages, json_get_kind(root, "dev-package-names", JSON_KIND_ARRAY), db, out, err);
	else
		rc = packages ? err_set(err, ERR_MEM, "out of memory")
			      : err_set(err, ERR_FORMAT, "no list of packages");
	json_free(root);
	return rc;
}

static const char *const names[] = {"installed.json", NULL};

const struct analyzer analyzer_composer_installed = {
	.name = "composer-installed",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.database = true,
	.names = names,
	.wants = wants,
	.run = run,
};
