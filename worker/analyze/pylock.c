/* pylock.toml, pylock.<name>.toml (PEP 751): [[packages]]. One that comes from a folder, a repository or an archive elsewhere has no
 * version, or one that is no release.
 *
 * Source: packaging.python.org "pylock.toml Specification". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "analyze/toml_packages.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file     lock = lock_file_of(entry, out, "pylock", "pypi");
	struct toml_packages reader = toml_packages_of(body);
	struct toml_package  package;

	(void)err;
	while (!lock.full && toml_packages_next(&reader, &package))
		lock_file_add(&lock, package.name, package.version, package.elsewhere.len ? PACKAGE_NO_RELEASE : 0);
	return 0;
}

static enum need wants(const struct entry *entry, struct slice head)
{
	(void)head;
	return TEXT_ENDS(entry->path, ".toml") ? NEED_WHOLE : NEED_NOTHING;
}

static const char *const names[] = {"pylock.*", NULL};

const struct analyzer analyzer_pylock = {
	.name = "pylock",
	.version = 1,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.wants = wants,
	.run = run,
};
