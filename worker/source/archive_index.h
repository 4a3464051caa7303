/* archive_index.h - where the members of a tar file lie, their sizes and digests: made in one pass, then immutable. */
#ifndef VARVE_WORKER_SOURCE_ARCHIVE_INDEX_H
#define VARVE_WORKER_SOURCE_ARCHIVE_INDEX_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/stream.h"

struct indexed_member {
	struct slice name;   /* canonical */
	struct slice target; /* canonical; of a link, else empty */
	uint64_t     offset, size;
	struct digest
		sha256; /* of the bytes; of a member "blobs/sha256/<hex>" what its name says, to be verified as it is read */
	uint32_t order;
	bool     is_file, is_link, unreadable; /* unreadable: stored sparse */
};

struct archive_index {
	struct arena           arena;
	struct indexed_member *members; /* by name, last written first */
	size_t                 count, capacity;
};

/* Reads `tar` to its end (borrowed). ERR_FORMAT, ERR_TRUNCATED, ERR_LIMIT, ERR_MEM, the stream's own. Deinit in any case. */
int  archive_index_build(struct archive_index *index, struct stream *tar, struct err *err);
void archive_index_deinit(struct archive_index *index);

/* The regular file that `name` leads to through at most LIMIT_SYMLINK_CHAIN links. ERR_NOT_FOUND, ERR_FORMAT. */
int archive_index_find(const struct archive_index *index, struct slice name, const struct indexed_member **out,
		       struct err *err);

#endif
