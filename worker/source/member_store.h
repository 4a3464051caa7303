/* member_store.h - files by name, out of a folder or of an archive file on this host.
 *
 * A folder is read beneath its root only: no name, ".." or symlink leads outside, and only regular files are opened. An
 * archive is indexed in one pass; symlinks and hard links inside it are followed, the last member of a name counts. A
 * compressed archive, or one that cannot be read at any offset (a pipe), is kept inflated in an unlinked spool file.
 * Names are canonical (base/path.h). After opening it is immutable: any thread may read. Content is hostile. */
#ifndef VARVE_WORKER_SOURCE_MEMBER_STORE_H
#define VARVE_WORKER_SOURCE_MEMBER_STORE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/stream.h"

struct member_store;

/* NULL with err set: ERR_NOT_FOUND, ERR_IO, ERR_FORMAT (not an archive), ERR_LIMIT, ERR_FULL, ERR_MEM. */
struct member_store *member_store_open_folder(const char *path, struct err *err);
struct member_store *member_store_open_archive(const char *path, const char *spool_dir, struct err *err);
void                 member_store_close(struct member_store *store); /* all its streams are closed */

/* The whole file appended to `out`, whose bytes_max is the ceiling. */
int member_store_read(const struct member_store *store, struct slice name, struct buf *out, struct err *err);

/* The bytes of a file, unverified; they outlive no member_store_close(). */
struct stream *member_store_stream(const struct member_store *store, struct slice name, struct err *err);

/* Size and SHA-256 of a file, the latter from the pass that made the index (archive_index.h); archives only. */
int member_store_identify(const struct member_store *store, struct slice name, struct digest *digest, uint64_t *size,
			  struct err *err);

#endif
