#include "match/version.h"

/* The order of Packagist versions: PHP's version_compare() over what Composer\Semver accepts, a leading "v" left out.
 *
 * Parts are runs of digits and runs of anything else but . - _ +. Words order as dev < alpha < beta < RC < (a number) < pl;
 * an unknown word comes before all of them. A branch ("dev-main", "1.x-dev") is no version. */

static const char *const  WORDS[] = {"dev", "alpha", "a", "beta", "b", "RC", "rc", "#", "pl", "p"};
static const int          RANKS[] = {0, 1, 1, 2, 2, 3, 3, 4, 5, 5};
static const struct slice NUMBER = {(const uint8_t *)"#", 1}; /* stands for a number beside a word */

static bool is_separator(uint8_t c)
{
	return c == '.' || c == '-' || c == '_' || c == '+';
}

static struct slice take(struct slice *rest)
{
	struct slice part, whole;
	size_t       len = 0;

	while (rest->len && is_separator(rest->ptr[0]))
		*rest = slice_from(*rest, 1);
	part = version_take_digits(rest);
	if (part.len)
		return part;
	whole = *rest;
	while (len < whole.len && !is_separator(whole.ptr[len]) && !version_is_digit(whole.ptr[len]))
		len++;
	*rest = slice_from(whole, len);
	return slice_sub(whole, 0, len);
}

static int rank(struct slice word)
{
	for (size_t i = 0; i < sizeof(RANKS) / sizeof(*RANKS); i++)
		if (slice_starts(word, WORDS[i]))
			return RANKS[i];
	return -1;
}

static int compare_words(struct slice a, struct slice b)
{
	int left = rank(a), right = rank(b);

	return (left > right) - (left < right);
}

static int compare_parts(struct slice a, struct slice b)
{
	bool a_number = version_is_digit(a.ptr[0]), b_number = version_is_digit(b.ptr[0]);

	if (a_number && b_number)
		return version_digits_cmp(a, b);
	return compare_words(a_number ? NUMBER : a, b_number ? NUMBER : b);
}

/* What a longer version has more: a number makes it greater, a word is set beside a number. */
static int compare_rest(struct slice part)
{
	return version_is_digit(part.ptr[0]) ? 1 : compare_words(part, NUMBER);
}

static struct slice without_v(struct slice version)
{
	version = slice_trim(version);
	if (version.len > 1 && (version.ptr[0] == 'v' || version.ptr[0] == 'V') && version_is_digit(version.ptr[1]))
		version = slice_from(version, 1);
	return version;
}

/* Not what PHP means by "#" alone, which has no place in a transitive order. */
bool version_valid_composer(struct slice version)
{
	struct slice text = without_v(version);

	return text.len && version_is_digit(text.ptr[0]) && !slice_ends(text, ".x-dev") &&
	       slice_find(text, ' ') == SIZE_MAX && slice_find(text, '#') == SIZE_MAX;
}

int version_compare_composer(struct slice a, struct slice b, int *order)
{
	struct slice left = without_v(a), right = without_v(b), l, r;

	*order = 0;
	do {
		l = take(&left);
		r = take(&right);
		if (l.len && r.len)
			*order = compare_parts(l, r);
		else if (l.len)
			*order = compare_rest(l);
		else if (r.len)
			*order = -compare_rest(r);
	} while (*order == 0 && (l.len || r.len));
	return version_valid_composer(a) && version_valid_composer(b) ? 0 : ERR_FORMAT;
}
