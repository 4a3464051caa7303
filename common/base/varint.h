/* varint.h - unsigned numbers in as few bytes as they need: seven bits a byte, the lowest first, the top bit says "more".
 *
 * Reading is through a cursor and fails it for what is longer than ten bytes or does not fit into 64 bits. */
#ifndef VARVE_BASE_VARINT_H
#define VARVE_BASE_VARINT_H

#include "base/buf.h"
#include "base/cursor.h"

enum { VARINT_BYTES_MAX = 10 };

void varint_put(struct buf *out, uint64_t value);

uint64_t varint_take_long(struct cursor *c); /* two bytes and more */

/* Most are one byte long. */
static inline uint64_t varint_take(struct cursor *c)
{
	if (c->left && !c->failed && *c->ptr < 0x80) {
		c->left--;
		return *c->ptr++;
	}
	return varint_take_long(c);
}

#endif
