/* verify_stream.h - a stream filter that compares what passes with a digest and a size.
 *
 * Blocks pass through without a copy. At the end ERR_DIGEST takes the place of STREAM_END when the bytes do not match;
 * more bytes than `size` fail at once. `below` belongs to the filter, also when making it fails (NULL: `err` says why);
 * a NULL `below` gives NULL, so that constructors nest. */
#ifndef VARVE_BASE_VERIFY_STREAM_H
#define VARVE_BASE_VERIFY_STREAM_H

#include "base/digest.h"
#include "base/stream.h"

struct stream *verify_stream_new(struct stream *below, const struct digest *expected,
				 uint64_t size /* UINT64_MAX: any */, struct err *err);

#endif
