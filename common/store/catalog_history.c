#include "store/catalog_finding.h"

#include "base/msgpack_write.h"
#include "store/catalog_index_internal.h"

enum { HISTORY_FIELDS = 10, KEY_HISTORY_BYTES = 17 };

/* When, kind, id: in the order of time. */
static struct slice history_key(const struct history_row *row, uint8_t out[KEY_HISTORY_BYTES])
{
	index_key_number(row->at_ms, out);
	out[KEY_NUMBER_BYTES] = (uint8_t)row->kind;
	index_key_number(row->id, out + KEY_NUMBER_BYTES + 1);
	return slice_of(out, KEY_HISTORY_BYTES);
}

int catalog_history_put(struct catalog *catalog, const struct history_row *row, struct err *err)
{
	struct buf     value = {.bytes_max = CATALOG_RECORD_BYTES_MAX};
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        key[KEY_HISTORY_BYTES];
	int            status = txn ? 0 : ERR_INTERNAL;

	msgpack_write_array(&value, HISTORY_FIELDS);
	msgpack_write_uint(&value, row->schedule);
	msgpack_write_str(&value, row->label);
	msgpack_write_str(&value, row->generation);
	msgpack_write_str(&value, row->date);
	msgpack_write_uint(&value, row->images);
	msgpack_write_uint(&value, row->failed);
	msgpack_write_uint(&value, row->packages);
	msgpack_write_array(&value, HISTORY_SEVERITIES);
	for (size_t i = 0; i < HISTORY_SEVERITIES; i++)
		msgpack_write_uint(&value, row->findings[i]);
	msgpack_write_uint(&value, row->come);
	msgpack_write_uint(&value, row->gone);
	if (!status)
		status = buf_ok(&value) ? db_put(txn, TABLE_HISTORY, history_key(row, key), buf_slice(&value), err)
					: err_set(err, ERR_LIMIT, "history: a row is too long");
	buf_deinit(&value);
	return status;
}

bool catalog_history_has(struct catalog_view *view, uint64_t at_ms, enum history_kind kind, uint64_t id)
{
	const struct history_row row = {.at_ms = at_ms, .kind = kind, .id = id};
	uint8_t                  key[KEY_HISTORY_BYTES];

	return db_has(view->read.txn, TABLE_HISTORY, history_key(&row, key));
}

static void read_severities(struct msgpack_reader *r, uint64_t out[HISTORY_SEVERITIES])
{
	size_t count = msgpack_read_array(r);

	for (size_t i = 0; i < count; i++) {
		uint64_t value = msgpack_read_uint(r);

		if (i < HISTORY_SEVERITIES)
			out[i] = value;
	}
}

static bool read_row(struct slice key, struct slice value, struct history_row *out)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, HISTORY_FIELDS);

	if (key.len != KEY_HISTORY_BYTES)
		return false;
	*out = (struct history_row){.at_ms = index_number_of(slice_sub(key, 0, KEY_NUMBER_BYTES)),
				    .kind = key.ptr[KEY_NUMBER_BYTES],
				    .id = index_number_of(slice_from(key, KEY_NUMBER_BYTES + 1))};
	out->schedule = msgpack_read_uint(&r);
	out->label = msgpack_read_bytes(&r);
	out->generation = msgpack_read_bytes(&r);
	out->date = msgpack_read_bytes(&r);
	out->images = msgpack_read_uint(&r);
	out->failed = msgpack_read_uint(&r);
	out->packages = msgpack_read_uint(&r);
	read_severities(&r, out->findings);
	out->come = msgpack_read_uint(&r);
	out->gone = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, HISTORY_FIELDS);
	return msgpack_ok(&r);
}

int catalog_history_each(struct catalog_view *view, uint64_t                           from_ms,
			 int (*each)(void *data, const struct history_row *row), void *data, struct err *err)
{
	struct index_walk  walk;
	struct history_row row;
	struct slice       key, value;
	uint8_t            start[KEY_NUMBER_BYTES];
	int                status =
		index_walk_begin(&walk, view, TABLE_HISTORY, index_key_number(from_ms, start), SLICE_EMPTY, true, err);

	while (!status && (status = index_walk_next(&walk, &key, &value, err)) > 0)
		status = read_row(key, value, &row) ? each(data, &row)
						    : catalog_malformed(view->catalog, "row of the history", err);
	index_walk_end(&walk);
	return status;
}
