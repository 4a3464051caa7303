#include "store/catalog_index_internal.h"

#include "base/cursor.h"

/* --- everything again --- */

/* Copies the keys of one table into the queue: as its keys, with nothing behind them, or as the images that its
 * values begin with. */
static int queue_table(struct db_txn *txn, unsigned table, bool places, struct err *err)
{
	struct db_cursor *cursor;
	struct slice      key, value;
	int               got, status = db_cursor_open(txn, table, SLICE_EMPTY, &cursor, err);

	while (status >= 0 && ((got = db_cursor_next(cursor, &key, &value, NULL)) > 0 || key.len)) {
		if (places && got < 0)
			continue; /* damaged: the place has no latest image that can be told */
		status = db_put(txn, TABLE_INDEX_QUEUE, places ? slice_sub(value, 0, KEY_PAIR_BYTES) : key,
				places ? key : SLICE_EMPTY, err);
	}
	if (status >= 0)
		db_cursor_close(cursor);
	return status;
}

int catalog_index_queue_all(struct db_txn *txn, struct err *err)
{
	int status = queue_table(txn, TABLE_IMAGES, false, err);

	return status < 0 ? status : queue_table(txn, TABLE_LATEST, true, err);
}

/* --- reading --- */

/* Whether this process is to compute the images of a job: its own, and those whose owner has died. Others' are done by them. */
static bool is_ours(struct catalog *catalog, uint64_t job)
{
	struct job_record record;
	struct arena      arena;
	bool              ours;

	arena_init(&arena, 64 << 20);
	ours = catalog_job_get(catalog, job, &arena, &record, NULL) < 0 || record.owner == catalog->owner ||
	       !catalog_owner_alive(catalog, record.owner);
	arena_deinit(&arena);
	return ours;
}

struct queue_read {
	struct catalog      *catalog;
	struct arena        *arena;
	struct index_queued *out;
	size_t               count, max;
	uint64_t             job;
	bool                 ours; /* … is job */
};

static void take(struct queue_read *read, uint64_t job, uint64_t number, struct slice place)
{
	if (!read->job || job != read->job)
		read->ours = is_ours(read->catalog, job);
	read->job = job;
	if (read->ours)
		read->out[read->count++] =
			(struct index_queued){.job = job, .number = number, .place = arena_copy(read->arena, place)};
}

static int read_queue(struct queue_read *read, struct db_txn *txn, uint64_t *job, uint64_t *number, struct err *err)
{
	struct db_cursor *cursor;
	struct slice      key, value;
	uint8_t           name[KEY_PAIR_BYTES];
	int               got, status;

	status = db_cursor_open(txn, TABLE_INDEX_QUEUE, catalog_key_pair(*job, *number + 1, name), &cursor, err);
	while (status >= 0 && read->count < read->max &&
	       ((got = db_cursor_next(cursor, &key, &value, NULL)) > 0 || key.len)) {
		struct cursor c = cursor_of(key);

		*job = cursor_u64be(&c);
		*number = cursor_u64be(&c);
		take(read, *job, *number, got < 0 ? SLICE_EMPTY : value);
	}
	if (status >= 0)
		db_cursor_close(cursor);
	return status;
}

int catalog_index_queue_read(struct catalog *catalog, uint64_t *job, uint64_t *number, size_t max, struct arena *arena,
			     struct index_queued **out, size_t *count, struct err *err)
{
	struct queue_read   read = {.catalog = catalog, .arena = arena, .max = max};
	struct catalog_read transaction = {0};
	int                 status = catalog_read_begin(catalog, &transaction, err);

	*count = 0;
	if (status < 0)
		return status;
	read.out = *out = arena_array(arena, max, sizeof(*read.out));
	status = read.out ? read_queue(&read, transaction.txn, job, number, err)
			  : err_set(err, ERR_MEM, "index: out of memory");
	catalog_read_end(&transaction);
	*count = read.count;
	if (status >= 0 && arena_failed(arena))
		return err_set(err, ERR_MEM, "index: out of memory");
	return status;
}
