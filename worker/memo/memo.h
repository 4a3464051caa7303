/* memo.h - the file memo of this host: facts of files that were analysed before, by a key that says all that decides them.
 *
 * One LMDB environment in a folder of its own, shared by threads, processes and runs; safe to delete while nobody has it open.
 * Reading never waits for writing. What one layer's files came to is held aside, and stored in one transaction after the
 * layer has ended cleanly. The file has a ceiling; the entries that nobody has asked for longest go first. A memo that cannot
 * be read or written says so once and is off: no scan fails because of it. Format: docs/STORE_FORMAT.md, "File memo". */
#ifndef VARVE_WORKER_MEMO_MEMO_H
#define VARVE_WORKER_MEMO_MEMO_H

#include "analyze/file_memo.h"
#include "base/err.h"

#define MEMO_BYTES_DEFAULT (4ull << 30)
#define MEMO_BYTES_MIN     (64ull << 20) /* a layer brings up to LIMIT_MEMO_HELD_BYTES */

struct memo_config {
	const char *dir;       /* made if absent */
	uint64_t    bytes_max; /* of the file; 0 = MEMO_BYTES_DEFAULT; at least MEMO_BYTES_MIN */
	bool        unchecked; /* for tests that count: no known file is analysed again to compare */
};

struct memo; /* any thread */

int          memo_open(const struct memo_config *config, struct memo **out, struct err *err);
struct memo *memo_open_if_can(
	const struct memo_config *config); /* NULL: a line of the log has said why there is none */
void memo_close(struct memo *memo);        /* NULL is fine; no layer may be open */

/* One layer's view of it: one thread. NULL without memory, and when `memo` is NULL or off. */
struct memo_layer;
struct memo_layer      *memo_layer_begin(struct memo *memo);
const struct file_memo *memo_layer_calls(struct memo_layer *layer); /* NULL for NULL; lives as long as `layer` */

/* Frees it. `digest`: the layer's, verified, and it was read to its end without anything missing: what was held aside is
 * stored; NULL: it is dropped. counts: what was asked, found and stored. */
void memo_layer_end(struct memo_layer *layer, const struct digest *digest, struct memo_counts *counts);

/* Forgets what this layer has brought. */
int memo_purge(struct memo *memo, const struct digest *layer, uint64_t *removed, struct err *err);

struct memo_stats {
	uint64_t entries, bytes, file_bytes,
		bytes_max; /* bytes: of entries, by which the memo is kept below bytes_max */
};
int memo_stats_get(struct memo *memo, struct memo_stats *out, struct err *err);

#endif
