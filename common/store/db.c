#include "store/db_internal.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum {
	RECORD_VERSION = 1,
	RECORD_PLAIN = 0,
	RECORD_CHUNKED = 1,
	RECORD_HEAD_BYTES = 10,  /* version u8, form u8, XXH3-64 of the value, seeded by that of the key */
	CHUNK_BYTES = 256 << 10, /* longer values are split: LMDB wants contiguous pages for each value */
	CHUNK_KEY_BYTES = 21,    /* table u8, XXH3-128 of the key, number u32 */
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

MDB_val db_val(struct slice bytes)
{
	return (MDB_val){.mv_size = bytes.len, .mv_data = (void *)(uintptr_t)bytes.ptr};
}

static struct slice slice_of_val(MDB_val val)
{
	return slice_of(val.mv_data, val.mv_size);
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
		return db_fail(db, status, "begin", err);
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

	status = status ? db_fail(txn->db, status, "commit", err) : 0;
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

static int read_chunks(struct db_txn *txn, unsigned table, struct slice key, uint64_t length, struct buf *out,
		       struct err *err)
{
	uint8_t name[CHUNK_KEY_BYTES];

	if (length > out->bytes_max - (out->len < out->bytes_max ? out->len : out->bytes_max))
		return err_set(err, ERR_LIMIT, "store %s: record of %llu bytes: more than %zu", txn->db->path,
			       (unsigned long long)length, out->bytes_max);
	for (uint32_t number = 0; length; number++) {
		MDB_val part_key, part;

		chunk_key(table, key, number, name);
		part_key = db_val(slice_of(name, sizeof(name)));
		if (mdb_get(txn->txn, txn->db->chunks, &part_key, &part) || part.mv_size == 0 || part.mv_size > length)
			return damaged(txn, "a part is missing", err);
		buf_append(out, slice_of_val(part));
		length -= part.mv_size;
	}
	return buf_ok(out) ? 0 : err_set(err, ERR_MEM, "store %s: record: out of memory", txn->db->path);
}

static int read_value(struct db_txn *txn, unsigned table, struct slice key, struct slice stored, struct buf *out,
		      struct err *err)
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
			return err_set(err, ERR_LIMIT, "store %s: record of %zu bytes: too long", txn->db->path,
				       record.value.len);
	}
	if (checksum(key, slice_of(out->ptr + before, out->len - before)) != record.sum) {
		out->len = before;
		return damaged(txn, "checksum", err);
	}
	return 0;
}

static int find(struct db_txn *txn, unsigned table, struct slice key, struct slice *stored, struct err *err)
{
	MDB_val name = db_val(key), value;
	int     status;

	if (key.len == 0 || key.len > DB_KEY_BYTES_MAX)
		return err_set(err, ERR_INTERNAL, "store %s: key of %zu bytes", txn->db->path, key.len);
	status = mdb_get(txn->txn, txn->db->tables[table], &name, &value);
	if (status)
		return db_fail(txn->db, status, "read", err);
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
		part_key = db_val(slice_of(name, sizeof(name)));
		status = mdb_del(txn->txn, txn->db->chunks, &part_key, NULL);
	}
	return status == MDB_NOTFOUND ? 0 : db_fail(txn->db, status, "delete", err);
}

static int put_chunks(struct db_txn *txn, unsigned table, struct slice key, struct slice value, struct err *err)
{
	uint8_t name[CHUNK_KEY_BYTES];

	for (uint32_t number = 0; value.len; number++) {
		struct slice part = slice_sub(value, 0, CHUNK_BYTES);
		MDB_val      part_key, part_value = db_val(part);
		int          status;

		chunk_key(table, key, number, name);
		part_key = db_val(slice_of(name, sizeof(name)));
		status = mdb_put(txn->txn, txn->db->chunks, &part_key, &part_value, 0);
		if (status)
			return db_fail(txn->db, status, "write", err);
		value = slice_from(value, part.len);
	}
	return 0;
}

static bool holds_chunks(const struct db_txn *txn, struct slice stored)
{
	struct record record;

	return open_record(txn, stored, &record, NULL) == 0 && record.form == RECORD_CHUNKED;
}

/* Room for the record's head and value. The usual case, a key that is not there yet, costs one search. */
static int reserve(struct db_txn *txn, unsigned table, struct slice key, size_t bytes, uint8_t **room, struct err *err)
{
	MDB_val name = db_val(key), value = {.mv_size = bytes, .mv_data = NULL};
	int     status = mdb_put(txn->txn, txn->db->tables[table], &name, &value, MDB_RESERVE | MDB_NOOVERWRITE);

	if (status == MDB_KEYEXIST) {
		if (holds_chunks(txn, slice_of_val(value)) && (status = delete_chunks(txn, table, key, 0, err)) < 0)
			return status;
		value = (MDB_val){.mv_size = bytes, .mv_data = NULL};
		status = mdb_put(txn->txn, txn->db->tables[table], &name, &value, MDB_RESERVE);
	}
	*room = value.mv_data;
	return status ? db_fail(txn->db, status, "write", err) : 0;
}

int db_put(struct db_txn *txn, unsigned table, struct slice key, struct slice value, struct err *err)
{
	bool     chunked = value.len > CHUNK_BYTES;
	uint8_t *at;
	int      status;

	if (key.len == 0 || key.len > DB_KEY_BYTES_MAX)
		return err_set(err, ERR_INTERNAL, "store %s: key of %zu bytes", txn->db->path, key.len);
	status = reserve(txn, table, key, RECORD_HEAD_BYTES + (chunked ? 8 : value.len), &at, err);
	if (status < 0)
		return status;
	at[0] = RECORD_VERSION;
	at[1] = chunked ? RECORD_CHUNKED : RECORD_PLAIN;
	put_u64(at + 2, checksum(key, value));
	if (chunked)
		put_u64(at + RECORD_HEAD_BYTES, value.len);
	else if (value.len)
		memcpy(at + RECORD_HEAD_BYTES, value.ptr, value.len);
	return chunked ? put_chunks(txn, table, key, value, err) : 0;
}

static int delete_at(struct db_txn *txn, unsigned table, struct slice key, MDB_cursor *cursor, struct err *err)
{
	MDB_val name = db_val(key), value;
	int     status = mdb_cursor_get(cursor, &name, &value, MDB_SET_KEY);
	bool    chunked = !status && holds_chunks(txn, slice_of_val(value));

	if (!status)
		status = mdb_cursor_del(cursor, 0);
	if (status)
		return status == MDB_NOTFOUND ? 0 : db_fail(txn->db, status, "delete", err);
	return chunked ? delete_chunks(txn, table, key, 0, err) : 0;
}

int db_delete(struct db_txn *txn, unsigned table, struct slice key, struct err *err)
{
	MDB_cursor *cursor;
	int         status = mdb_cursor_open(txn->txn, txn->db->tables[table], &cursor);

	if (status)
		return db_fail(txn->db, status, "delete", err);
	status = delete_at(txn, table, key, cursor, err);
	mdb_cursor_close(cursor);
	return status;
}

uint64_t db_count(struct db_txn *txn, unsigned table)
{
	MDB_stat stat_;

	return mdb_stat(txn->txn, txn->db->tables[table], &stat_) ? 0 : stat_.ms_entries;
}

/* The parts of long values lie together: their keys begin with the table. */
static int clear_chunks(struct db_txn *txn, unsigned table, struct err *err)
{
	uint8_t     first = (uint8_t)table;
	MDB_val     key = db_val(slice_of(&first, 1)), value;
	MDB_cursor *cursor;
	int         status = mdb_cursor_open(txn->txn, txn->db->chunks, &cursor);

	if (status)
		return db_fail(txn->db, status, "delete", err);
	status = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (!status && key.mv_size && *(const uint8_t *)key.mv_data == first) {
		status = mdb_cursor_del(cursor, 0);
		if (!status)
			status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return !status || status == MDB_NOTFOUND ? 0 : db_fail(txn->db, status, "delete", err);
}

int db_clear(struct db_txn *txn, unsigned table, struct err *err)
{
	int status = mdb_drop(txn->txn, txn->db->tables[table], 0);

	return status ? db_fail(txn->db, status, "delete", err) : clear_chunks(txn, table, err);
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
		return db_fail(txn->db, status, "walk", err);
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

static int cursor_move(struct db_cursor *cursor, MDB_cursor_op op, struct slice *key, struct slice *value,
		       struct err *err)
{
	MDB_val stored;
	int     status = mdb_cursor_get(cursor->cursor, &cursor->key, &stored, op);

	*key = *value = SLICE_EMPTY;
	cursor->started = true;
	if (status == MDB_NOTFOUND)
		return 0;
	if (status)
		return db_fail(cursor->txn->db, status, "walk", err);
	*key = slice_of_val(cursor->key);
	return cursor_value(cursor, stored, value, err);
}

int db_cursor_next(struct db_cursor *cursor, struct slice *key, struct slice *value, struct err *err)
{
	if (cursor->started)
		return cursor_move(cursor, MDB_NEXT, key, value, err);
	cursor->key = db_val(slice_of(cursor->from, cursor->from_len));
	return cursor_move(cursor, cursor->from_len ? MDB_SET_RANGE : MDB_FIRST, key, value, err);
}

int db_cursor_last(struct db_cursor *cursor, struct slice *key, struct slice *value, struct err *err)
{
	return cursor_move(cursor, MDB_LAST, key, value, err);
}

int db_cursor_before(struct db_cursor *cursor, struct slice key, struct slice *out, struct slice *value,
		     struct err *err)
{
	MDB_val stored;
	int     status;

	cursor->key = db_val(key);
	status = mdb_cursor_get(cursor->cursor, &cursor->key, &stored, MDB_SET_RANGE);
	if (status && status != MDB_NOTFOUND)
		return db_fail(cursor->txn->db, status, "walk", err);
	return cursor_move(cursor, status ? MDB_LAST : MDB_PREV, out, value, err);
}

void db_cursor_close(struct db_cursor *cursor)
{
	if (!cursor)
		return;
	mdb_cursor_close(cursor->cursor);
	buf_deinit(&cursor->value);
	free(cursor);
}
