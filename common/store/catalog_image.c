#include "store/catalog_internal.h"

#include "base/cursor.h"
#include "base/msgpack_write.h"

enum { IMAGE_FIELDS_MIN = 3, IMAGE_FIELDS = 4 };

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
			 const struct digest *record_digest, enum image_news news, struct err *err)
{
	uint8_t    name[KEY_PAIR_BYTES];
	struct buf record;
	int        status;

	buf_init(&record, CATALOG_RECORD_BYTES_MAX);
	msgpack_write_array(&record, IMAGE_FIELDS);
	msgpack_write_bin(&record, digest_slice(record_digest));
	msgpack_write_uint(&record, image->set);
	msgpack_write_array(&record, image->layers_count);
	for (size_t i = 0; i < image->layers_count; i++) {
		msgpack_write_array(&record, 2);
		msgpack_write_uint(&record, image->layers[i].status);
		msgpack_write_str(&record, image->layers[i].reason);
	}
	msgpack_write_uint(&record, news);
	status = buf_ok(&record) ? db_put(txn, TABLE_IMAGES, catalog_key_pair(job, image->number, name),
					  buf_slice(&record), err)
				 : err_set(err, ERR_LIMIT, "image record too long");
	buf_deinit(&record);
	return status;
}

/* What the image is beside the last one of its place, before that is replaced. Only what is the same, in whole, and was so
 * then is nothing new. */
static enum image_news news_of(struct db_txn *txn, const struct job_image *image, const struct digest *record_digest,
			       struct slice place)
{
	struct catalog_latest before;
	uint8_t               name[KEY_PAIR_BYTES];
	struct slice          value, id;
	struct digest         then = {0};
	uint64_t              set;
	struct msgpack_reader r;

	if (catalog_latest_get(txn, place, &before) < 0 || before.retired_ms)
		return IMAGE_NEW;
	id = catalog_key_pair(before.job, before.number, name);
	if (image->failed || db_has(txn, TABLE_FAILED_IMAGES, id) || db_borrow(txn, TABLE_IMAGES, id, &value, NULL) < 0)
		return IMAGE_CHANGED;
	r = msgpack_reader_of(value);
	msgpack_begin_record(&r, IMAGE_FIELDS_MIN);
	msgpack_read_fixed(&r, then.bytes, SHA256_BYTES);
	set = msgpack_read_uint(&r);
	return msgpack_ok(&r) && digest_eq(&then, record_digest) && set == image->set ? IMAGE_UNCHANGED : IMAGE_CHANGED;
}

int catalog_image_add(struct catalog *catalog, uint64_t job, const struct job_image *image, struct slice place,
		      bool *added, struct err *err)
{
	struct db_txn  *txn = catalog_batch(catalog, err);
	uint8_t         name[KEY_HASHED_BYTES], bytes[8];
	struct digest   record_digest;
	enum image_news news;
	struct buf      identity;
	struct slice    id;
	int             status;

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
	news = news_of(txn, image, &record_digest, place);
	catalog_key_u64(bytes, image->number);
	if ((status = db_put(txn, TABLE_IMAGE_INDEX, id, slice_of(bytes, sizeof(bytes)), err)) < 0 ||
	    (status = put_job_image(txn, job, image, &record_digest, news, err)) < 0)
		return status;
	if (image->failed && (status = db_put(txn, TABLE_FAILED_IMAGES, catalog_key_pair(job, image->number, name),
					      SLICE_EMPTY, err)) < 0)
		return status;
	return catalog_latest_put(txn, place, job, image->number, err);
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
	size_t                fields = msgpack_begin_record(&r, IMAGE_FIELDS_MIN), count;

	msgpack_read_fixed(&r, record_digest->bytes, SHA256_BYTES);
	out->set = msgpack_read_uint(&r);
	count = msgpack_read_array(&r);
	out->layers = arena_array(arena, count ? count : 1, sizeof(*out->layers));
	if (!out->layers)
		return false;
	for (size_t i = 0; i < count && msgpack_ok(&r); i++) {
		size_t of_layer = msgpack_begin_record(&r, 2);

		out->layers[i].status = (uint32_t)msgpack_read_uint(&r);
		out->layers[i].reason = arena_copy(arena, msgpack_read_bytes(&r));
		msgpack_end_record(&r, of_layer, 2);
		out->layers_count++;
	}
	out->news = fields >= IMAGE_FIELDS ? (enum image_news)msgpack_read_uint(&r) : IMAGE_NEWS_UNKNOWN;
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

/* Only the row itself: the image is not wanted. One that cannot be read is worth showing. */
static bool is_news(struct slice value, int got, struct arena *arena)
{
	struct job_image image = {0};
	struct digest    record_digest;

	return got < 0 || !decode_image(value, arena, &record_digest, &image) || image.news != IMAGE_UNCHANGED;
}

static int find_news(struct db_txn *txn, uint64_t job, uint64_t end, uint64_t *number, struct err *err)
{
	struct db_cursor *cursor;
	struct slice      key, value;
	struct arena      arena;
	uint8_t           name[KEY_PAIR_BYTES];
	bool              found = false;
	int got = 1, status = db_cursor_open(txn, TABLE_IMAGES, catalog_key_pair(job, *number, name), &cursor, err);

	if (status < 0)
		return status;
	arena_init(&arena, CATALOG_RECORD_BYTES_MAX);
	while (!found && *number < end && (got = db_cursor_next(cursor, &key, &value, NULL)) != 0 && key.len) {
		struct cursor c = cursor_of(key);

		if (cursor_u64be(&c) != job)
			break;
		*number = cursor_u64be(&c);
		found = *number < end && is_news(value, got, &arena);
		*number += !found;
		arena_reset(&arena);
	}
	arena_deinit(&arena);
	db_cursor_close(cursor);
	return found ? 0 : err_set(err, ERR_NOT_FOUND, "no further image is new or has changed");
}

int catalog_image_news_next(struct catalog *catalog, uint64_t job, uint64_t from, uint64_t end, uint64_t *number,
			    struct err *err)
{
	struct catalog_read read = {0};
	int                 status = catalog_read_begin(catalog, &read, err);

	*number = from;
	if (status < 0)
		return status;
	status = find_news(read.txn, job, end, number, err);
	catalog_read_end(&read);
	return status;
}
