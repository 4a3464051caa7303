#include "store/catalog.h"
#include "store/catalog_internal.h"

#include "base/cursor.h"
#include "base/msgpack_write.h"

enum { COUNTERS = 24, JOB_FIELDS_MIN = 20, JOB_FIELDS_3 = 31, JOB_FIELDS = 32 };

/* --- job records --- */

static void write_list(struct buf *out, const struct slice *items, size_t count)
{
	msgpack_write_array(out, count);
	for (size_t i = 0; i < count; i++)
		msgpack_write_str(out, items[i]);
}

static void read_list(struct msgpack_reader *r, struct arena *arena, struct slice **items, size_t *count)
{
	size_t wanted = msgpack_read_array(r);

	*count = 0;
	*items = arena_array(arena, wanted ? wanted : 1, sizeof(**items));
	if (!*items)
		msgpack_fail(r);
	while (msgpack_ok(r) && *count < wanted)
		(*items)[(*count)++] = arena_copy(arena, msgpack_read_bytes(r));
}

static void encode_job(struct buf *out, const struct job_record *job)
{
	msgpack_write_array(out, JOB_FIELDS);
	msgpack_write_bin(out, slice_of(job->token, sizeof(job->token)));
	msgpack_write_str(out, job->label);
	msgpack_write_str(out, job->platform);
	msgpack_write_str(out, job->analyzer_set);
	write_list(out, job->include, job->include_count);
	write_list(out, job->exclude, job->exclude_count);
	msgpack_write_uint(out, job->state);
	msgpack_write_uint(out, job->priority);
	msgpack_write_uint(out, job->newest);
	msgpack_write_uint(out, job->flags);
	msgpack_write_uint(out, job->retry_of);
	msgpack_write_uint(out, job->submitted_ms);
	msgpack_write_uint(out, job->finished_ms);
	msgpack_write_uint(out, job->owner);
	msgpack_write_bool(out, job->embedded);
	msgpack_write_bool(out, job->references_closed);
	msgpack_write_uint(out, job->references_count);
	msgpack_write_uint(out, job->images_count);
	msgpack_write_array(out, COUNTERS);
	for (size_t i = 0; i < COUNTERS; i++)
		msgpack_write_uint(out, job->counters[i]);
	msgpack_write_uint(out, job->references_batches);
	msgpack_write_bool(out, job->paused);
	msgpack_write_str(out, job->every);
	msgpack_write_uint(out, job->next_ms);
	msgpack_write_uint(out, job->schedule);
	msgpack_write_uint(out, job->references_cursor);
	msgpack_write_uint(out, job->references_done);
	msgpack_write_bool(out, job->filling);
	msgpack_write_uint(out, job->fill_next);
	msgpack_write_bool(out, job->failed_indexed);
	msgpack_write_uint(out, job->skipped_runs);
	msgpack_write_uint(out, job->listings_open);
	msgpack_write_uint(out, job->references_sum);
}

/* What format 3 added. A job of format 2 has none of it: nothing is paused, repeated or half copied. */
static void decode_job_new(struct msgpack_reader *r, struct arena *arena, struct job_record *job)
{
	job->paused = msgpack_read_bool(r);
	job->every = arena_copy(arena, msgpack_read_bytes(r));
	job->next_ms = msgpack_read_uint(r);
	job->schedule = msgpack_read_uint(r);
	job->references_cursor = msgpack_read_uint(r);
	job->references_done = msgpack_read_uint(r);
	job->filling = msgpack_read_bool(r);
	job->fill_next = msgpack_read_uint(r);
	job->failed_indexed = msgpack_read_bool(r);
	job->skipped_runs = msgpack_read_uint(r);
	job->listings_open = msgpack_read_uint(r);
}

static bool decode_job(struct slice bytes, struct arena *arena, struct job_record *job)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields = msgpack_begin_record(&r, JOB_FIELDS_MIN), counters;

	msgpack_read_fixed(&r, job->token, sizeof(job->token));
	job->label = arena_copy(arena, msgpack_read_bytes(&r));
	job->platform = arena_copy(arena, msgpack_read_bytes(&r));
	job->analyzer_set = arena_copy(arena, msgpack_read_bytes(&r));
	read_list(&r, arena, &job->include, &job->include_count);
	read_list(&r, arena, &job->exclude, &job->exclude_count);
	job->state = (uint32_t)msgpack_read_uint(&r);
	job->priority = (uint32_t)msgpack_read_uint(&r);
	job->newest = (uint32_t)msgpack_read_uint(&r);
	job->flags = (uint32_t)msgpack_read_uint(&r);
	job->retry_of = msgpack_read_uint(&r);
	job->submitted_ms = msgpack_read_uint(&r);
	job->finished_ms = msgpack_read_uint(&r);
	job->owner = msgpack_read_uint(&r);
	job->embedded = msgpack_read_bool(&r);
	job->references_closed = msgpack_read_bool(&r);
	job->references_count = msgpack_read_uint(&r);
	job->images_count = msgpack_read_uint(&r);
	counters = msgpack_read_array(&r);
	for (size_t i = 0; i < counters && msgpack_ok(&r); i++) {
		uint64_t value = msgpack_read_uint(&r);

		if (i < COUNTERS)
			job->counters[i] = value;
	}
	job->references_batches = msgpack_read_uint(&r);
	if (fields >= JOB_FIELDS_3)
		decode_job_new(&r, arena, job);
	if (fields >= JOB_FIELDS)
		job->references_sum = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields,
			   fields < JOB_FIELDS_3 ? JOB_FIELDS_MIN
			   : fields < JOB_FIELDS ? JOB_FIELDS_3
						 : JOB_FIELDS);
	return msgpack_ok(&r) && !arena_failed(arena);
}

int catalog_job_put(struct catalog *catalog, const struct job_record *job, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[8];
	struct buf     record;
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	buf_init(&record, CATALOG_RECORD_BYTES_MAX);
	encode_job(&record, job);
	catalog_key_u64(name, job->job);
	status = buf_ok(&record) ? db_put(txn, TABLE_JOBS, slice_of(name, sizeof(name)), buf_slice(&record), err)
				 : err_set(err, ERR_LIMIT, "store %s: job record too long", catalog->dir);
	buf_deinit(&record);
	return status;
}

int catalog_job_new(struct catalog *catalog, struct job_record *job, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	struct slice   token = slice_of(job->token, sizeof(job->token)), value;
	uint8_t        bytes[8];
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	if (db_borrow(txn, TABLE_TOKENS, token, &value, NULL) == 0) {
		struct cursor c = cursor_of(value);

		job->job = cursor_u64be(&c);
		return err_set(err, ERR_BUSY, "store %s: job submitted before", catalog->dir);
	}
	if ((status = catalog_counter_next(catalog, txn, SLICE_LIT("job"), &job->job, err)) < 0)
		return status;
	catalog_key_u64(bytes, job->job);
	if ((status = db_put(txn, TABLE_TOKENS, token, slice_of(bytes, sizeof(bytes)), err)) < 0)
		return status;
	return catalog_job_put(catalog, job, err);
}

int catalog_job_get(struct catalog *catalog, uint64_t job, struct arena *arena, struct job_record *out, struct err *err)
{
	struct catalog_read read = {0};
	struct err          why = {0};
	uint8_t             name[8];
	struct buf          value;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	buf_init(&value, CATALOG_RECORD_BYTES_MAX);
	catalog_key_u64(name, job);
	status = db_get(read.txn, TABLE_JOBS, slice_of(name, sizeof(name)), &value, &why);
	*out = (struct job_record){.job = job};
	if (status == ERR_NOT_FOUND)
		err_set(err, status, "store %s: holds no job %llu", catalog->dir, (unsigned long long)job);
	else if (status < 0)
		err_set(err, status, "%s", why.text);
	else if (!decode_job(buf_slice(&value), arena, out))
		status = catalog_malformed(catalog, "job", err);
	buf_deinit(&value);
	catalog_read_end(&read);
	return status;
}

int catalog_job_newest(struct catalog *catalog, uint64_t before, uint64_t *job, struct err *err)
{
	struct catalog_read read = {0};
	struct db_cursor   *cursor;
	struct slice        key, value;
	uint8_t             name[8];
	int                 status = catalog_read_begin(catalog, &read, err);

	*job = 0;
	if (status < 0)
		return status;
	status = db_cursor_open(read.txn, TABLE_JOBS, SLICE_EMPTY, &cursor, err);
	if (status >= 0) {
		status = db_cursor_last(cursor, &key, &value, NULL);
		if (key.len == 8) {
			struct cursor c = cursor_of(key);

			*job = cursor_u64be(&c);
		}
		db_cursor_close(cursor);
	}
	if (before && *job >= before)
		*job = before - 1;
	while (*job && (catalog_key_u64(name, *job), !db_has(read.txn, TABLE_JOBS, slice_of(name, sizeof(name)))))
		--*job;
	catalog_read_end(&read);
	return *job ? 0
		    : err_set(err, ERR_NOT_FOUND, "store %s: holds no%s job", catalog->dir, before ? " earlier" : "");
}
