#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t bytes_max)
{
	*buf = (struct buf){.bytes_max = bytes_max};
}

void buf_deinit(struct buf *buf)
{
	free(buf->ptr);
	buf_init(buf, buf->bytes_max);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

bool buf_ok(const struct buf *buf)
{
	return !buf->failed;
}

uint8_t *buf_reserve(struct buf *buf, size_t size)
{
	size_t   want = buf->capacity ? buf->capacity : 256;
	uint8_t *bigger;

	if (buf->failed || size > buf->bytes_max - buf->len) {
		buf->failed = true;
		return NULL;
	}
	if (size <= buf->capacity - buf->len)
		return buf->ptr + buf->len;
	while (want < buf->len + size)
		want = want > buf->bytes_max / 2 ? buf->bytes_max : want * 2;
	bigger = realloc(buf->ptr, want);
	if (!bigger) {
		buf->failed = true;
		return NULL;
	}
	buf->ptr = bigger;
	buf->capacity = want;
	return buf->ptr + buf->len;
}

void buf_commit(struct buf *buf, size_t size)
{
	if (!buf->failed && size <= buf->capacity - buf->len)
		buf->len += size;
}

void buf_append(struct buf *buf, struct slice bytes)
{
	uint8_t *room = bytes.len ? buf_reserve(buf, bytes.len) : NULL;

	if (!room)
		return;
	memcpy(room, bytes.ptr, bytes.len);
	buf_commit(buf, bytes.len);
}

void buf_byte(struct buf *buf, uint8_t byte)
{
	buf_append(buf, slice_of(&byte, 1));
}

void buf_str(struct buf *buf, const char *text)
{
	buf_append(buf, slice_str(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list  args, again;
	uint8_t *room;
	int      len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	room = len < 0 ? NULL : buf_reserve(buf, (size_t)len + 1);
	if (room) {
		vsnprintf((char *)room, (size_t)len + 1, format, again);
		buf_commit(buf, (size_t)len);
	}
	va_end(again);
}

struct slice buf_slice(const struct buf *buf)
{
	return slice_of(buf->ptr, buf->len);
}

uint8_t *buf_take(struct buf *buf, size_t *len)
{
	uint8_t *bytes = buf->ptr;

	*len = buf->len;
	buf_init(buf, buf->bytes_max);
	return bytes;
}
