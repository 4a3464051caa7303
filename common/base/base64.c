#include "base/base64.h"

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static struct slice without_padding(struct slice text)
{
	if (text.len % 4 != 0)
		return text;
	for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
		text.len--;
	return text;
}

bool base64_decode(struct slice text, struct buf *out)
{
	uint32_t bits = 0;

	text = without_padding(text);
	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = value_of(text.ptr[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4)
			buf_byte(out, (uint8_t)(bits >> (6 - 2 * (i % 4))));
	}
	return buf_ok(out);
}

void base64_encode(struct slice bytes, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t   count = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = (uint32_t)bytes.ptr[i] << 16;

		if (count > 1)
			bits |= (uint32_t)bytes.ptr[i + 1] << 8;
		if (count > 2)
			bits |= bytes.ptr[i + 2];
		for (size_t k = 0; k < 4; k++)
			buf_byte(out, k <= count ? (uint8_t)digits[bits >> (18 - 6 * k) & 63] : '=');
	}
}
