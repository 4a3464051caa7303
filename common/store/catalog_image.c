#include "store/catalog_internal.h"

#include "base/cursor.h"
#include "base/msgpack_write.h"

#include <stdlib.h>
#include <string.h>

enum { LATEST_TEXT_BYTES = 400, LATEST_PER_READ = 1024 };

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

	buf_init(&record, CATALOG_RECORD_BYTES_MAX);
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
	buf_init(&identity, CATALOG_RECORD_BYTES_MAX);
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
	if (image->failed && (status = db_put(txn, TABLE_FAILED_IMAGES, catalog_key_pair(job, image->number, name),
					      SLICE_EMPTY, err)) < 0)
		return status;
	return put_latest(txn, job, image->number, place, err);
}

int catalog_image_failed_next(struct catalog *catalog, uint64_t job, uint64_t from, uint64_t *number, struct err *err)
{
	struct catalog_read read = {0};
	struct db_cursor   *cursor;
	struct slice        key, value;
	uint8_t             name[KEY_PAIR_BYTES];
	bool                found = false;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = db_cursor_open(read.txn, TABLE_FAILED_IMAGES, catalog_key_pair(job, from, name), &cursor, err);
	if (status >= 0) {
		struct cursor c;

		db_cursor_next(cursor, &key, &value, NULL);
		c = cursor_of(key);
		found = cursor_u64be(&c) == job;
		*number = cursor_u64be(&c);
		found &= cursor_ok(&c);
		db_cursor_close(cursor);
	}
	catalog_read_end(&read);
	if (status >= 0 && !found)
		return err_set(err, ERR_NOT_FOUND, "store %s: no further image failed", catalog->dir);
	return status;
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
	buf_init(&value, CATALOG_RECORD_BYTES_MAX);
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
