#include "store/catalog_index_internal.h"

#include <stdlib.h>

struct item {
	uint64_t             number;
	enum index_kind      kind;
	uint32_t             order; /* in which it was added */
	struct index_posting posting;
};

struct index_postings {
	struct item *items;
	size_t       count, capacity;
	struct buf   block;
};

struct index_postings *index_postings_new(void)
{
	struct index_postings *postings = calloc(1, sizeof(*postings));

	if (postings)
		buf_init(&postings->block, CATALOG_RECORD_BYTES_MAX);
	return postings;
}

void index_postings_free(struct index_postings *postings)
{
	if (!postings)
		return;
	free(postings->items);
	buf_deinit(&postings->block);
	free(postings);
}

bool index_postings_add(struct index_postings *postings, enum index_kind kind, uint64_t number,
			const struct index_posting *posting)
{
	if (postings->count == postings->capacity) {
		size_t       capacity = postings->capacity ? postings->capacity * 2 : 4096;
		struct item *items = capacity < UINT32_MAX ? realloc(postings->items, capacity * sizeof(*items)) : NULL;

		if (!items)
			return false;
		postings->items = items;
		postings->capacity = capacity;
	}
	postings->items[postings->count] =
		(struct item){.number = number, .kind = kind, .order = (uint32_t)postings->count, .posting = *posting};
	postings->count++;
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct item *left = a, *right = b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	if (left->posting.set != right->posting.set)
		return left->posting.set < right->posting.set ? -1 : 1;
	return left->order < right->order ? -1 : 1;
}

/* The block that is being filled. */
struct filling {
	struct db_txn  *txn;
	struct buf     *block;
	uint64_t        first, last;
	enum index_kind kind;
	uint64_t        number;
};

static int put_block(struct filling *f, struct err *err)
{
	uint8_t name[KEY_POSTING_BYTES];

	if (f->block->len == 0)
		return 0;
	if (!buf_ok(f->block))
		return err_set(err, ERR_MEM, "index: out of memory");
	return db_put(f->txn, TABLE_POSTINGS, index_key_posting(f->kind, f->number, f->first, name),
		      buf_slice(f->block), err);
}

static void new_block(struct filling *f, uint64_t first)
{
	static const uint8_t zero[8];

	buf_clear(f->block);
	buf_append(f->block, slice_of(zero, sizeof(zero)));
	f->first = f->last = first;
}

static bool is_block_of(struct slice key, enum index_kind kind, uint64_t number)
{
	uint8_t name[KEY_KIND_BYTES];

	return key.len == KEY_POSTING_BYTES &&
	       slice_eq(slice_sub(key, 0, KEY_KIND_BYTES), index_key_kind(kind, number, name));
}

static int load(struct filling *f, const struct item *item, struct slice key, struct slice block, struct err *err)
{
	struct index_posting_reader r;

	f->first = index_number_of(slice_from(key, KEY_KIND_BYTES));
	buf_clear(f->block);
	buf_append(f->block, block);
	if (!index_postings_open(block, f->first, &r, &f->last) || f->last > item->posting.set)
		return err_set(err, ERR_STORE, "index: postings are damaged");
	return 0;
}

/* Goes on with the last block of the number that is there. */
static int load_block(struct filling *f, const struct item *item, struct err *err)
{
	uint8_t           name[KEY_POSTING_BYTES];
	struct db_cursor *cursor;
	struct slice      key, value;
	int               status = db_cursor_open(f->txn, TABLE_POSTINGS, SLICE_EMPTY, &cursor, err);

	if (status < 0)
		return status;
	f->kind = item->kind;
	f->number = item->number;
	status = db_cursor_before(cursor, index_key_posting(item->kind, item->number + 1, 0, name), &key, &value, err);
	if (is_block_of(key, item->kind, item->number)) {
		status = status < 0 ? status : load(f, item, key, value, err);
	} else if (status >= 0 || (status == ERR_STORE && key.len)) { /* what is damaged is another's */
		new_block(f, item->posting.set);
		status = 0;
	}
	db_cursor_close(cursor);
	return status;
}

static int add(struct filling *f, const struct item *item, struct err *err)
{
	int status = 0;

	if (f->block->len >= POSTINGS_BLOCK_BYTES && item->posting.set != f->last) {
		status = put_block(f, err);
		new_block(f, item->posting.set);
	}
	index_posting_pack(f->block, &f->last, &item->posting);
	return status;
}

int index_postings_write(struct index_postings *postings, struct db_txn *txn, struct err *err)
{
	struct filling f = {.txn = txn, .block = &postings->block};
	int            status = 0;

	if (postings->count)
		qsort(postings->items, postings->count, sizeof(*postings->items), by_key);
	buf_clear(f.block);
	for (size_t i = 0; i < postings->count && status == 0; i++) {
		const struct item *item = &postings->items[i];

		if (f.block->len == 0 || item->kind != f.kind || item->number != f.number) {
			status = put_block(&f, err);
			if (status == 0)
				status = load_block(&f, item, err);
		}
		if (status == 0)
			status = add(&f, item, err);
	}
	if (status == 0)
		status = put_block(&f, err);
	postings->count = 0;
	buf_clear(f.block);
	return status;
}
