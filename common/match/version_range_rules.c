#include "match/version_range_rules.h"

#include "match/version_parts.h"

/* --- bounds --- */

static bool is_wildcard(struct slice text)
{
	return text.len && (text.ptr[0] == '*' || text.ptr[0] == 'x' || text.ptr[0] == 'X') &&
	       (text.len == 1 || text.ptr[1] == '.' || text.ptr[1] == '-' || text.ptr[1] == '+');
}

static size_t count_numbers(struct slice dotted)
{
	size_t count = dotted.len != 0;

	for (size_t i = 0; i < dotted.len; i++)
		count += dotted.ptr[i] == '.';
	return count;
}

static struct slice without_sign(struct slice text)
{
	while (text.len && (text.ptr[0] == '=' || text.ptr[0] == 'v' || text.ptr[0] == 'V'))
		text = slice_trim(slice_from(text, 1));
	return text;
}

struct range_bound range_bound_read(struct slice text)
{
	struct range_bound bound = {.text = without_sign(text)};
	struct slice       rest = bound.text;

	bound.numbers = version_take_dotted(&rest);
	if (slice_starts(rest, "!")) {
		bound.epoch = bound.numbers;
		rest = slice_from(rest, 1);
		bound.numbers = version_take_dotted(&rest);
	}
	bound.count = count_numbers(bound.numbers);
	bound.wildcard = is_wildcard(bound.count && slice_starts(rest, ".") ? slice_from(rest, 1) : rest);
	if (!bound.wildcard)
		bound.suffix = slice_sub(rest, 0, slice_find(rest, '+'));
	return bound;
}

/* --- shared --- */

static int order_of(const struct range_test *test)
{
	int order;

	(void)version_compare(test->scheme, test->version, test->bound.text, &order);
	return order;
}

static struct slice first_numbers(struct slice dotted, size_t count)
{
	for (size_t i = 0; i < dotted.len; i++)
		if (dotted.ptr[i] == '.' && --count == 0)
			return slice_sub(dotted, 0, i);
	return dotted;
}

/* The first `count` numbers of the version against those of the bound; 0 numbers are equal. */
static int prefix_cmp(const struct range_test *test, size_t count)
{
	if (count == 0)
		return 0;
	return version_dotted_cmp(first_numbers(test->numbers, count), first_numbers(test->bound.numbers, count));
}

static bool by_order(enum range_op op, int order)
{
	switch (op) {
	case RANGE_LT:
		return order < 0;
	case RANGE_LE:
	case RANGE_THROUGH:
		return order <= 0;
	case RANGE_GT:
		return order > 0;
	case RANGE_GE:
		return order >= 0;
	case RANGE_NE:
		return order != 0;
	default:
		return order == 0;
	}
}

/* How many numbers stay the same under "^": up to the first that is not 0. */
static size_t caret_count(const struct range_bound *bound)
{
	struct slice rest = bound->numbers;
	size_t       count = 0;

	while (rest.len) {
		struct slice number = slice_cut(&rest, '.');

		count++;
		if (version_digits_cmp(number, SLICE_LIT("0")) != 0 || count == 3)
			break;
	}
	return count;
}

bool range_rule_order(const struct range_test *test)
{
	return by_order(test->op, test->bound.wildcard ? prefix_cmp(test, test->bound.count) : order_of(test));
}

/* --- npm, Cargo, Pub --- */

static bool npm_from(const struct range_test *test, bool partial)
{
	return partial && test->prereleases ? prefix_cmp(test, test->bound.count) >= 0 : order_of(test) >= 0;
}

/* A number that is not there may be any: "1.2" is "1.2.x". */
static bool npm_partial(const struct range_test *test)
{
	size_t count = test->bound.count;

	switch (test->op) {
	case RANGE_EQ:
		return npm_from(test, true) && prefix_cmp(test, count) <= 0;
	case RANGE_GE:
		return npm_from(test, true);
	case RANGE_GT:
	case RANGE_LT:
		return count && by_order(test->op, prefix_cmp(test, count));
	default:
		return by_order(test->op, prefix_cmp(test, count));
	}
}

bool range_rule_npm(const struct range_test *test)
{
	const struct range_bound *bound = &test->bound;
	bool                      partial = bound->wildcard || (bound->count < 3 && !bound->suffix.len);

	if (!bound->count && test->op != RANGE_LT && test->op != RANGE_GT)
		return true;
	switch (test->op) {
	case RANGE_CARET:
		return npm_from(test, partial) && prefix_cmp(test, caret_count(bound)) <= 0;
	case RANGE_TILDE:
	case RANGE_PESSIMIST:
		return npm_from(test, partial) && prefix_cmp(test, bound->count < 2 ? bound->count : 2) <= 0;
	default:
		return partial ? npm_partial(test) : by_order(test->op, order_of(test));
	}
}

/* --- Composer --- */

/* "1.0" is "1.0.0.0" there, unlike to version_compare(). */
static int composer_order(const struct range_test *test)
{
	struct slice version = without_sign(slice_trim(test->version));
	int          order = version_dotted_cmp(test->numbers, test->bound.numbers);

	(void)version_take_dotted(&version);
	if (order == 0)
		(void)version_compare_composer(slice_sub(version, 0, slice_find(version, '+')), test->bound.suffix,
					       &order);
	return order;
}

/* Without a stability of its own the lower end is the "-dev" of its numbers, before everything else of them. */
static bool composer_from(const struct range_test *test)
{
	return (test->bound.suffix.len ? composer_order(test) : prefix_cmp(test, SIZE_MAX)) >= 0;
}

static bool composer_exact(const struct range_test *test)
{
	const struct range_bound *bound = &test->bound;

	if (test->op == RANGE_GE)
		return composer_from(test);
	if (test->op == RANGE_LT)
		return !composer_from(test);
	if (test->op == RANGE_THROUGH && bound->count < 3 && !bound->suffix.len)
		return prefix_cmp(test, bound->count) <= 0;
	return by_order(test->op, composer_order(test));
}

bool range_rule_composer(const struct range_test *test)
{
	const struct range_bound *bound = &test->bound;

	switch (test->op) {
	case RANGE_CARET:
		return composer_from(test) && prefix_cmp(test, caret_count(bound)) <= 0;
	case RANGE_TILDE:
	case RANGE_PESSIMIST:
		return composer_from(test) && prefix_cmp(test, bound->count > 1 ? bound->count - 1 : bound->count) <= 0;
	default:
		return bound->wildcard ? by_order(test->op, prefix_cmp(test, bound->count)) : composer_exact(test);
	}
}

/* --- PEP 440 --- */

static struct slice public_part(struct slice version)
{
	return slice_sub(version, 0, slice_find(version, '+'));
}

/* The first `count` release numbers are those of the bound, and the epoch is. */
static bool pep440_prefix(const struct range_test *test, size_t count)
{
	struct version_parts version = version_parts_pep440(test->version);

	return version_digits_cmp(version.epoch, test->bound.epoch) == 0 && prefix_cmp(test, count) == 0;
}

static bool same_release(const struct version_parts *a, const struct version_parts *b)
{
	return version_digits_cmp(a->epoch, b->epoch) == 0 && version_dotted_cmp(a->numbers, b->numbers) == 0;
}

/* "<2" holds no pre-release of 2, ">2" no post-release, unless the bound is one itself. */
static bool pep440_exclusive(const struct range_test *test, int order)
{
	struct version_parts version = version_parts_pep440(test->version),
			     bound = version_parts_pep440(test->bound.text);

	if (test->op == RANGE_LT)
		return order < 0 && !(version.prerelease && !bound.prerelease && same_release(&version, &bound));
	return order > 0 && !(version.post && !bound.post && same_release(&version, &bound));
}

bool range_rule_pep440(const struct range_test *test)
{
	int order;

	if (test->bound.wildcard)
		return pep440_prefix(test, test->bound.count) == (test->op == RANGE_EQ);
	if (test->op == RANGE_VERBATIM)
		return slice_eq_nocase(slice_trim(test->version), test->bound.text);
	/* a local version is that of the public one, unless the bound has its own and asks for no less and no more */
	bool local = (test->op == RANGE_EQ || test->op == RANGE_NE) && slice_find(test->bound.text, '+') != SIZE_MAX;

	(void)version_compare_pep440(local ? test->version : public_part(test->version), test->bound.text, &order);
	if (test->op == RANGE_LT || test->op == RANGE_GT)
		return pep440_exclusive(test, order);
	if (test->op == RANGE_COMPATIBLE)
		return order >= 0 && test->bound.count > 1 && pep440_prefix(test, test->bound.count - 1);
	return by_order(test->op, order);
}

/* --- RubyGems, Hex; apk --- */

bool range_rule_gem(const struct range_test *test)
{
	if (test->op != RANGE_PESSIMIST && test->op != RANGE_TILDE)
		return range_rule_order(test);
	return order_of(test) >= 0 && prefix_cmp(test, test->bound.count > 1 ? test->bound.count - 1 : 1) <= 0;
}

/* The version begins as the bound does, whole parts at a time. */
static bool apk_fuzzy(const struct range_test *test)
{
	struct slice rest = test->version;
	size_t       len = test->bound.suffix.len;

	if (prefix_cmp(test, test->bound.count) != 0)
		return false;
	(void)version_take_dotted(&rest);
	return len == 0 || (count_numbers(test->numbers) == test->bound.count &&
			    slice_eq(slice_sub(rest, 0, len), test->bound.suffix) &&
			    (rest.len == len || !version_is_digit(rest.ptr[len])));
}

bool range_rule_apk(const struct range_test *test)
{
	if (test->op == RANGE_TILDE || test->op == RANGE_NOT_TILDE)
		return apk_fuzzy(test) == (test->op == RANGE_TILDE);
	return range_rule_order(test);
}
