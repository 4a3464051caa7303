/* advisory_import.h - OSV records from files, folders and all.zip archives into a new generation; and from the public
 * bucket.
 *
 * Source: osv-schema 1.0 to 1.7; osv.dev's layout <Ecosystem>/all.zip. A source is named after what holds it: an
 * all.zip or a folder "all" after its parent folder, everything else after itself without extension. Records that
 * cannot be read are told to `broken` and counted; the others go on. A file or archive that cannot be read to its end,
 * or in which nothing can be read (an error page saved as all.zip), fails the import, and the current generation stays.
 * Blocks. */
#ifndef VARVE_MATCH_ADVISORY_IMPORT_H
#define VARVE_MATCH_ADVISORY_IMPORT_H

#include "match/advisory_build.h"

struct advisory_watch {
	void (*broken)(void *data, const char *where, const char *why); /* a record that was left out */
	void (*progress)(void *data, const char *source, uint64_t records, uint64_t bytes); /* now and then */
	void *data;
}; /* both may be NULL */

struct advisory_import_result {
	struct advisory_build_result build;
	uint64_t                     records, broken, bytes; /* read in this import */
	bool dropped_old; /* the current generation was of another format or damaged: nothing kept */
};

/* `replace_all`: the new generation holds these paths alone. ERR_NOT_FOUND, ERR_FORMAT, ERR_LIMIT, ERR_BUSY, ERR_FULL … */
int advisory_import(const char *dir, const char *const *paths, size_t paths_count, bool replace_all,
		    const struct advisory_watch *watch, struct advisory_import_result *result, struct err *err);

/* One open archive, folder or file as a source of `build`: for the updater. */
int advisory_import_path(struct advisory_build *build, const char *path, struct slice name, struct slice origin,
			 struct slice etag, const struct advisory_watch *watch, struct advisory_import_result *result,
			 struct err *err);

#endif
