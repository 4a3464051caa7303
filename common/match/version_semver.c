#include "match/version.h"

/* semver.org 2.0.0 section 11, read leniently as OSV data needs it: "v1", "1", "1.2", "1.2.3.4" (missing parts are 0),
 * "1.2.3beta" for "1.2.3-beta". Build metadata has no part in the order. */

struct semver {
	struct slice numbers; /* "1.2.3" */
	struct slice prerelease;
	bool         has_prerelease, valid;
};

static struct slice take_numbers(struct slice *rest)
{
	struct slice whole = *rest, before = *rest;

	while (version_take_digits(rest).len) {
		before = *rest;
		if (!rest->len || rest->ptr[0] != '.')
			break;
		*rest = slice_from(*rest, 1);
	}
	*rest = before;
	return slice_sub(whole, 0, whole.len - before.len);
}

static bool identifiers_valid(struct slice dotted)
{
	for (size_t i = 0; i < dotted.len; i++) {
		uint8_t c = dotted.ptr[i];

		if (!version_is_digit(c) && !version_is_alpha(c) && c != '-' && c != '.' && c != '_')
			return false;
	}
	return true;
}

/* What may follow the numbers: "-pre", ".Final", "rc1". */
static bool prerelease_starts(struct slice text)
{
	if (text.ptr[0] == '.')
		return text.len > 1 && version_is_alpha(text.ptr[1]);
	return (text.ptr[0] == '-' && text.len > 1) || version_is_alpha(text.ptr[0]);
}

static struct semver parse(struct slice text)
{
	struct semver v = {0};

	text = slice_trim(text);
	if (slice_starts(text, "v") || slice_starts(text, "V") || slice_starts(text, "="))
		text = slice_from(text, 1);
	v.numbers = take_numbers(&text);
	text = slice_sub(text, 0, slice_find(text, '+'));
	v.has_prerelease = text.len != 0;
	v.valid = v.numbers.len && (text.len == 0 || prerelease_starts(text));
	if (text.len && !version_is_alpha(text.ptr[0]))
		text = slice_from(text, 1);
	v.prerelease = text;
	v.valid = v.valid && identifiers_valid(text);
	return v;
}

static int compare_numbers(struct slice a, struct slice b)
{
	int order = 0;

	while (order == 0 && (a.len || b.len)) {
		struct slice part = slice_cut(&a, '.');

		order = version_digits_cmp(part, slice_cut(&b, '.'));
	}
	return order;
}

static bool is_number(struct slice identifier)
{
	struct slice rest = identifier;

	return version_take_digits(&rest).len && rest.len == 0;
}

static int compare_identifier(struct slice a, struct slice b)
{
	if (is_number(a) != is_number(b))
		return is_number(a) ? -1 : 1;
	return is_number(a) ? version_digits_cmp(a, b) : slice_cmp(a, b);
}

static int compare_prerelease(struct slice a, struct slice b)
{
	int order = 0;

	while (order == 0 && a.len && b.len) {
		struct slice identifier = slice_cut(&a, '.');

		order = compare_identifier(identifier, slice_cut(&b, '.'));
	}
	return order ? order : (a.len != 0) - (b.len != 0);
}

bool version_valid_semver(struct slice version)
{
	return parse(version).valid;
}

int version_compare_semver(struct slice a, struct slice b, int *order)
{
	struct semver va = parse(a), vb = parse(b);

	*order = compare_numbers(va.numbers, vb.numbers);
	if (*order == 0 && va.has_prerelease != vb.has_prerelease)
		*order = va.has_prerelease ? -1 : 1;
	if (*order == 0)
		*order = compare_prerelease(va.prerelease, vb.prerelease);
	return va.valid && vb.valid ? 0 : ERR_FORMAT;
}
