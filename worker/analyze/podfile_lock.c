/* Podfile.lock of CocoaPods: PODS, "Name (version)" or "Name/Subspec (version)", alone or as the key of what it asks for. Those
 * that EXTERNAL SOURCES names come from a folder or repository and are no release.
 *
 * Source: guides.cocoapods.org "Using CocoaPods", "Podfile.lock". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/limits.h"
#include "base/yaml.h"

static bool is_external(const struct yaml *external, struct slice pod)
{
	for (const struct yaml *it = yaml_first(external, YAML_KIND_MAP); it; it = it->next)
		if (slice_eq(it->key, pod))
			return true;
	return false;
}

static void add(struct lock_file *lock, struct slice text, const struct yaml *external)
{
	struct slice rest = text, name = slice_trim(slice_cut(&rest, '(')),
		     pod = slice_sub(name, 0, slice_find(name, '/'));
	size_t end = slice_find(rest, ')');

	if (end != SIZE_MAX)
		lock_file_add(lock, name, slice_sub(rest, 0, end), is_external(external, pod) ? PACKAGE_NO_RELEASE : 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "podfile-lock", "cocoapods");
	const struct yaml *document = NULL, *external, *it;
	struct arena       arena;
	int                rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = yaml_parse(body, &arena, &document, err);
	external = rc == 0 ? yaml_get(document, "EXTERNAL SOURCES") : NULL;
	for (it = rc == 0 ? yaml_first(yaml_get(document, "PODS"), YAML_KIND_LIST) : NULL; it && !lock.full;
	     it = it->next) {
		const struct yaml *key = yaml_first(it, YAML_KIND_MAP);

		add(&lock, key ? key->key : yaml_text(it), external);
	}
	arena_deinit(&arena);
	return rc;
}

static const char *const names[] = {"Podfile.lock", NULL};

const struct analyzer analyzer_podfile_lock = {
	.name = "podfile-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.names = names,
	.run = run,
};
