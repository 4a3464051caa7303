#include "source/registry.h"

/* Rank of what comes next decides first, so that the order is total: "2.0-rc1" < "2.0" < "2.0-alpine" < "2.0.1". */
enum part_kind { PART_PRE_RELEASE, PART_END, PART_TEXT, PART_NUMBER };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_pre_release(struct slice text)
{
	static const char *const words[] = {"alpha",    "beta",    "rc",     "pre",      "dev",
					    "snapshot", "nightly", "canary", "milestone"};

	while (text.len && (text.ptr[0] == '-' || text.ptr[0] == '.' || text.ptr[0] == '_'))
		text = slice_from(text, 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct slice word = slice_str(words[i]);

		if (slice_eq_nocase(slice_sub(text, 0, word.len), word))
			return true;
	}
	return false;
}

static enum part_kind cut_part(struct slice *rest, struct slice *part)
{
	size_t len = 0;
	bool   digits = rest->len && is_digit(rest->ptr[0]);

	while (len < rest->len && is_digit(rest->ptr[len]) == digits)
		len++;
	*part = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	if (len == 0)
		return PART_END;
	if (digits)
		return PART_NUMBER;
	return is_pre_release(*part) ? PART_PRE_RELEASE : PART_TEXT;
}

static int cmp_numbers(struct slice a, struct slice b)
{
	while (a.len && a.ptr[0] == '0')
		a = slice_from(a, 1);
	while (b.len && b.ptr[0] == '0')
		b = slice_from(b, 1);
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return slice_cmp(a, b);
}

static struct slice without_v(struct slice tag)
{
	bool marked = tag.len > 1 && (tag.ptr[0] == 'v' || tag.ptr[0] == 'V') && is_digit(tag.ptr[1]);

	return marked ? slice_from(tag, 1) : tag;
}

int registry_tag_cmp(struct slice a, struct slice b)
{
	struct slice left = without_v(a), right = without_v(b), part_left, part_right;
	bool         latest_a = slice_eq_str(a, "latest"), latest_b = slice_eq_str(b, "latest");

	if (latest_a != latest_b)
		return latest_a ? 1 : -1;
	for (;;) {
		enum part_kind kind_left = cut_part(&left, &part_left), kind_right = cut_part(&right, &part_right);
		int            order;

		if (kind_left != kind_right)
			return kind_left < kind_right ? -1 : 1;
		if (kind_left == PART_END)
			return slice_cmp(a, b);
		order = kind_left == PART_NUMBER ? cmp_numbers(part_left, part_right)
						 : slice_cmp(part_left, part_right);
		if (order)
			return order;
	}
}
