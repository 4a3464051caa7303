#include "analyze/sqlite_image.h"

#include "base/cursor.h"
#include "base/limits.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum {
	READ_VERSION_AT = 18,
	READ_VERSION_BYTES = 2, /* write and read version: 1 = journal, 2 = WAL */
	PAGE_SIZE_AT = 16,
	SCHEMA_BYTES_MAX = 2 << 20, /* bytes read until the schema is known; rpm's is a few pages */
	STEPS_PER_CHECK = 1000,
	STEPS_PER_ROW = 64, /* a plain table scan takes about 5 */
	CACHE_KIB = 1024,
	SQL_BYTES_MAX = 64 << 10,
};

/* What one open database has: its bytes and what is left of its budgets. Reached by SQLite through the VFS. */
struct image_vfs {
	sqlite3_vfs                vfs; /* pAppData = this */
	char                       name[40];
	const struct sqlite_image *image;
	uint32_t                   page_bytes;
	uint64_t                   size;
	uint64_t                   read_left;
	uint64_t                   steps_left;
	bool                       exhausted;
};

struct image_file {
	sqlite3_file      base;
	struct image_vfs *owner;
};

uint32_t sqlite_image_page_bytes(struct slice bytes)
{
	struct cursor c = cursor_at(bytes, PAGE_SIZE_AT);
	uint32_t      size = cursor_u16be(&c);

	if (size == 1)
		size = 65536;
	if (!slice_starts(bytes, "SQLite format 3") || bytes.len < 100 || size < 512 || (size & (size - 1)))
		return 0;
	return size;
}

/* -- the file ------------------------------------------------------------------------------------------------------ */

/* The longest piece at `offset` that lies in one place. */
static struct slice piece_at(const struct image_vfs *v, uint64_t offset, uint64_t length)
{
	uint64_t     in_page = offset % v->page_bytes, page = offset / v->page_bytes + 1;
	uint64_t     left = v->page_bytes - in_page;
	struct slice logged = SLICE_EMPTY;

	if (length > left)
		length = left;
	if (v->image->wal && page <= UINT32_MAX)
		logged = rpm_wal_page(v->image->wal, (uint32_t)page);
	if (logged.len)
		return slice_sub(logged, (size_t)in_page, (size_t)length);
	return slice_sub(v->image->bytes, (size_t)offset, (size_t)length);
}

static void patch_versions(uint8_t *out, uint64_t offset, uint64_t length)
{
	for (uint64_t at = READ_VERSION_AT; at < READ_VERSION_AT + READ_VERSION_BYTES; at++)
		if (at >= offset && at < offset + length)
			out[at - offset] = 1;
}

static int file_read_at(sqlite3_file *file, void *out, int amount, sqlite3_int64 from)
{
	struct image_vfs *v = ((struct image_file *)(void *)file)->owner;
	uint64_t          offset = (uint64_t)from, length = (uint64_t)amount, done = 0;

	if (length > v->read_left) {
		v->exhausted = true;
		return SQLITE_IOERR_READ;
	}
	v->read_left -= length;
	while (done < length && offset + done < v->size) {
		struct slice piece = piece_at(v, offset + done, length - done);

		if (piece.len == 0)
			break;
		memcpy((uint8_t *)out + done, piece.ptr, piece.len);
		done += piece.len;
	}
	patch_versions(out, offset, done);
	if (done == length)
		return SQLITE_OK;
	memset((uint8_t *)out + done, 0, length - done);
	return SQLITE_IOERR_SHORT_READ;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)((struct image_file *)(void *)file)->owner->size;
	return SQLITE_OK;
}

static int file_close(sqlite3_file *file)
{
	(void)file;
	return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 offset)
{
	(void)file, (void)bytes, (void)amount, (void)offset;
	return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	(void)file, (void)size;
	return SQLITE_READONLY;
}

static int file_with_flag(sqlite3_file *file, int flag) /* sync, lock, unlock: nobody else is there */
{
	(void)file, (void)flag;
	return SQLITE_OK;
}

static int file_check_lock(sqlite3_file *file, int *locked)
{
	(void)file;
	*locked = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *argument)
{
	(void)file, (void)op, (void)argument;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return 512;
}

static int file_characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods file_methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read_at,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_with_flag,
	.xFileSize = file_size,
	.xLock = file_with_flag,
	.xUnlock = file_with_flag,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_characteristics,
};

/* -- the file system ----------------------------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	file->pMethods = NULL;
	if (!name || !(flags & SQLITE_OPEN_MAIN_DB)) /* no journal, no temporary file */
		return SQLITE_CANTOPEN;
	((struct image_file *)(void *)file)->owner = vfs->pAppData;
	file->pMethods = &file_methods;
	if (out_flags)
		*out_flags = SQLITE_OPEN_READONLY;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs, (void)name, (void)sync;
	return SQLITE_IOERR_DELETE;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	(void)vfs, (void)name, (void)flags;
	*result = 0;
	return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	snprintf(out, (size_t)size, "%s", name);
	return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	memset(out, 0, (size_t)size);
	return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *now)
{
	(void)vfs;
	*now = 2440587.5; /* 1970: no answer may depend on the clock */
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	if (size > 0)
		out[0] = '\0';
	return 0;
}

static void vfs_init(struct image_vfs *v, const struct sqlite_image *image)
{
	*v = (struct image_vfs){.image = image,
				.page_bytes = sqlite_image_page_bytes(image->bytes),
				.size = image->bytes.len,
				.read_left = SCHEMA_BYTES_MAX,
				.steps_left = 1000000};
	if (image->wal && image->wal->database_pages)
		v->size = (uint64_t)image->wal->database_pages * v->page_bytes;
	snprintf(v->name, sizeof(v->name), "varve-%p",
		 (void *)v); /* the registry is the process's: one name per open */
	v->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = sizeof(struct image_file),
		.mxPathname = 64,
		.zName = v->name,
		.pAppData = v,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_pathname,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
	};
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

static int count_steps(void *data)
{
	struct image_vfs *v = data;

	if (v->steps_left < STEPS_PER_CHECK) {
		v->exhausted = true;
		return 1;
	}
	v->steps_left -= STEPS_PER_CHECK;
	return 0;
}

static void set_limits(sqlite3 *db, struct image_vfs *v, const struct sqlite_query *query)
{
	static const struct {
		int id, value;
	} limits[] = {
		{SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX},
		{SQLITE_LIMIT_COLUMN, 64},
		{SQLITE_LIMIT_EXPR_DEPTH, 16},
		{SQLITE_LIMIT_COMPOUND_SELECT, 8},
		{SQLITE_LIMIT_VDBE_OP, 5000},
		{SQLITE_LIMIT_FUNCTION_ARG, 8},
		{SQLITE_LIMIT_ATTACHED, 0},
		{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64},
		{SQLITE_LIMIT_VARIABLE_NUMBER, 4},
		{SQLITE_LIMIT_TRIGGER_DEPTH, 1},
		{SQLITE_LIMIT_WORKER_THREADS, 0},
	};
	static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
				  SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(db, limits[i].id, limits[i].value);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, (int)query->value_bytes_max);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		sqlite3_db_config(db, off[i], 0, NULL);
	sqlite3_progress_handler(db, STEPS_PER_CHECK, count_steps, v);
}

static int sqlite_failure(sqlite3 *db, const struct image_vfs *v, int code, struct err *err)
{
	if (v->exhausted)
		return err_set(err, ERR_LIMIT,
			       "sqlite_budget: the SQLite database takes more steps or bytes than its size allows");
	if (code == SQLITE_NOMEM)
		return err_set(err, ERR_MEM, "out of memory");
	if (code == SQLITE_TOOBIG)
		return err_set(err, ERR_LIMIT,
			       "record_bytes_max: a value or statement of the SQLite database is too long");
	return err_set(err, ERR_FORMAT, "SQLite: %s", sqlite3_errmsg(db));
}

/* Views have another type, virtual tables no root page. */
static int check_table(sqlite3 *db, struct image_vfs *v, const char *table, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	int           code, found = 0;

	code = sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 AND rootpage > 1",
				  -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	found = code == SQLITE_ROW;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		code = sqlite_failure(db, v, code, err);
	else
		code = found ? 0 : err_set(err, ERR_FORMAT, "no plain table %s in the SQLite database", table);
	sqlite3_finalize(statement);
	return code;
}

static int read_rows(sqlite3 *db, struct image_vfs *v, const struct sqlite_query *query, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	char          sql[128];
	int           code;

	snprintf(sql, sizeof(sql), "SELECT %s FROM %s NOT INDEXED", query->column, query->table);
	code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(statement);
		if (code == SQLITE_ROW && sqlite3_column_type(statement, 0) == SQLITE_BLOB) {
			const void *value = sqlite3_column_blob(statement, 0);

			query->row(query->data, slice_of(value, (size_t)sqlite3_column_bytes(statement, 0)));
		}
	}
	if (code != SQLITE_DONE)
		code = sqlite_failure(db, v, code, err);
	else
		code = 0;
	sqlite3_finalize(statement);
	return code;
}

/* A cursor walks each page once; twice that, and some pages for the schema, is more than any sane file takes. */
static void set_row_budget(struct image_vfs *v)
{
	v->read_left = 2 * v->size + SCHEMA_BYTES_MAX;
	v->steps_left = (v->size / 16 + 1000) * STEPS_PER_ROW / 8;
}

int sqlite_image_read(const struct sqlite_image *image, const struct sqlite_query *query, struct err *err)
{
	struct image_vfs v;
	sqlite3         *db = NULL;
	int              rc;

	vfs_init(&v, image);
	if (v.page_bytes == 0)
		return err_set(err, ERR_FORMAT, "not a SQLite database");
	if (sqlite3_vfs_register(&v.vfs, 0) != SQLITE_OK)
		return err_set(err, ERR_MEM, "SQLite does not start");
	rc = sqlite3_open_v2("image", &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
			     v.name);
	if (rc != SQLITE_OK) {
		rc = db ? sqlite_failure(db, &v, rc, err) : err_set(err, ERR_MEM, "out of memory");
	} else {
		char pragma[64];

		set_limits(db, &v, query);
		snprintf(pragma, sizeof(pragma), "PRAGMA cache_size=-%d", CACHE_KIB);
		sqlite3_exec(db, pragma, NULL, NULL, NULL); /* reads the schema: a failure comes back below */
		rc = check_table(db, &v, query->table, err);
		set_row_budget(&v);
		rc = rc ? rc : read_rows(db, &v, query, err);
	}
	sqlite3_close(db);
	sqlite3_vfs_unregister(&v.vfs);
	return rc;
}
