/* Orders of package versions: the rules in data/versions/<scheme>.data always, 39,500 rows of other tools when they are
 * there. */
#include "lib/check.h"

#include "base/buf.h"
#include "base/file.h"
#include "match/version.h"

#include <stdlib.h>
#include <string.h>

static struct buf read_or_empty(const char *path)
{
	struct buf text;

	buf_init(&text, 16 << 20);
	(void)file_read(path, &text, NULL);
	return text;
}

static const char *sign(int order)
{
	return order < 0 ? "<" : order > 0 ? ">" : "=";
}

static bool holds(int order, struct slice op)
{
	if (slice_eq_str(op, "<="))
		return order <= 0;
	if (slice_eq_str(op, "!="))
		return order != 0;
	return slice_eq_str(op, sign(order));
}

static void check_pair(enum version_scheme scheme, struct slice a, struct slice op, struct slice b)
{
	int order, reverse;

	if (version_compare(scheme, a, b, &order) && !(scheme == VERSION_APK && slice_find_str(b, "blah") != SIZE_MAX))
		fail_msg("%s: %.*s %.*s %.*s: not readable", version_scheme_name(scheme), SLICE_FMT(a), SLICE_FMT(op),
			 SLICE_FMT(b));
	(void)version_compare(scheme, b, a, &reverse);
	if (!holds(order, op) || (order > 0) != (reverse < 0) || (order < 0) != (reverse > 0))
		fail_msg("%s: %.*s %.*s %.*s: got %s, reversed %s", version_scheme_name(scheme), SLICE_FMT(a),
			 SLICE_FMT(op), SLICE_FMT(b), sign(order), sign(reverse));
}

static void check_line(enum version_scheme scheme, struct slice line)
{
	struct slice first = slice_cut(&line, ' ');

	if (slice_eq_str(first, "!")) {
		if (version_valid(scheme, line))
			fail_msg("%s: \"%.*s\" is taken for a version", version_scheme_name(scheme), SLICE_FMT(line));
		return;
	}
	struct slice op = slice_cut(&line, ' ');
	check_pair(scheme, first, op, line);
}

static void check_file(enum version_scheme scheme)
{
	char         path[512];
	size_t       lines = 0;
	struct buf   text;
	struct slice rest;

	snprintf(path, sizeof(path), "%s/versions/%s.data", TEST_DATA_DIR, version_scheme_name(scheme));
	text = read_or_empty(path);
	for (rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		check_line(scheme, line);
		lines++;
	}
	assert_true(lines > 15);
	buf_deinit(&text);
}

static void rules_of_each_scheme_hold(void **state)
{
	(void)state;
	for (enum version_scheme scheme = VERSION_DEB; scheme < VERSION_SCHEMES; scheme++)
		check_file(scheme);
}

static void nothing_is_ordered_without_a_scheme(void **state)
{
	int order = 7;

	(void)state;
	assert_int_equal(version_compare(VERSION_NONE, SLICE_LIT("1"), SLICE_LIT("2"), &order), ERR_UNSUPPORTED);
	assert_int_equal(order, 0);
	assert_false(version_valid(VERSION_NONE, SLICE_LIT("1")));
}

static void an_empty_version_is_no_version(void **state)
{
	(void)state;
	for (enum version_scheme scheme = VERSION_DEB; scheme < VERSION_SCHEMES; scheme++)
		assert_false(version_valid(scheme, SLICE_EMPTY));
}

static enum version_scheme scheme_of_row(struct slice name)
{
	static const struct {
		const char         *name;
		enum version_scheme scheme;
	} SCHEMES[] = {
		{"apk", VERSION_APK},        {"alpine", VERSION_APK},    {"deb", VERSION_DEB},
		{"debian", VERSION_DEB},     {"dpkg", VERSION_DEB},      {"rpm", VERSION_RPM},
		{"redhat", VERSION_RPM},     {"pacman", VERSION_ALPM},   {"alpm", VERSION_ALPM},
		{"npm", VERSION_SEMVER},     {"semver", VERSION_SEMVER}, {"npm-loose", VERSION_SEMVER},
		{"pub", VERSION_PUB},        {"pep440", VERSION_PEP440}, {"pypi", VERSION_PEP440},
		{"maven", VERSION_MAVEN},    {"rubygems", VERSION_GEM},  {"packagist", VERSION_COMPOSER},
		{"nuget", VERSION_NUGET},    {"gentoo", VERSION_GENTOO}, {"cran", VERSION_DOTTED},
		{"hackage", VERSION_DOTTED},
	};

	for (size_t i = 0; i < sizeof(SCHEMES) / sizeof(*SCHEMES); i++)
		if (slice_eq_str(name, SCHEMES[i].name))
			return SCHEMES[i].scheme;
	return VERSION_NONE;
}

static bool is_disputed(struct slice disputed, struct slice row)
{
	char text[1024];

	snprintf(text, sizeof(text), "\n%.*s #", SLICE_FMT(row));
	for (char *c = text; *c; c++)
		if (*c == '\t')
			*c = ' ';
	return slice_find_str(disputed, text) != SIZE_MAX;
}

static void rows_made_by_the_packagers_tools_hold(void **state)
{
	struct buf   text = read_or_empty(SHARED_DATA_DIR "/truth/versions/versions.tsv");
	struct buf   disputed = read_or_empty(TEST_DATA_DIR "/versions/disputed.data");
	struct slice rest = buf_slice(&text);
	size_t       rows = 0, wrong = 0;

	(void)state;
	if (rest.len == 0) {
		printf("SKIP rows_made_by_the_packagers_tools_hold: needs ../shared/data\n");
		skip();
	}
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n'), row = line;
		struct slice name = slice_cut(&line, '\t'), a = slice_cut(&line, '\t'), op = slice_cut(&line, '\t');
		struct slice b = slice_cut(&line, '\t');
		int          order;

		row.len -= line.len + (line.len ? 1 : 0);
		if (scheme_of_row(name) == VERSION_NONE || is_disputed(buf_slice(&disputed), row))
			continue;
		(void)version_compare(scheme_of_row(name), a, b, &order);
		rows++;
		if (!holds(order, op)) {
			printf("%.*s: got %s\n", SLICE_FMT(row), sign(order));
			wrong++;
		}
	}
	assert_true(rows > 39000);
	assert_int_equal(wrong, 0);
	buf_deinit(&text);
	buf_deinit(&disputed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_each_scheme_hold),
		cmocka_unit_test(nothing_is_ordered_without_a_scheme),
		cmocka_unit_test(an_empty_version_is_no_version),
		cmocka_unit_test(rows_made_by_the_packagers_tools_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
