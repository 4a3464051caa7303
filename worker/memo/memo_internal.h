/* memo_internal.h - the memo's two tables, and what its files share. */
#ifndef VARVE_WORKER_MEMO_MEMO_INTERNAL_H
#define VARVE_WORKER_MEMO_MEMO_INTERNAL_H

#include "memo/memo.h"

#include "store/db.h"

#include <stdatomic.h>

enum memo_table { MEMO_FACTS, MEMO_STATE };

struct memo {
	struct db   *db;
	uint64_t     bytes_max;
	bool         unchecked;
	_Atomic bool off;
};

/* The one record of MEMO_STATE. */
struct memo_state {
	uint64_t      bytes;  /* of all entries, see memo_entry_bytes() */
	uint64_t      behind; /* of those that came in since the epoch began */
	uint32_t      epoch;
	struct digest hand; /* where eviction goes on */
};

/* One record of MEMO_FACTS. Slices are borrowed from it. */
struct memo_entry {
	uint32_t     epoch; /* in which it was last asked for */
	struct slice layer; /* digest of the layer that brought it */
	struct slice facts;
};

bool     memo_entry_read(struct slice value, struct memo_entry *entry); /* false: damaged */
void     memo_entry_write(struct buf *out, const struct memo_entry *entry);
uint64_t memo_entry_bytes(size_t facts_len); /* room that it takes in the file, about */
uint64_t memo_aim(uint64_t bytes_max);       /* bytes of all entries that a file of this size has room for */

/* Missing or damaged: zero. */
void memo_state_read(struct db_txn *txn, struct memo_state *state);
int  memo_state_write(struct db_txn *txn, const struct memo_state *state, struct err *err);

/* 1, 0 for none (a damaged one too), ERR_*. The entry is borrowed: from the store until `txn` ends or writes, or from `room`. */
int memo_get(struct db_txn *txn, const struct digest *key, struct buf *room, struct memo_entry *entry, struct err *err);

/* Removes old entries, as many as make room, looking at an eighth of bytes_max at most. */
int memo_evict(struct db_txn *txn, uint64_t bytes_max, struct memo_state *state, struct err *err);

/* Says why, once, and nobody is asked or told any more. */
void memo_switch_off(struct memo *memo, const struct err *why);

#endif
