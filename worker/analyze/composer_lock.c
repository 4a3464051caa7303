/* composer.lock: "packages" and "packages-dev".
 *
 * Source: getcomposer.org, Composer\Package\Locker. */
#include "analyze/analyzer.h"
#include "analyze/composer_package.h"
#include "base/json.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	static const struct {
		const char *key;
		uint32_t    flags;
	} LISTS[] = {{"packages", PACKAGE_DECLARED}, {"packages-dev", PACKAGE_DECLARED | PACKAGE_DEV}};
	struct json       *root = NULL;
	struct package_db *db = NULL;
	bool               fits = true;
	int                rc = json_parse(body, &root, err);

	for (size_t k = 0; rc == 0 && k < 2; k++) {
		const struct json *list = json_get_kind(root, LISTS[k].key, JSON_KIND_ARRAY);

		if (json_count(list) && !db && (db = inventory_add_db(out, entry->path, "composer-lock")) == NULL)
			rc = err_set(err, ERR_MEM, "out of memory");
		for (size_t i = 0; db && fits && i < json_count(list); i++)
			fits = composer_package_add(json_at(list, i), LISTS[k].flags, db, out);
	}
	json_free(root);
	return rc;
}

static const char *const names[] = {"composer.lock", NULL};

const struct analyzer analyzer_composer_lock = {
	.name = "composer-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
