/* Cargo.lock, all versions. Crates without a source are the workspace's own; those of repositories are no releases.
 *
 * Source: doc.rust-lang.org/cargo, cargo::core::resolver::encode. */
#include "analyze/analyzer.h"
#include "analyze/lock_file.h"
#include "analyze/toml_packages.h"

static int run(const struct entry *entry, struct slice body, struct inventory *out, struct err *err)
{
	struct lock_file     lock = lock_file_of(entry, out, "cargo-lock", "cargo");
	struct toml_packages reader = toml_packages_of(body);
	struct toml_package  package;

	(void)err;
	while (!lock.full && toml_packages_next(&reader, &package)) {
		bool registry = slice_starts(package.source, "registry+") || slice_starts(package.source, "sparse+");

		lock_file_add(&lock, package.name, package.version, registry ? 0 : PACKAGE_NO_RELEASE);
	}
	return 0;
}

static const char *const names[] = {"Cargo.lock", NULL};

const struct analyzer analyzer_cargo_lock = {
	.name = "cargo-lock",
	.version = 2,
	.inputs = 0,
	.body_bytes_max = 64u << 20,
	.text = true,
	.names = names,
	.run = run,
};
