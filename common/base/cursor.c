#include "base/cursor.h"

struct cursor cursor_of(struct slice bytes)
{
	return (struct cursor){.ptr = bytes.ptr, .left = bytes.len};
}

bool cursor_ok(const struct cursor *c)
{
	return !c->failed;
}

bool cursor_at_end(const struct cursor *c)
{
	return c->failed || c->left == 0;
}

void cursor_fail(struct cursor *c)
{
	c->failed = true;
	c->left = 0;
}

struct slice cursor_take(struct cursor *c, size_t size)
{
	struct slice taken = slice_of(c->ptr, size);

	if (c->failed || size > c->left) {
		cursor_fail(c);
		return SLICE_EMPTY;
	}
	if (size) {
		c->ptr += size;
		c->left -= size;
	}
	return taken;
}

struct slice cursor_rest(struct cursor *c)
{
	return c->failed ? SLICE_EMPTY : slice_of(c->ptr, c->left);
}

void cursor_skip(struct cursor *c, size_t size)
{
	cursor_take(c, size);
}

static uint64_t big_endian(struct cursor *c, size_t size)
{
	struct slice bytes = cursor_take(c, size);
	uint64_t     value = 0;

	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | bytes.ptr[i];
	return value;
}

static uint64_t little_endian(struct cursor *c, size_t size)
{
	struct slice bytes = cursor_take(c, size);
	uint64_t     value = 0;

	for (size_t i = bytes.len; i-- > 0;)
		value = value << 8 | bytes.ptr[i];
	return value;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)big_endian(c, 1);
}

uint16_t cursor_u16be(struct cursor *c)
{
	return (uint16_t)big_endian(c, 2);
}

uint32_t cursor_u32be(struct cursor *c)
{
	return (uint32_t)big_endian(c, 4);
}

uint64_t cursor_u64be(struct cursor *c)
{
	return big_endian(c, 8);
}

uint16_t cursor_u16le(struct cursor *c)
{
	return (uint16_t)little_endian(c, 2);
}

uint32_t cursor_u32le(struct cursor *c)
{
	return (uint32_t)little_endian(c, 4);
}

struct cursor cursor_sub(struct cursor *c, size_t size)
{
	struct cursor sub = cursor_of(cursor_take(c, size));

	if (c->failed)
		cursor_fail(&sub);
	return sub;
}

struct cursor cursor_at(struct slice bytes, size_t offset)
{
	struct cursor c = cursor_of(bytes);

	cursor_skip(&c, offset);
	return c;
}

bool cursor_line(struct cursor *c, struct slice *line)
{
	struct slice rest = cursor_rest(c);
	size_t       end = slice_find(rest, '\n');

	if (rest.len == 0)
		return false;
	*line = slice_sub(rest, 0, end);
	cursor_skip(c, end == SIZE_MAX ? rest.len : end + 1);
	if (line->len && line->ptr[line->len - 1] == '\r')
		line->len--;
	return true;
}
