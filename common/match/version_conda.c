#include "match/version.h"

/* conda's VersionOrder (docs.conda.io "Package match specifications", conda/models/version.py): [epoch!]version[+local],
 * components between . _ -, each a row of runs of digits and of letters. "dev" sorts first, then other words, then
 * numbers, then "post"; a component that begins with letters has a 0 before them; what is missing is 0. */

struct conda {
	struct slice epoch, version, local;
	bool         valid;
};

struct component {
	struct slice rest;
	bool         leading_zero; /* begins with letters: a 0 stands before them */
};

static bool is_separator(uint8_t c)
{
	return c == '.' || c == '_' || c == '-';
}

static struct conda parse(struct slice text)
{
	struct conda v = {0};
	struct slice rest = slice_trim(text), first;
	size_t       plus;

	first = rest;
	v.epoch = version_take_digits(&first);
	if (v.epoch.len && first.len && first.ptr[0] == '!')
		rest = slice_from(first, 1);
	else
		v.epoch = SLICE_EMPTY;
	plus = slice_find(rest, '+');
	v.version = slice_sub(rest, 0, plus);
	v.local = plus == SIZE_MAX ? SLICE_EMPTY : slice_from(rest, plus + 1);
	v.valid = v.version.len != 0;
	for (size_t i = 0; i < rest.len; i++)
		v.valid = v.valid && (is_separator(rest.ptr[i]) || version_is_digit(rest.ptr[i]) || i == plus ||
				      version_is_alpha(rest.ptr[i]));
	return v;
}

static struct component take_component(struct slice *rest)
{
	struct slice whole = *rest;
	size_t       len = 0;

	while (len < whole.len && !is_separator(whole.ptr[len]))
		len++;
	*rest = slice_from(whole, len + 1);
	return (struct component){.rest = slice_sub(whole, 0, len),
				  .leading_zero = len && !version_is_digit(whole.ptr[0])};
}

/* The next run; "0" when there is none. */
static struct slice take_run(struct component *component)
{
	struct slice run;

	if (component->leading_zero || component->rest.len == 0) {
		component->leading_zero = false;
		return SLICE_LIT("0");
	}
	run = version_take_digits(&component->rest);
	if (!run.len)
		run = version_take_alphas(&component->rest);
	if (!run.len) { /* no version of conda's; to get on */
		run = slice_sub(component->rest, 0, 1);
		component->rest = slice_from(component->rest, 1);
	}
	return run;
}

static int class_of(struct slice run)
{
	if (slice_eq_nocase(run, SLICE_LIT("dev")))
		return 0;
	if (version_is_digit(run.ptr[0]))
		return 2;
	return slice_eq_nocase(run, SLICE_LIT("post")) ? 3 : 1;
}

static int compare_runs(struct slice a, struct slice b)
{
	int left = class_of(a), right = class_of(b);

	if (left != right)
		return left < right ? -1 : 1;
	return left == 2 ? version_digits_cmp(a, b) : version_cmp_nocase(a, b);
}

static int compare_components(struct component a, struct component b)
{
	int order = 0;

	while (order == 0 && (a.rest.len || b.rest.len)) {
		struct slice run = take_run(&a);

		order = compare_runs(run, take_run(&b));
	}
	return order;
}

static int compare_parts(struct slice a, struct slice b)
{
	int order = 0;

	while (order == 0 && (a.len || b.len)) {
		struct component component = take_component(&a);

		order = compare_components(component, take_component(&b));
	}
	return order;
}

bool version_valid_conda(struct slice version)
{
	return parse(version).valid;
}

int version_compare_conda(struct slice a, struct slice b, int *order)
{
	struct conda va = parse(a), vb = parse(b);

	*order = version_digits_cmp(va.epoch, vb.epoch);
	if (*order == 0)
		*order = compare_parts(va.version, vb.version);
	if (*order == 0)
		*order = compare_parts(va.local, vb.local);
	return va.valid && vb.valid ? 0 : ERR_FORMAT;
}
