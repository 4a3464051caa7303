#include "analyze/composer_package.h"

#include "analyze/license_list.h"
#include "base/limits.h"

bool composer_package_add(const struct json *node, uint32_t flags, struct package_db *db, struct inventory *out)
{
	struct package package = {.type = SLICE_LIT("composer"),
				  .name = json_get_text(node, "name"),
				  .version = json_get_text(node, "version"),
				  .flags = flags};
	struct buf     license;
	bool           added = true;

	if (!package.name.len || !package.version.len)
		return true;
	if (slice_starts(package.version, "dev-") || slice_ends(package.version, "-dev"))
		package.flags |= PACKAGE_NO_RELEASE;
	buf_init(&license, LIMIT_STRING_BYTES);
	license_list_of_json(json_get(node, "license"), &license);
	package.license = buf_slice(&license);
	added = inventory_add_package(out, db, &package) != NULL;
	buf_deinit(&license);
	return added;
}
