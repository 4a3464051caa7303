/* layer.h - the bytes of a blob as the tar they hold: found by magic, decompressed, hashed, under ceilings, in one
 * pass.
 *
 * Owner: one thread; `ahead` starts another, which reads the blob until layer_finish() or layer_close(). Hostile input. The media type of the descriptor plays no part; what has no known magic is passed
 * through as a plain tar, and whether it is one the archive reader will tell. */
#ifndef VARVE_WORKER_LAYER_LAYER_H
#define VARVE_WORKER_LAYER_LAYER_H

#include "base/digest.h"
#include "base/stream.h"
#include "layer/window_budget.h"

struct layer_config {
	uint64_t              tar_bytes_max; /* 0 = LIMIT_LAYER_BYTES */
	bool                  ahead;  /* a compressed blob is read and inflated on a second thread, if one can be had */
	struct window_budget *window; /* NULL: large windows are refused */
	const _Atomic bool   *cancel; /* NULL, or: ERR_CANCELLED once true */
	_Atomic uint64_t     *progress; /* NULL, or: decompressed bytes are added */
};

struct layer_summary {
	struct digest diff_id; /* of all decompressed bytes; zero when `status` is not 0 */
	uint64_t      blob_bytes, tar_bytes;
	const char   *media_type;     /* "tar", "tar+gzip" …; static */
	bool          trailing_bytes; /* behind the compressed data lies something that is no padding */
	int           status; /* 0, or what ended the decompression early: ERR_FORMAT, ERR_TRUNCATED, ERR_LIMIT … */
	struct err    why;
};

struct layer;

/* Borrows `blob`. Reads its first bytes. NULL: the blob's own error, or ERR_MEM. */
struct layer  *layer_open(struct stream *blob, const struct layer_config *config, struct err *err);
void           layer_close(struct layer *layer); /* NULL is fine; `ahead`: waits for the block that is being read */
struct stream *layer_tar(struct layer *layer);   /* borrowed; ends in STREAM_END, or what `status` above will say */

/* Reads what is left, of the tar and then of the blob, so that all digests cover every byte. 0 with *summary, or the
 * blob's own error: then nothing that was read may be trusted. */
int layer_finish(struct layer *layer, struct layer_summary *summary, struct err *err);

#endif
