/* Places: what an image is beside the last one of its place, and places that are retired and come back. */
#include "lib/check.h"
#include "lib/store_place.h"

#include <string.h>

static uint64_t add_job(struct catalog *catalog, const char *token)
{
	struct job_record job = {.platform = SLICE_LIT("linux/amd64")};

	memcpy(job.token, token, strlen(token));
	assert_int_equal(catalog_job_new(catalog, &job, NULL), 0);
	return job.job;
}

/* In a job of its own. */
static uint64_t see(struct catalog *catalog, const char *place, const char *record, bool failed, uint64_t set)
{
	static char      token[2] = "A";
	struct job_image image = {.image = slice_str(record), .failed = failed, .set = set};
	uint64_t         job;
	bool             added;

	token[0]++;
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	job = add_job(catalog, token);
	assert_int_equal(catalog_image_add(catalog, job, &image, slice_str(place), &added, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	return job;
}

static enum image_news news(struct catalog *catalog, uint64_t job)
{
	struct job_image image;
	struct arena     arena;
	enum image_news  out;

	arena_init(&arena, 1 << 20);
	assert_int_equal(catalog_image_get(catalog, job, 0, &arena, &image, NULL), 0);
	out = image.news;
	arena_deinit(&arena);
	return out;
}

static int first_of_all(void *data, const struct catalog_latest *latest)
{
	*(struct catalog_latest *)data = *latest;
	return 1;
}

static bool find(struct catalog *catalog, enum latest_which which, struct catalog_latest *out)
{
	return catalog_latest_each(catalog, which, first_of_all, out, NULL) == 1;
}

static void what_is_new_is_told_by_the_last_image_of_the_same_place(void **state)
{
	struct catalog *catalog = place_open_catalog(*state, false);

	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "one", false, 1)), IMAGE_NEW);
	assert_int_equal(news(catalog, see(catalog, "docker://b linux/amd64", "one", false, 1)), IMAGE_NEW);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/arm64", "one", false, 1)), IMAGE_NEW);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "one", false, 1)), IMAGE_UNCHANGED);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "two", false, 1)), IMAGE_CHANGED);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "two", false, 2)), IMAGE_CHANGED);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "two", true, 2)), IMAGE_CHANGED);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "two", true, 2)), IMAGE_CHANGED);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "two", false, 2)), IMAGE_CHANGED);
	assert_int_equal(news(catalog, see(catalog, "docker://a linux/amd64", "two", false, 2)), IMAGE_UNCHANGED);
	catalog_close(catalog);
}

static void images_that_are_no_news_are_passed_over(void **state)
{
	struct catalog  *catalog = place_open_catalog(*state, false);
	struct job_image image = {.image = SLICE_LIT("same")};
	uint64_t         job, number;
	bool             added;

	see(catalog, "old", "same", false, 0);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	job = add_job(catalog, "z");
	for (; image.number < 4; image.number++) {
		const char *const places[] = {"old", "new", "old too", "newer"};

		if (image.number == 2)
			image.image = SLICE_LIT("other");
		assert_int_equal(catalog_image_add(catalog, job, &image,
						   slice_str(image.number == 2 ? "old" : places[image.number]), &added,
						   NULL),
				 0);
	}
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_image_news_next(catalog, job, 0, 4, &number, NULL), 0);
	assert_int_equal(number, 1);
	assert_int_equal(catalog_image_news_next(catalog, job, 2, 4, &number, NULL), 0);
	assert_int_equal(number, 2); /* another one than the first of this very job */
	assert_int_equal(catalog_image_news_next(catalog, job, 0, 1, &number, NULL), ERR_NOT_FOUND);
	assert_int_equal(catalog_image_news_next(catalog, job, 4, 4, &number, NULL), ERR_NOT_FOUND);
	catalog_close(catalog);
}

static void retired_place_is_left_out_until_it_is_seen_again(void **state)
{
	struct catalog       *catalog = place_open_catalog(*state, false);
	struct catalog_latest before = {0}, found = {0};
	uint64_t              job = see(catalog, "docker://a linux/amd64", "one", false, 1);

	assert_true(find(catalog, LATEST_PRESENT, &found));
	assert_int_equal(found.job, job);
	assert_true(found.seen_ms > 0);
	before = (struct catalog_latest){.place = SLICE_LIT("docker://a linux/amd64"), .job = job};
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_latest_retire(catalog, &before, 77, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_false(find(catalog, LATEST_PRESENT, &found));
	assert_true(find(catalog, LATEST_RETIRED, &found));
	assert_int_equal(found.retired_job, 77);
	assert_true(find(catalog, LATEST_ALL, &found));

	job = see(catalog, "docker://a linux/amd64", "one", false, 1);
	assert_int_equal(news(catalog, job), IMAGE_NEW);
	assert_true(find(catalog, LATEST_PRESENT, &found));
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_latest_retire(catalog, &before, 77, NULL), 0); /* it was seen meanwhile */
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_true(find(catalog, LATEST_PRESENT, &found));
	catalog_close(catalog);
}

static void listing_that_has_ended_is_kept_until_its_walk_has(void **state)
{
	struct catalog *catalog = place_open_catalog(*state, false);
	struct buf      from;
	uint64_t        job, number;

	buf_init(&from, 100);
	assert_int_equal(catalog_retiring_first(catalog, &job, &number, &from, NULL), ERR_NOT_FOUND);
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_retiring_put(catalog, 4, 2, SLICE_EMPTY, NULL), 0);
	assert_int_equal(catalog_retiring_put(catalog, 3, 9, SLICE_LIT("here"), NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_retiring_first(catalog, &job, &number, &from, NULL), 0);
	assert_int_equal(job, 3);
	assert_int_equal(number, 9);
	assert_slice_equal(buf_slice(&from), "here");
	assert_int_equal(catalog_begin(catalog, NULL), 0);
	assert_int_equal(catalog_retiring_end(catalog, 3, 9, NULL), 0);
	assert_int_equal(catalog_commit(catalog, NULL), 0);
	assert_int_equal(catalog_retiring_first(catalog, &job, &number, &from, NULL), 0);
	assert_int_equal(job, 4);
	buf_deinit(&from);
	catalog_close(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_new_is_told_by_the_last_image_of_the_same_place, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(images_that_are_no_news_are_passed_over, place_set_up, place_tear_down),
		cmocka_unit_test_setup_teardown(retired_place_is_left_out_until_it_is_seen_again, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(listing_that_has_ended_is_kept_until_its_walk_has, place_set_up,
						place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
