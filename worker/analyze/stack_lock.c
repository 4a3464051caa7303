/* stack.yaml.lock of Haskell: packages beside the snapshot, "completed" as Hackage knows them: "name-version@sha256:…,size".
 * Archives and repositories are no release. What the snapshot itself holds is not in the file.
 *
 * Source: docs.haskellstack.org "Lock files". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/limits.h"
#include "base/yaml.h"

static void add(struct lock_file *lock, const struct yaml *completed)
{
	struct slice text = yaml_get_text(completed, "hackage"), name;
	size_t       dash;

	if (!text.len) {
		lock_file_add(lock, yaml_get_text(completed, "name"), yaml_get_text(completed, "version"),
			      PACKAGE_NO_RELEASE);
		return;
	}
	text = slice_sub(text, 0, slice_find(text, '@'));
	dash = slice_rfind(text, '-');
	name = slice_sub(text, 0, dash == SIZE_MAX ? 0 : dash);
	lock_file_add(lock, name, slice_from(text, name.len + 1), 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "stack-lock", "hackage");
	const struct yaml *document = NULL, *it;
	struct arena       arena;
	int                rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = yaml_parse(body, &arena, &document, err);
	for (it = rc == 0 ? yaml_first(yaml_get(document, "packages"), YAML_KIND_LIST) : NULL; it && !lock.full;
	     it = it->next)
		add(&lock, yaml_get(it, "completed"));
	arena_deinit(&arena);
	return rc;
}

static const char *const names[] = {"stack.yaml.lock", NULL};

const struct analyzer analyzer_stack_lock = {
	.name = "stack-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.names = names,
	.run = run,
};
