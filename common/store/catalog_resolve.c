#include "store/catalog_internal.h"

#include "base/msgpack_write.h"

enum { RESOLVE_BYTES_MAX = 1 << 20, RESOLVE_KEY_BYTES = XXH128_BYTES };

/* A registry may choose its names to collide: the record holds both texts, so that this is only a miss. */
static struct slice resolve_id(const struct resolve_key *key, struct buf *scratch, uint8_t out[RESOLVE_KEY_BYTES])
{
	buf_append(scratch, key->reference);
	buf_byte(scratch, ' ');
	buf_append(scratch, key->platform);
	xxh128_once(buf_slice(scratch), out);
	buf_clear(scratch);
	return slice_of(out, RESOLVE_KEY_BYTES);
}

static int encode_resolve(struct db_txn *txn, const struct resolve_key *key, const struct slice *images, size_t count,
			  struct buf *out, struct err *err)
{
	int status = 0;

	msgpack_write_array(out, 4);
	msgpack_write_uint(out, key->version);
	msgpack_write_str(out, key->reference);
	msgpack_write_str(out, key->platform);
	msgpack_write_array(out, count);
	for (size_t i = 0; i < count && status >= 0; i++) {
		struct digest digest;

		status = catalog_image_record_put(txn, images[i], &digest, err);
		msgpack_write_bin(out, digest_slice(&digest));
	}
	if (status >= 0 && !buf_ok(out))
		status = err_set(err, ERR_LIMIT, "resolve of %zu images is too long for the store", count);
	return status;
}

int catalog_resolve_put(struct catalog *catalog, const struct resolve_key *key, const struct slice *images,
			size_t count, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[RESOLVE_KEY_BYTES];
	struct slice   id, stored;
	struct buf     record;
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	buf_init(&record, RESOLVE_BYTES_MAX);
	id = resolve_id(key, &record, name);
	status = encode_resolve(txn, key, images, count, &record, err);
	if (status >= 0 &&
	    (db_borrow(txn, TABLE_RESOLVES, id, &stored, NULL) < 0 || !slice_eq(stored, buf_slice(&record))))
		status = db_put(txn, TABLE_RESOLVES, id, buf_slice(&record), err);
	buf_deinit(&record);
	return status;
}

/* The digests of its image records; ERR_NOT_FOUND when it is another resolve's, or by another resolver. */
static int read_digests(struct catalog *catalog, struct slice value, const struct resolve_key *key, struct arena *arena,
			struct digest **digests, size_t *count, struct err *err)
{
	struct msgpack_reader r = msgpack_reader_of(value);
	size_t                fields = msgpack_begin_record(&r, 4);
	bool                  same = msgpack_read_uint(&r) == key->version;

	same &= slice_eq(msgpack_read_bytes(&r), key->reference);
	same &= slice_eq(msgpack_read_bytes(&r), key->platform);
	*count = msgpack_read_array(&r);
	*digests = arena_array(arena, *count + 1, sizeof(**digests));
	for (size_t i = 0; *digests && i < *count && msgpack_ok(&r); i++)
		msgpack_read_fixed(&r, (*digests)[i].bytes, SHA256_BYTES);
	msgpack_end_record(&r, fields, 4);
	if (!msgpack_ok(&r) || !*digests || *count == 0)
		return catalog_malformed(catalog, "resolve", err);
	return same ? 0 : err_set(err, ERR_NOT_FOUND, "store %s: resolved by another version", catalog->dir);
}

static int get_resolve(struct catalog *catalog, struct db_txn *txn, const struct resolve_key *key, size_t left,
		       struct buf *scratch, struct arena *arena, struct slice **images, size_t *count, struct err *err)
{
	uint8_t        name[RESOLVE_KEY_BYTES];
	struct slice   value;
	struct digest *digests;
	int            status = db_borrow(txn, TABLE_RESOLVES, resolve_id(key, scratch, name), &value, err);

	if (status >= 0)
		status = read_digests(catalog, value, key, arena, &digests, count, err);
	if (status < 0)
		return status;
	if ((*images = arena_array(arena, *count, sizeof(**images))) == NULL)
		return err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir);
	for (size_t i = 0; i < *count; i++) {
		buf_clear(scratch);
		if ((status = db_get(txn, TABLE_IMAGE_RECORDS, digest_slice(&digests[i]), scratch, err)) < 0)
			return status;
		if (scratch->len > left)
			return err_set(err, ERR_LIMIT, "store %s: image records are longer than asked for",
				       catalog->dir);
		left -= scratch->len;
		(*images)[i] = arena_copy(arena, buf_slice(scratch));
	}
	return arena_failed(arena) ? err_set(err, ERR_MEM, "store %s: out of memory", catalog->dir) : 0;
}

int catalog_resolve_get(struct catalog *catalog, const struct resolve_key *key, size_t bytes_max, struct arena *arena,
			struct slice **images, size_t *count, struct err *err)
{
	struct catalog_read read = {0};
	struct buf          scratch;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	buf_init(&scratch, RESOLVE_BYTES_MAX);
	status = get_resolve(catalog, read.txn, key, bytes_max, &scratch, arena, images, count, err);
	buf_deinit(&scratch);
	catalog_read_end(&read);
	return status;
}
