#include "match/version.h"

/* Gentoo's Package Manager Specification (PMS 8, chapter 3.3 "Version Comparison"). */

struct gentoo {
	struct slice numbers, suffixes, revision; /* "1.02", "_rc1_p2", "3" */
	uint8_t      letter;                      /* 0 = none */
	bool         valid;
};

static const char *const SUFFIXES[] = {"alpha", "beta", "pre", "rc", "p"};
enum { SUFFIX_NONE = 4 }; /* no suffix: behind _rc, before _p */

/* Place of the suffix at the front in the order above; -1: none. `*number` is what stands behind it. */
static int take_suffix(struct slice *rest, struct slice *number)
{
	struct slice at = *rest, word;

	if (!at.len || at.ptr[0] != '_')
		return -1;
	at = slice_from(at, 1);
	word = version_take_alphas(&at);
	*number = version_take_digits(&at);
	for (int i = 0; i < 5; i++)
		if (slice_eq_str(word, SUFFIXES[i])) {
			*rest = at;
			return i < SUFFIX_NONE ? i : SUFFIX_NONE + 1;
		}
	return -1;
}

static struct gentoo parse(struct slice text)
{
	struct gentoo v = {0};
	struct slice  rest = slice_trim(text), start, number;

	v.numbers = version_take_dotted(&rest);
	if (rest.len && rest.ptr[0] >= 'a' && rest.ptr[0] <= 'z') {
		v.letter = rest.ptr[0];
		rest = slice_from(rest, 1);
	}
	start = rest;
	while (take_suffix(&rest, &number) >= 0)
		;
	v.suffixes = slice_sub(start, 0, start.len - rest.len);
	if (slice_starts(rest, "-r")) {
		rest = slice_from(rest, 2);
		v.revision = version_take_digits(&rest);
		v.valid = v.revision.len != 0;
	} else {
		v.valid = true;
	}
	v.valid = v.valid && v.numbers.len && rest.len == 0;
	return v;
}

static struct slice without_end_zeros(struct slice digits)
{
	while (digits.len && digits.ptr[digits.len - 1] == '0')
		digits.len--;
	return digits;
}

/* All but the first number are compared as decimal fractions when one of them begins with 0. */
static int compare_numbers(struct slice a, struct slice b)
{
	struct slice first = slice_cut(&a, '.');
	int          order = version_digits_cmp(first, slice_cut(&b, '.'));

	while (order == 0 && a.len && b.len) {
		struct slice l = slice_cut(&a, '.'), r = slice_cut(&b, '.');

		order = l.ptr[0] == '0' || r.ptr[0] == '0' ? slice_cmp(without_end_zeros(l), without_end_zeros(r))
							   : version_digits_cmp(l, r);
	}
	return order ? order : (a.len != 0) - (b.len != 0);
}

static int compare_suffixes(struct slice a, struct slice b)
{
	int order = 0;

	while (order == 0 && (a.len || b.len)) {
		struct slice left = SLICE_EMPTY, right = SLICE_EMPTY;
		int          l = take_suffix(&a, &left), r = take_suffix(&b, &right);

		l = l < 0 ? SUFFIX_NONE : l;
		r = r < 0 ? SUFFIX_NONE : r;
		order = l != r ? l - r : version_digits_cmp(left, right);
	}
	return order;
}

bool version_valid_gentoo(struct slice version)
{
	return parse(version).valid;
}

int version_compare_gentoo(struct slice a, struct slice b, int *order)
{
	struct gentoo va = parse(a), vb = parse(b);

	*order = compare_numbers(va.numbers, vb.numbers);
	if (*order == 0)
		*order = (va.letter > vb.letter) - (va.letter < vb.letter);
	if (*order == 0)
		*order = compare_suffixes(va.suffixes, vb.suffixes);
	if (*order == 0)
		*order = version_digits_cmp(va.revision, vb.revision);
	return va.valid && vb.valid ? 0 : ERR_FORMAT;
}
