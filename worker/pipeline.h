/* pipeline.h - one layer task from end to end: source -> verified bytes -> parse side -> encoded inventory.
 *
 * Called by scan threads, several at once; blocks until the layer has been read. The source fetches on its own threads
 * meanwhile, into a bounded buffer. Nothing is written to disk but large bodies, to an unlinked file. */
#ifndef VARVE_WORKER_PIPELINE_H
#define VARVE_WORKER_PIPELINE_H

#include "memo/memo.h"
#include "sandbox/parser.h"
#include "source/source.h"

/* Compressed. A thread costs less than a millisecond, a layer of this size tens of them. */
enum { PIPELINE_AHEAD_BYTES_MIN = 4 << 20 };

struct scan_config {
	const char           *spool_dir; /* NULL: $TMPDIR, else /var/tmp */
	struct parser        *parser;    /* of the calling thread */
	struct window_budget *window;    /* the process's own */
	struct memo          *memo;      /* NULL: every file is analysed */
	bool                  no_reuse;  /* … and so it is, for this task, though there is one */
	bool                  spare;  /* a core is idle: a layer of PIPELINE_AHEAD_BYTES_MIN is parsed on two threads */
	const _Atomic bool   *cancel; /* as in parse.h */
	_Atomic uint64_t     *progress;
	struct source_call   *call; /* for what is fetched here; may be NULL */
	struct stream
		*opened; /* NULL, or the layer as source_open_layer() gave it, opened ahead of time: taken and closed */
};

struct scan_outcome {
	struct parse_result result;
	bool                verified; /* verify mode, and the diffID is the one that was claimed */
	uint64_t            blob_bytes_read;
	struct memo_counts  memo;
};

/* Scans `layer` of the image at `reference`. verify: content with the diffID that the layer claims is known already.
 * It is read like any other: only its own parser may say what is in it, and whoever asked compares. Errors are those of the
 * source and of parse_layer(), with the layer's digest before them; ERR_IO for the spool. */
int pipeline_scan_layer(struct sources *sources, const struct reference *reference, const struct image_layer *layer,
			bool verify, const struct scan_config *config, struct scan_outcome *outcome,
			struct buf *inventory, struct buf *path_table, struct err *err);

/* The folder that is used for `configured` (may be NULL), and whether it is kept in memory: worth a warning then. */
const char *pipeline_spool_dir(const char *configured);
bool        pipeline_spool_is_memory(const char *configured);

#endif
