/* msgpack_write.h - packs msgpack into a buf; the only file that includes msgpack-c.
 *
 * Sticky through the buf: ask buf_ok() at the end. An array announces its count first; the writer must follow with
 * exactly that many values. Every integer takes its shortest form, so equal records are equal bytes. */
#ifndef VARVE_BASE_MSGPACK_WRITE_H
#define VARVE_BASE_MSGPACK_WRITE_H

#include "base/buf.h"

void msgpack_write_array(struct buf *out, size_t count);
void msgpack_write_map(struct buf *out, size_t count);
void msgpack_write_uint(struct buf *out, uint64_t value);
void msgpack_write_int(struct buf *out, int64_t value);
void msgpack_write_bool(struct buf *out, bool value);
void msgpack_write_float(struct buf *out, double value);
void msgpack_write_nil(struct buf *out);
void msgpack_write_str(struct buf *out, struct slice text); /* may hold any bytes: image names are not always UTF-8 */
void msgpack_write_bin(struct buf *out, struct slice bytes);

#endif
