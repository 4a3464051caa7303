/* stream.h - bytes that come in blocks and can only be read forward; source, verify, limit and inflate stack as one type.
 *
 * Pull, without copies: stream_next() lends the next block until the following call on the same stream. The verdict
 * belongs to the end: only a stream that returned STREAM_END is complete and verified; closed before = not verified.
 * Owner: one thread. A filter owns the stream it was stacked on and closes it. May block in the outermost source. */
#ifndef VARVE_BASE_STREAM_H
#define VARVE_BASE_STREAM_H

#include "base/err.h"
#include "base/slice.h"

enum { STREAM_END = 0, STREAM_BLOCK = 1 }; /* or a negative ERR_* */

struct stream;

struct stream_ops {
	/* STREAM_BLOCK with a block of at least one byte, STREAM_END, or an ERR_* (then again at each further call). */
	int (*next)(struct stream *stream, struct slice *block, struct err *err);
	void (*close)(struct stream *stream); /* frees the stream and what it was stacked on */
};

struct stream { /* the first member of each implementation */
	const struct stream_ops *ops;
};

int  stream_next(struct stream *stream, struct slice *block, struct err *err);
void stream_close(struct stream *stream); /* NULL is fine */

/* Reads on to the end and throws the bytes away; 0 or the ERR_* that ended it. */
int stream_drain(struct stream *stream, struct err *err);

/* Everything that is left, at most `bytes_max` (else ERR_LIMIT), appended to `out`. */
struct buf;
int stream_read_all(struct stream *stream, struct buf *out, struct err *err);

/* A stream over borrowed memory in blocks of at most `block_bytes` (0 = one block); NULL without memory. */
struct stream *stream_of_memory(struct slice bytes, size_t block_bytes);

/* A stream over an open file from its current offset on; takes the descriptor. `name` is for messages. */
struct stream *stream_of_fd(int fd, const char *name);

/* As above, but gives up with ERR_CANCELLED once `wake_fd` (borrowed) is readable: for pipes and terminals, whose writer
 * may never come. */
struct stream *stream_of_fd_until(int fd, int wake_fd, const char *name);

#endif
