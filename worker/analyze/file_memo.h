/* file_memo.h - what the parse side may ask of the memory of files that were analysed before: two calls, all opaque.
 *
 * The parse side computes the keys and encodes the values; whoever carries or stores them looks into neither. A key is
 * the SHA-256 of everything that decides the facts of a body (docs/STORE_FORMAT.md, "File memo"), a value at most
 * LIMIT_MEMO_FACTS_BYTES. The implementation lies on the trusted side: it holds what it is given aside, and stores it
 * only after the layer has ended cleanly. One object per layer scan; called by that scan's thread; find() may block
 * for a read of the store, or for a round trip to the process that has it. */
#ifndef VARVE_WORKER_ANALYZE_FILE_MEMO_H
#define VARVE_WORKER_ANALYZE_FILE_MEMO_H

#include "base/buf.h"
#include "base/digest.h"

struct memo_counts {
	uint64_t lookups; /* bodies that were asked for */
	uint64_t hits;    /* … and not analysed, because their facts were known */
	uint64_t kept;    /* facts given away to be remembered */
};

struct file_memo {
	void *data;

	/* 1: `facts` has been appended; 0: not known; negative: the memo is off, do not ask again in this layer. A value
	 * that does not fit into `facts` counts as not known. */
	int (*find)(void *data, const struct digest *key, struct buf *facts);

	/* `facts` is copied. What cannot be held is forgotten. */
	void (*keep)(void *data, const struct digest *key, struct slice facts);
};

#endif
