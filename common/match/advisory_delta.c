#include "match/advisory_delta.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/msgpack_read.h"
#include "base/msgpack_write.h"
#include "match/osv.h"
#include "store/db.h"

#include <stdlib.h>
#include <string.h>

enum { SERIAL_BYTES = 8, NAME_HASH_BYTES = 16, HISTORY_FIELDS = 2, NAME_FIELDS = 2, VALUE_BYTES_MAX = 512 };

/* ---- keys and values ---- */

static void serial_key(uint64_t serial, uint8_t out[SERIAL_BYTES])
{
	for (int i = 0; i < SERIAL_BYTES; i++)
		out[i] = (uint8_t)(serial >> (8 * (SERIAL_BYTES - 1 - i)));
}

static uint64_t serial_of_key(struct slice key)
{
	struct cursor c = cursor_of(key);

	return cursor_u64be(&c);
}

struct name_state {
	struct slice hash; /* empty: no row is left */
	uint64_t     serial;
};

static bool read_name_state(struct slice value, struct name_state *out)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, NAME_FIELDS);

	out->hash = msgpack_read_bytes(&r);
	out->serial = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, NAME_FIELDS);
	return msgpack_ok(&r);
}

/* "ecosystem NUL name NUL" at the front of a key; empty when it is not one. */
static struct slice name_of_key(struct slice key)
{
	size_t ecosystem = slice_find(key, 0), name;

	if (ecosystem == SIZE_MAX)
		return SLICE_EMPTY;
	name = slice_find(slice_from(key, ecosystem + 1), 0);
	return name == SIZE_MAX ? SLICE_EMPTY : slice_sub(key, 0, ecosystem + 1 + name + 1);
}

/* ---- writing ---- */

/* A merge of the new rows with the old names, both in the order of their keys. */
struct merge {
	const struct advisory_delta_writer *writer;
	struct db_txn                      *txn, *old_txn;
	struct db_cursor                   *rows, *old_names;
	struct slice                        old_key, old_value; /* the old name that is next; key empty: none is left */
	struct sha256                      *hash;
	struct buf                          name, key, value; /* name: whose rows are being hashed */
	uint64_t                            serial;           /* of this generation */
	bool                                again;            /* the generation before has the same content */
};

static int next_old(struct merge *m, struct err *err)
{
	int got = m->old_names ? db_cursor_next(m->old_names, &m->old_key, &m->old_value, err) : 0;

	if (got <= 0)
		m->old_key = SLICE_EMPTY;
	return got < 0 ? got : 0;
}

static int put_name(struct merge *m, struct slice name, struct slice hash, uint64_t serial, struct err *err)
{
	const struct advisory_delta_writer *w = m->writer;
	uint8_t                             number[SERIAL_BYTES];
	int                                 status;

	serial_key(serial, number);
	buf_clear(&m->key);
	buf_clear(&m->value);
	buf_append(&m->key, slice_of(number, sizeof(number)));
	buf_append(&m->key, name);
	msgpack_write_array(&m->value, NAME_FIELDS);
	msgpack_write_bin(&m->value, hash);
	msgpack_write_uint(&m->value, serial);
	if (!buf_ok(&m->key) || !buf_ok(&m->value))
		return err_set(err, ERR_LIMIT, "the name of a package in an advisory is too long");
	status = w->put(w->data, ADVISORY_NAMES, name, buf_slice(&m->value), err);
	return status ? status : w->put(w->data, ADVISORY_CHANGES, buf_slice(&m->key), SLICE_EMPTY, err);
}

/* One name with the hash it has now (empty: it has vanished) and what it was before (NULL: it was not there). */
static int judge(struct merge *m, struct slice name, struct slice hash, const struct name_state *before,
		 struct err *err)
{
	bool same = before && slice_eq(before->hash, hash);

	return put_name(m, name, hash, same ? before->serial : m->serial, err);
}

/* Old names that sort before `name` have no rows any more. */
static int pass_old(struct merge *m, struct slice name, struct err *err)
{
	int status = 0;

	while (!status && m->old_key.len && (name.len == 0 || slice_cmp(m->old_key, name) < 0)) {
		struct name_state before;

		if (!read_name_state(m->old_value, &before))
			return err_set(err, ERR_STORE, "the list of advisory names is damaged");
		status = judge(m, m->old_key, SLICE_EMPTY, &before, err);
		if (!status)
			status = next_old(m, err);
	}
	return status;
}

static int end_name(struct merge *m, struct err *err)
{
	struct slice      name = buf_slice(&m->name);
	struct name_state before;
	uint8_t           hash[SHA256_BYTES];
	bool              was_there;
	int               status;

	if (name.len == 0)
		return 0;
	sha256_final(m->hash, hash);
	if ((status = pass_old(m, name, err)) != 0)
		return status;
	was_there = m->old_key.len && slice_eq(m->old_key, name);
	if (was_there && !read_name_state(m->old_value, &before))
		return err_set(err, ERR_STORE, "the list of advisory names is damaged");
	status = judge(m, name, slice_of(hash, NAME_HASH_BYTES), was_there ? &before : NULL, err);
	return status || !was_there ? status : next_old(m, err);
}

static int begin_name(struct merge *m, struct slice name, struct err *err)
{
	const uint8_t format = OSV_FORMAT_VERSION;
	int           status = end_name(m, err);

	buf_clear(&m->name);
	buf_append(&m->name, name);
	sha256_update(m->hash, slice_of(&format, 1));
	return status ? status : buf_ok(&m->name) ? 0 : err_set(err, ERR_MEM, "out of memory");
}

static int merge_rows(struct merge *m, struct err *err)
{
	struct slice key, value;
	int          got = next_old(m, err);

	while (!got && (got = db_cursor_next(m->rows, &key, &value, err)) > 0) {
		struct slice name = name_of_key(key);

		got = 0;
		if (name.len == 0)
			return err_set(err, ERR_STORE, "the entries of the advisories are damaged");
		if (!slice_eq(name, buf_slice(&m->name)))
			got = begin_name(m, name, err);
		sha256_update(m->hash, slice_from(key, name.len));
		sha256_update(m->hash, slice_sub(value, 0, ADVISORY_MARK_BYTES));
	}
	if (!got)
		got = end_name(m, err);
	return got ? got : pass_old(m, SLICE_EMPTY, err);
}

/* Copies the old history and tells its last serial. */
static int copy_history(struct merge *m, uint64_t *last, struct err *err)
{
	const struct advisory_delta_writer *w = m->writer;
	struct db_cursor                   *cursor = NULL;
	struct slice                        key, value;
	int got = m->old_txn ? db_cursor_open(m->old_txn, ADVISORY_HISTORY, SLICE_EMPTY, &cursor, err) : 0;

	*last = 0;
	while (!got && cursor && (got = db_cursor_next(cursor, &key, &value, err)) > 0) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_begin_record(&r, HISTORY_FIELDS);
		m->again = slice_eq(msgpack_read_bytes(&r), w->generation);
		*last = serial_of_key(key);
		got = w->put(w->data, ADVISORY_HISTORY, key, value, err);
	}
	db_cursor_close(cursor);
	return got;
}

static int put_history(struct merge *m, uint64_t serial, struct err *err)
{
	const struct advisory_delta_writer *w = m->writer;
	uint8_t                             key[SERIAL_BYTES];

	serial_key(serial, key);
	buf_clear(&m->value);
	msgpack_write_array(&m->value, HISTORY_FIELDS);
	msgpack_write_str(&m->value, w->generation);
	msgpack_write_str(&m->value, w->date);
	return w->put(w->data, ADVISORY_HISTORY, slice_of(key, sizeof(key)), buf_slice(&m->value), err);
}

static int open_merge(struct merge *m, struct err *err)
{
	const struct advisory_delta_writer *w = m->writer;
	int                                 status;

	buf_init(&m->name, DB_KEY_BYTES_MAX);
	buf_init(&m->key, DB_KEY_BYTES_MAX);
	buf_init(&m->value, VALUE_BYTES_MAX);
	m->hash = sha256_new();
	status = m->hash ? db_begin(w->db, false, &m->txn, err) : err_set(err, ERR_MEM, "out of memory");
	if (!status)
		status = db_cursor_open(m->txn, ADVISORY_AFFECTED, SLICE_EMPTY, &m->rows, err);
	if (!status && w->old)
		status = db_begin(w->old, false, &m->old_txn, err);
	if (!status && w->old)
		status = db_cursor_open(m->old_txn, ADVISORY_NAMES, SLICE_EMPTY, &m->old_names, err);
	return status;
}

static void close_merge(struct merge *m)
{
	db_cursor_close(m->rows);
	db_cursor_close(m->old_names);
	db_abort(m->txn);
	db_abort(m->old_txn);
	sha256_free(m->hash);
	buf_deinit(&m->name);
	buf_deinit(&m->key);
	buf_deinit(&m->value);
}

int advisory_delta_write(const struct advisory_delta_writer *writer, struct err *err)
{
	struct merge m = {.writer = writer};
	uint64_t     last = 0;
	int          status = open_merge(&m, err);

	if (!status)
		status = copy_history(&m, &last, err);
	m.serial = last + 1;
	if (!status)
		status = merge_rows(&m, err);
	if (!status && !m.again)
		status = put_history(&m, m.serial, err);
	close_merge(&m);
	return status;
}

/* ---- asking ---- */

/* The last serial under which `generation` was current. */
static int find_serial(struct db_txn *txn, struct slice generation, uint64_t *serial, struct err *err)
{
	struct db_cursor *cursor = NULL;
	struct slice      key, value;
	bool              found = false;
	int               got = db_cursor_open(txn, ADVISORY_HISTORY, SLICE_EMPTY, &cursor, err);

	while (!got && (got = db_cursor_next(cursor, &key, &value, err)) > 0) {
		struct msgpack_reader r = msgpack_reader_of(value);

		got = 0;
		msgpack_begin_record(&r, HISTORY_FIELDS);
		if (!slice_eq(msgpack_read_bytes(&r), generation))
			continue;
		*serial = serial_of_key(key);
		found = true;
	}
	db_cursor_close(cursor);
	if (!got && !found)
		got = err_set(err, ERR_NOT_FOUND, "advisories %.*s were never current here", SLICE_FMT(generation));
	return got;
}

static int walk_changes(struct db_txn *txn, uint64_t                                              since,
			int (*each)(void *data, struct slice ecosystem, struct slice name), void *data, struct err *err)
{
	struct db_cursor *cursor = NULL;
	struct slice      key, value;
	uint8_t           from[SERIAL_BYTES];
	int               got;

	serial_key(since + 1, from);
	got = db_cursor_open(txn, ADVISORY_CHANGES, slice_of(from, sizeof(from)), &cursor, err);
	while (!got && (got = db_cursor_next(cursor, &key, &value, err)) > 0) {
		struct slice rest = slice_from(key, SERIAL_BYTES);
		struct slice ecosystem = slice_cut(&rest, 0);

		got = each(data, ecosystem, slice_cut(&rest, 0));
	}
	db_cursor_close(cursor);
	return got;
}

int advisory_delta_each(struct advisory_store *store, struct slice                                since,
			int (*each)(void *data, struct slice ecosystem, struct slice name), void *data, struct err *err)
{
	struct db_txn *txn = NULL;
	uint64_t       serial = 0;
	int            status = db_begin(advisory_store_db(store), false, &txn, err);

	if (!status)
		status = find_serial(txn, since, &serial, err);
	if (!status)
		status = walk_changes(txn, serial, each, data, err);
	db_abort(txn);
	return status;
}
