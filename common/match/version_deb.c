#include "match/version.h"

/* deb-version(7), section "Sorting algorithm": runs of non-digits and of digits alternate; letters sort before all
 * other characters, and '~' before everything, the end included. */

static int weight(struct slice s)
{
	uint8_t c = s.len ? s.ptr[0] : 0;

	if (s.len == 0 || version_is_digit(c))
		return 0;
	if (version_is_alpha(c))
		return c;
	return c == '~' ? -1 : c + 256;
}

static int compare_part(struct slice a, struct slice b)
{
	while (a.len || b.len) {
		while ((a.len && !version_is_digit(a.ptr[0])) || (b.len && !version_is_digit(b.ptr[0]))) {
			if (weight(a) != weight(b))
				return weight(a) < weight(b) ? -1 : 1;
			a = slice_from(a, 1);
			b = slice_from(b, 1);
		}
		struct slice a_digits = version_take_digits(&a);
		struct slice b_digits = version_take_digits(&b);
		int          order = version_digits_cmp(a_digits, b_digits);
		if (order)
			return order;
	}
	return 0;
}

struct deb_version {
	struct slice epoch, upstream, revision;
};

static struct deb_version split(struct slice text)
{
	struct deb_version v;

	version_take_epoch(&text, &v.epoch);
	size_t dash = slice_rfind(text, '-');
	v.upstream = slice_sub(text, 0, dash);
	v.revision = dash == SIZE_MAX ? SLICE_EMPTY : slice_from(text, dash + 1);
	return v;
}

static bool only(struct slice s, const char *others)
{
	for (size_t i = 0; i < s.len; i++)
		if (!version_is_digit(s.ptr[i]) && !version_is_alpha(s.ptr[i]) &&
		    slice_find(slice_str(others), s.ptr[i]) == SIZE_MAX)
			return false;
	return true;
}

bool version_valid_deb(struct slice version)
{
	struct slice       rest = version, digits;
	struct deb_version v = split(version);

	if (version_take_epoch(&rest, &digits)) {
		version_take_digits(&digits);
		if (v.epoch.len == 0 || digits.len)
			return false;
	}
	return v.upstream.len && only(v.upstream, ".+-~:") && only(v.revision, ".+~");
}

int version_compare_deb(struct slice a, struct slice b, int *order)
{
	struct deb_version va = split(a), vb = split(b);

	*order = compare_part(va.epoch, vb.epoch);
	if (*order == 0)
		*order = compare_part(va.upstream, vb.upstream);
	if (*order == 0)
		*order = compare_part(va.revision, vb.revision);
	return version_valid_deb(a) && version_valid_deb(b) ? 0 : ERR_FORMAT;
}
