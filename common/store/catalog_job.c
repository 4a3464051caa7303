#include "store/catalog.h"
#include "store/catalog_internal.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/msgpack_write.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES_MAX = 16 << 20, COUNTERS = 24, JOB_FIELDS = 20, LATEST_TEXT_BYTES = 400, LATEST_PER_READ = 1024 };

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
}

static bool decode_job(struct slice bytes, struct arena *arena, struct job_record *job)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields = msgpack_begin_record(&r, JOB_FIELDS), counters;

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
	msgpack_end_record(&r, fields, JOB_FIELDS);
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
	buf_init(&record, RECORD_BYTES_MAX);
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
	buf_init(&value, RECORD_BYTES_MAX);
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

/* --- references --- */

static int put_reference(struct db_txn *txn, uint64_t job, uint64_t number, struct slice reference,
			 enum reference_state state, struct err *err)
{
	uint8_t    name[KEY_PAIR_BYTES];
	struct buf record;
	int        status;

	buf_init(&record, LIMIT_PATH_BYTES + 4096);
	msgpack_write_array(&record, 2);
	msgpack_write_uint(&record, (uint64_t)state);
	msgpack_write_str(&record, reference);
	status = buf_ok(&record)
			 ? db_put(txn, TABLE_REFERENCES, catalog_key_pair(job, number, name), buf_slice(&record), err)
			 : err_set(err, ERR_LIMIT, "reference of %zu bytes: too long", reference.len);
	buf_deinit(&record);
	return status;
}

int catalog_reference_add(struct catalog *catalog, uint64_t job, uint64_t number, struct slice reference, bool *added,
			  struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_HASHED_BYTES], bytes[8];
	struct slice   id = catalog_key_hashed(job, reference, name);
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	*added = !db_has(txn, TABLE_REFERENCE_INDEX, id);
	if (!*added)
		return 0;
	catalog_key_u64(bytes, number);
	if ((status = db_put(txn, TABLE_REFERENCE_INDEX, id, slice_of(bytes, sizeof(bytes)), err)) < 0)
		return status;
	return put_reference(txn, job, number, reference, REFERENCE_OPEN, err);
}

static bool decode_reference(struct slice value, struct slice *reference, enum reference_state *state)
{
	struct msgpack_reader r = msgpack_reader_of(value);

	msgpack_begin_record(&r, 2);
	*state = msgpack_read_uint(&r) == REFERENCE_DONE ? REFERENCE_DONE : REFERENCE_OPEN;
	*reference = msgpack_read_bytes(&r);
	return msgpack_ok(&r);
}

int catalog_reference_done(struct catalog *catalog, uint64_t job, uint64_t number, struct err *err)
{
	struct db_txn       *txn = catalog_batch(catalog, err);
	uint8_t              name[KEY_PAIR_BYTES];
	struct slice         value, reference;
	enum reference_state state;
	int                  status;

	if (!txn)
		return ERR_INTERNAL;
	if ((status = db_borrow(txn, TABLE_REFERENCES, catalog_key_pair(job, number, name), &value, err)) < 0)
		return status;
	if (!decode_reference(value, &reference, &state))
		return catalog_malformed(catalog, "reference", err);
	return put_reference(txn, job, number, reference, REFERENCE_DONE, err);
}

int catalog_references_each(struct catalog *catalog, uint64_t job,
			    int (*each)(void *data, uint64_t number, struct slice reference,
					enum reference_state state),
			    void *data, struct err *err)
{
	struct catalog_read  read = {0};
	struct db_cursor    *cursor;
	struct slice         key, value, reference;
	enum reference_state state;
	uint8_t              name[KEY_PAIR_BYTES];
	int                  status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	if ((status = db_cursor_open(read.txn, TABLE_REFERENCES, catalog_key_pair(job, 0, name), &cursor, err)) < 0) {
		catalog_read_end(&read);
		return status;
	}
	status = 0;
	while (status == 0 && db_cursor_next(cursor, &key, &value, NULL) != 0 && key.len == KEY_PAIR_BYTES) {
		struct cursor c = cursor_of(key);

		if (cursor_u64be(&c) != job)
			break;
		if (decode_reference(value, &reference, &state))
			status = each(data, cursor_u64be(&c), reference, state);
	}
	db_cursor_close(cursor);
	catalog_read_end(&read);
	return status;
}

/* --- images --- */

int catalog_image_record_put(struct db_txn *txn, struct slice image, struct digest *digest, struct err *err)
{
	struct slice there;
	int          status;

	digest_of(image, digest);
	status = db_borrow(txn, TABLE_IMAGE_RECORDS, digest_slice(digest), &there, NULL);
	if (status == 0 || status == ERR_UNSUPPORTED) /* chunked: too long to be compared each time */
		return 0;
	return db_put(txn, TABLE_IMAGE_RECORDS, digest_slice(digest), image, err);
}

static int put_job_image(struct db_txn *txn, uint64_t job, const struct job_image *image,
			 const struct digest *record_digest, struct err *err)
{
	uint8_t    name[KEY_PAIR_BYTES];
	struct buf record;
	int        status;

	buf_init(&record, RECORD_BYTES_MAX);
	msgpack_write_array(&record, 3);
	msgpack_write_bin(&record, digest_slice(record_digest));
	msgpack_write_uint(&record, image->set);
	msgpack_write_array(&record, image->layers_count);
	for (size_t i = 0; i < image->layers_count; i++) {
		msgpack_write_array(&record, 2);
		msgpack_write_uint(&record, image->layers[i].status);
		msgpack_write_str(&record, image->layers[i].reason);
	}
	status = buf_ok(&record) ? db_put(txn, TABLE_IMAGES, catalog_key_pair(job, image->number, name),
					  buf_slice(&record), err)
				 : err_set(err, ERR_LIMIT, "image record too long");
	buf_deinit(&record);
	return status;
}

/* Sorts by the place's text; the hash tells long texts apart. */
static int put_latest(struct db_txn *txn, uint64_t job, uint64_t number, struct slice place, struct err *err)
{
	uint8_t      name[LATEST_TEXT_BYTES + XXH128_BYTES], pair[KEY_PAIR_BYTES];
	struct slice text = slice_sub(place, 0, LATEST_TEXT_BYTES);

	if (text.len)
		memcpy(name, text.ptr, text.len);
	xxh128_once(place, name + text.len);
	return db_put(txn, TABLE_LATEST, slice_of(name, text.len + XXH128_BYTES), catalog_key_pair(job, number, pair),
		      err);
}

int catalog_image_add(struct catalog *catalog, uint64_t job, const struct job_image *image, struct slice place,
		      bool *added, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_HASHED_BYTES], bytes[8];
	struct digest  record_digest;
	struct buf     identity;
	struct slice   id;
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	if ((status = catalog_image_record_put(txn, image->image, &record_digest, err)) < 0)
		return status;
	buf_init(&identity, RECORD_BYTES_MAX);
	buf_append(&identity, digest_slice(&record_digest));
	buf_append(&identity, place);
	id = catalog_key_hashed(job, buf_slice(&identity), name);
	buf_deinit(&identity);
	*added = !db_has(txn, TABLE_IMAGE_INDEX, id);
	if (!*added)
		return 0;
	catalog_key_u64(bytes, image->number);
	if ((status = db_put(txn, TABLE_IMAGE_INDEX, id, slice_of(bytes, sizeof(bytes)), err)) < 0 ||
	    (status = put_job_image(txn, job, image, &record_digest, err)) < 0)
		return status;
	return put_latest(txn, job, image->number, place, err);
}

static bool decode_image(struct slice value, struct arena *arena, struct digest *record_digest, struct job_image *out)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                count;

	msgpack_begin_record(&r, 3);
	msgpack_read_fixed(&r, record_digest->bytes, SHA256_BYTES);
	out->set = msgpack_read_uint(&r);
	count = msgpack_read_array(&r);
	out->layers = arena_array(arena, count ? count : 1, sizeof(*out->layers));
	if (!out->layers)
		return false;
	for (size_t i = 0; i < count && msgpack_ok(&r); i++) {
		size_t fields = msgpack_begin_record(&r, 2);

		out->layers[i].status = (uint32_t)msgpack_read_uint(&r);
		out->layers[i].reason = arena_copy(arena, msgpack_read_bytes(&r));
		msgpack_end_record(&r, fields, 2);
		out->layers_count++;
	}
	return msgpack_ok(&r) && !arena_failed(arena);
}

static int get_image(struct catalog *catalog, struct db_txn *txn, uint64_t job, uint64_t number, struct arena *arena,
		     struct job_image *out, struct err *err)
{
	uint8_t       name[KEY_PAIR_BYTES];
	struct buf    value;
	struct digest record_digest;
	int           status;

	*out = (struct job_image){.number = number};
	buf_init(&value, RECORD_BYTES_MAX);
	status = db_get(txn, TABLE_IMAGES, catalog_key_pair(job, number, name), &value, err);
	if (status >= 0 && !decode_image(buf_slice(&value), arena, &record_digest, out))
		status = catalog_malformed(catalog, "image of a job", err);
	buf_clear(&value);
	if (status >= 0)
		status = db_get(txn, TABLE_IMAGE_RECORDS, digest_slice(&record_digest), &value, err);
	if (status >= 0)
		out->image = arena_copy(arena, buf_slice(&value));
	buf_deinit(&value);
	return status;
}

int catalog_image_get(struct catalog *catalog, uint64_t job, uint64_t number, struct arena *arena,
		      struct job_image *out, struct err *err)
{
	struct catalog_read read = {0};
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = get_image(catalog, read.txn, job, number, arena, out, err);
	catalog_read_end(&read);
	return status;
}

struct latest {
	uint64_t job, number;
};

/* The next ones, and where the walk goes on. */
static int read_latest(struct catalog *catalog, struct catalog_place *place, struct latest *out, size_t *count,
		       struct err *err)
{
	struct catalog_read read = {0};
	struct db_cursor   *cursor;
	struct slice        key, value;
	int                 status = catalog_read_begin(catalog, &read, err);

	*count = 0;
	if (status < 0)
		return status;
	status = db_cursor_open(read.txn, TABLE_LATEST, slice_of(place->key, place->len), &cursor, err);
	while (status >= 0 && !place->ended && *count < LATEST_PER_READ) {
		struct cursor c;

		place->ended = db_cursor_next(cursor, &key, &value, NULL) == 0 || !key.len;
		c = cursor_of(value);
		out[*count] = (struct latest){.job = cursor_u64be(&c)};
		out[*count].number = cursor_u64be(&c);
		*count += cursor_ok(&c);
		catalog_place_behind(place, key);
	}
	if (status >= 0)
		db_cursor_close(cursor);
	catalog_read_end(&read);
	return status;
}

int catalog_latest_each(struct catalog *catalog, int (*each)(void *data, uint64_t job, uint64_t number), void *data,
			struct err *err)
{
	struct catalog_place place = {.ended = false};
	struct latest       *some = calloc(LATEST_PER_READ, sizeof(*some));
	size_t               count;
	int                  status = some ? 0 : err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir);

	while (status == 0 && !place.ended) {
		status = read_latest(catalog, &place, some, &count, err);
		for (size_t i = 0; i < count && status == 0; i++)
			status = each(data, some[i].job, some[i].number);
	}
	free(some);
	return status;
}
