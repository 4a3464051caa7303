/* The catalog: claims over processes, what is known of layers, jobs with their references and images, failures by place. */
#include "lib/check.h"
#include "lib/store_place.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- claims --- */

static struct layer_key key_of(uint8_t byte)
{
	struct layer_key key = {.set = 5};

	key.digest.bytes[0] = byte;
	return key;
}

static struct claim claim_once(struct catalog *catalog, uint8_t byte)
{
	struct layer_key key = key_of(byte);
	struct claim     claim;

	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_claim(catalog, &key, NULL, false, &claim, NULL), 0);
	if (claim.answer == CLAIM_GRANTED && !claim.retry)
		assert_int_equal(catalog_count_start(catalog, &key, FLEET_RETRIED_AGAIN, &claim.retry, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	return claim;
}

static void put_layer(struct catalog *catalog, uint8_t byte, bool reusable)
{
	struct layer_key    key = key_of(byte);
	struct layer_record record = {.reusable = reusable, .inventory = key.digest};

	record.diff_id.bytes[0] = byte + 100;
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(
		catalog_layer_put(catalog, &key, &record, SLICE_LIT("an inventory of layer"), SLICE_LIT("paths"), NULL),
		0);
	assert_int_equal(catalog_release(catalog, &key, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
}

static void known_layer_is_known_until_its_record_is_damaged(void **state)
{
	struct place      *place = *state;
	struct catalog    *catalog = place_open_catalog(place, false);
	struct layer_key   key = key_of(1);
	struct scan_counts counts;
	struct claim       claim;
	bool               again;

	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_GRANTED);
	put_layer(catalog, 1, true);
	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_KNOWN);
	catalog_close(catalog);
	place_damage(place, "an inventory of layer");
	catalog = place_open_catalog(place, false);
	claim = claim_once(catalog, 1);
	assert_int_equal(claim.answer, CLAIM_GRANTED);
	assert_true(claim.retry);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_count_start(catalog, &key, FLEET_RETRIED_AGAIN, &again, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_true(again);
	assert_int_equal(catalog_scan_counts(catalog, &key, &counts, NULL), 0);
	assert_int_equal(counts.started, 2);
	assert_int_equal(counts.retries, 1);
	catalog_close(catalog);
}

static void result_that_was_cut_by_resources_is_not_reused(void **state)
{
	struct catalog *catalog = place_open_catalog(*state, false);

	claim_once(catalog, 1);
	put_layer(catalog, 1, false);
	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_GRANTED);
	catalog_close(catalog);
}

static void claimed_diff_id_that_is_known_asks_for_verification_only(void **state)
{
	struct catalog  *catalog = place_open_catalog(*state, false);
	struct layer_key other = key_of(2), known = key_of(1);
	struct digest    diff_id = {{101}};
	struct claim     claim;

	claim_once(catalog, 1);
	put_layer(catalog, 1, true);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_claim(catalog, &other, &diff_id, false, &claim, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(claim.answer, CLAIM_GRANTED);
	assert_true(digest_eq(&claim.verify, &known.digest));
	catalog_close(catalog);
}

/* Verifying would give the other digest the damaged inventory, for ever. */
static void damaged_inventory_is_nothing_to_verify_against(void **state)
{
	struct place    *place = *state;
	struct catalog  *catalog = place_open_catalog(place, false);
	struct layer_key other = key_of(2), third = key_of(3);
	struct digest    diff_id = {{101}};
	struct claim     claim;

	put_layer(catalog, 1, true);
	catalog_close(catalog);
	place_damage(place, "an inventory of layer");
	catalog = place_open_catalog(place, false);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_claim(catalog, &other, &diff_id, false, &claim, NULL), 0);
	assert_int_equal(claim.answer, CLAIM_GRANTED);
	assert_true(digest_is_zero(&claim.verify));
	assert_int_equal(catalog_layer_put(catalog, &other,
					   &(struct layer_record){
						   .diff_id = diff_id, .reusable = true, .inventory = other.digest},
					   SLICE_LIT("inventory"), SLICE_LIT("paths"), NULL),
			 0);
	assert_int_equal(catalog_claim(catalog, &third, &diff_id, false, &claim, NULL), 0);
	assert_true(digest_eq(&claim.verify, &other.digest)); /* the whole one took the place of the damaged one */
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	catalog_close(catalog);
}

/* In a child: claims layer 1, says so, then waits to be killed or told to end. */
static pid_t claim_in_child(const struct place *place, int *to_child, int *from_child, bool end_cleanly)
{
	int   in[2], out[2];
	char  byte = 0;
	pid_t child;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	child = fork();
	if (child == 0) {
		struct catalog *catalog = place_open_catalog(place, false);
		bool            granted = claim_once(catalog, 1).answer == CLAIM_GRANTED;

		byte = granted ? 'g' : 'x';
		if (write(out[1], &byte, 1) != 1 || read(in[0], &byte, 1) != 1)
			_exit(1);
		if (end_cleanly)
			catalog_close(catalog);
		_exit(0);
	}
	assert_int_equal(read(out[0], &byte, 1), 1);
	assert_int_equal(byte, 'g');
	*to_child = in[1];
	*from_child = out[0];
	close(in[0]);
	close(out[1]);
	return child;
}

static void claim_of_another_process_is_busy_until_that_process_dies(void **state)
{
	struct place   *place = *state;
	int             in, out;
	pid_t           child = claim_in_child(place, &in, &out, false);
	struct catalog *catalog = place_open_catalog(place, false);
	struct claim    claim = claim_once(catalog, 1);

	assert_int_equal(claim.answer, CLAIM_BUSY);
	assert_int_not_equal(claim.owner, catalog_owner(catalog));
	assert_int_equal(claim_once(catalog, 2).answer, CLAIM_GRANTED);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	claim = claim_once(catalog, 1);
	assert_int_equal(claim.answer, CLAIM_GRANTED);
	assert_true(claim.retry);
	catalog_close(catalog);
	close(in);
	close(out);
}

static void clean_end_gives_claims_back(void **state)
{
	struct place   *place = *state;
	int             in, out;
	pid_t           child = claim_in_child(place, &in, &out, true);
	struct catalog *catalog = place_open_catalog(place, false);

	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_BUSY);
	assert_int_equal(write(in, "e", 1), 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_GRANTED);
	catalog_close(catalog);
	close(in);
	close(out);
}

/* --- jobs --- */

static void job_keeps_its_references_once_and_its_images_by_number(void **state)
{
	struct catalog   *catalog = place_open_catalog(*state, false);
	struct job_record job = {.token = "token", .label = SLICE_LIT("night"), .platform = SLICE_LIT("linux/amd64")},
			  again = job, read;
	struct layer_outcome outcomes[2] = {{0, SLICE_EMPTY}, {3, SLICE_LIT("gone")}};
	struct job_image     image = {.image = SLICE_LIT("encoded"), .set = 9, .layers = outcomes, .layers_count = 2},
			 stored;
	struct arena arena;
	struct buf   text;
	bool         added;
	uint64_t     newest;

	arena_init(&arena, 1 << 20);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_job_new(catalog, &job, NULL), 0);
	assert_int_equal(catalog_job_new(catalog, &again, NULL), ERR_BUSY);
	assert_int_equal(again.job, job.job);
	assert_int_equal(catalog_reference_add(catalog, job.job, 0, SLICE_LIT("docker://a"), &added, NULL), 0);
	assert_true(added);
	assert_int_equal(catalog_reference_add(catalog, job.job, 1, SLICE_LIT("docker://a"), &added, NULL), 0);
	assert_false(added);
	buf_init(&text, 1 << 10);
	assert_int_equal(catalog_reference_done(catalog, job.job, 0, &text, NULL), 0);
	assert_slice_equal(buf_slice(&text), "docker://a");
	buf_deinit(&text);
	assert_int_equal(catalog_image_add(catalog, job.job, &image, SLICE_LIT("docker://a linux/amd64"), &added, NULL),
			 0);
	assert_true(added);
	image.number = 1;
	assert_int_equal(catalog_image_add(catalog, job.job, &image, SLICE_LIT("docker://a linux/amd64"), &added, NULL),
			 0);
	assert_false(added); /* work that was done again after a crash */
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_job_newest(catalog, 0, &newest, NULL), 0);
	assert_int_equal(newest, job.job);
	assert_int_equal(catalog_job_get(catalog, newest, &arena, &read, NULL), 0);
	assert_slice_equal(read.label, "night");
	assert_int_equal(catalog_image_get(catalog, job.job, 0, &arena, &stored, NULL), 0);
	assert_slice_equal(stored.image, "encoded");
	assert_slice_equal(stored.layers[1].reason, "gone");
	assert_int_equal(stored.set, 9);
	assert_int_equal(catalog_image_get(catalog, job.job, 1, &arena, &stored, NULL), ERR_NOT_FOUND);
	arena_deinit(&arena);
	catalog_close(catalog);
}

struct latest_walk {
	struct catalog *catalog;
	size_t          seen;
	uint64_t        numbers[8];
};

/* Writes much, many times over: a reader that stayed open would keep the store from using its room again. */
static int write_meanwhile(void *data, const struct catalog_latest *latest)
{
	struct latest_walk *walk = data;
	struct layer_key    key = key_of(1);
	struct layer_record record = {.inventory = key.digest};
	struct buf          value;

	assert_int_equal(latest->job, 1);
	walk->numbers[walk->seen++ % 8] = latest->number;
	place_fill(&value, STORE_LARGE_BYTES, latest->number);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(catalog_begin(walk->catalog, NULL), 0);
		assert_int_equal(
			catalog_layer_put(walk->catalog, &key, &record, buf_slice(&value), SLICE_LIT("paths"), NULL),
			0);
		assert_int_equal(catalog_commit(walk->catalog, NULL), 0);
	}
	buf_deinit(&value);
	return 0;
}

static void long_walk_over_the_latest_images_holds_no_reader(void **state)
{
	struct latest_walk walk = {.catalog = place_open_catalog(*state, false)};
	struct job_record  job = {.token = "token", .platform = SLICE_LIT("linux/amd64")};
	struct job_image   image = {.image = SLICE_LIT("encoded")};
	struct db_stats    stats;
	bool               added;

	assert_int_equal(catalog_begin(walk.catalog, NULL), 0);
	assert_int_equal(catalog_job_new(walk.catalog, &job, NULL), 0);
	for (; image.number < 3; image.number++) {
		char place[2] = {(char)('c' - image.number), 0};

		assert_int_equal(catalog_image_add(walk.catalog, job.job, &image, slice_str(place), &added, NULL), 0);
	}
	assert_int_equal(catalog_commit(walk.catalog, NULL), 0);
	assert_int_equal(catalog_latest_each(walk.catalog, LATEST_ALL, write_meanwhile, &walk, NULL), 0);
	assert_int_equal(walk.seen, 3);
	assert_int_equal(walk.numbers[0], 2); /* by place */
	assert_int_equal(walk.numbers[2], 0);
	db_stats_get(catalog_db(walk.catalog), &stats);
	assert_true(stats.used_bytes < 5 * STORE_LARGE_BYTES);
	catalog_close(walk.catalog);
}

static void damaged_image_record_is_written_again(void **state)
{
	struct place     *place = *state;
	struct catalog   *catalog = place_open_catalog(place, false);
	struct job_record job = {.token = "token", .platform = SLICE_LIT("linux/amd64")};
	struct job_image  image = {.image = SLICE_LIT("an encoded image"), .set = 9}, stored;
	struct arena      arena;
	bool              added;

	arena_init(&arena, 1 << 20);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_job_new(catalog, &job, NULL), 0);
	assert_int_equal(catalog_image_add(catalog, job.job, &image, SLICE_LIT("a"), &added, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	catalog_close(catalog);
	place_damage(place, "an encoded image");
	catalog = place_open_catalog(place, false);
	assert_int_equal(catalog_image_get(catalog, job.job, 0, &arena, &stored, NULL), ERR_STORE);
	image.number = 1;
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_image_add(catalog, job.job, &image, SLICE_LIT("b"), &added, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_image_get(catalog, job.job, 0, &arena, &stored, NULL), 0);
	assert_slice_equal(stored.image, "an encoded image");
	arena_deinit(&arena);
	catalog_close(catalog);
}

static void failure_is_kept_per_digest_and_place(void **state)
{
	struct catalog       *catalog = place_open_catalog(*state, false);
	struct layer_key      key = key_of(1);
	struct failure_record failure = {.fail_class = 1,
					 .code = ERR_DIGEST,
					 .attempts = 2,
					 .text = SLICE_LIT("wrong bytes")},
			      read;
	struct arena arena;

	arena_init(&arena, 1 << 16);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_failure_put(catalog, &key.digest, SLICE_LIT("r/x"), &failure, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_failure_get(catalog, &key.digest, SLICE_LIT("r/x"), &arena, &read, NULL), 0);
	assert_slice_equal(read.text, "wrong bytes");
	assert_int_equal(read.code, ERR_DIGEST);
	assert_int_equal(catalog_failure_get(catalog, &key.digest, SLICE_LIT("s/x"), &arena, &read, NULL),
			 ERR_NOT_FOUND);
	arena_deinit(&arena);
	catalog_close(catalog);
}

static void absent_store_is_not_made_by_a_reader(void **state)
{
	struct place         *place = *state;
	struct catalog_config config = {.read_only = true, .map_bytes = STORE_MAP_BYTES};
	struct catalog       *catalog;
	struct stat           there;

	assert_int_equal(catalog_open(place->store, &config, &catalog, NULL), ERR_NOT_FOUND);
	assert_int_not_equal(stat(place->store, &there), 0);
}

static void read_only_store_is_read_and_not_written(void **state)
{
	struct place   *place = *state;
	struct catalog *catalog = place_open_catalog(place, false);
	struct db_txn  *txn;
	struct err      err = {0};

	catalog_close(catalog);
	catalog = place_open_catalog(place, true);
	assert_int_equal(catalog_begin(catalog, &err), ERR_STORE);
	assert_non_null(strstr(err.text, "reading only"));
	assert_int_equal(db_begin(catalog_db(catalog), false, &txn, NULL), 0);
	db_abort(txn);
	catalog_close(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(claim_of_another_process_is_busy_until_that_process_dies, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(clean_end_gives_claims_back, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(read_only_store_is_read_and_not_written, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(absent_store_is_not_made_by_a_reader, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(known_layer_is_known_until_its_record_is_damaged, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(result_that_was_cut_by_resources_is_not_reused, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(claimed_diff_id_that_is_known_asks_for_verification_only, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(damaged_inventory_is_nothing_to_verify_against, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(job_keeps_its_references_once_and_its_images_by_number, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(long_walk_over_the_latest_images_holds_no_reader, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(damaged_image_record_is_written_again, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(failure_is_kept_per_digest_and_place, place_set_up, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
