/* pom.xml of a project: the dependencies that it names, with the versions that stand in this file. Those of its parent, of imported
 * poms and of dependencies are not known here; a version that is not is left empty.
 *
 * Source: maven.apache.org "POM Reference". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "analyze/maven_pom.h"
#include "base/limits.h"

static uint32_t flags_of(const struct xml *dependency)
{
	struct slice scope = xml_get_text(dependency, "scope");

	return slice_eq_str(scope, "test") ? PACKAGE_DEV : slice_eq_str(scope, "system") ? PACKAGE_NO_RELEASE : 0;
}

static void add_all(struct lock_file *lock, const struct maven_pom *pom, const struct xml *dependencies)
{
	for (const struct xml *it = dependencies ? dependencies->first : NULL; it && !lock->full; it = it->next) {
		struct slice name = maven_pom_name(pom, it);

		if (slice_eq_str(it->name, "dependency"))
			lock_file_add(lock, name, maven_pom_version(pom, it, name), flags_of(it));
	}
}

static void add_profiles(struct lock_file *lock, const struct maven_pom *pom)
{
	const struct xml *profiles = xml_get(pom->project, "profiles");

	for (const struct xml *it = profiles ? profiles->first : NULL; it && !lock->full; it = it->next)
		if (slice_eq_str(xml_get_text(xml_get(it, "activation"), "activeByDefault"), "true"))
			add_all(lock, pom, xml_get(it, "dependencies"));
}

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file lock = lock_file_of(entry, out, "maven-pom", "maven");
	struct maven_pom pom;
	struct arena     arena;
	int              rc;

	arena_init(&arena, LIMIT_LOCK_TREE_BYTES);
	rc = maven_pom_open(body, &arena, &pom, err);
	if (rc == 0) {
		add_all(&lock, &pom, xml_get(pom.project, "dependencies"));
		add_profiles(&lock, &pom);
		if (arena_failed(&arena))
			rc = err_set(err, ERR_LIMIT, "takes more than %u bytes of memory", LIMIT_LOCK_TREE_BYTES);
	}
	maven_pom_close(&pom);
	arena_deinit(&arena);
	return rc;
}

static const char *const names[] = {"pom.xml", NULL};

const struct analyzer analyzer_maven_pom = {
	.name = "maven-pom",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 4u << 20,
	.names = names,
	.run = run,
};
