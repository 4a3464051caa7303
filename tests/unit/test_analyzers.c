/* Every case below tests/data/analyze/<analyzer>/<case>/: the files of `layer/` give the listing in `expect`.
 *
 * VARVE_EXPECT=write writes the listings instead of comparing them: read the difference before committing it. */
#include "lib/analyze_run.h"
#include "lib/check.h"

#include "analyze/analyzer_table.h"
#include "base/file.h"
#include "base/limits.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void list_case(const char *folder, struct buf *listing)
{
	struct inventory inv;
	struct dispatch *d;
	struct err       err = {0};
	char             layer[PATH_MAX + 16];

	snprintf(layer, sizeof(layer), "%s/layer", folder);
	inventory_init(&inv);
	d = dispatch_new(&inv, -1, NULL, &err);
	assert_non_null(d);
	analyze_folder(d, layer);
	assert_int_equal(dispatch_end(d, &err), 0);
	inventory_listing(&inv, listing);
	dispatch_free(d);
	inventory_deinit(&inv);
}

static void run_case(const char *folder)
{
	struct buf listing, expected;
	char       file[PATH_MAX + 16];

	buf_init(&listing, 16 << 20);
	buf_init(&expected, 16 << 20);
	list_case(folder, &listing);
	snprintf(file, sizeof(file), "%s/expect", folder);
	if (getenv("VARVE_EXPECT"))
		assert_int_equal(file_write_atomic(file, buf_slice(&listing), 0644, NULL), 0);
	assert_int_equal(file_read(file, &expected, NULL), 0);
	if (!slice_eq(buf_slice(&listing), buf_slice(&expected)))
		fail_msg("%s:\n--- expected\n%.*s--- listed\n%.*s", folder, SLICE_FMT(buf_slice(&expected)),
			 SLICE_FMT(buf_slice(&listing)));
	buf_deinit(&listing);
	buf_deinit(&expected);
}

static int each_folder(const char *folder, int depth)
{
	struct dirent **names;
	int             count = scandir(folder, &names, NULL, alphasort), cases = 0;

	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && names[i]->d_type == DT_DIR && depth == 0) {
			run_case(path);
			cases++;
		} else if (names[i]->d_name[0] != '.' && names[i]->d_type == DT_DIR) {
			cases += each_folder(path, depth - 1);
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return cases;
}

static void each_case_gives_its_listing(void **state)
{
	int cases = each_folder(TEST_DATA_DIR "/analyze", 1);

	(void)state;
	print_message("%d cases\n", cases);
	assert_true(cases > 0);
}

static void each_analyzer_has_cases_and_a_name_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < analyzer_count(); i++) {
		const struct analyzer *analyzer = analyzer_at(i);
		char                   path[PATH_MAX];
		DIR                   *folder;

		assert_ptr_equal(analyzer_find(slice_str(analyzer->name)), analyzer);
		assert_true(analyzer->version > 0 && analyzer->body_bytes_max > 0);
		assert_true(!!analyzer->run != !!analyzer->run_pair);
		assert_true(analyzer->wants || analyzer->names);
		snprintf(path, sizeof(path), TEST_DATA_DIR "/analyze/%s", analyzer->name);
		folder = opendir(path);
		if (!folder)
			fail_msg("no folder %s", path);
		closedir(folder);
	}
}

static void the_analyzer_set_is_sorted(void **state)
{
	struct buf   set;
	struct slice rest, last = SLICE_EMPTY;

	(void)state;
	buf_init(&set, LIMIT_STRING_BYTES);
	dispatch_analyzer_set(&set);
	assert_true(buf_ok(&set));
	rest = buf_slice(&set);
	assert_true(slice_find_str(rest, "dpkg-status/") != SIZE_MAX && slice_find_str(rest, "hash/") != SIZE_MAX);
	while (rest.len) {
		struct slice name = slice_cut(&rest, ',');

		assert_true(slice_cmp(last, name) < 0);
		last = name;
	}
	buf_deinit(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_gives_its_listing),
		cmocka_unit_test(each_analyzer_has_cases_and_a_name_of_its_own),
		cmocka_unit_test(the_analyzer_set_is_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
