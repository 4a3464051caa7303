#include "match/version.h"

/* rpm-version(7) and rpm's tests/rpmvercmp.at: segments of digits or of letters, whatever else separates them; '~'
 * sorts before the end, '^' behind it but before any further segment. As rpmverCmp(): no release sorts before any
 * release. */

struct rpm_version {
	struct slice epoch, version, release;
	bool         has_release;
};

static struct rpm_version split(struct slice text)
{
	struct rpm_version v = {0};
	struct slice       rest = text, epoch;

	if (version_take_epoch(&rest, &epoch)) {
		struct slice left = epoch;

		version_take_digits(&left);
		if (left.len == 0) {
			v.epoch = epoch;
			text = rest;
		}
	}
	size_t dash = slice_rfind(text, '-');
	v.version = slice_sub(text, 0, dash);
	v.has_release = dash != SIZE_MAX;
	v.release = v.has_release ? slice_from(text, dash + 1) : SLICE_EMPTY;
	return v;
}

static bool is_segment_start(uint8_t c)
{
	return version_is_digit(c) || version_is_alpha(c) || c == '~' || c == '^';
}

static void skip_separators(struct slice *s)
{
	while (s->len && !is_segment_start(s->ptr[0]))
		*s = slice_from(*s, 1);
}

static bool starts_with(struct slice s, uint8_t c)
{
	return s.len && s.ptr[0] == c;
}

/* '~' or '^' in front of one or both: -1, 1, or 0 when both have it (and it is taken off). */
static int compare_mark(struct slice *a, struct slice *b, uint8_t mark)
{
	bool a_has = starts_with(*a, mark), b_has = starts_with(*b, mark);

	if (a_has && b_has) {
		*a = slice_from(*a, 1);
		*b = slice_from(*b, 1);
		return 0;
	}
	if (mark == '~')
		return a_has ? -1 : 1;
	if (a_has)
		return b->len == 0 ? 1 : -1;
	return a->len == 0 ? -1 : 1;
}

static int compare_segment(struct slice *a, struct slice *b)
{
	if (version_is_digit(a->ptr[0]) != version_is_digit(b->ptr[0]))
		return version_is_digit(a->ptr[0]) ? 1 : -1;
	if (version_is_digit(a->ptr[0])) {
		struct slice a_digits = version_take_digits(a);

		return version_digits_cmp(a_digits, version_take_digits(b));
	}
	struct slice a_alphas = version_take_alphas(a);
	return slice_cmp(a_alphas, version_take_alphas(b));
}

static int compare_part(struct slice a, struct slice b)
{
	int order = 0;

	while (order == 0) {
		skip_separators(&a);
		skip_separators(&b);
		if (starts_with(a, '~') || starts_with(b, '~'))
			order = compare_mark(&a, &b, '~');
		else if (starts_with(a, '^') || starts_with(b, '^'))
			order = compare_mark(&a, &b, '^');
		else if (a.len == 0 || b.len == 0)
			return (a.len != 0) - (b.len != 0);
		else
			order = compare_segment(&a, &b);
	}
	return order;
}

static bool readable(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] == 0x7f || s.ptr[i] == ':' || s.ptr[i] == '<' || s.ptr[i] == '>')
			return false;
	return true;
}

bool version_valid_rpm(struct slice version)
{
	struct rpm_version v = split(version);

	return v.version.len && readable(v.version) && readable(v.release);
}

int version_compare_rpm(struct slice a, struct slice b, int *order)
{
	struct rpm_version va = split(a), vb = split(b);

	*order = version_digits_cmp(va.epoch, vb.epoch);
	if (*order == 0)
		*order = compare_part(va.version, vb.version);
	if (*order == 0 && va.has_release && vb.has_release)
		*order = compare_part(va.release, vb.release);
	else if (*order == 0)
		*order = (int)va.has_release - (int)vb.has_release;
	return version_valid_rpm(a) && version_valid_rpm(b) ? 0 : ERR_FORMAT;
}
