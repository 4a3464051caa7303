#include "match/version.h"

/* Rows of numbers between '.' or '-', the shorter first when one begins the other: R's package_version (CRAN, "Writing R
 * Extensions") and Haskell's Data.Version (Hackage). */

static bool is_separator(uint8_t c)
{
	return c == '.' || c == '-';
}

static struct slice take(struct slice *rest)
{
	struct slice whole = *rest;
	size_t       len = 0;

	while (len < whole.len && !is_separator(whole.ptr[len]))
		len++;
	*rest = slice_from(whole, len + 1);
	return slice_sub(whole, 0, len);
}

static int compare_part(struct slice a, struct slice b)
{
	bool a_number = version_is_number(a), b_number = version_is_number(b);

	if (a_number && b_number)
		return version_digits_cmp(a, b);
	if (a_number != b_number)
		return a_number ? 1 : -1;
	return slice_cmp(a, b);
}

bool version_valid_dotted(struct slice version)
{
	struct slice rest = slice_trim(version);

	if (!rest.len || is_separator(rest.ptr[rest.len - 1]))
		return false;
	while (rest.len)
		if (!version_is_number(take(&rest)))
			return false;
	return true;
}

int version_compare_dotted(struct slice a, struct slice b, int *order)
{
	struct slice left = slice_trim(a), right = slice_trim(b);

	*order = 0;
	while (*order == 0 && left.len && right.len) {
		struct slice part = take(&left);

		*order = compare_part(part, take(&right));
	}
	if (*order == 0)
		*order = (left.len != 0) - (right.len != 0);
	return version_valid_dotted(a) && version_valid_dotted(b) ? 0 : ERR_FORMAT;
}
