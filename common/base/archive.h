/* archive.h - the members of a tar or zip, read forward from a stream; the only includer of libarchive.
 *
 * Bytes come already inflated (no filters are enabled). tar: v7, ustar, PAX, GNU (long names, sparse: holes come as
 * zeros); zip: local headers only, so that it streams. Names are the raw bytes as written, in no promised encoding; the
 * process must stay in the C locale (never call setlocale), else libarchive would rewrite them.
 * Owner: one thread. Borrowed slices (member, body blocks) live until the next call on the reader. Hostile input. */
#ifndef VARVE_BASE_ARCHIVE_H
#define VARVE_BASE_ARCHIVE_H

#include "base/err.h"
#include "base/slice.h"
#include "base/stream.h"

enum archive_kind { ARCHIVE_KIND_TAR, ARCHIVE_KIND_ZIP };

enum member_type { MEMBER_FILE, MEMBER_DIRECTORY, MEMBER_SYMLINK, MEMBER_HARDLINK, MEMBER_OTHER };

struct archive_member {
	struct slice     name;
	enum member_type type;
	struct slice     target;      /* of a symlink or hard link, raw */
	uint64_t         size;        /* of the body with its holes; UINT64_MAX when only its end will tell (zip) */
	uint64_t         body_offset; /* in the stream; where the body's bytes lie unless `sparse` */
	bool             sparse;
	uint32_t         mode;     /* permission bits, with setuid, setgid, sticky */
	uint32_t         uid, gid; /* larger numbers are clamped to UINT32_MAX */
	int64_t          mtime;    /* seconds */
	struct slice unreadable; /* empty, or why the body is missing: the extended attribute user.varve.unreadable, by
				    which a tar made of a folder (rootfs:) tells unreadable files from empty ones */
};

struct archive_reader;

struct archive_reader *archive_reader_new(struct stream *stream, enum archive_kind kind,
					  struct err *err); /* borrows it */
void                   archive_reader_free(struct archive_reader *reader);

/* 1 with a member, 0 at the end of the archive (an empty stream is an empty archive), else the stream's own error,
 * ERR_FORMAT (not an archive of this kind: "not a tar"; or damaged behind some members), ERR_TRUNCATED, ERR_MEM. A body
 * not read is skipped. */
int archive_reader_next(struct archive_reader *reader, struct archive_member *member, struct err *err);

/* The body of the last member, block by block: STREAM_BLOCK, STREAM_END, or an error as above. ERR_LIMIT: its holes, and
 * those read before, pass LIMIT_HOLE_BYTES; that body ends there, members go on. */
int archive_reader_body(struct archive_reader *reader, struct slice *block, struct err *err);

/* Whether the failure of the last call means that no member at all could be told: the bytes are no such archive. */
bool archive_reader_is_foreign(const struct archive_reader *reader);

/* Reads the stream to its end; *surplus: whether anything but zeros lies behind the end of the archive (only told when
 * archive_reader_next() gave 0). 0 or the stream's error. */
int archive_reader_finish(struct archive_reader *reader, bool *surplus, struct err *err);

/* A stream of what `below` is inflated: gzip, zstd, xz, bzip2 by their magics, anything else as it is. For archive
 * files that a user names; layers have inflaters of their own (worker/layer). `below` belongs to the result, also when
 * making it fails (NULL). ERR_FORMAT for damaged input. */
struct stream *archive_inflate_new(struct stream *below, struct err *err);

#endif
