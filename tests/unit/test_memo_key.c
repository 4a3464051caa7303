/* What makes a key another one. The table of analyzers is this test's own, so that a version can be raised. */
#include "lib/check.h"

#include "analyze/analyzer_table.h"
#include "analyze/body_memo.h"

#include <string.h>

static struct analyzer first = {.name = "first", .version = 1}, second = {.name = "second", .version = 1};

size_t analyzer_count(void)
{
	return 2;
}

const struct analyzer *analyzer_at(size_t index)
{
	return index ? &second : &first;
}

const struct analyzer *analyzer_find(struct slice name)
{
	return slice_eq_str(name, "first") ? &first : &second;
}

static struct digest key_of(const char *path, uint32_t mode, uint64_t wanted, uint64_t sniffed, const char *body)
{
	const struct entry   entry = {.path = slice_str(path), .mode = mode, .size = strlen(body)};
	struct analyzer_bits by_name = {.words = {wanted}}, by_content = {.words = {sniffed}};
	struct body_memo     memo;
	struct digest        sha256, key;

	digest_of(slice_str(body), &sha256);
	assert_true(body_memo_init(&memo, NULL));
	body_memo_key(&memo, &by_name, &by_content, &entry, &sha256, &key);
	body_memo_deinit(&memo);
	return key;
}

static void assert_same(struct digest a, struct digest b, bool same)
{
	assert_int_equal(digest_eq(&a, &b), same);
}

static void bytes_and_analyzers_are_in_the_key(void **state)
{
	struct digest key = key_of("a/b", 0644, 1, 0, "body");

	(void)state;
	assert_same(key, key_of("a/b", 0644, 1, 0, "body"), true);
	assert_same(key, key_of("a/b", 0644, 1, 0, "bodY"), false);
	assert_same(key, key_of("a/b", 0644, 2, 0, "body"), false);
	assert_same(key, key_of("a/b", 0644, 3, 0, "body"), false);
	assert_same(key, key_of("a/b", 0644, 0, 1, "body"), false);
}

static void a_new_version_of_an_analyzer_finds_nothing_of_the_old(void **state)
{
	struct digest key = key_of("a/b", 0644, 1, 0, "body"), other = key_of("a/b", 0644, 2, 0, "body");

	(void)state;
	first.version++;
	assert_same(key, key_of("a/b", 0644, 1, 0, "body"), false);
	assert_same(other, key_of("a/b", 0644, 2, 0, "body"), true);
	first.version--;
	assert_same(key, key_of("a/b", 0644, 1, 0, "body"), true);
}

static void path_name_and_mode_are_in_the_key_where_they_are_declared(void **state)
{
	static const struct {
		uint32_t inputs;
		bool     folder, name, mode; /* whether another one leaves the key as it is */
	} rows[] = {
		{0, true, true, true},
		{INPUT_NAME, true, false, true},
		{INPUT_PATH, false, false, true},
		{INPUT_MODE, true, true, false},
		{INPUT_PATH | INPUT_NAME | INPUT_MODE, false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct digest key;

		first.inputs = rows[i].inputs;
		key = key_of("a/b", 0644, 1, 0, "body");
		assert_same(key, key_of("x/b", 0644, 1, 0, "body"), rows[i].folder);
		assert_same(key, key_of("a/y", 0644, 1, 0, "body"), rows[i].name);
		assert_same(key, key_of("a/b", 0755, 1, 0, "body"), rows[i].mode);
	}
	first.inputs = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_analyzers_are_in_the_key),
		cmocka_unit_test(a_new_version_of_an_analyzer_finds_nothing_of_the_old),
		cmocka_unit_test(path_name_and_mode_are_in_the_key_where_they_are_declared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
