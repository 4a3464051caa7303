/* db.h - an LMDB environment with named tables of checksummed values; the only file that includes LMDB.
 *
 * One environment per path per process (a second db_open() of the same folder is refused with ERR_BUSY: share the
 * pointer). A `struct db` may be used by any thread, a transaction by one. One write transaction at a time over all
 * processes; readers never block it. Open it after any fork. Format: docs/STORE_FORMAT.md. A folder on a network file
 * system is refused. Values carry a format version and an XXH3 checksum bound to their key; large ones are chunked. */
#ifndef VARVE_STORE_DB_H
#define VARVE_STORE_DB_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum { DB_TABLES_MAX = 48, DB_KEY_BYTES_MAX = 480 };

struct db_txn;

struct db_config {
	const char *const *tables; /* NULL-terminated names; a table is named by its index from here on */
	const char        *kind;   /* "catalog", "advisories" …: stored, checked at open */
	uint32_t version;      /* of the caller's format: stored, checked at open (ERR_VERSION); 0 = any, to copy it */
	uint32_t version_from; /* oldest that a writer brings up to `version` at open; 0 = none */
	/* What that takes beyond new tables, in the transaction that also writes the new version; may be NULL. */
	int (*upgrade)(struct db_txn *txn, uint32_t from, struct err *err);
	bool     read_only; /* the folder must exist; works on a read-only file system */
	uint64_t map_bytes; /* address space; 0 = LIMIT_STORE_MAP_BYTES, less where the system refuses it */
	uint64_t bytes_max; /* ceiling of the file: ERR_FULL beyond; 0 = none */
};

struct db;

int  db_open(const char *dir, const struct db_config *config, struct db **out, struct err *err);
void db_close(struct db *db); /* NULL is fine; no transaction may be open */
void db_reader_check(
	struct db *db); /* frees slots of readers that died; at open, and every minute by long-lived programs */

/* ERR_STORE, ERR_FULL. After any failed call inside a write transaction it must be aborted. */
int  db_begin(struct db *db, bool write, struct db_txn **out, struct err *err);
int  db_commit(struct db_txn *txn, struct err *err); /* ends the transaction whatever it answers */
void db_abort(struct db_txn *txn);                   /* NULL is fine */

/* The value appended to `out` (its bytes_max is the ceiling). ERR_NOT_FOUND; ERR_STORE when the record is damaged. */
int db_get(struct db_txn *txn, unsigned table, struct slice key, struct buf *out, struct err *err);

/* Small values without a copy: valid until the transaction ends or writes. ERR_UNSUPPORTED when it is chunked. */
int      db_borrow(struct db_txn *txn, unsigned table, struct slice key, struct slice *value, struct err *err);
bool     db_has(struct db_txn *txn, unsigned table, struct slice key); /* the record exists, damaged or not */
int      db_put(struct db_txn *txn, unsigned table, struct slice key, struct slice value, struct err *err);
int      db_delete(struct db_txn *txn, unsigned table, struct slice key, struct err *err); /* 0 also when absent */
uint64_t db_count(struct db_txn *txn, unsigned table);
int      db_clear(struct db_txn *txn, unsigned table, struct err *err); /* all its records */

/* Walk in key order:
 *   db_cursor_open(txn, table, from, &c, err); while ((got = db_cursor_next(c, &key, &value, err)) > 0) …
 * from: the first key at or after it. 1 with a record (borrowed until the next call; a chunked value comes as
 * read into memory of the cursor), 0 at the end, ERR_STORE for a damaged record: `key` is set and the walk may go on. */
struct db_cursor;
int  db_cursor_open(struct db_txn *txn, unsigned table, struct slice from, struct db_cursor **out, struct err *err);
int  db_cursor_next(struct db_cursor *cursor, struct slice *key, struct slice *value, struct err *err);
int  db_cursor_last(struct db_cursor *cursor, struct slice *key, struct slice *value,
		    struct err *err); /* the table's last record */
/* The last record with a key below `key`, as db_cursor_next() answers. */
int  db_cursor_before(struct db_cursor *cursor, struct slice key, struct slice *out, struct slice *value,
		      struct err *err);
void db_cursor_close(struct db_cursor *cursor); /* before its transaction ends */

/* A consistent copy as of now, in the form of a data.mdb, given to `take` block by block; what `take` answers below zero
 * stops it. Nobody is blocked by it, but pages that others free meanwhile are not used again before it ends: a store that
 * is written grows as long as `take` takes. compact: without free pages, some slower. */
int db_copy(struct db *db, bool compact, int (*take)(void *data, struct slice bytes, struct err *err), void *data,
	    struct err *err);

struct db_stats {
	uint64_t file_bytes, used_bytes, map_bytes;
	unsigned readers, readers_max;
};
void db_stats_get(struct db *db, struct db_stats *out);

#endif
