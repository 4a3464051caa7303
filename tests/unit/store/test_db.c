/* The LMDB environment: records are what was put or an error; what a full, damaged or foreign store says. */
#include "lib/check.h"
#include "lib/store_place.h"

#include "base/file.h"
#include "store/db.h"

#include <string.h>
#include <unistd.h>

static const char *const tables[] = {"one", "two", NULL};

static struct db *open_db(const struct place *place, bool read_only)
{
	struct db_config config = {
		.tables = tables, .kind = "test", .version = 1, .read_only = read_only, .map_bytes = STORE_MAP_BYTES};
	struct db *db = NULL;
	struct err err = {0};

	if (db_open(place->store, &config, &db, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

static void values_come_back_as_they_were_put_whatever_their_size(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 5000, 256 << 10, (256 << 10) + 1, STORE_LARGE_BYTES};
	struct db          *db = open_db(*state, false);
	struct db_txn      *txn;
	struct buf          value, read;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		place_fill(&value, sizes[i], i);
		buf_init(&read, STORE_LARGE_BYTES);
		assert_int_equal(db_begin(db, true, &txn, NULL), 0);
		assert_int_equal(db_put(txn, 0, SLICE_LIT("key"), buf_slice(&value), NULL), 0);
		assert_int_equal(db_commit(txn, NULL), 0);
		assert_int_equal(db_begin(db, false, &txn, NULL), 0);
		assert_int_equal(db_get(txn, 0, SLICE_LIT("key"), &read, NULL), 0);
		assert_true(slice_eq(buf_slice(&read), buf_slice(&value)));
		assert_int_equal(db_get(txn, 1, SLICE_LIT("key"), &read, NULL), ERR_NOT_FOUND);
		db_abort(txn);
		buf_deinit(&value);
		buf_deinit(&read);
	}
	db_close(db);
}

static void deleted_records_leave_no_parts(void **state)
{
	struct db      *db = open_db(*state, false);
	struct db_txn  *txn;
	struct buf      value;
	struct db_stats before, after;

	place_fill(&value, STORE_LARGE_BYTES, 1);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(db_begin(db, true, &txn, NULL), 0);
		assert_int_equal(db_put(txn, 0, SLICE_LIT("a"), buf_slice(&value), NULL), 0);
		assert_int_equal(db_put(txn, 1, SLICE_LIT("a"), buf_slice(&value), NULL), 0);
		assert_int_equal(db_commit(txn, NULL), 0);
		if (i == 3)
			db_stats_get(db, &before);
		assert_int_equal(db_begin(db, true, &txn, NULL), 0);
		assert_int_equal(db_delete(txn, 0, SLICE_LIT("a"), NULL), 0);
		assert_int_equal(db_delete(txn, 1, SLICE_LIT("a"), NULL), 0);
		assert_int_equal(db_count(txn, 1), 0);
		assert_int_equal(db_commit(txn, NULL), 0);
	}
	db_stats_get(db, &after);
	assert_true(after.used_bytes < before.used_bytes * 2); /* room is used again */
	buf_deinit(&value);
	db_close(db);
}

static void cursor_walks_in_key_order_from_a_key_on(void **state)
{
	struct db        *db = open_db(*state, false);
	struct db_txn    *txn;
	struct db_cursor *cursor;
	struct slice      key, value;
	char              seen[32] = "";

	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	for (const char *name = "dbeac"; *name; name++)
		assert_int_equal(db_put(txn, 0, slice_of(name, 1), slice_of(name, 1), NULL), 0);
	assert_int_equal(db_cursor_open(txn, 0, SLICE_LIT("b"), &cursor, NULL), 0);
	while (db_cursor_next(cursor, &key, &value, NULL) > 0)
		strncat(seen, (const char *)value.ptr, 1);
	db_cursor_close(cursor);
	db_abort(txn);
	assert_string_equal(seen, "bcde");
	db_close(db);
}

static void damaged_value_is_the_error_of_that_record_alone(void **state)
{
	struct place     *place = *state;
	struct db        *db = open_db(place, false);
	struct db_txn    *txn;
	struct db_cursor *cursor;
	struct slice      key, value;
	struct err        err = {0};
	int               good = 0, bad = 0, got;

	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	assert_int_equal(db_put(txn, 0, SLICE_LIT("a"), SLICE_LIT("a value of its own"), NULL), 0);
	assert_int_equal(db_put(txn, 0, SLICE_LIT("b"), SLICE_LIT("a needle in a file"), NULL), 0);
	assert_int_equal(db_put(txn, 0, SLICE_LIT("c"), SLICE_LIT("another one beside"), NULL), 0);
	assert_int_equal(db_commit(txn, NULL), 0);
	db_close(db);
	place_damage(place, "a needle in a file");
	db = open_db(place, false);
	assert_int_equal(db_begin(db, false, &txn, NULL), 0);
	assert_int_equal(db_borrow(txn, 0, SLICE_LIT("b"), &value, &err), ERR_STORE);
	assert_non_null(strstr(err.text, "damaged"));
	assert_int_equal(db_borrow(txn, 0, SLICE_LIT("c"), &value, NULL), 0);
	assert_int_equal(db_cursor_open(txn, 0, SLICE_EMPTY, &cursor, NULL), 0);
	while ((got = db_cursor_next(cursor, &key, &value, NULL)) != 0) {
		good += got > 0;
		bad += got < 0;
	}
	assert_int_equal(good, 2);
	assert_int_equal(bad, 1);
	db_cursor_close(cursor);
	db_abort(txn);
	db_close(db);
}

static void full_map_is_an_error_and_the_store_stays_good(void **state)
{
	struct place    *place = *state;
	struct db_config config = {.tables = tables, .kind = "test", .version = 1, .map_bytes = 2 << 20};
	struct db       *db;
	struct db_txn   *txn;
	struct buf       value;
	struct slice     small;
	struct err       err = {0};
	int              status = 0;

	assert_int_equal(db_open(place->store, &config, &db, NULL), 0);
	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	assert_int_equal(db_put(txn, 0, SLICE_LIT("small"), SLICE_LIT("kept"), NULL), 0);
	assert_int_equal(db_commit(txn, NULL), 0);
	place_fill(&value, STORE_LARGE_BYTES, 1);
	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	status = db_put(txn, 0, SLICE_LIT("large"), buf_slice(&value), &err);
	assert_int_equal(status, ERR_FULL);
	assert_non_null(strstr(err.text, "full"));
	db_abort(txn);
	assert_int_equal(db_begin(db, false, &txn, NULL), 0);
	assert_int_equal(db_borrow(txn, 0, SLICE_LIT("small"), &small, NULL), 0);
	assert_slice_equal(small, "kept");
	db_abort(txn);
	buf_deinit(&value);
	db_close(db);
}

static void own_ceiling_refuses_the_write(void **state)
{
	struct place    *place = *state;
	struct db_config config = {
		.tables = tables, .kind = "test", .version = 1, .map_bytes = STORE_MAP_BYTES, .bytes_max = 1 << 20};
	struct db     *db;
	struct db_txn *txn;
	struct buf     value;
	struct err     err = {0};

	assert_int_equal(db_open(place->store, &config, &db, NULL), 0);
	place_fill(&value, STORE_LARGE_BYTES, 1);
	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	assert_int_equal(db_put(txn, 0, SLICE_LIT("large"), buf_slice(&value), &err), ERR_FULL);
	assert_non_null(strstr(err.text, "ceiling"));
	db_abort(txn);
	buf_deinit(&value);
	db_close(db);
}

static void other_formats_are_refused_in_clear_words(void **state)
{
	static const struct {
		const char *kind;
		uint32_t    version;
		int         status;
		const char *text;
	} cases[] = {{"test", 1, ERR_VERSION, "older"},
		     {"test", 3, ERR_VERSION, "older"},
		     {"other", 2, ERR_CONFIG, "not \"other\""}};
	struct place    *place = *state;
	struct db_config config = {.tables = tables, .kind = "test", .version = 2, .map_bytes = STORE_MAP_BYTES};
	struct db       *db;

	assert_int_equal(db_open(place->store, &config, &db, NULL), 0);
	db_close(db);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};

		config.kind = cases[i].kind;
		config.version = cases[i].version;
		assert_int_equal(db_open(place->store, &config, &db, &err), cases[i].status);
		if (i == 0)
			assert_non_null(strstr(err.text, "newer Varve"));
		else
			assert_non_null(strstr(err.text, cases[i].text));
	}
}

static void one_environment_per_path_in_a_process(void **state)
{
	struct place    *place = *state;
	struct db_config config = {.tables = tables, .kind = "test", .version = 1, .map_bytes = STORE_MAP_BYTES};
	struct db       *db = open_db(place, false), *second;

	assert_int_equal(db_open(place->store, &config, &second, NULL), ERR_BUSY);
	db_close(db);
}

static void cut_file_is_damage_not_a_crash(void **state)
{
	struct place    *place = *state;
	struct db_config config = {.tables = tables, .kind = "test", .version = 1, .map_bytes = STORE_MAP_BYTES};
	struct db       *db = open_db(place, false);
	struct db_txn   *txn;
	struct buf       value;
	struct err       err = {0};
	char             path[120];

	place_fill(&value, STORE_LARGE_BYTES, 1);
	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	assert_int_equal(db_put(txn, 0, SLICE_LIT("large"), buf_slice(&value), NULL), 0);
	assert_int_equal(db_commit(txn, NULL), 0);
	db_close(db);
	buf_deinit(&value);
	snprintf(path, sizeof(path), "%s/data.mdb", place->store);
	assert_int_equal(truncate(path, 100000), 0);
	assert_true(db_open(place->store, &config, &db, &err) < 0);
	assert_non_null(strstr(err.text, "damaged"));
}

/* The format is looked at before any table is missed. */
static void reader_of_an_older_format_says_so(void **state)
{
	static const char *const more[] = {"one", "two", "three", NULL};
	struct place            *place = *state;
	struct db_config         config = {
			.tables = more, .kind = "test", .version = 2, .read_only = true, .map_bytes = STORE_MAP_BYTES};
	struct db *db = open_db(place, false);
	struct err err = {0};

	db_close(db);
	assert_int_equal(db_open(place->store, &config, &db, &err), ERR_VERSION);
	assert_non_null(strstr(err.text, "older Varve"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_come_back_as_they_were_put_whatever_their_size, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(deleted_records_leave_no_parts, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(cursor_walks_in_key_order_from_a_key_on, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(damaged_value_is_the_error_of_that_record_alone, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(full_map_is_an_error_and_the_store_stays_good, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(own_ceiling_refuses_the_write, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(other_formats_are_refused_in_clear_words, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(one_environment_per_path_in_a_process, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(cut_file_is_damage_not_a_crash, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(reader_of_an_older_format_says_so, place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
