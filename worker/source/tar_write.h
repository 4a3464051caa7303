/* tar_write.h - headers of a tar that is made on the fly: ustar, with PAX records (POSIX.1-2001) for what does not fit. */
#ifndef VARVE_WORKER_SOURCE_TAR_WRITE_H
#define VARVE_WORKER_SOURCE_TAR_WRITE_H

#include "base/buf.h"

enum { TAR_BLOCK_BYTES = 512 };

enum tar_type {
	TAR_FILE = '0',
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCK = '4',
	TAR_DIRECTORY = '5',
	TAR_FIFO = '6'
};

struct tar_header {
	enum tar_type type;
	struct slice  name, target;
	uint64_t      size;
	uint32_t      mode, uid, gid;
	int64_t       mtime;
	const char *unreadable; /* NULL, or why the body (or part of the folder) is missing: goes along as the extended
	                             attribute TAR_UNREADABLE_XATTR, so that it can be noted and not taken for empty */
};

#define TAR_UNREADABLE_XATTR "user.varve.unreadable"

void   tar_write_header(struct buf *out, const struct tar_header *header);
size_t tar_padding(uint64_t size); /* zero bytes that follow a body of this size */

#endif
