/* Listings of a registry: pages, filters, what to do without a catalog. */
#include "lib/check.h"
#include "lib/registry_setup.h"

#include <string.h>

struct found {
	char   text[4096];
	size_t count, stop_after;
};

static int on_found(void *data, const struct reference *reference)
{
	struct found *found = data;
	size_t        used = strlen(found->text);

	snprintf(found->text + used, sizeof(found->text) - used, "%s:%s ", reference->path, reference->tag);
	return ++found->count == found->stop_after ? 7 : 0;
}

static int list(struct setup *s, const char *prefix, const struct listing_filter *filter, struct found *found)
{
	s->where.transport = TRANSPORT_REGISTRY;
	snprintf(s->where.path, sizeof(s->where.path), "%s", prefix);
	found->text[0] = '\0';
	found->count = 0;
	return registry_list(s->client, NULL, &s->where, filter, on_found, found, &s->err);
}

static void listing_follows_pages_and_filters(void **state)
{
	static const char *const links[] = {"{\"repositories\": 10}", "{\"repositories\": 10, \"link\": \"absolute\"}"};
	static const char *const team[] = {"team/*", NULL}, *const candidates[] = {"*-rc*", "*:latest", NULL};
	struct found found = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct setup          s;
		struct listing_filter filter = {.include = team};

		setup_begin(&s, links[i], NULL, NULL);
		assert_int_equal(list(&s, "", NULL, &found), 0);
		assert_int_equal(found.count, 15);
		assert_int_equal(list(&s, "team", NULL, &found), 0);
		assert_string_equal(found.text,
				    "team/app:1.0 team/app:1.10 team/app:1.9 team/app:2.0-rc1 team/app:latest ");
		filter.newest = 2;
		assert_int_equal(list(&s, "", &filter, &found), 0);
		assert_string_equal(found.text, "team/app:latest team/app:2.0-rc1 ");
		filter.exclude = candidates;
		assert_int_equal(list(&s, "", &filter, &found), 0);
		assert_string_equal(found.text, "team/app:1.10 team/app:1.9 ");
		assert_int_equal(list(&s, "tea", NULL, &found), ERR_NOT_FOUND);
		err_clear(&s.err);
		found.stop_after = 3;
		assert_int_equal(list(&s, "", NULL, &found), 7);
		assert_int_equal(found.count, 3);
		found.stop_after = 0;
		setup_end(&s);
	}
}

static void listing_that_leads_astray_is_ended(void **state)
{
	struct setup s;
	struct found found = {0};

	(void)state;
	setup_begin(&s, "{\"link\": \"circle\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_FORMAT);
	assert_contains(s.err.text, "circle");
	setup_end(&s);
	setup_begin(&s, "{\"repositories\": 9, \"link\": \"other_host\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_UNSUPPORTED);
	setup_end(&s);
}

static void refused_catalog_says_what_to_do_instead(void **state)
{
	struct setup s;
	struct found found = {0};

	(void)state;
	setup_begin(&s, "{\"catalog\": \"refused\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_AUTH);
	assert_contains(s.err.text, "--from-file");
	err_clear(&s.err);
	assert_int_equal(list(&s, "team/app", NULL, &found), 0);
	assert_int_equal(found.count, 5);
	setup_end(&s);
}

static void catalog_that_is_no_object_is_refused(void **state)
{
	struct setup s;
	struct found found = {0};

	(void)state;
	setup_begin(&s, "{\"catalog\": \"array\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_FORMAT);
	assert_contains(s.err.text, "not a JSON object");
	setup_end(&s);
}

static void names_that_cannot_be_do_not_spoil_the_list(void **state)
{
	struct setup s;
	struct found found = {0};

	(void)state;
	setup_begin(&s, "{\"catalog\": \"odd\"}", NULL, NULL);
	assert_int_equal(list(&s, "", NULL, &found), ERR_FORMAT);
	assert_contains(s.err.text, "5 of 6 repositories");
	assert_int_equal(found.count, 1 + 5); /* other/odd-tags:good and those of team/app */
	setup_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listing_follows_pages_and_filters),
		cmocka_unit_test(listing_that_leads_astray_is_ended),
		cmocka_unit_test(refused_catalog_says_what_to_do_instead),
		cmocka_unit_test(catalog_that_is_no_object_is_refused),
		cmocka_unit_test(names_that_cannot_be_do_not_spoil_the_list),
	};

	return cmocka_run_group_tests(tests, setup_prepare, setup_clean_up);
}
