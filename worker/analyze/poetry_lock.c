/* poetry.lock, versions 1 and 2. With a [package.source] of a repository, folder or URL: no release; "legacy" is another index.
 *
 * Source: python-poetry.org, poetry.packages.locker. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "analyze/toml_packages.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file     lock = lock_file_of(entry, out, "poetry-lock", "pypi");
	struct toml_packages reader = toml_packages_of(body);
	struct toml_package  package;

	(void)err;
	while (!lock.full && toml_packages_next(&reader, &package)) {
		bool released = !package.source_type.len || slice_eq_str(package.source_type, "legacy");
		bool dev =
			slice_eq_str(package.category, "dev") || (slice_find_str(package.groups, "dev") != SIZE_MAX &&
								  slice_find_str(package.groups, "main") == SIZE_MAX);

		lock_file_add(&lock, package.name, package.version,
			      (released ? 0 : PACKAGE_NO_RELEASE) | (dev ? PACKAGE_DEV : 0));
	}
	return 0;
}

static const char *const names[] = {"poetry.lock", NULL};

const struct analyzer analyzer_poetry_lock = {
	.name = "poetry-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
