/* owned_files.h - collects the files a package owns into an owner_list, made when the first one is worth keeping. */
#ifndef VARVE_WORKER_ANALYZE_OWNED_FILES_H
#define VARVE_WORKER_ANALYZE_OWNED_FILES_H

#include "model/inventory.h"

/* Bytes of paths that one database may make: one long folder name with millions of short names in it would else take
 * hours. 3,000,000 files with names of 80 bytes are 240 MB. */
enum { OWNED_BYTES_MAX = 512 << 20 };

struct owned_files {
	struct inventory  *out;
	struct slice       path, package;
	struct owner_list *list;
	uint64_t          *bytes; /* of all paths made so far; the analyzer notes when it passed OWNED_BYTES_MAX */
};

/* `path`: of the list or database that says so. Borrowed until the last add; one collection at a time per inventory. */
struct owned_files owned_files_of(struct inventory *out, struct slice path, struct slice package, uint64_t *bytes);

/* dir + "/" + name (dir may be empty) in any spelling; names too long to be a path are passed over. */
void owned_files_add(struct owned_files *owned, struct slice dir, struct slice name);

/* Notes "owned_bytes_max" when it was passed. */
void owned_files_note(struct inventory *out, struct slice path, uint64_t bytes);

#endif
