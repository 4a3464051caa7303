/* The store: records that are what was put or an error, claims over processes, and what a full or foreign store says. */
#include "lib/check.h"

#include "base/file.h"
#include "base/rng.h"
#include "store/catalog.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAP_BYTES = 64 << 20, LARGE_BYTES = 3 << 20 };

static const char *const tables[] = {"one", "two", NULL};

struct place {
	char dir[64], store[80];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	snprintf(place->dir, sizeof(place->dir), "/tmp/varve-test-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->store, sizeof(place->store), "%s/store", place->dir);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char          command[128];

	snprintf(command, sizeof(command), "rm -rf %s", place->dir);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static struct db *open_db(const struct place *place, bool read_only)
{
	struct db_config config = {.tables = tables, .kind = "test", .version = 1, .read_only = read_only, .map_bytes = MAP_BYTES};
	struct db       *db = NULL;
	struct err       err = {0};

	if (db_open(place->store, &config, &db, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

static struct catalog *open_catalog(const struct place *place, bool read_only)
{
	struct catalog_config config = {.read_only = read_only, .map_bytes = MAP_BYTES};
	struct catalog       *catalog = NULL;
	struct err            err = {0};

	if (catalog_open(place->store, &config, &catalog, &err) < 0)
		fail_msg("%s", err.text);
	return catalog;
}

static void fill(struct buf *out, size_t size, uint64_t seed)
{
	struct rng rng = rng_seeded(seed);

	buf_init(out, size);
	while (out->len < size)
		buf_byte(out, (uint8_t)rng_next(&rng));
}

/* --- db --- */

static void values_come_back_as_they_were_put_whatever_their_size(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 5000, 256 << 10, (256 << 10) + 1, LARGE_BYTES};
	struct db          *db = open_db(*state, false);
	struct db_txn      *txn;
	struct buf          value, read;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fill(&value, sizes[i], i);
		buf_init(&read, LARGE_BYTES);
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
	struct db     *db = open_db(*state, false);
	struct db_txn *txn;
	struct buf     value;
	struct db_stats before, after;

	fill(&value, LARGE_BYTES, 1);
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

/* Flips one bit of the value in the file. */
static void damage(const struct place *place, const char *needle)
{
	char       path[120];
	struct buf bytes;
	size_t     at;
	int        fd;
	uint8_t    flipped;

	snprintf(path, sizeof(path), "%s/data.mdb", place->store);
	buf_init(&bytes, MAP_BYTES);
	assert_int_equal(file_read(path, &bytes, NULL), 0);
	at = slice_find_str(buf_slice(&bytes), needle);
	assert_int_not_equal(at, SIZE_MAX);
	flipped = bytes.ptr[at + 3] ^ 1;
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at + 3), 1);
	close(fd);
	buf_deinit(&bytes);
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
	damage(place, "a needle in a file");
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
	fill(&value, LARGE_BYTES, 1);
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
	struct db_config config = {.tables = tables, .kind = "test", .version = 1, .map_bytes = MAP_BYTES, .bytes_max = 1 << 20};
	struct db       *db;
	struct db_txn   *txn;
	struct buf       value;
	struct err       err = {0};

	assert_int_equal(db_open(place->store, &config, &db, NULL), 0);
	fill(&value, LARGE_BYTES, 1);
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
	} cases[] = {{"test", 1, ERR_VERSION, "older"}, {"test", 3, ERR_VERSION, "older"}, {"other", 2, ERR_CONFIG, "not \"other\""}};
	struct place    *place = *state;
	struct db_config config = {.tables = tables, .kind = "test", .version = 2, .map_bytes = MAP_BYTES};
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
	struct db_config config = {.tables = tables, .kind = "test", .version = 1, .map_bytes = MAP_BYTES};
	struct db       *db = open_db(place, false), *second;

	assert_int_equal(db_open(place->store, &config, &second, NULL), ERR_BUSY);
	db_close(db);
}

static void cut_file_is_damage_not_a_crash(void **state)
{
	struct place    *place = *state;
	struct db_config config = {.tables = tables, .kind = "test", .version = 1, .map_bytes = MAP_BYTES};
	struct db       *db = open_db(place, false);
	struct db_txn   *txn;
	struct buf       value;
	struct err       err = {0};
	char             path[120];

	fill(&value, LARGE_BYTES, 1);
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

static void read_only_store_is_read_and_not_written(void **state)
{
	struct place    *place = *state;
	struct catalog  *catalog = open_catalog(place, false);
	struct db_txn   *txn;
	struct err       err = {0};

	catalog_close(catalog);
	catalog = open_catalog(place, true);
	assert_int_equal(catalog_begin(catalog, &err), ERR_STORE);
	assert_non_null(strstr(err.text, "reading only"));
	assert_int_equal(db_begin(catalog_db(catalog), false, &txn, NULL), 0);
	db_abort(txn);
	catalog_close(catalog);
}

static void absent_store_is_not_made_by_a_reader(void **state)
{
	struct place         *place = *state;
	struct catalog_config config = {.read_only = true, .map_bytes = MAP_BYTES};
	struct catalog       *catalog;
	struct stat           there;

	assert_int_equal(catalog_open(place->store, &config, &catalog, NULL), ERR_NOT_FOUND);
	assert_int_not_equal(stat(place->store, &there), 0);
}

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
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	return claim;
}

static void put_layer(struct catalog *catalog, uint8_t byte, bool reusable)
{
	struct layer_key    key = key_of(byte);
	struct layer_record record = {.reusable = reusable, .inventory = key.digest};

	record.diff_id.bytes[0] = byte + 100;
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_layer_put(catalog, &key, &record, SLICE_LIT("an inventory of layer"), SLICE_LIT("paths"), NULL), 0);
	assert_int_equal(catalog_release(catalog, &key, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
}

static void known_layer_is_known_until_its_record_is_damaged(void **state)
{
	struct place      *place = *state;
	struct catalog    *catalog = open_catalog(place, false);
	struct layer_key   key = key_of(1);
	struct scan_counts counts;
	struct claim       claim;

	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_GRANTED);
	put_layer(catalog, 1, true);
	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_KNOWN);
	catalog_close(catalog);
	damage(place, "an inventory of layer");
	catalog = open_catalog(place, false);
	claim = claim_once(catalog, 1);
	assert_int_equal(claim.answer, CLAIM_GRANTED);
	assert_true(claim.retry);
	assert_int_equal(catalog_scan_counts(catalog, &key, &counts, NULL), 0);
	assert_int_equal(counts.started, 2);
	assert_int_equal(counts.retries, 1);
	catalog_close(catalog);
}

static void result_that_was_cut_by_resources_is_not_reused(void **state)
{
	struct catalog *catalog = open_catalog(*state, false);

	claim_once(catalog, 1);
	put_layer(catalog, 1, false);
	assert_int_equal(claim_once(catalog, 1).answer, CLAIM_GRANTED);
	catalog_close(catalog);
}

static void claimed_diff_id_that_is_known_asks_for_verification_only(void **state)
{
	struct catalog  *catalog = open_catalog(*state, false);
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
	struct catalog  *catalog = open_catalog(place, false);
	struct layer_key other = key_of(2), third = key_of(3);
	struct digest    diff_id = {{101}};
	struct claim     claim;

	put_layer(catalog, 1, true);
	catalog_close(catalog);
	damage(place, "an inventory of layer");
	catalog = open_catalog(place, false);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_claim(catalog, &other, &diff_id, false, &claim, NULL), 0);
	assert_int_equal(claim.answer, CLAIM_GRANTED);
	assert_true(digest_is_zero(&claim.verify));
	assert_int_equal(catalog_layer_put(catalog, &other, &(struct layer_record){.diff_id = diff_id, .reusable = true, .inventory = other.digest},
	                                   SLICE_LIT("inventory"), SLICE_LIT("paths"), NULL), 0);
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
		struct catalog *catalog = open_catalog(place, false);
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
	struct catalog *catalog = open_catalog(place, false);
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
	struct catalog *catalog = open_catalog(place, false);

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
	struct catalog      *catalog = open_catalog(*state, false);
	struct job_record    job = {.token = "token", .label = SLICE_LIT("night"), .platform = SLICE_LIT("linux/amd64")}, again = job, read;
	struct layer_outcome outcomes[2] = {{0, SLICE_EMPTY}, {3, SLICE_LIT("gone")}};
	struct job_image     image = {.image = SLICE_LIT("encoded"), .set = 9, .layers = outcomes, .layers_count = 2}, stored;
	struct arena         arena;
	bool                 added;
	uint64_t             newest;

	arena_init(&arena, 1 << 20);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_job_new(catalog, &job, NULL), 0);
	assert_int_equal(catalog_job_new(catalog, &again, NULL), ERR_BUSY);
	assert_int_equal(again.job, job.job);
	assert_int_equal(catalog_reference_add(catalog, job.job, 0, SLICE_LIT("docker://a"), &added, NULL), 0);
	assert_true(added);
	assert_int_equal(catalog_reference_add(catalog, job.job, 1, SLICE_LIT("docker://a"), &added, NULL), 0);
	assert_false(added);
	assert_int_equal(catalog_reference_done(catalog, job.job, 0, NULL), 0);
	assert_int_equal(catalog_image_add(catalog, job.job, &image, SLICE_LIT("docker://a linux/amd64"), &added, NULL), 0);
	assert_true(added);
	image.number = 1;
	assert_int_equal(catalog_image_add(catalog, job.job, &image, SLICE_LIT("docker://a linux/amd64"), &added, NULL), 0);
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
static int write_meanwhile(void *data, uint64_t job, uint64_t number)
{
	struct latest_walk *walk = data;
	struct layer_key    key = key_of(1);
	struct layer_record record = {.inventory = key.digest};
	struct buf          value;

	assert_int_equal(job, 1);
	walk->numbers[walk->seen++ % 8] = number;
	fill(&value, LARGE_BYTES, number);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(catalog_begin(walk->catalog, NULL), 0);
		assert_int_equal(catalog_layer_put(walk->catalog, &key, &record, buf_slice(&value), SLICE_LIT("paths"), NULL), 0);
		assert_int_equal(catalog_commit(walk->catalog, NULL), 0);
	}
	buf_deinit(&value);
	return 0;
}

static void long_walk_over_the_latest_images_holds_no_reader(void **state)
{
	struct latest_walk walk = {.catalog = open_catalog(*state, false)};
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
	assert_int_equal(catalog_latest_each(walk.catalog, write_meanwhile, &walk, NULL), 0);
	assert_int_equal(walk.seen, 3);
	assert_int_equal(walk.numbers[0], 2); /* by place */
	assert_int_equal(walk.numbers[2], 0);
	db_stats_get(catalog_db(walk.catalog), &stats);
	assert_true(stats.used_bytes < 5 * LARGE_BYTES);
	catalog_close(walk.catalog);
}

static void damaged_image_record_is_written_again(void **state)
{
	struct place     *place = *state;
	struct catalog   *catalog = open_catalog(place, false);
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
	damage(place, "an encoded image");
	catalog = open_catalog(place, false);
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
	struct catalog       *catalog = open_catalog(*state, false);
	struct layer_key      key = key_of(1);
	struct failure_record failure = {.fail_class = 1, .code = ERR_DIGEST, .attempts = 2, .text = SLICE_LIT("wrong bytes")}, read;
	struct arena          arena;

	arena_init(&arena, 1 << 16);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_failure_put(catalog, &key.digest, SLICE_LIT("r/x"), &failure, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_failure_get(catalog, &key.digest, SLICE_LIT("r/x"), &arena, &read, NULL), 0);
	assert_slice_equal(read.text, "wrong bytes");
	assert_int_equal(read.code, ERR_DIGEST);
	assert_int_equal(catalog_failure_get(catalog, &key.digest, SLICE_LIT("s/x"), &arena, &read, NULL), ERR_NOT_FOUND);
	arena_deinit(&arena);
	catalog_close(catalog);
}

/* The format is looked at before any table is missed. */
static void reader_of_an_older_format_says_so(void **state)
{
	static const char *const more[] = {"one", "two", "three", NULL};
	struct place            *place = *state;
	struct db_config         config = {.tables = more, .kind = "test", .version = 2, .read_only = true, .map_bytes = MAP_BYTES};
	struct db               *db = open_db(place, false);
	struct err               err = {0};

	db_close(db);
	assert_int_equal(db_open(place->store, &config, &db, &err), ERR_VERSION);
	assert_non_null(strstr(err.text, "older Varve"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(claim_of_another_process_is_busy_until_that_process_dies, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(clean_end_gives_claims_back, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(values_come_back_as_they_were_put_whatever_their_size, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(deleted_records_leave_no_parts, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(cursor_walks_in_key_order_from_a_key_on, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(damaged_value_is_the_error_of_that_record_alone, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(full_map_is_an_error_and_the_store_stays_good, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(own_ceiling_refuses_the_write, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(other_formats_are_refused_in_clear_words, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(one_environment_per_path_in_a_process, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(cut_file_is_damage_not_a_crash, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(read_only_store_is_read_and_not_written, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(absent_store_is_not_made_by_a_reader, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(known_layer_is_known_until_its_record_is_damaged, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(result_that_was_cut_by_resources_is_not_reused, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(claimed_diff_id_that_is_known_asks_for_verification_only, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(damaged_inventory_is_nothing_to_verify_against, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(job_keeps_its_references_once_and_its_images_by_number, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(long_walk_over_the_latest_images_holds_no_reader, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(damaged_image_record_is_written_again, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(failure_is_kept_per_digest_and_place, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(reader_of_an_older_format_says_so, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
