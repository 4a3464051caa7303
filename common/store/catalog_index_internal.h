/* catalog_index_internal.h - what the files of the index share: keys, packed records, walks; nobody else includes it. */
#ifndef VARVE_STORE_CATALOG_INDEX_INTERNAL_H
#define VARVE_STORE_CATALOG_INDEX_INTERNAL_H

#include "store/catalog_index_write.h"
#include "store/catalog_internal.h"

enum index_kind {
	INDEX_PACKAGE = 'p',
	INDEX_LAYER = 'l',
	INDEX_EVIDENCE = 'e',
	INDEX_CONTEXT = 'c',
	INDEX_SET = 's',
	INDEX_INCOMPLETE = 'i',
	INDEX_DIFF_ID = 'd'
};

/* --- keys --- */

enum { KEY_NUMBER_BYTES = 8, KEY_KIND_BYTES = 9, KEY_HASH_BYTES = 1 + SHA256_BYTES, KEY_POSTING_BYTES = 17 };
enum { NAME_BYTES_MAX = 200, KEY_NAME_BYTES_MAX = NAME_BYTES_MAX + 1 + 1 + 8 };

struct slice index_key_number(uint64_t number, uint8_t out[KEY_NUMBER_BYTES]);
struct slice index_key_kind(enum index_kind kind, uint64_t number, uint8_t out[KEY_KIND_BYTES]);
struct slice index_key_hash(enum index_kind kind, const struct digest *hash, uint8_t out[KEY_HASH_BYTES]);
enum { KEY_DIFF_ID_BYTES = KEY_HASH_BYTES + KEY_NUMBER_BYTES };
struct slice index_key_diff_id(const struct digest *diff_id, uint64_t layer, uint8_t out[KEY_DIFF_ID_BYTES]);
struct slice index_key_posting(enum index_kind kind, uint64_t number, uint64_t first, uint8_t out[KEY_POSTING_BYTES]);
struct slice index_key_name(struct slice name, enum index_name_kind kind, uint64_t package,
			    uint8_t out[KEY_NAME_BYTES_MAX]);
size_t       index_fold_name(struct slice name, uint8_t out[NAME_BYTES_MAX]); /* the length; longer names are cut */
uint64_t     index_number_of(struct slice bytes); /* eight bytes, big-endian; 0 when they are not */

/* --- packed records (docs/STORE_FORMAT.md, "Index") --- */

void index_layer_key_pack(struct buf *out, const struct layer_key *key);
bool index_layer_key_unpack(struct slice bytes, struct layer_key *out);

/* A set's own record. Keys of layers with a number are not in it: unpacked they are zero. `entries` sorted. */
void index_set_pack(struct buf *out, const struct index_set *set);
bool index_set_unpack(struct slice bytes, struct arena *arena, struct index_set *out);
bool index_set_unpack_layers(struct slice bytes, struct arena *arena, struct index_set *out); /* no entries */

/* A block of postings: the last set's number u64, then for each the distance from the one before (the first: from the
 * block's key). POSTINGS_BLOCK_BYTES is what a block grows to before the next begins. */
enum { POSTINGS_BLOCK_BYTES = 1024 };
void index_posting_pack(struct buf *block, uint64_t *last, const struct index_posting *posting);

struct index_posting_reader {
	struct cursor c;
	uint64_t      set;
};
bool index_postings_open(struct slice block, uint64_t first, struct index_posting_reader *out, uint64_t *last);
int  index_postings_next(struct index_posting_reader *r, struct index_posting *out); /* 1, 0, ERR_FORMAT */

/* --- views --- */

struct catalog_view {
	struct catalog     *catalog;
	struct catalog_read read;
	bool                snapshot;
	uint64_t            begun_ms;
};

struct index_walk {
	struct catalog_view *view;
	unsigned             table, rows;
	bool                 rests;
	struct db_cursor    *cursor;
	struct catalog_place place;
	struct slice         prefix; /* the walk ends behind it; the caller's */
};

/* Keys from `from` on that begin with `prefix`. Start with *walk zeroed; index_walk_end() in any case. */
int  index_walk_begin(struct index_walk *walk, struct catalog_view *view, unsigned table, struct slice from,
		      struct slice prefix, bool rests, struct err *err);
int  index_walk_next(struct index_walk *walk, struct slice *key, struct slice *value,
		     struct err *err); /* 1, 0, ERR_STORE … */
void index_walk_end(struct index_walk *walk);

/* --- what writers and readers both look up --- */

/* 0 and *number; *number 0 when it is not there. */
int           index_find_number(struct db_txn *txn, enum index_kind kind, const struct digest *hash, uint64_t *number,
				struct err *err);
int           index_stamp_read(struct db_txn *txn, struct index_stamp *stamp, struct err *err);
struct digest index_layer_hash(const struct layer_key *key);
uint64_t      index_last_number(struct db_txn *txn, enum index_kind kind); /* highest given; 0 = none */

enum { KEY_SET_PLACE_BYTES_MAX = 8 + KEY_PLACE_BYTES_MAX };
struct slice index_key_set_place(uint64_t set, struct slice place, uint8_t out[KEY_SET_PLACE_BYTES_MAX]);

/* catalog_index_postings.c: postings of many, put together in the order of their keys */
struct index_postings;
struct index_postings *index_postings_new(void); /* NULL without memory */
void                   index_postings_free(struct index_postings *postings);
bool                   index_postings_add(struct index_postings *postings, enum index_kind kind, uint64_t number,
					  const struct index_posting *posting);
int                    index_postings_write(struct index_postings *postings, struct db_txn *txn, struct err *err);

#endif
