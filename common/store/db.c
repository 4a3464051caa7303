#include "store/db.h"

#include "base/cursor.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	RECORD_VERSION = 1,
	RECORD_PLAIN = 0,
	RECORD_CHUNKED = 1,
	RECORD_HEAD_BYTES = 10,      /* version u8, form u8, XXH3-64 of the value, seeded by that of the key */
	CHUNK_BYTES = 256 << 10,     /* longer values are split: LMDB wants contiguous pages for each value */
	CHUNK_KEY_BYTES = 21,        /* table u8, XXH3-128 of the key, number u32 */
	READERS_MAX = 1022,
	MAP_BYTES_MIN = 16 << 20,
	STORE_LAYOUT = 1,            /* version of what this file adds below the callers' formats */
};

struct db {
	MDB_env         *env;
	MDB_dbi          tables[DB_TABLES_MAX];
	unsigned         tables_count;
	MDB_dbi          chunks, meta;
	bool             read_only;
	uint64_t         bytes_max;
	unsigned         page_bytes;
	pthread_rwlock_t quiet; /* transactions hold it shared; re-adopting a grown map needs it alone */
	struct stat      identity;
	char             path[4096];
	struct db       *next;
};

struct db_txn {
	struct db *db;
	MDB_txn   *txn;
	bool       write;
};

struct db_cursor {
	struct db_txn *txn;
	unsigned       table;
	MDB_cursor    *cursor;
	MDB_val        key;
	bool           started;
	struct buf     value;
	uint8_t        from[DB_KEY_BYTES_MAX];
	size_t         from_len;
};

/* LMDB's rule, not ours: closing a second environment of one file would drop the first one's locks. So this process
 * remembers which folders are open, by device and inode. */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct db      *open_list;

static MDB_val val_of(struct slice bytes)
{
	return (MDB_val){.mv_size = bytes.len, .mv_data = (void *)(uintptr_t)bytes.ptr};
}

static struct slice slice_of_val(MDB_val val)
{
	return slice_of(val.mv_data, val.mv_size);
}

static int fail(const struct db *db, int status, const char *doing, struct err *err)
{
	if (status == MDB_MAP_FULL || status == ENOSPC || status == EDQUOT)
		return err_set(err, ERR_FULL, "store %s: %s: %s", db->path, doing,
		               status != MDB_MAP_FULL ? strerror(status)
		               : db->bytes_max        ? "its ceiling is reached, it is full"
		                                      : "its map is full");
	if (status == MDB_NOTFOUND)
		return err_set(err, ERR_NOT_FOUND, "store %s: %s: no such record", db->path, doing);
	if (status == ENOMEM)
		return err_set(err, ERR_MEM, "store %s: %s: out of memory", db->path, doing);
	if (status == MDB_VERSION_MISMATCH || status == MDB_INVALID)
		return err_set(err, ERR_VERSION, "store %s: %s: not a store of this version of LMDB (%s)", db->path, doing,
		               mdb_strerror(status));
	return err_set(err, ERR_STORE, "store %s: %s: %s", db->path, doing, mdb_strerror(status));
}

/* --- opening --- */

static int refuse_network(const char *dir, struct err *err)
{
	static const struct {
		uint32_t    magic;
		const char *name;
	} kinds[] = {{0x6969, "NFS"}, {0x517B, "SMB"}, {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB2"}, {0x5346414F, "AFS"},
	             {0x00C36400, "Ceph"}, {0x01161970, "GFS2"}, {0x7461636f, "OCFS2"}, {0x0BD00BD0, "Lustre"}};
	struct statfs fs;

	if (statfs(dir, &fs) < 0)
		return err_errno(err, ERR_IO, "store %s", dir);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((uint32_t)fs.f_type == kinds[i].magic)
			return err_set(err, ERR_CONFIG, "store %s: on a network file system (%s), where LMDB loses data: use a local folder",
			               dir, kinds[i].name);
	return 0;
}

static int remember(struct db *db, struct err *err)
{
	int status = 0;

	pthread_mutex_lock(&open_lock);
	for (struct db *other = open_list; other; other = other->next)
		if (other->identity.st_dev == db->identity.st_dev && other->identity.st_ino == db->identity.st_ino)
			status = err_set(err, ERR_BUSY, "store %s: already open in this process", db->path);
	if (!status) {
		db->next = open_list;
		open_list = db;
	}
	pthread_mutex_unlock(&open_lock);
	return status;
}

static void forget(struct db *db)
{
	pthread_mutex_lock(&open_lock);
	for (struct db **link = &open_list; *link; link = &(*link)->next)
		if (*link == db) {
			*link = db->next;
			break;
		}
	pthread_mutex_unlock(&open_lock);
}

static int prepare_folder(struct db *db, struct err *err)
{
	int status;

	if (!db->read_only && (status = file_make_dirs(db->path, 0700, err)) < 0)
		return status;
	if (stat(db->path, &db->identity) < 0)
		return err_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "store %s", db->path);
	if (!S_ISDIR(db->identity.st_mode))
		return err_set(err, ERR_CONFIG, "store %s: not a folder", db->path);
	if (!db->read_only && access(db->path, W_OK) < 0)
		return err_errno(err, ERR_IO, "store %s: cannot be written", db->path);
	return refuse_network(db->path, err);
}

static int open_env_once(struct db *db, uint64_t bytes, unsigned extra_flags)
{
	unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | extra_flags | (db->read_only ? MDB_RDONLY : 0);
	int      status = mdb_env_create(&db->env);

	if (status)
		return status;
	if ((status = mdb_env_set_maxdbs(db->env, DB_TABLES_MAX + 2)) == 0 &&
	    (status = mdb_env_set_maxreaders(db->env, READERS_MAX)) == 0 &&
	    (status = mdb_env_set_mapsize(db->env, (size_t)bytes)) == 0)
		status = mdb_env_open(db->env, db->path, flags, 0600);
	if (status) {
		mdb_env_close(db->env);
		db->env = NULL;
	}
	return status;
}

/* Where address space is limited (ulimit -v, sanitizers), a smaller map is taken. */
static int open_env(struct db *db, uint64_t bytes, struct err *err)
{
	int status;

	while ((status = open_env_once(db, bytes, 0)) == ENOMEM && bytes > MAP_BYTES_MIN)
		bytes /= 2;
	if (db->read_only && (status == EACCES || status == EROFS || status == EPERM))
		status = open_env_once(db, bytes, MDB_NOLOCK); /* nobody can write it either */
	if (status == EACCES || status == EROFS || status == EPERM)
		return err_set(err, ERR_IO, "store %s: read-only: %s", db->path, strerror(status));
	if (status == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "store %s: no store there", db->path);
	return status ? fail(db, status, "open", err) : 0;
}

static int check_length(struct db *db, struct err *err)
{
	MDB_envinfo info;
	MDB_stat    stat_;
	struct stat file;
	int         fd, status;

	if ((status = mdb_env_info(db->env, &info)) || (status = mdb_env_stat(db->env, &stat_)) ||
	    (status = mdb_env_get_fd(db->env, &fd)))
		return fail(db, status, "open", err);
	db->page_bytes = stat_.ms_psize;
	if (fstat(fd, &file) < 0)
		return err_errno(err, ERR_IO, "store %s", db->path);
	if (info.me_last_pgno > 1 && (uint64_t)file.st_size / stat_.ms_psize < info.me_last_pgno + 1)
		return err_set(err, ERR_STORE, "store %s: damaged: its file ends after %llu of %llu pages", db->path,
		               (unsigned long long)file.st_size / stat_.ms_psize, (unsigned long long)info.me_last_pgno + 1);
	return 0;
}

static int open_tables(struct db *db, MDB_txn *txn, const struct db_config *config, struct err *err)
{
	unsigned flags = db->read_only ? 0 : MDB_CREATE;
	int      status = mdb_dbi_open(txn, "meta", flags, &db->meta);

	if (!status)
		status = mdb_dbi_open(txn, "chunks", flags, &db->chunks);
	for (; !status && config->tables[db->tables_count]; db->tables_count++) {
		if (db->tables_count == DB_TABLES_MAX)
			return err_set(err, ERR_INTERNAL, "store %s: too many tables", db->path);
		status = mdb_dbi_open(txn, config->tables[db->tables_count], flags, &db->tables[db->tables_count]);
	}
	if (status == MDB_NOTFOUND)
		return err_set(err, ERR_NOT_FOUND, "store %s: no %s there", db->path, config->kind);
	return status ? fail(db, status, "open tables", err) : 0;
}

/* meta "format": "KIND LAYOUT VERSION" */
static int check_format(struct db *db, MDB_txn *txn, const struct db_config *config, struct err *err)
{
	char         text[80], kind[40];
	MDB_val      key = val_of(SLICE_LIT("format")), value;
	unsigned     layout, version;
	int          status = mdb_get(txn, db->meta, &key, &value);

	if (status == MDB_NOTFOUND && !db->read_only) {
		int len = snprintf(text, sizeof(text), "%s %d %u", config->kind, STORE_LAYOUT, config->version);

		value = val_of(slice_of(text, (size_t)len));
		status = mdb_put(txn, db->meta, &key, &value, 0);
		return status ? fail(db, status, "write its format", err) : 0;
	}
	if (status)
		return fail(db, status, "read its format", err);
	snprintf(text, sizeof(text), "%.*s", (int)(value.mv_size < 79 ? value.mv_size : 79), (const char *)value.mv_data);
	if (sscanf(text, "%39s %u %u", kind, &layout, &version) != 3)
		return err_set(err, ERR_STORE, "store %s: damaged: its format record cannot be read", db->path);
	if (strcmp(kind, config->kind) != 0)
		return err_set(err, ERR_CONFIG, "store %s: holds \"%s\", not \"%s\"", db->path, kind, config->kind);
	if (layout != STORE_LAYOUT || version != config->version)
		return err_set(err, ERR_VERSION, "store %s: has format %u.%u, this program reads %d.%u: %s", db->path, layout, version,
		               STORE_LAYOUT, config->version,
		               layout > STORE_LAYOUT || version > config->version ? "use a newer Varve" : "an older Varve wrote it; move it away and scan again");
	return 0;
}

static int open_content(struct db *db, const struct db_config *config, struct err *err)
{
	MDB_txn *txn;
	int      status = mdb_txn_begin(db->env, NULL, db->read_only ? MDB_RDONLY : 0, &txn);

	if (status)
		return fail(db, status, "open", err);
	if ((status = open_tables(db, txn, config, err)) < 0 || (status = check_format(db, txn, config, err)) < 0) {
		mdb_txn_abort(txn);
		return status;
	}
	status = mdb_txn_commit(txn);
	return status ? fail(db, status, "open", err) : 0;
}

/* A ceiling of the file is a smaller map: LMDB itself then refuses what would go beyond. */
static uint64_t map_bytes(const struct db_config *config)
{
	uint64_t bytes = config->map_bytes ? config->map_bytes : LIMIT_STORE_MAP_BYTES;

	return config->bytes_max && config->bytes_max < bytes ? config->bytes_max : bytes;
}

int db_open(const char *dir, const struct db_config *config, struct db **out, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	int        status;

	if (!db)
		return err_set(err, ERR_MEM, "store %s: out of memory", dir);
	snprintf(db->path, sizeof(db->path), "%s", dir);
	db->read_only = config->read_only;
	db->bytes_max = config->bytes_max;
	pthread_rwlock_init(&db->quiet, NULL);
	if ((status = prepare_folder(db, err)) < 0 || (status = remember(db, err)) < 0) {
		pthread_rwlock_destroy(&db->quiet);
		free(db);
		return status;
	}
	if ((status = open_env(db, map_bytes(config), err)) < 0 ||
	    (status = check_length(db, err)) < 0 || (status = open_content(db, config, err)) < 0) {
		db_close(db);
		return status;
	}
	db_reader_check(db);
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	if (db->env)
		mdb_env_close(db->env);
	forget(db);
	pthread_rwlock_destroy(&db->quiet);
	free(db);
}

const char *db_path(const struct db *db)
{
	return db->path;
}

bool db_is_read_only(const struct db *db)
{
	return db->read_only;
}

void db_reader_check(struct db *db)
{
	int dead;

	mdb_reader_check(db->env, &dead);
}

/* --- transactions --- */

static int adopt_map(struct db *db)
{
	int status;

	pthread_rwlock_wrlock(&db->quiet);
	status = mdb_env_set_mapsize(db->env, 0);
	pthread_rwlock_unlock(&db->quiet);
	return status;
}

int db_begin(struct db *db, bool write, struct db_txn **out, struct err *err)
{
	struct db_txn *txn;
	int            status;

	if (write && db->read_only)
		return err_set(err, ERR_STORE, "store %s: opened for reading only", db->path);
	txn = calloc(1, sizeof(*txn));
	if (!txn)
		return err_set(err, ERR_MEM, "store %s: out of memory", db->path);
	*txn = (struct db_txn){.db = db, .write = write};
	pthread_rwlock_rdlock(&db->quiet);
	status = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
	if (status == MDB_MAP_RESIZED) { /* another process grew the file beyond our map */
		pthread_rwlock_unlock(&db->quiet);
		status = adopt_map(db);
		pthread_rwlock_rdlock(&db->quiet);
		if (!status)
			status = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
	}
	if (status) {
		pthread_rwlock_unlock(&db->quiet);
		free(txn);
		return fail(db, status, "begin", err);
	}
	*out = txn;
	return 0;
}

static void end(struct db_txn *txn)
{
	pthread_rwlock_unlock(&txn->db->quiet);
	free(txn);
}

int db_commit(struct db_txn *txn, struct err *err)
{
	int status = mdb_txn_commit(txn->txn);

	status = status ? fail(txn->db, status, "commit", err) : 0;
	end(txn);
	return status;
}

void db_abort(struct db_txn *txn)
{
	if (!txn)
		return;
	mdb_txn_abort(txn->txn);
	end(txn);
}

/* --- records --- */

static uint64_t checksum(struct slice key, struct slice value)
{
	return xxh64_once(value, xxh64_once(key, 0));
}

static void put_u64(uint8_t *out, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (8 * (7 - i)));
}

static void chunk_key(unsigned table, struct slice key, uint32_t number, uint8_t out[CHUNK_KEY_BYTES])
{
	out[0] = (uint8_t)table;
	xxh128_once(key, out + 1);
	for (unsigned i = 0; i < 4; i++)
		out[17 + i] = (uint8_t)(number >> (8 * (3 - i)));
}

static int damaged(const struct db_txn *txn, const char *why, struct err *err)
{
	return err_set(err, ERR_STORE, "store %s: damaged record: %s", txn->db->path, why);
}

struct record {
	uint8_t      form;
	uint64_t     sum;
	struct slice value; /* plain: the value; chunked: its length */
};

static int open_record(const struct db_txn *txn, struct slice stored, struct record *out, struct err *err)
{
	struct cursor c = cursor_of(stored);
	uint8_t       version = cursor_u8(&c);

	out->form = cursor_u8(&c);
	out->sum = cursor_u64be(&c);
	out->value = cursor_rest(&c);
	if (!cursor_ok(&c) || version != RECORD_VERSION || out->form > RECORD_CHUNKED)
		return damaged(txn, "unknown form", err);
	return 0;
}

static int read_chunks(struct db_txn *txn, unsigned table, struct slice key, uint64_t length, struct buf *out, struct err *err)
{
	uint8_t name[CHUNK_KEY_BYTES];

	if (length > out->bytes_max - (out->len < out->bytes_max ? out->len : out->bytes_max))
		return err_set(err, ERR_LIMIT, "store %s: record of %llu bytes: more than %zu", txn->db->path,
		               (unsigned long long)length, out->bytes_max);
	for (uint32_t number = 0; length; number++) {
		MDB_val part_key, part;

		chunk_key(table, key, number, name);
		part_key = val_of(slice_of(name, sizeof(name)));
		if (mdb_get(txn->txn, txn->db->chunks, &part_key, &part) || part.mv_size == 0 || part.mv_size > length)
			return damaged(txn, "a part is missing", err);
		buf_append(out, slice_of_val(part));
		length -= part.mv_size;
	}
	return buf_ok(out) ? 0 : err_set(err, ERR_MEM, "store %s: record: out of memory", txn->db->path);
}

static int read_value(struct db_txn *txn, unsigned table, struct slice key, struct slice stored, struct buf *out, struct err *err)
{
	struct record record;
	size_t        before = out->len;
	int           status = open_record(txn, stored, &record, err);

	if (status < 0)
		return status;
	if (record.form == RECORD_CHUNKED) {
		struct cursor c = cursor_of(record.value);
		uint64_t      length = cursor_u64be(&c);

		if (!cursor_ok(&c))
			return damaged(txn, "no length", err);
		if ((status = read_chunks(txn, table, key, length, out, err)) < 0)
			return status;
	} else {
		buf_append(out, record.value);
		if (!buf_ok(out))
			return err_set(err, ERR_LIMIT, "store %s: record of %zu bytes: too long", txn->db->path, record.value.len);
	}
	if (checksum(key, slice_of(out->ptr + before, out->len - before)) != record.sum) {
		out->len = before;
		return damaged(txn, "checksum", err);
	}
	return 0;
}

static int find(struct db_txn *txn, unsigned table, struct slice key, struct slice *stored, struct err *err)
{
	MDB_val name = val_of(key), value;
	int     status;

	if (key.len == 0 || key.len > DB_KEY_BYTES_MAX)
		return err_set(err, ERR_INTERNAL, "store %s: key of %zu bytes", txn->db->path, key.len);
	status = mdb_get(txn->txn, txn->db->tables[table], &name, &value);
	if (status)
		return fail(txn->db, status, "read", err);
	*stored = slice_of_val(value);
	return 0;
}

int db_get(struct db_txn *txn, unsigned table, struct slice key, struct buf *out, struct err *err)
{
	struct slice stored;
	int          status = find(txn, table, key, &stored, err);

	return status < 0 ? status : read_value(txn, table, key, stored, out, err);
}

int db_borrow(struct db_txn *txn, unsigned table, struct slice key, struct slice *value, struct err *err)
{
	struct slice  stored;
	struct record record;
	int           status = find(txn, table, key, &stored, err);

	if (status < 0 || (status = open_record(txn, stored, &record, err)) < 0)
		return status;
	if (record.form == RECORD_CHUNKED)
		return err_set(err, ERR_UNSUPPORTED, "store %s: a chunked record cannot be borrowed", txn->db->path);
	if (checksum(key, record.value) != record.sum)
		return damaged(txn, "checksum", err);
	*value = record.value;
	return 0;
}

bool db_has(struct db_txn *txn, unsigned table, struct slice key)
{
	struct slice stored;

	return find(txn, table, key, &stored, NULL) == 0;
}

static int delete_chunks(struct db_txn *txn, unsigned table, struct slice key, uint32_t from, struct err *err)
{
	uint8_t name[CHUNK_KEY_BYTES];
	int     status = 0;

	for (uint32_t number = from; !status; number++) {
		MDB_val part_key;

		chunk_key(table, key, number, name);
		part_key = val_of(slice_of(name, sizeof(name)));
		status = mdb_del(txn->txn, txn->db->chunks, &part_key, NULL);
	}
	return status == MDB_NOTFOUND ? 0 : fail(txn->db, status, "delete", err);
}

static int put_chunks(struct db_txn *txn, unsigned table, struct slice key, struct slice value, struct err *err)
{
	uint8_t name[CHUNK_KEY_BYTES];

	for (uint32_t number = 0; value.len; number++) {
		struct slice part = slice_sub(value, 0, CHUNK_BYTES);
		MDB_val      part_key, part_value = val_of(part);
		int          status;

		chunk_key(table, key, number, name);
		part_key = val_of(slice_of(name, sizeof(name)));
		status = mdb_put(txn->txn, txn->db->chunks, &part_key, &part_value, 0);
		if (status)
			return fail(txn->db, status, "write", err);
		value = slice_from(value, part.len);
	}
	return 0;
}

static bool is_chunked(struct db_txn *txn, unsigned table, struct slice key)
{
	struct slice  stored;
	struct record record;

	return find(txn, table, key, &stored, NULL) == 0 && open_record(txn, stored, &record, NULL) == 0 &&
	       record.form == RECORD_CHUNKED;
}

static int put(struct db_txn *txn, unsigned table, struct slice key, struct slice value, unsigned flags, struct err *err)
{
	bool         chunked = value.len > CHUNK_BYTES;
	size_t       stored_len = RECORD_HEAD_BYTES + (chunked ? 8 : value.len);
	MDB_val      name = val_of(key), room = {.mv_size = stored_len, .mv_data = NULL};
	uint8_t     *at;
	int          status;

	if (key.len == 0 || key.len > DB_KEY_BYTES_MAX)
		return err_set(err, ERR_INTERNAL, "store %s: key of %zu bytes", txn->db->path, key.len);
	if (!(flags & MDB_APPEND) && is_chunked(txn, table, key) && (status = delete_chunks(txn, table, key, 0, err)) < 0)
		return status;
	if (chunked && (status = put_chunks(txn, table, key, value, err)) < 0)
		return status;
	status = mdb_put(txn->txn, txn->db->tables[table], &name, &room, MDB_RESERVE | flags);
	if (status)
		return fail(txn->db, status, "write", err);
	at = room.mv_data;
	at[0] = RECORD_VERSION;
	at[1] = chunked ? RECORD_CHUNKED : RECORD_PLAIN;
	put_u64(at + 2, checksum(key, value));
	if (chunked)
		put_u64(at + RECORD_HEAD_BYTES, value.len);
	else if (value.len)
		memcpy(at + RECORD_HEAD_BYTES, value.ptr, value.len);
	return 0;
}

int db_put(struct db_txn *txn, unsigned table, struct slice key, struct slice value, struct err *err)
{
	return put(txn, table, key, value, 0, err);
}

int db_append(struct db_txn *txn, unsigned table, struct slice key, struct slice value, struct err *err)
{
	return put(txn, table, key, value, MDB_APPEND, err);
}

int db_delete(struct db_txn *txn, unsigned table, struct slice key, struct err *err)
{
	MDB_val name = val_of(key);
	int     status;

	if (is_chunked(txn, table, key) && (status = delete_chunks(txn, table, key, 0, err)) < 0)
		return status;
	status = mdb_del(txn->txn, txn->db->tables[table], &name, NULL);
	return status == 0 || status == MDB_NOTFOUND ? 0 : fail(txn->db, status, "delete", err);
}

/* Parts are found by table number: they follow each other in the chunk table. */
static int drop_chunks(struct db_txn *txn, unsigned table, struct err *err)
{
	uint8_t     first = (uint8_t)table;
	MDB_val     key = val_of(slice_of(&first, 1)), value;
	MDB_cursor *cursor;
	int         status = mdb_cursor_open(txn->txn, txn->db->chunks, &cursor);

	if (status)
		return fail(txn->db, status, "drop", err);
	status = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (!status && *(const uint8_t *)key.mv_data == first) {
		if ((status = mdb_cursor_del(cursor, 0)) == 0)
			status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT); /* the one behind the deleted */
	}
	mdb_cursor_close(cursor);
	return status == 0 || status == MDB_NOTFOUND ? 0 : fail(txn->db, status, "drop", err);
}

int db_drop(struct db_txn *txn, unsigned table, struct err *err)
{
	int status = drop_chunks(txn, table, err);

	if (status < 0)
		return status;
	status = mdb_drop(txn->txn, txn->db->tables[table], 0);
	return status ? fail(txn->db, status, "drop", err) : 0;
}

uint64_t db_count(struct db_txn *txn, unsigned table)
{
	MDB_stat stat_;

	return mdb_stat(txn->txn, txn->db->tables[table], &stat_) ? 0 : stat_.ms_entries;
}

/* --- cursors --- */

int db_cursor_open(struct db_txn *txn, unsigned table, struct slice from, struct db_cursor **out, struct err *err)
{
	struct db_cursor *cursor = calloc(1, sizeof(*cursor));
	int               status;

	if (!cursor)
		return err_set(err, ERR_MEM, "store %s: out of memory", txn->db->path);
	cursor->txn = txn;
	cursor->table = table;
	cursor->from_len = from.len < sizeof(cursor->from) ? from.len : sizeof(cursor->from);
	if (cursor->from_len)
		memcpy(cursor->from, from.ptr, cursor->from_len);
	buf_init(&cursor->value, LIMIT_INVENTORY_BYTES);
	status = mdb_cursor_open(txn->txn, txn->db->tables[table], &cursor->cursor);
	if (status) {
		free(cursor);
		return fail(txn->db, status, "walk", err);
	}
	*out = cursor;
	return 0;
}

static int cursor_value(struct db_cursor *cursor, MDB_val stored, struct slice *value, struct err *err)
{
	struct slice  key = slice_of_val(cursor->key);
	struct record record;
	int           status = open_record(cursor->txn, slice_of_val(stored), &record, err);

	*value = SLICE_EMPTY;
	if (status < 0)
		return status;
	if (record.form == RECORD_PLAIN) {
		if (checksum(key, record.value) != record.sum)
			return damaged(cursor->txn, "checksum", err);
		*value = record.value;
		return 1;
	}
	buf_clear(&cursor->value);
	if ((status = read_value(cursor->txn, cursor->table, key, slice_of_val(stored), &cursor->value, err)) < 0)
		return status;
	*value = buf_slice(&cursor->value);
	return 1;
}

static int cursor_move(struct db_cursor *cursor, MDB_cursor_op op, struct slice *key, struct slice *value, struct err *err)
{
	MDB_val stored;
	int     status = mdb_cursor_get(cursor->cursor, &cursor->key, &stored, op);

	*key = *value = SLICE_EMPTY;
	cursor->started = true;
	if (status == MDB_NOTFOUND)
		return 0;
	if (status)
		return fail(cursor->txn->db, status, "walk", err);
	*key = slice_of_val(cursor->key);
	return cursor_value(cursor, stored, value, err);
}

int db_cursor_next(struct db_cursor *cursor, struct slice *key, struct slice *value, struct err *err)
{
	if (cursor->started)
		return cursor_move(cursor, MDB_NEXT, key, value, err);
	cursor->key = val_of(slice_of(cursor->from, cursor->from_len));
	return cursor_move(cursor, cursor->from_len ? MDB_SET_RANGE : MDB_FIRST, key, value, err);
}

int db_cursor_last(struct db_cursor *cursor, struct slice *key, struct slice *value, struct err *err)
{
	return cursor_move(cursor, MDB_LAST, key, value, err);
}

void db_cursor_close(struct db_cursor *cursor)
{
	if (!cursor)
		return;
	mdb_cursor_close(cursor->cursor);
	buf_deinit(&cursor->value);
	free(cursor);
}

void db_stats_get(struct db *db, struct db_stats *out)
{
	MDB_envinfo info = {0};
	struct stat file = {0};
	int         fd;

	*out = (struct db_stats){0};
	if (mdb_env_info(db->env, &info) || mdb_env_get_fd(db->env, &fd) || fstat(fd, &file))
		return;
	out->file_bytes = (uint64_t)file.st_size;
	out->used_bytes = (info.me_last_pgno + 1) * db->page_bytes;
	out->map_bytes = info.me_mapsize;
	out->readers = info.me_numreaders;
	out->readers_max = info.me_maxreaders;
}
