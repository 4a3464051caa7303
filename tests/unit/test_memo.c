/* The store of the file memo: what is kept, from when on it is found, what makes it go. */
#include "lib/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/rng.h"
#include "memo/memo.h"

#include <ftw.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	char         dir[64];
	struct memo *memo;
};

static void open_at(struct place *place, uint64_t bytes_max, bool unchecked)
{
	struct memo_config config = {.dir = place->dir, .bytes_max = bytes_max, .unchecked = unchecked};
	struct err         err = {0};

	if (memo_open(&config, &place->memo, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	snprintf(place->dir, sizeof(place->dir), "/tmp/varve-memo-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	open_at(place, 0, true);
	*state = place;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct place *place = *state;

	memo_close(place->memo);
	nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static struct digest digest_from(const char *text)
{
	struct digest digest;

	digest_of(slice_str(text), &digest);
	return digest;
}

static struct digest numbered(const char *what, unsigned number)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %u", what, number);
	return digest_from(text);
}

static void keep(struct memo_layer *layer, const char *key, const char *facts)
{
	struct digest digest = digest_from(key);

	memo_layer_calls(layer)->keep(memo_layer_calls(layer)->data, &digest, slice_str(facts));
}

/* What `layer` is told about `key`; "" when it is not known. */
static void assert_found(struct memo_layer *layer, const struct digest *key, const char *facts)
{
	struct buf out = {.bytes_max = LIMIT_MEMO_FACTS_BYTES};
	int        found = memo_layer_calls(layer)->find(memo_layer_calls(layer)->data, key, &out);

	assert_int_equal(found, *facts != 0);
	assert_slice_equal(buf_slice(&out), facts);
	buf_deinit(&out);
}

static void assert_known(struct memo *memo, const char *key, const char *facts)
{
	struct memo_layer *layer = memo_layer_begin(memo);
	struct digest      digest = digest_from(key);
	struct memo_counts counts;

	assert_non_null(layer);
	assert_found(layer, &digest, facts);
	memo_layer_end(layer, NULL, &counts);
	assert_int_equal(counts.lookups, 1);
	assert_int_equal(counts.hits, *facts != 0);
}

static struct memo_counts bring(struct memo *memo, const char *digest_text_, const char *key, const char *facts)
{
	struct memo_layer *layer = memo_layer_begin(memo);
	struct digest      digest = digest_from(digest_text_);
	struct memo_counts counts;

	keep(layer, key, facts);
	memo_layer_end(layer, &digest, &counts);
	return counts;
}

static uint64_t entries(struct memo *memo)
{
	struct memo_stats stats;

	assert_int_equal(memo_stats_get(memo, &stats, NULL), 0);
	return stats.entries;
}

/* --- */

static void what_a_layer_brought_is_known_to_the_next_and_after_reopening(void **state)
{
	struct place      *place = *state;
	struct memo_counts counts = bring(place->memo, "layer", "file", "its facts");

	assert_int_equal(counts.kept, 1);
	assert_known(place->memo, "file", "its facts");
	assert_known(place->memo, "another file", "");
	memo_close(place->memo);
	open_at(place, 0, true);
	assert_known(place->memo, "file", "its facts");
	assert_int_equal(bring(place->memo, "layer 2", "file", "its facts").kept, 0);
}

static void within_a_layer_the_second_file_is_known_at_once(void **state)
{
	struct place      *place = *state;
	struct memo_layer *layer = memo_layer_begin(place->memo);
	struct digest      key = digest_from("file");
	struct memo_counts counts;

	assert_found(layer, &key, "");
	keep(layer, "file", "its facts");
	assert_found(layer, &key, "its facts");
	memo_layer_end(layer, NULL, &counts);
	assert_int_equal(counts.hits, 1);
	assert_int_equal(counts.lookups, 2);
}

static void a_layer_that_did_not_end_cleanly_leaves_nothing(void **state)
{
	struct place      *place = *state;
	struct memo_layer *layer = memo_layer_begin(place->memo);
	struct memo_counts counts;

	keep(layer, "file", "its facts");
	memo_layer_end(layer, NULL, &counts);
	assert_int_equal(counts.kept, 0);
	assert_known(place->memo, "file", "");
	assert_int_equal(entries(place->memo), 0);
}

static void large_facts_are_found_whole_and_too_large_ones_not_kept(void **state)
{
	struct place      *place = *state;
	char              *facts = malloc(LIMIT_MEMO_FACTS_BYTES + 2);
	struct digest      layer_digest = digest_from("layer"), key = digest_from("large");
	struct buf         out = {.bytes_max = LIMIT_MEMO_FACTS_BYTES}, small = {.bytes_max = 1000};
	struct memo_counts counts;
	struct memo_layer *layer = memo_layer_begin(place->memo);

	memset(facts, 'x', LIMIT_MEMO_FACTS_BYTES + 1);
	facts[LIMIT_MEMO_FACTS_BYTES + 1] = 0;
	keep(layer, "too large", facts);
	facts[LIMIT_MEMO_FACTS_BYTES] = 0;
	keep(layer, "large", facts);
	memo_layer_end(layer, &layer_digest, &counts);
	assert_int_equal(counts.kept, 1);
	layer = memo_layer_begin(place->memo);
	assert_int_equal(memo_layer_calls(layer)->find(memo_layer_calls(layer)->data, &key, &out), 1);
	assert_true(slice_eq_str(buf_slice(&out), facts));
	assert_int_equal(memo_layer_calls(layer)->find(memo_layer_calls(layer)->data, &key, &small), 0);
	assert_int_equal(small.len, 0);
	memo_layer_end(layer, NULL, &counts);
	buf_deinit(&out);
	buf_deinit(&small);
	free(facts);
}

static void a_purge_takes_what_one_layer_brought(void **state)
{
	struct place *place = *state;
	struct digest layer = digest_from("bad layer");
	uint64_t      removed;

	bring(place->memo, "good layer", "a", "facts of a");
	bring(place->memo, "bad layer", "a", "facts of a"); /* known already: it stays */
	bring(place->memo, "bad layer", "b", "facts of b");
	bring(place->memo, "bad layer", "c", "facts of c");
	assert_int_equal(memo_purge(place->memo, &layer, &removed, NULL), 0);
	assert_int_equal(removed, 2);
	assert_known(place->memo, "a", "facts of a");
	assert_known(place->memo, "b", "");
	assert_known(place->memo, "c", "");
	assert_int_equal(memo_purge(place->memo, &layer, &removed, NULL), 0);
	assert_int_equal(removed, 0);
}

static void layers_that_disagree_about_a_file_make_it_unknown(void **state)
{
	struct place      *place = *state;
	struct memo_layer *one = memo_layer_begin(place->memo), *two = memo_layer_begin(place->memo);
	struct digest      digest = digest_from("layer"), other = digest_from("other");
	struct memo_counts counts;

	keep(one, "file", "its facts");
	keep(two, "file", "other facts");
	memo_layer_end(one, &digest, &counts);
	memo_layer_end(two, &other, &counts);
	assert_int_equal(counts.kept, 0);
	assert_known(place->memo, "file", "");
}

static void some_known_files_are_analysed_again(void **state)
{
	struct place      *place = *state;
	struct digest      digest = digest_from("layer");
	struct memo_layer *layer = memo_layer_begin(place->memo);
	struct memo_counts counts;

	for (unsigned i = 0; i < 5000; i++) {
		struct digest key = numbered("file", i);

		memo_layer_calls(layer)->keep(memo_layer_calls(layer)->data, &key, SLICE_LIT("facts"));
	}
	memo_layer_end(layer, &digest, &counts);
	assert_int_equal(counts.kept, 5000);
	memo_close(place->memo);
	open_at(place, 0, false);
	layer = memo_layer_begin(place->memo);
	for (unsigned i = 0; i < 5000; i++) {
		struct buf    out = {.bytes_max = 100};
		struct digest key = numbered("file", i);

		memo_layer_calls(layer)->find(memo_layer_calls(layer)->data, &key, &out);
		buf_deinit(&out);
	}
	memo_layer_end(layer, NULL, &counts);
	assert_int_equal(counts.lookups, 5000);
	assert_in_range(counts.hits, 4800, 4999); /* one in 256 is not told: 0 of 5,000 in one of 10^8 runs */
}

/* --- ceiling --- */

enum { BULK = 5000, BULK_FACTS = 600 };

/* A layer of BULK files; those of `number` alone. */
static void bring_bulk(struct memo *memo, unsigned number)
{
	struct memo_layer *layer = memo_layer_begin(memo);
	struct digest      digest = numbered("bulk", number), often = digest_from("asked for by every layer");
	struct memo_counts counts;
	char               facts[BULK_FACTS + 1];
	struct buf         out = {.bytes_max = 100};

	assert_non_null(layer);
	memset(facts, 'f', BULK_FACTS);
	facts[BULK_FACTS] = 0;
	for (unsigned i = 0; i < BULK; i++) {
		struct digest key = numbered("bulk file", number * BULK + i);

		memo_layer_calls(layer)->keep(memo_layer_calls(layer)->data, &key, slice_str(facts));
	}
	assert_int_equal(memo_layer_calls(layer)->find(memo_layer_calls(layer)->data, &often, &out), 1);
	memo_layer_end(layer, &digest, &counts);
	assert_int_equal(counts.kept, BULK);
	buf_deinit(&out);
}

static void the_file_keeps_its_ceiling_and_what_is_asked_for_stays(void **state)
{
	struct place     *place = *state;
	struct memo_stats stats;

	memo_close(place->memo);
	open_at(place, MEMO_BYTES_MIN, true);
	bring(place->memo, "first", "asked for by every layer", "often");
	bring(place->memo, "first", "asked for by nobody", "never");
	for (unsigned i = 0; i < 24; i++)
		bring_bulk(place->memo, i);
	assert_int_equal(memo_stats_get(place->memo, &stats, NULL), 0);
	assert_true(stats.file_bytes <= MEMO_BYTES_MIN);
	assert_true(stats.bytes <= MEMO_BYTES_MIN / 4);
	assert_true(stats.entries > 8000);
	assert_known(place->memo, "asked for by every layer", "often");
	assert_known(place->memo, "asked for by nobody", "");
}

static void a_ceiling_that_is_lowered_is_kept_from_then_on(void **state)
{
	struct place     *place = *state;
	struct memo_stats before, after;

	memo_close(place->memo);
	open_at(place, 4 * MEMO_BYTES_MIN, true);
	bring(place->memo, "first", "asked for by every layer", "often");
	for (unsigned i = 0; i < 20; i++)
		bring_bulk(place->memo, i);
	assert_int_equal(memo_stats_get(place->memo, &before, NULL), 0);
	assert_true(before.bytes > MEMO_BYTES_MIN / 2);
	memo_close(place->memo);
	open_at(place, MEMO_BYTES_MIN, true);
	for (unsigned i = 20; i < 36; i++)
		bring_bulk(place->memo, i);
	assert_int_equal(memo_stats_get(place->memo, &after, NULL), 0);
	assert_true(after.bytes <= MEMO_BYTES_MIN / 4);
	assert_true(after.file_bytes <= before.file_bytes + MEMO_BYTES_MIN / 2);
}

/* --- damage --- */

static void damaged_entries_are_not_known(void **state)
{
	struct place *place = *state;
	struct buf    file = {.bytes_max = 1u << 24};
	char          path[100];
	size_t        changed = 0;

	bring(place->memo, "layer", "damaged", "DAMAGED FACTS");
	bring(place->memo, "layer", "whole", "whole facts");
	memo_close(place->memo);
	snprintf(path, sizeof(path), "%s/data.mdb", place->dir);
	assert_int_equal(file_read(path, &file, NULL), 0);
	for (size_t i = 0; i + 13 < file.len; i++)
		if (memcmp(file.ptr + i, "DAMAGED FACTS", 13) == 0) {
			file.ptr[i + 3] ^= 1;
			changed++;
		}
	assert_true(changed > 0);
	assert_int_equal(file_write_atomic(path, buf_slice(&file), 0600, NULL), 0);
	buf_deinit(&file);
	open_at(place, 0, true);
	assert_known(place->memo, "damaged", "");
	assert_known(place->memo, "whole", "whole facts");
	bring(place->memo, "layer", "damaged", "DAMAGED FACTS");
	assert_known(place->memo, "damaged", "DAMAGED FACTS");
}

static void a_file_that_is_no_memo_is_a_reason_to_do_without(void **state)
{
	struct place      *place = *state;
	struct memo_config config = {.dir = place->dir};
	char               path[100];

	memo_close(place->memo);
	place->memo = NULL;
	snprintf(path, sizeof(path), "%s/data.mdb", place->dir);
	assert_int_equal(
		file_write_atomic(path, SLICE_LIT("this is no database of LMDB, whatever its name says"), 0600, NULL),
		0);
	assert_null(memo_open_if_can(&config));
	assert_null(memo_layer_begin(NULL));
	assert_null(memo_layer_calls(NULL));
}

/* --- at once --- */

enum { WRITERS = 4, LAYERS_EACH = 60, FILES_EACH = 20 };

/* Layers of files of which half are those of the other writers. Returns how often facts were other than they should be. */
static unsigned write_layers(struct memo *memo, unsigned writer)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < LAYERS_EACH; i++) {
		struct memo_layer *layer = memo_layer_begin(memo);
		struct digest      digest = numbered("layer", writer * LAYERS_EACH + i);
		struct memo_counts counts;

		for (unsigned n = 0; layer && n < FILES_EACH; n++) {
			unsigned      number = n % 2 ? i * FILES_EACH + n : (writer * LAYERS_EACH + i) * 1000 + n;
			struct digest key = numbered("file", number);
			struct buf    out = {.bytes_max = 100};
			int           found = memo_layer_calls(layer)->find(memo_layer_calls(layer)->data, &key, &out);

			wrong += found < 0 || (found && !slice_eq(buf_slice(&out), digest_slice(&key)));
			if (!found)
				memo_layer_calls(layer)->keep(memo_layer_calls(layer)->data, &key, digest_slice(&key));
			buf_deinit(&out);
		}
		memo_layer_end(layer, &digest, &counts);
	}
	return wrong;
}

static void assert_all_written(struct memo *memo)
{
	assert_int_equal(entries(memo), LAYERS_EACH * FILES_EACH / 2 + WRITERS * LAYERS_EACH * FILES_EACH / 2);
}

struct writer {
	struct memo *memo;
	unsigned     number, wrong;
};

static void *write_in_thread(void *data)
{
	struct writer *writer = data;

	writer->wrong = write_layers(writer->memo, writer->number);
	return NULL;
}

static void threads_share_a_memo(void **state)
{
	struct place *place = *state;
	struct writer writers[WRITERS];
	pthread_t     threads[WRITERS];

	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.memo = place->memo, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, write_in_thread, &writers[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(writers[i].wrong, 0);
	}
	assert_all_written(place->memo);
}

static void processes_share_a_memo(void **state)
{
	struct place *place = *state;
	pid_t         children[WRITERS];

	memo_close(place->memo);
	place->memo = NULL;
	for (unsigned i = 0; i < WRITERS; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			struct memo_config config = {.dir = place->dir, .unchecked = true};
			struct memo       *memo;

			_exit(memo_open(&config, &memo, NULL) < 0 || write_layers(memo, i) ? 1 : 0);
		}
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	open_at(place, 0, true);
	assert_all_written(place->memo);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_layer_brought_is_known_to_the_next_and_after_reopening),
		TEST(within_a_layer_the_second_file_is_known_at_once),
		TEST(a_layer_that_did_not_end_cleanly_leaves_nothing),
		TEST(large_facts_are_found_whole_and_too_large_ones_not_kept),
		TEST(a_purge_takes_what_one_layer_brought),
		TEST(layers_that_disagree_about_a_file_make_it_unknown),
		TEST(some_known_files_are_analysed_again),
		TEST(the_file_keeps_its_ceiling_and_what_is_asked_for_stays),
		TEST(a_ceiling_that_is_lowered_is_kept_from_then_on),
		TEST(damaged_entries_are_not_known),
		TEST(a_file_that_is_no_memo_is_a_reason_to_do_without),
		TEST(threads_share_a_memo),
		TEST(processes_share_a_memo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
