#include "store/catalog_internal.h"

#include "base/cursor.h"

int catalog_job_layer_put(struct catalog *catalog, uint64_t job, uint64_t hash, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_PAIR_BYTES];

	if (!txn)
		return ERR_INTERNAL;
	return db_put(txn, TABLE_JOB_LAYERS, catalog_key_pair(job, hash, name), SLICE_EMPTY, err);
}

/* A damaged row still has its key, which is all that counts. */
static int read_hashes(struct db_txn *txn, uint64_t job, uint64_t from, uint64_t *hashes, size_t max, size_t *count,
		       struct err *err)
{
	struct db_cursor *cursor;
	struct slice      key, value;
	uint8_t           name[KEY_PAIR_BYTES];
	int status = db_cursor_open(txn, TABLE_JOB_LAYERS, catalog_key_pair(job, from, name), &cursor, err);

	if (status < 0)
		return status;
	while (*count < max && db_cursor_next(cursor, &key, &value, NULL) != 0 && key.len == KEY_PAIR_BYTES) {
		struct cursor c = cursor_of(key);

		if (cursor_u64be(&c) != job)
			break;
		hashes[(*count)++] = cursor_u64be(&c);
	}
	db_cursor_close(cursor);
	return 0;
}

int catalog_job_layers(struct catalog *catalog, uint64_t job, uint64_t from, uint64_t *hashes, size_t max,
		       size_t *count, struct err *err)
{
	struct catalog_read read = {0};
	int                 status = catalog_read_begin(catalog, &read, err);

	*count = 0;
	if (status < 0)
		return status;
	status = read_hashes(read.txn, job, from, hashes, max, count, err);
	catalog_read_end(&read);
	return status;
}

int catalog_job_layers_drop(struct catalog *catalog, uint64_t job, size_t max, bool *more, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint64_t       hashes[256];
	size_t         count = 0, done = 0;
	int            status = txn ? 0 : ERR_INTERNAL;

	*more = true;
	while (status >= 0 && *more && done < max) {
		count = 0;
		status = read_hashes(txn, job, 0, hashes, 256, &count, err);
		*more = count == 256;
		for (size_t i = 0; i < count && status >= 0; i++) {
			uint8_t name[KEY_PAIR_BYTES];

			status = db_delete(txn, TABLE_JOB_LAYERS, catalog_key_pair(job, hashes[i], name), err);
		}
		done += count;
	}
	return status;
}

int catalog_job_layers_next(struct catalog *catalog, uint64_t from, uint64_t *job, struct err *err)
{
	struct catalog_read read = {0};
	struct db_cursor   *cursor;
	struct slice        key = SLICE_EMPTY, value;
	uint8_t             name[KEY_PAIR_BYTES];
	struct cursor       c;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = db_cursor_open(read.txn, TABLE_JOB_LAYERS, catalog_key_pair(from, 0, name), &cursor, err);
	if (status >= 0) {
		db_cursor_next(cursor, &key, &value, NULL);
		c = cursor_of(key);
		*job = cursor_u64be(&c);
		if (!cursor_ok(&c))
			status = err_set(err, ERR_NOT_FOUND, "store %s: no further job with layers", catalog->dir);
		db_cursor_close(cursor);
	}
	catalog_read_end(&read);
	return status;
}
