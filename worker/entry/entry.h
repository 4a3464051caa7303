/* entry.h - one member of a layer's tar, as the entry reader hands it to the analyzers. Borrowed until the next entry.
 */
#ifndef VARVE_WORKER_ENTRY_ENTRY_H
#define VARVE_WORKER_ENTRY_ENTRY_H

#include "model/path_table.h"

struct entry {
	struct slice   path; /* canonical (base/path.h); whiteout and opaque: as path_table.h has it */
	enum path_type type;
	struct slice   target; /* symlink: as written; hard link: canonical */
	uint64_t       size;   /* of the body; 0 for everything but files (a hard link may carry one) */
	uint32_t       mode;   /* permission bits, with setuid, setgid, sticky */
	int64_t        mtime;  /* seconds */
	uint32_t       uid, gid;
	struct slice
		unreadable; /* empty, or why the body (of a folder: part of what is below) is missing; rootfs: only */
};

#endif
