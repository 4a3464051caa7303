/* obj/project.assets.json: what NuGet has restored for a .NET project; "libraries" by "name/version". Type "project" is the
 * solution's own.
 *
 * Source: NuGet.Client, NuGet.ProjectModel, LockFileFormat. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/json.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "nuget-assets", "nuget");
	struct json       *root = NULL;
	const struct json *libraries;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	libraries = json_get_kind(root, "libraries", JSON_KIND_OBJECT);
	for (void *it = json_first(libraries); it && !lock.full; it = json_next(libraries, it)) {
		struct slice version = json_key(it), name = slice_cut(&version, '/');

		if (slice_eq_str(json_get_text(json_value(it), "type"), "package"))
			lock_file_add(&lock, name, version, 0);
	}
	json_free(root);
	return 0;
}

static const char *const names[] = {"project.assets.json", NULL};

const struct analyzer analyzer_nuget_assets = {
	.name = "nuget-assets",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
