#include "match/version.h"
#include "match/version_parts.h"

/* semver.org 2.0.0 section 11, read leniently as OSV data needs it: "v1", "1", "1.2", "1.2.3.4" (missing parts are 0),
 * "1.2.3beta" for "1.2.3-beta". Build metadata has no part in the order, but in Pub's (dart.dev, package pub_semver). */

struct semver {
	struct slice numbers; /* "1.2.3" */
	struct slice prerelease, build;
	bool         has_prerelease, has_build, valid;
};

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

	size_t plus;

	text = slice_trim(text);
	if (slice_starts(text, "="))
		text = slice_trim(slice_from(text, 1));
	if (slice_starts(text, "v") || slice_starts(text, "V"))
		text = slice_trim(slice_from(text, 1));
	v.numbers = version_take_dotted(&text);
	plus = slice_find(text, '+');
	v.has_build = plus != SIZE_MAX;
	v.build = v.has_build ? slice_from(text, plus + 1) : SLICE_EMPTY;
	text = slice_sub(text, 0, plus);
	v.has_prerelease = text.len != 0;
	v.valid = v.numbers.len && (text.len == 0 || prerelease_starts(text));
	if (text.len && !version_is_alpha(text.ptr[0]))
		text = slice_from(text, 1);
	v.prerelease = text;
	v.valid = v.valid && identifiers_valid(text);
	return v;
}

static int compare_identifier(struct slice a, struct slice b)
{
	if (version_is_number(a) != version_is_number(b))
		return version_is_number(a) ? -1 : 1;
	return version_is_number(a) ? version_digits_cmp(a, b) : slice_cmp(a, b);
}

static int compare_identifiers(struct slice a, struct slice b)
{
	int order = 0;

	while (order == 0 && a.len && b.len) {
		struct slice identifier = slice_cut(&a, '.');

		order = compare_identifier(identifier, slice_cut(&b, '.'));
	}
	return order ? order : (a.len != 0) - (b.len != 0);
}

struct version_parts version_parts_semver(struct slice version)
{
	struct semver v = parse(version);

	return (struct version_parts){.numbers = v.numbers, .prerelease = v.has_prerelease};
}

bool version_valid_semver(struct slice version)
{
	return parse(version).valid;
}

static int compare(const struct semver *a, const struct semver *b)
{
	int order = version_dotted_cmp(a->numbers, b->numbers);

	if (order == 0 && a->has_prerelease != b->has_prerelease)
		order = a->has_prerelease ? -1 : 1;
	return order ? order : compare_identifiers(a->prerelease, b->prerelease);
}

int version_compare_semver(struct slice a, struct slice b, int *order)
{
	struct semver va = parse(a), vb = parse(b);

	*order = compare(&va, &vb);
	return va.valid && vb.valid ? 0 : ERR_FORMAT;
}

int version_compare_pub(struct slice a, struct slice b, int *order)
{
	struct semver va = parse(a), vb = parse(b);

	*order = compare(&va, &vb);
	if (*order == 0 && va.has_build != vb.has_build)
		*order = va.has_build ? 1 : -1;
	if (*order == 0)
		*order = compare_identifiers(va.build, vb.build);
	return va.valid && vb.valid ? 0 : ERR_FORMAT;
}
