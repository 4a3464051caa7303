/* lock_file.h - what a lock file or manifest asks for, as analyzers of such files add it: all of it PACKAGE_DECLARED.
 *
 * The database is made with the first package, so that a file without any leaves none. */
#ifndef VARVE_WORKER_ANALYZE_LOCK_FILE_H
#define VARVE_WORKER_ANALYZE_LOCK_FILE_H

#include "entry/entry.h"
#include "model/inventory.h"

struct lock_file {
	struct inventory  *out;
	struct slice       path;
	const char        *kind, *type; /* of the database; purl type of its packages */
	struct package_db *db;
	bool               full; /* no more fit: stop reading */
};

struct lock_file lock_file_of(const struct entry *entry, struct inventory *out, const char *kind, const char *type);

/* Passed over without a name. A version may be missing (a range, a branch): then, and with PACKAGE_NO_RELEASE in `flags`,
 * it is listed and never matched. */
void lock_file_add(struct lock_file *lock, struct slice name, struct slice version, uint32_t flags);

#endif
