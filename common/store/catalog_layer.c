#include "store/catalog.h"
#include "store/catalog_internal.h"

#include "base/msgpack_write.h"

/* Most layers of most images hold little: what is this short lies in the layer's own record, so that a result costs one
 * page of the file instead of three. */
enum { SHORT_BYTES_MAX = 512, LAYER_FIELDS = 12 };

/* Inventory and path table in the record itself. */
struct short_content {
	bool         there;
	struct slice inventory, path_table; /* borrowed */
};

/* --- layer records --- */

static void encode_layer(struct buf *out, const struct layer_record *record, const struct short_content *content)
{
	msgpack_write_array(out, content->there ? LAYER_FIELDS : 9);
	msgpack_write_bin(out, digest_slice(&record->diff_id));
	msgpack_write_uint(out, record->blob_bytes);
	msgpack_write_uint(out, record->tar_bytes);
	msgpack_write_uint(out, record->entries);
	msgpack_write_uint(out, record->files_analyzed);
	msgpack_write_bool(out, record->partial);
	msgpack_write_bool(out, record->reusable);
	msgpack_write_bin(out, digest_slice(&record->inventory));
	msgpack_write_uint(out, record->scanned_ms);
	if (!content->there)
		return;
	msgpack_write_bool(out, true);
	msgpack_write_bin(out, content->inventory);
	msgpack_write_bin(out, content->path_table);
}

static bool decode_layer(struct slice bytes, struct layer_record *record, struct short_content *content)
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
	*content = (struct short_content){.there = fields >= LAYER_FIELDS && msgpack_read_bool(&r)};
	if (content->there) {
		content->inventory = msgpack_read_bytes(&r);
		content->path_table = msgpack_read_bytes(&r);
	}
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

/* `content` is borrowed: until the transaction ends or writes. */
static int get_record(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
		      struct layer_record *record, struct short_content *content, struct err *err)
{
	uint8_t      name[KEY_LAYER_BYTES];
	struct slice value;
	int status = db_borrow(txn, TABLE_LAYERS, catalog_key_layer(&key->digest, key->set, name), &value, err);

	*content = (struct short_content){.there = false};
	if (status < 0)
		return status;
	return decode_layer(value, record, content) ? 0 : catalog_malformed(catalog, "layer", err);
}

static int get_layer(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
		     struct layer_record *record, struct err *err)
{
	struct short_content content;

	return get_record(catalog, txn, key, record, &content, err);
}

/* In verify mode a layer has its inventory under another digest. */
static int get_content(struct catalog *catalog, struct db_txn *txn, enum catalog_table table,
		       const struct layer_key *key, struct buf *out, struct err *err)
{
	struct layer_record  record, other;
	struct short_content content;
	struct layer_key     from = {.set = key->set};
	uint8_t              name[KEY_LAYER_BYTES];
	int                  status = get_record(catalog, txn, key, &record, &content, err);

	if (status < 0)
		return status;
	from.digest = record.inventory;
	if (!digest_eq(&from.digest, &key->digest))
		get_record(catalog, txn, &from, &other, &content, NULL);
	if (!content.there)
		return db_get(txn, table, catalog_key_layer(&from.digest, key->set, name), out, err);
	buf_append(out, table == TABLE_INVENTORIES ? content.inventory : content.path_table);
	return buf_ok(out) ? 0 : err_set(err, ERR_LIMIT, "store %s: content of a layer: too long", catalog->dir);
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

int catalog_layer_diff_id(struct catalog *catalog, const struct layer_key *key, struct digest *diff_id, struct err *err)
{
	struct catalog_read read = {0};
	struct layer_record record;
	int                 status = catalog_read_begin(catalog, &read, err);

	if (status < 0)
		return status;
	status = get_layer(catalog, read.txn, key, &record, err);
	if (status >= 0)
		*diff_id = record.diff_id;
	catalog_read_end(&read);
	return status;
}

bool catalog_layer_has_content(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key)
{
	buf_clear(&catalog->scratch);
	if (get_content(catalog, txn, TABLE_INVENTORIES, key, &catalog->scratch, NULL) < 0)
		return false;
	buf_clear(&catalog->scratch);
	return get_content(catalog, txn, TABLE_PATH_TABLES, key, &catalog->scratch, NULL) >= 0;
}

/* Known = a reusable record whose inventory and path table can be read; anything damaged is as good as absent. */
bool catalog_layer_is_known(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
			    struct layer_record *record)
{
	return get_layer(catalog, txn, key, record, NULL) >= 0 && record->reusable &&
	       catalog_layer_has_content(catalog, txn, key);
}

/* Where long contents were, or are to be. */
static int put_long(struct db_txn *txn, struct slice id, struct slice inventory, struct slice path_table,
		    struct err *err)
{
	int status = db_put(txn, TABLE_INVENTORIES, id, inventory, err);

	return status < 0 ? status : db_put(txn, TABLE_PATH_TABLES, id, path_table, err);
}

static int delete_long(struct db_txn *txn, struct slice id, struct err *err)
{
	int status = db_delete(txn, TABLE_INVENTORIES, id, err);

	return status < 0 ? status : db_delete(txn, TABLE_PATH_TABLES, id, err);
}

/* A record in verify mode keeps what its layer had itself: others may have been verified against that. */
static int put_record(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
		      const struct layer_record *record, struct slice inventory, struct slice path_table,
		      struct err *err)
{
	uint8_t              name[KEY_LAYER_BYTES];
	struct slice         id = catalog_key_layer(&key->digest, key->set, name);
	struct layer_record  before;
	struct short_content had, content = {.inventory = inventory, .path_table = path_table};
	bool                 known = get_record(catalog, txn, key, &before, &had, NULL) != ERR_NOT_FOUND;
	bool                 own = inventory.len || path_table.len;
	struct buf           encoded;
	int                  status;

	content.there = own && inventory.len + path_table.len <= SHORT_BYTES_MAX;
	buf_init(&encoded, 4096);
	encode_layer(&encoded, record, own ? &content : &had);
	status = own && !content.there ? put_long(txn, id, inventory, path_table, err) : 0;
	if (status >= 0 && content.there && known && !had.there)
		status = delete_long(txn, id, err);
	if (status >= 0)
		status = db_put(txn, TABLE_LAYERS, id, buf_slice(&encoded), err);
	buf_deinit(&encoded);
	return status;
}

static bool holds(struct catalog *catalog, struct db_txn *txn, enum catalog_table table, const struct layer_key *key,
		  struct slice content)
{
	buf_clear(&catalog->scratch);
	return get_content(catalog, txn, table, key, &catalog->scratch, NULL) >= 0 &&
	       slice_eq(buf_slice(&catalog->scratch), content);
}

/* The index knows the layer by what it holds: it is told when that becomes something else. */
static int tell_index(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key, struct slice inventory,
		      struct slice path_table, struct err *err)
{
	uint8_t name[KEY_LAYER_BYTES];
	bool    own = inventory.len || path_table.len;

	if (!own || !db_has(txn, TABLE_LAYERS, catalog_key_layer(&key->digest, key->set, name)) ||
	    (holds(catalog, txn, TABLE_INVENTORIES, key, inventory) &&
	     holds(catalog, txn, TABLE_PATH_TABLES, key, path_table)))
		return 0;
	return catalog_index_layer_changed(catalog, txn, key, err);
}

int catalog_layer_put(struct catalog *catalog, const struct layer_key *key, const struct layer_record *record,
		      struct slice inventory, struct slice path_table, struct err *err)
{
	struct db_txn      *txn = catalog_batch(catalog, err);
	struct layer_record better;
	int                 status;

	if (!txn)
		return ERR_INTERNAL;
	if (!record->reusable && catalog_layer_is_known(catalog, txn, key, &better))
		return 0;
	if ((status = tell_index(catalog, txn, key, inventory, path_table, err)) < 0 ||
	    (status = put_record(catalog, txn, key, record, inventory, path_table, err)) < 0)
		return status;
	return put_diff_id(txn, key, record, err);
}

int catalog_layer_by_diff_id(struct catalog *catalog, struct db_txn *txn, const struct digest *diff_id, uint64_t set,
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
	status = catalog_layer_by_diff_id(catalog, read.txn, diff_id, set, digest, err);
	catalog_read_end(&read);
	return status;
}
