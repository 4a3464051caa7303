/* zip_file.h - the members of a zip that lies in memory whole, by its central directory.
 *
 * Source: PKWARE APPNOTE.TXT 6.3, ZIP64 included. What stands before the archive (a shell script before an executable jar) is
 * passed over. Only stored and deflated members are read. docs/decisions/0005-zip-by-its-directory.md says why this is
 * not libarchive's. Slices are borrowed from the file. Hostile input. */
#ifndef VARVE_WORKER_ANALYZE_ZIP_FILE_H
#define VARVE_WORKER_ANALYZE_ZIP_FILE_H

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"

struct zip_file {
	struct slice  bytes;   /* from where its offsets count */
	struct cursor entries; /* what is left of the directory */
};

struct zip_member {
	struct slice name; /* as written */
	uint16_t     method, flags;
	uint64_t     packed_bytes, bytes, header;
};

/* ERR_FORMAT: no end record, or a directory that lies outside. */
int zip_open(struct slice bytes, struct zip_file *zip, struct err *err);

/* The next member of the directory; false at its end, or where it is damaged: members before are good. */
bool zip_next(struct zip_file *zip, struct zip_member *member);

/* The bytes of a stored member where they lie; empty for any other. */
struct slice zip_stored(const struct zip_file *zip, const struct zip_member *member);

/* Appends the member's bytes; `out` has the ceiling. ERR_UNSUPPORTED (encrypted, another method), ERR_FORMAT, ERR_LIMIT, ERR_MEM. */
int zip_read(const struct zip_file *zip, const struct zip_member *member, struct buf *out, struct err *err);

#endif
