/* Globs, and which packages a pattern means. */
#include "lib/check.h"

#include "base/glob.h"
#include "match/package_pattern.h"

static void glob_stops_at_folders_where_paths_are_meant(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool        name, path;
	} cases[] = {
		{"*", "a/b", true, false},
		{"**", "a/b", true, true},
		{"a*c", "abc", true, true},
		{"a*c", "a/c", true, false},
		{"?", "/", true, false},
		{"**/x", "x", false, true},
		{"**/x", "ax", false, false},
		{"**/x", "a/b/x", true, true},
		{"etc/**/x.pem", "etc/x.pem", false, true},
		{"etc/**/x.pem", "etc/a/b/x.pem", true, true},
		{"etc/*.pem", "etc/a/b.pem", true, false},
		{"[a-c]x", "bx", true, true},
		{"[!a-c]x", "bx", false, false},
		{"[!a]", "/", true, false},
		{"a\\*", "a*", true, true},
		{"a\\*", "ab", false, false},
		{"[", "[", true, true},
		{"", "", true, true},
		{"*a*b*c*", "xxaxxbxxcxx", true, true},
		{"*a*b*c*", "xxaxxcxxbxx", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice pattern = slice_str(cases[i].pattern), text = slice_str(cases[i].text);

		if (glob_match(pattern, text, false) != cases[i].name ||
		    glob_match(pattern, text, true) != cases[i].path)
			fail_msg("%s against %s", cases[i].pattern, cases[i].text);
	}
}

static void pattern_means_these_packages(void **state)
{
	static const struct {
		const char *pattern, *type, *name, *version, *purl;
		bool        meant, unsure;
	} cases[] = {
		{"log4j-core<2.17.1", "maven", "org.apache.logging.log4j:log4j-core", "2.14.0", "", true, false},
		{"log4j-core<2.17.1", "maven", "org.apache.logging.log4j:log4j-core", "2.17.1", "", false, false},
		{"log4j-core<2.17.1", "maven", "org.apache.logging.log4j:log4j-core", "", "", true, true},
		{"log4j-core<2.17.1", "maven", "org.apache.logging.log4j:log4j-api", "2.14.0", "", false, false},
		{"curl>=7,<8", "deb", "curl", "7.88.1-10", "", true, false},
		{"curl<1:0", "deb", "curl", "7.88.1-10", "", true, false},
		{"Foo_Bar", "pypi", "foo.bar", "1", "", true, false},
		{"core", "npm", "@angular/core", "10.0.0", "", true, false},
		{"@angular/core", "npm", "@angular/core", "10.0.0", "", true, false},
		{"@angular/core@10.*", "npm", "@angular/core", "10.0.0", "", true, false},
		{"@angular/core@9.*", "npm", "@angular/core", "10.0.0", "", false, false},
		{"lib*", "deb", "libc6", "2", "", true, false},
		{"pkg:npm/core", "npm", "@angular/core", "10.0.0", "pkg:npm/%40angular/core@10.0.0", true, false},
		{"pkg:npm/%40angular/core@10.*", "npm", "@angular/core", "10.0.0", "pkg:npm/%40angular/core@10.0.0",
		 true, false},
		{"pkg:npm/%40other/core", "npm", "@angular/core", "10.0.0", "pkg:npm/%40angular/core@10.0.0", false,
		 false},
		{"pkg:pypi/core", "npm", "@angular/core", "10.0.0", "pkg:npm/%40angular/core@10.0.0", false, false},
		{"pkg:deb/curl?arch=amd64", "deb", "curl", "7", "pkg:deb/debian/curl@7?arch=amd64", true, false},
		{"pkg:deb/curl?arch=arm64", "deb", "curl", "7", "pkg:deb/debian/curl@7?arch=amd64", false, false},
		{"pkg:deb/curl<8", "deb", "curl", "7", "pkg:deb/debian/curl@7?arch=amd64", true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct package         package = {.type = slice_str(cases[i].type),
						  .name = slice_str(cases[i].name),
						  .version = slice_str(cases[i].version)};
		struct package_pattern pattern;
		struct arena           arena;
		bool                   meant, unsure = false;

		arena_init(&arena, 1 << 16);
		assert_int_equal(package_pattern_parse(slice_str(cases[i].pattern), &arena, &pattern, NULL), 0);
		meant = package_pattern_names(&pattern, &package) &&
			package_pattern_holds(&pattern, &package, slice_str(cases[i].purl), &unsure);
		if (meant != cases[i].meant || unsure != cases[i].unsure)
			fail_msg("%s against %s %s", cases[i].pattern, cases[i].name, cases[i].version);
		arena_deinit(&arena);
	}
}

static void pattern_without_a_name_is_refused(void **state)
{
	static const char *const wrong[] = {"", "<1.0", "pkg:", "pkg:npm", "pkg:npm/", "curl@", "pkg:npm/x?=y"};
	struct package_pattern   pattern;
	struct arena             arena;
	struct err               err = {0};

	(void)state;
	arena_init(&arena, 1 << 16);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (package_pattern_parse(slice_str(wrong[i]), &arena, &pattern, &err) != ERR_USAGE)
			fail_msg("'%s' was taken", wrong[i]);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glob_stops_at_folders_where_paths_are_meant),
		cmocka_unit_test(pattern_means_these_packages),
		cmocka_unit_test(pattern_without_a_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
