#include "store/catalog_index_internal.h"

#include "base/cursor.h"

static int damaged(const struct catalog_view *view, const char *what, struct err *err)
{
	return catalog_malformed(view->catalog, what, err);
}

/* Borrowed; what is chunked is copied into memory of the arena. */
static int get(struct catalog_view *view, unsigned table, struct slice key, struct arena *arena, struct slice *value,
	       struct err *err)
{
	struct buf long_value;
	int        status = db_borrow(view->read.txn, table, key, value, err);

	if (status != ERR_UNSUPPORTED || !arena)
		return status == ERR_UNSUPPORTED ? damaged(view, "long record of the index", err) : status;
	buf_init(&long_value, CATALOG_RECORD_BYTES_MAX);
	status = db_get(view->read.txn, table, key, &long_value, err);
	*value = arena_copy(arena, buf_slice(&long_value));
	buf_deinit(&long_value);
	if (status >= 0 && arena_failed(arena))
		return err_set(err, ERR_LIMIT, "index: a record does not fit into memory");
	return status;
}

/* What names it in the index says that it is there. */
static int get_named(struct catalog_view *view, unsigned table, struct slice key, struct arena *arena,
		     struct slice *value, struct err *err)
{
	int status = get(view, table, key, arena, value, err);

	return status == ERR_NOT_FOUND ? damaged(view, "a record of the index is missing", err) : status;
}

int index_stamp_read(struct db_txn *txn, struct index_stamp *stamp, struct err *err)
{
	static const char *const names[] = {"index_generation", "index_changes"};
	uint64_t                *values[] = {&stamp->generation, &stamp->changes};
	int                      status = 0;

	*stamp = (struct index_stamp){0};
	for (unsigned i = 0; i < 2 && status >= 0; i++) {
		struct slice value;

		status = db_borrow(txn, TABLE_COUNTERS, slice_str(names[i]), &value, err);
		*values[i] = status == 0 ? index_number_of(value) : 0;
		if (status == ERR_NOT_FOUND) {
			err_clear(err);
			status = 0;
		}
	}
	return status;
}

int catalog_index_stamp(struct catalog_view *view, struct index_stamp *stamp, struct err *err)
{
	return index_stamp_read(view->read.txn, stamp, err);
}

int catalog_index_generation(struct catalog_view *view, uint64_t *generation, struct err *err)
{
	struct index_stamp stamp;
	int                status = catalog_index_stamp(view, &stamp, err);

	*generation = stamp.generation;
	return status;
}

uint64_t index_last_number(struct db_txn *txn, enum index_kind kind)
{
	const uint8_t name[2] = {'#', (uint8_t)kind};
	struct slice  value;
	int           status = db_borrow(txn, TABLE_COUNTERS, slice_of(name, sizeof(name)), &value, NULL);

	return status == 0 ? index_number_of(value) : 0;
}

int index_find_number(struct db_txn *txn, enum index_kind kind, const struct digest *hash, uint64_t *number,
		      struct err *err)
{
	uint8_t      name[KEY_HASH_BYTES];
	struct slice value;
	int          status = db_borrow(txn, TABLE_INTERN_IDS, index_key_hash(kind, hash, name), &value, err);

	*number = status == 0 ? index_number_of(value) : 0;
	return status == ERR_NOT_FOUND ? 0 : status;
}

/* --- packages --- */

int catalog_index_package(struct catalog_view *view, uint64_t package, struct slice *identity, struct err *err)
{
	uint8_t name[KEY_KIND_BYTES];

	return get_named(view, TABLE_INTERNED, index_key_kind(INDEX_PACKAGE, package, name), NULL, identity, err);
}

int catalog_index_packages_count(struct catalog_view *view, uint64_t *last, struct err *err)
{
	(void)err;
	*last = index_last_number(view->read.txn, INDEX_PACKAGE);
	return 0;
}

/* Every number of a kind, by number. */
static int numbers_each(struct catalog_view *view, enum index_kind kind, uint64_t from,
			int (*each)(void *data, uint64_t number, struct slice bytes), void *data, struct err *err)
{
	const uint8_t     prefix = (uint8_t)kind;
	uint8_t           name[KEY_KIND_BYTES];
	struct index_walk walk;
	struct slice      key, value;
	int               status = index_walk_begin(&walk, view, TABLE_INTERNED, index_key_kind(kind, from, name),
						    slice_of(&prefix, 1), true, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		status = each(data, index_number_of(slice_from(key, 1)), value);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

int catalog_index_packages_each(struct catalog_view *view, uint64_t                                     from,
				int (*each)(void *data, uint64_t package, struct slice identity), void *data,
				struct err *err)
{
	return numbers_each(view, INDEX_PACKAGE, from, each, data, err);
}

int catalog_index_context(struct catalog_view *view, const struct digest *context, struct slice *bytes, struct err *err)
{
	uint8_t name[KEY_HASH_BYTES];

	return get(view, TABLE_INTERN_IDS, index_key_hash(INDEX_CONTEXT, context, name), NULL, bytes, err);
}

int catalog_index_evidence(struct catalog_view *view, uint64_t evidence, struct slice *bytes, struct err *err)
{
	uint8_t name[KEY_KIND_BYTES];

	return get_named(view, TABLE_INTERNED, index_key_kind(INDEX_EVIDENCE, evidence, name), NULL, bytes, err);
}

/* A name that goes on behind the prefix goes on before its zero. Separators at the prefix's end may be followed by others,
 * which folding made one. */
static struct slice name_prefix(struct slice name, bool exact, uint8_t out[NAME_BYTES_MAX + 1])
{
	size_t len = index_fold_name(name, out);

	if (exact)
		out[len++] = 0;
	return slice_of(out, len);
}

int catalog_index_names_each(struct catalog_view *view, struct slice name, bool exact,
			     int (*each)(void *data, enum index_name_kind kind, uint64_t package), void *data,
			     struct err *err)
{
	uint8_t           folded[NAME_BYTES_MAX + 1];
	struct slice      prefix = name_prefix(name, exact, folded), key, value;
	struct index_walk walk;
	int               status = index_walk_begin(&walk, view, TABLE_NAMES, prefix, prefix, false, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		struct slice tail = key.len > 9 ? slice_from(key, key.len - 9) : SLICE_EMPTY;

		if (tail.len == 0 || tail.ptr[0] >= INDEX_NAME_KINDS)
			status = damaged(view, "name in the index", err);
		else
			status = each(data, (enum index_name_kind)tail.ptr[0], index_number_of(slice_from(tail, 1)));
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

/* --- sets --- */

int catalog_index_sets_count(struct catalog_view *view, uint64_t *last, struct err *err)
{
	(void)err;
	*last = index_last_number(view->read.txn, INDEX_SET);
	return 0;
}

static int name_layers(struct catalog_view *view, struct index_set *set, struct err *err)
{
	int status = 0;

	for (size_t i = 0; i < set->layers_count && status == 0; i++)
		if (set->layers[i].number)
			status = catalog_index_layer(view, set->layers[i].number, &set->layers[i].key, err);
	return status;
}

static int read_set(struct catalog_view *view, uint64_t set, struct arena *arena,
		    bool (*unpack)(struct slice bytes, struct arena *arena, struct index_set *out),
		    struct index_set *out, struct err *err)
{
	uint8_t      name[KEY_NUMBER_BYTES];
	struct slice value;
	int          status = get_named(view, TABLE_SETS, index_key_number(set, name), arena, &value, err);

	*out = (struct index_set){.set = set};
	if (status < 0)
		return status;
	return unpack(value, arena, out) ? 0 : damaged(view, "set of the index", err);
}

int catalog_index_set(struct catalog_view *view, uint64_t set, struct arena *arena, struct index_set *out,
		      struct err *err)
{
	int status = read_set(view, set, arena, index_set_unpack, out, err);

	return status < 0 ? status : name_layers(view, out, err);
}

int catalog_index_set_head(struct catalog_view *view, uint64_t set, struct arena *arena, struct index_set *out,
			   struct err *err)
{
	return read_set(view, set, arena, index_set_unpack_layers, out, err);
}

/* --- postings --- */

static int read_block(const struct catalog_view *view, struct slice block, uint64_t first,
		      int (*each)(void *data, const struct index_posting *posting), void *data, struct err *err)
{
	struct index_posting_reader r;
	struct index_posting        posting;
	uint64_t                    last;
	int                         status;

	if (!index_postings_open(block, first, &r, &last))
		return damaged(view, "postings of the index", err);
	while ((status = index_postings_next(&r, &posting)) > 0)
		if ((status = each(data, &posting)) != 0)
			return status;
	return status < 0 ? damaged(view, "postings of the index", err) : 0;
}

static int postings_each(struct catalog_view *view, enum index_kind kind, uint64_t number,
			 int (*each)(void *data, const struct index_posting *posting), void *data, struct err *err)
{
	uint8_t           prefix[KEY_KIND_BYTES];
	struct slice      from = index_key_kind(kind, number, prefix), key, value;
	struct index_walk walk;
	int               status = index_walk_begin(&walk, view, TABLE_POSTINGS, from, from, false, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		status = read_block(view, value, index_number_of(slice_from(key, KEY_KIND_BYTES)), each, data, err);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

int catalog_index_package_sets_each(struct catalog_view *view, uint64_t                                 package,
				    int (*each)(void *data, const struct index_posting *posting), void *data,
				    struct err *err)
{
	return postings_each(view, INDEX_PACKAGE, package, each, data, err);
}

int catalog_index_layer_sets_each(struct catalog_view *view, uint64_t                                 layer,
				  int (*each)(void *data, const struct index_posting *posting), void *data,
				  struct err *err)
{
	return postings_each(view, INDEX_LAYER, layer, each, data, err);
}

int catalog_index_incomplete_each(struct catalog_view *view,
				  int (*each)(void *data, const struct index_posting *posting), void *data,
				  struct err *err)
{
	return postings_each(view, INDEX_INCOMPLETE, 0, each, data, err);
}

/* --- layers --- */

int catalog_index_layer(struct catalog_view *view, uint64_t layer, struct layer_key *key, struct err *err)
{
	uint8_t      name[KEY_KIND_BYTES];
	struct slice value;
	int status = get_named(view, TABLE_INTERNED, index_key_kind(INDEX_LAYER, layer, name), NULL, &value, err);

	if (status < 0)
		return status;
	return index_layer_key_unpack(value, key) ? 0 : damaged(view, "layer of the index", err);
}

struct layers_walk {
	int (*each)(void *data, uint64_t layer);
	void *data;
};

static int layer_number(void *data, uint64_t number, struct slice bytes)
{
	const struct layers_walk *walk = data;

	(void)bytes;
	return walk->each(walk->data, number);
}

int catalog_index_layers_each(struct catalog_view *view, int (*each)(void *data, uint64_t layer), void *data,
			      struct err *err)
{
	struct layers_walk walk = {each, data};

	return numbers_each(view, INDEX_LAYER, 0, layer_number, &walk, err);
}

/* Keys of the catalog's layers begin with the digest; the index has a number for some of them. */
int catalog_index_layers_of_digest(struct catalog_view *view, const struct digest                             *digest,
				   int (*each)(void *data, uint64_t layer, const struct layer_key *key), void *data,
				   struct err *err)
{
	struct index_walk walk;
	struct slice      key, value;
	int               status =
		index_walk_begin(&walk, view, TABLE_LAYERS, digest_slice(digest), digest_slice(digest), false, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		struct layer_key layer;
		uint64_t         number;

		if (!index_layer_key_unpack(key, &layer))
			status = damaged(view, "key of a layer", err);
		else
			status = catalog_index_layer_find(view, &layer, &number, err);
		if (status >= 0 && number)
			status = each(data, number, &layer);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

int catalog_index_layers_of_diff_id(struct catalog_view *view, const struct digest                             *diff_id,
				    int (*each)(void *data, uint64_t layer, const struct layer_key *key), void *data,
				    struct err *err)
{
	uint8_t           name[KEY_HASH_BYTES];
	struct slice      prefix = index_key_hash(INDEX_DIFF_ID, diff_id, name), key, value;
	struct index_walk walk;
	int               status = index_walk_begin(&walk, view, TABLE_INTERN_IDS, prefix, prefix, false, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		uint64_t         number = index_number_of(slice_from(key, KEY_HASH_BYTES));
		struct layer_key layer;

		status = catalog_index_layer(view, number, &layer, err);
		if (status >= 0)
			status = each(data, number, &layer);
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

static bool holds_prefix(struct slice sorted, uint32_t wanted)
{
	size_t low = 0, high = sorted.len / 4;

	while (low < high) {
		size_t        middle = low + (high - low) / 2;
		struct cursor c = cursor_at(sorted, 4 * middle);
		uint32_t      there = cursor_u32be(&c);

		if (there == wanted)
			return true;
		if (there < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

int catalog_index_file_layers_each(struct catalog_view *view, const struct digest *sha256,
				   int (*each)(void *data, uint64_t layer), void *data, struct err *err)
{
	struct cursor     c = cursor_of(digest_slice(sha256));
	uint32_t          wanted = cursor_u32be(&c);
	struct index_walk walk;
	struct slice      key, value;
	int status = index_walk_begin(&walk, view, TABLE_LAYER_FILES, SLICE_EMPTY, SLICE_EMPTY, true, err);

	while (status >= 0 && (status = index_walk_next(&walk, &key, &value, err)) > 0) {
		status = holds_prefix(value, wanted) ? each(data, index_number_of(key)) : 0;
		if (status)
			break;
	}
	index_walk_end(&walk);
	return status;
}

/* --- what writers look up first --- */

int catalog_index_content_find(struct catalog_view *view, const struct digest *content, uint64_t *set, struct err *err)
{
	return index_find_number(view->read.txn, INDEX_SET, content, set, err);
}

int catalog_index_package_find(struct catalog_view *view, const struct digest *identity, uint64_t *package,
			       struct err *err)
{
	return index_find_number(view->read.txn, INDEX_PACKAGE, identity, package, err);
}

int catalog_index_evidence_find(struct catalog_view *view, const struct digest *bytes, uint64_t *evidence,
				struct err *err)
{
	return index_find_number(view->read.txn, INDEX_EVIDENCE, bytes, evidence, err);
}

int catalog_index_layer_find(struct catalog_view *view, const struct layer_key *key, uint64_t *layer, struct err *err)
{
	struct digest hash = index_layer_hash(key);

	return index_find_number(view->read.txn, INDEX_LAYER, &hash, layer, err);
}

int catalog_index_layer_epoch(struct catalog_view *view, const struct layer_key *key, uint64_t *epoch, struct err *err)
{
	uint8_t      name[KEY_LAYER_BYTES];
	struct slice value;
	int status = db_borrow(view->read.txn, TABLE_LAYER_EPOCHS, catalog_key_layer(&key->digest, key->set, name),
			       &value, err);

	*epoch = status == 0 ? index_number_of(value) : 0;
	return status == ERR_NOT_FOUND ? 0 : status;
}
