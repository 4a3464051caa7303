/* Which ecosystem judges what: data/ecosystems/os-release.data, and docs/ECOSYSTEMS.md row by row. */
#include "lib/check.h"

#include "base/file.h"
#include "match/ecosystem.h"
#include "match/os_table.h"

#include <string.h>

static struct slice field(struct slice rest, const char *key)
{
	while (rest.len) {
		struct slice value = slice_cut(&rest, '\t'), name = slice_cut(&value, '=');

		if (slice_eq_str(name, key))
			return value;
	}
	return SLICE_EMPTY;
}

static void check_os(struct slice fields, struct slice expected)
{
	struct os_release os = {
		.id = field(fields, "ID"),
		.version_id = field(fields, "VERSION_ID"),
		.version = field(fields, "VERSION"),
		.pretty_name = field(fields, "PRETTY_NAME"),
		.ubuntu_codename = field(fields, "UBUNTU_CODENAME"),
	};
	const struct os_row *row = os_row_find(os.id);
	const char          *why = "";
	struct arena         arena;
	struct slice         got;

	arena_init(&arena, 1 << 20);
	if (!row)
		fail_msg("%.*s: no row", SLICE_FMT(os.id));
	got = os_ecosystem(row, &os, &arena, &why);
	if (got.len == 0)
		got = arena_printf(&arena, "none: %s", why);
	if (!slice_eq(got, expected))
		fail_msg("%.*s: expected %.*s, got %.*s", SLICE_FMT(fields), SLICE_FMT(expected), SLICE_FMT(got));
	arena_deinit(&arena);
}

static void os_releases_have_the_ecosystem_of_their_rule(void **state)
{
	struct buf   text;
	struct slice rest;
	size_t       cases = 0;

	(void)state;
	buf_init(&text, 1 << 20);
	assert_int_equal(file_read(TEST_DATA_DIR "/ecosystems/os-release.data", &text, NULL), 0);
	for (rest = buf_slice(&text); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');
		size_t       arrow = slice_find_str(line, " -> ");

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		check_os(slice_sub(line, 0, arrow), slice_from(line, arrow + 4));
		cases++;
	}
	assert_true(cases > 40);
	buf_deinit(&text);
}

static void every_row_names_a_known_ecosystem(void **state)
{
	(void)state;
	for (size_t i = 0; os_row_at(i); i++) {
		const struct os_row *row = os_row_at(i);

		assert_int_equal(row->ecosystem == NULL, row->rule == OS_RULE_NONE);
		if (!row->ecosystem)
			continue;
		assert_non_null(ecosystem_find(slice_str(row->ecosystem)));
		assert_ptr_equal(ecosystem_find(slice_str(row->example)), ecosystem_find(slice_str(row->ecosystem)));
		assert_true(package_type_is_os(slice_str(ecosystem_find(slice_str(row->ecosystem))->type)));
	}
}

static void print_os_row(struct buf *out, const struct os_row *row)
{
	const struct ecosystem *ecosystem = row->ecosystem ? ecosystem_find(slice_str(row->ecosystem)) : NULL;

	if (!ecosystem) {
		buf_printf(out, "| `%s` | none | | | %s |\n", row->id, os_rule_text(row->rule));
		return;
	}
	buf_printf(out, "| `%s` | `%s` | %s | %s | %s%s%s |\n", row->id, row->example,
		   ecosystem->key == ECOSYSTEM_BY_SOURCE ? "source" : "binary", version_scheme_name(ecosystem->scheme),
		   os_rule_text(row->rule), row->remark ? "; remark: " : "", row->remark ? row->remark : "");
}

static void print_type_row(struct buf *out, const char *type)
{
	const struct ecosystem *ecosystem = ecosystem_of_type(slice_str(type));

	assert_non_null(ecosystem);
	buf_printf(out, "| `%s` | `%s` | %s |\n", type, ecosystem->name, version_scheme_name(ecosystem->scheme));
}

static void expect_in_page(struct slice page, struct buf *rows)
{
	buf_byte(rows, '\0');
	assert_true(buf_ok(rows));
	if (slice_find_str(page, (const char *)rows->ptr) == SIZE_MAX) {
		printf("docs/ECOSYSTEMS.md should hold these rows:\n%s", (const char *)rows->ptr);
		fail();
	}
	buf_clear(rows);
}

/* The page is written by hand around rows that are exactly the table's. */
static void the_documentation_has_the_rows_of_the_table(void **state)
{
	static const char *const TYPES[] = {"bitnami",       "cargo",  "composer", "conan", "cran",  "gem",
					    "githubactions", "golang", "hackage",  "hex",   "julia", "maven",
					    "npm",           "nuget",  "pub",      "pypi",  "swift"};
	struct buf               text, rows;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_init(&rows, 1 << 20);
	assert_int_equal(file_read(TEST_DATA_DIR "/../../docs/ECOSYSTEMS.md", &text, NULL), 0);
	for (size_t i = 0; os_row_at(i); i++)
		print_os_row(&rows, os_row_at(i));
	expect_in_page(buf_slice(&text), &rows);
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(*TYPES); i++)
		print_type_row(&rows, TYPES[i]);
	expect_in_page(buf_slice(&text), &rows);
	buf_deinit(&rows);
	buf_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(os_releases_have_the_ecosystem_of_their_rule),
		cmocka_unit_test(every_row_names_a_known_ecosystem),
		cmocka_unit_test(the_documentation_has_the_rows_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
