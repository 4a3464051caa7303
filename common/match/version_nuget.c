#include "match/version.h"

/* NuGet versions (learn.microsoft.com "NuGet package version reference"): four numbers, absent ones are 0, then as
 * Semantic Versioning 2.0.0, but without regard to case. Build metadata has no part in the order. */

struct nuget {
	struct slice numbers, prerelease;
	bool         valid;
};

static struct nuget parse(struct slice text)
{
	struct nuget v = {0};
	size_t       dots = 0;

	text = slice_trim(text);
	text = slice_sub(text, 0, slice_find(text, '+'));
	if (text.len && (text.ptr[0] == 'v' || text.ptr[0] == 'V'))
		text = slice_from(text, 1);
	v.numbers = version_take_dotted(&text);
	for (size_t i = 0; i < v.numbers.len; i++)
		dots += v.numbers.ptr[i] == '.';
	v.valid = v.numbers.len && dots < 4 && (text.len == 0 || (text.ptr[0] == '-' && text.len > 1));
	v.prerelease = slice_from(text, 1);
	for (size_t i = 0; i < v.prerelease.len; i++) {
		uint8_t c = v.prerelease.ptr[i];

		v.valid = v.valid && (version_is_digit(c) || version_is_alpha(c) || c == '-' || c == '.');
	}
	return v;
}

static int compare_identifier(struct slice a, struct slice b)
{
	bool a_number = version_is_number(a), b_number = version_is_number(b);

	if (a_number != b_number)
		return a_number ? -1 : 1;
	return a_number ? version_digits_cmp(a, b) : version_cmp_nocase(a, b);
}

static int compare_prerelease(struct slice a, struct slice b)
{
	int order = 0;

	if ((a.len != 0) != (b.len != 0))
		return a.len ? -1 : 1;
	while (order == 0 && a.len && b.len) {
		struct slice identifier = slice_cut(&a, '.');

		order = compare_identifier(identifier, slice_cut(&b, '.'));
	}
	return order ? order : (a.len != 0) - (b.len != 0);
}

bool version_valid_nuget(struct slice version)
{
	return parse(version).valid;
}

int version_compare_nuget(struct slice a, struct slice b, int *order)
{
	struct nuget va = parse(a), vb = parse(b);

	*order = version_dotted_cmp(va.numbers, vb.numbers);
	if (*order == 0)
		*order = compare_prerelease(va.prerelease, vb.prerelease);
	return va.valid && vb.valid ? 0 : ERR_FORMAT;
}
