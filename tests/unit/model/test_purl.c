/* Package URLs, row by row of tests/data/purl: what is read, what is written, and what installed packages become. */
#include "lib/check.h"

#include "base/file.h"
#include "model/purl.h"

enum { MEMORY = 4 << 20 };

static size_t for_each_row(const char *path, void (*check)(struct slice left, struct slice right, struct arena *arena))
{
	struct buf   text = {.bytes_max = MEMORY};
	struct slice rest;
	size_t       rows = 0;

	assert_int_equal(file_read(path, &text, NULL), 0);
	rest = buf_slice(&text);
	while (rest.len) {
		struct slice line = slice_trim(slice_cut(&rest, '\n'));
		size_t       at = slice_find_str(line, " -> ");
		struct arena arena;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		assert_true(at != SIZE_MAX);
		arena_init(&arena, MEMORY);
		check(slice_sub(line, 0, at), slice_from(line, at + 4), &arena);
		arena_deinit(&arena);
		rows++;
	}
	buf_deinit(&text);
	return rows;
}

static void check_text(struct slice actual, struct slice expected)
{
	if (!slice_eq(actual, expected))
		fail_msg("got %.*s, expected %.*s", SLICE_FMT(actual), SLICE_FMT(expected));
}

static void check_parse(struct slice left, struct slice right, struct arena *arena)
{
	struct purl purl;
	struct buf  out = {.bytes_max = MEMORY};

	if (purl_parse(left, arena, &purl, NULL) == 0)
		purl_write(&purl, &out);
	else
		buf_str(&out, "error");
	check_text(buf_slice(&out), right);
	buf_deinit(&out);
}

static struct slice field(struct slice *row)
{
	struct slice text = slice_cut(row, ' ');

	return slice_eq_str(text, "-") ? SLICE_EMPTY : text;
}

static void check_package(struct slice left, struct slice right, struct arena *arena)
{
	struct package    package = {0};
	struct os_release os = {0};

	package.type = field(&left);
	package.name = field(&left);
	package.version = field(&left);
	package.arch = field(&left);
	package.source_name = field(&left);
	package.source_version = field(&left);
	os.id = field(&left);
	os.version_id = field(&left);
	check_text(purl_of_package(&package, &os, arena), right);
}

static void purls_read_and_written_canonically(void **state)
{
	(void)state;
	assert_true(for_each_row(TEST_DATA_DIR "/purl/parse.data", check_parse) > 20);
}

static void packages_become_purls(void **state)
{
	(void)state;
	assert_true(for_each_row(TEST_DATA_DIR "/purl/package.data", check_package) > 10);
}

static void too_many_qualifiers_are_refused(void **state)
{
	struct buf   text = {.bytes_max = MEMORY};
	struct arena arena;
	struct purl  purl;

	(void)state;
	arena_init(&arena, MEMORY);
	buf_str(&text, "pkg:deb/a?");
	for (int i = 0; i <= PURL_QUALIFIERS_MAX; i++)
		buf_printf(&text, "k%d=v&", i);
	assert_int_equal(purl_parse(buf_slice(&text), &arena, &purl, NULL), ERR_LIMIT);
	buf_deinit(&text);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purls_read_and_written_canonically),
		cmocka_unit_test(packages_become_purls),
		cmocka_unit_test(too_many_qualifiers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
