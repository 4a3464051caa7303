/* pdm.lock. With a revision it comes from a repository; groups other than "default" are for development.
 *
 * Source: pdm-project.org "Lock file". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "analyze/toml_packages.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file     lock = lock_file_of(entry, out, "pdm-lock", "pypi");
	struct toml_packages reader = toml_packages_of(body);
	struct toml_package  package;

	(void)err;
	while (!lock.full && toml_packages_next(&reader, &package)) {
		bool dev = package.groups.len && slice_find_str(package.groups, "\"default\"") == SIZE_MAX;

		lock_file_add(&lock, package.name, package.version,
			      (package.revision.len ? PACKAGE_NO_RELEASE : 0) | (dev ? PACKAGE_DEV : 0));
	}
	return 0;
}

static const char *const names[] = {"pdm.lock", NULL};

const struct analyzer analyzer_pdm_lock = {
	.name = "pdm-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
