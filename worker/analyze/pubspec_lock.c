/* pubspec.lock of Dart and Flutter: what pub has resolved. What comes from an SDK, a folder or a repository is no release.
 *
 * Source: dart.dev "Glossary: lockfile"; dart-lang/pub, lib/src/lock_file.dart: "packages", each with dependency, source,
 * description and version. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/limits.h"
#include "base/yaml.h"

static uint32_t flags_of(const struct yaml *node)
{
	uint32_t flags = slice_eq_str(yaml_get_text(node, "source"), "hosted") ? 0 : PACKAGE_NO_RELEASE;

	return flags | (slice_eq_str(yaml_get_text(node, "dependency"), "direct dev") ? PACKAGE_DEV : 0);
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file   lock = lock_file_of(entry, out, "pubspec-lock", "pub");
	const struct yaml *document, *it;
	struct arena       arena;
	int                rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = yaml_parse(body, &arena, &document, err);
	for (it = rc == 0 ? yaml_first(yaml_get(document, "packages"), YAML_KIND_MAP) : NULL; it && !lock.full;
	     it = it->next)
		lock_file_add(&lock, it->key, yaml_get_text(it, "version"), flags_of(it));
	arena_deinit(&arena);
	return rc;
}

static const char *const names[] = {"pubspec.lock", NULL};

const struct analyzer analyzer_pubspec_lock = {
	.name = "pubspec-lock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 16u << 20,
	.names = names,
	.run = run,
};
