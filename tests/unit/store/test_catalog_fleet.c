/* What the catalog keeps for a fleet: counters that always add up, quarantine, layers and failures of a job, references
 * in batches, and a store of format 2 that a writer brings up to date. */
#include "lib/check.h"
#include "lib/store_place.h"

#include "base/msgpack_write.h"
#include "store/catalog_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct layer_key key_of(uint8_t byte)
{
	struct layer_key key = {.set = 5};

	key.digest.bytes[0] = byte;
	return key;
}

static uint64_t sum_of_retries(const uint64_t counters[FLEET_COUNTERS])
{
	uint64_t sum = 0;

	for (unsigned i = FLEET_RETRIED_TRANSIENT; i <= FLEET_RETRIED_EARLIER; i++)
		sum += counters[i];
	return sum;
}

static void start(struct catalog *catalog, uint8_t byte, enum fleet_counter reason)
{
	struct layer_key key = key_of(byte);
	bool             again;

	assert_int_equal(catalog_count_start(catalog, &key, reason, &again, NULL), 0);
}

static void assert_adds_up(struct catalog *catalog, uint64_t started, uint64_t layers)
{
	uint64_t counters[FLEET_COUNTERS];

	assert_int_equal(catalog_counters_get(catalog, counters, NULL), 0);
	assert_int_equal(counters[FLEET_STARTED], started);
	assert_int_equal(counters[FLEET_LAYERS], layers);
	assert_int_equal(started, layers + sum_of_retries(counters));
}

/* --- counters --- */

static void scans_started_are_layers_and_retries_in_every_commit(void **state)
{
	struct catalog  *catalog = place_open_catalog(*state, false);
	struct layer_key key = key_of(2);

	assert_int_equal(catalog_begin(catalog, NULL), 0);
	start(catalog, 1, FLEET_RETRIED_STALLED);
	start(catalog, 2, FLEET_RETRIED_STALLED);
	start(catalog, 1, FLEET_RETRIED_STALLED);
	assert_adds_up(catalog, 3, 2); /* in the batch */
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_adds_up(catalog, 3, 2);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	start(catalog, 2, FLEET_RETRIED_TRANSIENT);
	assert_int_equal(catalog_count_unstart(catalog, &key, FLEET_RETRIED_TRANSIENT, NULL), 0);
	assert_adds_up(catalog, 3, 2);
	assert_int_equal(catalog_count_unstart(catalog, &key, FLEET_RETRIED_TRANSIENT, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_adds_up(catalog, 2, 1); /* its first start never left */
	catalog_close(catalog);
}

static void what_was_not_committed_is_not_counted(void **state)
{
	struct place   *place = *state;
	struct catalog *catalog = place_open_catalog(place, false);

	assert_int_equal(catalog_begin(catalog, NULL), 0);
	start(catalog, 1, FLEET_RETRIED_STALLED);
	catalog_abort(catalog);
	assert_adds_up(catalog, 0, 0);
	catalog_close(catalog);
	catalog = place_open_catalog(place, false);
	assert_adds_up(catalog, 0, 0);
	catalog_close(catalog);
}

static void every_counter_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FLEET_COUNTERS; i++) {
		assert_non_null(catalog_counter_name(i));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(catalog_counter_name(i), catalog_counter_name(j));
	}
	assert_null(catalog_counter_name(FLEET_COUNTERS));
}

/* --- quarantine --- */

static enum claim_answer claim(struct catalog *catalog, uint8_t byte, bool force)
{
	struct layer_key key = key_of(byte);
	struct claim     out;

	assert_int_equal(catalog_claim(catalog, &key, NULL, force, &out, NULL), 0);
	assert_int_equal(catalog_release(catalog, &key, NULL), 0);
	return out.answer;
}

static void layer_in_quarantine_is_not_given_out_until_it_is_cleared_or_forced(void **state)
{
	struct catalog       *catalog = place_open_catalog(*state, false);
	struct layer_key      key = key_of(1), other = key_of(1);
	struct failure_record why = {.code = ERR_LIMIT, .attempts = 3, .text = SLICE_LIT("killed three")}, read;
	struct arena          arena;

	arena_init(&arena, 1 << 16);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_quarantine_put(catalog, &key, &why, NULL), 0);
	assert_int_equal(claim(catalog, 1, false), CLAIM_QUARANTINED);
	assert_int_equal(catalog_quarantine_get(catalog, &key, &arena, &read, NULL), 0);
	assert_slice_equal(read.text, "killed three");
	assert_int_equal(read.code, ERR_LIMIT);
	other.set = 6; /* other analyzers may fare better */
	assert_int_equal(catalog_quarantine_get(catalog, &other, &arena, &read, NULL), ERR_NOT_FOUND);
	assert_int_equal(catalog_quarantine_clear(catalog, &key, NULL), 0);
	assert_int_equal(claim(catalog, 1, false), CLAIM_GRANTED);
	assert_int_equal(catalog_quarantine_put(catalog, &key, &why, NULL), 0);
	assert_int_equal(claim(catalog, 1, true), CLAIM_GRANTED);
	assert_int_equal(claim(catalog, 1, false), CLAIM_GRANTED);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	arena_deinit(&arena);
	catalog_close(catalog);
}

/* --- layers --- */

static void put(struct catalog *catalog, const char *inventory, bool reusable)
{
	struct layer_key    key = key_of(1);
	struct layer_record record = {.reusable = reusable, .partial = !reusable, .inventory = key.digest};

	assert_int_equal(catalog_layer_put(catalog, &key, &record, slice_str(inventory), SLICE_LIT("paths"), NULL), 0);
}

static void result_that_was_cut_does_not_replace_a_better_one(void **state)
{
	struct catalog  *catalog = place_open_catalog(*state, false);
	struct layer_key key = key_of(1);
	struct buf       stored;

	buf_init(&stored, 1 << 16);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	put(catalog, "cut short", false);
	put(catalog, "cut a little later", false);
	put(catalog, "whole", true);
	put(catalog, "cut again", false);
	assert_int_equal(claim(catalog, 1, false), CLAIM_KNOWN);
	assert_int_equal(catalog_inventory(catalog, &key, &stored, NULL), 0);
	assert_slice_equal(buf_slice(&stored), "whole");
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	buf_deinit(&stored);
	catalog_close(catalog);
}

static void layers_of_a_job_are_there_once_and_go_with_it(void **state)
{
	struct catalog *catalog = place_open_catalog(*state, false);
	uint64_t        hashes[8], job;
	size_t          count;
	bool            more;

	assert_int_equal(catalog_begin(catalog, NULL), 0);
	for (job = 1; job <= 2; job++)
		for (uint64_t i = 0; i < 6; i++) /* each twice */
			assert_int_equal(catalog_job_layer_put(catalog, job, UINT64_MAX - i / 2, NULL), 0);
	assert_int_equal(catalog_job_layers(catalog, 1, 0, hashes, 8, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(catalog_job_layers(catalog, 1, hashes[1] + 1, hashes, 8, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(catalog_job_layers_next(catalog, 0, &job, NULL), 0);
	assert_int_equal(job, 1);
	assert_int_equal(catalog_job_layers_next(catalog, 3, &job, NULL), ERR_NOT_FOUND);
	assert_int_equal(catalog_job_layers_drop(catalog, 1, 1000, &more, NULL), 0);
	assert_false(more);
	assert_int_equal(catalog_job_layers_next(catalog, 0, &job, NULL), 0);
	assert_int_equal(job, 2);
	assert_int_equal(catalog_job_layers(catalog, 1, 0, hashes, 8, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(catalog_job_layers(catalog, 2, 0, hashes, 8, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	catalog_close(catalog);
}

/* --- jobs --- */

static uint64_t new_job(struct catalog *catalog, uint8_t token, struct job_record *job)
{
	job->platform = SLICE_LIT("linux/amd64");
	job->token[0] = token;
	assert_int_equal(catalog_job_new(catalog, job, NULL), 0);
	return job->job;
}

static void open_references_come_in_batches_from_a_number_on(void **state)
{
	struct catalog        *catalog = place_open_catalog(*state, false);
	struct job_record      job = {0}, other = {0};
	struct references_read read;
	struct open_reference *open;
	struct arena           arena;
	struct buf             text;
	bool                   added;

	arena_init(&arena, 1 << 20);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	new_job(catalog, 1, &job);
	new_job(catalog, 2, &other);
	for (uint64_t i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "docker://a/%d", (int)i);
		assert_int_equal(catalog_reference_add(catalog, job.job, i, slice_str(name), &added, NULL), 0);
		assert_int_equal(catalog_reference_add(catalog, other.job, i, slice_str(name), &added, NULL), 0);
	}
	buf_init(&text, 1 << 10);
	assert_int_equal(catalog_reference_done(catalog, job.job, 1, &text, NULL), 0);
	assert_slice_equal(buf_slice(&text), "docker://a/1");
	assert_int_equal(catalog_reference_done(catalog, job.job, 1, &text, NULL), 0);
	assert_slice_equal(buf_slice(&text), "docker://a/1"); /* it was done before: nothing is said again */
	buf_deinit(&text);
	assert_int_equal(catalog_references_open(catalog, job.job, 0, 3, &arena, &open, &read, NULL), 0);
	assert_int_equal(read.count, 3);
	assert_int_equal(open[1].number, 2); /* 1 is done */
	assert_slice_equal(open[2].text, "docker://a/3");
	assert_false(read.ended);
	assert_int_equal(read.next, 4);
	assert_int_equal(catalog_references_open(catalog, job.job, read.next, 3, &arena, &open, &read, NULL), 0);
	assert_int_equal(read.count, 2);
	assert_true(read.ended);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	arena_deinit(&arena);
	catalog_close(catalog);
}

static void failed_images_of_a_job_are_found_without_reading_the_others(void **state)
{
	struct catalog   *catalog = place_open_catalog(*state, false);
	struct job_record job = {0}, next = {0};
	struct job_image  image = {.image = SLICE_LIT("encoded")};
	uint64_t          number;
	bool              added;

	assert_int_equal(catalog_begin(catalog, NULL), 0);
	new_job(catalog, 1, &job);
	new_job(catalog, 2, &next);
	for (; image.number < 10; image.number++) {
		char place[] = {(char)('a' + image.number), 0};

		image.failed = image.number == 3 || image.number == 7;
		assert_int_equal(catalog_image_add(catalog, job.job, &image, slice_str(place), &added, NULL), 0);
	}
	assert_int_equal(catalog_image_failed_next(catalog, job.job, 0, &number, NULL), 0);
	assert_int_equal(number, 3);
	assert_int_equal(catalog_image_failed_next(catalog, job.job, 4, &number, NULL), 0);
	assert_int_equal(number, 7);
	assert_int_equal(catalog_image_failed_next(catalog, job.job, 8, &number, NULL), ERR_NOT_FOUND);
	assert_int_equal(catalog_image_failed_next(catalog, next.job, 0, &number, NULL), ERR_NOT_FOUND);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	catalog_close(catalog);
}

static void job_keeps_its_schedule_and_where_it_is(void **state)
{
	struct catalog   *catalog = place_open_catalog(*state, false);
	struct job_record job = {.every = SLICE_LIT("24h"),
				 .paused = true,
				 .next_ms = 77,
				 .schedule = 3,
				 .references_cursor = 12,
				 .references_done = 13,
				 .filling = true,
				 .fill_next = 14,
				 .failed_indexed = true,
				 .skipped_runs = 2,
				 .listings_open = 15},
			  read;
	struct arena arena;

	arena_init(&arena, 1 << 16);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	new_job(catalog, 1, &job);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_job_get(catalog, job.job, &arena, &read, NULL), 0);
	assert_slice_equal(read.every, "24h");
	assert_true(read.paused && read.filling && read.failed_indexed);
	assert_int_equal(read.next_ms, 77);
	assert_int_equal(read.schedule, 3);
	assert_int_equal(read.references_cursor, 12);
	assert_int_equal(read.references_done, 13);
	assert_int_equal(read.fill_next, 14);
	assert_int_equal(read.skipped_runs, 2);
	assert_int_equal(read.listings_open, 15);
	arena_deinit(&arena);
	catalog_close(catalog);
}

/* --- a store of format 2 --- */

static const char *const tables_2[] = {
	"counters",    "owners",        "jobs",     "tokens",   "references",  "reference_index", "images",
	"image_index", "image_records", "latest",   "layers",   "inventories", "path_tables",     "diff_ids",
	"claims",      "scans",         "failures", "resolves", NULL};

static void put_scans_2(struct db_txn *txn, uint8_t byte, uint64_t started)
{
	struct layer_key key = key_of(byte);
	uint8_t          name[KEY_LAYER_BYTES];
	struct buf       value;

	buf_init(&value, 64);
	msgpack_write_array(&value, 3);
	msgpack_write_uint(&value, started);
	msgpack_write_uint(&value, started - 1);
	msgpack_write_uint(&value, 0);
	assert_int_equal(
		db_put(txn, TABLE_SCANS, catalog_key_layer(&key.digest, key.set, name), buf_slice(&value), NULL), 0);
	buf_deinit(&value);
}

/* The twenty fields that a job had. */
static void put_job_2(struct db_txn *txn)
{
	static const uint8_t token[16] = {9};
	uint8_t              one[8] = {0, 0, 0, 0, 0, 0, 0, 1};
	struct buf           value;

	buf_init(&value, 4096);
	msgpack_write_array(&value, 20);
	msgpack_write_bin(&value, slice_of(token, sizeof(token)));
	msgpack_write_str(&value, SLICE_LIT("an old job"));
	msgpack_write_str(&value, SLICE_LIT("linux/amd64"));
	msgpack_write_str(&value, SLICE_EMPTY);
	msgpack_write_array(&value, 0);
	msgpack_write_array(&value, 0);
	for (unsigned i = 0; i < 8; i++) /* state … owner */
		msgpack_write_uint(&value, 0);
	msgpack_write_bool(&value, false);
	msgpack_write_bool(&value, true);
	msgpack_write_uint(&value, 2);
	msgpack_write_uint(&value, 0);
	msgpack_write_array(&value, 24);
	for (unsigned i = 0; i < 24; i++)
		msgpack_write_uint(&value, i);
	msgpack_write_uint(&value, 1);
	assert_int_equal(db_put(txn, TABLE_JOBS, slice_of(one, 8), buf_slice(&value), NULL), 0);
	assert_int_equal(db_put(txn, TABLE_COUNTERS, SLICE_LIT("job"), slice_of(one, 8), NULL), 0);
	buf_deinit(&value);
}

static void make_store_2(const struct place *place)
{
	struct db_config config = {.tables = tables_2, .kind = "catalog", .version = 2, .map_bytes = STORE_MAP_BYTES};
	struct db       *db;
	struct db_txn   *txn;

	assert_int_equal(db_open(place->store, &config, &db, NULL), 0);
	assert_int_equal(db_begin(db, true, &txn, NULL), 0);
	put_scans_2(txn, 1, 1);
	put_scans_2(txn, 2, 3);
	put_job_2(txn);
	assert_int_equal(db_commit(txn, NULL), 0);
	db_close(db);
}

static void store_of_format_2_is_brought_up_to_date_by_a_writer(void **state)
{
	struct place     *place = *state;
	struct catalog   *catalog;
	struct job_record job, next = {0};
	struct arena      arena;

	make_store_2(place);
	catalog = place_open_catalog(place, false);
	assert_adds_up(catalog, 4, 2);
	arena_init(&arena, 1 << 16);
	assert_int_equal(catalog_job_get(catalog, 1, &arena, &job, NULL), 0);
	assert_slice_equal(job.label, "an old job");
	assert_int_equal(job.counters[7], 7);
	assert_int_equal(job.references_batches, 1);
	assert_int_equal(job.every.len, 0);
	assert_false(job.paused || job.failed_indexed);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(new_job(catalog, 1, &next), 2);
	start(catalog, 2, FLEET_RETRIED_STALLED);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	catalog_close(catalog);
	catalog = place_open_catalog(place, true); /* and stays so */
	assert_adds_up(catalog, 5, 2);
	arena_deinit(&arena);
	catalog_close(catalog);
}

static void reader_of_a_store_of_format_2_is_told_who_can_bring_it_up_to_date(void **state)
{
	struct place         *place = *state;
	struct catalog_config config = {.read_only = true, .map_bytes = STORE_MAP_BYTES};
	struct catalog       *catalog;
	struct err            err = {0};

	make_store_2(place);
	assert_int_equal(catalog_open(place->store, &config, &catalog, &err), ERR_VERSION);
	assert_non_null(strstr(err.text, "has format 1.2, this program reads 1.4"));
	assert_non_null(strstr(err.text, "`varve scan` brings it up to date"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(scans_started_are_layers_and_retries_in_every_commit, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(what_was_not_committed_is_not_counted, place_set_up, place_tear_down),
		cmocka_unit_test(every_counter_has_a_name_of_its_own),
		cmocka_unit_test_setup_teardown(layer_in_quarantine_is_not_given_out_until_it_is_cleared_or_forced,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(result_that_was_cut_does_not_replace_a_better_one, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(layers_of_a_job_are_there_once_and_go_with_it, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(open_references_come_in_batches_from_a_number_on, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(failed_images_of_a_job_are_found_without_reading_the_others,
						place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(job_keeps_its_schedule_and_where_it_is, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(store_of_format_2_is_brought_up_to_date_by_a_writer, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(reader_of_a_store_of_format_2_is_told_who_can_bring_it_up_to_date,
						place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
