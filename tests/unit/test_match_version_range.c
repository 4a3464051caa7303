/* Ranges in the words of each package manager: the rules in data/versions/ranges.tsv always, 300 rows of other tools when they
 * are there. */
#include "lib/check.h"

#include "base/buf.h"
#include "base/file.h"
#include "match/version_range.h"

#include <string.h>

static struct buf read_or_empty(const char *path)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	(void)file_read(path, &text, NULL);
	return text;
}

static const char *answer(struct slice type, struct slice range, struct slice version)
{
	enum version_range_prereleases       prereleases = VERSION_RANGE_AS_RESOLVED;
	const struct version_range_language *language;
	bool                                 holds = true;

	if (slice_ends(type, "+")) {
		type = slice_sub(type, 0, type.len - 1);
		prereleases = VERSION_RANGE_AS_ORDERED;
	}
	language = version_range_language(type);
	if (!language)
		return "no such type";
	if (version_range_holds(language, range, version, prereleases, &holds))
		return holds ? "held although unreadable" : "unreadable";
	return holds ? "holds" : "fails";
}

static void each_rule_holds(void **state)
{
	struct buf   text = read_or_empty(TEST_DATA_DIR "/versions/ranges.tsv");
	struct slice rest = buf_slice(&text);
	size_t       rows = 0, wrong = 0;

	(void)state;
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n'), all = line;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		struct slice type = slice_cut(&line, '\t'), range = slice_cut(&line, '\t');
		const char  *got = answer(type, range, slice_cut(&line, '\t'));

		if (!slice_eq_str(line, got))
			print_error("%.*s: got %s\n", SLICE_FMT(all), got), wrong++;
		rows++;
	}
	assert_int_equal(wrong, 0);
	assert_true(rows > 70);
	buf_deinit(&text);
}

static struct slice type_of_scheme(struct slice scheme)
{
	static const char *const TYPES[][2] = {{"npm", "npm"},     {"npm-loose", "npm"}, {"npm-incpre", "npm+"},
					       {"pep440", "pypi"}, {"nuget", "nuget"},   {"composer", "composer"},
					       {"apk", "apk"}};

	for (size_t i = 0; i < sizeof(TYPES) / sizeof(*TYPES); i++)
		if (slice_eq_str(scheme, TYPES[i][0]))
			return slice_str(TYPES[i][1]);
	return SLICE_EMPTY;
}

/* `*-false` rows may also be unreadable: "not a version" is in no range. */
static void rows_of_other_tools_hold(void **state)
{
	struct buf   text = read_or_empty(SHARED_DATA_DIR "/truth/versions/version_ranges.tsv");
	struct slice rest = buf_slice(&text);
	size_t       rows = 0, wrong = 0;

	(void)state;
	if (!rest.len) {
		printf("SKIP rows_of_other_tools_hold: needs ../shared/data\n");
		skip();
	}
	(void)slice_cut(&rest, '\n');
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n'), all = line;
		struct slice type = type_of_scheme(slice_cut(&line, '\t')), range = slice_cut(&line, '\t');
		const char  *got = answer(type, range, slice_cut(&line, '\t'));

		if (slice_eq_str(slice_cut(&line, '\t'), "true") != (strcmp(got, "holds") == 0))
			print_error("%.*s: got %s\n", SLICE_FMT(all), got), wrong++;
		rows++;
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(rows, 301);
	buf_deinit(&text);
}

static void a_type_without_an_order_has_no_ranges(void **state)
{
	(void)state;
	assert_null(version_range_language(SLICE_LIT("generic")));
	assert_null(version_range_language(SLICE_EMPTY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_holds),
		cmocka_unit_test(rows_of_other_tools_hold),
		cmocka_unit_test(a_type_without_an_order_has_no_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
