/* Backup and restore: a copy is one moment of a store that goes on; what is put in place was read as a whole before. */
#include "lib/check.h"
#include "lib/store_place.h"

#include "base/file.h"
#include "store/store_copy.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 400 };

static const char *const tables[] = {"one", "two", NULL};

static struct db *open_db(const char *dir, uint32_t version, bool read_only)
{
	struct db_config config = {.tables = tables,
				   .kind = "catalog",
				   .version = version,
				   .read_only = read_only,
				   .map_bytes = STORE_MAP_BYTES};
	struct db       *db = NULL;
	struct err       err = {0};

	if (db_open(dir, &config, &db, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

/* Both tables get the same rows of the same round in one transaction. */
static void put_round(struct db *db, char round)
{
	struct db_txn *txn;
	char           key[16], value[2000];

	memset(value, round, sizeof(value));
	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	for (unsigned i = 0; i < ROWS; i++)
		for (unsigned table = 0; table < 2; table++) {
			snprintf(key, sizeof(key), "row %u", i);
			assert_int_equal(db_put(txn, table, slice_str(key), slice_of(value, sizeof(value)), NULL), 0);
		}
	assert_int_equal(db_commit(txn, NULL), 0);
}

struct taker {
	struct db *db;
	char       round;
	int        fd, blocks, stop_after;
};

static int take_and_write_on(void *data, struct slice bytes, struct err *err)
{
	struct taker *taker = data;

	put_round(taker->db, ++taker->round);
	if (++taker->blocks == taker->stop_after)
		return err_set(err, ERR_CANCELLED, "enough");
	return file_write_all(taker->fd, bytes, "copy", err);
}

static void check_one_moment(const char *dir, char round)
{
	struct db        *db = open_db(dir, 1, true);
	struct db_cursor *cursor;
	struct db_txn    *txn;
	struct slice      key, value;

	assert_int_equal(db_begin(db, false, &txn, NULL), 0);
	for (unsigned table = 0; table < 2; table++) {
		unsigned rows = 0;

		assert_int_equal(db_cursor_open(txn, table, SLICE_EMPTY, &cursor, NULL), 0);
		for (; db_cursor_next(cursor, &key, &value, NULL) == 1; rows++)
			assert_int_equal(value.ptr[0], round);
		assert_int_equal(rows, ROWS);
		db_cursor_close(cursor);
	}
	db_abort(txn);
	db_close(db);
}

static int create_file(const struct place *place, const char *folder, char dir[120])
{
	char path[140];

	snprintf(dir, 120, "%s/%s", place->dir, folder);
	assert_int_equal(file_make_dirs(dir, 0700, NULL), 0);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void copy_is_one_moment_although_writes_go_on(void **state)
{
	struct place *place = *state;

	for (int compact = 0; compact <= 1; compact++) {
		char         dir[120];
		struct taker taker = {.db = open_db(place->store, 1, false), .round = 'a'};
		struct err   err = {0};

		put_round(taker.db, 'a');
		taker.fd = create_file(place, compact ? "compact" : "plain", dir);
		assert_true(taker.fd >= 0);
		if (db_copy(taker.db, compact, take_and_write_on, &taker, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(taker.blocks > 1);
		close(taker.fd);
		db_close(taker.db);
		check_one_moment(dir, 'a');
	}
}

static void who_takes_the_copy_may_stop_it(void **state)
{
	struct place *place = *state;
	struct taker  taker = {.db = open_db(place->store, 1, false), .round = 'a', .stop_after = 1};
	struct err    err = {0};
	char          dir[120];

	put_round(taker.db, 'a');
	taker.fd = create_file(place, "stopped", dir);
	assert_int_equal(db_copy(taker.db, false, take_and_write_on, &taker, &err), ERR_CANCELLED);
	assert_int_equal(taker.blocks, 1);
	put_round(taker.db, 'z'); /* nothing is held */
	close(taker.fd);
	db_close(taker.db);
}

static uint64_t backup(const struct place *place, const struct store_backup_config *config, int fd, int expected)
{
	uint64_t   bytes = 0;
	struct err err = {0};
	int        status = store_backup(place->store, config, fd, "the target", &bytes, &err);

	if (status != expected)
		fail_msg("%d, not %d: %s", status, expected, err.text);
	return bytes;
}

static void store_of_another_format_is_copied_as_it_is(void **state)
{
	struct store_backup_config config = {.interrupt_fd = -1};
	struct place              *place = *state;
	struct db                 *db = open_db(place->store, 99, false);
	char                       dir[120];
	int                        fd = create_file(place, "copy", dir);

	put_round(db, 'a');
	db_close(db);
	assert_true(backup(place, &config, fd, 0) > ROWS * 2 * 2000);
	close(fd);
	db_close(open_db(dir, 99, true));
}

/* The other end of the pipe reads only when the store has grown: the target is as slow as can be. */
struct slow {
	int        fd, writes;
	struct db *db;
};

static int grow_while_copied(void *data, struct slice bytes, struct err *err)
{
	struct slow *slow = data;

	(void)bytes;
	(void)err;
	for (char round = 'b'; round < 'h'; round++)
		put_round(slow->db, round);
	slow->writes++;
	return 0;
}

static void pages_are_used_again_once_the_copy_has_ended(void **state)
{
	struct place   *place = *state;
	struct slow     slow = {.db = open_db(place->store, 1, false)};
	struct db_stats during, after;

	put_round(slow.db, 'a');
	assert_int_equal(db_copy(slow.db, false, grow_while_copied, &slow, NULL), 0);
	db_stats_get(slow.db, &during);
	for (char round = 'b'; round < 'h'; round++)
		put_round(slow.db, round);
	db_stats_get(slow.db, &after);
	assert_int_equal(after.file_bytes, during.file_bytes);
	db_close(slow.db);
}

static void put_job(struct catalog *catalog, uint8_t number, const char *label)
{
	struct job_record job = {.token = {number, 1}, .label = slice_str(label)};

	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_job_new(catalog, &job, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
}

static int restore(const struct place *place, int fd, bool replace, struct store_restored *out, struct err *err)
{
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return store_restore(place->store, fd, "the backup", replace, out, err);
}

static uint64_t newest_job(const struct place *place)
{
	struct catalog *catalog = place_open_catalog(place, true);
	uint64_t        job = 0;

	assert_int_equal(catalog_job_newest(catalog, 0, &job, NULL), 0);
	catalog_close(catalog);
	return job;
}

static void restored_store_is_the_one_that_was_saved(void **state)
{
	struct store_backup_config config = {.interrupt_fd = -1};
	struct place              *place = *state;
	struct catalog            *catalog = place_open_catalog(place, false);
	struct store_restored      out;
	struct err                 err = {0};
	char                       dir[120];
	int                        fd = create_file(place, "copy", dir);

	put_job(catalog, 1, "before");
	catalog_close(catalog);
	backup(place, &config, fd, 0);
	catalog = place_open_catalog(place, false);
	put_job(catalog, 2, "after");
	assert_true(store_in_use(place->store));
	assert_int_equal(restore(place, fd, true, &out, &err), ERR_BUSY);
	catalog_close(catalog);
	assert_false(store_in_use(place->store));
	err_clear(&err);
	assert_int_equal(restore(place, fd, false, &out, &err), ERR_CONFIG);
	assert_int_equal(newest_job(place), 2);
	err_clear(&err);
	if (restore(place, fd, true, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(out.replaced && out.damaged == 0 && out.records > 0);
	assert_int_equal(newest_job(place), 1);
	close(fd);
}

static void damaged_backup_is_counted_and_garbage_is_refused(void **state)
{
	struct store_backup_config config = {.interrupt_fd = -1};
	struct place              *place = *state;
	struct catalog            *catalog = place_open_catalog(place, false);
	struct store_restored      out;
	struct err                 err = {0};
	char                       dir[120], path[140];
	int                        fd = create_file(place, "copy", dir), garbage;

	put_job(catalog, 1, "the label of a job that is damaged");
	catalog_close(catalog);
	place_damage(place, "the label of a job");
	backup(place, &config, fd, 0);
	if (restore(place, fd, true, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(out.damaged > 0);
	snprintf(path, sizeof(path), "%s/garbage", place->dir);
	garbage = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(garbage, 1 << 20), 0);
	assert_true(restore(place, garbage, true, &out, &err) < 0);
	snprintf(path, sizeof(path), "%s/data.mdb", place->store);
	assert_int_equal(access(path, F_OK), 0); /* what was there is still in place */
	snprintf(path, sizeof(path), "%s/restoring", place->store);
	assert_int_not_equal(access(path, F_OK), 0);
	close(garbage);
	close(fd);
}

/* A restore that was killed left its folder; the next one begins anew. */
static void leftovers_of_a_killed_restore_do_not_matter(void **state)
{
	struct store_backup_config config = {.interrupt_fd = -1};
	struct place              *place = *state;
	struct catalog            *catalog = place_open_catalog(place, false);
	struct store_restored      out;
	struct err                 err = {0};
	char                       dir[120], path[140];
	int                        fd = create_file(place, "copy", dir), left;

	put_job(catalog, 1, "saved");
	catalog_close(catalog);
	backup(place, &config, fd, 0);
	snprintf(path, sizeof(path), "%s/restoring", place->store);
	assert_int_equal(file_make_dirs(path, 0700, NULL), 0);
	snprintf(path, sizeof(path), "%s/restoring/data.mdb", place->store);
	left = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(left, "half", 4), 4);
	close(left);
	if (restore(place, fd, true, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(newest_job(place), 1);
	close(fd);
}

static void interrupted_backup_says_so(void **state)
{
	struct place              *place = *state;
	struct catalog            *catalog = place_open_catalog(place, false);
	int                        ends[2];
	struct store_backup_config config = {0};
	char                       dir[120];
	int                        fd = create_file(place, "copy", dir);

	put_job(catalog, 1, "saved");
	catalog_close(catalog);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	config.interrupt_fd = ends[0];
	backup(place, &config, fd, ERR_CANCELLED);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copy_is_one_moment_although_writes_go_on, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(who_takes_the_copy_may_stop_it, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(store_of_another_format_is_copied_as_it_is, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(pages_are_used_again_once_the_copy_has_ended, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(restored_store_is_the_one_that_was_saved, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(damaged_backup_is_counted_and_garbage_is_refused, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(leftovers_of_a_killed_restore_do_not_matter, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(interrupted_backup_says_so, place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
