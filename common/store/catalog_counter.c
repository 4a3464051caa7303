#include "store/catalog_internal.h"

#include "base/cursor.h"
#include "base/msgpack_write.h"

static const char *const names[FLEET_COUNTERS + 1] = {
	[FLEET_STARTED] = "started",
	[FLEET_LAYERS] = "layers",
	[FLEET_RETRIED_TRANSIENT] = "retried_transient",
	[FLEET_RETRIED_WORKER_LOST] = "retried_worker_lost",
	[FLEET_RETRIED_STALLED] = "retried_stalled",
	[FLEET_RETRIED_NOT_HERE] = "retried_not_here",
	[FLEET_RETRIED_POISON_ALONE] = "retried_poison_alone",
	[FLEET_RETRIED_OTHER_PLACE] = "retried_other_place",
	[FLEET_RETRIED_VERIFY_LOST] = "retried_verify_lost",
	[FLEET_RETRIED_OWNER_DIED] = "retried_owner_died",
	[FLEET_RETRIED_FORCED] = "retried_forced",
	[FLEET_RETRIED_AGAIN] = "retried_again",
	[FLEET_RETRIED_NOT_SENT] = "retried_not_sent",
	[FLEET_RETRIED_EARLIER] = "retried_earlier",
	[FLEET_FINISHED] = "finished",
	[FLEET_VERIFIED] = "verified",
	[FLEET_CUT] = "cut_by_resources",
	[FLEET_FAILED] = "failed",
	[FLEET_LATE] = "late",
	[FLEET_DUPLICATES] = "duplicates",
	[FLEET_QUARANTINED] = "quarantined",
	[FLEET_REFUSED] = "refused",
	[FLEET_BUSY] = "results_sent_again",
	[FLEET_JOBS] = "jobs",
	[FLEET_SCHEDULE_RUNS] = "schedule_runs",
	[FLEET_SCHEDULE_SKIPPED] = "schedule_skipped",
	[FLEET_RESOLVES] = "resolves",
	[FLEET_IMAGES] = "images",
	[FLEET_IMAGES_FAILED] = "images_failed",
	[FLEET_BYTES_FETCHED] = "bytes_fetched",
	[FLEET_TAR_BYTES] = "tar_bytes",
};

const char *catalog_counter_name(enum fleet_counter counter)
{
	return counter < FLEET_COUNTERS ? names[counter] : NULL;
}

void catalog_count(struct catalog *catalog, enum fleet_counter counter, uint64_t more)
{
	catalog->counts[counter] += more;
	catalog->counted = true;
}

bool catalog_counted(const struct catalog *catalog)
{
	return catalog->counted;
}

void catalog_uncount(struct catalog *catalog, enum fleet_counter counter, uint64_t less)
{
	catalog_count(catalog, counter, 0 - less); /* modulo 2^64, as the sum is */
}

static void read_counters(struct db_txn *txn, uint64_t out[FLEET_COUNTERS])
{
	struct slice value;

	for (size_t i = 0; i < FLEET_COUNTERS; i++)
		out[i] = 0;
	if (db_borrow(txn, TABLE_COUNTERS, SLICE_LIT("fleet"), &value, NULL) == 0) {
		struct msgpack_reader r = msgpack_reader_of(value);
		size_t                count = msgpack_read_array(&r);

		for (size_t i = 0; i < count && i < FLEET_COUNTERS && msgpack_ok(&r); i++)
			out[i] = msgpack_read_uint(&r);
	}
}

static int write_counters(struct db_txn *txn, const uint64_t counters[FLEET_COUNTERS], struct err *err)
{
	struct buf record;
	int        status;

	buf_init(&record, 4096);
	msgpack_write_array(&record, FLEET_COUNTERS);
	for (size_t i = 0; i < FLEET_COUNTERS; i++)
		msgpack_write_uint(&record, counters[i]);
	status = db_put(txn, TABLE_COUNTERS, SLICE_LIT("fleet"), buf_slice(&record), err);
	buf_deinit(&record);
	return status;
}

/* Another process may have counted too: what is written is the sum. */
int catalog_counters_write(struct catalog *catalog, struct db_txn *txn, struct err *err)
{
	uint64_t counters[FLEET_COUNTERS];
	int      status;

	if (!catalog->counted)
		return 0;
	read_counters(txn, counters);
	for (size_t i = 0; i < FLEET_COUNTERS; i++)
		counters[i] += catalog->counts[i];
	if ((status = write_counters(txn, counters, err)) < 0)
		return status;
	for (size_t i = 0; i < FLEET_COUNTERS; i++)
		catalog->counts[i] = 0;
	catalog->counted = false;
	return 0;
}

int catalog_counters_get(struct catalog *catalog, uint64_t out[FLEET_COUNTERS], struct err *err)
{
	struct catalog_read read = {0};
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	read_counters(read.txn, out);
	for (size_t i = 0; i < FLEET_COUNTERS; i++)
		out[i] += catalog->counts[i];
	catalog_read_end(&read);
	return 0;
}

/* Format 2 counted per layer only: the sums of that are where the fleet's counters begin. */
int catalog_counters_begin(struct db_txn *txn, struct err *err)
{
	uint64_t          counters[FLEET_COUNTERS] = {0};
	struct db_cursor *cursor;
	struct slice      key, value;
	int               got, status = db_cursor_open(txn, TABLE_SCANS, SLICE_EMPTY, &cursor, err);

	if (status < 0)
		return status;
	while ((got = db_cursor_next(cursor, &key, &value, NULL)) != 0 && (got > 0 || key.len)) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_begin_record(&r, 3);
		counters[FLEET_STARTED] += msgpack_read_uint(&r);
		counters[FLEET_RETRIED_EARLIER] += msgpack_read_uint(&r);
		counters[FLEET_LATE] += msgpack_read_uint(&r);
	}
	db_cursor_close(cursor);
	counters[FLEET_LAYERS] = counters[FLEET_STARTED] - counters[FLEET_RETRIED_EARLIER];
	return write_counters(txn, counters, err);
}
