/* Contents of layers: short ones in the layer's record, long ones in tables of their own, and from one to the other. */
#include "lib/check.h"
#include "lib/store_place.h"

#include <string.h>

enum { LONG_BYTES = 2000 };

static struct layer_key key_of(uint8_t byte)
{
	struct layer_key key = {.set = 5};

	key.digest.bytes[0] = byte;
	return key;
}

/* `fill` is the first byte of what is stored, `bytes` its length; 0 bytes: verify mode against layer `inventory_of`. */
static void put(struct catalog *catalog, uint8_t byte, uint8_t inventory_of, char fill, size_t bytes)
{
	struct layer_key    key = key_of(byte);
	struct layer_record record = {.reusable = true, .inventory = key_of(inventory_of).digest};
	uint8_t             inventory[LONG_BYTES];

	memset(inventory, fill, sizeof(inventory));
	record.diff_id.bytes[0] = 100;
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_layer_put(catalog, &key, &record, slice_of(inventory, bytes),
					   bytes ? SLICE_LIT("paths") : SLICE_EMPTY, NULL),
			 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
}

static void assert_content(struct catalog *catalog, uint8_t byte, char fill, size_t bytes)
{
	struct layer_key key = key_of(byte);
	struct buf       out;

	buf_init(&out, 1 << 20);
	assert_int_equal(catalog_inventory(catalog, &key, &out, NULL), 0);
	assert_int_equal(out.len, bytes);
	assert_int_equal(out.ptr[0], fill);
	assert_int_equal(out.ptr[bytes - 1], fill);
	buf_clear(&out);
	assert_int_equal(catalog_path_table(catalog, &key, &out, NULL), 0);
	assert_true(slice_eq_str(buf_slice(&out), "paths"));
	buf_deinit(&out);
}

struct rows {
	uint64_t inventories, path_tables;
};

static void take_rows(void *data, const struct catalog_table_report *report)
{
	struct rows *rows = data;

	if (strcmp(report->name, "inventories") == 0)
		rows->inventories = report->records;
	if (strcmp(report->name, "path_tables") == 0)
		rows->path_tables = report->records;
}

static void assert_long_rows(struct catalog *catalog, uint64_t count)
{
	struct rows rows = {0};

	assert_int_equal(catalog_check(catalog, false, take_rows, &rows, NULL), 0);
	assert_int_equal(rows.inventories, count);
	assert_int_equal(rows.path_tables, count);
}

static void short_contents_take_no_rows_of_their_own(void **state)
{
	struct catalog *catalog = place_open_catalog(*state, false);

	put(catalog, 1, 1, 'a', 507); /* and five bytes of path table: 512 */
	assert_content(catalog, 1, 'a', 507);
	assert_long_rows(catalog, 0);
	put(catalog, 2, 2, 'b', 508);
	assert_content(catalog, 2, 'b', 508);
	assert_long_rows(catalog, 1);
	catalog_close(catalog);
}

static void a_layer_read_again_may_be_longer_or_shorter(void **state)
{
	struct catalog *catalog = place_open_catalog(*state, false);

	put(catalog, 1, 1, 'a', 20);
	put(catalog, 1, 1, 'b', LONG_BYTES);
	assert_content(catalog, 1, 'b', LONG_BYTES);
	assert_long_rows(catalog, 1);
	put(catalog, 1, 1, 'c', 30);
	assert_content(catalog, 1, 'c', 30);
	assert_long_rows(catalog, 0);
	catalog_close(catalog);
}

static void verified_layer_has_the_short_content_of_the_other(void **state)
{
	struct catalog  *catalog = place_open_catalog(*state, false);
	struct layer_key key = key_of(2);
	struct claim     claim;

	put(catalog, 1, 1, 'a', 20);
	put(catalog, 2, 1, 0, 0);
	assert_content(catalog, 2, 'a', 20);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_claim(catalog, &key, NULL, false, &claim, NULL), 0);
	assert_int_equal(claim.answer, CLAIM_KNOWN);
	catalog_abort(catalog);
	catalog_close(catalog);
}

static void a_layer_that_is_verified_later_keeps_what_others_have_from_it(void **state)
{
	struct catalog *catalog = place_open_catalog(*state, false);

	put(catalog, 1, 1, 'a', 20);
	put(catalog, 2, 1, 0, 0);
	put(catalog, 3, 3, 'c', 30);
	put(catalog, 1, 3, 0, 0);
	assert_content(catalog, 1, 'c', 30);
	assert_content(catalog, 2, 'a', 20);
	catalog_close(catalog);
}

static void damage_of_a_short_content_makes_all_who_have_it_unknown(void **state)
{
	struct place    *place = *state;
	struct catalog  *catalog = place_open_catalog(place, false);
	struct layer_key key = key_of(1);
	struct claim     claim;
	struct buf       out;

	buf_init(&out, 1 << 20);
	put(catalog, 2, 1, 0, 0);
	put(catalog, 1, 1, 'w', 100); /* last: the file holds these bytes once */
	catalog_close(catalog);
	place_damage(place, "wwwwwwwwwwwwwwwwwwww");
	catalog = place_open_catalog(place, false);
	assert_int_equal(catalog_inventory(catalog, &key, &out, NULL), ERR_STORE);
	for (uint8_t byte = 1; byte <= 2; byte++) {
		key = key_of(byte);
		assert_int_equal(catalog_begin(catalog, NULL), 0);
		assert_int_equal(catalog_claim(catalog, &key, NULL, false, &claim, NULL), 0);
		assert_int_equal(claim.answer, CLAIM_GRANTED);
		catalog_abort(catalog);
	}
	catalog_close(catalog);
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_contents_take_no_rows_of_their_own, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(a_layer_read_again_may_be_longer_or_shorter, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(verified_layer_has_the_short_content_of_the_other, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(a_layer_that_is_verified_later_keeps_what_others_have_from_it,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(damage_of_a_short_content_makes_all_who_have_it_unknown, place_set_up,
						place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
