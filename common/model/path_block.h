/* path_block.h - the blocks that path tables and their runs are made of; private to path_table.
 *
 * A table is a magic, blocks, and an end block (docs/INVENTORY_FORMAT.md, "Path table"). Each block inflates alone to
 * at most PATH_BLOCK_BYTES of front-coded entries that start afresh in each block, so that a reader holds one block,
 * however long the table, and a merge of many runs holds one block of each. */
#ifndef VARVE_MODEL_PATH_BLOCK_H
#define VARVE_MODEL_PATH_BLOCK_H

#include "base/cursor.h"
#include "base/limits.h"
#include "base/zstd_codec.h"
#include "model/path_table.h"

enum { PATH_TABLE_FORMAT_VERSION = 1, PATH_BLOCK_BYTES = 64 << 10, PATH_BLOCK_LEVEL = 3 };

#define PATH_TABLE_ENTRIES_MAX (2ull * LIMIT_ENTRIES) /* each tar member may be an opaque mark and a path */

/* Whiteout of p, opaque mark of p, entry p: in this order, each at most once. */
int path_entry_rank(enum path_type type);
int path_entry_cmp(const struct path_entry *a, const struct path_entry *b); /* by path, then rank */

struct path_block_writer {
	struct zstd_blocks *zstd; /* borrowed */
	struct buf         *out;  /* borrowed */
	struct buf          raw;
	uint8_t             path[LIMIT_PATH_BYTES];
	size_t              path_len;
};

void path_block_writer_init(struct path_block_writer *w, struct zstd_blocks *zstd,
			    struct buf *out); /* writes the magic */
void path_block_writer_deinit(struct path_block_writer *w);
int  path_block_write(struct path_block_writer *w, const struct path_entry *entry, struct err *err); /* in order */
int  path_block_finish(struct path_block_writer *w, struct err *err);

/* The entry given by path_block_read() is valid until the next call. */
struct path_block_reader {
	struct zstd_blocks *zstd; /* borrowed */
	struct cursor       table, block;
	uint64_t            entries;
	int                 state; /* 1 while there may be more, then 0 or the ERR_* for good */
	int                 rank;  /* of the entry in `path` */
	size_t              path_len;
	uint8_t             path[LIMIT_PATH_BYTES];
	uint8_t             raw[PATH_BLOCK_BYTES];
};

int path_block_reader_init(struct path_block_reader *r, struct zstd_blocks *zstd, struct slice table, struct err *err);
int path_block_read(struct path_block_reader *r, struct path_entry *entry,
		    struct err *err); /* 1, 0 at the end, ERR_* */

#endif
