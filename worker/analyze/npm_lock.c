/* package-lock.json and npm-shrinkwrap.json, lockfileVersion 1 to 3; also npm's hidden node_modules/.package-lock.json is one, and is
 * not read: what it names is installed and found as such.
 *
 * Source: docs.npmjs.com "package-lock.json": version 2 and 3 have "packages" by their folders, version 1 nests "dependencies". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/json.h"
#include "base/limits.h"

static uint32_t flags_of(const struct json *node)
{
	return json_bool(json_get(node, "dev"), false) ? PACKAGE_DEV : 0;
}

/* "git+ssh://…#commit", "file:../x", "npm:real-name@1.0.0": what stands in the place of a version in version 1. */
static void add_version_1(struct lock_file *lock, struct slice name, const struct json *node)
{
	struct slice version = json_get_text(node, "version");

	if (slice_starts(version, "npm:")) {
		size_t at = slice_rfind(version, '@');

		name = slice_sub(version, 4, at == SIZE_MAX ? SIZE_MAX : at - 4);
		version = at == SIZE_MAX ? SLICE_EMPTY : slice_from(version, at + 1);
	} else if (slice_find(version, ':') != SIZE_MAX) {
		version = SLICE_EMPTY;
	}
	lock_file_add(lock, name, version, flags_of(node));
}

struct level {
	const struct json *dependencies;
	void              *at;
};

/* The tree of "dependencies", without recursion; json_parse() has bounded its depth. */
static void read_version_1(struct lock_file *lock, const struct json *root)
{
	struct level levels[LIMIT_JSON_DEPTH];
	size_t       depth = 0;

	levels[depth].dependencies = json_get_kind(root, "dependencies", JSON_KIND_OBJECT);
	levels[depth].at = json_first(levels[depth].dependencies);
	depth++;
	while (depth && !lock->full) {
		struct level      *level = &levels[depth - 1];
		const struct json *node, *inner;

		if (!level->at) {
			depth--;
			continue;
		}
		node = json_value(level->at);
		add_version_1(lock, json_key(level->at), node);
		level->at = json_next(level->dependencies, level->at);
		inner = json_get_kind(node, "dependencies", JSON_KIND_OBJECT);
		if (inner && depth < LIMIT_JSON_DEPTH)
			levels[depth++] = (struct level){.dependencies = inner, .at = json_first(inner)};
	}
}

/* "node_modules/a/node_modules/@b/c": what stands behind the last node_modules/; empty for folders of the project. */
static struct slice name_of_folder(struct slice folder)
{
	static const struct slice MARK = {(const uint8_t *)"node_modules/", 13};

	for (size_t at = folder.len < MARK.len ? SIZE_MAX : folder.len - MARK.len; at != SIZE_MAX;
	     at = at ? at - 1 : SIZE_MAX)
		if (slice_eq(slice_sub(folder, at, MARK.len), MARK) && (at == 0 || folder.ptr[at - 1] == '/'))
			return slice_from(folder, at + MARK.len);
	return SLICE_EMPTY;
}

static void read_packages(struct lock_file *lock, const struct json *packages)
{
	for (void *it = json_first(packages); it && !lock->full; it = json_next(packages, it)) {
		const struct json *node = json_value(it);
		struct slice       name = json_get_text(node, "name"), folder = name_of_folder(json_key(it));

		if (folder.len && !json_bool(json_get(node, "link"), false))
			lock_file_add(lock, name.len ? name : folder, json_get_text(node, "version"), flags_of(node));
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "npm-lock", "npm");
	struct json       *root = NULL;
	const struct json *packages;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	packages = json_get_kind(root, "packages", JSON_KIND_OBJECT);
	if (packages)
		read_packages(&lock, packages);
	else
		read_version_1(&lock, root);
	json_free(root);
	return 0;
}

static const char *const names[] = {"package-lock.json", "npm-shrinkwrap.json", NULL};

const struct analyzer analyzer_npm_lock = {
	.name = "npm-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
