/* What a reference was last: kept per reference, platform and resolver; damage makes it unknown. */
#include "lib/check.h"

#include "store/catalog.h"

#include <stdlib.h>

static int set_up(void **state)
{
	struct catalog_config config = {.map_bytes = 64 << 20};
	struct catalog       *catalog;
	char                  dir[] = "/tmp/varve-resolve-XXXXXX";
	struct err            err = {0};

	assert_non_null(mkdtemp(dir));
	if (catalog_open(dir, &config, &catalog, &err) < 0)
		fail_msg("%s", err.text);
	*state = catalog;
	return 0;
}

static int tear_down(void **state)
{
	struct catalog *catalog = *state;
	char            command[128];

	snprintf(command, sizeof(command), "rm -rf %.100s", catalog_dir(catalog));
	catalog_close(catalog);
	return system(command);
}

static void put_resolve(struct catalog *catalog, const struct resolve_key *key, struct slice first, struct slice second)
{
	const struct slice images[] = {first, second};

	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_resolve_put(catalog, key, images, second.len ? 2 : 1, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
}

static void resolve_is_kept_per_reference_platform_and_resolver(void **state)
{
	struct catalog    *catalog = *state;
	struct resolve_key key = {.reference = SLICE_LIT("docker://h/r:t"), .platform = SLICE_LIT("all"), .version = 1},
			   other;
	struct slice *images;
	size_t        count;
	struct arena  arena;

	arena_init(&arena, 1 << 20);
	put_resolve(catalog, &key, SLICE_LIT("amd64"), SLICE_LIT("arm64"));
	assert_int_equal(catalog_resolve_get(catalog, &key, 100, &arena, &images, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_slice_equal(images[0], "amd64");
	assert_slice_equal(images[1], "arm64");
	assert_int_equal(catalog_resolve_get(catalog, &key, 9, &arena, &images, &count, NULL), ERR_LIMIT);
	other = key;
	other.platform = SLICE_LIT("linux/amd64");
	assert_int_equal(catalog_resolve_get(catalog, &other, 100, &arena, &images, &count, NULL), ERR_NOT_FOUND);
	other = key;
	other.reference = SLICE_LIT("docker://h/r:u");
	assert_int_equal(catalog_resolve_get(catalog, &other, 100, &arena, &images, &count, NULL), ERR_NOT_FOUND);
	other = key;
	other.version = 2;
	assert_int_equal(catalog_resolve_get(catalog, &other, 100, &arena, &images, &count, NULL), ERR_NOT_FOUND);
	put_resolve(catalog, &other, SLICE_LIT("newer"), SLICE_EMPTY);
	assert_int_equal(catalog_resolve_get(catalog, &key, 100, &arena, &images, &count, NULL), ERR_NOT_FOUND);
	assert_int_equal(catalog_resolve_get(catalog, &other, 100, &arena, &images, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_slice_equal(images[0], "newer");
	arena_deinit(&arena);
}

static void damaged_resolve_is_an_error_of_its_own(void **state)
{
	struct catalog    *catalog = *state;
	struct resolve_key key = {.reference = SLICE_LIT("docker://h/r:t"), .platform = SLICE_LIT("all"), .version = 1};
	struct slice      *images, name;
	struct digest      digest;
	struct db_txn     *txn;
	size_t             count;
	struct arena       arena;

	arena_init(&arena, 1 << 20);
	put_resolve(catalog, &key, SLICE_LIT("amd64"), SLICE_EMPTY);
	digest_of(SLICE_LIT("amd64"), &digest);
	name = digest_slice(&digest);
	assert_int_equal(db_begin(catalog_db(catalog), true, &txn, NULL), 0);
	assert_int_equal(db_delete(txn, 8, name, NULL), 0); /* image_records */
	assert_int_equal(db_commit(txn, NULL), 0);
	assert_true(catalog_resolve_get(catalog, &key, 100, &arena, &images, &count, NULL) < 0);
	put_resolve(catalog, &key, SLICE_LIT("amd64"), SLICE_EMPTY); /* resolved anew */
	assert_int_equal(catalog_resolve_get(catalog, &key, 100, &arena, &images, &count, NULL), 0);
	arena_deinit(&arena);
}

static void unchanged_resolve_is_not_written_again(void **state)
{
	struct catalog    *catalog = *state;
	struct resolve_key key = {.reference = SLICE_LIT("docker://h/r:t"), .platform = SLICE_LIT("all"), .version = 1};
	struct db_stats    before, after;

	put_resolve(catalog, &key, SLICE_LIT("amd64"), SLICE_LIT("arm64"));
	db_stats_get(catalog_db(catalog), &before);
	for (int night = 0; night < 50; night++)
		put_resolve(catalog, &key, SLICE_LIT("amd64"), SLICE_LIT("arm64"));
	db_stats_get(catalog_db(catalog), &after);
	assert_int_equal(after.used_bytes, before.used_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(resolve_is_kept_per_reference_platform_and_resolver, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_resolve_is_an_error_of_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unchanged_resolve_is_not_written_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
