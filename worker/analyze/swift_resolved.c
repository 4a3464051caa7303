/* Package.resolved of the Swift package manager, versions 1 to 3: pins with location and version. SwiftURL's names, in OSV and in
 * purls, are the location without scheme and ".git".
 *
 * Source: swiftlang/swift-package-manager, PinsStore; osv-schema "SwiftURL". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/json.h"

static struct slice name_of_location(struct slice location)
{
	size_t scheme = slice_find_str(location, "://");

	if (scheme == SIZE_MAX)
		return SLICE_EMPTY;
	location = slice_from(location, scheme + 3);
	return slice_ends(location, ".git") ? slice_sub(location, 0, location.len - 4) : location;
}

static void add_pin(struct lock_file *lock, const struct json *pin)
{
	const struct json *state = json_get_kind(pin, "state", JSON_KIND_OBJECT);
	struct slice       location = json_get_text(pin, "location"), name;

	if (!location.len)
		location = json_get_text(pin, "repositoryURL"); /* version 1 */
	name = name_of_location(location);
	if (!name.len)
		name = json_get_text(pin, "identity");
	lock_file_add(lock, name.len ? name : json_get_text(pin, "package"), json_get_text(state, "version"), 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "swift-resolved", "swift");
	struct json       *root = NULL;
	const struct json *pins;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	pins = json_get_kind(root, "pins", JSON_KIND_ARRAY);
	if (!pins)
		pins = json_get_kind(json_get(root, "object"), "pins", JSON_KIND_ARRAY);
	for (size_t i = 0; i < json_count(pins) && !lock.full; i++)
		add_pin(&lock, json_at(pins, i));
	json_free(root);
	return 0;
}

static const char *const names[] = {"Package.resolved", NULL};

const struct analyzer analyzer_swift_resolved = {
	.name = "swift-resolved",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.names = names,
	.run = run,
};
