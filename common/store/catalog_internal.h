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
	TABLE_INDEX_QUEUE,   /* job, number -> place key or nothing. From here on: catalog_index.h */
	TABLE_INTERNED,      /* kind, number -> bytes: packages, evidences, layers */
	TABLE_INTERN_IDS,    /* kind, SHA-256 -> number; contexts -> bytes */
	TABLE_NAMES,         /* folded name, 0, kind, package -> nothing */
	TABLE_SETS,          /* set -> packed set */
	TABLE_POSTINGS,      /* kind, number, first set -> packed sets: of packages, layers */
	TABLE_LAYER_FILES,   /* layer -> 32-bit prefixes of SHA-256, sorted */
	TABLE_LAYER_EPOCHS,  /* digest, set -> how often its content was replaced */
	TABLE_PLACE_SETS,    /* place key -> [job, number, set] */
	TABLE_SET_PLACES,    /* set, place key -> nothing */
	TABLE_IMAGE_SETS,    /* job, number -> set */
	TABLE_JUDGEMENTS,    /* number -> judgement; "state", "last_content". From here on: catalog_finding.h */
	TABLE_FINDINGS,      /* package -> [content, since, content, since …] */
	TABLE_FINDING_LOG,   /* judgement, package -> [[content that has come…], [content that has gone…]] */
	TABLE_CONTENTS,      /* number -> content of findings */
	TABLE_CONTENT_IDS,   /* SHA-256 of it -> number */
	TABLE_HISTORY,       /* when, kind, id -> counts */
};

enum { TABLE_INDEX_FIRST = TABLE_INDEX_QUEUE, TABLE_INDEX_LAST = TABLE_IMAGE_SETS };

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
int  catalog_latest_put(struct db_txn *txn, struct slice place, uint64_t job, uint64_t number, struct err *err);
int  catalog_latest_get(struct db_txn *txn, struct slice place, struct catalog_latest *out); /* ERR_NOT_FOUND */
/* Whether that image is the latest of the place with this key, which is not retired. */
bool catalog_latest_is(struct db_txn *txn, struct slice key, uint64_t job, uint64_t number);
/* Of a row of the table; false: it is malformed. `place` is borrowed from the key. */
bool catalog_latest_decode(struct slice key, struct slice value, struct catalog_latest *out);

/* catalog_layer.c. Known = a reusable record whose content can be read; anything damaged is as good as absent. */
bool catalog_layer_is_known(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
			    struct layer_record *record);
bool catalog_layer_has_content(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key);
int  catalog_layer_by_diff_id(struct catalog *catalog, struct db_txn *txn, const struct digest *diff_id, uint64_t set,
			      struct digest *digest, struct err *err);

/* catalog_index_queue.c, catalog_index_write.c: what the rest of the catalog tells the index */
int catalog_index_queue_all(struct db_txn *txn, struct err *err); /* every image there is: upgrade, restart */
int catalog_index_layer_changed(struct catalog *catalog, struct db_txn *txn, const struct layer_key *key,
				struct err *err); /* its content is not what it was */

/* catalog_index_place_write.c: the place's latest image, with its set; NULL or set 0: none that can be read, or retired. */
struct index_place;
int index_place_move(struct db_txn *txn, struct slice place, const struct index_place *image, struct err *err);

/* catalog_counter.c */
int catalog_counters_write(struct catalog *catalog, struct db_txn *txn, struct err *err); /* with a commit */
int catalog_counters_begin(struct db_txn *txn, struct err *err);                          /* upgrade from format 2 */

/* catalog_latest.c: sorts by the place's text; the hash tells long texts apart. */
enum { PLACE_TEXT_BYTES = 400, KEY_PLACE_BYTES_MAX = PLACE_TEXT_BYTES + XXH128_BYTES };
struct slice catalog_key_place(struct slice place, uint8_t out[KEY_PLACE_BYTES_MAX]);
struct slice catalog_place_text(struct slice key); /* the text in it */

int catalog_malformed(const struct catalog *catalog, const char *what, struct err *err); /* ERR_STORE */

#endif
