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

int version_compare(enum version_scheme scheme, struct slice a, struct slice b, int *order)
{
	*order = 0;
	switch (scheme) {
	case VERSION_DEB:
		return version_compare_deb(a, b, order);
	case VERSION_RPM:
		return version_compare_rpm(a, b, order);
	case VERSION_APK:
		return version_compare_apk(a, b, order);
	case VERSION_ALPM:
		return version_compare_alpm(a, b, order);
	case VERSION_SEMVER:
		return version_compare_semver(a, b, order);
	case VERSION_NONE:
		break;
	}
	return ERR_UNSUPPORTED;
}

bool version_valid(enum version_scheme scheme, struct slice version)
{
	switch (scheme) {
	case VERSION_DEB:
		return version_valid_deb(version);
	case VERSION_RPM:
		return version_valid_rpm(version);
	case VERSION_APK:
		return version_valid_apk(version);
	case VERSION_ALPM:
		return version_valid_alpm(version);
	case VERSION_SEMVER:
		return version_valid_semver(version);
	case VERSION_NONE:
		break;
	}
	return false;
}

const char *version_scheme_name(enum version_scheme scheme)
{
	switch (scheme) {
	case VERSION_DEB:
		return "deb";
	case VERSION_RPM:
		return "rpm";
	case VERSION_APK:
		return "apk";
	case VERSION_ALPM:
		return "alpm";
	case VERSION_SEMVER:
		return "semver";
	case VERSION_NONE:
		break;
	}
	return "none";
}
