#include "match/version_range.h"

#include "match/version_parts.h"
#include "match/version_range_rules.h"

struct version_range_language {
	const char         *type; /* purl type */
	enum version_scheme scheme;
	range_rule          rule;
	enum range_op       bare;           /* what a version without operator asks for */
	bool                resolver_hides; /* pre-releases that the range does not name */
};

/* One table of schemes. */
static const struct version_range_language LANGUAGES[] = {
	{"alpm", VERSION_ALPM, range_rule_order, RANGE_EQ, false},
	{"apk", VERSION_APK, range_rule_apk, RANGE_EQ, false},
	{"bitnami", VERSION_SEMVER, range_rule_order, RANGE_EQ, false},
	{"cargo", VERSION_SEMVER, range_rule_npm, RANGE_CARET, true},
	{"composer", VERSION_COMPOSER, range_rule_composer, RANGE_EQ, false},
	{"conda", VERSION_CONDA, range_rule_order, RANGE_EQ, false},
	{"cran", VERSION_DOTTED, range_rule_order, RANGE_EQ, false},
	{"deb", VERSION_DEB, range_rule_order, RANGE_EQ, false},
	{"ebuild", VERSION_GENTOO, range_rule_order, RANGE_EQ, false},
	{"gem", VERSION_GEM, range_rule_gem, RANGE_EQ, false},
	{"githubactions", VERSION_SEMVER, range_rule_order, RANGE_EQ, false},
	{"golang", VERSION_SEMVER, range_rule_order, RANGE_EQ, false},
	{"hackage", VERSION_DOTTED, range_rule_order, RANGE_EQ, false},
	{"hex", VERSION_SEMVER, range_rule_gem, RANGE_EQ, false},
	{"julia", VERSION_SEMVER, range_rule_npm, RANGE_CARET, false},
	{"maven", VERSION_MAVEN, range_rule_order, RANGE_EQ, false},
	{"npm", VERSION_SEMVER, range_rule_npm, RANGE_EQ, true},
	{"nuget", VERSION_NUGET, range_rule_order, RANGE_GE, false},
	{"opkg", VERSION_DEB, range_rule_order, RANGE_EQ, false},
	{"pub", VERSION_PUB, range_rule_npm, RANGE_EQ, false},
	{"pypi", VERSION_PEP440, range_rule_pep440, RANGE_EQ, false},
	{"rpm", VERSION_RPM, range_rule_order, RANGE_EQ, false},
	{"swift", VERSION_SEMVER, range_rule_order, RANGE_EQ, false},
};

static const struct {
	const char   *text;
	enum range_op op;
} OPERATORS[] = {
	/* the longer ones first */
	{"===", RANGE_VERBATIM}, {"==", RANGE_EQ},        {"~=", RANGE_COMPATIBLE}, {"=~", RANGE_TILDE},
	{"~>", RANGE_PESSIMIST}, {"!~", RANGE_NOT_TILDE}, {"!=", RANGE_NE},         {"<>", RANGE_NE},
	{"<=", RANGE_LE},        {">=", RANGE_GE},        {"<", RANGE_LT},          {">", RANGE_GT},
	{"=", RANGE_EQ},         {"~", RANGE_TILDE},      {"^", RANGE_CARET},       {"!", RANGE_NE},
};

const struct version_range_language *version_range_language(struct slice purl_type)
{
	for (size_t i = 0; i < sizeof(LANGUAGES) / sizeof(*LANGUAGES); i++)
		if (slice_eq_str(purl_type, LANGUAGES[i].type))
			return &LANGUAGES[i];
	return NULL;
}

/* One version against one alternative of a range. */
struct question {
	const struct version_range_language *language;
	struct slice                         version;
	struct version_parts                 parts;
	bool                                 prereleases;
	bool                                 named; /* the range names a pre-release of the same numbers */
};

/* --- one comparator --- */

static struct slice skip_separators(struct slice rest)
{
	while (rest.len && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t' || rest.ptr[0] == ','))
		rest = slice_from(rest, 1);
	return slice_starts(rest, "and ") ? skip_separators(slice_from(rest, 4)) : rest;
}

static enum range_op take_operator(struct slice *rest)
{
	for (size_t i = 0; i < sizeof(OPERATORS) / sizeof(*OPERATORS); i++)
		if (slice_starts(*rest, OPERATORS[i].text)) {
			*rest = slice_trim(slice_from(*rest, strlen(OPERATORS[i].text)));
			return OPERATORS[i].op;
		}
	return RANGE_BARE;
}

static struct slice take_version(struct slice *rest)
{
	struct slice whole = *rest;
	size_t       len = 0;

	while (len < whole.len && whole.ptr[len] != ' ' && whole.ptr[len] != '\t' && whole.ptr[len] != ',')
		len++;
	*rest = slice_from(whole, len);
	return slice_sub(whole, 0, len);
}

/* apk's "~" looks at the beginning of a version, whatever follows. */
static bool version_readable(const struct question *question, enum range_op op)
{
	bool fuzzy = question->language->scheme == VERSION_APK && (op == RANGE_TILDE || op == RANGE_NOT_TILDE);

	return fuzzy || version_valid(question->language->scheme, question->version);
}

static bool bound_valid(const struct version_range_language *language, const struct range_bound *bound)
{
	return bound->wildcard || version_valid(language->scheme, bound->text);
}

static void note_prerelease(struct question *question, const struct range_bound *bound)
{
	struct version_parts parts = version_parts_semver(bound->text);

	if (!bound->wildcard && parts.prerelease && version_dotted_cmp(parts.numbers, question->parts.numbers) == 0)
		question->named = true;
}

static int holds_one(struct question *question, enum range_op op, struct slice text, bool *holds)
{
	const struct version_range_language *language = question->language;
	struct range_test                    test = {.scheme = language->scheme,
						     .op = op,
						     .version = question->version,
						     .numbers = question->parts.numbers,
						     .prereleases = question->prereleases};

	if (language->scheme == VERSION_COMPOSER)
		text = slice_sub(text, 0, slice_find(text, '@')); /* "1.0@beta": which stability may be installed */
	test.bound = range_bound_read(text);
	if (!version_readable(question, op) || !bound_valid(language, &test.bound))
		return ERR_FORMAT;
	note_prerelease(question, &test.bound);
	*holds = language->rule(&test);
	return 0;
}

/* "A - B" is from A through B; `*rest` stands behind A. */
static bool take_through(struct slice *rest)
{
	struct slice at = slice_trim(*rest);

	if (at.len == rest->len || !slice_starts(at, "- "))
		return false;
	*rest = slice_trim(slice_from(at, 2));
	return true;
}

static int holds_next(struct question *question, struct slice *rest, bool *holds)
{
	enum range_op op = take_operator(rest);
	struct slice  text = take_version(rest);
	bool          through = op == RANGE_BARE && take_through(rest), end = true;
	int           rc;

	if (op == RANGE_BARE)
		op = through ? RANGE_GE : question->language->bare;
	rc = holds_one(question, op, text, holds);
	if (rc == 0 && through)
		rc = holds_one(question, RANGE_THROUGH, take_version(rest), &end);
	*holds = *holds && end;
	return rc;
}

/* --- alternatives --- */

static int holds_all(struct question *question, struct slice set, bool *holds)
{
	bool all = true;

	question->named = false;
	for (set = skip_separators(set); set.len; set = skip_separators(set)) {
		bool one = false;
		int  rc = holds_next(question, &set, &one);

		if (rc)
			return rc;
		all = all && one;
	}
	if (question->language->resolver_hides && !question->prereleases && question->parts.prerelease &&
	    !question->named)
		all = false;
	*holds = all;
	return 0;
}

/* "[1.0,2.0)", "(,1.0]", "[1.0]" */
static int holds_interval(struct question *question, struct slice interval, bool *holds)
{
	bool         low_in = interval.ptr[0] == '[', high_in = slice_ends(interval, "]"), lower = true, upper = true;
	bool         closed = interval.len > 2 && (high_in || slice_ends(interval, ")"));
	struct slice inside = slice_sub(interval, 1, interval.len - 2);
	bool         single = slice_find(inside, ',') == SIZE_MAX;
	struct slice low = slice_trim(slice_cut(&inside, ',')), high = slice_trim(inside);
	int          rc = closed && !(single && !(low_in && high_in)) ? 0 : ERR_FORMAT;

	if (rc == 0 && low.len)
		rc = holds_one(question, single ? RANGE_EQ : low_in ? RANGE_GE : RANGE_GT, low, &lower);
	if (rc == 0 && high.len)
		rc = holds_one(question, high_in ? RANGE_LE : RANGE_LT, high, &upper);
	*holds = rc == 0 && lower && upper;
	return rc;
}

static bool is_interval(struct slice range)
{
	return slice_starts(range, "[") || slice_starts(range, "(");
}

/* The next of several intervals: "(,1.0],[1.2,)". */
static struct slice take_interval(struct slice *rest)
{
	struct slice whole = *rest;
	size_t       end = 0;

	while (end < whole.len && whole.ptr[end] != ']' && whole.ptr[end] != ')')
		end++;
	*rest = skip_separators(slice_from(whole, end + 1));
	return slice_sub(whole, 0, end + 1);
}

static struct slice take_alternative(struct slice *rest)
{
	size_t       bar = slice_find(*rest, '|'), word = slice_find_str(*rest, " or ");
	size_t       end = bar < word ? bar : word, len = bar < word ? 1 : 4;
	struct slice alternative = slice_sub(*rest, 0, end);

	if (is_interval(*rest))
		return take_interval(rest);
	if (end == SIZE_MAX) {
		*rest = SLICE_EMPTY;
		return slice_trim(alternative);
	}
	*rest = slice_from(*rest, end + len);
	if (len == 1 && slice_starts(*rest, "|"))
		*rest = slice_from(*rest, 1);
	return slice_trim(alternative);
}

int version_range_holds(const struct version_range_language *language, struct slice range, struct slice version,
			enum version_range_prereleases prereleases, bool *holds)
{
	struct question question = {.language = language, .version = slice_trim(version)};
	int             rc = 0;

	*holds = false;
	question.prereleases = prereleases == VERSION_RANGE_AS_ORDERED;
	question.parts = language->scheme == VERSION_PEP440 ? version_parts_pep440(question.version)
							    : version_parts_semver(question.version);
	range = slice_trim(range);
	do {
		struct slice alternative = take_alternative(&range);
		int          failed = is_interval(alternative) ? holds_interval(&question, alternative, holds)
							       : holds_all(&question, alternative, holds);

		rc = rc ? rc : failed;
		range = slice_trim(range);
	} while (!*holds && range.len);
	return *holds ? 0 : rc;
}
