#include "base/varint.h"

void varint_put(struct buf *out, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		buf_byte(out, (uint8_t)(value | 0x80));
	buf_byte(out, (uint8_t)value);
}

uint64_t varint_take_long(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
		uint8_t byte = cursor_u8(c);

		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80)
			return cursor_ok(c) ? value : 0;
	}
	cursor_fail(c);
	return 0;
}
