#include "base/slice.h"

#include <string.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int    order = common ? memcmp(a.ptr, b.ptr, common) : 0;

	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice slice_trim(struct slice s)
{
	while (s.len && is_space(s.ptr[0]))
		s = slice_from(s, 1);
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

size_t slice_find(struct slice s, uint8_t byte)
{
	const uint8_t *hit = s.len ? memchr(s.ptr, byte, s.len) : NULL;

	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t slice_rfind(struct slice s, uint8_t byte)
{
	for (size_t i = s.len; i-- > 0;)
		if (s.ptr[i] == byte)
			return i;
	return SIZE_MAX;
}

size_t slice_find_str(struct slice s, const char *text)
{
	size_t         len = strlen(text);
	const uint8_t *hit;

	if (len == 0)
		return 0;
	hit = s.len ? memmem(s.ptr, s.len, text, len) : NULL;
	return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

struct slice slice_cut(struct slice *rest, uint8_t sep)
{
	size_t       at = slice_find(*rest, sep);
	struct slice part = slice_sub(*rest, 0, at);

	*rest = at == SIZE_MAX ? slice_from(*rest, rest->len) : slice_from(*rest, at + 1);
	return part;
}

bool slice_u64(struct slice s, uint64_t *out)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, s.ptr[i] - '0', &value))
			return false;
	}
	*out = value;
	return true;
}
