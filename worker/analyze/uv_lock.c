/* uv.lock: source is an inline table. "virtual" and "editable" are the project itself.
 *
 * Source: docs.astral.sh/uv, crates/uv-resolver "lock". */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "analyze/toml_packages.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file     lock = lock_file_of(entry, out, "uv-lock", "pypi");
	struct toml_packages reader = toml_packages_of(body);
	struct toml_package  package;

	(void)err;
	while (!lock.full && toml_packages_next(&reader, &package)) {
		bool own = slice_find_str(package.source, "virtual") != SIZE_MAX ||
			   slice_find_str(package.source, "editable") != SIZE_MAX;
		bool registry = !package.source.len || slice_find_str(package.source, "registry") != SIZE_MAX;

		if (!own)
			lock_file_add(&lock, package.name, package.version, registry ? 0 : PACKAGE_NO_RELEASE);
	}
	return 0;
}

static const char *const names[] = {"uv.lock", NULL};

const struct analyzer analyzer_uv_lock = {
	.name = "uv-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
