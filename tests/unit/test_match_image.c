/* Matching whole images: the cases below data/match, with their own records; those below data/match/real with the
 * shared advisories where they are there. A case: "== title", lines of lib/match_case.h, "--", what is expected. */
#include "lib/check.h"
#include "lib/match_case.h"

#include "base/file.h"
#include "match/advisory_import.h"
#include "match/advisory_store.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool as_expected(const struct match_case *c, struct slice title, struct slice expected)
{
	struct buf printed;
	bool       same;

	buf_init(&printed, 16 << 20);
	match_case_print(c, &printed);
	same = slice_eq(buf_slice(&printed), expected);
	if (!same)
		printf("%.*s\n--- expected\n%.*s--- got\n%.*s---\n", SLICE_FMT(title), SLICE_FMT(expected),
		       SLICE_FMT(buf_slice(&printed)));
	buf_deinit(&printed);
	return same;
}

/* The part of a case up to "--" goes to the image; returns what follows up to the next case. */
static struct slice read_case(struct match_case *c, struct slice *rest)
{
	struct slice expected;
	size_t       end;

	while (rest->len) {
		struct slice line = slice_cut(rest, '\n');

		if (slice_eq_str(line, "--"))
			break;
		if (line.len && line.ptr[0] != '#' && !match_case_line(c, line))
			fail_msg("unknown line: %.*s", SLICE_FMT(line));
	}
	end = slice_find_str(*rest, "\n== ");
	expected = slice_sub(*rest, 0, end == SIZE_MAX ? end : end + 1);
	*rest = slice_from(*rest, expected.len);
	return expected;
}

struct tally {
	size_t cases, wrong;
};

static void run_cases(const char *path, const struct advisories *advisories, struct tally *tally)
{
	struct buf   text;
	struct slice rest;

	buf_init(&text, 16 << 20);
	assert_int_equal(file_read(path, &text, NULL), 0);
	rest = buf_slice(&text);
	while (rest.len) {
		struct slice      title = slice_cut(&rest, '\n');
		struct match_case c;
		struct slice      expected;

		if (!slice_starts(title, "== "))
			continue;
		match_case_init(&c);
		expected = read_case(&c, &rest);
		match_case_run(&c, advisories);
		tally->wrong += !as_expected(&c, title, expected);
		tally->cases++;
		match_case_deinit(&c);
	}
	buf_deinit(&text);
}

static size_t run_folder(const char *folder, const struct advisories *advisories)
{
	DIR           *dir = opendir(folder);
	struct dirent *entry;
	char           path[1024];
	struct tally   tally = {0};

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (!slice_ends(slice_str(entry->d_name), ".case"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		run_cases(path, advisories, &tally);
	}
	closedir(dir);
	assert_int_equal(tally.wrong, 0);
	return tally.cases;
}

static void images_have_what_applies_to_them(void **state)
{
	(void)state;
	assert_true(run_folder(TEST_DATA_DIR "/match", NULL) > 30);
}

static void remove_folder(const char *path)
{
	DIR           *dir = opendir(path);
	struct dirent *entry;
	char           inside[1024];

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
		if (unlink(inside))
			remove_folder(inside);
	}
	if (dir)
		closedir(dir);
	(void)rmdir(path);
}

/* Through the store, so that its look-ups are held to the same cases. */
static void real_images_have_what_applies_to_them(void **state)
{
	static const char *const      FEEDS[] = {SHARED_DATA_DIR "/osv/Alpine/all.zip",
						 SHARED_DATA_DIR "/osv/Debian/all.zip",
						 SHARED_DATA_DIR "/osv/AlmaLinux/all.zip"};
	struct advisory_import_result imported;
	struct advisory_store        *store = NULL;
	struct advisories            *advisories = NULL;
	struct err                    err = {0};
	char                          dir[] = "/tmp/varve-test-match-XXXXXX";

	(void)state;
	if (access(FEEDS[0], R_OK)) {
		printf("SKIP real_images_have_what_applies_to_them: needs ../shared/data\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	if (advisory_import(dir, FEEDS, 3, true, NULL, &imported, &err) || advisory_store_open(dir, &store, &err) ||
	    advisory_reader_open(store, &advisories, &err))
		fail_msg("%s", err.text);
	assert_int_equal(imported.broken, 0);
	assert_true(run_folder(TEST_DATA_DIR "/match/real", advisories) >= 6);
	advisory_reader_close(advisories);
	advisory_store_close(store);
	remove_folder(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_have_what_applies_to_them),
		cmocka_unit_test(real_images_have_what_applies_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
