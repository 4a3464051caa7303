#include "store/catalog_index_internal.h"

#include "base/cursor.h"

/* The set that the index has for a place; 0 = none. What is damaged is overwritten. */
static uint64_t set_of(struct db_txn *txn, struct slice place)
{
	struct slice  value;
	struct cursor c;

	if (db_borrow(txn, TABLE_PLACE_SETS, place, &value, NULL) != 0)
		return 0;
	c = cursor_of(value);
	cursor_skip(&c, KEY_PAIR_BYTES);
	return cursor_u64be(&c);
}

static int put_place(struct db_txn *txn, struct slice place, const struct index_place *image, struct err *err)
{
	uint8_t  key[KEY_SET_PLACE_BYTES_MAX], value[KEY_PAIR_BYTES + KEY_NUMBER_BYTES + SHA256_BYTES];
	uint64_t set = image ? image->set : 0;
	int      status;

	if (!set)
		return db_delete(txn, TABLE_PLACE_SETS, place, err);
	catalog_key_pair(image->job, image->number, value);
	catalog_key_u64(value + KEY_PAIR_BYTES, set);
	memcpy(value + KEY_PAIR_BYTES + KEY_NUMBER_BYTES, image->image.bytes, SHA256_BYTES);
	status = db_put(txn, TABLE_PLACE_SETS, place, slice_of(value, sizeof(value)), err);
	return status < 0 ? status
			  : db_put(txn, TABLE_SET_PLACES, index_key_set_place(set, place, key), SLICE_EMPTY, err);
}

int index_place_move(struct db_txn *txn, struct slice place, const struct index_place *image, struct err *err)
{
	uint8_t  key[KEY_SET_PLACE_BYTES_MAX];
	uint64_t before = set_of(txn, place);
	int      status = 0;

	if (before && (!image || before != image->set))
		status = db_delete(txn, TABLE_SET_PLACES, index_key_set_place(before, place, key), err);
	return status < 0 ? status : put_place(txn, place, image, err);
}

int catalog_index_check(struct catalog *catalog, uint64_t *damaged, struct err *err)
{
	struct catalog_view *view;
	int                  status = catalog_view_open(catalog, false, &view, err);

	*damaged = 0;
	if (status < 0)
		return status;
	for (unsigned table = TABLE_INDEX_FIRST; table <= TABLE_INDEX_LAST && status >= 0; table++) {
		struct index_walk walk;
		struct slice      key, value;
		struct err        damage = {0};
		bool              more = true;

		status = index_walk_begin(&walk, view, table, SLICE_EMPTY, SLICE_EMPTY, true, err);
		while (status >= 0 && more) {
			key = SLICE_EMPTY;
			status = index_walk_next(&walk, &key, &value, &damage);
			more = status > 0;
			if (status == ERR_STORE && key.len) { /* the walk may go on */
				++*damaged;
				more = true;
				status = 0;
			}
		}
		index_walk_end(&walk);
		if (status < 0)
			err_set(err, status, "%s", damage.text);
	}
	catalog_view_close(view);
	return status;
}
