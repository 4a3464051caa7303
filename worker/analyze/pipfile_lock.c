/* Pipfile.lock: "default" and "develop", each name with "version": "==1.2.3".
 *
 * Source: pipenv.pypa.io, pypa/pipfile "Pipfile.lock". An entry of a repository or folder has no version. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/json.h"

static void read_group(struct lock_file *lock, const struct json *group, uint32_t flags)
{
	for (void *it = json_first(group); it && !lock->full; it = json_next(group, it)) {
		struct slice version = json_get_text(json_value(it), "version");

		if (slice_starts(version, "=="))
			lock_file_add(lock, json_key(it), slice_from(version, 2), flags);
		else
			lock_file_add(lock, json_key(it), SLICE_EMPTY, flags);
	}
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "pipfile-lock", "pypi");
	struct json     *root = NULL;
	int              rc = json_parse(body, &root, err);

	if (rc < 0)
		return rc;
	read_group(&lock, json_get_kind(root, "default", JSON_KIND_OBJECT), 0);
	read_group(&lock, json_get_kind(root, "develop", JSON_KIND_OBJECT), PACKAGE_DEV);
	json_free(root);
	return 0;
}

static const char *const names[] = {"Pipfile.lock", NULL};

const struct analyzer analyzer_pipfile_lock = {
	.name = "pipfile-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
