/* ahead_stream.h - a filter that reads the stream below on a thread of its own, some blocks ahead, without copying them.
 *
 * The stream below must keep a block as it is until `blocks` further calls; so far ahead it is read. All that lies below is
 * the thread's until close, which waits for the block that is being read; then it is the caller's again. Owner: one thread. */
#ifndef VARVE_WORKER_LAYER_AHEAD_STREAM_H
#define VARVE_WORKER_LAYER_AHEAD_STREAM_H

#include "base/stream.h"

enum { AHEAD_BLOCKS_MAX = 16 };

/* Borrows `below`; 1 <= blocks <= AHEAD_BLOCKS_MAX. NULL: no memory or no thread to be had; nothing was read. */
struct stream *ahead_stream_new(struct stream *below, unsigned blocks);

#endif
