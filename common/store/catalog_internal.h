/* catalog_internal.h - what the files of the catalog share; nobody else includes it. */
#ifndef VARVE_STORE_CATALOG_INTERNAL_H
#define VARVE_STORE_CATALOG_INTERNAL_H

#include "base/msgpack_read.h"
#include "store/catalog.h"

#include <pthread.h>
#include <stdatomic.h>

enum catalog_table {
	TABLE_COUNTERS,        /* name -> u64 */
	TABLE_OWNERS,          /* owner -> [pid, since, host] */
	TABLE_JOBS,            /* job -> job record */
	TABLE_TOKENS,          /* token -> job */
	TABLE_REFERENCES,      /* job, number -> [state, text] */
	TABLE_REFERENCE_INDEX, /* job, XXH3-128 of text -> number */
	TABLE_IMAGES,          /* job, number -> [record, set, [[status, reason]…]] */
	TABLE_IMAGE_INDEX,     /* job, XXH3-128 of place and record -> number */
	TABLE_IMAGE_RECORDS,   /* SHA-256 of the encoded image -> encoded image */
	TABLE_LATEST,          /* place -> job, number, seen, retired, by which job */
	TABLE_LAYERS,          /* digest, set -> layer record */
	TABLE_INVENTORIES,     /* digest, set -> encoded inventory */
	TABLE_PATH_TABLES,     /* digest, set -> encoded path table */
	TABLE_DIFF_IDS,        /* diffID, set -> digest */
	TABLE_CLAIMS,          /* digest, set -> [owner, since] */
	TABLE_SCANS,           /* digest, set -> [started, retries, late] */
	TABLE_FAILURES,        /* digest, XXH3-128 of place -> [class, code, at, attempts, text, place] */
	TABLE_RESOLVES, /* XXH3-128 of reference and platform -> [resolver version, reference, platform, [SHA-256…]] */
	TABLE_JOB_LAYERS,    /* job, hash of digest and set (core_layer_hash()) -> nothing */
	TABLE_QUARANTINE,    /* digest, set -> [code, text, attempts, when] */
	TABLE_FAILED_IMAGES, /* job, number -> nothing */
	TABLE_RETIRING,      /* job, number of a listing that has ended -> where the walk over places goes on */
};

enum { CATALOG_RECORD_BYTES_MAX = 16 << 20 };

struct catalog {
	struct db               *db;
	_Atomic(struct db_txn *) batch; /* write transaction of `batch_thread` */
	_Atomic pthread_t        batch_thread;
	uint64_t                 owner;
	int                      owner_fd;               /* holds the OFD lock; -1 for readers */
	struct buf               scratch;                /* of the writing thread */
	uint64_t                 counts[FLEET_COUNTERS]; /* to be added with the next commit */
	bool                     counted;
	char                     dir[4096];
};

extern const char *const catalog_table_names[]; /* NULL-terminated, by enum catalog_table */

/* The transaction to read in: the batch of this thread, or one of its own, which catalog_read_end() then ends. */
struct catalog_read {
	struct db_txn *txn;
	bool           own;
};

int  catalog_read_begin(struct catalog *catalog, struct catalog_read *read, struct err *err);
void catalog_read_end(struct catalog_read *read);

/* Where a walk in several short transactions goes on: the key behind the last one. */
struct catalog_place {
	uint8_t key[DB_KEY_BYTES_MAX + 1];
	size_t  len;
	bool    ended;
};

void catalog_place_behind(struct catalog_place *place, struct slice key);

/* The batch, or NULL with ERR_INTERNAL when there is none. */
struct db_txn *catalog_batch(struct catalog *catalog, struct err *err);

int catalog_counter_next(struct catalog *catalog, struct db_txn *txn, struct slice name, uint64_t *value,
			 struct err *err);

enum { KEY_LAYER_BYTES = 40, KEY_PAIR_BYTES = 16, KEY_HASHED_BYTES = 24 };
void         catalog_key_u64(uint8_t *out, uint64_t value); /* big-endian: keys sort by number */
struct slice catalog_key_layer(const struct digest *digest, uint64_t set, uint8_t out[KEY_LAYER_BYTES]);
struct slice catalog_key_pair(uint64_t a, uint64_t b, uint8_t out[KEY_PAIR_BYTES]);
struct slice catalog_key_hashed(uint64_t a, struct slice text, uint8_t out[KEY_HASHED_BYTES]);

/* Puts an encoded image record where all its users find it, under its SHA-256. */
int catalog_image_record_put(struct db_txn *txn, struct slice image, struct digest *digest, struct err *err);

/* catalog_latest.c */
int catalog_latest_put(struct db_txn *txn, struct slice place, uint64_t job, uint64_t number, struct err *err);
int catalog_latest_get(struct db_txn *txn, struct slice place, struct catalog_latest *out); /* ERR_NOT_FOUND */

/* catalog_layer.c. Known = a reusable record whose content can be read; anything damaged is as good as absent. */
bool catalog_layer_is_known(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
			    struct layer_record *record);
bool catalog_layer_has_content(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key);
int  catalog_layer_by_diff_id(struct catalog *catalog, struct db_txn *txn, const struct digest *diff_id, uint64_t set,
			      struct digest *digest, struct err *err);

/* catalog_counter.c */
int catalog_counters_write(struct catalog *catalog, struct db_txn *txn, struct err *err); /* with a commit */
int catalog_counters_begin(struct db_txn *txn, struct err *err);                          /* upgrade from format 2 */

int catalog_malformed(const struct catalog *catalog, const char *what, struct err *err); /* ERR_STORE */

#endif
