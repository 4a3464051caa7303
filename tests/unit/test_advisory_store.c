/* Generations of advisories on disk: what was imported is found, as a whole generation or not at all. */
#include "lib/check.h"

#include "base/arena.h"
#include "base/file.h"
#include "match/advisory_import.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct box {
	char dir[64], db[96];
};

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info, (void)type, (void)walk;
	return remove(path);
}

static int open_box(void **state)
{
	struct box *box = calloc(1, sizeof(*box));

	strcpy(box->dir, "/tmp/varve-advisories-XXXXXX");
	assert_non_null(mkdtemp(box->dir));
	snprintf(box->db, sizeof(box->db), "%s/db", box->dir);
	*state = box;
	return 0;
}

static int close_box(void **state)
{
	struct box *box = *state;

	nftw(box->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(box);
	return 0;
}

static const char *put_file(const struct box *box, const char *name, const char *text)
{
	static char path[256];
	struct err  err = {0};

	snprintf(path, sizeof(path), "%s/%s", box->dir, name);
	assert_int_equal(file_write_atomic(path, slice_str(text), 0644, &err), 0);
	return path;
}

static struct advisory_import_result import(const struct box *box, const char *path, int expected)
{
	struct advisory_import_result result;
	struct err                    err = {0};
	int                           status = advisory_import(box->db, &path, 1, false, NULL, &result, &err);

	if (status != expected)
		print_error("%s\n", err.text);
	assert_int_equal(status, expected);
	return result;
}

#define RECORD(id, modified, package, fixed)                                                                           \
	"{\"id\":\"" id "\",\"modified\":\"" modified "\",\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\","    \
	"\"name\":\"" package                                                                                          \
	"\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"" fixed "\"}]}]}]}"

/* "id fixed,id fixed" of what is found for a Debian:12 package. */
static void found(const struct box *box, const char *name, char *out, size_t size)
{
	struct advisory_store *store = NULL;
	struct advisories     *reader = NULL;
	struct advisory       *list;
	struct arena           arena;
	struct buf             text = {.bytes_max = 4096};
	struct err             err = {0};
	size_t                 count;

	arena_init(&arena, 1 << 20);
	assert_int_equal(advisory_store_open(box->db, &store, &err), 0);
	assert_int_equal(advisory_reader_open(store, &reader, &err), 0);
	assert_int_equal(advisories_find(reader, slice_str("Debian:12"), slice_str(name), &arena, &list, &count, &err),
			 0);
	for (size_t i = 0; i < count; i++) {
		struct osv_query query = {.version = slice_str("0.1")};
		struct osv_hit   hit = {0};

		assert_true(osv_affects(list[i].affected, &query, &hit));
		buf_printf(&text, "%s%.*s %.*s", i ? "," : "", SLICE_FMT(list[i].record->id), SLICE_FMT(hit.fixed));
	}
	snprintf(out, size, "%.*s", (int)text.len, text.len ? (const char *)text.ptr : "");
	buf_deinit(&text);
	advisory_reader_close(reader);
	advisory_store_close(store);
	arena_deinit(&arena);
}

static void what_was_imported_is_found_by_ecosystem_and_name(void **state)
{
	struct box *box = *state;
	char        text[256];

	import(box, put_file(box, "a.json", RECORD("DEBIAN-CVE-2030-1", "2030-01-01T00:00:00Z", "bash", "2")), 0);
	import(box, put_file(box, "b.json", RECORD("DEBIAN-CVE-2030-2", "2030-01-02T00:00:00Z", "bash", "3")), 0);
	found(box, "bash", text, sizeof(text));
	assert_string_equal(text, "DEBIAN-CVE-2030-1 2,DEBIAN-CVE-2030-2 3");
	found(box, "bas", text, sizeof(text));
	assert_string_equal(text, "");
}

static void importing_a_source_again_replaces_all_of_it(void **state)
{
	struct box *box = *state;
	char        text[256];

	import(box, put_file(box, "a.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2")), 0);
	import(box, put_file(box, "b.json", RECORD("X-2", "2030-01-01T00:00:00Z", "bash", "9")), 0);
	import(box, put_file(box, "a.json", RECORD("X-3", "2030-01-02T00:00:00Z", "bash", "3")), 0);
	found(box, "bash", text, sizeof(text));
	assert_string_equal(text, "X-2 9,X-3 3");
}

static void of_one_id_in_two_sources_the_newer_counts(void **state)
{
	struct box *box = *state;
	char        text[256];

	import(box, put_file(box, "a.json", RECORD("CGA-1", "2030-01-01T00:00:00Z", "bash", "2")), 0);
	import(box, put_file(box, "b.json", RECORD("CGA-1", "2030-01-03T00:00:00Z", "bash", "3")), 0);
	import(box, put_file(box, "c.json", RECORD("CGA-1", "2030-01-02T00:00:00Z", "bash", "4")), 0);
	found(box, "bash", text, sizeof(text));
	assert_string_equal(text, "CGA-1 3");
	import(box, put_file(box, "b.json", RECORD("CGA-2", "2030-01-03T00:00:00Z", "zsh", "1")), 0);
	found(box, "bash", text, sizeof(text));
	assert_string_equal(text, "CGA-1 4");
}

static void the_same_content_is_the_same_generation(void **state)
{
	struct box *box = *state;
	const char *path = put_file(box, "a.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2"));
	char        first[ADVISORY_GENERATION_BYTES];

	assert_false(import(box, path, 0).build.unchanged);
	assert_int_equal(advisory_current(box->db, first, NULL), 0);
	assert_true(import(box, path, 0).build.unchanged);
	assert_string_equal(import(box, path, 0).build.generation, first);
}

static void a_broken_record_is_counted_and_the_others_stay(void **state)
{
	struct box                   *box = *state;
	struct advisory_import_result result;
	char                          text[256];

	put_file(box, "folder-is-made-by-the-first-file", "");
	snprintf(text, sizeof(text), "%s/set", box->dir);
	assert_int_equal(file_make_dirs(text, 0755, NULL), 0);
	put_file(box, "set/a.json", "{\"id\": 7}");
	put_file(box, "set/b.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2"));
	put_file(box, "set/readme.txt", "no record");
	result = import(box, text, 0);
	assert_int_equal(result.broken, 1);
	assert_int_equal(result.records, 1);
	found(box, "bash", text, sizeof(text));
	assert_string_equal(text, "X-1 2");
}

static void links_that_lead_nowhere_or_back_stop_no_folder(void **state)
{
	struct box *box = *state;
	char        set[128], link[160];

	snprintf(set, sizeof(set), "%s/set", box->dir);
	assert_int_equal(file_make_dirs(set, 0755, NULL), 0);
	put_file(box, "set/b.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2"));
	snprintf(link, sizeof(link), "%s/a.json", set);
	assert_int_equal(symlink("nowhere.json", link), 0);
	snprintf(link, sizeof(link), "%s/loop", set);
	assert_int_equal(symlink("..", link), 0);
	assert_int_equal(import(box, set, 0).broken, 1);
	snprintf(link, sizeof(link), "%s/fifo", box->dir);
	assert_int_equal(mkfifo(link, 0600), 0);
	import(box, link, ERR_FORMAT);
}

static void an_import_that_fails_leaves_the_current_generation(void **state)
{
	struct box *box = *state;
	char        before[ADVISORY_GENERATION_BYTES], after[ADVISORY_GENERATION_BYTES], text[256];

	import(box, put_file(box, "a.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2")), 0);
	assert_int_equal(advisory_current(box->db, before, NULL), 0);
	import(box, "/nowhere/at-all.json", ERR_NOT_FOUND);
	import(box, put_file(box, "cut.zip", "PK\003\004 and no more"), ERR_FORMAT);
	import(box, put_file(box, "a.json", "<html>please log in</html>"), ERR_FORMAT);
	import(box, put_file(box, "a.zip", ""), ERR_FORMAT);
	assert_int_equal(advisory_current(box->db, after, NULL), 0);
	assert_string_equal(before, after);
	found(box, "bash", text, sizeof(text));
	assert_string_equal(text, "X-1 2");
}

static void two_imports_at_once_are_refused(void **state)
{
	struct box            *box = *state;
	struct advisory_build *build = NULL;
	struct err             err = {0};

	assert_int_equal(advisory_build_begin(box->db, &build, &err), 0);
	import(box, put_file(box, "a.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2")), ERR_BUSY);
	advisory_build_abort(build);
	import(box, put_file(box, "a.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2")), 0);
}

static void nothing_imported_yet_is_not_found(void **state)
{
	struct box            *box = *state;
	struct advisory_store *store;

	assert_int_equal(advisory_store_open(box->db, &store, NULL), ERR_NOT_FOUND);
}

static void a_feed_knows_its_records_and_its_date(void **state)
{
	struct box            *box = *state;
	struct advisory_store *store = NULL;
	struct advisories     *reader = NULL;
	struct advisory_feed   feed;

	import(box, put_file(box, "a.json", RECORD("X-1", "2030-01-01T00:00:00Z", "bash", "2")), 0);
	import(box, put_file(box, "b.json", RECORD("X-2", "2030-02-01T00:00:00Z", "zsh", "2")), 0);
	import(box, put_file(box, "c.json", RECORD("X-3", "yesterday", "dash", "2")), 0);
	assert_int_equal(advisory_store_open(box->db, &store, NULL), 0);
	assert_int_equal(advisory_reader_open(store, &reader, NULL), 0);
	assert_true(advisories_feed(reader, slice_str("Debian:12"), &feed));
	assert_int_equal(feed.records, 3);
	assert_int_equal(feed.unfixed, 0);
	assert_slice_equal(feed.date, "2030-02-01T00:00:00Z");
	assert_slice_equal(reader->date, "2030-02-01T00:00:00Z");
	assert_false(advisories_feed(reader, slice_str("Debian"), NULL));
	advisory_reader_close(reader);
	advisory_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_imported_is_found_by_ecosystem_and_name, open_box, close_box),
		cmocka_unit_test_setup_teardown(importing_a_source_again_replaces_all_of_it, open_box, close_box),
		cmocka_unit_test_setup_teardown(of_one_id_in_two_sources_the_newer_counts, open_box, close_box),
		cmocka_unit_test_setup_teardown(the_same_content_is_the_same_generation, open_box, close_box),
		cmocka_unit_test_setup_teardown(a_broken_record_is_counted_and_the_others_stay, open_box, close_box),
		cmocka_unit_test_setup_teardown(links_that_lead_nowhere_or_back_stop_no_folder, open_box, close_box),
		cmocka_unit_test_setup_teardown(an_import_that_fails_leaves_the_current_generation, open_box,
						close_box),
		cmocka_unit_test_setup_teardown(two_imports_at_once_are_refused, open_box, close_box),
		cmocka_unit_test_setup_teardown(nothing_imported_yet_is_not_found, open_box, close_box),
		cmocka_unit_test_setup_teardown(a_feed_knows_its_records_and_its_date, open_box, close_box),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
