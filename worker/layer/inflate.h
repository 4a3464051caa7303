/* inflate.h - a stream filter that decompresses: many members, each one checked, padding and trailing bytes told apart.
 *
 * Zeros behind the last member are padding and silent; any other byte there ends the decompression and is noted, and
 * the stream below is read on to its end all the same. Input that stops inside a member: what could be decompressed is
 * given, then ERR_TRUNCATED. `below` belongs to the filter, also when making it fails. `blocks`: a block is lent until that
 * many further calls; at least 1. */
#ifndef VARVE_WORKER_LAYER_INFLATE_H
#define VARVE_WORKER_LAYER_INFLATE_H

#include "base/stream.h"
#include "layer/layer_codec.h"

enum { INFLATE_BLOCK_BYTES = 256 * 1024 }; /* of what it gives: large enough to hash and to parse without seams */

struct stream *inflate_stream_new(struct stream *below, const struct codec *codec, const struct codec_config *config,
				  unsigned blocks, struct err *err);

bool inflate_has_trailing_bytes(const struct stream *inflate); /* final once the stream has ended */

#endif
