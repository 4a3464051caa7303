/* zlib_inflate.h - inflates one zlib (RFC 1950) or raw deflate (RFC 1951) stream that lies in memory whole. Hostile input. */
#ifndef VARVE_BASE_ZLIB_INFLATE_H
#define VARVE_BASE_ZLIB_INFLATE_H

#include "base/buf.h"
#include "base/err.h"

/* Appended to `out`, whose bytes_max is the ceiling. ERR_FORMAT (damaged or cut), ERR_LIMIT, ERR_MEM. */
int zlib_inflate(struct slice bytes, struct buf *out, struct err *err);
int deflate_inflate(struct slice bytes, struct buf *out, struct err *err);

#endif
