#include "match/version.h"

bool version_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool version_is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct slice version_take_digits(struct slice *rest)
{
	size_t len = 0;

	while (len < rest->len && version_is_digit(rest->ptr[len]))
		len++;
	struct slice digits = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return digits;
}

struct slice version_take_alphas(struct slice *rest)
{
	size_t len = 0;

	while (len < rest->len && version_is_alpha(rest->ptr[len]))
		len++;
	struct slice alphas = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return alphas;
}

bool version_take_epoch(struct slice *rest, struct slice *epoch)
{
	size_t colon = slice_find(*rest, ':');

	*epoch = slice_sub(*rest, 0, colon == SIZE_MAX ? 0 : colon);
	if (colon == SIZE_MAX)
		return false;
	*rest = slice_from(*rest, colon + 1);
	return true;
}

static struct slice skip_zeros(struct slice digits)
{
	while (digits.len && digits.ptr[0] == '0')
		digits = slice_from(digits, 1);
	return digits;
}

int version_digits_cmp(struct slice a, struct slice b)
{
	a = skip_zeros(a);
	b = skip_zeros(b);
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return slice_cmp(a, b);
}

bool version_is_number(struct slice text)
{
	return version_take_digits(&text).len && text.len == 0;
}

struct slice version_take_dotted(struct slice *rest)
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

int version_dotted_cmp(struct slice a, struct slice b)
{
	int order = 0;

	while (order == 0 && (a.len || b.len)) {
		struct slice part = slice_cut(&a, '.');

		order = version_digits_cmp(part, slice_cut(&b, '.'));
	}
	return order;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

int version_cmp_nocase(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return lower(a.ptr[i]) < lower(b.ptr[i]) ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

static const struct {
	const char *name;
	int (*compare)(struct slice a, struct slice b, int *order);
	bool (*valid)(struct slice version);
} SCHEMES[VERSION_SCHEMES] = {
	[VERSION_DEB] = {"deb", version_compare_deb, version_valid_deb},
	[VERSION_RPM] = {"rpm", version_compare_rpm, version_valid_rpm},
	[VERSION_APK] = {"apk", version_compare_apk, version_valid_apk},
	[VERSION_ALPM] = {"alpm", version_compare_alpm, version_valid_alpm},
	[VERSION_SEMVER] = {"semver", version_compare_semver, version_valid_semver},
	[VERSION_PUB] = {"pub", version_compare_pub, version_valid_semver},
	[VERSION_PEP440] = {"pep440", version_compare_pep440, version_valid_pep440},
	[VERSION_MAVEN] = {"maven", version_compare_maven, version_valid_maven},
	[VERSION_GEM] = {"gem", version_compare_gem, version_valid_gem},
	[VERSION_COMPOSER] = {"composer", version_compare_composer, version_valid_composer},
	[VERSION_NUGET] = {"nuget", version_compare_nuget, version_valid_nuget},
	[VERSION_CONDA] = {"conda", version_compare_conda, version_valid_conda},
	[VERSION_GENTOO] = {"gentoo", version_compare_gentoo, version_valid_gentoo},
	[VERSION_DOTTED] = {"dotted", version_compare_dotted, version_valid_dotted},
};

static bool is_known(enum version_scheme scheme)
{
	return scheme > VERSION_NONE && scheme < VERSION_SCHEMES;
}

int version_compare(enum version_scheme scheme, struct slice a, struct slice b, int *order)
{
	*order = 0;
	return is_known(scheme) ? SCHEMES[scheme].compare(a, b, order) : ERR_UNSUPPORTED;
}

bool version_valid(enum version_scheme scheme, struct slice version)
{
	return is_known(scheme) && SCHEMES[scheme].valid(version);
}

const char *version_scheme_name(enum version_scheme scheme)
{
	return is_known(scheme) ? SCHEMES[scheme].name : "none";
}
