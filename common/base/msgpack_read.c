#include "base/msgpack_read.h"

#include <string.h>

struct msgpack_reader msgpack_reader_of(struct slice bytes)
{
	return (struct msgpack_reader){.cursor = cursor_of(bytes)};
}

bool msgpack_ok(const struct msgpack_reader *r)
{
	return cursor_ok(&r->cursor);
}

bool msgpack_at_end(const struct msgpack_reader *r)
{
	return cursor_at_end(&r->cursor);
}

void msgpack_fail(struct msgpack_reader *r)
{
	cursor_fail(&r->cursor);
}

static enum msgpack_type type_of_tag(uint8_t tag)
{
	if (tag <= 0x7f || (tag >= 0xcc && tag <= 0xcf))
		return MSGPACK_UINT;
	if (tag <= 0x8f || tag == 0xde || tag == 0xdf)
		return MSGPACK_MAP;
	if (tag <= 0x9f || tag == 0xdc || tag == 0xdd)
		return MSGPACK_ARRAY;
	if (tag <= 0xbf || (tag >= 0xd9 && tag <= 0xdb) || (tag >= 0xc4 && tag <= 0xc9) || (tag >= 0xd4 && tag <= 0xd8))
		return MSGPACK_BYTES;
	if (tag == 0xc0)
		return MSGPACK_NIL;
	if (tag == 0xc2 || tag == 0xc3)
		return MSGPACK_BOOL;
	if (tag == 0xca || tag == 0xcb)
		return MSGPACK_FLOAT;
	if (tag >= 0xd0)
		return MSGPACK_INT; /* int8..int64 and negative fixint; may still hold a non-negative number */
	return MSGPACK_NONE;        /* 0xc1, never used */
}

enum msgpack_type msgpack_peek(const struct msgpack_reader *r)
{
	if (cursor_at_end(&r->cursor))
		return MSGPACK_NONE;
	return type_of_tag(r->cursor.ptr[0]);
}

static uint64_t read_be(struct cursor *c, unsigned size_log2)
{
	switch (size_log2) {
	case 0:
		return cursor_u8(c);
	case 1:
		return cursor_u16be(c);
	case 2:
		return cursor_u32be(c);
	default:
		return cursor_u64be(c);
	}
}

static size_t checked_count(struct msgpack_reader *r, uint64_t count, size_t bytes_each)
{
	if (count > r->cursor.left / bytes_each) {
		msgpack_fail(r);
		return 0;
	}
	return (size_t)count;
}

size_t msgpack_read_array(struct msgpack_reader *r)
{
	uint8_t  tag = cursor_u8(&r->cursor);
	uint64_t count = tag & 15;

	if (tag == 0xdc || tag == 0xdd)
		count = read_be(&r->cursor, tag == 0xdc ? 1 : 2);
	else if (tag < 0x90 || tag > 0x9f)
		msgpack_fail(r);
	return msgpack_ok(r) ? checked_count(r, count, 1) : 0;
}

size_t msgpack_read_map(struct msgpack_reader *r)
{
	uint8_t  tag = cursor_u8(&r->cursor);
	uint64_t count = tag & 15;

	if (tag == 0xde || tag == 0xdf)
		count = read_be(&r->cursor, tag == 0xde ? 1 : 2);
	else if (tag < 0x80 || tag > 0x8f)
		msgpack_fail(r);
	return msgpack_ok(r) ? checked_count(r, count, 2) : 0;
}

static int64_t sign_extend(uint64_t value, unsigned size_log2)
{
	unsigned shift = 64 - (8u << size_log2);

	return (int64_t)(value << shift) >> shift;
}

int64_t msgpack_read_int(struct msgpack_reader *r)
{
	uint8_t  tag = cursor_u8(&r->cursor);
	uint64_t value;

	if (tag <= 0x7f)
		return tag;
	if (tag >= 0xe0)
		return (int8_t)tag;
	if (tag >= 0xd0 && tag <= 0xd3)
		return sign_extend(read_be(&r->cursor, tag - 0xd0u), tag - 0xd0u);
	value = tag >= 0xcc && tag <= 0xcf ? read_be(&r->cursor, tag - 0xccu) : UINT64_MAX;
	if (value > INT64_MAX) {
		msgpack_fail(r);
		return 0;
	}
	return (int64_t)value;
}

uint64_t msgpack_read_uint(struct msgpack_reader *r)
{
	int64_t value;

	if (!cursor_at_end(&r->cursor) && r->cursor.ptr[0] == 0xcf) {
		cursor_skip(&r->cursor, 1);
		return cursor_u64be(&r->cursor);
	}
	value = msgpack_read_int(r);
	if (value < 0)
		msgpack_fail(r);
	return msgpack_ok(r) ? (uint64_t)value : 0;
}

bool msgpack_read_bool(struct msgpack_reader *r)
{
	uint8_t tag = cursor_u8(&r->cursor);

	if (tag != 0xc2 && tag != 0xc3)
		msgpack_fail(r);
	return tag == 0xc3;
}

double msgpack_read_float(struct msgpack_reader *r)
{
	uint8_t tag = cursor_u8(&r->cursor);
	double  wide = 0;
	float   narrow = 0;

	if (tag == 0xcb) {
		uint64_t bits = cursor_u64be(&r->cursor);

		memcpy(&wide, &bits, sizeof(wide));
		return wide;
	}
	if (tag == 0xca) {
		uint32_t bits = cursor_u32be(&r->cursor);

		memcpy(&narrow, &bits, sizeof(narrow));
		return (double)narrow;
	}
	msgpack_fail(r);
	return 0;
}

/* Length of a str, bin or ext body; the tag is already taken. */
static uint64_t bytes_length(struct msgpack_reader *r, uint8_t tag)
{
	uint64_t size;

	if (tag >= 0xa0 && tag <= 0xbf)
		return tag & 31;
	if (tag >= 0xd9 && tag <= 0xdb)
		return read_be(&r->cursor, tag - 0xd9u);
	if (tag >= 0xc4 && tag <= 0xc6)
		return read_be(&r->cursor, tag - 0xc4u);
	if (tag >= 0xc7 && tag <= 0xc9)
		size = read_be(&r->cursor, tag - 0xc7u);
	else if (tag >= 0xd4 && tag <= 0xd8)
		size = 1u << (tag - 0xd4u);
	else {
		msgpack_fail(r);
		return 0;
	}
	cursor_skip(&r->cursor, 1); /* the ext type */
	return size;
}

struct slice msgpack_read_bytes(struct msgpack_reader *r)
{
	uint8_t  tag = cursor_u8(&r->cursor);
	uint64_t size = msgpack_ok(r) ? bytes_length(r, tag) : 0;

	if (size > r->cursor.left)
		msgpack_fail(r);
	return msgpack_ok(r) ? cursor_take(&r->cursor, (size_t)size) : SLICE_EMPTY;
}

bool msgpack_read_fixed(struct msgpack_reader *r, void *out, size_t size)
{
	struct slice bytes = msgpack_read_bytes(r);

	if (bytes.len != size) {
		msgpack_fail(r);
		return false;
	}
	memcpy(out, bytes.ptr, size);
	return true;
}

bool msgpack_read_nil(struct msgpack_reader *r)
{
	if (msgpack_peek(r) != MSGPACK_NIL)
		return false;
	cursor_skip(&r->cursor, 1);
	return true;
}

/* Takes one value's tag and, if it is a container, returns how many values follow it. */
static uint64_t skip_one(struct msgpack_reader *r)
{
	switch (msgpack_peek(r)) {
	case MSGPACK_NIL:
	case MSGPACK_BOOL:
		cursor_skip(&r->cursor, 1);
		return 0;
	case MSGPACK_UINT:
		msgpack_read_uint(r);
		return 0;
	case MSGPACK_INT:
		msgpack_read_int(r);
		return 0;
	case MSGPACK_FLOAT:
		msgpack_read_float(r);
		return 0;
	case MSGPACK_BYTES:
		msgpack_read_bytes(r);
		return 0;
	case MSGPACK_ARRAY:
		return msgpack_read_array(r);
	case MSGPACK_MAP:
		return 2 * (uint64_t)msgpack_read_map(r);
	case MSGPACK_NONE:
		break;
	}
	msgpack_fail(r);
	return 0;
}

void msgpack_skip(struct msgpack_reader *r)
{
	uint64_t pending[MSGPACK_DEPTH_MAX];
	size_t   depth = 0;

	pending[0] = 1;
	while (msgpack_ok(r)) {
		uint64_t inside;

		while (pending[depth] == 0) {
			if (depth == 0)
				return;
			depth--;
		}
		pending[depth]--;
		inside = skip_one(r);
		if (inside == 0)
			continue;
		if (++depth == MSGPACK_DEPTH_MAX) {
			msgpack_fail(r);
			return;
		}
		pending[depth] = inside;
	}
}

size_t msgpack_begin_record(struct msgpack_reader *r, size_t fields_min)
{
	size_t fields = msgpack_read_array(r);

	if (fields < fields_min)
		msgpack_fail(r);
	return msgpack_ok(r) ? fields : 0;
}

void msgpack_end_record(struct msgpack_reader *r, size_t fields, size_t fields_read)
{
	for (size_t i = fields_read; i < fields && msgpack_ok(r); i++)
		msgpack_skip(r);
}
