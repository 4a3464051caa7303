#include "store/catalog.h"
#include "store/catalog_internal.h"

#include "base/clock.h"
#include "base/msgpack_write.h"

/* --- layer records --- */

static void encode_layer(struct buf *out, const struct layer_record *record)
{
	msgpack_write_array(out, 9);
	msgpack_write_bin(out, digest_slice(&record->diff_id));
	msgpack_write_uint(out, record->blob_bytes);
	msgpack_write_uint(out, record->tar_bytes);
	msgpack_write_uint(out, record->entries);
	msgpack_write_uint(out, record->files_analyzed);
	msgpack_write_bool(out, record->partial);
	msgpack_write_bool(out, record->reusable);
	msgpack_write_bin(out, digest_slice(&record->inventory));
	msgpack_write_uint(out, record->scanned_ms);
}

static bool decode_layer(struct slice bytes, struct layer_record *record)
{
	struct msgpack_reader r = msgpack_reader_of(bytes);
	size_t                fields = msgpack_begin_record(&r, 9);

	msgpack_read_fixed(&r, record->diff_id.bytes, SHA256_BYTES);
	record->blob_bytes = msgpack_read_uint(&r);
	record->tar_bytes = msgpack_read_uint(&r);
	record->entries = msgpack_read_uint(&r);
	record->files_analyzed = msgpack_read_uint(&r);
	record->partial = msgpack_read_bool(&r);
	record->reusable = msgpack_read_bool(&r);
	msgpack_read_fixed(&r, record->inventory.bytes, SHA256_BYTES);
	record->scanned_ms = msgpack_read_uint(&r);
	msgpack_end_record(&r, fields, 9);
	return msgpack_ok(&r);
}

/* The layer read last stands for its content: what was there before may be damaged. */
static int put_diff_id(struct db_txn *txn, const struct layer_key *key, const struct layer_record *record,
		       struct err *err)
{
	uint8_t name[KEY_LAYER_BYTES];

	if (digest_is_zero(&record->diff_id) || record->partial || !record->reusable ||
	    !digest_eq(&record->inventory, &key->digest))
		return 0;
	return db_put(txn, TABLE_DIFF_IDS, catalog_key_layer(&record->diff_id, key->set, name),
		      digest_slice(&key->digest), err);
}

int catalog_layer_put(struct catalog *catalog, const struct layer_key *key, const struct layer_record *record,
		      struct slice inventory, struct slice path_table, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_LAYER_BYTES];
	struct slice   id = catalog_key_layer(&key->digest, key->set, name);
	struct buf     encoded;
	int            status = 0;

	if (!txn)
		return ERR_INTERNAL;
	if (inventory.len || path_table.len) {
		status = db_put(txn, TABLE_INVENTORIES, id, inventory, err);
		if (status >= 0)
			status = db_put(txn, TABLE_PATH_TABLES, id, path_table, err);
	}
	buf_init(&encoded, 1024);
	encode_layer(&encoded, record);
	if (status >= 0)
		status = db_put(txn, TABLE_LAYERS, id, buf_slice(&encoded), err);
	buf_deinit(&encoded);
	return status < 0 ? status : put_diff_id(txn, key, record, err);
}

static int get_layer(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
		     struct layer_record *record, struct err *err)
{
	uint8_t      name[KEY_LAYER_BYTES];
	struct slice value;
	int status = db_borrow(txn, TABLE_LAYERS, catalog_key_layer(&key->digest, key->set, name), &value, err);

	if (status < 0)
		return status;
	return decode_layer(value, record) ? 0 : catalog_malformed(catalog, "layer", err);
}

/* In verify mode a layer has its inventory under another digest. */
static int get_content(struct catalog *catalog, struct db_txn *txn, enum catalog_table table,
		       const struct layer_key *key, struct buf *out, struct err *err)
{
	struct layer_record record;
	uint8_t             name[KEY_LAYER_BYTES];
	int                 status = get_layer(catalog, txn, key, &record, err);

	if (status < 0)
		return status;
	return db_get(txn, table, catalog_key_layer(&record.inventory, key->set, name), out, err);
}

static int read_content(struct catalog *catalog, enum catalog_table table, const struct layer_key *key, struct buf *out,
			struct err *err)
{
	struct catalog_read read = {0};
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = get_content(catalog, read.txn, table, key, out, err);
	catalog_read_end(&read);
	return status;
}

int catalog_inventory(struct catalog *catalog, const struct layer_key *key, struct buf *out, struct err *err)
{
	return read_content(catalog, TABLE_INVENTORIES, key, out, err);
}

int catalog_path_table(struct catalog *catalog, const struct layer_key *key, struct buf *out, struct err *err)
{
	return read_content(catalog, TABLE_PATH_TABLES, key, out, err);
}

static bool has_content(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key)
{
	buf_clear(&catalog->scratch);
	if (get_content(catalog, txn, TABLE_INVENTORIES, key, &catalog->scratch, NULL) < 0)
		return false;
	buf_clear(&catalog->scratch);
	return get_content(catalog, txn, TABLE_PATH_TABLES, key, &catalog->scratch, NULL) >= 0;
}

/* Known = a reusable record whose inventory and path table can be read; anything damaged is as good as absent. */
static bool is_known(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
		     struct layer_record *record)
{
	return get_layer(catalog, txn, key, record, NULL) >= 0 && record->reusable && has_content(catalog, txn, key);
}

static int find_diff_id(struct catalog *catalog, struct db_txn *txn, const struct digest *diff_id, uint64_t set,
			struct digest *digest, struct err *err)
{
	uint8_t             name[KEY_LAYER_BYTES];
	struct slice        value;
	struct layer_key    key = {.set = set};
	struct layer_record record;
	int                 status = db_borrow(txn, TABLE_DIFF_IDS, catalog_key_layer(diff_id, set, name), &value, err);

	if (status < 0)
		return status;
	if (value.len != SHA256_BYTES)
		return catalog_malformed(catalog, "diffID", err);
	for (size_t i = 0; i < SHA256_BYTES; i++)
		key.digest.bytes[i] = value.ptr[i];
	if ((status = get_layer(catalog, txn, &key, &record, err)) < 0)
		return status;
	if (!record.reusable || record.partial || !digest_eq(&record.diff_id, diff_id))
		return err_set(err, ERR_NOT_FOUND, "store %s: no whole layer has this diffID", catalog->dir);
	*digest = key.digest;
	return 0;
}

int catalog_diff_id_find(struct catalog *catalog, const struct digest *diff_id, uint64_t set, struct digest *digest,
			 struct err *err)
{
	struct catalog_read read = {0};
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = find_diff_id(catalog, read.txn, diff_id, set, digest, err);
	catalog_read_end(&read);
	return status;
}

/* --- scan counts --- */

static void get_counts(struct db_txn *txn, struct slice id, struct scan_counts *out)
{
	struct slice value;

	*out = (struct scan_counts){0};
	if (db_borrow(txn, TABLE_SCANS, id, &value, NULL) == 0) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_begin_record(&r, 3);
		out->started = msgpack_read_uint(&r);
		out->retries = msgpack_read_uint(&r);
		out->late = msgpack_read_uint(&r);
	}
}

static int put_counts(struct db_txn *txn, struct slice id, const struct scan_counts *counts, struct err *err)
{
	struct buf record;
	int        status;

	buf_init(&record, 64);
	msgpack_write_array(&record, 3);
	msgpack_write_uint(&record, counts->started);
	msgpack_write_uint(&record, counts->retries);
	msgpack_write_uint(&record, counts->late);
	status = db_put(txn, TABLE_SCANS, id, buf_slice(&record), err);
	buf_deinit(&record);
	return status;
}

static int count_start(struct db_txn *txn, struct slice id, bool *retry, struct err *err)
{
	struct scan_counts counts;

	get_counts(txn, id, &counts);
	*retry = counts.started > 0;
	counts.started++;
	if (*retry)
		counts.retries++;
	return put_counts(txn, id, &counts, err);
}

int catalog_count_retry(struct catalog *catalog, const struct layer_key *key, bool late, struct err *err)
{
	struct db_txn     *txn = catalog_batch(catalog, err);
	uint8_t            name[KEY_LAYER_BYTES];
	struct slice       id = catalog_key_layer(&key->digest, key->set, name);
	struct scan_counts counts;

	if (!txn)
		return ERR_INTERNAL;
	get_counts(txn, id, &counts);
	if (late) {
		counts.late++;
	} else {
		counts.started++;
		counts.retries++;
	}
	return put_counts(txn, id, &counts, err);
}

int catalog_scan_counts(struct catalog *catalog, const struct layer_key *key, struct scan_counts *out, struct err *err)
{
	struct catalog_read read = {0};
	uint8_t             name[KEY_LAYER_BYTES];
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	get_counts(read.txn, catalog_key_layer(&key->digest, key->set, name), out);
	catalog_read_end(&read);
	return 0;
}

/* --- claims --- */

/* The living owner of a claim other than us; 0 = free. */
static uint64_t claimed_by_other(struct catalog *catalog, struct db_txn *txn, struct slice id)
{
	struct slice value;
	uint64_t     owner;

	if (db_borrow(txn, TABLE_CLAIMS, id, &value, NULL) < 0)
		return 0;
	struct msgpack_reader r = msgpack_reader_of(value);

	msgpack_begin_record(&r, 2);
	owner = msgpack_read_uint(&r);
	if (!msgpack_ok(&r) || owner == catalog->owner || !catalog_owner_alive(catalog, owner))
		return 0;
	return owner;
}

static int put_claim(struct catalog *catalog, struct db_txn *txn, struct slice id, struct err *err)
{
	struct buf record;
	int        status;

	buf_init(&record, 64);
	msgpack_write_array(&record, 2);
	msgpack_write_uint(&record, catalog->owner);
	msgpack_write_uint(&record, clock_unix_ms());
	status = db_put(txn, TABLE_CLAIMS, id, buf_slice(&record), err);
	buf_deinit(&record);
	return status;
}

/* Another layer with this diffID whose content can be read; zero: none. */
static struct digest verify_against(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
				    const struct digest *diff_id)
{
	struct layer_key other = {.set = key->set};

	if (find_diff_id(catalog, txn, diff_id, key->set, &other.digest, NULL) < 0 ||
	    digest_eq(&other.digest, &key->digest) || !has_content(catalog, txn, &other))
		return (struct digest){0};
	return other.digest;
}

int catalog_claim(struct catalog *catalog, const struct layer_key *key, const struct digest *claimed_diff_id,
		  bool force, struct claim *out, struct err *err)
{
	struct db_txn      *txn = catalog_batch(catalog, err);
	uint8_t             name[KEY_LAYER_BYTES];
	struct slice        id = catalog_key_layer(&key->digest, key->set, name);
	struct layer_record record;
	int                 status;

	*out = (struct claim){0};
	if (!txn)
		return ERR_INTERNAL;
	if (!force && is_known(catalog, txn, key, &record)) {
		out->answer = CLAIM_KNOWN;
		out->partial = record.partial;
		return 0;
	}
	if ((out->owner = claimed_by_other(catalog, txn, id)) != 0) {
		out->answer = CLAIM_BUSY;
		return 0;
	}
	out->answer = CLAIM_GRANTED;
	if ((status = put_claim(catalog, txn, id, err)) < 0 || (status = count_start(txn, id, &out->retry, err)) < 0)
		return status;
	if (!force && claimed_diff_id && !digest_is_zero(claimed_diff_id))
		out->verify = verify_against(catalog, txn, key, claimed_diff_id);
	return 0;
}

int catalog_release(struct catalog *catalog, const struct layer_key *key, struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);
	uint8_t        name[KEY_LAYER_BYTES];
	struct slice   id = catalog_key_layer(&key->digest, key->set, name), value;

	if (!txn)
		return ERR_INTERNAL;
	if (db_borrow(txn, TABLE_CLAIMS, id, &value, NULL) == 0) {
		struct msgpack_reader r = msgpack_reader_of(value);

		msgpack_begin_record(&r, 2);
		if (msgpack_read_uint(&r) != catalog->owner && msgpack_ok(&r))
			return 0;
	}
	return db_delete(txn, TABLE_CLAIMS, id, err);
}

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
