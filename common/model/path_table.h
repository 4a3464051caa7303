/* path_table.h - the exact list of what a layer's tar names: sorted by path_cmp(), front-coded, compressed.
 *
 * Built while the tar streams past, in bounded memory (sorted runs, each front-coded and compressed when full, merged
 * at the end); 3,000,000 paths stay within PATH_TABLE_BUILD_BYTES_MAX plus their compressed form. For one path the
 * last added wins. Format: docs/INVENTORY_FORMAT.md. Decoding treats the bytes as hostile. */
#ifndef VARVE_MODEL_PATH_TABLE_H
#define VARVE_MODEL_PATH_TABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum { PATH_TABLE_BUILD_BYTES_MAX = 8 << 20 };

enum path_type {
	PATH_FILE,
	PATH_DIRECTORY,
	PATH_SYMLINK,  /* target: as written in the tar */
	PATH_HARDLINK, /* target: canonical */
	PATH_OTHER,    /* device, FIFO */
	PATH_WHITEOUT, /* path without its ".wh." */
	PATH_OPAQUE,   /* path of the directory whose lower content is hidden */
};

struct path_entry {
	struct slice   path;
	enum path_type type;
	struct slice   target;
};

struct path_table_builder;

struct path_table_builder *path_table_builder_new(void);
void                       path_table_builder_free(struct path_table_builder *builder);
int path_table_add(struct path_table_builder *builder, const struct path_entry *entry, struct err *err); /* copies */
int path_table_finish(struct path_table_builder *builder, struct buf *out,
		      struct err *err); /* appends; the builder is spent */

/* Walks an encoded table in order. The entry is valid until the next call. An opaque mark and an entry of the same
 * path are two entries, the opaque mark first; likewise a whiteout of p and an entry p. */
struct path_table_reader;

struct path_table_reader *path_table_reader_new(struct slice encoded, struct err *err); /* borrows `encoded` */
void                      path_table_reader_free(struct path_table_reader *reader);
int                       path_table_next(struct path_table_reader *reader, struct path_entry *entry,
					  struct err *err); /* 1, 0 at the end, ERR_* */

#endif
