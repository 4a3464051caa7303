#include "match/version.h"

/* Gem::Version#<=> of RubyGems: runs of digits and of letters; a letter makes a pre-release, which sorts before the
 * release. Zeros at the end of the numbers, and at the end of what follows the first letters, have no part in the order.
 * A '-' separates like a '.' (RubyGems issue 9910; earlier ones read it as ".pre."). */

struct segments {
	struct slice rest;
	bool         letters; /* a segment of letters has come */
	size_t       kept;    /* rest.len down to which zeros are known to count */
};

static struct slice take(struct slice *rest)
{
	struct slice segment;

	while (rest->len && !version_is_digit(rest->ptr[0]) && !version_is_alpha(rest->ptr[0]))
		*rest = slice_from(*rest, 1);
	segment = version_take_digits(rest);
	return segment.len ? segment : version_take_alphas(rest);
}

static bool is_zero(struct slice segment)
{
	return version_is_digit(segment.ptr[0]) && version_digits_cmp(segment, SLICE_LIT("0")) == 0;
}

/* Of zeros: nothing but zeros follow, up to the end or to the first letters. */
static bool zeros_end(struct segments *segments)
{
	struct slice rest = segments->rest, segment;

	if (segments->kept && segments->rest.len > segments->kept)
		return false;
	while ((segment = take(&rest)).len) {
		if (is_zero(segment))
			continue;
		segments->kept = rest.len + segment.len;
		return !segments->letters && version_is_alpha(segment.ptr[0]);
	}
	return true;
}

/* The next segment that counts; empty at the end. */
static struct slice next_segment(struct segments *segments)
{
	struct slice segment = take(&segments->rest);

	if (segment.len && is_zero(segment) && zeros_end(segments))
		while (segment.len && is_zero(segment))
			segment = take(&segments->rest);
	segments->letters |= segment.len && version_is_alpha(segment.ptr[0]);
	return segment;
}

static int compare_segments(struct slice a, struct slice b)
{
	if (!a.len)
		a = SLICE_LIT("0");
	if (!b.len)
		b = SLICE_LIT("0");
	bool a_number = version_is_digit(a.ptr[0]), b_number = version_is_digit(b.ptr[0]);

	if (a_number != b_number)
		return a_number ? 1 : -1;
	return a_number ? version_digits_cmp(a, b) : slice_cmp(a, b);
}

bool version_valid_gem(struct slice version)
{
	struct slice text = slice_trim(version);
	bool         separated = true;

	if (!text.len || !version_is_digit(text.ptr[0]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool separator = text.ptr[i] == '.' || text.ptr[i] == '-';

		if (!separator && !version_is_digit(text.ptr[i]) && !version_is_alpha(text.ptr[i]))
			return false;
		if (separator && separated)
			return false;
		separated = separator;
	}
	return !separated;
}

int version_compare_gem(struct slice a, struct slice b, int *order)
{
	struct segments left = {.rest = a}, right = {.rest = b};
	struct slice    l, r;

	do {
		l = next_segment(&left);
		r = next_segment(&right);
		*order = compare_segments(l, r);
	} while (*order == 0 && (l.len || r.len));
	return version_valid_gem(a) && version_valid_gem(b) ? 0 : ERR_FORMAT;
}
