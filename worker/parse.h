/* parse.h - the parse side: bytes of one layer in, one encoded inventory out. Its seam is process-shaped.
 *
 * It gets a byte stream, a spool descriptor and limits, and nothing else: no LMDB handle, no socket, no curl handle,
 * no path, no credential. In the programs it runs in a process of its own, sandbox/parser.h. */
#ifndef VARVE_WORKER_PARSE_H
#define VARVE_WORKER_PARSE_H

#include "analyze/file_memo.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/stream.h"
#include "layer/window_budget.h"

struct parse_request {
	struct digest
		 blob_digest; /* stored in the inventory; zero: bytes made on the fly, which have no diffID either */
	uint64_t tar_bytes_max, entries_max, spool_bytes_max; /* 0 = those of limits.h */
	struct window_budget   *window; /* the process's allowance for large windows; NULL: such layers are partial */
	const struct file_memo *memo;   /* NULL, or: files analysed before are not analysed again; borrowed */
	bool                ahead;  /* a compressed layer is read and inflated on a second thread, if one can be had */
	const _Atomic bool *cancel; /* NULL, or: give up with ERR_CANCELLED once true */
	_Atomic uint64_t   *progress; /* NULL, or: inflated bytes are added, for heartbeats */
	_Atomic uint32_t   *running;  /* NULL, or: 1 + the index of the analyzer at work (analyzer_table.h); 0 none */
};

struct parse_result {
	struct digest diff_id;
	uint64_t      blob_bytes, tar_bytes, entries, files_analyzed;
	bool          partial; /* the inventory holds a NOTE_PARTIAL: report it, never reuse it */
	bool by_resource;      /* … because of time, memory or spool: not even the same layer again may reuse it */
};

/* Reads `layer` to its end (always: digests cover every byte), analyses it and appends the encoded inventory and the
 * encoded path table. 0 also for a partial layer; ERR_* when there is no inventory: the stream failed (its own code),
 * the bytes are no archive at all or break before the first entry (ERR_FORMAT, ERR_TRUNCATED), memory. Does not close `layer`. spool_fd may be -1 (no spool).
 */
int parse_layer(struct stream *layer, int spool_fd, const struct parse_request *request, struct parse_result *result,
		struct buf *inventory, struct buf *path_table, struct err *err);

#endif
