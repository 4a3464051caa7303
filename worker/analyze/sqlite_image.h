/* sqlite_image.h - reads one column of one table out of a SQLite database that lies in memory; the only includer of
 * sqlite3.h.
 *
 * The database is hostile. It is opened read-only through a file system of its own that knows nothing but the given
 * bytes (with the pages of a write-ahead log laid over them), so nothing is copied, written or opened. The bytes 18
 * and 19 of the header (2 = WAL mode) read as 1, else SQLite would ask for shared memory. Defensive mode, no trust in
 * the schema, no views, no triggers; ceilings on SQL, columns, values, the bytes of the schema, all bytes read and the
 * steps of the virtual machine: neither a recursive view nor a b-tree with circles runs away. */
#ifndef VARVE_WORKER_ANALYZE_SQLITE_IMAGE_H
#define VARVE_WORKER_ANALYZE_SQLITE_IMAGE_H

#include "analyze/rpm_wal.h"
#include "base/err.h"
#include "base/slice.h"

struct sqlite_image {
	struct slice          bytes;
	const struct rpm_wal *wal; /* may be NULL */
};

/* The page size of the header; 0 when the bytes are no SQLite database. */
uint32_t sqlite_image_page_bytes(struct slice bytes);

struct sqlite_query {
	const char *table, *column; /* plain names, ours */
	size_t      value_bytes_max;
	void (*row)(void *data, struct slice value); /* value: until it returns */
	void *data;
};

/* ERR_FORMAT (damaged, no such table, not a plain table), ERR_LIMIT (a ceiling), ERR_MEM. Rows given before stay given.
 */
int sqlite_image_read(const struct sqlite_image *image, const struct sqlite_query *query, struct err *err);

#endif
