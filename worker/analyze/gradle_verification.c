/* gradle/verification-metadata.xml: every component that the build has fetched, with its checksums. Plugins and poms of parents
 * are among them.
 *
 * Source: docs.gradle.org "Verifying dependencies". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "base/limits.h"
#include "base/xml.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file  lock = lock_file_of(entry, out, "gradle-verification", "maven");
	const struct xml *root = NULL, *components, *it;
	struct arena      arena;
	int               rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = xml_parse(body, &arena, &root, err);
	components = xml_get(root, "components");
	for (it = components ? components->first : NULL; it && !lock.full; it = it->next) {
		struct slice group = xml_attribute(it, "group"), artifact = xml_attribute(it, "name");

		if (slice_eq_str(it->name, "component") && group.len && artifact.len)
			lock_file_add(&lock, arena_printf(&arena, "%.*s:%.*s", SLICE_FMT(group), SLICE_FMT(artifact)),
				      xml_attribute(it, "version"), 0);
	}
	if (rc == 0 && arena_failed(&arena))
		rc = err_set(err, ERR_LIMIT, "takes more than %u bytes of memory", LIMIT_LOCK_TREE_BYTES);
	arena_deinit(&arena);
	return rc;
}

static const char *const names[] = {"verification-metadata.xml", NULL};

const struct analyzer analyzer_gradle_verification = {
	.name = "gradle-verification",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.names = names,
	.run = run,
};
