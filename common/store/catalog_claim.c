#include "store/catalog_internal.h"

#include "base/clock.h"
#include "base/msgpack_write.h"

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

/* What is counted of one layer, read in the batch; its transaction, or NULL. */
struct counted {
	uint8_t            name[KEY_LAYER_BYTES];
	struct slice       id;
	struct scan_counts counts;
};

static struct db_txn *open_counts(struct catalog *catalog, const struct layer_key *key, struct counted *out,
				  struct err *err)
{
	struct db_txn *txn = catalog_batch(catalog, err);

	out->id = catalog_key_layer(&key->digest, key->set, out->name);
	if (txn)
		get_counts(txn, out->id, &out->counts);
	return txn;
}

int catalog_count_start(struct catalog *catalog, const struct layer_key *key, enum fleet_counter reason, bool *again,
			struct err *err)
{
	struct counted layer;
	struct db_txn *txn = open_counts(catalog, key, &layer, err);

	if (!txn)
		return ERR_INTERNAL;
	*again = layer.counts.started > 0;
	layer.counts.started++;
	layer.counts.retries += *again;
	catalog_count(catalog, FLEET_STARTED, 1);
	catalog_count(catalog, *again ? reason : FLEET_LAYERS, 1);
	return put_counts(txn, layer.id, &layer.counts, err);
}

int catalog_count_unstart(struct catalog *catalog, const struct layer_key *key, enum fleet_counter reason,
			  struct err *err)
{
	struct counted layer;
	struct db_txn *txn = open_counts(catalog, key, &layer, err);

	if (!txn)
		return ERR_INTERNAL;
	if (!layer.counts.started)
		return 0;
	layer.counts.started--;
	catalog_uncount(catalog, FLEET_STARTED, 1);
	catalog_uncount(catalog, layer.counts.retries ? reason : FLEET_LAYERS, 1);
	if (!layer.counts.started)
		return db_delete(txn, TABLE_SCANS, layer.id, err);
	layer.counts.retries--;
	return put_counts(txn, layer.id, &layer.counts, err);
}

int catalog_count_late(struct catalog *catalog, const struct layer_key *key, struct err *err)
{
	struct counted layer;
	struct db_txn *txn = open_counts(catalog, key, &layer, err);

	if (!txn)
		return ERR_INTERNAL;
	layer.counts.late++;
	catalog_count(catalog, FLEET_LATE, 1);
	return put_counts(txn, layer.id, &layer.counts, err);
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

/* The living owner of a claim other than us; 0 = free. *died: somebody has it who cannot give it back. */
static uint64_t claimed_by_other(struct catalog *catalog, struct db_txn *txn, struct slice id, bool *died)
{
	struct slice value;
	uint64_t     owner;

	*died = false;
	if (db_borrow(txn, TABLE_CLAIMS, id, &value, NULL) < 0)
		return 0;
	struct msgpack_reader r = msgpack_reader_of(value);

	msgpack_begin_record(&r, 2);
	owner = msgpack_read_uint(&r);
	if (!msgpack_ok(&r) || owner == catalog->owner)
		return 0;
	*died = !catalog_owner_alive(catalog, owner);
	return *died ? 0 : owner;
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

	if (catalog_layer_by_diff_id(catalog, txn, diff_id, key->set, &other.digest, NULL) < 0 ||
	    digest_eq(&other.digest, &key->digest) || !catalog_layer_has_content(catalog, txn, &other))
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
	struct scan_counts  counts;
	int                 status;

	*out = (struct claim){0};
	if (!txn)
		return ERR_INTERNAL;
	if (!force && catalog_layer_is_known(catalog, txn, key, &record)) {
		out->answer = CLAIM_KNOWN;
		out->partial = record.partial;
		return 0;
	}
	if (force && (status = db_delete(txn, TABLE_QUARANTINE, id, err)) < 0)
		return status;
	if (db_has(txn, TABLE_QUARANTINE, id)) {
		out->answer = CLAIM_QUARANTINED;
		return 0;
	}
	if ((out->owner = claimed_by_other(catalog, txn, id, &out->died)) != 0) {
		out->answer = CLAIM_BUSY;
		return 0;
	}
	out->answer = CLAIM_GRANTED;
	get_counts(txn, id, &counts);
	out->retry = counts.started > 0;
	if ((status = put_claim(catalog, txn, id, err)) < 0)
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
