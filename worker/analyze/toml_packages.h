/* toml_packages.h - the [[package]] or [[packages]] tables of lock files that tools write in TOML: Cargo, Poetry, uv, PDM, pylock.
 *
 * Reads their one-line keys with literal values and nothing else of TOML 1.0; what it does not know it passes over. Values are
 * borrowed from the text. */
#ifndef VARVE_WORKER_ANALYZE_TOML_PACKAGES_H
#define VARVE_WORKER_ANALYZE_TOML_PACKAGES_H

#include "base/cursor.h"

struct toml_package { /* absent ones are empty */
	struct slice name, version;
	struct slice source;      /* the text, or the inline table as written: "{ git = … }" */
	struct slice source_type; /* of [package.source]: type = "git" */
	struct slice category, groups, revision;
	struct slice elsewhere; /* of pylock: it has a key or table vcs, directory or archive */
};

struct toml_packages {
	struct cursor lines;
	bool          in_package; /* the header of the next package has been read */
};

struct toml_packages toml_packages_of(struct slice text);
bool                 toml_packages_next(struct toml_packages *reader, struct toml_package *package);

#endif
