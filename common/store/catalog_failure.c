#include "store/catalog_internal.h"

#include "base/msgpack_write.h"

/* --- failures --- */

static struct slice failure_key(const struct digest *digest, struct slice place,
				uint8_t out[SHA256_BYTES + XXH128_BYTES])
{
	for (size_t i = 0; i < SHA256_BYTES; i++)
		out[i] = digest->bytes[i];
	xxh128_once(place, out + SHA256_BYTES);
	return slice_of(out, SHA256_BYTES + XXH128_BYTES);
}

int catalog_failure_put(struct catalog *catalog, const struct digest *digest, struct slice place,
			const struct failure_record *failure, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[SHA256_BYTES + XXH128_BYTES];
	struct buf     record;
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	buf_init(&record, 64 << 10);
	msgpack_write_array(&record, 6);
	msgpack_write_uint(&record, failure->fail_class);
	msgpack_write_int(&record, failure->code);
	msgpack_write_uint(&record, failure->at_ms);
	msgpack_write_uint(&record, failure->attempts);
	msgpack_write_str(&record, slice_sub(failure->text, 0, 4096));
	msgpack_write_str(&record, slice_sub(place, 0, 8192));
	status = db_put(txn, TABLE_FAILURES, failure_key(digest, place, name), buf_slice(&record), err);
	buf_deinit(&record);
	return status;
}

int catalog_failure_get(struct catalog *catalog, const struct digest *digest, struct slice place, struct arena *arena,
			struct failure_record *failure, struct err *err)
{
	struct catalog_read read = {0};
	uint8_t             name[SHA256_BYTES + XXH128_BYTES];
	struct slice        value;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = db_borrow(read.txn, TABLE_FAILURES, failure_key(digest, place, name), &value, err);
	if (status >= 0) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_begin_record(&r, 5);
		failure->fail_class = (uint32_t)msgpack_read_uint(&r);
		failure->code = (int)msgpack_read_int(&r);
		failure->at_ms = msgpack_read_uint(&r);
		failure->attempts = msgpack_read_uint(&r);
		failure->text = arena_copy(arena, msgpack_read_bytes(&r));
		status = msgpack_ok(&r) ? 0 : catalog_malformed(catalog, "failure", err);
	}
	catalog_read_end(&read);
	return status;
}

/* --- quarantine --- */

int catalog_quarantine_put(struct catalog *catalog, const struct layer_key *key, const struct failure_record *why,
			   struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_LAYER_BYTES];
	struct slice   id = catalog_key_layer(&key->digest, key->set, name);
	struct buf     record;
	int            status;

	if (!txn)
		return ERR_INTERNAL;
	if (!db_has(txn, TABLE_QUARANTINE, id))
		catalog_count(catalog, FLEET_QUARANTINED, 1);
	buf_init(&record, 64 << 10);
	msgpack_write_array(&record, 4);
	msgpack_write_int(&record, why->code);
	msgpack_write_str(&record, slice_sub(why->text, 0, 4096));
	msgpack_write_uint(&record, why->attempts);
	msgpack_write_uint(&record, why->at_ms);
	status = db_put(txn, TABLE_QUARANTINE, id, buf_slice(&record), err);
	buf_deinit(&record);
	return status;
}

int catalog_quarantine_get(struct catalog *catalog, const struct layer_key *key, struct arena *arena,
			   struct failure_record *why, struct err *err)
{
	struct catalog_read read = {0};
	uint8_t             name[KEY_LAYER_BYTES];
	struct slice        value;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	*why = (struct failure_record){0};
	status = db_borrow(read.txn, TABLE_QUARANTINE, catalog_key_layer(&key->digest, key->set, name), &value, err);
	if (status >= 0) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_begin_record(&r, 4);
		why->code = (int)msgpack_read_int(&r);
		why->text = arena_copy(arena, msgpack_read_bytes(&r));
		why->attempts = msgpack_read_uint(&r);
		why->at_ms = msgpack_read_uint(&r);
		status = msgpack_ok(&r) ? 0 : catalog_malformed(catalog, "quarantine", err);
	}
	catalog_read_end(&read);
	return status;
}

int catalog_quarantine_clear(struct catalog *catalog, const struct layer_key *key, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_LAYER_BYTES];

	if (!txn)
		return ERR_INTERNAL;
	return db_delete(txn, TABLE_QUARANTINE, catalog_key_layer(&key->digest, key->set, name), err);
}
