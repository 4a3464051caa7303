/* buf.h - bytes that grow, up to a maximum that must be named.
 *
 * Owner: one thread. Sticky: past `bytes_max`, or without memory, nothing more is added and buf_ok() is false; the
 * writer asks once at the end. A zeroed buf with bytes_max set is valid and empty. */
#ifndef VARVE_BASE_BUF_H
#define VARVE_BASE_BUF_H

#include "base/slice.h"

struct buf {
	uint8_t *ptr;
	size_t   len;
	size_t   capacity;
	size_t   bytes_max;
	bool     failed;
};

void buf_init(struct buf *buf, size_t bytes_max);
void buf_deinit(struct buf *buf);
void buf_clear(struct buf *buf); /* empty and no longer failed; keeps the memory */
bool buf_ok(const struct buf *buf);

void buf_append(struct buf *buf, struct slice bytes);
void buf_byte(struct buf *buf, uint8_t byte);
void buf_str(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `size` writable bytes at the end, or NULL; buf_commit() then says how many were filled. */
uint8_t *buf_reserve(struct buf *buf, size_t size);
void     buf_commit(struct buf *buf, size_t size);

struct slice buf_slice(const struct buf *buf);       /* until the next write */
uint8_t     *buf_take(struct buf *buf, size_t *len); /* heap memory, the caller frees; the buf is empty after */

#endif
