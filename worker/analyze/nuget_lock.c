/* packages.lock.json of NuGet: dependencies by target framework, with the version that was resolved.
 *
 * Source: learn.microsoft.com "Enable repeatable package restores using a lock file". Type "Project" is the solution's own. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/json.h"

static void read_framework(struct lock_file *lock, const struct json *framework)
{
	for (void *it = json_first(framework); it && !lock->full; it = json_next(framework, it)) {
		const struct json *node = json_value(it);

		if (!slice_eq_nocase(json_get_text(node, "type"), SLICE_LIT("project")))
			lock_file_add(lock, json_key(it), json_get_text(node, "resolved"), 0);
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "nuget-lock", "nuget");
	struct json       *root = NULL;
	const struct json *frameworks;
	int                rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	frameworks = json_get_kind(root, "dependencies", JSON_KIND_OBJECT);
	for (void *it = json_first(frameworks); it; it = json_next(frameworks, it))
		read_framework(&lock, json_value(it));
	json_free(root);
	return 0;
}

static const char *const names[] = {"packages.lock.json", NULL};

const struct analyzer analyzer_nuget_lock = {
	.name = "nuget-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
