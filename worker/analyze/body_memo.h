/* body_memo.h - the parse side's half of the file memo: whether a body is worth asking for, its key, its facts as bytes.
 *
 * What is remembered is what run() of all analyzers that want the body has added, whatever it was, nothing included. Facts
 * are the same bytes under whatever path they were found: the path is left out, and put in when they are recalled. Replayed
 * facts are those that analysing would have added, or the body counts as not known. One object per layer scan, one thread. */
#ifndef VARVE_WORKER_ANALYZE_BODY_MEMO_H
#define VARVE_WORKER_ANALYZE_BODY_MEMO_H

#include "analyze/analyzer_index.h"
#include "analyze/fact_index.h"
#include "analyze/file_memo.h"
#include "entry/entry.h"

/* Analysing a smaller body takes no longer than asking for it (docs/decisions/0006-memo-key.md). */
enum { BODY_MEMO_BYTES_MIN = 256 };

struct body_memo {
	const struct file_memo *memo; /* NULL: off */
	struct memo_counts      counts;
	struct sha256          *sha256;
	struct digest           base; /* what every key begins with: key format and ceilings */
	struct buf              text, facts;
	struct inventory        scratch;
};

/* What of an inventory stood before a body was analysed. */
struct body_mark {
	struct fact_mark facts;
	size_t           notes, packages;
	uint64_t         notes_dropped;
};

bool body_memo_init(struct body_memo *m, const struct file_memo *memo); /* false: no memory; deinit it all the same */
void body_memo_deinit(struct body_memo *m);

/* Whether to ask for a body that `wanted` (by name) and `sniffed` (by content) want: some analyzer reads all of it, and
 * none needs a second file. */
bool body_memo_asks(const struct body_memo *m, const struct analyzer_bits *wanted, const struct analyzer_bits *sniffed,
		    uint64_t size);

void body_memo_key(struct body_memo *m, const struct analyzer_bits *wanted, const struct analyzer_bits *sniffed,
		   const struct entry *entry, const struct digest *sha256, struct digest *key);

/* True: known, and its facts have been added to `out` under `path`. */
bool body_memo_recall(struct body_memo *m, const struct digest *key, struct slice path, struct inventory *out);

struct body_mark body_mark_now(const struct inventory *inv);

/* What has been added to `inv` since `from`, all of it under `path`, is the answer to `key`, if nothing but the body and
 * what its analyzers declare has decided it: not so where a ceiling of the layer was reached. */
void body_memo_remember(struct body_memo *m, const struct digest *key, struct slice path, struct body_mark from,
			const struct inventory *inv);

#endif
