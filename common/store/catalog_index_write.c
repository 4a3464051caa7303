#include "store/catalog_index_internal.h"

#include "base/cursor.h"

#include <stdlib.h>

/* One call of catalog_index_put(). */
struct putting {
	struct catalog        *catalog;
	struct db_txn         *txn;
	struct index_stamp     stamp;
	struct index_postings *postings;
	struct arena           arena; /* of one image */
};

static struct slice counter_of(enum index_kind kind, uint8_t name[2])
{
	name[0] = '#';
	name[1] = (uint8_t)kind;
	return slice_of(name, 2);
}

static int new_number(struct putting *p, enum index_kind kind, uint64_t *number, struct err *err)
{
	uint8_t name[2];

	return catalog_counter_next(p->catalog, p->txn, counter_of(kind, name), number, err);
}

static int put_number(struct putting *p, enum index_kind kind, const struct digest *hash, uint64_t number,
		      struct err *err)
{
	uint8_t name[KEY_HASH_BYTES], bytes[KEY_NUMBER_BYTES];

	return db_put(p->txn, TABLE_INTERN_IDS, index_key_hash(kind, hash, name), index_key_number(number, bytes), err);
}

/* Gives `bytes` a number unless they have one. *added: it is new. */
static int intern(struct putting *p, enum index_kind kind, const struct digest *hash, struct slice bytes,
		  uint64_t *number, bool *added, struct err *err)
{
	uint8_t name[KEY_KIND_BYTES];
	int     status = index_find_number(p->txn, kind, hash, number, err);

	*added = status >= 0 && !*number;
	if (!*added)
		return status;
	if ((status = new_number(p, kind, number, err)) < 0 || (status = put_number(p, kind, hash, *number, err)) < 0)
		return status;
	return db_put(p->txn, TABLE_INTERNED, index_key_kind(kind, *number, name), bytes, err);
}

static int put_context(struct putting *p, struct slice context, struct digest *hash, struct err *err)
{
	uint8_t      name[KEY_HASH_BYTES];
	struct slice key;

	digest_of(context, hash);
	key = index_key_hash(INDEX_CONTEXT, hash, name);
	return db_has(p->txn, TABLE_INTERN_IDS, key) ? 0 : db_put(p->txn, TABLE_INTERN_IDS, key, context, err);
}

static int put_names(struct putting *p, const struct index_new_package *package, uint64_t number, struct err *err)
{
	uint8_t name[KEY_NAME_BYTES_MAX];
	int     status = 0;

	for (unsigned kind = 0; kind < INDEX_NAME_KINDS && status >= 0; kind++)
		if (package->names[kind].len)
			status = db_put(p->txn, TABLE_NAMES,
					index_key_name(package->names[kind], (enum index_name_kind)kind, number, name),
					SLICE_EMPTY, err);
	return status;
}

static int put_package(struct putting *p, const struct index_new_package *new, struct index_entry *entry,
		       struct err *err)
{
	bool added = false;
	int  status = 0;

	*entry = (struct index_entry){
		.package = new->package, .layer = new->layer, .flags = new->flags, .evidence = new->evidence};
	if (!entry->package)
		status = intern(p, INDEX_PACKAGE, &new->identity_hash, new->identity, &entry->package, &added, err);
	if (status >= 0 && added)
		status = put_names(p, new, entry->package, err);
	if (status >= 0 && !entry->evidence)
		status = intern(p, INDEX_EVIDENCE, &new->evidence_hash, new->evidence_bytes, &entry->evidence, &added,
				err);
	return status;
}

static int put_layer(struct putting *p, const struct index_new_layer *new, struct index_layer *layer, struct err *err)
{
	uint8_t       key[KEY_LAYER_BYTES], name[KEY_NUMBER_BYTES], diff_id[KEY_DIFF_ID_BYTES];
	struct digest hash;
	bool          added;
	int           status;

	*layer = new->layer;
	if (layer->number || !new->content)
		return 0;
	hash = index_layer_hash(&layer->key);
	status = intern(p, INDEX_LAYER, &hash, catalog_key_layer(&layer->key.digest, layer->key.set, key),
			&layer->number, &added, err);
	if (status >= 0 && added && !digest_is_zero(&new->diff_id))
		status = db_put(p->txn, TABLE_INTERN_IDS, index_key_diff_id(&new->diff_id, layer->number, diff_id),
				SLICE_EMPTY, err);
	if (status < 0 || !added || new->files.len == 0)
		return status;
	return db_put(p->txn, TABLE_LAYER_FILES, index_key_number(layer->number, name), new->files, err);
}

static int by_package(const void *a, const void *b)
{
	const struct index_entry *left = a, *right = b;

	if (left->package != right->package)
		return left->package < right->package ? -1 : 1;
	if (left->layer != right->layer)
		return left->layer < right->layer ? -1 : 1;
	return (left->evidence > right->evidence) - (left->evidence < right->evidence);
}

static int put_members(struct putting *p, const struct index_new_image *image, struct index_set *set, struct err *err)
{
	int status = 0;

	set->layers_count = image->layers_count;
	set->layers = arena_array(&p->arena, image->layers_count + 1, sizeof(*set->layers));
	set->entries_count = image->packages_count;
	set->entries = arena_array(&p->arena, image->packages_count + 1, sizeof(*set->entries));
	if (!set->layers || !set->entries)
		return err_set(err, ERR_MEM, "index: out of memory");
	for (size_t i = 0; i < image->layers_count && status >= 0; i++)
		status = put_layer(p, &image->layers[i], &set->layers[i], err);
	for (size_t i = 0; i < image->packages_count && status >= 0; i++)
		status = put_package(p, &image->packages[i], &set->entries[i], err);
	if (status >= 0 && set->entries_count)
		qsort(set->entries, set->entries_count, sizeof(*set->entries), by_package);
	return status;
}

static int post(struct putting *p, const struct index_set *set, struct err *err)
{
	const struct index_posting itself = {.set = set->set};
	bool                       ok = set->complete || index_postings_add(p->postings, INDEX_INCOMPLETE, 0, &itself);

	for (size_t i = 0; i < set->layers_count && ok; i++) {
		const struct index_posting posting = {.set = set->set, .layer = (uint32_t)i};

		if (set->layers[i].number)
			ok = index_postings_add(p->postings, INDEX_LAYER, set->layers[i].number, &posting);
	}
	for (size_t i = 0; i < set->entries_count && ok; i++) {
		const struct index_entry  *entry = &set->entries[i];
		const struct index_posting posting = {
			.set = set->set, .layer = entry->layer, .flags = entry->flags, .evidence = entry->evidence};

		ok = index_postings_add(p->postings, INDEX_PACKAGE, entry->package, &posting);
	}
	return ok ? 0 : err_set(err, ERR_MEM, "index: out of memory");
}

static int put_set_record(struct putting *p, const struct index_set *set, struct err *err)
{
	uint8_t    name[KEY_NUMBER_BYTES];
	struct buf packed;
	int        status;

	buf_init(&packed, 4 * CATALOG_RECORD_BYTES_MAX);
	index_set_pack(&packed, set);
	status = buf_ok(&packed) ? db_put(p->txn, TABLE_SETS, index_key_number(set->set, name), buf_slice(&packed), err)
				 : err_set(err, ERR_MEM, "index: out of memory");
	buf_deinit(&packed);
	return status;
}

static int put_set(struct putting *p, const struct index_new_image *image, uint64_t *number, struct err *err)
{
	struct index_set set = {.complete = image->complete};
	struct digest    context;
	int              status;

	if ((status = put_context(p, image->context, &set.context, err)) < 0 ||
	    (status = put_context(p, image->package_context, &context, err)) < 0 ||
	    (status = put_members(p, image, &set, err)) < 0 || (status = new_number(p, INDEX_SET, &set.set, err)) < 0 ||
	    (status = put_set_record(p, &set, err)) < 0 ||
	    (status = put_number(p, INDEX_SET, &image->content, set.set, err)) < 0)
		return status;
	*number = set.set;
	return post(p, &set, err);
}

/* --- images --- */

static int put_image(struct putting *p, const struct index_new_image *image, struct err *err)
{
	uint8_t      name[KEY_PAIR_BYTES], bytes[KEY_NUMBER_BYTES];
	struct slice key = catalog_key_pair(image->job, image->number, name);
	uint64_t     set = 0;
	int          status = 0;

	if (!db_has(p->txn, TABLE_INDEX_QUEUE, key))
		return 0; /* another process has put it */
	if (!image->unreadable)
		status = index_find_number(p->txn, INDEX_SET, &image->content, &set, err);
	if (status >= 0 && !set && !image->unreadable) {
		if (image->set)
			return 0; /* what it was to share has gone: it is computed the next time */
		status = put_set(p, image, &set, err);
	}
	if (status >= 0 && set)
		status = db_put(p->txn, TABLE_IMAGE_SETS, key, index_key_number(set, bytes), err);
	if (status >= 0 && catalog_latest_is(p->txn, image->place, image->job, image->number))
		status = index_place_move(
			p->txn, image->place,
			&(struct index_place){
				.job = image->job, .number = image->number, .set = set, .image = image->manifest},
			err);
	return status < 0 ? status : db_delete(p->txn, TABLE_INDEX_QUEUE, key, err);
}

/* The first time there is no generation yet. */
static int begin_generation(struct putting *p, struct err *err)
{
	int status = index_stamp_read(p->txn, &p->stamp, err);

	if (status < 0 || p->stamp.generation)
		return status;
	return catalog_counter_next(p->catalog, p->txn, SLICE_LIT("index_generation"), &p->stamp.generation, err);
}

static bool is_current(const struct putting *p, const struct index_stamp *stamp)
{
	return stamp->changes == p->stamp.changes &&
	       (stamp->generation == p->stamp.generation || (!stamp->generation && p->stamp.generation == 1));
}

int catalog_index_put(struct catalog *catalog, const struct index_new_image *images, size_t count, struct err *err)
{
	struct putting p = {.catalog = catalog, .txn = catalog_batch(catalog, err)};
	int            status;

	if (!p.txn)
		return ERR_INTERNAL;
	p.postings = index_postings_new();
	if (!p.postings)
		return err_set(err, ERR_MEM, "index: out of memory");
	arena_init(&p.arena, 1u << 30);
	status = begin_generation(&p, err);
	for (size_t i = 0; i < count && status >= 0; i++) {
		if (is_current(&p, &images[i].stamp))
			status = put_image(&p, &images[i], err);
		arena_reset(&p.arena);
	}
	if (status >= 0)
		status = index_postings_write(p.postings, p.txn, err);
	index_postings_free(p.postings);
	arena_deinit(&p.arena);
	return status < 0 ? status : 0;
}

/* --- what others change --- */

/* Places whose image has to be computed again; written down when the walk is over. */
struct requeue {
	struct catalog_view view;
	struct buf          rows; /* job, number, length of the place's key, key */
	struct err         *err;
};

static int requeue_place(void *data, const struct index_place *place)
{
	struct requeue *requeue = data;
	uint8_t         numbers[24];

	catalog_key_u64(numbers, place->job);
	catalog_key_u64(numbers + 8, place->number);
	catalog_key_u64(numbers + 16, place->key.len);
	buf_append(&requeue->rows, slice_of(numbers, sizeof(numbers)));
	buf_append(&requeue->rows, place->key);
	return buf_ok(&requeue->rows) ? 0 : err_set(requeue->err, ERR_MEM, "index: out of memory");
}

static int requeue_set(void *data, const struct index_posting *posting)
{
	struct requeue *requeue = data;

	return catalog_index_set_places_each(&requeue->view, posting->set, requeue_place, requeue, requeue->err);
}

static int write_rows(const struct requeue *requeue, struct db_txn *txn, struct err *err)
{
	struct cursor c = cursor_of(buf_slice(&requeue->rows));
	int           status = 0;

	while (!cursor_at_end(&c) && status >= 0) {
		struct slice image = cursor_take(&c, KEY_PAIR_BYTES);
		struct slice place = cursor_take(&c, (size_t)cursor_u64be(&c));

		status = db_put(txn, TABLE_INDEX_QUEUE, image, place, err);
	}
	return status;
}

static int bump_epoch(struct db_txn *txn, const struct layer_key *key, struct err *err)
{
	uint8_t      name[KEY_LAYER_BYTES], bytes[KEY_NUMBER_BYTES];
	struct slice id = catalog_key_layer(&key->digest, key->set, name), value;
	uint64_t     epoch = db_borrow(txn, TABLE_LAYER_EPOCHS, id, &value, NULL) == 0 ? index_number_of(value) : 0;

	return db_put(txn, TABLE_LAYER_EPOCHS, id, index_key_number(epoch + 1, bytes), err);
}

/* It is another layer from now on; the images that hold it are computed again. */
int catalog_index_layer_changed(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
				struct err *err)
{
	struct requeue requeue = {.view = {.catalog = catalog, .read = {.txn = txn}}, .err = err};
	struct digest  hash = index_layer_hash(key);
	uint8_t        name[KEY_HASH_BYTES];
	uint64_t       number, changes;
	int            status;

	if ((status = bump_epoch(txn, key, err)) < 0 ||
	    (status = catalog_counter_next(catalog, txn, SLICE_LIT("index_changes"), &changes, err)) < 0 ||
	    (status = index_find_number(txn, INDEX_LAYER, &hash, &number, err)) < 0 || !number)
		return status;
	buf_init(&requeue.rows, 1u << 30);
	status = db_delete(txn, TABLE_INTERN_IDS, index_key_hash(INDEX_LAYER, &hash, name), err);
	if (status >= 0)
		status = catalog_index_layer_sets_each(&requeue.view, number, requeue_set, &requeue, err);
	if (status >= 0)
		status = write_rows(&requeue, txn, err);
	buf_deinit(&requeue.rows);
	return status;
}

int catalog_index_restart(struct catalog *catalog, struct err *err)
{
	static const enum index_kind kinds[] = {INDEX_PACKAGE, INDEX_LAYER, INDEX_EVIDENCE, INDEX_SET};
	struct db_txn               *txn = catalog_batch(catalog, err);
	uint64_t                     generation;
	uint8_t                      name[2];
	int                          status = txn ? 0 : ERR_INTERNAL;

	for (unsigned table = TABLE_INDEX_FIRST; table <= TABLE_INDEX_LAST && status >= 0; table++)
		if (table != TABLE_LAYER_EPOCHS)
			status = db_clear(txn, table, err);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status >= 0; i++)
		status = db_delete(txn, TABLE_COUNTERS, counter_of(kinds[i], name), err);
	if (status >= 0)
		status = catalog_counter_next(catalog, txn, SLICE_LIT("index_generation"), &generation, err);
	return status < 0 ? status : catalog_index_queue_all(txn, err);
}
